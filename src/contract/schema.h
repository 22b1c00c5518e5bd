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

/*
 * How schemas are read.  Without `contract` it is the plain standard: unknown
 * keywords are ignored, formats are annotations unless the metaschema's
 * vocabulary has them assert.
 */
struct schema_options {
	bool contract;		/* the profile of contracts: unknown keywords
				 * (but x-...), contradictions, older drafts are
				 * faults; formats assert; defaults and examples
				 * are judged */
	bool assert_format;	/* without contract: formats assert as well */
};

/*
 * A set over a directory, which files that $ref names by relative path are
 * read from; free it with the contract.
 */
struct schema_set *schema_set_new(const char *directory,
    const struct schema_options *options);
void schema_set_free(struct schema_set *set);

/*
 * Registers a document under a URI (that it could be fetched from), and by the
 * $id that it states, so that $ref and $schema can name it.  The file may be
 * anywhere.  A URI that is known already keeps its document.  false after a
 * fault: it cannot be read, is not JSON, or the URI is not absolute.
 */
bool schema_set_register(struct schema_set *set, const char *uri,
    const char *path, struct buf *faults) MUST_CHECK;

/*
 * A variant of an object schema: the members that it takes.  The whole schema
 * serves replies and nested schemas.  The others need "type": "object" and
 * "properties" at the top of the file; nested schemas are taken whole.
 */
enum variant {
	VARIANT_WHOLE,	/* as it stands */
	VARIANT_CREATE,	/* without readOnly; closed */
	VARIANT_UPDATE,	/* without readOnly, x-createOnly; nothing required;
			 * at least one member; closed; what concerns several
			 * members at once (anyOf, oneOf, not, if,
			 * dependentRequired at the top) is not judged, as the
			 * others are not known: the database's constraints do;
			 * allOf and $ref at the top are, nothing required */
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
 * The same of a text that the URI stands for, both of which must outlive the
 * set: one of ours, not a file of the contract.
 */
const struct schema *schema_compile_text(struct schema_set *set,
    const char *uri, const char *text, struct buf *faults) MUST_CHECK;

/*
 * The property of a compiled object schema by number, in the file's order;
 * those that the variant takes.  For load.c.  false when there are no more.
 */
struct schema_property {
	const char *name;
	size_t line, column;		/* of the name, in the file */
	struct json_object *source;	/* the subschema, $ref resolved */
	unsigned types;
	const char *format;
	unsigned item_types;		/* of an array's items */
	const char *item_format;
	bool read_only, write_only, create_only, sql_array;
	bool required;
	const struct schema *schema;	/* compiled */
};
bool schema_property(const struct schema *schema, size_t number,
    struct schema_property *ret);

/* The schema that a chain of $ref ends at; itself when it is none. */
const struct schema *schema_target(const struct schema *schema);

/*
 * The schema of an array schema's `items` (a $ref followed), for load.c to
 * read its properties.  NULL when it has none.
 */
const struct schema *schema_items(const struct schema *schema);

/*
 * The top-level types of a schema, as bits; 0 = any.  What $ref, allOf, anyOf,
 * oneOf, enum and const say of the types is taken in.
 */
unsigned schema_types(const struct schema *schema);

/*
 * Judges a tree.  Flag mode first; issues are collected (into the scope, at
 * `at`) only when that failed.  Returns true when it is valid.  Any number of
 * threads may use a schema.  Issues come in the order of the payload's members,
 * then unknown members (one issue), then missing ones in the schema's order,
 * then those of allOf, anyOf, oneOf, if, not.  What would take more than
 * SCHEMA_STEPS_MAX steps of some 20 ns, for both passes of all values of the
 * scope, is refused with RULE_COMPLEXITY; when they are used up while issues are collected,
 * issues_truncated is set.
 */
bool schema_judge(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value) MUST_CHECK;

/*
 * The same within a bound of the caller's, from which what was done is taken.
 * All that schema_judge() judges with one scope shares SCHEMA_STEPS_MAX.
 */
enum { SCHEMA_STEPS_MAX = 250000 };
bool schema_judge_within(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value, unsigned *steps)
    MUST_CHECK;

/*
 * Judges a text that stands for a value, of a path or query parameter or a
 * cursor: as a string where the types allow one, else read as the number,
 * boolean that the types allow, as JSON writes them, without blanks; 1.0 is no
 * integer here.  The same issues.
 */
bool schema_judge_text(const struct schema *schema, struct scope *sc,
    const struct place *at, const char *text) MUST_CHECK;

#endif
