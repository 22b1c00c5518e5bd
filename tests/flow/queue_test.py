# SPDX-License-Identifier: MIT
"""The queue: each way that a job may go, whom it runs as, and that nothing is
lost and nothing done twice while workers and Postgres are killed and stopped."""

import json
import os
import shutil
import signal
import sys
import threading
import time

import system as sut
import tap
import worker
from tap import case, same
from worker import (Sampler, Session, Worker, Writer, conservation, drained,
                    job, leave, numbers, states, verdict)

# A stalled worker is found out within a second.
QUICK = {"work_lease_ms": 1000, "work_beat_ms": 300}
NUMBERS = iter(range(10000, 1000000, 10000))


@case
def letters(s):
    """A letter that is sent is written by the worker, as whoever sent it, at
    once and not at the next poll."""
    token = s.token("authenticated", sut.ALICE)
    with Writer(s), Worker(s, "letters", work_poll_ms=60000):
        # The first looks of all threads are over.
        time.sleep(0.2)
        letter = s.curl("POST", "/api/letters", token, sut.NEW_LETTER).data
        began = time.monotonic()
        s.curl("POST", f"/api/letters/{letter['id']}/send", token, {}).data
        tap.wait_for(lambda: s.get(f"/api/letters/{letter['id']}",
                                   token).data["status"] == "ready",
                     "the letter to be ready")
        print(f"# ready after {time.monotonic() - began:.3f} s")
    told = s.get(f"/api/letters/{letter['id']}", token).data
    same(told["content"].startswith("Dear Ada Byron,"), True, told["content"])


@case
def recall(s):
    """A letter is recalled while nobody has its job, which is then cancelled;
    not once it is being written."""
    token = s.token("authenticated", sut.ALICE)
    letter = s.curl("POST", "/api/letters", token, sut.NEW_LETTER).data
    s.curl("POST", f"/api/letters/{letter['id']}/send", token, {}).data
    of_letter = ("from lockstep.jobs where args ->> 'letter_id' = "
                 f"'{letter['id']}'")
    back = s.curl("POST", f"/api/letters/{letter['id']}/recall", token)
    same(back.data["status"], "draft")
    same(s.cluster.psql("select state, reason, finalized_at is not null "
                        + of_letter), "cancelled|cancelled|t")
    s.curl("POST", f"/api/letters/{letter['id']}/send", token, {}).data
    s.cluster.psql("update lockstep.jobs set state = 'running', lease_token = "
                   "1, lease_until = now() + interval '1 hour' where state = "
                   f"'available' and id = (select max(id) {of_letter})")
    refused = s.curl("POST", f"/api/letters/{letter['id']}/recall", token)
    same(refused.error["code"], "letter_in_writing")
    s.cluster.psql("update lockstep.jobs set state = 'available', lease_token "
                   "= null, lease_until = null where lease_token = 1")
    # Nobody writes it: no worker is to try.
    same(s.curl("POST", f"/api/letters/{letter['id']}/recall", token
                ).data["status"], "draft")


@case
def enqueuer(s):
    """A job runs with the claims and the role of whoever left it: another's
    rows are not there for it, and what it makes is theirs."""
    letter = s.cluster.psql("select id from app.letters where status = "
                            f"'draft' and owner_id = '{sut.ALICE}' limit 1")
    n = next(NUMBERS)
    by_bob = leave(s, "test.touch", {"letter_id": letter}, sut.BOB)
    by_alice = leave(s, "test.touch", {"letter_id": letter}, sut.ALICE)
    effect = leave(s, "test.effect", numbers(n, 1), sut.BOB)
    server = leave(s, "test.server", numbers(n + 1, 1), sut.BOB)
    with Worker(s, "enqueuer"):
        drained(s, by_bob + by_alice + effect + server)
    same(job(s, by_bob[0], "state, reason, errors -> 0 ->> 'code'"),
         "dead|exhausted|LS904")
    same(job(s, by_alice[0], "state"), "done")
    same(s.cluster.psql("select owner_id, role from app.effects where n in "
                        f"({n}, {n + 1}) order by n"),
         f"{sut.BOB}|authenticated\n{sut.BOB}|service_role")


@case
def in_the_transaction(s):
    """A job is there if and only if its transaction has committed, and nobody
    leaves one in another's name."""
    before = s.cluster.psql("select count(*) from lockstep.jobs")
    s.cluster.psql("begin; select lockstep.enqueue('test.effect', "
                   "'{\"n\": 1}'); rollback")
    same(s.cluster.psql("select count(*) from lockstep.jobs"), before)
    same(conservation(s), 0)
    done = s.cluster.psql(
        "set role lockstep_logic; insert into lockstep.jobs (kind, claims) "
        "values ('test.effect', '{\"sub\": \"x\"}')", check=False)
    same(done, "", "a job in another's name")
    same(s.cluster.psql("select count(*) from lockstep.jobs where claims ->> "
                        "'sub' = 'x'"), "0")


@case
def failures(s):
    """What fails is tried again, later each time, until it is exhausted; what
    is permanent is not; then the kind's last function is called. No effect of
    a failed try stays, and no word of the function is kept."""
    permanent = leave(s, "test.fail", {"n": 1})
    exhausted = leave(s, "test.fail", {"n": 2})
    stubborn = leave(s, "test.fail", {"n": 3})
    with Worker(s, "failures") as w:
        drained(s, permanent + exhausted + stubborn)
        same(len(list(w.events("job_dead_failed"))), 1, "last functions")
    shape = "state, reason, attempt, jsonb_array_length(errors)"
    same(job(s, permanent[0], shape), "dead|permanent|1|1")
    same(job(s, exhausted[0], shape), "dead|exhausted|3|3")
    same(job(s, stubborn[0], shape), "dead|exhausted|3|3")
    same(s.cluster.psql("select n from app.effects where n < 2000 order by n"),
         "1001\n1002")
    same("secret" in job(s, exhausted[0], "errors"), False, "words kept")
    gaps = job(s, exhausted[0], "(errors -> 2 ->> 'at')::timestamptz - "
               "(errors -> 0 ->> 'at')::timestamptz > interval '40 ms'")
    same(gaps, "t", "pauses")


