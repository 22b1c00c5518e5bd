/* SPDX-License-Identifier: MIT */
/*
 * Keywords that apply schemas to the members of an object.  The annotation of
 * each is the list of names that it applied one to.  What it applied one to
 * counts as evaluated whether it held or not: where it did not, everything
 * around it is broken anyway, and a second error about the same member would
 * only hide the first.
 */
#include "contract/walk.h"

#include <string.h>

enum { NAME_BYTES_A_STEP = 64 };	/* that are gone through */

/* The names that a keyword applied a schema to, as a JSON text. */
struct names_told {
	struct buf text;
	size_t count;
};

/* A member of the value at hand. */
struct member {
	const char *name;
	struct json_object *value;
	size_t number;
};

static void
told_begin(struct names_told *told)
{
	buf_init(&told->text, SIZE_MAX / 8);
	buf_char(&told->text, '[');
	told->count = 0;
}

/* Applies a schema to a member; `below` is what follows the keyword. */
static bool
apply(struct walk *walk, const struct word *word, const char *below,
    struct json_object *source, const struct member *member)
{
	struct mark mark = walk_mark(walk);
	bool held;

	if (!walk_spend(walk, strlen(member->name) / NAME_BYTES_A_STEP))
		return false;
	if (walk->tracker != NULL)
		tracker_mark(walk->tracker, member->number);
	pointer_add(&walk->way, word->name);
	if (below != NULL)
		pointer_add(&walk->way, below);
	walk_member(walk, member->name);
	held = walk_child(walk, source, member->value);
	walk_return(walk, &mark);
	return held;
}

static void
told_add(struct names_told *told, const char *name)
{
	if (told->count++ > 0)
		buf_char(&told->text, ',');
	buf_json_string(&told->text, name);
}

/* Adds the annotation; what it says is copied only when all of it held. */
static bool
told_end(struct names_told *told, struct walk *walk,
    const struct visit *visit, const struct word *word, bool held)
{
	buf_char(&told->text, ']');
	if (held && walk_spend(walk, told->text.length / NAME_BYTES_A_STEP))
		walk_note(walk, visit, word, arena_copy(walk->arena,
		    told->text.at, told->text.length), told->text.length);
	buf_release(&told->text);
	return held;
}

/*
 * Applies a keyword to a member, and adds its name, if it is one that the
 * keyword takes; true: it holds, or was not taken.
 */
typedef bool take_function(struct walk *walk, const struct visit *visit,
    const struct word *word, const struct member *member,
    struct names_told *told);

/* Lets a keyword look at each member. */
static bool
each_member(struct walk *walk, const struct visit *visit,
    const struct word *word, take_function *take)
{
	struct lh_entry *entry;
	struct member member = { .number = 0 };
	struct names_told told;
	bool held = true;

	if (visit->type != json_type_object)
		return true;
	told_begin(&told);
	entry = lh_table_head(json_object_get_object(visit->value));
	for (; entry != NULL && walk_spend(walk, 1);
	     entry = lh_entry_next(entry), member.number++) {
		member.name = lh_entry_k(entry);
		member.value = lh_entry_v(entry);
		held &= take(walk, visit, word, &member, &told);
	}
	return told_end(&told, walk, visit, word, held && walk->steps > 0);
}

static bool
take_property(struct walk *walk, const struct visit *visit,
    const struct word *word, const struct member *member,
    struct names_told *told)
{
	struct json_object *source;

	(void)visit;
	if (!json_object_object_get_ex(word->value, member->name, &source))
		return true;
	told_add(told, member->name);
	return apply(walk, word, member->name, source, member);
}

bool
walk_properties(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	return each_member(walk, visit, word, take_property);
}

/* Does a name match a pattern?  Asked of the judge, whose bound holds. */
static bool
matches(struct walk *walk, const struct schema_pattern *pattern,
    const char *name)
{
	struct run run = { .sc = &walk->sc, .mode = MODE_FLAG,
		.steps = walk->steps };
	bool matched;

	if (!walk_spend(walk, 1))
		return false;
	run.steps = walk->steps;
	matched = judge_matches(&run, pattern, name, strlen(name));
	walk->steps = run.steps;
	return matched;
}

static bool
take_pattern(struct walk *walk, const struct visit *visit,
    const struct word *word, const struct member *member,
    struct names_told *told)
{
	bool held = true, told_it = false;
	size_t i = 0;

	(void)visit;
	json_object_object_foreach(word->value, pattern, source) {
		if (!matches(walk, word->patterns[i++], member->name))
			continue;
		if (!told_it)
			told_add(told, member->name);
		told_it = true;
		held &= apply(walk, word, pattern, source, member);
	}
	return held;
}

bool
walk_pattern_properties(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	return each_member(walk, visit, word, take_pattern);
}

/* Is the member one of `properties` or `patternProperties` beside it? */
static bool
is_named(struct walk *walk, const struct visit *visit, const char *name)
{
	const struct word *names = node_word(visit->node, KEYWORD_PROPERTIES);
	const struct word *patterns = node_word(visit->node,
	    KEYWORD_PATTERN_PROPERTIES);
	size_t count = patterns != NULL ?
	    (size_t)json_object_object_length(patterns->value) : 0;

	if (names != NULL &&
	    json_object_object_get_ex(names->value, name, NULL))
		return true;
	for (size_t i = 0; i < count; i++)
		if (matches(walk, patterns->patterns[i], name))
			return true;
	return false;
}

static bool
take_additional(struct walk *walk, const struct visit *visit,
    const struct word *word, const struct member *member,
    struct names_told *told)
{
	if (is_named(walk, visit, member->name))
		return true;
	told_add(told, member->name);
	return apply(walk, word, NULL, word->value, member);
}

bool
walk_additional_properties(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	return each_member(walk, visit, word, take_additional);
}

static bool
take_unevaluated(struct walk *walk, const struct visit *visit,
    const struct word *word, const struct member *member,
    struct names_told *told)
{
	(void)visit;
	if (tracker_has(walk->tracker, member->number))
		return true;
	told_add(told, member->name);
	return apply(walk, word, NULL, word->value, member);
}

bool
walk_unevaluated_properties(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	return each_member(walk, visit, word, take_unevaluated);
}

/*
 * A name has no place of its own: what is told of it is told at the object,
 * and what annotates it annotates nothing there.
 */
static bool
name_holds(struct walk *walk, const struct word *word, const char *name)
{
	struct mark mark = walk_mark(walk);
	struct json_object *value = json_object_new_string(name);
	bool held;

	pointer_add(&walk->way, word->name);
	held = walk_child(walk, word->value, value);
	walk_return(walk, &mark);
	walk->output->annotations.count = mark.annotations;
	json_object_put(value);
	return held;
}

bool
walk_property_names(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	struct issue_param keys = { "keys", NULL };
	struct lh_entry *entry;
	struct names_told told;
	bool held;

	if (visit->type != json_type_object)
		return true;
	told_begin(&told);
	entry = lh_table_head(json_object_get_object(visit->value));
	for (; entry != NULL && walk_spend(walk, 1 +
	     strlen(lh_entry_k(entry)) / NAME_BYTES_A_STEP);
	     entry = lh_entry_next(entry))
		if (!name_holds(walk, word, lh_entry_k(entry)))
			told_add(&told, lh_entry_k(entry));
	buf_char(&told.text, ']');
	keys.json = told.text.at;
	held = told.count == 0 && walk->steps > 0;
	if (!held)
		(void)walk_broken(walk, visit, word, RULE_UNKNOWN, &keys);
	buf_release(&told.text);
	return held;
}
