# SPDX-License-Identifier: MIT
"""`lockstep gen matrix` and `flow` without a database, as TAP: the documents of
the reference contract and of a small one, that links lead somewhere and tables
are whole, that they say what the contract says, read by other eyes
(tests/flow/contract.py), and that mermaid takes the diagrams.  UPDATE=1 writes
the golden documents anew.

mermaid comes from npm (tests/flow/npm.py)."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SRCDIR = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
BUILDDIR = pathlib.Path(os.environ.get("BUILDDIR", ".")).resolve()
sys.path.insert(0, str(SRCDIR / "tests/flow"))

import contract as rules  # noqa: E402
import markdown  # noqa: E402
import npm  # noqa: E402
import tap  # noqa: E402
from tap import case, same  # noqa: E402

LOCKSTEP = BUILDDIR / "lockstep"
GOLDEN = SRCDIR / "tests/golden"
ENVIRONMENT = dict(os.environ)
ENVIRONMENT.pop("LOCKSTEP_CONFIG", None)
DOCUMENTS = ("matrix", "flow")
CONTRACTS = {"reference": SRCDIR / "contract", "calls": GOLDEN / "calls"}


def run(*words):
    return subprocess.run([LOCKSTEP, "gen", *words], capture_output=True,
                          text=True, env=ENVIRONMENT, cwd=BUILDDIR,
                          check=False)


def generate(what, directory, *words):
    done = run(what, "--contract", directory, "--without-database", *words)
    same((done.returncode, done.stderr), (0, ""), f"{what} {directory}")
    return done.stdout


@case
def golden_documents(s):
    """The matrix and the flow of the contracts are the golden ones, and the
    same each time."""
    for name, directory in CONTRACTS.items():
        for what in DOCUMENTS:
            file = GOLDEN / f"{name}.{what}.md"
            got = generate(what, directory)
            if os.environ.get("UPDATE"):
                file.write_text(got)
            assert file.read_text() == got, \
                f"{file.name} differs; see make golden, and the difference"
            same(generate(what, directory), got, "the second time")


@case
def any_contract(s):
    """Every golden contract has its documents, whose links lead somewhere and
    whose tables are whole."""
    for plan in sorted(GOLDEN.glob("*.plan")):
        for what in DOCUMENTS:
            markdown.check(generate(what, plan.with_suffix("")))
    for text in s.text.values():
        markdown.check(text)


@case
def no_silent_blank(s):
    """Without a database the documents say that policies were not looked up,
    at their top and at every table and operation."""
    for text in s.text.values():
        assert "not looked up**" in text.split("## ")[0], text[:400]
    same(s.text["matrix"].count("- Row security: not looked up"),
         len(s.rules.operations) +
         sum("table" in r for r in s.rules.resources))
    same(s.text["flow"].count("Policies: not looked up."),
         len(s.rules.operations))


@case
def trouble_is_told(s):
    """A database that does not answer is trouble with a hint, and no file is
    written; so is a document that there is not."""
    out = s.work / "none.md"
    for words, said in (
            (["matrix", "--database", "host=/nowhere"],
             "--without-database"),
            (["flow", "--database", "host=/nowhere password=hidden"],
             "cannot be reached"),
            (["matrix", "--database", "nonsense"], "cannot be reached"),
            (["runbook", "--instance", "/nowhere.conf"], "/nowhere.conf"),
            (["matrxi"], "there is no gen matrxi")):
        done = run(*words, "--contract", s.rules.directory, "--out", out)
        same((done.returncode, said in done.stderr, out.exists()),
             (2, True, False), done.stderr)
        assert "hidden" not in done.stderr + done.stdout
    assert generate("flow", s.rules.directory, "--out", out) == ""
    same(out.read_text(), s.text["flow"])


@case
def operations_told(s):
    """Each operation is told with its route, roles, schemas, table or
    function, status, and with every problem that it can give."""
    for what in DOCUMENTS:
        parts = markdown.sections(s.text[what])
        common = markdown.codes(parts["Problems of every operation"])
        for o in s.rules.operations:
            part = parts[o.name]
            row = o.resource["operations"][o.name.split(".")[1]]
            for text in (f"{o.method} /api{o.path}",
                         "lockstep.request_export" if "formats" in row else
                         row.get("call", o.resource.get("table")),
                         row.get("body"), str(o.status)):
                assert not text or text in part, f"{what} {o.name}: {text}"
            same((common | markdown.codes(part)) ^ s.rules.possible(o), set(),
                 f"{what} {o.name}")
            assert what == "matrix" or all(
                f"`{role}`" in part for role in o.roles), o.name


@case
def examples_are_taken(s):
    """The matrix has an example of each payload, which the server takes, and
    of each response, which the schema of what is told takes."""
    parts = markdown.sections(s.text["matrix"])
    count = 0
    for o in s.rules.operations:
        found = [json.loads(t) for t in markdown.blocks(parts[o.name],
                                                        "json")]
        takes = o.verb in ("create", "update") or "body" in \
            o.resource["operations"][o.name.split(".")[1]]
        same(len(found), 2 if takes else 1, o.name)
        same((found[-1]["ok"], "data" in found[-1]), (True, True), o.name)
        count += len(found)
        if o.returns:
            rows = found[-1]["data"]
            judge = s.rules.validator(o.returns)
            for row in rows if o.verb == "list" else [rows]:
                same([e.message for e in judge.iter_errors(row)], [], o.name)
        if takes:
            assert accepted(s, o, found[0]), o.name
    assert count > 80, count


def accepted(s, operation, body):
    """What `lockstep explain` says of a request with this body."""
    (s.work / "body").write_text(json.dumps(body))
    path = "/api" + re.sub(r"\{[a-z_]*id\}",
                           "11111111-1111-4111-8111-111111111111",
                           operation.path)
    words = ["explain", operation.method, path, "--contract",
             s.rules.directory, "--role", operation.roles[0], "--sub",
             "11111111-1111-4111-8111-111111111111", "--body",
             s.work / "body", "--jwt-secret-file", s.work / "secret"]
    for name, demand in (("Idempotency-Key", operation.idempotency),
                         ("If-Match", operation.match)):
        if demand:
            words += ["--header", f'{name}: "x"']
    done = subprocess.run([LOCKSTEP, *words], capture_output=True, text=True,
                          env=ENVIRONMENT, check=False)
    if done.returncode != 0:
        print(f"# {operation.name}: {done.stdout} {done.stderr}")
    return done.returncode == 0


@case
def stale_queries(s):
    """A write makes the queries of its rows stale, and those that tell its
    rows within others."""
    parts = markdown.sections(s.text["flow"])
    for name, wanted in {
            "letters.create": {"letters.list", "letters.read",
                               "users.read"} & set(parts),
            "letters.list": set()}.items():
        told = re.findall(r"Stale then: (.*)\.", parts[name])
        found = set(re.findall(r"\[([a-z_.]+)\]", told[0])) if told else set()
        assert found >= wanted and bool(found) == bool(wanted), found
    for o in s.rules.operations:
        part = parts[o.name]
        same("Stale then:" in part, o.method != "GET", o.name)
        same("Roll back:" in part, o.verb in ("create", "update", "delete"),
             o.name)


@case
def diagrams_parse(s):
    """mermaid takes the diagram of each operation, and would not take a broken
    one."""
    tools = npm.tools()
    files, count = [], len(s.rules.operations)
    for plan in sorted(GOLDEN.glob("*.plan")):
        files.append(s.work / f"{plan.stem}.md")
        files[-1].write_text(generate("flow", plan.with_suffix("")))
        count += files[-1].read_text().count("```mermaid")
    (s.work / "flow.md").write_text(s.text["flow"])
    parse = (GOLDEN / "mermaid.mjs", tools.home / "node_modules")
    told = tools.run("node", *parse, s.work / "flow.md", *files)
    same(told.strip(), str(count), "diagrams")
    (s.work / "bad.md").write_text(
        "```mermaid\nflowchart LR\n    a[x(] --> b\n```\n")
    tools.run("node", *parse, s.work / "bad.md", status=1)


class Reference:
    """The reference contract and its documents."""

    def __init__(self, work):
        self.work = work
        self.rules = rules.Contract()
        self.text = {what: generate(what, self.rules.directory)
                     for what in DOCUMENTS}
        (work / "secret").write_text("x" * 40)


def main():
    with tempfile.TemporaryDirectory() as work:
        return tap.run(Reference(pathlib.Path(work)))


if __name__ == "__main__":
    sys.exit(main())