@case
def invalid(s):
    """Arguments that break the schema, and a role that the contract does not
    list, end a job at once, and nothing runs."""
    bad = leave(s, "test.effect", [{"n": "x"}, {}, {"n": 1, "m": 2}])
    s.cluster.psql("insert into lockstep.jobs (kind, args, role) values "
                   "('test.effect', '{\"n\": 99}', 'lockstep_logic'), "
                   "('test.effect', '{\"n\": 99}', null)")
    more = [int(i) for i in s.cluster.psql(
        "select id from lockstep.jobs where args = '{\"n\": 99}'").split()]
    with Worker(s, "invalid"):
        drained(s, bad + more)
    same(states(s, bad + more), {"dead": 5})
    same(job(s, bad[0], "reason, errors -> 0 ->> 'code'"), "invalid|invalid")
    same(job(s, more[0], "reason, errors -> 0 ->> 'code'"),
         "invalid|forbidden")
    same(verdict(s, [99])["lost"], [99])


@case
def timeout(s):
    """A job that takes longer than its kind may is stopped, and nothing of it
    stays."""
    n = next(NUMBERS)
    ids = leave(s, "test.short", {"n": n, "ms": 5000})
    with Worker(s, "timeout"):
        drained(s, ids)
    same(job(s, ids[0], "reason, errors -> 0 ->> 'code'"),
         "exhausted|timeout")
    same(verdict(s, [n])["lost"], [n])


@case
def scheduled(s):
    """A job for later runs when it is due: not before, and no second after."""
    def late():
        n = next(NUMBERS)
        [number] = leave(s, "test.effect", numbers(n, 1),
                         more=", run_at => now() + interval '1500 ms'")
        drained(s, [number])
        after = float(s.cluster.psql(
            "select extract(epoch from e.at - j.created_at) from app.effects "
            f"e, lockstep.jobs j where e.n = {n} and j.id = {number}"))
        print(f"# after {after:.3f} s")
        same(after >= 1.5, True, f"{after} s")
        return after
    [first] = leave(s, "test.effect", numbers(next(NUMBERS), 1),
                    more=", run_at => now() + interval '1 hour'")
    same(job(s, first, "state"), "scheduled")
    with Worker(s, "scheduled", work_poll_ms=60000):
        # A machine that is busy may be late itself.
        tap.wait_for(lambda: late() < 2.5, "a job that is not late", 60)
    same(job(s, first, "state"), "scheduled")


@case
def unique(s):
    """Of jobs with a key one is unfinished at a time, whoever is first among
    many at once; when it is over there may be another."""
    n = next(NUMBERS)
    key = f", unique_key => 'k{n}'"
    got = []

    def one():
        got.extend(leave(s, "test.effect", numbers(n, 1), more=key))
    many = [threading.Thread(target=one) for _ in range(12)]
    for t in many:
        t.start()
    for t in many:
        t.join()
    same((len(got), len(set(got))), (12, 1), "ids")
    same(leave(s, "test.effect", numbers(n, 1), sut.BOB, more=key), [],
         "another subject's id")
    with Worker(s, "unique"):
        drained(s, got[:1])
        again = leave(s, "test.effect", numbers(n, 1), more=key)
        same(again == got[:1], False, "a new one")
        drained(s, again)
    same(s.cluster.psql(f"select count(*) from app.effects where n = {n}"),
         "2")


@case
def serial(s):
    """Jobs with one serial key run one after the other and in their order, by
    any number of workers, held or leased; a failed one is waited for."""
    n = next(NUMBERS)
    key = f", serial_key => 's{n}'"
    ids = []
    for i in range(24):
        kind, args = [("test.effect", {"n": n + i}),
                      ("test.leased", {"n": n + i}),
                      ("test.slow", {"n": n + i, "ms": 20})][i % 3]
        if i == 10:
            kind, args = "test.fail", {"n": 4}
        ids += leave(s, kind, args, more=key)
    with Worker(s, "serial-a", **QUICK), Worker(s, "serial-b", **QUICK):
        began = time.monotonic()
        drained(s, ids)
        print(f"# {len(ids)} in {time.monotonic() - began:.1f} s")
    same(states(s, ids), {"done": 23, "dead": 1})
    out = s.cluster.psql(
        "select n, began_at < lag(at) over (order by at) from app.effects "
        f"where n between {n} and {n + 99} order by at").splitlines()
    same([int(line.split("|")[0]) for line in out],
         [n + i for i in range(24) if i != 10])
    same([line for line in out if line.endswith("|t")], [], "overlaps")
    same(job(s, ids[10], "finalized_at") < job(s, ids[11], "finalized_at"),
         True, "after the dead one")


@case
def backlog(s):
    """Of a serial key three jobs at most are looked at by claims, however many
    there are; they run in their order, and the figures count them all."""
    n = next(NUMBERS)
    ids = leave(s, "test.effect", numbers(n, 300), more=f", serial_key => 'b{n}'")
    free = leave(s, "test.effect", numbers(n + 500, 2))
    ready = (f"select count(*) from lockstep.jobs where id >= {ids[0]} and "
             "state = 'available' and not blocked")
    same(s.cluster.psql(ready), "5")
    same(s.cluster.psql("select n from lockstep.job_census('available', 1000) "
                        "where kind = 'test.effect'"), "302")
    same(s.cluster.psql("select depth from lockstep.pressure('{q}', "
                        "'{test.effect}', 1000)"), "302")
    with Worker(s, "backlog-a"), Worker(s, "backlog-b"):
        drained(s, free + ids)
    same(states(s, ids + free), {"done": 302})
    same(s.cluster.psql(f"select array_agg(n order by at) = array_agg(n order "
                        f"by n) from app.effects where n between {n} and "
                        f"{n + 299}"), "t", "in their order")
    same(s.cluster.psql("select count(*) from lockstep.jobs where blocked"),
         "0")


