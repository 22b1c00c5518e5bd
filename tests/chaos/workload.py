# SPDX-License-Identifier: MIT
"""The application under test and who uses it: senders that post signed events
through nginx, as often as it takes and sometimes once more; and programs that
leave an order and its job in one transaction of SQL.  What a job does is a row
in a table in which nothing is unique.  Some events are told to a service first,
and some jobs are an operator's to cancel, or fail by chance until they are
replayed."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import random
import select
import shutil
import subprocess
import threading
import time

import client
import system as sut
from checker import History
from hearer import Hearer, reply

KEY = b"0123456789abcdefghijklmn"
SOURCES = {"chaos_held": "chaos.held", "chaos_leased": "chaos.leased",
           "chaos_batch": "chaos.batch", "chaos_called": "chaos.called"}
SERIAL = ("chaos_held", "chaos_leased")
KINDS = {
    "chaos.held": {},
    "chaos.leased": {"timeout_ms": 5000},
    "chaos.batch": {"batch": 50},
    "chaos.order": {"call": "app.chaos_order",
                    "args": "schemas/chaos_order.json"},
    "chaos.called": {"kind": "http", "url": "CHAOS_URL", "timeout_ms": 800,
                     "prepare": "app.chaos_request", "attempts": 4,
                     "returns": "schemas/chaos_order.json",
                     "call": "app.chaos_called"},
    "chaos.whim": {"call": "app.chaos_whim", "attempts": 1,
                   "args": "schemas/chaos_order.json"},
}
TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
SCHEMAS = {
    "chaos_hook": {"key": TEXT, "n": {"type": "integer", "minimum": 0,
                                      "maximum": 2000000000}},
    "chaos_order": {"key": TEXT},
}
# A lease's commit waits while somebody holds the gate: so a worker is stopped
# that has a lease and does not know it yet.
TABLES = """
create table app.chaos_effects (key text not null, n bigint,
    at timestamptz not null default clock_timestamp());
create table app.chaos_orders (key text not null);
alter table app.chaos_effects enable row level security;
alter table app.chaos_orders enable row level security;
grant insert on app.chaos_effects, app.chaos_orders
    to authenticated, service_role;
create policy them on app.chaos_effects to authenticated, service_role
    using (true) with check (true);
create policy them on app.chaos_orders to authenticated using (true)
    with check (true);
create function app.chaos_event(source text, event_id text) returns void
language sql as $$
    insert into app.chaos_effects (key, n) values (source || ':' || event_id,
        (lockstep.event(source, event_id) ->> 'n')::bigint)
$$;
create function app.chaos_order(key text) returns void language sql as
    'insert into app.chaos_effects (key) values (key)';
grant execute on all functions in schema app to authenticated, service_role;
create function app.chaos_request(source text, event_id text) returns jsonb
language sql as $$
    select jsonb_build_object('body', jsonb_build_object('key',
        source || ':' || event_id))
$$;
create function app.chaos_called(source text, event_id text, job_id bigint,
    result jsonb)
returns void language sql as
    'insert into app.chaos_effects (key) values (result ->> ''key'')';
create function app.chaos_whim(key text) returns void language plpgsql as $$
begin
    insert into app.chaos_effects (key) values ('whim ' || key);
    if random() < 0.1 then
        raise exception using errcode = 'LS907';
    end if;
end $$;
grant execute on function app.chaos_request(text, text),
    app.chaos_called(text, text, bigint, jsonb), app.chaos_whim(text)
    to authenticated, service_role;
create function app.chaos_gate() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(4711);
    return null;
end $$;
create constraint trigger chaos_gate after update on lockstep.jobs
    deferrable initially deferred for each row
    when (new.state = 'running') execute function app.chaos_gate();
