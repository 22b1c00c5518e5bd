# SPDX-License-Identifier: MIT
"""The reference application through nginx, by curl, as its clients use it.
Each exchange is recorded and checked against the contract; at the end every
operation and every problem's code must have been seen."""

import datetime
import hashlib
import json
import re
import sys
import threading
import uuid

import contract as rules
import system as sut
import tap
from tap import case, same

ABSENT = "99999999-9999-4999-8999-999999999999"
JSON_BIG = "x" * (300 * 1024)


def new_user(s, email=None):
    """A fresh subject with a token that carries its address."""
    sub = str(uuid.uuid4())
    email = email or f"u{sub[:8]}@letters.example"
    token = s.token("authenticated", sub, 3600, "--claims",
                    json.dumps({"email": email, "email_verified": True}))
    return sub, email, token


def registered(s, **more):
    sub, email, token = new_user(s)
    body = {"email": email, "display_name": "Somebody", **more}
    same(s.curl("POST", "/api/users", token, body).status, 201)
    return sub, email, token


def all_pages(s, path, token):
    """Follows the cursors; returns the rows."""
    rows, after = [], ""
    for _ in range(500):
        reply = s.get(path + after, token)
        rows += reply.data
        following = reply.json["meta"]["page"]["next"]
        if following is None:
            return rows
        after = "&after=" + following
    raise AssertionError("the pages do not end")


def refused(reply, status, code, path=None):
    same((reply.status, reply.error["code"]), (status, code), reply.body)
    if path is not None:
        issues = [i["path"] for i in reply.error["issues"]]
        assert path in issues, f"{path} is not among {issues}"


# ---- Letters.

@case
def letter_written_and_read(s):
    """A letter is created with 201 and Location, and reads back the same."""
    reply = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER)
    same(reply.status, 201, reply.body)
    letter = reply.data
    same(reply.headers["location"], f"/api/letters/{letter['id']}")
    same(letter["owner_id"], sut.ALICE)
    same(letter["status"], "draft")
    same(letter["recipient"], sut.NEW_LETTER["recipient"])
    again = s.get(reply.headers["location"], s.alice)
    same(again.data, letter)
    s.letter = letter["id"]
    assert letter["created_at"].endswith("Z"), letter["created_at"]
    assert "run;dur=" in reply.headers["server-timing"]


@case
def letter_changed(s):
    """PATCH changes what was sent and leaves the rest; null is a value."""
    path = f"/api/letters/{s.letter}"
    before = s.get(path, s.alice).data
    reply = s.curl("PATCH", path, s.alice, {"title": "Second thoughts",
                                            "reference": "ref-1"})
    same(reply.status, 200, reply.body)
    same(reply.data["title"], "Second thoughts")
    for name in ("body", "tags", "recipient", "tone", "created_at"):
        same(reply.data[name], before[name], name)
    reply = s.curl("PATCH", path, s.alice, {"reference": None})
    same(reply.data["reference"], None)


@case
def letter_text_survives(s):
    """Text survives the way there and back, whatever it holds."""
    for text in ("quote \" backslash \\ slash / tab \t nl \n",
                 "\u00e4\u00f6\u00fc \u4f60\u597d \U0001f600 \u2028 \u007f",
                 "'; drop table app.letters; --", "$1 %s {} ${x}", "\u0001\u001f"):
        body = {**sut.NEW_LETTER, "body": text}
        reply = s.curl("POST", "/api/letters", s.alice, body)
        same(reply.status, 201, reply.body)
        same(reply.data["body"], text)


@case
def letter_sent_recalled(s):
    """Sending is one transaction: the state, and a row for the job; recalling
    undoes it; sending twice is refused."""
    path = f"/api/letters/{s.letter}"
    reply = s.curl("POST", path + "/send", s.alice, {"channel": "email"})
    same(reply.status, 200, reply.body)
    same((reply.data["status"], reply.data["channel"]), ("queued", "email"))
    jobs = ("select count(*) from lockstep.jobs where "
            f"args ->> 'letter_id' = '{s.letter}'")
    same(s.cluster.psql(jobs), "1")
    refused(s.curl("POST", path + "/send", s.alice, {}), 409,
            "letter_already_sent")
    refused(s.curl("PATCH", path, s.alice, {"title": "x"}), 409,
            "letter_not_draft")
    refused(s.curl("DELETE", path, s.alice), 409, "letter_on_its_way")
    same(s.curl("POST", path + "/recall", s.alice).data["status"], "draft")
    refused(s.curl("POST", path + "/recall", s.alice), 409,
            "letter_not_queued")
    s.curl("POST", path + "/send", s.alice, {})
    claim = ("update lockstep.jobs set state = '%s', lease_token = %s, "
             "lease_until = %s where state = '%s' and "
             f"args ->> 'letter_id' = '{s.letter}'")
    s.cluster.psql(claim % ("running", 1, "now()", "available"))
    refused(s.curl("POST", path + "/recall", s.alice), 409,
            "letter_in_writing")
    s.cluster.psql(claim % ("available", "null", "null", "running"))
    same(s.curl("POST", path + "/recall", s.alice).status, 200)
    same(s.curl("POST", path + "/send", s.alice, {}).status, 200)


@case
def letter_unreachable(s):
    """A letter by post needs an address."""
    made = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER).data["id"]
    refused(s.curl("POST", f"/api/letters/{made}/send", s.alice,
                   {"channel": "post"}), 422, "recipient_unreachable")
    same(s.get(f"/api/letters/{made}", s.alice).data["status"], "draft")


@case
def letter_completed_by_servers(s):
    """Only servers hand in or fail a letter, and only one that is queued."""
    path = f"/api/letters/{s.letter}"
    body = {"content": "Dear Ada Byron"}
    refused(s.curl("POST", path + "/complete", s.alice, body), 403,
            "forbidden")
    reply = s.curl("POST", path + "/complete", s.service, body)
    same(reply.data["status"], "sent", reply.body)
    refused(s.curl("POST", path + "/complete", s.service, body), 409,
            "letter_not_queued")
    made = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER).data["id"]
    path = f"/api/letters/{made}"
    s.curl("POST", path + "/send", s.alice, {})
    reply = s.curl("POST", path + "/fail", s.service, {"reason": "No paper."})
    same((reply.data["status"], reply.data["failure_reason"]),
         ("failed", "No paper."))


@case
def letter_deleted(s):
    """A deleted letter is gone: null, then 404."""
    made = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER).data["id"]
    reply = s.curl("DELETE", f"/api/letters/{made}", s.alice)
    same((reply.status, reply.data), (200, None))
    refused(s.get(f"/api/letters/{made}", s.alice), 404, "not_found")


@case
def reference_unique_by_owner(s):
    """A reference is unique to its owner: 409 with the field, and another
    owner may use the same."""
    body = {**sut.NEW_LETTER, "reference": "my-own"}
    same(s.curl("POST", "/api/letters", s.alice, body).status, 201)
    again = s.curl("POST", "/api/letters", s.alice, body)
    refused(again, 409, "reference_taken", ["reference"])
    same(again.error["issues"][0]["message"],
         "Another letter of yours has this reference.", "the contract's words")
    same(s.curl("POST", "/api/letters", s.bob, body).status, 201)


# ---- What makes a repeat safe, and a change of what has changed.

def ask_anyhow(s, operation, headers=None):
    """A request that has the right role, and nothing else that is right."""
    path = "/api" + re.sub(r"\{\w+\}", ABSENT, operation.path)
    token = s.alice if "authenticated" in operation.roles else \
        s.service if "service_role" in operation.roles else None
    return s.curl(operation.method, path, token, {}, headers)


@case
def demands_come_first(s):
    """Where the contract demands an Idempotency-Key or an If-Match, a request
    without is refused before it is judged; so is a key that is none."""
    seen = set()
    for o in s.rules.operations:
        if o.match == "required":
            refused(ask_anyhow(s, o), 428, "precondition_required")
            seen.add("match")
        if o.idempotency == "required":
            refused(ask_anyhow(s, o), 400, "idempotency_key_missing")
            seen.add("key")
        for key in ("with space", '"', '""', '"open', "x" * 256,
                    '"a"b') if o.idempotency else ():
            refused(ask_anyhow(s, o, {"Idempotency-Key": key,
                                      "If-Match": "*"}), 400,
                    "idempotency_key_invalid")
            seen.add("bad key")
    same(seen, {"match", "key", "bad key"}, "demands of the contract")


