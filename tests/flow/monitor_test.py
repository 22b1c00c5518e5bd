# SPDX-License-Identifier: MIT
"""The monitor: all that the contract declares has its checks, its figures and an
alert without anybody asking for it; faults are told by /api/monitor, by
`lockstep status` and by a real Prometheus with the rules that are shipped, which
scrapes what a server and a worker count; and they are not told any more soon after
they are mended."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import alert_faults
import system as sut
import tap
from alert_faults import MARKS, metrics
from replica import Replica
from tap import case, same
from worker import Worker

MONITORING = sut.TOP / "monitoring"
FIRES_S, CLEARS_S = 15, 30

# A sort of what a contract declares: where it is, how its name is said there,
# and the checks that each of them must have.
SORTS = {
    "jobs": ("job", ["job_dead"]),
    "webhooks": ("webhook", ["webhook_age"]),
    "messages": ("message", ["message_failed"]),
    "rollups": ("rollup", ["rollup_lag", "rollup_mismatch",
                           "rollup_unfilled"]),
    "expectations": ("expect", ["expectation_failed"]),
}
# The figures that go with checks, by the names of their labels.
FIGURES = {
    "job_dead": 'lockstep_jobs_dead_new{{kind="{}"}}',
    "webhook_age": 'lockstep_webhook_oldest_age_seconds{{webhook="{}"}}',
    "message_failed": 'lockstep_messages_failed{{type="{}"}}',
    "queue_age": 'lockstep_job_oldest_available_age_seconds{{queue="{}"}}',
    "queue_depth": 'lockstep_jobs{{queue="{}",state="available"}}',
    "export_failed": 'lockstep_exports_failed{{operation="{}"}}',
    "rollup_lag": 'lockstep_aggregate_lag_seconds{{rollup="{}"}}',
    "expectation_failed": 'lockstep_expectation_failed{{expectation="{}"}}',
}


def rows(contract, folder):
    return [json.loads(path.read_text()) for path in
            sorted(pathlib.Path(contract).glob(f"{folder}/*.json"))]


def declared(contract):
    """The checks that a contract asks for: {(name, subject)}."""
    wanted = set()
    known = {"resources", "schemas", *SORTS}
    folders = {p.name for p in pathlib.Path(contract).iterdir() if p.is_dir()}
    same(folders - known, set(), "folders of the contract without a check")
    for folder, (member, checks) in SORTS.items():
        wanted |= {(check, row[member]) for row in rows(contract, folder)
                   for check in checks}
    for row in rows(contract, "jobs"):
        wanted |= {(check, row.get("queue", "default"))
                   for check in ("queue_age", "queue_depth")}
        if "schedule" in row:
            wanted.add(("schedule_lag", row["job"]))
        if row["kind"] == "http":
            wanted |= {(check, row["url"])
                       for check in ("breaker_state", "service_failures")}
    for row in rows(contract, "resources"):
        for name, op in row["operations"].items():
            if name == "export" or "export" in op:
                wanted |= {(check, f"{row['resource']}.{name}")
                           for check in ("export_failed", "export_stalled")}
    return wanted


def monitor(s):
    return s.get("/api/monitor", s.service, record=False).data


def checks(s):
    return {(c["name"], c["subject"]): c for c in monitor(s)["checks"]}


def state(s, name, subject):
    return checks(s).get((name, subject), {}).get("state")


def promtool(*arguments, stdin=None):
    done = subprocess.run(["promtool", *map(str, arguments)], input=stdin,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def alerts_of_rules():
    """{name: (expr, runbook)} of the rules that are shipped."""
    text = (MONITORING / "rules.yml").read_text()
    return {m[1]: (m[2].replace("''", "'"), m[3]) for m in re.finditer(
        r"- alert: (\w+)\n +expr: '(.*)'\n(?:.*\n)*? +runbook: (\S+)", text)}


def names_of_checks():
    """The checks that the sections of the migration can find."""
    text = (sut.TOP / "migrations/0031_monitor.sql").read_text()
    return set(re.findall(r"select\s+'([a-z]+_[a-z]+)',\s+'[a-z]+',", text))


# ---- Prometheus.

class Prometheus:
    """The real one, with the configuration that is shipped, but for the
    target's port."""

    def __init__(self, s):
        self.s = s
        self.port = sut.free_port()
        self.directory = s.directory / "prometheus"
        shutil.copytree(MONITORING, self.directory)
        config = self.directory / "prometheus.yml"
        text = config.read_text()
        assert "127.0.0.1:8081" in text
        config.write_text(text.replace("127.0.0.1:8081",
                                       f"127.0.0.1:{s.ops_port}"))

    def ask(self, path):
        with urllib.request.build_opener(urllib.request.ProxyHandler(
                {})).open(f"http://127.0.0.1:{self.port}/api/v1/{path}",
                          timeout=20) as reply:
            return json.load(reply)["data"]

    def answers(self):
        with contextlib.suppress(OSError):
            return [t["health"] for t in
                    self.ask("targets")["activeTargets"]] == ["up"]
        return False

    def firing(self):
        """{(name, subject)} of the alerts that fire."""
        labels = [a["labels"] for a in self.ask("alerts")["alerts"]
                  if a["state"] == "firing"]
        return {(of["alertname"], next((of[name] for name in (
            "subject", "queue", "source", "level") if name in of), ""))
                for of in labels}

    def __enter__(self):
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.directory}/prometheus.yml",
                 f"--storage.tsdb.path={self.directory}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.s.process["prometheus"] = self.process
        tap.wait_for(self.answers, "Prometheus to scrape", 60, 0.2)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


