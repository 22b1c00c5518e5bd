# SPDX-License-Identifier: MIT
"""What exports take: a million rows into the spool, as each format, beside COPY of
the same rows by psql; the memory of every process meanwhile; and what many exports
at once do to the latency of the API.

Figures of one machine mean little elsewhere."""

import argparse
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import http.client  # noqa: E402

import system as sut  # noqa: E402
import tap  # noqa: E402
from worker import Worker  # noqa: E402

ACCOUNT = "99999999-9999-4999-8999-999999999999"
COMPANY = "99999999-9999-4999-8999-99999999999%d"


def fill(s, rows):
    """A tenant with so many events, of ten companies."""
    s.cluster.psql(f"""
insert into app.accounts (id, name, plan, created_by)
values ('{ACCOUNT}', 'Big', 'business', '{sut.ALICE}');
insert into app.account_members (account_id, user_id, display_name, role)
values ('{ACCOUNT}', '{sut.ALICE}', 'Alice', 'owner') on conflict do nothing;
insert into app.companies (id, account_id, name, domain)
select ('{COMPANY[:-2]}' || n)::uuid, '{ACCOUNT}', 'Company ' || n,
    'c' || n || '.example' from generate_series(0, 9) n;
insert into app.events (company_id, kind, score, message, occurred_at)
select ('{COMPANY[:-2]}' || g % 10)::uuid, 'nps', g % 11,
    'It came on time and looks lovely.', now() - g * interval '1 s'
from generate_series(1, {rows}) g;
analyze app.events;""")
    s.cluster.psql("vacuum app.events")


def resident(pids):
    """Bytes of memory of its own that each process has."""
    out = {}
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        if "RssAnon:" in text:  # it has not ended just now
            out[pid] = int(text.split("RssAnon:")[1].split()[0]) * 1024
    return out


class Memory(threading.Thread):
    """Samples them ten times a second; the widest spread, from when each was
    first seen working."""

    def __init__(self, find):
        super().__init__()
        self.find, self.stopping, self.seen = find, False, {}

    def run(self):
        while not self.stopping:
            for pid, size in resident(self.find()).items():
                self.seen.setdefault(pid, []).append(size)
            time.sleep(0.1)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join()

    def told(self):
        """Of each: its first sample after half a second, and how far it went."""
        return {pid: ((max(rest) - min(rest)) / 2**20, rest[0] / 2**20)
                for pid, sizes in self.seen.items()
                for rest in [sizes[5:]] if len(rest) > 3}


def export(s, who, query):
    reply = s.curl("POST", f"/api/events/export{query}", who, record=False)
    return reply.data


def over(s, made, who):
    return tap.wait_for(lambda: (lambda r: r["finished_at"] and r)(s.get(
        f"/api/exports/{made['id']}", who, record=False).data), "its end", 300,
        0.1)


def seconds(s, made):
    return float(s.cluster.psql(
        "select extract(epoch from finished_at - started_at) from "
        f"lockstep.exports where id = '{made['id']}'"))


