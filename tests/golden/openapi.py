# SPDX-License-Identifier: MIT
"""`lockstep gen openapi`, as TAP: the documents of the golden contracts, that
linters and generators of others take the one of the reference contract, and
that it says what the contract says, read by other eyes (tests/flow/contract.py).
UPDATE=1 writes the golden documents anew.

The linter, the generators and the compiler come from npm (tests/flow/npm.py)."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SRCDIR = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
BUILDDIR = pathlib.Path(os.environ.get("BUILDDIR", ".")).resolve()
sys.path.insert(0, str(SRCDIR / "tests/flow"))

import contract as rules  # noqa: E402
import npm  # noqa: E402
import tap  # noqa: E402
from tap import case, same  # noqa: E402

LOCKSTEP = BUILDDIR / "lockstep"
GOLDEN = SRCDIR / "tests/golden"
ENVIRONMENT = dict(os.environ)
ENVIRONMENT.pop("LOCKSTEP_CONFIG", None)

# What a client's code may rely on, and (expect-error) what it may not write.
USE = """\
import type { components, operations } from "./api";

type Body<O extends keyof operations, S extends number> =
    operations[O] extends { responses: infer R } ? S extends keyof R ?
    R[S] extends { content: { "application/json": infer B } } ? B : never :
    never : never;
type Create = components["schemas"]["LetterCreate"];

export const least: Create = { title: "a", recipient: { name: "b" } };
// @ts-expect-error: the recipient is missing
export const less: Create = { title: "a" };
// @ts-expect-error: id is the server's to give
export const more: Create = { ...least, id: "x" };
export const change: components["schemas"]["LetterUpdate"] = { title: "b" };

