# SPDX-License-Identifier: MIT
"""lockstep check --patch.  The reference database, stripped of policies, row
security, grants, indexes, NOT NULLs and CHECKs, is patched and migrated: the
check is then clean, and the whole of flow_test.py passes on it.  Other copies
show what is inferred, what is refused, and what is left alone."""

import json
import pathlib
import re
import shutil
import sys
import tempfile

import flow_test  # its cases run first, on the patched database
import lint_faults
import system as sut
import tap
from tap import case, same

STRIP = sut.TOP / "tests/flow/strip.sql"
# Tables whose rows are somebody's by a column.
OWNED = ["letters", "coupon_redemptions", "users", "affiliates", "referrals",
         "commissions", "payouts"]


class Project:
    """Migrations and policies in a directory of their own, for a database."""

    def __init__(self, run, cluster, database="lockstep"):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="patch-"))
        self.directory.chmod(0o755)
        self.cluster, self.database = cluster, database
        self.lockstep = run
        for name in ("migrations", "policies", "contract"):
            shutil.copytree(sut.TOP / name, self.directory / name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, *arguments, check=True):
        done = self.lockstep(
            *arguments, "--contract" if arguments[0] == "migrate" else
            self.directory / "contract",
            *([self.directory / "contract"]
              if arguments[0] == "migrate" else []),
            "--migrations", self.directory / "migrations",
            "--policies", self.directory / "policies",
            "--database", self.cluster.conninfo("lockstep", self.database),
            "--migrate-database",
            self.cluster.conninfo("lockstep_owner", self.database),
            check=False)
        if check:
            same(done.returncode, 0, done.stdout + done.stderr)
        return done

    def findings(self):
        done = self.run("check", "--format", "json", check=False)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def files(self):
        """{name: text} of all that is in the directory."""
        return {str(f.relative_to(self.directory)): f.read_text()
                for f in self.directory.rglob("*") if f.is_file()}

    def psql(self, sql, user="postgres"):
        return self.cluster.psql(sql, user=user, database=self.database)


def told(findings):
    return sorted({(f["severity"], f["id"], f["object"]) for f in findings})


def begin(s, pg):
    """The reference with its demo data, stripped, patched, migrated."""
    s.run("migrate", "up", "--migrate-database",
          pg.conninfo("lockstep_owner"))
    pg.psql(file=sut.TOP / "examples/demo.sql")
    pg.psql("create database whole template lockstep", database="postgres")
    pg.psql(file=sut.TOP / "migrations/roles.sql", database="whole")
    pg.psql(file=STRIP)
    pg.psql("create database bare template lockstep", database="postgres")
    pg.psql(file=sut.TOP / "migrations/roles.sql", database="bare")
    s.project = Project(s.run, pg)
    s.before = s.project.findings()
    s.patch = s.project.run("check", "--patch")
    s.migrate = s.project.run("migrate", "up")
    pg.psql("analyze")


def copy(s, name, of="bare"):
    """Another project, on a copy of a database."""
    s.cluster.psql(f"create database {name} template {of}",
                   database="postgres")
    s.cluster.psql(file=sut.TOP / "migrations/roles.sql", database=name)
    return Project(s.run, s.cluster, name)

# The numbers that the reference application leaves free.
NEXT = 1 + len(list((sut.TOP / "migrations").glob("[0-9]*.sql")))
PATCHES = [f"{NEXT + n:04}_{name}.sql" for n, name in enumerate(
    ("agree", "agree_rows", "agree_indexes"))]


# ---- The stripped database.

@case
def stripped_is_faulty(s):
    """The stripped database has errors, at every table."""
    errors = {f["object"].split(" ")[0] for f in s.before
              if f["severity"] == "error"}
    # Beside the tables, of two a column that a rollup needs.
    columns = {f["object"] for f in s.before if f["id"] == "rollup-source"}
    same((len(errors - columns), len(columns)), (18, 2), columns)
    assert len(s.before) > 300, len(s.before)
    print(f"# {len(s.before)} findings before the patch")


