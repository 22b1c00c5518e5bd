/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_FRAME_H
#define CONTRACT_FRAME_H

#include "contract/compile.h"
#include "contract/keyword.h"

/*
 * One schema object while it is compiled: its keywords, put aside, and what the
 * builders of rules share.  Private to contract/.
 */

struct frame {
	struct schema_set *set;
	struct library *library;
	struct arena *arena;
	struct schema *schema;
	struct json_object *object;
	const struct dialect *dialect;
	struct json_object *value[KEYWORD_COUNT];
	bool given[KEYWORD_COUNT];
};

/*
 * Holds the object's members against the table of keywords: value and given
 * are filled with those of the right shape, the others are faults.  What is no
 * keyword, or of a vocabulary that is not in use, is ignored; the former is a
 * fault in a contract unless its name begins with "x-".
 */
void frame_sort(struct frame *f);

/*
 * Adds a fault at a keyword's value; the text follows its name.  An objection
 * is a fault in a contract alone: the standard has nothing against it.
 */
void frame_fault(const struct frame *f, enum keyword k, const char *format,
    ...) PRINTF_LIKE(3, 4);
void frame_object(const struct frame *f, enum keyword k, const char *format,
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

/* The pattern of a keyword; NULL after a fault at the spot. */
const struct schema_pattern *rules_pattern(struct frame *f,
    const struct spot *spot, enum keyword k, const char *text, size_t length);

#endif
