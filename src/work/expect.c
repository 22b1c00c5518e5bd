/* SPDX-License-Identifier: MIT */
/*
 * What the contract expects of the data: looked at when it is time, one look at
 * a turn, so that the other chores go on; told in the log when its state is
 * another, and as figures.
 */
#include "work/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/metric.h"

enum { KEPT_S = 60, LABELS_MAX = 256 };

static const char *const states[] = { "passed", "failed", "unknown" };

/* One of the three is 1. */
static void
measure(const struct expectation *e, const char *state)
{
	char labels[LABELS_MAX];

	for (size_t i = 0; i < countof(states); i++) {
		snprintf(labels, sizeof(labels),
		    "expectation=\"%s\",state=\"%s\"", e->name, states[i]);
		metric_set_for("lockstep_expectation_state", labels,
		    strcmp(states[i], state) == 0, KEPT_S);
	}
}

static void
tell(const struct expectation *e, const struct queue_finding *f)
{
	enum log_level level = strcmp(f->state, "passed") == 0 ? LOG_INFO :
	    LOG_WARN;
	char labels[LABELS_MAX];

	snprintf(labels, sizeof(labels), "expectation=\"%s\",state=\"%s\"",
	    e->name, f->state);
	metric_add("lockstep_expectation_checks_total", labels, 1);
	measure(e, f->state);
	if (f->changed)
		log_event(level, "expectation",
		    LOG_TEXT("expectation", e->name),
		    LOG_TEXT("state", f->state), LOG_TEXT("value", f->value),
		    LOG_TEXT("cause", f->cause));
}

/* Enters or looks; *ret_done: something of it was done. */
static enum problem
tend(struct scope *sc, struct store *store, const struct expectation *e,
    const struct queue_expectation *state, int64_t now_s, bool *ret_done)
{
	struct queue_finding finding;
	bool taken = false;
	int64_t following;
	enum problem p;

	if (!state->same) {
		*ret_done = true;
		return queue_expect_keep(sc, store, e, now_s);
	}
	if (state->next_s > now_s ||
	    !schedule_next(e->schedule, now_s, &following))
		return PROBLEM_NONE;
	p = queue_expect_take(sc, store, e, state->next_s, following, &taken);
	if (p != PROBLEM_NONE || !taken)
		return p;
	*ret_done = true;
	if ((p = queue_expect_look(sc, store, e, &finding)) == PROBLEM_NONE)
		tell(e, &finding);
	return p;
}

enum problem
expectations_tend(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	size_t count;
	const struct expectation *list = contract_expectations(
	    crew->options->contract, &count);
	struct queue_expectation *known;
	int64_t now_s = 0;
	enum problem p;

	if (count == 0)
		return PROBLEM_NONE;
	known = arena_alloc(sc->arena, count * sizeof(*known));
	p = queue_expectations(sc, store, list, count, known, &now_s);
	for (size_t i = 0; i < count && p == PROBLEM_NONE; i++)
		measure(&list[i], known[i].same ? known[i].state : "unknown");
	for (size_t i = 0; i < count && p == PROBLEM_NONE && !*more; i++)
		p = tend(sc, store, &list[i], &known[i], now_s, more);
	if (p == PROBLEM_NONE && !*more)
		p = queue_expect_clear(sc, store, list, count);
	return p;
}
