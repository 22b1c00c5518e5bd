# SPDX-License-Identifier: MIT
"""Exports: from the request to the file, through nginx, by curl; whose rows are in
it; what is told on the way; and what is there when things are killed."""

import base64
import csv
import hashlib
import http.client
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import system as sut
import tap
import worker
from tap import case, same
from worker import Worker

MANY = 60000        # events of the account that is exported while it is killed
OVER = ("ready", "failed", "cancelled", "expired")


def token(s, who=sut.ALICE, role="authenticated", *more):
    return s.token(role, who, *more)


def request(s, query="?format=csv", who=None, resource="events", status=202):
    reply = s.curl("POST", f"/api/{resource}/export{query}", who or token(s))
    same(reply.status, status, reply.body)
    return reply.data if status == 202 else reply.error


def row(s, export, who=None):
    return s.get(f"/api/exports/{export['id']}", who or token(s)).data


def over(s, export, who=None, seconds=60):
    """Waits until it is; its row."""
    who = who or token(s)
    return tap.wait_for(lambda: (lambda r: r["state"] in OVER and r)(
        row(s, export, who)), "the export to be over", seconds, 0.05)


def ready(s, *arguments, who=None, **more):
    made = over(s, request(s, *arguments, who=who, **more), who)
    same(made["state"], "ready", made["reason"])
    return made


def fetch(s, export, who=None, headers=None, method="GET"):
    return s.curl(method, f"/api/exports/{export['id']}/file", who or token(s),
                  headers=headers, record=method == "GET" and not headers)


def whole(made, reply):
    """The file is what the row says that it is."""
    same(reply.status, 200, reply.body[:200])
    same(len(reply.body), made["bytes"], "bytes")
    same(hashlib.sha256(reply.body).hexdigest(), made["sha256"], "digest")
    return reply.body


def table(text):
    """A CSV, as RFC 4180 has it, as dictionaries."""
    same(text.endswith(b"\r\n"), True, "it ends with CR LF")
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def told(s, where):
    """What a superuser finds, of whom no policy keeps anything."""
    return set(s.cluster.psql(f"select id from app.events e where {where}"
                              ).splitlines())


OF_ALICE = ("account_id in (select account_id from app.account_members m "
            f"where m.user_id = '{sut.ALICE}')")
OF_BOB = OF_ALICE.replace(sut.ALICE, sut.BOB)


def files(s):
    return sorted(p.name for p in s.spool.iterdir())


# ---- The way of one.

@case
def way(s):
    """An export is asked for, written by the worker, and had through nginx: its
    bytes, rows and digest are what the row says, and the rows are the caller's."""
    reply = s.curl("POST", "/api/events/export?format=csv", token(s))
    same(reply.status, 202, reply.body)
    made = reply.data
    same(reply.headers["location"], f"/api/exports/{made['id']}")
    same(made["operation"], "events.export")
    made = over(s, made)
    same((made["state"], made["percent"], made["reason"]), ("ready", 100, None))
    got = fetch(s, made)
    rows = table(whole(made, got))
    same(len(rows), made["rows"])
    same({r["id"] for r in rows}, told(s, OF_ALICE), "alice's events")
    same("company.name" in rows[0], True, "the related column")
    names = dict(line.split("|") for line in s.cluster.psql(
        "select id, name from app.companies").splitlines())
    same([r["company.name"] for r in rows],
         [names[r["company_id"]] for r in rows])
    same(got.headers["content-length"], str(made["bytes"]))
    same(got.headers["etag"], f'"{made["sha256"]}"')
    same(got.headers["repr-digest"], "sha-256=:" + base64.b64encode(
        bytes.fromhex(made["sha256"])).decode() + ":")
    same(got.headers["content-type"],
         "text/csv; charset=utf-8; header=present")
    same(got.headers["cache-control"], "no-store")
    same(re.fullmatch(r'attachment; filename="events-export-\d{8}T\d{6}Z\.csv"',
                      got.headers["content-disposition"]) is not None, True,
         got.headers["content-disposition"])
    same("x-accel-redirect" in got.headers, False)


@case
def formats(s):
    """NDJSON and JSON tell the same rows as the list does, as the list does."""
    listed = {}
    after = ""
    while after is not None:
        page = s.get("/api/events?limit=100&select=*,company(name,domain)"
                     + (f"&after={after}" if after else ""), token(s)).json
        listed.update((r["id"], r) for r in page["data"])
        after = page["meta"]["page"]["next"]
    lines = whole(made := ready(s, "?format=ndjson"), got := fetch(s, made))
    same(got.headers["content-type"], "application/x-ndjson")
    rows = [json.loads(line) for line in lines.decode().splitlines()]
    same({r["id"]: r for r in rows}, listed)
    rows = json.loads(whole(made := ready(s, "?format=json"), fetch(s, made)))
    same({r["id"]: r for r in rows}, listed)
    same(made["rows"], len(listed))


