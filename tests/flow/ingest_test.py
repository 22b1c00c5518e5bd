# SPDX-License-Identifier: MIT
"""Many records at once as clients send them: arrays and lines through nginx,
what is accepted, what is a duplicate, what is rejected and where it is kept, that
a request is done whole or not at all, and what hostile bodies do."""

import contextlib
import json
import os
import random
import signal
import sys
import threading

import system as sut
import tap
from tap import case, same, wait_for

LINES = "application/x-ndjson"
ABSENT = "00000b0a-4c1d-4f7a-9b3e-5a6f7c8d9e0f"
LIMIT = 16 << 20		# bulk_limit_bytes, and of nginx


class World:
    """A system, those who send, and a company of each."""

    def __init__(self, system):
        self.system = s = system
        self.serial = 0
        self.alice = s.token("authenticated", sut.ALICE)
        self.server = s.token("service_role")
        self.company = self.own(self.alice)
        self.hidden = self.sql(
            "select c.id from app.companies c where not exists (select from "
            "app.account_members m where m.account_id = c.account_id and "
            f"m.user_id = '{sut.ALICE}') limit 1")
        assert self.hidden, "no company is hidden from Alice"

    def sql(self, text):
        return self.system.cluster.psql(text)

    def own(self, token):
        return self.system.get("/api/companies?limit=1&select=id",
                               token).data[0]["id"]

    def tag(self):
        self.serial += 1
        return f"t{self.serial}"

    def event(self, external, **more):
        return {"company_id": self.company, "kind": "nps", "score": 7,
                "external_id": external, **more}

    def events(self, count, tag=None):
        tag = tag or self.tag()
        return [self.event(f"{tag}-{n}", score=n % 11, message=f"No. {n}")
                for n in range(count)]

    def post(self, body, kind="application/json", headers=None, query="",
             token=None):
        return self.system.curl(
            "POST", "/api/events" + query, token or self.alice, raw=body,
            headers={"Content-Type": kind, **(headers or {})})

    def array(self, records, **more):
        return self.post(json.dumps(records), **more)

    def lines(self, records, end="\n", **more):
        return self.post(end.join(r if isinstance(r, str) else json.dumps(r)
                                  for r in records) + end, LINES, **more)

    def count(self, tag):
        return int(self.sql("select count(*) from app.events where "
                            f"external_id like '{tag}-%'"))

    def kept(self, request):
        return json.loads(self.sql(
            "select coalesce(json_agg(r order by index), '[]') from "
            f"lockstep.ingest_rejected r where request_id = '{request}'"))


def counts(reply):
    data = reply.data
    return data["accepted"], data["duplicates"], data["rejected"]


def request_id(reply):
    return reply.json["meta"]["request_id"]


# ---- Forms.

@case
def forms(w):
    """An object is one row and 201; an array and lines, by each name of their
    type, are records and 200."""
    same(w.post(json.dumps(w.event("form-1"))).status, 201)
    for kind in (LINES, "application/ndjson", "application/jsonl",
                 "Application/X-NDJSON; charset=utf-8"):
        reply = w.post(json.dumps(w.event(w.tag() + "-1")), kind)
        same((reply.status, counts(reply)), (200, (1, 0, 0)), kind)
    same(counts(w.array([w.event("form-1"), w.event("form-2")])), (1, 1, 0))
    for kind in ("text/plain", "application/x-ndjson; charset=latin1",
                 "application/json-seq"):
        same(w.post("{}", kind).status, 415, kind)


@case
def line_forms(w):
    """Lines end by LF or CRLF or with the text, blank ones are none, a BOM is
    passed over, and numbers are told from the first line on."""
    tag = w.tag()
    one, two, three = (json.dumps(e) for e in w.events(3, tag))
    reply = w.post(f"\ufeff{one}\r\n\r\n \t \n{two}\n\n{{\n{three}", LINES)
    same(counts(reply), (3, 0, 1), reply.body)
    rejection, = reply.data["rejections"]
    same((rejection["index"], rejection["line"], rejection["code"]),
         (2, 6, "malformed_json"))
    same(w.count(tag), 3)


