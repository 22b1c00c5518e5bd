/* SPDX-License-Identifier: MIT */
/*
 * The files of the JSON parsing test suite, judged by the first letter of their
 * names: y must be taken, n refused, i as the tables here pin it.  The suite is
 * looked for beside the sources, or in LOCKSTEP_SUITES.  Without it all is
 * skipped, but in CI, where that is a failure.
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "run.h"

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

/* Reads from memory of exact size and writes again; NULL when refused. */
static char *
again(const char *text, size_t length, struct json_fault *ret_fault)
{
	char *exact = malloc(length > 0 ? length : 1), *written = NULL;
	struct json_object *value;
	struct buf b;

	memcpy(exact, text, length);
	if (json_read(exact, length, &json_caps_wire, &value, ret_fault)) {
		buf_init(&b, 1 << 22);
		json_write(&b, value);
		written = arena_copy(arena, b.at, b.length);
		buf_release(&b);
		json_object_put(value);
	}
	free(exact);
	return written;
}

/* Taken although the standard leaves them open; all other i_ are refused. */
static const char *const open_taken[] = {
	"i_number_double_huge_neg_exp.json",
};

static const char *const open_refused[] = {
	"i_number_real_underflow.json",
	"i_number_huge_exp.json",
	"i_number_neg_int_huge_exp.json",
	"i_number_pos_double_huge_exp.json",
	"i_number_real_neg_overflow.json",
	"i_number_real_pos_overflow.json",
	"i_number_too_big_neg_int.json",
	"i_number_too_big_pos_int.json",
	"i_number_very_big_negative_int.json",
	"i_object_key_lone_2nd_surrogate.json",
	"i_string_1st_surrogate_but_2nd_missing.json",
	"i_string_1st_valid_surrogate_2nd_invalid.json",
	"i_string_UTF-16LE_with_BOM.json",
	"i_string_UTF-8_invalid_sequence.json",
	"i_string_UTF8_surrogate_U+D800.json",
	"i_string_incomplete_surrogate_and_escape_valid.json",
	"i_string_incomplete_surrogate_pair.json",
	"i_string_incomplete_surrogates_escape_valid.json",
	"i_string_invalid_lonely_surrogate.json",
	"i_string_invalid_surrogate.json",
	"i_string_invalid_utf-8.json",
	"i_string_inverted_surrogates_U+1D11E.json",
	"i_string_iso_latin_1.json",
	"i_string_lone_second_surrogate.json",
	"i_string_lone_utf8_continuation_byte.json",
	"i_string_not_in_unicode_range.json",
	"i_string_overlong_sequence_2_bytes.json",
	"i_string_overlong_sequence_6_bytes.json",
	"i_string_overlong_sequence_6_bytes_null.json",
	"i_string_truncated-utf-8.json",
	"i_string_utf16BE_no_BOM.json",
	"i_string_utf16LE_no_BOM.json",
	"i_structure_500_nested_arrays.json",
	"i_structure_UTF-8_BOM_empty_object.json",
};

/* Legal JSON that two parties may understand in two ways. */
static const char *const policy_refused[] = {
	"y_object_duplicated_key.json",
	"y_object_duplicated_key_and_value.json",
	"y_object_escaped_null_in_key.json",
};

static bool
is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* Must the file of this name be taken?  An i_ that nobody pinned is a fault. */
static bool
must_take(const char *name)
{
	if (name[0] == 'y')
		return !is_in(policy_refused, countof(policy_refused), name);
	if (name[0] == 'n')
		return false;
	if (is_in(open_taken, countof(open_taken), name))
		return true;
	ck_assert_msg(is_in(open_refused, countof(open_refused), name),
	    "%s is not in the table", name);
	return false;
}

static void
judge_file(const char *folder, const char *name)
{
	char *text = arena_alloc(arena, 1 << 20), *got;
	FILE *file = fopen(arena_format(arena, "%s/%s", folder, name), "rb");
	struct json_fault fault = { 0 };
	size_t length;

	ck_assert_msg(file != NULL, "%s", name);
	length = fread(text, 1, 1 << 20, file);
	fclose(file);
	ck_assert_uint_lt(length, 1 << 20);
	got = again(text, length, &fault);
	ck_assert_msg((got != NULL) == must_take(name), "%s is %s: %s", name,
	    got == NULL ? "refused" : "taken", fault.reason);
	/* What was written must be read as the same again. */
	if (got != NULL)
		ck_assert_str_eq(again(got, strlen(got), &fault), got);
}

static char *
suite_folder(void)
{
	const char *suites = getenv("LOCKSTEP_SUITES");
	const char *top = getenv("SRCDIR");

	if (suites != NULL && suites[0] != '\0')
		return arena_format(arena,
		    "%s/json-parsing-suite/test_parsing", suites);
	return arena_format(arena,
	    "%s/../shared/suites/json-parsing-suite/test_parsing",
	    top == NULL ? "." : top);
}

START_TEST(the_parsing_suite_is_judged_as_it_says)
{
	char *folder = suite_folder();
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned count[256] = { 0 };

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot == NULL || strcmp(dot, ".json") != 0)
			continue;
		judge_file(folder, entry->d_name);
		count[(unsigned char)entry->d_name[0]]++;
	}
	closedir(dir);
	ck_assert_uint_ge(count['y'], 95);
	ck_assert_uint_ge(count['n'], 188);
	ck_assert_uint_eq(count['i'], countof(open_taken) +
	    countof(open_refused));
}
END_TEST

static bool
is_there(void)
{
	bool there;

	setup();
	there = access(suite_folder(), R_OK) == 0;
	teardown();
	return there;
}

/* Says that all is skipped; in CI, that this is a failure. */
static int
skip(void)
{
	const char *ci = getenv("CI");

	if (ci != NULL && strcmp(ci, "true") == 0) {
		printf("1..1\nnot ok 1 - the JSON parsing suite is there\n");
		return EXIT_FAILURE;
	}
	printf("1..0 # SKIP the JSON parsing suite is missing: set "
	    "LOCKSTEP_SUITES\n");
	return EXIT_SUCCESS;
}

int
main(void)
{
	Suite *suite = suite_create("json_suite");
	TCase *tc = tcase_create("suite");

	if (!is_there())
		return skip();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_parsing_suite_is_judged_as_it_says);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