@case
def filters(s):
    """Filters, order and select are those of the list; no row at all is a file,
    too."""
    made = ready(s, "?format=ndjson&kind=eq.nps&score=gte.9&order=occurred_at"
                 "&select=id,score,occurred_at,company(domain)")
    rows = [json.loads(line) for line in whole(made, fetch(s, made)
                                               ).decode().splitlines()]
    same({r["id"] for r in rows},
         told(s, OF_ALICE + " and kind = 'nps' and score >= 9"))
    times = [r["occurred_at"] for r in rows]
    same(times, sorted(times))
    same({tuple(r) for r in rows}, {("id", "score", "occurred_at", "company")})
    made = ready(s, "?format=csv&external_id=eq.none-such")
    text = whole(made, fetch(s, made))
    same((made["rows"], table(text)), (0, []))
    same(text.startswith(b"id,"), True)
    made = ready(s, "?format=json&external_id=eq.none-such")
    same(json.loads(whole(made, fetch(s, made))), [])


@case
def refused(s):
    """What the list would refuse is refused, with the place; so are pages, a
    format that is none, and callers who may not."""
    for query, name in (("?format=xml", "format"), ("?limit=5", "limit"),
                        ("?after=x", "after"), ("?kind=eq.nonsense", "kind"),
                        ("?nonsense=eq.1", "nonsense"),
                        ("?format=csv&format=csv", "format"),
                        ("?select=nonsense", "select")):
        error = request(s, query, status=400)
        same((error["code"], error["issues"][0]["path"]),
             ("invalid_query", [name]), query)
    same(s.curl("POST", "/api/events/export").status, 401)
    error = request(s, "?format=json", resource="companies", status=400)
    same(error["issues"][0]["code"], "invalid_value")


@case
def tenants(s):
    """Nobody else sees an export, has its file, follows or cancels it; our
    servers see all; and another's file has none of the rows."""
    bob = token(s, sut.BOB)
    mine, his = ready(s), ready(s, who=bob)
    for method, path in (("GET", ""), ("GET", "/file"), ("GET", "/events"),
                         ("POST", "/cancel")):
        same(s.curl(method, f"/api/exports/{mine['id']}{path}", bob).status,
             404, path)
    same(mine["id"] in [e["id"] for e in s.get("/api/exports?limit=100", bob
                                               ).data], False)
    found = {r["id"] for r in table(whole(his, fetch(s, his, bob)))}
    same(found, told(s, OF_BOB))
    same(found & (told(s, OF_ALICE) - told(s, OF_BOB)), set())
    server = token(s, None, "service_role")
    same(row(s, mine, server)["id"], mine["id"])
    whole(mine, fetch(s, mine, server))
    everything = ready(s, "?format=ndjson", who=server)
    same(everything["rows"], len(told(s, "true")))


@case
def attack(s):
    """Values that look like SQL, or like the end of a text, are values: nothing
    of them runs, and what they name is not found."""
    evil = ["'; drop table app.events; --", "') to program 'touch /tmp/x' --",
            "\\'; select pg_sleep(9); --", "x' or '1'='1", "$$; select 1; $$",
            "eq.%00", "\\\\", "é'\"", "*'; copy app.events to stdout; --"]
    before = told(s, "true")
    from urllib.parse import quote
    for text in evil:
        for query in (f"name=eq.{quote(text)}",
                      f"name=ilike.{quote('*' + text)}",
                      f"or=(name.eq.{quote(json.dumps(text))},"
                      f"domain.eq.{quote(json.dumps(text))})",
                      f"name=in.({quote(json.dumps(text))})"):
            reply = s.curl("POST", f"/api/companies/export?{query}", token(s),
                           record=False)
            if reply.status == 202:
                made = over(s, reply.data)
                same((made["state"], made["rows"]), ("ready", 0), query)
            else:
                same(reply.status, 400, query)
    same(told(s, "true"), before)
    # What is kept of a request is judged again: a row that somebody has changed
    # gets no further than the request would have.
    for kept in ('[["name","eq.x"],["limit","5"]]', '[["id","eq.1 or 1=1"]]',
                 '["name"]', '[["1=1;--","eq.1"]]'):
        s.paused.pause()
        try:
            export = request(s, resource="companies")
            s.cluster.psql(f"update lockstep.exports set query = $q${kept}$q$ "
                           f"where id = '{export['id']}'")
        finally:
            s.paused.go_on()
        made = over(s, export)
        same((made["state"], made["reason"]), ("failed", "invalid"), kept)


@case
def formulas(s):
    """Texts that a spreadsheet would run begin with an apostrophe in CSV, and in
    CSV alone; numbers never do; commas, quotes and line breaks come back."""
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain",
             'a "quote", a comma', "two\r\nlines", " space", "", "'"]
    company = s.cluster.psql("select id from app.companies c where " +
                             OF_ALICE + " limit 1")
    ids = {}
    for text in texts:
        made = s.curl("POST", "/api/events", token(s), {
            "company_id": company, "kind": "csat", "score": 3,
            "message": text})
        same(made.status, 201, made.body)
        ids[made.data["id"]] = text
    wanted = {i: "'" + t if t[:1] in ("=", "+", "-", "@", "\t", "\r") and t
              else t for i, t in ids.items()}
    query = f"?id=in.({','.join(ids)})&select=id,message,score&format="
    made = ready(s, query + "csv")
    text = whole(made, fetch(s, made))
    same({r["id"]: r["message"] for r in table(text)}, wanted)
    same({r["score"] for r in table(text)}, {"3"})
    made = ready(s, query + "ndjson")
    same({r["id"]: r["message"] for r in map(json.loads, whole(
        made, fetch(s, made)).decode().split("\n")[:-1])}, ids)
    # The list that is asked for CSV does the same.
    listed = s.curl("GET", f"/api/events?id=in.({','.join(ids)})"
                    "&select=id,message&limit=100", token(s),
                    headers={"Accept": "text/csv"})
    same({r["id"]: r["message"] for r in table(listed.body)}, wanted)


