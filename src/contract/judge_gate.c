/* SPDX-License-Identifier: MIT */
/*
 * Runs gates: flag mode without places and, as a rule, without looking up a
 * name.  Members mostly come in the schema's order, so each is first compared
 * with the name that would be the next; only another one is hashed.
 *
 * Invariant: a gate holds where a run that collects issues would find none, and
 * nowhere else.  Members and branches are steps here as well; once the steps
 * are used up the run is not to be believed, and the value is refused.
 */
#include "contract/gate.h"
#include "contract/run.h"

#include <string.h>

#include "base/text.h"

/*
 * What leads from a value to the rules of its type is put into each loop over
 * members and items.  What must call others is kept apart from it: the loop
 * would save and restore registers for it each time.
 */
#define EACH static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))

/* What a walk has found of the members that have a slot. */
struct found {
	uint64_t seen;
	struct json_object *values[GATE_NAMES_MAX + 1];
};

static bool more_holds(struct run *run, const struct gate *gate,
    enum json_type type, struct json_object *value);

/* A string, or a name. */
APART bool
text_holds(struct run *run, const struct gate *gate, const char *s,
    size_t length)
{
	const struct string_rules *rules = gate->string;

	if (gate->strings != NULL &&
	    (!run_spend(run, gate->strings->longest / PROBED) ||
	    names_find(gate->strings, s, length) == NAME_NONE))
		return false;
	if (rules == NULL)
		return true;
	if ((length >= COUNTED_BYTES || rules->format != NULL) &&
	    !run_spend(run, judge_string_weight(rules, length)))
		return false;
	/* A code point is one to four bytes: counting is seldom needed. */
	if (length > rules->length.most ||
	    (length + 3) / 4 < rules->length.least) {
		size_t count = text_count(s, length);

		if (count < rules->length.least || count > rules->length.most)
			return false;
	}
	if (rules->format != NULL && !rules->format->holds(s, length))
		return false;
	return rules->pattern == NULL ||
	    judge_matches(run, rules->pattern, s, length);
}

EACH bool
string_holds(struct run *run, const struct gate *gate,
    struct json_object *value)
{
	size_t length;

	if (gate->any_string)
		return true;
	length = (size_t)json_object_get_string_len(value);
	if (gate->listed)
		return names_find(gate->strings, json_object_get_string(value),
		    length) != NAME_NONE;
	return (length >= gate->least && length <= gate->most) ||
	    text_holds(run, gate, json_object_get_string(value), length);
}

EACH bool
integer_holds(struct run *run, const struct gate *gate,
    struct json_object *value)
{
	int64_t i;

	if (gate->number == NULL)
		return true;
	i = json_object_get_int64(value);
	return (i >= gate->lowest && i <= gate->highest) ||
	    judge_number(run, gate->number, NULL, value);
}

static bool
double_holds(struct run *run, const struct gate *gate,
    struct json_object *value)
{
	return gate->number == NULL ||
	    judge_number(run, gate->number, NULL, value);
}

static bool array_holds(struct run *run, const struct gate_array *rules,
    struct json_object *value);
static bool object_holds(struct run *run, const struct gate_object *rules,
    struct json_object *value);

/* What a gate asks of a value of a type that it takes. */
EACH bool
rules_hold(struct run *run, const struct gate *gate, enum json_type type,
    struct json_object *value)
{
	if (type == json_type_string)
		return string_holds(run, gate, value);
	if (type == json_type_int)
		return integer_holds(run, gate, value);
	if (type == json_type_object)
		return gate->object == NULL ||
		    object_holds(run, gate->object, value);
	if (type == json_type_array)
		return gate->array == NULL ||
		    array_holds(run, gate->array, value);
	return type != json_type_double || double_holds(run, gate, value);
}

/* The same, of any type, with what few gates have. */
APART bool
any_holds(struct run *run, const struct gate *gate, enum json_type type,
    struct json_object *value)
{
	struct number n;

	if ((gate->takes >> type & 1) != 0)
		return more_holds(run, gate, type, value);
	if (type != json_type_double || !gate->whole)
		return false;
	number_of(value, &n);
	return run_spend(run, n.weight) && number_is_integer(&n) &&
	    more_holds(run, gate, type, value);
}

EACH bool
holds(struct run *run, const struct gate *gate, struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	return (gate->plain >> type & 1) != 0 ?
	    rules_hold(run, gate, type, value) :
	    any_holds(run, gate, type, value);
}

APART bool
name_holds(struct run *run, const struct gate *gate, const char *name)
{
	struct json_object *value;
	bool valid;

	if ((gate->plain >> json_type_string & 1) != 0)
		return text_holds(run, gate, name, strlen(name));
	value = json_object_new_string(name);
	valid = holds(run, gate, value);
	json_object_put(value);
	return valid;
}

