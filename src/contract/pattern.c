/* SPDX-License-Identifier: MIT */
/*
 * ECMA-262's pattern is parsed here and written anew in PCRE2's syntax, so
 * that only what is known to mean the same in both gets through: every literal
 * leaves as \x{...}, every group without capture, `.` and \s as the classes
 * that ECMA-262 says.  What is not in the subset is a fault of the contract.
 *
 * Time: a repeated group that holds a repetition, (a+)+, is refused, unless a
 * character at its edge that nothing else in it can match tells the rounds
 * apart, as in (-[a-z]+)*.  What else can explode, (a|a)*, ends at the match
 * limit, and then counts as no match.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "contract/pattern.h"

#include <pcre2.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

enum {
	NESTING_MAX = 32,	/* groups */
	REPEAT_MAX = 10000,	/* of {n,m} */
	REPEAT_FEW = 10,	/* up to here a nested repetition is harmless */
	MATCH_LIMIT = 200000,	/* backtracks */
	HEAP_LIMIT_KIB = 8192,
};

#define UNBOUNDED UINT32_MAX

struct schema_pattern {
	pcre2_code *code;
	pcre2_match_context *context;
};

/* Characters that an item can match; all beyond ASCII count as one. */
struct set {
	uint64_t ascii[2];
	bool beyond;
};

/* An item of a sequence, with its quantifier. */
struct item {
	struct set set;
	bool single;		/* one character, once */
	bool repeats;		/* holds a quantifier without a bound */
	bool edged;		/* a group whose rounds cannot be confused */
	bool quantifiable;	/* not an anchor */
};

struct parse {
	struct buf out;
	const char *start, *at, *end;
	unsigned nesting;
	const char *reason;	/* the first fault, else NULL */
	size_t offset;
};

static bool
refuse(struct parse *p, const char *reason)
{
	if (p->reason == NULL) {
		p->reason = reason;
		p->offset = (size_t)(p->at - p->start);
	}
	return false;
}

static bool
next_is(const struct parse *p, char c)
{
	return p->at < p->end && *p->at == c;
}

static void
set_add(struct set *set, uint32_t from, uint32_t to)
{
	for (uint32_t c = from; c <= to && c < 128; c++)
		set->ascii[c / 64] |= UINT64_C(1) << c % 64;
	set->beyond = set->beyond || to >= 128;
}

static void
set_join(struct set *set, const struct set *more)
{
	set->ascii[0] |= more->ascii[0];
	set->ascii[1] |= more->ascii[1];
	set->beyond = set->beyond || more->beyond;
}

static bool
set_meets(const struct set *a, const struct set *b)
{
	return (a->ascii[0] & b->ascii[0]) != 0 ||
	    (a->ascii[1] & b->ascii[1]) != 0 || (a->beyond && b->beyond);
}

/* The set of what is not in it; beyond ASCII, both may match something. */
static void
set_invert(struct set *set)
{
	set->ascii[0] = ~set->ascii[0];
	set->ascii[1] = ~set->ascii[1];
	set->beyond = true;
}

/* Takes one code point; the text is UTF-8. */
static uint32_t
take_point(struct parse *p)
{
	unsigned char c = (unsigned char)*p->at++;
	uint32_t point = c;

	if (c >= 0xf0)
		point = c & 0x07;
	else if (c >= 0xe0)
		point = c & 0x0f;
	else if (c >= 0xc0)
		point = c & 0x1f;
	while (c >= 0xc0 && p->at < p->end &&
	    ((unsigned char)*p->at & 0xc0) == 0x80)
		point = point << 6 | ((unsigned char)*p->at++ & 0x3f);
	return point;
}

static void
put_point(struct parse *p, uint32_t point)
{
	buf_format(&p->out, "\\x{%x}", (unsigned)point);
}

/* The classes that have a letter, as the inside of a PCRE2 class. */
static const struct escape {
	char letter;
	const char *inside;
	uint64_t ascii[2];
	bool beyond;
} escapes[] = {
	{ 'd', "0-9", { 0x03ff000000000000, 0 }, false },
	{ 'w', "0-9A-Z_a-z", { 0x03ff000000000000, 0x07fffffe87fffffe },
	    false },
	{ 's', "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
	       "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}",
	    { 0x0000000100003e00, 0 }, true },
};

