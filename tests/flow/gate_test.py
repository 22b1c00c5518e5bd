#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The check in `lockstep serve`: an unsafe database is not served, whether it
is there at the start, comes later, or takes the place of another; what is
harmless is told; and nothing waits for ever for a check."""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import system as sut
import tap
from tap import case, same, wait_for

LIST = "/api/letters?limit=5"
LETTERS = 'from "app"."letters" order by'
WIDER = "grant insert (status) on app.letters to authenticated"
MENDED = "revoke insert (status) on app.letters from authenticated"

# What is unsafe: the rule, how to plant it and how to take it away.
UNSAFE = [
    ("write-grant-wider", WIDER, MENDED),
    ("read-grant-stray", "grant select on app.payouts to anon",
     "revoke select on app.payouts from anon"),
    ("rls-policies-off", "alter table app.letters disable row level security",
     "alter table app.letters enable row level security"),
    ("policy-open-read", "create policy open on app.letters for select to "
     "authenticated using (true)", "drop policy open on app.letters"),
    ("policy-open-write", "create policy open on app.letters for delete to "
     "authenticated using (true)", "drop policy open on app.letters"),
    ("role-unlisted", "create role stray; grant stray to lockstep",
     "drop role stray"),
    ("view-definer", "create view app.every as select * from app.letters; "
     "grant select on app.every to authenticated", "drop view app.every"),
    ("grant-truncate", "grant truncate on app.letters to authenticated",
     "revoke truncate on app.letters from authenticated"),
]


def events(s, name, begin=0):
    """Lines of the log with that event, from an offset on."""
    with open(s.log_path(0), "rb") as file:
        file.seek(begin)
        lines = [json.loads(l) for l in file if l.endswith(b"\n")]
    return [l for l in lines if l["event"] == name]


def end_of_log(s):
    return s.log_path(0).stat().st_size


def stopped(s):
    if s.process["lockstep-0"].poll() is None:
        same(s.stop(0), 0, "exit")


def begin(s, **settings):
    """A new server with these settings; where its log begins."""
    stopped(s)
    s.configure(0, **settings)
    log = end_of_log(s)
    s.start(0)
    return log


def refused(s, **settings):
    """A server that does not begin; what it says."""
    stopped(s)
    s.configure(0, **settings)
    done = s.run("serve", "--config", s.config_path(0), check=False)
    same(done.returncode, 2, done.stderr)
    return done.stderr


def served(s):
    return s.get(LIST, s.alice).status == 200


def figure(s, name):
    text = s.ops("/metrics").body.decode()
    return next((float(line.split()[-1]) for line in text.splitlines()
                 if line.startswith(name + " ")), None)


def reload(s):
    """SIGHUP, and what came of it."""
    log = end_of_log(s)
    os.kill(s.pid(0), signal.SIGHUP)
    return wait_for(lambda: events(s, "reloaded", log) +
                    events(s, "reload_refused", log), "the reload")


@contextlib.contextmanager
def contract_of_its_own():
    """A copy of the contract that may be changed."""
    with tempfile.TemporaryDirectory(prefix="contract-") as directory:
        pathlib.Path(directory).chmod(0o755)
        for name in ("contract", "schemas"):
            shutil.copytree(sut.TOP / name, pathlib.Path(directory) / name)
        yield pathlib.Path(directory) / "contract"


class Planted:
    """A fault, as long as the block lasts."""

    def __init__(self, s, sql, undo, cluster=None):
        self.pg, self.sql, self.undo = cluster or s.cluster, sql, undo

    def __enter__(self):
        self.pg.psql(self.sql)

    def __exit__(self, *_):
        self.pg.psql(self.undo)


@case
def clean_begins(s):
    """A database that agrees is served; the log and the figures say that it
    was checked, and what that cost."""
    times = {}
    for check in ("off", "refuse", "off", "refuse"):
        began = time.monotonic()
        log = begin(s, check=check)
        times.setdefault(check, []).append(time.monotonic() - began)
    s.ready()
    assert served(s)
    line = events(s, "checked", log)
    same([(l["level"], l["unsafe"], l["errors"], l["warnings"], l["notes"])
          for l in line], [("info", 0, 0, 0, 0)])
    same(figure(s, 'lockstep_check_findings{level="unsafe"}'), 0.0)
    assert abs(figure(s, "lockstep_check_time_seconds") - time.time()) < 60
    for check, list_s in times.items():
        print(f"# check = {check}: begins in {min(list_s) * 1000:.0f} ms")
    print(f"# of which the look: {line[0]['took_ms']:.0f} ms")


@case
def unsafe_is_refused(s):
    """Each kind of unsafe database keeps the server from beginning, with the
    finding, its mend, and the command that shows the rest."""
    for rule, sql, undo in UNSAFE:
        with Planted(s, sql, undo):
            said = refused(s)
            assert f"[{rule}]" in said and "to mend it: " in said, said
            command = said[said.index("lockstep check "):].split("\n")[0]
            done = s.run(*shlex.split(command)[1:], check=False)
            same(done.returncode, 1, command)
            assert f"[{rule}]" in done.stdout, done.stdout
    begin(s)
    s.ready()
    assert served(s)
    print(f"# {len(UNSAFE)} kinds refused")


@case
def every_unsafe_rule_is_an_error(s):
    """`lockstep check --rules` tells which rules are unsafe; all are errors,
    so a check that passes is of a database that is served."""
    rules = json.loads(s.run("check", "--rules", "--format", "json").stdout)
    unsafe = [r for r in rules if r["unsafe"]]
    same({r["level"] for r in unsafe}, {"error"})
    for rule, _, _ in UNSAFE:
        assert rule in [r["id"] for r in unsafe], rule
    print(f"# {len(unsafe)} of {len(rules)} rules are unsafe")


@case
def warned_or_left(s):
    """With check = warn it is served and the log says what is unsafe; with
    off nobody looks; another word is refused."""
    with Planted(s, WIDER, MENDED):
        log = begin(s, check="warn")
        s.ready()
        assert served(s)
        said = events(s, "check_unsafe", log)
        assert "[write-grant-wider]" in said[0]["cause"], said
        same(figure(s, 'lockstep_check_findings{level="unsafe"}'), 1.0)
        same([l["event"] for l in reload(s)], ["reloaded"])
        s.cluster.psql(MENDED)
        wait_for(lambda: figure(s, 'lockstep_check_findings{level="unsafe"}'
                                ) == 0.0, "the look that finds it mended", 60)
        s.cluster.psql(WIDER)
        log = begin(s, check="off")
        s.ready()
        assert served(s)
        same(events(s, "checked", log), [])
    assert "check must be" in refused(s, check="maybe")


@case
def accepted_is_served(s):
    """What check.json accepts is served, and a check.json that cannot be read
    is a fault of the contract."""
    with contract_of_its_own() as contract:
        path = contract / "check.json"
        accept = json.loads(path.read_text())
        accept["accept"].append({"rule": "write-grant-wider", "object":
                                 "app.letters (authenticated)",
                                 "because": "a test"})
        path.write_text(json.dumps(accept))
        with Planted(s, WIDER, MENDED):
            begin(s, contract=contract)
            s.ready()
            assert served(s)
            path.write_text("{")
            assert "check.json:1:" in reload(s)[0]["cause"]
        assert "check.json:1:" in refused(s, contract=contract)


@case
def harmless_is_told(s):
    """Harmless findings are a line each, then a count, and a figure; the
    server begins, and does not say it twice."""
    make = "; ".join(f"create table app.t{n} (id int); grant select on "
                     f"app.t{n} to service_role; alter table app.t{n} enable "
                     "row level security" for n in range(30))
    drop = "; ".join(f"drop table app.t{n}" for n in range(30))
    with Planted(s, make, drop):
        log = begin(s)
        s.ready()
        assert served(s)
        lines = events(s, "check_finding", log)
        same(len(lines), 21, "lines")
        assert all(l["level"] == "warn" for l in lines), lines
        assert all(l["rule"] and l["object"] and l["cause"] and l["mend"]
                   for l in lines[:-1]), lines
        told = events(s, "checked", log)[0]
        same(lines[-1]["more"] + 20, told["errors"] + told["warnings"])
        same(figure(s, 'lockstep_check_findings{level="warning"}'),
             float(told["warnings"]))


@case
def widened_before_a_reload(s):
    """A grant that was widened since the start: the reload is refused with the
    finding, what serves goes on, and once it is mended the figures say so and a
    reload is taken."""
    unsafe = 'lockstep_check_findings{level="unsafe"}'
    looks = 'lockstep_checks_total{result="unsafe"}'
    log = begin(s)
    s.ready()
    before = s.workers(0)
    with Planted(s, WIDER, MENDED):
        said = reload(s)
        same({l["event"] for l in said}, {"reload_refused"})
        assert "[write-grant-wider]" in said[0]["cause"], said
        same((s.workers(0), figure(s, unsafe)), (before, 1.0), "workers")
        told = []
        for _ in range(2):
            count = figure(s, looks)
            wait_for(lambda: figure(s, looks) > count, "another look", 60)
            assert served(s)
            told.append(wait_for(lambda: events(s, "check_unsafe", log),
                                 "the finding"))
        same(told[1], told[0], "it is said once")
    wait_for(lambda: figure(s, unsafe) == 0.0, "the look that finds it mended",
             60)
    same((s.workers(0), served(s)), (before, True))
    same([l["event"] for l in reload(s)], ["reloaded"])
    s.ready()
    assert served(s)


@case
def replaced_workers_do_not_check(s):
    """A worker that is replaced does not look again."""
    log = begin(s)
    s.ready()
    same(len(events(s, "checked", log)), 1)
    for pid in s.workers(0):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: events(s, "worker_ended", log), "the end of workers")
    s.ready()
    wait_for(lambda: served(s), "an answer")
    same(len(events(s, "checked", log)), 1, "looks")


def answers_until(s, condition, seconds=60):
    """Asks until the condition holds; all statuses but the last answer's."""
    seen, end = [], time.monotonic() + seconds
    while True:
        seen.append(s.get(LIST, s.alice).status)
        if condition(seen[-1]):
            return seen[:-1]
        assert time.monotonic() < end, seen


