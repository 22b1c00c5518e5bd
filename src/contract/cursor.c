/* SPDX-License-Identifier: MIT */
/*
 * Cursors: base64url of compact JSON, [version, resource, order, values...],
 * the values as Postgres printed them.  They are not signed and need not be: a
 * forged one moves the start of the caller's own list, under the same policies
 * and filters, and its values are parameters of SQL.  They are judged so that
 * the database never sees a text that its types refuse.
 */
#include "contract/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { CURSOR_VERSION = 1 };

#define HEAD 3		/* items before the values */

static void
drop_buf(void *b)
{
	buf_release(b);
}

const char *
order_text(struct arena *arena, const struct sort *order, size_t count)
{
	size_t length = 1;
	char *text, *at;

	for (size_t i = 0; i < count; i++)
		length += strlen(order[i].field->name) + strlen(",.desc");
	text = at = arena_alloc(arena, length);
	for (size_t i = 0; i < count; i++) {
		at = stpcpy(at, i > 0 ? "," : "");
		at = stpcpy(at, order[i].field->name);
		at = stpcpy(at, order[i].descending ? ".desc" : ".asc");
	}
	return text;
}

const char *
contract_cursor(struct scope *sc, const struct plan *plan,
    const char *const *values)
{
	struct buf *b = arena_alloc(sc->arena, sizeof(*b));

	buf_init(b, CURSOR_MAX / 4 * 3);
	arena_defer(sc->arena, drop_buf, b);
	buf_char(b, '[');
	buf_int(b, CURSOR_VERSION);
	buf_char(b, ',');
	buf_json_string(b, plan->operation->resource->name);
	buf_char(b, ',');
	buf_json_string(b, order_text(sc->arena, plan->order,
	    plan->order_count));
	for (size_t i = 0; i < plan->order_count; i++) {
		buf_char(b, ',');
		if (values[i] != NULL)
			buf_json_string(b, values[i]);
		else
			buf_string(b, "null");
	}
	buf_char(b, ']');
	if (b->failed)
		return NULL;
	return text_to_base64url(sc->arena, b->at, b->length);
}

/* ---- reading back ---- */

/* Digits at *at, exactly `count`, as a number within bounds. */
static bool
digits(const char **at, size_t count, int least, int most, int *ret)
{
	int n = 0;

	for (size_t i = 0; i < count; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		n = n * 10 + (**at - '0');
	}
	*ret = n;
	return n >= least && n <= most;
}

static bool
is(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* "2026-02-28" */
static bool
date_at(const char **at)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int year, month, day;

	if (!digits(at, 4, 1, 9999, &year) || !is(at, '-') ||
	    !digits(at, 2, 1, 12, &month) || !is(at, '-') ||
	    !digits(at, 2, 1, days[month - 1], &day))
		return false;
	return month != 2 || day < 29 ||
	    (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* "12:34:56.123456" */
static bool
time_at(const char **at)
{
	size_t fraction = 0;
	int n;

	if (!digits(at, 2, 0, 23, &n) || !is(at, ':') ||
	    !digits(at, 2, 0, 59, &n) || !is(at, ':') ||
	    !digits(at, 2, 0, 59, &n))
		return false;
	if (!is(at, '.'))
		return true;
	fraction = strspn(*at, "0123456789");
	*at += fraction;
	return fraction >= 1 && fraction <= 6;
}

/* "+00", "-03:30", "Z", or nothing. */
static bool
zone_at(const char **at)
{
	int n;

	if (**at == '\0' || is(at, 'Z'))
		return true;
	if (!is(at, '+') && !is(at, '-'))
		return false;
	if (!digits(at, 2, 0, 15, &n))
		return false;
	for (int i = 0; i < 2 && **at == ':'; i++)
		if (!is(at, ':') || !digits(at, 2, 0, 59, &n))
			return false;
	return true;
}

/* A timestamp or date as Postgres prints it, or as JSON Schema has it. */
static bool
is_timestamp(const char *s)
{
	if (!date_at(&s))
		return false;
	if (*s == '\0')
		return true;
	return (is(&s, ' ') || is(&s, 'T')) && time_at(&s) && zone_at(&s) &&
	    *s == '\0';
}

static bool
is_date(const char *s)
{
	return date_at(&s) && *s == '\0';
}

static bool
is_time(const char *s)
{
	return time_at(&s) && zone_at(&s) && *s == '\0';
}

static bool
is_uuid(const char *s)
{
	size_t length = strlen(s);

	if (length != 36)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' :
			   strchr("0123456789abcdefABCDEF", s[i]) == NULL)
			return false;
	}
	return true;
}

