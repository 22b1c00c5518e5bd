# SPDX-License-Identifier: MIT
"""What the operations of an API cost, by wrk through nginx: Lockstep, beside
pgbench running the same SQL under the same role, claims and policies in
pipeline mode with prepared statements, and beside a peer service that a good
Node team would write (bench/peer), through the same nginx.  All in turn,
several rounds, in one run; medians and spread.  If POSTGREST names a
binary, that too.

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
from concurrent import futures

TOP = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import system as sut  # noqa: E402
import tap  # noqa: E402
from load import Counts  # noqa: E402

BODY = json.dumps(sut.NEW_LETTER)
PATCH = '{"title":"Changed"}'
SOAK_PAUSE_MS = 40	# between two requests of a connection
SOAK_BEFORE_S = 10	# until each thread has its memory


class Operation:
    """A request as Lua for wrk: path, method, body and header fields."""

    def __init__(self, name, path, method="GET", body=None, keyed=False,
                 prefer=None):
        self.name = name
        self.path = path
        self.method = method
        self.body = body
        self.keyed = keyed
        self.prefer = prefer

    def lua(self, token, tag):
        lines = [f'wrk.method = "{self.method}"',
                 f'wrk.headers["Authorization"] = "Bearer {token}"']
        if self.body:
            lines += [f"wrk.body = [==[{self.body}]==]",
                      'wrk.headers["Content-Type"] = "application/json"']
        if self.prefer:
            lines.append(f'wrk.headers["Prefer"] = "{self.prefer}"')
        if self.keyed:
            lines += ["local n = 0", "request = function()",
                      "    n = n + 1",
                      f'    wrk.headers["Idempotency-Key"] = "{tag}-" .. n',
                      "    return wrk.format()", "end"]
        return "\n".join(lines) + "\n"


class Mix:
    """Operations in turn, one after the other on each connection."""

    def __init__(self, operations, pause_ms):
        self.operations, self.pause_ms = operations, pause_ms
        self.path = operations[0].path

    def lua(self, token, tag):
        kinds = ",\n".join(
            f'{{"{o.method}", "/api{o.path}", '
            f'{f"[==[{o.body}]==]" if o.body else "nil"}, '
            f"{str(o.keyed).lower()}}}" for o in self.operations)
        return f"""
