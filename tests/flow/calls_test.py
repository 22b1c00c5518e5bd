# SPDX-License-Identifier: MIT
"""Jobs that call a service: each way that a call may end, each moment at which a
worker may die, and that a service which fails is left alone."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time

import system as sut
import tap
import worker
from hearer import Hearer, reply
from tap import case, same
from worker import (Session, Worker, Writer, conservation, drained, job,
                    leave, states)

QUICK = {"work_lease_ms": 1000, "work_beat_ms": 300}
# A breaker that opens is soon tried again.
BRIEF = {"work_breaker_ms": 50, "work_breaker_max_ms": 100}
NUMBERS = iter(range(10000, 1000000, 100))

CALL = {"kind": "http", "args": "schemas/test_call.json",
        "prepare": "app.test_request", "returns": "schemas/test_reply.json",
        "call": "app.test_said", "dead": "app.test_given_up",
        "failed": "app.test_failed", "attempts": 3, "timeout_ms": 30000,
        "backoff": {"base_ms": 20, "max_ms": 50}}
KINDS = {
    "test.call": {**CALL, "url": "TEST_URL", "secret": "TEST_SECRET"},
    "test.brief": {**CALL, "url": "TEST_URL", "timeout_ms": 800},
    "test.long": {**CALL, "url": "TEST_URL", "timeout_ms": 60000},
    "test.said": {**CALL, "url": "TEST_URL", "returns": None,
                  "errors": {"404": "retry", "503": "permanent"}},
    "test.steps": {**CALL, "url": "TEST_URL", "attempts": 3,
                   "backoff": {"steps_ms": [0, 400]}},
    "test.other_call": {**CALL, "url": "OTHER_URL"},
    "test.frail": {**CALL, "url": "FRAIL_URL", "concurrency": 1,
                   "attempts": 100},
    "test.as_server": {**CALL, "url": "TEST_URL", "role": "service_role"},
}
for each in KINDS.values():
    if each.get("returns", "") is None:
        del each["returns"]
SCHEMAS = {
    "test_call": {"n": worker.INTEGER, "how": {"type": "string",
                                               "maxLength": 40}},
    "test_reply": {"said": {"type": "integer"}},
}
TABLES = """
create table app.calls (n bigint, what text, more text, job_id bigint,
    owner_id uuid default auth.uid(), role text default current_user,
    at timestamptz not null default clock_timestamp());
alter table app.calls enable row level security;
grant select, insert on app.calls to authenticated, service_role;
create policy own on app.calls to authenticated
    using (owner_id = (select auth.uid()))
    with check (owner_id = (select auth.uid()));
create policy all_of_it on app.calls to service_role
    using (true) with check (true);
create function app.test_request(n bigint, how text) returns jsonb
language plpgsql as $$
begin
    if how = 'held' then
        perform pg_advisory_xact_lock_shared(4720);
    elsif how = 'broken' then
        raise exception using errcode = 'LS905';
    elsif how = 'bad' then
        return '{"path": "/x y"}';
    end if;
    insert into app.calls (n, what) values (n, 'asked');
    return jsonb_build_object('path', '/' || how, 'skip', how = 'skip',
        'headers', jsonb_build_object('X-Test', n::text),
        'query', 'n=' || n, 'body', jsonb_build_object('n', n));
end $$;
create function app.test_said(n bigint, how text, job_id bigint, result jsonb)
returns void language plpgsql as $$
begin
    if how = 'locked' then
        perform pg_advisory_xact_lock_shared(4721);
    elsif how = 'bad_effect' then
        insert into app.calls (n, what) values (n, 'never');
        raise exception using errcode = 'LS906';
    end if;
    insert into app.calls (n, what, more, job_id)
    values (n, 'said', result::text, job_id);
end $$;
create function app.test_failed(n bigint, how text, job_id bigint,
    attempt integer, code text) returns void language sql as
    'insert into app.calls (n, what, more, job_id)
    values (n, ''failed'', attempt || '' '' || code, job_id)';
create function app.test_given_up(n bigint, how text, reason text)
returns void language sql as
    'insert into app.calls (n, what, more) values (n, ''dead'', reason)';
