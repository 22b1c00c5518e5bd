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
#include "tool/typescript_zod.h"

#include <string.h>

#include "base/json.h"

static void write_item(struct zod *zod, struct item *item);

/* ---- unions ---- */

static struct item *
item_of(struct zod *zod, struct json_object *schema)
{
	struct json_object *reference = zod_get(schema, "$ref");

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
	struct json_object *member = zod_get(zod_get(object, "properties"), name);
	struct json_object *value = zod_get(member, "const");
	struct json_object *list = zod_get(member, "enum");

	if (!zod_lists(zod_get(object, "required"), name) ||
	    !zod_is_text(zod_get(member, "type"), "string"))
		return NULL;
	if (zod_is_string(value)) {
		list = json_object_new_array();
		arena_defer(ts->arena, json_drop, list);
		json_object_array_add(list, json_object_get(value));
	}
	for (size_t i = 0; list != NULL &&
	     i < json_object_array_length(list); i++)
		if (!zod_is_string(json_object_array_get_idx(list, i)))
			return NULL;
	return list;
}

static bool
is_disjoint(struct json_object *a, struct json_object *b)
{
	for (size_t i = 0; i < json_object_array_length(a); i++)
		if (zod_lists(b, json_object_get_string(
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

		if (item == NULL || !zod_has_only(branch, own, zod_none))
			return false;
		write_item(zod, item);
		if (item->state != STATE_NATIVE ||
		    !zod_is_text(zod_get(item->schema, "type"), "object") ||
		    zod_get(item->schema, "properties") == NULL)
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
		text = zod_format(at, i > 0 ? "$, @" : "@", text, item_of(at.zod,
		    json_object_array_get_idx(branches, i))->name);
	buf_init(&b, GEN_TEXT_MAX);
	typescript_string(&b, name, strlen(name));
	return zod_format(at, "chosen($, [@])", zod_moved(at, &b), text);
}

/* Only what the server, too, tells apart, by the first such member. */
static const char *
union_text(struct spot at, struct json_object *schema)
{
	static const char *const own[] = { "type", "anyOf", "oneOf", NULL };
	struct json_object *list = zod_get(schema, "oneOf"), *map;
	struct json_object *type = zod_get(schema, "type");

	if (!zod_has_only(schema, own, zod_none) || (type != NULL &&
	    !zod_is_text(type, "object")) ||
	    zod_has(schema, "oneOf") == zod_has(schema, "anyOf"))
		return NULL;
	list = list != NULL ? list : zod_get(schema, "anyOf");
	if (!has_native_branches(at.zod, list))
		return NULL;
	map = zod_get(item_of(at.zod, json_object_array_get_idx(list, 0))->schema,
	    "properties");
	json_object_object_foreach(map, name, member) {
		if (tells_apart(at.zod, list, name))
			return branches_text(at, list, name);
		/* The server may see further. */
		if (zod_has(member, "$ref"))
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

	if (item == NULL || !zod_has_only(schema, own, zod_none))
		return NULL;
	write_item(at.zod, item);
	at.zod->lazy = at.zod->lazy || item->state == STATE_OPEN;
	return item->name;
}

/* NULL when zod has no words for it. */
static const char *
native(struct spot at, struct json_object *schema)
{
	if (!json_object_is_type(schema, json_type_object))
		return NULL;
	if (zod_has(schema, "$ref"))
		return reference_text(at, schema);
	if (zod_has(schema, "const"))
		return zod_constant(at, schema);
	if (zod_has(schema, "enum"))
		return zod_listed(at, schema);
	if (zod_has(schema, "oneOf") || zod_has(schema, "anyOf"))
		return union_text(at, schema);
	return zod_typed(at, schema);
}

const char *
zod_expression(struct spot at, struct json_object *schema)
{
	const char *text = native(at, schema);

	return text != NULL ? text : zod_opaque(at, schema);
}

/* ---- components ---- */

static const char *
opaque_item(struct zod *zod, const struct item *item)
{
	buf_format(&zod->types, " %s", item->component->name);
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
	buf_init(&zod.types, GEN_TEXT_MAX);
	return zod;
}

/* Does the text call the function?  A member may be called as it is. */
static bool
calls(const struct buf *text, const char *name)
{
	size_t length = strlen(name);
	const char *s = text->length > 0 ? text->at : "";

	for (; (s = strstr(s, name)) != NULL; s++)
		if ((s[length] == '(' || s[length] == '<') && s > text->at &&
		    strchr(" ([", s[-1]) != NULL)
			return true;
	return false;
}

static void
write_runtime(struct zod *zod, struct buf *out)
{
	static const char *const all[] = { "body", "choice", "chosen", "fits",
		"maybe", "more", "open", "stored", "whole" };
	const char *names[countof(all) + 1] = { NULL };
	const struct typescript_module module = { "./runtime/zod.ts", names,
		true };
	size_t count = 0;

	for (size_t i = 0; i < countof(all); i++)
		if (calls(zod->out, all[i]))
			names[count++] = all[i];
	typescript_import(zod->ts, zod->out, &module, 1, out);
}

void
typescript_zod(struct typescript *ts, struct buf *out)
{
	struct buf text;
	struct zod zod = zod_new(ts, &text);

	for (size_t i = 0; i < zod.count; i++)
		write_item(&zod, &zod.items[i]);
	buf_string(out, "\nimport * as z from 'zod';\n\n");
	if (text.length > 0 && strstr(text.at, "format: formats.") != NULL)
		buf_string(out, "import * as formats from "
		    "'./runtime/formats.ts';\n");
	write_runtime(&zod, out);
	if (text.length > 0 && strstr(text.at, "=> validators.") != NULL)
		buf_string(out, "import * as validators from "
		    "'./validators.ts';\n");
	typescript_import_types(ts, &zod.types, "./types.ts", out);
	if (text.length > 0)
		buf_add(out, text.at, text.length);
	buf_release(&text);
	buf_release(&zod.types);
}
