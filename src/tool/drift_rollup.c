/* SPDX-License-Identifier: MIT */
/*
 * Rollups against the database: is what `lockstep gen rollup` makes there, does
 * it count what the contract says, and do its tables show their rows to whom the
 * source shows its own?  Functions are held against the text that would be made
 * now, so a measure that was changed in either place is found.
 */
#include "tool/drift.h"

#include <string.h>

#include "tool/rollup.h"

static struct drift_place
at_member(struct drift *d, const struct rollup *r, const char *member)
{
	return (struct drift_place){ .file = r->file,
		.path = drift_text(d, "[\"%s\"]", member) };
}

static const char *
object_name(struct drift *d, const struct rollup *r, const char *name)
{
	return drift_text(d, "%s.%s", r->resource->table.schema_name, name);
}

static const char *
mend_of(struct drift *d, const struct rollup *r)
{
	return drift_text(d, "lockstep gen rollup %s >"
	    "migrations/NNNN_%s.sql", r->name, r->name);
}

static const struct catalog_table *
table_of(struct drift *d, const struct rollup *r, const char *name)
{
	return catalog_table(d->catalog, &(struct relation){
	    .schema_name = r->resource->table.schema_name, .name = name });
}

/* ---- Is it there? ---- */

static bool
check_relations(struct drift *d, const struct rollup *r)
{
	const char *name, *missing = NULL;

	for (size_t i = 0; (name = rollup_relation(d->arena, r, i)) != NULL;
	    i++)
		if (table_of(d, r, name) == NULL && missing == NULL)
			missing = name;
	if (missing == NULL)
		return true;
	drift_tell(d, DRIFT_ROLLUP_MISSING, at_member(d, r, "rollup"),
	    object_name(d, r, missing), mend_of(d, r),
	    "the rollup %s is kept in it, and it is not there", r->name);
	return false;
}

static bool
check_source(struct drift *d, const struct rollup_draft *draft)
{
	const struct rollup *r = draft->rollup;
	const char *column, *why = rollup_refusal(draft, &column);

	if (why == NULL)
		return true;
	drift_tell(d, DRIFT_ROLLUP_SOURCE, at_member(d, r, "source"),
	    drift_text(d, "%s%s%s", drift_table_name(d, draft->source),
		*column != '\0' ? "." : "", column), NULL,
	    "the rollup %s cannot be kept of it: %s", r->name, why);
	return false;
}

static void
check_triggers(struct drift *d, const struct rollup_draft *draft)
{
	static const char *const words[] = { "insert", "update", "delete",
		"truncate" };
	const struct catalog_table *t = draft->source;
	const struct rollup *r = draft->rollup;

	for (size_t i = 0; i < countof(words); i++) {
		const char *name = drift_text(d, "%s_%s", r->name, words[i]);
		size_t n = 0;

		while (n < t->trigger_count && strcmp(t->triggers[n].name,
		    name) != 0)
			n++;
		if (n < t->trigger_count)
			continue;
		drift_tell(d, DRIFT_ROLLUP_TRIGGER, at_member(d, r, "source"),
		    drift_text(d, "%s (%s)", drift_table_name(d, t), name),
		    mend_of(d, r), "the rollup %s is not told of each %s",
		    r->name, words[i]);
	}
}

/* ---- Does it count what it should? ---- */

static bool
check_functions(struct drift *d, const struct rollup_draft *draft)
{
	const struct rollup *r = draft->rollup;

	for (size_t i = 0; i < ROLLUP_FUNCTION_COUNT; i++) {
		const char *name = rollup_function(d->arena, r,
		    (enum rollup_part)i);
		const struct catalog_function *f = catalog_function(
		    d->catalog, &(struct relation){ .name = name,
			.schema_name = r->resource->table.schema_name });

		if (f != NULL && strcmp(f->source, rollup_text(draft,
		    (enum rollup_part)i)) == 0)
			continue;
		drift_tell(d, f == NULL ? DRIFT_ROLLUP_MISSING :
		    DRIFT_ROLLUP_DIFFERS, at_member(d, r, "measures"),
		    object_name(d, r, name), mend_of(d, r), f == NULL ?
		    "the rollup %s needs it, and it is not there" :
		    "the rollup %s counts another thing than the contract "
		    "says", r->name);
		return false;
	}
	return true;
}

static bool
has_column(const struct catalog_table *t, const char *name)
{
	return drift_column(t, name) != NULL;
}

static void
check_view(struct drift *d, const struct rollup_draft *draft)
{
	const struct rollup *r = draft->rollup;
	const struct catalog_table *t = table_of(d, r, r->name);

	for (size_t i = 0; i < r->measure_count; i++) {
		if (has_column(t, r->measures[i].name))
			continue;
		drift_tell(d, DRIFT_ROLLUP_DIFFERS, at_member(d, r,
		    "measures"), drift_column_name(d, t, r->measures[i].name),
		    mend_of(d, r), "the rollup %s does not tell it", r->name);
	}
}

static void
check_index(struct drift *d, const struct rollup_draft *draft)
{
	const struct catalog_table *t = draft->source;
	const struct rollup *r = draft->rollup;

	for (size_t i = 0; i < t->index_count; i++)
		if (t->indexes[i].key_count > 0 &&
		    t->indexes[i].keys[0].column != NULL &&
		    strcmp(t->indexes[i].keys[0].column, r->time->name) == 0)
			return;
	drift_tell(d, DRIFT_ROLLUP_UNINDEXED, at_member(d, r, "time"),
	    drift_column_name(d, t, r->time->name), drift_text(d,
		"create index on %s (%s);", r->resource->table.sql,
		r->time->name_sql),
	    "the rollup %s is filled and audited by it, and no index begins "
	    "with it", r->name);
}