grant execute on all functions in schema app to authenticated, service_role;
"""


def answers(request):
    """What the service says to /HOW."""
    how = request.path.split("?")[0][1:]
    said = json.dumps({"said": request.json()["n"]})
    return {
        "no_json": reply(200, "<html>"),
        "other": reply(200, '{"said": "x"}'),
        "nul": reply(200, '{"said": 1, "x": "\\u0000"}'),
        "empty": reply(200, ""),
        "large": reply(200, '"' + "x" * (2 << 20) + '"'),
        "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        "no_http": b"SSH-2.0-OpenSSH_9.2\r\n",
        "silent": b"",
        "moved": reply(302, "", Location="/ok"),
        "hang": None,
    }.get(how) if how in ANSWERS else reply(
        int(how), '{"error": 1}') if how.isdigit() else reply(200, said)


ANSWERS = ("no_json", "other", "nul", "empty", "large", "cut", "no_http",
           "silent", "moved", "hang")


def calm(s):
    """No breaker is open."""
    s.cluster.psql("delete from lockstep.breakers")


def told(s, n, what):
    return s.cluster.psql(f"select coalesce(more, '') from app.calls where n "
                          f"= {n} and what = '{what}' order by at").split("\n")


def ask(s, how, kind="test.call", who=sut.ALICE):
    n = next(NUMBERS)
    return n, leave(s, kind, {"n": n, "how": how}, who)[0]


@case
def well(s):
    """A service is asked as prepare says, with the job's id as the key and a
    signature that holds; what it says is handed over, as the enqueuer."""
    with Hearer(answers) as h:
        worker.serve(s, TEST_URL=h.url + "/")
        n, number = ask(s, "ok", who=sut.BOB)
        m, other = ask(s, "ok", "test.as_server", sut.BOB)
        with Worker(s, "well", work_poll_ms=60000):
            drained(s, [number, other])
        [r] = h.of(f"/ok?n={n}")
    same((r.headers["idempotency-key"], r.headers["x-test"], r.json(),
          r.headers["content-type"]),
         (str(number), str(n), {"n": n}, "application/json"))
    secret = base64.b64decode((s.directory / "service-secrets/TEST_SECRET"
                               ).read_text().strip()[6:])
    signed = f"{r.headers['webhook-id']}.{r.headers['webhook-timestamp']}."
    mac = hmac.new(secret, signed.encode() + r.body, hashlib.sha256).digest()
    same(r.headers["webhook-signature"],
         "v1," + base64.b64encode(mac).decode(), "the signature")
    same(r.headers["webhook-id"], str(number))
    same(s.cluster.psql("select n, more, job_id, owner_id, role from app.calls "
                        f"where what = 'said' and n in ({n}, {m}) order by n"),
         f'{n}|{{"said": {n}}}|{number}|{sut.BOB}|authenticated\n'
         f'{m}|{{"said": {m}}}|{other}|{sut.BOB}|service_role')
    same(told(s, n, "failed"), [""], "failures")


ENDINGS = {
    # what the service does: reason, code, how often it was asked
    "no_json": ("exhausted", "invalid_reply", 3),
    "other": ("exhausted", "invalid_reply", 3),
    "nul": ("exhausted", "invalid_reply", 3),
    "empty": ("exhausted", "invalid_reply", 3),
    "large": ("exhausted", "invalid_reply", 3),
    "cut": ("exhausted", "broken", 3),
    "no_http": ("exhausted", "broken", 3),
    "silent": ("exhausted", "broken", 3),
    "hang": ("exhausted", "timeout", 3),
    "moved": ("exhausted", "302", 3),
    "400": ("permanent", "400", 1),
    "401": ("permanent", "401", 1),
    "410": ("permanent", "410", 1),
    "408": ("exhausted", "408", 3),
    "425": ("exhausted", "425", 3),
    "500": ("exhausted", "500", 3),
    "503": ("exhausted", "503", 3),
    "530": ("exhausted", "530", 3),
    "bad": ("permanent", "invalid_request", 0),
    "broken": ("exhausted", "LS905", 0),
    "bad_effect": ("exhausted", "LS906", 3),
}


@case
def endings(s):
    """Each way that a call ends is told by its code; what may pass is tried
    again with the same key, what may not is not; after each failed try, and at
    the end, the kind's functions are called; no effect of a failed try stays."""
    with Hearer(answers) as h:
        worker.serve(s, TEST_URL=h.url)
        jobs = {how: ask(s, how, "test.brief" if how == "hang" else
                         "test.call") for how in ENDINGS}
        # A breaker may open and close meanwhile: none of them runs again for it.
        s.cluster.psql("update lockstep.jobs set recovered = true where "
                       "state = 'available'")
        with Worker(s, "endings", **BRIEF):
            drained(s, [j for _, j in jobs.values()], 90)
        for how, (reason, code, asked) in ENDINGS.items():
            n, number = jobs[how]
            tries = 1 if reason == "permanent" else 3
            same(job(s, number, "state, reason, attempt, errors -> -1 ->> "
                     "'code', jsonb_array_length(errors)"),
                 f"dead|{reason}|{tries}|{code}|{tries}", how)
            requests = h.of(f"/{how}?n={n}")
            same((len(requests), len({r.headers["idempotency-key"]
                                      for r in requests})),
                 (asked, min(asked, 1)), f"{how}: requests, keys")
            same(told(s, n, "failed"),
                 [f"{i} {code}" for i in range(1, tries + 1)], how)
            same(told(s, n, "dead"), [reason], how)
            same(s.cluster.psql("select count(*) from app.calls where what in "
                                f"('said', 'never') and n = {n}"), "0", how)
    calm(s)
    same(conservation(s), 0)


@case
def contract_says(s):
    """What the contract says of a status goes before what is usual; without
    `returns` any reply is taken."""
    with Hearer(answers) as h:
        worker.serve(s, TEST_URL=h.url)
        retried, dead, text = (ask(s, how, "test.said") for how in
                               ("404", "503", "no_json"))
        with Worker(s, "contract_says", **BRIEF):
            drained(s, [j for _, j in (retried, dead, text)])
    same(job(s, retried[1], "reason, attempt"), "exhausted|3")
    same(job(s, dead[1], "reason, attempt"), "permanent|1")
    same(job(s, text[1], "state"), "done")
    same(told(s, text[0], "said"), [""], "no JSON")
    calm(s)


