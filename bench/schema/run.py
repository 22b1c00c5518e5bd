# SPDX-License-Identifier: MIT
"""Reading and validating, in nanoseconds a document, beside json_tokener and
ajv: the documents of this directory and the examples of the contract's schemas,
by both sides in turn, several rounds in one run, medians.

Figures of one machine mean little elsewhere; the ratios mean something."""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
AJV = ["ajv@8.20.0", "ajv-formats@3.0.1"]


def install(work):
    """ajv, from npm, once for a build directory."""
    work.mkdir(exist_ok=True)
    modules = work / "node_modules"
    if not (modules / "ajv-formats").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-audit",
                        "--no-fund", "--prefix", str(work), *AJV],
                       check=True, stdout=sys.stderr)
    return work


def cases(work, only):
    """name, schema, document."""
    rows = [(p.name[:-len(".schema.json")], p,
             p.with_name(p.name.replace(".schema", "")))
            for p in sorted((HERE / "documents").glob("*.schema.json"))]
    examples = work / "examples"
    examples.mkdir(parents=True, exist_ok=True)
    for path in sorted((TOP / "contract/schemas").glob("*.json")):
        for n, value in enumerate(json.loads(path.read_text())
                                  .get("examples", [])):
            document = examples / f"{path.stem}.{n}.json"
            document.write_text(json.dumps(value, separators=(",", ":"),
                                           ensure_ascii=False))
            rows.append((f"contract/{path.stem}.{n}", path, document))
    rows = [r for r in rows if not only or any(o in r[0] for o in only)]
    file = work / "cases"
    file.write_text("".join("\t".join(map(str, r)) + "\n" for r in rows))
    return file


def round_of(command):
    done = subprocess.run(command, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return {line.split("\t")[0]: list(map(float, line.split("\t")[1:]))
            for line in done.stdout.splitlines()}


def medians(rounds):
    return {name: [statistics.median(r[name][i] for r in rounds)
                   for i in range(len(rounds[0][name]))]
            for name in rounds[0]}


def geomean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def table(ours, theirs):
    print(f"{'document':<36}{'bytes':>7}{'read':>9}{'tokener':>9}"
          f"{'strict':>9}{'JS.parse':>9} |{'judge':>9}{'ajv':>9}{'x':>6} |"
          f"{'+formats':>9}{'ajv':>9}{'x':>6}")
    for name, (size, read, loose, strict, plain, formats) in ours.items():
        a = theirs[name]
        print(f"{name:<36}{size:>7.0f}{read:>9.0f}{loose:>9.0f}"
              f"{strict:>9.0f}{a[2]:>9.0f} |{plain:>9.0f}{a[0]:>9.0f}"
              f"{a[0] / plain:>6.2f} |{formats:>9.0f}{a[1]:>9.0f}"
              f"{a[1] / formats:>6.2f}")


def bars(ours, theirs):
    """What the project promises.  Both false when it does not hold."""
    reading = geomean(min(o[2], o[3]) / o[1] for o in ours.values())
    plain = geomean(theirs[n][0] / o[4] for n, o in ours.items())
    formats = geomean(theirs[n][1] / o[5] for n, o in ours.items())
    slower = [n for n, o in ours.items() if theirs[n][1] < o[5]]
    rows = [
        (reading >= 1.5, f"reading: {reading:.2f} times json_tokener's speed,"
         " geometric mean (1.5 wanted)"),
        (plain >= 1, f"validation without formats: {plain:.2f} times ajv's"
         " speed, geometric mean (1 wanted)"),
        (not slower, f"validation with formats: {formats:.2f} times ajv's"
         " speed, geometric mean; faster on each wanted; slower on: "
         + (", ".join(slower) or "none")),
    ]
    print()
    for held, sentence in rows:
        print("held      " if held else "NOT HELD  ", sentence)
    return all(held for held, _ in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append",
                        help="a part of a document's name; may be repeated")
    parser.add_argument("--check", action="store_true",
                        help="exit 1 when a promise does not hold")
    options = parser.parse_args()
    build = pathlib.Path(os.environ.get("BUILDDIR", ".")).resolve()
    work = install(build / "bench-ajv")
    file = cases(work, options.only)
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(round_of([str(build / "bench/schema/bench"), str(file)]))
        theirs.append(round_of(["node", str(HERE / "ajv.js"), str(work),
                                str(file)]))
    ours, theirs = medians(ours), medians(theirs)
    table(ours, theirs)
    held = bars(ours, theirs)
    raise SystemExit(1 if options.check and not held else 0)


main()
