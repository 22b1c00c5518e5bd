# SPDX-License-Identifier: MIT
"""What the pages show can be used: the contracts of lockstep-contract(5) and
doc/OWN-TABLES.md load, the settings of lockstep.conf(5) are read, and a project
that `lockstep init` begins has files that can be used."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
LOCKSTEP = pathlib.Path(os.environ.get("BUILDDIR", ".")).resolve() / "lockstep"
TEXT = {"type": "string", "maxLength": 200}
UUID = {"type": "string", "format": "uuid"}
ROLES = ["authenticated"]


def manual(name):
    """The blocks of a manual page that are told as they stand."""
    text = (TOP / "man" / name).read_text()
    for coded, plain in ((r"\-", "-"), (r"\(dq", '"'), (r"\e", "\\")):
        text = text.replace(coded, plain)
    return re.findall(r"^\.nf\n(.*?)^\.fi$", text, re.S | re.M)


def own_tables(kind):
    text = re.sub("(?m)^   ", "", (TOP / "doc/OWN-TABLES.md").read_text())
    return [block for named, block in
            re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
            if named == kind]


def told(*arguments, **settings):
    """What lockstep says on standard error; "" when all is well."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("LOCKSTEP_")}
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run([LOCKSTEP, *arguments], cwd=elsewhere,
                              env=env | settings, capture_output=True,
                              text=True, check=False)
    assert done.stderr or done.returncode == 0
    return done.stderr


def served(files):
    """Writes a contract, {name: text or value}, and has its routes listed."""
    with tempfile.TemporaryDirectory() as directory:
        for name, content in files.items():
            path = pathlib.Path(directory, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(content if isinstance(content, str) else
                            json.dumps(content))
        return told("routes", "--contract", directory)


def an_object(**properties):
    return {"type": "object", "properties": properties,
            "additionalProperties": False}


def manual_contract():
    """The contract of lockstep-contract(5) loads"""
    blocks = manual("lockstep-contract.5.in")
    hook, = (b for b in blocks if '"webhook":' in b)
    message, = (b for b in blocks if '"message": "letter' in b)
    expected, = (b for b in blocks if '"expect":' in b)
    rollup, = (b for b in blocks if '"rollup":' in b)
    api, letters, job = (b for b in blocks if b.startswith("{\n") and
                         b not in (hook, message, expected, rollup))
    related, = (b for b in blocks if b.startswith('"related"'))
    users = {"resource": "users", "schema": "schemas/user.json",
             "table": "app.users", "operations": {
                 "list": {"roles": ROLES} | json.loads("{" + related + "}")}}
    return served({
        "api.json": api, "resources/letters.json": letters,
        "resources/users.json": users, "webhooks/payments.json": hook,
        "expectations/events.fresh.json": expected,
        "messages/letter.json": message,
        "rollups/company_events.json": rollup,
        "resources/events.json": json.dumps({
            "resource": "events", "schema": "schemas/event.json",
            "table": "app.events", "operations": {"list": {"roles": ROLES}}}),
        "schemas/event.json": an_object(
            id=UUID, account_id=UUID, company_id=UUID, kind=TEXT,
            score={"type": "integer", "minimum": 0, "maximum": 10},
            occurred_at={"type": "string", "format": "date-time",
                         "maxLength": 40}),
        "schemas/letter_message.json": an_object(id=UUID),
        "schemas/payment.json": an_object(id=TEXT, type=TEXT),
        "schemas/letter.json": an_object(
            id=UUID, owner_id=UUID, status=TEXT, title=TEXT,
            created_at={"type": "string", "format": "date-time"}),
        "jobs/letter.json": job, "jobs/payment.json": json.dumps({
            "job": "payment.settle", "kind": "sql", "call": "app.settle"}),
        "schemas/letter_job.json": an_object(letter_id=UUID),
        "schemas/written_letter.json": an_object(content=TEXT),
        "schemas/user.json": an_object(id=UUID, author_id=UUID),
        "schemas/send_letter.json": an_object(channel=TEXT)})


def begun(name):
    """What `lockstep init` writes into a file."""
    with tempfile.TemporaryDirectory() as directory:
        project = pathlib.Path(directory, "project")
        assert told("init", str(project)) == ""
        return (project / name).read_text()


def own_contract():
    """The contract of doc/OWN-TABLES.md loads, in a project that begins"""
    note, notes = own_tables("json")
    return served({"api.json": begun("contract/api.json"),
                   "schemas/note.json": note, "resources/notes.json": notes})


def settings_read():
    """The settings of lockstep.conf(5) and of a project that begins are read"""
    confs = [block for block in [*manual("lockstep.conf.5.in"),
                                 begun("lockstep.conf")]
             if "contract = " in block]
    assert len(confs) == 2
    said = ""
    for conf in confs:
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(conf)
            file.flush()
            said += told("routes", "--config", file.name,
                         LOCKSTEP_CONTRACT=str(TOP / "contract"))
    return said


def issuers_read():
    """The issuers of lockstep.conf(5) are JSON"""
    found, = (b for b in manual("lockstep.conf.5.in") if b.startswith("["))
    return "" if len(json.loads(found)) == 3 else "not three"


def files_as_installed():
    """A project begins with the files that are installed, as they stand"""
    for name, source in (
            ("migrations/roles.sql", "migrations/roles.sql"),
            ("migrations/0001_foundation.sql",
             "migrations/0001_foundation.sql"),
            ("migrations/0002_idempotency.sql",
             "migrations/0006_idempotency.sql"),
            ("migrations/0003_queue.sql", "migrations/0009_queue.sql"),
            ("migrations/0004_http.sql", "migrations/0013_http.sql"),
            ("migrations/0005_schedule.sql", "migrations/0015_schedule.sql"),
            ("migrations/0006_replay.sql", "migrations/0016_replay.sql"),
            ("migrations/0007_ingest.sql", "migrations/0019_ingest.sql"),
            ("migrations/0008_queue_speed.sql",
             "migrations/0022_queue_speed.sql"),
            ("migrations/0009_serial_blocked.sql",
             "migrations/0023_serial_blocked.sql"),
            ("migrations/0010_exports.sql", "migrations/0024_exports.sql"),
            ("migrations/0011_rollups.sql", "migrations/0026_rollups.sql"),
            ("migrations/0012_partitions.sql",
             "migrations/0028_partitions.sql"),
            ("migrations/0013_expectations.sql",
             "migrations/0030_expectations.sql"),
            ("migrations/0014_monitor.sql", "migrations/0031_monitor.sql"),
            ("migrations/0015_probe.sql", "migrations/0034_probe.sql"),
            ("migrations/0016_sessions_used.sql",
             "migrations/0037_sessions_used.sql"),
            ("migrations/0017_queue_quiet.sql",
             "migrations/0040_queue_quiet.sql"),
            *((f"policies/{name}.sql",) * 2 for name in (
                "breakers", "checks", "expectation_results", "expectations",
                "exports", "idempotency", "ingest_rejected", "job_counted",
                "job_counts", "job_ledger", "jobs", "monitored", "operations",
                "partition_parts", "partitions", "queues", "rollups",
                "route_figures", "schedules", "workers"))):
        if begun(name) != (TOP / source).read_text():
            return f"{name} is not {source}"
        if source not in (TOP / "Makefile.am").read_text():
            return f"{source} is not installed"
    return ""


def main():
    cases = (manual_contract, own_contract, settings_read, issuers_read,
             files_as_installed)
    failed = 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        said = case()
        for line in said.splitlines():
            print("#", line)
        print(f"{'not ' if said else ''}ok {number} - {case.__doc__}")
        failed += bool(said)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
