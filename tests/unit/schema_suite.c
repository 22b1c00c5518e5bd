/* SPDX-License-Identifier: MIT */
/*
 * The official JSON Schema test suite (2020-12), all of it: a line of TAP for
 * each file, with passed/total, and a table of counts at the end.  Each schema
 * is written into a directory and compiled as a file there, by the plain
 * standard; a schema that is refused fails all its tests but those that it
 * explains.  The remotes are registered as http://localhost:1234/...
 *
 * The files of optional/format are run with formats asserted.  What cannot
 * pass, with its reason, is in a table: it must fail, so that the table is
 * mended when it no longer does.
 */
#include <dirent.h>
#include <ftw.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "contract/run.h"

enum { PARTS = 3 };	/* parts of the suite */

/* A part of the suite, with what must pass of it. */
static const struct part {
	const char *directory;		/* below tests/draft2020-12/ */
	const char *name;
	bool assert_format;
} parts[PARTS] = {
	{ "", "required", false },
	{ "optional/", "optional", false },
	{ "optional/format/", "format", true },
};

/* Tests that are known to fail: file, words of the group, why. */
static const struct {
	const char *file, *group, *reason;
} known_failures[] = {
	{ NULL, NULL, NULL },
};

/* The remotes that tests refer to. */
static const char *const remotes[] = { "draft2020-12/", "nested/",
	"baseUriChange/", "baseUriChangeFolder/",
	"baseUriChangeFolderInSubschema/", "draft2019-09/", "integer.json" };

/* The verdicts of one file. */
struct tally {
	unsigned passed, failed, known;
};

static char *
file_bytes(const char *path, size_t *ret_length)
{
	FILE *in = fopen(path, "rb");
	char *bytes;
	struct stat st;

	if (in == NULL)
		return NULL;
	if (fstat(fileno(in), &st) != 0 ||
	    (bytes = malloc((size_t)st.st_size + 1)) == NULL ||
	    fread(bytes, 1, (size_t)st.st_size, in) != (size_t)st.st_size)
		abort();
	fclose(in);
	*ret_length = (size_t)st.st_size;
	return bytes;
}

static struct json_object *
member(struct json_object *object, const char *name)
{
	return json_object_object_get(object, name);
}

static void
write_schema(const char *directory, struct json_object *schema)
{
	char path[512];
	struct buf b;
	FILE *out;

	buf_init(&b, 1 << 20);
	json_write(&b, schema);
	snprintf(path, sizeof(path), "%s/schema.json", directory);
	if ((out = fopen(path, "wb")) == NULL ||
	    fwrite(b.at, 1, b.length, out) != b.length || fclose(out) != 0)
		abort();
	buf_release(&b);
}

/* ---- the remotes ---- */

/* nftw() has no argument for its caller. */
static struct {
	struct schema_set *set;
	struct buf *faults;
	size_t root_length;
	unsigned failed;
} registering;

static int
register_file(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	const char *below = path + registering.root_length;
	char uri[512];
	bool wanted = false;

	(void)st;
	(void)ftw;
	for (size_t i = 0; i < countof(remotes); i++)
		wanted = wanted ||
		    strncmp(below, remotes[i], strlen(remotes[i])) == 0;
	if (type != FTW_F || !wanted)
		return 0;
	snprintf(uri, sizeof(uri), "http://localhost:1234/%s", below);
	registering.failed += !schema_set_register(registering.set, uri, path,
	    registering.faults);
	return 0;
}

static struct schema_set *
set_with_remotes(const char *suites, const char *directory,
    bool assert_format)
{
	const struct schema_options options = { .assert_format =
		assert_format };
	char root[1024];
	struct buf faults;

	snprintf(root, sizeof(root), "%s/json-schema-test-suite/remotes/",
	    suites);
	buf_init(&faults, 1 << 20);
	registering.set = schema_set_new(directory, &options);
	registering.faults = &faults;
	registering.root_length = strlen(root);
	registering.failed = 0;
	if (nftw(root, register_file, 8, FTW_PHYS) != 0 ||
	    registering.failed > 0) {
		printf("Bail out! remotes: %s\n", faults.at);
		exit(EXIT_FAILURE);
	}
	buf_release(&faults);
	return registering.set;
}

