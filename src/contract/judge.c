/* SPDX-License-Identifier: MIT */
/*
 * Runs instructions over a tree.  One walk serves three modes: FLAG stops at
 * the first broken rule and allocates nothing (but for uniqueItems of many
 * items), COUNT weighs a branch of a union, COLLECT writes issues.  So a valid
 * document pays for FLAG alone, and the modes cannot disagree.
 *
 * Invariant: every function here returns whether to go on; in FLAG false means
 * that the value is not valid, in the other modes that the steps are used up.
 * Whether something is broken in those is told by the run's count.
 *
 * An object is iterated once, its members dispatched by the table of names.
 * Issues come in the order of the payload's members; then unknown members, then
 * missing ones in the schema's order, then those of in-place applicators.
 */
#include "contract/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum {
	STEPS_MAX = 2000000,	/* schemas applied to one document */
	KEYS_MAX = 10,		/* names told of unknown members */
	KEY_BYTES = 128,
	PAIRS_MAX = 16,		/* items that are compared each with each */
};

enum mode { MODE_FLAG, MODE_COUNT, MODE_COLLECT };

/* One walk.  What dynamic scope and annotations need will hang here too. */
struct run {
	struct scope *sc;
	enum mode mode;
	unsigned steps;			/* left */
	unsigned count;			/* of broken rules */
	unsigned deepest;		/* place of one, in frames */
	const struct place *union_at;	/* MODE_COUNT: of the branch */
	bool far;			/* it is not of this kind at all */
};

static bool judge(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value);

static unsigned
depth_of(const struct place *at)
{
	unsigned depth = 0;

	for (; at != NULL; at = at->up)
		depth++;
	return depth;
}

/* A rule is broken at a place. */
static bool
broken(struct run *run, const struct place *at, enum rule rule,
    const struct issue_param *params)
{
	unsigned depth;
	size_t n = 0;

	/* Without steps left, what seems broken may not have been judged. */
	if (run->steps == 0)
		return false;
	run->count++;
	if (run->mode == MODE_FLAG)
		return false;
	if (run->mode == MODE_COUNT) {
		if ((depth = depth_of(at)) > run->deepest)
			run->deepest = depth;
		if (at == run->union_at && (rule == RULE_TYPE ||
			rule == RULE_ENUM || rule == RULE_CONST ||
			rule == RULE_FALSE || rule == RULE_ANY_OF ||
			rule == RULE_ONE_OF))
			run->far = true;
		return true;
	}
	while (params != NULL && n < PARAMS_MAX && params[n].name != NULL)
		n++;
	scope_issue(run->sc, at, rule, params, n);
	return true;
}

/* Is it valid?  In flag mode, whatever the mode outside. */
static bool
holds(struct run *run, const struct schema *schema, const struct place *at,
    struct json_object *value)
{
	struct run inner = { .sc = run->sc, .mode = MODE_FLAG,
		.steps = run->steps };
	bool valid = judge(&inner, schema, at, value);

	run->steps = inner.steps;
	return valid;
}

static bool
judge_span(struct run *run, const struct span *span, const struct place *at,
    size_t n)
{
	if (n < span->least &&
	    !broken(run, at, span->least_rule, span->least_params))
		return false;
	return n <= span->most ||
	    broken(run, at, span->most_rule, span->most_params);
}

static bool
judge_string(struct run *run, const struct string_rules *rules,
    const struct place *at, const char *s, size_t length)
{
	const struct span *span = &rules->length;

	/* A code point is one to four bytes: counting is seldom needed. */
	if ((length > span->most || length / 4 < span->least) &&
	    !judge_span(run, span, at, text_count(s, length)))
		return false;
	if (rules->format != NULL && !rules->format->holds(s, length) &&
	    !broken(run, at, RULE_FORMAT, rules->format_params))
		return false;
	return rules->pattern == NULL ||
	    schema_pattern_matches(rules->pattern, s, length) ||
	    broken(run, at, RULE_PATTERN, rules->pattern_params);
}

static bool
bound_holds(const struct bound *bound, const struct number *n)
{
	int order = number_compare(n, &bound->number);

	switch (bound->rule) {
	case RULE_MINIMUM:
		return order >= 0;
	case RULE_MAXIMUM:
		return order <= 0;
	case RULE_EXCLUSIVE_MINIMUM:
		return order > 0;
	default:
		return order < 0;
	}
}

