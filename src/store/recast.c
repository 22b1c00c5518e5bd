/* SPDX-License-Identifier: MIT */
/*
 * JSON that Postgres made of rows (to_json, row_to_json, json_agg) -> JSON as
 * the wire has it: only the members that the contract names, in its order, and
 * each value as cell.c would have written the column's.  The text is trusted
 * to be JSON, so this is a scanner without a tree: values are spans of it, and
 * no byte past its end is read whatever it holds.
 *
 * The type of a column is gone in JSON; the field's says what is left to do: a
 * date-time gets its Z, a number that is told as a string its quotes, and
 * NaN, which JSON cannot say, becomes null.  Strings are copied as they stand,
 * as Postgres escapes the same bytes in the same way as buf_json() does.
 */
#include "store/internal.h"

#include <ctype.h>
#include <string.h>

static void
skip_blanks(struct span *left)
{
	while (left->length > 0 && strchr(" \t\r\n", left->at[0]) != NULL &&
	    left->at[0] != '\0') {
		left->at++;
		left->length--;
	}
}

/* Is c the next byte?  Then it is behind us. */
static bool
take(struct span *left, char c)
{
	skip_blanks(left);
	if (left->length == 0 || left->at[0] != c)
		return false;
	left->at++;
	left->length--;
	return true;
}

/* The bytes of the string that begins here, with its quotes; 0 = no end. */
static size_t
string_length(const struct span *left, size_t i)
{
	size_t start = i;

	for (i++; i < left->length; i++) {
		if (left->at[i] == '"')
			return i + 1 - start;
		if (left->at[i] == '\\')
			i++;
	}
	return 0;
}

/* The same of an object or array: nesting needs no stack to be skipped. */
static size_t
nested_length(const struct span *left)
{
	size_t depth = 0, i = 0, n;

	while (i < left->length) {
		char c = left->at[i];

		n = 1;
		if (c == '"' && (n = string_length(left, i)) == 0)
			return 0;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		i += n;
		if (depth == 0)
			return i;
	}
	return 0;
}

static size_t
word_length(const struct span *left)
{
	size_t i;

	for (i = 0; i < left->length; i++)
		if (!isalnum((unsigned char)left->at[i]) &&
		    (left->at[i] == '\0' ||
		    strchr("+-.", left->at[i]) == NULL))
			break;
	return i;
}

/* Takes a whole value from the front. */
static bool
take_value(struct span *left, struct span *ret)
{
	size_t n;

	skip_blanks(left);
	if (left->length == 0)
		return false;
	if (left->at[0] == '"')
		n = string_length(left, 0);
	else if (left->at[0] == '{' || left->at[0] == '[')
		n = nested_length(left);
	else
		n = word_length(left);
	*ret = (struct span){ left->at, n };
	left->at += n;
	left->length -= n;
	return n > 0;
}

bool
recast_item(struct span *array, struct span *ret)
{
	if (!take(array, '[') && !take(array, ','))
		return false;
	return take_value(array, ret);
}

/* The next member of an object, whose rest is left. */
static bool
take_member(struct span *object, struct span *name, struct span *ret)
{
	if (!take(object, '{') && !take(object, ','))
		return false;
	return take_value(object, name) && take(object, ':') &&
	    take_value(object, ret);
}

bool
recast_item_named(struct span *object, struct span *ret)
{
	struct span name;

	return take_member(object, &name, ret);
}

/* A column's name needs no escapes in JSON. */
static bool
is_named(const struct span *quoted, const char *name)
{
	size_t length = strlen(name);

	return quoted->length == length + 2 && quoted->at[0] == '"' &&
	    memcmp(quoted->at + 1, name, length) == 0;
}

/*
 * Looks from where the last one was found, going round once: rows have their
 * members in the order of the fields, so that each is looked at once.
 */
static bool
find(struct span object, struct span *left, const char *name,
    struct span *ret)
{
	const char *start = left->at;
	bool round = false;
	struct span it;

	for (;;) {
		if (!take_member(left, &it, ret)) {
			if (round)
				return false;
			round = true;
			*left = object;
			continue;
		}
		if (is_named(&it, name))
			return true;
		if (round && left->at >= start)
			return false;
	}
}

bool
recast_member(struct span object, const char *name, struct span *ret)
{
	struct span left = object;

	return find(object, &left, name, ret);
}

static void
copy(struct buf *out, const struct span *value)
{
	buf_add(out, value->at, value->length);
}

static bool
is_text(const struct span *value, const char *json)
{
	return value->length == strlen(json) &&
	    memcmp(value->at, json, value->length) == 0;
}

/* The length of "YYYY-MM-DDTHH:MM:SS.ffffff" at the front, or 0. */
static size_t
clock_length(const char *s, size_t length, size_t *ret_year)
{
	static const char form[] = "-00-00T00:00:00";
	size_t year, i, at;

	for (year = 0; year < length && isdigit((unsigned char)s[year]); )
		year++;
	at = year;
	if (year < 4 || length - at < sizeof(form) - 1)
		return 0;
	for (i = 0; i < sizeof(form) - 1; i++, at++)
		if (form[i] == '0' ? !isdigit((unsigned char)s[at]) :
		    s[at] != form[i])
			return 0;
	if (at < length && s[at] == '.')
		for (at++; at < length && isdigit((unsigned char)s[at]); )
			at++;
	*ret_year = year;
	return at;
}

