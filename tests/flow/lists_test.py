# SPDX-License-Identifier: MIT
"""Lists on the real stack: conditions, counts, search, related rows, NDJSON and
CSV, each held against the same question asked of Postgres as the same user,
under the same policies.  What deep paging costs is measured in buffers, which
the server's own statements leave in the log, and not in time."""

import base64
import csv
import io
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import urllib.parse

import system as sut
import tap
from client import Client, request
from tap import case, same

DEEP = "33333333-3333-4333-8333-333333333333"
NEIGHBOUR = "44444444-4444-4444-8444-444444444444"
DEEP_ROWS = 110_000


class User:
    """Who asks: over HTTP with a token, and in SQL with the same claims."""

    def __init__(self, system, role, sub=None):
        self.s, self.role, self.sub = system, role, sub
        self.token = system.token(role, sub)

    def sql(self, query):
        """Rows as JSON, as the role sees them."""
        claims = json.dumps({"sub": self.sub, "role": self.role})
        out = self.s.cluster.psql(
            f"begin read only; set local role {self.role}; "
            f"do $$ begin perform set_config('request.jwt.claims', "
            f"'{claims}', true); end $$; "
            f"select coalesce(json_agg(q), '[]') from ({query}) q; commit")
        return json.loads(out)

    def ids(self, table, where):
        return sorted(r["id"] for r in
                      self.sql(f"select id from app.{table} where {where}"))

    def ask(self, path, method="GET", **headers):
        return self.s.client.ask(request(
            method, path, self.token,
            headers=[(n.replace("_", "-"), v) for n, v in headers.items()]))

    def rows(self, path, **headers):
        """All pages, by Link."""
        rows, pages = [], 0
        for page in self.pages(path, **headers):
            rows += page.data
            pages += 1
        return rows

    def pages(self, path, **headers):
        for _ in range(2000):
            reply = self.ask(path, **headers)
            same(reply.status, 200, f"{path}: {reply.body[:400]!r}")
            yield reply
            path = following(reply)
            if path is None:
                return
        raise AssertionError("the pages do not end")


def following(reply):
    """The target of the Link with rel="next"; None on the last page."""
    link = reply.headers.get("link")
    if link is None:
        return None
    found = re.fullmatch(r'<([^>]*)>; rel="next"', link)
    assert found, link
    assert found[1].startswith("/api/"), link
    return found[1]


def q(text):
    return urllib.parse.quote(text, safe="")


# ---- Conditions.

