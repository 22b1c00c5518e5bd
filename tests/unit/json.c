/* SPDX-License-Identifier: MIT */
/*
 * The reader of JSON: what it takes, what it refuses and where, what it costs.
 * (json_suite.c judges the files of the JSON parsing test suite.)
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "run.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

static struct arena *arena;

static void
setup(void)
{
	arena = arena_new();
}

static void
teardown(void)
{
	arena_free(arena);
}

/*
 * Reads from memory of its own, so that reading past the end is seen, and
 * writes the tree again.  NULL and *ret_fault when it is refused.
 */
static char *
again(const char *text, size_t length, const struct json_caps *caps,
    struct json_fault *ret_fault)
{
	char *exact = malloc(length > 0 ? length : 1), *written = NULL;
	struct json_object *value;
	struct buf b;

	memcpy(exact, text, length);
	if (json_read(exact, length, caps, &value, ret_fault)) {
		buf_init(&b, 1 << 22);
		json_write(&b, value);
		ck_assert(!b.failed);
		written = arena_copy(arena, b.at, b.length);
		buf_release(&b);
		json_object_put(value);
	}
	free(exact);
	return written;
}

/* ---- What is taken, and how it is written again; NULL: the same. */

static const struct {
	const char *text, *written;
} taken[] = {
	{ "null", NULL }, { "true", NULL }, { "false", NULL },
	{ " \t\r\n1 \t\r\n", "1" },
	{ "0", NULL }, { "-0", "0" }, { "-1", NULL },
	{ "9223372036854775807", NULL }, { "-9223372036854775808", NULL },
	{ "9223372036854775808", NULL }, { "18446744073709551615", NULL },
	{ "0.10", NULL }, { "-0.0", NULL }, { "1.0", NULL }, { "1e2", NULL },
	{ "1E+2", NULL }, { "1.50e-0003", NULL },
	{ "12345678901234567890.123456789012345678901234567890", NULL },
	{ "1.7976931348623157e308", NULL }, { "1e-400", NULL },
	{ "1e-999", NULL }, { "0e00000", NULL },
	{ "\"\"", NULL }, { "\"a\"", NULL },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ "\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"",
	    "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ "\"\\u00E9\\uDBFF\\uDFFF\\ud800\\udc00\"",
	    "\"\xc3\xa9\xf4\x8f\xbf\xbf\xf0\x90\x80\x80\"" },
	{ "\"\\ud7ff\\ue000\"", "\"\xed\x9f\xbf\xee\x80\x80\"" },
	{ "\"\\u0000\"", NULL }, { "\"a\\u0000b\"", NULL },
	{ "\"\x7f\xc2\x80\xef\xbf\xbf\"", NULL },
	{ "\"a long string without any escape, then one: \\n\"", NULL },
	{ "[]", NULL }, { "{}", NULL }, { "[ ]", "[]" }, { "{ }", "{}" },
	{ "[null,true,[[1]],{\"a\":[]}]", NULL },
	{ " [ 1 , 2 ] ", "[1,2]" },
	{ "{ \"b\" : 1 , \"a\" : null }", "{\"b\":1,\"a\":null}" },
	{ "{\"\":\"\",\"a\\/b\":1,\"\\u00e9\":2}",
	    "{\"\":\"\",\"a/b\":1,\"\xc3\xa9\":2}" },
	{ "{\"a\":{\"a\":{\"a\":1}}}", NULL },
};

START_TEST(what_is_json_is_read_and_written_again)
{
	const char *text = taken[_i].text, *written = taken[_i].written;
	struct json_fault fault = { 0 };
	char *got = again(text, strlen(text), &json_caps_wire, &fault);

	ck_assert_msg(got != NULL, "%s: %s at %zu", text, fault.reason,
	    fault.offset);
	ck_assert_str_eq(got, written == NULL ? text : written);
}
END_TEST

