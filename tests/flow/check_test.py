# SPDX-License-Identifier: MIT
"""lockstep check against a database: the reference is clean, and each of the
drifts that are planted here, in the database or in the contract, is found at
its object and nowhere else.  Each is planted in a copy of the database."""

import contextlib
import copy
import itertools
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
from concurrent import futures

import npm
import system as sut
import tap
from tap import case, same

LETTERS = "resources/letters.json"
LETTER = "schemas/letter.json"
# An unsafe finding is an error.
RULES = re.findall(r'^RULE\(\w+, "([a-z-]+)", (\w+),',
                   (sut.TOP / "src/tool/drift.def").read_text().replace(
                       "UNSAFE,", "ERROR,"), re.M)


class Edit:
    """A change of a file of the contract: the value at a path; None takes it
    out."""

    def __init__(self, file, path, value=None):
        self.file, self.path, self.value = file, path.split("/"), value

    def apply(self, directory):
        file = directory / self.file
        root = json.loads(file.read_text())
        at = root
        for name in self.path[:-1]:
            at = at[int(name) if isinstance(at, list) else name]
        if self.value is None:
            del at[self.path[-1]]
        elif isinstance(at, list):
            at.append(self.value)
        else:
            at[self.path[-1]] = copy.deepcopy(self.value)
        file.write_text(json.dumps(root, indent=2))


def table(name, change):
    return f"alter table app.{name} {change}"


def recheck(column, condition, of="letters"):
    """Another CHECK in place of a column's."""
    return (table(of, f"drop constraint {of}_{column}_check") + ";" +
            table(of, f"add constraint {of}_{column}_check "
                  f"check ({condition})"))


# A trigger of columns keeps their types from being changed.
UNBOUND = "drop trigger letters_guard_update on app.letters;"
TONES = ("neutral", "formal", "friendly", "apologetic", "persuasive")
ONE_ROW = """
create function app.only_earnings(id uuid) returns app.commissions
language sql stable as 'select null::app.commissions';
grant execute on function app.only_earnings(uuid)
to authenticated, service_role"""
EARNINGS = "operations/earnings/"