@case
def patch_mends_all(s):
    """After the patch and `migrate up` the check has nothing to say."""
    same(told(s.project.findings()), [])
    assert "mended" in s.patch.stdout, s.patch.stdout
    for name in PATCHES:
        assert name in s.patch.stdout and name in s.migrate.stdout, name
    for table in OWNED:
        assert f"policies/{table}.sql" in s.migrate.stdout, table


@case
def patch_changes_no_file(s):
    """Policy files that are there, migrations that were applied and the
    contract are as they were."""
    for name, text in s.project.files().items():
        if (sut.TOP / name).exists():
            same(text, (sut.TOP / name).read_text(), name)
        else:
            assert name.removeprefix("migrations/") in PATCHES, name


@case
def patched_holds_values(s):
    """What was lost holds again: NOT NULL, CHECKs that are valid, indexes."""
    lost = "select count(*) from %s where %s"
    same(s.project.psql(lost % ("pg_constraint", "not convalidated")), "0")
    same(s.project.psql(lost % (
        "pg_attribute", "attrelid = 'app.letters'::regclass and attname = "
        "'title' and attnotnull")), "1")
    same(s.project.psql(lost % (
        "pg_constraint", "conname like '%_not_null'")), "0")
    refused = s.cluster.psql("update app.letters set tone = 'angry'",
                             database="lockstep", check=False)
    same(refused, "")
    same(s.project.psql("select count(*) from app.letters where tone = "
                        "'angry'"), "0")


@case
def clean_database_has_no_patch(s):
    """A patch of a clean database is empty, and says so."""
    with Project(s.run, s.cluster, "whole") as p:
        files = p.files()
        done = p.run("check", "--patch")
        same(done.stdout.strip(),
             "There is nothing to patch: nothing was found.")
        same(p.files(), files, "files")


@case
def dry_run_writes_nothing(s):
    """--dry-run prints each file whole and writes none."""
    with copy(s, "dry") as p:
        files = p.files()
        done = p.run("check", "--patch", "--dry-run")
        same(p.files(), files, "files")
        p.run("check", "--patch")
        for name, text in p.files().items():
            if name not in files:
                assert text in done.stdout, name


@case
def out_is_a_directory_of_its_own(s):
    """--out has all files below it, and nothing that is there is written
    over."""
    with copy(s, "elsewhere") as p:
        files, out = p.files(), p.directory / "new"
        p.run("check", "--patch", "--out", out)
        same(sorted(str(f.relative_to(out)) for f in out.rglob("*.sql")),
             [f"migrations/{name}" for name in PATCHES])
        same({n: t for n, t in p.files().items()
              if not n.startswith("new/")}, files, "files")
        (out / "migrations" / PATCHES[1]).write_text("mine")
        done = p.run("check", "--patch", "--out", out, check=False)
        same(done.returncode, 2)
        assert f"{PATCHES[0]} is there already" in done.stderr, done.stderr
        same((out / "migrations" / PATCHES[1]).read_text(), "mine")


@case
def patch_commits_nothing(s):
    """What was tried is undone: the database is as it was."""
    with copy(s, "untouched") as p:
        before = p.findings()
        p.run("check", "--patch", "--dry-run")
        same(p.findings(), before)


# ---- What the database does not take.

@case
def faulty_rows_are_told(s):
    """Rows that break a rule keep that rule out, with the reason; a CHECK
    holds for new rows, and the rest is mended."""
    with copy(s, "rows") as p:
        p.psql("update app.letters set tone = 'angry' where id = (select "
               "min(id::text)::uuid from app.letters); "
               "update app.users set locale = null where id = (select "
               "min(id::text)::uuid from app.users)")
        done = p.run("check", "--patch", check=False)
        same(done.returncode, 1, done.stdout)
        for words in ('validate constraint "letters_tone_bounds"',
                      'constraint "locale_not_null"',
                      "is violated by some row"):
            assert words in done.stdout, (words, done.stdout)
        p.run("migrate", "up")
        same(told(p.findings()), [
            ("warning", "constraint-not-valid", "app.letters"),
            ("warning", "null-told", "app.users.locale")])


@case
def locks_are_not_waited_for(s):
    """A table that somebody reads is waited for no longer than lock_timeout;
    nothing is made then."""
    with copy(s, "held") as p, s.cluster.held("app.payouts", "held",
                                              "access share"):
        began = sut.now_ms()
        done = p.run("check", "--patch", "--lock-timeout-ms", 50, check=False)
        same((done.returncode, done.stdout), (2, ""))
        assert "somebody holds" in done.stderr, done.stderr
        assert sut.now_ms() - began < 15000, "it waited again and again"


