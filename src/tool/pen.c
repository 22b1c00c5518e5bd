/* SPDX-License-Identifier: MIT */
/*
 * JSON is written compact and printed at the end, so that texts that come
 * ready-made look like the rest.  Lists and objects of nothing but a few short
 * values stand on one line: a document of thousands of lines is read by people,
 * too, and compared.
 */
#include "tool/pen.h"

#include <stdarg.h>
#include <string.h>

enum { LINE_MAX_SHORT = 64 };	/* bytes of what stands on one line */

void
pen_init(struct pen *pen, size_t limit)
{
	*pen = (struct pen){ .depth = 0 };
	buf_init(&pen->text, limit);
}

void
pen_release(struct pen *pen)
{
	buf_release(&pen->text);
}

static void
begin(struct pen *pen, const char *name)
{
	if (pen->more)
		buf_char(&pen->text, ',');
	pen->more = true;
	if (name == NULL)
		return;
	buf_json_string(&pen->text, name);
	buf_char(&pen->text, ':');
}

static void
open_with(struct pen *pen, const char *name, char opening, char closing)
{
	begin(pen, name);
	buf_char(&pen->text, opening);
	if (pen->depth < PEN_DEPTH_MAX)
		pen->closing[pen->depth] = closing;
	pen->depth++;
	pen->more = false;
}

void
pen_object(struct pen *pen, const char *name)
{
	open_with(pen, name, '{', '}');
}

void
pen_list(struct pen *pen, const char *name)
{
	open_with(pen, name, '[', ']');
}

void
pen_close(struct pen *pen)
{
	buf_char(&pen->text, pen->closing[--pen->depth]);
	pen->more = true;
}

void
pen_text(struct pen *pen, const char *name, const char *text)
{
	if (text == NULL)
		return;
	begin(pen, name);
	buf_json_string(&pen->text, text);
}

void
pen_format(struct pen *pen, const char *name, const char *format, ...)
{
	struct buf text;
	va_list ap;
	char piece[2048];

	va_start(ap, format);
	vsnprintf(piece, sizeof(piece), format, ap);
	va_end(ap);
	buf_init(&text, sizeof(piece));
	buf_string(&text, piece);
	pen_text(pen, name, text.length > 0 ? text.at : "");
	buf_release(&text);
}

void
pen_number(struct pen *pen, const char *name, int64_t number)
{
	begin(pen, name);
	buf_int(&pen->text, number);
}

void
pen_flag(struct pen *pen, const char *name, bool flag)
{
	begin(pen, name);
	buf_string(&pen->text, flag ? "true" : "false");
}

void
pen_json(struct pen *pen, const char *name, const char *json)
{
	begin(pen, name);
	buf_string(&pen->text, json);
}

void
pen_ref(struct pen *pen, const char *name, const char *place,
    const char *what)
{
	pen_object(pen, name);
	pen_format(pen, "$ref", "#/components/%s/%s", place, what);
	pen_close(pen);
}

/* ---- printing ---- */

/* What is behind a string. */
static const char *
skip_string(const char *s)
{
	for (s++; *s != '"'; s++)
		if (*s == '\\')
			s++;
	return s + 1;
}

/* The length of an object or list without others in it, if it is short. */
static size_t
short_length(const char *from)
{
	const char *s = from + 1;

	while (*s != ']' && *s != '}') {
		if (*s == '[' || *s == '{' || s - from > LINE_MAX_SHORT)
			return 0;
		s = *s == '"' ? skip_string(s) : s + 1;
	}
	return s - from > LINE_MAX_SHORT ? 0 : (size_t)(s + 1 - from);
}

/* With a blank where people set one. */
static const char *
print_short(const char *s, size_t length, FILE *out)
{
	const char *end = s + length;
	bool padded = *s == '{' && length > 2;

	while (s < end) {
		const char *next = *s == '"' ? skip_string(s) : s + 1;

		if (padded && next == end)
			fputc(' ', out);
		fwrite(s, 1, (size_t)(next - s), out);
		if (*s == ',' || *s == ':' || (padded && *s == '{'))
			fputc(' ', out);
		s = next;
	}
	return end;
}

static void
print_line(size_t depth, FILE *out)
{
	fprintf(out, "\n%*s", (int)(2 * depth), "");
}

void
pen_print(const char *json, FILE *out)
{
	const char *s = json, *from;
	size_t depth = 0, length;

	while (*s != '\0') {
		from = s;
		if ((*s == '{' || *s == '[') &&
		    (length = short_length(s)) > 0) {
			s = print_short(s, length, out);
			continue;
		}
		if (*s == '}' || *s == ']')
			print_line(--depth, out);
		s = *s == '"' ? skip_string(s) : s + 1;
		fwrite(from, 1, (size_t)(s - from), out);
		if (*from == '{' || *from == '[')
			print_line(++depth, out);
		else if (*from == ',')
			print_line(depth, out);
		else if (*from == ':')
			fputc(' ', out);
	}
	fputc('\n', out);
}
