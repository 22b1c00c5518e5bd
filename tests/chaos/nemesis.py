# SPDX-License-Identifier: MIT
"""Faults, at random times from a seed: processes are killed and stopped,
Postgres ends at once or loses connections, a snapshot is held, a disk is full,
a service hangs or fails.  And operators cancel and replay jobs.

The system stands on a file system of its own where that can be made (as root,
in memory), so that a full disk harms nobody else."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import system as sut
import tap
from checker import History
from worker import Session, Worker, directory, is_stopped

# A claim that was answered while its worker was stopped is not late.
LEASE = {"work_lease_ms": 1000, "work_beat_ms": 300, "lock_timeout_ms": 30000,
         "work_breaker_ms": 200, "work_breaker_max_ms": 1000}
# A lease, what it takes to be found out, and a worker to take the job.
PAUSE_S = 1.9
TAKEN_S = 30		# at most, until others have its jobs
MEET_S = 30		# at most, until there is something to meet
BACKENDS = "usename in ('lockstep', 'lockstep_worker') and pid <> " \
    "pg_backend_pid()"


@contextlib.contextmanager
def own_disk(size):
    """A directory to live in, and the mount point; None if there is none."""
    home = directory()
    mount = pathlib.Path(home) / "disk"
    mount.mkdir()
    os.chmod(home, 0o755)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs",
         str(mount)], capture_output=True, check=False) \
        if os.geteuid() == 0 and shutil.which("mount") else None
    mounted = done is not None and done.returncode == 0
    before = tempfile.tempdir
    tempfile.tempdir = str(mount)
    try:
        yield home, mount if mounted else None
    finally:
        tempfile.tempdir = before
        if mounted:
            subprocess.run(["umount", "-l", str(mount)], check=False)
        if not os.environ.get("KEEP"):
            shutil.rmtree(home, ignore_errors=True)


class World:
    """A system, its workers and its disk; what has ended is started again, as
    an operating system's supervisor would."""

    def __init__(self, s, home, disk, size, peer=None, workers=("a", "b"),
                 **settings):
        self.s, self.home, self.disk, self.size = s, home, disk, size
        self.settings = {**LEASE, **settings}
        # A service that jobs call: hang(), fail(), heal() and `harmed`.
        self.peer = peer
        self.workers = {}
        for name in workers:
            self.start_worker(name)

    def start_worker(self, name):
        self.workers[name] = Worker(
            self.s, name, work_database=self.s.cluster.conninfo(
                "lockstep_worker") + f" application_name={name}",
            **self.settings)

    def supervise(self):
        for name, w in self.workers.items():
            if w.process.poll() is not None:
                self.start_worker(name)
        for number in range(self.s.instances):
            if self.s.process[f"lockstep-{number}"].poll() is not None:
                self.s.start(number, wait=False)
        if not self.postgres_is_up():
            self.start_postgres()

    def start_postgres(self):
        """It cannot while the disk is full; then it is tried again."""
        with contextlib.suppress(subprocess.CalledProcessError, OSError):
            self.s.cluster.start()

    def postgres_is_up(self):
        return self.s.cluster._tool("pg_ctl", "-D", self.s.cluster.data,
                                    "status", check=False).returncode == 0

    def ask(self, sql):
        """Rows of one column; none while the database is away."""
        return self.s.cluster.psql(sql, check=False).split()

    def operate(self, *words):
        """How many jobs an operator has changed; 0 while nobody can."""
        done = self.s.run("jobs", *words, "--json", "--config",
                          self.s.config_path(0), check=False)
        return json.loads(done.stdout)["changed"] if done.stdout and \
            done.returncode in (0, 1) else 0

    def stop_workers(self):
        for w in self.workers.values():
            w.__exit__()


def signal_pid(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def children(pid):
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True,
                          text=True, check=False)
    return [int(p) for p in done.stdout.split()]


