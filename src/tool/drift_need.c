/* SPDX-License-Identifier: MIT */
/*
 * What the operations of a contract need of a table, added up by role, column
 * and verb: what they tell must be read, what they take must be written, and
 * relations read what they tell of other tables.
 */
#include "tool/drift.h"

#include "tool/access.h"

unsigned *
drift_need(struct needs *n, size_t role, size_t column)
{
	return &n->columns[role * n->table->column_count + column];
}

/* ---- What is needed. ---- */

static void
need_field(struct needs *n, size_t role, const struct field *f,
    enum catalog_verb verb, const struct operation *op)
{
	const struct catalog_column *c = drift_column(n->table, f->name);
	const struct operation **why = &n->why[role * CATALOG_VERB_COUNT +
	    verb];

	if (c == NULL)
		return;
	*drift_need(n, role, drift_number(n->table, c)) |= 1u << verb;
	if (*why == NULL)
		*why = op;
}

static void
need_told(struct needs *n, size_t role, const struct operation *op)
{
	const struct resource *r = op->resource;

	for (size_t i = 0; i < r->field_count; i++)
		if (!r->fields[i].write_only)
			need_field(n, role, &r->fields[i], CATALOG_SELECT, op);
}

static void
need_create(struct needs *n, size_t role, const struct operation *op)
{
	const struct resource *r = op->resource;

	for (size_t i = 0; i < r->field_count; i++) {
		const struct field *f = &r->fields[i];

		if (f->read_only)
			continue;
		need_field(n, role, f, CATALOG_INSERT, op);
		if (op->upsert_count > 0 && !f->create_only)
			need_field(n, role, f, CATALOG_UPDATE, op);
	}
	/* The columns that tell rows apart are not set again. */
	for (size_t i = 0; i < op->upsert_count; i++)
		need_field(n, role, op->upsert[i], CATALOG_SELECT, op);
	for (size_t i = 0; op->bulk != NULL && i < op->bulk->key_count; i++)
		need_field(n, role, op->bulk->key[i], CATALOG_SELECT, op);
}

static void
need_update(struct needs *n, size_t role, const struct operation *op)
{
	const struct resource *r = op->resource;

	for (size_t i = 0; i < r->field_count; i++)
		if (!r->fields[i].read_only && !r->fields[i].create_only)
			need_field(n, role, &r->fields[i], CATALOG_UPDATE, op);
}

static void
need_operation(struct needs *n, size_t role, const struct operation *op)
{
	if (op->verb != VERB_DELETE || op->match != DEMAND_NONE)
		need_told(n, role, op);
	if (op->verb == VERB_CREATE)
		need_create(n, role, op);
	if (op->verb == VERB_UPDATE)
		need_update(n, role, op);
	if (op->verb == VERB_DELETE) {
		for (size_t i = 0; i < op->resource->key_count; i++)
			need_field(n, role, op->resource->keys[i],
			    CATALOG_SELECT, op);
		n->rights[role] |= CATALOG_MAY_DELETE;
		n->why[role * CATALOG_VERB_COUNT + CATALOG_DELETE] = op;
	}
}

/* The columns of the table that relations of an operation tell. */
static void
need_related(struct needs *n, size_t role, const struct operation *op,
    const struct related *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct related *e = &list[i];

		need_related(n, role, op, e->related, e->related_count);
		if (catalog_table(n->d->catalog, &e->resource->table) !=
		    n->table)
			continue;
		need_field(n, role, e->theirs, CATALOG_SELECT, op);
		for (size_t f = 0; f < e->field_count; f++)
			need_field(n, role, e->fields[f], CATALOG_SELECT, op);
		for (size_t f = 0; f < e->order_count; f++)
			need_field(n, role, e->order[f].field, CATALOG_SELECT,
			    op);
	}
}

static void
need_all(struct needs *n)
{
	struct drift *d = n->d;

	for (size_t i = 0; i < d->operation_count; i++) {
		const struct operation *op = &d->operations[i];
		bool own = op->verb != VERB_CALL &&
		    op->resource->table.name != NULL && catalog_table(
			d->catalog, &op->resource->table) == n->table;

		for (size_t r = 0; r < op->role_count; r++) {
			size_t role = access_role(d->catalog, op->roles[r]);

			if (role == d->catalog->role_count)
				continue;
			if (own)
				need_operation(n, role, op);
			need_related(n, role, op, op->related,
			    op->related_count);
		}
	}
}

static const struct resource *
resource_of(const struct drift *d, const struct catalog_table *t)
{
	for (size_t i = 0; i < d->resource_count; i++)
		if (d->resources[i].table.name != NULL && catalog_table(
		    d->catalog, &d->resources[i].table) == t)
			return &d->resources[i];
	return NULL;
}

struct needs
drift_needs(struct drift *d, const struct catalog_table *t)
{
	size_t roles = d->catalog->role_count;
	struct needs n = { .d = d, .table = t, .resource = resource_of(d, t),
		.rights = arena_alloc(d->arena, roles * sizeof(unsigned)),
		.columns = arena_alloc(d->arena, (roles * t->column_count +
		    1) * sizeof(unsigned)),
		.why = arena_alloc(d->arena, roles * CATALOG_VERB_COUNT *
		    sizeof(struct operation *)) };

	need_all(&n);
	return n;
}
