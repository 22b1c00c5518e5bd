/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_PATTERN_H
#define CONTRACT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attribute.h"

/*
 * `pattern` of JSON Schema: the regular expressions of ECMA-262 with the flag
 * u, as of its 15th edition (2024).  What came later, (?i:...) and two groups
 * of one name, is refused, because not every front end knows it.  Properties
 * are of the Unicode version that PCRE2 has.  Private to contract/.
 */
struct schema_pattern;

/*
 * What a contract may not want although the standard has it, and what a front
 * end, whose matcher has no limits, should be warned of.
 */
struct pattern_facts {
	bool backreference;
	bool lookbehind;
	/* A backtracking matcher can take exponential time: (a+)+$, (a|a)*$. */
	bool explosive;
	/* Unbounded runs of the same characters side by side, as in \s*\s*$:
	 * quadratic time or worse. */
	bool overlapping;
};

/*
 * Compiles UTF-8 text; the result lives as long as the arena.  NULL when it is
 * no pattern of ECMA-262, or too large (64 KiB of text, 200 nested groups,
 * 65535 repetitions): *ret_reason says why, as the end of a sentence that
 * begins with the pattern, and *ret_offset where (bytes).
 */
const struct schema_pattern *schema_pattern_compile(struct arena *arena,
    const char *text, size_t length, const char **ret_reason,
    size_t *ret_offset) MUST_CHECK;

/* What one match may take; a step is about 4 ns, so all are 3 to 6 ms. */
enum { PATTERN_STEPS_MAX = 750 * 1000 };

/*
 * Does it match somewhere in the text, which must be UTF-8?  Any number of
 * threads.  Work is bounded, by PATTERN_STEPS_MAX and 14 MiB: a match that
 * would take more counts as none, so the value is refused, and
 * schema_pattern_exhausted() tells of it.
 */
bool schema_pattern_matches(const struct schema_pattern *pattern,
    const char *text, size_t length);

/*
 * The same for whoever has many values to match and one bound for all: takes
 * what it spent from *steps, and nothing matches once that is 0.  To want for
 * those steps is no fault of the pattern and not counted as such.
 */
bool schema_pattern_matches_within(const struct schema_pattern *pattern,
    const char *text, size_t length, uint32_t *steps);

/*
 * How many matches have run into the bound since the pattern was compiled.
 * More than zero is a fault of the contract, and worth a line in the log by
 * whoever sees the number grow.
 */
uint64_t schema_pattern_exhausted(const struct schema_pattern *pattern);

/* What is to be known of a pattern before it is relied upon. */
const struct pattern_facts *schema_pattern_facts(
    const struct schema_pattern *pattern);

/*
 * `format: regex`: is it a pattern of ECMA-262?  Only parses.  Takes any
 * bytes, and a time and memory linear in their length, at most 64 KiB.
 */
bool pattern_is_ecma(const char *s, size_t length);

#endif
