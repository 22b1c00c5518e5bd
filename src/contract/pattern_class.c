/* SPDX-License-Identifier: MIT */
/*
 * Characters and classes of a pattern: what an escape stands for, and what a
 * class holds, by ECMA-262's section 22.2.1.  With the flag u an escape stands
 * for something known, or the pattern is refused.
 */
#include <string.h>

#include "contract/pattern_parse.h"

/* ---- Escapes of one character. */

static bool
take_hex(struct parse *p, unsigned digits, uint32_t *ret)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < digits; i++, p->at++) {
		char c = p->at < p->end ? *p->at : '\0';

		if (is_digit(c))
			value = value * 16 + (uint32_t)(c - '0');
		else if (is_letter(c) && (c | 0x20) <= 'f')
			value = value * 16 + (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return refuse(p, "has an escape that lacks a "
					 "hexadecimal digit");
	}
	*ret = value;
	return true;
}

/* \u{...}; its { was taken. */
static bool
take_braced_hex(struct parse *p, uint32_t *ret)
{
	uint32_t value = 0, digit;

	if (next_is(p, '}'))
		return refuse(p, "has a \\u{} without a number");
	while (!next_is(p, '}')) {
		if (!take_hex(p, 1, &digit))
			return false;
		value = value * 16 + digit;
		if (value > 0x10ffff)
			return refuse(p, "has a \\u{...} beyond 10FFFF");
	}
	p->at++;
	*ret = value;
	return true;
}

/* What follows \u; two that are a surrogate pair are one character. */
bool
take_unicode(struct parse *p, uint32_t *ret)
{
	uint32_t lead, trail;
	const char *back;

	if (take(p, "{"))
		return take_braced_hex(p, ret);
	if (!take_hex(p, 4, &lead))
		return false;
	*ret = lead;
	back = p->at;
	if (lead < 0xd800 || lead > 0xdbff || !take(p, "\\u") ||
	    next_is(p, '{')) {
		p->at = back;
		return true;
	}
	if (!take_hex(p, 4, &trail))
		return false;
	if (trail >= 0xdc00 && trail <= 0xdfff)
		*ret = 0x10000 + ((lead - 0xd800) << 10) + (trail - 0xdc00);
	else
		p->at = back;
	return true;
}

static const char *
escape_reason(char c)
{
	if (is_digit(c))
		return "has an octal escape, which ECMA-262 does not know";
	if (c == 'a' || c == 'e' || c == 'Z' || c == 'z' || c == 'A' ||
	    c == 'G' || c == 'h' || c == 'H' || c == 'R' || c == 'K' ||
	    c == 'Q' || c == 'E' || c == 'X' || c == 'N')
		return "has an escape of other languages, which ECMA-262 "
		       "does not know";
	if (is_letter(c))
		return "has an escape that ECMA-262 does not know";
	return "escapes a character that needs none, which ECMA-262 refuses";
}

/* The character that an escape stands for; the backslash was taken. */
bool
take_escaped(struct parse *p, bool in_class, uint32_t *ret)
{
	static const char controls[] = "t\tn\nv\vf\fr\r";
	char c = p->at < p->end ? *p->at : '\0';
	const char *found;

	if (p->at == p->end)
		return refuse(p, "ends with a backslash");
	for (found = controls; *found != '\0'; found += 2)
		if (*found == c) {
			p->at++;
			*ret = (uint32_t)found[1];
			return true;
		}
	if (take(p, "x"))
		return take_hex(p, 2, ret);
	if (take(p, "u"))
		return take_unicode(p, ret);
	if (c == 'c') {
		if (p->end - p->at < 2 || !is_letter(p->at[1]))
			return refuse(p, "has a \\c without a letter");
		*ret = (uint32_t)p->at[1] % 32;
		p->at += 2;
		return true;
	}
	if (c == '0' && (p->end - p->at < 2 || !is_digit(p->at[1])))
		*ret = 0;
	else if (c == 'b' && in_class)
		*ret = '\b';
	else if ((c != '\0' && strchr("^$\\.*+?()[]{}|/", c) != NULL) ||
	    (c == '-' && in_class))
		*ret = (uint32_t)c;
	else
		return refuse(p, escape_reason(c));
	p->at++;
	return true;
}

/* ---- Classes. */

/* As ECMA-262 says: WhiteSpace and LineTerminator; \d and \w are of ASCII. */
static const struct span spaces[] = { { 0x9, 0xd }, { 0x20, 0x20 },
	{ 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200a },
	{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
	{ 0x3000, 0x3000 }, { 0xfeff, 0xfeff } };
static const struct span digits[] = { { '0', '9' } };
static const struct span words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' },
	{ 'a', 'z' } };
static const struct span line_ends[] = { { '\n', '\n' }, { '\r', '\r' },
	{ 0x2028, 0x2029 } };

static const struct class_escape {
	char letter;
	const struct span *spans;
	size_t count;
} class_escapes[] = {
	{ 'd', digits, countof(digits) },
	{ 's', spaces, countof(spaces) },
	{ 'w', words, countof(words) },
};

