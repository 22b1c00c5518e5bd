/* SPDX-License-Identifier: MIT */
/*
 * Schemas of one type, listed values and constants as expressions of zod: in
 * its own words where it judges as the server does, codes included; by a check
 * of the judge for the keywords that it lacks, or counts another way.
 */
#include "tool/typescript_zod.h"

#include <string.h>

/* ---- looking at schemas ---- */

struct json_object *
zod_get(struct json_object *schema, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(schema, json_type_object))
		json_object_object_get_ex(schema, name, &value);
	return value;
}

bool
zod_has(struct json_object *schema, const char *name)
{
	return json_object_object_get_ex(schema, name, NULL);
}

bool
zod_is_string(struct json_object *value)
{
	return json_object_is_type(value, json_type_string);
}

bool
zod_is_text(struct json_object *value, const char *text)
{
	return zod_is_string(value) &&
	    strcmp(json_object_get_string(value), text) == 0;
}

static bool
is_named(const char *const *names, const char *name)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/* Does the list name it? */
bool
zod_lists(struct json_object *list, const char *name)
{
	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (zod_is_text(json_object_array_get_idx(list, i), name))
			return true;
	return false;
}

/* Keywords that say nothing of the type. */
static const char *const untyped[] = { "minLength", "maxLength", "pattern",
	"format", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum",
	"multipleOf", "contains", "minContains", "maxContains", "minItems",
	"maxItems", "uniqueItems", "propertyNames", "dependentRequired",
	"dependentSchemas", "minProperties", "maxProperties", "not", "if",
	"then", "else", NULL };

/* Of them those that are applied to values of any type. */
static const char *const applied[] = { "allOf", "not", "if", "then", "else",
	"dependentSchemas", NULL };

/* Does every judged keyword stand in one of the lists? */
bool
zod_has_only(struct json_object *schema, const char *const *a,
    const char *const *b)
{
	if (!json_object_is_type(schema, json_type_object))
		return false;
	json_object_object_foreach(schema, name, value) {
		(void)value;
		if (typescript_is_judged(name) && !is_named(a, name) &&
		    !is_named(b, name))
			return false;
	}
	return true;
}

const char *const zod_none[] = { NULL };

/* Is all that allOf asks of no matter to the type? */
static bool
has_plain_all(struct json_object *schema)
{
	struct json_object *list = zod_get(schema, "allOf");

	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (!zod_has_only(json_object_array_get_idx(list, i), untyped,
			zod_none))
			return false;
	return true;
}

/* The one type beside null, or NULL. */
static const char *
type_of(struct json_object *schema, bool *ret_nullable)
{
	struct json_object *type = zod_get(schema, "type"), *item;
	const char *found = NULL;

	*ret_nullable = false;
	if (zod_is_string(type))
		return json_object_get_string(type);
	for (size_t i = 0; type != NULL &&
	     i < json_object_array_length(type); i++) {
		item = json_object_array_get_idx(type, i);
		if (zod_is_text(item, "null")) {
			*ret_nullable = true;
			continue;
		}
		if (found != NULL)
			return NULL;
		found = json_object_get_string(item);
	}
	return found;
}

/* ---- texts ---- */

const char *
zod_format(struct spot at, const char *pattern, const char *a, const char *b)
{
	struct buf text;
	const char *made;

	buf_init(&text, GEN_TEXT_MAX);
	for (const char *s = pattern; *s != '\0'; s++) {
		if (*s == '$' || *s == '@')
			buf_string(&text, *s == '$' ? a : b);
		else
			buf_char(&text, *s);
	}
	made = arena_copy(at.zod->ts->arena, text.length > 0 ? text.at : "",
	    text.length);
	buf_release(&text);
	return made;
}

const char *
zod_moved(struct spot at, struct buf *b)
{
	const char *text = arena_copy(at.zod->ts->arena,
	    b->length > 0 ? b->at : "", b->length);

	buf_release(b);
	return text;
}

