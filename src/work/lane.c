/* SPDX-License-Identifier: MIT */
/*
 * That no destination takes all the calls of a kind whose jobs say where they go:
 * jobs come in the order in which they were left, so one that answers slowly and
 * has many that wait would be all there is.  It has a share of the calls; the
 * others of its jobs wait without an attempt, one behind the other, about as
 * fast as it answers.  Who answers quickly is in nobody's way and has all.
 *
 * What is known is of the calls of this process, and of late.
 */
#include "work/internal.h"

#include "base/clock.h"

enum {
	SHARE = 4,		/* one in so many of the kind's calls */
	QUICK_MS = 100,		/* a call that takes less is quick */
	LATE_MS = 30000,	/* what is older is not known any more */
	WAIT_MS = 100,		/* at least, */
	WAIT_MAX_MS = 60000,	/* and about at most */
	STEP_MS = 10,		/* between two that wait, at least */
};

static const uint64_t ns_per_ms = 1000000;

/* Two that meet in one place forget each other. */
static struct lane *
lane_of(struct crew *crew, uint64_t hash, uint64_t now)
{
	struct lane *lane = &crew->lane[hash % LANE_COUNT];

	if (lane->hash != hash || now - lane->seen_ns > LATE_MS * ns_per_ms)
		*lane = (struct lane){ .hash = hash };
	lane->seen_ns = now;
	return lane;
}

/* How many calls of it are under way, and how long the longest has been. */
static unsigned
under_way(const struct crew *crew, uint64_t hash, uint64_t now,
    uint64_t *ret_oldest_ns)
{
	unsigned ret = 0;

	*ret_oldest_ns = 0;
	for (unsigned i = 0; i < crew->calls; i++) {
		const struct stretch *s = &crew->stretches[i];

		if (s->hash != hash)
			continue;
		ret++;
		if (now - s->began_ns > *ret_oldest_ns)
			*ret_oldest_ns = now - s->began_ns;
	}
	return ret;
}

/* A place at the end of the line, which is as long as the calls take. */
static int64_t
wait_ms(struct lane *lane, uint64_t call_ns, unsigned share, uint64_t now)
{
	uint64_t first = now + WAIT_MS * ns_per_ms;
	uint64_t last = now + WAIT_MAX_MS * ns_per_ms;
	uint64_t step = call_ns / share, at;

	if (step < STEP_MS * ns_per_ms)
		step = STEP_MS * ns_per_ms;
	at = lane->line_ns > first ? lane->line_ns : first;
	lane->line_ns = at + step < last ? at + step : last;
	return (int64_t)((at - now) / ns_per_ms);
}

bool
lane_enter(struct thread *t, const struct job_kind *kind,
    const char *destination, int64_t *ret_wait_ms)
{
	struct crew *crew = t->crew;
	uint64_t hash = destination_hash(destination), now = clock_now_ns();
	uint64_t call_ns;
	unsigned busy, share;
	struct lane *lane;
	bool ret;

	pthread_mutex_lock(&crew->lock);
	share = crew_limit(crew, kind) / SHARE;
	if (share == 0)
		share = 1;
	lane = lane_of(crew, hash, now);
	busy = under_way(crew, hash, now, &call_ns);
	if (call_ns < lane->took_ns)
		call_ns = lane->took_ns;
	/* What is left when no job is there any more waits for nobody. */
	ret = busy < share || crew->options->drain ||
	    (lane->took_ns > 0 && call_ns < QUICK_MS * ns_per_ms);
	if (ret)
		crew->stretches[t->number - crew->options->threads] =
		    (struct stretch){ hash, now };
	else
		*ret_wait_ms = wait_ms(lane, call_ns, share, now);
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

void
lane_leave(struct thread *t, uint64_t took_ns)
{
	struct crew *crew = t->crew;
	struct stretch *s = &crew->stretches[t->number -
	    crew->options->threads];
	struct lane *lane;

	pthread_mutex_lock(&crew->lock);
	if (s->hash != 0 && took_ns > 0) {
		lane = lane_of(crew, s->hash, clock_now_ns());
		lane->took_ns = lane->took_ns == 0 ? took_ns :
		    (3 * lane->took_ns + took_ns) / 4;
		if (lane->took_ns < QUICK_MS * ns_per_ms)
			lane->line_ns = 0;
	}
	*s = (struct stretch){ 0, 0 };
	pthread_mutex_unlock(&crew->lock);
}
