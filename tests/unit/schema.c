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
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "contract/format.h"
#include "contract/names.h"
#include "contract/pattern.h"
#include "contract/schema.h"
#include "contract/value.h"

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
	set = schema_set_new(directory);
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

static const struct {
	enum variant variant;
	const char *text;
	const char *faults;
} refused[] = {
	{ VARIANT_WHOLE, "{\"typ\":\"string\"}",
	    "s.json:1:2: unknown keyword \"typ\"\n" },
	{ VARIANT_WHOLE, "{\"x-note\":1}",
	    "s.json:1:2: unknown keyword \"x-note\"\n" },
	{ VARIANT_WHOLE, "{\"contains\":{}}",
	    "s.json:1:2: the keyword \"contains\" is not supported yet\n" },
	{ VARIANT_WHOLE, "{\"properties\":{\"a\":{\"$id\":\"x\"}}}",
	    "s.json:1:27: \"$id\" below the top of a file is not supported "
	    "yet\n" },
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
	    "s.json:1:11: \"format\" has no \"phone\"; known are date-time, "
	    "date, time, email, uuid, uri, hostname, ipv4, ipv6\n" },
	{ VARIANT_WHOLE, "{\"pattern\":\"^(a+)+$\"}",
	    "s.json:1:12: \"pattern\" repeats a group that repeats, such as "
	    "(a+)+; matching could take very long (byte 7)\n" },
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
	    "s.json:1:9: the $ref \"https://example.com/x\" is an absolute "
	    "URI, which is not supported yet\n" },
	{ VARIANT_WHOLE, "{\"$ref\":\"#here\"}",
	    "s.json:1:9: the $ref \"#here\" names an anchor, which is not "
	    "supported yet\n" },
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
	if (strstr(refused[_i].text, "},}") == NULL &&
	    refused[_i].faults[strlen(refused[_i].faults) - 1] == '\n')
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
		ck_assert(value_hash(a, 7) == value_hash(b, 7));
	else
		ck_assert(value_hash(a, 7) != value_hash(b, 7));
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

/* ---- patterns ---- */

static const struct {
	const char *pattern, *text;
	bool matches;
} patterns[] = {
	{ "b", "abc", true }, { "^b", "abc", false },
	{ "^abc$", "abc\n", false }, { "^a.c$", "a\nc", false },
	{ "^a.c$", "a\xc3\xa4" "c", true }, { "^.$", "\xf0\x9f\x98\x80", true },
	{ "^[^a]$", "\n", true }, { "^\\d+$", "\xd9\xa3", false },
	{ "^\\w+$", "a_9", true }, { "^\\w+$", "\xc3\xa4", false },
	{ "^\\W$", "\xc3\xa4", true }, { "^\\s$", "\xc2\xa0", true },
	{ "^\\S$", "\xc2\xa0", false }, { "^[\\s\\d]+$", "1 2", true },
	{ "^[a\\-c]+$", "a-c", true }, { "^[a-]+$", "a-", true },
	{ "^[\xc3\xa0-\xc3\xbf]+$", "\xc3\xa4", true },
	{ "^(foo|bar){2}$", "foobar", true }, { "^(?:a|)b$", "b", true },
	{ "^a{2,3}$", "aaaa", false }, { "^a{2,}?$", "aaaa", true },
	{ "^[a-z0-9]+(-[a-z0-9]+)*$", "a-b-c9", true },
	{ "^[a-z0-9]+(-[a-z0-9]+)*$", "a--b", false },
	{ "^([a-z]+\\.)+[a-z]+$", "a.b.c", true },
	{ "\\/\\.\\$", "/.$", true }, { "#  x", "a#  x", true },
	{ "", "x", true }, { "\\(\\?", "(?", true },
};

START_TEST(a_pattern_means_what_ECMA_262_says)
{
	const char *reason = "";
	size_t offset;
	const struct schema_pattern *pattern = schema_pattern_compile(arena,
	    patterns[_i].pattern, strlen(patterns[_i].pattern), &reason,
	    &offset);

	ck_assert_msg(pattern != NULL, "%s: %s", patterns[_i].pattern, reason);
	ck_assert_msg(schema_pattern_matches(pattern, patterns[_i].text,
	    strlen(patterns[_i].text)) == patterns[_i].matches, "%s",
	    patterns[_i].pattern);
}
END_TEST

#define DEEP                                                                   \
	"((((((((((((((((((((((((((((((((((((((((a"                            \
	"))))))))))))))))))))))))))))))))))))))))"

static const char *const bad_patterns[] = { "(a+)+", "(a*)*", "([a-z]+-?)*",
	"(a|b+)*", "((a+)b?)+", "(a+){2,99}", "a**", "*a", "^*", "(", ")", "[",
	"[]", "[^]", "[b-a]", "[\\d-z]", "a{2,1}", "a{", "}", "]", "\\", "\\a",
	"\\1", "\\bx", "\\p{L}", "\\u0041", "(?=a)", "(?<n>a)", "(?i)a",
	"a{99999}", "\\Q", DEEP };

START_TEST(a_pattern_outside_the_subset_is_refused)
{
	const char *reason = NULL;
	size_t offset;

	ck_assert_msg(schema_pattern_compile(arena, bad_patterns[_i],
	    strlen(bad_patterns[_i]), &reason, &offset) == NULL, "%s",
	    bad_patterns[_i]);
	ck_assert_ptr_nonnull(reason);
	ck_assert_uint_le(offset, strlen(bad_patterns[_i]));
}
END_TEST

