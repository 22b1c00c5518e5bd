/* SPDX-License-Identifier: MIT */
/*
 * A value of Postgres, in text form, -> JSON, by the column's type: numbers,
 * booleans and json as they stand, timestamps as RFC 3339, arrays as arrays,
 * all else as a string.  The session's DateStyle, TimeZone and client_encoding
 * are ours, so the forms are known.
 */
#include "store/internal.h"

#include <ctype.h>
#include <string.h>

static void
write_text(struct buf *b, const char *text, size_t length)
{
	buf_json(b, text, length);
}

static void
write_json(struct buf *b, const char *text, size_t length)
{
	buf_add(b, text, length);
}

/* JSON has no NaN and no Infinity. */
static void
write_number(struct buf *b, const char *text, size_t length)
{
	if (isdigit((unsigned char)text[text[0] == '-']))
		buf_add(b, text, length);
	else
		buf_string(b, "null");
}

static void
write_boolean(struct buf *b, const char *text, size_t length)
{
	(void)length;
	buf_string(b, text[0] == 't' ? "true" : "false");
}

/*
 * "2026-01-01 00:00:00.123+00" -> "2026-01-01T00:00:00.123Z".  Infinity, and
 * years before Christ or beyond 9999, have no form in RFC 3339: they stay.
 */
static void
put_timestamp(struct buf *b, const char *text, size_t length)
{
	size_t end = length;

	if (end >= 3 && memcmp(text + end - 3, "+00", 3) == 0)
		end -= 3;
	if (end < 19 || text[4] != '-' || text[10] != ' ' ||
	    !isdigit((unsigned char)text[end - 1])) {
		buf_add(b, text, length);
		return;
	}
	buf_add(b, text, 10);
	buf_char(b, 'T');
	buf_add(b, text + 11, end - 11);
	buf_char(b, 'Z');
}

static void
write_timestamp(struct buf *b, const char *text, size_t length)
{
	buf_char(b, '"');
	put_timestamp(b, text, length);
	buf_char(b, '"');
}

/* An array's text as array_out() writes it: {1,NULL,"a \\" b"}, {{1},{2}}. */
struct array {
	const char *at;
	struct buf word;	/* an element without its escapes */
	struct buf *out;
	value_writer *write;
};

/* An element: quoted with backslash escapes, the bare word NULL, or bare. */
static void
write_element(struct array *a)
{
	bool quoted = *a->at == '"';

	buf_clear(&a->word);
	for (a->at += quoted; *a->at != '\0'; a->at++) {
		if (quoted ? *a->at == '"' : *a->at == ',' || *a->at == '}')
			break;
		if (*a->at == '\\' && a->at[1] != '\0')
			a->at++;
		buf_char(&a->word, *a->at);
	}
	a->at += quoted && *a->at == '"';
	if (!quoted && strcmp(a->word.at, "NULL") == 0)
		buf_string(a->out, "null");
	else
		a->write(a->out, a->word.at, a->word.length);
	a->out->failed |= a->word.failed;
}

/* Postgres has six dimensions at most. */
static void
write_elements(struct array *a, unsigned depth)
{
	const char *before = "[";

	for (a->at++; *a->at != '}' && *a->at != '\0'; before = ",") {
		buf_string(a->out, before);
		if (*a->at == '{' && depth < 6)
			write_elements(a, depth + 1);
		else
			write_element(a);
		if (*a->at == ',')
			a->at++;
	}
	if (*a->at == '}')
		a->at++;
	buf_string(a->out, *before == '[' ? "[]" : "]");
}

/* Other lower bounds than 1 are written before: [0:1]={1,2}. */
static void
write_array(struct buf *b, value_writer *write, const char *text)
{
	struct array a = { .at = strchr(text, '{'), .out = b, .write = write };

	if (a.at == NULL) {
		b->failed = true;
		return;
	}
	buf_init(&a.word, STORE_REPLY_MAX);
	write_elements(&a, 1);
	buf_release(&a.word);
}

#define WRITE_ARRAY(name, element)                                             \
	static void name(struct buf *b, const char *text, size_t length)       \
	{                                                                      \
		(void)length;                                                  \
		write_array(b, element, text);                                 \
	}
WRITE_ARRAY(write_texts, write_text)
WRITE_ARRAY(write_jsons, write_json)
WRITE_ARRAY(write_numbers, write_number)
WRITE_ARRAY(write_booleans, write_boolean)
WRITE_ARRAY(write_timestamps, write_timestamp)
#undef WRITE_ARRAY

/* An array of a type of the database's own (an enum, citext): of texts. */
static void
write_own(struct buf *b, const char *text, size_t length)
{
	(text[0] == '{' || text[0] == '[' ? write_texts : write_text)(b, text,
	    length);
}

/* Types by OID (src/include/catalog/pg_type.dat); all others are text. */
static const struct {
	Oid oid;
	value_writer *write;
} kinds[] = {
	{ 16, write_boolean },		/* bool */
	{ 20, write_number },		/* int8 */
	{ 21, write_number },		/* int2 */
	{ 23, write_number },		/* int4 */
	{ STORE_JSON_OID, write_json },
	{ 199, write_jsons },		/* json[] */
	{ 700, write_number },		/* float4 */
	{ 701, write_number },		/* float8 */
	{ 1000, write_booleans },	/* bool[] */
	{ 1005, write_numbers },	/* int2[] */
	{ 1007, write_numbers },	/* int4[] */
	{ 1009, write_texts },		/* text[] */
	{ 1014, write_texts },		/* bpchar[] */
	{ 1015, write_texts },		/* varchar[] */
	{ 1016, write_numbers },	/* int8[] */
	{ 1021, write_numbers },	/* float4[] */
	{ 1022, write_numbers },	/* float8[] */
	{ 1114, write_timestamp },	/* timestamp */
	{ 1115, write_timestamps },	/* timestamp[] */
	{ 1182, write_texts },		/* date[] */
	{ 1184, write_timestamp },	/* timestamptz */
	{ 1185, write_timestamps },	/* timestamptz[] */
	{ 1231, write_numbers },	/* numeric[] */
	{ 1700, write_number },		/* numeric */
	{ 2951, write_texts },		/* uuid[] */
	{ STORE_JSONB_OID, write_json },
	{ 3807, write_jsons },		/* jsonb[] */
};

/* A number that the contract calls a string (an id beyond 2^53) is told so. */
value_writer *
store_writer(Oid oid, unsigned types)
{
	bool text = (types & TYPE_STRING) != 0 &&
	    (types & (TYPE_INTEGER | TYPE_NUMBER)) == 0;
	size_t i;

	for (i = 0; i < countof(kinds); i++)
		if (kinds[i].oid == oid)
			return kinds[i].write == write_number && text ?
			    write_text : kinds[i].write;
	return (types & TYPE_ARRAY) != 0 && (types & TYPE_STRING) == 0 ?
	    write_own : write_text;
}

const char *
store_wire_text(struct arena *arena, Oid oid, const char *text)
{
	value_writer *write = store_writer(oid, 0);
	struct buf b;

	if (write != write_timestamp && write != write_boolean)
		return text;
	buf_init(&b, 64);
	(write == write_timestamp ? put_timestamp : write)(&b, text,
	    strlen(text));
	text = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return text;
}