static bool
judge_number(struct run *run, const struct number_rules *rules,
    const struct place *at, struct json_object *value)
{
	struct number n;

	number_of(value, &n);
	for (size_t i = 0; i < rules->bound_count; i++)
		if (!bound_holds(&rules->bounds[i], &n) &&
		    !broken(run, at, rules->bounds[i].rule,
			rules->bounds[i].params))
			return false;
	return rules->divisor.digits == 0 ||
	    number_is_multiple(&n, &rules->divisor) ||
	    broken(run, at, RULE_MULTIPLE_OF, rules->divisor_params);
}

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
pairs_differ(struct json_object *array, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (value_equal(json_object_array_get_idx(array, i),
				json_object_array_get_idx(array, j)))
				return false;
	return true;
}

/* Sorts by a hash that the client cannot foresee, compares the runs. */
static bool
items_differ(struct run *run, struct json_object *array, size_t count)
{
	struct hashed *items;

	if (count <= PAIRS_MAX)
		return pairs_differ(array, count);
	items = arena_alloc(run->sc->arena, count * sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = (struct hashed){
			value_hash(json_object_array_get_idx(array, i),
			    (uintptr_t)run->sc ^ (uintptr_t)array << 16), i };
	qsort(items, count, sizeof(*items), hashed_compare);
	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j-- > 0 && items[j].hash == items[i].hash;)
			if (value_equal(json_object_array_get_idx(array,
				items[i].index),
				json_object_array_get_idx(array,
				    items[j].index)))
				return false;
	return true;
}

static bool
judge_array(struct run *run, const struct array_rules *rules,
    const struct place *at, struct json_object *value)
{
	size_t count = json_object_array_length(value);

	if (!judge_span(run, &rules->length, at, count))
		return false;
	/* Nothing is gained by looking into more items than are taken. */
	if (count > rules->length.most)
		return true;
	for (size_t i = 0; i < count; i++) {
		const struct schema *sub = i < rules->prefix_count ?
		    rules->prefix[i] : rules->items;
		struct place item = { at, NULL, 0, i };

		if (sub == NULL)
			break;
		if (!judge(run, sub, &item,
			json_object_array_get_idx(value, i)))
			return false;
	}
	return !rules->unique || items_differ(run, value, count) ||
	    broken(run, at, RULE_UNIQUE_ITEMS, NULL);
}

static bool
choice_holds(const struct choice *choice, struct json_object *value)
{
	if (json_object_get_type(value) == json_type_string)
		return names_find(&choice->strings,
		    json_object_get_string(value),
		    (size_t)json_object_get_string_len(value)) != NAME_NONE;
	for (size_t i = 0; i < choice->other_count; i++)
		if (value_equal(choice->others[i], value))
			return true;
	return false;
}

/* Does a name satisfy propertyNames? */
static bool
name_holds(struct run *run, const struct schema *schema,
    const struct place *at, const char *name, size_t length)
{
	struct run inner = { .sc = run->sc, .mode = MODE_FLAG,
		.steps = run->steps };
	struct json_object *value;
	bool valid;

	if (schema->idle)
		return true;
	if (schema->types == 0 && !schema->never &&
	    schema->enumeration == NULL && schema->constant == NULL &&
	    schema->applicator_count == 0)
		return schema->string == NULL ||
		    judge_string(&inner, schema->string, at, name, length);
	/* Seldom so much is asked of a name that it must become a value. */
	value = json_object_new_string_len(name, (int)length);
	valid = judge(&inner, schema, at, value);
	json_object_put(value);
	run->steps = inner.steps;
	return valid;
}

/* Is it a member that the issue `rule` is about? */
static bool
is_blamed(struct run *run, const struct object_rules *rules,
    const struct place *at, enum rule rule, const char *name, size_t length)
{
	size_t n;

	if (rule == RULE_PROPERTY_NAMES)
		return !name_holds(run, rules->name_schema, at, name, length);
	n = names_find(&rules->names, name, length);
	return n == NAME_NONE || rules->members[n] == NULL;
}

