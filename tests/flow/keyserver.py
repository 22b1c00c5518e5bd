# SPDX-License-Identifier: MIT
"""A key set's endpoint on loopback, which can misbehave in every way that a
provider's has been seen to."""

import http.server
import ssl
import threading
import time

import system


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        owner = self.server.owner
        mode, text = owner.answer
        owner.hits.append((time.monotonic(), mode, text, self.path))
        if self.path != "/keys":
            self.say(200, owner.elsewhere)
            return
        getattr(self, "answer_" + mode)(text)

    def say(self, status, text, headers=()):
        body = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self, text):
        self.say(200, text, [("Content-Type", "application/json")])

    def answer_garbage(self, _):
        self.say(200, "<html>maintenance</html>")

    def answer_cut(self, text):
        """Half of what it said would come."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode()[:len(text) // 2])
        self.close_connection = True

    def answer_error(self, text):
        self.say(500, text)

    def answer_missing(self, text):
        self.say(404, text)

    def answer_slow(self, _):
        """Takes the request and says nothing until the other side leaves."""
        self.connection.settimeout(30)
        try:
            self.connection.recv(1)
        except OSError:
            pass
        self.close_connection = True

    def answer_drip(self, text):
        """A byte now and then, for ever."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        try:
            while not self.server.owner.closing.wait(0.05):
                self.wfile.write(b" ")
                self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def answer_huge(self, _):
        """A gigabyte without a length."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for _ in range(1024):
                self.wfile.write(b" " * (1 << 20))
                self.server.owner.sent_bytes += 1 << 20
        except OSError:
            pass
        self.close_connection = True

    def answer_redirect(self, target):
        self.say(302, "", [("Location", target)])

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


class KeyServer:
    """`with KeyServer(text) as k:` serves text at k.url."""

    def __init__(self, text, certificate=None):
        self.answer = ("good", text)
        self.elsewhere = text
        self.hits = []
        self.sent_bytes = 0
        self.closing = threading.Event()
        self.certificate = certificate
        # The same again when it is back.
        self.port = system.free_port()
        self.server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.stop()

    def start(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.owner = self
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True,
                do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever,
                         kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        """Nobody listens any more."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self):
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.port}/keys"

    def say(self, mode, text=None):
        self.answer = (mode, self.answer[1] if text is None else text)

    def count(self, mode=None, text=None, since=0.0):
        return sum(1 for at, m, t, _ in list(self.hits) if at >= since and
                   mode in (None, m) and text in (None, t))