@case
def comes_later(s):
    """A database that comes after the start is checked before the first
    request; then it is served."""
    stopped(s)
    s.cluster.stop("fast")
    try:
        log = begin(s)
        same(s.get(LIST, s.alice).status, 503, "without a database")
        same(events(s, "checked", log), [])
    finally:
        s.cluster.start()
    seen = answers_until(s, lambda status: status == 200)
    same(set(seen) - {503}, set(), "before")
    same(len(events(s, "checked", log)), 1, "looks")
    first = wait_for(lambda: [l for l in events(s, "request", log)
                              if l["status"] == 200], "its line")[0]
    assert events(s, "checked", log)[0]["time"] <= first["time"]


@case
def comes_later_unsafe(s):
    """A database that comes after the start and is unsafe is not served, and
    not ready, until it is mended; that is noticed."""
    stopped(s)
    s.cluster.psql(WIDER)
    s.cluster.stop("fast")
    try:
        log = begin(s)
    finally:
        s.cluster.start()
    wait_for(lambda: events(s, "check_unsafe", log), "the finding")
    for _ in range(20):
        same(s.get(LIST, s.alice).status, 503)
    same(s.ops("/readyz/0").status, 503, "readiness")
    causes = {l["cause"] for l in events(s, "request", log)}
    assert any("unsafe to serve" in (c or "") for c in causes), causes
    told = len(events(s, "check_unsafe", log))
    failing = figure(s, 'lockstep_checks_total{result="unsafe"}')
    wait_for(lambda: figure(s, 'lockstep_checks_total{result="unsafe"}') >
             failing, "another look", 60)
    same(len(events(s, "check_unsafe", log)), told, "it is said once")
    s.cluster.psql(MENDED)
    answers_until(s, lambda status: status == 200)
    same(s.ops("/readyz/0").status, 200, "readiness")


