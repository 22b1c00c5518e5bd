#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What nginx answers by itself, and what it lets through.

nginx runs with the site template as it ships, on unix sockets in a temporary
directory; behind it stands a small FastCGI responder that says what it was
given. So each error below is nginx's own, and must wear the envelope of the
API: the status, code and sentence of problem.def, and one request id, the same
in the header and in the body.
"""
import gzip
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.environ.get("SRCDIR") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
PATIENCE_S = 20
APP = "https://app.example.com"
ID = re.compile(r"^[A-Za-z0-9._-]{1,64}\Z")


# --- FastCGI, the server's side ------------------------------------------------

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6


class Backend:
    """Answers on one unix socket; the path of the request says how."""

    def __init__(self, path):
        self.path = path
        self.accepted = 0
        self.peers = []
        self.seen = []
        self.released = None
        self.listener = None

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.released = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(128)
        threading.Thread(target=self.accept, args=(self.listener,),
                         daemon=True).start()
        return self

    def stop(self):
        self.released.set()
        if os.path.exists(self.path):
            os.unlink(self.path)
        # close() alone leaves a sleeping accept(), and so the socket, alive.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass        # closed before
        self.peers = []

    def accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.peers.append(peer)
            threading.Thread(target=self.talk, args=(peer,),
                             daemon=True).start()

    def talk(self, peer):
        with peer, peer.makefile("rb") as stream:
            try:
                while self.exchange(peer, stream):
                    pass
            except OSError:
                pass

    def exchange(self, peer, stream):
        params, body, keep = b"", b"", False
        while True:
            head = stream.read(8)
            if len(head) < 8:
                return False
            _, kind, ident, length, padding, _ = struct.unpack(">BBHHBB", head)
            content = stream.read(length)
            stream.read(padding)
            if kind == BEGIN:
                keep = bool(content[2] & 1)
            elif kind == PARAMS:
                params += content
            elif kind == STDIN:
                body += content
                if length == 0:
                    break
        request = dict(pairs(params))
        request["BODY"] = body
        self.seen.append(request)
        reply = self.answer(request)
        if reply is None:
            return False
        # In one piece: nginx keeps a connection whose end of request it has
        # seen by the time that the client has the reply.
        peer.sendall(b"".join(
            [record(STDOUT, ident, reply[at:at + 60000])
             for at in range(0, len(reply), 60000)] +
            [record(STDOUT, ident, b""), record(END, ident, bytes(8))]))
        return keep

    def answer(self, request):
        path = request["REQUEST_URI"].split("?")[0]
        if path == "/api/stuck":
            self.released.wait(PATIENCE_S * 4)
            return None
        if path == "/api/vanish":
            return None
        if path == "/api/nonsense":
            return b"\x00\x01 this is no header at all"
        if path == "/api/teapot":
            return http("418 I'm a teapot", b'{"own":true}')
        if path == "/api/unavailable":
            return http("503 Service Unavailable", b'{"own":true}',
                        "Retry-After: 7\r\n")
        if path == "/api/large":
            return http("200 OK", json.dumps(["word"] * 5000).encode(),
                        'ETag: "tag"\r\nVary: Accept\r\n')
        if path == "/api/head":
            return http("200 OK", b"" if request["REQUEST_METHOD"] == "HEAD"
                        else b"{}" * 50, 'ETag: "tag"\r\n', 100)
        if path == "/api/known":
            return (b'Status: 304 Not Modified\r\nETag: "tag"\r\n'
                    b"Cache-Control: private\r\n\r\n")
        if path == "/api/allow":
            return b"Status: 204 No Content\r\nAllow: GET, HEAD\r\n\r\n"
        if path == "/api/link":
            return http("200 OK", b"{}", f"Link: <{'x' * 16000}>\r\n"
                        f"X-Other: {'y' * 8000}\r\n")
        text = {k: v for k, v in request.items() if k != "BODY"}
        text["BODY_BYTES"] = len(request["BODY"])
        return http("200 OK", json.dumps(text).encode())


def http(status, body, more="", length=None):
    head = (f"Status: {status}\r\nContent-Type: application/json\r\n"
            f"X-Request-Id: said-by-the-backend\r\n{more}"
            f"Content-Length: {length or len(body)}\r\n\r\n")
    return head.encode() + body


def record(kind, ident, content):
    return struct.pack(">BBHHBB", 1, kind, ident, len(content), 0, 0) + content


def pairs(data):
    at = 0
    while at < len(data):
        sizes = []
        for _ in range(2):
            size = data[at]
            at += 1
            if size & 0x80:
                size = struct.unpack(">I", data[at - 1:at + 3])[0] & 0x7fffffff
                at += 3
            sizes.append(size)
        name = data[at:at + sizes[0]].decode("latin-1")
        at += sizes[0]
        yield name, data[at:at + sizes[1]].decode("latin-1")
        at += sizes[1]


# --- nginx, and a client that may say anything ---------------------------------

class Nginx:
    def __init__(self, directory, protocol="", **values):
        self.directory = directory
        self.protocol = protocol
        self.door = os.path.join(directory, "door.sock")
        self.ops = os.path.join(directory, "ops.sock")
        self.sockets = [os.path.join(directory, f"{i}.sock") for i in (0, 1)]
        self.values = values
        self.process = None

    def render(self, template, target, **values):
        command = [os.path.join(TOP, "nginx/render.sh"),
                   os.path.join(TOP, "nginx", template),
                   os.path.join(TOP, "src/base/problem.def")]
        command += [f"{name}={value}" for name, value in values.items()]
        path = os.path.join(self.directory, target)
        with open(path, "w") as out:
            subprocess.run(command, stdout=out, check=True)
        return path

    def start(self):
        here = self.directory
        site = self.render("site.conf.in", "site.conf", **{
            "SERVER_NAME": "_", "LISTEN": "unix:" + self.door + self.protocol,
            "OPS_LISTEN": "unix:" + self.ops, "LOG": here,
            "SOCKET_0": self.sockets[0], "SOCKET_1": self.sockets[1],
            "RATE": 100000, "BURST": 10000, "CONN": 1000,
            "READ_TIMEOUT": "60s", **self.values})
        main = self.render("nginx.conf.in", "nginx.conf", **{
            "USER": "user root;" if os.geteuid() == 0 else "",
            "WORKERS": 1, "RUN": here, "LOG": here, "TEMP": here,
            "SITE": site})
        self.process = subprocess.Popen(
            [NGINX, "-p", here, "-e", os.path.join(here, "nginx-error.log"),
             "-c", main, "-g", "daemon off;"],
            stdin=subprocess.DEVNULL)
        wait_for(lambda: self.process.poll() is not None
                 or connects(self.door) and connects(self.ops),
                 "nginx listens")
        if self.process.poll() is not None:
            raise RuntimeError("nginx did not start: " + self.errors())
        return self

    def errors(self):
        with open(os.path.join(self.directory, "nginx-error.log")) as log:
            return log.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def raw(self, data, door=None, more=None, one=False):
        """Sends bytes; takes one reply, or what comes until nginx hangs up."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE_S)
            s.connect(door or self.door)
            try:
                s.sendall(data)
                if more:
                    more(s)
            except OSError:
                pass        # nginx may refuse before it has read all
            taken = b""
            while not (one and is_whole(taken)):
                try:
                    part = s.recv(65536)
                except ConnectionResetError:
                    break
                if not part:
                    break
                taken += part
        return taken

    def ask(self, target, method="GET", headers=(), body=b"", door=None):
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost",
                 "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        return Reply(self.raw(data, door, one=method != "HEAD"))