# ---- Faults: they are made, and what tells them is looked for.

tried = {FIRES_S: set(), CLEARS_S: set()}   # the alerts, by what was looked for


def observe(s, wanted, done, seconds, work=()):
    """Looks until all that is wanted was seen; {what: seconds}."""
    began, seen = time.monotonic(), {}
    while len(seen) < len(wanted):
        for step in work:
            step()
        now = time.monotonic()
        for key in done(set(wanted) - set(seen)):
            seen[key] = now - began
        if now - began > seconds:
            break
        time.sleep(0.2)
    return seen


def tell(what, seen, wanted, limit):
    tried[limit] |= {key[0] for key in wanted}
    for key in sorted(wanted, key=str):
        print(f"# {what} {'/'.join(key)}: "
              f"{seen[key]:.1f} s" if key in seen else
              f"# {what} {'/'.join(key)}: not within {limit} s")
    same(sorted(set(wanted) - set(seen)), [], what)
    late = {k: round(v, 1) for k, v in seen.items() if v > limit}
    same(late, {}, f"{what} late")


class Looks(threading.Thread):
    """Looks all the time, so that how long faults take to make and to mend is in
    nobody's time: what was bad, and what well, by when it was asked."""

    def __init__(self, s, alerts, wanted):
        super().__init__(daemon=True)
        self.s, self.alerts, self.wanted = s, alerts, wanted
        self.bad, self.well = [], []
        self.over = threading.Event()

    def look(self):
        now = time.monotonic()
        firing = self.s.prometheus.firing()
        self.bad.append((now, firing & self.alerts))
        self.well.append((now, self.alerts - firing))
        now, found = time.monotonic(), checks(self.s)
        states = {key: found.get(key, {}).get("state") for key in self.wanted}
        self.bad.append((now, {key for key, word in states.items()
                               if word == self.wanted[key]}))
        self.well.append((now, {key for key, word in states.items()
                                if word == "healthy"}))

    def run(self):
        while not self.over.wait(0.2):
            # Who is refused, or asks what is being killed, asks again.
            with contextlib.suppress(AssertionError, OSError, ValueError,
                                     http.client.HTTPException):
                self.look()

    def first(self, looks, since):
        """{what: seconds} of what was found in one of the looks, each from its
        own time on."""
        seen = {}
        for at, keys in list(looks):
            for key in keys:
                if key in since and at >= since[key]:
                    seen.setdefault(key, at - since[key])
        return seen

    def until(self, looks, since, seconds, work=()):
        """Works until all was found, or for so long after the last time."""
        end = max(since.values()) + seconds
        while len(self.first(looks, since)) < len(since) and \
                time.monotonic() < end:
            for step in work:
                step()
            time.sleep(0.2)
        return self.first(looks, since)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join(60)


