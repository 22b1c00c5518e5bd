/* SPDX-License-Identifier: MIT */
/*
 * The reader: recursive descent over text that was found to be UTF-8 first, so
 * that strings need no look at bytes from 0x80 up.  The caps are checked before
 * memory is spent.  Invariant: a function that returns false has noted why
 * (reason) and where (at), and has dropped what it made; no failure is mended.
 * Duplicates are found with the hash that the insertion needs anyway.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_place.h"
#include "base/text.h"

/*
 * Longer numbers are refused.  Postgres' numeric would take 131072 digits, but
 * nobody who sends more than this means it.
 */
enum { NUMBER_BYTES = 1024 };

/*
 * Nor does anybody mean 1e-16383, which is 0.0 to us and 16 KB of zeros in
 * the answer of Postgres, whose jsonb writes numbers out.
 */
enum { EXPONENT_DIGITS = 3 };

/* From here on memory is worth the time that it takes to save some. */
enum { MANY_VALUES = 5000 };

const struct json_caps json_caps_wire = {
	.depth = 32,
	.values = 20000,
	.members = 1000,
	.items = 10000,
	.name_bytes = 256,
	.string_bytes = 262144,
};

const struct json_caps json_caps_file = {
	.depth = 64,
	.values = 200000,
	.members = 10000,
	.items = 100000,
	.name_bytes = 4096,
	.string_bytes = 1048576,
};

const struct json_caps json_caps_standard = {
	.depth = 64,
	.values = 1000000,
	.members = 100000,
	.items = 1000000,
	.name_bytes = 65536,
	.string_bytes = 4194304,
	.big_numbers = true,
};

struct reader {
	const char *text, *at, *end;
	const struct json_caps *caps;
	size_t values;
	unsigned depth;
	struct buf decoded;		/* a string that had escapes */
	struct json_places *places;	/* NULL: nobody asks */
	const char *reason;
};

/* A part of the text, or of reader.decoded until the next string. */
struct span {
	const char *at;
	size_t length;
};

static bool read_value(struct reader *r, struct json_object **ret);

/* json-c says NULL when memory runs out, which would be a null to us. */
static void *
sure(void *made)
{
	if (made == NULL)
		abort();
	return made;
}

static bool
refuse(struct reader *r, const char *at, const char *reason)
{
	r->at = at;
	r->reason = reason;
	return false;
}

static void
skip_space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' ||
	    *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

/* Takes the byte c if it is next. */
static bool
take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* The four hexadecimal digits at s, -1 when they are none. */
static int
hex4(const char *s, const char *end)
{
	int n = 0;

	if (end - s < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = s[i];

		if (c >= '0' && c <= '9')
			n = n * 16 + c - '0';
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			n = n * 16 + c - 'A' + 10;
		else
			return -1;
	}
	return n;
}

static void
add_utf8(struct buf *b, unsigned c)
{
	if (c < 0x80) {
		buf_char(b, (char)c);
	} else if (c < 0x800) {
		buf_char(b, (char)(0xc0 | c >> 6));
		buf_char(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_char(b, (char)(0xe0 | c >> 12));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_char(b, (char)(0x80 | (c & 63)));
	} else {
		buf_char(b, (char)(0xf0 | c >> 18));
		buf_char(b, (char)(0x80 | (c >> 12 & 63)));
		buf_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_char(b, (char)(0x80 | (c & 63)));
	}
}

/* Reads the rest of \uXXXX, after the u, with its second half if it has one. */
static bool
read_unicode(struct reader *r)
{
	const char *start = r->at - 2;
	int high = hex4(r->at, r->end), low;

	if (high < 0)
		return refuse(r, start, "malformed \\u escape");
	r->at += 4;
	if (high >= 0xdc00 && high <= 0xdfff)
		return refuse(r, start, "lone surrogate");
	if (high < 0xd800 || high > 0xdfff) {
		add_utf8(&r->decoded, (unsigned)high);
		return true;
	}
	if (!take(r, '\\') || !take(r, 'u') ||
	    (low = hex4(r->at, r->end)) < 0xdc00 || low > 0xdfff)
		return refuse(r, start, "lone surrogate");
	r->at += 4;
	add_utf8(&r->decoded, 0x10000U + ((unsigned)high - 0xd800U) * 0x400U +
	    ((unsigned)low - 0xdc00U));
	return true;
}

/* Reads an escape, whose backslash is at r->at, into r->decoded. */
static bool
read_escape(struct reader *r)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (r->end - r->at < 2)
		return refuse(r, r->end, "unterminated string");
	r->at += 2;
	if (r->at[-1] == 'u')
		return read_unicode(r);
	found = memchr(letters, r->at[-1], sizeof(letters) - 1);
	if (found == NULL)
		return refuse(r, r->at - 2, "unknown escape");
	buf_char(&r->decoded, meant[found - letters]);
	return true;
}

