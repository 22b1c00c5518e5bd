/* SPDX-License-Identifier: MIT */
/*
 * A table's columns as a schema: a property a column, with what the type, the
 * domain and the CHECKs say of its values.  What the database does not say is
 * not invented, but for the bounds that numbers have in JSON; it is for whoever
 * knows the data, and `lockstep check` asks for it.
 */
#include "tool/reflecting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * SQL's types as JSON's.  What is not here is told in its text form.  A length
 * is that of the longest text of a format that has no bound of its own.
 */
static const struct kind {
	const char *type, *json, *format;
	unsigned length;
	const char *pattern;
} kinds[] = {
	{ "uuid", "string", "uuid", 0, NULL },
	{ "timestamp with time zone", "string", "date-time", 40, NULL },
	{ "timestamp without time zone", "string", "date-time", 40, NULL },
	{ "date", "string", "date", 0, NULL },
	{ "time with time zone", "string", "time", 30, NULL },
	{ "time without time zone", "string", "time", 30, NULL },
	{ "interval", "string", "duration", 80, NULL },
	{ "inet", "string", "ipv4", 0, NULL },
	{ "cidr", "string", NULL, 43, NULL },
	{ "macaddr", "string", NULL, 17, "^([0-9a-f]{2}:){5}[0-9a-f]{2}$" },
	{ "macaddr8", "string", NULL, 23, "^([0-9a-f]{2}:){7}[0-9a-f]{2}$" },
	{ "boolean", "boolean", NULL, 0, NULL },
	{ "smallint", "integer", NULL, 0, NULL },
	{ "integer", "integer", NULL, 0, NULL },
	{ "bigint", "integer", NULL, 0, NULL },
	{ "oid", "integer", NULL, 0, NULL },
	{ "numeric", "number", NULL, 0, NULL },
	{ "real", "number", NULL, 0, NULL },
	{ "double precision", "number", NULL, 0, NULL },
	{ "money", "string", NULL, 40, NULL },
	{ "bytea", "string", NULL, 0, "^\\\\x([0-9a-f]{2})*$" },
	{ "bit", "string", NULL, 0, "^[01]*$" },
	{ "bit varying", "string", NULL, 0, "^[01]*$" },
};

static const int64_t safe_most = 9007199254740991;	/* 2^53 - 1 */

