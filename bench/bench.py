# SPDX-License-Identifier: MIT
"""What the operations of an API cost, by wrk through nginx: Lockstep, beside
pgbench running the same SQL under the same role, claims and policies in
pipeline mode with prepared statements, and beside a peer service that a good
Node team would write (bench/peer), through the same nginx.  All in turn,
several rounds, in one run; medians and spread.

Figures of one machine mean little elsewhere; the ratios mean something."""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import system as sut  # noqa: E402
import tap  # noqa: E402
from load import Counts  # noqa: E402

SCOPE = """\\startpipeline
select pg_catalog.num_nulls(set_config('role', 'authenticated', true),
    set_config('request.jwt.claims', :claims, true),
    set_config('lockstep.request_id', 'bench', true)%s);
%%s
\\endpipeline
"""
WRITES = SCOPE % ""
READS = SCOPE % ", set_config('transaction_read_only', 'on', true)"
BODY = json.dumps(sut.NEW_LETTER)
PATCH = '{"title":"Changed"}'
INSERT = """insert into app.letters (title, body, tone, recipient, tags)
    values ('%(title)s', '%(body)s', '%(tone)s', '%(recipient)s', '["work"]')
    returning %%s""" % {**sut.NEW_LETTER, "recipient": json.dumps(
    sut.NEW_LETTER["recipient"])}


class Operation:
    """A request as Lua for wrk (of path, method, body and header fields), and
    the SQL that it costs at the least."""

    def __init__(self, name, path, sql, method="GET", body=None, keyed=False):
        self.name = name
        self.path = path
        self.sql = sql
        self.method = method
        self.body = body
        self.keyed = keyed

    def lua(self, token, tag):
        lines = [f'wrk.method = "{self.method}"',
                 f'wrk.headers["Authorization"] = "Bearer {token}"']
        if self.body:
            lines += [f"wrk.body = [==[{self.body}]==]",
                      'wrk.headers["Content-Type"] = "application/json"']
        if self.keyed:
            lines += ["local n = 0", "request = function()",
                      "    n = n + 1",
                      f'    wrk.headers["Idempotency-Key"] = "{tag}-" .. n',
                      "    return wrk.format()", "end"]
        return "\n".join(lines) + "\n"


def columns(schema):
    properties = json.loads((TOP / "contract/schemas" / schema).read_text())[
        "properties"]
    return ", ".join(n for n, p in properties.items()
                     if not p.get("writeOnly"))


def operations(letter, company):
    names = columns("letter.json")
    return [
        Operation("list 20", "/letters", READS % f"""
select coalesce(json_agg(t), '[]') from (select {names} from app.letters
    order by created_at desc, id desc limit 21) t;"""),
        Operation("read", f"/letters/{letter}", READS % f"""
select row_to_json(t) from (select {names} from app.letters
    where id = '{letter}') t;"""),
        Operation("create, keyed", "/letters", WRITES % f"""
select lockstep.claim('POST', '/letters', gen_random_uuid()::text,
    repeat('0', 64));
with made as ({INSERT % names}) select lockstep.keep('POST', '/letters',
    gen_random_uuid()::text, repeat('0', 64), 'must', count(*),
    json_agg(made)) from made;""",
                  "POST", BODY, True),
        Operation("patch", f"/letters/{letter}", WRITES % f"""
with made as (update app.letters set title = 'Changed' where id = '{letter}'
    returning {names}) select row_to_json(made) from made;""",
                  "PATCH", PATCH),
        Operation("call", f"/companies/{company}/health", READS % f"""
select row_to_json(t) from app.company_health(id => '{company}') t;"""),
    ]


# ---- The sides.

class Lockstep:
    def __init__(self, system, token):
        self.system, self.token = system, token
        self.url = system.url + "/api"

    def run(self, operation, connections, seconds, tag):
        return wrk(self.system.directory, self.url, self.token, operation,
                   connections, seconds, tag)


class Peer:
    """The Node service, or another that is reached at a URL."""

    def __init__(self, system, token, url):
        self.system, self.token, self.url = system, token, url

    def run(self, operation, connections, seconds, tag):
        return wrk(self.system.directory, self.url, self.token, operation,
                   connections, seconds, tag)


def wrk(directory, url, token, operation, connections, seconds, tag):
    script = directory / "bench.lua"
    script.write_text(operation.lua(token, tag))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
         "--timeout", "20s", "-s", str(script), url + operation.path],
        capture_output=True, text=True, check=False)
    counts = Counts(done.stdout, done.stderr)
    if counts.failed:
        raise SystemExit(f"{url}{operation.path}: {counts.failed} failed: "
                         f"{counts.text}")
    return counts


