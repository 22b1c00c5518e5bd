# SPDX-License-Identifier: MIT
"""What rollups cost and how far they are behind, with fsync on: inserts of one
row each by 16 writers, all of one company, with and without the triggers, in
turn; then 1,000 inserts a second while a worker folds, and how old what is not
folded gets; and what reading a company's health costs.

Figures of one machine mean little elsewhere; the ratio means more."""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import system as sut  # noqa: E402
from worker import Session, Worker  # noqa: E402

INSERT = """insert into app.events (company_id, kind, score, occurred_at)
values ({}, 'nps', 9, now() - random() * interval '{}');
"""
HEALTH = "select * from app.company_health_at('{}', 90, now());\n"
DIFFERING = ("select count(*) from app.company_events_compare('-infinity', "
             "'infinity') c where c.kept is distinct from c.counted")


def pgbench(s, script, clients, seconds, *more):
    """Transactions a second, and their latencies' mean in ms."""
    path = s.directory / "bench.sql"
    path.write_text(script)
    out = subprocess.run(
        [f"{sut.PG_BIN}/pgbench", "-n", "-M", "prepared", "-f", str(path),
         "-c", str(clients), "-j", "2", "-T", str(seconds), *more,
         s.cluster.conninfo()], capture_output=True, text=True, check=True
        ).stdout
    return (float(re.search(r"tps = ([0-9.]+)", out)[1]),
            float(re.search(r"latency average = ([0-9.]+)", out)[1]))


def triggers(s, on):
    word = "enable" if on else "disable"
    s.cluster.psql("".join(
        f"alter table app.events {word} trigger company_events_{verb};"
        for verb in ("insert", "update", "delete")))


def hot_key(s, company, rounds, seconds):
    rates = {True: [], False: []}
    script = INSERT.format(f"'{company}'", "1 minute")
    for number in range(rounds):
        for on in (number % 2 == 0, number % 2 == 1):
            triggers(s, on)
            rates[on].append(pgbench(s, script, 16, seconds)[0])
            s.cluster.psql("select lockstep.fold_rollups(10000000)",
                           user="lockstep_worker")
    triggers(s, True)
    with_, without = (statistics.median(rates[on]) for on in (True, False))
    print(f"one company, 16 writers: {without:.0f}/s without the rollup, "
          f"{with_:.0f}/s with it: {with_ / without:.2f}")
    # What was written without triggers is not counted.
    s.cluster.psql("select lockstep.rebuild_rollup('company_events', null, "
                   "100000000)", user="lockstep_worker")


class Looker(threading.Thread):
    """How old what is not folded is, ten times a second."""

    def __init__(self, s):
        super().__init__()
        self.s, self.over, self.ages = s, threading.Event(), []

    def run(self):
        with Session(self.s) as session:
            while not self.over.is_set():
                self.ages.append(float(session.ask(
                    "select lag_s from lockstep.rollups_now() where name = "
                    "'company_events'")))
                time.sleep(0.1)


def lag(s, seconds):
    script = INSERT.format("(select id from app.companies offset "
                           "floor(random() * 20) limit 1)", "2 hours")
    with Worker(s, "bench"):
        looker = Looker(s)
        looker.start()
        rate, _ = pgbench(s, script, 8, seconds, "-R", "1000")
        looker.over.set()
        looker.join()
    ages = sorted(looker.ages)
    p99 = ages[int(len(ages) * 0.99)]
    print(f"{rate:.0f} events/s, {len(ages)} looks: what is not folded is "
          f"{statistics.median(ages):.2f} s old in the median, {p99:.2f} s at "
          f"p99, {ages[-1]:.2f} s at most")
    print("buckets that differ:", s.cluster.psql(DIFFERING))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--lag-seconds", type=int, default=30)
    o = parser.parse_args()
    sut.Cluster.fsync = "on"
    with sut.System(instances=1, nginx=False) as s:
        print("load", os.getloadavg())
        s.cluster.psql("select lockstep.fill_rollups(10000000)",
                       user="lockstep_worker")
        company = s.cluster.psql("select id from app.companies order by id "
                                 "limit 1")
        hot_key(s, company, o.rounds, o.seconds)
        lag(s, o.lag_seconds)
        rate, ms = pgbench(s, HEALTH.format(company), 1, 3)
        print(f"health of that company: {ms:.2f} ms, {rate:.0f}/s by one")
        print("load", os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
