/* SPDX-License-Identifier: MIT */
/*
 * What a column's CHECKs and domain say of its values, by asking them: each
 * number that they mention, the one before and the one behind are put to them,
 * as a value, as a length or as a count of items, and what is taken tells the
 * bounds.  Words that they mention are all that a column takes when it takes
 * some of them and none that nobody mentioned.  Nothing else is believed.
 */
#include "tool/reflecting.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_MAX = 16, WORDS_MAX = 56, ITEMS_MAX = 1000 };

/* A column while it is asked. */
struct asking {
	struct reflection *r;
	const struct catalog_table *table;
	const struct catalog_column *column;
	const char *sql;		/* all of its CHECKs, one after another */
	int64_t numbers[3 * NUMBERS_MAX];	/* to be tried, ascending */
	size_t number_count;
};

static const char *
checks_of(struct reflection *r, const struct catalog_table *t,
    const struct catalog_column *c)
{
	const char *sql = c->domain_sql != NULL ? c->domain_sql : "";

	for (size_t i = 0; i < t->constraint_count; i++)
		if (probe_is_own(&t->constraints[i], c))
			sql = arena_format(r->arena, "%s %s", sql,
			    t->constraints[i].check_sql);
	return sql;
}

static void
ask(struct asking *a, const char *const *values, size_t count,
    enum holds *ret)
{
	probe_ask(a->r->catalog, a->table, a->column, values, count, ret);
}

/* ---- The numbers that are mentioned. ---- */

static void
add_number(struct asking *a, int64_t n)
{
	size_t at = 0;

	while (at < a->number_count && a->numbers[at] < n)
		at++;
	if (a->number_count == countof(a->numbers) ||
	    (at < a->number_count && a->numbers[at] == n))
		return;
	memmove(&a->numbers[at + 1], &a->numbers[at],
	    (a->number_count - at) * sizeof(a->numbers[0]));
	a->numbers[at] = n;
	a->number_count++;
}

/* Those of the text, also in quotes or braces: '-5'::integer, {1,80}. */
static void
find_numbers(struct asking *a, int64_t least, int64_t most)
{
	const char *s = a->sql;

	while (*s != '\0') {
		bool inside = s > a->sql && (isalnum((unsigned char)s[-1]) ||
		    s[-1] == '_');
		char *end;
		int64_t n;

		if (!isdigit((unsigned char)*s) || inside) {
			s++;
			continue;
		}
		n = strtoll(s > a->sql && s[-1] == '-' ? s - 1 : s, &end, 10);
		for (int64_t d = -1; d <= 1; d++)
			if (n > INT64_MIN && n < INT64_MAX &&
			    n + d >= least && n + d <= most)
				add_number(a, n + d);
		s = end;
	}
}

/* Was the number before it tried, the one behind it?  Else a bound is not known. */
static bool
is_least(const struct asking *a, size_t i)
{
	return i > 0 && a->numbers[i - 1] + 1 == a->numbers[i];
}

static bool
is_most(const struct asking *a, size_t i)
{
	return i + 1 < a->number_count &&
	    a->numbers[i] + 1 == a->numbers[i + 1];
}

/*
 * Of values in ascending order, which one is the first and the last that is
 * taken; false: none is, or what is taken has a hole, or is not known.
 */
static bool
bounds(const enum holds *said, size_t count, size_t *ret_first,
    size_t *ret_last)
{
	size_t first = count, last = 0;

	for (size_t i = 0; i < count; i++) {
		if (said[i] == HOLDS_UNKNOWN)
			return false;
		if (said[i] != HOLDS_YES)
			continue;
		if (first != count && last + 1 != i)
			return false;
		if (first == count)
			first = i;
		last = i;
	}
	*ret_first = first;
	*ret_last = last;
	return first < count;
}

/* ---- Lengths. ---- */

