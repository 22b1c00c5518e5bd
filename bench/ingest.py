# SPDX-License-Identifier: MIT
"""What bulk ingestion takes, through nginx: batches of distinct events, signed
(JWT), each judged and committed, with fsync on.  As an array and as lines, by
as many clients as there are cores; then where the time of a batch goes, and
what the SQL alone costs in three forms.

Figures of one machine mean little elsewhere."""

import argparse
import http.client
import json
import os
import pathlib
import re
import statistics
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import system as sut  # noqa: E402

COLUMNS = ("company_id", "external_id", "kind", "score", "message",
           "attributes", "occurred_at")
INSERT = "insert into app.events (" + ", ".join(COLUMNS) + ") select %s"
CASTS = dict(company_id="uuid", score="int", attributes="jsonb",
             occurred_at="timestamptz")
FORMS = {
    "json_populate_record": INSERT % (
        ", ".join("r." + c for c in COLUMNS) + " from (select unnest(js) as j "
        "from forms) d, json_populate_record(null::app.events, d.j::json) r"),
    "json_to_recordset": INSERT % (
        "r.* from (select ('[' || array_to_string(js, ',') || ']')::json as j "
        "from forms) d, json_to_recordset(d.j) r (" + ", ".join(
            f"{c} {CASTS.get(c, 'text')}" for c in COLUMNS) + ")"),
    "unnest of arrays": INSERT % (", ".join(
        f"unnest({c})" + (f"::{CASTS[c]}" if c in CASTS else "")
        for c in COLUMNS) + " from forms"),
}


def events(company, tag, count):
    return [json.dumps({
        "company_id": company, "external_id": f"{tag}-{n}", "kind": "nps",
        "score": n % 11, "message": "It came on time and looks lovely.",
        "attributes": {"page": "/letters/12", "visit": n % 7, "mobile": True},
        "occurred_at": f"2026-01-{1 + n % 28:02}T09:30:00Z"})
        for n in range(count)]


def body(records, lines):
    if lines:
        return "\n".join(records).encode(), "application/x-ndjson"
    return ("[" + ",".join(records) + "]").encode(), "application/json"


class Client(threading.Thread):
    def __init__(self, system, token, batches):
        super().__init__()
        self.system, self.token, self.batches = system, token, batches
        self.seconds, self.accepted = [], 0

    def run(self):
        c = http.client.HTTPConnection("127.0.0.1", self.system.port)
        for text, kind in self.batches:
            began = time.monotonic()
            c.request("POST", "/api/events", text, {
                "Authorization": f"Bearer {self.token}", "Content-Type": kind})
            reply = c.getresponse()
            data = json.loads(reply.read())
            assert reply.status == 200, (reply.status, data)
            self.seconds.append(time.monotonic() - began)
            self.accepted += data["data"]["accepted"]


def cpu_s(s):
    """What the processes of the system have used, children and all."""
    parents, used = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            row = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        parents[pid], used[pid] = int(row[1]), sum(map(int, row[11:15]))
    tops = {p.pid for p in s.process.values()} | {int(
        (s.cluster.data / "postmaster.pid").read_text().split()[0])}
    total = 0
    for pid in used:
        at = pid
        while at in parents and at not in tops:
            at = parents[at]
        total += used[pid] if at in tops else 0
    return total / os.sysconf("SC_CLK_TCK")


def run(s, company, name, lines, clients, rounds, size):
    token = s.token("authenticated", sut.ALICE)
    made = [Client(s, token, [body(events(company, f"{name}-{c}-{r}", size),
                                   lines) for r in range(rounds)])
            for c in range(clients)]
    began, used = time.monotonic(), cpu_s(s)
    for client in made:
        client.start()
    for client in made:
        client.join()
    seconds = time.monotonic() - began
    accepted = sum(c.accepted for c in made)
    assert accepted == clients * rounds * size, accepted
    times = sorted(t for c in made for t in c.seconds)
    print(f"{name}: {accepted / seconds:.0f} records/s, {clients} clients, "
          f"batches of {size} in p50 {statistics.median(times) * 1000:.0f} ms, "
          f"longest {times[-1] * 1000:.0f} ms; "
          f"{accepted / (cpu_s(s) - used):.0f} records a second of processor; "
          f"load {os.getloadavg()[0]:.1f}", flush=True)
    return accepted / seconds


def stages(s):
    """The stages of the last batches, by the log."""
    rows = [line for line in s.log_lines() if line["event"] == "request" and
            line.get("operation") == "events.create"][-8:]
    for stage in ("accept_ms", "run_ms", "total_ms"):
        print(f"  {stage}: {statistics.median(r[stage] for r in rows):.0f}")


def forms(s, company, size):
    """The SQL alone, each form in a transaction that is rolled back, as our
    servers, whom no policy costs anything."""
    records = events(company, "forms", size)
    (s.directory / "forms.json").write_text("\n".join(records))
    text = "\\timing on\n"
    for name, sql in FORMS.items():
        text += (f"\\echo {name}\nbegin;\nset local role service_role;\n{sql};"
                 "\nrollback;\n")
    s.cluster.psql("create table forms as select array_agg(j) as js, " +
                   ", ".join(f"array_agg(j::json ->> '{c}') as {c}"
                             for c in COLUMNS) +
                   " from unnest(array[" + ",".join(
                       f"'{r}'" for r in records[:1]) + "]) j")
    s.cluster.psql("truncate forms")
    (s.directory / "load.sql").write_text(
        "create temp table t (j text);\n\\copy t from "
        f"'{s.directory}/forms.json'\n"
        "insert into forms select array_agg(j), " + ", ".join(
            f"array_agg(j::json ->> '{c}')" for c in COLUMNS) + " from t;\n"
        "grant select on forms to service_role;\n" + text)
    out = s.cluster.psql(file=s.directory / "load.sql")
    for name in FORMS:
        took = re.findall(r"Time: ([\d.]+) ms",
                          out.split(name + "\n", 1)[1])[2]
        print(f"  {name}: {float(took):.0f} ms for {size}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=10000)
    parser.add_argument("--shared-mib", type=int, default=1024,
                        help="shared_buffers of Postgres; its default is 128, "
                        "in which the indexes of 300,000 events have no room")
    o = parser.parse_args()
    sut.Cluster.fsync = "on"
    sut.Cluster.shared_buffers = f"{o.shared_mib}MB"
    with sut.System(instances=1, settings={"bulk_at_once": 4}) as s:
        company = s.get("/api/companies?limit=1&select=id", s.token(
            "authenticated", sut.ALICE)).data[0]["id"]
        print("load", os.getloadavg())
        for lines in (False, True):
            name = "lines" if lines else "array"
            for number in range(3):
                run(s, company, f"{name}-{number}", lines, o.clients, o.rounds,
                    o.size)
            stages(s)
        forms(s, company, o.size)
        print("load", os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
