/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_FORMAT_SCAN_H
#define CONTRACT_FORMAT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the scanners of formats share.  Private to format*.c.  Each takes any
 * bytes, NUL too, reads no further than the length, allocates nothing, and
 * costs time in proportion to the length.
 */

/* Classes of bytes, as bits; a byte from 0x80 up has none. */
enum {
	DIGIT = 1,
	ALPHA = 2,
	HEX = 4,
	HYPHEN = 8,
	ATEXT = 1 << 4,	/* RFC 5321: an atom of a local part */
	QTEXT = 1 << 5,	/* RFC 5321: inside a quoted local part */
	DTEXT = 1 << 6,	/* RFC 5321: inside a general address literal */
	REGNAME = 1 << 7,	/* RFC 3986: unreserved and sub-delims */
	USERINFO = 1 << 8,	/* REGNAME and ":" */
	PATH = 1 << 9,	/* pchar and "/" */
	QUERY = 1 << 10,	/* PATH and "?"; of a fragment too */
	SCHEME = 1 << 11,
	LITERAL = 1 << 12,	/* RFC 6570: outside an expression */
	NAME = 1 << 13,	/* RFC 6570: of a variable, without its dots */
	LDH = DIGIT | ALPHA | HYPHEN,
};

extern const uint16_t format_class[256];

/* Is the byte of one of the classes? */
static inline bool
is(char c, unsigned classes)
{
	return (format_class[(unsigned char)c] & classes) != 0;
}

/* Is it a byte of a character beyond ASCII? */
static inline bool
is_wide(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

/* What is left of a text. */
struct scan {
	const char *at, *end;
};

static inline size_t
scan_left(const struct scan *s)
{
	return (size_t)(s->end - s->at);
}

/* Takes the byte c when it is the next. */
static inline bool
take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Takes bytes of the classes; returns how many. */
static inline size_t
take_span(struct scan *s, unsigned classes)
{
	const char *from = s->at;

	while (s->at < s->end && is(*s->at, classes))
		s->at++;
	return (size_t)(s->at - from);
}

/* Takes "%" and two hexadecimal digits. */
static inline bool
take_escape(struct scan *s)
{
	if (scan_left(s) < 3 || s->at[0] != '%' || !is(s->at[1], HEX) ||
	    !is(s->at[2], HEX))
		return false;
	s->at += 3;
	return true;
}

/* Takes a character of UTF-8 (RFC 3629); false = there is none. */
bool take_character(struct scan *s, uint32_t *ret);

/* Dotted decimal: four octets without leading zeros. */
bool take_ipv4(struct scan *s);

/* The formats, each named after its own. */
bool format_is_date(const char *at, size_t length);
bool format_is_time(const char *at, size_t length);
bool format_is_date_time(const char *at, size_t length);
bool format_is_duration(const char *at, size_t length);
bool format_is_email(const char *at, size_t length);
bool format_is_idn_email(const char *at, size_t length);
bool format_is_hostname(const char *at, size_t length);
bool format_is_idn_hostname(const char *at, size_t length);
bool format_is_ipv4(const char *at, size_t length);
bool format_is_ipv6(const char *at, size_t length);
bool format_is_uri(const char *at, size_t length);
bool format_is_uri_reference(const char *at, size_t length);
bool format_is_iri(const char *at, size_t length);
bool format_is_iri_reference(const char *at, size_t length);
bool format_is_uri_template(const char *at, size_t length);

#endif
