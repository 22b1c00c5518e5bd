# SPDX-License-Identifier: MIT
"""A database that hangs or is gone: who needs it is refused at once, who does
not is served, no thread stays behind, and all is well again without help."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter

import system as sut
import tap
from client import Client, Closed, request
from tap import case, same, wait_for

LIST = "/api/letters?limit=5"
THREADS, DEADLINE_MS = 4, 2000
SESSIONS = THREADS + 1  # that of the thread that tells the figures
REFUSED = "the database has failed too often of late"


class Hung:
    """A context in which Postgres' processes are stopped: all, or only those
    that serve a session.  The postmaster is first, so that none is added."""

    def __init__(self, cluster, postmaster=True):
        self.pid = int((cluster.data / "postmaster.pid").read_text()
                       .split()[0])
        self.postmaster = postmaster
        self.stopped = []

    def children(self):
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text = path.read_text()
            except OSError:
                continue
            if int(text.rpartition(")")[2].split()[1]) == self.pid:
                yield int(path.parent.name)

    def sessions(self):
        for pid in self.children():
            with contextlib.suppress(OSError):
                line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"postgres: lockstep " in line:
                    yield pid

    def stop(self, pids):
        for pid in pids:
            # Others than sessions come and go.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self.stopped.append(pid)

    def __enter__(self):
        if self.postmaster:
            self.stop([self.pid])
            self.stop(self.children())
        else:
            self.stop(self.sessions())
        return self

    def __exit__(self, *_):
        for pid in reversed(self.stopped):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.stopped = []


class Crowd:
    """Clients that ask on and on until they are told to end; each reply's
    status is counted."""

    def __init__(self, s, count=16):
        self.system, self.ended = s, threading.Event()
        self.told, self.lock = Counter(), threading.Lock()
        self.wrong = []
        self.threads = [threading.Thread(target=self.work)
                        for _ in range(count)]
        for t in self.threads:
            t.start()

    def work(self):
        data = request("GET", LIST, self.system.alice)
        try:
            with Client(self.system.port, 30) as c:
                while not self.ended.is_set():
                    reply = c.ask(data)
                    if reply.status == 503:
                        assert int(reply.headers["retry-after"]) >= 1
                    with self.lock:
                        self.told[reply.status] += 1
        except Exception as e:
            self.wrong.append(e)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()

    def finish(self):
        self.ended.set()
        for t in self.threads:
            t.join(40)
            assert not t.is_alive(), "a client is still waiting"
        if self.wrong:
            raise self.wrong[0]
        return self.told


def figure(s, name):
    """A figure of /metrics, which is shed like any other request while all
    threads wait."""
    reply = wait_for(lambda: next((r for r in [s.ops("/metrics")]
                                   if r.status == 200), None), "/metrics")
    found = re.search(rf"^{name} (\d+)$", reply.body.decode(), re.MULTILINE)
    return int(found.group(1))


def connect_all(s):
    """Has each thread make its connection."""
    with Crowd(s) as crowd:
        wait_for(lambda: figure(s, "lockstep_connections") == SESSIONS,
                 "a connection of each thread")
        crowd.finish()


def is_open(s):
    return figure(s, "lockstep_breakers_open") == 1


def open_up(s):
    """Has the breaker open, by requests to a database that hangs."""
    with Crowd(s) as crowd:
        wait_for(lambda: is_open(s), "the breaker to open")
        crowd.finish()


def events(s, name):
    """The worker's lines of the log; those of one that ended do not count."""
    workers = s.workers(0)
    return [line for line in s.log_lines(0)
            if line["event"] == name and line["pid"] in workers]


def well(s):
    """All threads serve, and nothing is left of what was."""
    wait_for(lambda: all(s.get(LIST, s.alice).status == 200
                         for _ in range(20)), "twenty 200s in a row", 60)
    same(figure(s, "lockstep_breakers_open"), 0, "open breakers")
    wait_for(lambda: figure(s, "lockstep_in_flight") == 1, "idle threads")
    wait_for(lambda: len(events(s, "breaker_opened")) ==
             len(events(s, "breaker_closed")),
             "as many closings as openings in the log")


