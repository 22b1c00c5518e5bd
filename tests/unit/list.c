/* SPDX-License-Identifier: MIT */
/*
 * A list's query string -> SQL, against the contract of tests/golden/lists:
 * what is read is told by the statement that comes of it, so that a case says
 * what a client gets for what it sends.  Then what is refused, and how rows are
 * written in each form.
 */
#include <check.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/arena.h"
#include "contract/contract.h"
#include "http/http.h"
#include "store/internal.h"
#include "run.h"

static struct arena *arena;
static struct scope scope;
static struct contract *contract;
static struct auth *auth;
static struct store store;

/* ---- means ---- */

static void
setup(void)
{
	const char *top = getenv("SRCDIR");
	static const char secret[] = "0123456789abcdef0123456789abcdef01234567";
	static char file[] = "/tmp/list-unit-XXXXXX";
	static struct auth_options options;
	struct buf faults;
	int fd;

	arena = arena_new();
	scope_init(&scope, arena);
	buf_init(&faults, 65536);
	contract = contract_load(arena_format(arena, "%s/tests/golden/lists",
	    top != NULL ? top : "."), &faults);
	ck_assert_msg(contract != NULL, "%s",
	    faults.at != NULL ? faults.at : "");
	strcpy(file, "/tmp/list-unit-XXXXXX");
	fd = mkstemp(file);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, secret, sizeof(secret) - 1),
	    sizeof(secret) - 1);
	close(fd);
	options = (struct auth_options){ .secret_file = file,
		.leeway_s = 30, .roles = contract_about(contract)->roles,
		.role_count = contract_about(contract)->role_count,
		.anonymous = contract_about(contract)->anonymous };
	auth = auth_new(&options, &faults);
	ck_assert_msg(auth != NULL, "%s", faults.at);
	unlink(file);
	buf_release(&faults);
	memset(&store, 0, sizeof(store));
	buf_init(&store.sql, STORE_SQL_MAX);
	buf_init(&store.reply, 65536);
}

static void
teardown(void)
{
	buf_release(&store.sql);
	buf_release(&store.reply);
	auth_free(auth);
	contract_free(contract);
	arena_free(arena);
}

/* Judges GET /api/`target` by whoever has no token. */
static enum problem
accept_get(const char *target, const char *prefer, const struct plan **ret)
{
	char *params[] = { (char[]){ "REQUEST_METHOD=GET" },
		arena_format(arena, "REQUEST_URI=/api/%s", target),
		arena_format(arena, "HTTP_PREFER=%s", prefer), NULL };
	const struct caller *caller;
	const struct input *input;
	static struct request rq;
	struct match match;
	enum problem p;

	memset(&rq, 0, sizeof(rq));
	ck_assert_msg(http_parse(&scope, params, "", 0, &rq) == PROBLEM_NONE,
	    "%s cannot be parsed", target);
	ck_assert_int_eq(contract_route(contract, &scope, &rq, &match),
	    PROBLEM_NONE);
	ck_assert_int_eq(auth_identify(auth, &scope, &rq, &caller),
	    PROBLEM_NONE);
	p = contract_accept(contract, &scope, &match, &rq, caller,
	    &(struct accept_options){ 0 }, &input);
	if (p == PROBLEM_NONE)
		*ret = input_plan(input);
	return p;
}

static const char *
issues(void)
{
	const char *text = "";

	for (unsigned i = 0; i < scope.issue_count; i++)
		text = arena_format(arena, "%s%s%s:%s", text,
		    i > 0 ? " " : "", scope.issues[i].pointer,
		    scope.issues[i].keyword);
	return text;
}

static const struct plan *
plan_of(const char *target, const char *prefer)
{
	const struct plan *plan = NULL;

	ck_assert_msg(accept_get(target, prefer, &plan) == PROBLEM_NONE,
	    "%s is refused: %s", target, issues());
	return plan;
}