START_TEST(null_is_told_from_a_failure)
{
	struct json_object *value = (struct json_object *)arena;
	struct json_fault fault;

	ck_assert(!json_read("nul", 3, &json_caps_wire, &value, &fault));
	ck_assert_ptr_eq(value, arena);
	ck_assert(json_read("null", 4, &json_caps_wire, &value, &fault));
	ck_assert_ptr_null(value);
}
END_TEST

static struct json_object *
must_read(const char *text)
{
	struct json_object *value;
	struct json_fault fault;

	ck_assert_msg(json_read(text, strlen(text), &json_caps_wire, &value,
	    &fault), "%s", text);
	return value;
}

START_TEST(numbers_have_the_types_of_json_c)
{
	struct json_object *v = must_read("[1,-9223372036854775808,"
	    "18446744073709551615,2.50,1e-400,-0]");
	struct json_object *item[6];

	for (size_t i = 0; i < 6; i++)
		item[i] = json_object_array_get_idx(v, i);
	ck_assert(json_object_is_type(item[0], json_type_int));
	ck_assert_int_eq(json_object_get_int64(item[1]), INT64_MIN);
	ck_assert_uint_eq(json_object_get_uint64(item[2]), UINT64_MAX);
	ck_assert(json_object_is_type(item[3], json_type_double));
	ck_assert(json_object_get_double(item[3]) == 2.5);
	ck_assert_str_eq(json_object_get_string(item[3]), "2.50");
	ck_assert(json_object_get_double(item[4]) == 0);
	ck_assert(json_object_is_type(item[5], json_type_int));
	json_object_put(v);
}
END_TEST

START_TEST(members_are_found_by_json_c)
{
	struct json_object *v, *member;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 1000; i++)
		buf_format(&b, "%c\"member %d\":%d", i == 0 ? '{' : ',', i, i);
	buf_char(&b, '}');
	v = must_read(b.at);
	ck_assert_int_eq(json_object_object_length(v), 1000);
	for (int i = 0; i < 1000; i++) {
		char name[20];

		snprintf(name, sizeof(name), "member %d", i);
		ck_assert(json_object_object_get_ex(v, name, &member) &&
		    json_object_get_int(member) == i);
	}
	json_object_put(v);
	/* An empty object, whose table is cut down, still grows. */
	v = must_read("{}");
	for (int i = 0; i < 100; i++) {
		snprintf(b.at, 20, "member %d", i);
		ck_assert(!json_object_object_get_ex(v, b.at, NULL));
		ck_assert_int_eq(json_object_object_add(v, b.at,
		    json_object_new_int(i)), 0);
	}
	ck_assert(json_object_object_get_ex(v, "member 63", &member));
	ck_assert_int_eq(json_object_get_int(member), 63);
	ck_assert_int_eq(json_object_object_length(v), 100);
	json_object_put(v);
	buf_release(&b);
}
END_TEST

START_TEST(numbers_without_text_are_written_exactly)
{
	static const struct {
		double number;
		const char *text;
	} made[] = {
		{ 0.1, "0.1" }, { 1.0 / 3, "0.3333333333333333" },
		{ 0.1 + 0.2, "0.30000000000000004" }, { 1e300, "1e+300" },
	};
	struct buf b;

	buf_init(&b, 100);
	for (unsigned i = 0; i < countof(made); i++) {
		struct json_object *v = json_object_new_double(made[i].number);

		buf_clear(&b);
		json_write(&b, v);
		ck_assert_str_eq(b.at, made[i].text);
		json_object_put(v);
	}
	buf_release(&b);
}
END_TEST

/* ---- What is refused, why and where. */

#define TEXT(literal) (literal), sizeof(literal) - 1

