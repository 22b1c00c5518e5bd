/* SPDX-License-Identifier: MIT */
/*
 * Rules for values of each type but objects: type, enum, const, and what is
 * asked of strings, numbers and arrays.  What cannot be satisfied by anything,
 * such as a maximum below the minimum, is a fault in a contract; the standard
 * takes it.
 */
#include "contract/frame.h"

#include <math.h>
#include <string.h>

/* Integers up to this one are doubles as well. */
#define DIGITS_EXACT (UINT64_C(1) << 53)

static const struct {
	const char *name;
	unsigned bit;
} types[] = {
	{ "null", TYPE_NULL },
	{ "boolean", TYPE_BOOLEAN },
	{ "integer", TYPE_INTEGER },
	{ "number", TYPE_NUMBER },
	{ "string", TYPE_STRING },
	{ "array", TYPE_ARRAY },
	{ "object", TYPE_OBJECT },
};

/* The bit of a type's name, or 0 after a fault. */
static unsigned
type_bit_of(const struct frame *f, struct json_object *name)
{
	for (size_t i = 0; i < countof(types); i++)
		if (strcmp(types[i].name, json_object_get_string(name)) == 0)
			return types[i].bit;
	frame_fault(f, KEYWORD_TYPE, "has no type \"%s\"; known are null, "
	    "boolean, integer, number, string, array, object",
	    json_object_get_string(name));
	return 0;
}

void
rules_types(struct frame *f)
{
	struct json_object *value = f->value[KEYWORD_TYPE];
	const char *expected = "";

	if (!f->given[KEYWORD_TYPE])
		return;
	if (json_object_is_type(value, json_type_string)) {
		f->schema->types = type_bit_of(f, value);
		expected = json_object_get_string(value);
	} else for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);

		f->schema->types |= type_bit_of(f, item);
		expected = arena_format(f->arena, "%s%s%s", expected,
		    i > 0 ? " or " : "", json_object_get_string(item));
	}
	f->schema->type_params = frame_params(f->arena, "expected",
	    frame_json_string(f->arena, expected));
}

/* Reads the numbers of a list. */
static void
build_numbers(struct frame *f, struct choice *choice)
{
	struct choice_number *numbers = arena_alloc(f->arena,
	    choice->other_count * sizeof(*numbers) + 1);

	choice->numbers = numbers;
	for (size_t i = 0; i < choice->other_count; i++) {
		struct json_object *value = choice->others[i];

		if (!json_object_is_type(value, json_type_int) &&
		    !json_object_is_type(value, json_type_double))
			continue;
		numbers->nearest = json_object_get_double(value);
		number_of(value, &numbers->exact);
		numbers++;
		choice->number_count++;
	}
}

/* enum or const: strings go into a table, the others into a list. */
static const struct choice *
build_choice(struct frame *f, struct json_object *const *values, size_t count,
    enum rule rule, const char *json)
{
	struct choice *choice = arena_alloc(f->arena, sizeof(*choice));
	struct json_object **others = arena_alloc(f->arena,
	    count * sizeof(struct json_object *) + 1);
	struct text *texts = arena_alloc(f->arena, count * sizeof(*texts) + 1);
	size_t text_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (json_object_is_type(values[i], json_type_string))
			texts[text_count++] = (struct text){
				json_object_get_string(values[i]),
				(size_t)json_object_get_string_len(values[i])
			};
		else
			others[choice->other_count++] = values[i];
	}
	names_build(f->arena, texts, text_count, &choice->strings);
	choice->others = others;
	build_numbers(f, choice);
	choice->rule = rule;
	choice->params = frame_params(f->arena, "values", json);
	return choice;
}

void
rules_choices(struct frame *f)
{
	struct json_object *list = f->value[KEYWORD_ENUM], **values;
	size_t count;

	if (f->given[KEYWORD_CONST])
		f->schema->constant = build_choice(f,
		    &f->value[KEYWORD_CONST], 1, RULE_CONST,
		    arena_format(f->arena, "[%s]",
			frame_json(f->arena, f->value[KEYWORD_CONST])));
	if (!f->given[KEYWORD_ENUM])
		return;
	count = json_object_array_length(list);
	values = arena_alloc(f->arena, count * sizeof(*values) + 1);
	for (size_t i = 0; i < count; i++) {
		values[i] = json_object_array_get_idx(list, i);
		for (size_t j = 0; j < i && f->library->contract; j++) {
			struct spot spot = frame_spot_item(f, list, i);

			if (!value_equal(values[i], values[j]))
				continue;
			library_fault(f->library, &spot,
			    "repeats a value of \"enum\"");
			break;
		}
	}
	f->schema->enumeration = build_choice(f, values, count, RULE_ENUM,
	    frame_json(f->arena, list));
}

