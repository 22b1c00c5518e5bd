#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The conversation with Postgres: its form, as libpq's trace (golden files,
UPDATE=1 writes them anew), and what is told when it goes wrong."""

import difflib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import time

import wired
from wired import conversation, problem, tap

case = tap.case

ONE = "00000000-0000-4000-8000-000000000001"
TWO = "00000000-0000-4000-8000-000000000002"
NOWHERE = "00000000-0000-4000-8000-00000000ffff"
KINDS = {
    "list": ("GET", "/notes?rank=gte.0&select=id,title&limit=1", None),
    "read": ("GET", f"/notes/{ONE}", None),
    "create": ("POST", "/notes", {"id": TWO, "title": "two"}),
    "update": ("PATCH", f"/notes/{ONE}", {"rank": 2, "body": None}),
    "delete": ("DELETE", f"/notes/{TWO}", None),
    "call": ("POST", f"/notes/{ONE}/maybe", None),
}


def fresh(home):
    home.sql("truncate app.notes, app.boxes; insert into app.notes "
             "(id, owner, title, rank, extra, tags, due_at, weight) values "
             f"('{ONE}', 'alice', 'one', 1, '{{\"a\": [1, null]}}', "
             "'{x,\"y z\",NULL}', '2026-01-02 03:04:05.6+00', 'NaN')")


def count(home):
    return int(home.sql("select count(*) from app.notes"))


def spoken(home, kind):
    """The conversations of a request: the first time, and again."""
    fresh(home)
    parts = []
    with wired.Wire(home) as wire:
        wire.ready()
        for time_ in ("first", "again"):
            if kind == "delete" or time_ == "again":
                home.sql(f"delete from app.notes where id = '{TWO}'")
            if kind == "delete":
                home.sql("insert into app.notes (id, owner, title) values "
                         f"('{TWO}', 'alice', 'two')")
            before = len(wire.trace.read_text())
            problem(wire.ask(*KINDS[kind]), "NONE")
            parts.append((time_, conversation(wire, before)))
    return parts


def golden(kind):
    def run(home):
        text = ""
        for time_, part in spoken(home, kind):
            sides = [line.split("\t")[0] for line in part.splitlines()]
            tap.same(sides, sorted(sides, reverse=True),
                     "one flush, then one read")
            tap.same(part.count("\tSync"), 1, "Syncs")
            tap.same("Parse" in part, time_ == "first", "prepared once")
            text += f"# {time_}\n{part}"
        path = wired.HERE / f"{kind}.trace"
        if os.environ.get("UPDATE"):
            path.write_text(text)
        different = "\n".join(difflib.unified_diff(
            path.read_text().splitlines(), text.splitlines(), path.name,
            "now", lineterm="", n=0))
        if different:
            raise AssertionError(different)
    run.__doc__ = f"{kind}: one flush, one Sync, prepared the second time"
    return run


for each in KINDS:
    case(golden(each))


@case
def rows_as_json(home):
    """A row is told by its types; what is writeOnly is not told."""
    fresh(home)
    with wired.Wire(home) as wire:
        tap.same(wire.data("GET", f"/notes/{ONE}"), {
            "id": ONE, "title": "one", "body": None, "rank": 1,
            "weight": None, "urgent": False, "slot": None, "box_id": None,
            "extra": {"a": [1, None]}, "tags": ["x", "y z", None],
            "due_at": "2026-01-02T03:04:05.6Z"})
        made = wire.ask("POST", "/notes", {
            "id": TWO, "title": "a \"b\" \u20ac\n", "weight": 0.1,
            "extra": {"x": {"y": "\\"}}, "pin": "1234"})
        problem(made, "NONE", key=TWO, rows=1)
        tap.same(made["data"]["title"], "a \"b\" \u20ac\n")
        tap.same(made["data"]["extra"], {"x": {"y": "\\"}})
        tap.same("pin" in made["data"], False)
        tap.same(home.sql(f"select pin from app.notes where id = '{TWO}'"),
                 "1234")
        tap.same(wire.data("GET", "/urgent"), [])
        wire.data("PATCH", f"/notes/{TWO}", {"urgent": True})
        tap.same([n["id"] for n in wire.data("GET", "/urgent")], [TWO])
        gone = wire.ask("DELETE", f"/notes/{TWO}")
        problem(gone, "NONE", data=None, rows=1)


@case
def own_rows_only(home):
    """Rows of others are not found, by any verb, nor is what does not exist."""
    fresh(home)
    with wired.Wire(home) as wire:
        for key, subject in ((ONE, "bob"), (NOWHERE, "alice")):
            for method, target, body in (
                    ("GET", f"/notes/{key}", None),
                    ("PATCH", f"/notes/{key}", {"rank": 9}),
                    ("DELETE", f"/notes/{key}", None),
                    ("POST", f"/notes/{key}/close", None),
                    ("POST", f"/notes/{key}/maybe", None)):
                problem(wire.ask(method, target, body, subject=subject),
                        "NOT_FOUND")
        tap.same(wire.data("GET", "/notes", subject="bob"), [])
        tap.same(wire.data("GET", "/notes", subject="-", role="-"), [])
        tap.same(len(wire.data("GET", "/notes")), 1)
    tap.same(home.sql("select rank, closed from app.notes"), "1|f")


@case
def the_scope(home):
    """Role, claims, request id and read-only hold for one transaction."""
    with wired.Wire(home) as wire:
        got = wire.data("GET", "/session")
        tap.same((got["role"], json.loads(got["claims"])["sub"],
                  got["request_id"], got["read_only"]),
                 ("member", "alice", "wire-1", "on"))
        got = wire.data("POST", "/session", subject="bob")
        tap.same((json.loads(got["claims"])["sub"], got["request_id"],
                  got["read_only"]), ("bob", "wire-2", "off"))
        got = wire.data("GET", "/session", subject="-", role="-")
        tap.same((got["role"], json.loads(got["claims"]).get("sub")),
                 ("anon", None))
        problem(wire.ask("GET", "/write"), "INTERNAL")


@case
def errors_in_one_table(home):
    """Errors of the database are problems, and the contract's own come first."""
    fresh(home)
    with wired.Wire(home) as wire:
        def create(**values):
            return wire.ask("POST", "/notes", {"id": TWO, "title": "two",
                                               **values})
        problem(create(id=ONE), "CONFLICT", issues=[])
        problem(create(title="one"), "DECLARED", code="title_taken",
                issues=[["constraint", ["title"]]])
        problem(create(rank=13), "VALIDATION_FAILED",
                issues=[["constraint", []]])
        problem(wire.ask("POST", f"/notes/{ONE}/close"), "NONE")
        problem(wire.ask("POST", f"/notes/{ONE}/close"), "DECLARED",
                code="note_closed")
        reply = problem(wire.ask("POST", "/divide", {"seconds": 0}),
                        "VALIDATION_FAILED")
        tap.same("PL/pgSQL function app.divide(" in reply["cause"], True)
        reply = problem(wire.ask("POST", "/missing"), "INTERNAL")
        tap.same("there_is_no_such" in reply["cause"], True, reply["cause"])
        reply = problem(wire.ask("GET", "/notes", role="outsider"),
                        "INTERNAL")
        tap.same("may not become outsider" in reply["cause"], True)
        home.sql("revoke select on app.notes from anon")
        problem(wire.ask("GET", "/notes", role="-"), "FORBIDDEN")
        home.sql("grant select on app.notes to anon")
        problem(wire.ask("GET", "/notes", role="-"), "NONE")
    tap.same(count(home), 1)


