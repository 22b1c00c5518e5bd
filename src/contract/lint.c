/* SPDX-License-Identifier: MIT */
/*
 * The profile of contracts, over the text of schemas and not over what was
 * compiled: it is about what a reader or a generator of types sees.  The walk
 * goes through every subschema once, by the table of keywords below, and knows
 * three things of where it is: whether the schema declares values or only
 * refines what is declared elsewhere (if, then, not ...), and whether an
 * enclosing schema closes its objects.  A rule is a row: what it wants of which
 * schema, and how to mend it.
 */
#include "contract/lint.h"

#include <string.h>

#include "contract/keyword.h"
#include "contract/near.h"
#include "contract/pattern.h"

enum {
	FINDINGS_MAX = 1000,
	HOPS_MAX = 32,			/* of $ref, one after the other */
};

static const int64_t safe_max = 9007199254740991;	/* 2^53 - 1 */

/* A subschema on the walk. */
struct seat {
	const struct lint_file *file;
	struct json_object *schema;
	size_t line, column;
	bool refines;	/* if, then, not, ...: declares nothing itself */
	bool closed;	/* unevaluatedProperties of an enclosing schema */
};

struct lint_rule {
	const char *id;
	bool (*holds)(struct lint *lint, const struct seat *s);
	bool of_refining;	/* also where nothing is declared */
	const char *at;		/* the member that it is about, or NULL */
	const char *what, *mend;
};

static struct json_object *
get(const struct seat *s, const char *name)
{
	return json_object_object_get(s->schema, name);
}

static bool
has(const struct seat *s, const char *name)
{
	return json_object_object_get_ex(s->schema, name, NULL);
}

