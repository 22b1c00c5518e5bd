/* SPDX-License-Identifier: MIT */
/*
 * What is known of a rollup without its SQL: the names of what it makes, what
 * it looks at, who reads it, and whether it can be kept of a table at all.
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

/* Are values of the type equal if and only if their texts are, in any session? */
static bool
is_its_text(const struct catalog_column *c)
{
	static const char *const types[] = { "bigint", "boolean", "character",
		"character varying", "integer", "smallint", "text", "uuid" };
	bool any = c->label_count > 0;

	for (size_t i = 0; i < countof(types); i++)
		any = any || strcmp(c->base, types[i]) == 0;
	return any;
}

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
	for (size_t i = 0; i < r->measure_count; i++)
		if (r->measures[i].field == f &&
		    r->measures[i].kind == MEASURE_DISTINCT && !is_its_text(c))
			return "its distinct values are counted by their "
			    "text, which may differ for the same value: it is "
			    "no text, uuid, integer, boolean or enum";
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

/* ---- Who reads it. ---- */

bool
rollup_is_own_role(const char *role)
{
	return strcmp(role, "lockstep_rollup") == 0 ||
	    strcmp(role, "lockstep_logic") == 0;
}

static bool
is_caller(const struct rollup_draft *d, size_t role)
{
	return d->catalog->roles[role].there &&
	    !rollup_is_own_role(d->catalog->roles[role].name);
}

bool
rollup_is_for_callers(const struct rollup_draft *d,
    const struct catalog_policy *policy)
{
	bool any = false;

	for (size_t i = 0; i < d->catalog->role_count; i++)
		any = any || (policy->applies[i] && is_caller(d, i));
	return any && (policy->verbs & CATALOG_MAY_SELECT) != 0;
}

/* A restrictive policy alone lets nobody read. */
static bool
is_let_read(const struct rollup_draft *d, size_t role)
{
	const struct catalog_table *t = d->source;
	bool any = false;

	for (size_t i = 0; i < t->policy_count; i++)
		any = any || (t->policies[i].applies[role] &&
		    !t->policies[i].restrictive &&
		    (t->policies[i].verbs & CATALOG_MAY_SELECT) != 0);
	return any && is_caller(d, role);
}

/* How many of the columns it may select; *ret: one of the others, or NULL. */
static size_t
selectable(const struct rollup_draft *d, size_t role, const char **ret)
{
	size_t count, may = 0;
	const struct field *const *fields = rollup_fields(d->arena, d->rollup,
	    &count);

	*ret = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct catalog_column *c = drift_column(d->source,
		    fields[i]->name);

		if (c != NULL && (c->rights[role] & CATALOG_MAY_SELECT) != 0)
			may++;
		else if (*ret == NULL)
			*ret = fields[i]->name;
	}
	return may;
}

const char *
rollup_unselectable(const struct rollup_draft *d, size_t role)
{
	const char *ret;

	(void)selectable(d, role, &ret);
	return ret;
}

bool
rollup_reads(const struct rollup_draft *d, size_t role)
{
	return is_let_read(d, role) && rollup_unselectable(d, role) == NULL;
}

const char *
rollup_kept_from(const struct rollup_draft *d, size_t role)
{
	const char *lacking;

	return is_let_read(d, role) && selectable(d, role, &lacking) > 0 ?
	    lacking : NULL;
}

static bool
is_key(const struct rollup *r, const char *column)
{
	for (size_t i = 0; i < r->key_count; i++)
		if (strcmp(r->keys[i]->name, column) == 0)
			return true;
	return false;
}

/* Does it keep rows from everybody, and say nothing of who counts them? */
static bool
hides_from_all(const struct catalog_policy *p)
{
	bool all = false;

	for (size_t i = 0; i < p->role_count; i++)
		all = all || strcmp(p->roles[i], "public") == 0;
	return all && p->restrictive && !drift_mentions(p->using_sql,
	    "lockstep_rollup");
}

const char *
rollup_policy_refusal(const struct rollup_draft *d,
    const struct catalog_policy *policy)
{
	if (!rollup_is_for_callers(d, policy) || policy->using_sql == NULL)
		return NULL;
	for (size_t i = 0; i < d->source->column_count; i++) {
		const char *name = d->source->columns[i].name;

		if (!is_key(d->rollup, name) &&
		    drift_mentions(policy->using_sql, name))
			return arena_format(d->arena, "asks \"%s\", which is "
			    "not in \"key\"; so the figures could not be kept "
			    "from whom the rows are", name);
	}
	return hides_from_all(policy) ? "is restrictive and for PUBLIC, so "
	    "lockstep_rollup could not count all rows: name the roles of "
	    "callers, or let lockstep_rollup see them" : NULL;
}