@case
def encodings_agree(w):
    """The same records as an array and as lines come to the same, but for the
    numbers of lines."""
    def records(tag):
        good = w.events(40, tag)
        bad = [w.event(f"{tag}-b{n}", **more) for n, more in enumerate((
            {"kind": "x"}, {"score": 11}, {"company_id": ABSENT},
            {"company_id": w.hidden}, {"more": 1}, {"message": "a\0b"},
            {"attributes": {"a": [1]}}, {"occurred_at": "yesterday"}))]
        mixed = good + bad + [good[0], 7, None, True, [], {}]
        random.Random(7).shuffle(mixed)
        return mixed
    a = w.array(records("ea")).data
    b = w.lines(records("eb")).data
    for rejection in b["rejections"]:
        same(rejection.pop("line"), rejection["index"] + 1)
    for one, other in zip(a["rejections"], b["rejections"]):
        same(one, other)
    same({**a, "rejections": 0}, {**b, "rejections": 0})
    same((a["accepted"], a["duplicates"], a["rejected"]), (40, 1, 13))


@case
def members_differ(w):
    """Records may name other members: what one does not name is the column's
    default, and null is null."""
    tag = w.tag()
    reply = w.array([
        {"company_id": w.company, "kind": "bug", "external_id": f"{tag}-1"},
        {"company_id": w.company, "kind": "bug", "external_id": f"{tag}-2",
         "message": "m", "score": None, "attributes": {"a": "\u00e9\\n"}},
        {"kind": "bug", "company_id": w.company, "external_id": f"{tag}-3",
         "occurred_at": "2026-01-15T09:30:00+02:00"},
        {"company_id": w.company, "kind": "nps", "external_id": f"{tag}-4",
         "score": 7.0},
        {"company_id": w.company, "kind": "praise"}])
    same(counts(reply), (5, 0, 0), reply.body)
    same(w.sql("select external_id, message, score, attributes, occurred_at at "
               "time zone 'UTC' > '2026-01-15 07:29', occurred_at = now() from "
               f"app.events where external_id like '{tag}-%' order by 1"),
         f"{tag}-1||| {{}}|t|f\n".replace(" ", "") +
         f"{tag}-2|m||{{\"a\": \"\u00e9\\\\n\"}}|t|f\n"
         f"{tag}-3|||{{}}|t|f\n{tag}-4||7|{{}}|t|f")


# ---- Limits.

@case
def bounds(w):
    """None and more than the contract takes are refused whole; the bounds of a
    document are each record's."""
    for body, kind in (("[]", "application/json"), ("", LINES), (" \n\r\n", LINES)):
        reply = w.post(body, kind)
        same((reply.status, reply.error["code"]), (422, "validation_failed"))
        same(reply.error["issues"][0]["code"], "too_small")
    tag = w.tag()
    for reply in (w.array(w.events(10001, tag)), w.lines(w.events(10001, tag))):
        same((reply.status, reply.error["issues"][0]["code"]),
             (422, "too_big"), reply.body[:300])
    same(w.count(tag), 0)
    deep = '{"a":' * 40 + "1" + "}" * 40
    twice = '{"kind":"bug","kind":"nps"}'
    reply = w.lines([deep, twice, w.event(f"{tag}-1")])
    same(counts(reply), (1, 0, 2), reply.body)
    same({r["code"] for r in reply.data["rejections"]}, {"malformed_json"})
    same(w.post(f"[{deep}]").status, 400)


