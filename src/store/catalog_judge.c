/* SPDX-License-Identifier: MIT */
/*
 * What expressions of a database say of values, by asking it: a CHECK is read
 * as its author meant it, whichever way it is written.  Each question is one
 * statement behind a savepoint of the snapshot, which is read only; what fails
 * is not known.
 */
#include "store/catalog.h"

#include <string.h>

static void
drop_answer(void *result)
{
	PQclear(result);
}

const char *
catalog_quoted(struct arena *arena, const char *name)
{
	char *text = arena_alloc(arena, 2 * strlen(name) + 3), *at = text;

	*at++ = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"')
			*at++ = '"';
		*at++ = *name;
	}
	*at++ = '"';
	*at = '\0';
	return text;
}

/* The role that may use the schemas of the most tables, or none. */
static size_t
best_role(const struct catalog *c)
{
	size_t best = c->role_count, most = 0;

	for (size_t role = 0; role < c->role_count; role++) {
		size_t count = 0;

		for (size_t i = 0; i < c->table_count; i++)
			count += c->tables[i].uses[role];
		if (!c->roles[role].there || c->roles[role].bypasses ||
		    count <= most)
			continue;
		best = role;
		most = count;
	}
	return best;
}

/*
 * Types and functions of an expression are in schemas that the login role may
 * not use: what is judged is judged as one of those whom it is for.
 */
static void
take_role(struct reading *r)
{
	size_t role = best_role(r->catalog);

	if (r->judging || role == r->catalog->role_count)
		return;
	r->judging = true;
	PQclear(PQexec(r->snapshot.connection, "savepoint role"));
	PQclear(PQexec(r->snapshot.connection, arena_format(r->arena, "set local role "
	    "%s", catalog_quoted(r->arena, r->catalog->roles[role].name))));
	PQclear(PQexec(r->snapshot.connection,
	    PQtransactionStatus(r->snapshot.connection) == PQTRANS_INERROR ?
	    "rollback to savepoint role" : "release savepoint role"));
}

/*
 * Runs it with one parameter; the rows, or NULL.  There are hundreds, so the
 * savepoint stays where it is: it is gone back to only after one that failed.
 */
static const PGresult *
question(struct reading *r, const char *sql, const char *param)
{
	const char *const params[] = { param };
	PGconn *connection = r->snapshot.connection;
	PGresult *result;

	take_role(r);
	if (!r->saved)
		PQclear(PQexec(connection, "savepoint question"));
	r->saved = true;
	result = PQexecParams(connection, sql, param != NULL, NULL, params,
	    NULL, NULL, 0);
	arena_defer(r->arena, drop_answer, result);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	PQclear(PQexec(connection, "rollback to savepoint question"));
	return NULL;
}

void
catalog_judge(const struct catalog *catalog, const struct catalog_probe *p,
    enum holds *ret)
{
	struct reading *r = catalog->reading;
	const char *sql = arena_format(r->arena, "select coalesce((%s), true) "
	    "from unnest($1::text[]) with ordinality v(t, n), lateral (select "
	    "v.t::%s as %s) x order by v.n", p->sql, p->type,
	    catalog_quoted(r->arena, p->column));
	const PGresult *rows = question(r, sql, store_array(r->arena,
	    p->values, p->count));

	for (size_t i = 0; i < p->count; i++) {
		ret[i] = HOLDS_UNKNOWN;
		if (rows != NULL && (int)i < PQntuples(rows))
			ret[i] = catalog_true(rows, (int)i, 0) ? HOLDS_YES :
			    HOLDS_NO;
	}
}

enum holds
catalog_judge_default(const struct catalog *catalog,
    const struct catalog_probe *p)
{
	struct reading *r = catalog->reading;
	const char *sql = arena_format(r->arena, "select to_jsonb((%s)::%s) "
	    "= $1::text::jsonb", p->sql, p->type);
	const PGresult *rows = question(r, sql, p->values[0]);

	if (rows == NULL || PQntuples(rows) != 1)
		return HOLDS_UNKNOWN;
	return catalog_true(rows, 0, 0) ? HOLDS_YES : HOLDS_NO;
}

const char *
catalog_value(const struct catalog *catalog, const char *sql, const char *type)
{
	struct reading *r = catalog->reading;
	const PGresult *rows = question(r, arena_format(r->arena,
	    "select to_jsonb((%s)::%s)", sql, type), NULL);

	return rows == NULL || PQntuples(rows) != 1 ? NULL :
	    catalog_text(rows, 0, 0);
}
