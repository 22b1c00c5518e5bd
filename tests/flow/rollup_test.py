# SPDX-License-Identifier: MIT
"""Rollups: equal to what they count at every moment, whoever writes, folds,
fills or is killed meanwhile; windows and zones; who reads them; and what an
audit finds."""

import json
import random
import shutil
import subprocess
import sys
import uuid

import system as sut
import tap
from tap import case, same
from worker import Worker

# Each change is a transaction of its own; the mix has inserts by one and by
# many, late ones, changes of score, key and time, and deletes. Writers come in
# each other's way, which undoes a change and ends nobody.
WRITING = """
create schema test;
create procedure test.change(i integer) language plpgsql as $$
declare
    company uuid;
    other uuid;
    dice double precision := random();
begin
    select id into company from app.companies
        order by id offset floor(random() * 5) limit 1;
    if dice < 0.45 then
        insert into app.events (company_id, kind, score, occurred_at)
        values (company, 'nps', floor(random() * 11),
            now() - random() * interval '2 hours');
    elsif dice < 0.55 then
        insert into app.events (company_id, kind, score, occurred_at)
        select company, 'csat', 1 + n % 5,
            now() - n * interval '7 minutes'
        from generate_series(1, 20) n;
    elsif dice < 0.6 then
        insert into app.events (company_id, kind, occurred_at)
        values (company, 'bug', now() - interval '400 days'
            * random());
    elsif dice < 0.75 then
        update app.events set score = floor(random() * 11)
        where id = (select id from app.events where kind = 'nps'
            order by occurred_at desc offset floor(random() * 50) limit 1);
    elsif dice < 0.82 then
        update app.events set occurred_at = occurred_at
            - random() * interval '3 hours'
        where id in (select id from app.events
            order by occurred_at desc offset floor(random() * 50) limit 3);
    elsif dice < 0.87 then
        select id into other from app.companies c
        where c.account_id = (select account_id from app.companies
            where id = company) and c.id <> company limit 1;
        update app.events set company_id = other
        where other is not null and id = (select id from app.events
            where company_id = company
            order by occurred_at desc offset floor(random() * 9) limit 1);
    else
        delete from app.events where id in (select id from app.events
            order by occurred_at desc offset floor(random() * 30) limit 2);
    end if;
    if i % 5 = 0 then
        update app.support_tickets set priority = case priority
            when 'urgent' then 'normal' else 'urgent' end,
            opened_by = (select id from app.users
                order by random() limit 1)
        where id = (select id from app.support_tickets
            order by id offset floor(random() * 40) limit 1);
    end if;
exception when deadlock_detected or serialization_failure then
    null;
end
$$;
create procedure test.write(seed double precision) language plpgsql as $$
begin
    perform setseed(seed);
    for i in 1 .. 2000000000 loop
        call test.change(i);
        commit;
    end loop;
end
$$;
"""
DIFFERING = ("select (select count(*) from app.company_events_compare("
             "'-infinity', 'infinity') c where c.kept is distinct from "
             "c.counted) + (select count(*) from app.company_tickets_compare("
             "'-infinity', 'infinity') c where c.kept is distinct from "
             "c.counted)")


