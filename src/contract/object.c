/* SPDX-License-Identifier: MIT */
/*
 * Rules for objects.  Names are numbered, properties first and in their order,
 * so that `required` is a mask and a property of load.c has the number of its
 * name.  The variants differ here: which members are taken, which of them are
 * required, and whether others are refused.
 */
#include "contract/frame.h"

#include <string.h>

/* Does the variant take a member of this subschema? */
static bool
is_taken(enum variant variant, const struct schema *member)
{
	if (variant == VARIANT_CREATE)
		return !member->read_only;
	if (variant == VARIANT_UPDATE)
		return !member->read_only && !member->create_only;
	return true;
}

/* The names of an object schema while they are numbered. */
struct naming {
	struct text *texts;
	const struct schema **members;
	size_t count;
};

/* The number of a name, made when it is new; NAME_NONE past the limit. */
static size_t
number_name(struct naming *naming, const char *at, size_t length)
{
	for (size_t i = 0; i < naming->count; i++)
		if (naming->texts[i].length == length &&
		    memcmp(naming->texts[i].at, at, length) == 0)
			return i;
	if (naming->count == NAMES_MAX)
		return NAME_NONE;
	naming->texts[naming->count] = (struct text){ at, length };
	return naming->count++;
}

static size_t
number_item(struct naming *naming, struct json_object *list, size_t index)
{
	struct json_object *item = json_object_array_get_idx(list, index);

	return number_name(naming, json_object_get_string(item),
	    (size_t)json_object_get_string_len(item));
}

/* Reads `properties`: all of them for load.c, those taken for the judge. */
static void
build_members(struct frame *f, struct naming *naming)
{
	struct json_object *map = f->value[KEYWORD_PROPERTIES];
	struct property *list;

	if (!f->given[KEYWORD_PROPERTIES])
		return;
	list = arena_alloc(f->arena,
	    (size_t)json_object_object_length(map) * sizeof(*list) + 1);
	f->schema->properties = list;
	json_object_object_foreach(map, name, value) {
		struct spot spot = frame_spot_member(f, KEYWORD_PROPERTIES,
		    name);
		const struct schema *member = schema_make(f->set, &spot, value,
		    VARIANT_WHOLE);
		size_t number;

		if (!is_taken(f->schema->variant, member))
			continue;
		if ((number = number_name(naming, name, strlen(name))) ==
		    NAME_NONE)
			break;
		naming->members[number] = member;
		list[number] = (struct property){ .name = name,
			.read_only = member->read_only,
			.write_only = member->write_only,
			.create_only = member->create_only,
			.schema = member };
		spot.of_name = true;
		spot_place(&spot, &list[number].line, &list[number].column);
		f->schema->property_count = number + 1;
	}
}

/* Is it a member that the variant leaves out? */
static bool
is_left_out(const struct frame *f, struct json_object *name)
{
	struct json_object *map = f->value[KEYWORD_PROPERTIES], *value;
	struct spot spot;

	if (f->schema->variant != VARIANT_CREATE ||
	    !f->given[KEYWORD_PROPERTIES] ||
	    !json_object_object_get_ex(map, json_object_get_string(name),
		&value))
		return false;
	spot = frame_spot_member(f, KEYWORD_PROPERTIES,
	    json_object_get_string(name));
	return !is_taken(VARIANT_CREATE,
	    schema_make(f->set, &spot, value, VARIANT_WHOLE));
}

static void
build_patterns(struct frame *f, struct object_rules *rules)
{
	struct json_object *map = f->value[KEYWORD_PATTERN_PROPERTIES];
	struct member_pattern *all;

	if (!f->given[KEYWORD_PATTERN_PROPERTIES])
		return;
	all = arena_alloc(f->arena,
	    (size_t)json_object_object_length(map) * sizeof(*all) + 1);
	rules->patterns = all;
	json_object_object_foreach(map, text, value) {
		struct spot spot = frame_spot_member(f,
		    KEYWORD_PATTERN_PROPERTIES, text), name = spot;
		struct member_pattern *p = &all[rules->pattern_count++];

		name.of_name = true;
		p->pattern = rules_pattern(f, &name,
		    KEYWORD_PATTERN_PROPERTIES, text, strlen(text));
		p->schema = schema_make(f->set, &spot, value, VARIANT_WHOLE);
	}
}

static void
build_required(struct frame *f, struct object_rules *rules,
    struct naming *naming)
{
	struct json_object *list = f->value[KEYWORD_REQUIRED];
	struct property *properties = (struct property *)
	    f->schema->properties;

	if (!f->given[KEYWORD_REQUIRED] ||
	    variant_is_partial(f->schema->variant))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *name = json_object_array_get_idx(list, i);
		struct spot spot = frame_spot_item(f, list, i);
		size_t number;

		if (is_left_out(f, name))
			continue;
		if ((number = number_item(naming, list, i)) == NAME_NONE)
			return;
		rules->required[number / 64] |= UINT64_C(1) << number % 64;
		if (number < f->schema->property_count)
			properties[number].required = true;
		else if (rules->closed && rules->pattern_count == 0 &&
		    f->library->contract)
			library_fault(f->library, &spot, "\"%s\" is required "
			    "but is no property here",
			    json_object_get_string(name));
	}
}

