/* SPDX-License-Identifier: MIT */
/*
 * unevaluatedProperties and unevaluatedItems.  What the schema itself, its $ref
 * and allOf evaluate is the same for every value that is valid: those names,
 * patterns and leading items are put into the schema's own rules, with nothing
 * asked of them, and the keyword becomes what additionalProperties and items
 * are.  Where a branch that may not hold evaluates something as well, the run
 * must keep book, and the keyword stays with the schema.
 */
#include "contract/compile.h"

#include <string.h>

enum { EFFORT_MAX = 20000 };	/* schemas looked at for one */

/* What is evaluated in any case. */
struct evaluated {
	struct arena *arena;
	unsigned effort;		/* left */
	bool all;			/* every one */
	bool open;			/* and perhaps others */
	struct text *texts;		/* names, up to NAMES_MAX */
	size_t name_count;
	const struct schema_pattern **patterns;
	size_t pattern_count;
	size_t items;			/* leading ones */
};

enum { PATTERNS_MAX = 64 };

/* The schema that asks nothing. */
static const struct schema anything = { .idle = true };

static bool
has_name(const struct text *texts, size_t count, const struct text *name)
{
	for (size_t i = 0; i < count; i++)
		if (texts[i].length == name->length &&
		    memcmp(texts[i].at, name->at, name->length) == 0)
			return true;
	return false;
}

static void
add_name(struct evaluated *e, const struct text *name)
{
	if (has_name(e->texts, e->name_count, name))
		return;
	if (e->name_count == NAMES_MAX)
		e->open = true;
	else
		e->texts[e->name_count++] = *name;
}

static void
gather_members(struct evaluated *e, const struct object_rules *rules)
{
	e->all |= rules->closed || rules->additional != NULL;
	for (size_t i = 0; i < rules->names.count; i++)
		if (rules->members[i] != NULL)
			add_name(e, &rules->names.texts[i]);
	for (size_t i = 0; i < rules->pattern_count; i++) {
		if (e->pattern_count == PATTERNS_MAX)
			e->open = true;
		else
			e->patterns[e->pattern_count++] =
			    rules->patterns[i].pattern;
	}
}

static void
gather_items(struct evaluated *e, const struct array_rules *rules)
{
	e->all |= rules->items != NULL;
	e->open |= rules->contains != NULL;
	if (rules->prefix_count > e->items)
		e->items = rules->prefix_count;
}

/* Does a schema, with what it applies, evaluate anything of that kind? */
static bool
contributes(struct evaluated *e, const struct schema *s, bool members)
{
	const struct object_rules *o = s->object;
	const struct array_rules *a = s->array;

	if (e->effort == 0)
		return true;
	e->effort--;
	if (members && (s->unevaluated_members != NULL || (o != NULL &&
		(o->closed || o->additional != NULL || o->pattern_count > 0 ||
		    s->property_count > 0))))
		return true;
	if (!members && (s->unevaluated_items != NULL || (a != NULL &&
		(a->items != NULL || a->contains != NULL ||
		    a->prefix_count > 0))))
		return true;
	for (size_t i = 0; i < s->applicator_count; i++) {
		const struct applicator *applied = &s->applicators[i];

		if (applied->kind == APPLY_DYNAMIC)
			return true;
		for (size_t j = 0; applied->kind != APPLY_NOT &&
		     j < applied->count; j++)
			if (applied->schemas[j] != NULL &&
			    contributes(e, applied->schemas[j], members))
				return true;
	}
	return false;
}

static void gather(struct evaluated *e, const struct schema *s, bool members);

/* What another schema applies may have such a keyword of its own. */
static void
gather_sub(struct evaluated *e, const struct schema *s, bool members)
{
	if ((members ? s->unevaluated_members : s->unevaluated_items) != NULL)
		e->all = true;
	else
		gather(e, s, members);
}

static void
gather_applied(struct evaluated *e, const struct applicator *a, bool members)
{
	for (size_t i = 0; i < a->count; i++) {
		if (a->schemas[i] == NULL || a->kind == APPLY_NOT)
			continue;
		if (a->kind == APPLY_ALL)
			gather_sub(e, a->schemas[i], members);
		else
			e->open |= a->kind == APPLY_DYNAMIC ||
			    contributes(e, a->schemas[i], members);
	}
}

