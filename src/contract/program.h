/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_PROGRAM_H
#define CONTRACT_PROGRAM_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "contract/document.h"
#include "contract/format.h"
#include "contract/names.h"
#include "contract/pattern.h"
#include "contract/schema.h"
#include "contract/value.h"

/*
 * The instruction set: what compile.c makes, link.c completes and judge*.c
 * run.  Private to contract/.
 *
 * A schema is a struct with what it asks of each type, NULL where it asks
 * nothing, its in-place applicators, and what applies to the members and items
 * that all these left out.  All is const once schema_compile() has returned.
 * What an issue will say is made here as well: `params` are
 * ready JSON texts, always PARAMS_MAX of them, the unused with the name NULL.
 */
enum {
	PARAMS_MAX = 3,
	NAMES_MAX = 1024,		/* of one object schema */
	SEEN_WORDS = NAMES_MAX / 64,
};

struct choice_number {
	double nearest;
	struct number exact;
};

/* enum, or const. */
struct choice {
	struct names strings;
	struct json_object *const *others;	/* what is not a string */
	size_t other_count;
	const struct choice_number *numbers;	/* those of the others */
	size_t number_count;
	enum rule rule;
	const struct issue_param *params;
};

/* minLength and maxLength, minItems and maxItems, ... */
struct span {
	size_t least, most;		/* 0, SIZE_MAX */
	enum rule least_rule, most_rule;
	const struct issue_param *least_params, *most_params;
};

struct string_rules {
	struct span length;		/* in code points */
	const struct schema_pattern *pattern;
	const struct issue_param *pattern_params;
	const struct format *format;
	const struct issue_param *format_params;
};

struct bound {
	enum rule rule;
	struct number number;
	const struct issue_param *params;
};

/*
 * Besides the exact bounds, what decides for most numbers: an integer from
 * least to most is within them, and so is a double between below and above,
 * neither included, as rounding never passes a number that a double can hold.
 * Of others nothing is said.
 */
struct number_rules {
	int64_t least, most;
	double below, above;
	struct bound bounds[4];
	size_t bound_count;
	struct number divisor;		/* digits 0 = none */
	const struct issue_param *divisor_params;
};

struct array_rules {
	struct span length;
	const struct schema *const *prefix;
	size_t prefix_count;
	const struct schema *items;	/* after the prefix; NULL = any */
	const struct schema *contains;	/* or NULL */
	struct span matches;		/* how many items that satisfies */
	bool unique;
};

/* dependentRequired: when member `with` is there, so must the others be. */
struct dependency {
	size_t with;
	const size_t *required;
	size_t required_count;
	const struct issue_param *params;
};

/* patternProperties: members whose name matches satisfy the schema. */
struct member_pattern {
	const struct schema_pattern *pattern;
	const struct schema *schema;
};

/*
 * The names of an object schema are numbered: those of `properties`, in their
 * order, then those that only `required` or `dependentRequired` name.
 */
struct object_rules {
	struct names names;
	const struct schema *const *members;	/* NULL: no property */
	size_t words;			/* of the masks */
	uint64_t required[SEEN_WORDS];
	const struct member_pattern *patterns;
	size_t pattern_count;
	bool closed;			/* other members are refused: */
	enum rule closed_rule;		/* by RULE_UNKNOWN or UNEVALUATED */
	const struct schema *additional;	/* NULL = any */
	const struct schema *name_schema;	/* propertyNames, or NULL */
	const struct dependency *dependencies;
	size_t dependency_count;
	struct span size;
};

/*
 * A union whose branches are told apart by one member: each requires an object
 * with that member, a const or enum of strings, none in two branches.
 */
struct discriminator {
	struct text member;
	struct names values;
	const size_t *branches;		/* by the value's number */
	const struct issue_param *params;
};

enum applicator_kind {
	APPLY_ALL, APPLY_ANY, APPLY_ONE, APPLY_NOT, APPLY_IF, APPLY_WITH,
	APPLY_DYNAMIC
};

/* An in-place applicator: what it applies goes to the same value. */
struct applicator {
	enum applicator_kind kind;
	const struct schema *const *schemas;	/* APPLY_IF: if, then, else */
	size_t count;
	const struct discriminator *discriminator;	/* or NULL */
	const char *const *with;	/* APPLY_WITH: a member for each */
};

/* A property, as load.c asks for it. */
struct property {
	const char *name;
	size_t line, column;
	bool read_only, write_only, create_only;
	bool required;
	const struct schema *schema;
};

struct schema {
	unsigned types;			/* type_bit; 0 = any */
	bool idle;			/* everything is valid */
	bool never;			/* nothing is: the schema false */
	bool mixed;			/* there is more than rules of a type */
	bool special;			/* one of the next two, or entered */
	/* What satisfies the members, items that nothing else evaluated. */
	const struct schema *unevaluated_members, *unevaluated_items;
	/* The resource that it is in, which a run enters; NULL: no matter. */
	const struct schema_resource *entered;
	const struct issue_param *type_params;
	const struct choice *enumeration, *constant;
	const struct string_rules *string;
	const struct number_rules *number;
	const struct array_rules *array;
	const struct object_rules *object;
	const struct applicator *applicators;
	size_t applicator_count;
	const struct gate *gate;	/* of flag mode */

	/* What is known of it beside its rules. */
	enum variant variant;
	struct json_object *source;
	struct spot spot;
	const struct schema_resource *resource;
	const struct schema *reference;	/* by $ref, or NULL */
	struct spot reference_spot;
	bool read_only, write_only, create_only, sql_array;
	const struct property *properties;
	size_t property_count;
	unsigned known_types;		/* with those of what it refers to */
	const char *known_format;

	/* While compiling. */
	struct schema *next;		/* made before this one */
	struct schema *chain;		/* of the same bucket */
	unsigned state;			/* of the search for cycles */
	unsigned height;		/* schemas in place below it */
};

#endif
