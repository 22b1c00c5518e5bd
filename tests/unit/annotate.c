/* SPDX-License-Identifier: MIT */
/*
 * What is told of a document: errors and annotations with their places.  The
 * official suites are run by tests/golden/output.py; here is what they leave
 * out, and that no schema makes it endless.  In every case the walk must come
 * to the judge's verdict.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "contract/annotate.h"
#include "run.h"

static char directory[32];
static struct schema_set *set;
static struct arena *arena;
static struct buf faults;

static void
set_up(void)
{
	strcpy(directory, "/tmp/annotate-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	set = schema_set_new(directory, &(struct schema_options){ false,
		false });
	arena = arena_new();
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

static const struct schema *
compiled(const char *text)
{
	const struct schema *schema;

	write_file("s.json", text);
	schema = schema_compile(set, "s.json", VARIANT_WHOLE, &faults);
	ck_assert_msg(schema != NULL, "%s: %s", text, faults.at);
	return schema;
}

static struct json_object *
read_text(const char *text)
{
	struct json_object *value = NULL;
	struct json_fault fault;

	ck_assert_msg(json_read(text, strlen(text), &json_caps_standard,
	    &value, &fault), "%s: %s", text, fault.reason);
	return value;
}

static bool
judged(const struct schema *schema, struct json_object *value)
{
	struct scope sc;

	scope_init(&sc, arena);
	return schema_judge(schema, &sc, NULL, value);
}

/* Units, a line each: keyword location, absolute, instance location, text. */
static const char *
lines_of(const struct output *output)
{
	const struct units *units = output->valid ? &output->annotations :
						    &output->errors;
	struct buf b;
	const char *lines;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < units->count; i++) {
		const struct unit *u = &units->at[i];

		buf_format(&b, "%s %s %s %s\n", u->keyword_location,
		    u->absolute_location != NULL ? u->absolute_location : "-",
		    u->instance_location, u->text);
	}
	lines = arena_copy(arena, b.length > 0 ? b.at : "", b.length);
	buf_release(&b);
	return lines;
}

/* ---- what is told ---- */