class Nemesis(threading.Thread):
    """Goes through a list of faults that a seed has made, with pauses between
    them; then all is healed.  `done` counts those that met something."""

    def __init__(self, world, seed, quota, pause_s, where):
        super().__init__()
        self.world, self.pause_s = world, pause_s
        self.random = random.Random(f"nemesis {seed}")
        self.list = [name for name, n in quota.items() for _ in range(n)]
        self.random.shuffle(self.list)
        self.history = History(where / "nemesis.jsonl")
        self.heals = []
        self.done = {}
        self.crashes = []
        self.trouble = None
        self.at = 0

    def run(self):
        try:
            for self.at, name in enumerate(self.list):
                self.rest(self.random.uniform(0.5, 1.5) * self.pause_s)
                if self.inject(name):
                    self.done[name] = self.done.get(name, 0) + 1
                    self.history.write("fault", name)
            while self.heals:
                self.rest(0.1)
        except Exception as e:
            self.trouble = e
        finally:
            self.heal_all()

    def inject(self, name):
        """Does it meet something, if not at once?"""
        if name == "disk.full" and not self.world.disk:
            return False
        end = time.monotonic() + MEET_S
        while time.monotonic() < end:
            if getattr(self, name.replace(".", "_"))():
                return True
            self.rest(0.1)
        return False

    def rest(self, seconds):
        """Goes by the clock, as faults last; heals and restarts meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.heal()
            self.world.supervise()
            time.sleep(0.05)

    def later(self, seconds, heal):
        self.heals.append((time.monotonic() + seconds, heal))

    def heal(self, everything=False):
        now = time.monotonic()
        due = [h for h in self.heals if everything or h[0] <= now]
        self.heals = [h for h in self.heals if h not in due]
        for _, heal in due:
            heal()

    def heal_all(self):
        while self.heals:
            self.heal(everything=True)
        tap.wait_for(lambda: self.world.supervise() or
                     self.world.ask("select 1") == ["1"], "Postgres", 60)
        self.history.close()

    # ---- Processes are killed.

    def worker(self):
        return self.random.choice(list(self.world.workers.values()))

    def server(self):
        return self.world.s.process[
            f"lockstep-{self.random.randrange(self.world.s.instances)}"]

    def child_of(self, process):
        pids = sorted(children(process.pid)) if process.poll() is None else []
        return self.random.choice(pids) if pids else None

    def kill_child(self, process):
        pid = self.child_of(process)
        if pid:
            signal_pid(pid, signal.SIGKILL)
        return pid is not None

    @staticmethod
    def kill_parent(process, with_children):
        if process.poll() is not None:
            return False
        pids = children(process.pid) if with_children else []
        process.kill()
        for pid in pids:
            signal_pid(pid, signal.SIGKILL)
        process.wait(10)
        return True

    def kill_worker_child(self):
        return self.kill_child(self.worker().process)

    def kill_worker_parent(self):
        return self.kill_parent(self.worker().process, False)

    def kill_worker_all(self):
        return self.kill_parent(self.worker().process, True)

    def kill_server_child(self):
        return self.kill_child(self.server())

    def kill_server_parent(self):
        return self.kill_parent(self.server(), False)

    def kill_server_all(self):
        return self.kill_parent(self.server(), True)

    def kill_nginx_worker(self):
        return self.kill_child(self.world.s.process["nginx"])

    def kill_backend(self):
        """Postgres ends all sessions and recovers by itself."""
        pid, began = self.backend(), time.monotonic()
        if not pid:
            return False
        signal_pid(pid, signal.SIGKILL)
        # It may be well again before it is looked at: then it is not timed.
        while time.monotonic() < began + 0.5:
            if self.world.ask("select 1") != ["1"]:
                self.crashes.append((began, time.monotonic()))
                break
        return True

    # ---- Processes are stopped, for longer than a lease.

    def pause(self, pids, wake=None):
        for pid in pids:
            signal_pid(pid, signal.SIGSTOP)
        self.later(PAUSE_S, wake or (lambda: self.go_on(pids)))
        for pid in pids:
            # Its threads run on until one of them has taken the signal.
            tap.wait_for(lambda pid=pid: is_stopped(pid), "it to stop")
        return bool(pids)

    @staticmethod
    def go_on(pids):
        for pid in pids:
            signal_pid(pid, signal.SIGCONT)

    def wake(self, pids, end):
        """Lets a worker go on when its jobs are no longer its own."""
        left = self.world.ask(
            "select count(*) from lockstep.jobs j join lockstep.workers w on "
            "w.id = j.owner where j.state = 'running' and w.pid = "
            f"any(array{pids}::integer[])")
        if left != ["0"] and time.monotonic() < end:
            self.later(0.1, lambda: self.wake(pids, end))
        else:
            self.go_on(pids)

    def pause_worker(self):
        return not self.heals and self.pause(self.worker().children())

    def pause_server(self):
        pid = self.child_of(self.server())
        return self.pause([pid] if pid else [])

    def pause_backend(self):
        pid = self.backend()
        return self.pause([pid] if pid else [])

    def pause_zombie(self):
        """A worker is stopped that has leases and does not know it yet, until
        others have done its jobs."""
        if self.heals:
            return False
        name, w = self.random.choice(list(self.world.workers.items()))
        waits = "select count(*) > 0 from pg_locks l join pg_stat_activity a " \
            "using (pid) where l.locktype = 'advisory' and l.objid = 4711 " \
            f"and not l.granted and a.application_name = '{name}'"
        with contextlib.suppress(BrokenPipeError), \
                Session(self.world.s) as gate:
            gate.ask("select pg_advisory_lock(4711) is null")
            end = time.monotonic() + 2
            while (said := gate.ask(waits)) == "f" and \
                    time.monotonic() < end:
                time.sleep(0.005)
            pids = w.children()
            until = time.monotonic() + TAKEN_S
            met = said == "t" and self.pause(
                pids, lambda: self.wake(pids, until))
            gate.ask("select pg_advisory_unlock(4711)")
            return met
        return False

    # ---- Postgres.

    def backend(self):
        pids = self.world.ask("select pid from pg_stat_activity where "
                              + BACKENDS)
        return int(self.random.choice(pids)) if pids else None

    def pg_immediate(self):
        began = time.monotonic()
        self.world.s.cluster.stop("immediate")
        self.crashes.append((began, time.monotonic()))
        self.world.start_postgres()
        return True

    def pg_power(self):
        """As a machine's end, between two writes of the log to the disk: those
        who would have it written, the workers and who writes it page by page,
        rest until it is over."""
        pids = [pid for w in self.world.workers.values()
                for pid in w.children()]
        writers = [int(pid) for pid in self.world.ask(
            "select pid from pg_stat_activity where backend_type = "
            "'walwriter'")]
        for pid in pids + writers:
            signal_pid(pid, signal.SIGSTOP)
        time.sleep(1)
        for pid in writers:
            signal_pid(pid, signal.SIGKILL)
        self.pg_immediate()
        for pid in pids:
            signal_pid(pid, signal.SIGCONT)
        return True

    def pg_terminate(self):
        return bool(self.world.ask(
            "select pg_terminate_backend(pid) from (select pid from "
            f"pg_stat_activity where {BACKENDS} order by random() limit 4) b"))

    def pg_deaf(self):
        """Who listens also holds the lock that says that it lives."""
        return bool(self.world.ask(
            "select pg_terminate_backend(pid) from pg_locks where locktype = "
            "'advisory' and classid = 1819501424"))

    def pg_enqueuer(self):
        """Those who are not the server's."""
        return bool(self.world.ask(
            "select pg_terminate_backend(pid) from pg_stat_activity where "
            "usename = 'lockstep' and application_name = 'psql'"))

    def pg_snapshot(self):
        session = Session(self.world.s)
        with contextlib.suppress(BrokenPipeError):
            session.ask("begin isolation level repeatable read; select 1")
        self.later(self.random.uniform(2, 6), session.__exit__)
        return True

    # ---- The service, where there is one.  It was harmed when it was asked.

    def peer_hang(self):
        return self.harm_peer("hang")

    def peer_fail(self):
        return self.harm_peer("fail")

    def harm_peer(self, how):
        if self.world.peer is None:
            return False
        peer, end = self.world.peer, time.monotonic() + 4
        before = peer.harmed
        getattr(peer, how)()
        self.later(self.random.uniform(1, 4), peer.heal)
        while peer.harmed == before and time.monotonic() < end:
            self.rest(0.05)
        return peer.harmed > before

    # ---- Operators.

    def op_cancel(self):
        return self.world.operate("cancel", "--kind", "chaos.whim") > 0

    def op_replay(self):
        return self.world.operate("replay", "--kind", "chaos.whim") > 0

    # ---- The disk.

    def disk_full(self):
        """Nothing can grow: Postgres, the logs, what nginx spools."""
        if not self.world.disk:
            return False
        resize(self.world.disk, used(self.world.disk) + (64 << 10))
        self.later(1.5, self.disk_freed)
        return True

    def disk_freed(self):
        resize(self.world.disk, self.world.size)
        self.crashes.append((time.monotonic(), time.monotonic()))


def used(mount):
    v = os.statvfs(mount)
    return (v.f_blocks - v.f_bfree) * v.f_frsize


def resize(mount, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(mount)],
                   capture_output=True, check=False)


class Sampler(threading.Thread):
    """Asks for the conservation's error each second, while there is whom."""

    def __init__(self, world, period_s=1.0):
        super().__init__()
        self.world, self.period_s = world, period_s
        self.samples, self.wrong, self.stopping = 0, [], threading.Event()

    def run(self):
        while not self.stopping.wait(self.period_s):
            for error in self.world.ask(
                    "select error from lockstep.job_conservation()"):
                self.samples += 1
                if error != "0":
                    self.wrong.append(int(error))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()
