/* SPDX-License-Identifier: MIT */
/*
 * An example row, which documents show and tests use.  Each value is made of
 * what the schema says and put to the column's own CHECKs; where one cannot be
 * made there is no example, as an invalid one would be worse than none.
 */
#include "tool/reflecting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 200 };

/* SQL's types by a value of each, as JSON. */
static const struct {
	const char *type, *json;
} samples[] = {
	{ "uuid", "\"3f2b8c1e-5d47-4e0a-9b61-7c2a90d4e815\"" },
	{ "timestamp with time zone", "\"2026-01-31T12:00:00Z\"" },
	{ "timestamp without time zone", "\"2026-01-31T12:00:00Z\"" },
	{ "date", "\"2026-01-31\"" },
	{ "time with time zone", "\"12:00:00Z\"" },
	{ "time without time zone", "\"12:00:00Z\"" },
	{ "interval", "\"P3D\"" },
	{ "inet", "\"192.0.2.1\"" },
	{ "boolean", "true" },
	{ "bytea", "\"\\\\x00\"" },
	{ "macaddr", "\"08:00:2b:01:02:03\"" },
};

/* ---- A text that a simple pattern takes. ---- */

/* One character of a class or escape at *at, which moves behind it. */
static char
one_of(const char **at)
{
	const char *s = *at;
	char c = *s;

	if (c == '\\') {
		*at = s + 2;
		return s[1] == 'd' ? '1' : s[1] == 'w' ? 'a' : s[1];
	}
	if (c != '[') {
		*at = s + 1;
		return c == '.' ? 'a' : c;
	}
	c = s[1] == '^' ? 'a' : s[1] == '\\' ? s[2] : s[1];
	while (*++s != '\0' && *s != ']')
		s += *s == '\\' && s[1] != '\0';
	*at = *s == ']' ? s + 1 : s;
	return c;
}

/* How often at least it is wanted; once where it may be left out. */
static size_t
times(const char **at)
{
	char *end;
	size_t n;

	switch (**at) {
	case '*':
	case '+':
	case '?':
		(*at)++;
		return 1;
	case '{':
		n = strtoul(*at + 1, &end, 10);
		end = strchr(end, '}');
		*at = end == NULL ? *at + strlen(*at) : end + 1;
		return n == 0 ? 1 : n;
	default:
		return 1;
	}
}

/* NULL: it has groups or alternatives, or is too long. */
static const char *
matching(struct reflection *r, const char *pattern)
{
	char text[TEXT_MAX + 1];
	size_t length = 0;

	if (strpbrk(pattern, "()|") != NULL)
		return NULL;
	while (*pattern != '\0') {
		char c;

		if (*pattern == '^' || *pattern == '$') {
			pattern++;
			continue;
		}
		c = one_of(&pattern);
		for (size_t n = times(&pattern); n > 0; n--) {
			if (length == TEXT_MAX)
				return NULL;
			text[length++] = c;
		}
	}
	return arena_copy(r->arena, text, length);
}

/* ---- A value. ---- */

static const char *
quoted(struct reflection *r, const char *text)
{
	const char *json;
	struct buf out;

	buf_init(&out, 8 * TEXT_MAX);
	buf_json_string(&out, text);
	json = arena_string(r->arena, out.at);
	buf_release(&out);
	return json;
}

static const char *
text_example(struct reflection *r, const struct reflected_values *v)
{
	static const char letters[] = "Example";
	size_t most = v->length_most < TEXT_MAX ? v->length_most : TEXT_MAX;
	size_t length = sizeof(letters) - 1;
	char text[TEXT_MAX + 1] = "";

	if (v->pattern != NULL)
		return matching(r, v->pattern);
	if (length > most)
		length = most;
	if (length < v->length_least)
		length = v->length_least;
	if (length > TEXT_MAX)
		return NULL;
	memset(text, 'e', length);
	memcpy(text, letters, length < sizeof(letters) ? length :
	    sizeof(letters) - 1);
	return arena_copy(r->arena, text, length);
}

/* 1 where that is within the bounds, else the nearest. */
static const char *
number_example(const struct reflected_values *v)
{
	double least = v->least == NULL ? -1e300 : strtod(v->least, NULL);
	double most = v->most == NULL ? 1e300 : strtod(v->most, NULL);

	if (least < 1 && most > 1)
		return "1";
	if (least >= 1 && !v->beyond_least)
		return v->least;
	return most <= 1 && !v->beyond_most ? v->most : NULL;
}

static const char *
sample_of(const char *type)
{
	for (size_t i = 0; i < countof(samples); i++)
		if (strcmp(samples[i].type, type) == 0)
			return samples[i].json;
	return NULL;
}

/* Does the column take it? */
static bool
is_taken(struct reflection *r, const struct reflected *t,
    const struct catalog_column *c, const char *text)
{
	const struct catalog_table *table = t->table;
	const struct catalog_column *origin = reflect_origin(r, t, c, &table);
	enum holds said;

	if (origin == NULL)
		return true;
	probe_ask(r->catalog, table, origin, &text, 1, &said);
	return said != HOLDS_NO;
}

static const char *
json_example(struct reflection *r, const struct reflected *t,
    const struct catalog_column *c, const struct reflected_values *v)
{
	const char *text = (v->json & TYPE_OBJECT) != 0 ? "{}" : "[]";

	return is_taken(r, t, c, text) ? text : NULL;
}

/* JSON text; NULL: none is known. */
static const char *
example_of(struct reflection *r, const struct reflected *t,
    const struct catalog_column *c)
{
	struct reflected_values v;
	const char *text;

	reflect_values(r, t, c, &v);
	if (v.label_count > 0)
		return quoted(r, v.labels[0]);
	if (c->item != NULL)
		return v.items_least == 0 ? "[]" : NULL;
	if (v.json != 0)
		return json_example(r, t, c, &v);
	if (sample_of(c->base) != NULL)
		return sample_of(c->base);
	if (c->category == 'N')
		text = number_example(&v);
	else
		text = c->category == 'S' ? text_example(r, &v) : NULL;
	if (text == NULL || !is_taken(r, t, c, text))
		return NULL;
	return c->category == 'S' ? quoted(r, text) : text;
}

void
reflect_example(struct reflection *r, const struct reflected *t,
    struct pen *pen)
{
	size_t count = t->table->column_count;
	const char **values = arena_alloc(r->arena,
	    (count + 1) * sizeof(*values));

	for (size_t i = 0; i < count; i++) {
		const struct reflected_column *p = &t->columns[i];

		if (p->left_out != NULL)
			continue;
		values[i] = example_of(r, t, p->column);
		if (values[i] == NULL && p->nullable)
			values[i] = "null";
		if (values[i] == NULL)
			return;
	}
	pen_list(pen, "examples");
	pen_object(pen, NULL);
	for (size_t i = 0; i < count; i++)
		if (values[i] != NULL)
			pen_json(pen, t->columns[i].column->name, values[i]);
	pen_close(pen);
	pen_close(pen);
}
