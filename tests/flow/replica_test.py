#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A primary and a streaming replica: reads that may come from the replica do,
none fails when it is gone, and writes go on when it has been promoted."""

import itertools
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

import load
import system as sut
import tap
from replica import Replica
from tap import case, same, wait_for

LIST = "/api/letters?limit=5"


def misses(s):
    text = s.ops("/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if line.startswith("lockstep_replica_misses_total"))


def reads_of(cluster):
    """Transactions so far of the role that serves."""
    return int(cluster.psql("select count(*) from pg_stat_activity where "
                            "usename = 'lockstep'"))


def write(s, title, key=None):
    return s.curl("POST", "/api/letters", s.alice,
                  {**sut.NEW_LETTER, "title": title},
                  {"Idempotency-Key": key} if key else None)


def from_replica(s, path):
    """A reply of the replica: one whose connection took too long fell back."""
    def once():
        before = misses(s)
        reply = s.get(path, s.alice)
        return reply if misses(s) == before else None
    return wait_for(once, "a reply of the replica", 60)


@case
def marked_reads(s):
    """What the contract marks is read from the replica, all else is not."""
    s.replica.has_all(s.cluster)
    s.replica.psql("select pg_wal_replay_pause()")
    try:
        made = write(s, "not there yet")
        same(made.status, 201)
        path = "/api/letters/" + made.data["id"]
        for _ in range(8):
            same(from_replica(s, path).status, 404, "from the replica")
            assert made.data["id"] not in from_replica(s, LIST).body.decode()
        same(s.curl("PATCH", path, s.alice, {"title": "changed"}).status, 200,
             "a write")
        same(s.get("/api/users/" + sut.ALICE, s.alice).status, 200)
    finally:
        s.replica.psql("select pg_wal_replay_resume()")
    s.replica.has_all(s.cluster)
    same(s.get(path, s.alice).data["title"], "changed")
    wait_for(lambda: by_replica(s), "no read to fall back", 60)


@case
def replica_gone(s):
    """A replica that stops and comes back under load fails no read."""
    running = load.Load(s, LIST, s.alice, seconds=300, connections=8)
    for _ in range(2):
        time_stopped = time.monotonic()
        s.replica.stop("immediate")
        wait_for(lambda: misses(s) > 0, "reads by the primary", 60)
        s.replica.start()
        wait_for(lambda: reads_of(s.replica) > 0, "reads by the replica", 60)
        print(f"# back at the replica after "
              f"{time.monotonic() - time_stopped:.1f} s")
    counts = running.end()
    print(f"# {counts.requests} reads, {counts.failed} failed, "
          f"{misses(s):.0f} by the primary")
    same(counts.failed, 0, counts.text)
    assert counts.requests > 500, counts.text


def by_replica(s):
    """Do reads all come from the replica?"""
    before = misses(s)
    for _ in range(16):
        same(s.get(LIST, s.alice).status, 200)
    return misses(s) == before


def asleep(s):
    """A read that sleeps on the replica, unless it fell back."""
    later = sut.Later(s, "GET", LIST, s.alice)
    wait_for(lambda: later.reply or s.replica.psql(
        "select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
        == "1", "the sleep, or a reply")
    return later if later.reply is None else None


@case
def canceled_for_the_primary(s):
    """A read that the replica cancels, since the primary changed what it
    reads, is answered by the primary."""
    wait_for(lambda: by_replica(s), "each server to have checked it", 60)
    before = misses(s)
    s.replica.psql("alter system set max_standby_streaming_delay = '100ms'")
    s.replica.psql("select pg_reload_conf()")
    wait_for(lambda: s.replica.psql("show max_standby_streaming_delay") ==
             "100ms", "the delay")
    s.replica.has_all(s.cluster)
    # The read sleeps in a policy, on the replica alone.
    s.cluster.psql(
        "create function app.dawdle() returns boolean language plpgsql as $$ "
        "begin if pg_is_in_recovery() then perform pg_sleep(10); end if; "
        "return true; end $$; grant execute on function app.dawdle() to "
        "authenticated; create policy dawdle on app.letters as restrictive "
        "for select to authenticated using ((select app.dawdle()))")
    s.replica.has_all(s.cluster)
    try:
        later = wait_for(lambda: asleep(s), "a read that sleeps", 60)
        s.cluster.psql("begin; lock table app.letters in access exclusive "
                       "mode; commit")
        reply = later.finish()
        same(reply.status, 200, reply.body[:300])
        assert later.took_s < 8, later.took_s
    finally:
        s.cluster.psql("drop policy dawdle on app.letters; "
                       "drop function app.dawdle()")
    assert misses(s) > before, (misses(s), before)


@case
def promoted(s):
    """The primary dies, the replica is promoted: writes go on, and each that
    was acknowledged is there once."""
    s.replica.psql("alter system set synchronous_commit = 'local'")
    # From here on a COMMIT waits for the replica, so that none is lost.
    s.cluster.psql("alter system set synchronous_standby_names = '*'")
    s.cluster.psql("select pg_reload_conf()")
    wait_for(lambda: s.cluster.psql(
        "select count(*) from pg_stat_replication where sync_state = 'sync'")
        == "1", "synchronous replication", 60)
    over = threading.Event()
    done = [[] for _ in range(4)]

    def run(n):
        for number in itertools.count():
            if over.is_set():
                return
            title = f"promoted {n}-{number}"
            while not over.is_set():
                reply = write(s, title, title.replace(" ", "-"))
                if reply.status == 201:
                    done[n].append(title)
                    break
    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: sum(map(len, done)) > 50, "writes", 60)
        s.cluster.stop("immediate")
        began = time.monotonic()
        # A promoted server no longer waits for another.
        s.replica.psql("alter system set synchronous_standby_names = ''")
        s.replica._tool("pg_ctl", "-D", s.replica.data, "-w", "promote")
        before = sum(map(len, done))
        wait_for(lambda: sum(map(len, done)) > before + 50, "writes again",
                 60)
        print(f"# 50 writes within {time.monotonic() - began:.1f} s after the "
              f"primary's end; {sum(map(len, done))} in all")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    rows = s.replica.psql("select title, count(*) from app.letters where "
                          "title like 'promoted %' group by title")
    there = dict(row.split("|") for row in rows.splitlines())
    same({t: n for t, n in there.items() if n != "1"}, {}, "done twice")
    same({t for mine in done for t in mine} - set(there), set(), "lost")
    # A thread that failed to connect meanwhile waits before it tries again.
    wait_for(lambda: s.get(LIST, s.alice).status == 200, "a read")
    wait_for(lambda: s.ops("/readyz").status == 200, "readiness")


def marked(directory):
    """The reference contract, with letters that may come from a replica."""
    place = pathlib.Path(directory) / "contract"
    shutil.copytree(sut.TOP / "contract", place)
    path = place / "resources/letters.json"
    whole = json.loads(path.read_text())
    for name in ("list", "read"):
        whole["operations"][name]["replica"] = True
    path.write_text(json.dumps(whole))
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)
    return place


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        with sut.System(instances=2, contract=marked(directory), settings={
                **sut.PATIENT, "reconnect_max_ms": 500}) as s:
            s.replica = Replica(s.directory, s.cluster)
            hosts = [s.cluster.directory, s.replica.directory]
            words = "dbname=lockstep user=lockstep target_session_attrs="
            try:
                for number in range(2):
                    same(s.stop(number), 0)
                    s.configure(
                        number,
                        database=f"host={hosts[0]},{hosts[1]} {words}"
                        "read-write",
                        database_read=f"host={hosts[1]} {words}any")
                    s.start(number)
                s.ready()
                s.alice = s.token("authenticated", sut.ALICE)
                return tap.run(s)
            finally:
                s.replica.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        sys.exit(os.environ.get("CI") == "true")