wrk.headers["Authorization"] = "Bearer {token}"
wrk.headers["Content-Type"] = "application/json"
local n, kinds = 0, {{ {kinds} }}
request = function()
    n = n + 1
    local kind = kinds[n % #kinds + 1]
    wrk.headers["Idempotency-Key"] = kind[4] and "{tag}-" .. n or nil
    return wrk.format(kind[1], kind[2], nil, kind[3])
end
delay = function() return {self.pause_ms} end
"""


def operations(letter, company):
    return [
        Operation("list 20", "/letters"),
        Operation("read", f"/letters/{letter}"),
        Operation("create, keyed", "/letters", "POST", BODY, True),
        Operation("patch", f"/letters/{letter}", "PATCH", PATCH),
        Operation("call", f"/companies/{company}/health"),
    ]


# ---- The SQL of an operation, as it was sent.

class Statement:
    """One of a conversation with Postgres, from libpq's own trace."""

    PARSE = re.compile(rb'Parse\t "([^"]*)" "(.*)" 0$')
    BIND = re.compile(rb'Bind\t "" "([^"]*)" 0 (\d+) ')

    def __init__(self, sql, params):
        self.sql, self.params = sql, params

    @classmethod
    def all(cls, trace):
        """Those of the first request in a trace, in their order."""
        known, found = {}, []
        for line in trace.splitlines():
            parsed = cls.PARSE.search(line)
            if parsed:
                known[parsed.group(1)] = parsed.group(2).decode()
            bound = cls.BIND.search(line)
            if bound:
                found.append(cls(known[bound.group(1)], cls.values(
                    line[bound.end():], int(bound.group(2)))))
            if b"\tSync" in line and found:
                return found
        raise SystemExit("the trace holds no request")

    @staticmethod
    def values(text, count):
        """N 'bytes' each, so that a quote within is no end."""
        values = []
        for _ in range(count):
            length, _, text = text.partition(b" ")
            if int(length) < 0:
                values.append(None)
                continue
            values.append(text[1:1 + int(length)].decode())
            text = text[int(length) + 3:]
        return values


def traced(system, token, operation):
    """What the operation sends to Postgres, once."""
    trace = system.directory / "bench.trace"
    trace.unlink(missing_ok=True)
    for number in range(system.instances):
        system.configure(number, trace_file=trace, workers=1, threads=1)
    system.rolling_restart()
    headers = {"Idempotency-Key": f"trace-{operation.name.split()[0]}"}
    reply = system.curl(operation.method, "/api" + operation.path, token,
                        headers=headers if operation.keyed else None,
                        raw=operation.body, record=False)
    if reply.status >= 300:
        raise SystemExit(f"{operation.path}: {reply.status} {reply.body}")
    # The readiness check asks things, too, but as nobody.
    conversation = re.split(rb"(?=^[^\n]*Parse\t \"scope)", trace.read_bytes(),
                            flags=re.M)
    return Statement.all(conversation[-1])


def script(statements, keyed, aggregate):
    """A pgbench script of one flush, and its variables."""
    lines, variables = [], {}
    if keyed:
        lines.append("\\set key random(1, 1000000000000000000)")
    lines.append("\\startpipeline")
    for n, statement in enumerate(statements):
        sql = statement.sql
        if aggregate and n == len(statements) - 1:
            sql = f"select coalesce(json_agg(t), '[]') from ({sql}) t"
        for k in range(len(statement.params), 0, -1):
            name = f"p{n}_{k}"
            value = statement.params[k - 1]
            if value is not None and value.startswith("trace-"):
                name = "key"
            elif value is None:
                sql = sql.replace(f"${k}", "null")
                continue
            else:
                variables[name] = value
            sql = sql.replace(f"${k}", f":{name}")
        lines.append(sql + ";")
    lines.append("\\endpipeline")
    return "\n".join(lines) + "\n", variables


# ---- The sides.

class Lockstep:
    def __init__(self, system, token):
        self.system, self.token = system, token
        self.url = system.url + "/api"

    def run(self, operation, connections, seconds, tag):
        return wrk(self.system.directory, self.url, self.token, operation,
                   connections, seconds, tag)


class Other:
    """A service that nginx proxies to; ends when stopped."""

    def __init__(self, name):
        self.name, self.port, self.listen = (name, sut.free_port(),
                                             sut.free_port())

    def site(self, system):
        return SITE % {"name": self.name, "port": self.port,
                       "listen": self.listen, "log": system.directory / "log"}

    def begin(self, system, token, command, path):
        self.system, self.token = system, token
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=sys.stderr, stderr=sys.stderr)
        self.url = f"http://127.0.0.1:{self.listen}"
        tap.wait_for(lambda: system.curl(
            "GET", path, token, base=self.url, record=False).status == 200,
            self.name, 30)

    def run(self, operation, connections, seconds, tag):
        return wrk(self.system.directory, self.url, self.token,
                   self.translated(operation), connections, seconds, tag)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


class Peer(Other):
    """The Node service of bench/peer."""

    def start(self, system, token, options):
        system.cluster.psql(PEER_KEYS)
        work = install_peer(sut.BUILD)
        settings = system.directory / "peer.json"
        settings.write_text(json.dumps({
            "processes": options.peer_processes,
            "connections": options.peer_connections,
            "host": str(system.cluster.directory), "database": "lockstep",
            "user": "lockstep", "port": self.port,
            "schemas": str(TOP / "contract/schemas"),
            "log": str(system.directory / "log/peer-app.log"),
            "secret": system.secret.read_text().strip(),
            "public_key": system.rsa_public}))
        # Debian's node is older than what Fastify wants: npm has one, too.
        self.begin(system, token, [
            str(work / "node_modules/.bin/node"), str(work / "server.mjs"),
            str(settings)], "/peer/letters")

    @staticmethod
    def translated(operation):
        return Operation(operation.name, "/peer" + operation.path,
                         operation.method, operation.body, operation.keyed)


