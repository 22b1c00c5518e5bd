# SPDX-License-Identifier: MIT
"""What people do about jobs: dead ones run again and none is lost or run twice,
what waits is taken back, queues rest; who may, and what is written down."""

import json
import os
import shutil
import sys
import time

import system as sut
import tap
import worker
from tap import case, same
from worker import (Sampler, Session, Worker, conservation, drained, job,
                    leave, numbers, states, verdict)

NUMBERS = iter(range(3000000, 900000000, 100000))
DEAD = ("update lockstep.jobs set state = 'dead', reason = '{reason}', attempt "
        "= {attempt}, finalized_at = now(), errors = '[{{\"attempt\": 1, "
        "\"at\": \"2026-01-01T00:00:00Z\", \"code\": \"{code}\", \"message\": "
        "\"x\"}}]' where id = any(array{ids}::bigint[])")


def jobs(s, *words, check=True, user=None):
    """Runs lockstep jobs, as the worker or somebody else."""
    more = ["--work-database", s.cluster.conninfo(user)] if user else []
    return s.run("jobs", *words, "--config", s.config_path(0), *more,
                 check=check)


def told(s, *words, **more):
    done = jobs(s, *words, "--json", **more)
    return json.loads(done.stdout)


def bury(s, ids, reason="exhausted", attempt=12, code="LS900"):
    for i in range(0, len(ids), 5000):
        s.cluster.psql(DEAD.format(reason=reason, attempt=attempt, code=code,
                                   ids=ids[i:i + 5000]))


def dead(s, count, kind="test.effect", more="", **how):
    """Jobs that are dead; the first of their numbers, and their ids."""
    n = next(NUMBERS)
    ids = []
    for i in range(0, count, 2000):
        ids += leave(s, kind, numbers(n + i, min(2000, count - i)),
                     more=more)
    bury(s, ids, **how)
    return n, ids


def operations(s, action):
    return s.cluster.psql("select changed, skipped, filter from "
                          "lockstep.operations where action = "
                          f"'{action}' order by id desc limit 1")


@case
def one(s):
    """A dead job that is replayed is the same row, with its attempts, errors and
    arguments; it runs once and may be tried as often again as its kind."""
    n, [number] = dead(s, 1)
    before = json.loads(job(s, number, "to_jsonb(jobs)"))
    same(told(s, "replay", str(number))["changed"], 1)
    after = json.loads(job(s, number, "to_jsonb(jobs)"))
    changed = {k for k in before if before[k] != after[k]}
    same(changed, {"state", "reason", "finalized_at", "run_at", "replayed",
                   "replayed_at", "replayed_from", "updated_at"})
    same((after["state"], after["replayed"], after["attempt"]),
         ("available", 1, 12))
    with Worker(s, "one"):
        drained(s, [number])
    same(job(s, number, "state, attempt"), "done|13")
    same(verdict(s, [n]), {"lost": [], "twice": []})
    same(jobs(s, "replay", str(number), check=False).returncode, 1,
         "a job that is done")
    same(told(s, "replay", str(number), "--force")["changed"], 1)
    same(job(s, number, "state, replayed"), "available|2")
    jobs(s, "cancel", str(number))


@case
def attempts(s):
    """A job that fails again after a replay has all its attempts again, counted
    on; and max_attempts, where it is said, is raised."""
    ids = leave(s, "test.fail", {"n": 2})
    more = leave(s, "test.fail", {"n": 2}, more=", max_attempts => 2")
    with Worker(s, "attempts"):
        drained(s, ids + more)
        same(job(s, ids[0], "attempt, reason"), "3|exhausted")
        same(job(s, more[0], "attempt, reason"), "2|exhausted")
        same(told(s, "replay", *map(str, ids + more))["changed"], 2)
        tap.wait_for(lambda: states(s, ids + more) == {"dead": 2},
                     "them to fail again", 60)
    same(job(s, ids[0], "attempt, max_attempts, replayed_from"), "6||3")
    same(job(s, more[0], "attempt, max_attempts, replayed_from"), "4|4|2")
    _, most = dead(s, 2, more=", max_attempts => 2147483647", attempt=3)
    same(told(s, "replay", *map(str, most))["changed"], 2)
    same(job(s, most[0], "attempt, max_attempts, replayed_from"),
         "3|2147483647|3")
    with Worker(s, "most"):
        drained(s, most)


