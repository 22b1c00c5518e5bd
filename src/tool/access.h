/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ACCESS_H
#define TOOL_ACCESS_H

#include "base/arena.h"
#include "store/store.h"

/*
 * What of a table's rows and columns a role reaches, from the catalog, in words
 * of a document.  Private to tool/.
 */

/* Which verb of SQL an operation of a table is. */
enum catalog_verb access_verb(enum verb verb);
const char *access_verb_name(enum catalog_verb verb);

/* A cell of Markdown: "no grant", "own rows by `p`", "RLS OFF: all rows". */
const char *access_rows(const struct catalog *catalog,
    const struct catalog_table *table, size_t role, enum catalog_verb verb,
    struct arena *arena);

/* The same of all verbs that are granted: "select own rows by `p`; ...". */
const char *access_all_rows(const struct catalog *catalog,
    const struct catalog_table *table, size_t role, struct arena *arena);

/* Row security of a table as Markdown: on and forced, or loudly not. */
const char *access_security(const struct catalog_table *table);

/* The policies that hold for a role and a verb, as Markdown; "" = none. */
const char *access_policies(const struct catalog_table *table, size_t role,
    enum catalog_verb verb, bool restrictive, struct arena *arena);

/* As whom a function runs: Markdown. */
const char *access_function(const struct catalog_function *function,
    struct arena *arena);

/* The number of a role in the catalog; role_count when it is not there. */
size_t access_role(const struct catalog *catalog, const char *name);

#endif
