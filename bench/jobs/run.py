# SPDX-License-Identifier: MIT
"""Jobs a second, Lockstep's worker beside graphile-worker: on one Postgres with
fsync on, in turn, several rounds, one by one and in batches.  A job inserts a
row; here as whoever left it, under row level security, in the commit that ends
the job; there as graphile's own role, and apart from the job's end.  Seconds are
from the worker's start (graphile's: from its run(), when node has begun) until
all jobs are done.

Figures of one machine mean little elsewhere; the ratios mean something."""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import system as sut  # noqa: E402
import worker  # noqa: E402

BATCH = 200
CONNECTIONS = 10
PEER_TABLE = "create table public.effects (n bigint not null, " \
    "at timestamptz not null default clock_timestamp())"
EFFECT = "insert into public.effects (n) values ($1)"


class Lockstep:
    """`lockstep work` with the kinds of the tests, and one in batches."""

    def __init__(self, s, threads):
        self.s, self.threads = s, threads
        (s.contract / "jobs/bench.many.json").write_text(json.dumps({
            "job": "bench.many", "kind": "sql", "batch": BATCH,
            "args": "schemas/test_effect.json", "call": "app.test_effect"}))

    def run(self, batch, jobs):
        kind = "bench.many" if batch else "test.effect"
        claims = json.dumps({"sub": sut.ALICE, "role": "authenticated"})
        self.s.cluster.psql(
            "begin; select set_config('role', 'authenticated', true), "
            f"set_config('request.jwt.claims', '{claims}', true); "
            f"select count(lockstep.enqueue('{kind}', jsonb_build_object('n', "
            f"n))) from generate_series(1, {jobs}) n; commit", user="lockstep")
        self.s.cluster.psql("vacuum analyze lockstep.jobs")
        left = "select count(*) from lockstep.jobs where kind = " \
            f"'{kind}' and finalized_at is null"
        began = time.monotonic()
        with worker.Session(self.s) as session, worker.Worker(
                self.s, "bench", "--queue", "default",
                work_threads=self.threads) as w:
            while session.ask(left) != "0":
                if w.process.poll() is not None:
                    raise SystemExit("the worker ended: " + w.log.read_text())
            seconds = time.monotonic() - began
        rows = self.s.cluster.psql("with gone as (delete from app.effects "
                                   "returning 1) select count(*) from gone")
        if int(rows) != jobs:
            raise SystemExit(f"{rows} effects of {jobs} jobs")
        return jobs / seconds


class Graphile:
    def __init__(self, s, empty=False):
        self.s, self.task = s, "empty" if empty else "effect"
        self.work = sut.BUILD / "bench-jobs"
        self.work.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "graphile.mjs"):
            shutil.copy(TOP / "bench/jobs" / name, self.work)
        if not (self.work / "node_modules/.bin/node").exists():
            subprocess.run(["npm", "install", "--silent", "--no-audit",
                            "--no-fund", "--prefix", str(self.work)],
                           check=True, cwd=self.work, stdout=sys.stderr)

    def run(self, batch, jobs):
        settings = self.work / "settings.json"
        settings.write_text(json.dumps({
            "host": str(self.s.cluster.directory), "database": "lockstep",
            "user": "postgres", "jobs": jobs, "concurrency": CONNECTIONS,
            "connections": CONNECTIONS, "effect": EFFECT, "task": self.task,
            "batch": 500 if batch else 0}))
        done = subprocess.run(
            [str(self.work / "node_modules/.bin/node"),
             str(self.work / "graphile.mjs"), str(settings)],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit("graphile-worker: " + done.stderr)
        return jobs / json.loads(done.stdout)["seconds"]


def spread(values, digits=0):
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}-{max(values):.{digits}f})")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=6000, metavar="N",
                        help="one by one; ten times as many in batches")
    parser.add_argument("--threads", type=int, default=8,
                        help="of the worker, each with a connection; "
                        f"graphile-worker has {CONNECTIONS}")
    options = parser.parse_args()
    sut.Cluster.fsync = "on"
    kinds = worker.contract(worker.directory())
    with sut.System(instances=0, nginx=False, contract=kinds) as s:
        s.cluster.psql(worker.TABLES)
        s.cluster.psql("delete from lockstep.jobs; truncate "
                       "lockstep.job_ledger; " + PEER_TABLE)
        sides = {"lockstep": Lockstep(s, options.threads),
                 "graphile-worker": Graphile(s),
                 "graphile-worker, empty jobs": Graphile(s, True)}
        for batch, jobs in ((False, options.jobs), (True, 10 * options.jobs)):
            rates = {name: [] for name in sides}
            for _ in range(options.rounds):
                for name, side in sides.items():
                    rates[name].append(side.run(batch, jobs))
            print("in batches:" if batch else "one by one:", flush=True)
            for name, values in rates.items():
                ratios = [a / b for a, b in zip(rates["lockstep"], values)]
                print(f"  {name:28} {spread(values)} jobs/s" + (
                    "" if name == "lockstep" else
                    f"; lockstep is {spread(ratios, 2)} of it"))
    shutil.rmtree(kinds.parent)


if __name__ == "__main__":
    main()