@case
def pending_migrations_go_first(s):
    """With a migration that was not applied nothing is made: it may be the
    mend."""
    with copy(s, "pending") as p:
        (p.directory / f"migrations/{NEXT:04}_mine.sql").write_text("select 1;\n")
        done = p.run("check", "--patch", check=False)
        same((done.returncode, done.stdout), (2, ""))
        assert "migrate up first" in done.stderr, done.stderr


@case
def owner_must_be_reachable(s):
    """Without the owner's connection nothing is made."""
    with copy(s, "ownerless") as p:
        done = s.run("check", p.directory / "contract", "--patch",
                     "--migrations", p.directory / "migrations",
                     "--policies", p.directory / "policies", "--database",
                     p.cluster.conninfo("lockstep", "ownerless"),
                     "--migrate-database", "host=/nowhere", check=False)
        same(done.returncode, 2)
        assert "migrate_database" in done.stderr, done.stderr


# ---- What is there already.

@case
def policy_file_is_added_to(s):
    """A policy file that lacks what an operation needs is changed at its end
    alone, and that is told."""
    with copy(s, "lacking", "whole") as p:
        file = p.directory / "policies/letters.sql"
        mine = file.read_text().replace(
            "grant delete on app.letters to authenticated;\n", "")
        file.write_text(mine)
        p.run("migrate", "up")
        same([f["id"] for f in p.findings()],
             ["grant-missing", "policy-without-grant"])
        done = p.run("check", "--patch")
        assert f"changed   {file}" in done.stdout, done.stdout
        assert file.read_text().startswith(mine), file.read_text()
        assert 'grant delete on "app"."letters"' in \
            file.read_text()[len(mine):]
        p.run("migrate", "up")
        same(told(p.findings()), [])


@case
def policies_without_a_file_stay(s):
    """Policies that no file has stay as they are: what is missing beside them
    goes into a migration."""
    policies = ("select string_agg(polname || coalesce(pg_get_expr(polqual, "
                "polrelid), ''), ',' order by polname) from pg_policy "
                "where polrelid = 'app.letters'::regclass")
    with copy(s, "fileless", "whole") as p:
        (p.directory / "policies/letters.sql").unlink()
        p.psql("delete from lockstep.policies where file = 'letters.sql'; "
               "revoke delete on app.letters from authenticated")
        before = p.psql(policies)
        p.run("check", "--patch")
        same((p.directory / "policies/letters.sql").exists(), False)
        p.run("migrate", "up")
        same(p.psql(policies), before)
        same(told(p.findings()), [])


# ---- What is inferred.

CALLERS = [("anon", None), ("authenticated", sut.ALICE),
           ("authenticated", sut.BOB),
           ("authenticated", "33333333-3333-4333-8333-333333333333"),
           ("service_role", None)]


def cells(p, table):
    """{(role, user, statement): outcome} of each statement as each caller, by
    column: keys, or the SQLSTATE."""
    columns = p.psql("select attname from pg_attribute where attrelid = "
                     f"'app.{table}'::regclass and attnum > 0").split()
    statements = [f"select {c} from app.{table} order by 1" for c in columns]
    statements += [f"with u as (update app.{table} set {c} = {c} returning "
                   "id) select id from u order by 1" for c in columns]
    statements += [f"insert into app.{table} ({c}) values (null)"
                   for c in columns]
    statements += [f"with d as (delete from app.{table} returning id) "
                   "select id from d order by 1",
                   f"insert into app.{table} (owner_id) values "
                   f"('{sut.BOB}')", f"select count(*) from app.{table}"]
    seen = {}
    for role, user in CALLERS:
        claims = json.dumps({"role": role, "sub": user})
        script = ["\\set ON_ERROR_STOP off", "begin;",
                  f"select set_config('role', '{role}', true), "
                  f"set_config('request.jwt.claims', '{claims}', true);"]
        for number, statement in enumerate(statements):
            script += ["savepoint one;", f"\\echo @@{number}",
                       statement + ";", "\\echo :SQLSTATE",
                       "rollback to savepoint one;"]
        file = p.directory / "cells.sql"
        file.write_text("\n".join(script))
        out = p.cluster.psql(user="lockstep", database=p.database, file=file)
        for part in re.split("^@@", out, flags=re.M)[1:]:
            number, _, outcome = part.partition("\n")
            seen[role, user, statements[int(number)]] = outcome
    return seen


