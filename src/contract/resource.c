/* SPDX-License-Identifier: MIT */
/*
 * resources/X.json -> a resource: its fields from the schema, its table, its
 * key, its constraints; operation.c reads the operations.  A name passes into
 * SQL only from here and only when it has the shape of one.
 */
#include "contract/internal.h"

#include <string.h>

static const struct member resource_members[] = {
	{ "$schema", KIND_TEXT, false },
	{ "resource", KIND_TEXT, true },
	{ "path", KIND_TEXT, false },
	{ "schema", KIND_TEXT, true },
	{ "table", KIND_TEXT, false },
	{ "key", KIND_NAMES, false },
	{ "partition", KIND_OBJECT, false },
	{ "operations", KIND_OBJECT, true },
	{ "constraints", KIND_OBJECT, false },
};

/* [first][rest]*, at most as long as a name in Postgres. */
static bool
name_is(const char *s, const char *first, const char *rest)
{
	size_t length = strlen(s);

	return length > 0 && length <= CONTRACT_NAME_MAX &&
	    strchr(first, s[0]) != NULL &&
	    strspn(s + 1, rest) == length - 1;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

bool
name_is_column(const char *s)
{
	return name_is(s, LOWER UPPER "_", LOWER UPPER DIGIT "_");
}

bool
name_is_word(const char *s)
{
	return name_is(s, LOWER, LOWER DIGIT "_");
}

const struct field *
field_find(const struct field *fields, size_t count, const char *name,
    size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(fields[i].name, name, length) == 0 &&
		    fields[i].name[length] == '\0')
			return &fields[i];
	return NULL;
}

bool
field_is_scalar(const struct field *field)
{
	return (field->types & ~(unsigned)TYPE_NULL) != 0 &&
	    (field->types & (TYPE_ARRAY | TYPE_OBJECT)) == 0;
}

const char *const *
field_names(struct loader *ld, const struct field *fields, size_t count)
{
	const char **names = arena_alloc(ld->scratch,
	    (count + 1) * sizeof(*names));

	for (size_t i = 0; i < count; i++)
		names[i] = fields[i].name;
	return names;
}

/* A name that passed name_is_column() needs no escapes. */
struct field
field_plain(struct loader *ld, const char *name)
{
	return (struct field){ .name = name,
		.name_json = arena_format(ld->arena, "\"%s\":", name),
		.name_sql = arena_format(ld->arena, "\"%s\"", name),
		.types = TYPE_STRING };
}

static struct field
field_of(struct loader *ld, const struct schema_property *p)
{
	struct field f = field_plain(ld, arena_string(ld->arena, p->name));

	f.types = p->types;
	f.format = p->format;
	f.item_types = p->item_types;
	f.item_format = p->item_format;
	f.read_only = p->read_only;
	f.write_only = p->write_only;
	f.create_only = p->create_only;
	f.sql_array = p->sql_array;
	f.enumerated = p->source != NULL &&
	    json_object_is_type(p->source, json_type_object) &&
	    json_object_object_get_ex(p->source, "enum", NULL);
	f.schema = p->schema;
	return f;
}

struct field *
fields_load(struct loader *ld, const struct schema *schema, const char *file,
    bool returned, const bool **ret_required, size_t *ret_count)
{
	struct field *fields = NULL;
	bool *required = NULL;
	struct schema_property p;
	size_t count = 0;

	for (size_t i = 0; schema_property(schema, i, &p); i++) {
		if (returned && p.write_only)
			continue;
		if (!name_is_column(p.name)) {
			fault_place(ld, file, p.line, p.column, "property "
			    "\"%s\" cannot be the name of a column or "
			    "argument; use letters, digits and _, at most %d",
			    p.name, CONTRACT_NAME_MAX);
			continue;
		}
		fields = grown(ld, fields, count, sizeof(*fields));
		required = grown(ld, required, count, sizeof(*required));
		fields[count] = field_of(ld, &p);
		required[count++] = p.required;
	}
	if (ret_required != NULL)
		*ret_required = required;
	*ret_count = count;
	return fields;
}

