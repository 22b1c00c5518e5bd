/* SPDX-License-Identifier: MIT */
/*
 * Jobs: claimed, run and settled.  What is written is done by the functions of
 * migration 0009; here is the order in which they are said, and that nothing is
 * told before the Sync.
 *
 * A job is marked as done first, then it is run, in one transaction: the fence
 * falls before any work, and the row is locked while the effects are made, so
 * that neither a heartbeat nor a reaper nor another worker meets it half done.
 * The claim of the next goes behind the Sync: one flush a job.
 */
#include "store/talk.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metric.h"

enum {
	ARRAY_MAX = 1 << 20,	/* bytes of a parameter */
	TOLD_MS = 5,		/* NOTIFY at most so often */
	TEXT_MAX = 24,		/* of a number */
};

/* A job's transaction may be as long as the job; one around a call may not. */
static unsigned
bound_ms(const struct store *st, const struct job_kind *kind)
{
	return kind->type != JOB_SQL ? st->options->statement_timeout_ms :
	    kind->timeout_ms;
}

/* The columns of PHRASE_TAKE. */
enum {
	TAKE_ID, TAKE_KIND, TAKE_ARGS, TAKE_CLAIMS, TAKE_ROLE, TAKE_ATTEMPT,
	TAKE_MAX_ATTEMPTS, TAKE_CRASHED, TAKE_TOKEN, TAKE_RUN_AT, TAKE_WAITED,
	TAKE_REQUEST_ID, TAKE_TRACEPARENT, TAKE_SERIAL, TAKE_REPLAYED
};

static uint64_t
deadline_of(const struct scope *sc, const struct store *st)
{
	uint64_t ns = clock_now_ns() + (st->options->statement_timeout_ms +
	    (uint64_t)st->options->lock_timeout_ms) * 1000000;

	return sc->deadline_ns != 0 && sc->deadline_ns < ns ?
	    sc->deadline_ns : ns;
}

/* ---- Claiming. ---- */

/* Parameters of PHRASE_TAKE: five arrays side by side. */
struct take {
	struct buf kinds, most, leased, floor_at, floor_id;
};

static void
take_add(struct take *t, const struct queue_wish *w)
{
	const char *before = t->kinds.length > 1 ? "," : "";

	buf_format(&t->kinds, "%s\"%s\"", before, w->kind->name);
	buf_format(&t->most, "%s%u", before, w->most);
	buf_format(&t->leased, "%s%c", before, w->kind->leased ? 't' : 'f');
	if (w->floor_at != NULL)
		buf_format(&t->floor_at, "%s\"%s\"", before, w->floor_at);
	else
		buf_format(&t->floor_at, "%sNULL", before);
	buf_format(&t->floor_id, "%s%" PRId64, before, w->floor_id);
}

/* The text of an array, in the arena. */
static const char *
array_end(struct arena *arena, struct buf *b)
{
	const char *ret;

	buf_char(b, '}');
	ret = arena_copy(arena, b->at, b->length);
	buf_release(b);
	return ret;
}

static size_t
say_take(struct talk *talk, const struct queue_claim *claim)
{
	struct arena *arena = talk->sc->arena;
	struct take t;
	struct buf *parts[] = { &t.kinds, &t.most, &t.leased, &t.floor_at,
		&t.floor_id };
	const char *params[7];
	size_t i;

	for (i = 0; i < countof(parts); i++) {
		buf_init(parts[i], ARRAY_MAX);
		buf_char(parts[i], '{');
	}
	for (i = 0; i < claim->wish_count; i++)
		take_add(&t, &claim->wishes[i]);
	for (i = 0; i < countof(parts); i++)
		params[i] = array_end(arena, parts[i]);
	params[5] = talk_number(arena, claim->owner);
	params[6] = talk_number(arena, claim->lease_ms);
	return talk_phrase(talk, PHRASE_TAKE, countof(params), params);
}

static const char *
text_at(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL :
	    PQgetvalue(rows, row, column);
}

