/* SPDX-License-Identifier: MIT */
/*
 * Asking the server to stop a statement.  libpq does so by a connection of its
 * own and waits without bound until the server has taken the request: on a
 * server that hangs, for ever.  So a thread waits for it, and the store for
 * the thread, so long as it cares to.
 *
 * A request that is under way may yet stop whatever runs in the session, so a
 * connection is kept only when the thread has ended.  A store has one such
 * thread at most: while it hangs, no other is begun.  Whoever of the two lets
 * go last frees what they share.
 */
#include "store/internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { STACK_BYTES = 256 << 10 };

struct cancel {
	PGcancel *request;
	pthread_mutex_t lock;		/* of the two below */
	pthread_cond_t changed;
	bool over;			/* the thread is done with it */
	bool forgotten;			/* the store is */
};

static void
cancel_free(struct cancel *c)
{
	PQfreeCancel(c->request);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct cancel *
cancel_new(PGcancel *request)
{
	struct cancel *c = calloc(1, sizeof(*c));
	pthread_condattr_t monotonic;

	if (c == NULL || pthread_condattr_init(&monotonic) != 0 ||
	    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(&c->changed, &monotonic) != 0 ||
	    pthread_mutex_init(&c->lock, NULL) != 0)
		abort();
	pthread_condattr_destroy(&monotonic);
	c->request = request;
	return c;
}

static void *
cancel_thread(void *arg)
{
	struct cancel *c = arg;
	bool forgotten;
	char words[256];

	(void)PQcancel(c->request, words, sizeof(words));
	pthread_mutex_lock(&c->lock);
	c->over = true;
	forgotten = c->forgotten;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (forgotten)
		cancel_free(c);
	return NULL;
}

static bool
start_thread(struct cancel *c)
{
	pthread_attr_t attr;
	pthread_t thread;
	int failed;

	if (pthread_attr_init(&attr) != 0)
		return false;
	failed = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (failed == 0)
		failed = pthread_attr_setdetachstate(&attr,
		    PTHREAD_CREATE_DETACHED);
	if (failed == 0)
		failed = pthread_create(&thread, &attr, cancel_thread, c);
	pthread_attr_destroy(&attr);
	return failed == 0;
}

/* Has the thread ended, or does it by then? */
static bool
is_over_by(struct cancel *c, uint64_t deadline_ns)
{
	const uint64_t ns_per_s = 1000000000;
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / ns_per_s),
		.tv_nsec = (long)(deadline_ns % ns_per_s),
	};
	int waited = 0;
	bool over;

	pthread_mutex_lock(&c->lock);
	while (!c->over && waited == 0)
		waited = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	over = c->over;
	pthread_mutex_unlock(&c->lock);
	return over;
}

/* Frees the one before when it has ended; false: it has not. */
static bool
clear_last(struct store *st, uint64_t deadline_ns)
{
	if (st->cancel == NULL)
		return true;
	if (!is_over_by(st->cancel, deadline_ns))
		return false;
	cancel_free(st->cancel);
	st->cancel = NULL;
	return true;
}

bool
cancel_within(struct store *st, uint64_t deadline_ns)
{
	PGcancel *request;

	if (!clear_last(st, 0))
		return false;
	if ((request = PQgetCancel(st->connection)) == NULL)
		return false;
	st->cancel = cancel_new(request);
	if (!start_thread(st->cancel))
		st->cancel->over = true;	/* nothing was asked */
	return clear_last(st, deadline_ns);
}

void
cancel_forget(struct store *st)
{
	bool over;

	if (st->cancel == NULL)
		return;
	pthread_mutex_lock(&st->cancel->lock);
	st->cancel->forgotten = true;
	over = st->cancel->over;
	pthread_mutex_unlock(&st->cancel->lock);
	if (over)
		cancel_free(st->cancel);
	st->cancel = NULL;
}
