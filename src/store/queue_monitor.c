/* SPDX-License-Identifier: MIT */
/*
 * The monitor, as workers and people ask for it.  What is looked at, what is
 * well and since when is decided by the functions of migration 0031; here it is
 * asked and told.
 */
#include "store/talk.h"

#include <stdlib.h>
#include <string.h>

#include "store/snapshot.h"

enum { WIDTH_MAX = 48 };	/* characters of a cell */

static enum check_state
state_of(const char *word)
{
	if (strcmp(word, "healthy") == 0)
		return CHECK_HEALTHY;
	return strcmp(word, "unhealthy") == 0 ? CHECK_UNHEALTHY :
	    CHECK_UNKNOWN;
}

enum problem
queue_monitor(struct scope *sc, struct store *st, const char *declared,
    const char *marks, unsigned least_ms, const struct queue_check **ret,
    size_t *ret_count)
{
	const char *params[] = { declared, marks,
		talk_number(sc->arena, least_ms) };
	struct queue_check *checks;
	const PGresult *rows;
	enum problem p;
	size_t n;

	p = talk_ask(sc, st, "select name, subject, state, value from"
	    " lockstep.monitor_tick($1::jsonb, $2::jsonb, $3)",
	    countof(params), params, &rows);
	if (p != PROBLEM_NONE)
		return p;
	n = (size_t)PQntuples(rows);
	checks = arena_alloc(sc->arena, (n + 1) * sizeof(*checks));
	for (size_t i = 0; i < n; i++)
		checks[i] = (struct queue_check){
			PQgetvalue(rows, (int)i, 0),
			PQgetvalue(rows, (int)i, 1),
			state_of(PQgetvalue(rows, (int)i, 2)),
			strtod(PQgetvalue(rows, (int)i, 3), NULL) };
	*ret = checks;
	*ret_count = n;
	return PROBLEM_NONE;
}

enum problem
queue_conserve(struct scope *sc, struct store *st)
{
	const PGresult *rows;

	return talk_ask(sc, st, "select lockstep.monitor_conserve()", 0, NULL,
	    &rows);
}

/* ---- For people. ---- */

#define TOLD "select c ->> 'state' as state, c ->> 'name' as check,"           \
    " c ->> 'subject' as subject, coalesce(c ->> 'value', '-') as value,"      \
    " coalesce(c ->> 'threshold', '-') as threshold, c ->> 'unit' as unit,"    \
    " to_char((c ->> 'since')::timestamptz at time zone 'UTC',"                \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as since,"                             \
    " coalesce(c ->> 'message', '') as message"                                \
    " from lockstep.monitor() m, jsonb_array_elements(m.checks) c"
#define WHOLE "select row_to_json(m), m.state from lockstep.monitor() m"

static int
width_of(const PGresult *rows, int column)
{
	int width = (int)strlen(PQfname(rows, column));

	for (int row = 0; row < PQntuples(rows); row++)
		if (PQgetlength(rows, row, column) > width)
			width = PQgetlength(rows, row, column);
	return width < WIDTH_MAX ? width : WIDTH_MAX;
}

/* The last column, which says why, is as long as it is. */
static void
print_table(const PGresult *rows, FILE *out)
{
	int columns = PQnfields(rows);

	for (int row = -1; row < PQntuples(rows); row++)
		for (int i = 0; i < columns; i++) {
			const char *text = row < 0 ? PQfname(rows, i) :
			    PQgetvalue(rows, row, i);

			if (i == columns - 1)
				fprintf(out, "%s\n", text);
			else
				fprintf(out, "%-*.*s  ", width_of(rows, i),
				    WIDTH_MAX, text);
		}
}

int
queue_status(const char *database, bool json, FILE *out, FILE *err)
{
	struct arena *arena = arena_new();
	struct snapshot s = { .arena = arena };
	const PGresult *whole = NULL, *rows = NULL;
	enum check_state state = CHECK_UNKNOWN;
	struct buf fault;

	buf_init(&fault, 4096);
	s.fault = &fault;
	if (snapshot_open(&s, database, "lockstep status") &&
	    (whole = snapshot_ask(&s, WHOLE, NULL, 0)) != NULL)
		rows = json ? whole : snapshot_ask(&s, TOLD, NULL, 0);
	if (rows == NULL) {
		fprintf(err, "lockstep: %s\n", fault.length > 0 ? fault.at :
		    "the database did not answer");
	} else {
		state = state_of(PQgetvalue(whole, 0, 1));
		if (json)
			fprintf(out, "%s\n", PQgetvalue(whole, 0, 0));
		else
			print_table(rows, out);
	}
	buf_release(&fault);
	arena_free(arena);
	return (int)state;
}