def ask_without_database(s, c):
    """Each answer that needs no row, by its status; how long the slowest
    took."""
    body = json.dumps({"title": 7}).encode()
    slowest = 0.0
    for wanted, data in (
            (204, request("OPTIONS", "/api/letters")),
            (401, request("GET", LIST, "no.good.token")),
            (404, request("GET", "/api/nowhere", s.alice)),
            (405, request("DELETE", "/api/letters", s.alice)),
            (422, request("POST", "/api/letters", s.alice, body))):
        began = time.monotonic()
        reply = c.ask(data)
        slowest = max(slowest, time.monotonic() - began)
        same(reply.status, wanted, f"{data[:60]!r}: {reply.body[:200]!r}")
    return slowest


@case
def hung_under_load(s):
    """All of Postgres hangs under load: the first requests end at their
    deadline, the rest are refused by the breaker, and whoever needs no
    database is served; when it goes on, so does the service."""
    connect_all(s)
    opened = figure(s, "lockstep_breaker_open_total")
    with Client(s.port, 30) as c:
        before = ask_without_database(s, c)
        with Hung(s.cluster), Crowd(s) as crowd:
            began = time.monotonic()
            wait_for(lambda: is_open(s), "the breaker to open")
            took = time.monotonic() - began
            wait_for(lambda: crowd.told[503] >= 2000, "refusals", 60)
            then = ask_without_database(s, c)
            same(s.ops("/healthz").status, 200, "/healthz")
            same(s.ops("/readyz").status, 503, "/readyz")
            same(is_open(s), True, "still open")
            told = crowd.finish()
    print(f"# {dict(told)}, open after {took:.1f} s; without a database: "
          f"{before * 1000:.0f} ms before, {then * 1000:.0f} ms then")
    same(set(told) <= {503, 504}, True, told)
    # What was begun before it opened, and no more: no probe is a statement.
    assert 1 <= told[504] <= 2 * THREADS, told
    same(figure(s, "lockstep_breaker_open_total"), opened + 1, "openings")
    assert events(s, "breaker_opened")[-1]["cause"]
    well(s)


@case
def refused_without_trying(s):
    """While it is open one request now and then is a probe, and all others
    are refused without a look at the database."""
    with Hung(s.cluster):
        open_up(s)
        seen = len(events(s, "request"))
        began = time.monotonic()
        with Client(s.port, 30) as c:
            for _ in range(300):
                same(c.ask(request("GET", LIST, s.alice)).status, 503)
        took = time.monotonic() - began
        causes = Counter(line["cause"] for line in events(s, "request")[seen:]
                         if line.get("operation") == "letters.list")
    print(f"# {dict(causes)}")
    same(sum(causes.values()), 300, "requests in the log")
    # 300 refusals take less than a few pauses, of 250 ms at least.
    assert 300 - causes[REFUSED] <= 2 + 4 * took, (causes, took)
    well(s)


@case
def clients_gone(s):
    """Clients that go away while it hangs leave no thread behind, before it
    goes on."""
    connect_all(s)
    with Hung(s.cluster):
        for _ in range(64):
            c = Client(s.port)
            c.send(request("GET", LIST, s.alice))
            c.close()
        wait_for(lambda: figure(s, "lockstep_in_flight") == 1, "idle threads")
        with Client(s.port, 30) as c:
            ask_without_database(s, c)
    well(s)


def all_hung(s):
    """The sessions of all threads, which hang; None when one was between two
    sessions.  A sweep may have had another."""
    connect_all(s)
    hung = Hung(s.cluster, postmaster=False)
    hung.__enter__()
    if len(hung.stopped) >= SESSIONS:
        return hung
    hung.__exit__()
    return None


