/* SPDX-License-Identifier: MIT */
/*
 * Partitioned tables, as a worker's chore asks for them.  What is done, and that
 * one worker does it, is decided by lockstep.partition_tend(), as the owner of
 * the tables; the worker says neither of which nor of when.
 */
#include "store/talk.h"

#include <stdlib.h>

static const char *
text_at(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL :
	    PQgetvalue(rows, row, column);
}

static const struct queue_part_news *
read_news(struct arena *arena, const PGresult *rows, size_t *ret_count)
{
	size_t count = (size_t)PQntuples(rows);
	struct queue_part_news *news = arena_alloc(arena,
	    (count + 1) * sizeof(*news));

	for (int i = 0; i < (int)count; i++)
		news[i] = (struct queue_part_news){ PQgetvalue(rows, i, 0),
			text_at(rows, i, 1), text_at(rows, i, 2) };
	*ret_count = count;
	return news;
}

static const struct queue_part_state *
read_states(struct arena *arena, const PGresult *rows, size_t *ret_count)
{
	size_t count = (size_t)PQntuples(rows);
	struct queue_part_state *states = arena_alloc(arena,
	    (count + 1) * sizeof(*states));

	for (int i = 0; i < (int)count; i++)
		states[i] = (struct queue_part_state){ PQgetvalue(rows, i, 0),
			strtoll(PQgetvalue(rows, i, 1), NULL, 10),
			PQgetvalue(rows, i, 2)[0] == 't' };
	*ret_count = count;
	return states;
}

enum problem
queue_partition(struct scope *sc, struct store *st,
    const struct queue_part_news **ret_news, size_t *ret_news_count,
    const struct queue_part_state **ret_states, size_t *ret_state_count)
{
	struct talk talk;
	const char *cause;
	size_t news, states;
	enum problem p;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	talk_begin(&talk, sc, st);
	news = talk_say(&talk, "select relation, done, reason"
	    " from lockstep.partition_tend()", 0, NULL);
	states = talk_say(&talk, "select relation,"
	    " extract(epoch from made_until - clock_timestamp())::bigint,"
	    " failed_at is not null from lockstep.partitions", 0, NULL);
	cause = talk_end(&talk, talk_deadline());
	if (cause != NULL)
		return talk_refuse(sc, st, cause);
	*ret_news = read_news(sc->arena, talk.result[news], ret_news_count);
	*ret_states = read_states(sc->arena, talk.result[states],
	    ret_state_count);
	return PROBLEM_NONE;
}
