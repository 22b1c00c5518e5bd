# SPDX-License-Identifier: MIT
"""Rates, load and clients that go away: quotas are exact over all processes of
a host, more load than there is capacity for is turned away in time, slow
clients are nobody else's trouble, and nobody's statement runs on for nothing.

SECONDS_OF_LOAD=60 makes the overload as long as an operator would make it."""

import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

import system as sut
import tap
from system import Later, waiting
from tap import case, same, wait_for

LIST = "/api/letters?limit=5"
SLOW = "/api/letters/nap"
SECONDS = int(os.environ.get("SECONDS_OF_LOAD", "8"))
NAP_MS = 50
# A call of the tight one comes back after 5 minutes, when its cases are over.
RATES = {"default": {"count": 1000000, "per": 1, "burst": 1000000},
         "tight": {"count": 12, "per": 3600, "burst": 7}}


def edit(directory):
    """The reference contract with a rate that can be used up in a test, and an
    operation whose time is known."""
    contract = pathlib.Path(directory) / "contract"
    shutil.copytree(sut.TOP / "contract", contract)
    shutil.copytree(sut.TOP / "schemas", pathlib.Path(directory) / "schemas")
    pathlib.Path(directory).chmod(0o755)
    path = contract / "api.json"
    api = json.loads(path.read_text())
    api["rates"] = RATES
    path.write_text(json.dumps(api))
    path = contract / "resources/letters.json"
    letters = json.loads(path.read_text())
    for operation in letters["operations"].values():
        operation.pop("rate", None)
    letters["operations"]["read"]["rate"] = "tight"
    letters["operations"]["nap"] = {
        "method": "GET", "path": "/letters/nap",
        "roles": ["authenticated"], "call": "app.nap"}
    letters["operations"]["blink"] = {
        "method": "GET", "path": "/letters/blink", "roles": ["anon"],
        "call": "app.nap", "rate": "tight"}
    path.write_text(json.dumps(letters))
    for path in contract.glob("resources/*.json"):
        resource = json.loads(path.read_text())
        for operation in resource["operations"].values():
            if operation.get("rate") not in RATES:
                operation.pop("rate", None)
        path.write_text(json.dumps(resource))
    return contract


def at_once(count, call):
    """The results of `count` calls made by as many threads."""
    results = [None] * count
    gate = threading.Barrier(count)

    def one(number):
        gate.wait()
        results[number] = call(number)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@case
def exact_over_processes(s):
    """32 calls at once over two servers of two processes: the burst is had,
    and no more; the rest are 429 and say when to come again."""
    path = "/api/letters/" + s.letter
    replies = at_once(32, lambda _: s.get(path, s.alice))
    taken = [r for r in replies if r.status == 200]
    refused = [r for r in replies if r.status == 429]
    same((len(taken), len(refused)), (7, 25), "taken and refused")
    same(sorted(r.headers["ratelimit"].split(";")[1] for r in taken),
         [f"r={n}" for n in range(7)], "what was left")
    for reply in refused:
        same(reply.error["code"], "rate_limited")
        same(reply.error["retryable"], True)
        assert 1 <= int(reply.headers["retry-after"]) <= 300, reply.headers
        same(reply.headers["ratelimit-policy"], '"tight";q=12;w=3600')
        assert '"tight";r=0;t=' in reply.headers["ratelimit"]


@case
def each_subject_has_his_own(s):
    """Another subject has a quota of his own, and other classes are not
    touched."""
    same(s.get("/api/letters/" + s.letter, s.alice).status, 429)
    same(s.get("/api/letters/" + s.letter, s.bob).status, 404)
    same(s.get(LIST, s.alice).status, 200)


@case
def anonymous_by_address(s):
    """Anonymous callers are counted by address."""
    replies = at_once(16, lambda _: s.get("/api/letters/blink"))
    statuses = sorted(r.status for r in replies)
    same(statuses.count(429), 9, str(statuses))


@case
def kept_over_a_restart(s):
    """A restart, or a reload, gives nobody a new quota."""
    os.kill(s.pid(0), signal.SIGHUP)
    s.rolling_restart()
    for _ in range(2):
        same(s.get("/api/letters/" + s.letter, s.alice).status, 429)


@case
def a_refused_call_costs_the_database_nothing(s):
    """A call over the quota is refused before Postgres hears of it."""
    with s.cluster.held("app.letters"):
        same(s.get("/api/letters/" + s.letter, s.alice).status, 429)
        same(waiting(s, 1), False, "a statement")


@case
def gone_client(s):
    """When the client goes away its statement is cancelled, and the thread is
    free for the next."""
    with s.cluster.held("app.letters"):
        for number in range(3):
            client = Client(s)
            client.send(LIST, s.alice)
            wait_for(lambda: waiting(s, 1), "the statement to wait")
            began = sut.now_ms()
            client.close()
            wait_for(lambda: not waiting(s, 1), "its end", 10, 0.002)
            print(f"# cancelled {sut.now_ms() - began:.0f} ms after the "
                  "client went")
    same(s.get(LIST, s.alice).status, 200)
    wait_for(lambda: "client went away" in s.log_path(0).read_text() +
             s.log_path(1).read_text(), "the log to say so")


