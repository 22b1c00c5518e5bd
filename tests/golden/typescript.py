# SPDX-License-Identifier: MIT
"""`lockstep gen typescript`, as TAP: golden files, a compiler that finds nothing
under strict flags, code that must not compile beside its twin that must, what
bundlers leave out, node without a compiler, a contract whose texts try to get
out of comments and strings, and the folder itself.  UPDATE=1 writes the golden
files anew.

A golden file holds the files of a folder, but for those that are copied as they
stand; of the reference contract it is a part."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SRCDIR = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
BUILDDIR = pathlib.Path(os.environ.get("BUILDDIR", ".")).resolve()
sys.path.insert(0, str(SRCDIR / "tests/flow"))

import npm  # noqa: E402
import tap  # noqa: E402
from tap import case, same  # noqa: E402

LOCKSTEP = BUILDDIR / "lockstep"
GOLDEN = SRCDIR / "tests/golden"
CASES = GOLDEN / "typescript"
REFERENCE = SRCDIR / "contract"
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "LOCKSTEP_CONFIG"}
OPTIONS = {
    "strict": True, "noEmit": True, "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True, "isolatedModules": True,
    "erasableSyntaxOnly": True, "noImplicitOverride": True,
    "verbatimModuleSyntax": True, "allowImportingTsExtensions": True,
    "noUnusedLocals": True, "noUnusedParameters": True,
    "noImplicitReturns": True, "noFallthroughCasesInSwitch": True,
    "forceConsistentCasingInFileNames": True, "skipLibCheck": False,
    "target": "ES2022", "module": "ESNext", "moduleResolution": "bundler",
    "lib": ["ES2022", "DOM"], "types": []}


def lockstep(*words):
    return subprocess.run([LOCKSTEP, "gen", "typescript", *map(str, words)],
                          capture_output=True, text=True, env=ENVIRONMENT,
                          cwd=BUILDDIR, check=False)


def generate(contract, directory, *words):
    done = lockstep("--contract", contract, "--out", directory, *words)
    same((done.returncode, done.stdout, done.stderr), (0, "", ""),
         str(contract))
    return directory


def files(directory):
    """name -> text of all files below."""
    return {str(f.relative_to(directory)): f.read_text()
            for f in sorted(directory.rglob("*")) if f.is_file()}


def contracts():
    return [*[plan.with_suffix("") for plan in sorted(GOLDEN.glob("*.plan"))],
            CASES / "shapes"]


def project(work, *include, **options):
    """tsc's configuration for some files; its path."""
    path = work / "tsconfig.json"
    path.write_text(json.dumps({"compilerOptions": {**OPTIONS, **options},
                                "include": list(include)}))
    return path


def compile_(s, work, *include, **options):
    """What the compiler says: (file, line, code, text) each."""
    if not (work / "node_modules").exists():
        npm.tools().link(work)
    status, text = npm.tools().tsc(work, "-p",
                                   project(work, *include, **options))
    found = re.findall(r"^(\S[^(\n]*)\((\d+),\d+\): error (TS\d+): (.*)$",
                       text, re.M)
    said = len(re.findall(r"\berror TS\d+:", text))
    assert said == len(found) and (status == 0) == (said == 0), text
    return [(f, int(line), code, text) for f, line, code, text in found]


def twins(path):
    """The text that must compile, and (line, code, text) that must not."""
    lines, bad = path.read_text().splitlines(), []
    good = [l for l in lines if not l.lstrip().startswith("//! ")]
    at = 0
    for line in lines:
        if not line.lstrip().startswith("//! "):
            at += 1
            continue
        code, text = line.lstrip()[4:].split(" ", 1)
        bad.append((at, code, "\n".join(
            [*good[:at - 1], text, *good[at:], ""])))
    return "\n".join(good) + "\n", bad


@case
def golden_folders(s):
    """Each golden contract has its folder, and the same one each time; so has
    the reference contract."""
    # validators.ts has all of the schemas, so that none changes unseen.
    wanted = ("index.ts", "client.ts", "types.ts", "problems.ts", "validators.ts",
              "operations/letters.ts", "queries/letters.ts")
    for contract in [*contracts(), REFERENCE]:
        folder = files(generate(contract, s.work / "golden" / contract.name))
        same(files(generate(contract, s.work / "again")), folder, "again")
        shutil.rmtree(s.work / "again")
        whole = contract != REFERENCE
        text = "".join(
            f"==> {name} <==\n{folder[name]}" for name in folder
            if (whole and not name.startswith("runtime/")) or name in wanted)
        golden = GOLDEN / f"{contract.name if whole else 'reference'}" \
            ".typescript"
        if os.environ.get("UPDATE"):
            golden.write_text(text)
        assert golden.read_text() == text, \
            f"{golden.name} differs; see make golden, and the difference"


