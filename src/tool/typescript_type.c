/* SPDX-License-Identifier: MIT */
/*
 * JSON Schema -> a TypeScript type.  What types cannot say (lengths, patterns,
 * conditions, `not`) is left out, so a type takes what the schema takes and
 * maybe more, never less: where a schema speaks of several kinds of values at
 * once, it is `unknown`.  `kinds` are those that the schemas around have left,
 * so that a branch that only names members is an object's.
 */
#include "tool/typescript.h"

#include <string.h>

enum { COLUMNS = 80, KINDS_ALL = 127 };

/* A type in writing: one of its alternatives. */
struct type {
	const char **or;	/* each needs no brackets within a union */
	size_t count;		/* 0 = unknown */
	bool both;		/* the one alternative is an intersection */
};

struct writing {
	struct typescript *ts;
	struct json_object *schema;
	unsigned kinds;
	unsigned indent;
};

static struct type type_of(struct writing w);

static const struct {
	const char *word;
	unsigned bit;
} kinds[] = {
	{ "string", TYPE_STRING },
	{ "number", TYPE_NUMBER | TYPE_INTEGER },
	{ "integer", TYPE_INTEGER },
	{ "boolean", TYPE_BOOLEAN },
	{ "object", TYPE_OBJECT },
	{ "array", TYPE_ARRAY },
	{ "null", TYPE_NULL },
};

static struct json_object *
get(struct json_object *schema, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(schema, json_type_object))
		json_object_object_get_ex(schema, name, &value);
	return value;
}

static bool
has(struct json_object *schema, const char *name)
{
	return json_object_object_get_ex(schema, name, NULL);
}

static bool
is_false(struct json_object *value)
{
	return json_object_is_type(value, json_type_boolean) &&
	    !json_object_get_boolean(value);
}

/* ---- texts of types ---- */

static void
add(struct writing w, struct type *type, const char *text)
{
	const char **all;

	for (size_t i = 0; i < type->count; i++)
		if (strcmp(type->or[i], text) == 0)
			return;
	all = arena_alloc(w.ts->arena, (type->count + 1) * sizeof(*all));
	if (type->count > 0)
		memcpy(all, type->or, type->count * sizeof(*all));
	all[type->count++] = text;
	type->or = all;
}

static struct type
one(struct writing w, const char *text)
{
	struct type type = { 0 };

	add(w, &type, text);
	return type;
}

/* With null as the last, where people look for it. */
static const char *
joined(struct writing w, const struct type *type)
{
	const char *text = "";
	bool null = false;

	if (type->count == 0)
		return "unknown";
	for (size_t i = 0; i < type->count; i++) {
		if (strcmp(type->or[i], "null") == 0 && type->count > 1) {
			null = true;
			continue;
		}
		text = arena_format(w.ts->arena, "%s%s%s", text,
		    *text != '\0' ? " | " : "", type->or[i]);
	}
	return null ? arena_format(w.ts->arena, "%s | null", text) : text;
}

/* As an operand of something that binds more tightly. */
static const char *
bracketed(struct writing w, const struct type *type)
{
	return arena_format(w.ts->arena, type->count > 1 || type->both ?
	    "(%s)" : "%s", joined(w, type));
}

static const char *
kept(struct writing w, struct buf *b)
{
	const char *text = arena_copy(w.ts->arena,
	    b->length > 0 ? b->at : "", b->length);

	buf_release(b);
	return text;
}

static const char *
literal(struct writing w, struct json_object *value)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_literal(&b, value);
	return kept(w, &b);
}

static struct type
type_within(struct writing w, struct json_object *schema)
{
	w.schema = schema;
	w.kinds = KINDS_ALL;
	return type_of(w);
}

/* ---- arrays ---- */

static const char *
array_of(struct writing w, struct json_object *items)
{
	struct type type = type_within(w, items);

	return arena_format(w.ts->arena, "%s[]", items == NULL ? "unknown" :
	    bracketed(w, &type));
}

static size_t
number_of(struct json_object *schema, const char *name, size_t otherwise)
{
	struct json_object *value = get(schema, name);

	return value == NULL ? otherwise :
	    (size_t)json_object_get_double(value);
}

