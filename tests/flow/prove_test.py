# SPDX-License-Identifier: MIT
"""lockstep check --prove: the reference agrees with its contract, cell by cell
with what tests/rls/rls_test.py knows of it; each of the holes that are planted
here, each alone in a copy of the database, is found; a database of another make
is tried whole; and nothing is left behind."""

import contextlib
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent import futures

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "rls"))

import contract as rules  # noqa: E402
import rls_test  # noqa: E402
import system as sut  # noqa: E402
import tap  # noqa: E402

tap.cases.clear()       # those of rls_test are run by itself
from tap import case, same  # noqa: E402

LETTERS = "app.letters (authenticated)"
MINE = "owner_id = (select auth.uid())"


def policy(table, verb, using=None, check=None, name=None, to="authenticated"):
    """Another policy in place of the one that the reference has."""
    name = name or f"authenticated_{verb}"
    return (f"drop policy if exists {name} on app.{table}; "
            f"create policy {name} on app.{table} for {verb} to {to}" +
            (f" using ({using})" if using else "") +
            (f" with check ({check})" if check else ""))


def members(where):
    """my_accounts() with another condition, as its owner keeps it."""
    return f"""
create or replace function app.my_accounts(at_least text) returns setof uuid
language plpgsql stable security definer rows 10
set search_path = pg_catalog, pg_temp as $$
begin
	return query select m.account_id from app.account_members m
	where {where};
end $$;"""


# (what is planted, {(rule, object), ...} that must be found and no other)
HOLES = {
    "select lets everything through": (
        policy("letters", "select", "true"),
        {("prove-other-read", LETTERS)}),
    "rows of a state are everybody's": (
        policy("letters", "select", f"{MINE} or status = 'sent'"),
        {("prove-other-read", LETTERS)}),
    "update lets everything through, which no key reaches": (
        policy("letters", "update", "true", "true"),
        {("prove-other-update", LETTERS)}),
    "delete lets everything through": (
        policy("letters", "delete", "true"),
        {("prove-other-delete", LETTERS)}),
    "an insert may name another owner": (
        policy("letters", "insert", check="true") +
        "; grant insert (owner_id) on app.letters to authenticated",
        {("prove-other-insert", LETTERS),
         ("prove-owner-written", LETTERS)}),
    "an update may name another owner": (
        policy("letters", "update", MINE, "true") + ";" +
        policy("letters", "select", "true", name="colleagues") +
        "; grant update (owner_id) on app.letters to authenticated",
        {("prove-moved", LETTERS), ("prove-other-read", LETTERS),
         ("prove-owner-written", LETTERS)}),
    "a row is taken by naming oneself": (
        policy("letters", "update", "true", MINE) +
        "; grant update (owner_id) on app.letters to authenticated",
        {("prove-other-update", LETTERS),
         ("prove-owner-written", LETTERS)}),
    "row security is off": (
        "alter table app.payouts disable row level security",
        {("prove-other-read", "app.payouts (authenticated)")}),
    "nobody counts as everybody": (
        policy("letters", "select", f"{MINE} or auth.uid() is null",
               to="anon, authenticated") +
        "; grant select on app.letters to anon",
        {("prove-other-read", "app.letters (anon)")}),
    "everybody sees companies": (
        "grant select on app.companies to anon;" +
        policy("companies", "select", "true", name="open", to="anon"),
        {("prove-other-read", "app.companies (anon)")}),
    "a member of one account is one of all": (
        members("true or at_least = ''") + "create policy x on "
        "app.account_members for select to lockstep_logic using (true)",
        {(f"prove-other-{verb}", f"app.{table} (authenticated)")
         for table, verbs in {
             "account_invitations": ("read", "delete"),
             "account_members": ("read", "update", "delete"),
             "accounts": ("read", "update"), "events": ("read", "insert"),
             "companies": ("read", "insert", "update", "delete"),
             "support_tickets": ("read", "insert", "update"),
            "webhook_attempts": ("read",), "webhook_deliveries": ("read",),
            "webhook_endpoints": ("read", "update", "delete"),
            "webhook_messages": ("read",),
            **{f"company_{name}": ("read",) for name in (
                "events", "events_base", "events_delta", "tickets",
                "tickets_base", "tickets_delta", "tickets_values")}}.items()
         for verb in verbs}),
    "a second policy says more than the first": (
        policy("support_tickets", "all", "account_id is not null",
               name="helpful"),
        {("prove-other-read", "app.support_tickets (authenticated)"),
         ("prove-other-update", "app.support_tickets (authenticated)")}),
    "an insert looks at no account": (
        policy("companies", "insert", check="true"),
        {("prove-other-insert", "app.companies (authenticated)")}),
    "a trigger finds what is hidden": (
        policy("events", "insert", check="true") + "; alter function "
        "app.take_account_of_company() security definer; "
        "alter function app.take_account_of_company() owner to postgres",
        {("prove-other-insert", "app.events (authenticated)"),
         ("prove-told-apart", "app.support_tickets (authenticated)")}),
    "a view asks as its owner": (
        "create view app.outbox as select id, owner_id, title from "
        "app.letters; grant select on app.outbox to authenticated",
        {("prove-other-read", "app.outbox (authenticated)"),
         ("prove-unsaid", "app.outbox (authenticated)")}),
    "the login role has rights of its own": (
        "grant usage on schema app to lockstep; "
        "grant select on app.users to lockstep; " +
        policy("users", "select", "true", name="ops", to="lockstep"),
        {("prove-other-read", "app.users (lockstep)")}),
    "users see each other": (
        policy("users", "select", "status = 'active'"),
        {("prove-other-read", "app.users (authenticated)")}),
    "own rows may be deleted": (
        "grant delete on app.users to authenticated;" +
        policy("users", "delete", "id = (select auth.uid())"),
        {("prove-unsaid", "app.users (authenticated)")}),
    "an operation has no policy": (
        "drop policy authenticated_delete on app.letters",
        {("prove-refused", LETTERS)}),
    "an operation has no grant": (
        "revoke update on app.companies from authenticated",
        {("prove-refused", "app.companies (authenticated)")}),
    "a table that nobody named": (
        "set local role lockstep_owner; "
        "create table app.notes (id int primary key, body text); "
        "grant select on app.notes to authenticated",
        {("prove-unsaid", "app.notes (authenticated)")}),
}


