/* SPDX-License-Identifier: MIT */
/*
 * Rollups as a worker tends them: each call is a transaction of its own and
 * says nothing that another process may not say at the same time; the functions
 * of the database hold the lock of a rollup, or pass it by.
 */
#include "store/talk.h"

#include <stdlib.h>
#include <string.h>

static int64_t
number_at(const PGresult *rows, int row, int column)
{
	return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

static bool
true_at(const PGresult *rows, int row, int column)
{
	return PQgetvalue(rows, row, column)[0] == 't';
}

enum problem
rollup_fold(struct scope *sc, struct store *st, unsigned most,
    const struct rollup_state **ret, size_t *ret_count)
{
	const char *param = talk_number(sc->arena, most);
	struct rollup_state *all;
	const PGresult *rows;
	enum problem p;
	int row;

	p = talk_ask(sc, st, "select name, folded, lag_ms, unfolded,"
	    " state = 'building', mismatches, fault"
	    " from lockstep.fold_rollups($1)", 1, &param, &rows);
	if (p != PROBLEM_NONE)
		return p;
	all = arena_alloc(sc->arena, ((size_t)PQntuples(rows) + 1) *
	    sizeof(*all));
	for (row = 0; row < PQntuples(rows); row++)
		all[row] = (struct rollup_state){
			.name = PQgetvalue(rows, row, 0),
			.folded = number_at(rows, row, 1),
			.lag_ms = number_at(rows, row, 2),
			.unfolded = number_at(rows, row, 3),
			.building = true_at(rows, row, 4),
			.mismatches = number_at(rows, row, 5),
			.fault = PQgetisnull(rows, row, 6) ? NULL :
			    PQgetvalue(rows, row, 6) };
	*ret = all;
	*ret_count = (size_t)row;
	return PROBLEM_NONE;
}

enum problem
rollup_fill(struct scope *sc, struct store *st, unsigned most, bool *ret_more)
{
	const char *param = talk_number(sc->arena, most);
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select lockstep.fill_rollups($1)", 1, &param,
	    &rows);
	if (p == PROBLEM_NONE)
		*ret_more = true_at(rows, 0, 0);
	return p;
}

enum problem
rollup_audit(struct scope *sc, struct store *st, unsigned every_s,
    unsigned buckets, const char **ret_name, int64_t *ret_buckets,
    int64_t *ret_mismatches)
{
	const char *params[] = { talk_number(sc->arena, every_s),
		talk_number(sc->arena, buckets) };
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select name, buckets, mismatches"
	    " from lockstep.audit_rollups($1, $2)", countof(params), params,
	    &rows);
	if (p != PROBLEM_NONE)
		return p;
	*ret_name = NULL;
	if (PQntuples(rows) == 0)
		return PROBLEM_NONE;
	*ret_name = PQgetvalue(rows, 0, 0);
	*ret_buckets = number_at(rows, 0, 1);
	*ret_mismatches = number_at(rows, 0, 2);
	return PROBLEM_NONE;
}
