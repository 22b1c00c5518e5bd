# SPDX-License-Identifier: MIT
"""The drift gate, as TAP: thousands of documents, made of the schemas of the
reference contract and of one that tortures (drift/torture), must be judged
alike by the server (`lockstep validate`, by component and as the body of each
operation), the emitted validators, the emitted zod schemas and ajv.
drift/compare.ts says what "alike" is.  A drift that is planted in any of them
must be found.

SEED makes other documents; COUNT more of them."""

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
HERE = SRCDIR / "tests/golden/drift"
SUITES = pathlib.Path(os.environ.get("LOCKSTEP_SUITES",
                                     SRCDIR / "../shared/suites"))
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "LOCKSTEP_CONFIG"}
SEED = os.environ.get("SEED", "1")
COUNT = os.environ.get("COUNT")

# A contract, and how many documents each of its components gets.
CONTRACTS = {"reference": (SRCDIR / "contract", "220"),
             "torture": (HERE / "torture", "800")}
OPTIONS = {
    "strict": True, "noEmit": True, "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True, "isolatedModules": True,
    "erasableSyntaxOnly": True, "noImplicitOverride": True,
    "verbatimModuleSyntax": True, "allowImportingTsExtensions": True,
    "noUnusedLocals": True, "noUnusedParameters": True,
    "noImplicitReturns": True, "noFallthroughCasesInSwitch": True,
    "noPropertyAccessFromIndexSignature": True, "skipLibCheck": True,
    "target": "ES2022", "module": "ESNext", "moduleResolution": "bundler",
    "lib": ["ES2022", "DOM"], "types": []}


def lockstep(*words, status=(0,)):
    """What it prints."""
    done = subprocess.run([LOCKSTEP, *map(str, words)], capture_output=True,
                          text=True, env=ENVIRONMENT, cwd=BUILDDIR,
                          check=False)
    if done.returncode not in status or done.stderr:
        raise AssertionError(f"{words}: {done.returncode} {done.stderr}")
    return done.stdout


def node(work, script, *words):
    """What a script prints, without its warning of stripped types."""
    return npm.tools().run("node", "--no-warnings", work / "drift" / script,
                           *words, cwd=work)


def rows(text):
    """JSON lines, the figures last."""
    all_rows = [json.loads(line) for line in text.strip().split("\n")]
    return all_rows[:-1], all_rows[-1]


def judged(work, name, lines, *words):
    """The server's verdicts of a file of documents, in a file."""
    out = work / f"{name}.server"
    out.write_text(lockstep("validate", "--lines", "--output", "wire", *words,
                            lines, status=(0, 1)))
    return out


class Gate:
    """One contract: what is made of it, documents, and the server's word."""

    def __init__(self, work, contract, count):
        self.work, self.contract = work, contract
        self.out, self.documents = work / "out", work / "documents"
        # TypeScript is stripped nowhere below node_modules.
        shutil.copytree(HERE, work / "drift",
                        ignore=shutil.ignore_patterns("torture"))
        (work / "package.json").write_text('{"type": "module"}')
        npm.tools().link(work)
        lockstep("gen", "typescript", "--contract", contract, "--out",
                 self.out)
        openapi = work / "openapi.json"
        lockstep("gen", "openapi", "--contract", contract, "--out", openapi)
        self.api = json.loads(openapi.read_text())
        self.counts = json.loads(node(work, "make.ts", self.out, openapi,
                                      self.documents, SEED, COUNT or count))
        operations = {component: operation for operation, component in
                      self.bodies()}
        self.jobs = [(c, str(self.judge(c, operation=operations.get(c))))
                     for c in self.counts]

    def judge(self, component, contract=None, operation=None):
        lines = self.documents / f"{component}.jsonl"
        if operation:
            return judged(self.work, operation, lines, "--contract",
                          contract or self.contract, "--operation", operation)
        return judged(self.work, component, lines, "--format-assertion",
                      self.documents / f"{component}.json")

    def bodies(self):
        """Each operation that takes a component as its body."""
        for path in self.api["paths"].values():
            for op in path.values():
                if not isinstance(op, dict) or "requestBody" not in op:
                    continue
                text = json.dumps(op["requestBody"])
                yield op["operationId"], re.search(r"schemas/(\w+)", text)[1]

    def differences(self, jobs=None, out=None, documents=None):
        return rows(node(self.work, "compare.ts", out or self.out,
                         documents or self.documents,
                         json.dumps(jobs or self.jobs)))

    def planted(self, file, old, new):
        """A copy of what was made in which a text is another."""
        copy = self.work / "planted"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.out, copy)
        text = (copy / file).read_text()
        assert old in text, f"{old} is not in {file}"
        (copy / file).write_text(text.replace(old, new))
        return copy


