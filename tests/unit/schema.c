/* SPDX-License-Identifier: MIT */
/*
 * The schema compiler and judge: faults of schemas, issues of documents,
 * variants, and what must hold under load and between threads.  The verdicts
 * themselves are the official suite's (schema_suite.c).
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "contract/names.h"
#include "contract/run.h"
#include "contract/uri.h"
#include "contract/value.h"
#include "run.h"

/* A directory of schemas, a set over it, memory for judging. */
static char directory[32];
static struct schema_set *set;
static struct arena *arena;
static struct scope sc;
static struct buf faults;

static void
set_up(void)
{
	strcpy(directory, "/tmp/schema-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	set = schema_set_new(directory,
	    &(struct schema_options){ .contract = true });
	arena = arena_new();
	scope_init(&sc, arena);
	buf_init(&faults, 1 << 20);
}

static void
tear_down(void)
{
	char command[64];

	schema_set_free(set);
	arena_free(arena);
	buf_release(&faults);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

/* Compiles a text as the file s.json, which must have no faults. */
static const struct schema *
compiled(const char *text, enum variant variant)
{
	const struct schema *schema;

	write_file("s.json", text);
	schema = schema_compile(set, "s.json", variant, &faults);
	ck_assert_msg(schema != NULL, "%s: %s", text, faults.at);
	ck_assert_str_eq(faults.at, "");
	return schema;
}

static struct json_object *
read_text(const char *text)
{
	struct json_object *value = NULL;
	struct json_fault fault;

	ck_assert_msg(json_read(text, strlen(text), &json_caps_wire, &value,
	    &fault), "%s: %s", text, fault.reason);
	return value;
}

/* The issues of the scope, a line each: pointer code keyword params. */
static const char *
issue_lines(void)
{
	const char *lines = "";

	for (unsigned i = 0; i < sc.issue_count; i++)
		lines = arena_format(arena, "%s%s %s %s %s\n", lines,
		    sc.issues[i].pointer, sc.issues[i].code,
		    sc.issues[i].keyword,
		    sc.issues[i].params != NULL ? sc.issues[i].params : "-");
	return lines;
}

/* Judges a document; "" when it is valid. */
static const char *
issues_of(const struct schema *schema, const char *document)
{
	struct json_object *value = read_text(document);
	bool valid;

	arena_reset(arena);
	scope_init(&sc, arena);
	valid = schema_judge(schema, &sc, NULL, value);
	json_object_put(value);
	ck_assert_int_eq(valid, sc.issue_count == 0);
	return issue_lines();
}

/* ---- faults of schemas ---- */

/* What b's anchor means when it is entered from here is this. */
#define DYNAMIC_CIRCLE                                                         \
	"{\"$id\":\"urn:a\",\"$dynamicAnchor\":\"n\",\"allOf\":[{\"$ref\":"    \
	"\"urn:b\"}],\"$defs\":{\"b\":{\"$id\":\"urn:b\",\"not\":{\"not\":{"   \
	"\"$dynamicRef\":\"#n\"}},\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\""  \
	"}}}}}"

static const struct {
	enum variant variant;
	const char *text;
	const char *faults;
} refused[] = {
	{ VARIANT_WHOLE, "{\"typ\":\"string\"}",
	    "s.json:1:2: unknown keyword \"typ\"; did you mean "
	    "\"type\"?\n" },
	{ VARIANT_WHOLE, "{\"dependencies\":{}}",
	    "s.json:1:2: unknown keyword \"dependencies\"\n" },
	{ VARIANT_WHOLE, "{\"patternProperties\":{\"a\":{},\"(\":{}}}",
	    "s.json:1:30: \"patternProperties\" " },
	{ VARIANT_WHOLE, "{\"contains\":{},\"maxContains\":0}",
	    "s.json:1:30: \"maxContains\" leaves nothing beside \"contains\", "
	    "which wants one; say \"minContains\": 0\n" },
	{ VARIANT_WHOLE, "{\"minContains\":3,\"maxContains\":2,"
	    "\"contains\":{}}",
	    "s.json:1:32: \"maxContains\" is less than \"minContains\"\n" },
	{ VARIANT_WHOLE, "{\"$id\":\"x#y\"}",
	    "s.json:1:8: \"$id\" must have no fragment; \"$anchor\" names a "
	    "place\n" },
	{ VARIANT_WHOLE, "{\"$anchor\":\"1\"}",
	    "s.json:1:12: \"$anchor\" must be a name: letters, digits, _, - "
	    "and .; a letter or _ first\n" },
	{ VARIANT_WHOLE, "{\"items\":{\"$anchor\":\"a\"},\"not\":"
	    "{\"$dynamicAnchor\":\"a\"}}",
	    "s.json:1:21: \"$anchor\" names another schema here as well\n" },
	{ VARIANT_WHOLE, "{\"$id\":\"https://a.example/x\",\"$ref\":"
	    "\"y#z\"}",
	    "s.json:1:37: the $ref \"y#z\" names a schema that is not known: "
	    "nothing has the URI https://a.example/y\n" },
	{ VARIANT_WHOLE, "{\"$dynamicRef\":\"#here\"}",
	    "s.json:1:16: the $dynamicRef \"#here\" leads nowhere in "
	    "s.json\n" },
	{ VARIANT_WHOLE, "{\"dependentSchemas\":{\"a\":{\"$ref\":\"#\"}}}",
	    "s.json:1:26: goes round in a circle that consumes nothing\n" },
	{ VARIANT_WHOLE, DYNAMIC_CIRCLE,
	    "s.json:1:105: goes round in a circle that consumes nothing\n" },
	{ VARIANT_WHOLE, "{\"$dynamicAnchor\":\"a\",\"allOf\":[{"
	    "\"$dynamicRef\":\"#a\"}]}",
	    "s.json:1:32: goes round in a circle that consumes nothing\n" },
	{ VARIANT_WHOLE, "3",
	    "s.json:1:1: must be a schema: an object, true or false\n" },
	{ VARIANT_WHOLE, "{\"items\":null}",
	    "s.json:1:10: must be a schema: an object, true or false\n" },
	{ VARIANT_WHOLE, "{\"type\":\"strin\"}",
	    "s.json:1:9: \"type\" has no type \"strin\"; known are null, "
	    "boolean, integer, number, string, array, object\n" },
	{ VARIANT_WHOLE, "{\"type\":[]}",
	    "s.json:1:9: \"type\" must be a type or a list of different "
	    "types\n" },
	{ VARIANT_WHOLE, "{\n  \"minLength\": -1,\n  \"maxLength\": \"9\"}",
	    "s.json:2:16: \"minLength\" must be an integer, 0 or more\n"
	    "s.json:3:16: \"maxLength\" must be an integer, 0 or more\n" },
	{ VARIANT_WHOLE, "{\"minLength\":3,\"maxLength\":2}",
	    "s.json:1:28: \"maxLength\" is less than \"minLength\"\n" },
	{ VARIANT_WHOLE, "{\"minimum\":3,\"maximum\":2.9}",
	    "s.json:1:24: \"maximum\" is less than \"minimum\"\n" },
	{ VARIANT_WHOLE, "{\"minimum\":3,\"exclusiveMaximum\":3.0}",
	    "s.json:1:33: \"exclusiveMaximum\" leaves nothing beside "
	    "\"minimum\"\n" },
	{ VARIANT_WHOLE, "{\"multipleOf\":0}",
	    "s.json:1:15: \"multipleOf\" must be greater than 0\n" },
	{ VARIANT_WHOLE, "{\"required\":[\"a\",\"a\"]}",
	    "s.json:1:13: \"required\" must be a list of different "
	    "strings\n" },
	{ VARIANT_WHOLE, "{\"required\":[\"b\"],\"properties\":{\"a\":{}},"
	    "\"additionalProperties\":false}",
	    "s.json:1:14: \"b\" is required but is no property here\n" },
	{ VARIANT_WHOLE, "{\"enum\":[1,2,1.0]}",
	    "s.json:1:14: repeats a value of \"enum\"\n" },
	{ VARIANT_WHOLE, "{\"format\":\"phone\"}",
	    "s.json:1:11: \"format\" has no \"phone\"; known are date-time, " },
	{ VARIANT_WHOLE, "{\"pattern\":\"^(a\"}",
	    "s.json:1:12: \"pattern\" " },
	{ VARIANT_WHOLE, "{\"readOnly\":true,\"writeOnly\":true}",
	    "s.json:1:30: \"writeOnly\" cannot go with \"readOnly\"\n" },
	{ VARIANT_WHOLE, "{\"$schema\":\"http://json-schema.org/draft-07/"
	    "schema#\"}",
	    "s.json:1:12: \"$schema\" names an older draft; write "
	    "https://json-schema.org/draft/2020-12/schema\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"#/$defs/x\"}",
	    "s.json:1:9: the $ref \"#/$defs/x\" leads nowhere in s.json\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"none.json\"}",
	    "s.json:1:9: \"none.json\" cannot be read: No such file or "
	    "directory\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"../etc/passwd\"}",
	    "s.json:1:9: the $ref \"../etc/passwd\" leads out of the "
	    "contract's directory\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"%2e%2e/x.json\"}",
	    "s.json:1:9: the $ref \"../x.json\" leads out of the contract's "
	    "directory\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"/etc/passwd\"}",
	    "s.json:1:9: the $ref \"/etc/passwd\" leads out of the contract's "
	    "directory\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"https://example.com/x\"}",
	    "s.json:1:9: the $ref \"https://example.com/x\" names a schema "
	    "that is not known: nothing has the URI https://example.com/x\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"#here\"}",
	    "s.json:1:9: the $ref \"#here\" leads nowhere in s.json\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"#\"}",
	    "s.json:1:9: goes round in a circle that consumes nothing\n" },
	{ VARIANT_WHOLE, "{\"$defs\":{\"a\":{\"allOf\":[{\"$ref\":"
	    "\"#/$defs/b\"}]},\"b\":{\"$ref\":\"#/$defs/a\"}}}",
	    "s.json:1:33: goes round in a circle that consumes nothing\n" },
	{ VARIANT_WHOLE, "{\"type\":\"string\",\"examples\":[\"a\",1]}",
	    "s.json:1:34: the example does not satisfy its schema: \"\" "
	    "\"must be string\"\n" },
	{ VARIANT_WHOLE, "{\"properties\":{\"n\":{\"maximum\":3,"
	    "\"default\":4}}}",
	    "s.json:1:43: the default does not satisfy its schema: \"\" "
	    "\"must be at most 3\"\n" },
	{ VARIANT_CREATE, "{\"type\":\"object\"}",
	    "s.json:1:1: must be an object schema: \"type\": \"object\" with "
	    "\"properties\"\n" },
	{ VARIANT_BODY, "true",
	    "s.json:1:1: must be an object schema: \"type\": \"object\" with "
	    "\"properties\"\n" },
	{ VARIANT_WHOLE, "{\"type\":\"string\",}",
	    "s.json:1:18: is not well-formed JSON: " },
};

START_TEST(a_faulty_schema_is_refused_with_its_place)
{
	write_file("s.json", refused[_i].text);
	ck_assert_ptr_null(schema_compile(set, "s.json", refused[_i].variant,
	    &faults));
	if (refused[_i].faults[strlen(refused[_i].faults) - 1] == '\n')
		ck_assert_str_eq(faults.at, refused[_i].faults);
	else
		ck_assert_msg(strncmp(faults.at, refused[_i].faults,
		    strlen(refused[_i].faults)) == 0, "%s", faults.at);
}
END_TEST

START_TEST(a_missing_file_is_a_fault_at_its_own_place)
{
	ck_assert_ptr_null(schema_compile(set, "gone.json", VARIANT_WHOLE,
	    &faults));
	ck_assert_str_eq(faults.at,
	    "gone.json:1:1: cannot be read: No such file or directory\n");
	buf_clear(&faults);
	ck_assert_ptr_null(schema_compile(set, "../gone.json", VARIANT_WHOLE,
	    &faults));
	ck_assert_str_eq(faults.at, "../gone.json:1:1: is not a file below "
	    "the contract's directory\n");
}
END_TEST

START_TEST(a_fault_is_told_once_and_does_not_stain_other_files)
{
	write_file("common.json", "{\"type\":\"integer\"}");
	write_file("bad.json", "{\"$ref\":\"common.json\",\"nope\":1}");
	write_file("good.json", "{\"$ref\":\"common.json\"}");
	write_file("user.json", "{\"items\":{\"$ref\":\"bad.json\"}}");
	ck_assert_ptr_null(schema_compile(set, "bad.json", VARIANT_WHOLE,
	    &faults));
	ck_assert_str_eq(faults.at,
	    "bad.json:1:23: unknown keyword \"nope\"\n");
	ck_assert_ptr_null(schema_compile(set, "bad.json", VARIANT_WHOLE,
	    &faults));
	ck_assert_ptr_null(schema_compile(set, "user.json", VARIANT_WHOLE,
	    &faults));
	ck_assert_str_eq(faults.at,
	    "bad.json:1:23: unknown keyword \"nope\"\n");
	ck_assert_ptr_nonnull(schema_compile(set, "good.json", VARIANT_WHOLE,
	    &faults));
}
END_TEST

START_TEST(a_reference_is_relative_to_its_file)
{
	char path[64];
	const struct schema *schema;

	snprintf(path, sizeof(path), "%s/sub", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file("sub/a.json", "{\"properties\":{\"b\":{\"$ref\":"
	    "\"./b.json#/$defs/x~1y%20z\"},\"t\":{\"$ref\":\"../top.json\"}}}");
	write_file("sub/b.json", "{\"$defs\":{\"x/y z\":{\"type\":"
	    "\"integer\"}}}");
	write_file("top.json", "{\"properties\":{\"again\":{\"$ref\":"
	    "\"sub/a.json\"}},\"maxProperties\":1}");
	schema = schema_compile(set, "sub/a.json", VARIANT_WHOLE, &faults);
	ck_assert_msg(schema != NULL, "%s", faults.at);
	ck_assert_str_eq(issues_of(schema, "{\"b\":1,\"t\":{\"again\":{\"b\":"
	    "\"x\"}}}"), "\"/t/again/b\" invalid_type type "
	    "{\"expected\":\"integer\"}\n");
	ck_assert_ptr_eq(schema, schema_compile(set, "./sub/../sub/a.json",
	    VARIANT_WHOLE, &faults));
}
END_TEST

/* ---- issues of documents ---- */

#define SHAPES                                                                 \
	"{\"oneOf\":["                                                         \
	"{\"$ref\":\"#/$defs/circle\"},"                                       \
	"{\"type\":\"object\",\"required\":[\"kind\"],"                        \
	"\"properties\":{\"kind\":{\"enum\":[\"box\",\"cube\"]},"              \
	"\"side\":{\"type\":\"number\"}},\"additionalProperties\":false}],"    \
	"\"$defs\":{\"circle\":{\"type\":\"object\",\"required\":[\"kind\","   \
	"\"radius\"],\"properties\":{\"kind\":{\"const\":\"circle\"},"         \
	"\"radius\":{\"minimum\":0}}}}}"

static const struct {
	const char *schema, *document, *issues;
} judged[] = {
	{ "{\"type\":[\"string\",\"null\"]}", "5",
	    "\"\" invalid_type type {\"expected\":\"string or null\"}\n" },
	{ "{\"type\":\"integer\"}", "1.0", "" },
	{ "{\"type\":\"integer\"}", "1e2", "" },
	{ "{\"type\":\"integer\"}", "1.5",
	    "\"\" invalid_type type {\"expected\":\"integer\"}\n" },
	{ "{\"enum\":[\"a\",1,null,false]}", "1.0", "" },
	{ "{\"enum\":[\"a\",1,null]}", "0",
	    "\"\" invalid_value enum {\"values\":[\"a\",1,null]}\n" },
	{ "{\"enum\":[false,[0]]}", "0",
	    "\"\" invalid_value enum {\"values\":[false,[0]]}\n" },
	{ "{\"const\":{\"a\":1,\"b\":[2]}}", "{\"b\":[2.0],\"a\":1}", "" },
	{ "{\"const\":\"x\"}", "\"y\"",
	    "\"\" invalid_value const {\"values\":[\"x\"]}\n" },
	{ "{\"minLength\":3,\"pattern\":\"^[A-Z]+$\",\"format\":\"email\"}",
	    "\"ab\"",
	    "\"\" too_small minLength {\"minimum\":3,\"inclusive\":true,"
	    "\"origin\":\"string\"}\n"
	    "\"\" invalid_format format {\"format\":\"email\"}\n"
	    "\"\" invalid_format pattern {\"pattern\":\"^[A-Z]+$\"}\n" },
	{ "{\"maxLength\":2}", "\"\\u00e4\\ud83d\\ude00\"", "" },
	{ "{\"maxLength\":2}", "\"\\u00e4\\ud83d\\ude00x\"",
	    "\"\" too_big maxLength {\"maximum\":2,\"inclusive\":true,"
	    "\"origin\":\"string\"}\n" },
	{ "{\"minLength\":2}", "\"\\ud83d\\ude00\"",
	    "\"\" too_small minLength {\"minimum\":2,\"inclusive\":true,"
	    "\"origin\":\"string\"}\n" },
	{ "{\"exclusiveMinimum\":0,\"multipleOf\":0.01}", "-0.005",
	    "\"\" too_small exclusiveMinimum {\"minimum\":0,"
	    "\"inclusive\":false,\"origin\":\"number\"}\n"
	    "\"\" not_multiple_of multipleOf {\"divisor\":0.01}\n" },
	{ "{\"multipleOf\":0.01}", "0.07", "" },
	{ "{\"multipleOf\":0.01}", "19.99", "" },
	{ "{\"multipleOf\":0.01}", "4.35", "" },
	{ "{\"multipleOf\":0.01}", "19.995",
	    "\"\" not_multiple_of multipleOf {\"divisor\":0.01}\n" },
	{ "{\"maximum\":18446744073709551614}", "18446744073709551615",
	    "\"\" too_big maximum {\"maximum\":18446744073709551614,"
	    "\"inclusive\":true,\"origin\":\"number\"}\n" },
	{ "{\"minimum\":-9223372036854775807}", "-9223372036854775808",
	    "\"\" too_small minimum {\"minimum\":-9223372036854775807,"
	    "\"inclusive\":true,\"origin\":\"number\"}\n" },
	{ "{\"maximum\":9007199254740992}", "9007199254740993.0",
	    "\"\" too_big maximum {\"maximum\":9007199254740992,"
	    "\"inclusive\":true,\"origin\":\"number\"}\n" },
	{ "{\"items\":{\"type\":\"integer\"},\"minItems\":4}", "[1,\"x\",3]",
	    "\"\" too_small minItems {\"minimum\":4,\"inclusive\":true,"
	    "\"origin\":\"array\"}\n"
	    "\"/1\" invalid_type type {\"expected\":\"integer\"}\n" },
	{ "{\"maxItems\":1,\"items\":{\"type\":\"integer\"}}",
	    "[\"x\",\"y\"]",
	    "\"\" too_big maxItems {\"maximum\":1,\"inclusive\":true,"
	    "\"origin\":\"array\"}\n" },
	{ "{\"uniqueItems\":true}", "[1,{\"a\":1},1.0]",
	    "\"\" custom uniqueItems -\n" },
	{ "{\"prefixItems\":[true,{\"type\":\"null\"}],\"items\":false}",
	    "[1,2,3]",
	    "\"/1\" invalid_type type {\"expected\":\"null\"}\n"
	    "\"/2\" custom false -\n" },
	/* Members in the payload's order, unknown ones, then missing ones. */
	{ "{\"properties\":{\"a\":{},\"b\":{\"type\":\"null\"},\"c\":{},"
	    "\"d\":{\"type\":\"null\"}},\"required\":[\"z\",\"c\",\"a\"]}",
	    "{\"d\":1,\"b\":1}",
	    "\"/d\" invalid_type type {\"expected\":\"null\"}\n"
	    "\"/b\" invalid_type type {\"expected\":\"null\"}\n"
	    "\"/a\" invalid_type required {\"received\":\"missing\"}\n"
	    "\"/c\" invalid_type required {\"received\":\"missing\"}\n"
	    "\"/z\" invalid_type required {\"received\":\"missing\"}\n" },
	{ "{\"properties\":{\"o\":{\"properties\":{\"a\":{}},"
	    "\"additionalProperties\":false}}}",
	    "{\"o\":{\"x\\\"\":1,\"a\":1,\"y\":2}}",
	    "\"/o\" unrecognized_keys additionalProperties "
	    "{\"keys\":[\"x\\\"\",\"y\"]}\n" },
	{ "{\"additionalProperties\":{\"type\":\"integer\"}}",
	    "{\"a/b\":1,\"c~d\":\"x\"}",
	    "\"/c~0d\" invalid_type type {\"expected\":\"integer\"}\n" },
	{ "{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"}}",
	    "{\"ok\":1,\"No\":2}",
	    "\"\" invalid_key propertyNames {\"keys\":[\"No\"]}\n" },
	{ "{\"propertyNames\":{\"enum\":[\"ok\"]},\"minProperties\":3}",
	    "{\"ok\":1,\"No\":2}",
	    "\"\" invalid_key propertyNames {\"keys\":[\"No\"]}\n"
	    "\"\" too_small minProperties {\"minimum\":3,\"inclusive\":true,"
	    "\"origin\":\"object\"}\n" },
	{ "{\"dependentRequired\":{\"card\":[\"expiry\",\"name\"]}}",
	    "{\"card\":1,\"name\":2}",
	    "\"/expiry\" invalid_type dependentRequired "
	    "{\"with\":\"card\"}\n" },
	{ "{\"not\":{\"type\":\"null\"}}", "null", "\"\" custom not -\n" },
	{ "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},"
	    "\"else\":{\"required\":[\"c\"]}}", "{\"a\":1}",
	    "\"/b\" invalid_type required {\"received\":\"missing\"}\n" },
	{ "{\"allOf\":[{\"minimum\":3},{\"multipleOf\":2}]}", "1",
	    "\"\" too_small minimum {\"minimum\":3,\"inclusive\":true,"
	    "\"origin\":\"number\"}\n"
	    "\"\" not_multiple_of multipleOf {\"divisor\":2}\n" },
	/* Told apart by a member: the chosen branch alone counts. */
	{ SHAPES, "{\"kind\":\"cube\",\"side\":1}", "" },
	{ SHAPES, "{\"kind\":\"circle\",\"radius\":-1}",
	    "\"/radius\" too_small minimum {\"minimum\":0,\"inclusive\":true,"
	    "\"origin\":\"number\"}\n" },
	{ SHAPES, "{\"kind\":\"box\",\"radius\":-1}",
	    "\"\" unrecognized_keys additionalProperties "
	    "{\"keys\":[\"radius\"]}\n" },
	{ SHAPES, "{\"kind\":\"ball\"}",
	    "\"/kind\" invalid_value enum "
	    "{\"values\":[\"circle\",\"box\",\"cube\"]}\n" },
	{ SHAPES, "{\"kind\":7}",
	    "\"/kind\" invalid_value enum "
	    "{\"values\":[\"circle\",\"box\",\"cube\"]}\n" },
	{ SHAPES, "{}",
	    "\"/kind\" invalid_type required {\"received\":\"missing\"}\n" },
	{ SHAPES, "[]",
	    "\"\" invalid_type type {\"expected\":\"object\"}\n" },
	/* Not told apart: the nearest branch, or the union itself. */
	{ "{\"anyOf\":[{\"type\":\"string\",\"format\":\"email\"},"
	    "{\"type\":\"null\"}]}", "\"x\"",
	    "\"\" invalid_format format {\"format\":\"email\"}\n" },
	{ "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "1",
	    "\"\" invalid_union anyOf -\n" },
	{ "{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{}",
	    "\"\" invalid_union anyOf -\n" },
	{ "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "3",
	    "\"\" invalid_union oneOf -\n" },
	{ "{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
	    "\"object\",\"properties\":{\"b\":{\"type\":\"null\"}}}}},"
	    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}}}"
	    "]}", "{\"a\":{\"b\":1}}",
	    "\"/a/b\" invalid_type type {\"expected\":\"null\"}\n" },
	{ "{\"anyOf\":[{\"anyOf\":[{\"type\":\"string\",\"minLength\":2},"
	    "{\"type\":\"null\"}]},{\"type\":\"integer\"}]}", "\"\"",
	    "\"\" too_small minLength {\"minimum\":2,\"inclusive\":true,"
	    "\"origin\":\"string\"}\n" },
	/* Patterns, and what nothing evaluated: at compile time, and not. */
	{ "{\"patternProperties\":{\"^n_\":{\"type\":\"integer\"},"
	    "\"_s$\":{\"minimum\":2}},\"additionalProperties\":false}",
	    "{\"n_s\":1,\"n_a\":\"x\",\"z\":1}",
	    "\"/n_s\" too_small minimum {\"minimum\":2,\"inclusive\":true,"
	    "\"origin\":\"number\"}\n"
	    "\"/n_a\" invalid_type type {\"expected\":\"integer\"}\n"
	    "\"\" unrecognized_keys additionalProperties "
	    "{\"keys\":[\"z\"]}\n" },
	{ "{\"$ref\":\"#/$defs/a\",\"properties\":{\"b\":{}},"
	    "\"unevaluatedProperties\":false,\"$defs\":{\"a\":{"
	    "\"properties\":{\"a\":{\"type\":\"null\"}},"
	    "\"patternProperties\":{\"^x-\":{}}}}}",
	    "{\"y\":1,\"a\":1,\"b\":1,\"x-a\":1}",
	    "\"\" unrecognized_keys unevaluatedProperties "
	    "{\"keys\":[\"y\"]}\n"
	    "\"/a\" invalid_type type {\"expected\":\"null\"}\n" },
	{ "{\"$ref\":\"#/$defs/a\",\"unevaluatedProperties\":{\"type\":"
	    "\"null\"},\"$defs\":{\"a\":{\"properties\":{\"a\":{}}}}}",
	    "{\"y\":1,\"a\":1,\"z\":null}",
	    "\"/y\" invalid_type type {\"expected\":\"null\"}\n" },
	{ "{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}},"
	    "{\"properties\":{\"b\":{\"const\":1}},\"required\":[\"b\"]}],"
	    "\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":2}",
	    "\"\" unrecognized_keys unevaluatedProperties "
	    "{\"keys\":[\"b\"]}\n" },
	{ "{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}},"
	    "{\"properties\":{\"b\":{\"const\":1}},\"required\":[\"b\"]}],"
	    "\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":1}", "" },
	/* Of a broken union nobody knows what it evaluated. */
	{ "{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}},"
	    "{\"required\":[\"b\"]}],\"unevaluatedProperties\":false}",
	    "{\"a\":2}", "\"\" invalid_union anyOf -\n" },
	{ "{\"if\":{\"properties\":{\"k\":{\"const\":1}}},\"then\":{"
	    "\"properties\":{\"a\":{}}},\"unevaluatedProperties\":"
	    "{\"type\":\"null\"}}", "{\"k\":1,\"a\":1,\"c\":0}",
	    "\"/c\" invalid_type type {\"expected\":\"null\"}\n" },
	{ "{\"dependentSchemas\":{\"a\":{\"required\":[\"b\"]}}}",
	    "{\"a\":1}",
	    "\"/b\" invalid_type required {\"received\":\"missing\"}\n" },
	{ "{\"prefixItems\":[{\"type\":\"null\"}],\"allOf\":[{"
	    "\"prefixItems\":[true,true]}],\"unevaluatedItems\":false}",
	    "[1,2,3]",
	    "\"/0\" invalid_type type {\"expected\":\"null\"}\n"
	    "\"/2\" custom false -\n" },
	{ "{\"contains\":{\"type\":\"null\"},\"unevaluatedItems\":{"
	    "\"type\":\"integer\"}}", "[null,1,\"x\"]",
	    "\"/2\" invalid_type type {\"expected\":\"integer\"}\n" },
	{ "{\"contains\":{\"type\":\"null\"}}", "[1]",
	    "\"\" custom contains -\n" },
	{ "{\"contains\":{\"type\":\"null\"},\"minContains\":2,"
	    "\"maxContains\":3}", "[1,null]",
	    "\"\" too_small minContains {\"minimum\":2,\"inclusive\":true,"
	    "\"origin\":\"array\"}\n" },
	{ "{\"contains\":{\"type\":\"null\"},\"minContains\":0,"
	    "\"maxContains\":1}", "[null,null,null]",
	    "\"\" too_big maxContains {\"maximum\":1,\"inclusive\":true,"
	    "\"origin\":\"array\"}\n" },
	/* What annotates is no rule; x- is for whoever wants it. */
	{ "{\"contentEncoding\":\"base64\",\"contentMediaType\":"
	    "\"application/json\",\"contentSchema\":false,\"x-note\":3,"
	    "\"$comment\":\"\",\"$vocabulary\":{}}", "\"{\"", "" },
	{ "false", "1", "\"\" custom false -\n" },
	{ "true", "{\"any\":[]}", "" },
	{ "{}", "null", "" },
};

