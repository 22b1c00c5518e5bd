/* SPDX-License-Identifier: MIT */
/*
 * JSON that Postgres makes of rows, recast for the wire: each value must have
 * the bytes that cell.c gives the same value's text, and a text that is cut
 * off anywhere is not read past its end.  And replies that were kept as such
 * JSON, in each shape.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"
#include "run.h"

#define FIELD(n, t, ...)                                                       \
	{ .name = n, .name_json = "\"" n "\":", .name_sql = "\"" n "\"",       \
	    .types = t, __VA_ARGS__ }
#define CLOCK .format = "date-time"
#define CLOCKS .item_types = TYPE_STRING, .item_format = "date-time"

/*
 * A column's type, the field, a value's text, and to_json() of it by Postgres
 * 15 with the session's settings of pool.c.
 */
static const struct {
	Oid oid;
	struct field field;
	const char *text, *json;
} values[] = {
#define V(oid, types, text, json, ...)                                         \
	{ oid, FIELD("v", types, __VA_ARGS__), text, json }
	V(16, TYPE_BOOLEAN, "t", "true", 0),
	V(16, TYPE_BOOLEAN, "f", "false", 0),
	V(20, TYPE_INTEGER, "9007199254740993", "9007199254740993", 0),
	V(20, TYPE_STRING, "9007199254740993", "9007199254740993", 0),
	V(20, TYPE_STRING | TYPE_NULL, "-7", "-7", 0),
	V(20, TYPE_STRING | TYPE_INTEGER, "7", "7", 0),
	V(21, TYPE_INTEGER, "-1", "-1", 0),
	V(23, 0, "0", "0", 0),
	V(25, TYPE_STRING, "a\"b\\\n\r\t\b\f\x01\x1f\x7f/<\xc3\xa9",
	    "\"a\\\"b\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\x7f/<\xc3\xa9\"", 0),
	V(25, TYPE_STRING, "", "\"\"", 0),
	V(25, TYPE_STRING, "NaN", "\"NaN\"", 0),
	V(25, TYPE_STRING, "12", "\"12\"", 0),
	V(25, TYPE_STRING, "{}", "\"{}\"", 0),
	V(114, TYPE_OBJECT, "{ \"a\": [1, null],\"b\":\"}\" }",
	    "{ \"a\": [1, null],\"b\":\"}\" }", 0),
	V(3802, 0, "{\"a\": 1}", "{\"a\": 1}", 0),
	V(3802, TYPE_ARRAY, "[1, \"x\", [2]]", "[1, \"x\", [2]]", 0),
	V(3802, TYPE_STRING, "\"2026-01-01T00:00:00+00:00\"",
	    "\"2026-01-01T00:00:00+00:00\"", 0),
	V(700, TYPE_NUMBER, "1.5", "1.5", 0),
	V(700, TYPE_NUMBER, "NaN", "\"NaN\"", 0),
	V(701, TYPE_NUMBER | TYPE_NULL, "1e+20", "1e+20", 0),
	V(701, TYPE_NUMBER, "-Infinity", "\"-Infinity\"", 0),
	V(701, TYPE_NUMBER, "Infinity", "\"Infinity\"", 0),
	V(1700, TYPE_NUMBER, "12.340", "12.340", 0),
	V(1700, TYPE_STRING, "12.340", "12.340", 0),
	V(1700, TYPE_STRING, "NaN", "\"NaN\"", 0),
	V(1700, TYPE_NUMBER, "-0.5", "-0.5", 0),
	V(1700, TYPE_NUMBER, "NaN", "\"NaN\"", 0),
	V(1082, TYPE_STRING, "2026-01-01", "\"2026-01-01\"",
	    .format = "date"),
	V(1082, TYPE_STRING, "2026-01-01", "\"2026-01-01\"", CLOCK),
	V(1083, TYPE_STRING, "12:34:56", "\"12:34:56\"", .format = "time"),
	V(1184, TYPE_STRING, "2026-01-01 00:00:00+00",
	    "\"2026-01-01T00:00:00+00:00\"", CLOCK),
	V(1184, TYPE_STRING | TYPE_NULL, "2026-01-01 00:00:00.123456+00",
	    "\"2026-01-01T00:00:00.123456+00:00\"", CLOCK),
	V(1114, TYPE_STRING, "2026-01-01 00:00:00.1",
	    "\"2026-01-01T00:00:00.1\"", CLOCK),
	V(1114, TYPE_STRING, "2026-01-01 00:00:00",
	    "\"2026-01-01T00:00:00\"", CLOCK),
	V(1184, TYPE_STRING, "infinity", "\"infinity\"", CLOCK),
	V(1184, TYPE_STRING, "-infinity", "\"-infinity\"", CLOCK),
	V(1184, TYPE_STRING, "12026-01-01 00:00:00+00",
	    "\"12026-01-01T00:00:00+00:00\"", CLOCK),
	V(1114, TYPE_STRING, "12026-01-01 00:00:00.5",
	    "\"12026-01-01T00:00:00.5\"", CLOCK),
	V(1184, TYPE_STRING, "0044-03-15 00:00:00+00 BC",
	    "\"0044-03-15T00:00:00+00:00 BC\"", CLOCK),
	V(1114, TYPE_STRING, "0044-03-15 00:00:00 BC",
	    "\"0044-03-15T00:00:00 BC\"", CLOCK),
	V(25, TYPE_STRING, "2026-01-01T00:00:00+02:00",
	    "\"2026-01-01T00:00:00+02:00\"", CLOCK),
	V(25, TYPE_STRING, "tomorrow", "\"tomorrow\"", CLOCK),
	V(25, TYPE_STRING, "2026-01-01T00:00:00+00:00",
	    "\"2026-01-01T00:00:00+00:00\"", 0),
	V(1186, TYPE_STRING, "P1DT2H", "\"P1DT2H\"", .format = "duration"),
	V(2950, TYPE_STRING, "11111111-1111-4111-8111-111111111111",
	    "\"11111111-1111-4111-8111-111111111111\"", .format = "uuid"),
	V(17, TYPE_STRING, "\\x00ff", "\"\\\\x00ff\"", 0),
	V(99999, TYPE_STRING, "draft", "\"draft\"", .enumerated = true),
	V(1007, TYPE_ARRAY, "{}", "[]", .item_types = TYPE_INTEGER),
	V(1007, TYPE_ARRAY, "{1,NULL,-3}", "[1,null,-3]",
	    .item_types = TYPE_INTEGER),
	V(1007, TYPE_ARRAY, "{{1,2},{3,4}}", "[[1,2],[3,4]]", 0),
	V(1016, TYPE_ARRAY, "{1}", "[1]", .item_types = TYPE_STRING),
	V(1009, TYPE_ARRAY, "{a,\"NULL\",NULL,\"\",\"b \\\" \\\\ ,}]\"}",
	    "[\"a\",\"NULL\",null,\"\",\"b \\\" \\\\ ,}]\"]",
	    .item_types = TYPE_STRING),
	V(1000, TYPE_ARRAY, "{t,f,NULL}", "[true,false,null]", 0),
	V(1022, TYPE_ARRAY, "{1.5,NaN}", "[1.5,\"NaN\"]",
	    .item_types = TYPE_NUMBER),
	V(1185, TYPE_ARRAY, "{\"2026-01-01 00:00:00+00\",NULL}",
	    "[\"2026-01-01T00:00:00+00:00\",null]", CLOCKS),
	V(1185, TYPE_ARRAY, "{}", "[]", CLOCKS),
	V(2951, TYPE_ARRAY, "{11111111-1111-4111-8111-111111111111}",
	    "[\"11111111-1111-4111-8111-111111111111\"]",
	    .item_types = TYPE_STRING, .item_format = "uuid"),
	V(3807, TYPE_ARRAY, "{\"{\\\"a\\\": \\\"}\\\"}\",NULL}",
	    "[{\"a\": \"}\"},null]", .item_types = TYPE_OBJECT),
#undef V
};

