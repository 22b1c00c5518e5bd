/* SPDX-License-Identifier: MIT */
/*
 * What store/ does without a database: the SQL of plans, the table of prepared
 * statements, SQLSTATEs, and rows (made by hand) as JSON.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"
#include "run.h"

#define TEXT(n, t, ...)                                                        \
	{ .name = n, .name_json = "\"" n "\":", .name_sql = "\"" n "\"",       \
	    .types = t, __VA_ARGS__ }

/* The fields of a resource, in this order. */
enum { ID, TITLE, SENT_AT, COUNT, DATA, HASH, OWNER, FIELDS };

static const struct field fields[FIELDS] = {
	[ID] = TEXT("id", TYPE_STRING, .format = "uuid", .read_only = true),
	[TITLE] = TEXT("title", TYPE_STRING, .sortable = true),
	[SENT_AT] = TEXT("sent_at", TYPE_STRING | TYPE_NULL,
	    .format = "date-time", .read_only = true),
	[COUNT] = TEXT("count", TYPE_INTEGER),
	[DATA] = TEXT("data", TYPE_OBJECT),
	[HASH] = TEXT("hash", TYPE_STRING, .write_only = true),
	[OWNER] = TEXT("owner", TYPE_STRING, .create_only = true),
};

static const char *const title_path[] = { "title" };
static const struct declared constraints[] = {
	{ "letters_title_key", "title_taken", 409, "The title is taken.",
	    title_path, 1 },
};
static const struct declared errors[] = {
	{ "LS001", "letter_already_sent", 409, "It was sent.", NULL, 0 },
};

static const struct field *const id_key[] = { &fields[ID] };

static const struct resource letters = {
	.name = "letters", .path = "/letters",
	.table = { "app", "letters", "\"app\".\"letters\"" },
	.key = &fields[ID], .keys = id_key, .key_count = 1,
	.fields = fields, .field_count = FIELDS,
	.constraints = constraints, .constraint_count = 1,
};

static const struct sort newest[] = {
	{ &fields[SENT_AT], true }, { &fields[ID], true },
};

static struct operation
operation_of(enum verb verb)
{
	struct operation op = { .name = "letters.x", .resource = &letters,
		.verb = verb, .method = METHOD_GET, .order = newest,
		.order_count = 2, .errors = errors, .error_count = 1 };

	if (verb == VERB_CALL) {
		op.function = (struct relation){ "app", "send_letter",
			"\"app\".\"send_letter\"" };
		op.arguments = fields;
		op.argument_count = 2;
		op.returns = fields;
		op.return_count = 3;
		op.returns_file = "schemas/letter.json";
	}
	return op;
}

static struct arena *arena;
static struct scope scope;
static struct store store;

static void
begin(void)
{
	arena = arena_new();
	scope_init(&scope, arena);
	memset(&store, 0, sizeof(store));
	buf_init(&store.sql, STORE_SQL_MAX);
	buf_init(&store.reply, 4096);
}

static void
end(void)
{
	buf_release(&store.sql);
	buf_release(&store.reply);
	arena_free(arena);
}

/* SQL. */

static void
expect_sql(const struct plan *plan, const char *sql, const char *params)
{
	struct buf all;
	struct query q;
	size_t i;

	buf_init(&all, 4096);
	store_sql(arena, plan, &store.sql, &q);
	ck_assert_str_eq(store.sql.at, sql);
	for (i = 0; i < q.param_count; i++) {
		buf_string(&all, i == 0 ? "" : "|");
		buf_string(&all, q.params[i] == NULL ? "NULL" : q.params[i]);
	}
	ck_assert_str_eq(all.at, params);
	buf_release(&all);
}

#define ALL "\"id\", \"title\", \"sent_at\", \"count\", \"data\", \"owner\""

static const struct {
	enum verb verb;
	const char *sql;
} plainest[] = {
	{ VERB_LIST, "select " ALL " from \"app\".\"letters\" order by "
	    "\"sent_at\" desc, \"id\" desc limit $1" },
	{ VERB_READ, "select " ALL " from \"app\".\"letters\" "
	    "where \"id\" = $1" },
	{ VERB_CREATE, "insert into \"app\".\"letters\" (\"title\", "
	    "\"count\", \"data\", \"hash\", \"owner\") "
	    "values ($1, $2, $3, $4, $5) returning " ALL },
	{ VERB_UPDATE, "update \"app\".\"letters\" set \"title\" = $1, "
	    "\"count\" = $2, \"data\" = $3, \"hash\" = $4 where \"id\" = $5 "
	    "returning " ALL },
	{ VERB_DELETE, "delete from \"app\".\"letters\" where \"id\" = $1 "
	    "returning \"id\"" },
	{ VERB_CALL, "select * from \"app\".\"send_letter\"(\"id\" => $1, "
	    "\"title\" => $2)" },
};

