#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes that are done once: the conversation (golden files, UPDATE=1 writes
them anew), repeats of each shape of a reply, and what conflicts with them.
Beside them what else runs a transaction more than once, or not at all."""

import difflib
import json
import os
import re
import subprocess
import sys

import wired
from wired import conversation, problem, tap

case = tap.case


def fresh(home):
    home.sql("truncate app.samples restart identity; "
             "truncate lockstep.idempotency")


def names(home):
    return home.sql("select string_agg(name, '|' order by name) "
                    "from app.samples")


def kept(home):
    return int(home.sql("select count(*) from lockstep.idempotency"))


def told(reply):
    """What a client would see of an outcome."""
    return {k: reply.get(k) for k in ("problem", "data", "key", "tag")}


def repeated(wire, *arguments, **words):
    """Asks twice; the second time the first reply must come again."""
    first = problem(wire.ask(*arguments, **words), "NONE", replayed=False,
                    first=None)
    again = problem(wire.ask(*arguments, **words), "NONE", replayed=True)
    tap.same(told(again), told(first), f"the repeat of {arguments}")
    return first


KINDS = {
    "once_create": ("POST", "/samples", {"name": "one"}),
    "once_call": ("POST", "/row", {"name": "two"}),
    "once_update": ("PATCH", "/samples/1", {"share": 5}),
}


def golden(kind):
    def run(home):
        fresh(home)
        home.sql("insert into app.samples (name) values ('first')")
        text = ""
        with wired.Wire(home) as wire:
            wire.ready()
            for time_, key, match in (("first", "k1", None),
                                      ("again", "k2", None),
                                      ("repeated", "k2", None)):
                home.sql("delete from app.samples where name <> 'first'"
                         if time_ != "repeated" else "select 1")
                before = len(wire.trace.read_text())
                reply = wire.ask(*KINDS[kind], key=key, match=match)
                problem(reply, "NONE", replayed=time_ == "repeated")
                part = conversation(wire, before)
                part = re.sub(r"[0-9a-f]{64}", "FINGERPRINT", part)
                part = re.sub(r'"id":\d+', '"id":N', part)
                sides = [line.split("\t")[0] for line in part.splitlines()]
                syncs = 1 + (time_ == "repeated")
                tap.same(part.count("\tSync"), syncs, "Syncs")
                if syncs == 1:
                    tap.same(sides, sorted(sides, reverse=True),
                             "one flush, then one read")
                tap.same("Parse\t" in part, time_ != "again", "prepared once")
                text += f"# {time_}\n{part}"
        text = re.sub(r"(?m)^([FB]\t)\d+\t(Bind|DataRow|ErrorResponse)",
                      r"\1NN\t\2", text)
        text = re.sub(r' L "\d+"', ' L "NN"', text)
        path = wired.HERE / f"{kind}.trace"
        if os.environ.get("UPDATE"):
            path.write_text(text)
        different = "\n".join(difflib.unified_diff(
            path.read_text().splitlines(), text.splitlines(), path.name,
            "now", lineterm="", n=0))
        if different:
            raise AssertionError(different)
    run.__doc__ = (f"{kind}: claim and statement in one flush, one Sync; "
                   "a repeat takes two")
    return run


for each in KINDS:
    case(golden(each))


@case
def each_shape(home):
    """A repeat tells the same and does nothing, whatever the reply's shape."""
    fresh(home)
    with wired.Wire(home) as wire:
        for path, data in (
                ("row", None), ("set", None),
                ("json", {"made": "a json", "list": [1, 2]}),
                ("jsonb", {"name": "a jsonb", "more": 1.5}),
                ("jsonbs", [{"name": "a jsonbs"}]), ("number", 7),
                ("time", "2026-01-02T03:04:05.5Z"), ("void", None),
                ("untold", None)):
            body = {"name": f"a {path}"}
            reply = repeated(wire, "POST", f"/{path}", body, key=path)
            plain = wire.ask("POST", f"/{path}", {"name": f"b {path}"})
            if path in ("row", "set"):
                rows = (reply["data"], plain["data"]) if path == "set" else (
                    [reply["data"]], [plain["data"]])
                tap.same(rows[0][0]["name"], body["name"])
                tap.same(sorted(rows[0][0]), sorted(rows[1][0]), "members")
                tap.same("secret" in rows[0][0], False)
            else:
                tap.same(reply["data"], data, path)
                text = json.dumps(plain["data"]).replace("b ", "a ")
                tap.same(json.loads(text), data, path)
        tap.same(home.sql("select count(*), count(distinct name) "
                          "from app.samples"), "20|20")
        tap.same(kept(home), 9)
        tap.same(home.sql("select count(*) from lockstep.idempotency where "
                          "reply::text like '%secret%' or "
                          "reply::text like '%ours%'"), "0",
                 "what is not told is not kept")


