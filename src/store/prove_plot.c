/* SPDX-License-Identifier: MIT */
/*
 * Which tables there are to try, which to make rows in, and what tells their
 * rows apart.
 */
#include "store/prove.h"

#include <string.h>

/* ---- Tables. ---- */

static bool
is_schema_of(const struct proof *p, const char *schema)
{
	size_t count;
	const struct resource *r = contract_resources(p->contract, &count);
	const struct operation *op;

	for (size_t i = 0; i < count; i++)
		if (r[i].table.name != NULL && strcmp(r[i].table.schema_name,
		    schema) == 0)
			return true;
	op = contract_operations(p->contract, &count);
	for (size_t i = 0; i < count; i++)
		if (op[i].function.name != NULL && op[i].export == NULL &&
		    strcmp(
		    op[i].function.schema_name, schema) == 0)
			return true;
	return false;
}

static const struct resource *
resource_of(const struct proof *p, const struct catalog_table *t)
{
	size_t count;
	const struct resource *r = contract_resources(p->contract, &count);

	for (size_t i = 0; i < count; i++)
		if (r[i].table.name != NULL &&
		    strcmp(r[i].table.name, t->name) == 0 &&
		    strcmp(r[i].table.schema_name, t->schema) == 0)
			return &r[i];
	return NULL;
}

/* The columns of a constraint or index, if the table has all of them. */
static void
take_key(struct proof *p, struct plot *plot, const struct catalog_index *x)
{
	size_t *key = arena_alloc(p->arena,
	    (x->key_count + 1) * sizeof(*key));

	for (size_t i = 0; i < x->key_count; i++) {
		if (x->keys[i].column == NULL)
			return;
		key[i] = proof_column(plot->table, x->keys[i].column);
		if (!plot->table->columns[key[i]].not_null)
			return;
	}
	plot->key = key;
	plot->key_count = x->key_count;
}

static bool
is_primary(const struct catalog_table *t, const char *index)
{
	for (size_t i = 0; i < t->constraint_count; i++)
		if (t->constraints[i].kind == 'p' &&
		    strcmp(t->constraints[i].name, index) == 0)
			return true;
	return false;
}

/* The primary key, else a unique index of columns that are never null. */
static void
find_key(struct proof *p, struct plot *plot)
{
	const struct catalog_table *t = plot->table;

	for (int primary = 1; primary >= 0; primary--)
		for (size_t i = 0; i < t->index_count; i++)
			if (plot->key_count == 0 && t->indexes[i].unique &&
			    t->indexes[i].where_sql == NULL &&
			    is_primary(t, t->indexes[i].name) == primary)
				take_key(p, plot, &t->indexes[i]);
}

void
proof_find(struct proof *p)
{
	const struct catalog *c = p->catalog;

	p->plot_count = c->table_count;
	p->plots = arena_alloc(p->arena,
	    (p->plot_count + 1) * sizeof(*p->plots));
	for (size_t i = 0; i < p->plot_count; i++) {
		struct plot *plot = &p->plots[i];
		const struct catalog_table *t = &c->tables[i];
		bool table = t->kind == 'r' || t->kind == 'p';

		plot->table = t;
		plot->sql = arena_format(p->arena, "%s.%s",
		    proof_name(p, t->schema), proof_name(p, t->name));
		plot->resource = resource_of(p, t);
		plot->tried = is_schema_of(p, t->schema) && !t->extension;
		plot->wanted = table && (plot->tried ||
		    proof_is_read(p, t));
		plot->opens = table && t->forced && !p->exempt;
		plot->tied = arena_alloc(p->arena,
		    (t->column_count + 1) * sizeof(*plot->tied));
		plot->weight = arena_alloc(p->arena,
		    (t->column_count + 1) * sizeof(*plot->weight));
		find_key(p, plot);
	}
	for (size_t i = 0; i < TENANTS; i++)
		p->tenants[i].rows = arena_alloc(p->arena,
		    (p->plot_count + 1) * sizeof(struct made));
}

/*
 * Which rows a partition takes, and a table that has partitions: as a CHECK of
 * theirs, whose literals are as good as any.
 */
static const char bounds_sql[] =
    "select n.nspname, c.relname, case when c.relispartition then "
    "pg_get_partition_constraintdef(c.oid) else (select string_agg('(' || "
    "pg_get_partition_constraintdef(t.relid) || ')', ' or ') "
    "from pg_partition_tree(c.oid) t where t.isleaf) end "
    "from pg_catalog.pg_class c "
    "join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "where c.relispartition or c.relkind = 'p'";

static void
add_bounds(struct proof *p, struct plot *plot, const char *sql)
{
	struct catalog_table *t = arena_alloc(p->arena, sizeof(*t));
	struct catalog_constraint *k;
	const char **columns = arena_alloc(p->arena,
	    (plot->table->column_count + 1) * sizeof(*columns));
	size_t count = 0;

	*t = *plot->table;
	for (size_t i = 0; i < t->column_count; i++)
		if (strstr(sql, t->columns[i].name) != NULL)
			columns[count++] = t->columns[i].name;
	k = arena_alloc(p->arena, (t->constraint_count + 1) * sizeof(*k));
	memcpy(k, t->constraints, t->constraint_count * sizeof(*k));
	k[t->constraint_count++] = (struct catalog_constraint){ .name = "",
		.kind = 'c', .columns = columns, .column_count = count,
		.check_sql = sql };
	t->constraints = k;
	plot->table = t;
}

bool
proof_bounds(struct proof *p)
{
	PGresult *rows = proof_ask(p, bounds_sql);

	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		return proof_trouble(p, "the partitions cannot be read");
	for (int i = 0; i < PQntuples(rows); i++) {
		struct plot *plot = proof_plot(p, PQgetvalue(rows, i, 0),
		    PQgetvalue(rows, i, 1));

		if (plot != NULL && !PQgetisnull(rows, i, 2))
			add_bounds(p, plot, PQgetvalue(rows, i, 2));
	}
	return true;
}
