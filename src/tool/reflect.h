/* SPDX-License-Identifier: MIT */
#ifndef TOOL_REFLECT_H
#define TOOL_REFLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attribute.h"
#include "contract/contract.h"
#include "store/store.h"

/*
 * Tables that are there already, as resources: for each a schema, a resource
 * file, a policy file and the skeleton of a test.
 */
struct reflect_options {
	const char *contract, *policies, *tests;	/* directories */
	const struct contract_about *about;
	const char *const *roles;	/* of callers; none: all of the contract
					 * but for the anonymous and servers' */
	size_t role_count;
	const char *const *owners;	/* "orders.customer_id", "owner_id" */
	size_t owner_count;
	const char *key;		/* of the one table: "a,b"; or NULL */
	bool open;			/* anybody may read the rows */
	bool reads;			/* nobody writes them */
	bool force;			/* files that are there are replaced */
	bool dry;			/* nothing is written, all is told */
	FILE *told;
};

/*
 * Writes what is not there yet, and tells what was done, what was left alone
 * and what a human must decide.  A table that cannot be served is told, and
 * the others are made.  How many were made.
 */
size_t tool_reflect(const struct reflect_options *options,
    const struct catalog *catalog, const struct catalog_table *const *tables,
    size_t count);

/*
 * What of a schema can be served: tables and views that are no part of another
 * or of an extension.  In the arena.
 */
const struct catalog_table *const *tool_reflect_all(
    const struct catalog *catalog, const char *schema, struct arena *arena,
    size_t *ret_count);

/*
 * Writes a file, its directories made; one that is there is left alone unless
 * it may be replaced.  What was done.
 */
enum placed { PLACED_NEW, PLACED_SAME, PLACED_LEFT, PLACED_REPLACED,
	PLACED_FAILED };	/* errno says why */
enum placed tool_place(const char *path, const char *text, unsigned mode,
    bool replace) MUST_CHECK;

#endif
