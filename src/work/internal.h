/* SPDX-License-Identifier: MIT */
#ifndef WORK_INTERNAL_H
#define WORK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "peer/peer.h"
#include "work/work.h"

/* What the files of work/ share: one worker process, its threads and kinds. */

enum {
	SLOT_JOBS = 1000,	/* a batch, as the contract may say */
	SCAN_MS = 1000,		/* all that is available is looked at so often, */
	SCAN_SHARE = 50,	/* or for a part in so many of the time */
	FLOOR_MS = 100,		/* the floor lags behind what is claimed */
	TALLY_COUNT = 256,	/* destinations whose calls are counted */
	LANE_COUNT = 256,	/* whose speed is known */
	FACT_COUNT = 8,		/* that walk_facts() tells */
	QUIET_MS = 20,		/* a kind without jobs is tried last so long */
	SOON_MS = 3,		/* whoever began just now has so long to end */
};

/*
 * Two sorts of threads: those with a connection each, for sql, and those that
 * call services, or write exports, and borrow one for a moment.  Neither waits
 * for the other's jobs.
 */
enum side_name { SIDE_SQL, SIDE_CALLS, SIDE_COUNT };

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
	enum side_name side;
	unsigned limit;			/* that may be running; 0 = any */
	bool paused;			/* its queue is */
	unsigned running;		/* in this process */
	bool denied;			/* there was no room for one more */
	unsigned alone;		/* claims that take one job: a batch failed */
	uint64_t quiet_ns;		/* when it was last tried in vain */
	/* Nothing below is looked at, but when all is. */
	char floor_at[40];		/* "" = none yet */
	int64_t floor_id;
	char mark_at[40];		/* the floor to come */
	int64_t mark_id;
	uint64_t mark_ns;
};

/* A thread that waits. */
struct sleeper {
	pthread_cond_t bell;
	bool rung;
	struct sleeper *below;
};

/* The threads of a sort. */
struct side {
	struct sleeper *asleep;		/* the last to lie down on top */
	unsigned sleepers;
	unsigned rings;			/* that nobody has heard yet */
	uint64_t rung;			/* how often, in all */
	uint64_t brisk_ns;		/* when one last began something */
	unsigned ears;			/* threads that have not ended */
	unsigned turn;			/* which kind is tried first */
	uint64_t scan_ns;		/* when all is looked at again */
};

/* Calls that went well and are not told of yet: see health.c. */
struct tally {
	uint64_t hash;			/* of the destination */
	unsigned well;
	uint64_t since_ns;
};

/* A destination that jobs say, as fast as it was of late: see lane.c. */
struct lane {
	uint64_t hash;			/* of the destination */
	uint64_t took_ns;		/* a call; 0 = not known */
	uint64_t line_ns;		/* where those that wait end */
	uint64_t seen_ns;
};

/* Such a call that is under way. */
struct stretch {
	uint64_t hash;			/* of the destination; 0 = none is */
	uint64_t began_ns;
};

struct crew {
	const struct work_options *options;
	struct slot *slots;		/* [threads] */
	struct ground *grounds;
	size_t ground_count;
	int64_t worker;			/* its id; 0 = not known yet */
	int eventfd;			/* wakes the keeper */
	atomic_bool news;		/* it is to tell other processes */
	uint64_t poll_ns;		/* when crew_tick() rings next */
	unsigned calls;			/* threads that call services */
	uint64_t strays_ns;	/* when the spool is looked through, by chores */
	struct desk *desk;		/* their connections */
	atomic_uint writers;		/* of exports that are being written */
	atomic_bool *abandon;		/* [calls]: what it is at is over */

	pthread_mutex_t lock;		/* for all below, and the grounds */
	struct side side[SIDE_COUNT];
	bool stopping;
	/* Being run: [threads], then [calls]; id 0 = none. */
	struct queue_lease *leases;
	unsigned lease_count;
	struct tally tally[TALLY_COUNT];
	struct lane lane[LANE_COUNT];
	struct stretch *stretches;	/* [calls] */
};