class Writers:
    """Processes that change rows, until they are stopped."""

    def __init__(self, s, count):
        self.s = s
        self.procs = [subprocess.Popen(
            ["psql", "-X", "-q", "-d", s.cluster.conninfo(), "-c",
             f"call test.write({random.uniform(-1, 1)})"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL) for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Their sessions go on without them; one of them may only just begin.
        def ended():
            self.s.cluster.psql(
                "select count(pg_terminate_backend(pid, 10000)) from "
                "pg_stat_activity where query like 'call test.write%'")
            return None not in [p.poll() for p in self.procs]
        tap.wait_for(ended, "the writers to end", 60, 0.05)


def number(s, sql):
    return int(s.cluster.psql(sql))


def exact(s, what):
    same(number(s, DIFFERING), 0, what)


def filled(s):
    tap.wait_for(lambda: s.cluster.psql(
        "select string_agg(distinct state, ' ') from lockstep.rollups"
        ) == "ready", "the rollups to be ready", 60, 0.1)


def settled(s):
    tap.wait_for(lambda: s.cluster.psql(
        "select sum(unfolded) from lockstep.rollups_now()") == "0",
        "all to be folded", 60, 0.1)


@case
def beside_writers(s):
    """At every moment figures are what counting gives, while rows are added,
    changed, moved and deleted by several and folded by two workers."""
    folded = "select sum(folded) from lockstep.rollups"
    with Worker(s, "fold-a"), Worker(s, "fold-b"), Writers(s, 4):
        filled(s)
        before = number(s, folded)
        for n in range(40):
            exact(s, f"look {n}")
        tap.wait_for(lambda: number(s, folded) > before, "a fold", 60, 0.1)
        tap.wait_for(lambda: number(s, "select count(*) from app.company_events"
                     " where bucket < now() - interval '100 days'") > 5,
                     "late ones", 60, 0.2)
    with Worker(s, "fold-c"):
        settled(s)
    exact(s, "all is folded")
    same(number(s, "select count(*) from app.company_events_base where rows "
                "<= 0"), 0, "empty buckets")
    same(number(s, "select count(*) from app.company_tickets_values where "
                "not folded or n <= 0"), 0, "values that nobody has")


@case
def after_kills(s):
    """After each of 20 kills, of workers in a fold or of Postgres, figures are
    what counting gives, and folding goes on."""
    worker = None
    for n in range(20):
        worker = worker or Worker(s, f"kill-{n}").__enter__()
        with Writers(s, 3):
            folded = number(s, "select sum(folded) from lockstep.rollups")
            tap.wait_for(lambda: number(
                s, "select sum(folded) from lockstep.rollups") > folded,
                "a fold", 60, 0.01)
            if n % 3 == 2:
                s.cluster.stop("immediate")
                s.cluster.start()
            else:
                worker.kill_all()
                worker = None
        exact(s, f"after kill {n}")
    if worker:
        settled(s)
        worker.__exit__()


@case
def filled_beside_writers(s):
    """A rollup that is made of rows that are there is filled while others
    write, none counted twice or missed; until then it is read from the rows;
    and nobody waits for it."""
    made = s.run("gen", "rollup", "company_events", "--database",
                 s.cluster.conninfo("lockstep")).stdout
    s.cluster.psql("insert into app.events (company_id, kind, occurred_at) "
                   "select (select id from app.companies order by id limit 1),"
                   " 'praise', now() - n * interval '1 minute' from "
                   "generate_series(1, 60000) n")
    between = ("select coalesce(sum(b.events), 0) = (select count(*) from "
               "app.events where occurred_at >= now() - interval '9 days') "
               "from app.company_events_between(now() - interval '9 days', "
               "'infinity') b")
    with Writers(s, 3) as writers:
        s.cluster.psql(made, user="lockstep_owner")
        same(s.cluster.psql("select state from lockstep.rollups where name = "
                            "'company_events'"), "building")
        same(s.cluster.psql(between), "t", "read from the rows")
        filling = subprocess.Popen(
            [str(s.lockstep), "rollup", "backfill", "company_events",
             "--config", str(s.config_path(0))], cwd=sut.TOP,
            stdout=subprocess.PIPE, text=True)
        looks = 0
        while filling.poll() is None:
            same(s.cluster.psql(between), "t", "while it is filled")
            looks += 1
        same((filling.wait(), "is ready" in filling.stdout.read()), (0, True))
        filling.stdout.close()
        for n in range(5):
            exact(s, f"filled, look {n}")
        same(None in [p.poll() for p in writers.procs], True,
             "writers go on")
    same(looks > 0, True, "looks while it was filled")
    exact(s, "when the writers are gone")


@case
def audit_and_rebuild(s):
    """An audit finds each planted difference and says which, with 1; a rebuild
    mends it while others write; the worker's own audits keep count."""
    config = ("--config", s.config_path(0))
    with Worker(s, "audit-a"):
        settled(s)
    same(s.run("rollup", "audit", "company_events", "--all", *config
               ).returncode, 0)
    s.cluster.psql(
        "update app.company_events_base set promoters = promoters + 1 where "
        "(account_id, company_id, bucket) = (select account_id, company_id, "
        "bucket from app.company_events_base order by bucket limit 1); "
        "delete from app.company_events_base where (account_id, company_id, "
        "bucket) = (select account_id, company_id, bucket from "
        "app.company_events_base order by bucket desc limit 1)")
    found = s.run("rollup", "audit", "company_events", "--all", *config,
                  check=False)
    same(found.returncode, 1, found.stderr)
    same("promoters is" in found.stdout and "events is null" in found.stdout,
         True, found.stdout)
    lines = s.run("rollup", "audit", "company_events", "--all", "--json",
                  *config, check=False).stdout.splitlines()
    same(len(lines), 2, lines)
    same(set(json.loads(lines[0])), {"key", "bucket", "kept", "counted"})
    same(number(s, "select mismatches from lockstep.rollups where name = "
                "'company_events'") >= 4, True, "they are kept count of")
    with Writers(s, 2):
        s.run("rollup", "rebuild", "company_events", *config)
        exact(s, "rebuilt")
    same(s.run("rollup", "audit", "company_events", "--all", *config
               ).returncode, 0)
    same(s.run("rollup", "audit", "company_tickets", "--buckets", "30",
               *config).returncode, 0)
    same(number(s, "select mismatches from lockstep.rollups where name = "
                "'company_events'"), 0)
    s.cluster.psql("update lockstep.rollups set audited_at = null; update "
                   "app.company_tickets_base set urgent = urgent + 1")
    with Worker(s, "audit-b") as w:
        tap.wait_for(lambda: any(w.events("rollup_mismatch",
                                          name="company_tickets")),
                     "the worker's audit", 60, 0.1)
        tap.wait_for(lambda: number(
            s, "select count(*) from lockstep.rollups where audited_at is "
            "null") == 0, "both to be audited", 60, 0.1)
    s.run("rollup", "rebuild", "company_tickets", *config)
    exact(s, "both rebuilt")
    told = [json.loads(line) for line in
            s.run("rollup", "list", "--json", *config).stdout.splitlines()]
    same([(r["name"], r["state"], r["mismatches"]) for r in told],
         [("company_events", "ready", 0), ("company_tickets", "ready", 0)])
    for words in (["audit", "nobody"], ["audit"], ["list", "x"], ["fold"],
                  ["rebuild", "company_events", "--all"]):
        same(s.run("rollup", *words, *config, check=False).returncode, 2,
             words)


@case
def truncate_refused(s):
    """What cannot be taken away by its rows is refused."""
    same(s.cluster.psql("truncate app.events", check=False), "")
    same(number(s, "select count(*) from app.events") > 0, True)
    exact(s, "nothing was lost")


def company(s, name, account=None):
    """A company without anything; its id."""
    account = account or s.cluster.psql(
        "select account_id from app.account_members where user_id = "
        f"'{sut.ALICE}' order by account_id limit 1")
    return s.cluster.psql(
        f"insert into app.companies (account_id, name) values ('{account}', "
        f"'{name}') returning id")


AT = "timestamptz '2026-06-15 12:07:30.000001+00'"


def health(s, who, at=AT, days=90):
    text = s.cluster.psql("select row_to_json(h) from app.company_health_at("
                          f"'{who}', {days}, {at}) h")
    return json.loads(text)


def event(s, who, at, kind="bug", score="null"):
    s.cluster.psql("insert into app.events (company_id, kind, score, "
                   f"occurred_at) values ('{who}', '{kind}', {score}, {at})")


def both(s, look):
    """What is said is said again when all is folded."""
    first = look()
    s.cluster.psql("select lockstep.fold_rollups(100000)",
                   user="lockstep_worker")
    same(look(), first, "folded")
    return first


@case
def window_edges(s):
    """By a fixed clock: an event counts from its time until it is 90 days old
    to the microsecond, tickets 30; nobody knows how a silent company is; the
    score falls as days pass and with tickets."""
    c = company(s, "Edges")
    same([health(s, c)[k] for k in ("score", "events", "days_since_event",
                                    "nps", "recent_tickets")],
         [None, 0, None, None, 0], "nobody said anything")
    event(s, c, f"{AT} - interval '90 days'")
    got = both(s, lambda: health(s, c))
    same((got["events"], got["days_since_event"], got["score"]), (1, 90, 51))
    late = f"{AT} + interval '1 microsecond'"
    got = both(s, lambda: health(s, c, late))
    same((got["events"], got["score"]), (0, None), "a microsecond later")
    same(health(s, c, late, 91)["events"], 1, "of 91 days")
    same(health(s, c, late, 91)["score"], None, "the score is of 90")
    for _ in range(12):
        event(s, c, AT)
    got = both(s, lambda: health(s, c))
    same((got["events"], got["days_since_event"], got["score"]), (13, 0, 100))
    same(health(s, c, f"{AT} + interval '45 days'")["score"], 80)
    same(health(s, c, f"{AT} + interval '89 days 23:59:59'")["score"], 60)
    event(s, c, f"{AT} + interval '1 hour'")
    same(health(s, c)["days_since_event"], 0, "a clock that is ahead")
    for n, (ago, priority) in enumerate(((
            "30 days", "urgent"), ("30 days 00:00:00.000001", "urgent"),
            ("1 day", "normal"), ("1 hour", "urgent"))):
        s.cluster.psql(
            "insert into app.support_tickets (company_id, subject, priority, "
            f"opened_by, created_at) values ('{c}', 'T{n}', '{priority}', "
            f"'{sut.ALICE}', {AT} - interval '{ago}')")
    got = both(s, lambda: health(s, c))
    same((got["recent_tickets"], got["recent_urgent_tickets"], got["score"],
          got["urgent_tickets"]), (3, 2, 74, 3))
    s.cluster.psql(f"delete from app.support_tickets where company_id = '{c}'")
    s.cluster.psql(f"delete from app.events where company_id = '{c}' and "
                   f"occurred_at > {AT} - interval '1 day'")
    got = both(s, lambda: health(s, c))
    same((got["events"], got["last_event_at"][:10]), (1, "2026-03-17"),
         "the last event is found again when later ones are deleted")


@case
def any_window(s):
    """As a window slides over any edges, whole buckets and rows at both edges
    are what counting gives."""
    wrong = s.cluster.psql("""
with w as (
    select since, since + random() * random() * interval '4 days' as until
    from (select now() - random() * interval '3 days' as since
        from generate_series(1, 60)) r
    union all values (now(), now()), ('-infinity', 'infinity'),
        (now(), now() - interval '1 hour')
)
select count(*) from w
cross join lateral (select coalesce(sum(b.events), 0) as events,
    coalesce(sum(b.promoters), 0) as promoters,
    max(b.last_event_at) as last
    from app.company_events_between(w.since, w.until) b) b
cross join lateral (select count(*) as events, count(*) filter (
    where kind = 'nps' and score >= 9) as promoters, max(occurred_at) as last
    from app.events where occurred_at >= w.since and occurred_at < w.until) e
where (b.events, b.promoters, b.last) is distinct from
    (e.events, e.promoters, e.last)
""")
    same(wrong, "0")
    same(s.cluster.psql("""
select count(*) from app.company_tickets_between(now() - interval '20 days',
    now()) b
where b.openers <> (select count(distinct opened_by) from app.support_tickets t
    where t.company_id = b.company_id
    and created_at >= now() - interval '20 days' and created_at < now())
"""), "0", "distinct over a window")


def steps(s, who, since, until, bucket, zone):
    text = s.cluster.psql(
        "select json_agg(f order by at) from app.feedback_series((select "
        f"account_id from app.companies where id = '{who}'), '{who}', "
        f"'{since}', '{until}', '{bucket}', '{zone}') f")
    return json.loads(text)


@case
def zones(s):
    """Days and hours are those of the zone: 23 and 25 hours where the clock is
    changed, also at midnight, quarters in Kathmandu, half an hour in Lord Howe;
    those without events are there, and each event is in one."""
    c = company(s, "Zones")
    s.cluster.psql(
        "insert into app.events (company_id, kind, occurred_at) select "
        f"'{c}', 'bug', n from generate_series(timestamptz '2026-03-27', "
        "'2026-04-06', '10 minutes') n; insert into app.events (company_id, "
        f"kind, occurred_at) select '{c}', 'bug', n from generate_series("
        "timestamptz '2026-10-24', '2026-10-27', '10 minutes') n")
    days = both(s, lambda: steps(s, c, "2026-03-27T23:00:00Z",
                                 "2026-03-30T22:00:00Z", "day",
                                 "Europe/Berlin"))
    same([(d["seconds"] // 3600, d["events"]) for d in days],
         [(24, 144), (23, 138), (24, 144)])
    days = steps(s, c, "2026-10-24T12:00:00Z", "2026-10-25T22:59:59Z", "day",
                 "Europe/Berlin")
    same([(d["seconds"] // 3600, d["events"]) for d in days],
         [(24, 132), (25, 150)], "from the day that has the time in it")
    hours = steps(s, c, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
                  "hour", "Europe/Berlin")
    same(([h["seconds"] for h in hours], [h["events"] for h in hours]),
         ([3600] * 25, [6] * 25), "two o'clock comes twice")
    hours = steps(s, c, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
                  "hour", "Europe/Berlin")
    same(len(hours), 23)
    days = steps(s, c, "2026-03-28T18:15:00Z", "2026-03-30T18:15:00Z", "day",
                 "Asia/Kathmandu")
    same([(d["at"][11:16], d["events"]) for d in days], [("18:15", 144)] * 2)
    hours = steps(s, c, "2026-04-04T14:00:00Z", "2026-04-04T18:00:00Z",
                  "hour", "Australia/Lord_Howe")
    same(sum(h["seconds"] for h in hours), sum(
        600 * h["events"] for h in hours), "each event in one")
    same([h["seconds"] for h in hours], [600 * h["events"] for h in hours],
         "which is of its time")
    s.cluster.psql(
        "insert into app.events (company_id, kind, occurred_at) select "
        f"'{c}', 'bug', n from unnest('{{2010-11-06,2025-02-01,2025-03-08,"
        "2025-10-25,2025-11-01,2018-02-17}'::timestamptz[]) d, "
        "generate_series(d, d + interval '4 days' - interval '10 minutes', "
        "'10 minutes') n")
    for zone, since, until, firsts, lengths in (
            ("Atlantic/Azores", "2025-10-25T00:00Z", "2025-10-28T00:00Z",
             ["25T00:00", "26T00:00", "27T01:00"], [24, 25, 24]),
            ("Atlantic/Azores", "2025-10-25T00:00Z", "2025-10-26T00:45Z",
             ["25T00:00", "26T00:00"], [24, 25]),
            ("Atlantic/Azores", "2025-10-26T01:30Z", "2025-10-26T01:45Z",
             ["26T00:00"], [25]),
            ("America/Havana", "2025-11-01T04:00Z", "2025-11-04T05:00Z",
             ["01T04:00", "02T04:00", "03T05:00"], [24, 25, 24]),
            ("America/Havana", "2025-03-08T05:00Z", "2025-03-10T05:00Z",
             ["08T05:00", "09T05:00", "10T04:00"], [24, 23, 24]),
            # Midnight is before the hour that comes twice, or within it.
            ("America/Sao_Paulo", "2018-02-17T02:00Z", "2018-02-19T03:00Z",
             ["17T02:00", "18T03:00"], [25, 24]),
            ("America/St_Johns", "2010-11-06T03:00Z", "2010-11-07T03:00Z",
             ["06T02:30", "07T02:30"], [24, 25]),
    ):
        days = both(s, lambda: steps(s, c, since, until, "day", zone))
        same(([d["at"][8:16] for d in days],
              [d["seconds"] // 3600 for d in days],
              [d["events"] for d in days]),
             (firsts, lengths, [6 * n for n in lengths]), f"{zone} {since}")
    quiet = steps(s, c, "2026-04-06T12:00:00Z", "2026-04-10T12:00:00Z", "day",
                  "UTC")
    same([(d["events"], d["nps"], d["csat_average"]) for d in quiet[1:]],
         [(0, None, None)] * 4, "without events")
    same(steps(s, c, "2026-10-24", "2026-10-27", "day", "UTC"),
         (s.cluster.psql("update lockstep.rollups set state = 'building'"),
          steps(s, c, "2026-10-24", "2026-10-27", "day", "UTC"),
          s.cluster.psql("update lockstep.rollups set state = 'ready'"))[1],
         "read from the rows")


def as_user(s, sub, sql, role="authenticated"):
    claims = json.dumps({"sub": sub, "role": role})
    return s.cluster.psql(f"set request.jwt.claims = '{claims}'; set role "
                          f"{role}; {sql}", check=False)


@case
def readers(s):
    """Who sees the rows sees their figures, in the view, in its tables and by
    functions, and nobody else; nobody writes them."""
    whole = s.cluster.psql("select sum(events) from app.company_events")
    stranger = str(uuid.uuid4())
    for name in ("company_events", "company_events_base",
                 "company_events_delta", "company_tickets_values"):
        same(as_user(s, stranger, f"select count(*) from app.{name}"), "0",
             name)
        same(as_user(s, "", f"select 1 from app.{name}", "anon"), "", name)
    same(as_user(s, stranger, "select count(*) from app.company_events_between"
                 "('-infinity', 'infinity')"), "0")
    mine = as_user(s, sut.ALICE, "select sum(events) from app.company_events")
    same(mine, as_user(s, sut.ALICE, "select count(*) from app.events"),
         "hers")
    same(0 < int(mine) < int(whole), True, "and not all")
    same(as_user(s, "", "select sum(events) from app.company_events",
                 "service_role"), whole)
    for sql in ("update app.company_events_base set events = 0",
                "delete from app.company_events_delta",
                "select app.company_events_fold(1)",
                "select lockstep.fold_rollups(1)",
                "select app.company_events_recount('-infinity', 'infinity')",
                "select app.company_events_compare('-infinity', 'infinity')"):
        for role in ("authenticated", "service_role"):
            same(as_user(s, sut.ALICE, sql + " returning 1" if "set" in sql
                         or "delete" in sql else sql, role), "", sql)


@case
def by_the_api(s):
    """Health and series by the API are fresh in the next request; rollups are
    told to our servers alone; the figures are measured."""
    service = s.token("service_role")
    c = company(s, "Api")
    path = f"/api/companies/{c}"
    same(s.get(path + "/health", s.alice).data["score"], None)
    reply = s.curl("POST", "/api/events", s.alice, {
        "company_id": c, "kind": "nps", "score": 10, "message": "Fine."})
    same(reply.status, 201, reply.body)
    got = s.get(path + "/health", s.alice).data
    same((got["events"], got["nps"], got["days_since_event"], got["score"]),
         (1, 100, 0, 91))
    series = s.get(path + "/series?bucket=hour&zone=Asia/Kathmandu",
                   s.alice).data
    # An hour, or a day, may have begun since.
    same((len(series) in (720, 721, 722), sum(one["events"] for one in
                                              series[-2:])), (True, 1))
    account = s.get(path, s.alice).data["account_id"]
    same(sum(one["events"] for one in s.get(
        f"/api/accounts/{account}/series", s.alice).data[-2:]) >= 1, True)
    same(s.get(path + "/series?zone=Mars/Olympus", s.alice).error["code"],
         "zone_unknown")
    same(s.get(path + "/series?since=2020-01-01T00:00:00Z", s.alice
               ).error["code"], "range_invalid")
    same(s.get(f"/api/companies/{uuid.uuid4()}/series", s.alice).status, 404)
    with Worker(s, "api"):
        settled(s)
        tap.wait_for(lambda: 'lockstep_rollup_lag_seconds{rollup='
                     '"company_events"} ' in s.ops("/metrics").body.decode(),
                     "the figures", 60, 0.1)
        rows = s.get("/api/rollups?name=eq.company_events", service).data
        same([(r["source"], r["bucket"], r["state"], r["fault"])
              for r in rows], [("app.events", "PT15M", "ready", None)])
        same(set(rows[0]) >= {"lag_s", "unfolded", "folded_at", "audited_at",
                              "mismatches"}, True)
        same(s.get("/api/rollups/company_tickets", service).data["source"],
             "app.support_tickets")
    same(s.get("/api/rollups", s.alice).status, 403)


def found_by_check(s):
    out = s.run("check", "--database", s.cluster.conninfo("lockstep"),
                "--format", "json", check=False).stdout
    return sorted({f["id"] for f in json.loads(out)
                   if f["id"].startswith("rollup-")})


def made(s, name):
    """What gen makes, or why not."""
    done = s.run("gen", "rollup", name, "--database",
                 s.cluster.conninfo("lockstep"), check=False)
    return done.stdout or done.stderr


@case
def policies_for_public(s):
    """A policy without TO holds the readers of the figures as it holds those
    of the rows, or the rollup is refused, with its column or lockstep_rollup
    named."""
    hidden = s.cluster.psql(
        "select company_id from app.events where account_id in (select "
        f"account_id from app.account_members where user_id = '{sut.ALICE}') "
        "group by 1 order by count(*) desc limit 1")

    def policy(text):
        s.cluster.psql("drop policy if exists hiding on app.events; create "
                       f"policy hiding on app.events {text}")
    policy("as restrictive for select using (kind <> 'bug')")
    same('the policy hiding of app.events asks "kind"' in
         made(s, "company_events"), True, made(s, "company_events"))
    policy(f"as restrictive for select using (company_id <> '{hidden}')")
    same("so lockstep_rollup could not count" in made(s, "company_events"),
         True, made(s, "company_events"))
    policy("as restrictive for select using (current_user = 'lockstep_rollup'"
           f" or company_id <> '{hidden}')")
    same(found_by_check(s), ["rollup-policy"])
    s.cluster.psql(made(s, "company_events"), user="lockstep_owner")
    same(found_by_check(s), [])
    s.run("rollup", "backfill", "company_events", "--config",
          s.config_path(0))
    look = ("select (select count(*) from app.events), (select sum(events) "
            "from app.company_events), (select sum(events) from app."
            "company_events_between('-infinity', 'infinity')), (select "
            "count(*) from app.company_events_base where company_id = "
            f"'{hidden}')")
    event(s, hidden, "now()")
    rows, view, between, base = as_user(s, sut.ALICE, look).split("|")
    same((view, between, base), (rows, rows, "0"), "what ALICE sees")
    exact(s, "it counts all rows")
    s.cluster.psql("select lockstep.fold_rollups(100000)",
                   user="lockstep_worker")
    same(number(s, "select count(*) from app.company_events_delta"), 0,
         "all is folded")
    policy("for select using (false)")
    same(made(s, "company_events").count("to public"), 2, "copied")
    s.cluster.psql("drop policy hiding on app.events")
    s.cluster.psql(made(s, "company_events"), user="lockstep_owner")
    s.run("rollup", "backfill", "company_events", "--config",
          s.config_path(0))
    same(found_by_check(s), [])


@case
def column_grants(s):
    """Who may not select a column that is counted does not read its figures:
    gen refuses, and check finds a grant that was taken away later."""
    s.cluster.psql("revoke select (score) on app.events from authenticated")
    why = made(s, "company_events")
    same("the role authenticated reads rows of app.events, but may not select "
         '"score"' in why, True, why)
    same(found_by_check(s), ["rollup-policy"])
    s.cluster.psql("revoke select (id, account_id, company_id, external_id, "
                   "kind, message, attributes, occurred_at, created_at) on "
                   "app.events from authenticated")
    same("to lockstep_rollup, service_role;" in made(s, "company_events"),
         True, "who selects nothing is no reader")
    s.cluster.psql("grant select (id, account_id, company_id, external_id, "
                   "kind, score, message, attributes, occurred_at, created_at) "
                   "on app.events to authenticated")
    same(found_by_check(s), [])


@case
def checked(s):
    """`lockstep check` is silent; and finds a trigger that is gone or off, a
    function that counts otherwise, and a policy that differs; what gen makes
    mends them, and faults of one rollup keep no other from being folded."""
    def found():
        return found_by_check(s)
    same(found(), [])
    s.cluster.psql("alter table app.events disable trigger "
                   "company_events_delete")
    same(found(), ["rollup-trigger"])
    s.cluster.psql("alter table app.events enable trigger "
                   "company_events_delete; alter policy authenticated_select "
                   "on app.company_events_base using (true)")
    same(found(), ["rollup-policy"])
    s.cluster.psql("create or replace function app.company_events_fold(most "
                   "integer) returns bigint language plpgsql as $$ begin "
                   "raise division_by_zero; end $$")
    same(found(), ["rollup-differs", "rollup-policy"])
    c = company(s, "Faulty")
    event(s, c, "now()")
    s.cluster.psql(
        "insert into app.support_tickets (company_id, subject, opened_by) "
        f"values ('{c}', 'T', '{sut.ALICE}')")
    with Worker(s, "faulty") as w:
        tap.wait_for(lambda: any(w.events("rollup_fault", code="22012")),
                     "the fault in the log", 60, 0.1)
        tap.wait_for(lambda: s.cluster.psql(
            "select unfolded from lockstep.rollups_now() where name = "
            "'company_tickets'") == "0", "the other to be folded", 60, 0.1)
    same(s.cluster.psql("select fault from lockstep.rollups where name = "
                        "'company_events'"), "22012")
    exact(s, "read all the same")
    s.cluster.psql(s.run("gen", "rollup", "company_events", "--database",
                         s.cluster.conninfo("lockstep")).stdout,
                   user="lockstep_owner")
    same(found(), [])
    s.run("rollup", "backfill", "company_events", "--config",
          s.config_path(0))
    exact(s, "made anew")


@case
def unfillable(s):
    """A rollup that cannot be filled says so in the log, in lockstep.rollups
    and as a check, however often it is folded, until it can."""
    check = ("select value > threshold from lockstep.watch_rollups("
             "'{\"rollups\": [\"company_tickets\"]}', '{\"lag_s\": 60}') where "
             "name = 'rollup_unfilled' and subject = 'company_tickets'")
    kept = s.cluster.psql("select pg_get_functiondef("
                          "'app.company_tickets_recount'::regproc)")
    same(s.cluster.psql(check), "f")
    s.cluster.psql(
        "create or replace function app.company_tickets_recount(since "
        "timestamptz, until timestamptz) returns void language plpgsql as $$ "
        "begin raise division_by_zero; end $$; update lockstep.rollups set "
        "state = 'building', filled_to = '-infinity', folded_at = null where "
        "name = 'company_tickets'")
    with Worker(s, "unfillable") as w:
        tap.wait_for(lambda: any(w.events("rollup_fault", code="22012",
                                          name="company_tickets")),
                     "the fault in the log", 20, 0.1)
        tap.wait_for(lambda: s.cluster.psql(
            "select folded_at is not null from lockstep.rollups where name = "
            "'company_tickets'") == "t", "it to be folded", 20, 0.1)
        same(s.cluster.psql("select fill_fault, fault is null from "
                            "lockstep.rollups where name = 'company_tickets'"),
             "22012|t")
        same(s.cluster.psql(check), "t")
        same("cannot be filled: 22012" in s.run(
            "rollup", "list", "--config", s.config_path(0)).stdout, True)
        s.cluster.psql(kept)
        filled(s)
    same(s.cluster.psql(check), "f")
    exact(s, "filled")


@case
def slow_folds(s):
    """One that takes too long holds no other up, and is folded in smaller and
    smaller parts, until it ends; then in greater ones again."""
    fold = ("set statement_timeout = '{}'; select folded, fault from lockstep."
            "fold_rollup('company_events', {})")
    most = ("select coalesce(fold_most, 0) from lockstep.rollups where name = "
            "'company_events'")

    def once(limit="200ms", n=1000):
        return s.cluster.psql(fold.format(limit, n), user="lockstep_worker")
    s.cluster.psql("select lockstep.fold_rollups(1000000)",
                   user="lockstep_worker")
    s.cluster.psql(
        "alter function app.company_events_fold(integer) rename to kept_fold; "
        "create function app.company_events_fold(most integer) returns bigint "
        "language plpgsql as $$ begin if most > 20000 or most = 1000 or most "
        "< 500 then perform pg_sleep(60); end if; return app.kept_fold(most); "
        "end $$; grant execute on function app.company_events_fold(integer) "
        "to lockstep_rollup")
    c = company(s, "Slow")
    event(s, c, "now()")
    same((once(), number(s, most)), ("0|57014", 500))
    for less in (250, 125, 100, 100):
        s.cluster.psql("update lockstep.rollups set fold_most = 499 where "
                       "name = 'company_events' and fold_most = 500")
        same((once(), number(s, most) in (less, less - 1)), ("0|57014", True),
             f"at most {less}")
    same(number(s, most), 100, "no less")
    s.cluster.psql("update lockstep.rollups set fold_most = 500 where name = "
                   "'company_events'")
    same((once("20s", 10000), number(s, most)), ("1|", 1000), "more again")
    event(s, c, "now()")
    s.cluster.psql(
        "update lockstep.rollups set fold_most = null; insert into "
        "app.support_tickets (company_id, subject, opened_by) "
        f"values ('{c}', 'T', '{sut.ALICE}')")
    with Worker(s, "slow") as w:
        tap.wait_for(lambda: s.cluster.psql(
            "select unfolded from lockstep.rollups_now() where name = "
            "'company_tickets'") == "0", "the other to be folded", 20, 0.1)
        tap.wait_for(lambda: any(w.events("rollup_fault", code="57014",
                                          name="company_events")),
                     "the time-out in the log", 20, 0.1)
        settled(s)
    s.cluster.psql("drop function app.company_events_fold(integer); alter "
                   "function app.kept_fold(integer) rename to "
                   "company_events_fold")
    exact(s, "all the same")


EVERY = {
    "rollup": "test_every", "source": "app.events",
    "key": ["kind", "account_id"], "time": "occurred_at", "bucket": "1h",
    "window_days": 300, "measures": {
        "order": {"count": True, "where": {"message": "ilike.*o'clock*"}},
        "score": {"sum": "score", "where": {"kind": "in.(nps,csat)"}},
        "least": {"min": "score", "where": {"score": "not.is.null"}},
        "word": {"max": "message", "where": {"message": "neq.x"}},
        "first_at": {"min": "created_at"},
        "companies": {"distinct": "company_id"},
        "scores": {"distinct": "score", "where": {"score": "gte.3"}},
        "mean": {"average": "score", "where": {"score": "not.eq.7"}},
    }}


@case
def every_measure(s):
    """Each kind of measure, of conditions of each kind, is what counting
    gives, as rows come, change and go, in deltas and folded; and a rollup of
    which the source's policies ask too much is refused."""
    top = s.directory / "every"
    shutil.copytree(sut.TOP / "contract", top)
    path = top / "rollups/test_every.json"
    path.write_text(json.dumps(EVERY))
    gen = ("gen", "rollup", "test_every", "--contract", top, "--database",
           s.cluster.conninfo("lockstep"))
    s.cluster.psql(s.run(*gen).stdout, user="lockstep_owner")
    s.cluster.psql("grant select on app.events to lockstep_rollup")
    s.run("rollup", "backfill", "test_every", "--config", s.config_path(0))
    look = ("select count(*) from app.test_every_compare('-infinity', "
            "'infinity') c where c.kept is distinct from c.counted")
    changes = (
        "insert into app.events (company_id, kind, score, message, "
        "occurred_at) select c.id, k, n, case n when 3 then 'Six o''clock' "
        "when 4 then 'x' else 'm' || n end, timestamptz '2026-08-01' + n * "
        "interval '20 minutes' from (select id from app.companies order by id "
        "limit 3) c, unnest('{nps,csat,bug}'::text[]) k, generate_series(1, "
        "5) n",
        "update app.events set message = 'O''Clock' where score = 2 and "
        "occurred_at < '2026-08-02' and occurred_at >= '2026-08-01'",
        "update app.events set score = score",
        "update app.events set attributes = '{}'",
        "delete from app.events where score in (1, 5) and occurred_at < "
        "'2026-08-02' and occurred_at >= '2026-08-01'",
        "update app.events set kind = 'csat', occurred_at = occurred_at + "
        "interval '50 minutes' where kind = 'nps' and score between 1 and 5",
        "update app.events set kind = 'comment', score = null where kind = "
        "'csat' and score = 3",
        "delete from app.events where kind = 'csat'")
    for change in changes:
        s.cluster.psql(change)
        same(number(s, look), 0, change)
        if change != changes[-2]:
            s.cluster.psql("select lockstep.fold_rollups(7)",
                           user="lockstep_worker")
        same(number(s, look), 0, "folded in part: " + change)
    s.cluster.psql("select lockstep.fold_rollups(1000000)",
                   user="lockstep_worker")
    same(number(s, look), 0, "all is folded")
    same(number(s, "select count(*) from app.test_every_delta"), 0)
    path.write_text(json.dumps({**EVERY, "key": ["company_id"]}))
    refused = s.run(*gen, check=False)
    same((refused.returncode, "asks \"account_id\"" in refused.stderr),
         (2, True), refused.stderr)
    path.write_text(json.dumps({**EVERY, "measures": {
        "times": {"distinct": "created_at"}}}))
    refused = s.run(*gen, check=False)
    same((refused.returncode, "are counted by their text" in refused.stderr),
         (2, True), refused.stderr)
    path.unlink()
    s.cluster.psql("select lockstep.forget_rollup('test_every')",
                   user="lockstep_owner")


@case
def as_made(s):
    """The migration and the policies in the tree are what gen makes now."""
    database = ("--database", s.cluster.conninfo("lockstep"))
    text = (sut.TOP / "migrations/0027_rollup_operations.sql").read_text()
    same(s.run("gen", "rollup", "--all", *database).stdout in text, True)
    for name in ("company_events", "company_tickets"):
        same((sut.TOP / f"policies/{name}.sql").read_text(), s.run(
            "gen", "rollup", name, "--policies", *database).stdout, name)


def main():
    with sut.System(instances=1) as s:
        conf = s.config_path(0)
        text = conf.read_text()
        if "work_database" not in text:
            conf.write_text(text + "work_database = "
                            + s.cluster.conninfo("lockstep_worker") + "\n")
        s.alice = s.token("authenticated", sut.ALICE)
        s.cluster.psql(WRITING)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
