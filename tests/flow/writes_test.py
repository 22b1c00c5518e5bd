# SPDX-License-Identifier: MIT
"""Writes on the whole product: which members change, several rows at once,
rows that are there already, tags and races for them, preferences."""

import json
import sys
import threading
import uuid

import contract as rules
import system as sut
import tap
from client import Client, request
from tap import case, same

ABSENT = "99999999-9999-4999-8999-999999999999"


def refused(reply, status, code, *paths):
    same((reply.status, reply.error["code"]), (status, code), reply.body)
    if paths:
        same([i["path"] for i in reply.error["issues"]], list(paths))


def create(s, body, prefer=None, token=None, path="/api/companies"):
    return s.curl("POST", path, token or s.agent, body,
                  {"Prefer": prefer} if prefer else None)


def company(s, **more):
    return {"account_id": s.account, "name": "Cedar Works", **more}


def made(s, **more):
    reply = create(s, company(s, **more))
    same(reply.status, 201, reply.body)
    return reply


def patch(s, path, body, tag, token=None):
    return s.curl("PATCH", path, token or s.agent, body, {"If-Match": tag})


def row(s, table, key):
    """A row as Postgres has it, but for when it was touched."""
    return json.loads(s.cluster.psql(
        f"select to_jsonb(t) - 'updated_at' from {table} t where id = "
        f"'{key}'") or "null")


def rows(s):
    return int(s.cluster.psql("select count(*) from app.companies"))


def digest(s, table, but=ABSENT):
    """All other rows of a table."""
    return s.cluster.psql(f"select md5(string_agg(t::text, ',' order by id)) "
                          f"from {table} t where id <> '{but}'")


# ---- One row.

@case
def patch_changes_what_was_sent(s):
    """PATCH changes exactly the members that were sent: null is a value, and
    what is absent stays, in each combination of three members."""
    values = {"external_id": ("a-1", None), "domain": ("a.example", None),
              "mrr_cents": (100, 0)}
    reply = made(s, external_id="a-0", domain="b.example", mrr_cents=7)
    path, key = reply.headers["location"], reply.data["id"]
    for number in range(1, 3 ** len(values)):
        change, n = {}, number
        for name, (value, empty) in values.items():
            n, which = divmod(n, 3)
            if which:
                change[name] = value if which == 1 else empty
        before = row(s, "app.companies", key)
        reply = patch(s, path, change, "*")
        same(reply.status, 200, reply.body)
        after = {**before, **change}
        same(row(s, "app.companies", key), after, str(change))
        same({n: reply.data[n] for n in values},
             {n: after[n] for n in values}, "what is told")
    refused(patch(s, path, {}, "*"), 422, "validation_failed", [])
    refused(patch(s, path, {"name": None}, "*"), 422, "validation_failed",
            ["name"])


@case
def one_row_and_no_other(s):
    """An update and a delete touch the row that they name and no other."""
    keys = [made(s).data["id"] for _ in range(3)]
    others = digest(s, "app.companies", keys[1])
    path = f"/api/companies/{keys[1]}"
    same(patch(s, path, {"name": "Elm"}, "*").status, 200)
    same(digest(s, "app.companies", keys[1]), others, "others")
    same(s.curl("DELETE", path, s.owner).status, 200)
    same(digest(s, "app.companies"), others, "others")
    refused(s.curl("DELETE", path, s.owner), 404, "not_found")
    same(digest(s, "app.companies"), others, "others")


# ---- Several rows.

@case
def array_in_its_order(s):
    """An array of rows is made whole and told in its order; rows may name
    other members, and what one does not name is the column's default."""
    before = rows(s)
    reply = create(s, [
        company(s, name="One", domain="one.example", tags=["x"]),
        company(s, name="Two", mrr_cents=5, status="active"),
        company(s, name="Three", external_id="three", domain=None)])
    same(reply.status, 201, reply.body)
    assert "location" not in reply.headers and "etag" not in reply.headers
    same([r["name"] for r in reply.data], ["One", "Two", "Three"])
    same([(r["domain"], r["mrr_cents"], r["status"], r["tags"],
           r["external_id"]) for r in reply.data],
         [("one.example", 0, "prospect", ["x"], None),
          (None, 5, "active", [], None),
          (None, 0, "prospect", [], "three")])
    same(rows(s), before + 3)
    many = [company(s, name=f"N{n}") for n in range(100)]
    reply = create(s, many)
    same([r["name"] for r in reply.data], [r["name"] for r in many])
    same(len({r["id"] for r in reply.data}), 100, "keys")
    one = create(s, [company(s, name="Alone")])
    same((one.status, len(one.data)), (201, 1), one.body)


