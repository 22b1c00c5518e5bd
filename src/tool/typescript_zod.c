/* SPDX-License-Identifier: MIT */
/*
 * zod.ts: a schema of zod 4 a component.  What zod judges as the server does,
 * codes included, is said in zod's own words, so that .shape, .pick() and
 * .extend() do; what it lacks is a check beside them; what its types cannot say
 * is left to the judge as a whole, by the type that types.ts has for it.
 *
 * Invariant: the type that zod infers is the one of types.ts.  Components stand
 * after those that they use; one that is used by what it uses is read by a
 * getter.
 */
#include "tool/typescript.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

enum state { STATE_NEW, STATE_OPEN, STATE_NATIVE, STATE_OPAQUE };

struct item {
	const struct component *component;
	const char *name;		/* of the value */
	struct json_object *schema;
	enum state state;
};

struct zod {
	struct typescript *ts;
	struct item *items;
	size_t count;
	struct buf *out;
	bool lazy;		/* something names an open component */
};

/* Where an expression stands: its lines are indented by that. */
struct spot {
	struct zod *zod;
	unsigned indent;
};

static const char *expression(struct spot at, struct json_object *schema);
static void write_item(struct zod *zod, struct item *item);

/* ---- looking at schemas ---- */

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
is_string(struct json_object *value)
{
	return json_object_is_type(value, json_type_string);
}