@case
def restarted(s):
    """Postgres that is started anew is looked at again, and no request but
    those that it lost itself fails for it."""
    log = begin(s)
    s.ready()
    assert served(s)
    s.cluster.stop("fast")
    s.cluster.start()
    seen = answers_until(s, lambda status: status == 200)
    print(f"# {len(seen)} requests failed after the restart")
    same(set(seen) - {503}, set(), "statuses")
    same(len(events(s, "checked", log)), 2, "looks")


class Other(sut.Cluster):
    """A copy of the cluster, that may become the primary."""

    def __init__(self, directory, first):
        self.directory = pathlib.Path(directory) / "other"
        self.directory.mkdir()
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.user = first.user
        if self.user:
            shutil.chown(self.directory, self.user)
        self.directory.chmod(0o700)
        self._tool("pg_basebackup", "-d",
                   f"host={first.directory} user=postgres", "-D", self.data,
                   "-c", "fast")
        self.start()
        self.psql("alter system set log_statement = 'all'")
        self.psql("select pg_reload_conf()")
        wait_for(lambda: self.psql("show log_statement") == "all", "its log")

    def reads(self):
        """Statements of requests for letters that it has run."""
        return self.log.read_text().count(LETTERS)


@case
def swapped_by_a_failover(s):
    """A database that takes the place of the one that was checked gets no
    request before it is checked, and none as long as it is unsafe."""
    other = Other(s.directory, s.cluster)
    other.psql(WIDER)
    both = s.cluster.conninfo("lockstep").replace(
        f"host={s.cluster.directory}",
        f"host={s.cluster.directory},{other.directory}")
    try:
        log = begin(s, database=both)
        s.ready()
        assert served(s)
        s.cluster.stop("immediate")
        wait_for(lambda: s.get(LIST, s.alice).status == 503 and
                 events(s, "check_unsafe", log), "the other to be refused", 60)
        for _ in range(20):
            same(s.get(LIST, s.alice).status, 503, "the unsafe one")
        same(other.reads(), 0, "reads of its letters")
        other.psql(MENDED)
        answers_until(s, lambda status: status == 200)
    finally:
        other.stop()
        shutil.rmtree(other.directory)
        s.cluster.start()
        begin(s)
    s.ready()