@case
def lengths(w):
    """A body of records may be 16 MiB, and no more; any other no more than
    before, whatever its path."""
    record = w.event(w.tag() + "-1", message="m" * 3900)
    pad = " " * (LIMIT - len(json.dumps(record)) - 2)
    same(w.post("[" + json.dumps(record) + pad + "]").status, 200)
    same(w.post("[" + json.dumps(record) + pad + " ]").error["code"],
         "body_too_large")
    same(w.post(json.dumps(record) + pad[:300000]).error["code"],
         "body_too_large")
    same(w.system.curl("POST", "/api/companies", w.alice,
                       raw="[" + pad[:300000] + "]").error["code"],
         "body_too_large")
    # Past nginx, which would have said so itself.
    same(w.system.get("/api/events?limit=1", w.alice).status, 200)


@case
def malformed_array(w):
    """An array that is none is refused whole, with the place."""
    good = json.dumps(w.event(w.tag() + "-1"))
    for body, offset in ((f"[{good}", len(good) + 1), (f"[{good},", None),
                         (f"[{good},]", None), (f"[{good}{good}]", None),
                         (f"[{good}]x", None), ("[{]}", None), ("[tru]", None),
                         (f"[,{good}]", 1), ("[\"a]", None), ("[", 1),
                         ("[}]", None), (f"[{good} {good}]", None),
                         ("[\\u005d]", None)):
        reply = w.post(body)
        same((reply.status, reply.error["code"]), (400, "malformed_json"), body)
        assert reply.error["offset"] <= len(body), body
        if offset is not None:
            same(reply.error["offset"], offset, body)


# ---- Ten thousand.

@case
def ten_thousand(w):
    """Of 10,000 records each kind of rejection is told at its index, and all
    others are there."""
    tag = w.tag()
    records = w.events(10000, tag)
    wrong = {
        3: ("validation_failed", {"kind": "x"}),
        500: ("company_not_found", {"company_id": ABSENT}),
        501: ("company_not_found", {"company_id": w.hidden}),
        2500: ("validation_failed", {"occurred_at": "2026-02-30T00:00:00Z"}),
        # What only the database refuses: its CHECK is stricter here.
        4999: ("validation_failed", {"message": "refuse me"}),
        7000: ("validation_failed", {"kind": "csat", "score": 6}),
        9999: ("validation_failed", {"score": "9"}),
    }
    for at, (_, more) in wrong.items():
        records[at] = {**records[at], **more}
    records[9000] = records[8000]
    w.sql("alter table app.events add constraint events_refused check "
          "(message <> 'refuse me') not valid")
    reply = w.lines(records)
    w.sql("alter table app.events drop constraint events_refused")
    same(counts(reply), (9992, 1, 7), reply.body[:500])
    same({r["index"]: r["code"] for r in reply.data["rejections"]},
         {at: code for at, (code, _) in wrong.items()})
    same(w.count(tag), 9992)
    kept = w.kept(request_id(reply))
    same([r["index"] for r in kept], sorted(wrong))
    for row in kept:
        record = json.loads(row["record"])
        same(record["external_id"], f"{tag}-{row['index']}")
        same(row["line"], row["index"] + 1)


@case
def all_are_refused(w):
    """When the database refuses each of thousands it says so of each, in time,
    tells a thousand and keeps them all."""
    tag = w.tag()
    w.sql("alter table app.events add constraint events_refused check "
          f"(external_id not like '{tag}-%') not valid")
    reply = w.array(w.events(3000, tag))
    w.sql("alter table app.events drop constraint events_refused")
    same((reply.status, reply.error["code"]), (422, "all_rejected"))
    records = reply.error["records"]
    same((records["accepted"], records["rejected"]), (0, 3000))
    same([r["index"] for r in records["rejections"]], list(range(1000)))
    same(len(w.kept(request_id(reply))), 3000)
    same(w.count(tag), 0)


# ---- Who.

