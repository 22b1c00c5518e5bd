/* SPDX-License-Identifier: MIT */
/*
 * The slow walk: every keyword of every schema that applies is looked at and
 * may tell something.  The judge stops at the first fault, forgets what was
 * where in the text, and pays for neither; this walk is for those who ask why.
 *
 * What a keyword asserts is asked of the judge, by the schema of that keyword
 * alone.  Only what applies other schemas is done here, since it must be
 * followed to tell the way.  Tests hold the verdicts of both against each other
 * over the whole official suite.
 *
 * It is bounded by its steps, which pay for texts as well as for time, and by
 * its depth.  When they are used up everything counts as broken, and what was
 * found is void.
 */
#include "contract/walk.h"

enum {
	STEPS_MAX = 4 * 1000 * 1000,	/* some 50 to 500 ns each */
	ITEMS_A_STEP = 8,		/* members a keyword may look at */
	/* The judge's bound, and a schema for each value inside the other. */
	DEPTH_MAX = APPLIED_MAX + 100,
};

/* ---- keywords that assert ---- */

/* Asks the judge; in MODE_COLLECT the scope gets the issues. */
static bool
ask(struct walk *walk, enum mode mode, const struct word *word,
    struct json_object *value)
{
	struct run run = { .sc = &walk->sc, .mode = mode,
		.steps = walk->steps };
	bool held = judge_value(&run, word->alone, NULL, value);

	walk->steps = run.steps;
	if (mode == MODE_FLAG)
		arena_reset(walk->sc.arena);
	return held && run.steps > 0;
}

bool
walk_assertion(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	if (word->alone == NULL)
		return true;
	if (!walk_spend(walk, 1 + visit->count / ITEMS_A_STEP))
		return false;
	if (ask(walk, MODE_FLAG, word, visit->value))
		return true;
	if (walk_spend(walk, word->size / BYTES_A_STEP))
		(void)ask(walk, MODE_COLLECT, word, visit->value);
	return walk_broken_so(walk, visit, word);
}

/* ---- keywords that annotate ---- */

static bool
walk_annotation(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	walk_note(walk, visit, word, word->annotation, word->size);
	return true;
}

static bool
walk_format(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	return walk_assertion(walk, visit, word) &&
	    walk_annotation(walk, visit, word);
}

/* What a string holds; contentSchema is about some media type. */
static bool
walk_content(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	if (visit->type == json_type_string &&
	    (word->keyword != KEYWORD_CONTENT_SCHEMA ||
		node_word(visit->node, KEYWORD_CONTENT_MEDIA_TYPE) != NULL))
		walk_annotation(walk, visit, word);
	return true;
}

/* ---- schemas ---- */

/* Those without a row are told by others, or say nothing of values. */
static word_function *const functions[KEYWORD_COUNT + 1] = {
	[KEYWORD_TITLE] = walk_annotation,
	[KEYWORD_DESCRIPTION] = walk_annotation,
	[KEYWORD_DEFAULT] = walk_annotation,
	[KEYWORD_EXAMPLES] = walk_annotation,
	[KEYWORD_DEPRECATED] = walk_annotation,
	[KEYWORD_READ_ONLY] = walk_annotation,
	[KEYWORD_WRITE_ONLY] = walk_annotation,
	[KEYWORD_COUNT] = walk_annotation,
	[KEYWORD_FORMAT] = walk_format,
	[KEYWORD_CONTENT_ENCODING] = walk_content,
	[KEYWORD_CONTENT_MEDIA_TYPE] = walk_content,
	[KEYWORD_CONTENT_SCHEMA] = walk_content,
	[KEYWORD_TYPE] = walk_assertion,
	[KEYWORD_ENUM] = walk_assertion,
	[KEYWORD_CONST] = walk_assertion,
	[KEYWORD_MIN_LENGTH] = walk_assertion,
	[KEYWORD_MAX_LENGTH] = walk_assertion,
	[KEYWORD_PATTERN] = walk_assertion,
	[KEYWORD_MINIMUM] = walk_assertion,
	[KEYWORD_MAXIMUM] = walk_assertion,
	[KEYWORD_EXCLUSIVE_MINIMUM] = walk_assertion,
	[KEYWORD_EXCLUSIVE_MAXIMUM] = walk_assertion,
	[KEYWORD_MULTIPLE_OF] = walk_assertion,
	[KEYWORD_REQUIRED] = walk_assertion,
	[KEYWORD_MIN_PROPERTIES] = walk_assertion,
	[KEYWORD_MAX_PROPERTIES] = walk_assertion,
	[KEYWORD_DEPENDENT_REQUIRED] = walk_assertion,
	[KEYWORD_MIN_ITEMS] = walk_assertion,
	[KEYWORD_MAX_ITEMS] = walk_assertion,
	[KEYWORD_UNIQUE_ITEMS] = walk_assertion,
	[KEYWORD_ALL_OF] = walk_all,
	[KEYWORD_ANY_OF] = walk_union,
	[KEYWORD_ONE_OF] = walk_union,
	[KEYWORD_NOT] = walk_not,
	[KEYWORD_IF] = walk_condition,
	[KEYWORD_DEPENDENCIES] = walk_dependent,
	[KEYWORD_DEPENDENT_SCHEMAS] = walk_dependent,
	[KEYWORD_REF] = walk_reference,
	[KEYWORD_DYNAMIC_REF] = walk_reference,
	[KEYWORD_PROPERTIES] = walk_properties,
	[KEYWORD_PATTERN_PROPERTIES] = walk_pattern_properties,
	[KEYWORD_ADDITIONAL_PROPERTIES] = walk_additional_properties,
	[KEYWORD_PROPERTY_NAMES] = walk_property_names,
	[KEYWORD_UNEVALUATED_PROPERTIES] = walk_unevaluated_properties,
	[KEYWORD_PREFIX_ITEMS] = walk_prefix_items,
	[KEYWORD_ITEMS] = walk_items,
	[KEYWORD_CONTAINS] = walk_contains,
	[KEYWORD_UNEVALUATED_ITEMS] = walk_unevaluated_items,
};

