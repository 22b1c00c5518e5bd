# SPDX-License-Identifier: MIT
"""Faults, for the test of the monitor: one for each alert, and which alert and
which check of /api/monitor must tell it. Each is a context: within it there is
the fault; what it yields, if anything, is done again and again meanwhile."""

import base64
import contextlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import time

import system as sut
import tap
from tap import same
from worker import Session, Worker

# Ages and numbers are low, so that nobody has to wait for them.
MARKS = {"monitor_transaction_s": 2, "monitor_latency_ms": 300,
         "monitor_depth": 20, "monitor_replica_s": 2, "monitor_age_s": 2,
         "monitor_lag_s": 2}
PRESSURE = {"pressure_depth": 12, "pressure_depth_low": 6}
AGAIN_S = 6     # what is counted over seconds goes on as often


def metrics(s):
    return s.ops("/metrics").body.decode()


def contract(directory):
    """The reference contract, but for an expectation that is looked at each
    second."""
    top = directory / "contract"
    shutil.copytree(sut.TOP / "contract", top)
    path = top / "expectations/events.named.json"
    row = json.loads(path.read_text())
    path.write_text(json.dumps({**row, "schedule": "every 1 s"}))
    return top


def again(step):
    """The step, but now and then only."""
    last = time.monotonic()

    def run():
        nonlocal last
        if time.monotonic() - last > AGAIN_S:
            step()
            last = time.monotonic()
    step()
    return run


ENDPOINT = "0e0e0e0e-0000-4000-8000-000000000001"


@contextlib.contextmanager
def sql(s, fault, mending):
    s.cluster.psql(fault)
    try:
        yield
    finally:
        s.cluster.psql(mending)


def leave(kind, age, count=1, state="available"):
    over = state == "dead"
    return (
        "insert into lockstep.jobs (kind, args, claims, role, state, run_at, "
        f"reason, finalized_at) select '{kind}', '{{\"test\":1}}', '{{}}', "
        f"'service_role', '{state}', clock_timestamp() - interval '{age}', "
        f"{chr(39) + 'exhausted' + chr(39) if over else 'null'}, "
        f"{'now()' if over else 'null'} from generate_series(1, {count})")


TAKE_BACK = ("update lockstep.jobs set state = 'cancelled', reason = "
             "'cancelled', finalized_at = now() where args = '{\"test\":1}' and "
             "state in ('available', 'dead') and kind = '%s'")


@contextlib.contextmanager
def old_queue(s):
    """Two queues are paused, and a job has waited in one for minutes."""
    s.cluster.psql("insert into lockstep.queues (name, paused) values "
                   "('webhooks', true), ('exports', true) on conflict (name) "
                   "do update set paused = true")
    try:
        tap.wait_for(lambda: all(f'lockstep_queue_paused{{queue="{q}"}} 1' in
                                 metrics(s) for q in ("webhooks", "exports")),
                     "the worker to heed it", 60)
        with sql(s, leave("payout.settle", "5 min"),
                 TAKE_BACK % "payout.settle"):
            yield
    finally:
        s.cluster.psql("update lockstep.queues set paused = false")


def send(s, key):
    """An event of the survey service, signed with that key."""
    event, at = os.urandom(8).hex(), str(int(time.time()))
    body = json.dumps({"type": "feedback.given", "timestamp":
                       "2026-01-15T09:30:00Z", "data": {
                           "company_id": s.company, "kind": "nps",
                           "score": 9, "message": "m"}}).encode()
    made = base64.b64encode(hmac.digest(
        key, f"{event}.{at}.".encode() + body, "sha256")).decode()
    return s.curl("POST", "/api/webhooks/feedback", raw=body, record=False,
                  headers={"webhook-id": event, "webhook-timestamp": at,
                           "webhook-signature": "v1," + made}).status


@contextlib.contextmanager
def pressed(s):
    """Events come into the queue that is paused, until they are turned away."""
    key = (s.directory / "hooks/feedback").read_text().strip()
    key = base64.b64decode(key.removeprefix("whsec_"))
    same(send(s, key), 202)
    tap.wait_for(lambda: send(s, key) == 503, "events to be turned away", 60)
    yield