@case
def deferred_constraints(home):
    """An error that comes at the Sync only is told, and nothing is kept."""
    fresh(home)
    with wired.Wire(home) as wire:
        reply = problem(wire.ask("POST", "/notes", {
            "id": TWO, "title": "two", "box_id": NOWHERE}), "REFERENCED")
        tap.same("notes_box_id_fkey" in reply["cause"], True)
        tap.same(NOWHERE in reply["cause"], False)
        problem(wire.ask("PATCH", f"/notes/{ONE}", {"slot": 7}), "NONE")
        problem(wire.ask("POST", "/notes", {
            "id": TWO, "title": "two", "slot": 7}), "CONFLICT")
        tap.same(count(home), 1)
        problem(wire.ask("POST", "/notes", {"id": TWO, "title": "two"}),
                "NONE")


@case
def pages(home):
    """Pages put together are the whole list, whatever the order and NULLs."""
    home.sql("truncate app.notes, app.boxes; insert into app.notes "
             "(id, owner, title, rank, weight, due_at) select ('00000000-0000-"
             "4000-8000-' || lpad((i * 37 % 100)::text, 12, '0'))::uuid, "
             "'alice', 't' || i, i % 3, "
             "case when i % 4 > 0 then (i % 5) / 10.0 end, "
             "case when i % 3 > 0 then timestamptz '2026-01-01 00:00:00.123' "
             "+ (i % 4) * interval '1 day' end from generate_series(1, 40) i")
    columns = ["rank", "weight", "due_at"]
    orders = [p for n in (1, 2, 3) for p in itertools.permutations(columns, n)]
    with wired.Wire(home, statements=16) as wire:
        for names, signs in ((o, s) for o in orders for s in
                             itertools.product(("asc", "desc"),
                                               repeat=len(o))):
            order = ",".join(f"{n}.{s}" for n, s in zip(names, signs))
            target = f"/notes?select=title&order={order}"
            whole = [r["title"] for r in
                     wire.data("GET", f"{target}&limit=100")]
            wanted = home.sql(
                "select string_agg(title, ',' order by " +
                order.replace(".", " ") + f", id {signs[-1]}) from app.notes")
            tap.same(",".join(whole), wanted, order)
            parts, after = [], ""
            while True:
                reply = wire.ask("GET", f"{target}&limit=7{after}")
                problem(reply, "NONE")
                parts += [r["title"] for r in reply["data"]]
                if "next" not in reply:
                    break
                after = "&after=" + reply["next"]
            tap.same(parts, whole, order)
            tap.same(len(set(whole)), 40, order)


