# SPDX-License-Identifier: MIT
"""Webhooks that are sent: each message to each endpoint that wants it, signed so
that others' libraries verify it, again and again by the schedule, and nowhere
but to the internet; what became of it, for its owner and nobody else."""

import base64
import concurrent.futures
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import npm
import system as sut
import tap
import worker
from receiver import Receiver
from tap import case, same, wait_for
from worker import Session, Worker, conservation

STEPS = [50, 50, 50]
CAROL_ACCOUNT = ("select account_id from app.account_members where role = "
                 "'admin' and user_id = '" + sut.ALICE + "' limit 1")
LETTER = {"id": sut.ALICE, "reference": None, "title": "Notice",
          "status": "ready", "failure_reason": None,
          "updated_at": "2026-01-15T09:30:00Z"}
ALLOW = {"deliver_allow": "127.0.0.0/8"}
# A breaker that hardly holds anybody back.
WORK = {**ALLOW, "work_breaker_ms": 10, "work_breaker_max_ms": 20,
        "work_poll_ms": 100}


def contract(directory):
    """The reference contract with a schedule of moments."""
    top = pathlib.Path(directory) / "contract"
    shutil.copytree(sut.TOP / "contract", top)
    api = json.loads((top / "api.json").read_text())
    api["delivery"] = {"steps_ms": STEPS, "timeout_ms": 20000}
    (top / "api.json").write_text(json.dumps(api))
    (top / "messages/test.event.json").write_text(json.dumps(
        {"message": "test.event", "data": "schemas/test_event.json"}))
    (top / "schemas/test_event.json").write_text(json.dumps(
        {"type": "object", "properties": {"n": {"type": "integer"},
                                          "text": {"type": "string"}},
         "additionalProperties": False}))
    return top


def endpoint(s, path, *script, token=None, **more):
    """A new endpoint of Alice at a path of the receiver."""
    made = s.curl("POST", "/api/webhook_endpoints", token or s.alice,
                  {"url": s.receiver.url(path, *script), **more})
    same(made.status, 201, made.body)
    return made.data


def publish(s, kind="test.event", data=None, owner=sut.ALICE):
    return s.cluster.psql(
        f"select lockstep.publish('{kind}', $d${json.dumps(data or {})}$d$, "
        f"'{owner}')")


def deliveries(s, **wanted):
    query = "&".join(f"{k}=eq.{v}" for k, v in wanted.items())
    return s.get(f"/api/webhook_deliveries?{query}", s.alice).data


def attempts(s, delivery):
    return s.get(f"/api/webhook_attempts?delivery_id=eq.{delivery}"
                 "&order=created_at", s.alice).data


def state_of(s, message, made):
    rows = deliveries(s, message_id=message, endpoint_id=made["id"])
    return rows[0] if rows else {"state": None}


def ended(s, message, made, state, seconds=20):
    """Waits for the delivery's end, which must be this one."""
    found = wait_for(
        lambda: (lambda d: d["state"] in ("delivered", "failed", "cancelled")
                 and d)(state_of(s, message, made)),
        f"a delivery to be {state}", seconds)
    same(found["state"], state)
    return found


def replay(s, number):
    done = s.run("jobs", "replay", number, "--json", "--config",
                 s.config_path(0))
    same(json.loads(done.stdout)["changed"], 1)


def remove(s, *made):
    for one in made:
        s.curl("DELETE", f"/api/webhook_endpoints/{one['id']}", s.alice)


def verified(s, tasks):
    """What their libraries make of it: a list of true and false."""
    script = s.tools.place(sut.TOP / "tests/flow/hooks.mjs")
    done = subprocess.run(["node", str(script)], input=json.dumps(tasks),
                          capture_output=True, text=True, check=False,
                          env=s.tools.environment, cwd=s.tools.home)
    same(done.returncode, 0, done.stderr)
    return [result is True for result in json.loads(done.stdout)]


def task_of(request, library, secret, **other):
    return {"library": library, "verb": "verify", "secret": secret,
            "id": request.id, "at": int(request.headers["webhook-timestamp"]),
            "signature": request.headers["webhook-signature"],
            "body": base64.b64encode(request.body).decode(), **other}


# ---- What is delivered.

