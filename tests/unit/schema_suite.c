/* SPDX-License-Identifier: MIT */
/*
 * The official JSON Schema test suite (2020-12): a line of TAP for each file,
 * with passed/total.  Each schema is written into a directory and compiled as
 * a file of a contract would be.  A group whose schema is refused because of
 * something that is not supported yet, or by a policy named in the table, is
 * counted as skipped; any other refusal is a failure.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "contract/schema.h"

/* What is expected to be left out of a file, beside "not supported yet". */
struct file {
	const char *name;
	const char *policy;	/* text of a fault that is wanted, or NULL */
	const char *left_out;	/* words of a group's description, or NULL */
};

static const struct file files[] = {
	{ "type", NULL, NULL },
	{ "enum", NULL, NULL },
	{ "const", NULL, NULL },
	{ "minLength", NULL, NULL },
	{ "maxLength", NULL, NULL },
	{ "pattern", NULL, NULL },
	{ "minimum", NULL, NULL },
	{ "maximum", NULL, NULL },
	{ "exclusiveMinimum", NULL, NULL },
	{ "exclusiveMaximum", NULL, NULL },
	{ "multipleOf", NULL, NULL },
	{ "properties", NULL, NULL },
	{ "required", NULL, NULL },
	{ "additionalProperties", NULL, NULL },
	{ "minProperties", NULL, NULL },
	{ "maxProperties", NULL, NULL },
	{ "propertyNames", NULL, NULL },
	{ "items", NULL, NULL },
	{ "prefixItems", NULL, NULL },
	{ "minItems", NULL, NULL },
	{ "maxItems", NULL, NULL },
	{ "uniqueItems", NULL, NULL },
	{ "allOf", NULL, NULL },
	{ "anyOf", NULL, NULL },
	{ "oneOf", NULL, NULL },
	{ "not", NULL, NULL },
	{ "if-then-else", NULL, NULL },
	{ "dependentRequired", NULL, NULL },
	{ "boolean_schema", NULL, NULL },
	{ "infinite-loop-detection", NULL, NULL },
	{ "ref", NULL, NULL },
	{ "default", "the default does not satisfy its schema", NULL },
	{ "optional/format/date-time", NULL, NULL },
	{ "optional/format/date", NULL, NULL },
	{ "optional/format/time", NULL, NULL },
	{ "optional/format/email", NULL, NULL },
	{ "optional/format/uuid", NULL, NULL },
	{ "optional/format/uri", NULL, NULL },
	/* Decoding A-labels needs the tables of IDNA. */
	{ "optional/format/hostname", NULL, "A-label" },
	{ "optional/format/ipv4", NULL, NULL },
	{ "optional/format/ipv6", NULL, NULL },
};

/* The verdicts of one file. */
struct tally {
	unsigned passed, failed, skipped;
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

/* Do all lines hold the text? */
static bool
all_lines_hold(const char *lines, const char *text)
{
	while (*lines != '\0') {
		size_t length = strcspn(lines, "\n");

		if (memmem(lines, length, text, strlen(text)) == NULL)
			return false;
		lines += length + 1;
	}
	return true;
}

/* Was the schema refused for a reason that is wanted? */
static bool
is_wanted(const struct file *file, const char *faults)
{
	return strstr(faults, "not supported yet") != NULL ||
	    (file->policy != NULL && all_lines_hold(faults, file->policy));
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

static void
run_test(const struct schema *schema, struct arena *arena,
    struct json_object *group, struct json_object *test, struct tally *tally)
{
	bool expected = json_object_get_boolean(member(test, "valid"));
	struct scope sc;
	bool valid;

	scope_init(&sc, arena);
	valid = schema_judge(schema, &sc, NULL, member(test, "data"));
	if (valid == expected && (valid ? 0u : 1u) == (sc.issue_count > 0)) {
		tally->passed++;
	} else {
		tally->failed++;
		printf("# %s: %s: is %s\n",
		    json_object_get_string(member(group, "description")),
		    json_object_get_string(member(test, "description")),
		    valid ? "valid" : "not valid");
	}
	arena_reset(arena);
}

static void
run_group(const struct file *file, const char *directory,
    struct json_object *group, struct tally *tally)
{
	const char *text = json_object_get_string(member(group,
	    "description"));
	struct json_object *tests = member(group, "tests");
	size_t count = json_object_array_length(tests);
	struct schema_set *set = schema_set_new(directory);
	struct arena *arena = arena_new();
	const struct schema *schema;
	struct buf faults;

	buf_init(&faults, 1 << 20);
	write_schema(directory, member(group, "schema"));
	schema = schema_compile(set, "schema.json", VARIANT_WHOLE, &faults);
	if (file->left_out != NULL && strstr(text, file->left_out) != NULL) {
		tally->skipped += (unsigned)count;
	} else if (schema != NULL) {
		for (size_t i = 0; i < count; i++)
			run_test(schema, arena, group,
			    json_object_array_get_idx(tests, i), tally);
	} else if (faults.length > 0 && is_wanted(file, faults.at)) {
		tally->skipped += (unsigned)count;
	} else {
		tally->failed += (unsigned)count;
		printf("# %s: refused: %s", text, faults.at);
	}
	buf_release(&faults);
	arena_free(arena);
	schema_set_free(set);
}

static bool
run_file(const struct file *file, const char *suites, const char *directory,
    unsigned number, struct tally *total)
{
	struct tally tally = { 0, 0, 0 };
	struct json_object *groups;
	struct json_fault fault;
	char path[1024];
	size_t length;
	char *bytes;
	bool ok;

	snprintf(path, sizeof(path), "%s/json-schema-test-suite/tests/"
	    "draft2020-12/%s.json", suites, file->name);
	if ((bytes = file_bytes(path, &length)) == NULL ||
	    !json_read(bytes, length, &json_caps_file, &groups, &fault)) {
		printf("not ok %u - %s can be read\n", number, file->name);
		free(bytes);
		return false;
	}
	free(bytes);
	for (size_t i = 0; i < json_object_array_length(groups); i++)
		run_group(file, directory,
		    json_object_array_get_idx(groups, i), &tally);
	json_object_put(groups);
	ok = tally.failed == 0 && (tally.passed > 0 || file->policy != NULL);
	printf("%sok %u - %s: %u of %u pass, %u skipped\n",
	    ok ? "" : "not ", number, file->name, tally.passed,
	    tally.passed + tally.failed, tally.skipped);
	total->passed += tally.passed;
	total->failed += tally.failed;
	total->skipped += tally.skipped;
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
	const size_t count = sizeof(files) / sizeof(files[0]);
	char directory[] = "/tmp/schema-suite-XXXXXX", at[512], path[64];
	const char *suites = suites_find(at, sizeof(at));
	const char *ci = getenv("CI");
	struct tally total = { 0, 0, 0 };
	bool ok = true;

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
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++)
		ok = run_file(&files[i], suites, directory, (unsigned)i + 1,
		    &total) && ok;
	printf("# %u of %u pass, %u skipped\n", total.passed,
	    total.passed + total.failed, total.skipped);
	snprintf(path, sizeof(path), "%s/schema.json", directory);
	unlink(path);
	rmdir(directory);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
