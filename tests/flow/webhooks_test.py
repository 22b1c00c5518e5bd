# SPDX-License-Identifier: MIT
"""Webhooks as senders send them: each scheme through nginx, what is refused
and what that tells, events that come more than once and at once, what is kept
of those that were refused, and that a secret can be changed."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

import client
import system as sut
import tap
from tap import case, same, wait_for

STANDARD = b"0123456789abcdefghijklmn"
SECRETS = {
    "feedback": "whsec_" + base64.b64encode(STANDARD).decode(),
    "bank": "whsec_of_the_bank_as_it_stands",
    "forge": "a secret of the forge",
    "desk": "a secret of the help desk",
    "meter": "a secret of the meters",
}
# Beside the reference's own: one of each other scheme.
MORE = {
    "forge": {"scheme": "github"},
    "desk": {"scheme": "hmac", "header": "X-Desk-Signature", "id": "/id",
             "hash": "sha512", "encoding": "base64", "stamp": ","},
    "meter": {"scheme": "hmac", "header": "X-Meter", "id": "X-Meter-Id",
              "prefix": "hmac ", "limit_bytes": 2048},
    "mute": {"scheme": "github"},
}
OPEN = {"$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Anything", "type": "object", "maxProperties": 20,
        "additionalProperties": {"type": ["string", "integer", "null"],
                                 "maxLength": 4000}}
COMPANY = "select id from app.companies order by id limit 1"


def digest(secret, content, algorithm="sha256"):
    return hmac.new(secret if isinstance(secret, bytes) else secret.encode(),
                    content, algorithm).digest()


def standard(body, event, at=None, key=STANDARD, prefix="webhook"):
    at = str(int(time.time())) if at is None else str(at)
    made = digest(key, f"{event}.{at}.".encode() + body)
    return {f"{prefix}-id": event, f"{prefix}-timestamp": at,
            f"{prefix}-signature": "v1," + base64.b64encode(made).decode()}


def stripe(body, secret=SECRETS["bank"], at=None):
    at = str(int(time.time())) if at is None else str(at)
    made = digest(secret, at.encode() + b"." + body).hex()
    return {"Stripe-Signature": f"t={at},v1={made}"}


def github(body, event, secret=SECRETS["forge"]):
    return {"X-Hub-Signature-256": "sha256=" + digest(secret, body).hex(),
            "X-GitHub-Delivery": event}


class World:
    """The system, and what a sender does with it."""

    def __init__(self, system):
        self.system = system
        self.sql = system.cluster.psql
        self.company = self.sql(COMPANY)
        self.count = 0

    def event(self, **data):
        self.count += 1
        data = {"company_id": self.company, "kind": "nps", "score": 9,
                "message": f"No. {self.count}", **data}
        body = json.dumps({"type": "feedback.given",
                           "timestamp": "2026-01-15T09:30:00Z", "data": data})
        return f"msg_{self.count}_{os.urandom(4).hex()}", body.encode()

    def post(self, source, body, headers, **more):
        return self.system.curl("POST", f"/api/webhooks/{source}", raw=body,
                                headers=headers, **more)

    def rows(self, where="true"):
        return int(self.sql(f"select count(*) from lockstep.inbox where "
                            f"{where}"))

    def refused(self, source):
        text = self.sql(
            "select coalesce(json_agg(json_build_object('reason', reason, "
            "'issues', issues, 'bytes', bytes, 'deliveries', deliveries, "
            "'kept', length(body), 'event', event_id) order by id), '[]') "
            f"from lockstep.inbox_refused where source = '{source}'")
        return json.loads(text)

    def figure(self, source, outcome):
        wanted = f'source="{source}",outcome="{outcome}"'
        for line in self.system.ops("/metrics").body.decode().splitlines():
            if line.startswith("lockstep_webhooks_total{") and wanted in line:
                return int(line.rsplit(" ", 1)[1])
        return 0


@case
def each_scheme(w):
    """An event of each scheme is taken with 202 and leaves one row and one
    job; once more, with 200 and nothing else."""
    bank = json.dumps({"id": "evt_1", "type": "payout.failed", "data": {
        "object": {"payout_id": sut.ALICE}}}).encode()
    event, feedback = w.event()
    simple = b'{"id": "d-1", "text": "caf\xc3\xa9"}'
    at = str(int(time.time()))
    desk = base64.b64encode(digest(SECRETS["desk"], at.encode() + b"," +
                                   simple, "sha512")).decode()
    meter = "hmac " + digest(SECRETS["meter"], simple).hex()
    sent = [
        ("feedback", event, feedback, standard(feedback, event)),
        ("bank", "evt_1", bank, stripe(bank)),
        ("forge", "f-1", simple, github(simple, "f-1")),
        ("desk", "d-1", simple, {"X-Desk-Signature": f"v1={desk},t={at}"}),
        ("meter", "m-1", simple, {"X-Meter": meter, "x-meter-id": "m-1"}),
    ]
    for source, event, body, headers in sent:
        reply = w.post(source, body, headers)
        same(reply.status, 202, source + str(reply.body))
        same(reply.data, {"state": "accepted"}, source)
        again = w.post(source, body, headers)
        same((again.status, again.data), (200, {"state": "duplicate"}), source)
        same(w.sql("select i.body::text, i.deliveries, j.args, j.claims, "
                   "j.role, j.state from lockstep.inbox i join lockstep.jobs j "
                   f"on j.id = i.job_id where source = '{source}' and "
                   f"event_id = '{event}'"),
             f"{body.decode()}|2|" + json.dumps(
                 {"source": source, "event_id": event}) + "|" + json.dumps(
                 {"sub": f"webhook:{source}", "role": "service_role"}) +
             "|service_role|available", source)
        same(w.sql("select count(*) from lockstep.jobs where args ->> "
                   f"'event_id' = '{event}'"), "1", source)
        same(w.figure(source, "accepted"), 1, source)
        same(w.figure(source, "duplicate"), 1, source)


@case
def svix_names(w):
    """The headers of Standard Webhooks may have Svix's names."""
    event, body = w.event()
    same(w.post("feedback", body, standard(body, event, prefix="svix")).status,
         202)