/* The statement, then its parameters: "... | a | b". */
static const char *
sql_text(const struct query *q)
{
	const char *text = arena_string(arena, q->sql->at);

	for (size_t i = 0; i < q->param_count; i++)
		text = arena_format(arena, "%s | %s", text,
		    q->params[i] != NULL ? q->params[i] : "NULL");
	return text;
}

/* ---- conditions ---- */

#define FROM "select \"id\", \"created_at\" from \"app\".\"letters\" where "
#define TAIL " order by \"created_at\" desc, \"id\" desc limit "

/* The query (with select=id), its conditions, the number of the limit. */
static const struct {
	const char *query, *where, *limit;
} conditions[] = {
	{ "or=(status.eq.draft,pages.gt.3)",
	    "(\"status\" = $1) or (\"pages\" > $2)", "$3 | draft | 3 | 11" },
	{ "and=(status.eq.draft,pages.gt.3)",
	    "(\"status\" = $1) and (\"pages\" > $2)", "$3 | draft | 3 | 11" },
	{ "not.or=(status.eq.draft,pages.is.null)",
	    "not (\"status\" = $1) or (\"pages\" is null)",
	    "$2 | draft | 11" },
	{ "or=(title.eq.\"a,b(c)\",title.eq.\"q%5C%22%5C%5C\")",
	    "(\"title\" = $1) or (\"title\" = $2)",
	    "$3 | a,b(c) | q\"\\ | 11" },
	{ "or=(title.in.(a,\"b,)\"),title.not.ilike.*x*)",
	    "(\"title\" = any($1)) or (not (\"title\"::text ilike $2))",
	    "$3 | {\"a\",\"b,)\"} | %x% | 11" },
	{ "or=(and(pages.gte.1,pages.lte.2),not.and(pages.gte.5,"
	    "not.or(pages.eq.6,pages.eq.7)))",
	    "((\"pages\" >= $1) and (\"pages\" <= $2)) or "
	    "not ((\"pages\" >= $3) and "
	    "not ((\"pages\" = $4) or (\"pages\" = $5)))",
	    "$6 | 1 | 2 | 5 | 6 | 7 | 11" },
	{ "or=(data->>kind.eq.note,data-%3Eplace->>city.is.null)",
	    "((\"data\" ->> 'kind') = $1) or "
	    "((\"data\" -> 'place' ->> 'city') is null)",
	    "$2 | note | 11" },
	{ "or=(title.eq.a.b,%20status.eq.sent)",
	    "(\"title\" = $1) or (\"status\" = $2)", "$3 | a.b | sent | 11" },
	{ "or=(title.eq.\"\")", "", "" },	/* minLength: see below */
};

START_TEST(conditions_are_joined_and_nested)
{
	const struct plan *plan;
	const char *expected;
	struct query q;

	if (*conditions[_i].where == '\0') {
		ck_assert_int_eq(accept_get(arena_format(arena,
		    "letters?select=id&%s", conditions[_i].query), "", &plan),
		    PROBLEM_INVALID_QUERY);
		ck_assert_str_eq(issues(), "\"/or/title\":minLength");
		return;
	}
	plan = plan_of(arena_format(arena, "letters?select=id&%s",
	    conditions[_i].query), "");
	store_sql(arena, plan, &store.sql, &q);
	expected = strncmp(conditions[_i].where, "not ", 4) == 0 ?
	    arena_format(arena, FROM "not (%s)" TAIL "%s",
		conditions[_i].where + 4, conditions[_i].limit) :
	    arena_format(arena, FROM "(%s)" TAIL "%s", conditions[_i].where,
		conditions[_i].limit);
	ck_assert_str_eq(sql_text(&q), expected);
}
END_TEST

