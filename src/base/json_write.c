/* SPDX-License-Identifier: MIT */
/*
 * A tree as compact text.  json-c's own writer keeps its output inside the
 * object, which costs memory as long as the tree lives and is a data race on
 * trees that threads share (the contract's); this one only reads.  Recursion
 * is as deep as the reader's caps let trees be.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"

static void
write_integer(struct buf *b, struct json_object *value)
{
	int64_t n = json_object_get_int64(value);

	/* The getter of int64 clamps what is a uint64. */
	if (n == INT64_MAX)
		buf_format(b, "%llu",
		    (unsigned long long)json_object_get_uint64(value));
	else
		buf_int(b, n);
}

/*
 * json_object_new_double_s() keeps the text as user data; nobody in this
 * program sets other user data on a number.  A double made without text gets
 * the shortest of the usual precisions that reads back as the same number.
 */
static void
write_double(struct buf *b, struct json_object *value)
{
	const char *text = json_object_get_userdata(value);
	double number = json_object_get_double(value);
	char made[32];

	if (text == NULL && isfinite(number)) {
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(made, sizeof(made), "%.*g", digits, number);
			if (strtod(made, NULL) == number)
				break;
		}
		text = made;
	}
	/* JSON has no infinity; the reader lets none in. */
	buf_string(b, text == NULL ? "null" : text);
}

static void
write_array(struct buf *b, struct json_object *array)
{
	size_t n = json_object_array_length(array);

	buf_char(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_char(b, ',');
		json_write(b, json_object_array_get_idx(array, i));
	}
	buf_char(b, ']');
}

static void
write_object(struct buf *b, struct json_object *object)
{
	char before = '{';

	json_object_object_foreach(object, name, value) {
		buf_char(b, before);
		buf_json_string(b, name);
		buf_char(b, ':');
		json_write(b, value);
		before = ',';
	}
	if (before == '{')
		buf_char(b, '{');
	buf_char(b, '}');
}

void
json_write(struct buf *b, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		buf_string(b, "null");
		break;
	case json_type_boolean:
		buf_string(b,
		    json_object_get_boolean(value) ? "true" : "false");
		break;
	case json_type_int:
		write_integer(b, value);
		break;
	case json_type_double:
		write_double(b, value);
		break;
	case json_type_string:
		buf_json(b, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
		break;
	case json_type_array:
		write_array(b, value);
		break;
	case json_type_object:
		write_object(b, value);
		break;
	}
}