@case
def idle(s):
    """A worker that has nothing to do leaves the database in peace: it asks a
    few times a second."""
    asked = ("select sum(calls) from pg_stat_user_functions where funcname in "
             "('job_take', 'job_promote')")
    s.cluster.psql("alter database lockstep set track_functions = 'pl'")
    s.cluster.psql("update lockstep.jobs set state = 'cancelled', reason = "
                   "'cancelled', finalized_at = now() where state = "
                   "'scheduled'")
    with Worker(s, "idle"), Session(s) as eye:
        tap.wait_for(lambda: float(eye.ask(asked) or 0) > 4, "a beginning")

        def rate():
            before, began = float(eye.ask(asked)), time.monotonic()
            tap.wait_for(lambda: float(eye.ask(asked)) > before + 20,
                         "questions", 60)
            found = (float(eye.ask(asked)) - before) / (time.monotonic() -
                                                        began)
            print(f"# {found:.1f} a second")
            return found
        # A session tells of its first questions some seconds later.
        tap.wait_for(lambda: rate() < 20, "less than 20 a second", 60)
    s.cluster.psql("alter database lockstep reset track_functions")


@case
def turns(s):
    """A job that waits for its key's turn is not old: only what could run is."""
    n = next(NUMBERS)
    ids = leave(s, "test.effect", numbers(n, 3), more=f", serial_key => 't{n}'")
    s.cluster.psql(f"update lockstep.jobs set run_at = now() + case when id = "
                   f"{ids[0]} then interval '1 hour' else '-1 hour' end, state "
                   f"= case when id = {ids[0]} then 'scheduled' else state end "
                   f"where id = any(array{ids})")
    ages = ("select coalesce(age_ms, 0) / 1000 < {0}, coalesce("
            "lockstep.oldest_job('test.effect'), 0) < {0}, coalesce(now() - "
            "oldest, '0') < interval '{0} s' from lockstep.pressure('{{q}}', "
            "'{{test.effect}}', 1000), lockstep.job_census('available', 1000) "
            "where kind = 'test.effect'")
    same(s.cluster.psql(ages.format(1800)), "t|t|t", "none could run")
    free = leave(s, "test.effect", numbers(n + 3, 1))
    s.cluster.psql("update lockstep.jobs set run_at = now() - interval '40 min'"
                   f" where id = {free[0]}")
    same(s.cluster.psql(ages.format(1800)), "f|f|f", "one could")
    same(s.cluster.psql(ages.format(3000)), "t|t|t", "one could")
    s.cluster.psql("update lockstep.jobs set run_at = now(), state = "
                   f"'available' where id = {ids[0]}")
    with Worker(s, "turns"):
        drained(s, ids + free)


@case
def never(s):
    """A job is for a time; one that is for none, however it came, keeps nothing
    else waiting."""
    for when in ("infinity", "-infinity"):
        same(leave(s, "test.effect", numbers(1, 1), check=False,
                   more=f", run_at => '{when}'"), [], when)
    n = next(NUMBERS)
    lost = leave(s, "test.effect", numbers(n, 1),
                 more=", run_at => now() + interval '1 hour'")
    s.cluster.psql("update lockstep.jobs set run_at = 'infinity' where id = "
                   f"{lost[0]}")
    ids = leave(s, "test.effect", numbers(n + 1, 1),
                more=", run_at => now() + interval '300 ms'")
    with Worker(s, "never") as w:
        drained(s, ids)
        s.cluster.psql("update lockstep.job_counted set counted_at = "
                       "'-infinity'")
        same(s.cluster.psql("select count(*), max(oldest) from lockstep."
                            "job_count(1000) where state = 'scheduled' and "
                            "kind = 'test.effect'"), "1|")
        same(list(w.events("tend")), [], "failures")
    s.cluster.psql("update lockstep.jobs set state = 'cancelled', reason = "
                   f"'cancelled', finalized_at = now() where id = {lost[0]}")


@case
def a_look_at_turns_has_a_bound(s):
    """Many keys whose first job waits cost a look no more than so many do."""
    s.cluster.psql(
        "alter table lockstep.jobs disable trigger user; insert into "
        "lockstep.jobs (kind, args, claims, role, state, run_at, serial_key) "
        "select 'test.other', '{\"n\": 1}', '{}', 'service_role', case i % 3 "
        "when 0 then 'scheduled' else 'available' end, now() + interval "
        "'1 hour' * case i % 3 when 0 then 1 else -1 end, 'm' || i / 3 from "
        "generate_series(0, 299999) i order by i; "
        "alter table lockstep.jobs enable trigger user")
    s.cluster.psql("vacuum analyze lockstep.jobs")
    plan = json.loads(s.cluster.psql(
        "set role lockstep; explain (analyze, buffers, format json) select * "
        "from lockstep.pressure('{q}', '{test.other}', 100)"))[0]
    buffers = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"][
        "Shared Read Blocks"]
    print(f"# a look at 300,000 jobs: {plan['Execution Time']:.0f} ms, "
          f"{buffers} buffers")
    s.cluster.psql("alter table lockstep.jobs disable trigger user; delete from "
                   "lockstep.jobs where kind = 'test.other' and serial_key "
                   "like 'm%'; alter table lockstep.jobs enable trigger user")
    same(conservation(s), 0)
    assert buffers < 150000, buffers


