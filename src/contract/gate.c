/* SPDX-License-Identifier: MIT */
/*
 * Makes gates.  What a schema, its $ref and its allOf ask of one value becomes
 * one gate; what the other applicators ask, a branch each.  All names of these
 * are numbered together, so that one walk of an object tells all of them.
 *
 * Invariant: every schema has its gate before any is filled in, so gates may
 * go round through members and items; in place they cannot, as circles of that
 * kind are faults.  A branch that cannot use the walk around it has one of its
 * own, unless someone asks what it evaluated.
 */
#include "contract/gate.h"
#include "contract/run.h"

#include <string.h>

enum {
	OBJECTS_MAX = 16,	/* rules of objects that are merged */
	EFFORT_MAX = 128,	/* schemas looked at for one gate */
	SLOTS_A_STEP = 16,	/* that a branch looks through */
};

enum { TAKES_ALL = (1 << (json_type_string + 1)) - 1 };

/* A gate while it is made. */
struct gating {
	struct arena *arena;
	const struct schema *schema;
	struct text names[GATE_NAMES_MAX];
	size_t name_count;
	const struct object_rules *objects[OBJECTS_MAX];
	size_t object_count;
	bool branches_walk;		/* a branch needs the walk */
	bool failed;
	unsigned effort;		/* left */
};

static const struct gate never = { 0 };

static const struct gate *
gate_of(const struct schema *schema)
{
	return schema == NULL || schema->idle ? NULL : schema->gate;
}

static unsigned
takes_of(unsigned types)
{
	static const struct {
		unsigned type, takes;
	} rows[] = {
		{ TYPE_NULL, 1 << json_type_null },
		{ TYPE_BOOLEAN, 1 << json_type_boolean },
		{ TYPE_INTEGER, 1 << json_type_int },
		{ TYPE_NUMBER, 1 << json_type_int | 1 << json_type_double },
		{ TYPE_STRING, 1 << json_type_string },
		{ TYPE_ARRAY, 1 << json_type_array },
		{ TYPE_OBJECT, 1 << json_type_object },
	};
	unsigned takes = 0;

	for (size_t i = 0; i < countof(rows); i++)
		if ((types & rows[i].type) != 0)
			takes |= rows[i].takes;
	return types == 0 ? TAKES_ALL : takes;
}

/*
 * Takes in a schema's types.  An integer is also a double without a fraction,
 * and stays one beside a schema that takes any double.
 */
static void
add_types(struct gate *gate, unsigned types)
{
	const unsigned any = 1 << json_type_double;
	unsigned takes = takes_of(types);
	bool whole = (types & TYPE_INTEGER) != 0;

	gate->whole = (gate->whole || (gate->takes & any) != 0) &&
	    (whole || (takes & any) != 0) &&
	    (gate->takes & takes & any) == 0;
	gate->takes &= takes;
}

/* The number of a name; 0 after a failure. */
static unsigned
number_name(struct gating *p, const struct text *name)
{
	for (size_t i = 0; i < p->name_count; i++)
		if (p->names[i].length == name->length &&
		    memcmp(p->names[i].at, name->at, name->length) == 0)
			return (unsigned)i;
	/* Members' names end with their NUL. */
	if (p->name_count == GATE_NAMES_MAX ||
	    memchr(name->at, '\0', name->length) != NULL ||
	    name->at[name->length] != '\0') {
		p->failed = true;
		return 0;
	}
	p->names[p->name_count] = *name;
	return (unsigned)p->name_count++;
}

static bool
number_names(struct gating *p, const struct object_rules *rules)
{
	for (size_t i = 0; i < rules->names.count && !p->failed; i++)
		(void)number_name(p, &rules->names.texts[i]);
	return !p->failed;
}

static uint64_t
bit_of(struct gating *p, const struct object_rules *rules, size_t number)
{
	return UINT64_C(1) << number_name(p, &rules->names.texts[number]);
}

