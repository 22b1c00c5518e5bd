# SPDX-License-Identifier: MIT
"""Workers for the system tests: `lockstep work` beside a system, the kinds of
jobs that the tests leave, and the checker that judges what became of them."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import system as sut
import tap

KINDS = {
    # Held by its transaction.
    "test.effect": {"call": "app.test_effect"},
    "test.batch": {"call": "app.test_effect", "batch": 50, "attempts": 2,
                   "backoff": {"base_ms": 20, "max_ms": 20}},
    # As often again as it is killed.
    "test.many": {"call": "app.test_effect", "batch": 50,
                  "backoff": {"base_ms": 20, "max_ms": 20}},
    "test.other": {"call": "app.test_effect", "queue": "other"},
    "test.fail": {"call": "app.test_fail", "attempts": 3,
                  "dead": "app.test_dead",
                  "backoff": {"base_ms": 20, "max_ms": 50},
                  "errors": {"LS901": "permanent"}},
    "test.touch": {"call": "app.test_touch", "attempts": 1,
                   "args": "schemas/letter_job.json"},
    "test.server": {"call": "app.test_effect", "role": "service_role"},
    "test.wait": {"call": "app.test_wait", "dead": "app.test_dead",
                  "backoff": {"base_ms": 20, "max_ms": 50}},
    # Many are claimed at once, so that there are no more.
    "test.pause": {"call": "app.test_wait", "queue": "pause", "batch": 50},
    "test.chain": {"call": "app.test_chain", "queue": "chain", "batch": 50},
    "test.narrow": {"call": "app.test_slow", "concurrency": 1,
                    "args": "schemas/test_slow.json"},
    # Leased.
    "test.leased": {"call": "app.test_effect", "timeout_ms": 5000},
    "test.slow": {"call": "app.test_slow", "timeout_ms": 60000,
                  "args": "schemas/test_slow.json", "attempts": 3,
                  "dead": "app.test_slow_dead",
                  "backoff": {"base_ms": 20, "max_ms": 50}},
    "test.short": {"call": "app.test_slow", "timeout_ms": 100, "attempts": 2,
                   "args": "schemas/test_slow.json",
                   "backoff": {"base_ms": 20, "max_ms": 20}},
}
INTEGER = {"type": "integer", "minimum": 0, "maximum": 2000000000}
SCHEMAS = {
    "test_effect": {"n": INTEGER},
    "test_slow": {"n": INTEGER, "ms": INTEGER},
}
TABLES = """
create table app.effects (n bigint not null, owner_id uuid default auth.uid(),
    role text default current_user, began_at timestamptz not null,
    at timestamptz not null default clock_timestamp());
alter table app.effects enable row level security;
grant select, insert on app.effects to authenticated, service_role;
create policy own on app.effects to authenticated
    using (owner_id = (select auth.uid()))
    with check (owner_id = (select auth.uid()));
create policy all_of_it on app.effects to service_role
    using (true) with check (true);
create function app.test_effect(n bigint) returns void language sql as
    'insert into app.effects (n, began_at) values (n, clock_timestamp())';
create function app.test_slow(n bigint, ms integer) returns void
language plpgsql as $$
declare
    began timestamptz := clock_timestamp();
begin
    perform pg_sleep(ms / 1000.0);
    insert into app.effects (n, began_at) values (n, began);
end $$;
create function app.test_wait(n bigint) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(4712);
    insert into app.effects (n, began_at) values (n, clock_timestamp());
end $$;
create function app.test_chain(n bigint) returns bigint language plpgsql as $$
begin
    perform pg_sleep(0.05);
    return lockstep.enqueue('test.other', jsonb_build_object('n', n));
end $$;
create function app.hold_lease() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(4711);
    return null;
end $$;
create function app.test_fail(n bigint) returns void language plpgsql as $$
begin
    insert into app.effects (n, began_at) values (n, clock_timestamp());
    if n = 1 then
        raise exception using errcode = 'LS901', message = 'secret 42';
    end if;
    raise exception using errcode = 'LS902', message = 'secret 43';
