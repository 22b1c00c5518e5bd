/* SPDX-License-Identifier: MIT */
/*
 * What a function does with a table, read from its text: the columns that
 * INSERT lists, those that UPDATE sets, whether it deletes, and all that it
 * mentions beside.  A reading of words, not of SQL: what is built at run time
 * is not seen, and whoever gets too little is told so by the database.
 */
#include "tool/patch_part.h"

#include <ctype.h>
#include <string.h>

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static const char *
skip(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Is the word here, in any case?  Then what follows it, else NULL. */
static const char *
word(const char *at, const char *text)
{
	size_t length = strlen(text);

	at = skip(at);
	return strncasecmp(at, text, length) == 0 && !is_word(at[length]) ?
	    at + length : NULL;
}

/* Is the table here, with or without its schema?  What follows, else NULL. */
static const char *
table_here(const char *at, const struct catalog_table *t)
{
	const char *after = word(at, t->schema);

	if (after != NULL && *after == '.')
		at = after + 1;
	return word(at, t->name);
}

/* The next place after a word ("update"), as a word of its own, or NULL. */
static const char *
next(const char *at, const char *text)
{
	size_t length = strlen(text);
	const char *from = at;

	for (; (at = strcasestr(at, text)) != NULL; at++)
		if ((at == from || !is_word(at[-1])) && !is_word(at[length]))
			return at + length;
	return NULL;
}

/* Marks the column whose name is here; what follows it. */
static const char *
mark(const char *at, const struct catalog_table *t, enum catalog_verb verb,
    unsigned *columns)
{
	size_t length;

	at = skip(at);
	at += *at == '"';
	length = strspn(at, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	for (size_t i = 0; i < t->column_count; i++)
		if (strlen(t->columns[i].name) == length &&
		    strncasecmp(t->columns[i].name, at, length) == 0)
			columns[i] |= 1u << verb;
	return at + length + (at[length] == '"');
}

/* To the next comma of this depth, or to what ends the list. */
static const char *
item_end(const char *at)
{
	static const char *const ends[] = { "where", "returning", "from" };
	int depth = 0;

	for (; *at != '\0' && *at != ';'; at++) {
		if (*at == '\'')
			at += 1 + strcspn(at + 1, "'");
		depth += (*at == '(') - (*at == ')');
		if (*at == '\0' || depth < 0 || (depth == 0 && *at == ','))
			return at;
		for (size_t i = 0; depth == 0 && i < countof(ends); i++)
			if (!is_word(at[0]) && word(at + 1, ends[i]) != NULL)
				return at;
	}
	return at;
}

/* update T [as] x set a = ..., b = ... */
static bool
find_updates(const char *source, const struct catalog_table *t,
    unsigned *columns)
{
	bool found = false;

	for (const char *at = source; (at = next(at, "update")) != NULL;) {
		const char *set = table_here(at, t);

		if (set == NULL || (set = next(set, "set")) == NULL)
			continue;
		found = true;
		for (at = set; ; at++) {
			at = item_end(mark(at, t, CATALOG_UPDATE, columns));
			if (*at != ',')
				break;
		}
	}
	return found;
}

/* insert into T [as x] (a, b) */
static bool
find_inserts(const char *source, const struct catalog_table *t,
    unsigned *columns)
{
	bool found = false;

	for (const char *at = source; (at = next(at, "insert into")) !=
	     NULL;) {
		const char *list = table_here(at, t);

		if (list == NULL)
			continue;
		found = true;
		list += strcspn(list, "(;");
		while (*list == '(' || *list == ',')
			list = skip(mark(list + 1, t, CATALOG_INSERT,
			    columns));
	}
	return found;
}

static bool
find_deletes(const char *source, const struct catalog_table *t)
{
	for (const char *at = source; (at = next(at, "delete from")) != NULL;)
		if (table_here(at, t) != NULL)
			return true;
	return false;
}

/* Is the table asked anywhere?  A word of its name alone says nothing. */
static bool
is_asked(const char *source, const struct catalog_table *t)
{
	static const char *const words[] = { "from", "join", "update", "into",
		"table" };

	for (size_t i = 0; i < countof(words); i++)
		for (const char *at = source; (at = next(at, words[i])) !=
		     NULL;)
			if (table_here(at, t) != NULL)
				return true;
	return false;
}

static bool
takes_all(const char *source)
{
	return strstr(source, ".*") != NULL || strstr(source, " * ") != NULL;
}

static void
find_reads(const char *source, const struct catalog_table *t,
    unsigned *columns)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (takes_all(source) || drift_mentions(source,
		    t->columns[i].name))
			columns[i] |= CATALOG_MAY_SELECT;
}

unsigned
patch_uses(const struct catalog_function *f, const struct catalog_table *t,
    unsigned *ret_columns)
{
	unsigned uses = 0;

	if (!is_asked(f->source, t))
		return 0;
	if (find_inserts(f->source, t, ret_columns))
		uses |= CATALOG_MAY_INSERT;
	if (find_updates(f->source, t, ret_columns))
		uses |= CATALOG_MAY_UPDATE;
	if (find_deletes(f->source, t))
		uses |= CATALOG_MAY_DELETE;
	find_reads(f->source, t, ret_columns);
	return uses | CATALOG_MAY_SELECT;
}
