/* SPDX-License-Identifier: MIT */
/*
 * Filters that look into json columns: "recipient->>name", as "filter" names
 * them.  Each step is a plain name, so that it stands in SQL as it is.  What
 * is compared is text, or a number or boolean when the schema says that it is
 * one: json of another kind is then as if it were not there, where a cast of
 * it would fail the whole list.
 */
#include "contract/internal.h"

#include <string.h>

/* A path while it is read. */
struct way {
	struct loader *ld;
	const struct at *at;
	size_t index;			/* of the item of "filter" */
	const struct draft *draft;
	const char *name;		/* as a whole */
	const char *sql;		/* of the steps but the last */
	const struct schema *schema;	/* NULL: none that is known */
	unsigned types;
	bool write_only;
};

static void
wrong(struct way *w, const char *what)
{
	fault_item(w->ld, w->at, "filter", w->index, "\"filter\" names \"%s\", "
	    "%s", w->name, what);
}

/* Follows a member into the schema, as far as that names it. */
static void
follow(struct way *w, const char *step)
{
	const struct schema *schema = w->schema;
	struct schema_property p;

	w->schema = NULL;
	w->types = 0;
	for (size_t i = 0; schema != NULL &&
	    schema_property(schema_target(schema), i, &p); i++)
		if (strcmp(p.name, step) == 0) {
			w->schema = p.schema;
			w->types = p.types;
			w->write_only |= p.write_only;
			return;
		}
}

/* The column that it begins with. */
static bool
column_load(struct way *w, const char *column)
{
	const struct draft *d = w->draft;
	const struct field *f = field_find(d->fields, d->field_count, column,
	    strlen(column));

	if (f == NULL) {
		fault_item(w->ld, w->at, "filter", w->index, "\"filter\" names "
		    "\"%s\", but \"%s\" is not a property of \"%s\"%s",
		    w->name, column, d->resource->schema_file, hint(w->ld,
			column, field_names(w->ld, d->fields, d->field_count),
			d->field_count));
		return false;
	}
	if (f->types != 0 && (f->types & (TYPE_OBJECT | TYPE_ARRAY)) == 0) {
		wrong(w, "but its column is no object");
		return false;
	}
	w->write_only = f->write_only;
	w->schema = f->schema;
	w->sql = f->name_sql;
	return true;
}

/*
 * "a->b->>c" as the steps a, b, c; 0 = it is none.  A name as of a column, so
 * that it can neither end the literal nor be an array's index.
 */
static size_t
steps_read(char *text, const char *steps[PATH_DEPTH_MAX + 1])
{
	size_t count = 0;
	char *arrow;

	for (;; text = arrow) {
		bool last;

		arrow = strstr(text, "->");
		if (count > PATH_DEPTH_MAX)
			return 0;
		steps[count++] = text;
		if (arrow == NULL)
			return 0;
		last = arrow[2] == '>';
		*arrow = '\0';
		arrow += last ? 3 : 2;
		if (!name_is_column(text))
			return 0;
		if (!last)
			continue;
		if (count > PATH_DEPTH_MAX || !name_is_column(arrow))
			return 0;
		steps[count++] = arrow;
		return count;
	}
}

/* What is compared, when it is a number or boolean: never a failing cast. */
static const char *
cast(struct way *w, const char *last, const char *kind, const char *type)
{
	return arena_format(w->ld->arena, "(case jsonb_typeof(%s -> '%s') "
	    "when '%s' then (%s ->> '%s')::%s end)", w->sql, last, kind,
	    w->sql, last, type);
}

static void
path_add(struct way *w, const char *last, struct operation *op)
{
	unsigned types = w->types & ~(unsigned)TYPE_NULL;
	struct field f = { .name = w->name, .filterable = true,
		.types = TYPE_STRING | TYPE_NULL, .schema = w->schema };

	if (types == 0)
		f.schema = NULL;
	if (types == 0 || (types & TYPE_STRING) != 0) {
		f.name_sql = arena_format(w->ld->arena, "(%s ->> '%s')",
		    w->sql, last);
	} else if ((types & ~(unsigned)(TYPE_INTEGER | TYPE_NUMBER)) == 0) {
		f.types = types | TYPE_NULL;
		f.name_sql = cast(w, last, "number", "numeric");
	} else if (types == TYPE_BOOLEAN) {
		f.types = types | TYPE_NULL;
		f.name_sql = cast(w, last, "boolean", "boolean");
	} else {
		wrong(w, "which must have the \"type\" string, integer, "
		    "number or boolean");
		return;
	}
	f.name_json = arena_format(w->ld->arena, "\"%s\":", w->name);
	op->paths = grown(w->ld, (void *)op->paths, op->path_count, sizeof(f));
	((struct field *)op->paths)[op->path_count++] = f;
}

bool
path_load(struct loader *ld, const struct at *at, const struct draft *draft,
    struct operation *op, size_t index, const char *name)
{
	struct way w = { .ld = ld, .at = at, .index = index, .draft = draft,
		.name = name };
	const char *steps[PATH_DEPTH_MAX + 1];
	size_t count;

	if (strstr(name, "->") == NULL)
		return false;
	count = steps_read(arena_string(ld->scratch, name), steps);
	if (count == 0) {
		wrong(&w, arena_format(ld->scratch, "which must be a column "
		    "and at most %d names below it, ->> before the last: "
		    "\"address->geo->>country\"", PATH_DEPTH_MAX));
		return true;
	}
	if (!column_load(&w, steps[0]))
		return true;
	for (size_t i = 1; i < count; i++) {
		follow(&w, steps[i]);
		if (i + 1 < count)
			w.sql = arena_format(ld->scratch, "%s -> '%s'", w.sql,
			    steps[i]);
	}
	if (w.write_only)
		wrong(&w, "which is writeOnly: it would leak");
	else
		path_add(&w, steps[count - 1], op);
	return true;
}
