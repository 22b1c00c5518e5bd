# SPDX-License-Identifier: MIT
"""What is made of the contract for others, against the running server: clients
that generators of others make of the OpenAPI document, and the page for people
at /api/docs, in Chromium.  Its screenshots stay in BUILDDIR/screenshots."""

import json
import pathlib
import re
import shutil
import sys
import tempfile

import npm
import system as sut
import tap
from tap import case, same

HERE = sut.TOP / "tests/flow/documents"
COMPILER = """{ "compilerOptions": {
    "strict": true, "skipLibCheck": false, "target": "es2022",
    "lib": ["es2022", "dom", "dom.iterable"], "types": [],
    "module": "nodenext", "moduleResolution": "nodenext", "outDir": "out" },
    "include": ["*.ts"] }
"""
# With names of files in its imports, which node wants.
HEY_API = """export default {
    input: %r, output: { path: "client", module: { extension: ".js" } },
    plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk",
              "zod", "@tanstack/react-query"] };
"""


def call(s, program, *generate):
    """Generates a client, compiles a program that uses it, and runs it."""
    tools = npm.tools()
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        tools.link(work)
        (work / "package.json").write_text('{ "type": "module" }')
        (work / "tsconfig.json").write_text(COMPILER)
        (work / "hey.config.mjs").write_text(HEY_API % str(s.document))
        shutil.copy(HERE / program, work)
        tools.run(*generate, cwd=work)
        tools.run("tsc", cwd=work)
        key = f"documents-{program}"
        same(tools.run("node", work / "out" / program.replace(".ts", ".js"),
                       cwd=work, env={"URL": s.url + "/api", "KEY": key,
                                      "TOKEN": s.alice}), "done\n")


@case
def openapi_fetch_calls(s):
    """A client by openapi-typescript and openapi-fetch lists, reads, creates
    once, and is refused by codes that its types know."""
    call(s, "openapi_fetch.ts", "openapi-typescript", s.document, "-o",
         "api.ts", "--default-non-nullable", "false")


@case
def hey_api_calls(s):
    """So does a client by @hey-api/openapi-ts, with its zod schemas and its
    queries for TanStack."""
    call(s, "hey_api.ts", "openapi-ts", "-f", "hey.config.mjs")


@case
def absent_page(s):
    """Where the page was not made it is 404, in the envelope."""
    s.make_page()
    (s.directory / "docs").rename(s.directory / "away")
    try:
        for path in ("/api/docs", "/api/docs/", "/api/docs/main.js"):
            reply = s.get(path)
            same((reply.status, reply.error["code"]), (404, "not_found"), path)
            assert "immutable" not in reply.headers.get("cache-control", "")
    finally:
        (s.directory / "away").rename(s.directory / "docs")


@case
def served_page(s):
    """The page is served with and without a slash, with a policy that names
    no other host; its files are compressed, and kept for ever."""
    s.make_page()
    pages = [s.get("/api/docs"), s.get("/api/docs/")]
    for page in pages:
        same((page.status, page.headers["cache-control"], page.body),
             (200, "no-cache", pages[0].body))
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "//" not in policy, policy
        assert "script-src" not in policy and "eval" not in policy, policy
    files = re.findall(r'(?:src|href)="(/api/docs/[^"]+)"',
                       pages[0].body.decode())
    same(len(files), 4, "files")
    for path in files:
        reply = s.get(path, headers={"Accept-Encoding": "gzip"})
        same(reply.status, 200, path)
        assert "immutable" in reply.headers["cache-control"], path
        if len(reply.body) > 1024:
            same(reply.headers["content-encoding"], "gzip", path)
    tag = pages[0].headers["etag"]
    same(s.get("/api/docs", headers={"If-None-Match": tag}).status, 304)
    same(s.curl("POST", "/api/docs").error["code"], "method_not_allowed")


@case
def page_is_complete(s):
    """The page has each resource, operation and schema, and meets no error."""
    same(s.browse("complete"), sum(
        len(item) for item in s.openapi["paths"].values()), "operations")


@case
def page_shows_problems(s):
    """An operation has an address, and shows its problems, its codes and what
    it takes."""
    s.browse("operation")


@case
def page_sends_requests(s):
    """With a token, a request can be sent from the page."""
    same(s.browse("tried"), 200, "the status of what it sent")


@case
def page_looks_well(s):
    """It fits on desks and phones, light and dark."""
    s.browse("looks")


class Documents:
    """A system with its documents in place."""

    def __init__(self, system):
        self.system = system
        self.alice = system.token("authenticated", sut.ALICE)
        self.document = system.directory / "openapi.json"
        system.run("gen", "openapi", "--config", system.config_path(0),
                   "--out", self.document)
        self.openapi = json.loads(self.document.read_text())
        self.made = None

    def __getattr__(self, name):
        return getattr(self.system, name)

    def make_page(self):
        """Once; a Skip, too, is for all who want it."""
        if self.made is None:
            try:
                tools = npm.tools("nginx/docs")
                tools.run("node", sut.TOP / "nginx/docs/build.mjs",
                          tools.home, self.system.directory / "docs")
                self.made = True
            except tap.Skip as why:
                self.made = why
        if self.made is not True:
            raise self.made

    def browse(self, name):
        self.make_page()
        return npm.tools().browse(HERE / "page.mjs", name,
                                  URL=self.system.url, TOKEN=self.alice)


def main():
    with sut.System() as system:
        return tap.run(Documents(system))


if __name__ == "__main__":
    sys.exit(main())