@case
def array_all_or_nothing(s):
    """Where a row is refused none is made: by the schema, with the index in
    the issue's path, by a constraint, by a policy."""
    before = digest(s, "app.companies")
    good = company(s)
    refused(create(s, [good, {"account_id": s.account}, 3,
                       company(s, tags=["a", 1])]), 422, "validation_failed",
            [1, "name"], [2], [3, "tags", 1])
    refused(create(s, [good, company(s, created_at="x")]), 422,
            "validation_failed", [1])
    refused(create(s, [company(s, domain="same.example"),
                       company(s, domain="same.example")]), 409,
            "domain_taken", ["domain"])
    refused(create(s, [good, {**good, "account_id": ABSENT}]), 403,
            "forbidden")
    refused(create(s, []), 422, "validation_failed", [])
    refused(create(s, [good] * 101), 422, "validation_failed", [])
    reply = create(s, [{}] * 50)
    same((len(reply.error["issues"]), reply.error["issues_truncated"]),
         (20, True), reply.body)
    same(digest(s, "app.companies"), before, "rows")
    # An operation without a batch takes one row alone.
    refused(create(s, [sut.NEW_LETTER], path="/api/letters", token=s.alice),
            422, "validation_failed", [])


# ---- Rows that are there.

@case
def upsert_merges(s):
    """resolution=merge-duplicates makes what is not there, and changes of what
    is there the members that were sent; the answer is 200."""
    merge = "resolution=merge-duplicates"
    body = company(s, external_id="m-1", domain="m.example", mrr_cents=9)
    first = create(s, body, merge)
    same((first.status, first.headers["preference-applied"]), (200, merge))
    refused(create(s, body), 409, "external_id_taken", ["external_id"])
    second = create(s, company(s, external_id="m-1", name="Merged"), merge)
    same(second.status, 200, second.body)
    same({k: v for k, v in second.data.items() if k != "updated_at"},
         {**{k: v for k, v in first.data.items() if k != "updated_at"},
          "name": "Merged"})
    assert second.headers["etag"] != first.headers["etag"]
    before = rows(s)
    reply = create(s, [company(s, external_id=f"m-{n}", name=f"M{n}")
                       for n in (2, 1, 3)], merge)
    same([(r["external_id"], r["name"]) for r in reply.data],
         [("m-2", "M2"), ("m-1", "M1"), ("m-3", "M3")], reply.body)
    same(reply.data[1]["id"], first.data["id"])
    same(rows(s), before + 2)
    # One statement says what is merged: of each row the same.
    refused(create(s, [company(s, external_id="m-1", mrr_cents=1),
                       company(s, external_id="m-2")], merge), 422,
            "validation_failed", [1])
    refused(create(s, [company(s, external_id="m-1"),
                       company(s, external_id="m-1")], merge), 409,
            "conflict")
    same(row(s, "app.companies", first.data["id"])["mrr_cents"], 9)


@case
def upsert_ignores(s):
    """resolution=ignore-duplicates leaves what is there, and tells what was
    made alone."""
    ignore = "resolution=ignore-duplicates"
    first = create(s, company(s, external_id="i-1"), ignore)
    same((first.status, first.data["external_id"]), (200, "i-1"), first.body)
    before = row(s, "app.companies", first.data["id"])
    second = create(s, company(s, external_id="i-1", name="Other"), ignore)
    same((second.status, second.data), (200, None), second.body)
    assert "etag" not in second.headers and "location" not in second.headers
    reply = create(s, [company(s, external_id="i-1", name="Other"),
                       company(s, external_id="i-2")], ignore)
    same([r["external_id"] for r in reply.data], ["i-2"], reply.body)
    same(row(s, "app.companies", first.data["id"]), before, "the row")


@case
def upsert_within_rights(s):
    """What is merged is bound by the policies: another account's row is not
    changed, nor one by who may not write."""
    merge = "resolution=merge-duplicates"
    key = made(s, external_id="mine").data["id"]
    before = row(s, "app.companies", key)
    for token in (s.bob, s.viewer):
        refused(create(s, company(s, external_id="mine", name="His"), merge,
                       token), 403, "forbidden")
    same(row(s, "app.companies", key), before)