class Times:
    """When each fault was made, and when it was mended, by what tells it."""

    def __init__(self, stack, s):
        self.stack, self.s = stack, s
        self.made, self.mended, self.work = {}, {}, []
        self.keys = []

    def mend(self, keys):
        now = time.monotonic()
        self.mended.update((key, now) for key in keys)

    def make(self, fault, keys):
        if fault:
            self.keys = []
            # It is called after the fault's own end.
            self.stack.callback(self.mend, self.keys)
            step = self.stack.enter_context(fault(self.s))
            if step:
                step()
                self.work.append(step)
        self.keys += keys
        now = time.monotonic()
        self.made.update((key, now) for key in keys)


def try_faults(s, faults):
    """Makes all of them at once, and mends them; each alert fires and clears in
    time, and so does what /api/monitor says."""
    alerts = {(alert, subject) for _, alert, subject, _, _ in faults}
    wanted = {(check, subject): word for _, _, subject, check, word in faults
              if check}

    def ill():
        now = checks(s)
        return {k: now[k]["state"] for k in wanted if k in now and
                now[k]["state"] != "healthy"}
    tap.wait_for(lambda: not ill(), lambda: f"{ill()} before", 60, 0.5)
    tap.wait_for(lambda: not alerts & s.prometheus.firing(),
                 lambda: f"{s.prometheus.firing()} before", 60, 0.5)
    before = checks(s)

    with Looks(s, alerts, wanted) as looks:
        with contextlib.ExitStack() as stack:
            times = Times(stack, s)
            for fault, alert, subject, check, _ in faults:
                times.make(fault, [(alert, subject)] + (
                    [(check, subject)] if check else []))
            seen = looks.until(looks.bad, times.made, FIRES_S + 10, times.work)
            there = checks(s)
        cleared = looks.until(looks.well, times.mended, CLEARS_S + 15)
    tell("told after the fault", seen, alerts | set(wanted), FIRES_S)
    tell("cleared after the mending", cleared, alerts | set(wanted), CLEARS_S)
    after = checks(s)
    for key in wanted:
        if key in before:
            assert before[key]["since"] < there[key]["since"] < \
                after[key]["since"], (before[key], there[key], after[key])


# ---- What is shipped.

@case
def rules_hold(s):
    """promtool finds the rules well, the rules' own tests pass, and so is the
    configuration"""
    for arguments in (("check", "rules", MONITORING / "rules.yml"),
                      ("test", "rules", MONITORING / "rules_test.yml"),
                      ("check", "config", MONITORING / "prometheus.yml")):
        status, said = promtool(*arguments)
        same(status, 0, said)
    tests = (MONITORING / "rules_test.yml").read_text()
    same({a for a in alerts_of_rules() if f"alertname: {a}\n" not in tests},
         set(), "alerts without a test")


@case
def alerts_for_all(s):
    """Each check that the monitor can find has an alert, a word in the
    contract's schema, and each alert a heading of the runbook"""
    names, alerts = names_of_checks(), alerts_of_rules()
    assert len(names) > 18, names
    patterns = re.findall(r'check=~?"([^"]+)"', " ".join(
        expr for expr, _ in alerts.values()))
    watched = {name for name in names
               if any(re.fullmatch(p, name) for p in patterns)}
    same(names - watched - {"worker_beat"}, set(), "checks without an alert")
    schema = json.loads((sut.TOP / "contract/schemas/monitor_check.json"
                         ).read_text())
    same(names - set(schema["properties"]["name"]["enum"]), set(), "names")
    runbook = s.run("gen", "runbook", "--config", s.config_path(0)).stdout
    anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-")
               for h in re.findall(r"^#+ (.*)$", runbook, re.M)}
    same({a: r for a, (_, r) in alerts.items()
          if r.removeprefix("runbook.md#") not in anchors}, {}, "runbook")
    same({a for a in alerts if a not in runbook}, set(),
         "alerts that the runbook does not explain")


