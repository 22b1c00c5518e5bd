# SPDX-License-Identifier: MIT
"""The reports on a living deployment: the matrix says of each role and table
what the database does, and says loudly what is open; every command of the
runbook is run as it stands, the dangerous ones too, and does what it says."""

import contextlib
import functools
import http.server
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "rls"))

import contract as rules  # noqa: E402
import markdown  # noqa: E402
import rls_test as rls  # noqa: E402
import system as sut  # noqa: E402
import tap  # noqa: E402
from tap import case, same  # noqa: E402

tap.cases.clear()	# those of rls_test are its own to run

VERBS = ("select", "insert", "update", "delete")
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?",
                   re.S | re.M)


class Deployment(sut.System):
    """A system whose files may be changed, and which may be stopped and
    started by others."""

    def _begin(self):
        for name in ("contract", "migrations", "policies"):
            shutil.copytree(sut.TOP / name, self.directory / name)
        self.contract = self.directory / "contract"
        self.backups = self.directory / "backups"
        self.jwks = self.directory / "jwks.json"
        key = self.directory / "key.pem"
        self.run("token", "--new-key", "ES256", "--key", key)
        self.jwks.write_text(self.run("token", "--jwks", "--key", key).stdout)
        super()._begin()
        # Whoever ends a process wants to see it go.
        for process in self.process.values():
            threading.Thread(target=process.wait, daemon=True).start()

    def configure(self, number, **more):
        super().configure(number, **{
            "migrations": self.directory / "migrations",
            "policies": self.directory / "policies",
            "jwks_file": self.jwks,
            "database_read": self.cluster.conninfo("lockstep"), **more})

    def serving(self):
        """The pids of all processes that serve from this directory."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if b"serve" in words and \
                        any(w.startswith(bytes(self.directory) + b"/lockstep-")
                            for w in words):
                    found.append(int(path.parent.name))
        return sorted(found)

    def parent(self):
        """The pid of an instance, whose children serve."""
        serving = self.serving()
        for pid in serving:
            with contextlib.suppress(OSError):
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                if int(stat.rsplit(")", 1)[1].split()[1]) not in serving:
                    return pid
        raise AssertionError("nobody serves")

    def __exit__(self, *_):
        for pid in self.serving():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            tap.wait_for(lambda: not self.serving(), "the end", 20)
        super().__exit__()

    def gen(self, what, *words):
        return self.run("gen", what, "--config", self.config_path(0),
                        *words).stdout

    def runbook(self, *words):
        return self.gen("runbook", "--server", self.url + "/api", "--ops",
                        f"http://127.0.0.1:{self.ops_port}", "--nginx",
                        self.directory / "nginx.conf", "--backups",
                        self.backups, *words)


# ---- The matrix.


def access(text, resource):
    """{role: {verb: cell}} of a resource."""
    part = markdown.sections(text)["Access to " + resource]
    rows = markdown.tables(part)[0]
    same(rows[0], ["role", *VERBS])
    return {row[0].strip("`"): dict(zip(VERBS, row[1:])) for row in rows[2:]}


def holds(s, role, table, verb):
    """Has the role the privilege, on a column at least?"""
    kind = "table" if verb == "delete" else "any_column"
    return s.cluster.psql(f"select has_{kind}_privilege('{role}', '{table}', "
                          f"'{verb}')") == "t"


def cells(s):
    """(resource, table, role, verb, cell) of the whole matrix."""
    for resource in rls.tables(s):
        told = access(s.matrix, resource["resource"])
        same(list(told), [*s.rules.about["roles"], "lockstep_logic"],
             resource["resource"])
        for role, row in told.items():
            for verb, cell in row.items():
                yield resource, resource["table"], role, verb, cell


@case
def page_is_whole(s):
    """The matrix and the flow of a database have links that lead somewhere,
    name it, and have nothing to shout about."""
    for text in (s.matrix, s.flow):
        markdown.check(text)
        assert "the catalog of the database `lockstep`" in text
        assert "not looked up" not in text
        same(re.findall(r"\*\*[A-Z ]{4,}", text), [], "what is open")


@case
def grants_are_told(s):
    """"no grant" stands exactly where Postgres gives the role no privilege."""
    count = 0
    for _, table, role, verb, cell in cells(s):
        same(cell == "no grant", not holds(s, role, table, verb),
             f"{role} {verb} {table}: {cell}")
        count += 1
    print(f"# {count} cells")
    roles = len(s.rules.about["roles"]) + 1
    same(count, len(rls.tables(s)) * roles * 4, "cells")


@case
def policies_are_told(s):
    """A cell names exactly the policies that hold for the role and the verb."""
    for _, table, role, verb, cell in cells(s):
        wanted = set(s.cluster.psql(
            "select policyname from pg_policies where schemaname || '.' || "
            f"tablename = '{table}' and roles && '{{{role},public}}' and cmd "
            f"in ('ALL', upper('{verb}'))").split())
        if cell != "no grant":
            same(set(re.findall("`([a-z_]+)`", cell)), wanted,
                 f"{role} {verb} {table}")


@case
def cells_are_what_happens(s):
    """"all rows" gives all, "own rows" and "some rows" give a stranger none
    and their users no more than theirs, in SQL as the role."""
    users = {"anon": [None], "service_role": [None],
             "authenticated": [sut.ALICE, sut.BOB, rls.ABSENT]}
    for _, table, role, verb, cell in cells(s):
        if verb != "select" or role not in users:
            continue
        key = s.cluster.psql(
            "select coalesce(min(attname) filter (where has_column_privilege("
            f"'{role}', attrelid, attnum, 'select')), min(attname)) from "
            f"pg_attribute where attrelid = '{table}'::regclass and "
            "attnum > 0 and not attisdropped")
        total = int(s.cluster.psql(f"select count(*) from {table}"))
        for user in users[role]:
            told = rls.as_role(s, role, user, f"select count(t.{key}"
                               f" is null) from {table} t")
            where = f"{role} {user} {table}: {cell}, {told}"
            if cell.startswith("all rows"):
                same(int(told), total, where)
            elif cell.startswith("own rows"):
                assert 0 < int(told) < total or \
                    (user == rls.ABSENT and told == "0"), where
            elif cell.startswith("some rows"):
                assert told != "refused" and int(told) < total, where
            elif cell == "as the tables of the view say":
                assert told != "refused", where
            else:
                same((cell, told), ("no grant", "refused"), where)


@case
def truth_of_the_domain(s):
    """Where nobody may, as the tests of row security have it, no row is told
    to be reached; where only one's own may be, "own rows" stands."""
    seen = 0
    for resource, table, role, verb, cell in cells(s):
        if role != "authenticated" or verb == "insert":
            continue
        name, column = resource["resource"], VERBS.index(verb)
        shown = [r["resource"] for r in rls.tables(s) if r["table"] == table]
        truths = {rls.TRUTH[n][max(column - 1, 0)] for n in shown}
        same(cell == "no grant", truths == {rls.NOBODY}, f"{name} {verb}")
        if verb == "select" and len(shown) == 1:
            words = truths.pop()
            own = cell.startswith("own rows")
            assert own or not re.fullmatch(r"\w+ = '\{user\}'", words), cell
            assert not own or "'{user}'" in words, f"{name} {cell} {words}"
        seen += 1
    same(seen, len(rls.tables(s)) * 3, "cells")


