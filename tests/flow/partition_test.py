# SPDX-License-Identifier: MIT
"""Events by the month in which they occurred: rows go where they belong whatever
their time, keys hold over all parts, parts are made ahead and let go beside those
who read and write, and what is killed leaves nothing that is not as it should be.

The database's functions take the time as an argument, and months are counted
from the first part, so no case depends on today."""

import collections
import concurrent.futures
import contextlib
import datetime
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import system as sut
import tap
from tap import case, same, wait_for
from worker import Worker

class First:
    """When the first part begins, which is this month, or was when it was made."""

    at = None


def month(count, day=1):
    """The first (or so) of the month that is so many after the first one."""
    n = First.at.year * 12 + First.at.month - 1 + count
    return First.at.replace(year=n // 12, month=n % 12 + 1, day=day)


def name_of(count):
    return f"app.events_{month(count):%Y_%m}"


class World:
    def __init__(self, system):
        self.system = s = system
        self.serial = 0
        First.at = datetime.datetime.fromisoformat(self.sql(
            "select to_char(min(lower) at time zone 'UTC', "
            "'YYYY-MM-DD\"T12:00:00+00:00\"') from lockstep.partition_parts "
            "where lower > '-infinity'"))
        self.alice = s.token("authenticated", sut.ALICE)
        # Who may tell what is yet to come.
        self.server = s.token("service_role", None)
        self.company = s.get("/api/companies?limit=1&select=id",
                             self.alice).data[0]["id"]

    def sql(self, text, **more):
        return self.system.cluster.psql(text, **more)

    def owner(self, text, **more):
        return self.sql(text, user="lockstep_owner", **more)

    def tag(self):
        self.serial += 1
        return f"p{self.serial}"

    def event(self, external, at=None, **more):
        return {"company_id": self.company, "kind": "bug",
                "external_id": external,
                **({"occurred_at": at.isoformat()} if at else {}), **more}

    def create(self, event):
        return self.system.curl("POST", "/api/events", self.server, event)

    def parts_of(self, tag):
        rows = self.sql("select external_id, tableoid::regclass from app.events "
                        f"where external_id like '{tag}-%' order by 1")
        return [row.split("|")[1] for row in rows.splitlines()]

    def step(self, at, most=10000, check=True):
        return self.owner("select lockstep.partition_step('app.events', "
                          f"'{at.isoformat()}', {most})", check=check)

    def settle(self, at):
        """All steps up to a time; what they did."""
        done = []
        while True:
            # A step that finds the table locked leaves it, and is done again.
            said = wait_for(lambda: self.tried(at), "a step")[0]
            if not said:
                return done
            done.append(said)

    def tried(self, at):
        with contextlib.suppress(AssertionError):
            return [self.step(at)]
        return None

    def tried_with(self, at, most):
        """A step; what cannot be done says nothing."""
        said = self.owner("select coalesce(lockstep.partition_step('app.events', "
                          f"'{at.isoformat()}', {most}), '')", check=False)
        return [said]

    def legal(self):
        """The parts leave no gap, are what is said of them, can be asked by
        nobody, and the keys are the events'."""
        same(self.sql("""
            select count(*) from (select part, lower, upper, lag(upper) over
                (order by lower) as before, lead(lower) over (order by lower)
                as following from lockstep.partition_parts
                where state = 'attached') p
            where case when before is null then lower <> '-infinity'
                else lower <> before end
            or (following is null and upper <> 'infinity')"""), "0", "a gap")
        same(self.sql("""
            select count(*) from (select i.inhrelid as part from pg_inherits i
                where i.inhparent = 'app.events'::regclass) i
            full join (select part::regclass::oid as part, lower, upper
                from lockstep.partition_parts where state = 'attached') p
                using (part) left join pg_class c on c.oid = part
            where i.part is null or p.part is null
            or lower > '-infinity' and strpos(pg_get_expr(c.relpartbound,
                c.oid), 'FROM (' || quote_literal(lower) || ')') = 0
            or upper < 'infinity' and strpos(pg_get_expr(c.relpartbound,
                c.oid), 'TO (' || quote_literal(upper) || ')') = 0"""), "0",
             "parts")
        same(self.sql("""
            select count(*) from pg_class c join pg_inherits i on
                i.inhrelid = c.oid where i.inhparent = 'app.events'::regclass
            and (not c.relrowsecurity or not c.relforcerowsecurity or exists
                (select from aclexplode(c.relacl) a
                    where a.grantee <> c.relowner))"""), "0", "an open part")
        same(self.sql("""
            select count(*) from (select e.id, e.account_id, e.external_id
                from app.events e) e
            full join app.event_keys k on k.id = e.id
                and k.account_id = e.account_id
                and k.external_id is not distinct from e.external_id
            where (e.id is null or k.id is null) and not exists (
                select from lockstep.partition_parts p
                where p.state = 'leaving')"""), "0", "keys")


@case
def where_they_belong(w):
    """An event of any time is taken, and is in the part of its month, or in the
    one of what is late or yet to come; the list has them in their order."""
    tag = w.tag()
    times = [month(-200), month(-1), month(0, 2), month(1), month(3), month(4),
             month(0).replace(year=9998)]
    for n, at in enumerate(times):
        reply = w.create(w.event(f"{tag}-{n}", at))
        same(reply.status, 201, reply.body)
        same(w.system.get("/api/events/" + reply.data["id"],
                          w.alice).data["external_id"], f"{tag}-{n}")
    same(w.parts_of(tag), ["app.events_before", "app.events_before",
         name_of(0), name_of(1), name_of(3), "app.events_after",
         "app.events_after"])
    found, path = [], f"/api/events?company_id=eq.{w.company}&limit=3"
    while path:
        reply = w.system.get(path, w.alice)
        found += [e["external_id"] for e in reply.data]
        after = reply.json["meta"]["page"]["next"]
        path = after and (f"/api/events?company_id=eq.{w.company}&limit=50"
                          f"&after={after}")
    same([e for e in found if (e or "").startswith(tag)],
         [f"{tag}-{n}" for n in reversed(range(len(times)))])
    w.legal()


@case
def once(w):
    """An account takes an external id once, whatever the month: a create is
    answered 409, many at once make one, lists of events pass over it."""
    tag = w.tag()
    same(w.create(w.event(f"{tag}-1", month(0))).status, 201)
    for count in (0, 1, -3, 9):
        reply = w.create(w.event(f"{tag}-1", month(count)))
        same((reply.status, reply.error["code"]), (409, "external_id_taken"))
        same(reply.error["issues"][0]["pointer"], "/external_id")
    reply = w.system.curl("POST", "/api/events/batch", w.server, {"events": [
        w.event(f"{tag}-{n}", month(n)) for n in (1, 2, 2, 3)]})
    same(reply.data, {"accepted": 2, "duplicates": 2}, reply.body)
    reply = w.system.curl("POST", "/api/events", w.server, [
        w.event(f"{tag}-{n}", month(-n)) for n in (1, 2, 3, 4, 4)] +
        [w.event(f"{tag}-5", kind="x")])
    same((reply.data["accepted"], reply.data["duplicates"],
          reply.data["rejected"]), (1, 4, 1), reply.body)
    same(w.sql("select current_setting('lockstep.pass_over', true)"), "")
    w.legal()


@case
def once_at_once(w):
    """Of many that add the same ones in other months at the same time, one is
    taken of each, whichever way they come."""
    tag = w.tag()
    rng = random.Random(8)

    def alone(n):
        return [w.create(w.event(f"{tag}-{n}", month(rng.randrange(-2, 5)))
                         ).status for n in range(n % 5, 30, 5)]

    def together(path):
        events = [w.event(f"{tag}-{n}", month(rng.randrange(-2, 5)))
                  for n in range(30)]
        reply = w.system.curl("POST", path, w.server, events if path ==
                              "/api/events" else {"events": events})
        return reply.data["accepted"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ones = [pool.submit(alone, n) for n in range(10)]
        lots = [pool.submit(together, path) for path in (
            "/api/events", "/api/events/batch") * 4]
        codes = collections.Counter(c for o in ones for c in o.result())
        many = sum(m.result() for m in lots)
    same(set(codes) <= {201, 409}, True, codes)
    same(codes[201] + many, 30, (codes, many))
    same(len(w.parts_of(tag)), 30)
    w.legal()


@case
def ids(w):
    """An id is there once in all parts, by whoever writes it."""
    said = w.sql(f"""
        set role service_role; reset role;
        insert into app.events (id, company_id, kind, occurred_at)
        select id, company_id, kind, occurred_at + interval '40 days'
        from app.events order by occurred_at desc limit 1""", check=False)
    same(said, "")
    w.legal()


@case
def goes_with_them(w):
    """With a company go its events of all parts, and their keys; an event that
    is moved to another month keeps its key."""
    account = w.sql(f"select account_id from app.companies where id = "
                    f"'{w.company}'")
    other = w.sql("insert into app.companies (account_id, name) values "
                  f"('{account}', 'Shortlived') returning id")
    tag = w.tag()
    for n in range(-2, 6):
        same(w.create({**w.event(f"{tag}-{n}", month(n)),
                       "company_id": other}).status, 201)
    w.sql("update app.events set occurred_at = occurred_at + interval '1 month' "
          f"where external_id like '{tag}-%'")
    w.legal()
    w.sql(f"delete from app.companies where id = '{other}'")
    same(w.parts_of(tag), [])
    w.legal()


@case
def nobody_asks_a_part(w):
    """A part cannot be read or written by itself, by any role that requests or
    jobs have; and lockstep check has nothing to say."""
    for role in ("anon", "authenticated", "service_role"):
        for part in ("app.events_before", name_of(0), "app.event_keys"):
            same(w.sql(f"set role {role}; select count(*) from {part}",
                       check=False), "", (role, part))
    done = w.system.run("check", "--database", w.system.cluster.conninfo(
        "lockstep"), "contract")
    same("0 errors, 0 warnings" in done.stdout, True, done.stdout)


@case
def by_the_worker(w):
    """A worker does it by itself, tells it in its log and figures, and says why
    when it cannot."""
    s = w.system
    w.sql("update lockstep.partitions set keep = null, ahead = 4")

    def figures():
        return s.ops("/metrics").body.decode()
    with Worker(s, "parts", work_threads=1) as worker:
        wait_for(lambda: [e for e in worker.events(
            "partition", done=f"made {name_of(4)}")], "a part", 60)
        wait_for(lambda: 'lockstep_partition_ahead_seconds{table="app.events"}'
                 in figures(), "the figure", 60)
        wait_for(lambda: 'lockstep_partition_failing{table="app.events"} 0'
                 in figures(), "no failure", 60)
    w.sql("alter table app.events_after rename to events_hidden")
    w.sql("update lockstep.partitions set ahead = 5")
    with Worker(s, "parts-ill", work_threads=1) as worker:
        wait_for(lambda: [e for e in worker.events("partition")
                          if "cause" in e], "the cause", 60)
        wait_for(lambda: 'lockstep_partition_failing{table="app.events"} 1'
                 in figures(), "the figure", 60)
    w.sql("alter table app.events_hidden rename to events_after")
    same(w.sql("select lockstep.partition_step('app.events', now())",
               user="lockstep_worker", check=False), "")
    w.sql("update lockstep.partitions set ahead = 3, failed_at = null, "
          "reason = null")
    w.legal()


@case
def made_ahead(w):
    """So many parts are there beyond the one of now, whenever now is; those who
    came early for one are in it once it is there; a second look does nothing."""
    tag = w.tag()
    for n in range(5, 10):
        same(w.create(w.event(f"{tag}-{n}", month(n, 15))).status, 201)
    same(w.parts_of(tag), ["app.events_after"] * 5)
    same(w.settle(month(3)), [f"made {name_of(5)}", f"made {name_of(6)}"])
    same(w.settle(month(3, 27)), [])
    same(w.parts_of(tag), [name_of(5), name_of(6)] + ["app.events_after"] * 3)
    w.legal()
    same(w.settle(month(6)), [f"made {name_of(n)}" for n in (7, 8, 9)])
    same(w.parts_of(tag), [name_of(n) for n in range(5, 10)])
    w.legal()


@case
def too_many_early(w):
    """When more came early than can be moved at once, all stay where they are,
    are taken and found; why is said, and by hand it is done."""
    tag = w.tag()
    for n in range(5):
        same(w.create(w.event(f"{tag}-{n}", month(10, n + 1))).status, 201)
    same(w.step(month(7), 4, check=False), "")
    same(w.create(w.event(f"{tag}-5", month(10, 7))).status, 201)
    w.legal()
    same(w.settle(month(7)), [f"made {name_of(10)}"])
    same(w.parts_of(tag), [name_of(10)] * 6)
    w.legal()


class Traffic:
    """Who reads and writes meanwhile: what was answered, and how long it took;
    and what the like takes that has nothing to do with events."""

    def __init__(self, w):
        self.w, self.tag = w, w.tag()
        self.over = threading.Event()
        self.took, self.wrong, self.made = [], [], 0
        self.others = []
        self.threads = [threading.Thread(target=f, args=(n,)) for n, f in
                        enumerate((self.write, self.write, self.read,
                                   self.read, self.many, self.elsewhere))]

    def run(self, ask, good, took=None):
        began = time.monotonic()
        reply = ask()
        (self.took if took is None else took).append(time.monotonic() - began)
        if reply.status not in good:
            self.wrong.append((reply.status, reply.body[:200]))
        return reply

    def write(self, number):
        rng = random.Random(number)
        for n in range(10 ** 9):
            if self.over.is_set():
                return
            event = self.w.event(f"{self.tag}-{number}-{n}",
                                 month(rng.randrange(-1, 3), 20))
            self.run(lambda: self.w.create(event), (201,))
            self.made += 1

    def read(self, number):
        path = (f"/api/events?company_id=eq.{self.w.company}",
                "/api/events?order=created_at.desc")[number % 2]
        while not self.over.is_set():
            self.run(lambda: self.w.system.get(path, self.w.alice,
                                               record=False), (200,))

    def many(self, number):
        for n in range(10 ** 9):
            if self.over.is_set():
                return
            events = [self.w.event(f"{self.tag}-{number}-{n}-{k}", month(0, 9))
                      for k in range(20)]
            self.run(lambda: self.w.system.curl(
                "POST", "/api/events", self.w.alice, events), (200,))
            self.made += 20

    def elsewhere(self, number):
        while not self.over.is_set():
            self.run(lambda: self.w.system.get(
                "/api/letters?limit=1", self.w.alice, record=False), (200,),
                self.others)

    def waited(self):
        """The longest time, but for what the machine was busy with."""
        return max(self.took) - 2 * max(self.others)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()


@case
def unfelt(w):
    """While years of parts are made, none of those who read and write is refused
    anything or waits for long."""
    w.sql("insert into app.events (company_id, kind, external_id, occurred_at) "
          f"select '{w.company}', 'bug', 'old-' || n, timestamptz "
          f"'{month(5).isoformat()}' + n * interval '10 minutes' "
          "from generate_series(1, 20000) n")
    with Traffic(w) as quiet:
        wait_for(lambda: len(quiet.took) >= 150, "some traffic", 120)
    done = []
    with Traffic(w) as t:
        wait_for(lambda: len(t.took) >= 20 and t.others, "some traffic", 60)
        for n in range(8, 30, 3):
            while True:
                said = w.step(month(n), check=False)
                if said:
                    done.append(said.split()[0])
                elif not w.sql("select 1 from lockstep.partitions where "
                               f"made_until < '{month(n + 3).isoformat()}'"):
                    break
    same(t.wrong[:3], [], "answers")
    count = int(w.sql("select count(*) from app.events where external_id like "
                      f"'{t.tag}-%'"))
    same(count, t.made)
    for name, took in (("quiet", quiet.took), ("beside", t.took)):
        took = sorted(took)
        print(f"# {name}: {len(took)} requests, p50 "
              f"{took[len(took) // 2] * 1000:.0f} ms, p99 "
              f"{took[len(took) * 99 // 100] * 1000:.0f} ms, longest "
              f"{took[-1] * 1000:.0f} ms")
    print(f"# {collections.Counter(done)}")
    same(t.waited() < 2, True,
         f"longest {max(t.took):.3f} s, elsewhere {max(t.others):.3f} s")
    w.legal()


@case
def let_go(w):
    """What is older than is kept goes, month by month, beside readers and
    writers, with its keys; what is late for that is taken and goes as well; and
    what is kept is all there."""
    w.sql("update lockstep.partitions set keep = 2")
    now = 10
    kept = int(w.sql("select count(*) from app.events where occurred_at >= "
                     f"'{month(now - 2).replace(hour=0).isoformat()}'"))
    done = []
    with Traffic(w) as t:
        wait_for(lambda: t.took and t.others, "some traffic", 60)
        busy = None
        while busy != "0":
            said = w.step(month(now), check=False)
            busy = w.sql("select count(*) from lockstep.partition_parts where "
                         "state = 'leaving' or lower > '-infinity' and upper "
                         f"<= '{month(now - 2).replace(hour=0).isoformat()}'")
            if said:
                done.append(said.split()[0])
    done += w.settle(month(now))
    same(t.wrong[:3], [], "answers")
    done = collections.Counter(d.split()[0] for d in done)
    same(done["detached"] == done["dropped"] > 3, True, done)
    print(f"# {done}, longest request "
          f"{max(t.took) * 1000:.0f} ms")
    same(t.waited() < 2, True,
         f"longest {max(t.took):.3f} s, elsewhere {max(t.others):.3f} s")
    same(int(w.sql("select count(*) from app.events")), kept)
    same(w.sql("select count(*) from app.events where occurred_at < gone_before"
               " and gone_before = kept_from".replace("app.events where",
               "app.events, lockstep.partitions where")), "0")
    tag = w.tag()
    same(w.create(w.event(f"{tag}-1", month(2))).status, 201)
    same(w.create(w.event(f"{tag}-1", month(now))).status, 409)
    same(w.settle(month(now)), ["took 1 rows out of app.events_before"])
    same(w.create(w.event(f"{tag}-1", month(now))).status, 201)
    w.legal()


@case
def goes_all_the_same(w):
    """What cannot be made keeps nothing that is too old: that goes, and then why
    the other was not is said again."""
    tag = w.tag()
    made = datetime.datetime.fromisoformat(w.sql(
        "select made_until at time zone 'UTC' from lockstep.partitions"))
    next_ = ((made.year - First.at.year) * 12 + made.month
             - First.at.month)
    for n in range(5):
        same(w.create(w.event(f"{tag}-{n}", month(next_, n + 1))).status, 201)
    done = []
    while said := wait_for(lambda: w.tried_with(month(next_ - 3), 4),
                           "a step")[0]:
        done.append(said.split()[0])
    done = collections.Counter(done)
    print(f"# {done}")
    same((done["made"], done["detached"] == done["dropped"] > 0), (0, True))
    same(w.settle(month(next_ - 3)), [f"made {name_of(next_)}"])
    same(w.parts_of(tag), [name_of(next_)] * 5)
    w.legal()


@case
def yet_to_come(w):
    """A caller tells of what has occurred, as far as clocks go; what is later is
    refused, alone or among others. Our servers may."""
    tag = w.tag()

    def at(hours):
        return (datetime.datetime.now(datetime.timezone.utc)
                + datetime.timedelta(hours=hours))
    later = w.event(f"{tag}-1", at(26))
    refused = w.system.curl("POST", "/api/events", w.alice, later)
    same((refused.status, refused.error["code"]), (422, "event_yet_to_come"))
    same(refused.error["issues"][0]["pointer"], "/occurred_at")
    for path, body in (("/api/events/batch", {"events": [later]}),
                       ("/api/events", [later])):
        same(w.system.curl("POST", path, w.alice, body).status, 422, path)
    some = w.system.curl("POST", "/api/events", w.alice, [
        w.event(f"{tag}-2", at(-1)), later, w.event(f"{tag}-3", at(23))])
    same((some.data["accepted"], some.data["rejected"]), (2, 1), some.body)
    same(w.create(later).status, 201, "our server")
    w.legal()


@case
def somebody_reads_for_long(w):
    """A reader who does not end puts it off, is told as the reason, and keeps
    nobody else waiting; when he has ended it is done."""
    w.sql("update lockstep.partitions set keep = 24, failed_at = null, "
          "tended_at = null, ahead = 60")
    took = []
    with w.system.cluster.held("app.events", mode="access share") as reader:
        for _ in range(3):
            began = time.monotonic()
            said = w.sql("select reason from lockstep.partition_tend()",
                         user="lockstep_worker")
            same("lock timeout" in said, True, said)
            same(w.system.get("/api/events?limit=1", w.alice).status, 200)
            took.append(time.monotonic() - began)
        same(w.sql("select failed_at is not null and reason like '%lock%' from "
                   "lockstep.partitions"), "t")
        w.legal()
        reader.psql.stdin.write("rollback;\n")
        reader.psql.stdin.flush()
        wait_for(lambda: w.sql("select done from lockstep.partition_tend()",
                               user="lockstep_worker").startswith("made"),
                 "a part", 60)
    same(w.sql("select failed_at is null and reason is null from "
               "lockstep.partitions"), "t")
    # The machine may be busy with something else now and then.
    same(min(took) < 1, True, took)
    w.sql("update lockstep.partitions set ahead = 3")


@case
def killed(w):
    """Whenever it is killed, the parts and keys are as they should be; the next
    one goes on."""
    rng = random.Random(3)
    w.sql("update lockstep.partitions set keep = 2, ahead = 60")
    last = None
    for n in range(30):
        at = month(11 + n)
        psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-d", w.system.cluster.conninfo(
                "lockstep_owner"), *sum((["-c", "select lockstep."
                f"partition_step('app.events', '{at.isoformat()}', 500)"]
                for _ in range(30)), [])], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.08))
        w.sql("select pg_terminate_backend(pid) from pg_stat_activity where "
              "usename = 'lockstep_owner'")
        psql.wait(120)
        last = at
        if n % 5 == 0:
            same(w.create(w.event(f"{w.tag()}-1", at)).status, 201)
            w.legal()
    w.settle(last)
    w.legal()
    w.sql("update lockstep.partitions set keep = 24, ahead = 3")


