/* SPDX-License-Identifier: MIT */
/*
 * `select=id,title,author(id,name)`: what is told of a row, and the related
 * rows beside it.  What may be asked for is a tree that the contract draws, so
 * its depth is bounded there; their number is bounded here, and so are the
 * rows that all of them could give.
 */
#include "contract/list.h"

#include <string.h>

/* What may be chosen at a level, and what was. */
struct level {
	const struct field *const *fields;
	size_t field_count;
	const struct related *related;
	size_t related_count;
	const struct field **select;
	size_t select_count;
	struct embed *embeds;
	size_t embed_count;
};

static const struct place select_place = { .name = "select", .length = 6 };

static bool
syntax(struct reading *r, const char *expected)
{
	return reading_syntax(r, &select_place, "%s", expected);
}

/* "id, title, author(...)": all that may be chosen, for hints. */
static bool
unknown(struct reading *r, const struct level *l)
{
	const char *list = "";

	for (size_t i = 0; i < l->field_count; i++)
		list = arena_format(r->sc->arena, "%s%s%s", list,
		    i > 0 ? ", " : "", l->fields[i]->name);
	for (size_t i = 0; i < l->related_count; i++)
		list = arena_format(r->sc->arena, "%s%s%s(...)", list,
		    *list != '\0' ? ", " : "", l->related[i].name);
	return reading_syntax(r, &select_place,
	    "fields that are returned: %s", list);
}

static bool
is_chosen(const struct level *l, const struct field *field)
{
	for (size_t i = 0; i < l->select_count; i++)
		if (l->select[i] == field)
			return true;
	return false;
}

static bool
field_choose(struct reading *r, struct level *l, const char *name,
    size_t length)
{
	for (size_t i = 0; i < l->field_count; i++) {
		const struct field *f = l->fields[i];

		if (strncmp(f->name, name, length) != 0 ||
		    f->name[length] != '\0')
			continue;
		if (is_chosen(l, f))
			return syntax(r, "fields, each once");
		l->select[l->select_count++] = f;
		return true;
	}
	return unknown(r, l);
}

/* "*": all that is not chosen yet. */
static bool
all_choose(struct level *l)
{
	for (size_t i = 0; i < l->field_count; i++)
		if (!is_chosen(l, l->fields[i]))
			l->select[l->select_count++] = l->fields[i];
	return true;
}

static bool items_read(struct reading *r, const char **text, struct level *l);

/* "author(id,name)"; *text is at the bracket and moves behind it. */
static bool
embed_read(struct reading *r, struct level *l, const char *name,
    size_t length, const char **text)
{
	const struct related *related = NULL;
	struct level inner;

	for (size_t i = 0; i < l->related_count; i++)
		if (strncmp(l->related[i].name, name, length) == 0 &&
		    l->related[i].name[length] == '\0')
			related = &l->related[i];
	if (related == NULL)
		return unknown(r, l);
	for (size_t i = 0; i < l->embed_count; i++)
		if (l->embeds[i].related == related)
			return syntax(r, "related rows, each once");
	if (r->embeds++ == EMBED_MAX)
		return reading_syntax(r, &select_place,
		    "related rows of at most %d kinds", EMBED_MAX);
	inner = (struct level){ .fields = related->fields,
		.field_count = related->field_count,
		.related = related->related,
		.related_count = related->related_count };
	(*text)++;
	if (!items_read(r, text, &inner))
		return false;
	if (**text != ')')
		return syntax(r, "fields, and related rows with theirs in "
		    "brackets: id,author(id,name)");
	(*text)++;
	l->embeds[l->embed_count++] = (struct embed){ related, inner.select,
		inner.select_count, inner.embeds, inner.embed_count };
	return true;
}

static bool
item_read(struct reading *r, const char **text, struct level *l)
{
	const char *name = *text;
	size_t length = strcspn(name, ",()");

	*text += length;
	if (**text == '(')
		return embed_read(r, l, name, length, text);
	if (length == 1 && *name == '*')
		return all_choose(l);
	return field_choose(r, l, name, length);
}

/* Items up to a bracket or the end. */
static bool
items_read(struct reading *r, const char **text, struct level *l)
{
	l->select = arena_alloc(r->sc->arena,
	    (l->field_count + 1) * sizeof(*l->select));
	l->embeds = arena_alloc(r->sc->arena,
	    (l->related_count + 1) * sizeof(*l->embeds));
	for (;; (*text)++) {
		if (!item_read(r, text, l))
			return false;
		if (**text != ',')
			return true;
	}
}

bool
select_read(struct reading *r, const char *text)
{
	struct level l = { .fields = r->intake->returned,
		.field_count = r->intake->returned_count,
		.related = r->op->related,
		.related_count = r->op->related_count };

	if (!items_read(r, &text, &l))
		return false;
	if (*text != '\0')
		return unknown(r, &l);
	r->plan->select = l.select;
	r->plan->select_count = l.select_count;
	r->plan->embeds = l.embeds;
	r->plan->embed_count = l.embed_count;
	return true;
}

/* The rows that all of them give at most, beside `rows` of their own. */
static size_t
rows_of(const struct embed *embeds, size_t count, size_t rows)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		size_t own = rows * (embeds[i].related->many ?
			embeds[i].related->limit : 1);

		sum += own + rows_of(embeds[i].embeds, embeds[i].embed_count,
		    own);
	}
	return sum;
}

bool
select_check(struct reading *r)
{
	size_t rows = r->op->verb == VERB_LIST ? r->plan->limit : 1;

	if (rows_of(r->plan->embeds, r->plan->embed_count, rows) <=
	    EMBED_ROWS_MAX)
		return true;
	return reading_syntax(r, &select_place,
	    "at most %d related rows; a lower limit gives fewer",
	    EMBED_ROWS_MAX);
}
