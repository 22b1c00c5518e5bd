# SPDX-License-Identifier: MIT
"""The folder of `lockstep gen typescript`, as a front end uses it: compiled
by tsc as strictly as it can be, and run by Node against the running stack.
At the end every operation must have gone well through its generated function,
and every code of a problem must have been met."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import contract as rules
import npm
import system as sut
import tap
from tap import case, same

CASES = sut.TOP / "tests/flow/typescript"
OPTIONS = {
    "strict": True, "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True, "noImplicitOverride": True,
    "noUnusedLocals": True, "isolatedModules": True,
    "verbatimModuleSyntax": True, "erasableSyntaxOnly": True,
    "allowImportingTsExtensions": True, "noEmit": True, "target": "ES2022",
    "module": "ESNext", "moduleResolution": "bundler", "skipLibCheck": True,
    "lib": ["ES2022", "DOM"], "types": ["node"],
}
# What no operation gives: a method that none has, and senders of webhooks alone.
NEVER = {"method_not_allowed", "signature_invalid", "event_conflict"}
# What a client says of itself, beside the problems of the contract.
TRANSPORT = {"network_failed", "timed_out", "aborted", "reply_unreadable",
             "request_unwritable", "unknown_problem"}


def lay_out(s):
    """The cases beside the generated folder, where they find the packages."""
    s.work = s.directory / "front"
    s.work.mkdir()
    s.tools.link(s.work)
    s.run("gen", "typescript", "--contract", s.contract, "--out",
          s.work / "api", "--without", "zod")
    shutil.copy(sut.TOP / "tests/unit/typescript/tap.ts", s.work)
    for path in CASES.glob("*.ts"):
        shutil.copy(path, s.work)
    (s.work / "package.json").write_text('{"type": "module"}')
    (s.work / "tsconfig.json").write_text(json.dumps(
        {"compilerOptions": OPTIONS, "include": ["*.ts", "api/**/*.ts"]}))


class Front:
    """Groups of cases in a Node of their own; finish() tells how they went."""

    def __init__(self, s, *groups, **environment):
        self.s = s
        self.seen = s.work / f"seen-{'-'.join(groups)}.json"
        self.process = subprocess.Popen(
            ["node", "main.ts", *groups], cwd=s.work, text=True, env={
                **s.tools.environment, "URL": s.url, "SECRET": str(s.secret),
                "DATABASE": s.cluster.conninfo(), "SEEN": str(self.seen),
                "SPOOL": str(s.spool),
                "ONLY": "", **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    def finish(self):
        said, _ = self.process.communicate(timeout=180)
        print(re.sub("^", "#   ", said.rstrip(), flags=re.M))
        same(self.process.returncode, 0, "exit code of node")
        for name, found in json.loads(self.seen.read_text()).items():
            self.s.seen.setdefault(name, set()).update(found)


def camel(name):
    return re.sub(r"_([a-z])", lambda m: m[1].upper(), name)


@case
def compiles(s):
    """The folder and all that uses it compile under --strict and more."""
    s.tools.run("tsc", "-p", ".", cwd=s.work)


@case
def story(s):
    """Every operation goes well by its function, and the refusals that the
    contract names are narrowed by their codes."""
    Front(s, "story").finish()


@case
def refusals(s):
    """What any operation may be refused for has its code, too."""
    Front(s, "refusals").finish()


@case
def screens(s):
    """Queries show what will be, take back what is refused, and end."""
    Front(s, "screens").finish()


def kill(s, number):
    """Ends an instance at once; workers alone would finish what they do."""
    children = s.workers(number) + s.looks(number)
    s.stop(number, signal.SIGKILL)
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@case
def restart(s):
    """A write whose servers are killed goes on when they are back, and has
    been done once."""
    title = "Written over a restart"
    with s.cluster.held("app.letters"):
        front = Front(s, "restart", TITLE=title)
        tap.wait_for(lambda: sut.waiting(s, 1), "the letter to wait")
        for number in range(s.instances):
            kill(s, number)
        Front(s, "stopped").finish()
    for number in range(s.instances):
        s.start(number)
    front.finish()
    same(s.cluster.psql("select count(*) from app.letters where title = "
                        f"'{title}'"), "1")
    s.ready()


@case
def rates(s):
    """Who calls too often waits as long as Retry-After says."""
    for number in range(s.instances):
        s.configure(number, rates="on")
    s.rolling_restart()
    Front(s, "rates", SUB=sut.BOB).finish()


@case
def all_was_seen(s):
    """No operation was left out, and no problem."""
    wanted = {camel(o.name) for o in rules.Contract().operations}
    # A module may not be called exports.
    found = {k: {n.replace("_.", ".") for n in s.seen[k]}
             for k in ("functions", "operations")}
    same(found["functions"], wanted, "functions of the folder")
    same(wanted - found["operations"], set(),
         "operations that never went well")
    codes = set(rules.problems()) - NEVER | TRANSPORT
    codes |= {code for o in rules.Contract().operations for code in o.errors}
    same(codes - s.seen["codes"], set(), "problems never met")
    same(s.seen["codes"] - codes, set(), "problems of no contract")
    print(f"# {len(wanted)} operations, {len(codes)} codes, none by a fake")


def main():
    try:
        tools = npm.tools()
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        return 1 if os.environ.get("CI") == "true" else 0
    with sut.System(settings={"lock_timeout_ms": 1000, "jwt_leeway_s": 0,
                              "statement_timeout_ms": 2000}) as s:
        s.tools, s.seen = tools, {}
        lay_out(s)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