@case
def no_oracle(w):
    """Whatever is wrong with a signature, the reply is the same, byte for
    byte, and nothing is kept."""
    event, body = w.event()
    good = standard(body, event)
    now = int(time.time())
    name = "webhook-timestamp"
    bad = [
        {}, {**good, "webhook-id": "msg_x"}, {**good, "webhook-id": "a.b"},
        {**good, name: str(now + 1)}, {**good, name: f"{now}abc"},
        {**good, name: f"{now}.0"}, {**good, name: "Infinity"},
        {**good, "webhook-signature": "v1,AAAA"},
        {**good, "webhook-signature": "x" * 5000},
        {k: v for k, v in good.items() if k != "webhook-id"},
        standard(body + b" ", event), standard(body, event, key=b"x" * 24),
        standard(body, event, at=now - 310),
        # It gets younger while it waits.
        standard(body, event, at=now + 360),
        {**good, name: f"0{now}"},
        {**good, "Authorization": "Bearer a.b.c", name: "1"},
    ]
    before = w.rows(), len(w.refused("feedback"))
    replies = set()
    for headers in bad:
        reply = w.post("feedback", body, {**headers, "X-Request-Id": "same"})
        same(reply.status, 401, str(headers))
        dropped = ("date", "server-timing")
        replies.add((reply.body, tuple(sorted(
            (k, v) for k, v in reply.headers.items() if k not in dropped))))
    same(len(replies), 1, str(replies))
    same(json.loads(replies.pop()[0])["error"]["code"], "signature_invalid")
    same((w.rows(), len(w.refused("feedback"))), before, "rows")
    for outcome in ("unsigned", "malformed", "forged", "stale"):
        assert w.figure("feedback", outcome) > 0, outcome


@case
def repeated_header(w):
    """A signature that comes in two lines is none."""
    event, body = w.event()
    headers = standard(body, event)
    twice = headers.pop("webhook-signature")
    reply = w.post("feedback", body, headers, arguments=[
        "-H", f"webhook-signature: {twice}",
        "-H", f"webhook-signature: {twice}"])
    same(reply.status, 401)


@case
def signed_by_another(w):
    """The secret of one source is not that of another."""
    _, body = w.event()
    same(w.post("forge", body, github(body, "f-2", SECRETS["meter"])).status,
         401)


@case
def bytes_as_they_came(w):
    """The raw bytes are what is signed and what is kept: spaces, order and
    escapes are the sender's."""
    event, _ = w.event()
    body = (b'{ "type" : "feedback.given",\r\n\t"data": {"kind":"comment", '
            b'"company_id":"' + w.company.encode() +
            b'", "message":"\\u00e9\xc3\xa9"}, '
            b'"timestamp": "2026-01-15T09:30:00Z" }\n')
    same(w.post("feedback", body, standard(body, event)).status, 202)
    same(bytes.fromhex(w.sql(
        "select encode(convert_to(body::text, 'UTF8'), 'hex') from "
        f"lockstep.inbox where event_id = '{event}'")), body)


