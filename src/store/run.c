/* SPDX-License-Identifier: MIT */
/*
 * A request is one conversation: the scope (role, claims, request id, read
 * only), the claim of its key, the statement, what goes with it, Sync; one
 * flush and one read.  All statements before a Sync are one implicit
 * transaction: set_config(..., true) governs what follows it and is gone after
 * the Sync, and an error undoes everything.
 *
 * A pipeline can report every statement as done and still fail at the Sync
 * (deferred constraints, COMMIT), so nothing is told before the Sync came
 * clean.  Until then everything may be done again that is known to be undone:
 * a conflict with another transaction; and, when the connection was lost and
 * nobody knows, a read, or a write whose key makes it safe.
 */
#include "store/internal.h"

#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/metric.h"

enum {
	CONFLICTS_MAX = 3,	/* times that a conflict is tried again */
	CONFLICT_MS = 10,	/* the first pause is at most so long */
};

/* A statement of the conversation, and the steps that it is. */
struct part {
	bool wanted;
	enum step prepare, run;
	struct query query;
	struct statement *statement;	/* NULL = not prepared */
};

enum { PART_CLAIM, PART_RUN, PART_SECOND, PART_COUNT };

/* What a request is to the connection. */
struct job {
	const struct plan *plan;
	struct part part[PART_COUNT];
	const char *role;
	const char *scope[3];		/* parameters of the scope */
	bool reads;
	bool replica;			/* another store may do it, too */
	unsigned conflicts;		/* so far */
	bool stale, lost, moved, swept;	/* was it, once? */
};

static struct part
part_of(enum step prepare, enum step run)
{
	return (struct part){ .prepare = prepare, .run = run };
}

static void
add_second(struct scope *sc, struct store *st, struct job *job)
{
	struct part *second = &job->part[PART_SECOND];

	second->wanted = true;
	if (job->plan->match_count > 0)
		store_sql_probe(sc->arena, job->plan, &st->second_sql,
		    &second->query);
	else if (job->plan->operation->verb == VERB_LIST && job->plan->total)
		store_sql_count(sc->arena, job->plan, &st->second_sql,
		    &second->query);
	else
		second->wanted = false;
}

static struct job
job_of(struct scope *sc, struct store *st, const struct caller *caller,
    const struct plan *plan)
{
	struct job job = { .plan = plan, .role = caller_role(caller),
		.scope = { caller_role(caller), caller_claims(caller),
		    sc->request_id },
		.part = { part_of(STEP_PREPARE_CLAIM, STEP_CLAIM),
		    part_of(STEP_PREPARE, STEP_RUN),
		    part_of(STEP_PREPARE_SECOND, STEP_SECOND) } };

	job.reads = store_reads(plan->operation);
	job.part[PART_RUN].wanted = true;
	store_sql(sc->arena, plan, &st->sql, &job.part[PART_RUN].query);
	add_second(sc, st, &job);
	if (plan->once == NULL)
		return job;
	job.part[PART_CLAIM].wanted = true;
	store_sql_claim(sc->arena, plan, &st->claim_sql,
	    &job.part[PART_CLAIM].query);
	store_sql_keep(plan, &job.part[PART_RUN].query);
	return job;
}

/* Sending. */

static bool
send_text(struct store *st, struct exchange *ex, enum step step,
    const char *sql)
{
	return exchange_note(ex, step, PQsendQueryParams(st->connection, sql,
	    0, NULL, NULL, NULL, NULL, 0));
}

static bool
is_kept(const struct store *st, const struct part *part)
{
	return part->wanted && !part->query.passing &&
	    !st->options->unprepared;
}

/* Finds what is prepared already, and counts what is not. */
static size_t
find_statements(struct store *st, struct job *job)
{
	size_t missing = 0;
	int i;

	for (i = 0; i < PART_COUNT; i++) {
		struct part *part = &job->part[i];

		part->statement = NULL;
		if (!is_kept(st, part))
			continue;
		part->statement = statements_find(&st->statements, job->role,
		    part->query.sql->at, part->query.sql->length);
		missing += part->statement == NULL;
	}
	return missing;
}

