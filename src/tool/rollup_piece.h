/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ROLLUP_PIECE_H
#define TOOL_ROLLUP_PIECE_H

#include "base/buf.h"
#include "tool/rollup.h"

/* Pieces of a rollup's SQL by name.  Private to rollup.c and rollup_piece.c. */

/*
 * Adds the piece of that name, `length` bytes: "keys"; "s.keys" are those of
 * the alias s.  false: there is none of the name.
 */
bool rollup_piece(const struct rollup_draft *d, const char *name,
    size_t length, struct buf *out) MUST_CHECK;

/* " and s.kind = 'nps'" of each condition; "" of none. */
const char *rollup_and(const struct rollup_draft *d, const struct measure *m);

/* A name as SQL takes it, with quotes where it needs them. */
const char *rollup_quoted(struct arena *arena, const char *name);

/* app.company_events, and with that behind it. */
const char *rollup_name(const struct rollup_draft *d, const char *behind);

#endif