/* The wishes of a claim, and what they were made of. */
struct wish_list {
	struct queue_claim claim;
	enum side_name side;
	bool scan;			/* from the beginning */
	uint64_t began_ns;
	uint64_t rung;			/* how often it had been, then */
};

/* What a claim may have left. */
enum rest {
	REST_NONE,
	REST_KINDS,	/* behind its own, that nobody has looked at of late */
	REST_JOBS,	/* it got as many as it asked for */
};

/* A thread of either sort. */
struct thread {
	struct crew *crew;
	unsigned number;		/* of its lease; of its slot, for sql */
	struct slot *slot;		/* sql */
	struct store *store;		/* of calls: NULL = none is borrowed */
	struct arena *arena[2];		/* this job's, and the next one's */
	struct scope scope[2];
	unsigned now;			/* which is this one's */
	struct wish_list wishes;
	struct queue_claimed claimed;
	enum rest rest;			/* of what was claimed */
	bool look;			/* for more, before it waits */
	bool settled;			/* which drops what is held */
	uint64_t seed;
};

/* ---- crew.c ---- */

/* A process's crew; NULL with errno set.  Its end. */
struct crew *crew_new(const struct work_options *options, struct slot *slots);
void crew_free(struct crew *crew);

/*
 * Rings so often: that many threads of each sort, or of one, look for jobs.
 * Those that waited least come first, as what they need is still at hand.
 */
void crew_ring(struct crew *crew, unsigned times);
void crew_ring_side(struct crew *crew, enum side_name side, unsigned times);

/*
 * Rings once, for sql.  A thread that began something less than SOON_MS ago
 * will be there in a moment, and takes what came meanwhile together: then
 * nobody is woken, the result is true, and who rang presses when that time is
 * over, so that whoever waits is woken if nobody has come.
 */
bool crew_ring_soon(struct crew *crew) MUST_CHECK;
void crew_press(struct crew *crew);

/* A job has left jobs: rings here, and has the keeper call all processes. */
void crew_tell(struct crew *crew);

/* Was there a ring since these wishes were made? */
bool crew_rung_since(struct crew *crew, const struct wish_list *list);

/*
 * Rings by the clock, each poll_ms or so, whatever becomes of any connection:
 * that is what no job is missed by; being called is only faster.  For one
 * thread, which never waits for the database.
 */
void crew_tick(struct crew *crew);

/* Waits for a ring.  false: it is time to end. */
bool crew_wait(struct crew *crew, enum side_name side) MUST_CHECK;
bool crew_is_stopping(struct crew *crew);
void crew_stop(struct crew *crew);

/* Ends the calls that are under way; those of a lease, if it is one. */
void crew_abandon(struct crew *crew);
void crew_abandon_lease(struct crew *crew, const struct queue_lease *lease);

/* A thread has ended.  Have all? */
void crew_left(struct crew *crew, enum side_name side);
bool crew_is_empty(struct crew *crew);

/*
 * What may be claimed now, in the arena; false when nothing may.  `ending` is
 * of the kind that the thread has and is about to be done with, or NULL; `all`
 * is without floors.  To be answered by crew_claimed() in any case.
 */
bool crew_wish(struct crew *crew, struct arena *arena, enum side_name side,
    const struct job_kind *ending, bool all, struct wish_list *ret) MUST_CHECK;

/* Jobs were claimed, or none. */
enum rest crew_claimed(struct crew *crew, unsigned thread,
    const struct wish_list *list, const struct queue_claimed *claimed);

/* Jobs are over; a batch of them has failed. */
void crew_released(struct crew *crew, unsigned thread,
    const struct queue_job *jobs, size_t count);
void crew_alone(struct crew *crew, const struct job_kind *kind, size_t count);

/* How many jobs of a kind that is served may run at once; 0 = any. */
unsigned crew_limit(struct crew *crew, const struct job_kind *kind);

