/* SPDX-License-Identifier: MIT */
/*
 * What a worker process says beside its jobs, on one connection that also
 * listens and holds the advisory lock by which others see that it lives.  What
 * is said here changes nothing that is not fenced, so that any number of
 * processes may say it at any time, and none needs to.
 */
#include "store/talk.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	PURGE_MOST = 1000,	/* jobs in one transaction */
	UNBLOCK_MOST = 1000,	/* keys in one transaction */
	ARRAY_MAX = 1 << 22,	/* bytes of a parameter */
};

/* ---- Coming and going. ---- */

static const char *
enter(struct scope *sc, struct store *st, int64_t *id)
{
	const char *params[] = { arena_alloc(sc->arena, 256),
		talk_number(sc->arena, getpid()) };
	struct talk talk;
	const char *cause;
	size_t made;

	if (gethostname((char *)(uintptr_t)params[0], 255) < 0 ||
	    params[0][0] == '\0')
		params[0] = "unknown";
	talk_begin(&talk, sc, st);
	made = talk_say(&talk, "insert into lockstep.workers (host, pid)"
	    " values ($1, $2) returning id", countof(params), params);
	if ((cause = talk_end(&talk, talk_deadline())) == NULL)
		*id = strtoll(PQgetvalue(talk.result[made], 0, 0), NULL, 10);
	return cause;
}

/* Takes the lock of an id.  false: a connection before this one has it still. */
static const char *
take_lock(struct scope *sc, struct store *st, int64_t id, bool *ret)
{
	const char *param = talk_number(sc->arena, id), *cause;
	struct talk talk;
	size_t asked;

	talk_begin(&talk, sc, st);
	asked = talk_say(&talk, "select pg_catalog.pg_try_advisory_lock("
	    "1819501424, $1::integer)", 1, &param);
	if ((cause = talk_end(&talk, talk_deadline())) == NULL)
		*ret = PQgetvalue(talk.result[asked], 0, 0)[0] == 't';
	return cause;
}

/*
 * Listens as `id`.  One that it had before goes off the list: leases are kept by
 * their tokens, but the first who sees that it beats no more would reap them.
 */
static const char *
settle(struct scope *sc, struct store *st, int64_t before, int64_t id)
{
	const char *params[] = { talk_number(sc->arena, before),
		talk_number(sc->arena, id) };
	struct talk talk;

	talk_begin(&talk, sc, st);
	talk_say(&talk, "delete from lockstep.workers where id = $1 and"
	    " id <> $2", countof(params), params);
	talk_say(&talk, "listen lockstep_jobs", 0, NULL);
	return talk_end(&talk, talk_deadline());
}

enum problem
queue_join(struct scope *sc, struct store *st, int64_t *id)
{
	int64_t mine = *id;
	const char *cause = NULL;
	bool had = false;
	enum problem p;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	if (mine != 0)
		cause = take_lock(sc, st, mine, &had);
	if (cause == NULL && !had &&
	    (cause = enter(sc, st, &mine)) == NULL)
		cause = take_lock(sc, st, mine, &had);
	if (cause == NULL)
		cause = had ? settle(sc, st, *id, mine) :
		    "a new id is not free";
	if (cause != NULL)
		return talk_refuse(sc, st, cause);
	st->joined = true;
	*id = mine;
	return PROBLEM_NONE;
}

void
queue_leave(struct scope *sc, struct store *st, int64_t id)
{
	const char *param = talk_number(sc->arena, id), *cause;
	struct talk talk;

	if (st->connection == NULL)
		return;
	talk_begin(&talk, sc, st);
	talk_say(&talk, "delete from lockstep.workers where id = $1", 1,
	    &param);
	cause = talk_end(&talk, talk_deadline());
	(void)cause;
	store_discard(st);
}

/* ---- Listening. ---- */

/* Takes what was told so far. */
static bool
was_called(PGconn *connection)
{
	PGnotify *notify;
	bool called = false;

	while ((notify = PQnotifies(connection)) != NULL) {
		called = true;
		PQfreemem(notify);
	}
	return called;
}

bool
queue_listen(struct store *st, int fd, unsigned timeout_ms, bool *ret_called)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN } };

	*ret_called = false;
	if (st->connection != NULL)
		fds[1].fd = PQsocket(st->connection);
	/* One that came with an answer is not in the socket any more. */
	if (st->connection != NULL && was_called(st->connection)) {
		*ret_called = true;
		return true;
	}
	if (poll(fds, countof(fds), (int)timeout_ms) < 0 && errno != EINTR)
		return false;
	/* What is said beside may have connected anew, without listening. */
	if (!st->joined)
		return false;
	if (fds[1].revents != 0 && !PQconsumeInput(st->connection)) {
		store_discard(st);
		return false;
	}
	*ret_called = was_called(st->connection);
	return true;
}

/* ---- Tending. ---- */