static const struct {
	const char *text;
	size_t length;
	const char *reason;
	size_t offset, line, column;
} refused[] = {
	{ TEXT(""), "expected a value", 0, 1, 1 },
	{ TEXT(" \n "), "expected a value", 3, 2, 2 },
	{ TEXT("[1,\n 2,\n x]"), "expected a value", 9, 3, 2 },
	{ TEXT("\xef\xbb\xbf{}"), "byte order mark", 0, 1, 1 },
	{ TEXT("\"a\xc0\xaf\""), "not UTF-8", 2, 1, 3 },
	{ TEXT("\"\xed\xa0\x80\""), "not UTF-8", 1, 1, 2 },
	{ TEXT("\"\xf4\x90\x80\x80\""), "not UTF-8", 1, 1, 2 },
	{ TEXT("[1]\0[2]"), "text after the document", 3, 1, 4 },
	{ TEXT("\0"), "expected a value", 0, 1, 1 },
	{ TEXT("{} {}"), "text after the document", 3, 1, 4 },
	{ TEXT("1 2"), "text after the document", 2, 1, 3 },
	{ TEXT("['a']"), "expected a value", 1, 1, 2 },
	{ TEXT("{a:1}"), "expected a member's name", 1, 1, 2 },
	{ TEXT("{\"a\":1,}"), "expected a member's name", 7, 1, 8 },
	{ TEXT("{\"a\" 1}"), "expected ':'", 5, 1, 6 },
	{ TEXT("{\"a\":}"), "expected a value", 5, 1, 6 },
	{ TEXT("{\"a\":1 \"b\"}"), "expected ',' or '}'", 7, 1, 8 },
	{ TEXT("{\"a\":1"), "expected ',' or '}'", 6, 1, 7 },
	{ TEXT("{"), "expected a member's name", 1, 1, 2 },
	{ TEXT("{\"a"), "unterminated string", 3, 1, 4 },
	{ TEXT("[1,]"), "expected a value", 3, 1, 4 },
	{ TEXT("[1 2]"), "expected ',' or ']'", 3, 1, 4 },
	{ TEXT("[1"), "expected ',' or ']'", 2, 1, 3 },
	{ TEXT("[1}"), "expected ',' or ']'", 2, 1, 3 },
	{ TEXT("["), "expected a value", 1, 1, 2 },
	{ TEXT("[/*x*/1]"), "expected a value", 1, 1, 2 },
	{ TEXT("NaN"), "expected a value", 0, 1, 1 },
	{ TEXT("Infinity"), "expected a value", 0, 1, 1 },
	{ TEXT("-Infinity"), "malformed number", 1, 1, 2 },
	{ TEXT("nulll"), "text after the document", 4, 1, 5 },
	{ TEXT("True"), "expected a value", 0, 1, 1 },
	{ TEXT("tru"), "expected a value", 0, 1, 1 },
	{ TEXT("-"), "malformed number", 1, 1, 2 },
	{ TEXT("+1"), "expected a value", 0, 1, 1 },
	{ TEXT(".5"), "expected a value", 0, 1, 1 },
	{ TEXT("1."), "malformed number", 2, 1, 3 },
	{ TEXT("1.e1"), "malformed number", 2, 1, 3 },
	{ TEXT("1e"), "malformed number", 2, 1, 3 },
	{ TEXT("1e+"), "malformed number", 3, 1, 4 },
	{ TEXT("-012"), "leading zero in a number", 2, 1, 3 },
	{ TEXT("0x10"), "text after the document", 1, 1, 2 },
	{ TEXT("[1e400]"), "number out of range", 1, 1, 2 },
	{ TEXT("-1e400"), "number out of range", 0, 1, 1 },
	{ TEXT("[0e-1000]"), "number out of range", 1, 1, 2 },
	{ TEXT("1e-0016383"), "number out of range", 0, 1, 1 },
	{ TEXT("18446744073709551616"), "integer out of range", 0, 1, 1 },
	{ TEXT("-9223372036854775809"), "integer out of range", 0, 1, 1 },
	{ TEXT("123456789012345678901234567890"), "integer out of range",
	    0, 1, 1 },
	{ TEXT("\"a"), "unterminated string", 2, 1, 3 },
	{ TEXT("\"a\\"), "unterminated string", 3, 1, 4 },
	{ TEXT("\"a\\\""), "unterminated string", 4, 1, 5 },
	{ TEXT("\"a\tb\""), "control character in a string", 2, 1, 3 },
	{ TEXT("\"\\na\nb\""), "control character in a string", 4, 1, 5 },
	{ TEXT("\"123456789\0\""), "control character in a string",
	    10, 1, 11 },
	{ TEXT("\"\\x41\""), "unknown escape", 1, 1, 2 },
	{ TEXT("\"\\\0\""), "unknown escape", 1, 1, 2 },
	{ TEXT("\"\\u12\""), "malformed \\u escape", 1, 1, 2 },
	{ TEXT("\"\\u12"), "malformed \\u escape", 1, 1, 2 },
	{ TEXT("\"\\u12g4\""), "malformed \\u escape", 1, 1, 2 },
	{ TEXT("\"a\\ud800\""), "lone surrogate", 2, 1, 3 },
	{ TEXT("\"\\udc00\""), "lone surrogate", 1, 1, 2 },
	{ TEXT("\"\\ud800\\n\""), "lone surrogate", 1, 1, 2 },
	{ TEXT("\"\\ud800\\ud800\""), "lone surrogate", 1, 1, 2 },
	{ TEXT("\"\\ud800\\u0041\""), "lone surrogate", 1, 1, 2 },
	{ TEXT("\"\\ud800\\ue000\""), "lone surrogate", 1, 1, 2 },
	{ TEXT("\"\\ud800\\u"), "lone surrogate", 1, 1, 2 },
	{ TEXT("{\"a\":1,\n\"a\":2}"), "duplicate member name", 8, 2, 1 },
	{ TEXT("{\"a\":1,\"\\u0061\":1}"), "duplicate member name",
	    7, 1, 8 },
	{ TEXT("{\"\":1,\"\":1}"), "duplicate member name", 6, 1, 7 },
	{ TEXT("{\"a\\u0000b\":1}"), "NUL in a member name", 1, 1, 2 },
};