/* ---- tests ---- */

struct suite {
	const char *suites, *directory;
	const struct part *part;
	const char *file;
	struct tally tally;
};

static bool
is_known(const struct suite *suite, const char *group)
{
	for (size_t i = 0; i < countof(known_failures); i++)
		if (known_failures[i].file != NULL &&
		    strcmp(known_failures[i].file, suite->file) == 0 &&
		    strstr(group, known_failures[i].group) != NULL)
			return true;
	return false;
}

static void
count(struct suite *suite, struct json_object *group,
    struct json_object *test, bool passed, const char *why)
{
	const char *name = json_object_get_string(member(group,
	    "description"));

	if (is_known(suite, name)) {
		suite->tally.known++;
		suite->tally.failed += passed;
		if (passed)
			printf("# %s: passes, the table of known failures is "
			       "wrong\n", name);
		return;
	}
	suite->tally.passed += passed;
	suite->tally.failed += !passed;
	if (!passed)
		printf("# %s: %s: %s\n", name,
		    json_object_get_string(member(test, "description")), why);
}

/*
 * Both passes must agree: what is not valid has issues, and only that.  A pass
 * for issues that finds none tells that it took too long.
 */
static bool
passes_agree(const struct schema *schema, struct scope *sc,
    struct json_object *value, bool valid)
{
	unsigned steps = SCHEMA_STEPS_MAX;

	if (valid != (sc->issue_count == 0))
		return false;
	if (valid)
		judge_collect(schema, sc, NULL, value, &steps);
	return (sc->issues[0].rule == RULE_COMPLEXITY) == valid;
}

static void
run_test(struct suite *suite, const struct schema *schema,
    struct arena *arena, struct json_object *group, struct json_object *test)
{
	bool expected = json_object_get_boolean(member(test, "valid"));
	struct scope sc;
	bool valid;

	scope_init(&sc, arena);
	valid = schema_judge(schema, &sc, NULL, member(test, "data"));
	count(suite, group, test, valid == expected &&
	    passes_agree(schema, &sc, member(test, "data"), valid),
	    valid ? "is valid" :
	    sc.issue_count == 0 ? "is not valid, without issues" :
	    sc.issues[0].message);
	arena_reset(arena);
}

static void
run_group(struct suite *suite, struct json_object *group)
{
	struct json_object *tests = member(group, "tests");
	struct schema_set *set = set_with_remotes(suite->suites,
	    suite->directory, suite->part->assert_format);
	struct arena *arena = arena_new();
	const struct schema *schema;
	struct buf faults;

	buf_init(&faults, 1 << 20);
	write_schema(suite->directory, member(group, "schema"));
	schema = schema_compile(set, "schema.json", VARIANT_WHOLE, &faults);
	for (size_t i = 0; i < json_object_array_length(tests); i++) {
		struct json_object *test = json_object_array_get_idx(tests, i);

		if (schema != NULL)
			run_test(suite, schema, arena, group, test);
		else
			count(suite, group, test, false, faults.at);
	}
	buf_release(&faults);
	arena_free(arena);
	schema_set_free(set);
}

static bool
run_file(struct suite *suite, unsigned number)
{
	struct json_object *groups;
	struct json_fault fault;
	char path[1024];
	size_t length;
	char *bytes;
	bool ok;

	snprintf(path, sizeof(path), "%s/json-schema-test-suite/tests/"
	    "draft2020-12/%s%s", suite->suites, suite->part->directory,
	    suite->file);
	if ((bytes = file_bytes(path, &length)) == NULL ||
	    !json_read(bytes, length, &json_caps_standard, &groups, &fault)) {
		printf("not ok %u - %s can be read\n", number, path);
		free(bytes);
		return false;
	}
	free(bytes);
	suite->tally = (struct tally){ 0, 0, 0 };
	for (size_t i = 0; i < json_object_array_length(groups); i++)
		run_group(suite, json_object_array_get_idx(groups, i));
	json_object_put(groups);
	ok = suite->tally.failed == 0 && suite->tally.passed > 0;
	printf("%sok %u - %s%s: %u of %u pass\n", ok ? "" : "not ", number,
	    suite->part->directory, suite->file, suite->tally.passed,
	    suite->tally.passed + suite->tally.failed + suite->tally.known);
	fflush(stdout);
	return ok;
}

