/* SPDX-License-Identifier: MIT */
/*
 * Host names with U-labels and A-labels, as IDNA2008 lets them be registered
 * (RFC 5891, section 4): nothing is mapped, so capitals beyond ASCII are
 * refused.  An A-label must decode to a U-label and encode to itself again.
 * The bidi rule (RFC 5893) holds for every label once one of them is written
 * from right to left; so it is judged at the end.  A label has 63 code points
 * at most, so what looks at all of them for each is bounded.
 */
#include "contract/format_idna.h"

#include <string.h>

#include "contract/format_scan.h"

/* What is known of a name so far. */
struct name {
	enum idna_mode mode;
	size_t octets;	/* as A-labels, each with a dot */
	bool bidi;	/* a label is written from right to left */
	bool ordered;	/* every label keeps the bidi rule */
};

static enum idna_bidi
bidi_of(uint32_t c)
{
	return (enum idna_bidi)(idna_traits(c) >> IDNA_BIDI_SHIFT &
	    IDNA_BIDI_MASK);
}

/* The bidi rule, RFC 5893, section 2. */
static void
judge_bidi(struct name *name, const struct idna_label *label)
{
	enum idna_bidi first = bidi_of(label->at[0]), last = first;
	unsigned seen = 0;
	bool holds;

	for (size_t i = 0; i < label->count; i++) {
		enum idna_bidi class = bidi_of(label->at[i]);

		seen |= 1u << class;
		if (class != BIDI_NSM)
			last = class;
	}
	if (first == BIDI_R)
		holds = (seen & 1u << BIDI_L) == 0 &&
		    (~seen & (1u << BIDI_EN | 1u << BIDI_AN)) != 0 &&
		    (last == BIDI_R || last == BIDI_EN || last == BIDI_AN);
	else
		holds = first == BIDI_L &&
		    (seen & (1u << BIDI_R | 1u << BIDI_AN)) == 0 &&
		    (last == BIDI_L || last == BIDI_EN);
	name->ordered = name->ordered && holds;
	if ((seen & (1u << BIDI_R | 1u << BIDI_AN)) != 0)
		name->bidi = true;
}

/* Does the label hold a code point of the range? */
static bool
has_range(const struct idna_label *label, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < label->count; i++)
		if (label->at[i] >= first && label->at[i] <= last)
			return true;
	return false;
}

static bool
has_script(const struct idna_label *label, unsigned script)
{
	for (size_t i = 0; i < label->count; i++)
		if ((idna_traits(label->at[i]) & IDNA_SCRIPT) == script)
			return true;
	return false;
}

/* RFC 5892, appendix A.1: a joiner between letters that join across it. */
static bool
joins(const struct idna_label *label, size_t i)
{
	size_t before = i, after = i;
	unsigned how;

	do {
		if (before == 0)
			return false;
		how = idna_traits(label->at[--before]) & IDNA_JOINING;
	} while (how == IDNA_JOINS_THROUGH);
	if (how != IDNA_JOINS_LEFT && how != IDNA_JOINS_BOTH)
		return false;
	do {
		if (++after == label->count)
			return false;
		how = idna_traits(label->at[after]) & IDNA_JOINING;
	} while (how == IDNA_JOINS_THROUGH);
	return how == IDNA_JOINS_RIGHT || how == IDNA_JOINS_BOTH;
}

/* The rules of RFC 5892, appendix A, for what needs its context. */
static bool
context_holds(const struct idna_label *label, size_t i)
{
	enum { VIRAMA = 9 };
	uint32_t before = i > 0 ? label->at[i - 1] : 0;
	uint32_t after = i + 1 < label->count ? label->at[i + 1] : 0;

	switch (label->at[i]) {
	case 0x200c:	/* zero width non-joiner */
		return idna_combining(before) == VIRAMA || joins(label, i);
	case 0x200d:	/* zero width joiner */
		return idna_combining(before) == VIRAMA;
	case 0xb7:	/* middle dot, as in Catalan */
		return before == 'l' && after == 'l';
	case 0x375:	/* Greek keraia */
		return (idna_traits(after) & IDNA_SCRIPT) == IDNA_GREEK;
	case 0x5f3:	/* Hebrew geresh and gershayim */
	case 0x5f4:
		return (idna_traits(before) & IDNA_SCRIPT) == IDNA_HEBREW;
	case 0x30fb:	/* Katakana middle dot */
		return has_script(label, IDNA_KANA_OR_HAN);
	default:	/* Arabic-Indic digits, and the extended ones */
		return label->at[i] < 0x6f0 ? !has_range(label, 0x6f0, 0x6f9) :
					      !has_range(label, 0x660, 0x669);
	}
}

