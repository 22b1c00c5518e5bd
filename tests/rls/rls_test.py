# SPDX-License-Identifier: MIT
"""Who reaches which row, made from the contract: role x table x verb x
own/other/absent, expected against real, through HTTP and again in SQL.

Whose a row is stands in TRUTH, in words of the domain and without asking a
policy.  A resource of the contract that is not in TRUTH fails the run."""

import itertools
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "flow"))

import contract as rules  # noqa: E402
import system as sut  # noqa: E402
import tap  # noqa: E402
from tap import case, same  # noqa: E402

ABSENT = "99999999-9999-4999-8999-999999999999"
MEMBER = ("account_id in (select account_id from app.account_members "
          "where user_id = '{user}')")
AFFILIATE = ("affiliate_id in (select id from app.affiliates "
             "where owner_id = '{user}')")
ADMIN = MEMBER[:-1] + " and role in ('owner', 'admin'))"
AGENT = MEMBER[:-1] + " and role in ('owner', 'admin', 'agent'))"
OWNER = "owner_id = '{user}'"
NOBODY = "false"
# Of a user himself, or an account that he administers.
HOOKS = f"{OWNER} or " + ADMIN.replace("account_id in", "owner_id in", 1)

# resource -> what a user of the application may see, change and delete.
TRUTH = {
    "letters": (OWNER, OWNER + " and status = 'draft'",
                OWNER + " and status in ('draft', 'ready', 'sent', 'failed')"),
    "users": ("id = '{user}'", "id = '{user}'", NOBODY),
    "coupons": (NOBODY, NOBODY, NOBODY),
    "campaigns": ("is_public and status = 'active' and starts_at <= now() "
                  "and expires_at > now()", NOBODY, NOBODY),
    "coupon_redemptions": ("owner_id = '{user}'", NOBODY, NOBODY),
    "affiliates": (OWNER, OWNER, NOBODY),
    "referrals": (AFFILIATE, NOBODY, NOBODY),
    "commissions": (AFFILIATE, NOBODY, NOBODY),
    "payouts": (AFFILIATE, NOBODY, NOBODY),
    "accounts": (MEMBER.replace("account_id in", "id in", 1),
                 ADMIN.replace("account_id in", "id in", 1), NOBODY),
    "account_members": (MEMBER, ADMIN + " and role <> 'owner'",
                        "role <> 'owner' and (user_id = '{user}' or "
                        + ADMIN + ")"),
    "account_invitations": (ADMIN, NOBODY, ADMIN),
    "companies": (MEMBER, AGENT, ADMIN + " and not exists (select from "
                  "app.support_tickets t where t.company_id = companies.id)"),
    "events": (MEMBER, NOBODY, NOBODY),
    "support_tickets": (MEMBER, AGENT, NOBODY),
    "webhook_endpoints": (HOOKS, HOOKS, HOOKS),
    "webhook_messages": (HOOKS, NOBODY, NOBODY),
    "webhook_deliveries": (HOOKS, NOBODY, NOBODY),
    "webhook_attempts": (HOOKS, NOBODY, NOBODY),
    "exports": ("id in (select e.id from lockstep.exports e where e.role = "
                "'authenticated' and e.subject = '{user}')", NOBODY, NOBODY),
    "jobs": (NOBODY, NOBODY, NOBODY),
    "queues": (NOBODY, NOBODY, NOBODY),
    "delivery_endpoints": (NOBODY, NOBODY, NOBODY),
    "delivery_attempts": (NOBODY, NOBODY, NOBODY),
    "expectations": (NOBODY, NOBODY, NOBODY),
    "rollups": (NOBODY, NOBODY, NOBODY),
}
# Keys of rows that are not there, where they are no uuid.
ABSENT_KEYS = {"jobs": "999999999", "queues": "not_there",
               "expectations": "not_there", "rollups": "not_there"}
# A change that says what is there already would hide nothing: each is real.
CHANGES = {
    "letters": {"title": "Changed"}, "users": {"display_name": "Changed"},
    "coupons": {"title": "Changed"}, "accounts": {"name": "Changed"},
    "affiliates": {"payout_method": {"type": "paypal",
                                     "email": "c@letters.example"}},
    "account_members": {"role": "viewer"}, "companies": {"name": "Changed"},
    "support_tickets": {"subject": "Changed"},
    "webhook_endpoints": {"description": "Changed"},
}
VERBS = {"select": ("read", 0), "update": ("update", 1),
         "delete": ("delete", 2)}
PRIVILEGES = {"list": "SELECT", "read": "SELECT", "create": "INSERT",
              "update": "UPDATE", "delete": "DELETE"}


