/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_GATE_H
#define CONTRACT_GATE_H

#include "contract/compile.h"

/*
 * Gates: the schemas that most contracts have, for flag mode.  What gate.c
 * makes and judge_gate.c runs.  Private to contract/.
 *
 * A gate is all that one schema asks of a value: what its $ref and allOf ask is
 * merged into it, so that an object is walked once, and what its other
 * applicators ask is told by the names that this walk has found.  So a gate
 * wants the names of all of them to be few, and what they ask to be of the
 * usual kind; any other schema is left to the general run (judge.c).
 *
 * NULL in place of a gate asks nothing.
 */
enum { GATE_NAMES_MAX = 64 };	/* bits of a mask */

/*
 * A name of an object gate, and what is asked of its member.  Those of a walk
 * end with one that has a name which no member has, for a walk that expects
 * none; nothing would happen if a member had it.
 */
struct slot {
	const char *name;
	const struct gate *gate;
	uint64_t bit;			/* in masks; 0 at the end */
	unsigned number;		/* among the names of the walk */
	const struct slot *next;	/* of a walk: expected then */
};

/* dependentRequired: with that member, those. */
struct need {
	uint64_t with, required;
};

/*
 * Of a walk: the slots are all names, in their number's order.  Of a branch:
 * they are its properties, whose members the walk around it has kept.
 */
struct gate_object {
	const struct slot *slots;
	size_t slot_count;
	uint64_t required;
	uint64_t evaluates;		/* its properties */
	size_t least, most;		/* members */
	unsigned weight;		/* of a walk: the steps of a member */
	const struct need *needs;
	size_t need_count;
	const struct gate_object *next;	/* of the same branch */

	/* Of a walk alone. */
	struct names names;
	const struct gate *unknown;	/* members without a slot */
	const struct gate *name;	/* propertyNames */
	bool tracked;			/* what is left satisfies `rest` */
	bool kept;			/* for that, or to judge names */
	const struct gate *rest;	/* NULL: anything does */
};

struct gate_array {
	const struct array_rules *rules;
	const struct gate *const *prefix;
	size_t prefix_count;
	const struct gate *items;
	bool general;			/* contains, uniqueItems */
};

/* An in-place applicator other than $ref and allOf. */
struct fork {
	enum applicator_kind kind;
	size_t count;
	const struct gate *const *branches;
	const struct discriminator *discriminator;
	const uint64_t *with;		/* APPLY_WITH: a bit for each */
};

enum { GATE_CHOICES_MAX = 4, GATE_FORKS_MAX = 16 };

struct gate {
	unsigned takes;			/* types, a bit for each json_type */
	unsigned plain;			/* those without more than rules */
	bool listed;			/* `strings` tells all of strings */
	bool any_string;		/* is right; if not, certainly are: */
	size_t least, most;		/* strings of so many bytes */
	int64_t lowest, highest;	/* integers, if there are rules */
	const struct names *strings;	/* it is one of them; NULL: any */
	const struct string_rules *string;
	const struct number_rules *number;
	const struct gate_array *array;
	const struct gate_object *object;

	/* What few gates have. */
	unsigned weight;		/* as a branch: its steps */
	bool whole;			/* takes doubles without a fraction */
	const struct choice *choices[GATE_CHOICES_MAX];
	size_t choice_count;
	const struct fork *const *forks;
	size_t fork_count;
	const struct gate *const *also;	/* gates of the same value */
	size_t also_count;
	const struct schema *general;	/* no gate: the schema itself */
};

/*
 * Makes the gates of all schemas made since `until`, which are linked.  They
 * are const from then on.
 */
void schema_gate(struct schema_set *set, struct schema *until);

#endif
