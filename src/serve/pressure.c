/* SPDX-License-Identifier: MIT */
/*
 * Backpressure: what feeds a queue is turned away while its workers are too far
 * behind.  A thread of each process looks at the queues, and requests read what
 * it found: no request costs a look, and a look that gets slow is made less
 * often, so that it takes a twentieth of one connection at most.
 *
 * A look that fails keeps nobody out.  What it found before holds for a while;
 * then all is let in, since an event that Postgres takes is as safe as any, and
 * one that it does not take is refused anyway.
 */
#include "serve/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	LOOK_MS = 2000,		/* longest look */
	HOLD_MS = 10000,	/* how long one is believed */
	REST = 20,		/* the pause is so many times the look */
	RETRY_LEAST_S = 5,	/* Retry-After: from here on, */
	RETRY_SPREAD_S = 10,	/* spread over so much */
	LABELS_MAX = 128,
};

struct queue {
	const char *name;
	_Atomic bool pressed;
};

struct pressure {
	const struct serve_options *options;
	struct queue *queues;
	size_t queue_count;
	const char **names, **kinds;	/* pairs: what is looked at */
	size_t pair_count;
	struct store_backlog *backlogs;	/* of the pairs */
	struct store *store;
	struct arena *arena;
	uint64_t looked_ns;		/* the last look that came to something */
	bool blind;
	_Atomic unsigned turn;		/* spreads Retry-After */
};

static struct queue *
find(struct pressure *p, const char *name)
{
	for (size_t i = 0; i < p->queue_count; i++)
		if (strcmp(p->queues[i].name, name) == 0)
			return &p->queues[i];
	return NULL;
}

static void
figure(const struct queue *q, bool pressed)
{
	struct buf labels;

	buf_init(&labels, LABELS_MAX);
	buf_format(&labels, "queue=\"%s\"", q->name);
	metric_set("lockstep_backpressure", labels.at, pressed);
	buf_release(&labels);
}

static void
turn(struct queue *q, bool pressed, const struct store_backlog *b)
{
	atomic_store(&q->pressed, pressed);
	figure(q, pressed);
	log_event(pressed ? LOG_WARN : LOG_INFO,
	    pressed ? "backpressure" : "backpressure_over",
	    LOG_TEXT("queue", q->name), LOG_INT("age_ms", (int64_t)b->age_ms),
	    LOG_INT("depth", (int64_t)b->depth));
}

static void
weigh(const struct pressure_marks *m, struct queue *q,
    const struct store_backlog *b)
{
	bool over = (m->age_s > 0 && b->age_ms >= m->age_s * 1000ull) ||
	    (m->depth > 0 && b->depth >= m->depth);
	bool under = !over &&
	    (m->age_s == 0 || b->age_ms <= m->age_low_s * 1000ull) &&
	    (m->depth == 0 || b->depth <= m->depth_low);

	if (atomic_load(&q->pressed) ? under : over)
		turn(q, over, b);
}

/* The pairs of a queue are told alike: each has the whole queue's figures. */
static void
seen(struct pressure *p)
{
	p->looked_ns = clock_now_ns();
	p->blind = false;
	for (size_t i = 0; i < p->queue_count; i++)
		for (size_t j = 0; j < p->pair_count; j++)
			if (strcmp(p->names[j], p->queues[i].name) == 0) {
				weigh(&p->options->pressure, &p->queues[i],
				    &p->backlogs[j]);
				break;
			}
}

static void
unseen(struct pressure *p, const char *cause)
{
	static const struct store_backlog nothing = { 0, 0 };

	metric_add("lockstep_pressure_failures_total", "", 1);
	if (clock_now_ns() - p->looked_ns < HOLD_MS * 1000000ull)
		return;
	if (!p->blind)
		log_event(LOG_WARN, "pressure_unknown",
		    LOG_TEXT("cause", cause));
	p->blind = true;
	for (size_t i = 0; i < p->queue_count; i++)
		if (atomic_load(&p->queues[i].pressed))
			turn(&p->queues[i], false, &nothing);
}