/* Single ones, whose brackets are none. */
static const struct {
	const char *query, *where, *limit;
} filters[] = {
	{ "data->>kind=eq.note", "(\"data\" ->> 'kind') = $1",
	    "$2 | note | 11" },
	{ "data-%3E%3Eamount=gte.5",
	    "(case jsonb_typeof(\"data\" -> 'amount') when 'number' then "
	    "(\"data\" ->> 'amount')::numeric end) >= $1", "$2 | 5 | 11" },
	{ "data->>amount=is.null",
	    "(case jsonb_typeof(\"data\" -> 'amount') when 'number' then "
	    "(\"data\" ->> 'amount')::numeric end) is null", "$1 | 11" },
	{ "data->>paid=is.true",
	    "(case jsonb_typeof(\"data\" -> 'paid') when 'boolean' then "
	    "(\"data\" ->> 'paid')::boolean end) is true", "$1 | 11" },
	{ "data->place->>zip=like.12*",
	    "(\"data\" -> 'place' ->> 'zip')::text like $1", "$2 | 12% | 11" },
	{ "extra->>colour=in.(red,blue)",
	    "(\"extra\" ->> 'colour') = any($1)",
	    "$2 | {\"red\",\"blue\"} | 11" },
	{ "search=two%20words",
	    "to_tsvector('simple', coalesce(\"title\"::text, '') || ' ' || "
	    "coalesce(\"body\"::text, '')) @@ "
	    "websearch_to_tsquery('simple', $1)", "$2 | two words | 11" },
	{ "status=eq.sent&search=a&or=(pages.eq.1,pages.eq.2)",
	    "\"status\" = $1 and ((\"pages\" = $2) or (\"pages\" = $3)) and "
	    "to_tsvector('simple', coalesce(\"title\"::text, '') || ' ' || "
	    "coalesce(\"body\"::text, '')) @@ "
	    "websearch_to_tsquery('simple', $4)",
	    "$5 | sent | 1 | 2 | a | 11" },
};

START_TEST(filters_look_into_json_and_text)
{
	const struct plan *plan = plan_of(arena_format(arena,
	    "letters?select=id&%s", filters[_i].query), "");
	struct query q;

	store_sql(arena, plan, &store.sql, &q);
	ck_assert_str_eq(sql_text(&q), arena_format(arena, FROM "%s" TAIL
	    "%s", filters[_i].where, filters[_i].limit));
}
END_TEST

/* ---- what is refused ---- */

