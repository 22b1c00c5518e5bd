# SPDX-License-Identifier: MIT
"""What the intake of webhooks takes, by wrk through nginx: distinct events of
1 kB, each signed, judged and committed with its job before it is acknowledged.
As many as go, and at a steady 500 a second.  No worker runs, so that the jobs
pile up as they would behind a slow one.

Figures of one machine mean little elsewhere."""

import argparse
import base64
import hashlib
import hmac
import os
import pathlib
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import system as sut  # noqa: E402
from load import Counts, milliseconds  # noqa: E402

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
        "behind": f"[==[{behind}]==]"} + (DELAY % delay_ms if delay_ms else ""))
    rows = "select count(*) from lockstep.inbox"
    jobs = "select count(*) from lockstep.jobs where kind = 'feedback.record'"
    had = int(s.cluster.psql(rows))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
         str(script), s.url + "/api/webhooks/feedback"], check=False,
        capture_output=True, text=True, stdin=subprocess.DEVNULL)
    counts = Counts(done.stdout, done.stderr)
    kept = int(s.cluster.psql(rows)) - had
    print(f"{name}: {counts.per_second:.0f}/s, p50 {counts.p50_ms} ms, p90 "
          f"{milliseconds('90%', done.stdout)} ms, p99 {counts.p99_ms} ms; "
          f"{counts.requests} answered, {counts.failed} not with 202, {kept} "
          f"kept {done.stderr}")
    assert s.cluster.psql(rows) == s.cluster.psql(jobs), "rows without jobs"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10)
    seconds = parser.parse_args().seconds
    with sut.System(settings={"threads": 8}) as s:
        (s.directory / "hooks/feedback").write_text(
            "whsec_" + base64.b64encode(KEY).decode())
        for number in range(s.instances):
            s.stop(number)
        s.cluster.stop("fast")
        s.cluster.fsync = "on"
        s.cluster.start()
        for number in range(s.instances):
            s.start(number)
        s.ready()
        company = s.cluster.psql("select id from app.companies limit 1")
        run(s, company, "warm", 2, 16, 20000)
        run(s, company, "most", seconds, 32, 12000 * seconds)
        run(s, company, "steady", seconds, 50, 1000 * seconds, 100)
        print("load", os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