START_TEST(what_is_not_json_is_refused_where_it_breaks)
{
	struct json_fault fault = { 0 };
	char *got = again(refused[_i].text, refused[_i].length,
	    &json_caps_wire, &fault);

	ck_assert_msg(got == NULL, "%s was taken", refused[_i].text);
	ck_assert_str_eq(fault.reason, refused[_i].reason);
	ck_assert_uint_eq(fault.offset, refused[_i].offset);
	ck_assert_uint_eq(fault.line, refused[_i].line);
	ck_assert_uint_eq(fault.column, refused[_i].column);
}
END_TEST

START_TEST(no_beginning_of_a_document_is_one)
{
	const char text[] = "{\"a\":[1.5e+3,-2,\"x\\u00e9\\ud83d\\ude00y\","
	    "true,false,null,{\"b\":{}}],\"\\n\":\"\xf0\x9f\x98\x80\"}";
	struct json_fault fault;

	for (size_t length = 0; length < sizeof(text) - 1; length++) {
		ck_assert(again(text, length, &json_caps_wire, &fault) == NULL);
		ck_assert_uint_le(fault.offset, length);
		ck_assert_ptr_nonnull(fault.reason);
	}
	ck_assert(again(text, sizeof(text) - 1, &json_caps_wire, &fault));
}
END_TEST

/* What ends a run of plain bytes is seen at each place of a word. */
START_TEST(strings_end_at_every_offset)
{
	static const char plain[] = "!#[]~\x7f ^aZ!!##[[]]#![]~~zzz  !!zzzzzz";
	static const char *const stops[] = { "", "\\n", "\\\"", "\x1f" };
	struct json_fault fault;

	for (int length = 0; length < (int)sizeof(plain); length++)
		for (size_t i = 0; i < countof(stops); i++) {
			char *text = arena_format(arena,
			    "\"%.*s%sat least a word after it\"", length,
			    plain, stops[i]);
			char *got = again(text, strlen(text), &json_caps_wire,
			    &fault);

			if (stops[i][0] != '\x1f') {
				ck_assert_pstr_eq(got, text);
				continue;
			}
			ck_assert_ptr_null(got);
			ck_assert_uint_eq(fault.offset, (size_t)length + 1);
		}
}
END_TEST

/* ---- Caps. */

