/* SPDX-License-Identifier: MIT */
/*
 * One conversation: the scope (role, claims, request id, read only), the
 * statement, Sync, in one flush and one read.  All statements before a Sync
 * are one implicit transaction: set_config(..., true) governs what follows it
 * and is gone after the Sync, and an error undoes everything.
 *
 * A pipeline can report every statement as done and still fail at the Sync
 * (deferred constraints, COMMIT), so nothing is told before the Sync came
 * clean.  A connection in any other state than idle after a Sync is discarded.
 */
#include "store/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/metric.h"

enum { GRACE_MS = 1000 };	/* for the end of a cancelled statement */

/*
 * The role goes first: when it is refused, nothing after it is run.  Read only
 * cannot be turned off again within the transaction.  num_nulls() evaluates
 * its arguments in their order and gives one short column, so that the claims
 * do not travel back; that is worth 3 to 6 in 100 of a small request.
 */
#define SCOPE                                                                  \
	"select pg_catalog.num_nulls("                                         \
	"pg_catalog.set_config('role', $1, true), "                            \
	"pg_catalog.set_config('request.jwt.claims', $2, true), "              \
	"pg_catalog.set_config('lockstep.request_id', $3, true)"
static const char *const scope_name[] = { "scope", "scope_read" };
static const char *const scope_sql[] = {
	SCOPE ")",
	SCOPE ", pg_catalog.set_config('transaction_read_only', 'on', true))",
};

bool
exchange_note(struct exchange *ex, enum step step, int sent)
{
	if (sent)
		ex->step[ex->count++] = step;
	return sent;
}

static void
drop_result(void *result)
{
	PQclear(result);
}

enum wait { WAIT_READY, WAIT_LATE, WAIT_LOST };

/*
 * Waits until a result can be taken without blocking, sending what is left:
 * the server may need to be read before it takes more.
 */
static enum wait
wait_result(PGconn *connection, uint64_t deadline_ns)
{
	struct pollfd fd = { .fd = PQsocket(connection) };
	int unsent, n;

	while ((unsent = PQflush(connection)) != 0 || PQisBusy(connection)) {
		if (unsent < 0 || fd.fd < 0)
			return WAIT_LOST;
		fd.events = (short)(unsent ? POLLIN | POLLOUT : POLLIN);
		n = poll(&fd, 1, clock_left_ms(deadline_ns));
		if (n == 0)
			return WAIT_LATE;
		if (n < 0 && errno != EINTR)
			return WAIT_LOST;
		if (n > 0 && (fd.revents & ~POLLOUT) != 0 &&
		    !PQconsumeInput(connection))
			return WAIT_LOST;
	}
	return WAIT_READY;
}

/* FATAL and PANIC end the session, whatever comes after them. */
static bool
is_last_word(const PGresult *result)
{
	const char *severity = PQresultErrorField(result,
	    PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity == NULL || strcmp(severity, "ERROR") != 0;
}

static void
take_result(struct exchange *ex, enum step step, const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		ex->done[step] = true;
		if (step == STEP_RUN)
			ex->rows = result;
		break;
	case PGRES_PIPELINE_ABORTED:
		break;
	default:
		if (ex->error != NULL)
			break;
		ex->error = result;
		ex->failed = step;
	}
}

/* Takes results until the Sync; may be called again after ENDING_LATE. */
static enum ending
collect(struct scope *sc, PGconn *connection, uint64_t deadline_ns,
    struct exchange *ex, size_t *at)
{
	PGresult *result;
	enum wait wait;

	for (;;) {
		wait = wait_result(connection, deadline_ns);
		if (wait != WAIT_READY)
			return wait == WAIT_LATE ? ENDING_LATE : ENDING_LOST;
		result = PQgetResult(connection);
		if (result == NULL) {
			if (++*at > ex->count)
				return ENDING_LOST;
			continue;
		}
		arena_defer(sc->arena, drop_result, result);
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
			return ENDING_SYNC;
		take_result(ex, *at < ex->count ? ex->step[*at] : STEP_SYNC,
		    result);
		if (ex->error == result && is_last_word(result))
			return ENDING_LOST;
	}
}

/* Asks the server to stop, by a connection of its own. */
static void
cancel(struct store *st)
{
	char words[256];

	(void)PQcancel(st->cancel, words, sizeof(words));
}