/*
 * Makes room first: what is forgotten must not depend on what follows.  What
 * was found has just been used, so it is not the oldest; but to take one out
 * moves others, so they are found once more.
 */
static bool
send_forget(struct store *st, struct exchange *ex, struct job *job)
{
	struct statements *all = &st->statements;
	size_t missing = find_statements(st, job), room = 0;
	char sql[STATEMENT_NAME_MAX + 16];
	struct statement *oldest;

	if (st->forget) {
		st->forget = false;
		return send_text(st, ex, STEP_FORGET, "deallocate all");
	}
	for (; room < FORGET_MAX && all->count > 0 &&
	    all->count + missing > all->most; room++) {
		oldest = statements_oldest(all);
		snprintf(sql, sizeof(sql), "deallocate %s", oldest->name);
		statements_remove(all, oldest);
		if (!send_text(st, ex, STEP_FORGET, sql))
			return false;
	}
	(void)find_statements(st, job);
	return true;
}

static bool
send_scope(struct store *st, struct exchange *ex, const struct job *job)
{
	static const char *const names[] = { "scope", "scope_read" };
	const char *name = names[job->reads], *sql = st->scope_sql[job->reads];

	const char *const pooled[] = { job->scope[0], job->scope[1],
		job->scope[2], st->identity_text };

	if (st->options->unprepared)
		return exchange_note(ex, STEP_SCOPE, PQsendQueryParams(
		    st->connection, sql, (int)countof(pooled) -
		    (st->options->gate == NULL), NULL, pooled, NULL, NULL, 0));
	if (!st->scope_prepared[job->reads] &&
	    !exchange_note(ex, STEP_PREPARE_SCOPE, PQsendPrepare(
	    st->connection, name, sql, 0, NULL)))
		return false;
	return exchange_note(ex, STEP_SCOPE, PQsendQueryPrepared(
	    st->connection, name, countof(job->scope), job->scope, NULL, NULL,
	    0));
}

static bool
send_part(struct store *st, struct exchange *ex, const struct job *job,
    struct part *part)
{
	const struct query *q = &part->query;
	bool known = part->statement != NULL;
	const char *name;

	if (!part->wanted)
		return true;
	if (!is_kept(st, part))
		return exchange_note(ex, part->run, PQsendQueryParams(
		    st->connection, q->sql->at, (int)q->param_count, NULL,
		    q->params, NULL, NULL, 0));
	if (!known)
		part->statement = statements_add(&st->statements, job->role,
		    q->sql->at, q->sql->length);
	name = part->statement->name;
	if (!known && !exchange_note(ex, part->prepare, PQsendPrepare(
	    st->connection, name, q->sql->at, 0, NULL)))
		return false;
	return exchange_note(ex, part->run, PQsendQueryPrepared(
	    st->connection, name, (int)q->param_count, q->params, NULL, NULL,
	    0));
}

/*
 * Of a rehearsal nothing stays, so constraints that are deferred to a COMMIT
 * are looked at before the ROLLBACK.
 */
static bool
send_all(struct store *st, struct exchange *ex, struct job *job)
{
	bool rehearsed = job->plan->rollback && !job->reads;
	int i;

	if (!send_forget(st, ex, job) ||
	    (rehearsed && !send_text(st, ex, STEP_BEGIN, "begin")) ||
	    !send_scope(st, ex, job))
		return false;
	for (i = 0; i < PART_COUNT; i++)
		if (!send_part(st, ex, job, &job->part[i]))
			return false;
	return !rehearsed || (send_text(st, ex, STEP_CONSTRAINTS,
	    "set constraints all immediate") &&
	    send_text(st, ex, STEP_ROLLBACK, "rollback"));
}

/* Was the step sent, and has it failed or not been reached? */
static bool
was_in_vain(const struct exchange *ex, enum step step)
{
	size_t i;

	for (i = 0; i < ex->count; i++)
		if (ex->step[i] == step)
			return ex->result[step] == NULL;
	return false;
}

