/* SPDX-License-Identifier: MIT */
/*
 * Runs instructions over a tree.  One walk serves three modes: FLAG stops at
 * the first broken rule and allocates nothing (but for uniqueItems of many
 * items, and for what was not evaluated of very many), COUNT weighs a branch of
 * a union, COLLECT writes issues.  So a valid document pays for FLAG alone, and
 * most of that is left to gates (judge_gate.c), which must not disagree: what
 * they refuse is then searched for issues, and the tests compare both.
 *
 * A walk is bounded by its steps.  Its depth is bounded by that of the value
 * and by the number of in-place applicators that are open at once.
 *
 * Issues come in the order of the payload's members; then unknown members, then
 * missing ones in the schema's order, then those of in-place applicators, then
 * what was not evaluated.
 */
#include "contract/run.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

static unsigned
depth_of(const struct place *at)
{
	unsigned depth = 0;

	for (; at != NULL; at = at->up)
		depth++;
	return depth;
}

/* A rule is broken at a place. */
bool
judge_broken(struct run *run, const struct place *at, enum rule rule,
    const struct issue_param *params)
{
	unsigned depth;
	size_t n = 0;

	/* Without steps left, what seems broken may not have been judged. */
	if (!run_spend(run, 1))
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
	return !run->sc->issues_truncated;
}

bool
judge_holds(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value)
{
	struct run inner = run_inner(run, MODE_FLAG);
	uint64_t few[TRACKER_WORDS];
	struct tracker tracker;
	bool valid;

	if (run->tracker != NULL) {
		tracker = tracker_new(run, run->tracker->words, few);
		inner.tracker = &tracker;
	}
	valid = judge_value(&inner, schema, at, value);
	run->steps = inner.steps;
	if (!valid || run->tracker == NULL)
		return valid;
	run->tracker->all |= tracker.all;
	for (size_t i = 0; i < tracker.words; i++)
		run->tracker->bits[i] |= tracker.bits[i];
	return true;
}

bool
judge_span(struct run *run, const struct span *span, const struct place *at,
    size_t n)
{
	if (n < span->least &&
	    !judge_broken(run, at, span->least_rule, span->least_params))
		return false;
	return n <= span->most ||
	    judge_broken(run, at, span->most_rule, span->most_params);
}

bool
judge_matches(struct run *run, const struct schema_pattern *pattern,
    const char *s, size_t length)
{
	uint64_t before = schema_pattern_exhausted(pattern);
	uint32_t steps = run->steps * PATTERN_STEPS;
	bool matches = schema_pattern_matches_within(pattern, s, length,
	    &steps);

	run->steps = steps / PATTERN_STEPS;
	if (matches || schema_pattern_exhausted(pattern) == before)
		return matches;
	(void)scope_fail(run->sc, PROBLEM_NONE, "a pattern of the contract "
	    "takes too long to match; the value was refused");
	run->steps = 0;
	return false;
}

bool
judge_string(struct run *run, const struct string_rules *rules,
    const struct place *at, const char *s, size_t length)
{
	const struct span *span = &rules->length;

	if ((length >= COUNTED_BYTES || rules->format != NULL) &&
	    !run_spend(run, judge_string_weight(rules, length)))
		return false;
	/* A code point is one to four bytes: counting is seldom needed. */
	if ((length > span->most || length / 4 < span->least) &&
	    !judge_span(run, span, at, text_count(s, length)))
		return false;
	if (rules->format != NULL && !rules->format->holds(s, length) &&
	    !judge_broken(run, at, RULE_FORMAT, rules->format_params))
		return false;
	return rules->pattern == NULL ||
	    judge_matches(run, rules->pattern, s, length) ||
	    judge_broken(run, at, RULE_PATTERN, rules->pattern_params);
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

bool
judge_number(struct run *run, const struct number_rules *rules,
    const struct place *at, struct json_object *value)
{
	bool within = judge_number_within(rules, json_object_get_type(value),
	    value);
	struct number n;

	if (within && rules->divisor.digits == 0)
		return true;
	number_of(value, &n);
	if (n.weight > 0 &&
	    !run_spend(run, (1 + rules->bound_count) * n.weight))
		return false;
	for (size_t i = 0; !within && i < rules->bound_count; i++)
		if (!bound_holds(&rules->bounds[i], &n) &&
		    !judge_broken(run, at, rules->bounds[i].rule,
			rules->bounds[i].params))
			return false;
	/* To divide costs a step by digit. */
	return rules->divisor.digits == 0 ||
	    (n.text != NULL && !run_spend(run, n.length)) ||
	    number_is_multiple(&n, &rules->divisor) ||
	    judge_broken(run, at, RULE_MULTIPLE_OF, rules->divisor_params);
}

/*
 * Numbers that are equal are so as doubles, too.  To look through the doubles
 * costs little, and to compare exactly what their texts are long.
 */
static bool
has_number(struct run *run, const struct choice *choice,
    struct json_object *value)
{
	double nearest = json_object_get_double(value);
	struct number n;
	bool known = false;

	if (!run_spend(run, choice->number_count / COMPARED))
		return false;
	for (size_t i = 0; i < choice->number_count; i++) {
		if (choice->numbers[i].nearest != nearest)
			continue;
		if (!known)
			number_of(value, &n);
		known = true;
		if (!run_spend(run, n.weight))
			return false;
		if (number_compare(&choice->numbers[i].exact, &n) == 0)
			return true;
	}
	return false;
}

bool
judge_choice(struct run *run, const struct choice *choice,
    struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	if (type == json_type_string)
		return run_spend(run, choice->strings.longest / PROBED) &&
		    names_find(&choice->strings, json_object_get_string(value),
			(size_t)json_object_get_string_len(value)) != NAME_NONE;
	if (type == json_type_int || type == json_type_double)
		return has_number(run, choice, value);
	for (size_t i = 0; i < choice->other_count; i++)
		if (value_equal_within(choice->others[i], value, &run->steps))
			return true;
	return false;
}

static bool
type_holds(struct run *run, unsigned types, enum json_type type,
    struct json_object *value)
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
	return run_spend(run, n.weight) && number_is_integer(&n);
}

