# SPDX-License-Identifier: MIT
"""FastCGI request smuggling, tried through nginx on kept connections.

A body holds forged records: a whole request of bob's, and one for the
operators' door.  A server that answers without reading a body to its end reads
the rest of it as the next request.  libfcgi reads 8 KiB at a time and forgets
what it had read, so the place where a forged record must stand is anywhere in
0..8191; OFFSETS=1 tries each one, OFFSETS=n every n-th and those around the
borders of buffers.  A body of `sled` needs no such luck: its records of eight
bytes say nothing to anybody, and end in the forged ones from wherever the
reader falls into them, if it is a multiple of eight.

No body of JSON can hold a record, which begins with a control byte, so that
the one reply of 200 to such a body is that of the operators' door."""

import itertools
import json
import os
import socket
import sys
import threading
from collections import Counter

import client
import fcgi_probe as fcgi
import system as sut
import tap
from client import Client, Closed, request
from tap import case, same, wait_for

LIMIT = 16384		# body_limit_bytes of this test
DRAIN = 1 << 20		# what is thrown away past it (src/http/fcgi.c)
OFFSETS = int(os.environ.get("OFFSETS", "13"))
THREADS = 4
SLED = fcgi.record(fcgi.STDIN, b"", 0xBEEF)	# another request's: skipped
LIST = "/api/letters?limit=3&order=created_at"
LETTER = json.dumps({**sut.NEW_LETTER, "title": "FORGED"}).encode()
JSON = "application/json"

# What is asked, how it is answered, and what is different about it.
TARGETS = {
    "200": ("POST", "/healthz", 200, {"ops": True}),
    "400 path": ("POST", "/api/letters/a%2Fb", 400, {}),
    "400 JSON": ("POST", "/api/letters", 400, {}),
    "401": ("POST", "/api/letters", 401, {"token": None}),
    "401 token": ("POST", "/api/letters", 401, {"token": "a.b.c"}),
    "403": ("POST", "/api/coupons", 403, {}),
    "404": ("POST", "/api/nothing", 404, {}),
    "405": ("PUT", "/api/letters", 405, {}),
    "413": ("POST", "/api/letters", 413, {"least": LIMIT + 1}),
    "415": ("POST", "/api/letters", 415, {"type": "text/plain"}),
    "422": ("POST", "/api/letters/7/send", 422, {}),
}


def forged(token):
    """The records of two requests that nobody made."""
    headers = [("Authorization", f"Bearer {token}"),
               ("X-Request-Id", "forged")]
    door = fcgi.environment("GET", "/metrics", headers=headers) + [
        ("LOCKSTEP_DOOR", "ops")]
    return fcgi.request("POST", "/api/letters", LETTER, headers) \
        + fcgi.begin() + fcgi.stream(fcgi.PARAMS, fcgi.pairs(door)) \
        + fcgi.record(fcgi.STDIN)


def offsets():
    borders = {b + d for b in (4096, 8192) for d in range(-8, 8)}
    chosen = set(range(16)) | borders | set(range(0, 8192, OFFSETS))
    return sorted(o for o in chosen if o < 8192)


def plain(offset):
    return b"A" * offset


