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
        if name == "export" and "call" not in row:
            row = {"method": "POST", "path": base + "/export", "status": 202,
                   **row}
        self.told_as = row.get("told_as")
        if self.verb == "call":
            self.method, self.path = row["method"], row["path"]
            self.returns = row.get("returns")
        else:
            self.method, rest = DEFAULTS[name]
            self.path = base + rest.replace("key", key)
            self.returns = None if name == "delete" else resource["schema"]
        self.roles = row["roles"]
        self.status = row.get("status", 201 if name == "create" else 200)
        self.cache = row.get("cache")
        self.related = set(row.get("related", {}))
        self.idempotency = row.get("idempotency")
        self.match = row.get("match")
        self.bulk = "bulk" in row
        self.errors = {e["code"]: e.get("status") for e in
                       row.get("errors", {}).values()}
        if self.method != "GET":
            self.errors.update({c["code"]: c.get("status", 409) for c in
                                resource.get("constraints", {}).values()})
        self.declared = [e["code"] for e in row.get("errors", {}).values()]
        pattern = re.sub(r"\{[a-z_0-9]+\}", "[^/]+", self.path)
        self.matches = re.compile(f"/api{pattern}$").match
        self.literal = pattern.count("[^/]+")


class Webhook:
    """What takes the events of a source: none of the operations, and in no
    document."""
    verb, method, returns, status, cache = "event", "POST", None, 202, None
    roles, related, idempotency, match, errors = ["anon"], set(), None, None, {}
    bulk, told_as = False, None

    def __init__(self, row):
        self.name = f"webhooks.{row['webhook']}"
        self.path = f"/webhooks/{row['webhook']}"
        self.matches = re.compile(f"/api{self.path}$").match