# (rule, object, what is planted, rules that follow from it)
DRIFTS = [
    # Tables and columns.
    ("table-missing", "app.companies", table("companies", "rename to gone"),
     ["table-extra", "argument-*", "result-*"]),
    ("table-extra", "app.notes",
     "create table app.notes (id int primary key); "
     "grant select on app.notes to authenticated", []),
    ("table-extra", "app.everything",
     "create view app.everything as select 1 as one; "
     "grant select on app.everything to anon", []),
    ("table-not-writable", "app.letters",
     table("letters", "rename to kept") + "; create materialized view "
     "app.letters as select * from app.kept; grant select on app.letters to "
     "authenticated, service_role",
     ["grant-missing", "related-*", "*-without-index", "accepted-gone",
      "table-extra", "constraint-unknown", "default-differs"]),
    ("table-not-writable", "app.coupons",
     table("coupons", "rename to kept") + "; create view app.coupons with "
     "(security_invoker) as select distinct * from app.kept; grant select, "
     "insert, update on app.coupons to service_role; grant select on "
     "app.coupons to anon, authenticated",
     ["grant-missing", "*-wider", "table-extra", "constraint-unknown",
      "related-*", "accepted-gone"]),
    ("column-missing", "app.letters.tone",
     table("letters", "rename tone to mood"), ["result-missing",
      "default-missing", "column-extra", "*-grant-wider"]),
    ("column-missing", "app.letters.stamp",
     Edit(LETTER, "properties/stamp", {"type": "integer", "minimum": 0,
                                       "maximum": 9}), ["result-missing"]),
    ("column-extra", "app.users.nickname",
     table("users", "add column nickname text"), []),
    ("column-unfilled", "app.letters.region",
     table("letters", "add column region text not null"), ["column-extra"]),
    ("column-unfilled", "app.letters.status",
     table("letters", "alter status drop default"), []),
    ("default-missing", "app.letters.tone",
     table("letters", "alter tone drop default"), ["default-differs"]),
    ("column-generated", "app.letters.locale",
     table("letters", "drop column locale cascade, add column locale text "
           "not null generated always as ('en') stored") +
     "; grant select (locale), insert (locale), update (locale) on "
     "app.letters to authenticated; grant select on app.letters to "
     "service_role",
     ["length-unchecked", "default-differs"]),
    # Types.
    ("type-differs", "app.users.marketing_consent",
     table("users", "alter marketing_consent drop default, "
           "alter marketing_consent type text"),
     ["default-differs", "result-type"]),
    ("type-differs", "app.letters.tags",
     UNBOUND + table("letters", "drop constraint letters_tags_check, "
           "alter tags drop default, alter tags type text[] using '{}'"),
     ["default-differs", "default-missing"]),
    ("type-differs", "app.letters.tags",
     Edit(LETTER, "properties/tags/x-sqlArray", True), []),
    ("type-differs", "app.letters.locale",
     [Edit(LETTER, "properties/locale",
           {"type": "integer", "minimum": 0, "maximum": 9}),
      Edit(LETTER, "examples")], ["result-type"]),
    ("timestamp-without-zone", "app.letters.scheduled_for",
     table("letters", "alter scheduled_for type timestamp"), []),
    ("format-unchecked", "app.letters.sent_at",
     table("letters", "alter sent_at type text"), []),
    # Null.
    ("null-told", "app.users.locale",
     table("users", "alter locale drop not null"), []),
    ("null-refused", "app.users.return_address",
     table("users", "alter return_address set not null"), []),
    # Lengths.
    ("length-refused", "app.letters.body",
     Edit(LETTER, "properties/body/maxLength", 30000), []),
    ("length-refused", "app.letters.title",
     recheck("title", "char_length(title) between 1 and 100"), []),
    ("length-refused", "app.letters.title",
     recheck("title", "length(title) > 3 and length(title) < 201"), []),
    ("length-refused", "app.letters.reference",
     recheck("reference", "reference ~ '^[A-Za-z0-9._-]{1,32}$'"), []),
    ("length-refused", "app.accounts.name",
     table("accounts", "alter name type varchar(60)"), []),
    ("length-unchecked", "app.letters.title",
     table("letters", "drop constraint letters_title_check"), []),
    ("length-unchecked", "app.letters.title",
     recheck("title", "char_length(title) <= 200"), []),
    ("length-unchecked", "app.users.email",
     recheck("email", "email like '%@%' or true", "users"), []),
    # Ranges.
    ("range-refused", "app.companies.mrr_cents",
     Edit("schemas/company.json", "properties/mrr_cents/maximum", 2000000000),
     []),
    ("range-refused", "app.companies.mrr_cents",
     table("companies", "alter mrr_cents type smallint"),
     ["example-refused"]),
    ("range-unchecked", "app.events.score",
     table("events", "drop constraint events_score_check, "
           "drop constraint events_csat_range, "
           "drop constraint events_score_known"), []),
    ("range-unchecked", "app.companies.mrr_cents",
     recheck("mrr_cents", "mrr_cents >= 0", "companies"), []),
    # Enums.
    ("enum-refused", "app.letters.tone",
     Edit(LETTER, "properties/tone/enum/-", "angry"), []),
    ("enum-refused", "app.letters.tone",
     recheck("tone", f"tone = any (array{list(TONES[:4])})"), []),
    ("enum-refused", "app.letters.tone",
     UNBOUND + table("letters", "drop constraint letters_tone_check, "
           "alter tone drop default") + "; create type app.tone as enum ('"
     + "','".join(TONES[:4]) + "');" + table(
         "letters", "alter tone type app.tone using tone::app.tone, "
         "alter tone set default 'neutral'"), []),
    ("enum-refused", "app.letters.tone",
     UNBOUND + table("letters", "drop constraint letters_tone_check") +
     "; create domain app.mood as text check (value in "
     f"{TONES[:4]});" + table("letters", "alter tone type app.mood"), []),
    ("enum-unchecked", "app.letters.tone",
     table("letters", "drop constraint letters_tone_check"), []),
    ("enum-unchecked", "app.letters.tone",
     recheck("tone", f"tone in {(*TONES, 'angry')}"), []),
    ("enum-unchecked", "app.letters.tone",
     UNBOUND + table("letters", "drop constraint letters_tone_check, "
           "alter tone drop default") + "; create type app.tone as enum ('"
     + "','".join((*TONES, "angry")) + "');" + table(
         "letters", "alter tone type app.tone using tone::app.tone, "
         "alter tone set default 'neutral'"), []),
    # json, examples, defaults.
    ("json-unchecked", "app.letters.recipient",
     table("letters", "drop constraint letters_recipient_check"), []),
    ("example-refused", "app.letters.recipient",
     table("letters", "add check (recipient ? 'phone')"), []),
    ("default-differs", "app.letters.tone",
     table("letters", "alter tone set default 'formal'"), []),
    ("default-differs", "app.users.marketing_consent",
     Edit("schemas/user.json", "properties/marketing_consent/default", True),
     []),
    # Keys.
    ("key-not-unique", "app.affiliates.id",
     table("affiliates", "drop constraint affiliates_pkey cascade"),
     ["related-*", "filter-without-index"]),
    ("upsert-not-unique", "app.companies",
     "drop index app.companies_external_id_key", ["constraint-unknown",
      "filter-without-index"]),
    ("constraint-unknown", "app.letters.letters_owner_id_fkey",
     table("letters", "rename constraint letters_owner_id_fkey to owner"),
     []),
    ("constraint-unknown", "app.letters.letters_title_key",
     Edit(LETTERS, "constraints/letters_title_key",
          {"code": "title_taken"}), []),
    # Speed.
    ("order-without-index", 'app.referrals ("created_at" desc, "id" desc)',
     "drop index app.referrals_created_idx, "
     "app.referrals_owner_created_idx", ["*-without-index"]),
    ("sort-without-index", "app.letters.title",
     "drop index app.letters_title_idx, app.letters_owner_title_idx",
     ["filter-without-index"]),
    ("filter-without-index", "app.commissions.reference",
     "drop index app.commissions_reference_idx", []),
    ("filter-without-index", "app.letters.recipient->>email",
     "drop index app.letters_recipient_email_idx", []),
    ("search-without-index", "app.letters",
     "drop index app.letters_search_idx", []),
    ("related-without-index", "app.payouts.affiliate_id",
     "drop index app.payouts_affiliate_idx, app.payouts_sum_idx",
     ["filter-without-index"]),
    ("related-without-foreign-key", "app.letters.owner_id",
     table("letters", "drop constraint letters_owner_id_fkey"),
     ["constraint-unknown"]),
    ("key-not-unique", "app.events.id",
     table("event_keys", "drop constraint event_keys_pkey"), ["*"]),
    ("upsert-not-unique", "app.events",
     "drop index app.events_external_id_key", ["*"]),
    ("partition-differs", "app.events",
     "update lockstep.partitions set keep = 12", []),
    ("partition-differs", "app.events",
     "delete from lockstep.partition_parts; delete from lockstep.partitions",
     []),
    ("partition-differs", "app.events",
     Edit("resources/events.json", "partition"), []),
    ("partition-differs", "app.events",
     Edit("resources/events.json", "partition/by", "created_at"), []),
    ("partition-differs", "app.letters",
     Edit(LETTERS, "partition", {"by": "created_at", "period": "day"}), []),
    # Who may what.
    ("role-missing", "role auditor", Edit("api.json", "roles/-", "auditor"),
     []),
    ("grant-missing", "app.letters (authenticated)",
     "revoke select (title) on app.letters from authenticated", []),
    ("grant-missing", "app.letters (authenticated)",
     "revoke insert (title) on app.letters from authenticated", []),
    ("grant-missing", "app.letters (authenticated)",
     "revoke update (title) on app.letters from authenticated", []),
    ("grant-missing", "app.letters (authenticated)",
     "revoke delete on app.letters from authenticated", []),
    ("grant-missing", "app.coupons (anon)",
     "revoke select on app.coupons from anon", []),
    ("schema-usage-missing", "schema app (anon)",
     "revoke usage on schema app from anon", []),
    ("grant-missing", "app.companies (service_role)",
     Edit("resources/companies.json", "operations/update/roles/-",
          "service_role"), ["policy-missing"]),
    ("write-grant-wider", "app.letters (authenticated)",
     "grant insert (status) on app.letters to authenticated", []),
    ("write-grant-wider", "app.letters (authenticated)",
     "grant update (owner_id) on app.letters to authenticated", []),
    ("write-grant-wider", "app.users (authenticated)",
     "grant delete on app.users to authenticated", []),
    ("write-grant-wider", "app.coupons (anon)",
     "grant update on app.coupons to public", []),
    ("read-grant-wider", "app.payouts (authenticated)",
     "grant select on app.payouts to authenticated", []),
    ("read-grant-stray", "app.accounts (anon)",
     "grant select on app.accounts to anon", []),
    ("policy-missing", "app.letters (authenticated)",
     "drop policy authenticated_delete on app.letters", []),
    ("sequence-grant-missing", "app.numbers (authenticated)",
     "create sequence app.numbers; " + table(
         "letters", "add column number bigint default "
         "nextval('app.numbers')"), ["column-extra"]),
    ("idempotency-grant-missing", "lockstep.claim (authenticated)",
     "revoke execute on function lockstep.claim from authenticated", []),
    ("webhook-grant-missing", "lockstep.receive (service_role)",
     "revoke execute on function lockstep.receive from service_role", []),
    # Functions.
    ("function-missing", "app.recall_letter",
     "alter function app.recall_letter rename to gone", ["execute-wider"]),
    ("function-overloaded", "app.recall_letter",
     "create function app.recall_letter(why text) returns text language sql "
     "return why; revoke execute on function app.recall_letter(text) from "
     "public", []),
    ("execute-missing", "app.recall_letter(id uuid) (authenticated)",
     "revoke execute on function app.recall_letter from authenticated", []),
    ("function-missing", "app.give_up_letter",
     "alter function app.give_up_letter rename to gone", ["execute-wider"]),
    ("execute-missing", "app.record_feedback(source text, event_id text) "
     "(anybody)",
     "revoke execute on function app.record_feedback from service_role", []),
    ("execute-missing", "app.forget_invitations(days integer) (service_role)",
     "revoke execute on function app.forget_invitations from service_role",
     []),
    ("argument-missing", "app.forget_invitations(days integer)",
     Edit("schemas/forget_invitations.json", "properties/why",
          {"type": "string", "maxLength": 9}), []),
    ("argument-required", "app.forget_invitations(days integer)",
     Edit("schemas/forget_invitations.json", "required"), []),
    ("execute-wider", "app.approve_commission(id uuid) (authenticated)",
     "grant execute on function app.approve_commission to public", []),
    ("argument-missing", "app.resolve_ticket(id uuid, resolution text)",
     Edit("schemas/resolve_ticket.json", "properties/why",
          {"type": "string", "maxLength": 9}), []),
    ("argument-required", "app.resolve_ticket(id uuid, resolution text)",
     Edit("schemas/resolve_ticket.json", "required"), []),
    ("argument-type", "app.send_letter(id uuid, channel text, scheduled_for "
     "timestamp with time zone)",
     Edit("schemas/send_letter.json", "properties/scheduled_for/format"), []),
    ("argument-type", "app.company_health(id uuid, days integer)",
     Edit("schemas/company_health_query.json", "properties/days/maximum",
          5000000000), []),
    ("get-is-volatile", "app.affiliate_balance(id uuid)",
     "alter function app.affiliate_balance volatile", []),
    ("result-missing", "app.affiliate_balance(id uuid)",
     Edit("schemas/affiliate_balance.json", "properties/lost_cents",
          {"type": "integer", "minimum": 0, "maximum": 9}), []),
    ("result-type", "app.affiliate_balance(id uuid)",
     [Edit("schemas/affiliate_balance.json", "properties/paid_cents",
           {"type": "boolean"}),
      Edit("schemas/affiliate_balance.json", "examples")], []),
    ("result-single", "app.only_earnings(id uuid)",
     [ONE_ROW, Edit("resources/affiliates.json", EARNINGS + "call",
                    "app.only_earnings"),
      Edit("resources/affiliates.json", EARNINGS + "query")],
     ["result-missing", "execute-wider"]),
    ("error-unknown", "app.recall_letter(id uuid)",
     Edit(LETTERS, "operations/recall/errors/LS099",
          {"code": "never", "status": 409}), []),
    ("error-undeclared", "app.recall_letter(id uuid)",
     Edit(LETTERS, "operations/recall/errors/LS004"), []),
    ("error-undeclared", "app.open_account(name text)",
     Edit("resources/accounts.json", "operations/open/errors/LS011"), []),
    # The check itself.
    ("accepted-gone", "app.letters.locale",
     "create index on app.letters (locale)", []),
    # Rollups.
    ("rollup-missing", "app.company_events_fold",
     "drop function app.company_events_fold(integer)", []),
    ("rollup-missing", "app.company_tickets",
     "drop table app.company_tickets_values cascade", []),
    ("rollup-source", "app.events.occurred_at",
     table("events", "alter occurred_at drop not null"),
     ["null-told", "page-*"]),
    ("rollup-trigger", "app.events (company_events_update)",
     table("events", "disable trigger company_events_update"), []),
    ("rollup-differs", "app.company_events_write",
     Edit("rollups/company_events.json", "measures/promoters/where/score",
          "gte.8"), []),
    ("rollup-policy", "app.company_events_base",
     "alter policy authenticated_select on app.company_events_base using "
     "(account_id = (select auth.uid()))", []),
    ("rollup-unindexed", "app.support_tickets.created_at",
     "drop index app.support_tickets_created_idx", ["*-without-index"]),
]


