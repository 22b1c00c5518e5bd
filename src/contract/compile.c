/* SPDX-License-Identifier: MIT */
/*
 * A schema object -> instructions: annotations, names, references and in-place
 * applicators here, the rules of each type by their builders.
 *
 * A schema is found again by its place in the tree and its variant, before its
 * subschemas are compiled: references may go round through members and items.
 */
#include "contract/frame.h"

#include <string.h>

/* An anchor is a plain name, and names one schema of its resource. */
static void
check_anchor(struct frame *f, enum keyword k)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char others[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-.0123456789";
	const struct anchor *anchor;
	const char *name;

	if (!f->given[k])
		return;
	name = json_object_get_string(f->value[k]);
	if (*name == '\0' || strchr(first, *name) == NULL ||
	    name[strspn(name, others)] != '\0') {
		frame_fault(f, k, "must be a name: letters, digits, _, - and "
				  ".; a letter or _ first");
		return;
	}
	anchor = resource_anchor(f->schema->resource, name, false);
	if (anchor != NULL && anchor->value != f->object)
		frame_fault(f, k, "names another schema here as well");
}

static void
check_identity(struct frame *f)
{
	const char *fragment;

	check_anchor(f, KEYWORD_ANCHOR);
	check_anchor(f, KEYWORD_DYNAMIC_ANCHOR);
	if (!f->given[KEYWORD_ID])
		return;
	fragment = strchr(json_object_get_string(f->value[KEYWORD_ID]), '#');
	if (fragment != NULL && fragment[1] != '\0')
		frame_fault(f, KEYWORD_ID, "must have no fragment; "
					   "\"$anchor\" names a place");
}

static struct applicator *
add_applicator(struct frame *f, enum applicator_kind kind,
    const struct schema *const *schemas, size_t count)
{
	struct applicator *all = (struct applicator *)f->schema->applicators;

	/* One of each kind. */
	if (all == NULL)
		f->schema->applicators = all = arena_alloc(f->arena,
		    (APPLY_DYNAMIC + 1) * sizeof(*all));
	all += f->schema->applicator_count++;
	*all = (struct applicator){ .kind = kind, .schemas = schemas,
		.count = count };
	return all;
}

/* The variant of what is applied to the same value. */
static enum variant
variant_in_place(const struct frame *f)
{
	return variant_is_partial(f->schema->variant) ? VARIANT_PARTIAL :
							VARIANT_WHOLE;
}

/* What a $ref refers to; NULL after a fault. */
static const struct schema *
build_reference(struct frame *f)
{
	struct spot here = frame_spot(f, KEYWORD_REF);
	struct target target;
	struct schema *sub;

	if (!f->given[KEYWORD_REF] ||
	    !library_resolve(f->library, &here, "$ref",
		json_object_get_string(f->value[KEYWORD_REF]), &target))
		return NULL;
	sub = schema_make(f->set, &target.spot, target.value,
	    variant_in_place(f));
	f->schema->reference = sub;
	f->schema->reference_spot = here;
	f->schema->read_only |= sub->read_only;
	f->schema->write_only |= sub->write_only;
	f->schema->create_only |= sub->create_only;
	f->schema->sql_array |= sub->sql_array;
	return sub;
}

/*
 * What a $dynamicRef refers to; NULL after a fault, or when it depends on the
 * way that led here.
 */
static const struct schema *
build_dynamic(struct frame *f)
{
	struct spot here = frame_spot(f, KEYWORD_DYNAMIC_REF);
	struct dynamic_ref *ref;
	struct target target;

	if (!f->given[KEYWORD_DYNAMIC_REF] ||
	    !library_resolve(f->library, &here, "$dynamicRef",
		json_object_get_string(f->value[KEYWORD_DYNAMIC_REF]),
		&target))
		return NULL;
	if (target.dynamic == NULL)
		return schema_make(f->set, &target.spot, target.value,
		    variant_in_place(f));
	ref = arena_alloc(f->arena, sizeof(*ref));
	*ref = (struct dynamic_ref){ f->set->dynamic, f->schema, NULL,
		target.dynamic, variant_in_place(f) };
	f->set->dynamic = ref;
	ref->applicator = add_applicator(f, APPLY_DYNAMIC,
	    arena_alloc(f->arena, sizeof(struct schema *)), 1);
	*(const struct schema **)ref->applicator->schemas = schema_make(f->set,
	    &target.spot, target.value, ref->variant);
	return NULL;
}

/* $ref and allOf are one applicator: all of them must hold. */
static void
build_all(struct frame *f)
{
	size_t count = f->given[KEYWORD_ALL_OF] ?
	    json_object_array_length(f->value[KEYWORD_ALL_OF]) : 0;
	const struct schema **schemas = arena_alloc(f->arena,
	    (count + 2) * sizeof(*schemas)), *sub;

	if (count > 0)
		frame_sub_list(f, KEYWORD_ALL_OF, variant_in_place(f),
		    schemas);
	if ((sub = build_reference(f)) != NULL)
		schemas[count++] = sub;
	if ((sub = build_dynamic(f)) != NULL)
		schemas[count++] = sub;
	if (count > 0)
		add_applicator(f, APPLY_ALL, schemas, count);
}

/* Adds the schemas of a map; with[] has the names.  Returns how many. */
static size_t
add_dependent(struct frame *f, enum keyword k, const struct schema **schemas,
    const char **with)
{
	size_t count = 0;

	if (!f->given[k])
		return 0;
	json_object_object_foreach(f->value[k], name, value) {
		struct spot spot = frame_spot_member(f, k, name);

		if (json_object_is_type(value, json_type_array) &&
		    k == KEYWORD_DEPENDENCIES)
			continue;
		with[count] = name;
		schemas[count++] = schema_make(f->set, &spot, value,
		    VARIANT_WHOLE);
	}
	return count;
}

