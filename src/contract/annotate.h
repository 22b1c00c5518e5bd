/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_ANNOTATE_H
#define CONTRACT_ANNOTATE_H

#include "contract/outline.h"

/*
 * What JSON Schema's output tells: each keyword that a document broke, or each
 * annotation that it got, with where the keyword and where the value stand
 * (JSON Schema Core, sections 7.7 and 12).  Private to contract/.
 */

/* An error or an annotation; all are JSON texts in the arena. */
struct unit {
	const char *keyword_location;	/* the way, $ref and all */
	const char *absolute_location;	/* a URI, or NULL: not needed */
	const char *instance_location;
	const char *text;		/* message, or annotation */
};

struct units {
	struct unit *at;
	size_t count, capacity;
};

struct output {
	bool valid;
	bool exhausted;		/* the bound was met: all the rest is void */
	struct units errors;	/* none when it is valid */
	struct units annotations;	/* none when it is not */
};

/*
 * Walks a document; all that is found goes into the arena.  Bounded: what would
 * take too long or become too large to tell ends it.  Any number of threads.
 */
void annotate(const struct outline *outline, struct arena *arena,
    struct json_object *value, struct output *ret);

/*
 * Adds the output called basic (section 12.4.2).  The verdict is that of
 * schema_judge(); where the walk could not follow it to the end, there is one
 * error that says so, or no annotation and "truncated": true.
 */
void output_write(const struct output *output, bool valid, struct buf *b);

#endif
