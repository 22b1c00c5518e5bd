/* SPDX-License-Identifier: MIT */
/*
 * A set of schemas: read, made, linked, checked.  Invariant: what a compilation
 * with faults made is forgotten at its end, so that every schema in the table
 * between two compilations is complete, and const from then on.
 */
#include "contract/compile.h"

struct schema_set *
schema_set_new(const char *directory)
{
	struct arena *arena = arena_new();
	struct schema_set *set = arena_alloc(arena, sizeof(*set));

	set->library.arena = arena;
	set->library.directory = arena_string(arena, directory);
	return set;
}

void
schema_set_free(struct schema_set *set)
{
	if (set != NULL)
		arena_free(set->library.arena);
}

/* Examples and defaults must satisfy their schemas. */
static void
check_examples(struct schema_set *set)
{
	struct arena *arena = arena_new();

	for (struct example *e = set->examples; e != NULL; e = e->next) {
		struct scope sc;

		arena_reset(arena);
		scope_init(&sc, arena);
		if (!schema_judge(e->schema, &sc, NULL, e->value))
			library_fault(&set->library, &e->spot,
			    "the %s does not satisfy its schema: %s %s",
			    e->keyword, sc.issues[0].pointer,
			    sc.issues[0].message);
	}
	arena_free(arena);
}

const struct schema *
schema_compile(struct schema_set *set, const char *file, enum variant variant,
    struct buf *faults)
{
	struct schema *until = set->schemas, *schema;
	struct library *library = &set->library;
	const struct document *document;

	library->faults = faults;
	library->fault_count = 0;
	set->examples = NULL;
	if ((document = library_open(library, file, NULL)) == NULL)
		return NULL;
	schema = schema_make(set, &(struct spot){ .document = document },
	    document->root, variant);
	if (library->fault_count == 0)
		schema_find_circles(set, until);
	if (library->fault_count == 0) {
		schema_link(set, until);
		check_examples(set);
	}
	if (library->fault_count == 0)
		return schema;
	schema_forget(set, until);
	return NULL;
}

bool
schema_property(const struct schema *schema, size_t number,
    struct schema_property *ret)
{
	const struct property *property;
	const struct schema *source;

	if (number >= schema->property_count)
		return false;
	property = &schema->properties[number];
	for (source = property->schema; source->reference != NULL;)
		source = source->reference;
	*ret = (struct schema_property){
		.name = property->name,
		.line = property->line,
		.column = property->column,
		.source = source->source,
		.types = property->schema->known_types,
		.format = property->schema->known_format,
		.read_only = property->read_only,
		.write_only = property->write_only,
		.create_only = property->create_only,
		.required = property->required,
		.schema = property->schema,
	};
	return true;
}

unsigned
schema_types(const struct schema *schema)
{
	return schema->known_types;
}

const struct schema *
schema_items(const struct schema *schema)
{
	const struct schema *items;

	while (schema->reference != NULL)
		schema = schema->reference;
	if (schema->array == NULL || schema->array->items == NULL)
		return NULL;
	for (items = schema->array->items; items->reference != NULL;)
		items = items->reference;
	return items;
}