static const char *
tuple(struct writing w, struct json_object *prefix)
{
	struct json_object *items = get(w.schema, "items");
	size_t count = json_object_array_length(prefix);
	size_t least = number_of(w.schema, "minItems", 0);
	size_t most = number_of(w.schema, "maxItems", SIZE_MAX);
	const char *text = "";

	for (size_t i = 0; i < count && i < most; i++) {
		struct type type = type_within(w,
		    json_object_array_get_idx(prefix, i));

		text = arena_format(w.ts->arena, "%s%s%s%s", text,
		    i > 0 ? ", " : "", i < least ? joined(w, &type) :
		    bracketed(w, &type), i < least ? "" : "?");
	}
	if (most > count && !is_false(items))
		text = arena_format(w.ts->arena, "%s%s...%s", text,
		    count > 0 ? ", " : "", array_of(w, items));
	return arena_format(w.ts->arena, "[%s]", text);
}

static const char *
array_type(struct writing w)
{
	struct json_object *prefix = get(w.schema, "prefixItems");
	struct json_object *items = get(w.schema, "items");

	if (prefix != NULL)
		return tuple(w, prefix);
	return is_false(items) ? "[]" : array_of(w, items);
}

/* ---- objects ---- */

static bool
is_required(struct json_object *schema, const char *name)
{
	struct json_object *list = get(schema, "required");

	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(
			list, i)), name) == 0)
			return true;
	return false;
}

/* What is said of a member: its description, else its format; its default. */
static const char *
remark(struct writing w, struct json_object *schema, bool required)
{
	struct json_object *text = get(schema, "description");
	struct json_object *format = get(schema, "format");
	struct json_object *value = get(schema, "default");
	const char *said = "";
	size_t length;

	if (text != NULL || format != NULL)
		said = json_object_get_string(text != NULL ? text : format);
	if (required || value == NULL)
		return said;
	length = strlen(said);
	return arena_format(w.ts->arena, "%s%sWithout it: %s.", said,
	    length == 0 ? "" : said[length - 1] == '.' ? " " : ". ",
	    literal(w, value));
}

/* One alternative a line where they are too many for one. */
static void
write_broken(struct writing w, const struct type *type, struct buf *out)
{
	for (size_t i = 0; i < type->count; i++)
		buf_format(out, "\n%*s| %s", (int)w.indent, "", type->or[i]);
}

/* After "name: " or "type X =", at that column. */
static void
write_type(struct writing w, const struct type *type, size_t column,
    struct buf *out)
{
	const char *text = joined(w, type);

	if (type->count > 1 && strchr(text, '\n') == NULL &&
	    column + 1 + strlen(text) > COLUMNS) {
		w.indent += 2;
		write_broken(w, type, out);
		return;
	}
	buf_char(out, ' ');
	buf_string(out, text);
}

static void
write_member(struct writing w, const char *name, struct json_object *member,
    bool required, struct buf *out)
{
	struct type type;
	size_t from;

	typescript_comment(out, w.indent, remark(w, member, required));
	from = out->length;
	buf_format(out, "%*s", (int)w.indent, "");
	typescript_name(out, name);
	buf_string(out, required ? ":" : "?:");
	type = type_within(w, member);
	write_type(w, &type, out->length - from, out);
	buf_string(out, ";\n");
}

/* Members that are asked for and not described. */
static void
write_nameless(struct writing w, struct buf *out)
{
	struct json_object *list = get(w.schema, "required");
	struct json_object *map = get(w.schema, "properties");

	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(
		    json_object_array_get_idx(list, i));

		if (get(map, name) == NULL && !(map != NULL &&
			has(map, name))) {
			buf_format(out, "%*s", (int)w.indent, "");
			typescript_name(out, name);
			buf_string(out, ": unknown;\n");
		}
	}
}

/* Does it say something of members that have no name? */
static bool
is_open(struct json_object *schema)
{
	static const char *const keywords[] = { "additionalProperties",
		"unevaluatedProperties" };

	for (size_t i = 0; i < countof(keywords); i++)
		if (has(schema, keywords[i]) &&
		    !is_false(get(schema, keywords[i])))
			return true;
	return has(schema, "patternProperties");
}

