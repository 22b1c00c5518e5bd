/* SPDX-License-Identifier: MIT */
/*
 * Objects.  One is iterated once, its members dispatched by the table of names;
 * what is required, and what depends on it, is a mask.  A member that no name
 * and no pattern takes is an additional one.
 */
#include "contract/run.h"

#include <string.h>

enum {
	KEYS_MAX = 10,		/* names told of unknown members */
	KEY_BYTES = 128,
	PASSED_MEMBERS = 2,	/* that a step is worth if nothing is asked */
	LISTED = 12,		/* the same of numbers in a row */
};

/* Does a name satisfy propertyNames? */
static bool
name_holds(struct run *run, const struct schema *schema,
    const struct place *at, const char *name, size_t length)
{
	struct run inner = run_inner(run, MODE_FLAG);
	struct json_object *value;
	bool valid;

	if (schema->idle)
		return true;
	if (schema->types == 0 && !schema->never && !schema->mixed) {
		valid = schema->string == NULL ||
		    judge_string(&inner, schema->string, at, name, length);
	} else {
		/* Seldom so much is asked that it must become a value. */
		value = json_object_new_string_len(name, (int)length);
		valid = judge_value(&inner, schema, at, value);
		json_object_put(value);
	}
	run->steps = inner.steps;
	return valid;
}

/* Is there a pattern for members of that name? */
static bool
has_pattern(struct run *run, const struct object_rules *rules,
    const char *name, size_t length)
{
	for (size_t i = 0; i < rules->pattern_count; i++)
		if (judge_matches(run, rules->patterns[i].pattern, name,
			length))
			return true;
	return false;
}

/* What an issue about members is about: a rule, and how it is told. */
struct blame {
	enum rule rule;
	const struct object_rules *rules;
	const struct tracker *tracker;	/* or NULL */
};