/* What the server has not prepared after all is not kept in mind. */
static void
note_prepared(struct store *st, const struct job *job,
    const struct exchange *ex)
{
	int i;

	if (!st->options->unprepared)
		st->scope_prepared[job->reads] =
		    !was_in_vain(ex, STEP_PREPARE_SCOPE);
	for (i = 0; i < PART_COUNT; i++) {
		const struct part *part = &job->part[i];

		if (is_kept(st, part) && was_in_vain(ex, part->prepare))
			statements_remove(&st->statements, statements_find(
			    &st->statements, job->role, part->query.sql->at,
			    part->query.sql->length));
	}
}

/*
 * What the breaker learns of it.  A session that was lost says little, as all
 * may be ended at once by a server that is well: the next attempt to connect
 * will tell.  A client that went away says nothing, unless the server did not
 * even take the cancel.
 */
static void
tell_breaker(struct store *st, enum ending ending, const struct exchange *ex)
{
	if (ending == ENDING_SYNC)
		breaker_succeeded(st->breaker);
	else if (ending == ENDING_LATE && (ex->deaf || !ex->unattended))
		breaker_failed(st->breaker, "the deadline passed and the "
		    "statement did not stop", clock_now_ns());
}

static enum ending
converse(struct scope *sc, struct store *st, struct job *job,
    struct exchange *ex)
{
	enum ending ending;

	memset(ex, 0, sizeof(*ex));
	if (!send_all(st, ex, job)) {
		store_discard(st);
		return ENDING_LOST;
	}
	ending = exchange_finish(sc, st, sc->deadline_ns, ex);
	tell_breaker(st, ending, ex);
	if (ending == ENDING_SYNC)
		note_prepared(st, job, ex);
	else
		metric_add("lockstep_database_failures_total", "", 1);
	return ending;
}

/* What came of it. */

static const char *
error_field(const struct exchange *ex, int code)
{
	return ex->error == NULL ? NULL : PQresultErrorField(ex->error, code);
}

static bool
is_state(const struct exchange *ex, const char *sqlstate)
{
	const char *state = error_field(ex, PG_DIAG_SQLSTATE);

	return state != NULL && strcmp(state, sqlstate) == 0;
}

/*
 * The server does not know a name (a pooler gave us another session), or a
 * table was altered below a plan.  All was rolled back, so that any verb may
 * be run again.  0A000 is also what a function may raise for itself.
 */
static bool
is_stale(const struct exchange *ex)
{
	const char *where = error_field(ex, PG_DIAG_SOURCE_FUNCTION);

	return is_state(ex, "26000") || (is_state(ex, "0A000") &&
	    where != NULL && strcmp(where, "RevalidateCachedQuery") == 0);
}

static void
forget_statements(struct store *st)
{
	statements_clear(&st->statements);
	st->scope_prepared[false] = st->scope_prepared[true] = false;
	st->forget = true;
}

/* Is it another database than the one that was checked?  Nothing was run. */
static bool
is_elsewhere(const struct exchange *ex)
{
	const char *words = error_field(ex, PG_DIAG_MESSAGE_PRIMARY);

	return words != NULL && ex->failed <= STEP_SCOPE &&
	    strstr(words, gate_other) != NULL;
}

/*
 * Serialization failures and deadlocks: a pause of random length, longer each
 * time, and once more.
 */
static bool
try_again_after_conflict(struct scope *sc, struct store *st, struct job *job,
    const struct exchange *ex)
{
	const char *state = error_field(ex, PG_DIAG_SQLSTATE);
	uint64_t ns = 1 + random_below(&st->random,
	    (uint64_t)CONFLICT_MS * 1000000 << job->conflicts);
	struct timespec pause = { .tv_nsec = (long)ns };
	char labels[32];

	if (!is_state(ex, "40001") && !is_state(ex, "40P01"))
		return false;
	if (job->replica || job->conflicts == CONFLICTS_MAX ||
	    (sc->deadline_ns != 0 && clock_now_ns() + ns > sc->deadline_ns))
		return false;
	job->conflicts++;
	snprintf(labels, sizeof(labels), "sqlstate=\"%s\"", state);
	metric_add("lockstep_retries_total", labels, 1);
	nanosleep(&pause, NULL);
	return true;
}