START_TEST(a_document_gets_its_issues_in_order)
{
	ck_assert_str_eq(issues_of(compiled(judged[_i].schema, VARIANT_WHOLE),
	    judged[_i].document), judged[_i].issues);
}
END_TEST

START_TEST(unknown_members_are_told_few_and_short)
{
	const struct schema *schema = compiled(
	    "{\"additionalProperties\":false}", VARIANT_WHOLE);
	struct buf b;

	buf_init(&b, 1 << 16);
	buf_char(&b, '{');
	for (int i = 0; i < 30; i++)
		buf_format(&b, "%s\"%0200d\":1", i > 0 ? "," : "", i);
	buf_char(&b, '}');
	(void)issues_of(schema, b.at);
	buf_release(&b);
	ck_assert_uint_eq(sc.issue_count, 1);
	ck_assert_uint_eq(strlen(sc.issues[0].params),
	    strlen("{\"keys\":[]}") + 10 * 130 + 9);
}
END_TEST

/* ---- variants ---- */

#define LETTER                                                                 \
	"{\"type\":\"object\",\"required\":[\"id\",\"title\",\"author\"],"     \
	"\"minProperties\":2,"                                                 \
	"\"dependentRequired\":{\"title\":[\"body\"]},"                        \
	"\"allOf\":[{\"required\":[\"body\"]},"                                \
	"{\"properties\":{\"title\":{\"maxLength\":3}}}],"                     \
	"\"properties\":{"                                                     \
	"\"id\":{\"$ref\":\"#/$defs/key\"},"                                   \
	"\"author\":{\"type\":\"string\",\"x-createOnly\":true},"              \
	"\"title\":{\"type\":\"string\",\"minLength\":1},"                     \
	"\"body\":{\"type\":[\"string\",\"null\"],\"writeOnly\":true},"        \
	"\"nested\":{\"type\":\"object\",\"required\":[\"id\"],"               \
	"\"properties\":{\"id\":{\"readOnly\":true}}}},"                       \
	"\"$defs\":{\"key\":{\"type\":\"string\",\"format\":\"uuid\","         \
	"\"readOnly\":true}}}"