/* Does "type" say so itself? */
static bool
is_a(const struct seat *s, const char *type)
{
	struct json_object *types = get(s, "type");

	if (json_object_is_type(types, json_type_string))
		return strcmp(json_object_get_string(types), type) == 0;
	if (!json_object_is_type(types, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(types); i++) {
		struct json_object *t = json_object_array_get_idx(types, i);

		if (json_object_is_type(t, json_type_string) &&
		    strcmp(json_object_get_string(t), type) == 0)
			return true;
	}
	return false;
}

/* Are its values listed, or said by the schema that it refers to? */
static bool
is_settled(const struct seat *s)
{
	return has(s, "enum") || has(s, "const") || has(s, "$ref");
}

static struct json_object *resolve(struct lint *lint,
    const struct lint_file *file, struct json_object *schema,
    const struct lint_file **ret_file);

/* ---- The rules. ---- */

static bool
string_is_bounded(struct lint *lint, const struct seat *s)
{
	/* A length that the format itself does not pass. */
	static const char *const bounded[] = { "date", "email", "hostname",
		"idn-hostname", "ipv4", "ipv6", "uuid" };
	struct json_object *format = get(s, "format");

	(void)lint;
	if (!is_a(s, "string") || is_settled(s) || has(s, "maxLength"))
		return true;
	for (size_t i = 0; i < countof(bounded); i++)
		if (json_object_is_type(format, json_type_string) &&
		    strcmp(json_object_get_string(format), bounded[i]) == 0)
			return true;
	return false;
}

static bool
is_false(struct json_object *value)
{
	return json_object_is_type(value, json_type_boolean) &&
	    !json_object_get_boolean(value);
}

static bool
array_is_bounded(struct lint *lint, const struct seat *s)
{
	(void)lint;
	return !is_a(s, "array") || is_settled(s) || has(s, "maxItems") ||
	    (has(s, "prefixItems") && (is_false(get(s, "items")) ||
		is_false(get(s, "unevaluatedItems"))));
}

/* Is there a schema for what is not named, one that says something? */
static bool
says_of_others(const struct seat *s, const char *keyword)
{
	struct json_object *value = get(s, keyword);

	if (json_object_is_type(value, json_type_object))
		return json_object_object_length(value) > 0;
	return is_false(value);
}

/* Are its members those of its alternatives, which are looked at themselves? */
static bool
is_union(const struct seat *s)
{
	return (has(s, "oneOf") || has(s, "anyOf")) && !has(s, "properties");
}

static bool
object_is_closed(struct lint *lint, const struct seat *s)
{
	(void)lint;
	return !is_a(s, "object") || is_settled(s) || s->closed ||
	    is_union(s) ||
	    says_of_others(s, "additionalProperties") ||
	    says_of_others(s, "unevaluatedProperties");
}

/* An object whose members have names that the client chooses. */
static bool
map_is_bounded(struct lint *lint, const struct seat *s)
{
	(void)lint;
	return !is_a(s, "object") || is_settled(s) ||
	    has(s, "maxProperties") ||
	    !(json_object_is_type(get(s, "additionalProperties"),
		  json_type_object) ||
		has(s, "patternProperties"));
}

/* Is there a bound, and is it within what a double holds exactly? */
static bool
bound_is_safe(const struct seat *s, const char *name)
{
	struct json_object *bound = get(s, name);
	double d;

	if (json_object_is_type(bound, json_type_int)) {
		int64_t n = json_object_get_int64(bound);

		return n >= -safe_max && n <= safe_max;
	}
	if (!json_object_is_type(bound, json_type_double))
		return false;
	d = json_object_get_double(bound);
	return d >= (double)-safe_max && d <= (double)safe_max;
}

static bool
integer_is_safe(struct lint *lint, const struct seat *s)
{
	(void)lint;
	if (!is_a(s, "integer") || is_settled(s))
		return true;
	return (bound_is_safe(s, "minimum") ||
		   bound_is_safe(s, "exclusiveMinimum")) &&
	    (bound_is_safe(s, "maximum") ||
		bound_is_safe(s, "exclusiveMaximum"));
}

/* Is the branch only a null, which needs no telling apart? */
static bool
is_null_branch(struct json_object *branch)
{
	struct json_object *type = json_object_object_get(branch, "type");

	return json_object_is_type(type, json_type_string) &&
	    strcmp(json_object_get_string(type), "null") == 0;
}

static bool
is_required(struct json_object *branch, const char *name)
{
	struct json_object *list = json_object_object_get(branch, "required");

	if (!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (json_object_is_type(item, json_type_string) &&
		    strcmp(json_object_get_string(item), name) == 0)
			return true;
	}
	return false;
}

/* The strings of a branch's member `name`: its const, or its enum; or NULL. */
static struct json_object *
branch_values(struct lint *lint, const struct lint_file *file,
    struct json_object *branch, const char *name)
{
	struct json_object *properties, *property, *values;

	properties = json_object_object_get(branch, "properties");
	if (!is_required(branch, name) ||
	    !json_object_is_type(properties, json_type_object))
		return NULL;
	property = resolve(lint, file,
	    json_object_object_get(properties, name), &file);
	if (!json_object_is_type(property, json_type_object))
		return NULL;
	values = json_object_object_get(property, "const");
	if (json_object_is_type(values, json_type_string))
		return values;
	values = json_object_object_get(property, "enum");
	return json_object_is_type(values, json_type_array) ? values : NULL;
}

/* Number `index` of such values; NULL after the last, or when no string. */
static const char *
value_at(struct json_object *values, size_t index)
{
	if (json_object_is_type(values, json_type_array))
		values = json_object_array_get_idx(values, index);
	else if (index > 0)
		return NULL;
	return json_object_is_type(values, json_type_string) ?
	    json_object_get_string(values) : NULL;
}

static bool
share_a_value(struct json_object *a, struct json_object *b)
{
	for (size_t i = 0; value_at(a, i) != NULL; i++)
		for (size_t j = 0; value_at(b, j) != NULL; j++)
			if (strcmp(value_at(a, i), value_at(b, j)) == 0)
				return true;
	return false;
}

/* Does the member tell all branches apart? */
static bool
tells_apart(struct lint *lint, const struct seat *s,
    struct json_object *const *branches, const struct lint_file *const *files,
    size_t count, const char *name)
{
	(void)s;
	for (size_t i = 0; i < count; i++) {
		struct json_object *mine = branch_values(lint, files[i],
		    branches[i], name);

		if (mine == NULL || value_at(mine, 0) == NULL)
			return false;
		for (size_t j = 0; j < i; j++)
			if (share_a_value(mine, branch_values(lint, files[j],
				branches[j], name)))
				return false;
	}
	return true;
}

static bool
union_is_discriminated(struct lint *lint, const struct seat *s)
{
	struct json_object *list = get(s, "oneOf"), **branches, *properties;
	const struct lint_file **files;
	size_t count = 0, length;

	if (!json_object_is_type(list, json_type_array))
		return true;
	length = json_object_array_length(list);
	branches = arena_alloc(lint->arena, (length + 1) * sizeof(*branches));
	files = arena_alloc(lint->arena, (length + 1) * sizeof(*files));
	for (size_t i = 0; i < length; i++) {
		struct json_object *branch = resolve(lint, s->file,
		    json_object_array_get_idx(list, i), &files[count]);

		if (!json_object_is_type(branch, json_type_object))
			return false;
		if (!is_null_branch(branch))
			branches[count++] = branch;
	}
	if (count < 2)
		return true;
	properties = json_object_object_get(branches[0], "properties");
	if (!json_object_is_type(properties, json_type_object))
		return false;
	json_object_object_foreach(properties, name, value) {
		(void)value;
		if (tells_apart(lint, s, branches, files, count, name))
			return true;
	}
	return false;
}

static const struct lint_rule lint_rules[] = {
	{ "string-max-length", string_is_bounded, false, NULL,
	    "a string without a length limit; forms, columns and memory want "
	    "one", "add \"maxLength\", an \"enum\", or a format of bounded "
	    "length" },
	{ "array-max-items", array_is_bounded, false, NULL,
	    "an array without a limit; one request could carry any number",
	    "add \"maxItems\"" },
	{ "object-closed", object_is_closed, false, NULL,
	    "an open object; misspelt members would pass unseen",
	    "add \"additionalProperties\": false, or a schema for the others" },
	{ "object-max-properties", map_is_bounded, false, NULL,
	    "an object of any number of members", "add \"maxProperties\"" },
	{ "integer-range", integer_is_safe, false, NULL,
	    "an integer that may be beyond 2^53 - 1, where JavaScript rounds",
	    "add \"minimum\" and \"maximum\" within 9007199254740991, or make "
	    "it a string" },
	{ "union-discriminator", union_is_discriminated, false, "oneOf",
	    "alternatives that no member tells apart; no client can tell which "
	    "one was meant, nor say what is wrong with it",
	    "give each branch a required member with a \"const\" of its own" },
};

/* ---- $ref, within the contract's files. ---- */

static const struct lint_file *
file_named(const struct lint *lint, const char *name)
{
	for (size_t i = 0; i < lint->file_count; i++)
		if (strcmp(lint->files[i].file, name) == 0)
			return &lint->files[i];
	return NULL;
}

/* "schemas/a.json" and "b.json" are "schemas/b.json"; ../ is not followed. */
static const char *
beside(struct lint *lint, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');

	return arena_format(lint->arena, "%.*s%s",
	    slash != NULL ? (int)(slash - file + 1) : 0, file, name);
}

/*
 * What a schema is in the end: itself, or what its $ref leads to.  NULL when
 * that is not a pointer into a file of the contract.
 */
static struct json_object *
resolve(struct lint *lint, const struct lint_file *file,
    struct json_object *schema, const struct lint_file **ret_file)
{
	*ret_file = file;
	for (unsigned hops = 0; hops < HOPS_MAX; hops++) {
		struct json_object *ref;
		char *hash, *name;

		if (!json_object_is_type(schema, json_type_object) ||
		    !json_object_object_get_ex(schema, "$ref", &ref) ||
		    !json_object_is_type(ref, json_type_string))
			return schema;
		name = arena_string(lint->arena, json_object_get_string(ref));
		if ((hash = strchr(name, '#')) != NULL)
			*hash++ = '\0';
		if (*name != '\0')
			*ret_file = file_named(lint,
			    beside(lint, (*ret_file)->file, name));
		if (*ret_file == NULL)
			return NULL;
		schema = (*ret_file)->root;
		if (hash != NULL && *hash != '\0' &&
		    json_pointer_get(schema, hash, &schema) != 0)
			return NULL;
	}
	return NULL;
}

/* ---- Patterns. ---- */

static const struct {
	size_t fact;	/* its offset in struct pattern_facts */
	const char *id, *what, *mend;
} pattern_rules[] = {
	{ offsetof(struct pattern_facts, backreference),
	    "pattern-backreference",
	    "a pattern with a backreference, which no matcher does in linear "
	    "time", "say what may stand there a second time, or drop it" },
	{ offsetof(struct pattern_facts, lookbehind), "pattern-lookbehind",
	    "a pattern with a lookbehind, which some front ends cannot compile",
	    "match what stands before it as well" },
	{ offsetof(struct pattern_facts, explosive), "pattern-explosive",
	    "a pattern that a front end's matcher may take exponential time "
	    "for, as alternatives or repetitions within a repetition overlap",
	    "write it so that each text matches in one way only" },
	{ offsetof(struct pattern_facts, overlapping), "pattern-overlapping",
	    "a pattern with unbounded runs of the same characters side by "
	    "side, quadratic in a front end's matcher",
	    "merge the runs, bound them, or put something between them" },
};

static void
pattern_check(struct lint *lint, const struct seat *s, const char *text,
    size_t length, size_t line, size_t column)
{
	const struct pattern_facts *facts;
	const struct schema_pattern *pattern;
	const char *reason;
	size_t offset;

	pattern = schema_pattern_compile(lint->arena, text, length, &reason,
	    &offset);
	if (pattern == NULL)	/* the loader says so */
		return;
	facts = schema_pattern_facts(pattern);
	for (size_t i = 0; i < countof(pattern_rules); i++)
		if (*(const bool *)((const char *)facts +
			pattern_rules[i].fact))
			lint_add(lint, &(struct finding){
			    .id = pattern_rules[i].id, .file = s->file->file,
			    .line = line, .column = column,
			    .what = pattern_rules[i].what,
			    .mend = pattern_rules[i].mend });
}

static void
patterns_check(struct lint *lint, const struct seat *s)
{
	struct json_object *pattern = get(s, "pattern");
	struct json_object *map = get(s, "patternProperties");
	size_t line = s->line, column = s->column;

	if (json_object_is_type(pattern, json_type_string)) {
		(void)json_place(s->file->places, s->schema, "pattern", 0,
		    &line, &column);
		pattern_check(lint, s, json_object_get_string(pattern),
		    (size_t)json_object_get_string_len(pattern), line, column);
	}
	if (!json_object_is_type(map, json_type_object))
		return;
	json_object_object_foreach(map, name, value) {
		(void)value;
		(void)json_place_of_name(s->file->places, map, name, &line,
		    &column);
		pattern_check(lint, s, name, strlen(name), line, column);
	}
}

/* ---- Names of one's own. ---- */

static void
misspelt_add(struct lint *lint, const struct seat *s, const char *name,
    const char *meant)
{
	struct finding f = { .id = "keyword-misspelt", .file = s->file->file,
		.line = s->line, .column = s->column };

	(void)json_place_of_name(s->file->places, s->schema, name, &f.line,
	    &f.column);
	f.what = arena_format(lint->arena,
	    "\"%s\" is no keyword and does nothing", name);
	f.mend = arena_format(lint->arena, "did you mean \"%s\"?", meant);
	lint_add(lint, &f);
}

/* What is unknown and has no "x-" is a fault. */
static void
names_check(struct lint *lint, const struct seat *s)
{
	json_object_object_foreach(s->schema, name, value) {
		const char *meant;

		(void)value;
		if (strncmp(name, "x-", 2) == 0 &&
		    schema_keyword_find(name) == KEYWORD_COUNT &&
		    (meant = near_keyword(name)) != NULL)
			misspelt_add(lint, s, name, meant);
	}
}

/* ---- The walk. ---- */

enum branch_shape { ONE, LIST, MAP };

/* The keywords that hold schemas. */
static const struct {
	const char *name;
	enum branch_shape shape;
	bool in_place;	/* for the same value */
	bool refines;	/* declares nothing itself */
} branches_of[] = {
	{ "properties", MAP, false, false },
	{ "patternProperties", MAP, false, false },
	{ "additionalProperties", ONE, false, false },
	{ "unevaluatedProperties", ONE, false, false },
	{ "propertyNames", ONE, false, true },
	{ "items", ONE, false, false },
	{ "prefixItems", LIST, false, false },
	{ "unevaluatedItems", ONE, false, false },
	{ "contains", ONE, false, true },
	{ "allOf", LIST, true, false },
	{ "anyOf", LIST, true, false },
	{ "oneOf", LIST, true, false },
	{ "if", ONE, true, true },
	{ "then", ONE, true, true },
	{ "else", ONE, true, true },
	{ "not", ONE, true, true },
	{ "dependentSchemas", MAP, true, true },
	{ "contentSchema", ONE, false, true },
	{ "$defs", MAP, false, false },
};

static void visit(struct lint *lint, const struct seat *s);

static void
visit_branch(struct lint *lint, struct seat *s, struct json_object *parent,
    struct json_object *schema, const char *name, size_t index)
{
	s->schema = schema;
	(void)json_place(s->file->places, parent, name, index, &s->line,
	    &s->column);
	visit(lint, s);
}

static void
visit_branches(struct lint *lint, const struct seat *s, size_t row)
{
	struct json_object *value = get(s, branches_of[row].name);
	struct seat inner = *s;

	inner.refines = s->refines || branches_of[row].refines;
	inner.closed = branches_of[row].in_place &&
	    (s->closed || says_of_others(s, "unevaluatedProperties"));
	if (branches_of[row].shape == ONE) {
		visit_branch(lint, &inner, s->schema, value,
		    branches_of[row].name, 0);
	} else if (branches_of[row].shape == LIST &&
	    json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			visit_branch(lint, &inner, value,
			    json_object_array_get_idx(value, i), NULL, i);
	} else if (branches_of[row].shape == MAP &&
	    json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, name, member) {
			visit_branch(lint, &inner, value, member, name, 0);
		}
	}
}