class Reply:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        self.status = int(words[1]) if len(words) > 1 else 0
        self.fields = [tuple(part.strip() for part in line.split(":", 1))
                       for line in lines[1:]]
        if self.field("transfer-encoding") == "chunked":
            self.body = unchunk(self.body)

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def field(self, name):
        values = self.all(name)
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


def is_whole(data):
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.I)
    if not end:
        return False
    if length:
        return len(body) >= int(length[1])
    return body.endswith(b"\r\n0\r\n\r\n")


def unchunk(data):
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        whole += data[:int(size, 16)]
        data = data[int(size, 16) + 2:]
    return whole


def http2_announce(door, length):
    """Announces a body over HTTP/2; returns the body of the reply."""
    def frame(kind, flags, stream, content):
        return (struct.pack(">I", len(content))[1:] +
                struct.pack(">BBI", kind, flags, stream) + content)

    def literal(name, value):       # RFC 7541 6.2.2: no table, no Huffman
        return (b"\x00" + bytes([len(name)]) + name.encode() +
                bytes([len(value)]) + value.encode())
    block = b"".join(literal(*pair) for pair in (
        (":method", "POST"), (":scheme", "http"), (":path", "/api/a"),
        (":authority", "localhost"), ("content-length", str(length))))
    taken = b""
    with socket.socket(socket.AF_UNIX) as s, s.makefile("rb") as stream:
        s.settimeout(PATIENCE_S)
        s.connect(door)
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                  frame(4, 0, 0, b"") + frame(1, 4, 1, block))
        while True:
            size, kind, flags = struct.unpack(">IBB", b"\0" +
                                              stream.read(9)[:5])
            content = stream.read(size)
            if kind == 0:           # DATA; flag 1 is the end of the stream
                taken += content
                if flags & 1:
                    return taken


