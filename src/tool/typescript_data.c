/* SPDX-License-Identifier: MIT */
/*
 * Schemas as the data that runtime/judge.ts takes: JSON Schema without its
 * annotations, maps as lists of pairs, formats as names of runtime/formats.ts,
 * references as functions.  What fits into a line is one line.  No name of a
 * member ever stands as a name in the text: it could be __proto__.
 */
#include "tool/typescript.h"

#include <ctype.h>
#include <string.h>

enum { COLUMNS = 100 };

enum shape { VALUE, SCHEMA, SCHEMAS, SCHEMA_MAP, VALUE_MAP, REFERENCE,
	FORMAT };

static const struct {
	const char *name;
	enum shape shape;
} keywords[] = {
	{ "$ref", REFERENCE }, { "type", VALUE }, { "enum", VALUE },
	{ "const", VALUE }, { "minLength", VALUE }, { "maxLength", VALUE },
	{ "pattern", VALUE }, { "format", FORMAT }, { "minimum", VALUE },
	{ "exclusiveMinimum", VALUE }, { "maximum", VALUE },
	{ "exclusiveMaximum", VALUE }, { "multipleOf", VALUE },
	{ "prefixItems", SCHEMAS }, { "items", SCHEMA },
	{ "contains", SCHEMA }, { "minContains", VALUE },
	{ "maxContains", VALUE }, { "minItems", VALUE },
	{ "maxItems", VALUE }, { "uniqueItems", VALUE },
	{ "unevaluatedItems", SCHEMA }, { "properties", SCHEMA_MAP },
	{ "patternProperties", SCHEMA_MAP },
	{ "additionalProperties", SCHEMA }, { "propertyNames", SCHEMA },
	{ "required", VALUE }, { "dependentRequired", VALUE_MAP },
	{ "dependentSchemas", SCHEMA_MAP }, { "minProperties", VALUE },
	{ "maxProperties", VALUE }, { "unevaluatedProperties", SCHEMA },
	{ "allOf", SCHEMAS }, { "anyOf", SCHEMAS }, { "oneOf", SCHEMAS },
	{ "not", SCHEMA }, { "if", SCHEMA }, { "then", SCHEMA },
	{ "else", SCHEMA },
};

/* An object, an array or a pair while its parts are gathered. */
struct parts {
	const char **at;
	size_t count, length;
	bool broken;			/* one of them has several lines */
};

struct writing {
	struct typescript *ts;
	const char *module;		/* before names of components */
	unsigned indent, used;		/* columns of the line */
};

static const char *schema_text(struct writing w, struct json_object *schema,
    const struct typescript_keywords *which);

bool
typescript_has_keyword(const struct typescript_keywords *which,
    const char *name)
{
	bool named = false;

	if (which == NULL)
		return true;
	for (size_t i = 0; which->names[i] != NULL; i++)
		named = named || strcmp(which->names[i], name) == 0;
	return named != which->others;
}

bool
typescript_is_judged(const char *name)
{
	for (size_t i = 0; i < countof(keywords); i++)
		if (strcmp(keywords[i].name, name) == 0)
			return true;
	return false;
}

static const char *
kept(struct writing w, struct buf *b)
{
	const char *text = arena_copy(w.ts->arena,
	    b->length > 0 ? b->at : "", b->length);

	buf_release(b);
	return text;
}

static struct parts
parts_new(struct writing w, size_t most)
{
	return (struct parts){ .at = arena_alloc(w.ts->arena,
	    most * sizeof(char *) + 1) };
}

static void
add(struct parts *parts, const char *text)
{
	parts->at[parts->count++] = text;
	parts->length += strlen(text) + 2;
	parts->broken = parts->broken || strchr(text, '\n') != NULL;
}

/* The parts between brackets, in one line when they fit. */
static const char *
enclosed(struct writing w, const char *brackets, const struct parts *parts)
{
	bool flat = !parts->broken && w.used + parts->length + 3 <= COLUMNS;
	const char *pad = brackets[0] == '{' ? " " : "";
	struct buf b;

	if (parts->count == 0)
		return arena_format(w.ts->arena, "%s", brackets);
	buf_init(&b, GEN_TEXT_MAX);
	buf_char(&b, brackets[0]);
	for (size_t i = 0; i < parts->count; i++) {
		if (flat)
			buf_format(&b, "%s%s", i > 0 ? ", " : pad,
			    parts->at[i]);
		else
			buf_format(&b, "\n%*s%s,", (int)w.indent + 2, "",
			    parts->at[i]);
	}
	if (flat)
		buf_string(&b, pad);
	else
		buf_format(&b, "\n%*s", (int)w.indent, "");
	buf_char(&b, brackets[1]);
	return kept(w, &b);
}