class Checked(sut.System):
    """The reference application's database, and nothing that serves it."""

    def __init__(self):
        super().__init__(instances=0, nginx=False, demo=False)
        self.numbers = itertools.count()

    def _begin(self):
        super()._begin()
        self.cluster.psql("create database pristine template lockstep",
                          database="postgres")

    def check(self, *words, database="lockstep", contract=None):
        return self.run("check", "--database",
                        self.cluster.conninfo("lockstep", database),
                        *words, contract or sut.TOP / "contract",
                        check=False)

    def found(self, *words, **more):
        """[{id, object, ...}, ...] of the contract against the database."""
        done = self.check("--format", "json", *words, **more)
        if done.returncode not in (0, 1):
            raise AssertionError(done.stderr + done.stdout)
        found = json.loads(done.stdout)
        same([f for f in found if f["id"] in ("fault", "language")], [],
             "faults of the contract")
        known = {rule for rule, _ in RULES}
        return [f for f in found if f["id"] in known]

    @contextlib.contextmanager
    def copy(self, sql):
        """The name of a copy of the database in which the SQL was run."""
        name = f"planted{next(self.numbers)}"
        self.cluster.psql(f"create database {name} template pristine",
                          database="postgres")
        try:
            # What is granted of a database is not copied with it.
            self.cluster.psql(f"revoke temporary on database {name} from "
                              "public")
            self.cluster.psql(sql, database=name)
            yield name
        finally:
            self.cluster.psql(f"drop database {name} with (force)",
                              database="postgres")

    def planted(self, parts):
        """What is found when the parts are changed, each in a copy."""
        parts = parts if isinstance(parts, list) else [parts]
        sql = ";".join(p for p in parts if isinstance(p, str))
        edits = [p for p in parts if isinstance(p, Edit)]
        with contextlib.ExitStack() as stack:
            name = stack.enter_context(self.copy(sql)) if sql else "lockstep"
            contract = pathlib.Path(stack.enter_context(
                tempfile.TemporaryDirectory(dir=self.directory))) / "contract"
            shutil.copytree(sut.TOP / "contract", contract)
            for edit in edits:
                edit.apply(contract)
            return self.found(database=name, contract=contract)


