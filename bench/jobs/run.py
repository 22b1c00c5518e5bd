# SPDX-License-Identifier: MIT
"""Jobs a second, Lockstep's worker beside graphile-worker: on one Postgres, in
turn, several rounds, one by one and in batches, jobs that insert a row and jobs
that do nothing.  Both are durable in the same way: fsync and synchronous_commit
are on.  What a job is differs: here its effect, under row level security as
whoever left it, and its end are one commit, fenced; there the effect is made as
graphile's own role, and is apart from the job's end.

Seconds are from the first job to the last, so that nobody's start counts: here
by the database's clock, of what the jobs have left; there by node's, from the
first job's call until the queue is empty.  Beside them is the time of the
processors that a job takes, Postgres' and the worker's, which other programs on
the machine disturb less.

Figures of one machine mean little elsewhere; the ratios mean something."""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import resource
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


KINDS = {"bench.effect": {"call": "app.bench_effect"},
         "bench.empty": {"call": "app.bench_empty"},
         "bench.effects": {"call": "app.bench_effect", "batch": BATCH},
         "bench.empties": {"call": "app.bench_empty", "batch": BATCH}}
# Of plpgsql, whose statements are planned once a connection.
TABLES = worker.TABLES + """
create function app.bench_effect(n bigint) returns void language plpgsql as $$
begin
    insert into app.effects (n, began_at) values (n, clock_timestamp());
end $$;
create function app.bench_empty(n bigint) returns void language plpgsql as
    'begin end';
grant execute on function app.bench_effect(bigint), app.bench_empty(bigint)
    to authenticated;
"""


def ticks(pid):
    """Of a process and those of its children that have ended."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return sum(map(int, text.rpartition(")")[2].split()[11:15]))


class Clock:
    """The time of the processors that Postgres has taken."""

    def __init__(self, s):
        self.s = s
        self.began = self.seconds()

    def seconds(self):
        main = int((self.s.cluster.data / "postmaster.pid").read_text()
                   .split()[0])
        done = subprocess.run(["pgrep", "-P", str(main)], capture_output=True,
                              text=True, check=False)
        total = ticks(main)
        for pid in done.stdout.split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += ticks(pid)
        return total / os.sysconf("SC_CLK_TCK")

    def passed(self):
        return self.seconds() - self.began


def used_by_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Lockstep:
    """`lockstep work` with kinds of its own."""

    def __init__(self, s, threads, empty):
        self.s, self.threads, self.empty = s, threads, empty

    @staticmethod
    def prepare(contract):
        for name, kind in KINDS.items():
            (contract / f"jobs/{name}.json").write_text(json.dumps({
                "job": name, "kind": "sql",
                "args": "schemas/test_effect.json", **kind}))

    def fill(self, kind, jobs):
        claims = json.dumps({"sub": sut.ALICE, "role": "authenticated"})
        self.s.cluster.psql(
            "begin; select set_config('role', 'authenticated', true), "
            f"set_config('request.jwt.claims', '{claims}', true); "
            f"select count(lockstep.enqueue('{kind}', jsonb_build_object('n', "
            f"n))) from generate_series(1, {jobs}) n; commit", user="lockstep")
        self.s.cluster.psql("vacuum analyze")
        self.s.cluster.psql("checkpoint")

    def run(self, batch, jobs):
        kind = ("bench.empt" + ("ies" if batch else "y") if self.empty else
                "bench.effect" + ("s" if batch else ""))
        self.fill(kind, jobs)
        clock, used = Clock(self.s), used_by_children()
        with worker.Session(self.s) as session, worker.Worker(
                self.s, "bench", "--queue", "default",
                work_threads=self.threads) as w:
            while session.ask("select exists (select from lockstep.jobs where "
                              "state = 'available')") != "f":
                if w.process.poll() is not None:
                    raise SystemExit("the worker ended: " + w.log.read_text())
                time.sleep(0.2)
        cpu = clock.passed(), used_by_children() - used
        done, seconds = self.s.cluster.psql(
            "select count(*), extract(epoch from max(finalized_at) - "
            "min(finalized_at)) from lockstep.jobs where state = 'done'"
        ).split("|")
        rows = self.s.cluster.psql("with gone as (delete from app.effects "
                                   "returning 1) select count(*) from gone")
        if (int(done), int(rows)) != (jobs, 0 if self.empty else jobs):
            raise SystemExit(f"{done} done, {rows} effects of {jobs} jobs")
        self.s.cluster.psql("truncate lockstep.jobs, lockstep.job_ledger, "
                            "app.effects")
        return jobs / float(seconds), [1000 * c / jobs for c in cpu]


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
        node = subprocess.Popen(
            [str(self.work / "node_modules/.bin/node"),
             str(self.work / "graphile.mjs"), str(settings)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if node.stdout.readline() != "ready\n":
            raise SystemExit("graphile-worker did not begin")
        self.s.cluster.psql("checkpoint")
        clock = Clock(self.s)
        node.stdin.write("go\n")
        node.stdin.flush()
        told = node.stdout.readline()
        cpu = clock.passed()
        node.communicate()
        if node.returncode != 0:
            raise SystemExit("graphile-worker has failed")
        told = json.loads(told)
        return jobs / told["seconds"], [1000 * cpu / jobs,
                                        1000 * told["cpu"] / jobs]


def spread(values, digits=0):
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}-{max(values):.{digits}f})")


def race(title, sides, batch, jobs, rounds):
    """Each in turn, in the order of the round before turned around."""
    told = {name: [] for name in sides}
    names = list(sides)
    for _ in range(rounds):
        for name in names:
            told[name].append(sides[name].run(batch, jobs))
        names.reverse()
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{title} ({jobs} jobs, {rounds} rounds, load {load}):", flush=True)
    for name, runs in told.items():
        rates = [rate for rate, _ in runs]
        postgres, own = (statistics.median(cpu[i] for _, cpu in runs)
                         for i in (0, 1))
        print(f"  {name:16} {spread(rates):22} jobs/s; processors "
              f"{postgres:.3f} + {own:.3f} ms a job")
    ours, theirs = ([rate for rate, _ in told[name]] for name in sides)
    print("  lockstep is "
          f"{spread([a / b for a, b in zip(ours, theirs)], 2)} of it")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=6000, metavar="N",
                        help="one by one; ten times as many in batches")
    parser.add_argument("--threads", type=int, default=CONNECTIONS,
                        help="of the worker, each with a connection; "
                        f"graphile-worker has {CONNECTIONS}")
    parser.add_argument("--only", default="", help="of the four races those "
                        "with this in their name")
    options = parser.parse_args()
    sut.Cluster.fsync = "on"
    kinds = worker.contract(worker.directory())
    Lockstep.prepare(kinds)
    with sut.System(instances=0, nginx=False, contract=kinds) as s:
        s.cluster.psql(TABLES)
        s.cluster.psql("delete from lockstep.jobs; truncate "
                       "lockstep.job_ledger; " + PEER_TABLE)
        for batch, empty in itertools.product((False, True), repeat=2):
            title = (("in batches" if batch else "one by one") +
                     (", empty jobs" if empty else ", a row each"))
            if options.only not in title:
                continue
            race(title, {"lockstep": Lockstep(s, options.threads, empty),
                         "graphile-worker": Graphile(s, empty)},
                 batch, options.jobs * (10 if batch else 1), options.rounds)
    shutil.rmtree(kinds.parent)


if __name__ == "__main__":
    main()