@case
def filters(home):
    """Each operator filters as SQL does."""
    fresh(home)
    home.sql("insert into app.notes (owner, title, rank, urgent, weight) "
             "values ('alice', 'two', 2, true, 0.5), "
             "('alice', 'Three, {\"x\"}', 3, false, null)")
    with wired.Wire(home) as wire:
        for query, titles in (
                ("rank=eq.2", "two"), ("rank=neq.2", "one|Three, {\"x\"}"),
                ("rank=gt.2", "Three, {\"x\"}"), ("rank=lte.1", "one"),
                ("rank=in.(1,2)", "one|two"),
                ("rank=not.in.(1,2)", "Three, {\"x\"}"),
                ("title=like.t*", "two"), ("title=ilike.T*", "two|Three, "
                                           "{\"x\"}"),
                ("id=like.*000001", "one"),
                ("urgent=is.true", "two"), ("urgent=eq.true", "two"),
                ("weight=is.null", "Three, {\"x\"}"),
                ("weight=not.is.null&rank=gt.1", "two"),
                ("due_at=eq.2026-01-02T03:04:05.6Z", "one"),
                ("title=in.(%22Three,%20{%5C%22x%5C%22}%22,one)",
                 "one|Three, {\"x\"}"),
                ("rank=gte.1&rank=lt.3", "one|two")):
            got = wire.data("GET", f"/notes?select=title&order=rank&{query}")
            tap.same("|".join(r["title"] for r in got), titles, query)


@case
def statements_are_bounded(home):
    """A connection keeps no more statements than it may."""
    fresh(home)
    with wired.Wire(home, statements=4) as wire:
        for number, columns in enumerate(itertools.permutations(
                ("id", "title", "rank"))):
            for _ in range(2):
                wire.data("GET", "/notes?select=" + ",".join(columns))
            kept = wire.data("GET", "/session")["statements"]
            tap.same(kept <= 4 + 2, True, f"{number}: {kept} statements")
        tap.same(kept, 4 + 1, "4 and the scope's")


@case
def forgotten_statements(home):
    """When the server forgot the statements, requests are run again."""
    fresh(home)
    with wired.Wire(home) as wire:
        pid = wire.pid()
        wire.data("PATCH", f"/notes/{ONE}", {"rank": 2})
        wire.data("POST", "/forget")
        wire.data("PATCH", f"/notes/{ONE}", {"rank": 3})
        wire.data("POST", "/forget")
        tap.same(wire.data("GET", f"/notes/{ONE}")["rank"], 3)
        tap.same(wire.pid(), pid, "the same connection")