static struct buf wire, cell;

static void
begin(void)
{
	buf_init(&wire, 4096);
	buf_init(&cell, 4096);
}

static void
end(void)
{
	buf_release(&wire);
	buf_release(&cell);
}

START_TEST(a_value_has_the_bytes_that_its_column_would_have)
{
	const struct field *field = &values[_i].field;
	char row[256];

	snprintf(row, sizeof(row), "{\"u\":1,\"v\":%s}", values[_i].json);
	ck_assert(recast_row(&wire, row, strlen(row), &field, 1));
	buf_string(&cell, "{\"v\":");
	store_writer(values[_i].oid, field->types)(&cell, values[_i].text,
	    strlen(values[_i].text));
	buf_char(&cell, '}');
	ck_assert_str_eq(wire.at, cell.at);
}
END_TEST

static const struct field id = FIELD("id", TYPE_STRING, 0);
static const struct field at = FIELD("at", TYPE_STRING, CLOCK);
static const struct field tags = FIELD("tags", TYPE_ARRAY, CLOCKS);
static const struct field *const three[] = { &id, &at, &tags };

static const struct {
	bool array, well;
	const char *json, *wire;
} rows[] = {
	{ false, true, "{\"id\":1,\"at\":null,\"tags\":[]}",
	    "{\"id\":\"1\",\"at\":null,\"tags\":[]}" },
	{ false, true, "{\"tags\":null,\"secret\":\"s\",\"id\":\"x\"}",
	    "{\"id\":\"x\",\"tags\":null}" },
	{ false, true, "{\"secret\":{\"id\":\"no\"},\"i\":1,\"idd\":2}",
	    "{}" },
	{ false, true, " { \"at\" : \"2026-01-01T00:00:00+00:00\" , "
	    "\"id\" : \"a\" } ",
	    "{\"id\":\"a\",\"at\":\"2026-01-01T00:00:00Z\"}" },
	{ false, true, "{}", "{}" },
	{ false, true, "null", "null" },
	{ false, false, "[1]", "" },
	{ false, false, "", "" },
	{ true, true, "[]", "[]" },
	{ true, true, "null", "[]" },
	{ true, true, "[{\"id\":\"a\"}, \n {\"id\":\"b\",\"x\":[{}]}]",
	    "[{\"id\":\"a\"},{\"id\":\"b\"}]" },
	{ true, false, "{}", "" },
	{ true, false, "[1]", "[]" },
};

