# SPDX-License-Identifier: MIT
"""The page of examples/web, made of this contract by this program, behind the
real nginx, in a real Chromium.  The pictures of its states are kept in
BUILDDIR/screenshots/web-*.png."""

import http.server
import os
import re
import shutil
import sys
import threading

import client
import npm
import system as sut
import tap
from tap import case, same

PAGE = sut.TOP / "examples/web"
STRANGER = "99999999-9999-4999-8999-999999999999"
CHEATS = (r"[:<|] *any\b|\bas (?:any|unknown|never|string|number|[A-Z{])|"
          r"@ts-|[\w)\]]!\.")
POLICY = "default-src 'self';"


class Web:
    """The page and what serves it."""

    def __init__(self, tools, work):
        self.tools, self.work = tools, work
        self.dist = work / "dist"
        self.told = {}

    def serve(self, system):
        """Mints the tokens, and lets the browser's side stop the server."""
        self.system = system
        dora = system.cluster.psql(
            "select id from app.users where display_name = 'Dora'")
        self.environment = {
            "URL": system.url,
            "EXPIRED": client.mint(system.secret.read_text().strip().encode(),
                                   sub=sut.ALICE, role="authenticated",
                                   exp=1700000000),
            **{name: system.token("authenticated", sub) for name, sub in (
                ("ALICE", sut.ALICE), ("BOB", sut.BOB), ("DORA", dora),
                ("STRANGER", STRANGER))}}
        self.control = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), self._controls())
        threading.Thread(target=self.control.serve_forever,
                         daemon=True).start()
        port = self.control.server_address[1]
        self.environment["CONTROL"] = f"http://127.0.0.1:{port}"

    def _controls(web):
        class Controls(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/stop":
                    web.system.stop(0)
                else:
                    web.system.start(0)
                    web.system.ready()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass
        return Controls

    def see(self, name):
        """A case of web.mjs; all of them are seen in one go, but for ONLY."""
        if os.environ.get("ONLY"):
            self._browse(name)
            return
        if not self.told:
            self.told = self._browse("all")
        print(f"# {self.told[name]['ms']} ms")
        same(self.told[name].get("error"), None, name)

    def _browse(self, name):
        return self.tools.browse(sut.TOP / "tests/flow/web.mjs", name,
                                 **self.environment)


def built(tools):
    """The page, made as ./dev up makes it."""
    packages = npm.tools("examples/web").home
    work = npm.BUILDDIR / "npm/web-page"
    shutil.rmtree(work, ignore_errors=True)
    tools.run("sh", PAGE / "build.sh", sut.BUILD / "lockstep",
              sut.TOP / "contract", packages, work)
    return Web(tools, work)


@case
def typed(web):
    """The page compiles under strict, without any and without a cast"""
    web.tools.run("tsc", "--noEmit", "--project", web.work)
    for path in sorted((PAGE / "src").rglob("*.ts*")):
        if "api" in path.relative_to(PAGE / "src").parts:
            continue
        for line in path.read_text().splitlines():
            if not line.startswith("import "):
                same(re.search(CHEATS, line.split("//")[0]), None,
                     f"{path}: {line}")


@case
def small(web):
    """Scripts and styles are less than 150 kB on the wire"""
    sizes = {}
    for path in re.findall(r'(?:src|href)="(/assets/[^"]+)"',
                           web.system.get("/").body.decode()):
        reply = web.system.get(path, headers={"Accept-Encoding": "gzip"})
        if len(reply.body) > 1024:
            same(reply.headers.get("content-encoding"), "gzip", path)
        sizes[path] = len(reply.body)
    print(f"# {sum(sizes.values())} bytes: {sizes}")
    assert len(sizes) >= 2 and sum(sizes.values()) < 150_000, sizes


@case
def headers(web):
    """The page is asked for each time, its assets never again, under a policy"""
    page = web.system.get("/")
    same(page.status, 200, "the page")
    same(page.headers["content-type"], "text/html; charset=utf-8", "type")
    same(page.headers["cache-control"], "no-cache", "the page")
    same(page.headers["content-security-policy"][:len(POLICY)], POLICY, "policy")
    assert "unsafe" not in page.headers["content-security-policy"]
    text = page.body.decode()
    assert "style=" not in text and "<script>" not in text, text
    for path, kind in ((re.search(r"/assets/[\w.-]+\.js", text), "javascript"),
                       (re.search(r"/assets/[\w.-]+\.css", text), "css")):
        asset = web.system.get(path.group())
        same((asset.status, asset.headers["content-type"],
              asset.headers["cache-control"]),
             (200, f"text/{kind}", "max-age=31536000, immutable"), path.group())
    icon = web.system.get("/favicon.svg")
    same((icon.headers["content-type"], icon.headers["cache-control"]),
         ("image/svg+xml", "max-age=86400"), "the icon")
    for reply in (page, asset, icon):
        same(reply.headers["x-content-type-options"], "nosniff", "nosniff")
        same(reply.headers["referrer-policy"], "no-referrer", "referrer")


@case
def elsewhere(web):
    """What is not of the page is told as the API tells it"""
    for path in ("/index.html", "/assets/", "/assets/none.js", "/letters",
                 "/assets/../index.html", "/assets/%2e%2e/index.html"):
        same(web.system.get(path).error["code"], "not_found", path)
    same(web.system.curl("POST", "/", body={}).error["code"],
         "method_not_allowed", "POST")


def seen(name, sentence):
    """A case that Chromium sees."""
    def look(web):
        web.see(name)
    look.__name__, look.__doc__ = name, sentence
    case(look)


for each in """
signs_in: a token that is pasted signs in, for this tab, until one signs out
signs_in_by_link: a link with a token signs in and leaves no trace of it
registers: a user without a profile is asked to register, and may write then
shows_an_empty_desk: no letters, and none found, are told apart
shows_that_it_loads: while letters are fetched their places are shown
tells_that_the_server_is_gone: an error is told, and trying again works
is_honest_offline: offline is told, nothing can be saved, nothing written is lost
scrolls_to_the_end: all letters come, each once, in order, to the last
filters: letters are found by their status
reads_a_letter: a letter is read, and going back works
saves_at_once: a new letter is in the list while it is being saved
takes_back_what_was_refused: a refused letter leaves the list, the reason is told
tells_errors_at_their_fields: what the validator finds is told at its field
tells_the_servers_errors_at_their_fields: what the server finds is, too
edits_a_draft: a change sends what has changed, and on what it was based
settles_a_conflict: who edited the same draft chooses whose text stays
sends_and_recalls: a draft is sent and recalled
tells_who_was_slower: what has become impossible meanwhile is told
deletes_and_keeps: a deletion can be taken back until it is done
asks_again_when_the_token_expires: an expired token costs nothing written
counts_down_when_it_is_limited: a limit is told with the time that is left
""".strip().splitlines():
    seen(*each.split(": ", 1))


def main():
    web = built(npm.tools())
    with sut.System(instances=1, web=web.dist) as s:
        web.serve(s)
        return tap.run(web)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        sys.exit(os.environ.get("CI") == "true")