@case
def overtaken(s):
    """A job whose transaction is open while all before it end is blocked by
    none of them: it runs soon after its commit."""
    n = next(NUMBERS)
    key = f", serial_key => 'o{n}'"
    ids = leave(s, "test.effect", numbers(n, 3), more=key)
    claims = json.dumps({"sub": sut.ALICE, "role": "authenticated"})
    with Session(s) as late:
        late.ask("begin; select set_config('request.jwt.claims', "
                 f"'{claims}', true) is null, set_config('role', "
                 "'authenticated', true) is null")
        last = int(late.ask("select lockstep.enqueue('test.effect', "
                            f"'{{\"n\": {n + 3}}}'{key})"))
        with Worker(s, "overtaken") as w:
            drained(s, ids)
            same(late.ask("reset role; select blocked from lockstep.jobs "
                          f"where id = {last}"), "t", "blocked")
            late.ask("commit; select 1")
            # A look that took long is not made again soon.
            drained(s, [last], 180)
            tap.wait_for(lambda: list(w.events("unblocked")), "the log")
    same(states(s, ids + [last]), {"done": 4})
    same(verdict(s, range(n, n + 4)), {"lost": [], "twice": []})


@case
def batches(s):
    """Many jobs go in one transaction; when one of them fails the others are
    done all the same, each once, and those of many callers as their own."""
    n = next(NUMBERS)
    ids = leave(s, "test.batch", numbers(n, 120))
    bad = leave(s, "test.batch", {"n": n + 500}, "not-a-uuid")
    ids += leave(s, "test.batch", numbers(n + 200, 120), sut.BOB)
    with Worker(s, "batches") as w:
        drained(s, ids + bad)
        same(len(list(w.events("batch_failed"))) > 0, True, "a batch failed")
    same(states(s, ids), {"done": 240})
    same(job(s, bad[0], "state, reason"), "dead|exhausted")
    same(verdict(s, [n + i for i in range(120)]
                 + [n + 200 + i for i in range(120)]),
         {"lost": [], "twice": []})
    same(s.cluster.psql("select owner_id, count(*) from app.effects where n "
                        f"between {n} and {n + 499} group by 1 order by 1"),
         f"{sut.ALICE}|120\n{sut.BOB}|120")


def leave_and_call(s, *what, **more):
    """As the API does, which calls the workers after its commit."""
    ids = leave(s, *what, **more)
    s.cluster.psql("notify lockstep_jobs")
    return ids


@case
def successors(s):
    """Of a key each is followed by the next at once, though nobody looks by the
    clock; also by one that came, and was looked at, while it ran."""
    n = next(NUMBERS)
    key = f", serial_key => 'n{n}'"

    def at_the_door():
        return s.cluster.psql(
            "select count(*) from pg_locks where locktype = 'advisory' and "
            "objid = 4712 and not granted")

    with Worker(s, "successors", "--queue", "pause", work_poll_ms=60000), \
            Session(s) as door:
        drained(s, leave_and_call(s, "test.pause", numbers(n, 20), more=key),
                20)
        door.ask("select pg_advisory_lock(4712)")
        ids = leave_and_call(s, "test.pause", numbers(n + 20, 1), more=key)
        tap.wait_for(lambda: at_the_door() == "1", "the first")
        ids += leave_and_call(s, "test.pause", numbers(n + 21, 1), more=key)
        # Whoever has this one has seen that one, and not taken it.
        ids += leave_and_call(s, "test.pause", numbers(n + 22, 1))
        tap.wait_for(lambda: at_the_door() == "2", "the one without a key")
        door.ask("select pg_advisory_unlock(4712)")
        drained(s, ids, 20)
    same(verdict(s, range(n, n + 23)), {"lost": [], "twice": []})


@case
def in_the_way(s):
    """Who looks with a snapshot of before the end of a job, and has its key when
    the next of that key is looked for, lets go of it and sees to the next."""
    n = next(NUMBERS)
    right = s.cluster.psql("select pg_get_functiondef('lockstep.job_turn(text, "
                           "bigint)'::regprocedure)")

    def waiting(gate):
        return s.cluster.psql(
            "select count(*) from pg_locks where locktype = 'advisory' and "
            f"objid = {gate} and not granted")

    def at_work():
        return s.cluster.psql(
            "select count(*) from pg_stat_activity where state = 'active' and "
            "usename = 'lockstep_worker'")

    with Worker(s, "in-the-way", "--queue", "pause", work_poll_ms=60000,
                lock_timeout_ms=30000, statement_timeout_ms=30000), \
            Session(s) as gate:
        gate.ask("select pg_advisory_lock(4712)")
        ids = leave_and_call(s, "test.pause", numbers(n, 2),
                             more=f", serial_key => 'n{n}'")
        tap.wait_for(lambda: waiting(4712) == "1", "the first")
        for before in 4713, 4714, 4715:
            gate.ask(f"select pg_advisory_lock({before})")
        wait = "perform pg_advisory_xact_lock_shared("
        s.cluster.psql(right.replace(
            "begin", f"begin if job = {ids[0]} then {wait}4713); else "
            f"{wait}4715); end if;", 1).replace(
            "return false;\n\tend if;", "return false; end if; if job = "
            f"{ids[0]} then {wait}4714); end if;", 1))
        try:
            s.cluster.psql("notify lockstep_jobs")
            tap.wait_for(lambda: waiting(4713) != "0", "who looks")
            gate.ask("select pg_advisory_unlock(4712)")
            tap.wait_for(lambda: waiting(4715) == "1", "who is done")
            gate.ask("select pg_advisory_unlock(4713)")
            tap.wait_for(lambda: waiting(4714) == "1", "who has the key")
            gate.ask("select pg_advisory_unlock(4715)")
            tap.wait_for(lambda: at_work() == "1", "who was done to go")
            gate.ask("select pg_advisory_unlock(4714)")
            drained(s, ids, 20)
        finally:
            s.cluster.psql(right)
    same(verdict(s, range(n, n + 2)), {"lost": [], "twice": []})


