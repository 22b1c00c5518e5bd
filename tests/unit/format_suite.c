/* SPDX-License-Identifier: MIT */
/*
 * The format files of the official JSON Schema test suite (2020-12), judged
 * with formats asserted: a line of TAP for each file, with passed/total.  The
 * suite is looked for beside the sources, or in LOCKSTEP_SUITES.  Without it
 * all is skipped, but in CI, where that is a failure.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "contract/format.h"

/* How many tests each file has at least: a file that lost some is a fault. */
static const struct file {
	const char *name;
	unsigned least;
} files[] = {
	{ "date-time", 33 }, { "date", 81 }, { "duration", 52 },
	{ "ecmascript-regex", 12 }, { "email", 27 }, { "hostname", 64 },
	{ "idn-email", 18 }, { "idn-hostname", 90 }, { "ipv4", 41 },
	{ "ipv6", 42 }, { "iri-reference", 13 }, { "iri", 24 },
	{ "json-pointer", 40 }, { "regex", 8 },
	{ "relative-json-pointer", 25 }, { "time", 47 }, { "unknown", 7 },
	{ "uri-reference", 28 }, { "uri-template", 38 }, { "uri", 46 },
	{ "uuid", 28 },
};

struct tally {
	unsigned passed, total;
};

static struct json_object *
member(struct json_object *object, const char *name)
{
	return json_object_object_get(object, name);
}

/* A format holds for what is no string, and an unknown one for all. */
static bool
holds(const struct format *format, struct json_object *data)
{
	if (format == NULL || !json_object_is_type(data, json_type_string))
		return true;
	return format->holds(json_object_get_string(data),
	    (size_t)json_object_get_string_len(data));
}

static void
run_group(struct json_object *group, struct tally *tally)
{
	const struct format *format = format_find(json_object_get_string(
	    member(member(group, "schema"), "format")));
	struct json_object *tests = member(group, "tests");

	for (size_t i = 0; i < json_object_array_length(tests); i++) {
		struct json_object *test = json_object_array_get_idx(tests, i);
		bool valid = holds(format, member(test, "data"));

		tally->total++;
		if (valid == json_object_get_boolean(member(test, "valid")))
			tally->passed++;
		else
			printf("# %s: is %s\n", json_object_get_string(member(
			    test, "description")), valid ? "valid" :
			    "not valid");
	}
}

static struct json_object *
read_file(const char *path)
{
	static char text[1 << 20];
	struct json_object *ret = NULL;
	struct json_fault fault;
	FILE *in = fopen(path, "rb");
	size_t length;

	if (in == NULL)
		return NULL;
	length = fread(text, 1, sizeof(text), in);
	fclose(in);
	if (!json_read(text, length, &json_caps_file, &ret, &fault))
		return NULL;
	return ret;
}

static bool
run_file(const struct file *file, const char *folder, size_t number,
    struct tally *sum)
{
	struct tally tally = { 0, 0 };
	struct json_object *groups;
	char path[1024];
	bool ok;

	snprintf(path, sizeof(path), "%s/%s.json", folder, file->name);
	if ((groups = read_file(path)) == NULL) {
		printf("not ok %zu - %s can be read\n", number, file->name);
		return false;
	}
	for (size_t i = 0; i < json_object_array_length(groups); i++)
		run_group(json_object_array_get_idx(groups, i), &tally);
	json_object_put(groups);
	ok = tally.passed == tally.total && tally.total >= file->least;
	printf("%sok %zu - %s: %u of %u pass\n", ok ? "" : "not ", number,
	    file->name, tally.passed, tally.total);
	sum->passed += tally.passed;
	sum->total += tally.total;
	return ok;
}

/* Where the format files are, or would be. */
static void
suite_folder(char *at, size_t size)
{
	const char *suites = getenv("LOCKSTEP_SUITES");
	const char *top = getenv("SRCDIR");
	char beside[512];

	if (suites == NULL || *suites == '\0') {
		snprintf(beside, sizeof(beside), "%s/../shared/suites",
		    top != NULL ? top : ".");
		suites = beside;
	}
	snprintf(at, size, "%s/json-schema-test-suite/tests/draft2020-12/"
	    "optional/format", suites);
}

int
main(void)
{
	const size_t count = sizeof(files) / sizeof(files[0]);
	struct tally sum = { 0, 0 };
	const char *ci = getenv("CI");
	char folder[768];
	bool ok = true;

	suite_folder(folder, sizeof(folder));
	if (access(folder, R_OK) != 0) {
		if (ci != NULL && strcmp(ci, "true") == 0) {
			printf("1..1\nnot ok 1 - the suite is there\n");
			return EXIT_FAILURE;
		}
		printf("1..0 # SKIP the suite is not there; "
		       "set LOCKSTEP_SUITES\n");
		return EXIT_SUCCESS;
	}
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++)
		ok = run_file(&files[i], folder, i + 1, &sum) && ok;
	printf("# %u of %u pass\n", sum.passed, sum.total);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