def connects(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("waited in vain: " + what)
        time.sleep(0.005)


# --- what must hold ------------------------------------------------------------

def read_problems():
    with open(os.path.join(TOP, "src/base/problem.def")) as file:
        rows = re.findall(
            r'^PROBLEM\(\w+, (\d+), "(\w+)", (true|false),\s*"([^"]*)"\)',
            file.read(), re.M)
    problems = {}
    for status, code, retryable, sentence in rows:
        problems.setdefault(int(status), (code, retryable == "true", sentence))
    return problems


PROBLEMS = read_problems()
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def same(got, expected, what):
    assert got == expected, f"{what}: got {got!r}, not {expected!r}"


def is_envelope(reply, status, what):
    """The reply is problem.def's for this status, whole and well labelled."""
    same(reply.status, status, f"{what}: status")
    code, retryable, sentence = PROBLEMS[status]
    same(reply.field("Content-Type"), "application/json", f"{what}: type")
    ids = reply.all("X-Request-Id")
    same(len(ids), 1, f"{what}: X-Request-Id fields")
    assert ID.match(ids[0]), f"{what}: request id {ids[0]!r}"
    same(reply.json(), {
        "ok": False,
        "error": {"code": code, "status": status, "message": sentence,
                  "retryable": retryable},
        "meta": {"request_id": ids[0]}}, f"{what}: body")
    same(reply.field("Retry-After"), "1" if retryable else None,
         f"{what}: Retry-After")
    same(reply.all("X-Content-Type-Options"), ["nosniff"], f"{what}: nosniff")
    same(reply.all("Cache-Control"), ["no-store"], f"{what}: caching")
    same(reply.all("Referrer-Policy"), ["no-referrer"], f"{what}: referrer")
    same(reply.all("Content-Security-Policy"),
         ["default-src 'none'; frame-ancestors 'none'"], f"{what}: policy")
    same(reply.field("Server"), "nginx", f"{what}: no version")


@check
def a_path_outside_api_is_not_found(n, a, b):
    for target in ("/", "/apiary", "/api.json", "/healthz", "/readyz",
                   "/metrics", "/lockstep-problem", "/.git/config",
                   "//api/letters", "/api/../metrics"):
        is_envelope(n.ask(target), 404, target)
    is_envelope(n.ask("/x", "POST", body=b"{}"), 404, "POST")


@check
def a_malformed_request_is_a_400(n, a, b):
    long = "x" * 64
    for what, data in {
            "no request at all": "nonsense\r\n\r\n",
            "control bytes": "\x01\x02\x03\r\n\r\n",
            "a TLS greeting": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            "a method in small letters": "get /api HTTP/1.1\r\nHost: a\r\n\r\n",
            "no such version": "GET /api HTTP/3.7\r\nHost: a\r\n\r\n",
            "no such protocol": "GET /api JUNK/1.1\r\nHost: a\r\n\r\n",
            "no Host": "GET /api HTTP/1.1\r\n\r\n",
            "two Hosts": "GET /api HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "a bad Host": "GET /api HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "a Host with NUL": "GET /api HTTP/1.1\r\nHost: a\0b\r\n\r\n",
            "two Authorizations": "GET /api HTTP/1.1\r\nHost: a\r\n"
                "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
            "a broken escape": "GET /api/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
            "an escaped NUL": "GET /api/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
            "above the root": "GET /../api HTTP/1.1\r\nHost: a\r\n\r\n",
            "length and chunks": "POST /api HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                "0\r\n\r\n",
            "two lengths": "POST /api HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
            "a negative length": "POST /api HTTP/1.1\r\nHost: a\r\n"
                "Content-Length: -1\r\n\r\n",
            "an unknown coding": "POST /api HTTP/1.1\r\nHost: a\r\n"
                f"X-Long: {long}\r\nTransfer-Encoding: gzip\r\n\r\n",
            "a broken chunk": "POST /api/echo HTTP/1.1\r\nHost: a\r\n"
                "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                "zz\r\n",
    }.items():
        is_envelope(Reply(n.raw(data.encode("latin-1"))), 400, what)


@check
def http_0_9_reaches_nothing(n, a, b):
    before = len(a.seen) + len(b.seen)
    taken = n.raw(b"GET /api/letters\r\n")
    same(len(a.seen) + len(b.seen), before, "requests passed on")
    same(json.loads(taken)["error"]["code"], "bad_request", "code")


@check
def too_long_a_target_is_a_414(n, a, b):
    is_envelope(n.ask("/api/letters?q=" + "x" * 9000), 414, "9 kB")


@check
def too_large_a_header_is_a_431(n, a, b):
    is_envelope(n.ask("/api/a", headers=["X-Long: " + "x" * 9000]), 431, "9 kB")
    many = [f"X-Field-{i}: {'y' * 20}" for i in range(2000)]
    is_envelope(n.ask("/api/a", headers=many), 431, "2,000 fields")


@check
def too_large_a_body_is_a_413_and_ends_the_connection(n, a, b):
    is_envelope(n.ask("/api/a", "POST", ["Content-Length: 1000000000"]), 413,
                "a declared gigabyte")
    whole = b"x" * (256 * 1024 + 1)
    is_envelope(n.ask("/api/a", "POST", body=whole), 413, "one byte over")

    def chunks(s):
        for _ in range(40):
            s.sendall(b"2000\r\n" + b"x" * 8192 + b"\r\n")
    before = len(a.seen) + len(b.seen)
    taken = n.raw(b"POST /api/a HTTP/1.1\r\nHost: a\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n", more=chunks, one=True)
    is_envelope(Reply(taken), 413, "endless chunks")
    # What follows a refused body is not the next request.
    taken = n.raw(b"POST /api/a HTTP/1.1\r\nHost: a\r\n"
                  b"Content-Length: 300000\r\n\r\n"
                  b"GET /api/forged HTTP/1.1\r\nHost: a\r\n\r\n")
    same(taken.count(b"HTTP/1.1"), 1, "replies")
    same(len(a.seen) + len(b.seen), before, "requests passed on")


@check
def a_body_of_the_limit_passes_whole(n, a, b):
    whole = b"x" * (256 * 1024)
    reply = n.ask("/api/a", "POST", body=whole)
    same(reply.status, 200, "status")
    same(reply.json()["BODY_BYTES"], len(whole), "bytes")
    same(reply.json()["CONTENT_LENGTH"], str(len(whole)), "CONTENT_LENGTH")

    def chunks(s):
        for _ in range(16):
            s.sendall(b"4000\r\n" + b"x" * 16384 + b"\r\n")
        s.sendall(b"0\r\n\r\n")
    reply = Reply(n.raw(b"POST /api/a HTTP/1.1\r\nHost: a\r\nConnection: close"
                        b"\r\nTransfer-Encoding: chunked\r\n\r\n", more=chunks))
    same(reply.json()["CONTENT_LENGTH"], str(len(whole)), "chunked")


@check
def trace_and_connect_are_a_405_with_allow(n, a, b):
    for method, target in (("TRACE", "/api/a"), ("TRACE", "/"),
                           ("CONNECT", "/api/a"), ("CONNECT", "a:80")):
        reply = n.ask(target, method)
        if target == "a:80" and reply.status == 400:
            is_envelope(reply, 400, "CONNECT to an authority")
            continue
        is_envelope(reply, 405, method)
        assert "GET" in reply.field("Allow"), "Allow"


@check
def other_methods_are_for_lockstep_to_judge(n, a, b):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
                   "PROPFIND", "X-ODD"):
        same(n.ask("/api/a", method).json()["REQUEST_METHOD"], method, method)