@case
def left_by_jobs(s):
    """What a job leaves for a worker of another queue is not left until that
    looks by the clock."""
    n = next(NUMBERS)
    with Worker(s, "leaves", "--queue", "chain", work_poll_ms=60000), \
            Worker(s, "takes", "--queue", "other", work_poll_ms=60000):
        for i in range(5):
            leave_and_call(s, "test.chain", numbers(n + i, 1))
            tap.wait_for(lambda: s.cluster.psql(
                f"select count(*) from app.effects where n = {n + i}") == "1",
                "the effect", 20)


@case
def looks_in_vain(s):
    """Who took all there was does not look again after each job: a job by
    itself takes two looks, one when it is called for and one a moment later."""
    n, count = next(NUMBERS), 30
    asked = ("select calls from pg_stat_user_functions where funcname = "
             "'job_take'")
    s.cluster.psql("alter database lockstep set track_functions = 'pl'")
    before = int(s.cluster.psql(asked) or 0)
    with Worker(s, "vain", "--queue", "pause", work_poll_ms=60000):
        for i in range(count):
            drained(s, leave_and_call(s, "test.pause", numbers(n + i, 1)))
    s.cluster.psql("alter database lockstep reset track_functions")
    # Those that have ended have told of all that they did.
    found = int(s.cluster.psql(asked)) - before
    print(f"# {found} looks for {count} jobs")
    assert found < 3 * count, found


@case
def narrow(s):
    """A worker process runs no more jobs of a kind at once than it may."""
    n = next(NUMBERS)
    ids = leave(s, "test.narrow", [{"n": n + i, "ms": 30} for i in range(12)])
    with Worker(s, "narrow"):
        drained(s, ids)
    same(s.cluster.psql(
        "select count(*), count(*) filter (where began_at < before) from ("
        "select began_at, lag(at) over (order by at) as before from "
        f"app.effects where n between {n} and {n + 99}) e"), "12|0")


@case
def queues(s):
    """A queue that is paused rests, and goes on when it is resumed; a worker
    for one queue runs no other's jobs."""
    n = next(NUMBERS)
    s.cluster.psql("set role operator; insert into lockstep.queues (name, "
                   "paused) values ('other', true)")
    ids = leave(s, "test.other", numbers(n, 3))
    with Worker(s, "queues"):
        probe = leave(s, "test.effect", numbers(n + 10, 1))
        drained(s, probe)
        time.sleep(1.2)
        same(states(s, ids), {"available": 3}, "paused")
        s.cluster.psql("set role operator; update lockstep.queues set paused "
                       "= false where name = 'other'")
        drained(s, ids)
    ids = leave(s, "test.other", numbers(n + 20, 1))
    default = leave(s, "test.effect", numbers(n + 30, 1))
    with Worker(s, "only", "--queue", "other", "--drain") as w:
        same(w.process.wait(60), 0, "exit code")
    same(states(s, ids + default), {"done": 1, "available": 1})
    done = s.run("work", "--config", s.directory / "only.conf", "--queue",
                 "nonesuch", check=False)
    same((done.returncode, "nonesuch" in done.stderr), (2, True))
    with Worker(s, "drain", "--drain") as w:
        same(w.process.wait(60), 0, "exit code")
    same(states(s, default), {"done": 1})


def as_worker(s, sql, check=True):
    return s.cluster.psql(sql, user="lockstep_worker", check=check)


def lease(s, number, ms):
    """Leases a job as a worker that is nobody's; its token."""
    return int(as_worker(s, "select lease_token from lockstep.job_take("
                         "'{test.leased}', '{1}', '{t}', '{NULL}', '{NULL}', "
                         f"0, {ms}) where id = {number}"))


def whole(s, number):
    return job(s, number, "to_jsonb(jobs) - 'run_at'")


@case
def four_fences(s):
    """A lease that was lost keeps nothing, ends nothing, and fails nothing; and
    the reaper leaves alone what was leased again or done."""
    n = next(NUMBERS)
    [number] = leave(s, "test.leased", numbers(n, 1))
    stale = lease(s, number, 1)
    time.sleep(0.05)
    same(as_worker(s, "select lockstep.job_reap(10, 1000)"), "1", "reaped")
    token = lease(s, number, 60000)
    same(token > stale, True, "tokens grow")
    before = whole(s, number)
    same(as_worker(s, f"select lockstep.job_beat(0, '{{{number}}}', "
                   f"'{{{stale}}}', 90000)"), str(number), "told as lost")
    as_worker(s, f"select lockstep.job_done({number}, {stale})", check=False)
    as_worker(s, f"select lockstep.job_fail({number}, {stale}, 1, 'x', 'x', "
              "null, 0, false)", check=False)
    as_worker(s, f"select lockstep.job_fail({number}, 0, 3, 'x', 'x', null, "
              "0, false)", check=False)
    same(as_worker(s, "select lockstep.job_reap(10, 1000)"), "0", "reaped")
    same(whole(s, number), before, "the job")
    for write in (f"job_done({number}, {stale})",
                  f"job_fail({number}, {stale}, 1, 'x', 'x', null, 0, false)"):
        told = as_worker(
            s, "do $$ begin perform lockstep." + write + "; exception when "
            "sqlstate 'LSJ01' then raise exception 'fenced'; end $$",
            check=False)
        same(told, "")
        same(whole(s, number), before, write)
    as_worker(s, f"select lockstep.job_done({number}, {token})")
    before = whole(s, number)
    as_worker(s, "select lockstep.job_reap(10, 1000)")
    as_worker(s, f"select lockstep.job_fail({number}, {token}, 2, 'x', 'x', "
              "null, 0, false)", check=False)
    same(whole(s, number), before, "after it was done")
    same(conservation(s), 0)


