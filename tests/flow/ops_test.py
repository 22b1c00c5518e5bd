# SPDX-License-Identifier: MIT
"""The operations page of examples/ops, made of this contract by this program,
behind the real nginx, in a real Chromium, with a worker, a service that fails and
jobs that die.  Pictures of it are kept in BUILDDIR/screenshots/ops-*.png."""

import http.server
import json
import os
import re
import shutil
import sys
import threading
import urllib.parse

import client
import npm
import system as sut
import tap
import worker
from tap import case, same
from worker import Worker, leave

PAGE = sut.TOP / "examples/ops"
CHEATS = (r"[:<|] *any\b|\bas (?:any|unknown|never|string|number|[A-Z])|"
          r"@ts-|[\w)\]]!\.|dangerously|innerHTML")
KINDS = {"test.fickle": {"call": "app.test_fickle", "attempts": 1}}
# It fails until somebody has made the service well.
TABLES = """
create function app.test_fickle(n bigint) returns void language plpgsql as $$
begin
    if not exists (select from app.effects e where e.n = 4999) then
        raise exception using errcode = 'LS902', message = 'not today';
    end if;
    perform app.test_effect(n);
end $$;
grant execute on function app.test_fickle(bigint) to authenticated;
"""
XSS = "<img src=x onerror=\"window.broken=1\"><script>window.broken=1</script>"