START_TEST(each_verb_has_its_plainest_sql)
{
	struct operation op = operation_of(plainest[_i].verb);
	struct buf b;

	buf_init(&b, 4096);
	store_describe(&op, &b);
	ck_assert_str_eq(b.at, plainest[_i].sql);
	buf_release(&b);
}
END_TEST

#define HOSTILE "x\"; drop table t"
static const char *const one[] = { HOSTILE };
static const char *const two[] = { "a,b}\"\\", "c" };
static const char *const star[] = { "A*_%*" };

static const struct {
	struct term term;
	const char *sql, *param;
} terms[] = {
#define TERM(c, neg, v, n, s, p)                                               \
	{ { &fields[TITLE], c, neg, v, n }, s, p }
	TERM(COMPARE_EQ, false, one, 1, "\"title\" = $1", HOSTILE),
	TERM(COMPARE_NEQ, false, one, 1, "\"title\" <> $1", HOSTILE),
	TERM(COMPARE_GT, false, one, 1, "\"title\" > $1", HOSTILE),
	TERM(COMPARE_GTE, false, one, 1, "\"title\" >= $1", HOSTILE),
	TERM(COMPARE_LT, false, one, 1, "\"title\" < $1", HOSTILE),
	TERM(COMPARE_LTE, true, one, 1, "not (\"title\" <= $1)", HOSTILE),
	TERM(COMPARE_LIKE, false, star, 1, "\"title\"::text like $1", "A%_%%"),
	TERM(COMPARE_ILIKE, true, star, 1, "not (\"title\"::text ilike $1)",
	    "A%_%%"),
	TERM(COMPARE_IN, false, two, 2, "\"title\" = any($1)",
	    "{\"a,b}\\\"\\\\\",\"c\"}"),
	TERM(COMPARE_IN, false, two, 0, "\"title\" = any($1)", "{}"),
	TERM(COMPARE_IS_NULL, false, NULL, 0, "\"title\" is null", NULL),
	TERM(COMPARE_IS_TRUE, false, NULL, 0, "\"title\" is true", NULL),
	TERM(COMPARE_IS_FALSE, true, NULL, 0, "not (\"title\" is false)",
	    NULL),
	TERM(COMPARE_IS_NOT_NULL, false, NULL, 0, "\"title\" is not null",
	    NULL),
#undef TERM
};

START_TEST(a_term_is_an_operator_and_a_parameter)
{
	struct operation op = operation_of(VERB_LIST);
	const struct field *select[] = { &fields[ID] };
	struct plan plan = { .operation = &op, .terms = &terms[_i].term,
		.term_count = 1, .select = select, .select_count = 1,
		.limit = 20 };
	const char *param = terms[_i].param;

	expect_sql(&plan, arena_format(arena, "select \"id\" from "
	    "\"app\".\"letters\" where %s limit $%d", terms[_i].sql,
	    param == NULL ? 1 : 2), arena_format(arena, "%s%s21",
	    param == NULL ? "" : param, param == NULL ? "" : "|"));
}
END_TEST

/*
 * Cursors: columns, directions, values (NULL for SQL's), the conditions of the
 * ranges, ";" between them.
 */
static const struct {
	struct sort order[3];
	size_t count;
	const char *after[3];
	const char *sql, *params;
} cursors[] = {
	{ { { &fields[ID], false } }, 1, { "k" },
	    "(\"id\") > ($1)", "k|3" },
	{ { { &fields[TITLE], true }, { &fields[ID], true } }, 2, { "t", "k" },
	    "(\"title\", \"id\") < ($1, $2)", "t|k|3" },
	{ { { &fields[TITLE], false }, { &fields[ID], true } }, 2,
	    { "t", "k" },
	    "\"title\" = $1 and (\"id\") < ($2);(\"title\") > ($1)",
	    "t|k|3" },
	{ { { &fields[SENT_AT], false }, { &fields[ID], false } }, 2,
	    { "t", "k" },
	    "\"sent_at\" = $1 and (\"id\") > ($2);\"sent_at\" is null;"
	    "(\"sent_at\") > ($1)", "t|k|3" },
	{ { { &fields[SENT_AT], false }, { &fields[ID], false } }, 2,
	    { NULL, "k" },
	    "\"sent_at\" is null and (\"id\") > ($1)", "k|3" },
	{ { { &fields[SENT_AT], true }, { &fields[ID], true } }, 2,
	    { "t", "k" },
	    "(\"sent_at\", \"id\") < ($1, $2)", "t|k|3" },
	{ { { &fields[SENT_AT], true }, { &fields[ID], true } }, 2,
	    { NULL, "k" },
	    "\"sent_at\" is null and (\"id\") < ($1);"
	    "\"sent_at\" is not null", "k|3" },
	{ { { &fields[TITLE], true }, { &fields[SENT_AT], true },
	    { &fields[ID], true } }, 3, { "t", NULL, "k" },
	    "\"title\" = $1 and \"sent_at\" is null and (\"id\") < ($2);"
	    "\"title\" = $1 and \"sent_at\" is not null;"
	    "(\"title\") < ($1)", "t|k|3" },
};