@case
def altered_tables(home):
    """A table that was altered below a prepared plan is read at once."""
    fresh(home)
    with wired.Wire(home) as wire:
        wire.data("GET", f"/notes/{ONE}")
        wire.data("PATCH", f"/notes/{ONE}", {"rank": 2})
        home.sql("alter table app.notes alter rank type bigint")
        wire.data("PATCH", f"/notes/{ONE}", {"rank": 3})
        tap.same(wire.data("GET", f"/notes/{ONE}")["rank"], 3)
        home.sql("alter table app.notes alter rank type integer")
        tap.same(wire.data("GET", f"/notes/{ONE}")["rank"], 3)


@case
def killed_backends(home):
    """A backend that was killed while idle costs neither read nor write."""
    fresh(home)
    with wired.Wire(home) as wire:
        for _ in range(3):
            home.terminate(wire.pid())
            tap.same(len(wire.data("GET", "/notes")), 1)
            home.terminate(wire.pid())
            wire.data("PATCH", f"/notes/{ONE}", {"rank": 2})
            home.terminate(wire.pid())
            problem(wire.ready(), "NONE", cause=None)


@case
def killed_in_the_middle(home):
    """A write whose backend dies under it is unavailable, and not repeated."""
    fresh(home)
    with wired.Wire(home, timeout_ms=60000) as wire:
        pid = wire.pid()
        wire.send("POST", "/wait", {"seconds": 9})
        tap.wait_for(lambda: home.sql(
            "select state from pg_stat_activity where wait_event = 'PgSleep' "
            f"and pid = {pid}") == "active", "the sleep")
        home.terminate(pid)
        problem(wire.reply(), "UNAVAILABLE", retry_after=1)
        tap.same(home.sql("select count(*) from pg_stat_activity "
                          "where wait_event = 'PgSleep'"), "0")


@case
def timeouts(home):
    """A statement past its time, or the request's, is stopped and told."""
    fresh(home)
    with wired.Wire(home, timeout_ms=300) as wire:
        pid = wire.pid()
        problem(wire.ask("POST", "/wait", {"seconds": 5}), "TIMEOUT")
        tap.same(wire.pid(), pid, "the connection is kept")
    with wired.Wire(home, timeout_ms=60000) as wire:
        def stopped():
            """Is the connection kept?  It is given up where Postgres takes
            more than a second to end the statement."""
            pid, began = wire.pid(), time.monotonic()
            problem(wire.ask("POST", "/wait", {"seconds": 9},
                             deadline_ms=200), "TIMEOUT")
            tap.same(time.monotonic() - began < 7, True, "the deadline")
            return wire.pid() == pid
        tap.wait_for(stopped, "a connection that is kept", 60)
        pid = wire.pid()
        problem(wire.ask("GET", "/notes", deadline_ms=0), "TIMEOUT")
        tap.same(wire.pid(), pid, "the connection is kept")


@case
def locks(home):
    """A row that somebody else keeps locked asks to come back."""
    fresh(home)
    with wired.Wire(home) as wire, subprocess.Popen(
            ["psql", "-Xqd", home.pg.conninfo(database="wire")], text=True,
            stdin=subprocess.PIPE) as other:
        other.stdin.write("begin; update app.notes set rank = 5;\n")
        other.stdin.flush()
        tap.wait_for(lambda: home.sql(
            "select count(*) from pg_stat_activity where query like 'update%' "
            "and state = 'idle in transaction'") == "1", "the lock")
        problem(wire.ask("PATCH", f"/notes/{ONE}", {"rank": 2}),
                "UNAVAILABLE", retry_after=1)
        problem(wire.ask("GET", f"/notes/{ONE}"), "NONE")
        other.stdin.close()
        other.wait(10)
        problem(wire.ask("PATCH", f"/notes/{ONE}", {"rank": 2}), "NONE")


@case
def no_database(home):
    """Without a database requests are refused at once, and then recover."""
    fresh(home)
    with wired.Wire(home) as wire:
        wire.data("GET", "/notes")
        home.pg.stop("fast")
        try:
            took = []
            for _ in range(20):
                began = time.monotonic()
                problem(wire.ask("GET", "/notes"), "UNAVAILABLE",
                        retry_after=1)
                took.append(time.monotonic() - began)
            # The machine may have stood still once or twice.
            tap.same(statistics.median(took) < 1, True, f"at once: {took}")
            problem(wire.ready(), "UNAVAILABLE")
        finally:
            home.pg.start()
        tap.wait_for(lambda: wire.ask("GET", "/notes")["problem"] == "NONE",
                     "the database")