@case
def folders_compile(s):
    """The folders of all golden contracts and of the reference contract compile
    under strict flags, and under those of React Native and of old hands."""
    for contract in [*contracts(), REFERENCE]:
        generate(contract, s.work / "all" / contract.name)
    same(compile_(s, s.work, "all/**/*.ts"), [], "found")
    (s.work / "package.json").write_text('{"type": "module"}')
    same(compile_(s, s.work, "all/contract/**/*.ts",
                  exactOptionalPropertyTypes=False, skipLibCheck=True,
                  noUncheckedIndexedAccess=False, module="NodeNext",
                  moduleResolution="NodeNext"), [], "found")


# What the examples of doc/CLIENT.md take of the page around them.
AROUND = """
declare function show(id: string, tag: string | null): void;
declare function mark(field: string, message: string): void;
declare function say(message: string, request: string | null): void;
declare function later(): void;
declare function renew(): Promise<{ accessToken: string }>;
declare function provisional(
  body: import('./api/index.ts').LetterCreate): import('./api/index.ts').Letter;
"""


@case
def examples_compile(s):
    """The examples of doc/CLIENT.md compile as they stand."""
    work = s.work / "examples"
    work.mkdir()
    generate(REFERENCE, work / "api")
    (work / "around.d.ts").write_text(AROUND)
    found = re.findall(r"^```ts\n(.*?)^```$",
                       (SRCDIR / "doc/CLIENT.md").read_text(), re.M | re.S)
    assert len(found) > 3, found
    for number, text in enumerate(found):
        (work / f"example{number}.ts").write_text(text)
    same(compile_(s, work, "*.ts", target="ES2022"), [], "found")


@case
def twins_compile_and_do_not(s):
    """Code that uses the folder as it should compiles, and each of its twins
    has the error that is expected, where it is expected."""
    work = s.work / "twins"
    work.mkdir()
    generate(REFERENCE, work / "api")
    wanted = {}
    for path in sorted(CASES.glob("*.ts")):
        good, bad = twins(path)
        (work / path.stem).mkdir()
        (work / path.stem / path.name).write_text(good)
        shutil.copy(CASES / "page.ts", work / path.stem / "page.ts")
        for number, (line, code, text) in enumerate(bad):
            name = f"{path.stem}/{number:02}.ts"
            (work / name).write_text(text)
            wanted[name] = (code, line, text.splitlines()[line - 1].strip())
    found = {}
    for name, line, code, text in compile_(s, work, "*/*.ts",
                                            skipLibCheck=True):
        found.setdefault(name, []).append((code, line, text))
    wrong = [f"{name}: wanted {code} at {line}, got {found.get(name)}: {text}"
             for name, (code, line, text) in wanted.items()
             if not any(f[0] == code and (f[1] == line or code == "TS2366")
                        for f in found.get(name, []))]
    wrong += [f"{name}: {f}" for name, f in found.items()
              if name not in wanted]
    same(wrong, [], "\n".join(wrong))
    print(f"# {len(wanted)} twins that must not compile")
    assert len(wanted) > 60


# ---- What is left out, and what runs.

def operations_in(text):
    """Names of operations of the reference contract in some code."""
    all_ = {f"{path.stem}.{name}"
            for path in REFERENCE.glob("resources/*.json")
            for name in json.loads(path.read_text())["operations"]}
    return all_ & set(re.findall(r"\b[a-z_]+\.[a-z_]+\b", text))


def bundle(s, text):
    """What a bundler makes of some code beside the reference folder."""
    work = s.work / "bundle"
    if not work.exists():
        work.mkdir()
        npm.tools().link(work)
        generate(REFERENCE, work / "api")
    (work / "main.ts").write_text(text)
    return npm.tools().run("esbuild", work / "main.ts", "--bundle", "--minify",
                           "--format=esm", "--external:@tanstack/*",
                           "--external:zod", cwd=work)