START_TEST(a_pattern_that_explodes_ends_and_does_not_match)
{
	static const char pattern[] = "^(a|a)*$";
	const char *reason;
	char text[64];
	size_t offset;
	const struct schema_pattern *p = schema_pattern_compile(arena, pattern,
	    strlen(pattern), &reason, &offset);
	uint64_t began = clock_now_ns();

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	ck_assert_ptr_nonnull(p);
	ck_assert(!schema_pattern_matches(p, text, sizeof(text)));
	ck_assert_uint_lt(clock_now_ns() - began, UINT64_C(2000000000));
	ck_assert(schema_pattern_matches(p, text, sizeof(text) - 1));
}
END_TEST

/* ---- formats: what the suite does not ask ---- */

static const struct {
	const char *format, *text;
	bool holds;
} formats[] = {
	{ "date", "1900-02-29", false }, { "date", "2000-02-29", true },
	{ "date", "2023-00-10", false }, { "date", "2023-01-00", false },
	{ "date-time", "2023-01-01T00:00:00", false },
	{ "date-time", "2023-01-01 00:00:00Z", false },
	{ "date-time", "2023-01-01T00:00:00.Z", false },
	{ "date-time", "9999-12-31T23:59:59.999999Z", true },
	{ "date-time", "9999-12-31T23:59:59Z", true },
	{ "date-time", "9999-12-31T23:59:59.9999999Z", false },
	{ "date-time", "9999-12-31T23:59:60Z", false },
	{ "date-time", "9999-12-31T23:59:59+00:01", true },
	{ "date-time", "9999-12-31T23:59:59-00:01", false },
	{ "date-time", "0001-01-01T00:00:00Z", true },
	{ "date-time", "0001-01-01T00:00:00-00:01", true },
	{ "date-time", "0001-01-01T00:00:00+00:01", false },
	{ "date-time", "0000-12-31T23:59:59Z", false },
	{ "time", "00:00:60+00:01", true }, { "time", "", false },
	{ "email", "a@[IPv6:::1", false }, { "email", "\"a@b.c", false },
	{ "email", "\"a\\\"b\"@example.com", true }, { "email", "\"\\", false },
	{ "email", "a@b@c", false }, { "email", "a@[x:y]", true },
	{ "hostname", "xn--9n2bp8q", true }, { "hostname", "ab--c", false },
	{ "ipv4", "1.2.3.4.", false }, { "ipv6", ":", false },
	{ "ipv6", "1:2:3:4:5:6:7::", true }, { "ipv6", "::1.2.3", false },
	{ "ipv6", "1:2:3:4:5:6:7:8::", false },
	{ "ipv6", "1:2:3:4:5:6:7:1.2.3.4", false },
	{ "uri", "http://[v1.a:b]/", true },
	{ "uri", "http://a:80:90/", false },
	{ "uri", "a:", true }, { "uri", "a:%0", false },
	{ "uri", "http://a/#b#c", false }, { "uuid", "", false },
};

START_TEST(a_format_holds_where_its_RFC_says)
{
	ck_assert_msg(format_find(formats[_i].format)->holds(formats[_i].text,
	    strlen(formats[_i].text)) == formats[_i].holds, "%s %s",
	    formats[_i].format, formats[_i].text);
}
END_TEST

/* ---- size and threads ---- */

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

	for (int i = 0; i < 50000; i++) {
		struct json_object *item = json_object_new_object();

		json_object_object_add(item, "n", json_object_new_int(i));
		json_object_array_add(array, item);
	}
	began = clock_now_ns();
	ck_assert(schema_judge(schema, &sc, NULL, array));
	ck_assert_uint_lt(clock_now_ns() - began, UINT64_C(2000000000));
	json_object_array_add(array, read_text("{\"n\":25000.0}"));
	ck_assert(!schema_judge(schema, &sc, NULL, array));
	json_object_put(array);
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
	ck_assert_str_eq(issues_of(schema, b.at), "\"\" custom false -\n");
	buf_release(&b);
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
	SRunner *sr = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	ADD_EACH(tc, a_faulty_schema_is_refused_with_its_place, refused);
	tcase_add_test(tc, a_missing_file_is_a_fault_at_its_own_place);
	tcase_add_test(tc, a_fault_is_told_once_and_does_not_stain_other_files);
	tcase_add_test(tc, a_reference_is_relative_to_its_file);
	ADD_EACH(tc, a_document_gets_its_issues_in_order, judged);
	tcase_add_test(tc, unknown_members_are_told_few_and_short);
	ADD_EACH(tc, a_variant_takes_its_members, variants);
	tcase_add_test(tc, properties_are_told_in_order_with_what_is_known);
	ADD_EACH(tc, types_are_known_through_references, known);
	ADD_EACH(tc, a_text_is_judged_as_the_value_that_it_stands_for, texts);
	ADD_EACH(tc, numbers_are_compared_exactly, orders);
	ADD_EACH(tc, multiples_are_exact, multiples);
	ADD_EACH(tc, a_pattern_means_what_ECMA_262_says, patterns);
	ADD_EACH(tc, a_pattern_outside_the_subset_is_refused, bad_patterns);
	tcase_add_test(tc, a_pattern_that_explodes_ends_and_does_not_match);
	ADD_EACH(tc, a_format_holds_where_its_RFC_says, formats);
	tcase_add_test(tc, many_names_are_found_and_required);
	tcase_add_test(tc, many_unique_items_take_no_square_of_time);
	tcase_add_test(tc, what_takes_too_many_steps_is_refused);
	tcase_add_test(tc, threads_share_a_schema);
	suite_add_tcase(suite, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