START_TEST(a_row_has_the_members_that_are_named_in_their_order)
{
	bool (*recast)(struct buf *, const char *, size_t,
	    const struct field *const *, size_t) = rows[_i].array ?
	    recast_rows : recast_row;

	ck_assert_int_eq(recast(&wire, rows[_i].json, strlen(rows[_i].json),
	    three, 3), rows[_i].well);
	if (rows[_i].well)
		ck_assert_str_eq(wire.at, rows[_i].wire);
}
END_TEST

/* Under a sanitizer this shows that nothing past the end is read. */
START_TEST(a_text_cut_anywhere_is_refused_and_not_read_past_its_end)
{
	static const char whole[] = "[{\"id\":\"a\\\"\",\"at\":"
	    "\"2026-01-01T00:00:00.25+00:00 BC\",\"tags\":[\"x\",1.5e+3,"
	    "{\"a\":[]}],\"more\":{\"b\":[true]}},{\"id\":-1}]";
	size_t length;
	char *text;
	bool well;

	for (length = 0; length < sizeof(whole); length++) {
		buf_clear(&wire);
		text = malloc(length + 1);
		memcpy(text + 1, whole, length);
		well = recast_rows(&wire, text + 1, length, three, 3);
		ck_assert_int_eq(well, length >= sizeof(whole) - 1);
		(void)recast_row(&wire, text + 2, length > 0 ? length - 1 : 0,
		    three, 3);
		free(text);
	}
}
END_TEST