/* Bytes of a name that are told: cut before a whole character. */
static size_t
key_bytes(const char *name, size_t length)
{
	if (length <= KEY_BYTES)
		return length;
	for (length = KEY_BYTES; length > 0; length--)
		if (((unsigned char)name[length] & 0xc0) != 0x80)
			break;
	return length;
}

/* One issue about names: the first of them are told. */
static bool
broken_keys(struct run *run, const struct object_rules *rules,
    const struct place *at, struct json_object *value, enum rule rule)
{
	struct issue_param params[PARAMS_MAX] = { { "keys", "[]" } };
	struct lh_entry *entry = lh_table_head(json_object_get_object(value));
	unsigned told = 0;
	struct buf b;
	bool go_on;

	if (run->mode != MODE_COLLECT)
		return broken(run, at, rule, NULL);
	buf_init(&b, 16 * 1024);
	for (; entry != NULL && told < KEYS_MAX; entry = lh_entry_next(entry)) {
		const char *name = lh_entry_k(entry);
		size_t length = strlen(name);

		if (!is_blamed(run, rules, at, rule, name, length))
			continue;
		buf_char(&b, told++ == 0 ? '[' : ',');
		buf_json(&b, name, key_bytes(name, length));
	}
	buf_char(&b, ']');
	params[0].json = b.at;
	go_on = broken(run, at, rule, params);
	buf_release(&b);
	return go_on;
}

/* What an object's members were found to be. */
struct members {
	uint64_t seen[SEEN_WORDS];
	bool unknown, misnamed;
};

static bool
judge_member(struct run *run, const struct object_rules *rules,
    const struct place *member, struct json_object *value,
    struct members *found)
{
	size_t n = names_find(&rules->names, member->name, member->length);
	const struct schema *sub = NULL;

	if (n != NAME_NONE) {
		found->seen[n / 64] |= UINT64_C(1) << n % 64;
		sub = rules->members[n];
	}
	if (sub == NULL) {
		if (rules->closed) {
			found->unknown = true;
			return run->mode != MODE_FLAG;
		}
		sub = rules->additional;
	}
	if (rules->name_schema != NULL && !name_holds(run, rules->name_schema,
		member, member->name, member->length)) {
		found->misnamed = true;
		if (run->mode == MODE_FLAG)
			return false;
	}
	return sub == NULL || judge(run, sub, member, value);
}

/* A member is missing: the issue is at the place that it should have. */
static bool
broken_missing(struct run *run, const struct object_rules *rules,
    const struct place *at, size_t number, enum rule rule,
    const struct issue_param *params)
{
	static const struct issue_param missing[PARAMS_MAX] = {
		{ "received", "\"missing\"" }
	};
	const struct text *name = &rules->names.texts[number];
	struct place member = { at, name->at, name->length, 0 };

	return broken(run, &member, rule, params != NULL ? params : missing);
}

static bool
judge_required(struct run *run, const struct object_rules *rules,
    const struct place *at, const struct members *found)
{
	for (size_t w = 0; w < rules->words; w++) {
		uint64_t missing = rules->required[w] & ~found->seen[w];

		for (; missing != 0; missing &= missing - 1)
			if (!broken_missing(run, rules, at, w * 64 +
				(size_t)__builtin_ctzll(missing),
				RULE_REQUIRED, NULL))
				return false;
	}
	return true;
}

static bool
is_seen(const struct members *found, size_t number)
{
	return (found->seen[number / 64] >> number % 64 & 1) != 0;
}

static bool
judge_dependencies(struct run *run, const struct object_rules *rules,
    const struct place *at, const struct members *found)
{
	for (size_t i = 0; i < rules->dependency_count; i++) {
		const struct dependency *d = &rules->dependencies[i];

		if (!is_seen(found, d->with))
			continue;
		for (size_t j = 0; j < d->required_count; j++)
			if (!is_seen(found, d->required[j]) &&
			    !broken_missing(run, rules, at, d->required[j],
				RULE_DEPENDENT_REQUIRED, d->params))
				return false;
	}
	return true;
}