static char *
repeated(const char *head, const char *each, size_t n, const char *tail)
{
	struct buf b;
	char *text;

	buf_init(&b, 1 << 24);
	buf_string(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_string(&b, each);
	buf_string(&b, tail);
	text = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return text;
}

static const struct json_caps small = {
	.depth = 3, .values = 8, .members = 2, .items = 3, .name_bytes = 2,
	.string_bytes = 4,
};

static const struct {
	const char *text;
	const char *reason;	/* NULL: taken */
	size_t offset;
} capped[] = {
	{ "[[[1]]]", NULL, 0 },
	{ "[[[[1]]]]", "nested too deeply", 3 },
	{ "[[{\"a\":{}}]]", "nested too deeply", 7 },
	{ "[[[1],2,3],[4]]", NULL, 0 },
	{ "[[[1],2,3],[4,5]]", "too many values", 14 },
	{ "[1,2,3]", NULL, 0 },
	{ "[1,2,3,4]", "too many items", 7 },
	{ "{\"a\":1,\"b\":1}", NULL, 0 },
	{ "{\"a\":1,\"b\":1,\"c\":1}", "too many members", 13 },
	{ "{\"ab\":1}", NULL, 0 },
	{ "{\"abc\":1}", "member name too long", 1 },
	{ "{\"\\u00e9\":1}", NULL, 0 },
	{ "{\"\\u00e9b\":1}", "member name too long", 1 },
	{ "\"abcd\"", NULL, 0 },
	{ "\"abcde\"", "string too long", 0 },
	{ "\"\\n\\n\\n\\n\"", NULL, 0 },
	{ "\"\\n\\n\\n\\n\\n\"", "string too long", 0 },
	{ "\"\\nabcd\"", "string too long", 0 },
};

START_TEST(caps_hold_exactly)
{
	struct json_fault fault = { 0 };
	char *got = again(capped[_i].text, strlen(capped[_i].text), &small,
	    &fault);

	if (capped[_i].reason == NULL) {
		ck_assert_ptr_nonnull(got);
		return;
	}
	ck_assert_ptr_null(got);
	ck_assert_str_eq(fault.reason, capped[_i].reason);
	ck_assert_uint_eq(fault.offset, capped[_i].offset);
}
END_TEST

START_TEST(a_number_has_1024_bytes_at_most)
{
	char *longest = repeated("0.", "1", 1022, "");
	struct json_fault fault;

	ck_assert_str_eq(again(longest, 1024, &json_caps_wire, &fault),
	    longest);
	longest = repeated("0.", "1", 1023, "");
	ck_assert_ptr_null(again(longest, 1025, &json_caps_wire, &fault));
	ck_assert_str_eq(fault.reason, "number too long");
}
END_TEST

static size_t
peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss * 1024;
}

static const struct {
	const char *head, *each, *tail, *reason;
} floods[] = {
	{ "[", "{},", "", "too many items" },
	{ "[", "[],", "", "too many items" },
	{ "[", "0,", "", "too many items" },
	{ "[", "\"\",", "", "too many items" },
	{ "", "[", "", "nested too deeply" },
	{ "", "{\"a\":", "", "nested too deeply" },
	{ "\"", "x", "\"", "string too long" },
	{ "\"", "\\n", "\"", "string too long" },
	{ "{\"", "x", "\":1}", "member name too long" },
	{ "", "1", "", "number too long" },
	{ "", " ", "", "expected a value" },
};

/* What the text itself takes is there before; peaks only grow. */
START_TEST(a_flood_costs_little)
{
	const size_t bytes = 1 << 20;
	size_t n = bytes / strlen(floods[_i].each), before;
	char *text = repeated(floods[_i].head, floods[_i].each, n,
	    floods[_i].tail);
	struct json_object *value;
	struct json_fault fault;
#ifdef SANITIZED
	const size_t most = 32 << 20;	/* with the sanitizer's red zones */
#else
	const size_t most = 4 << 20;
#endif

	before = peak_bytes();
	ck_assert(!json_read(text, strlen(text), &json_caps_wire, &value,
	    &fault));
	ck_assert_uint_lt(peak_bytes() - before, most);
	ck_assert_str_eq(fault.reason, floods[_i].reason);
}
END_TEST

