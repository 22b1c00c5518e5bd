/* SPDX-License-Identifier: MIT */
/*
 * The worst that a client can send, and the worst contract that it can be sent
 * to: what reading and judging one body takes.  What must hold is counted and
 * does not depend on the machine: the steps are within the bound, the memory
 * is within 16 MiB.  HOSTILE_FIGURES=1 has the milliseconds printed
 * (`make hostile`), which must be below 10.
 *
 * Schemas and bodies are templates.  @N(text) is the text N times, separated
 * by commas, and @N<text> the same without; ~ is the number of the turn.
 */
#include <check.h>
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "contract/schema.h"
#include "run.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

enum {
	BODY_BYTES = 262144,		/* body_limit_bytes by default */
	MEMORY_BYTES = 16 << 20,
	SCHEMA_BYTES = 4 << 20,		/* of a file */
	ROUNDS = 3,
};

/* ---- what is allocated ---- */

static size_t allocated, peak;

static void
count_in(const volatile void *at, size_t size)
{
	(void)at;
	allocated += size;
	if (allocated > peak)
		peak = allocated;
}

#ifdef SANITIZED
#include <sanitizer/allocator_interface.h>

static void
count_out(const volatile void *at)
{
	if (at != NULL)
		allocated -= __sanitizer_get_allocated_size(at);
}