@case
def letter_changed_as_it_was_read(s):
    """If-Match lets a change pass while the row is as it was read, 412 after;
    a row that is not there is 404 all the same."""
    made = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER)
    path, tag = made.headers["location"], made.headers["etag"]
    reply = s.curl("PATCH", path, s.alice, {"title": "First"},
                   {"If-Match": tag})
    same((reply.status, reply.data["title"]), (200, "First"), reply.body)
    refused(s.curl("PATCH", path, s.alice, {"title": "Second"},
                   {"If-Match": tag}), 412, "precondition_failed")
    refused(s.curl("DELETE", path, s.alice, headers={"If-Match": tag}), 412,
            "precondition_failed")
    refused(s.curl("PATCH", path, s.bob, {"title": "His"},
                   {"If-Match": tag}), 404, "not_found")
    same(s.get(path, s.alice).data["title"], "First")
    same(s.curl("DELETE", path, s.alice, headers={
        "If-Match": f'"x", {reply.headers["etag"]}'}).status, 200)
    refused(s.get(path, s.alice, headers={"If-None-Match": tag}), 404,
            "not_found")


@case
def letter_written_once(s):
    """A letter that is sent again with its key is the letter that was made,
    byte for byte; another one with that key is refused."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER, key)
    again = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER, {
        "Idempotency-Key": f'"{key["Idempotency-Key"]}"'})
    same((first.status, again.status, again.body),
         (201, 201, first.body), again.body)
    for name in ("location", "etag"):
        same(again.headers[name], first.headers[name], name)
    same(again.headers["idempotency-replayed"], "true")
    assert "idempotency-replayed" not in first.headers
    refused(s.curl("POST", "/api/letters", s.alice,
                   {**sut.NEW_LETTER, "title": "Another"}, key), 422,
            "idempotency_key_reused")
    same(s.curl("POST", "/api/letters", s.bob, sut.NEW_LETTER, key
                ).data["owner_id"], sut.BOB)


@case
def letter_in_progress(s):
    """A repeat while the first is being done is 409 at once, with Retry-After;
    what then failed had no effect and may be tried again."""
    def meet():
        key, replies = {"Idempotency-Key": uuid.uuid4().hex}, []

        def ask():
            return s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER,
                          key)
        with s.cluster.held("app.letters"):
            first = threading.Thread(target=lambda: replies.append(ask()))
            first.start()
            tap.wait_for(lambda: sut.waiting(s, 1) or not first.is_alive(),
                         "the first to wait")
            reply = ask()
            first.join()
        refused(replies[0], 503, "unavailable")
        same(ask().status, 201, "the repeat")
        # Who comes after the first has given up, a second later, is another.
        return reply.status != 503 and reply
    reply = tap.wait_for(meet, "a repeat meanwhile", 60)
    refused(reply, 409, "request_in_progress")
    same(reply.headers["retry-after"], "1")


@case
def preferences_strict(s):
    """A preference that is not heard is told to who asks to be told."""
    for prefer, status in (("respond-async", 201),
                           ("handling=strict, respond-async", 400)):
        reply = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER,
                       {"Prefer": prefer})
        same(reply.status, status, prefer)
    same(reply.error["code"], "invalid_preference")


# ---- Lists.

@case
def list_filters(s):
    """Each operator of a filter selects what Postgres selects."""
    where = {
        "status=eq.draft": "status = 'draft'",
        "status=neq.draft": "status <> 'draft'",
        "status=in.(sent,failed)": "status in ('sent', 'failed')",
        "status=not.in.(sent,failed)": "status not in ('sent', 'failed')",
        "title=like.Thank*": "title like 'Thank%'",
        "title=ilike.*COMPLAINT*": "title ilike '%COMPLAINT%'",
        "title=not.ilike.*complaint*": "title not ilike '%complaint%'",
        "reference=is.null": "reference is null",
        "reference=not.is.null": "reference is not null",
        "reference=is.not_null": "reference is not null",
        "title=gt.M&title=lte.T": "title > 'M' and title <= 'T'",
        "title=gte.T": "title >= 'T'",
        "title=lt.D": "title < 'D'",
        "created_at=gte.2000-01-01T00:00:00Z&status=eq.sent":
            "created_at >= '2000-01-01' and status = 'sent'",
        "tone=eq.formal&locale=in.(\"en\",\"de\")":
            "tone = 'formal' and locale in ('en', 'de')",
    }
    for query, sql in where.items():
        rows = all_pages(s, f"/api/letters?select=id&limit=100&{query}",
                         s.alice)
        count = int(s.cluster.psql(
            f"select count(*) from app.letters where {sql} "
            f"and owner_id = '{sut.ALICE}'"))
        same(len(rows), count, query)
        same(len({r["id"] for r in rows}), count, query)


@case
def list_orders(s):
    """Lists come in the order asked for, ties by key, and the pages are the
    whole list: no row twice, none left out."""
    for order in ("created_at.desc", "created_at.asc", "title.asc",
                  "title.desc,created_at.asc", "updated_at", "created_at.desc,title.asc"):
        sql = ", ".join(t.replace(".", " ") for t in order.split(","))
        tie = " desc" if order.endswith(".desc") and "," not in order else ""
        wanted = s.cluster.psql(
            f"select id from app.letters where owner_id = '{sut.ALICE}' "
            f"order by {sql}, id{tie}").split("\n")
        for limit in (7, 100):
            got = [r["id"] for r in all_pages(
                s, f"/api/letters?select=id&order={order}&limit={limit}",
                s.alice)]
            if limit == 100 and got != wanted:
                # The tie-breaker's direction is ours to choose, but fixed.
                same(sorted(got), sorted(wanted), order)
            same(len(got), len(set(got)), f"{order} repeats")
            same(sorted(got), sorted(wanted), order)


@case
def list_stable_under_inserts(s):
    """Rows that come while a client pages neither repeat nor hide others."""
    sub, _, token = registered(s)
    ids = [s.curl("POST", "/api/letters", token, sut.NEW_LETTER).data["id"]
           for _ in range(9)]
    seen, after = [], ""
    for _ in range(10):
        reply = s.get("/api/letters?limit=3" + after, token)
        seen += [r["id"] for r in reply.data]
        following = reply.json["meta"]["page"]["next"]
        if following is None:
            break
        after = "&after=" + following
        s.curl("POST", "/api/letters", token, sut.NEW_LETTER)
    same(seen, list(reversed(ids)), "the rows of the first look")
    assert sub


@case
def list_goes_on_behind_any_text(s):
    """A list that is sorted by a text goes on behind whatever it holds."""
    _, _, token = registered(s)
    titles = ["\u0001", "a\tb\n", "\u007f", "\u001f" * 200, '"' * 200,
              "\\" * 200, "\U0001f600" * 200, "\u2028", " ", "%_'"]
    for title in titles:
        same(s.curl("POST", "/api/letters", token,
                    {**sut.NEW_LETTER, "title": title}).status, 201, title)
    for order in ("title", "title.desc", "title,updated_at,created_at"):
        rows = all_pages(s, f"/api/letters?limit=1&order={order}", token)
        same(sorted(r["title"] for r in rows), sorted(titles), order)


@case
def list_limits(s):
    """There is always a limit: the default, what is asked, at most the
    maximum."""
    same(len(s.get("/api/letters", s.alice).data), 20)
    same(len(s.get("/api/letters?limit=3", s.alice).data), 3)
    same(s.get("/api/letters?limit=3", s.alice).json["meta"]["page"]["limit"],
         3)
    for bad in ("101", "0", "-1", "x", "1.5", ""):
        refused(s.get(f"/api/letters?limit={bad}", s.alice), 400,
                "invalid_query", ["limit"])


@case
def list_cut_to_the_reply(s):
    """A page that would pass the reply's limit is shorter, and its cursor
    goes on from there: no row is lost."""
    _, _, token = registered(s)
    body = {**sut.NEW_LETTER, "body": "x" * 19000}
    ids = [s.curl("POST", "/api/letters", token, body).data["id"]
           for _ in range(15)]
    first = s.get("/api/letters?limit=15", token)
    assert 1 <= len(first.data) < 15, len(first.data)
    assert first.json["meta"]["page"]["next"]
    rows = all_pages(s, "/api/letters?limit=15", token)
    same([r["id"] for r in rows], list(reversed(ids)))


@case
def list_select(s):
    """select= returns these fields alone, in any order of asking."""
    for row in s.get("/api/letters?select=title,id&limit=5", s.alice).data:
        same(sorted(row), ["id", "title"])


@case
def list_refusals(s):
    """A bad parameter is named: each by its own issue, all at once."""
    for query, path in (
            ("owner_id=eq.x", "owner_id"), ("nonsense=eq.1", "nonsense"),
            ("status=draft", "status"), ("status=eq.nope", "status"),
            ("status=foo.draft", "status"), ("created_at=gt.yesterday",
                                             "created_at"),
            ("order=body", "order"), ("order=title.up", "order"),
            ("select=secret", "select"), ("select=", "select"),
            ("order=title,title", "order"), ("limit=5&limit=6", "limit"),
            ("id=eq.7", "id"), ("status=is.maybe", "status"),
            ("status=in.(sent", "status")):
        refused(s.get(f"/api/letters?{query}", s.alice), 400,
                "invalid_query", [path])
    reply = s.get("/api/letters?a=1&b=2&limit=0", s.alice)
    same(len(reply.error["issues"]), 3, reply.body)


@case
def cursors_refused(s):
    """A cursor that was not ours, or of another order, is invalid_cursor."""
    cursor = s.get("/api/letters?limit=2", s.alice).json[
        "meta"]["page"]["next"]
    for bad in ("x", "AAAA", cursor[:-2], cursor + "AA", "W10", "bnVsbA"):
        refused(s.get(f"/api/letters?after={bad}", s.alice), 400,
                "invalid_cursor")
    refused(s.get(f"/api/letters?order=title&after={cursor}", s.alice), 400,
            "invalid_cursor")
    refused(s.get(f"/api/companies?after={cursor}", s.alice), 400,
            "invalid_cursor")


# ---- What is refused at the door.

@case
def bodies_judged(s):
    """A payload's faults are all told, each at its place."""
    body = {"title": "", "tone": "angry", "tags": ["a", "a"], "id": s.letter,
            "recipient": {"name": 7, "email": "nobody", "age": 3},
            "reference": "with space", "extra": True}
    reply = s.curl("POST", "/api/letters", s.alice, body)
    same(reply.status, 422, reply.body)
    found = {(tuple(i["path"]), i["code"]) for i in reply.error["issues"]}
    for wanted in ((("title",), "too_small"), (("tone",), "invalid_value"),
                   (("tags",), "custom"), ((), "unrecognized_keys"),
                   (("recipient", "name"), "invalid_type"),
                   (("recipient", "email"), "invalid_format"),
                   (("recipient",), "unrecognized_keys"),
                   (("reference",), "invalid_format")):
        assert wanted in found, f"{wanted} is not in {found}"
    assert b"angry" not in reply.body and b"nobody" not in reply.body
    reply = s.curl("POST", "/api/letters", s.alice, {})
    paths = [i["path"] for i in reply.error["issues"]]
    same(sorted(paths), [["recipient"], ["title"]])
    refused(s.curl("PATCH", f"/api/letters/{s.letter}", s.alice, {}), 422,
            "validation_failed")
    refused(s.curl("PATCH", f"/api/letters/{s.letter}", s.alice,
                   {"title": None}), 422, "validation_failed", ["title"])