class Proved(sut.System):
    """The reference database, copies of it, and the command."""

    def __init__(self):
        super().__init__(instances=1, nginx=False)
        self.numbers = itertools.count()

    def _database(self):
        super()._database()
        # Before anybody connects to it.
        self.cluster.psql("create database pristine template lockstep",
                          database="postgres")

    def prove(self, *words, database="lockstep", maker="lockstep_owner",
              contract=None):
        return self.run(
            "check", "--prove", "--database",
            self.cluster.conninfo("lockstep", database),
            "--migrate-database", self.cluster.conninfo(maker, database),
            *words, contract or sut.TOP / "contract", check=False)

    def proved(self, **more):
        """({(table, role, verb, whose): cell}, [finding])"""
        done = self.prove("--format", "json", **more)
        if done.returncode not in (0, 1):
            raise AssertionError(done.stderr + done.stdout)
        told = json.loads(done.stdout)
        return ({(f"{c['schema']}.{c['table']}", c["role"], c["verb"],
                  c["whose"]): c for c in told["cells"]}, told["findings"])

    @contextlib.contextmanager
    def copy(self, sql):
        """The name of a copy of the database in which the SQL was run."""
        name = f"planted{next(self.numbers)}"
        self.cluster.psql(f"create database {name} template pristine",
                          database="postgres")
        try:
            self.cluster.psql("begin;" + sql + ";commit", database=name)
            yield name
        finally:
            self.cluster.psql(f"drop database {name} with (force)",
                              database="postgres")

    def planted(self, sql):
        with self.copy(sql) as name:
            return self.proved(database=name)


def named(findings):
    return {(f["id"], f["object"]) for f in findings}


# ---- The reference.


UNTRIED = {"app.jobs", "app.queues", "app.exports", "app.expectations",
           "app.rollups"}
# Views that nobody writes; what they are of is tried.
SUMS = {"app.company_events", "app.company_tickets"}