@case
def unreachable(s):
    """A service that nobody answers for is tried again, and reached once it is
    there."""
    with Hearer(answers) as h:
        worker.serve(s, TEST_URL="http://127.0.0.1:1")
        n, number = ask(s, "ok", "test.frail")
        worker.serve(s, FRAIL_URL="http://127.0.0.1:1")
        # Slow enough for its hundred attempts to last.
        with Worker(s, "unreachable", work_breaker_ms=200,
                    work_breaker_max_ms=400) as w:
            tap.wait_for(lambda: int(job(s, number, "attempt")) > 2,
                         "attempts")
            worker.serve(s, FRAIL_URL=h.url)
            w.process.send_signal(signal.SIGHUP)
            drained(s, [number])
    same(job(s, number, "state, errors -> 0 ->> 'code'"), "done|unreachable")
    same(len(told(s, n, "said")), 1)
    calm(s)


@case
def retry_after(s):
    """A service that says when to come again is heeded, within reason."""
    first = {}

    def answer(request):
        if first.setdefault(request.path, request) is request:
            return reply(429, "{}", Retry_After="1")
        return answers(request)
    with Hearer(answer) as h:
        worker.serve(s, TEST_URL=h.url)
        n, number = ask(s, "ok")
        with Worker(s, "retry_after"):
            drained(s, [number])
        a, b = h.of(f"/ok?n={n}")
    same(1.0 <= b.at - a.at < 20, True, f"{b.at - a.at} s")
    same(job(s, number, "state, attempt"), "done|2")
    calm(s)


@case
def steps(s):
    """The pauses of a kind that names them are these."""
    with Hearer(answers) as h:
        worker.serve(s, TEST_URL=h.url)
        with Worker(s, "steps"):
            # Or longer, when the machine is busy with others.
            for _ in range(8):
                n, number = ask(s, "500", "test.steps")
                drained(s, [number])
                a, b, c = (r.at for r in h.of(f"/500?n={n}"))
                calm(s)
                same(c - b > 0.3, True, f"{c - b} s")
                if b - a < 0.3 and c - b < 2:
                    break
    same((b - a < 0.3, c - b < 2), (True, True), f"{b - a}, {c - b} s")


@case
def skipped(s):
    """When there is nothing to ask any more the job is done, and nobody is
    asked."""
    with Hearer(answers) as h:
        worker.serve(s, TEST_URL=h.url)
        n, number = ask(s, "skip")
        with Worker(s, "skipped"):
            drained(s, [number])
        same(h.count(), 0, "requests")
    same(job(s, number, "state"), "done")
    same(told(s, n, "said"), [""])


@case
def not_known(s):
    """The jobs of a service whose URL or secret is missing are not claimed, and
    whoever begins a worker is told; after a reload that has them they run."""
    secret = s.directory / "service-secrets/TEST_SECRET"
    kept = secret.read_text()
    secret.unlink()
    (s.directory / "services").unlink()
    with Hearer(answers) as h:
        _, number = ask(s, "ok")
        [sql] = leave(s, "test.effect", {"n": next(NUMBERS)})
        with Worker(s, "not_known", work_poll_ms=100) as w:
            drained(s, [sql])
            same(job(s, number, "state, attempt"), "available|0")
            causes = " ".join(e["cause"] for e in w.events("service_missing"))
            for word in ("TEST_URL", "OTHER_URL", "TEST_SECRET"):
                same(word in causes, True, f"{word}: {causes}")
            text = (s.directory / "lockstep-not_known.err").read_text()
            same("jobs test.call wait: TEST_URL" in text, True, text)
            secret.write_text(kept)
            worker.serve(s, TEST_URL=h.url)
            w.process.send_signal(signal.SIGHUP)
            drained(s, [number])
    same(job(s, number, "state, attempt"), "done|1")


@case
def hanging(s):
    """While a service hangs, with more jobs than there are calls, jobs of sql
    and of other services go on at once, and few connections are held."""
    with Hearer(lambda r: None) as h, Hearer(answers) as good:
        worker.serve(s, TEST_URL=h.url, OTHER_URL=good.url)
        ids = [ask(s, "ok", "test.long")[1] for _ in range(20)]
        with Worker(s, "hanging", work_calls=8, work_threads=2,
                    work_call_connections=2):
            h.await_count(6)
            began = time.monotonic()
            other = [ask(s, "ok", "test.other_call")[1] for _ in range(5)]
            sql = leave(s, "test.effect", worker.numbers(next(NUMBERS), 20))
            drained(s, other + sql, 20)
            print(f"# others within {time.monotonic() - began:.2f} s")
            same(states(s, ids), {"running": 6, "available": 14})
            # Those of the worker before may take a moment to end.
            tap.wait_for(lambda: int(s.cluster.psql(
                "select count(*) from pg_stat_activity where usename = "
                "'lockstep_worker'")) <= 6, "few connections")
            h.free.set()
            drained(s, ids)
    same(states(s, ids), {"done": 20})
    same(s.cluster.psql("select max(attempt) from lockstep.jobs where id = "
                        f"any(array{ids}::bigint[])"), "1", "leases were kept")