@case
def bodies_malformed(s):
    """What is not JSON is refused with the place where it broke."""
    for raw, column in (('{"title": }', 11), ("", 1), ("{", 2),
                        ('{"a":1,"a":2}', None), ("{'a':1}", 2),
                        ("[1,]", 4), ('{"a":01}', None), ("nul", None),
                        (b'"\xff"', 2), ('{"a":NaN}', 6)):
        reply = s.curl("POST", "/api/letters", s.alice, raw=raw)
        refused(reply, 400, "malformed_json")
        if column:
            same(reply.error["column"], column, repr(raw))


@case
def numbers_and_times_bounded(s):
    """A number whose answer would be kilobytes of zeros and an instant that
    no answer could tell are refused."""
    company = s.get("/api/companies?limit=1&select=id", s.alice).data[0]["id"]
    head = f'{{"company_id":"{company}","kind":"bug",'
    for number in ("1e-16383", "0e-16000", "1e1000", "1e-10000000"):
        refused(s.curl("POST", "/api/events", s.alice,
                       raw=f'{head}"attributes":{{"a":{number}}}}}'), 400,
                "malformed_json")
    for time in ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.9999999Z",
                 "9999-12-31T23:00:00-01:00", "0001-01-01T00:00:00+01:00",
                 "0000-06-01T00:00:00Z"):
        refused(s.curl("POST", "/api/events", s.alice,
                       raw=f'{head}"occurred_at":"{time}"}}'), 422,
                "validation_failed", ["occurred_at"])
        refused(s.get(f"/api/events?occurred_at=gt.{sut.quote(time)}",
                      s.alice), 400, "invalid_query", ["occurred_at"])


@case
def deep_and_wide(s):
    """Deep, wide and huge JSON is refused at once."""
    for raw in ("[" * 100000, '{"a":' * 5000, "[" + "{}," * 60000 + "{}]"):
        reply = s.curl("POST", "/api/letters", s.alice, raw=raw)
        same(reply.status, 400, reply.body[:200])


@case
def body_too_large(s):
    """A body past the limit is 413 in the envelope, declared or chunked."""
    raw = json.dumps({"title": JSON_BIG})
    refused(s.curl("POST", "/api/letters", s.alice, raw=raw), 413,
            "body_too_large")
    refused(s.curl("POST", "/api/letters", s.alice, raw=raw,
                   headers={"Transfer-Encoding": "chunked"}), 413,
            "body_too_large")


@case
def media_types(s):
    """Bodies are application/json, and replies are, too: 415, 406."""
    for kind in ("text/plain", "application/x-www-form-urlencoded",
                 "application/json; charset=latin1", "multipart/form-data"):
        refused(s.curl("POST", "/api/letters", s.alice, raw="{}",
                       headers={"Content-Type": kind}), 415,
                "unsupported_media_type")
    same(s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER, headers={
        "Content-Type": "application/json; charset=UTF-8"}).status, 201)
    refused(s.get("/api/letters", s.alice, headers={"Accept": "text/html"}),
            406, "not_acceptable")
    for accept in ("*/*", "application/*", "application/json",
                   "text/html, application/json;q=0.5"):
        same(s.get("/api/letters?limit=1", s.alice,
                   headers={"Accept": accept}).status, 200, accept)


@case
def problem_json(s):
    """With Accept: application/problem+json a failure is RFC 9457's."""
    reply = s.curl("POST", "/api/letters", s.alice, {}, record=False,
                   headers={"Accept": "application/problem+json"})
    same(reply.headers["content-type"], "application/problem+json")
    same(reply.status, 422)
    told = reply.json
    same((told["status"], told["code"]), (422, "validation_failed"))
    same(told["request_id"], reply.headers["x-request-id"])
    assert told["title"] and told["issues"] and "type" in told


@case
def tokens_refused(s):
    """Every bad token looks the same; a missing and an expired one are told
    apart."""
    refused(s.get("/api/letters"), 401, "token_missing")
    faces = set()
    other = s.alice[:-4] + ("aaaa" if s.alice[-4:] != "aaaa" else "bbbb")
    for token in ("x", "a.b.c", other, s.alice + "x", "..",
                  "eyJhbGciOiJub25lIn0.e30."):
        reply = s.get("/api/letters", token)
        refused(reply, 401, "token_invalid")
        meta = reply.json["meta"]["request_id"]
        faces.add(reply.body.replace(meta.encode(), b"ID"))
    same(len(faces), 1, "faces of a bad token")
    refused(s.get("/api/letters", s.expired), 401, "token_expired")
    reply = s.get("/api/letters", headers={"Authorization": "Basic YTpi"})
    refused(reply, 401, "token_invalid")


@case
def roles_kept(s):
    """An operation is for the roles that it names: 403; anonymous callers are
    asked for a token."""
    refused(s.get("/api/users", s.alice), 403, "forbidden")
    refused(s.curl("POST", "/api/letters", s.service, sut.NEW_LETTER), 403,
            "forbidden")
    refused(s.get("/api/users"), 401, "token_missing")
    same(s.get("/api/campaigns").status, 200)