@case
def ten_thousand(s):
    """10,000 dead jobs are available again within ten seconds, run by a worker
    meanwhile: none is lost, none run twice, and the sums are right whenever one
    looks."""
    n, ids = dead(s, 10000)
    below = f"between {ids[0]} and {ids[-1]}"
    with Worker(s, "many", work_processes=2), Sampler(s) as sampler:
        began = time.monotonic()
        out = told(s, "replay", "--kind", "test.effect", "--reason",
                   "exhausted")
        took = time.monotonic() - began
        tap.wait_for(lambda: s.cluster.psql(
            "select count(*) from lockstep.jobs where finalized_at is null "
            f"and id {below}") == "0", "all to be over", 120, 0.2)
        print(f"# replayed after {took:.2f} s, done after "
              f"{time.monotonic() - began:.1f} s, {sampler.samples} samples")
    same(out["changed"] >= 10000, True, out)
    same(took <= 10, True, took)
    same((sampler.samples > 0, sampler.wrong), (True, []))
    same(s.cluster.psql("select state, count(*) from lockstep.jobs where id "
                        f"{below} group by 1"), "done|10000")
    same(s.cluster.psql(
        "select count(*), count(distinct n) from app.effects where n between "
        f"{n} and {n + 9999}"), "10000|10000", "effects")
    same(operations(s, "replay").split("|")[0], str(out["changed"]),
         "one line for all batches")


@case
def filters(s):
    """Filters are taken together; a dry run says how many and does nothing; to
    take all there are must be said."""
    clean = told(s, "discard", "--all", check=False)
    print(f"# {clean['changed']} were dead")
    _, a = dead(s, 3, reason="permanent", attempt=1, code="LS901")
    _, b = dead(s, 2, kind="test.other", code="LS902")
    s.cluster.psql("update lockstep.jobs set finalized_at = now() - interval "
                   f"'2 hours' where id = {a[0]}")
    for words, count in [
            (["--kind", "test.effect"], 3), (["--reason", "exhausted"], 2),
            (["--code", "LS901"], 3), (["--queue", "other"], 2),
            (["--code", "LS901", "--kind", "test.other"], 0),
            (["--since", "1 hour ago"], 4), (["--until", "1 hour ago"], 1),
            (["--state", "dead"], 5), (["--state", "done"], 0),
            (["--all"], 5), ([str(a[0]), str(b[0]), "999999999"], 2)]:
        words = [w if w != "1 hour ago" else s.cluster.psql(
            "select now() - interval '1 hour'") for w in words]
        done = jobs(s, "replay", *words, "--dry-run", "--json", check=False)
        same((done.returncode, json.loads(done.stdout)),
             (count == 0, {"matched": count}), words)
    same(states(s, a + b), {"dead": 5}, "after dry runs")
    for words, text in [([], "--all"), (["x"], "ids"), (["--rate", "0",
                        "--all"], "--rate"), (["--queue", "nonesuch"],
                        "nonesuch"), (["--since", "never"], "never"),
                        (["--kind", "a", "--queue", "other"], "not both")]:
        done = jobs(s, "replay", *words, check=False)
        same((done.returncode, text in done.stderr), (2, True), done.stderr)
    same(told(s, "replay", "--since", s.cluster.psql(
        "select now() - interval '1 hour'"))["changed"], 4)
    same(states(s, a + b), {"dead": 1, "available": 4})
    same(told(s, "cancel", "--kind", "test.effect")["changed"], 2)
    same(job(s, a[1], "state, reason, finalized_at is not null"),
         "cancelled|cancelled|t")
    jobs(s, "cancel", "--kind", "test.other")
    same(told(s, "discard", "--all")["changed"], 1)
    same(job(s, a[0], "state, reason"), "cancelled|discarded")
    same(operations(s, "discard"), "1|0|{}")
    same(conservation(s), 0)