/* The statement of a cursor: one range, or the first rows of several. */
static const char *
cursor_sql(const char *ranges, const char *tail)
{
	const char *head = "select \"id\", \"title\", \"sent_at\" from ";
	const char *from = "\"app\".\"letters\" where ";
	char *rest = arena_string(arena, ranges), *range;
	const char *sql = "";

	if (strchr(ranges, ';') == NULL)
		return arena_format(arena, "%s%s%s%s", head, from, ranges,
		    tail);
	while ((range = strsep(&rest, ";")) != NULL)
		sql = arena_format(arena, "%s%s(%s%s%s%s)", sql,
		    *sql != '\0' ? " union all " : "", head, from, range,
		    tail);
	return arena_format(arena, "%s(%s) as \"0\"%s", head, sql, tail);
}

START_TEST(a_cursor_continues_after_its_row_nulls_as_the_greatest)
{
	struct operation op = operation_of(VERB_LIST);
	const struct field *select[] = { &fields[ID], &fields[TITLE],
		&fields[SENT_AT] };
	struct plan plan = { .operation = &op, .select = select,
		.select_count = 3, .order = cursors[_i].order,
		.order_count = cursors[_i].count, .after = cursors[_i].after,
		.limit = 2 };
	char *order = arena_string(arena, "");
	size_t i;

	for (i = 0; i < cursors[_i].count; i++)
		order = arena_format(arena, "%s%s%s%s", order, i ? ", " : "",
		    cursors[_i].order[i].field->name_sql,
		    cursors[_i].order[i].descending ? " desc" : "");
	expect_sql(&plan, cursor_sql(cursors[_i].sql, arena_format(arena,
	    " order by %s limit $%zu", order,
	    strlen(cursors[_i].params) / 2 + 1)), cursors[_i].params);
}
END_TEST

START_TEST(what_the_cursor_needs_is_fetched_but_comes_last)
{
	struct operation op = operation_of(VERB_LIST);
	const struct field *select[] = { &fields[COUNT] };
	struct plan plan = { .operation = &op, .select = select,
		.select_count = 1, .order = newest, .order_count = 2,
		.limit = 1 };

	expect_sql(&plan, "select \"count\", \"sent_at\", \"id\" from "
	    "\"app\".\"letters\" order by \"sent_at\" desc, \"id\" desc "
	    "limit $1", "2");
}
END_TEST

START_TEST(an_insert_of_nothing_takes_the_defaults)
{
	struct operation op = operation_of(VERB_CREATE);
	struct plan plan = { .operation = &op };

	expect_sql(&plan, "insert into \"app\".\"letters\" default values "
	    "returning \"id\"", "");
}
END_TEST

START_TEST(a_null_is_a_parameter_without_text)
{
	struct operation op = operation_of(VERB_UPDATE);
	struct value value = { &fields[TITLE], NULL };
	struct value key = { &fields[ID], "k" };
	struct plan plan = { .operation = &op, .values = &value,
		.value_count = 1, .keys = &key };
	const struct field *select[] = { &fields[ID] };

	plan.select = select;
	plan.select_count = 1;
	expect_sql(&plan, "update \"app\".\"letters\" set \"title\" = $1 "
	    "where \"id\" = $2 returning \"id\"", "NULL|k");
}
END_TEST

/* Prepared statements. */

START_TEST(a_statement_is_found_by_role_and_text)
{
	struct statements t;
	struct statement *a, *b;

	statements_init(&t, 4);
	a = statements_add(&t, "anon", "select 1", 8);
	ck_assert_ptr_null(statements_find(&t, "admin", "select 1", 8));
	ck_assert_ptr_null(statements_find(&t, "anon", "select 1", 7));
	b = statements_add(&t, "admin", "select 1", 8);
	ck_assert_ptr_eq(statements_find(&t, "anon", "select 1", 8), a);
	ck_assert_ptr_eq(statements_find(&t, "admin", "select 1", 8), b);
	ck_assert_str_ne(a->name, b->name);
	statements_release(&t);
}
END_TEST