/* Adds what a schema evaluates by itself, its $ref and its allOf. */
static void
gather(struct evaluated *e, const struct schema *s, bool members)
{
	if (e->effort == 0 || e->all) {
		e->open |= e->effort == 0;
		return;
	}
	e->effort--;
	if (members && s->object != NULL)
		gather_members(e, s->object);
	if (!members && s->array != NULL)
		gather_items(e, s->array);
	for (size_t i = 0; i < s->applicator_count; i++)
		gather_applied(e, &s->applicators[i], members);
}

/* Adds the names to those of the rules; false when there are too many. */
static bool
add_names(struct evaluated *e, struct object_rules *rules)
{
	size_t own = rules->names.count, count = own;
	struct text *texts = arena_alloc(e->arena,
	    (own + e->name_count) * sizeof(*texts) + 1);
	const struct schema **members = arena_alloc(e->arena,
	    (own + e->name_count) * sizeof(*members) + 1);

	for (size_t i = 0; i < own; i++) {
		texts[i] = rules->names.texts[i];
		members[i] = rules->members[i];
		if (members[i] == NULL &&
		    has_name(e->texts, e->name_count, &texts[i]))
			members[i] = &anything;
	}
	for (size_t i = 0; i < e->name_count; i++) {
		if (has_name(texts, own, &e->texts[i]))
			continue;
		texts[count] = e->texts[i];
		members[count++] = &anything;
	}
	if (count >= NAMES_MAX)
		return false;
	names_build(e->arena, texts, count, &rules->names);
	rules->members = members;
	rules->words = (count + 63) / 64;
	return true;
}

/* The rules' own patterns come first. */
static void
add_patterns(struct evaluated *e, struct object_rules *rules)
{
	struct member_pattern *all = arena_alloc(e->arena,
	    (rules->pattern_count + e->pattern_count) * sizeof(*all) + 1);
	size_t count = 0, own = rules->pattern_count;

	for (; count < own; count++)
		all[count] = rules->patterns[count];
	for (size_t i = own; i < e->pattern_count; i++)
		all[count++] = (struct member_pattern){ e->patterns[i],
			&anything };
	rules->patterns = all;
	rules->pattern_count = count;
}

static void
settle_members(struct evaluated *e, struct schema *schema)
{
	const struct schema *sub = schema->unevaluated_members;
	struct object_rules *rules = arena_alloc(e->arena, sizeof(*rules));

	if (schema->object != NULL)
		*rules = *schema->object;
	else
		rules->size = (struct span){ .most = SIZE_MAX };
	gather(e, schema, true);
	if (e->all)
		schema->unevaluated_members = NULL;
	if (e->all || e->open || !add_names(e, rules))
		return;
	add_patterns(e, rules);
	rules->closed = sub->never;
	rules->closed_rule = RULE_UNEVALUATED;
	rules->additional = sub->never ? NULL : sub;
	schema->object = rules;
	schema->unevaluated_members = NULL;
}

static void
settle_items(struct evaluated *e, struct schema *schema)
{
	struct array_rules *rules = arena_alloc(e->arena, sizeof(*rules));
	const struct schema **prefix;

	if (schema->array != NULL)
		*rules = *schema->array;
	else
		rules->length = (struct span){ .most = SIZE_MAX };
	gather(e, schema, false);
	if (e->all)
		schema->unevaluated_items = NULL;
	if (e->all || e->open)
		return;
	prefix = arena_alloc(e->arena, e->items * sizeof(*prefix) + 1);
	for (size_t i = 0; i < e->items; i++)
		prefix[i] = i < rules->prefix_count ? rules->prefix[i] :
						      &anything;
	rules->prefix = prefix;
	rules->prefix_count = e->items;
	rules->items = schema->unevaluated_items;
	schema->array = rules;
	schema->unevaluated_items = NULL;
}

void
schema_settle_unevaluated(struct arena *arena, struct schema *schema)
{
	struct text *texts;
	const struct schema_pattern **patterns;

	if (schema->unevaluated_members == NULL &&
	    schema->unevaluated_items == NULL)
		return;
	texts = arena_alloc(arena, NAMES_MAX * sizeof(*texts));
	patterns = arena_alloc(arena, PATTERNS_MAX * sizeof(*patterns));
	if (schema->unevaluated_members != NULL)
		settle_members(&(struct evaluated){ .arena = arena,
		    .effort = EFFORT_MAX, .texts = texts,
		    .patterns = patterns }, schema);
	if (schema->unevaluated_items != NULL)
		settle_items(&(struct evaluated){ .arena = arena,
		    .effort = EFFORT_MAX, .texts = texts,
		    .patterns = patterns }, schema);
}
