# SPDX-License-Identifier: MIT
"""The whole product in a temporary directory: a Postgres cluster with the
reference application, instances of `lockstep serve` on their own sockets, and
nginx with the real site template.  Everything listens on unix sockets or on
ports of its own, and is gone when the `with` block ends.

As root, Postgres runs as the user postgres, since it refuses root."""

import base64
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import tap

TOP = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
BUILD = pathlib.Path(os.environ.get("BUILDDIR", TOP)).resolve()
PG_BIN = next((p for p in ("/usr/lib/postgresql/15/bin",
                           "/usr/lib/postgresql/16/bin",
                           "/usr/lib/postgresql/17/bin")
               if os.path.exists(p + "/initdb")), "")
# Debian's psql is a script of Perl, which takes longer to start than to ask.
if PG_BIN:
    os.environ["PATH"] = f"{PG_BIN}:{os.environ['PATH']}"
ALICE = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"
# Settings of a server that refuses nobody only since the machine is slow: for
# tests in which no request may fail.  nginx waits for 15 s.
PATIENT = {
    "connect_timeout_ms": 12000, "lock_timeout_ms": 12000,
    "statement_timeout_ms": 12000, "request_timeout_ms": 12000,
    "queue_timeout_ms": 12000, "queue_target_ms": 0,
}
NEW_LETTER = {
    "title": "Notice of cancellation",
    "body": "Please cancel my subscription at the end of the month.",
    "tone": "formal",
    "recipient": {"name": "Ada Byron", "email": "ada@post.example"},
    "tags": ["work"],
}


claims = []


def free_port():
    """A port that no other test is given while this one runs, below those that
    Linux picks for who connects.  It belongs to whoever holds the abstract
    socket of its name, which is free again when the process ends."""
    for port in random.sample(range(16384, 32768), 100):
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), socket.socket() as s:
            claim.bind(f"\0lockstep-test-{port}")
            s.bind(("127.0.0.1", port))
            claims.append(claim)
            return port
        claim.close()
    raise AssertionError("no port is free")