static const struct {
	const char *what, *schema, *document, *lines;
} cases[] = {
	{ "a branch that fails annotates nothing",
	    "{\"anyOf\":[{\"title\":\"I\",\"type\":\"integer\"},"
	    "{\"title\":\"S\",\"type\":\"string\"}]}", "\"x\"",
	    "\"/anyOf/1/title\" - \"\" \"S\"\n" },
	{ "what failed deep below takes the annotations above with it",
	    "{\"anyOf\":[{\"title\":\"A\",\"items\":{\"title\":\"I\","
	    "\"allOf\":[{\"title\":\"X\",\"minimum\":2}]}},{}]}", "[3,1]",
	    "" },
	{ "a failed document has errors alone",
	    "{\"title\":\"T\",\"properties\":{\"a\":{\"title\":\"A\","
	    "\"type\":\"integer\"},\"b\":{\"title\":\"B\"}}}",
	    "{\"a\":\"x\",\"b\":1}",
	    "\"/properties/a/type\" - \"/a\" \"must be integer\"\n" },
	{ "allOf brings all annotations together",
	    "{\"title\":\"T\",\"allOf\":[{\"title\":\"A\"},{\"title\":\"B\"}]}",
	    "1", "\"/title\" - \"\" \"T\"\n\"/allOf/0/title\" - \"\" \"A\"\n"
	    "\"/allOf/1/title\" - \"\" \"B\"\n" },
	{ "oneOf with two that hold annotates nothing",
	    "{\"anyOf\":[{\"oneOf\":[{\"title\":\"A\"},{\"title\":\"B\"}]},"
	    "{\"title\":\"C\"}]}", "1",
	    "\"/anyOf/1/title\" - \"\" \"C\"\n" },
	{ "a union that is broken is told with its branches",
	    "{\"oneOf\":[{\"type\":\"null\"},{\"minimum\":3}]}", "1",
	    "\"/oneOf/0/type\" - \"\" \"must be null\"\n"
	    "\"/oneOf/1/minimum\" - \"\" \"must be at least 3\"\n"
	    "\"/oneOf\" - \"\" \"must match exactly one of the "
	    "alternatives\"\n" },
	{ "the way goes through $ref, the URI does not",
	    "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/a\",\"title\":\"P\"}},"
	    "\"$defs\":{\"a\":{\"title\":\"A\"}}}", "{\"a\":1}",
	    "\"/properties/a/$ref/title\" \"file:///s.json#/$defs/a/title\" "
	    "\"/a\" \"A\"\n\"/properties/a/title\" - \"/a\" \"P\"\n"
	    "\"/properties\" - \"\" [\"a\"]\n" },
	{ "a reference to false is told where it is",
	    "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":false}}", "1",
	    "\"/$ref\" \"file:///s.json#/$defs/n\" \"\" \"is not "
	    "allowed\"\n" },
	{ "an $id makes URIs, an inner one others, from there on",
	    "{\"$id\":\"https://a.example/x\",\"title\":\"X\",\"items\":"
	    "{\"$id\":\"y/z\",\"not\":true}}", "[1]",
	    "\"/items/not\" \"https://a.example/y/z#/not\" \"/0\" \"is not "
	    "allowed\"\n" },
	{ "an anchor and what is in an unknown keyword have pointers",
	    "{\"allOf\":[{\"$ref\":\"#b\"},{\"$ref\":\"#/x-y/0\"}],\"$defs\":"
	    "{\"a\":{\"not\":{\"$anchor\":\"b\",\"maximum\":1}}},"
	    "\"x-y\":[{\"const\":1}]}", "2",
	    "\"/allOf/0/$ref/maximum\" \"file:///s.json#/$defs/a/not/maximum\""
	    " \"\" \"must be at most 1\"\n\"/allOf/1/$ref/const\" "
	    "\"file:///s.json#/x-y/0/const\" \"\" \"must be 1\"\n" },
	{ "$dynamicRef leads to the outermost anchor",
	    "{\"$id\":\"urn:a\",\"$ref\":\"urn:b\",\"$defs\":{"
	    "\"n\":{\"$dynamicAnchor\":\"n\",\"title\":\"outer\"},"
	    "\"b\":{\"$id\":\"urn:b\",\"items\":{\"$dynamicRef\":\"#n\"},"
	    "\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\",\"title\":"
	    "\"inner\"}}}}}", "[1]",
	    "\"/$ref/items/$dynamicRef/title\" \"urn:a#/$defs/n/title\" "
	    "\"/0\" \"outer\"\n\"/$ref/items\" \"urn:b#/items\" \"\" true\n" },
	{ "$dynamicRef that was not entered so leads to its own anchor",
	    "{\"$id\":\"urn:a\",\"$defs\":{\"c\":{\"$id\":\"urn:c\","
	    "\"$dynamicAnchor\":\"n\",\"title\":\"never\"},"
	    "\"b\":{\"$id\":\"urn:b\",\"items\":{\"$dynamicRef\":\"#n\"},"
	    "\"$defs\":{\"n\":{\"$dynamicAnchor\":\"n\",\"title\":"
	    "\"inner\"}}}},\"anyOf\":[{\"$ref\":\"urn:b\"},{\"items\":{"
	    "\"$ref\":\"urn:c\",\"type\":\"null\"}}]}", "[1]",
	    "\"/anyOf/0/$ref/items/$dynamicRef/title\" "
	    "\"urn:b#/$defs/n/title\" \"/0\" \"inner\"\n"
	    "\"/anyOf/0/$ref/items\" \"urn:b#/items\" \"\" true\n" },
	{ "pointers are escaped, in URIs twice",
	    "{\"$id\":\"urn:a\",\"properties\":{\"a/~ %\\\"\":{"
	    "\"maxLength\":1}}}", "{\"a/~ %\\\"\":\"xy\"}",
	    "\"/properties/a~1~0 %\\\"/maxLength\" "
	    "\"urn:a#/properties/a~1~0%20%25%22/maxLength\" "
	    "\"/a~1~0 %\\\"\" \"must have at most 1 character\"\n" },
	{ "a long name is told whole",
	    "{\"additionalProperties\":false}",
	    "{\"0123456789012345678901234567890123456789012345678901234567890"
	    "1234567890123456789012345678901234567890123456789012345678901234"
	    "567890123456789\":1}",
	    "\"/additionalProperties\" - "
	    "\"/0123456789012345678901234567890123456789012345678901234567890"
	    "1234567890123456789012345678901234567890123456789012345678901234"
	    "567890123456789\" \"is not allowed\"\n" },
	{ "missing members are one error of the object",
	    "{\"required\":[\"a\",\"\\\"\"],\"dependentRequired\":{\"c\":"
	    "[\"d\"]}}", "{\"c\":1}",
	    "\"/required\" - \"\" \"\\\"a\\\" is required, \\\"\\\\\\\"\\\" is "
	    "required\"\n\"/dependentRequired\" - \"\" \"\\\"d\\\" is "
	    "required with c\"\n" },
	{ "each broken keyword is told", "{\"type\":\"string\",\"enum\":[2]}",
	    "1", "\"/type\" - \"\" \"must be string\"\n"
	    "\"/enum\" - \"\" \"must be one of 2\"\n" },
	{ "a member that fails is not unevaluated as well",
	    "{\"properties\":{\"a\":{\"type\":\"null\"}},"
	    "\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":2}",
	    "\"/properties/a/type\" - \"/a\" \"must be null\"\n"
	    "\"/unevaluatedProperties\" - \"/b\" \"is not allowed\"\n" },
	{ "nor are those of a union that is broken",
	    "{\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}}}],"
	    "\"unevaluatedProperties\":false}", "{\"a\":2}",
	    "\"/anyOf/0/properties/a/const\" - \"/a\" \"must be 1\"\n"
	    "\"/anyOf\" - \"\" \"must match one of the alternatives\"\n" },
	{ "names are told of each kind of member",
	    "{\"unevaluatedProperties\":true,\"properties\":{\"a\":{},"
	    "\"z\":{}},\"patternProperties\":{\"^x\":{}}}",
	    "{\"xa\":1,\"b\":2,\"a\":3,\"xb\":4}",
	    "\"/properties\" - \"\" [\"a\"]\n"
	    "\"/patternProperties\" - \"\" [\"xa\",\"xb\"]\n"
	    "\"/unevaluatedProperties\" - \"\" [\"b\"]\n" },
	{ "additional ones are those that no name and no pattern takes",
	    "{\"additionalProperties\":{\"title\":\"+\"},\"properties\":{"
	    "\"a\":{}},\"patternProperties\":{\"^x\":{}}}",
	    "{\"x\":1,\"b\":2,\"a\":3}",
	    "\"/additionalProperties/title\" - \"/b\" \"+\"\n"
	    "\"/additionalProperties\" - \"\" [\"b\"]\n"
	    "\"/properties\" - \"\" [\"a\"]\n"
	    "\"/patternProperties\" - \"\" [\"x\"]\n" },
	{ "prefixItems tells how far it went, items that there were others",
	    "{\"prefixItems\":[{},{}],\"items\":{}}", "[1,2,3]",
	    "\"/prefixItems\" - \"\" 1\n\"/items\" - \"\" true\n" },
	{ "prefixItems tells when it took all", "{\"prefixItems\":[{},{}],"
	    "\"items\":{}}", "[1]", "\"/prefixItems\" - \"\" true\n" },
	{ "contains tells which", "{\"contains\":{\"minimum\":2}}", "[1,2,3]",
	    "\"/contains\" - \"\" [1,2]\n" },
	{ "contains tells when all", "{\"contains\":{\"minimum\":2}}",
	    "[2,3]", "\"/contains\" - \"\" true\n" },
	{ "contains tells of an empty array, too",
	    "{\"contains\":{},\"minContains\":0}", "[]",
	    "\"/contains\" - \"\" []\n" },
	{ "too few are the fault of minContains, too many of maxContains",
	    "{\"allOf\":[{\"contains\":{\"const\":1},\"minContains\":3},"
	    "{\"contains\":{\"const\":1},\"maxContains\":1},"
	    "{\"contains\":{\"const\":2}}]}", "[1,1]",
	    "\"/allOf/0/minContains\" - \"\" \"must have at least 3 items of "
	    "the kind that is asked for\"\n"
	    "\"/allOf/1/maxContains\" - \"\" \"must have at most 1 item of "
	    "the kind that is asked for\"\n"
	    "\"/allOf/2/contains\" - \"\" \"must have an item of the kind "
	    "that is asked for\"\n" },
	{ "unevaluatedItems leaves out what contains took",
	    "{\"contains\":{\"const\":1},\"unevaluatedItems\":{\"title\":"
	    "\"U\"}}", "[1,2]", "\"/contains\" - \"\" [0]\n"
	    "\"/unevaluatedItems/title\" - \"/1\" \"U\"\n"
	    "\"/unevaluatedItems\" - \"\" true\n" },
	{ "a name that is not allowed is told at the object",
	    "{\"propertyNames\":{\"title\":\"N\",\"maxLength\":1}}",
	    "{\"a\":1,\"bc\":2}",
	    "\"/propertyNames/maxLength\" - \"\" \"must have at most 1 "
	    "character\"\n\"/propertyNames\" - \"\" \"has members that are not "
	    "allowed: bc\"\n" },
	{ "a name has no annotations", "{\"propertyNames\":{\"title\":"
	    "\"N\"}}", "{\"a\":1}", "" },
	{ "not not tells nothing",
	    "{\"not\":{\"not\":{\"title\":\"N\"}}}", "1", "" },
	{ "if annotates when it holds", "{\"if\":{\"title\":\"I\"},"
	    "\"then\":{\"title\":\"T\"},\"else\":{\"title\":\"E\"}}", "1",
	    "\"/if/title\" - \"\" \"I\"\n\"/then/title\" - \"\" \"T\"\n" },
	{ "then without if, and the like, are nothing",
	    "{\"then\":{\"title\":\"T\"},\"minContains\":2,\"contentSchema\":"
	    "{},\"$comment\":\"c\",\"$defs\":{\"a\":{\"title\":\"A\"}}}",
	    "\"x\"", "" },
	{ "dependentSchemas applies when its member is there",
	    "{\"dependentSchemas\":{\"a\":{\"title\":\"A\"},\"b\":{\"title\":"
	    "\"B\"}}}", "{\"b\":1}",
	    "\"/dependentSchemas/b/title\" - \"\" \"B\"\n" },
	{ "dependencies is both", "{\"dependencies\":{\"a\":[\"b\"],\"c\":{"
	    "\"not\":{}}}}", "{\"a\":1,\"c\":1}",
	    "\"/dependencies/c/not\" - \"\" \"is not allowed\"\n"
	    "\"/dependencies\" - \"\" \"\\\"b\\\" is required with a\"\n" },
	{ "any value annotates, in the order of the text",
	    "{\"x-a\":{\"b\":[1]},\"readOnly\":false,\"default\":null,"
	    "\"examples\":[1.0],\"deprecated\":true,\"writeOnly\":true,"
	    "\"description\":\"d\",\"x-createOnly\":true}", "{}",
	    "\"/readOnly\" - \"\" false\n\"/default\" - \"\" null\n"
	    "\"/examples\" - \"\" [1.0]\n\"/deprecated\" - \"\" true\n"
	    "\"/writeOnly\" - \"\" true\n\"/description\" - \"\" \"d\"\n"
	    "\"/x-a\" - \"\" {\"b\":[1]}\n\"/x-createOnly\" - \"\" true\n" },
	{ "content annotates strings", "{\"contentSchema\":{\"type\":\"null\"},"
	    "\"contentMediaType\":\"application/json\",\"contentEncoding\":"
	    "\"base64\"}", "\"bnVsbA==\"",
	    "\"/contentSchema\" - \"\" {\"type\":\"null\"}\n"
	    "\"/contentMediaType\" - \"\" \"application/json\"\n"
	    "\"/contentEncoding\" - \"\" \"base64\"\n" },
	{ "false is told where it stands", "false", "1",
	    "\"\" - \"\" \"is not allowed\"\n" },
	{ "true tells nothing", "true", "1", "" },
	{ "a member named like a reference is none, but has its URI",
	    "{\"properties\":{\"$ref\":{\"type\":\"null\"}}}",
	    "{\"$ref\":1}", "\"/properties/$ref/type\" "
	    "\"file:///s.json#/properties/$ref/type\" \"/$ref\" "
	    "\"must be null\"\n" },
};