# ---- Tags.

@case
def tag_follows_the_row(s):
    """A row has one tag, whoever tells it and whenever, and another one when
    it was changed."""
    reply = made(s)
    path, tag = reply.headers["location"], reply.headers["etag"]
    for token in (s.agent, s.owner, s.viewer):
        for _ in range(4):	# each of the instances
            same(s.get(path, token).headers["etag"], tag)
    reply = patch(s, path, {"mrr_cents": 1}, tag)
    assert reply.headers["etag"] != tag
    same(s.get(path, s.agent).headers["etag"], reply.headers["etag"])


@case
def match_guards_a_change(s):
    """If-Match: the tag, weak as well, one of several, or any; another is 412
    and changes nothing; absent is 404; missing 428; nonsense 400."""
    reply = made(s)
    path, key = reply.headers["location"], reply.data["id"]

    def tag():
        return s.get(path, s.agent).headers["etag"]
    old = tag()
    for number, field in enumerate((
            lambda: tag(), lambda: "W/" + tag(), lambda: f'"x", {tag()}',
            lambda: f'{tag()},W/"y"', lambda: "*")):
        reply = patch(s, path, {"mrr_cents": number + 1}, field())
        same((reply.status, reply.data["mrr_cents"]), (200, number + 1))
    before = row(s, "app.companies", key)
    for stale in (old, "W/" + old, '"x"', '""', f'{old}, "x"'):
        refused(patch(s, path, {"name": "Stale"}, stale), 412,
                "precondition_failed")
        refused(s.curl("DELETE", path, s.owner, headers={"If-Match": stale}),
                412, "precondition_failed")
    for nonsense in (old.strip('"'), "*, *", '"a', "w/" + old):
        refused(patch(s, path, {"name": "Odd"}, nonsense), 400, "bad_request")
    refused(s.curl("PATCH", path, s.agent, {"name": "None"}), 428,
            "precondition_required")
    same(row(s, "app.companies", key), before)
    for field in (old, "*"):
        refused(patch(s, f"/api/companies/{ABSENT}", {"name": "x"}, field),
                404, "not_found")
    same(s.curl("DELETE", path, s.owner, headers={"If-Match": tag()}).status,
         200)
    refused(patch(s, path, {"name": "Gone"}, old), 404, "not_found")


@case
def match_of_others(s):
    """A row that may not be changed is 404 with its tag as without; one that
    is hidden is 404 with any."""
    reply = made(s)
    path, tag = reply.headers["location"], reply.headers["etag"]
    for token in (s.viewer, s.bob):
        for field in (tag, "*"):
            refused(patch(s, path, {"name": "Mine"}, field, token), 404,
                    "not_found")
    refused(patch(s, path, {"name": "Mine"}, '"x"', s.bob), 404, "not_found")
    same(s.get(path, s.agent).headers["etag"], tag)


def race(s, n, act):
    """act(client, number) on n connections at once; what it returns."""
    start, out, wrong = threading.Barrier(n), [None] * n, []

    def work(number):
        try:
            with Client(s.port) as c:
                start.wait()
                out[number] = act(c, number)
        except Exception as e:
            wrong.append(e)
    running = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    if wrong:
        raise wrong[0]
    return out


@case
def one_update_of_many_wins(s):
    """Of eight updates with the same tag at once exactly one passes, the
    others are 412, and the row is as the winner wrote it; 60 times."""
    reply = made(s)
    path, tag = reply.headers["location"], reply.headers["etag"]
    for turn in range(60):
        def act(c, number):
            name = f"turn {turn} of {number}"
            reply = c.ask(request("PATCH", path, s.agent, json.dumps(
                {"name": name}).encode(), [("If-Match", tag)]))
            return reply.status, name, reply.headers.get("etag")
        told = race(s, 8, act)
        same(sorted(t[0] for t in told), [200] + [412] * 7, f"turn {turn}")
        _, name, tag = next(t for t in told if t[0] == 200)
        reply = s.get(path, s.agent, record=False)
        same((reply.data["name"], reply.headers["etag"]), (name, tag))


@case
def one_delete_of_many_wins(s):
    """Of eight deletes with the same tag at once exactly one passes; the
    others find no row."""
    for _ in range(10):
        reply = made(s)

        def act(c, _):
            return c.ask(request("DELETE", reply.headers["location"], s.owner,
                                 headers=[("If-Match",
                                           reply.headers["etag"])])).status
        same(sorted(race(s, 8, act)), [200] + [404] * 7)