const char *
zod_literal(struct spot at, struct json_object *value)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_literal(&b, value);
	return zod_moved(at, &b);
}

/* The type that types.ts has. */
const char *
zod_type(struct spot at, struct json_object *schema)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_type(at.zod->ts, schema, at.indent, &b);
	buf_char(&at.zod->types, ' ');
	buf_add(&at.zod->types, b.at, b.length);
	return zod_moved(at, &b);
}

static const char *
data(struct spot at, struct json_object *schema,
    const char *const *keywords)
{
	const struct typescript_keywords which = { keywords, false };

	return typescript_data(at.zod->ts, schema, keywords != NULL ? &which :
	    NULL, "validators.", at.indent, at.indent + 24);
}

/* What the judge judges as a whole. */
const char *
zod_opaque(struct spot at, struct json_object *schema)
{
	const char *text = data(at, schema, NULL);

	return zod_format(at, *text == '{' ? "fits<$>(() => (@))" :
	    "fits<$>(() => @)", zod_type(at, schema), text);
}

/* The text with a check by those keywords that are there, if any is. */
static const char *
checked(struct spot at, const char *text, struct json_object *schema,
    const char *const *keywords)
{
	const char *all[32] = { NULL };
	size_t count = 0;
	bool any = false, typed = false;

	for (; *keywords != NULL; keywords++) {
		all[count++] = *keywords;
		any = any || zod_has(schema, *keywords);
		typed = typed || (zod_has(schema, *keywords) &&
		    is_named(applied, *keywords));
	}
	if (typed)
		all[count] = "type";
	return !any ? text : zod_format(at, "$.check(more(@))", text,
	    data(at, schema, all));
}

/* ---- values of one type ---- */

static const char *
pattern_text(struct spot at, const char *pattern)
{
	bool plain = *pattern != '\0';
	struct buf b;

	for (const char *s = pattern; *s != '\0'; s++)
		plain = plain && *s > 0x1f && *s < 0x7f &&
		    strchr("/\'\"`", *s) == NULL;
	if (plain)
		return arena_format(at.zod->ts->arena, "/%s/u", pattern);
	buf_init(&b, GEN_TEXT_MAX);
	buf_string(&b, "new RegExp(");
	typescript_string(&b, pattern, strlen(pattern));
	buf_string(&b, ", 'u')");
	return zod_moved(at, &b);
}

/* zod counts code units: of one character, both count the same. */
static const char *
string_text(struct spot at, struct json_object *schema)
{
	static const char *const with_least[] = { "minLength", "maxLength",
		"format", NULL };
	static const char *const own[] = { "type", "minLength", "maxLength",
		"format", "pattern", "not", "if", "then", "else", NULL };
	static const char *const rest[] = { "not", "if", "then", "else",
		NULL };
	struct json_object *least = zod_get(schema, "minLength");
	struct json_object *pattern = zod_get(schema, "pattern");
	bool native = least != NULL && json_object_get_double(least) == 1;
	const char *text = native ? "z.string().min(1)" : "z.string()";

	if (!zod_has_only(schema, own, zod_none))
		return NULL;
	text = checked(at, text, schema, with_least + native);
	if (pattern != NULL)
		text = zod_format(at, "$.regex(@)", text, pattern_text(at,
		    json_object_get_string(pattern)));
	return checked(at, text, schema, rest);
}

static const char *
number_text(struct spot at, struct json_object *schema, bool whole)
{
	static const char *const own[] = { "type", "minimum", "maximum",
		"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "not",
		"if", "then", "else", NULL };
	static const char *const rest[] = { "multipleOf", "not", "if", "then",
		"else", NULL };
	static const char *const bounds[][2] = { { "minimum", "min" },
		{ "exclusiveMinimum", "gt" }, { "maximum", "max" },
		{ "exclusiveMaximum", "lt" } };
	const char *text = whole ? "whole()" : "z.number()";

	if (!zod_has_only(schema, own, zod_none))
		return NULL;
	for (size_t i = 0; i < countof(bounds); i++)
		if (zod_has(schema, bounds[i][0]))
			text = zod_format(at, arena_format(at.zod->ts->arena,
			    "$.%s(@)", bounds[i][1]), text, zod_literal(at,
				zod_get(schema, bounds[i][0])));
	return checked(at, text, schema, rest);
}

