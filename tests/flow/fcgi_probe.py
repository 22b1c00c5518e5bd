# SPDX-License-Identifier: MIT
"""A FastCGI client that hides nothing: it builds records, sends them in pieces
of the test's choice, and reads what comes back record by record.

    c = Connection("lockstep.sock")
    c.send(request("GET", "/echo"))
    reply = c.reply()          # .status .headers .body

A reply is read to its END_REQUEST; Closed is raised when the server has
closed the connection, TimeoutError when nothing comes."""

import json
import socket
import struct

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = \
    1, 2, 3, 4, 5, 6, 7
GET_VALUES = 9
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3


class Closed(Exception):
    """The server closed the connection; .kept says what came before."""


def record(kind, content=b"", request_id=1, padding=0):
    """One record, its content at most 65535 bytes."""
    return struct.pack(">BBHHBB", 1, kind, request_id, len(content), padding,
                       0) + content + b"\0" * padding


def begin(keep=True, role=RESPONDER, request_id=1):
    return record(BEGIN_REQUEST, struct.pack(">HB5x", role, int(keep)),
                  request_id)


def length(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 1 << 31)


def pairs(items):
    """(name, value) pairs as the content of PARAMS."""
    out = []
    for name, value in items:
        name, value = (v if isinstance(v, bytes) else v.encode()
                       for v in (name, value))
        out.append(length(len(name)) + length(len(value)) + name + value)
    return b"".join(out)


def stream(kind, content, request_id=1, piece=32768):
    """The content in records of at most `piece` bytes, and the stream's end."""
    return b"".join(record(kind, content[i:i + piece], request_id)
                    for i in range(0, len(content), piece)) \
        + record(kind, b"", request_id)


def environment(method, target, body=b"", headers=(), declared=None):
    """What nginx sends; headers are (name, value) pairs as on the wire."""
    if declared is None:
        declared = str(len(body)) if body else ""
    items = [("REQUEST_METHOD", method), ("REQUEST_URI", target),
             ("QUERY_STRING", target.partition("?")[2]),
             ("CONTENT_TYPE", "application/json" if body else ""),
             ("CONTENT_LENGTH", declared), ("REQUEST_SCHEME", "http"),
             ("REMOTE_ADDR", "127.0.0.1"), ("SERVER_PROTOCOL", "HTTP/1.1"),
             ("HTTP_PROXY", "")]
    return items + [("HTTP_" + n.upper().replace("-", "_"), v)
                    for n, v in headers]


def request(method, target, body=b"", headers=(), keep=True, declared=None,
            piece=32768, request_id=1):
    """A whole request: BEGIN, PARAMS, STDIN."""
    return begin(keep, RESPONDER, request_id) \
        + stream(PARAMS, pairs(environment(method, target, body, headers,
                                           declared)), request_id) \
        + stream(STDIN, body, request_id, piece)


class Reply:
    """A reply as a client of nginx would see it."""

    def __init__(self, stdout, request_id, app_status, protocol_status):
        head, blank, self.body = stdout.partition(b"\r\n\r\n")
        self.raw = stdout
        self.request_id = request_id
        self.app_status, self.protocol_status = app_status, protocol_status
        self.headers = {}
        for line in head.split(b"\r\n") if blank else []:
            name, _, value = line.decode().partition(": ")
            assert name.lower() not in self.headers, f"{name} comes twice"
            self.headers[name.lower()] = value
        self.status = int(self.headers.get("status", "0").split()[0])

    def json(self):
        return json.loads(self.body)


class Connection:
    """A connection to the server; use it in `with`, or close() it."""

    def __init__(self, path, seconds=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))
        self.buffered = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def take(self, n):
        while len(self.buffered) < n:
            try:
                more = self.socket.recv(1 << 18)
            except (ConnectionResetError, BrokenPipeError):
                more = b""
            if not more:
                raise Closed(f"after {len(self.buffered)} bytes of a record")
            self.buffered += more
        out, self.buffered = self.buffered[:n], self.buffered[n:]
        return out

    def record(self):
        """The next record: (kind, request id, content)."""
        version, kind, request_id, n, padding, _ = \
            struct.unpack(">BBHHBB", self.take(8))
        assert version == 1, f"version {version}"
        return kind, request_id, self.take(n + padding)[:n]

    def reply(self):
        """The next reply, to its END_REQUEST."""
        stdout = []
        while True:
            kind, request_id, content = self.record()
            if kind == STDOUT:
                stdout.append(content)
            elif kind == END_REQUEST:
                app, protocol = struct.unpack(">IB3x", content)
                return Reply(b"".join(stdout), request_id, app, protocol)
            elif kind != STDERR:
                raise AssertionError(f"a record of kind {kind}")

    def ask(self, *arguments, **named):
        """Sends a request and returns its reply."""
        self.send(request(*arguments, **named))
        return self.reply()

    def silent(self):
        """Is there nothing to be read at this moment, not even the end?"""
        if self.buffered:
            return False
        seconds = self.socket.gettimeout()
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        finally:
            self.socket.settimeout(seconds)

    def farewell(self):
        """Takes the server's farewell, an empty STDERR record."""
        return self.record() == (STDERR, 1, b"")

    def is_closed(self):
        """Waits for the server to close, with a farewell or without one;
        False when it answers instead."""
        try:
            return self.farewell() and self.take(1) == b""
        except Closed:
            return True
