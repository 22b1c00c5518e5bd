# SPDX-License-Identifier: MIT
"""What is expected of the data: each check finds what it is for, as a role and in
time; a state changes when the data does, is told once, and is never passed when
the look itself went wrong."""

import json
import shutil
import sys

import system as sut
import tap
from tap import case, same, wait_for
from worker import Worker

TABLES = """
create table app.parents (id bigint primary key, at timestamptz);
create table app.things (id bigint primary key, parent_id bigint, kind text,
    code text, at timestamptz, owner_id uuid);
alter table app.parents enable row level security, force row level security;
alter table app.things enable row level security, force row level security;
grant select on app.parents, app.things to service_role, authenticated;
create policy all_of_it on app.parents to service_role using (true);
create policy all_of_it on app.things to service_role using (true);
create policy own on app.things to authenticated
    using (owner_id = (select auth.uid()));
create view app.slow with (security_invoker = true) as
    select id, pg_sleep(60)::text as code from app.things;
grant select on app.slow to service_role;
insert into app.parents select n, now() from generate_series(1, 5) n;
insert into app.things select n, n, 'a', 'c' || n, now()
    from generate_series(1, 5) n;
"""
EVERY = {"table": "app.things", "schedule": "every 1 s"}
EXPECTED = {
    "rows": {**EVERY, "check": "rows", "min": 5, "max": 5},
    "rows.of": {**EVERY, "check": "rows", "min": 1, "where": {"kind": "a'"}},
    "nulls": {**EVERY, "check": "nulls", "column": "code", "max": 20},
    "fresh": {**EVERY, "check": "fresh", "column": "at", "max": 3600},
    "refers": {**EVERY, "check": "refers", "column": "parent_id", "max": 0,
               "refers": {"table": "app.parents", "column": "id"}},
    "domain": {**EVERY, "check": "domain", "column": "kind", "max": 0,
               "values": ["a", "b'\\\"", "c,d"]},
    "unique": {**EVERY, "check": "unique", "columns": ["kind", "code"],
               "max": 0},
    "late": {**EVERY, "check": "nulls", "column": "code", "max": 0,
             "within": {"column": "at", "hours": 1}},
    "narrow": {**EVERY, "check": "rows", "max": 0, "role": "authenticated"},
    "absent": {**EVERY, "table": "app.absent", "check": "rows", "min": 1},
    "hidden": {**EVERY, "check": "rows", "min": 0, "role": "anon"},
}
PASSED = {"rows", "nulls", "fresh", "refers", "domain", "unique", "late",
          "narrow"}
# What breaks each, and nothing else that is not named.
BREAKS = {
    "rows": ("delete from app.things where id = 5",
             "insert into app.things values (5, 5, 'a', 'c5', now())"),
    "nulls": ("update app.things set code = null, at = at - interval '1 day' "
              "where id in (1, 2)",
              "update app.things set code = 'c' || id, at = now()"),
    "fresh": ("update app.things set at = at - interval '2 hours'",
              "update app.things set at = now()"),
    "refers": ("update app.things set parent_id = 99 where id = 1",
               "update app.things set parent_id = id"),
    "domain": ("update app.things set kind = 'B' where id = 1",
               "update app.things set kind = 'a'"),
    "unique": ("update app.things set code = 'c2' where id = 1",
               "update app.things set code = 'c' || id"),
    "late": ("update app.things set code = null where id = 1",
             "update app.things set code = 'c' || id"),
    "rows.of": ("update app.things set kind = 'a' where kind = 'a'''",
                "select 1"),
}


def contract(directory):
    top = directory / "contract"
    if not top.exists():
        shutil.copytree(sut.TOP / "contract", top)
        shutil.rmtree(top / "expectations")
        (top / "expectations").mkdir()
        for name, row in EXPECTED.items():
            (top / f"expectations/{name}.json").write_text(
                json.dumps({"expect": name, "summary": name, **row}))
    return top


def states(s):
    out = s.cluster.psql("select name, state from lockstep.expectations")
    return dict(line.split("|") for line in out.splitlines())


def expect(s, *names):
    return s.run("expect", *names, "--config", s.config_path(0), check=False)


@case
def by_hand(s):
    """lockstep expect measures each now: 0 when all have passed, 1 when one has
    failed, 2 when one is not known."""
    done = expect(s, *PASSED)
    same(done.returncode, 0, done.stdout + done.stderr)
    same(len(done.stdout.splitlines()), len(PASSED), done.stdout)
    done = expect(s, "rows", "rows.of")
    same(done.returncode, 1, done.stdout)
    done = expect(s, "rows", "absent", "--json")
    same(done.returncode, 2, done.stdout)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    same(rows[0], {"name": "rows", "check": "rows", "state": "passed",
                   "value": 5, "threshold": {"max": 5, "min": 5},
                   "cause": None})
    same((rows[1]["state"], rows[1]["cause"]), ("unknown", "SQLSTATE 42P01"))
    same(expect(s, "nobody").returncode, 2)


