/* SPDX-License-Identifier: MIT */
/*
 * A view has no rows of its own.  Those of the tenants are found in it by a
 * column that has the name and type of one that tells the rows of a table
 * apart, or whose they are.  A materialized view is made anew first, within
 * the same transaction.
 */
#include "store/prove.h"

#include <string.h>

/*
 * The row as the table has it: for a view that the maker may not read.  Whoever
 * may is tried with it, and what is not found is not known.
 */
static const char *const *
assumed_row(struct proof *p, const struct plot *view, const struct plot *from,
    const char *const *row)
{
	const struct catalog_table *t = view->table;
	const char **values = arena_alloc(p->arena,
	    (t->column_count + 1) * sizeof(*values));

	for (size_t i = 0; i < t->column_count; i++) {
		size_t n = proof_column(from->table, t->columns[i].name);

		if (n < from->table->column_count)
			values[i] = row[n];
	}
	return values;
}

static const char *const *
row_of(struct proof *p, const struct plot *view, size_t column,
    const char *value)
{
	const struct catalog_table *t = view->table;
	const char **values = arena_alloc(p->arena,
	    (t->column_count + 1) * sizeof(*values));
	PGresult *result;

	values[column] = value;
	proof_do(p, "savepoint view");
	result = proof_ask(p, arena_format(p->arena, "select * from %s where "
	    "%s limit 1", view->sql, proof_where(p, view, values, &column,
	    1)));
	proof_do(p, "rollback to savepoint view; release savepoint view");
	if (PQresultStatus(result) != PGRES_TUPLES_OK ||
	    PQntuples(result) != 1 ||
	    (size_t)PQnfields(result) != t->column_count)
		return NULL;
	for (size_t i = 0; i < t->column_count; i++)
		values[i] = PQgetisnull(result, 0, (int)i) ? NULL :
		    PQgetvalue(result, 0, (int)i);
	return values;
}

static bool
may_read(struct proof *p, const struct plot *view)
{
	PGresult *result = proof_ask(p, arena_format(p->arena, "select "
	    "pg_catalog.has_table_privilege(%s, 'select')", proof_literal(p,
	    view->sql)));

	return PQresultStatus(result) == PGRES_TUPLES_OK &&
	    PQgetvalue(result, 0, 0)[0] == 't';
}

/* Are both tenants' rows there, by that column of a table? */
static bool
find_by(struct proof *p, size_t view, size_t from, size_t column)
{
	struct plot *plot = &p->plots[view];
	const struct catalog_table *t = p->plots[from].table;
	size_t n = proof_column(plot->table, t->columns[column].name);
	const char *const *rows[TENANTS];
	bool assumed = !may_read(p, plot);
	size_t *key;

	if (n == plot->table->column_count ||
	    strcmp(plot->table->columns[n].base, t->columns[column].base) != 0)
		return false;
	for (size_t i = 0; i < TENANTS; i++) {
		const struct made *made = &p->tenants[i].rows[from];

		rows[i] = made->state != MADE_ROW ||
		    made->values[column] == NULL ? NULL :
		    assumed ? assumed_row(p, plot, &p->plots[from],
			made->values) :
		    row_of(p, plot, n, made->values[column]);
		if (rows[i] == NULL)
			return false;
	}
	for (size_t i = 0; i < TENANTS; i++)
		p->tenants[i].rows[view] = (struct made){ .state = MADE_ROW,
			.values = rows[i], .assumed = assumed };
	key = arena_alloc(p->arena, sizeof(*key));
	*key = n;
	plot->key = key;
	plot->key_count = 1;
	return true;
}

/* Whose a row is, is said by the same columns as in the table. */
static void
tie_as(struct proof *p, struct plot *view, const struct plot *from)
{
	for (size_t i = 0; i < from->table->column_count; i++) {
		size_t n = proof_column(view->table,
		    from->table->columns[i].name);

		if (!from->tied[i] || n == view->table->column_count ||
		    view->tied[n])
			continue;
		view->tied[n] = true;
		view->tied_count++;
	}
	/* Its rows are somebody's though it does not tell whose. */
	if (from->tied_count > 0 && view->tied_count == 0) {
		view->tied[view->key[0]] = true;
		view->tied_count = 1;
	}
	(void)p;
}

static bool
find_in(struct proof *p, size_t view, size_t from)
{
	const struct plot *plot = &p->plots[from];

	if (plot->table->kind != 'r' && plot->table->kind != 'p')
		return false;
	for (size_t i = 0; i < plot->key_count; i++)
		if (find_by(p, view, from, plot->key[i]))
			return true;
	for (size_t i = 0; i < plot->table->column_count; i++)
		if (plot->tied[i] && find_by(p, view, from, i))
			return true;
	return false;
}

/* A column of a key may have a name that all keys have: ask by likeness. */
static size_t
likeness(const struct catalog_table *view, const struct catalog_table *t)
{
	size_t count = 0;

	for (size_t i = 0; i < t->column_count; i++)
		count += proof_column(view, t->columns[i].name) <
		    view->column_count;
	return count;
}

void
proof_view(struct proof *p, size_t view)
{
	const struct catalog_table *t = p->plots[view].table;

	if (t->kind == 'm') {
		proof_do(p, "savepoint fresh");
		if (!proof_do(p, arena_format(p->arena, "refresh materialized "
		    "view %s", p->plots[view].sql)))
			proof_do(p, "rollback to savepoint fresh");
		proof_do(p, "release savepoint fresh");
	}
	for (size_t like = t->column_count; like > 0; like--)
		for (size_t i = 0; i < p->plot_count; i++)
			if (likeness(t, p->plots[i].table) == like &&
			    find_in(p, view, i)) {
				tie_as(p, &p->plots[view], &p->plots[i]);
				return;
			}
	for (size_t i = 0; i < TENANTS; i++)
		p->tenants[i].rows[view] = (struct made){
			.state = MADE_FAILED, .why = t->kind == 'f' ?
			    "what is done to a foreign table is not undone" :
			    "the tenants' rows are not found in it by a key "
			    "or owner's column of a table" };
}
