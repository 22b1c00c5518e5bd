# SPDX-License-Identifier: MIT
"""A receiver of webhooks on loopback, for the system tests: it answers each
path by a script, and keeps what came."""

import http.server
import threading
import time


class Request:
    def __init__(self, handler, body):
        self.at = time.monotonic()
        self.path = handler.path
        self.headers = {k.lower(): v for k, v in handler.headers.items()}
        self.body = body

    @property
    def id(self):
        return self.headers["webhook-id"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = self.server.receiver.take(Request(self, body))
        if answer is None:
            self.close_connection = True
            return
        status, headers, text = answer
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            self.close_connection = True

    do_GET = do_PUT = do_POST

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


class Receiver:
    """`script` of a path: a list of answers, the last one again and again. An
    answer is a status, (status, headers, text), None for no word at all, or an
    Event that is waited for before 200."""

    def __init__(self):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.receiver = self
        self.port = self.server.server_address[1]
        self.lock = threading.Lock()
        self.scripts, self.requests = {}, []
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def url(self, path, *script):
        self.scripts[path] = list(script) or [200]
        return f"http://127.0.0.1:{self.port}{path}"

    def take(self, request):
        with self.lock:
            self.requests.append(request)
            script = self.scripts.get(request.path, [404])
            answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, threading.Event):
            answer.wait(30)
            answer = 200
        if isinstance(answer, int):
            return answer, {}, b"answer %d" % answer
        return answer

    def of(self, path):
        with self.lock:
            return [r for r in self.requests if r.path == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