@case
def each_check(s):
    """Each check fails on the data that it is for, and passes again when that is
    mended, and the others stay as they are."""
    s.cluster.psql("update app.things set kind = 'a'")
    for name, (wrong, mended) in BREAKS.items():
        if name == "rows.of":
            continue
        same(expect(s, name).returncode, 0, name)
        s.cluster.psql(wrong)
        others = sorted(PASSED - {name})
        done = expect(s, name, *others)
        same([line.split()[1] for line in done.stdout.splitlines()
              if not line.startswith("passed")], [name], done.stdout)
        s.cluster.psql(mended)
        same(expect(s, name, *others).returncode, 0, name)
    same(s.cluster.psql("select count(distinct name) from "
                        "lockstep.expectation_results where state = 'failed'")
         >= "7", True)


@case
def nothing_to_see(s):
    """Of no rows the newest is not fresh; none is null, and none points at
    nothing."""
    s.cluster.psql("create table kept as select * from app.things; "
                   "truncate app.things")
    same(expect(s, "fresh").stdout.split()[:2], ["failed", "fresh"])
    same(expect(s, "nulls", "refers", "domain", "unique").returncode, 0)
    s.cluster.psql("insert into app.things select * from kept; drop table kept")


@case
def by_the_worker(s):
    """Two workers look when it is time, each look once; a change of state is in
    the log once, in the figures and at /api/expectations, with the time since
    when."""
    service = s.token("service_role")
    s.cluster.psql("delete from lockstep.expectations; "
                   "truncate lockstep.expectation_results")
    began = s.cluster.psql("select clock_timestamp()")
    with Worker(s, "look-a", work_threads=1) as a, \
            Worker(s, "look-b", work_threads=1) as b:
        wait_for(lambda: all(states(s).get(n) == "passed" for n in PASSED) and
                 states(s).get("rows.of") == "failed", lambda: states(s), 60)
        wait_for(lambda: s.cluster.psql(
            "select count(*) from lockstep.expectations where state = 'unknown'"
            " and cause like 'SQLSTATE%'") == "2", "what is not known", 60)
        since = s.get("/api/expectations/rows", service).data["since"]
        s.cluster.psql(BREAKS["rows"][0])
        wait_for(lambda: states(s)["rows"] == "failed", "a failure", 60)
        row = s.get("/api/expectations/rows", service).data
        same((row["state"], row["value"], row["threshold"], row["cause"]),
             ("failed", 4, {"min": 5, "max": 5}, None))
        same(row["since"] > since and row["next_at"] > row["since"], True, row)
        wait_for(lambda: 'lockstep_expectation_state{expectation="rows",'
                 'state="failed"} 1' in s.ops("/metrics").body.decode(),
                 "the figure", 60)
        s.cluster.psql(BREAKS["rows"][1])
        wait_for(lambda: states(s)["rows"] == "passed", "it to pass", 60)

        def told(state):
            return len([e for w in (a, b) for e in w.events(
                "expectation", expectation="rows", state=state)])
        wait_for(lambda: told("failed") >= 1 and told("passed") >= 2, "the log",
                 60)
        same((told("failed"), told("passed")), (1, 2))
    # A look that is late may be told within the second of the next one.
    same(s.cluster.psql(f"""
        select string_agg(name || ' ' || n, ', ') from (select name, count(*)
            as n, max(checked_at) as last from lockstep.expectation_results
            group by 1) d
        where n > extract(epoch from last - timestamptz '{began}') + 2"""),
         "", "looks at once")
    found = s.get("/api/expectations?state=eq.unknown", service)
    same(sorted(e["name"] for e in found.data), ["absent", "hidden"])
    same(s.get("/api/expectations", s.token("authenticated",
                                            sut.ALICE)).status, 403)


@case
def another_contract(s):
    """What the contract says anew is not known until it is looked at."""
    path = s.directory / "contract/expectations/rows.json"
    row = json.loads(path.read_text())
    path.write_text(json.dumps({**row, "min": 6, "max": 6}))
    done = expect(s, "rows")
    same((done.returncode, done.stdout.split()[0]), (1, "failed"), done.stdout)
    path.write_text(json.dumps(row))
    same(expect(s, "rows").returncode, 0)


@case
def writes_nothing(s):
    """A look changes nothing and sees no more than its role."""
    same(s.cluster.psql("""begin; set local role service_role;
        select lockstep.expectation_value('{"table": "app.things\\"; delete from
            app.things", "check": "rows"}')""", check=False), "")
    same(s.cluster.psql("select count(*) from app.things"), "5")
    s.cluster.psql(f"update app.things set owner_id = '{sut.ALICE}'")
    same(expect(s, "narrow").returncode, 0)



def main():
    with sut.System(instances=1, nginx=True) as s:
        s.cluster.psql(TABLES)
        s.contract = contract(s.directory)
        s.configure(0)
        s.stop(0)
        s.start(0)
        s.ready()
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
