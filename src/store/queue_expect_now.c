/* SPDX-License-Identifier: MIT */
/*
 * Expectations looked at by hand: over a connection of its own, as the worker,
 * which becomes whom each names.  What is seen is written down as a worker
 * would, and printed a line each.
 */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

#include "contract/contract.h"

enum { CODE_WELL = 0, CODE_FAILED = 1, CODE_TROUBLE = 2 };

struct looking {
	struct arena *arena;
	PGconn *connection;
	FILE *out, *err;
	bool json;
};

static void
complain(struct looking *l)
{
	const char *words = PQerrorMessage(l->connection);

	fprintf(l->err, "lockstep: %.*s\n", (int)strcspn(words, "\n"), words);
}

static const PGresult *
ask(struct looking *l, const char *sql, const char *const *params, int count)
{
	return store_keep(l->arena, PQexecParams(l->connection, sql, count,
	    NULL, params, NULL, NULL, 0));
}

static bool
is_well(const PGresult *rows)
{
	return PQresultStatus(rows) == PGRES_TUPLES_OK ||
	    PQresultStatus(rows) == PGRES_COMMAND_OK;
}

/* As the role, in a transaction that changes nothing. */
static void
measure(struct looking *l, const struct expectation *e, const char **ret_value,
    const char **ret_cause)
{
	const char *scope[] = { e->role, arena_format(l->arena,
	    "{\"role\":\"%s\",\"sub\":\"expectation:%s\"}", e->role,
	    e->name) };
	const PGresult *rows = ask(l, "begin", NULL, 0);

	if (is_well(rows))
		rows = ask(l, "select pg_catalog.set_config('role', $1, true),"
		    " pg_catalog.set_config('request.jwt.claims', $2, true),"
		    " pg_catalog.set_config('statement_timeout', '15s', true)",
		    scope, countof(scope));
	if (is_well(rows))
		rows = ask(l, "select lockstep.expectation_value($1::jsonb)",
		    &e->definition, 1);
	if (!is_well(rows)) {
		const char *state = PQresultErrorField(rows,
		    PG_DIAG_SQLSTATE);

		*ret_cause = arena_format(l->arena, "SQLSTATE %s",
		    state == NULL ? "08006" : state);
	} else if (!PQgetisnull(rows, 0, 0)) {
		*ret_value = PQgetvalue(rows, 0, 0);
	}
	(void)ask(l, "rollback", NULL, 0);
}

static int
look(struct looking *l, const struct expectation *e)
{
	const char *keep[] = { e->name, e->definition, e->spec };
	const char *tell[] = { e->name, NULL, NULL };
	const PGresult *rows = ask(l, "select lockstep.expectation_keep($1,"
	    " $2::jsonb, $3, date_trunc('second', now()))", keep,
	    countof(keep));
	const char *state;

	if (is_well(rows)) {
		measure(l, e, &tell[1], &tell[2]);
		rows = ask(l, "select t.state, e.threshold from"
		    " lockstep.expectation_tell($1, $2::numeric, $3) t,"
		    " lockstep.expectations e where e.name = $1", tell,
		    countof(tell));
	}
	if (!is_well(rows) || PQntuples(rows) == 0) {
		complain(l);
		return CODE_TROUBLE;
	}
	state = PQgetvalue(rows, 0, 0);
	if (l->json)
		fprintf(l->out, "{\"name\":\"%s\",\"check\":\"%s\",\"state\":"
		    "\"%s\",\"value\":%s,\"threshold\":%s,\"cause\":%s%s%s}\n",
		    e->name, e->check, state, tell[1] == NULL ? "null" :
		    tell[1], PQgetvalue(rows, 0, 1),
		    tell[2] == NULL ? "null" : "\"",
		    tell[2] == NULL ? "" : tell[2], tell[2] == NULL ? "" :
		    "\"");
	else
		fprintf(l->out, "%-8s %-32s %-7s %s %s%s\n", state, e->name,
		    e->check, tell[1] == NULL ? "-" : tell[1],
		    PQgetvalue(rows, 0, 1), tell[2] == NULL ? "" :
		    arena_format(l->arena, " (%s)", tell[2]));
	return strcmp(state, "passed") == 0 ? CODE_WELL :
	    strcmp(state, "failed") == 0 ? CODE_FAILED : CODE_TROUBLE;
}

int
queue_expect_now(const char *database, const struct expectation *const *list,
    size_t count, bool json, FILE *out, FILE *err)
{
	struct looking l = { .arena = arena_new(), .out = out, .err = err,
		.json = json };
	int worst = CODE_WELL, code;

	l.connection = store_dial(l.arena, database, "lockstep expect");
	if (PQstatus(l.connection) != CONNECTION_OK) {
		complain(&l);
		worst = CODE_TROUBLE;
	}
	for (size_t i = 0; i < count && PQstatus(l.connection) ==
	     CONNECTION_OK; i++) {
		code = look(&l, list[i]);
		if (code > worst)
			worst = code;
	}
	arena_free(l.arena);
	return worst;
}