@contextlib.contextmanager
def altered(s, there, back):
    """The matrix with a database that is not as it should be."""
    s.cluster.psql(there)
    try:
        yield s.gen("matrix")
    finally:
        s.cluster.psql(back)


@case
def what_is_open_is_loud(s):
    """A table with row security off, or not forced, a role that bypasses it, a
    table or function that is missing, a function that may not be called, and
    a role without an inherited policy show, each in its place."""
    table = "alter table app.letters "
    for there, back, place, said in (
            (table + "disable row level security",
             table + "enable row level security",
             "Access to letters", "**RLS OFF: ALL ROWS**"),
            (table + "disable row level security",
             table + "enable row level security", "Overview",
             "**RLS OFF**"),
            (table + "no force row level security",
             table + "force row level security", "letters.list",
             "**not forced: its owner sees all**"),
            ("alter role service_role bypassrls",
             "alter role service_role nobypassrls", "Access to letters",
             "**ALL ROWS**: BYPASSRLS"),
            (table + "rename to gone", "alter table app.gone rename to "
             "letters", "letters.read", "**TABLE MISSING**"),
            ("alter function app.recall_letter rename to gone",
             "alter function app.gone rename to recall_letter",
             "letters.recall", "**FUNCTION MISSING**"),
            ("revoke execute on function app.recall_letter from "
             "authenticated", "grant execute on function app.recall_letter "
             "to authenticated", "letters.recall",
             "**MAY NOT EXECUTE IT**"),
            ("create policy narrow on app.letters as restrictive for select "
             "to authenticated using (status = 'draft')",
             "drop policy narrow on app.letters", "letters.list",
             "own rows by `authenticated_select` and `narrow`"),
            ("drop policy authenticated_delete on app.letters",
             "create policy authenticated_delete on app.letters for delete to "
             "authenticated using (owner_id = (select auth.uid()))",
             "letters.delete", "delete no rows: no policy"),
            ("revoke usage on schema app from anon",
             "grant usage on schema app to anon", "campaigns.list",
             "`anon`: select no grant"),
            ("revoke insert (tags) on app.letters from authenticated",
             "grant insert (tags) on app.letters to authenticated",
             "letters.create", "; 6 of 17 columns")):
        before = markdown.sections(s.matrix)[place]
        assert said not in before, said
        with altered(s, there, back) as text:
            assert said in markdown.sections(text)[place], \
                f"{said}: {markdown.sections(text)[place][:2000]}"
    same(s.gen("matrix"), s.matrix, "as before")