static int
is_json(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".json") == 0;
}

/* The files of a part, by name; freed by nobody, as the program ends. */
static unsigned
list_files(const char *suites, const struct part *part, struct dirent ***ret)
{
	char path[1024];
	int count;

	snprintf(path, sizeof(path), "%s/json-schema-test-suite/tests/"
	    "draft2020-12/%s", suites, part->directory);
	count = scandir(path, ret, is_json, alphasort);
	return count > 0 ? (unsigned)count : 0;
}

/* Runs a part; *number goes on counting lines. */
static bool
run_part(struct suite *suite, struct dirent **files, unsigned count,
    unsigned *number, struct tally *total)
{
	bool ok = count > 0;

	for (unsigned i = 0; i < count; i++) {
		suite->file = files[i]->d_name;
		ok = run_file(suite, ++*number) && ok;
		total->passed += suite->tally.passed;
		total->failed += suite->tally.failed;
		total->known += suite->tally.known;
		free(files[i]);
	}
	free(files);
	return ok;
}

static bool
run_parts(const char *suites, const char *directory)
{
	struct tally totals[PARTS] = { { 0, 0, 0 } };
	struct dirent **files[PARTS];
	unsigned counts[PARTS], number = 0;
	bool ok = true;

	for (size_t i = 0; i < PARTS; i++)
		number += counts[i] = list_files(suites, &parts[i], &files[i]);
	printf("1..%u\n", number);
	number = 0;
	for (size_t i = 0; i < PARTS; i++)
		ok = run_part(&(struct suite){ .suites = suites,
			.directory = directory, .part = &parts[i] }, files[i],
			counts[i], &number, &totals[i]) && ok;
	for (size_t i = 0; i < PARTS; i++)
		printf("# %-10s %4u of %4u pass, %u fail, %u known to fail\n",
		    parts[i].name, totals[i].passed, totals[i].passed +
		    totals[i].failed + totals[i].known, totals[i].failed,
		    totals[i].known);
	return ok;
}

/* The directory of the suites, or NULL. */
static const char *
suites_find(char *at, size_t size)
{
	const char *given = getenv("LOCKSTEP_SUITES");
	const char *source = getenv("SRCDIR");
	struct stat st;
	char path[1024];

	if (source == NULL)
		source = getenv("srcdir");
	if (given != NULL && *given != '\0')
		snprintf(at, size, "%s", given);
	else
		snprintf(at, size, "%s/../shared/suites",
		    source != NULL ? source : ".");
	snprintf(path, sizeof(path), "%s/json-schema-test-suite/tests", at);
	return stat(path, &st) == 0 ? at : NULL;
}

int
main(void)
{
	char directory[] = "/tmp/schema-suite-XXXXXX", at[512], path[64];
	const char *suites = suites_find(at, sizeof(at));
	const char *ci = getenv("CI");
	bool ok;

	if (suites == NULL) {
		if (ci != NULL && strcmp(ci, "true") == 0) {
			printf("1..1\nnot ok 1 - the suite is there\n");
			return EXIT_FAILURE;
		}
		printf("1..0 # SKIP the suite is not there; "
		       "set LOCKSTEP_SUITES\n");
		return EXIT_SUCCESS;
	}
	if (mkdtemp(directory) == NULL)
		abort();
	ok = run_parts(suites, directory);
	snprintf(path, sizeof(path), "%s/schema.json", directory);
	unlink(path);
	rmdir(directory);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