@check
def an_error_to_head_has_no_body(n, a, b):
    reply = n.ask("/nowhere", "HEAD")
    same(reply.status, 404, "status")
    same(reply.body, b"", "body")
    assert ID.match(reply.field("X-Request-Id")), "id"


@check
def the_clients_request_id_is_kept_when_harmless(n, a, b):
    good = "Az09._-" + "x" * 57
    for target, status in (("/api/a", 200), ("/nowhere", 404)):
        reply = n.ask(target, headers=["X-Request-Id: " + good])
        same(reply.status, status, target)
        same(reply.all("X-Request-Id"), [good], target)
    same(n.ask("/api/a", headers=["X-Request-Id: " + good]
               ).json()["HTTP_X_REQUEST_ID"], good, "passed on")
    is_envelope(n.ask("/api/a" + "?" * 9000,
                      headers=["X-Request-Id: " + good]), 414, "too early")
    for bad in ("x" * 65, 'a"b', "a b", "a\\b", "a,b", "", "\xe4", "$request"):
        reply = n.ask("/api/a", headers=["X-Request-Id: " + bad])
        got = reply.field("X-Request-Id")
        assert got != bad and ID.match(got), f"{bad!r} gave {got!r}"
        same(reply.json()["HTTP_X_REQUEST_ID"], got, "passed on")
        is_envelope(n.ask("/", headers=["X-Request-Id: " + bad]), 404, bad)
    # Of two, one is taken, and Lockstep sees just that one.
    reply = n.ask("/api/a", headers=["X-Request-Id: one", "X-Request-Id: two"])
    same(reply.json()["HTTP_X_REQUEST_ID"], reply.field("X-Request-Id"), "two")