@case
def stopped(s):
    """A worker that is told to stop lets calls end for a while; what has not
    ended by then is given back, without an attempt."""
    with Hearer(lambda r: None) as h:
        worker.serve(s, TEST_URL=h.url)
        _, number = ask(s, "ok", "test.long")
        with Worker(s, "stopped", work_stop_ms=300) as w:
            h.await_count(1)
            began = time.monotonic()
            w.process.send_signal(signal.SIGTERM)
            same(w.process.wait(60), 0, "exit code")
            # And not the ten seconds that others have.
            same(time.monotonic() - began < 8, True, "in time")
        same(job(s, number, "state, attempt, errors"), "available|0|[]")
        with Worker(s, "stopped-2", work_stop_ms=10000) as w:
            h.await_count(2)
            w.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            h.free.set()
            same(w.process.wait(60), 0, "exit code")
    same(job(s, number, "state, attempt"), "done|1")


def killed_at(s, how, lock, h):
    """Kills the worker while its job is at a stage, and has another go on."""
    n, number = ask(s, how, "test.long")
    patient = {**QUICK, "lock_timeout_ms": 30000,
               "statement_timeout_ms": 30000}
    with Session(s) as gate:
        if lock:
            gate.ask(f"select pg_advisory_lock({lock}) is null")
        with Worker(s, f"killed-{how}", **patient) as w:
            if lock:
                tap.wait_for(lambda: s.cluster.psql(
                    "select count(*) from pg_locks where locktype = "
                    f"'advisory' and objid = {lock} and not granted")
                    not in ("", "0"), f"the stage {how}")
            else:
                h.await_count(1, f"/{how}?n={n}")
            w.kill_all()
        with Worker(s, f"after-{how}", **patient):
            tap.wait_for(lambda: int(job(s, number, "attempt")) > 1,
                         "another attempt")
            if lock:
                gate.ask("select pg_advisory_unlock_all() is null")
            drained(s, [number])
    return n, number


@case
def killed(s):
    """A worker that is killed while it prepares, while it waits for the service,
    or while it makes the effects: another does it all, once in the database,
    and the service is asked with the same key."""
    def answer(request):
        first = request.path not in seen
        seen.add(request.path)
        return None if first and "/waited" in request.path else \
            answers(request)
    seen = set()
    with Hearer(answer) as h:
        worker.serve(s, TEST_URL=h.url)
        for how, lock, asked in (("held", 4720, 1), ("waited", None, 2),
                                 ("locked", 4721, 2)):
            n, number = killed_at(s, how, lock, h)
            same(job(s, number, "state, attempt, errors -> 0 ->> 'code'"),
                 "done|2|crashed", how)
            same(len(told(s, n, "said")), 1, f"{how}: effects")
            keys = [r.headers["idempotency-key"] for r in h.of(f"/{how}?n={n}")]
            same(keys, [str(number)] * asked, f"{how}: keys")
    same(conservation(s), 0)


@case
def stalled(s):
    """A worker that is stopped past its lease while it waits for the service
    changes nothing when it goes on: another has done the job."""
    def answer(request):
        return None if h.count(request.path) == 1 else answers(request)
    with Hearer(answer) as h:
        worker.serve(s, TEST_URL=h.url)
        n, number = ask(s, "ok", "test.long")
        with Worker(s, "stalled-a", **QUICK) as a:
            h.await_count(1)
            a.signal_children(signal.SIGSTOP)
            with Worker(s, "stalled-b", **QUICK):
                drained(s, [number])
                before = job(s, number, "to_jsonb(jobs)")
                h.free.set()
                a.signal_children(signal.SIGCONT)
                tap.wait_for(lambda: list(a.events("job", outcome="fenced")),
                             "the late write")
    same(job(s, number, "to_jsonb(jobs)"), before, "the job")
    same((len(told(s, n, "said")), told(s, n, "failed")), (1, [""]))


def gaps(times):
    return [b - a for a, b in zip(times, times[1:])]