static const struct {
	enum variant variant;
	const char *document, *issues;
} variants[] = {
	{ VARIANT_CREATE, "{\"title\":\"a\",\"author\":\"b\",\"body\":null}",
	    "" },
	{ VARIANT_CREATE, "{\"title\":\"a\",\"author\":\"b\",\"body\":\"\","
	    "\"id\":\"x\",\"y\":1}",
	    "\"\" unrecognized_keys additionalProperties "
	    "{\"keys\":[\"id\",\"y\"]}\n" },
	{ VARIANT_CREATE, "{\"body\":\"\",\"nested\":{}}",
	    "\"/nested/id\" invalid_type required "
	    "{\"received\":\"missing\"}\n"
	    "\"/author\" invalid_type required {\"received\":\"missing\"}\n"
	    "\"/title\" invalid_type required {\"received\":\"missing\"}\n" },
	{ VARIANT_UPDATE, "{\"title\":\"abc\"}", "" },
	{ VARIANT_UPDATE, "{\"body\":null}", "" },
	{ VARIANT_UPDATE, "{\"title\":null}",
	    "\"/title\" invalid_type type {\"expected\":\"string\"}\n" },
	{ VARIANT_UPDATE, "{\"title\":\"abcd\"}",
	    "\"/title\" too_big maxLength {\"maximum\":3,\"inclusive\":true,"
	    "\"origin\":\"string\"}\n" },
	{ VARIANT_UPDATE, "{\"author\":\"x\",\"id\":\"y\"}",
	    "\"\" unrecognized_keys additionalProperties "
	    "{\"keys\":[\"author\",\"id\"]}\n" },
	{ VARIANT_UPDATE, "{}",
	    "\"\" too_small minProperties {\"minimum\":1,\"inclusive\":true,"
	    "\"origin\":\"object\"}\n" },
	{ VARIANT_UPDATE, "[]",
	    "\"\" invalid_type type {\"expected\":\"object\"}\n" },
	{ VARIANT_BODY, "{\"id\":\"2eb8aa08-aa98-11ea-b4aa-73b441d16380\","
	    "\"title\":\"a\",\"author\":\"b\",\"body\":null,\"z\":1}",
	    "\"\" unrecognized_keys additionalProperties "
	    "{\"keys\":[\"z\"]}\n" },
	{ VARIANT_WHOLE, "{\"id\":\"2eb8aa08-aa98-11ea-b4aa-73b441d16380\","
	    "\"title\":\"a\",\"author\":\"b\",\"body\":null,\"z\":1}", "" },
};