const struct schema *
file_load(struct loader *ld, const struct at *at, const char *member,
    enum variant variant, const char **ret_file)
{
	const char *file = member_text(ld, at, member);
	size_t before = ld->faults.length;
	const struct schema *schema;

	if (file == NULL)
		return NULL;
	if (file[0] == '/' || strstr(file, "..") != NULL) {
		fault_value(ld, at, member, "\"%s\" must name a file below the "
		    "contract's directory, like \"schemas/letter.json\"",
		    member);
		return NULL;
	}
	if (!source_exists(ld, file)) {
		fault_value(ld, at, member, "there is no file \"%s\" in the "
		    "contract", file);
		return NULL;
	}
	if (ret_file != NULL)
		*ret_file = file;
	schema = schema_compile(ld->contract->schemas, file, variant,
	    &ld->faults);
	/* Faults of a file are told once: keep a line, or it would pass. */
	if (schema == NULL && ld->faults.length == before && before == 0)
		fault_value(ld, at, member, "\"%s\" cannot be used", file);
	return schema;
}

struct relation
relation_load(struct loader *ld, const struct at *at, const char *member,
    const char *example)
{
	const char *text = member_text(ld, at, member), *dot;
	struct relation r = { NULL, NULL, NULL };
	char *schema_name;

	if (text == NULL)
		return r;
	dot = strchr(text, '.');
	if (dot != NULL) {
		schema_name = arena_copy(ld->arena, text,
		    (size_t)(dot - text));
		if (name_is_column(schema_name) && name_is_column(dot + 1)) {
			r.schema_name = schema_name;
			r.name = dot + 1;
			r.sql = arena_format(ld->arena, "\"%s\".\"%s\"",
			    r.schema_name, r.name);
			return r;
		}
	}
	fault_value(ld, at, member, "\"%s\" must be a schema and a name, like "
	    "\"%s\"", member, example);
	return r;
}

static void
name_load(struct loader *ld, const struct at *at, struct resource *r)
{
	struct contract *c = ld->contract;

	r->name = member_text(ld, at, "resource");
	if (r->name == NULL)
		return;
	if (!name_is_word(r->name))
		fault_value(ld, at, "resource", "\"%s\" cannot be the name of "
		    "a resource; use a-z, 0-9 and _, a letter first, at most "
		    "%d", r->name, CONTRACT_NAME_MAX);
	for (size_t i = 0; i < c->resource_count; i++)
		if (c->resources[i].name != NULL &&
		    strcmp(c->resources[i].name, r->name) == 0)
			fault_value(ld, at, "resource",
			    "there is another resource \"%s\"; rename one",
			    r->name);
}

static void
own_path_load(struct loader *ld, const struct at *at, struct resource *r)
{
	struct contract *c = ld->contract;
	struct course course;
	const char *wrong;

	r->path = member_text(ld, at, "path");
	if (r->path == NULL && r->name != NULL)
		r->path = arena_format(ld->arena, "/%s", r->name);
	if (r->path == NULL)
		return;
	wrong = course_read(ld->scratch, r->path, false, &course);
	if (wrong != NULL && member_text(ld, at, "path") != NULL)
		fault_value(ld, at, "path", "\"path\" %s", wrong);
	if (wrong != NULL)
		r->path = NULL;
	for (size_t i = 0; i < c->resource_count && r->path != NULL; i++)
		if (c->resources[i].path != NULL &&
		    strcmp(c->resources[i].path, r->path) == 0 &&
		    (r->name == NULL || c->resources[i].name == NULL ||
			strcmp(c->resources[i].name, r->name) != 0))
			fault_value(ld, at, "path", "another resource has the "
			    "path \"%s\" as well; give one another \"path\"",
			    r->path);
}