@case
def inferred_are_as_the_originals(s):
    """Without the policy files of tables whose rows are somebody's by a column,
    those that are inferred let each role see and change the same rows and
    columns as the originals, and the check is clean."""
    with copy(s, "inferred") as p, Project(s.run, s.cluster, "whole") as w:
        for table in OWNED:
            (p.directory / f"policies/{table}.sql").unlink()
        done = p.run("check", "--patch")
        for table in OWNED:
            assert f"policies/{table}.sql" in done.stdout, table
        p.run("migrate", "up")
        same(told(p.findings()), [])
        count = 0
        for table in OWNED:
            got, wanted = cells(p, table), cells(w, table)
            same({k: (v, wanted[k]) for k, v in got.items()
                  if wanted[k] != v}, {}, f"{table}: cells that differ")
            assert len({*wanted.values()}) > 4, wanted
            count += len(wanted)
        print(f"# {count} cells of {len(OWNED)} tables are the same")


@case
def not_known_is_nobody(s):
    """Where nothing says whose rows are, or who of the members may write,
    nobody may; the file and the check say so."""
    with copy(s, "nobody") as p:
        for table in ("coupons", "companies"):
            (p.directory / f"policies/{table}.sql").unlink()
        done = p.run("check", "--patch", check=False)
        same(done.returncode, 1, done.stderr)
        coupons = (p.directory / "policies/coupons.sql").read_text()
        companies = (p.directory / "policies/companies.sql").read_text()
        assert "No row yet that anon may select" in coupons, coupons
        assert "account_members.role gives members ranks" in companies
        assert "for insert" not in companies, companies
        p.run("migrate", "up")
        errors = {f["object"] for f in p.findings()
                  if f["severity"] == "error"}
        same(errors, {"app.coupons (anon)", "app.coupons (authenticated)",
                      "app.companies (authenticated)"})
        seen = cells_of(p, "anon", None, "coupons")
        same(seen, "0")
        same(cells_of(p, "authenticated", sut.ALICE, "coupons"), "0")
        same(cells_of(p, "authenticated", sut.ALICE, "companies"),
             p.psql("select count(*) from app.companies where account_id in "
                    "(select account_id from app.account_members where "
                    f"user_id = '{sut.ALICE}')"))


def cells_of(p, role, user, table):
    """How many rows of a table a caller sees."""
    claims = json.dumps({"role": role, "sub": user})
    return p.psql(f"select set_config('role', '{role}', false), set_config("
                  f"'request.jwt.claims', '{claims}', false); select count("
                  f"{'code' if table == 'coupons' else 'id'}) from "
                  f"app.{table}", user="lockstep").split("\n")[-1]


# ---- All that has a mend in SQL.

MIXED = """
alter table app.users alter locale drop not null;
alter table app.letters drop constraint letters_title_check,
    drop constraint letters_recipient_check,
    drop constraint letters_owner_id_fkey, alter tone set default 'formal';
alter table app.accounts alter name type varchar(60);
alter table app.events drop constraint events_score_check,
    drop constraint events_csat_range, drop constraint events_score_known;
alter table app.letters alter scheduled_for type timestamp;
alter table app.affiliates drop constraint affiliates_pkey cascade;
drop index app.companies_external_id_key, app.referrals_created_idx,
    app.referrals_owner_created_idx, app.letters_search_idx,
    app.letters_recipient_email_idx, app.commissions_reference_idx;
revoke select on app.coupons from anon;
grant update (owner_id) on app.letters to authenticated;
grant select on app.payouts to public;
grant truncate on app.users to service_role;
drop policy authenticated_delete on app.letters;
alter table app.payouts no force row level security;
revoke execute on function app.recall_letter from authenticated;
grant execute on function app.approve_commission to public;
revoke execute on function lockstep.claim from authenticated;
revoke usage on schema app from anon;
alter function app.affiliate_balance volatile;
create table app.notes (id int primary key);
grant select on app.notes to authenticated;
"""


