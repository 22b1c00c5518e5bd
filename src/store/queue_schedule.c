/* SPDX-License-Identifier: MIT */
/*
 * Schedules and counts, as a worker's keeper asks for them.  Times cross as
 * seconds since 1970, so that neither side reads the other's dates.  Who makes
 * the run of a tick is decided by lockstep.schedule_tick().
 */
#include "store/talk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	COUNTED_MOST = 20000,	/* of a kind, one by one */
	ARRAY_MAX = 1 << 20,	/* bytes of a parameter */
};

static int64_t
number_at(const PGresult *rows, int row, int column)
{
	return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

/* ---- Schedules. ---- */

static const char *
names_text(struct arena *arena, const struct queue_schedule *s, size_t count)
{
	struct buf b;
	const char *ret;
	size_t i;

	buf_init(&b, ARRAY_MAX);
	buf_char(&b, '{');
	for (i = 0; i < count; i++)
		buf_format(&b, "%s\"%s\"", i == 0 ? "" : ",",
		    s[i].kind->name);
	buf_char(&b, '}');
	ret = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return ret;
}

static void
read_schedule(const PGresult *rows, int row, struct queue_schedule *s)
{
	const struct schedule *said = s->kind->schedule;

	s->there = true;
	s->same = strcmp(PQgetvalue(rows, row, 2), said->text) == 0 &&
	    strcmp(PQgetvalue(rows, row, 3), said->zone) == 0;
	s->next_s = number_at(rows, row, 4);
}

enum problem
queue_schedules(struct scope *sc, struct store *st,
    struct queue_schedule *schedules, size_t count, bool clear,
    int64_t *ret_now_us)
{
	const char *names = names_text(sc->arena, schedules, count);
	const PGresult *rows;
	enum problem p;

	if (clear && (p = talk_ask(sc, st, "delete from lockstep.schedules"
	    " where name <> all($1::text[])"
	    " and next_tick < now() - interval '1 day'", 1, &names, &rows)) !=
	    PROBLEM_NONE)
		return p;
	/* A row for the time is there when there is no schedule yet. */
	p = talk_ask(sc, st, "select (extract(epoch from clock_timestamp())"
	    " * 1000000)::bigint, s.name, s.spec, s.zone,"
	    " extract(epoch from s.next_tick)::bigint"
	    " from (select) now left join lockstep.schedules s"
	    " on s.name = any($1::text[])", 1, &names, &rows);
	if (p != PROBLEM_NONE)
		return p;
	for (size_t i = 0; i < count; i++) {
		schedules[i].there = false;
		for (int row = 0; row < PQntuples(rows); row++)
			if (strcmp(PQgetvalue(rows, row, 1),
			    schedules[i].kind->name) == 0)
				read_schedule(rows, row, &schedules[i]);
	}
	*ret_now_us = number_at(rows, 0, 0);
	return PROBLEM_NONE;
}

enum problem
queue_schedule_keep(struct scope *sc, struct store *st,
    const struct job_kind *kind, int64_t next_s)
{
	const char *params[] = { kind->name, kind->schedule->text,
		kind->schedule->zone, talk_number(sc->arena, next_s) };
	const PGresult *rows;

	return talk_ask(sc, st, "select lockstep.schedule_keep($1, $2, $3,"
	    " to_timestamp($4::bigint))", countof(params), params, &rows);
}

enum problem
queue_tick(struct scope *sc, struct store *st, const struct queue_tick *t,
    int64_t *ret_job)
{
	struct arena *arena = sc->arena;
	const char *params[] = { t->kind->name, talk_number(arena, t->due_s),
		t->tick_s == QUEUE_NONE ? NULL : talk_number(arena, t->tick_s),
		talk_number(arena, t->following_s),
		talk_number(arena, t->missed), t->kind->schedule->args,
		t->kind->role };
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select lockstep.schedule_tick($1,"
	    " to_timestamp($2::bigint), to_timestamp($3::bigint),"
	    " to_timestamp($4::bigint), $5, $6, $7)", countof(params), params,
	    &rows);
	if (p != PROBLEM_NONE)
		return p;
	*ret_job = PQgetisnull(rows, 0, 0) ? -1 : number_at(rows, 0, 0);
	return PROBLEM_NONE;
}

/* ---- Counts. ---- */

enum problem
queue_count(struct scope *sc, struct store *st, const struct queue_count **ret,
    size_t *ret_count)
{
	const char *most = talk_number(sc->arena, COUNTED_MOST);
	struct queue_count *counts;
	const PGresult *rows;
	enum problem p;
	size_t count;

	p = talk_ask(sc, st, "select kind, state, n,"
	    " coalesce(ceil(extract(epoch from clock_timestamp() - oldest)), 0)"
	    "::bigint"
	    " from lockstep.job_count($1)", 1, &most, &rows);
	if (p != PROBLEM_NONE)
		return p;
	count = (size_t)PQntuples(rows);
	counts = arena_alloc(sc->arena, (count + 1) * sizeof(*counts));
	for (size_t i = 0; i < count; i++)
		counts[i] = (struct queue_count){
			PQgetvalue(rows, (int)i, 0),
			PQgetvalue(rows, (int)i, 1),
			number_at(rows, (int)i, 2),
			number_at(rows, (int)i, 3) };
	*ret = counts;
	*ret_count = count;
	return PROBLEM_NONE;
}