/* What texts are made of: a beginning, and a letter to any length. */
static const struct filling {
	const char *head;
	char letter;
} fillings[] = {
	{ "", 'x' }, { "", 'X' }, { "", '0' }, { "", 'a' }, { "", 'A' },
	{ "", '-' }, { "a@a.", 'a' }, { "https://a.", 'a' }, { "+", '1' },
};

static const char *
filled(struct asking *a, const struct filling *f, size_t length)
{
	size_t head = strlen(f->head);
	char *text = arena_alloc(a->r->arena, length + 1);

	memset(text, f->letter, length);
	memcpy(text, f->head, head < length ? head : length);
	text[length] = '\0';
	return text;
}

/* A length is taken when a text of it is, whatever it is made of. */
static void
ask_lengths(struct asking *a, enum holds *ret)
{
	enum holds said[PROBE_VALUES_MAX];
	const char *values[PROBE_VALUES_MAX];

	for (size_t i = 0; i < a->number_count; i++)
		ret[i] = HOLDS_NO;
	for (size_t f = 0; f < countof(fillings); f++) {
		for (size_t i = 0; i < a->number_count; i++)
			values[i] = filled(a, &fillings[f],
			    (size_t)a->numbers[i]);
		ask(a, values, a->number_count, said);
		for (size_t i = 0; i < a->number_count; i++)
			if (ret[i] == HOLDS_NO)
				ret[i] = said[i];
	}
}

static void
find_lengths(struct asking *a, struct reflected_values *ret)
{
	enum holds said[PROBE_VALUES_MAX];
	size_t first, last;

	a->number_count = 0;
	find_numbers(a, 0, PROBE_TEXT_MAX);
	/* name <> '' mentions no number. */
	if (*a->sql != '\0') {
		add_number(a, 0);
		add_number(a, 1);
	}
	ret->length_most = a->column->length > 0 ? a->column->length :
	    SIZE_MAX;
	if (a->number_count == 0)
		return;
	ask_lengths(a, said);
	if (!bounds(said, a->number_count, &first, &last))
		return;
	if (is_least(a, first))
		ret->length_least = (size_t)a->numbers[first];
	if (is_most(a, last) &&
	    (size_t)a->numbers[last] < ret->length_most)
		ret->length_most = (size_t)a->numbers[last];
}

/* ---- Numbers. ---- */

static const char *
decimal(struct asking *a, int64_t n)
{
	return arena_format(a->r->arena, "%" PRId64, n);
}

static void
find_integers(struct asking *a, int64_t least, int64_t most,
    struct reflected_values *ret)
{
	enum holds said[PROBE_VALUES_MAX];
	const char *values[PROBE_VALUES_MAX];
	size_t first, last;

	find_numbers(a, least, most);
	for (size_t i = 0; i < a->number_count; i++)
		values[i] = decimal(a, a->numbers[i]);
	ask(a, values, a->number_count, said);
	if (!bounds(said, a->number_count, &first, &last))
		return;
	if (is_least(a, first))
		ret->least = values[first];
	if (is_most(a, last))
		ret->most = values[last];
}

/*
 * Of numbers with a fraction each mentioned one and those a little beside it
 * are tried: what is taken just beyond 0 and not at it is "more than 0".
 */
static void
find_decimals(struct asking *a, struct reflected_values *ret)
{
	enum holds said[PROBE_VALUES_MAX];
	const char *values[PROBE_VALUES_MAX];
	size_t first, last, count = 0;

	find_numbers(a, -INT32_MAX, INT32_MAX);
	for (size_t i = 0; i < a->number_count && i < 20; i++) {
		int64_t n = a->numbers[i];

		values[count++] = decimal(a, n);
		values[count++] = arena_format(a->r->arena, "%s%" PRId64
		    ".000001", n < 0 ? "-" : "", n < 0 ? -n - 1 : n);
		values[count++] = arena_format(a->r->arena, "%s%" PRId64
		    ".999999", n < 0 ? "-" : "", n < 0 ? -n - 1 : n);
		/* Below zero the fraction counts the other way. */
		if (n < 0) {
			const char *other = values[count - 1];

			values[count - 1] = values[count - 2];
			values[count - 2] = other;
		}
	}
	ask(a, values, count, said);
	if (!bounds(said, count, &first, &last))
		return;
	/* A bound within a whole number is not known. */
	ret->beyond_least = first % 3 == 1;
	ret->beyond_most = last % 3 == 2;
	if (first % 3 == 1 || (first % 3 == 0 && is_least(a, first / 3)))
		ret->least = values[first - first % 3];
	if ((last % 3 == 0 && last + 1 < count) ||
	    (last % 3 == 2 && is_most(a, last / 3)))
		ret->most = decimal(a, a->numbers[last / 3] +
		    (last % 3 == 2));
}

