/* SPDX-License-Identifier: MIT */
/*
 * Schedules: each worker process reckons when a kind is due, and asks the
 * database to go from that tick to the next, which one of them is granted and
 * which leaves the job.  So nobody is in charge, nobody's end is waited for, and
 * a tick that many reckon differently (one has a newer tz database) is made
 * once all the same.
 *
 * Of ticks that passed while nobody worked the last one is made up for, unless
 * the contract says to skip them.
 */
#include "work/internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	LOOK_MS = 10000,	/* at what others have made of it, at least */
	LOOK_AGAIN_MS = 1000,	/* after a failure */
	LATE_S = 60,		/* a tick so late was missed */
	LABELS_MAX = 256,
};

/* The kinds with a schedule, in the arena. */
static struct queue_schedule *
schedules_of(struct crew *crew, struct arena *arena, size_t *ret_count)
{
	size_t kinds, count = 0;
	const struct job_kind *all = contract_jobs(crew->options->contract,
	    &kinds);
	struct queue_schedule *ret = arena_alloc(arena, (kinds + 1) *
	    sizeof(*ret));

	for (size_t i = 0; i < kinds; i++)
		if (all[i].schedule != NULL)
			ret[count++].kind = &all[i];
	*ret_count = count;
	return ret;
}

/* Which tick is made, of those that are due: the last one. */
static struct queue_tick
tick_of(const struct queue_schedule *s, int64_t now_s)
{
	const struct schedule *said = s->kind->schedule;
	struct queue_tick tick = { .kind = s->kind, .due_s = s->next_s,
		.tick_s = s->next_s };

	/* One that never comes again is far away. */
	while (schedule_next(said, tick.tick_s, &tick.following_s) &&
	    tick.following_s <= now_s) {
		tick.tick_s = tick.following_s;
		tick.missed++;
	}
	if (!said->made_up && now_s - tick.tick_s > LATE_S) {
		tick.tick_s = QUEUE_NONE;
		tick.missed++;
	}
	return tick;
}

static void
tell_tick(const struct queue_tick *tick, int64_t job)
{
	char labels[LABELS_MAX];

	snprintf(labels, sizeof(labels), "schedule=\"%s\",result=\"run\"",
	    tick->kind->name);
	metric_add("lockstep_schedule_ticks_total", labels, job > 0);
	snprintf(labels, sizeof(labels), "schedule=\"%s\",result=\"missed\"",
	    tick->kind->name);
	metric_add("lockstep_schedule_ticks_total", labels,
	    (uint64_t)tick->missed);
	log_event(tick->missed > 0 ? LOG_WARN : LOG_INFO, "tick",
	    LOG_TEXT("schedule", tick->kind->name), LOG_INT("job", job),
	    LOG_INT("due", tick->due_s), LOG_INT("missed", tick->missed));
}

static enum problem
make_tick(struct crew *crew, struct scope *sc, struct store *store,
    struct queue_schedule *s, int64_t now_s)
{
	struct queue_tick tick = tick_of(s, now_s);
	enum problem p;
	int64_t job;

	if ((p = queue_tick(sc, store, &tick, &job)) != PROBLEM_NONE)
		return p;
	s->next_s = tick.following_s;
	if (job < 0)
		return PROBLEM_NONE;
	tell_tick(&tick, job);
	if (job > 0) {
		crew_ring(crew, 1);
		queue_wake(sc, store);
	}
	return PROBLEM_NONE;
}

/* What is not there, or as an older contract says it, is entered. */
static enum problem
keep_one(struct scope *sc, struct store *store, struct queue_schedule *s,
    int64_t now_s)
{
	enum problem p;
	int64_t next_s;

	if (!schedule_next(s->kind->schedule, now_s, &next_s))
		return PROBLEM_NONE;
	if ((p = queue_schedule_keep(sc, store, s->kind, next_s)) !=
	    PROBLEM_NONE)
		return p;
	s->there = s->same = true;
	s->next_s = next_s;
	return PROBLEM_NONE;
}

/*
 * A schedule that somebody else has entered otherwise is his, as he may have
 * the newer contract; unless he is gone.
 */
static bool
is_mine(const struct queue_schedule *s, bool begins, int64_t now_s)
{
	return !s->there || (!s->same &&
	    (begins || now_s - s->next_s > LATE_S));
}

static enum problem
tend_one(struct crew *crew, struct scope *sc, struct store *store,
    struct queue_schedule *s, bool begins, int64_t now_s)
{
	char labels[LABELS_MAX];
	enum problem p;

	if (is_mine(s, begins, now_s) &&
	    (p = keep_one(sc, store, s, now_s)) != PROBLEM_NONE)
		return p;
	snprintf(labels, sizeof(labels), "schedule=\"%s\"", s->kind->name);
	metric_set_for("lockstep_schedule_lag_seconds", labels,
	    now_s > s->next_s ? (uint64_t)(now_s - s->next_s) : 0,
	    3 * LOOK_MS / 1000);
	if (!s->same || s->next_s > now_s)
		return PROBLEM_NONE;
	return make_tick(crew, sc, store, s, now_s);
}

uint64_t
schedule_tend(struct crew *crew, struct scope *sc, struct store *store,
    bool *entered)
{
	uint64_t began_ns = clock_now_ns(), wait_us = LOOK_MS * 1000;
	struct queue_schedule *s;
	int64_t now_us;
	size_t count;
	enum problem p;

	s = schedules_of(crew, sc->arena, &count);
	if (count == 0 || crew->options->drain)
		return UINT64_MAX;
	p = queue_schedules(sc, store, s, count, !*entered, &now_us);
	for (size_t i = 0; i < count && p == PROBLEM_NONE; i++) {
		p = tend_one(crew, sc, store, &s[i], !*entered,
		    now_us / 1000000);
		if (s[i].there && s[i].next_s * 1000000 - now_us <
		    (int64_t)wait_us)
			wait_us = s[i].next_s * 1000000 > now_us ?
			    (uint64_t)(s[i].next_s * 1000000 - now_us) : 0;
	}
	if (p != PROBLEM_NONE) {
		log_event(LOG_WARN, "schedule", LOG_TEXT("cause", sc->cause));
		wait_us = LOOK_AGAIN_MS * 1000;
	}
	*entered |= p == PROBLEM_NONE;
	/* One that is another's and late is looked at now and then. */
	if (wait_us == 0)
		wait_us = LOOK_AGAIN_MS * 1000;
	return began_ns + wait_us * 1000;
}