/*
 * "2026-01-01T00:00:00+00:00" (timestamptz) and "2026-01-01T00:00:00"
 * (timestamp) -> "2026-01-01T00:00:00Z".  What has no form in RFC 3339 is told
 * as Postgres' text has it: "12026-01-01 00:00:00+00", "0044-03-15 00:00:00+00
 * BC".  Any other text is no timestamp's and stays.
 */
static void
write_clock(struct buf *out, const struct span *quoted)
{
	const char *s = quoted->at + 1;
	size_t length = quoted->length - 2, year, end, rest;
	bool zone;

	end = clock_length(s, length, &year);
	rest = length - end;
	zone = rest >= 6 && memcmp(s + end, "+00:00", 6) == 0;
	if (zone)
		rest -= 6;
	if (end == 0 || (rest != 0 && (rest != 3 ||
	    memcmp(s + length - 3, " BC", 3) != 0))) {
		copy(out, quoted);
		return;
	}
	buf_add(out, quoted->at, year + 7);	/* the quote, and the day */
	buf_char(out, rest == 0 && year == 4 ? 'T' : ' ');
	buf_add(out, s + year + 7, end - year - 7);
	if (rest == 0 && year == 4)
		buf_char(out, 'Z');
	else
		buf_string(out, zone ? "+00" : "");
	buf_add(out, s + length - rest, rest + 1);	/* and the quote */
}

static bool
is_number(const struct span *value)
{
	return isdigit((unsigned char)value->at[0]) || (value->length > 1 &&
	    value->at[0] == '-');
}

static bool
is_no_number(const struct span *value)
{
	return is_text(value, "\"NaN\"") || is_text(value, "\"Infinity\"") ||
	    is_text(value, "\"-Infinity\"");
}

/* A value that is neither array nor object, of these types and format. */
static void
write_scalar(struct buf *out, const struct span *value, unsigned types,
    const char *format)
{
	bool numbers = (types & (TYPE_INTEGER | TYPE_NUMBER)) != 0;
	bool strings = (types & TYPE_STRING) != 0;

	if (value->at[0] == '"') {
		if (numbers && !strings && is_no_number(value))
			buf_string(out, "null");
		else if (format != NULL && strcmp(format, "date-time") == 0)
			write_clock(out, value);
		else
			copy(out, value);
	} else if (strings && !numbers && is_number(value)) {
		buf_char(out, '"');
		copy(out, value);
		buf_char(out, '"');
	} else {
		copy(out, value);
	}
}

/* Items keep their numbers, whatever the contract calls them, as in cell.c. */
static bool
write_items(struct buf *out, struct span array, const struct field *field)
{
	const char *before = "[";
	struct span item;

	while (recast_item(&array, &item)) {
		buf_string(out, before);
		before = ",";
		if (item.at[0] == '"')
			write_scalar(out, &item, field->item_types,
			    field->item_format);
		else
			copy(out, &item);
	}
	buf_string(out, *before == '[' ? "[]" : "]");
	return take(&array, ']') || (*before == '[' && array.length > 0);
}

/* Is there anything in the items that Postgres writes in another way? */
static bool
has_items(const struct field *field)
{
	bool numbers = (field->item_types & (TYPE_INTEGER | TYPE_NUMBER)) != 0;

	return field->item_format != NULL || numbers;
}

bool
recast_value(struct buf *out, const struct span *value,
    const struct field *field)
{
	if (value->at[0] == '[' && (field->types & TYPE_ARRAY) != 0 &&
	    has_items(field))
		return write_items(out, *value, field);
	if (value->at[0] == '{' || value->at[0] == '[')
		copy(out, value);
	else
		write_scalar(out, value, field->types, field->format);
	return true;
}

bool
recast_row(struct buf *out, const char *json, size_t length,
    const struct field *const *fields, size_t count)
{
	struct span whole = { json, length }, object, left, value;
	const char *before = "{";
	bool well = true;
	size_t i;

	if (!take_value(&whole, &object) || (object.at[0] != '{' &&
	    !is_text(&object, "null")))
		return false;
	if (object.at[0] != '{') {
		copy(out, &object);
		return true;
	}
	left = object;
	for (i = 0; i < count; i++) {
		if (!find(object, &left, fields[i]->name, &value))
			continue;
		buf_string(out, before);
		before = ",";
		buf_string(out, fields[i]->name_json);
		well = recast_value(out, &value, fields[i]) && well;
	}
	buf_string(out, *before == '{' ? "{}" : "}");
	return well;
}

bool
recast_rows(struct buf *out, const char *json, size_t length,
    const struct field *const *fields, size_t count)
{
	struct span whole = { json, length }, array, item;
	const char *before = "[";
	bool well;

	if (!take_value(&whole, &array) || (array.at[0] != '[' &&
	    !is_text(&array, "null")))
		return false;
	for (well = true; well && recast_item(&array, &item); before = ",") {
		buf_string(out, before);
		well = recast_row(out, item.at, item.length, fields, count);
	}
	buf_string(out, *before == '[' ? "[]" : "]");
	return well;
}