/* ---- settle.c ---- */

/* What is known of a job on its way, for settling and the log. */
struct walk {
	const struct queue_job *job;
	const struct caller *caller;	/* NULL = not recalled */
	const struct input *input;	/* NULL = not accepted */
	const char *code, *message;	/* why not */
	const char *reason;
	/* Of a call, when there was one: */
	unsigned status;		/* 0 = none came */
	const char *result, *reply;	/* JSON, and its beginning as text */
	int64_t took_ms;		/* -1 = there was none */
	int64_t retry_after_ms;		/* -1 = not said */
};

/* Recalls and accepts.  false: it cannot be run; the walk says why. */
bool walk_approach(struct thread *t, struct scope *sc, struct walk *w)
    MUST_CHECK;

/* What the worker knows of it, for the added arguments of functions. */
void walk_facts(struct scope *sc, const struct walk *w,
    struct job_argument ret[FACT_COUNT]);

/* The scope's first issue: where and which rule, never the value. */
const char *walk_issue(struct scope *sc, const char *what, const char *none);

/*
 * A job was not done: it is tried again, or dead.  Or all its attempts have
 * ended without a word, or it may have fewer now: it is not run once more, and
 * this claim does not count.  Or it waits, without an attempt.
 */
void walk_settle(struct thread *t, struct scope *sc, struct walk *w,
    uint64_t began_ns);
void walk_give_up(struct thread *t, struct scope *sc, struct walk *w,
    uint64_t began_ns);
void walk_defer(struct thread *t, struct scope *sc, struct walk *w,
    int64_t wait_ms, uint64_t began_ns);

/* The log and the figures of a job that was done, or was not. */
void walk_record(const struct scope *sc, const struct walk *w,
    const char *outcome, uint64_t ns);

/* The kind's pause, a fifth more or less. */
int64_t walk_backoff_ms(struct thread *t, const struct queue_job *job);

/* Until the database takes it, or the worker is to end. */
struct queue_result settle_at_last(struct thread *t, struct scope *sc,
    const struct queue_job *job, const struct queue_settlement *s);
void work_pause_ms(long ms);

/* ---- work.c, call.c ---- */

/* A thread, from its first claim to the end. */
struct hand {
	struct crew *crew;
	unsigned thread;
};
void *work_thread(void *hand);
void *call_thread(void *hand);

/* ---- export.c ---- */

/* A job that writes a file, which was recalled and accepted. */
void export_walk(struct thread *t, struct scope *sc, struct walk *w,
    uint64_t began_ns);

/* The chore: rows whose time is over, and files that nobody wants. */
enum problem export_chore(struct crew *crew, struct scope *sc,
    struct store *store, bool *more);

/* ---- pace.c ---- */

enum { PACE_WITHIN_MS = 50 };	/* a session was used just now */

/* How fast a file is written, by one who writes and one who looks beside. */
struct pace {
	atomic_bool alone;		/* nobody else asks for anything */
	uint64_t began_ns;		/* the writer's: since its last rest */
	int64_t sessions;		/* hundredths, used just now on average */
	bool heard;
};

/* The thread that calls it is a writer now; and is none any more. */
void pace_begin(struct pace *pace, struct crew *crew);
void pace_end(struct crew *crew);

/* So many sessions of servers were used within PACE_WITHIN_MS; -1 not known. */
void pace_hear(struct pace *pace, int64_t sessions);

/* Rests as long as it should, after what was written since the last time. */
void pace_rest(struct pace *pace, const struct crew *crew);

/* ---- desk.c ---- */

/* Connections for threads that have none: few, each lent for a moment. */
struct desk *desk_new(const struct work_options *options);
void desk_free(struct desk *desk);
struct store *desk_borrow(struct desk *desk);
void desk_give_back(struct desk *desk, struct store *store);

/* ---- request.c ---- */