static void
rule_check(struct lint *lint, const struct seat *s,
    const struct lint_rule *rule)
{
	struct finding f = { .id = rule->id, .file = s->file->file,
		.line = s->line, .column = s->column, .what = rule->what,
		.mend = rule->mend };

	if ((s->refines && !rule->of_refining) || rule->holds(lint, s))
		return;
	if (rule->at != NULL)
		(void)json_place(s->file->places, s->schema, rule->at, 0,
		    &f.line, &f.column);
	lint_add(lint, &f);
}

/* Files nest as deep as the reader lets them: recursion is bounded. */
static void
visit(struct lint *lint, const struct seat *s)
{
	if (!json_object_is_type(s->schema, json_type_object))
		return;
	for (size_t i = 0; i < countof(lint_rules); i++)
		rule_check(lint, s, &lint_rules[i]);
	patterns_check(lint, s);
	names_check(lint, s);
	for (size_t i = 0; i < countof(branches_of); i++)
		visit_branches(lint, s, i);
}

/* What people and generated documents want of a file. */
static const struct {
	const char *member, *id, *what, *mend;
} of_files[] = {
	{ "title", "schema-title", "a schema without a title; generated types "
	    "are named after it", "add \"title\", like \"Letter\"" },
	{ "description", "schema-description", "a schema without a description",
	    "add \"description\", a sentence for whoever reads the documents" },
	{ "examples", "schema-examples", "a schema without an example; "
	    "documents and tests show them",
	    "add \"examples\", a list of values" },
};

