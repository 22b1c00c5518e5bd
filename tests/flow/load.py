# SPDX-License-Identifier: MIT
"""Bounded load by wrk against a loopback address, and what it counted."""

import re
import shutil
import signal
import subprocess

import tap

SCRIPT = """
wrk.method = "%(method)s"
wrk.headers["Authorization"] = "Bearer %(token)s"
%(body)s
local failed = 0
response = function(status, headers, body)
    if status >= 400 then
        failed = failed + 1
        if failed <= 3 then
            io.stderr:write(status, " ", body:sub(1, 300), "\\n")
        end
    end
end
"""


class Load:
    """A running wrk; finish() waits and returns the counts."""

    def __init__(self, system, path, token, method="GET", body=None,
                 seconds=5, connections=16, watch=True):
        if not shutil.which("wrk"):
            raise tap.Skip("wrk is not installed")
        text = ""
        if body is not None:
            text = (f"wrk.body = [==[{body}]==]\n"
                    'wrk.headers["Content-Type"] = "application/json"')
        script = SCRIPT % {"method": method, "token": token, "body": text}
        if not watch:
            script = script.split("local failed")[0]
        number = len(list(system.directory.glob("wrk-*.lua")))
        path_of = system.directory / f"wrk-{number}.lua"
        path_of.write_text(script)
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
             "--timeout", "20s", "-s", str(path_of), system.url + path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.limit = seconds + 40

    def running(self):
        return self.process.poll() is None

    def end(self):
        """It has been enough; the counts so far."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def finish(self):
        out, err = self.process.communicate(timeout=self.limit)
        return Counts(out, err)


def number(pattern, text):
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0


def milliseconds(pattern, text):
    found = re.search(pattern + r"\s+([\d.]+)(us|ms|s)", text)
    if not found:
        return None
    return float(found.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[
        found.group(2)]


class Counts:
    def __init__(self, out, err):
        self.text = out + err
        self.requests = number(r"(\d+) requests in", out)
        self.not_2xx = number(r"Non-2xx or 3xx responses: (\d+)", out)
        self.socket = sum(int(n) for n in re.findall(
            r"(?:connect|read|write|timeout) (\d+)", out))
        rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
        self.per_second = float(rate.group(1)) if rate else 0.0
        self.p50_ms = milliseconds("50%", out)
        self.p99_ms = milliseconds("99%", out)
        if self.requests == 0:
            raise AssertionError("no request was made: " + self.text)

    @property
    def failed(self):
        return self.not_2xx + self.socket