START_TEST(a_member_is_found_at_the_top_only)
{
	static const char text[] = "{\"a\":{\"b\":1},\"b\":[2, 3],\"c\":\"\"}";
	struct span object = { text, sizeof(text) - 1 }, got, item;

	ck_assert(recast_member(object, "b", &got));
	ck_assert_uint_eq(got.length, 6);
	ck_assert(recast_item(&got, &item));
	ck_assert(item.length == 1 && item.at[0] == '2');
	ck_assert(recast_item(&got, &item));
	ck_assert(item.length == 1 && item.at[0] == '3');
	ck_assert(!recast_item(&got, &item));
	ck_assert(recast_member(object, "c", &got));
	ck_assert_uint_eq(got.length, 2);
	ck_assert(!recast_member(object, "d", &got));
	ck_assert(!recast_member((struct span){ "[]", 2 }, "d", &got));
}
END_TEST

/* Replies that were kept. */

static const struct field kept_fields[] = {
	FIELD("id", TYPE_STRING, 0), FIELD("at", TYPE_STRING, CLOCK),
};
static const struct field *const kept_select[] = {
	&kept_fields[0], &kept_fields[1],
};
static const struct resource things = {
	.name = "things", .table = { "app", "things", "\"app\".\"things\"" },
	.key = &kept_fields[0], .keys = kept_select, .key_count = 1,
	.fields = kept_fields, .field_count = 2,
};

enum form { PLAIN, ARRAY, MINIMAL, UNTOLD, ANY, ANY_ARRAY };

static const struct {
	enum verb verb;
	enum form form;
	const char *kept;
	enum problem problem;
	const char *data, *key, *tag;
} replies[] = {
	{ VERB_CREATE, PLAIN, "[{\"id\":7,\"at\":\"2026-01-01T00:00:00+00:00\","
	    "\"lockstep_tag\":\"abc\",\"secret\":1}]", PROBLEM_NONE,
	    "{\"id\":\"7\",\"at\":\"2026-01-01T00:00:00Z\"}", "7", "abc" },
	{ VERB_CREATE, PLAIN, "[{\"id\":\"a\\\"\\\\\\n\\u0001/\"}]", PROBLEM_NONE,
	    "{\"id\":\"a\\\"\\\\\\n\\u0001/\"}", "a\"\\\n\x01/", NULL },
	{ VERB_CREATE, PLAIN, "[]", PROBLEM_NONE, "null", NULL, NULL },
	{ VERB_CREATE, MINIMAL, "[{\"id\":7}]", PROBLEM_NONE, "null", "7",
	    NULL },
	{ VERB_CREATE, ARRAY, "[{\"id\":7}, \n {\"id\":8}]", PROBLEM_NONE,
	    "[{\"id\":\"7\"},{\"id\":\"8\"}]", NULL, NULL },
	{ VERB_CREATE, ARRAY, "[]", PROBLEM_NONE, "[]", NULL, NULL },
	{ VERB_UPDATE, PLAIN, "[{\"id\":7}]", PROBLEM_NONE,
	    "{\"id\":\"7\"}", NULL, NULL },
	{ VERB_UPDATE, PLAIN, NULL, PROBLEM_NOT_FOUND, NULL, NULL, NULL },
	{ VERB_DELETE, PLAIN, "[]", PROBLEM_NONE, "null", NULL, NULL },
	{ VERB_DELETE, PLAIN, NULL, PROBLEM_NOT_FOUND, NULL, NULL, NULL },
	{ VERB_CALL, UNTOLD, "[]", PROBLEM_NONE, "null", NULL, NULL },
	{ VERB_CALL, PLAIN, "[{ \"at\" : null }]", PROBLEM_NONE,
	    "{\"at\":null}", NULL, NULL },
	{ VERB_CALL, PLAIN, "[{\"make\":{\"b\": 1}}]", PROBLEM_NONE,
	    "{\"b\": 1}", NULL, NULL },
	{ VERB_CALL, PLAIN, "[{\"make\":7}]", PROBLEM_INTERNAL, NULL, NULL,
	    NULL },
	{ VERB_CALL, PLAIN, "[null]", PROBLEM_INTERNAL, NULL, NULL, NULL },
	{ VERB_CALL, ARRAY, "[{\"id\":1},{\"id\":2}]", PROBLEM_NONE,
	    "[{\"id\":\"1\"},{\"id\":\"2\"}]", NULL, NULL },
	{ VERB_CALL, ARRAY, "[]", PROBLEM_NONE, "[]", NULL, NULL },
	{ VERB_CALL, ARRAY, "[{\"make\":[1, 2]}]", PROBLEM_NONE, "[1, 2]",
	    NULL, NULL },
	{ VERB_CALL, ANY, "[{\"x\":7}]", PROBLEM_NONE, "7", NULL, NULL },
	{ VERB_CALL, ANY, "[{\"x\":7,\"y\":8}]", PROBLEM_INTERNAL, NULL,
	    NULL, NULL },
	{ VERB_CALL, ANY, "[{\"x\":\"2026-01-01T00:00:00+00:00\"}]",
	    PROBLEM_NONE, "\"2026-01-01T00:00:00Z\"", NULL, NULL },
	{ VERB_CALL, ANY_ARRAY, "[{\"x\":\"a\"},{\"x\":null}]",
	    PROBLEM_NONE, "[\"a\",null]", NULL, NULL },
	{ VERB_CALL, ANY_ARRAY, "[{\"x\":null}]", PROBLEM_NONE, "[]", NULL,
	    NULL },
};