@case
def service_role_not_from_browsers(s):
    """service_role with an Origin header, so from a browser, is refused."""
    same(s.get("/api/users?limit=1", s.service).status, 200)
    refused(s.get("/api/users?limit=1", s.service,
                  headers={"Origin": "https://app.example"}), 403,
            "forbidden")
    same(s.get("/api/letters?limit=1", s.alice,
               headers={"Origin": "https://app.example"}).status, 200)


@case
def routes_unknown(s):
    """An unknown path is 404 inside and outside /api, in the envelope; a
    known one with another method is 405 with Allow."""
    for path in ("/api", "/api/", "/api/nothing", "/api/letters/x/y/z", "/",
                 "/index.html", "/apix/letters", "/metrics", "/healthz",
                 "/api/metrics", "/api/healthz"):
        reply = s.get(path, s.alice)
        assert reply.status in (400, 404), f"{path}: {reply.status}"
        assert reply.error["code"] in ("not_found", "bad_request")
    refused(s.get("/api/nothing", s.alice), 404, "not_found")
    reply = s.curl("PUT", "/api/letters", s.alice, {})
    refused(reply, 405, "method_not_allowed")
    same(reply.headers["allow"], "GET, HEAD, OPTIONS, POST")
    reply = s.curl("POST", f"/api/letters/{s.letter}", s.alice, {})
    same(reply.headers["allow"], "DELETE, GET, HEAD, OPTIONS, PATCH")


@case
def paths_strict(s):
    """Paths that two programs could read differently are refused."""
    for path in ("/api/letters%2F1", "/api/letters%2f..%2fusers",
                 "/api/letters/../users", "/api/./letters", "/api//letters",
                 "/api/letters/", "/api/letters/%00", "/api/letters/%0a",
                 "/api/letters/%ff", "/api/letters/%c0%af",
                 "/api/letters/%2e%2e/users",
                 "/api/letters/a%5cb", "/api/letters?a=%ff",
                 "/api/letters/%zz"):
        reply = s.get(path, s.alice, record=False)
        same(reply.status, 400, path)
        same(reply.error["code"], "bad_request", path)
    same(s.get("/api/%2e%2e/api/letters", s.alice, record=False).status, 400)
    same(s.get("/api/%2e%2e/x", s.alice, record=False).status, 404)
    same(s.get(f"/%61pi/letters/{s.letter}", s.alice,
               record=False).status, 200)


@case
def keys_judged(s):
    """A path parameter is judged by its field."""
    refused(s.get("/api/letters/7", s.alice), 422, "validation_failed",
            ["id"])
    refused(s.get("/api/letters/" + "1" * 300, s.alice), 422,
            "validation_failed", ["id"])


@case
def headers_judged(s):
    """Repeated headers of ours are refused, but lists; a request id is taken
    when it is well-formed, else made."""
    reply = s.get("/api/letters?limit=1", s.alice,
                  headers={"X-Request-Id": "my-id.1"})
    same(reply.headers["x-request-id"], "my-id.1")
    for bad in ("with space", "x" * 65, "a;b", "\"quoted\""):
        reply = s.get("/api/letters?limit=1", s.alice,
                      headers={"X-Request-Id": bad})
        assert reply.headers["x-request-id"] != bad
        same(reply.status, 200)
    for name, first, second, status in (
            ("Accept", "text/html", "application/json", 200),
            ("Prefer", "a", "b", 200), ("If-None-Match", '"a"', '"b"', 400),
            ("Idempotency-Key", "a", "b", 400),
            ("Origin", "https://a", "https://b", 400),
            ("Traceparent", "a", "b", 400)):
        reply = s.get("/api/letters", s.alice, record=False,
                      arguments=("-H", f"{name}: {first}",
                                 "-H", f"{name}: {second}"))
        same(reply.status, status, name)
        if status == 400:
            same(reply.error["code"], "bad_request", name)


@case
def nginx_errors(s):
    """414 and 431 come from nginx in the same envelope."""
    refused(s.get("/api/letters?" + "a" * 9000, s.alice), 414,
            "uri_too_long")
    refused(s.get("/api/letters", s.alice, headers={"X-Big": "y" * 9000}),
            431, "headers_too_large")


@case
def security_headers(s):
    """Replies carry the security headers, once each, and no server version;
    large ones are compressed when asked for."""
    for path, token in (("/api/letters?limit=1", s.alice), ("/nothing", None)):
        reply = s.get(path, token)
        same(reply.headers["x-content-type-options"], "nosniff")
        same(reply.headers["server"], "nginx")
        assert "content-security-policy" in reply.headers
    reply = s.get("/api/letters?limit=50", s.alice, record=False,
                  headers={"Accept-Encoding": "gzip"})
    same(reply.headers.get("content-encoding"), "gzip")


@case
def proxy_header_dropped(s):
    """A Proxy header (httpoxy) changes nothing."""
    same(s.get("/api/letters?limit=1", s.alice,
               headers={"Proxy": "http://127.0.0.1:9"}).status, 200)


# ---- Users, coupons, affiliates, payouts.

@case
def users(s):
    """A user registers once, reads and changes only their own profile."""
    sub, email, token = new_user(s)
    refused(s.curl("POST", "/api/letters", token, sut.NEW_LETTER), 409,
            "profile_required")
    body = {"email": email, "display_name": "Zoe"}
    reply = s.curl("POST", "/api/users", token, body)
    same((reply.status, reply.data["id"]), (201, sub), reply.body)
    same(reply.data["email_verified"], True)
    refused(s.curl("POST", "/api/users", token, body), 409,
            "already_registered")
    same(s.get("/api/me", token).data["id"], sub)
    same(s.get(f"/api/users/{sub}", token).data["email"], email)
    refused(s.get(f"/api/users/{sut.ALICE}", token), 404, "not_found")
    reply = s.curl("PATCH", f"/api/users/{sub}", token,
                   {"display_name": "Zoe B.", "marketing_consent": True})
    same(reply.data["display_name"], "Zoe B.")
    refused(s.curl("PATCH", f"/api/users/{sub}", token,
                   {"status": "active"}), 422, "validation_failed")
    same(len(s.get("/api/users?limit=5", s.service).data), 5)
    _, other_email, other = new_user(s)
    refused(s.curl("POST", "/api/users", other,
                   {"email": other_email, "display_name": "X",
                    "referral_code": "0123456789AB"}), 422,
            "referral_code_unknown")


@case
def user_suspended(s):
    """A suspended user does nothing more."""
    sub, _, token = registered(s)
    made = s.curl("POST", "/api/letters", token, sut.NEW_LETTER).data["id"]
    path = f"/api/users/{sub}/status"
    refused(s.curl("PUT", path, token, {"status": "active"}), 403,
            "forbidden")
    same(s.curl("PUT", path, s.service, {"status": "suspended"}).data[
        "status"], "suspended")
    refused(s.curl("POST", f"/api/letters/{made}/send", token, {}), 403,
            "user_suspended")


def coupon(s, **more):
    body = {"code": "T-" + uuid.uuid4().hex[:10].upper(), "title": "Test",
            "credit_cents": 500, "max_redemptions": 3,
            "starts_at": "2026-01-01T00:00:00Z",
            "expires_at": "2099-01-01T00:00:00Z", **more}
    reply = s.curl("POST", "/api/coupons", s.service, body)
    same(reply.status, 201, reply.body)
    return reply.data