@case
def invalid_ones(w):
    """What is signed and not valid is told in detail, kept with its reason,
    once however often it comes, and never the whole of a large one."""
    same(w.refused("feedback"), [], "nothing yet")
    _, good = w.event()
    sent = [
        (b'{"type": "feedback.given"', 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b"{}", 422, "validation_failed"),
        (good.replace(b'"nps"', b'"nbs"'), 422, "validation_failed"),
        (good.replace(b"No.", b"\\u0000"), 422, "validation_failed"),
        (good.replace(b"No.", b"x" * 60000), 422, "validation_failed"),
    ]
    for number, (body, status, code) in enumerate(sent):
        for _ in range(2):
            reply = w.post("feedback", body, standard(body, f"bad_{number}"))
            same((reply.status, reply.error["code"]), (status, code), str(body))
    kept = w.refused("feedback")
    same([(k["reason"], k["bytes"], k["deliveries"], k["event"])
          for k in kept],
         [(code, len(body), 2, f"bad_{n}")
          for n, (body, _, code) in enumerate(sent)])
    same(kept[-1]["kept"], 16384)
    same(kept[3]["issues"]["issues"][0]["code"], "invalid_type")
    same(w.rows("event_id like 'bad_%'"), 0)
    reply = w.post("feedback", good, {**standard(good, "bad_9"),
                                      "Content-Type": "text/plain"})
    same((reply.status, reply.error["code"]), (415, "unsupported_media_type"))


@case
def ids(w):
    """An event without a fit id is refused, with the place of it."""
    for body, pointer in ((b'{"x": 1}', "/id"), (b'{"id": null}', "/id"),
                          (b'{"id": ""}', "/id"), (b'{"id": "a b"}', "/id")):
        at = str(int(time.time()))
        made = base64.b64encode(digest(
            SECRETS["desk"], at.encode() + b"," + body, "sha512")).decode()
        reply = w.post("desk", body, {"X-Desk-Signature": f"t={at},v1={made}"})
        same((reply.status, reply.error["issues"][0]["pointer"]),
             (422, pointer), str(body))
    at, body = str(int(time.time())), b'{"id": 4711}'
    made = base64.b64encode(digest(
        SECRETS["desk"], at.encode() + b"," + body, "sha512")).decode()
    same(w.post("desk", body, {"X-Desk-Signature": f"t={at},v1={made}"})
         .status, 202)
    same(w.rows("source = 'desk' and event_id = '4711'"), 1)
    headers = github(b"{}", "f-3")
    del headers["X-GitHub-Delivery"]
    same(w.post("forge", b"{}", headers).status, 422)


@case
def refusals_are_capped(w):
    """Of refused events of a source the newest thousand are kept."""
    w.sql("insert into lockstep.inbox_refused (source, reason, body, bytes, "
          "body_sha, seen_at) select 'forge', 'x', '', 0, "
          "int8send(n), now() - n * interval '1 s' "
          "from generate_series(1, 1500) n")
    w.post("forge", b"[]", github(b"[]", "f-4"))
    same(w.sql("select count(*), count(*) filter (where reason <> 'x') > 0 "
               "from lockstep.inbox_refused where source = 'forge'"),
         "1000|t")


@case
def another_body(w):
    """The same id with another body is a 409, kept, counted and an alarm in
    the log; the first one stays."""
    event, body = w.event()
    same(w.post("feedback", body, standard(body, event)).status, 202)
    other = body.replace(b"No.", b"no.")
    before = w.figure("feedback", "conflict")
    reply = w.post("feedback", other, {**standard(other, event),
                                       "X-Request-Id": "the-alarm"})
    same((reply.status, reply.error["code"]), (409, "event_conflict"))
    same(w.sql("select body::text, deliveries from lockstep.inbox where "
               f"event_id = '{event}'"), f"{body.decode()}|1")
    same([(k["reason"], k["bytes"]) for k in w.refused("feedback")
          if k["event"] == event], [("event_conflict", len(other))])
    same(w.figure("feedback", "conflict"), before + 1)
    alarm = wait_for(lambda: [
        line for line in w.system.log_lines()
        if line["event"] == "webhook_conflict"], "the alarm")
    same([(a["level"], a["source"], a["request_id"]) for a in alarm],
         [("error", "feedback", "the-alarm")])