@case
def others_tenants(w):
    """A company of others and one that there is not are rejected alike; a
    server may; nobody reads what another was refused."""
    reply = w.array([w.event(w.tag() + "-1"),
                     w.event(w.tag() + "-1", company_id=ABSENT),
                     w.event(w.tag() + "-1", company_id=w.hidden)])
    absent, hidden = reply.data["rejections"]
    same({**absent, "index": 2}, hidden)
    same(counts(w.array([w.event(w.tag() + "-1", company_id=w.hidden)],
                        token=w.server)), (1, 0, 0))
    path = f"/api/rejections?request_id={request_id(reply)}"
    same(len(w.system.get(path, w.alice).data), 2)
    bob = w.system.token("authenticated", sut.BOB)
    same(w.system.get(path, bob).data, [])
    same(len(w.system.get(path, w.server).data), 2)
    same(w.system.curl("POST", "/api/events", raw="[{}]").status, 401)


@case
def the_policy_refuses(w):
    """A record that row security refuses is rejected as forbidden."""
    bob = w.system.token("authenticated", sut.BOB)
    w.sql("insert into app.account_members (account_id, user_id, display_name,"
          f" role) select account_id, '{sut.BOB}', 'Bob', 'viewer' from "
          f"app.companies where id = '{w.company}' on conflict do nothing")
    tag = w.tag()
    reply = w.array(w.events(5, tag), token=bob)
    same((reply.status, reply.error["code"]), (422, "all_rejected"))
    same({r["code"] for r in reply.error["records"]["rejections"]},
         {"forbidden"})
    same(w.count(tag), 0)
    w.sql(f"delete from app.account_members where user_id = '{sut.BOB}' and "
          "role = 'viewer'")


# ---- Repeats.

@case
def a_repeat_is_known(w):
    """A repeat under a key is told the same and does nothing; another body is
    refused; a key works for what was rejected whole, too."""
    tag = w.tag()
    records = [*w.events(20, tag), {"kind": "x"}]
    key = {"Idempotency-Key": f"key-{tag}"}
    first = w.array(records, headers=key)
    again = w.array(records, headers=key)
    same(first.body, again.body)
    same(again.headers.get("idempotency-replayed"), "true")
    same(len(w.kept(request_id(first))), 1)
    same(w.array(records[:3], headers=key).error["code"],
         "idempotency_key_reused")
    key = {"Idempotency-Key": f"bad-{tag}"}
    first, again = (w.array([{"kind": "x"}], headers=key) for _ in range(2))
    same((first.status, again.status), (422, 422))
    same(first.error["records"], again.error["records"])
    same(again.headers.get("idempotency-replayed"), "true")
    same(len(w.kept(request_id(first))), 1)
    same(w.sql("select count(*) from lockstep.ingest_rejected where request_id "
               f"= '{request_id(again)}'"), "0" if request_id(again) !=
         request_id(first) else "1")


@case
def at_once(w):
    """Of the same records by many at once each is there once."""
    tag = w.tag()
    records = w.events(300, tag)
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(
        w.array(random.sample(records, len(records))))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # Those that waited crosswise for each other may have been asked back.
    well = [r for r in replies if r.status == 200]
    assert well, [r.body for r in replies]
    same(sum(counts(r)[0] for r in well), 300)
    same(w.count(tag), 300)
    same({r.status for r in replies} <= {200, 503}, True)


