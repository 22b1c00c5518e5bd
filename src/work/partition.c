/* SPDX-License-Identifier: MIT */
/*
 * Parts of tables that are partitioned by time: one step of one table at a time,
 * at once again while there is one, so that no lock is held for longer than a
 * step.  What fails is tried again at the next turn, and told in the log when
 * it is news.
 */
#include "work/internal.h"

#include <stdio.h>

#include "base/log.h"
#include "base/metric.h"

enum { KEPT_S = 60, LABELS_MAX = 256 };

static void
tell(const struct queue_part_news *news)
{
	if (news->reason != NULL)
		log_event(LOG_WARN, "partition",
		    LOG_TEXT("table", news->relation),
		    LOG_TEXT("cause", news->reason));
	else
		log_event(LOG_INFO, "partition",
		    LOG_TEXT("table", news->relation),
		    LOG_TEXT("done", news->done));
}

static void
measure(const struct queue_part_state *s)
{
	char labels[LABELS_MAX];

	snprintf(labels, sizeof(labels), "table=\"%s\"", s->relation);
	metric_set_for("lockstep_partition_ahead_seconds", labels,
	    s->ahead_s > 0 ? (uint64_t)s->ahead_s : 0, KEPT_S);
	metric_set_for("lockstep_partition_failing", labels, s->failing,
	    KEPT_S);
}

enum problem
partition_tend(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	const struct queue_part_news *news;
	const struct queue_part_state *states;
	size_t news_count, state_count;
	enum problem p;

	(void)crew;
	p = queue_partition(sc, store, &news, &news_count, &states,
	    &state_count);
	if (p != PROBLEM_NONE)
		return p;
	for (size_t i = 0; i < news_count; i++) {
		tell(&news[i]);
		*more |= news[i].done != NULL;
	}
	for (size_t i = 0; i < state_count; i++)
		measure(&states[i]);
	return PROBLEM_NONE;
}