#define TEN(x) x x x x x x x x x x
static const struct {
	const char *target, *issues;
} refused[] = {
	{ "or=", "\"/or\":syntax" },
	{ "or=()", "\"/or\":syntax" },
	{ "or=(status.eq.draft", "\"/or\":syntax" },
	{ "or=status.eq.draft", "\"/or\":syntax" },
	{ "or=(status.eq.draft)x", "\"/or\":syntax" },
	{ "or=(status.eq.draft,)", "\"/or\":syntax" },
	{ "or=(,status.eq.draft)", "\"/or\":syntax" },
	{ "or=(status.eq.)", "\"/or\":syntax" },
	{ "or=(status.eq.\"draft)", "\"/or\":syntax" },
	{ "or=(status.eq.\"draft\"x)", "\"/or\":syntax" },
	{ "or=(title.eq.a(b)", "\"/or\":syntax" },
	{ "or=(status)", "\"/or\":syntax" },
	{ "or=(status.draft)", "\"/or/status\":operator" },
	{ "or=(status.in.draft)", "\"/or/status\":syntax" },
	{ "or=(status.in.(draft)", "\"/or\":syntax" },
	{ "or=(status.in.())", "\"/or/status\":syntax" },
	{ "or=(status.eq.lost)", "\"/or/status\":enum" },
	{ "or=(pages.eq.x)", "\"/or/pages\":type" },
	{ "or=(pages.like.1*)", "\"/or/pages\":operator" },
	{ "or=(pages.is.true)", "\"/or/pages\":syntax" },
	{ "or=(owner_id.is.null)", "\"/or\":syntax" },
	{ "or=(secret.eq.a)", "\"/or\":syntax" },
	{ "or=(data->>other.eq.a)", "\"/or\":syntax" },
	{ "or=(not.status.eq.draft)", "\"/or\":syntax" },
	{ "or=(not.not.or(status.eq.draft))", "\"/or\":syntax" },
	{ "or=(or(or(or(or(or(status.eq.draft))))))", "\"/or\":syntax" },
	{ "not.not.or=(status.eq.draft)", "\"/not.not.or\":parameter" },
	{ "not.status=eq.draft", "\"/not.status\":parameter" },
	{ "nor=(status.eq.draft)", "\"/nor\":parameter" },
	{ "or=(" TEN("pages.eq.1,") TEN("pages.eq.1,") TEN("pages.eq.1,")
	    "pages.eq.1,pages.eq.1,pages.eq.1)", "\"/or\":syntax" },
	{ "data->>kind=eq.other", "\"/data->>kind\":enum" },
	{ "data->>amount=eq.x", "\"/data->>amount\":type" },
	{ "data->>amount=eq.-1", "\"/data->>amount\":minimum" },
	{ "data->>paid=gt.true", "\"/data->>paid\":operator" },
	{ "data->place->>city=eq.longer%20than%20ten",
	    "\"/data->place->>city\":maxLength" },
	{ "data->place->>zip=eq.", "\"/data->place->>zip\":minLength" },
	{ "data->kind=eq.note", "\"/data->kind\":parameter" },
	{ "data=eq.note", "\"/data\":parameter" },
	{ "search=", "\"/search\":syntax" },
	{ "search=a&search=b", "\"/search\":parameter" },
	{ "select=", "\"/select\":syntax" },
	{ "select=id,", "\"/select\":syntax" },
	{ "select=id)", "\"/select\":syntax" },
	{ "select=owner", "\"/select\":syntax" },
	{ "select=owner()", "\"/select\":syntax" },
	{ "select=owner(id", "\"/select\":syntax" },
	{ "select=owner(id))", "\"/select\":syntax" },
	{ "select=owner(password)", "\"/select\":syntax" },
	{ "select=owner(id,id)", "\"/select\":syntax" },
	{ "select=owner(id),owner(name)", "\"/select\":syntax" },
	{ "select=secret", "\"/select\":syntax" },
	{ "select=*,id", "\"/select\":syntax" },
	{ "select=title(id)", "\"/select\":syntax" },
	{ "select=owner(letters(owner(id)))", "\"/select\":syntax" },
	{ "select=owner(letters(body))", "\"/select\":syntax" },
	{ "select=notes(author(id))", "\"/select\":syntax" },
	{ "select=owner(letters(id)),notes(id,author(name))&limit=1000",
	    "\"/select\":syntax" },
	{ "limit=1000&select=owner(letters(id),name),notes(id,author(name))",
	    "\"/select\":syntax" },
	{ "order=data->>kind", "\"/order\":syntax" },
};

START_TEST(what_is_not_of_the_contract_is_refused)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_get(arena_format(arena, "letters?%s",
	    refused[_i].target), "", &plan), PROBLEM_INVALID_QUERY);
	ck_assert_str_eq(issues(), refused[_i].issues);
	ck_assert_uint_eq(scope.issue_count, 1);
}
END_TEST

START_TEST(thirty_two_conditions_are_taken_and_no_more)
{
	const char *query = "letters?pages=eq.0&or=(pages.eq.1";
	const struct plan *plan;

	for (int i = 3; i <= 32; i++)
		query = arena_format(arena, "%s,pages.eq.%d", query, i);
	plan = plan_of(arena_format(arena, "%s)", query), "");
	ck_assert_uint_eq(plan->term_count, 1);
	ck_assert_uint_eq(plan->clauses[0].part_count, 31);
	ck_assert_int_eq(accept_get(arena_format(arena, "%s)&pages=eq.1",
	    query), "", &plan), PROBLEM_INVALID_QUERY);
	ck_assert_str_eq(issues(), "\"/pages\":syntax");
}
END_TEST

