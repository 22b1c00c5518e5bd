/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PROBE_H
#define TOOL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/*
 * Which values a column takes, by asking its type, its domain and its CHECKs.
 * Private to tool/.
 */
enum { PROBE_VALUES_MAX = 64, PROBE_TEXT_MAX = 100000 };

/* What an integer type holds; false: it is none. */
bool probe_integers(const char *type, int64_t *ret_least, int64_t *ret_most);

/* Is it a CHECK of that column and no other? */
bool probe_is_own(const struct catalog_constraint *constraint,
    const struct catalog_column *column);

/* Does the column take each of the values, PROBE_VALUES_MAX at most? */
void probe_ask(const struct catalog *catalog,
    const struct catalog_table *table, const struct catalog_column *column,
    const char *const *values, size_t count, enum holds *ret);

#endif