@case
def parts(s):
    """A part of the file is had by Range, of this very file by If-Range; a client
    that has it is told so by 304; HEAD tells its length."""
    made = ready(s)
    text = fetch(s, made).body
    got = fetch(s, made, headers={"Range": "bytes=100-299"})
    same((got.status, got.body), (206, text[100:300]))
    same(got.headers["content-range"], f"bytes 100-299/{len(text)}")
    same(got.headers["etag"], f'"{made["sha256"]}"')
    got = fetch(s, made, headers={"Range": "bytes=100-299", "If-Range":
                                  f'"{made["sha256"]}"'})
    same(got.status, 206)
    got = fetch(s, made, headers={"Range": "bytes=100-299",
                                  "If-Range": '"another"'})
    same((got.status, got.body == text), (200, True))
    got = fetch(s, made, headers={"Range": f"bytes={len(text) + 5}-"})
    same(got.status, 416)
    got = fetch(s, made, headers={"If-None-Match": f'"{made["sha256"]}"'})
    same((got.status, got.body), (304, b""))
    got = fetch(s, made, headers={"If-None-Match": '"another"'})
    same(got.status, 200)
    got = fetch(s, made, method="HEAD")
    same((got.status, got.headers["content-length"]), (200, str(len(text))))


@case
def spool(s):
    """Files are readable by nginx's group and nobody else; the location is not to
    be had from outside; and no path leads out of it."""
    made = ready(s)
    name = s.cluster.psql("select file from lockstep.exports where id = "
                          f"'{made['id']}'")
    same((s.spool / name).stat().st_mode & 0o777, 0o640)
    same((s.spool / name).stat().st_gid, s.spool.stat().st_gid)
    for path in (f"/lockstep-exports/{name}", f"//lockstep-exports/{name}",
                 "/lockstep-exports/", f"/api/../lockstep-exports/{name}",
                 f"/api/exports/..%2f{name}/file",
                 f"/api/exports/{made['id']}%2f..%2f{made['id']}/file",
                 "/api/exports/%2e%2e/file", f"/api/exports/{name}/file"):
        reply = s.get(path, token(s), record=False)
        same(reply.status in (400, 404, 422), True, f"{path} {reply.status}")
    # Nobody but us writes names; the database takes no other.
    refused = s.cluster.psql(
        "update lockstep.exports set file = '../../etc/passwd' where id = "
        f"'{made['id']}'", check=False)
    same(s.cluster.psql("select file from lockstep.exports where id = "
                        f"'{made['id']}'"), name, refused)


# ---- What is told on the way.

def slow(s, pause_s):
    """Rows of events come so slowly, or with 0 as fast as ever; by a function that
    a policy asks."""
    s.cluster.psql(f"update pace.pace set s = {pause_s}")


def follow(s, export, who=None, seconds=120, ends=True):
    """The events of an export: names and data, as they came."""
    done = subprocess.run(
        ["curl", "-sS", "-N", "-i", "--max-time", str(seconds), "-H",
         f"Authorization: Bearer {who or token(s)}",
         f"{s.url}/api/exports/{export['id']}/events"],
        capture_output=True, check=False)
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    if ends:
        same(done.returncode, 0, done.stderr)
    return head, [(dict(line.split(": ", 1) for line in part.splitlines()
                        if ": " in line and not line.startswith(":")))
                  for part in body.split("\n\n") if "event: " in part]


@case
def events(s):
    """Who follows an export hears how far it is while it is written, row by row,
    then that it is over; no thread waits meanwhile."""
    slow(s, 0.004)
    try:
        export = request(s)
        head, heard = follow(s, export)
    finally:
        slow(s, 0)
    same("text/event-stream" in head, True, head)
    same("content-length" in head.lower(), False)
    same(heard[-1]["event"], "end", heard)
    rows = [json.loads(e["data"]) for e in heard if e["event"] == "progress"]
    same(rows[-1]["state"], "ready")
    counts = [r["rows"] for r in rows if r["state"] == "running"]
    same(counts == sorted(counts) and len(set(counts)) >= 2, True, counts)
    same(rows[-1], row(s, export))
    # Of one that is over there is one event, and the end.
    head, heard = follow(s, export)
    same([e["event"] for e in heard], ["progress", "end"])