class Pooler:
    """A PgBouncer in transaction mode in front of a cluster."""

    def __init__(self, s, cluster):
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        program = shutil.which("pgbouncer", path=path)
        if program is None:
            raise tap.Skip("pgbouncer is not installed")
        self.directory = s.directory / "pooler"
        self.directory.mkdir()
        (self.directory / "users").write_text('"lockstep" ""\n')
        self.name(cluster)
        if cluster.user:
            for each in (self.directory, *self.directory.iterdir()):
                shutil.chown(each, cluster.user)
        self.process = subprocess.Popen(
            [program, "-q", str(self.directory / "ini")], user=cluster.user,
            cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        socket = self.directory / ".s.PGSQL.6432"
        wait_for(socket.exists, "the pooler")

    def name(self, cluster):
        (self.directory / "ini").write_text(f"""[databases]
lockstep = host={cluster.directory} dbname=lockstep
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {self.directory}
auth_type = trust
auth_file = {self.directory}/users
pool_mode = transaction
default_pool_size = 4
logfile = {self.directory}/log
pidfile = {self.directory}/pid
""")

    def turn_to(self, cluster):
        self.name(cluster)
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@case
def swapped_behind_a_pooler(s):
    """A pooler that goes on to another database behind connections that stay:
    no request is served by it before it is checked."""
    other = Other(s.directory, s.cluster)
    other.psql(WIDER)
    pooler = Pooler(s, s.cluster)
    try:
        log = begin(s, prepare="off", database=f"host={pooler.directory} "
                    "port=6432 dbname=lockstep user=lockstep")
        s.ready()
        for _ in range(20):
            assert served(s)
        pooler.turn_to(other)
        wait_for(lambda: s.get(LIST, s.alice).status == 503, "the refusal")
        for _ in range(20):
            same(s.get(LIST, s.alice).status, 503, "the unsafe one")
        wait_for(lambda: events(s, "check_unsafe", log), "the finding", 60)
        same(other.reads(), 0, "reads of its letters")
        other.psql(MENDED)
        answers_until(s, lambda status: status == 200)
        assert other.reads() > 0, "reads of its letters"
    finally:
        pooler.stop()
        other.stop()
        shutil.rmtree(other.directory)
        begin(s)
    s.ready()


@case
def unsafe_replica(s):
    """An unsafe replica gets no request: the primary stands in for it, and the
    log says why; once it is mended it is used."""
    other = Other(s.directory, s.cluster)
    other.psql(WIDER)
    with contract_of_its_own() as contract, contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, other.directory)
        stack.callback(other.stop)
        stack.callback(begin, s)
        file = contract / "resources/letters.json"
        letters = json.loads(file.read_text())
        letters["operations"]["list"]["replica"] = True
        file.write_text(json.dumps(letters))
        log = begin(s, contract=contract,
                    database_read=other.conninfo("lockstep"))
        s.ready()
        for _ in range(10):
            assert served(s)
        same([l["database"] for l in events(s, "check_unsafe", log)],
             ["replica"])
        same(other.reads(), 0, "reads of its letters")
        other.psql(MENDED)
        wait_for(lambda: served(s) and other.reads() > 0, "its use", 60)
    s.ready()


