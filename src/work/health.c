/* SPDX-License-Identifier: MIT */
/*
 * How the services fare that jobs call.  What all workers know of it is in the
 * database; of calls that go well, which are most, a process only counts, and
 * tells the sum with the next call that does not, so that a service that is well
 * costs nothing.  A success is told at once when the breaker is in doubt: what
 * failed in a row is then over, or the probe went well.
 */
#include "work/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	TALLY_MS = 30000,	/* successes that are older are forgotten */
	LABELS_MAX = 256,
};

/* ---- Counting. ---- */

uint64_t
destination_hash(const char *destination)
{
	uint64_t hash = 14695981039346656037u;

	for (const char *at = destination; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * 1099511628211u;
	return hash != 0 ? hash : 1;
}

/* Two that meet in one place forget each other. */
static struct tally *
tally_of(struct crew *crew, const char *destination)
{
	uint64_t hash = destination_hash(destination), now = clock_now_ns();
	struct tally *tally = &crew->tally[hash % TALLY_COUNT];

	if (tally->hash != hash || now - tally->since_ns >
	    TALLY_MS * 1000000ull)
		*tally = (struct tally){ hash, 0, now };
	return tally;
}

static void
count(struct crew *crew, const char *destination)
{
	pthread_mutex_lock(&crew->lock);
	tally_of(crew, destination)->well++;
	pthread_mutex_unlock(&crew->lock);
}

static unsigned
take(struct crew *crew, const char *destination)
{
	struct tally *tally;
	unsigned ret;

	pthread_mutex_lock(&crew->lock);
	tally = tally_of(crew, destination);
	ret = tally->well;
	tally->well = 0;
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

/* ---- Telling. ---- */

/* The kinds that call a service; NULL, of a kind of ours: none. */
static size_t
kinds_of(struct scope *sc, const struct crew *crew, const char *url,
    const char *const **ret)
{
	size_t count, n = 0;
	const struct job_kind *all = contract_jobs(crew->options->contract,
	    &count);
	const char **names = arena_alloc(sc->arena, (count + 1) *
	    sizeof(*names));

	for (size_t i = 0; url != NULL && i < count; i++)
		if (all[i].url != NULL && strcmp(all[i].url, url) == 0)
			names[n++] = all[i].name;
	*ret = names;
	return n;
}

void
health_shut(struct thread *t, struct scope *sc, const struct walk *w,
    int64_t wait_ms)
{
	const char *const *kinds;
	size_t n = kinds_of(sc, t->crew, w->job->kind->url, &kinds);
	uint64_t deferred;

	if (n > 0 && queue_defer(sc, t->store, kinds, n, wait_ms, &deferred) !=
	    PROBLEM_NONE)
		log_event(LOG_WARN, "defer", LOG_TEXT("cause", sc->cause));
}

static void
heed_opened(struct thread *t, struct scope *sc, const struct walk *w,
    const char *destination, const struct queue_verdict *verdict)
{
	char labels[LABELS_MAX];

	/* Of kinds of ours there may be any number of destinations. */
	snprintf(labels, sizeof(labels), "destination=\"%s\"",
	    w->job->kind->url != NULL ? destination : w->job->kind->name);
	metric_add("lockstep_service_breakers_opened_total", labels, 1);
	log_event(LOG_ERROR, "breaker_opened",
	    LOG_TEXT("destination", destination),
	    LOG_INT("for_ms", verdict->wait_ms), LOG_TEXT("code", w->code),
	    LOG_TEXT("cause", w->message));
	health_shut(t, sc, w, verdict->wait_ms);
}

/*
 * What died has its turn, a batch of it; that there is something to do is on the
 * breaker's row until all is done.  false: nothing is left to be done at once.
 */
static bool
recover(struct scope *sc, struct store *store, struct crew *crew,
    const char *url, uint64_t *ret)
{
	const char *const *kinds;
	size_t n = kinds_of(sc, crew, url, &kinds);
	bool more = false;

	if (n > 0 && queue_recover(sc, store, url, kinds, n, ret, &more) !=
	    PROBLEM_NONE)
		log_event(LOG_WARN, "recover", LOG_TEXT("cause", sc->cause));
	return more;
}

static void
heed_closed(struct thread *t, struct scope *sc, const struct walk *w,
    const char *destination, const struct queue_verdict *verdict)
{
	uint64_t recovered = 0;

	/* The keeper goes on with it. */
	(void)recover(sc, t->store, t->crew, w->job->kind->url, &recovered);
	log_event(LOG_INFO, "breaker_closed",
	    LOG_TEXT("destination", destination),
	    LOG_TEXT("since", verdict->since),
	    LOG_INT("recovered", (int64_t)recovered));
	crew_ring_side(t->crew, SIDE_CALLS, 1);
}

static void
tell(struct thread *t, struct scope *sc, const struct walk *w,
    const char *destination, enum health health)
{
	const struct work_options *o = t->crew->options;
	struct queue_news news = { .destination = destination,
		.token = w->job->token, .ill = health == HEALTH_ILL,
		.open_ms = o->open_ms, .open_max_ms = o->open_max_ms,
		.recovers = w->job->kind->url != NULL };
	struct queue_verdict verdict;

	if (health != HEALTH_NONE)
		news.well = take(t->crew, destination) +
		    (health == HEALTH_WELL);
	if (queue_tell(sc, t->store, &news, &verdict) != PROBLEM_NONE) {
		log_event(LOG_WARN, "breaker", LOG_TEXT("cause", sc->cause));
		return;
	}
	if (verdict.opened)
		heed_opened(t, sc, w, destination, &verdict);
	if (verdict.closed)
		heed_closed(t, sc, w, destination, &verdict);
}

void
health_note(struct thread *t, struct scope *sc, const struct walk *w,
    const char *destination, const struct queue_readiness *ready,
    enum health health)
{
	if (health == HEALTH_WELL && !ready->doubtful)
		count(t->crew, destination);
	else if (health != HEALTH_NONE || ready->probe)
		tell(t, sc, w, destination, health);
}

/* ---- Measuring. ---- */

size_t
health_services(struct scope *sc, const struct crew *crew,
    const char *const **ret)
{
	size_t count, n = 0;
	const struct job_kind *all = contract_jobs(crew->options->contract,
	    &count);
	const char **names = arena_alloc(sc->arena, (count + 1) *
	    sizeof(*names));

	for (size_t i = 0; i < count; i++)
		if (all[i].url != NULL)
			names[n++] = all[i].url;
	*ret = names;
	return n;
}

/* Services, each once. */
static size_t
services_of(struct scope *sc, const struct crew *crew,
    const char *const **ret)
{
	const char **names = arena_alloc(sc->arena, (crew->ground_count + 1) *
	    sizeof(*names));
	size_t n = 0, j;

	for (size_t i = 0; i < crew->ground_count; i++) {
		const char *url = crew->grounds[i].kind->url;

		for (j = 0; url != NULL && j < n; j++)
			if (strcmp(names[j], url) == 0)
				break;
		if (url != NULL && j == n)
			names[n++] = url;
	}
	*ret = names;
	return n;
}

/* Whoever is left alone, with nobody left to see how it is, gets a job. */
static void
probe(struct scope *sc, struct store *store, struct crew *crew,
    const char *service)
{
	const char *const *kinds;
	size_t n = kinds_of(sc, crew, service, &kinds);
	uint64_t revived;

	if (queue_probe(sc, store, service, kinds, n, &revived) !=
	    PROBLEM_NONE) {
		log_event(LOG_WARN, "recover", LOG_TEXT("cause", sc->cause));
		return;
	}
	if (revived > 0)
		crew_ring_side(crew, SIDE_CALLS, 1);
}

/* The breaker has closed, and some that died before are dead yet. */
static bool
go_on(struct scope *sc, struct store *store, struct crew *crew,
    const char *service)
{
	uint64_t recovered = 0;
	bool more = recover(sc, store, crew, service, &recovered);

	if (recovered > 0) {
		log_event(LOG_INFO, "recovered",
		    LOG_TEXT("destination", service),
		    LOG_INT("recovered", (int64_t)recovered));
		crew_ring_side(crew, SIDE_CALLS, 1);
	}
	return more;
}

bool
health_measure(struct scope *sc, struct store *store, struct crew *crew)
{
	const char *const *names;
	size_t n = services_of(sc, crew, &names);
	struct queue_breaker *found = arena_alloc(sc->arena, (n + 1) *
	    sizeof(*found));
	char labels[LABELS_MAX];
	bool more = false;

	if (n == 0 || queue_breakers(sc, store, names, n, found) !=
	    PROBLEM_NONE)
		return false;
	for (size_t i = 0; i < n; i++) {
		snprintf(labels, sizeof(labels), "destination=\"%s\"",
		    names[i]);
		metric_set("lockstep_service_breaker_state", labels,
		    found[i].state);
		if (found[i].state != 0)
			probe(sc, store, crew, names[i]);
		else if (found[i].recovers)
			more |= go_on(sc, store, crew, names[i]);
	}
	return more;
}
