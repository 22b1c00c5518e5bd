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

static const char *
text_at(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL :
	    PQgetvalue(rows, row, column);
}

enum problem
rollup_names(struct scope *sc, struct store *st, bool building,
    const char *const **ret, size_t *ret_count)
{
	const PGresult *rows;
	const char **names;
	enum problem p;
	int count;

	p = talk_ask(sc, st, building ? "select name from lockstep.rollups"
	    " where state = 'building' order by name" :
	    "select name from lockstep.rollups order by name", 0, NULL, &rows);
	if (p != PROBLEM_NONE)
		return p;
	count = PQntuples(rows);
	names = arena_alloc(sc->arena, ((size_t)count + 1) * sizeof(*names));
	for (int i = 0; i < count; i++)
		names[i] = PQgetvalue(rows, i, 0);
	*ret = names;
	*ret_count = (size_t)count;
	return PROBLEM_NONE;
}

enum problem
rollup_fold(struct scope *sc, struct store *st, const char *name,
    unsigned most, const struct rollup_state **ret)
{
	const char *params[] = { name, talk_number(sc->arena, most) };
	struct rollup_state *state;
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select name, folded, lag_ms, unfolded,"
	    " state = 'building', mismatches, fault"
	    " from lockstep.fold_rollup($1, $2)", countof(params), params,
	    &rows);
	if (p != PROBLEM_NONE)
		return p;
	*ret = NULL;
	if (PQntuples(rows) == 0)
		return PROBLEM_NONE;
	*ret = state = arena_alloc(sc->arena, sizeof(*state));
	*state = (struct rollup_state){
		.name = PQgetvalue(rows, 0, 0),
		.folded = number_at(rows, 0, 1),
		.lag_ms = number_at(rows, 0, 2),
		.unfolded = number_at(rows, 0, 3),
		.building = true_at(rows, 0, 4),
		.mismatches = number_at(rows, 0, 5),
		.fault = text_at(rows, 0, 6) };
	return PROBLEM_NONE;
}

enum problem
rollup_fill(struct scope *sc, struct store *st, const char *name,
    unsigned most, bool *ret_more, const char **ret_fault)
{
	const char *params[] = { name, talk_number(sc->arena, most) };
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select more, fault"
	    " from lockstep.try_fill_rollup($1, $2)", countof(params), params,
	    &rows);
	if (p != PROBLEM_NONE)
		return p;
	*ret_more = true_at(rows, 0, 0);
	*ret_fault = text_at(rows, 0, 1);
	return PROBLEM_NONE;
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