@case
def sessions_hung(s):
    """Only the sessions hang: they are given up, and new ones serve, before
    the old go on."""
    with contextlib.ExitStack() as stack:
        hung = wait_for(lambda: all_hung(s), "each session to hang", 60)
        stack.push(hung)
        sessions = len(hung.stopped)
        with Crowd(s) as crowd:
            wait_for(lambda: crowd.told[200] >= 500, "new sessions", 60)
            told = crowd.finish()
        well(s)
    print(f"# {dict(told)}, {sessions} sessions hung")
    same(set(told) <= {200, 503, 504}, True, told)
    assert told[504] <= sessions, told
    same(s.get(LIST, s.alice).status, 200)


@case
def postmaster_killed(s):
    """The postmaster is killed under load: refusals, and 200s without help
    when there is another."""
    opened = figure(s, "lockstep_breaker_open_total")
    with Crowd(s) as crowd:
        wait_for(lambda: crowd.told[200] >= 100, "replies")
        os.kill(Hung(s.cluster).pid, signal.SIGKILL)
        wait_for(lambda: is_open(s), "the breaker to open")
        wait_for(lambda: crowd.told[503] >= 500, "refusals", 60)
        seen = crowd.told[200]
        wait_for(lambda: start_again(s.cluster), "another postmaster", 60)
        began = time.monotonic()
        wait_for(lambda: crowd.told[200] >= seen + 100, "replies", 60)
        took = time.monotonic() - began
        told = crowd.finish()
    print(f"# {dict(told)}, well {took:.1f} s after the start")
    same(set(told) <= {200, 503}, True, told)
    assert figure(s, "lockstep_breaker_open_total") > opened
    well(s)


def start_again(cluster):
    """It does not start while sessions of the last one are there."""
    try:
        cluster.start()
    except Exception:
        return False
    return True


class Blackhole:
    """A context in which a port of loopback answers no SYN: its backlog is
    full, and nobody takes from it."""

    def __enter__(self):
        self.sockets = [socket.socket()]
        self.sockets[0].bind(("127.0.0.1", 0))
        self.sockets[0].listen(0)
        self.port = self.sockets[0].getsockname()[1]
        for _ in range(4):
            s = socket.socket()
            self.sockets.append(s)
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
        return self

    def __exit__(self, *_):
        for s in self.sockets:
            s.close()


@case
def host_without_answer(s):
    """A host that answers nothing, not even a SYN: one request waits for it
    now and then, the others are refused."""
    with Blackhole() as hole:
        s.configure(0, database=f"host=127.0.0.1 port={hole.port} "
                    "dbname=lockstep user=lockstep")
        same(s.stop(0), 0, "exit code")
        s.start(0)
        open_up(s)
        with Client(s.port, 30) as c:
            ask_without_database(s, c)
            for _ in range(100):
                same(c.ask(request("GET", LIST, s.alice)).status, 503)
        causes = Counter(line["cause"] for line in events(s, "request")
                         if line.get("operation") == "letters.list")
        print(f"# {dict(causes)}")
        assert causes[REFUSED] >= 90, causes
        same(s.stop(0), 0, "exit code")
    s.configure(0)
    s.start(0)
    s.ready()
    well(s)


@case
def stops_while_it_hangs(s):
    """SIGTERM while it hangs, with cancels under way: a graceful end."""
    connect_all(s)
    with Hung(s.cluster):
        open_up(s)
        same(s.stop(0), 0, "exit code")
    s.start(0)
    s.ready()
    well(s)


def main():
    settings = {**sut.PATIENT, "workers": 1, "threads": THREADS,
                "connect_timeout_ms": 1000,
                "request_timeout_ms": DEADLINE_MS, "reconnect_max_ms": 1000}
    with sut.System(instances=1, settings=settings) as s:
        s.alice = s.token("authenticated", sut.ALICE)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
