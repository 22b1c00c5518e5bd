/* SPDX-License-Identifier: MIT */
#ifndef STORE_LINT_H
#define STORE_LINT_H

#include "store/internal.h"

/*
 * What the lint knows of an expression that Postgres keeps parsed: a policy's,
 * or the body of a function in SQL.  Private to store/.
 */

/*
 * Adds the facts of an expression in pg_node_tree's text as one JSON object:
 *	"of", "part"	as given: an oid, and "using", "check" or "body"; the part
 *			is "unread", and there is no more, when it is too deep
 *	"always"	"true" or "false" when it is so of each row, or null
 *	"columns"	of the row, all that it looks at
 *	"tied"		columns that must equal something of the caller's
 *	"plain"		those of them that are compared as they stand
 *	"compared"	columns that are compared so at all, whatever else lets
 *			a row through
 *	"calls"		functions, and those that are called for each row
 *			with nothing of it: "bare"
 *	"reads"		[relation, column or 0] of its subqueries
 *	"strings"	all constants that are text
 *	"settings"	names of settings that it reads
 *	"flags"		see lint_tree.c
 * `equals` holds the oids of operators that are called =, between blanks.
 */
void lint_tree(struct arena *arena, const char *of, const char *part,
    const char *text, const char *equals, struct buf *out);

/* lint_run() within a transaction of the connection, which sees it all. */
bool lint_run_within(PGconn *connection, const char *login,
    const struct contract *contract, struct arena *arena,
    const struct lint_finding **ret, size_t *ret_count, struct buf *fault)
    MUST_CHECK;

#endif
