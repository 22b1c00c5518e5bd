/* SPDX-License-Identifier: MIT */
/*
 * A set of schemas: read, made, linked, checked.  Invariant: what a compilation
 * with faults made is forgotten at its end, so that every schema in the table
 * between two compilations is complete, and const from then on.  One with
 * $dynamicRef is kept for those who asked for it, but out of the table: to be
 * const, it cannot take part in what is compiled later.
 */
#include "contract/compile.h"

struct schema_set *
schema_set_new(const char *directory, const struct schema_options *options)
{
	struct arena *arena = arena_new();
	struct schema_set *set = arena_alloc(arena, sizeof(*set));

	set->library.arena = arena;
	set->library.directory = arena_string(arena, directory);
	set->library.contract = options->contract;
	set->assert_format = options->assert_format;
	return set;
}

void
schema_set_free(struct schema_set *set)
{
	if (set != NULL)
		arena_free(set->library.arena);
}

bool
schema_set_register(struct schema_set *set, const char *uri, const char *path,
    struct buf *faults)
{
	set->library.faults = faults;
	return library_register(&set->library, uri, path);
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

/* The schema of a document that was compiled before, or NULL. */
static const struct schema *
compiled_find(const struct schema_set *set, const struct document *document,
    enum variant variant)
{
	const struct compiled *c = set->compiled;

	while (c != NULL && (c->document != document ||
	    c->schema->variant != variant))
		c = c->next;
	return c != NULL ? c->schema : NULL;
}

/* Makes, links and checks; with faults the result is of no use. */
static struct schema *
compile(struct schema_set *set, const struct document *document,
    enum variant variant, struct schema *until)
{
	struct library *library = &set->library;
	const struct spot spot = { .resource = document->top };
	struct schema *schema = schema_make(set, &spot, document->root,
	    variant);

	if (library->fault_count == 0)
		schema_settle_dynamic(set, schema, until);
	if (library->fault_count == 0)
		schema_find_circles(set, until);
	if (library->fault_count == 0) {
		schema_link(set, until);
		check_examples(set);
	}
	return schema;
}

/* What a compilation begins with. */
static void
begin(struct schema_set *set, struct buf *faults)
{
	set->library.faults = faults;
	set->library.fault_count = 0;
	set->examples = NULL;
	set->dynamic = NULL;
}

static const struct schema *
compile_document(struct schema_set *set, const struct document *document,
    enum variant variant)
{
	struct library *library = &set->library;
	struct schema *until = set->schemas, *made;
	const struct schema *known;
	struct compiled *c;

	if ((known = compiled_find(set, document, variant)) != NULL)
		return known;
	made = compile(set, document, variant, until);
	/* What a $dynamicRef means, the next compilation may widen. */
	if (library->fault_count > 0 || set->dynamic != NULL)
		schema_forget(set, until);
	if (library->fault_count > 0)
		return NULL;
	c = arena_alloc(library->arena, sizeof(*c));
	*c = (struct compiled){ set->compiled, document, made };
	set->compiled = c;
	return made;
}

const struct schema *
schema_compile(struct schema_set *set, const char *file, enum variant variant,
    struct buf *faults)
{
	const struct document *document;

	begin(set, faults);
	document = library_open(&set->library, file, NULL);
	return document != NULL ? compile_document(set, document, variant) :
				  NULL;
}

const struct schema *
schema_compile_text(struct schema_set *set, const char *uri, const char *text,
    struct buf *faults)
{
	const struct document *document;

	begin(set, faults);
	document = library_add(&set->library, uri, text);
	return document != NULL ? compile_document(set, document,
	    VARIANT_WHOLE) : NULL;
}

bool
schema_property(const struct schema *schema, size_t number,
    struct schema_property *ret)
{
	const struct property *property;
	const struct schema *source, *items;

	if (number >= schema->property_count)
		return false;
	property = &schema->properties[number];
	items = schema_items(property->schema);
	for (source = property->schema; source->reference != NULL;)
		source = source->reference;
	*ret = (struct schema_property){
		.name = property->name,
		.line = property->line,
		.column = property->column,
		.source = source->source,
		.types = property->schema->known_types,
		.format = property->schema->known_format,
		.item_types = items == NULL ? 0 : items->known_types,
		.item_format = items == NULL ? NULL : items->known_format,
		.read_only = property->read_only,
		.write_only = property->write_only,
		.create_only = property->create_only,
		.sql_array = property->schema->sql_array,
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
schema_target(const struct schema *schema)
{
	while (schema->reference != NULL)
		schema = schema->reference;
	return schema;
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
