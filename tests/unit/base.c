/* SPDX-License-Identifier: MIT */
/*
 * The words that all parts speak: arena, buf, text, clock, problem, scope, log,
 * metric.  Cases stand in tables.  (The reader of JSON has a program of its
 * own.)
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/problem.h"
#include "base/scope.h"
#include "base/text.h"
#include "run.h"

static struct arena *arena;
static char directory[] = "/tmp/base-XXXXXX";

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

/* ---- arena */

START_TEST(an_arena_gives_zeroed_aligned_memory)
{
	static const unsigned char zero[20000];

	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < sizeof(zero); size += 37) {
			unsigned char *at = arena_alloc(arena, size);

			ck_assert_uint_eq((uintptr_t)at % 16, 0);
			ck_assert(memcmp(at, zero, size) == 0);
			memset(at, 0xa5, size);
		}
		arena_reset(arena);
		ck_assert_uint_eq(arena_used(arena), 0);
	}
}
END_TEST

START_TEST(an_arena_keeps_pieces_apart)
{
	enum { PIECES = 2000 };
	unsigned char *at[PIECES], same[PIECES];

	for (size_t i = 0; i < PIECES; i++) {
		at[i] = arena_alloc(arena, i);
		memset(at[i], (int)(i % 251), i);
	}
	for (size_t i = 0; i < PIECES; i++) {
		memset(same, (int)(i % 251), i);
		ck_assert(memcmp(at[i], same, i) == 0);
	}
	ck_assert_uint_ge(arena_used(arena), PIECES * (PIECES - 1) / 2);
}
END_TEST

START_TEST(an_arena_keeps_its_first_block)
{
	void *first, *again;

	arena_reset(arena);
	first = arena_alloc(arena, 100);
	arena_alloc(arena, 1000000);
	arena_reset(arena);
	again = arena_alloc(arena, 100);
	ck_assert_ptr_eq(first, again);
}
END_TEST

START_TEST(an_arena_copies_and_formats)
{
	char *s;

	ck_assert_str_eq(arena_copy(arena, "abc\0def", 2), "ab");
	ck_assert_mem_eq(arena_copy(arena, "abc\0def", 7), "abc\0def", 8);
	ck_assert_str_eq(arena_copy(arena, NULL, 0), "");
	ck_assert_str_eq(arena_string(arena, "word"), "word");
	ck_assert_str_eq(arena_format(arena, "%d-%s", 7, "x"), "7-x");
	for (int width = 250; width < 262; width++) {
		s = arena_format(arena, "%*d", width, 1);
		ck_assert_uint_eq(strlen(s), (size_t)width);
		ck_assert_int_eq(s[width - 1], '1');
	}
}
END_TEST

static char letters[][2] = { "a", "b", "c", "z" };
static char dropped[8];

static void
drop(void *object)
{
	strncat(dropped, object, 1);
}

static void
drop_and_defer(void *object)
{
	drop(object);
	arena_defer(arena, drop, letters[3]);
}

START_TEST(deferred_calls_run_last_first_and_once)
{
	dropped[0] = '\0';
	arena_defer(arena, drop, letters[0]);
	arena_defer(arena, drop_and_defer, letters[1]);
	arena_defer(arena, drop, letters[2]);
	arena_reset(arena);
	ck_assert_str_eq(dropped, "cbza");
	arena_reset(arena);
	ck_assert_str_eq(dropped, "cbza");
	arena_free(NULL);
}
END_TEST

/* ---- buf */

START_TEST(a_buf_grows_and_fails_at_its_limit)
{
	struct buf b;

	buf_init(&b, 10);
	ck_assert_str_eq(b.at, "");
	buf_string(&b, "12345");
	buf_char(&b, '6');
	buf_int(&b, 78);
	ck_assert(!b.failed);
	buf_string(&b, "abc");
	ck_assert(b.failed);
	ck_assert_str_eq(b.at, "12345678");
	buf_char(&b, '9');
	ck_assert_str_eq(b.at, "12345678");
	buf_clear(&b);
	ck_assert(!b.failed);
	ck_assert_str_eq(b.at, "");
	buf_format(&b, "%s", "0123456789");
	ck_assert(!b.failed);
	buf_format(&b, "%d", 1);
	ck_assert(b.failed);
	ck_assert_str_eq(b.at, "0123456789");
	buf_release(&b);
	ck_assert_str_eq(b.at, "");
}
END_TEST

START_TEST(a_buf_formats_over_its_capacity)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_format(&b, "%s", "");
	ck_assert_str_eq(b.at, "");
	for (int width = 1; width < 3000; width += 7) {
		size_t before = b.length;

		buf_format(&b, "%0*d", width, 0);
		ck_assert_uint_eq(b.length, before + (size_t)width);
		ck_assert_uint_eq(strlen(b.at), b.length);
	}
	ck_assert_uint_eq(strspn(b.at, "0"), b.length);
	buf_release(&b);
}
END_TEST

START_TEST(a_buf_keeps_memory_up_to_a_bound)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_string(&b, "x");
	buf_clear(&b);
	ck_assert_uint_gt(b.capacity, 0);
	buf_format(&b, "%0*d", 300 * 1024, 0);
	buf_clear(&b);
	ck_assert_uint_eq(b.capacity, 0);
	buf_release(&b);
}
END_TEST

static const struct {
	int64_t n;
	const char *text;
} ints[] = {
	{ 0, "0" }, { 1, "1" }, { -1, "-1" }, { 1234567890, "1234567890" },
	{ INT64_MAX, "9223372036854775807" },
	{ INT64_MIN, "-9223372036854775808" },
};

START_TEST(a_buf_writes_integers)
{
	struct buf b;

	buf_init(&b, 100);
	buf_int(&b, ints[_i].n);
	ck_assert_str_eq(b.at, ints[_i].text);
	buf_release(&b);
}
END_TEST