static void
build_format(struct frame *f, struct string_rules *rules)
{
	const char *name = json_object_get_string(f->value[KEYWORD_FORMAT]);
	const char *known = "";

	if ((rules->format = format_find(name)) != NULL) {
		rules->format_params = frame_params(f->arena, "format",
		    frame_json_string(f->arena, name));
		return;
	}
	if (!f->library->contract)
		return;
	for (const struct format *at = formats_all(); at->name != NULL; at++)
		known = arena_format(f->arena, "%s%s%s", known,
		    *known != '\0' ? ", " : "", at->name);
	frame_fault(f, KEYWORD_FORMAT, "has no \"%s\"; known are %s", name,
	    known);
}

/* Do formats assert in this schema? */
static bool
is_format_asserted(const struct frame *f)
{
	return f->given[KEYWORD_FORMAT] && (f->library->contract ||
	    f->set->assert_format || f->dialect->assert_format);
}

const struct schema_pattern *
rules_pattern(struct frame *f, const struct spot *spot, enum keyword k,
    const char *text, size_t length)
{
	const struct schema_pattern *pattern;
	const char *reason;
	size_t offset;

	pattern = schema_pattern_compile(f->arena, text, length, &reason,
	    &offset);
	if (pattern == NULL)
		library_fault(f->library, spot, "\"%s\" %s (byte %zu)",
		    schema_keywords[k].name, reason, offset + 1);
	return pattern;
}

void
rules_string(struct frame *f)
{
	static const enum rule length[] = { RULE_MIN_LENGTH, RULE_MAX_LENGTH };
	struct json_object *pattern = f->value[KEYWORD_PATTERN];
	struct spot spot = frame_spot(f, KEYWORD_PATTERN);
	struct string_rules *rules;

	if (!frame_any(f, KEYWORD_MIN_LENGTH, KEYWORD_PATTERN) &&
	    !is_format_asserted(f))
		return;
	rules = arena_alloc(f->arena, sizeof(*rules));
	rules->length = frame_span(f, KEYWORD_MIN_LENGTH, KEYWORD_MAX_LENGTH,
	    length, "\"string\"");
	if (f->given[KEYWORD_PATTERN]) {
		rules->pattern = rules_pattern(f, &spot, KEYWORD_PATTERN,
		    json_object_get_string(pattern),
		    (size_t)json_object_get_string_len(pattern));
		rules->pattern_params = frame_params(f->arena, "pattern",
		    frame_json(f->arena, pattern));
	}
	if (is_format_asserted(f))
		build_format(f, rules);
	f->schema->string = rules;
}

/* The bounds, in this order. */
static const struct {
	enum keyword keyword;
	enum rule rule;
	const char *param;
	bool lower, inclusive;
} bounds[] = {
	{ KEYWORD_MINIMUM, RULE_MINIMUM, "minimum", true, true },
	{ KEYWORD_EXCLUSIVE_MINIMUM, RULE_EXCLUSIVE_MINIMUM, "minimum", true,
	    false },
	{ KEYWORD_MAXIMUM, RULE_MAXIMUM, "maximum", false, true },
	{ KEYWORD_EXCLUSIVE_MAXIMUM, RULE_EXCLUSIVE_MAXIMUM, "maximum", false,
	    false },
};

/* Reports bounds that leave nothing between them. */
static void
check_bounds(const struct frame *f, size_t lower, size_t upper)
{
	enum keyword low = bounds[lower].keyword, high = bounds[upper].keyword;
	struct number a, b;
	int order;

	if (!f->given[low] || !f->given[high])
		return;
	number_of(f->value[low], &a);
	number_of(f->value[high], &b);
	order = number_compare(&a, &b);
	if (order > 0)
		frame_object(f, high, "is less than \"%s\"",
		    schema_keywords[low].name);
	else if (order == 0 &&
	    !(bounds[lower].inclusive && bounds[upper].inclusive))
		frame_object(f, high, "leaves nothing beside \"%s\"",
		    schema_keywords[low].name);
}

static void
build_divisor(struct frame *f, struct number_rules *rules)
{
	static const struct number zero;
	struct json_object *value = f->value[KEYWORD_MULTIPLE_OF];
	struct number n;

	number_of(value, &n);
	if (number_compare(&n, &zero) <= 0) {
		frame_fault(f, KEYWORD_MULTIPLE_OF, "must be greater than 0");
		return;
	}
	if (n.text != NULL) {
		frame_fault(f, KEYWORD_MULTIPLE_OF,
		    "has too many significant digits; 19 are exact");
		return;
	}
	rules->divisor = n;
	rules->divisor_params = frame_params(f->arena, "divisor",
	    frame_json(f->arena, value));
}