@case
def breaker(s):
    """A service that fails is left alone after 5 failures in a row: then one
    job in an interval tries, of all workers, each interval twice as long; the
    others wait without an attempt; when it is well again all are done, once."""
    well_again, early, probes, lock = [], [], [], threading.Lock()
    state = "select state from lockstep.breakers where destination = " \
        "'FRAIL_URL'"

    def answer(request):
        if well_again:
            return answers(request)
        with lock:
            (probes if eye.ask(f"select coalesce(({state}), '')") ==
             "half_open" else early).append(request.at)
        return reply(503, "{}")
    interval = {"work_breaker_ms": 500, "work_breaker_max_ms": 1000,
                "metric_file": s.directory / "breaker-metrics"}
    with Session(s) as eye, Hearer(answer) as h:
        worker.serve(s, FRAIL_URL=h.url)
        n = next(NUMBERS)
        ids = leave(s, "test.frail", [{"n": n + i, "how": "ok"}
                                      for i in range(40)])
        with Worker(s, "breaker-a", **interval) as a, \
                Worker(s, "breaker-b", **interval) as b:
            def told_of(event):
                return len(list(a.events(event)) + list(b.events(event)))
            tap.wait_for(lambda: told_of("breaker_opened"), "it to open")
            tap.wait_for(lambda: len(probes) >= 4, "four probes", 60)
            same(5 <= len(early) <= 7, True,
                 f"{len(early)} calls before it opened")
            times = probes[:4]
            attempts = s.cluster.psql(
                "select sum(attempt) from lockstep.jobs where id = any(array"
                f"{ids}::bigint[]) and state <> 'running'")
            print(f"# {len(early)} calls, then a probe after " + ", ".join(
                f"{g:.2f}" for g in gaps(times)) + " s")
            same(all(g > 0.95 for g in gaps(times)[1:]), True, "intervals")
            same(int(attempts) <= h.count(), True, f"attempts: {attempts}")
            well_again.append(True)
            began = time.monotonic()
            drained(s, ids)
            print(f"# drained {time.monotonic() - began:.1f} s after it was "
                  "well")
            tap.wait_for(lambda: told_of("breaker_opened") >= 4, "openings")
            tap.wait_for(lambda: told_of("breaker_closed"), "a closing")
            same(told_of("breaker_closed"), 1, "closings")
            same(s.cluster.psql("select state, failures from lockstep.breakers "
                                "where destination = 'FRAIL_URL'"), "closed|0")
        same(states(s, ids), {"done": 40})
        same(s.cluster.psql("select sum(attempt) from lockstep.jobs where id = "
                            f"any(array{ids}::bigint[])"), str(h.count()),
             "attempts are calls")
        same(s.cluster.psql("select count(*), count(distinct n) from app.calls "
                            f"where what = 'said' and n between {n} and "
                            f"{n + 39}"), "40|40", "effects")
    calm(s)


@case
def probe_dies(s):
    """When the worker that probes is killed another job probes, as soon as the
    lease is over: the breaker does not stay half open."""
    state = "select state from lockstep.breakers where destination = " \
        "'FRAIL_URL'"
    failing, hanging = [True], []

    def answer(request):
        if failing:
            return reply(500, "{}")
        hanging.append(request)
        return None
    interval = {"work_breaker_ms": 300, "work_breaker_max_ms": 300, **QUICK}
    with Hearer(answer) as h:
        worker.serve(s, FRAIL_URL=h.url)
        n = next(NUMBERS)
        ids = leave(s, "test.frail", [{"n": n + i, "how": "ok"}
                                      for i in range(6)])
        with Worker(s, "probe-a", **interval) as a:
            tap.wait_for(lambda: s.cluster.psql(state) == "open", "to open")
            failing.clear()
            tap.wait_for(lambda: hanging, "a call that hangs")
            tap.wait_for(lambda: s.cluster.psql(state) == "half_open",
                         "the probe")
            a.kill_all()
        h.free.set()
        with Worker(s, "probe-b", **interval):
            drained(s, ids)
        same(s.cluster.psql(state), "closed")
    same(states(s, ids), {"done": 6})
    calm(s)


@case
def recovered(s):
    """What died while a service was broken runs again by itself when it is well,
    once; a job that had died before stays dead."""
    well_again = []

    def answer(request):
        return answers(request) if well_again else reply(503, "{}")
    interval = {"work_breaker_ms": 300, "work_breaker_max_ms": 300, **QUICK}
    with Hearer(answer) as h:
        worker.serve(s, FRAIL_URL=h.url)
        n = next(NUMBERS)
        broken = leave(s, "test.frail", [{"n": n, "how": "broken"}],
                       more=", max_attempts => 1")
        ids = leave(s, "test.frail", [{"n": n + i, "how": "ok"}
                                      for i in range(1, 9)],
                    more=", max_attempts => 1")
        last = leave(s, "test.frail", [{"n": n + 9, "how": "ok"}])
        with Worker(s, "recovered", **interval) as w:
            tap.wait_for(lambda: states(s, ids) == {"dead": 8}, "all to die")
            well_again.append(True)
            drained(s, ids + last)
            [line] = tap.wait_for(lambda: list(w.events("breaker_closed")),
                                  "the log")
        same(line["recovered"], 8)
        same((states(s, ids + last), states(s, broken)),
             ({"done": 9}, {"dead": 1}))
        same(s.cluster.psql("select count(*), count(distinct n) from app.calls "
                            f"where what = 'said' and n between {n} and "
                            f"{n + 9}"), "9|9", "effects")
        same(s.cluster.psql("select changed, role from lockstep.operations "
                            "where action = 'recover' order by id desc "
                            "limit 1"), "8|")
    calm(s)


@case
def nobody_left(s):
    """When all jobs of a service have given up, and nobody leaves another, one
    of them finds out that it is well; then all run again, once."""
    well_again = []

    def answer(request):
        return answers(request) if well_again else reply(503, "{}")
    interval = {"work_breaker_ms": 300, "work_breaker_max_ms": 300, **QUICK}
    with Hearer(answer) as h:
        worker.serve(s, FRAIL_URL=h.url)
        n = next(NUMBERS)
        ids = leave(s, "test.frail", [{"n": n + i, "how": "ok"}
                                      for i in range(6)],
                    more=", max_attempts => 1")
        with Worker(s, "nobody", **interval) as w:
            tap.wait_for(lambda: int(job(s, f"any(array{ids})",
                                         "sum(attempt)")) > 7, "a probe")
            well_again.append(True)
            tap.wait_for(lambda: states(s, ids) == {"done": 6}, "all", 60)
            tap.wait_for(lambda: list(w.events("breaker_closed")), "the log")
        same(s.cluster.psql("select count(*), count(distinct n) from app.calls "
                            f"where what = 'said' and n between {n} and "
                            f"{n + 9}"), "6|6", "effects")
    calm(s)