@case
def whole_or_not(w):
    """A server that is killed in the middle of a request has done all of it or
    nothing, rejected ones and all."""
    s = w.system
    for lock in ("app.events", "lockstep.ingest_rejected"):
        tag = w.tag()
        with s.cluster.held(lock, mode="exclusive"):
            later = sut.Later(s, "POST", "/api/events", w.alice, raw=json.dumps(
                [*w.events(50, tag), {"kind": "x"}]))
            wait_for(lambda: sut.waiting(s, 1), "the request to wait")
            had = {p for n in range(s.instances) for p in s.workers(n)}
            for pid in had:
                # One that looks and has no name of its own yet may be over.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            later.finish()
        wait_for(lambda: int(w.sql(
            "select count(*) from pg_stat_activity where state = 'active' and "
            "usename = 'lockstep'")) == 0, "the statement to end")
        rows = w.count(tag)
        kept = int(w.sql("select count(*) from lockstep.ingest_rejected where "
                         f"record = '{json.dumps({'kind': 'x'})}' and rejected_at"
                         " > now() - interval '20 s'"))
        assert rows in (0, 50), rows
        wait_for(lambda: all(s.workers(n) for n in range(s.instances)),
                 "other workers")
        s.ready()
        same(counts(w.array(w.events(50, tag))), (50 - rows, rows, 0))
        assert kept <= 60, kept


# ---- Rejected ones.

@case
def recovered(w):
    """What was rejected is found, mended and sent again in its stead, once; or
    discarded."""
    s, tag = w.system, w.tag()
    reply = w.lines([w.event(f"{tag}-1", kind="x"),
                     w.event(f"{tag}-2", company_id=ABSENT), "{bad"])
    request = reply.error["records"] and request_id(reply)
    rows = s.get(f"/api/rejections?request_id={request}", w.alice).data
    same([(r["index"], r["line"], r["code"], r["whole"]) for r in rows],
         [(0, 1, "validation_failed", True), (1, 2, "company_not_found", True),
          (2, 3, "malformed_json", True)])
    same(rows[0]["issues"][0]["pointer"], "/kind")
    same(rows[2]["record"], "{bad")
    mended = [{**json.loads(r["record"]), "kind": "bug",
               "company_id": w.company} for r in rows[:2]]
    ids = ",".join(str(r["id"]) for r in rows[:2])
    bob = s.token("authenticated", sut.BOB)
    same(w.array(mended, query=f"?recovers={ids}", token=bob).status, 404)
    same(counts(w.lines(mended, query=f"?recovers={ids}")), (2, 0, 0))
    same(w.array(mended, query=f"?recovers={ids}").error["code"], "not_found")
    left = s.get(f"/api/rejections?request_id={request}", w.alice).data
    same([r["id"] for r in left], [rows[2]["id"]])
    path = f"/api/rejections/{rows[2]['id']}"
    same(s.curl("DELETE", path, bob).status, 404)
    same(s.curl("DELETE", path, w.alice).data["record"], "{bad")
    same(s.curl("DELETE", path, w.alice).status, 404)
    for query in ("?recovers=", "?recovers=a", "?recovers=-1", "?recovers=1,",
                  "?recovers=1&recovers=2", "?other=1",
                  "?recovers=99999999999999999999"):
        same(w.array(mended, query=query).error["code"], "invalid_query", query)
    same(w.post(json.dumps(w.event(f"{tag}-9")), query="?recovers=1").status,
         400)


@case
def still_rejected(w):
    """What is rejected again is kept anew in the place of the one before."""
    first = w.array([{"kind": "x"}])
    row, = w.system.get(f"/api/rejections?request_id={request_id(first)}",
                        w.alice).data
    again = w.array([{"kind": "y"}], query=f"?recovers={row['id']}")
    same(again.error["code"], "all_rejected")
    same(w.kept(request_id(first)), [])
    same(len(w.kept(request_id(again))), 1)


@case
def kept_within_bounds(w):
    """A long record is kept by its beginning, one that is no text as near as
    can be, and of each sender the newest."""
    reply = w.lines([json.dumps({"kind": "x", "message": "\u00e9" * 20000})])
    row, = w.kept(request_id(reply))
    same(row["whole"], False)
    assert 8000 < len(row["record"]) <= 16384, len(row["record"])
    reply = w.post(b'{"kind":"\xff\xfe"}\n\x00{"a":"\x00b"}\n', LINES)
    same([(r["record"], r["whole"]) for r in w.kept(request_id(reply))],
         [('{"kind":"\ufffd\ufffd"}', False),
          ('\ufffd{"a":"\ufffdb"}', False)])
    w.sql("insert into lockstep.ingest_rejected (operation, role, subject, "
          "index, code, message, record, whole) select 'events.create', "
          f"'authenticated', '{sut.ALICE}', 0, 'old', 'm', '{{}}', true from "
          "generate_series(1, 20000)")
    w.array([{"kind": "x"}])
    same(w.sql("select count(*), max(code) from lockstep.ingest_rejected where "
               f"subject = '{sut.ALICE}'"), "20000|validation_failed")
    w.sql("delete from lockstep.ingest_rejected where code = 'old'")


