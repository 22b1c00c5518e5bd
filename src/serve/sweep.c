/* SPDX-License-Identifier: MIT */
/*
 * Housekeeping beside the corridor: replies and rejected records that were kept,
 * events of webhooks that were known and messages that were published long
 * enough ago are forgotten, by one thread of one worker process, with a
 * connection that it opens for that and closes again.  Several servers of a
 * database do not get into each other's way: whoever finds another sweeping has
 * nothing to do.
 */
#include "serve/internal.h"

#include <pthread.h>
#include <time.h>

#include "base/log.h"

enum { FIRST_S = 1, PAUSE_S = 60 };

/* Does the contract keep or publish such things? */
static bool
keeps(const struct contract *contract, enum sweep what)
{
	size_t n, i, webhooks, messages;
	const struct operation *op = contract_operations(contract, &n);

	(void)contract_webhooks(contract, &webhooks);
	(void)contract_messages(contract, &messages);
	if (what == SWEEP_EVENTS)
		return webhooks > 0;
	if (what == SWEEP_MESSAGES)
		return messages > 0;
	for (i = 0; i < n; i++)
		if (what == SWEEP_REJECTED ? op[i].bulk != NULL :
		    op[i].idempotency != DEMAND_NONE)
			return true;
	return false;
}

static void
sweep(const struct serve_options *o, enum sweep what)
{
	static const char *const names[SWEEP_COUNT] = {
		[SWEEP_REPLIES] = "replies", [SWEEP_EVENTS] = "events",
		[SWEEP_REJECTED] = "rejected", [SWEEP_MESSAGES] = "messages" };
	struct arena *arena = arena_new();
	struct store *store = store_new(&o->store, o->contract);
	struct scope sc;
	uint64_t swept = 0;

	scope_init(&sc, arena);
	if (store_sweep(&sc, store, what, &swept) != PROBLEM_NONE)
		log_event(LOG_WARN, "sweep", LOG_TEXT("what", names[what]),
		    LOG_TEXT("cause", sc.cause));
	else if (swept > 0)
		log_event(LOG_INFO, "sweep", LOG_TEXT("what", names[what]),
		    LOG_INT("swept", (int64_t)swept));
	store_free(store);
	arena_free(arena);
}

static void *
sweep_thread(void *arg)
{
	const struct serve_options *options = arg;
	struct timespec pause = { .tv_sec = FIRST_S };

	for (;; pause.tv_sec = PAUSE_S) {
		nanosleep(&pause, NULL);
		for (enum sweep what = 0; what < SWEEP_COUNT; what++)
			if (keeps(options->contract, what))
				sweep(options, what);
	}
	return NULL;
}

void
sweep_start(struct serve_options *options)
{
	enum sweep what = 0;
	pthread_t thread;

	while (what < SWEEP_COUNT && !keeps(options->contract, what))
		what++;
	if (what < SWEEP_COUNT &&
	    pthread_create(&thread, NULL, sweep_thread, options) == 0)
		pthread_detach(thread);
}
