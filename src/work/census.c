/* SPDX-License-Identifier: MIT */
/*
 * How many jobs there are, of which queue and in which state, and how long the
 * oldest has waited: what the database counts now and then for all workers,
 * told by queue as the contract has them.  Jobs of a kind that no contract here
 * knows wait for ever, so they are told too.
 */
#include "work/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	KEPT_S = 60,		/* a figure that nobody renews goes */
	LABELS_MAX = 256,
	LINE_S = 60,
	NAMED_MAX = 5,		/* kinds that are named in a line */
	NAMES_MAX = 4096,	/* bytes of these */
};

static const char *const states[] = { "available", "scheduled", "running",
	"dead" };

/* The sums of a queue. */
struct sums {
	const char *queue;
	uint64_t n[countof(states)];
	uint64_t oldest_s;
	bool paused;
};

struct census {
	struct crew *crew;
	const struct queue_count *counts;
	size_t count;
	struct sums *queues;
	size_t queue_count;
};

static struct sums *
queue_of(struct census *c, const char *name)
{
	size_t i = 0;

	while (i < c->queue_count && strcmp(c->queues[i].queue, name) != 0)
		i++;
	if (i == c->queue_count)
		c->queues[c->queue_count++].queue = name;
	return &c->queues[i];
}

static void
add(struct census *c, const struct job_kind *kind,
    const struct queue_count *count)
{
	struct sums *s = queue_of(c, kind->queue);
	char labels[LABELS_MAX];

	for (size_t i = 0; i < countof(states); i++)
		if (strcmp(states[i], count->state) == 0)
			s->n[i] += (uint64_t)count->n;
	if (strcmp(count->state, "available") == 0 &&
	    count->oldest_s > (int64_t)s->oldest_s)
		s->oldest_s = (uint64_t)count->oldest_s;
	if (strcmp(count->state, "dead") != 0)
		return;
	snprintf(labels, sizeof(labels), "kind=\"%s\"", kind->name);
	metric_set_for("lockstep_jobs_dead", labels, (uint64_t)count->n,
	    KEPT_S);
}

static void
tell_queue(const struct sums *s)
{
	char labels[LABELS_MAX];

	for (size_t i = 0; i < countof(states); i++) {
		snprintf(labels, sizeof(labels), "queue=\"%s\",state=\"%s\"",
		    s->queue, states[i]);
		metric_set_for("lockstep_jobs", labels, s->n[i], KEPT_S);
	}
	snprintf(labels, sizeof(labels), "queue=\"%s\"", s->queue);
	metric_set_for("lockstep_job_oldest_available_age_seconds", labels,
	    s->oldest_s, KEPT_S);
	metric_set_for("lockstep_queue_paused", labels, s->paused, KEPT_S);
}

/* All queues of the contract are told, if nothing is in them. */
static void
begin(struct census *c, struct arena *arena)
{
	size_t kinds;
	const struct job_kind *all = contract_jobs(
	    c->crew->options->contract, &kinds);
	char labels[LABELS_MAX];

	c->queues = arena_alloc(arena, (kinds + 1) * sizeof(*c->queues));
	for (size_t i = 0; i < kinds; i++) {
		(void)queue_of(c, all[i].queue);
		snprintf(labels, sizeof(labels), "kind=\"%s\"", all[i].name);
		metric_set_for("lockstep_jobs_dead", labels, 0, KEPT_S);
	}
	pthread_mutex_lock(&c->crew->lock);
	for (size_t i = 0; i < c->crew->ground_count; i++) {
		const struct ground *g = &c->crew->grounds[i];

		queue_of(c, g->kind->queue)->paused |= g->paused;
	}
	pthread_mutex_unlock(&c->crew->lock);
}

/* What is unfinished and of no kind of the contract. */
struct strangers {
	uint64_t jobs;
	size_t kinds;
	struct buf names;	/* of the first few, a blank around each */
};

static void
meet(struct strangers *s, const struct queue_count *count)
{
	char name[LABELS_MAX];

	if (strcmp(count->state, "dead") == 0)
		return;
	s->jobs += (uint64_t)count->n;
	snprintf(name, sizeof(name), " %s ", count->kind);
	if (s->kinds < NAMED_MAX && strstr(s->names.at, name) == NULL) {
		s->kinds++;
		buf_string(&s->names, name);
	}
}

/* In the log once a minute at most. */
static void
tell_strangers(struct strangers *s, uint64_t *line_ns)
{
	uint64_t now = clock_now_ns();

	metric_set_for("lockstep_jobs_unknown", "", s->jobs, KEPT_S);
	if (s->jobs == 0 || now < *line_ns)
		return;
	*line_ns = now + LINE_S * (uint64_t)1000000000;
	log_event(LOG_WARN, "jobs_unknown",
	    LOG_INT("jobs", (int64_t)s->jobs),
	    LOG_TEXT("kinds", s->names.at));
}

void
census_take(struct crew *crew, struct scope *sc, struct store *store,
    uint64_t *line_ns)
{
	struct census c = { .crew = crew };
	struct strangers strangers = { 0 };

	if (queue_count(sc, store, &c.counts, &c.count) != PROBLEM_NONE) {
		log_event(LOG_WARN, "census", LOG_TEXT("cause", sc->cause));
		return;
	}
	begin(&c, sc->arena);
	buf_init(&strangers.names, NAMES_MAX);
	for (size_t i = 0; i < c.count; i++) {
		const struct queue_count *count = &c.counts[i];
		const struct job_kind *kind = contract_job(
		    crew->options->contract, count->kind);

		if (kind != NULL)
			add(&c, kind, count);
		else
			meet(&strangers, count);
	}
	for (size_t i = 0; i < c.queue_count; i++)
		tell_queue(&c.queues[i]);
	tell_strangers(&strangers, line_ns);
	buf_release(&strangers.names);
}
