/* SPDX-License-Identifier: MIT */
/*
 * What can be known of schemas only when all of them are made: that no $ref
 * goes round without consuming anything, which types and format come by way of
 * references, and which unions are told apart by one member.  Everything here
 * follows in-place applicators alone; once circles are excluded they end.  What
 * is not noted once for each schema has a bound of its own, as applicators may
 * meet again and again.
 */
#include "contract/gate.h"

#include <string.h>

enum { STATE_NEW, STATE_OPEN, STATE_DONE, STATE_LINKED };

enum {
	VALUES_MAX = 256,	/* of a discriminator */
	EFFORT_MAX = 20000,	/* schemas looked at to find one */
};

static void visit(struct schema_set *set, struct schema *schema,
    const struct spot *from, unsigned depth);

static void
visit_applied(struct schema_set *set, struct schema *schema,
    const struct applicator *a, unsigned depth)
{
	/* What a $dynamicRef leads to is bounded by the run. */
	for (size_t i = 0; a->kind != APPLY_DYNAMIC && i < a->count; i++) {
		struct schema *sub = (struct schema *)a->schemas[i];

		if (sub == NULL)
			continue;
		visit(set, sub, sub == schema->reference ?
		    &schema->reference_spot : &sub->spot, depth + 1);
		if (sub->height >= schema->height)
			schema->height = sub->height + 1;
	}
}

/*
 * Depth first; an applicator that leads to an open schema closes a circle.  The
 * height bounds everything that follows applicators from now on.
 */
static void
visit(struct schema_set *set, struct schema *schema, const struct spot *from,
    unsigned depth)
{
	if (schema->state >= STATE_DONE)
		return;
	if (schema->state == STATE_OPEN) {
		library_fault(&set->library, from,
		    "goes round in a circle that consumes nothing");
		return;
	}
	schema->state = STATE_OPEN;
	for (size_t i = 0; depth < IN_PLACE_MAX &&
	     i < schema->applicator_count; i++)
		visit_applied(set, schema, &schema->applicators[i], depth);
	schema->state = STATE_DONE;
	if (depth == IN_PLACE_MAX || schema->height == IN_PLACE_MAX)
		library_fault(&set->library, from, "applies more than %d "
		    "schemas, one inside the other, to the same value",
		    IN_PLACE_MAX);
}

void
schema_find_circles(struct schema_set *set, struct schema *until)
{
	for (struct schema *s = set->schemas; s != until; s = s->next)
		visit(set, s, &s->spot, 0);
}

/* number takes integer in. */
static unsigned
widened(unsigned types)
{
	return (types & TYPE_NUMBER) != 0 ? types | TYPE_INTEGER : types;
}

/* Types that both allow; 0 is any. */
static unsigned
types_of_both(unsigned a, unsigned b)
{
	unsigned both = widened(a) & widened(b);

	if (a == 0 || b == 0)
		return a | b;
	return (both & TYPE_NUMBER) != 0 ? both & ~(unsigned)TYPE_INTEGER :
					   both;
}

static unsigned
types_of_choice(const struct choice *choice)
{
	static const unsigned bits[] = {
		[json_type_null] = TYPE_NULL,
		[json_type_boolean] = TYPE_BOOLEAN,
		[json_type_double] = TYPE_NUMBER,
		[json_type_int] = TYPE_INTEGER,
		[json_type_object] = TYPE_OBJECT,
		[json_type_array] = TYPE_ARRAY,
		[json_type_string] = TYPE_STRING,
	};
	unsigned found = choice->strings.count > 0 ? TYPE_STRING : 0;

	for (size_t i = 0; i < choice->other_count; i++)
		found |= bits[json_object_get_type(choice->others[i])];
	return found;
}

static void know(struct schema *schema);

