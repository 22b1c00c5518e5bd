/* SPDX-License-Identifier: MIT */
/*
 * The rows of an export: the list's statement without a page, as the caller, in
 * one read-only transaction that is one statement, row after row as they come
 * (libpq's single-row mode).  Values are parameters, as everywhere, so there is no
 * text in which one could be taken for SQL: COPY takes none.  It costs
 * what COPY costs, as the server sends the same texts and we write them.
 *
 * Nothing is held but a buffer: what nobody takes stays in the socket, and then
 * the server waits.  So the sink's rests are its rests, too.
 */
#include "store/talk.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	PART_BYTES = 128 * 1024,	/* that are handed on at once */
	ROW_MAX = 64 << 20,		/* bytes of a row */
	TOLD_FROM = 1000,	/* rows that were seen before an estimate is told:
				 * it is the planner's, of all tenants' rows */
	TICK_MS = 200,
	LOOK_ROWS = 64,			/* between looks at the clock, and rests */
	BEGIN_MS = 10000,		/* for the scope and the plan */
};

/* ---- What the worker says of an export, on any connection. ---- */

enum problem
export_begin(struct scope *sc, struct store *st, const char *id,
    const struct queue_job *job, struct export_order *ret, bool *ret_there)
{
	const char *params[] = { id, talk_number(sc->arena, job->id),
		talk_number(sc->arena, job->token) };
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select operation, query, format"
	    " from lockstep.begin_export($1, $2, $3)", countof(params),
	    params, &rows);
	if (p != PROBLEM_NONE)
		return p;
	*ret_there = PQntuples(rows) > 0;
	if (*ret_there)
		*ret = (struct export_order){ PQgetvalue(rows, 0, 0),
			PQgetvalue(rows, 0, 1), PQgetvalue(rows, 0, 2) };
	return PROBLEM_NONE;
}

static const char *
number_or_null(struct arena *arena, int64_t n)
{
	return n < 0 ? NULL : talk_number(arena, n);
}

enum problem
export_tell(struct scope *sc, struct store *st, const char *id,
    int64_t token, const struct export_progress *progress, bool *ret_wanted)
{
	const char *params[] = { id, talk_number(sc->arena, token),
		talk_number(sc->arena, (int64_t)progress->rows),
		talk_number(sc->arena, (int64_t)progress->bytes),
		number_or_null(sc->arena, progress->estimate),
		talk_number(sc->arena, (int64_t)progress->rate) };
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select lockstep.tell_export("
	    "$1, $2, $3, $4, $5, $6)", countof(params), params, &rows);
	if (p != PROBLEM_NONE)
		return p;
	*ret_wanted = *PQgetvalue(rows, 0, 0) == 't';
	return PROBLEM_NONE;
}

struct queue_result
export_finish(struct scope *sc, struct store *st, const char *id,
    const struct queue_job *job, const struct export_made *made)
{
	struct arena *arena = sc->arena;
	const char *params[] = { id, talk_number(arena, job->token),
		talk_number(arena, (int64_t)made->progress.rows),
		talk_number(arena, (int64_t)made->progress.bytes),
		talk_number(arena, (int64_t)made->progress.rate),
		made->sha256, made->file };
	const char *done[] = { talk_number(arena, job->id), params[1] };
	struct queue_result ret = { .ending = QUEUE_LOST, .code = "08001" };
	struct talk talk;

	if (store_connect(sc, st) != PROBLEM_NONE)
		return ret;
	talk_begin(&talk, sc, st);
	talk_phrase(&talk, PHRASE_DONE_LEASED, countof(done), done);
	talk_say(&talk, "select lockstep.finish_export($1, $2, $3, $4, $5, $6,"
	    " $7)", countof(params), params);
	talk_sync(&talk);
	return queue_ending(&talk, talk_hear_sync(&talk, talk_deadline()));
}

enum problem
export_tend(struct scope *sc, struct store *st, unsigned keep_days,
    struct export_count *ret, size_t most, size_t *ret_count)
{
	const char *params[] = { talk_number(sc->arena, keep_days), "1000" };
	const PGresult *rows;
	enum problem p;

	*ret_count = 0;
	p = talk_ask(sc, st, "select operation, outcome, n"
	    " from lockstep.tend_exports($1, $2)", countof(params), params,
	    &rows);
	if (p != PROBLEM_NONE)
		return p;
	for (int i = 0; i < PQntuples(rows) && *ret_count < most; i++)
		ret[(*ret_count)++] = (struct export_count){
			PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1),
			strtoull(PQgetvalue(rows, i, 2), NULL, 10) };
	return PROBLEM_NONE;
}

