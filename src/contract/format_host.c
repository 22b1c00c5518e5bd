/* SPDX-License-Identifier: MIT */
/*
 * Names and addresses of hosts, and of mailboxes on them.  A hostname is read
 * in one pass over ASCII; only where a label may be an A-label ("xn--") is the
 * name judged again as an internationalized one.
 */
#include "contract/format_idna.h"
#include "contract/format_scan.h"

#include <string.h>
#include <strings.h>

bool
take_ipv4(struct scan *s)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned octet = 0;
		const char *from;
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

bool
format_is_ipv4(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	return take_ipv4(&s) && s.at == s.end;
}

/*
 * The text forms of RFC 4291, section 2.2; no zone, no prefix.  "::" stands
 * for one group at least, and may be written where it stands for just one.
 */
bool
format_is_ipv6(const char *at, size_t length)
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
 * 253 bytes in all, no dot at the end.  "--" as third and fourth is left to
 * A-labels, which must be ones of RFC 5891, section 4.4.
 */
bool
format_is_hostname(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	if (length > IDNA_NAME_MAX)
		return false;
	do {
		const char *label = s.at;
		size_t size = take_span(&s, LDH);

		if (size < 1 || size > IDNA_LABEL_MAX || *label == '-' ||
		    s.at[-1] == '-')
			return false;
		if (size > 3 && label[2] == '-' && label[3] == '-')
			return idna_holds(at, length, IDNA_ASCII);
	} while (take(&s, '.'));
	return s.at == s.end;
}

bool
format_is_idn_hostname(const char *at, size_t length)
{
	return idna_holds(at, length, IDNA_STRICT);
}

/* Takes bytes of the classes and, with `wide`, characters beyond ASCII. */
static bool
take_text(struct scan *s, unsigned classes, bool wide)
{
	const char *from = s->at;
	uint32_t c;

	for (;;) {
		take_span(s, classes);
		if (!wide || s->at == s->end || !is_wide(*s->at) ||
		    !take_character(s, &c))
			return s->at > from;
	}
}

/* RFC 5321, section 4.1.2: dot-string or quoted-string, 64 bytes at most. */
static bool
take_local_part(struct scan *s, bool wide)
{
	const char *from = s->at;

	if (take(s, '"')) {
		while (!take(s, '"')) {
			if (take(s, '\\')) {
				if (s->at == s->end || *s->at < 0x20 ||
				    *s->at > 0x7e)
					return false;
				s->at++;
			} else if (!take_text(s, QTEXT, wide)) {
				return false;
			}
		}
	} else {
		do {
			if (!take_text(s, ATEXT, wide))
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
		return format_is_ipv6(at + 5, length - 5);
	if (format_is_ipv4(at, length))
		return true;
	/* A general literal: a registered tag, a colon, printable text. */
	if (take_span(&s, LDH) == 0 || s.at[-1] == '-' || !take(&s, ':'))
		return false;
	return take_span(&s, DTEXT) > 0 && s.at == s.end;
}

static bool
is_mailbox(const char *at, size_t length, bool wide)
{
	struct scan s = { at, at + length };

	/* RFC 5321, 4.5.3.1.3: a path of 256 with its angle brackets. */
	if (length > 254 || !take_local_part(&s, wide) || !take(&s, '@'))
		return false;
	length = scan_left(&s);
	if (length >= 2 && *s.at == '[' && s.end[-1] == ']')
		return is_address_literal(s.at + 1, length - 2);
	return wide ? idna_holds(s.at, length, IDNA_MAIL) :
		      format_is_hostname(s.at, length);
}

bool
format_is_email(const char *at, size_t length)
{
	return is_mailbox(at, length, false);
}

/* RFC 6531, section 3.3: the same, with characters beyond ASCII. */
bool
format_is_idn_email(const char *at, size_t length)
{
	return is_mailbox(at, length, true);
}