static void
count_memory(void)
{
	static bool installed;

	if (!installed)
		__sanitizer_install_malloc_and_free_hooks(count_in, count_out);
	installed = true;
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void __libc_free(void *at);

static void *
counted(void *at)
{
	count_in(at, malloc_usable_size(at) + sizeof(size_t));
	return at;
}

void *
malloc(size_t size)
{
	return counted(__libc_malloc(size));
}

void *
calloc(size_t count, size_t size)
{
	return counted(__libc_calloc(count, size));
}

void
free(void *at)
{
	if (at != NULL)
		allocated -= malloc_usable_size(at) + sizeof(size_t);
	__libc_free(at);
}

void *
realloc(void *at, size_t size)
{
	size_t before = at != NULL ?
	    malloc_usable_size(at) + sizeof(size_t) : 0;
	void *grown = __libc_realloc(at, size);

	/* While it is copied both are there. */
	(void)counted(grown);
	allocated -= before;
	return grown;
}

static void
count_memory(void)
{
}
#endif

/* ---- templates ---- */

/* The end of the text whose opening delimiter was passed. */
static const char *
closing(const char *at, char open, char close)
{
	for (unsigned depth = 1;; at++) {
		ck_assert(*at != '\0');
		depth += *at == open;
		depth -= *at == close;
		if (depth == 0)
			return at;
	}
}

static void
expand(struct buf *b, const char *at, const char *end, unsigned long number)
{
	while (at < end) {
		unsigned long count;
		const char *last;
		char open, *text;

		if (*at == '~')
			buf_format(b, "%lu", number);
		else if (*at != '@')
			buf_char(b, *at);
		if (*at++ != '@')
			continue;
		count = strtoul(at, &text, 10);
		open = *text++;
		last = closing(text, open, open == '(' ? ')' : '>');
		for (unsigned long i = 0; i < count; i++) {
			if (i > 0 && open == '(')
				buf_char(b, ',');
			expand(b, text, last, i);
		}
		at = last + 1;
	}
}

static void
expanded(struct buf *b, const char *template, size_t limit)
{
	buf_init(b, limit);
	expand(b, template, template + strlen(template), 0);
	ck_assert_msg(!b->failed, "longer than %zu: %s", limit, template);
}

/* ---- what a body takes ---- */

struct taken {
	uint64_t read_ns, judge_ns;
	size_t bytes;
	unsigned steps;
	const char *verdict;
};

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static const char *
judged(const struct schema *schema, struct scope *sc, struct json_object *tree,
    unsigned *steps)
{
	if (schema_judge_within(schema, sc, NULL, tree, steps))
		return "valid";
	ck_assert_uint_gt(sc->issue_count, 0);
	return sc->issues[0].rule == RULE_COMPLEXITY ? "too complex" :
						       "invalid";
}

/* One request: what it takes, and what is left of it. */
static void
request(const struct schema *schema, const struct buf *body,
    struct taken *ret)
{
	size_t before = allocated;
	struct arena *arena = arena_new();
	uint64_t began = cpu_ns(), read;
	unsigned steps = SCHEMA_STEPS_MAX;
	struct json_object *tree = NULL;
	struct json_fault fault;
	struct scope sc;

	peak = before;
	scope_init(&sc, arena);
	ck_assert_msg(json_read(body->at, body->length, &json_caps_wire,
	    &tree, &fault), "%zu: %s", fault.offset, fault.reason);
	read = cpu_ns();
	ret->verdict = judged(schema, &sc, tree, &steps);
	ret->judge_ns = cpu_ns() - read;
	ret->read_ns = read - began;
	ret->steps = SCHEMA_STEPS_MAX - steps;
	ret->bytes = peak - before;
	began = cpu_ns();
	json_object_put(tree);
	arena_free(arena);
	ret->read_ns += cpu_ns() - began;
}

static const char *
measure(const char *name, const struct schema *schema, const struct buf *body)
{
	bool figures = getenv("HOSTILE_FIGURES") != NULL;
	struct taken best = { 0 }, taken;

	count_memory();
	for (int i = 0; i == 0 || (figures && i < ROUNDS); i++) {
		request(schema, body, &taken);
		if (i == 0 || taken.read_ns + taken.judge_ns <
		    best.read_ns + best.judge_ns)
			best = taken;
	}
	if (figures)
		fprintf(stderr, "# %6.2f ms (read %5.2f) %5.2f MiB %6u steps "
		    "%6zu bytes  %-11.11s  %s\n",
		    (double)(best.read_ns + best.judge_ns) / 1e6,
		    (double)best.read_ns / 1e6,
		    (double)best.bytes / (1 << 20), best.steps, body->length,
		    best.verdict, name);
	ck_assert_uint_le(best.steps, SCHEMA_STEPS_MAX);
	ck_assert_msg(best.bytes <= MEMORY_BYTES, "%s: %zu bytes", name,
	    best.bytes);
	return best.verdict;
}

/* ---- contracts that are hostile themselves ---- */

#define SAME "prefix~~abcdefghij"	/* the first and last 8 bytes */
#define LONG_NUMBERS "[@240(0.@1000<7>)]"
#define SHORT_FORMAT(name)                                                     \
	"{\"items\":{\"allOf\":[@200({\"format\":\"" name                      \
	"\",\"maxLength\":9~},{\"format\":\"" name "\"})]}}"
#define SCORE "[[@9990(~)],[@9990(~)]]"
#define OBJECTS "[@19({@1000(\"k~\":0)})]"

struct hostile_case {
	const char *name, *schema, *body;
};

static const struct hostile_case hostile[] = {
	{ "empty objects", "{}", "[[@9990({})],[@9990({})]]" },
	{ "empty arrays", "{}", "[[@9990([])],[@9990([])]]" },
	{ "objects of one member", "{}", "[@600(@31<{\"\":>0@31<}>)]" },
	{ "objects of two", "{}", "[@6600({\"a\":0,\"b\":0})]" },
	{ "objects of seventeen", "{}",
	    "[@1100({@17(\"~\":0)})]" },
	{ "arrays of one item", "{}", "[@600(@31<[>0@31<]>)]" },
	{ "arrays of five items", "{}", "[@3300([0,0,0,0,0])]" },
	{ "members", "{}", OBJECTS },
	{ "members that are long", "{}", "{@990(\"~@250<x>\":0)}" },
	{ "one string of escapes", "{}", "[@2(\"@21000<\\u0041>\")]" },
	{ "short strings", "{}", "[[@9990(\"~\")],[@9990(\"~\")]]" },
	{ "long numbers", "{}", LONG_NUMBERS },
	{ "numbers between two doubles", "{}",
	    "[@250(2.2250738585072011@900<9>e-308)]" },
	{ "tiny numbers", "{}", "[[@9990(1e-300)],[@9990(1e-300)]]" },
	{ "numbers of seventeen digits", "{}",
	    "[@9990(1.2345678901234567e8)]" },

	{ "allOf 200, members of no schema",
	    "{\"items\":{\"allOf\":[@200({\"properties\":{\"x~\":{"
	    "\"type\":\"string\"}}})]}}", OBJECTS },
	{ "allOf 200, items of no schema",
	    "{\"allOf\":[@200({\"minItems\":~,\"maxItems\":10000,"
	    "\"items\":{\"allOf\":[{},{}]}})]}", "[@9990(0)]" },
	{ "allOf of 10,000 that ask nothing", "{\"items\":{\"items\":{"
	    "\"allOf\":[@10000(true)]}}}", SCORE },
	{ "allOf 200, twice", "{\"items\":{\"items\":{\"allOf\":[@200({"
	    "\"allOf\":[@200({\"type\":\"integer\",\"maximum\":1~00000})]})]}"
	    "}}", SCORE },
	{ "uniqueItems, numbers", "{\"items\":{\"uniqueItems\":true}}", SCORE },
	{ "uniqueItems, objects", "{\"uniqueItems\":true}",
	    "[@6000({\"a\":~,\"b\":\"x\"})]" },
	{ "uniqueItems, allOf 200", "{\"items\":{\"allOf\":[@200({"
	    "\"uniqueItems\":true,\"maxItems\":1~@5<0>})]}}", SCORE },
	{ "uniqueItems at each depth", "{\"uniqueItems\":true,\"items\":{"
	    "\"$ref\":\"#\"}}", "@30<[>@9990(~)@30<]>" },
	{ "uniqueItems, long numbers", "{\"allOf\":[@100({\"maxItems\":1~000,"
	    "\"uniqueItems\":true})]}", LONG_NUMBERS },
	{ "uniqueItems, 16 that are nearly equal", "{\"uniqueItems\":true,"
	    "\"items\":{\"$ref\":\"#\"}}",
	    "[@16([@16([@16([0,~])])])]" },
	{ "uniqueItems, 16 large ones", "{\"allOf\":[@200({\"minItems\":~,"
	    "\"uniqueItems\":true})]}",
	    "[@16([@1000(0),~])]" },
	{ "uniqueItems, 16 long strings", "{\"allOf\":[@200({\"minItems\":~,"
	    "\"uniqueItems\":true})]}", "[@10(\"@20000<x>~\")]" },
	{ "const of 9,990 items, applied 200 times", "{\"anyOf\":[@200({"
	    "\"minItems\":~,\"$ref\":\"#/$defs/c\"})],\"$defs\":{\"c\":{"
	    "\"const\":[@9989(0),0,1]}}}", "[@9990(0),2]" },
	{ "const of a long string, 30 of them", "{\"anyOf\":[@30({\"enum\":["
	    "\"~@100000<x>~~\"]})]}", "\"8@100000<x>88\"" },
	{ "enum of 200 objects", "{\"items\":{\"enum\":[@200({@50(\"a~\":1),"
	    "\"z\":~})]}}", "[@380({@50(\"a~\":1),\"z\":-1})]" },
	{ "enum of 10,000 numbers", "{\"items\":{\"items\":{\"enum\":["
	    "@10000(~)]}}}", "[@2([@9990(-1)])]" },
	{ "enum of 2,000 numbers, long numbers", "{\"items\":{\"enum\":["
	    "@2000(~)]}}", LONG_NUMBERS },
	{ "enum of 500 long numbers", "{\"items\":{\"enum\":["
	    "@500(1~.@1000<7>)]}}", LONG_NUMBERS },
	{ "enum of 10,000 strings of one hash", "{\"items\":{\"items\":{"
	    "\"enum\":[@10000(\"prefix~~abcdefgh@2<_>~@9<_>\")]}}}",
	    "[@2([@5000(\"prefix~~abcdefgh\")])]" },
	{ "names of one hash", "{\"items\":{\"properties\":{@1000(\"samefirst~"
	    "samelast\":{\"type\":\"integer\"})}}}",
	    "[@9({@999(\"samefirst~samelast\":0)})]" },
	{ "allOf 200, integer, long numbers", "{\"items\":{\"allOf\":[@200({"
	    "\"type\":[\"integer\",\"number\"],\"minimum\":-~})]}}",
	    LONG_NUMBERS },
	{ "multipleOf 200, long numbers", "{\"items\":{\"allOf\":[@200({"
	    "\"multipleOf\":1e-~})]}}", "[@240(@300<7>.@700<7>)]" },
	{ "multipleOf, many numbers", "{\"items\":{\"items\":{\"allOf\":[@20({"
	    "\"multipleOf\":0.0~1})]}}}", "[@2([@9990(1e99)])]" },
	{ "multipleOf, huge exponents", "{\"items\":{\"items\":{\"multipleOf\":"
	    "0.000000000000000007}}}", "[@2([@9990(7e300)])]" },

	{ "objects of one member, closed", "{\"type\":[\"array\",\"object\"],"
	    "\"items\":{\"$ref\":\"#\"},\"properties\":{\"\":{\"$ref\":\"#\"}},"
	    "\"dependentSchemas\":{@30(\"k~\":{\"minProperties\":3})}}",
	    "[@600(@30<{\"\":>[]@30<}>)]" },
	{ "objects of one member, unique", "{\"uniqueItems\":true,\"anyOf\":["
	    "@15({\"items\":{\"minProperties\":9}}),{}]}",
	    "[@600(@31<{\"\":>0@31<}>)]" },
	{ "required, 1,000 of none", "{\"items\":{\"items\":{\"required\":["
	    "@1000(\"k~\")]}}}", "[[@9990({})],[@9990({})]]" },
	{ "required, in a union", "{\"anyOf\":[@3({\"minItems\":~,\"items\":{"
	    "\"items\":{\"required\":[@1000(\"k~\")]}}})]}",
	    "[[@9990({})],[@9990({})]]" },
	{ "dependentRequired, 1,000 not there", "{\"items\":{\"items\":{"
	    "\"dependentRequired\":{@500(\"k~\":[\"k0\"])}}}}",
	    "[[@9990({})],[@9990({})]]" },
	{ "dependentRequired, 400 by 400", "{\"items\":{"
	    "\"dependentRequired\":{@400(\"k~\":[@400(\"k~\")])}}}",
	    "[@38({@500(\"k~\":0)})]" },
	{ "dependentSchemas, 1,000 not there", "{\"items\":{\"items\":{"
	    "\"dependentSchemas\":{@1000(\"k~\":{\"minProperties\":3})}}}}",
	    "[[@9990({})],[@9990({})]]" },
	{ "closed, unknown names", "{\"items\":{\"additionalProperties\":false,"
	    "\"properties\":{\"k1\":{}}}}", OBJECTS },
	{ "500 patternProperties", "{\"additionalProperties\":false,"
	    "\"patternProperties\":{@500(\"^k.*[x-z]~$\":{})}}",
	    "{@1000(\"k~@200<x>\":0)}" },
	{ "500 patternProperties, the last one matches", "{\"items\":{"
	    "\"additionalProperties\":false,\"patternProperties\":{"
	    "@500(\"^k+.*[x-z]+~$\":true),\"^k\":true}}}",
	    "[{@790(\"k~@100<x>\":0),\"x\":0}]" },
	{ "propertyNames", "{\"items\":{\"propertyNames\":{\"allOf\":[@100({"
	    "\"pattern\":\"^(?:k|kk)+[0-9]{1,~1}$\"})]}}}", OBJECTS },
	{ "propertyNames that fail", "{\"items\":{\"propertyNames\":{"
	    "\"maxLength\":1,\"format\":\"idn-hostname\"}}}", OBJECTS },
	{ "unevaluatedProperties, anyOf 200", "{\"items\":{"
	    "\"unevaluatedProperties\":false,\"anyOf\":[@200({\"properties\":{"
	    "\"k~\":{}}})]}}", OBJECTS },
	{ "unevaluatedItems, anyOf 100 by 100", "{\"items\":{"
	    "\"unevaluatedItems\":false,\"anyOf\":[@100({\"anyOf\":[@100({"
	    "\"prefixItems\":[{},{\"maximum\":~}]})]})]}}", SCORE },
	{ "contains at each depth", "{\"contains\":{\"$ref\":\"#\"},"
	    "\"minContains\":2,\"maxContains\":3}",
	    "[@9([@9([@9([@9([0])])])])]" },
	{ "contains, 10,000 by 100", "{\"allOf\":[@100({\"contains\":{"
	    "\"const\":-1~},\"minContains\":0,\"maxContains\":~})]}",
	    "[@9990(~)]" },
	{ "oneOf 500, each fails late", "{\"items\":{\"oneOf\":[@500({"
	    "\"type\":\"object\",\"properties\":{\"z\":{\"const\":~}},"
	    "\"required\":[\"z\"]})]}}",
	    "[@2000({\"a\":1,\"b\":2,\"c\":3,\"z\":-1})]" },
	{ "oneOf 500, objects of 1,000", "{\"items\":{\"oneOf\":[@500({"
	    "\"properties\":{\"k999\":{\"const\":-1~}}})]}}", OBJECTS },
	{ "oneOf 200, told apart", "{\"items\":{\"allOf\":[@200({\"oneOf\":["
	    "@2({\"type\":\"object\",\"required\":[\"t\"],\"properties\":{"
	    "\"t\":{\"const\":\"~\"}}})]})]}}",
	    "[@19({@999(\"k~\":0),\"t\":\"1\"})]" },
	{ "nested not and if", "{\"if\":{\"not\":{\"items\":{\"$ref\":\"#\"}}},"
	    "\"then\":{\"items\":{\"$ref\":\"#\"}},\"else\":{\"not\":{"
	    "\"items\":{\"$ref\":\"#\"}}}}", "@30<[>0@30<]>" },
	{ "branching by $ref", "{\"allOf\":[{\"items\":{\"$ref\":\"#\"}},{"
	    "\"not\":{\"not\":{\"items\":{\"$ref\":\"#\"}}}}]}",
	    "@30<[>0@30<]>" },
	{ "branching by $ref, unions", "{\"anyOf\":[{\"maxItems\":1,"
	    "\"items\":{\"$ref\":\"#\"},\"type\":\"array\"},{\"minItems\":1,"
	    "\"items\":{\"$ref\":\"#\"},\"type\":\"array\"}]}",
	    "@31<[>0@31<]>" },
	{ "$dynamicRef, 100 candidates", "{\"$id\":\"urn:a\","
	    "\"$dynamicAnchor\":\"n\",\"items\":{\"$dynamicRef\":\"#n\"},"
	    "\"$defs\":{@99(\"d~\":{\"$id\":\"urn:d~\",\"$dynamicAnchor\":"
	    "\"n\",\"type\":\"integer\"})},\"properties\":{@99(\"d~\":{"
	    "\"$ref\":\"urn:d~\"})}}", "[@600(@31<[>0@31<]>)]" },

	{ "format regex, short strings", SHORT_FORMAT("regex"),
	    "[@1500(\"^[a-z]+(?:x|y)*[0-9]{2,}$\")]" },
	{ "format email, short strings", SHORT_FORMAT("email"),
	    "[@1500(\"first.last+tag\\u0040xn--mil-qla.org\")]" },
	{ "format idn-email, short strings", SHORT_FORMAT("idn-email"),
	    "[@1500(\"f\xc3\xa4rst.last\\u0040m\xc3\xa4il.example.org\")]" },
	{ "format hostname, short strings", SHORT_FORMAT("hostname"),
	    "[@1500(\"xn--mil-qla.xn--mil-qla.org\")]" },
	{ "format idn-hostname, short strings", SHORT_FORMAT("idn-hostname"),
	    "[@1500(\"m\xc3\xa4il.\xe3\x83\x95\xe3\x82\xb2.example\")]" },
	{ "format iri, short strings", SHORT_FORMAT("iri"),
	    "[@1500(\"http://m\xc3\xa4il.example/\xc3\xa4?x#y\")]" },
	{ "format uri-template, short strings", SHORT_FORMAT("uri-template"),
	    "[@1500(\"http://e.org/{+a,b:3}{?c*}\")]" },
	{ "format date-time, short strings", SHORT_FORMAT("date-time"),
	    "[@1500(\"2026-02-28T23:59:59.123456+01:00\")]" },
	{ "format duration, short strings", SHORT_FORMAT("duration"),
	    "[@1500(\"P1Y2M3DT4H5M6S\")]" },
	{ "format ipv6, short strings", SHORT_FORMAT("ipv6"),
	    "[@1500(\"1:2:3:4:5:6:192.168.100.200\")]" },
	{ "formats, allOf of one string", "{\"allOf\":[@100({\"format\":"
	    "\"uri-template\",\"minLength\":~})]}", "\"@130000<a>\"" },
	{ "format email", "{\"allOf\":[@100({\"format\":\"email\","
	    "\"minLength\":~})]}", "\"@65000<a.>\"" },
	{ "format idn-email", "{\"allOf\":[@100({\"format\":\"idn-email\","
	    "\"minLength\":~})]}", "\"a@1<>@1<\\u0040>@30000<\xc3\xa4.>\"" },
	{ "format idn-hostname", "{\"allOf\":[@100({\"format\":"
	    "\"idn-hostname\",\"minLength\":~})]}", "\"@30000<\xc3\xa4.>\"" },
	{ "format iri", "{\"allOf\":[@100({\"format\":"
	    "\"iri\",\"minLength\":~})]}", "\"a:@43000<\xc3\xa4/>\"" },
	{ "format regex", "{\"allOf\":[@100({\"format\":\"regex\","
	    "\"minLength\":~})]}", "\"@16000<a|b|>\"" },
	{ "format regex, sets", "{\"items\":{\"format\":\"regex\"}}",
	    "[@3(\"@16000<[^a]>\")]" },
	{ "format json-pointer", "{\"allOf\":[@100({\"format\":"
	    "\"json-pointer\",\"minLength\":~})]}", "\"/@130000<a>\"" },
	{ "maxLength of a long string", "{\"allOf\":[@200({\"maxLength\":"
	    "99~})]}", "\"@65000<\xc3\xa4>\"" },

	{ "a long pattern, told twenty times", "{\"items\":{\"pattern\":"
	    "\"^@10000<(?:a)>$\"}}", "[@9990(\"\")]" },
	{ "a long enum, told twenty times", "{\"items\":{\"enum\":["
	    "@30(\"~@100000<a>\")]}}", "[@9990(\"\")]" },
	{ "a pattern that explodes", "{\"items\":{\"pattern\":"
	    "\"^(a+)+$\"}}", "[@40(\"@6000<a>b\")]" },
	{ "a pattern with a reference back", "{\"items\":{\"pattern\":"
	    "\"^((a+)+)\\\\1$\"}}", "[@40(\"@6000<a>b\")]" },
	{ "a quadratic pattern that matches", "{\"items\":{\"pattern\":"
	    "\"[xz]*[xy]*z[xz]*y|z$\"}}", "[@1200(\"@200<x>z\"),0,\"\"]" },
	{ "a cubic pattern that matches", "{\"items\":{\"pattern\":"
	    "\"^.*.*.*x|b$\"}}", "[@8000(\"@25<a>b\"),\"\"]" },
	{ "a cubic pattern that matches, strings of 100", "{\"items\":{"
	    "\"pattern\":\"^.*.*.*x|b$\"}}", "[@2400(\"@99<a>b\"),\"\"]" },
	{ "a pattern that matches in the end", "{\"items\":{\"pattern\":"
	    "\"a.*b.*c.*d|e$\"}}", "[@250(\"@330<abc>e\"),\"\"]" },
	{ "a pattern that almost explodes, and matches", "{\"items\":{"
	    "\"pattern\":\"^(a|aa)+$|b$\"}}",
	    "[@4000(\"@55<a>b\"),\"\"]" },
	{ "a quadratic pattern, short strings", "{\"items\":{\"pattern\":"
	    "\"x*x*y\"}}", "[@4000(\"@60<x>\")]" },
	{ "a quadratic pattern, strings of 200", "{\"items\":{\"pattern\":"
	    "\"[xz]*[xy]*z[xz]*y\"}}", "[@1200(\"@200<x>\")]" },
	{ "a cubic pattern, short strings", "{\"items\":{\"pattern\":"
	    "\"^.*.*.*x\"}}", "[@8000(\"@25<a>\")]" },
	{ "a cubic pattern, strings of 100", "{\"items\":{\"pattern\":"
	    "\"^.*.*.*x\"}}", "[@2400(\"@100<a>\")]" },
	{ "a pattern, strings of 1,000", "{\"items\":{\"pattern\":"
	    "\"a.*b.*c.*d\"}}", "[@250(\"@330<abc>\")]" },
	{ "a simple pattern, allOf of one string", "{\"allOf\":[@200({"
	    "\"pattern\":\"^[a-y]*$\",\"minLength\":~})]}", "\"@130000<a>\"" },
	{ "alternatives, one string", "{\"allOf\":[@200({\"pattern\":"
	    "\"(?:aaaaaaaa|aaaaaaaaa|aaaaaaaaaa)*b\"})]}", "\"@130000<a>\"" },
	{ "a property pattern", "{\"items\":{\"pattern\":"
	    "\"^\\\\p{L}+\\\\d\"}}", "[@2(\"@65000<\xc3\xa4>\")]" },
};

/* Measures a case; returns the verdict. */
static const char *
measure_case(const struct hostile_case *c)
{
	struct schema_set *set = schema_set_new("/",
	    &(struct schema_options){ .contract = true });
	const struct schema *schema;
	struct buf faults, text, body;
	const char *verdict;

	buf_init(&faults, 1 << 20);
	expanded(&text, c->schema, SCHEMA_BYTES);
	expanded(&body, c->body, BODY_BYTES);
	schema = schema_compile_text(set, "contract:///hostile.json", text.at,
	    &faults);
	ck_assert_msg(schema != NULL, "%s: %.300s", c->name, faults.at);
	verdict = measure(c->name, schema, &body);
	buf_release(&faults);
	buf_release(&text);
	buf_release(&body);
	schema_set_free(set);
	return verdict;
}

START_TEST(a_request_is_bounded_whatever_the_contract_is)
{
	(void)measure_case(&hostile[_i]);
}
END_TEST

/* The bound is far from what somebody may mean. */
static const struct hostile_case honest[] = {
	{ "e-mail addresses", "{\"type\":\"array\",\"uniqueItems\":true,"
	    "\"items\":{\"type\":\"string\",\"format\":\"email\","
	    "\"maxLength\":254}}", "[@7700(\"a.name.~\\u0040mail.example\")]" },
	{ "host names", "{\"items\":{\"format\":\"hostname\"}}",
	    "[@8000(\"www~.host.example.org\")]" },
	{ "moments", "{\"items\":{\"type\":\"string\",\"format\":"
	    "\"date-time\"}}", "[@9900(\"2026-11-22T03:30:00Z\")]" },
	{ "rows", "{\"items\":{\"type\":\"object\",\"properties\":{"
	    "\"name\":{\"type\":\"string\",\"maxLength\":80,\"pattern\":"
	    "\"^\\\\p{L}[^<>]*$\"},\"count\":{\"type\":\"integer\","
	    "\"minimum\":0,\"maximum\":1000000},\"price\":{\"type\":"
	    "\"number\",\"multipleOf\":0.01},\"kind\":{\"enum\":[\"a\","
	    "\"b\",null,1]}},\"required\":[\"name\",\"count\"],"
	    "\"additionalProperties\":false}}",
	    "[@3900({\"name\":\"Name ~\",\"count\":~,\"price\":~.95,"
	    "\"kind\":1})]" },
	{ "a union that is told apart", "{\"items\":{\"oneOf\":[@9({\"type\":"
	    "\"object\",\"required\":[\"kind\",\"x~\"],\"properties\":{"
	    "\"kind\":{\"const\":\"~\"},\"x~\":{\"type\":\"number\"}},"
	    "\"unevaluatedProperties\":false})]}}",
	    "[@6000({\"kind\":\"8\",\"x8\":1.~25})]" },
	{ "a long text", "{\"type\":\"string\",\"pattern\":"
	    "\"^(?!\\\\s)[^<>]*[^<>\\\\s]$\"}", "\"@65000<\xc3\xa4>\"" },
};

START_TEST(a_large_body_that_is_in_order_is_taken)
{
	ck_assert_str_eq(measure_case(&honest[_i]), "valid");
}
END_TEST

/* ---- the reference contract ---- */

/*
 * An example of a schema made as large as a body can be, or as one that is
 * valid: its arrays, and its strings too, or else 900 members that no schema
 * knows.
 */
enum growth { VALID, ARRAYS, STRINGS, MEMBERS, GROWTHS };

static const char *const growths[GROWTHS] = { "valid arrays", "arrays",
	"strings", "members" };

static struct json_object *
grown_string(struct json_object *value, size_t bytes)
{
	size_t length = (size_t)json_object_get_string_len(value);
	struct json_object *grown;
	struct buf b;

	buf_init(&b, json_caps_wire.string_bytes);
	do
		buf_add(&b, json_object_get_string(value), length);
	while (b.length < bytes && length > 0 && !b.failed);
	grown = json_object_new_string_len(b.at, (int)b.length);
	buf_release(&b);
	return grown;
}

static size_t
written_bytes(struct json_object *value, struct buf *b)
{
	buf_clear(b);
	json_write(b, value);
	return b->failed ? SIZE_MAX : b->length;
}

static struct json_object *grown(struct json_object *value, size_t bytes,
    enum growth growth);

static struct json_object *
grown_array(struct json_object *value, size_t bytes, enum growth growth)
{
	struct json_object *array = json_object_new_array();
	size_t count = json_object_array_length(value), size = 0;
	struct buf b;

	buf_init(&b, BODY_BYTES);
	for (size_t i = 0; count > 0 && size < bytes && i < 9990; i++) {
		struct json_object *item = grown(json_object_array_get_idx(
		    value, i % count), growth == STRINGS ? 200 : 0, growth);

		json_object_array_add(array, item);
		size += written_bytes(item, &b) + 1;
	}
	buf_release(&b);
	return array;
}

static struct json_object *
grown(struct json_object *value, size_t bytes, enum growth growth)
{
	struct json_object *object;
	size_t count;

	if (growth == STRINGS && json_object_is_type(value, json_type_string))
		return grown_string(value, bytes);
	if (json_object_is_type(value, json_type_array) && bytes > 0)
		return grown_array(value, bytes, growth);
	if (!json_object_is_type(value, json_type_object))
		return json_object_get(value);
	object = json_object_new_object();
	count = (size_t)json_object_object_length(value);
	json_object_object_foreach(value, name, member)
		json_object_object_add(object, name, grown(member,
		    bytes / count, growth));
	for (int i = 0; i < 900 && growth == MEMBERS && bytes > 0; i++) {
		char unknown[32];

		snprintf(unknown, sizeof(unknown), "unknown%d", i);
		json_object_object_add(object, unknown,
		    json_object_new_int(i));
	}
	return object;
}

static bool
is_valid(const struct schema *schema, struct json_object *tree)
{
	struct arena *arena = arena_new();
	struct scope sc;
	bool valid;

	scope_init(&sc, arena);
	valid = schema_judge(schema, &sc, NULL, tree);
	arena_free(arena);
	return valid;
}

/* The largest body of an example's kind that is taken. */
static void
body_of(const struct schema *schema, struct json_object *example,
    enum growth growth, struct buf *ret)
{
	bool fits = false;

	for (size_t bytes = BODY_BYTES; !fits; bytes = bytes * 7 / 8) {
		struct json_object *tree = grown(example, bytes, growth);

		fits = written_bytes(tree, ret) != SIZE_MAX &&
		    (growth != VALID || bytes == 0 || is_valid(schema, tree));
		json_object_put(tree);
	}
}

/* The first example of a file of schemas, or NULL. */
static struct json_object *
example_of(const char *directory, const char *file)
{
	struct json_object *examples, *example = NULL, *root;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	root = json_object_from_file(path);
	ck_assert_ptr_nonnull(root);
	if (json_object_object_get_ex(root, "examples", &examples))
		example = json_object_get(
		    json_object_array_get_idx(examples, 0));
	json_object_put(root);
	return example;
}

static void
measure_file(const char *directory, const char *file, enum growth growth)
{
	struct schema_set *set = schema_set_new(directory,
	    &(struct schema_options){ .contract = true });
	struct json_object *example = example_of(directory, file);
	const struct schema *schema;
	struct buf faults, body;
	char name[300];

	buf_init(&faults, 1 << 20);
	buf_init(&body, BODY_BYTES);
	schema = schema_compile(set, file, VARIANT_WHOLE, &faults);
	ck_assert_msg(schema != NULL, "%s", faults.at);
	if (example != NULL) {
		body_of(schema, example, growth, &body);
		snprintf(name, sizeof(name), "%s of %s", growths[growth],
		    file);
		(void)measure(name, schema, &body);
	}
	json_object_put(example);
	buf_release(&faults);
	buf_release(&body);
	schema_set_free(set);
}

START_TEST(a_request_to_the_reference_contract_is_bounded)
{
	const char *source = getenv("SRCDIR");
	char directory[256];
	struct dirent *entry;
	unsigned count = 0;
	DIR *dir;

	snprintf(directory, sizeof(directory), "%s/contract/schemas",
	    source != NULL ? source : ".");
	dir = opendir(directory);
	ck_assert_msg(dir != NULL, "%s", directory);
	while ((entry = readdir(dir)) != NULL) {
		if (strchr(entry->d_name, '.') == entry->d_name)
			continue;
		measure_file(directory, entry->d_name, (enum growth)_i);
		count++;
	}
	closedir(dir);
	ck_assert_uint_gt(count, 10);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hostile");
	TCase *tc = tcase_create("hostile");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_request_is_bounded_whatever_the_contract_is,
	    0, (int)(sizeof(hostile) / sizeof(hostile[0])));
	tcase_add_loop_test(tc, a_large_body_that_is_in_order_is_taken, 0,
	    (int)(sizeof(honest) / sizeof(honest[0])));
	tcase_add_loop_test(tc, a_request_to_the_reference_contract_is_bounded,
	    0, GROWTHS);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