/* Every statement that should be there is, under its own name, and no other. */
START_TEST(the_table_holds_the_last_used_whatever_comes_and_goes)
{
	enum { KEYS = 40, MOST = 12 };
	char name[KEYS][STATEMENT_NAME_MAX];
	uint64_t used[KEYS] = { 0 }, tick = 0;
	struct statements t;
	struct statement *s;
	unsigned i, k, least, seed = 1;
	char sql[16];

	statements_init(&t, MOST);
	for (i = 0; i < 20000; i++) {
		k = (unsigned)rand_r(&seed) % KEYS;
		snprintf(sql, sizeof(sql), "%u", k);
		s = statements_find(&t, "r", sql, strlen(sql));
		ck_assert_int_eq(s != NULL, used[k] != 0);
		if (s == NULL && statements_full(&t)) {
			s = statements_oldest(&t);
			for (least = KEYS, k = 0; k < KEYS; k++)
				if (used[k] != 0 && (least == KEYS ||
				    used[k] < used[least]))
					least = k;
			ck_assert_str_eq(s->name, name[least]);
			statements_remove(&t, s);
			used[least] = 0;
			s = NULL;
			k = (unsigned)atoi(sql);
		}
		if (s == NULL) {
			s = statements_add(&t, "r", sql, strlen(sql));
			strcpy(name[k], s->name);
		}
		ck_assert_str_eq(s->name, name[k]);
		used[k] = ++tick;
		ck_assert_uint_le(t.count, MOST);
	}
	statements_clear(&t);
	for (k = 0; k < KEYS; k++) {
		snprintf(sql, sizeof(sql), "%u", k);
		ck_assert_ptr_null(statements_find(&t, "r", sql,
		    strlen(sql)));
	}
	statements_release(&t);
}
END_TEST

/* Values. */

static const struct {
	Oid oid;
	unsigned types;
	const char *text, *json;
} cells[] = {
	{ 16, 0, "t", "true" },
	{ 16, 0, "f", "false" },
	{ 20, 0, "9007199254740993", "9007199254740993" },
	{ 20, TYPE_STRING, "9007199254740993", "\"9007199254740993\"" },
	{ 20, TYPE_STRING | TYPE_INTEGER, "7", "7" },
	{ 21, 0, "-1", "-1" },
	{ 23, TYPE_INTEGER, "0", "0" },
	{ 25, 0, "a\"b\\\n\x01" "c/", "\"a\\\"b\\\\\\n\\u0001c/\"" },
	{ 25, TYPE_INTEGER, "12", "\"12\"" },
	{ 25, 0, "", "\"\"" },
	{ 114, 0, "{ \"a\": [1, null] }", "{ \"a\": [1, null] }" },
	{ 3802, 0, "{\"a\": 1}", "{\"a\": 1}" },
	{ 700, 0, "1.5", "1.5" },
	{ 700, 0, "NaN", "null" },
	{ 701, 0, "1e+20", "1e+20" },
	{ 701, 0, "-Infinity", "null" },
	{ 701, 0, "Infinity", "null" },
	{ 1700, 0, "12.340", "12.340" },
	{ 1700, 0, "-0.5", "-0.5" },
	{ 1700, 0, "NaN", "null" },
	{ 1082, 0, "2026-01-01", "\"2026-01-01\"" },
	{ 1083, 0, "12:34:56", "\"12:34:56\"" },
	{ 1184, 0, "2026-01-01 00:00:00+00", "\"2026-01-01T00:00:00Z\"" },
	{ 1184, 0, "2026-01-01 00:00:00.123456+00",
	    "\"2026-01-01T00:00:00.123456Z\"" },
	{ 1114, 0, "2026-01-01 00:00:00.1", "\"2026-01-01T00:00:00.1Z\"" },
	{ 1184, 0, "infinity", "\"infinity\"" },
	{ 1184, 0, "-infinity", "\"-infinity\"" },
	{ 1184, 0, "12026-01-01 00:00:00+00", "\"12026-01-01 00:00:00+00\"" },
	{ 1184, 0, "0044-03-15 00:00:00+00 BC",
	    "\"0044-03-15 00:00:00+00 BC\"" },
	{ 2950, 0, "11111111-1111-4111-8111-111111111111",
	    "\"11111111-1111-4111-8111-111111111111\"" },
	{ 1007, 0, "{}", "[]" },
	{ 1007, 0, "{1,NULL,-3}", "[1,null,-3]" },
	{ 1007, 0, "{{1,2},{3,4}}", "[[1,2],[3,4]]" },
	{ 1007, 0, "[0:1]={1,2}", "[1,2]" },
	{ 1009, 0, "{a,\"NULL\",NULL,\"\",\"b \\\" \\\\ ,}\"}",
	    "[\"a\",\"NULL\",null,\"\",\"b \\\" \\\\ ,}\"]" },
	{ 1000, 0, "{t,f,NULL}", "[true,false,null]" },
	{ 1022, 0, "{1.5,NaN}", "[1.5,null]" },
	{ 1185, 0, "{\"2026-01-01 00:00:00+00\"}",
	    "[\"2026-01-01T00:00:00Z\"]" },
	{ 2951, 0, "{11111111-1111-4111-8111-111111111111}",
	    "[\"11111111-1111-4111-8111-111111111111\"]" },
	{ 3807, 0, "{\"{\\\"a\\\": \\\"}\\\"}\",NULL}",
	    "[{\"a\": \"}\"},null]" },
	{ 99999, 0, "draft", "\"draft\"" },
	{ 99999, TYPE_ARRAY | TYPE_NULL, "{draft,sent}",
	    "[\"draft\",\"sent\"]" },
	{ 99999, TYPE_ARRAY, "(1,2)", "\"(1,2)\"" },
	{ 99999, TYPE_ARRAY | TYPE_STRING, "{draft}", "\"{draft}\"" },
};