@case
def keys(s):
    """Of dead jobs with one unique_key one is replayed, the oldest, when none is
    unfinished; the others are skipped, told, and still there."""
    n = next(NUMBERS)
    ids = []
    for i in range(3):
        made = leave(s, "test.effect", numbers(n + i, 1),
                     more=f", unique_key => 'r{n}'")
        bury(s, made)
        ids += made
    other = leave(s, "test.effect", numbers(n + 9, 1),
                  more=f", unique_key => 'r{n}'")
    out = jobs(s, "replay", *map(str, ids), "--json", check=False)
    same((out.returncode, json.loads(out.stdout)["skipped"]), (1, 3))
    same(states(s, ids), {"dead": 3})
    jobs(s, "cancel", str(other[0]))
    out = jobs(s, "replay", *map(str, ids))
    same("1 jobs replayed, 2 skipped" in out.stdout, True, out.stdout)
    same([job(s, i, "state") for i in ids], ["available", "dead", "dead"])
    same(conservation(s), 0)
    with Worker(s, "keys"):
        drained(s, ids[:1])
        same(told(s, "replay", *map(str, ids))["changed"], 1)
        drained(s, ids[1:2])
    same(verdict(s, [n, n + 1, n + 2]), {"lost": [n + 2], "twice": []})
    jobs(s, "discard", str(ids[2]))


@case
def a_race_of_keys(s):
    """Replayed while somebody leaves one with the same key: one of the two is
    there, whoever was first, and the other is not lost."""
    n, ids = dead(s, 1, more=f", unique_key => 'race{time.time()}'")
    key = job(s, ids[0], "unique_key")
    with Session(s) as first:
        first.ask("begin; select 1")
        made = first.ask("insert into lockstep.jobs (kind, args, unique_key) "
                         f"values ('test.other', '{{\"n\": {n + 1}}}', "
                         f"'{key}') returning id")
        # Of another kind it is another key.
        same(told(s, "replay", str(ids[0]))["changed"], 1)
        first.ask("commit; select 1")
    bury(s, ids)
    with Session(s) as first:
        first.ask("begin; select 1")
        same_key = first.ask(
            "insert into lockstep.jobs (kind, args, unique_key, state) values "
            f"('test.effect', '{{\"n\": {n + 2}}}', '{key}', 'available') "
            "returning id")
        later = tap_thread(lambda: jobs(s, "replay", str(ids[0]), "--json",
                                        check=False))
        tap.wait_for(lambda: s.cluster.psql(
            "select count(*) from pg_stat_activity where wait_event_type = "
            "'Lock' and query like '%operate_jobs%'") == "1", "the replay")
        first.ask("commit; select 1")
        done = later()
    same((done.returncode, json.loads(done.stdout)["skipped"]), (1, 1))
    same(job(s, ids[0], "state"), "dead")
    jobs(s, "cancel", made, same_key)
    jobs(s, "discard", str(ids[0]))


def tap_thread(function):
    """Begins it; what is returned waits for what it returns."""
    import threading
    got = []
    t = threading.Thread(target=lambda: got.append(function()))
    t.start()

    def finish():
        t.join()
        return got[0]
    return finish