@case
def at_once(w):
    """Of 64 parallel posts of one event one is taken, for each of 16 events,
    and all others are duplicates of it."""
    for _ in range(16):
        event, body = w.event()
        wire = client.request("POST", "/api/webhooks/feedback", body=body,
                              headers=standard(body, event).items())
        seen, start = [], threading.Barrier(64)

        def answer(c, wire):
            """The status, unless it is to come again."""
            status = c.ask(wire).status
            return status != 503 and status

        def post():
            with client.Client(w.system.port) as c:
                start.wait()
                seen.append(wait_for(lambda: answer(c, wire), "an answer"))

        threads = [threading.Thread(target=post) for _ in range(64)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        same((seen.count(202), seen.count(200)), (1, 63), str(seen))
        same(w.sql("select deliveries, (select count(*) from lockstep.jobs "
                   "where args ->> 'event_id' = i.event_id) from "
                   f"lockstep.inbox i where event_id = '{event}'"), "64|1")


@case
def in_order(w):
    """Events of the same key have the same serial key, those without one
    have none."""
    event, body = w.event()
    w.post("feedback", body, standard(body, event))
    w.post("forge", b"{}", github(b"{}", "f-5"))
    same(w.sql("select j.serial_key from lockstep.jobs j where args ->> "
               f"'event_id' in ('{event}', 'f-5') order by id"),
         f"webhook:feedback:{w.company}")


@case
def routes(w):
    """Other methods are 405, other sources 404, and neither looks at a
    signature."""
    reply = w.system.get("/api/webhooks/feedback")
    same((reply.status, reply.headers["allow"]), (405, "OPTIONS, POST"))
    same(w.post("nobody", b"{}", {}).status, 404)
    same(w.post("", b"{}", {}).status, 400)
    same(w.system.curl("OPTIONS", "/api/webhooks/feedback").headers["allow"],
         "OPTIONS, POST")


@case
def large_bodies(w):
    """A body over the source's limit is 413 before anything is looked at,
    as is one over the server's."""
    body = json.dumps({"text": "x" * 2100}).encode()
    same(w.post("meter", body, {}).status, 413)
    same(w.post("forge", b"x" * 300000, {}).status, 413)


@case
def without_a_secret(w):
    """A source whose secrets are missing is 503, so that its sender comes
    back, and the log said so when the server began."""
    reply = w.post("mute", b"{}", github(b"{}", "q-1"))
    same((reply.status, reply.headers["retry-after"]), (503, "1"))
    same({line["source"] for line in w.system.log_lines()
          if line["event"] == "webhook_without_secret"}, {"mute"})


@case
def rotation(w):
    """A secret can be changed without a gap: the new one is added, holds from
    the reload on, and the old one ends when it is said to."""
    path = w.system.hooks / "forge"
    hour = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    newer = "another secret of the forge"
    post = lambda n, secret: w.post("forge", b"{}", github(
        b"{}", f"r-{n}-{os.urandom(3).hex()}", secret)).status
    same(post(1, newer), 401)
    path.write_text(f"{SECRETS['forge']} until {hour}\n{newer}\n")
    reload(w)
    same((post(2, newer), post(3, SECRETS["forge"])), (202, 202))
    path.write_text(f"{SECRETS['forge']} until {past}\n{newer}\n")
    reload(w)
    same((post(4, newer), post(5, SECRETS["forge"])), (202, 401))
    # A file that is wrong leaves the server as it is.
    path.write_text("short\n")
    for number in range(w.system.instances):
        os.kill(w.system.pid(number), 1)
    wait_for(lambda: any(line["event"] == "reload_refused" and
                         "line 1: a secret must have" in line["cause"]
                         for line in w.system.log_lines()), "the refusal")
    assert "short" not in "".join(map(str, w.system.log_lines()))
    same(post(6, newer), 202)


def reload(w):
    """Waits until each instance has new workers and no old ones."""
    for number in range(w.system.instances):
        old = set(w.system.workers(number))
        os.kill(w.system.pid(number), 1)
        wait_for(lambda: not old & set(w.system.workers(number)) and
                 len(w.system.workers(number)) == 2, "the reload")


@case
def log_of_events(w):
    """People see each event, its deliveries and its job, each attempt, and
    never a body; callers of the API see nothing of it."""
    same(w.sql("select count(*) = (select count(*) from lockstep.inbox) from "
               "lockstep.sync_log", user="postgres"), "t")
    as_operator = "set role operator; "
    assert int(w.sql(as_operator + "select count(*) from lockstep.sync_log "
                     "where state = 'available' and deliveries > 1")) > 0
    error = json.dumps([{"attempt": 1, "at": "2026-01-01T00:00:00Z",
                         "code": "23503", "message": "m"}])
    w.sql(f"update lockstep.jobs set errors = '{error}' "
          "where id = (select min(job_id) from lockstep.inbox)")
    same(w.sql(as_operator + "select attempt, code, message from "
               "lockstep.sync_attempts"), "1|23503|m")
    for role, what in (("operator", "select body from lockstep.inbox"),
                       ("service_role", "select 1 from lockstep.sync_log"),
                       ("authenticated", "select lockstep.event('x', 'y')"),
                       ("lockstep", "select 1 from lockstep.inbox")):
        same(w.sql(f"set role {role}; {what}", check=False), "", role)


@case
def old_events(w):
    """An event is known for as long as it is to be, fifteen days at least,
    and forgotten then."""
    w.sql("insert into lockstep.inbox (source, event_id, body, body_sha, role, "
          "job_id, received_at) select 'old', n::text, '{}', '', "
          "'service_role', 0, now() - make_interval(days => n) "
          "from generate_series(1, 100) n")
    left = "select count(*), max(event_id::int) from lockstep.inbox " \
        "where source = 'old'"
    # The servers sweep by themselves, and one sweeps at a time.
    for days, kept in ((90, "89|89"), (1, "14|14")):
        wait_for(lambda d=days, k=kept: w.sql(
            f"select lockstep.sweep_events({d}, 1000)", user="lockstep") and
            w.sql(left) == k, f"events of {days} days: {kept}")


@case
def the_work(w):
    """What a job of the reference does with an event is done as the role
    that took it, and does no harm when it is done twice."""
    event, body = w.event(external_id=None)
    same(w.post("feedback", body, standard(body, event)).status, 202)
    call = ("set role service_role; "
            f"select app.record_feedback('feedback', '{event}')")
    w.sql(call)
    w.sql(call)
    same(w.sql("select score, occurred_at from app.events where "
               f"external_id = '{event}'"), "9|2026-01-15 09:30:00+00")
    payout = w.sql("update app.payouts set status = 'processing' where id = "
                   "(select id from app.payouts order by id limit 1) "
                   "returning id")
    body = json.dumps({"id": "evt_9", "type": "payout.paid", "data": {
        "object": {"payout_id": payout, "reference": "t-1"}}}).encode()
    same(w.post("bank", body, stripe(body)).status, 202)
    for _ in range(2):
        w.sql("set role service_role; "
              "select app.settle_payout('bank', 'evt_9')")
    same(w.sql("select status, provider_reference from app.payouts where id = "
               f"'{payout}'"), "paid|t-1")


@case
def lost_commit(w):
    """A connection that is lost under an event costs nothing: it is taken,
    once, and told so."""
    event, body = w.event()
    with w.system.cluster.held("lockstep.inbox"):
        later = sut.Later(w.system, "POST", "/api/webhooks/feedback", raw=body,
                          headers=standard(body, event))
        wait_for(lambda: sut.waiting(w.system, 1), "the event to wait")
        w.sql("select pg_terminate_backend(pid) from pg_stat_activity "
              "where wait_event_type = 'Lock' and usename = 'lockstep'")
        wait_for(lambda: sut.waiting(w.system, 1), "the second try")
    assert later.finish().status in (200, 202), later.reply.body
    same(w.rows(f"event_id = '{event}'"), 1)


def prepare(directory):
    """The reference contract with more sources, and the secrets."""
    contract, hooks = directory / "contract", directory / "hooks"
    shutil.copytree(sut.TOP / "contract", contract)
    hooks.mkdir()
    (contract / "schemas/anything.json").write_text(json.dumps(OPEN))
    for name, row in MORE.items():
        (contract / f"webhooks/{name}.json").write_text(json.dumps({
            "webhook": name, "body": "schemas/anything.json",
            "job": "feedback.record", "role": "service_role", **row}))
    for name, secret in SECRETS.items():
        (hooks / name).write_text(secret + "\n")
    return contract, hooks


def main():
    with tempfile.TemporaryDirectory(prefix="lockstep-hooks-") as home:
        os.chmod(home, 0o755)
        contract, hooks = prepare(pathlib.Path(home))
        with sut.System(contract=contract, conn=5000, settings={
                "webhook_secrets": hooks, "lock_timeout_ms": 8000,
                "statement_timeout_ms": 8000}) as s:
            s.hooks = hooks
            return tap.run(World(s))


if __name__ == "__main__":
    sys.exit(main())
