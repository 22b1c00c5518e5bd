/* SPDX-License-Identifier: MIT */
/*
 * The breakers of the services that jobs call: rows that all workers share, kept
 * by the functions of migrations 0013 and 0034.  Whether a destination may be called is
 * asked where the job is held, in queue.c; here is what is told of it and what
 * follows.  None of it is fenced: it concerns no job's effects.
 */
#include "store/talk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { DEFER_MOST = 1000, RECOVER_MOST = 1000 };

static bool
is_true(const PGresult *rows, int column)
{
	return PQgetvalue(rows, 0, column)[0] == 't';
}

enum problem
queue_tell(struct scope *sc, struct store *st, const struct queue_news *news,
    struct queue_verdict *ret)
{
	struct arena *arena = sc->arena;
	const char *params[] = { news->destination,
		talk_number(arena, news->token), talk_number(arena, news->well),
		talk_number(arena, news->ill), talk_number(arena, news->open_ms),
		talk_number(arena, news->open_max_ms),
		news->recovers ? "true" : "false" };
	const PGresult *rows;
	const char *cause;
	struct talk talk;
	enum problem p;
	size_t told;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	talk_begin(&talk, sc, st);
	told = talk_phrase(&talk, PHRASE_TELL, countof(params), params);
	if ((cause = talk_end(&talk, talk_deadline())) != NULL)
		return talk_refuse(sc, st, cause);
	rows = talk.result[told];
	*ret = (struct queue_verdict){ .opened = is_true(rows, 0),
		.closed = is_true(rows, 1),
		.wait_ms = strtoll(PQgetvalue(rows, 0, 2), NULL, 10),
		.since = PQgetisnull(rows, 0, 3) ? NULL :
		PQgetvalue(rows, 0, 3) };
	return PROBLEM_NONE;
}

enum problem
queue_defer(struct scope *sc, struct store *st, const char *const *kinds,
    size_t count, int64_t delay_ms, uint64_t *ret)
{
	const char *params[] = { store_array(sc->arena, kinds, count),
		talk_number(sc->arena, delay_ms),
		talk_number(sc->arena, DEFER_MOST) };

	return talk_count(sc, st, "select lockstep.job_defer($1, $2, $3)",
	    countof(params), params, ret);
}

enum problem
queue_recover(struct scope *sc, struct store *st, const char *destination,
    const char *const *kinds, size_t count, uint64_t *ret_revived,
    bool *ret_more)
{
	const char *params[] = { destination,
		store_array(sc->arena, kinds, count),
		talk_number(sc->arena, RECOVER_MOST) };
	const PGresult *rows;
	enum problem p = talk_ask(sc, st, "select revived, more from"
	    " lockstep.breaker_recover($1, $2::text[], $3)", countof(params),
	    params, &rows);

	if (p != PROBLEM_NONE)
		return p;
	*ret_revived = strtoull(PQgetvalue(rows, 0, 0), NULL, 10);
	*ret_more = is_true(rows, 1);
	return PROBLEM_NONE;
}

enum problem
queue_probe(struct scope *sc, struct store *st, const char *destination,
    const char *const *kinds, size_t count, uint64_t *ret)
{
	const char *params[] = { destination,
		store_array(sc->arena, kinds, count) };

	return talk_count(sc, st, "select lockstep.job_probe($1, $2::text[])",
	    countof(params), params, ret);
}

static struct queue_breaker
breaker_at(const PGresult *rows, int row)
{
	const char *state = PQgetvalue(rows, row, 1);

	return (struct queue_breaker){
		.state = strcmp(state, "open") == 0 ? 2 :
		    strcmp(state, "half_open") == 0 ? 1 : 0,
		.recovers = PQgetvalue(rows, row, 2)[0] == 't',
	};
}

enum problem
queue_breakers(struct scope *sc, struct store *st,
    const char *const *destinations, size_t count, struct queue_breaker *ret)
{
	const char *param = store_array(sc->arena, destinations, count);
	const PGresult *rows;
	const char *cause;
	struct talk talk;
	enum problem p;
	size_t said;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	talk_begin(&talk, sc, st);
	said = talk_say(&talk, "select destination, state, recover_since is"
	    " not null from lockstep.breakers where destination = any($1)", 1, &param);
	if ((cause = talk_end(&talk, talk_deadline())) != NULL)
		return talk_refuse(sc, st, cause);
	memset(ret, 0, count * sizeof(*ret));
	rows = talk.result[said];
	for (int row = 0; row < PQntuples(rows); row++)
		for (size_t i = 0; i < count; i++)
			if (strcmp(destinations[i], PQgetvalue(rows, row,
			    0)) == 0)
				ret[i] = breaker_at(rows, row);
	return PROBLEM_NONE;
}
