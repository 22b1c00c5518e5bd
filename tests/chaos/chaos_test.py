# SPDX-License-Identifier: MIT
"""Events and jobs under faults: what was acknowledged is done, once, whatever
is killed, stopped or full; and the checker that says so finds the mistakes that
are planted before it.

Without arguments a short run.  With them one of any size, by itself:

    chaos_test.py --events 100000 --kills 200 --pauses 50 [--seed N]
    chaos_test.py --at-once 1000"""

import argparse
import contextlib
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "flow"))

import checker  # noqa: E402
import client  # noqa: E402
import nemesis  # noqa: E402
import system as sut  # noqa: E402
import tap  # noqa: E402
import workload  # noqa: E402
from tap import case, same  # noqa: E402
from worker import serve  # noqa: E402

FIRST_S = 30		# after Postgres has crashed, to the first 202
KILLS = {"kill.worker.child": 60, "kill.worker.all": 30,
         "kill.worker.parent": 10, "kill.server.child": 50,
         "kill.server.all": 15, "kill.server.parent": 10,
         "kill.nginx.worker": 15, "kill.backend": 10}
PAUSES = {"pause.zombie": 25, "pause.worker": 13, "pause.server": 6,
          "pause.backend": 6}
OTHERS = {"pg.immediate": 12, "pg.terminate": 20, "pg.deaf": 10,
          "pg.enqueuer": 6, "pg.snapshot": 6, "disk.full": 4,
          "peer.hang": 8, "peer.fail": 12, "op.cancel": 8, "op.replay": 8}