def zombies(s, n, name):
    """Has a worker stall with a lease in each of its four threads, which it has
    not learned of yet, until others have done its jobs; then it wakes up. What
    it found, and the checker's verdict."""
    wanted = list(range(n, n + 40))
    s.cluster.psql("drop trigger if exists hold on lockstep.jobs; "
                   "create constraint trigger hold after update on "
                   "lockstep.jobs deferrable initially deferred for each row "
                   "when (new.state = 'running') execute function "
                   "app.hold_lease()")
    with Sampler(s) as sampler, Session(s) as gate:
        gate.ask("select pg_advisory_lock(4711) is null")
        ids = leave(s, "test.leased", numbers(n, 40))
        with Worker(s, f"{name}-a", lock_timeout_ms=30000,
                    statement_timeout_ms=30000, **QUICK) as a:
            tap.wait_for(lambda: gate.ask(
                "select count(*) from pg_locks where locktype = 'advisory' "
                "and objid = 4711 and not granted") == "4", "four leases")
            a.signal_children(signal.SIGSTOP)
            gate.ask("select pg_advisory_unlock(4711)")
            tap.wait_for(lambda: states(s, ids).get("running") == 4,
                         lambda: f"leases of a stopped worker: {states(s, ids)}")
            s.cluster.psql("drop trigger hold on lockstep.jobs")
            with Worker(s, f"{name}-b", **QUICK):
                drained(s, ids)
                a.signal_children(signal.SIGCONT)
                tap.wait_for(lambda: len(list(a.events("job"))) >= 4,
                             "the worker to try its jobs")
            outcomes = [e["outcome"] for e in a.events("job")]
    same(sampler.wrong, [], "conservation")
    same(states(s, ids), {"done": 40})
    return outcomes, verdict(s, wanted)


@case
def frozen(s):
    """What a worker holds by its transaction when it stops answering is held no
    longer than a lease: others do it, once, and the worker goes on when it wakes
    up."""
    n = next(NUMBERS)

    def backend(what, pattern):
        return s.cluster.psql(
            "select count(*) from pg_stat_activity where usename = "
            f"'lockstep_worker' and {what} and query ~ '{pattern}'")

    with Worker(s, "frozen-a", work_poll_ms=60000, work_threads=1,
                lock_timeout_ms=30000, **QUICK) as a:
        ids = leave(s, "test.batch", numbers(n, 20))
        with Session(s) as gate:
            gate.ask("begin; lock table lockstep.jobs in exclusive mode; "
                     "select 1")
            s.cluster.psql("notify lockstep_jobs")
            tap.wait_for(lambda: backend("wait_event_type = 'Lock'",
                                         "job_take") == "1", "it to claim")
            a.signal_children(signal.SIGSTOP)
        tap.wait_for(lambda: backend("wait_event = 'ClientRead' and "
                                     "xact_start is not null", "job_take"
                                     ) == "1", "its claim to be answered")
        with Worker(s, "frozen-b", **QUICK):
            drained(s, ids, 10)
            a.signal_children(signal.SIGCONT)
        more = leave_and_call(s, "test.batch", numbers(n + 20, 1))
        drained(s, more, 10)
    same(verdict(s, range(n, n + 21)), {"lost": [], "twice": []})


@case
def stalled(s):
    """A worker that stalls past its leases and wakes up does nothing: each
    effect is there once, and what was accepted is conserved throughout."""
    outcomes, found = zombies(s, next(NUMBERS), "stalled")
    same(outcomes, ["fenced"] * 4, "what the late worker met")
    same(found, {"lost": [], "twice": []})


@case
def planted(s):
    """The checker finds a completion that is not fenced."""
    right = s.cluster.psql("select pg_get_functiondef('lockstep.job_done("
                           "bigint, bigint)'::regprocedure)")
    s.cluster.psql(
        "create or replace function lockstep.job_done(job bigint, token "
        "bigint) returns void language plpgsql as $$ begin update "
        "lockstep.jobs j set state = 'done', lease_token = null, lease_until "
        "= null, finalized_at = now() where j.id = job; end $$")
    try:
        outcomes, found = zombies(s, next(NUMBERS), "planted")
    finally:
        s.cluster.psql(right)
    same(outcomes, ["done"] * 4, "what the late worker met")
    same(len(found["twice"]), 4, "effects that the checker found twice")


def busy(s):
    """Does a job run that takes its time?"""
    return s.cluster.psql(
        "select count(*) from pg_stat_activity where state = 'active' and "
        "query like '%test_slow%' and usename = 'lockstep_worker'") != "0"


def elsewhere(s, kind, args, kill):
    """How long the job of a worker that is killed waits for another one; less
    than 0 if it was done all the same."""
    [number] = leave(s, kind, args)
    with Worker(s, f"{kill}-a{number}") as a:
        tap.wait_for(lambda: busy(s) or job(s, number, "state") == "done",
                     "the job to run")
        with Worker(s, f"{kill}-b{number}"):
            began = s.cluster.psql("select clock_timestamp()")
            if kill == "children":
                # And it stays away, as it would on another machine.
                a.process.send_signal(signal.SIGSTOP)
                a.signal_children(signal.SIGKILL)
            else:
                a.kill_all()
            drained(s, [number])
            a.process.send_signal(signal.SIGCONT)
    return float(s.cluster.psql(
        f"select extract(epoch from began_at - '{began}') from app.effects "
        f"where n = {args['n']}"))


@case
def killed(s):
    """The job of a worker that is killed runs elsewhere within 5 s, held or
    leased, and its effect is there once."""
    n, count = next(NUMBERS), 0
    for kind, kill in (("test.slow", "all"), ("test.slow", "children"),
                       ("test.narrow", "all")):
        # Or longer, when the machine is busy with others.
        for _ in range(3):
            took = elsewhere(s, kind, {"n": n + count, "ms": 900 if kind ==
                                       "test.narrow" else 6000}, kill)
            count += 1
            print(f"# {kind}, {kill} killed: elsewhere after {took:.2f} s")
            if took < 5:
                break
        same(took < 5, True, f"{took} s")
    same(verdict(s, range(n, n + count)), {"lost": [], "twice": []})
    same(conservation(s), 0)


