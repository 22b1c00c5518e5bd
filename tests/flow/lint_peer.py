# SPDX-License-Identifier: MIT
"""What another linter finds of the faults of lint_faults.py: the advisors of
`supabase db advisors`, which need no network but take 140 MB of program, so
this is run by hand:

	python3 tests/flow/lint_peer.py PATH/TO/supabase

A fault counts as found when anything is told of its object that is not told of
its clean twin, whatever the rule is called.  unused_index is left out: of a
new database it tells every index."""

import asyncio
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import lint_faults as faults  # noqa: E402
import lint_test  # noqa: E402
import system as sut  # noqa: E402


class Door:
    """A loopback port that leads to the cluster's unix socket."""

    def __init__(self, path):
        self.path = path
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self._meet, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def _meet(self, reader, writer):
        other = await asyncio.open_unix_connection(self.path)
        await asyncio.gather(self._carry(reader, other[1]),
                             self._carry(other[0], writer))

    @staticmethod
    async def _carry(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


CONFIG = """project_id = "peer"
[api]
schemas = ["app", "lockstep"]
"""


def advisors(program, port, database, home):
    """{(name, text)} of all that is told of a database."""
    done = subprocess.run(
        [program, "db", "advisors", "--type", "all", "--level", "info",
         "--fail-on", "none", "--output-format", "json", "--agent", "no",
         "--workdir", home,
         f"--remote=postgresql://postgres:x@127.0.0.1:{port}/{database}"],
        capture_output=True, text=True, check=True, cwd=home,
        env={**os.environ, "HOME": home, "DO_NOT_TRACK": "1"})
    told = json.loads(done.stdout[done.stdout.index("{"):])["results"]
    return {(t["name"], json.dumps([t["metadata"], t["detail"],
                                    t["cacheKey"]]))
            for t in told if t["name"] != "unused_index"}


def of_fault(told, fault):
    """Which rules tell of the fault's own objects."""
    word = r"\bx%02d(_\w+)?\b" % fault.number if "{t}" in fault.at + \
        fault.before + fault.fault or "{x}" in fault.at \
        else re.escape(fault.at.split()[-1].split("(")[0])
    return {name for name, text in told if re.search(word, text)}


def local(s, ask):
    told = {}
    for kind, name in (("fault", "faulty"), ("twin", "clean")):
        lint_test.copy(s, name)
        for fault in faults.LOCAL:
            s.cluster.psql(fault.sql(kind), database=name)
        told[kind] = ask(name)
    for fault in faults.LOCAL:
        yield fault, of_fault(told["fault"], fault) - \
            of_fault(told["twin"], fault)
    alarms = sorted((name, text) for name, text in told["twin"])
    print(f"told of the database of clean twins: {len(alarms)}, by",
          sorted({name for name, _ in alarms}))


def shared(s, ask, clean):
    for fault in faults.GLOBAL:
        s.cluster.psql(fault.fault)
        try:
            yield fault, {name for name, _ in ask("lockstep") - clean}
        finally:
            s.cluster.psql(fault.undo)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with sut.System(instances=0, nginx=False, demo=False) as s:
        (s.directory / "supabase").mkdir()
        (s.directory / "supabase/config.toml").write_text(CONFIG)
        door = Door(str(next(s.cluster.directory.glob(".s.PGSQL.*[0-9]"))))

        def ask(name):
            return advisors(program, door.port, name, str(s.directory))

        clean = ask("lockstep")
        print(f"told of the clean reference database: {len(clean)}, by",
              sorted({name for name, _ in clean}))
        found = [*local(s, ask), *shared(s, ask, clean)]
        for fault, names in found:
            print("found " if names else "MISSED", fault.rule,
                  ", ".join(sorted(names)))
        count = sum(bool(names) for _, names in found)
        print(f"{count} of {len(found)} planted faults found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