START_TEST(a_document_is_told_with_its_places)
{
	const struct schema *schema = compiled(cases[_i].schema);
	const struct outline *outline = outline_new(set, schema, &faults);
	struct json_object *value = read_text(cases[_i].document);
	struct output output;
	const char *lines;

	annotate(outline, arena, value, &output);
	lines = lines_of(&output);
	ck_assert_msg(strcmp(lines, cases[_i].lines) == 0, "%s:\n%s",
	    cases[_i].what, lines);
	ck_assert(!output.exhausted);
	ck_assert_int_eq(output.valid, judged(schema, value));
	ck_assert_int_eq(output.valid, output.errors.count == 0);
	json_object_put(value);
}
END_TEST

START_TEST(a_keyword_that_is_not_in_use_annotates)
{
	const struct schema *schema;
	struct json_object *value = read_text("\"a\"");
	struct output output;
	char path[64];

	write_file("meta.json", "{\"$id\":\"urn:m\",\"$vocabulary\":{"
	    "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
	    "\"https://json-schema.org/draft/2020-12/vocab/applicator\":true"
	    "}}");
	snprintf(path, sizeof(path), "%s/meta.json", directory);
	ck_assert(schema_set_register(set, "urn:m", path, &faults));
	schema = compiled("{\"$schema\":\"urn:m\",\"minLength\":2,"
	    "\"patternProperties\":{\"b\":false},\"title\":\"T\"}");
	annotate(outline_new(set, schema, &faults), arena, value, &output);
	ck_assert_str_eq(lines_of(&output), "\"/minLength\" - \"\" 2\n"
	    "\"/title\" - \"\" \"T\"\n");
	json_object_put(value);
	/* Its patterns are still patterns. */
	value = read_text("{\"a\":1}");
	annotate(outline_new(set, schema, &faults), arena, value, &output);
	ck_assert(output.valid && judged(schema, value));
	json_object_put(value);
}
END_TEST