static bool
is_text(struct json_object *value, const char *text)
{
	return is_string(value) &&
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
static bool
lists(struct json_object *list, const char *name)
{
	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (is_text(json_object_array_get_idx(list, i), name))
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
static bool
has_only(struct json_object *schema, const char *const *a,
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

static const char *const none[] = { NULL };

/* Is all that allOf asks of no matter to the type? */
static bool
has_plain_all(struct json_object *schema)
{
	struct json_object *list = get(schema, "allOf");

	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (!has_only(json_object_array_get_idx(list, i), untyped,
			none))
			return false;
	return true;
}

/* The one type beside null, or NULL. */
static const char *
type_of(struct json_object *schema, bool *ret_nullable)
{
	struct json_object *type = get(schema, "type"), *item;
	const char *found = NULL;

	*ret_nullable = false;
	if (is_string(type))
		return json_object_get_string(type);
	for (size_t i = 0; type != NULL &&
	     i < json_object_array_length(type); i++) {
		item = json_object_array_get_idx(type, i);
		if (is_text(item, "null")) {
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

static const char *
format(struct spot at, const char *pattern, const char *a, const char *b)
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

static const char *
moved(struct spot at, struct buf *b)
{
	const char *text = arena_copy(at.zod->ts->arena,
	    b->length > 0 ? b->at : "", b->length);

	buf_release(b);
	return text;
}

static const char *
literal(struct spot at, struct json_object *value)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_literal(&b, value);
	return moved(at, &b);
}

/* The type that types.ts has. */
static const char *
type_text(struct spot at, struct json_object *schema)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_type(at.zod->ts, schema, at.indent, &b);
	return moved(at, &b);
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
static const char *
opaque(struct spot at, struct json_object *schema)
{
	const char *text = data(at, schema, NULL);

	return format(at, *text == '{' ? "fits<$>(() => (@))" :
	    "fits<$>(() => @)", type_text(at, schema), text);
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
		any = any || has(schema, *keywords);
		typed = typed || (has(schema, *keywords) &&
		    is_named(applied, *keywords));
	}
	if (typed)
		all[count] = "type";
	return !any ? text : format(at, "$.check(more(@))", text,
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
	return moved(at, &b);
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
	struct json_object *least = get(schema, "minLength");
	struct json_object *pattern = get(schema, "pattern");
	bool native = least != NULL && json_object_get_double(least) == 1;
	const char *text = native ? "z.string().min(1)" : "z.string()";

	if (!has_only(schema, own, none))
		return NULL;
	text = checked(at, text, schema, with_least + native);
	if (pattern != NULL)
		text = format(at, "$.regex(@)", text, pattern_text(at,
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

	if (!has_only(schema, own, none))
		return NULL;
	for (size_t i = 0; i < countof(bounds); i++)
		if (has(schema, bounds[i][0]))
			text = format(at, arena_format(at.zod->ts->arena,
			    "$.%s(@)", bounds[i][1]), text, literal(at,
				get(schema, bounds[i][0])));
	return checked(at, text, schema, rest);
}

/* As many items as there are places, and no more. */
static const char *
tuple_text(struct spot at, struct json_object *schema)
{
	struct json_object *list = get(schema, "prefixItems");
	size_t count = json_object_array_length(list);
	const char *text = "";

	if (!has(schema, "minItems") || !has(schema, "maxItems") ||
	    json_object_get_double(get(schema, "minItems")) != (double)count ||
	    json_object_get_double(get(schema, "maxItems")) != (double)count)
		return NULL;
	for (size_t i = 0; i < count; i++)
		text = format(at, i > 0 ? "$, @" : "@", text, expression(at,
		    json_object_array_get_idx(list, i)));
	return format(at, "z.tuple([$])", text, "");
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
	struct json_object *items = get(schema, "items");
	const char *text;

	if (!has_only(schema, own, none))
		return NULL;
	if (has(schema, "prefixItems")) {
		text = tuple_text(at, schema);
		return text == NULL ? NULL : checked(at, text, schema, rest);
	}
	text = format(at, "z.array($)", items == NULL ?
	    "fits<unknown>(() => true)" : expression(at, items), "");
	if (has(schema, "minItems"))
		text = format(at, "$.min(@)", text,
		    literal(at, get(schema, "minItems")));
	if (has(schema, "maxItems"))
		text = format(at, "$.max(@)", text,
		    literal(at, get(schema, "maxItems")));
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
	struct json_object *map = get(schema, "properties");
	struct json_object *list = get(schema, "required");

	if (map == NULL || json_object_object_length(map) == 0)
		return false;
	json_object_object_foreach(map, name, value) {
		(void)value;
		if (is_named(inherited, name))
			return false;
	}
	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (!has(map, json_object_get_string(
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
	text = expression(at, schema);
	if (!required)
		text = format(at, "maybe($)", text, "");
	buf_format(out, "%*s", (int)at.indent, "");
	if (at.zod->lazy) {
		type = type_text(at, schema);
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
	struct json_object *more = get(schema, "additionalProperties");
	struct json_object *map = get(schema, "properties");
	struct buf b;

	if (!has_only(schema, own, untyped) || !has_plain_members(schema) ||
	    !has_plain_all(schema) || (more != NULL &&
	    (!json_object_is_type(more, json_type_boolean) ||
		json_object_get_boolean(more))))
		return NULL;
	buf_init(&b, GEN_TEXT_MAX);
	buf_string(&b, more != NULL ? "z.strictObject({\n" : "open({\n");
	json_object_object_foreach(map, name, member)
		write_member(at, name, member,
		    lists(get(schema, "required"), name), &b);
	buf_format(&b, "%*s})", (int)at.indent, "");
	return checked(at, moved(at, &b), schema, rest);
}

/* ---- listed values ---- */

static bool
is_scalar(struct json_object *value)
{
	return !json_object_is_type(value, json_type_object) &&
	    !json_object_is_type(value, json_type_array);
}

static const char *
listed_text(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "enum", NULL };
	struct json_object *list = get(schema, "enum");
	bool nullable, null = false, typed = has(schema, "type");
	const char *type = type_of(schema, &nullable), *text = "";

	if (!has_only(schema, own, none) || (typed && (type == NULL ||
	    strcmp(type, "string") != 0)))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *value = json_object_array_get_idx(list, i);

		if (typed && value == NULL) {
			null = true;
			continue;
		}
		if (typed ? !is_string(value) : !is_scalar(value))
			return NULL;
		text = format(at, *text != '\0' ? "$, @" : "@", text,
		    literal(at, value));
	}
	if (*text == '\0' || null != nullable)
		return NULL;
	return format(at, !typed ? "z.literal([$])" : nullable ?
	    "choice([$]).nullable()" : "choice([$])", text, "");
}

static const char *
constant_text(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "const", NULL };
	struct json_object *value = get(schema, "const");
	struct json_object *type = get(schema, "type");

	if (!has_only(schema, own, none))
		return NULL;
	if (type == NULL && is_scalar(value))
		return format(at, "z.literal($)", literal(at, value), "");
	if (is_text(type, "string") && is_string(value))
		return format(at, "choice([$])", literal(at, value), "");
	return NULL;
}

/* ---- unions ---- */

static struct item *
item_of(struct zod *zod, struct json_object *schema)
{
	struct json_object *reference = get(schema, "$ref");

	for (size_t i = 0; reference != NULL && i < zod->count; i++)
		if (strcmp(zod->items[i].component->name,
			typescript_reference(reference)) == 0)
			return &zod->items[i];
	return NULL;
}

/* The strings that a member of an object may be, as a list; or NULL. */
static struct json_object *
strings_of(struct typescript *ts, struct json_object *object,
    const char *name)
{
	struct json_object *member = get(get(object, "properties"), name);
	struct json_object *value = get(member, "const");
	struct json_object *list = get(member, "enum");

	if (!lists(get(object, "required"), name) ||
	    !is_text(get(member, "type"), "string"))
		return NULL;
	if (is_string(value)) {
		list = json_object_new_array();
		arena_defer(ts->arena, json_drop, list);
		json_object_array_add(list, json_object_get(value));
	}
	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (!is_string(json_object_array_get_idx(list, i)))
			return NULL;
	return list;
}

static bool
is_disjoint(struct json_object *a, struct json_object *b)
{
	for (size_t i = 0; i < json_object_array_length(a); i++)
		if (lists(b, json_object_get_string(
			json_object_array_get_idx(a, i))))
			return false;
	return true;
}

/* Does the member tell all branches apart? */
static bool
tells_apart(struct zod *zod, struct json_object *branches, const char *name)
{
	struct json_object *mine, *other;

	for (size_t i = 0; i < json_object_array_length(branches); i++) {
		mine = strings_of(zod->ts, item_of(zod,
		    json_object_array_get_idx(branches, i))->schema, name);
		if (mine == NULL)
			return false;
		for (size_t j = 0; j < i; j++) {
			other = strings_of(zod->ts, item_of(zod,
			    json_object_array_get_idx(branches, j))->schema,
			    name);
			if (!is_disjoint(mine, other))
				return false;
		}
	}
	return true;
}

/* Are all branches components of plain objects, made before? */
static bool
has_native_branches(struct zod *zod, struct json_object *branches)
{
	static const char *const own[] = { "$ref", NULL };

	for (size_t i = 0; i < json_object_array_length(branches); i++) {
		struct json_object *branch =
		    json_object_array_get_idx(branches, i);
		struct item *item = item_of(zod, branch);

		if (item == NULL || !has_only(branch, own, none))
			return false;
		write_item(zod, item);
		if (item->state != STATE_NATIVE ||
		    !is_text(get(item->schema, "type"), "object") ||
		    get(item->schema, "properties") == NULL)
			return false;
	}
	return json_object_array_length(branches) > 1;
}

static const char *
branches_text(struct spot at, struct json_object *branches, const char *name)
{
	const char *text = "";
	struct buf b;

	for (size_t i = 0; i < json_object_array_length(branches); i++)
		text = format(at, i > 0 ? "$, @" : "@", text, item_of(at.zod,
		    json_object_array_get_idx(branches, i))->name);
	buf_init(&b, GEN_TEXT_MAX);
	typescript_string(&b, name, strlen(name));
	return format(at, "chosen($, [@])", moved(at, &b), text);
}

/* Only what the server, too, tells apart, by the first such member. */
static const char *
union_text(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "anyOf", "oneOf", NULL };
	struct json_object *list = get(schema, "oneOf"), *map;
	struct json_object *type = get(schema, "type");

	if (!has_only(schema, own, none) || (type != NULL &&
	    !is_text(type, "object")) ||
	    has(schema, "oneOf") == has(schema, "anyOf"))
		return NULL;
	list = list != NULL ? list : get(schema, "anyOf");
	if (!has_native_branches(at.zod, list))
		return NULL;
	map = get(item_of(at.zod, json_object_array_get_idx(list, 0))->schema,
	    "properties");
	json_object_object_foreach(map, name, member) {
		if (tells_apart(at.zod, list, name))
			return branches_text(at, list, name);
		/* The server may see further. */
		if (has(member, "$ref"))
			return NULL;
	}
	return NULL;
}

/* ---- any schema ---- */

static const char *
reference_text(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "$ref", NULL };
	struct item *item = item_of(at.zod, schema);

	if (item == NULL || !has_only(schema, own, none))
		return NULL;
	write_item(at.zod, item);
	at.zod->lazy = at.zod->lazy || item->state == STATE_OPEN;
	return item->name;
}

static const char *
typed_text(struct spot at, struct json_object *schema)
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
	else if (has_only(schema, (const char *const[]){ "type", NULL }, none))
		text = "z.boolean()";
	return text != NULL && nullable ? format(at, "$.nullable()", text,
	    "") : text;
}

/* NULL when zod has no words for it. */
static const char *
native(struct spot at, struct json_object *schema)
{
	if (!json_object_is_type(schema, json_type_object))
		return NULL;
	if (has(schema, "$ref"))
		return reference_text(at, schema);
	if (has(schema, "const"))
		return constant_text(at, schema);
	if (has(schema, "enum"))
		return listed_text(at, schema);
	if (has(schema, "oneOf") || has(schema, "anyOf"))
		return union_text(at, schema);
	return typed_text(at, schema);
}

static const char *
expression(struct spot at, struct json_object *schema)
{
	const char *text = native(at, schema);

	return text != NULL ? text : opaque(at, schema);
}

/* ---- components ---- */

static const char *
opaque_item(struct zod *zod, const struct item *item)
{
	return arena_format(zod->ts->arena,
	    "fits<%s>(() => validators.%s.schema)", item->component->name,
	    item->name);
}

/* A body's texts have no NUL; where zod can tell its members, it is of them. */
static const char *
body_text(struct zod *zod, const struct item *item, const char *text)
{
	static const char plain[] = "z.strictObject(";

	if (!typescript_is_body(zod->ts, item->component))
		return text;
	if (strncmp(text, plain, sizeof(plain) - 1) == 0)
		return arena_format(zod->ts->arena, "body(%s",
		    text + sizeof(plain) - 1);
	return arena_format(zod->ts->arena, "%s.check(stored())", text);
}

/* After those that it uses; what leads back by no member is opaque. */
static void
write_item(struct zod *zod, struct item *item)
{
	bool before = zod->lazy;
	const char *text;

	if (item->state != STATE_NEW)
		return;
	item->state = STATE_OPEN;
	zod->lazy = false;
	text = native((struct spot){ zod, 0 }, item->schema);
	if (text == NULL || zod->lazy)
		text = NULL;
	zod->lazy = before;
	item->state = text != NULL ? STATE_NATIVE : STATE_OPAQUE;
	if (text == NULL)
		text = opaque_item(zod, item);
	buf_char(zod->out, '\n');
	typescript_comment(zod->out, 0, item->component->description);
	buf_format(zod->out, "export const %s = /*#__PURE__*/ (() => ",
	    item->name);
	buf_string(zod->out, body_text(zod, item, text));
	buf_string(zod->out, ")();\n");
}

static struct zod
zod_new(struct typescript *ts, struct buf *body)
{
	struct zod zod = { .ts = ts, .out = body };
	const struct component *c;

	while (publication_component(ts->schemas, zod.count) != NULL)
		zod.count++;
	zod.items = arena_alloc(ts->arena, zod.count * sizeof(*zod.items) + 1);
	for (size_t i = 0; i < zod.count; i++) {
		c = publication_component(ts->schemas, i);
		zod.items[i] = (struct item){ c, typescript_value_name(ts,
		    c->name), typescript_parse(ts, c->schema), STATE_NEW };
	}
	buf_init(body, GEN_TEXT_MAX);
	return zod;
}

void
typescript_zod(struct typescript *ts, struct buf *out)
{
	static const char *const names[] = { "body", "choice", "chosen", "fits",
		"maybe", "more", "open", "stored", "whole", NULL };
	static const struct typescript_module modules[] = {
		{ "./runtime/zod.ts", names, true },
	};
	struct buf text;
	struct zod zod = zod_new(ts, &text);

	for (size_t i = 0; i < zod.count; i++)
		write_item(&zod, &zod.items[i]);
	buf_string(out, "\nimport * as z from 'zod';\n\n");
	if (text.length > 0 && strstr(text.at, "formats.") != NULL)
		buf_string(out, "import * as formats from "
		    "'./runtime/formats.ts';\n");
	typescript_import(ts, &text, modules, countof(modules), out);
	if (text.length > 0 && strstr(text.at, "validators.") != NULL)
		buf_string(out, "import * as validators from "
		    "'./validators.ts';\n");
	typescript_import_types(ts, &text, "./types.ts", out);
	if (text.length > 0)
		buf_add(out, text.at, text.length);
	buf_release(&text);
}