@case
def recovered_though_killed(s):
    """What is to come back is not lost with the worker that has seen that the
    service is well, nor by a database that does not let it: another worker does
    it, for all, by batches."""
    well_again = []

    def answer(request):
        return answers(request) if well_again else reply(503, "{}")

    def of_breaker(what):
        return s.cluster.psql(f"select {what} from lockstep.breakers where "
                              "destination = 'FRAIL_URL'")
    recover = "execute on function lockstep.breaker_recover(text, text[], " \
        "integer)"
    interval = {"work_breaker_ms": 300, "work_breaker_max_ms": 300, **QUICK}
    with Hearer(answer) as h:
        worker.serve(s, FRAIL_URL=h.url)
        n = next(NUMBERS)
        ids = leave(s, "test.frail", [{"n": n + i, "how": "ok"}
                                      for i in range(8)],
                    more=", max_attempts => 1")
        last = leave(s, "test.frail", [{"n": n + 8, "how": "ok"}])
        s.cluster.psql(f"revoke {recover} from lockstep_worker")
        with Worker(s, "recovers-not", **interval) as w:
            tap.wait_for(lambda: states(s, ids) == {"dead": 8}, "all to die")
            well_again.append(True)
            drained(s, last)
            tap.wait_for(lambda: list(w.events("recover")), "the refusal")
            w.kill_all()
        same((of_breaker("state, recover_since is not null"),
              states(s, ids)), ("closed|t", {"dead": 8}))
        # So many that one batch does not do.
        s.cluster.psql(
            "insert into lockstep.jobs (kind, args, claims, role, state, "
            "reason, attempt, max_attempts, run_at, created_at, finalized_at) "
            "select j.kind, j.args, j.claims, j.role, 'dead', 'exhausted', 1, "
            "1, j.run_at, j.created_at, j.finalized_at from lockstep.jobs j, "
            f"generate_series(1, 1500) where j.id = {ids[0]}")
        s.cluster.psql(f"grant {recover} to lockstep_worker")
        with Worker(s, "recovers", **interval):
            tap.wait_for(lambda: of_breaker("recover_since is null") == "t",
                         "all of them", 30)
            s.cluster.psql(
                "update lockstep.jobs set state = 'cancelled', reason = "
                "'cancelled', finalized_at = now() where kind = 'test.frail' "
                f"and state = 'available' and id > {last[0]}")
            tap.wait_for(lambda: states(s, ids) == {"done": 8}, "all", 30)
        same(s.cluster.psql("select count(*), count(distinct n) from app.calls "
                            f"where what = 'said' and n between {n + 1} and "
                            f"{n + 8}"), "8|8", "effects")
        same(s.cluster.psql("select count(*) from lockstep.jobs where kind = "
                            "'test.frail' and state = 'dead' and id >= "
                            f"{ids[0]}"), "0", "left dead")
    calm(s)


@case
def probe_skips(s):
    """A probe that has nothing to ask for is given back: the next job is the
    probe."""
    n = next(NUMBERS)
    with Hearer(answers) as h:
        worker.serve(s, FRAIL_URL=h.url)
        s.cluster.psql("insert into lockstep.breakers (destination, state, "
                       "failures, failing_since, open_ms, until) values ("
                       "'FRAIL_URL', 'open', 5, now(), 1000, now())")
        ids = leave(s, "test.frail", {"n": n, "how": "skip"})
        with Worker(s, "skips"):
            drained(s, ids)
            same(s.cluster.psql(
                "select state, until <= now(), failures from lockstep.breakers "
                "where destination = 'FRAIL_URL'"), "open|t|5")
            drained(s, leave(s, "test.frail", {"n": n + 1, "how": "ok"}))
            tap.wait_for(lambda: s.cluster.psql(
                "select state from lockstep.breakers where destination = "
                "'FRAIL_URL'") == "closed", "to close")
        same(h.count(), 1, "calls")
    calm(s)


@case
def half_fails(s):
    """A service of whose calls half fail is left alone as well, though never
    five in a row."""
    def answer(request):
        return answers(request) if request.json()["n"] % 2 else \
            reply(500, "{}")
    with Hearer(answer) as h:
        worker.serve(s, FRAIL_URL=h.url)
        n = next(NUMBERS)
        with Worker(s, "half", work_breaker_ms=60000) as w:
            for i in range(14):
                before = h.count()
                leave(s, "test.frail", {"n": n + i, "how": "ok"},
                      more=", max_attempts => 1")
                tap.wait_for(lambda: h.count() > before or list(
                    w.events("breaker_opened")), "a call")
                tap.wait_for(lambda: s.cluster.psql(
                    "select count(*) from lockstep.jobs where kind = "
                    "'test.frail' and state = 'running'") == "0", "its end")
            same(len(list(w.events("breaker_opened"))), 1, "openings")
        same(9 <= h.count() <= 12, True, f"{h.count()} calls")
    s.cluster.psql("update lockstep.jobs set state = 'cancelled', reason = "
                   "'cancelled', finalized_at = now() where kind = "
                   "'test.frail' and finalized_at is null")
    calm(s)