@case
def crashed(w):
    """A crash of Postgres in the middle of it leaves the same."""
    w.sql("update lockstep.partitions set ahead = 60")
    psql = subprocess.Popen(
        ["psql", "-X", "-q", "-d", w.system.cluster.conninfo("lockstep_owner"),
         *sum((["-c", "select lockstep.partition_step('app.events', "
                f"'{month(60).isoformat()}')"] for _ in range(60)), [])],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.15)
    w.system.cluster.stop()
    psql.wait(60)
    w.system.cluster.start()
    wait_for(lambda: w.system.get("/api/events?limit=1", w.alice).status == 200,
             "the server", 60)
    w.legal()
    w.settle(month(60))
    w.legal()
    w.sql("update lockstep.partitions set ahead = 3")


@case
def pages(w):
    """With five years of parts, a page of a company's events is read by index
    from the newest part on and ends where it is full; parts that a filter by
    time rules out are not looked at; no page reads a part from end to end."""
    w.sql(f"""
        insert into app.events (company_id, kind, external_id, occurred_at)
        select '{w.company}', 'bug', 'page-' || to_char(p.lower, 'YYYYMM') || '-' || n,
            p.lower + n * interval '10 minutes'
        from lockstep.partition_parts p, generate_series(1, 300) n
        where p.lower > '-infinity' and p.upper < 'infinity'""")
    w.sql("analyze app.events")
    parts = int(w.sql("select count(*) from lockstep.partition_parts"))
    newest = w.sql("select max(lower) from lockstep.partition_parts where "
                   "upper < 'infinity'")

    def plan(where, order):
        out = w.sql(f"""
            begin;
            select set_config('request.jwt.claims', '{{"sub":"{sut.ALICE}",
                "role":"authenticated"}}', true) is null;
            set local role authenticated;
            set local plan_cache_mode = force_generic_plan;
            prepare page as select id, account_id, company_id, external_id,
                kind, score, message, attributes, occurred_at, created_at
                from app.events where {where} order by {order} limit $1;
            explain (analyze, buffers, costs off, timing off, summary off,
                format json) execute page (20{{}});
            """.replace("{}", {"company_id = $2": f", '{w.company}'",
                               "company_id = $2 and occurred_at >= $3":
                               f", '{w.company}', '{newest}'"}.get(
                                   where, "")), check=True)
        top = json.loads(out[out.index("["):])[0]["Plan"]
        nodes, todo = [], [top]
        while todo:
            node = todo.pop()
            nodes.append(node)
            todo += node.get("Plans", [])
        read = [n for n in nodes if n.get("Relation Name", "").startswith(
            "events")]
        same([n["Relation Name"] for n in read
              if n["Node Type"] == "Seq Scan" and n["Actual Loops"] > 0 and
              n["Relation Name"] not in ("events_before", "events_after")],
             [], "parts read from end to end")
        looked = [n for n in read if n["Actual Loops"] > 0]
        pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        print(f"# {where}; {order}: {len(looked)} of {parts} parts, "
              f"{pages} buffers")
        return len(looked), pages
    looked, buffers = plan("company_id = $2", "occurred_at desc, id desc")
    same(looked <= 3 and buffers < 400, True, (looked, buffers))
    looked, buffers = plan("company_id = $2 and occurred_at >= $3",
                           "occurred_at desc, id desc")
    same(looked <= 3 and buffers < 400, True, (looked, buffers))
    looked, buffers = plan("true", "occurred_at desc, id desc")
    same(looked <= 4, True, looked)
    looked, buffers = plan("true", "created_at desc, id desc")
    same(buffers < 400 + 12 * parts, True, buffers)