def follows(rule, patterns):
    return any(re.fullmatch(p.replace("*", ".*"), rule) for p in patterns)


@case
def reference_is_clean(s):
    """The reference application has no finding at all, notes and lint
    included, and is checked in less than a second."""
    def took():
        began = time.monotonic()
        done = s.check("--strict")
        took = time.monotonic() - began
        same((done.returncode, done.stdout, done.stderr),
             (0, "0 errors, 0 warnings, 0 notes\n", ""), "the check")
        print(f"# {took:.2f} s")
        return took
    # The machine may be busy; a second is what it takes when it is not.
    tap.wait_for(lambda: took() < 5, "a check in time", 60)


@case
def drifts_are_found(s):
    """Each planted drift is found at its object, in the contract's file, with
    a way to mend it; nothing is found that does not follow from it."""
    faults = []
    with futures.ThreadPoolExecutor(3) as pool:
        results = [pool.submit(s.planted, drift[2]) for drift in DRIFTS]
    for (rule, thing, parts, more), result in zip(DRIFTS, results):
        if result.exception():
            faults.append(f"{rule} {thing}: {result.exception()}")
            continue
        found = result.result()
        hits = [f for f in found if (f["id"], f["object"]) == (rule, thing)]
        others = [f"{f['id']} {f['object']}: {f['message']}" for f in found
                  if f["id"] != rule and not follows(f["id"], more)]
        if len(hits) < 1 or others or (rule == "enum-refused" and
                                       len(hits) > 1):
            faults.append(f"{rule} {thing}: found {len(hits)}; others: "
                          f"{others}; all: "
                          f"{[(f['id'], f['object']) for f in found]}")
            continue
        s.hits.setdefault(rule, (thing, parts, hits[0]))
        same(hits[0]["severity"], dict(RULES)[rule].lower(), rule)
        for member in ("file", "line", "column", "message", "why", "hint"):
            assert hits[0].get(member), (rule, member, hits[0])
    print(f"# {len(DRIFTS)} planted, {len(DRIFTS) - len(faults)} found")
    assert not faults, "\n".join(faults)