@case
def many_streams(s):
    """More clients follow than there are threads and connections, and requests are
    answered all the same; when their export is over all hear it."""
    s.paused.pause()
    try:
        people = [token(s, person) for person in PEOPLE[:5]]
        exports = [request(s, who=who) for who in people]
        before = connections(s)
        found = []
        threads = [threading.Thread(target=lambda n=n: found.append(
            follow(s, exports[n % 5], people[n % 5]))) for n in range(40)]
        for t in threads:
            t.start()
        streams_open(s, 40)
        same(s.get("/api/events?limit=1", people[0]).status, 200)
        # One connection for the streams of each process, of which there are two;
        # a thread that had none has one now, and looks come and go.
        same(connections(s) - before <= 2 + 2 * 4 + 2, True,
             f"{before} to {connections(s)}")
    finally:
        s.paused.go_on()
    for t in threads:
        t.join(130)
    same([h[-1]["event"] for _, h in found], ["end"] * 40)
    streams_open(s, 0)


def connections(s):
    return int(s.cluster.psql("select count(*) from pg_stat_activity where "
                              "usename = 'lockstep'"))


PEOPLE = [sut.ALICE, sut.BOB, *(f"77777777-7777-4777-8777-77777777777{n}"
                                for n in range(8))]


class Listener:
    """A client that follows an export, and when it heard something."""

    def __init__(self, s, export, who):
        self.connection = http.client.HTTPConnection("127.0.0.1", s.port,
                                                     timeout=60)
        self.connection.request("GET", f"/api/exports/{export['id']}/events",
                                headers={"Authorization": f"Bearer {who}"})
        self.reply = self.connection.getresponse()
        self.status = self.reply.status
        self.heard = [(time.monotonic(), b"")]
        self.cut = False
        if self.status == 200:
            self.thread = threading.Thread(target=self.listen, daemon=True)
            self.thread.start()

    def listen(self):
        try:
            while line := self.reply.readline():
                self.heard.append((time.monotonic(), line))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        self.cut = True

    def silence(self):
        """The longest, up to now."""
        times = [at for at, _ in self.heard] + [time.monotonic()]
        return max(b - a for a, b in zip(times, times[1:]))

    def has(self, text):
        return any(text in line for _, line in list(self.heard))

    def leave(self):
        self.connection.sock and self.connection.sock.shutdown(2)
        self.reply.close()
        self.connection.close()


def streams_open(s, count, seconds=60):
    tap.wait_for(lambda: f"\nlockstep_streams_open {count}\n" in s.ops(
        "/metrics").body.decode(), f"{count} streams", seconds)


