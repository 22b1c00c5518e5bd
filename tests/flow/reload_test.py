# SPDX-License-Identifier: MIT
"""SIGHUP: contract, keys and settings are swapped without a failed request,
and what is faulty leaves the old ones serving."""

import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import load
import system as sut
import tap
from system import Later, waiting
from tap import case, same, wait_for

LIST = "/api/letters?limit=5"


def reload(system, number):
    """SIGHUP, and waits until the log says what came of it."""
    begin = system.log_path(number).stat().st_size
    os.kill(system.pid(number), signal.SIGHUP)
    return wait_for(lambda: outcomes(system.log_path(number), begin),
                    "the reload")


def outcomes(log, begin):
    with open(log, "rb") as lines:
        lines.seek(begin)
        return [json.loads(line) for line in lines
                if b'"reload' in line and line.endswith(b"\n")]


def reloaded(system, number):
    same([o["event"] for o in reload(system, number)], ["reloaded"])


def edit(system, file, change):
    path = system.contract / file
    path.write_text(change(path.read_text()))


def settled(system, number, count=2):
    """Only the workers of the last generation are left."""
    wait_for(lambda: len(system.workers(number)) == count,
             "old workers to end", 60)


@case
def under_load(s):
    """10 reloads of two instances under load: no request fails."""
    reads = load.Load(s, LIST, s.alice, seconds=300, connections=8)
    writes = load.Load(s, "/api/letters", s.alice, "POST",
                       json.dumps(sut.NEW_LETTER), seconds=300, connections=4)
    count = 0
    while count < 10 and reads.running():
        reloaded(s, count % 2)
        count += 1
    for counts in (reads.end(), writes.end()):
        print(f"# {counts.requests} requests, {counts.failed} failed")
        same(counts.failed, 0, counts.text)
    same(count, 10, "reloads under load")
    for number in (0, 1):
        settled(s, number)


@case
def new_contract(s):
    """A new contract is in force for whoever asks after the reload."""
    same(s.get("/api/letters?limit=7", s.alice).status, 200)
    edit(s, "resources/letters.json", lambda text: text.replace(
        '"limit": { "default": 20, "max": 100 }',
        '"limit": { "default": 3, "max": 6 }'))
    for number in (0, 1):
        reloaded(s, number)
        settled(s, number)
    reply = s.get("/api/letters?limit=7", s.alice)
    same(reply.status, 400, reply.body)
    same(s.get("/api/letters", s.alice).json["meta"]["page"]["limit"], 3)


@case
def faulty_contract(s):
    """A faulty contract leaves the old one serving; the log says file, line
    and column, and /metrics counts it."""
    path = s.contract / "resources/letters.json"
    good = path.read_text()
    edit(s, "resources/letters.json",
         lambda text: text.replace('"order": "-created_at"',
                                   '"order": "-creatd_at"'))
    for number in (0, 1):
        before = s.workers(number)
        said = reload(s, number)
        print("# " + said[0]["cause"])
        same(said[0]["event"], "reload_refused")
        assert said[0]["cause"].startswith("resources/letters.json:"), said
        assert "creatd_at" in said[0]["cause"], said
        same(s.workers(number), before, "the workers")
    same(s.get("/api/letters", s.alice).status, 200)
    assert 'lockstep_reloads_total{result="refused"}' in \
        s.ops("/metrics").body.decode()
    path.write_text(good)
    for number in (0, 1):
        reloaded(s, number)


@case
def new_keys(s):
    """New keys: the old secret's tokens are refused, the new one's taken."""
    old = s.secret.read_text()
    same(s.get(LIST, s.alice).status, 200, "the old secret before")
    # From here on the workers may have noticed by themselves.
    s.secret.write_text("another-secret-" + os.urandom(24).hex() + "\n")
    fresh = s.token("authenticated", sut.ALICE)
    for number in (0, 1):
        reloaded(s, number)
        settled(s, number)
    same(s.get(LIST, fresh).status, 200, "the new secret")
    same(s.get(LIST, s.alice).status, 401, "the old secret")
    s.secret.write_text("short\n")
    for number in (0, 1):
        same(reload(s, number)[0]["event"], "reload_refused")
    same(s.get(LIST, fresh).status, 200, "the new secret still")
    s.secret.write_text(old)
    for number in (0, 1):
        reloaded(s, number)
        settled(s, number)