end $$;
create function app.test_dead(n bigint, reason text) returns void
language plpgsql as $$
begin
    if n = 3 then
        raise exception using errcode = 'LS903';
    end if;
    insert into app.effects (n, began_at) values (n + 1000, clock_timestamp());
end $$;
create function app.test_slow_dead(n bigint, ms integer, reason text)
returns void language sql as
    'insert into app.effects (n, began_at) values (n + 1000, clock_timestamp())';
create function app.test_touch(letter_id uuid) returns void
language plpgsql as $$
begin
    update app.letters l set title = 'Touched'
    where l.id = test_touch.letter_id;
    if not found then
        raise exception using errcode = 'LS904';
    end if;
end $$;
grant execute on all functions in schema app to authenticated, service_role;
"""


def contract(directory, kinds=None, schemas=None):
    """The reference contract with the kinds of the tests, and more."""
    top = pathlib.Path(directory) / "contract"
    shutil.copytree(sut.TOP / "contract", top)
    for name, properties in {**SCHEMAS, **(schemas or {})}.items():
        (top / f"schemas/{name}.json").write_text(json.dumps({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "properties": properties,
            "required": list(properties), "additionalProperties": False}))
    for name, kind in {**KINDS, **(kinds or {})}.items():
        (top / f"jobs/{name}.json").write_text(json.dumps(
            {"job": name, "kind": "sql", "args": "schemas/test_effect.json",
             **kind}))
    return top


class Writer:
    """The service that writes letters, on a port of its own; where it is goes
    into the file of services of the system's workers."""

    def __init__(self, s):
        self.s = s
        self.port_file = s.directory / "writer.port"
        self.mood = s.directory / "writer.mood"
        self.shelf = s.directory / "writer.shelf"
        # One that nobody else gets while it is dead.
        self.port, self.process = sut.free_port(), None
        secrets = s.directory / "service-secrets"
        secrets.mkdir(exist_ok=True)
        self.secret = secrets / "WRITER_SECRET"
        self.secret.write_text("whsec_" + base64.b64encode(
            os.urandom(32)).decode() + "\n")

    def start(self):
        self.port_file.unlink(missing_ok=True)
        with open(self.s.directory / "writer.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(sut.TOP / "examples/writer/writer.py"),
                 "--port", str(self.port), "--port-file", str(self.port_file),
                 "--shelf", str(self.shelf), "--secret", str(self.secret),
                 "--mood", str(self.mood)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        tap.wait_for(self.port_file.exists, "the writer")

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def __enter__(self):
        self.start()
        serve(self.s, WRITER_URL=f"http://127.0.0.1:{self.port}")
        return self

    def __exit__(self, *_):
        self.kill()


def serve(s, **urls):
    """Tells the workers that begin from now on where services are."""
    path = s.directory / "services"
    lines = dict(line.split(" = ") for line in path.read_text().splitlines()
                 ) if path.exists() else {}
    lines.update(urls)
    path.write_text("".join(f"{k} = {v}\n" for k, v in lines.items()))


def is_stopped(pid):
    """Have all threads of the process stopped, or is it gone?"""
    try:
        return all(file.read_text().rsplit(")", 1)[1].split()[0] in "TXZ"
                   for file in pathlib.Path(f"/proc/{pid}/task").glob(
                       "*/stat"))
    except (FileNotFoundError, ProcessLookupError):
        return False


class Worker:
    """A `lockstep work` with settings of its own."""

    def __init__(self, s, name, *arguments, **more):
        self.name = name
        self.log = s.directory / f"{name}.log"
        conf = s.directory / f"{name}.conf"
        settings = {
            "contract": s.contract, "log_file": self.log,
            "work_database": s.cluster.conninfo("lockstep_worker"),
            "metric_file": s.directory / "metrics", "work_threads": 4,
            "services": s.directory / "services",
            "service_secrets": s.directory / "service-secrets",
            "export_dir": s.spool, "reconnect_max_ms": 200}
        settings.update(more)
        conf.write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        # As an instance's, so that the system looks for sanitizers' words.
        err = open(s.directory / f"lockstep-{name}.err", "ab")
        self.process = subprocess.Popen(
            [str(s.lockstep), "work", "--config", str(conf), *arguments],
            cwd=sut.TOP, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        err.close()
        s.process[name] = self.process

    def __enter__(self):
        tap.wait_for(lambda: any(self.events("joined")) or
                     self.process.poll() is not None, f"{self.name} to join")
        return self

    def __exit__(self, *_):
        self.signal_children(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def children(self):
        done = subprocess.run(["pgrep", "-P", str(self.process.pid)],
                              capture_output=True, text=True, check=False)
        return [int(p) for p in done.stdout.split()]

    def signal_children(self, number):
        for pid in self.children():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            if number == signal.SIGSTOP:
                # Its threads run on until one of them has taken the signal.
                tap.wait_for(lambda: is_stopped(pid), "it to stop")

    def kill_all(self):
        """Parent and children at once, as a machine's end would."""
        children = self.children()
        self.process.kill()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)

    def events(self, event, **wanted):
        if not self.log.exists():
            return
        with open(self.log, encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    continue
                e = json.loads(line)
                if e["event"] == event and all(
                        e.get(k) == v for k, v in wanted.items()):
                    yield e


def leave(s, kind, args, who=sut.ALICE, role="authenticated", more="",
          check=True):
    """Leaves a job for each of the args, in one transaction, as `who`."""
    claims = json.dumps({"sub": who, "role": role} if who else {"role": role})
    rows = json.dumps(args if isinstance(args, list) else [args])
    out = s.cluster.psql(
        f"begin; select set_config('request.jwt.claims', $c${claims}$c$, true)"
        f" is null, set_config('role', '{role}', true) is null; "
        f"select lockstep.enqueue('{kind}', a{more}) from "
        f"jsonb_array_elements($a${rows}$a$::jsonb) a; commit;",
        user="lockstep", check=check)
    return [int(i) for i in out.split("\n")[1:] if i]


def numbers(first, count):
    return [{"n": n} for n in range(first, first + count)]


def conservation(s):
    return int(s.cluster.psql("select error from lockstep.job_conservation()"))


def states(s, ids):
    """How many of the jobs are in which state."""
    out = s.cluster.psql(
        "select state, count(*) from lockstep.jobs where id = any(array"
        f"{ids}::bigint[]) group by 1")
    return {k: int(v) for k, v in (line.split("|") for line in
                                   out.splitlines())}


def job(s, number, what):
    return s.cluster.psql(f"select {what} from lockstep.jobs where id = "
                          f"{number}")


def drained(s, ids, seconds=60):
    """Waits until all of them are over."""
    def over():
        found = states(s, ids)
        return sum(found.get(k, 0) for k in ("done", "dead",
                                             "cancelled")) == len(ids)
    tap.wait_for(over, f"{len(ids)} jobs to be over", seconds, 0.1)


def verdict(s, wanted):
    """The checker: what was left against what is there."""
    out = s.cluster.psql("select n, count(*) from app.effects where n = any("
                         f"array{list(wanted)}::bigint[]) group by 1")
    found = {int(k): int(v) for k, v in (line.split("|") for line in
                                         out.splitlines())}
    return {"lost": sorted(n for n in wanted if n not in found),
            "twice": sorted(n for n in found if found[n] > 1)}


class Session:
    """A session of psql that stays: an answer takes milliseconds."""

    def __init__(self, s):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-d", s.cluster.conninfo()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def ask(self, sql):
        """The only value of a query."""
        self.psql.stdin.write(sql + ";\n")
        self.psql.stdin.flush()
        return self.psql.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.psql.stdin.close()
        self.psql.wait(10)


class Sampler(threading.Thread):
    """Asks for the conservation's error all the time; the errors that were
    not 0 are in `wrong`."""

    def __init__(self, s):
        super().__init__()
        self.s = s
        self.wrong, self.samples, self.stopping = [], 0, False

    def run(self):
        while not self.stopping:
            try:
                error = conservation(self.s)
            except AssertionError:
                error = 0       # the database is down
                self.samples -= 1
            self.samples += 1
            if error != 0:
                self.wrong.append(error)
            time.sleep(0.05)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join()


def directory():
    return tempfile.mkdtemp(prefix="lockstep-")