/* The fields, and which of them leave. */
static void
schema_load(struct loader *ld, struct draft *d)
{
	const struct schema *whole = file_load(ld, &d->at, "schema",
	    VARIANT_WHOLE, &d->resource->schema_file);
	const struct field **returned;

	if (whole == NULL)
		return;
	if (schema_types(whole) != TYPE_OBJECT) {
		fault_value(ld, &d->at, "schema", "\"%s\" must be the schema "
		    "of an object: \"type\": \"object\"",
		    d->resource->schema_file);
		return;
	}
	d->fields = fields_load(ld, whole, d->resource->schema_file, false,
	    NULL, &d->field_count);
	if (d->field_count == 0) {
		fault_value(ld, &d->at, "schema", "\"%s\" has no "
		    "\"properties\"; they are the columns",
		    d->resource->schema_file);
		return;
	}
	returned = arena_alloc(ld->arena, d->field_count * sizeof(*returned));
	for (size_t i = 0; i < d->field_count; i++)
		if (!d->fields[i].write_only)
			returned[d->returned_count++] = &d->fields[i];
	d->returned = returned;
	d->resource->fields = d->fields;
	d->resource->field_count = d->field_count;
	d->whole = whole;
}

/* A property that may name a row, or tell of one; NULL = reported. */
static const struct field *
key_field(struct loader *ld, struct draft *d, const char *name)
{
	const struct field *key = field_find(d->fields, d->field_count, name,
	    strlen(name));

	if (key == NULL)
		fault_value(ld, &d->at, "key", "the key \"%s\" is not a "
		    "property of \"%s\"%s", name, d->resource->schema_file,
		    hint(ld, name, field_names(ld, d->fields, d->field_count),
			d->field_count));
	else if (key->write_only || !field_is_scalar(key) ||
	    (key->types & (TYPE_BOOLEAN | TYPE_NULL)) != 0)
		fault_value(ld, &d->at, "key", "the key \"%s\" must be a "
		    "string or an integer, neither null nor writeOnly", name);
	else
		return key;
	return NULL;
}

static void
key_load(struct loader *ld, struct draft *d)
{
	static const char *const usual[] = { "id" };
	size_t count, found = 0;
	const char *const *names = member_texts(ld, &d->at, "key", &count);
	const char *one = member_text(ld, &d->at, "key");
	const struct field **keys;

	if (d->whole == NULL || (d->resource->table.name == NULL &&
	    names == NULL && one == NULL))
		return;
	if (names != NULL && (count == 0 || count > KEY_FIELDS_MAX)) {
		fault_value(ld, &d->at, "key", "\"key\" must name from 1 to "
		    "%d properties", KEY_FIELDS_MAX);
		return;
	}
	if (names == NULL) {
		names = one != NULL ? &one : usual;
		count = 1;
	}
	keys = arena_alloc(ld->arena, count * sizeof(*keys));
	for (size_t i = 0; i < count; i++)
		if ((keys[found] = key_field(ld, d, names[i])) != NULL)
			found++;
	if (found < count || d->resource->table.name == NULL)
		return;
	d->resource->key = keys[0];
	d->resource->keys = keys;
	d->resource->key_count = count;
}

static bool
is_constraint(const char *key)
{
	return *key != '\0' && strlen(key) <= CONTRACT_NAME_MAX;
}

static void
operations_load(struct loader *ld, struct draft *d)
{
	struct at all;

	if (!member_object(&d->at, "operations", "", &all))
		return;
	if (json_object_object_length(all.object) == 0)
		fault_value(ld, &d->at, "operations", "there is no operation; "
		    "add \"list\", \"read\" or one with \"call\"");
	json_object_object_foreach(all.object, name, value) {
		(void)value;
		operation_load(ld, d, &all, name);
	}
}

void
resource_load(struct loader *ld, const char *file)
{
	static const struct declaration constraints = { "constraints",
		is_constraint, "the name of a constraint or unique index",
		true };
	struct contract *c = ld->contract;
	struct draft d = { .resource = &c->resources[c->resource_count] };

	if (!source_read(ld, file, &d.at))
		return;
	members_check(ld, &d.at, resource_members, countof(resource_members));
	name_load(ld, &d.at, d.resource);
	own_path_load(ld, &d.at, d.resource);
	d.resource->file = arena_string(ld->arena, file);
	c->resource_count++;
	d.resource->table = relation_load(ld, &d.at, "table", "app.letters");
	schema_load(ld, &d);
	key_load(ld, &d);
	d.resource->constraints = declared_load(ld, &d.at, &constraints, &d,
	    &d.resource->constraint_count);
	partition_load(ld, &d);
	operations_load(ld, &d);
}