START_TEST(a_variant_takes_its_members)
{
	ck_assert_str_eq(issues_of(compiled(LETTER, variants[_i].variant),
	    variants[_i].document), variants[_i].issues);
}
END_TEST

START_TEST(properties_are_told_in_order_with_what_is_known)
{
	const struct schema *schema = compiled(LETTER, VARIANT_WHOLE);
	struct schema_property p;

	ck_assert_uint_eq(schema_types(schema), TYPE_OBJECT);
	ck_assert(schema_property(schema, 0, &p));
	ck_assert_str_eq(p.name, "id");
	ck_assert(p.read_only && !p.write_only && !p.create_only);
	ck_assert(p.required);
	ck_assert_uint_eq(p.types, TYPE_STRING);
	ck_assert_str_eq(p.format, "uuid");
	ck_assert_uint_eq(p.line, 1);
	ck_assert_uint_eq(p.column, (size_t)(strstr(LETTER, "\"id\":{\"$ref") -
	    LETTER) + 1);
	ck_assert_str_eq(json_object_get_string(json_object_object_get(
	    p.source, "format")), "uuid");
	ck_assert(schema_property(schema, 1, &p));
	ck_assert(p.create_only && p.required);
	ck_assert(schema_property(schema, 3, &p));
	ck_assert_str_eq(p.name, "body");
	ck_assert(p.write_only && !p.required);
	ck_assert_uint_eq(p.types, TYPE_STRING | TYPE_NULL);
	ck_assert_ptr_null(p.format);
	ck_assert(schema_property(schema, 4, &p));
	ck_assert(!schema_property(schema, 5, &p));
	ck_assert(schema_property(compiled(LETTER, VARIANT_UPDATE), 0, &p));
	ck_assert_str_eq(p.name, "title");
}
END_TEST

static const struct {
	const char *schema;
	unsigned types;
	const char *format;
} known[] = {
	{ "{}", 0, NULL },
	{ "{\"enum\":[\"a\",null]}", TYPE_STRING | TYPE_NULL, NULL },
	{ "{\"const\":1}", TYPE_INTEGER, NULL },
	{ "{\"type\":\"number\",\"allOf\":[{\"type\":\"integer\"}]}",
	    TYPE_INTEGER, NULL },
	{ "{\"anyOf\":[{\"type\":\"string\",\"format\":\"date\"},"
	    "{\"type\":\"null\"}]}", TYPE_STRING | TYPE_NULL, "date" },
	{ "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":1}]}", 0, NULL },
	{ "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
	    "\"b\":{\"type\":[\"boolean\"]}}}", TYPE_BOOLEAN, NULL },
};