START_TEST(an_asserted_format_annotates_or_is_told)
{
	struct schema_set *strict = schema_set_new(directory,
	    &(struct schema_options){ .assert_format = true });
	const struct outline *outline;
	const struct schema *schema;
	struct json_object *value = read_text("[\"a@b.example\"]");
	struct output output;

	write_file("f.json", "{\"items\":{\"format\":\"email\"}}");
	schema = schema_compile(strict, "f.json", VARIANT_WHOLE, &faults);
	ck_assert_ptr_nonnull(schema);
	outline = outline_new(strict, schema, &faults);
	annotate(outline, arena, value, &output);
	ck_assert_str_eq(lines_of(&output), "\"/items/format\" - \"/0\" "
	    "\"email\"\n\"/items\" - \"\" true\n");
	json_object_put(value);
	value = read_text("[\"a\"]");
	annotate(outline, arena, value, &output);
	ck_assert_str_eq(lines_of(&output), "\"/items/format\" - \"/0\" "
	    "\"must be a valid email\"\n");
	json_object_put(value);
	schema_set_free(strict);
}
END_TEST

/* ---- bounds ---- */

/* An array of n items. */
static struct json_object *
items(int n, const char *item)
{
	struct json_object *value;
	struct buf b;

	buf_init(&b, 64 << 20);
	for (int i = 0; i < n; i++) {
		buf_char(&b, i == 0 ? '[' : ',');
		buf_string(&b, item);
	}
	buf_char(&b, ']');
	value = read_text(b.at);
	buf_release(&b);
	return value;
}