/* Takes in what an applicator says of the types and the format. */
static void
know_applied(struct schema *schema, const struct applicator *a)
{
	unsigned any = 0;
	bool open = false;

	for (size_t i = 0; i < a->count; i++) {
		struct schema *sub = (struct schema *)a->schemas[i];

		know(sub);
		if (schema->known_format == NULL)
			schema->known_format = sub->known_format;
		if (a->kind == APPLY_ALL)
			schema->known_types = types_of_both(
			    schema->known_types, sub->known_types);
		any |= sub->known_types;
		open = open || (sub->known_types == 0 && !sub->never);
	}
	if (a->kind != APPLY_ALL && !open)
		schema->known_types = types_of_both(schema->known_types, any);
}

static void
know(struct schema *schema)
{
	if (schema->state == STATE_LINKED)
		return;
	schema->state = STATE_LINKED;
	schema->known_types = schema->types;
	if (schema->types == 0 && schema->enumeration != NULL)
		schema->known_types = types_of_choice(schema->enumeration);
	else if (schema->types == 0 && schema->constant != NULL)
		schema->known_types = types_of_choice(schema->constant);
	if (schema->string != NULL && schema->string->format != NULL)
		schema->known_format = schema->string->format->name;
	for (size_t i = 0; i < schema->applicator_count; i++)
		if (schema->applicators[i].kind <= APPLY_ONE)
			know_applied(schema, &schema->applicators[i]);
}

/* The values of all branches while they are gathered. */
struct gathering {
	struct text texts[VALUES_MAX];
	size_t branches[VALUES_MAX];
	size_t count;
	unsigned effort;		/* left: allOf may fan out at will */
};

/* Is the member of that name required, here or by way of $ref and allOf? */
static bool
requires(const struct schema *schema, const struct text *name,
    struct gathering *g)
{
	size_t n;

	if (g->effort == 0)
		return false;
	g->effort--;
	if (schema->object != NULL) {
		n = names_find(&schema->object->names, name->at, name->length);
		if (n != NAME_NONE &&
		    (schema->object->required[n / 64] >> n % 64 & 1) != 0)
			return true;
	}
	for (size_t i = 0; i < schema->applicator_count; i++) {
		const struct applicator *a = &schema->applicators[i];

		for (size_t j = 0; a->kind == APPLY_ALL && j < a->count; j++)
			if (requires(a->schemas[j], name, g))
				return true;
	}
	return false;
}

/* The enum or const of a schema, when all of it is strings. */
static const struct choice *
strings_of(const struct schema *schema)
{
	const struct choice *choice = schema->constant != NULL ?
	    schema->constant : schema->enumeration;

	if (choice != NULL)
		return choice->other_count == 0 ? choice : NULL;
	return schema->reference != NULL ? strings_of(schema->reference) : NULL;
}

/* The strings that the member of that name may be. */
static const struct choice *
member_strings(const struct schema *schema, const struct text *name,
    struct gathering *g)
{
	const struct choice *found = NULL;
	size_t n;

	if (g->effort == 0)
		return NULL;
	g->effort--;
	if (schema->object != NULL) {
		n = names_find(&schema->object->names, name->at, name->length);
		if (n != NAME_NONE && schema->object->members[n] != NULL)
			found = strings_of(schema->object->members[n]);
	}
	for (size_t i = 0; i < schema->applicator_count; i++) {
		const struct applicator *a = &schema->applicators[i];

		for (size_t j = 0; found == NULL && a->kind == APPLY_ALL &&
		     j < a->count; j++)
			found = member_strings(a->schemas[j], name, g);
	}
	return found;
}

/* Adds a branch's values; false when one is another branch's as well. */
static bool
gather(struct gathering *g, const struct choice *choice, size_t branch)
{
	for (size_t i = 0; i < choice->strings.count; i++) {
		struct text text = choice->strings.texts[i];

		if (g->count == VALUES_MAX)
			return false;
		for (size_t j = 0; j < g->count; j++)
			if (g->texts[j].length == text.length &&
			    memcmp(g->texts[j].at, text.at, text.length) == 0)
				return false;
		g->texts[g->count] = text;
		g->branches[g->count++] = branch;
	}
	return true;
}