/* ---- Places. */

static const char placed[] =
    "{\n"
    "  \"a\": 1,\n"
    "  \"b\": [ null,\n"
    "\t{ \"c\" : null } ]\n"
    "}\n";

START_TEST(places_are_those_of_the_text)
{
	struct json_object *root, *b, *inner;
	struct json_places *places;
	struct json_fault fault;
	size_t line = 77, column = 77;

	ck_assert(json_read_placed(arena, placed, sizeof(placed) - 1,
	    &json_caps_file, &root, &places, &fault));
	b = json_object_object_get(root, "b");
	inner = json_object_array_get_idx(b, 1);
	ck_assert(!json_place(places, root, "c", 0, &line, &column));
	ck_assert(!json_place(places, root, NULL, 0, &line, &column));
	ck_assert(!json_place(places, b, NULL, 2, &line, &column));
	ck_assert(!json_place_of_name(places, b, "b", &line, &column));
	ck_assert(line == 77 && column == 77);
	ck_assert(json_place(places, root, "a", 5, &line, &column));
	ck_assert(line == 2 && column == 8);
	ck_assert(json_place_of_name(places, root, "a", &line, &column));
	ck_assert(line == 2 && column == 3);
	ck_assert(json_place(places, root, "b", 0, &line, &column));
	ck_assert(line == 3 && column == 8);
	ck_assert(json_place(places, b, NULL, 0, &line, &column));
	ck_assert(line == 3 && column == 10);
	ck_assert(json_place(places, b, NULL, 1, &line, &column));
	ck_assert(line == 4 && column == 2);
	ck_assert(json_place(places, inner, "c", 0, &line, &column));
	ck_assert(line == 4 && column == 10);
	ck_assert(json_place_of_name(places, inner, "c", &line, &column));
	ck_assert(line == 4 && column == 4);
	json_object_put(root);
}
END_TEST

START_TEST(many_places_are_all_found)
{
	char *text = repeated("[0", ",\n{\"x\":1}", 5000, "]");
	struct json_object *root;
	struct json_places *places;
	struct json_fault fault;
	size_t line, column;

	ck_assert(json_read_placed(arena, text, strlen(text), &json_caps_file,
	    &root, &places, &fault));
	for (size_t i = 1; i <= 5000; i++) {
		struct json_object *item = json_object_array_get_idx(root, i);

		ck_assert(json_place(places, root, NULL, i, &line, &column) &&
		    line == i + 1 && column == 1);
		ck_assert(json_place(places, item, "x", 0, &line, &column) &&
		    line == i + 1 && column == 6);
	}
	json_object_put(root);
	ck_assert(!json_read_placed(arena, "[", 1, &json_caps_file, &root,
	    &places, &fault));
}
END_TEST

/* ---- */

static TCase *
cases(void)
{
	TCase *tc = tcase_create("json");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_is_json_is_read_and_written_again, 0,
	    countof(taken));
	tcase_add_test(tc, null_is_told_from_a_failure);
	tcase_add_test(tc, numbers_have_the_types_of_json_c);
	tcase_add_test(tc, members_are_found_by_json_c);
	tcase_add_test(tc, numbers_without_text_are_written_exactly);
	tcase_add_loop_test(tc, what_is_not_json_is_refused_where_it_breaks,
	    0, countof(refused));
	tcase_add_test(tc, no_beginning_of_a_document_is_one);
	tcase_add_test(tc, strings_end_at_every_offset);
	tcase_add_loop_test(tc, caps_hold_exactly, 0, countof(capped));
	tcase_add_test(tc, a_number_has_1024_bytes_at_most);
	tcase_add_loop_test(tc, a_flood_costs_little, 0, countof(floods));
	tcase_add_test(tc, places_are_those_of_the_text);
	tcase_add_test(tc, many_places_are_all_found);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("json");

	suite_add_tcase(suite, cases());
	return run_suite(suite);
}