/* Adds what rules ask of an object beside its members. */
static void
add_demands(struct gating *p, struct gate_object *o,
    const struct object_rules *rules)
{
	struct need *needs = arena_alloc(p->arena, (o->need_count +
	    rules->dependency_count) * sizeof(*needs) + 1);

	if (o->need_count > 0)
		memcpy(needs, o->needs, o->need_count * sizeof(*needs));
	for (size_t i = 0; i < rules->names.count; i++) {
		if ((rules->required[i / 64] >> i % 64 & 1) != 0)
			o->required |= bit_of(p, rules, i);
		if (rules->members[i] != NULL)
			o->evaluates |= bit_of(p, rules, i);
	}
	for (size_t i = 0; i < rules->dependency_count; i++) {
		const struct dependency *d = &rules->dependencies[i];
		struct need *need = &needs[o->need_count++];

		*need = (struct need){ bit_of(p, rules, d->with), 0 };
		for (size_t j = 0; j < d->required_count; j++)
			need->required |= bit_of(p, rules, d->required[j]);
	}
	o->needs = needs;
	if (rules->size.least > o->least)
		o->least = rules->size.least;
	if (rules->size.most < o->most)
		o->most = rules->size.most;
}

/* ---- What is asked of other values than objects. */

static void
add_choice(struct gating *p, struct gate *gate, const struct choice *choice)
{
	if (choice == NULL)
		return;
	if (choice->other_count == 0) {
		gate->takes &= 1 << json_type_string;
		gate->whole = false;
	}
	if (choice->other_count == 0 && gate->strings == NULL)
		gate->strings = &choice->strings;
	else if (gate->choice_count == GATE_CHOICES_MAX)
		p->failed = true;
	else
		gate->choices[gate->choice_count++] = choice;
}

static const struct gate_array *
array_new(struct gating *p, const struct array_rules *rules)
{
	struct gate_array *array = arena_alloc(p->arena, sizeof(*array));
	const struct gate **prefix = arena_alloc(p->arena,
	    rules->prefix_count * sizeof(struct gate *) + 1);

	for (size_t i = 0; i < rules->prefix_count; i++)
		prefix[i] = gate_of(rules->prefix[i]);
	*array = (struct gate_array){ .rules = rules, .prefix = prefix,
		.prefix_count = rules->prefix_count,
		.items = gate_of(rules->items),
		.general = rules->contains != NULL || rules->unique };
	return array;
}

/* Two schemas that ask something of the same type are seldom in one place. */
static void
add_rules(struct gating *p, struct gate *gate, const struct schema *s)
{
	if ((gate->string != NULL && s->string != NULL) ||
	    (gate->number != NULL && s->number != NULL) ||
	    (gate->array != NULL && s->array != NULL))
		p->failed = true;
	if (s->string != NULL)
		gate->string = s->string;
	if (s->number != NULL)
		gate->number = s->number;
	if (s->array != NULL)
		gate->array = array_new(p, s->array);
	add_choice(p, gate, s->enumeration);
	add_choice(p, gate, s->constant);
}

/* ---- Branches. */

static void add(struct gating *p, struct gate *gate, const struct schema *s,
    bool branch);

/* Rules whose members the walk around the branch tells. */
static void
add_branch_object(struct gating *p, struct gate *gate,
    const struct object_rules *rules)
{
	struct gate_object *o = arena_alloc(p->arena, sizeof(*o));
	struct slot *slots = arena_alloc(p->arena,
	    rules->names.count * sizeof(*slots) + 1);

	p->branches_walk = true;
	if (rules->closed || rules->additional != NULL ||
	    rules->pattern_count > 0 || rules->name_schema != NULL ||
	    rules->size.least > 0 || rules->size.most < SIZE_MAX ||
	    !number_names(p, rules)) {
		p->failed = true;
		return;
	}
	for (size_t i = 0; i < rules->names.count; i++) {
		unsigned number = number_name(p, &rules->names.texts[i]);

		if (rules->members[i] != NULL)
			slots[o->slot_count++] = (struct slot){
				rules->names.texts[i].at,
				gate_of(rules->members[i]),
				UINT64_C(1) << number, number, NULL };
	}
	o->slots = slots;
	o->most = SIZE_MAX;
	add_demands(p, o, rules);
	o->next = gate->object;
	gate->object = o;
}

/* What is known of a string by its length alone; else nothing. */
static void
finish_string(struct gate *gate)
{
	const struct string_rules *rules = gate->string;

	gate->any_string = rules == NULL && gate->strings == NULL;
	gate->listed = rules == NULL && gate->strings != NULL &&
	    gate->strings->longest < PROBED;
	if (rules == NULL || gate->strings != NULL || rules->format != NULL ||
	    rules->pattern != NULL || rules->length.least > SIZE_MAX / 4) {
		gate->least = 1;
		return;
	}
	/* So many bytes are at least a fourth as many characters. */
	gate->least = rules->length.least > 0 ? rules->length.least * 4 - 3 : 0;
	gate->most = rules->length.most;
}