/* Is it a member that the issue is about? */
static bool
is_blamed(struct run *run, const struct blame *blame, const struct place *at,
    size_t number)
{
	size_t n;

	if (blame->tracker != NULL)
		return !tracker_has(blame->tracker, number);
	if (blame->rule == RULE_PROPERTY_NAMES)
		return !name_holds(run, blame->rules->name_schema, at,
		    at->name, at->length);
	n = names_find(&blame->rules->names, at->name, at->length);
	return (n == NAME_NONE || blame->rules->members[n] == NULL) &&
	    !has_pattern(run, blame->rules, at->name, at->length);
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
broken_keys(struct run *run, const struct blame *blame,
    const struct place *at, struct json_object *value)
{
	struct issue_param params[PARAMS_MAX] = { { "keys", "[]" } };
	struct lh_entry *entry = lh_table_head(json_object_get_object(value));
	unsigned told = 0;
	struct buf b;
	bool go_on;

	if (run->mode != MODE_COLLECT)
		return judge_broken(run, at, blame->rule, NULL);
	if (!run_spend(run, (size_t)json_object_object_length(value)))
		return false;
	buf_init(&b, 16 * 1024);
	for (size_t i = 0; entry != NULL && told < KEYS_MAX;
	     entry = lh_entry_next(entry), i++) {
		const char *name = lh_entry_k(entry);
		struct place member = { at, name, strlen(name), 0 };

		if (!is_blamed(run, blame, &member, i))
			continue;
		buf_char(&b, told++ == 0 ? '[' : ',');
		buf_json(&b, name, key_bytes(name, member.length));
	}
	buf_char(&b, ']');
	params[0].json = b.at;
	go_on = judge_broken(run, at, blame->rule, params);
	buf_release(&b);
	return go_on;
}

/* What an object's members were found to be. */
struct members {
	uint64_t seen[SEEN_WORDS];
	bool unknown, misnamed;
};

/* Judges a member by the patterns that its name matches. */
static bool
judge_patterns(struct run *run, const struct object_rules *rules,
    const struct place *member, struct json_object *value, bool *ret_known)
{
	for (size_t i = 0; i < rules->pattern_count; i++) {
		const struct member_pattern *p = &rules->patterns[i];

		/* Matching is work too. */
		if (run->steps == 0)
			return false;
		if (!judge_matches(run, p->pattern, member->name,
			member->length))
			continue;
		*ret_known = true;
		if (!judge_value(run, p->schema, member, value))
			return false;
	}
	return run->steps > 0;
}

/* Judges a member by its name, or else as an additional one. */
static bool
judge_named(struct run *run, const struct object_rules *rules,
    const struct place *member, struct json_object *value,
    struct members *found, bool *ret_known)
{
	size_t n = names_find(&rules->names, member->name, member->length);
	const struct schema *sub = NULL;

	if (n != NAME_NONE) {
		found->seen[n / 64] |= UINT64_C(1) << n % 64;
		sub = rules->members[n];
	}
	*ret_known = sub != NULL;
	if (rules->pattern_count > 0 &&
	    !judge_patterns(run, rules, member, value, ret_known))
		return false;
	if (!*ret_known) {
		if (rules->closed) {
			found->unknown = true;
			return run->mode != MODE_FLAG;
		}
		sub = rules->additional;
		*ret_known = sub != NULL;
	}
	return sub == NULL || judge_value(run, sub, member, value);
}

static bool
judge_member(struct run *run, const struct object_rules *rules,
    const struct place *member, struct json_object *value,
    struct members *found, bool *ret_known)
{
	if (rules->name_schema != NULL && !name_holds(run, rules->name_schema,
		member, member->name, member->length)) {
		found->misnamed = true;
		if (run->mode == MODE_FLAG)
			return false;
	}
	return judge_named(run, rules, member, value, found, ret_known);
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

	return judge_broken(run, &member, rule,
	    params != NULL ? params : missing);
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
	if (!run_spend(run, rules->dependency_count / LISTED))
		return false;
	for (size_t i = 0; i < rules->dependency_count; i++) {
		const struct dependency *d = &rules->dependencies[i];

		if (!is_seen(found, d->with))
			continue;
		if (!run_spend(run, d->required_count / LISTED))
			return false;
		for (size_t j = 0; j < d->required_count; j++)
			if (!is_seen(found, d->required[j]) &&
			    !broken_missing(run, rules, at, d->required[j],
				RULE_DEPENDENT_REQUIRED, d->params))
				return false;
	}
	return true;
}

/* Judges the members; what was evaluated of them goes to the tracker. */
static bool
judge_members(struct run *run, const struct object_rules *rules,
    const struct place *at, struct json_object *value, struct members *found)
{
	struct lh_entry *entry = lh_table_head(json_object_get_object(value));
	struct tracker *tracker = run->tracker;
	bool go_on = true, known = false;

	run->tracker = NULL;
	for (size_t i = 0; entry != NULL && go_on;
	     entry = lh_entry_next(entry), i++) {
		const char *name = lh_entry_k(entry);
		struct place member = { at, name, strlen(name), 0 };

		go_on = judge_member(run, rules, &member, lh_entry_v(entry),
		    found, &known);
		if (tracker != NULL && known)
			tracker_mark(tracker, i);
	}
	run->tracker = tracker;
	return go_on;
}

bool
judge_object(struct run *run, const struct object_rules *rules,
    const struct place *at, struct json_object *value)
{
	size_t count = (size_t)json_object_object_length(value);
	struct members found;

	if (!run_spend(run, count * (1 + rules->names.longest / PROBED) /
		PASSED_MEMBERS))
		return false;
	found.unknown = found.misnamed = false;
	memset(found.seen, 0, rules->words * sizeof(found.seen[0]));
	if (!judge_members(run, rules, at, value, &found))
		return false;
	if (found.unknown && !broken_keys(run, &(struct blame){
		rules->closed_rule, rules, NULL }, at, value))
		return false;
	if (found.misnamed && !broken_keys(run, &(struct blame){
		RULE_PROPERTY_NAMES, rules, NULL }, at, value))
		return false;
	return judge_required(run, rules, at, &found) &&
	    judge_dependencies(run, rules, at, &found) &&
	    judge_span(run, &rules->size, at, count);
}

bool
judge_unevaluated_members(struct run *run, const struct schema *schema,
    const struct place *at, struct json_object *value,
    const struct tracker *tracker)
{
	const struct blame blame = { RULE_UNEVALUATED, NULL, tracker };
	struct lh_entry *entry = lh_table_head(json_object_get_object(value));

	for (size_t i = 0; entry != NULL; entry = lh_entry_next(entry), i++) {
		const char *name = lh_entry_k(entry);
		struct place member = { at, name, strlen(name), 0 };

		if (tracker_has(tracker, i))
			continue;
		if (schema->never)
			return broken_keys(run, &blame, at, value);
		if (!judge_value(run, schema, &member, lh_entry_v(entry)))
			return false;
	}
	return true;
}
