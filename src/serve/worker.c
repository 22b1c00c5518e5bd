/* SPDX-License-Identifier: MIT */
/*
 * A worker's whole life: threads that serve, and one that hears signals, as
 * libfcgi's own handlers would only set a flag that a sleeping thread never
 * sees.
 */
#include "serve/internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/log.h"
#include "base/room.h"

static void *
worker_enter(void *context, unsigned thread)
{
	const struct serve_options *o = context;
	struct store *store = store_new(&o->store, o->contract);

	(void)thread;
	store_warm(store);
	return store;
}

static void
worker_leave(void *context, void *state)
{
	(void)context;
	store_free(state);
}

/* The worker's signal thread: a stop is passed on, a rotation is done. */
struct listener {
	struct front *front;
	struct streams *streams;
	sigset_t signals;
};

static void *
worker_signals(void *arg)
{
	const struct listener *l = arg;
	int signal;

	for (;;) {
		if (sigwait(&l->signals, &signal) != 0)
			continue;
		if (signal == SIGTERM || signal == SIGINT) {
			front_stop(l->front);
			streams_stop(l->streams);
		} else if (signal == SIGUSR1) {
			child_rotate();
		}
	}
	return NULL;
}

void
worker_run(struct serve_options *o, int listener, const sigset_t *signals,
    bool sweeps)
{
	struct listener l = { .signals = *signals };
	struct front_options front = o->front;
	struct store_options *store = &o->store;
	pthread_t thread;
	int status = 1;

	front.listener = listener;
	front.context = o;
	front.enter = worker_enter;
	front.serve = serve_request;
	front.overload = serve_overload;
	front.body_limit = bulk_body_limit;
	front.leave = worker_leave;
	front.stream = streams_take;

	store->breaker = breaker_new(store->reconnect_max_ms);
	store->gate = o->gate;
	store->told_ns = room(1, sizeof(*store->told_ns));
	webhook_declare(o->contract);
	o->load = pressure_start(o);
	l.streams = o->streams = streams_start(o);
	if (sweeps) {
		sweep_start(o);
		figures_start(o);
	}
	l.front = front_new(&front);
	if (l.front != NULL &&
	    pthread_create(&thread, NULL, worker_signals, &l) == 0 &&
	    auth_watch(o->auth) &&
	    front_run(l.front) == 0)
		status = 0;
	else
		log_event(LOG_ERROR, "worker_failed",
		    LOG_TEXT("cause", strerror(errno)));
	log_finish();
	_exit(status);
}
