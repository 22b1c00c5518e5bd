# SPDX-License-Identifier: MIT
"""HTTP itself, on the whole product through nginx, by curl: HEAD and OPTIONS,
what a page of another origin may do (the Fetch standard), media types, tags and
conditions, the headers of lists, preferences.  The contract is the reference
one with two origins let in; each exchange is checked against it."""

import csv
import gzip
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import contract as rules
import system as sut
import tap
from tap import case, same

APP, OTHER = "https://app.example.com", "https://elsewhere.example"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-headless-shell")
READ = {"access-control-allow-origin", "access-control-expose-headers",
        "access-control-allow-credentials"}
ANSWERED = {"access-control-allow-methods", "access-control-allow-headers",
            "access-control-max-age"}


def words(text):
    return {word.strip().lower() for word in (text or "").split(",")}


def cors_fields(reply):
    return {name for name in reply.headers
            if name.startswith("access-control-")}


def preflight(s, path, method="POST", origin=APP, wanted="", **more):
    """The request that a browser makes before one that is not simple."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    if wanted:
        headers["Access-Control-Request-Headers"] = wanted
    return s.curl("OPTIONS", path, headers=headers, **more)


def may_follow(reply, origin, method, headers):
    """Would a browser send the request after this preflight?  Fetch, 4.8."""
    told = reply.headers
    return 200 <= reply.status < 300 and \
        told.get("access-control-allow-origin") == origin and \
        (method in ("GET", "HEAD", "POST") or
         method.lower() in words(told.get("access-control-allow-methods"))) \
        and words(headers) <= words(told.get("access-control-allow-headers"))


# ---- HEAD and OPTIONS.

@case
def head_is_get_without_a_body(s):
    """HEAD answers what GET does, with its headers and length, and no body."""
    made = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER).data["id"]
    for path, token in (("/api/letters?limit=3", s.alice),
                        (f"/api/letters/{made}", s.alice),
                        ("/api/me", s.alice), ("/api/campaigns", None),
                        ("/api/letters", None), ("/api/nothing", None),
                        ("/api/letters?limit=x", s.alice),
                        (f"/api/letters/{uuid.uuid4()}", s.alice)):
        same_id = {"X-Request-Id": "head-" + uuid.uuid4().hex}
        get = s.get(path, token, headers=same_id)
        head = s.curl("HEAD", path, token, headers=same_id)
        same((head.status, head.body), (get.status, b""), path)
        for reply in (head, get):
            for name in ("date", "server-timing"):
                reply.headers.pop(name, None)
        same(head.headers, get.headers, path)
        same(int(head.headers["content-length"]), len(get.body), path)


@case
def head_meets_get_alone(s):
    """HEAD on a path without GET is refused as any other method is."""
    reply = s.curl("HEAD", f"/api/letters/{uuid.uuid4()}/send", s.alice)
    same((reply.status, reply.headers["allow"]), (405, "OPTIONS, POST"))


@case
def a_connection_goes_on_behind_a_bodiless_reply(s):
    """Nothing of a reply without a body is left for the next on the same
    connection."""
    reply = s.get("/api/letters?limit=1", s.alice)
    done = subprocess.run(
        ["curl", "-sS", "-i", "--http1.1", "-H",
         f"Authorization: Bearer {s.alice}", "--head",
         s.url + "/api/letters?limit=1", "--next", "-sS", "-i", "-X",
         "OPTIONS", s.url + "/api/letters", "--next", "-sS", "-i", "-H",
         f"Authorization: Bearer {s.alice}", s.url + "/api/letters?limit=1",
         "-w", "%{num_connects}"],
        capture_output=True, check=True).stdout
    parts = done.split(b"HTTP/1.1 ")
    same([p[:3] for p in parts[1:]], [b"200", b"204", b"200"], done)
    assert done.endswith(b"}}0"), done[-80:]
    same(reply.status, 200)


@case
def options_tells_the_methods(s):
    """OPTIONS answers 204 with Allow for every path of the contract, without
    a token; a path that there is not is 404."""
    for operation in s.rules.operations:
        path = "/api" + operation.path.replace("{", "").replace("}", "")
        reply = s.curl("OPTIONS", path)
        same(reply.status, 204, path)
        assert operation.method in words(reply.headers["allow"]) or \
            operation.method.lower() in words(reply.headers["allow"])
    for path in ("/api/nothing", "/api", "/api/letters/a/b/c"):
        reply = s.curl("OPTIONS", path)
        same((reply.status, reply.error["code"]), (404, "not_found"), path)
    same(s.curl("OPTIONS", "/api/letters/%2F").status, 400)


@case
def preflights_need_no_database(s):
    """A preflight touches neither tokens nor the database, and one that is
    down is told to a page of an allowed origin as anything else."""
    s.cluster.stop()
    try:
        reply = preflight(s, "/api/letters", wanted="authorization")
        same(reply.status, 204, reply.body)
        assert may_follow(reply, APP, "POST", "authorization")
        reply = s.get("/api/letters", s.alice, headers={"Origin": APP})
        same((reply.status, reply.error["code"]), (503, "unavailable"))
        same(reply.headers["access-control-allow-origin"], APP)
        assert "retry-after" in words(
            reply.headers["access-control-expose-headers"])
    finally:
        s.cluster.start()
    s.ready()


# ---- Pages of other origins.

@case
def allowed_origins_pass_the_preflight(s):
    """A page of an allowed origin may use every method of a path and every
    header of the API; the answer may be kept."""
    headers = ("authorization,content-type,idempotency-key,if-match,"
               "if-none-match,prefer,x-request-id,traceparent,accept")
    key = str(uuid.uuid4())
    for path, methods in (("/api/letters", ("GET", "POST", "HEAD")),
                          (f"/api/letters/{key}",
                           ("GET", "PATCH", "DELETE")),
                          (f"/api/letters/{key}/send", ("POST",))):
        for method in methods:
            for origin in s.origins:
                reply = preflight(s, path, method, origin, headers)
                assert may_follow(reply, origin, method, headers), \
                    f"{method} {path}: {reply.headers}"
                same(cors_fields(reply), READ - {
                    "access-control-expose-headers"} | ANSWERED)
                same(reply.headers["access-control-max-age"], "600")
                same(reply.headers["access-control-allow-credentials"],
                     "true")
                same(words(reply.headers["access-control-allow-methods"]),
                     words(reply.headers["allow"]))
                assert words("origin, access-control-request-method") <= \
                    words(reply.headers["vary"])
    reply = preflight(s, "/api/letters", "PUT", wanted=headers)
    assert not may_follow(reply, APP, "PUT", headers), "PUT is not there"
    assert not may_follow(reply, APP, "POST", "x-odd"), "X-Odd is not there"


@case
def other_origins_are_told_nothing(s):
    """An origin is compared byte for byte; any other is answered as if it
    were no page, so a browser lets it read nothing."""
    for origin in (OTHER, "null", "https://app.example.com.evil.example",
                   "https://app.example.com:443", "http://app.example.com",
                   "https://APP.example.com", "https://app.example.com/",
                   "https://xapp.example.com", "*", "https://appXexample.com"):
        for reply in (preflight(s, "/api/letters", origin=origin),
                      s.get("/api/letters?limit=1", s.alice,
                            headers={"Origin": origin}),
                      s.get("/api/letters", headers={"Origin": origin}),
                      s.get("/nowhere", headers={"Origin": origin})):
            same(cors_fields(reply), set(), f"{origin}: {reply.status}")
            assert "origin" in words(reply.headers["vary"]), origin
    same(preflight(s, "/api/letters", origin=OTHER).status, 204)


@case
def replies_can_be_read(s):
    """Replies, refusals too, let a page of an allowed origin read them and
    the headers of the API; without an Origin nothing is said of it."""
    for method, path, token, body, status in (
            ("GET", "/api/letters?limit=1", s.alice, None, 200),
            ("POST", "/api/letters", s.alice, sut.NEW_LETTER, 201),
            ("GET", "/api/letters", None, None, 401),
            ("GET", "/api/letters", "a.b.c", None, 401),
            ("GET", "/api/users", s.alice, None, 403),
            ("GET", "/api/nothing", s.alice, None, 404),
            ("PUT", "/api/letters", s.alice, {}, 405),
            ("POST", "/api/letters", s.alice, {}, 422),
            ("GET", "/api/%ff", s.alice, None, 400)):
        reply = s.curl(method, path, token, body, {"Origin": APP})
        same(reply.status, status, f"{method} {path}")
        same(cors_fields(reply), READ, f"{method} {path}")
        same(reply.headers["access-control-allow-origin"], APP)
        exposed = words(reply.headers["access-control-expose-headers"])
        assert words("ETag, Link, Content-Range, Location, X-Request-Id, "
                     "Retry-After, RateLimit, RateLimit-Policy, "
                     "Idempotency-Replayed, Preference-Applied, "
                     "Server-Timing") <= exposed, exposed
        assert "origin" in words(reply.headers["vary"])
        same(cors_fields(s.curl(method, path, token, body)), set())


@case
def errors_of_nginx_can_be_read(s):
    """What nginx answers by itself a page of an allowed origin may read, when
    nginx got as far as to know whose it is."""
    def check(reply, status):
        same(reply.status, status, reply.body)
        same(cors_fields(reply), READ, status)
        same(reply.headers["access-control-allow-origin"], s.origins[1])
        assert "origin" in words(reply.headers["vary"]), reply.headers
        assert words("retry-after, x-request-id") <= words(
            reply.headers["access-control-expose-headers"])
    origin = {"Origin": s.origins[1]}
    check(s.curl("POST", "/api/letters", s.alice, headers=origin,
                 raw=json.dumps({"title": "x" * 300 * 1024})), 413)
    check(s.get("/nowhere", headers=origin), 404)
    for number in (0, 1):
        same(s.stop(number), 0, "exit code")
    check(s.get("/api/letters", s.alice, headers=origin), 502)
    for number in (0, 1):
        s.start(number)
    s.ready()
    limits = dict(s.limits)
    s.limits.update(RATE=1, BURST=1)
    s.reload_nginx()
    refused = tap.wait_for(lambda: next((r for r in (
        s.get("/api/campaigns", headers=origin) for _ in range(3))
        if r.status == 429), None), "a 429")
    check(refused, 429)
    s.limits.update(limits)
    s.restart_nginx()


@case
def any_origin_may_be_let_in(s):
    """With "*" every page may read replies, without credentials; with no cors
    in the contract none may, and nothing depends on who asks."""
    def served(cors):
        about = json.loads((s.contract / "api.json").read_text())
        about.pop("cors")
        with tempfile.TemporaryDirectory() as directory:
            copy = pathlib.Path(directory) / "contract"
            shutil.copytree(s.contract, copy)
            (copy / "api.json").write_text(json.dumps({**about, **cors}))
            for number in (0, 1):
                s.configure(number, contract=copy)
            s.rolling_restart()
        return [preflight(s, "/api/letters", origin=OTHER, record=False)] + [
            s.get("/api/letters", token, record=False,
                  headers={"Origin": OTHER}) for token in (s.alice, None)]
    try:
        for reply in served({"cors": {"origins": ["*"], "max_age": 9}}):
            same(reply.headers["access-control-allow-origin"], "*")
            assert "access-control-allow-credentials" not in reply.headers
        for reply in served({}):
            same(cors_fields(reply), set())
            assert "origin" not in words(reply.headers.get("vary"))
    finally:
        for number in (0, 1):
            s.configure(number)
        s.rolling_restart()


# ---- Media types.

@case
def lists_come_in_the_form_that_is_wanted(s):
    """A list is JSON, NDJSON or CSV by what Accept wants most; what has no
    list has JSON alone."""
    path = "/api/letters?limit=3&select=id,title,created_at"
    rows = s.get(path, s.alice).data
    forms = {"application/json": "application/json",
             "application/x-ndjson": "application/x-ndjson",
             "text/csv": "text/csv; charset=utf-8; header=present"}
    for accept, form in (
            ("*/*", "application/json"), ("application/json", None),
            ("text/csv", None), ("application/x-ndjson", None),
            ("TEXT/CSV", "text/csv"), ("text/*", "text/csv"),
            ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
            ("text/csv;q=0.4, application/json;q=0.5", "application/json"),
            ("application/json;q=0, */*", "application/x-ndjson"),
            ("text/csv, */*;q=0.1", "text/csv"),
            ("text/csv, application/problem+json", "text/csv"),
            ("application/problem+json", "application/json")):
        reply = s.get(path, s.alice, headers={"Accept": accept})
        same((reply.status, reply.headers["content-type"]),
             (200, forms[form or accept]), accept)
        same(reply.headers["content-range"], "0-2/*")
        assert 'rel="next"' in reply.headers["link"]
        assert "accept" in words(reply.headers["vary"])
    lines = s.get(path, s.alice, headers={
        "Accept": "application/x-ndjson"}).body.splitlines()
    same([json.loads(line) for line in lines], rows)
    text = s.get(path, s.alice, headers={"Accept": "text/csv"}).body.decode()
    same(list(csv.DictReader(io.StringIO(text, newline=""))), rows)
    key = rows[0]["id"]
    for path in (f"/api/letters/{key}", "/api/letters"):
        for accept in ("text/html", "text/csv;q=0", "application/json;q=0"):
            reply = s.get(path, s.alice, headers={"Accept": accept})
            same((reply.status, reply.error["code"]), (406,
                 "not_acceptable"), accept)
    same(s.get(f"/api/letters/{key}", s.alice,
               headers={"Accept": "text/csv"}).status, 406)


@case
def an_empty_list_has_a_form(s):
    """A list without rows is an empty array, no lines, or a header alone."""
    path = "/api/letters?select=id,title&title=eq.nobody-wrote-this"
    reply = s.get(path, s.alice)
    same((reply.data, reply.headers["content-range"]), ([], "*/0"))
    same(s.get(path, s.alice, headers={
        "Accept": "application/x-ndjson"}).body, b"")
    same(s.get(path, s.alice, headers={"Accept": "text/csv"}).body,
         b"id,title\r\n")


@case
def a_problem_is_told_in_json_whatever_was_wanted(s):
    """A failure is in the envelope whatever form a success would have."""
    for accept in ("text/csv", "application/x-ndjson"):
        reply = s.get("/api/letters?limit=x", s.alice,
                      headers={"Accept": accept})
        same((reply.status, reply.headers["content-type"]),
             (400, "application/json"))
    reply = s.get("/api/letters?limit=x", s.alice, record=False, headers={
        "Accept": "text/csv, application/problem+json"})
    same(reply.headers["content-type"], "application/problem+json")


# ---- Lists.

@case
def links_lead_through_the_list(s):
    """The links, followed, give the whole list once, with the filters, the
    order and the form of the first request."""
    query = ("/api/letters?limit=7&select=id,title&order=title&status="
             'in.("draft","sent")&title=not.eq.%3E%22x%22&title=neq.<a>|b')
    wanted = s.cluster.psql(
        "select count(*) from app.letters where status in ('draft', 'sent') "
        f"and owner_id = '{sut.ALICE}'")
    for accept in ("application/json", "application/x-ndjson"):
        seen, path = [], query
        while path:
            reply = s.get(path, s.alice, headers={"Accept": accept})
            same(reply.status, 200, reply.body)
            seen += [r["id"] for r in (
                reply.data if accept.endswith("/json") else
                map(json.loads, reply.body.splitlines()))]
            link = reply.headers.get("link")
            if path != query:
                assert "content-range" not in reply.headers, "behind a cursor"
            path = None
            if link:
                path, rel = link[1:].split(">; ")
                same(rel, 'rel="next"')
                same(path.count("after="), 1, path)
        same((len(seen), len(set(seen))), (int(wanted), int(wanted)), accept)


@case
def a_total_is_told_where_it_was_asked_for(s):
    """Prefer: count= gives the total in meta and Content-Range, at the start
    and behind a cursor, and says so."""
    wanted = int(s.cluster.psql(
        f"select count(*) from app.letters where owner_id = '{sut.ALICE}'"))
    path = "/api/letters?limit=3&select=id"
    prefer = {"Prefer": "count=exact"}
    reply = s.get(path, s.alice, headers=prefer)
    same(reply.json["meta"]["page"]["total"], wanted)
    same(reply.headers["content-range"], f"0-2/{wanted}")
    same(reply.headers["preference-applied"], "count=exact")
    assert "prefer" in words(reply.headers["vary"])
    following = reply.headers["link"][1:].split(">")[0]
    reply = s.get(following, s.alice, headers=prefer)
    same(reply.headers["content-range"], f"*/{wanted}")
    reply = s.get(path, s.alice, headers={"Prefer": "count=estimated"})
    same(reply.json["meta"]["page"]["total"], wanted, "few are counted")
    same(reply.headers["preference-applied"], "count=estimated")
    reply = s.get(path, s.alice)
    assert "total" not in reply.json["meta"]["page"]
    same(reply.headers["content-range"], "0-2/*")


# ---- Tags.

@case
def a_row_that_is_known_is_not_sent_again(s):
    """A read has a tag; with If-None-Match it is 304 without a body until the
    row changes."""
    made = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER)
    path = made.headers["location"]
    tag = s.get(path, s.alice).headers["etag"]
    same(made.headers["etag"], tag, "the tag of what was made")
    for known in (tag, "W/" + tag, '"x", ' + tag, f'"a,b" ,{tag}', "*"):
        for method in ("GET", "HEAD"):
            reply = s.curl(method, path, s.alice,
                           headers={"If-None-Match": known})
            same((reply.status, reply.headers["etag"]), (304, tag), known)
    for known in ('"x"', tag[1:-1], tag[:-2] + '"', '"', 'W/', '""',
                  f'"{tag}', '"*"', tag.upper() if tag.upper() != tag
                  else '"y"'):
        reply = s.get(path, s.alice, headers={"If-None-Match": known})
        same((reply.status, reply.headers["etag"]), (200, tag), known)
    changed = s.curl("PATCH", path, s.alice, {"title": "Another"})
    assert changed.headers["etag"] != tag
    reply = s.get(path, s.alice, headers={"If-None-Match": tag})
    same((reply.status, reply.headers["etag"]),
         (200, changed.headers["etag"]))
    refused = s.get(path, s.bob, headers={"If-None-Match": tag})
    same(refused.status, 404, "a row of others is no more than absent")
    refused = s.get(path, headers={"If-None-Match": "*"})
    same(refused.status, 401, "no token")


@case
def tags_survive_compression(s):
    """nginx weakens the tag of what it compresses: it is still known."""
    body = {**sut.NEW_LETTER, "body": "word " * 1000}
    path = s.curl("POST", "/api/letters", s.alice, body).headers["location"]
    tag = s.get(path, s.alice).headers["etag"]
    reply = s.get(path, s.alice, headers={"Accept-Encoding": "gzip"},
                  record=False)
    same(reply.headers["content-encoding"], "gzip")
    same(json.loads(gzip.decompress(reply.body))["data"]["body"],
         body["body"])
    same(reply.headers["etag"], "W/" + tag)
    assert "accept-encoding" in words(reply.headers["vary"])
    reply = s.get(path, s.alice, headers={
        "Accept-Encoding": "gzip", "If-None-Match": "W/" + tag})
    same(reply.status, 304)
    reply = s.curl("PATCH", path, s.alice, {"title": "On a weak tag"},
                   headers={"If-Match": "W/" + tag})
    same(reply.status, 200, reply.body)
    reply = s.curl("PATCH", path, s.alice, {"title": "On an old one"},
                   headers={"If-Match": "W/" + tag})
    same((reply.status, reply.error["code"]), (412, "precondition_failed"))


# ---- Preferences.

@case
def minimal_replies_have_no_data(s):
    """Prefer: return=minimal gives the envelope with null, and says so."""
    reply = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER,
                   headers={"Prefer": "return=minimal"})
    same((reply.status, reply.data), (201, None))
    same(reply.headers["preference-applied"], "return=minimal")
    path = reply.headers["location"]
    same(s.get(path, s.alice).data["title"], sut.NEW_LETTER["title"])
    reply = s.curl("PATCH", path, s.alice, {"title": "Whole"},
                   headers={"Prefer": "return=representation"})
    same(reply.data["title"], "Whole")
    same(reply.headers["preference-applied"], "return=representation")
    reply = s.get(path, s.alice, headers={"Prefer": "return=minimal, odd"})
    same(reply.data["title"], "Whole")
    assert "preference-applied" not in reply.headers


@case
def strict_clients_are_told_what_is_not_heard(s):
    """With handling=strict a preference that is not heard is an error, and
    without it is nothing."""
    for prefer in ("handling=strict, respond-async",
                   "count=exact, handling=strict"):
        reply = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER,
                       headers={"Prefer": prefer})
        same((reply.status, reply.error["code"]), (400, "invalid_preference"),
             prefer)
    reply = s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER, headers={
        "Prefer": "handling=strict, return=minimal"})
    same(reply.status, 201, reply.body)
    same(reply.headers["preference-applied"],
         "return=minimal, handling=strict")
    same(s.curl("POST", "/api/letters", s.alice, sut.NEW_LETTER, headers={
        "Prefer": "respond-async, wait=9"}).status, 201)


@case
def nothing_is_kept_unless_the_contract_says_so(s):
    """A reply is no-store, but for reads that the contract lets be kept; a
    refusal of theirs is not."""
    same(s.get("/api/letters?limit=1", s.alice).headers["cache-control"],
         "no-store")
    reply = s.get("/api/campaigns")
    same(reply.headers["cache-control"], "private, max-age=60")
    assert words("authorization, origin, accept") <= words(
        reply.headers["vary"])
    same(s.get("/api/campaigns?limit=x").headers["cache-control"],
         "no-store")


@case
def every_reply_fits_the_contract(s):
    """Every reply that was seen fits the contract."""
    for exchange in s.exchanges:
        s.rules.check(exchange)
    print(f"# {len(s.exchanges)} exchanges checked")


# ---- A real browser.

PAGE = """<!doctype html><title>waiting</title><script>
(async () => {
  const out = {};
  const ask = async (name, path, more) => {
    try {
      const reply = await fetch(API + path, more);
      out[name] = [reply.status, reply.headers.get("x-request-id") !== null,
                   (await reply.text()).slice(0, 12)];
    } catch (error) { out[name] = String(error); }
  };
  const token = {Authorization: "Bearer " + TOKEN};
  await ask("list", "/api/letters?limit=1", {headers: token});
  await ask("patch", PATH, {method: "PATCH", body: '{"title":"By a page"}',
    headers: {...token, "Content-Type": "application/json", "If-Match": "*",
              Prefer: "return=representation"}});
  await ask("refused", "/api/letters", {});
  await ask("nginx", "/nowhere", {});
  document.title = "done";
  document.body.textContent = JSON.stringify(out);
})();
</script><body></body>"""


def a_browser_lets_its_page_in(s):
    """A page of an allowed origin reads replies in a real browser, behind a
    preflight as well; the page of another origin reads none."""
    path = s.curl("POST", "/api/letters", s.alice,
                  sut.NEW_LETTER).headers["location"]
    text = PAGE.replace("API", json.dumps(s.url), 1).replace(
        "TOKEN", json.dumps(s.alice), 1).replace("PATH", json.dumps(path), 1)

    def seen(host):
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
                 "--disable-dev-shm-usage", "--no-first-run",
                 "--no-proxy-server", f"--user-data-dir={home}",
                 "--virtual-time-budget=15000", "--dump-dom",
                 f"http://{host}:{s.pages.server_port}/"],
                capture_output=True, text=True, timeout=90, check=False)
        page = done.stdout.partition("<body>")[2].partition("</body>")[0]
        assert page.startswith("{"), done.stdout + done.stderr[-2000:]
        return json.loads(page)
    s.pages.text = text
    same(seen("127.0.0.1"), {
        "list": [200, True, '{"ok":true,"'],
        "patch": [200, True, '{"ok":true,"'],
        "refused": [401, True, '{"ok":false,'],
        "nginx": [404, True, '{"ok":false,']})
    same(set(seen("localhost").values()),
         {"TypeError: Failed to fetch"})


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def open_contract(directory, origins):
    """The reference contract, for these origins, with what is tried here."""
    copy = pathlib.Path(directory) / "contract"
    shutil.copytree(sut.TOP / "contract", copy)
    about = json.loads((copy / "api.json").read_text())
    about["cors"] = {"origins": origins, "credentials": True, "max_age": 600}
    (copy / "api.json").write_text(json.dumps(about))
    for resource, operation, more in (
            ("campaigns", "list", {"cache": "private, max-age=60"}),
            ("letters", "list", {"count": True}),
            ("letters", "update", {"match": "optional"})):
        path = copy / f"resources/{resource}.json"
        text = json.loads(path.read_text())
        text["operations"][operation].update(more)
        path.write_text(json.dumps(text))
    return copy


def main():
    with tempfile.TemporaryDirectory() as directory, \
            ThreadingHTTPServer(("127.0.0.1", 0), Page) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        origins = [APP, f"http://127.0.0.1:{pages.server_port}"]
        with sut.System(contract=open_contract(directory, origins)) as s:
            s.alice = s.token("authenticated", sut.ALICE)
            s.bob = s.token("authenticated", sut.BOB)
            s.rules = rules.Contract(pathlib.Path(s.contract))
            s.origins, s.pages = origins, pages
            if CHROMIUM:
                case(a_browser_lets_its_page_in)
            else:
                print("# chromium is not installed: no browser is asked")
            status = tap.run(s)
        pages.shutdown()
    return status


if __name__ == "__main__":
    sys.exit(main())