@case
def one_merge_of_many_makes_the_row(s):
    """Eight merges of a row that is not there make one row, and none is
    refused."""
    for turn in range(10):
        def act(c, number):
            return c.ask(request("POST", "/api/companies", s.agent, json.dumps(
                company(s, external_id=f"r-{turn}", name=f"by {number}")
            ).encode(), [("Prefer", "resolution=merge-duplicates")]))
        told = race(s, 8, act)
        same({r.status for r in told}, {200}, "statuses")
        same(len({r.json["data"]["id"] for r in told}), 1, "keys")
        same(s.cluster.psql("select count(*) from app.companies where "
                            f"external_id = 'r-{turn}'"), "1")


# ---- Preferences.

@case
def minimal_tells_nothing(s):
    """return=minimal: the write is done, data is null, Location and ETag are
    there all the same."""
    minimal = "return=minimal"
    reply = create(s, company(s), minimal)
    same((reply.status, reply.data, reply.headers["preference-applied"]),
         (201, None, minimal))
    path = reply.headers["location"]
    same(s.get(path, s.agent).headers["etag"], reply.headers["etag"])
    reply = s.curl("PATCH", path, s.agent, {"name": "Minimal"}, {
        "If-Match": reply.headers["etag"], "Prefer": minimal})
    same((reply.status, reply.data), (200, None))
    again = s.get(path, s.agent)
    same((again.data["name"], again.headers["etag"]),
         ("Minimal", reply.headers["etag"]))
    before = rows(s)
    reply = create(s, [company(s), company(s)], minimal)
    same((reply.status, reply.data, rows(s)), (201, None, before + 2))
    reply = s.curl("DELETE", path, s.owner, headers={"Prefer": minimal})
    same((reply.status, reply.data, rows(s)), (200, None, before + 1))
    letter = create(s, sut.NEW_LETTER, token=s.alice, path="/api/letters")
    reply = s.curl("POST", letter.headers["location"] + "/send", s.alice, {},
                   {"Prefer": minimal})
    same((reply.status, reply.data), (200, None), reply.body)
    same(s.get(letter.headers["location"], s.alice).data["status"], "queued")
    refused(s.curl("POST", f"/api/letters/{ABSENT}/send", s.alice, {},
                   {"Prefer": minimal}), 404, "not_found")
    reply = create(s, company(s), "return=representation")
    same(reply.headers["preference-applied"], "return=representation")


@case
def keyed_writes_of_each_kind(s):
    """A key goes with arrays, merges, tags and return=minimal, and a repeat
    gets the same bytes and has no effect."""
    reply = made(s)
    path, tag = reply.headers["location"], reply.headers["etag"]
    for method, way, body, more in (
            ("POST", "/api/companies", [company(s), company(s)], {}),
            ("POST", "/api/companies", company(s), {
                "Prefer": "return=minimal"}),
            ("POST", "/api/companies", company(s, external_id="k-1"), {
                "Prefer": "resolution=merge-duplicates"}),
            ("POST", "/api/companies", company(s, external_id="k-1"), {
                "Prefer": "resolution=ignore-duplicates"}),
            ("PATCH", path, {"name": "Keyed"}, {"If-Match": tag}),
            ("DELETE", path, None, {})):
        headers = {**more, "Idempotency-Key": str(uuid.uuid4())}
        first = s.curl(method, way, s.owner, body, headers)
        assert first.status in (200, 201), first.body
        after = digest(s, "app.companies")
        again = s.curl(method, way, s.owner, body, headers)
        same((again.status, again.body), (first.status, first.body))
        same(again.headers["idempotency-replayed"], "true")
        for name in ("etag", "location", "preference-applied"):
            same(again.headers.get(name), first.headers.get(name), name)
        same(digest(s, "app.companies"), after, f"{method} {way}")