/* As many items as there are places, and no more. */
static const char *
tuple_text(struct spot at, struct json_object *schema)
{
	struct json_object *list = zod_get(schema, "prefixItems");
	size_t count = json_object_array_length(list);
	const char *text = "";

	if (!zod_has(schema, "minItems") || !zod_has(schema, "maxItems") ||
	    json_object_get_double(zod_get(schema, "minItems")) != (double)count ||
	    json_object_get_double(zod_get(schema, "maxItems")) != (double)count)
		return NULL;
	for (size_t i = 0; i < count; i++)
		text = zod_format(at, i > 0 ? "$, @" : "@", text, zod_expression(at,
		    json_object_array_get_idx(list, i)));
	return zod_format(at, "z.tuple([$])", text, "");
}

static const char *
array_text(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "items", "prefixItems",
		"minItems", "maxItems", "uniqueItems", "contains",
		"minContains", "maxContains", "not", "if", "then", "else",
		NULL };
	static const char *const rest[] = { "contains", "minContains",
		"maxContains", "uniqueItems", "not", "if", "then", "else",
		NULL };
	struct json_object *items = zod_get(schema, "items");
	const char *text;

	if (!zod_has_only(schema, own, zod_none))
		return NULL;
	if (zod_has(schema, "prefixItems")) {
		text = tuple_text(at, schema);
		return text == NULL ? NULL : checked(at, text, schema, rest);
	}
	text = zod_format(at, "z.array($)", items == NULL ?
	    "fits<unknown>(() => true)" : zod_expression(at, items), "");
	if (zod_has(schema, "minItems"))
		text = zod_format(at, "$.min(@)", text,
		    zod_literal(at, zod_get(schema, "minItems")));
	if (zod_has(schema, "maxItems"))
		text = zod_format(at, "$.max(@)", text,
		    zod_literal(at, zod_get(schema, "maxItems")));
	return checked(at, text, schema, rest);
}

/* ---- objects ---- */

/* What every object of JavaScript seems to have, or cannot have. */
static const char *const inherited[] = { "__proto__", "constructor",
	"hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable",
	"toLocaleString", "toString", "valueOf", "__defineGetter__",
	"__defineSetter__", "__lookupGetter__", "__lookupSetter__", NULL };

static bool
has_plain_members(struct json_object *schema)
{
	struct json_object *map = zod_get(schema, "properties");
	struct json_object *list = zod_get(schema, "required");

	if (map == NULL || json_object_object_length(map) == 0)
		return false;
	json_object_object_foreach(map, name, value) {
		(void)value;
		if (is_named(inherited, name))
			return false;
	}
	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (!zod_has(map, json_object_get_string(
			json_object_array_get_idx(list, i))))
			return false;
	return true;
}

/* A member that leads back here is read when it is first needed. */
static void
write_member(struct spot at, const char *name, struct json_object *schema,
    bool required, struct buf *out)
{
	const char *text, *type;
	bool before = at.zod->lazy;

	at.indent += 2;
	at.zod->lazy = false;
	text = zod_expression(at, schema);
	if (!required)
		text = zod_format(at, "maybe($)", text, "");
	buf_format(out, "%*s", (int)at.indent, "");
	if (at.zod->lazy) {
		type = zod_type(at, schema);
		buf_string(out, "get ");
		typescript_name(out, name);
		buf_format(out, required ? "(): z.ZodType<%s> {" :
		    "(): z.ZodExactOptional<z.ZodType<%s>> {", type);
		buf_format(out, "\n%*sreturn ", (int)at.indent + 2, "");
		buf_string(out, text);
		buf_format(out, ";\n%*s},\n", (int)at.indent, "");
	} else {
		typescript_name(out, name);
		buf_string(out, ": ");
		buf_string(out, text);
		buf_string(out, ",\n");
	}
	at.zod->lazy = before;
}