static bool
walk_words(struct walk *walk, const struct visit *visit)
{
	const struct node *node = visit->node;
	bool held = true;

	for (size_t i = 0; i < node->word_count && walk->steps > 0; i++) {
		const struct word *word = &node->words[i];
		word_function *function = functions[word->keyword];

		if (function != NULL)
			held &= function(walk, visit, word);
	}
	return held;
}

/* A tracker of the value's members or items; charged, for it may be large. */
static struct tracker
tracker_of(struct walk *walk, size_t words)
{
	(void)walk_spend(walk, words);
	return (struct tracker){ arena_alloc(walk->arena, words * 8 + 1),
		words, false };
}

/*
 * A schema that asks for what was not evaluated sees what it applies itself,
 * not what is beside it; after it nothing is left for others.
 */
static bool
walk_object(struct walk *walk, const struct visit *visit)
{
	struct tracker *outer = walk->tracker, own;
	bool held;

	if (walk->steps == 0 || !((visit->type == json_type_object &&
		node_word(visit->node, KEYWORD_UNEVALUATED_PROPERTIES)) ||
		(visit->type == json_type_array &&
		    node_word(visit->node, KEYWORD_UNEVALUATED_ITEMS))))
		return walk_words(walk, visit);
	own = tracker_of(walk, (visit->count + 63) / 64);
	walk->tracker = &own;
	held = walk_words(walk, visit);
	walk->tracker = outer;
	if (outer != NULL)
		outer->all = true;
	return held;
}

static struct visit
visit_of(const struct node *node, struct json_object *value)
{
	struct visit visit = { node, value, json_object_get_type(value), 0 };

	if (visit.type == json_type_object)
		visit.count = (size_t)json_object_object_length(value);
	else if (visit.type == json_type_array)
		visit.count = json_object_array_length(value);
	return visit;
}

/* A schema that is an object, true or false. */
static bool
walk_schema(struct walk *walk, const struct node *node,
    struct json_object *value)
{
	const struct visit visit = visit_of(node, value);

	if (!json_object_is_type(node->value, json_type_boolean))
		return walk_object(walk, &visit);
	return json_object_get_boolean(node->value) ||
	    walk_broken(walk, &visit, NULL, RULE_FALSE, NULL);
}

bool
walk_apply(struct walk *walk, struct json_object *source,
    struct json_object *value)
{
	const struct node *node = outline_find(walk->outline, source);
	struct units *annotations = &walk->output->annotations;
	const struct entry *outer = walk->scope;
	size_t count = annotations->count;
	struct entry entry = { outer, NULL };
	bool held;

	if (node == NULL || node->resource == NULL ||
	    walk->depth == DEPTH_MAX)
		walk->steps = 0;
	if (!walk_spend(walk, 1))
		return false;
	entry.resource = node->resource;
	if (outer == NULL || outer->resource != entry.resource)
		walk->scope = &entry;
	walk->depth++;
	held = walk_schema(walk, node, value) && walk->steps > 0;
	walk->depth--;
	walk->scope = outer;
	if (!held)
		annotations->count = count;
	return held;
}

bool
walk_branch(struct walk *walk, struct json_object *source,
    struct json_object *value)
{
	struct tracker *outer = walk->tracker, own;
	bool held;

	if (outer == NULL || walk->steps == 0)
		return walk_apply(walk, source, value);
	own = tracker_of(walk, outer->words);
	walk->tracker = &own;
	held = walk_apply(walk, source, value);
	walk->tracker = outer;
	if (!held)
		return false;
	outer->all |= own.all;
	for (size_t i = 0; i < own.words; i++)
		outer->bits[i] |= own.bits[i];
	return true;
}

bool
walk_child(struct walk *walk, struct json_object *source,
    struct json_object *value)
{
	struct tracker *outer = walk->tracker;
	bool held;

	walk->tracker = NULL;
	held = walk_apply(walk, source, value);
	walk->tracker = outer;
	return held;
}

void
annotate(const struct outline *outline, struct arena *arena,
    struct json_object *value, struct output *ret)
{
	struct walk walk = { .outline = outline, .arena = arena,
		.output = ret, .steps = STEPS_MAX };
	struct arena *scratch = arena_new();

	*ret = (struct output){ 0 };
	scope_init(&walk.sc, scratch);
	buf_init(&walk.way, SIZE_MAX / 8);
	buf_init(&walk.at, SIZE_MAX / 8);
	ret->valid = walk_apply(&walk, outline_top(outline)->value, value);
	ret->exhausted = walk.steps == 0;
	if (ret->exhausted)
		ret->errors.count = ret->annotations.count = 0;
	buf_release(&walk.way);
	buf_release(&walk.at);
	arena_free(scratch);
}