@case
def each_verb(home):
    """Create (one, an array, upsert), update and delete are repeated."""
    fresh(home)
    with wired.Wire(home) as wire:
        reply = repeated(wire, "POST", "/samples", {"name": "x"}, key="1")
        tap.same(reply["key"], reply["data"]["id"])
        tap.same(len(reply["tag"]), 32)
        reply = repeated(wire, "POST", "/samples", [
            {"name": "y"}, {"name": "z", "share": 1}], key="2")
        tap.same([r["name"] for r in reply["data"]], ["y", "z"])
        merge = "resolution=merge-duplicates"
        reply = repeated(wire, "POST", "/samples", {"name": "x", "share": 3},
                         key="3", prefer=merge)
        tap.same(reply["data"]["share"], 3)
        ignore = "resolution=ignore-duplicates"
        reply = repeated(wire, "POST", "/samples", {"name": "x"}, key="4",
                         prefer=ignore)
        tap.same(reply["data"], None)
        reply = repeated(wire, "POST", "/samples", [{"name": "x"},
                                                    {"name": "w"}],
                         key="5", prefer=ignore)
        tap.same([r["name"] for r in reply["data"]], ["w"])
        reply = repeated(wire, "PATCH", "/samples/1", {"share": 4}, key="6")
        tap.same(reply["data"]["share"], 4)
        tap.same(wire.ask("GET", "/samples/1")["tag"], reply["tag"], "tag")
        reply = repeated(wire, "PATCH", "/samples/1", {"share": 5}, key="7",
                         prefer="return=minimal")
        tap.same(reply["data"], None)
        problem(wire.ask("PATCH", "/samples/1", {"share": 5}, key="7"),
                "IDEMPOTENCY_KEY_REUSED")
        repeated(wire, "DELETE", "/samples/1", key="8")
        problem(wire.ask("DELETE", "/samples/1", key="9"), "NOT_FOUND")
        problem(wire.ask("PATCH", "/samples/1", {"share": 5}, key="9"),
                "NOT_FOUND")
    tap.same(names(home), "w|y|z")
    tap.same(kept(home), 8)


@case
def the_same_bytes(home):
    """A kept reply has the bytes that a row of any type is told in."""
    fresh(home)
    def raw(line):
        return line[line.index('"data":') + 7:line.index(',"key"')
                    if ',"key"' in line else line.index(',"tag"')]
    with wired.Wire(home) as wire:
        wire.send("POST", "/samples", {"name": "full one"}, key="a")
        made = raw(wire.process.stdout.readline())
        wire.send("POST", "/samples", {"name": "full one"}, key="a")
        tap.same(raw(wire.process.stdout.readline()), made, "the repeat")
        wire.send("GET", "/samples/1")
        tap.same(raw(wire.process.stdout.readline()), made, "the row")
        for part in ('"at":"2026-01-02T03:04:05.678Z"', '"id":"1"',
                     '"local":"2026-01-02T03:04:05Z"', '"share":null',
                     '"plain":{ "b" : [1, "\\u00e9"], "at":"2026-01-01T00:'
                     '00:00+00:00" }', '"ratios":[1.5,null,null]',
                     '"times":["2026-01-02T03:04:05Z",null]',
                     '"bytes":"\\\\x00ff"', '"span":"P1DT2H3M4S"'):
            tap.same(part in made, True, f"{part} in {made}")


@case
def another_request(home):
    """A key that was used for another request is refused, and does nothing."""
    fresh(home)
    with wired.Wire(home) as wire:
        wire.data("POST", "/samples", {"name": "x"}, key="k")
        reply = wire.ask("POST", "/samples", {"name": "y"}, key="k")
        problem(reply, "IDEMPOTENCY_KEY_REUSED", retry_after=0)
        problem(wire.ask("POST", "/samples", {"name": "x"}, key="k"), "NONE",
                replayed=True)
    tap.same(names(home), "x")


