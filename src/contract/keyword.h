/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_KEYWORD_H
#define CONTRACT_KEYWORD_H

#include <stddef.h>

/*
 * The keywords of JSON Schema 2020-12: their names, what their values must be
 * and the vocabularies that they are of.  Private to contract/.
 */

/* What the value of a keyword must be. */
enum shape {
	SHAPE_ANY, SHAPE_STRING, SHAPE_BOOLEAN, SHAPE_NUMBER, SHAPE_COUNT,
	SHAPE_SCHEMA, SHAPE_SCHEMAS, SHAPE_SCHEMA_MAP, SHAPE_LIST, SHAPE_NAMES,
	SHAPE_NAMES_MAP, SHAPE_SCHEMA_OR_NAMES_MAP, SHAPE_TYPE
};

/*
 * Vocabularies, as bits; a keyword counts where all of its are in use.  LATEST
 * is what 2020-12 added to the draft before.
 */
enum {
	VOCABULARY_CORE = 1, VOCABULARY_APPLICATOR = 2,
	VOCABULARY_UNEVALUATED = 4, VOCABULARY_VALIDATION = 8,
	VOCABULARY_META_DATA = 16, VOCABULARY_FORMAT = 32,
	VOCABULARY_CONTENT = 64, VOCABULARY_LATEST = 128,
	VOCABULARIES_ALL = 255
};

/*
 * K(name, text, shape, vocabulary); ranges of them are asked for together.
 * "dependencies" is of earlier drafts: the standard's metaschema still knows
 * it, a contract does not.
 */
#define KEYWORDS(K)                                                            \
	K(SCHEMA, "$schema", STRING, CORE)                                     \
	K(ID, "$id", STRING, CORE)                                             \
	K(REF, "$ref", STRING, CORE)                                           \
	K(DYNAMIC_REF, "$dynamicRef", STRING, CORE | VOCABULARY_LATEST)        \
	K(ANCHOR, "$anchor", STRING, CORE)                                     \
	K(DYNAMIC_ANCHOR, "$dynamicAnchor", STRING, CORE | VOCABULARY_LATEST)  \
	K(VOCABULARY, "$vocabulary", ANY, CORE)                                \
	K(DEFS, "$defs", SCHEMA_MAP, CORE)                                     \
	K(COMMENT, "$comment", STRING, CORE)                                   \
	K(TITLE, "title", STRING, META_DATA)                                   \
	K(DESCRIPTION, "description", STRING, META_DATA)                       \
	K(DEFAULT, "default", ANY, META_DATA)                                  \
	K(EXAMPLES, "examples", LIST, META_DATA)                               \
	K(DEPRECATED, "deprecated", BOOLEAN, META_DATA)                        \
	K(READ_ONLY, "readOnly", BOOLEAN, META_DATA)                           \
	K(WRITE_ONLY, "writeOnly", BOOLEAN, META_DATA)                         \
	K(CREATE_ONLY, "x-createOnly", BOOLEAN, META_DATA)                     \
	K(SQL_ARRAY, "x-sqlArray", BOOLEAN, META_DATA)                         \
	K(TYPE, "type", TYPE, VALIDATION)                                      \
	K(ENUM, "enum", LIST, VALIDATION)                                      \
	K(CONST, "const", ANY, VALIDATION)                                     \
	K(MIN_LENGTH, "minLength", COUNT, VALIDATION)                          \
	K(MAX_LENGTH, "maxLength", COUNT, VALIDATION)                          \
	K(PATTERN, "pattern", STRING, VALIDATION)                              \
	K(FORMAT, "format", STRING, FORMAT)                                    \
	K(MINIMUM, "minimum", NUMBER, VALIDATION)                              \
	K(MAXIMUM, "maximum", NUMBER, VALIDATION)                              \
	K(EXCLUSIVE_MINIMUM, "exclusiveMinimum", NUMBER, VALIDATION)           \
	K(EXCLUSIVE_MAXIMUM, "exclusiveMaximum", NUMBER, VALIDATION)           \
	K(MULTIPLE_OF, "multipleOf", NUMBER, VALIDATION)                       \
	K(PROPERTIES, "properties", SCHEMA_MAP, APPLICATOR)                    \
	K(PATTERN_PROPERTIES, "patternProperties", SCHEMA_MAP, APPLICATOR)     \
	K(REQUIRED, "required", NAMES, VALIDATION)                             \
	K(ADDITIONAL_PROPERTIES, "additionalProperties", SCHEMA, APPLICATOR)   \
	K(MIN_PROPERTIES, "minProperties", COUNT, VALIDATION)                  \
	K(MAX_PROPERTIES, "maxProperties", COUNT, VALIDATION)                  \
	K(PROPERTY_NAMES, "propertyNames", SCHEMA, APPLICATOR)                 \
	K(DEPENDENT_REQUIRED, "dependentRequired", NAMES_MAP, VALIDATION)      \
	K(DEPENDENCIES, "dependencies", SCHEMA_OR_NAMES_MAP, APPLICATOR)       \
	K(DEPENDENT_SCHEMAS, "dependentSchemas", SCHEMA_MAP, APPLICATOR)       \
	K(UNEVALUATED_PROPERTIES, "unevaluatedProperties", SCHEMA,             \
	    UNEVALUATED)                                                       \
	K(ITEMS, "items", SCHEMA, APPLICATOR)                                  \
	K(PREFIX_ITEMS, "prefixItems", SCHEMAS,                                \
	    APPLICATOR | VOCABULARY_LATEST)                                    \
	K(CONTAINS, "contains", SCHEMA, APPLICATOR)                            \
	K(MIN_CONTAINS, "minContains", COUNT, VALIDATION)                      \
	K(MAX_CONTAINS, "maxContains", COUNT, VALIDATION)                      \
	K(MIN_ITEMS, "minItems", COUNT, VALIDATION)                            \
	K(MAX_ITEMS, "maxItems", COUNT, VALIDATION)                            \
	K(UNIQUE_ITEMS, "uniqueItems", BOOLEAN, VALIDATION)                    \
	K(UNEVALUATED_ITEMS, "unevaluatedItems", SCHEMA, UNEVALUATED)          \
	K(ALL_OF, "allOf", SCHEMAS, APPLICATOR)                                \
	K(ANY_OF, "anyOf", SCHEMAS, APPLICATOR)                                \
	K(ONE_OF, "oneOf", SCHEMAS, APPLICATOR)                                \
	K(NOT, "not", SCHEMA, APPLICATOR)                                      \
	K(IF, "if", SCHEMA, APPLICATOR)                                        \
	K(THEN, "then", SCHEMA, APPLICATOR)                                    \
	K(ELSE, "else", SCHEMA, APPLICATOR)                                    \
	K(CONTENT_ENCODING, "contentEncoding", STRING, CONTENT)                \
	K(CONTENT_MEDIA_TYPE, "contentMediaType", STRING, CONTENT)             \
	K(CONTENT_SCHEMA, "contentSchema", SCHEMA, CONTENT)

enum keyword {
#define K(name, text, shape, vocabulary) KEYWORD_##name,
	KEYWORDS(K)
#undef K
	KEYWORD_COUNT
};

/* A row of the table of keywords. */
struct keyword_row {
	const char *name;
	enum shape shape;
	unsigned vocabularies;
};
extern const struct keyword_row schema_keywords[KEYWORD_COUNT];

/* The keyword of that name, or KEYWORD_COUNT. */
enum keyword schema_keyword_find(const char *name);

#endif
