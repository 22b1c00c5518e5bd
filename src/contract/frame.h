/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_FRAME_H
#define CONTRACT_FRAME_H

#include "contract/compile.h"

/*
 * One schema object while it is compiled: its keywords, put aside, and what the
 * builders of rules share.  Private to contract/.
 */

/* What the value of a keyword must be. */
enum shape {
	SHAPE_ANY, SHAPE_STRING, SHAPE_BOOLEAN, SHAPE_NUMBER, SHAPE_COUNT,
	SHAPE_SCHEMA, SHAPE_SCHEMAS, SHAPE_SCHEMA_MAP, SHAPE_LIST, SHAPE_NAMES,
	SHAPE_NAMES_MAP, SHAPE_TYPE
};

#define KEYWORDS(K)                                                            \
	K(SCHEMA, "$schema", STRING)                                           \
	K(ID, "$id", STRING)                                                   \
	K(REF, "$ref", STRING)                                                 \
	K(DEFS, "$defs", SCHEMA_MAP)                                           \
	K(COMMENT, "$comment", STRING)                                         \
	K(TITLE, "title", STRING)                                              \
	K(DESCRIPTION, "description", STRING)                                  \
	K(DEFAULT, "default", ANY)                                             \
	K(EXAMPLES, "examples", LIST)                                          \
	K(DEPRECATED, "deprecated", BOOLEAN)                                   \
	K(READ_ONLY, "readOnly", BOOLEAN)                                      \
	K(WRITE_ONLY, "writeOnly", BOOLEAN)                                    \
	K(CREATE_ONLY, "x-createOnly", BOOLEAN)                                \
	K(TYPE, "type", TYPE)                                                  \
	K(ENUM, "enum", LIST)                                                  \
	K(CONST, "const", ANY)                                                 \
	K(MIN_LENGTH, "minLength", COUNT)                                      \
	K(MAX_LENGTH, "maxLength", COUNT)                                      \
	K(PATTERN, "pattern", STRING)                                          \
	K(FORMAT, "format", STRING)                                            \
	K(MINIMUM, "minimum", NUMBER)                                          \
	K(MAXIMUM, "maximum", NUMBER)                                          \
	K(EXCLUSIVE_MINIMUM, "exclusiveMinimum", NUMBER)                       \
	K(EXCLUSIVE_MAXIMUM, "exclusiveMaximum", NUMBER)                       \
	K(MULTIPLE_OF, "multipleOf", NUMBER)                                   \
	K(PROPERTIES, "properties", SCHEMA_MAP)                                \
	K(REQUIRED, "required", NAMES)                                         \
	K(ADDITIONAL_PROPERTIES, "additionalProperties", SCHEMA)               \
	K(MIN_PROPERTIES, "minProperties", COUNT)                              \
	K(MAX_PROPERTIES, "maxProperties", COUNT)                              \
	K(PROPERTY_NAMES, "propertyNames", SCHEMA)                             \
	K(ITEMS, "items", SCHEMA)                                              \
	K(PREFIX_ITEMS, "prefixItems", SCHEMAS)                                \
	K(MIN_ITEMS, "minItems", COUNT)                                        \
	K(MAX_ITEMS, "maxItems", COUNT)                                        \
	K(UNIQUE_ITEMS, "uniqueItems", BOOLEAN)                                \
	K(ALL_OF, "allOf", SCHEMAS)                                            \
	K(ANY_OF, "anyOf", SCHEMAS)                                            \
	K(ONE_OF, "oneOf", SCHEMAS)                                            \
	K(NOT, "not", SCHEMA)                                                  \
	K(IF, "if", SCHEMA)                                                    \
	K(THEN, "then", SCHEMA)                                                \
	K(ELSE, "else", SCHEMA)                                                \
	K(DEPENDENT_REQUIRED, "dependentRequired", NAMES_MAP)

enum keyword {
#define K(name, text, shape) KEYWORD_##name,
	KEYWORDS(K)
#undef K
	KEYWORD_COUNT
};

/* A row of the table of keywords. */
struct keyword_row {
	const char *name;
	enum shape shape;
};
extern const struct keyword_row schema_keywords[KEYWORD_COUNT];

struct frame {
	struct schema_set *set;
	struct library *library;
	struct arena *arena;
	struct schema *schema;
	struct json_object *object;
	struct json_object *value[KEYWORD_COUNT];
	bool given[KEYWORD_COUNT];
};

/*
 * Holds the object's members against the table of keywords: value and given
 * are filled with those of the right shape, the others are faults.
 */
void frame_sort(struct frame *f);

/* Adds a fault at a keyword's value; the text follows its name. */
void frame_fault(const struct frame *f, enum keyword k, const char *format,
    ...) PRINTF_LIKE(3, 4);

/* Where a keyword's value stands, a member of it, an item of a list. */
struct spot frame_spot(const struct frame *f, enum keyword k);
struct spot frame_spot_member(const struct frame *f, enum keyword k,
    const char *name);
struct spot frame_spot_item(const struct frame *f, struct json_object *list,
    size_t index);

/* Is the keyword given and true?  Is any from `first` to `last` given? */
bool frame_is_true(const struct frame *f, enum keyword k);
bool frame_any(const struct frame *f, enum keyword first, enum keyword last);

/* A tree, and a string, as JSON text in the arena. */
const char *frame_json(struct arena *arena, struct json_object *value);
const char *frame_json_string(struct arena *arena, const char *s);

/* What an issue will say: one parameter, or a limit in zod's words. */
const struct issue_param *frame_params(struct arena *arena, const char *name,
    const char *json);
const struct issue_param *frame_params_limit(struct arena *arena,
    const char *name, const char *limit, bool inclusive, const char *origin);

/* A number that counts something; false when it is none. */
bool frame_count(struct json_object *value, size_t *ret);

/* A pair of counts; `least` and `most` are keywords. */
struct span frame_span(struct frame *f, enum keyword least, enum keyword most,
    const enum rule rules[2], const char *origin);

/* The subschema that is a keyword's value; those of a list, into `ret`. */
const struct schema *frame_sub(struct frame *f, enum keyword k);
void frame_sub_list(struct frame *f, enum keyword k, enum variant variant,
    const struct schema **ret);

/*
 * Does the variant judge an update, which may have any of the members?  Does it
 * refuse members that it does not name in any case?
 */
bool variant_is_partial(enum variant variant);
bool variant_is_closed(enum variant variant);

/* The builders: each reads its keywords and completes the schema. */
void rules_types(struct frame *f);
void rules_choices(struct frame *f);
void rules_string(struct frame *f);
void rules_number(struct frame *f);
void rules_array(struct frame *f);
void rules_object(struct frame *f);

#endif