@case
def others_keys(home):
    """A key is one subject's, one role's and one operation's."""
    fresh(home)
    with wired.Wire(home) as wire:
        for number, subject in enumerate(("alice", "bob")):
            reply = problem(wire.ask("POST", "/samples", {
                "name": f"x{number}"}, key="k", subject=subject), "NONE",
                replayed=False)
            tap.same(reply["data"]["name"], f"x{number}")
        problem(wire.ask("POST", "/row", {"name": "x9"}, key="k"), "NONE",
                replayed=False)
    tap.same(names(home), "x0|x1|x9")
    scopes = home.sql(
        "set request.jwt.claims = '{\"sub\":\"alice\"}'; "
        "set role lockstep_logic; select lockstep.key_scope('M', 'r', 'k'); "
        "reset role; grant execute on function lockstep.key_scope(text, text, "
        "text), lockstep.subject() to member; set role member; "
        "select lockstep.key_scope('M', 'r', 'k'); reset role; "
        "revoke execute on function lockstep.key_scope(text, text, "
        "text), lockstep.subject() from member;").split()
    tap.same(scopes, ["lockstep_logic", "M", "r", "k", "alice",
                      "member", "M", "r", "k", "alice"])


@case
def nobody_reads_the_table(home):
    """No role that serves may touch what is kept, and no function of another
    subject's sees it."""
    fresh(home)
    with wired.Wire(home) as wire:
        wire.data("POST", "/samples", {"name": "x"}, key="k")
    for role in ("member", "anon", "authenticated", "service_role",
                 "lockstep", "lockstep_worker", "operator"):
        for verb in ("select count(*) from", "delete from"):
            done = subprocess.run(
                ["psql", "-XqAt", "-d", home.pg.conninfo(database="wire"),
                 "-c", f"set role {role}; {verb} lockstep.idempotency"],
                capture_output=True, text=True, check=False)
            tap.same("permission denied" in done.stderr, True,
                     f"{role}: {done.stdout}{done.stderr}")
    for subject, count in (("alice", "1"), ("bob", "0")):
        tap.same(home.sql(
            f"set request.jwt.claims = '{{\"sub\":\"{subject}\"}}'; "
            "set role lockstep_logic; "
            "select count(*) from lockstep.idempotency"), count, subject)


@case
def in_flight(home):
    """A repeat of what is being done is told so at once."""
    fresh(home)
    body = {"name": "slow", "seconds": 5}
    asleep = ("select count(*) from pg_stat_activity where wait_event = "
              "'PgSleep'")
    with wired.Wire(home, timeout_ms=30000) as wire, \
            wired.Wire(home) as other:
        other.ready()
        wire.send("POST", "/slow", body, key="k")
        tap.wait_for(lambda: home.sql(asleep) == "1", "the sleep")
        problem(other.ask("POST", "/slow", body, key="k"),
                "REQUEST_IN_PROGRESS", retry_after=1)
        tap.same(home.sql(asleep), "1", "told while the first is at it")
        problem(other.ask("POST", "/slow", {"name": "b", "seconds": 0},
                          key="other"), "NONE")
        problem(wire.reply(), "NONE", replayed=False)
        problem(other.ask("POST", "/slow", body, key="k"), "NONE",
                replayed=True, first="wire-1")
    tap.same(names(home), "b|slow")


@case
def refusals_keep_nothing(home):
    """What is refused has no effect and leaves its key free."""
    fresh(home)
    with wired.Wire(home) as wire:
        wire.data("POST", "/samples", {"name": "x"})
        for path, name in (("/samples", "CONFLICT"), ("/row", "CONFLICT"),
                           ("/nothing", "CONFLICT")):
            problem(wire.ask("POST", path, {"name": "x"}, key="k"), name)
        problem(wire.ask("POST", "/samples", {"name": "y"}, key="k"), "NONE",
                replayed=False)
        for path in ("/nothing", "/null"):
            reply = problem(wire.ask("POST", path, {"name": "z"}, key="k"),
                            "NOT_FOUND")
            tap.same(reply["cause"], "the function returned no row")
    tap.same(names(home), "x|y")
    tap.same(kept(home), 1)