@check
def request_ids_differ(n, a, b):
    ids = {n.ask("/nowhere").field("X-Request-Id") for _ in range(20)}
    same(len(ids), 20, "different ids")


@check
def no_header_opens_the_operators_door(n, a, b):
    given = n.ask("/api/a", headers=[
        "Lockstep-Door: ops", "LOCKSTEP_DOOR: ops", "Proxy: http://evil",
        "Remote-Addr: 1.2.3.4", "REMOTE_ADDR: 1.2.3.4",
        "Request-Uri: /metrics"]).json()
    same(given["LOCKSTEP_DOOR"], "", "door")
    same(given.get("HTTP_PROXY", ""), "", "httpoxy")
    same(given["REQUEST_URI"], "/api/a", "target")
    assert given["REMOTE_ADDR"] != "1.2.3.4", "address"


@check
def the_target_is_passed_on_as_it_was_sent(n, a, b):
    # True: passed on, raw, for Lockstep to take or refuse. A number: nginx's.
    for target, expected in {
            "/api": True, "/api/": True, "/api?a=%20b": True,
            "/api/letters/%2e%2e%2fx": True, "/api%2fletters": True,
            "/api%2Fletters": True, "/%61pi/letters": True,
            "/api/a%2fb": True, "/api//a": True, "/api/./a": True,
            "/x/../api/a": True, "/api/%252e%252e/a": True,
            "/api%0a": 404, "/api/%0d%0aX: y": None, "/api%3fa": 404,
            "/api/%2e%2e/metrics": 404, "/api/..%2fmetrics": 404,
            "/API/a": 404, "/api\\a": 404, "/api;a": 404,
            "http://other/api/a": "/api/a", "/api/\xff": True,
    }.items():
        reply = n.ask(target)
        if expected is None:
            continue
        if expected is True or isinstance(expected, str):
            same(reply.status, 200, target)
            same(reply.json()["REQUEST_URI"],
                 target if expected is True else expected, target)
        else:
            is_envelope(reply, expected, target)


@check
def lockstep_own_errors_pass_untouched(n, a, b):
    reply = n.ask("/api/teapot")
    same((reply.status, reply.json()), (418, {"own": True}), "418")
    reply = n.ask("/api/unavailable")
    same((reply.status, reply.json()), (503, {"own": True}), "503")
    same(reply.all("Retry-After"), ["7"], "Retry-After")
    same(len(reply.all("X-Request-Id")), 1, "X-Request-Id fields")
    assert reply.field("X-Request-Id") != "said-by-the-backend", "one speaker"


@check
def replies_of_lockstep_have_the_security_headers(n, a, b):
    for target in ("/api/a", "/api/teapot"):
        reply = n.ask(target)
        same(reply.all("X-Content-Type-Options"), ["nosniff"], target)
        same(reply.all("Referrer-Policy"), ["no-referrer"], target)
        same(len(reply.all("Content-Security-Policy")), 1, target)
        same(reply.all("Server"), ["nginx"], target)


@check
def long_json_is_compressed_for_those_who_ask(n, a, b):
    reply = n.ask("/api/large", headers=["Accept-Encoding: gzip"])
    same(reply.field("Content-Encoding"), "gzip", "coding")
    same(sorted(reply.all("Vary")), ["Accept", "Accept-Encoding"], "Vary")
    same(len(json.loads(gzip.decompress(reply.body))), 5000, "words")
    same(reply.field("ETag"), 'W/"tag"', "the tag of what was changed")
    reply = n.ask("/api/large")
    same(reply.field("Content-Encoding"), None, "unasked")
    same(len(reply.json()), 5000, "words")
    same(reply.field("ETag"), '"tag"', "the tag of what was not")