/* The walk must give up, soon, within 256 MiB, and say so. */
static void
must_give_up(const char *schema, struct json_object *value, bool valid)
{
	const struct outline *outline = outline_new(set, compiled(schema),
	    &faults);
	uint64_t began = clock_now_ns();
	struct output output;
	struct buf b;

	arena_reset(arena);
	annotate(outline, arena, value, &output);
	ck_assert(output.exhausted);
	ck_assert_uint_lt(clock_now_ns() - began, UINT64_C(20000000000));
	ck_assert_uint_lt(arena_used(arena), 256 << 20);
	buf_init(&b, 1 << 20);
	output_write(&output, valid, &b);
	ck_assert_str_eq(b.at, valid ?
	    "{\"valid\":true,\"keywordLocation\":\"\",\"instanceLocation\":"
	    "\"\",\"annotations\":[],\"truncated\":true}" :
	    "{\"valid\":false,\"keywordLocation\":\"\",\"instanceLocation\":"
	    "\"\",\"errors\":[{\"valid\":false,\"keywordLocation\":\"\","
	    "\"instanceLocation\":\"\",\"error\":\"takes too long to "
	    "judge\"}]}");
	buf_release(&b);
	json_object_put(value);
}

/* The dynamic circle that consumes nothing: what n means is this itself. */
START_TEST(a_circle_ends_at_the_depth_cap)
{
	must_give_up("{\"$ref\":\"urn:a\",\"$defs\":{\"a\":{"
	    "\"$id\":\"urn:a\","
	    "\"$dynamicAnchor\":\"n\",\"allOf\":[{\"$ref\":\"urn:b\"}],"
	    "\"$defs\":{\"b\":{\"$id\":\"urn:b\",\"not\":{\"not\":{"
	    "\"$dynamicRef\":\"#n\"}},\"$defs\":{\"n\":{"
	    "\"$dynamicAnchor\":\"n\"}}}}}}}", read_text("1"), false);
}
END_TEST

