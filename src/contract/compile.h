/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_COMPILE_H
#define CONTRACT_COMPILE_H

#include "contract/program.h"

enum { SCHEMA_BUCKETS = 1024 };

/*
 * A variant of in-place subschemas of an update: as they stand, but nothing is
 * required, and what concerns several members at once is left out.
 */
#define VARIANT_PARTIAL ((enum variant)(VARIANT_BODY + 1))

/* A value that must satisfy its schema: of examples or default. */
struct example {
	struct example *next;
	const struct schema *schema;
	struct json_object *value;
	struct spot spot;
	const char *keyword;
};

struct schema_set {
	struct library library;
	struct schema *schemas;		/* all, the newest first */
	struct schema *buckets[SCHEMA_BUCKETS];
	struct example *examples;	/* of this compilation */
};

/*
 * The schema of the value at the spot, compiled with all that it refers to;
 * faults are counted in the set's library.  Never NULL, but fit for use only
 * when there were no faults, and after schema_link().
 */
struct schema *schema_make(struct schema_set *set, const struct spot *spot,
    struct json_object *value, enum variant variant);

/* Forgets the schemas that were made since `until`. */
void schema_forget(struct schema_set *set, struct schema *until);

/* Finds circles of $ref that consume nothing; each is a fault. */
void schema_find_circles(struct schema_set *set, struct schema *until);

/*
 * Completes the schemas made since `until`: known types, discriminators.
 * There must be no faults and no circles.
 */
void schema_link(struct schema_set *set, struct schema *until);

#endif