@case
def figures_exist(s):
    """What the rules and the dashboard ask for are figures that the program has,
    or that the rules record"""
    source = (sut.TOP / "src/base/metric.c").read_text()
    known = set(re.findall(r'"(lockstep_\w+)"', source))
    text = (MONITORING / "rules.yml").read_text()
    recorded = set(re.findall(r"record: (\S+)", text))
    board = json.loads((MONITORING / "dashboard.json").read_text())
    same(len({p["id"] for p in board["panels"]}), len(board["panels"]))
    exprs = [t["expr"] for p in board["panels"] for t in p["targets"]]
    exprs += re.findall(r"expr: '(.*)'", text)
    assert len(exprs) > 50, len(exprs)
    for expr in exprs:
        for name in re.findall(r"\w+:lockstep_[\w:]+", expr):
            assert name in recorded, f"{name} in {expr}"
        for name in re.findall(r"(?<![:\w])lockstep_\w+", expr):
            plain = re.sub("_(bucket|sum|count)$", "", name)
            assert name in known or plain in known, f"{name} in {expr}"
        # Prometheus itself reads it.
        s.prometheus.ask("query?query=" + sut.quote(expr))


@case
def metrics_clean(s):
    """promtool has nothing to say of /metrics, with a worker's figures and a
    server's in it"""
    same(s.get("/api/letters", s.service, record=False).status, 200)
    families = {f"# TYPE {name} " for name in (
        "lockstep_requests_total", "lockstep_monitor_state", "lockstep_jobs",
        "lockstep_worker_beat_time_seconds")}
    text = tap.wait_for(lambda: (lambda text: all(
        family in text for family in families) and text)(metrics(s)),
        f"{families}", 60)
    status, said = promtool("check", "metrics", stdin=text)
    same((status, said.strip()), (0, ""), "promtool check metrics")
    # What first appears as 20 has not grown.
    assert 'lockstep_webhooks_total{source="bank",outcome="forged"} 0' in text


# ---- What is declared.

@case
def all_is_covered(s):
    """All that the reference contract declares has its checks and its figures"""
    covered(s, s.contract)


def covered(s, contract):
    tap.wait_for(lambda: not uncovered(s, contract),
                 lambda: f"{uncovered(s, contract)} to be covered", 60, 0.3)


def uncovered(s, contract):
    """What is declared without a check, and checks without their figures."""
    wanted, found, text = declared(contract), checks(s), metrics(s)
    missing = sorted(wanted - set(found))
    for name, subject in wanted & set(found):
        series = (f'lockstep_monitor_state{{check="{name}",subject='
                  f'"{subject}"}}')
        if series not in text:
            missing.append(series)
        if name in FIGURES and found[name, subject]["state"] != "unknown" and \
                FIGURES[name].format(subject) not in text:
            missing.append((name, subject))
    return missing


@case
def new_is_covered(s):
    """What is new in a contract has its checks, figures and alerts by being
    declared"""
    top = s.directory / "new"
    shutil.copytree(s.contract, top)

    def copy(folder, old, **members):
        row = json.loads((top / folder / f"{old}.json").read_text())
        row.update(members)
        name = members[SORTS[folder][0]]
        (top / folder / f"{name}.json").write_text(json.dumps(row))

    copy("jobs", "payout.settle", job="payout.again", queue="fresh",
         schedule="@yearly", role="service_role",
         **{"with": {"source": "a", "event_id": "b"}})
    copy("jobs", "letter.generate", job="letter.again", url="OTHER_URL",
         queue="others")
    copy("webhooks", "bank", webhook="bourse", job="payout.again")
    copy("messages", "letter.sent", message="letter.again")
    for folder in ("rollups", "expectations"):
        for path in sorted(top.glob(f"{folder}/*.json"))[:1]:
            copy(folder, path.stem, **{SORTS[folder][0]: "again"})
    new = declared(top) - declared(s.contract)
    assert {"job_dead", "queue_age", "schedule_lag", "breaker_state",
            "webhook_age", "message_failed"} <= {n for n, _ in new}, new
    s.worker.__exit__()
    with Worker(s, "new", contract=top, **MARKS):
        tap.wait_for(lambda: new <= set(checks(s)),
                     lambda: f"{new - set(checks(s))}", 60, 0.3)
        tap.wait_for(lambda: all(f'queue="{q}"' in metrics(s)
                                 for q in ("fresh", "others")), "the census",
                     60, 0.3)
        covered(s, top)
    s.worker = Worker(s, "again", **MARKS).__enter__()
    tap.wait_for(lambda: not new & set(checks(s)), "them to go", 60, 0.3)


