/* SPDX-License-Identifier: MIT */
#ifndef STORE_CATALOG_H
#define STORE_CATALOG_H

#include "store/snapshot.h"

/* What the files of the catalog share.  Private to catalog*.c. */

/* One reading; it lives as long as the catalog, in the same arena. */
struct reading {
	struct arena *arena;
	struct snapshot snapshot;
	const char *params[3];		/* schemas, roles, functions */
	struct catalog *catalog;
	bool judging;			/* the role that judges was taken */
	bool saved;			/* there is a savepoint to go back to */
};

/* For each of the roles in $2, in their order, a character. */
#define BY_ROLE(bits)                                                          \
	"(select coalesce(string_agg(chr(48 + case when r.oid is null "        \
	"then 0 else " bits " end), '' order by w.n), '') "                    \
	"from unnest($2::text[]) with ordinality w(name, n) "                  \
	"left join pg_roles r on r.rolname = w.name)"

#define USES_SCHEMA "has_schema_privilege(r.oid, n.oid, 'USAGE')"

/* catalog_read() within a transaction of the connection, which sees it all. */
const struct catalog *catalog_read_within(PGconn *connection,
    const struct contract *contract, struct arena *arena, struct buf *fault)
    MUST_CHECK;

/* The rows of a statement with the first params; NULL: why is in the fault. */
const PGresult *catalog_ask(struct reading *r, const char *sql, int params);

/* A field of a row: as a boolean, as text or NULL, as a flag for each role. */
bool catalog_true(const PGresult *rows, int row, int column);
const char *catalog_text(const PGresult *rows, int row, int column);
const bool *catalog_flags(struct reading *r, const char *text);

/* The lines of a text; none of "". */
const char *const *catalog_lines(struct reading *r, const char *joined,
    size_t *ret_count);

/* A name as SQL has it: "letters", with its quotes. */
const char *catalog_quoted(struct arena *arena, const char *name);

/* How many rows from this one on are of the table; all come in its order. */
size_t catalog_rows_of(const PGresult *rows, int from, const char *oid);

/* Constraints, indexes and triggers of all tables; NULL: not to be read. */
struct catalog_parts;
struct catalog_parts *catalog_parts(struct reading *r);

/* Hands those of the next table out, by the tables' order. */
void catalog_parts_take(struct reading *r, struct catalog_parts *parts,
    struct catalog_table *table, const char *oid);

/* Reads the functions. */
bool catalog_functions(struct reading *r) MUST_CHECK;

#endif