@case
def in_order(s):
    """A replayed job of a serial key goes before its unfinished successors."""
    n = next(NUMBERS)
    key = f", serial_key => 'r{n}'"
    first = leave(s, "test.effect", numbers(n, 3), more=key)
    bury(s, first)
    rest = leave(s, "test.effect", numbers(n + 3, 3), more=key)
    same(told(s, "replay", *map(str, reversed(first)))["changed"], 3)
    with Worker(s, "order-a"), Worker(s, "order-b"):
        drained(s, first + rest)
    same(s.cluster.psql("select string_agg((n - " + str(n) + ")::text, '' "
                        "order by at) from app.effects where n between "
                        f"{n} and {n + 5}"), "012345")


@case
def rated(s):
    """With a rate they are due one after the other."""
    _, ids = dead(s, 50)
    began = time.monotonic()
    out = told(s, "replay", *map(str, ids), "--rate", "10/s")
    same(out["changed"], 50)
    same(s.cluster.psql(
        "select count(*) filter (where state = 'available'), count(*) filter "
        "(where state = 'scheduled'), round(extract(epoch from max(run_at) - "
        "min(run_at)), 1) from lockstep.jobs where id = any(array"
        f"{ids}::bigint[])"), "10|40|4.9")
    with Worker(s, "rated"):
        drained(s, ids)
    print(f"# 50 at 10/s in {time.monotonic() - began:.1f} s")
    same(2.5 <= time.monotonic() - began <= 30, True)


@case
def taken_back(s):
    """What waits is cancelled, and its successors go on; what runs is not."""
    n = next(NUMBERS)
    key = f", serial_key => 'c{n}'"
    ids = leave(s, "test.effect", numbers(n, 2), more=key)
    later = leave(s, "test.effect", numbers(n + 5, 1),
                  more=", run_at => now() + interval '1 hour'")
    same(told(s, "cancel", str(ids[0]), str(later[0]))["changed"], 2)
    with Worker(s, "cancel"):
        drained(s, ids)
    same(states(s, ids + later), {"done": 1, "cancelled": 2})
    [running] = leave(s, "test.leased", numbers(n + 6, 1))
    s.cluster.psql("select from lockstep.job_take('{test.leased}', '{1}', "
                   "'{t}', '{NULL}', '{NULL}', 0, 60000)",
                   user="lockstep_worker")
    same(jobs(s, "cancel", str(running), check=False).returncode, 1)
    same(job(s, running, "state"), "running")
    [held] = leave(s, "test.effect", numbers(n + 7, 1))
    with Session(s) as holder:
        holder.ask(f"begin; select id from lockstep.jobs where id = {held} "
                   "for update")
        done = told(s, "cancel", str(held), check=False)
        same((done["changed"], done["skipped"]), (0, 1), "held by a worker")
    jobs(s, "cancel", str(held))
    s.cluster.psql("update lockstep.jobs set lease_until = now() - interval "
                   f"'1 s' where id = {running}")
    with Worker(s, "reaped"):
        drained(s, [running])


@case
def taken_back_at_work(s):
    """Who cancels what waits behind a held job, and who holds it, do not wait
    for each other; what is left goes on, in its order."""
    n = next(NUMBERS)
    ids = leave(s, "test.effect", numbers(n, 6), more=f", serial_key => 'd{n}'")
    take = ("select count(*) from lockstep.job_take('{test.effect}', '{1}', "
            "'{f}', '{NULL}', '{NULL}', 0, 1000)")
    with Session(s) as holder, Session(s) as taker:
        for session in (holder, taker):
            session.ask("set statement_timeout = '10s'; set deadlock_timeout = "
                        "'100ms'; begin; select 1")
        same(holder.ask(take), "1")
        same(taker.ask("select changed from lockstep.operate_jobs('cancel', "
                       f"'{{\"ids\": {ids[1:4]}}}')"), "3")
        same(holder.ask(f"select lockstep.job_done('{{{ids[0]}}}', true) is "
                        "null"), "f")
        holder.ask("commit; select 1")
        taker.ask("commit; select 1")
    same(states(s, ids), {"done": 1, "cancelled": 3, "available": 2})
    with Worker(s, "at-work"):
        drained(s, ids, 5)
    same(verdict(s, [n + 4, n + 5]), {"lost": [], "twice": []})
    same(s.cluster.psql("select array_agg(n order by at) from app.effects where "
                        f"n in ({n + 4}, {n + 5})"), f"{{{n + 4},{n + 5}}}")