/* ---- Words. ---- */

/* The text of a literal that begins at the quote; *ret_end is behind it. */
static const char *
literal(struct asking *a, const char *s, const char **ret_end)
{
	bool escapes = s > a->sql && s[-1] == 'E';
	char *text = arena_alloc(a->r->arena, strlen(s) + 1), *at = text;

	for (s++; *s != '\0'; s++) {
		if (*s == '\'' && s[1] != '\'')
			break;
		if (*s == '\'' || (escapes && *s == '\\'))
			s++;
		*at++ = *s;
	}
	*at = '\0';
	*ret_end = *s == '\'' ? s + 1 : s;
	return text;
}

/* Does it take a word that nobody mentioned, or is that not known? */
static bool
takes_any(struct asking *a)
{
	static const char *const words[] = { "no such value", "q", "Q7", "7",
		"" };
	enum holds said[countof(words)];

	ask(a, words, countof(words), said);
	for (size_t i = 0; i < countof(words); i++)
		if (said[i] != HOLDS_NO)
			return true;
	return false;
}

static void
find_words(struct asking *a, struct reflected_values *ret)
{
	const char **words = arena_alloc(a->r->arena,
	    WORDS_MAX * sizeof(*words)), *s = a->sql;
	enum holds said[PROBE_VALUES_MAX];
	size_t count = 0, kept = 0;

	while ((s = strchr(s, '\'')) != NULL && count < WORDS_MAX) {
		const char *word = literal(a, s, &s);

		if (!reflect_has(words, count, word))
			words[count++] = word;
	}
	if (count == 0 || s != NULL || takes_any(a))
		return;
	ask(a, words, count, said);
	for (size_t i = 0; i < count; i++)
		if (said[i] == HOLDS_YES)
			words[kept++] = words[i];
	ret->labels = words;
	ret->label_count = kept;
}

/* ---- Patterns. ---- */

/* Is it written as ECMA-262 would have it, and with the same meaning? */
static bool
is_plain_pattern(const char *p)
{
	if (strstr(p, "[[") != NULL || strstr(p, "[:") != NULL ||
	    strstr(p, "[^]") != NULL || strstr(p, "[]") != NULL ||
	    strncmp(p, "***", 3) == 0)
		return false;
	for (; *p != '\0'; p++) {
		if (*p == '(' && p[1] == '?' && p[2] != ':')
			return false;
		if (*p != '\\')
			continue;
		p++;
		if (*p == '\0' || strchr("^$\\.*+?()[]{}|/-dws", *p) == NULL)
			return false;
	}
	return true;
}

/* The one expression that all of the CHECKs together ask for. */
static void
find_pattern(struct asking *a, struct reflected_values *ret)
{
	const char *at = strstr(a->sql, " ~ "), *text;

	if (at == NULL || strstr(a->sql, " OR ") != NULL ||
	    strstr(a->sql, "NOT ") != NULL || strstr(at + 3, " ~ ") != NULL)
		return;
	at += 3;
	if (*at == 'E')
		at++;
	if (*at != '\'')
		return;
	text = literal(a, at, &at);
	if (is_plain_pattern(text))
		ret->pattern = text;
	else
		reflect_note(a->r, "%s is held to %s, which JSON Schema would "
		    "read otherwise: write \"pattern\" yourself",
		    a->column->name, text);
}

