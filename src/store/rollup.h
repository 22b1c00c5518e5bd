/* SPDX-License-Identifier: MIT */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attribute.h"
#include "base/problem.h"
#include "base/scope.h"

/*
 * Rollups, by the functions of migration 0026.  Part of store.h; work/ and the
 * commands use it.
 */
struct store;

/* The names of those that the database keeps; or of those to be filled alone. */
enum problem rollup_names(struct scope *sc, struct store *store,
    bool building, const char *const **ret, size_t *ret_count) MUST_CHECK;

/* How a rollup is after it was folded. */
struct rollup_state {
	const char *name;
	int64_t folded;			/* deltas, now */
	int64_t lag_ms;			/* the age of the oldest before */
	int64_t unfolded;		/* after */
	bool building;
	int64_t mismatches;
	const char *fault;		/* SQLSTATE: why not, or NULL */
};

/* Folds at most so many deltas; *ret NULL: others are at it. */
enum problem rollup_fold(struct scope *sc, struct store *store,
    const char *name, unsigned most, const struct rollup_state **ret)
    MUST_CHECK;

/* Counts some rows; is there more to count?  *ret_fault as above. */
enum problem rollup_fill(struct scope *sc, struct store *store,
    const char *name, unsigned most, bool *ret_more, const char **ret_fault)
    MUST_CHECK;

/*
 * Holds some buckets of a rollup against its source, of the one that was audited
 * longest ago; *ret_name NULL: none of them so long ago.
 */
enum problem rollup_audit(struct scope *sc, struct store *store,
    unsigned every_s, unsigned buckets, const char **ret_name,
    int64_t *ret_buckets, int64_t *ret_mismatches) MUST_CHECK;

/* ---- For people: lockstep rollup.  The exit codes of diff. ---- */
struct rollup_wish {
	const char *database;
	const char *name;
	unsigned buckets;		/* of an audit; 0 = all there are */
	bool json;
};
int rollup_list(const struct rollup_wish *wish, FILE *out, FILE *err)
    MUST_CHECK;
int rollup_backfill_now(const struct rollup_wish *wish, FILE *out, FILE *err)
    MUST_CHECK;
int rollup_rebuild_now(const struct rollup_wish *wish, FILE *out, FILE *err)
    MUST_CHECK;
int rollup_audit_now(const struct rollup_wish *wish, FILE *out, FILE *err)
    MUST_CHECK;

#endif