@case
def published(s):
    """What happens is told in the transaction in which it happens: each event
    of the reference application reaches its owner's endpoint, with the id, time
    and data of the message, and nothing of ours beside it."""
    made = endpoint(s, "/published")
    account = s.cluster.psql(CAROL_ACCOUNT)
    of_account = endpoint(s, "/account", owner_id=account)
    with Worker(s, "published", **WORK):
        s.curl("POST", "/api/coupons/redeem", s.alice, {"code": "PARTNER-003"})
        letter = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER).data
        s.curl("POST", f"/api/letters/{letter['id']}/send", s.alice, {})
        s.curl("POST", f"/api/letters/{letter['id']}/complete", s.server,
               {"content": "Dear Ada"})
        ticket = s.cluster.psql(
            "select id from app.support_tickets where status = 'open' and "
            f"account_id = '{account}' limit 1")
        s.curl("POST", f"/api/support_tickets/{ticket}/resolve", s.alice,
               {"resolution": "Mended."})
        wait_for(lambda: len(s.receiver.of("/published")) == 2 and
                 s.receiver.of("/account"), "three messages")
    told = {json.loads(r.body)["type"]: r for r in s.receiver.of("/published")}
    same(sorted(told), ["coupon.redeemed", "letter.sent"])
    same([json.loads(r.body)["type"] for r in s.receiver.of("/account")],
         ["ticket.resolved"])
    request = told["letter.sent"]
    body = json.loads(request.body)
    same(sorted(body), ["data", "timestamp", "type"])
    same(body["data"]["id"], letter["id"])
    same(request.headers["content-type"], "application/json")
    same(sorted(set(request.headers) - {
        "host", "user-agent", "accept", "content-type", "content-length",
        "webhook-id", "webhook-timestamp", "webhook-signature"}), [])
    message, = [m for m in s.get("/api/webhook_messages", s.alice).data
                if m["type"] == "letter.sent"]
    same(request.id, "msg_" + message["id"].replace("-", ""))
    same(message["data"], body["data"])
    delivery = ended(s, message["id"], made, "delivered")
    same((delivery["attempts"], delivery["status"], delivery["error"]),
         (1, 200, None))
    attempt, = attempts(s, delivery["id"])
    same((attempt["number"], attempt["status"], attempt["reply"]),
         (1, 200, "answer 200"))
    remove(s, made, of_account)


@case
def judged(s):
    """A message of a type that the contract has not, or whose data is not as it
    says, is sent to nobody: it has failed at once, and is no fault of the
    endpoint."""
    made = endpoint(s, "/judged")
    bad = [publish(s, "test.unknown"), publish(s, data={"n": "one"}),
           publish(s, data={"m": 1}), publish(s, "letter.ready", {"id": "x"})]
    with Worker(s, "judged", **WORK) as w:
        for message in bad:
            failed = ended(s, message, made, "failed")
            same((failed["attempts"], failed["error"]), (0, "invalid_request"))
            same(attempts(s, failed["id"]), [])
        wait_for(lambda: len(list(w.events("job"))) == 4, "the log")
        same([e["reason"] for e in w.events("job")], ["permanent"] * 4)
        ended(s, publish(s, data={"n": 1}), made, "delivered")
    same(len(s.receiver.of("/judged")), 1)
    read = s.get(f"/api/webhook_endpoints/{made['id']}", s.alice).data
    same(read["failing_since"], None)
    remove(s, made)
    s.cluster.psql("delete from app.webhook_messages where id = any ('{"
                   + ",".join(bad) + "}')")


@case
def contracted(s):
    """What the reference application publishes is what its contract says: each
    message is of a type that is there, and its data satisfies the schema."""
    types = {p.stem: json.loads(p.read_text())["data"] for p in
             (pathlib.Path(s.contract) / "messages").glob("*.json")}
    messages = s.cluster.psql("select jsonb_build_object('type', type, 'data',"
                              " data) from app.webhook_messages where owner_id"
                              " is not null and type <> 'webhook.ping'")
    seen = set()
    for line in messages.splitlines():
        message = json.loads(line)
        seen.add(message["type"])
        done = s.run("validate", pathlib.Path(s.contract) /
                     types[message["type"]], "-",
                     stdin=json.dumps(message["data"]), check=False)
        same(done.returncode, 0, done.stdout + done.stderr)
    same(seen >= {"coupon.redeemed", "letter.sent", "ticket.resolved"}, True,
         seen)


@case
def wanted(s):
    """Endpoints are told what they want: of their types, while they are on, of
    their owner; and nothing of a transaction that is rolled back."""
    some = endpoint(s, "/some", types=["test.event", "payout.paid"])
    off = endpoint(s, "/off")
    s.curl("PATCH", f"/api/webhook_endpoints/{off['id']}", s.alice,
           {"enabled": False})
    before = s.cluster.psql("select count(*) from app.webhook_messages")
    s.cluster.psql("begin; select lockstep.publish('test.event', '{}', '"
                   + sut.ALICE + "'); rollback")
    same(s.cluster.psql("select count(*) from app.webhook_messages"), before)
    same(publish(s, owner=sut.BOB), "", "of somebody without endpoints")
    ready, failed = publish(s), publish(s, "letter.failed")
    same(state_of(s, ready, some)["state"], "pending")
    same(deliveries(s, message_id=failed), [])
    same(deliveries(s, endpoint_id=off["id"]), [])
    with Worker(s, "wanted", **WORK):
        ended(s, ready, some, "delivered")
    remove(s, some, off)


@case
def pinged(s):
    """An endpoint is tried by a message of its own, whatever it wants."""
    made = endpoint(s, "/ping", types=["payout.paid"])
    with Worker(s, "pinged", **WORK):
        sent = s.curl("POST", f"/api/webhook_endpoints/{made['id']}/ping",
                      s.alice)
        same((sent.status, sent.data["state"]), (202, "pending"))
        ended(s, sent.data["message_id"], made, "delivered")
    same(json.loads(s.receiver.of("/ping")[0].body)["type"], "webhook.ping")
    s.curl("PATCH", f"/api/webhook_endpoints/{made['id']}", s.alice,
           {"enabled": False})
    refused = s.curl("POST", f"/api/webhook_endpoints/{made['id']}/ping",
                     s.alice)
    same((refused.status, refused.error["code"]), (409, "endpoint_disabled"))
    remove(s, made)


# ---- How it is signed.

