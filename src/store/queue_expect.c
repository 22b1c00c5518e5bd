/* SPDX-License-Identifier: MIT */
/*
 * Expectations: what the contract says of them is kept, a look is taken on,
 * measured as the role, and told, by the functions of migration 0030.  The
 * measuring is a transaction of its own within the statement timeout; that it
 * fails is an answer, too.
 */
#include "store/talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "contract/contract.h"

enum {
	EXPECT_MS = 15000,	/* for a look at the data */
	GRACE_MS = 2000,	/* for the end of one that took longer */
};

static int64_t
number_at(const PGresult *rows, int row, int column)
{
	return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

/* The texts as an array of Postgres. */
static const char *
array_of(struct arena *arena, const struct expectation *e, size_t count,
    const char *(*text)(const struct expectation *e))
{
	const char **list = arena_alloc(arena, (count + 1) * sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = text(&e[i]);
	return store_array(arena, list, count);
}

static const char *
name_of(const struct expectation *e)
{
	return e->name;
}

static const char *
definition_of(const struct expectation *e)
{
	return e->definition;
}

static const char *
spec_of(const struct expectation *e)
{
	return e->spec;
}

enum problem
queue_expectations(struct scope *sc, struct store *st,
    const struct expectation *list, size_t count,
    struct queue_expectation *states, int64_t *ret_now_s)
{
	const char *params[] = { array_of(sc->arena, list, count, name_of),
		array_of(sc->arena, list, count, definition_of),
		array_of(sc->arena, list, count, spec_of) };
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select e.name is not null and e.definition ="
	    " n.definition::jsonb and e.spec = n.spec, coalesce("
	    "extract(epoch from e.next_at)::bigint, 0), extract(epoch from"
	    " clock_timestamp())::bigint, coalesce(e.state, 'unknown')"
	    " from unnest($1::text[], $2::text[], $3::text[])"
	    " with ordinality n (name, definition, spec, at)"
	    " left join lockstep.expectations e on e.name = n.name"
	    " order by n.at", countof(params), params, &rows);
	if (p != PROBLEM_NONE)
		return p;
	for (size_t i = 0; i < count; i++) {
		states[i].same = PQgetvalue(rows, (int)i, 0)[0] == 't';
		states[i].next_s = number_at(rows, (int)i, 1);
		states[i].state = PQgetvalue(rows, (int)i, 3);
		*ret_now_s = number_at(rows, (int)i, 2);
	}
	return PROBLEM_NONE;
}

enum problem
queue_expect_keep(struct scope *sc, struct store *st,
    const struct expectation *e, int64_t next_s)
{
	const char *params[] = { e->name, e->definition, e->spec,
		talk_number(sc->arena, next_s) };
	const PGresult *rows;

	return talk_ask(sc, st, "select lockstep.expectation_keep($1,"
	    " $2::jsonb, $3, to_timestamp($4::bigint))", countof(params),
	    params, &rows);
}

enum problem
queue_expect_take(struct scope *sc, struct store *st,
    const struct expectation *e, int64_t due_s, int64_t following_s,
    bool *ret_taken)
{
	const char *params[] = { e->name, talk_number(sc->arena, due_s),
		talk_number(sc->arena, following_s) };
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select lockstep.expectation_take($1,"
	    " to_timestamp($2::bigint), to_timestamp($3::bigint))",
	    countof(params), params, &rows);
	if (p == PROBLEM_NONE)
		*ret_taken = PQgetvalue(rows, 0, 0)[0] == 't';
	return p;
}

/* The value, or why there is none. */
static enum problem
measure(struct scope *sc, struct store *st, const struct expectation *e,
    struct queue_finding *ret)
{
	const char *ms = talk_number(sc->arena, EXPECT_MS);
	const char *scope[] = { e->role, arena_format(sc->arena,
	    "{\"role\":\"%s\",\"sub\":\"expectation:%s\"}", e->role,
	    e->name), "", "", ms };
	struct talk talk;
	enum problem p;
	size_t said;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	talk_begin(&talk, sc, st);
	talk_phrase(&talk, PHRASE_SCOPE, countof(scope), scope);
	said = talk_say(&talk, "select lockstep.expectation_value($1::jsonb)",
	    1, &e->definition);
	ret->cause = talk_end(&talk, clock_now_ns() +
	    (EXPECT_MS + GRACE_MS) * (uint64_t)1000000);
	ret->value = NULL;
	if (ret->cause == NULL && !PQgetisnull(talk.result[said], 0, 0))
		ret->value = PQgetvalue(talk.result[said], 0, 0);
	return PROBLEM_NONE;
}

enum problem
queue_expect_look(struct scope *sc, struct store *st,
    const struct expectation *e, struct queue_finding *ret)
{
	const char *params[] = { e->name, NULL, NULL };
	const PGresult *rows;
	enum problem p = measure(sc, st, e, ret);

	if (p != PROBLEM_NONE)
		return p;
	params[1] = ret->value;
	params[2] = ret->cause;
	p = talk_ask(sc, st, "select state, changed"
	    " from lockstep.expectation_tell($1, $2::numeric, $3)",
	    countof(params), params, &rows);
	if (p != PROBLEM_NONE)
		return p;
	ret->state = PQgetvalue(rows, 0, 0);
	ret->changed = PQgetvalue(rows, 0, 1)[0] == 't';
	return PROBLEM_NONE;
}

enum problem
queue_expect_clear(struct scope *sc, struct store *st,
    const struct expectation *list, size_t count)
{
	const char *names = array_of(sc->arena, list, count, name_of);
	const PGresult *rows;

	return talk_ask(sc, st, "delete from lockstep.expectations"
	    " where name <> all($1::text[])"
	    " and next_at < now() - interval '1 day'", 1, &names, &rows);
}