def listeners(s, count, each):
    """So many, by so many of each of some people, each of an own export."""
    found = []
    for person in PEOPLE[:(count + each - 1) // each]:
        who = token(s, person)
        export = request(s, who=who)
        found += [Listener(s, export, who) for _ in
                  range(min(each, count - len(found)))]
    same([x.status for x in found], [200] * count)
    return found


@case
def database_away(s):
    """While the database answers nothing who follows hears a comment every few
    seconds, and who has left keeps no place; when it answers again all hear soon
    what is new."""
    s.paused.pause()
    found = []
    try:
        found = listeners(s, 20, 7)
        streams_open(s, 20)
        lock = threading.Thread(target=s.cluster.psql, args=(
            "begin; lock table lockstep.exports; select pg_sleep(14); "
            "update lockstep.exports set rows = 4711 where state = 'queued'; "
            "commit",))
        began = time.monotonic()
        lock.start()
        tap.wait_for(lambda: s.cluster.psql(
            "select count(*) from pg_locks where relation = "
            "'lockstep.exports'::regclass and not granted") != "0",
            "a look that waits", 10)
        for x in found[:4]:
            found.remove(x)
            x.leave()
        streams_open(s, 16)
        same(time.monotonic() - began < 13, True, "the lock was there")
        lock.join()
        tap.wait_for(lambda: all(x.has(b"4711") for x in found), lambda:
                     f"{sum(x.has(b'4711') for x in found)} of 16 heard", 15)
        same(any(x.cut for x in found), False, "cut off")
        worst = max(x.silence() for x in found)
        print(f"# the longest silence: {worst:.1f} s")
        same(worst < 11, True, f"silence of {worst} s")
    finally:
        for x in found:
            x.leave()
        s.paused.go_on()
    streams_open(s, 0)


@case
def own_streams(s):
    """A caller has a few streams open, and no more: then 429, and when to come
    again; others follow meanwhile, and so does the caller when one has ended."""
    s.paused.pause()
    found = []
    try:
        who, bob = token(s), token(s, sut.BOB)
        export, his = request(s), request(s, who=bob)
        # Eight of each process, whichever of the two a connection meets.
        refused = 0
        while refused < 40 and len(found) <= 16:
            x = Listener(s, export, who)
            if x.status == 200:
                found.append(x)
                continue
            refused += 1
            same((x.status, x.reply.headers["retry-after"]), (429, "10"))
            same(json.loads(x.reply.read())["error"]["code"], "rate_limited")
        same(8 <= len(found) <= 16, True, f"{len(found)} streams")
        same(refused, 40)
        streams_open(s, len(found))
        others = [Listener(s, his, bob) for _ in range(4)]
        found += others
        same([x.status for x in others], [200] * 4, "another's")
        left = len(found) - 8
        for x in found[:8]:
            x.leave()
        streams_open(s, left)

        def again():
            found.append(Listener(s, export, who))
            return found[-1].status == 200
        tap.wait_for(again, "room again", 10)
    finally:
        for x in found:
            x.leave()
        s.paused.go_on()
    streams_open(s, 0)


@case
def rights(s):
    """A stream ends when its token expires, and when its row is not the caller's
    to see any more, and says why."""
    s.paused.pause()
    try:
        export = request(s)
        # It must be good still when the request comes.
        for life_s in (2, 5, 15, 45):
            short = s.token("authenticated", sut.ALICE, life_s)
            head, heard = follow(s, export, short)
            if not head.startswith("HTTP/1.1 401"):
                break
        same(heard[-1], {"event": "end", "data": '{"code":"token_expired"}'})
        streams_open(s, 0)
        found = []
        t = threading.Thread(target=lambda: found.append(follow(s, export)))
        t.start()
        tap.wait_for(lambda: "lockstep_streams_open 1" in s.ops(
            "/metrics").body.decode(), "a stream", 60)
        s.cluster.psql("update lockstep.exports set subject = 'another' where "
                       f"id = '{export['id']}'")
        t.join(130)
        same(found[0][1][-1], {"event": "end", "data": '{"code":"not_found"}'})
    finally:
        s.paused.go_on()


@case
def cancelled(s):
    """An export is cancelled while it waits, and while it is written: then the
    statement ends, and no file stays. What is over cannot be."""
    tap.wait_for(lambda: s.cluster.psql(
        "select count(*) from lockstep.exports where state in ('queued', "
        "'running')") == "0", "those of others to be over", 60)
    s.paused.pause()
    try:
        export = request(s)
        reply = s.curl("POST", f"/api/exports/{export['id']}/cancel", token(s))
        same((reply.status, reply.data["state"]), (200, "cancelled"))
        same(s.curl("POST", f"/api/exports/{export['id']}/cancel", token(s)
                    ).status, 200, "once more")
    finally:
        s.paused.go_on()
    slow(s, 0.02)
    try:
        export = request(s)
        tap.wait_for(lambda: row(s, export)["rows"] > 0, "rows", 60)
        same(any(n.startswith(export["id"]) for n in files(s)), True)
        same(fetch(s, export).error["code"], "export_not_ready")
        same(s.curl("POST", f"/api/exports/{export['id']}/cancel", token(s)
                    ).data["state"], "cancelled")
        tap.wait_for(lambda: not any(n.startswith(export["id"])
                                     for n in files(s)), "no file", 60)
        def statements():
            return s.cluster.psql(
                "select query from pg_stat_activity where state = 'active' "
                "and query like '%company_id%' and pid <> pg_backend_pid()")
        tap.wait_for(lambda: statements() == "", statements, 60)
    finally:
        slow(s, 0)
    same(fetch(s, export).status, 410)
    tap.wait_for(lambda: worker.conservation(s) == 0, "conservation", 60)


@case
def expired(s):
    """When its time is over an export says so, its file is 410 and then deleted;
    files of nobody go, too, and what is no file of ours stays."""
    made = ready(s)
    name = s.cluster.psql("select file from lockstep.exports where id = "
                          f"'{made['id']}'")
    stray = "00000000-0000-4000-8000-000000000000.7"
    for other in (stray, stray + ".part", "notes.txt"):
        (s.spool / other).write_text("x")
    s.cluster.psql("update lockstep.exports set expires_at = now() where id = "
                   f"'{made['id']}'")
    same(fetch(s, made).error["code"], "export_gone")
    tap.wait_for(lambda: name not in files(s), "its file to go", 60)
    same(row(s, made)["state"], "expired")
    same(fetch(s, made).status, 410)
    same(s.curl("POST", f"/api/exports/{made['id']}/cancel", token(s)
                ).error["code"], "export_over")
    tap.wait_for(lambda: stray not in files(s) and stray + ".part" not in
                 files(s), "strays to go", 60)
    same("notes.txt" in files(s), True)
    (s.spool / "notes.txt").unlink()


@case
def repeated(s):
    """A repeat under a key is the same export, and says where it is."""
    headers = {"Idempotency-Key": "export-1"}
    first, second = (s.curl("POST", "/api/events/export?format=csv", token(s),
                            headers=headers) for _ in range(2))
    same((first.status, second.status), (202, 202), second.body)
    same(first.data["id"], second.data["id"])
    same(second.headers["idempotency-replayed"], "true")
    same(second.headers["location"], first.headers["location"])


@case
def enough(s):
    """Of a caller twenty are unfinished at a time; another one has as many, and
    what is cancelled makes room."""
    unfinished = ("select count(*) from lockstep.exports where state in "
                  f"('queued', 'running') and subject = '{sut.ALICE}'")
    tap.wait_for(lambda: s.cluster.psql(unfinished) == "0", "those before", 60)
    s.paused.pause()

    def ask():
        return s.curl("POST", "/api/companies/export?format=csv", token(s))
    same([ask().status for _ in range(20)], [202] * 20)
    refused = ask()
    same((refused.error["code"], refused.status), ("rate_limited", 429))
    same("retry-after" in refused.headers, True)
    same(s.cluster.psql(unfinished), "20")
    request(s, who=token(s, sut.BOB), resource="companies")
    mine = [one for one in s.get("/api/exports?state=eq.queued&limit=100",
                                 token(s)).data]
    same(len(mine), 20)
    s.curl("POST", f"/api/exports/{mine[0]['id']}/cancel", token(s), {})
    same(ask().status, 202)
    s.paused.go_on()
    tap.wait_for(lambda: s.cluster.psql(unfinished) == "0", "all", 60)


@case
def room(s):
    """Who keeps as many bytes as there is room for asks for no more, whichever
    list it is of; others do. One that is given up makes room, and its file
    goes."""
    made = ready(s)
    name = s.cluster.psql("select file from lockstep.exports where id = "
                          f"'{made['id']}'")
    kept = ("update lockstep.exports set bytes = {} where id = "
            f"'{made['id']}'")

    def ask(who=None):
        return s.curl("POST", "/api/companies/export?format=csv",
                      who or token(s))
    s.cluster.psql(kept.format("bytes + 1073741824"))
    refused = ask()
    same((refused.status, refused.error["code"]), (409, "exports_full"))
    same(s.curl("POST", "/api/events/export?format=csv", token(s)).error["code"],
         "exports_full")
    same([ask(who).status for who in (
        token(s, sut.BOB), token(s, None, "service_role"))],
         [202, 202])
    reply = s.curl("POST", f"/api/exports/{made['id']}/cancel", token(s))
    same((reply.status, reply.data["state"]), (200, "cancelled"))
    same(fetch(s, made).error["code"], "export_gone")
    tap.wait_for(lambda: name not in files(s), "its file to go", 60)
    same(ask().status, 202)
    same(s.curl("POST", f"/api/exports/{made['id']}/cancel", token(s)).status,
         200, "once more")


class Readers:
    """A few clients that read a page a hundred times a second each, at most."""

    def __init__(self, s):
        self.s, self.over, self.replies = s, threading.Event(), []
        self.who = token(s)
        self.threads = [threading.Thread(target=self.read, daemon=True)
                        for _ in range(4)]

    def read(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.s.port)
        while not self.over.wait(0.01):
            connection.request("GET", "/api/letters?limit=5", headers={
                "Authorization": f"Bearer {self.who}"})
            reply = connection.getresponse()
            reply.read()
            self.replies.append(reply.status)

    def __enter__(self):
        for t in self.threads:
            t.start()
        tap.wait_for(lambda: len(self.replies) >= 40, "replies")
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join(10)


@case
def gives_way(s):
    """While requests are served files have the part of the time that they may
    have; when nobody asks they are written as fast as ever. Whether requests are
    served the worker may ask, and nobody else."""
    server = token(s, None, "service_role")
    s.paused.finish()

    def rate(share):
        with Worker(s, f"share-{share}", work_export_share=share):
            made = request(s, "?format=csv", who=server)
            # Who looks twenty times a second would be load.
            made = tap.wait_for(lambda: (lambda r: r["state"] in OVER and r)(
                row(s, made, server)), "its end", 60, 0.3)
            same(made["state"], "ready", made["reason"])
            return made["rate"]

    try:
        # On a machine that is busy with something else readers may pause, too.
        for _ in range(5):
            alone = rate(3)
            with Readers(s) as readers:
                shared, all_of_it = rate(3), rate(100)
            same(set(readers.replies), {200})
            print(f"# rows/s: alone {alone}; beside requests {shared} with 3 % "
                  f"of the time, {all_of_it} with all of it")
            if shared * 2 < min(alone, all_of_it):
                break
    finally:
        s.paused.begin()
    same(shared * 2 < min(alone, all_of_it), True)
    ask = "select lockstep.sessions_used(0.05) is not null"
    same(s.cluster.psql(ask, user="lockstep_worker"), "t")
    for role in ("anon", "authenticated", "service_role"):
        said = s.cluster.psql(f"set role {role}; {ask}", check=False)
        same(said, "", role)
    same(s.cluster.psql(ask, user="lockstep", check=False), "", "lockstep")


# ---- What is there when things are killed.

def outcome(s, export, who):
    """It is ready in the end, and its file is all of it."""
    made = over(s, export, who, 200)
    same(made["state"], "ready", made["reason"])
    got = fetch(s, made, who)
    rows = whole(made, got).decode().count("\n")
    same(rows, made["rows"], "lines")
    return made


@case
def killed(s):
    """Workers are killed at random moments: each export is whole in the end, of
    one run; at no moment was a part of one to be had, and nothing is left over."""
    server = token(s, None, "service_role")
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"# SEED={seed}")
    chance = random.Random(seed)
    s.paused.finish()
    served, stop = [], threading.Event()

    def watch(export):
        """Whatever is served is whole."""
        while not stop.is_set():
            # They are many, and large: only their digests are kept.
            got = s.get(f"/api/exports/{export['id']}/file", server,
                        record=False)
            if got.status == 200:
                served.append((len(got.body), hashlib.sha256(
                    got.body).hexdigest(), got.headers["etag"].strip('"'),
                    int(got.headers["content-length"])))
            time.sleep(0.03)

    exports = [request(s, "?format=ndjson", who=server) for _ in range(6)]
    watchers = [threading.Thread(target=watch, args=(e,), daemon=True)
                for e in exports[:3]]
    for t in watchers:
        t.start()
    kills = 0
    for n in range(12):
        w = Worker(s, f"killed-{n}", work_calls=4)
        with w:
            time.sleep(chance.uniform(0.02, 0.5))
            w.kill_all()
            kills += 1
    with Worker(s, "killed-end", work_calls=4):
        made = [outcome(s, e, server) for e in exports]
        same(len({m["rows"] for m in made}), 1, "all of the same rows")
        tap.wait_for(lambda: not [n for n in files(s) if n.endswith(".part")],
                     "no part", 60)
        tap.wait_for(lambda: {n.partition(".")[0] for n in files(s)} >= {
            e["id"] for e in exports} and len([n for n in files(s) if
            n.partition(".")[0] in {e["id"] for e in exports}]) == len(
                exports), "one file of each", 60)
    stop.set()
    for t in watchers:
        t.join(10)
    for length, digest, tag, declared in served:
        same((digest, length), (tag, declared), "what was served")
    print(f"# {kills} kills, {len(served)} files served meanwhile")
    s.paused.begin()
    tap.wait_for(lambda: worker.conservation(s) == 0, "conservation", 60)


