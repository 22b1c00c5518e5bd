/* SPDX-License-Identifier: MIT */
/*
 * What a file imports: the names of others that its code mentions, found when
 * the code is written.  Its own names go before: a component that is called as
 * one of them is imported with a "_", since contracts are about orders, routes
 * and clients, too.
 */
#include "tool/typescript.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80 };

struct word {
	const char *at;
	size_t length;
};

struct words {
	struct word *all;
	size_t count;
};

const char *
typescript_local(struct typescript *ts, const char *component)
{
	for (const char *const *n = ts->taken; n != NULL && *n != NULL; n++)
		if (strcmp(*n, component) == 0)
			return arena_format(ts->arena, "%s_", component);
	return component;
}

/* ---- what code mentions ---- */

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* What is behind a comment or string, or s. */
static const char *
skip(const char *s)
{
	char quote = *s;

	if (s[0] == '/' && s[1] == '/')
		return s + strcspn(s, "\n");
	if (s[0] == '/' && s[1] == '*') {
		const char *end = strstr(s + 2, "*/");

		return end != NULL ? end + 2 : s + strlen(s);
	}
	if (quote != '\'' && quote != '"' && quote != '`')
		return s;
	for (s++; *s != '\0' && *s != quote; s++)
		if (*s == '\\' && s[1] != '\0')
			s++;
	return *s != '\0' ? s + 1 : s;
}

static int
compare(const void *a, const void *b)
{
	const struct word *x = a, *y = b;
	size_t n = x->length < y->length ? x->length : y->length;
	int order = memcmp(x->at, y->at, n);

	return order != 0 ? order : (x->length > y->length) -
	    (x->length < y->length);
}

static size_t
next_word(const char **s)
{
	size_t length = 0;

	while (**s != '\0' && !is_word(**s)) {
		const char *behind = skip(*s);

		*s = behind > *s ? behind : *s + 1;
	}
	while (is_word((*s)[length]))
		length++;
	return length;
}

static struct words
words_of(struct typescript *ts, const char *code)
{
	struct words words = { NULL, 0 };
	const char *s = code;
	size_t count = 0, length;

	while ((length = next_word(&s)) > 0) {
		s += length;
		count++;
	}
	words.all = arena_alloc(ts->arena, (count + 1) * sizeof(struct word));
	for (s = code; (length = next_word(&s)) > 0; s += length)
		words.all[words.count++] = (struct word){ s, length };
	qsort(words.all, words.count, sizeof(struct word), compare);
	return words;
}

static bool
mentions(const struct words *words, const char *name)
{
	struct word wanted = { name, strlen(name) };

	return bsearch(&wanted, words->all, words->count, sizeof(wanted),
	    compare) != NULL;
}

/* ---- writing ---- */

/* One import of some names, with line breaks where it is long. */
static void
write_import(const char *kind, const char *const *names, size_t count,
    const char *from, struct buf *out)
{
	size_t length = strlen(kind) + strlen(from) + 12, column = COLUMNS;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		length += strlen(names[i]) + 2;
	buf_format(out, "%s {", kind);
	for (size_t i = 0; i < count; i++) {
		size_t own = strlen(names[i]) + 2;

		if (length > COLUMNS && column + own > COLUMNS) {
			buf_string(out, "\n ");
			column = 1;
		}
		buf_format(out, " %s%s", names[i], length > COLUMNS ||
		    i + 1 < count ? "," : "");
		column += own;
	}
	buf_format(out, "%s} from '%s';\n", length > COLUMNS ? "\n" : " ",
	    from);
}

void
typescript_import(struct typescript *ts, const struct buf *code,
    const struct typescript_module *modules, size_t count, struct buf *out)
{
	struct words words = words_of(ts, code->length > 0 ? code->at : "");

	for (size_t i = 0; i < count; i++) {
		const struct typescript_module *m = &modules[i];
		const char **found;
		size_t name_count = 0, found_count = 0;

		while (m->names[name_count] != NULL)
			name_count++;
		found = arena_alloc(ts->arena,
		    (name_count + 1) * sizeof(*found));
		for (size_t n = 0; n < name_count; n++)
			if (mentions(&words, m->names[n]))
				found[found_count++] = m->names[n];
		write_import(m->values ? "import" : "import type", found,
		    found_count, m->from, out);
	}
}

void
typescript_import_types(struct typescript *ts, const struct buf *code,
    const char *from, struct buf *out)
{
	struct words words = words_of(ts, code->length > 0 ? code->at : "");
	const struct component *c;
	const char **found;
	size_t count = 0, found_count = 0;

	while (publication_component(ts->schemas, count) != NULL)
		count++;
	found = arena_alloc(ts->arena, (count + 1) * sizeof(*found));
	for (size_t i = 0; (c = publication_component(ts->schemas, i)) != NULL;
	     i++) {
		const char *local = typescript_local(ts, c->name);

		if (mentions(&words, local))
			found[found_count++] = local == c->name ? c->name :
			    arena_format(ts->arena, "%s as %s", c->name,
				local);
	}
	write_import("import type", found, found_count, from, out);
}