static int64_t
number_at(const PGresult *rows, int row, int column)
{
	const char *text = text_at(rows, row, column);

	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

static bool
is_true(const PGresult *rows, int row, int column)
{
	const char *text = text_at(rows, row, column);

	return text != NULL && text[0] == 't';
}

static struct queue_job
job_at(const PGresult *rows, int row, const struct job_kind *kind)
{
	int64_t most = number_at(rows, row, TAKE_MAX_ATTEMPTS);
	int64_t before = number_at(rows, row, TAKE_REPLAYED);
	struct queue_job job = {
		.id = number_at(rows, row, TAKE_ID),
		.kind = kind,
		.args = text_at(rows, row, TAKE_ARGS),
		.claims = text_at(rows, row, TAKE_CLAIMS),
		.role = text_at(rows, row, TAKE_ROLE),
		.attempt = (unsigned)number_at(rows, row, TAKE_ATTEMPT),
		/* They are counted anew from a replay on. */
		.attempts = (unsigned)(most > 0 ? most : kind->attempts +
		    before),
		.attempts_before = (unsigned)before,
		.crashed = is_true(rows, row, TAKE_CRASHED),
		.token = number_at(rows, row, TAKE_TOKEN),
		.run_at = text_at(rows, row, TAKE_RUN_AT),
		.waited_us = number_at(rows, row, TAKE_WAITED),
		.request_id = text_at(rows, row, TAKE_REQUEST_ID),
		.traceparent = text_at(rows, row, TAKE_TRACEPARENT),
		.serial = is_true(rows, row, TAKE_SERIAL),
	};

	/* A lease has counted it; a transaction does when it is done. */
	job.attempt += job.token == 0;
	return job;
}

static const struct job_kind *
wished(const struct queue_claim *claim, const char *name)
{
	size_t i;

	for (i = 0; i < claim->wish_count; i++)
		if (strcmp(claim->wishes[i].kind->name, name) == 0)
			return claim->wishes[i].kind;
	return NULL;
}

static struct queue_claimed
claimed_of(struct arena *arena, const struct queue_claim *claim,
    const PGresult *rows)
{
	size_t count = (size_t)PQntuples(rows), i;
	struct queue_job *jobs = arena_alloc(arena, (count + 1) *
	    sizeof(*jobs));
	const struct job_kind *kind;

	if (count == 0)
		return (struct queue_claimed){ NULL, 0, false };
	kind = wished(claim, PQgetvalue(rows, 0, TAKE_KIND));
	for (i = 0; i < count; i++)
		jobs[i] = job_at(rows, (int)i, kind);
	return (struct queue_claimed){ jobs, count, false };
}

static bool
are_leased(const struct queue_claim *claim)
{
	size_t i = 0;

	while (i < claim->wish_count && claim->wishes[i].kind->leased)
		i++;
	return i == claim->wish_count;
}

/*
 * Sent with a Sync.  What may be held is asked for in a block, since Postgres'
 * idle_in_transaction_session_timeout counts from the answer to a Sync only:
 * else a process that is frozen, or a machine that is gone, would hold its jobs
 * until somebody notices.  What is leased in any case needs no look before its
 * transaction ends.
 */
static size_t
say_claim(struct talk *talk, const struct queue_claim *claim)
{
	size_t take;

	if (!are_leased(claim))
		talk_phrase(talk, PHRASE_BEGIN, 0, NULL);
	take = say_take(talk, claim);
	talk_sync(talk);
	return take;
}

/* Ends the block of a claim, also one that failed; NULL, or the cause. */
static const char *
end_block(struct scope *sc, struct store *st)
{
	struct talk talk;

	st->holding = false;
	if (st->connection == NULL ||
	    PQtransactionStatus(st->connection) == PQTRANS_IDLE)
		return NULL;
	talk_begin(&talk, sc, st);
	talk_phrase(&talk, PHRASE_COMMIT, 0, NULL);
	return talk_end(&talk, deadline_of(sc, st));
}

void
queue_drop(struct scope *sc, struct store *st)
{
	if (st->holding)
		(void)end_block(sc, st);
}

/*
 * The claim was answered: what is held keeps its transaction open, all else
 * ends it, which is when a lease begins.
 */
static enum problem
hear_claim(struct talk *talk, const struct queue_claim *claim, size_t take,
    struct queue_claimed *ret)
{
	struct scope *sc = talk->sc;
	struct store *st = talk->st;
	struct queue_claimed claimed = { NULL, 0, false };
	const char *cause = NULL;

	switch (talk_hear_sync(talk, deadline_of(sc, st))) {
	case ENDING_SYNC:
		break;
	case ENDING_LATE:
		return scope_fail(sc, PROBLEM_TIMEOUT, "the claim was late");
	case ENDING_LOST:
		return store_unavailable(sc, "the connection to the database "
		    "was lost");
	}
	if (talk->error == NULL)
		claimed = claimed_of(sc->arena, claim, talk->result[take]);
	claimed.again = st->freed;
	st->freed = false;
	st->holding = claimed.count > 0 && claimed.jobs[0].token == 0;
	if (!st->holding)
		cause = end_block(sc, st);
	if (talk->error != NULL)
		cause = arena_format(sc->arena, "SQLSTATE %s",
		    talk_sqlstate(talk));
	if (cause != NULL)
		return talk_refuse(sc, st, cause);
	*ret = claimed;
	return PROBLEM_NONE;
}

enum problem
queue_claim(struct scope *sc, struct store *st,
    const struct queue_claim *claim, struct queue_claimed *ret)
{
	struct talk talk;
	enum problem p;
	size_t take;

	queue_drop(sc, st);
	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	st->freed = false;
	talk_begin(&talk, sc, st);
	take = say_claim(&talk, claim);
	return hear_claim(&talk, claim, take, ret);
}

/* ---- Running. ---- */

static void
say_scope(struct talk *talk, const struct queue_task *task)
{
	const struct queue_job *job = task->job;
	struct arena *arena = talk->sc->arena;
	const char *params[] = { caller_role(task->caller),
		caller_claims(task->caller), job->request_id != NULL ?
		job->request_id : "", job->traceparent != NULL ?
		job->traceparent : "", talk_number(arena, bound_ms(talk->st,
		job->kind)) };

	talk_phrase(talk, PHRASE_SCOPE, countof(params), params);
}

/* Does the scope of one serve the other, as it stands? */
static bool
same_scope(const struct queue_task *a, const struct queue_task *b)
{
	const char *x = a->job->request_id, *y = b->job->request_id;

	return strcmp(caller_role(a->caller), caller_role(b->caller)) == 0 &&
	    strcmp(caller_claims(a->caller), caller_claims(b->caller)) == 0 &&
	    strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

static void
say_call(struct talk *talk, const struct queue_task *task)
{
	struct store *st = talk->st;
	struct query query;

	store_sql(talk->sc->arena, input_plan(task->input), &st->sql, &query);
	talk_query(talk, caller_role(task->caller), &query);
}

static void
say_done(struct talk *talk, const struct queue_task *tasks, size_t count)
{
	struct arena *arena = talk->sc->arena;
	const char *params[2];
	bool serial = false;
	struct buf ids;
	size_t i;

	if (tasks[0].job->token != 0) {
		params[0] = talk_number(arena, tasks[0].job->id);
		params[1] = talk_number(arena, tasks[0].job->token);
		talk_phrase(talk, PHRASE_DONE_LEASED, 2, params);
		return;
	}
	buf_init(&ids, ARRAY_MAX);
	for (i = 0; i < count; i++) {
		buf_format(&ids, "%c%" PRId64, i == 0 ? '{' : ',',
		    tasks[i].job->id);
		serial |= tasks[i].job->serial;
	}
	params[0] = array_end(arena, &ids);
	params[1] = serial ? "true" : "false";
	talk_phrase(talk, PHRASE_DONE, 2, params);
}

static struct queue_result
ending_is(enum queue_ending ending, const char *code)
{
	struct queue_result ret = { .ending = ending };

	snprintf(ret.code, sizeof(ret.code), "%s", code);
	return ret;
}

/* What an error says, apart from its words, which hold values of rows. */
static void
keep_cause(struct scope *sc, const struct talk *talk,
    const struct operation *operation)
{
	const PGresult *e = talk->error;
	struct fault fault = {
		.sqlstate = talk_sqlstate(talk),
		.schema = PQresultErrorField(e, PG_DIAG_SCHEMA_NAME),
		.table = PQresultErrorField(e, PG_DIAG_TABLE_NAME),
		.column = PQresultErrorField(e, PG_DIAG_COLUMN_NAME),
		.constraint = PQresultErrorField(e, PG_DIAG_CONSTRAINT_NAME),
		.context = PQresultErrorField(e, PG_DIAG_CONTEXT),
	};

	(void)store_fault(sc, operation, &fault);
}

/* What came of a transaction that was sent whole. */
static struct queue_result
result_of(struct talk *talk, enum ending ending,
    const struct operation *operation)
{
	struct scope *sc = talk->sc;
	const char *state = talk_sqlstate(talk);

	if (ending == ENDING_LOST) {
		(void)scope_fail(sc, PROBLEM_UNAVAILABLE, "the connection to "
		    "the database was lost");
		return ending_is(QUEUE_LOST, "lost");
	}
	if (ending == ENDING_LATE || strcmp(state, "57014") == 0) {
		(void)scope_fail(sc, PROBLEM_TIMEOUT, "it took too long");
		return ending_is(ending == ENDING_LATE ? QUEUE_LOST :
		    QUEUE_FAILED, "timeout");
	}
	if (talk->error == NULL)
		return ending_is(QUEUE_DONE, "");
	if (strcmp(state, "LSJ01") == 0) {
		(void)scope_fail(sc, PROBLEM_INTERNAL, "the job was another's, "
		    "or settled");
		return ending_is(QUEUE_FENCED, state);
	}
	keep_cause(sc, talk, operation);
	return ending_is(QUEUE_FAILED, state);
}

/* Reads the claim that went behind the Sync. */
static void
hear_next(struct talk *talk, struct queue_next *next, size_t take)
{
	struct queue_claimed claimed = { NULL, 0, false };

	if (talk->st->connection == NULL || hear_claim(talk, next->claim, take,
	    &claimed) != PROBLEM_NONE)
		return;
	next->claimed = claimed;
	next->heard = true;
}

struct queue_result
queue_ending(struct talk *talk, enum ending ending)
{
	static const struct resource none = { .name = "" };
	static const struct operation nothing = { .name = "",
		.resource = &none };

	return result_of(talk, ending, &nothing);
}

struct queue_result
queue_run(struct scope *sc, struct store *st, const struct queue_task *tasks,
    size_t count, struct queue_next *next)
{
	bool held = tasks[0].job->token == 0;
	struct talk talk, then;
	struct queue_result ret;
	size_t i, take = 0;

	if (held && !st->holding)
		return ending_is(QUEUE_LOST, "lost");
	if (!held && store_connect(sc, st) != PROBLEM_NONE)
		return ending_is(QUEUE_LOST, "08001");
	st->holding = false;
	talk_begin(&talk, sc, st);
	say_done(&talk, tasks, count);
	/* What has no input is done without a function. */
	for (i = 0; i < count && tasks[i].input != NULL; i++) {
		if (i == 0 || !same_scope(&tasks[i - 1], &tasks[i]))
			say_scope(&talk, &tasks[i]);
		say_call(&talk, &tasks[i]);
	}
	if (held)
		talk_phrase(&talk, PHRASE_COMMIT, 0, NULL);
	talk_sync(&talk);
	if (next != NULL && next->claim != NULL) {
		talk_begin(&then, next->sc, st);
		then.sent = talk.sent;
		take = say_claim(&then, next->claim);
	}
	ret = result_of(&talk, talk_hear_sync(&talk, sc->deadline_ns),
	    &tasks[0].job->kind->call);
	ret.enqueued = ret.ending == QUEUE_DONE && st->enqueued;
	ret.freed = st->freed;
	st->enqueued = st->freed = false;
	if (next != NULL && next->claim != NULL)
		hear_next(&then, next, take);
	/* What failed is open still: nothing was claimed behind it. */
	if (!st->holding)
		(void)end_block(sc, st);
	return ret;
}

/* ---- Settling. ---- */

static void
say_fail(struct talk *talk, const struct queue_job *job,
    const struct queue_settlement *s)
{
	struct arena *arena = talk->sc->arena;
	const char *params[] = { talk_number(arena, job->id),
		talk_number(arena, job->token),
		talk_number(arena, job->attempt), s->code, s->message,
		s->reason, talk_number(arena, s->delay_ms),
		s->spared ? "true" : "false" };

	talk_phrase(talk, PHRASE_FAIL, countof(params), params);
}

struct queue_result
queue_settle(struct scope *sc, struct store *st, const struct queue_job *job,
    const struct queue_settlement *settlement)
{
	const struct queue_task *dead = settlement->dead;
	const struct queue_task *failed = settlement->failed;
	struct queue_result ret;
	struct talk talk;

	queue_drop(sc, st);
	if (store_connect(sc, st) != PROBLEM_NONE)
		return ending_is(QUEUE_LOST, "lost");
	talk_begin(&talk, sc, st);
	say_fail(&talk, job, settlement);
	if (failed != NULL || dead != NULL)
		say_scope(&talk, failed != NULL ? failed : dead);
	if (failed != NULL)
		say_call(&talk, failed);
	if (dead != NULL)
		say_call(&talk, dead);
	talk_sync(&talk);
	ret = result_of(&talk, talk_hear_sync(&talk, deadline_of(sc, st)),
	    dead != NULL ? job->kind->dead : failed != NULL ?
	    job->kind->failed : &job->kind->call);
	ret.enqueued = ret.ending == QUEUE_DONE && st->enqueued;
	st->enqueued = false;
	return ret;
}

/* ---- Before a call. ---- */

/* The rest of a time, as the error's detail has it. */
static struct queue_readiness
shut(const struct talk *talk)
{
	const char *detail = PQresultErrorField(talk->error,
	    PG_DIAG_MESSAGE_DETAIL);

	return (struct queue_readiness){ .ending = QUEUE_SHUT,
		.wait_ms = detail != NULL ? strtoll(detail, NULL, 10) : 1000 };
}

/* What breaker_pass() and prepare answered. */
static void
heed_answers(const struct talk *talk, size_t pass, size_t prepared,
    struct queue_readiness *ret)
{
	const char *word;

	if (pass < talk->count) {
		word = PQgetvalue(talk->result[pass], 0, 0);
		ret->probe = strcmp(word, "probe") == 0;
		ret->doubtful = strcmp(word, "closed") != 0;
	}
	if (prepared < talk->count && PQntuples(talk->result[prepared]) > 0)
		ret->said = text_at(talk->result[prepared], 0, 0);
}

struct queue_readiness
queue_prepare(struct scope *sc, struct store *st, const struct queue_task *task,
    const char *destination)
{
	const struct queue_job *job = task->job;
	const char *hold[] = { talk_number(sc->arena, job->id),
		talk_number(sc->arena, job->token) };
	const char *ask[] = { destination, hold[0], hold[1] };
	size_t pass = SIZE_MAX, prepared = SIZE_MAX;
	struct queue_readiness ret = { QUEUE_LOST, .code = "08001" };
	struct queue_result result;
	struct talk talk;

	if (store_connect(sc, st) != PROBLEM_NONE)
		return ret;
	talk_begin(&talk, sc, st);
	talk_phrase(&talk, PHRASE_HOLD, countof(hold), hold);
	if (destination != NULL)
		pass = talk_phrase(&talk, PHRASE_PASS, countof(ask), ask);
	if (task->input != NULL) {
		say_scope(&talk, task);
		say_call(&talk, task);
		prepared = talk.count - 1;
	}
	talk_sync(&talk);
	result = result_of(&talk, talk_hear_sync(&talk, deadline_of(sc, st)),
	    task->input != NULL ? job->kind->prepare : &job->kind->call);
	if (strcmp(result.code, "LSJ02") == 0)
		return shut(&talk);
	ret.ending = result.ending;
	memcpy(ret.code, result.code, sizeof(ret.code));
	if (ret.ending == QUEUE_DONE)
		heed_answers(&talk, pass, prepared, &ret);
	ret.enqueued = ret.ending == QUEUE_DONE && st->enqueued;
	st->enqueued = false;
	return ret;
}

/* ---- Telling. ---- */

/* Has nobody of the process told them just now?  From now on somebody has. */
static bool
is_news(_Atomic uint64_t *told_ns)
{
	uint64_t now = clock_now_ns(), then;

	if (told_ns == NULL)
		return true;
	then = atomic_load_explicit(told_ns, memory_order_relaxed);
	return now - then >= TOLD_MS * (uint64_t)1000000 &&
	    atomic_compare_exchange_strong(told_ns, &then, now);
}

void
queue_wake(struct scope *sc, struct store *st)
{
	struct talk talk;
	const char *cause;

	if (st->connection == NULL || !is_news(st->options->told_ns))
		return;
	talk_begin(&talk, sc, st);
	talk_say(&talk, "notify lockstep_jobs", 0, NULL);
	cause = talk_end(&talk, deadline_of(sc, st));
	metric_add("lockstep_job_calls_total", "", cause == NULL);
}