@case
def memberships_count(s):
    """A policy of a role counts for those that inherit from it, and for no
    other member."""
    grant = ("create role clerk; grant select on app.payouts to clerk; "
             "create policy clerk_select on app.payouts for select to clerk "
             "using (true); grant clerk to anon; ")
    back = ("alter role anon noinherit; drop policy clerk_select on "
            "app.payouts; drop owned by clerk; drop role clerk")
    for inherits, said in (("noinherit", "no grant"),
                           ("inherit", "all rows by `clerk_select`")):
        with altered(s, grant + f"alter role anon {inherits}", back) as text:
            same(access(text, "payouts")["anon"]["select"], said, inherits)


# ---- The runbook.


def parts(text):
    """[(heading, commands, expected or None), ...] in the page's order."""
    found = []
    for heading, part in markdown.sections(text).items():
        found += [(heading, m[1], m[2]) for m in BLOCK.finditer(part)]
    same(len(found), len(re.findall("^```sh$", text, re.M)), "blocks")
    return found


def as_pattern(line):
    cut = line.endswith("...")
    text = ".*".join(map(re.escape, line.split("...")))
    return "^" + (text if cut else text + "$")


def fault(commands, expected, done):
    """What is not as the page says, or None."""
    lines = (expected or "").splitlines()
    status = 0
    if lines and (m := re.fullmatch(r"\(exit status (\d+)\)", lines[-1])):
        status = int(m[1])
        lines.pop()
    if done.returncode != status:
        return f"exit status {done.returncode}, wanted {status}"
    if not lines and done.stdout:
        return "it printed something"
    rest = done.stdout
    for line in lines:
        match = re.search(as_pattern(line), rest, re.M)
        if not match:
            return f"wanted: {line}"
        rest = rest[match.end():]
    return None


