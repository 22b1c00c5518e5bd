/* SPDX-License-Identifier: MIT */
/*
 * What is done again and again for the whole database, beside the jobs: in a
 * thread with a connection of its own, so that a long one keeps no lease from
 * being beaten.  Every worker process does them all; that one of them does and
 * the others pass is for the function in the database to see to, by a lock of
 * its transaction.  So nobody is in charge, and nobody's end is waited for.
 */
#include "work/internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	CHORE_COUNT_MAX = 16,
	AGAIN_MS = 1000,	/* after a failure, at least */
	REST_MS = 10000,	/* after a long one, at most */
	LOOK_MS = 200,		/* is it time to end? at most */
};

struct chore {
	const char *name;		/* in the log */
	unsigned period_ms;		/* or so many times as long as it */
	unsigned share;			/* took, whichever is more: a rest */
	/* *more: at once again, there was more than was done. */
	enum problem (*run)(struct crew *crew, struct scope *sc,
	    struct store *store, bool *more);
};

static enum problem
unblock(struct crew *crew, struct scope *sc, struct store *store, bool *more)
{
	uint64_t count;
	enum problem p = queue_unblock(sc, store, &count);

	(void)more;
	if (p == PROBLEM_NONE && count > 0) {
		crew_ring(crew, 1);
		log_event(LOG_INFO, "unblocked",
		    LOG_INT("jobs", (int64_t)count));
	}
	return p;
}

static const struct chore chore_list[] = {
	{ "unblock", 1000, 50, unblock },
	{ "exports", 1000, 0, export_chore },
	{ "rollup_fold", 1000, 0, chore_fold },
	{ "rollup_fill", 1000, 0, chore_fill },
	{ "rollup_audit", 5000, 0, chore_audit },
	/* Of a lock that is not had, for which others wait, too, seldom. */
	{ "partition", 2000, 100, partition_tend },
	{ "monitor", 1000, 0, monitor_look },
	{ "conservation", 1000, 0, monitor_conserve },
	{ "expectations", 1000, 0, expectations_tend },
	{ NULL, 0, 0, NULL }
};

struct chores {
	struct crew *crew;
	struct store *store;
	struct arena *arena;
	struct scope scope;
	pthread_t thread;
	uint64_t due_ns[CHORE_COUNT_MAX];
};

static bool
is_over(struct crew *crew)
{
	return crew_is_stopping(crew) || crew_is_empty(crew);
}

static void
do_chore(struct chores *c, const struct chore *chore, uint64_t *due_ns)
{
	uint64_t began_ns = clock_now_ns(), pause_ms = chore->period_ms;
	uint64_t rest_ms;
	bool more = false;

	arena_reset(c->arena);
	scope_init(&c->scope, c->arena);
	if (chore->run(c->crew, &c->scope, c->store, &more) != PROBLEM_NONE) {
		log_event(LOG_WARN, "chore", LOG_TEXT("name", chore->name),
		    LOG_TEXT("cause", c->scope.cause));
		if (pause_ms < AGAIN_MS)
			pause_ms = AGAIN_MS;
	}
	*due_ns = clock_now_ns();
	if (more)
		return;
	rest_ms = (*due_ns - began_ns) * chore->share / 1000000;
	if (rest_ms > REST_MS)
		rest_ms = REST_MS;
	*due_ns += (rest_ms > pause_ms ? rest_ms : pause_ms) * 1000000;
}

/* Does what is due; how long nothing is. */
static unsigned
do_due(struct chores *c)
{
	uint64_t now, first = clock_now_ns() + LOOK_MS * (uint64_t)1000000;

	for (size_t i = 0; chore_list[i].name != NULL; i++) {
		if (is_over(c->crew))
			return 0;
		if (clock_now_ns() >= c->due_ns[i])
			do_chore(c, &chore_list[i], &c->due_ns[i]);
		if (c->due_ns[i] < first)
			first = c->due_ns[i];
	}
	now = clock_now_ns();
	return first <= now ? 0 : (unsigned)((first - now) / 1000000 + 1);
}

static void *
do_all(void *arg)
{
	struct chores *c = arg;

	while (!is_over(c->crew))
		work_pause_ms(do_due(c));
	return NULL;
}

struct chores *
chores_start(struct crew *crew)
{
	struct chores *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->crew = crew;
	c->store = store_new(&crew->options->store, crew->options->contract);
	c->arena = arena_new();
	if (pthread_create(&c->thread, NULL, do_all, c) == 0)
		return c;
	store_free(c->store);
	arena_free(c->arena);
	free(c);
	return NULL;
}

void
chores_stop(struct chores *c)
{
	pthread_join(c->thread, NULL);
	store_free(c->store);
	arena_free(c->arena);
	free(c);
}
