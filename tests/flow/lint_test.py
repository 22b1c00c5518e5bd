# SPDX-License-Identifier: MIT
"""The lint of `lockstep check`: each rule finds the fault that was planted for
it, at the right object, and nothing at its clean twin; the reference database
has no finding.  The faults are in lint_faults.py."""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import lint_faults as faults  # noqa: E402
import system as sut  # noqa: E402
import tap  # noqa: E402
from tap import case, same  # noqa: E402

LINES = re.compile(r'^RULE\(\w+, "([a-z-]+)"', re.M)
SQL = re.compile("(alter|revoke|grant|drop|create|reindex) ")
RULES = LINES.findall((sut.TOP / "src/store/lint.def").read_text())


def findings(s, database="lockstep"):
    """{(rule, object): finding} of the lint in a database."""
    done = s.run("check", "--config", s.config_path(0), "--database",
                 s.cluster.conninfo("lockstep", database), "--format", "json",
                 check=False)
    assert done.returncode in (0, 1), done.stderr
    return {(f["id"], f["object"]): f for f in json.loads(done.stdout)
            if f["id"] in RULES}


def copy(s, name):
    """A copy of the reference database; who may connect is not copied."""
    s.cluster.psql(f"create database {name} template lockstep",
                   database="postgres")
    s.cluster.psql(file=sut.TOP / "migrations/roles.sql", database=name)


def told(found):
    return {key: f["message"] for key, f in found.items()}


@case
def reference_is_clean(s):
    """The reference database has no finding."""
    same(told(findings(s)), {})


@case
def faults_are_found(s):
    """Each planted fault is found at its object, and nothing else is told."""
    copy(s, "faulty")
    for fault in faults.LOCAL:
        s.cluster.psql(fault.sql("fault"), database="faulty")
    found = findings(s, "faulty")
    wanted = {key for fault in faults.LOCAL for key in fault.expected()}
    same(sorted(wanted - set(found)), [], "missed")
    same(told({k: f for k, f in found.items() if k not in wanted}), {},
         "false alarms")
    print(f"# {len(wanted)} of {len(wanted)} findings of {len(faults.LOCAL)} "
          "local faults, 0 false alarms")
    for key, finding in found.items():
        assert finding["hint"] and finding["why"], key


@case
def twins_are_clean(s):
    """What is like each fault, and right, is not told."""
    copy(s, "clean")
    for fault in faults.LOCAL:
        s.cluster.psql(fault.sql("twin"), database="clean")
    same(told(findings(s, "clean")), {}, "false alarms")


@case
def mends_mend(s):
    """The SQL that a finding gives runs as it stands, and the finding is then
    gone."""
    copy(s, "mended")
    for fault in faults.LOCAL:
        s.cluster.psql(fault.sql("fault").replace("faulty", "mended"),
                       database="mended")
    found = findings(s, "mended")
    # The version that was planted is none, so nothing leads on from it.
    sql = {key: f["hint"] for key, f in found.items()
           if SQL.match(f["hint"]) and key[0] != "extension-outdated"}
    assert len(sql) > len(found) / 2, f"{len(sql)} of {len(found)}"
    for hint in sql.values():
        s.cluster.psql(hint, database="mended")
    left = findings(s, "mended")
    same(sorted(set(sql) & set(left)), [], "not mended")
    print(f"# {len(sql)} of {len(found)} findings are mended by their SQL")


@case
def faults_of_roles_are_found(s):
    """Roles and databases are shared, so each of their faults comes alone; it
    is found, and what is like it is not."""
    for fault in faults.GLOBAL:
        for kind, wanted in (("fault", fault.expected()), ("twin", set())):
            s.cluster.psql(fault.sql(kind))
            try:
                found = findings(s)
            finally:
                s.cluster.psql(fault.undo)
            same((sorted(wanted - set(found)),
                  told({k: f for k, f in found.items() if k not in wanted})),
                 ([], {}), f"{kind} of {fault.rule}: missed, false alarms")
    same(told(findings(s)), {}, "after all")


@case
def every_rule_has_a_fault(s):
    """No rule is without a planted fault, and none has two names."""
    del s
    planted = {fault.rule for fault in faults.LOCAL + faults.GLOBAL}
    same(sorted(set(RULES) - planted), [], "rules without a fault")
    same(sorted(planted - set(RULES)), [], "faults without a rule")
    same(len(RULES), len(set(RULES)), "rules")
    print(f"# {len(RULES)} rules, {len(faults.LOCAL + faults.GLOBAL)} faults "
          "planted")


def main():
    with sut.System(instances=0, nginx=False, demo=False) as s:
        s.configure(0)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
