# SPDX-License-Identifier: MIT
"""The contract as a test reads it: from its files, not through the program,
so that what the program says can be checked against it."""

import json
import re

import system as sut
import tap

DEFAULTS = {
    "list": ("GET", ""), "create": ("POST", ""), "read": ("GET", "/{key}"),
    "update": ("PATCH", "/{key}"), "delete": ("DELETE", "/{key}"),
}
ISSUE_CODES = {
    "invalid_type", "too_small", "too_big", "invalid_format",
    "not_multiple_of", "unrecognized_keys", "invalid_union", "invalid_key",
    "invalid_value", "custom",
}
# What a reply may never hold: words of the database and of our insides.
LEAKS = re.compile(
    rb"SQLSTATE|pg_|row-level|violates|\bDETAIL\b|\bHINT\b|libpq|\.c:\d|"
    rb"app\.[a-z]+_|current_setting|permission denied|\bLINE \d", re.I)


class Operation:
    def __init__(self, resource, name, row):
        self.resource = resource
        self.name = f"{resource['resource']}.{name}"
        self.verb = name if name in DEFAULTS else "call"
        key = resource.get("key", "id")
        base = resource.get("path", "/" + resource["resource"])
        if self.verb == "call":
            self.method, self.path = row["method"], row["path"]
            self.returns = row.get("returns")
        else:
            self.method, rest = DEFAULTS[name]
            self.path = base + rest.replace("key", key)
            self.returns = None if name == "delete" else resource["schema"]
        self.roles = row["roles"]
        self.status = row.get("status", 201 if name == "create" else 200)
        self.errors = {e["code"]: e.get("status") for e in
                       row.get("errors", {}).values()}
        self.errors.update({c["code"]: c.get("status", 409) for c in
                            resource.get("constraints", {}).values()})
        self.declared = [e["code"] for e in row.get("errors", {}).values()]
        pattern = re.sub(r"\{[a-z_0-9]+\}", "[^/]+", self.path)
        self.matches = re.compile(f"/api{pattern}$").match
        self.literal = pattern.count("[^/]+")


class Contract:
    def __init__(self, directory=None):
        self.directory = directory or sut.TOP / "contract"
        self.about = json.loads((self.directory / "api.json").read_text())
        self.resources = [json.loads(p.read_text()) for p in
                          sorted(self.directory.glob("resources/*.json"))]
        self.operations = [Operation(r, name, row) for r in self.resources
                           for name, row in r["operations"].items()]
        self.operations.sort(key=lambda o: o.literal)
        self.problems = problems()
        self.documents = {
            p.relative_to(self.directory).as_posix():
                json.loads(p.read_text())
            for p in self.directory.glob("schemas/*.json")}

    def find(self, method, path):
        path = path.split("?")[0]
        for o in self.operations:
            if o.method == method and o.matches(path):
                return o
        return None

    def validator(self, file, partial=False):
        """A judge that is not ours, for what leaves."""
        try:
            import jsonschema
        except ImportError:
            raise tap.Skip("python3-jsonschema is not installed") from None
        base = f"file://{self.directory}/"
        store = {base + name: body for name, body in self.documents.items()}
        schema = dict(self.documents[file])
        if partial:
            schema.pop("required", None)
        resolver = jsonschema.RefResolver(base + file, schema, store=store)
        return jsonschema.Draft202012Validator(
            schema, resolver=resolver,
            format_checker=jsonschema.FormatChecker())

    def check(self, exchange):
        """Checks a reply against the contract; raises what is wrong."""
        method, path, _, _, reply = exchange
        try:
            operation = self.find(method, path)
            if reply.json.get("ok"):
                self._check_success(operation, path, reply)
            else:
                self._check_failure(operation, reply)
            meta = reply.json["meta"]["request_id"]
            tap.same(meta, reply.headers.get("x-request-id"), "request id")
            tap.same(reply.headers.get("cache-control"), "no-store")
        except Exception as wrong:
            raise AssertionError(f"{method} {path} -> {reply.status} "
                                 f"{reply.body[:400]!r}: {wrong}") from wrong

    def _check_success(self, operation, path, reply):
        tap.same(sorted(reply.json), ["data", "meta", "ok"], "members")
        tap.same(reply.status, operation.status, "status")
        data = reply.json["data"]
        if operation.returns is None:
            tap.same(data, None, "data")
            return
        partial = "select=" in path
        judge = self.validator(operation.returns, partial)
        for item in data if operation.verb == "list" else [data]:
            error = next(judge.iter_errors(item), None)
            assert error is None, error and error.message
        page = reply.json["meta"].get("page")
        tap.same(page is not None, operation.verb == "list", "meta.page")

    def _check_failure(self, operation, reply):
        assert not LEAKS.search(reply.body), "internals leak"
        tap.same(sorted(reply.json), ["error", "meta", "ok"], "members")
        error = reply.json["error"]
        known = {"code", "status", "message", "retryable", "issues",
                 "issues_truncated", "offset", "line", "column"}
        assert set(error) <= known, set(error) - known
        tap.same(error["status"], reply.status, "status in the body")
        wanted = self.problems.get(error["code"])
        if wanted is None:
            assert operation and error["code"] in operation.errors, \
                "a code that the contract does not name"
            wanted = operation.errors[error["code"]]
        tap.same(reply.status, wanted, "status of the code")
        for issue in error.get("issues", []):
            assert issue["code"] in ISSUE_CODES, issue
            pointer = "".join(
                "/" + str(p).replace("~", "~0").replace("/", "~1")
                for p in issue["path"])
            tap.same(issue["pointer"], pointer, "pointer of the path")
        if reply.status == 401:
            assert "www-authenticate" in reply.headers
        if reply.status in (429, 503):
            assert int(reply.headers["retry-after"]) >= 1
        if reply.status == 405:
            assert reply.headers.get("allow")


def problems():
    """code -> status of problem.def."""
    text = (sut.TOP / "src/base/problem.def").read_text()
    rows = re.findall(r'^PROBLEM\(\w+, (\d+), "(\w+)"', text, re.M)
    return {code: int(status) for status, code in rows if code != "declared"}
