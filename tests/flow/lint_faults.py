# SPDX-License-Identifier: MIT
"""Faults to plant in a database, one for each rule of the lint at least, each
with its clean twin: what is like it and right.

A local fault has a table {t} of its own, which is as it should be: rows belong
to owner_id, row security is on and forced, authenticated may read, insert and
update its own.  A global one is of roles or of the database, and is undone."""

import dataclasses

TABLE = """
create table {t} (id uuid primary key default gen_random_uuid(),
    owner_id uuid not null default auth.uid(), title text, note text);
create index on {t} (owner_id);
alter table {t} enable row level security, force row level security;
grant select, insert (title, note), update (title, note)
    on {t} to authenticated;
create policy own_select on {t} for select to authenticated
    using (owner_id = (select auth.uid()));
create policy own_insert on {t} for insert to authenticated
    with check (owner_id = (select auth.uid()));
create policy own_update on {t} for update to authenticated
    using (owner_id = (select auth.uid()))
    with check (owner_id = (select auth.uid()));
"""
OTHER = TABLE.replace("{t}", "{t}_b")
OPEN = """
alter table {t} disable row level security;
drop policy own_select on {t}; drop policy own_insert on {t};
drop policy own_update on {t};
"""
FUNCTION = """
create function {t}_f() returns bigint language sql stable {how} as
    $$ select count(*) from {t} $$;
revoke execute on function {t}_f() from public;
grant execute on function {t}_f() to authenticated;
"""
FOREIGN = """
create schema {x}; create extension file_fdw schema {x};
create server {x} foreign data wrapper file_fdw;
create foreign table {t}_f (id uuid) server {x} options (filename '/dev/null');
"""


@dataclasses.dataclass
class Fault:
    rule: str
    fault: str
    twin: str = ""
    at: str = "{t}"
    also: tuple = ()		# (rule, object) that are told beside it
    before: str = TABLE
    undo: str = ""
    number: int = 0

    def _fill(self, text):
        return text.replace("{t}", f"app.x{self.number:02}").replace(
            "{x}", f"x{self.number:02}")

    def sql(self, kind):
        return self._fill(self.before + ";" + getattr(self, kind))

    def expected(self):
        return {(rule, self._fill(at)) for rule, at in
                ((self.rule, self.at), *self.also)}


def policy(rule, name, fault, twin, **more):
    """A fault of a policy of the table."""
    return Fault(rule, fault, twin, f"policy {name} on {{t}}", **more)


def function(how, more=""):
    return FUNCTION.replace("{how}", how) + more


SAFE = "security definer set search_path = pg_catalog, pg_temp"
GIVEN = "grant create on schema app to lockstep_logic; " \
    "alter function {t}_f() owner to lockstep_logic; " \
    "revoke create on schema app from lockstep_logic; "
NAMED = "create policy used on {t} for delete to authenticated " \
    "using (owner_id = (select auth.uid()) and (select {t}_f()) > 1); " \
    "grant delete on {t} to authenticated;"
ALONE = ("definer-uncalled", "{t}_f()")