class Pgbench:
    """Has the number of connections that suits it best, up to what the other
    sides' clients have."""

    def __init__(self, system):
        self.system = system
        # pgbench prepares before it sets the role, so its login must have the
        # role's privileges by itself.
        system.cluster.psql("create role bench login in role authenticated")

    def run(self, operation, connections, seconds):
        tried = [c for c in (1, 4, 8, 16) if c <= connections][-3:]
        return max(self.once(operation, c, seconds) for c in tried)

    def once(self, operation, connections, seconds):
        script = self.system.directory / "bench.sql"
        script.write_text(operation.sql)
        claims = json.dumps({"sub": sut.ALICE, "role": "authenticated"})
        done = subprocess.run(
            [f"{sut.PG_BIN}/pgbench", "-n", "-M", "prepared", "-c",
             str(connections), "-j", str(min(2, connections)), "-T",
             str(seconds), "-f", str(script), "-D", f"claims={claims}",
             self.system.cluster.conninfo("bench")],
            capture_output=True, text=True, check=False)
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode != 0 or not found:
            raise SystemExit("pgbench: " + done.stdout + done.stderr)
        return float(found.group(1))


# ---- The peer.

SITE = """
upstream peer {
	server 127.0.0.1:%(port)s;
	keepalive 64;
}
server {
	listen 127.0.0.1:%(listen)s;
	access_log %(log)s/peer.log lockstep buffer=32k flush=1s;
	keepalive_requests 10000;
	location / {
		proxy_pass http://peer;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		proxy_set_header X-Request-Id $request_id;
	}
}
"""


def install_peer(build):
    """Its packages, from npm, once for a build directory."""
    work = build / "bench-peer"
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.mjs"):
        shutil.copy(TOP / "bench/peer" / name, work)
    if not (work / "node_modules/fastify").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-audit",
                        "--no-fund", "--prefix", str(work)], check=True,
                       cwd=work, stdout=sys.stderr)
    return work


class PeerProcess:
    def __init__(self, system, work, port, options, keys):
        settings = system.directory / "peer.json"
        settings.write_text(json.dumps({
            "processes": options.peer_processes,
            "connections": options.peer_connections,
            "host": str(system.cluster.directory), "database": "lockstep",
            "user": "lockstep", "port": port,
            "schemas": str(TOP / "contract/schemas"),
            "log": str(system.directory / "log/peer-app.log"), **keys}))
        self.process = subprocess.Popen(
            ["node", str(work / "server.mjs"), str(settings)], cwd=work,
            stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


PEER_KEYS = """
create table peer_keys (subject text, key text, fingerprint text, reply text,
    created_at timestamptz default now(), primary key (subject, key));
alter table peer_keys enable row level security;
create policy own on peer_keys to authenticated
    using (subject = (select auth.jwt() ->> 'sub'))
    with check (subject = (select auth.jwt() ->> 'sub'));
grant select, insert on peer_keys to authenticated;
"""


# ---- Measuring.

class Row:
    """One line of the table: an operation at a number of connections."""

    def __init__(self, operation, connections, label=""):
        self.operation, self.connections = operation, connections
        self.label = label or operation.name
        self.rate = {"lockstep": [], "pgbench": [], "peer": [],
                     "postgrest": []}
        self.p99 = {"lockstep": [], "peer": [], "postgrest": []}

    def take(self, sides, seconds, tag):
        for name, side in sides.items():
            if name == "pgbench":
                self.rate[name].append(side.run(
                    self.operation, self.connections, seconds))
                continue
            counts = side.run(self.operation, self.connections, seconds,
                              f"{tag}-{name}-{self.connections}")
            self.rate[name].append(counts.per_second)
            self.p99[name].append(counts.p99_ms)

    def ratios(self, side):
        return [a / b for a, b in zip(self.rate["lockstep"],
                                      self.rate[side])]


def spread(values, digits):
    if not values:
        return "-"
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}-{max(values):.{digits}f})")


HEADS = ("operation", "conns", "lockstep/s", "p99 ms", "pgbench/s",
         "of pgbench", "peer/s", "p99 ms", "of peer")


