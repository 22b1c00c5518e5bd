/* SPDX-License-Identifier: MIT */
/*
 * lockstep rollup: by a connection of its own, as whoever the connection string
 * names.  What takes long is done by ranges, a transaction each, so nobody
 * waits for it; what was done stays done when it is stopped.
 */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS "20000"	/* of the source, in a transaction */

enum { PAUSE_MS = 100 };	/* while a worker is at it */

struct desk_of {
	struct arena *arena;
	PGconn *connection;
	const struct rollup_wish *wish;
	FILE *out, *err;
};

static bool
open_desk(struct desk_of *d, const struct rollup_wish *wish, FILE *out,
    FILE *err)
{
	const char *words;

	*d = (struct desk_of){ .arena = arena_new(), .wish = wish, .out = out,
		.err = err };
	d->connection = store_dial(d->arena, wish->database,
	    "lockstep rollup");
	if (PQstatus(d->connection) == CONNECTION_OK)
		return true;
	words = PQerrorMessage(d->connection);
	fprintf(err, "lockstep: %.*s\n", (int)strcspn(words, "\n"), words);
	return false;
}

/* The rows, in the arena; NULL after a complaint. */
static const PGresult *
ask(struct desk_of *d, const char *sql, const char *const *params, int count)
{
	PGresult *rows = PQexecParams(d->connection, sql, count, NULL, params,
	    NULL, NULL, 0);
	const char *words;

	store_keep(d->arena, rows);
	if (PQresultStatus(rows) == PGRES_TUPLES_OK)
		return rows;
	words = PQerrorMessage(d->connection);
	fprintf(d->err, "lockstep: %.*s\n", (int)strcspn(words, "\n"), words);
	return NULL;
}

static const char *
text_at(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL :
	    PQgetvalue(rows, row, column);
}

/* 0 = there is one of the name, 2 after a complaint. */
static int
find(struct desk_of *d, const char **ret_state)
{
	const PGresult *rows = ask(d, "select state from lockstep.rollups"
	    " where name = $1", &d->wish->name, 1);

	if (rows == NULL)
		return 2;
	if (PQntuples(rows) == 0) {
		fprintf(d->err, "lockstep: the database has no rollup %s\n",
		    d->wish->name);
		return 2;
	}
	*ret_state = PQgetvalue(rows, 0, 0);
	return 0;
}

/* ---- list ---- */

static int
list(struct desk_of *d)
{
	const PGresult *rows = ask(d, d->wish->json ?
	    "select row_to_json(r) from lockstep.rollups_now() r" :
	    "select name, source, state, unfolded, lag_s, mismatches,"
	    " to_char(audited_at, 'YYYY-MM-DD\"T\"HH24:MI:SSOF'), fault,"
	    " fill_fault"
	    " from lockstep.rollups_now()", NULL, 0);

	if (rows == NULL)
		return 2;
	for (int i = 0; i < PQntuples(rows); i++) {
		if (d->wish->json) {
			fprintf(d->out, "%s\n", PQgetvalue(rows, i, 0));
			continue;
		}
		fprintf(d->out, "%s of %s: %s, %s unfolded, %s s behind, "
		    "%s mismatches, audited %s%s%s%s%s\n", PQgetvalue(rows, i, 0),
		    PQgetvalue(rows, i, 1), PQgetvalue(rows, i, 2),
		    PQgetvalue(rows, i, 3), PQgetvalue(rows, i, 4),
		    PQgetvalue(rows, i, 5), text_at(rows, i, 6) != NULL ?
		    PQgetvalue(rows, i, 6) : "never",
		    text_at(rows, i, 7) != NULL ? ", cannot be folded: " : "",
		    PQgetvalue(rows, i, 7), text_at(rows, i, 8) != NULL ?
		    ", cannot be filled: " : "", PQgetvalue(rows, i, 8));
	}
	return 0;
}

/* ---- backfill, rebuild ---- */

static int
backfill(struct desk_of *d)
{
	const char *params[] = { d->wish->name, ROWS }, *state;
	const PGresult *rows;
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	size_t ranges = 0;
	int status;

	while ((status = find(d, &state)) == 0 && strcmp(state, "building") ==
	    0) {
		rows = ask(d, "select lockstep.fill_rollup($1, $2)", params,
		    countof(params));
		if (rows == NULL)
			return 2;
		if (text_at(rows, 0, 0) != NULL)
			ranges++;
		else
			nanosleep(&pause, NULL);
	}
	if (status == 0)
		fprintf(d->out, "%s is ready; %zu ranges were counted\n",
		    d->wish->name, ranges);
	return status;
}