@check
def replies_without_a_body_pass_as_they_are(n, a, b):
    for target, method, status, length in (
            ("/api/head", "HEAD", 200, "100"), ("/api/known", "GET", 304, None),
            ("/api/known", "HEAD", 304, None),
            ("/api/allow", "OPTIONS", 204, None)):
        reply = n.ask(target, method, ["Accept-Encoding: gzip",
                                       'If-None-Match: "other"'])
        same((reply.status, reply.body), (status, b""), target)
        same(reply.field("Content-Length"), length, target + " length")
        same(reply.field("Transfer-Encoding"), None, target + " coding")
        same(reply.field("Content-Type"),
             "application/json" if length else None, target + " type")
        if status != 204:
            same(reply.field("ETag"), '"tag"', target + " tag")
    same(n.ask("/api/allow", "OPTIONS").field("Allow"), "GET, HEAD", "Allow")
    # nginx has no opinion on conditions: they are for Lockstep.
    for field in ('If-None-Match: "tag"', "If-None-Match: *",
                  'If-Match: "other"'):
        same(n.ask("/api/head", headers=[field]).status, 200, field)


@check
def a_head_may_hold_a_long_link(n, a, b):
    reply = n.ask("/api/link")
    same((reply.status, len(reply.field("Link"))), (200, 16002), "link")


@check
def fields_of_the_api_are_passed_on(n, a, b):
    fields = {"Idempotency-Key": '"k 1"', "If-Match": '"a", W/"b"',
              "If-None-Match": "*", "Prefer": "return=minimal",
              "Origin": APP, "Access-Control-Request-Method": "PATCH",
              "Access-Control-Request-Headers": "authorization,if-match"}
    given = n.ask("/api/a", "PATCH", [f"{k}: {v}" for k, v in fields.items()]
                  ).json()
    for name, value in fields.items():
        same(given["HTTP_" + name.upper().replace("-", "_")], value, name)


CORS = ["Access-Control-Allow-Origin", "Access-Control-Allow-Credentials",
        "Access-Control-Expose-Headers"]


@check
def errors_can_be_read_by_pages_of_the_origins_named(n, a, b):
    def errors(stage, origin):
        field = ["Origin: " + origin]
        yield 404, stage.ask("/nowhere", headers=field)
        yield 405, stage.ask("/api/a", "TRACE", field)
        yield 413, stage.ask("/api/a", "POST",
                             field + ["Content-Length: 1000000"])
        yield 502, stage.ask("/api/vanish", headers=field)
        yield 504, n.hasty.ask("/api/stuck", "POST", field, b"{}")
        yield 400, stage.ask("/api/%zz", headers=field)
    for origin in (APP, "http://[::1]:5173"):
        for status, reply in errors(n, origin):
            if status != 400:   # its headers were never read
                same([reply.all(name) for name in CORS], [[origin], ["true"], [
                    "Allow, Retry-After, X-Request-Id"]], status)
            same(reply.all("Vary"), ["Origin"], status)
            is_envelope(reply, status, origin)
    for origin in ("https://appXexample.com", APP + ".evil.example", "null",
                   "x" + APP, APP + ":443", APP + "/", "*", ""):
        for status, reply in errors(n, origin):
            same([reply.all(name) for name in CORS], [[], [], []], origin)
            same(reply.all("Vary"), ["Origin"], status)
    reply = n.narrow.ask("/nowhere", headers=["Origin: https://any.example"])
    same([reply.all(name) for name in CORS], [["*"], [], [
        "Allow, Retry-After, X-Request-Id"]], "any")
    same(n.narrow.ask("/nowhere").all(CORS[0]), [], "no page")
    reply = n.slow.ask("/nowhere", headers=["Origin: " + APP])
    same([reply.all(name) for name in CORS + ["Vary"]], [[]] * 4, "none let in")
    # What is Lockstep's is for Lockstep to say.
    reply = n.ask("/api/teapot", headers=["Origin: " + APP])
    same([reply.all(name) for name in CORS], [[], [], []], "Lockstep's own")


