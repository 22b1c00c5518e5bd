#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Behind PgBouncer in transaction mode, with more connections than it has
sessions: nothing of one request is left in a session for the next."""

import json
import os
import shutil
import subprocess
import sys
import time

import wired
from wired import problem, tap

case = tap.case

SESSIONS = 2
CLIENTS = 6


class Pooler:
    """A PgBouncer in front of the home's cluster; socket only."""

    def __init__(self, home):
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        program = shutil.which("pgbouncer", path=path)
        if program is None:
            raise tap.Skip("pgbouncer is not installed")
        self.directory = home.directory / "pooler"
        self.directory.mkdir()
        users = self.directory / "users"
        users.write_text('"wire" ""\n')
        ini = self.directory / "ini"
        ini.write_text(f"""[databases]
wire = host={home.pg.directory} dbname=wire
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {self.directory}
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {SESSIONS}
max_client_conn = 100
logfile = {self.directory}/log
pidfile = {self.directory}/pid
""")
        if home.pg.user:
            for each in (self.directory, users, ini):
                shutil.chown(each, home.pg.user)
        self.process = subprocess.Popen(
            [program, "-q", str(ini)], user=home.pg.user, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        socket = self.directory / ".s.PGSQL.6432"
        tap.wait_for(lambda: socket.exists() or self.died(), "the pooler")

    def died(self):
        if self.process.poll() is not None:
            raise AssertionError((self.directory / "log").read_text())

    def wire(self, home, **words):
        return wired.Wire(home, unprepared=True, pg=(
            f"host={self.directory} port=6432 dbname=wire user=wire"), **words)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def pooler(home):
    if not hasattr(home, "pooler"):
        home.pooler = Pooler(home)
    return home.pooler


def fresh(home):
    home.sql("truncate app.samples restart identity; "
             "truncate lockstep.idempotency")


@case
def scopes_do_not_mix(home):
    """Requests of many clients over few sessions see their own scope alone."""
    fresh(home)
    wires = [pooler(home).wire(home) for _ in range(CLIENTS)]
    pids = set()
    for number in range(60):
        for n, wire in enumerate(wires):
            method = "GET" if (n + number) % 2 else "POST"
            wire.send(method, "/session", subject=f"user{n}")
        for n, wire in enumerate(wires):
            got = problem(wire.reply(), "NONE")["data"]
            tap.same((got["role"], json.loads(got["claims"])["sub"],
                      got["read_only"], got["statements"],
                      got["request_id"]),
                     ("member", f"user{n}",
                      "on" if (n + number) % 2 else "off", 0,
                      f"wire-{number + 1}"))
            settings = got["settings"]
            tap.same((settings["statement_timeout"], settings["TimeZone"],
                      settings["IntervalStyle"], settings["bytea_output"]),
                     ("5s", "UTC", "iso_8601", "hex"))
            pids.add(got["pid"])
    tap.same(1 < len(pids) <= SESSIONS, True, f"sessions {pids}")
    for wire in wires:
        wire.__exit__()
    left = home.sql("select count(*) from pg_stat_activity where usename = "
                    "'wire' and state <> 'idle'")
    tap.same(left, "0", "sessions in a transaction")


@case
def all_verbs(home):
    """Rows are read and written, once where they have a key."""
    fresh(home)
    with pooler(home).wire(home) as wire, pooler(home).wire(home) as other:
        problem(wire.ready(), "NONE")
        for n in range(20):
            body = {"name": f"full {n}"}
            first = problem(wire.ask("POST", "/samples", body, key=f"k{n}"),
                            "NONE", replayed=False)
            again = problem(other.ask("POST", "/samples", body, key=f"k{n}"),
                            "NONE", replayed=True)
            tap.same(again["data"], first["data"])
            same = other.data("GET", f"/samples/{first['key']}")
            tap.same(same, first["data"])
            tap.same(same["span"], "P1DT2H3M4S")
            problem(other.ask("PATCH", f"/samples/{first['key']}",
                              {"share": n}, match=f'"{first["tag"]}"'), "NONE")
            problem(wire.ask("DELETE", f"/samples/{first['key']}",
                             match=f'"{first["tag"]}"'),
                    "PRECONDITION_FAILED")
        reply = problem(wire.ask("GET", "/samples?limit=3",
                                 prefer="count=exact"), "NONE", total=20)
        tap.same(len(reply["data"]), 3)
        problem(wire.ask("POST", "/samples", {"name": "x"},
                         prefer="tx=rollback"), "NONE")
        problem(wire.ask("POST", "/samples", {"name": "full 1"}), "CONFLICT")
        problem(wire.ask("POST", "/conflict", {"name": "c", "times": 0}),
                "NONE")
    tap.same(home.sql("select count(*) from app.samples"), "21")


@case
def statements_are_stopped(home):
    """Deadlines and timeouts hold, and the sessions serve on."""
    with pooler(home).wire(home, timeout_ms=20000) as wire:
        problem(wire.ready(), "NONE")
        for _ in range(3):
            began = time.monotonic()
            problem(wire.ask("POST", "/wait", {"seconds": 9},
                             deadline_ms=200), "TIMEOUT")
            tap.same(time.monotonic() - began < 7, True, "the deadline")
            problem(wire.ask("GET", "/notes"), "NONE")
    with pooler(home).wire(home, timeout_ms=300) as wire:
        problem(wire.ready(), "NONE")
        problem(wire.ask("POST", "/wait", {"seconds": 9}), "TIMEOUT")
        problem(wire.ask("GET", "/notes"), "NONE")


@case
def killed_sessions(home):
    """When a session of the pooler dies, reads and keyed writes are answered."""
    fresh(home)
    with pooler(home).wire(home) as wire:
        for n in range(5):
            wire.send("POST", "/slow", {"name": f"s{n}", "seconds": 3},
                      key=f"s{n}")
            # In one look: the sleep does not wait for a second one.
            tap.wait_for(lambda: home.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where wait_event = 'PgSleep'") == "t", "the sleep")
            problem(wire.reply(), "NONE", replayed=False)
            home.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                     "where usename = 'wire' order by state_change desc "
                     "limit 1")
            problem(wire.ask("GET", "/samples"), "NONE")
    tap.same(home.sql("select string_agg(name, ' ' order by name) "
                      "from app.samples"), "s0 s1 s2 s3 s4")


if __name__ == "__main__":
    with wired.Home() as at:
        try:
            code = tap.run(at)
        finally:
            if hasattr(at, "pooler"):
                at.pooler.stop()
    sys.exit(code)