/* ---- Who reads it? ---- */

static bool
same_roles(const struct catalog_policy *a, const struct catalog_policy *b,
    size_t roles)
{
	for (size_t i = 0; i < roles; i++)
		if (a->applies[i] != b->applies[i])
			return false;
	return true;
}

/* Is there a policy of the other table that lets the same see the same? */
static bool
has_like(const struct drift *d, const struct catalog_table *t,
    const struct catalog_policy *p)
{
	for (size_t i = 0; i < t->policy_count; i++) {
		const struct catalog_policy *q = &t->policies[i];

		if ((q->verbs & CATALOG_MAY_SELECT) != 0 &&
		    q->restrictive == p->restrictive &&
		    q->using_sql != NULL && p->using_sql != NULL &&
		    strcmp(q->using_sql, p->using_sql) == 0 &&
		    same_roles(p, q, d->about->role_count))
			return true;
	}
	return false;
}

/* Is it of a role of callers? */
static bool
is_theirs(const struct drift *d, const struct catalog_policy *p)
{
	bool theirs = false;

	for (size_t i = 0; i < d->about->role_count; i++)
		theirs = theirs || p->applies[i];
	return theirs && (p->verbs & CATALOG_MAY_SELECT) != 0;
}

/* Policies of `from` that the other table has not. */
static void
check_policies(struct drift *d, const struct rollup *r,
    const struct catalog_table *from, const struct catalog_table *other,
    const struct catalog_table *kept)
{
	for (size_t i = 0; i < from->policy_count; i++) {
		const struct catalog_policy *p = &from->policies[i];

		if (!is_theirs(d, p) || has_like(d, other, p))
			continue;
		drift_tell(d, DRIFT_ROLLUP_POLICY, at_member(d, r, "source"),
		    drift_table_name(d, kept), drift_text(d,
			"lockstep gen rollup %s --policies >policies/%s.sql",
			r->name, r->name),
		    "the policy \"%s\" of %s has none like it of %s", p->name,
		    drift_table_name(d, from), drift_table_name(d, other));
	}
}

static void
check_readers(struct drift *d, const struct rollup_draft *draft)
{
	const struct rollup *r = draft->rollup;
	const char *name;

	for (size_t i = 1; (name = rollup_relation(d->arena, r, i)) != NULL;
	    i++) {
		const struct catalog_table *t = table_of(d, r, name);

		check_policies(d, r, draft->source, t, t);
		check_policies(d, r, t, draft->source, t);
	}
}

/* The first of its tables, or the view, that the role may select of. */
static const struct catalog_table *
shown_to(struct drift *d, const struct rollup *r, size_t role)
{
	const char *name;

	for (size_t i = 0; (name = rollup_relation(d->arena, r, i)) != NULL;
	    i++) {
		const struct catalog_table *t = table_of(d, r, name);

		for (size_t c = 0; c < t->column_count; c++)
			if ((t->columns[c].rights[role] &
			    CATALOG_MAY_SELECT) != 0)
				return t;
	}
	return NULL;
}

/* What all that is kept of it is called: "app.company_events, ...". */
static const char *
all_of(struct drift *d, const struct rollup *r)
{
	const char *name, *list = "";

	for (size_t i = 0; (name = rollup_relation(d->arena, r, i)) != NULL;
	    i++)
		list = drift_text(d, "%s%s%s", list, i > 0 ? ", " : "",
		    drift_table_name(d, table_of(d, r, name)));
	return list;
}

/* Roles that a column of the source is kept from, but not its figures. */
static void
check_columns(struct drift *d, const struct rollup_draft *draft)
{
	const struct rollup *r = draft->rollup;

	for (size_t i = 0; i < d->about->role_count; i++) {
		const char *role = d->catalog->roles[i].name;
		const struct catalog_table *t = shown_to(d, r, i);
		const char *column = rollup_unselectable(draft, i);

		if (t == NULL || column == NULL)
			continue;
		drift_tell(d, DRIFT_ROLLUP_POLICY, at_member(d, r, "measures"),
		    drift_table_name(d, t), drift_text(d,
			"revoke select on %s from %s;", all_of(d, r), role),
		    "the role %s may read the figures, but not %s, which is "
		    "counted", role, drift_text(d, "%s.%s",
			drift_table_name(d, draft->source), column));
	}
}

static void
check_rollup(struct drift *d, const struct rollup *r)
{
	struct rollup_draft draft = { .arena = d->arena, .rollup = r,
		.catalog = d->catalog,
		.source = catalog_table(d->catalog, &r->resource->table) };

	/* A table that is not there is told by its resource. */
	if (draft.source == NULL || !check_source(d, &draft) ||
	    !check_relations(d, r))
		return;
	check_triggers(d, &draft);
	if (check_functions(d, &draft))
		check_view(d, &draft);
	check_index(d, &draft);
	check_readers(d, &draft);
	check_columns(d, &draft);
}

void
drift_rollups(struct drift *d)
{
	size_t count;
	const struct rollup *all = contract_rollups(d->contract, &count);

	for (size_t i = 0; i < count; i++)
		check_rollup(d, &all[i]);
}

bool
drift_is_rollup(struct drift *d, const struct catalog_table *t)
{
	size_t count;
	const struct rollup *all = contract_rollups(d->contract, &count);
	const char *name;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(all[i].resource->table.schema_name, t->schema) !=
		    0)
			continue;
		for (size_t n = 0; (name = rollup_relation(d->arena, &all[i],
		    n)) != NULL; n++)
			if (strcmp(name, t->name) == 0)
				return true;
	}
	return false;
}
