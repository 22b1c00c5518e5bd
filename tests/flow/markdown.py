# SPDX-License-Identifier: MIT
"""Markdown as the tests of documents read it: headings, tables, fenced blocks,
and links within the page, as GitHub makes them."""

import re


def anchor(heading):
    """GitHub's own: lower case, no punctuation but - and _."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def without_blocks(text):
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.S | re.M)


def headings(text):
    return re.findall(r"^#+ (.+)$", without_blocks(text), re.M)


def sections(text):
    """heading -> what is below it, up to the next heading of any level."""
    found, name, fenced = {}, "", False
    for line in text.splitlines(keepends=True):
        if re.match(r" *```", line):
            fenced = not fenced
        if not fenced and re.match(r"#+ ", line):
            name = line.lstrip("#").strip()
            assert name not in found, f"two headings {name}"
            found[name] = ""
        else:
            found[name] = found.get(name, "") + line
    return found


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.S | re.M)


def codes(text):
    """(status, code) of the problems that a section names."""
    return {(int(status), code) for status, code in re.findall(
        r"(?:\| |, )([45]\d\d)(?: \|)? `([a-z_]+)`", text)}


def tables(text):
    """The rows of each table, as lists of cells."""
    found, rows = [], []
    for line in without_blocks(text).splitlines() + [""]:
        if line.startswith("|"):
            rows.append([c.strip() for c in
                         re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            found.append(rows)
            rows = []
    return found


def check(text):
    """Raises what is wrong with a page: links, tables, fences."""
    there = [anchor(h) for h in headings(text)]
    assert len(there) == len(set(there)), "an anchor stands twice"
    for link in re.findall(r"\]\(#([^)]*)\)", text):
        assert link in there, f"#{link} leads nowhere"
    for rows in tables(text):
        assert re.fullmatch("-+", rows[1][0]), rows[1]
        widths = {len(row) for row in rows}
        assert len(widths) == 1, [r for r in rows if len(r) != len(rows[0])]
    assert len(re.findall(r"^ *```", text, re.M)) % 2 == 0, "an open fence"
    assert "(null)" not in text
    for line in without_blocks(text).splitlines():
        assert not re.search(r"@[a-z_ ]+@", line), line