/* ---- Arrays and json. ---- */

static const char *
filler(const struct catalog_column *c)
{
	if (c->item_label_count > 0)
		return c->item_labels[0];
	return strcmp(c->item, "boolean") == 0 ? "t" :
	    strcmp(c->item, "uuid") == 0 ?
	    "00000000-0000-4000-8000-000000000000" :
	    strcmp(c->item, "date") == 0 ? "2026-01-01" : "1";
}

static const char *
array_of(struct asking *a, int64_t count)
{
	const char *item = filler(a->column);
	size_t room = (size_t)count * (strlen(item) + 3) + 3;
	char *text = arena_alloc(a->r->arena, room), *at = text;

	*at++ = '{';
	for (int64_t i = 0; i < count; i++)
		at += snprintf(at, room - (size_t)(at - text), "%s\"%s\"",
		    i > 0 ? "," : "", item);
	*at++ = '}';
	*at = '\0';
	return text;
}

static void
find_items(struct asking *a, struct reflected_values *ret)
{
	enum holds said[PROBE_VALUES_MAX];
	const char *values[PROBE_VALUES_MAX];
	size_t first, last;

	find_numbers(a, 0, ITEMS_MAX);
	if (*a->sql != '\0') {
		add_number(a, 0);
		add_number(a, 1);
	}
	for (size_t i = 0; i < a->number_count; i++)
		values[i] = array_of(a, a->numbers[i]);
	ask(a, values, a->number_count, said);
	if (!bounds(said, a->number_count, &first, &last))
		return;
	if (is_least(a, first))
		ret->items_least = (size_t)a->numbers[first];
	if (is_most(a, last))
		ret->items_most = (size_t)a->numbers[last];
}

static void
find_json(struct asking *a, struct reflected_values *ret)
{
	static const char *const values[] = { "{}", "[]", "\"x\"", "1",
		"true" };
	static const unsigned types[] = { TYPE_OBJECT, TYPE_ARRAY, TYPE_STRING,
		TYPE_INTEGER | TYPE_NUMBER, TYPE_BOOLEAN };
	const char *fallback = a->column->fallback;
	enum holds said[countof(values)];

	ask(a, values, countof(values), said);
	for (size_t i = 0; i < countof(values); i++)
		if (said[i] == HOLDS_YES)
			ret->json |= types[i];
	/* Nobody said: then it is what its default is. */
	if (ret->json == 0 || (ret->json & TYPE_STRING) != 0)
		ret->json = fallback != NULL && fallback[0] == '\'' ?
		    (fallback[1] == '[' ? TYPE_ARRAY : TYPE_OBJECT) :
		    TYPE_OBJECT | TYPE_ARRAY;
}

/* ---- All of them. ---- */

void
reflect_values(struct reflection *r, const struct reflected *t,
    const struct catalog_column *c, struct reflected_values *ret)
{
	struct asking a = { .r = r };
	int64_t least, most;

	*ret = (struct reflected_values){ .length_most = SIZE_MAX,
		.items_most = SIZE_MAX, .labels = c->labels,
		.label_count = c->label_count };
	a.column = reflect_origin(r, t, c, &a.table);
	if (c->label_count > 0 || a.column == NULL)
		return;
	a.sql = checks_of(r, a.table, a.column);
	if (c->item != NULL)
		find_items(&a, ret);
	else if (strncmp(c->base, "json", 4) == 0)
		find_json(&a, ret);
	else if (probe_integers(c->base, &least, &most))
		find_integers(&a, least, most, ret);
	else if (c->category == 'N')
		find_decimals(&a, ret);
	else if (c->category == 'S') {
		find_words(&a, ret);
		find_pattern(&a, ret);
		if (ret->label_count == 0)
			find_lengths(&a, ret);
	}
}
