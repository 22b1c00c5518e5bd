/* SPDX-License-Identifier: MIT */
/*
 * In-place applicators: what they apply goes to the same value.  A branch that
 * need not hold is judged by a run of its own, whose tracker is added to the
 * outer one only when it does; so nothing has to be taken back.
 */
#include "contract/run.h"

#include <string.h>

/* What is wrong with a branch of a union, and how near the value came. */
struct weight {
	unsigned count, deepest;
	bool far;
};

static bool
weigh(struct run *run, const struct schema *schema, const struct place *at,
    struct json_object *value, struct weight *ret)
{
	struct run inner = run_inner(run, MODE_COUNT);
	bool go_on;

	if (!run_spend(&inner, 1))
		return false;
	inner.union_at = at;
	go_on = judge_value(&inner, schema, at, value);
	run->steps = inner.steps;
	*ret = (struct weight){ inner.count, inner.deepest, inner.far };
	return go_on;
}

/* < 0: a is nearer. */
static int
weight_compare(const struct weight *a, const struct weight *b)
{
	if (a->far != b->far)
		return a->far ? 1 : -1;
	if (a->deepest != b->deepest)
		return a->deepest > b->deepest ? -1 : 1;
	return (a->count > b->count) - (a->count < b->count);
}

/*
 * A union of which no branch, or more than one, holds: the issues of the
 * nearest branch when one is nearer than all others, else one issue.
 */
static bool
broken_union(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	enum rule rule = a->kind == APPLY_ANY ? RULE_ANY_OF : RULE_ONE_OF;
	struct weight best = { 0, 0, true }, weight;
	size_t nearest = a->count, held = 0;

	for (size_t i = 0; i < a->count; i++) {
		int order;

		if (!weigh(run, a->schemas[i], at, value, &weight))
			return false;
		held += weight.count == 0;
		order = weight.far ? 1 : weight_compare(&weight, &best);
		if (order < 0) {
			best = weight;
			nearest = i;
		} else if (order == 0) {
			nearest = a->count;
		}
	}
	if (held == 1 || (held > 1 && a->kind == APPLY_ANY))
		return true;
	if (held > 0 || nearest == a->count)
		return judge_broken(run, at, rule, NULL);
	if (run->mode == MODE_COUNT) {
		run->count += best.count;
		if (best.deepest > run->deepest)
			run->deepest = best.deepest;
		return true;
	}
	return judge_value(run, a->schemas[nearest], at, value);
}

/* It is a property's name, so it ends with a NUL. */
bool
judge_member_of(struct json_object *value, const struct text *name,
    struct json_object **ret)
{
	struct lh_entry *entry = lh_table_head(json_object_get_object(value));

	for (; entry != NULL; entry = lh_entry_next(entry)) {
		if (strcmp(lh_entry_k(entry), name->at) != 0)
			continue;
		*ret = lh_entry_v(entry);
		return true;
	}
	return false;
}

/* A union told apart by a member: only the branch that it chooses counts. */
static bool
judge_chosen(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	static const struct issue_param expected[PARAMS_MAX] = {
		{ "expected", "\"object\"" }
	}, missing[PARAMS_MAX] = { { "received", "\"missing\"" } };
	const struct discriminator *d = a->discriminator;
	struct place member = { at, d->member.at, d->member.length, 0 };
	struct json_object *told;
	size_t n = NAME_NONE;

	if (json_object_get_type(value) != json_type_object)
		return judge_broken(run, at, RULE_TYPE, expected);
	if (!run_spend(run, (size_t)json_object_object_length(value) / 2))
		return false;
	if (!judge_member_of(value, &d->member, &told))
		return judge_broken(run, &member, RULE_REQUIRED, missing);
	if (json_object_get_type(told) == json_type_string)
		n = names_find(&d->values, json_object_get_string(told),
		    (size_t)json_object_get_string_len(told));
	if (n == NAME_NONE)
		return judge_broken(run, &member, RULE_ENUM, d->params);
	return judge_value(run, a->schemas[d->branches[n]], at, value);
}

/* Does the union hold?  All branches are asked when they are tracked. */
static bool
union_holds(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	size_t held = 0;

	for (size_t i = 0; i < a->count; i++) {
		if (!judge_holds(run, a->schemas[i], at, value))
			continue;
		if (a->kind == APPLY_ANY && run->tracker == NULL)
			return true;
		if (++held > 1 && a->kind == APPLY_ONE)
			return false;
	}
	return held > 0;
}

static bool
judge_union(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	struct tracker *tracker = run->tracker;
	bool go_on;

	if (a->discriminator != NULL)
		return judge_chosen(run, a, at, value);
	if (run->mode == MODE_FLAG)
		return union_holds(run, a, at, value);
	if (tracker != NULL && union_holds(run, a, at, value))
		return true;
	run->tracker = NULL;
	go_on = broken_union(run, a, at, value);
	run->tracker = tracker;
	/* What a broken union would have evaluated, nobody can tell. */
	if (tracker != NULL)
		tracker->all = true;
	return go_on;
}

static bool
judge_condition(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	const struct schema *then;

	if (a->schemas[1] == NULL && a->schemas[2] == NULL &&
	    run->tracker == NULL)
		return true;
	then = judge_holds(run, a->schemas[0], at, value) ? a->schemas[1] :
							    a->schemas[2];
	return then == NULL || judge_value(run, then, at, value);
}

/* What is under `not` evaluates nothing for others. */
static bool
judge_not(struct run *run, const struct applicator *a, const struct place *at,
    struct json_object *value)
{
	struct tracker *tracker = run->tracker;
	bool held;

	run->tracker = NULL;
	held = judge_holds(run, a->schemas[0], at, value);
	run->tracker = tracker;
	return !held || judge_broken(run, at, RULE_NOT, NULL);
}

/* dependentSchemas. */
static bool
judge_with(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	if (json_object_get_type(value) != json_type_object)
		return true;
	if (!run_spend(run, a->count))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (json_object_object_get_ex(value, a->with[i], NULL) &&
		    !judge_value(run, a->schemas[i], at, value))
			return false;
	return true;
}

/* The candidate of the outermost resource that was entered, or the first. */
static const struct schema *
dynamic_target(struct run *run, const struct applicator *a)
{
	const struct schema *target = a->schemas[0];

	for (const struct entry *e = run->scope;
	     e != NULL && run_spend(run, a->count / 16); e = e->outer)
		for (size_t i = 1; i < a->count; i++)
			if (a->schemas[i]->resource == e->resource)
				target = a->schemas[i];
	return target;
}

static bool
judge_kind(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	switch (a->kind) {
	case APPLY_ALL:
		if (!run_spend(run, a->count / 8))
			return false;
		for (size_t i = 0; i < a->count; i++)
			if (!judge_value(run, a->schemas[i], at, value))
				return false;
		return true;
	case APPLY_NOT:
		return judge_not(run, a, at, value);
	case APPLY_IF:
		return judge_condition(run, a, at, value);
	case APPLY_WITH:
		return judge_with(run, a, at, value);
	case APPLY_DYNAMIC:
		return judge_value(run, dynamic_target(run, a), at, value);
	default:
		return judge_union(run, a, at, value);
	}
}

bool
judge_applied(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	bool go_on;

	/* A $dynamicRef may go round without consuming anything. */
	if (run->applied == APPLIED_MAX) {
		run->steps = 0;
		return false;
	}
	run->applied++;
	go_on = judge_kind(run, a, at, value);
	run->applied--;
	return go_on;
}