/* The call that a job makes, in the arena; false with the scope's cause. */
bool request_make(struct scope *sc, const struct walk *w,
    const struct work_options *options, const struct job_request *said,
    struct peer_call *ret) MUST_CHECK;

/* ---- health.c ---- */

/* What a destination is known by in tables of the process; never 0. */
uint64_t destination_hash(const char *destination);

/* How a call went, for its destination. */
enum health { HEALTH_WELL, HEALTH_ILL, HEALTH_NONE };
void health_note(struct thread *t, struct scope *sc, const struct walk *w,
    const char *destination, const struct queue_readiness *ready,
    enum health health);

/* The destination is not called for now: nor are others of its kinds tried. */
void health_shut(struct thread *t, struct scope *sc, const struct walk *w,
    int64_t wait_ms);

/*
 * The figures of all breakers of the contract's services; and one that is open
 * with nobody left to close it gets a job for it; and what is to be recovered
 * since one closed is, a batch of it: true when there is more.
 */
bool health_measure(struct scope *sc, struct store *store, struct crew *crew);

/* The contract's services, those that others serve as well, in the arena. */
size_t health_services(struct scope *sc, const struct crew *crew,
    const char *const **ret);

/* ---- lane.c ---- */

/*
 * May the thread call the destination, of a kind whose jobs say it?  Until it
 * leaves.  false: in *ret_wait_ms or so, as calls that are slow have its share.
 */
bool lane_enter(struct thread *t, const struct job_kind *kind,
    const char *destination, int64_t *ret_wait_ms) MUST_CHECK;

/* The call is over, and took so long (0 = it was not made), if there was one. */
void lane_leave(struct thread *t, uint64_t took_ns);

/* ---- schedule.c ---- */

/*
 * Makes the runs that are due.  *entered false: what the contract says is
 * entered first, if it is news.  When to do it again, by the clock; UINT64_MAX =
 * never.
 */
uint64_t schedule_tend(struct crew *crew, struct scope *sc,
    struct store *store, bool *entered) MUST_CHECK;

/* ---- census.c ---- */

/*
 * Tells how many jobs there are; the log, of those that nobody knows, from
 * *line_ns on.
 */
void census_take(struct crew *crew, struct scope *sc, struct store *store,
    uint64_t *line_ns);

/* ---- keeper.c ---- */

/* Begins what goes on beside the jobs, in a thread; and ends it. */
struct keeper;
struct keeper *keeper_start(struct crew *crew);
void keeper_stop(struct keeper *keeper);

/* ---- monitor.c ---- */

/* A chore: looks whether all is well, and has figures of it. */
enum problem monitor_look(struct crew *crew, struct scope *sc,
    struct store *store, bool *more) MUST_CHECK;

/* Another one: has all jobs counted now and then, so that none is lost. */
enum problem monitor_conserve(struct crew *crew, struct scope *sc,
    struct store *store, bool *more) MUST_CHECK;

/* ---- rollup.c ---- */

/* Chores: fold, fill and audit the rollups. */
enum problem chore_fold(struct crew *crew, struct scope *sc,
    struct store *store, bool *more);
enum problem chore_fill(struct crew *crew, struct scope *sc,
    struct store *store, bool *more);
enum problem chore_audit(struct crew *crew, struct scope *sc,
    struct store *store, bool *more);

/* ---- chores.c ---- */

/*
 * As the keeper, for what is done for the whole database, which may take longer;
 * NULL when there is no thread for it.
 */
struct chores;
struct chores *chores_start(struct crew *crew);
void chores_stop(struct chores *chores);

/* ---- partition.c, expect.c ---- */

/* Each a chore: one turn of it; *more when the next is to follow at once. */
enum problem partition_tend(struct crew *crew, struct scope *sc,
    struct store *store, bool *more) MUST_CHECK;
enum problem expectations_tend(struct crew *crew, struct scope *sc,
    struct store *store, bool *more) MUST_CHECK;

#endif