@case
def coupons(s):
    """A coupon is redeemed once a user, up to its maximum, in its time."""
    made = coupon(s, max_redemptions=2, is_public=True)
    code = made["code"]
    same(s.get(f"/api/coupons/{made['id']}", s.service).data, made)
    same(s.get("/api/coupons?limit=2", s.service).status, 200)
    same(s.get(f"/api/campaigns/{code}").data["code"], code)
    same(s.get(f"/api/coupons/{code}/terms", s.alice).data["redeemable"],
         True)
    _, _, first = registered(s)
    _, _, second = registered(s)
    _, _, third = registered(s)
    body = {"code": code}
    reply = s.curl("POST", "/api/coupons/redeem", first, body)
    same((reply.status, reply.data["code"]), (201, code), reply.body)
    same(s.get("/api/me", first).data["credit_cents"], 500)
    refused(s.curl("POST", "/api/coupons/redeem", first, body), 409,
            "coupon_already_redeemed")
    same(s.curl("POST", "/api/coupons/redeem", second, body).status, 201)
    refused(s.curl("POST", "/api/coupons/redeem", third, body), 409,
            "coupon_used_up")
    refused(s.curl("POST", "/api/coupons/redeem", third,
                   {"code": "NOT-THERE"}), 404, "coupon_not_found")
    old = coupon(s, expires_at="2026-01-02T00:00:00Z")
    refused(s.curl("POST", "/api/coupons/redeem", third,
                   {"code": old["code"]}), 409, "coupon_expired")
    early = coupon(s, starts_at="2098-01-01T00:00:00Z")
    refused(s.curl("POST", "/api/coupons/redeem", third,
                   {"code": early["code"]}), 409, "coupon_not_started")
    same(len(s.get("/api/coupon_redemptions", first).data), 1)
    refused(s.curl("POST", "/api/coupons", s.service, {
        "code": code, "title": "Again", "credit_cents": 1,
        "max_redemptions": 1, "expires_at": "2099-01-01T00:00:00Z"}), 409,
        "code_taken", ["code"])
    refused(s.curl("PATCH", f"/api/coupons/{made['id']}", s.service,
                   {"max_redemptions": 1}), 409, "maximum_too_low")
    refused(s.curl("PATCH", f"/api/coupons/{made['id']}", s.service,
                   {"code": "OTHER-CODE"}), 422, "validation_failed")
    refused(s.curl("PATCH", f"/api/coupons/{made['id']}", s.service,
                   {"expires_at": "2000-01-01T00:00:00Z"}), 422,
            "period_invalid")
    same(s.curl("PATCH", f"/api/coupons/{made['id']}", s.service,
                {"status": "paused"}).data["status"], "paused")


@case
def affiliates(s):
    """An affiliate earns by referrals and is paid no more than was earned."""
    _, _, token = registered(s)
    refused(payout(s, token, 1000), 409, "affiliate_required")
    method = {"type": "paypal", "email": "zoe@letters.example"}
    reply = s.curl("POST", "/api/affiliates", token,
                   {"payout_method": method})
    same(reply.status, 201, reply.body)
    mine = reply.data
    path = f"/api/affiliates/{mine['id']}"
    refused(s.curl("POST", "/api/affiliates", token,
                   {"payout_method": method}), 409, "already_affiliate")
    same(s.get(path, token).data, mine)
    same(len(s.get("/api/affiliates", token).data), 1)
    reply = s.curl("PATCH", path, token, {"payout_method": {
        "type": "bank_transfer", "iban": "x"}})
    paths = [i["path"] for i in reply.error["issues"]]
    assert ["payout_method", "iban"] in paths, paths
    assert ["payout_method", "account_holder"] in paths, paths
    assert ["payout_method", "email"] not in paths, "the other branch"
    same(s.curl("PATCH", path, token, {"payout_method": {
        "type": "paypal", "email": "new@letters.example"}}).status, 200)
    customer, _, _ = registered(s, referral_code=mine["code"])
    purchase = {"user_id": customer, "reference": "p-" + customer[:8],
                "purchase_cents": 100000, "currency": "EUR"}
    reply = s.curl("POST", "/api/commissions", s.service, purchase)
    same(reply.status, 201, reply.body)
    commission = reply.data
    refused(s.curl("POST", "/api/commissions", s.service, purchase), 409,
            "commission_already_recorded")
    refused(s.curl("POST", "/api/commissions", s.service,
                   {**purchase, "user_id": ABSENT}), 404,
            "referral_not_found")
    refused(s.curl("POST", "/api/commissions", s.service,
                   {**purchase, "reference": "z", "currency": "USD"}), 422,
            "currency_mismatch")
    way = f"/api/commissions/{commission['id']}"
    same(s.curl("POST", way + "/approve", s.service).data["status"],
         "approved")
    refused(s.curl("POST", way + "/approve", s.service), 409,
            "commission_not_pending")
    same(len(s.get("/api/commissions", token).data), 1)
    same(len(s.get("/api/referrals", token).data), 1)
    balance = s.get(path + "/balance", token).data
    same(balance["available_cents"], commission["amount_cents"])
    reply = s.get(path + "/earnings?since=2020-01-01", token)
    same(len(reply.data), 1, reply.body)
    refused(s.get(path + "/earnings?since=soon", token), 400,
            "invalid_query", ["since"])
    payouts(s, token, balance["available_cents"])
    reply = s.curl("POST", way + "/reverse", s.service)
    same(reply.data["status"], "reversed")
    refused(s.curl("POST", way + "/reverse", s.service), 409,
            "commission_already_reversed")
    same(s.curl("PUT", path + "/status", s.service,
                {"status": "suspended"}).data["status"], "suspended")
    refused(payout(s, token, 1000), 403, "affiliate_suspended")


def payout(s, token, amount):
    return s.curl("POST", "/api/payouts", token, {"amount_cents": amount},
                  {"Idempotency-Key": str(uuid.uuid4())})


def payouts(s, token, available):
    refused(payout(s, token, available + 1), 409, "balance_insufficient")
    reply = payout(s, token, available)
    same(reply.status, 201, reply.body)
    path = f"/api/payouts/{reply.data['id']}"
    refused(payout(s, token, 1000), 409, "balance_insufficient")
    same(s.get(path, token).data["status"], "requested")
    same(s.curl("POST", path + "/cancel", token).data["status"], "cancelled")
    refused(s.curl("POST", path + "/cancel", token), 409,
            "payout_state_conflict")
    ways = []
    for _ in range(2):
        made = payout(s, token, 2000)
        ways.append(f"/api/payouts/{made.data['id']}")
        same(s.curl("POST", ways[-1] + "/start", s.service).data["status"],
             "processing")
    same(s.curl("POST", ways[0] + "/pay", s.service,
                {"provider_reference": "t-1"}).data["status"], "paid")
    same(s.curl("POST", ways[1] + "/fail", s.service,
                {"reason": "sent back"}).data["status"], "failed")
    same(len(s.get("/api/payouts", token).data), 3)


# ---- Accounts, companies, events, tickets.

@case
def accounts(s):
    """An account is opened, its people invited, their roles kept."""
    _, _, owner = registered(s)
    sub, email, guest = registered(s)
    reply = s.curl("POST", "/api/accounts", owner, {"name": "Paper & Co"})
    same(reply.status, 201, reply.body)
    account = reply.data["id"]
    path = f"/api/accounts/{account}"
    same(s.get(path, owner).data["name"], "Paper & Co")
    refused(s.get(path, guest), 404, "not_found")
    same(len(s.get("/api/accounts", owner).data), 1)
    same(s.curl("PATCH", path, owner, {"name": "Paper"}).data["name"],
         "Paper")
    refused(s.curl("PATCH", path, guest, {"name": "Mine"}), 404, "not_found")
    reply = s.curl("POST", path + "/invitations", owner,
                   {"email": email, "role": "viewer"})
    same(reply.status, 201, reply.body)
    token = reply.data["token"]
    same(len(s.get("/api/account_invitations", owner).data), 1)
    refused(s.curl("POST", "/api/account_invitations/accept", guest,
                   {"token": "0" * 64}), 404, "invitation_not_found")
    reply = s.curl("POST", "/api/account_invitations/accept", guest,
                   {"token": token})
    same((reply.status, reply.data["user_id"]), (201, sub), reply.body)
    member = f"/api/account_members/{reply.data['id']}"
    again = s.curl("POST", path + "/invitations", owner,
                   {"email": email, "role": "agent"}).data["token"]
    refused(s.curl("POST", "/api/account_invitations/accept", guest,
                   {"token": again}), 409, "already_member")
    for row in s.get("/api/account_invitations?accepted_at=is.null",
                     owner).data:
        s.curl("DELETE", f"/api/account_invitations/{row['id']}", owner)
    same(len(s.get("/api/account_members", guest).data), 2)
    refused(s.curl("PATCH", member, guest, {"role": "admin"}), 404,
            "not_found")
    same(s.curl("PATCH", member, owner, {"role": "agent"}).data["role"],
         "agent")
    reply = s.curl("POST", path + "/invitations", owner,
                   {"email": "x@letters.example", "role": "viewer"})
    same(s.curl("DELETE", f"/api/account_invitations/{reply.data['id']}",
                owner).status, 200)
    same(s.curl("PUT", path + "/plan", s.service,
                {"plan": "team"}).data["plan"], "team")
    companies(s, owner, guest, account)
    same(s.curl("DELETE", member, guest).status, 200)
    refused(s.get(path, guest), 404, "not_found")