/* The slot of a name, or NULL. */
APART const struct slot *
slot_of(const struct gate_object *rules, const char *name)
{
	size_t n = names_find(&rules->names, name, strlen(name));

	return n != NAME_NONE ? &rules->slots[n] : NULL;
}

/*
 * Walks the members.  With `values` those that have a slot are kept, and the
 * names are judged, too; the calls tell it by a constant.
 */
EACH bool
walk(struct run *run, const struct gate_object *rules,
    struct json_object *object, struct json_object **values,
    uint64_t *ret_seen)
{
	struct lh_table *table = json_object_get_object(object);
	const struct slot *next = rules->slots, *slot;
	size_t count = (size_t)lh_table_length(table);
	uint64_t seen = 0;

	if (count < rules->least || count > rules->most ||
	    !run_spend(run, 1 + count * rules->weight))
		return false;
	for (const struct lh_entry *entry = lh_table_head(table);
	    entry != NULL; entry = lh_entry_next(entry)) {
		const struct gate *gate = rules->unknown;

		slot = next;
		if (strcmp(slot->name, lh_entry_k(entry)) != 0)
			slot = slot_of(rules, lh_entry_k(entry));
		if (slot != NULL) {
			seen |= slot->bit;
			gate = slot->gate;
			if (values != NULL)
				values[slot->number] = lh_entry_v(entry);
			next = slot->next;
		}
		if (values != NULL && rules->name != NULL &&
		    !name_holds(run, rules->name, lh_entry_k(entry)))
			return false;
		if (gate != NULL && !holds(run, gate, lh_entry_v(entry)))
			return false;
	}
	*ret_seen = seen;
	return true;
}

/* What is asked of an object beside its members. */
static inline bool
demands_hold(const struct gate_object *rules, uint64_t seen)
{
	if ((rules->required & ~seen) != 0)
		return false;
	for (size_t i = 0; i < rules->need_count; i++)
		if ((rules->needs[i].with & seen) != 0 &&
		    (rules->needs[i].required & ~seen) != 0)
			return false;
	return true;
}

APART bool
object_holds(struct run *run, const struct gate_object *rules,
    struct json_object *value)
{
	uint64_t seen;

	return walk(run, rules, value, NULL, &seen) &&
	    demands_hold(rules, seen);
}

APART bool
array_holds(struct run *run, const struct gate_array *rules,
    struct json_object *value)
{
	struct array_list *list = json_object_get_array(value);
	size_t count = array_list_length(list);
	const struct span *span = &rules->rules->length;

	if (rules->general)
		return judge_array(run, rules->rules, NULL, value);
	if (count < span->least || count > span->most ||
	    !run_spend(run, count + 1))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct gate *gate = i < rules->prefix_count ?
		    rules->prefix[i] : rules->items;

		if (gate != NULL &&
		    !holds(run, gate, array_list_get_idx(list, i)))
			return false;
	}
	return true;
}

/* ---- What few gates have. */

/* A value whose forks are judged; `found` is of an object alone. */
struct subject {
	enum json_type type;
	struct json_object *value;
	const struct found *found;
};

/* `evaluated` takes the names that were; NULL: nobody asks. */
static bool extras_hold(struct run *run, const struct gate *gate,
    const struct subject *s, uint64_t *evaluated);

/* The properties of a branch, by what the walk has found. */
static bool
members_hold(struct run *run, const struct gate_object *rules,
    const struct found *found)
{
	for (size_t i = 0; i < rules->slot_count; i++) {
		const struct slot *slot = &rules->slots[i];

		if ((found->seen & slot->bit) != 0 &&
		    slot->gate != NULL &&
		    !holds(run, slot->gate, found->values[slot->number]))
			return false;
	}
	return demands_hold(rules, found->seen);
}

static bool
branch_holds(struct run *run, const struct gate *gate, const struct subject *s,
    uint64_t *evaluated)
{
	const struct gate_object *rules;
	uint64_t own = 0;

	if (gate == NULL)
		return true;
	if (!run_spend(run, gate->weight))
		return false;
	if ((gate->takes >> s->type & 1) == 0)
		return any_holds(run, gate, s->type, s->value);
	if (s->type != json_type_object &&
	    !rules_hold(run, gate, s->type, s->value))
		return false;
	for (rules = s->type == json_type_object ? gate->object : NULL;
	    rules != NULL; rules = rules->next) {
		if (!members_hold(run, rules, s->found))
			return false;
		own |= rules->evaluates;
	}
	if (!extras_hold(run, gate, s,
		evaluated != NULL ? &own : NULL))
		return false;
	if (evaluated != NULL)
		*evaluated |= own;
	return true;
}

