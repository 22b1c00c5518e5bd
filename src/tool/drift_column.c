/* SPDX-License-Identifier: MIT */
/*
 * Properties against columns: is it there, can it hold what the schema says,
 * may it be null, is it filled.  A value goes both ways: what clients send must
 * be taken by the column, what the column holds must be what the schema says.
 */
#include "tool/drift.h"

#include <string.h>

/* ---- Types. ---- */

#define SCALARS (TYPE_STRING | TYPE_INTEGER | TYPE_NUMBER | TYPE_BOOLEAN)

/*
 * What the types of Postgres are in JSON.  With a format, texts of no other
 * are taken.
 */
static const struct type_row {
	const char *type;
	unsigned types;
	const char *format, *format_too;
} type_rows[] = {
	{ "uuid", TYPE_STRING, "uuid", NULL },
	{ "timestamp with time zone", TYPE_STRING, "date-time", NULL },
	{ "timestamp without time zone", TYPE_STRING, "date-time", NULL },
	{ "date", TYPE_STRING, "date", NULL },
	{ "time with time zone", TYPE_STRING, "time", NULL },
	{ "time without time zone", TYPE_STRING, "time", NULL },
	{ "interval", TYPE_STRING, "duration", NULL },
	{ "inet", TYPE_STRING, "ipv4", "ipv6" },
	{ "boolean", TYPE_BOOLEAN, NULL, NULL },
	{ "smallint", TYPE_INTEGER, NULL, NULL },
	{ "integer", TYPE_INTEGER, NULL, NULL },
	{ "bigint", TYPE_INTEGER | TYPE_STRING, NULL, NULL },
	{ "numeric", TYPE_INTEGER | TYPE_NUMBER | TYPE_STRING, NULL, NULL },
	{ "real", TYPE_INTEGER | TYPE_NUMBER, NULL, NULL },
	{ "double precision", TYPE_INTEGER | TYPE_NUMBER, NULL, NULL },
	{ "json", SCALARS | TYPE_ARRAY | TYPE_OBJECT | TYPE_NULL, NULL, NULL },
	{ "jsonb", SCALARS | TYPE_ARRAY | TYPE_OBJECT | TYPE_NULL, NULL, NULL },
};

static const struct type_row *
row_of(const char *type)
{
	for (size_t i = 0; i < countof(type_rows); i++)
		if (strcmp(type_rows[i].type, type) == 0)
			return &type_rows[i];
	return NULL;
}

static const char *
types_text(struct drift *d, unsigned types)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = { { TYPE_STRING, "string" }, { TYPE_INTEGER, "integer" },
		{ TYPE_NUMBER, "number" }, { TYPE_BOOLEAN, "boolean" },
		{ TYPE_ARRAY, "array" }, { TYPE_OBJECT, "object" },
		{ TYPE_NULL, "null" } };
	const char *list = "";

	for (size_t i = 0; i < countof(names); i++)
		if ((types & names[i].bit) != 0)
			list = drift_text(d, "%s%s%s", list,
			    *list != '\0' ? " or " : "", names[i].name);
	return *list != '\0' ? list : "anything";
}

static bool
is_format(const struct field *f, const char *format)
{
	return format != NULL && f->format != NULL &&
	    strcmp(f->format, format) == 0;
}

/* The types that a category's own, as of enums and domains, are. */
static unsigned
types_of(const struct type_row *row, char category, bool in,
    const struct field *f)
{
	if (row != NULL)
		return row->types;
	if (category != 'A')
		return TYPE_STRING;
	return in && !f->sql_array ? 0 : TYPE_ARRAY;
}