def companies(s, owner, agent, account):
    body = {"account_id": account, "name": "Cedar Works",
            "domain": "cedar.example", "external_id": "crm-7"}
    reply = s.curl("POST", "/api/companies", agent, body)
    same(reply.status, 201, reply.body)
    company = reply.data["id"]
    path = f"/api/companies/{company}"
    refused(s.curl("POST", "/api/companies", agent,
                   {**body, "external_id": "crm-8"}), 409, "domain_taken",
            ["domain"])
    refused(s.curl("POST", "/api/companies", agent,
                   {**body, "domain": "b.example"}), 409,
            "external_id_taken")
    refused(s.curl("POST", "/api/companies", s.bob, body), 403, "forbidden")
    refused(s.curl("PATCH", path, agent, {"mrr_cents": 5000}), 428,
            "precondition_required")
    same(s.curl("PATCH", path, agent, {"mrr_cents": 5000}, {
        "If-Match": reply.headers["etag"]}).data["mrr_cents"], 5000)
    same(s.get(path, owner).data["name"], "Cedar Works")
    same(len(s.get("/api/companies?mrr_cents=gte.5000", owner).data), 1)
    event = {"company_id": company, "kind": "nps", "score": 9,
             "external_id": "e-1"}
    reply = s.curl("POST", "/api/events", agent, event)
    same(reply.status, 201, reply.body)
    same(s.get(f"/api/events/{reply.data['id']}", owner).data["score"], 9)
    refused(s.curl("POST", "/api/events", agent, event), 409,
            "external_id_taken")
    refused(s.curl("POST", "/api/events", agent,
                   {**event, "company_id": ABSENT}), 422,
            "company_not_found")
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(2)
    refused(s.curl("POST", "/api/events", agent, {
        "company_id": company, "kind": "praise",
        "occurred_at": later.isoformat()}), 422, "event_yet_to_come",
        ["occurred_at"])
    reply = s.curl("POST", "/api/events", agent, [event, event])
    same((reply.status, reply.data["duplicates"]), (200, 2), reply.body)
    refused(s.curl("POST", "/api/events", agent,
                   [{**event, "company_id": ABSENT}]), 422, "all_rejected")
    rejected, = s.get("/api/rejections", agent).data
    same(s.curl("DELETE", f"/api/rejections/{rejected['id']}",
                agent).data["code"], "company_not_found")
    reply = s.curl("POST", "/api/events/batch", agent, {"events": [
        event, {"company_id": company, "kind": "comment", "message": "hm"}]})
    same(reply.data, {"accepted": 1, "duplicates": 1}, reply.body)
    same(len(s.get("/api/events?kind=eq.nps", owner).data), 1)
    same(s.get(path + "/health?days=30", owner).data["events"], 2)
    refused(s.get(path + "/health?days=0", owner), 400, "invalid_query",
            ["days"])
    same(s.get(path + "/health", owner).data["score"], 92)
    # They may be of the day and the hour that have just ended.
    same(sum(row["events"] for row in
             s.get(path + "/series", owner).data[-2:]), 2)
    same(sum(row["promoters"] for row in s.get(
        f"/api/accounts/{account}/series?bucket=hour&zone=Asia/Tokyo",
        owner).data[-2:]), 1)
    for place in (path, f"/api/accounts/{account}"):
        refused(s.get(place + "/series?zone=Mars", owner), 422,
                "zone_unknown")
        refused(s.get(place + "/series?since=1999-01-01T00:00:00Z", owner),
                422, "range_invalid")
    tickets(s, agent, company)
    refused(s.curl("DELETE", path, owner), 409, "company_has_tickets")
    reply = s.curl("POST", "/api/companies", agent,
                   {"account_id": account, "name": "Short"})
    same(s.curl("DELETE", f"/api/companies/{reply.data['id']}",
                owner).status, 200)


def tickets(s, agent, company):
    reply = s.curl("POST", "/api/support_tickets", agent,
                   {"company_id": company, "subject": "Late"})
    same(reply.status, 201, reply.body)
    path = f"/api/support_tickets/{reply.data['id']}"
    refused(s.curl("POST", "/api/support_tickets", agent,
                   {"company_id": ABSENT, "subject": "Late"}), 422,
            "company_not_found")
    refused(s.curl("PATCH", path, agent, {"assignee_id": sut.BOB}), 422,
            "assignee_not_member")
    same(s.curl("PATCH", path, agent, {"priority": "urgent"}).data[
        "priority"], "urgent")
    refused(s.curl("POST", path + "/reopen", agent), 409,
            "ticket_already_open")
    same(s.curl("POST", path + "/resolve", agent,
                {"resolution": "done"}).data["status"], "resolved")
    refused(s.curl("POST", path + "/resolve", agent,
                   {"resolution": "done"}), 409, "ticket_not_open")
    same(s.curl("POST", path + "/close", agent).data["status"], "closed")
    refused(s.curl("POST", path + "/close", agent), 409,
            "ticket_already_closed")
    same(s.curl("POST", path + "/reopen", agent).data["status"], "open")
    same(s.get(path, agent).data["status"], "open")
    same(len(s.get("/api/support_tickets", agent).data), 1)


# ---- What operators see.

@case
def rollups_told(s):
    """Our servers see how far the figures are that the database keeps; users
    do not."""
    server = s.token("service_role")
    same(sorted(r["name"] for r in s.get("/api/rollups", server).data),
         ["company_events", "company_tickets"])
    same(s.get("/api/rollups/company_events", server).data["source"],
         "app.events")
    refused(s.get("/api/rollups/nothing", server), 404, "not_found")
    refused(s.get("/api/rollups", s.alice), 403, "forbidden")


@case
def logs(s):
    """One JSON line a request, with ids and stages, and never a token, a
    body, a value or an address of a person."""
    request_id = "log-" + uuid.uuid4().hex
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    s.curl("POST", "/api/letters", s.alice, {
        **sut.NEW_LETTER, "title": "Canary in the log"}, headers={
            "X-Request-Id": request_id, "Traceparent": trace})

    def mine():
        return [l for l in s.log_lines() if l.get("request_id") == request_id]
    line = tap.wait_for(mine, "the log line")
    same(len(line), 1)
    line = line[0]
    same((line["method"], line["route"], line["status"], line["role"]),
         ("POST", "/letters", 201, "authenticated"))
    same((line["traceparent"], line["level"]), (trace, "info"))
    for name in ("time", "route_ms", "identify_ms", "accept_ms", "run_ms",
                 "total_ms", "bytes_in", "bytes_out"):
        assert name in line, name
    text = "".join(s.log_path(n).read_text() for n in (0, 1))
    for canary in (s.alice, s.alice.split(".")[2], "Canary in the log",
                   "ada@post.example", "@letters.example",
                   s.secret.read_text().strip()):
        assert canary not in text, f"{canary!r} is in the log"


@case
def causes_logged_once(s):
    """The private cause of a refusal is in the log, under the request's id,
    and not in the reply."""
    request_id = "cause-" + uuid.uuid4().hex
    reply = s.get("/api/letters", "a.b.c", headers={
        "X-Request-Id": request_id})
    lines = tap.wait_for(
        lambda: [l for l in s.log_lines() if l.get("request_id") ==
                 request_id], "the line")
    same(len(lines), 1)
    assert lines[0]["cause"], lines
    assert lines[0]["cause"].encode() not in reply.body


@case
def metrics(s):
    """/metrics counts requests by route and status, for the host only."""
    text = s.ops("/metrics").body.decode()
    for wanted in ('lockstep_requests_total{method="GET",route="/letters",'
                   'status="200"}', "lockstep_request_seconds_bucket",
                   "lockstep_problems_total", "# TYPE", "# HELP"):
        assert wanted in text, wanted
    same(s.ops("/healthz").status, 200)
    same(s.ops("/readyz").status, 200)
    same(s.ops("/letters").status, 404)
    refused(s.get("/api/readyz", s.alice), 404, "not_found")


@case
def ops_door_not_forged(s):
    """No header opens the operators' door from outside."""
    for name in ("Lockstep-Door", "LOCKSTEP_DOOR", "Lockstep_Door"):
        reply = s.get("/api/metrics", s.alice, headers={name: "ops"})
        same(reply.status, 404)


