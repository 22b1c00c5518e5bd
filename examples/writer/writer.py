#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A service that writes letters: POST /letters takes what is to be said, and
answers {"content": "Dear ..."}. It stands for a service of somebody else, which
may be slow, refuse or be away; ./dev up starts it.

A repeat with the same Idempotency-Key is answered with the same letter, also
after this was killed: the letter is kept before it is told. With a secret only
what is signed by it (Standard Webhooks) is heard.

The file of --mood makes it another service, from the next request on:
{"delay_ms": 2000}, {"status": 503}, {"status": 429, "retry_after": 5},
{"reply": "no JSON"}; {"times": 3} with any of them is for so many requests.
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import sys
import threading
import time

BODY_MAX = 1 << 20
TOLERANCE_S = 300
CLOSING = {"formal": "Yours faithfully", "friendly": "All the best",
           "apologetic": "With my apologies", "persuasive": "Looking forward "
           "to your answer", "neutral": "Yours sincerely"}


class Shelf:
    """Letters by key, in a file."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.base = sqlite3.connect(path, check_same_thread=False)
        self.base.execute("create table if not exists letters (key text "
                          "primary key, digest text, reply text)")
        self.base.commit()

    def take(self, key, digest, write):
        """The letter of the key, written if it was not; None if the key was
        used for another one."""
        with self.lock:
            row = self.base.execute("select digest, reply from letters where "
                                    "key = ?", (key,)).fetchone()
            if row is None:
                row = (digest, write())
                self.base.execute("insert into letters values (?, ?, ?)",
                                  (key, *row))
                self.base.commit()
        return row[1] if row[0] == digest else None


class Mood:
    """What is in the file, for as many requests as it says."""

    def __init__(self, path):
        self.path = pathlib.Path(path) if path else None
        self.lock = threading.Lock()
        self.seen, self.count = None, 0

    def now(self):
        try:
            text = self.path.read_text() if self.path else ""
            mood = json.loads(text) if text.strip() else {}
        except (OSError, ValueError):
            return {}
        with self.lock:
            if text != self.seen:
                self.seen, self.count = text, 0
            self.count += 1
            return mood if self.count <= mood.get("times", 1e9) else {}


def write(wish):
    """The letter itself."""
    lines = [f"Dear {wish.get('name') or 'reader'},"]
    lines.append(wish.get("body") or f"about: {wish.get('title', '')}")
    lines.append(CLOSING.get(wish.get("tone"), CLOSING["neutral"]))
    return json.dumps({"content": "\n\n".join(lines)})


def is_signed(secret, headers, body):
    sent = headers.get("webhook-timestamp", "")
    if not sent.isdigit() or abs(time.time() - int(sent)) > TOLERANCE_S:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    wanted = base64.b64encode(hmac.new(secret, signed,
                                       hashlib.sha256).digest())
    return any(hmac.compare_digest(b"v1," + wanted, one.encode()) for one in
               headers.get("webhook-signature", "").split())


class Desk(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "writer"
    timeout = 60

    def answer(self, status, text, **headers):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_MAX:
            self.close_connection = True
            self.answer(413, "{}")
            return
        body = self.rfile.read(int(length))
        mood = self.server.mood.now()
        time.sleep(mood.get("delay_ms", 0) / 1000)
        if self.server.secret and not is_signed(self.server.secret,
                                                self.headers, body):
            self.answer(401, '{"error": "not signed"}')
        elif "status" in mood:
            more = {"Retry_After": mood["retry_after"]} \
                if "retry_after" in mood else {}
            self.answer(mood["status"], '{"error": "by its mood"}', **more)
        elif "reply" in mood:
            self.answer(200, mood["reply"])
        else:
            self.write_letter(body)

    def write_letter(self, body):
        key = self.headers.get("Idempotency-Key")
        try:
            wish = json.loads(body)
        except ValueError:
            wish = None
        if self.path != "/letters":
            self.answer(404, '{"error": "there are only letters"}')
        elif not isinstance(wish, dict) or not key or len(key) > 255:
            self.answer(400, '{"error": "an object and a key are needed"}')
        else:
            reply = self.server.shelf.take(
                key, hashlib.sha256(body).hexdigest(), lambda: write(wish))
            if reply is None:
                self.answer(422, '{"error": "the key was used for another"}')
            else:
                self.answer(200, reply)

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, "{}")

    def log_message(self, form, *values):
        print(f"{time.strftime('%FT%TZ', time.gmtime())} {form % values}",
              flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Who goes away while the letter is written takes it the next time."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def secret_of(path):
    text = pathlib.Path(path).read_text().split()[0]
    return base64.b64decode(text.removeprefix("whsec_"))


def main():
    words = argparse.ArgumentParser(description="Writes letters.")
    words.add_argument("--port", type=int, default=0,
                       help="of 127.0.0.1; 0 takes a free one")
    words.add_argument("--port-file", help="where the port is written to")
    words.add_argument("--shelf", default=":memory:",
                       help="file of the letters that were written")
    words.add_argument("--secret", help="file of the key of requests")
    words.add_argument("--mood", help="file that is read at each request")
    said = words.parse_args()
    server = Server(("127.0.0.1", said.port), Desk)
    server.secret = secret_of(said.secret) if said.secret else None
    server.shelf, server.mood = Shelf(said.shelf), Mood(said.mood)
    if said.port_file:
        new = pathlib.Path(said.port_file + ".new")
        new.write_text(f"{server.server_address[1]}\n")
        os.replace(new, said.port_file)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