def cpu_s(pids):
    """What the processes have used of processors so far."""
    ticks = 0
    for pid in pids:
        try:
            row = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        ticks += sum(map(int, row.rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def one(s, w, who, query, rows):
    backends = lambda: [int(p) for p in s.cluster.psql(  # noqa: E731
        "select pid from pg_stat_activity where usename in ('lockstep', "
        "'lockstep_worker')").split()]
    used = cpu_s(w.children())
    with Memory(lambda: w.children() + s.workers(0) + backends()) as memory:
        made = over(s, export(s, who, query), who)
    took = seconds(s, made)
    name = s.cluster.psql("select file from lockstep.exports where id = "
                          f"'{made['id']}'")
    digest = hashlib.sha256((s.spool / name).read_bytes()).hexdigest()
    print(f"{query}: {made['state']}, {made['rows']} rows, "
          f"{made['bytes'] / 2**20:.0f} MiB in {took:.2f} s: "
          f"{made['rows'] / took:.0f} rows/s, "
          f"{cpu_s(w.children()) - used:.2f} s of the worker's; digest "
          f"{'right' if digest == made['sha256'] else 'WRONG'}, rows "
          f"{'right' if made['rows'] >= rows else 'WRONG'}")
    for pid, (spread, first) in sorted(memory.told().items()):
        print(f"  process {pid}: {first:.1f} MiB, spread {spread:.1f} MiB")
    os.unlink(s.spool / name)


def copied(s):
    """psql's own, of the same rows without any format of ours, as a superuser."""
    for _ in range(2):
        began = time.monotonic()
        subprocess.run(["psql", "-X", "-q", "-d", s.cluster.conninfo(), "-c",
                        "copy (select e.*, c.name, c.domain from app.events e "
                        "left join app.companies c on c.id = e.company_id) to "
                        "stdout with csv header"], stdout=open(
                            s.directory / "copied", "wb"), check=True)
        took = time.monotonic() - began
    rows = int(s.cluster.psql("select count(*) from app.events"))
    print(f"COPY by psql into a file: {rows / took:.0f} rows/s")


class Client(threading.Thread):
    """Reads of a page, one after the other; their times."""

    def __init__(self, s, who, until):
        super().__init__()
        self.s, self.who, self.until, self.times = s, who, until, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.s.port)
        while time.monotonic() < self.until():
            began = time.monotonic()
            connection.request("GET", "/api/letters?limit=20", headers={
                "Authorization": f"Bearer {self.who}"})
            reply = connection.getresponse()
            reply.read()
            if reply.status == 200:
                self.times.append(time.monotonic() - began)
            time.sleep(0.01)


def load(s, who, clients, length):
    """The times of so many clients' requests, in order."""
    end = time.monotonic() + length
    threads = [Client(s, who, lambda: end) for _ in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sorted(x for t in threads for x in t.times)


def part(times, share):
    return times[int(len(times) * share)] * 1000


def written(s, made):
    return int(s.cluster.psql(
        "select coalesce(sum(rows), 0) from lockstep.exports where id = any('{"
        + ",".join(m["id"] for m in made) + "}')"))


def beside(s, who, count, length, rounds):
    """Alone and beside exports in turn, as the machine is not the same for long;
    the exports are cancelled at the end of each turn."""
    ratios, alone, busy = [], [], []
    for _ in range(rounds):
        quiet = load(s, who, 4, length)
        made = [export(s, who, "?format=csv") for _ in range(count)]
        loud = load(s, who, 4, length)
        print(f"API alone: p50 {part(quiet, .5):.1f} ms, p99 "
              f"{part(quiet, .99):.1f} ms; beside {count} exports, "
              f"{written(s, made) / length:.0f} rows/s: p50 "
              f"{part(loud, .5):.1f} ms, p99 {part(loud, .99):.1f} ms: p99 x "
              f"{part(loud, .99) / part(quiet, .99):.2f}", flush=True)
        ratios.append(part(loud, .99) / part(quiet, .99))
        alone += quiet
        busy += loud
        for m in made:
            s.curl("POST", f"/api/exports/{m['id']}/cancel", who)
        for m in made:
            over(s, m, who)
    alone.sort()
    busy.sort()
    print(f"p99 x {statistics.median(ratios):.2f} (median of {rounds}; "
          f"{min(ratios):.2f} to {max(ratios):.2f}); of all requests together "
          f"x {part(busy, .99) / part(alone, .99):.2f}, {len(alone)} and "
          f"{len(busy)} of them")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--exports", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=int, help="work_export_share, percent")
    a = parser.parse_args()
    with sut.System(instances=1) as s:
        fill(s, a.rows)
        who = s.token("authenticated", sut.ALICE)
        more = {} if a.share is None else {"work_export_share": a.share}
        with Worker(s, "worker", **more) as w:
            print(json.dumps({"cores": os.cpu_count(),
                              "load": os.getloadavg()[0]}))
            for query in ("?format=csv", "?format=ndjson",
                          "?format=csv&select=id,kind,score,occurred_at"):
                one(s, w, who, query, a.rows)
            copied(s)
            beside(s, who, a.exports, a.seconds, a.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
