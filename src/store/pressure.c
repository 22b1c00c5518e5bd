/* SPDX-License-Identifier: MIT */
/*
 * How far workers are behind, by one statement whose cost has a bound: of each
 * kind the oldest job, by its index, and a count that ends at a mark.
 */
#include "store/internal.h"

#include <stdlib.h>

#include "base/clock.h"

static enum problem
ask(struct scope *sc, struct store *st, const char *const params[3],
    const PGresult **ret)
{
	static const char sql[] = "select age_ms, depth from "
	    "pg_catalog.unnest($1::text[]) with ordinality u (name, n) "
	    "left join lockstep.pressure($1, $2, $3) p on p.queue = u.name "
	    "order by n";
	struct exchange ex = { .count = 0 };

	if (!exchange_note(&ex, STEP_RUN, PQsendQueryParams(st->connection,
	    sql, 3, NULL, params, NULL, NULL, 0))) {
		store_discard(st);
		return store_unavailable(sc, "nothing could be sent");
	}
	if (exchange_finish(sc, st, sc->deadline_ns, &ex) != ENDING_SYNC)
		return store_unavailable(sc, "the connection was lost");
	*ret = ex.result[STEP_RUN];
	if (ex.error != NULL || *ret == NULL)
		return scope_fail(sc, PROBLEM_INTERNAL, "SQLSTATE %s",
		    ex.error == NULL ? "none" : PQresultErrorField(ex.error,
		    PG_DIAG_SQLSTATE));
	return PROBLEM_NONE;
}

enum problem
store_pressure(struct scope *sc, struct store *st, const char *const *queues,
    const char *const *kinds, size_t count, unsigned most,
    struct store_backlog *ret)
{
	const char *const params[] = { store_array(sc->arena, queues, count),
		store_array(sc->arena, kinds, count),
		arena_format(sc->arena, "%u", most) };
	const PGresult *rows = NULL;
	enum problem p;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE ||
	    (p = ask(sc, st, params, &rows)) != PROBLEM_NONE)
		return p;
	for (size_t i = 0; i < count && i < (size_t)PQntuples(rows); i++) {
		ret[i].age_ms = strtoull(PQgetvalue(rows, (int)i, 0), NULL,
		    10);
		ret[i].depth = strtoull(PQgetvalue(rows, (int)i, 1), NULL,
		    10);
	}
	return PROBLEM_NONE;
}