START_TEST(a_value_is_written_by_its_type)
{
	store_writer(cells[_i].oid, cells[_i].types)(&store.reply,
	    cells[_i].text, strlen(cells[_i].text));
	ck_assert_str_eq(store.reply.at, cells[_i].json);
	ck_assert(!store.reply.failed);
}
END_TEST

START_TEST(an_array_cut_anywhere_ends_the_writing)
{
	static const char whole[] = "[0:1]={{\"a\\\"\",NULL},{b,\"c\"}}";
	size_t length;

	for (length = 0; length < sizeof(whole); length++) {
		buf_clear(&store.reply);
		store_writer(1009, 0)(&store.reply, arena_copy(arena, whole,
		    length), length);
	}
	ck_assert_str_eq(store.reply.at, "[[\"a\\\"\",null],[\"b\",\"c\"]]");
}
END_TEST

START_TEST(a_cursor_holds_what_a_client_would_send)
{
	ck_assert_str_eq(store_wire_text(arena, 1184,
	    "2026-01-01 00:00:00.5+00"), "2026-01-01T00:00:00.5Z");
	ck_assert_str_eq(store_wire_text(arena, 16, "t"), "true");
	ck_assert_str_eq(store_wire_text(arena, 25, "a\"b"), "a\"b");
	ck_assert_str_eq(store_wire_text(arena, 20, "7"), "7");
}
END_TEST

/* Rows.  A result is columns "name:oid ..." and rows of texts. */

#define ROWS_MAX 4

struct sheet {
	const char *columns;
	const char *rows[ROWS_MAX][3];
	int count;
};

static void
drop_result(void *result)
{
	PQclear(result);
}

static PGresult *
result_of(const struct sheet *sh)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	char *words = arena_string(arena, sh->columns), *word, *save, *colon;
	PGresAttDesc columns[3];
	int n = 0, row, i;

	arena_defer(arena, drop_result, result);
	memset(columns, 0, sizeof(columns));
	for (word = strtok_r(words, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save)) {
		colon = strchr(word, ':');
		*colon = '\0';
		columns[n].name = word;
		columns[n++].typid = (Oid)atoi(colon + 1);
	}
	ck_assert_int_eq(PQsetResultAttrs(result, n, columns), 1);
	for (row = 0; row < sh->count; row++)
		for (i = 0; i < n; i++)
			ck_assert_int_eq(PQsetvalue(result, row, i,
			    (char *)(uintptr_t)sh->rows[row][i],
			    sh->rows[row][i] == NULL ? -1 :
			    (int)strlen(sh->rows[row][i])), 1);
	return result;
}

static enum problem
rows_of(const struct plan *plan, const struct sheet *sh, struct outcome *ret)
{
	struct buf sql;
	struct query q;

	buf_init(&sql, 4096);
	store_sql(arena, plan, &sql, &q);
	buf_release(&sql);
	return store_rows(&scope, &store, plan, &q, result_of(sh), ret);
}