@case
def keyed_refusals_leave_nothing(s):
    """What was refused with a key may be tried again with it."""
    reply = made(s)
    path, tag = reply.headers["location"], reply.headers["etag"]
    key = str(uuid.uuid4())
    change = {"name": "Later"}
    reply = s.curl("PATCH", path, s.agent, {"name": "Now"}, {"If-Match": tag})
    headers = {"Idempotency-Key": key, "If-Match": tag}
    refused(s.curl("PATCH", path, s.agent, change, headers), 412,
            "precondition_failed")
    refused(s.curl("PATCH", f"/api/companies/{ABSENT}", s.agent, change,
                   headers), 404, "not_found")
    reply = s.curl("PATCH", path, s.agent, change, {
        **headers, "If-Match": reply.headers["etag"]})
    same((reply.status, reply.data["name"]), (200, "Later"), reply.body)
    assert "idempotency-replayed" not in reply.headers


@case
def rollback_only_where_it_is_allowed(s):
    """tx=rollback is not heard unless the settings allow it; then a write is
    judged, done, answered, and undone."""
    def ask(strict=""):
        return create(s, company(s, name="Passing"), "tx=rollback" + strict)
    before = rows(s)
    reply = ask()
    same((reply.status, rows(s)), (201, before + 1), reply.body)
    assert "preference-applied" not in reply.headers
    refused(ask(", handling=strict"), 400, "invalid_preference")
    s.settings["tx_rollback"] = "on"
    for number in range(s.instances):
        s.configure(number)
    s.rolling_restart()
    before = digest(s, "app.companies")
    for strict in ("", ", handling=strict"):
        reply = ask(strict)
        same((reply.status, reply.data["name"]), (201, "Passing"), reply.body)
        assert "tx=rollback" in reply.headers["preference-applied"]
        refused(s.get(reply.headers["location"], s.agent), 404, "not_found")
    reply = create(s, [company(s), company(s)], "tx=rollback")
    same((reply.status, len(reply.data)), (201, 2))
    key = s.cluster.psql("select id from app.companies where account_id = "
                         f"'{s.account}' limit 1")
    reply = s.curl("PATCH", f"/api/companies/{key}", s.agent,
                   {"name": "Passing"}, {"If-Match": "*",
                                         "Prefer": "tx=rollback"})
    same((reply.status, reply.data["name"]), (200, "Passing"))
    reply = s.curl("DELETE", f"/api/companies/{key}", s.owner,
                   headers={"Prefer": "tx=rollback"})
    same((reply.status, reply.data), (200, None))
    refused(create(s, {}, "tx=rollback"), 422, "validation_failed",
            ["account_id"], ["name"])
    same(digest(s, "app.companies"), before, "rows")
    same(create(s, company(s), "tx=commit").status, 201)


@case
def keys_are_unique(s):
    """serve refuses a table whose rows would be changed by a key that is not
    unique, for all rows."""
    ask = ["serve", "--config", s.config_path(0), "--listen",
           s.directory / "other.sock", "--log-file",
           s.directory / "other.log"]
    s.cluster.psql("alter table app.companies drop constraint companies_pkey;"
                   "create unique index part on app.companies (id) where "
                   "domain is null; create unique index two on app.companies "
                   "(id, name)")
    done = s.run(*ask, check=False)
    same(done.returncode, 2, "exit")
    assert "the key id of app.companies is not unique" in done.stderr, \
        done.stderr
    s.cluster.psql("alter table app.companies add primary key (id)")
    s.ready()


@case
def replies_fit_the_contract(s):
    """Every reply that was seen fits the contract."""
    judge = rules.Contract()
    for exchange in s.exchanges:
        judge.check(exchange)
    print(f"# {len(s.exchanges)} exchanges")


def people(s):
    """An account with an owner, an agent and a viewer, and Bob outside."""
    ids = [str(uuid.uuid4()) for _ in range(3)]
    s.cluster.psql("insert into app.users (id, email, display_name) values " +
                   ", ".join(f"('{i}', '{i[:8]}@letters.example', 'U')"
                             for i in ids))
    s.owner, s.agent, s.viewer = (s.token("authenticated", i) for i in ids)
    s.account = s.curl("POST", "/api/accounts", s.owner,
                       {"name": "Paper"}).data["id"]
    s.cluster.psql("insert into app.account_members (account_id, user_id, "
                   "display_name, role) values " + ", ".join(
                       f"('{s.account}', '{i}', 'U', '{role}')"
                       for i, role in zip(ids[1:], ("agent", "viewer"))))
    s.alice = s.token("authenticated", sut.ALICE)
    s.bob = s.token("authenticated", sut.BOB)


def main():
    # Eight wait for one row, each for those before it.
    with sut.System(settings={"lock_timeout_ms": 10000,
                              "statement_timeout_ms": 10000}) as s:
        people(s)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
