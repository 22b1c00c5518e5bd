/* SPDX-License-Identifier: MIT */
/*
 * Keywords that apply schemas to the items of an array.  As with members, an
 * item counts as evaluated whether it held or not.  Annotations are those of
 * the standard: the last index of prefixItems, true for `items`, the indexes
 * of contains; or true where that is all of the array.
 */
#include "contract/frame.h"
#include "contract/walk.h"

#include <string.h>

static size_t
prefix_count(const struct visit *visit)
{
	const struct word *prefix = node_word(visit->node,
	    KEYWORD_PREFIX_ITEMS);

	return prefix != NULL ? json_object_array_length(prefix->value) : 0;
}

/* Applies a schema to an item; `below` is its index in the keyword's list. */
static bool
apply(struct walk *walk, const struct visit *visit, const struct word *word,
    const size_t *below, struct json_object *source, size_t index)
{
	struct mark mark = walk_mark(walk);
	bool held;

	pointer_add(&walk->way, word->name);
	if (below != NULL)
		pointer_add_index(&walk->way, *below);
	walk_item(walk, index);
	held = walk_child(walk, source,
	    json_object_array_get_idx(visit->value, index));
	walk_return(walk, &mark);
	return held;
}

static void
note_true(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	walk_note(walk, visit, word, "true", 4);
}

/* Adds a text that was made for it. */
static void
note(struct walk *walk, const struct visit *visit, const struct word *word,
    const char *text)
{
	walk_note(walk, visit, word, text, strlen(text));
}

bool
walk_prefix_items(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	size_t count = prefix_count(visit);
	bool held = true;

	if (visit->type != json_type_array || visit->count == 0)
		return true;
	if (count > visit->count)
		count = visit->count;
	for (size_t i = 0; i < count && walk_spend(walk, 1); i++) {
		if (walk->tracker != NULL)
			tracker_mark(walk->tracker, i);
		held &= apply(walk, visit, word, &i,
		    json_object_array_get_idx(word->value, i), i);
	}
	if (held && count == visit->count)
		note_true(walk, visit, word);
	else if (held)
		note(walk, visit, word, arena_format(walk->arena, "%zu",
		    count - 1));
	return held;
}

/* Applies the keyword's schema to the items from `first` on that are left. */
static bool
apply_rest(struct walk *walk, const struct visit *visit,
    const struct word *word, size_t first, const struct tracker *seen)
{
	bool held = true, any = false;

	for (size_t i = first; i < visit->count && walk_spend(walk, 1); i++) {
		if (seen != NULL && tracker_has(seen, i))
			continue;
		any = true;
		if (walk->tracker != NULL)
			tracker_mark(walk->tracker, i);
		held &= apply(walk, visit, word, NULL, word->value, i);
	}
	if (any && held)
		note_true(walk, visit, word);
	return held;
}

bool
walk_items(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	return visit->type != json_type_array ||
	    apply_rest(walk, visit, word, prefix_count(visit), NULL);
}

bool
walk_unevaluated_items(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	return visit->type != json_type_array ||
	    apply_rest(walk, visit, word, 0, walk->tracker);
}

/* Which items hold: their indexes as a JSON text into `b`; the count. */
static size_t
count_matches(struct walk *walk, const struct visit *visit,
    const struct word *word, struct buf *b)
{
	size_t found = 0;

	for (size_t i = 0; i < visit->count && walk_spend(walk, 1); i++) {
		struct mark mark = walk_mark(walk);
		bool held = apply(walk, visit, word, NULL, word->value, i);

		/* One that does not is nothing to complain of. */
		walk->output->errors.count = mark.errors;
		if (!held)
			continue;
		buf_format(b, "%c%zu", found++ == 0 ? '[' : ',', i);
		if (walk->tracker != NULL)
			tracker_mark(walk->tracker, i);
	}
	buf_string(b, found == 0 ? "[]" : "]");
	return found;
}

/* Holds a count against one of the keywords that bound it. */
static bool
count_holds(struct walk *walk, const struct visit *visit,
    const struct word *word, size_t found, bool least)
{
	const char *name = least ? "minimum" : "maximum";
	size_t limit;

	if (word == NULL || !frame_count(word->value, &limit) ||
	    (least ? found >= limit : found <= limit))
		return true;
	return walk_broken(walk, visit, word,
	    least ? RULE_MIN_CONTAINS : RULE_MAX_CONTAINS,
	    &(struct issue_param){ name,
		frame_json(walk->sc.arena, word->value) });
}

bool
walk_contains(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	const struct word *least = node_word(visit->node,
	    KEYWORD_MIN_CONTAINS);
	struct buf b;
	size_t found;
	bool held;

	if (visit->type != json_type_array)
		return true;
	buf_init(&b, SIZE_MAX / 8);
	found = count_matches(walk, visit, word, &b);
	held = (least != NULL || found > 0 || walk_broken(walk, visit, word,
	    RULE_CONTAINS, NULL)) &&
	    count_holds(walk, visit, least, found, true);
	held &= count_holds(walk, visit,
	    node_word(visit->node, KEYWORD_MAX_CONTAINS), found, false);
	if (held && found > 0 && found == visit->count)
		note_true(walk, visit, word);
	else if (held)
		walk_note(walk, visit, word, arena_copy(walk->arena, b.at,
		    b.length), b.length);
	buf_release(&b);
	return held && walk->steps > 0;
}