def figures_of(s):
    return s.ops("/metrics").body.decode()


@case
def figures(s):
    """Calls are counted by how they ended, and the breaker's state is told."""
    with Hearer(answers) as h:
        worker.serve(s, TEST_URL=h.url)
        ids = [ask(s, how)[1] for how in ("ok", "400")]
        ids.append(ask(s, "hang", "test.brief")[1])
        with Worker(s, "figures", metric_file=s.directory / "metrics",
                    **BRIEF):
            drained(s, ids)
            tap.wait_for(lambda: "lockstep_service_breaker_state{destination="
                         '"TEST_URL"} ' in figures_of(s), "the state")
        text = figures_of(s)
    for series in ('kind="test.call",result="200"} ',
                   'kind="test.call",result="400"} ',
                   'kind="test.brief",result="timeout"} '):
        same(f"lockstep_service_calls_total{{{series}" in text, True, series)
    same('lockstep_service_call_seconds_count{kind="test.call"}' in text, True)
    calm(s)


@case
def secret(s):
    """No secret of a service is in the log, among the arguments, or in what is
    kept of a job."""
    key = (s.directory / "service-secrets/TEST_SECRET").read_text().strip()
    for path in list(s.directory.glob("*.log")) + \
            list(s.directory.glob("*.err")):
        same(key[6:] in path.read_text(errors="replace"), False, str(path))
    same(s.cluster.psql("select count(*) from lockstep.jobs where jobs::text "
                        f"like '%{key[6:]}%'"), "0")
    done = s.run("config", "--config", s.directory / "figures.conf")
    same(key[6:] in done.stdout, False, "settings")


# ---- Letters.

def letter(s, token, title="Letter"):
    told_of = s.curl("POST", "/api/letters", token,
                     {**sut.NEW_LETTER, "title": title}).data
    s.curl("POST", f"/api/letters/{told_of['id']}/send", token, {})
    return told_of["id"]


def status(s, token, number):
    return s.get(f"/api/letters/{number}", token).data["status"]


@case
def letter_seen(s):
    """A letter that is sent is queued, then generating while the service writes
    it, for whoever looks; it can be neither recalled nor deleted meanwhile; then
    it is ready, with what the service wrote."""
    token = s.token("authenticated", sut.ALICE)
    with Writer(s) as writer, Worker(s, "letter_seen"):
        writer.process.send_signal(signal.SIGSTOP)
        number = letter(s, token)
        tap.wait_for(lambda: status(s, token, number) == "generating",
                     "generating")
        same(s.curl("POST", f"/api/letters/{number}/recall", token
                    ).error["code"], "letter_in_writing")
        same(s.curl("DELETE", f"/api/letters/{number}", token).error["code"],
             "letter_on_its_way")
        writer.process.send_signal(signal.SIGCONT)
        tap.wait_for(lambda: status(s, token, number) == "ready", "ready")
    data = s.get(f"/api/letters/{number}", token).data
    same((data["content"].startswith("Dear Ada Byron,"), data["sent_at"],
          data["failure_reason"]), (True, None, None))
    calm(s)


@case
def letter_fails(s):
    """A letter that the service refuses has failed, and says why; between two
    tries it can be recalled."""
    token = s.token("authenticated", sut.ALICE)
    with Writer(s) as writer, Worker(s, "letter_fails"):
        writer.mood.write_text('{"status": 400}')
        number = letter(s, token)
        tap.wait_for(lambda: status(s, token, number) == "failed", "failed")
        data = s.get(f"/api/letters/{number}", token).data
        same(("permanent" in data["failure_reason"], data["content"]),
             (True, None), data["failure_reason"])
        writer.mood.write_text('{"status": 503}')
        number = letter(s, token)
        tap.wait_for(lambda: s.cluster.psql(
            "select state from lockstep.jobs where args ->> 'letter_id' = "
            f"'{number}'") == "scheduled", "the pause")
        same(status(s, token, number), "generating")

        def recall():
            reply = s.curl("POST", f"/api/letters/{number}/recall", token)
            # Not while it is tried again.
            return None if reply.status == 409 else reply.data["status"]
        same(tap.wait_for(recall, "a pause"), "draft")
        writer.mood.write_text("{}")
        s.curl("POST", f"/api/letters/{number}/send", token, {})
        tap.wait_for(lambda: status(s, token, number) == "ready", "ready")
    calm(s)