class Locked:
    """Holds a catalog that every check reads, and no request."""

    def __init__(self, s):
        self.held = s.cluster.held("pg_catalog.pg_default_acl")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.held.__exit__()


@case
def restarted_unseen(s):
    """Postgres that is started anew once more before anybody has looked at it:
    who was connected in between notices, too."""
    begin(s, workers=1, threads=1)
    s.ready()
    assert served(s)
    # The worker has connections beside that of its thread, any of which may ask
    # for the look: it is not made before it must wait for the lock.
    os.kill(s.pid(0), signal.SIGSTOP)
    try:
        s.cluster.stop("immediate")
        s.cluster.start()
        held = Locked(s)
    finally:
        os.kill(s.pid(0), signal.SIGCONT)
    with held:
        same(s.get(LIST, s.alice).status, 503, "before the look")
        s.cluster.stop("immediate")
    s.cluster.start()
    answers_until(s, lambda status: status == 200)
    begin(s)
    s.ready()


def refused_at_once(s):
    """Who waited for a look would wait for 2 s, each time."""
    began = time.monotonic()
    same(s.get(LIST, s.alice).status, 503)
    return time.monotonic() - began < 1


@case
def hangs(s):
    """A check that cannot go on keeps nobody waiting: the server begins
    without it and answers 503 at once, a reload is refused, a stop is a stop;
    and when it can go on all is well."""
    stopped(s)
    with Locked(s):
        began = time.monotonic()
        log = begin(s, check_timeout_ms=1500)
        took_s = time.monotonic() - began
        # It would be 15 s without the setting.
        assert took_s < 12, took_s
        print(f"# began after {took_s:.1f} s")
        assert events(s, "check_failed", log), "no word of it"
        wait_for(lambda: refused_at_once(s), "an answer that takes no time")
    answers_until(s, lambda status: status == 200)
    before = s.workers(0)
    with Locked(s):
        said = reload(s)
        same({l["event"] for l in said}, {"reload_refused"})
        print("# " + said[0]["cause"])
        same(s.workers(0), before)
        assert served(s), "what was checked before"
        stopped(s)
    with Locked(s):
        s.configure(0, check_timeout_ms=60000)
        s.start(0, wait=False)
        wait_for(lambda: sut.waiting(s, 1), "the look to hang")
        began = time.monotonic()
        same(s.stop(0), 0, "exit of a start that was stopped")
        assert time.monotonic() - began < 15
    begin(s)
    s.ready()


@case
def dies(s):
    """A look whose process is killed is told and made again."""
    with Locked(s):
        s.configure(0)
        stopped(s)
        log = end_of_log(s)
        s.start(0, wait=False)
        wait_for(lambda: sut.waiting(s, 1), "the look to hang")
        for pid in s.looks(0):
            os.kill(pid, signal.SIGKILL)
        said = wait_for(lambda: events(s, "check_failed", log), "a word")
        print("# " + said[0]["cause"])
    wait_for(lambda: served(s), "an answer")


def main():
    with sut.System(instances=1, settings=sut.PATIENT) as s:
        s.alice = s.token("authenticated", sut.ALICE)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
