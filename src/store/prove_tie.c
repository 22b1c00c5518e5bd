/* SPDX-License-Identifier: MIT */
/*
 * Whose a row is, is said by the columns that policies hold against the
 * caller, whatever else they let through; by those that are filled with the
 * caller; in a table that has none of these, by foreign keys to tables that
 * have; and at last by what owners' columns are usually called.  The names of
 * the first are taken from whole expressions as Postgres keeps them, so a hole
 * in one policy does not hide what the others say.
 */
#include "store/prove.h"

#include <string.h>

#include "store/lint.h"

static const char equals_sql[] =
    "select ' ' || string_agg(oid::text, ' ') || ' ' "
    "from pg_catalog.pg_operator where oprname = '='";

static const char trees_sql[] =
    "select oid, polqual::text from pg_catalog.pg_policy "
    "where polqual is not null union all "
    "select oid, polwithcheck::text from pg_catalog.pg_policy "
    "where polwithcheck is not null";

static const char columns_sql[] =
    "select distinct n.nspname, c.relname, a.attname, p.polname "
    "from jsonb_to_recordset($1::jsonb) x (\"of\" oid, compared int[]) "
    "join pg_catalog.pg_policy p on p.oid = x.of "
    "join pg_catalog.pg_class c on c.oid = p.polrelid "
    "join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "join pg_catalog.pg_attribute a on a.attrelid = c.oid "
    "and a.attnum = any (x.compared)";

/* What policies for the contract's own roles say weighs most. */
enum { WEIGHT_OURS = 100 };

static void
tie(struct plot *plot, size_t column, unsigned weight)
{
	if (column == plot->table->column_count)
		return;
	plot->weight[column] += weight;
	plot->tied_count += !plot->tied[column];
	plot->tied[column] = true;
}

static unsigned
weight_of(const struct proof *p, const struct catalog_table *t,
    const char *policy)
{
	for (size_t i = 0; i < t->policy_count; i++)
		for (size_t n = 0; n < p->catalog->role_count; n++)
			if (t->policies[i].applies[n] &&
			    strcmp(t->policies[i].name, policy) == 0)
				return WEIGHT_OURS;
	return 1;
}

static PGresult *
ask_columns(struct proof *p, const char *facts)
{
	const char *const params[] = { facts };

	return store_keep(p->arena, PQexecParams(p->connection, columns_sql, 1,
	    NULL, params, NULL, NULL, 0));
}

static bool
tie_policies(struct proof *p)
{
	PGresult *equals = proof_ask(p, equals_sql);
	PGresult *trees = proof_ask(p, trees_sql), *rows;
	struct buf facts;

	if (PQresultStatus(equals) != PGRES_TUPLES_OK ||
	    PQresultStatus(trees) != PGRES_TUPLES_OK)
		return false;
	buf_init(&facts, SIZE_MAX / 8);
	buf_char(&facts, '[');
	for (int i = 0; i < PQntuples(trees); i++) {
		buf_string(&facts, i > 0 ? "," : "");
		lint_tree(p->arena, PQgetvalue(trees, i, 0), "using",
		    PQgetvalue(trees, i, 1), PQgetvalue(equals, 0, 0), &facts);
	}
	buf_char(&facts, ']');
	rows = ask_columns(p, facts.at);
	buf_release(&facts);
	for (int i = 0; i < PQntuples(rows); i++) {
		struct plot *plot = proof_plot(p, PQgetvalue(rows, i, 0),
		    PQgetvalue(rows, i, 1));

		if (plot != NULL)
			tie(plot, proof_column(plot->table,
			    PQgetvalue(rows, i, 2)), weight_of(p, plot->table,
			    PQgetvalue(rows, i, 3)));
	}
	return PQresultStatus(rows) == PGRES_TUPLES_OK;
}

/* Is a column filled with something of the caller's? */
static bool
takes_caller(const struct catalog_column *c)
{
	static const char *const words[] = { "auth.uid()", "auth.jwt()",
		"current_setting(" };

	for (size_t i = 0; c->fallback != NULL && i < countof(words); i++)
		if (strstr(c->fallback, words[i]) != NULL)
			return true;
	return false;
}

static void
tie_defaults(struct plot *plot)
{
	for (size_t i = 0; i < plot->table->column_count; i++)
		if (takes_caller(&plot->table->columns[i]))
			tie(plot, i, 1);
}

/* By foreign keys, those of a table without other ties; true = one was. */
static bool
tie_keys(struct proof *p, struct plot *plot)
{
	const struct catalog_table *t = plot->table;
	bool before = plot->tied_count > 0;

	for (size_t i = 0; !before && i < t->constraint_count; i++) {
		const struct catalog_constraint *k = &t->constraints[i];
		const struct plot *to = k->kind != 'f' ? NULL :
		    proof_plot(p, k->schema, k->table);

		if (to == NULL || to == plot || to->tied_count == 0)
			continue;
		for (size_t n = 0; n < k->column_count; n++)
			tie(plot, proof_column(t, k->columns[n]), 1);
	}
	return !before && plot->tied_count > 0;
}

/* A table of which nothing else says it: by names that are told as much. */
static void
tie_names(struct plot *plot)
{
	static const char *const names[] = { "owner_id", "owner", "user_id",
		"account_id", "tenant_id", "org_id", "organization_id",
		"organisation_id", "team_id", "customer_id", "author_id",
		"profile_id", "member_id", "created_by" };

	for (size_t i = 0; i < countof(names) && plot->tied_count == 0; i++)
		tie(plot, proof_column(plot->table, names[i]), 1);
}

/* Until nothing is added: what leads to such a table is one. */
static void
tie_rest(struct proof *p)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < p->plot_count; i++)
			more = tie_keys(p, &p->plots[i]) || more;
	}
}

bool
proof_tie(struct proof *p)
{
	if (!tie_policies(p)) {
		buf_format(p->fault, "the policies cannot be read: %s",
		    PQerrorMessage(p->connection));
		return false;
	}
	for (size_t i = 0; i < p->plot_count; i++)
		tie_defaults(&p->plots[i]);
	tie_rest(p);
	for (size_t i = 0; i < p->plot_count; i++)
		tie_names(&p->plots[i]);
	tie_rest(p);
	return true;
}