static void
write_members(struct writing w, struct buf *out)
{
	struct json_object *map = get(w.schema, "properties");

	if (map != NULL) {
		json_object_object_foreach(map, name, member)
			write_member(w, name, member,
			    is_required(w.schema, name), out);
	}
	write_nameless(w, out);
	if (is_open(w.schema))
		buf_format(out, "%*s[name: string]: unknown;\n",
		    (int)w.indent, "");
}

/* Of an object without named members. */
static const char *
record(struct writing w)
{
	struct json_object *map = get(w.schema, "patternProperties");
	struct json_object *more = get(w.schema, "additionalProperties");
	bool closed = is_false(more);
	struct type all = { 0 }, type;

	if (map == NULL && closed)
		return "Record<string, never>";
	if (!closed) {
		all = type_within(w, more);
		if (all.count == 0)
			return "Record<string, unknown>";
	}
	if (map != NULL) {
		json_object_object_foreach(map, pattern, value) {
			(void)pattern;
			type = type_within(w, value);
			if (type.count == 0)
				return "Record<string, unknown>";
			for (size_t i = 0; i < type.count; i++)
				add(w, &all, type.or[i]);
		}
	}
	return arena_format(w.ts->arena, "Record<string, %s>",
	    joined(w, &all));
}

static const char *
object_type(struct writing w)
{
	struct json_object *map = get(w.schema, "properties");
	struct buf b;

	if ((map == NULL || json_object_object_length(map) == 0) &&
	    !has(w.schema, "required"))
		return record(w);
	buf_init(&b, GEN_TEXT_MAX);
	buf_string(&b, "{\n");
	w.indent += 2;
	write_members(w, &b);
	w.indent -= 2;
	buf_format(&b, "%*s}", (int)w.indent, "");
	return kept(w, &b);
}

/* ---- what a schema says of a value ---- */

static unsigned
kind_of_word(struct json_object *word)
{
	for (size_t i = 0; i < countof(kinds); i++)
		if (strcmp(kinds[i].word, json_object_get_string(word)) == 0)
			return kinds[i].bit;
	return 0;
}

static unsigned
kinds_of(struct json_object *schema)
{
	struct json_object *type = get(schema, "type");
	unsigned all = 0;

	if (type == NULL)
		return KINDS_ALL;
	if (!json_object_is_type(type, json_type_array))
		return kind_of_word(type);
	for (size_t i = 0; i < json_object_array_length(type); i++)
		all |= kind_of_word(json_object_array_get_idx(type, i));
	return all;
}

static unsigned
kind_of_value(struct json_object *value)
{
	static const unsigned bits[] = {
		[json_type_null] = TYPE_NULL,
		[json_type_boolean] = TYPE_BOOLEAN,
		[json_type_double] = TYPE_NUMBER | TYPE_INTEGER,
		[json_type_int] = TYPE_NUMBER | TYPE_INTEGER,
		[json_type_object] = TYPE_OBJECT,
		[json_type_array] = TYPE_ARRAY,
		[json_type_string] = TYPE_STRING,
	};

	return bits[json_object_get_type(value)];
}

static struct type
enumerated(struct writing w, struct json_object *list)
{
	struct type type = { 0 };

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		if ((kind_of_value(value) & w.kinds) != 0)
			add(w, &type, literal(w, value));
	}
	return type.count > 0 ? type : one(w, "never");
}

/* Does it say anything of what is in objects or arrays? */
static bool
has_shape(struct json_object *schema, unsigned left)
{
	return ((left & TYPE_OBJECT) != 0 && (has(schema, "properties") ||
		has(schema, "required") || is_open(schema))) ||
	    ((left & TYPE_ARRAY) != 0 && (has(schema, "items") ||
		has(schema, "prefixItems")));
}

static struct type
by_kind(struct writing w)
{
	struct type type = { 0 };

	if ((w.kinds & TYPE_STRING) != 0)
		add(w, &type, "string");
	if ((w.kinds & (TYPE_NUMBER | TYPE_INTEGER)) != 0)
		add(w, &type, "number");
	if ((w.kinds & TYPE_BOOLEAN) != 0)
		add(w, &type, "boolean");
	if ((w.kinds & TYPE_OBJECT) != 0)
		add(w, &type, object_type(w));
	if ((w.kinds & TYPE_ARRAY) != 0)
		add(w, &type, array_type(w));
	if ((w.kinds & TYPE_NULL) != 0)
		add(w, &type, "null");
	return type.count > 0 ? type : one(w, "never");
}