static inline bool
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

/* What a schema asks of a value, but for what was not evaluated. */
static bool
judge_rules(struct run *run, const struct schema *schema,
    const struct place *at, enum json_type type, struct json_object *value)
{
	if (schema->enumeration != NULL &&
	    !judge_choice(run, schema->enumeration, value) &&
	    !judge_broken(run, at, RULE_ENUM, schema->enumeration->params))
		return false;
	if (schema->constant != NULL &&
	    !judge_choice(run, schema->constant, value) &&
	    !judge_broken(run, at, RULE_CONST, schema->constant->params))
		return false;
	if (!judge_by_type(run, schema, at, type, value))
		return false;
	for (size_t i = 0; i < schema->applicator_count; i++)
		if (!judge_applied(run, &schema->applicators[i], at, value))
			return false;
	return true;
}

/*
 * A schema that asks for what was not evaluated has a tracker of its own: it
 * sees what it applies itself, not what is beside it.  After that nothing is
 * left unevaluated for the schemas around it.
 */
static bool
judge_tracked(struct run *run, const struct schema *schema,
    const struct place *at, enum json_type type, struct json_object *value)
{
	bool array = type == json_type_array;
	size_t count = array ? json_object_array_length(value) :
	    (size_t)json_object_object_length(value);
	uint64_t few[TRACKER_WORDS];
	struct tracker tracker = tracker_new(run, (count + 63) / 64, few);
	struct tracker *outer = run->tracker;
	bool go_on;

	run->tracker = &tracker;
	go_on = judge_rules(run, schema, at, type, value);
	run->tracker = NULL;
	if (go_on)
		go_on = array ? judge_unevaluated_items(run,
		    schema->unevaluated_items, at, value, &tracker) :
		    judge_unevaluated_members(run,
			schema->unevaluated_members, at, value, &tracker);
	run->tracker = outer;
	if (outer != NULL)
		outer->all = true;
	return go_on;
}

/* A schema that a run enters, or that asks for what was not evaluated. */
static bool
judge_special(struct run *run, const struct schema *schema,
    const struct place *at, enum json_type type, struct json_object *value)
{
	const struct entry *outer = run->scope;
	struct entry entry = { outer, schema->entered };
	bool go_on;

	if (schema->entered != NULL &&
	    (outer == NULL || outer->resource != schema->entered))
		run->scope = &entry;
	if ((type == json_type_object && schema->unevaluated_members != NULL) ||
	    (type == json_type_array && schema->unevaluated_items != NULL))
		go_on = judge_tracked(run, schema, at, type, value);
	else
		go_on = judge_rules(run, schema, at, type, value);
	run->scope = outer;
	return go_on;
}

bool
judge_value(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value)
{
	enum json_type type;

	if (schema->idle)
		return true;
	if (run->steps == 0)
		return false;
	run->steps--;
	if (run->mode == MODE_FLAG && run->tracker == NULL &&
	    schema->gate != NULL && schema->gate->general == NULL)
		return judge_gate(run, schema->gate, value);
	if (schema->never)
		return judge_broken(run, at, RULE_FALSE, NULL);
	type = json_object_get_type(value);
	/* Of a value of the wrong type nothing else is worth saying. */
	if (schema->types != 0 && !type_holds(run, schema->types,
		type, value))
		return judge_broken(run, at, RULE_TYPE, schema->type_params);
	if (!schema->mixed)
		return judge_by_type(run, schema, at, type, value);
	if (schema->special)
		return judge_special(run, schema, at, type, value);
	return judge_rules(run, schema, at, type, value);
}

void
judge_collect(const struct schema *schema, struct scope *sc,
    const struct place *at, struct json_object *value, unsigned *steps)
{
	struct run run = { .sc = sc, .mode = MODE_COLLECT, .steps = *steps };

	(void)judge_value(&run, schema, at, value);
	*steps = run.steps;
	/* The steps were used up: what cannot be judged is not let in. */
	if (run.count == 0)
		scope_issue(sc, at, RULE_COMPLEXITY, NULL, 0);
	else if (run.steps == 0)
		sc->issues_truncated = true;
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