# What is sent -> what Postgres is asked.  Each operator bare, in brackets,
# nested and negated.
CONDITIONS = {
    "or=(status.eq.draft,tone.neq.formal)":
        "status = 'draft' or tone <> 'formal'",
    "or=(title.gt.Reminder,title.lt.D)": "title > 'Reminder' or title < 'D'",
    "and=(title.gte.C,title.lte.R)": "title >= 'C' and title <= 'R'",
    "or=(title.like.Thank*,title.ilike.*COMPLAINT*)":
        "title like 'Thank%' or title ilike '%complaint%'",
    "or=(status.in.(sent,failed),channel.is.null)":
        "status in ('sent', 'failed') or channel is null",
    "and=(channel.is.not_null,status.not.in.(queued,\"failed\"))":
        "channel is not null and status not in ('queued', 'failed')",
    "or=(reference.not.is.null,locale.not.eq.en)":
        "reference is not null or locale <> 'en'",
    "and=(title.not.like.Thank*,title.not.ilike.*COMPL*)":
        "title not like 'Thank%' and title not ilike '%compl%'",
    "and=(title.not.gt.R,title.not.lt.D,title.not.gte.Q,title.not.lte.E)":
        "not title > 'R' and not title < 'D' and not title >= 'Q' "
        "and not title <= 'E'",
    "and=(tone.not.neq.formal)": "tone = 'formal'",
    "not.or=(status.eq.draft,tone.eq.formal)":
        "not (status = 'draft' or tone = 'formal')",
    "not.and=(status.eq.sent,channel.eq.email)":
        "not (status = 'sent' and channel = 'email')",
    "or=(and(status.eq.sent,channel.eq.post),not.or(tone.eq.formal,"
    "not.and(locale.eq.en,status.eq.draft)))":
        "(status = 'sent' and channel = 'post') or not (tone = 'formal' or "
        "not (locale = 'en' and status = 'draft'))",
    "or=(and(or(and(or(status.eq.draft)))))": "status = 'draft'",
    "or=(title.eq.\"a,b\",title.like.\"*no. 4?*\",title.like.\"*(x)*\","
    "title.eq.Invitation no. 8)":
        "title in ('a,b', 'Invitation no. 8') or title like '%no. 4?%' "
        "or title like '%(x)%'",
    "status=eq.sent&or=(tone.eq.formal,tone.eq.friendly)&"
    "or=(channel.eq.post,locale.eq.de)":
        "status = 'sent' and tone in ('formal', 'friendly') and "
        "(channel = 'post' or locale = 'de')",
    "or=(created_at.gte.2026-01-01T00:00:00Z,sent_at.is.null)":
        "created_at >= '2026-01-01' or sent_at is null",
    "recipient->>name=eq.Ada Byron": "recipient ->> 'name' = 'Ada Byron'",
    "recipient->address->>city=is.null":
        "recipient -> 'address' ->> 'city' is null",
    "or=(recipient->>email.like.max*,recipient->address->>city.eq.Ghent)":
        "recipient ->> 'email' like 'max%' or "
        "recipient -> 'address' ->> 'city' = 'Ghent'",
    "recipient->>name=not.in.(\"Ada Byron\",\"Li Wei\")":
        "recipient ->> 'name' not in ('Ada Byron', 'Li Wei')",
    "search=garden": "body ilike '%the garden%'",
    "search=invitation garden":
        "title ilike 'invitation%' and body ilike '%the garden%'",
    "search=garden or lease":
        "body ilike '%the garden%' or body ilike '%the lease%'",
    "search=\"the garden\" -reminder":
        "body ilike '%the garden%' and title not ilike 'reminder%'",
    "search=garden&or=(status.eq.draft,status.eq.failed)":
        "body ilike '%the garden%' and status in ('draft', 'failed')",
}


def encoded(query):
    """As a careful client sends it: names and values escaped."""
    return "&".join("=".join(q(part) for part in p.split("=", 1))
                    for p in query.split("&"))


@case
def conditions_are_those_of_postgres(s):
    """Each condition, bare, nested and negated, gives two users exactly the
    rows that Postgres gives them."""
    for query, where in CONDITIONS.items():
        seen = []
        for user in (s.alice, s.bob):
            got = user.rows("/api/letters?limit=100&select=id&"
                            + encoded(query))
            wanted = user.ids("letters", where)
            same(sorted(r["id"] for r in got), wanted, query)
            seen += wanted
        same(len(set(seen)), len(seen), "a letter has one owner")
    for query in ("or=(status.eq.draft,tone.eq.formal)",
                  "recipient->>name=eq.Emil%20Post"):
        same(s.alice.ask("/api/letters?" + query).status, 200, query)


@case
def search_takes_any_words(s):
    """No text of a search fails, whatever it holds."""
    for words in ("'", "& | ! ( ) :*", "\"open", "a'b\\c", "\u00e4\u4f60", "-",
                  "or or or", "%_*", "x" * 256, "'; drop table app.letters"):
        reply = s.alice.ask("/api/letters?search=" + q(words))
        same(reply.status, 200, f"{words}: {reply.body[:300]!r}")


# ---- Counts.

@case
def exact_counts_are_those_of_postgres(s):
    """Prefer: count=exact tells what count(*) gives the same user under row
    level security, whatever the page."""
    for query, where in [("", "true"), *list(CONDITIONS.items())[::3]]:
        for user in (s.alice, s.bob, s.service):
            reply = user.ask("/api/letters?limit=3&" + encoded(query)
                             if query else "/api/letters?limit=3",
                             Prefer="count=exact")
            wanted = user.sql("select count(*) as n from app.letters "
                              f"where {where}")[0]["n"]
            page = reply.json["meta"]["page"]
            same(page["total"], wanted, f"{query} as {user.sub}")
            assert not page.get("total_estimated"), page
            rows = len(reply.data)
            same(reply.headers["content-range"],
                 f"0-{rows - 1}/{wanted}" if rows else "*/0")
            assert "count=exact" in reply.headers["preference-applied"]
    for table in ("companies", "events", "support_tickets", "commissions",
                  "payouts", "referrals", "affiliates", "accounts",
                  "account_members"):
        for user in (s.alice, s.bob):
            reply = user.ask(f"/api/{table}?limit=1", Prefer="count=exact")
            same(reply.json["meta"]["page"]["total"], user.sql(
                f"select count(*) as n from app.{table}")[0]["n"], table)


