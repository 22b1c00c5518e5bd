/* SPDX-License-Identifier: MIT */
/*
 * What goes on beside the jobs of a process, in one thread with a connection of
 * its own: it listens and rings, beats for the leases, reaps, promotes what is
 * due, purges.  No job depends on what is heard here: see crew_tick().
 */
#include "work/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	TEND_MS = 500,
	AGAIN_MS = 6,		/* who calls is silent for 5 ms after a call */
	PURGE_MS = 60000,
	MEASURE_MS = 1000,
	CENSUS_MS = 5000,
	JOIN_MS = 250,		/* between attempts */
	PURGE_FULL = 1000,	/* a batch of queue_purge(): there is more */
};

struct keeper {
	struct crew *crew;
	struct store *store;
	struct arena *arena;
	struct scope scope;
	pthread_t thread;
	bool joined;
	uint64_t tend_ns, again_ns, press_ns, purge_ns, join_ns, measure_ns;
	uint64_t schedule_ns, census_ns;
	bool scheduled;			/* were the schedules entered? */
	uint64_t line_ns;		/* of the census, at the earliest */
};

static uint64_t
in_ms(uint64_t ms)
{
	return clock_now_ns() + ms * 1000000;
}

static struct scope *
scope_begin(struct keeper *k)
{
	arena_reset(k->arena);
	scope_init(&k->scope, k->arena);
	return &k->scope;
}

static void
join(struct keeper *k)
{
	struct scope *sc = scope_begin(k);
	int64_t id = k->crew->worker;

	k->join_ns = in_ms(JOIN_MS);
	k->joined = queue_join(sc, k->store, &id) == PROBLEM_NONE;
	if (!k->joined) {
		log_event(LOG_WARN, "join", LOG_TEXT("cause", sc->cause));
		return;
	}
	pthread_mutex_lock(&k->crew->lock);
	k->crew->worker = id;
	pthread_mutex_unlock(&k->crew->lock);
	log_event(LOG_INFO, "joined", LOG_INT("worker", id));
	/* What was told meanwhile was not heard. */
	crew_ring(k->crew, 1);
}

/* The leases that are being run, in the arena. */
static size_t
leases_of(struct crew *crew, struct arena *arena,
    const struct queue_lease **ret)
{
	struct queue_lease *all = arena_alloc(arena, crew->lease_count *
	    sizeof(*all));
	size_t count = 0;
	unsigned i;

	pthread_mutex_lock(&crew->lock);
	for (i = 0; i < crew->lease_count; i++)
		if (crew->leases[i].id != 0)
			all[count++] = crew->leases[i];
	pthread_mutex_unlock(&crew->lock);
	*ret = all;
	return count;
}