/* -1.5e+20, within what a double and a numeric both hold. */
static bool
is_number(const char *s)
{
	size_t whole, part;

	(void)is(&s, '-');
	whole = strspn(s, "0123456789");
	s += whole;
	if (whole == 0 || whole > 40)
		return false;
	if (is(&s, '.')) {
		part = strspn(s, "0123456789");
		s += part;
		if (part == 0 || part > 40)
			return false;
	}
	if (!is(&s, 'e') && !is(&s, 'E'))
		return *s == '\0';
	if (!is(&s, '+'))
		(void)is(&s, '-');
	part = strspn(s, "0123456789");
	return part >= 1 && part <= 3 && s[part] == '\0' && atoi(s) <= 300;
}

static bool
is_boolean(const char *s)
{
	return strcmp(s, "t") == 0 || strcmp(s, "f") == 0 ||
	    strcmp(s, "true") == 0 || strcmp(s, "false") == 0;
}

static const struct {
	const char *format;
	bool (*fits)(const char *);
} formats[] = {
	{ "date-time", is_timestamp },
	{ "date", is_date },
	{ "time", is_time },
	{ "uuid", is_uuid },
};

/*
 * A text is free, but for formats that are types of their own and for enums,
 * which may be.  What the schema says beside that is not asked: rows may be
 * older than it.  Control bytes are free, too: rows hold them, and a list that
 * is sorted by such a text must go on behind it.
 */
static bool
string_fits(struct scope *sc, const struct field *field, const char *text)
{
	for (size_t i = 0; field->format != NULL && i < countof(formats); i++)
		if (strcmp(formats[i].format, field->format) == 0)
			return formats[i].fits(text);
	if (field->enumerated) {
		unsigned before = sc->issue_count;
		bool truncated = sc->issues_truncated;
		bool valid = schema_judge_text(field->schema, sc, NULL, text);

		scope_issues_rewind(sc, before);
		sc->issues_truncated = truncated;
		return valid;
	}
	return true;
}

static bool
value_fits(struct scope *sc, const struct field *field, const char *text)
{
	int64_t n;

	if (strlen(text) > CURSOR_VALUE_MAX)
		return false;
	if ((field->types & TYPE_STRING) != 0)
		return string_fits(sc, field, text);
	if ((field->types & TYPE_NUMBER) != 0)
		return is_number(text);
	if ((field->types & TYPE_INTEGER) != 0)
		return text_to_int(text, strlen(text), &n);
	return (field->types & TYPE_BOOLEAN) != 0 && is_boolean(text);
}

/* The list in the cursor, in the arena's care; NULL when there is none. */
static struct json_object *
cursor_tree(struct scope *sc, const char *text)
{
	struct json_object *tree;
	struct json_fault fault;
	size_t length = strlen(text);
	char *json;

	if (length > CURSOR_MAX)
		return NULL;
	json = text_from_base64url(sc->arena, text, length, &length);
	if (json == NULL ||
	    !json_read(json, length, &json_caps_wire, &tree, &fault))
		return NULL;
	arena_defer(sc->arena, json_drop, tree);
	return json_object_is_type(tree, json_type_array) ? tree : NULL;
}

/* The text of an item, without a NUL inside; NULL when it is none. */
static const char *
item_text(struct json_object *tree, size_t index)
{
	struct json_object *item = json_object_array_get_idx(tree, index);
	const char *text;

	if (!json_object_is_type(item, json_type_string))
		return NULL;
	text = json_object_get_string(item);
	return strlen(text) == (size_t)json_object_get_string_len(item) ?
	    text : NULL;
}

static bool
head_fits(struct scope *sc, const struct plan *plan, struct json_object *tree)
{
	struct json_object *version = json_object_array_get_idx(tree, 0);
	const char *resource = item_text(tree, 1), *order = item_text(tree, 2);

	return json_object_array_length(tree) == HEAD + plan->order_count &&
	    json_object_is_type(version, json_type_int) &&
	    json_object_get_int64(version) == CURSOR_VERSION &&
	    resource != NULL && order != NULL &&
	    strcmp(resource, plan->operation->resource->name) == 0 &&
	    strcmp(order, order_text(sc->arena, plan->order,
		plan->order_count)) == 0;
}

bool
cursor_read(struct scope *sc, const struct plan *plan, const char *text,
    const char *const **ret_after)
{
	struct json_object *tree = cursor_tree(sc, text);
	const char **after = arena_alloc(sc->arena,
	    plan->order_count * sizeof(*after));

	if (tree == NULL || !head_fits(sc, plan, tree))
		return false;
	for (size_t i = 0; i < plan->order_count; i++) {
		const struct field *field = plan->order[i].field;
		struct json_object *item = json_object_array_get_idx(tree,
		    HEAD + i);

		if (item == NULL && (field->types & TYPE_NULL) != 0)
			continue;
		after[i] = item_text(tree, HEAD + i);
		if (after[i] == NULL || !value_fits(sc, field, after[i]))
			return false;
	}
	*ret_after = after;
	return true;
}
