#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Idempotency-Key on the whole product: many repeats at the same time, and
clients that repeat until they are answered while processes are killed.

Few rounds by default; IDEMPOTENCY=full runs 1,000 keys and 200 kills."""

import collections
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

import system as sut
import tap
from system import ALICE, BOB, Later, waiting
from tap import case, same, wait_for

FULL = os.environ.get("IDEMPOTENCY") == "full"
KEYS = 1000 if FULL else 100
KILLS = 200 if FULL else 20
REPEATS = 16
CLIENTS = 8


def letter(title, **more):
    return {**sut.NEW_LETTER, "title": title, **more}


class Client:
    """A kept connection to nginx, made anew whenever it breaks."""

    def __init__(self, s, token):
        self.port = s.port
        self.token = token
        self.connection = None

    def ask(self, method, path, body, key):
        """(status, headers, body), or None when there was no answer."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=25)
            headers = {"Authorization": "Bearer " + self.token,
                       "Content-Type": "application/json",
                       "Idempotency-Key": key.replace(" ", "-")}
            if body is None:
                del headers["Content-Type"]
            self.connection.request(
                method, path, None if body is None else json.dumps(body),
                headers)
            reply = self.connection.getresponse()
            return reply.status, dict(
                (k.lower(), v) for k, v in reply.getheaders()), reply.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            return None

    def until_answered(self, method, path, body, key, tries=None):
        """Repeats until the answer is no 409 of the key's and no 5xx."""
        while True:
            reply = self.ask(method, path, body, key)
            if reply is not None:
                if tries is not None:
                    tries[reply[0]] += 1
                if reply[0] < 500 and (reply[0] != 409 or json.loads(
                        reply[2])["error"]["code"] != "request_in_progress"):
                    return reply
            time.sleep(random.uniform(0.002, 0.03))