/* The names that a branch looks through. */
static unsigned
gate_slots(const struct gate *gate)
{
	const struct gate_object *o;
	size_t slots = 0;

	for (o = gate->object; o != NULL; o = o->next)
		slots += o->slot_count + o->need_count;
	return (unsigned)slots;
}

static void
finish(struct gate *gate)
{
	const struct number_rules *number = gate->number;

	finish_string(gate);
	gate->weight = 1 + gate_slots(gate) / SLOTS_A_STEP;
	if (number != NULL && number->divisor.digits == 0) {
		gate->lowest = number->least;
		gate->highest = number->most;
	} else {
		gate->lowest = 1;
	}
	if (gate->choice_count == 0 && gate->fork_count == 0 &&
	    gate->also_count == 0 && gate->general == NULL &&
	    (gate->object == NULL || !gate->object->kept))
		gate->plain = gate->takes;
}

/* A gate that has others to judge the value. */
static const struct gate *
also_new(struct gating *p, const struct gate *const *also, size_t count)
{
	struct gate *gate = arena_alloc(p->arena, sizeof(*gate));

	gate->takes = TAKES_ALL;
	gate->also = also;
	gate->also_count = count;
	finish(gate);
	return gate;
}

static const struct gate *
branch_new(struct gating *p, const struct schema *s)
{
	struct gate *gate = arena_alloc(p->arena, sizeof(*gate));
	const struct gate **own;
	size_t names = p->name_count;
	bool walk = p->branches_walk;

	if (s == NULL || s->idle || p->failed)
		return NULL;
	gate->takes = TAKES_ALL;
	add(p, gate, s, true);
	finish(gate);
	if (!p->failed || p->schema->unevaluated_members != NULL ||
	    p->effort == 0)
		return gate;
	p->failed = false;
	p->name_count = names;
	p->branches_walk = walk;
	own = arena_alloc(p->arena, sizeof(struct gate *));
	own[0] = s->gate;
	return also_new(p, own, 1);
}

/* The members that dependentSchemas is about. */
static const uint64_t *
with_new(struct gating *p, const struct applicator *a)
{
	uint64_t *with = arena_alloc(p->arena, a->count * sizeof(*with));

	p->branches_walk = true;
	for (size_t i = 0; i < a->count; i++) {
		struct text name = { a->with[i], strlen(a->with[i]) };

		with[i] = UINT64_C(1) << number_name(p, &name);
	}
	return with;
}

static void
add_fork(struct gating *p, struct gate *gate, const struct applicator *a)
{
	bool tracked = p->schema->unevaluated_members != NULL;
	const struct fork **forks = (const struct fork **)gate->forks;
	struct fork *fork = arena_alloc(p->arena, sizeof(*fork));
	const struct gate **branches = arena_alloc(p->arena,
	    a->count * sizeof(struct gate *));

	if (a->kind == APPLY_IF && !tracked && a->schemas[1] == NULL &&
	    a->schemas[2] == NULL)
		return;
	if (forks == NULL)
		gate->forks = forks = arena_alloc(p->arena,
		    GATE_FORKS_MAX * sizeof(struct fork *));
	if (gate->fork_count == GATE_FORKS_MAX || a->kind == APPLY_DYNAMIC) {
		p->failed = true;
		return;
	}
	*fork = (struct fork){ .kind = a->kind, .count = a->count,
		.branches = branches, .discriminator = a->discriminator };
	if (a->kind == APPLY_WITH)
		fork->with = with_new(p, a);
	for (size_t i = 0; i < a->count && !p->failed; i++)
		branches[i] = branch_new(p, a->schemas[i]);
	forks[gate->fork_count++] = fork;
}

/* ---- Gates. */

static void
add_object(struct gating *p, const struct object_rules *rules)
{
	bool all = rules->closed || rules->additional != NULL;

	if (p->object_count == OBJECTS_MAX || rules->pattern_count > 0 ||
	    (all && p->schema->unevaluated_members != NULL) ||
	    !number_names(p, rules))
		p->failed = true;
	else
		p->objects[p->object_count++] = rules;
}