@contextlib.contextmanager
def forged(s):
    """Events come that somebody else has signed, more than a few."""
    def forge():
        same(send(s, b"nobody's key of 24 bytes"), 401)
    for _ in range(8):
        forge()
    yield forge


def deep_queue(s):
    # Nobody serves it: its service is not known to the worker.
    return sql(s, leave("letter.generate", "1 s", 30),
               TAKE_BACK % "letter.generate")


def dead_letter(s):
    return sql(s, leave("invitation.forget", "1 s", state="dead"),
               TAKE_BACK % "invitation.forget")


def unknown_kind(s):
    return sql(s, leave("nobody.knows", "1 s"), TAKE_BACK % "nobody.knows")


def open_breaker(s):
    return sql(s, "insert into lockstep.breakers (destination, state, failures, "
               "failing_since, until) values ('WRITER_URL', 'open', 5, now(), "
               "now() + interval '1 hour')",
               "delete from lockstep.breakers where destination = 'WRITER_URL'")


def failed_delivery(s):
    message = ENDPOINT.replace("0e0e", "0f0f", 1)
    return sql(
        s, "insert into app.webhook_endpoints (id, owner_id, url) values "
        f"('{ENDPOINT}', '{sut.ALICE}', 'https://a.example.com/'); "
        "insert into app.webhook_messages (id, owner_id, type, data) values "
        f"('{message}', '{sut.ALICE}', 'letter.sent', '{{}}'); "
        "insert into app.webhook_deliveries (owner_id, message_id, endpoint_id,"
        f" type, state) values ('{sut.ALICE}', '{message}', '{ENDPOINT}', "
        "'letter.sent', 'failed')",
        f"delete from app.webhook_endpoints where id = '{ENDPOINT}'; "
        f"delete from app.webhook_messages where id = '{message}'")


def lost_job(s):
    return sql(s, "insert into lockstep.job_ledger (n) values (3)",
               "insert into lockstep.job_ledger (purged) values (3)")


@contextlib.contextmanager
def held_snapshot(s):
    with Session(s) as session:
        session.ask("begin isolation level repeatable read; select 1")
        yield


def ask_often(s, path):
    """So often that there are enough in a few seconds, however long one takes."""
    asked = [sut.Later(s, "GET", path, s.service, record=False)
             for _ in range(4)]
    for one in asked:
        one.finish()


@contextlib.contextmanager
def failing_route(s):
    with sql(s, "alter function lockstep.job_conservation() rename to gone",
             "alter function lockstep.gone() rename to job_conservation"):
        yield lambda: ask_often(s, "/api/jobs/conservation")


@contextlib.contextmanager
def slow_route(s):
    with sql(s, "create policy slow on app.coupons as restrictive for select "
             "to service_role using ((select pg_sleep(0.4)) is not null)",
             "drop policy slow on app.coupons"):
        yield lambda: ask_often(s, "/api/coupons")


@contextlib.contextmanager
def replica_behind(s):
    s.replica.psql("select pg_wal_replay_pause()", database="postgres")
    try:
        yield lambda: s.cluster.psql(
            "select pg_logical_emit_message(true, 'test', 'a')")
    finally:
        s.replica.psql("select pg_wal_replay_resume()", database="postgres")


@contextlib.contextmanager
def refused(s):
    """A section that the worker may not read."""
    with sql(s, "revoke select on lockstep.schedules from lockstep_worker",
             "grant select on lockstep.schedules to lockstep_worker"):
        yield


# ---- Exports.

def export(s, resource):
    reply = s.curl("POST", f"/api/{resource}/export?format=csv", s.service,
                   record=False)
    same(reply.status, 202, reply.body)
    return reply.data["id"]


@contextlib.contextmanager
def failed_export(s):
    """The spool is gone, and an export is tried for the last time."""
    away = s.spool.with_name("away")
    s.spool.rename(away)
    try:
        made = export(s, "companies")
        job = s.cluster.psql("select job from lockstep.exports where id = "
                             f"'{made}'")
        # The times before are not waited for.
        tap.wait_for(lambda: s.cluster.psql(
            "update lockstep.jobs set max_attempts = attempt + 1, run_at = now()"
            f" where id = {job} and state in ('available', 'scheduled') "
            "returning id"), "the export to wait", 60)
        tap.wait_for(lambda: s.cluster.psql(
            f"select state from lockstep.exports where id = '{made}'"
            ) == "failed", "the export to fail", 60)
        yield
    finally:
        away.rename(s.spool)
    s.run("jobs", "replay", job, "--config", s.config_path(0))