static const struct kind *
kind_of(const char *type)
{
	static const struct kind text = { "text", "string", NULL, 0, NULL };

	for (size_t i = 0; i < countof(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return &text;
}

/* "type", with null where that may be. */
static void
put_type(struct pen *pen, const char *type, bool nullable)
{
	if (!nullable) {
		pen_text(pen, "type", type);
		return;
	}
	pen_list(pen, "type");
	pen_text(pen, NULL, type);
	pen_text(pen, NULL, "null");
	pen_close(pen);
}

/* ---- Texts. ---- */

static void
put_words(struct pen *pen, const char *const *words, size_t count,
    bool nullable)
{
	put_type(pen, "string", nullable);
	pen_list(pen, "enum");
	for (size_t i = 0; i < count; i++)
		pen_text(pen, NULL, words[i]);
	if (nullable)
		pen_json(pen, NULL, "null");
	pen_close(pen);
}

static void
put_text(struct reflection *r, const struct catalog_column *c,
    const struct kind *kind, const struct reflected_values *v,
    struct pen *pen)
{
	pen_text(pen, "format", kind->format);
	if (v->length_least > 0)
		pen_number(pen, "minLength", (int64_t)v->length_least);
	if (v->length_most != SIZE_MAX)
		pen_number(pen, "maxLength", (int64_t)v->length_most);
	else if (kind->length > 0)
		pen_number(pen, "maxLength", kind->length);
	else if (c->category == 'R')
		pen_number(pen, "maxLength", 255);
	pen_text(pen, "pattern", v->pattern != NULL ? v->pattern :
	    kind->pattern);
	if (strcmp(c->base, "inet") == 0)
		reflect_note(r, "%s is an inet, and its format here ipv4: "
		    "decide between ipv4 and ipv6", c->name);
}

/* ---- Numbers. ---- */

static void
put_integer(const struct reflected *t, const struct reflected_column *p,
    const struct reflected_values *v, struct pen *pen)
{
	int64_t least = 0, most = UINT32_MAX;
	const struct catalog_column *c = p->column;
	bool drawn = p->read_only && (c->identity || c->sequence != NULL);

	(void)t;
	if (strcmp(c->base, "oid") != 0)
		(void)probe_integers(c->base, &least, &most);
	if (v->least != NULL)
		least = strtoll(v->least, NULL, 10);
	if (v->most != NULL)
		most = strtoll(v->most, NULL, 10);
	if (drawn && least < 0 && strcmp(c->base, "bigint") == 0)
		least = 1;
	pen_number(pen, "minimum", least < -safe_most ? -safe_most : least);
	pen_number(pen, "maximum", most > safe_most ? safe_most : most);
}

/* numeric(10,2): its digits bound it, and hundredths are its steps. */
static bool
digits_of(const char *shape, unsigned *ret_all, unsigned *ret_behind)
{
	const char *open = strchr(shape, '(');
	char *end;

	if (strncmp(shape, "numeric", 7) != 0 || open == NULL)
		return false;
	*ret_all = (unsigned)strtoul(open + 1, &end, 10);
	*ret_behind = *end == ',' ? (unsigned)strtoul(end + 1, NULL, 10) : 0;
	return *ret_all <= 30 && *ret_behind <= *ret_all;
}

/* 99999999.99 of ten digits, two of them behind the point. */
static const char *
nines(struct arena *arena, const char *sign, unsigned all, unsigned behind)
{
	static const char many[] = "999999999999999999999999999999";
	unsigned before = all - behind;

	return arena_format(arena, "%s%s%.*s%s%.*s", sign,
	    before == 0 ? "0" : "", (int)before, many, behind > 0 ? "." : "",
	    (int)behind, many);
}

static const char *
one_behind(struct arena *arena, unsigned behind)
{
	static const char zeros[] = "000000000000000000000000000000";

	return behind == 0 ? "1" : arena_format(arena, "0.%.*s1",
	    (int)behind - 1, zeros);
}

static void
put_number(struct reflection *r, const struct catalog_column *c,
    const struct reflected_values *v, struct pen *pen)
{
	unsigned all = 0, behind = 0;
	bool bound = digits_of(c->shape, &all, &behind);

	if (v->least != NULL)
		pen_json(pen, v->beyond_least ? "exclusiveMinimum" : "minimum",
		    v->least);
	else if (bound)
		pen_json(pen, "minimum", nines(r->arena, "-", all, behind));
	if (v->most != NULL)
		pen_json(pen, v->beyond_most ? "exclusiveMaximum" : "maximum",
		    v->most);
	else if (bound)
		pen_json(pen, "maximum", nines(r->arena, "", all, behind));
	if (bound)
		pen_json(pen, "multipleOf", one_behind(r->arena, behind));
}

/* ---- Arrays and json. ---- */

static void
put_items(const struct catalog_column *c, struct pen *pen)
{
	const struct kind *kind = kind_of(c->item);

	if (strncmp(c->item, "json", 4) == 0) {
		pen_json(pen, "items", "{}");
		return;
	}
	pen_object(pen, "items");
	if (c->item_label_count > 0) {
		put_words(pen, c->item_labels, c->item_label_count, false);
	} else {
		put_type(pen, kind->json, false);
		pen_text(pen, "format", kind->format);
		if (kind->length > 0)
			pen_number(pen, "maxLength", kind->length);
		pen_text(pen, "pattern", kind->pattern);
	}
	if (strcmp(kind->json, "integer") == 0) {
		int64_t least = 0, most = UINT32_MAX;

		(void)probe_integers(c->item, &least, &most);
		pen_number(pen, "minimum", least < -safe_most ? -safe_most :
		    least);
		pen_number(pen, "maximum", most > safe_most ? safe_most :
		    most);
	}
	pen_close(pen);
}

static void
put_array(const struct reflected_column *p, const struct reflected_values *v,
    struct pen *pen)
{
	put_type(pen, "array", p->nullable);
	put_items(p->column, pen);
	if (v->items_least > 0)
		pen_number(pen, "minItems", (int64_t)v->items_least);
	if (v->items_most != SIZE_MAX)
		pen_number(pen, "maxItems", (int64_t)v->items_most);
	if (!p->read_only)
		pen_flag(pen, "x-sqlArray", true);
}

static void
put_json(const struct reflected_column *p, const struct reflected_values *v,
    struct pen *pen)
{
	static const struct {
		unsigned bit;
		const char *name;
	} types[] = { { TYPE_OBJECT, "object" }, { TYPE_ARRAY, "array" },
		{ TYPE_NUMBER, "number" }, { TYPE_BOOLEAN, "boolean" } };

	for (size_t i = 0; i < countof(types); i++)
		if (v->json == types[i].bit) {
			put_type(pen, types[i].name, p->nullable);
			return;
		}
	pen_list(pen, "type");
	for (size_t i = 0; i < countof(types); i++)
		if ((v->json & types[i].bit) != 0)
			pen_text(pen, NULL, types[i].name);
	if (p->nullable)
		pen_text(pen, NULL, "null");
	pen_close(pen);
}

/* ---- A property. ---- */

/* A default that is a value, and not made anew for each row. */
static void
put_default(struct reflection *r, const struct catalog_column *c,
    struct pen *pen)
{
	static const char categories[] = "SNBEA";
	const char *s = c->fallback, *value, *open;

	if (s == NULL || c->generated || (strchr(categories, c->category) ==
	    NULL && strncmp(c->base, "json", 4) != 0))
		return;
	/* A function's name stands right before its bracket. */
	open = strchr(s, '(');
	if (strncmp(s, "CURRENT_", 8) == 0 || (open != NULL && open > s &&
	    (open[-1] == '_' || (open[-1] >= 'a' && open[-1] <= 'z') ||
		open[-1] == '"') && s[0] != '\''))
		return;
	value = catalog_value(r->catalog, s, c->type);
	if (value != NULL)
		pen_json(pen, "default", value);
}

static void
put_values(struct reflection *r, const struct reflected *t,
    const struct reflected_column *p, struct pen *pen)
{
	const struct catalog_column *c = p->column;
	const struct kind *kind = kind_of(c->base);
	struct reflected_values v;

	reflect_values(r, t, c, &v);
	if (v.label_count > 0) {
		put_words(pen, v.labels, v.label_count, p->nullable);
		return;
	}
	if (c->item != NULL) {
		put_array(p, &v, pen);
		return;
	}
	if (v.json != 0) {
		put_json(p, &v, pen);
		return;
	}
	put_type(pen, kind->json, p->nullable);
	if (strcmp(kind->json, "integer") == 0)
		put_integer(t, p, &v, pen);
	else if (strcmp(kind->json, "number") == 0)
		put_number(r, c, &v, pen);
	else if (strcmp(kind->json, "string") == 0)
		put_text(r, c, kind, &v, pen);
}

static void
put_property(struct reflection *r, const struct reflected *t,
    const struct reflected_column *p, struct pen *pen)
{
	pen_object(pen, p->column->name);
	pen_text(pen, "description", p->column->comment);
	put_values(r, t, p, pen);
	if (!p->read_only)
		put_default(r, p->column, pen);
	if (p->read_only)
		pen_flag(pen, "readOnly", true);
	if (p->create_only)
		pen_flag(pen, "x-createOnly", true);
	pen_close(pen);
}

/* "order_items" -> "OrderItems": what generated types are called. */
static const char *
title_of(struct reflection *r, const char *name)
{
	char *title = arena_string(r->arena, name), *at = title;
	bool first = true;

	for (const char *s = name; *s != '\0'; s++) {
		if (*s == '_') {
			first = true;
			continue;
		}
		*at++ = first && *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s;
		first = false;
	}
	*at = '\0';
	return title;
}

static void
put_required(const struct reflected *t, struct pen *pen)
{
	bool any = false;

	for (size_t i = 0; i < t->table->column_count; i++) {
		const struct reflected_column *p = &t->columns[i];

		if (p->left_out != NULL || !p->required)
			continue;
		if (!any)
			pen_list(pen, "required");
		any = true;
		pen_text(pen, NULL, p->column->name);
	}
	if (any)
		pen_close(pen);
}

void
reflect_schema(struct reflection *r, const struct reflected *t,
    struct pen *pen)
{
	const struct catalog_table *table = t->table;

	pen_object(pen, NULL);
	pen_text(pen, "$schema",
	    "https://json-schema.org/draft/2020-12/schema");
	pen_text(pen, "title", title_of(r, t->name));
	if (table->comment != NULL)
		pen_text(pen, "description", table->comment);
	else
		pen_format(pen, "description", "A row of %s.%s.",
		    table->schema, table->name);
	pen_text(pen, "type", "object");
	pen_object(pen, "properties");
	for (size_t i = 0; i < table->column_count; i++)
		if (t->columns[i].left_out == NULL)
			put_property(r, t, &t->columns[i], pen);
	pen_close(pen);
	put_required(t, pen);
	pen_flag(pen, "additionalProperties", false);
	reflect_example(r, t, pen);
	pen_close(pen);
}