def table_of(resource):
    return resource["table"]


def key_of(resource):
    return resource.get("key", "id")


def truth(resource, user, column):
    return TRUTH[resource["resource"]][column].format(user=user)


def tables(s):
    return [r for r in s.rules.resources if r.get("table")]


def keys_for(s, resource, user, column):
    """A key that is the user's in this sense, one that is not theirs at all,
    and one that they see but may not change so."""
    key, table = key_of(resource), table_of(resource)
    may = f"coalesce(({truth(resource, user, column)}), false)"
    sees = f"coalesce(({truth(resource, user, 0)}), false)"
    pick = f"select {key}::text from {table} where %s order by {key} limit 1"
    return (s.cluster.psql(pick % may), s.cluster.psql(pick % f"not {sees}"),
            s.cluster.psql(pick % f"{sees} and not {may}"))


def absent_key(resource):
    return ABSENT_KEYS.get(resource["resource"], ABSENT) \
        if key_of(resource) != "code" else "NOT-THERE"


@case
def no_table_left_out(s):
    """Every table of the contract and of the schema app is in the truth."""
    same({r["resource"] for r in tables(s)} - set(TRUTH), set())
    known = {table_of(r) for r in tables(s)}
    real = set(s.cluster.psql(
        "select 'app.' || relname from pg_class where relnamespace = "
        "'app'::regnamespace and relkind in ('r', 'p') and not relispartition"
    ).split())
    # What rollups and keys of parts are kept in: rollup_test.py and
    # partition_test.py say who reads it.
    kept = {"app.event_keys"} | {f"app.{path.stem}_{word}"
            for path in (sut.TOP / "contract/rollups").glob("*.json")
            for word in ("base", "delta", "values")}
    same(real - known - kept, set(), "tables that no resource names")


@case
def enabled_and_forced(s):
    """Row level security is enabled and forced on every table."""
    same(s.cluster.psql(
        "select relname from pg_class where relnamespace in ("
        "'app'::regnamespace, 'lockstep'::regnamespace) and relkind in "
        "('r', 'p') and not (relrowsecurity and relforcerowsecurity) and "
        "relname not in ('migrations', 'policies')"), "")


@case
def grants_no_wider(s):
    """A role holds no privilege on a table that its operations do not need;
    nobody holds TRUNCATE, REFERENCES or TRIGGER."""
    for resource in {table_of(r): r for r in tables(s)}.values():
        table = table_of(resource)
        for role in ("anon", "authenticated", "operator"):
            needed = {PRIVILEGES[o.verb] for o in s.rules.operations
                      if o.resource.get("table") == table
                      and o.verb in PRIVILEGES and role in o.roles}
            # A call that reads as the caller needs SELECT and no more.
            allowed = needed | {"SELECT"} if needed else needed
            for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                held = s.cluster.psql(
                    f"select has_any_column_privilege('{role}', '{table}', "
                    f"'{privilege}')" if privilege != "DELETE" else
                    f"select has_table_privilege('{role}', '{table}', "
                    "'DELETE')") == "t"
                if held and privilege not in allowed:
                    raise AssertionError(f"{role} has {privilege} on {table}")
                if privilege in needed and not held:
                    raise AssertionError(f"{role} lacks {privilege} on "
                                         f"{table}")
        for role, privilege in itertools.product(
                ("anon", "authenticated", "service_role", "operator",
                 "public"),
                ("TRUNCATE", "REFERENCES", "TRIGGER")):
            same(s.cluster.psql(
                f"select has_table_privilege('{role}', '{table}', "
                f"'{privilege}')"), "f", f"{role} {privilege} {table}")


@case
def columns_granted(s):
    """A write reaches no column that the contract does not accept."""
    for resource in tables(s):
        accepted = {
            n for r in tables(s) if table_of(r) == table_of(resource)
            for n, p in s.rules.documents[r["schema"]]["properties"].items()
            if not p.get("readOnly")}
        for role in ("anon", "authenticated", "operator"):
            for privilege in ("INSERT", "UPDATE"):
                verb = {"INSERT": "create", "UPDATE": "update"}[privilege]
                has = any(o.verb == verb and role in o.roles for o in
                          s.rules.operations
                          if o.resource.get("table") == table_of(resource))
                granted = set(s.cluster.psql(
                    "select attname from pg_attribute where attrelid = "
                    f"'{table_of(resource)}'::regclass and attnum > 0 and "
                    "not attisdropped and has_column_privilege("
                    f"'{role}', attrelid, attnum, '{privilege}')").split())
                same(granted - (accepted if has else set()), set(),
                     f"{role} may {privilege} {resource['resource']}")