@contextlib.contextmanager
def stalled_export(s):
    """An export is asked for, whose queue is paused."""
    export(s, "events")
    yield


# ---- What is made of the data, and of its tables.

def unfolded(s):
    return sql(s, "alter function app.company_events_fold(integer) rename to "
               "gone; insert into app.events (company_id, kind, external_id) "
               f"values ('{s.company}', 'bug', 'unfolded')",
               "alter function app.gone(integer) rename to "
               "company_events_fold")


@contextlib.contextmanager
def wrong_rollup(s):
    """Figures were changed, and an audit is made."""
    rollup = ("company_tickets", "--config", s.config_path(0))
    s.cluster.psql("update app.company_tickets_base set urgent = urgent + 1")
    same(s.run("rollup", "audit", *rollup, "--all", check=False).returncode, 1)
    yield
    s.run("rollup", "rebuild", *rollup)


def nameless_events(s):
    return sql(s, "insert into app.events (company_id, kind, message) select "
               f"'{s.company}', 'comment', 'nameless' from generate_series(1, "
               "10 + (select count(*) from app.events where created_at > now() "
               "- interval '1 day'))",
               "delete from app.events where message = 'nameless'")


@contextlib.contextmanager
def part_in_the_way(s):
    """A table whose parts were not made for months, and a table that has the
    next one's name."""
    s.cluster.psql("create schema parts authorization lockstep_owner")
    name = s.cluster.psql(
        """create table parts.readings (id bigint not null,
            at timestamptz not null) partition by range (at);
        select from lockstep.partition_begin('parts.readings', 'at', 'month', 1,
            at => now() - interval '5 months');
        do $$ begin execute (select 'create table ' || lockstep.part_name(
                p.relation, p.period, p.made_until) || ' ()'
            from lockstep.partitions p where p.relation = 'parts.readings');
        end $$;
        select lockstep.part_name(p.relation, p.period, p.made_until)
        from lockstep.partitions p where p.relation = 'parts.readings'""",
        user="lockstep_owner")
    with sql(s, "select", f"drop table {name}"):
        yield


def late_schedule(s):
    tick = ("execute on function lockstep.schedule_tick(text, timestamptz, "
            "timestamptz, timestamptz, bigint, jsonb, text)")
    return sql(s, f"revoke {tick} from lockstep_worker; update "
               "lockstep.schedules set next_tick = date_trunc('second', now()) "
               "- interval '5 min' where name = 'invitation.forget'",
               f"grant {tick} to lockstep_worker")


# ---- The server and its host.

@contextlib.contextmanager
def wider_grant(s):
    """A role may do more than the contract says, which a reload finds."""
    wider = "insert (status) on app.letters"
    with sql(s, f"grant {wider} to authenticated",
             f"revoke {wider} from authenticated"):
        os.kill(s.pid(0), signal.SIGHUP)
        yield