/* A call: what the contract says, what the function gave, what is told. */
static const struct {
	bool array, any;	/* the schema: an array; without columns */
	struct sheet sheet;
	enum problem problem;
	const char *json;
} calls[] = {
	{ false, false, { "id:2950 title:25", { { "k", "t" } }, 1 },
	    PROBLEM_NONE, "{\"id\":\"k\",\"title\":\"t\"}" },
	{ false, false, { "title:25 secret:25", { { "t", "s" } }, 1 },
	    PROBLEM_NONE, "{\"title\":\"t\"}" },
	{ false, false, { "id:2950", { { NULL } }, 0 }, PROBLEM_NOT_FOUND,
	    "" },
	{ false, false, { "id:2950 title:25", { { NULL, NULL } }, 1 },
	    PROBLEM_NOT_FOUND, "" },
	{ false, false, { "id:2950 title:25", { { "k", NULL } }, 1 },
	    PROBLEM_NONE, "{\"id\":\"k\",\"title\":null}" },
	{ false, false, { "secret:25", { { "s" } }, 1 }, PROBLEM_INTERNAL,
	    "" },
	{ false, false, { "secret:3802", { { "{}" } }, 1 }, PROBLEM_INTERNAL,
	    "" },
	{ false, false, { "send_letter:3802", { { "{\"a\": 1}" } }, 1 },
	    PROBLEM_NONE, "{\"a\": 1}" },
	{ false, true, { "send_letter:114", { { "{\"a\":1}" } }, 1 },
	    PROBLEM_NONE, "{\"a\":1}" },
	{ false, true, { "send_letter:3802", { { NULL } }, 1 },
	    PROBLEM_NOT_FOUND, "" },
	{ false, true, { "send_letter:23", { { "7" } }, 1 }, PROBLEM_NONE,
	    "7" },
	{ false, true, { "a:23 b:23", { { "7", "8" } }, 1 }, PROBLEM_INTERNAL,
	    "" },
	{ true, false, { "id:2950", { { "k" }, { "l" } }, 2 }, PROBLEM_NONE,
	    "[{\"id\":\"k\"},{\"id\":\"l\"}]" },
	{ true, false, { "id:2950", { { NULL } }, 0 }, PROBLEM_NONE, "[]" },
	{ true, false, { "send_letter:3802", { { "[1, 2]" } }, 1 },
	    PROBLEM_NONE, "[1, 2]" },
	{ true, true, { "send_letter:3802", { { NULL } }, 1 }, PROBLEM_NONE,
	    "[]" },
	{ true, true, { "send_letter:3802", { { "1" }, { "2" } }, 2 },
	    PROBLEM_NONE, "[1,2]" },
	{ true, true, { "send_letter:25", { { "a" }, { NULL } }, 2 },
	    PROBLEM_NONE, "[\"a\",null]" },
	{ true, true, { "send_letter:25", { { NULL } }, 0 }, PROBLEM_NONE,
	    "[]" },
};

START_TEST(a_call_tells_what_the_contract_names)
{
	struct operation op = operation_of(VERB_CALL);
	struct plan plan = { .operation = &op };
	struct outcome out = { .data = "" };

	op.returns_array = calls[_i].array;
	if (calls[_i].any)
		op.return_count = 0;
	ck_assert_int_eq(rows_of(&plan, &calls[_i].sheet, &out),
	    calls[_i].problem);
	ck_assert_str_eq(out.data, calls[_i].json);
}
END_TEST

START_TEST(a_call_without_a_returns_schema_tells_null)
{
	struct operation op = operation_of(VERB_CALL);
	struct plan plan = { .operation = &op };
	struct sheet sheet = { "send_letter:2278", { { "" } }, 1 };
	struct outcome out;

	op.returns_file = NULL;
	ck_assert_int_eq(rows_of(&plan, &sheet, &out), PROBLEM_NONE);
	ck_assert_str_eq(out.data, "null");
}
END_TEST

static struct plan
list_plan(const struct operation *op, const struct field *const *select)
{
	return (struct plan){ .operation = op, .select = select,
		.select_count = 1, .order = newest, .order_count = 2,
		.limit = 2 };
}

START_TEST(a_list_tells_no_more_than_its_limit_and_select)
{
	struct operation op = operation_of(VERB_LIST);
	const struct field *select[] = { &fields[TITLE] };
	struct plan plan = list_plan(&op, select);
	struct sheet sheet = { "title:25 sent_at:1184 id:2950",
		{ { "a", NULL, "1" }, { "b", NULL, "2" }, { "c", NULL, "3" } },
		3 };
	struct outcome out;

	ck_assert_int_eq(rows_of(&plan, &sheet, &out), PROBLEM_NONE);
	ck_assert_str_eq(out.data, "[{\"title\":\"a\"},{\"title\":\"b\"}]");
	ck_assert_uint_eq(out.rows, 2);
	ck_assert_ptr_nonnull(out.next);
	sheet.count = 2;
	ck_assert_int_eq(rows_of(&plan, &sheet, &out), PROBLEM_NONE);
	ck_assert_uint_eq(out.rows, 2);
	ck_assert_ptr_null(out.next);
	sheet.count = 0;
	ck_assert_int_eq(rows_of(&plan, &sheet, &out), PROBLEM_NONE);
	ck_assert_str_eq(out.data, "[]");
}
END_TEST