@case
def postgres_killed(s):
    """Postgres ends at once while exports run: they are whole in the end."""
    server = token(s, None, "service_role")
    exports = [request(s, "?format=ndjson", who=server) for _ in range(4)]
    for _ in range(2):
        time.sleep(0.15)
        s.cluster.stop("immediate")
        s.cluster.start()
        s.ready(60)
    for e in exports:
        outcome(s, e, server)


@case
def nginx_killed(s):
    """nginx ends while it sends a file: the client sees that it has a part, and
    has the rest by Range."""
    server = token(s, None, "service_role")
    made = ready(s, "?format=ndjson", who=server)
    target = s.directory / "download"
    command = ["curl", "-sS", "--limit-rate", "1M", "-o", str(target), "-H",
               f"Authorization: Bearer {server}",
               f"{s.url}/api/exports/{made['id']}/file"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as client:
        tap.wait_for(lambda: target.exists() and target.stat().st_size > 65536,
                     "a part")
        for pid in [*map(int, subprocess.run(
                ["pgrep", "-P", str(s.process["nginx"].pid)],
                capture_output=True, text=True, check=False).stdout.split())]:
            os.kill(pid, signal.SIGKILL)
        same(client.wait(60) != 0, True, "curl's verdict")
    same(0 < target.stat().st_size < made["bytes"], True)
    subprocess.run([*command[:2], "-C", "-", *command[4:]], check=True)
    same(hashlib.sha256(target.read_bytes()).hexdigest(), made["sha256"])


@case
def two_runs(s):
    """A worker that stops, and goes on when another has taken its export, changes
    nothing of it."""
    s.paused.finish()
    slow(s, 0.02)
    try:
        with Worker(s, "zombie", work_lease_ms=1000, work_beat_ms=300) as a:
            export = request(s)
            tap.wait_for(lambda: row(s, export)["rows"] > 0, "rows", 60)
            a.signal_children(signal.SIGSTOP)
            slow(s, 0)
            with Worker(s, "heir", work_lease_ms=1000, work_beat_ms=300):
                made = over(s, export)
                same(made["state"], "ready")
                a.signal_children(signal.SIGCONT)
                tap.wait_for(lambda: len([n for n in files(s) if n.startswith(
                    export["id"])]) == 1, "one file", 60)
                whole(made, fetch(s, made))
                same(row(s, export)["sha256"], made["sha256"])
    finally:
        slow(s, 0)
        s.paused.begin()


@case
def unwritable(s):
    """A spool that cannot be written fails the export, with a word, in the end;
    nothing of it is served."""
    s.paused.finish()
    with Worker(s, "no-spool", export_dir=s.directory / "none-such"):
        export = request(s)
        tap.wait_for(lambda: "spool" in s.cluster.psql(
            "select j.errors from lockstep.jobs j join lockstep.exports e on "
            f"e.job = j.id where e.id = '{export['id']}'"), "an error", 60)
        same(fetch(s, export).status, 409)
    s.paused.begin()
    same(over(s, export, seconds=120)["state"], "ready", "tried again")


@case
def without(s):
    """A server without a spool says so: 503, and does not begin what nobody would
    write."""
    before = s.cluster.psql("select count(*) from lockstep.exports")
    s.configure(0, export_dir="")
    s.stop(0)
    s.start(0)
    s.ready()
    try:
        reply = s.curl("POST", "/api/events/export", token(s))
        same((reply.status, reply.error["code"]), (503, "unavailable"))
        same(s.cluster.psql("select count(*) from lockstep.exports"), before)
    finally:
        s.configure(0)
        s.stop(0)
        s.start(0)
        s.ready()


@case
def figures(s):
    """/metrics counts exports by outcome, rows and bytes; the log has a line of
    each."""
    metrics = s.ops("/metrics").body.decode()
    for outcome_ in ("ready", "cancelled", "expired", "failed"):
        same(re.search(r'lockstep_exports_total\{operation="events.export",'
                       f'outcome="{outcome_}"}} [1-9]', metrics) is not None or
             outcome_ == "failed", True, outcome_)
    for name in ("lockstep_export_rows_total", "lockstep_export_bytes_total",
                 "lockstep_exports_running"):
        same(f"\n{name} " in metrics, True, name)
    line = next(s.paused.worker.events("export", outcome="ready"))
    same(set(line) >= {"export", "operation", "format", "rows", "bytes",
                       "rows_s", "role"}, True, line)


FIGURES = {
    "resources/company_figures.json": {
        "$schema": "../../schemas/resource.schema.json",
        "resource": "company_figures",
        "schema": "schemas/company_figures.json",
        "table": "app.company_figures",
        "operations": {"read": {"summary": "Read the figures of a company.",
                                "roles": ["authenticated"]}}},
    "schemas/company_figures.json": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object", "additionalProperties": False,
        "required": ["id", "bugs"],
        "properties": {
            "id": {"type": "string", "format": "uuid", "readOnly": True},
            "bugs": {"type": "integer", "readOnly": True}}}}


