#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes runtime/idna_table.ts of the server's table, so that both judge host
names by the same version of Unicode.

    python3 idna_table.py ../contract/idna_table.def >runtime/idna_table.ts

Only what is not in JavaScript itself is needed: the traits of code points, and
which of them are viramas.  A run of code points is how far it is from the one
before (nothing is 1), in base 36, and a capital for its traits."""

import re
import sys

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
VIRAMA = 9


def rows(text, name):
    part = text.split(f"#ifdef {name}\n")[1].split("#endif")[0]
    return [int(x, 16) for x in re.findall("0x[0-9a-f]+", part)]


def base36(n):
    text = ""
    while n:
        n, digit = divmod(n, 36)
        text = DIGITS[digit] + text
    return text or "0"


def runs(table, traits):
    before, text = 0, ""
    for row in table:
        step = (row >> 11) - before
        before = row >> 11
        text += "" if step == 1 else base36(step)
        text += chr(ord("A") + traits.index(row & 0x7FF))
    return text


def viramas(table):
    for i, row in enumerate(table):
        if row & 0xFF == VIRAMA:
            yield from range(row >> 8, table[i + 1] >> 8)


def lines(text, width):
    return ["  " + repr(text[i:i + width]) for i in range(0, len(text), width)]


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        text = f.read()
    version = re.search(r"of (Unicode [\d.]+), (.*) \*/", text)
    table = rows(text, "IDNA_TRAITS")
    traits = sorted({row & 0x7FF for row in table})
    assert len(traits) <= 26
    print("// SPDX-License-Identifier: MIT AND Unicode-DFS-2016")
    print(f"// Made by idna_table.py of {version[1]}, {version[2]}")
    print("\nexport const traitValues: readonly number[] = [")
    print("  " + ", ".join(map(str, traits)) + ",\n];")
    print("\nexport const traitRuns: string =")
    print(" +\n".join(lines(runs(table, traits), 100)) + ";")
    print("\nexport const viramas: readonly number[] = [")
    marks = [str(c) for c in viramas(rows(text, "IDNA_COMBINING"))]
    for i in range(0, len(marks), 14):
        print("  " + ", ".join(marks[i:i + 14]) + ",")
    print("];")


main()