/* Is it the first time?  From now on it is not. */
static bool
once(bool *was)
{
	bool first = !*was;

	*was = true;
	return first;
}

/*
 * May it be run again, and is it worth it?  A server that takes no writes was
 * the primary before: another of the connection string's hosts may be now.  A
 * new connection learns which database there is.
 */
static bool
is_to_run_again(struct scope *sc, struct store *st, struct job *job,
    enum ending ending, const struct exchange *ex)
{
	if (ending == ENDING_LOST)
		return (job->reads || job->plan->once != NULL ||
		    job->plan->again) && once(&job->lost);
	if (ending != ENDING_SYNC)
		return false;
	if (is_stale(ex) && once(&job->stale)) {
		forget_statements(st);
		return true;
	}
	if (is_elsewhere(ex) || (!job->reads && is_state(ex, "25006"))) {
		store_discard(st);
		return once(&job->moved);
	}
	return try_again_after_conflict(sc, st, job, ex);
}

/* What a claim says, beside that it was granted. */
static const struct {
	const char *sqlstate;
	enum problem problem;
	const char *cause;
} claims[] = {
	{ "LSI01", PROBLEM_REQUEST_IN_PROGRESS, "the key is being worked on" },
	{ "LSI02", PROBLEM_IDEMPOTENCY_KEY_REUSED,
	    "the key was used for another request" },
};

/* PROBLEM_NONE: the error is none of the key's. */
static enum problem
key_problem(struct scope *sc, const struct job *job, const struct exchange *ex)
{
	const char *constraint = error_field(ex, PG_DIAG_CONSTRAINT_NAME);
	size_t i;

	for (i = 0; i < countof(claims); i++) {
		if (ex->failed != STEP_CLAIM ||
		    !is_state(ex, claims[i].sqlstate))
			continue;
		sc->retry_after_s = claims[i].problem ==
		    PROBLEM_REQUEST_IN_PROGRESS;
		return scope_fail(sc, claims[i].problem, "%s",
		    claims[i].cause);
	}
	/* Under stricter isolation a claim does not see what has just ended. */
	if (constraint != NULL && strcmp(constraint, "idempotency_pkey") == 0) {
		sc->retry_after_s = 1;
		return scope_fail(sc, PROBLEM_REQUEST_IN_PROGRESS,
		    "the key was kept meanwhile");
	}
	if (is_state(ex, "LSI04"))
		return job->plan->operation->verb == VERB_CREATE ?
		    scope_fail(sc, PROBLEM_INTERNAL,
		    "the insert made no row") :
		    scope_fail(sc, PROBLEM_NOT_FOUND,
		    "the function returned no row");
	return PROBLEM_NONE;
}

/*
 * A refusal of the scope is a fault of the installation, never the caller's.
 * What Postgres says while it parses our own text names no value.
 */
static enum problem
refused(struct scope *sc, const struct job *job, const struct exchange *ex)
{
	struct fault fault = {
		.sqlstate = error_field(ex, PG_DIAG_SQLSTATE),
		.schema = error_field(ex, PG_DIAG_SCHEMA_NAME),
		.table = error_field(ex, PG_DIAG_TABLE_NAME),
		.column = error_field(ex, PG_DIAG_COLUMN_NAME),
		.constraint = error_field(ex, PG_DIAG_CONSTRAINT_NAME),
		.context = error_field(ex, PG_DIAG_CONTEXT),
	};
	enum problem p;

	if (fault.sqlstate == NULL)
		return scope_fail(sc, PROBLEM_INTERNAL, "libpq: %s",
		    PQresStatus(PQresultStatus(ex->error)));
	if (is_elsewhere(ex))
		return store_unavailable(sc, "another database took the place "
		    "of the one that was checked");
	if (ex->failed <= STEP_SCOPE && (strncmp(fault.sqlstate, "42", 2) ==
	    0 || strncmp(fault.sqlstate, "22", 2) == 0))
		return scope_fail(sc, PROBLEM_INTERNAL, "SQLSTATE %s: the "
		    "login role may not become %s", fault.sqlstate, job->role);
	if (!job->reads && is_state(ex, "25006"))
		return store_unavailable(sc, "the server takes no writes");
	if (job->plan->once != NULL &&
	    (p = key_problem(sc, job, ex)) != PROBLEM_NONE)
		return p;
	if (ex->failed == STEP_PREPARE || ex->failed == STEP_PREPARE_CLAIM ||
	    ex->failed == STEP_PREPARE_SECOND)
		fault.words = error_field(ex, PG_DIAG_MESSAGE_PRIMARY);
	return store_fault(sc, job->plan->operation, &fault);
}