/* Is it being run still?  One that was done meanwhile is not lost. */
static bool
is_held(struct crew *crew, const struct queue_lease *lease)
{
	bool ret = false;
	unsigned i;

	pthread_mutex_lock(&crew->lock);
	for (i = 0; i < crew->lease_count; i++)
		ret |= crew->leases[i].id == lease->id &&
		    crew->leases[i].token == lease->token;
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

static bool
is_paused(const struct queue_tended *tended, const char *queue)
{
	for (size_t i = 0; i < tended->paused_count; i++)
		if (strcmp(tended->paused[i], queue) == 0)
			return true;
	return false;
}

static void
heed_pauses(struct crew *crew, const struct queue_tended *tended)
{
	bool resumed = false, paused;

	pthread_mutex_lock(&crew->lock);
	for (size_t i = 0; i < crew->ground_count; i++) {
		struct ground *g = &crew->grounds[i];

		paused = is_paused(tended, g->kind->queue);
		resumed |= g->paused && !paused;
		g->paused = paused;
	}
	pthread_mutex_unlock(&crew->lock);
	if (resumed)
		crew_ring(crew, 1);
}

static void
tell(struct keeper *k, const struct queue_tended *tended)
{
	uint64_t came = tended->reaped + tended->promoted;

	if (tended->reaped > 0) {
		metric_add("lockstep_job_leases_expired_total", "",
		    tended->reaped);
		log_event(LOG_WARN, "reaped",
		    LOG_INT("jobs", (int64_t)tended->reaped));
	}
	for (size_t i = 0; i < tended->lost_count; i++)
		if (is_held(k->crew, &tended->lost[i])) {
			log_event(LOG_WARN, "lease_lost",
			    LOG_INT("job", tended->lost[i].id));
			crew_abandon_lease(k->crew, &tended->lost[i]);
		}
	if (came > 0)
		crew_ring(k->crew, came < k->crew->lease_count ?
		    (unsigned)came : k->crew->lease_count);
}

static void
tend(struct keeper *k)
{
	const struct work_options *o = k->crew->options;
	struct queue_tending tending = { .owner = k->crew->worker,
		.lease_ms = o->lease_ms, .beat_ms = o->beat_ms };
	unsigned period_ms = o->beat_ms / 2 < TEND_MS ? o->beat_ms / 2 :
	    TEND_MS;
	struct scope *sc = scope_begin(k);
	struct queue_tended tended;

	k->tend_ns = in_ms(period_ms);
	tending.lease_count = leases_of(k->crew, sc->arena, &tending.leases);
	if (queue_tend(sc, k->store, &tending, &tended) != PROBLEM_NONE) {
		log_event(LOG_WARN, "tend", LOG_TEXT("cause", sc->cause));
		return;
	}
	if (tended.due_ms >= 0 && tended.due_ms < period_ms)
		k->tend_ns = in_ms((uint64_t)tended.due_ms + 1);
	heed_pauses(k->crew, &tended);
	tell(k, &tended);
}

static void
purge(struct keeper *k)
{
	struct scope *sc = scope_begin(k);
	const char *const *services;
	size_t count = health_services(sc, k->crew, &services);
	uint64_t purged;

	if (queue_purge(sc, k->store, k->crew->options->keep_hours, services,
	    count, &purged) != PROBLEM_NONE)
		log_event(LOG_WARN, "purge", LOG_TEXT("cause", sc->cause));
	else if (purged > 0)
		log_event(LOG_INFO, "purge",
		    LOG_INT("purged", (int64_t)purged));
	k->purge_ns = in_ms(purged >= PURGE_FULL ? 0 : PURGE_MS);
}

static void
schedule(struct keeper *k)
{
	k->schedule_ns = schedule_tend(k->crew, scope_begin(k), k->store,
	    &k->scheduled);
}

static void
census(struct keeper *k)
{
	census_take(k->crew, scope_begin(k), k->store, &k->line_ns);
	k->census_ns = in_ms(CENSUS_MS);
}

/* What came while whoever calls was silent. */
static void
ring_again(struct keeper *k, uint64_t now)
{
	if (k->again_ns == 0 || now < k->again_ns)
		return;
	k->again_ns = 0;
	crew_ring(k->crew, 1);
}

/* Whoever was busy had the time to come. */
static void
press(struct keeper *k, uint64_t now)
{
	if (k->press_ns == 0 || now < k->press_ns)
		return;
	k->press_ns = 0;
	crew_press(k->crew);
}

static unsigned
wait_ms(const struct keeper *k)
{
	uint64_t until = k->joined ? k->tend_ns : k->join_ns;
	uint64_t now = clock_now_ns();

	if (k->joined && k->schedule_ns < until)
		until = k->schedule_ns;
	if (k->again_ns != 0 && k->again_ns < until)
		until = k->again_ns;
	if (k->press_ns != 0 && k->press_ns < until)
		until = k->press_ns;
	return until <= now ? 0 : (unsigned)((until - now) / 1000000 + 1);
}

static void
listen_once(struct keeper *k)
{
	uint64_t count;
	bool called;

	if (!queue_listen(k->store, k->crew->eventfd, wait_ms(k), &called) &&
	    k->joined) {
		k->joined = false;
		log_event(LOG_WARN, "listening_ended", LOG_END);
	}
	if (read(k->crew->eventfd, &count, sizeof(count)) < 0)
		count = 0;
	if (called) {
		/* Calls of services take longer than to ring again. */
		if (crew_ring_soon(k->crew) && k->press_ns == 0)
			k->press_ns = in_ms(SOON_MS);
		k->again_ns = in_ms(AGAIN_MS);
	}
}

static void
measure(struct keeper *k)
{
	bool more = health_measure(scope_begin(k), k->store, k->crew);

	k->measure_ns = in_ms(more ? 0 : MEASURE_MS);
}

/* A thread that holds a job, or more, has no connection to tell by. */
static void
tell_others(struct keeper *k)
{
	if (atomic_exchange(&k->crew->news, false))
		queue_wake(scope_begin(k), k->store);
}

static void *
keep(void *arg)
{
	struct keeper *k = arg;
	uint64_t now;

	/* While there are jobs under way, as these may be leased. */
	while (!crew_is_empty(k->crew)) {
		now = clock_now_ns();
		if (!k->joined && now >= k->join_ns)
			join(k);
		if (k->joined && now >= k->tend_ns)
			tend(k);
		if (k->joined && now >= k->purge_ns)
			purge(k);
		if (k->joined && now >= k->measure_ns)
			measure(k);
		if (k->joined && now >= k->schedule_ns)
			schedule(k);
		if (k->joined && now >= k->census_ns)
			census(k);
		ring_again(k, now);
		press(k, now);
		if (k->joined)
			tell_others(k);
		listen_once(k);
	}
	if (k->joined)
		queue_leave(scope_begin(k), k->store, k->crew->worker);
	return NULL;
}

struct keeper *
keeper_start(struct crew *crew)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		abort();
	k->crew = crew;
	k->store = store_new(&crew->options->store, crew->options->contract);
	k->arena = arena_new();
	k->purge_ns = in_ms(1000);
	/* What was left behind is there before the first job is looked for. */
	join(k);
	if (k->joined)
		tend(k);
	if (pthread_create(&k->thread, NULL, keep, k) == 0)
		return k;
	store_free(k->store);
	arena_free(k->arena);
	free(k);
	return NULL;
}

void
keeper_stop(struct keeper *k)
{
	uint64_t one = 1;

	if (write(k->crew->eventfd, &one, sizeof(one)) < 0)
		one = 0;
	pthread_join(k->thread, NULL);
	store_free(k->store);
	arena_free(k->arena);
	free(k);
}