/* Reads on after the first escape of a string: `from` is its first byte. */
static bool
read_escaped(struct reader *r, const char *from, size_t cap,
    const char *too_long, struct span *ret)
{
	const char *start = from - 1;

	buf_clear(&r->decoded);
	r->at = from;
	for (;;) {
		const char *run = r->at;

		r->at = run + text_plain_span(run, (size_t)(r->end - run));
		buf_add(&r->decoded, run, (size_t)(r->at - run));
		if (r->at == r->end || *r->at != '\\')
			break;
		if (!read_escape(r))
			return false;
		if (r->decoded.length > cap)
			return refuse(r, start, too_long);
	}
	*ret = (struct span){ r->decoded.at, r->decoded.length };
	return true;
}

/* Reads a string, whose quote is at r->at, of `cap` bytes at most. */
static bool
read_string(struct reader *r, size_t cap, const char *too_long,
    struct span *ret)
{
	const char *start = r->at++, *from = r->at;
	struct span s;

	r->at = from + text_plain_span(from, (size_t)(r->end - from));
	s = (struct span){ from, (size_t)(r->at - from) };
	if (r->at < r->end && *r->at == '\\' &&
	    !read_escaped(r, from, cap, too_long, &s))
		return false;
	if (r->at == r->end)
		return refuse(r, r->end, "unterminated string");
	if (*r->at != '"')
		return refuse(r, r->at, "control character in a string");
	if (s.length > cap)
		return refuse(r, start, too_long);
	r->at++;
	*ret = s;
	return true;
}

static bool
read_string_value(struct reader *r, struct json_object **ret)
{
	struct span s;

	if (!read_string(r, r->caps->string_bytes, "string too long", &s))
		return false;
	*ret = sure(json_object_new_string_len(s.at, (int)s.length));
	return true;
}

static bool
is_digit(const struct reader *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

/* Skips digits; false when there is not one. */
static bool
skip_digits(struct reader *r)
{
	if (!is_digit(r))
		return false;
	while (is_digit(r))
		r->at++;
	return true;
}

/* Skips a number by the grammar; *ret_integer: without fraction, exponent. */
static bool
skip_number(struct reader *r, bool *ret_integer)
{
	const char *start = r->at, *exponent;
	bool integer = true, zero = false;

	take(r, '-');
	if (!take(r, '0') && !skip_digits(r))
		return refuse(r, r->at, "malformed number");
	if (is_digit(r))
		return refuse(r, r->at, "leading zero in a number");
	if (take(r, '.')) {
		integer = false;
		if (!skip_digits(r))
			return refuse(r, r->at, "malformed number");
	}
	if (take(r, 'e') || take(r, 'E')) {
		integer = false;
		if (!take(r, '-'))
			take(r, '+');
		while (take(r, '0'))
			zero = true;
		exponent = r->at;
		if (!skip_digits(r) && !zero)
			return refuse(r, r->at, "malformed number");
		if (r->at - exponent > EXPONENT_DIGITS)
			return refuse(r, start, "number out of range");
	}
	*ret_integer = integer;
	return true;
}

/* An integer's text as int64, else as uint64, else NULL. */
static struct json_object *
integer_of(const char *s, size_t length)
{
	uint64_t n = 0;
	int64_t small;

	if (text_to_int(s, length, &small))
		return sure(json_object_new_int64(small));
	if (length > 20 || s[0] == '-')
		return NULL;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned char)s[i] - (unsigned)'0';

		if (n > (UINT64_MAX - digit) / 10)
			return NULL;
		n = n * 10 + digit;
	}
	return sure(json_object_new_uint64(n));
}