@case
def a_lost_connection(home):
    """A keyed write whose backend dies under it is answered all the same."""
    fresh(home)
    with wired.Wire(home) as wire:
        pid = wire.pid()
        wire.send("POST", "/slow", {"name": "x", "seconds": 3}, key="k")
        tap.wait_for(lambda: home.sql(
            "select count(*) from pg_stat_activity where wait_event = "
            f"'PgSleep' and pid = {pid}") == "1", "the sleep")
        home.terminate(pid)
        problem(wire.reply(), "NONE", replayed=False)
        home.terminate(wire.pid())
        problem(wire.ask("POST", "/slow", {"name": "x", "seconds": 3},
                         key="k"), "NONE", replayed=True)
    tap.same(names(home), "x")


@case
def sweeping(home):
    """Old keys are swept in batches, by one sweeper, and no others."""
    fresh(home)
    with wired.Wire(home) as wire:
        wire.data("POST", "/samples", {"name": "x"}, key="new")
        home.sql("insert into lockstep.idempotency (id, subject, fingerprint, "
                 "request_id, kept_at) select sha256(i::text::bytea), "
                 "'s' || i % 7, '', '', now() - interval '25 hours' "
                 "from generate_series(1, 2500) i")
        with subprocess.Popen(
                ["psql", "-XqAtd", home.pg.conninfo(database="wire")],
                text=True, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE) as other:
            other.stdin.write("begin; select pg_advisory_xact_lock("
                              "hashtextextended('lockstep.sweep', 0));\n"
                              "select 'held';\n")
            other.stdin.flush()
            while "held" not in other.stdout.readline():
                pass
            tap.same(wire.sweep(), 0, "while another sweeps")
            other.stdin.close()
            other.wait(10)
        tap.wait_for(lambda: home.sql("select count(*) from pg_locks where "
                                      "locktype = 'advisory'") == "0",
                     "the other's end")
        tap.same(wire.sweep(), 2500)
        tap.same(wire.sweep(), 0)
        problem(wire.ask("POST", "/samples", {"name": "x"}, key="new"),
                "NONE", replayed=True)
        home.sql("update lockstep.idempotency set kept_at = now() - "
                 "interval '25 hours'")
        tap.same(wire.sweep(), 1)
        problem(wire.ask("POST", "/samples", {"name": "x"}, key="new"),
                "CONFLICT")


@case
def if_match(home):
    """A tag that is not the row's is 412, no row is 404; a key goes with it."""
    fresh(home)
    with wired.Wire(home) as wire:
        tag = wire.ask("POST", "/samples", {"name": "x"})["tag"]
        stale = '"' + "0" * 32 + '"'
        for words in ({}, {"key": "k"}):
            for verb, body in (("PATCH", {"share": 1}), ("DELETE", None)):
                problem(wire.ask(verb, "/samples/1", body, match=stale,
                                 **words), "PRECONDITION_FAILED")
                problem(wire.ask(verb, "/samples/2", body, match=stale,
                                 **words), "NOT_FOUND")
        reply = repeated(wire, "PATCH", "/samples/1", {"share": 1},
                         match=f'"{tag}"', key="k")
        problem(wire.ask("PATCH", "/samples/1", {"share": 2},
                         match=f'"{tag}"'), "PRECONDITION_FAILED")
        repeated(wire, "DELETE", "/samples/1", match=f'"{reply["tag"]}"',
                 key="d")
    tap.same(names(home), "")


@case
def rehearsals(home):
    """Prefer: tx=rollback tells what would be, and nothing stays."""
    fresh(home)
    with wired.Wire(home) as wire:
        pid = wire.pid()
        once = {"prefer": "tx=rollback", "key": "k"}
        for words in ({"prefer": "tx=rollback"}, once, once):
            reply = problem(wire.ask("POST", "/samples", {"name": "x"},
                                     **words), "NONE", replayed=False)
            tap.same(reply["data"]["name"], "x")
        tap.same((names(home), kept(home)), ("", 0))
        box = {"title": "t", "id": "00000000-0000-4000-8000-000000000009",
               "box_id": "00000000-0000-4000-8000-00000000ffff"}
        for _ in range(2):
            problem(wire.ask("POST", "/notes", box, prefer="tx=rollback"),
                    "REFERENCED")
        problem(wire.ask("POST", "/samples", {"name": "x"}, **once), "NONE")
        wire.data("POST", "/samples", {"name": "x"}, key="k")
        problem(wire.ask("POST", "/samples", {"name": "x"}, **once), "NONE",
                replayed=True)
        problem(wire.ask("POST", "/samples", {"name": "x"},
                         prefer="tx=rollback"), "CONFLICT")
        tap.same(wire.pid(), pid, "the connection is kept")
    tap.same(names(home), "x")