void
lint_schemas(struct lint *lint, const struct lint_file *file)
{
	struct seat s = { file, file->root, 1, 1, false, false };

	visit(lint, &s);
	if (!json_object_is_type(file->root, json_type_object))
		return;
	for (size_t i = 0; i < countof(of_files); i++)
		/* Definitions alone are of no type: nothing to show. */
		if (!has(&s, of_files[i].member) && (has(&s, "type") ||
			has(&s, "$ref") || has(&s, "oneOf") ||
			has(&s, "anyOf") || has(&s, "allOf")))
			lint_add(lint, &(struct finding){
			    .id = of_files[i].id, .file = file->file,
			    .line = 1, .column = 1, .what = of_files[i].what,
			    .mend = of_files[i].mend });
}

void
lint_add(struct lint *lint, const struct finding *finding)
{
	struct finding *more;

	if (lint->finding_count == FINDINGS_MAX)
		return;
	if (lint->finding_count == lint->finding_room) {
		lint->finding_room = lint->finding_room * 2 + 16;
		more = arena_alloc(lint->arena,
		    lint->finding_room * sizeof(*more));
		if (lint->finding_count > 0)
			memcpy(more, lint->findings,
			    lint->finding_count * sizeof(*more));
		lint->findings = more;
	}
	lint->findings[lint->finding_count++] = *finding;
}
