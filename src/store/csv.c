/* SPDX-License-Identifier: MIT */
/*
 * CSV (RFC 4180): a header line, lines that end with CR LF, quotes where a
 * value needs them.  SQL's NULL is an empty field and the empty text a quoted
 * one, so that both come back.  A text that a spreadsheet would take for a
 * formula gets a "'" before it, which is what they take for "this is text".
 */
#include "store/internal.h"

#include <string.h>

static bool
is_formula(const char *text, size_t length)
{
	return length > 0 && text[0] != '\0' &&
	    strchr("=+-@\t\r", text[0]) != NULL;
}

static bool
needs_quotes(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (text[i] != '\0' && strchr("\",\r\n", text[i]) != NULL)
			return true;
	return length == 0 || text[0] == ' ' || text[length - 1] == ' ';
}

static void
put_quoted(struct buf *b, const char *text, size_t length)
{
	const char *quote;
	size_t part;

	while ((quote = memchr(text, '"', length)) != NULL) {
		part = (size_t)(quote - text) + 1;
		buf_add(b, text, part);
		buf_char(b, '"');
		text += part;
		length -= part;
	}
	buf_add(b, text, length);
}

void
csv_field(struct buf *b, const char *text, size_t length, bool guarded)
{
	bool formula = guarded && is_formula(text, length);

	if (!needs_quotes(text, length)) {
		buf_string(b, formula ? "'" : "");
		buf_add(b, text, length);
		return;
	}
	buf_string(b, formula ? "\"'" : "\"");
	put_quoted(b, text, length);
	buf_char(b, '"');
}