const char *
drift_type(struct drift *d, const struct field *f, const char *type,
    char category, bool in)
{
	const struct type_row *row = row_of(type);
	unsigned fits = types_of(row, category, in, f) | TYPE_NULL, types;
	bool json = row != NULL && (fits & TYPE_OBJECT) != 0;

	if (in && json && f->sql_array)
		return drift_text(d, "it is %s, the schema says x-sqlArray",
		    type);
	types = f->types != 0 ? f->types : SCALARS | TYPE_ARRAY | TYPE_OBJECT;
	/* What is told of integers are numbers, too. */
	if (!in && (types & TYPE_NUMBER) != 0 && (fits & TYPE_INTEGER) != 0)
		fits |= TYPE_NUMBER;
	if ((types & ~fits) != 0)
		return drift_text(d, "it is %s, the schema says %s%s", type,
		    types_text(d, f->types), category == 'A' && in &&
		    !f->sql_array ? ", and not x-sqlArray" : "");
	if (in && json && (types & (TYPE_ARRAY | TYPE_OBJECT)) == 0 &&
	    (types & TYPE_STRING) != 0)
		return drift_text(d, "it is %s, the schema says %s", type,
		    types_text(d, f->types));
	if (in && row != NULL && row->format != NULL && !f->enumerated &&
	    !is_format(f, row->format) && !is_format(f, row->format_too))
		return drift_text(d, "it is %s, the schema takes texts that "
		    "are no %s", type, row->format);
	return NULL;
}

const char *
drift_format_type(const struct field *f)
{
	static const char *const formats[] = { "uuid", "date-time", "date",
		"time" };

	for (size_t i = 0; i < countof(formats); i++)
		if (is_format(f, formats[i]))
			return strcmp(formats[i], "date-time") == 0 ?
			    "timestamptz" : formats[i];
	return NULL;
}

static void
check_type(struct drift *d, const struct resource *r,
    const struct catalog_table *t, const struct field *f,
    const struct catalog_column *c)
{
	bool in = drift_created(d, r, f) || drift_updated(d, r, f);
	const char *object = drift_column_name(d, t, c->name), *wanted;
	const char *wrong = drift_type(d, f, c->base, c->category, in);

	if (wrong != NULL)
		drift_tell(d, DRIFT_TYPE_DIFFERS, drift_field(d, r, f), object,
		    NULL, "%s", wrong);
	else if (c->category == 'S' && (wanted = drift_format_type(f)) != NULL)
		drift_tell(d, DRIFT_FORMAT_OPEN, drift_field(d, r, f), object,
		    drift_text(d, "alter table %s alter %s type %s using "
			"%s::%s;", r->table.sql, f->name_sql, wanted,
			f->name_sql, wanted),
		    "it is %s, the schema says the format %s", c->type,
		    f->format);
	else if (strcmp(c->base, "timestamp without time zone") == 0)
		drift_tell(d, DRIFT_ZONE_MISSING, drift_field(d, r, f), object,
		    drift_text(d, "alter table %s alter %s type timestamptz "
			"using %s at time zone 'UTC';", r->table.sql,
			f->name_sql, f->name_sql),
		    "it is %s, the schema says date-time", c->type);
}

/* ---- Null. ---- */

static void
check_null(struct drift *d, const struct resource *r,
    const struct catalog_table *t, const struct field *f,
    const struct catalog_column *c)
{
	bool nullable = f->types == 0 || (f->types & TYPE_NULL) != 0;
	bool in = drift_created(d, r, f) || drift_updated(d, r, f);

	if (!nullable && !c->not_null && !f->write_only &&
	    (t->kind == 'r' || t->kind == 'p'))
		drift_tell(d, DRIFT_NULL_TOLD, drift_field(d, r, f),
		    drift_column_name(d, t, c->name),
		    drift_text(d, "alter table %s alter %s set not null;",
			r->table.sql, f->name_sql),
		    "it may be null, the schema says %s",
		    types_text(d, f->types));
	if (nullable && c->not_null && in && f->types != 0 && !drift_filled(t,
	    c->name, CATALOG_MAY_INSERT | CATALOG_MAY_UPDATE))
		drift_tell(d, DRIFT_NULL_REFUSED, drift_field(d, r, f),
		    drift_column_name(d, t, c->name), NULL,
		    "it is not null, the schema takes null");
}

/* ---- What is filled, and by whom. ---- */

static bool
fills_itself(const struct catalog_table *t, const struct catalog_column *c)
{
	return !c->not_null || c->fallback != NULL || c->identity ||
	    c->generated || drift_filled(t, c->name, CATALOG_MAY_INSERT);
}