START_TEST(types_are_known_through_references)
{
	struct schema_property p;
	const struct schema *schema = compiled(known[_i].schema,
	    VARIANT_WHOLE);

	ck_assert_uint_eq(schema_types(schema), known[_i].types);
	write_file("p.json", "{\"properties\":{\"p\":{\"$ref\":\"s.json\"}}}");
	schema = schema_compile(set, "p.json", VARIANT_WHOLE, &faults);
	ck_assert(schema_property(schema, 0, &p));
	ck_assert_uint_eq(p.types, known[_i].types);
	ck_assert_pstr_eq(p.format, known[_i].format);
}
END_TEST

/* ---- texts ---- */

static const struct {
	const char *schema, *text;
	bool valid;
} texts[] = {
	{ "{\"type\":\"string\",\"maxLength\":2}", "12", true },
	{ "{\"type\":\"string\",\"maxLength\":2}", "123", false },
	{ "{\"type\":[\"integer\",\"string\"],\"minimum\":5}", "1", true },
	{ "{}", "anything", true },
	{ "{\"type\":\"integer\",\"maximum\":9}", "9", true },
	{ "{\"type\":\"integer\",\"maximum\":9}", "10", false },
	{ "{\"type\":\"integer\"}", "1.0", false },
	{ "{\"type\":\"integer\"}", " 1", false },
	{ "{\"type\":\"integer\"}", "1 ", false },
	{ "{\"type\":\"integer\"}", "01", false },
	{ "{\"type\":\"integer\"}", "+1", false },
	{ "{\"type\":\"integer\"}", "", false },
	{ "{\"type\":\"integer\"}", "1,2", false },
	{ "{\"type\":\"integer\"}", "123456789012345678901234567890", false },
	{ "{\"type\":\"number\",\"multipleOf\":0.01}", "19.99", true },
	{ "{\"type\":\"number\"}", "NaN", false },
	{ "{\"type\":\"number\"}", "true", false },
	{ "{\"type\":[\"boolean\",\"null\"]}", "true", true },
	{ "{\"type\":\"boolean\"}", "TRUE", false },
	{ "{\"type\":\"boolean\"}", "1", false },
	{ "{\"type\":\"object\"}", "{}", false },
	{ "{\"enum\":[1,2]}", "2", true },
	{ "{\"enum\":[1,2]}", "3", false },
};

START_TEST(a_text_is_judged_as_the_value_that_it_stands_for)
{
	struct place at = { NULL, "limit", 5, 0 };
	bool valid = schema_judge_text(compiled(texts[_i].schema,
	    VARIANT_WHOLE), &sc, &at, texts[_i].text);

	ck_assert_int_eq(valid, texts[_i].valid);
	ck_assert_int_eq(valid, sc.issue_count == 0);
	if (!valid)
		ck_assert_str_eq(sc.issues[0].pointer, "\"/limit\"");
}
END_TEST

/* ---- numbers ---- */

static const struct {
	const char *a, *b;
	int order;
} orders[] = {
	{ "1", "1.0", 0 }, { "0", "-0.0", 0 }, { "1e2", "100", 0 },
	{ "-1", "1", -1 }, { "-2", "-1", -1 }, { "0", "-1e-30", 1 },
	{ "0.1", "0.10000", 0 },
	{ "9007199254740993", "9007199254740992.0", 1 },
	{ "18446744073709551615", "1.8446744073709551615e19", 0 },
	{ "18446744073709551615", "18446744073709551616.0", -1 },
	{ "0.12345678901234567890123", "0.123456789012345678901229", 1 },
	{ "123456789012345678901234.5", "123456789012345678901234.50", 0 },
	{ "1e308", "9e307", 1 }, { "12e-1", "1.2", 0 }, { "0.5", "5e-2", 1 },
	{ "1e-400", "0", 1 },
};

START_TEST(numbers_are_compared_exactly)
{
	struct json_object *a = read_text(orders[_i].a);
	struct json_object *b = read_text(orders[_i].b);
	unsigned steps = 1000;
	struct number na, nb;
	int order;

	number_of(a, &na);
	number_of(b, &nb);
	order = number_compare(&na, &nb);
	ck_assert_int_eq((order > 0) - (order < 0), orders[_i].order);
	order = number_compare(&nb, &na);
	ck_assert_int_eq((order > 0) - (order < 0), -orders[_i].order);
	ck_assert_int_eq(value_equal(a, b), orders[_i].order == 0);
	if (orders[_i].order == 0)
		ck_assert(value_hash(a, 7, &steps) ==
		    value_hash(b, 7, &steps));
	else
		ck_assert(value_hash(a, 7, &steps) !=
		    value_hash(b, 7, &steps));
	json_object_put(a);
	json_object_put(b);
}
END_TEST

static const struct {
	const char *n, *divisor;
	bool multiple;
} multiples[] = {
	{ "0.07", "0.01", true }, { "19.99", "0.01", true },
	{ "0.075", "0.01", false }, { "1e308", "0.123456789", false },
	{ "1e308", "0.5", true }, { "0", "7", true }, { "-21", "7", true },
	{ "100", "1e2", true }, { "150", "1e2", false }, { "4.5", "1.5", true },
	{ "18446744073709551615", "5", true },
	{ "18446744073709551615", "18446744073709551615", true },
	{ "12345678901234567890123.45", "0.05", true },
	{ "12345678901234567890123.46", "0.05", false },
	{ "3", "0.0001", true }, { "1e-8", "1e-7", false },
};

START_TEST(multiples_are_exact)
{
	struct json_object *n = read_text(multiples[_i].n);
	struct json_object *divisor = read_text(multiples[_i].divisor);
	struct number a, b;

	number_of(n, &a);
	number_of(divisor, &b);
	if (b.text == NULL)
		ck_assert_int_eq(number_is_multiple(&a, &b),
		    multiples[_i].multiple);
	json_object_put(n);
	json_object_put(divisor);
}
END_TEST

/* ---- the plain standard ---- */

/* A set by the plain standard in place of the contract's. */
static void
set_plainly(bool assert_format)
{
	schema_set_free(set);
	set = schema_set_new(directory,
	    &(struct schema_options){ .assert_format = assert_format });
}

static const struct {
	bool assert_format;
	const char *schema, *document, *issues;
} plain[] = {
	{ false, "{\"unknown\":1,\"format\":\"email\",\"x-createOnly\":1}",
	    "\"x\"", "" },
	{ true, "{\"format\":\"email\"}", "\"x\"",
	    "\"\" invalid_format format {\"format\":\"email\"}\n" },
	{ true, "{\"format\":\"shoe-size\"}", "\"x\"", "" },
	{ false, "{\"default\":1,\"type\":\"string\",\"maxLength\":0,"
	    "\"minLength\":1}", "\"\"",
	    "\"\" too_small minLength {\"minimum\":1,\"inclusive\":true,"
	    "\"origin\":\"string\"}\n" },
	{ false, "{\"enum\":[]}", "1",
	    "\"\" invalid_value enum {\"values\":[]}\n" },
	{ false, "{\"maximum\":1e400,\"exclusiveMinimum\":"
	    "123456789012345678901234567890}",
	    "123456789012345678901234567890",
	    "\"\" too_small exclusiveMinimum {\"minimum\":"
	    "123456789012345678901234567890,\"inclusive\":false,"
	    "\"origin\":\"number\"}\n" },
	{ false, "{\"maximum\":1e400}", "1.1e400",
	    "\"\" too_big maximum {\"maximum\":1e400,\"inclusive\":true,"
	    "\"origin\":\"number\"}\n" },
	{ false, "{\"dependencies\":{\"a\":[\"b\"],\"c\":false}}",
	    "{\"a\":1,\"c\":1}",
	    "\"/b\" invalid_type dependentRequired {\"with\":\"a\"}\n"
	    "\"\" custom false -\n" },
	/* $id moves the base; anchors are of their resource. */
	{ false, "{\"$id\":\"http://a.example/b/c\",\"$ref\":\"../d?q#e\","
	    "\"$defs\":{\"d\":{\"$id\":\"/d?q\",\"$anchor\":\"x\","
	    "\"not\":{\"$anchor\":\"e\",\"type\":\"null\"}}}}", "1",
	    "\"\" invalid_type type {\"expected\":\"null\"}\n" },
	{ false, "{\"$ref\":\"urn:a:b#/%24defs/a~1%25\",\"$defs\":{\"u\":{"
	    "\"$id\":\"urn:a:b\",\"$defs\":{\"a/%\":{\"type\":"
	    "\"null\"}}}}}", "1",
	    "\"\" invalid_type type {\"expected\":\"null\"}\n" },
	/* The metaschema judges schemas at any depth. */
	{ false, "{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}",
	    "{\"items\":{\"allOf\":[{\"minLength\":-1}]}}",
	    "\"/items/allOf/0/minLength\" too_small minimum {\"minimum\":0,"
	    "\"inclusive\":true,\"origin\":\"number\"}\n" },
};