@case
def others_verify(s):
    """What we send the libraries of Standard Webhooks and Svix verify, and no
    tampered twin of it."""
    s.tools = npm.tools()
    made = endpoint(s, "/signed")
    with Worker(s, "signed", **WORK):
        ended(s, publish(s, data={"text": "caf\u00e9 \U0001f600"}), made,
              "delivered")
    request, = s.receiver.of("/signed")
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    body = base64.b64encode(request.body.replace(b"event", b"evant")).decode()
    tasks = []
    for library in ("standardwebhooks", "svix"):
        tasks += [task_of(request, library, made["secret"]),
                  task_of(request, library, other),
                  task_of(request, library, made["secret"], body=body),
                  task_of(request, library, made["secret"],
                          id=request.id + "0"),
                  task_of(request, library, made["secret"], at=int(
                      request.headers["webhook-timestamp"]) + 1)]
    same(verified(s, tasks), [True, False, False, False, False] * 2)
    remove(s, made)


@case
def rotated(s):
    """A new secret signs at once, the one before for a day beside it, and then
    no more; a secret is told when it is made, and in no other reply."""
    s.tools = npm.tools()
    made = endpoint(s, "/rotated")
    fresh = s.curl("POST", f"/api/webhook_endpoints/{made['id']}/rotate",
                   s.alice).data
    same(fresh["secret"] == made["secret"], False)
    with Worker(s, "rotated", **WORK):
        ended(s, publish(s), made, "delivered")
        s.cluster.psql("update lockstep.webhook_secrets set until = now() - "
                       "interval '1 s' where until is not null")
        ended(s, publish(s), made, "delivered")
    both, one = s.receiver.of("/rotated")
    same([len(r.headers["webhook-signature"].split()) for r in (both, one)],
         [2, 1])
    secrets = (made["secret"], fresh["secret"])
    same(verified(s, [task_of(r, "standardwebhooks", secret)
                      for r in (both, one) for secret in secrets]),
         [True, True, False, True])
    for path in ("/api/webhook_endpoints", f"/api/webhook_endpoints/{made['id']}",
                 "/api/webhook_messages", "/api/webhook_deliveries",
                 "/api/webhook_attempts"):
        text = s.get(path, s.alice).body.decode()
        same("whsec_" in text or '"secret"' in text, False, path)
    for _ in range(12):
        last = s.curl("POST", f"/api/webhook_endpoints/{made['id']}/rotate",
                      s.alice).data["secret"]
    with Worker(s, "rotated-often", **WORK):
        ended(s, publish(s), made, "delivered")
    same(verified(s, [task_of(s.receiver.of("/rotated")[-1], "svix", last)]),
         [True])
    remove(s, made)


# ---- What fails.

@case
def again(s):
    """What fails is sent again, as the same message, each time with a time and
    a signature of its own; each attempt stays as a row."""
    made = endpoint(s, "/again", 500, (302, {"Location": "/stolen"}, b"go"),
                    (404, {}, b"\xff\0bad"), 204)
    s.receiver.url("/stolen")
    with Worker(s, "again", **WORK):
        delivery = ended(s, publish(s), made, "delivered")
    requests = s.receiver.of("/again")
    same(len({r.id for r in requests}), 1, "ids")
    same(len({r.body for r in requests}), 1, "bodies")
    same(s.receiver.of("/stolen"), [], "a redirect that was followed")
    rows = attempts(s, delivery["id"])
    same([(r["number"], r["status"], r["error"]) for r in rows],
         [(1, 500, "500"), (2, 302, "302"), (3, 404, "404"), (4, 204, None)])
    same([r["reply"] for r in rows[:2]], ["answer 500", "go"])
    same(s.curl("PATCH", f"/api/webhook_attempts/{rows[0]['id']}", s.alice,
                {"status": 200}).status, 405)
    remove(s, made)


@case
def standard_schedule(s):
    """Unless the contract says otherwise it is tried again when Standard Webhooks
    says: after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h, a fifth more or
    less."""
    made = endpoint(s, "/standard", 503)
    steps = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    message = publish(s, "letter.ready", LETTER)
    with Worker(s, "standard", **{**WORK, "contract": sut.TOP / "contract"}):
        for number, step in enumerate(steps, 1):
            wait_for(lambda: state_of(s, message, made)["attempts"] == number,
                     f"attempt {number}")
            pause = float(wait_for(lambda: s.cluster.psql(
                "select extract(epoch from j.run_at - j.updated_at) from "
                "lockstep.jobs j join app.webhook_deliveries d on d.job_id = "
                f"j.id where d.message_id = '{message}' and "
                f"j.state = 'scheduled' and j.attempt = {number}"), "a pause"))
            same(0.8 * step - 1 < pause < 1.2 * step + 1, True,
                 (number, step, pause))
            s.cluster.psql("update lockstep.jobs set run_at = now() where kind"
                           " = 'lockstep.deliver' and state = 'scheduled'")
        same(ended(s, message, made, "failed")["attempts"], 10)
    remove(s, made)