START_TEST(five_brackets_are_taken)
{
	const struct plan *plan = plan_of(
	    "letters?or=(and(or(and(or(pages.eq.1)))))", "");
	const struct clause *c = plan->clauses;
	unsigned depth = 0;

	for (; c->kind != CLAUSE_TERM; c = c->parts)
		depth++;
	ck_assert_uint_eq(depth, 5);
}
END_TEST

/* A reply names what may be asked for, and none of what was sent. */
START_TEST(an_issue_has_a_hint_and_no_value)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_get("letters?or=(sekret.eq.hush)", "", &plan),
	    PROBLEM_INVALID_QUERY);
	ck_assert_ptr_nonnull(strstr(scope.issues[0].message, "title"));
	ck_assert_ptr_nonnull(strstr(scope.issues[0].message, "data->>kind"));
	ck_assert_ptr_null(strstr(scope.issues[0].message, "hush"));
	ck_assert_ptr_null(strstr(scope.issues[0].message, "secret"));
}
END_TEST

/* ---- what is told ---- */

static const struct {
	const char *target, *sql;
} selects[] = {
	{ "letters?select=id,owner(id,name)&limit=2",
	    "select \"id\", \"created_at\", (select to_json(\"1-row\") from "
	    "(select \"1\".\"id\", \"1\".\"name\" from \"app\".\"users\" as "
	    "\"1\" where \"1\".\"id\" = \"0\".\"owner_id\" limit 1) as "
	    "\"1-row\") as \"owner\" from \"app\".\"letters\" as \"0\""
	    TAIL "$1 | 3" },
	{ "letters?select=notes(text),id&limit=2",
	    "select \"id\", \"created_at\", (select coalesce(json_agg("
	    "\"1-row\"), '[]') from (select \"1\".\"text\" from "
	    "\"app\".\"notes\" as \"1\" where \"1\".\"letter_id\" = "
	    "\"0\".\"id\" order by \"1\".\"at\" desc, \"1\".\"id\" desc "
	    "limit 3) as \"1-row\") as \"notes\" from \"app\".\"letters\" as "
	    "\"0\"" TAIL "$1 | 3" },
	{ "letters?select=owner(letters(title)),notes(id,author(*))",
	    "select \"created_at\", \"id\", (select to_json(\"1-row\") from "
	    "(select (select coalesce(json_agg(\"2-row\"), '[]') from (select "
	    "\"2\".\"title\" from \"app\".\"letters\" as \"2\" where "
	    "\"2\".\"owner_id\" = \"1\".\"id\" order by \"2\".\"id\" limit 5) "
	    "as \"2-row\") as \"letters\" from \"app\".\"users\" as \"1\" "
	    "where \"1\".\"id\" = \"0\".\"owner_id\" limit 1) as \"1-row\") "
	    "as \"owner\", (select coalesce(json_agg(\"3-row\"), '[]') from "
	    "(select \"3\".\"id\", (select to_json(\"4-row\") from (select "
	    "\"4\".\"name\" from \"app\".\"users\" as \"4\" where "
	    "\"4\".\"id\" = \"3\".\"author_id\" limit 1) as \"4-row\") as "
	    "\"author\" from \"app\".\"notes\" as \"3\" where "
	    "\"3\".\"letter_id\" = \"0\".\"id\" order by \"3\".\"at\" desc, "
	    "\"3\".\"id\" desc limit 3) as \"3-row\") as \"notes\" from "
	    "\"app\".\"letters\" as \"0\"" TAIL "$1 | 11" },
	{ "letters/7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f?select=title",
	    "select \"title\"TAG from \"app\".\"letters\" where \"id\" = $1 | "
	    "7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f" },
	{ "letters/7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f?select=notes(at)",
	    "select (select coalesce(json_agg(\"1-row\"), '[]') from (select "
	    "\"1\".\"at\" from \"app\".\"notes\" as \"1\" where "
	    "\"1\".\"letter_id\" = \"0\".\"id\" order by \"1\".\"id\" limit "
	    "20) as \"1-row\") as \"notes\" from \"app\".\"letters\" as "
	    "\"0\" where \"id\" = $1 | 7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f" },
};

