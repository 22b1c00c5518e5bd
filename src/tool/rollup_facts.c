/* SPDX-License-Identifier: MIT */
/*
 * What is known of a rollup without its SQL: the names of what it makes, what
 * it looks at, and whether it can be kept of a table at all.
 */
#include "tool/rollup.h"

#include <string.h>

#include "tool/drift.h"

const char *
rollup_function(struct arena *arena, const struct rollup *r,
    enum rollup_part part)
{
	static const char *const words[ROLLUP_FUNCTION_COUNT] = { "write",
		"fold", "recount", "compare" };

	return arena_format(arena, "%s_%s", r->name, words[part]);
}

const char *
rollup_relation(struct arena *arena, const struct rollup *r, size_t number)
{
	static const char *const behind[] = { "", "_base", "_delta",
		"_values" };

	if (number >= countof(behind) - !rollup_has(r, MEASURE_DISTINCT))
		return NULL;
	return arena_format(arena, "%s%s", r->name, behind[number]);
}

bool
rollup_has(const struct rollup *r, enum measure_kind kind)
{
	for (size_t i = 0; i < r->measure_count; i++)
		if (r->measures[i].kind == kind)
			return true;
	return false;
}

bool
rollup_has_extremes(const struct rollup *r)
{
	return rollup_has(r, MEASURE_MIN) || rollup_has(r, MEASURE_MAX);
}

static void
field_note(const struct field **fields, size_t *count, const struct field *f)
{
	for (size_t i = 0; i < *count; i++)
		if (fields[i] == f)
			return;
	if (f != NULL)
		fields[(*count)++] = f;
}

const struct field *const *
rollup_fields(struct arena *arena, const struct rollup *r, size_t *ret_count)
{
	const struct field **fields = arena_alloc(arena,
	    (r->resource->field_count + 1) * sizeof(*fields));
	size_t count = 0;

	for (size_t i = 0; i < r->key_count; i++)
		field_note(fields, &count, r->keys[i]);
	field_note(fields, &count, r->time);
	for (size_t i = 0; i < r->measure_count; i++) {
		const struct measure *m = &r->measures[i];

		field_note(fields, &count, m->field);
		for (size_t w = 0; w < m->where_count; w++)
			field_note(fields, &count, m->where[w].field);
	}
	*ret_count = count;
	return fields;
}

/* ---- What cannot be done. ---- */

static const char *
column_refusal(const struct rollup_draft *d, const struct field *f)
{
	const struct catalog_column *c = drift_column(d->source, f->name);
	const struct rollup *r = d->rollup;

	if (c == NULL)
		return "the table has no such column";
	if (strcmp(c->base, "json") == 0 || strcmp(c->base, "xml") == 0)
		return "its values cannot be compared; make it jsonb";
	for (size_t i = 0; i < r->key_count; i++)
		if (r->keys[i] == f && !c->not_null)
			return "it is part of the key and may be null";
	if (f == r->time && (!c->not_null || strcmp(c->base,
	    "timestamp with time zone") != 0))
		return "it is the time, and no timestamptz that is not null";
	for (size_t i = 0; i < r->measure_count; i++)
		if (r->measures[i].field == f &&
		    (r->measures[i].kind == MEASURE_SUM ||
			r->measures[i].kind == MEASURE_AVERAGE) &&
		    strcmp(c->base, "integer") != 0 &&
		    strcmp(c->base, "smallint") != 0 &&
		    strcmp(c->base, "bigint") != 0 &&
		    strcmp(c->base, "numeric") != 0)
			return "it is added up, and no integer or numeric: "
			    "what was added to a float cannot be taken away";
	return NULL;
}

const char *
rollup_refusal(const struct rollup_draft *d, const char **ret)
{
	size_t count;
	const struct field *const *fields = rollup_fields(d->arena, d->rollup,
	    &count);
	const char *why;

	*ret = "";
	if (d->source->kind != 'r' && d->source->kind != 'p')
		return "it is no table, so nothing is told of its changes";
	for (size_t i = 0; i < count; i++) {
		*ret = fields[i]->name;
		if ((why = column_refusal(d, fields[i])) != NULL)
			return why;
	}
	return NULL;
}
