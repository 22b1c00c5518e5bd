/* SPDX-License-Identifier: MIT */
/*
 * A body of many records, cut into its records: lines (NDJSON), or the items of
 * a JSON array.  It is cut before it is read, so that one record at a time is a
 * tree, and so that a line that is no JSON costs no other.
 *
 * An item ends where its brackets are closed, looked at outside of strings
 * alone; whether it is JSON is the reader's to say.  So a cut may be wrong only
 * in an array that is not well-formed, and then the piece is not, either.
 */
#include "contract/internal.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_blanks(struct records *r)
{
	while (r->at < r->length && is_blank(r->text[r->at]))
		r->at++;
}

void
records_begin(struct records *r, const char *text, size_t length, bool lines)
{
	static const char mark[] = "\xef\xbb\xbf";

	*r = (struct records){ .text = text, .length = length,
		.lines = lines };
	if (lines && length >= 3 && memcmp(text, mark, 3) == 0)
		r->at = 3;
}

/* ---- lines ---- */

static enum records_step
next_line(struct records *r, struct record *ret)
{
	while (r->at < r->length) {
		const char *at = r->text + r->at, *end;

		end = memchr(at, '\n', r->length - r->at);
		if (end == NULL)
			end = r->text + r->length;
		r->at = (size_t)(end - r->text) + 1;
		r->line++;
		while (at < end && is_blank(*at))
			at++;
		while (at < end && is_blank(end[-1]))
			end--;
		if (at == end)
			continue;
		*ret = (struct record){ at, (size_t)(end - at), r->line };
		return RECORDS_ONE;
	}
	return RECORDS_END;
}

/* ---- items ---- */

/* Behind the string that begins at an offset; length where it has no end. */
static size_t
string_end(const struct records *r, size_t at)
{
	for (at++; at < r->length; at++) {
		if (r->text[at] == '\\')
			at++;
		else if (r->text[at] == '"')
			return at + 1;
	}
	return r->length;
}

/* Behind the value that begins at an offset. */
static size_t
value_end(const struct records *r, size_t at)
{
	size_t depth = 0;

	while (at < r->length) {
		char c = r->text[at];

		if (c == '"') {
			at = string_end(r, at);
			if (depth == 0)
				return at;
			continue;
		}
		if (depth == 0 && (c == ',' || c == ']' || is_blank(c)))
			return at;
		at++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0 && --depth == 0)
			return at;
	}
	return at;
}

/* The bracket, or what stands between two items. */
static enum records_step
to_item(struct records *r)
{
	skip_blanks(r);
	if (r->at == r->length)
		return RECORDS_BROKEN;
	if (r->begun) {
		if (r->text[r->at] == ']') {
			r->at++;
			skip_blanks(r);
			return r->at == r->length ? RECORDS_END :
			    RECORDS_BROKEN;
		}
		if (r->text[r->at] != ',')
			return RECORDS_BROKEN;
		r->at++;
		skip_blanks(r);
		return RECORDS_ONE;
	}
	if (r->text[r->at] != '[')
		return RECORDS_BROKEN;
	r->at++;
	r->begun = true;
	skip_blanks(r);
	return r->at < r->length && r->text[r->at] == ']' ? to_item(r) :
	    RECORDS_ONE;
}

static enum records_step
next_item(struct records *r, struct record *ret)
{
	enum records_step step = to_item(r);
	size_t end;

	if (step != RECORDS_ONE)
		return step;
	end = value_end(r, r->at);
	if (end == r->at)
		return RECORDS_BROKEN;
	*ret = (struct record){ r->text + r->at, end - r->at, 0 };
	r->at = end;
	return RECORDS_ONE;
}

enum records_step
records_next(struct records *r, struct record *ret)
{
	return r->lines ? next_line(r, ret) : next_item(r, ret);
}

void
records_place(const char *text, size_t offset, size_t *ret_line,
    size_t *ret_column)
{
	const char *at = text, *end = text + offset, *next;

	*ret_line = 1;
	while ((next = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at = next + 1;
		++*ret_line;
	}
	*ret_column = (size_t)(end - at) + 1;
}