class Postgrest(Other):
    """PostgREST on the same tables; it knows no idempotency keys."""

    def start(self, system, token, options):
        settings = system.directory / "postgrest.conf"
        settings.write_text(
            f'db-uri = "{system.cluster.conninfo("lockstep")}"\n'
            'db-schemas = "app"\ndb-anon-role = "anon"\n'
            f"db-pool = {options.peer_processes * options.peer_connections}\n"
            f'server-host = "127.0.0.1"\nserver-port = {self.port}\n'
            f'jwt-secret = "{system.secret.read_text().strip()}"\n')
        settings.chmod(0o600)
        self.begin(system, token, [os.environ["POSTGREST"], str(settings)],
                   "/letters?limit=1")

    @staticmethod
    def translated(operation):
        path, method = operation.path, operation.method
        table, _, key = path.strip("/").partition("/")
        if key.endswith("/health"):
            path = "/rpc/company_health?id=" + key.removesuffix("/health")
        elif key:
            path = f"/{table}?id=eq.{key}"
        elif method == "GET":
            path = f"/{table}?order=created_at.desc,id.desc&limit=20"
        return Operation(operation.name, path, method, operation.body, False,
                         "return=representation" if operation.body else None)


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

        self.scripts = {}

    def learn(self, operation, token):
        self.scripts[operation.name] = script(
            traced(self.system, token, operation), operation.keyed,
            operation.name.startswith("list"))

    def run(self, operation, connections, seconds):
        tried = [c for c in (1, 4, 8, 16) if c <= connections][-3:]
        return max(self.once(operation, c, seconds) for c in tried)

    def once(self, operation, connections, seconds):
        text, variables = self.scripts[operation.name]
        file = self.system.directory / "bench.sql"
        file.write_text(text)
        done = subprocess.run(
            [f"{sut.PG_BIN}/pgbench", "-n", "-M", "prepared", "-c",
             str(connections), "-j", str(min(2, connections)), "-T",
             str(seconds), "-f", str(file),
             *(word for name, value in variables.items()
               for word in ("-D", f"{name}={value}")),
             self.system.cluster.conninfo("bench")],
            capture_output=True, text=True, check=False)
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode != 0 or not found:
            raise SystemExit("pgbench: " + text + done.stdout + done.stderr)
        return float(found.group(1))


# ---- Others, through the same nginx.

