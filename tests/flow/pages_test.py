# SPDX-License-Identifier: MIT
"""The examples of doc/WIRE.md, run as they stand: the lines of a block that
begin at the margin are commands, the indented ones below what the reply has, in
that order, "..." standing for anything.  With URL and TOKEN in the environment
it is that server that is asked."""

import os
import re
import subprocess
import sys

import system as sut
import tap
from tap import case

PAGE = sut.TOP / "doc/WIRE.md"
END = "-- the end of an example --"


def examples(text):
    """[(command, [line, ...]), ...]; what is given from outside is not set, and
    a block in a language is no command."""
    found = []
    for block in re.findall(r"^```(?:\w+\n.*?^```$|\n(.*?)^```$)", text,
                            re.S | re.M):
        for line in block.splitlines():
            if line.startswith("    "):
                found[-1][1].append(line.strip())
            elif not re.match("(URL|TOKEN)=", line):
                found.append((line, []))
    return found


def as_pattern(line):
    """A line that ends with "..." was cut; others are told to their end."""
    cut = line.endswith("...")
    text = ".*".join(map(re.escape, line.split("...")))
    return "^" + (text if cut else text + r"\r?$")


def missing(lines, reply):
    """The first line that the reply does not have behind the one before."""
    rest = reply
    for line in lines:
        match = re.search(as_pattern(line), rest, re.M)
        if not match:
            return line
        rest = rest[match.end():]
    return None


@case
def the_page_is_true(s):
    """Each example of doc/WIRE.md is answered as the page says."""
    found = examples(PAGE.read_text())
    assert sum(bool(lines) for _, lines in found) > 15, "the page is empty"
    script = "".join(f"{command}\necho; echo '{END}'\n"
                     for command, _ in found)
    done = subprocess.run(
        ["bash"], input=script, env=dict(os.environ, URL=s.url + "/api",
                                         TOKEN=s.alice, no_proxy="*"),
        capture_output=True, text=True, check=False)
    replies = done.stdout.split(END)
    assert len(replies) == len(found) + 1, done.stderr
    faults = []
    for (command, lines), reply in zip(found, replies):
        line = missing(lines, reply)
        if line:
            faults.append(f"{command}\nwanted: {line}\ngot: {reply.strip()}")
    assert not faults and not done.stderr, "\n".join([*faults, done.stderr])


class Given:
    """A server that is there already."""

    def __init__(self, url, token):
        self.url, self.alice = url.removesuffix("/api"), token


def main():
    if "URL" in os.environ:
        return tap.run(Given(os.environ["URL"], os.environ["TOKEN"]))
    with sut.System() as s:
        s.alice = s.token("authenticated", sut.ALICE)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