@case
def matrix_over_http(s):
    """Over HTTP every role, table and verb gives: own 200, other and absent
    404 with the same bytes, roles without the operation 401 or 403."""
    cells = 0
    for resource in tables(s):
        for verb, (name, column) in VERBS.items():
            operation = next((o for o in s.rules.operations if o.name ==
                              f"{resource['resource']}.{name}"), None)
            if operation is None:
                continue
            for caller, (token, user) in s.callers.items():
                cells += cell(s, resource, operation, column, caller, token,
                              user, verb)
    print(f"# {cells} cells")
    assert cells > 150, cells


def cell(s, resource, operation, column, caller, token, user, verb):
    """One role, table and verb: own, other, absent.  Returns the count."""
    role = {"anon": "anon", "service": "service_role",
            "operator": "operator"}.get(caller, "authenticated")
    own, other, seen = keys_for(s, resource, user or ABSENT, column)
    if role in ("service_role", "operator"):
        own, other, seen = own or other, "", ""
    wanted = {"own": (own, (operation.status,)), "other": (other, (404,)),
              "absent": (absent_key(resource), (404,)),
              "seen": (seen, (403, 404, 409))}
    if role not in operation.roles:
        refusal = 401 if role == "anon" else 403
        wanted = {w: (k, (refusal,)) for w, (k, _) in wanted.items()}
    bodies = {}
    for whose, (key, status) in wanted.items():
        if not key:
            continue
        path = operation.path.replace("{%s}" % key_of(resource), key)
        body = CHANGES.get(resource["resource"]) if verb == "update" else None
        # What others could lose is looked at before and after.
        look = (f"select md5(t::text) from {table_of(resource)} t where "
                f"{key_of(resource)}::text = '{key}'")
        if resource["resource"] == "rollups":
            # What waits grows older meanwhile; nothing else changes them.
            s.cluster.psql("select lockstep.fold_rollups(1000000)",
                           user="lockstep_worker")
        before = s.cluster.psql(look)
        reply = s.curl(operation.method, "/api" + path, token, body,
                       {"If-Match": "*"} if operation.match else None)
        assert reply.status in status, \
            f"{caller} {verb} {whose} {path} {reply.body[:300]!r}"
        if whose != "own":
            same(s.cluster.psql(look), before, f"{caller} changed {path}")
        bodies[whose] = reply.body.replace(
            reply.json["meta"]["request_id"].encode(), b"")
    if "other" in bodies:
        same(bodies["other"], bodies["absent"], f"{caller} {verb} oracle")
    return len(bodies)


@case
def lists_hold_own_rows_alone(s):
    """A list holds exactly the caller's rows, whatever the filter; filters on
    another's keys and values find nothing."""
    for resource in tables(s):
        operation = next((o for o in s.rules.operations if o.name ==
                          resource["resource"] + ".list"), None)
        if operation is None:
            continue
        for caller in ("alice", "bob", "stranger"):
            if "authenticated" not in operation.roles:
                continue
            token, user = s.callers[caller]
            key, table = key_of(resource), table_of(resource)
            where = truth(resource, user, 0)
            mine = set(s.cluster.psql(
                f"select {key} from {table} where {where}").split())
            got = keys_listed(s, resource, operation, token, "")
            same(got, mine, f"{caller} lists {resource['resource']}")
            other = s.cluster.psql(
                f"select {key} from {table} where not coalesce(({where}), "
                f"false) limit 1")
            if other:
                for query in (f"&{key}=eq.{other}", f"&{key}=in.({other})"):
                    same(keys_listed(s, resource, operation, token, query),
                         set(), f"{caller} finds {other}")


def keys_listed(s, resource, operation, token, query):
    key, keys, after = key_of(resource), set(), ""
    while True:
        reply = s.get(f"/api{operation.path}?limit=100&select={key}{query}"
                      f"{after}", token)
        keys |= {row[key] for row in reply.data}
        following = reply.json["meta"]["page"]["next"]
        if following is None:
            return keys
        after = "&after=" + following


