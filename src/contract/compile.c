/* SPDX-License-Identifier: MIT */
/*
 * A schema object -> instructions: annotations and applicators here, the rules
 * of each type by their builders.
 *
 * A schema is found again by its place in the tree and its variant, before its
 * subschemas are compiled: references may go round through members and items.
 */
#include "contract/frame.h"

#include <string.h>

static void
read_identity(struct frame *f)
{
	const char *uri;

	if (f->given[KEYWORD_ID] && f->schema->spot.parent != NULL)
		frame_fault(f, KEYWORD_ID, "below the top of a file is not "
				     "supported yet");
	if (!f->given[KEYWORD_SCHEMA])
		return;
	uri = json_object_get_string(f->value[KEYWORD_SCHEMA]);
	if (strncmp(uri, "http://json-schema.org/draft-", 29) == 0 ||
	    strncmp(uri, "https://json-schema.org/draft/2019", 34) == 0)
		frame_fault(f, KEYWORD_SCHEMA, "names an older draft; write "
		    "https://json-schema.org/draft/2020-12/schema");
}

static void
add_applicator(struct frame *f, enum applicator_kind kind,
    const struct schema *const *schemas, size_t count)
{
	struct applicator *all = (struct applicator *)f->schema->applicators;

	/* $ref with allOf, anyOf, oneOf, not, if. */
	if (all == NULL)
		f->schema->applicators = all = arena_alloc(f->arena,
		    5 * sizeof(*all));
	all[f->schema->applicator_count++] = (struct applicator){ kind,
		schemas, count, NULL };
}

/* $ref and allOf are one applicator: all of them must hold. */
static void
build_all(struct frame *f)
{
	enum variant variant = variant_is_partial(f->schema->variant) ?
	    VARIANT_PARTIAL : VARIANT_WHOLE;
	struct spot here = frame_spot(f, KEYWORD_REF), target;
	size_t count = f->given[KEYWORD_ALL_OF] ?
	    json_object_array_length(f->value[KEYWORD_ALL_OF]) : 0;
	const struct schema **schemas = arena_alloc(f->arena,
	    (count + 1) * sizeof(*schemas));
	struct json_object *value;

	if (count > 0)
		frame_sub_list(f, KEYWORD_ALL_OF, variant, schemas);
	if (f->given[KEYWORD_REF] &&
	    library_resolve(f->library, &here,
		json_object_get_string(f->value[KEYWORD_REF]), &target,
		&value)) {
		struct schema *sub = schema_make(f->set, &target, value,
		    variant);

		schemas[count++] = f->schema->reference = sub;
		f->schema->reference_spot = here;
		f->schema->read_only |= sub->read_only;
		f->schema->write_only |= sub->write_only;
		f->schema->create_only |= sub->create_only;
	}
	if (count > 0)
		add_applicator(f, APPLY_ALL, schemas, count);
}

static void
build_union(struct frame *f, enum keyword k, enum applicator_kind kind)
{
	const struct schema **schemas;
	size_t count;

	if (!f->given[k])
		return;
	count = json_object_array_length(f->value[k]);
	schemas = arena_alloc(f->arena, count * sizeof(*schemas));
	frame_sub_list(f, k, VARIANT_WHOLE, schemas);
	if (!variant_is_partial(f->schema->variant))
		add_applicator(f, kind, schemas, count);
}

static void
build_condition(struct frame *f)
{
	const struct schema **schemas = arena_alloc(f->arena,
	    3 * sizeof(*schemas));
	bool partial = variant_is_partial(f->schema->variant);

	for (size_t i = 0; i < 3; i++)
		if (f->given[KEYWORD_IF + i])
			schemas[i] = frame_sub(f, KEYWORD_IF + i);
	if (schemas[0] != NULL && !partial)
		add_applicator(f, APPLY_IF, schemas, 3);
	if (!f->given[KEYWORD_NOT])
		return;
	schemas = arena_alloc(f->arena, sizeof(*schemas));
	schemas[0] = frame_sub(f, KEYWORD_NOT);
	if (!partial)
		add_applicator(f, APPLY_NOT, schemas, 1);
}