enum problem
export_beside(struct scope *sc, struct store *st, unsigned within_ms,
    int64_t *ret_sessions)
{
	const char *param = arena_format(sc->arena, "%u", within_ms);
	const PGresult *rows;
	enum problem p;

	p = talk_ask(sc, st, "select lockstep.sessions_used($1 / 1000.0)", 1,
	    &param, &rows);
	if (p != PROBLEM_NONE)
		return p;
	*ret_sessions = PQgetisnull(rows, 0, 0) ? -1 :
	    strtoll(PQgetvalue(rows, 0, 0), NULL, 10);
	return PROBLEM_NONE;
}

enum problem
export_strays(struct scope *sc, struct store *st, const char *const *names,
    size_t count, const char *const **ret, size_t *ret_count)
{
	const char *param = store_array(sc->arena, names, count);
	const PGresult *rows;
	const char **strays;
	enum problem p;

	p = talk_ask(sc, st, "select * from lockstep.export_strays($1)", 1,
	    &param, &rows);
	if (p != PROBLEM_NONE)
		return p;
	strays = arena_alloc(sc->arena, ((size_t)PQntuples(rows) + 1) *
	    sizeof(*strays));
	for (int i = 0; i < PQntuples(rows); i++)
		strays[i] = PQgetvalue(rows, i, 0);
	*ret = strays;
	*ret_count = (size_t)PQntuples(rows);
	return PROBLEM_NONE;
}

/* ---- The statement. ---- */

/* One that is run. */
struct running {
	struct scope *sc;
	struct store *st;
	const struct plan *plan;
	struct query query;
	const struct export_sink *sink;
	struct export_progress progress;
	struct sheet *sheet;
	struct buf part;
	uint64_t began_ns, tick_ns;
	int64_t expected;		/* by the planner; -1 = not known */
	bool stopped;			/* the sink wants no more */
	bool refused;			/* it could not take it */
};

/* The planner's opinion of the top node. */
static int64_t
read_expected(const PGresult *result)
{
	static const char head[] = "\"Plan Rows\": ";
	const char *text = PQntuples(result) > 0 ?
	    PQgetvalue(result, 0, 0) : "", *at = strstr(text, head);

	return at == NULL ? -1 : strtoll(at + sizeof(head) - 1, NULL, 10);
}

/* The caller's scope, and what the statement is expected to give. */
static enum ending
begin(struct running *r, const struct caller *caller, unsigned timeout_ms,
    const char **ret_state)
{
	struct scope *sc = r->sc;
	const char *scope[] = { caller_role(caller), caller_claims(caller),
		sc->request_id, sc->traceparent,
		talk_number(sc->arena, timeout_ms) };
	const char *explain = arena_format(sc->arena,
	    "explain (format json) %s", r->st->sql.at);
	struct talk talk;
	enum ending ending;
	size_t said;

	talk_begin(&talk, sc, r->st);
	talk_phrase(&talk, PHRASE_SCOPE, countof(scope), scope);
	talk_say(&talk, "select pg_catalog.set_config("
	    "'transaction_read_only', 'on', true)", 0, NULL);
	said = talk_say(&talk, explain, (int)r->query.param_count,
	    r->query.params);
	talk_flush(&talk);
	ending = talk_hear_answers(&talk, clock_now_ns() +
	    BEGIN_MS * (uint64_t)1000000);
	*ret_state = talk_sqlstate(&talk);
	if (ending == ENDING_SYNC && talk.error == NULL)
		r->expected = read_expected(talk.result[said]);
	return ending;
}

/* Whole parts are handed on. */
static bool
hand_on(struct running *r, bool last)
{
	size_t n = r->part.length;

	if (r->part.failed)
		r->refused = true;
	if (r->refused || n == 0 || (!last && n < PART_BYTES))
		return !r->refused;
	r->refused = !r->sink->take(r->sink->context, r->part.at, n);
	r->progress.bytes += n;
	buf_clear(&r->part);
	return !r->refused;
}

/* A few times a second: how far it is, and whether it is still wanted. */
static bool
tick(struct running *r)
{
	uint64_t now = clock_now_ns(), ms = (now - r->began_ns) / 1000000;

	if (now < r->tick_ns)
		return true;
	r->progress.rate = ms > 0 ? r->progress.rows * 1000 / ms : 0;
	r->progress.estimate = r->progress.rows < TOLD_FROM ? -1 :
	    r->expected < (int64_t)r->progress.rows ?
	    (int64_t)r->progress.rows : r->expected;
	r->stopped = !r->sink->tell(r->sink->context, &r->progress);
	r->tick_ns = clock_now_ns() + TICK_MS * (uint64_t)1000000;
	return !r->stopped;
}

/* Until a result is there; false: the connection is lost, or it is stopped. */
static bool
wait_row(struct running *r)
{
	PGconn *connection = r->st->connection;
	struct pollfd fd = { .fd = PQsocket(connection) };
	int unsent, n;

	while ((unsent = PQflush(connection)) != 0 || PQisBusy(connection)) {
		if (unsent < 0 || fd.fd < 0 || !tick(r))
			return false;
		fd.events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
		n = poll(&fd, 1, clock_left_ms(r->tick_ns) + 1);
		if ((n < 0 && errno != EINTR) || (n > 0 &&
		    (fd.revents & ~POLLOUT) != 0 &&
		    !PQconsumeInput(connection)))
			return false;
	}
	return true;
}