# ---- Faults.

@case
def faults_are_told(s):
    """Each fault is told by /api/monitor and its alert within 15 s, and by
    neither any more within 30 s of its mending; since says from when"""
    tap.wait_for(lambda: monitor(s)["state"] == "healthy",
                 lambda: str([c for c in monitor(s)["checks"]
                              if c["state"] != "healthy"]), 60, 0.5)
    tap.wait_for(lambda: not s.prometheus.firing(),
                 lambda: str(s.prometheus.firing()), 60, 0.5)
    try_faults(s, alert_faults.FAULTS)


@case
def others_are_told(s):
    """So are a route that fails, a run that is overdue, forged events, requests
    that are refused and processes that die"""
    try_faults(s, alert_faults.OTHERS)


@case
def nobody_works(s):
    """A worker that is killed is told within 15 s, its end not being seen by
    itself; what nobody looks at is not known; the new one knows since when"""
    kept = checks(s)["queue_age", "default"]["since"]
    s.worker.kill_all()
    names = {("LockstepNobodyWorks", ""), ("LockstepNobodyLooks", "")}
    beat = ("worker_beat", "workers")
    seen = observe(s, names | {beat}, lambda keys: (
        s.prometheus.firing() & keys) | (
            {beat} if state(s, *beat) == "unhealthy" else set()), 30)
    tell("told after the kill", seen, names | {beat}, FIRES_S)
    tap.wait_for(lambda: state(s, "queue_age", "default") == "unknown",
                 "what nobody looks at to be unknown", 60)
    same(monitor(s)["state"], "unhealthy")
    done = s.run("status", "--config", s.worker_config, check=False)
    same(done.returncode, 1, done.stdout)
    assert re.search(r"^unhealthy +worker_beat ", done.stdout, re.M), done
    s.worker = Worker(s, "anew", **MARKS).__enter__()
    cleared = observe(s, names, lambda keys: keys - s.prometheus.firing(), 45)
    tell("cleared after the start", cleared, names, CLEARS_S)
    # What was well before and is well now has been so since then.
    tap.wait_for(lambda: state(s, "queue_age", "default") == "healthy",
                 lambda: str(checks(s)["queue_age", "default"]), 60)
    same(checks(s)["queue_age", "default"]["since"], kept, "since")


@case
def database_away(s):
    """Without the database nothing is known: the API says so by 503, lockstep
    status by 2, Prometheus by its alerts; and afterwards all is as before"""
    kept = checks(s)["queue_age", "default"]["since"]
    s.cluster.stop("fast")
    names = {("LockstepPostgresAway", ""), ("LockstepNobodyLooks", "")}

    def ask():
        s.get("/api/letters", s.service, record=False)

    seen = observe(s, names, lambda keys: s.prometheus.firing() & keys, 30,
                   [ask])
    same(s.get("/api/monitor", s.service, record=False).status, 503)
    done = s.run("status", "--format", "json", "--config", s.worker_config,
                 check=False)
    same((done.returncode, done.stdout), (2, ""), done.stderr)
    s.cluster.start()
    cleared = observe(s, names, lambda keys: keys - s.prometheus.firing(), 45,
                      [ask])
    tell("told after the end of Postgres", seen, names, FIRES_S)
    tell("cleared after its start", cleared, names, CLEARS_S)
    tap.wait_for(lambda: monitor(s)["state"] == "healthy",
                 lambda: str([c for c in monitor(s)["checks"]
                              if c["state"] != "healthy"]), 60, 0.3)
    same(checks(s)["queue_age", "default"]["since"], kept, "since")