@case
def bundles_hold_what_is_called(s):
    """A bundle holds the operation that is called, and no other, imported by
    itself or through its module; through the index none of another resource."""
    ways = {
        "itself": "import { createClient } from './api/client.ts';"
                  "import { create } from './api/operations/letters.ts';"
                  "create(createClient(), JSON.parse('{}'));",
        "module": "import { createClient } from './api/client.ts';"
                  "import * as letters from './api/operations/letters.ts';"
                  "letters.create(createClient(), JSON.parse('{}'));",
        "index": "import { createClient, letters } from './api/index.ts';"
                 "letters.create(createClient(), JSON.parse('{}'));",
    }
    for way, text in ways.items():
        out = bundle(s, text)
        names = operations_in(out)
        print(f"# {way}: {len(out)} bytes, {len(names)} operations")
        assert "letters.create" in names, out
        assert "zod" not in out and "tanstack" not in out
        if way != "index":
            same(names, {"letters.create"}, way)
        same({name.split(".")[0] for name in names}, {"letters"}, way)
    out = bundle(s, "import { createClient } from './api/index.ts';"
                    "import type { Letter } from './api/index.ts';"
                    "export const f = (l: Letter) => [l, createClient()];")
    same(operations_in(out), set(), "none is called")
    out = bundle(s, "import { createClient } from './api/client.ts';"
                    "import { listOptions } from './api/queries/letters.ts';"
                    "export const o = listOptions(createClient());")
    same(operations_in(out), {"letters.list"},
         "a query")


RUN = """
import { createClient, letters, BASE } from './api/index.ts';

const asked = [];
const client = createClient({
  makeKey: () => 'key-1', token: () => 'secret',
  fetch: async (url, init) => {
    asked.push([init.method, url, new Headers(init.headers).get(
      'idempotency-key'), init.body ?? null]);
    return new Response(JSON.stringify({ ok: true, data: { id: 'x' },
      meta: { request_id: 'r' } }), { status: 201 });
  },
});
const made = await letters.create(client, {
  body: { title: 'Hi', recipient: { name: 'Bob' } } });
const gone = await letters.delete(client, { id: 'a/b' });
console.log(JSON.stringify({ asked, made: made.ok && made.data.id,
  gone: gone.ok, base: BASE }));
"""


@case
def node_runs_it(s):
    """Node runs the folder without a compiler, and the requests are those of
    the contract."""
    work = s.work / "node"
    work.mkdir()
    generate(REFERENCE, work / "api", "--without", "zod,queries")
    (work / "package.json").write_text('{"type": "module"}')
    (work / "main.ts").write_text(
        RUN.replace(", BASE }", " }").replace(
            "\nconst asked", "\nimport { BASE } from './api/client.ts';"
            "\nconst asked: unknown[] = [];//", 1))
    said = json.loads(npm.tools().run("node", "--disable-warning="
                                      "ExperimentalWarning", "main.ts",
                                      cwd=work))
    same(said["asked"], [
        ["POST", "/api/letters", "key-1",
         '{"title":"Hi","recipient":{"name":"Bob"}}'],
        ["DELETE", "/api/letters/a%2Fb", "key-1", None]], "requests")
    same((said["made"], said["gone"], said["base"]), ("x", True, "/api"))
    # Each by itself, whatever was imported before.
    (work / "each.ts").write_text("".join(
        f"await import('./api/{name}?alone');\n"
        for name in files(work / "api")))
    npm.tools().run("node", "--disable-warning=ExperimentalWarning",
                    "each.ts", cwd=work)


# ---- Texts that would rather be code.

BREAK = [
    "*/ globalThis.pwned = 1; /*", "*/\nglobalThis.pwned = 1;\n/*",
    "' + (globalThis.pwned = 1) + '", '" + (globalThis.pwned = 1) + "',
    "`${globalThis.pwned = 1}`", "\\' + (globalThis.pwned = 1) //",
    "\u2028globalThis.pwned = 1;\u2029", "\r globalThis.pwned = 1",
    "@ts-ignore", "@ts-expect-error", "*", "*/", "/*", "//", "\\", "'", '"',
    "</script><script>", "\u202e\u2066reversed", "${x}", "\u0000nul", "",
    "\ud83d\ude00", "__proto__", "constructor", "toString", "a b", "1st",
    "\ufeff", "\x7f"]