@case
def reference_agrees(s):
    """The reference application can do what its contract says and nothing
    else; every table, role and verb is in the matrix."""
    done = s.prove("--strict")
    same((done.returncode, done.stderr, done.stdout.splitlines()[-1]),
         (0, "", "0 errors, 0 warnings, 0 notes"), done.stdout[-2000:])
    cells, _ = s.proved()
    tables = set(s.cluster.psql(
        "select 'app.' || relname from pg_class where relnamespace = "
        "'app'::regnamespace and relkind in ('r', 'p', 'v', 'm')").split())
    roles = [*s.rules.about["roles"], "lockstep"]
    verbs = ("select", "insert", "update", "delete")
    same({c[:3] for c in cells}, set(itertools.product(tables, roles, verbs)))
    # Views of what is nobody's: contract/check.json says why.
    same({c[:2] for c, v in cells.items() if v["possible"] is None},
         set(itertools.product(UNTRIED, ("service_role", "operator"))) |
         {("app.exports", "authenticated")} |
         set(itertools.product(SUMS, s.rules.about["roles"])))
    for table in tables:
        assert f"\n{table}: " in "\n" + done.stdout, table
    print(f"# {len(cells)} cells")


def change_of(s, resource, role, key):
    """An update as a client of the role would send it."""
    change = rls_test.CHANGES.get(resource["resource"])
    written = s.cluster.psql(
        "select attname from pg_attribute where attnum > 0 and not "
        f"attisdropped and attrelid = '{resource['table']}'::regclass and "
        f"has_column_privilege('{role}', attrelid, attnum, 'UPDATE') "
        "order by attnum").split()
    if written and (role == "service_role" or not change):
        return f"{written[0]} = {written[0]}"
    if not change:
        return f"{rls_test.key_of(resource)} = {key}"
    (column, value), = change.items()
    text = json.dumps(value) if isinstance(value, dict) else value
    return f"{column} = '{text}'"


def can(s, resource, role, user, verb, key):
    """Is it possible in the demo's data, by SQL, as the role?"""
    table, name = resource["table"], rls_test.key_of(resource)
    where = f"where {name} = '{key}'"
    statement = {
        "select": f"select count({name}) from {table} {where}",
        "update": f"with u as (update {table} set "
        f"{change_of(s, resource, role, name)} {where} returning {name}) "
        "select count(*) from u",
        "delete": f"with d as (delete from {table} {where} returning {name}) "
        "select count(*) from d"}[verb]
    return rls_test.as_role(s, role, user, statement) == "1"


def states(s, resource, whose, column):
    """A key of the demo's data that is Alice's in this sense, or another's."""
    def keys(number):
        at = (resource["resource"], number)
        if at not in s.keys:
            s.keys[at] = rls_test.keys_for(s, resource, sut.ALICE, number)
        return s.keys[at]
    own, other, _ = keys(column)
    return {"own": own or keys(0)[0], "other": other,
            "absent": rls_test.absent_key(resource)}[whose]


# Another role than the contract's operations has no row of its own to try.
CALLERS = (("authenticated", sut.ALICE), ("anon", None),
           ("service_role", None))


def demo_cell(s, resource, role, user, verb, column, whose, owned):
    """What rls_test's data says of a cell: yes, no, or None where the data has
    no such row."""
    if role == "authenticated" or whose == "absent":
        key = states(s, resource, whose, column)
    elif not owned and whose == "own":
        key = states(s, resource, "own", 0) or states(s, resource, "other",
                                                      0)
    else:
        key = states(s, resource, "own", 0)
    if not key:
        return None
    return can(s, resource, role, user, verb, key)


@case
def agrees_with_the_matrix_of_rls_test(s):
    """Each cell of select, update and delete is what rls_test's truth says,
    and what the demo's rows do when they are tried as that role by SQL."""
    cells, _ = s.proved()
    compared, wrong = 0, []
    for table in sorted({r["table"] for r in rls_test.tables(s)}):
        of = [r for r in rls_test.tables(s) if r["table"] == table]
        # Of two that have the same rows the one whose rows are somebody's.
        of = [r for r in of if rls_test.TRUTH[r["resource"]][0] != "false"
              ] or of
        owned = (table, "authenticated", "select", "other") in cells
        for (role, user), (verb, (_, column)), whose in itertools.product(
                CALLERS, rls_test.VERBS.items(), ("own", "other", "absent")):
            cell = cells.get((table, role, verb, whose))
            if cell is None:
                continue
            compared += 1
            real = [demo_cell(s, r, role, user, verb, column, whose, owned)
                    for r in of]
            if whose == "own" and owned:
                said = [rls_test.TRUTH[r["resource"]][column] != "false"
                        for r in of]
                same(cell["possible"], any(said), (table, verb, "truth"))
            known = [r for r in real if r is not None]
            if cell["possible"] is None:
                assert table in UNTRIED, cell
            elif known and any(known) != cell["possible"]:
                wrong.append((table, role, verb, whose, real, cell))
    print(f"# {compared} cells compared")
    same(wrong, [])
    assert compared > 250, compared


