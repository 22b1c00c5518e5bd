/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_SCHEMA_H
#define CONTRACT_SCHEMA_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attribute.h"
#include "base/buf.h"
#include "base/scope.h"
#include "contract/contract.h"

/*
 * JSON Schema 2020-12, compiled into instructions.  Private to contract/.
 *
 * A set holds the documents of a contract, read and placed, by file name; it
 * owns all that is compiled from them.
 */
struct schema_set;

/* A set over a directory; free it with the contract. */
struct schema_set *schema_set_new(const char *directory);
void schema_set_free(struct schema_set *set);

/*
 * A variant of an object schema: the members that it takes.  The whole schema
 * serves replies and nested schemas.
 */
enum variant {
	VARIANT_WHOLE,	/* as it stands */
	VARIANT_CREATE,	/* without readOnly; closed */
	VARIANT_UPDATE,	/* without readOnly, x-createOnly; nothing required;
			 * at least one member; closed */
	VARIANT_BODY,	/* as it stands, closed */
};

/*
 * Compiles the document `file` ("schemas/letter.json", relative to the set's
 * directory) and what it refers to.  NULL when there are faults; they are then
 * added as "file:line:column: text" lines, each once.  The result belongs to
 * the set.  The same (file, variant) compiles once.
 */
const struct schema *schema_compile(struct schema_set *set, const char *file,
    enum variant variant, struct buf *faults) MUST_CHECK;

/*
 * The document of a compiled file as it was read, and the member of an object
 * schema's properties by number; for load.c.  false when there are no more.
 */
struct schema_property {
	const char *name;
	size_t line, column;		/* of the name, in the file */
	struct json_object *source;	/* the subschema, $ref resolved */
	unsigned types;
	const char *format;
	bool read_only, write_only, create_only;
	bool required;
	const struct schema *schema;	/* compiled */
};
bool schema_property(const struct schema *schema, size_t number,
    struct schema_property *ret);

/*
 * The schema of an array schema's `items` (a $ref followed), for load.c to
 * read its properties.  NULL when it has none.
 */
const struct schema *schema_items(const struct schema *schema);

/* The top-level types of a schema, as bits; 0 = any. */
unsigned schema_types(const struct schema *schema);

/*
 * Judges a tree.  Flag mode first; issues are collected (into the scope, at
 * `at`) only when that failed.  Returns true when it is valid.
 */
bool schema_judge(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value) MUST_CHECK;

/*
 * Judges a text that stands for a value, of a path or query parameter or a
 * cursor: as a string where the types allow one, else read as the number,
 * boolean that the types allow.  The same issues.
 */
bool schema_judge_text(const struct schema *schema, struct scope *sc,
    const struct place *at, const char *text) MUST_CHECK;

#endif