@check
def connections_to_lockstep_are_kept(n, a, b):
    def made():
        before = a.accepted + b.accepted
        for _ in range(40):
            same(n.ask("/api/a").status, 200, "status")
        return a.accepted + b.accepted - before
    # One that is idle for a second is closed, as it may be where all is slow.
    wait_for(lambda: made() <= 2, "connections are kept")


@check
def both_sockets_serve(n, a, b):
    before = (len(a.seen), len(b.seen))
    for _ in range(8):
        n.ask("/api/a")
    assert len(a.seen) > before[0] and len(b.seen) > before[1], "one idles"


@check
def a_post_is_never_sent_twice_and_a_get_may_be(n, a, b):
    def times(method):
        def vanished():
            return sum(r["REQUEST_URI"] == "/api/vanish"
                       for r in a.seen + b.seen)
        before = vanished()
        body = b"{}" if method != "GET" else b""
        is_envelope(n.ask("/api/vanish", method, body=body), 502, method)
        return vanished() - before
    same(times("POST"), 1, "POST sent")
    same(times("PATCH"), 1, "PATCH sent")
    same(times("GET"), 2, "GET sent")


@check
def a_reply_that_is_none_is_a_502(n, a, b):
    is_envelope(n.ask("/api/nonsense"), 502, "nonsense")


@check
def a_backend_that_does_not_answer_is_a_504(n, a, b):
    is_envelope(n.hasty.ask("/api/stuck", "POST", body=b"{}"), 504, "POST")


@check
def one_socket_gone_fails_no_request(n, a, b):
    a.stop()
    for i in range(10):
        method = ("GET", "POST")[i % 2]
        same(n.ask("/api/a", method, body=b"{}").status, 200, method)
    reply = n.ask("/readyz/0", door=n.ops)
    same(reply.status, 502, "that instance's readiness")
    same(n.ask("/readyz/1", door=n.ops).status, 200, "the other's")
    b.stop()
    for method in ("GET", "POST", "DELETE"):
        is_envelope(n.ask("/api/a", method), 502, "both gone, " + method)
    a.start()
    same(n.ask("/api/a").status, 200, "one is back")
    b.start()


@check
def the_operators_door_has_its_pages_and_no_others(n, a, b):
    for target, passed in {"/healthz": "/healthz", "/readyz": "/readyz",
                           "/readyz/0": "/readyz", "/readyz/1": "/readyz",
                           "/metrics?x=1": "/metrics"}.items():
        given = n.ask(target, door=n.ops).json()
        same(given["LOCKSTEP_DOOR"], "ops", target)
        same(given["REQUEST_URI"], passed, target)
    for target in ("/", "/api/a", "/metrics/", "/metrics/x", "/readyz/2",
                   "/lockstep-problem"):
        reply = n.ask(target, door=n.ops)
        same(reply.status, 404, target)
        same(reply.json()["meta"]["request_id"], reply.field("X-Request-Id"),
             target)
    same(Reply(n.raw(b"junk\r\n\r\n", n.ops)).json()["error"]["code"],
         "bad_request", "malformed")


@check
def too_many_requests_are_a_429(n, a, b):
    same([n.slow.ask("/api/a").status for _ in range(3)], [200, 200, 200],
         "the burst")
    replies = []

    def refused():
        replies.append(n.slow.ask("/api/a"))
        return replies[-1].status == 429
    wait_for(refused, "a request is refused")
    is_envelope(replies[-1], 429, "rate")


@check
def too_many_connections_are_a_429(n, a, b):
    def stuck():
        return sum(r["REQUEST_URI"] == "/api/stuck" for r in a.seen + b.seen)
    before = stuck()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(n.narrow.door)
        s.sendall(b"POST /api/stuck HTTP/1.1\r\nHost: a\r\n"
                  b"Content-Length: 2\r\n\r\n{}")
        wait_for(lambda: stuck() > before, "the first request is under way")
        is_envelope(n.narrow.ask("/api/a"), 429, "connections")


@check
def errors_over_http_2_are_the_same(n, a, b):
    def ask(target, *more):
        done = subprocess.run(
            ["curl", "-sS", "-i", "--max-time", str(PATIENCE_S),
             "--http2-prior-knowledge", "--unix-socket", n.second.door,
             "http://localhost" + target, *more],
            capture_output=True, check=True)
        return Reply(done.stdout)
    is_envelope(ask("/nowhere"), 404, "404")
    is_envelope(ask("/api/%00"), 400, "400")
    is_envelope(ask("/api/a", "-X", "TRACE"), 405, "405")
    # By hand: curl stops reading when its upload is refused.
    error = json.loads(http2_announce(n.second.door, 300000))["error"]
    same(error["code"], "body_too_large", "413")
    is_envelope(ask("/api/vanish"), 502, "502")
    is_envelope(ask("/api/stuck", "-d", "{}"), 504, "504")
    same(ask("/api/a").json()["SERVER_PROTOCOL"], "HTTP/2.0", "passes")