/* The branch that the discriminator chooses must hold. */
static bool
chosen_holds(struct run *run, const struct fork *fork,
    const struct subject *s, uint64_t *evaluated)
{
	const struct discriminator *d = fork->discriminator;
	struct json_object *told;
	size_t n;

	if (s->type != json_type_object || !run_spend(run,
	    (size_t)json_object_object_length(s->value) / 2) ||
	    !judge_member_of(s->value, &d->member, &told) ||
	    json_object_get_type(told) != json_type_string)
		return false;
	n = names_find(&d->values, json_object_get_string(told),
	    (size_t)json_object_get_string_len(told));
	return n != NAME_NONE && branch_holds(run,
	    fork->branches[d->branches[n]], s, evaluated);
}

/* Where someone asks what was evaluated, all branches are tried. */
static bool
union_holds(struct run *run, const struct fork *fork, const struct subject *s,
    uint64_t *evaluated)
{
	size_t held = 0;

	for (size_t i = 0; i < fork->count; i++) {
		if (!branch_holds(run, fork->branches[i], s, evaluated))
			continue;
		if (fork->kind == APPLY_ANY && evaluated == NULL)
			return true;
		if (++held > 1 && fork->kind == APPLY_ONE)
			return false;
	}
	return held > 0;
}

/* dependentSchemas. */
static bool
dependents_hold(struct run *run, const struct fork *fork,
    const struct subject *s, uint64_t *evaluated)
{
	if (s->type != json_type_object)
		return true;
	for (size_t i = 0; i < fork->count; i++)
		if ((fork->with[i] & s->found->seen) != 0 &&
		    !branch_holds(run, fork->branches[i], s, evaluated))
			return false;
	return true;
}

static bool
fork_holds(struct run *run, const struct fork *fork, const struct subject *s,
    uint64_t *evaluated)
{
	const struct gate *const *branches = fork->branches;

	switch (fork->kind) {
	case APPLY_NOT:
		return !branch_holds(run, branches[0], s, NULL);
	case APPLY_IF:
		return branch_holds(run,
		    branches[branch_holds(run, branches[0], s, evaluated) ?
		    1 : 2], s, evaluated);
	case APPLY_WITH:
		return dependents_hold(run, fork, s, evaluated);
	default:
		return fork->discriminator != NULL ?
		    chosen_holds(run, fork, s, evaluated) :
		    union_holds(run, fork, s, evaluated);
	}
}

static bool
extras_hold(struct run *run, const struct gate *gate,
    const struct subject *s, uint64_t *evaluated)
{
	for (size_t i = 0; i < gate->choice_count; i++)
		if (!judge_choice(run, gate->choices[i], s->value))
			return false;
	for (size_t i = 0; i < gate->fork_count; i++)
		if (!fork_holds(run, gate->forks[i], s, evaluated))
			return false;
	for (size_t i = 0; i < gate->also_count; i++)
		if (!holds(run, gate->also[i], s->value))
			return false;
	return true;
}

/* The members that nothing has evaluated. */
static bool
rest_holds(struct run *run, const struct gate_object *rules,
    const struct found *found, uint64_t evaluated)
{
	uint64_t left = found->seen & ~evaluated;

	for (; rules->rest != NULL && left != 0; left &= left - 1)
		if (!holds(run, rules->rest,
			found->values[__builtin_ctzll(left)]))
			return false;
	return true;
}

/* An object that is walked for its branches as well. */
static bool
forked_holds(struct run *run, const struct gate *gate,
    struct json_object *value)
{
	const struct gate_object *rules = gate->object;
	struct found found;
	const struct subject s = { json_type_object, value, &found };
	uint64_t evaluated = rules->evaluates;

	return walk(run, rules, value, found.values, &found.seen) &&
	    demands_hold(rules, found.seen) &&
	    extras_hold(run, gate, &s, rules->tracked ? &evaluated : NULL) &&
	    (!rules->tracked || rest_holds(run, rules, &found, evaluated));
}

APART bool
more_holds(struct run *run, const struct gate *gate, enum json_type type,
    struct json_object *value)
{
	const struct subject s = { type, value, NULL };

	if (gate->general != NULL)
		return judge_value(run, gate->general, NULL, value);
	if (type == json_type_object && gate->object != NULL)
		return forked_holds(run, gate, value);
	return rules_hold(run, gate, type, value) &&
	    extras_hold(run, gate, &s, NULL);
}

bool
judge_gate(struct run *run, const struct gate *gate,
    struct json_object *value)
{
	return gate == NULL || holds(run, gate, value);
}

bool
schema_judge(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value)
{
	unsigned steps = SCHEMA_STEPS_MAX - sc->steps_judged;
	bool valid = schema_judge_within(schema, sc, at, value, &steps);

	sc->steps_judged = SCHEMA_STEPS_MAX - steps;
	return valid;
}

bool
schema_judge_within(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value, unsigned *steps)
{
	struct run run = { .sc = sc, .mode = MODE_FLAG, .steps = *steps };
	bool valid = schema->idle ||
	    (holds(&run, schema->gate, value) && run.steps > 0);

	*steps = run.steps;
	if (!valid)
		judge_collect(schema, sc, at, value, steps);
	return valid;
}
