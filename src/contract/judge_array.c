/* SPDX-License-Identifier: MIT */
/*
 * Arrays.  Items are judged in their order; `contains` stops looking as soon as
 * the verdict is known, unless the items that satisfy it must be noted.
 */
#include "contract/run.h"

#include <stdlib.h>

enum {
	PAIRS_MAX = 16,		/* items that are compared each with each */
	SORT_STEPS = 4,		/* what sorting costs, by item */
	PASSED_ITEMS = 8,	/* that a step is worth if nothing is asked */
};

/* An item by its hash, for finding equal ones. */
struct hashed {
	uint64_t hash;
	size_t index;
};

static int
hashed_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct hashed *)a)->hash;
	uint64_t y = ((const struct hashed *)b)->hash;

	return (x > y) - (x < y);
}

static bool
pairs_differ(struct run *run, struct json_object *array, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (value_equal_within(
				json_object_array_get_idx(array, i),
				json_object_array_get_idx(array, j),
				&run->steps))
				return false;
	return true;
}

/* Sorts by a hash that the client cannot foresee, compares the runs. */
static bool
items_differ(struct run *run, struct json_object *array, size_t count)
{
	struct hashed *items;

	if (count <= PAIRS_MAX)
		return pairs_differ(run, array, count);
	if (!run_spend(run, count * SORT_STEPS))
		return false;
	items = arena_alloc(run->sc->arena, count * sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = (struct hashed){
			value_hash(json_object_array_get_idx(array, i),
			    (uintptr_t)run->sc ^ (uintptr_t)array << 16,
			    &run->steps), i };
	if (run->steps == 0)
		return false;
	qsort(items, count, sizeof(*items), hashed_compare);
	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j-- > 0 && items[j].hash == items[i].hash;)
			if (value_equal_within(
				json_object_array_get_idx(array,
				    items[i].index),
				json_object_array_get_idx(array,
				    items[j].index), &run->steps))
				return false;
	return true;
}

/* How many items satisfy `contains`; no more than are needed to know. */
static size_t
count_matches(struct run *run, const struct array_rules *rules,
    const struct place *at, struct json_object *value, size_t count)
{
	const struct span *matches = &rules->matches;
	size_t enough = matches->most < SIZE_MAX ? matches->most + 1 :
						   matches->least;
	struct tracker *tracker = run->tracker;
	size_t found = 0;

	/* The items' own evaluation is not that of the array. */
	run->tracker = NULL;
	for (size_t i = 0; i < count && (found < enough || tracker != NULL);
	     i++) {
		struct place item = { at, NULL, 0, i };

		if (!judge_holds(run, rules->contains, &item,
			json_object_array_get_idx(value, i)))
			continue;
		found++;
		if (tracker != NULL)
			tracker_mark(tracker, i);
	}
	run->tracker = tracker;
	return found;
}

/* Judges the items by prefixItems and items. */
static bool
judge_items(struct run *run, const struct array_rules *rules,
    const struct place *at, struct json_object *value, size_t count)
{
	struct tracker *tracker = run->tracker;
	bool go_on = true;

	run->tracker = NULL;
	for (size_t i = 0; go_on && i < count; i++) {
		const struct schema *sub = i < rules->prefix_count ?
		    rules->prefix[i] : rules->items;
		struct place item = { at, NULL, 0, i };

		if (sub == NULL)
			break;
		if (tracker != NULL)
			tracker_mark(tracker, i);
		go_on = judge_value(run, sub, &item,
		    json_object_array_get_idx(value, i));
	}
	run->tracker = tracker;
	return go_on;
}

bool
judge_array(struct run *run, const struct array_rules *rules,
    const struct place *at, struct json_object *value)
{
	size_t count = json_object_array_length(value);

	if (!judge_span(run, &rules->length, at, count))
		return false;
	/* Nothing is gained by looking into more items than are taken. */
	if (count > rules->length.most)
		return true;
	if (!run_spend(run, count / PASSED_ITEMS) ||
	    !judge_items(run, rules, at, value, count))
		return false;
	if (rules->contains != NULL && !judge_span(run, &rules->matches, at,
		count_matches(run, rules, at, value, count)))
		return false;
	return !rules->unique || items_differ(run, value, count) ||
	    judge_broken(run, at, RULE_UNIQUE_ITEMS, NULL);
}

bool
judge_unevaluated_items(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value,
    const struct tracker *tracker)
{
	for (size_t i = 0, n = json_object_array_length(value); i < n; i++) {
		struct place item = { at, NULL, 0, i };

		if (!tracker_has(tracker, i) && !judge_value(run, schema,
			&item, json_object_array_get_idx(value, i)))
			return false;
	}
	return true;
}
