/* SPDX-License-Identifier: MIT */
/*
 * Formats as hand-written scanners over bytes: each reads its grammar from the
 * left, in one pass, without allocation or a regular expression.  A text may
 * hold any byte, NUL too, and ends where its length says.  Only ASCII digits
 * and letters count.  The table lists all that JSON Schema 2020-12 has; here
 * are the short ones, and what all share.
 */
#include "contract/format.h"

#include <string.h>

#include "contract/format_scan.h"
#include "contract/pattern.h"

/* What a byte is; from 0x80 up it is nothing. */
#define QUOTED  (QTEXT | DTEXT)
#define ALNUM                                                                  \
	(ATEXT | QUOTED | REGNAME | USERINFO | PATH | QUERY | SCHEME |         \
	    LITERAL | NAME)
#define SEGMENT (QUOTED | PATH | QUERY | LITERAL)	/* "/", ":" and "@" */
#define SUBDELIM (QUOTED | REGNAME | USERINFO | PATH | QUERY | LITERAL)
const uint16_t format_class[256] = {
	['0' ... '9'] = DIGIT | HEX | ALNUM,
	['A' ... 'F'] = ALPHA | HEX | ALNUM,
	['G' ... 'Z'] = ALPHA | ALNUM,
	['a' ... 'f'] = ALPHA | HEX | ALNUM,
	['g' ... 'z'] = ALPHA | ALNUM,
	[' '] = QTEXT, ['"'] = DTEXT,
	['['] = QTEXT | LITERAL, [']'] = QTEXT | LITERAL,
	['<'] = QUOTED, ['>'] = QUOTED,
	[':'] = SEGMENT | USERINFO, ['@'] = SEGMENT, ['/'] = SEGMENT | ATEXT,
	['?'] = QUOTED | ATEXT | QUERY | LITERAL,
	['-'] = SUBDELIM | ATEXT | SCHEME | HYPHEN,
	['.'] = SUBDELIM | SCHEME, ['+'] = SUBDELIM | ATEXT | SCHEME,
	['_'] = SUBDELIM | ATEXT | NAME, ['~'] = SUBDELIM | ATEXT,
	['!'] = SUBDELIM | ATEXT, ['$'] = SUBDELIM | ATEXT,
	['&'] = SUBDELIM | ATEXT, ['\''] = SUBDELIM | ATEXT,
	['*'] = SUBDELIM | ATEXT, ['='] = SUBDELIM | ATEXT,
	['('] = SUBDELIM, [')'] = SUBDELIM, [','] = SUBDELIM, [';'] = SUBDELIM,
	['#'] = QUOTED | ATEXT | LITERAL, ['%'] = QUOTED | ATEXT,
	['^'] = QUOTED | ATEXT, ['`'] = QUOTED | ATEXT,
	['{'] = QUOTED | ATEXT, ['|'] = QUOTED | ATEXT,
	['}'] = QUOTED | ATEXT,
};

bool
take_character(struct scan *s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)s->at;
	size_t count;
	uint32_t c;

	/* No character begins with what continues one, or is beyond all. */
	if (s->at == s->end || (*at >= 0x80 && *at < 0xc2) || *at > 0xf4)
		return false;
	count = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
	if (scan_left(s) < count)
		return false;
	c = count > 1 ? *at & (0x7fu >> count) : *at;
	for (size_t i = 1; i < count; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (at[i] & 0x3f);
	}
	if (c < least[count] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return false;
	s->at += count;
	*ret = c;
	return true;
}

/* RFC 4122, section 3, any version and variant; no prefix, no braces. */
static bool
is_uuid(const char *at, size_t length)
{
	unsigned all = HEX;

	if (length != 36 || at[8] != '-' || at[13] != '-' || at[18] != '-' ||
	    at[23] != '-')
		return false;
	for (size_t i = 0; i < 8; i++)
		all &= format_class[(unsigned char)at[i]];
	for (size_t i = 0; i < 4; i++)
		all &= format_class[(unsigned char)at[i + 9]] &
		    format_class[(unsigned char)at[i + 14]] &
		    format_class[(unsigned char)at[i + 19]];
	for (size_t i = 24; i < 36; i++)
		all &= format_class[(unsigned char)at[i]];
	return all != 0;
}

/* RFC 6901, section 3, as a string; a fragment ("#/a") is none. */
static bool
is_json_pointer(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	if (length > 0 && *at != '/')
		return false;
	while ((s.at = memchr(s.at, '~', scan_left(&s))) != NULL) {
		s.at++;
		if (!take(&s, '0') && !take(&s, '1'))
			return false;
	}
	return true;
}

/* A number of draft-bhutton-relative-json-pointer-00: no leading zero. */
static bool
take_steps(struct scan *s)
{
	const char *from = s->at;
	size_t digits = take_span(s, DIGIT);

	return digits == 1 || (digits > 1 && *from != '0');
}

/* The draft's section 3: up, then sideways ("+1"), then down or "#". */
static bool
is_relative_json_pointer(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	if (!take_steps(&s))
		return false;
	if ((take(&s, '+') || take(&s, '-')) && !take_steps(&s))
		return false;
	if (take(&s, '#'))
		return s.at == s.end;
	return is_json_pointer(s.at, scan_left(&s));
}

static const struct format formats[] = {
	{ "date-time", format_is_date_time, 2 },
	{ "date", format_is_date, 2 },
	{ "time", format_is_time, 2 },
	{ "duration", format_is_duration, 2 },
	{ "email", format_is_email, 4 },
	{ "idn-email", format_is_idn_email, 10 },
	{ "hostname", format_is_hostname, 10 },
	{ "idn-hostname", format_is_idn_hostname, 10 },
	{ "ipv4", format_is_ipv4, 2 },
	{ "ipv6", format_is_ipv6, 2 },
	{ "uri", format_is_uri, 2 },
	{ "uri-reference", format_is_uri_reference, 2 },
	{ "iri", format_is_iri, 2 },
	{ "iri-reference", format_is_iri_reference, 2 },
	{ "uri-template", format_is_uri_template, 2 },
	{ "uuid", is_uuid, 2 },
	{ "json-pointer", is_json_pointer, 2 },
	{ "relative-json-pointer", is_relative_json_pointer, 2 },
	{ "regex", pattern_is_ecma, 64 },
	{ NULL, NULL, 0 },
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
