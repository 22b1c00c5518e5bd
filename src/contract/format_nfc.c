/* SPDX-License-Identifier: MIT */
/*
 * What Unicode says of code points that a label may hold, from tables that are
 * searched by halves, and Normalization Form C (UAX #15) by normalizing: taken
 * apart, put in order, put together, and compared.  Hangul needs no care here:
 * conjoining jamo are in no label, so syllables stay as they are.
 */
#include "contract/format_idna.h"

#include <string.h>

/* Where a value begins, up to the next: the code point, shifted, | value. */
enum { TRAITS_BITS = 11, COMBINING_BITS = 8 };
static const uint32_t traits[] = {
#define IDNA_TRAITS
#include "contract/idna_table.def"
#undef IDNA_TRAITS
};
static const uint32_t combining[] = {
#define IDNA_COMBINING
#include "contract/idna_table.def"
#undef IDNA_COMBINING
};

/* Each composite with its two parts, ascending; the first may be one too. */
static const uint32_t composites[][3] = {
#define IDNA_COMPOSITES
#include "contract/idna_table.def"
#undef IDNA_COMPOSITES
};
enum { COMPOSITES = sizeof(composites) / sizeof(composites[0]) };

/* Indices of composites, ascending by their parts. */
static const uint16_t by_pair[COMPOSITES] = {
#define IDNA_BY_PAIR
#include "contract/idna_table.def"
#undef IDNA_BY_PAIR
};

static unsigned
value_at(const uint32_t *table, size_t count, unsigned bits, uint32_t c)
{
	size_t low = 0, high = count, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (table[middle] >> bits <= c)
			low = middle;
		else
			high = middle;
	}
	return table[low] & ((1u << bits) - 1);
}

unsigned
idna_traits(uint32_t c)
{
	return value_at(traits, sizeof(traits) / sizeof(traits[0]),
	    TRAITS_BITS, c);
}

unsigned
idna_combining(uint32_t c)
{
	return value_at(combining, sizeof(combining) / sizeof(combining[0]),
	    COMBINING_BITS, c);
}

/* The composite c with its parts, or NULL. */
static const uint32_t *
composite_find(uint32_t c)
{
	size_t low = 0, high = COMPOSITES, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (composites[middle][0] == c)
			return composites[middle];
		if (composites[middle][0] < c)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The composite of two parts, or 0. */
static uint32_t
composite_of(uint32_t first, uint32_t second)
{
	size_t low = 0, high = COMPOSITES, middle;
	const uint32_t *at;

	while (low < high) {
		middle = low + (high - low) / 2;
		at = composites[by_pair[middle]];
		if (at[1] == first && at[2] == second)
			return at[0];
		if (at[1] < first || (at[1] == first && at[2] < second))
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* Code points taken apart: none has more than four parts. */
enum { PARTS = 4 };
struct parts {
	size_t count;
	struct part {
		uint32_t c;
		unsigned class;
	} at[IDNA_LABEL_MAX * PARTS];
};

/* Puts a part behind those of its class or a lower one: canonical order. */
static void
parts_add(struct parts *parts, uint32_t c)
{
	struct part part = { c, idna_combining(c) };
	size_t i = parts->count++;

	if (part.class != 0)
		for (; i > 0 && parts->at[i - 1].class > part.class; i--)
			parts->at[i] = parts->at[i - 1];
	parts->at[i] = part;
}

static void
take_apart(struct parts *parts, const struct idna_label *label)
{
	uint32_t seconds[PARTS];

	parts->count = 0;
	for (size_t i = 0; i < label->count; i++) {
		uint32_t c = label->at[i];
		const uint32_t *pair;
		size_t depth = 0;

		while (depth < PARTS - 1 &&
		    (pair = composite_find(c)) != NULL) {
			seconds[depth++] = pair[2];
			c = pair[1];
		}
		parts_add(parts, c);
		while (depth > 0)
			parts_add(parts, seconds[--depth]);
	}
}

/*
 * Puts parts together, in place: each with the starter before it, unless one
 * in between has its class or a higher one, or is a starter itself.
 */
static void
put_together(struct parts *parts)
{
	size_t starter = SIZE_MAX, count = 0;
	unsigned before = 0;

	for (size_t i = 0; i < parts->count; i++) {
		struct part part = parts->at[i];
		uint32_t composite = 0;

		if (starter != SIZE_MAX &&
		    (before == 0 || before < part.class))
			composite = composite_of(parts->at[starter].c, part.c);
		if (composite != 0) {
			parts->at[starter].c = composite;
			continue;
		}
		if (part.class == 0)
			starter = count;
		before = part.class;
		parts->at[count++] = part;
	}
	parts->count = count;
}

bool
idna_is_nfc(const struct idna_label *label)
{
	struct parts parts;
	uint32_t all = 0;

	/* Below the first combining mark all is as it should be. */
	for (size_t i = 0; i < label->count; i++)
		all |= label->at[i];
	if (all < 0x300)
		return true;
	take_apart(&parts, label);
	put_together(&parts);
	if (parts.count != label->count)
		return false;
	for (size_t i = 0; i < parts.count; i++)
		if (parts.at[i].c != label->at[i])
			return false;
	return true;
}
