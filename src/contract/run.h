/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_RUN_H
#define CONTRACT_RUN_H

#include "contract/gate.h"

/*
 * A run of a schema over a value: what judge*.c share.  Private to contract/.
 *
 * Invariant: every judge_ function returns whether to go on; in MODE_FLAG false
 * means that the value is not valid, in the other modes that the steps are used
 * up, or that there are issues enough.  Whether something is broken in those is
 * told by the run's count.
 */
enum {
	TRACKER_WORDS = NAMES_MAX / 64,	/* of a tracker on the stack */
	APPLIED_MAX = 1000,	/* in-place applicators, one in the other */
};

/* What a step is worth, which is about 20 ns. */
enum {
	PATTERN_STEPS = 4,
	COUNTED_BYTES = 32,	/* of a string whose length is asked for */
	PROBED = 8,		/* names of one hash */
	COMPARED = 16,		/* doubles */
};

/* FLAG stops at the first fault, COUNT weighs, COLLECT writes issues. */
enum mode { MODE_FLAG, MODE_COUNT, MODE_COLLECT };

/*
 * Which members or items of one object or array were evaluated, by their
 * number.  Kept only below a schema that asks for what was not.
 */
struct tracker {
	uint64_t *bits;
	size_t words;
	bool all;		/* whatever the bits say */
};

/* The resources that were entered, the innermost first: the dynamic scope. */
struct entry {
	const struct entry *outer;
	const struct schema_resource *resource;
};

struct run {
	struct scope *sc;
	enum mode mode;
	unsigned steps;			/* left */
	unsigned count;			/* of broken rules */
	unsigned deepest;		/* place of one, in frames */
	unsigned applied;		/* in-place applicators that are open */
	const struct place *union_at;	/* MODE_COUNT: of the branch */
	bool far;			/* it is not of this kind at all */
	struct tracker *tracker;	/* of the value at hand, or NULL */
	const struct entry *scope;
};

/* A run of another mode over the same or an inner value, without tracker. */
static inline struct run
run_inner(const struct run *run, enum mode mode)
{
	return (struct run){ .sc = run->sc, .mode = mode, .steps = run->steps,
		.applied = run->applied, .scope = run->scope };
}

/*
 * Takes steps for work that is no judge_value(): about 20 ns of it each.  false
 * when there are too few; the run ends.
 */
static inline bool
run_spend(struct run *run, size_t steps)
{
	if (run->steps <= steps) {
		run->steps = 0;
		return false;
	}
	run->steps -= (unsigned)steps;
	return true;
}

/* ---- judge.c ---- */

/* The steps of a string's length and format. */
static inline size_t
judge_string_weight(const struct string_rules *rules, size_t length)
{
	size_t weight = length / COUNTED_BYTES;

	/* A few bytes more, as there is something to begin with. */
	if (rules->format != NULL)
		weight += (length + 8) * rules->format->weight / 16;
	return weight;
}

/* Judges a value by a schema. */
bool judge_value(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value);

/* A rule is broken at a place. */
bool judge_broken(struct run *run, const struct place *at, enum rule rule,
    const struct issue_param *params);

/* Breaks a rule when n is not within the span. */
bool judge_span(struct run *run, const struct span *span,
    const struct place *at, size_t n);

/*
 * Does the pattern match?  When it takes too long, nobody knows: the run ends
 * and the value is refused, also where it must not match.
 */
bool judge_matches(struct run *run, const struct schema_pattern *pattern,
    const char *s, size_t length);

bool judge_string(struct run *run, const struct string_rules *rules,
    const struct place *at, const char *s, size_t length);
bool judge_number(struct run *run, const struct number_rules *rules,
    const struct place *at, struct json_object *value);

/* Is a number of that type certainly within the bounds? */
static inline bool
judge_number_within(const struct number_rules *rules, enum json_type type,
    struct json_object *value)
{
	int64_t i;
	double d;

	if (type == json_type_int) {
		i = json_object_get_int64(value);
		return i >= rules->least && i <= rules->most;
	}
	d = json_object_get_double(value);
	return d > rules->below && d < rules->above;
}

/* Is the value one of those of an enum or const? */
bool judge_choice(struct run *run, const struct choice *choice,
    struct json_object *value);

/*
 * Is it valid?  In flag mode, whatever the mode outside.  What it evaluated
 * goes to the run's tracker if it is.
 */
bool judge_holds(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value);

/* Adds the issues of a value that is not valid, within the steps. */
void judge_collect(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value, unsigned *steps);

/* ---- judge_array.c, judge_object.c, judge_applied.c ---- */

bool judge_array(struct run *run, const struct array_rules *rules,
    const struct place *at, struct json_object *value);
bool judge_object(struct run *run, const struct object_rules *rules,
    const struct place *at, struct json_object *value);
bool judge_applied(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value);

/* The discriminator's member of an object; false when there is none. */
bool judge_member_of(struct json_object *value, const struct text *name,
    struct json_object **ret);

/* What the tracker has not seen must satisfy the schema. */
bool judge_unevaluated_items(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value,
    const struct tracker *tracker);
bool judge_unevaluated_members(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value,
    const struct tracker *tracker);

/* ---- judge_gate.c ---- */

/* Does the gate let it pass?  In flag mode, where nobody tracks. */
bool judge_gate(struct run *run, const struct gate *gate,
    struct json_object *value);

/* ---- trackers ---- */

static inline void
tracker_mark(struct tracker *tracker, size_t number)
{
	tracker->bits[number / 64] |= UINT64_C(1) << number % 64;
}

static inline bool
tracker_has(const struct tracker *tracker, size_t number)
{
	return tracker->all ||
	    (tracker->bits[number / 64] >> number % 64 & 1) != 0;
}

/* An empty one of as many words; `few` is used if they fit. */
static inline struct tracker
tracker_new(struct run *run, size_t words, uint64_t few[TRACKER_WORDS])
{
	struct tracker tracker = { few, words, false };

	/* Those of many items are memory that lasts as long as the scope. */
	(void)run_spend(run, words);
	if (words > TRACKER_WORDS)
		tracker.bits = arena_alloc(run->sc->arena, words * 8);
	else
		for (size_t i = 0; i < words; i++)
			few[i] = 0;
	return tracker;
}

#endif
