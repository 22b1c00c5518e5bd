/* SPDX-License-Identifier: MIT */
#ifndef WORK_INTERNAL_H
#define WORK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "work/work.h"

/* What the files of work/ share: one worker process, its threads and kinds. */

enum {
	SLOT_JOBS = 1000,	/* a batch, as the contract may say */
	SCAN_MS = 1000,		/* all that is available is looked at so often, */
	SCAN_SHARE = 50,	/* or for a part in so many of the time */
	FLOOR_MS = 100,		/* the floor lags behind what is claimed */
	QUIET_MS = 20,		/* a kind without jobs is tried last so long */
};

/*
 * What a thread has claimed and holds by its transaction, in memory that
 * outlives the process: the next process counts it as an attempt.
 */
struct slot {
	_Atomic uint32_t count;
	struct {
		_Atomic int64_t id;
		uint32_t attempt;
		uint32_t kind;		/* its number */
	} job[SLOT_JOBS];
};

/* A kind that is served, as the process sees it. */
struct ground {
	const struct job_kind *kind;
	bool paused;			/* its queue is */
	unsigned running;		/* in this process */
	unsigned alone;		/* claims that take one job: a batch failed */
	uint64_t quiet_ns;		/* when it was last tried in vain */
	/* Nothing below is looked at, but when all is. */
	char floor_at[40];		/* "" = none yet */
	int64_t floor_id;
	char mark_at[40];		/* the floor to come */
	int64_t mark_id;
	uint64_t mark_ns;
};

struct crew {
	const struct work_options *options;
	struct slot *slots;		/* [threads] */
	struct ground *grounds;
	size_t ground_count;
	int64_t worker;			/* its id; 0 = not known yet */
	int eventfd;			/* wakes the keeper */
	uint64_t poll_ns;		/* when crew_tick() rings next */

	pthread_mutex_t lock;		/* for all below, and the grounds */
	pthread_cond_t bell;
	unsigned rings;			/* that nobody has heard yet */
	unsigned threads;		/* that have not ended */
	bool stopping;
	unsigned turn;			/* which kind is tried first */
	uint64_t scan_ns;		/* when all is looked at again */
	struct queue_lease *leases;	/* [threads]: being run; id 0 = none */
};

/* The wishes of a claim, and what they were made of. */
struct wish_list {
	struct queue_claim claim;
	bool scan;			/* from the beginning */
	uint64_t began_ns;
};

/* ---- crew.c ---- */

/* A process's crew; NULL with errno set.  Its end. */
struct crew *crew_new(const struct work_options *options, struct slot *slots);
void crew_free(struct crew *crew);

/* Rings so often: that many threads look for jobs. */
void crew_ring(struct crew *crew, unsigned times);

/*
 * Rings by the clock, each poll_ms or so, whatever becomes of any connection:
 * that is what no job is missed by; being called is only faster.  For one
 * thread, which never waits for the database.
 */
void crew_tick(struct crew *crew);

/* Waits for a ring.  false: it is time to end. */
bool crew_wait(struct crew *crew) MUST_CHECK;
bool crew_is_stopping(struct crew *crew);
void crew_stop(struct crew *crew);

/*
 * What may be claimed now, in the arena; false when nothing may.  `ending` is
 * of the kind that the thread has and is about to be done with, or NULL; `all`
 * is without floors.  To be answered by crew_claimed() in any case.
 */
bool crew_wish(struct crew *crew, struct arena *arena,
    const struct job_kind *ending, bool all, struct wish_list *ret) MUST_CHECK;

/* Jobs were claimed (or none), or are over; a batch of them has failed. */
void crew_claimed(struct crew *crew, unsigned thread,
    const struct wish_list *list, const struct queue_claimed *claimed);
void crew_released(struct crew *crew, unsigned thread,
    const struct queue_job *jobs, size_t count);
void crew_alone(struct crew *crew, const struct job_kind *kind, size_t count);

/* ---- work.c ---- */

/* A thread, from its first claim to the end. */
struct hand {
	struct crew *crew;
	unsigned thread;
};
void *work_thread(void *hand);

/* ---- keeper.c ---- */

/* Begins what goes on beside the jobs, in a thread; and ends it. */
struct keeper;
struct keeper *keeper_start(struct crew *crew);
void keeper_stop(struct keeper *keeper);

#endif