/*
 * dependentSchemas, and the schemas of its elder, dependencies: each applies
 * when its member is there.
 */
static void
build_dependent(struct frame *f)
{
	const struct schema **schemas;
	const char **with;
	size_t count = 0;

	for (size_t k = KEYWORD_DEPENDENCIES; k <= KEYWORD_DEPENDENT_SCHEMAS;
	     k++)
		if (f->given[k])
			count += (size_t)json_object_object_length(f->value[k]);
	if (count == 0)
		return;
	schemas = arena_alloc(f->arena, count * sizeof(*schemas));
	with = arena_alloc(f->arena, count * sizeof(*with));
	count = add_dependent(f, KEYWORD_DEPENDENCIES, schemas, with);
	count += add_dependent(f, KEYWORD_DEPENDENT_SCHEMAS, schemas + count,
	    with + count);
	if (count > 0 && !variant_is_partial(f->schema->variant))
		add_applicator(f, APPLY_WITH, schemas, count)->with = with;
}

/*
 * What applies to members and items that nothing else evaluated.  A variant
 * that is closed has refused such members; a partial one does not judge all
 * that evaluates.
 */
static void
build_unevaluated(struct frame *f)
{
	enum variant variant = f->schema->variant;
	const struct schema *members = NULL, *items = NULL;

	if (f->given[KEYWORD_UNEVALUATED_PROPERTIES])
		members = frame_sub(f, KEYWORD_UNEVALUATED_PROPERTIES);
	if (f->given[KEYWORD_UNEVALUATED_ITEMS])
		items = frame_sub(f, KEYWORD_UNEVALUATED_ITEMS);
	if (variant_is_partial(variant))
		return;
	if (!variant_is_closed(variant))
		f->schema->unevaluated_members = members;
	f->schema->unevaluated_items = items;
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
	f->schema->sql_array = frame_is_true(f, KEYWORD_SQL_ARRAY);
	if (f->schema->read_only && f->schema->write_only)
		frame_object(f, KEYWORD_WRITE_ONLY,
		    "cannot go with \"readOnly\"");
	if (f->schema->variant != VARIANT_WHOLE || !f->library->contract)
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

/*
 * What is under $defs is compiled though nothing may refer to it, and so is
 * contentSchema, which only annotates.
 */
static void
build_defs(struct frame *f)
{
	if (f->given[KEYWORD_CONTENT_SCHEMA])
		(void)frame_sub(f, KEYWORD_CONTENT_SCHEMA);
	if (!f->given[KEYWORD_DEFS])
		return;
	json_object_object_foreach(f->value[KEYWORD_DEFS], name, value) {
		struct spot spot = frame_spot_member(f, KEYWORD_DEFS, name);

		(void)schema_make(f->set, &spot, value, VARIANT_WHOLE);
	}
}

/* Does it ask anything of any value? */
static bool
asks(const struct schema *s)
{
	return s->types != 0 || s->enumeration != NULL ||
	    s->constant != NULL || s->string != NULL || s->number != NULL ||
	    s->array != NULL || s->object != NULL || s->applicator_count > 0 ||
	    s->unevaluated_members != NULL || s->unevaluated_items != NULL;
}

static void
build(struct schema_set *set, struct schema *schema,
    struct json_object *object)
{
	struct frame f = { .set = set, .library = &set->library,
		.arena = set->library.arena, .schema = schema,
		.object = object };

	f.dialect = library_dialect(f.library, schema->resource);
	frame_sort(&f);
	read_annotations(&f);
	check_identity(&f);
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
	build_dependent(&f);
	build_unevaluated(&f);
	build_defs(&f);
	schema->idle = !asks(schema);
}

static size_t
bucket_of(const struct json_object *source)
{
	return ((uintptr_t)source >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 54;
}

/* Fills in a schema that was just made. */
static void
make(struct schema_set *set, struct schema *schema, struct json_object *value)
{
	struct library *library = &set->library;
	const struct spot *spot = &schema->spot;

	if (json_object_is_type(value, json_type_object)) {
		build(set, schema, value);
	} else if (json_object_is_type(value, json_type_boolean)) {
		schema->idle = json_object_get_boolean(value);
		schema->never = !schema->idle;
		if (variant_is_closed(schema->variant))
			library_fault(library, spot, "must be an object "
			    "schema: \"type\": \"object\" with \"properties\"");
	} else {
		library_fault(library, spot,
		    "must be a schema: an object, true or false");
	}
}

struct schema *
schema_make(struct schema_set *set, const struct spot *spot,
    struct json_object *value, enum variant variant)
{
	struct schema **bucket = &set->buckets[bucket_of(value)], *schema;
	const struct schema_resource *own = library_resource_at(&set->library,
	    value);

	for (schema = *bucket; schema != NULL; schema = schema->chain)
		if (schema->source == value && schema->variant == variant &&
		    value != NULL)
			return schema;
	schema = arena_alloc(set->library.arena, sizeof(*schema));
	schema->source = value;
	schema->variant = variant;
	schema->spot = *spot;
	schema->resource = own != NULL ? own : spot->resource;
	((struct schema_resource *)schema->resource)->used = true;
	schema->next = set->schemas;
	set->schemas = schema;
	schema->chain = *bucket;
	*bucket = schema;
	if (set->nested == NESTED_MAX) {
		library_fault(&set->library, spot, "nests too deeply: more "
		    "than %d schemas, one inside the other", NESTED_MAX);
		return schema;
	}
	set->nested++;
	make(set, schema, value);
	set->nested--;
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