gates = {}


def gate(name):
    if name not in gates:
        work = pathlib.Path(tempfile.mkdtemp(dir=scratch, prefix=name))
        contract, count = CONTRACTS[name]
        gates[name] = Gate(work, contract, count)
    return gates[name]


def must_agree(name, least):
    found, figures = gate(name).differences()
    print(f"# seed {SEED}: {json.dumps(figures)}")
    for row in found[:5]:
        print("# " + json.dumps(row)[:1500])
    same(figures["differences"], 0, name)
    assert figures["documents"] >= least, figures
    valid = figures["valid"] / figures["documents"]
    assert 0.1 < valid < 0.9, f"{valid} of the documents are valid"
    return set(figures["keywords"])


@case
def four_judges_agree_on_the_reference_contract():
    """Four judges agree on 10,000 documents of the reference contract."""
    must_agree("reference", 1000 if COUNT else 10000)


@case
def four_judges_agree_on_every_keyword():
    """Four judges agree where every keyword is used, and broken."""
    keywords = must_agree("torture", 1000)
    same({"type", "enum", "const", "minLength", "maxLength", "pattern",
          "format", "minimum", "maximum", "exclusiveMinimum",
          "exclusiveMaximum", "multipleOf", "minItems", "maxItems",
          "uniqueItems", "contains", "minContains", "maxContains", "required",
          "additionalProperties", "unevaluatedProperties", "propertyNames",
          "minProperties", "maxProperties", "dependentRequired", "anyOf",
          "oneOf", "not", "false", "syntax"} - keywords, set())


@case
def operations_judge_as_their_components():
    """An operation judges its body as the component that is published for it,
    but for NUL, which a schema may well take."""
    operations = 0
    for name in CONTRACTS:
        this = gate(name)
        for operation, component in this.bodies():
            operations += 1
            texts = (this.documents / f"{component}.jsonl").read_text()
            mine = this.judge(component, operation=operation).read_text()
            theirs = this.judge(component).read_text()
            # U+2028 ends no line here.
            for text, a, b in zip(texts.split("\n"), mine.split("\n"),
                                  theirs.split("\n"), strict=True):
                if a != b:
                    assert "\\u0000" in text and '"syntax"' in a, (a, b)
    assert operations > 30, operations


@case
def a_planted_drift_is_found():
    """A drift that is planted in any judge is found: a limit, a code, a place,
    the order of issues."""
    this = gate("reference")
    job = [("LetterCreate", dict(this.jobs)["LetterCreate"])]
    same(this.differences(job)[1]["differences"], 0)
    plants = [
        ("validators.ts", "maxLength: 200 }", "maxLength: 199 }"),
        ("validators.ts", "required: ['title', 'recipient'],", ""),
        ("runtime/rules.ts", "['too_big', 'maxLength',",
         "['too_small', 'maxLength',"),
        ("runtime/judge.ts", "!broken(run, placeBelow(at, name), 'required'",
         "!broken(run, at, 'required'"),
        ("runtime/judge.ts", "broken(run, at, 'pattern',",
         "broken(run, null, 'pattern',"),
        ("runtime/value.ts", "return text.length - pairs;",
         "return text.length;"),
        ("zod.ts", "title: z.string().min(1).check(more({ maxLength: 200 }))",
         "title: z.string().check(more({ maxLength: 200 }))"),
        ("zod.ts", "= /*#__PURE__*/ (() => body(", "= (() => open("),
        ("runtime/zod.ts", "if (!hasNul(input))",
         "if (hasNul(input))"),
        ("runtime/zod.ts", "z.pipe(z.string(), z.enum(values as",
         "z.pipe(z.unknown(), z.enum(values as"),
    ]
    for file, old, new in plants:
        found, _ = this.differences(job, out=this.planted(file, old, new))
        wanted = "zod" if "zod" in file else "validator"
        assert wanted in {row["judge"] for row in found}, (file, old)
    found, _ = planted_in_ajv(this, job)
    assert {row["judge"] for row in found} == {"ajv"}, found[:2]
    found, _ = planted_in_server(this)
    assert {"validator", "zod", "ajv"} == {row["judge"] for row in found}