@case
def given_up(s):
    """What fails to the last is failed; it is delivered once it is sent again,
    as the same message."""
    # No word at first: on a connection that was kept it would be asked again.
    made = endpoint(s, "/down", None, 503, 503, (500, {}, b"x" * 70000), 200)
    message = publish(s)
    with Worker(s, "given-up", **WORK):
        failed = ended(s, message, made, "failed")
        same((failed["attempts"], failed["status"], failed["error"]),
             (4, 500, "500"))
        rows = attempts(s, failed["id"])
        same([(r["status"], r["error"]) for r in rows[:2]],
             [(None, "broken"), (503, "503")])
        same(len(rows[3]["reply"]), 20000, "of a long reply")
        same(s.cluster.psql(
            "select j.state, j.reason from lockstep.jobs j join "
            "app.webhook_deliveries d on d.job_id = j.id where d.id = '"
            + failed["id"] + "'"), "dead|exhausted")
        resent = s.curl("POST", f"/api/webhook_deliveries/{failed['id']}"
                        "/resend", s.alice)
        same((resent.status, resent.data["state"]), (202, "pending"))
        delivered = ended(s, message, made, "delivered")
    same(delivered["attempts"], 5)
    same(len({r.id for r in s.receiver.of("/down")}), 1, "ids")
    remove(s, made)


@case
def replayed(s):
    """A delivery that failed is sent again when its job is replayed, as often as
    at first, and meanwhile it is pending; of an endpoint that is off it is
    cancelled."""
    answer = threading.Event()
    made = endpoint(s, "/replayed", *[500] * 8, answer, 500)
    message = publish(s)
    with Worker(s, "replayed", **WORK):
        number = s.cluster.psql(
            "select job_id from app.webhook_deliveries where message_id = "
            f"'{message}'")
        for made_by_then in (4, 8):
            failed = wait_for(
                lambda: (lambda d: d["state"] == "failed" and d["attempts"] ==
                         made_by_then and d)(state_of(s, message, made)),
                f"{made_by_then} attempts")
            replay(s, number)
        wait_for(lambda: len(s.receiver.of("/replayed")) == 9, "the ninth")
        same(state_of(s, message, made)["state"], "pending")
        answer.set()
        delivered = wait_for(
            lambda: (lambda d: d["state"] == "delivered" and d)(
                state_of(s, message, made)), "its delivery")
        same((delivered["attempts"], len(attempts(s, failed["id"]))), (9, 9))
        other = publish(s)
        ended(s, other, made, "failed")
        s.curl("PATCH", f"/api/webhook_endpoints/{made['id']}", s.alice,
               {"enabled": False})
        number = wait_for(lambda: s.cluster.psql(
            "select j.id from lockstep.jobs j join app.webhook_deliveries d "
            f"on d.job_id = j.id where d.message_id = '{other}' and j.state = "
            "'dead'"), "its job")
        replay(s, number)
        wait_for(lambda: state_of(s, other, made)["state"] == "cancelled",
                 "it to be cancelled")
    same(len(s.receiver.of("/replayed")), 13)
    remove(s, made)


@case
def later(s):
    """Retry-After is heeded, within reason."""
    made = endpoint(s, "/later", (429, {"Retry-After": "1"}, b""),
                    (503, {"Retry-After": "86400"}, b""), 200)
    message = publish(s)
    with Worker(s, "later", **WORK):
        wait_for(lambda: len(s.receiver.of("/later")) == 2, "the second")
        first, second = (r.at for r in s.receiver.of("/later"))
        same(second - first > 0.9, True, "a second's pause")
        wait_for(lambda: s.cluster.psql(
            "select 1 from lockstep.jobs j join app.webhook_deliveries d on "
            f"d.job_id = j.id where d.message_id = '{message}' and j.state = "
            "'scheduled' and j.run_at between now() + interval '40 s' and "
            "now() + interval '80 s'"), "a minute's pause and not a day's")
        s.cluster.psql("update lockstep.jobs set run_at = now() where kind = "
                       "'lockstep.deliver' and state = 'scheduled'")
        ended(s, message, made, "delivered")
    remove(s, made)


@case
def gone(s):
    """An endpoint that answers 410 is turned off at once, with all that is on
    its way to it; turned on again it recovers what it missed, once."""
    made = endpoint(s, "/gone", 500, 410, 200)
    other = endpoint(s, "/not-gone", 410, 200, types=["payout.paid"])
    with Worker(s, "gone", **WORK):
        first = publish(s)
        ended(s, first, made, "cancelled")
        read = s.get(f"/api/webhook_endpoints/{made['id']}", s.alice).data
        same((read["enabled"], read["disabled_reason"]), (False, "gone"))
        missed = publish(s)
        same(state_of(s, missed, made)["state"], None)
        again_ = s.curl("POST", f"/api/webhook_endpoints/{made['id']}/recover",
                        s.alice, {"since": "2026-01-01T00:00:00Z"})
        same(again_.error["code"], "endpoint_disabled")
        on = s.curl("PATCH", f"/api/webhook_endpoints/{made['id']}", s.alice,
                    {"enabled": True}).data
        same((on["disabled_reason"], on["failing_since"]), (None, None))
        since = s.cluster.psql("select to_char(created_at at time zone 'UTC', "
                               "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from "
                               f"app.webhook_messages where id = '{first}'")
        for resent in (2, 0):
            told = s.curl("POST", f"/api/webhook_endpoints/{made['id']}"
                          "/recover", s.alice, {"since": since})
            same((told.status, told.data), (202, {"resent": resent,
                                                  "more": False}))
            ended(s, first, made, "delivered")
            ended(s, missed, made, "delivered")
    same(len(s.receiver.of("/gone")), 4)
    remove(s, made, other)


