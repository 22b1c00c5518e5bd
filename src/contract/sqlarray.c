/* SPDX-License-Identifier: MIT */
/*
 * A JSON array as the text of an SQL array.  Every text is quoted, so that
 * nothing in it is taken for a bracket, a comma or NULL; Postgres reads the
 * items by the column's own type.
 */
#include "contract/internal.h"

#include <string.h>

enum { LITERAL_MAX = 16 << 20 };

static void put_item(struct buf *out, struct json_object *item, bool *nul);

/* In double quotes; a quote or backslash in it has a backslash before it. */
static void
put_text(struct buf *out, const char *text, size_t length)
{
	buf_char(out, '"');
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_char(out, '\\');
		buf_char(out, text[i]);
	}
	buf_char(out, '"');
}

static void
put_list(struct buf *out, struct json_object *list, bool *nul)
{
	size_t count = json_object_array_length(list);

	buf_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_char(out, ',');
		put_item(out, json_object_array_get_idx(list, i), nul);
	}
	buf_char(out, '}');
}

/* What is no text and no list: its JSON text will do, quoted for objects. */
static void
put_json(struct buf *out, struct json_object *item)
{
	struct buf text;

	buf_init(&text, LITERAL_MAX);
	json_write(&text, item);
	put_text(out, text.at, text.length);
	buf_release(&text);
}

static void
put_item(struct buf *out, struct json_object *item, bool *nul)
{
	const char *text;
	size_t length;

	switch (json_object_get_type(item)) {
	case json_type_null:
		buf_string(out, "NULL");
		return;
	case json_type_array:
		put_list(out, item, nul);
		return;
	case json_type_string:
		text = json_object_get_string(item);
		length = (size_t)json_object_get_string_len(item);
		*nul |= strlen(text) != length;
		put_text(out, text, length);
		return;
	default:
		put_json(out, item);
	}
}

const char *
sql_array_text(struct arena *arena, struct json_object *list, bool *ret_nul)
{
	const char *text;
	struct buf out;

	buf_init(&out, LITERAL_MAX);
	put_list(&out, list, ret_nul);
	text = arena_copy(arena, out.at, out.length);
	buf_release(&out);
	return text;
}