def planted_in_ajv(this, job):
    documents = this.work / "documents.planted"
    documents.mkdir()
    for name in ("LetterCreate.json", "LetterCreate.jsonl"):
        text = (this.documents / name).read_text()
        (documents / name).write_text(text.replace(
            '"maxLength":200,', '"maxLength":199,').replace(
            '"maxLength":200}', '"maxLength":199}'))
    return this.differences(job, documents=documents)


def planted_in_server(this):
    contract = this.work / "contract.planted"
    shutil.copytree(this.contract, contract)
    letter = contract / "schemas/letter.json"
    letter.write_text(letter.read_text().replace('"maxLength": 200 }',
                                                 '"maxLength": 199 }'))
    server = this.judge("LetterCreate", contract, "letters.create")
    return this.differences([("LetterCreate", str(server))])


def compiled(work, *include):
    config = work / "tsconfig.json"
    config.write_text(json.dumps({
        "compilerOptions": OPTIONS, "include": [str(f) for f in include]}))
    return npm.tools().tsc(work, "-p", config)[1]


@case
def zod_infers_the_types():
    """z.infer of each zod schema is the type of types.ts, no more and no less;
    the runtime compiles under strict flags."""
    for name in CONTRACTS:
        this = gate(name)
        text = (this.out / "validators.ts").read_text()
        pairs = re.findall(r"^export const (\w+): Validator<(\w+)>", text,
                           re.MULTILINE)
        lines = [
            "import * as z from 'zod';",
            "import type * as schemas from './zod.ts';",
            "import type * as types from './types.ts';",
            "type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends"
            " (<T>() => T extends B ? 1 : 2) ? true : false;",
            "type Expect<T extends true> = T;"]
        lines += [f"export type {t}Same = Expect<Equal<z.infer<"
                  f"typeof schemas.{v}>, types.{t}>>;" for v, t in pairs]
        equal = this.out / "equal.ts"
        equal.write_text("\n".join(lines))
        assert len(pairs) >= 10, pairs
        same(compiled(this.work, equal), "", name)
        types = this.out / "types.ts"
        before = types.read_text()
        types.write_text(before.replace("title: string;", "title?: string;"))
        said = compiled(this.work, equal)
        types.write_text(before)
        assert "error TS2344" in said, said
        equal.unlink()


@case
def plain_objects_can_be_taken_apart():
    """Schemas of plain objects are zod's own: .shape, .pick() and .extend()
    do, and a list of strings has its options."""
    this = gate("reference")
    (this.work / "use.ts").write_text("""\
import * as z from 'zod';
import { letterCreate, payoutMethod } from './out/zod.ts';

const form = letterCreate.pick({ title: true, recipient: true });
const more = form.extend({ again: z.literal(true) });
const input: z.input<typeof more> = { title: 'a', recipient: { name: 'b' }, again: true };
const tone: readonly ('neutral' | 'formal' | 'friendly' | 'apologetic' | 'persuasive')[] =
  letterCreate.shape.tone.unwrap().out.options;
// @ts-expect-error: no such member
letterCreate.shape.tune;
const method: z.output<typeof payoutMethod> = payoutMethod.parse({ type: 'paypal', email: 'a@b.example' });

console.log(JSON.stringify([more.safeParse(input).success, form.safeParse(input).success, tone.length, method.type,
  letterCreate.safeParse({ title: 'a', recipient: { name: 'b' }, body: undefined }).success,
  letterCreate.shape.recipient.safeParse({ name: '' }).error?.issues[0]?.path]));
""")
    same(compiled(this.work, this.work / "use.ts"), "")
    said = npm.tools().run("node", "--no-warnings", this.work / "use.ts")
    same(json.loads(said), [True, False, 5, "paypal", True, ["name"]])


