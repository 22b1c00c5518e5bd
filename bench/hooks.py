# SPDX-License-Identifier: MIT
"""What the intake of webhooks takes, through nginx: distinct events of 1 kB,
each signed, judged and committed with its job before it is acknowledged; on a
Postgres with fsync on.

    most      as many as go, by wrk; no worker runs, so that the jobs pile up as
              they would behind a slow one
    steady    500 a second, by wrk, with those jobs behind it
    200, ...  so many a second while a worker runs: how long until the reply,
              and until the effect is committed, which Postgres notes
              (track_commit_timestamp).  An event counts from when it was due,
              whether or not the sender was late: whoever waits for a slow reply
              has those behind it wait, too, and that is not left out.  Before
              it, as many rows of 1 kB by pgbench, of which the same is told:
              what this machine takes for a commit at that hour.  Several
              rounds end with the medians of their p95, and the spread.

Figures of one machine mean little elsewhere."""

import argparse
import base64
import hashlib
import hmac
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

import client  # noqa: E402
import system as sut  # noqa: E402
import tap  # noqa: E402
import worker  # noqa: E402
from load import Counts, milliseconds  # noqa: E402
from rollups import pgbench  # noqa: E402

KEY = b"0123456789abcdefghijklmn"
BODY = ('{"type":"feedback.given","timestamp":"2026-01-15T09:30:00Z","data":'
        '{"company_id":"%s","kind":"nps","score":9,"external_id":"%s",'
        '"message":"' + "x" * 800 + '"}}')
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local lines = io.lines("%(file)s")
local before, behind = %(before)s, %(behind)s
request = function()
    local id, at, made = lines():match("(%%S+) (%%S+) (%%S+)")
    wrk.headers["webhook-id"] = id
    wrk.headers["webhook-timestamp"] = at
    wrk.headers["webhook-signature"] = made
    return wrk.format(nil, nil, nil, before .. id .. behind)
end
local failed = 0
response = function(status, headers, body)
    if status ~= 202 then
        failed = failed + 1
        if failed <= 3 then
            io.stderr:write(status, " ", body:sub(1, 300), "\\n")
        end
    end
end
"""
DONE = """
done = function(summary, latency, requests)
    io.write("p95us ", latency:percentile(95), "\\n")
end
"""
DELAY = "delay = function() return %d end\n"


def sign(file, company, tag, count):
    """Writes so many signed events, a line each."""
    at = str(int(time.time()))
    with open(file, "w", encoding="ascii") as out:
        for n in range(count):
            event = f"{tag}-{n}"
            text = f"{event}.{at}.{BODY % (company, event)}".encode()
            made = base64.b64encode(hmac.digest(KEY, text, hashlib.sha256))
            out.write(f"{event} {at} v1,{made.decode()}\n")


def run(s, company, name, seconds, connections, most, delay_ms=0):
    file = s.directory / f"{name}.events"
    sign(file, company, name, most)
    before, behind = (BODY % (company, "\0")).split("\0")
    script = s.directory / f"{name}.lua"
    script.write_text(SCRIPT % {
        "file": file, "before": f"[==[{before}]==]",
        "behind": f"[==[{behind}]==]"} + DONE +
                      (DELAY % delay_ms if delay_ms else ""))
    rows = "select count(*) from lockstep.inbox"
    jobs = "select count(*) from lockstep.jobs where kind = 'feedback.record'"
    had = int(s.cluster.psql(rows))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
         str(script), s.url + "/api/webhooks/feedback"], check=False,
        capture_output=True, text=True, stdin=subprocess.DEVNULL)
    counts = Counts(done.stdout, done.stderr)
    kept = int(s.cluster.psql(rows)) - had
    p95 = float(done.stdout.rpartition("p95us ")[2].split()[0]) / 1000
    print(f"{name}: {counts.per_second:.0f}/s, p50 {counts.p50_ms} ms, p90 "
          f"{milliseconds('90%', done.stdout)} ms, p95 {p95:.2f} ms, p99 "
          f"{counts.p99_ms} ms; {counts.requests} answered, {counts.failed} "
          f"not with 202, {kept} kept {done.stderr}", flush=True)
    assert s.cluster.psql(rows) == s.cluster.psql(jobs), "rows without jobs"


# ---- Until the effect.

def wires(companies, tag, count):
    """Signed requests, each of another event."""
    at, out = str(int(time.time())), []
    for n in range(count):
        event = f"{tag}-{n}"
        body = (BODY % (companies[n % len(companies)], event)).encode()
        text = f"{event}.{at}.".encode() + body
        made = base64.b64encode(hmac.digest(KEY, text, hashlib.sha256))
        out.append(client.request(
            "POST", "/api/webhooks/feedback", body=body, headers=[
                ("webhook-id", event), ("webhook-timestamp", at),
                ("webhook-signature", f"v1,{made.decode()}")]))
    return out


class Sender(threading.Thread):
    """Every so many-th of the requests, each when it is due, or at once if
    that is past."""

    def __init__(self, s, requests, began, period, first, step):
        super().__init__()
        self.requests, self.began, self.period = requests, began, period
        self.turns = range(first, len(requests), step)
        self.late, self.took, self.wrong = [], [], 0
        self.connection = client.Client(s.port)

    def run(self):
        for n in self.turns:
            due = self.began + n * self.period
            time.sleep(max(0, due - time.time()))
            self.late.append(time.time() - due)
            status = self.connection.ask(self.requests[n]).status
            self.took.append(time.time() - due)
            self.wrong += status != 202
        self.connection.close()


def spread_of(values):
    """p50, p95 and p99 in milliseconds."""
    cut = statistics.quantiles(values, n=100, method="inclusive")
    return ", ".join(f"p{p} {1000 * cut[p - 1]:.1f}" for p in (50, 95, 99)) + \
        " ms"


def busy_s():
    """Processor time that this machine has spent, on anything."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system = map(int, stat.readline().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def syncs(s):
    """Of the write-ahead log: how many, and the milliseconds that they took."""
    return [float(x) for x in s.cluster.psql(
        "select wal_sync, wal_sync_time from pg_stat_wal").split("|")]