static int
rebuild(struct desk_of *d)
{
	const char *params[] = { d->wish->name, NULL, ROWS }, *state;
	const PGresult *rows;
	size_t ranges = 0;
	int status = find(d, &state);

	if (status != 0)
		return status;
	do {
		rows = ask(d, "select lockstep.rebuild_rollup($1, $2, $3)",
		    params, countof(params));
		if (rows == NULL)
			return 2;
		params[1] = text_at(rows, 0, 0);
		ranges++;
	} while (params[1] != NULL);
	fprintf(d->out, "%s was counted anew, in %zu ranges\n", d->wish->name,
	    ranges);
	return 0;
}

/* ---- audit ---- */

static bool
tell_found(struct desk_of *d, const char *found)
{
	const PGresult *rows;

	if (found == NULL)
		return true;
	if (d->wish->json) {
		rows = ask(d, "select f::text from jsonb_array_elements($1) f",
		    &found, 1);
		for (int i = 0; rows != NULL && i < PQntuples(rows); i++)
			fprintf(d->out, "%s\n", PQgetvalue(rows, i, 0));
		return rows != NULL;
	}
	rows = ask(d, "select f ->> 'bucket', f ->> 'key', m.name,"
	    " coalesce(f -> 'kept' ->> m.name, 'null'),"
	    " coalesce(f -> 'counted' ->> m.name, 'null')"
	    " from jsonb_array_elements($1) f, jsonb_object_keys("
	    "coalesce(nullif(f -> 'kept', 'null'), f -> 'counted')) m (name)"
	    " where (f -> 'kept' -> m.name) is distinct from"
	    " (f -> 'counted' -> m.name)", &found, 1);
	for (int i = 0; rows != NULL && i < PQntuples(rows); i++)
		fprintf(d->out, "%s %s: %s is %s, and %s when it is counted\n",
		    PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1),
		    PQgetvalue(rows, i, 2), PQgetvalue(rows, i, 3),
		    PQgetvalue(rows, i, 4));
	return rows != NULL;
}

/* One step: all of it by ranges, or buckets at random. */
static bool
audit_step(struct desk_of *d, const char **since, int64_t *buckets,
    int64_t *found)
{
	bool all = d->wish->buckets == 0;
	const char *params[] = { d->wish->name, all ? *since : ROWS, ROWS };
	const PGresult *rows;

	if (!all)
		params[1] = arena_format(d->arena, "%u", d->wish->buckets);
	rows = ask(d, all ? "select next, buckets, differing,"
	    " coalesce(jsonb_array_length(differing), 0)"
	    " from lockstep.audit_rollup($1, $2, $3)" :
	    "select null, buckets, differing, jsonb_array_length(differing)"
	    " from lockstep.audit_rollup_at_random($1, $2)", params,
	    all ? 3 : 2);
	if (rows == NULL)
		return false;
	*since = text_at(rows, 0, 0);
	*buckets += strtoll(PQgetvalue(rows, 0, 1), NULL, 10);
	*found += strtoll(PQgetvalue(rows, 0, 3), NULL, 10);
	return tell_found(d, text_at(rows, 0, 2));
}

static int
audit(struct desk_of *d)
{
	const char *since = NULL, *state;
	int64_t buckets = 0, found = 0;
	int status = find(d, &state);

	if (status != 0)
		return status;
	if (strcmp(state, "ready") != 0) {
		fprintf(d->err, "lockstep: %s is being filled; see lockstep "
		    "rollup backfill\n", d->wish->name);
		return 2;
	}
	do {
		if (!audit_step(d, &since, &buckets, &found))
			return 2;
	} while (since != NULL);
	if (!d->wish->json)
		fprintf(d->out, "%s: %lld of %lld buckets differ\n",
		    d->wish->name, (long long)found, (long long)buckets);
	return found > 0;
}

/* ---- The doors. ---- */

static int
run(int (*what)(struct desk_of *), const struct rollup_wish *wish, FILE *out,
    FILE *err)
{
	struct desk_of d;
	int status = open_desk(&d, wish, out, err) ? what(&d) : 2;

	arena_free(d.arena);
	return status;
}

int
rollup_list(const struct rollup_wish *wish, FILE *out, FILE *err)
{
	return run(list, wish, out, err);
}

int
rollup_backfill_now(const struct rollup_wish *wish, FILE *out, FILE *err)
{
	return run(backfill, wish, out, err);
}

int
rollup_rebuild_now(const struct rollup_wish *wish, FILE *out, FILE *err)
{
	return run(rebuild, wish, out, err);
}

int
rollup_audit_now(const struct rollup_wish *wish, FILE *out, FILE *err)
{
	return run(audit, wish, out, err);
}
