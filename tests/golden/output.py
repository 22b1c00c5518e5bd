# SPDX-License-Identifier: MIT
"""What `lockstep validate --output basic` tells, as TAP: the official suite of
annotations, that of outputs, and, for each file of the official suite of
verdicts, that the output says the same and is well formed."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

SRCDIR = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
LOCKSTEP = pathlib.Path(os.environ.get("BUILDDIR", ".")).resolve() / "lockstep"
SUITE = pathlib.Path(os.environ.get("LOCKSTEP_SUITES",
                                    SRCDIR.parent / "shared/suites"))
SUITE = SUITE.resolve() / "json-schema-test-suite"
VERDICTS = SUITE / "tests/draft2020-12"
OUTPUTS = SUITE / "output-tests/draft2020-12"
OUTPUT_SCHEMA = "https://json-schema.org/draft/2020-12/output/schema"

# Assertions that cannot apply, by file and compatibility: how many, and why.
NOT_APPLYING = {
    ("core.json", "9999"): (
        3, "of a draft to come: a $dynamicRef that names an anchor without #"),
}


def is_ours(compatibility):
    """Does a test of that compatibility apply to 2020-12?"""
    for one in filter(None, compatibility.split(",")):
        if one.startswith("<="):
            fits = int(one[2:]) >= 2020
        elif one.startswith("="):
            fits = int(one[1:]) == 2020
        else:
            fits = int(one) <= 2020
        if not fits:
            return False
    return True


def run(schema, instances, *extra):
    """The output for each instance, an object each; None after a fault."""
    pathlib.Path("schema.json").write_text(json.dumps(schema))
    pathlib.Path("lines").write_text(
        "".join(json.dumps(i) + "\n" for i in instances))
    done = subprocess.run(
        [LOCKSTEP, "validate", "--lines", "--output", "basic", *extra,
         "schema.json", "lines"], capture_output=True, text=True, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if len(found) != len(instances):
        print("#", done.stderr.strip().replace("\n", " "))
        return None
    return found


def unescape(token):
    return token.replace("~1", "/").replace("~0", "~")


def escape(token):
    return token.replace("~", "~0").replace("/", "~1")


def resources(value, base, pointer):
    """The pointer of each resource in a schema, by its URI."""
    found = {}
    if isinstance(value, dict):
        if isinstance(value.get("$id"), str):
            base = urllib.parse.urljoin(base, value["$id"])
            found[base] = pointer
        for name, member in value.items():
            found |= resources(member, base, f"{pointer}/{escape(name)}")
    return found


def annotations(schema, output, location, keyword):
    """{schema location: annotation} of a keyword at an instance location."""
    known = resources(schema, "", "")
    found = {}
    for unit in output.get("annotations", []):
        way, _, last = unit["keywordLocation"].rpartition("/")
        if unit["instanceLocation"] != location or unescape(last) != keyword:
            continue
        uri, fragment = unit.get(
            "absoluteKeywordLocation",
            "#" + urllib.parse.quote(way + "/" + last, "/$~")).split("#")
        place = fragment.rpartition("/")[0]
        found["#" + known.get(uri, "") + place] = unit["annotation"]
    return found


def annotation_case(case):
    """The assertions of a case that fail, a line each; how many there are."""
    wrong, count = [], 0
    if "externalSchemas" in case:
        return [f"{case['description']}: has externalSchemas"], 1
    outputs = run(case["schema"], [t["instance"] for t in case["tests"]])
    for number, test in enumerate(case["tests"]):
        for a in test["assertions"]:
            count += 1
            got = outputs and annotations(case["schema"], outputs[number],
                                          a["location"], a["keyword"])
            if got != a["expected"]:
                wrong.append(f"{case['description']}: {a} but {got}")
    return wrong, count


def annotation_file(path):
    """Fails, how many assertions apply, and how many do not."""
    wrong, held, skipped = [], 0, {}
    for case in json.loads(path.read_text())["suite"]:
        compatibility = case.get("compatibility", "")
        if is_ours(compatibility):
            lines, count = annotation_case(case)
            wrong += lines
            held += count
            continue
        count = sum(len(t["assertions"]) for t in case["tests"])
        key = (path.name, compatibility)
        skipped[key] = skipped.get(key, 0) + count
    for key, count in skipped.items():
        expected, why = NOT_APPLYING.get(key, (0, "unknown"))
        print(f"# {key[0]}: {count} of compatibility {key[1]}: {why}")
        if expected != count:
            wrong.append(f"{count} do not apply, expected {expected}")
    return wrong, held, sum(skipped.values())


def conforms(schema, outputs):
    """Is each output as the schema says, which may refer to the standard's?"""
    pathlib.Path("wanted.json").write_text(json.dumps(schema))
    pathlib.Path("outputs").write_text(
        "".join(json.dumps(o) + "\n" for o in outputs))
    done = subprocess.run(
        [LOCKSTEP, "validate", "--format-assertion", "--resources", OUTPUTS,
         "--lines", "wanted.json", "outputs"],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print("#", (done.stdout + done.stderr).replace("\n", "\n# "))
    return done.returncode == 0


def output_file(path):
    """How many tests hold, and how many there are."""
    held = count = 0
    for group in json.loads(path.read_text()):
        for test in group["tests"]:
            for wanted in test["output"].values():
                outputs = run(group["schema"], [test["data"]])
                count += 1
                held += bool(outputs) and conforms(wanted, outputs)
    return held, count


def verdict_file(path):
    """The tests whose output has not the right verdict or form."""
    extra = ["--resources", SUITE / "remotes", "--base",
             "http://localhost:1234/"]
    if path.parent.name == "format":
        extra.append("--format-assertion")
    wrong, all_outputs = [], []
    for group in json.loads(path.read_text()):
        outputs = run(group["schema"], [t["data"] for t in group["tests"]],
                      *extra)
        if outputs is None:
            wrong.append(group["description"])
            continue
        all_outputs += outputs
        for output, test in zip(outputs, group["tests"]):
            # The walk has come to the judge's verdict, not given up.
            gave_up = "truncated" in output or any(
                "too long" in e["error"] for e in output.get("errors", []))
            if output["valid"] != test["valid"] or gave_up or \
                    bool(output.get("errors")) == test["valid"]:
                wrong.append(f"{group['description']}: {test['description']}")
    if not conforms({"$ref": OUTPUT_SCHEMA + "#/$defs/basic"}, all_outputs):
        wrong.append("the form of an output")
    return wrong, len(all_outputs)


def tap(number, passed, sentence):
    print("ok" if passed else "not ok", number, "-", sentence, flush=True)
    return not passed


def main():
    annotated = sorted((SUITE / "annotations/tests").glob("*.json"))
    outputs = sorted((OUTPUTS / "content").glob("*.json"))
    verdicts = sorted(VERDICTS.rglob("*.json"))
    if not annotated or not outputs or not verdicts:
        print("1..0 # SKIP no suite at", SUITE)
        return 0
    print(f"1..{len(annotated) + len(outputs) + len(verdicts) + 2}")
    failed = number = total = left_out = told = 0
    for path in annotated:
        wrong, count, skipped = annotation_file(path)
        for line in wrong:
            print("#", line.replace("\n", " "))
        total += count
        left_out += skipped
        number += 1
        failed |= tap(number, not wrong and count > 0,
                      f"annotations/{path.name}: each of {count} as expected")
    number += 1
    failed |= tap(number, total + left_out == 87,
                  f"annotations: {total} + {left_out} that do not apply = 87")
    for path in outputs:
        held, count = output_file(path)
        told += held
        number += 1
        failed |= tap(number, held == count > 0,
                      f"output-tests/{path.name}: {held} of {count}")
    number += 1
    failed |= tap(number, told == 4, f"output-tests: {told} of 4")
    for path in verdicts:
        wrong, count = verdict_file(path)
        for line in wrong:
            print("#", line.replace("\n", " "))
        number += 1
        failed |= tap(number, not wrong, f"{path.relative_to(VERDICTS)}: "
                      f"the output of each of {count} has its verdict")
    return int(failed)


with tempfile.TemporaryDirectory() as directory:
    os.chdir(directory)
    status = main()
    os.chdir("/")
sys.exit(status)