@case
def every_rule_is_planted(s):
    """There is a planted drift for each rule; documents have a test of their
    own."""
    same({rule for rule, _ in RULES} - {d[0] for d in DRIFTS},
         {"generated-stale"})


@case
def stale_documents_are_found(s):
    """A document that gen would make otherwise is found, whatever it is called
    after its name; one that is as it should be is not."""
    directory = s.directory / "documents"
    directory.mkdir()
    base = ["--database", s.cluster.conninfo("lockstep")]
    for name in ("openapi.json", "matrix.md", "flow.md"):
        s.run("gen", name.split(".")[0], *base, "--out", directory / name)
    (directory / "other.md").write_text("not ours")
    same(s.check("--strict", "--generated", directory).stdout,
         "0 errors, 0 warnings, 0 notes\n")
    with open(directory / "matrix.md", "a", encoding="utf-8") as file:
        file.write("x")
    with s.copy("drop policy authenticated_delete on app.letters") as name:
        found = [(f["id"], f["object"]) for f in s.found(
            "--generated", directory, database=name)]
    same([f for f in found if f[0] == "generated-stale"],
         [("generated-stale", f"{directory}/{n}.md")
          for n in ("flow", "matrix")])
    done = s.check("--format", "json", "--generated", directory)
    same([f["object"] for f in json.loads(done.stdout)],
         [f"{directory}/matrix.md"])
    same(s.check("--generated", directory / "absent").returncode, 2)
    client = s.directory / "client"
    s.run("gen", "typescript", "--out", client, "--without", "zod")
    same(s.check("--strict", "--generated", client).stdout,
         "0 errors, 0 warnings, 0 notes\n", "a client without zod")
    (client / "types.ts").unlink()
    done = s.check("--format", "json", "--generated", client)
    same([f["object"] for f in json.loads(done.stdout)], [str(client)])


