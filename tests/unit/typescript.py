# SPDX-License-Identifier: MIT
"""The hand-written part of `lockstep gen typescript` (src/tool/runtime), as
TAP: it is compiled as front ends compile it, and its cases run in Node."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

SRCDIR = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
sys.path.insert(0, str(SRCDIR / "tests/flow"))

import npm  # noqa: E402
import tap  # noqa: E402

RUNTIME = SRCDIR / "src/tool/runtime"
CASES = SRCDIR / "tests/unit/typescript"
STRICT = {
    "strict": True, "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True, "noImplicitOverride": True,
    "noImplicitReturns": True, "noUnusedLocals": True,
    "noUnusedParameters": True, "isolatedModules": True,
    "verbatimModuleSyntax": True, "erasableSyntaxOnly": True,
    "allowImportingTsExtensions": True, "noEmit": True, "target": "ES2022",
    "module": "ESNext", "moduleResolution": "bundler", "skipLibCheck": True,
}
CLIENT = ["client", "list", "reply", "request", "retry", "token"]


def compile_in(tools, work, name, files, **more):
    (work / name).write_text(json.dumps(
        {"compilerOptions": {**STRICT, **more}, "files": files}))
    tools.run("tsc", "-p", name, cwd=work)


def lay_out(tools, work):
    """Sources and cases side by side, where they find the packages."""
    tools.link(work)
    (work / "package.json").write_text('{"type": "module"}')
    (work / "runtime").mkdir()
    for path in RUNTIME.glob("*.ts"):
        (work / "runtime" / path.name).write_text(path.read_text())
    for path in CASES.glob("*.ts"):
        (work / path.name).write_text(path.read_text())


def compiles(tools, work):
    """In a browser's surroundings, in Node's alone, and with the cases."""
    client = [f"runtime/{name}.ts" for name in CLIENT]
    compile_in(tools, work, "browser.json",
               [*client, "runtime/query.ts"], lib=["ES2022", "DOM"], types=[])
    compile_in(tools, work, "node.json", client, lib=["ES2022"],
               types=["node"])
    compile_in(tools, work, "cases.json", ["all.ts"],
               lib=["ES2022", "DOM"], types=["node"])


def main():
    try:
        tools = npm.tools()
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        return 1 if os.environ.get("CI") == "true" else 0
    with tempfile.TemporaryDirectory(prefix="lockstep-") as directory:
        work = pathlib.Path(directory)
        lay_out(tools, work)
        compiles(tools, work)
        return subprocess.run(
            [tools.bin / "node", "all.ts"], cwd=work, env=tools.environment,
            stdin=subprocess.DEVNULL, timeout=120, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