/* Takes a bound into what decides for most numbers. */
static void
narrow(struct number_rules *rules, const struct bound *bound, bool lower)
{
	struct number n = bound->number;
	bool inclusive = bound->rule == RULE_MINIMUM ||
	    bound->rule == RULE_MAXIMUM;
	int64_t exact;

	for (; n.exponent > 0 && n.digits < DIGITS_EXACT; n.exponent--)
		n.digits *= 10;
	if (n.exponent != 0 || n.text != NULL || n.digits > DIGITS_EXACT) {
		/* Nothing is certain. */
		rules->least = INT64_MAX;
		rules->below = HUGE_VAL;
		return;
	}
	exact = n.negative ? -(int64_t)n.digits : (int64_t)n.digits;
	if (lower) {
		rules->below = fmax(rules->below, (double)exact);
		exact += !inclusive;
		if (exact > rules->least)
			rules->least = exact;
	} else {
		rules->above = fmin(rules->above, (double)exact);
		exact -= !inclusive;
		if (exact < rules->most)
			rules->most = exact;
	}
}

void
rules_number(struct frame *f)
{
	struct number_rules *rules;

	if (!frame_any(f, KEYWORD_MINIMUM, KEYWORD_MULTIPLE_OF))
		return;
	rules = arena_alloc(f->arena, sizeof(*rules));
	rules->least = INT64_MIN;
	rules->most = INT64_MAX - 1;	/* json-c's for what is beyond */
	rules->below = -HUGE_VAL;
	rules->above = HUGE_VAL;
	for (size_t i = 0; i < countof(bounds); i++) {
		struct json_object *value = f->value[bounds[i].keyword];
		struct bound *bound = &rules->bounds[rules->bound_count];

		if (!f->given[bounds[i].keyword])
			continue;
		bound->rule = bounds[i].rule;
		number_of(value, &bound->number);
		bound->params = frame_params_limit(f->arena, bounds[i].param,
		    frame_json(f->arena, value), bounds[i].inclusive,
		    "\"number\"");
		narrow(rules, bound, bounds[i].lower);
		rules->bound_count++;
	}
	for (size_t lower = 0; lower < 2; lower++)
		for (size_t upper = 2; upper < 4; upper++)
			check_bounds(f, lower, upper);
	if (f->given[KEYWORD_MULTIPLE_OF])
		build_divisor(f, rules);
	f->schema->number = rules;
}

/* contains, which minContains and maxContains count. */
static void
build_contains(struct frame *f, struct array_rules *rules)
{
	static const enum rule matches[] = { RULE_MIN_CONTAINS,
		RULE_MAX_CONTAINS };

	rules->contains = frame_sub(f, KEYWORD_CONTAINS);
	rules->matches = frame_span(f, KEYWORD_MIN_CONTAINS,
	    KEYWORD_MAX_CONTAINS, matches, "\"array\"");
	if (f->given[KEYWORD_MIN_CONTAINS])
		return;
	if (rules->matches.most == 0)
		frame_object(f, KEYWORD_MAX_CONTAINS, "leaves nothing beside "
		    "\"contains\", which wants one; say \"minContains\": 0");
	rules->matches.least = 1;
	rules->matches.least_rule = RULE_CONTAINS;
}

void
rules_array(struct frame *f)
{
	static const enum rule length[] = { RULE_MIN_ITEMS, RULE_MAX_ITEMS };
	const struct schema **prefix;
	struct array_rules *rules;

	if (!frame_any(f, KEYWORD_ITEMS, KEYWORD_UNIQUE_ITEMS))
		return;
	rules = arena_alloc(f->arena, sizeof(*rules));
	rules->length = frame_span(f, KEYWORD_MIN_ITEMS, KEYWORD_MAX_ITEMS,
	    length, "\"array\"");
	rules->unique = frame_is_true(f, KEYWORD_UNIQUE_ITEMS);
	if (f->given[KEYWORD_PREFIX_ITEMS]) {
		rules->prefix_count = json_object_array_length(
		    f->value[KEYWORD_PREFIX_ITEMS]);
		prefix = arena_alloc(f->arena,
		    rules->prefix_count * sizeof(struct schema *));
		frame_sub_list(f, KEYWORD_PREFIX_ITEMS, VARIANT_WHOLE, prefix);
		rules->prefix = prefix;
	}
	if (f->given[KEYWORD_ITEMS])
		rules->items = frame_sub(f, KEYWORD_ITEMS);
	if (f->given[KEYWORD_CONTAINS])
		build_contains(f, rules);
	f->schema->array = rules;
}