#define TAG ", pg_catalog.left(pg_catalog.encode(pg_catalog.sha256("           \
	"pg_catalog.convert_to(row(\"id\", \"owner_id\", \"title\", \"body\", "\
	"\"status\", \"pages\", \"data\", \"extra\", \"created_at\")::text, "  \
	"'UTF8')), 'hex'), 32) as lockstep_tag"

START_TEST(related_rows_are_subqueries_of_one_statement)
{
	const struct plan *plan = plan_of(selects[_i].target, "");
	const char *tag = strstr(selects[_i].sql, "TAG");
	const char *expected = selects[_i].sql;
	struct plan tagged = *plan;
	struct query q;

	if (tag != NULL)
		expected = arena_format(arena, "%.*s" TAG "%s",
		    (int)(tag - selects[_i].sql), selects[_i].sql, tag + 3);
	tagged.tag = plan->operation->verb == VERB_READ;
	store_sql(arena, &tagged, &store.sql, &q);
	ck_assert_str_eq(sql_text(&q), expected);
	ck_assert(q.tag == (tag != NULL));
}
END_TEST

/* ---- counting ---- */

static const struct {
	const char *query, *prefer, *sql;
} counts[] = {
	{ "status=eq.sent", "count=exact", "select pg_catalog.count(*) from "
	    "\"app\".\"letters\" where \"status\" = $1 | sent" },
	{ "", "count=exact",
	    "select pg_catalog.count(*) from \"app\".\"letters\"" },
	{ "or=(pages.eq.1,pages.eq.2)&limit=3&order=title", "count=estimated",
	    "explain (analyze, timing off, summary off, format json) select "
	    "from \"app\".\"letters\" where ((\"pages\" = $1) or (\"pages\" = "
	    "$2)) limit 1001 | 1 | 2" },
	{ "", "", "" },
};

START_TEST(a_list_is_counted_without_its_page)
{
	const struct plan *plan = plan_of(arena_format(arena, "letters?%s",
	    counts[_i].query), counts[_i].prefer);
	struct query q;

	ck_assert(plan->total == (*counts[_i].sql != '\0'));
	if (!plan->total)
		return;
	store_sql_count(arena, plan, &store.sql, &q);
	ck_assert_str_eq(sql_text(&q), counts[_i].sql);
}
END_TEST

/* ---- rows ---- */

/* A result of one row: "name:oid ..." and the values, NULL at the end. */
static PGresult *
result_of(const char *columns, const char *const *values)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc column[16] = { 0 };
	char *text = arena_string(arena, columns), *word;
	int n = 0;

	while ((word = strsep(&text, " ")) != NULL) {
		column[n].name = strsep(&word, ":");
		column[n++].typid = (Oid)atoi(word);
	}
	ck_assert(PQsetResultAttrs(result, n, column));
	for (int i = 0; i < n; i++)
		ck_assert(PQsetvalue(result, 0, i,
		    (char *)(uintptr_t)values[i],
		    values[i] != NULL ? (int)strlen(values[i]) : -1));
	return result;
}

