/* SPDX-License-Identifier: MIT */
/*
 * The circuit breaker in front of Postgres, one for the stores of a process.
 * Closed, it counts failures without a success in between; the fifth opens it.
 * Open, it refuses, so that requests which the database would let down cost no
 * thread and no time.  After a pause, twice as long each time and of random
 * length, it is half open: one probe goes, and settles what comes next.
 *
 * Any success closes it, whoever had it.  Failures count while it is closed,
 * and that of the probe: what was begun before and fails late tells nothing
 * new.  `calm` is closed without a failure; then nobody takes the lock.
 */
#include "store/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metric.h"

enum {
	FAILURES_MAX = 5,	/* in a row, that open it */
	PAUSE_LEAST_MS = 500,
};

enum state { STATE_CLOSED, STATE_OPEN, STATE_HALF_OPEN };

struct breaker {
	_Atomic bool calm;
	_Atomic unsigned turn;		/* times that it opened or closed */
	pthread_mutex_t lock;		/* of all below */
	enum state state;
	unsigned failures;		/* in a row */
	unsigned pause_ms, pause_max_ms;
	uint64_t probe_ns;		/* open: when a probe may go */
	uint64_t random;
};

static const uint64_t ns_per_ms = 1000000;

struct breaker *
breaker_new(unsigned pause_max_ms)
{
	struct breaker *b = calloc(1, sizeof(*b));

	if (b == NULL || pthread_mutex_init(&b->lock, NULL) != 0)
		abort();
	atomic_init(&b->calm, true);
	b->pause_max_ms = pause_max_ms;
	b->random = random_seed();
	return b;
}

void
breaker_free(struct breaker *b)
{
	if (b == NULL)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

unsigned
breaker_turn(struct breaker *b)
{
	return b == NULL ? 0 : atomic_load(&b->turn);
}

/* Between half of the pause and all of it. */
static void
pause_for(struct breaker *b, unsigned ms, uint64_t now_ns)
{
	uint64_t half_ns;

	b->state = STATE_OPEN;
	b->pause_ms = ms < b->pause_max_ms ? ms : b->pause_max_ms;
	half_ns = b->pause_ms * ns_per_ms / 2;
	b->probe_ns = now_ns + half_ns + random_below(&b->random,
	    half_ns + 1);
}

static void
open_up(struct breaker *b, const char *cause, uint64_t now_ns)
{
	pause_for(b, PAUSE_LEAST_MS, now_ns);
	atomic_fetch_add(&b->turn, 1);
	metric_gauge(GAUGE_BREAKERS_OPEN, 1);
	metric_add("lockstep_breaker_open_total", "", 1);
	log_event(LOG_ERROR, "breaker_opened", LOG_TEXT("cause", cause));
}

static void
close_up(struct breaker *b)
{
	if (b->state != STATE_CLOSED) {
		b->state = STATE_CLOSED;
		atomic_fetch_add(&b->turn, 1);
		metric_gauge(GAUGE_BREAKERS_OPEN, -1);
		log_event(LOG_INFO, "breaker_closed", LOG_END);
	}
	b->failures = 0;
	atomic_store(&b->calm, true);
}

enum verdict
breaker_ask(struct breaker *b, uint64_t now_ns, unsigned *ret_wait_ms)
{
	enum verdict verdict = VERDICT_PASS;

	if (b == NULL || atomic_load(&b->calm))
		return VERDICT_PASS;
	pthread_mutex_lock(&b->lock);
	if (b->state == STATE_OPEN && now_ns >= b->probe_ns) {
		b->state = STATE_HALF_OPEN;
		verdict = VERDICT_PROBE;
	} else if (b->state != STATE_CLOSED) {
		verdict = VERDICT_REFUSE;
		*ret_wait_ms = b->state == STATE_HALF_OPEN ? 0 :
		    (unsigned)((b->probe_ns - now_ns) / ns_per_ms);
	}
	pthread_mutex_unlock(&b->lock);
	return verdict;
}

void
breaker_succeeded(struct breaker *b)
{
	if (b == NULL || atomic_load(&b->calm))
		return;
	pthread_mutex_lock(&b->lock);
	close_up(b);
	pthread_mutex_unlock(&b->lock);
}

void
breaker_failed(struct breaker *b, const char *cause, uint64_t now_ns)
{
	if (b == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	atomic_store(&b->calm, false);
	if (b->state == STATE_CLOSED && ++b->failures >= FAILURES_MAX)
		open_up(b, cause, now_ns);
	pthread_mutex_unlock(&b->lock);
}

void
breaker_probed(struct breaker *b, bool well, uint64_t now_ns)
{
	pthread_mutex_lock(&b->lock);
	if (well)
		close_up(b);
	else if (b->state == STATE_HALF_OPEN)
		pause_for(b, b->pause_ms * 2, now_ns);
	pthread_mutex_unlock(&b->lock);
}