@case
def aggregates(s):
    """An export may have aggregates of its rows as columns: those of a view,
    which is asked as the caller, so what is not theirs is not counted."""
    counted = ("select c.id, count(e.id) as bugs from app.companies c left join "
               "app.events e on e.company_id = c.id and e.kind = 'bug' group by "
               "c.id")
    s.cluster.psql("create view app.company_figures with (security_invoker = "
                   f"true) as {counted}; grant select on app.company_figures to "
                   "authenticated, service_role")
    contract = s.directory / "contract-with-figures"
    shutil.copytree(s.contract, contract)
    companies = contract / "resources/companies.json"
    row_ = json.loads(companies.read_text())
    row_["operations"]["export"]["related"] = {"figures": {
        "resource": "company_figures", "column": "id", "fields": ["bugs"]}}
    companies.write_text(json.dumps(row_))
    for name, text in FIGURES.items():
        (contract / name).write_text(json.dumps(text))
    s.configure(0, contract=contract)
    said = s.run("check", "--config", s.config_path(0), check=False).stdout
    same("app.company_figures" in said, False, said)
    s.paused.finish()
    s.stop(0)
    s.start(0)
    s.ready()
    with Worker(s, "figures", contract=contract):
        made = ready(s, resource="companies")
    rows = table(whole(made, fetch(s, made)))
    s.paused.begin()
    wanted = dict(line.split("|") for line in s.cluster.psql(
        f"select * from ({counted}) f where id in (select c.id from "
        f"app.companies c where c.{OF_ALICE})").splitlines())
    same({r["id"]: r["figures.bugs"] for r in rows}, wanted)
    same(len(set(wanted.values())) > 2, True, wanted)


