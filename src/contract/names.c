/* SPDX-License-Identifier: MIT */
/*
 * Name tables: open addressing, at most half full, with a multiplier chosen so
 * that, as a rule, nothing collides.  What is looked up comes from outside,
 * but the table does not grow by it: the longest probe is the contract's.
 */
#include "contract/names.h"

#include <string.h>

enum {
	MULTIPLIERS = 64,	/* that are tried for a perfect table */
	KEY_BYTES = 16,		/* of a text that its key has all of */
};

struct name_slot {
	uint64_t head, tail;
	const char *text;
	size_t length;
	size_t number;		/* from 1; 0 = free: NAME_NONE is -1 */
};

struct key {
	uint64_t head, tail;
	size_t length;
};

/* Every byte of a text of up to KEY_BYTES is in its key. */
static inline struct key
key_of(const char *s, size_t length)
{
	struct key key = { 0, 0, length };
	uint32_t low, high;

	if (length >= 8) {
		memcpy(&key.head, s, 8);
		memcpy(&key.tail, s + length - 8, 8);
	} else if (length >= 4) {
		memcpy(&low, s, 4);
		memcpy(&high, s + length - 4, 4);
		key.head = low | (uint64_t)high << 32;
	} else if (length > 0) {
		key.head = (unsigned char)s[0] |
		    (uint64_t)(unsigned char)s[length / 2] << 8 |
		    (uint64_t)(unsigned char)s[length - 1] << 16;
	}
	return key;
}

static inline size_t
home(const struct names *names, const struct key *key)
{
	uint64_t h = (key->head ^ (key->tail >> 29 | key->tail << 35)) +
	    key->length;

	return (size_t)((h * names->multiplier) >> names->shift);
}

/* An odd multiplier with bits everywhere (splitmix64). */
static uint64_t
multiplier_of(unsigned number)
{
	uint64_t z = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) | 1;
}

/* Fills the slots; returns how many texts are not at home. */
static size_t
fill(const struct names *names, struct name_slot *slots,
    const struct text *texts)
{
	size_t displaced = 0;

	memset(slots, 0, (names->mask + 1) * sizeof(*slots));
	for (size_t i = 0; i < names->count; i++) {
		struct key key = key_of(texts[i].at, texts[i].length);
		size_t at = home(names, &key);

		displaced += slots[at].number != 0;
		while (slots[at].number != 0)
			at = (at + 1) & names->mask;
		slots[at] = (struct name_slot){ key.head, key.tail,
			texts[i].at, texts[i].length, i + 1 };
	}
	return displaced;
}

/* The longest row of slots in use, which is what finding nothing may take. */
static size_t
longest_row(const struct name_slot *slots, size_t mask)
{
	size_t longest = 0, row = 0;

	/* Twice round, as a row may go on at the start. */
	for (size_t i = 0; i <= 2 * mask + 1; i++) {
		row = slots[i & mask].number != 0 ? row + 1 : 0;
		if (row > longest)
			longest = row;
	}
	return longest;
}

void
names_build(struct arena *arena, const struct text *texts, size_t count,
    struct names *ret)
{
	struct names names = { .texts = texts, .shift = 63, .mask = 1,
		.count = count };
	struct name_slot *slots;
	unsigned best = 0;
	size_t least = count + 1, displaced;

	while (names.mask + 1 < 2 * count) {
		names.mask = names.mask * 2 + 1;
		names.shift--;
	}
	slots = arena_alloc(arena, (names.mask + 1) * sizeof(*slots));
	for (unsigned i = 0; i < MULTIPLIERS && least > 0; i++) {
		names.multiplier = multiplier_of(i);
		if ((displaced = fill(&names, slots, texts)) < least) {
			least = displaced;
			best = i;
		}
	}
	names.multiplier = multiplier_of(best);
	(void)fill(&names, slots, texts);
	names.longest = longest_row(slots, names.mask);
	names.slots = slots;
	*ret = names;
}

/* The first slot from number i on with that key, or a free one. */
static inline size_t
next_slot(const struct names *names, const struct key *key, size_t i)
{
	for (;; i = (i + 1) & names->mask) {
		const struct name_slot *slot = &names->slots[i];

		if (slot->number == 0 || (slot->head == key->head &&
			slot->tail == key->tail && slot->length == key->length))
			return i;
	}
}

/* Apart, for its call would have the usual case save all registers. */
static __attribute__((noinline)) size_t
find_long(const struct names *names, const char *at, size_t length)
{
	struct key key = key_of(at, length);
	size_t i = next_slot(names, &key, home(names, &key));

	while (names->slots[i].number != 0 &&
	    memcmp(names->slots[i].text + 8, at + 8, length - 16) != 0)
		i = next_slot(names, &key, (i + 1) & names->mask);
	return names->slots[i].number - 1;
}

size_t
names_find(const struct names *names, const char *at, size_t length)
{
	struct key key;

	if (names->count == 0)
		return NAME_NONE;
	if (length > KEY_BYTES)
		return find_long(names, at, length);
	key = key_of(at, length);
	return names->slots[next_slot(names, &key, home(names, &key))].number -
	    1;
}