def latency(s, companies, rate, seconds, connections=32, name="at"):
    """How long until the reply, and until the effect, for each event."""
    tag, count = f"{name}{rate}", rate * seconds
    requests = wires(companies, tag, count)
    began, busy, synced = time.time() + 0.2, busy_s(), syncs(s)
    senders = [Sender(s, requests, began, 1 / rate, i, connections)
               for i in range(connections)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    took = [t for sender in senders for t in sender.took]
    wrong = sum(sender.wrong for sender in senders)
    mine = f"from app.events where external_id like '{tag}-%'"
    # What was answered otherwise may have been taken all the same.
    tap.wait_for(lambda: int(s.cluster.psql(f"select count(*) {mine}")) >=
                 count - wrong, f"the effects of {count - wrong} events that "
                 "were acknowledged", 60, 0.2)
    busy = (busy_s() - busy) / (time.time() - began) / os.cpu_count()
    synced = [now - then for now, then in zip(syncs(s), synced)]
    rows = s.cluster.psql(
        "select split_part(external_id, '-', 2), extract(epoch from "
        f"pg_xact_commit_timestamp(xmin)) {mine}").splitlines()
    effects = [float(at) - began - int(n) / rate for n, at in
               (row.split("|") for row in rows)]
    print(f"{rate}/s for {seconds} s: acknowledged {spread_of(took)}; effect "
          f"committed {spread_of(effects)}; {count} events, "
          f"{wrong} not with 202; sender late "
          f"{spread_of([t for x in senders for t in x.late])}; processors "
          f"busy {busy:.0%}; {synced[0]:.0f} syncs of the WAL, "
          f"{synced[1] / max(synced[0], 1):.2f} ms each", flush=True)
    return took, effects


def commits(s, rate, seconds):
    """A row and its commit, so many a second: what is below all others."""
    s.cluster.psql("create table if not exists rows_of_1kb (body text)")
    log = f"commits-{time.monotonic_ns()}"
    pgbench(s, "insert into rows_of_1kb values (repeat('x', 1000));\n", 8,
            seconds, "-R", str(rate), "-l", "--log-prefix",
            str(s.directory / log))
    took = [int(line.split()[2]) / 1e6
            for path in s.directory.glob(log + ".*")
            for line in path.read_text().splitlines()]
    print(f"{rate}/s for {seconds} s: a row committed {spread_of(took)}; "
          f"{len(took)} rows", flush=True)
    return took


def steady(s, companies, rate, seconds, rounds):
    """Rows, then events, so many a second, in each round."""
    found = {"a row committed": [], "acknowledged": [], "effect committed": []}
    for number in range(rounds):
        found["a row committed"].append(commits(s, rate, seconds))
        took, effects = latency(s, companies, rate, seconds,
                                name=f"round{number}at")
        found["acknowledged"].append(took)
        found["effect committed"].append(effects)
    if rounds == 1:
        return
    print(f"{rate}/s, {rounds} rounds, p95 as median (least to most):")
    for what, values in found.items():
        p95 = sorted(1000 * statistics.quantiles(v, n=20)[-1] for v in values)
        print(f"  {what} {statistics.median(p95):.1f} ({p95[0]:.1f} to "
              f"{p95[-1]:.1f}) ms; {sum(ms <= 10 for ms in p95)} of "
              f"{rounds} within 10 ms", flush=True)


def restart(s):
    """With the settings of a Postgres that is in earnest."""
    for number in range(s.instances):
        s.stop(number)
    s.cluster.psql("alter system set track_commit_timestamp = on")
    s.cluster.psql("alter system set track_wal_io_timing = on")
    s.cluster.stop("fast")
    s.cluster.fsync = "on"
    s.cluster.start()
    for number in range(s.instances):
        s.start(number)
    s.ready()


def unheld(site):
    """nginx' site without the rate that it holds a sender to."""
    return re.sub(r"(zone=lockstep_hooks:1m rate=)\d+", r"\g<1>100000", site)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="of each")
    parser.add_argument("--rates", type=int, nargs="*",
                        default=[200, 500, 1000], help="with a worker; none: "
                        "the first two alone")
    parser.add_argument("--no-wrk", action="store_true",
                        help="with a worker alone")
    parser.add_argument("--rounds", type=int, default=1, help="with a worker, "
                        "at each rate")
    options = parser.parse_args()
    seconds = options.seconds
    with sut.System(settings={"threads": 8}, edit=unheld) as s:
        (s.directory / "hooks/feedback").write_text(
            "whsec_" + base64.b64encode(KEY).decode())
        restart(s)
        companies = s.cluster.psql("select id from app.companies limit 50"
                                   ).split()
        with worker.Worker(s, "latency", work_threads=8):
            # Every thread has its connection, and its plans, before it counts.
            if options.rates:
                print("not counted: ", end="", flush=True)
                latency(s, companies, 300, 4, name="warm")
            for rate in options.rates:
                steady(s, companies, rate, seconds, options.rounds)
        if not options.no_wrk:
            run(s, companies[0], "warm", 2, 16, 20000)
            run(s, companies[0], "most", seconds, 32, 12000 * seconds)
            run(s, companies[0], "steady", seconds, 50, 1000 * seconds, 100)
        print("load", os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