def share(table, total):
    """So many in all, in the proportions of the table, one of each at least
    while there is room."""
    out = {name: max(1, total * n // sum(table.values()))
           for name, n in table.items()}
    names = sorted(table, key=lambda name: -table[name])
    turn = 0
    while sum(out.values()) != total:
        less = sum(out.values()) > total
        name = names[turn % len(names)] if not less else max(out, key=out.get)
        out[name] += -1 if less else 1
        turn += 1
    return out


class Stage:
    """The world in which all runs go, one after the other."""

    def __init__(self, s, world, seed):
        self.s, self.world, self.seed = s, world, seed
        self.runs = 0

    def tag(self, name):
        self.runs += 1
        return f"{name}{self.runs}"


def drain(world, seconds):
    """Waits until no job is left to be done; those that died when they were
    tried often enough, or by chance, are replayed."""
    began = time.monotonic()
    left = ("select count(*) filter (where finalized_at is null), count(*) "
            "filter (where state = 'dead' and kind = any('{chaos.called,"
            "chaos.whim}')) from lockstep.jobs")

    def over():
        world.supervise()
        open_, dead = (world.ask(left) or ["1|0"])[0].split("|")
        for kind in ("chaos.called", "chaos.whim") if dead != "0" else ():
            world.operate("replay", "--kind", kind)
        return open_ == dead == "0"
    tap.wait_for(over, lambda: "all jobs to be over: " + " ".join(world.ask(
        "select kind || ':' || state || ':' || count(*) || ':' || min(id) || "
        "':' || coalesce(min(errors -> -1 ->> 'code'), '') from lockstep.jobs "
        "where state not in ('done', 'cancelled') group by kind, state")),
        seconds, 0.2)
    return time.monotonic() - began


def look(s, load, verdict):
    """What the tables say beside the effects, for the events of a run."""
    mine = f"like '%{load.tag}-%'"
    verdict.torn = s.cluster.psql(
        "select coalesce(o.key, e.key) from (select distinct key from "
        f"app.chaos_orders where key {mine}) o full join (select distinct key "
        "from app.chaos_effects where key like "
        f"'{load.tag}-%') e on e.key = o.key where o.key is null or "
        "e.key is null").split()
    verdict.dead = s.cluster.psql(
        "select id || ':' || kind || ':' || coalesce(reason, '') || ':' || "
        "coalesce(errors -> -1 ->> 'code', '') from lockstep.jobs where state "
        f"not in ('done', 'cancelled') and args::text {mine}").split()
    verdict.whims = s.cluster.psql(
        "select j.id || ':' || j.state || ':' || count(e.key) from "
        "lockstep.jobs j left join app.chaos_effects e on e.key = 'whim ' || "
        "(j.args ->> 'key') where j.kind = 'chaos.whim' and j.args::text "
        f"{mine} group by j.id, j.state having count(e.key) <> "
        "(j.state = 'done')::integer").split()


def judge(stage, load, sampler):
    history = checker.read(load.directory)
    history = [line for line in history if line["op"] != "fault"]
    effects = stage.s.cluster.psql(
        "select key from app.chaos_effects where key not like 'whim %' and "
        f"key like '%{load.tag}-%'").split()
    verdict = checker.judge(history, effects)
    verdict.keys = sorted(key for key, jobs in stage.world.peer.asked(
        load.tag).items() if len(jobs) > 1)
    verdict.samples = sampler.wrong
    ends = [line.split("|") for line in stage.s.cluster.psql(
        "select e.key, i.source || i.serial from app.chaos_effects e join "
        "lockstep.inbox i on e.key = i.source || ':' || i.event_id where "
        f"i.event_id like '{load.tag}-%' and i.serial is not null order by "
        "e.at").splitlines()]
    verdict.disorder = checker.disorder(history, ends)
    look(stage.s, load, verdict)
    return history, verdict


def run(stage, name, quota, events=0, rate=200, pause_s=0.7, outside=False,
        drain_s=120):
    """A load under faults, until both are through; drained and judged."""
    world, tag = stage.world, stage.tag(name)
    with nemesis.Sampler(world) as sampler:
        with workload.Load(stage.s, world.home, tag, stage.seed, rate,
                           outside=outside) as load:
            n = nemesis.Nemesis(world, f"{stage.seed} {tag}", quota, pause_s,
                                load.directory)
            began = told = time.monotonic()
            n.start()
            while n.is_alive() or load.count < events:
                time.sleep(0.1)
                if time.monotonic() - told > 30:
                    told = time.monotonic()
                    print(f"# {told - began:.0f} s: {load.count} events, "
                          f"{n.at + 1} of {len(n.list)} faults", flush=True)
            n.join()
            # Each sender has one request under way at most: so some of these
            # were sent after the last fault.
            told = load.told + len(load.clients)
            tap.wait_for(lambda: world.supervise() or load.told > told,
                         "acknowledgements after the last fault", 120, 0.1)
        took = time.monotonic() - began
        drained = drain(world, drain_s)
    history, verdict = judge(stage, load, sampler)
    first = [checker.first_after(history, *crash) for crash in n.crashes]
    first = [t for t in first if t is not None]
    tell(n, verdict, sampler, took, drained, first)
    if n.trouble:
        raise n.trouble
    return verdict, n, first


def tell(n, verdict, sampler, took, drained, first):
    print(f"# {took:.0f} s, drained in {drained:.1f} s; load "
          f"{os.getloadavg()}")
    print("# faults: " + ", ".join(f"{name} {count}" for name, count
                                   in sorted(n.done.items())))
    print(f"# {verdict}")
    print(f"# conservation: {sampler.samples} samples, "
          f"{len(sampler.wrong)} not 0; first acknowledgement after a crash: "
          + (f"{max(first):.2f} s at most, of {len(first)}" if first
             else "none"))
    for name, found in verdict.faults().items():
        print(f"# {name}: {' '.join(map(str, found[:5]))}", flush=True)


def fenced(world):
    """How often workers were told that a job is no longer theirs: by lines of
    their logs, of which a full disk has torn some."""
    return sum(w.log.read_text(errors="replace").count('"outcome":"fenced"')
               for w in world.workers.values())


# ---- Short.

@case
def judged(_):
    """The checker knows each thing that can be wrong from a history alone."""
    def line(op, key, t, **more):
        return {"t": t, "op": op, "key": key, **more}
    history = [
        line("invoke", "a", 1), line("ok", "a", 2),
        line("invoke", "b", 1), line("info", "b", 2),
        line("invoke", "c", 1), line("info", "c", 2), line("invoke", "c", 3),
        line("ok", "c", 4, what="new", status=200),
        line("invoke", "d", 1), line("fail", "d", 2),
        line("invoke", "e", 1), line("ok", "e", 2, what="new", status=202),
        line("ok", "e", 3, what="conflict", status=202),
        line("invoke", "f", 1)]
    v = checker.judge(history, ["b", "c", "c", "d", "e", "x"])
    same((v.attempted, v.acknowledged, v.refused, v.unknown, v.recovered),
         (6, 3, 1, 2, 1))
    same(v.faults(), {"lost": ["a"], "duplicated": ["c"],
                      "unexpected": ["d", "x"],
                      "replies": ["e: conflict got 202"]})
    events = [line("invoke", key, 2 * n, what="new") for n, key in
              enumerate("abc")] + [line("ok", key, 2 * n + 3, what="new")
                                   for n, key in enumerate("abc")]
    ends = [("b", "1"), ("a", "1"), ("c", "1")]
    same(checker.disorder(events, ends), [], "sent at once")
    same(checker.disorder(events, [("c", "1"), ("b", "1"), ("a", "1")]),
         ["a"], "c was sent after a was acknowledged")


@case
def faults(stage):
    """Nothing that was acknowledged is lost and nothing done twice while all
    that runs is killed and stopped, the service that is called hangs and fails,
    and jobs are cancelled and replayed; and conservation holds throughout."""
    quota = {**share(KILLS, 16), **share(PAUSES, 6), "pg.immediate": 1,
             "pg.terminate": 2, "pg.deaf": 1, "pg.enqueuer": 1,
             "pg.snapshot": 1, "disk.full": 1, "peer.hang": 1, "peer.fail": 2,
             "op.cancel": 2, "op.replay": 2}
    verdict, n, first = run(stage, "faults", quota, events=2000)
    same(verdict.faults(), {})
    same(verdict.acknowledged > 500, True, "acknowledged")
    missing = set(quota) - set(n.done)
    if not stage.world.disk:
        print("# no full disk: no file system can be mounted here")
        missing.discard("disk.full")
    same(missing, set(), "faults that met nothing")
    same(max(first) < FIRST_S, True, f"{first} s to the first 202")
    print(f"# {fenced(stage.world)} writes of workers were fenced")
    same(fenced(stage.world) > 0, True, "a worker that came back was fenced")


@case
def at_once(stage, count=20):
    """Of 64 parallel posts of an event one is taken, and its effect is there
    once."""
    tag, seen = stage.tag("once"), []
    barrier = threading.Barrier(64, timeout=120)
    stage.s.ready(60)

    def poster():
        with client.Client(stage.s.port, 30) as c:
            for n in range(count):
                body = f'{{"key":"{tag}-{n}","n":{n}}}'
                barrier.wait()
                # nginx holds one address to a rate, and who waits too long
                # for the first comes again.
                while (status := workload.post(c, "chaos_held", f"{tag}-{n}",
                                               body)) in (429, 503):
                    time.sleep(0.05)
                seen.append((n, status))
    began = time.monotonic()
    many = [threading.Thread(target=poster) for _ in range(64)]
    for t in many:
        t.start()
    for t in many:
        t.join()
    drain(stage.world, 120)
    taken = sorted(n for n, status in seen if status == 202)
    print(f"# {len(seen)} posts of {count} events in "
          f"{time.monotonic() - began:.1f} s: {len(taken)} taken, "
          f"{sum(status == 200 for _, status in seen)} known again")
    same(taken, list(range(count)), "taken")
    same({status for _, status in seen}, {200, 202})
    mine = f"like '%{tag}-%'"
    same(stage.s.cluster.psql(
        "select (select count(*) from lockstep.inbox where event_id "
        f"{mine}), (select count(*) from lockstep.jobs where args::text "
        f"{mine}), (select count(*) from app.chaos_effects where key {mine}), "
        f"(select count(distinct key) from app.chaos_effects where key {mine})"
    ), f"{count}|{count}|{count}|{count}", "rows, jobs, effects")


@contextlib.contextmanager
def replaced(s, function, edit):
    """The function with a mistake in it."""
    right = s.cluster.psql(
        f"select pg_get_functiondef('{function}'::regprocedure)")
    wrong = edit(right)
    same(wrong != right, True, "the mistake is there")
    s.cluster.psql(wrong)
    try:
        yield
    finally:
        s.cluster.psql(right)


def found(stage, name, what, quota, **more):
    """The checker says what is wrong in a short run."""
    verdict, _, _ = run(stage, name, quota, pause_s=0.3, **more)
    same(what in verdict.faults(), True, f"{name}: {what} in {verdict}")


@case
def unfenced(stage):
    """Planted: a lease that was lost may end its job. It is found."""
    with replaced(stage.s, "lockstep.job_done(bigint, bigint)",
                  lambda text: text.replace(
                      "and j.state = 'running' and j.lease_token = token",
                      "")):
        found(stage, "unfenced", "duplicated", {"pause.zombie": 3})


@case
def outside(stage):
    """Planted: the job is left after the commit that it belongs to. It is
    found."""
    found(stage, "outside", "lost", {"pg.enqueuer": 12}, outside=True)


@case
def undeduped(stage):
    """Planted: an event is not known again. It is found."""
    s = stage.s
    with replaced(s, "lockstep.receive(text, text, text, text, text, text)",
                  lambda text: text.replace("if earlier ",
                                            "if false and earlier ")):
        s.cluster.psql("alter table lockstep.inbox drop constraint "
                       "inbox_event_key; create index planted_idx on "
                       "lockstep.inbox (source, event_id)")
        try:
            found(stage, "undeduped", "duplicated", {"kill.server.child": 2},
                  events=400)
        finally:
            s.cluster.psql(
                "delete from lockstep.inbox i using lockstep.inbox o where "
                "o.source = i.source and o.event_id = i.event_id and o.id < "
                "i.id; drop index lockstep.planted_idx; alter table "
                "lockstep.inbox add constraint inbox_event_key unique "
                "(source, event_id)")


@case
def undurable(stage):
    """Planted: an event is acknowledged before it is on the disk. It is
    found."""
    anew = ("select pg_reload_conf()", "select pg_terminate_backend(pid) from "
            f"pg_stat_activity where {nemesis.BACKENDS}")
    for sql in ("alter role lockstep set synchronous_commit = off",
                "alter system set wal_writer_delay = '10s'",
                "alter system set wal_writer_flush_after = '1GB'", *anew):
        stage.s.cluster.psql(sql)
    try:
        found(stage, "undurable", "lost", {"pg.power": 2})
    finally:
        for sql in ("alter role lockstep reset synchronous_commit",
                    "alter system reset all", *anew):
            stage.s.cluster.psql(sql)


@case
def undeferred(stage):
    """Planted: jobs whose service is left alone are taken for done. It is
    found."""
    with replaced(stage.s, "lockstep.job_defer(text[], bigint, integer)",
                  lambda text: text.replace(
                      "state = 'scheduled'",
                      "state = 'done', finalized_at = now()")):
        found(stage, "undeferred", "lost", {"peer.fail": 3})


@case
def uncounted(stage):
    """Planted: jobs are deleted and not counted. It is found."""
    s = stage.s
    s.cluster.psql("alter table lockstep.jobs no force row level security; "
                   "delete from lockstep.jobs where id in (select id from "
                   "lockstep.jobs where state = 'done' limit 3); alter table "
                   "lockstep.jobs force row level security")
    found(stage, "uncounted", "samples", {"kill.worker.child": 1}, events=300)


# ---- Any size.

def size_of(events):
    return 6 << 30 if events > 20000 else 1 << 30


def one_run(stage, options):
    quota = {**share(KILLS, options.kills), **share(PAUSES, options.pauses),
             **share(OTHERS, options.others)}
    verdict, n, first = run(stage, "full", quota, events=options.events,
                            rate=options.rate, pause_s=options.pause_s,
                            drain_s=600)
    kills = sum(c for name, c in n.done.items() if name.startswith("kill."))
    pauses = sum(c for name, c in n.done.items() if name.startswith("pause."))
    print(f"# {kills} kills, {pauses} pauses; {fenced(stage.world)} writes "
          "of workers were fenced")
    if not stage.world.disk and "disk.full" in quota:
        print("# no full disk: no file system can be mounted here")
    missing = sorted(name for name, count in quota.items()
                     if count and name not in n.done and
                     (stage.world.disk or name != "disk.full"))
    if missing:
        print("# met nothing: " + ", ".join(missing))
    well = not verdict.faults() and not missing and \
        (not first or max(first) < FIRST_S)
    print("all well" if well else "FAULTS WERE FOUND")
    return 0 if well else 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=(
        argparse.RawDescriptionHelpFormatter))
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pauses", type=int, default=5)
    parser.add_argument("--others", type=int, default=10, metavar="N",
                        help="of Postgres, the disk and the service, and acts "
                        "of operators")
    parser.add_argument("--rate", type=int, default=200, metavar="PER_S")
    parser.add_argument("--pause-s", type=float, default=1.0, metavar="S",
                        help="between faults, half of it more or less")
    parser.add_argument("--at-once", type=int, default=0, metavar="IDS")
    parser.add_argument("--seed", default=os.environ.get("SEED") or
                        str(random.SystemRandom().randrange(1 << 30)))
    return parser.parse_args()


def play(stage, options):
    if options.at_once:
        at_once(stage, options.at_once)
        return 0
    return one_run(stage, options) if options.events else tap.run(stage)


def main():
    options = arguments()
    size = size_of(options.events)
    print(f"# seed {options.seed}", flush=True)
    with nemesis.own_disk(size) as (home, disk):
        contract, hooks = workload.contract(home)
        with sut.System(contract=contract, conn=5000, settings={
                "webhook_secrets": hooks, "reconnect_max_ms": 200}) as s:
            s.cluster.psql(workload.TABLES)
            s.cluster.psql("update lockstep.jobs set state = 'cancelled', "
                           "reason = 'cancelled', finalized_at = now()")
            peer = workload.Peer()
            serve(s, CHAOS_URL=peer.url)
            world = nemesis.World(s, home, disk, size, peer)
            stage = Stage(s, world, options.seed)
            try:
                with peer:
                    return play(stage, options)
            finally:
                world.stop_workers()


if __name__ == "__main__":
    sys.exit(main())