/* A word of letters, digits and _, perhaps empty. */
static char *
take_word(struct parse *p)
{
	const char *from = p->at;

	while (p->at < p->end && (is_letter(*p->at) || is_digit(*p->at) ||
		*p->at == '_'))
		p->at++;
	return arena_copy(p->arena, from, (size_t)(p->at - from));
}

/* \p{...}; \p was taken. */
static bool
take_property(struct parse *p, struct set_draft *draft, bool negated)
{
	const char *from = p->at - 2;
	const char *name, *value = NULL;

	if (!take(p, "{"))
		return refuse(p, "has a \\p without its {");
	name = take_word(p);
	if (take(p, "="))
		value = take_word(p);
	if (!take(p, "}"))
		return refuse(p, "has a \\p{ without its }");
	if (!property_add(p->arena, draft, name, value, negated)) {
		(void)refuse_at(p, from, "has a property that ECMA-262 does "
					 "not know");
		return false;
	}
	return true;
}

/* A class escape with its backslash; false without a fault: it is none. */
static bool
take_class_escape(struct parse *p, struct set_draft *draft)
{
	char c;

	if (!next_is(p, '\\') || p->end - p->at < 2)
		return false;
	c = p->at[1];
	if (c == 'p' || c == 'P') {
		p->at += 2;
		return take_property(p, draft, c == 'P');
	}
	for (size_t i = 0; i < countof(class_escapes); i++) {
		const struct class_escape *e = &class_escapes[i];

		if ((c | 0x20) != e->letter)
			continue;
		p->at += 2;
		if (c != e->letter)
			set_draft_complement(p->arena, draft, e->spans,
			    e->count);
		for (size_t j = 0; c == e->letter && j < e->count; j++)
			set_draft_span(p->arena, draft, e->spans[j].from,
			    e->spans[j].to);
		return true;
	}
	return false;
}

static bool
take_class_point(struct parse *p, uint32_t *ret)
{
	if (p->at == p->end)
		return refuse(p, "has a class without its ]");
	if (take(p, "\\"))
		return take_escaped(p, true, ret);
	*ret = point_after(&p->at, p->end);
	return true;
}

static bool
begins_range(const struct parse *p)
{
	return next_is(p, '-') && p->end - p->at > 1 && p->at[1] != ']';
}

/* A character, a range or a class escape. */
static bool
take_class_item(struct parse *p, struct set_draft *draft)
{
	static const char wrong[] = "has a class as the end of a range";
	const char *from_at = p->at;
	uint32_t from, to;

	if (take_class_escape(p, draft))
		return begins_range(p) ? refuse(p, wrong) : true;
	if (p->reason != NULL || !take_class_point(p, &from))
		return false;
	to = from;
	if (begins_range(p)) {
		p->at++;
		if (take_class_escape(p, draft))
			return refuse(p, wrong);
		if (p->reason != NULL || !take_class_point(p, &to))
			return false;
	}
	if (to < from) {
		(void)refuse_at(p, from_at, "has a range that ends before it "
					    "begins");
		return false;
	}
	set_draft_span(p->arena, draft, from, to);
	return true;
}

static struct node *
set_node(struct parse *p, struct set_draft *draft, const char *at)
{
	struct node *node = node_new(p, NODE_SET, at);

	node->set = set_make(p->arena, draft);
	return node;
}

/* A class; its [ was taken. */
struct node *
take_class(struct parse *p)
{
	const char *from = p->at - 1;
	struct set_draft draft = { .count = 0 };

	draft.negated = take(p, "^");
	while (!take(p, "]")) {
		if (p->at == p->end)
			return refuse_at(p, from, "has a class without its ]");
		if (!take_class_item(p, &draft))
			return NULL;
	}
	return set_node(p, &draft, from);
}

/* ---- Classes as terms. */

/* A class escape as a term, or NULL; all of one letter share their set. */
struct node *
take_class_term(struct parse *p)
{
	struct set_draft draft = { .count = 0 };
	const char *from = p->at;
	struct set **shared;
	struct node *node;

	if (!take_class_escape(p, &draft))
		return NULL;
	if ((from[1] | 0x20) == 'p')
		return set_node(p, &draft, from);
	shared = &p->shared[from[1] & 0x7f];
	if (*shared == NULL)
		*shared = set_make(p->arena, &draft);
	node = node_new(p, NODE_SET, from);
	node->set = *shared;
	return node;
}

/* The point: all but the ends of lines. */
struct node *
take_dot(struct parse *p)
{
	struct set_draft draft = { .count = 0 };
	struct node *node = node_new(p, NODE_SET, p->at - 1);

	if (p->shared['.'] == NULL) {
		set_draft_complement(p->arena, &draft, line_ends,
		    countof(line_ends));
		p->shared['.'] = set_make(p->arena, &draft);
	}
	node->set = p->shared['.'];
	return node;
}
