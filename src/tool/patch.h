/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PATCH_H
#define TOOL_PATCH_H

#include "base/buf.h"
#include "tool/findings.h"

/*
 * What a check finds, as files that mend it: migrations, policy files, and
 * pieces of schemas.  `lockstep check --patch`.
 */
struct patch_options {
	const char *migrate_database;	/* the owner's */
	const char *migrations, *policies;	/* directories that are there */
	const char *out;		/* a directory for all of it, or NULL */
	unsigned lock_timeout_ms;
	struct findings_choice choice;
};

struct patch_file {
	const char *path;
	const char *text;		/* all of it */
	const char *what;		/* a few words */
	bool there;			/* the user's own, which is changed */
};

/* A statement that the database did not take when it was tried. */
struct patch_refused {
	const char *sql, *reason;
};

struct patch {
	const struct patch_file *files;
	size_t file_count;
	const char *const *again;	/* policy files to be applied again */
	size_t again_count;
	const struct patch_refused *refused;
	size_t refused_count;
	size_t found;			/* findings before, and after: */
	struct findings left;
};

/*
 * Makes the patch of what was found, and tries it in a transaction of the
 * owner's that is rolled back, until nothing more is mended by it.  Nothing is
 * written.  `found` is what was not accepted; `catalog` what it was found in.
 * All in the arena of `found`.  false: one line in `fault` says why.
 */
bool tool_patch(const struct contract *contract,
    const struct patch_options *options, const struct findings *found,
    const struct catalog *catalog, struct patch *ret, struct buf *fault)
    MUST_CHECK;

/*
 * What the contract lacks, as a merge patch (RFC 7396) for each of its files:
 * path relative to the contract, and text.  Never written into it.
 */
const struct patch_file *tool_snippets(const struct contract *contract,
    const struct catalog *catalog, const struct findings *findings,
    size_t *ret_count);

#endif
