/* SPDX-License-Identifier: MIT */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include "store/internal.h"

/*
 * A look at a database's catalog: one connection with one read-only
 * transaction, and what is asked in it.  Private to store/.
 */
struct snapshot {
	struct arena *arena;
	PGconn *connection;
	const char *identity;		/* of the database, once it is open */
	struct buf *fault;		/* while it is asked */
};

/*
 * Opens one; connection and results go with the arena.  Names are qualified
 * in what is told, for nothing is on the path.  false: why is in the fault.
 */
bool snapshot_open(struct snapshot *s, const char *database,
    const char *application) MUST_CHECK;

/*
 * Looks from within a transaction of somebody else's connection, which stays
 * theirs.  What it sets of the transaction goes with it.
 */
bool snapshot_join(struct snapshot *s, PGconn *connection) MUST_CHECK;

/* Ends its transaction, and lets go of the locks; what was read stays. */
void snapshot_leave(struct snapshot *s);

/* The rows of a statement, as text; NULL: why is in the fault. */
const PGresult *snapshot_ask(struct snapshot *s, const char *sql,
    const char *const *params, int count);

/* Arrays of what the contract names: schemas, and functions, qualified. */
const char *snapshot_schemas(const struct contract *contract,
    struct arena *arena);
const char *snapshot_functions(const struct contract *contract,
    struct arena *arena);

#endif
