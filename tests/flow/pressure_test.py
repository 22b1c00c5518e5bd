# SPDX-License-Identifier: MIT
"""Backpressure: what feeds a queue is turned away while its workers are too far
behind, by age and by number, comes back by itself, and nothing that was
acknowledged is lost."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time

import system as sut
import tap
from tap import case, same, wait_for
from worker import Worker

KEY = b"0123456789abcdefghijklmn"
DEPTH, LOW = 30, 10


class World:
    def __init__(self, system):
        self.system = system
        self.sql = system.cluster.psql
        self.company = self.sql("select id from app.companies limit 1")
        self.server = system.token("service_role")
        self.serial = 0
        self.accepted = set()

    def hook(self):
        """Sends an event; the reply.  What is acknowledged is noted."""
        self.serial += 1
        event, at = f"msg_{self.serial}", str(int(time.time()))
        body = json.dumps({
            "type": "feedback.given", "timestamp": "2026-01-15T09:30:00Z",
            "data": {"company_id": self.company, "kind": "nps", "score": 9,
                     "message": "m"}}).encode()
        made = base64.b64encode(hmac.digest(
            KEY, f"{event}.{at}.".encode() + body, hashlib.sha256)).decode()
        reply = self.system.curl(
            "POST", "/api/webhooks/feedback", raw=body, headers={
                "webhook-id": event, "webhook-timestamp": at,
                "webhook-signature": "v1," + made})
        if reply.status == 202:
            self.accepted.add(event)
        return reply

    def ingest(self, count=1):
        self.serial += 1
        return self.system.curl("POST", "/api/events", self.server, [
            {"company_id": self.company, "kind": "bug",
             "external_id": f"p-{self.serial}-{n}"} for n in range(count)])

    def figure(self, name, labels='queue="webhooks"'):
        for line in self.system.ops("/metrics").body.decode().splitlines():
            if line.startswith(f"{name}{{{labels}}} "):
                return int(line.rsplit(" ", 1)[1])
        return 0

    def edges(self, name):
        return [line for line in self.system.log_lines()
                if line["event"] == name]

    def pressed(self):
        """Whether each process of the server says that the queue is too far
        behind: they look one by one."""
        last = {line["pid"]: line["event"] == "backpressure" for line in
                self.system.log_lines()
                if line["event"] in ("backpressure", "backpressure_over")}
        return [last.get(pid, False) for pid in self.system.workers(0)]

    def turned_away(self):
        return all(self.pressed()) and self.hook().status == 503

    def let_in(self):
        return not any(self.pressed()) and self.hook().status == 202

    def age(self, seconds):
        """Makes all that waits older."""
        self.sql("update lockstep.jobs set run_at = run_at - "
                 f"interval '{seconds} s' where state = 'available'")


def refused(reply):
    same((reply.status, reply.error["code"], reply.error["retryable"]),
         (503, "unavailable", True), reply.body)
    wait = int(reply.headers["retry-after"])
    assert 5 <= wait < 15, wait


@case
def too_deep(w):
    """At the high mark intake and ingestion answer 503 with Retry-After, and
    nothing of them is kept; all else goes on."""
    while len(w.accepted) < DEPTH:
        reply = w.hook()
        assert reply.status in (202, 503), reply.body
        if reply.status == 503:
            break
    wait_for(w.turned_away, "events to be turned away", 60)
    rows = w.sql("select count(*) from lockstep.inbox")
    refused(w.hook())
    wait_for(lambda: w.ingest().status == 503, "records to be turned away")
    refused(w.ingest())
    same(w.sql("select count(*) from app.events where external_id like 'p-%'"
               " and created_at > now() - interval '1 s'"), "0")
    same(w.sql("select count(*) from lockstep.inbox"), rows)
    same(w.figure("lockstep_backpressure"), 1)
    assert w.figure("lockstep_backpressure_rejected_total") >= 3
    line = w.edges("backpressure")[0]
    same((line["level"], line["queue"]), ("warn", "webhooks"))
    assert line["depth"] >= DEPTH, line
    same(w.system.get("/api/events?limit=1", w.server).status, 200)
    # A stranger does not even learn that much.
    same(w.system.curl("POST", "/api/webhooks/feedback", raw="{}").status, 401)


@case
def between_the_marks(w):
    """Between the marks nothing changes; below the low one it is let in."""
    w.sql("update lockstep.jobs set run_at = now() + interval '1 h', state = "
          "'scheduled' where id in (select id from lockstep.jobs where state = "
          "'available' and kind = 'feedback.record' order by id limit "
          f"{len(w.accepted) - (DEPTH + LOW) // 2})")
    seen = w.figure("lockstep_backpressure_rejected_total")
    wait_for(lambda: w.hook().status == 503 and w.figure(
        "lockstep_backpressure_rejected_total") > seen + 20,
        "many to be turned away", 60)
    same(w.edges("backpressure_over"), [])
    w.sql("update lockstep.jobs set run_at = now(), state = 'available' where "
          "state = 'scheduled' and kind = 'feedback.record'")


@case
def workers_come(w):
    """With workers it resumes by itself, and each event that was acknowledged
    is there and worked on, once."""
    with Worker(w.system, "worker"):
        wait_for(w.let_in, "events to be let in", 60)
        wait_for(lambda: w.ingest().status == 200, "records to be let in")
        wait_for(lambda: w.sql(
            "select count(*) from lockstep.jobs where kind = 'feedback.record' "
            "and state <> 'done'") == "0", "all to be done", 60)
    same(set(w.sql("select event_id from lockstep.inbox").split()), w.accepted)
    same(w.sql("select count(*) from lockstep.jobs where kind = "
               "'feedback.record' and state = 'done'"), str(len(w.accepted)))
    wait_for(lambda: w.figure("lockstep_backpressure") == 0, "the figure")
    assert w.edges("backpressure_over"), "no word of it"


@case
def too_old(w):
    """One job that waits for too long is enough; a paused queue's is not,
    however old; one that is not due is not late."""
    wait_for(w.let_in, "events to be let in")
    w.age(3600)
    wait_for(w.turned_away, "events to be turned away")
    assert max(l["age_ms"] for l in w.edges("backpressure")) >= 3000000
    w.sql("insert into lockstep.queues (name, paused) values ('webhooks', true)")
    wait_for(w.let_in, "events of a paused queue to be let in")
    w.sql("delete from lockstep.queues")
    wait_for(w.turned_away, "events to be turned away")
    w.sql("update lockstep.jobs set run_at = now() + interval '1 h', state = "
          "'scheduled' where state = 'available'")
    wait_for(w.let_in, "events to be let in")
    w.sql("update lockstep.jobs set run_at = now(), state = 'available' where "
          "state = 'scheduled'")


@case
def a_paused_queue_has_an_end(w):
    """A paused queue may grow old, and not without end."""
    w.sql("insert into lockstep.queues (name, paused) values ('webhooks', true)")
    wait_for(lambda: w.hook().status == 503, "an event to be turned away", 60)
    wait_for(w.turned_away, "events to be turned away", 60)
    w.sql("delete from lockstep.queues")


@case
def another_queue(w):
    """What waits in another queue keeps nobody out."""
    with Worker(w.system, "second"):
        wait_for(lambda: w.sql("select count(*) from lockstep.jobs where state "
                               "= 'available' and kind = 'feedback.record'"
                               ) == "0", "the queue to be empty", 60)
    w.sql("insert into lockstep.jobs (kind, args, claims, role, run_at, state) "
          "select 'letter.generate', '{}', '{}', 'service_role', now() - "
          f"interval '1 h', 'available' from generate_series(1, {3 * DEPTH})")
    wait_for(w.let_in, "events to be let in")
    looks = time.monotonic() + 1
    # What is let in waits in the queue: not too much of it.
    wait_for(lambda: time.monotonic() > looks or w.turned_away(), "looks",
             pause=0.2)
    same(w.hook().status, 202)
    w.sql("delete from lockstep.jobs where kind = 'letter.generate'")


@case
def the_look_fails(w):
    """When nobody can look, what was seen holds for a while, and then all are
    let in; it is said and counted."""
    w.sql("insert into lockstep.jobs (kind, args, claims, role, run_at, state) "
          "select 'feedback.record', '{}', '{}', 'service_role', now() - "
          "interval '1 h', 'available'")
    wait_for(w.turned_away, "events to be turned away")
    w.sql("revoke execute on function lockstep.pressure(text[], text[], "
          "integer) from lockstep")
    wait_for(lambda: w.figure("lockstep_pressure_failures_total", "") > 0 or
             "lockstep_pressure_failures_total" in
             w.system.ops("/metrics").body.decode(), "a failure to be counted")
    same(w.hook().status, 503)
    wait_for(w.let_in, "events to be let in", 60)
    assert w.edges("pressure_unknown"), "no word of it"
    w.sql("grant execute on function lockstep.pressure(text[], text[], "
          "integer) to lockstep")
    wait_for(w.turned_away, "events to be turned away")
    w.sql("delete from lockstep.jobs where args = '{}'")


@case
def a_look_has_a_bound(w):
    """A million jobs cost a look no more than the mark does."""
    w.sql("alter table lockstep.jobs disable trigger user")
    w.sql("insert into lockstep.jobs (kind, args, claims, role) select "
          "'feedback.record', '{\"n\":1}', '{}', 'service_role' from "
          "generate_series(1, 1000000)")
    w.sql("alter table lockstep.jobs enable trigger user")
    w.sql("vacuum analyze lockstep.jobs")
    plan = json.loads(w.sql(
        "set role lockstep; explain (analyze, buffers, format json) select * from lockstep."
        "pressure('{webhooks}', '{feedback.record}', 100000)"))[0]
    buffers = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"][
        "Shared Read Blocks"]
    print(f"# a look at 1,000,000 jobs: {plan['Execution Time']:.0f} ms, "
          f"{buffers} buffers")
    same(w.sql("set role lockstep; select depth from lockstep.pressure("
               "'{webhooks}', '{feedback.record}', 100000)"), "100000")
    assert buffers < 20000, buffers


@case
def marks(w):
    """A low mark above its high one is refused, with a sentence; one of 0 lets
    in again when there is nothing."""
    for low, high in (("age-low-s", "age-s"), ("depth-low", "depth")):
        done = w.system.run(
            "jobs", "conservation", "--config", w.system.config_path(0),
            f"--pressure-{high}=5", f"--pressure-{low}=6", check=False)
        same(done.returncode, 2, done.stdout)
        same(f"pressure_{low} is 6, and must not be above pressure_{high}, "
             "which is 5".replace("-", "_") in done.stderr, True, done.stderr)
    w.sql("alter table lockstep.jobs disable trigger user; delete from "
          "lockstep.jobs where kind = 'feedback.record'; alter table "
          "lockstep.jobs enable trigger user")
    config = w.system.config_path(0)
    with open(config, "a", encoding="utf-8") as file:
        file.write("pressure_age_low_s = 0\npressure_depth_low = 0\n")
    w.system.stop(0)
    w.system.start(0)
    w.system.ready()
    wait_for(w.let_in, "events to be let in")
    w.age(3600)
    wait_for(w.turned_away, "events to be turned away")
    w.sql("update lockstep.jobs set state = 'cancelled', reason = 'cancelled', "
          "finalized_at = now() where state = 'available'")
    wait_for(w.let_in, "events to be let in")


def main():
    with sut.System(instances=1, settings={
            "pressure_age_s": 60, "pressure_age_low_s": 30,
            "pressure_depth": DEPTH, "pressure_depth_low": LOW,
            "pressure_look_ms": 50}) as s:
        (s.directory / "hooks/feedback").write_text(
            "whsec_" + base64.b64encode(KEY).decode())
        s.stop(0)
        s.start(0)
        s.ready()
        return tap.run(World(s))


if __name__ == "__main__":
    sys.exit(main())