enum ending
exchange_finish(struct scope *sc, struct store *st, uint64_t deadline_ns,
    struct exchange *ex)
{
	enum ending ending = ENDING_LOST;
	size_t at = 0;

	if (exchange_note(ex, STEP_SYNC, PQpipelineSync(st->connection)))
		ending = collect(sc, st->connection, deadline_ns, ex, &at);
	if (ending == ENDING_LATE) {
		cancel(st);
		ending = collect(sc, st->connection, clock_now_ns() +
		    GRACE_MS * (uint64_t)1000000, ex, &at);
		if (ending == ENDING_LOST)
			ending = ENDING_LATE;
	}
	if (ending == ENDING_SYNC &&
	    PQtransactionStatus(st->connection) != PQTRANS_IDLE)
		ending = ENDING_LOST;
	if (ending != ENDING_SYNC)
		store_discard(st);
	return ending;
}

/* What a request is to the connection. */
struct job {
	const struct plan *plan;
	struct query query;
	const char *role;
	const char *scope[3];		/* parameters of the scope */
	bool reads;
	struct statement *statement;	/* being prepared now, or NULL */
};

/* Makes room first: what is forgotten must not depend on what follows. */
static bool
send_forget(struct store *st, struct exchange *ex, struct job *job)
{
	char name[STATEMENT_NAME_MAX], sql[STATEMENT_NAME_MAX + 16];
	struct statement *oldest;

	if (st->forget) {
		st->forget = false;
		return exchange_note(ex, STEP_FORGET, PQsendQueryParams(
		    st->connection, "deallocate all", 0, NULL, NULL, NULL,
		    NULL, 0));
	}
	if (job->statement != NULL || !statements_full(&st->statements))
		return true;
	oldest = statements_oldest(&st->statements);
	statement_name(oldest, name);
	statements_remove(&st->statements, oldest);
	snprintf(sql, sizeof(sql), "deallocate %s", name);
	return exchange_note(ex, STEP_FORGET, PQsendQueryParams(
	    st->connection, sql, 0, NULL, NULL, NULL, NULL, 0));
}

static bool
send_scope(struct store *st, struct exchange *ex, const struct job *job)
{
	const char *name = scope_name[job->reads];

	if (!st->scope_prepared[job->reads] &&
	    !exchange_note(ex, STEP_PREPARE_SCOPE, PQsendPrepare(
	    st->connection, name, scope_sql[job->reads], 0, NULL)))
		return false;
	return exchange_note(ex, STEP_SCOPE, PQsendQueryPrepared(
	    st->connection, name, countof(job->scope), job->scope, NULL, NULL,
	    0));
}

static bool
send_statement(struct store *st, struct exchange *ex, struct job *job)
{
	const struct query *q = &job->query;
	char name[STATEMENT_NAME_MAX];
	bool known = job->statement != NULL;

	if (!known)
		job->statement = statements_add(&st->statements, job->role,
		    q->sql->at, q->sql->length);
	statement_name(job->statement, name);
	if (!known && !exchange_note(ex, STEP_PREPARE, PQsendPrepare(
	    st->connection, name, q->sql->at, 0, NULL)))
		return false;
	return exchange_note(ex, STEP_RUN, PQsendQueryPrepared(st->connection,
	    name, (int)q->param_count, q->params, NULL, NULL, 0));
}

/* Was the step sent, and has it failed or not been reached? */
static bool
was_in_vain(const struct exchange *ex, enum step step)
{
	size_t i;

	for (i = 0; i < ex->count; i++)
		if (ex->step[i] == step)
			return !ex->done[step];
	return false;
}

static enum ending
converse(struct scope *sc, struct store *st, struct job *job,
    struct exchange *ex)
{
	enum ending ending;

	memset(ex, 0, sizeof(*ex));
	job->statement = statements_find(&st->statements, job->role,
	    job->query.sql->at, job->query.sql->length);
	if (!send_forget(st, ex, job) || !send_scope(st, ex, job) ||
	    !send_statement(st, ex, job)) {
		store_discard(st);
		return ENDING_LOST;
	}
	ending = exchange_finish(sc, st, sc->deadline_ns, ex);
	if (ending != ENDING_SYNC) {
		metric_add("lockstep_database_failures_total", "", 1);
		return ending;
	}
	st->scope_prepared[job->reads] = !was_in_vain(ex, STEP_PREPARE_SCOPE);
	if (was_in_vain(ex, STEP_PREPARE))
		statements_remove(&st->statements, job->statement);
	return ENDING_SYNC;
}