static struct type
any_of(struct writing w, struct json_object *branches)
{
	struct type all = { 0 };

	for (size_t i = 0; i < json_object_array_length(branches); i++) {
		struct writing branch = w;
		struct type type;

		branch.schema = json_object_array_get_idx(branches, i);
		type = type_of(branch);
		if (type.count == 0)
			return type;
		if (type.both)
			type = one(w, bracketed(w, &type));
		for (size_t j = 0; j < type.count; j++)
			if (strcmp(type.or[j], "never") != 0)
				add(w, &all, type.or[j]);
	}
	return all.count > 0 ? all : one(w, "never");
}

/* All of them hold; unknown says nothing. */
static void
meet(struct writing w, struct type *all, struct type type)
{
	if (type.count == 0)
		return;
	if (all->count == 0) {
		*all = type;
		return;
	}
	if (all->count == 1 && type.count == 1 &&
	    strcmp(all->or[0], type.or[0]) == 0)
		return;
	*all = one(w, arena_format(w.ts->arena, "%s & %s", all->both ?
	    all->or[0] : bracketed(w, all), bracketed(w, &type)));
	all->both = true;
}

static void
meet_applied(struct writing w, struct type *all)
{
	static const char *const unions[] = { "anyOf", "oneOf" };
	struct json_object *list = get(w.schema, "allOf");
	struct writing branch = w;

	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++) {
		branch.schema = json_object_array_get_idx(list, i);
		meet(w, all, type_of(branch));
	}
	for (size_t i = 0; i < countof(unions); i++)
		if ((list = get(w.schema, unions[i])) != NULL)
			meet(w, all, any_of(w, list));
}

/* Its own keywords, but for those that apply schemas in place. */
static struct type
type_itself(struct writing w, bool applied)
{
	struct json_object *list = get(w.schema, "enum");
	struct type nothing = { 0 };

	if (has(w.schema, "const"))
		return one(w, literal(w, get(w.schema, "const")));
	if (list != NULL)
		return enumerated(w, list);
	if (has_shape(w.schema, w.kinds))
		return w.kinds == KINDS_ALL ? nothing : by_kind(w);
	return applied || !has(w.schema, "type") ? nothing : by_kind(w);
}

static struct type
type_of(struct writing w)
{
	struct json_object *reference;
	struct type applied = { 0 }, all;

	if (is_false(w.schema))
		return one(w, "never");
	if (!json_object_is_type(w.schema, json_type_object))
		return applied;
	w.kinds &= kinds_of(w.schema);
	if ((reference = get(w.schema, "$ref")) != NULL)
		meet(w, &applied, one(w, typescript_local(w.ts,
		    typescript_reference(reference))));
	meet_applied(w, &applied);
	all = type_itself(w, applied.count > 0);
	meet(w, &all, applied);
	return all;
}

/* ---- for the others ---- */

void
typescript_type(struct typescript *ts, struct json_object *schema,
    unsigned indent, struct buf *out)
{
	struct writing w = { ts, schema, KINDS_ALL, indent };
	struct type type = type_of(w);

	buf_string(out, joined(w, &type));
}

/* Are its members all that there is to say? */
static bool
is_plain(struct writing w)
{
	static const char *const others[] = { "$ref", "const", "enum" };
	struct json_object *map = get(w.schema, "properties");
	struct type applied = { 0 };

	if (map == NULL || kinds_of(w.schema) != TYPE_OBJECT ||
	    json_object_object_length(map) == 0)
		return false;
	for (size_t i = 0; i < countof(others); i++)
		if (has(w.schema, others[i]))
			return false;
	w.kinds = TYPE_OBJECT;
	meet_applied(w, &applied);
	return applied.count == 0;
}

void
typescript_declare(struct typescript *ts, const char *name,
    struct json_object *schema, struct buf *out)
{
	struct writing w = { ts, schema, KINDS_ALL, 0 };
	struct type type;

	if (is_plain(w)) {
		buf_format(out, "export interface %s {\n", name);
		w.indent = 2;
		write_members(w, out);
		buf_string(out, "}\n");
		return;
	}
	type = type_of(w);
	buf_format(out, "export type %s =", name);
	write_type(w, &type, strlen(name) + 13, out);
	buf_string(out, ";\n");
}