@case
def gone_at_once(s):
    """What is answered at once, 410 and well, is written down, all of it: one
    that turns the endpoint off waits for no other that does."""
    made = endpoint(s, "/gone-at-once", 410, 200, 410)
    s.cluster.psql("update app.webhook_endpoints set failing_since = now() "
                   f"where id = '{made['id']}'")
    messages = [publish(s) for _ in range(3)]
    with Session(s) as session:
        same(session.ask("begin; select 1 from app.webhook_endpoints where id "
                         f"= '{made['id']}' for no key update"), "1")
        with Worker(s, "gone-at-once", **WORK):
            wait_for(lambda: s.cluster.psql(
                "select count(*) from pg_stat_activity where usename = "
                "'lockstep_worker' and wait_event_type = 'Lock'") == "3",
                "three that wait for the endpoint")
            same(session.ask("commit; select 2"), "2")
            found = [wait_for(
                lambda: (lambda d: d["attempts"] == 1 and d)(
                    state_of(s, message, made)), "its attempt")
                for message in messages]
    same(sorted((d["state"], d["status"]) for d in found),
         [("cancelled", 410), ("cancelled", 410), ("delivered", 200)])
    same([len(attempts(s, d["id"])) for d in found], [1, 1, 1])
    read = s.get(f"/api/webhook_endpoints/{made['id']}", s.alice).data
    same((read["enabled"], read["disabled_reason"]), (False, "gone"))
    remove(s, made)


@case
def five_days(s):
    """An endpoint to which all has failed for five days is turned off; any
    success before that forgives."""
    made = endpoint(s, "/failing", 500, 200, 500, 500, 500)
    old = ("update app.webhook_endpoints set failing_since = now() - interval "
           f"'%s hours' where id = '{made['id']}'")
    with Worker(s, "five-days", **WORK):
        s.cluster.psql(old % 119)
        ended(s, publish(s), made, "delivered")
        read = s.get(f"/api/webhook_endpoints/{made['id']}", s.alice).data
        same((read["enabled"], read["failing_since"]), (True, None))
        s.cluster.psql(old % 121)
        ended(s, publish(s), made, "cancelled")
    read = s.get(f"/api/webhook_endpoints/{made['id']}", s.alice).data
    same((read["enabled"], read["disabled_reason"]), (False, "failing"))
    remove(s, made)


@case
def each_alone(s):
    """An endpoint that fails has a breaker of its own: others get theirs, and
    what waits for it makes no attempt."""
    bad = endpoint(s, "/bad", 500)
    good = endpoint(s, "/good")
    with Worker(s, "breaker", **{**WORK, "work_breaker_ms": 60000,
                                 "work_breaker_max_ms": 60000}) as w:
        messages = [publish(s) for _ in range(20)]
        for message in messages:
            ended(s, message, good, "delivered")
        wait_for(lambda: list(w.events("breaker_opened")), "the breaker")
        wait_for(lambda: s.cluster.psql(
            "select count(*) from lockstep.jobs where kind = "
            "'lockstep.deliver' and state = 'running'") == "0",
            "the calls that had begun to end")
        tried = len(s.receiver.of("/bad"))
        more = publish(s)
        ended(s, more, good, "delivered")
        wait_for(lambda: s.cluster.psql(
            "select 1 from lockstep.jobs j join app.webhook_deliveries d on "
            f"d.job_id = j.id where d.message_id = '{more}' and d.endpoint_id"
            f" = '{bad['id']}' and j.state = 'scheduled' and j.attempt = 0"),
            "one that waits")
        same(len(s.receiver.of("/bad")), tried)
    same(tried < 40, True, tried)
    remove(s, bad, good)
    s.cluster.psql("delete from lockstep.breakers")


@case
def slow_alone(s):
    """An endpoint that is slow, and has many that wait for it, has a quarter of
    the calls and no more: another's delivery that comes after all of them goes
    out before them. None of those that wait has made an attempt, and all are
    delivered."""
    answer = threading.Event()
    slow = endpoint(s, "/slow", answer, types=["letter.ready"])
    other = endpoint(s, "/not-slow", types=["letter.failed"])
    with Worker(s, "slow", **{**WORK, "contract": sut.TOP / "contract",
                              "work_calls": 8}):
        first = publish(s, "letter.ready", LETTER)
        wait_for(lambda: s.receiver.of("/slow"), "the first")
        s.cluster.psql(
            "select lockstep.publish('letter.ready', "
            f"$d${json.dumps(LETTER)}$d$, '{sut.ALICE}') from "
            "generate_series(1, 50)")
        ended(s, publish(s, "letter.failed", LETTER), other, "delivered")
        same(len(s.receiver.of("/slow")), 1, "calls of the slow one")
        same(s.cluster.psql(
            "select distinct j.attempt from lockstep.jobs j join "
            "app.webhook_deliveries d on d.job_id = j.id where d.endpoint_id ="
            f" '{slow['id']}' and d.message_id <> '{first}' and j.state <> "
            "'running'"), "0")
        answer.set()
        wait_for(lambda: s.cluster.psql(
            "update lockstep.jobs set run_at = now() where kind = "
            "'lockstep.deliver' and state = 'scheduled'; select count(*) from "
            f"app.webhook_deliveries where endpoint_id = '{slow['id']}' and "
            "state = 'delivered' and attempts = 1") == "51", "all of them", 60,
            0.2)
    remove(s, slow, other)