static const struct escape *
escape_of(char letter)
{
	for (size_t i = 0; i < countof(escapes); i++)
		if (escapes[i].letter == letter)
			return &escapes[i];
	return NULL;
}

/* The character that an escape stands for; the backslash was taken. */
static bool
take_escaped(struct parse *p, bool in_class, uint32_t *ret)
{
	static const char controls[] = "t\tn\nv\vf\fr\r";
	const char *found;
	char c;

	if (p->at == p->end)
		return refuse(p, "ends with a backslash");
	c = *p->at;
	for (found = controls; *found != '\0'; found += 2)
		if (*found == c)
			break;
	if (*found != '\0')
		*ret = (uint32_t)found[1];
	else if ((c != '\0' && strchr("^$\\.*+?()[]{}|/", c) != NULL) ||
	    (c == '-' && in_class))
		*ret = (uint32_t)c;
	else if (c != '\0' && strchr("bBpPuxck0123456789dDwWsS", c) != NULL)
		return refuse(p, "has an escape that is not supported yet");
	else
		return refuse(p, "has an escape that ECMA-262 does not know");
	p->at++;
	return true;
}

/*
 * A class escape as a whole class, or inside one.  false without a fault: it
 * is none, nothing was taken.
 */
static bool
take_class_escape(struct parse *p, bool in_class, struct set *set)
{
	const struct escape *e;
	struct set of = { { 0, 0 }, false };
	bool negated;

	if (!next_is(p, '\\') || p->end - p->at < 2)
		return false;
	negated = p->at[1] == 'D' || p->at[1] == 'W' || p->at[1] == 'S';
	if (negated && in_class)
		return false;
	e = escape_of((char)(negated ? p->at[1] + 0x20 : p->at[1]));
	if (e == NULL)
		return false;
	p->at += 2;
	of = (struct set){ { e->ascii[0], e->ascii[1] }, e->beyond };
	if (negated)
		set_invert(&of);
	set_join(set, &of);
	buf_format(&p->out, in_class ? "%s%s" : "[%s%s]", negated ? "^" : "",
	    e->inside);
	return true;
}

/* One end of a range inside a class. */
static bool
take_class_point(struct parse *p, uint32_t *ret)
{
	if (p->at == p->end)
		return refuse(p, "has a class without its ]");
	if (next_is(p, '\\')) {
		p->at++;
		return take_escaped(p, true, ret);
	}
	*ret = take_point(p);
	return true;
}

/* A class; its [ was taken. */
static bool
take_class(struct parse *p, struct set *set)
{
	uint32_t from, to;
	bool negated = next_is(p, '^');

	buf_string(&p->out, negated ? "[^" : "[");
	p->at += negated;
	if (next_is(p, ']'))
		return refuse(p, "has an empty class");
	while (!next_is(p, ']')) {
		if (take_class_escape(p, true, set)) {
			if (next_is(p, '-') && p->end - p->at > 1 &&
			    p->at[1] != ']')
				return refuse(p, "has a class as the end of "
						 "a range");
			continue;
		}
		if (!take_class_point(p, &from))
			return false;
		to = from;
		if (next_is(p, '-') && p->end - p->at > 1 && p->at[1] != ']') {
			p->at++;
			if (!take_class_point(p, &to))
				return false;
			if (to < from)
				return refuse(p, "has a range that ends before "
						 "it begins");
		}
		put_point(p, from);
		if (to > from) {
			buf_char(&p->out, '-');
			put_point(p, to);
		}
		set_add(set, from, to);
	}
	p->at++;
	buf_char(&p->out, ']');
	if (negated)
		set_invert(set);
	return true;
}

static bool
take_count(struct parse *p, uint32_t *ret)
{
	uint32_t n = 0;

	if (p->at == p->end || *p->at < '0' || *p->at > '9')
		return refuse(p, "has a { that begins no quantifier; "
				 "escape it");
	for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
		n = n * 10 + (uint32_t)(*p->at - '0');
		if (n > REPEAT_MAX)
			return refuse(p, "repeats more than 10000 times");
	}
	*ret = n;
	return true;
}