class Client:
    """A connection of its own; requests on it, one after the other."""

    def __init__(self, s):
        self.socket = socket.create_connection(("127.0.0.1", s.port), 20)

    def send(self, path, token):
        self.socket.sendall(
            (f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
             f"Authorization: Bearer {token}\r\n\r\n").encode())

    def receive(self):
        """Status and header fields; the body is read and dropped."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].split()[0])
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head.split()[1]), head

    def get(self, path, token):
        self.send(path, token)
        return self.receive()

    def close(self):
        self.socket.close()


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


@case
def slow_clients(s):
    """2,000 connections that send half a request, and 200 that send a body
    byte by byte, keep nobody else waiting."""
    half = []
    try:
        for _ in range(2000):
            connection = socket.create_connection(("127.0.0.1", s.port), 20)
            connection.sendall(b"GET /api/letters HTTP/1.1\r\nHost: loc")
            half.append(connection)
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", s.port), 20)
            connection.sendall(
                (f"POST /api/letters HTTP/1.1\r\nHost: localhost\r\n"
                 f"Authorization: Bearer {s.alice}\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: 1000\r\n\r\n{").encode())
            half.append(connection)
        client, took = Client(s), []
        for number in range(300):
            half[2000 + number % 200].sendall(b" ")
            began = sut.now_ms()
            status, _ = client.get(LIST, s.alice)
            took.append(sut.now_ms() - began)
            same(status, 200)
        client.close()
    finally:
        for connection in half:
            connection.close()
    p95 = percentile(took, 0.95)
    print(f"# with 2,000 half-open and 200 slow: median "
          f"{statistics.median(took):.1f} ms, p95 {p95:.1f} ms")
    # The bar is 100 ms on a quiet machine; who waits for a slow client would
    # do so for 12 s and more.
    assert p95 < 5000, p95


class Flood(threading.Thread):
    """Requests at a steady rate over a number of connections, whatever comes
    back: each is due at its time, and its wait counts from then."""

    def __init__(self, s, rate, clients, seconds):
        super().__init__()
        self.s, self.seconds = s, seconds
        self.every = clients / rate
        self.count = clients
        self.seen = []

    def one(self, number):
        client = Client(self.s)
        due = time.monotonic() + self.every * number / self.count
        end = time.monotonic() + self.seconds
        while due < end:
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
            began = time.monotonic()
            status, head = client.get(SLOW, self.s.alice)
            self.seen.append((status, (time.monotonic() - began) * 1000,
                              "retry-after:" in head))
            # Who is behind has given up on what he missed.
            due = max(due + self.every, time.monotonic() - self.every)
        client.close()

    def run(self):
        threads = [threading.Thread(target=self.one, args=(n,))
                   for n in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def resident_kib(s):
    total = 0
    for number in (0, 1):
        for pid in s.workers(number):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(status.partition("VmRSS:")[2].split()[0])
    return total


@case
def overload(s):
    """At three times the capacity those who are served are served in time, the
    rest are told to come again, memory stays, and after it all is well."""
    for number in (0, 1):
        s.configure(number, workers=1, threads=2, queue=64,
                    queue_timeout_ms=1000, queue_target_ms=150)
    s.rolling_restart()
    capacity = 4 * 1000 / NAP_MS
    same(s.get(SLOW, s.alice).status, 200)
    before = resident_kib(s)
    # Enough clients that the queues would be seconds long.
    flood = Flood(s, 3 * capacity, 240, SECONDS)
    flood.start()
    flood.join(SECONDS + 60)
    after = resident_kib(s)
    served = [ms for status, ms, _ in flood.seen if status == 200]
    refused = [told for status, _, told in flood.seen if status != 200]
    statuses = {status for status, _, _ in flood.seen}
    began = time.monotonic()
    wait_for(lambda: all(s.get(SLOW, s.alice).status == 200
                         for _ in range(10)), "ten 200s in a row", 60)
    print(f"# {SECONDS} s at {3 * capacity:.0f}/s of {capacity:.0f}/s: "
          f"{len(served)} served, p50 {statistics.median(served):.0f} ms, "
          f"p99 {percentile(served, 0.99):.0f} ms; {len(refused)} refused; "
          f"memory {before} to {after} KiB; well "
          f"{time.monotonic() - began:.1f} s after")
    assert statuses <= {200, 429, 503}, statuses
    assert refused and all(refused), "a refusal without Retry-After"
    assert len(served) >= 0.4 * capacity * SECONDS, len(served)
    # The bar is 250 ms for 99 in 100 on a quiet machine; one that stands still
    # for a moment is not meant.
    assert percentile(served, 0.9) < 2000
    assert after < before + 65536, (before, after)
    for number in (0, 1):
        s.configure(number)
    s.rolling_restart()


def prepare(s):
    s.cluster.psql(
        "create function app.nap() returns void language sql stable as "
        f"'select pg_sleep({NAP_MS / 1000})'; "
        "grant execute on function app.nap() to authenticated, anon",
        user="lockstep_owner")
    s.alice = s.token("authenticated", sut.ALICE)
    s.bob = s.token("authenticated", sut.BOB)
    s.letter = s.cluster.psql(
        f"select id from app.letters where owner_id = '{sut.ALICE}' limit 1")


def patient(site):
    """nginx waits for slow clients as long as the tests take on any machine."""
    for word in ("header", "body"):
        assert f"client_{word}_timeout 10s;" in site, word
        site = site.replace(f"client_{word}_timeout 10s;",
                            f"client_{word}_timeout 180s;")
    return site


def main():
    with tempfile.TemporaryDirectory(prefix="contract-") as directory:
        contract = edit(directory)
        settings = {**sut.PATIENT, "rates": "on",
                    "limit_file": pathlib.Path(directory) / "limits"}
        with sut.System(contract=contract, conn=10000, edit=patient,
                        settings=settings) as s:
            prepare(s)
            return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
