/* SPDX-License-Identifier: MIT */
/*
 * Sets of code points.  A set without properties is a sorted list of spans,
 * negation worked in; \p{...} stays a name, because PCRE2 has the tables, and
 * is asked through a compiled class.  Surrogates are in no set: text here is
 * UTF-8, and a lone surrogate of a pattern matches nothing.  Invariant: the
 * bitmap of ASCII is right once the set is prepared, with properties or not.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "contract/pattern_tree.h"

enum {
	POINT_MAX = 0x10ffff,
	SURROGATE_FIRST = 0xd800,
	SURROGATE_LAST = 0xdfff,
};

uint32_t
point_after(const char **at, const char *end)
{
	unsigned char c = (unsigned char)*(*at)++;
	uint32_t point = c;

	if (c < 0x80)
		return c;
	if (c >= 0xf0)
		point = c & 0x07;
	else if (c >= 0xe0)
		point = c & 0x0f;
	else
		point = c & 0x1f;
	while (*at < end && ((unsigned char)**at & 0xc0) == 0x80)
		point = point << 6 | ((unsigned char)*(*at)++ & 0x3f);
	return point;
}

uint32_t
point_before(const char **at, const char *start)
{
	const char *end = *at, *again;

	do
		(*at)--;
	while (*at > start && ((unsigned char)**at & 0xc0) == 0x80);
	again = *at;
	return point_after(&again, end);
}

size_t
point_write(char *at, uint32_t point)
{
	if (point < 0x80) {
		at[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		at[0] = (char)(0xc0 | point >> 6);
		at[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		at[0] = (char)(0xe0 | point >> 12);
		at[1] = (char)(0x80 | (point >> 6 & 0x3f));
		at[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	at[0] = (char)(0xf0 | point >> 18);
	at[1] = (char)(0x80 | (point >> 12 & 0x3f));
	at[2] = (char)(0x80 | (point >> 6 & 0x3f));
	at[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

static void
span_push(struct arena *arena, struct set_draft *draft, uint32_t from,
    uint32_t to)
{
	if (draft->count == draft->capacity) {
		size_t capacity = draft->capacity > 0 ? 2 * draft->capacity : 4;
		struct span *spans = arena_alloc(arena,
		    capacity * sizeof(*spans));

		if (draft->count > 0)
			memcpy(spans, draft->spans,
			    draft->count * sizeof(*spans));
		draft->spans = spans;
		draft->capacity = capacity;
	}
	draft->spans[draft->count++] = (struct span){ from, to };
}

void
set_draft_span(struct arena *arena, struct set_draft *draft, uint32_t from,
    uint32_t to)
{
	if (from < SURROGATE_FIRST && to >= SURROGATE_FIRST) {
		span_push(arena, draft, from, SURROGATE_FIRST - 1);
		from = SURROGATE_FIRST;
	}
	if (from >= SURROGATE_FIRST && from <= SURROGATE_LAST)
		from = SURROGATE_LAST + 1;
	if (from <= to)
		span_push(arena, draft, from, to);
}

/* The spans must be sorted and apart. */
void
set_draft_complement(struct arena *arena, struct set_draft *draft,
    const struct span *spans, size_t count)
{
	uint32_t from = 0;

	for (size_t i = 0; i < count; i++) {
		if (spans[i].from > from)
			set_draft_span(arena, draft, from, spans[i].from - 1);
		from = spans[i].to + 1;
	}
	if (from <= POINT_MAX)
		set_draft_span(arena, draft, from, POINT_MAX);
}

void
set_draft_property(struct arena *arena, struct set_draft *draft,
    const char *name, bool negated)
{
	struct property *property = arena_alloc(arena, sizeof(*property));

	property->next = draft->properties;
	property->name = name;
	property->negated = negated;
	draft->properties = property;
}

static int
span_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct span *)a)->from;
	uint32_t y = ((const struct span *)b)->from;

	return (x > y) - (x < y);
}

/* Sorts, and joins what touches. */
static void
draft_settle(struct set_draft *draft)
{
	size_t n = 0;

	if (draft->count == 0)
		return;
	qsort(draft->spans, draft->count, sizeof(*draft->spans), span_compare);
	for (size_t i = 1; i < draft->count; i++) {
		struct span *last = &draft->spans[n];

		if (draft->spans[i].from > last->to + 1)
			draft->spans[++n] = draft->spans[i];
		else if (draft->spans[i].to > last->to)
			last->to = draft->spans[i].to;
	}
	draft->count = n + 1;
}

static void
set_bitmap(struct set *set)
{
	for (size_t i = 0; i < set->span_count; i++)
		for (uint32_t c = set->spans[i].from;
		    c <= set->spans[i].to && c < 128; c++)
			set->ascii[c / 64] |= UINT64_C(1) << c % 64;
}

