/* SPDX-License-Identifier: MIT */
/*
 * The queue's conversations.  What a worker says again and again is prepared
 * once a connection.  Statements count as prepared when that was sent: what is
 * behind it waits for the answer anyway, and an error before it ends the
 * connection.
 */
#include "store/talk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	GRACE_MS = 1000,	/* for the end of a cancelled statement */
	BESIDE_MS = 5000,	/* for answers that no job waits for */
};

/* Ours, with the numbers of their parameters' types left to Postgres. */
static const char *const phrases[PHRASE_COUNT] = {
	[PHRASE_BEGIN] = "begin",
	[PHRASE_COMMIT] = "commit",
	[PHRASE_SCOPE] = "select pg_catalog.num_nulls("
	    "pg_catalog.set_config('role', $1, true), "
	    "pg_catalog.set_config('request.jwt.claims', $2, true), "
	    "pg_catalog.set_config('lockstep.request_id', $3, true), "
	    "pg_catalog.set_config('lockstep.traceparent', $4, true), "
	    "pg_catalog.set_config('statement_timeout', $5, true))",
	[PHRASE_TAKE] = "select id, kind, args, claims, role, attempt,"
	    " max_attempts, errors -> -1 ->> 'code' = 'crashed', lease_token,"
	    " run_at, (extract(epoch from clock_timestamp() - run_at)"
	    " * 1000000)::bigint, request_id, traceparent,"
	    " serial_key is not null, coalesce(replayed_from, 0)"
	    " from lockstep.job_take($1, $2, $3, $4, $5, $6, $7)",
	[PHRASE_DONE] = "select lockstep.job_done($1::bigint[], $2::boolean)",
	[PHRASE_DONE_LEASED] =
	    "select lockstep.job_done($1::bigint, $2::bigint)",
	[PHRASE_FAIL] = "select lockstep.job_fail("
	    "$1, $2, $3, $4, $5, $6, $7, $8)",
	[PHRASE_BEAT] = "select * from lockstep.job_beat($1, $2, $3, $4)",
	[PHRASE_REAP] = "select lockstep.job_reap(1000, $1)",
	[PHRASE_PROMOTE] = "select promoted, due_ms"
	    " from lockstep.job_promote(10000)",
	[PHRASE_PAUSED] = "select name from lockstep.queues where paused",
	[PHRASE_HOLD] = "select lockstep.job_hold($1, $2)",
	[PHRASE_PASS] = "select lockstep.breaker_pass($1, $2, $3)",
	[PHRASE_TELL] = "select opened, closed, wait_ms, since"
	    " from lockstep.breaker_hear($1, $2, $3, $4, $5, $6, $7)",
};

void
talk_begin(struct talk *t, struct scope *sc, struct store *st)
{
	*t = (struct talk){ .sc = sc, .st = st, .sent = true };
}

/* Notes a statement that was sent, or was not. */
static size_t
note(struct talk *t, int sent)
{
	const PGresult **wider;

	if (t->count == t->room) {
		t->room = t->room == 0 ? 16 : 2 * t->room;
		wider = arena_alloc(t->sc->arena, t->room * sizeof(*wider));
		if (t->count > 0)
			memcpy(wider, t->result, t->count * sizeof(*wider));
		t->result = wider;
	}
	t->sent = t->sent && sent;
	return t->count++;
}

size_t
talk_say(struct talk *t, const char *sql, int count, const char *const *params)
{
	return note(t, t->sent && PQsendQueryParams(t->st->connection, sql,
	    count, NULL, params, NULL, NULL, 0));
}

static void
prepare(struct talk *t, const char *name, const char *sql)
{
	note(t, t->sent && PQsendPrepare(t->st->connection, name, sql, 0,
	    NULL));
	t->prepared = t->count;
}

size_t
talk_phrase(struct talk *t, enum phrase phrase, int count,
    const char *const *params)
{
	struct store *st = t->st;
	char name[16];

	snprintf(name, sizeof(name), "q%d", (int)phrase);
	if (!st->phrased[phrase]) {
		st->phrased[phrase] = true;
		prepare(t, name, phrases[phrase]);
	}
	return note(t, t->sent && PQsendQueryPrepared(st->connection, name,
	    count, params, NULL, NULL, 0));
}

size_t
talk_query(struct talk *t, const char *role, const struct query *q)
{
	struct store *st = t->st;
	struct statement *s;

	s = statements_find(&st->statements, role, q->sql->at, q->sql->length);
	if (s == NULL && statements_full(&st->statements))
		return talk_say(t, q->sql->at, (int)q->param_count, q->params);
	if (s == NULL) {
		s = statements_add(&st->statements, role, q->sql->at,
		    q->sql->length);
		prepare(t, s->name, q->sql->at);
	}
	return note(t, t->sent && PQsendQueryPrepared(st->connection, s->name,
	    (int)q->param_count, q->params, NULL, NULL, 0));
}