START_TEST(a_reply_beyond_its_limit_is_refused)
{
	struct operation op = operation_of(VERB_LIST);
	const struct field *select[] = { &fields[TITLE] };
	struct plan plan = list_plan(&op, select);
	char *text = arena_alloc(arena, 5000);
	struct sheet sheet = { "title:25", { { text } }, 1 };
	struct outcome out = { .data = "untouched" };

	memset(text, 'x', 4999);
	ck_assert_int_eq(rows_of(&plan, &sheet, &out), PROBLEM_INTERNAL);
	ck_assert_str_eq(scope.cause, "reply too large");
	ck_assert_str_eq(out.data, "untouched");
}
END_TEST

START_TEST(a_new_row_tells_its_key)
{
	struct operation op = operation_of(VERB_CREATE);
	const struct field *select[] = { &fields[TITLE] };
	struct plan plan = { .operation = &op, .select = select,
		.select_count = 1 };
	struct sheet sheet = { "title:25 id:2950", { { "t", "k" } }, 1 };
	struct outcome out;

	ck_assert_int_eq(rows_of(&plan, &sheet, &out), PROBLEM_NONE);
	ck_assert_str_eq(out.data, "{\"title\":\"t\"}");
	ck_assert_str_eq(out.keys[0], "k");
}
END_TEST

static const struct {
	enum verb verb;
	enum problem problem;
} gone[] = {
	{ VERB_READ, PROBLEM_NOT_FOUND }, { VERB_UPDATE, PROBLEM_NOT_FOUND },
	{ VERB_DELETE, PROBLEM_NOT_FOUND }, { VERB_CREATE, PROBLEM_INTERNAL },
};

START_TEST(no_row_is_not_found_but_for_an_insert)
{
	struct operation op = operation_of(gone[_i].verb);
	struct value key = { &fields[ID], "k" };
	struct plan plan = { .operation = &op, .keys = &key };
	struct sheet sheet = { "id:2950", { { NULL } }, 0 };
	struct outcome out;

	ck_assert_int_eq(rows_of(&plan, &sheet, &out), gone[_i].problem);
}
END_TEST

/* SQLSTATEs. */

static const struct {
	const char *state;
	enum problem problem;
} states[] = {
	{ "23505", PROBLEM_CONFLICT },
	{ "23503", PROBLEM_REFERENCED },
	{ "23514", PROBLEM_VALIDATION_FAILED },
	{ "23502", PROBLEM_VALIDATION_FAILED },
	{ "22P02", PROBLEM_VALIDATION_FAILED },
	{ "22003", PROBLEM_VALIDATION_FAILED },
	{ "23P01", PROBLEM_VALIDATION_FAILED },
	{ "42501", PROBLEM_FORBIDDEN },
	{ "P0002", PROBLEM_NOT_FOUND },
	{ "57014", PROBLEM_TIMEOUT },
	{ "55P03", PROBLEM_UNAVAILABLE },
	{ "40001", PROBLEM_UNAVAILABLE },
	{ "40P01", PROBLEM_UNAVAILABLE },
	{ "53300", PROBLEM_UNAVAILABLE },
	{ "57P01", PROBLEM_UNAVAILABLE },
	{ "57P03", PROBLEM_UNAVAILABLE },
	{ "08006", PROBLEM_UNAVAILABLE },
	{ "25006", PROBLEM_INTERNAL },
	{ "42P01", PROBLEM_INTERNAL },
	{ "P0001", PROBLEM_INTERNAL },
	{ "XX000", PROBLEM_INTERNAL },
	{ "", PROBLEM_INTERNAL },
};

START_TEST(an_sqlstate_is_one_problem)
{
	struct operation op = operation_of(VERB_CREATE);
	struct fault fault = { .sqlstate = states[_i].state };
	enum problem p = states[_i].problem;

	ck_assert_int_eq(store_state(states[_i].state), p);
	ck_assert_int_eq(store_fault(&scope, &op, &fault), p);
	ck_assert_uint_eq(scope.issue_count, p == PROBLEM_VALIDATION_FAILED);
	ck_assert_uint_eq(scope.retry_after_s, p == PROBLEM_UNAVAILABLE);
}
END_TEST

