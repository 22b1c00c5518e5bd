/* SPDX-License-Identifier: MIT */
/*
 * Formats as hand-written scanners over bytes: each reads its grammar from the
 * left, in one pass, without allocation or a regular expression.  A text may
 * hold any byte, NUL too, and ends where its length says.  Only ASCII digits
 * and letters count.
 */
#include "contract/format.h"

#include <string.h>
#include <strings.h>

enum { DAY = 24 * 60 };	/* minutes */

/* Classes of bytes, as bits. */
enum {
	DIGIT = 1,
	ALPHA = 2,
	HEX = 4,
	ATEXT = 8,	/* RFC 5321: an atom of a local part */
	UNRESERVED = 16,	/* RFC 3986, without letters and digits */
	SUBDELIM = 32,
	QTEXT = 64,	/* RFC 5321: inside a quoted local part */
	DTEXT = 128,	/* RFC 5321: inside a general address literal */
};

/* What a byte is; from 0x80 up it is nothing. */
#define ANY (QTEXT | DTEXT)
static const unsigned char class_of[256] = {
	['0' ... '9'] = DIGIT | HEX | ATEXT | ANY,
	['A' ... 'F'] = ALPHA | HEX | ATEXT | ANY,
	['G' ... 'Z'] = ALPHA | ATEXT | ANY,
	['a' ... 'f'] = ALPHA | HEX | ATEXT | ANY,
	['g' ... 'z'] = ALPHA | ATEXT | ANY,
	[' '] = QTEXT, ['['] = QTEXT, [']'] = QTEXT, ['"'] = DTEXT,
	[':'] = ANY, ['<'] = ANY, ['>'] = ANY, ['@'] = ANY,
	['.'] = UNRESERVED | ANY,
	['-'] = UNRESERVED | ATEXT | ANY, ['_'] = UNRESERVED | ATEXT | ANY,
	['~'] = UNRESERVED | ATEXT | ANY,
	['('] = SUBDELIM | ANY, [')'] = SUBDELIM | ANY,
	[','] = SUBDELIM | ANY, [';'] = SUBDELIM | ANY,
	['!'] = SUBDELIM | ATEXT | ANY, ['$'] = SUBDELIM | ATEXT | ANY,
	['&'] = SUBDELIM | ATEXT | ANY, ['\''] = SUBDELIM | ATEXT | ANY,
	['*'] = SUBDELIM | ATEXT | ANY, ['+'] = SUBDELIM | ATEXT | ANY,
	['='] = SUBDELIM | ATEXT | ANY,
	['#'] = ATEXT | ANY, ['%'] = ATEXT | ANY, ['/'] = ATEXT | ANY,
	['?'] = ATEXT | ANY, ['^'] = ATEXT | ANY, ['`'] = ATEXT | ANY,
	['{'] = ATEXT | ANY, ['|'] = ATEXT | ANY, ['}'] = ATEXT | ANY,
};

static inline bool
is(unsigned char c, unsigned classes)
{
	return (class_of[c] & classes) != 0;
}

/* What is left of a text. */
struct scan {
	const char *at, *end;
};

/* Takes the byte c when it is the next. */
static bool
take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Takes exactly `count` digits as a number. */
static bool
take_number(struct scan *s, unsigned count, unsigned *ret)
{
	unsigned n = 0;

	if (s->end - s->at < (long)count)
		return false;
	for (; count > 0; count--, s->at++) {
		if (!is((unsigned char)*s->at, DIGIT))
			return false;
		n = n * 10 + (unsigned)(*s->at - '0');
	}
	*ret = n;
	return true;
}

/* Takes bytes of the classes; returns how many. */
static size_t
take_span(struct scan *s, unsigned classes)
{
	const char *from = s->at;

	while (s->at < s->end && is((unsigned char)*s->at, classes))
		s->at++;
	return (size_t)(s->at - from);
}