START_TEST(schemas_that_fan_out_end)
{
	struct buf b;

	/* Each level applies the next one twice: 2^60 ways to the last. */
	buf_init(&b, 1 << 20);
	buf_string(&b, "{\"anyOf\":[{\"$ref\":\"#/$defs/0\"},{\"$ref\":"
	    "\"#/$defs/0\"}],\"unevaluatedProperties\":false,"
	    "\"unevaluatedItems\":false,\"$defs\":{");
	for (int i = 0; i < 60; i++)
		buf_format(&b, "\"%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/%d\"},"
		    "{\"$ref\":\"#/$defs/%d\"}]},", i, i + 1, i + 1);
	buf_string(&b, "\"60\":{\"title\":\"end\"}}}");
	must_give_up(b.at, items(100, "1"), true);
	buf_release(&b);
}
END_TEST

START_TEST(a_large_annotation_is_not_told_of_each_item)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_string(&b, "{\"items\":{\"title\":\"");
	for (int i = 0; i < 100000; i++)
		buf_char(&b, 'x');
	buf_string(&b, "\"}}");
	must_give_up(b.at, items(100000, "1"), true);
	buf_release(&b);
}
END_TEST

START_TEST(a_large_error_is_not_told_of_each_item)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_string(&b, "{\"items\":{\"enum\":[\"");
	for (int i = 0; i < 100000; i++)
		buf_char(&b, 'x');
	buf_string(&b, "\"]}}");
	must_give_up(b.at, items(100000, "1"), false);
	buf_release(&b);
}
END_TEST

START_TEST(many_errors_end)
{
	must_give_up("{\"items\":{\"required\":[\"a\",\"b\",\"c\",\"d\",\"e\","
	    "\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\"]}}",
	    items(900000, "{}"), false);
}
END_TEST

START_TEST(patterns_share_one_bound)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_char(&b, '"');
	for (int i = 0; i < 3000; i++)
		buf_char(&b, 'a');
	buf_string(&b, "b\"");
	must_give_up("{\"items\":{\"pattern\":\"^(?:a|aa|ab)*(?=b)b$\"}}",
	    items(4000, b.at), false);
	buf_release(&b);
}
END_TEST

static const struct outline *shared;
static struct json_object *shared_value;

static void *
annotate_often(void *wrong)
{
	struct arena *own = arena_new();
	struct output output;

	for (int i = 0; i < 300; i++) {
		annotate(shared, own, shared_value, &output);
		if (output.valid || output.errors.count != 2)
			*(bool *)wrong = true;
		arena_reset(own);
	}
	arena_free(own);
	return NULL;
}

START_TEST(threads_share_an_outline)
{
	pthread_t threads[4];
	bool wrong[4] = { false };

	shared = outline_new(set, compiled("{\"properties\":{\"a\":{"
	    "\"pattern\":\"^(?:x|y)+$\"},\"n\":{\"enum\":[1.5]}},"
	    "\"unevaluatedProperties\":true}"), &faults);
	shared_value = read_text("{\"a\":\"xyz\",\"n\":19.995,\"o\":1}");
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
		    annotate_often, &wrong[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(!wrong[i]);
	}
	json_object_put(shared_value);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("annotate");
	TCase *tc = tcase_create("annotate");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_document_is_told_with_its_places, 0,
	    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, a_keyword_that_is_not_in_use_annotates);
	tcase_add_test(tc, an_asserted_format_annotates_or_is_told);
	tcase_add_test(tc, a_circle_ends_at_the_depth_cap);
	tcase_add_test(tc, schemas_that_fan_out_end);
	tcase_add_test(tc, a_large_annotation_is_not_told_of_each_item);
	tcase_add_test(tc, a_large_error_is_not_told_of_each_item);
	tcase_add_test(tc, many_errors_end);
	tcase_add_test(tc, patterns_share_one_bound);
	tcase_add_test(tc, threads_share_an_outline);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