START_TEST(a_missing_column_is_told_only_when_it_is_a_field)
{
	struct operation op = operation_of(VERB_CREATE);
	struct fault fault = { .sqlstate = "23502", .schema = "app",
		.table = "letters", .column = "title" };

	ck_assert_int_eq(store_fault(&scope, &op, &fault),
	    PROBLEM_VALIDATION_FAILED);
	ck_assert_str_eq(scope.issues[0].path, "[\"title\"]");
	ck_assert_int_eq(scope.issues[0].rule, RULE_REQUIRED);
	fault.column = "internal_note";
	ck_assert_int_eq(store_fault(&scope, &op, &fault),
	    PROBLEM_VALIDATION_FAILED);
	ck_assert_str_eq(scope.issues[1].path, "[]");
	fault.column = "title";
	fault.table = "audit";
	ck_assert_int_eq(store_fault(&scope, &op, &fault),
	    PROBLEM_VALIDATION_FAILED);
	ck_assert_str_eq(scope.issues[2].path, "[]");
	ck_assert_int_eq(scope.issues[2].rule, RULE_CONSTRAINT);
}
END_TEST

START_TEST(the_contract_names_a_constraint_and_an_sqlstate)
{
	struct operation op = operation_of(VERB_CALL);
	struct fault unique = { .sqlstate = "23505",
		.constraint = "letters_title_key" };
	struct fault raised = { .sqlstate = "LS001" };

	ck_assert_int_eq(store_fault(&scope, &op, &unique), PROBLEM_DECLARED);
	ck_assert_str_eq(scope.declared_code, "title_taken");
	ck_assert_str_eq(scope.issues[0].path, "[\"title\"]");
	ck_assert_int_eq(store_fault(&scope, &op, &raised), PROBLEM_DECLARED);
	ck_assert_str_eq(scope.declared_code, "letter_already_sent");
	ck_assert_int_eq(scope.declared_status, 409);
	unique.constraint = "letters_other_key";
	ck_assert_int_eq(store_fault(&scope, &op, &unique), PROBLEM_CONFLICT);
}
END_TEST

START_TEST(the_cause_names_objects_and_no_values)
{
	struct operation op = operation_of(VERB_CREATE);
	struct fault fault = { .sqlstate = "XX001", .schema = "app",
		.table = "letters", .constraint = "c",
		.context = "SQL statement \"select 'secret'\"\n"
		    "PL/pgSQL function app.f(uuid) line 3 at RAISE\n"
		    "unnamed portal parameter $1 = 'secret'" };

	ck_assert_int_eq(store_fault(&scope, &op, &fault), PROBLEM_INTERNAL);
	ck_assert_str_eq(scope.cause, "SQLSTATE XX001, schema app, "
	    "table letters, constraint c, in PL/pgSQL function app.f(uuid) "
	    "line 3 at RAISE");
}
END_TEST

static TCase *
sql_case(void)
{
	TCase *tc = tcase_create("sql");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, each_verb_has_its_plainest_sql, 0,
	    countof(plainest));
	tcase_add_loop_test(tc, a_term_is_an_operator_and_a_parameter, 0,
	    countof(terms));
	tcase_add_loop_test(tc,
	    a_cursor_continues_after_its_row_nulls_as_the_greatest, 0,
	    countof(cursors));
	tcase_add_test(tc, what_the_cursor_needs_is_fetched_but_comes_last);
	tcase_add_test(tc, an_insert_of_nothing_takes_the_defaults);
	tcase_add_test(tc, a_null_is_a_parameter_without_text);
	tcase_add_test(tc, a_statement_is_found_by_role_and_text);
	tcase_add_test(tc,
	    the_table_holds_the_last_used_whatever_comes_and_goes);
	return tc;
}

static TCase *
rows_case(void)
{
	TCase *tc = tcase_create("rows");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, a_value_is_written_by_its_type, 0,
	    countof(cells));
	tcase_add_test(tc, an_array_cut_anywhere_ends_the_writing);
	tcase_add_test(tc, a_cursor_holds_what_a_client_would_send);
	tcase_add_loop_test(tc, a_call_tells_what_the_contract_names, 0,
	    countof(calls));
	tcase_add_test(tc, a_call_without_a_returns_schema_tells_null);
	tcase_add_test(tc, a_list_tells_no_more_than_its_limit_and_select);
	tcase_add_test(tc, a_reply_beyond_its_limit_is_refused);
	tcase_add_test(tc, a_new_row_tells_its_key);
	tcase_add_loop_test(tc, no_row_is_not_found_but_for_an_insert, 0,
	    countof(gone));
	return tc;
}

static TCase *
fault_case(void)
{
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, an_sqlstate_is_one_problem, 0,
	    countof(states));
	tcase_add_test(tc,
	    a_missing_column_is_told_only_when_it_is_a_field);
	tcase_add_test(tc, the_contract_names_a_constraint_and_an_sqlstate);
	tcase_add_test(tc, the_cause_names_objects_and_no_values);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("store");

	suite_add_tcase(suite, sql_case());
	suite_add_tcase(suite, rows_case());
	suite_add_tcase(suite, fault_case());
	return run_suite(suite);
}
