# SPDX-License-Identifier: MIT
"""What a request costs beside what Postgres alone costs: wrk against the list
of 20 letters through nginx, and pgbench running the json_agg form of the same
SQL under the same role, claims and policies, in pipeline mode with prepared
statements.  The two in turn, several rounds, in one run; medians and spread.

Figures of one machine mean little elsewhere; the ratio means something."""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("SRCDIR", str(TOP))
os.environ.setdefault("BUILDDIR", str(TOP / ".dev/build"))
sys.path.insert(0, str(TOP / "tests/flow"))

import load  # noqa: E402
import system as sut  # noqa: E402

SCRIPT = """\\startpipeline
select set_config('role', 'authenticated', true),
    set_config('request.jwt.claims', :claims, true),
    set_config('lockstep.request_id', 'bench', true),
    set_config('transaction_read_only', 'on', true);
select coalesce(json_agg(t), '[]') from (
    select %s from app.letters order by created_at desc, id desc limit 21) t;
\\endpipeline
"""


def letter_columns():
    schema = json.loads((TOP / "contract/schemas/letter.json").read_text())
    return ", ".join(n for n, p in schema["properties"].items()
                     if not p.get("writeOnly"))


def pgbench(s, connections, seconds):
    """Transactions a second."""
    script = s.directory / "list.pgbench"
    script.write_text(SCRIPT % letter_columns())
    claims = json.dumps({"sub": sut.ALICE, "role": "authenticated"})
    done = subprocess.run(
        [f"{sut.PG_BIN}/pgbench", "-n", "-M", "prepared", "-c",
         str(connections), "-j", "2", "-T", str(seconds), "-f", str(script),
         "-D", f"claims={claims}", s.cluster.conninfo("bench")],
        capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found:
        raise SystemExit("pgbench: " + done.stdout + done.stderr)
    return float(found.group(1))


def spread(values, digits=0):
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f} to {max(values):.{digits}f})")


def measure(s, token, options):
    rows = {"ours": [], "p50": [], "p99": [], "pgbench": []}
    for number in range(options.rounds):
        counts = load.Load(s, "/api/letters", token,
                           seconds=options.seconds, watch=False,
                           connections=options.connections).finish()
        if counts.failed:
            raise SystemExit(f"{counts.failed} failed: {counts.text}")
        rows["ours"].append(counts.per_second)
        rows["p50"].append(counts.p50_ms)
        rows["p99"].append(counts.p99_ms)
        # pgbench has the number of connections that suits it best.
        rows["pgbench"].append(max(
            pgbench(s, c, options.seconds) for c in (4, 8, 16)))
        print(f"round {number + 1}: lockstep {rows['ours'][-1]:.0f}/s, "
              f"pgbench {rows['pgbench'][-1]:.0f}/s", flush=True)
    return rows


def report(rows, options):
    ratios = [a / b for a, b in zip(rows["ours"], rows["pgbench"])]
    tails = [a / b for a, b in zip(rows["p99"], rows["p50"])]
    print(f"\nlist of 20 letters, {options.connections} connections, "
          f"{options.rounds} rounds of {options.seconds} s; "
          "median (least to most)\n"
          f"two instances of {options.workers} process(es) with "
          f"{options.threads} threads; {os.cpu_count()} processors")
    print(f"  through nginx, /s           {spread(rows['ours'])}")
    print(f"  pgbench, json_agg form, /s  {spread(rows['pgbench'])}")
    print(f"  ratio                       {spread(ratios, 2)}")
    print(f"  p50, ms                     {spread(rows['p50'], 2)}")
    print(f"  p99, ms                     {spread(rows['p99'], 2)}")
    print(f"  p99 / p50                   {spread(tails, 2)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    # Threads are connections to Postgres, and two processors that nginx, wrk
    # and Postgres share do best with few.
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    settings = {"workers": options.workers, "threads": options.threads,
                "log_level": os.environ.get("LOG_LEVEL", "info")}
    with sut.System(settings=settings) as s:
        # pgbench prepares before it sets the role, so its login must have the
        # role's privileges by itself.
        s.cluster.psql("create role bench login in role authenticated")
        token = s.token("authenticated", sut.ALICE)
        load.Load(s, "/api/letters", token, seconds=1, watch=False,
                  connections=options.connections).finish()
        report(measure(s, token, options), options)


if __name__ == "__main__":
    main()