@case
def letters_again(s):
    """Letters that failed since the writer was down are written once it is up,
    each once, and say no more why they failed; what finds out meanwhile that it
    is still down calls it, and no job ends as done."""
    token = s.token("authenticated", sut.ALICE)
    ids = [letter(s, token, f"Again {i}") for i in range(6)]
    ours = f"args ->> 'letter_id' = any(array{ids})"

    def of_jobs(what):
        return s.cluster.psql(f"select {what} from lockstep.jobs where {ours}")

    def requests():
        return (s.directory / "writer.log").read_text().count("POST /letters")

    def of_letters(what):
        return s.cluster.psql(f"select {what} from app.letters where id = "
                              f"any(array{ids}::uuid[])")
    s.cluster.psql(f"update lockstep.jobs set max_attempts = 1 where {ours}")
    before = requests() if (s.directory / "writer.log").exists() else 0
    (s.directory / "writer.mood").write_text('{"status": 503}')
    with Writer(s) as writer, Worker(s, "again", **BRIEF, **QUICK):
        tap.wait_for(lambda: int(of_jobs("min(attempt)")) > 1,
                     lambda: "probes of all: " + s.cluster.psql(
                         "select id, state, attempt, reason, replayed, "
                         "finalized_at from lockstep.jobs where kind = "
                         "'letter.generate' and state <> 'done'; select * "
                         "from lockstep.breakers"), 60)
        same(of_jobs("count(*) filter (where state = 'done')"), "0")
        # What runs has been counted, and may not have been heard.
        attempts, heard = int(of_jobs("sum(attempt)")), requests() - before
        same(heard >= attempts - 1, True, f"{heard} of {attempts} attempts")
        writer.mood.write_text("{}")
        tap.wait_for(lambda: of_letters(
            "count(*) filter (where status = 'ready')") == "6", "all letters",
            40)
        drained(s, [int(n) for n in of_jobs("id").split()])
        kept = sqlite3.connect(writer.shelf)
        numbers = of_jobs("id").split()
        same(kept.execute("select count(*) from letters where key in ("
                          + ",".join("?" * 6) + ")", numbers).fetchone(),
             (6,), "letters by key")
    same(of_letters("count(content), count(failure_reason)"), "6|0")
    same(of_jobs("count(*), count(*) filter (where state = 'done')"), "6|6")
    calm(s)


@case
def letter_left(s):
    """A letter that failed since our servers said so is left as it is."""
    token = s.token("authenticated", sut.ALICE)
    with Writer(s):
        number = letter(s, token, "Left")
        s.cluster.psql("select from app.fail_letter("
                       f"'{number}', 'We would rather not.')")
        with Worker(s, "letter_left"):
            tap.wait_for(lambda: s.cluster.psql(
                "select state from lockstep.jobs where args ->> 'letter_id' = "
                f"'{number}'") == "done", "the job")
    data = s.get(f"/api/letters/{number}", token).data
    same((data["status"], data["failure_reason"]),
         ("failed", "We would rather not."))
    # Nor does it help to ask for it without a job.
    same(s.cluster.psql(
        "begin; set local role authenticated; "
        "select set_config('request.jwt.claims', '{\"sub\": \"" + sut.ALICE +
        "\"}', true) is null; select app.letter_request('" + number + "')"
        ).splitlines()[-1], '{"skip": true}')
    calm(s)


@case
def letters_under_kills(s):
    """While the worker, Postgres and the writer are killed in turn, each letter
    that was sent ends as ready or failed, once; and the service wrote each one
    once."""
    token = s.token("authenticated", sut.ALICE)
    ids = []
    with Writer(s) as writer:
        writer.mood.write_text('{"delay_ms": 100}')
        with Worker(s, "kills-a", **QUICK, **BRIEF) as w, \
                Worker(s, "kills-b", **QUICK, **BRIEF):
            for i in range(6):
                ids += [letter(s, token, f"{i} {j}") for j in range(5)]
                if i % 3 == 0:
                    w.signal_children(signal.SIGKILL)
                elif i % 3 == 1:
                    s.cluster.stop("immediate")
                    s.cluster.start()
                    s.ready()
                else:
                    writer.kill()
                    writer.start()
            same(len(ids), 30)
            over = ("select count(*) from app.letters where id = any(array"
                    f"{ids}::uuid[]) and status in ('ready', 'failed')")
            tap.wait_for(lambda: s.cluster.psql(over) == "30", "all letters",
                         120, 0.1)
        kept = sqlite3.connect(writer.shelf)
        ready = s.cluster.psql(
            "select j.id, l.content from lockstep.jobs j, app.letters l where "
            "j.args ->> 'letter_id' = l.id::text and j.state = 'done' and l.id "
            f"= any(array{ids}::uuid[]) and l.status = 'ready'")
        print(f"# {len(ready.splitlines())} lines of letters that are ready")
        numbers = s.cluster.psql(
            "select id from lockstep.jobs where args ->> 'letter_id' = "
            f"any(array{ids})").split()
        same((len(numbers), "Dear Ada" in ready), (30, True), "a job each")
        same(kept.execute("select count(*) from letters where key in ("
                          + ",".join("?" * 30) + ")", numbers).fetchone(),
             (30,), "letters by key")
    same(conservation(s), 0)
    calm(s)


def main():
    directory = worker.directory()
    try:
        top = worker.contract(directory, KINDS, SCHEMAS)
        with sut.System(instances=1, contract=top) as s:
            s.cluster.psql(worker.TABLES + TABLES)
            # Jobs of the demo's letters, which are none of the tests'.
            s.cluster.psql("update lockstep.jobs set state = 'cancelled', "
                           "reason = 'cancelled', finalized_at = now()")
            secrets = s.directory / "service-secrets"
            secrets.mkdir()
            (secrets / "TEST_SECRET").write_text(
                "whsec_" + base64.b64encode(os.urandom(32)).decode() + "\n")
            return tap.run(s)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        sys.exit(os.environ.get("CI") == "true")