def crash(s, kind, args, name):
    """Kills each worker process that runs the job until it is dead. A held one
    that is not killed within a second ends by itself: then with another."""
    for turn in range(5):
        found = crash_one(s, kind, args, f"{name}-{turn}")
        if not found.endswith("|timeout"):
            break
    return found


def crash_one(s, kind, args, name):
    [number] = leave(s, kind, args, more=", max_attempts => 2")
    with Session(s) as eye, Session(s) as gate:
        gate.ask("select pg_advisory_lock(4712) is null")
        with Worker(s, name, **QUICK) as w:
            def kill_or_over():
                if eye.ask("select count(*) from pg_stat_activity where "
                           "state = 'active' and usename = 'lockstep_worker' "
                           "and query ~ 'test_(slow|wait)'") != "0":
                    w.signal_children(signal.SIGKILL)
                return eye.ask("select state from lockstep.jobs where id = "
                               f"{number}") == "dead"
            tap.wait_for(kill_or_over, "the job to be dead", 60, 0.005)
    return job(s, number, "reason, attempt, errors -> -1 ->> 'code'")


@case
def crash_loop(s):
    """A job that ends its worker each time runs out of attempts, held or leased:
    it is dead, crashed, and its last function was called."""
    n = next(NUMBERS)
    same(crash(s, "test.slow", {"n": n, "ms": 50000}, "crash-leased"),
         "crashed|2|crashed")
    same(crash(s, "test.wait", {"n": n + 1}, "crash-held"),
         "crashed|2|crashed")
    same(verdict(s, [n, n + 1])["lost"], [n, n + 1])
    same(verdict(s, [n + 1000, n + 1001])["lost"], [], "last functions")


@case
def postgres_dies(s):
    """Postgres is stopped at once, again and again, while jobs come and go: what
    was accepted is done, once."""
    n, count = next(NUMBERS), 1500
    wanted = list(range(n, n + 2 * count))
    ids = leave(s, "test.effect", numbers(n, count))
    ids += leave(s, "test.leased", numbers(n + count, count))
    with Sampler(s) as sampler, Worker(s, "pg-a", **QUICK), \
            Worker(s, "pg-b", **QUICK):
        for _ in range(3):
            time.sleep(0.4)
            s.cluster.stop("immediate")
            s.cluster.start()
        drained(s, ids, 90)
    same(states(s, ids), {"done": 2 * count})
    same(verdict(s, wanted), {"lost": [], "twice": []})
    same((sampler.wrong, sampler.samples > 0), ([], True), "conservation")


@case
def kills(s):
    """Worker processes are killed and stopped at random while jobs of all ways
    come and go: nothing is lost, nothing is done twice, conservation holds."""
    n, count = next(NUMBERS), 4000
    wanted = list(range(n, n + count))
    ids = []
    with Sampler(s) as sampler, Worker(s, "kills-a", **QUICK) as a, \
            Worker(s, "kills-b", **QUICK) as b:
        for i in range(10):
            for kind, first in (("test.effect", 0), ("test.leased", 150),
                                ("test.many", 300)):
                ids += leave(s, kind, numbers(n + 400 * i + first, 150
                                              if first < 300 else 100))
            victim = (a, b)[i % 2]
            if i % 3 == 2:
                victim.signal_children(signal.SIGSTOP)
                time.sleep(1.3)
                victim.signal_children(signal.SIGCONT)
            else:
                victim.signal_children(signal.SIGKILL)
        drained(s, ids, 90)
    same(verdict(s, wanted), {"lost": [], "twice": []})
    same(states(s, ids), {"done": count})
    same((sampler.wrong, sampler.samples > 5), ([], True), "conservation")


@case
def deaf(s):
    """A worker whose listening connection is cut hears again; until then no job
    waits more than a second and a half."""
    n = next(NUMBERS)
    at = iter(range(n, n + 10000))

    def waited():
        s.cluster.psql("select pg_terminate_backend(pid) from "
                       "pg_stat_activity where usename = "
                       "'lockstep_worker' and pid in (select pid from "
                       "pg_locks where locktype = 'advisory')")
        i = next(at)
        ids = leave(s, "test.effect", numbers(i, 1))
        drained(s, ids)
        found = float(s.cluster.psql(
            "select extract(epoch from e.at - j.created_at) from "
            f"app.effects e, lockstep.jobs j where e.n = {i} and "
            f"j.id = {ids[0]}"))
        print(f"# waited {found:.2f} s")
        return found
    with Worker(s, "deaf"):
        for _ in range(3):
            # Or longer, when the machine is busy with others.
            tap.wait_for(lambda: waited() < 1.5, "a job within 1.5 s")


@case
def deafened(s):
    """So does one whose connection is lost in the middle of its chores, the next
    of which connects anew."""
    n = next(NUMBERS)
    right = s.cluster.psql("select pg_get_functiondef('lockstep.schedule_keep("
                           "text, text, text, timestamptz)'::regprocedure)")
    s.cluster.psql("delete from lockstep.schedules; create sequence lockstep."
                   "once; grant usage on sequence lockstep.once to "
                   "lockstep_worker")
    s.cluster.psql(right.replace(
        "$function$", "$function$ select case when nextval('lockstep.once') = "
        "1 then pg_terminate_backend(pg_backend_pid()) end;", 1))
    try:
        with Worker(s, "deafened", work_poll_ms=60000) as w:
            tap.wait_for(lambda: len(list(w.events("joined"))) > 1,
                         "it to join again")
            drained(s, leave_and_call(s, "test.effect", numbers(n, 1)), 20)
    finally:
        s.cluster.psql(right)