def together(number, function):
    """Runs function(n) in so many threads; what they raise is raised."""
    faults = []

    def run(n):
        try:
            function(n)
        except BaseException as why:
            faults.append(why)
    threads = [threading.Thread(target=run, args=(n,), daemon=True)
               for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def titles(s, like):
    """How often each title is there."""
    rows = s.cluster.psql("select title, count(*) from app.letters where "
                          f"title like '{like}%' group by title")
    return dict((t, int(n)) for t, n in
                (row.split("|") for row in rows.splitlines()))


def seen(reply):
    """What must be the same each time."""
    status, headers, body = reply
    return (status, headers.get("location"), headers.get("etag"),
            headers.get("content-type"), body)


@case
def a_repeat(s):
    """A repeat has the first reply's bytes and says that it is one."""
    client = Client(s, s.alice)
    first = client.ask("POST", "/api/letters", letter("a repeat"), "a-repeat")
    again = client.ask("POST", "/api/letters", letter("a repeat"),
                       '"a-repeat"')
    same(first[0], 201, first[2].decode())
    same(seen(again), seen(first))
    same(first[1].get("idempotency-replayed"), None)
    same(again[1].get("idempotency-replayed"), "true")
    told = json.loads(first[2])["meta"]["request_id"]
    same(first[1]["x-request-id"], told)
    assert again[1]["x-request-id"] != told
    other = client.ask("POST", "/api/letters", letter("another"), "a-repeat")
    same((other[0], json.loads(other[2])["error"]["code"]),
         (422, "idempotency_key_reused"))
    same(titles(s, "a"), {**titles(s, "a"), "a repeat": 1})
    same("another" in titles(s, "another"), False)


@case
def each_verb(s):
    """Update, delete and calls are repeated as well, with If-Match or not."""
    client = Client(s, s.alice)
    made = client.ask("POST", "/api/letters", letter("each verb"), "v1")
    path = "/api/letters/" + json.loads(made[2])["data"]["id"]
    for method, target, body, status in (
            ("PATCH", path, {"title": "each verb changed"}, 200),
            ("POST", path + "/send", {"channel": "email"}, 200),
            ("POST", path + "/recall", None, 200),
            ("DELETE", path, None, 200)):
        key = f"v {method} {target[-6:]}"
        first = client.ask(method, target, body, key)
        again = client.ask(method, target, body, key)
        same(first[0], status, first[2].decode())
        same(seen(again), seen(first), method + target)
        same(first[1].get("idempotency-replayed"), None)
        same(again[1].get("idempotency-replayed"), "true")
    same(s.get(path, s.alice).status, 404)


@case
def in_flight(s):
    """A repeat of a request that is being done is 409 at once, with
    Retry-After."""
    headers = {"Idempotency-Key": "in-flight"}
    with s.cluster.held("app.letters"):
        first = Later(s, "POST", "/api/letters", s.alice,
                      body=letter("in flight"), headers=headers)
        wait_for(lambda: waiting(s, 1), "the first at the lock")
        began = time.monotonic()
        again = s.curl("POST", "/api/letters", s.alice, letter("in flight"),
                       headers)
        took = time.monotonic() - began
    same(again.status, 409)
    same(again.error["code"], "request_in_progress")
    same(again.headers["retry-after"], "1")
    # To wait for the first would take 12 s.
    assert took < 5, took
    same(first.finish().status, 201)
    again = s.curl("POST", "/api/letters", s.alice, letter("in flight"),
                   headers)
    same((again.status, again.headers.get("idempotency-replayed")),
         (201, "true"))
    same(titles(s, "in flight"), {"in flight": 1})


@case
def other_tenants(s):
    """Another subject with the same key and the same request is on its own."""
    replies = [Client(s, token).ask("POST", "/api/letters", letter("tenant"),
                                    "tenants") for token in (s.alice, s.bob)]
    for reply in replies:
        same((reply[0], reply[1].get("idempotency-replayed")), (201, None))
    ids = [json.loads(reply[2])["data"]["id"] for reply in replies]
    assert ids[0] != ids[1], ids
    same(s.cluster.psql("select string_agg(owner_id::text, ' ' order by "
                        "owner_id) from app.letters where title = 'tenant'"),
         f"{ALICE} {BOB}")
    same(s.get(f"/api/letters/{ids[1]}", s.alice).status, 404)


@case
def refusals(s):
    """What was refused has left its key free."""
    client = Client(s, s.alice)
    bad = client.ask("POST", "/api/letters", letter(""), "refused")
    same(bad[0], 422)
    good = client.ask("POST", "/api/letters", letter("refused"), "refused")
    same((good[0], good[1].get("idempotency-replayed")), (201, None))
    path = "/api/letters/00000000-0000-4000-8000-000000000000"
    for method, target, body in (("PATCH", path, {"title": "x"}),
                                 ("POST", path + "/send",
                                  {"channel": "email"})):
        for _ in range(2):
            reply = client.ask(method, target, body, "nowhere")
            same((reply[0], reply[1].get("idempotency-replayed")),
                 (404, None))


@case
def repeats_at_once(s):
    """KEYS keys x 16 parallel repeats: as many effects, identical replies."""
    replies = [[None] * REPEATS for _ in range(KEYS)]
    tries = collections.Counter()
    gate = threading.Barrier(REPEATS)
    began = time.monotonic()

    def run(n):
        client = Client(s, s.alice)
        for number in range(KEYS):
            gate.wait(60)
            replies[number][n] = client.until_answered(
                "POST", "/api/letters", letter(f"at once {number}"),
                f"at once {number}", tries if n == 0 else None)
    together(REPEATS, run)
    took = time.monotonic() - began
    for number, all_ in enumerate(replies):
        for reply in all_:
            same(reply[0], 201, reply[2].decode())
            same(seen(reply), seen(all_[0]), f"key {number}")
        firsts = [r for r in all_ if "idempotency-replayed" not in r[1]]
        same(len(firsts), 1, f"first replies of key {number}")
    there = titles(s, "at once ")
    same(len(there), KEYS, "effects")
    same(set(there.values()), {1}, "effects of a key")
    print(f"# {KEYS} keys x {REPEATS}: {len(there)} effects, "
          f"{KEYS * REPEATS} identical replies, {took:.1f} s")


def kill(pid):
    """Kills a process, unless it has ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def kill_worker(s):
    number = random.randrange(s.instances)
    pids = s.workers(number)
    if not pids:
        return False
    return kill(random.choice(pids))


def kill_backend(s):
    pid = s.cluster.psql("select pid from pg_stat_activity where usename = "
                         "'lockstep' order by random() limit 1", check=False)
    return pid.isdigit() and kill(int(pid))


def kill_postgres(s):
    s.cluster.stop("immediate")
    s.cluster.start()
    return True


@case
def killed_at_random(s):
    """KILLS kill -9 of worker, backend and Postgres, with clients that repeat
    until answered: every acknowledged write is there exactly once."""
    acknowledged = [[] for _ in range(CLIENTS)]
    tries = collections.Counter()
    killed = collections.Counter()
    over = threading.Event()
    began = time.monotonic()

    def write(n):
        client = Client(s, s.alice)
        for number in itertools.count():
            if over.is_set():
                return
            title = f"killed {n}-{number}"
            reply = client.until_answered("POST", "/api/letters",
                                          letter(title), title, tries)
            same(reply[0], 201, reply[2].decode())
            same(json.loads(reply[2])["data"]["title"], title)
            acknowledged[n].append((title, reply))

    def kill_on():
        ways = [kill_worker, kill_worker, kill_worker, kill_backend,
                kill_backend, kill_postgres]
        try:
            while sum(killed.values()) < KILLS:
                way = random.choice(ways)
                time.sleep(random.uniform(0.01, 0.4))
                if way(s):
                    killed[way.__name__] += 1
                before = sum(map(len, acknowledged))
                wait_for(lambda: sum(map(len, acknowledged)) >
                         before + CLIENTS, "writes after a kill", 60)
        finally:
            over.set()
    together(CLIENTS + 1, lambda n: kill_on() if n == CLIENTS else write(n))
    took = time.monotonic() - began
    there = titles(s, "killed ")
    wanted = {title for mine in acknowledged for title, _ in mine}
    same({t: n for t, n in there.items() if n != 1}, {}, "done twice")
    same(wanted - set(there), set(), "acknowledged and lost")
    same(set(there) - wanted, set(), "done and never acknowledged")
    # And each is answered once more with the bytes that were told.
    client = Client(s, s.alice)
    for mine in acknowledged:
        for title, reply in random.sample(mine, min(len(mine), 20)):
            again = client.until_answered("POST", "/api/letters",
                                          letter(title), title)
            same(seen(again), seen(reply), title)
            same(again[1].get("idempotency-replayed"), "true", title)
    print(f"# {sum(killed.values())} kills {dict(killed)}: "
          f"{len(wanted)} writes, each once; answers {dict(tries)}; "
          f"{took:.0f} s")


@case
def old_keys_are_swept(s):
    """A server forgets keys that are older than idempotency_hours, no others."""
    client = Client(s, s.alice)
    for key in ("old", "young"):
        same(client.until_answered("POST", "/api/letters", letter(key),
                                   key)[0], 201)
    s.cluster.psql("update lockstep.idempotency set kept_at = now() - "
                   "interval '73 hours' where reply::text like '%\"old\"%'")
    s.cluster.psql("update lockstep.idempotency set kept_at = now() - "
                   "interval '71 hours' where reply::text like '%\"young\"%'")
    same(s.stop(0), 0)
    s.start(0)
    wait_for(lambda: s.cluster.psql(
        "select count(*) from lockstep.idempotency where kept_at < now() - "
        "interval '72 hours'") == "0", "the sweep, or the next one", 90)
    same(s.cluster.psql("select count(*) from lockstep.idempotency where "
                        "kept_at < now() - interval '70 hours'"), "1")


def without_rates(directory):
    """The reference contract, but for what would slow the test down."""
    place = pathlib.Path(directory) / "contract"
    shutil.copytree(sut.TOP / "contract", place)
    for path in (place / "api.json", *place.glob("resources/*.json")):
        whole = json.loads(path.read_text())
        whole.pop("rates", None)
        for operation in whole.get("operations", {}).values():
            operation.pop("rate", None)
        path.write_text(json.dumps(whole))
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)
    return place


@case
def kept_nowhere(s):
    """serve refuses a contract with keys on a database that keeps none."""
    s.cluster.psql("alter function lockstep.claim(text, text, text, text) "
                   "rename to claim_not")
    done = s.run("serve", "--config", s.config_path(0), "--listen",
                 s.directory / "other.sock", "--log-file",
                 s.directory / "other.log", check=False)
    s.cluster.psql("alter function lockstep.claim_not(text, text, text, text) "
                   "rename to claim")
    same(done.returncode, 2, "exit")
    assert "apply 0006_idempotency.sql" in done.stderr, done.stderr


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        contract = without_rates(directory)
        with sut.System(instances=2, contract=contract, settings={
                **sut.PATIENT, "reconnect_max_ms": 200}) as s:
            s.alice = s.token("authenticated", ALICE)
            s.bob = s.token("authenticated", BOB)
            return tap.run(s)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        sys.exit(os.environ.get("CI") == "true")