SITE = """
upstream %(name)s {
	server 127.0.0.1:%(port)s;
	keepalive 64;
}
server {
	listen 127.0.0.1:%(listen)s;
	access_log %(log)s/%(name)s.log lockstep buffer=32k flush=1s;
	keepalive_requests 10000;
	location / {
		proxy_pass http://%(name)s;
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
    if not (work / "node_modules/.bin/node").exists():
        subprocess.run(["npm", "install", "--silent", "--no-audit",
                        "--no-fund", "--prefix", str(work)], check=True,
                       cwd=work, stdout=sys.stderr)
    return work


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


def memory_kib(system, parents=False):
    """Resident memory of every worker process, in KiB."""
    total = {}
    for number in range(system.instances):
        for pid in [system.pid(number)] * parents + system.workers(number):
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            total[pid] = int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
    return total


def measure(system, tokens, sides, options):
    everything = operations(system.letter, system.company)
    rows = [Row(o, c) for o in everything for c in options.connections
            if not options.only or any(w in o.name for w in options.only)]
    if "RS256" in tokens and (not options.only or "list" in options.only):
        rows.append(Row(everything[0], max(options.connections),
                        "list 20, RS256"))
    before = None
    for number in range(options.rounds):
        for row in rows:
            token = tokens["RS256" if "RS256" in row.label else "HS256"]
            for side in sides.values():
                side.token = token
            row.take(sides, options.seconds, f"{os.getpid()}-{number}")
        if before is None:
            before = memory_kib(system)
        print(f"round {number + 1} of {options.rounds} done", flush=True)
    report(rows, options)
    after = memory_kib(system)
    print("memory of the workers, KiB, after the first round and the last: "
          + ", ".join(f"{before.get(p, 0)} -> {after[p]}" for p in after))


def soak(system, token, options):
    """A modest load of all kinds, and the memory of each process meanwhile."""
    mix = Mix(operations(system.letter, system.company), SOAK_PAUSE_MS)
    seen = []
    with futures.ThreadPoolExecutor(1) as pool:
        load = pool.submit(wrk, system.directory, system.url + "/api", token,
                           mix, 16, options.minutes * 60 + SOAK_BEFORE_S,
                           f"soak-{os.getpid()}")
        futures.wait([load], SOAK_BEFORE_S)
        for minute in range(options.minutes + 1):
            if minute > 0:
                futures.wait([load], 60)
            seen.append(memory_kib(system, True))
            print(f"minute {minute}: " + ", ".join(
                f"{pid}: {kib} KiB" for pid, kib in seen[-1].items()),
                flush=True)
    for pid, first in seen[0].items():
        kib = [s.get(pid, 0) for s in seen]
        slope = statistics.linear_regression(range(len(kib)), kib).slope
        print(f"{pid}: {first} -> {kib[-1]} KiB, {slope:+.1f} KiB a minute")
    print(load.result().text)


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
    parser.add_argument("--minutes", type=int, metavar="N",
                        help="instead: a modest load of all operations for N "
                        "minutes at 16 connections, and the memory of each "
                        "process by the minute")
    return parser.parse_args()


def tokens_of(system):
    """One by each algorithm; the RSA key is made for the run."""
    key = system.directory / "rsa.pem"
    system.run("token", "--new-key", "RS256", "--key", key)
    key_set = system.directory / "jwks.json"
    key_set.write_text(system.run("token", "--jwks", "--key", key).stdout)
    system.settings["jwks_file"] = key_set
    system.rsa_public = subprocess.run(
        ["openssl", "pkey", "-in", str(key), "-pubout"], check=True,
        capture_output=True, text=True).stdout
    return {"HS256": system.token("authenticated", sut.ALICE),
            "RS256": system.token("authenticated", sut.ALICE, 3600,
                                  "--algorithm", "RS256", "--key", key)}


def prepare(system, sides, tokens):
    """What is asked for, and what that is in SQL; then all begins anew."""
    system.letter = system.cluster.psql(
        "select id from app.letters where status = 'draft' and "
        f"owner_id = '{sut.ALICE}' order by id limit 1")
    system.company = system.cluster.psql(
        "select c.id from app.companies c join app.account_members m on "
        f"m.account_id = c.account_id where m.user_id = '{sut.ALICE}' "
        "order by c.id limit 1")
    for operation in operations(system.letter, system.company):
        sides["pgbench"].learn(operation, tokens["HS256"])
    for number in range(system.instances):
        system.configure(number)
    system.rolling_restart()


def main():
    options = arguments()
    alone = options.without_peer or options.minutes
    others = [] if alone else [Peer("peer")]
    if os.environ.get("POSTGREST") and not options.minutes:
        others.append(Postgrest("postgrest"))
    settings = {"workers": options.workers, "threads": options.threads,
                "log_level": os.environ.get("LOG_LEVEL", "info"),
                # All that is asked is answered, however long the queue.
                "queue_target_ms": 0}
    system = sut.System(settings=settings, edit=lambda text: text + "".join(
        other.site(system) for other in others))
    with system:
        tokens = tokens_of(system)
        sides = {"lockstep": Lockstep(system, tokens["HS256"]),
                 "pgbench": Pgbench(system)}
        prepare(system, sides, tokens)
        if options.minutes:
            soak(system, tokens["HS256"], options)
            return
        try:
            for other in others:
                other.start(system, tokens["HS256"], options)
                sides[other.name] = other
            measure(system, tokens, sides, options)
        finally:
            for name in set(sides) & {"peer", "postgrest"}:
                sides[name].stop()


if __name__ == "__main__":
    main()
