/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_NEAR_H
#define CONTRACT_NEAR_H

#include <stddef.h>

/*
 * What a misspelt word was meant to be.  Private to contract/.
 */

/*
 * The edits between two words: inserted, dropped, changed, swapped letters.
 * Words longer than 64 bytes are as far as can be from all others.
 */
size_t near_distance(const char *a, const char *b);

/*
 * The keyword that a schema's member, which is none, was probably meant to be:
 * the same but for case, dashes and a leading "x-", or a letter or two away.
 * NULL when there is none.
 */
const char *near_keyword(const char *name);

#endif