@case
def resting(s):
    """A queue rests and goes on by the commands, and it is written down."""
    n = next(NUMBERS)
    jobs(s, "pause", "other")
    with Worker(s, "resting"):
        ids = leave(s, "test.other", numbers(n, 2))
        drained(s, leave(s, "test.effect", numbers(n + 5, 1)))
        tap.wait_for(lambda: 'lockstep_queue_paused{queue="other"} 1'
                     in s.ops("/metrics").body.decode(), "the gauge", 60)
        same(states(s, ids), {"available": 2})
        jobs(s, "resume", "other")
        drained(s, ids)
    same(s.cluster.psql(
        "select action, filter ->> 'queue', login from lockstep.operations "
        "where action in ('pause', 'resume') order by id"),
         "pause|other|lockstep_worker\nresume|other|lockstep_worker")


@case
def recovery(s):
    """What gave up while a service was away is tried again once it is back: by
    itself once, and again after somebody replayed it."""
    began = s.cluster.psql("select now()")
    _, old = dead(s, 1)
    s.cluster.psql("update lockstep.jobs set finalized_at = now() - interval "
                   f"'1 day' where id = {old[0]}")
    _, ids = dead(s, 3)
    _, other = dead(s, 1, reason="permanent")
    ask = ("select lockstep.job_recover('{test.effect,test.no}', "
           f"'{began}')")

    def recover():
        return s.cluster.psql(ask, user="lockstep_worker")
    same(recover(), "3")
    same(states(s, old + ids + other), {"dead": 2, "available": 3})
    bury(s, ids)
    same(recover(), "0", "a second time")
    same(told(s, "replay", str(ids[0]))["changed"], 1)
    bury(s, ids)
    same(recover(), "1", "after a replay by hand")
    same(job(s, ids[0], "replayed, recovered"), "3|t")
    same(operations(s, "recover").split("|")[0], "1")
    same(s.cluster.psql(ask, user="lockstep", check=False), "",
         "as the server")
    jobs(s, "cancel", "--kind", "test.effect")
    jobs(s, "discard", "--all")
    same(conservation(s), 0)


@case
def recovery_by_batches(s):
    """What is to be tried again since a service is well is so by batches, the
    oldest first, each job once and of those with the same key one, until none
    is left."""
    s.cluster.psql("delete from lockstep.breakers")
    _, old = dead(s, 1)
    began = s.cluster.psql("select clock_timestamp()")
    _, ids = dead(s, 3)
    same_key = []
    for _ in range(2):
        [number] = leave(s, "test.effect", numbers(next(NUMBERS), 1),
                         more=", unique_key => 'batches'")
        bury(s, [number])
        same_key.append(number)
    s.cluster.psql("insert into lockstep.breakers (destination, recover_since)"
                   f" values ('BATCHES', '{began}')")

    def recover(most):
        return s.cluster.psql(
            "select revived, more from lockstep.breaker_recover('BATCHES', "
            f"'{{test.effect,test.no}}', {most})", user="lockstep_worker")
    since = "select recover_since is null from lockstep.breakers"
    same(recover(2), "2|t")
    same(states(s, ids), {"available": 2, "dead": 1})
    same(recover(1), "1|t")
    same(recover(10), "1|f")
    same((states(s, old + same_key), s.cluster.psql(since)),
         ({"dead": 2, "available": 1}, "t"))
    same(recover(10), "0|f", "once more")
    s.cluster.psql(f"update lockstep.breakers set recover_since = '{began}'")
    same((recover(10), s.cluster.psql(since)), ("0|f", "t"), "each once")
    s.cluster.psql("delete from lockstep.breakers")
    jobs(s, "cancel", "--kind", "test.effect")
    jobs(s, "discard", "--all")
    same(conservation(s), 0)