static const char *
leases_text(struct arena *arena, const struct queue_tending *t, bool tokens)
{
	struct buf b;
	const char *ret;
	size_t i;

	buf_init(&b, ARRAY_MAX);
	buf_char(&b, '{');
	for (i = 0; i < t->lease_count; i++)
		buf_format(&b, "%s%" PRId64, i == 0 ? "" : ",",
		    tokens ? t->leases[i].token : t->leases[i].id);
	buf_char(&b, '}');
	ret = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return ret;
}

static int64_t
number_at(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? -1 :
	    strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

/* The leases of the answer's ids. */
static void
tell_lost(struct arena *arena, const struct queue_tending *t,
    const PGresult *rows, struct queue_tended *ret)
{
	struct queue_lease *lost = arena_alloc(arena, (t->lease_count + 1) *
	    sizeof(*lost));
	int row;
	size_t i;

	for (row = 0; row < PQntuples(rows); row++)
		for (i = 0; i < t->lease_count; i++)
			if (t->leases[i].id == number_at(rows, row, 0) &&
			    ret->lost_count < t->lease_count)
				lost[ret->lost_count++] = t->leases[i];
	ret->lost = lost;
}

static void
tell_paused(struct arena *arena, const PGresult *rows,
    struct queue_tended *ret)
{
	size_t count = (size_t)PQntuples(rows), i;
	const char **names = arena_alloc(arena, (count + 1) * sizeof(char *));

	for (i = 0; i < count; i++)
		names[i] = PQgetvalue(rows, (int)i, 0);
	ret->paused = names;
	ret->paused_count = count;
}

enum problem
queue_tend(struct scope *sc, struct store *st,
    const struct queue_tending *tending, struct queue_tended *ret)
{
	const char *beat[] = { talk_number(sc->arena, tending->owner),
		leases_text(sc->arena, tending, false),
		leases_text(sc->arena, tending, true),
		talk_number(sc->arena, tending->lease_ms) };
	const char *beat_ms = talk_number(sc->arena, tending->beat_ms);
	struct queue_tended tended = { .due_ms = -1 };
	size_t beaten, reaped, promoted, paused;
	struct talk talk;
	const char *cause;
	enum problem p;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	talk_begin(&talk, sc, st);
	beaten = talk_phrase(&talk, PHRASE_BEAT, countof(beat), beat);
	reaped = talk_phrase(&talk, PHRASE_REAP, 1, &beat_ms);
	promoted = talk_phrase(&talk, PHRASE_PROMOTE, 0, NULL);
	paused = talk_phrase(&talk, PHRASE_PAUSED, 0, NULL);
	if ((cause = talk_end(&talk, talk_deadline())) != NULL)
		return talk_refuse(sc, st, cause);
	tell_lost(sc->arena, tending, talk.result[beaten], &tended);
	tell_paused(sc->arena, talk.result[paused], &tended);
	tended.beaten = tending->lease_count - tended.lost_count;
	tended.reaped = (uint64_t)number_at(talk.result[reaped], 0, 0);
	tended.promoted = (uint64_t)number_at(talk.result[promoted], 0, 0);
	tended.due_ms = number_at(talk.result[promoted], 0, 1);
	*ret = tended;
	return PROBLEM_NONE;
}

/*
 * One that is not closed waits for a call; when none has come for a day, as an
 * endpoint's that is off, none will.  Of a service it says since when jobs died
 * that are to come back.
 */
static void
say_forget(struct talk *talk, const char *services)
{
	talk_say(talk, "delete from lockstep.breakers b"
	    " where b.updated_at < now() - interval '1 day'"
	    " - b.open_ms * interval '1 millisecond'"
	    " and (b.state = 'closed' and b.recover_since is null"
	    " or b.destination <> all($1::text[])"
	    " and not exists (select from lockstep.jobs j"
	    " where j.id = b.probe_job and j.state = 'running'"
	    " and j.lease_token = b.probe_token))", 1, &services);
}

enum problem
queue_purge(struct scope *sc, struct store *st, unsigned keep_hours,
    const char *const *services, size_t count, uint64_t *ret_purged)
{
	const char *params[] = { talk_number(sc->arena, keep_hours),
		talk_number(sc->arena, PURGE_MOST) };
	const char *cause;
	struct talk talk;
	int64_t gone;
	enum problem p;
	size_t purge;

	*ret_purged = 0;
	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	talk_begin(&talk, sc, st);
	purge = talk_say(&talk, "select lockstep.job_purge($1, $2)",
	    countof(params), params);
	say_forget(&talk, store_array(sc->arena, services, count));
	if ((cause = talk_end(&talk, talk_deadline())) != NULL)
		return talk_refuse(sc, st, cause);
	gone = number_at(talk.result[purge], 0, 0);
	*ret_purged = (uint64_t)gone;
	return PROBLEM_NONE;
}

enum problem
queue_unblock(struct scope *sc, struct store *st, uint64_t *ret)
{
	const char *most = talk_number(sc->arena, UNBLOCK_MOST);

	return talk_count(sc, st, "select lockstep.job_unblock($1)", 1, &most,
	    ret);
}