static bool
read_number(struct reader *r, struct json_object **ret)
{
	const char *start = r->at;
	char text[NUMBER_BYTES + 1];
	struct json_object *made;
	double number;
	size_t length;
	bool integer;

	if (!skip_number(r, &integer))
		return false;
	length = (size_t)(r->at - start);
	if (length > NUMBER_BYTES)
		return refuse(r, start, "number too long");
	if (integer) {
		if ((made = integer_of(start, length)) != NULL) {
			*ret = made;
			return true;
		}
		if (!r->caps->big_numbers)
			return refuse(r, start, "integer out of range");
	}
	memcpy(text, start, length);
	text[length] = '\0';
	/* The process never leaves the C locale, so "." is the point. */
	number = strtod(text, NULL);
	if (!isfinite(number) && !r->caps->big_numbers)
		return refuse(r, start, "number out of range");
	*ret = sure(json_object_new_double_s(number, text));
	return true;
}

static bool
read_word(struct reader *r, const char *word, struct json_object *value,
    struct json_object **ret)
{
	size_t length = strlen(word);

	if ((size_t)(r->end - r->at) < length ||
	    memcmp(r->at, word, length) != 0) {
		json_object_put(value);
		return refuse(r, r->at, "expected a value");
	}
	r->at += length;
	*ret = value;
	return true;
}

static void
note(struct reader *r, const struct json_object *parent, const char *name,
    size_t index, const char *name_at, const char *value_at)
{
	if (r->places != NULL)
		json_places_note(r->places, parent, name, index,
		    (size_t)(name_at - r->text), (size_t)(value_at - r->text));
}

static bool
read_item(struct reader *r, struct json_object *array)
{
	size_t index = json_object_array_length(array);
	struct json_object *value;
	const char *value_at;

	if (index >= r->caps->items)
		return refuse(r, r->at, "too many items");
	skip_space(r);
	value_at = r->at;
	if (!read_value(r, &value))
		return false;
	if (json_object_array_add(array, value) != 0)
		abort();
	note(r, array, NULL, index, value_at, value_at);
	return true;
}

static bool
read_items(struct reader *r, struct json_object *array)
{
	skip_space(r);
	if (take(r, ']'))
		return true;
	do {
		if (!read_item(r, array))
			return false;
		skip_space(r);
	} while (take(r, ','));
	return take(r, ']') || refuse(r, r->at, "expected ',' or ']'");
}

/* Reads a member's name into memory of its own, which json-c frees later. */
static bool
read_name(struct reader *r, char **ret)
{
	const char *start = r->at;
	struct span s;
	char *name;

	if (r->at == r->end || *r->at != '"')
		return refuse(r, r->at, "expected a member's name");
	if (!read_string(r, r->caps->name_bytes, "member name too long", &s))
		return false;
	/* json-c's names end at NUL: two of them could become one. */
	if (memchr(s.at, '\0', s.length) != NULL)
		return refuse(r, start, "NUL in a member name");
	name = sure(malloc(s.length + 1));
	memcpy(name, s.at, s.length);
	name[s.length] = '\0';
	*ret = name;
	return true;
}

/* Reads the colon and the value of the member, and adds both. */
static bool
read_named(struct reader *r, struct json_object *object, char *name,
    const char *name_at)
{
	struct lh_table *table = json_object_get_object(object);
	unsigned long hash = lh_get_hash(table, name);
	struct json_object *value;
	const char *value_at;

	if (lh_table_lookup_entry_w_hash(table, name, hash) != NULL)
		return refuse(r, name_at, "duplicate member name");
	skip_space(r);
	if (!take(r, ':'))
		return refuse(r, r->at, "expected ':'");
	skip_space(r);
	value_at = r->at;
	if (!read_value(r, &value))
		return false;
	if (lh_table_insert_w_hash(table, name, value, hash, 0) != 0)
		abort();
	note(r, object, name, 0, name_at, value_at);
	return true;
}

static bool
read_member(struct reader *r, struct json_object *object)
{
	const char *name_at;
	char *name;

	skip_space(r);
	name_at = r->at;
	if ((size_t)json_object_object_length(object) >= r->caps->members)
		return refuse(r, name_at, "too many members");
	if (!read_name(r, &name))
		return false;
	if (read_named(r, object, name, name_at))
		return true;
	free(name);
	return false;
}