@case
def mixed_faults_are_mended(s):
    """Thirty faults of all kinds that have a mend in SQL, or in a policy file,
    are mended by one patch."""
    with copy(s, "mixed", "whole") as p:
        p.psql(f"revoke temporary on database mixed from public; {MIXED}")
        p.psql("alter table app.notes owner to lockstep_owner")
        before = p.findings()
        p.run("check", "--patch")
        p.run("migrate", "up")
        same(told(p.findings()), [])
        print(f"# {len(before)} findings of {len({f['id'] for f in before})} "
              "rules are mended")


# A superuser planted them; migrations run as the owner of what they change.
HANDED_OVER = """
do $$
declare
    made record;
begin
    for made in select oid::regclass as name from pg_class
        where relnamespace = 'app'::regnamespace
        and relowner = 'postgres'::regrole and relkind in ('r', 'v', 'm')
    loop
        execute format('alter table %s owner to lockstep_owner', made.name);
    end loop;
    for made in select p.oid::regprocedure as name from pg_proc p
        join pg_language l on l.oid = p.prolang and l.lanpltrusted
        where p.pronamespace = 'app'::regnamespace
        and p.proowner = 'postgres'::regrole and not exists (
            select from pg_depend d where d.objid = p.oid and deptype = 'e')
    loop
        execute format('alter function %s owner to lockstep_owner',
            made.name);
    end loop;
end
$$;
"""


@case
def lint_faults_are_mended(s):
    """Each fault of the lint that has a mend in SQL is mended, or the patch
    tells why the database did not take it."""
    sql = re.compile("(alter|revoke|grant|drop|create|reindex) ")
    with copy(s, "faulty", "whole") as p:
        for fault in lint_faults.LOCAL:
            p.psql(fault.sql("fault"))
        p.psql(HANDED_OVER)
        before = {(f["id"], f["object"]): f["hint"] for f in p.findings()
                  if sql.match(f["hint"])}
        done = p.run("check", "--patch", "--dry-run", check=False)
        same(done.returncode, 1, done.stderr)
        written, _, left = done.stdout.partition("tried ")
        for thing, rule in re.findall(
                r"^(?:error|warning|note) +(.*?)  \[([a-z-]+)\]", left, re.M):
            if (rule, thing) not in before:
                continue
            hint = before.pop((rule, thing)).replace("concurrently ", "")
            assert f"refused   {hint.rstrip(';')}\n" in written, (
                rule, thing, hint)
        assert len(before) > 20, before
        print(f"# {len(before)} mended")


@case
def contract_gets_merge_patches(s):
    """What the contract lacks comes as merge patches; with them, and a second
    patch for the grants, the check is clean."""
    with copy(s, "columns", "whole") as p:
        p.psql("revoke temporary on database columns from public")
        p.psql("create type app.mood as enum ('good', 'bad'); "
               "alter table app.users add nickname varchar(40), "
               "add mood app.mood not null default 'good'; "
               "alter table app.letters rename constraint "
               "letters_owner_id_fkey to letters_owner", "lockstep_owner")
        out = p.directory / "new"
        done = p.run("check", "--patch", "--out", out, check=False)
        same(done.returncode, 1, done.stderr)
        for file in (out / "contract").rglob("*.merge.json"):
            target = p.directory / str(file.relative_to(out)).replace(
                ".merge.json", ".json")
            target.write_text(json.dumps(merged(
                json.loads(target.read_text()),
                json.loads(file.read_text()))))
        same({f["id"] for f in p.findings()} & {"fault", "column-extra",
                                                "constraint-unknown"}, set())
        p.run("check", "--patch", check=False)
        p.run("migrate", "up")
        same([f for f in told(p.findings()) if f[1] != "result-missing"], [])


def merged(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target


def main():
    s = sut.System(settings=flow_test.SETTINGS,
                   setup=lambda pg: begin(s, pg))
    with s:
        flow_test.prepare(s)
        try:
            return tap.run(s)
        finally:
            s.project.__exit__()


if __name__ == "__main__":
    sys.exit(main())