START_TEST(the_plain_standard_takes_what_a_contract_refuses)
{
	const struct schema *schema;
	struct json_object *value;
	struct json_fault fault;

	set_plainly(plain[_i].assert_format);
	schema = compiled(plain[_i].schema, VARIANT_WHOLE);
	ck_assert(json_read(plain[_i].document, strlen(plain[_i].document),
	    &json_caps_standard, &value, &fault));
	arena_reset(arena);
	scope_init(&sc, arena);
	ck_assert_int_eq(schema_judge(schema, &sc, NULL, value),
	    *plain[_i].issues == '\0');
	json_object_put(value);
	ck_assert_str_eq(issue_lines(), plain[_i].issues);
}
END_TEST

static const char *const plainly_refused[][2] = {
	{ "{\"$schema\":\"http://x.example/s\"}", "s.json:1:12: \"$schema\" "
	    "names a metaschema that is not known: http://x.example/s\n" },
	{ "{\"$schema\":\"urn:m\",\"$defs\":{\"m\":{\"$id\":\"urn:m\","
	    "\"$vocabulary\":{\"urn:v\":true}}}}", "s.json:1:12: \"$schema\" "
	    "requires the vocabulary urn:v, which is not known\n" },
};

START_TEST(the_plain_standard_refuses_what_it_cannot_know)
{
	set_plainly(false);
	for (int again = 0; again < 2; again++) {
		write_file("s.json", plainly_refused[_i][0]);
		ck_assert_ptr_null(schema_compile(set, "s.json", VARIANT_WHOLE,
		    &faults));
		ck_assert_str_eq(faults.at, plainly_refused[_i][1]);
	}
}
END_TEST

static bool
registered(const char *uri, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return schema_set_register(set, uri, path, &faults);
}

START_TEST(a_registered_document_is_found_by_both_its_names)
{
	write_file("other.json", "{\"$id\":\"urn:other\",\"type\":\"null\"}");
	write_file("bad.json", "{");
	ck_assert(registered("http://h.example/x/o.json", "other.json"));
	ck_assert(registered("http://h.example/x/o.json", "gone.json"));
	ck_assert_str_eq(faults.at, "");
	ck_assert_str_eq(issues_of(compiled("{\"$ref\":\"urn:other\","
	    "\"not\":{\"$ref\":\"http://h.example/x/y/../o.json#\"}}",
	    VARIANT_WHOLE), "null"), "\"\" custom not -\n");
	ck_assert(!registered("relative.json", "other.json"));
	ck_assert(!registered("urn:bad", "bad.json"));
	ck_assert(!registered("urn:gone", "gone.json"));
	ck_assert_ptr_nonnull(strstr(faults.at, "no absolute URI"));
	ck_assert_ptr_nonnull(strstr(faults.at, "bad.json:1:2: is not well-"));
	ck_assert_ptr_nonnull(strstr(faults.at, "gone.json:1:1: cannot be "));
}
END_TEST

START_TEST(a_file_with_an_id_still_finds_its_neighbours)
{
	write_file("n.json", "{\"type\":\"null\"}");
	write_file("i.json", "{\"$id\":\"https://h.example/v1/i.json\","
	    "\"type\":\"null\"}");
	write_file("j.json", "{\"$id\":\"https://else.example/j.json\"}");
	ck_assert_str_eq(issues_of(compiled("{\"$id\":"
	    "\"https://h.example/v1/s.json\",\"prefixItems\":[{\"$ref\":"
	    "\"n.json\"},{\"$ref\":\"i.json\"}]}", VARIANT_WHOLE), "[1,1]"),
	    "\"/0\" invalid_type type {\"expected\":\"null\"}\n"
	    "\"/1\" invalid_type type {\"expected\":\"null\"}\n");
	write_file("k.json", "{\"$id\":\"https://h.example/v1/k.json\","
	    "\"$ref\":\"j.json\"}");
	ck_assert_ptr_null(schema_compile(set, "k.json", VARIANT_WHOLE,
	    &faults));
}
END_TEST

/* A tree whose nodes are whatever the resource that is entered first says. */
static const char tree[] = "{\"$id\":\"urn:tree\",\"$dynamicAnchor\":"
	"\"node\",\"properties\":{\"data\":true,\"children\":{\"items\":{"
	"\"$dynamicRef\":\"#node\"}}}}";

START_TEST(a_dynamic_reference_means_what_was_entered_first)
{
	const struct schema *loose, *strict;

	write_file("tree.json", tree);
	write_file("strict.json", "{\"$id\":\"urn:strict\","
	    "\"$dynamicAnchor\":\"node\",\"$ref\":\"urn:tree\","
	    "\"unevaluatedProperties\":false}");
	ck_assert(registered("urn:tree", "tree.json"));
	loose = schema_compile(set, "tree.json", VARIANT_WHOLE, &faults);
	strict = schema_compile(set, "strict.json", VARIANT_WHOLE, &faults);
	ck_assert_str_eq(faults.at, "");
	ck_assert_ptr_eq(loose, schema_compile(set, "tree.json",
	    VARIANT_WHOLE, &faults));
	ck_assert_str_eq(issues_of(loose,
	    "{\"children\":[{\"daat\":1}]}"), "");
	ck_assert_str_eq(issues_of(strict,
	    "{\"children\":[{\"daat\":1}]}"), "\"/children/0\" "
	    "unrecognized_keys unevaluatedProperties {\"keys\":[\"daat\"]}\n");
	ck_assert_str_eq(issues_of(strict, "{\"children\":[{\"data\":1,"
	    "\"children\":[]}]}"), "");
}
END_TEST

/* ---- URIs: the examples of RFC 3986, section 5.4 ---- */

static const char *const resolved[][2] = {
	{ "g:h", "g:h" }, { "g", "http://a/b/c/g" },
	{ "./g", "http://a/b/c/g" }, { "g/", "http://a/b/c/g/" },
	{ "/g", "http://a/g" }, { "//g", "http://g" },
	{ "?y", "http://a/b/c/d;p?y" }, { "g?y", "http://a/b/c/g?y" },
	{ "#s", "http://a/b/c/d;p?q" }, { "g#s", "http://a/b/c/g" },
	{ "g?y#s", "http://a/b/c/g?y" }, { ";x", "http://a/b/c/;x" },
	{ "g;x", "http://a/b/c/g;x" }, { "", "http://a/b/c/d;p?q" },
	{ ".", "http://a/b/c/" }, { "./", "http://a/b/c/" },
	{ "..", "http://a/b/" }, { "../", "http://a/b/" },
	{ "../g", "http://a/b/g" }, { "../..", "http://a/" },
	{ "../../", "http://a/" }, { "../../g", "http://a/g" },
	{ "../../../g", "http://a/g" }, { "../../../../g", "http://a/g" },
	{ "/./g", "http://a/g" }, { "/../g", "http://a/g" },
	{ "g.", "http://a/b/c/g." }, { ".g", "http://a/b/c/.g" },
	{ "g..", "http://a/b/c/g.." }, { "..g", "http://a/b/c/..g" },
	{ "./../g", "http://a/b/g" }, { "./g/.", "http://a/b/c/g/" },
	{ "g/./h", "http://a/b/c/g/h" }, { "g/../h", "http://a/b/c/h" },
	{ "g;x=1/./y", "http://a/b/c/g;x=1/y" },
	{ "g;x=1/../y", "http://a/b/c/y" },
	{ "g?y/./x", "http://a/b/c/g?y/./x" }, { "http:g", "http:g" },
};

START_TEST(a_reference_is_resolved_by_RFC_3986)
{
	ck_assert_str_eq(uri_resolve(arena, "http://a/b/c/d;p?q",
	    resolved[_i][0]), resolved[_i][1]);
	ck_assert_str_eq(uri_resolve(arena, "http://a", "b"), "http://a/b");
	ck_assert_str_eq(uri_resolve(arena, "urn:a:b", "#c"), "urn:a:b");
}
END_TEST

/* ---- gates, which flag mode judges by, against the search for issues ---- */

/* A closed object, with what it refers to. */
#define CLOSED                                                                 \
	"{\"$ref\":\"#/$defs/open\",\"properties\":{\"a\":{\"maximum\":5}},"   \
	"\"unevaluatedProperties\":false,\"$defs\":{\"open\":{\"properties\":" \
	"{\"b\":true,\"a\":{\"minimum\":3}},\"required\":[\"b\"]}}}"
/* Branches that are told by one walk. */
#define FORKED                                                                 \
	"{\"properties\":{\"k\":true},\"if\":{\"properties\":{\"k\":"          \
	"{\"const\":1}},\"required\":[\"k\"]},\"then\":{\"properties\":"       \
	"{\"x\":{\"type\":\"string\"}},\"required\":[\"x\"]},\"else\":{"       \
	"\"not\":{\"required\":[\"x\"]}},\"unevaluatedProperties\":{"          \
	"\"type\":\"null\"}}"
#define DEPENDENT                                                              \
	"{\"dependentSchemas\":{\"a\":{\"properties\":{\"b\":{\"type\":"       \
	"\"null\"}}}},\"dependentRequired\":{\"c\":[\"d\"]}}"

