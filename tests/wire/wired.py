# SPDX-License-Identifier: MIT
"""A cluster of its own and the program `wire` on it, for the tests here."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "flow"))

import system  # noqa: E402
import tap  # noqa: E402

WIRE = os.environ.get("WIRE", str(system.BUILD / "tests/wire/wire"))


class Wire:
    """A running `wire run`: ask() sends a request and gives what came out."""

    def __init__(self, home, user="wire", statements=64, timeout_ms=5000,
                 contract=HERE / "contract", options=""):
        self.trace = home.directory / f"trace-{home.count}"
        home.count += 1
        command = [WIRE, "run", str(contract),
                   home.pg.conninfo(user, "wire") + options, str(self.trace),
                   str(home.secret), str(statements), str(timeout_ms)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        tap.same(self.process.wait(20), 0, "exit of wire")

    def line(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self

    def reply(self):
        return json.loads(self.process.stdout.readline())

    def send(self, method, target, body=None, subject="alice", role="member",
             deadline_ms="-"):
        text = "-" if body is None else json.dumps(body)
        return self.line("\t".join((subject, role, method, "/api" + target,
                                    str(deadline_ms), text)))

    def ask(self, *arguments, **words):
        return self.send(*arguments, **words).reply()

    def data(self, *arguments, **words):
        reply = self.ask(*arguments, **words)
        tap.same(reply["problem"], "NONE", str(reply))
        return reply["data"]

    def ready(self):
        return self.line("ready").reply()

    def pid(self):
        return self.data("GET", "/session")["pid"]


class Home:
    """The cluster, with schema.sql in the database `wire`."""

    def __enter__(self):
        if not system.PG_BIN:
            raise SystemExit("1..0 # SKIP Postgres is not installed")
        self.count = 0
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="wire-"))
        self.directory.chmod(0o755)
        self.secret = self.directory / "secret"
        self.secret.write_text("a secret for the tests on the wire\n")
        self.secret.chmod(0o600)
        self.pg = system.Cluster(self.directory)
        self.sql("create database wire", database="postgres")
        self.pg.psql(file=HERE / "schema.sql", database="wire")
        return self

    def __exit__(self, *_):
        self.pg.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def sql(self, text, user="postgres", database="wire"):
        return self.pg.psql(text, user, database)

    def terminate(self, pid):
        """Ends a backend, and waits until it is gone."""
        self.sql(f"select pg_terminate_backend({pid})")
        tap.wait_for(lambda: self.sql("select count(*) from pg_stat_activity "
                                      f"where pid = {pid}") == "0",
                     f"the end of backend {pid}")