/* Did a statement with If-Match find no row, though there is one? */
static bool
is_another_version(const struct job *job, const struct exchange *ex)
{
	const PGresult *rows = ex->result[STEP_RUN];

	if (job->plan->match_count == 0 || PQntuples(ex->result[STEP_SECOND])
	    == 0)
		return false;
	return job->plan->once != NULL ? PQgetisnull(rows, 0, 0) :
	    PQntuples(rows) == 0;
}

static enum problem
tell(struct scope *sc, struct store *st, const struct job *job,
    const struct exchange *ex, struct outcome *ret)
{
	const PGresult *rows = ex->result[STEP_RUN];
	const struct plan *plan = job->plan;
	enum problem p;

	if (rows == NULL)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "the statement gave no result");
	if (is_another_version(job, ex))
		return scope_fail(sc, PROBLEM_PRECONDITION_FAILED,
		    "the row has another tag");
	if (plan->once != NULL)
		return store_kept(sc, st, plan, PQgetisnull(rows, 0, 0) ?
		    NULL : PQgetvalue(rows, 0, 0), ret);
	p = store_rows(sc, st, plan, &job->part[PART_RUN].query, rows, ret);
	if (p == PROBLEM_NONE && ex->result[STEP_SECOND] != NULL)
		store_total(plan, ex->result[STEP_SECOND], ret);
	return p;
}

static enum problem
settle(struct scope *sc, struct store *st, const struct job *job,
    enum ending ending, const struct exchange *ex, struct outcome *ret)
{
	if (ending == ENDING_LATE)
		return scope_fail(sc, PROBLEM_TIMEOUT,
		    "the deadline passed and the statement did not stop");
	if (ending == ENDING_LOST)
		return store_unavailable(sc,
		    "the connection to the database was lost");
	if (ex->error != NULL)
		return refused(sc, job, ex);
	return tell(sc, st, job, ex, ret);
}

/*
 * Has the session ended while it was idle?  Then it is readable: a last word,
 * the end.  A write asks first, for the price of a poll(2), since it cannot be
 * sent twice; a read is simply repeated.
 */
static void
notice_loss(struct store *st)
{
	struct pollfd fd = { .events = POLLIN };

	if (st->connection == NULL)
		return;
	fd.fd = PQsocket(st->connection);
	while (poll(&fd, 1, 0) > 0) {
		if (!PQconsumeInput(st->connection)) {
			store_discard(st);
			return;
		}
	}
}

/* Converses until there is an end that will not be another next time. */
static enum problem
run_job(struct scope *sc, struct store *st, struct job *job,
    enum ending *ret_ending, struct exchange *ret)
{
	enum problem p;

	do {
		if (clock_left_ms(sc->deadline_ns) == 0)
			return scope_fail(sc, PROBLEM_TIMEOUT,
			    "the deadline passed before the statement");
		if ((p = store_connect(sc, st)) != PROBLEM_NONE)
			return p;
		*ret_ending = converse(sc, st, job, ret);
	} while (is_to_run_again(sc, st, job, *ret_ending, ret));
	return PROBLEM_NONE;
}

static bool
was_done(const struct exchange *ex)
{
	return ex->error != NULL && ex->failed == STEP_CLAIM &&
	    is_state(ex, "LSI03");
}

/*
 * Tells what was replied, in a conversation of its own.  PROBLEM_NONE with
 * *ret_gone: the key was swept a moment ago.
 */