def sled(offset):
    """libfcgi skips content until it has skipped some: hence the last."""
    last = fcgi.record(fcgi.STDIN, SLED, 0xBEEF)
    return b"A" * (offset % 8) + SLED * (offset // 8 - 2) \
        + last[:offset // 8 * 8]


class Ids:
    """Request ids, each used once; what was sent is what is to be logged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = Counter()
        self.count = 0
        self.lost = set()	# of requests that a client gave up

    def new(self, logged=True):
        with self.lock:
            self.count += 1
            name = f"sent-{self.count}"
            if logged:
                self.sent[name] += 1
            return name


class Attacker(Client):
    """A client that never sees but its own replies."""

    def __init__(self, s, ops=False):
        super().__init__(s.ops_port if ops else s.port)
        self.system = s

    def build(self, name, body):
        """Which reply to expect, and the request."""
        method, target, status, more = TARGETS[name]
        body = body.ljust(more.get("least", 0), b"A")
        ident = self.system.ids.new(not more.get("ops"))
        token = more.get("token", self.system.alice)
        return (ident, status), request(method, target, token, body, [
            ("X-Request-Id", ident), ("Content-Type", more.get("type", JSON))])

    def attack(self, name, body):
        wanted, data = self.build(name, body)
        is_own(self.ask(data), *wanted, name)


def is_own(reply, ident, status, what=""):
    same((reply.headers.get("x-request-id"), reply.status), (ident, status),
         f"{what} {reply.body[:200]!r}")
    if what != "200":
        same(reply.json["meta"]["request_id"], ident, what)


class Victim(threading.Thread):
    """Bob, who reads his letters on the same upstream connections all the
    while, and gets nothing else."""

    def __init__(self, s):
        super().__init__()
        self.system, self.wrong, self.count = s, None, 0
        self.stopped = threading.Event()
        self.start()

    def look(self, c):
        ident = self.system.ids.new()
        reply = c.ask(request("GET", LIST, self.system.bob,
                              headers=[("X-Request-Id", ident)]))
        is_own(reply, ident, 200, "bob")
        same(reply.json["data"], self.system.his, "what bob gets")
        self.count += 1

    def run(self):
        try:
            with Client(self.system.port) as c:
                while not self.stopped.is_set():
                    self.look(c)
        except Exception as wrong:
            self.wrong = wrong

    def finish(self):
        self.stopped.set()
        self.join()
        if self.wrong:
            raise self.wrong
        return self.count


def together(s, jobs, act):
    """Acts on every job, THREADS at once, while bob reads."""
    bob, wrong, turn = Victim(s), [], iter(list(jobs))
    lock = threading.Lock()

    def work():
        try:
            with Attacker(s) as a, Attacker(s, ops=True) as door:
                while not wrong:
                    with lock:
                        job = next(turn, None)
                    if job is None:
                        return
                    act(door if job[0] == "200" else a, *job)
        except Exception as e:
            wrong.append(e)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    looks = bob.finish()
    if wrong:
        raise wrong[0]
    return looks


def logged(s):
    """How often each id is in the log, since the case began."""
    return Counter(line["request_id"] for line in
                   itertools.islice(s.log_lines(), s.known, None)
                   if line.get("event") == "request")


def caught_up(s):
    """The one worker logs in order: behind this line all is in the log."""
    ident = s.ids.new()
    s.get(LIST, s.bob, headers={"X-Request-Id": ident})
    wait_for(lambda: ident in logged(s), "the log to hold a request", 60)


def is_settled(s):
    """What was logged is what was sent, each once, but for what a client gave
    up; and nothing was done in bob's name."""
    caught_up(s)
    wanted = s.ids.sent
    must = set(wanted) - s.ids.lost
    wait_for(lambda: must <= set(logged(s)), "the log to hold all", 60)
    Victim(s).finish()
    extra = {i: n for i, n in logged(s).items() if n > wanted[i]}
    same(extra, {}, "requests that nobody made")
    same(s.cluster.psql("select count(*) from app.letters where title = "
                        "'FORGED'"), "0", "forged letters")
    text = (s.directory / "log/nginx-error.log").read_text()
    assert "upstream sent" not in text, text[-2000:]
    same(s.workers(0), s.pids, "the worker processes")


def everywhere(s):
    jobs = [(name, fill, offset) for offset in offsets() for name in TARGETS
            for fill in (plain, sled)]
    looks = together(s, jobs, lambda a, name, fill, offset:
                     a.attack(name, fill(offset) + s.forged))
    print(f"# {len(jobs)} bodies at {len(offsets())} offsets, {looks} reads "
          "by bob")
    is_settled(s)


def long_bodies(s):
    """Past the limit, and past what is thrown away behind it: there lockstep
    drops the connection, which nginx may take for its failure."""
    def act(a, name, size):
        (ident, status), data = a.build(name, (sled(size) + s.forged) * 2)
        if 2 * size < DRAIN:
            is_own(a.ask(data), ident, status, name)
            return
        s.ids.lost.add(ident)
        try:
            reply = a.ask(data)
            is_own(reply, ident, status if reply.status == 413 else 502, name)
        except Closed:
            a.close()

    sizes = (LIMIT, 32768 - 8, 65536, 3 * 65536, DRAIN // 2, DRAIN,
             DRAIN + LIMIT, 2 * DRAIN)
    together(s, [("413", size + odd) for size in sizes for odd in range(8)],
             act)
    is_settled(s)


def chunked_bodies(s):
    """In chunks, which may end anywhere in a record; nginx tells no length
    when it does not buffer."""
    def act(a, name, sizes, offset):
        ident = s.ids.new()
        body = sled(offset) + s.forged
        _, target, status, more = TARGETS[name]
        a.send(request("POST", target, more.get("token", s.alice),
                       client.chunked(body.ljust(more.get("least", 0), b"A"),
                                      sizes),
                       [("X-Request-Id", ident),
                        ("Transfer-Encoding", "chunked")]))
        is_own(a.reply(), ident, status, name)

    jobs = [(name, sizes, 1249 * k)
            for name in ("400 JSON", "401", "404", "413", "422")
            for sizes in ((8,), (7, 1), (4096,), (1, 8191), (8192,), (60000,))
            for k in range(8)]
    together(s, jobs, act)
    is_settled(s)


def bodies_given_up(s):
    """A client that leaves in the middle of its body, records and all."""
    def act(a, name, offset, part):
        ident, data = a.build(name, sled(offset) + s.forged + b"A" * 4096)
        s.ids.lost.add(ident[0])
        head = data.index(b"\r\n\r\n") + 4
        a.send(data[:head + (len(data) - head) * part // 4])
        if part == 0:
            a.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                b"\1\0\0\0\0\0\0\0")
        a.close()

    jobs = [(name, 1023 * k, part) for name in TARGETS if name != "200"
            for k in range(8) for part in range(4)]
    together(s, jobs, act)
    is_settled(s)


def halves_after_the_reply(s):
    """A body whose rest, all records, comes when its refusal is there."""
    def act(a, name, offset):
        ident, later = s.ids.new(), s.ids.new()
        tail = sled(offset) + s.forged
        a.send(request("POST", "/api/letters", s.alice, b"A" * 100, [
            ("X-Request-Id", ident),
            ("Content-Length", str(100 + LIMIT + len(tail)))]))
        is_own(a.reply(), ident, 413, name)
        a.ended = False
        try:
            a.send(b"A" * LIMIT + tail)
            reply = a.ask(request("GET", LIST, s.alice, headers=[
                ("X-Request-Id", later)]))
        except (Closed, BrokenPipeError, ConnectionResetError):
            s.ids.lost.add(later)
            a.close()
        else:
            is_own(reply, later, 200)

    together(s, [("413", 4096 + k) for k in range(16)], act)
    is_settled(s)


def lengths_that_lie(s):
    """A Content-Length that is not the body's: nginx refuses it, or the bytes
    behind the body are a request to nginx and not to lockstep."""
    tail = sled(800) + s.forged
    for fields in ((("Content-Length", "10"), ("Content-Length", "900")),
                   (("Content-Length", "10"),
                    ("Transfer-Encoding", "chunked")),
                   (("Content-Length", "0x10"),), (("Content-Length", "-1"),),
                   (("Content-Length", "+10"),),
                   (("Content-Length", "1e3"),),
                   (("Content-Length", "10, 900"),),
                   (("Content-Length", "9" * 30),),
                   (("Content-Length", ""),),
                   (("Transfer-Encoding", "chunked, chunked"),),
                   (("Transfer-Encoding", "xchunked"),)):
        with Client(s.port) as c:
            c.send(request("POST", "/api/letters", None, tail, [
                ("X-Request-Id", "refused"), *fields]))
            reply = c.reply()
            assert reply.status in (400, 413, 501), (fields, reply.head)
            same(reply.error["status"], reply.status, str(fields))
    for n in (0, 1, 10, 4096):
        with Client(s.port) as c:
            ident = s.ids.new()
            c.send(request("POST", "/api/letters", None, b"A" * n + tail, [
                ("X-Request-Id", ident), ("Content-Length", str(n))]))
            is_own(c.reply(), ident, 401)
            same(c.reply().status, 400, "what follows a body")
    for bad in (b"zz\r\n", b"-1\r\nA\r\n", b"ffffffffffffffffff\r\nA\r\n",
                b"5\r\nAAAAAAAAA\r\n0\r\n\r\n"):
        with Client(s.port) as c:
            ident = s.ids.new()
            s.ids.lost.add(ident)
            c.send(request("POST", "/api/letters", None, bad + tail, [
                ("X-Request-Id", ident),
                ("Transfer-Encoding", "chunked")]))
            assert c.reply().status in (400, 413), bad
    is_settled(s)


def pipelined(s):
    """Requests in one write are answered in their order, each its own."""
    def act(a, odd):
        wanted, out = [], []
        for name in [n for n in TARGETS if n != "200"] * 2:
            expected, data = a.build(name, sled(odd + 8800) + s.forged)
            ident = s.ids.new()
            wanted += [(*expected, name), (ident, 200, "read")]
            out += [data, request("GET", LIST, s.alice, headers=[
                ("X-Request-Id", ident)])]
        a.send(b"".join(out))
        for ident, status, name in wanted:
            reply = a.reply()
            is_own(reply, ident, status, name)
            if name == "read":
                same({r["owner_id"] for r in reply.json["data"]},
                     {sut.ALICE}, "whose letters")

    together(s, [(odd,) for odd in range(16)], act)
    is_settled(s)


@case
def forged_is_real(s):
    """The forged records are real requests: straight to the socket they are
    answered, the one as bob, the other with the figures."""
    with fcgi.Connection(s.socket_path(0)) as c:
        at = s.forged.index(fcgi.begin(), 8)
        c.send(s.forged[:at])
        reply = c.reply()
        same((reply.status, reply.headers["x-request-id"]), (201, "forged"))
        same(reply.json()["data"]["owner_id"], sut.BOB)
        c.send(s.forged[at:])
        assert b"lockstep_requests_total" in c.reply().body
        c.send(sled(800) + s.forged[:at])
        same(c.reply().status, 201, "at the end of the sled")
    caught_up(s)
    same(logged(s)["forged"], 2, "forged lines in the log")


@case
def connections_are_kept(s):
    """Requests share kept connections, without which nothing is shown."""
    with Attacker(s) as a:
        a.attack("404", sled(8192))
        before = connections(s)
        for name in ("401", "400 JSON", "404", "415", "422") * 20:
            a.attack(name, sled(8192))
        after = connections(s)
        # One that was closed just before may be gone.
        same(after - before, set(), "new ones after 100 requests")
    assert after, "there is none"


def connections(s):
    """The kernel's numbers of the connections to lockstep."""
    with open("/proc/net/unix", encoding="utf-8") as table:
        rows = [line.split() for line in table]
    return {row[6] for row in rows if len(row) > 7 and row[5] == "03"
            and row[7].startswith(str(s.socket_path(0)))}


def buffering(s, word):
    s.edit = lambda text: site(text, word)
    s.restart_nginx()


def site(text, word):
    """The site with few upstream connections, so that all share them, and
    with bodies for lockstep to refuse, on the operators' door as well."""
    for old, new in (("keepalive 64;", "keepalive 2;"),
                     ("keepalive_timeout 1s;", "keepalive_timeout 50s;"),
                     ("client_max_body_size 256k;",
                      "client_max_body_size 8m;"),
                     ("client_max_body_size 1k;", "client_max_body_size 8m;"),
                     ("fastcgi_request_buffering on;",
                      f"fastcgi_request_buffering {word};"),
                     ("\tlocation = /healthz {\n",
                      "\tlocation = /healthz {\n"
                      f"\t\tfastcgi_request_buffering {word};\n"
                      "\t\tadd_header X-Request-Id $lockstep_request_id;\n"
                      "\t\tfastcgi_hide_header X-Request-Id;\n")):
        assert old in text, old
        text = text.replace(old, new)
    return text


def begin(s):
    """What an earlier case left behind, failing, is not of this one."""
    caught_up(s)
    # What a client gave up may come late.
    s.ids.sent = Counter(s.ids.lost)
    s.known = sum(1 for _ in s.log_lines())
    s.cluster.psql("delete from app.letters where title = 'FORGED'")
    s.pids = s.workers(0)


def register(word):
    """The cases with buffering on and off, named so."""
    for act, says in (
            (everywhere, "a forged request behind every refusal and behind "
             "200, at every offset, stays a body"),
            (long_bodies, "a forged request far behind the limit stays a "
             "body"),
            (chunked_bodies, "a forged request in chunks stays a body"),
            (bodies_given_up, "a body given up half way leaves nothing "
             "behind"),
            (halves_after_the_reply, "what follows a refusal is not read as "
             "a request"),
            (lengths_that_lie, "lengths that lie are refused and nothing of "
             "them is served"),
            (pipelined, "pipelined requests get their own replies in order")):
        if act is halves_after_the_reply and word == "on":
            continue	# nginx has the whole body before lockstep has any

        def run(s, act=act):
            if s.word != word:
                buffering(s, word)
                s.word = word
            begin(s)
            act(s)
        run.__name__ = f"{act.__name__}_{word}"
        run.__doc__ = f"Request buffering {word}: {says}."
        case(run)


def main():
    register("on")
    register("off")
    with sut.System(instances=1, settings={
            **sut.PATIENT, "workers": 1, "threads": 4, "body_limit_bytes": LIMIT},
            edit=lambda text: site(text, "on")) as s:
        s.alice = s.token("authenticated", sut.ALICE)
        s.bob = s.token("authenticated", sut.BOB)
        s.forged = forged(s.bob)
        s.ids = Ids()
        s.word, s.known = "on", 0
        s.his = s.get(LIST, s.bob, headers={
            "X-Request-Id": s.ids.new()}).data
        same({r["owner_id"] for r in s.his}, {sut.BOB}, "whose letters")
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
