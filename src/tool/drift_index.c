/* SPDX-License-Identifier: MIT */
/*
 * Keys and indexes.  A list is read through row security, which most often
 * compares a column with the caller's: an index may have such columns, those
 * that policies look at, before the ones that are filtered or sorted.  So an
 * index serves a column when nothing but those stands before it.
 */
#include "tool/drift.h"

#include <string.h>

#include "tool/access.h"

enum { KEY_MAX = 4 };		/* properties of a key */

/* ---- What is unique. ---- */

static bool
is_field(const char *column, const struct field *const *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i]->name, column) == 0)
			return true;
	return false;
}

/* May the index leave out rows whose values are NULL, and no others? */
static bool
is_total(const struct catalog_index *x, const struct field *const *fields,
    size_t count)
{
	const char *at = x->where_sql;

	if (at == NULL)
		return true;
	if (strstr(at, " OR ") != NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		if ((fields[i]->types == 0 || (fields[i]->types & TYPE_NULL)) &&
		    strcmp(at, "") != 0 && drift_mentions(at,
			fields[i]->name) && strstr(at, "IS NOT NULL") != NULL)
			return true;
	return false;
}

/*
 * Is there a unique index over these columns and no others?  Of the table
 * itself, if it is for ON CONFLICT, which knows no other.
 */
static bool
is_unique(const struct catalog_table *t, const struct field *const *fields,
    size_t count, bool anywhere)
{
	for (size_t i = 0; i < t->index_count; i++) {
		const struct catalog_index *x = &t->indexes[i];
		bool same = x->unique && x->valid && x->key_count == count &&
		    (anywhere || !x->elsewhere);

		for (size_t k = 0; same && k < count; k++)
			same = x->keys[k].column != NULL &&
			    is_field(x->keys[k].column, fields, count);
		if (same && is_total(x, fields, count))
			return true;
	}
	return false;
}

static const char *
names_of(struct drift *d, const struct field *const *fields, size_t count)
{
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		list = drift_text(d, "%s%s%s", list, i > 0 ? ", " : "",
		    fields[i]->name_sql);
	return list;
}

static bool
has_primary_key(const struct catalog_table *t)
{
	for (size_t i = 0; i < t->constraint_count; i++)
		if (t->constraints[i].kind == 'p')
			return true;
	return false;
}

static void
check_key(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	for (size_t i = 0; i < r->key_count; i++)
		if (drift_column(t, r->keys[i]->name) == NULL)
			return;
	if (r->key == NULL || (t->kind != 'r' && t->kind != 'p') ||
	    is_unique(t, r->keys, r->key_count, true))
		return;
	drift_tell(d, DRIFT_KEY_NOT_UNIQUE, drift_at(d, r, "table"),
	    drift_column_name(d, t, r->key->name),
	    drift_text(d, has_primary_key(t) ?
		"create unique index on %s (%s);" :
		"alter table %s add primary key (%s);", r->table.sql,
		names_of(d, r->keys, r->key_count)),
	    "the key of the resource \"%s\" has no unique index of its own",
	    r->name);
}

/* ---- Declared constraints. ---- */

/* Does a function or trigger of the table name it, to raise it? */
static bool
is_raised(const struct drift *d, const struct catalog_table *t,
    const char *name)
{
	const struct catalog_function *f = d->catalog->functions;

	for (size_t i = 0; i < t->trigger_count; i++)
		if (drift_mentions(t->triggers[i].source, name))
			return true;
	for (size_t i = 0; i < d->catalog->function_count; i++)
		if (drift_mentions(f[i].source, name))
			return true;
	/* `constraint = tg_table_name || '_company_fkey'` */
	for (size_t i = 0; i < t->trigger_count; i++) {
		size_t length = strlen(t->name);

		if (strncmp(name, t->name, length) == 0 &&
		    strstr(t->triggers[i].source, "tg_table_name") != NULL &&
		    strstr(t->triggers[i].source, name + length) != NULL)
			return true;
	}
	return false;
}

/* A constraint of any table: a call's own may be of another. */
static bool
has_constraint(const struct drift *d, const char *name)
{
	for (size_t n = 0; n < d->catalog->table_count; n++) {
		const struct catalog_table *t = &d->catalog->tables[n];

		for (size_t i = 0; i < t->constraint_count; i++)
			if (strcmp(t->constraints[i].name, name) == 0)
				return true;
		for (size_t i = 0; i < t->index_count; i++)
			if (t->indexes[i].unique &&
			    strcmp(t->indexes[i].name, name) == 0)
				return true;
	}
	return false;
}

/* The name that the contract has for a violation of it, with a blank, or "". */
static const char *
declared_name(struct drift *d, const struct resource *r,
    const struct field *const *columns, size_t count)
{
	for (size_t i = 0; i < r->constraint_count; i++) {
		const struct declared *c = &r->constraints[i];

		if (c->path_length == 1 && is_field(c->path[0], columns,
		    count) && !has_constraint(d, c->key))
			return drift_text(d, "\"%s\" ", c->key);
	}
	return "";
}

/* Columns by which rows that are there are known again, and passed over. */
static void
check_known(struct drift *d, const struct resource *r,
    const struct catalog_table *t, const char *member,
    const struct field *const *columns, size_t count, bool passes)
{
	const struct operation *op = drift_operation(d, r, VERB_CREATE);

	if (count == 0 || is_unique(t, columns, count, passes))
		return;
	drift_tell(d, DRIFT_UPSERT_NOT_UNIQUE, drift_in(d, op, member),
	    drift_table_name(d, t),
	    drift_text(d, "create unique index %son %s (%s);",
		declared_name(d, r, columns, count), r->table.sql,
		names_of(d, columns, count)),
	    "no unique index has the columns %s and no others",
	    names_of(d, columns, count));
}

static void
check_upsert(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	const struct operation *op = drift_operation(d, r, VERB_CREATE);

	if (op == NULL)
		return;
	check_known(d, r, t, "upsert", op->upsert, op->upsert_count, false);
	if (op->bulk != NULL)
		check_known(d, r, t, "bulk", op->bulk->key,
		    op->bulk->key_count, true);
}

static void
check_constraints(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	for (size_t i = 0; i < r->constraint_count; i++) {
		const char *name = r->constraints[i].key;

		if (has_constraint(d, name) || is_raised(d, t, name))
			continue;
		drift_tell(d, DRIFT_CONSTRAINT_UNKNOWN, (struct drift_place){
		    .file = r->file, .path = drift_text(d,
			"[\"constraints\",\"%s\"]", name) },
		    drift_text(d, "%s.%s", drift_table_name(d, t), name),
		    NULL, "there is no constraint or unique index %s, and "
		    "nothing raises it", name);
	}
}

void
drift_keys(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	check_key(d, r, t);
	check_upsert(d, r, t);
	check_constraints(d, r, t);
}

/* ---- What an index serves. ---- */

/* The first key that no policy may stand before. */
static size_t
after_judged(const struct catalog_table *t, const struct catalog_index *x,
    const char *column)
{
	size_t k = 0;

	while (k < x->key_count && x->keys[k].column != NULL &&
	    strcmp(x->keys[k].column, column) != 0) {
		const struct catalog_column *c = drift_column(t,
		    x->keys[k].column);

		if (c == NULL || !c->judged)
			return x->key_count;
		k++;
	}
	return k;
}

static bool
is_served(const struct catalog_table *t, const char *column)
{
	for (size_t i = 0; i < t->index_count; i++) {
		const struct catalog_index *x = &t->indexes[i];
		size_t k = after_judged(t, x, column);

		if (x->valid && k < x->key_count && x->keys[k].column != NULL &&
		    strcmp(x->keys[k].column, column) == 0)
			return true;
	}
	return false;
}

/* Does a policy let the role read all rows? */
static bool
is_wide(const struct catalog_policy *p, size_t role)
{
	return p->applies[role] && !p->restrictive &&
	    (p->verbs & CATALOG_MAY_SELECT) != 0 && p->using_sql != NULL &&
	    strcmp(p->using_sql, "true") == 0;
}

/*
 * Has each role of the operation rows of its own, found by an index?  Then a
 * filter or sort looks at those alone, and an index is not worth its writes.
 */
static bool
is_confined(const struct drift *d, const struct operation *op,
    const struct catalog_table *t)
{
	bool found = false;

	for (size_t i = 0; i < t->index_count; i++) {
		const struct catalog_column *c =
		    t->indexes[i].keys[0].column == NULL ? NULL :
		    drift_column(t, t->indexes[i].keys[0].column);

		found |= t->indexes[i].valid && c != NULL && c->judged;
	}
	for (size_t r = 0; r < op->role_count; r++) {
		size_t role = access_role(d->catalog, op->roles[r]);

		for (size_t p = 0; role < d->catalog->role_count &&
		     p < t->policy_count; p++)
			if (is_wide(&t->policies[p], role))
				return false;
	}
	return found && t->enabled;
}

/* Is it served by an expression that holds the words? */
static bool
has_expression(const struct catalog_table *t, const char *word,
    const char *other)
{
	for (size_t i = 0; i < t->index_count; i++)
		for (size_t k = 0; k < t->indexes[i].key_count; k++)
			if (t->indexes[i].keys[k].column == NULL &&
			    drift_mentions(t->indexes[i].keys[k].sql, word) &&
			    strstr(t->indexes[i].keys[k].sql, other) != NULL)
				return true;
	return false;
}

/*
 * Do the keys from k on have the order, as it is or backwards?  Past a unique
 * column nothing is left to be ordered.
 */
static bool
has_order(const struct catalog_table *t, const struct catalog_index *x,
    size_t k, const struct sort *order, size_t count)
{
	bool turned = false;

	if (!x->valid || x->elsewhere || strcmp(x->method, "btree") != 0)
		return false;
	for (size_t i = 0; i < count; i++, k++) {
		if (k >= x->key_count || x->keys[k].column == NULL ||
		    strcmp(x->keys[k].column, order[i].field->name) != 0)
			return false;
		if (i == 0)
			turned = x->keys[k].descending != order[i].descending;
		if ((x->keys[k].descending != order[i].descending) != turned)
			return false;
		if (is_unique(t, &order[i].field, 1, true))
			return true;
	}
	return true;
}

static bool
is_ordered(const struct catalog_table *t, const struct sort *order,
    size_t count)
{
	for (size_t i = 0; i < t->index_count; i++)
		if (has_order(t, &t->indexes[i], after_judged(t,
		    &t->indexes[i], order[0].field->name), order, count))
			return true;
	return false;
}

static const char *
order_text(struct drift *d, const struct sort *order, size_t count)
{
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		list = drift_text(d, "%s%s%s%s", list, i > 0 ? ", " : "",
		    order[i].field->name_sql,
		    order[i].descending ? " desc" : "");
	return list;
}

static const char *
add_index(struct drift *d, const struct resource *r, const char *keys)
{
	return drift_text(d, "create index on %s (%s);", r->table.sql, keys);
}

static void
check_order(struct drift *d, const struct operation *op,
    const struct catalog_table *t)
{
	const char *keys;

	if (op->order_count == 0 || is_ordered(t, op->order, op->order_count))
		return;
	keys = order_text(d, op->order, op->order_count);
	drift_tell(d, DRIFT_ORDER_UNINDEXED, drift_in(d, op, "order"),
	    drift_text(d, "%s (%s)", drift_table_name(d, t), keys),
	    add_index(d, op->resource, keys), "%s is in the order %s, for "
	    "which there is no index", op->name, keys);
}

static void
check_sorts(struct drift *d, const struct operation *op,
    const struct catalog_table *t)
{
	const struct resource *r = op->resource;

	if (is_confined(d, op, t))
		return;
	for (size_t i = 0; i < r->field_count; i++) {
		const struct field *f = &r->fields[i];
		struct sort order[KEY_MAX + 1] = { { f, false } };

		if (!f->sortable || is_served(t, f->name))
			continue;
		for (size_t k = 0; k < r->key_count && k < KEY_MAX; k++)
			order[k + 1].field = r->keys[k];
		drift_tell(d, DRIFT_SORT_UNINDEXED, drift_in(d, op, "sort"),
		    drift_column_name(d, t, f->name),
		    add_index(d, r, order_text(d, order, r->key_count + 1)),
		    "%s sorts by it, and no index begins with it", op->name);
	}
}

static void
check_filters(struct drift *d, const struct operation *op,
    const struct catalog_table *t)
{
	const struct resource *r = op->resource;

	if (is_confined(d, op, t))
		return;
	for (size_t i = 0; i < r->field_count; i++) {
		const struct field *f = &r->fields[i];

		/* An index over a few values is of little use. */
		if (!f->filterable || f->enumerated ||
		    f->types == TYPE_BOOLEAN || is_served(t, f->name))
			continue;
		drift_tell(d, DRIFT_FILTER_UNINDEXED, drift_in(d, op,
		    "filter"), drift_column_name(d, t, f->name),
		    add_index(d, r, f->name_sql),
		    "%s filters by it, and no index begins with it",
		    op->name);
	}
	for (size_t i = 0; i < op->path_count; i++) {
		const char *name = op->paths[i].name;
		const char *column = drift_text(d, "%.*s",
		    (int)strcspn(name, "-"), name);
		const char *last = strrchr(name, '>') + 1;

		if (has_expression(t, column, last))
			continue;
		drift_tell(d, DRIFT_FILTER_UNINDEXED, drift_in(d, op,
		    "filter"), drift_column_name(d, t, name),
		    add_index(d, r, drift_text(d, "(%s)",
			op->paths[i].name_sql)),
		    "%s filters by it, and no index is over it", op->name);
	}
}

/* Exactly the expression that the list compares. */
static const char *
search_index(struct drift *d, const struct operation *op)
{
	const char *list = "";

	for (size_t i = 0; i < op->search_count; i++)
		list = drift_text(d, "%s%scoalesce(%s::text, '')", list,
		    i > 0 ? " || ' ' || " : "", op->search[i]->name_sql);
	return drift_text(d, "create index on %s using gin (to_tsvector("
	    "'simple', %s));", op->resource->table.sql, list);
}

static void
check_search(struct drift *d, const struct operation *op,
    const struct catalog_table *t)
{
	if (op->search_count == 0 || has_expression(t, op->search[0]->name,
	    "to_tsvector"))
		return;
	drift_tell(d, DRIFT_SEARCH_UNINDEXED, drift_in(d, op, "search"),
	    drift_table_name(d, t), search_index(d, op),
	    "%s searches %s, and no index is "
	    "over the search's expression", op->name,
	    names_of(d, op->search, op->search_count));
}

/* ---- Related rows. ---- */

/* Is there a foreign key from the column to the other table? */
static bool
is_bound(const struct catalog_table *from, const char *column,
    const struct catalog_table *to)
{
	for (size_t i = 0; i < from->constraint_count; i++) {
		const struct catalog_constraint *k = &from->constraints[i];

		if (k->kind != 'f' || strcmp(k->schema, to->schema) != 0 ||
		    strcmp(k->table, to->name) != 0)
			continue;
		for (size_t c = 0; c < k->column_count; c++)
			if (strcmp(k->columns[c], column) == 0)
				return true;
	}
	return false;
}

static void
check_bound(struct drift *d, const struct operation *op,
    const struct related *e, struct drift_place at,
    const struct catalog_table *from, const struct field *column,
    const struct catalog_table *to, const struct field *key)
{
	if (is_bound(from, column->name, to))
		return;
	drift_tell(d, DRIFT_RELATED_UNKEYED, at,
	    drift_column_name(d, from, column->name),
	    from->kind != 'r' && from->kind != 'p' ? NULL : drift_text(d,
		"alter table \"%s\".\"%s\" add constraint \"%s_%s_fkey\" "
		"foreign key (%s) references \"%s\".\"%s\" (%s);",
		from->schema, from->name, from->name, column->name,
		column->name_sql, to->schema, to->name, key->name_sql),
	    "\"%s\" of %s has no foreign key", e->name, op->name);
}

static void
check_related(struct drift *d, const struct operation *op,
    const struct catalog_table *ours, const struct related *list,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct related *e = &list[i];
		const struct catalog_table *theirs = catalog_table(d->catalog,
		    &e->resource->table);
		struct drift_place at = drift_item(d, op, "related", e->name);

		if (theirs == NULL)
			continue;
		if (!is_served(theirs, e->theirs->name))
			drift_tell(d, DRIFT_RELATED_UNINDEXED, at,
			    drift_column_name(d, theirs, e->theirs->name),
			    add_index(d, e->resource, e->theirs->name_sql),
			    "%s looks \"%s\" up by it, and no index begins "
			    "with it", op->name, e->name);
		if (e->many)
			check_bound(d, op, e, at, theirs, e->theirs, ours,
			    e->ours);
		else
			check_bound(d, op, e, at, ours, e->ours, theirs,
			    e->theirs);
		check_related(d, op, theirs, e->related, e->related_count);
	}
}

void
drift_indexes(struct drift *d, const struct operation *op,
    const struct catalog_table *t)
{
	check_related(d, op, t, op->related, op->related_count);
	if (op->verb != VERB_LIST || (t->kind != 'r' && t->kind != 'p' &&
	    t->kind != 'm'))
		return;
	check_order(d, op, t);
	check_sorts(d, op, t);
	check_filters(d, op, t);
	check_search(d, op, t);
}