@case
def inserts_are_those_of_the_contract(s):
    """Rows are made by whom the contract has create them, or a function that
    runs as the caller, and for nobody else."""
    cells, _ = s.proved()
    said = {(o.resource["table"], role) for o in s.rules.operations
            if o.verb == "create" for role in o.roles}
    said.add(("app.commissions", "service_role"))
    said.add(("app.events", "service_role"))
    same({c[:2] for c, v in cells.items()
          if c[2] == "insert" and v["possible"]}, said)
    same([c for c, v in cells.items() if v["possible"] and
          c[1] in ("authenticated", "anon") and c[3] in ("other", "moved")],
         [])


LEFT = """
select string_agg(x, E'\\n' order by x) from (
select format('%s %s', c.oid::regclass, md5(string_agg(c.relrowsecurity::text
	|| c.relforcerowsecurity || coalesce(p.polname, ''), ' ' order by
	p.polname))) from pg_class c left join pg_policy p on p.polrelid = c.oid
	where c.relnamespace = 'app'::regnamespace group by c.oid
union all select table_name || (xpath('/row/n/text()', query_to_xml(format(
	'select md5(coalesce(string_agg(t::text, %L order by t::text), %L)) as n '
	'from %I.%I t', '', '', table_schema, table_name), true, true, '')))[1]
	from information_schema.tables where table_schema in ('app', 'lockstep')
	and table_type = 'BASE TABLE'
) y (x)"""


@case
def nothing_is_left_behind(s):
    """After a proof every row, policy and FORCE is what it was, whoever made
    the rows, and so it is after one that was refused a lock."""
    before = s.cluster.psql(LEFT)
    for maker in ("lockstep_owner", "postgres"):
        same(s.prove("--strict", maker=maker).returncode, 0, maker)
        same(s.cluster.psql(LEFT), before, maker)
    with subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d",
                           s.cluster.conninfo()], text=True,
                          stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as reader:
        reader.stdin.write("begin; select 1 from app.letters limit 1;\n")
        reader.stdin.flush()
        same(reader.stdout.readline(), "1\n", "somebody reads")
        done = s.prove()
    same(done.returncode, 2)
    assert re.search(r'"app"\."letters".*lock timeout', done.stderr), \
        done.stderr
    same(s.cluster.psql(LEFT), before, "a lock")


@case
def roles_must_be_within_reach(s):
    """A maker that may not become the roles is trouble, with the grant that
    mends it; so is one that cannot be reached."""
    with s.copy("select 1") as name:
        s.cluster.psql("create role other login; grant all on schema app "
                       "to other", database=name)
        done = s.prove(database=name, maker="other")
        same(done.returncode, 2, done.stdout)
        assert 'grant "anon", "authenticated", "service_role", "operator", ' \
            '"lockstep" to "other";' in done.stderr, done.stderr
        s.cluster.psql("drop owned by other; drop role other", database=name)
    same(s.prove(maker="absent").returncode, 2)
    same(s.prove("--without-database").returncode, 2)


# ---- Holes.


@case
def holes_are_found(s):
    """Each planted hole is found at its table and role, and nothing that does
    not follow from it."""
    with futures.ThreadPoolExecutor(2) as pool:
        results = {name: pool.submit(s.planted, sql)
                   for name, (sql, _) in HOLES.items()}
    faults = []
    for name, (_, wanted) in HOLES.items():
        if results[name].exception():
            faults.append(f"{name}: {results[name].exception()}")
            continue
        found = results[name].result()[1]
        if named(found) != wanted:
            faults.append(f"{name}: missed {wanted - named(found)}; more: "
                          f"{named(found) - wanted}; " + "; ".join(
                              f["message"] for f in found))
        for finding in found:
            assert finding["why"] and finding["hint"], finding
    print(f"# {len(HOLES)} planted, {len(HOLES) - len(faults)} found")
    assert not faults, "\n".join(faults)


