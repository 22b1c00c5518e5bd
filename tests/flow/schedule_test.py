# SPDX-License-Identifier: MIT
"""Schedules: one run a tick, whatever number of workers there are and whichever
of them are killed or stopped; what was missed; and what people see of it."""

import json
import os
import shutil
import signal
import sys

import system as sut
import tap
import worker
from tap import case, same
from worker import Session, Worker, conservation, drained

EVERY = {"call": "app.test_effect", "role": "service_role"}
KINDS = {
    "test.second": {**EVERY, "schedule": "every 1 s", "with": {"n": 1}},
    "test.minute": {**EVERY, "schedule": "* * * * *", "with": {"n": 2}},
    "test.daily": {**EVERY, "schedule": "30 2 * * *",
                   "zone": "Europe/Berlin", "with": {"n": 3}},
    "test.skipped": {**EVERY, "schedule": "@hourly", "missed": "skip",
                     "with": {"n": 4}},
}


def ticks(s, name="test.second"):
    """The ticks that have a job, in their order, and how often."""
    out = s.cluster.psql(
        "select extract(epoch from tick)::bigint, count(*) from lockstep.jobs "
        f"where schedule = '{name}' group by tick order by tick")
    return [tuple(map(int, line.split("|"))) for line in out.splitlines()]


def count(s, name="test.second"):
    return int(s.cluster.psql("select count(*) from lockstep.jobs where "
                              f"schedule = '{name}'"))


def whole(s, make):
    """Makes ticks: each has one run, and none is left out. Of a machine that
    stood still for more than a second one may be: then once more."""
    for _ in range(3):
        clear(s)
        make(s)
        got = ticks(s)
        same([t for t, n in got if n != 1], [], "ticks with several runs")
        gaps = sum(b - a - 1 for (a, _), (b, _) in zip(got, got[1:]))
        print(f"# {len(got)} ticks, {gaps} left out")
        if gaps == 0:
            break
    same(gaps, 0, f"ticks of {len(got)} left out")


def more(s, n, what):
    """Waits for so many ticks from now on."""
    before = count(s)
    tap.wait_for(lambda: count(s) >= before + n, what, n + 30, 0.1)


def clear(s):
    """No jobs, no schedules; by a superuser, whom nothing binds."""
    s.cluster.psql("delete from lockstep.jobs; delete from "
                   "lockstep.job_ledger; delete from lockstep.schedules")


def ticker(s, *workers):
    """The process that makes ticks: who has the last line of a log; not one
    that was killed, whose heir has not written yet."""
    def last():
        found = [(e["due"], e["pid"]) for w in workers
                 for e in w.events("tick", schedule="test.second")]
        live = {pid for w in workers for pid in w.children()}
        return found and max(found)[1] in live and max(found)[1]
    return tap.wait_for(last, "a tick in a log")


@case
def one_run(s):
    """Three processes and a second worker make one run a tick, also while the
    process that made the last one is killed, again and again."""
    whole(s, killing)
    tap.wait_for(lambda: conservation(s) == 0, "conservation")


def killing(s):
    with Worker(s, "ticks-a", work_processes=3, work_threads=2) as a, \
            Worker(s, "ticks-b", work_processes=1, work_threads=2) as b:
        more(s, 4, "ticks")
        for _ in range(5):
            os.kill(ticker(s, a, b), signal.SIGKILL)
            more(s, 2, "ticks after a kill")


@case
def stopped(s):
    """A process that is stopped holds up no tick; and makes none of those again
    that were made meanwhile, once it goes on."""
    whole(s, stopping)


def stopping(s):
    with Worker(s, "stop-a", work_processes=3, work_threads=2) as a, \
            Worker(s, "stop-b", work_processes=1, work_threads=2) as b:
        more(s, 2, "ticks")
        for _ in range(3):
            pid = ticker(s, a, b)
            os.kill(pid, signal.SIGSTOP)
            try:
                more(s, 3, "ticks beside a stopped process")
            finally:
                os.kill(pid, signal.SIGCONT)
        more(s, 2, "ticks after it went on")


@case
def effects(s):
    """A run is a job like others: as the role, with the claims of the schedule,
    and with its arguments."""
    clear(s)
    s.cluster.psql("truncate app.effects")
    with Worker(s, "effects"):
        more(s, 2, "ticks")
        tap.wait_for(lambda: s.cluster.psql(
            "select count(*) >= 2 from app.effects where n = 1 and role = "
            "'service_role'") == "t", "effects", 20)
    same(s.cluster.psql(
        "select distinct kind, role, claims, args from lockstep.jobs where "
        "schedule = 'test.second'"),
        'test.second|service_role|{"sub": "schedule:test.second", "role": '
        '"service_role"}|{"n": 1}')


@case
def no_drift(s):
    """Ticks are whole seconds, however late each was made; and the next of a day
    is where the zone's clock has it."""
    same(s.cluster.psql("select count(*) from lockstep.jobs where tick <> "
                        "date_trunc('second', tick) or run_at < tick"), "0")
    same(s.cluster.psql(
        "select to_char(next_tick at time zone 'Europe/Berlin', 'HH24:MI:SS'),"
        " next_tick > now(), next_tick < now() + interval '25 hours' from "
        "lockstep.schedules where name = 'test.daily'"), "02:30:00|t|t")


