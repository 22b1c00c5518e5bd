/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_WALK_H
#define CONTRACT_WALK_H

#include "contract/annotate.h"
#include "contract/run.h"

enum { BYTES_A_STEP = 32 };	/* of text that is kept */

/*
 * A walk of a schema's outline over a document: what annotate*.c share.
 * Private to contract/.
 *
 * Invariant: a walk_ function returns whether what it looked at holds.  What
 * does not hold has left errors and no annotation; whoever forgives it takes
 * the errors back.
 */
struct walk {
	const struct outline *outline;
	struct arena *arena;
	struct scope sc;		/* the judge's issues; its arena is
					 * emptied after each question */
	struct output *output;
	struct buf way, at;		/* the keyword, the value: pointers */
	unsigned steps;			/* left; 0 ends all */
	unsigned depth;			/* schemas applied, one in the other */
	unsigned references;		/* of them by reference */
	struct tracker *tracker;	/* of the value at hand, or NULL */
	const struct entry *scope;	/* the resources that were entered */
};

/* A schema object at a value. */
struct visit {
	const struct node *node;
	struct json_object *value;
	enum json_type type;
	size_t count;			/* members or items of the value */
};

/* What a keyword does at a visit; true: it holds. */
typedef bool word_function(struct walk *walk, const struct visit *visit,
    const struct word *word);

/* ---- annotate_tell.c: where it is, and what it finds ---- */

/* How far a walk had come. */
struct mark {
	size_t way, at, errors, annotations;
};

struct mark walk_mark(const struct walk *walk);

/* Goes back to where the mark was made; errors and annotations stay. */
void walk_return(struct walk *walk, const struct mark *mark);

/* Takes steps; false when there are no more. */
bool walk_spend(struct walk *walk, size_t steps);

/* Goes on to a member or an item of the value. */
void walk_member(struct walk *walk, const char *name);
void walk_item(struct walk *walk, size_t index);

/* Adds an error of the keyword, with the sentence of a rule; false. */
bool walk_broken(struct walk *walk, const struct visit *visit,
    const struct word *word, enum rule rule, const struct issue_param *param);

/* The same with the issues of the walk's scope, which are taken back. */
bool walk_broken_so(struct walk *walk, const struct visit *visit,
    const struct word *word);

/* Adds an annotation by the keyword, a JSON text. */
void walk_note(struct walk *walk, const struct visit *visit,
    const struct word *word, const char *text, size_t length);

/* ---- annotate.c: schemas ---- */

/*
 * Judges a value by the schema that stands at `source` in the text, to which
 * the way leads; what it evaluates goes to the tracker, holding or not.
 */
bool walk_apply(struct walk *walk, struct json_object *source,
    struct json_object *value);

/* The same, of a schema that need not hold: if not, it evaluated nothing. */
bool walk_branch(struct walk *walk, struct json_object *source,
    struct json_object *value);

/* The same, of a member or item, whose evaluation is its own. */
bool walk_child(struct walk *walk, struct json_object *source,
    struct json_object *value);

/* Asks the judge what the keyword asserts; nothing if it does not. */
word_function walk_assertion;

/* ---- annotate_applied.c, annotate_object.c, annotate_array.c ---- */

word_function walk_all, walk_union, walk_not, walk_condition, walk_dependent,
    walk_reference;
word_function walk_properties, walk_pattern_properties,
    walk_additional_properties, walk_property_names,
    walk_unevaluated_properties;
word_function walk_prefix_items, walk_items, walk_contains,
    walk_unevaluated_items;

#endif