static bool
take_row(struct running *r, const PGresult *result)
{
	if (r->sheet == NULL)
		r->sheet = sheet_open(r->sc->arena, r->plan, &r->query, result,
		    &r->part);
	sheet_row(r->sheet, result, r->progress.rows == 0, &r->part);
	r->progress.rows++;
	if (!hand_on(r, false))
		return false;
	if (r->progress.rows % LOOK_ROWS != 0)
		return true;
	r->sink->rest(r->sink->context);
	return tick(r);
}

/* The last result of the statement: no row at all still has a header. */
static bool
take_end(struct running *r, const PGresult *result)
{
	if (r->sheet == NULL)
		r->sheet = sheet_open(r->sc->arena, r->plan, &r->query, result,
		    &r->part);
	sheet_close(r->sheet, &r->part);
	return hand_on(r, true);
}

/* The SQLSTATE of what came in between, "" = all is well; NULL = it is lost. */
static const char *
read_rows(struct running *r)
{
	PGconn *connection = r->st->connection;
	const char *state = "";
	PGresult *result;
	bool well = true, ended = false;

	while (well && wait_row(r)) {
		result = PQgetResult(connection);
		if (result == NULL)
			continue;
		switch (PQresultStatus(result)) {
		case PGRES_SINGLE_TUPLE:
			well = take_row(r, result);
			break;
		case PGRES_TUPLES_OK:
			well = ended = take_end(r, result);
			break;
		case PGRES_PIPELINE_SYNC:
			PQclear(result);
			return ended || *state != '\0' ? state : NULL;
		default:
			state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
			state = arena_string(r->sc->arena,
			    state != NULL ? state : "lost");
			well = !exchange_is_last_word(result);
		}
		PQclear(result);
	}
	return NULL;
}

static void
cancel(struct store *st)
{
	if (!cancel_within(st, clock_now_ns() + 2000000000ull))
		cancel_forget(st);
	store_discard(st);
}

static struct export_result
ending_is(enum export_ending ending, const char *code)
{
	struct export_result ret = { .ending = ending };

	snprintf(ret.code, sizeof(ret.code), "%s", code);
	return ret;
}

static struct export_result
run(struct running *r, const struct caller *caller, unsigned timeout_ms)
{
	const char *state;
	enum ending ending = begin(r, caller, timeout_ms, &state);

	if (*state != '\0' || ending != ENDING_SYNC)
		return ending_is(EXPORT_FAILED, *state != '\0' ? state :
		    ending == ENDING_LATE ? "timeout" : "lost");
	if (!PQsendQueryParams(r->st->connection, r->st->sql.at,
	    (int)r->query.param_count, NULL, r->query.params, NULL, NULL, 0) ||
	    !PQpipelineSync(r->st->connection) ||
	    !PQsetSingleRowMode(r->st->connection))
		return ending_is(EXPORT_FAILED, "lost");
	state = read_rows(r);
	if (r->stopped)
		return ending_is(EXPORT_STOPPED, "");
	if (r->refused)
		return ending_is(EXPORT_REFUSED, "");
	if (state == NULL || *state != '\0')
		return ending_is(EXPORT_FAILED, state != NULL ? state :
		    "lost");
	return ending_is(EXPORT_DONE, "");
}

struct export_result
export_run(struct scope *sc, struct store *st, const struct caller *caller,
    const struct input *input, unsigned timeout_ms,
    const struct export_sink *sink, struct export_progress *ret)
{
	struct running r = { .sc = sc, .st = st, .plan = input_plan(input),
		.sink = sink, .expected = -1, .began_ns = clock_now_ns() };
	struct export_result result;

	if (store_connect(sc, st) != PROBLEM_NONE)
		return ending_is(EXPORT_FAILED, "08001");
	r.tick_ns = r.began_ns + TICK_MS * (uint64_t)1000000;
	store_sql_export(sc->arena, r.plan, &st->sql, &r.query);
	if (st->sql.failed)
		return ending_is(EXPORT_FAILED, "54001");
	buf_init(&r.part, ROW_MAX);
	result = run(&r, caller, timeout_ms);
	buf_release(&r.part);
	if (r.sheet != NULL)
		sheet_release(r.sheet);
	/* Whatever came of it, the session has nothing more to say. */
	if (result.ending == EXPORT_DONE || st->connection == NULL)
		store_discard(st);
	else
		cancel(st);
	r.progress.rate = r.progress.rows * 1000000000 / (clock_now_ns() -
	    r.began_ns + 1);
	*ret = r.progress;
	return result;
}