void
talk_sync(struct talk *t)
{
	t->sent = t->sent && PQpipelineSync(t->st->connection);
}

void
talk_flush(struct talk *t)
{
	t->sent = t->sent && PQsendFlushRequest(t->st->connection) &&
	    PQflush(t->st->connection) >= 0;
}

static void
take(struct talk *t, const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		if (t->at < t->count)
			t->result[t->at] = result;
		break;
	case PGRES_PIPELINE_ABORTED:
		break;
	default:
		if (t->error == NULL) {
			t->error = result;
			t->failed = t->at;
		}
	}
}

/* Reads on, to the Sync or to the answer of the last statement. */
static enum ending
hear(struct talk *t, bool to_sync, uint64_t deadline_ns)
{
	PGconn *connection = t->st->connection;
	PGresult *result;

	while (to_sync || t->at < t->count) {
		switch (exchange_wait(connection, deadline_ns)) {
		case ENDING_SYNC:
			break;
		case ENDING_LATE:
			return ENDING_LATE;
		case ENDING_LOST:
			return ENDING_LOST;
		}
		result = PQgetResult(connection);
		if (result == NULL) {
			if (t->at++ > t->count)
				return ENDING_LOST;
			continue;
		}
		store_keep(t->sc->arena, result);
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
			return ENDING_SYNC;
		take(t, result);
		if (t->error == result && exchange_is_last_word(result))
			return ENDING_LOST;
	}
	return ENDING_SYNC;
}

/*
 * What was to be prepared after an error is not, and the connection would not
 * know; so it is made anew.  The first failure of a function costs that.
 */
static enum ending
ended(struct talk *t, enum ending ending)
{
	if (ending != ENDING_SYNC ||
	    (t->error != NULL && t->failed < t->prepared))
		store_discard(t->st);
	return ending;
}

/* Past the deadline: cancels, and waits for the end a little longer. */
static enum ending
hear_in_time(struct talk *t, bool to_sync, uint64_t deadline_ns)
{
	enum ending ending = ENDING_LOST;
	uint64_t grace_ns;

	if (t->sent)
		ending = hear(t, to_sync, deadline_ns);
	if (ending != ENDING_LATE)
		return ended(t, ending);
	grace_ns = clock_now_ns() + GRACE_MS * (uint64_t)1000000;
	if (cancel_within(t->st, grace_ns))
		ending = hear(t, to_sync, grace_ns);
	return ended(t, ending == ENDING_LOST ? ENDING_LATE : ending);
}

enum ending
talk_hear_sync(struct talk *t, uint64_t deadline_ns)
{
	return hear_in_time(t, true, deadline_ns);
}

enum ending
talk_hear_answers(struct talk *t, uint64_t deadline_ns)
{
	return hear_in_time(t, false, deadline_ns);
}

const char *
talk_sqlstate(const struct talk *t)
{
	const char *state = t->error == NULL ? NULL :
	    PQresultErrorField(t->error, PG_DIAG_SQLSTATE);

	return state != NULL ? state : "";
}

const char *
talk_end(struct talk *t, uint64_t deadline_ns)
{
	talk_sync(t);
	if (talk_hear_sync(t, deadline_ns) != ENDING_SYNC)
		return "the connection to the database was lost";
	if (t->error != NULL)
		return arena_format(t->sc->arena, "SQLSTATE %s",
		    talk_sqlstate(t));
	return NULL;
}

const char *
talk_number(struct arena *arena, int64_t n)
{
	return arena_format(arena, "%" PRId64, n);
}

uint64_t
talk_deadline(void)
{
	return clock_now_ns() + BESIDE_MS * (uint64_t)1000000;
}

enum problem
talk_refuse(struct scope *sc, const struct store *st, const char *cause)
{
	return st->connection == NULL ? store_unavailable(sc, cause) :
	    scope_fail(sc, PROBLEM_INTERNAL, "the queue: %s", cause);
}

enum problem
talk_ask(struct scope *sc, struct store *st, const char *sql, int count,
    const char *const *params, const PGresult **ret)
{
	const char *cause;
	struct talk talk;
	enum problem p;
	size_t said;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	talk_begin(&talk, sc, st);
	said = talk_say(&talk, sql, count, params);
	if ((cause = talk_end(&talk, talk_deadline())) != NULL)
		return talk_refuse(sc, st, cause);
	*ret = talk.result[said];
	return PROBLEM_NONE;
}

enum problem
talk_count(struct scope *sc, struct store *st, const char *sql, int count,
    const char *const *params, uint64_t *ret)
{
	const PGresult *rows;
	enum problem p = talk_ask(sc, st, sql, count, params, &rows);

	if (p == PROBLEM_NONE)
		*ret = strtoull(PQgetvalue(rows, 0, 0), NULL, 10);
	return p;
}
