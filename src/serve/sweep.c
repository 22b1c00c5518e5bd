/* SPDX-License-Identifier: MIT */
/*
 * Housekeeping beside the corridor: replies that were kept long enough are
 * forgotten, by one thread of one worker process, with a connection that it
 * opens for that and closes again.  Several servers of a database do not get
 * into each other's way: whoever finds another sweeping has nothing to do.
 */
#include "serve/internal.h"

#include <pthread.h>
#include <time.h>

#include "base/log.h"

enum { FIRST_S = 1, PAUSE_S = 60 };

/* Does any operation of the contract keep replies? */
static bool
keeps(const struct contract *contract)
{
	size_t n, i;
	const struct operation *op = contract_operations(contract, &n);

	for (i = 0; i < n; i++)
		if (op[i].idempotency != DEMAND_NONE)
			return true;
	return false;
}

static void
sweep(const struct serve_options *o)
{
	struct arena *arena = arena_new();
	struct store *store = store_new(&o->store, o->contract);
	struct scope sc;
	uint64_t swept = 0;

	scope_init(&sc, arena);
	if (store_sweep(&sc, store, &swept) != PROBLEM_NONE)
		log_event(LOG_WARN, "sweep", LOG_TEXT("cause", sc.cause));
	else if (swept > 0)
		log_event(LOG_INFO, "sweep", LOG_INT("swept", (int64_t)swept));
	store_free(store);
	arena_free(arena);
}

static void *
sweep_thread(void *arg)
{
	struct timespec pause = { .tv_sec = FIRST_S };

	for (;; pause.tv_sec = PAUSE_S) {
		nanosleep(&pause, NULL);
		sweep(arg);
	}
	return NULL;
}

void
sweep_start(struct serve_options *options)
{
	pthread_t thread;

	if (keeps(options->contract) &&
	    pthread_create(&thread, NULL, sweep_thread, options) == 0)
		pthread_detach(thread);
}