# ---- Where it does not go.

INSIDE = [
    "http://hooks.shop.example/", "ftp://hooks.shop.example/",
    "https://localhost/", "https://LOCALHOST/", "https://a.localhost/",
    "https://printer/", "https://printer.local/", "https://x.internal/",
    "https://metadata.google.internal/", "https://x.home.arpa/",
    "https://10.0.0.1/", "https://100.64.0.1/", "https://169.254.169.254/",
    "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/",
    "https://0.0.0.0/", "https://192.0.0.1/", "https://192.0.2.1/",
    "https://198.18.0.1/", "https://198.51.100.1/", "https://203.0.113.1/",
    "https://224.0.0.1/", "https://240.0.0.1/", "https://255.255.255.255/",
    "https://168.63.129.16/", "https://192.88.99.1/",
    "https://10.1/", "https://2130706432/", "https://0x0a000001/",
    "https://012.0.0.1/", "https://10.0.0.1./", "https://1.2.3/",
    "https://8.8.8.8.0x1/", "https://[::1]/", "https://[::]/",
    "https://[::ffff:10.0.0.1]/", "https://[::ffff:8.8.8.8]/",
    "https://[::10.0.0.1]/", "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::1]/", "https://[2001:0:1::1]/",
    "https://[2001:db8::1]/", "https://[fc00::1]/", "https://[fd00:ec2::254]/",
    "https://[fe80::1]/", "https://[fe80::1%25lo]/", "https://[ff02::1]/",
    "https://[100::1]/", "https://[5f00::1]/", "https://[3fff::1]/",
    "https://user@hooks.shop.example/", "https://u:p@hooks.shop.example/",
    "https://hooks.shop.example:25/", "https://hooks.shop.example:6667/",
    "https://hooks.shop.example:0/", "https://hooks.shop.example:65536/",
    "https://hooks.shop.example/#x", "https://hooks.shop.example\\@10.0.0.1/",
    "https://hooks..example/", "https://-x.example/",
    "https://hooks.shop.example/%zz", "https:///hooks.shop.example/",
    "https://xn--.localhost/", "https://%31%30.0.0.1/", "https://[::1/",
    "https://\u2460\u2461.0.0.1/", "https://hooks.shop.example/a b"]
OUTSIDE = [
    "https://hooks.shop.example/", "https://hooks.shop.example:8443/a?b=c&d=%20",
    "https://hooks.shop.example", "https://hooks.shop.example?x=1",
    "https://xn--mnchen-3ya.example/", "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]/hook", "https://HOOKS.Shop.Example/"]


@case
def refused(s):
    """A URL that leads inside in whatever form, or is no https, is refused when
    it is written down, by the member; others are taken."""
    taken, names = [], []
    for url in INSIDE + OUTSIDE:
        reply = s.curl("POST", "/api/webhook_endpoints", s.alice,
                       {"url": url})
        if reply.status == 201:
            taken.append(url)
            names.append(reply.data)
            continue
        same(reply.status, 422, url)
        same(reply.error["issues"][0]["pointer"], "/url", url)
    same(taken, OUTSIDE)
    moved = s.curl("PATCH", f"/api/webhook_endpoints/{names[0]['id']}",
                   s.alice, {"url": "https://10.0.0.1/"})
    same((moved.status, moved.error["code"]), (422, "url_refused"))
    remove(s, *names)


@case
def nowhere_inside(s):
    """Whatever was written down, a worker connects to no address inside: not by
    a number, not by a name, and not by a redirect."""
    made = {}
    port = s.receiver.port
    for path, host in (("/in-number", "127.0.0.1"), ("/in-short", "127.1"),
                       ("/in-name", "localhost"), ("/in-hex", "0x7f000001"),
                       ("/in-six", "[::ffff:127.0.0.1]")):
        made[path] = endpoint(s, path)
        s.cluster.psql("alter table app.webhook_endpoints disable trigger "
                       "user; update app.webhook_endpoints set url = "
                       f"'https://{host}:{port}{path}' where id = "
                       f"'{made[path]['id']}'; alter table "
                       "app.webhook_endpoints enable trigger user")
    message = publish(s)
    with Worker(s, "nowhere", **{**WORK, "deliver_allow": "10.9.0.0/16"}):
        for path, one in made.items():
            failed = ended(s, message, one, "failed")
            same((failed["status"], failed["error"]), (None, "refused"), path)
            same(s.receiver.of(path), [], path)
    remove(s, *made.values())


# ---- Whose it is.