@case
def who(s):
    """Operators may, and it says who they were; users may not, nor can anybody
    write the log or a job by hand."""
    _, [number] = dead(s, 1)
    for role in ("anon", "authenticated"):
        for call in ("operate_jobs('replay', '{}')", "job_recover('{a}', "
                     "now())", "set_queue('other', true)"):
            same(s.cluster.psql(f"set role {role}; select lockstep.{call}",
                                check=False), "", f"{role}: {call}")
    same(s.cluster.psql(
        "set role operator; select changed from lockstep.operate_jobs("
        f"'replay', '{{\"ids\": [{number}]}}')"), "1")
    same(s.cluster.psql("select login, role from lockstep.operations order by "
                        "id desc limit 1"), "postgres|operator")
    for sql in ("update lockstep.jobs set state = 'done'",
                "delete from lockstep.operations",
                "insert into lockstep.operations (action, login, filter) "
                "values ('pause', 'x', '{}')"):
        same(s.cluster.psql("set role operator; " + sql + " returning 1",
                            check=False), "", sql)
    # A function of the domain does not see more for it.
    same(s.cluster.psql(
        "set role lockstep_logic; select count(*) from lockstep.jobs where id "
        f"= {number}"), "0")
    jobs(s, "cancel", str(number))


@case
def unknown(s):
    """Jobs of a kind that no contract has are seen: in the list, the figures and
    the log."""
    s.cluster.psql("insert into lockstep.jobs (kind) values ('no.such'), "
                   "('no.such')")
    with Worker(s, "unknown") as w:
        tap.wait_for(lambda: any(w.events("jobs_unknown", jobs=2,
                                          kinds=" no.such ")), "a line", 90)
    out = jobs(s, "list", "--unknown", "--json").stdout.splitlines()
    same([json.loads(line)["kind"] for line in out], ["no.such"] * 2)
    same("lockstep_jobs_unknown 2" in s.ops("/metrics").body.decode(), True)
    jobs(s, "cancel", "--kind", "no.such")


@case
def figures(s):
    """How many jobs there are is told by queue and state, and how old the oldest
    is; and it is right."""
    n = next(NUMBERS)
    jobs(s, "discard", "--all", check=False)
    later = leave(s, "test.other", numbers(n, 4),
                  more=", run_at => now() + interval '1 hour'")
    _, gone = dead(s, 3)
    jobs(s, "pause", "other")
    waits = leave(s, "test.other", numbers(n + 10, 2))
    began = time.monotonic()
    s.cluster.psql("update lockstep.jobs set run_at = now() - interval '90 s' "
                   f"where id = {waits[0]}")
    wanted = ['lockstep_jobs{queue="other",state="available"} 2',
              'lockstep_jobs{queue="other",state="scheduled"} 4',
              'lockstep_jobs{queue="default",state="dead"} 3',
              'lockstep_jobs{queue="letters",state="dead"} 0',
              'lockstep_jobs_dead{kind="test.effect"} 3',
              'lockstep_job_oldest_available_age_seconds{queue="default"} 0']
    with Worker(s, "figures"):
        def missing():
            text = s.ops("/metrics").body.decode()
            return [w for w in wanted if w + "\n" not in text]
        tap.wait_for(lambda: not missing(), "the figures", 120)
        text = s.ops("/metrics").body.decode()
    [age] = [int(line.split()[1]) for line in text.splitlines() if
             line.startswith("lockstep_job_oldest_available_age_seconds{queue="
                             '"other"')]
    same(90 <= age <= 92 + time.monotonic() - began, True, age)
    jobs(s, "resume", "other")
    jobs(s, "cancel", *map(str, later + waits))
    jobs(s, "discard", *map(str, gone))