@case
def servers_killed(s):
    """Servers that are killed are told by Prometheus, which cannot scrape
    them"""
    for number in range(s.instances):
        s.stop(number, signal.SIGKILL)
    names = {("LockstepDown", "")}
    seen = observe(s, names, lambda keys: s.prometheus.firing() & keys, 30)
    for number in range(s.instances):
        s.start(number)
    s.ready()
    cleared = observe(s, names, lambda keys: keys - s.prometheus.firing(), 45)
    tell("told after the kill", seen, names, FIRES_S)
    tell("cleared after the start", cleared, names, CLEARS_S)


@case
def routes_are_told(s):
    """What was counted of a route grows by what was asked, within seconds; its
    buckets are those of /metrics"""
    def counted():
        data = s.get("/api/monitor/routes", s.service, record=False).data
        found = {(r["method"], r["route"]): r for r in data["routes"]}
        return data["bounds"], found.get(("GET", "/letters"), {
            "requests": 0, "rejected": 0, "buckets": [0] * 15})

    time_to_settle = counted()[1]["requests"]
    tap.wait_for(lambda: counted()[1]["requests"] >= time_to_settle, "figures")
    before = counted()[1]
    for _ in range(7):
        same(s.get("/api/letters", s.service, record=False).status, 200)
    same(s.get("/api/letters?limit=x", s.service, record=False).status, 400)
    tap.wait_for(lambda: (lambda now: now["requests"] >= before["requests"] + 8
                          and now["rejected"] > before["rejected"]
                          and now["buckets"][-1] >= now["requests"])(
                              counted()[1]), "the requests to be told", 60, 0.2)
    bounds, after = counted()
    same(after["requests"] - before["requests"], 8)
    same(after["rejected"] - before["rejected"], 1)
    same(after["buckets"][-1], after["requests"])
    same(after["buckets"], sorted(after["buckets"]))
    told = re.findall(r'^lockstep_request_seconds_bucket\{method="GET",route='
                      r'"/letters",le="([^"]+)"\}', metrics(s), re.M)
    same(["+Inf" if b is None else f"{b:g}" for b in bounds], told)


@case
def labels_exist(s):
    """What the rules and the dashboard ask of a figure by its labels, it has"""
    board = json.loads((MONITORING / "dashboard.json").read_text())
    exprs = [t["expr"] for p in board["panels"] for t in p["targets"]]
    exprs += re.findall("expr: '(.*)'", (MONITORING / "rules.yml").read_text())
    looked = 0
    for expr in exprs:
        families = set(re.findall(r"(?<![:\w])lockstep_\w+", expr))
        found = [one for name in families for one in s.prometheus.ask(
            f"series?match[]={name}")]
        labels = set(re.findall(r"[{,]\s*(\w+)(?:=|!)", expr))
        for group in re.findall(r"\bby \(([^)]*)\)", expr):
            labels |= set(re.split(r",\s*", group))
        if found:
            looked += 1
            same(labels - {name for one in found for name in one}, set(), expr)
    assert looked > 40, looked


@case
def no_room_is_told(s):
    """So are figures that there is no room for"""
    try_faults(s, alert_faults.LAST)


@case
def all_were_tried(s):
    """Each alert of the rules has fired and cleared here, by its fault"""
    if os.environ.get("ONLY"):
        raise tap.Skip("not all of them were tried")
    for limit, names in tried.items():
        same(set(alerts_of_rules()) - names, set(), f"not within {limit} s")


def main():
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            print(f"1..0 # SKIP {tool} is not installed")
            return 0
    with tempfile.TemporaryDirectory(prefix="lockstep-") as top, sut.System(
            contract=alert_faults.contract(pathlib.Path(top)),
            settings=alert_faults.PRESSURE) as s:
        s.service = s.token("service_role")
        s.company = s.cluster.psql("select id from app.companies limit 1")
        # Letters of the demo wait for a writer; here they would be a fault.
        s.cluster.psql("update lockstep.jobs set state = 'cancelled', reason = "
                       "'cancelled', finalized_at = now() where finalized_at "
                       "is null")
        s.replica = Replica(s.directory, s.cluster)
        s.worker = Worker(s, "first", **MARKS).__enter__()
        s.worker_config = s.directory / "first.conf"
        try:
            with Prometheus(s) as s.prometheus:
                return tap.run(s)
        finally:
            s.worker.__exit__()
            s.replica.stop()


if __name__ == "__main__":
    sys.exit(main())