def hostile(directory):
    """A contract of texts that try to get out of where they stand."""
    text = " ".join(t for t in BREAK if "\u0000" not in t)
    members = {t: {"type": "string", "maxLength": 9, "description": t,
                   "default": t[:9], "title": t} for t in BREAK
               if "\u0000" not in t}
    row = {
        "title": text, "description": text, "type": "object",
        "properties": {
            "id": {"type": "string", "maxLength": 36, "readOnly": True,
                   "description": "@ts-expect-error"},
            "kind": {"enum": BREAK, "description": text},
            "one": {"const": BREAK[1]},
            "constructor": {"type": ["string", "null"], "maxLength": 9},
            "__proto__": {"type": "integer", "minimum": 0, "maximum": 9},
            "nested": {"type": "object", "properties": members,
                       "required": list(members)[:5],
                       "additionalProperties": False},
            "pair": {"type": "array", "prefixItems": [
                {"const": {"__proto__": 1, "a'b": ["*/"]}},
                {"enum": [1.5, -3, 1e300, True, None, "x"]}],
                "items": False, "minItems": 1, "maxItems": 2},
            "open": {"type": "object", "maxProperties": 9,
                     "patternProperties": {"^'*/": {"type": "number"}},
                     "additionalProperties": False},
        },
        "required": ["kind", "nested"], "additionalProperties": False}
    call = {"method": "POST", "call": "app.f", "roles": ["anon"],
            "summary": text, "body": "schemas/delete.json"}
    words = ["new", "class", "default", "import", "await", "call", "infinite",
             "set_status", "constructor", "then",
             "transport"]
    resource = {
        "resource": "class", "schema": "schemas/row.json", "table": "app.t",
        "operations": {
            "list": {"roles": ["anon"], "summary": text,
                     "filter": ["id", "kind", "constructor", "__proto__"],
                     "sort": ["id", "__proto__"]},
            "read": {"roles": ["anon"]}, "delete": {"roles": ["anon"]},
            "create": {"roles": ["anon"], "batch": 10},
            "update": {"roles": ["anon"], "match": "required"},
            **{w: {**call, "path": f"/class/{w}", "errors": {"LS001": {
                "code": "constructor", "status": 409, "message": text}}}
               for w in words}}}
    client = {
        "resource": "client", "schema": "schemas/client.json",
        "table": "app.c", "operations": {
            "list": {"roles": ["anon"]}, "create": {"roles": ["anon"]},
            "read": {"roles": ["anon"], "related": {"orders": {
                "resource": "order", "references": "client_id"}}},
            "options": {"method": "POST", "path": "/client/{body_id}/options",
                        "call": "app.g", "roles": ["anon"],
                        "returns": "schemas/client.json"}}}
    order = {
        "resource": "order", "schema": "schemas/order.json",
        "table": "app.o", "operations": {
            "list": {"roles": ["anon"], "sort": ["id"]},
            "read": {"roles": ["anon"]}, "create": {"roles": ["anon"]}}}
    plain = {"type": "object", "properties": {
        "id": {"type": "string", "maxLength": 36, "readOnly": True},
        "client_id": {"type": "string", "maxLength": 36}},
        "required": ["client_id"], "additionalProperties": False}
    parts = {
        "api.json": {"title": text, "version": text, "description": text,
                     "base": "/it.s~a-base", "roles": ["anon"],
                     "anonymous": "anon"},
        "schemas/row.json": row,
        "schemas/delete.json": {
            "title": "Delete", "type": "object", "properties": {
                "p": {"$ref": "3d_model.json"}, "q": {"$ref": "record.json"}},
            "additionalProperties": False},
        "schemas/3d_model.json": {"type": "array", "maxItems": 3, "items": {
            "oneOf": [{"type": "object", "properties": {
                "k": {"const": "'"}}, "required": ["k"],
                "additionalProperties": False}, {"type": "null"}]}},
        "schemas/record.json": {"title": "Record", "type": "object",
                                "maxProperties": 9, "additionalProperties": {
                                    "type": "string", "maxLength": 9}},
        "schemas/client.json": {"title": "Client", **plain},
        "schemas/order.json": {"title": "Route", **plain},
        "resources/class.json": resource, "resources/client.json": client,
        "resources/order.json": order}
    for name, part in parts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(part))
    return directory


@case
def hostile_texts_stay_texts(s):
    """Of a contract whose titles, descriptions, values and names are pieces of
    code, every file compiles, none of it runs, and names that clash with those
    of the language or the client are told apart."""
    work = s.work / "hostile"
    generate(hostile(work / "contract"), work / "api")
    same(compile_(s, work, "api/**/*.ts", skipLibCheck=True), [], "found")
    (work / "package.json").write_text('{"type": "module"}')
    modules = sorted(f for f in files(work / "api"))
    (work / "main.ts").write_text("".join(
        f"await import('./api/{m}');\n" for m in modules) +
        "import { class_, createClient } from './api/index.ts';\n"
        "const c = createClient();\n"
        "if (typeof class_.new !== 'function' || typeof class_.default !== "
        "'function' || c.base !== '/it.s~a-base') throw new Error('lost');\n"
        "if ('pwned' in globalThis) throw new Error('pwned');\n"
        "if (Object.getPrototypeOf({}) !== Object.prototype) throw 1;\n")
    npm.tools().run("node", "--disable-warning=ExperimentalWarning",
                    "main.ts", cwd=work)
    for name, text in files(work / "api").items():
        if name.startswith("runtime/"):
            continue
        assert not re.search("[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]",
                             text), name
        assert text.count("\n") > 1 and text.splitlines()[0].startswith(
            "// Made by lockstep gen typescript from "), name