@case
def silent_database(home):
    """A database that takes the connection and says nothing is given up."""
    place = home.directory / "silent"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place / ".s.PGSQL.5432"))
        silent.listen()

        def took(deadline_ms):
            with wired.Wire(home, options=f" host={place}") as wire:
                began = time.monotonic()
                problem(wire.ask("GET", "/notes", deadline_ms=deadline_ms),
                        "UNAVAILABLE", retry_after=1)
                return time.monotonic() - began
        # Two seconds are what a connection may take without a deadline.
        tap.wait_for(lambda: took(300) < 1.5, "an end by the deadline", 60)
        tap.same(took("-") < 20, True, "in time")


@case
def a_silent_host(home):
    """One of several hosts that says nothing delays a request, not the next."""
    fresh(home)
    place = home.directory / "mute"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place / ".s.PGSQL.5432"))
        silent.listen()

        def took():
            with wired.Wire(home, options=f" host={place},{home.pg.directory} "
                            "target_session_attrs=read-write") as wire:
                problem(wire.ask("GET", "/notes", deadline_ms=300),
                        "UNAVAILABLE")
                began = time.monotonic()
                tap.wait_for(lambda: wire.ask("GET", "/notes")["problem"] ==
                             "NONE", "the other host")
                return time.monotonic() - began
        # Who met the silent host again would have to wait two seconds.
        tap.wait_for(lambda: took() < 1.5, "the other host in time", 60)


@case
def large_values(home):
    """What is larger than the socket's buffers goes there and back."""
    fresh(home)
    large = {f"m{n}": str(n) * 9000 for n in range(60)}
    with wired.Wire(home) as wire:
        for _ in range(2):
            got = wire.data("PATCH", f"/notes/{ONE}", {"extra": large})
            tap.same(got["extra"] == large, True, "the value")
        got = wire.data("GET", "/notes?select=extra")
        tap.same(got == [{"extra": large}], True, "the value in a list")


@case
def unfit_logins(home):
    """Who is not bound by row level security serves nothing."""
    for user, words in (("wire_root", "is a superuser"),
                        ("wire_bypass", "is a role with BYPASSRLS"),
                        ("wire_maker", "is a role with CREATEROLE"),
                        ("wire_owner", "is the owner of app.notes"),
                        ("wire_heir", "may become the owner of app.notes"),
                        ("wire_climber",
                         "may become a role with BYPASSRLS (wire_bypass)")):
        with wired.Wire(home, user=user) as wire:
            for reply in (problem(wire.ready(), "FORBIDDEN"),
                          problem(wire.ask("GET", "/notes"), "UNAVAILABLE")):
                tap.same(words in reply["cause"], True, reply["cause"])
            tap.wait_for(lambda: home.sql(
                "select count(*) from pg_stat_activity where usename = "
                f"'{user}'") == "0", "the end of its connections")


@case
def unfit_later(home):
    """A login that is made unfit is noticed, and served again when cured."""
    with wired.Wire(home) as wire:
        problem(wire.ready(), "NONE")
        home.sql("alter role wire bypassrls")
        try:
            problem(wire.ready(), "FORBIDDEN")
            problem(wire.ask("GET", "/notes"), "UNAVAILABLE")
        finally:
            home.sql("alter role wire nobypassrls")
        tap.wait_for(lambda: wire.ready()["problem"] == "NONE", "the cure")


@case
def settings_of_the_session(home):
    """The session has our settings, and those of the connection string."""
    with wired.Wire(home, options=" options='-c work_mem=5MB'") as wire:
        tap.same(wire.data("GET", "/session")["settings"], {
            "application_name": "lockstep", "statement_timeout": "5s",
            "lock_timeout": "1s", "TimeZone": "UTC", "DateStyle": "ISO, MDY",
            "IntervalStyle": "iso_8601", "bytea_output": "hex",
            "extra_float_digits": "1", "client_encoding": "UTF8",
            "idle_in_transaction_session_timeout": "5s",
            "work_mem": "5MB"})


if __name__ == "__main__":
    with wired.Home() as at:
        sys.exit(tap.run(at))
