#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes idna_table.def: what IDNA2008 must know of each code point.

    python3 idna_table.py [/usr/share/unicode] >idna_table.def

reads the files of the Unicode Character Database, as Debian's unicode-data has
them (15.0.0 in Debian 12), and derives

- the status of RFC 5892, section 3: PVALID, CONTEXTJ, CONTEXTO; all else is
  DISALLOWED, UNASSIGNED too (a name with either is refused alike).  "Unstable"
  and most of "IgnorableProperties" are Changes_When_NFKC_Casefolded;
- the class of the bidi rule (RFC 5893), with those folded that the rule does
  not tell apart; the joining type and the scripts of the contextual rules
  (RFC 5892, appendix A); whether it is a mark, which begins no label;
- the combining classes, and the canonical pairs: what NFC needs.

Only code points that a label may hold are told apart: a label is judged for
NFC after its code points were found valid, and none of those is changed by NFC
alone (they are stable under NFKC), nor a conjoining jamo.
"""
import os
import sys

LAST = 0x10FFFF
DISALLOWED, PVALID, CONTEXTJ, CONTEXTO = range(4)
BIDI = {"L": 0, "R": 1, "AL": 1, "AN": 2, "EN": 3, "NSM": 4,
        "ES": 5, "CS": 5, "ET": 5, "ON": 5, "BN": 5}
JOINING = {"L": 1, "R": 2, "D": 3, "T": 4}
SCRIPT = {"Greek": 1, "Hebrew": 2, "Hiragana": 3, "Katakana": 3, "Han": 3}

# RFC 5892, section 2.6.
EXCEPTIONS = {c: PVALID for c in (0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007)}
EXCEPTIONS.update({c: CONTEXTO for c in (
    0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB,
    *range(0x660, 0x66A), *range(0x6F0, 0x6FA))})
EXCEPTIONS.update({c: DISALLOWED for c in (
    0x640, 0x7FA, 0x302E, 0x302F, *range(0x3031, 0x3036), 0x303B)})

# RFC 5892, section 2.4: symbols of music and the like.
IGNORABLE_BLOCKS = (*range(0x20D0, 0x2100), *range(0x1D100, 0x1D250))
LDH = (0x2D, *range(0x30, 0x3A), *range(0x61, 0x7B))
LETTER_DIGITS = ("Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc")


class Database:
    """The files of the database, each read as rows of fields."""

    def __init__(self, directory):
        self.directory = directory

    def rows(self, name):
        with open(os.path.join(self.directory, name), encoding="utf-8") as f:
            for line in f:
                fields = [x.strip() for x in line.split("#")[0].split(";")]
                if fields[0]:
                    yield fields

    def ranges(self, name):
        """Yields (code point, value) of a file of ranges."""
        for fields in self.rows(name):
            first, _, last = fields[0].partition("..")
            for c in range(int(first, 16), int(last or first, 16) + 1):
                yield c, fields[1]

    def values(self, name):
        return dict(self.ranges(name))

    def having(self, name, value):
        return {c for c, v in self.ranges(name) if v == value}

    def version(self):
        path = os.path.join(self.directory, "Scripts.txt")
        with open(path, encoding="utf-8") as f:
            return f.readline().split("-")[1].split(".txt")[0]


def statuses(db, category):
    """The derived property of RFC 5892, section 3, in its order."""
    changed = db.having("DerivedNormalizationProps.txt",
                        "Changes_When_NFKC_Casefolded")
    ignorable = db.having("DerivedCoreProperties.txt",
                          "Default_Ignorable_Code_Point")
    ignorable |= db.having("PropList.txt", "White_Space")
    ignorable |= db.having("PropList.txt", "Noncharacter_Code_Point")
    joins = db.having("PropList.txt", "Join_Control")
    jamo = {c for c, v in db.ranges("HangulSyllableType.txt")
            if v in ("L", "V", "T")}
    refused = changed | ignorable | set(IGNORABLE_BLOCKS) | jamo
    result = []
    for c in range(LAST + 1):
        if c in EXCEPTIONS:
            result.append(EXCEPTIONS[c])
        elif category.get(c, "Cn") == "Cn":
            result.append(DISALLOWED)
        elif c in LDH:
            result.append(PVALID)
        elif c in joins:
            result.append(CONTEXTJ)
        elif c in refused:
            result.append(DISALLOWED)
        elif category[c] in LETTER_DIGITS:
            result.append(PVALID)
        else:
            result.append(DISALLOWED)
    return result


def traits(db, category, status):
    """Eleven bits a code point; those of what is refused are 0."""
    bidi = db.values("extracted/DerivedBidiClass.txt")
    joining = db.values("extracted/DerivedJoiningType.txt")
    script = db.values("Scripts.txt")
    return [s and (s | BIDI[bidi[c]] << 2 |
                   JOINING.get(joining.get(c), 0) << 5 |
                   SCRIPT.get(script.get(c), 0) << 8 |
                   (category[c][0] == "M") << 10)
            for c, s in enumerate(status)]


def pairs(db, status):
    """The primary composites of valid code points: (composite, pair)."""
    excluded = db.having("DerivedNormalizationProps.txt",
                         "Full_Composition_Exclusion")
    result = []
    for fields in db.rows("UnicodeData.txt"):
        c, parts = int(fields[0], 16), fields[5].split()
        if len(parts) != 2 or parts[0][0] == "<" or c in excluded:
            continue
        first, second = (int(x, 16) for x in parts)
        if status[first] and status[second]:
            assert status[c], "a composite of valid ones is valid"
            result.append((c, first, second))
        else:
            assert not status[c], "a valid composite has valid parts"
    return sorted(result)


def starts(values, width):
    """Where a value begins, up to the next one: start << width | value."""
    result, before = [], None
    for c, value in enumerate(values):
        if value != before:
            result.append(c << width | value)
            before = value
    return result


def check_depth(composites):
    """What format_nfc.c relies on: nothing comes apart in more than four."""
    parts = {c: (first, second) for c, first, second in composites}
    for c in parts:
        depth = 0
        while c in parts:
            assert parts[c][1] not in parts
            c, depth = parts[c][0], depth + 1
        assert depth <= 3


def table(name, items):
    """A table for the preprocessor to pick by its name."""
    print(f"\n#ifdef {name}")
    line = ""
    for item in items:
        if len(line) + 2 + len(item) > 80:
            print(line)
            line = ""
        line += f"{' ' if line else ''}{item},"
    print(f"{line}\n#endif")


def main():
    db = Database(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
    category = db.values("extracted/DerivedGeneralCategory.txt")
    status = statuses(db, category)
    combining = db.values("extracted/DerivedCombiningClass.txt")
    composites = pairs(db, status)
    check_depth(composites)
    by_pair = sorted(range(len(composites)), key=lambda i: composites[i][1:])
    print("/* SPDX-License-Identifier: MIT AND Unicode-DFS-2016 */")
    print(f"/* Made by idna_table.py of Unicode {db.version()}, "
          "(c) 1991-2022 Unicode, Inc. */")
    table("IDNA_TRAITS",
          map(hex, starts(traits(db, category, status), 11)))
    table("IDNA_COMBINING", map(hex, starts(
        [int(combining.get(c, 0)) if s else 0
         for c, s in enumerate(status)], 8)))
    table("IDNA_COMPOSITES",
          ("{%#x,%#x,%#x}" % row for row in composites))
    table("IDNA_BY_PAIR", map(str, by_pair))


main()