/* RFC 5891, section 4.2, but for the length. */
static bool
label_holds(struct name *name, const struct idna_label *label, bool nfc)
{
	const uint32_t *at = label->at;
	size_t count = label->count;

	if (count == 0 || at[0] == '-' || at[count - 1] == '-' ||
	    (count > 3 && at[2] == '-' && at[3] == '-') ||
	    (idna_traits(at[0]) & IDNA_MARK) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		unsigned status = idna_traits(at[i]) & IDNA_STATUS;

		if (status == 0 ||
		    (status != IDNA_PVALID && !context_holds(label, i)))
			return false;
	}
	judge_bidi(name, label);
	return !nfc || idna_is_nfc(label);
}

/* What follows "xn--". */
static bool
a_label_holds(struct name *name, const char *at, size_t length)
{
	char lower[IDNA_LABEL_MAX], again[IDNA_LABEL_MAX];
	struct idna_label label;
	size_t size;

	for (size_t i = 0; i < length; i++)
		lower[i] = (char)(is(at[i], ALPHA) ? at[i] | 0x20 : at[i]);
	return punycode_decode(lower, length, &label) &&
	    has_range(&label, 0x80, 0x10ffff) &&
	    label_holds(name, &label, true) &&
	    punycode_encode(&label, again, &size) && size == length &&
	    memcmp(lower, again, length) == 0;
}

/*
 * A label of ASCII.  "--" as third and fourth is reserved for prefixes, and
 * "xn--" is the only one there is (RFC 5890, section 2.3.1).
 */
static bool
ascii_label_holds(struct name *name, const char *at, size_t length)
{
	if (length < 1 || length > IDNA_LABEL_MAX || at[0] == '-' ||
	    at[length - 1] == '-')
		return false;
	name->octets += length + 1;
	if (length > 3 && at[2] == '-' && at[3] == '-')
		return (at[0] | 0x20) == 'x' && (at[1] | 0x20) == 'n' &&
		    a_label_holds(name, at + 4, length - 4);
	if (!is(at[0], ALPHA))
		name->ordered = false;
	return true;
}

static bool
u_label_holds(struct name *name, const struct idna_label *label)
{
	char encoded[IDNA_LABEL_MAX];
	size_t length;

	if (!label_holds(name, label, name->mode != IDNA_MAIL) ||
	    !punycode_encode(label, encoded, &length) ||
	    length + 4 > IDNA_LABEL_MAX)
		return false;
	name->octets += length + 5;
	return true;
}

/* Takes what separates labels: a full stop, or one that is mapped to it. */
static bool
take_dot(struct scan *s, enum idna_mode mode)
{
	struct scan ahead = *s;
	uint32_t c;

	if (take(s, '.'))
		return true;
	if (mode != IDNA_STRICT || !take_character(&ahead, &c) ||
	    (c != 0x3002 && c != 0xff0e && c != 0xff61))
		return false;
	*s = ahead;
	return true;
}

static bool
at_label_end(const struct scan *s, enum idna_mode mode)
{
	struct scan ahead = *s;

	return ahead.at == ahead.end || take_dot(&ahead, mode);
}

static bool
take_label(struct scan *s, struct name *name)
{
	struct idna_label label;
	const char *from = s->at;

	take_span(s, LDH);
	if (at_label_end(s, name->mode))
		return ascii_label_holds(name, from, (size_t)(s->at - from));
	if (name->mode == IDNA_ASCII)
		return false;
	s->at = from;
	label.count = 0;
	do {
		if (label.count == IDNA_LABEL_MAX ||
		    !take_character(s, &label.at[label.count++]))
			return false;
	} while (!at_label_end(s, name->mode));
	return u_label_holds(name, &label);
}

bool
idna_holds(const char *at, size_t length, enum idna_mode mode)
{
	struct scan s = { at, at + length };
	struct name name = { .mode = mode, .ordered = true };

	do {
		if (!take_label(&s, &name) || name.octets > IDNA_NAME_MAX + 1)
			return false;
	} while (take_dot(&s, mode));
	return s.at == s.end && (!name.bidi || name.ordered);
}
