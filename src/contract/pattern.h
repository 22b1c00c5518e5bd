/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_PATTERN_H
#define CONTRACT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attribute.h"

/*
 * `pattern` of JSON Schema: a conservative subset of ECMA-262's regular
 * expressions (flag u), run by PCRE2.  Private to contract/.
 */
struct schema_pattern;

/*
 * Compiles UTF-8 text; the result lives as long as the arena.  NULL when it is
 * no pattern of the subset: *ret_reason says why, *ret_offset where (bytes).
 */
const struct schema_pattern *schema_pattern_compile(struct arena *arena,
    const char *text, size_t length, const char **ret_reason,
    size_t *ret_offset) MUST_CHECK;

/*
 * Does it match somewhere in the text, which must be UTF-8?  A match that
 * takes more steps than are allowed counts as none.  Any number of threads.
 */
bool schema_pattern_matches(const struct schema_pattern *pattern,
    const char *text, size_t length);

#endif