static void
look(struct pressure *p)
{
	const struct pressure_marks *m = &p->options->pressure;
	struct scope sc;

	scope_init(&sc, p->arena);
	sc.deadline_ns = clock_now_ns() + LOOK_MS * 1000000ull;
	memset(p->backlogs, 0, p->pair_count * sizeof(*p->backlogs));
	if (store_pressure(&sc, p->store, p->names, p->kinds, p->pair_count,
	    m->depth, p->backlogs) == PROBLEM_NONE)
		seen(p);
	else
		unseen(p, sc.cause);
	arena_reset(p->arena);
}

static void *
watch(void *arg)
{
	struct pressure *p = arg;
	uint64_t began_ns, pause_ns;
	struct timespec pause;

	for (;;) {
		began_ns = clock_now_ns();
		look(p);
		pause_ns = (clock_now_ns() - began_ns) * REST;
		if (pause_ns < p->options->pressure.look_ms * 1000000ull)
			pause_ns = p->options->pressure.look_ms * 1000000ull;
		pause = (struct timespec){ (time_t)(pause_ns / 1000000000),
			(long)(pause_ns % 1000000000) };
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void
add_queue(struct pressure *p, const char *name)
{
	if (name != NULL && find(p, name) == NULL)
		p->queues[p->queue_count++].name = name;
}

/* The queues that are fed, and the kinds of jobs in them. */
static void
gather(struct pressure *p, const struct contract *contract)
{
	size_t operations, webhooks, jobs;
	const struct operation *op = contract_operations(contract,
	    &operations);
	const struct webhook *w = contract_webhooks(contract, &webhooks);
	const struct job_kind *kind = contract_jobs(contract, &jobs);

	p->queues = arena_alloc(p->arena, (operations + webhooks + 1) *
	    sizeof(*p->queues));
	p->names = arena_alloc(p->arena, (jobs + 1) * sizeof(*p->names));
	p->kinds = arena_alloc(p->arena, (jobs + 1) * sizeof(*p->kinds));
	p->backlogs = arena_alloc(p->arena, (jobs + 1) * sizeof(*p->backlogs));
	for (size_t i = 0; i < operations; i++)
		add_queue(p, op[i].pressure);
	for (size_t i = 0; i < webhooks; i++)
		add_queue(p, contract_job(contract, w[i].job)->queue);
	for (size_t i = 0; i < jobs; i++) {
		if (find(p, kind[i].queue) == NULL)
			continue;
		p->names[p->pair_count] = kind[i].queue;
		p->kinds[p->pair_count++] = kind[i].name;
	}
}

struct pressure *
pressure_start(const struct serve_options *options)
{
	const struct pressure_marks *m = &options->pressure;
	struct arena *arena = arena_new();
	struct pressure *p = arena_alloc(arena, sizeof(*p));
	pthread_t thread;

	p->options = options;
	p->arena = arena;
	gather(p, options->contract);
	for (size_t i = 0; i < p->queue_count; i++)
		figure(&p->queues[i], false);
	p->store = store_new(&options->store, options->contract);
	p->arena = arena_new();
	if (p->pair_count > 0 && (m->age_s > 0 || m->depth > 0) &&
	    pthread_create(&thread, NULL, watch, p) == 0)
		pthread_detach(thread);
	return p;
}

enum problem
pressure_judge(struct pressure *p, struct scope *sc, const char *queue)
{
	struct queue *q = p == NULL ? NULL : find(p, queue);
	struct buf labels;

	if (q == NULL || !atomic_load(&q->pressed))
		return PROBLEM_NONE;
	buf_init(&labels, LABELS_MAX);
	buf_format(&labels, "queue=\"%s\"", q->name);
	metric_add("lockstep_backpressure_rejected_total", labels.at, 1);
	buf_release(&labels);
	sc->retry_after_s = RETRY_LEAST_S +
	    atomic_fetch_add(&p->turn, 1) % RETRY_SPREAD_S;
	return scope_fail(sc, PROBLEM_UNAVAILABLE,
	    "the queue %s is too far behind", q->name);
}
