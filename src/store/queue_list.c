/* SPDX-License-Identifier: MIT */
/*
 * The queue as people look at it: by a connection of its own, which reads only,
 * as whoever the connection string names.  Nothing is printed that the role may
 * not read: a column that it may not see is an error of Postgres, told as such.
 */
#include "store/internal.h"

#include <string.h>

#include "store/snapshot.h"

enum { WIDTH_MAX = 40 };	/* characters of a cell */

/* Asks; NULL after the fault was printed. */
static const PGresult *
ask(struct arena *arena, const char *database, const char *sql,
    const char *const *params, int count, FILE *err)
{
	struct snapshot s = { .arena = arena };
	const PGresult *rows = NULL;
	struct buf fault;

	buf_init(&fault, 4096);
	s.fault = &fault;
	if (snapshot_open(&s, database, "lockstep jobs"))
		rows = snapshot_ask(&s, sql, params, count);
	if (rows == NULL)
		fprintf(err, "lockstep: %s\n", fault.length > 0 ? fault.at :
		    "the database did not answer");
	buf_release(&fault);
	return rows;
}

/* ---- Tables and JSON. ---- */

static int
width_of(const PGresult *rows, int column)
{
	int width = (int)strlen(PQfname(rows, column)), row;

	for (row = 0; row < PQntuples(rows); row++)
		if (PQgetlength(rows, row, column) > width)
			width = PQgetlength(rows, row, column);
	return width < WIDTH_MAX ? width : WIDTH_MAX;
}

static void
print_line(const PGresult *rows, int row, const int *width, FILE *out)
{
	int columns = PQnfields(rows), column;

	for (column = 0; column < columns; column++) {
		const char *text = row < 0 ? PQfname(rows, column) :
		    PQgetvalue(rows, row, column);

		if (column == columns - 1)
			fprintf(out, "%s\n", text);
		else
			fprintf(out, "%-*.*s  ", width[column], WIDTH_MAX,
			    text);
	}
}

static void
print_table(struct arena *arena, const PGresult *rows, FILE *out)
{
	int *width = arena_alloc(arena, (size_t)PQnfields(rows) *
	    sizeof(*width) + 1);
	int i;

	for (i = 0; i < PQnfields(rows); i++)
		width[i] = width_of(rows, i);
	for (i = -1; i < PQntuples(rows); i++)
		print_line(rows, i, width, out);
}

/* Rows of one column, which is JSON. */
static void
print_json(const PGresult *rows, FILE *out)
{
	int row;

	for (row = 0; row < PQntuples(rows); row++)
		fprintf(out, "%s\n", PQgetvalue(rows, row, 0));
}

/* ---- What is asked. ---- */

#define MOMENT(column) "to_char(" column " at time zone 'UTC',"                 \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

#define LISTED "select id, kind, state, attempt, reason,"                      \
    " " MOMENT("run_at") " as run_at,"                                         \
    " " MOMENT("updated_at") " as updated_at"                                  \
    " from lockstep.jobs where ($1::text is null or kind = $1)"                \
    " and ($2::text is null or state = $2)"                                    \
    " and ($3::text is null or reason = $3)"                                   \
    " and ($4::text[] is null or kind = any($4))"                              \
    " and ($5::text[] is null or finalized_at is null and kind <> all($5))"    \
    " order by id desc limit $6"

int
queue_list(const char *database, const struct queue_filter *filter, FILE *out,
    FILE *err)
{
	struct arena *arena = arena_new();
	const char *params[] = { filter->kind, filter->state, filter->reason,
		filter->kinds, filter->unknown_to,
		arena_format(arena, "%u", filter->limit) };
	const PGresult *rows = ask(arena, database, filter->json ?
	    "select row_to_json(l) from (" LISTED ") l" : LISTED, params,
	    countof(params), err);

	if (rows != NULL && filter->json)
		print_json(rows, out);
	else if (rows != NULL)
		print_table(arena, rows, out);
	arena_free(arena);
	return rows != NULL ? 0 : 2;
}

#define SCHEDULED "select name, spec, zone,"                                   \
    " " MOMENT("last_tick") " as last_tick,"                                   \
    " " MOMENT("next_tick") " as next_tick, runs, missed, last_job"            \
    " from lockstep.schedules order by schedules.next_tick, name"

int
queue_schedule_list(const char *database, bool json, FILE *out, FILE *err)
{
	struct arena *arena = arena_new();
	const PGresult *rows = ask(arena, database, json ?
	    "select row_to_json(l) from (" SCHEDULED ") l" : SCHEDULED, NULL,
	    0, err);

	if (rows != NULL && json)
		print_json(rows, out);
	else if (rows != NULL)
		print_table(arena, rows, out);
	arena_free(arena);
	return rows != NULL ? 0 : 2;
}

int
queue_show(const char *database, const char *id, FILE *out, FILE *err)
{
	struct arena *arena = arena_new();
	const PGresult *rows = ask(arena, database,
	    "select jsonb_pretty(to_jsonb(j)) from lockstep.jobs j"
	    " where id = $1", &id, 1, err);
	int status = 2;

	if (rows != NULL) {
		print_json(rows, out);
		status = PQntuples(rows) == 1 ? 0 : 1;
		if (status == 1)
			fprintf(err, "lockstep: there is no job %s\n", id);
	}
	arena_free(arena);
	return status;
}

#define CONSERVED "select * from lockstep.job_conservation()"

int
queue_conservation(const char *database, bool json, FILE *out, FILE *err)
{
	struct arena *arena = arena_new();
	const PGresult *rows = ask(arena, database, json ?
	    "select row_to_json(c), c.error from (" CONSERVED ") c" :
	    CONSERVED, NULL, 0, err);
	int status = 2;

	if (rows != NULL) {
		if (json)
			print_json(rows, out);
		else
			print_table(arena, rows, out);
		status = strcmp(PQgetvalue(rows, 0, PQnfields(rows) - 1),
		    "0") != 0;
	}
	arena_free(arena);
	return status;
}
