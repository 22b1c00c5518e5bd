# SPDX-License-Identifier: MIT
"""The official JSON Schema test suite through `lockstep validate`, as TAP: a
line for each file, each of its groups a schema, each test a line of input."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

SRCDIR = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
LOCKSTEP = pathlib.Path(os.environ.get("BUILDDIR", ".")).resolve() / "lockstep"
SUITE = pathlib.Path(os.environ.get("LOCKSTEP_SUITES",
                                    SRCDIR.parent / "shared/suites"))
SUITE = SUITE.resolve() / "json-schema-test-suite"
TESTS = SUITE / "tests/draft2020-12"


def judge(group, extra):
    """A line of text for each verdict that is wrong."""
    pathlib.Path("schema.json").write_text(json.dumps(group["schema"]))
    pathlib.Path("lines").write_text(
        "".join(json.dumps(t["data"]) + "\n" for t in group["tests"]))
    done = subprocess.run(
        [LOCKSTEP, "validate", "--resources", SUITE / "remotes", "--base",
         "http://localhost:1234/", "--lines", "--output", "flag", *extra,
         "schema.json", "lines"], capture_output=True, text=True, check=False)
    verdicts = [json.loads(line)["valid"] for line in done.stdout.splitlines()]
    if len(verdicts) != len(group["tests"]):
        return [f"{group['description']}: {done.stderr.strip()}"]
    return [f"{group['description']}: {test['description']}"
            for test, verdict in zip(group["tests"], verdicts)
            if verdict != test["valid"]]


def main():
    files = [(path, ["--format-assertion"]
              if path.parent.name == "format" else [])
             for path in sorted(TESTS.rglob("*.json"))]
    if not files:
        print("1..0 # SKIP no suite at", SUITE)
        return 0
    failed = 0
    print(f"1..{len(files)}")
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for number, (path, extra) in enumerate(files, 1):
            groups = json.loads(path.read_text())
            wrong = [w for g in groups for w in judge(g, extra)]
            count = sum(len(g["tests"]) for g in groups)
            for line in wrong:
                print("#", line.replace("\n", " "))
            failed |= bool(wrong)
            print("not ok" if wrong else "ok", number, "-",
                  f"{path.relative_to(TESTS)}: each of {count} as expected")
        os.chdir("/")
    return int(failed)


sys.exit(main())