def run_block(commands):
    return subprocess.run(
        ["bash", "-e", "-c", commands], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=180, check=False, cwd="/",
        env={"PATH": os.environ["PATH"] + ":/usr/sbin", "no_proxy": "*",
             "HOME": "/nonexistent"})


def served_again(s):
    """By both instances; one that met a database anew looks at it first."""
    tap.wait_for(lambda: all(s.ops(f"/readyz/{n}").status == 200
                             for n in (0, 1)) and
                 s.get("/api/letters", s.service).status == 200, "a 200")


@contextlib.contextmanager
def postgres_gone(s):
    s.cluster.stop()
    tap.wait_for(lambda: s.get("/api/letters", s.service).status == 503,
                 "a 503")
    try:
        yield
    finally:
        s.cluster.start()
    served_again(s)


@contextlib.contextmanager
def broken_contract(s):
    file = s.contract / "resources/letters.json"
    text = file.read_text()
    file.write_text(text.replace('"app.letters"', '"app letters"'))
    os.kill(s.parent(), signal.SIGHUP)
    tap.wait_for(lambda: any(e["event"] == "reload_refused"
                             for e in s.log_lines()), "a refusal")
    try:
        yield
    finally:
        file.write_text(text)
    same(s.get("/api/letters", s.service).status, 200)


@contextlib.contextmanager
def wider_grant(s):
    """A reload meets what somebody granted."""
    grant = "delete on app.users to authenticated"
    s.cluster.psql(f"grant {grant}")
    os.kill(s.parent(), signal.SIGHUP)
    tap.wait_for(lambda: any(e["event"] == "reload_refused"
                             and "unsafe" in e["cause"]
                             for e in s.log_lines()), "a refusal")
    try:
        yield
    finally:
        s.cluster.psql(f"revoke {grant.replace(' to ', ' from ')}")
    served_again(s)


@contextlib.contextmanager
def dead_worker(s):
    children = subprocess.run(["pgrep", "-lP", str(s.parent())],
                              capture_output=True, text=True, check=True)
    # Not one that looks at the database: they come and go.
    os.kill(next(int(pid) for pid, name in map(
        str.split, children.stdout.splitlines()) if name != "lockstep-look"),
        signal.SIGKILL)
    tap.wait_for(lambda: any(e["event"] == "worker_ended"
                             and e["signal"] == 9 for e in s.log_lines()),
                 "its end")
    yield


@contextlib.contextmanager
def bad_policy(s):
    """A change that is applied, and regretted."""
    file = s.directory / "policies/letters.sql"
    file.write_text(file.read_text().replace(
        "for select to authenticated\n\tusing (owner_id = (select auth.uid()))",
        "for select to authenticated\n\tusing (true)"))
    s.run("migrate", "up", "--config", s.config_path(0))
    assert "all rows" in access(s.gen("matrix"), "letters")[
        "authenticated"]["select"]
    yield
    assert "own rows" in access(s.gen("matrix"), "letters")[
        "authenticated"]["select"]


@contextlib.contextmanager
def later_writes(s):
    """What was written after the backup is given up, what was before stays."""
    count = "select count(*) from app.letters"
    before = s.cluster.psql(count)
    s.cluster.psql("update app.letters set status = 'draft'; "
                   "delete from app.letters")
    yield
    same(s.cluster.psql(count), before, "letters")


@contextlib.contextmanager
def lost_database(s):
    before = s.cluster.psql("select count(*) from app.letters")
    s.cluster.psql("drop database lockstep with (force)", database="postgres")
    tap.wait_for(lambda: s.get("/api/letters", s.service).status == 503,
                 "a 503")
    yield
    same(s.cluster.psql("select count(*) from app.letters"), before)


SCENES = {
    "Postgres does not answer": postgres_gone,
    "A reload is refused": broken_contract,
    "The database is unsafe": wider_grant,
    "A worker dies": dead_worker,
    "Take a policy back": bad_policy,
    "Go back to the backup": later_writes,
    "The database is lost": lost_database,
}