/* Adds what a schema asks to a gate, or to one of its branches. */
static void
add(struct gating *p, struct gate *gate, const struct schema *s, bool branch)
{
	/* In other places such keywords see less than all. */
	if (p->effort == 0 || s->entered != NULL ||
	    s->unevaluated_items != NULL ||
	    (s->unevaluated_members != NULL && s != p->schema))
		p->failed = true;
	if (p->failed || s->idle)
		return;
	p->effort--;
	if (s->never)
		gate->takes = gate->whole = 0;
	add_types(gate, s->types);
	add_rules(p, gate, s);
	if (s->object != NULL && branch)
		add_branch_object(p, gate, s->object);
	else if (s->object != NULL)
		add_object(p, s->object);
	for (size_t i = 0; i < s->applicator_count && !p->failed; i++) {
		const struct applicator *a = &s->applicators[i];

		if (a->kind != APPLY_ALL) {
			add_fork(p, gate, a);
			continue;
		}
		for (size_t j = 0; j < a->count; j++)
			add(p, gate, a->schemas[j], branch);
	}
}

/* What rules ask of members without a name of theirs. */
static const struct gate *
other_of(const struct object_rules *rules)
{
	return rules->closed ? &never : gate_of(rules->additional);
}

/* What all rules ask of one member; `name` NULL: of those without a slot. */
static const struct gate *
member_gate(struct gating *p, const struct text *name)
{
	const struct gate *all[OBJECTS_MAX + 1], **also;
	size_t count = 0, n;

	for (size_t i = 0; i < p->object_count; i++) {
		const struct object_rules *rules = p->objects[i];

		n = name == NULL ? NAME_NONE :
		    names_find(&rules->names, name->at, name->length);
		all[count] = n != NAME_NONE && rules->members[n] != NULL ?
		    gate_of(rules->members[n]) : other_of(rules);
		count += all[count] != NULL;
	}
	if (name == NULL && p->schema->unevaluated_members != NULL) {
		all[count] = gate_of(p->schema->unevaluated_members);
		count += all[count] != NULL;
	}
	if (count < 2)
		return count == 0 ? NULL : all[0];
	also = arena_alloc(p->arena, count * sizeof(struct gate *));
	memcpy(also, all, count * sizeof(struct gate *));
	return also_new(p, also, count);
}

/* The walk of an object: the names that were numbered are its slots. */
static const struct gate_object *
object_new(struct gating *p)
{
	struct gate_object *o = arena_alloc(p->arena, sizeof(*o));
	struct slot *slots = arena_alloc(p->arena,
	    (p->name_count + 1) * sizeof(*slots));
	struct text *names = arena_alloc(p->arena,
	    p->name_count * sizeof(*names) + 1);

	memcpy(names, p->names, p->name_count * sizeof(*names));
	o->unknown = member_gate(p, NULL);
	for (size_t i = 0; i < p->name_count; i++)
		slots[i] = (struct slot){ names[i].at,
			member_gate(p, &names[i]), UINT64_C(1) << i,
			(unsigned)i, &slots[i + 1] };
	/* No byte of UTF-8. */
	slots[p->name_count] = (struct slot){ "\xff", o->unknown, 0,
		GATE_NAMES_MAX, &slots[p->name_count] };
	o->slots = slots;
	o->slot_count = p->name_count;
	o->most = SIZE_MAX;
	for (size_t i = 0; i < p->object_count; i++) {
		const struct schema *name = p->objects[i]->name_schema;

		add_demands(p, o, p->objects[i]);
		if (gate_of(name) == NULL)
			continue;
		p->failed |= o->name != NULL;
		o->name = gate_of(name);
	}
	o->rest = gate_of(p->schema->unevaluated_members);
	o->tracked = p->schema->unevaluated_members != NULL;
	o->kept = o->tracked || o->name != NULL;
	names_build(p->arena, names, p->name_count, &o->names);
	o->weight = 1 + (unsigned)(o->names.longest / PROBED);
	return o;
}

static void
fill(struct arena *arena, struct schema *schema, struct gate *gate)
{
	struct gating p = { .arena = arena, .schema = schema,
		.effort = EFFORT_MAX };
	struct gate made = { .takes = TAKES_ALL };

	add(&p, &made, schema, false);
	if (!p.failed && (p.object_count > 0 || p.branches_walk ||
		schema->unevaluated_members != NULL))
		made.object = object_new(&p);
	if (p.failed)
		made = (struct gate){ .takes = TAKES_ALL, .general = schema };
	finish(&made);
	*gate = made;
}

void
schema_gate(struct schema_set *set, struct schema *until)
{
	struct arena *arena = set->library.arena;

	for (struct schema *s = set->schemas; s != until; s = s->next)
		s->gate = arena_alloc(arena, sizeof(*s->gate));
	for (struct schema *s = set->schemas; s != until; s = s->next)
		fill(arena, s, (struct gate *)s->gate);
}