static const struct {
	const char *query, *columns;
	const char *values[6];
	const char *data[3];		/* by media */
} forms[] = {
	{ "id,title,body", "id:2950 title:25 body:25 created_at:1184",
	    { "k", "say \"hi\", you", NULL, "2026-01-01 00:00:00+00" },
	    { "[{\"id\":\"k\",\"title\":\"say \\\"hi\\\", you\","
	      "\"body\":null}]",
	      "{\"id\":\"k\",\"title\":\"say \\\"hi\\\", you\","
	      "\"body\":null}\n",
	      "id,title,body\r\nk,\"say \"\"hi\"\", you\",\r\n" } },
	{ "title,body,pages", "title:25 body:25 pages:23 created_at:1184 id:2950",
	    { "=1+1", "", "-5", "2026-01-01 00:00:00+00", "k" },
	    { "[{\"title\":\"=1+1\",\"body\":\"\",\"pages\":-5}]",
	      "{\"title\":\"=1+1\",\"body\":\"\",\"pages\":-5}\n",
	      "title,body,pages\r\n'=1+1,\"\",-5\r\n" } },
	{ "title,body", "title:25 body:25 created_at:1184 id:2950",
	    { "@a,b", "\tx\n", "2026-01-01 00:00:00+00", "k" },
	    { "[{\"title\":\"@a,b\",\"body\":\"\\tx\\n\"}]",
	      "{\"title\":\"@a,b\",\"body\":\"\\tx\\n\"}\n",
	      "title,body\r\n\"'@a,b\",\"'\tx\n\"\r\n" } },
	{ "created_at,data,extra", "created_at:1184 data:114 extra:3802 id:2950",
	    { "2026-01-01 00:00:00.5+00", "{\"a\":\n1}", "\"text\"", "k" },
	    { "[{\"created_at\":\"2026-01-01T00:00:00.5Z\",\"data\":"
	      "{\"a\":\n1},\"extra\":\"text\"}]",
	      "{\"created_at\":\"2026-01-01T00:00:00.5Z\",\"data\":"
	      "{\"a\": 1},\"extra\":\"text\"}\n",
	      "created_at,data,extra\r\n2026-01-01T00:00:00.5Z,"
	      "\"{\"\"a\"\":\n1}\",\"\"\"text\"\"\"\r\n" } },
	{ "id,owner(name,letters(id,title)),notes(id,at,author(name))",
	    "id:2950 created_at:1184 owner:114 notes:114",
	    { "k", "2026-01-01 00:00:00+00",
	      "{\"name\":\"A\",\"letters\":[{\"id\":\"l\",\"title\":\"T\"}, \n "
	      "{\"id\":\"m\",\"title\":\"U\"}]}",
	      "[{\"id\":1,\"at\":\"2026-01-01T00:00:00+00:00\","
	      "\"author\":null}]" },
	    { "[{\"id\":\"k\",\"owner\":{\"name\":\"A\",\"letters\":["
	      "{\"id\":\"l\",\"title\":\"T\"},{\"id\":\"m\",\"title\":\"U\"}"
	      "]},\"notes\":[{\"id\":1,\"at\":\"2026-01-01T00:00:00Z\","
	      "\"author\":null}]}]",
	      "{\"id\":\"k\",\"owner\":{\"name\":\"A\",\"letters\":["
	      "{\"id\":\"l\",\"title\":\"T\"},{\"id\":\"m\",\"title\":\"U\"}"
	      "]},\"notes\":[{\"id\":1,\"at\":\"2026-01-01T00:00:00Z\","
	      "\"author\":null}]}\n",
	      "id,owner,notes\r\nk,\"{\"\"name\"\":\"\"A\"\","
	      "\"\"letters\"\":[{\"\"id\"\":\"\"l\"\",\"\"title\"\":"
	      "\"\"T\"\"},{\"\"id\"\":\"\"m\"\",\"\"title\"\":\"\"U\"\"}]}\","
	      "\"[{\"\"id\"\":1,\"\"at\"\":\"\"2026-01-01T00:00:00Z\"\","
	      "\"\"author\"\":null}]\"\r\n" } },
	{ "owner(letters(id)),notes(author(name))",
	    "created_at:1184 id:2950 owner:114 notes:114",
	    { "2026-01-01 00:00:00+00", "k", NULL, "[]" },
	    { "[{\"owner\":null,\"notes\":[]}]",
	      "{\"owner\":null,\"notes\":[]}\n",
	      "owner,notes\r\n,[]\r\n" } },
};