def place(file, path):
    """Line and column of a value of the reference contract, told by the words
    of its line."""
    lines = (sut.TOP / "contract" / file).read_text().splitlines()
    numbers = [n for n, line in enumerate(lines, 1) if path in line]
    return numbers[0], lines[numbers[0] - 1].index(path) + 1


@case
def places_are_those_of_the_contract(s):
    """A finding stands where the contract says it: the property's schema, the
    filter, the call."""
    for parts, rule, file, words in (
            (table("letters", "drop constraint letters_title_check"),
             "length-unchecked", LETTER, '{ "type": "string", "minLength": 1, '
             '"maxLength": 200 }'),
            (table("letters", "rename to gone"), "table-missing", LETTERS,
             '"app.letters"'),
            ("revoke execute on function app.recall_letter from authenticated",
             "execute-missing", LETTERS, '"app.recall_letter"')):
        hit = next(f for f in s.planted(parts) if f["id"] == rule)
        same((hit["file"], (hit["line"], hit["column"])),
             (file, place(file, words)), rule)


@case
def mends_mend(s):
    """The SQL of a finding, run as it stands, makes it go."""
    chosen = {rule: hit for rule, hit in s.hits.items()
              if hit[2]["hint"].endswith(";") and rule != "key-not-unique"}
    with futures.ThreadPoolExecutor(3) as pool:
        again = {rule: pool.submit(s.planted, [
            *(parts if isinstance(parts, list) else [parts]), hit["hint"]])
            for rule, (_, parts, hit) in chosen.items()}
    for rule, (thing, _, hit) in chosen.items():
        same([f for f in again[rule].result()
              if (f["id"], f["object"]) == (rule, thing)], [], hit["hint"])
    print(f"# {len(chosen)} rules: {', '.join(sorted(chosen))}")
    assert len(chosen) >= 15, chosen


# ---- The command.


PLANT = table("letters", "drop constraint letters_title_check, "
              "alter tone set default 'formal'")


def with_plant(s, sql, look):
    with s.copy(sql) as name:
        return look(name)


@case
def exits_like_diff(s):
    """Errors exit 1, warnings only when strict, and trouble exits 2 with a
    hint."""
    def look(name):
        return [s.check(*words, database=name).returncode for words in
                ((), ("--strict",), ("--except",
                 "length-unchecked,default-differs", "--strict"))]
    same(with_plant(s, PLANT, look), [0, 1, 0], "warnings")
    revoke = "revoke delete on app.letters from authenticated"
    same(with_plant(s, revoke, look), [1, 1, 1], "an error")
    done = s.check(database="absent")
    same(done.returncode, 2, "no database")
    assert "--without-database" in done.stderr, done.stderr
    same(s.check("--without-database", database="absent").returncode, 0)
    same(s.check("--only", "no-such-rule").returncode, 2)
    same(s.check("--format", "xml").returncode, 2)


@case
def rules_are_chosen(s):
    """--only and --except choose by rule, and by rule and object."""
    def look(name):
        def ids(*words):
            done = s.check("--format", "json", *words, database=name)
            return sorted(f["id"] for f in json.loads(done.stdout))
        one, two = "default-differs", "length-unchecked"
        same(ids(), [one, two], "all")
        same(ids("--only", one), [one], "only")
        same(ids("--only", f"{one},{two}"), [one, two], "only two")
        same(ids("--except", one), [two], "except")
        same(ids("--except", one + ":app.letters.tone"), [two], "an object")
        same(ids("--except", one + ":app.letters.title"), [one, two],
             "another object")
    with_plant(s, PLANT, look)