class Paused:
    """The worker of most cases, which can be told to leave exports alone."""

    def __init__(self, s):
        self.s = s
        self.number = 0
        self.begin()

    def begin(self):
        self.number += 1
        self.worker = Worker(self.s, f"worker-{self.number}").__enter__()

    def finish(self):
        self.worker.__exit__()

    def pause(self):
        """A worker that begins heeds it before its first job."""
        self.finish()
        self.s.run("jobs", "pause", "exports", "--config",
                   self.s.config_path(0))
        self.begin()

    def go_on(self):
        self.s.run("jobs", "resume", "exports", "--config",
                   self.s.config_path(0))


SETUP = f"""
create schema pace;
create table pace.pace as select 0::double precision as s;
create function pace.slowly() returns boolean language plpgsql volatile
security definer set search_path = pg_catalog, pg_temp as $$
declare
    pause double precision := (select s from pace.pace);
begin
    if pause > 0 then
        perform pg_sleep(pause);
    end if;
    return true;
end $$;
grant usage on schema pace to authenticated;
create policy slowly on app.events as restrictive for select to authenticated
    using (pace.slowly());
insert into app.accounts (id, name, plan, created_by)
values ('99999999-9999-4999-8999-999999999999', 'Big', 'business',
    '{sut.BOB}');
insert into app.companies (id, account_id, name) values
    ('99999999-9999-4999-8999-999999999998',
    '99999999-9999-4999-8999-999999999999', 'Big & Co');
insert into app.events (company_id, kind, score, message)
select '99999999-9999-4999-8999-999999999998', 'nps', g % 11, 'event ' || g
from generate_series(1, {MANY}) g;
analyze app.events;
"""


def main():
    # Of many at once nobody waits in vain for a thread of a machine that is busy.
    with sut.System(instances=1, settings={"jwt_leeway_s": 0,
                                           "queue_timeout_ms": 20000}) as s:
        s.cluster.psql(SETUP)
        s.paused = Paused(s)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