static const struct {
	const char *schema, *value;
	bool valid;
} gated[] = {
	{ CLOSED, "{\"b\":1,\"a\":4}", true },
	{ CLOSED, "{\"a\":4,\"b\":1}", true },
	{ CLOSED, "{\"b\":1,\"a\":6}", false },
	{ CLOSED, "{\"b\":1,\"a\":2}", false },
	{ CLOSED, "{\"b\":1,\"a\":4,\"\":0}", false },
	{ CLOSED, "{\"a\":4}", false },
	{ CLOSED, "[{}]", true },
	{ FORKED, "{\"k\":1,\"x\":\"\"}", true },
	{ FORKED, "{\"x\":\"\",\"k\":1}", true },
	{ FORKED, "{\"k\":1}", false },
	{ FORKED, "{\"k\":1,\"x\":1}", false },
	{ FORKED, "{\"k\":2,\"x\":\"\"}", false },
	{ FORKED, "{\"k\":1,\"x\":\"\",\"y\":null}", true },
	{ FORKED, "{\"k\":1,\"x\":\"\",\"y\":0}", false },
	{ FORKED, "{\"y\":null}", true },
	{ DEPENDENT, "{\"b\":1,\"d\":1}", true },
	{ DEPENDENT, "{\"b\":1,\"a\":1}", false },
	{ DEPENDENT, "{\"c\":1}", false },
	{ DEPENDENT, "{\"c\":1,\"d\":1}", true },
	{ "{\"required\":[\"a\\u0000b\"]}", "{\"a\":1}", false },
	{ "{\"properties\":{\"\":{\"type\":\"null\"}}}", "{\"\":1}", false },
	{ "{\"allOf\":[{\"properties\":{\"a\":true},"
	  "\"additionalProperties\":false},{\"properties\":{\"b\":true}}]}",
	    "{\"b\":1}", false },
	{ "{\"allOf\":[{\"minProperties\":1},{\"maxProperties\":1}]}",
	    "{\"a\":1,\"b\":2}", false },
	{ "{\"anyOf\":[{\"required\":[\"a\"]},{\"minProperties\":2}]}",
	    "{\"b\":1,\"c\":2}", true },
	{ "{\"propertyNames\":{\"enum\":[\"a\",1]}}", "{\"a\":1}", true },
	{ "{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}", false },
	{ "{\"type\":\"integer\",\"enum\":[1,2]}", "1.0", true },
	{ "{\"type\":\"integer\",\"maximum\":1}", "2.0", false },
	{ "{\"allOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}",
	    "1.5", false },
	{ "{\"allOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}",
	    "2.0", true },
	{ "{\"minimum\":1}", "0.99999999999999999999", false },
	{ "{\"exclusiveMaximum\":1}", "0.99999999999999999999", true },
	{ "{\"exclusiveMinimum\":-9}", "-9", false },
	{ "{\"maximum\":9007199254740993}", "9007199254740994", false },
	{ "{\"maximum\":9223372036854775807}", "9223372036854775808", false },
	{ "{\"minimum\":0.5}", "0", false },
	{ "{\"enum\":[0.1]}", "0.10000000000000000001", false },
	{ "{\"enum\":[9007199254740992]}", "9007199254740993", false },
	{ "{\"enum\":[10]}", "1.0e1", true },
	{ "{\"multipleOf\":0.25}", "8.0", true },
	{ "{\"multipleOf\":0.25}", "8.1", false },
	{ "{\"multipleOf\":0.01,\"maximum\":9}", "10.01", false },
	{ "{\"minLength\":2}", "\"\u00e4\"", false },
	{ "{\"minLength\":2}", "\"\u00e4b\"", true },
	{ "{\"maxLength\":2}", "\"\u00e4\u00e4\"", true },
};

START_TEST(flag_mode_agrees_with_the_search_for_issues)
{
	struct json_object *value = read_text(gated[_i].value);
	unsigned steps = SCHEMA_STEPS_MAX;
	const struct schema *schema;

	set_plainly(false);
	schema = compiled(gated[_i].schema, VARIANT_WHOLE);
	ck_assert_int_eq(schema_judge(schema, &sc, NULL, value),
	    gated[_i].valid);
	judge_collect(schema, &sc, NULL, value, &steps);
	/* Which tells that it found nothing as having taken too long. */
	ck_assert_int_eq(sc.issues[0].rule == RULE_COMPLEXITY,
	    gated[_i].valid);
	json_object_put(value);
}
END_TEST

/* ---- size and threads ---- */

START_TEST(a_dynamic_circle_ends)
{
	/* What is known only when it runs: a's anchor is the outermost. */
	const struct schema *schema = compiled("{\"$ref\":\"urn:a\","
	    "\"$defs\":{\"a\":" DYNAMIC_CIRCLE "}}", VARIANT_WHOLE);

	ck_assert_str_eq(issues_of(schema, "1"), "\"\" custom complexity -\n");
}
END_TEST

/* A chain of $ref: of members, or in place. */
static void
write_chain(const char *name, const char *link, const char *end, int length)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_format(&b, "{\"$ref\":\"#/$defs/%d\",\"$defs\":{\"0\":{}",
	    length);
	for (int i = 1; i <= length; i++)
		buf_format(&b, ",\"%d\":%s{\"$ref\":\"#/$defs/%d\"}%s", i,
		    link, i - 1, end);
	buf_string(&b, "}}");
	write_file(name, b.at);
	buf_release(&b);
}

START_TEST(schemas_do_not_nest_without_end)
{
	write_chain("m.json", "{\"items\":", "}", 400);
	ck_assert_ptr_nonnull(schema_compile(set, "m.json", VARIANT_WHOLE,
	    &faults));
	write_chain("n.json", "{\"items\":", "}", 5000);
	ck_assert_ptr_null(schema_compile(set, "n.json", VARIANT_WHOLE,
	    &faults));
	ck_assert_ptr_nonnull(strstr(faults.at, "nests too deeply"));
	buf_clear(&faults);
	write_chain("p.json", "", "", 200);
	ck_assert_ptr_nonnull(schema_compile(set, "p.json", VARIANT_WHOLE,
	    &faults));
	write_chain("q.json", "", "", 300);
	ck_assert_ptr_null(schema_compile(set, "q.json", VARIANT_WHOLE,
	    &faults));
	ck_assert_ptr_nonnull(strstr(faults.at, "to the same value"));
}
END_TEST

/* Of this thread alone, whatever else the machine does. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

START_TEST(schemas_that_fan_out_compile_in_no_time)
{
	uint64_t began = cpu_ns();
	struct buf b;

	/* Each level applies the next one twice: 2^60 ways to the last. */
	buf_init(&b, 1 << 20);
	buf_string(&b, "{\"oneOf\":[{\"$ref\":\"#/$defs/0\"},{\"$ref\":"
	    "\"#/$defs/0\"}],\"unevaluatedProperties\":false,"
	    "\"unevaluatedItems\":false,\"$defs\":{");
	for (int i = 0; i < 60; i++)
		buf_format(&b, "\"%d\":{\"type\":\"object\",\"required\":["
		    "\"k\"],\"allOf\":[{\"$ref\":\"#/$defs/%d\"},"
		    "{\"$ref\":\"#/$defs/%d\"}]},", i, i + 1, i + 1);
	buf_string(&b, "\"60\":{}}}");
	(void)compiled(b.at, VARIANT_WHOLE);
	buf_release(&b);
	ck_assert_uint_lt(cpu_ns() - began, UINT64_C(2000000000));
}
END_TEST

START_TEST(very_many_items_are_tracked)
{
	const struct schema *schema = compiled("{\"anyOf\":[{\"contains\":{"
	    "\"const\":1}},{\"contains\":{\"const\":2}}],"
	    "\"unevaluatedItems\":false}", VARIANT_WHOLE);
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < 5000; i++)
		json_object_array_add(array, json_object_new_int(1 + i % 2));
	ck_assert(schema_judge(schema, &sc, NULL, array));
	json_object_array_add(array, json_object_new_int(3));
	ck_assert(!schema_judge(schema, &sc, NULL, array));
	ck_assert_str_eq(issue_lines(), "\"/5000\" custom false -\n");
	json_object_put(array);
}
END_TEST

START_TEST(many_names_are_found_and_required)
{
	const struct schema *schema;
	struct buf text, document;

	buf_init(&text, 1 << 20);
	buf_init(&document, 1 << 20);
	buf_string(&text, "{\"additionalProperties\":false,\"required\":"
			  "[\"created_at_000\",\"created_at_699\"],"
			  "\"properties\":{");
	buf_char(&document, '{');
	for (int i = 0; i < 700; i++) {
		buf_format(&text, "%s\"created_at_%03d\":{\"const\":%d}",
		    i > 0 ? "," : "", i, i);
		if (i < 699)
			buf_format(&document, "%s\"created_at_%03d\":%d",
			    i > 0 ? "," : "", i, i);
	}
	buf_string(&text, "}}");
	buf_string(&document, "}");
	schema = compiled(text.at, VARIANT_WHOLE);
	ck_assert_str_eq(issues_of(schema, document.at), "\"/created_at_699\" "
	    "invalid_type required {\"received\":\"missing\"}\n");
	buf_release(&text);
	buf_release(&document);
}
END_TEST