static void
check_filled(struct drift *d, const struct resource *r,
    const struct catalog_table *t, const struct catalog_column *c)
{
	const struct operation *op = drift_operation(d, r, VERB_CREATE);
	const struct field *f = NULL;

	for (size_t i = 0; i < r->field_count; i++)
		if (strcmp(r->fields[i].name, c->name) == 0)
			f = &r->fields[i];
	if (op == NULL || fills_itself(t, c))
		return;
	if (f == NULL || f->read_only)
		drift_tell(d, DRIFT_COLUMN_UNFILLED, f == NULL ?
		    drift_at(d, r, "schema") : drift_field(d, r, f),
		    drift_column_name(d, t, c->name), NULL,
		    "it is not null without a default, and %s does not take "
		    "it", op->name);
	else if (!contract_requires(op, f))
		drift_tell(d, DRIFT_DEFAULT_MISSING, drift_field(d, r, f),
		    drift_column_name(d, t, c->name),
		    drift_set_default(d, r, f, c),
		    "it is not null without a default, and %s does not "
		    "require it", op->name);
}

static void
check_generated(struct drift *d, const struct resource *r,
    const struct catalog_table *t, const struct field *f,
    const struct catalog_column *c)
{
	if ((c->generated || c->always) &&
	    (drift_created(d, r, f) || drift_updated(d, r, f)))
		drift_tell(d, DRIFT_COLUMN_GENERATED, drift_field(d, r, f),
		    drift_column_name(d, t, c->name), NULL,
		    "the database makes it itself (%s), the schema takes it",
		    c->generated ? "generated always as" :
		    "generated always as identity");
}

/* ---- Columns that nobody names. ---- */

static bool
has_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Does the table itself look at the column? */
static bool
is_of_use(const struct catalog_table *t, const struct catalog_column *c)
{
	bool of_use = c->judged || c->generated;

	for (size_t i = 0; i < t->constraint_count; i++)
		of_use |= t->constraints[i].kind != 'c' && has_name(
		    t->constraints[i].columns, t->constraints[i].column_count,
		    c->name);
	for (size_t i = 0; i < t->index_count; i++)
		for (size_t k = 0; k < t->indexes[i].key_count; k++)
			of_use |= drift_mentions(t->indexes[i].keys[k].sql,
			    c->name);
	for (size_t i = 0; i < t->trigger_count; i++)
		of_use |= drift_mentions(t->triggers[i].source, c->name);
	return of_use;
}

/* Does a function, or the schema of any resource of the table? */
static bool
is_named(const struct drift *d, const struct catalog_table *t,
    const struct catalog_column *c)
{
	const struct catalog_function *f = d->catalog->functions;

	for (size_t i = 0; i < d->catalog->function_count; i++)
		if (drift_mentions(f[i].source, c->name) &&
		    drift_mentions(f[i].source, t->name))
			return true;
	for (size_t i = 0; i < d->resource_count; i++) {
		const struct resource *r = &d->resources[i];

		if (r->table.name == NULL ||
		    catalog_table(d->catalog, &r->table) != t)
			continue;
		for (size_t n = 0; n < r->field_count; n++)
			if (strcmp(r->fields[n].name, c->name) == 0)
				return true;
	}
	return false;
}

/* Is it the first resource of the table, so that it is told once? */
static bool
is_first(const struct drift *d, const struct resource *r)
{
	for (const struct resource *o = d->resources; o < r; o++)
		if (o->table.name != NULL &&
		    strcmp(o->table.sql, r->table.sql) == 0)
			return false;
	return true;
}

static void
check_extra(struct drift *d, const struct resource *r,
    const struct catalog_table *t, const struct catalog_column *c)
{
	if (is_first(d, r) && !is_of_use(t, c) && !is_named(d, t, c))
		drift_tell(d, DRIFT_COLUMN_EXTRA, drift_at(d, r, "schema"),
		    drift_column_name(d, t, c->name), NULL, "nothing names "
		    "the column (%s)", c->type);
}

void
drift_columns(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	for (size_t i = 0; i < r->field_count; i++) {
		const struct field *f = &r->fields[i];
		const struct catalog_column *c = drift_column(t, f->name);

		if (c == NULL) {
			drift_tell(d, DRIFT_COLUMN_MISSING,
			    drift_field(d, r, f),
			    drift_column_name(d, t, f->name), NULL,
			    "there is no column for the property \"%s\"",
			    f->name);
			continue;
		}
		check_type(d, r, t, f, c);
		check_null(d, r, t, f, c);
		check_generated(d, r, t, f, c);
	}
	for (size_t i = 0; i < t->column_count; i++) {
		check_filled(d, r, t, &t->columns[i]);
		check_extra(d, r, t, &t->columns[i]);
	}
}
