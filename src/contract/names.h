/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_NAMES_H
#define CONTRACT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* A text with its length; it may hold any byte. */
struct text {
	const char *at;
	size_t length;
};

/*
 * A const table of texts, numbered from 0.  A text is looked up by its length
 * and its first and last 8 bytes; only what is longer than 16 bytes is
 * compared further.  Private to contract/.
 */
struct name_slot;
struct names {
	const struct name_slot *slots;
	const struct text *texts;	/* by number */
	uint64_t multiplier;
	unsigned shift;
	size_t mask;
	size_t count;
	size_t longest;		/* row of slots that are looked at for one */
};

#define NAME_NONE ((size_t)-1)

/*
 * Makes the table of `count` different texts.  The array and the bytes must
 * live as long as it.
 */
void names_build(struct arena *arena, const struct text *texts, size_t count,
    struct names *ret);

/* The number of a text, or NAME_NONE. */
size_t names_find(const struct names *names, const char *at, size_t length);

#endif