/* What stands in brackets around it, behind that many characters. */
static struct writing
inner(struct writing w, size_t behind)
{
	w.indent += 2;
	w.used = w.indent + (unsigned)behind + 1;
	return w;
}

static const char *
string_text(struct writing w, const char *text)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_string(&b, text, strlen(text));
	return kept(w, &b);
}

static const char *
value_text(struct writing w, struct json_object *value)
{
	size_t count;
	struct parts parts;
	struct buf b;

	if (!json_object_is_type(value, json_type_array)) {
		buf_init(&b, GEN_TEXT_MAX);
		typescript_literal(&b, value);
		return kept(w, &b);
	}
	count = json_object_array_length(value);
	parts = parts_new(w, count);
	for (size_t i = 0; i < count; i++)
		add(&parts, value_text(inner(w, 0),
		    json_object_array_get_idx(value, i)));
	return enclosed(w, "[]", &parts);
}

static const char *
schemas_text(struct writing w, struct json_object *list)
{
	size_t count = json_object_array_length(list);
	struct parts parts = parts_new(w, count);

	for (size_t i = 0; i < count; i++)
		add(&parts, schema_text(inner(w, 0),
		    json_object_array_get_idx(list, i), NULL));
	return enclosed(w, "[]", &parts);
}

/* ['name', value]: the value goes on in the line of the name. */
static const char *
map_text(struct writing w, struct json_object *map, bool schemas)
{
	struct parts parts = parts_new(w,
	    (size_t)json_object_object_length(map));

	json_object_object_foreach(map, name, value) {
		const char *key = string_text(w, name);
		struct writing in = inner(w, strlen(key) + 4);

		add(&parts, arena_format(w.ts->arena, "[%s, %s]", key, schemas ?
		    schema_text(in, value, NULL) : value_text(in, value)));
	}
	return enclosed(w, "[]", &parts);
}

/* date-time -> formats.dateTime */
static const char *
format_text(struct writing w, const char *name)
{
	char *text = arena_format(w.ts->arena, "formats.%s", name), *to = text;
	bool upper = false;

	for (const char *s = text; *s != '\0'; s++) {
		if (*s != '-')
			*to++ = upper ? (char)toupper((unsigned char)*s) : *s;
		upper = *s == '-';
	}
	*to = '\0';
	return text;
}

static const char *
keyword_text(struct writing w, enum shape shape, struct json_object *value)
{
	switch (shape) {
	case SCHEMA:
		return schema_text(w, value, NULL);
	case SCHEMAS:
		return schemas_text(w, value);
	case SCHEMA_MAP:
		return map_text(w, value, true);
	case VALUE_MAP:
		return map_text(w, value, false);
	case REFERENCE:
		return arena_format(w.ts->arena, "() => %s%s.schema",
		    w.module, typescript_value_name(w.ts,
			typescript_reference(value)));
	case FORMAT:
		return format_text(w, json_object_get_string(value));
	default:
		return value_text(w, value);
	}
}

static const char *
schema_text(struct writing w, struct json_object *schema,
    const struct typescript_keywords *which)
{
	struct parts parts = parts_new(w, countof(keywords));

	if (!json_object_is_type(schema, json_type_object))
		return json_object_get_boolean(schema) ? "true" : "false";
	json_object_object_foreach(schema, name, value)
		for (size_t i = 0; i < countof(keywords); i++) {
			if (strcmp(keywords[i].name, name) != 0 ||
			    !typescript_has_keyword(which, name))
				continue;
			add(&parts, arena_format(w.ts->arena, "%s: %s", name,
			    keyword_text(inner(w, strlen(name) + 2),
				keywords[i].shape, value)));
		}
	return enclosed(w, "{}", &parts);
}

const char *
typescript_data(struct typescript *ts, struct json_object *schema,
    const struct typescript_keywords *which, const char *module,
    unsigned indent, unsigned used)
{
	return schema_text((struct writing){ ts, module, indent, used },
	    schema, which);
}