/* {n}, {n,} or {n,m}; its { was taken. */
static bool
take_counts(struct parse *p, uint32_t *ret_least, uint32_t *ret_most)
{
	if (!take_count(p, ret_least))
		return false;
	*ret_most = *ret_least;
	if (next_is(p, ',')) {
		p->at++;
		*ret_most = UNBOUNDED;
		if (!next_is(p, '}') && !take_count(p, ret_most))
			return false;
	}
	if (!next_is(p, '}'))
		return refuse(p, "has a quantifier without its }");
	p->at++;
	if (*ret_most < *ret_least)
		return refuse(p, "has a quantifier with its bounds swapped");
	return true;
}

static void
put_counts(struct parse *p, uint32_t least, uint32_t most)
{
	if (most == UNBOUNDED)
		buf_format(&p->out, "{%u,}", (unsigned)least);
	else
		buf_format(&p->out, "{%u,%u}", (unsigned)least,
		    (unsigned)most);
	if (next_is(p, '?')) {
		buf_char(&p->out, '?');
		p->at++;
	}
}

/* The quantifier of an item, if there is one. */
static bool
take_quantifier(struct parse *p, struct item *item)
{
	uint32_t least = 0, most = UNBOUNDED;
	char c = p->at < p->end ? *p->at : '\0';

	if (c != '*' && c != '+' && c != '?' && c != '{')
		return true;
	if (!item->quantifiable)
		return refuse(p, "has a quantifier with nothing to repeat");
	p->at++;
	if (c == '+')
		least = 1;
	else if (c == '?')
		most = 1;
	else if (c == '{' && !take_counts(p, &least, &most))
		return false;
	if (item->repeats && !item->edged && most > REPEAT_FEW)
		return refuse(p, "repeats a group that repeats, such as "
				 "(a+)+; matching could take very long");
	item->repeats = item->repeats || most == UNBOUNDED;
	item->single = item->single && least == 1 && most == 1;
	put_counts(p, least, most);
	return true;
}

static bool take_alternatives(struct parse *p, struct item *group);

/* A group; its ( was taken. */
static bool
take_group(struct parse *p, struct item *item)
{
	if (next_is(p, '?')) {
		if (p->end - p->at < 2 || p->at[1] != ':')
			return refuse(p, "has a (? that is not supported yet");
		p->at += 2;
	}
	if (++p->nesting > NESTING_MAX)
		return refuse(p, "nests its groups too deep");
	buf_string(&p->out, "(?:");
	if (!take_alternatives(p, item))
		return false;
	if (!next_is(p, ')'))
		return refuse(p, "has a ( without its )");
	p->at++;
	p->nesting--;
	buf_char(&p->out, ')');
	item->quantifiable = true;
	return true;
}

/* A character: itself, or escaped. */
static bool
take_literal(struct parse *p, struct item *item)
{
	uint32_t point;

	if (strchr("*+?{}]", *p->at) != NULL && *p->at != '\0')
		return refuse(p, strchr("*+?", *p->at) != NULL ?
		    "has a quantifier with nothing to repeat" :
		    "has a bracket that must be escaped");
	if (next_is(p, '\\')) {
		p->at++;
		if (!take_escaped(p, false, &point))
			return false;
	} else {
		point = take_point(p);
	}
	put_point(p, point);
	set_add(&item->set, point, point);
	return true;
}

/* One item without its quantifier. */
static bool
take_atom(struct parse *p, struct item *item)
{
	char c = *p->at;

	if (c == '^' || c == '$') {
		p->at++;
		buf_string(&p->out, c == '^' ? "\\A" : "\\z");
		return true;
	}
	if (c == '(') {
		p->at++;
		return take_group(p, item);
	}
	item->quantifiable = true;
	item->single = true;
	if (c == '.') {
		p->at++;
		buf_string(&p->out, "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]");
		set_add(&item->set, '\n', '\n');
		set_add(&item->set, '\r', '\r');
		set_invert(&item->set);
		return true;
	}
	if (c == '[') {
		p->at++;
		return take_class(p, &item->set);
	}
	return take_class_escape(p, false, &item->set) ||
	    take_literal(p, item);
}