class Ops:
    """The page, what serves it, and what the browser's side may have done."""

    def __init__(self, tools, work):
        self.tools, self.work = tools, work
        self.dist = work / "dist"
        self.writer = None

    def serve(self, system):
        self.system = system
        secret = system.secret.read_text().strip().encode()
        self.environment = {
            "URL": system.url,
            "OPERATOR": system.token("operator", "ops:grace"),
            "SERVICE": system.token("service_role"),
            "ALICE": system.token("authenticated", sut.ALICE),
            "EXPIRED": client.mint(secret, sub="ops:grace", role="operator",
                                   exp=1700000000),
            "FORGED": client.mint(b"x" * 32, sub="ops:grace", role="operator",
                                  exp=4000000000),
            "XSS": XSS,
        }
        self.control = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), self._controls())
        threading.Thread(target=self.control.serve_forever,
                         daemon=True).start()
        port = self.control.server_address[1]
        self.environment["CONTROL"] = f"http://127.0.0.1:{port}"

    def do(self, what, text):
        """What the browser's side asks for in the middle of a case."""
        if what == "stop":
            self.system.stop(0)
        elif what == "start":
            self.system.start(0)
            self.system.ready()
        elif what == "mood":
            self.writer.mood.write_text(text)
        elif what == "sql":
            return self.system.cluster.psql(text)
        elif what == "leave":
            return leave(self.system, **json.loads(text))
        else:
            raise ValueError(what)
        return None

    def _controls(ops):
        class Controls(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                at = urllib.parse.urlsplit(self.path)
                said = json.dumps(ops.do(
                    at.path[1:], urllib.parse.unquote(at.query))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass
        return Controls

    def see(self, name, **more):
        return self.tools.browse(sut.TOP / "tests/flow/ops.mjs", name,
                                 **self.environment, **more)


def built(tools):
    """The page, made as ./dev up makes it."""
    packages = npm.tools("examples/ops").home
    work = npm.BUILDDIR / "npm/ops-page"
    shutil.rmtree(work, ignore_errors=True)
    tools.run("sh", PAGE / "build.sh", sut.BUILD / "lockstep",
              sut.TOP / "contract", packages, work)
    return Ops(tools, work)


@case
def typed(ops):
    """The page compiles under strict, without any and without a cast, and makes
    no HTML of a text"""
    ops.tools.run("tsc", "--noEmit", "--project", ops.work)
    for path in sorted((PAGE / "src").rglob("*.ts*")):
        if "api" in path.relative_to(PAGE / "src").parts:
            continue
        for line in path.read_text().splitlines():
            if not line.startswith("import "):
                same(re.search(CHEATS, line.split("//")[0]), None,
                     f"{path}: {line}")


@case
def small(ops):
    """Scripts and styles are less than 150 kB on the wire"""
    sizes = {}
    for path in re.findall(r'(?:src|href)="(/ops/assets/[^"]+)"',
                           ops.system.get("/ops").body.decode()):
        reply = ops.system.get(path, headers={"Accept-Encoding": "gzip"})
        sizes[path] = len(reply.body)
    print(f"# {sum(sizes.values())} bytes: {sizes}")
    assert len(sizes) >= 2 and sum(sizes.values()) < 150_000, sizes


@case
def headers(ops):
    """The page is asked for each time, its assets never again, under a policy
    that allows scripts of this host alone and no text to become one"""
    page = ops.system.get("/ops")
    same((page.status, page.headers["content-type"],
          page.headers["cache-control"]),
         (200, "text/html; charset=utf-8", "no-cache"), "the page")
    policy = dict(part.strip().partition(" ")[::2] for part in
                  page.headers["content-security-policy"].split(";"))
    same({k: policy.get(k) for k in ("default-src", "script-src", "style-src",
                                     "connect-src", "frame-ancestors",
                                     "require-trusted-types-for")},
         {"default-src": "'none'", "script-src": "'self'",
          "style-src": "'self'", "connect-src": "'self'",
          "frame-ancestors": "'none'", "require-trusted-types-for":
          "'script'"}, "policy")
    text = page.body.decode()
    assert "style=" not in text and "<script>" not in text, text
    same(ops.system.get("/ops/").body, page.body, "/ops/")
    for pattern, kind in ((r"/ops/assets/[\w.-]+\.js", "javascript"),
                          (r"/ops/assets/[\w.-]+\.css", "css")):
        asset = ops.system.get(re.search(pattern, text).group())
        same((asset.status, asset.headers["content-type"],
              asset.headers["cache-control"]),
             (200, f"text/{kind}", "max-age=31536000, immutable"), pattern)
    same(ops.system.get("/ops/icon.svg").headers["cache-control"],
         "max-age=86400", "the icon")
    for path in ("/ops/index.html", "/ops/assets/", "/ops/assets/none.js",
                 "/ops/jobs", "/ops/assets/../index.html",
                 "/ops/assets/%2e%2e/index.html", "/opsx"):
        same(ops.system.get(path).error["code"], "not_found", path)


@case
def operators_see_no_domain(ops):
    """An operator lists jobs, queues, deliveries and what the monitor says, and
    no row of the domain; what operators do is written down with who it was"""
    s, token = ops.system, ops.environment["OPERATOR"]
    for path in ("/jobs", "/jobs/conservation", "/queues",
                 "/webhook_deliveries", "/delivery_endpoints",
                 "/delivery_attempts", "/monitor", "/monitor/routes",
                 "/exports", "/rollups"):
        same(s.get("/api" + path, token).status, 200, path)
    for path in ("/letters", "/users", "/events", "/companies", "/accounts",
                 "/webhook_endpoints", "/webhook_messages", "/payouts",
                 "/webhook_attempts"):
        same(s.get("/api" + path, token).status, 403, path)
    same(s.curl("POST", "/api/queues/other/pause", token).status, 200)
    same(s.cluster.psql("select role, subject from lockstep.operations where "
                        "action = 'pause' order by id desc limit 1"),
         "operator|ops:grace")
    same(s.curl("POST", "/api/queues/other/resume", token).status, 200)


def dead(ops, count, kind="test.fickle"):
    """Jobs that died by themselves."""
    ids = leave(ops.system, kind, worker.numbers(5000, count))
    worker.drained(ops.system, ids)
    same(worker.states(ops.system, ids), {"dead": count}, "they die")
    return ids


def buried(ops):
    """No job is dead any more."""
    ops.system.cluster.psql(
        "update lockstep.jobs set state = 'cancelled', reason = 'discarded' "
        "where state = 'dead'")


def seen(name, sentence, prepare=None):
    """A case that Chromium sees."""
    def look(ops):
        ops.see(name, **(prepare(ops) if prepare else {}))
    look.__name__, look.__doc__ = name, sentence
    case(look)


seen("refuses", "a token of another role, an expired one and what is no token "
     "are refused with a sentence; the role says what it may do")
seen("keeps_no_token", "signing out forgets the token; a link with one leaves no "
     "trace of it; a reload keeps it")
seen("tells_how_all_is", "each check is there with its value and threshold, what "
     "is unhealthy first")


@case
def replays(ops):
    """a dead letter is replayed, and done"""
    buried(ops)
    [number] = dead(ops, 1)
    ops.system.cluster.psql("insert into app.effects (n, owner_id, began_at) "
                            f"values (4999, '{sut.ALICE}', now())")
    ops.see("replays", JOB=str(number))
    same(worker.states(ops.system, [number]), {"done": 1})
    ops.system.cluster.psql("delete from app.effects where n = 4999")


@case
def replays_many(ops):
    """what a filter takes is counted first and discarded after a confirmation;
    others stay"""
    buried(ops)
    ids = dead(ops, 3)
    other = dead(ops, 2, "test.fail")
    ops.see("replays_many")
    same(worker.states(ops.system, ids), {"cancelled": 3})
    same(worker.states(ops.system, other), {"dead": 2})


@case
def shows_text_as_text(ops):
    """markup in an error of a job is shown as text and does nothing"""
    buried(ops)
    [number] = dead(ops, 1)
    ops.system.cluster.psql(
        "update lockstep.jobs set errors = jsonb_build_array("
        "jsonb_build_object('attempt', 1, 'at', '2026-01-01T00:00:00Z', "
        f"'code', $x${XSS[:60]}$x$, 'message', $x${XSS}$x$)) "
        f"where id = {number}")
    ops.see("shows_text_as_text", JOB=str(number))


@case
def holds_still(ops):
    """rows keep their places while somebody points at them, and what is typed
    stays while the list is renewed"""
    buried(ops)
    dead(ops, 2)
    ops.see("holds_still")


seen("pauses", "a queue is paused and resumed; a server's token is told that it "
     "may not")


@case
def sees_a_breaker(ops):
    """a breaker is seen opening and closing"""
    s, alice = ops.system, ops.environment["ALICE"]
    ops.writer.mood.write_text('{"status": 503}')
    for number in range(8):
        letter = s.curl("POST", "/api/letters", alice, {
            "title": f"Breaker {number}", "body": "Say that all is well.",
            "recipient": {"name": "Ada", "email": "ada@post.example"}}).data
        same(s.curl("POST", f"/api/letters/{letter['id']}/send", alice,
                    {"channel": "email"}, {"Idempotency-Key": f"b-{number}"}
                    ).status < 300, True, "sent")
    ops.see("sees_a_breaker")


PACE = """
create schema pace;
create table pace.pace (s double precision not null);
insert into pace.pace values (0.01);
create function pace.wait() returns boolean language plpgsql volatile
security definer as $$
begin
    perform pg_sleep((select s from pace.pace));
    return true;
end $$;
grant usage on schema pace to public;
grant execute on function pace.wait() to public;
create policy pace on app.events as restrictive for select to authenticated
    using (pace.wait());
"""


@case
def follows_an_export(ops):
    """a running export is seen with its progress, which grows by itself, until
    it is ready; another is cancelled"""
    s, alice = ops.system, ops.environment["ALICE"]
    s.cluster.psql(PACE)
    try:
        ops.see("follows_an_export")
    finally:
        s.cluster.psql("drop policy pace on app.events; "
                       "drop schema pace cascade")
    same(s.curl("GET", "/api/exports?limit=1", alice).data[0]["state"],
         "cancelled")


seen("shows_aggregates", "aggregates are seen with their lag and what waits to be "
     "folded")
seen("draws", "rates, errors and latency are drawn from what is counted, and "
     "renewed by themselves")
seen("shows_deliveries", "deliveries are seen with their attempts, and an endpoint's "
     "alone")
seen("says_when_it_is_away", "when the API is away it says so and since when, asks "
     "less often, loses nothing, and goes on by itself")
seen("rests_while_nobody_looks", "a tab that is hidden asks for nothing")
seen("asks_again_when_the_token_ends", "a token that ends in the middle of work is "
     "asked for again, and the page stays as it is")


def main():
    directory = worker.directory()
    tools = npm.tools()
    ops = built(tools)
    try:
        top = worker.contract(directory, KINDS)
        with sut.System(instances=1, contract=top, ops=ops.dist) as s:
            s.cluster.psql(worker.TABLES + TABLES)
            ops.serve(s)
            with worker.Writer(s) as ops.writer, Worker(
                    s, "work", work_breaker_ms=500, work_breaker_max_ms=1000):
                return tap.run(ops)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        sys.exit(os.environ.get("CI") == "true")