static void
expect(const char *got, const char *wanted)
{
	ck_assert_str_eq(got == NULL ? "NULL" : got,
	    wanted == NULL ? "NULL" : wanted);
}

START_TEST(a_kept_reply_is_told_in_its_shape)
{
	enum form form = replies[_i].form;
	struct operation op = { .name = "things.x", .resource = &things,
		.verb = replies[_i].verb, .returns = kept_fields,
		.function = { "app", "make", "\"app\".\"make\"" },
		.return_count = form < ANY ? 2 : 0,
		.returns_array = form == ARRAY || form == ANY_ARRAY,
		.returns_file = form == UNTOLD ? NULL : "schemas/x.json" };
	struct plan plan = { .operation = &op, .array = form == ARRAY,
		.minimal = form == MINIMAL, .select = kept_select,
		.select_count = 2 };
	struct arena *arena = arena_new();
	struct outcome out = { 0 };
	struct store store;
	struct scope scope;

	memset(&store, 0, sizeof(store));
	buf_init(&store.reply, 4096);
	scope_init(&scope, arena);
	ck_assert_int_eq(store_kept(&scope, &store, &plan, replies[_i].kept,
	    &out), replies[_i].problem);
	expect(out.data, replies[_i].data);
	expect(out.keys == NULL ? NULL : out.keys[0], replies[_i].key);
	expect(out.tag, replies[_i].tag);
	buf_release(&store.reply);
	arena_free(arena);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recast");
	TCase *tc = tcase_create("recast");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc,
	    a_value_has_the_bytes_that_its_column_would_have, 0,
	    countof(values));
	tcase_add_loop_test(tc,
	    a_row_has_the_members_that_are_named_in_their_order, 0,
	    countof(rows));
	tcase_add_test(tc,
	    a_text_cut_anywhere_is_refused_and_not_read_past_its_end);
	tcase_add_test(tc, a_member_is_found_at_the_top_only);
	tcase_add_loop_test(tc, a_kept_reply_is_told_in_its_shape, 0,
	    countof(replies));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
