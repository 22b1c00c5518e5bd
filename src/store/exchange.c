/* SPDX-License-Identifier: MIT */
/*
 * One conversation: what was sent up to a Sync, in one flush, and what came
 * back.  Waiting is ours, as libpq's would know no deadline: past it, or when
 * nobody waits for the answer any more, the statement is cancelled.
 *
 * A connection in any other state than idle after a Sync is discarded, but for
 * a transaction that was begun and failed, which is rolled back.
 */
#include "store/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"

enum { GRACE_MS = 1000 };	/* for the end of a cancelled statement */

bool
exchange_note(struct exchange *ex, enum step step, int sent)
{
	if (sent)
		ex->step[ex->count++] = step;
	return sent;
}

enum wait { WAIT_READY, WAIT_LATE, WAIT_LOST, WAIT_GONE };

/*
 * Waits until a result can be taken without blocking, sending what is left:
 * the server may need to be read before it takes more.  `client` is the
 * descriptor that hangs up when nobody waits for it; -1 = none.
 */
static enum wait
wait_result(PGconn *connection, int client, uint64_t deadline_ns)
{
	struct pollfd fd[] = { { .fd = PQsocket(connection) },
		{ .fd = client, .events = POLLRDHUP } };
	int unsent, n;

	while ((unsent = PQflush(connection)) != 0 || PQisBusy(connection)) {
		if (unsent < 0 || fd[0].fd < 0)
			return WAIT_LOST;
		fd[0].events = (short)(unsent ? POLLIN | POLLOUT : POLLIN);
		n = poll(fd, countof(fd), clock_left_ms(deadline_ns));
		if (n == 0)
			return WAIT_LATE;
		if (n < 0 && errno != EINTR)
			return WAIT_LOST;
		if (n > 0 && fd[0].revents == 0)
			return WAIT_GONE;
		if (n > 0 && (fd[0].revents & ~POLLOUT) != 0 &&
		    !PQconsumeInput(connection))
			return WAIT_LOST;
	}
	return WAIT_READY;
}

/* What the end of the waiting means when there is no result. */
static enum ending
unready(struct scope *sc, struct exchange *ex, enum wait wait)
{
	if (wait == WAIT_LOST)
		return ENDING_LOST;
	ex->unattended |= wait == WAIT_GONE;
	if (wait == WAIT_GONE)
		(void)scope_fail(sc, PROBLEM_TIMEOUT, "the client went away");
	return ENDING_LATE;
}

enum ending
exchange_wait(PGconn *connection, uint64_t deadline_ns)
{
	static const enum ending endings[] = {
		[WAIT_READY] = ENDING_SYNC, [WAIT_LATE] = ENDING_LATE,
		[WAIT_GONE] = ENDING_LATE, [WAIT_LOST] = ENDING_LOST,
	};

	return endings[wait_result(connection, -1, deadline_ns)];
}

/* FATAL and PANIC end the session, whatever comes after them. */
bool
exchange_is_last_word(const PGresult *result)
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
		ex->result[step] = result;
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
		wait = wait_result(connection,
		    ex->unattended ? -1 : sc->client, deadline_ns);
		if (wait != WAIT_READY)
			return unready(sc, ex, wait);
		result = PQgetResult(connection);
		if (result == NULL) {
			if (++*at > ex->count)
				return ENDING_LOST;
			continue;
		}
		store_keep(sc->arena, result);
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
			return ENDING_SYNC;
		take_result(ex, *at < ex->count ? ex->step[*at] : STEP_SYNC,
		    result);
		if (ex->error == result && exchange_is_last_word(result))
			return ENDING_LOST;
	}
}

/* Sends the Sync, reads to its end, cancels what takes too long. */
static enum ending
finish(struct scope *sc, struct store *st, uint64_t deadline_ns,
    struct exchange *ex)
{
	enum ending ending = ENDING_LOST;
	uint64_t grace_ns;
	size_t at = 0;

	if (exchange_note(ex, STEP_SYNC, PQpipelineSync(st->connection)))
		ending = collect(sc, st->connection, deadline_ns, ex, &at);
	if (ending != ENDING_LATE)
		return ending;
	grace_ns = clock_now_ns() + GRACE_MS * (uint64_t)1000000;
	ex->deaf = !cancel_within(st, grace_ns);
	if (!ex->deaf)
		ending = collect(sc, st->connection, grace_ns, ex, &at);
	return ending == ENDING_LOST ? ENDING_LATE : ending;
}

/* Ends a transaction that was begun, failed, and so outlived the Sync. */
static void
roll_back(struct scope *sc, struct store *st)
{
	struct exchange ex = { .unattended = true };

	if (exchange_note(&ex, STEP_ROLLBACK, PQsendQueryParams(
	    st->connection, "rollback", 0, NULL, NULL, NULL, NULL, 0)))
		(void)finish(sc, st, clock_now_ns() + GRACE_MS *
		    (uint64_t)1000000, &ex);
}

enum ending
exchange_finish(struct scope *sc, struct store *st, uint64_t deadline_ns,
    struct exchange *ex)
{
	enum ending ending = finish(sc, st, deadline_ns, ex);

	if (ending == ENDING_SYNC &&
	    PQtransactionStatus(st->connection) == PQTRANS_INERROR)
		roll_back(sc, st);
	if (ending == ENDING_SYNC &&
	    PQtransactionStatus(st->connection) != PQTRANS_IDLE)
		ending = ENDING_LOST;
	if (ending != ENDING_SYNC)
		store_discard(st);
	return ending;
}