class Reply:
    """What curl saw: status, header fields by lower-case name, body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def data(self):
        value = self.json
        tap.same(value.get("ok"), True, f"{self.status} {self.body[:300]!r}")
        return value["data"]

    @property
    def error(self):
        value = self.json
        tap.same(value.get("ok"), False, f"{self.status} {self.body[:300]!r}")
        return value["error"]


class Cluster:
    """A private Postgres: socket only, trusted by whoever may reach its
    directory (mode 0700)."""

    fsync = "off"
    shared_buffers = "128MB"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory) / "pg"
        self.directory.mkdir()
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.directory, self.user)
        self.directory.chmod(0o700)
        self._tool("initdb", "-D", self.data, "-U", "postgres", "-A", "trust",
                   "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def _tool(self, name, *arguments, check=True):
        done = subprocess.run([f"{PG_BIN}/{name}", *map(str, arguments)],
                              user=self.user, cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if check and done.returncode != 0:
            raise AssertionError(f"{name}: {done.stdout.decode()}")
        return done

    def start(self):
        options = (f"-c listen_addresses='' -k {self.directory} -c fsync={self.fsync} "
                   "-c max_connections=200 -c "
                   f"shared_buffers={self.shared_buffers} "
                   "-c deadlock_timeout=200ms")
        # pg_ctl's own output goes to a file: a pipe would stay open in the
        # server and be waited for.
        with open(self.directory / "ctl", "wb") as out:
            subprocess.run([f"{PG_BIN}/pg_ctl", "-D", str(self.data), "-w",
                            "-l", str(self.log), "-o", options, "start"],
                           user=self.user, cwd="/", check=True, stdout=out,
                           stderr=out, stdin=subprocess.DEVNULL)

    def stop(self, mode="immediate"):
        self._tool("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop",
                   check=False)

    def conninfo(self, user="postgres", database="lockstep"):
        return f"host={self.directory} dbname={database} user={user}"

    def psql(self, sql=None, user="postgres", database="lockstep", file=None,
             check=True):
        """Runs SQL; the rows come as text, unaligned."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                   "-d", self.conninfo(user, database)]
        command += ["-f", str(file)] if file else ["-c", sql]
        done = subprocess.run(command, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def held(self, table, database="lockstep", mode="access exclusive"):
        """A context in which nobody else can even read the table, or, in mode
        "exclusive", change it."""
        return Held(self, table, database, mode)


class Held:
    """Holds a table locked in a transaction, until released or left."""

    def __init__(self, cluster, table, database, mode):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-d",
             cluster.conninfo(database=database)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(f"begin; lock table {table} in {mode} mode; "
                              "select 'held';\n")
        self.psql.stdin.flush()
        tap.same(self.psql.stdout.readline().strip(), "held", "the lock")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.psql.poll() is None:
            self.psql.stdin.write("rollback;\n")
            self.psql.stdin.close()
            self.psql.wait(60)


class System:
    """A context manager; its parts may be stopped and started in between.
    `edit` takes the text of nginx's site and gives back another; `web` and
    `ops` are the directories of pages."""

    def __init__(self, instances=2, settings=None, demo=True, contract=None,
                 setup=None, rate=20000, burst=20000, conn=4000,
                 read_timeout="15s", nginx=True, edit=None, web=None,
                 ops=None):
        self.instances = instances
        self.settings = settings or {}
        self.demo = demo
        self.contract = contract or TOP / "contract"
        self.setup = setup
        self.limits = {"RATE": rate, "BURST": burst, "CONN": conn,
                       "READ_TIMEOUT": read_timeout}
        self.with_nginx = nginx
        self.edit = edit
        self.web = web
        self.ops_page = ops
        self.process = {}
        self.exchanges = []
        self.lockstep = BUILD / "lockstep"

    # ---- Life.

    def __enter__(self):
        for tool in ("nginx", "curl", "psql"):
            if not shutil.which(tool) and not os.path.exists(
                    "/usr/sbin/" + tool):
                raise tap.Skip(f"{tool} is not installed")
        if not PG_BIN:
            raise tap.Skip("Postgres is not installed")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-"))
        self.spool = self.directory / "exports"
        self.directory.chmod(0o755)
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self):
        self.cluster = Cluster(self.directory)
        self._database()
        self.secret = self.directory / "secret"
        self.secret.write_text("test-secret-" + os.urandom(24).hex() + "\n")
        self.secret.chmod(0o600)
        self._hooks()
        self._spool()
        for number in range(self.instances):
            self.configure(number)
            self.start(number)
        if self.with_nginx:
            self._nginx()
            self.ready()

    def __exit__(self, *_):
        for process in list(self.process.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in list(self.process.values()):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if hasattr(self, "cluster"):
            self.cluster.stop()
        found = self._sanitizers()
        if os.environ.get("KEEP"):
            print(f"# kept {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
        if found:
            raise AssertionError(found)

    def _sanitizers(self):
        """What a build with sanitizers had to say."""
        for path in self.directory.glob("lockstep-*.err"):
            text = path.read_text(errors="replace")
            if "Sanitizer" in text or "runtime error:" in text:
                return text[-8000:]
        return None

    def _database(self):
        pg = self.cluster
        pg.psql("create database lockstep", database="postgres")
        pg.psql(file=TOP / "migrations/roles.sql")
        pg.psql("grant operator to lockstep, lockstep_worker")
        if self.setup:
            self.setup(pg)
            return
        self.run("migrate", "up", "--migrate-database",
                 pg.conninfo("lockstep_owner"))
        if self.demo:
            pg.psql(file=TOP / "examples/demo.sql")
            pg.psql("analyze")

    def _hooks(self):
        """A secret for each source of webhooks."""
        (self.directory / "hooks").mkdir()
        for path in pathlib.Path(self.contract).glob("webhooks/*.json"):
            row = json.loads(path.read_text())
            secret = base64.b64encode(os.urandom(24)).decode()
            (self.directory / "hooks" / row.get("secret", path.stem)
             ).write_text(f"whsec_{secret}\n")

    def _spool(self):
        """Where the files of exports are, as nginx's workers may read them."""
        self.spool.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.spool, group="www-data")
        self.spool.chmod(0o2750)

    def run(self, *arguments, check=True, stdin=None):
        """Runs a command of the program in the source's directory."""
        done = subprocess.run([str(self.lockstep), *map(str, arguments)],
                              cwd=TOP, input=stdin, capture_output=True,
                              text=True, check=False,
                              stdin=None if stdin else subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"lockstep {arguments}: {done.stderr}")
        return done

    # ---- Instances of lockstep serve.

    def socket_path(self, number):
        return self.directory / f"lockstep-{number}.sock"

    def config_path(self, number):
        return self.directory / f"lockstep-{number}.conf"

    def log_path(self, number):
        return self.directory / f"lockstep-{number}.log"

    def configure(self, number, **more):
        """Writes the instance's settings file."""
        settings = {
            "contract": self.contract,
            "listen": self.socket_path(number),
            "database": self.cluster.conninfo("lockstep"),
            "migrate_database": self.cluster.conninfo("lockstep_owner"),
            "work_database": self.cluster.conninfo("lockstep_worker"),
            "jwt_secret_file": self.secret,
            "webhook_secrets": self.directory / "hooks",
            "metric_file": self.directory / "metrics",
            "log_file": self.log_path(number),
            "workers": 2, "threads": 4, "drain_ms": 10000, "rates": "off",
            # Most tests have no workers: what waits must keep nobody out, and
            # nobody is connected to look at it.
            "pressure_age_s": 0, "pressure_depth": 0,
            "export_dir": self.spool,
        }
        if os.geteuid() == 0:
            settings["socket_mode"] = 666
        settings.update(self.settings)
        settings.update(more)
        self.config_path(number).write_text("".join(
            f"{k} = {v}\n" for k, v in settings.items()))

    def start(self, number, wait=True):
        name = f"lockstep-{number}"
        err = open(self.directory / f"{name}.err", "ab")
        self.process[name] = subprocess.Popen(
            [str(self.lockstep), "serve", "--config",
             str(self.config_path(number))],
            cwd=TOP, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        err.close()
        if wait:
            tap.wait_for(lambda: self._accepts(number) or
                         self._died(name), f"{name} to listen")
            # They are made one after the other behind that.
            wanted = self._setting(number, "workers")
            tap.wait_for(lambda: len(self.workers(number)) == wanted or
                         self._died(name), f"{wanted} workers of {name}")

    def _setting(self, number, key):
        text = self.config_path(number).read_text()
        return int(re.search(rf"^{key} = (\d+)$", text, re.MULTILINE)[1])

    def _died(self, name):
        if self.process[name].poll() is not None:
            text = (self.directory / f"{name}.err").read_text()
            raise AssertionError(f"{name} ended: {text}")
        return False

    def _accepts(self, number):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.socket_path(number)))
            return True
        except OSError:
            return False

    def pid(self, number):
        return self.process[f"lockstep-{number}"].pid

    def _children(self, number, looks):
        """The pids of an instance's processes that look at the database, or of
        its others."""
        children = {}

        def told():
            children.clear()
            children.update(self._named(number))
            return None not in children.values()
        tap.wait_for(told, "each process to be a worker or a look")
        return [pid for pid, name in children.items()
                if (name == "lockstep-look") == looks]

    def _named(self, number):
        """Pids and names of its processes.  One that was forked just now has
        its parent's name, and no threads: it has none yet."""
        done = subprocess.run(["pgrep", "-P", str(self.pid(number))],
                              capture_output=True, text=True, check=False)
        for pid in done.stdout.split():
            try:
                text = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            fields = dict(line.split(":", 1) for line in text.splitlines())
            name = fields["Name"].strip()
            if fields["State"].split()[0] in "ZX":
                continue
            yield int(pid), name if name == "lockstep-look" or \
                int(fields["Threads"]) > 1 else None

    def workers(self, number):
        """The pids of an instance's worker processes."""
        return self._children(number, looks=False)

    def looks(self, number):
        """The pid of the process that looks at the database, if there is one;
        they come and go."""
        return self._children(number, looks=True)

    def stop(self, number, how=signal.SIGTERM, seconds=20):
        """Ends an instance and waits; returns its exit code."""
        process = self.process[f"lockstep-{number}"]
        process.send_signal(how)
        return process.wait(seconds)

    def log_lines(self, number=None):
        numbers = range(self.instances) if number is None else [number]
        for n in numbers:
            if self.log_path(n).exists():
                with open(self.log_path(n), encoding="utf-8") as file:
                    # What is being written just now may end within a line.
                    yield from (json.loads(line) for line in file
                                if line.endswith("\n"))

    # ---- nginx.

    def _render(self, template, target, **values):
        pairs = [f"{k}={v}" for k, v in values.items()]
        text = subprocess.run(
            ["sh", str(TOP / "nginx/render.sh"), str(TOP / "nginx" / template),
             str(TOP / "src/base/problem.def"), *pairs],
            capture_output=True, text=True, check=False)
        if text.returncode != 0:
            raise AssertionError(f"render {template}: {text.stderr}")
        target.write_text(text.stdout)

    def _bulk(self):
        """The resources that take many records at once."""
        rows = [json.loads(path.read_text()) for path in
                sorted(pathlib.Path(self.contract).glob("resources/*.json"))]
        return [row["resource"] for row in rows
                if "bulk" in row["operations"].get("create", {})]

    def _render_site(self):
        cors = json.loads((pathlib.Path(self.contract) /
                           "api.json").read_text()).get("cors", {})
        self._render("site.conf.in", self.directory / "site.conf",
                     SERVER_NAME="localhost",
                     LISTEN=f"127.0.0.1:{self.port}",
                     OPS_LISTEN=f"127.0.0.1:{self.ops_port}",
                     SOCKET_0=self.socket_path(0),
                     SOCKET_1=self.socket_path(self.instances - 1),
                     LOG=self.directory / "log", DOCS=self.directory,
                     WEB=self.web or self.directory / "web",
                     OPS=self.ops_page or self.directory / "ops",
                     EXPORTS=self.spool,
                     ORIGINS=",".join(cors.get("origins", [])),
                     CREDENTIALS=str(cors.get("credentials")).lower(),
                     BULK="|".join(self._bulk()) or "(?!)", **self.limits)
        if self.edit:
            site = self.directory / "site.conf"
            site.write_text(self.edit(site.read_text()))

    def _nginx(self):
        self.port, self.ops_port = free_port(), free_port()
        for name in ("temp", "log"):
            (self.directory / name).mkdir(exist_ok=True)
            (self.directory / name).chmod(0o777)
        self._render_site()
        self._render("nginx.conf.in", self.directory / "nginx.conf",
                     USER="user www-data;" if os.geteuid() == 0 else "",
                     WORKERS=1, RUN=self.directory,
                     LOG=self.directory / "log",
                     TEMP=self.directory / "temp",
                     SITE=self.directory / "site.conf")
        self.start_nginx()

    def reload_nginx(self):
        """Renders the site anew and has nginx take it; then no worker of
        before accepts any more."""
        nginx = self.process["nginx"]

        def accepting():
            done = subprocess.run(
                ["pgrep", "-afP", str(nginx.pid), "process *$"],
                capture_output=True, text=True, check=False)
            return {line.split()[0] for line in done.stdout.splitlines()}
        before = accepting()
        self._render_site()
        nginx.send_signal(signal.SIGHUP)
        tap.wait_for(lambda: accepting() and not accepting() & before,
                     "the workers of before to end", 60)

    def restart_nginx(self):
        """Renders the site anew for a new nginx, without the old one's
        connections."""
        self.process["nginx"].send_signal(signal.SIGTERM)
        self.process["nginx"].wait(60)
        self._render_site()
        self.start_nginx()
        self.ready()

    def start_nginx(self):
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process["nginx"] = subprocess.Popen(
            [nginx, "-e", str(self.directory / "log/nginx-error.log"), "-c",
             str(self.directory / "nginx.conf"), "-g", "daemon off;"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.directory / "nginx.err", "ab"))

    def ready(self, seconds=20):
        """Waits until the database is reachable through every door."""
        def both():
            return all(self.ops(f"/readyz/{n}").status == 200
                       for n in range(min(self.instances, 2)))
        tap.wait_for(both, "readiness", seconds)

    def rolling_restart(self):
        """Restarts the instances in turn, each waited for."""
        for number in range(self.instances):
            tap.same(self.stop(number), 0, f"exit of instance {number}")
            self.start(number)
            tap.wait_for(lambda: self.ops(f"/readyz/{number}").status == 200,
                         f"instance {number} to be ready")

    # ---- Requests, by curl, as a client makes them.

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def token(self, role, sub=None, life_s=3600, *more):
        arguments = ["token", "--config", self.config_path(0), "--role", role,
                     "--life-s", life_s, *more]
        if sub:
            arguments += ["--sub", sub]
        return self.run(*arguments).stdout.strip()

    def ops(self, path):
        return self.curl("GET", path, base=f"http://127.0.0.1:{self.ops_port}",
                         record=False)

    def get(self, path, token=None, **more):
        return self.curl("GET", path, token, **more)

    def curl(self, method, path, token=None, body=None, headers=None,
             base=None, record=True, raw=None, arguments=()):
        """One exchange.  `body` is sent as JSON, `raw` as it stands."""
        command = ["curl", "-sS", "-i", "--http1.1", "--path-as-is",
                   "--globoff", "--max-time", "25", "-X", method,
                   "-H", "Expect:"]
        if token:
            command += ["-H", f"Authorization: Bearer {token}"]
        if method == "HEAD":
            command += ["--head"]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        if body is not None:
            raw = json.dumps(body)
        if raw is not None:
            if not any(h.lower() == "content-type" for h in headers or {}):
                command += ["-H", "Content-Type: application/json"]
            command += ["--data-binary", "@-"]
        done = subprocess.run(
            [*command, *arguments, (base or self.url) + path],
            input=raw.encode() if isinstance(raw, str) else (raw or b""),
            capture_output=True, check=False)
        if done.returncode != 0:
            return Reply(0, {}, done.stderr)
        reply = parse_reply(done.stdout)
        if record:
            self.exchanges.append((method, path, token, body, reply))
        return reply


def waiting(system, number):
    """Are `number` backends waiting for a lock?"""
    return int(system.cluster.psql(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
        "and usename = 'lockstep'")) >= number


class Later(threading.Thread):
    """A request made in the background."""

    def __init__(self, system, *arguments, **more):
        super().__init__()
        self.reply = None
        self.took_s = None
        self.call = lambda: system.curl(*arguments, **more)
        self.start()

    def run(self):
        began = time.monotonic()
        reply = self.call()
        self.took_s = time.monotonic() - began
        self.reply = reply      # at last: who sees it sees the time, too

    def finish(self):
        self.join(40)
        return self.reply


def parse_reply(text):
    head, _, body = text.partition(b"\r\n\r\n")
    while re.match(rb"HTTP/\S+ 1\d\d", head):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        # RFC 9110 5.3; all that may come twice are lists.
        headers[name] = f"{headers[name]}, {value}" if name in headers \
            else value
    return Reply(int(lines[0].split()[1]), headers, body)


def quote(text):
    return urllib.parse.quote(text, safe="")


def now_ms():
    return time.monotonic() * 1000