@case
def new_settings(s):
    """Workers and timeouts follow a reload; what was opened at the start does
    not, and that is told."""
    s.configure(0, workers=3)
    reloaded(s, 0)
    settled(s, 0, 3)
    s.configure(0, listen=s.directory / "other.sock")
    said = reload(s, 0)
    print("# " + said[0]["cause"])
    same(said[0]["event"], "reload_refused")
    assert "listen has changed" in said[0]["cause"], said
    same(len(s.workers(0)), 3, "workers")
    s.configure(0, threads="many")
    same(reload(s, 0)[0]["event"], "reload_refused")
    s.configure(0)
    reloaded(s, 0)
    settled(s, 0)


@case
def begun_before(s):
    """A request that was begun before the reload is answered by the contract
    that it began under."""
    # The check of a reload must read the table, if only for itself.
    with s.cluster.held("app.letters", mode="exclusive"):
        begun = [Later(s, "POST", "/api/letters", s.alice, sut.NEW_LETTER)
                 for _ in range(4)]
        wait_for(lambda: waiting(s, 4), "requests at the lock")
        for number in (0, 1):
            reloaded(s, number)
    for later in begun:
        same(later.finish().status, 201, "a request that was begun")
    for number in (0, 1):
        settled(s, number)


def logged(s, ids):
    """The ids of these requests that the log has, as often as it has them."""
    return sorted(line["request_id"] for line in s.log_lines()
                  if line.get("request_id") in ids)


def ask_for_lines(s, word):
    ids = [f"{word}-{n}" for n in range(20)]
    for ident in ids:
        same(s.get(LIST, s.alice, headers={"X-Request-Id": ident}).status,
             200)
    return ids


@case
def last_lines_of_the_retired(s):
    """What a worker had not written yet is in the log when a reload has
    retired it."""
    before = [pid for number in (0, 1) for pid in s.workers(number)]
    ids = ask_for_lines(s, "retired")
    for number in (0, 1):
        os.kill(s.pid(number), signal.SIGHUP)
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}")
                             for pid in before), "the retired to end", 60)
    same(logged(s, ids), sorted(ids), "the lines of the requests")


@case
def last_lines_before_a_stop(s):
    """A graceful stop leaves the line of each request in the log."""
    ids = ask_for_lines(s, "stopped")
    for number in (0, 1):
        same(s.stop(number), 0, "exit")
    same(logged(s, ids), sorted(ids), "the lines of the requests")
    for number in (0, 1):
        s.start(number)
    s.ready()


def between_writes(log):
    """The text of a log, unless a line is being written just now."""
    text = log.read_text()
    return text if text.endswith("\n") else None


@case
def lines_of_the_killed(s):
    """A worker that is killed leaves whole lines, and all but those of its
    last 100 ms."""
    ids = ask_for_lines(s, "killed")
    wait_for(lambda: logged(s, ids) == sorted(ids), "a line of each request")
    ask_for_lines(s, "lost")
    for number in (0, 1):
        for pid in s.workers(number):
            os.kill(pid, signal.SIGKILL)
    s.ready()
    for number in (0, 1):
        for line in wait_for(lambda: between_writes(s.log_path(number)),
                             "the end of a line").splitlines():
            assert json.loads(line)["time"], line


@case
def unfit_login(s):
    """A reload with a login role that could see all rows is refused."""
    s.configure(0, database=s.cluster.conninfo("postgres"))
    said = reload(s, 0)
    same(said[0]["event"], "reload_refused")
    assert "refusing to serve" in said[0]["cause"], said
    same(s.get(LIST, s.alice).status, 200)
    s.configure(0)
    reloaded(s, 0)


def main():
    with tempfile.TemporaryDirectory(prefix="contract-") as directory:
        contract = pathlib.Path(directory) / "contract"
        shutil.copytree(sut.TOP / "contract", contract)
        pathlib.Path(directory).chmod(0o755)
        # Schemas of the language are named relative to the contract.
        shutil.copytree(sut.TOP / "schemas", pathlib.Path(directory) /
                        "schemas")
        with sut.System(contract=contract, read_timeout="30s", settings={
                **sut.PATIENT, "workers": 2, "lock_timeout_ms": 20000,
                "statement_timeout_ms": 20000, "request_timeout_ms": 22000,
                "drain_ms": 15000}) as s:
            s.alice = s.token("authenticated", sut.ALICE)
            return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