@case
def table_is_for_people(s):
    """The table has for each finding its level, object, rule, place, words and
    a way to mend it, and counts them."""
    text = with_plant(s, PLANT, lambda name: s.check(database=name).stdout)
    for words in ("warning  app.letters.title  [length-unchecked]  "
                  "schemas/letter.json:", "\n         > alter table ",
                  "0 errors, 2 warnings, 0 notes\n"):
        assert words in text, text


@case
def accepted_wants_a_reason(s):
    """What check.json accepts without a reason is refused, with its place."""
    contract = s.directory / "accepting"
    shutil.copytree(sut.TOP / "contract", contract)
    Edit("check.json", "accept/0/because").apply(contract)
    done = s.check(contract=contract)
    same(done.returncode, 2, done.stdout)
    assert re.match(r"check\.json:\d+:\d+: .*because", done.stderr), \
        done.stderr


@case
def rules_are_listed(s):
    """--rules lists each rule with id, level and title, as a table and as
    JSON, without a contract or a database."""
    listed = json.loads(s.run("check", "--rules", "--format",
                              "json").stdout)
    known = {r["id"]: r for r in listed}
    same(len(known), len(listed), "ids are unique")
    for rule, level in RULES:
        same(known[rule]["level"], level.lower(), rule)
        assert all(known[rule][m] for m in ("title", "why", "mend")), rule
    text = s.run("check", "--rules").stdout
    same(len(text.splitlines()), len(listed), "lines")
    print(f"# {len(listed)} rules")


# ---- Another database.


SHOP = """
create role web nologin noinherit;
grant web to lockstep;
create schema shop;
grant usage on schema shop, auth, lockstep to web;
grant execute on function auth.uid(), lockstep.claim, lockstep.keep,
	lockstep.replay to web;
create type shop.state as enum ('open', 'paid');
create domain shop.sku as varchar(12) check (value ~ '^[A-Z0-9]{4,12}$');
create table shop.items (
	id     bigint generated always as identity primary key
		check (id between 1 and 9007199254740991),
	tenant uuid not null default auth.uid(),
	sku    shop.sku not null,
	price  numeric(10, 2) not null check (price between 0 and 99999),
	state  shop.state not null default 'open'::shop.state
		check (state = any (array['open', 'paid']::shop.state[])),
	labels text[] not null default '{}',
	starts date,
	opens  timetz,
	note   varchar(40),
	weight float8,
	seen   inet,
	big    bigint,
	active boolean not null default true,
	extra  jsonb check (jsonb_typeof(extra) = 'object'),
	"Camel" varchar(5),
	unique (tenant, sku)
);
create index on shop.items (sku, id);
alter table shop.items enable row level security,
	force row level security;
create policy own on shop.items to web
	using (tenant = (select auth.uid()))
	with check (tenant = (select auth.uid()));
create view shop.open_items with (security_invoker) as
	select * from shop.items where state = 'open';
grant select, delete on shop.items to web;
grant select on shop.open_items to web;
"""
TAKEN = 'price, state, starts, opens, note, weight, seen, big, active, ' \
    'extra, "Camel"'
SHOP += f"""
grant insert (sku, {TAKEN}), update ({TAKEN}) on shop.items to web;
grant update ({TAKEN}) on shop.open_items to web;
"""


def shop_contract(directory):
    """Writes a contract of types that the reference does not have."""
    def text(**more):
        return {"type": ["string", "null"], **more}
    properties = {
        "id": {"type": "integer", "minimum": 1, "maximum": 2 ** 53 - 1,
               "readOnly": True},
        "tenant": {"type": "string", "format": "uuid", "readOnly": True},
        "sku": {"type": "string", "minLength": 4, "maxLength": 12,
                "pattern": "^[A-Z0-9]{4,12}$", "x-createOnly": True},
        "price": {"type": "number", "minimum": 0, "maximum": 99999},
        "state": {"type": "string", "enum": ["open", "paid"],
                  "default": "open"},
        "labels": {"type": "array", "items": {"type": "string",
                                              "maxLength": 20},
                   "maxItems": 9, "readOnly": True},
        "starts": text(format="date"), "opens": text(format="time"),
        "note": text(maxLength=40), "weight": {"type": ["number", "null"]},
        "seen": text(format="ipv4"),
        "big": text(maxLength=18, pattern="^[0-9]{1,18}$"),
        "active": {"type": "boolean", "default": True},
        "extra": {"type": ["object", "null"], "additionalProperties": True},
        "Camel": text(maxLength=5)}
    example = {"id": 1, "sku": "AB12", "price": 1.5, "state": "paid",
               "labels": ["x"], "starts": "2026-01-01", "opens": "10:00:00Z",
               "weight": 1.5, "seen": "10.0.0.1", "big": "12",
               "active": True, "extra": {"a": 1}, "Camel": "x"}
    web = {"roles": ["web"]}
    listed = {**web, "filter": ["sku"], "sort": ["sku"], "order": "sku"}
    files = {
        "api.json": {"title": "Shop", "version": "1", "base": "/api",
                     "roles": ["web"]},
        "schemas/item.json": {
            "type": "object", "properties": properties,
            "required": ["sku", "price"], "examples": [example]},
        "resources/items.json": {
            "resource": "items", "schema": "schemas/item.json",
            "table": "shop.items", "operations": {
                "list": listed, "read": web, "update": web, "delete": web,
                "create": {**web, "idempotency": "optional"}}},
        "resources/open_items.json": {
            "resource": "open_items", "schema": "schemas/item.json",
            "table": "shop.open_items", "operations": {
                "list": listed, "update": web}}}
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(json.dumps(content))