LOCAL = [
    # ---- Row security.
    Fault("rls-disabled", OPEN, "select 1"),
    Fault("rls-disabled", OPEN + "revoke all on {t} from authenticated; "
          "grant insert on {t} to anon",
          OPEN + "revoke all on {t} from authenticated; "
          "alter table {t} enable row level security"),
    Fault("rls-disabled", OPEN + "revoke all on {t} from authenticated; "
          "grant select (title) on {t} to anon", "select 1"),
    Fault("rls-disabled", """
          create table {t} (id uuid, owner_id uuid, primary key (id, owner_id))
              partition by hash (owner_id);
          grant select on {t} to service_role""", before="", twin="""
          create table {t} (id uuid, owner_id uuid, primary key (id, owner_id))
              partition by hash (owner_id);
          create index on {t} (owner_id);
          create table {t}_1 partition of {t} for values with
              (modulus 1, remainder 0);
          alter table {t} enable row level security,
              force row level security;
          grant select on {t} to authenticated;
          create policy own on {t} for select to authenticated
              using (owner_id = (select auth.uid()))"""),
    Fault("rls-policies-off", "alter table {t} disable row level security",
          "select 1"),
    Fault("rls-partition", """
          create table {t}_1 () inherits ({t});
          grant select on {t}_1 to authenticated""",
          "create table {t}_1 () inherits ({t})", "{t}_1"),
    Fault("rls-absent", OPEN + "revoke all on {t} from authenticated",
          OPEN + "revoke all on {t} from authenticated; "
          "alter table {t} enable row level security"),
    Fault("rls-not-forced", "alter table {t} no force row level security",
          "select 1"),
    Fault("rls-no-policy", "grant delete on {t} to authenticated",
          "grant delete on {t} to authenticated; create policy own_delete on "
          "{t} for delete to authenticated using "
          "(owner_id = (select auth.uid()))"),
    Fault("rls-no-policy", "drop policy own_select on {t}; "
          "create policy own_select on {t} as restrictive for select to "
          "authenticated using (owner_id = (select auth.uid()))",
          "create policy narrow on {t} as restrictive for select to "
          "authenticated using (title is not null)"),

    # ---- Policies: whom they let in.
    policy("policy-open-write", "own_update",
           "alter policy own_update on {t} using (title = title or true)",
           "alter policy own_update on {t} using (owner_id = (select "
           "auth.uid()) and true)"),
    policy("policy-open-write", "own_insert",
           "alter policy own_insert on {t} with check (1 = 1)",
           "create policy server on {t} for insert to service_role "
           "with check (true); grant insert (title) on {t} to service_role"),
    policy("policy-open-read", "own_select",
           "alter policy own_select on {t} using (owner_id = owner_id)",
           "create policy server on {t} for select to service_role "
           "using (true); grant select on {t} to service_role"),
    policy("policy-open-read", "own_select",
           "alter policy own_select on {t} using (true)",
           "alter policy own_select on {t} using (true); create policy narrow "
           "on {t} as restrictive for select to authenticated using "
           "(owner_id = (select auth.uid()))"),
    policy("policy-public-read", "shown",
           "create policy shown on {t} for select to anon using (true); "
           "grant select on {t} to anon",
           "create policy shown on {t} for select to anon using "
           "(title is not null); grant select on {t} to anon"),
    policy("policy-check-open", "own_update",
           "alter policy own_update on {t} with check (true)", "select 1"),
    policy("policy-owner-movable", "own_update",
           "alter policy own_update on {t} with check (title is not null); "
           "grant update (owner_id) on {t} to authenticated",
           "alter policy own_update on {t} with check (title is not null)",
           also=(("column-owner-writable", "{t}.owner_id"),)),
    policy("policy-insert-untied", "own_insert",
           "alter policy own_insert on {t} with check (title is not null); "
           "grant insert (owner_id) on {t} to authenticated",
           "grant insert (owner_id) on {t} to authenticated"),
    policy("policy-fails-open", "own_select",
           "alter policy own_select on {t} using ((select auth.uid()) is null "
           "or owner_id = (select auth.uid()))",
           "alter policy own_select on {t} using ((select auth.uid()) is not "
           "null and owner_id = (select auth.uid()))"),
    policy("policy-fails-open", "own_select",
           "alter policy own_select on {t} using "
           "((owner_id = (select auth.uid())) is not false)",
           "alter policy own_select on {t} using "
           "((owner_id = (select auth.uid())))"),
    policy("policy-fails-open", "own_select",
           "alter policy own_select on {t} using "
           "(coalesce(owner_id = (select auth.uid()), true))",
           "alter policy own_select on {t} using "
           "(owner_id = (select auth.uid()) and coalesce(title, '') <> '')"),
    policy("policy-not-about-rows", "own_select",
           "alter policy own_select on {t} using "
           "((select auth.role()) = 'authenticated')",
           "alter policy own_select on {t} using (owner_id = (select "
           "auth.uid()) and (select auth.role()) = 'authenticated')"),
    policy("policy-not-about-rows", "own_insert",
           "alter policy own_insert on {t} with check "
           "((select auth.uid()) is not null)",
           "alter policy own_insert on {t} with check ((select auth.uid()) "
           "= owner_id and title like '%' || repeat('x', 3) || '%')"),
    policy("policy-to-public", "own_select",
           "alter policy own_select on {t} to public",
           "alter policy own_select on {t} to authenticated"),
    policy("policy-empty", "nothing",
           "create policy nothing on {t} for delete to authenticated; "
           "grant delete on {t} to authenticated",
           "create policy something on {t} for delete to authenticated "
           "using (owner_id = (select auth.uid())); "
           "grant delete on {t} to authenticated"),
    policy("policy-without-grant", "dead",
           "create policy dead on {t} for delete to authenticated "
           "using (owner_id = (select auth.uid()))",
           "create policy dead on {t} for delete to authenticated "
           "using (owner_id = (select auth.uid())); "
           "grant delete on {t} to authenticated"),
    policy("policy-user-metadata", "own_select",
           "alter policy own_select on {t} using (owner_id = (select "
           "auth.uid()) and (select auth.jwt()) -> 'user_metadata' ->> "
           "'plan' = 'pro')",
           "alter policy own_select on {t} using (owner_id = (select "
           "auth.uid()) and (select auth.jwt()) -> 'app_metadata' ->> "
           "'plan' = 'pro')"),
    policy("policy-user-metadata", "own_select", """
           create function {t}_pro() returns boolean language plpgsql stable
           set search_path = pg_catalog, pg_temp as $$ begin
           return auth.jwt() -> 'user_metadata' ->> 'plan' = 'pro'; end $$;
           revoke execute on function {t}_pro() from public;
           grant execute on function {t}_pro() to authenticated;
           alter policy own_select on {t} using (owner_id = (select
           auth.uid()) and (select {t}_pro()))""", """
           create function {t}_pro() returns boolean language plpgsql stable
           set search_path = pg_catalog, pg_temp as $$ begin
           return auth.jwt() -> 'app_metadata' ->> 'plan' = 'pro'; end $$;
           revoke execute on function {t}_pro() from public;
           grant execute on function {t}_pro() to authenticated;
           alter policy own_select on {t} using (owner_id = (select
           auth.uid()) and (select {t}_pro()))"""),
    policy("policy-session-user", "own_select",
           "alter policy own_select on {t} using "
           "(owner_id = (select auth.uid()) and session_user = 'anon')",
           "alter policy own_select on {t} using "
           "(owner_id = (select auth.uid()) and current_user = 'anon')"),

    # ---- Policies: what they read.
    policy("policy-setting-cast", "own_select",
           "alter policy own_select on {t} using (owner_id = (select "
           "current_setting('request.jwt.claims', true)::jsonb ->> 'sub')"
           "::uuid)",
           "alter policy own_select on {t} using (owner_id = (select nullif("
           "current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')"
           "::uuid)"),
    policy("policy-setting-required", "own_select",
           "alter policy own_select on {t} using (owner_id::text = (select "
           "current_setting('request.jwt.claims')))",
           "alter policy own_select on {t} using (owner_id = (select "
           "nullif(current_setting('request.jwt.claims', true), '')::uuid))",
           also=(("policy-column-cast", "policy own_select on {t}"),)),
    policy("policy-setting-unknown", "own_select",
           "alter policy own_select on {t} using (owner_id = (select "
           "nullif(current_setting('app.user_id', true), '')::uuid))",
           "alter policy own_select on {t} using (owner_id = (select "
           "nullif(current_setting('lockstep.request_id', true), '')::uuid))"),
    Fault("policy-recursion", "alter policy own_select on {t} using "
          "(owner_id in (select b.owner_id from {t} b))",
          "alter policy own_select on {t} using "
          "(owner_id in (select b.owner_id from {t}_b b))",
          before=TABLE + OTHER),
    Fault("policy-recursion", "alter policy own_select on {t} using "
          "(owner_id in (select b.owner_id from {t}_v b)); alter policy "
          "own_select on {t}_b using (owner_id in (select b.owner_id from "
          "{t} b))",
          "alter policy own_select on {t} using "
          "(owner_id in (select b.owner_id from {t}_v b)); alter policy "
          "own_update on {t}_b using (owner_id in (select b.owner_id from "
          "{t} b)); alter policy own_select on {t}_b using (title = 'public')",
          also=(("policy-recursion", "{t}_b"),),
          before=TABLE + OTHER + "create view {t}_v with (security_invoker = "
          "on) as select * from {t}_b; grant select on {t}_v to "
          "authenticated;"),
    policy("policy-function-denied", "own_select", """
           create function {t}_ok() returns boolean language sql stable
           return true; revoke execute on function {t}_ok() from public;
           alter policy own_select on {t} using
           (owner_id = (select auth.uid()) and (select {t}_ok()))""", """
           create function {t}_ok() returns boolean language sql stable
           return true; revoke execute on function {t}_ok() from public;
           alter policy own_select on {t} using
           (owner_id = (select auth.uid()) and (select {t}_ok()));
           grant execute on function {t}_ok() to authenticated"""),
    policy("policy-table-denied", "own_select",
           "revoke all on {t}_b from authenticated; drop policy own_select on "
           "{t}_b; drop policy own_insert on {t}_b; drop policy own_update on "
           "{t}_b; alter policy own_select on {t} "
           "using (owner_id in (select b.owner_id from {t}_b b))",
           "alter policy own_select on {t} "
           "using (owner_id in (select b.owner_id from {t}_b b))",
           before=TABLE + OTHER),
    Fault("policy-source-writable",
          "alter policy own_select on {t} using "
          "(owner_id in (select b.owner_id from {t}_b b where b.title = 'x'))",
          "alter policy own_select on {t} using "
          "(owner_id in (select b.owner_id from {t}_b b where b.id is not "
          "null))", "{t}_b.title", before=TABLE + OTHER),

    # ---- Policies: what they cost.
    policy("policy-per-row-call", "own_select",
           "alter policy own_select on {t} using (owner_id = auth.uid())",
           "alter policy own_insert on {t} with check "
           "(owner_id = auth.uid())"),
    policy("policy-per-row-call", "own_select",
           "alter policy own_select on {t} using (owner_id = "
           "nullif(current_setting('request.jwt.claims', true), '')::uuid)",
           "alter policy own_select on {t} using (owner_id = (select "
           "nullif(current_setting('request.jwt.claims', true), '')::uuid))"),
    policy("policy-volatile-call", "own_select", """
           create function {t}_me() returns uuid language sql volatile
           return auth.uid();
           revoke execute on function {t}_me() from public;
           grant execute on function {t}_me() to authenticated;
           alter policy own_select on {t} using
           (owner_id = (select {t}_me()))""", """
           create function {t}_me() returns uuid language sql stable
           return auth.uid();
           revoke execute on function {t}_me() from public;
           grant execute on function {t}_me() to authenticated;
           alter policy own_select on {t} using
           (owner_id = (select {t}_me()))"""),
    policy("policy-correlated", "own_select",
           "alter policy own_select on {t} using (exists (select from {t}_b b "
           "where b.id = {t}.owner_id))",
           "alter policy own_select on {t} using (owner_id in (select b.id "
           "from {t}_b b))", before=TABLE + OTHER),
    Fault("policy-unindexed", "drop index {t}_owner_id_idx; "
          "create index on {t} (title, owner_id)",
          "drop index {t}_owner_id_idx; create index on {t} "
          "(owner_id, title)", "{t}.owner_id"),
    policy("policy-column-cast", "own_select",
           "alter policy own_select on {t} using "
           "(owner_id::text = (select auth.jwt() ->> 'sub'))",
           "alter policy own_select on {t} using "
           "(owner_id = (select auth.jwt() ->> 'sub')::uuid)"),
    Fault("policy-multiple", "create policy second on {t} for select to "
          "authenticated using (title = 'public')",
          "create policy second on {t} as restrictive for select to "
          "authenticated using (title = 'public')"),

    # ---- Columns.
    Fault("column-owner-writable",
          "grant update (owner_id) on {t} to authenticated", "select 1",
          "{t}.owner_id"),
    Fault("column-privilege-writable", "alter table {t} add is_admin boolean; "
          "grant update (is_admin) on {t} to authenticated",
          "alter table {t} add is_admin boolean; grant update (is_admin) on "
          "{t} to authenticated; alter policy own_update on {t} with check "
          "(owner_id = (select auth.uid()) and not is_admin)",
          "{t}.is_admin"),
    Fault("column-secret-readable", "alter table {t} add password_hash text",
          "alter table {t} add password_hash text; revoke select on {t} from "
          "authenticated; grant select (id, title) on {t} to authenticated",
          "{t}.password_hash"),
    Fault("column-reg-type", "alter table {t} add f regprocedure",
          "alter table {t} add f regclass", "{t}.f"),

    # ---- Grants.
    Fault("grant-truncate", "grant truncate on {t} to service_role",
          "grant truncate on {t} to lockstep_worker"),
    Fault("grant-structural", "grant references (id), trigger on {t} to anon",
          "grant trigger on {t} to lockstep_worker"),
    Fault("grant-public", "grant update (note) on {t} to public",
          "grant select (note) on {t} to authenticated",
          also=(("rls-no-policy", "{t}"),)),
    Fault("grant-option", "grant select on {t} to authenticated "
          "with grant option", "select 1"),
    Fault("grant-default", "create schema {x}; grant usage on schema {x} to "
          "anon; alter default privileges in schema {x} grant select on "
          "tables to anon", "create schema {x}; grant usage on schema {x} to "
          "anon; alter default privileges in schema {x} grant select on "
          "tables to lockstep_worker", "schema {x}", before=""),
    Fault("grant-schema-create", "create schema {x}; grant all on schema {x} "
          "to service_role", "create schema {x}; grant usage on schema {x} to "
          "service_role", "schema {x}", before=""),
    Fault("grant-sequence", "create sequence {t}_s; grant update on sequence "
          "{t}_s to authenticated", "create sequence {t}_s; grant usage on "
          "sequence {t}_s to authenticated", "{t}_s", before=""),
    Fault("grant-server-files", "grant execute on function "
          "pg_read_file(text) to service_role", "grant execute on function "
          "pg_read_file(text) to lockstep_worker", "pg_read_file(text)",
          before=""),
    Fault("grant-large-objects", "grant execute on function lo_create(oid) "
          "to anon", "grant execute on function lo_create(oid) to "
          "lockstep_worker", "database faulty", before=""),
    Fault("grant-temporary", "grant temporary on database faulty to "
          "authenticated", "grant temporary on database clean to "
          "lockstep_worker", "database faulty", before=""),
    Fault("grant-database-create", "grant create on database faulty to "
          "service_role", "grant create on database clean to "
          "lockstep_worker", "database faulty", before=""),

    # ---- Functions.
    Fault("definer-search-path", function("security definer", GIVEN + NAMED),
          function(SAFE, GIVEN + NAMED), "{t}_f()"),
    Fault("definer-temp-first", function("security definer set search_path = "
          "app", GIVEN + NAMED), function("security definer set search_path "
          "= app, pg_temp", GIVEN + NAMED), "{t}_f()"),
    Fault("function-search-path", function(""),
          function("set search_path = app"), "{t}_f()"),
    Fault("definer-public", function(SAFE, GIVEN + NAMED + "grant execute on "
          "function {t}_f() to public"), function(SAFE, GIVEN + NAMED),
          "{t}_f()"),
    Fault("function-public", function("set search_path = app", "grant execute "
          "on function {t}_f() to public"), function("set search_path = app"),
          "{t}_f()"),
    Fault("definer-uncalled", function(SAFE, GIVEN),
          function(SAFE, GIVEN + NAMED), "{t}_f()"),
    Fault("definer-bypasses", function(SAFE, NAMED),
          function(SAFE, GIVEN + NAMED), "{t}_f()"),
    Fault("definer-owns", function(SAFE, NAMED + "alter table {t} owner to "
          "lockstep_logic; alter table {t} no force row level security;"
          + GIVEN), function(SAFE, NAMED + "alter table {t} owner to "
          "lockstep_logic;" + GIVEN), also=(("rls-not-forced", "{t}"),)),
    Fault("definer-rls-off", function("set search_path = app "
          "set row_security = off"), function("set search_path = app "
          "set row_security = on"), "{t}_f()"),
    Fault("function-leakproof", function("leakproof set search_path = app"),
          function("not leakproof set search_path = app"), "{t}_f()"),
    Fault("function-untrusted", "create function {t}_f() returns integer "
          "language internal immutable as 'pg_backend_pid'; revoke execute on "
          "function {t}_f() from public; grant execute on function {t}_f() "
          "to anon", "create function {t}_f() returns integer "
          "language internal immutable as 'pg_backend_pid'; revoke execute on "
          "function {t}_f() from public", "{t}_f()", before=""),

    # ---- Views and what has no row security.
    Fault("view-definer", "create view {t}_v as select id, title from {t}; "
          "grant select on {t}_v to authenticated",
          "create view {t}_v with (security_invoker) as select id, title "
          "from {t}; grant select on {t}_v to authenticated; "
          "create view {t}_w as select id, title from {t}", "{t}_v"),
    Fault("view-materialized", "create materialized view {t}_m as select id "
          "from {t}; grant select (id) on {t}_m to service_role",
          "create materialized view {t}_m as select id from {t}", "{t}_m"),
    Fault("table-foreign", FOREIGN + "grant select on {t}_f to authenticated",
          FOREIGN, "{t}_f"),
    Fault("table-rule", "create rule keep as on delete to {t} do instead "
          "update {t} set title = null where id = old.id", "select 1"),

    # ---- Tables, keys and indexes.
    Fault("table-no-key", "alter table {t} drop constraint {x}_pkey",
          "select 1"),
    Fault("table-no-key", """
          create table app.parted (id uuid, at timestamptz, owner_id uuid)
              partition by range (at);
          alter table app.parted enable row level security,
              force row level security;
          create table app.parted_1 partition of app.parted
              for values from (minvalue) to (maxvalue)""", """
          create table app.parted (id uuid, at timestamptz, owner_id uuid)
              partition by range (at);
          alter table app.parted enable row level security,
              force row level security;
          create table app.parted_1 partition of app.parted (primary key (id))
              for values from (minvalue) to (maxvalue)""", "app.parted"),
    Fault("table-unlogged", "alter table {t} set unlogged", "select 1"),
    Fault("key-unindexed", "alter table {t} add other uuid references "
          "app.users (id)", "alter table {t} add other uuid references "
          "app.users (id); create index on {t} (other, title)"),
    Fault("key-oracle", "alter table {t} add unique (title)",
          "alter table {t} add unique (owner_id, title)"),
    Fault("constraint-not-valid", "alter table {t} add constraint short check "
          "(char_length(title) < 9) not valid", "alter table {t} add "
          "constraint short check (char_length(title) < 9)"),
    Fault("trigger-disabled", "create trigger touch before update on {t} for "
          "each row execute function app.touch_updated_at(); alter table {t} "
          "disable trigger touch", "create trigger touch before update on {t} "
          "for each row execute function app.touch_updated_at()"),
    Fault("index-invalid", "create index {x}_bad on {t} (title); update "
          "pg_index set indisvalid = false where indexrelid = "
          "'{t}_bad'::regclass", "create index {x}_bad on {t} (title)",
          "{t}_bad"),
    Fault("index-duplicate", "create index on {t} (owner_id)",
          "create index on {t} (owner_id) where title is not null"),
    Fault("extension-in-schema", "create extension ltree schema app",
          "create schema {x}; create extension ltree schema {x}",
          "extension ltree", before=""),
    Fault("extension-outdated", "update pg_extension set extversion = '0.9' "
          "where extname = 'plpgsql'", "select 1", "extension plpgsql",
          before=""),
]

