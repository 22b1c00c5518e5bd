/* SPDX-License-Identifier: MIT */
#ifndef TOOL_EXAMPLE_H
#define TOOL_EXAMPLE_H

#include "tool/tool.h"

/*
 * What an operation takes and tells, with the examples of its schemas.
 * Private to tool/.
 */

/* The component of its body, or NULL: it takes none. */
const struct component *example_taken(struct publication *schemas,
    const struct operation *op);

/* The component of its data (of a list, of an item), or NULL: data is null. */
const struct component *example_told(struct publication *schemas,
    const struct operation *op);

/* The envelope of a success as JSON text, or NULL when there is no example. */
const char *example_reply(struct publication *schemas,
    const struct operation *op, struct arena *arena);

#endif