START_TEST(many_unique_items_take_no_square_of_time)
{
	const struct schema *schema = compiled("{\"uniqueItems\":true}",
	    VARIANT_WHOLE);
	struct json_object *array = json_object_new_array();
	uint64_t began;

	for (int i = 0; i < 30000; i++) {
		struct json_object *item = json_object_new_object();

		json_object_object_add(item, "n", json_object_new_int(i));
		json_object_array_add(array, item);
	}
	began = cpu_ns();
	ck_assert(schema_judge(schema, &sc, NULL, array));
	ck_assert_uint_lt(cpu_ns() - began, UINT64_C(2000000000));
	json_object_array_add(array, read_text("{\"n\":25000.0}"));
	scope_init(&sc, arena);
	ck_assert(!schema_judge(schema, &sc, NULL, array));
	json_object_put(array);
}
END_TEST

static const char *const exhausting[] = {
	"{\"pattern\":\"^((a+)+)\\\\1$\"}",
	"{\"not\":{\"pattern\":\"^((a+)+)\\\\1$\"}}",
	"{\"additionalProperties\":{\"not\":{\"pattern\":\"^((a+)+)\\\\1$\"}}}",
	"{\"patternProperties\":{\"^((a+)+)\\\\1$\":false}}",
	"{\"propertyNames\":{\"not\":{\"pattern\":\"^((a+)+)\\\\1$\"}}}",
};

START_TEST(a_pattern_that_takes_too_long_refuses_the_value)
{
	const struct schema *schema = compiled(exhausting[_i], VARIANT_WHOLE);
	char text[2002];
	struct json_object *value, *object = json_object_new_object();

	memset(text, 'a', sizeof(text));
	text[2001] = '\0';
	value = json_object_new_string(text);
	json_object_object_add(object, _i < 3 ? "name" : text,
	    json_object_get(value));
	ck_assert(!schema_judge(schema, &sc, NULL, _i < 2 ? value : object));
	ck_assert_uint_eq(sc.issue_count, 1);
	ck_assert_ptr_nonnull(strstr(sc.cause, "too long to match"));
	json_object_put(value);
	json_object_put(object);
}
END_TEST

START_TEST(what_takes_too_many_steps_is_refused)
{
	/* Each level judges the next one twice. */
	const struct schema *schema = compiled("{\"allOf\":[{\"items\":{"
	    "\"$ref\":\"#\"}},{\"not\":{\"not\":{\"items\":{\"$ref\":\"#\"}}}}"
	    "]}", VARIANT_WHOLE);
	struct buf b;

	buf_init(&b, 1 << 16);
	for (int i = 0; i < 30; i++)
		buf_char(&b, '[');
	for (int i = 0; i < 30; i++)
		buf_char(&b, ']');
	ck_assert_str_eq(issues_of(schema, b.at), "\"\" custom complexity -\n");
	buf_release(&b);
}
END_TEST

/* One of them holds; so would each of many, but not all in bounded time. */
START_TEST(the_strings_of_a_document_share_one_bound)
{
	const struct schema *schema = compiled("{\"items\":{\"pattern\":"
	    "\"^(?:a|aa|ab)*(?=b)b$\"}}", VARIANT_WHOLE);
	struct buf b;

	buf_init(&b, 1 << 22);
	buf_char(&b, '[');
	for (int i = 0; i < 400; i++) {
		buf_string(&b, i == 0 ? "\"" : ",\"");
		for (int j = 0; j < 3000; j++)
			buf_char(&b, 'a');
		buf_string(&b, "b\"");
		if (i == 0) {
			buf_char(&b, ']');
			ck_assert_str_eq(issues_of(schema, b.at), "");
			buf_rewind(&b, b.length - 1);
		}
	}
	buf_char(&b, ']');
	ck_assert_str_eq(issues_of(schema, b.at), "\"\" custom complexity -\n");
	buf_release(&b);
}
END_TEST

/* As of a list's filters, each of which is short. */
START_TEST(the_values_of_a_request_share_one_bound)
{
	const struct schema *schema = compiled("{\"type\":\"string\","
	    "\"pattern\":\"^((a+)+)\\\\1$\"}", VARIANT_WHOLE);
	const char *slow = "aaaaaaaaaaaaa";
	unsigned turns = 0;

	ck_assert(schema_judge_text(schema, &sc, NULL, "aa"));
	for (; turns < 1000 && sc.issues[0].rule != RULE_COMPLEXITY;
	     turns++) {
		scope_issues_rewind(&sc, 0);
		ck_assert(!schema_judge_text(schema, &sc, NULL, slow));
	}
	ck_assert_uint_gt(turns, 1);
	ck_assert_uint_lt(turns, 1000);
	scope_issues_rewind(&sc, 0);
	ck_assert(!schema_judge_text(schema, &sc, NULL, "aa"));
	scope_init(&sc, arena);
	ck_assert(schema_judge_text(schema, &sc, NULL, "aa"));
}
END_TEST

START_TEST(steps_that_run_out_while_issues_are_collected_are_told)
{
	const struct schema *schema = compiled("{\"items\":{\"minLength\":1}}",
	    VARIANT_WHOLE);
	struct json_object *value = read_text("[\"\",\"\",\"\",\"\",\"\"]");
	unsigned steps = 10;

	ck_assert(!schema_judge_within(schema, &sc, NULL, value, &steps));
	ck_assert_uint_eq(steps, 0);
	ck_assert_uint_gt(sc.issue_count, 0);
	ck_assert_uint_lt(sc.issue_count, 5);
	ck_assert_int_eq(sc.issues[0].rule, RULE_MIN_LENGTH);
	ck_assert(sc.issues_truncated);
	json_object_put(value);
}
END_TEST

static const struct schema *shared;
static struct json_object *shared_value;

static void *
judge_often(void *wrong)
{
	struct arena *own = arena_new();
	struct scope scope;

	for (int i = 0; i < 2000; i++) {
		scope_init(&scope, own);
		if (schema_judge(shared, &scope, NULL, shared_value) ||
		    scope.issue_count != 2)
			*(bool *)wrong = true;
		arena_reset(own);
	}
	arena_free(own);
	return NULL;
}

START_TEST(threads_share_a_schema)
{
	pthread_t threads[4];
	bool wrong[4] = { false };

	shared = compiled("{\"properties\":{\"a\":{\"pattern\":\"^(?:x|y)+$\"},"
	    "\"n\":{\"multipleOf\":0.01,\"enum\":[1.5,2.50,19.995]}}}",
	    VARIANT_WHOLE);
	shared_value = read_text("{\"a\":\"xyz\",\"n\":19.995}");
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, judge_often,
		    &wrong[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(!wrong[i]);
	}
	json_object_put(shared_value);
}
END_TEST

#define ADD_EACH(tcase, test, table)                                           \
	tcase_add_loop_test((tcase), (test), 0,                                \
	    (int)(sizeof(table) / sizeof((table)[0])))

int
main(void)
{
	Suite *suite = suite_create("schema");
	TCase *tc = tcase_create("schema");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	ADD_EACH(tc, a_faulty_schema_is_refused_with_its_place, refused);
	tcase_add_test(tc, a_missing_file_is_a_fault_at_its_own_place);
	tcase_add_test(tc, a_fault_is_told_once_and_does_not_stain_other_files);
	tcase_add_test(tc, a_reference_is_relative_to_its_file);
	ADD_EACH(tc, a_document_gets_its_issues_in_order, judged);
	ADD_EACH(tc, flag_mode_agrees_with_the_search_for_issues, gated);
	tcase_add_test(tc, unknown_members_are_told_few_and_short);
	ADD_EACH(tc, a_variant_takes_its_members, variants);
	tcase_add_test(tc, properties_are_told_in_order_with_what_is_known);
	ADD_EACH(tc, types_are_known_through_references, known);
	ADD_EACH(tc, a_text_is_judged_as_the_value_that_it_stands_for, texts);
	ADD_EACH(tc, numbers_are_compared_exactly, orders);
	ADD_EACH(tc, multiples_are_exact, multiples);
	ADD_EACH(tc, a_reference_is_resolved_by_RFC_3986, resolved);
	ADD_EACH(tc, the_plain_standard_takes_what_a_contract_refuses, plain);
	ADD_EACH(tc, the_plain_standard_refuses_what_it_cannot_know,
	    plainly_refused);
	tcase_add_test(tc, a_registered_document_is_found_by_both_its_names);
	tcase_add_test(tc, a_file_with_an_id_still_finds_its_neighbours);
	tcase_add_test(tc, a_dynamic_reference_means_what_was_entered_first);
	tcase_add_test(tc, a_dynamic_circle_ends);
	tcase_add_test(tc, schemas_do_not_nest_without_end);
	tcase_add_test(tc, schemas_that_fan_out_compile_in_no_time);
	tcase_add_test(tc, very_many_items_are_tracked);
	tcase_add_test(tc, many_names_are_found_and_required);
	tcase_add_test(tc, many_unique_items_take_no_square_of_time);
	tcase_add_test(tc, what_takes_too_many_steps_is_refused);
	tcase_add_test(tc, the_strings_of_a_document_share_one_bound);
	tcase_add_test(tc, the_values_of_a_request_share_one_bound);
	tcase_add_test(tc,
	    steps_that_run_out_while_issues_are_collected_are_told);
	ADD_EACH(tc, a_pattern_that_takes_too_long_refuses_the_value,
	    exhausting);
	tcase_add_test(tc, threads_share_a_schema);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
