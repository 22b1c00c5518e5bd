# SPDX-License-Identifier: MIT
"""A cluster of its own and the program `wire` on it, for the tests here."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "flow"))

import system  # noqa: E402
import tap  # noqa: E402

WIRE = os.environ.get("WIRE", str(system.BUILD / "tests/wire/wire"))


def problem(reply, name, **more):
    for key, value in {"problem": name, **more}.items():
        tap.same(reply.get(key), value, f"{key} of {reply}")
    return reply


def conversation(wire, before):
    """What the trace gained, without what differs from run to run."""
    text = wire.trace.read_text()[before:]
    return re.sub(r'"(iat|exp)":\d+', r'"\1":0', text)


class Wire:
    """A running `wire run`: ask() sends a request and gives what came out."""

    def __init__(self, home, user="wire", statements=64, timeout_ms=5000,
                 contract=HERE / "contract", options="", pg=None,
                 replica="-", unprepared=False):
        self.trace = home.directory / f"trace-{home.count}"
        home.count += 1
        command = [WIRE, "run", str(contract),
                   (pg or home.pg.conninfo(user, "wire")) + options,
                   str(self.trace), str(home.secret), str(statements),
                   str(timeout_ms), replica] + ["unprepared"] * unprepared
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
             deadline_ms="-", key=None, match=None, prefer=None):
        text = "-" if body is None else json.dumps(body)
        headers = [f"{name}={value}" for name, value in (
            ("HTTP_IDEMPOTENCY_KEY", key), ("HTTP_IF_MATCH", match),
            ("HTTP_PREFER", prefer)) if value is not None]
        return self.line("\t".join((subject, role, method, "/api" + target,
                                    str(deadline_ms), text, *headers)))

    def ask(self, *arguments, **words):
        return self.send(*arguments, **words).reply()

    def data(self, *arguments, **words):
        reply = self.ask(*arguments, **words)
        tap.same(reply["problem"], "NONE", str(reply))
        return reply["data"]

    def sweep(self):
        reply = self.line("sweep").reply()
        tap.same(reply["problem"], "NONE", str(reply))
        return reply["rows"]

    def ready(self):
        return self.line("ready").reply()

    def pid(self):
        return self.data("GET", "/session")["pid"]


class Home:
    """The cluster, with schema.sql and keys.sql in the database `wire`."""

    def __enter__(self):
        if not system.PG_BIN:
            raise SystemExit("1..0 # SKIP Postgres is not installed")
        self.count = 0
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="wire-"))
        self.directory.chmod(0o755)
        self.secret = self.directory / "secret"
        self.secret.write_text("a secret for the tests on the wire\n")
        self.secret.chmod(0o600)
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def begin(self):
        self.pg = system.Cluster(self.directory)
        self.sql("create database wire", database="postgres")
        top = HERE.parent.parent
        for file in (HERE / "schema.sql", top / "migrations/roles.sql",
                     top / "migrations/0001_foundation.sql",
                     top / "migrations/0006_idempotency.sql",
                     top / "policies/idempotency.sql", HERE / "keys.sql"):
            self.pg.psql(file=file, database="wire")

    def __exit__(self, *_):
        if hasattr(self, "pg"):
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