@case
def forgotten(w):
    """What was rejected long ago is forgotten."""
    # In one transaction, as the servers sweep by themselves; while one does
    # nobody else can.
    wait_for(lambda: w.sql(
        "begin; delete from lockstep.ingest_rejected where code = 'gone'; "
        "insert into lockstep.ingest_rejected (operation, role, subject, "
        "index, code, message, record, whole, rejected_at) select 'o', 'r', "
        "'s', 0, 'gone', 'm', '{}', true, now() - interval '1 h' - n * "
        "interval '1 day' from generate_series(29, 32) n; set local role lockstep; "
        "select lockstep.sweep_rejected(30, 1), "
        "lockstep.sweep_rejected(30, 1000); commit") == "1|2", "1 and 2")
    same(w.sql("delete from lockstep.ingest_rejected where code = 'gone' "
               "returning 1"), "1")


# ---- Hostile.

@case
def hostile(w):
    """Names, texts and numbers of all kinds are judged and never mean anything
    to the database; whatever comes, the next request is answered."""
    tag = w.tag()
    texts = ["'; drop table app.events; --", '"', "\\", "{}", "\\N", "\u2028",
             "\u0001", "$1", "%s", "\U0001f600", "a\tb", "\r", "NULL", "{\"a\"}"]
    records = [w.event(f"{tag}-{n}", message=text, attributes={"a": text})
               for n, text in enumerate(texts)]
    same(counts(w.lines(records)), (len(texts), 0, 0))
    rows = json.loads(w.sql(
        "select json_agg(json_build_array(message, attributes ->> 'a') order by "
        f"external_id) from app.events where external_id like '{tag}-%'"))
    same(sorted(rows), sorted([t, t] for t in texts))
    for record in ("[" * 10000, "{" * 10000, '"' * 9999, "\\" * 10000,
                   '{"company_id":{"$ref":"#"}}', "9" * 5000, "1e999",
                   '{"__proto__":1,"constructor":2}', "\x0b", "nul", "-",
                   '{"a":"\\ud800"}', '{"\\u0000":1}'):
        reply = w.lines([record])
        same((reply.status, reply.error["code"]), (422, "all_rejected"),
             record[:40])
        assert w.post("[" + record + "]").status in (400, 422), record[:40]
    many = w.lines(['{"a%d":1}' % n for n in range(10000)])
    same(many.error["records"]["rejected"], 10000)
    assert len(many.body) < 4 << 20, len(many.body)
    same(w.system.get("/api/events?limit=1", w.alice).status, 200)


@case
def figures(w):
    """What became of records is counted, by operation."""
    event = w.event(w.tag() + "-1")
    w.array([event, event, {}])
    text = w.system.curl("GET", "/metrics",
                         base=f"http://127.0.0.1:{w.system.ops_port}").body.decode()
    for outcome in ("accepted", "duplicate", "rejected"):
        line = next(l for l in text.splitlines() if l.startswith(
            'lockstep_ingest_records_total{operation="events.create",'
            f'outcome="{outcome}"}}'))
        assert int(line.split()[-1]) > 0, line


def main():
    with sut.System(settings={"rejected_days": 30}) as s:
        return tap.run(World(s))


if __name__ == "__main__":
    sys.exit(main())
