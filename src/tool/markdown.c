/* SPDX-License-Identifier: MIT */
/*
 * Markdown has no escape that holds everywhere: in a table a bar ends the cell
 * even within code, and code knows no backslash.  So a bar is always escaped,
 * and code gets as many backticks around it as it needs.
 */
#include "tool/markdown.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "tool/pen.h"

enum { TEXT_MAX = 1 << 20 };	/* bytes of a piece */

/* The buffer's text in the arena; the buffer is gone. */
static const char *
keep(struct arena *arena, struct buf *b)
{
	const char *ret = arena_string(arena, b->length > 0 ? b->at : "");

	buf_release(b);
	return ret;
}

const char *
md_text(struct arena *arena, const char *text)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	for (; *text != '\0'; text++) {
		if (strchr("\\`*[]<>|", *text) != NULL)
			buf_char(&b, '\\');
		buf_char(&b, *text == '\n' || *text == '\t' ? ' ' : *text);
	}
	return keep(arena, &b);
}

/* The longest run of backticks. */
static size_t
ticks_of(const char *text)
{
	size_t most = 0, run;

	for (; *text != '\0'; text += run + (text[run] != '\0')) {
		run = strspn(text, "`");
		most = run > most ? run : most;
	}
	return most;
}

const char *
md_code(struct arena *arena, const char *text)
{
	size_t ticks = ticks_of(text);
	struct buf b;

	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i <= ticks; i++)
		buf_char(&b, '`');
	if (ticks > 0)
		buf_char(&b, ' ');
	for (; *text != '\0'; text++) {
		if (*text == '|')
			buf_char(&b, '\\');
		buf_char(&b, *text == '\n' || *text == '\t' ? ' ' : *text);
	}
	if (ticks > 0)
		buf_char(&b, ' ');
	for (size_t i = 0; i <= ticks; i++)
		buf_char(&b, '`');
	return keep(arena, &b);
}

const char *
md_join(struct arena *arena, const char *list, const char *between,
    const char *text)
{
	return *list == '\0' ? text : arena_format(arena, "%s%s%s", list,
	    between, text);
}

const char *
md_codes(struct arena *arena, const char *const *texts, size_t count)
{
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		list = md_join(arena, list, ", ", md_code(arena, texts[i]));
	return count > 0 ? list : "none";
}

const char *
md_anchor(struct arena *arena, const char *heading)
{
	char *to = arena_string(arena, heading);
	char *ret = to;

	for (; *heading != '\0'; heading++) {
		unsigned char c = (unsigned char)*heading;

		if (isalnum(c) || c == '_' || c == '-' || c >= 0x80)
			*to++ = (char)tolower(c);
		else if (c == ' ')
			*to++ = '-';
	}
	*to = '\0';
	return ret;
}

const char *
md_link(struct arena *arena, const char *heading)
{
	return arena_format(arena, "[%s](#%s)", md_text(arena, heading),
	    md_anchor(arena, heading));
}

const char *
md_shell(struct arena *arena, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-";
	struct buf b;

	if (*word != '\0' && word[strspn(word, plain)] == '\0')
		return arena_string(arena, word);
	buf_init(&b, TEXT_MAX);
	buf_char(&b, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buf_string(&b, "'\\'");
		buf_char(&b, *word);
	}
	buf_char(&b, '\'');
	return keep(arena, &b);
}

void
md_head(FILE *out, const char *const *columns)
{
	size_t count = 0;

	while (columns[count] != NULL)
		count++;
	md_row(out, count, columns);
	fputc('|', out);
	for (size_t i = 0; i < count; i++)
		fputs("---|", out);
	fputc('\n', out);
}

void
md_row(FILE *out, size_t count, const char *const *cells)
{
	fputc('|', out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, " %s |", cells[i]);
	fputc('\n', out);
}

void
md_json(FILE *out, const char *json)
{
	fputs("```json\n", out);
	pen_print(json, out);
	fputs("```\n", out);
}
