/* SPDX-License-Identifier: MIT */
/*
 * URIs of RFC 3986 and IRIs of RFC 3987, whole and as references, and URI
 * templates of RFC 6570.  One scanner does all four kinds: an IRI is a URI in
 * which some parts may hold characters beyond ASCII.  Only the generic syntax
 * is asked for: a registered name is no hostname, a port any digits or none.
 */
#include "contract/format_scan.h"

#include <string.h>

/* A text, and what it may hold beyond ASCII. */
struct reference {
	struct scan s;
	bool iri;
};

/* ucschar of RFC 3987, section 2.2, or with `private` also iprivate. */
static bool
is_ucs_character(uint32_t c, bool private)
{
	if ((c & 0xffff) >= 0xfffe)
		return false;
	if ((c >= 0xe000 && c < 0xf900) || c >= 0xf0000)
		return private;
	if (c < 0x10000)
		return c >= 0xa0 && (c < 0xfdd0 || c >= 0xfdf0) && c < 0xfff0;
	return c < 0xe0000 || c >= 0xe1000;
}

/*
 * The marks that turn the direction of text make a reference look like another
 * one: RFC 3987, section 4.1, refuses them.
 */
static bool
turns_text(uint32_t c)
{
	return c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e);
}

/*
 * Takes characters of a part: of the classes, escapes, and beyond ASCII; those
 * for private use are of a query alone.
 */
static bool
take_part(struct reference *r, unsigned classes, bool private)
{
	struct scan *s = &r->s;
	uint32_t c;

	for (;;) {
		take_span(s, classes);
		if (s->at == s->end)
			return true;
		if (*s->at == '%') {
			if (!take_escape(s))
				return false;
		} else if (!r->iri || !is_wide(*s->at)) {
			return true;
		} else if (!take_character(s, &c) ||
		    !is_ucs_character(c, private) ||
		    (classes != LITERAL && turns_text(c))) {
			return false;
		}
	}
}

/* IP-literal of RFC 3986, section 3.2.2, between the brackets; no zone. */
static bool
is_ip_literal(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	if (!take(&s, 'v') && !take(&s, 'V'))
		return format_is_ipv6(at, length);
	return take_span(&s, HEX) > 0 && take(&s, '.') &&
	    take_span(&s, USERINFO) > 0 && s.at == s.end;
}

/* authority of RFC 3986, section 3.2: [userinfo@]host[:port]. */
static bool
take_authority(struct reference *r)
{
	struct scan *s = &r->s;
	const char *from = s->at, *close;

	if (!take_part(r, USERINFO, false))
		return false;
	if (!take(s, '@'))
		s->at = from;
	if (take(s, '[')) {
		close = memchr(s->at, ']', scan_left(s));
		if (close == NULL ||
		    !is_ip_literal(s->at, (size_t)(close - s->at)))
			return false;
		s->at = close + 1;
	} else if (!take_part(r, REGNAME, false)) {
		return false;
	}
	if (take(s, ':'))
		take_span(s, DIGIT);
	return s->at == s->end || *s->at == '/' || *s->at == '?' ||
	    *s->at == '#';
}

static bool
take_scheme(struct scan *s)
{
	const char *from = s->at;

	if (s->at < s->end && is(*s->at, ALPHA)) {
		take_span(s, SCHEME);
		if (take(s, ':'))
			return true;
	}
	s->at = from;
	return false;
}

/*
 * Everything behind the scheme.  Without a scheme (section 4.2) the first
 * segment of a path holds no colon, so that it does not look like one; REGNAME
 * and "@" is what is left of a segment then.
 */
static bool
take_rest(struct reference *r, bool scheme)
{
	struct scan *s = &r->s;

	if (scan_left(s) >= 2 && s->at[0] == '/' && s->at[1] == '/') {
		s->at += 2;
		if (!take_authority(r))
			return false;
	} else if (!scheme) {
		do {
			if (!take_part(r, REGNAME, false))
				return false;
		} while (take(s, '@'));
		if (s->at < s->end && *s->at == ':')
			return false;
	}
	if (!take_part(r, PATH, false))
		return false;
	if (take(s, '?') && !take_part(r, QUERY, true))
		return false;
	if (take(s, '#') && !take_part(r, QUERY, false))
		return false;
	return s->at == s->end;
}

bool
format_is_uri(const char *at, size_t length)
{
	struct reference r = { { at, at + length }, false };

	return take_scheme(&r.s) && take_rest(&r, true);
}

bool
format_is_uri_reference(const char *at, size_t length)
{
	struct reference r = { { at, at + length }, false };

	return take_rest(&r, take_scheme(&r.s));
}

bool
format_is_iri(const char *at, size_t length)
{
	struct reference r = { { at, at + length }, true };

	return take_scheme(&r.s) && take_rest(&r, true);
}

bool
format_is_iri_reference(const char *at, size_t length)
{
	struct reference r = { { at, at + length }, true };

	return take_rest(&r, take_scheme(&r.s));
}

/* varspec of RFC 6570, section 2.3: a name, cut to a length or exploded. */
static bool
take_variable(struct scan *s)
{
	const char *from;

	do {
		from = s->at;
		do {
			take_span(s, NAME);
		} while (take_escape(s));
		if (s->at == from)
			return false;
	} while (take(s, '.'));
	if (take(s, '*') || !take(s, ':'))
		return true;
	from = s->at;
	return take_span(s, DIGIT) > 0 && *from != '0' && s->at - from <= 4;
}

/*
 * expression of RFC 6570, section 2.2, behind its brace.  The operators that
 * are reserved for later are of the grammar, and so they are taken.
 */
static bool
take_expression(struct scan *s)
{
	if (s->at < s->end && *s->at != '\0' &&
	    strchr("+#./;?&=,!@|", *s->at) != NULL)
		s->at++;
	do {
		if (!take_variable(s))
			return false;
	} while (take(s, ','));
	return take(s, '}');
}

bool
format_is_uri_template(const char *at, size_t length)
{
	struct reference r = { { at, at + length }, true };

	do {
		if (!take_part(&r, LITERAL, true))
			return false;
		if (r.s.at == r.s.end)
			return true;
	} while (take(&r.s, '{') && take_expression(&r.s));
	return false;
}