CLERK = "create role clerk; "
GONE = "drop owned by clerk; drop role clerk"

GLOBAL = [
    Fault("role-superuser", "alter role service_role superuser",
          "alter role lockstep_worker superuser", "role service_role",
          undo="alter role service_role nosuperuser; "
          "alter role lockstep_worker nosuperuser"),
    Fault("role-bypassrls", "alter role service_role bypassrls",
          "alter role lockstep_worker bypassrls", "role service_role",
          undo="alter role service_role nobypassrls; "
          "alter role lockstep_worker nobypassrls"),
    Fault("role-powers", "alter role anon createrole",
          "alter role lockstep_worker createrole", "role anon",
          undo="alter role anon nocreaterole; "
          "alter role lockstep_worker nocreaterole"),
    Fault("role-predefined", "grant pg_read_all_data to lockstep",
          "grant pg_read_all_data to lockstep_worker",
          "role pg_read_all_data",
          undo="revoke pg_read_all_data from lockstep, lockstep_worker"),
    Fault("role-unlisted", CLERK + "grant clerk to lockstep",
          CLERK + "grant clerk to lockstep_worker", "role clerk", undo=GONE),
    Fault("role-unlisted", CLERK + "create role chief; grant chief to clerk; "
          "grant clerk to anon", CLERK + "create role chief",
          "role chief", also=(("role-unlisted", "role clerk"),),
          undo=GONE + "; drop role chief"),
    Fault("role-unreachable", "revoke anon from lockstep",
          "revoke anon from lockstep_worker", "role anon",
          undo="grant anon to lockstep"),
    Fault("role-login-inherits", "alter role lockstep inherit",
          "alter role lockstep_worker inherit", "role lockstep",
          undo="alter role lockstep noinherit; "
          "alter role lockstep_worker noinherit"),
    Fault("role-inherits", "alter role authenticated inherit; "
          "grant anon to authenticated", "grant anon to authenticated",
          "role authenticated", undo="alter role authenticated noinherit; "
          "revoke anon from authenticated"),
    Fault("role-logs-in", "alter role authenticated login",
          "alter role authenticated nologin", "role authenticated",
          undo="alter role authenticated nologin"),
    Fault("role-owns", "create table app.mine (id uuid primary key); "
          "alter table app.mine enable row level security, force row level "
          "security; alter table app.mine owner to service_role",
          "create table app.mine (id uuid primary key); "
          "alter table app.mine enable row level security, force row level "
          "security; alter table app.mine owner to lockstep_worker",
          "role service_role", also=(("rls-no-policy", "app.mine"),),
          undo="drop table app.mine"),
    Fault("role-settings", "alter role anon set statement_timeout = '1s'",
          "alter role lockstep set statement_timeout = '1s'", "role anon",
          undo="alter role anon reset all; alter role lockstep reset all"),
    Fault("setting-unsafe", "alter database lockstep set "
          "session_replication_role = replica", "alter database lockstep set "
          "session_replication_role = origin", "database lockstep",
          undo="alter database lockstep reset all"),
    Fault("grant-default-execute", "alter default privileges for role "
          "lockstep_owner grant execute on functions to public", "select 1",
          "schema app", undo="alter default privileges for role "
          "lockstep_owner revoke execute on functions from public"),
]

for _number, _fault in enumerate(LOCAL, 1):
    _fault.number = _number
for _fault in GLOBAL:
    _fault.before = ""