@case
def counts_are_of_the_list_and_not_of_the_page(s):
    """On a later page the total is the same, and nothing is counted unless it
    is asked for."""
    first = s.alice.ask("/api/letters?limit=7", Prefer="count=exact")
    then = s.alice.ask(following(first), Prefer="count=exact")
    total = first.json["meta"]["page"]["total"]
    same(then.json["meta"]["page"]["total"], total)
    same(then.headers["content-range"], f"*/{total}")
    plain = s.alice.ask("/api/letters?limit=7")
    assert "total" not in plain.json["meta"]["page"], plain.body
    same(plain.headers["content-range"], "0-6/*")


@case
def estimates_are_exact_up_to_a_thousand(s):
    """Prefer: count=estimated counts up to 1,000 rows and has the planner's
    opinion beyond, and says which."""
    page = s.alice.ask("/api/letters?limit=1", Prefer="count=estimated"
                       ).json["meta"]["page"]
    same(page["total"], s.alice.sql("select count(*) as n from app.letters"
                                    )[0]["n"])
    assert not page.get("total_estimated"), page
    page = s.deep.ask("/api/letters?limit=1", Prefer="count=estimated"
                      ).json["meta"]["page"]
    same(page["total_estimated"], True)
    assert page["total"] > 1000, page
    page = s.service.ask("/api/letters?limit=1", Prefer="count=estimated"
                         ).json["meta"]["page"]
    same(page["total_estimated"], True)
    assert DEEP_ROWS < page["total"] < DEEP_ROWS * 2, page
    page = s.deep.ask("/api/letters?limit=1&title=eq.none",
                      Prefer="count=estimated").json["meta"]["page"]
    same((page["total"], bool(page.get("total_estimated"))), (0, False))


# ---- Pages.

@case
def links_lead_to_each_row_once(s):
    """Following Link to the end gives each row exactly once, in order, with
    any order, selection, condition and form."""
    everything = s.alice.ids("letters", "true")
    for query in ("limit=7", "limit=100&order=title.asc",
                  "limit=33&order=title.desc,created_at.asc",
                  "limit=50&select=id,owner(display_name)",
                  "limit=64&select=owner(id),id&order=updated_at.asc"):
        got = s.alice.rows("/api/letters?" + query)
        same(sorted(r["id"] for r in got), everything, query)
    titles = [r["title"] for r in
              s.alice.rows("/api/letters?select=title&order=title.asc")]
    same(titles, sorted(titles))
    got, path = [], "/api/letters?limit=90&select=id"
    while path:
        reply = s.alice.ask(path, Accept="application/x-ndjson")
        got += [json.loads(line)["id"] for line in
                reply.body.decode().splitlines()]
        path = following(reply)
    same(sorted(got), everything)


@case
def any_order_is_paged_as_postgres_sorts(s):
    """Pages in any order, directions mixed and NULLs among the values, put
    together are the rows as Postgres sorts them."""
    for order, sql in (
            ("sent_at.asc", "sent_at, id"),
            ("sent_at.desc", "sent_at desc, id desc"),
            ("status.asc,created_at.desc", "status, created_at desc, id desc"),
            ("status.desc,sent_at.asc,title.desc",
             "status desc, sent_at, title desc, id desc"),
            ("reference.asc,sent_at.desc,created_at.asc",
             "reference, sent_at desc, created_at, id"),
            ("reference.desc,title.asc", "reference desc, title, id")):
        wanted = [r["id"] for r in
                  s.bob.sql(f"select id from app.letters order by {sql}")]
        for more in ("", "&select=owner(id),id", "&or=(tone.eq.formal,"
                     "tone.neq.formal)&search=write"):
            got = s.bob.rows(f"/api/letters?limit=9&order={order}{more}")
            same([r["id"] for r in got], wanted, order + more)