@case
def tenants(s):
    """Another sees none of it and changes none; who administers an account has
    its endpoints, and who does not has not."""
    made = endpoint(s, "/mine")
    account = s.cluster.psql(CAROL_ACCOUNT)
    shared = endpoint(s, "/shared", owner_id=account)
    with Worker(s, "tenants", **WORK):
        message = publish(s)
        delivery = ended(s, message, made, "delivered")
    attempt, = attempts(s, delivery["id"])
    for token in (s.bob, s.agent):
        for path, mine in (("endpoints", made["id"]), ("endpoints",
                           shared["id"]), ("messages", message),
                           ("deliveries", delivery["id"]),
                           ("attempts", attempt["id"])):
            one = f"/api/webhook_{path}/{mine}"
            same(mine in s.get(f"/api/webhook_{path}", token).body.decode(),
                 False, one)
            same(s.get(one, token).status, 404, one)
        at = f"/api/webhook_endpoints/{made['id']}"
        since = {"since": "2026-01-01T00:00:00Z"}
        for method, path, body in (
                ("PATCH", at, {"url": "https://hooks.bob.example/"}),
                ("DELETE", at, None), ("POST", f"{at}/rotate", None),
                ("POST", f"{at}/ping", None), ("POST", f"{at}/recover", since),
                ("POST", f"/api/webhook_deliveries/{delivery['id']}/resend",
                 None)):
            same(s.curl(method, path, token, body).status, 404, path)
        for owner in (sut.ALICE, account):
            same(s.curl("POST", "/api/webhook_endpoints", token, {
                "url": "https://hooks.bob.example/", "owner_id": owner}
                ).status, 403, "for another")
    same(s.get("/api/webhook_endpoints").status, 401)
    same(s.get("/api/webhook_endpoints", s.server).status, 403)
    same(s.get(f"/api/webhook_endpoints/{shared['id']}", s.carol).status, 200)
    for sql in ("select * from lockstep.webhook_secrets",
                "select app.prepare_delivery(gen_random_uuid(), 1)",
                "select lockstep.publish('a.b', '{}', gen_random_uuid())",
                "select lockstep.renew_secret(gen_random_uuid())"):
        same(s.cluster.psql(f"set role authenticated; {sql}", user="lockstep",
                            check=False), "", sql)
    remove(s, made, shared)