@case
def a_bundle_holds_what_is_imported():
    """A bundle that imports one schema holds no other, neither of the
    validators nor of zod's, and no tables of formats that it does not use."""
    this = gate("reference")
    for file, words in (("validators.ts", ["bank_transfer", "xn--", "IPv6"]),
                        ("zod.ts", ["bank_transfer", "draft"])):
        (this.work / "one.ts").write_text(
            f"import {{ accountPlan }} from './out/{file}';\n"
            "console.log(accountPlan);\n")
        text = npm.tools().run(
            "esbuild", "one.ts", "--bundle", "--format=esm", "--minify",
            "--external:zod", cwd=this.work)
        print(f"# {file}: {len(text)} bytes")
        assert "business" in text, text
        for word in words:
            assert word not in text, word


@case
def formats_are_the_servers():
    """Each format of runtime/formats.ts has the server's verdict of texts that
    are nearly of it."""
    this = gate("torture")
    texts = this.work / "formats.jsonl"
    texts.write_text(node(this.work, "formats.ts", "make", SEED,
                          COUNT or "700"))
    server = judged(this.work, "formats", texts, "--format-assertion",
                    this.documents / "Formats.json")
    found, figures = rows(node(this.work, "formats.ts", "compare", this.out,
                               texts, server))
    print(f"# {figures}")
    same(found, [])
    assert figures["valid"] > 500, figures


@case
def the_official_suite_holds():
    """The official suite of JSON Schema has its verdicts by the emitted judge,
    where a contract can hold its schemas, formats included."""
    suite = SUITES / "json-schema-test-suite"
    if not suite.is_dir():
        raise tap.Skip("no LOCKSTEP_SUITES")
    this = gate("torture")
    found, figures = rows(node(this.work, "suite.ts", this.out, suite))
    print(f"# {figures}")
    same(found, [])
    assert figures["cases"] > 1800, figures


@case
def no_value_hangs_the_judge():
    """No value hangs, overflows or changes the judge; what JSON cannot say is
    refused."""
    this = gate("torture")
    found = {row["name"]: row for row in map(json.loads, node(
        this.work, "hostile.ts", this.out).strip().split("\n"))}
    slow = [row for row in found.values() if row["seconds"] > 2]
    same(slow, [])
    for name in ("round", "deep", "roundItems", "longText"):
        same(found[name]["issues"], [[[], "custom", "complexity"]], name)
    same(found["roundEnum"]["valid"], False)
    same(found["manyItems"]["valid"], True)
    same((found["manyIssues"]["count"], found["manyIssues"]["truncated"]),
         (20, True))
    same(found["noJson"]["told"], [False] * 7)
    same(found["prototype"]["issues"],
         [[["toString"], "invalid_type", "required"],
          [["__proto__"], "invalid_type", "required"]])
    same(found["absent"]["issues"], [[["a"], "invalid_type", "required"]])
    same(found["polluted"]["told"], [False, None])
    same(found["zodRound"]["told"][0]["path"],
         ["children", 0, "children", 0, "name"])


@case
def host_names_have_the_servers_unicode():
    """The table of runtime/idna_table.ts is made of the server's."""
    script = SRCDIR / "src/tool/idna_table.py"
    made = subprocess.run(
        [sys.executable, script, SRCDIR / "src/contract/idna_table.def"],
        capture_output=True, text=True, check=True).stdout
    same(made, (SRCDIR / "src/tool/runtime/idna_table.ts").read_text())


with tempfile.TemporaryDirectory() as scratch:
    code = tap.run()
sys.exit(code)