@case
def its_ghost(s):
    """A worker whose id is held by a connection that outlived it goes on with
    another, and keeps its leases."""
    n = next(NUMBERS)
    with Worker(s, "ghost", work_threads=2) as w:
        [number] = leave(s, "test.slow", {"n": n, "ms": 3000})
        tap.wait_for(lambda: job(s, number, "state") == "running", "a lease")
        before = next(w.events("joined"))["worker"]
        with Session(s) as ghost:
            # It waits for the lock, and so has it before the next who asks.
            ghost.psql.stdin.write(
                f"select pg_advisory_lock(1819501424, {before}) is null;\n")
            ghost.psql.stdin.flush()
            tap.wait_for(lambda: s.cluster.psql(
                "select count(*) from pg_locks where locktype = 'advisory' "
                f"and objid = {before} and classid = 1819501424 and not "
                "granted") == "1", "the ghost to wait")
            s.cluster.psql(
                "select pg_terminate_backend(pid) from pg_locks where locktype "
                f"= 'advisory' and objid = {before} and classid = 1819501424 "
                "and granted")
            tap.wait_for(lambda: len(list(w.events("joined"))) > 1,
                         "it to join again", 10)
        after = list(w.events("joined"))[-1]["worker"]
        same(after == before, False, "the id")
        same(s.cluster.psql("select array_agg(id order by id) from lockstep."
                            f"workers where id in ({before}, {after})"),
             f"{{{after}}}")
        drained(s, [number])
    same(job(s, number, "state, attempt"), "done|1")
    same(verdict(s, [n]), {"lost": [], "twice": []})


@case
def graceful(s):
    """A worker that is told to stop finishes what it has, and ends with 0."""
    n = next(NUMBERS)
    # They take fifteen seconds together, and are to be stopped before.
    ids = leave(s, "test.slow", [{"n": n + i, "ms": 700} for i in range(84)])
    with Worker(s, "graceful") as w:
        tap.wait_for(lambda: states(s, ids).get("running"), "jobs to run")
        w.process.send_signal(signal.SIGTERM)
        same(w.process.wait(60), 0, "exit code")
    same(set(states(s, ids)) <= {"done", "available"}, True,
         str(states(s, ids)))
    done = states(s, ids).get("done", 0)
    same(0 < done < 84, True, f"{done} done")
    same(len(verdict(s, range(n, n + 84))["lost"]), 84 - done)
    s.cluster.psql("update lockstep.jobs set args = args || '{\"ms\": 1}' where "
                   f"state = 'available' and id = any(array{ids}::bigint[])")
    with Worker(s, "graceful-2") as w:
        drained(s, ids)
        w.process.send_signal(signal.SIGHUP)
        tap.wait_for(lambda: any(w.events("reloaded")), "a reload")
        drained(s, leave(s, "test.effect", numbers(n + 10, 1)))


@case
def purge(s):
    """What is over is deleted after its time, dead jobs after 90 days, and the
    conservation law holds before and after."""
    s.cluster.psql("update lockstep.jobs set finalized_at = now() - interval "
                   "'30 days' where finalized_at is not null")
    over = int(s.cluster.psql("select count(*) from lockstep.jobs where state "
                              "in ('done', 'cancelled')"))
    dead = s.cluster.psql("select count(*) from lockstep.jobs where state = "
                          "'dead'")
    with Worker(s, "purge", work_keep_hours=24):
        tap.wait_for(lambda: s.cluster.psql(
            "select count(*) from lockstep.jobs where state in ('done', "
            "'cancelled') and finalized_at < now() - interval '1 day'")
            == "0", "the purge", 60)
    same(s.cluster.psql("select purged >= " + str(over) + ", error from "
                        "lockstep.job_conservation()"), "t|0")
    same(s.cluster.psql("select count(*) from lockstep.jobs where state = "
                        "'dead'"), dead, "dead ones")


@case
def looks(s):
    """People see the jobs by `lockstep jobs`, and an operator neither whom they
    are for nor with what; a lost row is found."""
    conf = s.config_path(0)
    out = s.run("jobs", "list", "--config", conf, "--state", "dead").stdout
    same("exhausted" in out and "test.fail" in out, True, out)
    number = out.splitlines()[1].split()[0]
    shown = s.run("jobs", "show", number, "--config", conf).stdout
    same('"errors"' in shown, True, shown)
    same(s.run("jobs", "show", "999999999", "--config", conf,
               check=False).returncode, 1)
    told = s.run("jobs", "conservation", "--config", conf)
    same(told.stdout.split()[-1], "0", told.stdout)
    refused = s.run("jobs", "show", number, "--work-database",
                    s.cluster.conninfo("operator"), check=False)
    same(refused.returncode, 2, "an operator")
    s.cluster.psql("alter table lockstep.jobs disable row level security; "
                   f"delete from lockstep.jobs where id = {number}; alter "
                   "table lockstep.jobs enable row level security")
    told = s.run("jobs", "conservation", "--config", conf, check=False)
    same((told.returncode, told.stdout.split()[-1]), (1, "1"))


@case
def unfit(s):
    """No worker begins as a role that row security does not bind."""
    for user in ("postgres", "lockstep_owner"):
        done = s.run("work", "--contract", s.contract, "--work-database",
                     s.cluster.conninfo(user), check=False)
        same((done.returncode, "refusing to work" in done.stderr), (2, True),
             done.stderr)


def main():
    top = worker.directory()
    try:
        with sut.System(instances=1, contract=worker.contract(top)) as s:
            s.cluster.psql(worker.TABLES)
            # Jobs of the demo's letters, which are none of the tests'.
            s.cluster.psql("update lockstep.jobs set state = 'cancelled', "
                           "reason = 'cancelled', finalized_at = now()")
            return tap.run(s)
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