static bool
read_members(struct reader *r, struct json_object *object)
{
	skip_space(r);
	if (take(r, '}')) {
		/* An empty object would keep a table of sixteen rows. */
		lh_table_resize(json_object_get_object(object), 1);
		return true;
	}
	do {
		if (!read_member(r, object))
			return false;
		skip_space(r);
	} while (take(r, ','));
	/* Nor do many small ones each keep one, in a document of many values. */
	if (r->values > MANY_VALUES && json_object_object_length(object) <= 2)
		lh_table_resize(json_object_get_object(object), 4);
	return take(r, '}') || refuse(r, r->at, "expected ',' or '}'");
}

static bool
read_container(struct reader *r, struct json_object **ret)
{
	bool object = *r->at == '{';
	struct json_object *made;

	if (r->depth == r->caps->depth)
		return refuse(r, r->at, "nested too deeply");
	r->depth++;
	r->at++;
	made = sure(object ? json_object_new_object() :
	    json_object_new_array_ext(4));
	if (!(object ? read_members(r, made) : read_items(r, made))) {
		json_object_put(made);
		return false;
	}
	r->depth--;
	*ret = made;
	return true;
}

/* Reads the value at r->at, where no space stands. */
static bool
read_value(struct reader *r, struct json_object **ret)
{
	if (r->at == r->end)
		return refuse(r, r->at, "expected a value");
	if (r->values++ >= r->caps->values)
		return refuse(r, r->at, "too many values");
	switch (*r->at) {
	case '{': case '[':
		return read_container(r, ret);
	case '"':
		return read_string_value(r, ret);
	case 't':
		return read_word(r, "true", sure(json_object_new_boolean(1)),
		    ret);
	case 'f':
		return read_word(r, "false", sure(json_object_new_boolean(0)),
		    ret);
	case 'n':
		return read_word(r, "null", NULL, ret);
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return read_number(r, ret);
	default:
		return refuse(r, r->at, "expected a value");
	}
}

static bool
read_document(struct reader *r, struct json_object **ret)
{
	size_t length = (size_t)(r->end - r->text);
	size_t valid = text_utf8_span(r->text, length);
	struct json_object *made;

	if (length > INT_MAX)
		return refuse(r, r->text, "text too long");
	if (valid < length)
		return refuse(r, r->text + valid, "not UTF-8");
	if (length >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0)
		return refuse(r, r->text, "byte order mark");
	skip_space(r);
	if (!read_value(r, &made))
		return false;
	skip_space(r);
	if (r->at < r->end) {
		json_object_put(made);
		return refuse(r, r->at, "text after the document");
	}
	*ret = made;
	return true;
}

/* Lines are counted here, on failure only. */
static void
tell(const struct reader *r, struct json_fault *fault)
{
	const char *line_start = r->text;

	*fault = (struct json_fault){
		.offset = (size_t)(r->at - r->text),
		.line = 1,
		.reason = r->reason,
	};
	for (const char *s = r->text; s < r->at; s++)
		if (*s == '\n') {
			fault->line++;
			line_start = s + 1;
		}
	fault->column = (size_t)(r->at - line_start) + 1;
}

static bool
read_all(const char *text, size_t length, const struct json_caps *caps,
    struct json_places *places, struct json_object **ret,
    struct json_fault *fault)
{
	struct reader r = {
		.text = text,
		.at = text,
		.end = text + length,
		.caps = caps,
		.places = places,
	};
	bool well;

	buf_init(&r.decoded, SIZE_MAX / 8);
	well = read_document(&r, ret);
	buf_release(&r.decoded);
	if (!well)
		tell(&r, fault);
	return well;
}

bool
json_read(const char *text, size_t length, const struct json_caps *caps,
    struct json_object **ret, struct json_fault *fault)
{
	return read_all(text, length, caps, NULL, ret, fault);
}

void
json_drop(void *tree)
{
	json_object_put(tree);
}

bool
json_read_placed(struct arena *arena, const char *text, size_t length,
    const struct json_caps *caps, struct json_object **ret,
    struct json_places **ret_places, struct json_fault *fault)
{
	struct json_places *places = json_places_new(arena, text, length);

	if (!read_all(text, length, caps, places, ret, fault))
		return false;
	*ret_places = places;
	return true;
}