static void
add_example(struct frame *f, struct json_object *value, struct spot spot,
    const char *keyword)
{
	struct example *example = arena_alloc(f->arena, sizeof(*example));

	*example = (struct example){ f->set->examples, f->schema, value, spot,
		keyword };
	f->set->examples = example;
}

static void
read_annotations(struct frame *f)
{
	struct json_object *list = f->value[KEYWORD_EXAMPLES];

	f->schema->read_only = frame_is_true(f, KEYWORD_READ_ONLY);
	f->schema->write_only = frame_is_true(f, KEYWORD_WRITE_ONLY);
	f->schema->create_only = frame_is_true(f, KEYWORD_CREATE_ONLY);
	if (f->schema->read_only && f->schema->write_only)
		frame_fault(f, KEYWORD_WRITE_ONLY,
		    "cannot go with \"readOnly\"");
	if (f->schema->variant != VARIANT_WHOLE)
		return;
	if (f->given[KEYWORD_DEFAULT])
		add_example(f, f->value[KEYWORD_DEFAULT],
		    frame_spot(f, KEYWORD_DEFAULT), "default");
	if (!f->given[KEYWORD_EXAMPLES])
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		add_example(f, json_object_array_get_idx(list, i),
		    frame_spot_item(f, list, i), "example");
}

/* What is under $defs is compiled though nothing may refer to it. */
static void
build_defs(struct frame *f)
{
	if (!f->given[KEYWORD_DEFS])
		return;
	json_object_object_foreach(f->value[KEYWORD_DEFS], name, value) {
		struct spot spot = frame_spot_member(f, KEYWORD_DEFS, name);

		(void)schema_make(f->set, &spot, value, VARIANT_WHOLE);
	}
}

static void
build(struct schema_set *set, struct schema *schema,
    struct json_object *object)
{
	struct frame f = { .set = set, .library = &set->library,
		.arena = set->library.arena, .schema = schema,
		.object = object };

	frame_sort(&f);
	read_annotations(&f);
	read_identity(&f);
	rules_types(&f);
	rules_choices(&f);
	rules_string(&f);
	rules_number(&f);
	rules_array(&f);
	build_all(&f);
	rules_object(&f);
	build_union(&f, KEYWORD_ANY_OF, APPLY_ANY);
	build_union(&f, KEYWORD_ONE_OF, APPLY_ONE);
	build_condition(&f);
	build_defs(&f);
	schema->idle = schema->types == 0 && schema->enumeration == NULL &&
	    schema->constant == NULL && schema->string == NULL &&
	    schema->number == NULL && schema->array == NULL &&
	    schema->object == NULL && schema->applicator_count == 0;
}

static size_t
bucket_of(const struct json_object *source)
{
	return ((uintptr_t)source >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 54;
}

struct schema *
schema_make(struct schema_set *set, const struct spot *spot,
    struct json_object *value, enum variant variant)
{
	struct schema **bucket = &set->buckets[bucket_of(value)], *schema;
	enum json_type type = json_object_get_type(value);

	for (schema = *bucket; schema != NULL; schema = schema->chain)
		if (schema->source == value && schema->variant == variant &&
		    type != json_type_null)
			return schema;
	schema = arena_alloc(set->library.arena, sizeof(*schema));
	schema->source = value;
	schema->variant = variant;
	schema->spot = *spot;
	schema->next = set->schemas;
	set->schemas = schema;
	schema->chain = *bucket;
	*bucket = schema;
	if (type == json_type_object) {
		build(set, schema, value);
	} else if (type == json_type_boolean) {
		schema->idle = json_object_get_boolean(value);
		schema->never = !schema->idle;
		if (variant_is_closed(variant))
			library_fault(&set->library, spot, "must be an object "
			    "schema: \"type\": \"object\" with \"properties\"");
	} else {
		library_fault(&set->library, spot,
		    "must be a schema: an object, true or false");
	}
	return schema;
}

void
schema_forget(struct schema_set *set, struct schema *until)
{
	/* The newest schema heads its bucket. */
	while (set->schemas != until) {
		struct schema *schema = set->schemas;

		set->buckets[bucket_of(schema->source)] = schema->chain;
		set->schemas = schema->next;
	}
}
