# SPDX-License-Identifier: MIT
"""Many at once, through nginx: what must hold when requests race, when two
users share every connection while backends die, and when a stranger compares
what is another's with what does not exist."""

import itertools
import json
import os
import random
import re
import statistics
import sys
import threading
import time
import uuid
from collections import Counter

import client
import system as sut
import tap
from client import Client, request
from tap import case, same

THREADS = 32
USERS, MAXIMUM, REDEEMS, CREDIT = 300, 100, 10000, 250
ABSENT = "99999999-9999-4999-8999-999999999999"
LOOKS = int(os.environ.get("LOOKS", "20000"))
UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def at_once(port, jobs, act, threads=THREADS):
    """act(client, job) for every job, on `threads` kept connections that
    begin together; what it returns, in no order."""
    turn, lock, out, wrong = iter(list(jobs)), threading.Lock(), [], []
    start = threading.Barrier(threads)

    def work():
        try:
            with Client(port, 30) as c:
                start.wait()
                while not wrong:
                    with lock:
                        job = next(turn, None)
                    if job is None:
                        return
                    out.append(act(c, job))
        except Exception as e:
            wrong.append(e)

    running = [threading.Thread(target=work) for _ in range(threads)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    if wrong:
        raise wrong[0]
    return out


def post(token, target, body=None, headers=()):
    data = None if body is None else json.dumps(body).encode()
    return request("POST", target, token, data, headers)


def outcome(reply):
    """(status, code); a reply that is neither is refused."""
    value = reply.json
    if value["ok"]:
        return reply.status, None
    same(value["error"]["status"], reply.status, "status in the body")
    return reply.status, value["error"]["code"]


def people(s, n):
    """Ids and tokens of n new users."""
    ids = [str(uuid.uuid4()) for _ in range(n)]
    s.cluster.psql("insert into app.users (id, email, display_name) values "
                   + ", ".join(f"('{i}', '{i[:8]}@letters.example', 'U')"
                               for i in ids))
    return ids, [client.mint(s.key, sub=i, role="authenticated")
                 for i in ids]


@case
def one_coupon(s):
    """10,000 parallel redeems of one coupon by 300 users: exactly 100 of 100,
    the counter, the rows and the credits agree, and the rest are 409s."""
    ids, tokens = people(s, USERS)
    s.cluster.psql(
        "insert into app.coupons (code, title, credit_cents, max_redemptions, "
        f"expires_at) values ('RACE-1', 'Race', {CREDIT}, {MAXIMUM}, "
        "now() + interval '1 day')")
    turns = [t for _, t in zip(range(REDEEMS), itertools.cycle(tokens))]
    random.Random(1).shuffle(turns)
    began = time.monotonic()
    told = Counter(at_once(s.port, turns, lambda c, token: outcome(
        c.ask(post(token, "/api/coupons/redeem", {"code": "RACE-1"})))))
    print(f"# {REDEEMS} in {time.monotonic() - began:.1f} s: "
          f"{dict(told)}")
    same(told.pop((201, None)), MAXIMUM, "redeemed")
    same(set(told) <= {(409, "coupon_used_up"),
                       (409, "coupon_already_redeemed")}, True, str(told))
    same(sum(told.values()), REDEEMS - MAXIMUM, "refused")
    got = s.cluster.psql(
        "select c.redeemed_count, count(r.id), count(distinct r.owner_id), "
        "sum(r.credit_cents) from app.coupons c join app.coupon_redemptions "
        "r on r.coupon_id = c.id where c.code = 'RACE-1' group by c.id")
    same(got, f"{MAXIMUM}|{MAXIMUM}|{MAXIMUM}|{MAXIMUM * CREDIT}", "rows")
    credits_of = s.cluster.psql(
        "select sum(credit_cents), count(*) filter (where credit_cents = "
        f"{CREDIT}) from app.users where id in ('" + "','".join(ids) + "')")
    same(credits_of, f"{MAXIMUM * CREDIT}|{MAXIMUM}", "credits")


def affiliate(s, earned):
    """A new affiliate who has earned this much: id and token."""
    (owner, customer), (token, _) = people(s, 2)
    made = s.cluster.psql(
        "insert into app.affiliates (owner_id, code, payout_method) values "
        f"('{owner}', upper(substr(md5('{owner}'), 1, 12)), "
        "'{\"type\":\"paypal\",\"email\":\"a@b.example\"}') returning id")
    referral = s.cluster.psql(
        "insert into app.referrals (affiliate_id, owner_id, referred_id) "
        f"values ('{made}', '{owner}', '{customer}') returning id")
    s.cluster.psql(
        f"select set_config('request.jwt.claims', '', false); {s.earn}"
        % {"affiliate": made, "owner": owner, "referral": referral,
           "amount": earned})
    return made, token


@case
def payouts_within_earnings(s):
    """Parallel payout requests, and cancels among them, never exceed what was
    earned; requests alone exhaust it."""
    earned, each = 10000, 1500
    made, token = affiliate(s, earned)

    def ask():
        return post(token, "/api/payouts", {"amount_cents": each},
                    [("Idempotency-Key", str(uuid.uuid4()))])

    told = Counter(at_once(s.port, range(64), lambda c, _: outcome(
        c.ask(ask()))))
    same(told, {(201, None): earned // each,
                (409, "balance_insufficient"): 64 - earned // each})
    held = ("select coalesce(sum(amount_cents), 0) from app.payouts where "
            f"affiliate_id = '{made}' and status in ('requested', "
            "'processing', 'paid')")
    same(s.cluster.psql(held), str(earned // each * each), "asked for")

    def either(c, turn):
        if turn % 3:
            return outcome(c.ask(ask()))
        rows = c.ask(request("GET", "/api/payouts?status=eq.requested&limit=1",
                             token)).json["data"]
        if rows:
            outcome(c.ask(post(token, f"/api/payouts/{rows[0]['id']}/cancel")))
        total = c.ask(request("GET", f"/api/affiliates/{made}/balance", token))
        assert total.json["data"]["available_cents"] >= 0, total.body
        return None

    told = Counter(at_once(s.port, range(600), either))
    print(f"# with cancels: {dict(told)}")
    assert int(s.cluster.psql(held)) <= earned, s.cluster.psql(held)
    assert told[(201, None)] > 0, told
    same({k for k in told if k} <= {(201, None),
                                    (409, "balance_insufficient")}, True, told)


def jobs_of(s, letter):
    return s.cluster.psql("select count(*) from lockstep.jobs where state = "
                          f"'available' and args ->> 'letter_id' = '{letter}'")


@case
def letter_sent_once(s):
    """A letter sent by 50 requests at once is sent by one of them, and leaves
    one job; with recalls among them, as many as its state says."""
    for _ in range(5):
        letter = s.curl("POST", "/api/letters", s.alice,
                        sut.NEW_LETTER).data["id"]
        way = f"/api/letters/{letter}"
        told = Counter(at_once(s.port, range(50), lambda c, _: outcome(
            c.ask(post(s.alice, way + "/send", {}))), 50))
        same(told, {(200, None): 1, (409, "letter_already_sent"): 49})
        same(jobs_of(s, letter), "1", "jobs")
        told = Counter(at_once(s.port, range(200), lambda c, n: outcome(
            c.ask(post(s.alice, way + ("/recall" if n % 2 else "/send"),
                       {}))), 25))
        same({status for status, _ in told} <= {200, 409}, True, told)
        status = s.get(way, s.alice).data["status"]
        same(jobs_of(s, letter), str(int(status == "queued")),
             f"jobs of a letter that is {status}")


# ---- Two users on the same connections.

def ids_in(data):
    return {m.decode() for m in UUID.findall(data)}


class Look:
    """One look by alice or bob at what is theirs, or is not."""

    def __init__(self, s):
        self.system = s
        self.own = {sut.ALICE: s.alice, sut.BOB: s.bob}
        self.letters = {user: s.cluster.psql(
            "select id from app.letters where owner_id = "
            f"'{user}' limit 50").split() for user in self.own}
        self.rows = {user: set(s.cluster.psql(
            f"select id from app.letters where owner_id = '{user}' union all "
            f"select id from app.users where id = '{user}' union all select "
            f"id from app.affiliates where owner_id = '{user}'").split())
            for user in self.own}

    def targets(self, user, n):
        other = sut.BOB if user == sut.ALICE else sut.ALICE
        mine, theirs = self.letters[user], self.letters[other]
        return (("/api/letters?limit=5", 200),
                ("/api/me", 200),
                (f"/api/letters/{mine[n % len(mine)]}", 200),
                (f"/api/letters/{theirs[n % len(theirs)]}", 404),
                ("/api/letters?limit=2&order=title&id=in.("
                 + ",".join(mine[:9] + theirs[:9]) + ")", 200),
                ("/api/affiliates", 200))[n % 6]

    def __call__(self, c, n):
        user = (sut.ALICE, sut.BOB)[n // 7 % 2 ^ n % 2]
        target, wanted = self.targets(user, n // 2)
        ident = f"look-{n}"
        reply = c.ask(request("GET", target, self.own[user],
                              headers=[("X-Request-Id", ident)]))
        same(reply.headers["x-request-id"], ident)
        same(reply.json["meta"]["request_id"], ident)
        # An id that was asked for may come back in Link.
        foreign = self.rows[sut.BOB if user == sut.ALICE else sut.ALICE]
        same((ids_in(reply.head + reply.body) & foreign) -
             ids_in(target.encode()), set(), f"foreign ids at {target}")
        if reply.status == 503:
            return 503
        same(reply.status, wanted, f"{target} {reply.body[:200]!r}")
        data = reply.json.get("data") or []
        for row in data if isinstance(data, list) else [data]:
            same(row.get("owner_id", row["id"]), user, f"owner at {target}")
        return reply.status


class Killer(threading.Thread):
    """Ends one backend of ours after another."""

    def __init__(self, s):
        super().__init__()
        self.system, self.count = s, 0
        self.stopped = threading.Event()
        self.start()

    def run(self):
        while not self.stopped.is_set():
            self.count += int(self.system.cluster.psql(
                "select count(*) from (select pg_terminate_backend(pid) from "
                "pg_stat_activity where usename = 'lockstep' "
                "order by random() limit 3) as ended"))

    def finish(self):
        self.stopped.set()
        self.join()
        return self.count


@case
def two_users_and_dying_backends(s):
    """20,000 requests (LOOKS) of two users by turns on the same connections,
    while backends are ended: no row of the other's in a reply, its head or
    the log, no reply to another request."""
    killer, look = Killer(s), Look(s)
    try:
        told = Counter(at_once(s.port, range(LOOKS), look, 16))
    finally:
        ended = killer.finish()
    print(f"# {dict(told)}, {ended} backends ended")
    assert ended >= 20, ended
    same(sum(told.values()), LOOKS)
    # A read is repeated when its backend was ended; a few meet the next end,
    # the more of them the faster they follow each other.
    assert told[503] <= LOOKS // 100 + ended, told
    s.rolling_restart()  # so that all is in the log
    for number in range(s.instances):
        found = ids_in(s.log_path(number).read_bytes())
        same(found & set().union(*look.rows.values()), set(), "ids in a log")


# ---- Another's and absent.

def strange(s):
    """(method, target with {} for the id, body, SQL of another's id)."""
    letter = f"select id from app.letters where owner_id = '{sut.BOB}'"
    hidden = (" where account_id not in (select account_id from "
              f"app.account_members where user_id = '{sut.ALICE}')")
    earner = f"select id from app.affiliates where owner_id = '{sut.BOB}'"
    payout = f"select id from app.payouts where owner_id = '{sut.BOB}'"
    draft, queued = (letter + f" and status = '{state}'"
                     for state in ("draft", "queued"))
    ticket = "select id from app.support_tickets" + hidden
    company = "select id from app.companies" + hidden
    account = ("select id from app.accounts" +
               hidden.replace("account_id not", "id not", 1))
    return (
        ("GET", "/api/letters/{}", None, letter),
        ("PATCH", "/api/letters/{}", {"title": "Mine"}, draft),
        ("DELETE", "/api/letters/{}", None, draft),
        ("DELETE", "/api/letters/{}", None, queued),
        ("POST", "/api/letters/{}/send", {}, draft),
        ("POST", "/api/letters/{}/send", {"channel": "post"}, queued),
        ("POST", "/api/letters/{}/recall", {}, queued),
        ("GET", "/api/letters?id=eq.{}", None, letter),
        ("GET", "/api/letters?id=in.({})&order=title", None, letter),
        ("GET", "/api/users/{}", None, f"select '{sut.BOB}'"),
        ("PATCH", "/api/users/{}", {"display_name": "Me"},
         f"select '{sut.BOB}'"),
        ("GET", "/api/affiliates/{}", None, earner),
        ("PATCH", "/api/affiliates/{}", {"payout_method": {
            "type": "paypal", "email": "me@letters.example"}}, earner),
        ("GET", "/api/affiliates/{}/balance", None, earner),
        ("GET", "/api/affiliates/{}/earnings", None, earner),
        ("GET", "/api/payouts/{}", None, payout),
        ("POST", "/api/payouts/{}/cancel", {}, payout),
        ("GET", "/api/companies/{}", None, company),
        ("PATCH", "/api/companies/{}", {"name": "Mine"}, company),
        ("DELETE", "/api/companies/{}", None, company),
        ("GET", "/api/companies/{}/health", None, company),
        ("GET", "/api/accounts/{}", None, account),
        ("PATCH", "/api/accounts/{}", {"name": "Mine"}, account),
        ("POST", "/api/accounts/{}/invitations",
         {"email": "x@letters.example", "role": "viewer"}, account),
        ("GET", "/api/events/{}", None, "select id from app.events" + hidden),
        ("GET", "/api/support_tickets/{}", None, ticket),
        ("POST", "/api/support_tickets/{}/resolve", {"resolution": "Done."},
         ticket),
        ("POST", "/api/support_tickets/{}/close", {}, ticket),
        ("DELETE", "/api/account_members/{}", None,
         "select id from app.account_members" + hidden),
        ("DELETE", "/api/account_invitations/{}", None,
         "select id from app.account_invitations" + hidden),
    )


def ask_of(method, target, body, key, token):
    data = None if body is None else json.dumps(body).encode()
    return request(method, target.replace("{}", key), token, data,
                   [("X-Request-Id", "same"), ("If-Match", "*")])


def face(reply):
    """A reply's bytes without the time of day and how long it took."""
    head = re.sub(rb"(?mi)^(date|server-timing):.*\r\n", b"", reply.head)
    return head + reply.body


@case
def another_and_absent(s):
    """Another's id and an absent one give the same bytes and headers, by
    every way that takes an id."""
    with Client(s.port) as c:
        for method, target, body, sql in strange(s):
            key = s.cluster.psql(f"select * from ({sql}) as t limit 1")
            assert key, f"nobody else has one: {sql}"
            other, absent = (c.ask(ask_of(method, target, body, k, s.alice))
                             for k in (key, ABSENT))
            same(face(other), face(absent), f"{method} {target}")
            if "?" in target or target.endswith("/earnings"):
                same(other.data, [], target)
            else:
                same(other.error["code"], "not_found", f"{method} {target}")


@case
def another_and_absent_in_time(s):
    """Nor does the time tell them apart beyond noise: medians of 700, in an
    order by chance."""
    dice = random.Random(2)
    with Client(s.port) as c:
        for method, target, body in (
                ("GET", "/api/letters/{}", None),
                ("PATCH", "/api/letters/{}", {"title": "Mine"}),
                ("DELETE", "/api/letters/{}", None),
                ("POST", "/api/letters/{}/send", {})):
            keys = s.cluster.psql(
                "select id from app.letters where status = 'draft' and "
                f"owner_id = '{sut.BOB}' limit 100").split()
            ratios = []
            # What the machine does besides tells them apart once, not always.
            while len(ratios) < 5 and not (ratios and
                                           0.75 < ratios[-1] < 1.25):
                took = {"other": [], "absent": []}
                for n in range(700):
                    for which, key in dice.sample(
                            (("other", keys[n % len(keys)]),
                             ("absent", str(uuid.uuid4()))), 2):
                        data = ask_of(method, target, body, key, s.alice)
                        began = time.perf_counter_ns()
                        same(c.ask(data).status, 404)
                        took[which].append(time.perf_counter_ns() - began)
                other, absent = (statistics.median(t) / 1000
                                 for t in took.values())
                ratios.append(other / absent)
                print(f"# {method} {target}: another's {other:.0f} us, "
                      f"absent {absent:.0f} us")
            assert 0.75 < ratios[-1] < 1.25, ratios


def main():
    with sut.System(settings={**sut.PATIENT, "workers": 2,
                              "threads": 8}) as s:
        s.alice = s.token("authenticated", sut.ALICE)
        s.bob = s.token("authenticated", sut.BOB)
        s.key = s.secret.read_text().rstrip("\n").encode()
        s.earn = ("insert into app.commissions (affiliate_id, owner_id, "
                  "referral_id, reference, purchase_cents, amount_cents, "
                  "currency, status) values ('%(affiliate)s', '%(owner)s', "
                  "'%(referral)s', 'r', 10 * %(amount)s, %(amount)s, 'EUR', "
                  "'approved')")
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