@case
def inheriting_login_role_is_found(s):
    """A login role that has the rights of what it may become, without becoming
    it, is found at each table that they are for, and nobody else is."""
    s.cluster.psql("alter role lockstep inherit")
    try:
        found = named(s.proved()[1])
    finally:
        s.cluster.psql("alter role lockstep noinherit")
    assert {("prove-other-read", "app.users (lockstep)"),
            ("prove-other-update", "app.payouts (lockstep)"),
            ("prove-other-insert", "app.events (lockstep)"),
            ("prove-unsaid", "app.coupons (lockstep)")} <= found, found
    same([f for f in found if not f[1].endswith(" (lockstep)")], [])


@case
def every_rule_is_planted(s):
    """There is a planted hole for each rule."""
    ids = set(re.findall(r'"(prove-[a-z-]+)"', (
        sut.TOP / "src/tool/prove.def").read_text()))
    same(ids - {rule for _, wanted in HOLES.values() for rule, _ in wanted},
         {"prove-untried"})


@case
def untried_is_said(s):
    """A table that no row can be made in is an error with its reason, unless
    nobody may do anything with it."""
    sql = ("create foreign data wrapper w; create server w foreign data "
           "wrapper w; create foreign table app.far (id int) server w;"
           "set local role lockstep_owner; create function app.no() returns trigger language plpgsql as "
           "'begin raise exception using errcode = ''P0001''; end'; "
           "create table app.odd (id int primary key); create trigger no "
           "before insert on app.odd for each row execute function app.no(); "
           "reset role;")
    cells, found = s.planted(sql)
    same(named(found), set())
    same({c["possible"] for k, c in cells.items()
          if k[0] in ("app.odd", "app.far")}, {False})
    _, found = s.planted(sql + "grant select on app.odd, app.far to anon")
    same(named(found), {("prove-untried", "app.odd (anon)"),
                        ("prove-untried", "app.far (anon)")})
    assert "P0001" in " ".join(f["message"] for f in found), found


@case
def mends_mend(s):
    """The SQL of a finding, run as it stands, makes it go."""
    for name in ("row security is off", "a view asks as its owner",
                 "own rows may be deleted", "a table that nobody named",
                 "the login role has rights of its own"):
        sql, wanted = HOLES[name]
        _, found = s.planted(sql)
        hint = next(f["hint"] for f in found
                    if (f["id"], f["object"]) == min(wanted))
        assert hint.endswith(";"), hint
        _, again = s.planted(sql + ";" + hint)
        assert min(wanted) not in named(again), (hint, again)


@case
def accepted_holes_are_left_out(s):
    """check.json accepts a finding of the proof, which a plain check does not
    miss; what is accepted and gone is a note of the proof."""
    rule, thing = "prove-other-read", "app.letters (authenticated)"
    with tempfile.TemporaryDirectory(dir=s.directory) as home, \
            s.copy(HOLES["select lets everything through"][0]) as name:
        contract = pathlib.Path(home) / "contract"
        shutil.copytree(sut.TOP / "contract", contract)
        file = contract / "check.json"
        accepted = json.loads(file.read_text())
        accepted["accept"].append({"rule": rule, "object": thing,
                                   "because": "They are published."})
        file.write_text(json.dumps(accepted))
        same(named(s.proved(database=name, contract=contract)[1]), set())
        same([f["id"] for f in s.proved(contract=contract)[1]],
             ["accepted-gone"])
        plain = s.run("check", "--format", "json", "--database",
                      s.cluster.conninfo("lockstep"), contract, check=False)
        same(json.loads(plain.stdout), [])


# ---- Another database.