/* Are the branches told apart by the member of that name? */
static bool
is_told_apart(const struct applicator *a, const struct text *name,
    struct gathering *g)
{
	g->count = 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct choice *choice;

		if (a->schemas[i]->known_types != TYPE_OBJECT ||
		    !requires(a->schemas[i], name, g) ||
		    (choice = member_strings(a->schemas[i], name, g)) == NULL ||
		    !gather(g, choice, i))
			return false;
	}
	return g->count > 0;
}

static const struct discriminator *
discriminator_new(struct arena *arena, const struct text *name,
    const struct gathering *g)
{
	struct discriminator *d = arena_alloc(arena, sizeof(*d));
	struct issue_param *p = arena_alloc(arena, PARAMS_MAX * sizeof(*p));
	size_t *branches = arena_alloc(arena, g->count * sizeof(*branches));
	struct text *texts = arena_alloc(arena, g->count * sizeof(*texts));
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	for (size_t i = 0; i < g->count; i++) {
		buf_char(&b, i == 0 ? '[' : ',');
		buf_json(&b, g->texts[i].at, g->texts[i].length);
		branches[i] = g->branches[i];
		texts[i] = g->texts[i];
	}
	buf_char(&b, ']');
	p[0] = (struct issue_param){ "values",
		arena_copy(arena, b.at, b.length) };
	buf_release(&b);
	d->member = *name;
	d->branches = branches;
	d->params = p;
	names_build(arena, texts, g->count, &d->values);
	return d;
}

/* Tries the members of an object schema, in their order. */
static const struct discriminator *
try_members(struct arena *arena, const struct schema *schema,
    const struct applicator *a, struct gathering *g)
{
	for (size_t i = 0; schema->object != NULL &&
	     i < schema->object->names.count; i++)
		if (is_told_apart(a, &schema->object->names.texts[i], g))
			return discriminator_new(arena,
			    &schema->object->names.texts[i], g);
	return NULL;
}

/* The discriminator of a union: a member of its first branch, or NULL. */
static const struct discriminator *
discriminator_find(struct arena *arena, const struct schema *first,
    const struct applicator *a, struct gathering *g)
{
	const struct discriminator *d = try_members(arena, first, a, g);

	for (size_t i = 0; d == NULL && g->effort > 0 &&
	     i < first->applicator_count; i++)
		for (size_t j = 0; first->applicators[i].kind == APPLY_ALL &&
		     d == NULL && j < first->applicators[i].count; j++)
			d = discriminator_find(arena,
			    first->applicators[i].schemas[j], a, g);
	return d;
}

void
schema_link(struct schema_set *set, struct schema *until)
{
	struct arena *arena = set->library.arena;
	struct gathering *g = NULL;

	for (struct schema *s = set->schemas; s != until; s = s->next)
		know(s);
	for (struct schema *s = set->schemas; s != until; s = s->next)
		for (size_t i = 0; i < s->applicator_count; i++) {
			struct applicator *a = (struct applicator *)
			    &s->applicators[i];

			if ((a->kind != APPLY_ANY && a->kind != APPLY_ONE) ||
			    a->count < 2)
				continue;
			if (g == NULL)
				g = arena_alloc(arena, sizeof(*g));
			g->effort = EFFORT_MAX;
			a->discriminator = discriminator_find(arena,
			    a->schemas[0], a, g);
		}
	for (struct schema *s = set->schemas; s != until; s = s->next) {
		schema_settle_unevaluated(arena, s);
		s->special = s->unevaluated_members != NULL ||
		    s->unevaluated_items != NULL || s->entered != NULL;
		s->mixed = s->special || s->enumeration != NULL ||
		    s->constant != NULL || s->applicator_count > 0;
	}
	schema_gate(set, until);
}