@case
def catching_up(s):
    """Of the ticks that passed while nobody worked one is made up for, or none
    where the contract says so; and it is told how many there were."""
    clear(s)
    with Worker(s, "before"):
        tap.wait_for(lambda: s.cluster.psql(
            "select count(*) from lockstep.schedules") == "5",
            "the schedules", 20)
    s.cluster.psql(
        "set role lockstep_worker; update lockstep.schedules set next_tick = "
        "date_trunc('hour', now()) - interval '5 hours' where name in "
        "('test.minute', 'test.skipped')")
    hour = s.cluster.psql("select extract(minute from now()) between 2 and 57")
    with Worker(s, "after") as w:
        tap.wait_for(lambda: any(w.events("tick", schedule="test.skipped")),
                     "the skipped ticks", 20)
        tap.wait_for(lambda: count(s, "test.minute") >= 1, "a run", 20)
        # At the full hour there is another.
        first = next(w.events("tick", schedule="test.skipped"))
    same(first["job"] == 0 or hour == "f", True, "what is skipped")
    same(first["missed"] >= 5, True, first)
    [run] = [e for e in w.events("tick", schedule="test.minute")
             if e["missed"] > 0]
    same(300 <= run["missed"] <= 361, True, run)
    same(count(s, "test.minute") <= 2, True, "made up once")
    same(count(s, "test.skipped") == 0 or hour == "f", True, "skipped")
    same(s.cluster.psql("select runs <= 2, missed >= 300 from "
                        "lockstep.schedules where name = 'test.minute'"),
         "t|t")


@case
def two_contracts(s):
    """A schedule that a newer contract says otherwise is the newer one's, and
    those with the older one leave it alone while it is tended."""
    clear(s)
    other = s.directory / "other"
    shutil.copytree(s.contract, other)
    path = other / "jobs/test.second.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "schedule": "every 2 s"}))
    with Worker(s, "older"):
        more(s, 2, "ticks")
        with Worker(s, "newer", contract=other):
            tap.wait_for(lambda: s.cluster.psql(
                "select spec from lockstep.schedules where name = "
                "'test.second'") == "every 2 s", "the newer one", 20)
            last = ticks(s)[-1][0]
            more(s, 3, "ticks of two seconds")
            same([t for t, _ in ticks(s) if t > last + 1 and t % 2 == 1], [],
                 "ticks of the older one")


@case
def only_once(s):
    """Of many that ask for the same tick at once one is granted; what is not
    due, and what has gone by, is granted to nobody."""
    clear(s)
    s.cluster.psql("set role lockstep_worker; select lockstep.schedule_keep("
                   "'test.once', 'every 1 s', 'UTC', '2026-01-01')")

    def ask(due="'2026-01-01'", tick="'2026-01-01'",
            following="now() + interval '1 hour'"):
        return ("select coalesce(lockstep.schedule_tick('test.once', "
                f"{due}, {tick}, {following}, 0, '{{}}', 'service_role') > 0, "
                "false)")
    many = [Session(s) for _ in range(6)]
    for one in many:
        one.ask("begin; set local role lockstep_worker; select 1")
        one.psql.stdin.write(ask() + "; commit;\n")
        one.psql.stdin.flush()
    got = [one.psql.stdout.readline().strip() for one in many]
    for one in many:
        one.__exit__()
    same(sorted(got), ["f"] * 5 + ["t"], "granted")
    same(count(s, "test.once"), 1)
    as_worker = "set role lockstep_worker; "
    same(s.cluster.psql(as_worker + ask()), "f", "again")
    same(s.cluster.psql(as_worker + ask(
        due="(select next_tick from lockstep.schedules where name = "
        "'test.once')", tick="now()", following="'2030-01-01'")), "f",
        "before its time")


@case
def people(s):
    """`lockstep jobs schedules` lists them with their next ticks; an operator
    may look and not change; the figures are there."""
    with Worker(s, "people"):
        more(s, 2, "ticks")
    out = s.run("jobs", "schedules", "--config", s.config_path(0),
                "--json").stdout
    got = {row["name"]: row for row in map(json.loads, out.splitlines())}
    same(got["test.daily"]["spec"], "30 2 * * *")
    same(got["test.daily"]["zone"], "Europe/Berlin")
    same(s.run("jobs", "schedules", "--config", s.config_path(0)
               ).stdout.split()[0], "name")
    refused = s.cluster.psql("set role operator; update lockstep.schedules "
                             "set runs = 0", check=False)
    same(refused, "")
    metrics = s.ops("/metrics").body.decode()
    for name in ('lockstep_schedule_lag_seconds{schedule="test.second"} ',
                 'lockstep_schedule_ticks_total{schedule="test.second",'
                 'result="run"} '):
        same(name in metrics, True, name)


def main():
    top = worker.directory()
    try:
        with sut.System(instances=1, contract=worker.contract(
                top, KINDS)) as s:
            s.cluster.psql(worker.TABLES)
            return tap.run(s)
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