# ---- Through /api.

def api(s, method, path, body=None, role="service_role", **more):
    return s.curl(method, "/api" + path, s.token(role, sut.ALICE if role ==
                                                 "authenticated" else None),
                  body, **more)


@case
def by_request(s):
    """Our servers list, read, replay and discard dead jobs through /api, without
    seeing whom they are for; users do not."""
    n, ids = dead(s, 3, reason="permanent", attempt=1, code="LS901")
    got = api(s, "GET", f"/jobs?state=eq.dead&kind=eq.test.effect&id=in.("
              f"{','.join(map(str, ids))})").data
    same([row["id"] for row in got], sorted(ids, reverse=True))
    same({"args", "claims", "role"} & set(got[0]), set())
    same(got[0]["errors"][0]["code"], "LS901")
    same(api(s, "GET", f"/jobs/{ids[0]}").data["reason"], "permanent")
    again = api(s, "POST", f"/jobs/{ids[0]}/replay", {}).data
    same((again["state"], again["replayed"]), ("available", 1))
    refused = api(s, "POST", f"/jobs/{ids[0]}/replay", {})
    same((refused.status, refused.error["code"]), (409, "job_not_dead"))
    same(api(s, "POST", "/jobs/999999999/replay", {}).status, 404)
    same(api(s, "POST", "/jobs/replay", {"code": "LS901", "dry_run": True}
             ).data, {"matched": 2, "changed": 0, "skipped": 0,
                      "more": False})
    same(api(s, "POST", "/jobs/replay", {"code": "LS901", "most": 1}).data,
         {"matched": 1, "changed": 1, "skipped": 0, "more": True})
    same(api(s, "POST", f"/jobs/{ids[2]}/discard", {}).data["reason"],
         "discarded")
    same(api(s, "POST", "/jobs/discard", {"code": "LS901"}).data["changed"],
         0)
    same(api(s, "POST", "/jobs/replay", {}).status, 422, "no filter")
    for role in ("authenticated", "anon"):
        same(api(s, "GET", "/jobs", role=role).status in (401, 403), True)
    same(s.cluster.psql("select login, role, changed from lockstep.operations "
                        "where action = 'discard' and changed = 1 order by id "
                        "desc limit 1"), "lockstep|service_role|1")
    with Worker(s, "request"):
        drained(s, ids[:2])
    same(verdict(s, [n, n + 1]), {"lost": [], "twice": []})


@case
def keys_by_request(s):
    """One whose key is taken says so."""
    n = next(NUMBERS)
    key = f", unique_key => 'api{n}'"
    first = leave(s, "test.effect", numbers(n, 1), more=key)
    bury(s, first)
    second = leave(s, "test.effect", numbers(n + 1, 1), more=key)
    refused = api(s, "POST", f"/jobs/{first[0]}/replay", {})
    same((refused.status, refused.error["code"]), (409, "job_key_taken"))
    jobs(s, "cancel", str(second[0]))
    jobs(s, "discard", str(first[0]))


@case
def queues_by_request(s):
    """Queues rest and go on, and the sums are there, through /api."""
    same(api(s, "POST", "/queues/other/pause", {}).data["paused"], True)
    same(api(s, "GET", "/queues/other").data["paused"], True)
    same([q["name"] for q in api(s, "GET", "/queues?paused=is.true").data],
         ["other"])
    same(api(s, "POST", "/queues/other/resume", {}).data["paused"], False)
    sums = api(s, "GET", "/jobs/conservation").data
    same(sums["error"], 0)
    same(sums["accepted"] > 0, True, sums)


def main():
    top = worker.directory()
    try:
        with sut.System(instances=1, contract=worker.contract(top)) as s:
            s.cluster.psql(worker.TABLES)
            s.cluster.psql("update lockstep.jobs set state = 'cancelled', "
                           "reason = 'cancelled', finalized_at = now()")
            return tap.run(s)
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
