/* SPDX-License-Identifier: MIT */
#ifndef TOOL_POSSIBLE_H
#define TOOL_POSSIBLE_H

#include "tool/tool.h"

/*
 * The problems of operations, parted: what every operation of a contract can
 * give is said once.  Private to tool/.
 */

/* What all of them can give; by status, in the arena. */
const struct possible *possible_common(const struct contract *contract,
    struct arena *arena, size_t *ret_count);

/* What this one can give beside those. */
const struct possible *possible_own(const struct contract *contract,
    const struct operation *op, const struct possible *common,
    size_t common_count, struct arena *arena, size_t *ret_count);

#endif
