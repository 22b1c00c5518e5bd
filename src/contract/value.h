/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_VALUE_H
#define CONTRACT_VALUE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"

/*
 * Values as JSON Schema sees them.  Private to contract/.
 *
 * A number is digits * 10^exponent, exact: json-c's integers as they are,
 * other numbers from the text that they were read from.  When its significant
 * digits do not fit a uint64_t, `text` points to the first of them (and digits
 * is 0); it lives as long as the value.
 */
struct number {
	uint64_t digits;
	int64_t exponent;
	const char *text;	/* NULL when the digits fit */
	size_t length;		/* of text, up to the last digit not 0 */
	size_t weight;		/* steps of the judge that a long one took */
	bool negative;
};

/* Reads a number of type int or double.  No allocation. */
void number_of(struct json_object *value, struct number *ret);

/* Mathematical order: < 0, 0, > 0. */
int number_compare(const struct number *a, const struct number *b);

/* Is there no fraction (1.0 and 1e3 have none)? */
bool number_is_integer(const struct number *n);

/*
 * Is it an integer times the divisor?  Exact.  The divisor must be greater
 * than 0 and have no text.
 */
bool number_is_multiple(const struct number *n, const struct number *divisor);

/*
 * Equal as JSON Schema has it: 1 == 1.0, 0 != false, members in any order.
 * _within takes what it does from *steps; nothing is equal once that is 0.
 */
bool value_equal(struct json_object *a, struct json_object *b);
bool value_equal_within(struct json_object *a, struct json_object *b,
    unsigned *steps);

/*
 * Equal values have equal hashes; the seed makes them hard to foresee.  What
 * it does is taken from *steps; hashes mean nothing once that is 0.
 */
uint64_t value_hash(struct json_object *value, uint64_t seed, unsigned *steps);

#endif