def rush(s):
    """Eighty requests at once wait for a lock, of sixteen threads, until some of
    them were refused."""
    told = s.directory / "rush"
    with s.cluster.held("app.letters"), open(told, "wb") as err:
        clients = subprocess.Popen(
            ["curl", "-Z", "--parallel-immediate", "--parallel-max", "80", "-sS",
             "-o", "/dev/null", "-w", "%{stderr}%{http_code}\n", "-H",
             f"Authorization: Bearer {s.service}",
             f"{s.url}/api/letters?limit=[1-80]"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        tap.wait_for(lambda: told.read_text().count("503") > 8, "refusals", 60)
    same(clients.wait(60), 0)


@contextlib.contextmanager
def crowd(s):
    """More requests come at once than are served."""
    yield again(lambda: rush(s))


def kill_workers(s):
    for _ in range(2):
        # A look that has only just begun still has a worker's name.
        old = s.workers(1)
        for pid in old:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        tap.wait_for(lambda: len(set(s.workers(1)) - set(old)) >= 2,
                     "new workers", 60)


@contextlib.contextmanager
def dying_workers(s):
    """The processes of a server die again and again."""
    yield again(lambda: kill_workers(s))


@contextlib.contextmanager
def no_room(s):
    """A worker has a contract with more kinds than the figures have room
    for."""
    top = s.directory / "many"
    shutil.copytree(s.contract, top)
    row = json.loads((top / "jobs/payout.settle.json").read_text())
    for n in range(700):
        (top / f"jobs/many.kind_{n}.json").write_text(json.dumps(
            {**row, "job": f"many.kind_{n}", "queue": f"many_{n}"}))
    with Worker(s, "many", contract=top, **MARKS):
        tap.wait_for(lambda: "lockstep_metric_dropped_total 0\n" not in
                     metrics(s), "the figures to be full", 60, 0.1)
        yield
    new_figures(s)


def new_figures(s):
    """What runs is stopped, and begins with another file: a place in the old one
    is never given back."""
    s.worker.__exit__()
    for number in range(s.instances):
        same(s.stop(number), 0, "exit")
    (s.directory / "metrics").unlink()
    for number in range(s.instances):
        s.start(number)
    s.worker = Worker(s, "last", **MARKS).__enter__()
    s.ready()


# The fault, the alert and its subject, the check that is the same, its state.
# None: it is the fault before; or no check tells it.
FAULTS = [
    (failed_export, "LockstepExportFailed", "companies.export",
     "export_failed", "unhealthy"),
    (old_queue, "LockstepQueueOld", "webhooks", "queue_age", "unhealthy"),
    (None, "LockstepWebhookOld", "bank", "webhook_age", "unhealthy"),
    (pressed, "LockstepBackpressure", "webhooks", None, None),
    (stalled_export, "LockstepExportStalled", "events.export",
     "export_stalled", "unhealthy"),
    (deep_queue, "LockstepQueueDeep", "letters", "queue_depth", "unhealthy"),
    (dead_letter, "LockstepJobsDead", "invitation.forget", "job_dead",
     "unhealthy"),
    (unknown_kind, "LockstepJobsUnknown", "jobs", "job_unknown", "unhealthy"),
    (open_breaker, "LockstepServiceNotCalled", "WRITER_URL", "breaker_state",
     "unhealthy"),
    (None, "LockstepServiceFails", "WRITER_URL", "service_failures",
     "unhealthy"),
    (failed_delivery, "LockstepMessageFailed", "letter.sent",
     "message_failed", "unhealthy"),
    (lost_job, "LockstepJobsLost", "jobs", "conservation_error", "unhealthy"),
    (unfolded, "LockstepRollupOld", "company_events", "rollup_lag",
     "unhealthy"),
    (wrong_rollup, "LockstepRollupWrong", "company_tickets",
     "rollup_mismatch", "unhealthy"),
    (nameless_events, "LockstepExpectationFailed", "events.named",
     "expectation_failed", "unhealthy"),
    (part_in_the_way, "LockstepPartitionsFail", "parts.readings",
     "partition_failed", "unhealthy"),
    (None, "LockstepPartitionsShort", "parts.readings", "partition_ahead",
     "unhealthy"),
    (wider_grant, "LockstepUnsafe", "unsafe", None, None),
    (held_snapshot, "LockstepOldTransaction", "oldest transaction",
     "snapshot_age", "unhealthy"),
    (slow_route, "LockstepRouteSlow", "GET /coupons", "route_latency",
     "unhealthy"),
    (replica_behind, "LockstepReplicaBehind", "walreceiver",
     "replication_lag", "unhealthy"),
    (refused, "LockstepCheckUnknown", "invitation.forget", "schedule_lag",
     "unknown"),
]
# Those that would be in the way of one of these; what takes a while comes first,
# as nothing else goes on meanwhile.
OTHERS = [
    (crowd, "LockstepRefused", "", None, None),
    (dying_workers, "LockstepWorkersDie", "", None, None),
    (failing_route, "LockstepRouteErrors", "GET /jobs/conservation",
     "route_errors", "unhealthy"),
    (late_schedule, "LockstepScheduleLate", "invitation.forget",
     "schedule_lag", "unhealthy"),
    (forged, "LockstepWebhookForged", "feedback", None, None),
]
# It costs all figures there are: the last one.
LAST = [(no_room, "LockstepFiguresDropped", "", None, None)]