@case
def creates_are_ones_own(s):
    """What a user creates is theirs, and nothing can be created for others:
    the owner is no member, and an account is one's own."""
    token, _ = s.callers["alice"]
    for name in ("owner_id", "id", "status"):
        reply = s.curl("POST", "/api/letters", token,
                       {**sut.NEW_LETTER, name: sut.BOB})
        same((reply.status, reply.error["code"]), (422, "validation_failed"))
    account = s.cluster.psql(
        "select id from app.accounts where id not in (select account_id "
        f"from app.account_members where user_id = '{sut.ALICE}') limit 1")
    reply = s.curl("POST", "/api/companies", token,
                   {"account_id": account, "name": "Mine now"})
    same((reply.status, reply.error["code"]), (403, "forbidden"))
    company = s.cluster.psql(
        f"select id from app.companies where account_id = '{account}' "
        "limit 1")
    for path, body in (("/api/events", {"company_id": company,
                                        "kind": "comment",
                                        "message": "x"}),
                       ("/api/support_tickets", {"company_id": company,
                                                 "subject": "x"})):
        bodies = []
        for key in (company, ABSENT):
            reply = s.curl("POST", path, token, {**body, "company_id": key})
            assert reply.status in (403, 422), reply.body
            bodies.append(reply.body.replace(
                reply.json["meta"]["request_id"].encode(), b""))
        same(bodies[0], bodies[1], f"oracle of {path}")


@case
def matrix_in_sql(s):
    """The same in SQL, as the role itself: rows of others are neither seen
    nor changed nor deleted by select, update, delete, copy."""
    cells = 0
    for table in sorted({table_of(r) for r in tables(s)}):
        # Two resources on one table: what either shows may be seen.
        shown = [r for r in tables(s) if table_of(r) == table]
        key = key_of(shown[0])
        for caller in ("alice", "bob", "stranger", "anon"):
            _, user = s.callers[caller]
            role = "anon" if caller == "anon" else "authenticated"
            others = "not coalesce((%s), false)" % " or ".join(
                f"({truth(r, user or ABSENT, 0)})" for r in shown)
            for statement in (
                    f"select count({key}) from {table} where {others}",
                    f"with d as (delete from {table} where {others} "
                    f"returning {key}) select count(*) from d",
                    f"with u as (update {table} set {key} = {key} where "
                    f"{others} returning {key}) select count(*) from u"):
                # The truth asks tables that the caller may not see: so the
                # rows are named by key, gathered first by the superuser.
                keys = s.cluster.psql(
                    f"select coalesce(array_agg({key}), '{{}}') from {table} "
                    f"where {others}")
                kind = {"code": "text", "name": "text"}.get(
                    key, "bigint" if table == "app.jobs" else "uuid")
                named = statement.replace(
                    others, f"{key} = any ('{keys}'::{kind}[])")
                out = as_role(s, role, user, named)
                assert out in ("0", "refused"), f"{caller}: {named[:80]} {out}"
                cells += 1
            out = as_role(s, role, user, f"truncate {table} cascade")
            same(out, "refused", f"{caller} truncates {table}")
            cells += 1
    print(f"# {cells} cells")


def as_role(s, role, user, statement):
    """Runs a statement as serve would; 'refused' when it may not."""
    claims = '{"role":"%s","sub":"%s"}' % (role, user or "")
    script = (f"begin; select set_config('role', '{role}', true); select "
              f"set_config('request.jwt.claims', '{claims}', true); "
              f"{statement}; rollback;")
    file = s.directory / f"as_role-{os.getpid()}.sql"
    file.write_text(script)
    try:
        out = s.cluster.psql(file=file, user="lockstep")
    except AssertionError as wrong:
        # An identity, or a view, is refused before the right is looked at.
        assert any(word in str(wrong) for word in (
            "permission denied", "row-level security",
            "can only be updated to DEFAULT", "is not a table",
            "from view", "update view", "into view")), wrong
        return "refused"
    return out.split("\n")[-1]


@case
def roles_are_few(s):
    """The login role may become the contract's roles and no other, is no
    owner, and what it may become bypasses nothing."""
    reach = set(s.cluster.psql(
        "select rolname from pg_roles where pg_has_role('lockstep', oid, "
        "'member') and rolname <> 'lockstep'").split())
    same(reach, set(s.rules.about["roles"]))
    same(s.cluster.psql(
        "select count(*) from pg_roles where pg_has_role('lockstep', oid, "
        "'member') and (rolsuper or rolbypassrls or rolcreaterole)"), "0")


def main():
    with sut.System() as s:
        s.rules = rules.Contract()
        stranger = "33333333-3333-4333-8333-333333333333"
        s.callers = {"anon": (None, None), "service": (
            s.token("service_role"), None),
            "operator": (s.token("operator", "ops:grace"), None)}
        for name, sub in (("alice", sut.ALICE), ("bob", sut.BOB),
                          ("stranger", stranger)):
            s.callers[name] = (s.token("authenticated", sub), sub)
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