/* Adds a row of dependentRequired. */
static void
add_dependency(struct frame *f, struct naming *naming, const char *name,
    struct json_object *list, struct dependency *d)
{
	size_t count = json_object_array_length(list);
	size_t *required = arena_alloc(f->arena,
	    count * sizeof(*required) + 1);

	d->with = number_name(naming, name, strlen(name));
	for (size_t i = 0; i < count; i++)
		required[i] = number_item(naming, list, i);
	d->required = required;
	d->required_count = count;
	d->params = frame_params(f->arena, "with",
	    frame_json_string(f->arena, name));
}

/* dependentRequired, and the lists of its elder, dependencies. */
static void
build_dependencies(struct frame *f, struct object_rules *rules,
    struct naming *naming)
{
	struct dependency *all;
	size_t count = 0;

	if (variant_is_partial(f->schema->variant))
		return;
	for (size_t k = KEYWORD_DEPENDENT_REQUIRED; k <= KEYWORD_DEPENDENCIES;
	     k++)
		if (f->given[k])
			count += (size_t)json_object_object_length(f->value[k]);
	rules->dependencies = all = arena_alloc(f->arena,
	    count * sizeof(*all) + 1);
	for (size_t k = KEYWORD_DEPENDENT_REQUIRED; k <= KEYWORD_DEPENDENCIES;
	     k++) {
		if (!f->given[k])
			continue;
		json_object_object_foreach(f->value[k], name, list)
			if (json_object_is_type(list, json_type_array))
				add_dependency(f, naming, name, list,
				    &all[rules->dependency_count++]);
	}
}

/* Room for all names that the keywords could bring. */
static struct naming
naming_new(const struct frame *f)
{
	size_t count = 0;

	if (f->given[KEYWORD_PROPERTIES])
		count += (size_t)json_object_object_length(
		    f->value[KEYWORD_PROPERTIES]);
	if (f->given[KEYWORD_REQUIRED])
		count += json_object_array_length(f->value[KEYWORD_REQUIRED]);
	for (size_t k = KEYWORD_DEPENDENT_REQUIRED; k <= KEYWORD_DEPENDENCIES;
	     k++) {
		if (!f->given[k])
			continue;
		json_object_object_foreach(f->value[k], name, list) {
			(void)name;
			if (json_object_is_type(list, json_type_array))
				count += 1 + json_object_array_length(list);
		}
	}
	return (struct naming){
		arena_alloc(f->arena, count * sizeof(struct text) + 1),
		arena_alloc(f->arena, count * sizeof(struct schema *) + 1), 0
	};
}

static void
build_additional(struct frame *f, struct object_rules *rules)
{
	struct json_object *value = f->value[KEYWORD_ADDITIONAL_PROPERTIES];
	const struct schema *sub = NULL;

	if (f->given[KEYWORD_ADDITIONAL_PROPERTIES])
		sub = frame_sub(f, KEYWORD_ADDITIONAL_PROPERTIES);
	rules->closed_rule = RULE_UNKNOWN;
	rules->closed = variant_is_closed(f->schema->variant) ||
	    (json_object_is_type(value, json_type_boolean) && sub->never);
	rules->additional = rules->closed ? NULL : sub;
}

/* How many members; an update must change something. */
static struct span
build_size(struct frame *f)
{
	static const enum rule size[] = { RULE_MIN_PROPERTIES,
		RULE_MAX_PROPERTIES };
	struct span span = frame_span(f, KEYWORD_MIN_PROPERTIES,
	    KEYWORD_MAX_PROPERTIES, size, "\"object\"");

	if (!variant_is_partial(f->schema->variant))
		return span;
	span = (struct span){ 0, SIZE_MAX, size[0], size[1], NULL, NULL };
	if (f->schema->variant == VARIANT_UPDATE) {
		span.least = 1;
		span.least_params = frame_params_limit(f->arena, "minimum", "1",
		    true, "\"object\"");
	}
	return span;
}

void
rules_object(struct frame *f)
{
	struct object_rules *rules;
	struct naming naming;

	if (variant_is_closed(f->schema->variant) &&
	    (!f->given[KEYWORD_PROPERTIES] || f->schema->types != TYPE_OBJECT))
		library_fault(f->library, &f->schema->spot, "must be an object "
		    "schema: \"type\": \"object\" with \"properties\"");
	if (!frame_any(f, KEYWORD_PROPERTIES, KEYWORD_DEPENDENCIES))
		return;
	rules = arena_alloc(f->arena, sizeof(*rules));
	naming = naming_new(f);
	build_additional(f, rules);
	build_members(f, &naming);
	build_patterns(f, rules);
	build_required(f, rules, &naming);
	build_dependencies(f, rules, &naming);
	if (naming.count == NAMES_MAX)
		library_fault(f->library, &f->schema->spot,
		    "names more than %d properties", NAMES_MAX - 1);
	rules->size = build_size(f);
	if (f->given[KEYWORD_PROPERTY_NAMES])
		rules->name_schema = frame_sub(f, KEYWORD_PROPERTY_NAMES);
	names_build(f->arena, naming.texts, naming.count, &rules->names);
	rules->members = naming.members;
	rules->words = (naming.count + 63) / 64;
	f->schema->object = rules;
}