def cursor_of(row, order="created_at.desc,id.desc"):
    """What a cursor is, for a row that was not paged to."""
    names = [part.split(".")[0] for part in order.split(",")]
    text = json.dumps([1, "letters", order, *(row[n] for n in names)],
                      separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def buffers_of(s, path):
    """Asks, and returns the blocks that the list's statement touched, and its
    plan, from the database's log."""
    log = s.cluster.log
    start = log.stat().st_size
    reply = s.deep.ask(path)
    same(reply.status, 200, reply.body[:300])
    same(len(reply.data), 100, "a whole page")

    def plan():
        with open(log, encoding="utf-8") as f:
            f.seek(start)
            text = f.read()
        for entry in re.findall(r"plan:\n(\t\{.*?\n\t\})", text, re.S):
            found = json.loads(entry)
            if '"app"."letters"' in found["Query Text"]:
                return found
        return None
    found = tap.wait_for(plan, "the plan in the log", 60)
    top = found["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"], found


@case
def depth_costs_nothing(s):
    """Page 1,000 of a list of 110,000 rows under row level security touches at
    most 1.5 times the buffers of page 1, in each order that an index serves,
    with conditions and with related rows."""
    for query, order, where in (
            ("", "created_at.desc,id.desc", "true"),
            ("&order=title.asc", "title.asc,id.asc", "true"),
            ("&order=updated_at.desc", "updated_at.desc,id.desc", "true"),
            ("&status=eq.draft", "created_at.desc,id.desc", "status = 'draft'"),
            ("&select=id,owner(display_name)", "created_at.desc,id.desc",
             "true"),
            ("&order=status.asc,created_at.desc",
             "status.asc,created_at.desc,id.desc", "true"),
            ("&order=status.asc,created_at.desc&select=*,owner(id)",
             "status.asc,created_at.desc,id.desc", "true")):
        sql_order = order.replace(".", " ")
        row = s.deep.sql(
            "select id, title, status, to_char(created_at at time zone 'UTC', "
            "'YYYY-MM-DD\"T\"HH24:MI:SS.USZ') as created_at, "
            "to_char(updated_at at time zone 'UTC', "
            "'YYYY-MM-DD\"T\"HH24:MI:SS.USZ') as updated_at "
            f"from app.letters where {where} order by "
            f"{sql_order.replace(' asc', '').replace(',', ', ')} "
            "offset 99899 limit 1".replace("created_at desc",
                                           "app.letters.created_at desc"))
        path = "/api/letters?limit=100" + query
        buffers_of(s, path)
        first, plan = buffers_of(s, path)
        deep, deep_plan = buffers_of(
            s, path + "&after=" + cursor_of(row[0], order))
        print(f"# {query or 'default'}: page 1 {first} blocks, "
              f"page 1,000 {deep}")
        assert deep <= 1.5 * first, json.dumps(deep_plan)[:6000]
        assert first < 1000, json.dumps(plan)[:6000]


# ---- Related rows.

@case
def related_rows_are_those_of_postgres(s):
    """Related rows are what a join gives the same user: one or many, in order,
    at most as many as the contract says, nested."""
    for user in (s.alice, s.bob):
        got = user.rows("/api/support_tickets?limit=20&select=id,company(name,"
                        "account(name),events(id,occurred_at))")
        wanted = user.sql(
            "select t.id, c.name, a.name as account, "
            "(select json_agg(e.id) from (select id from app.events e where "
            "e.company_id = c.id order by occurred_at desc, id desc limit 5) "
            "e) as events from app.support_tickets t "
            "left join app.companies c on c.id = t.company_id "
            "left join app.accounts a on a.id = c.account_id")
        wanted = {w["id"]: (w["name"], w["account"], w["events"] or [])
                  for w in wanted}
        assert wanted, "there are tickets"
        same({g["id"]: (g["company"]["name"], g["company"]["account"]["name"],
                        [e["id"] for e in g["company"]["events"]])
              for g in got}, wanted)
        for g in got:
            for event in g["company"]["events"]:
                assert event["occurred_at"].endswith("Z"), event
        accounts = user.sql("select id from app.accounts")
        for account in accounts:
            path = (f"/api/accounts/{account['id']}?select=companies(id,name,"
                    "tickets(*))")
            reply = user.ask(path)
            same(reply.status, 200, reply.body[:300])
            same([c["id"] for c in reply.data["companies"]],
                 [c["id"] for c in user.sql(
                     "select id from app.companies where account_id = "
                     f"'{account['id']}' order by name, id limit 20")])


@case
def related_rows_are_the_same_as_their_own_list(s):
    """A related row has the same members and values as in its own list."""
    lists = {c["id"]: c for c in s.alice.rows("/api/companies?limit=100")}
    for event in s.alice.rows("/api/events?limit=100&select=company(*)"):
        company = event["company"]
        same(company, {n: lists[company["id"]][n] for n in company})
    for a in s.service.rows("/api/affiliates?limit=20&select=id,payouts(*)"):
        for payout in a["payouts"]:
            same(payout, s.service.ask(f"/api/payouts/{payout['id']}").data)


def rows_within(value):
    """All objects in a reply that have an id, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from rows_within(item)
    elif isinstance(value, dict):
        if "id" in value:
            yield value["id"]
        for item in value.values():
            yield from rows_within(item)


EMBEDS = (
    "/api/companies?limit=100&select=id,account(id),tickets(id)",
    "/api/support_tickets?limit=50&select=id,company(id,account(id),"
    "events(id))",
    "/api/events?limit=100&select=id,company(id)",
    "/api/letters?limit=100&select=id,owner(id)",
    "/api/affiliates?select=id,commissions(id),payouts(id)",
    "/api/commissions?select=id,affiliate(id)",
    "/api/payouts?select=id,affiliate(id)",
    "/api/account_members?select=id,account(id)",
)


@case
def related_rows_are_never_anothers(s):
    """No reply with related rows has a row that the policies hide from the
    user, at any depth."""
    tables = ("users", "letters", "accounts", "account_members", "companies",
              "events", "support_tickets", "affiliates", "referrals",
              "commissions", "payouts")
    for user in (s.alice, s.bob):
        visible = set()
        for table in tables:
            visible |= {r["id"] for r in
                        user.sql(f"select id from app.{table}")}
        seen = 0
        for path in EMBEDS:
            for page in user.pages(path):
                ids = set(rows_within(page.data))
                assert ids <= visible, (path, ids - visible)
                seen += len(ids)
        assert seen > 100, seen


@case
def a_hidden_related_row_is_null(s):
    """What a policy hides is null, or an empty list, and no error."""
    pg = s.cluster
    pg.psql("drop policy authenticated_select on app.companies")
    pg.psql("drop policy authenticated_select on app.letters")
    try:
        rows = s.alice.rows("/api/support_tickets?select=id,company(id)")
        assert rows, "there are tickets"
        same({json.dumps(r["company"]) for r in rows}, {"null"})
        reply = s.alice.ask(f"/api/users/{sut.ALICE}?select=letters(id)")
        same(reply.data, {"letters": []})
    finally:
        for table in ("companies", "letters"):
            pg.psql(file=sut.TOP / f"policies/{table}.sql")
    rows = s.alice.rows("/api/support_tickets?select=id,company(id)")
    assert all(r["company"] for r in rows)


@case
def a_single_row_takes_select(s):
    """A single row is told by select, with its related rows; then it has no
    entity tag, which would be the row's alone."""
    one = s.alice.ask("/api/letters?limit=1").data[0]
    path = f"/api/letters/{one['id']}"
    reply = s.alice.ask(path + "?select=title,owner(display_name)")
    same(list(reply.data), ["title", "owner"])
    same(reply.data["owner"]["display_name"], "Alice")
    assert "etag" not in reply.headers, reply.headers
    plain = s.alice.ask(path)
    part = s.alice.ask(path + "?select=title")
    same(part.data, {"title": one["title"]})
    same(part.headers["etag"], plain.headers["etag"])
    assert re.fullmatch('"[0-9a-f]{32}"', plain.headers["etag"])
    reply = s.alice.ask(path + "?limit=1")
    same((reply.status, reply.error["code"]), (400, "invalid_query"))


# ---- NDJSON and CSV.

AWKWARD = ("=1+1", "+1", "-1", "@a", "\ttab", "a,b", 'say "hi"', "two\r\nlines",
           " blanks ", "\u00e4\u4f60\U0001f600", "'quoted'", "null", "1.50")


def as_csv(value, text):
    """What a field of CSV holds for a JSON value."""
    if value is None:
        return ""
    if isinstance(value, str):
        return "'" + value if text and value[:1] in tuple("=+-@\t\r") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


@case
def lines_and_tables_have_the_rows_of_json(s):
    """NDJSON and CSV parse back to the rows that JSON gives, awkward texts and
    related rows included, and formulas are disarmed."""
    for body in AWKWARD:
        reply = s.curl("POST", "/api/letters", s.alice.token,
                       {**sut.NEW_LETTER, "title": "Awkward", "body": body})
        same(reply.status, 201, reply.body)
    for path in ("/api/letters?title=eq.Awkward&limit=100",
                 "/api/letters?limit=100&select=id,tags,recipient,sent_at,"
                 "reference,owner(*),created_at",
                 "/api/events?limit=100&select=*,company(*)",
                 "/api/payouts?limit=5&select=amount_cents,id,method",
                 "/api/letters?title=eq.none&select=id,title"):
        rows = s.alice.ask(path).data
        reply = s.alice.ask(path, Accept="application/x-ndjson")
        assert reply.headers["content-type"].startswith(
            "application/x-ndjson"), reply.headers
        lines = reply.body.decode().split("\n")
        same(lines.pop(), "")
        same([json.loads(line) for line in lines], rows, path)
        reply = s.alice.ask(path, Accept="text/csv")
        assert reply.headers["content-type"].startswith("text/csv")
        table = list(csv.reader(io.StringIO(reply.body.decode(), newline=""),
                                strict=True))
        names = table.pop(0)
        same(names, list(rows[0]) if rows else ["id", "title"])
        same(len(table), len(rows))
        for record, row in zip(table, rows):
            for name, field in zip(names, record):
                wanted = as_csv(row[name], True)
                if isinstance(wanted, (dict, list, int, float)):
                    field = json.loads(field)
                same(field, wanted, f"{path} {name}")
        assert b"\r\n" in reply.body
    body = s.alice.ask("/api/letters?title=eq.Awkward&select=body&limit=100",
                       Accept="text/csv").body.decode()
    assert not re.search(r'(^|,)"?[=+\-@\t]', body, re.M), body


@case
def an_empty_text_is_not_nothing(s):
    """In CSV nothing is NULL, and an empty text is quoted."""
    company = s.alice.sql("select company_id from app.support_tickets"
                          )[0]["company_id"]
    events = s.service.ask("/api/events?limit=100&select=message,score,kind",
                           Accept="text/csv").body.decode()
    assert events.startswith("message,score,kind\r\n"), events[:100]
    rows = s.service.ask("/api/events?limit=100&select=message,score,kind"
                         ).data
    for line, row in zip(events.split("\r\n")[1:], rows):
        if row["message"] == "":
            assert line.startswith('"",'), line
        if row["score"] is None:
            assert ",," in line, line
    assert company


# ---- Indexes.

def plan_as(user, sql):
    claims = json.dumps({"sub": user.sub, "role": user.role})
    return user.s.cluster.psql(
        f"begin; set local role {user.role}; set local enable_seqscan = off; "
        "do $$ begin perform set_config('request.jwt.claims', "
        f"'{claims}', true); end $$; explain {sql}; rollback")


@case
def indexes_serve_what_is_asked(s):
    """A search and a filter into json can use their indexes where the policy
    lets all rows through."""
    start = s.cluster.log.stat().st_size
    same(s.service.ask("/api/letters?search=garden&select=id").status, 200)

    def statement():
        with open(s.cluster.log, encoding="utf-8") as f:
            f.seek(start)
            found = re.search(r'"Query Text": ("select .*to_tsvector.*"),\n',
                              f.read())
        return found and json.loads(found[1])
    sql = tap.wait_for(statement, "the statement in the log", 60)
    where = re.search(r" where (.*?) order by ", sql)[1].replace(
        "$1", "'garden'")
    plan = plan_as(s.service, f"select id from app.letters where {where}")
    assert "letters_search_idx" in plan, plan
    plan = plan_as(s.service, "select id from app.letters where "
                   "(\"recipient\" ->> 'name') = 'Ada Byron'")
    assert "letters_recipient_idx" in plan, plan


# ---- What is refused.

REFUSED = {
    "or=": "or", "or=()": "or", "or=(status.eq.draft": "or",
    "or=(status.eq.draft))": "or", "or=(status.eq.draft,)": "or",
    "or=(owner_id.eq.x)": "or", "or=(status.foo.draft)": "or",
    "or=(status.eq.lost)": "or", "or=(title.eq.\"open)": "or",
    "or=(recipient->>phone.eq.1)": "or",
    "and=(or(and(or(and(or(status.eq.draft))))))": "and",
    "not.or=status.eq.draft": "not.or",
    "or=(" + ",".join(["status.eq.draft"] * 33) + ")": "or",
    "title=in.(" + ",".join(["a"] * 101) + ")": "title",
    "or=(title.in.(" + ",".join(["a"] * 101) + "))": "or",
    "recipient->>phone=eq.1": "recipient->>phone",
    "recipient->name=eq.1": "recipient->name",
    "recipient=eq.1": "recipient",
    "recipient->>email=eq.x": "recipient->>email",
    "search=": "search", "search=" + "x" * 257: "search",
    "search=a&search=b": "search",
    "select=owner": "select", "select=owner(email)": "select",
    "select=owner()": "select", "select=id,owner(id": "select",
    "select=letters(id)": "select", "select=owner(letters(id))": "select",
    "nor=(status.eq.draft)": "nor",
}


@case
def other_forms_are_refused_with_an_issue(s):
    """Each form that is none of the contract's is 400 with an issue at the
    parameter, and never repeats what was sent."""
    for query, name in REFUSED.items():
        reply = s.alice.ask("/api/letters?" + encoded(query))
        same((reply.status, reply.error["code"]), (400, "invalid_query"),
             query)
        issues = reply.error["issues"]
        same({i["path"][0] for i in issues}, {name}, query)
        assert all(i["message"] for i in issues), query
        assert "lost" not in reply.body.decode(), reply.body
    for path in ("/api/referrals?search=a", "/api/referrals?select=owner(id)",
                 f"/api/users/{sut.ALICE}?select=letters(owner(id))"):
        same(s.alice.ask(path).status, 400, path)
    message = s.alice.ask("/api/letters?or=(subject.eq.a)"
                          ).error["issues"][0]["message"]
    assert "title" in message and "recipient->>name" in message, message


# ---- Begin.

def deep_rows(pg):
    """A user with many letters, among those of another."""
    pg.psql(f"""
        insert into app.users (id, email, display_name) values
            ('{DEEP}', 'deep@letters.example', 'Deep'),
            ('{NEIGHBOUR}', 'neighbour@letters.example', 'Neighbour');
        insert into app.letters (owner_id, title, body, recipient, created_at,
            updated_at)
        select case when g % 3 = 0 then '{NEIGHBOUR}' else '{DEEP}' end::uuid,
            'Letter ' || lpad((g * 7919 % 1000003)::text, 7, '0'), 'text',
            '{{"name": "Nobody"}}',
            timestamptz '2020-01-01' + g * interval '1 minute',
            timestamptz '2020-01-01' + (g * 7919 % 1000003)
                * interval '1 second'
        from generate_series(1, {DEEP_ROWS} * 3 / 2) g""")
    pg.psql("vacuum analyze app.letters")


def contract_with(directory, sort):
    """The reference contract, with letters sorted by more."""
    contract = pathlib.Path(directory) / "contract"
    shutil.copytree(sut.TOP / "contract", contract)
    file = contract / "resources/letters.json"
    letters = json.loads(file.read_text())
    letters["operations"]["list"]["sort"] += sort
    file.write_text(json.dumps(letters))
    contract.chmod(0o755)
    return contract


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        return run(contract_with(directory, ["sent_at", "reference"]))


def run(contract):
    with sut.System(instances=1, contract=contract,
                    settings={"statement_timeout_ms": 10000}) as s:
        deep_rows(s.cluster)
        for name, value in (("session_preload_libraries", "auto_explain"),
                            ("auto_explain.log_min_duration", "0"),
                            ("auto_explain.log_analyze", "on"),
                            ("auto_explain.log_buffers", "on"),
                            ("auto_explain.log_timing", "off"),
                            ("auto_explain.log_format", "json")):
            s.cluster.psql(f"alter role lockstep set {name} = '{value}'")
        s.rolling_restart()
        s.client = Client(s.port)
        s.alice = User(s, "authenticated", sut.ALICE)
        s.bob = User(s, "authenticated", sut.BOB)
        s.deep = User(s, "authenticated", DEEP)
        s.service = User(s, "service_role")
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