@check
def the_log_is_json_without_query_strings(n, a, b):
    n.ask("/api/logged?email=eve@example.org", headers=["X-Request-Id: logged",
          "Authorization: Bearer canary-token"])
    n.ask("/nowhere%22quoted?email=eve@example.org")
    path = os.path.join(n.directory, "access.log")

    def text():
        with open(path) as log:
            return log.read()
    wait_for(lambda: "/nowhere%22quoted" in text(), "the log is written")
    lines = [json.loads(line) for line in text().splitlines()]
    mine = [line for line in lines if line["request_id"] == "logged"]
    same(len(mine), 1, "lines of one request")
    same((mine[0]["path"], mine[0]["status"]), ("/api/logged", 200), "line")
    for secret in ("eve@example.org", "canary-token", "email="):
        assert secret not in text(), f"{secret} is in the log"
    assert any(line["path"] == "/nowhere%22quoted" for line in lines), "raw"


@check
def nginx_itself_saw_no_fault_in_the_template(n, a, b):
    for line in n.errors().splitlines():
        assert not re.search(r"uninitialized|cycle|\[(crit|alert|emerg)\]",
                             line) or "connect() to unix:" in line, line


@check
def a_template_is_not_rendered_by_half(n, a, b):
    path = os.path.join(n.directory, "half.in")
    with open(path, "w") as file:
        file.write("listen @NOBODY_KNOWS@;\n")
    def refused(template, arguments):
        done = subprocess.run(
            [os.path.join(TOP, "nginx/render.sh"), template,
             os.path.join(TOP, "src/base/problem.def"), *arguments],
            capture_output=True)
        assert done.returncode != 0, f"{arguments} was taken"
    for arguments in ([], ["LISTEN=80; evil on"], ["LISTEN"], ["LOG=a\nb"]):
        refused(path, arguments)
    for origins in ("https://a b", "https://a,", "a.example", "*,https://a",
                    "https://a/path", "https://(a|b)", "https://a.*"):
        refused(os.path.join(TOP, "nginx/site.conf.in"),
                ["ORIGINS=" + origins])


def main():
    if not os.access(NGINX, os.X_OK) or not shutil.which("curl"):
        print("1..0 # SKIP nginx or curl is not installed")
        return 1 if os.environ.get("CI") == "true" else 0
    print(f"1..{len(CHECKS)}", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="nginx-test.") as home:
        os.chmod(home, 0o755)
        stages = []
        open_to = {"CREDENTIALS": "true",
                   "ORIGINS": APP + ",http://[::1]:5173"}
        for name, values in (("main", open_to),
                             ("slow", {"RATE": 1, "BURST": 2}),
                             ("narrow", {"CONN": 1, "ORIGINS": "*"}),
                             ("second", {"protocol": " http2",
                                         "READ_TIMEOUT": "3s"}),
                             # Whom nothing is asked that has an answer.
                             ("hasty", {"READ_TIMEOUT": "300ms", **open_to})):
            directory = os.path.join(home, name)
            os.mkdir(directory)
            stages.append(Nginx(directory, **values))
        n, slow, narrow, second, hasty = stages
        # One pair of backends behind all of them.
        for other in (slow, narrow, second, hasty):
            other.sockets = n.sockets
        a, b = (Backend(path).start() for path in n.sockets)
        try:
            for stage in stages:
                stage.start()
            n.slow, n.narrow, n.second, n.hasty = slow, narrow, second, hasty
            for number, function in enumerate(CHECKS, 1):
                name = function.__name__.replace("_", " ")
                try:
                    function(n, a, b)
                    print(f"ok {number} - {name}", flush=True)
                except Exception as error:      # a fault is a failed test
                    failed += 1
                    print(f"not ok {number} - {name}")
                    print(f"# {type(error).__name__}: {error}", flush=True)
        finally:
            a.released.set()
            b.released.set()
            for stage in stages:
                if stage.process and stage.process.poll() is None:
                    stage.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
