/* SPDX-License-Identifier: MIT */
/*
 * Connection strings for people: what libpq marks as secret never gets into a
 * document.  libpq reads them (keywords or URI), so nothing here guesses.
 */
#include "store/internal.h"

#include <string.h>

static void
drop_options(void *options)
{
	PQconninfoFree(options);
}

/* NULL when it is none; else ended by an option without keyword. */
static const PQconninfoOption *
parse(struct arena *arena, const char *text)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(text, &why);

	PQfreemem(why);
	if (options != NULL)
		arena_defer(arena, drop_options, options);
	return options;
}

/* A value as a keyword string has it. */
static void
put_value(struct buf *b, const char *value)
{
	bool plain = value[0] != '\0' && strpbrk(value, " \t\n'\\") == NULL;

	if (plain) {
		buf_string(b, value);
		return;
	}
	buf_char(b, '\'');
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			buf_char(b, '\\');
		buf_char(b, *value);
	}
	buf_char(b, '\'');
}

static void
put(struct buf *b, const char *keyword, const char *value)
{
	if (value == NULL)
		return;
	buf_format(b, "%s%s=", b->length > 0 ? " " : "", keyword);
	put_value(b, value);
}

const char *
store_conninfo(struct arena *arena, const char *text, const char *database,
    const char *user)
{
	const PQconninfoOption *o = parse(arena, text);
	const char *ret;
	struct buf b;

	if (o == NULL)
		return NULL;
	buf_init(&b, 65536);
	for (; o->keyword != NULL; o++) {
		const char *value = o->val;

		if (database != NULL && strcmp(o->keyword, "dbname") == 0)
			value = database;
		if (user != NULL && strcmp(o->keyword, "user") == 0)
			value = user;
		if (strchr(o->dispchar, '*') == NULL)
			put(&b, o->keyword, value);
	}
	ret = arena_string(arena, b.length > 0 ? b.at : "");
	buf_release(&b);
	return ret;
}

const char *
store_conninfo_value(struct arena *arena, const char *text,
    const char *keyword)
{
	const PQconninfoOption *o = parse(arena, text);

	for (; o != NULL && o->keyword != NULL; o++)
		if (strcmp(o->keyword, keyword) == 0)
			return o->val;
	return NULL;
}