static const char *
object_text(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "properties", "required",
		"additionalProperties", "allOf", NULL };
	static const char *const rest[] = { "propertyNames",
		"dependentRequired", "minProperties", "maxProperties", "allOf",
		"not", "if", "then", "else", "dependentSchemas", NULL };
	struct json_object *more = zod_get(schema, "additionalProperties");
	struct json_object *map = zod_get(schema, "properties");
	struct buf b;

	if (!zod_has_only(schema, own, untyped) || !has_plain_members(schema) ||
	    !has_plain_all(schema) || (more != NULL &&
	    (!json_object_is_type(more, json_type_boolean) ||
		json_object_get_boolean(more))))
		return NULL;
	buf_init(&b, GEN_TEXT_MAX);
	buf_string(&b, more != NULL ? "z.strictObject({\n" : "open({\n");
	json_object_object_foreach(map, name, member)
		write_member(at, name, member,
		    zod_lists(zod_get(schema, "required"), name), &b);
	buf_format(&b, "%*s})", (int)at.indent, "");
	return checked(at, zod_moved(at, &b), schema, rest);
}

/* ---- listed values ---- */

static bool
is_scalar(struct json_object *value)
{
	return !json_object_is_type(value, json_type_object) &&
	    !json_object_is_type(value, json_type_array);
}

const char *
zod_listed(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "enum", NULL };
	struct json_object *list = zod_get(schema, "enum");
	bool nullable, null = false, typed = zod_has(schema, "type");
	const char *type = type_of(schema, &nullable), *text = "";

	if (!zod_has_only(schema, own, zod_none) || (typed && (type == NULL ||
	    strcmp(type, "string") != 0)))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		if (typed && value == NULL) {
			null = true;
			continue;
		}
		if (typed ? !zod_is_string(value) : !is_scalar(value))
			return NULL;
		text = zod_format(at, *text != '\0' ? "$, @" : "@", text,
		    zod_literal(at, value));
	}
	if (*text == '\0' || null != nullable)
		return NULL;
	return zod_format(at, !typed ? "z.literal([$])" : nullable ?
	    "choice([$]).nullable()" : "choice([$])", text, "");
}

const char *
zod_constant(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "const", NULL };
	struct json_object *value = zod_get(schema, "const");
	struct json_object *type = zod_get(schema, "type");

	if (!zod_has_only(schema, own, zod_none))
		return NULL;
	if (type == NULL && is_scalar(value))
		return zod_format(at, "z.literal($)", zod_literal(at, value), "");
	if (zod_is_text(type, "string") && zod_is_string(value))
		return zod_format(at, "choice([$])", zod_literal(at, value), "");
	return NULL;
}

const char *
zod_typed(struct spot at, struct json_object *schema)
{
	bool nullable;
	const char *type = type_of(schema, &nullable), *text = NULL;

	if (type == NULL || strcmp(type, "null") == 0)
		return NULL;
	if (strcmp(type, "string") == 0)
		text = string_text(at, schema);
	else if (strcmp(type, "number") == 0 || strcmp(type, "integer") == 0)
		text = number_text(at, schema, *type == 'i');
	else if (strcmp(type, "array") == 0)
		text = array_text(at, schema);
	else if (strcmp(type, "object") == 0)
		text = object_text(at, schema);
	else if (zod_has_only(schema, (const char *const[]){ "type", NULL }, zod_none))
		text = "z.boolean()";
	return text != NULL && nullable ? zod_format(at, "$.nullable()", text,
	    "") : text;
}