@case
def another_database_is_clean(s):
    """Identities, enums, domains, arrays, views, names in capitals: a database
    of another make agrees with its contract, and what is then changed is
    found."""
    contract = s.directory / "shop"
    shop_contract(contract)
    add = "alter domain shop.sku add check (length(value) <= 8)"
    label = "alter type shop.state add value 'lost'; alter table shop.items " \
        "drop constraint items_state_check"
    try:
        with s.copy(SHOP) as name:
            same(s.found(database=name, contract=contract), [], "clean")
            s.cluster.psql(add + ";" + label, database=name)
            same([(f["id"], f["object"]) for f in
                  s.found(database=name, contract=contract)],
                 [("length-refused", "shop.items.sku"),
                  ("enum-unchecked", "shop.items.state")])
    finally:
        s.cluster.psql("drop role web", database="postgres")


@case
def own_tables_are_clean(s):
    """The notes of doc/OWN-TABLES.md, as they stand there, agree with each
    other."""
    blocks = re.findall(r"^```(sql|json)\n(.*?)^```", (
        sut.TOP / "doc/OWN-TABLES.md").read_text(), re.M | re.S)
    table_sql, policy, schema, resource = (text for _, text in blocks[:4])
    contract = s.directory / "notes"
    shutil.copytree(sut.TOP / "contract", contract)
    (contract / "schemas/note.json").write_text(schema)
    (contract / "resources/notes.json").write_text(resource)
    with s.copy("set role lockstep_owner;" + table_sql + policy) as name:
        found = json.loads(s.check("--format", "json", database=name,
                                   contract=contract).stdout)
    same([f for f in found if "app.notes" in f["object"]], [])


# ---- SARIF.


def judge(document):
    """What SARIF 2.1.0 must have, as its schema says."""
    same(document["version"], "2.1.0")
    run, = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "lockstep"
    ids = [r["id"] for r in rules]
    same(len(set(ids)), len(ids), "ids are unique")
    for rule in rules:
        assert rule["shortDescription"]["text"], rule
        assert rule["defaultConfiguration"]["level"] in (
            "none", "note", "warning", "error"), rule
    for result in run["results"]:
        assert result["ruleId"] in ids, result
        assert result["message"]["text"], result
        assert result["level"] in ("note", "warning", "error"), result
        for location in result["locations"]:
            physical = location["physicalLocation"]
            assert physical["artifactLocation"]["uri"], result
            assert physical["region"]["startLine"] >= 1, result
            assert location["logicalLocations"][0]["fullyQualifiedName"]
    return run["results"]


@case
def sarif_is_sarif(s):
    """--format sarif gives a log of SARIF 2.1.0 whose results point into the
    contract's files."""
    contract = os.path.relpath(sut.TOP / "contract", sut.TOP)
    done = with_plant(s, PLANT, lambda name: s.check(
        "--format", "sarif", database=name, contract=contract))
    document = json.loads(done.stdout)
    results = judge(document)
    same(sorted(r["ruleId"] for r in results),
         ["default-differs", "length-unchecked"])
    for result in results:
        at = result["locations"][0]["physicalLocation"]
        same(at["artifactLocation"]["uri"], "contract/" + LETTER)
    same(judge(json.loads(s.check("--format", "sarif").stdout)), [], "clean")
    s.sarif = done.stdout


@case
def sarif_is_judged(s):
    """The schema of SARIF 2.1.0 has nothing to say of a log with findings, nor
    of one without, and refuses what is none."""
    tools = npm.tools()
    for text, valid in ((s.sarif, True), (s.check("--format", "sarif").stdout,
                                          True), ('{"runs":[{}]}', False)):
        file = s.directory / "log.sarif"
        file.write_text(text)
        same(tools.run("node", sut.TOP / "tests/flow/sarif.mjs", tools.home,
                       file) == "", valid, text[:200])


def main():
    with Checked() as s:
        s.hits = {}
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
