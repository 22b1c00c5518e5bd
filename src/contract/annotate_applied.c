/* SPDX-License-Identifier: MIT */
/*
 * Keywords that apply schemas to the same value.  Each branch of a union is
 * walked, also when the verdict is known, as each that holds annotates; the
 * errors of those that do not are forgiven when the union holds.
 */
#include "contract/walk.h"

/* How a schema is applied: walk_apply, walk_branch. */
typedef bool apply_function(struct walk *walk, struct json_object *source,
    struct json_object *value);

/* Applies a schema below the keyword: /allOf/0, /dependentSchemas/name. */
static bool
apply_below(struct walk *walk, const struct visit *visit, const char *name,
    size_t index, struct json_object *source, apply_function *apply)
{
	struct mark mark = walk_mark(walk);
	bool held;

	if (name != NULL)
		pointer_add(&walk->way, name);
	else
		pointer_add_index(&walk->way, index);
	held = apply(walk, source, visit->value);
	walk_return(walk, &mark);
	return held;
}

/* Applies the schema that is the value of a keyword. */
static bool
apply_word(struct walk *walk, const struct visit *visit,
    const struct word *word, apply_function *apply)
{
	return word == NULL || apply_below(walk, visit, word->name, 0,
	    word->value, apply);
}

bool
walk_all(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	size_t way = walk->way.length;
	bool held = true;

	pointer_add(&walk->way, word->name);
	for (size_t i = 0; i < json_object_array_length(word->value); i++)
		held &= apply_below(walk, visit, NULL, i,
		    json_object_array_get_idx(word->value, i), walk_apply);
	buf_rewind(&walk->way, way);
	return held;
}

/* What a broken union would have evaluated, nobody can tell. */
static bool
broken_union(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	if (walk->tracker != NULL)
		walk->tracker->all = true;
	return walk_broken(walk, visit, word,
	    word->keyword == KEYWORD_ANY_OF ? RULE_ANY_OF : RULE_ONE_OF, NULL);
}

bool
walk_union(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	struct mark mark = walk_mark(walk);
	struct output *output = walk->output;
	size_t held = 0;

	pointer_add(&walk->way, word->name);
	for (size_t i = 0; i < json_object_array_length(word->value); i++)
		held += apply_below(walk, visit, NULL, i,
		    json_object_array_get_idx(word->value, i), walk_branch);
	walk_return(walk, &mark);
	if (held > 0)
		output->errors.count = mark.errors;
	if (held == 1 || (held > 1 && word->keyword == KEYWORD_ANY_OF))
		return true;
	output->annotations.count = mark.annotations;
	return broken_union(walk, visit, word);
}

/* What is under `not` evaluates nothing for others, and tells nothing. */
bool
walk_not(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	struct mark mark = walk_mark(walk);
	struct tracker *tracker = walk->tracker;
	bool held;

	walk->tracker = NULL;
	held = apply_word(walk, visit, word, walk_apply);
	walk->tracker = tracker;
	walk->output->errors.count = mark.errors;
	walk->output->annotations.count = mark.annotations;
	return !held || walk_broken(walk, visit, word, RULE_NOT, NULL);
}

bool
walk_condition(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	struct mark mark = walk_mark(walk);
	bool held = apply_word(walk, visit, word, walk_branch);

	walk->output->errors.count = mark.errors;
	return apply_word(walk, visit, node_word(visit->node,
	    held ? KEYWORD_THEN : KEYWORD_ELSE), walk_apply);
}

/* dependentSchemas, and the schemas of its elder, dependencies. */
bool
walk_dependent(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	size_t way = walk->way.length;
	bool held = true;

	if (visit->type != json_type_object)
		return true;
	pointer_add(&walk->way, word->name);
	json_object_object_foreach(word->value, name, sub) {
		if (!walk_spend(walk, 1))
			break;
		if (!json_object_is_type(sub, json_type_array) &&
		    json_object_object_get_ex(visit->value, name, NULL))
			held &= apply_below(walk, visit, name, 0, sub,
			    walk_apply);
	}
	buf_rewind(&walk->way, way);
	return walk_assertion(walk, visit, word) && held;
}

/* The $dynamicAnchor of the outermost resource that was entered and has it. */
static struct json_object *
reference_target(const struct walk *walk, const struct word *word)
{
	struct json_object *target = word->target != NULL ?
	    word->target->value : NULL;
	const struct entry *e = word->anchor != NULL ? walk->scope : NULL;

	for (; e != NULL; e = e->outer) {
		const struct anchor *anchor = resource_anchor(e->resource,
		    word->anchor, true);

		if (anchor != NULL)
			target = anchor->value;
	}
	return target;
}

bool
walk_reference(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	bool held;

	walk->references++;
	held = apply_below(walk, visit, word->name, 0,
	    reference_target(walk, word), walk_apply);
	walk->references--;
	return held;
}