class Contract:
    def __init__(self, directory=None):
        self.directory = directory or sut.TOP / "contract"
        self.about = json.loads((self.directory / "api.json").read_text())
        self.resources = [json.loads(p.read_text()) for p in
                          sorted(self.directory.glob("resources/*.json"))]
        self.rows = {r["schema"] for r in self.resources if "table" in r}
        self.operations = [Operation(r, name, row) for r in self.resources
                           for name, row in r["operations"].items()]
        self.operations.sort(key=lambda o: o.literal)
        self.webhooks = [Webhook(json.loads(p.read_text())) for p in
                         sorted(self.directory.glob("webhooks/*.json"))]
        self.problems = problems()
        self.documents = {
            p.relative_to(self.directory).as_posix():
                json.loads(p.read_text())
            for p in self.directory.glob("schemas/*.json")}

    def find(self, method, path):
        path = path.split("?")[0]
        for o in self.operations + self.webhooks:
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
        elif file in self.rows:
            # A row has all that is told of it: clients' types say so.
            schema["required"] = [
                name for name, member in schema["properties"].items()
                if not member.get("writeOnly")]
        resolver = jsonschema.RefResolver(base + file, schema, store=store)
        return jsonschema.Draft202012Validator(
            schema, resolver=resolver,
            format_checker=jsonschema.FormatChecker())

    def methods(self, path):
        """What Allow must say of a path; empty when there is none."""
        found = {o.method for o in self.operations + self.webhooks
                 if o.matches(path.split("?")[0])}
        if "GET" in found:
            found.add("HEAD")
        return found | {"OPTIONS"} if found else found

    def possible(self, operation):
        """Every refusal that an operation can give: (status, code)."""
        o, write = operation, operation.method != "GET"
        body = write and o.verb != "delete"
        once, change = o.idempotency, o.verb in ("update", "delete")
        only = {
            "method_not_allowed": False,
            "signature_invalid": o.verb == "event",
            "event_conflict": o.verb == "event",
            "malformed_json": body, "unsupported_media_type": body,
            "invalid_cursor": o.verb == "list",
            "token_missing": self.about.get("anonymous") not in o.roles,
            "not_found": o.bulk or o.verb not in ("list", "create"),
            "all_rejected": o.bulk,
            "conflict": write, "referenced": write,
            "idempotency_key_missing": once == "required",
            "idempotency_key_invalid": once, "request_in_progress": once,
            "idempotency_key_reused": once,
            "precondition_required": o.match == "required",
            "precondition_failed": change,
        }
        found = {(status, code) for code, status in self.problems.items()
                 if only.get(code, True)}
        return found | {(s, code) for code, s in o.errors.items()}

    def check(self, exchange):
        """Checks a reply against the contract; raises what is wrong."""
        method, path, _, _, reply = exchange
        try:
            operation = self.find("GET" if method == "HEAD" else method, path)
            self._check_headers(operation, reply)
            if method == "HEAD" or reply.status in (204, 304):
                self._check_bodiless(method, path, reply)
            elif operation and operation.told_as and reply.status < 300:
                self._check_told(operation, reply)
            elif is_rows(reply):
                self._check_rows(operation, reply)
            elif reply.json.get("ok"):
                self._check_success(operation, path, reply)
            else:
                self._check_failure(operation, reply)
        except Exception as wrong:
            raise AssertionError(f"{method} {path} -> {reply.status} "
                                 f"{reply.body[:400]!r}: {wrong}") from wrong

    def documented(self, document, exchanges):
        """Holds replies to an OpenAPI document; how many bodies were judged."""
        try:
            told = Documented(document)
        except ImportError:
            raise tap.Skip("python3-jsonschema is not installed") from None
        judged = 0
        for method, path, _, _, reply in exchanges:
            operation = self.find("GET" if method == "HEAD" else method, path)
            if operation is None or operation.verb == "event" or (
                    operation.told_as and reply.status < 300):
                continue
            try:
                judged += told.check(operation, path, reply)
            except Exception as wrong:
                raise AssertionError(
                    f"{method} {path} -> {reply.status} is not documented: "
                    f"{wrong!r}") from wrong
        return judged

    def _check_headers(self, operation, reply):
        """What every reply says of itself."""
        told = reply.headers
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", told["x-request-id"])
        kept = operation and operation.cache and (
            200 <= reply.status < 300 or reply.status == 304)
        tap.same(told.get("cache-control"),
                 operation.cache if kept else "no-store", "Cache-Control")
        if kept:
            assert "Authorization" in told["vary"], told
        tag = told.get("etag")
        assert tag is None or re.fullmatch(
            r'"[0-9a-f]{64}"' if operation and operation.told_as == "file" else
            r'(W/)?"[0-9a-f]{32}"', tag), tag
        if "content-range" in told:
            tap.same(operation.verb, "list", "Content-Range")
        if operation and operation.verb == "list" and reply.status == 200:
            assert "Accept" in told["vary"], told
            range_ = re.fullmatch(r"(?:0-(\d+)|\*)/(\d+|\*)",
                                  told.get("content-range", "*/*"))
            assert range_, told["content-range"]
            if range_[1] and range_[2] != "*":
                assert int(range_[1]) < int(range_[2]), range_[0]
        if self.about.get("cors", {}).get("origins"):
            assert "Origin" in told.get("vary", ""), told

    def _check_told(self, operation, reply):
        """A file, or events: no envelope."""
        told = reply.headers
        if operation.told_as == "events":
            tap.same(told["content-type"], "text/event-stream")
            return
        tap.same(int(told["content-length"]), len(reply.body))
        for name in ("etag", "repr-digest", "content-disposition"):
            assert name in told, name

    def _check_bodiless(self, method, path, reply):
        tap.same(reply.body, b"", "body")
        told = reply.headers
        if reply.status in (204, 304):
            for name in ("content-length", "content-type", "transfer-encoding",
                         "content-encoding"):
                assert name not in told, name
        else:
            assert int(told["content-length"]) > 0
            tap.same(method, "HEAD", "method")
        if reply.status == 304:
            assert told.get("etag"), "a 304 without its tag"
        if reply.status == 204:
            tap.same(method, "OPTIONS", "method")
            tap.same(told["allow"], ", ".join(sorted(self.methods(path))),
                     "Allow")

    def _check_rows(self, operation, reply):
        """Rows without an envelope: NDJSON and CSV."""
        tap.same((reply.status, operation.verb), (200, "list"))
        lines = reply.body.decode()
        assert lines == "" or lines.endswith("\n"), "the last line"
        if reply.headers["content-type"] == "application/x-ndjson":
            for line in lines.splitlines():
                assert isinstance(json.loads(line), dict), line

    def _check_success(self, operation, path, reply):
        tap.same(sorted(reply.json), ["data", "meta", "ok"], "members")
        told = reply.headers
        if operation.verb == "event":
            state = "accepted" if reply.status == 202 else "duplicate"
            tap.same((reply.status in (200, 202), reply.json["data"]),
                     (True, {"state": state}), "an event")
            return
        if operation.verb == "create" and "rejections" in (
                reply.json["data"] or {}):
            tap.same((reply.status, list(reply.json["data"])), (200, [
                "accepted", "duplicates", "rejected", "rejections"]),
                "many records")
            return
        applied = told.get("preference-applied", "")
        tap.same(reply.status, 200 if "resolution=" in applied else
                 operation.status, "status")
        replayed = told.get("idempotency-replayed")
        assert replayed in (None, "true"), replayed
        tap.same(reply.json["meta"]["request_id"] == told["x-request-id"],
                 replayed is None, "request id, unless it is a replay")
        self._check_data(operation, path, reply, applied)
        page = reply.json["meta"].get("page")
        tap.same(page is not None, operation.verb == "list", "meta.page")
        if page:
            tap.same("link" in told, page["next"] is not None, "Link")
            total = told.get("content-range", "*/*").split("/")[1]
            if "total" in page:
                tap.same(total, str(page["total"]), "Content-Range")
            tap.same("count=" in applied, "total" in page, "total")

    def _check_data(self, operation, path, reply, applied):
        data = reply.json["data"]
        if operation.returns is None or "return=minimal" in applied:
            tap.same(data, None, "data")
            return
        judge = self.validator(operation.returns, "select=" in path)
        many = operation.verb == "list" or (
            operation.verb == "create" and isinstance(data, list))
        if data is None and "resolution=ignore" in applied:
            return
        for item in data if many else [data]:
            for name in operation.related:
                item.pop(name, None)
            error = next(judge.iter_errors(item), None)
            assert error is None, error and error.message
        if operation.verb in ("read", "create", "update") and not many:
            assert reply.headers.get("etag"), "no tag"

    def _check_failure(self, operation, reply):
        assert not LEAKS.search(reply.body), "internals leak"
        tap.same(sorted(reply.json), ["error", "meta", "ok"], "members")
        tap.same(reply.json["meta"]["request_id"],
                 reply.headers["x-request-id"], "request id")
        for name in ("etag", "preference-applied", "idempotency-replayed",
                     "link", "content-range", "location"):
            assert name not in reply.headers, name
        error = reply.json["error"]
        known = {"code", "status", "message", "retryable", "issues",
                 "issues_truncated", "offset", "line", "column", "records"}
        assert set(error) <= known, set(error) - known
        tap.same(error["status"], reply.status, "status in the body")
        found = (reply.status, error["code"])
        possible = self.possible(operation) if operation else {
            (status, code) for code, status in self.problems.items()}
        assert found in possible, f"{found} is not possible here"
        for issue in error.get("issues", []):
            assert issue["code"] in ISSUE_CODES, issue
            pointer = "".join(
                "/" + str(p).replace("~", "~0").replace("/", "~1")
                for p in issue["path"])
            tap.same(issue["pointer"], pointer, "pointer of the path")
        if reply.status == 401:
            assert "www-authenticate" in reply.headers
        if reply.status in (429, 503) or \
                error["code"] == "request_in_progress":
            assert int(reply.headers["retry-after"]) >= 1
        if reply.status == 405:
            assert reply.headers.get("allow")