@case
def conflict_and_referenced(s):
    """Constraints that the contract does not name give the plain codes, and
    say nothing of themselves."""
    s.cluster.psql(
        "create unique index probe_index on app.letters (owner_id, title) "
        "where title like 'Probe %'; create table app.probe (letter_id uuid "
        "references app.letters)")
    try:
        body = {**sut.NEW_LETTER, "title": "Probe 1"}
        made = s.curl("POST", "/api/letters", s.alice, body).data["id"]
        refused(s.curl("POST", "/api/letters", s.alice, body), 409,
                "conflict")
        s.cluster.psql(f"insert into app.probe values ('{made}')")
        refused(s.curl("DELETE", f"/api/letters/{made}", s.alice), 409,
                "referenced")
    finally:
        s.cluster.psql("drop table app.probe; drop index app.probe_index")


@case
def failures_of_ours(s):
    """A broken function is 500, one that takes too long 504, a lock that is
    not had 503: in the envelope, without a word of the database's."""
    name = "app.my_profile()"
    whole = s.cluster.psql(
        f"select pg_get_functiondef('{name}'::regprocedure)")
    broken = (f"create or replace function {name} returns setof app.users "
              "language plpgsql as $$ begin %s; end $$")
    try:
        s.cluster.psql(broken % "raise 'x' using errcode = 'ZZ999'")
        refused(s.get("/api/me", s.alice), 500, "internal")
        s.cluster.psql(broken % "perform pg_sleep(20)")
        refused(s.get("/api/me", s.alice), 504, "timeout")
    finally:
        s.cluster.psql(whole)
    same(s.get("/api/me", s.alice).status, 200)
    with s.cluster.held("app.letters"):
        refused(s.get("/api/letters", s.alice), 503, "unavailable")


@case
def nginx_limits(s):
    """Too many requests of one address are 429, and without an instance there
    is 502: by nginx, in the envelope."""
    for number in (0, 1):
        same(s.stop(number), 0, "exit code")
    refused(s.get("/api/letters", s.alice), 502, "upstream_failed")
    for number in (0, 1):
        s.start(number)
    s.ready()
    s.limits.update(RATE=1, BURST=1)
    s.reload_nginx()
    tap.wait_for(lambda: s.get("/api/letters", s.alice).status == 429,
                 "a 429")
    reply = next(r for *_, r in reversed(s.exchanges) if r.status == 429)
    same(reply.error["code"], "rate_limited")


@case
def document_served(s):
    """nginx serves the document of the contract, with a tag, to pages of any
    origin; where there is none it is 404, in the envelope."""
    path = "/api/openapi.json"
    s.limits.update(RATE=20000, BURST=20000)
    s.reload_nginx()
    tap.wait_for(lambda: s.get(path, record=False).status == 404, "a 404")
    refused(s.get(path, record=False), 404, "not_found")
    s.run("gen", "openapi", "--config", s.config_path(0), "--out",
          s.directory / "openapi.json")
    reply = s.get(path, record=False)
    same((reply.status, reply.json["openapi"]), (200, "3.1.1"))
    same(reply.headers["content-type"], "application/json")
    same(reply.headers["access-control-allow-origin"], "*")
    assert re.fullmatch("[0-9a-f]{32}", reply.headers["x-request-id"])
    same(s.get(path, record=False, headers={
        "If-None-Match": reply.headers["etag"]}).status, 304)
    refused(s.curl("POST", path, None, {}, record=False), 405,
            "method_not_allowed")


@case
def an_event_of_a_webhook_is_taken_once(s):
    """An event that its source signed is taken once, and known again; with
    another signature it is refused, with another body a conflict."""
    company = s.cluster.psql("select id from app.companies limit 1")
    body = json.dumps({"type": "feedback.given",
                       "timestamp": "2026-01-15T09:30:00Z",
                       "data": {"company_id": company, "kind": "praise"}})

    def post(body, event="msg_1", **more):
        signed = s.run("sign", "feedback", "--id", event, "--config",
                       s.config_path(0), stdin=body).stdout
        headers = dict(line.split(": ", 1) for line in signed.splitlines())
        return s.curl("POST", "/api/webhooks/feedback", None, raw=body,
                      headers={**headers, **more})

    same((post(body).status, post(body).status), (202, 200))
    refused(post(body, **{"webhook-id": "msg_2"}), 401, "signature_invalid")
    refused(post(body + " "), 409, "event_conflict")
    refused(post("{}", "msg_3"), 422, "validation_failed")
    same(s.cluster.psql("select count(*) from lockstep.jobs j join "
                        "lockstep.inbox i on i.job_id = j.id where source = "
                        "'feedback'"), "1")


# ---- Jobs.

def dead_job(s, key=None):
    """A job that has died; its id."""
    key = f"'{key}'" if key else "null"
    return int(s.cluster.psql(
        "insert into lockstep.jobs (kind, state, reason, attempt, unique_key, "
        "finalized_at, errors) values ('payout.settle', 'dead', 'permanent', "
        f"1, {key}, now(), '[{{\"attempt\": 1, "
        "\"at\": \"2026-01-01T00:00:00Z\", \"code\": \"LS205\", "
        "\"message\": \"x\"}]') returning id"))


@case
def dead_jobs(s):
    """Our servers see dead jobs, have them run again and give them up; one that
    is not dead, and one whose key is taken, are refused."""
    first, second = dead_job(s), dead_job(s)
    rows = s.get("/api/jobs?state=eq.dead&kind=eq.payout.settle",
                 s.service).data
    assert {first, second} <= {r["id"] for r in rows}, rows
    same(s.get(f"/api/jobs/{first}", s.service).data["reason"], "permanent")

    def post(path, body=None):
        return s.curl("POST", f"/api{path}", s.service, body or {})
    same(post(f"/jobs/{first}/replay").data["state"], "available")
    refused(post(f"/jobs/{first}/replay"), 409, "job_not_dead")
    same(post(f"/jobs/{second}/discard").data["state"], "cancelled")
    key = str(uuid.uuid4())
    third = dead_job(s, key)
    s.cluster.psql("insert into lockstep.jobs (kind, unique_key) values "
                   f"('payout.settle', '{key}')")
    refused(post(f"/jobs/{third}/replay"), 409, "job_key_taken")
    same(post("/jobs/replay", {"kind": "payout.settle", "dry_run": True}
              ).data["matched"], 1)
    same(post("/jobs/replay", {"kind": "payout.settle"}).data["skipped"], 1)
    same(post("/jobs/discard", {"kind": "payout.settle"}).data["changed"], 1)
    same(s.get("/api/jobs/conservation", s.service).data["error"], 0)


@case
def queues(s):
    """Our servers have a queue rest, and go on."""
    name = "/api/queues/webhooks"
    same(s.curl("POST", f"{name}/pause", s.service, {}).data["paused"], True)
    same(s.get(name, s.service).data["paused"], True)
    same([q["name"] for q in s.get("/api/queues", s.service).data],
         ["webhooks"])
    same(s.curl("POST", f"{name}/resume", s.service, {}).data["paused"],
         False)


def made_ready(s, export):
    """Writes the file of an export, as a worker would, of whom there is none."""
    text = b"id,kind\r\n"
    name = f"{export}.1"
    (s.spool / name).write_bytes(text)
    (s.spool / name).chmod(0o644)
    s.cluster.psql(
        "update lockstep.exports set state = 'ready', token = 1, file = "
        f"'{name}', sha256 = '{hashlib.sha256(text).hexdigest()}', bytes = "
        f"{len(text)}, finished_at = now(), expires_at = now() + interval "
        f"'1 hour' where id = '{export}'")
    return text


