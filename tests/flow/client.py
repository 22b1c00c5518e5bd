# SPDX-License-Identifier: MIT
"""A client of nginx on one kept connection, byte by byte: for tests that make
many requests, or requests that curl would not make.

    c = Client(system.port)
    reply = c.ask(request("GET", "/api/letters", token))

A reply is sut.Reply with .head, its bytes as they came.  Closed is raised when
nginx ends the connection before a whole reply; after a reply with
"Connection: close" the next request opens a new one."""

import base64
import hashlib
import hmac
import json
import socket
import time

import system as sut


class Closed(Exception):
    """The connection ended before a reply was whole."""


def request(method, target, token=None, body=None, headers=()):
    """A request as bytes; with a body it has its Content-Length, unless the
    headers say how the body is framed."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    names = {name.lower() for name, _ in headers}
    if body is not None:
        if "content-type" not in names:
            lines.append("Content-Type: application/json")
        if not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def chunked(body, sizes):
    """The body in chunks of these sizes, over and over."""
    out, at, turn = [], 0, 0
    while at < len(body):
        piece = body[at:at + sizes[turn % len(sizes)]]
        out.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        at += len(piece)
        turn += 1
    return b"".join(out) + b"0\r\n\r\n"


class Client:
    def __init__(self, port, seconds=20.0):
        self.port, self.seconds = port, seconds
        self.socket = None
        self.ended = False	# nginx said that it would close
        self.buffered = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.ended, self.buffered = None, False, b""

    def send(self, data):
        if self.ended:
            self.close()
        if self.socket is None:
            self.socket = socket.create_connection(
                ("127.0.0.1", self.port), self.seconds)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(data)

    def _more(self):
        try:
            data = self.socket.recv(1 << 17)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            raise Closed(f"after {self.buffered[:300]!r}")
        self.buffered += data

    def _take(self, n):
        while len(self.buffered) < n:
            self._more()
        out, self.buffered = self.buffered[:n], self.buffered[n:]
        return out

    def _until(self, end):
        while end not in self.buffered:
            self._more()
        return self._take(self.buffered.index(end) + len(end))

    def _chunks(self):
        out = []
        while True:
            n = int(self._until(b"\r\n"), 16)
            out.append(self._take(n + 2)[:n])
            if n == 0:
                return b"".join(out)

    def reply(self, method="GET"):
        """The next reply on the connection."""
        head = self._until(b"\r\n\r\n")
        reply = sut.parse_reply(head)
        if method != "HEAD" and reply.status not in (204, 304):
            if reply.headers.get("transfer-encoding") == "chunked":
                reply.body = self._chunks()
            else:
                reply.body = self._take(
                    int(reply.headers.get("content-length", 0)))
        reply.head = head
        self.ended = reply.headers.get("connection") == "close"
        return reply

    def ask(self, data):
        """Sends one request and returns its reply.  A request that could not
        be sent whole may have been answered all the same."""
        try:
            self.send(data)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return self.reply(data[:8].split(b" ")[0].decode())


def mint(secret, **claims):
    """An HS256 token (RFC 7519) of these claims, good for an hour."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    now = int(time.time())
    claims = {"iat": now, "exp": now + 3600, **claims}
    text = b".".join(part(json.dumps(p).encode()) for p in
                     ({"alg": "HS256", "typ": "JWT"}, claims))
    return (text + b"." + part(hmac.digest(secret, text, hashlib.sha256))
            ).decode()