@case
def conflicts_are_tried_again(home):
    """A serialization failure is run again, three times at most."""
    fresh(home)
    with wired.Wire(home) as wire:
        for times, words, name, tries in (
                (3, {}, "NONE", 4), (3, {"key": "k"}, "NONE", 4),
                (9, {}, "UNAVAILABLE", 4), (9, {"key": "l"}, "UNAVAILABLE",
                                            4)):
            home.sql("alter sequence app.tries restart")
            body = {"name": f"{times}{words.get('key')}", "times": times}
            reply = problem(wire.ask("POST", "/conflict", body, **words),
                            name, retry_after=int(name == "UNAVAILABLE"))
            tap.same(home.sql("select last_value from app.tries"),
                     str(tries), f"tries of {reply}")
    tap.same(names(home), "3None|3k")


@case
def a_server_that_takes_no_writes(home):
    """A write that meets a read-only server looks for another, each time."""
    fresh(home)
    with wired.Wire(home) as wire:
        home.sql("alter role wire set default_transaction_read_only = on")
        try:
            home.terminate(wire.pid())
            for words in ({}, {"key": "k"}):
                problem(wire.ask("POST", "/samples", {"name": "x"}, **words),
                        "UNAVAILABLE", retry_after=1)
            tap.same(wire.data("GET", "/samples"), [])
        finally:
            home.sql("alter role wire reset default_transaction_read_only")
        wire.data("POST", "/samples", {"name": "x"}, key="k")
    tap.same(names(home), "x")


@case
def counted(home):
    """A list that is counted is one flush, too."""
    fresh(home)
    home.sql("insert into app.samples (name) select 'n' || i "
             "from generate_series(1, 5) i")
    with wired.Wire(home) as wire:
        wire.ready()
        before = len(wire.trace.read_text())
        reply = problem(wire.ask("GET", "/samples?limit=2",
                                 prefer="count=exact"), "NONE")
        tap.same((len(reply["data"]), reply.get("total"),
                  reply.get("estimated")), (2, 5, False))
        part = conversation(wire, before)
        sides = [line.split("\t")[0] for line in part.splitlines()]
        tap.same(sides, sorted(sides, reverse=True), "one flush")
        tap.same(part.count("\tSync"), 1, "Syncs")


@case
def few_statements(home):
    """Claim, statement and probe share a table of few statements."""
    fresh(home)
    with wired.Wire(home, statements=4) as wire:
        wire.data("POST", "/samples", {"name": "x"})
        for number in range(12):
            columns = ("share", "ratio", "flag", "day")[number % 4]
            value = (1, 2, True, "2026-01-01")[number % 4]
            repeated(wire, "PATCH", "/samples/1", {columns: value},
                     key=f"k{number}", match="*")
            tap.same(wire.data("GET", "/session")["statements"] <= 4 + 2,
                     True, "statements")


@case
def unprepared(home):
    """Without prepared statements all is the same, in one flush, and nothing
    is left in the session."""
    fresh(home)
    with wired.Wire(home, unprepared=True) as wire:
        wire.ready()
        before = len(wire.trace.read_text())
        repeated(wire, "POST", "/samples", {"name": "full x"}, key="k")
        part = conversation(wire, before)
        tap.same(part.count("\tSync"), 3, "Syncs")
        tap.same([line for line in part.splitlines()
                  if "\tParse\t" in line and ' "" "' not in line], [],
                 "named statements")
        session = wire.data("GET", "/session")
        tap.same((session["statements"], session["read_only"]), (0, "on"))
        settings = session["settings"]
        tap.same((settings["statement_timeout"], settings["TimeZone"],
                  settings["IntervalStyle"], settings["lock_timeout"]),
                 ("5s", "UTC", "iso_8601", "1s"))
        tap.same(wire.data("GET", "/samples/1")["span"], "P1DT2H3M4S")
        problem(wire.ask("POST", "/wait", {"seconds": 9}, deadline_ms=200),
                "TIMEOUT")
        problem(wire.ask("POST", "/samples", {"name": "y"},
                         prefer="tx=rollback"), "NONE")
    with wired.Wire(home, unprepared=True, timeout_ms=300) as wire:
        problem(wire.ready(), "NONE")
        problem(wire.ask("POST", "/wait", {"seconds": 9}), "TIMEOUT")


if __name__ == "__main__":
    with wired.Home() as at:
        sys.exit(tap.run(at))