def line(row):
    return (row.label, str(row.connections),
            spread(row.rate["lockstep"], 0), spread(row.p99["lockstep"], 1),
            spread(row.rate["pgbench"], 0), spread(row.ratios("pgbench"), 2),
            spread(row.rate["peer"], 0), spread(row.p99["peer"], 1),
            spread(row.ratios("peer"), 2))


def report(rows, options):
    lines = [HEADS, *(line(row) for row in rows)]
    widths = [max(len(cells[i]) for cells in lines)
              for i in range(len(HEADS))]
    print(f"\n{options.rounds} rounds of {options.seconds} s, median "
          f"(least-most); two instances of {options.workers} process(es) "
          f"with {options.threads} threads; {os.cpu_count()} processors")
    for cells in lines:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                        for i, (c, w) in enumerate(zip(cells, widths))))
    for row in rows:
        if row.rate["postgrest"]:
            print(f"{row.label} at {row.connections}: PostgREST "
                  f"{spread(row.rate['postgrest'], 0)}/s, p99 "
                  f"{spread(row.p99['postgrest'], 1)} ms; of it "
                  f"{spread(row.ratios('postgrest'), 2)}")


def memory_kib(system):
    """Resident memory of every worker process, in KiB."""
    total = {}
    for number in range(system.instances):
        for pid in system.workers(number):
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            total[pid] = int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
    return total


def measure(system, tokens, sides, options):
    letter, company = system.letter, system.company
    everything = operations(letter, company)
    rows = [Row(o, c) for o in everything for c in options.connections
            if not options.only or any(w in o.name for w in options.only)]
    if "RS256" in tokens and (not options.only or "list" in options.only):
        rows.append(Row(everything[0], max(options.connections),
                        "list 20, RS256"))
    before = None
    for number in range(options.rounds):
        for row in rows:
            token = tokens["RS256" if "RS256" in row.label else "HS256"]
            for name in ("lockstep", "peer"):
                if name in sides:
                    sides[name].token = token
            row.take(sides, options.seconds, f"{os.getpid()}-{number}")
        if before is None:
            before = memory_kib(system)
        print(f"round {number + 1} of {options.rounds} done", flush=True)
    report(rows, options)
    after = memory_kib(system)
    print("memory of the workers, KiB, after the first round and the last: "
          + ", ".join(f"{before.get(p, 0)} -> {after[p]}" for p in after))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+",
                        default=[1, 16, 64])
    parser.add_argument("--only", nargs="+", metavar="WORD",
                        help="operations whose name has one of the words")
    parser.add_argument("--workers", type=int, default=1)
    # Threads are connections to Postgres, and two processors that nginx, wrk
    # and Postgres share do best with few.
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-processes", type=int,
                        default=os.cpu_count())
    parser.add_argument("--peer-connections", type=int, default=4,
                        help="to Postgres, of a process of the peer")
    parser.add_argument("--without-peer", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    port, listen = sut.free_port(), sut.free_port()
    settings = {"workers": options.workers, "threads": options.threads,
                "log_level": os.environ.get("LOG_LEVEL", "info"),
                # All that is asked is answered, however long the queue.
                "queue_target_ms": 0}
    work = None if options.without_peer else install_peer(sut.BUILD)

    def site(text):
        return text + SITE % {"port": port, "listen": listen,
                              "log": system.directory / "log"}

    system = sut.System(settings=settings, edit=site if work else None)
    with system:
        tokens = {"HS256": system.token("authenticated", sut.ALICE)}
        system.letter = system.cluster.psql(
            "select id from app.letters where status = 'draft' and "
            f"owner_id = '{sut.ALICE}' order by id limit 1")
        system.company = system.cluster.psql(
            "select c.id from app.companies c join app.account_members m on "
            f"m.account_id = c.account_id where m.user_id = '{sut.ALICE}' "
            "order by c.id limit 1")
        sides = {"lockstep": Lockstep(system, tokens["HS256"]),
                 "pgbench": Pgbench(system)}
        peer = None
        if work:
            system.cluster.psql(PEER_KEYS)
            peer = PeerProcess(system, work, port, options, {
                "secret": system.secret.read_text().strip()})
            sides["peer"] = Peer(system, tokens["HS256"],
                                 f"http://127.0.0.1:{listen}/peer")
            tap.wait_for(lambda: system.curl(
                "GET", "/peer/letters", tokens["HS256"],
                base=f"http://127.0.0.1:{listen}",
                record=False).status == 200, "the peer", 30)
        try:
            measure(system, tokens, sides, options)
        finally:
            if peer:
                peer.stop()


if __name__ == "__main__":
    main()