static enum problem
replay(struct scope *sc, struct store *st, const struct job *job,
    bool *ret_gone, struct outcome *ret)
{
	struct job again = *job;
	struct part *run = &again.part[PART_RUN];
	struct exchange ex;
	enum ending ending;
	const PGresult *rows;
	enum problem p;

	again.part[PART_CLAIM].wanted = again.part[PART_SECOND].wanted = false;
	store_sql_replay(sc->arena, job->plan, &st->claim_sql, &run->query);
	if ((p = run_job(sc, st, &again, &ending, &ex)) != PROBLEM_NONE)
		return p;
	if (ending != ENDING_SYNC || ex.error != NULL)
		return settle(sc, st, &again, ending, &ex, ret);
	rows = ex.result[STEP_RUN];
	if ((*ret_gone = PQntuples(rows) == 0))
		return PROBLEM_NONE;
	p = store_kept(sc, st, job->plan, PQgetvalue(rows, 0, 0), ret);
	if (p != PROBLEM_NONE)
		return p;
	ret->replayed = true;
	ret->request_id = PQgetvalue(rows, 0, 1);
	return PROBLEM_NONE;
}

/* Settles; and if it has left a job, workers are told: after the commit. */
static enum problem
settle_and_tell(struct scope *sc, struct store *st, const struct job *job,
    enum ending ending, const struct exchange *ex, struct outcome *ret)
{
	enum problem p = settle(sc, st, job, ending, ex, ret);

	if (st->enqueued && ending == ENDING_SYNC && ex->error == NULL)
		queue_wake(sc, st);
	st->enqueued = false;
	return p;
}

static enum problem
run_primary(struct scope *sc, struct store *st, struct job *job,
    struct outcome *ret)
{
	struct exchange ex;
	enum ending ending;
	bool gone = false;
	enum problem p;

	if (!job->reads && job->plan->once == NULL)
		notice_loss(st);
	for (;;) {
		p = run_job(sc, st, job, &ending, &ex);
		if (p != PROBLEM_NONE)
			return p;
		if (job->plan->once == NULL || ending != ENDING_SYNC ||
		    !was_done(&ex))
			return settle_and_tell(sc, st, job, ending, &ex, ret);
		p = replay(sc, st, job, &gone, ret);
		if (p != PROBLEM_NONE || !gone)
			return p;
		if (!once(&job->swept))
			return store_unavailable(sc, "the key was swept");
		store_sql_claim(sc->arena, job->plan, &st->claim_sql,
		    &job->part[PART_CLAIM].query);
	}
}

/*
 * A replica that is down, or that had to cancel the statement for the sake of
 * what the primary sent it, costs no request: the primary is asked.
 */
static bool
run_replica(struct scope *sc, struct store *st, struct job *job,
    enum problem *ret_problem, struct outcome *ret)
{
	unsigned issues = sc->issue_count;
	struct exchange ex;
	enum ending ending;

	job->replica = true;
	*ret_problem = run_job(sc, st->replica, job, &ending, &ex);
	if (*ret_problem == PROBLEM_NONE)
		*ret_problem = settle(sc, st->replica, job, ending, &ex, ret);
	if (*ret_problem != PROBLEM_UNAVAILABLE)
		return true;
	metric_add("lockstep_replica_misses_total", "", 1);
	scope_issues_rewind(sc, issues);
	sc->cause = NULL;
	sc->retry_after_s = 0;
	job->replica = job->stale = job->lost = false;
	return false;
}

enum problem
store_run(struct scope *sc, struct store *st, const struct caller *caller,
    const struct input *input, struct outcome *ret)
{
	const struct plan *plan = input_plan(input);
	struct job job = job_of(sc, st, caller, plan);
	enum problem p;

	if (st->sql.failed || st->second_sql.failed)
		return scope_fail(sc, PROBLEM_INTERNAL, "statement too long");
	if (st->replica != NULL && plan->operation->replica && job.reads &&
	    run_replica(sc, st, &job, &p, ret))
		return p;
	return run_primary(sc, st, &job, ret);
}