static bool
judge_object(struct run *run, const struct object_rules *rules,
    const struct place *at, struct json_object *value)
{
	struct members found;
	struct lh_entry *entry;

	found.unknown = found.misnamed = false;
	memset(found.seen, 0, rules->words * sizeof(found.seen[0]));
	entry = lh_table_head(json_object_get_object(value));
	for (; entry != NULL; entry = lh_entry_next(entry)) {
		const char *name = lh_entry_k(entry);
		struct place member = { at, name, strlen(name), 0 };

		if (!judge_member(run, rules, &member, lh_entry_v(entry),
			&found))
			return false;
	}
	if (found.unknown &&
	    !broken_keys(run, rules, at, value, RULE_UNKNOWN))
		return false;
	if (found.misnamed &&
	    !broken_keys(run, rules, at, value, RULE_PROPERTY_NAMES))
		return false;
	return judge_required(run, rules, at, &found) &&
	    judge_dependencies(run, rules, at, &found) &&
	    judge_span(run, &rules->size, at,
		(size_t)json_object_object_length(value));
}

/* What is wrong with a branch of a union, and how near the value came. */
struct weight {
	unsigned count, deepest;
	bool far;
};

static bool
weigh(struct run *run, const struct schema *schema, const struct place *at,
    struct json_object *value, struct weight *ret)
{
	struct run inner = { .sc = run->sc, .mode = MODE_COUNT,
		.steps = run->steps, .union_at = at };
	bool go_on = judge(&inner, schema, at, value);

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
		return broken(run, at, rule, NULL);
	if (run->mode == MODE_COUNT) {
		run->count += best.count;
		if (best.deepest > run->deepest)
			run->deepest = best.deepest;
		return true;
	}
	return judge(run, a->schemas[nearest], at, value);
}

/* The discriminator's member of an object; false when there is none. */
static bool
member_of(struct json_object *value, const struct text *name,
    struct json_object **ret)
{
	struct lh_entry *entry = lh_table_head(json_object_get_object(value));