def shop_contract(directory):
    """A contract of the tables of prove.sql that have operations."""
    identity = {"type": "integer", "minimum": 1, "maximum": 2 ** 53 - 1,
                "readOnly": True}
    uuid = {"type": "string", "format": "uuid"}
    day = {"type": "string", "format": "date", "readOnly": True}
    text = {"type": "string", "maxLength": 40}
    web = {"roles": ["web"]}
    listed = {"list": web}
    resources = {
        "tenants": ("id", {"id": identity, "name": text}, listed),
        "items": ("sku", {
            "tenant_id": {**identity, "readOnly": False,
                          "x-createOnly": True},
            "sku": {"type": "string", "minLength": 4, "maxLength": 12,
                    "pattern": "^[A-Z0-9]{4,12}$", "x-createOnly": True},
            "price": {"type": "number", "minimum": 0, "maximum": 99999}},
            {"list": web, "create": web, "update": web, "delete": web}),
        "orders": ("number", {
            "number": identity, "placed": day,
            "state": {"type": "string", "enum": ["open", "paid", "lost"]}},
            {"list": web, "update": web}),
        "lines": ("line", {"line": identity}, listed),
        "folders": ("id", {"id": {**uuid, "readOnly": True}}, listed),
        "pages": ("id", {"id": {**uuid, "readOnly": True}}, listed),
        "open_orders": ("number", {"number": identity}, listed),
        "papers": ("id", {
            "id": identity, "org_id": {**uuid, "x-createOnly": True},
            "words": text},
            {"list": web, "create": web, "update": web, "delete": web}),
        "hours": ("day", {"day": day}, {"list": {
            "roles": ["web", "visitor"]}}),
    }
    files = {"api.json": {"title": "Shop", "version": "1", "base": "/api",
                          "roles": ["web", "visitor"],
                          "anonymous": "visitor"}}
    for name, (key, properties, operations) in resources.items():
        files[f"schemas/{name}.json"] = {"type": "object",
                                         "properties": properties}
        files[f"resources/{name}.json"] = {
            "resource": name, "schema": f"schemas/{name}.json", "key": key,
            "table": f"shop.{name}", "operations": operations}
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(json.dumps(content))


SHOP_HOLES = {
    "a partition without its policies": (
        "alter table shop.orders_2026 disable row level security; "
        "grant select on shop.orders_2026 to web",
        {("prove-other-read", "shop.orders_2026 (web)"),
         ("prove-unsaid", "shop.orders_2026 (web)")}),
    "a materialized view has all": (
        "grant select on shop.totals to web",
        {("prove-other-read", "shop.totals (web)"),
         ("prove-unsaid", "shop.totals (web)")}),
    "an order may be handed over": (
        "drop policy paid on shop.orders; create policy paid on shop.orders "
        "for update to web using (tenant_id = any (array(select "
        "private.mine('clerk')))) with check (true); grant update "
        "(tenant_id) on shop.orders to web; create policy all_of_it on "
        "shop.orders for select to web using (true)",
        {("prove-moved", "shop.orders (web)"),
         ("prove-owner-written", "shop.orders (web)"),
         ("prove-other-read", "shop.lines (web)"),
         ("prove-other-read", "shop.open_orders (web)"),
         ("prove-other-read", "shop.orders (web)")}),
    "a claim that is not asked": (
        "drop policy own on shop.papers; create policy own on shop.papers "
        "to web using (org_id is not null)",
        {(f"prove-other-{verb}", "shop.papers (web)")
         for verb in ("read", "insert", "update", "delete")}),
}


@case
def another_database_is_tried(s):
    """Integers as tenants, members elsewhere, composite keys, partitions,
    trees, circles, enums, domains, ranges, a claim of its own, views: each
    table is tried, agrees, and what is opened is found."""
    contract = s.directory / "shop"
    shop_contract(contract)
    shop = (sut.TOP / "tests/flow/prove.sql").read_text()
    try:
        with s.copy(shop) as name:
            cells, found = s.proved(database=name, contract=contract)
            same([f"{f['object']}: {f['id']}: {f['message']}"
                  for f in found], [])
            same(cells["shop.papers", "web", "insert", "own"]["possible"],
                 True)
            same(cells["shop.open_orders", "web", "select", "other"]
                 ["possible"], False)
            print(f"# {len(cells)} cells")
            s.cluster.psql(f"create database shop template {name}",
                           database="postgres")
        for hole, (sql, wanted) in SHOP_HOLES.items():
            s.cluster.psql("create database holed template shop",
                           database="postgres")
            s.cluster.psql(sql, database="holed")
            _, found = s.proved(database="holed", contract=contract)
            s.cluster.psql("drop database holed", database="postgres")
            same(named(found), wanted, hole)
    finally:
        for database in ("shop", "holed"):
            s.cluster.psql(f"drop database if exists {database}",
                           database="postgres")
        s.cluster.psql("drop role if exists web, visitor",
                       database="postgres")


def main():
    with Proved() as s:
        s.rules = rules.Contract()
        s.keys = {}
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