/*
 * A sequence of items.  It is edged when its first or last item is one
 * character that none of the others can match.
 */
static bool
take_sequence(struct parse *p, struct item *ret)
{
	struct item first = { .single = false }, last = first;
	struct set after = { { 0, 0 }, false }, before = after;
	size_t count = 0;

	for (; p->at < p->end && *p->at != '|' && *p->at != ')'; count++) {
		struct item item = { .single = false };

		if (!take_atom(p, &item) || !take_quantifier(p, &item))
			return false;
		if (count == 0)
			first = item;
		else
			set_join(&after, &item.set);
		set_join(&before, &last.set);
		last = item;
		set_join(&ret->set, &item.set);
		ret->repeats = ret->repeats || item.repeats;
	}
	ret->edged = (first.single && !set_meets(&first.set, &after)) ||
	    (last.single && !set_meets(&last.set, &before));
	return true;
}

static bool
take_alternatives(struct parse *p, struct item *group)
{
	if (!take_sequence(p, group))
		return false;
	while (next_is(p, '|')) {
		p->at++;
		buf_char(&p->out, '|');
		if (!take_sequence(p, group))
			return false;
		group->edged = false;
	}
	return true;
}

static void
code_drop(void *code)
{
	pcre2_code_free(code);
}

static void
context_drop(void *context)
{
	pcre2_match_context_free(context);
}

/* Compiles what was written; NULL when PCRE2 refuses it (too large). */
static const struct schema_pattern *
pattern_new(struct arena *arena, const struct buf *text)
{
	struct schema_pattern *pattern = arena_alloc(arena, sizeof(*pattern));
	PCRE2_SIZE offset;
	int error;

	pattern->code = pcre2_compile((PCRE2_SPTR)text->at, text->length,
	    PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |
		PCRE2_NEVER_UCP | PCRE2_NO_AUTO_CAPTURE,
	    &error, &offset, NULL);
	if (pattern->code == NULL)
		return NULL;
	arena_defer(arena, code_drop, pattern->code);
	/* Where memory may not be executed, the interpreter does it. */
	(void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	pattern->context = pcre2_match_context_create(NULL);
	if (pattern->context == NULL)
		return NULL;
	arena_defer(arena, context_drop, pattern->context);
	pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
	pcre2_set_depth_limit(pattern->context, MATCH_LIMIT);
	pcre2_set_heap_limit(pattern->context, HEAP_LIMIT_KIB);
	return pattern;
}

const struct schema_pattern *
schema_pattern_compile(struct arena *arena, const char *text, size_t length,
    const char **ret_reason, size_t *ret_offset)
{
	const struct schema_pattern *pattern = NULL;
	struct parse p = { .start = text, .at = text, .end = text + length };
	struct item whole = { .single = false };

	buf_init(&p.out, 1 << 20);
	if (take_alternatives(&p, &whole) && p.at < p.end)
		(void)refuse(&p, "has a ) without its (");
	if (p.reason == NULL && (p.out.failed ||
		(pattern = pattern_new(arena, &p.out)) == NULL))
		(void)refuse(&p, "is too large");
	buf_release(&p.out);
	if (pattern == NULL) {
		*ret_reason = p.reason;
		*ret_offset = p.offset;
	}
	return pattern;
}

bool
schema_pattern_matches(const struct schema_pattern *pattern, const char *text,
    size_t length)
{
	/* Its own for each call: about 20 ns, and no state between threads. */
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int verdict;

	if (data == NULL)
		return false;
	verdict = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, 0,
	    PCRE2_NO_UTF_CHECK, data, pattern->context);
	/* The compiled form has 32 KiB of stack; the interpreter the heap. */
	if (verdict == PCRE2_ERROR_JIT_STACKLIMIT)
		verdict = pcre2_match(pattern->code, (PCRE2_SPTR)text, length,
		    0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data,
		    pattern->context);
	pcre2_match_data_free(data);
	return verdict >= 0;
}