@case
def exports(s):
    """An export is asked for, seen, cancelled; its file is had when there is one,
    and by nobody else."""
    alice, at = s.alice, "/api/exports"
    made = s.curl("POST", "/api/events/export?format=ndjson&kind=eq.nps", alice)
    same((made.status, made.data["state"]), (202, "queued"))
    same(made.headers["location"], f"{at}/{made.data['id']}")
    one = f"{at}/{made.data['id']}"
    same(s.get(one, alice).data, made.data)
    same(made.data["id"] in [e["id"] for e in s.get(at, alice).data], True)
    same(s.get(one, s.bob).status, 404)
    same(s.get(f"{one}/file", alice).error["code"], "export_not_ready")
    same(s.curl("POST", f"{one}/cancel", alice).data["state"], "cancelled")
    same(s.get(f"{one}/file", alice).error["code"], "export_gone")
    same(b"event: end" in s.get(f"{one}/events", alice).body, True)
    made = s.curl("POST", "/api/companies/export", alice, {})
    one = f"{at}/{made.data['id']}"
    text = made_ready(s, made.data["id"])
    same(s.get(f"{one}/file", alice).body, text)
    same(s.get(f"{one}/file", s.bob).status, 404)
    kept = f"update lockstep.exports set %s where id = '{made.data['id']}'"
    s.cluster.psql(kept % "bytes = bytes + 1073741824")
    refused(s.curl("POST", "/api/companies/export", alice, {}), 409,
            "exports_full")
    s.cluster.psql(kept % "state = 'expired'")
    same(s.curl("POST", f"{one}/cancel", alice).error["code"], "export_over")
    same(s.curl("POST", "/api/events/export?format=xml", alice).error["code"],
         "invalid_query")


@case
def operators(s):
    """An operator does what our servers do about jobs and queues, and sees
    deliveries of all owners; of an endpoint the host, of an attempt no reply."""
    who = s.token("operator", "ops:grace")
    number = dead_job(s)
    same(s.get(f"/api/jobs/{number}", who).data["state"], "dead")
    same(s.curl("POST", f"/api/jobs/{number}/discard", who, {}).data["reason"],
         "discarded")
    same(s.curl("POST", "/api/jobs/replay", who, {"dry_run": True},
                {"Idempotency-Key": str(uuid.uuid4())}).status, 200)
    same(s.cluster.psql("select role, subject from lockstep.operations order "
                        "by id desc limit 1"), "operator|ops:grace")
    for name, secret in (("endpoints", "url"), ("attempts", "reply")):
        rows = s.get(f"/api/delivery_{name}", who).data
        owners = {row["owner_id"] for row in rows}
        assert len(owners) > 1, owners
        same(secret in rows[0], False)
        same(s.get(f"/api/delivery_{name}/{rows[0]['id']}", s.service).data,
             rows[0], name)
    same(s.get("/api/delivery_endpoints", who).data[0]["host"][:6], "hooks.")
    one = s.get("/api/webhook_deliveries", who).data[0]
    same(s.get(f"/api/webhook_deliveries/{one['id']}", who).data, one)
    for path in ("/letters", "/webhook_endpoints", "/webhook_attempts",
                 "/webhook_messages", "/users"):
        refused(s.get(f"/api{path}", who), 403, "forbidden")


@case
def monitored(s):
    """Our servers are told how all is, and what was counted of each route."""
    found = s.get("/api/monitor", s.service).data
    same([c["name"] for c in found["checks"] if c["kind"] == "worker"],
         ["worker_beat"])
    tap.wait_for(lambda: s.get("/api/monitor/routes", s.service
                               ).data["routes"], "figures", 60, 0.5)
    refused(s.get("/api/monitor", s.alice), 403, "forbidden")


@case
def expectations(s):
    """Our servers see what is expected of the data, and whether it is so."""
    s.run("expect", "--config", s.config_path(0), check=False)
    found = s.get("/api/expectations?check=eq.rows", s.service).data
    same([(e["name"], e["state"]) for e in found],
         [("companies.rows", "passed")])
    same(s.get("/api/expectations/events.companies", s.service).data["value"],
         0)


@case
def every_reply_fits_the_contract(s):
    """Every reply that was seen fits the contract: status, envelope, schema,
    codes, headers, and nothing of our insides."""
    for exchange in s.exchanges:
        s.rules.check(exchange)
    print(f"# {len(s.exchanges)} exchanges checked")


@case
def endpoints(s):
    """An endpoint is made, changed, tried, recovered and deleted by its owner;
    what was delivered is listed and read, and sent again."""
    at, alice = "/api/webhook_endpoints", s.alice
    made = s.curl("POST", at, alice, {"url": "https://hooks.shop.example/",
                                      "types": ["letter.sent"]})
    same((made.status, made.data["secret"][:6]), (201, "whsec_"))
    one = f"{at}/{made.data['id']}"
    same(s.get(one, alice).data["types"], ["letter.sent"])
    same(len(s.get(at, alice).data), 4)
    refused = s.curl("POST", at, alice, {"url": "https://10.0.0.1/"})
    same((refused.status, refused.error["code"]), (422, "url_refused"))
    renewed = s.curl("POST", f"{one}/rotate", alice).data["secret"]
    assert renewed != made.data["secret"]
    sent = s.curl("POST", f"{one}/ping", alice)
    same((sent.status, sent.data["state"]), (202, "pending"))
    same(s.get(f"/api/webhook_messages/{sent.data['message_id']}",
               alice).data["type"], "webhook.ping")
    delivery = f"/api/webhook_deliveries/{sent.data['id']}"
    same(s.curl("POST", f"{delivery}/resend", alice).status, 202)
    same(s.get(delivery, alice).data["attempts"], 0)
    recovered = s.curl("POST", f"{one}/recover", alice,
                       {"since": "2026-01-01T00:00:00Z"})
    same(recovered.status, 202)
    same(s.curl("PATCH", one, alice, {"enabled": False}).data[
        "disabled_reason"], "owner")
    for path, body in ((f"{one}/ping", None), (f"{delivery}/resend", None),
                       (f"{one}/recover", {"since": "2026-01-01T00:00:00Z"})):
        same(s.curl("POST", path, alice, body).error["code"],
             "endpoint_disabled")
    attempts = s.get("/api/webhook_attempts", alice).data
    same(s.get(f"/api/webhook_attempts/{attempts[0]['id']}", alice).data,
         attempts[0])
    for path in ("messages", "deliveries"):
        assert s.get(f"/api/webhook_{path}", alice).data
    s.cluster.psql("insert into app.webhook_endpoints (owner_id, url) select "
                   f"'{sut.ALICE}', 'https://hooks.shop.example/' from "
                   "generate_series(1, 50)")
    same(s.curl("POST", at, alice, {"url": "https://hooks.shop.example/"}
                ).error["code"], "too_many_endpoints")
    s.cluster.psql("delete from app.webhook_endpoints where url = "
                   "'https://hooks.shop.example/' and types = '[]'")
    same(s.curl("DELETE", one, alice).status, 200)


@case
def every_reply_is_documented(s):
    """Every reply that was seen is in the OpenAPI document that is made of the
    contract: its status, media type, header fields and body."""
    document = json.loads(
        s.run("gen", "openapi", "--config", s.config_path(0)).stdout)
    judged = s.rules.documented(document, s.exchanges)
    assert judged > 200, judged
    print(f"# {judged} replies judged by their documented schemas")


@case
def every_operation_seen(s):
    """Every operation of the contract was seen to succeed, and every code
    that the contract declares was seen."""
    done, codes = set(), set()
    for method, path, _, _, reply in s.exchanges:
        operation = s.rules.find(method, path)
        if operation and operation.told_as and reply.status == 200:
            done.add(operation.name)
            continue
        if reply.body == b"" or rules.is_rows(reply):
            continue
        if operation and reply.json.get("ok"):
            done.add(operation.name)
        elif not reply.json.get("ok"):
            codes.add(reply.json["error"]["code"])
    same({o.name for o in s.rules.operations} - done, set(), "operations")
    wanted = {c for o in s.rules.operations for c in o.declared}
    missing = wanted - codes
    same(missing, set(), "declared codes never seen")
    same(set(s.rules.problems) - codes, set(),
         "problems never seen")
    print(f"# {len(done)} operations, {len(codes)} codes")


SETTINGS = {"lock_timeout_ms": 1000, "reply_limit_bytes": 262144,
            "statement_timeout_ms": 2000}


def prepare(s):
    """What the cases above ask of a system."""
    s.alice = s.token("authenticated", sut.ALICE)
    s.bob = s.token("authenticated", sut.BOB)
    s.service = s.token("service_role")
    s.rules = rules.Contract()
    s.expired = s.token("authenticated", sut.ALICE, 1)
    s.configure(0, jwt_leeway_s=0)
    s.configure(1, jwt_leeway_s=0)
    s.rolling_restart()
    tap.wait_for(lambda: s.get("/api/letters?limit=1", s.expired,
                               record=False).status == 401, "expiry")


def main():
    with sut.System(settings=SETTINGS) as s:
        prepare(s)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