static const struct {
	const char *from;
	size_t length;
	const char *json;
} jsons[] = {
	{ "", 0, "\"\"" },
	{ "plain / text", 12, "\"plain / text\"" },
	{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
	{ "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
	{ "\0\x1f\x7f", 3, "\"\\u0000\\u001f\x7f\"" },
	{ "\x0e\x1b", 2, "\"\\u000e\\u001b\"" },
	{ "\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
};

START_TEST(a_buf_writes_json_strings)
{
	struct buf b;

	buf_init(&b, 100);
	buf_json(&b, jsons[_i].from, jsons[_i].length);
	ck_assert_str_eq(b.at, jsons[_i].json);
	buf_release(&b);
}
END_TEST

START_TEST(every_control_character_is_escaped)
{
	struct json_object *back;
	struct json_fault fault;
	struct buf b;

	for (int c = 1; c < 0x80; c++) {
		char text[2] = { (char)c, '\0' };

		buf_init(&b, 100);
		buf_json_string(&b, text);
		ck_assert(json_read(b.at, b.length, &json_caps_wire, &back,
		    &fault));
		ck_assert_str_eq(json_object_get_string(back), text);
		json_object_put(back);
		buf_release(&b);
	}
}
END_TEST

/* ---- text */

static const struct {
	const char *text;
	size_t span;		/* valid beginning; SIZE_MAX = all of it */
} utf8s[] = {
	{ "", SIZE_MAX },
	{ "plain ascii, more than eight bytes", SIZE_MAX },
	{ "\xc2\x80\xdf\xbf", SIZE_MAX },
	{ "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", SIZE_MAX },
	{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", SIZE_MAX },
	{ "12345678\xc3\xa9 12345678", SIZE_MAX },
	{ "\x80", 0 },
	{ "a\xbf", 1 },
	{ "\xc0\xaf", 0 },		/* overlong / */
	{ "\xc1\xbf", 0 },
	{ "\xe0\x9f\xbf", 0 },		/* overlong */
	{ "\xed\xa0\x80", 0 },		/* surrogate */
	{ "\xed\xbf\xbf", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 },	/* overlong */
	{ "\xf4\x90\x80\x80", 0 },	/* beyond U+10FFFF */
	{ "\xf5\x80\x80\x80", 0 },
	{ "\xff", 0 },
	{ "1234567\xc3", 7 },		/* cut off */
	{ "12345678\xe2\x82", 8 },
	{ "123456789012345\xf0\x9f\x98", 15 },
	{ "\xc3\x28", 0 },
	{ "\xe2\x28\xa1", 0 },
	{ "\xe2\x82\x28", 0 },
	{ "\xf0\x9f\x98\x28", 0 },
};

/* Each byte, at each place among others, by the rule of RFC 8259. */
START_TEST(plain_text_ends_at_what_json_escapes)
{
	char text[24];

	for (int byte = 0; byte < 256; byte++)
		for (size_t at = 0; at < sizeof(text); at++) {
			bool plain = byte >= 0x20 && byte != '"' &&
			    byte != '\\';

			memset(text, '!', sizeof(text));
			text[at] = (char)byte;
			ck_assert_uint_eq(text_plain_span(text, sizeof(text)),
			    plain ? sizeof(text) : at);
			ck_assert_uint_eq(text_plain_span(text, at), at);
		}
}
END_TEST

START_TEST(utf8_is_judged_by_rfc_3629)
{
	const char *text = utf8s[_i].text;
	size_t length = strlen(text), span = utf8s[_i].span;
	char *exact = malloc(length + 1);

	/* Memory of its own, so that reading past the end is seen. */
	memcpy(exact, text, length);
	if (span == SIZE_MAX)
		span = length;
	ck_assert_uint_eq(text_utf8_span(exact, length), span);
	ck_assert(text_is_utf8(exact, length) == (span == length));
	free(exact);
}
END_TEST

START_TEST(code_points_are_counted)
{
	ck_assert_uint_eq(text_count("", 0), 0);
	ck_assert_uint_eq(text_count("abc", 3), 3);
	ck_assert_uint_eq(text_count("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	    10), 4);
}
END_TEST

static const struct {
	const char *text;
	bool well;
	int64_t n;
} numbers[] = {
	{ "0", true, 0 }, { "-0", true, 0 }, { "7", true, 7 },
	{ "-12", true, -12 },
	{ "9223372036854775807", true, INT64_MAX },
	{ "-9223372036854775808", true, INT64_MIN },
	{ "9223372036854775808", false, 0 },
	{ "-9223372036854775809", false, 0 },
	{ "99999999999999999999999", false, 0 },
	{ "", false, 0 }, { "-", false, 0 }, { "+1", false, 0 },
	{ "01", false, 0 }, { "-01", false, 0 }, { "1 ", false, 0 },
	{ " 1", false, 0 }, { "1a", false, 0 }, { "1.0", false, 0 },
	{ "--1", false, 0 }, { "0x1", false, 0 }, { "\xb1", false, 0 },
};

START_TEST(integers_are_read_whole_or_not)
{
	int64_t n = 42;
	bool well = text_to_int(numbers[_i].text, strlen(numbers[_i].text), &n);

	ck_assert(well == numbers[_i].well);
	ck_assert_int_eq(n, well ? numbers[_i].n : 42);
}
END_TEST

static const struct {
	const char *plain;
	const char *coded;
} coded[] = {
	/* RFC 4648 section 10, without padding. */
	{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "-__-" },
};

START_TEST(base64url_goes_both_ways)
{
	size_t length = strlen(coded[_i].plain), n = 99;
	char *back;

	ck_assert_str_eq(text_to_base64url(arena, coded[_i].plain, length),
	    coded[_i].coded);
	back = text_from_base64url(arena, coded[_i].coded,
	    strlen(coded[_i].coded), &n);
	ck_assert_ptr_nonnull(back);
	ck_assert_uint_eq(n, length);
	ck_assert_str_eq(back, coded[_i].plain);
}
END_TEST

START_TEST(base64url_of_any_bytes_comes_back)
{
	unsigned char bytes[300];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		char *there = text_to_base64url(arena, bytes, length);
		size_t n;
		char *back = text_from_base64url(arena, there, strlen(there),
		    &n);

		ck_assert_ptr_nonnull(back);
		ck_assert_uint_eq(n, length);
		ck_assert(memcmp(back, bytes, length) == 0);
	}
}
END_TEST

static const char *const sloppy[] = {
	"Z", "Zg=", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v ", " Zm9v",
	"Zm\n9v", "Zm9vY", "\xc3\xa9vv",
};

START_TEST(sloppy_base64url_is_refused)
{
	size_t n = 42;

	ck_assert_ptr_null(text_from_base64url(arena, sloppy[_i],
	    strlen(sloppy[_i]), &n));
	ck_assert_uint_eq(n, 42);
}
END_TEST

static const struct {
	const char *from;
	bool plus;
	const char *to;		/* NULL: refused */
} percents[] = {
	{ "", false, "" }, { "abc", false, "abc" }, { "a%20b", false, "a b" },
	{ "a+b", false, "a+b" }, { "a+b", true, "a b" },
	{ "a%2Bb", true, "a+b" }, { "%2525", false, "%25" },
	{ "%c3%A9", false, "\xc3\xa9" }, { "\xc3\xa9", false, "\xc3\xa9" },
	{ "%", false, NULL }, { "%2", false, NULL }, { "%2g", false, NULL },
	{ "%g2", false, NULL }, { "%%20", false, NULL }, { "a%", false, NULL },
	{ "%00", false, NULL }, { "%0a", false, NULL }, { "%1F", false, NULL },
	{ "%7f", false, NULL }, { "\t", false, NULL }, { "%c3", false, NULL },
	{ "%c0%af", false, NULL }, { "%ED%A0%80", false, NULL },
};

START_TEST(percent_escapes_are_decoded_once)
{
	const char *from = percents[_i].from, *to = percents[_i].to;
	char *got = text_percent_decode(arena, from, strlen(from),
	    percents[_i].plus);

	if (to == NULL)
		ck_assert_ptr_null(got);
	else
		ck_assert_str_eq(got, to);
}
END_TEST

START_TEST(ascii_letters_compare_regardless_of_case)
{
	ck_assert(text_same("", ""));
	ck_assert(text_same("Content-TYPE", "content-type"));
	ck_assert(!text_same("a", "ab"));
	ck_assert(!text_same("ab", "a"));
	ck_assert(!text_same("[", "{"));
	ck_assert(!text_same("@", "`"));
	ck_assert(!text_same("\xc3\x89", "\xc3\xa9"));
}
END_TEST

/* ---- clock */

static const struct {
	int64_t ms;
	const char *text;
} dates[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ 951782400000, "2000-02-29T00:00:00.000Z" },
	{ 951868800000, "2000-03-01T00:00:00.000Z" },
	{ 1767323045678, "2026-01-02T03:04:05.678Z" },
	{ 1709251199001, "2024-02-29T23:59:59.001Z" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
	{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
	{ -62167219200000, "0000-01-01T00:00:00.000Z" },
	{ INT64_MIN, "0000-01-01T00:00:00.000Z" },
};

START_TEST(dates_are_written_by_rfc_3339)
{
	char at[25];

	clock_rfc3339(dates[_i].ms, at);
	ck_assert_str_eq(at, dates[_i].text);
}
END_TEST

START_TEST(a_deadline_rounds_up_and_ends_at_zero)
{
	uint64_t now = clock_now_ns();
	int left;

	ck_assert_int_eq(clock_left_ms(0), -1);
	ck_assert_int_eq(clock_left_ms(1), 0);
	ck_assert_int_eq(clock_left_ms(now), 0);
	left = clock_left_ms(now + 60 * UINT64_C(1000000000));
	ck_assert_int_gt(left, 50000);
	ck_assert_int_le(left, 60000);
	ck_assert_int_gt(clock_left_ms(UINT64_MAX), 1000000000);
	ck_assert_uint_ge(clock_now_ns(), now);
	ck_assert_int_le(llabs(clock_unix_ms() / 1000 - clock_unix_s()), 1);
}
END_TEST

/* ---- problem */

START_TEST(every_problem_has_a_row)
{
	for (int p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++) {
		const struct problem_kind *kind = problem_kind((enum problem)p);

		ck_assert_int_ge(kind->status, 400);
		ck_assert_int_le(kind->status, 599);
		ck_assert_str_ne(kind->name, "");
		ck_assert_str_ne(kind->code, "");
		ck_assert_int_eq(kind->sentence[strlen(kind->sentence) - 1],
		    '.');
	}
	ck_assert_str_eq(problem_kind(PROBLEM_NOT_FOUND)->code, "not_found");
	ck_assert_int_eq(problem_kind(PROBLEM_NOT_FOUND)->status, 404);
	ck_assert(problem_kind(PROBLEM_UNAVAILABLE)->retryable);
}
END_TEST

START_TEST(what_is_no_problem_has_the_row_of_a_defect)
{
	const struct problem_kind *internal = problem_kind(PROBLEM_INTERNAL);

	ck_assert_int_eq(internal->status, 500);
	ck_assert_ptr_eq(problem_kind(PROBLEM_NONE), internal);
	ck_assert_ptr_eq(problem_kind(PROBLEM_COUNT), internal);
	ck_assert_ptr_eq(problem_kind((enum problem)9999), internal);
}
END_TEST

/* ---- scope */

static const struct issue_param of_email[] = { { "format", "\"email\"" } };
static const struct issue_param of_length[] = { { "maximum", "80" },
    { "inclusive", "true" } };
static const struct issue_param of_enum[] = {
	{ "values", "[\"draft\",\"it's \\\"q\\\"\", 3 ,null,"
	    "{\"a\":[1,\"]\"]}]" },
};
static const struct issue_param of_none[] = { { "values", "[]" } };

static const struct place recipient = { NULL, "recipient", 9, 0 };
static const struct place email = { &recipient, "email", 5, 0 };
static const struct place tags = { NULL, "tags", 4, 0 };
static const struct place tag_3 = { &tags, NULL, 0, 3 };
static const struct place odd = { &tag_3, "a/b~c\"d\n", 8, 0 };
static const struct place empty = { NULL, "", 0, 0 };
static const struct place first = { NULL, NULL, 0, 0 };

static const struct {
	const struct place *place;
	enum rule rule;
	const struct issue_param *params;
	size_t n;
	const char *path, *pointer, *code, *keyword, *message, *texts;
} issues[] = {
	{ &email, RULE_FORMAT, of_email, 1,
	    "[\"recipient\",\"email\"]", "\"/recipient/email\"",
	    "invalid_format", "format", "\"must be a valid email\"",
	    "{\"format\":\"email\"}" },
	{ NULL, RULE_TYPE, (const struct issue_param[]){
	    { "expected", "\"object\"" } }, 1,
	    "[]", "\"\"", "invalid_type", "type", "\"must be object\"",
	    "{\"expected\":\"object\"}" },
	{ &recipient, RULE_REQUIRED, NULL, 0,
	    "[\"recipient\"]", "\"/recipient\"", "invalid_type", "required",
	    "\"is required\"", NULL },
	{ &tag_3, RULE_MAX_LENGTH, of_length, 2,
	    "[\"tags\",3]", "\"/tags/3\"", "too_big", "maxLength",
	    "\"must have at most 80 characters\"",
	    "{\"maximum\":80,\"inclusive\":true}" },
	{ NULL, RULE_MIN_ITEMS, (const struct issue_param[]){
	    { "minimum", "1" }, { "origin", "\"array\"" } }, 2,
	    "[]", "\"\"", "too_small", "minItems",
	    "\"must have at least 1 item\"",
	    "{\"minimum\":1,\"origin\":\"array\"}" },
	{ NULL, RULE_MAX_LENGTH, (const struct issue_param[]){
	    { "maximum", "0" } }, 1, "[]", "\"\"", "too_big", "maxLength",
	    "\"must have at most 0 characters\"", "{\"maximum\":0}" },
	{ NULL, RULE_MIN_CONTAINS, (const struct issue_param[]){
	    { "minimum", "1" } }, 1, "[]", "\"\"", "too_small",
	    "minContains",
	    "\"must have at least 1 item of the kind that is asked for\"",
	    "{\"minimum\":1}" },
	{ NULL, RULE_MAX_PROPERTIES, NULL, 0, "[]", "\"\"", "too_big",
	    "maxProperties", "\"must have at most {maximum:member}\"", NULL },
	{ &odd, RULE_NOT, NULL, 0,
	    "[\"tags\",3,\"a/b~c\\\"d\\n\"]",
	    "\"/tags/3/a~1b~0c\\\"d\\n\"", "custom", "not",
	    "\"is not allowed\"", NULL },
	{ &empty, RULE_NOT, NULL, 0,
	    "[\"\"]", "\"/\"", "custom", "not", "\"is not allowed\"", NULL },
	{ &first, RULE_NOT, NULL, 0,
	    "[0]", "\"/0\"", "custom", "not", "\"is not allowed\"", NULL },
	{ NULL, RULE_ENUM, of_enum, 1,
	    "[]", "\"\"", "invalid_value", "enum",
	    "\"must be one of draft, it's \\\"q\\\", 3, null, "
	    "{\\\"a\\\":[1,\\\"]\\\"]}\"",
	    "{\"values\":[\"draft\",\"it's \\\"q\\\"\", 3 ,null,"
	    "{\"a\":[1,\"]\"]}]}" },
	{ NULL, RULE_ENUM, of_none, 1,
	    "[]", "\"\"", "invalid_value", "enum", "\"must be one of \"",
	    "{\"values\":[]}" },
	{ NULL, RULE_CONST, (const struct issue_param[]){
	    { "values", "{\"a\":\"b\"}" } }, 1,
	    "[]", "\"\"", "invalid_value", "const",
	    "\"must be {\\\"a\\\":\\\"b\\\"}\"", "{\"values\":{\"a\":\"b\"}}" },
	{ NULL, RULE_PATTERN, (const struct issue_param[]){
	    { "pattern", "\"^\\\\d{2}$\"" } }, 1,
	    "[]", "\"\"", "invalid_format", "pattern",
	    "\"must match the pattern ^\\\\d{2}$\"",
	    "{\"pattern\":\"^\\\\d{2}$\"}" },
};

static bool
is_json(const char *text)
{
	struct json_object *value;
	struct json_fault fault;

	if (!json_read(text, strlen(text), &json_caps_wire, &value, &fault))
		return false;
	json_object_put(value);
	return true;
}

START_TEST(an_issue_has_exactly_the_texts_of_the_wire)
{
	struct scope sc;
	const struct issue *issue = &sc.issues[0];

	scope_init(&sc, arena);
	scope_issue(&sc, issues[_i].place, issues[_i].rule, issues[_i].params,
	    issues[_i].n);
	ck_assert_uint_eq(sc.issue_count, 1);
	ck_assert_int_eq(issue->rule, issues[_i].rule);
	ck_assert_str_eq(issue->path, issues[_i].path);
	ck_assert_str_eq(issue->pointer, issues[_i].pointer);
	ck_assert_str_eq(issue->code, issues[_i].code);
	ck_assert_str_eq(issue->keyword, issues[_i].keyword);
	ck_assert_str_eq(issue->message, issues[_i].message);
	ck_assert_pstr_eq(issue->params, issues[_i].texts);
	ck_assert(is_json(issue->message) && is_json(issue->path));
}
END_TEST

/* What a contract lists may be long, and is told up to twenty times. */
START_TEST(a_parameter_that_is_long_is_not_told)
{
	struct issue_param params[] = { { "values", NULL }, { "a", "1" } };
	struct scope sc;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_string(&b, "[\"first\"");
	for (int i = 0; i < 5000; i++)
		buf_format(&b, ",\"\xc3\xa4%d\"", i);
	buf_char(&b, ']');
	params[0].json = b.at;
	scope_init(&sc, arena);
	scope_issue(&sc, NULL, RULE_ENUM, params, 2);
	ck_assert_str_eq(sc.issues[0].params, "{\"a\":1}");
	ck_assert(is_json(sc.issues[0].message));
	ck_assert_uint_le(strlen(sc.issues[0].message), 302);
	ck_assert_ptr_nonnull(strstr(sc.issues[0].message,
	    "must be one of first, \xc3\xa4" "0, "));
	ck_assert_uint_lt(arena_used(arena), 16384);
	buf_release(&b);
}
END_TEST

START_TEST(a_whole_file_is_read_and_nothing_else)
{
	char path[] = "/tmp/base-unit-XXXXXX", fifo[64];
	int fd = mkstemp(path);
	struct buf b;

	ck_assert_int_eq(write(fd, "a\0b", 3), 3);
	close(fd);
	buf_init(&b, 3);
	ck_assert(file_read(path, &b));
	ck_assert_uint_eq(b.length, 3);
	ck_assert_mem_eq(b.at, "a\0b", 3);
	buf_release(&b);
	buf_init(&b, 2);
	ck_assert(!file_read(path, &b));
	ck_assert_int_eq(errno, EFBIG);
	ck_assert(!file_read("/tmp", &b));
	ck_assert_int_eq(errno, EISDIR);
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert(!file_read(fifo, &b));
	ck_assert_int_eq(errno, EINVAL);
	unlink(fifo);
	unlink(path);
	ck_assert(!file_read(path, &b));
	ck_assert_int_eq(errno, ENOENT);
	buf_release(&b);
}
END_TEST

/* 127 letters and a character of two bytes: the cut goes before it. */
START_TEST(a_long_name_is_cut_between_characters)
{
	char text[300], expected[400];
	struct place place = { NULL, text, 0, 0 };
	struct scope sc;

	memset(text, 'n', 127);
	strcpy(text + 127, "\xc3\xa9 and more");
	place.length = strlen(text);
	scope_init(&sc, arena);
	scope_issue(&sc, &place, RULE_UNKNOWN, NULL, 0);
	snprintf(expected, sizeof(expected), "[\"%.127s\"]", text);
	ck_assert_str_eq(sc.issues[0].path, expected);
	snprintf(expected, sizeof(expected), "\"/%.127s\"", text);
	ck_assert_str_eq(sc.issues[0].pointer, expected);
	/* One letter less, and the character fits. */
	place.name++;
	place.length--;
	scope_issue(&sc, &place, RULE_UNKNOWN, NULL, 0);
	snprintf(expected, sizeof(expected), "[\"%.128s\"]", text + 1);
	ck_assert_str_eq(sc.issues[1].path, expected);
}
END_TEST

static const char *const fillers[] = {
	"x", "\xc3\xa9", "\xf0\x9f\x98\x80", "\\n", "\\u00e9",
	"\\ud83d\\ude00", "\\\\", "\\\"",
};

START_TEST(a_long_message_is_cut_and_stays_json)
{
	for (size_t shift = 0; shift < 13; shift++) {
		struct issue_param param = { "pattern", NULL };
		struct scope sc;
		struct buf b;
		const char *message;

		buf_init(&b, 10000);
		buf_format(&b, "\"%.*s", (int)shift, "aaaaaaaaaaaaa");
		while (b.length < 400)
			buf_string(&b, fillers[_i]);
		buf_char(&b, '"');
		param.json = b.at;
		scope_init(&sc, arena);
		scope_issue(&sc, NULL, RULE_PATTERN, &param, 1);
		message = sc.issues[0].message;
		ck_assert_uint_le(strlen(message), 302);
		ck_assert_uint_gt(strlen(message), 280);
		ck_assert_str_eq(message + strlen(message) - 4, "...\"");
		ck_assert_msg(is_json(message), "%s", message);
		buf_release(&b);
	}
}
END_TEST

START_TEST(issues_are_capped_and_taken_back)
{
	struct scope sc;

	scope_init(&sc, arena);
	for (int i = 0; i < SCOPE_ISSUES_MAX; i++)
		scope_issue(&sc, NULL, RULE_NOT, NULL, 0);
	ck_assert_uint_eq(sc.issue_count, SCOPE_ISSUES_MAX);
	ck_assert(!sc.issues_truncated);
	scope_issue(&sc, NULL, RULE_NOT, NULL, 0);
	ck_assert_uint_eq(sc.issue_count, SCOPE_ISSUES_MAX);
	ck_assert(sc.issues_truncated);
	scope_issues_rewind(&sc, 3);
	ck_assert_uint_eq(sc.issue_count, 3);
	ck_assert(!sc.issues_truncated);
	scope_issues_rewind(&sc, 5);
	ck_assert_uint_eq(sc.issue_count, 3);
}
END_TEST

START_TEST(the_first_cause_is_kept)
{
	struct scope sc;

	scope_init(&sc, arena);
	ck_assert_ptr_null(sc.cause);
	ck_assert_int_eq(scope_fail(&sc, PROBLEM_TIMEOUT, "first %d", 1),
	    PROBLEM_TIMEOUT);
	ck_assert_int_eq(scope_fail(&sc, PROBLEM_INTERNAL, "second"),
	    PROBLEM_INTERNAL);
	ck_assert_str_eq(sc.cause, "first 1");
	ck_assert_int_eq(scope_declare(&sc, "taken", 409, "It is taken."),
	    PROBLEM_DECLARED);
	ck_assert_str_eq(sc.declared_code, "taken");
	ck_assert_str_eq(sc.declared_message, "It is taken.");
	ck_assert_int_eq(sc.declared_status, 409);
	scope_init(&sc, arena);
	ck_assert_ptr_null(sc.cause);
	ck_assert_ptr_null(sc.declared_code);
}
END_TEST

START_TEST(every_rule_has_a_code_and_a_keyword)
{
	for (int rule = 0; rule < RULE_COUNT; rule++) {
		ck_assert_str_ne(rule_code((enum rule)rule), "");
		ck_assert_str_ne(rule_keyword((enum rule)rule), "");
	}
	ck_assert_str_eq(rule_code(RULE_UNKNOWN), "unrecognized_keys");
	ck_assert_str_eq(rule_keyword(RULE_MIN_ITEMS), "minItems");
}
END_TEST

/* ---- log */

static char *
in_directory(const char *file)
{
	return arena_format(arena, "%s/%s", directory, file);
}

static char *
content(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = arena_alloc(arena, 1 << 20);

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
	fclose(file);
	return text;
}

static void
setup_directory(void)
{
	setup();
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void
teardown_directory(void)
{
	static const char *const files[] = { "log", "log.1", "metric" };

	for (unsigned i = 0; i < countof(files); i++)
		unlink(in_directory(files[i]));
	ck_assert_int_eq(rmdir(directory), 0);
	teardown();
}

START_TEST(a_line_is_one_json_object)
{
	char *path = in_directory("log"), *line, *expected;

	ck_assert(log_open(path, LOG_INFO));
	log_event(LOG_DEBUG, "too little", LOG_END);
	log_event(LOG_INFO, "request", LOG_TEXT("request_id", "a\"b\\\n\x7f"),
	    LOG_TEXT("absent", NULL), LOG_TEXT("raw", "\xc3\xa9\xff\xc3"),
	    LOG_INT("status", 200), LOG_INT("least", INT64_MIN),
	    LOG_MS("run_ms", 1234567), LOG_MS("none_ms", 999),
	    LOG_MS("us_ms", 7000), LOG_MS("back_ms", -2500000));
	line = content(path);
	ck_assert_msg(strncmp(line, "{\"time\":\"2", 10) == 0, "%s", line);
	expected = arena_format(arena, ",\"level\":\"info\","
	    "\"event\":\"request\",\"pid\":%d,"
	    "\"request_id\":\"a\\\"b\\\\\\u000a\\u007f\","
	    "\"raw\":\"\xc3\xa9\\\\xff\\\\xc3\",\"status\":200,"
	    "\"least\":-9223372036854775808,\"run_ms\":1.234,"
	    "\"none_ms\":0.000,\"us_ms\":0.007,\"back_ms\":-2.500}\n",
	    (int)getpid());
	ck_assert_str_eq(strchr(line, ','), expected);
	ck_assert_uint_eq(strspn(line + 9, "0123456789-T:.Z"), 24);
	ck_assert(is_json(line));
}
END_TEST

static void
fill(char *text, size_t length, const char *with)
{
	for (size_t i = 0; i < length; i++)
		text[i] = with[i % strlen(with)];
	text[length] = '\0';
}

START_TEST(a_long_line_is_cut_and_stays_json)
{
	char *path = in_directory("log"), *text = arena_alloc(arena, 20001);
	const char whole[] = ",\"c\":\"see\"}\n";
	char *line = text, *end;

	ck_assert(log_open(path, LOG_INFO));
	for (size_t length = 7900; length < 8200; length++) {
		fill(text, length, _i == 0 ? "x" : _i == 1 ? "\xc3\xa9" :
		    "\x01");
		ck_assert_int_eq(truncate(path, 0), 0);
		log_event(LOG_WARN, "long", LOG_TEXT("a", text),
		    LOG_INT("b", 1), LOG_TEXT("c", "see"));
		line = content(path);
		ck_assert_uint_le(strlen(line), 8192);
		ck_assert_msg(is_json(line), "%zu: %s", length, line);
		end = line + strlen(line) - strlen(whole);
		ck_assert(strcmp(end, whole) == 0 ||
		    strstr(line, ",\"truncated\":true}\n") != NULL);
	}
	ck_assert_ptr_nonnull(strstr(line, ",\"truncated\":true}\n"));
}
END_TEST

START_TEST(a_log_goes_on_after_rotation)
{
	char *path = in_directory("log"), *old = in_directory("log.1");

	ck_assert(log_open(path, LOG_DEBUG));
	log_event(LOG_DEBUG, "one", LOG_END);
	ck_assert_int_eq(rename(path, old), 0);
	log_event(LOG_INFO, "two", LOG_END);
	ck_assert(log_reopen());
	log_event(LOG_ERROR, "three", LOG_END);
	ck_assert_ptr_nonnull(strstr(content(old), "\"one\""));
	ck_assert_ptr_nonnull(strstr(content(old), "\"two\""));
	ck_assert_ptr_null(strstr(content(old), "\"three\""));
	ck_assert_ptr_nonnull(strstr(content(path), "\"three\""));
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_leaves_the_old_one)
{
	char *path = in_directory("log");

	ck_assert(log_open(path, LOG_INFO));
	ck_assert(!log_open(in_directory("no/such"), LOG_INFO));
	log_event(LOG_INFO, "still", LOG_END);
	ck_assert_ptr_nonnull(strstr(content(path), "\"still\""));
	ck_assert(log_open("-", LOG_INFO));
	ck_assert(log_reopen());
}
END_TEST

START_TEST(levels_have_words)
{
	enum log_level level = LOG_ERROR;

	ck_assert(log_level_of("debug", &level) && level == LOG_DEBUG);
	ck_assert(log_level_of("warn", &level) && level == LOG_WARN);
	ck_assert(!log_level_of("WARN", &level) && level == LOG_WARN);
	ck_assert(!log_level_of("", &level));
}
END_TEST

/* ---- metric */

static const char requests[] = "lockstep_requests_total";
static const char seconds[] = "lockstep_request_seconds";

/* What metric_write() says, from the arena. */
static char *
figures(void)
{
	struct buf b;
	char *text;

	buf_init(&b, 8 << 20);
	metric_write(&b);
	ck_assert(!b.failed);
	text = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return text;
}

static void
must_have(const char *text, const char *line)
{
	ck_assert_msg(strstr(text, line) != NULL, "no %s in:\n%s", line, text);
}

START_TEST(without_a_file_nothing_is_counted)
{
	metric_add(requests, "", 1);
	metric_observe(seconds, "", 1);
	metric_gauge(GAUGE_QUEUED, 1);
	metric_process();
	ck_assert_str_eq(figures(), "");
}
END_TEST

START_TEST(counters_add_up_by_series)
{
	char *text;

	ck_assert(metric_open(NULL));
	metric_add("lockstep_rejected_total", "", 3);
	metric_add(requests, "route=\"/b\",status=\"200\"", 2);
	metric_add(requests, "route=\"/a\",status=\"200\"", 1);
	metric_add(requests, "route=\"/b\",status=\"200\"", 5);
	metric_add("other_total", "", 1);
	text = figures();
	ck_assert_ptr_eq(strstr(text,
	    "# HELP lockstep_rejected_total Requests refused for want of "
	    "capacity, by reason.\n"
	    "# TYPE lockstep_rejected_total counter\n"
	    "lockstep_rejected_total 3\n"
	    "# HELP lockstep_requests_total Requests answered.\n"
	    "# TYPE lockstep_requests_total counter\n"
	    "lockstep_requests_total{route=\"/a\",status=\"200\"} 1\n"
	    "lockstep_requests_total{route=\"/b\",status=\"200\"} 7\n"
	    "# HELP other_total "), text);
	must_have(text, "\nother_total 1\n");
	must_have(text, "\nlockstep_metric_dropped_total 0\n");
}
END_TEST

START_TEST(histograms_are_cumulative)
{
	char *text;

	ck_assert(metric_open(NULL));
	metric_observe(seconds, "route=\"/a\"", 500000);
	metric_observe(seconds, "route=\"/a\"", 500001);
	metric_observe(seconds, "route=\"/a\"", 70000000);
	metric_observe(seconds, "route=\"/a\"", 11000000000);
	metric_observe(seconds, "", 0);
	text = figures();
	must_have(text, "# TYPE lockstep_request_seconds histogram\n"
	    "lockstep_request_seconds_bucket{le=\"0.0005\"} 1\n");
	must_have(text, "_sum 0.000000000\nlockstep_request_seconds_count 1\n"
	    "lockstep_request_seconds_bucket{route=\"/a\",le=\"0.0005\"} 1\n"
	    "lockstep_request_seconds_bucket{route=\"/a\",le=\"0.001\"} 2\n");
	must_have(text, "{route=\"/a\",le=\"0.05\"} 2\n");
	must_have(text, "{route=\"/a\",le=\"0.1\"} 3\n");
	must_have(text, "{route=\"/a\",le=\"10\"} 3\n");
	must_have(text, "{route=\"/a\",le=\"+Inf\"} 4\n"
	    "lockstep_request_seconds_sum{route=\"/a\"} 11.071000001\n"
	    "lockstep_request_seconds_count{route=\"/a\"} 4\n");
}
END_TEST

START_TEST(what_has_no_room_is_counted_as_dropped)
{
	char labels[200];

	ck_assert(metric_open(NULL));
	fill(labels, 159, "a");
	metric_add(requests, labels, 1);
	fill(labels, 160, "a");
	metric_add(requests, labels, 1);
	must_have(figures(), "\nlockstep_metric_dropped_total 1\n");
	for (int i = 0; i < 4100; i++) {
		snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		metric_add("full_total", labels, 1);
	}
	must_have(figures(), "\nfull_total{n=\"4094\"} 1\n");
	must_have(figures(), "\nlockstep_metric_dropped_total 6\n");
}
END_TEST

START_TEST(a_file_outlives_its_processes)
{
	char *path = in_directory("metric");

	ck_assert(metric_open(path));
	metric_add(requests, "", 1);
	ck_assert(metric_open(path));
	metric_add(requests, "", 1);
	must_have(figures(), "\nlockstep_requests_total 2\n");
	ck_assert(!metric_open(in_directory("no/such")));
	must_have(figures(), "\nlockstep_requests_total 2\n");
}
END_TEST

START_TEST(a_file_of_another_version_is_remade)
{
	char *path = in_directory("metric");
	uint32_t version = 0xffff;
	struct stat before, after;
	int fd;

	ck_assert(metric_open(path));
	metric_add(requests, "", 1);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(pwrite(fd, &version, sizeof(version), 8), 4);
	ck_assert_int_eq(fstat(fd, &before), 0);
	close(fd);
	ck_assert(metric_open(path));
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert(before.st_ino != after.st_ino);
	ck_assert_ptr_null(strstr(figures(), "lockstep_requests_total"));
}
END_TEST

START_TEST(a_file_that_is_not_ours_is_left_alone)
{
	char *path = in_directory("metric");
	FILE *file = fopen(path, "w");

	fputs("The only copy of somebody's novel, which is long enough to look "
	    "like the head of a table.", file);
	fclose(file);
	ck_assert(!metric_open(path));
	ck_assert_int_eq(strncmp(content(path), "The only copy", 13), 0);
}
END_TEST

/* Waits for the child of a fork and wants it to have ended well. */
static void
must_end_well(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
count_in_child(const char *path, int n)
{
	if (!metric_open(path))
		_exit(1);
	metric_process();
	for (int i = 0; i < n; i++) {
		char labels[20];

		snprintf(labels, sizeof(labels), "n=\"%d\"", i % 50);
		metric_add(requests, labels, 1);
		metric_gauge(GAUGE_IN_FLIGHT, 1);
	}
	_exit(0);
}

START_TEST(processes_create_and_count_together)
{
	enum { CHILDREN = 8, EACH = 5000 };
	char *path = in_directory("metric"), *text;
	pid_t pids[CHILDREN];

	for (int i = 0; i < CHILDREN; i++)
		if ((pids[i] = fork()) == 0)
			count_in_child(path, EACH);
	for (int i = 0; i < CHILDREN; i++)
		must_end_well(pids[i]);
	ck_assert(metric_open(path));
	text = figures();
	must_have(text, "\nlockstep_requests_total{n=\"0\"} 800\n");
	must_have(text, "\nlockstep_requests_total{n=\"49\"} 800\n");
	/* The dead have no gauges. */
	must_have(text, "\nlockstep_in_flight 0\n");
	must_have(text, "\nlockstep_processes 0\n");
}
END_TEST

START_TEST(gauges_are_summed_over_the_living)
{
	int ready[2], done[2];
	pid_t pid;
	char byte;

	ck_assert(metric_open(NULL));
	metric_process();
	metric_gauge(GAUGE_THREADS, 4);
	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(done), 0);
	if ((pid = fork()) == 0) {
		metric_process();
		metric_gauge(GAUGE_THREADS, 3);
		metric_gauge(GAUGE_THREADS, -1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		close(done[1]);
		_exit(read(done[0], &byte, 1) != 0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	must_have(figures(), "\nlockstep_threads 6\n");
	must_have(figures(), "\nlockstep_processes 2\n");
	close(done[1]);
	must_end_well(pid);
	must_have(figures(), "\nlockstep_threads 4\n");
	must_have(figures(), "\nlockstep_processes 1\n");
	/* Claimed anew, a slot starts from nothing. */
	metric_process();
	must_have(figures(), "\nlockstep_threads 0\n");
}
END_TEST

START_TEST(slots_of_the_dead_are_used_again)
{
	ck_assert(metric_open(NULL));
	for (int i = 0; i < 600; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			metric_process();
			metric_gauge(GAUGE_KEPT, 1);
			_exit(strstr(figures(), "\nlockstep_kept 1\n") == NULL);
		}
		must_end_well(pid);
	}
}
END_TEST

static void *
count_in_thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < 20000; i++) {
		metric_add(requests, i % 2 ? "n=\"1\"" : "n=\"0\"", 1);
		metric_observe(seconds, "", 1000000);
	}
	return NULL;
}

START_TEST(threads_lose_no_count)
{
	pthread_t threads[4];
	char *text;

	ck_assert(metric_open(NULL));
	for (unsigned i = 0; i < countof(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
		    count_in_thread, NULL), 0);
	for (unsigned i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	text = figures();
	must_have(text, "\nlockstep_requests_total{n=\"0\"} 40000\n");
	must_have(text, "\nlockstep_requests_total{n=\"1\"} 40000\n");
	must_have(text, "\nlockstep_request_seconds_sum 80.000000000\n");
}
END_TEST

/* ---- */

static TCase *
plain_cases(void)
{
	TCase *tc = tcase_create("base");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_arena_gives_zeroed_aligned_memory);
	tcase_add_test(tc, an_arena_keeps_pieces_apart);
	tcase_add_test(tc, an_arena_keeps_its_first_block);
	tcase_add_test(tc, an_arena_copies_and_formats);
	tcase_add_test(tc, deferred_calls_run_last_first_and_once);
	tcase_add_test(tc, a_buf_grows_and_fails_at_its_limit);
	tcase_add_test(tc, a_buf_formats_over_its_capacity);
	tcase_add_test(tc, a_buf_keeps_memory_up_to_a_bound);
	tcase_add_loop_test(tc, a_buf_writes_integers, 0, countof(ints));
	tcase_add_loop_test(tc, a_buf_writes_json_strings, 0, countof(jsons));
	tcase_add_test(tc, every_control_character_is_escaped);
	tcase_add_loop_test(tc, utf8_is_judged_by_rfc_3629, 0, countof(utf8s));
	tcase_add_test(tc, code_points_are_counted);
	tcase_add_test(tc, plain_text_ends_at_what_json_escapes);
	tcase_add_loop_test(tc, integers_are_read_whole_or_not, 0,
	    countof(numbers));
	tcase_add_loop_test(tc, base64url_goes_both_ways, 0, countof(coded));
	tcase_add_test(tc, base64url_of_any_bytes_comes_back);
	tcase_add_loop_test(tc, sloppy_base64url_is_refused, 0,
	    countof(sloppy));
	tcase_add_loop_test(tc, percent_escapes_are_decoded_once, 0,
	    countof(percents));
	tcase_add_test(tc, ascii_letters_compare_regardless_of_case);
	tcase_add_loop_test(tc, dates_are_written_by_rfc_3339, 0,
	    countof(dates));
	tcase_add_test(tc, a_deadline_rounds_up_and_ends_at_zero);
	tcase_add_test(tc, every_problem_has_a_row);
	tcase_add_test(tc, what_is_no_problem_has_the_row_of_a_defect);
	tcase_add_loop_test(tc, an_issue_has_exactly_the_texts_of_the_wire, 0,
	    countof(issues));
	tcase_add_test(tc, a_long_name_is_cut_between_characters);
	tcase_add_test(tc, a_parameter_that_is_long_is_not_told);
	tcase_add_test(tc, a_whole_file_is_read_and_nothing_else);
	tcase_add_loop_test(tc, a_long_message_is_cut_and_stays_json, 0,
	    countof(fillers));
	tcase_add_test(tc, issues_are_capped_and_taken_back);
	tcase_add_test(tc, the_first_cause_is_kept);
	tcase_add_test(tc, every_rule_has_a_code_and_a_keyword);
	return tc;
}

static TCase *
file_cases(void)
{
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, setup_directory, teardown_directory);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_line_is_one_json_object);
	tcase_add_loop_test(tc, a_long_line_is_cut_and_stays_json, 0, 3);
	tcase_add_test(tc, a_log_goes_on_after_rotation);
	tcase_add_test(tc, a_log_that_cannot_be_opened_leaves_the_old_one);
	tcase_add_test(tc, levels_have_words);
	tcase_add_test(tc, without_a_file_nothing_is_counted);
	tcase_add_test(tc, counters_add_up_by_series);
	tcase_add_test(tc, histograms_are_cumulative);
	tcase_add_test(tc, what_has_no_room_is_counted_as_dropped);
	tcase_add_test(tc, a_file_outlives_its_processes);
	tcase_add_test(tc, a_file_of_another_version_is_remade);
	tcase_add_test(tc, a_file_that_is_not_ours_is_left_alone);
	tcase_add_test(tc, processes_create_and_count_together);
	tcase_add_test(tc, gauges_are_summed_over_the_living);
	tcase_add_test(tc, slots_of_the_dead_are_used_again);
	tcase_add_test(tc, threads_lose_no_count);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("base");

	suite_add_tcase(suite, plain_cases());
	suite_add_tcase(suite, file_cases());
	return run_suite(suite);
}