/*
 * The server does not know a name (a pooler gave us another session), or a
 * table was altered below a plan.  All was rolled back, so that any verb may
 * be run again.  0A000 is also what a function may raise for itself.
 */
static bool
is_stale(const struct exchange *ex)
{
	const char *state, *where;

	if (ex->error == NULL)
		return false;
	state = PQresultErrorField(ex->error, PG_DIAG_SQLSTATE);
	where = PQresultErrorField(ex->error, PG_DIAG_SOURCE_FUNCTION);
	if (state == NULL || where == NULL)
		return false;
	return strcmp(state, "26000") == 0 || (strcmp(state, "0A000") == 0 &&
	    strcmp(where, "RevalidateCachedQuery") == 0);
}

static void
forget_statements(struct store *st)
{
	statements_clear(&st->statements);
	st->scope_prepared[false] = st->scope_prepared[true] = false;
	st->forget = true;
}

static const char *
field_of(const PGresult *result, int code)
{
	return PQresultErrorField(result, code);
}

/*
 * A refusal of the scope is a fault of the installation, never the caller's.
 * What Postgres says while it parses our own text names no value.
 */
static enum problem
refused(struct scope *sc, const struct job *job, const struct exchange *ex)
{
	const PGresult *e = ex->error;
	struct fault fault = {
		.sqlstate = field_of(e, PG_DIAG_SQLSTATE),
		.schema = field_of(e, PG_DIAG_SCHEMA_NAME),
		.table = field_of(e, PG_DIAG_TABLE_NAME),
		.column = field_of(e, PG_DIAG_COLUMN_NAME),
		.constraint = field_of(e, PG_DIAG_CONSTRAINT_NAME),
		.context = field_of(e, PG_DIAG_CONTEXT),
	};

	if (fault.sqlstate == NULL)
		return scope_fail(sc, PROBLEM_INTERNAL, "libpq: %s",
		    PQresStatus(PQresultStatus(e)));
	if (ex->failed < STEP_PREPARE && (strncmp(fault.sqlstate, "42", 2) ==
	    0 || strncmp(fault.sqlstate, "22", 2) == 0))
		return scope_fail(sc, PROBLEM_INTERNAL, "SQLSTATE %s: the "
		    "login role may not become %s", fault.sqlstate, job->role);
	if (ex->failed == STEP_PREPARE)
		fault.words = field_of(e, PG_DIAG_MESSAGE_PRIMARY);
	return store_fault(sc, job->plan->operation, &fault);
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
	if (ex->rows == NULL)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "the statement gave no result");
	return store_rows(sc, st, job->plan, &job->query, ex->rows, ret);
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

enum problem
store_run(struct scope *sc, struct store *st, const struct caller *caller,
    const struct input *input, struct outcome *ret)
{
	struct job job = { .plan = input_plan(input),
		.role = caller_role(caller),
		.scope = { caller_role(caller), caller_claims(caller),
		    sc->request_id } };
	struct exchange ex;
	enum ending ending;
	enum problem p;
	bool again = true;

	job.reads = store_reads(job.plan->operation);
	store_sql(sc->arena, job.plan, &st->sql, &job.query);
	if (st->sql.failed)
		return scope_fail(sc, PROBLEM_INTERNAL, "statement too long");
	if (!job.reads)
		notice_loss(st);
	for (;; again = false) {
		if (clock_left_ms(sc->deadline_ns) == 0)
			return scope_fail(sc, PROBLEM_TIMEOUT,
			    "the deadline passed before the statement");
		if ((p = store_connect(sc, st)) != PROBLEM_NONE)
			return p;
		ending = converse(sc, st, &job, &ex);
		if (again && ending == ENDING_SYNC && is_stale(&ex))
			forget_statements(st);
		else if (!again || ending != ENDING_LOST || !job.reads)
			break;
	}
	return settle(sc, st, &job, ending, &ex, ret);
}