"""


def contract(directory):
    """The reference contract with the sources and kinds of the workload; and
    their secrets."""
    top = pathlib.Path(directory) / "contract"
    hooks = pathlib.Path(directory) / "hooks"
    shutil.copytree(sut.TOP / "contract", top)
    hooks.mkdir()
    for name, properties in SCHEMAS.items():
        (top / f"schemas/{name}.json").write_text(json.dumps({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": name, "type": "object", "properties": properties,
            "required": list(properties), "additionalProperties": False}))
    for name, kind in KINDS.items():
        (top / f"jobs/{name}.json").write_text(json.dumps(
            {"job": name, "kind": "sql", "args": "schemas/hook_job.json",
             "call": "app.chaos_event", "attempts": 50,
             "backoff": {"base_ms": 20, "max_ms": 500}, **kind}))
    secret = "whsec_" + base64.b64encode(KEY).decode()
    for path in (top / "webhooks").glob("*.json"):
        (hooks / path.stem).write_text(secret)
    for name, kind in SOURCES.items():
        (top / f"webhooks/{name}.json").write_text(json.dumps(
            {"webhook": name, "scheme": "standard", "role": "service_role",
             "body": "schemas/chaos_hook.json", "job": kind,
             **({"serial": "/key"} if name in SERIAL else {})}))
        (hooks / name).write_text(secret)
    return top, hooks


class Peer(Hearer):
    """The service that some of the jobs call: it says the key that it is told.
    Between hang() and heal() it says nothing, between fail() and heal() that it
    cannot, or less."""

    def __init__(self):
        super().__init__(self.said)
        self.mood, self.harmed = None, 0
        self.well = threading.Event()

    def said(self, request):
        mood = self.mood
        if mood:
            self.harmed += 1
        if mood == "hang":
            self.well.wait(60)
        elif mood == "fail":
            return b"" if self.harmed % 3 == 0 else reply(503, "{}")
        return reply(200, request.body)

    def hang(self):
        self.mood = "hang"
        self.well.clear()

    def fail(self):
        self.mood = "fail"

    def heal(self):
        self.mood = None
        self.well.set()

    def asked(self, tag):
        """The jobs as which each key of a run was asked for."""
        jobs = {}
        with self.lock:
            for request in self.requests:
                key = request.json()["key"]
                if f":{tag}-" in key:
                    jobs.setdefault(key, set()).add(
                        request.headers["idempotency-key"])
        return jobs


def post(connection, source, event, body):
    """One signed post; the status, or 0 when nobody knows."""
    at = str(int(time.time()))
    text = f"{event}.{at}.{body}".encode()
    made = base64.b64encode(hmac.digest(KEY, text, hashlib.sha256)).decode()
    wire = client.request(
        "POST", f"/api/webhooks/{source}", body=body.encode(), headers=[
            ("webhook-id", event), ("webhook-timestamp", at),
            ("webhook-signature", f"v1,{made}")])
    try:
        return connection.ask(wire).status
    except (client.Closed, OSError):
        connection.close()
        return 0


class Load:
    """Clients that go on until they are stopped; `rate` events a second."""

    def __init__(self, s, home, tag, seed, rate=200, senders=8, enqueuers=2,
                 outside=False):
        self.s, self.tag = s, tag
        self.directory = pathlib.Path(home) / f"history-{tag}"
        self.directory.mkdir()
        self.rate, self.outside = rate, outside
        self.stopping = False
        self.clients = [Sender(self, i, seed, senders + enqueuers)
                        for i in range(senders)]
        self.clients += [Enqueuer(self, i, seed, senders + enqueuers)
                         for i in range(enqueuers)]

    @property
    def count(self):
        return sum(c.count for c in self.clients)

    @property
    def told(self):
        """How many new events were acknowledged."""
        return sum(c.told for c in self.clients)

    def __enter__(self):
        for c in self.clients:
            c.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for c in self.clients:
            c.join()
            c.history.close()


class Client(threading.Thread):
    def __init__(self, load, name, seed, clients):
        super().__init__()
        self.load, self.name_of = load, name
        self.random = random.Random(f"{seed} {load.tag} {name}")
        self.history = History(load.directory / f"{name}.jsonl")
        self.period = clients / load.rate
        self.count = self.told = 0

    def run(self):
        due = time.monotonic()
        while not self.load.stopping:
            time.sleep(max(0, due - time.monotonic()))
            # What a fault has cost is made up for, in part.
            due = max(due, time.monotonic() - 2) + self.turn() * self.period
        self.end()


class Sender(Client):
    """A sender of webhooks, as they are: it repeats what it was not told."""

    def __init__(self, load, number, seed, clients):
        super().__init__(load, f"sender-{number}", seed, clients)
        self.connection = client.Client(load.s.port, 10)
        self.taken = []

    def end(self):
        self.connection.close()

    def turn(self):
        r = self.random.random()
        if r < 0.05 and self.taken:
            self.once(self.random.choice(self.taken), "repeat")
        elif r < 0.08 and self.taken:
            self.once(self.random.choice(self.taken), "conflict")
        else:
            self.new()
            return 1
        return 0

    def new(self):
        self.count += 1
        event = (self.random.choice(list(SOURCES)),
                 f"{self.load.tag}-{self.name_of}-{self.count}",
                 self.random.randrange(40), self.count)
        patience = 1 if self.random.random() < 0.2 else 6
        for attempt in range(patience):
            if self.once(event, "new"):
                self.taken = self.taken[-200:] + [event]
                return
            if self.load.stopping:
                return
            time.sleep(0.05 * 2 ** attempt)

    def once(self, event, what):
        """Is it known to be taken?"""
        source, name, serial, n = event
        body = json.dumps({"key": f"{self.load.tag}-{serial}",
                           "n": n + (what == "conflict")})
        key = f"{source}:{name}"
        self.history.write("invoke", key, what=what)
        status = post(self.connection, source, name, body)
        known = status == 0 or status >= 500 or status == 429
        op = "info" if known else "ok" if status < 300 or status == 409 \
            else "fail"
        self.history.write(op, key, what=what, status=status)
        self.told += op == "ok" and what == "new"
        return op == "ok"


class Enqueuer(Client):
    """A program with a connection of its own: orders and their jobs are one
    transaction, which it sometimes thinks better of.  `outside` is a mistake:
    the jobs follow in a transaction of their own."""

    MANY, WHIMS = 5, 2
    CLAIMS = json.dumps({"sub": sut.ALICE, "role": "authenticated"})
    WHO = ("select set_config('request.jwt.claims', $c$%s$c$, true) is null, "
           "set_config('role', 'authenticated', true) is null;" % CLAIMS)

    def __init__(self, load, number, seed, clients):
        super().__init__(load, f"enqueuer-{number}", seed, clients)
        self.psql = None

    def end(self):
        if self.psql:
            self.psql.kill()
            self.psql.wait()
            with contextlib.suppress(BrokenPipeError):
                self.psql.stdin.close()
            self.psql.stdout.close()
            self.psql = None

    def text(self, keys, back, word):
        keys = "'{" + ",".join(keys) + "}'::text[]"
        orders = f"insert into app.chaos_orders select unnest({keys});"
        jobs = ("select count(lockstep.enqueue('chaos.order', jsonb_build_"
                f"object('key', k))) = 0 from unnest({keys}) k; "
                "select count(lockstep.enqueue('chaos.whim', jsonb_build_"
                "object('key', k), run_at => now() + random() * interval "
                f"'1 second')) = 0 from unnest(({keys})[:{self.WHIMS}]) k;")
        if self.load.outside:
            return (f"begin; {self.WHO} {orders} commit; select '{word}'; "
                    f"select pg_sleep(0.2) is null; begin; {self.WHO} {jobs} "
                    "commit;")
        end = "rollback" if back else "commit"
        return f"begin; {self.WHO} {orders} {jobs} {end}; select '{word}';"

    def say(self, text, word):
        """Did the session get as far as the word?"""
        if self.psql is None:
            self.psql = subprocess.Popen(
                ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                 "-d", self.load.s.cluster.conninfo("lockstep")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL)
        out, end = b"", time.monotonic() + 15
        try:
            self.psql.stdin.write(text.encode() + b"\n")
            self.psql.stdin.flush()
            while word.encode() not in out:
                ready, _, _ = select.select([self.psql.stdout], [], [],
                                            max(0, end - time.monotonic()))
                more = os.read(self.psql.stdout.fileno(), 4096) if ready \
                    else b""
                if not more:
                    break
                out += more
        except BrokenPipeError:
            pass
        return word.encode() in out

    def turn(self):
        back = self.random.random() < 0.1 and not self.load.outside
        first, self.count = self.count, self.count + self.MANY
        keys = [f"{self.load.tag}-{self.name_of}-{n}"
                for n in range(first, first + self.MANY)]
        for key in keys:
            self.history.write("invoke", key)
        heard = self.say(self.text(keys, back, f"end-{first}"),
                         f"end-{first}")
        for key in keys:
            # What was to be rolled back is not there, whatever was heard.
            self.history.write("fail" if back else "ok" if heard else "info",
                               key)
        if not heard:
            self.end()
            time.sleep(0.05)
        return self.MANY