# ---- The folder.

@case
def check_tells_what_differs(s):
    """--check tells of each file that is stale, missing or no longer made, and
    how to mend it, exits with 1 and writes nothing; a change of the contract is
    such a difference."""
    contract, folder = s.work / "changing", s.work / "checked"
    shutil.copytree(REFERENCE, contract)
    words = ("--contract", contract, "--out", folder)
    same(lockstep(*words, "--check").returncode, 1, "nothing is there")
    assert not folder.exists(), "written"
    generate(contract, folder)
    done = lockstep(*words, "--check")
    same((done.returncode, done.stdout), (0, ""), "as it is")
    schema = contract / "schemas/letter.json"
    schema.write_text(schema.read_text().replace('"neutral",',
                                                 '"neutral", "plain",'))
    (folder / "queries/users.ts").unlink()
    (folder / "operations/old.ts").write_text(
        '// Made by lockstep gen typescript from "Old" 1: do not\n')
    before = files(folder)
    done = lockstep(*words, "--check")
    same(done.returncode, 1, done.stdout)
    lines = done.stdout.splitlines()
    for line in (f"{folder}/types.ts: stale", f"{folder}/queries/users.ts: "
                 "missing", f"{folder}/operations/old.ts: no longer made"):
        assert line in lines, (line, lines)
    same(lines[-1], f"mend: lockstep gen typescript --contract {contract} "
                    f"--out {folder}", "mend")
    same(files(folder), before, "written")
    generate(contract, folder)
    same(lockstep(*words, "--check").returncode, 0, "mended")


@case
def foreign_files_stay(s):
    """Files of others in the folder stay as they are, what is the same is not
    written again, and --without leaves parts out and removes them."""
    folder = generate(REFERENCE, s.work / "shared" / "deep" / "api")
    mine = {"mine.ts": "export {};\n", "queries/mine.ts": "// Made by me\n",
            "notes.txt": "// Made by lockstep gen typescript from x\n",
            "operations/.keep": ""}
    for name, text in mine.items():
        (folder / name).write_text(text)
    link = folder / "operations/link.ts"
    link.symlink_to(folder / "types.ts")
    times = {f: f.stat().st_mtime_ns for f in folder.rglob("*.ts")}
    generate(REFERENCE, folder)
    same({f: f.stat().st_mtime_ns for f in folder.rglob("*.ts")}, times,
         "written again")
    generate(REFERENCE, folder, "--without", "zod,queries")
    left = files(folder)
    for name in ("zod.ts", "queries/letters.ts", "runtime/query.ts"):
        assert name not in left, name
    for name, text in mine.items():
        same(left[name], text, name)
    assert link.is_symlink()
    for name, text in left.items():
        assert not re.search(r"from '(zod|@tanstack)", text), name


@case
def commands_explain_themselves(s):
    """Without --out, with parts that are none, or where nothing can be written,
    it is trouble with a sentence; --help tells of the flags."""
    for words, said in (
            ([], "needs --out, the folder"),
            (["--out", s.work / "x", "--without", "zod,zebra"], "--without"),
            (["--out", "/proc/nowhere"], "cannot write /proc/nowhere")):
        done = lockstep("--contract", REFERENCE, *words)
        same((done.returncode, said in done.stderr), (2, True), done.stderr)
    shown = lockstep("--help").stdout
    for flag in ("--out PLACE", "--without PARTS", "--check", "--server URL"):
        assert flag in shown, flag


@case
def documents_are_checked_too(s):
    """gen openapi --out --check compares, and writes nothing."""
    file = s.work / "api.json"
    command = [LOCKSTEP, "gen", "openapi", "--contract", REFERENCE, "--out",
               file]

    def run(*words):
        done = subprocess.run([*command, *words], capture_output=True,
                              text=True, env=ENVIRONMENT, check=False)
        return done.returncode, done.stdout.splitlines()[:1]

    same(run("--check"), (1, [f"{file}: missing"]))
    same(run(), (0, []))
    same(run("--check"), (0, []))
    file.write_text("{}\n")
    same(run("--check"), (1, [f"{file}: stale"]))
    same(file.read_text(), "{}\n")


class Suite:
    def __init__(self, work):
        self.work = work


def main():
    with tempfile.TemporaryDirectory() as work:
        return tap.run(Suite(pathlib.Path(work)))


if __name__ == "__main__":
    sys.exit(main())
