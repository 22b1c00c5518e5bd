/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_COMPILE_H
#define CONTRACT_COMPILE_H

#include "contract/program.h"

enum { SCHEMA_BUCKETS = 1024 };

enum {
	NESTED_MAX = 1000,	/* schemas within schemas, by $ref as well */
	IN_PLACE_MAX = 250,	/* of them applied to the same value */
};

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

/*
 * A $dynamicRef that names a $dynamicAnchor.  What it refers to is known when
 * all is made: any resource in use that has the anchor may be meant.
 */
struct dynamic_ref {
	struct dynamic_ref *next;
	struct schema *schema;
	struct applicator *applicator;	/* of the schema */
	const char *anchor;
	enum variant variant;
};

/* A schema that was asked for, by its document. */
struct compiled {
	struct compiled *next;
	const struct document *document;
	const struct schema *schema;
};

struct schema_set {
	struct library library;
	bool assert_format;
	struct schema *schemas;		/* all, the newest first */
	struct schema *buckets[SCHEMA_BUCKETS];
	struct compiled *compiled;
	unsigned nested;		/* schemas that are being made */
	struct example *examples;	/* of this compilation */
	struct dynamic_ref *dynamic;	/* of this compilation */
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

/*
 * Makes what $dynamicRefs may refer to, so that they are complete.  With one
 * candidate, or one of the resource of `root`, which runs begin with, it is as
 * good as a $ref; else the schemas made since `until` tell runs the resource
 * that they are in.
 */
void schema_settle_dynamic(struct schema_set *set, const struct schema *root,
    struct schema *until);

/* Finds circles of $ref that consume nothing; each is a fault. */
void schema_find_circles(struct schema_set *set, struct schema *until);

/*
 * Completes the schemas made since `until`: known types, discriminators.
 * There must be no faults and no circles.
 */
void schema_link(struct schema_set *set, struct schema *until);

/*
 * Resolves unevaluatedProperties and unevaluatedItems of a schema that is
 * linked otherwise, where what is evaluated does not depend on the value; else
 * they are left to the run.
 */
void schema_settle_unevaluated(struct arena *arena, struct schema *schema);

#endif