def play(s, text, known):
    """Runs the blocks that are not known; the faults."""
    faults, seen, found = [], set(), parts(text)
    for heading in dict.fromkeys(h for h, _, _ in found):
        blocks = [b for b in found if b[0] == heading and b[1] not in known]
        if not blocks:
            continue
        seen.add(heading)
        with SCENES.get(heading, lambda _: contextlib.nullcontext())(s):
            for _, commands, expected in blocks:
                done = run_block(commands)
                known.add(commands)
                wrong = fault(commands, expected, done)
                if wrong:
                    faults.append(f"{heading}:\n{commands}{wrong}\ngot: "
                                  f"{done.stdout}{done.stderr}")
    return faults, seen


@case
def runbook_is_true(s):
    """Every command of the runbook, run as it stands, does what the page
    says."""
    text = s.runbook("--instance", s.config_path(1))
    markdown.check(text)
    faults, seen = play(s, text, s.known)
    print(f"# {len(s.known)} blocks")
    assert not faults, "\n".join(faults)
    same(set(SCENES) - seen, set(), "scenes without a section")
    assert len(s.known) > 45, len(s.known)
    s.ready()


class Files(http.server.SimpleHTTPRequestHandler):
    """A web server of files that says nothing of what it does."""

    def log_message(self, *_):
        pass


@case
def runbook_of_another_deployment(s):
    """What the runbook says of one without log, figures and roles.sql, whose
    keys come by a URL, is true as well."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Files, directory=s.directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    (s.directory / "migrations/roles.sql").unlink()
    s.configure(0, log_file="", metric_file="", jwks_file="", jwks_url=url)
    text = s.runbook()
    markdown.check(text)
    for said, there in (("is not set, so /metrics is empty", True),
                        ("pg_dumpall --roles-only", True), (url, True),
                        ("Follow a request", False), ("@", False)):
        same(said in text, there, said)
    before = len(s.known)
    faults, seen = play(s, text, s.known)
    server.shutdown()
    server.server_close()
    print(f"# {len(s.known) - before} blocks more")
    assert not faults, "\n".join(faults)
    assert {"Reload instance 0", "Fetch the keys now", "Back up"} <= seen, seen


@case
def nothing_secret(s):
    """No password of a connection string and no secret gets into the page, nor
    is there anything left for people to fill in."""
    text = s.runbook("--database", "postgresql://lockstep:hid%20den@/lockstep"
                     f"?host={s.cluster.directory}", "--migrate-database",
                     "dbname='letters db' user=lockstep_owner password=hidden "
                     "sslpassword=hidden")
    for word in ("hid", s.secret.read_text().strip(), "TODO", "CHANGE"):
        assert word not in text, word
    same(re.findall(r"<[A-Za-z_-]+>", text), [], "placeholders")
    assert "dbname='\\''letters db'\\''" in text and \
        '"letters db_restored"' in text, text
    for _, commands, _ in parts(text):
        same(subprocess.run(["bash", "-n", "-c", commands],
                            check=False).returncode, 0, commands)


@case
def all_figures_and_events(s):
    """The runbook explains every figure and every event of the log that there
    is in the source."""
    text, source = s.runbook(), sut.TOP / "src"
    told = set(re.findall("`([a-z_]+)`", text))
    figures = set(re.findall(r'"lockstep_([a-z_]+)"',
                             (source / "base/metric.c").read_text()))
    assert len(figures) > 18, figures
    same(figures - told, set(), "figures")
    events = set()
    for file in source.glob("**/*.c"):
        events |= set(re.findall(r'log_(?:event|lines)\([^"]*"([a-z_]+)"',
                                 file.read_text()))
    assert len(events) > 15, events
    same(events - told, set(), "events")


def main():
    with Deployment() as s:
        s.rules = rules.Contract()
        s.service = s.token("service_role")
        s.matrix, s.flow = s.gen("matrix"), s.gen("flow")
        s.known = set()
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