START_TEST(rows_are_written_in_each_form)
{
	const struct plan *asked = plan_of(arena_format(arena,
	    "letters?select=%s", forms[_i].query), "");

	for (enum media m = MEDIA_JSON; m <= MEDIA_CSV; m++) {
		struct plan plan = *asked;
		struct outcome out;
		struct query q;
		PGresult *result = result_of(forms[_i].columns,
		    forms[_i].values);

		plan.media = m;
		store_sql(arena, &plan, &store.sql, &q);
		ck_assert_int_eq(store_rows(&scope, &store, &plan, &q, result,
		    &out), PROBLEM_NONE);
		ck_assert_str_eq(out.data, forms[_i].data[m]);
		ck_assert_uint_eq(out.data_length, strlen(forms[_i].data[m]));
		PQclear(result);
	}
}
END_TEST

/* ---- totals ---- */

#define NODE(actual, expected)                                                 \
	"[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Limit\",\n"            \
	"      \"Plan Rows\": 1001,\n      \"Actual Rows\": " actual ",\n"      \
	"      \"Plans\": [\n        {\n"                                      \
	"          \"Parent Relationship\": \"InitPlan\",\n"                    \
	"          \"Plan Rows\": 1,\n          \"Actual Rows\": 1\n"           \
	"        },\n        {\n"                                              \
	"          \"Parent Relationship\": \"Outer\",\n"                       \
	"          \"Plan Rows\": " expected ",\n"                              \
	"          \"Actual Rows\": " actual ",\n"                              \
	"          \"Plans\": [\n            {\n"                               \
	"              \"Plan Rows\": 7\n            }\n          ]\n"          \
	"        }\n      ]\n    }\n  }\n]"

static const struct {
	bool estimate;
	const char *text;
	bool known, estimated;
	uint64_t total;
} totals[] = {
	{ false, "0", true, false, 0 },
	{ false, "123456789012", true, false, UINT64_C(123456789012) },
	{ true, NODE("1000", "123456"), true, false, 1000 },
	{ true, NODE("0", "5"), true, false, 0 },
	{ true, NODE("1001", "123456"), true, true, 123456 },
	{ true, NODE("1001.00", "123456"), true, true, 123456 },
	{ true, NODE("1001", "12"), true, true, 1001 },
	{ true, "[]", false, false, 0 },
};

START_TEST(a_total_is_exact_or_said_to_be_an_estimate)
{
	const char *values[] = { totals[_i].text };
	struct plan plan = { .total = true, .estimate = totals[_i].estimate };
	PGresult *result = result_of("count:20", values);
	struct outcome out = { 0 };

	store_total(&plan, result, &out);
	PQclear(result);
	ck_assert(out.total_known == totals[_i].known);
	if (!out.total_known)
		return;
	ck_assert_uint_eq(out.total, totals[_i].total);
	ck_assert(out.total_estimated == totals[_i].estimated);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("list");
	TCase *tc = tcase_create("list");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, conditions_are_joined_and_nested, 0,
	    countof(conditions));
	tcase_add_loop_test(tc, filters_look_into_json_and_text, 0,
	    countof(filters));
	tcase_add_loop_test(tc, what_is_not_of_the_contract_is_refused, 0,
	    countof(refused));
	tcase_add_test(tc, thirty_two_conditions_are_taken_and_no_more);
	tcase_add_test(tc, five_brackets_are_taken);
	tcase_add_test(tc, an_issue_has_a_hint_and_no_value);
	tcase_add_loop_test(tc, related_rows_are_subqueries_of_one_statement,
	    0, countof(selects));
	tcase_add_loop_test(tc, a_list_is_counted_without_its_page, 0,
	    countof(counts));
	tcase_add_loop_test(tc, rows_are_written_in_each_form, 0,
	    countof(forms));
	tcase_add_loop_test(tc, a_total_is_exact_or_said_to_be_an_estimate, 0,
	    countof(totals));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