/* full-date of RFC 3339, section 5.6, with the days of 5.7. */
static bool
take_date(struct scan *s)
{
	static const unsigned char days[] = { 31, 29, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };
	unsigned year, month, day;

	if (!take_number(s, 4, &year) || !take(s, '-') ||
	    !take_number(s, 2, &month) || !take(s, '-') ||
	    !take_number(s, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	return month != 2 || day != 29 ||
	    (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* time-offset of RFC 3339, in minutes east of UTC. */
static bool
take_offset(struct scan *s, int *ret)
{
	unsigned hours, minutes;
	bool west;

	*ret = 0;
	if (take(s, 'Z') || take(s, 'z'))
		return true;
	west = s->at < s->end && *s->at == '-';
	if (!take(s, '-') && !take(s, '+'))
		return false;
	if (!take_number(s, 2, &hours) || !take(s, ':') ||
	    !take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret = (int)(hours * 60 + minutes) * (west ? -1 : 1);
	return true;
}

/*
 * full-time of RFC 3339; a leap second is 23:59:60 in UTC.  *ret is the minute
 * in UTC, which may be of the day before or after.
 */
static bool
take_time(struct scan *s, int *ret)
{
	unsigned hour, minute, second;
	int offset;

	if (!take_number(s, 2, &hour) || !take(s, ':') ||
	    !take_number(s, 2, &minute) || !take(s, ':') ||
	    !take_number(s, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	if (take(s, '.') && take_span(s, DIGIT) == 0)
		return false;
	if (!take_offset(s, &offset))
		return false;
	*ret = (int)(hour * 60 + minute) - offset;
	return second < 60 || (*ret + DAY) % DAY == DAY - 1;
}

static bool
is_date(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	return take_date(&s) && s.at == s.end;
}

static bool
is_time(const char *at, size_t length)
{
	struct scan s = { at, at + length };
	int minute;

	return take_time(&s, &minute) && s.at == s.end;
}

/*
 * The year has four digits in UTC, too, where we answer and Postgres counts,
 * which rounds to microseconds and makes a leap second the next minute.
 */
static bool
is_tellable(const char *at, size_t length, int minute)
{
	bool rounds_up = length > 26 && is((unsigned char)at[26], DIGIT) &&
	    memcmp(at + 17, "59.999999", 9) == 0;

	if (memcmp(at, "9999-12-31", 10) == 0)
		return minute < DAY - 1 ||
		    (minute == DAY - 1 && at[17] != '6' && !rounds_up);
	if (memcmp(at, "0001-01-01", 10) == 0)
		return minute >= 0;
	return memcmp(at, "0000", 4) != 0;
}

static bool
is_date_time(const char *at, size_t length)
{
	struct scan s = { at, at + length };
	int minute;

	return take_date(&s) && (take(&s, 'T') || take(&s, 't')) &&
	    take_time(&s, &minute) && s.at == s.end &&
	    is_tellable(at, length, minute);
}

static bool
is_uuid(const char *at, size_t length)
{
	if (length != 36)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? at[i] != '-' : !is((unsigned char)at[i], HEX))
			return false;
	}
	return true;
}

/* Dotted decimal: four octets without leading zeros. */
static bool
take_ipv4(struct scan *s)
{
	for (unsigned i = 0; i < 4; i++) {
		const char *from = s->at;
		unsigned octet = 0;
		size_t digits;

		if (i > 0 && !take(s, '.'))
			return false;
		from = s->at;
		digits = take_span(s, DIGIT);
		if (digits < 1 || digits > 3 || (digits > 1 && *from == '0'))
			return false;
		for (; from < s->at; from++)
			octet = octet * 10 + (unsigned)(*from - '0');
		if (octet > 255)
			return false;
	}
	return true;
}

static bool
is_ipv4(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	return take_ipv4(&s) && s.at == s.end;
}

/* The text forms of RFC 4291, section 2.2; no zone, no prefix. */
static bool
is_ipv6(const char *at, size_t length)
{
	struct scan s = { at, at + length };
	unsigned groups = 0;
	bool gap = false;

	if (length >= 2 && at[0] == ':' && at[1] == ':') {
		gap = true;
		s.at += 2;
	}
	while (s.at < s.end) {
		struct scan group = s;
		size_t digits = take_span(&s, HEX);

		if (s.at < s.end && *s.at == '.')
			return take_ipv4(&group) && group.at == group.end &&
			    (gap ? groups <= 5 : groups == 6);
		if (digits < 1 || digits > 4 || ++groups > 8)
			return false;
		if (s.at == s.end)
			break;
		if (!take(&s, ':') || s.at == s.end)
			return false;
		if (take(&s, ':')) {
			if (gap)
				return false;
			gap = true;
		}
	}
	return gap ? groups <= 7 : groups == 8;
}

/*
 * RFC 1123, section 2.1: labels of 1 to 63 letters, digits and inner hyphens,
 * 253 bytes in all.  "--" as third and fourth is left to A-labels (RFC 5891),
 * which are not decoded.
 */
static bool
is_hostname(const char *at, size_t length)
{
	size_t label = 0;

	if (length < 1 || length > 253)
		return false;
	for (size_t i = 0; i <= length; i++) {
		if (i == length || at[i] == '.') {
			if (label < 1 || label > 63 || at[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (at[i] == '-' ? label == 0 :
				   !is((unsigned char)at[i], DIGIT | ALPHA))
			return false;
		label++;
		if (label == 4 && at[i] == '-' && at[i - 1] == '-' &&
		    ((at[i - 3] | 0x20) != 'x' || (at[i - 2] | 0x20) != 'n'))
			return false;
	}
	return true;
}

/* RFC 5321, section 4.1.2: dot-string or quoted-string, 64 bytes at most. */
static bool
take_local_part(struct scan *s)
{
	const char *from = s->at;

	if (take(s, '"')) {
		while (!take(s, '"')) {
			if (take(s, '\\') ? s->at == s->end ||
				*s->at < 0x20 || *s->at > 0x7e :
				s->at == s->end ||
				!is((unsigned char)*s->at, QTEXT))
				return false;
			s->at++;
		}
	} else {
		do {
			if (take_span(s, ATEXT) == 0)
				return false;
		} while (take(s, '.'));
	}
	return s->at - from <= 64;
}

/* RFC 5321, section 4.1.3, between the brackets. */
static bool
is_address_literal(const char *at, size_t length)
{
	static const char ipv6[] = "IPv6:";
	struct scan s = { at, at + length };

	if (length >= 5 && strncasecmp(at, ipv6, 5) == 0)
		return is_ipv6(at + 5, length - 5);
	if (is_ipv4(at, length))
		return true;
	/* A general literal: a registered tag, a colon, printable text. */
	while (s.at < s.end && (is((unsigned char)*s.at, ALPHA | DIGIT) ||
		*s.at == '-'))
		s.at++;
	if (s.at == at || s.at[-1] == '-' || !take(&s, ':'))
		return false;
	return take_span(&s, DTEXT) > 0 && s.at == s.end;
}

static bool
is_email(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	/* RFC 5321, 4.5.3.1.3: a path of 256 with its angle brackets. */
	if (length > 254 || !take_local_part(&s) || !take(&s, '@'))
		return false;
	length = (size_t)(s.end - s.at);
	if (length >= 2 && *s.at == '[' && s.end[-1] == ']')
		return is_address_literal(s.at + 1, length - 2);
	return is_hostname(s.at, length);
}

/* Takes characters of a URI's part: classes, escapes, bytes of `more`. */
static bool
take_part(struct scan *s, const char *more)
{
	for (; s->at < s->end; s->at++) {
		unsigned char c = (unsigned char)*s->at;

		if (is(c, ALPHA | DIGIT | UNRESERVED | SUBDELIM) ||
		    (c != '\0' && strchr(more, c) != NULL))
			continue;
		if (c != '%')
			break;
		if (s->end - s->at < 3 || !is((unsigned char)s->at[1], HEX) ||
		    !is((unsigned char)s->at[2], HEX))
			return false;
		s->at += 2;
	}
	return true;
}

/* IP-literal of RFC 3986, section 3.2.2, between the brackets. */
static bool
is_ip_literal(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	if (!take(&s, 'v') && !take(&s, 'V'))
		return is_ipv6(at, length);
	if (take_span(&s, HEX) == 0 || !take(&s, '.') || s.at == s.end)
		return false;
	return memchr(s.at, '%', (size_t)(s.end - s.at)) == NULL &&
	    take_part(&s, ":") && s.at == s.end;
}

/* authority of RFC 3986, section 3.2: [userinfo@]host[:port]. */
static bool
is_authority(const char *at, size_t length)
{
	struct scan s = { at, at + length };
	const char *sign = memchr(at, '@', length), *close;

	if (sign != NULL) {
		if (!take_part(&s, ":") || s.at != sign)
			return false;
		s.at++;
	}
	if (take(&s, '[')) {
		close = memchr(s.at, ']', (size_t)(s.end - s.at));
		if (close == NULL ||
		    !is_ip_literal(s.at, (size_t)(close - s.at)))
			return false;
		s.at = close + 1;
	} else if (!take_part(&s, "")) {
		return false;
	}
	if (take(&s, ':'))
		take_span(&s, DIGIT);
	return s.at == s.end;
}

/* URI of RFC 3986, section 3: with a scheme. */
static bool
is_uri(const char *at, size_t length)
{
	struct scan s = { at, at + length };
	const char *from;

	if (length == 0 || !is((unsigned char)*at, ALPHA))
		return false;
	while (s.at < s.end && (is((unsigned char)*s.at, ALPHA | DIGIT) ||
		*s.at == '+' || *s.at == '-' || *s.at == '.'))
		s.at++;
	if (!take(&s, ':'))
		return false;
	if (s.end - s.at >= 2 && s.at[0] == '/' && s.at[1] == '/') {
		from = s.at += 2;
		while (s.at < s.end && *s.at != '/' && *s.at != '?' &&
		    *s.at != '#')
			s.at++;
		if (!is_authority(from, (size_t)(s.at - from)))
			return false;
	}
	if (!take_part(&s, ":@/"))
		return false;
	if (take(&s, '?') && !take_part(&s, ":@/?"))
		return false;
	if (take(&s, '#') && !take_part(&s, ":@/?"))
		return false;
	return s.at == s.end;
}

static const struct format formats[] = {
	{ "date-time", is_date_time },
	{ "date", is_date },
	{ "time", is_time },
	{ "email", is_email },
	{ "uuid", is_uuid },
	{ "uri", is_uri },
	{ "hostname", is_hostname },
	{ "ipv4", is_ipv4 },
	{ "ipv6", is_ipv6 },
	{ NULL, NULL },
};

const struct format *
formats_all(void)
{
	return formats;
}

const struct format *
format_find(const char *name)
{
	for (const struct format *f = formats; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}
