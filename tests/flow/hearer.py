# SPDX-License-Identifier: MIT
"""A service of somebody else, for the system tests: it notes what it is asked and
answers as it is told, also in ways that no server should."""

import json
import socket
import threading
import time

import tap


class Request:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.at = time.monotonic()

    def json(self):
        return json.loads(self.body)


def reply(status, body="", **headers):
    """The bytes of an answer."""
    data = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}",
             "Connection: close"]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Hearer:
    """`answer` takes a request and gives the bytes of its answer, or None: then
    nothing is said until `free` is set."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        self.lock = threading.Lock()
        self.free = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.free.set()
        self.socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                request = self._read(connection)
                if request is None:
                    return
                with self.lock:
                    self.requests.append(request)
                data = self.answer(request)
                if data is None:
                    self.free.wait(120)
                    data = reply(200, '{"said": 0}')
                connection.sendall(data)
            except OSError:
                pass

    @staticmethod
    def _read(connection):
        file = connection.makefile("rb")
        line = file.readline().decode().split()
        if len(line) < 2:
            return None
        headers = {}
        while (text := file.readline().decode().strip()):
            name, value = text.split(":", 1)
            headers[name.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", 0)))
        return Request(line[1], headers, body)

    def count(self, path=None):
        with self.lock:
            return len([r for r in self.requests if path in (None, r.path)])

    def of(self, path):
        with self.lock:
            return [r for r in self.requests if r.path == path]

    def await_count(self, count, path=None, seconds=20):
        tap.wait_for(lambda: self.count(path) >= count,
                     f"{count} requests", seconds)