struct set *
set_make(struct arena *arena, struct set_draft *draft)
{
	struct set *set = arena_alloc(arena, sizeof(*set));

	draft_settle(draft);
	if (draft->negated && draft->properties == NULL) {
		struct set_draft other = { .count = 0 };

		set_draft_complement(arena, &other, draft->spans,
		    draft->count);
		draft_settle(&other);
		*draft = other;
	}
	set->spans = draft->spans;
	set->span_count = draft->count;
	set->properties = draft->properties;
	set->negated = draft->negated;
	set_bitmap(set);
	return set;
}

static void
code_drop(void *code)
{
	pcre2_code_free(code);
}

void *
class_compile(struct arena *arena, const char *text, size_t length)
{
	PCRE2_SIZE offset;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, length,
	    PCRE2_UTF | PCRE2_ANCHORED | PCRE2_NEVER_BACKSLASH_C, &error,
	    &offset, NULL);

	if (code != NULL) {
		arena_defer(arena, code_drop, code);
		(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	}
	return code;
}

bool
class_has(const void *code, uint32_t point)
{
	char text[4];
	size_t length = point_write(text, point);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int verdict;

	if (data == NULL)
		return false;
	verdict = pcre2_match(code, (PCRE2_SPTR)text, length, 0,
	    PCRE2_NO_UTF_CHECK, data, NULL);
	pcre2_match_data_free(data);
	return verdict >= 0;
}

bool
set_prepare(struct arena *arena, struct set *set)
{
	struct buf b;

	if (set->properties == NULL || set->code != NULL)
		return true;
	buf_init(&b, 1 << 20);
	set_write(&b, set);
	if (!b.failed)
		set->code = class_compile(arena, b.at, b.length);
	buf_release(&b);
	if (set->code == NULL)
		return false;
	set->ascii[0] = set->ascii[1] = 0;
	for (uint32_t c = 0; c < 128; c++)
		if (class_has(set->code, c))
			set->ascii[c / 64] |= UINT64_C(1) << c % 64;
	return true;
}

bool
set_has(const struct set *set, uint32_t point)
{
	size_t low = 0, high = set->span_count;

	if (point < 128)
		return (set->ascii[point / 64] >> point % 64 & 1) != 0;
	if (set->code != NULL)
		return class_has(set->code, point);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (set->spans[middle].to < point)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->span_count && set->spans[low].from <= point;
}

bool
set_beyond(const struct set *set)
{
	return set->properties != NULL ||
	    (set->span_count > 0 && set->spans[set->span_count - 1].to >= 128);
}

bool
set_meets(const struct set *a, const struct set *b)
{
	size_t i = 0, j = 0;

	if ((a->ascii[0] & b->ascii[0]) != 0 ||
	    (a->ascii[1] & b->ascii[1]) != 0)
		return true;
	if (!set_beyond(a) || !set_beyond(b))
		return false;
	if (a->properties != NULL || b->properties != NULL)
		return true;
	while (i < a->span_count && j < b->span_count) {
		if (a->spans[i].to < b->spans[j].from)
			i++;
		else if (b->spans[j].to < a->spans[i].from)
			j++;
		else
			return true;
	}
	return false;
}

static void
spans_write(struct buf *b, const struct span *spans, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_format(b, "\\x{%x}", (unsigned)spans[i].from);
		if (spans[i].to > spans[i].from)
			buf_format(b, "-\\x{%x}", (unsigned)spans[i].to);
	}
}

/* The gaps between the spans, which are sorted; surrogates may be in them. */
static void
gaps_write(struct buf *b, const struct span *spans, size_t count)
{
	uint32_t from = 0;

	for (size_t i = 0; i <= count; i++) {
		uint32_t to = i < count ? spans[i].from : POINT_MAX + 1;
		bool surrogates = from == SURROGATE_FIRST &&
		    to == SURROGATE_LAST + 1;

		if (to > from && !surrogates) {
			struct span gap = { from, to - 1 };

			if (gap.from == SURROGATE_FIRST)
				gap.from = SURROGATE_LAST + 1;
			if (gap.to == SURROGATE_LAST)
				gap.to = SURROGATE_FIRST - 1;
			spans_write(b, &gap, 1);
		}
		if (i < count)
			from = spans[i].to + 1;
	}
}

/* All of it, or nothing, or whichever of the set and its gaps is shorter. */
void
set_write(struct buf *b, const struct set *set)
{
	const struct property *p = set->properties;
	bool whole = set->span_count > 0 && set->spans[0].from == 0 &&
	    set->spans[set->span_count - 1].to == POINT_MAX;

	if (p == NULL && whole && set->span_count > 2) {
		buf_string(b, "[^");
		gaps_write(b, set->spans, set->span_count);
		buf_char(b, ']');
		return;
	}
	if (p == NULL && set->span_count == 0) {
		buf_string(b, "[^\\x{0}-\\x{10ffff}]");
		return;
	}
	buf_string(b, set->negated ? "[^" : "[");
	spans_write(b, set->spans, set->span_count);
	for (; p != NULL; p = p->next)
		buf_format(b, "\\%c{%s}", p->negated ? 'P' : 'p', p->name);
	buf_char(b, ']');
}