	for (; entry != NULL; entry = lh_entry_next(entry)) {
		const char *key = lh_entry_k(entry);

		if (strncmp(key, name->at, name->length) != 0 ||
		    key[name->length] != '\0')
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
		return broken(run, at, RULE_TYPE, expected);
	if (!member_of(value, &d->member, &told))
		return broken(run, &member, RULE_REQUIRED, missing);
	if (json_object_get_type(told) == json_type_string)
		n = names_find(&d->values, json_object_get_string(told),
		    (size_t)json_object_get_string_len(told));
	if (n == NAME_NONE)
		return broken(run, &member, RULE_ENUM, d->params);
	return judge(run, a->schemas[d->branches[n]], at, value);
}

static bool
judge_union(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	size_t held = 0;

	if (a->discriminator != NULL)
		return judge_chosen(run, a, at, value);
	if (run->mode != MODE_FLAG)
		return broken_union(run, a, at, value);
	for (size_t i = 0; i < a->count; i++) {
		if (!holds(run, a->schemas[i], at, value))
			continue;
		if (a->kind == APPLY_ANY)
			return true;
		if (++held > 1)
			return false;
	}
	return held == 1;
}

static bool
judge_applied(struct run *run, const struct applicator *a,
    const struct place *at, struct json_object *value)
{
	const struct schema *then;

	switch (a->kind) {
	case APPLY_ALL:
		for (size_t i = 0; i < a->count; i++)
			if (!judge(run, a->schemas[i], at, value))
				return false;
		return true;
	case APPLY_NOT:
		return !holds(run, a->schemas[0], at, value) ||
		    broken(run, at, RULE_NOT, NULL);
	case APPLY_IF:
		then = holds(run, a->schemas[0], at, value) ? a->schemas[1] :
							      a->schemas[2];
		return then == NULL || judge(run, then, at, value);
	default:
		return judge_union(run, a, at, value);
	}
}

static bool
type_holds(unsigned types, enum json_type type, struct json_object *value)
{
	static const unsigned bits[] = {
		[json_type_null] = TYPE_NULL,
		[json_type_boolean] = TYPE_BOOLEAN,
		[json_type_double] = TYPE_NUMBER,
		[json_type_int] = TYPE_INTEGER | TYPE_NUMBER,
		[json_type_object] = TYPE_OBJECT,
		[json_type_array] = TYPE_ARRAY,
		[json_type_string] = TYPE_STRING,
	};
	struct number n;

	if ((types & bits[type]) != 0)
		return true;
	if (type != json_type_double || (types & TYPE_INTEGER) == 0)
		return false;
	number_of(value, &n);
	return number_is_integer(&n);
}

static bool
judge_by_type(struct run *run, const struct schema *schema,
    const struct place *at, enum json_type type, struct json_object *value)
{
	switch (type) {
	case json_type_string:
		return schema->string == NULL || judge_string(run,
		    schema->string, at, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
	case json_type_int:
	case json_type_double:
		return schema->number == NULL ||
		    judge_number(run, schema->number, at, value);
	case json_type_array:
		return schema->array == NULL ||
		    judge_array(run, schema->array, at, value);
	case json_type_object:
		return schema->object == NULL ||
		    judge_object(run, schema->object, at, value);
	default:
		return true;
	}
}

static bool
judge(struct run *run, const struct schema *schema, const struct place *at,
    struct json_object *value)
{
	enum json_type type;

	if (schema->idle)
		return true;
	if (run->steps == 0)
		return false;
	run->steps--;
	if (schema->never)
		return broken(run, at, RULE_FALSE, NULL);
	type = json_object_get_type(value);
	/* Of a value of the wrong type nothing else is worth saying. */
	if (schema->types != 0 && !type_holds(schema->types, type, value))
		return broken(run, at, RULE_TYPE, schema->type_params);
	if (schema->enumeration != NULL &&
	    !choice_holds(schema->enumeration, value) &&
	    !broken(run, at, RULE_ENUM, schema->enumeration->params))
		return false;
	if (schema->constant != NULL &&
	    !choice_holds(schema->constant, value) &&
	    !broken(run, at, RULE_CONST, schema->constant->params))
		return false;
	if (!judge_by_type(run, schema, at, type, value))
		return false;
	for (size_t i = 0; i < schema->applicator_count; i++)
		if (!judge_applied(run, &schema->applicators[i], at, value))
			return false;
	return true;
}

bool
schema_judge(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value)
{
	struct run run = { .sc = sc, .mode = MODE_FLAG, .steps = STEPS_MAX };

	if (judge(&run, schema, at, value) && run.steps > 0)
		return true;
	run = (struct run){ .sc = sc, .mode = MODE_COLLECT,
		.steps = STEPS_MAX };
	(void)judge(&run, schema, at, value);
	/* The steps were used up: what cannot be judged is not let in. */
	if (run.count == 0)
		scope_issue(sc, at, RULE_FALSE, NULL, 0);
	return false;
}

/*
 * The value that a text stands for where no string is allowed: a number or a
 * boolean, as JSON writes it, without blanks.  NULL when it is none.
 */
static struct json_object *
value_of_text(unsigned types, const char *text)
{
	size_t length = strlen(text);
	struct json_object *value;
	struct json_fault fault;
	bool fits;

	if (length == 0 || strchr("-0123456789tf", *text) == NULL ||
	    strchr(" \t\r\n", text[length - 1]) != NULL ||
	    !json_read(text, length, &json_caps_wire, &value, &fault))
		return NULL;
	switch (json_object_get_type(value)) {
	case json_type_int:
		fits = (types & (TYPE_INTEGER | TYPE_NUMBER)) != 0;
		break;
	case json_type_double:
		/* Not 1.0 for an integer: Postgres would not read it. */
		fits = (types & TYPE_NUMBER) != 0;
		break;
	default:
		fits = (types & TYPE_BOOLEAN) != 0;
	}
	if (fits)
		return value;
	json_object_put(value);
	return NULL;
}

bool
schema_judge_text(const struct schema *schema, struct scope *sc,
    const struct place *at, const char *text)
{
	unsigned types = schema->known_types;
	struct json_object *value = NULL;
	bool valid;

	if (types != 0 && (types & TYPE_STRING) == 0)
		value = value_of_text(types, text);
	if (value == NULL)
		value = json_object_new_string(text);
	valid = schema_judge(schema, sc, at, value);
	json_object_put(value);
	return valid;
}