@case
def brought_over(w):
    """A table that was there before becomes a part where it lies: no event, index
    or trigger is lost, and those that are early go where they belong."""
    s = w.system
    with tempfile.TemporaryDirectory() as top:
        old = pathlib.Path(top)
        old.chmod(0o755)
        for name in ("migrations", "policies"):
            shutil.copytree(sut.TOP / name, old / name)
        for path in old.glob("migrations/0*.sql"):
            if path.name[:4] > "0027":
                path.unlink()
        known = "".join(p.read_text() for p in old.glob("migrations/*.sql"))
        for path in old.glob("policies/*.sql"):
            if f"create table lockstep.{path.stem} " not in known and \
                    f"create table app.{path.stem} " not in known:
                path.unlink()
        # They name columns that came later.
        endpoints = old / "policies/webhook_endpoints.sql"
        endpoints.write_text(endpoints.read_text().replace(" host,", ""))
        breakers = old / "policies/breakers.sql"
        breakers.write_text(re.sub(r",\s+recover_since", "",
                                   breakers.read_text()))
        s.cluster.psql("create database old", database="postgres")
        s.cluster.psql(file=sut.TOP / "migrations/roles.sql", database="old")
        up = [str(s.lockstep), "migrate", "up", "--migrate-database",
              s.cluster.conninfo("lockstep_owner", "old")]
        subprocess.run(up, cwd=old, check=True, stdout=subprocess.DEVNULL)

    def sql(text, **more):
        return s.cluster.psql(text, database="old", **more)
    s.cluster.psql(file=sut.TOP / "examples/demo.sql", database="old")
    sql("insert into app.events (company_id, kind, external_id, occurred_at) "
        "select (select id from app.companies limit 1), 'bug', 'f-' || n, "
        f"timestamptz '{month(0).isoformat()}' + n * interval '10 days' "
        "from generate_series(1, 40) n")
    sql("create function app.noop() returns trigger language plpgsql as "
        "'begin return null; end'; create trigger more after insert on "
        "app.events referencing new table as n for each statement execute "
        "function app.noop(); create view app.bugs with (security_invoker = "
        "true) as select id, occurred_at from app.events where kind = 'bug'; "
        "create function app.bug_count() returns bigint begin atomic; select "
        "count(*) from app.events where kind = 'bug'; end",
        user="lockstep_owner")
    shown = sql("select count(*), app.bug_count() from app.bugs")
    before = sql("select md5(string_agg(e::text, ',' order by id)), count(*) "
                 "from app.events e")
    same(shown.startswith("0|"), False, shown)
    nodes = sql("select relfilenode from pg_class where relname = 'events'")
    subprocess.run(up, cwd=sut.TOP, check=True, stdout=subprocess.DEVNULL)
    same(sql("select md5(string_agg(e::text, ',' order by id)), count(*) from "
             "app.events e"), before)
    same(sql("select count(*) from app.events e join app.event_keys k using "
             "(id, account_id) where k.external_id is not distinct from "
             "e.external_id"), before.split("|")[1])
    same(sql("select count(*) from pg_class c join lockstep.partition_parts p "
             f"on p.part::regclass = c.oid where relfilenode = {nodes}"), "1")
    same(int(sql("select count(distinct tableoid) from app.events")) >= 4, True)
    same(sql("select count(*), app.bug_count() from app.bugs"), shown)
    same(sql("select reloptions from pg_class where relname = 'bugs'"),
         "{security_invoker=true}")
    same(sql("select count(*) from pg_trigger where tgname = 'more' and "
             "tgrelid = 'app.events'::regclass"), "1")
    same(sql("select count(*) from pg_index where indrelid = "
             "'app.events'::regclass and not indisvalid"), "0")


def main():
    # How long they wait for a thread, or for each other, is for a case to judge.
    with sut.System(instances=1, rate=100000, burst=100000, settings={
            "queue_timeout_ms": 20000, "lock_timeout_ms": 8000,
            "statement_timeout_ms": 8000}) as s:
        return tap.run(World(s))


if __name__ == "__main__":
    sys.exit(main())