export function letter(reply: Body<"letters.read", 200>): string {
    return reply.ok ? reply.data.title : "";
}
export function next(reply: Body<"letters.list", 200>): string | null {
    return reply.meta.page.next;
}
export function refused(reply: Body<"letters.send", 409>): string {
    switch (reply.error.code) {
    case "conflict": case "referenced": case "request_in_progress":
    case "reference_taken": case "letter_not_draft":
    case "letter_on_its_way": case "letter_already_sent":
    case "profile_required":
        return reply.error.message;
    // @ts-expect-error: no such code
    case "coupon_expired":
        return "";
    default: {
        const none: never = reply.error.code;
        return none;
    }
    }
}
"""


def generate(directory, *words):
    done = subprocess.run(
        [LOCKSTEP, "gen", "openapi", "--contract", directory, *words],
        capture_output=True, env=ENVIRONMENT, cwd=BUILDDIR, check=False)
    same((done.returncode, done.stderr), (0, b""), str(directory))
    return done.stdout


def lint(*files):
    """What the linter has to say: its rule, severity and place."""
    text = npm.tools().run(
        "redocly", "lint", "--extends", "recommended", "--max-problems",
        "1000", "--format", "json", *files, status=None)
    found = []
    while "{" in text:
        text = text[text.index("{"):]
        part, end = json.JSONDecoder().raw_decode(text)
        found += part["problems"]
        text = text[end:]
    return [(p["severity"], p["ruleId"], p["message"],
             p["location"][0].get("pointer")) for p in found]


def operations(document):
    """operationId -> path, method, operation."""
    return {o["operationId"]: (path, method.upper(), o)
            for path, item in document["paths"].items()
            for method, o in item.items()}


def resolved(document, value):
    while "$ref" in value:
        target = document
        for part in value["$ref"].split("/")[1:]:
            target = target[part.replace("~1", "/").replace("~0", "~")]
        value = target
    return value


def documented(document, operation):
    """(status, code) of all refusals, by both media types."""
    found = []
    for media, way in (("application/json", ("error", "properties")),
                       ("application/problem+json", ())):
        pairs = set()
        for status, reply in operation["responses"].items():
            if int(status) < 400:
                continue
            reply = resolved(document, reply)
            part = reply["content"][media]["schema"]["allOf"][1]["properties"]
            for step in way:
                part = part[step]
            same(part["status"]["const"], int(status), "status")
            pairs |= {(int(status), code) for code in part["code"]["enum"]}
        found.append(pairs)
    same(found[0], found[1], "the media types")
    return found[0]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def judge(document, name, lines, work):
    """What `lockstep validate` says of documents by a component."""
    schema = work / "schema.json"
    schema.write_text(json.dumps({"$ref": f"#/components/schemas/{name}",
                                  "components": document["components"]}))
    (work / "lines").write_text("".join(json.dumps(l) + "\n" for l in lines))
    done = subprocess.run(
        [LOCKSTEP, "validate", "--lines", "--format-assertion", "--output",
         "flag", schema, work / "lines"], capture_output=True, text=True,
        check=False)
    assert done.returncode < 2, done.stderr
    return [json.loads(line)["valid"] for line in done.stdout.splitlines()]


@case
def golden_documents(s):
    """Each golden contract has its document, and the same one each time."""
    for plan in sorted(GOLDEN.glob("*.plan")):
        got = generate(plan.with_suffix(""))
        file = plan.with_suffix(".openapi")
        if os.environ.get("UPDATE"):
            file.write_bytes(got)
        assert file.read_bytes() == got, \
            f"{file.name} differs; see make golden, and the difference"
        same(generate(plan.with_suffix("")), got, "the second time")


@case
def written_to_a_file(s):
    """--out writes the same; what cannot be written is trouble, and there is
    no gen of another name."""
    file = s.work / "api.json"
    same(generate(s.rules.directory, "--out", file), b"")
    same(file.read_bytes(), s.text)
    for words, said in ((["openapi", "--out", "/nowhere/x"], "cannot write"),
                        (["opneapi"], "there is no gen opneapi"),
                        ([], "gen takes")):
        done = subprocess.run([LOCKSTEP, "gen", *words, "--contract",
                               s.rules.directory], capture_output=True,
                              text=True, env=ENVIRONMENT, check=False)
        same((done.returncode, said in done.stderr), (2, True), done.stderr)
    assert b'"url": "https://x.example/v1"' in generate(
        s.rules.directory, "--server", "https://x.example/v1")


@case
def references_lead_somewhere(s):
    """Every reference has its target, and no component is without one."""
    used = set(references(s.document))
    for reference in used:
        resolved(s.document, {"$ref": reference})
    there = {f"#/components/{kind}/{name}"
             for kind, all_ in s.document["components"].items()
             for name in all_ if kind != "securitySchemes"}
    same(used ^ there, set(), "components")


@case
def operations_documented(s):
    """Every operation is there with its path, roles, security, success, and
    what it demands."""
    found = operations(s.document)
    same(set(found), {o.name for o in s.rules.operations}, "operations")
    for o in s.rules.operations:
        path, method, told = found[o.name]
        same((path, method), (o.path, o.method), o.name)
        same(told["x-roles"], o.roles, o.name)
        same({} in told["security"],
             s.rules.about.get("anonymous") in o.roles, o.name)
        assert str(o.status) in told["responses"], o.name
        headers = {p["name"]: p.get("required", False) for p in
                   (resolved(s.document, p) for p in told["parameters"])
                   if p["in"] == "header"}
        same(headers.get("Idempotency-Key"), {
            None: None, "optional": False, "required": True}[o.idempotency])
        same(headers.get("If-Match"), {
            None: None, "optional": False, "required": True}[
                o.match or (o.verb in ("update", "delete") and "optional")
                or None], o.name)


@case
def refusals_documented(s):
    """Every status and code that an operation can give is documented there,
    and no other: what the flow tests hold each reply to."""
    found = operations(s.document)
    for o in s.rules.operations:
        same(documented(s.document, found[o.name][2]) ^ s.rules.possible(o),
             set(), o.name)


@case
def parameters_of_lists(s):
    """A list documents its filters, order, limit and cursor, each once."""
    found = operations(s.document)
    for resource in s.rules.resources:
        row = resource["operations"].get("list")
        if row is None:
            continue
        told = [resolved(s.document, p) for p in
                found[resource["resource"] + ".list"][2]["parameters"]]
        names = [p["name"] for p in told if p["in"] == "query"]
        same(len(names), len(set(names)), "names")
        assert set(row.get("filter", [])) <= set(names), names
        for group, when in (({"select", "limit", "after"}, True),
                            ({"order"}, "sort" in row),
                            ({"or", "and", "not.or", "not.and"},
                             "filter" in row)):
            same(group & set(names), group if when else set(), "parameters")
        same("search" in names, "search" in row, resource["resource"])


@case
def forms_of_schemas(s):
    """What a component takes is what the server takes: its examples, never
    a member too many, never one that is readOnly."""
    count = 0
    for name, schema in s.document["components"]["schemas"].items():
        examples = schema.get("examples", [])
        if not examples:
            continue
        count += len(examples)
        same(judge(s.document, name, examples, s.work),
             [True] * len(examples), name)
        if name.endswith(("Create", "Update")):
            for column in ("id", "no_such_column"):
                same(judge(s.document, name, [{**examples[0], column: 1}],
                           s.work), [False], f"{name}.{column}")
        if name.endswith("Update"):
            same(judge(s.document, name, [{}], s.work), [False], name)
            one = next(iter(examples[0].items()))
            same(judge(s.document, name, [dict([one])], s.work), [True], name)
    assert count > 40, count


@case
def linter_is_content(s):
    """@redocly/cli has nothing to say of the reference contract's document by
    its recommended rules, and no error for those of the golden contracts."""
    same(lint(s.file), [], "findings")
    files = []
    for golden in sorted(GOLDEN.glob("*.openapi")):
        files.append(s.work / f"{golden.stem}.json")
        shutil.copy(golden, files[-1])
    same([f for f in lint(*files) if f[0] == "error"], [], "errors")


def compiles(tools, work, *files):
    same(tools.tsc(work, "--strict", "--noEmit", "--skipLibCheck", "false",
                   "--target", "es2022", "--module", "es2022",
                   "--moduleResolution", "bundler", *files), [0, ""])


@case
def types_compile(s):
    """openapi-typescript makes types of it that compile under --strict, hold
    what is right and refuse what is not."""
    tools = npm.tools()
    (s.work / "use.ts").write_text(USE)
    tools.run("openapi-typescript", s.file, "-o", s.work / "api.ts",
              "--default-non-nullable", "false")
    compiles(tools, s.work, s.work / "use.ts")


@case
def client_compiles(s):
    """@hey-api/openapi-ts makes a client of it, with zod schemas and queries
    for TanStack, that compiles under --strict."""
    tools = npm.tools()
    client = s.work / "client"
    tools.run("openapi-ts", "-i", s.file, "-o", client, "-p",
              "@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk",
              "zod", "@tanstack/react-query")
    tools.link(s.work)
    compiles(tools, s.work, client / "index.ts", client / "zod.gen.ts",
             client / "@tanstack/react-query.gen.ts")


class Reference:
    """The reference contract and its document."""

    def __init__(self, work):
        self.work = work
        self.rules = rules.Contract()
        self.text = generate(self.rules.directory)
        self.document = json.loads(self.text)
        self.file = work / "openapi.json"
        self.file.write_bytes(self.text)


def main():
    with tempfile.TemporaryDirectory() as work:
        return tap.run(Reference(pathlib.Path(work)))


if __name__ == "__main__":
    sys.exit(main())