# Header fields that a document of the contract speaks of where they may come.
TOLD_HEADERS = {"etag", "location", "link", "content-range", "www-authenticate",
                "preference-applied", "idempotency-replayed", "retry-after",
                "x-request-id"}
BODIES_EACH = 4     # that are judged of an operation's status: it takes long


class Documented:
    """An OpenAPI document, as replies are held to it."""

    def __init__(self, document):
        import jsonschema
        self.document = document
        self.seen = {}
        resolver = jsonschema.RefResolver("", document)
        self.judge = lambda schema: jsonschema.Draft202012Validator(
            schema, resolver=resolver,
            format_checker=jsonschema.FormatChecker())
        self.replies = {
            operation["operationId"]: operation["responses"]
            for item in document["paths"].values()
            for operation in item.values()}

    def target(self, value):
        while "$ref" in value:
            target = self.document
            for part in value["$ref"].split("/")[1:]:
                target = target[part]
            value = target
        return value

    def check(self, operation, path, reply):
        """Raises what is not documented; was the body judged?"""
        told = self.target(self.replies[operation.name][str(reply.status)])
        names = {name.lower() for name in told["headers"]}
        extra = (TOLD_HEADERS & set(reply.headers)) - names
        assert not extra, extra
        if not reply.body:
            return False
        media = reply.headers["content-type"].split(";")[0]
        schema = told["content"][media]["schema"]
        key = (operation.name, reply.status, media)
        self.seen[key] = self.seen.get(key, 0) + 1
        if is_rows(reply) or "select=" in path or \
                "return=minimal" in reply.headers.get(
                    "preference-applied", "") or \
                self.seen[key] > BODIES_EACH:
            return False
        error = next(self.judge(schema).iter_errors(reply.json), None)
        assert error is None, error and error.message
        return True


def is_rows(reply):
    return reply.headers.get("content-type", "").split(";")[0] in (
        "application/x-ndjson", "text/csv")


def problems():
    """code -> status of problem.def."""
    text = (sut.TOP / "src/base/problem.def").read_text()
    rows = re.findall(r'^PROBLEM\(\w+, (\d+), "(\w+)"', text, re.M)
    return {code: int(status) for status, code in rows if code != "declared"}