@case
def bounded(s):
    """An owner has fifty endpoints at most, also by requests at once."""
    made = [endpoint(s, "/many") for _ in range(48)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        more = list(pool.map(lambda _: s.curl(
            "POST", "/api/webhook_endpoints", s.alice,
            {"url": "https://hooks.shop.example/"}), range(6)))
    same(sorted(r.status for r in more), [201] * 2 + [409] * 4)
    same({r.error["code"] for r in more if r.status == 409},
         {"too_many_endpoints"})
    remove(s, *made, *(r.data for r in more if r.status == 201))
    same(s.cluster.psql("select count(*) from lockstep.webhook_secrets"), "0",
         "secrets of endpoints that are gone")


# ---- Whoever dies.

@case
def killed_before(s):
    """A worker that dies while the receiver has not answered has delivered
    nothing: another does, as the same message."""
    answer = threading.Event()
    made = endpoint(s, "/killed", answer, 200)
    message = publish(s)
    with Worker(s, "killed", **WORK, work_lease_ms=1000, work_beat_ms=300) as w:
        wait_for(lambda: s.receiver.of("/killed"), "the request")
        w.kill_all()
    answer.set()
    with Worker(s, "heir", **WORK, work_lease_ms=1000, work_beat_ms=300):
        delivery = ended(s, message, made, "delivered")
    requests = s.receiver.of("/killed")
    same((len(requests), len({r.id for r in requests})), (2, 1))
    same(delivery["attempts"], 1, "attempts whose end is known")
    remove(s, made)


@case
def killed_after(s):
    """A worker that dies when the receiver has answered, before it could say so,
    has it delivered once more: with the same id, by which the receiver knows
    it; and it is delivered once."""
    made = endpoint(s, "/after")
    message = publish(s)
    held = s.cluster.held("app.webhook_attempts", mode="exclusive")
    with held:
        with Worker(s, "after", **WORK, work_lease_ms=1000, work_beat_ms=300,
                    lock_timeout_ms=30000, statement_timeout_ms=30000) as w:
            wait_for(lambda: s.cluster.psql(
                "select 1 from pg_locks where not granted and relation = "
                "'app.webhook_attempts'::regclass"), "the worker to wait")
            w.kill_all()
            wait_for(lambda: not s.cluster.psql(
                "select 1 from pg_locks where not granted and relation = "
                "'app.webhook_attempts'::regclass"), "its session to end")
    with Worker(s, "after-heir", **WORK, work_lease_ms=1000, work_beat_ms=300):
        delivery = ended(s, message, made, "delivered")
    requests = s.receiver.of("/after")
    same((len(requests), len({r.id for r in requests})), (2, 1))
    same((delivery["attempts"], len(attempts(s, delivery["id"]))), (1, 1))
    same(s.cluster.psql("select count(*) from app.webhook_deliveries where "
                        f"message_id = '{message}'"), "1")
    remove(s, made)


@case
def storm(s):
    """Workers that are killed at random among many deliveries lose none: each is
    delivered, and known by its id."""
    made = endpoint(s, "/storm", *([200, 500] * 20), 200)
    messages = []

    def more(count):
        messages.extend(s.cluster.psql(
            "select lockstep.publish('test.event', jsonb_build_object('n', n),"
            f" '{sut.ALICE}') from generate_series(1, {count}) n").split())
    more(200)
    for number in range(4):
        # Enough for each to die among them, were the others done.
        more(50)
        with Worker(s, f"storm{number}", **WORK, work_lease_ms=1000,
                    work_beat_ms=300) as w:
            seen = len(s.receiver.of("/storm"))
            wait_for(lambda: len(s.receiver.of("/storm")) > seen + 20,
                     "some requests")
            w.kill_all()
    with Worker(s, "storm-heir", **WORK, work_lease_ms=1000, work_beat_ms=300):
        wait_for(lambda: s.cluster.psql(
            "select count(*) from app.webhook_deliveries where endpoint_id = "
            f"'{made['id']}' and state = 'delivered'") == str(len(messages)),
            "all of them", 120)
    same(len({r.id for r in s.receiver.of("/storm")}), len(messages))
    same(conservation(s), 0)
    remove(s, made)


# ---- Housekeeping.

@case
def forgotten(s):
    """Messages are kept for as long as the setting says, fifteen days at least,
    with their deliveries and attempts."""
    made = endpoint(s, "/old")
    with Worker(s, "old", **WORK):
        message, young = publish(s), publish(s)
        ended(s, message, made, "delivered")
        ended(s, young, made, "delivered")
    for days, kept in ((14, "1"), (31, "0")):
        s.cluster.psql("update app.webhook_messages set created_at = now() - "
                       f"interval '{days} days' where id = '{message}'")
        # The server sweeps by itself, and one sweeps at a time.
        wait_for(lambda k=kept: s.cluster.psql(
            "select lockstep.sweep_messages(1, 1000)", user="lockstep") and
            s.cluster.psql("select count(*) from app.webhook_messages where id"
                           f" = '{message}'") == k, f"{kept} messages")
        for table, column in (("messages", "id"), ("deliveries",
                                                   "message_id")):
            same(s.cluster.psql(f"select count(*) from app.webhook_{table} "
                                f"where {column} = '{message}'"), kept)
    same(state_of(s, young, made)["state"], "delivered")
    remove(s, made)


@case
def breakers_forgotten(s):
    """Breakers that nobody asks for any more, as their endpoints are gone, are
    forgotten after a day, open or not; but not of a service of the contract, nor
    one that is being tried."""
    answer = threading.Event()
    made = endpoint(s, "/trying", answer)
    with Worker(s, "trying", **WORK):
        message = publish(s)
        wait_for(lambda: s.receiver.of("/trying"), "the request")
        s.cluster.psql(
            "insert into lockstep.breakers (destination, state, open_ms, until"
            ", probe_job, probe_token, updated_at) select v.name, v.state, "
            "60000, case v.state when 'open' then v.at + interval '60 s' end, "
            "v.job, v.token, v.at from app.webhook_deliveries d join "
            "lockstep.jobs j on j.id = d.job_id cross join lateral (values "
            "('e:1', 'open', null::bigint, null::bigint, now() - interval "
            "'1 day 61 s'), ('e:2', 'half_open', j.id, j.lease_token - 1, "
            "now() - interval '3 days'), ('e:3', 'closed', null, null, now() "
            "- interval '3 days'), ('e:trying', 'half_open', j.id, "
            "j.lease_token, now() - interval '3 days'), ('e:young', 'open', "
            "null, null, now() - interval '23 hours'), ('WRITER_URL', 'open', "
            "null, null, now() - interval '3 days')) v (name, state, job, "
            f"token, at) where d.message_id = '{message}' on conflict "
            "(destination) do nothing")
        with Worker(s, "forgetting", **WORK):
            wait_for(lambda: s.cluster.psql(
                "select 1 from lockstep.breakers where destination = 'e:1'")
                == "", "the first to be forgotten")
            same(s.cluster.psql(
                "select string_agg(destination, ' ' order by destination) from"
                " lockstep.breakers where destination ~ '^(e:|WRITER_URL)'"),
                "WRITER_URL e:trying e:young")
        answer.set()
        ended(s, message, made, "delivered")
    s.cluster.psql("delete from lockstep.breakers")
    remove(s, made)


@case
def settings(s):
    """A range that is none keeps neither server nor worker from being told."""
    conf = s.config_path(0).read_text().replace("127.0.0.0/8", "localhost")
    file = s.directory / "bad.conf"
    file.write_text(conf)
    for command in ("serve", "work"):
        done = s.run(command, "--config", file, check=False)
        same((done.returncode, "deliver_allow" in done.stderr), (2, True),
             done.stderr)


@case
def conserved(s):
    """No job was lost, and none is left."""
    same(conservation(s), 0)


def main():
    top = worker.directory()
    receiver = Receiver()
    try:
        with sut.System(instances=1, contract=contract(top),
                        settings=ALLOW) as s:
            s.receiver = receiver
            s.alice = s.token("authenticated", sut.ALICE)
            s.bob = s.token("authenticated", sut.BOB)
            s.server = s.token("service_role", "letter-writer")
            of_account = ("select user_id from app.account_members where "
                          f"account_id = ({CAROL_ACCOUNT}) and role = '%s'")
            s.carol = s.token("authenticated", s.cluster.psql(
                of_account % "owner"))
            s.agent = s.token("authenticated", s.cluster.psql(
                of_account % "agent"))
            s.cluster.psql("update lockstep.jobs set state = 'cancelled', "
                           "reason = 'cancelled', finalized_at = now()")
            # Those of the demo, which are none of the tests'.
            s.cluster.psql("delete from app.webhook_messages; delete from "
                           "app.webhook_endpoints")
            return tap.run(s)
    finally:
        receiver.close()
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main())
