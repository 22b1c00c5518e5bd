/* SPDX-License-Identifier: MIT */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "auth/auth.h"
#include "base/attribute.h"
#include "base/problem.h"
#include "base/scope.h"
#include "contract/contract.h"

/*
 * The queue: lockstep.jobs, by the functions of migration 0009.  Part of
 * store.h; work/ and the commands use it.
 *
 * A job is held in one of two ways.  Held by the transaction (token 0):
 * claimed, run and done in one, which stays open from queue_claim() on, so
 * whoever dies or stalls has done nothing, and the row is free again when the
 * connection ends.  Held by a lease (token > 0): claimed in a transaction of its own, kept
 * by a heartbeat; done, failed, beaten and reaped are fenced by the token, in
 * the transaction of the effects.  A connection holds jobs of its transaction
 * one claim at a time; leases belong to no connection.
 */
struct store;

struct queue_job {
	int64_t id;
	const struct job_kind *kind;
	const char *args;		/* JSON text */
	const char *claims;		/* of the enqueuer: JSON text */
	const char *role;		/* of the enqueuer, or NULL */
	unsigned attempt;		/* this one, from 1 */
	unsigned attempts;		/* that it may have */
	unsigned attempts_before;	/* it was replayed, if any */
	bool crashed;		/* the last attempt ended without a word */
	bool serial;			/* it has successors to be told of */
	int64_t token;			/* of the lease; 0 = no lease */
	const char *run_at;		/* Postgres' text */
	int64_t waited_us;		/* since run_at */
	const char *request_id, *traceparent;	/* or NULL */
};

/* A kind that may be claimed now, in the order in which they are tried. */
struct queue_wish {
	const struct job_kind *kind;
	unsigned most;			/* jobs: the kind's batch, or less */
	const char *floor_at;		/* run_at and id that are not looked */
	int64_t floor_id;		/* below; NULL = from the beginning */
};

struct queue_claim {
	const struct queue_wish *wishes;
	size_t wish_count;
	int64_t owner;			/* of leases: the worker's id */
	unsigned lease_ms;
};

/*
 * What was claimed: jobs of one kind, in the arena of the scope; or none.
 * `again`: a job was over when it was to be claimed, and whoever looked for the
 * next of its key at that moment was sent away; so somebody has to look again.
 */
struct queue_claimed {
	const struct queue_job *jobs;
	size_t count;
	bool again;
};

/*
 * Claims jobs of the first kind that has any.  Without any, and with leases,
 * the transaction has ended; else it waits for queue_run(), queue_settle() or
 * queue_drop().  What it held before is dropped.  PROBLEM_UNAVAILABLE,
 * PROBLEM_TIMEOUT, PROBLEM_INTERNAL.
 */
enum problem queue_claim(struct scope *sc, struct store *store,
    const struct queue_claim *claim, struct queue_claimed *ret) MUST_CHECK;

/* Lets go of jobs that the connection's transaction holds, if there are any. */
void queue_drop(struct scope *sc, struct store *store);

/* A job with whom it is for and what it is to do. */
struct queue_task {
	const struct queue_job *job;
	const struct caller *caller;
	const struct input *input;	/* NULL = nothing: it is done, alone */
};

/* What is claimed in the same flush, into another scope. */
struct queue_next {
	struct scope *sc;
	const struct queue_claim *claim;
	struct queue_claimed claimed;	/* filled in, when all went well, */
	bool heard;			/* which this says */
};

enum queue_ending {
	QUEUE_DONE,	/* effects and job, in one commit */
	QUEUE_FAILED,	/* nothing was done: the function or the commit */
	QUEUE_FENCED,	/* nothing was done: it is another's, or was settled */
	QUEUE_LOST,	/* nobody knows: the connection was lost */
	QUEUE_SHUT,	/* nothing was done: the destination's breaker is open */
};
struct queue_result {
	enum queue_ending ending;
	char code[8];		/* SQLSTATE, "timeout", or "lost"; QUEUE_LOST
				 * with 08001: nothing was sent */
	bool enqueued;		/* it has left jobs: see queue_wake() */
	bool freed;		/* one may run now as its predecessor is over */
};

/*
 * Runs the functions of the tasks, which are all of one claim or all leased,
 * each as its caller, and has them done, in one transaction: one flush and one
 * read, and with `next` (not NULL) the next claim goes with it.  The deadline
 * is the scope's.  The private cause of a failure is the scope's cause.
 */
struct queue_result queue_run(struct scope *sc, struct store *store,
    const struct queue_task *tasks, size_t count, struct queue_next *next)
    MUST_CHECK;

/* How a job that was not done goes on. */
struct queue_settlement {
	const char *code;	/* of the error: SQLSTATE, "timeout", ... */
	const char *message;	/* names, never a value of a row */
	const char *reason;	/* it is dead: exhausted, permanent, crashed,
				 * invalid; NULL = it is tried again */
	int64_t delay_ms;	/* then after this */
	bool spared;		/* then the attempt does not count */
	const struct queue_task *failed;	/* what is run in the same */
	const struct queue_task *dead;		/* transaction, in this order;
						 * or NULL */
};

/*
 * Fails, defers or buries a job.  Fenced by the token; of a job without a lease
 * by its attempt, for which nothing needs to be held.  QUEUE_DONE when it was
 * told so.
 */
struct queue_result queue_settle(struct scope *sc, struct store *store,
    const struct queue_job *job, const struct queue_settlement *settlement)
    MUST_CHECK;

/* ---- Jobs that call a service: they are leased. ---- */

/*
 * Before the call, in one transaction, which is fenced: may the destination be
 * called (NULL = that is not asked), and what does `prepare` of the kind say
 * (input NULL = it is not called)?  It runs as the caller.
 */
struct queue_readiness {
	enum queue_ending ending;	/* QUEUE_DONE, _SHUT, _FAILED, ... */
	char code[8];			/* QUEUE_FAILED */
	const char *said;		/* of prepare, JSON text, or NULL */
	bool probe;			/* the breaker lets this job alone by */
	bool doubtful;			/* so is the breaker: tell how it went */
	int64_t wait_ms;		/* QUEUE_SHUT: ask again after this */
	bool enqueued;
};
struct queue_readiness queue_prepare(struct scope *sc, struct store *store,
    const struct queue_task *task, const char *destination) MUST_CHECK;

/* How calls of a destination went: first those that went well. */
struct queue_news {
	const char *destination;
	int64_t token;			/* of the job whose call was the last */
	unsigned well, ill;		/* 0, 0 = a probe came to nothing */
	unsigned open_ms, open_max_ms;	/* how long it is open */
	bool recovers;			/* what died while it was open is to be
					 * recovered once it closes */
};
struct queue_verdict {
	bool opened, closed;		/* by these news */
	int64_t wait_ms;		/* while it is open */
	const char *since;		/* the first failure, Postgres' text */
};
enum problem queue_tell(struct scope *sc, struct store *store,
    const struct queue_news *news, struct queue_verdict *ret) MUST_CHECK;

/* Those of the kinds that nobody has claimed wait, without an attempt. */
enum problem queue_defer(struct scope *sc, struct store *store,
    const char *const *kinds, size_t count, int64_t delay_ms, uint64_t *ret)
    MUST_CHECK;

/*
 * Those of the kinds that gave up while the destination was not well are
 * available again, a batch of them: when its breaker has closed, and until all
 * are.  *ret_more: there is another batch.
 */
enum problem queue_recover(struct scope *sc, struct store *store,
    const char *destination, const char *const *kinds, size_t count,
    uint64_t *ret_revived, bool *ret_more) MUST_CHECK;

/*
 * One job of the kinds that gave up is there again, when the destination may be
 * called to see how it is and none of them is left to do so.  *ret: 0 or 1.
 */
enum problem queue_probe(struct scope *sc, struct store *store,
    const char *destination, const char *const *kinds, size_t count,
    uint64_t *ret) MUST_CHECK;

/* The breakers of destinations, in their order. */
struct queue_breaker {
	unsigned state;			/* 0 closed, 1 half open, 2 open */
	bool recovers;			/* some are to be recovered */
};
enum problem queue_breakers(struct scope *sc, struct store *store,
    const char *const *destinations, size_t count, struct queue_breaker *ret)
    MUST_CHECK;

/* Tells all workers that there is a job, after the commit; once for many. */
void queue_wake(struct scope *sc, struct store *store);

/* ---- What a worker process does beside its jobs, by one connection. ---- */

/*
 * Makes the process known, or known again, and has its connection listen.  An
 * *id of 0 is filled in, and one that a lost connection still holds is replaced
 * by a new one.  To be called again when the connection was lost.
 */
enum problem queue_join(struct scope *sc, struct store *store, int64_t *id)
    MUST_CHECK;

/* Takes the process off the list. */
void queue_leave(struct scope *sc, struct store *store, int64_t id);

/*
 * Waits for a call of queue_wake(), or until the descriptor `fd` is readable or
 * the time has passed.  false: the connection is lost, or is a later one, which
 * does not listen before queue_join().
 */
bool queue_listen(struct store *store, int fd, unsigned timeout_ms,
    bool *ret_called) MUST_CHECK;

struct queue_lease {
	int64_t id, token;
};

struct queue_tending {
	int64_t owner;
	const struct queue_lease *leases;	/* to be kept */
	size_t lease_count;
	unsigned lease_ms, beat_ms;
};

struct queue_tended {
	size_t beaten;		/* leases that go on */
	const struct queue_lease *lost;		/* in the arena */
	size_t lost_count;
	uint64_t reaped, promoted;
	int64_t due_ms;		/* until a scheduled job is due; -1 = none */
	const char *const *paused;	/* names of queues, in the arena */
	size_t paused_count;
};

/*
 * Beats, reaps what was left behind by anybody, and promotes what is due, in
 * one flush.
 */
enum problem queue_tend(struct scope *sc, struct store *store,
    const struct queue_tending *tending, struct queue_tended *ret) MUST_CHECK;

/*
 * Deletes jobs that were done or cancelled so many hours ago, dead ones after
 * 90 days at least, and sums the ledger up; a batch at a time.  Forgets breakers
 * that nobody needs: closed ones, and others but for those of the `services`, a
 * day after they could have been tried.
 */
enum problem queue_purge(struct scope *sc, struct store *store,
    unsigned keep_hours, const char *const *services, size_t count,
    uint64_t *ret_purged) MUST_CHECK;

/*
 * Jobs of a serial key that wait for one that is over: there are none, but for
 * those whose transaction was open while all before them ended.
 */
enum problem queue_unblock(struct scope *sc, struct store *store,
    uint64_t *ret) MUST_CHECK;

/* ---- Schedules, by the functions of migration 0015. ---- */

/* Where a schedule is, as the database has it; times in seconds since 1970. */
struct queue_schedule {
	const struct job_kind *kind;
	bool there;
	bool same;		/* is it as this contract says it? */
	int64_t next_s;
};

/*
 * Fills in the rows of the kinds that are in `schedules`, and the database's
 * time; `clear`: others that nobody has tended for a day are deleted.
 */
enum problem queue_schedules(struct scope *sc, struct store *store,
    struct queue_schedule *schedules, size_t count, bool clear,
    int64_t *ret_now_us) MUST_CHECK;

/* Enters what the contract says, with the next tick if that is news. */
enum problem queue_schedule_keep(struct scope *sc, struct store *store,
    const struct job_kind *kind, int64_t next_s) MUST_CHECK;

/*
 * Makes the run of a tick, unless somebody has: the schedule goes from the tick
 * that was due to the following one, and a job is left for `tick_s` (QUEUE_NONE
 * = for none of those that were missed).  *ret_job: the job; 0 = none, -1 =
 * another worker does it.
 */
#define QUEUE_NONE INT64_MIN
struct queue_tick {
	const struct job_kind *kind;
	int64_t due_s, tick_s, following_s;
	int64_t missed;
};
enum problem queue_tick(struct scope *sc, struct store *store,
    const struct queue_tick *tick, int64_t *ret_job) MUST_CHECK;

/* ---- Exports, by the functions of migration 0024. ---- */

/*
 * A job of the kind lockstep.export begins: what is to be written, in the arena.
 * *ret_there false: nobody wants it any more, or the lease is another's.
 */
struct export_order {
	const char *operation, *query, *format;
};
enum problem export_begin(struct scope *sc, struct store *store,
    const char *id, const struct queue_job *job, struct export_order *ret,
    bool *ret_there) MUST_CHECK;

/* How far it is; *ret_wanted false: it was cancelled, or is another's. */
struct export_progress {
	uint64_t rows, bytes, rate;	/* rate: rows a second */
	int64_t estimate;		/* -1 = not known */
};
enum problem export_tell(struct scope *sc, struct store *store,
    const char *id, int64_t token, const struct export_progress *progress,
    bool *ret_wanted) MUST_CHECK;

/*
 * The file is whole, and so is the job, in one transaction.  QUEUE_FENCED: the
 * lease is another's; QUEUE_FAILED with LSX01: it was cancelled.
 */
struct export_made {
	struct export_progress progress;
	const char *sha256, *file;
};
struct queue_result export_finish(struct scope *sc, struct store *store,
    const char *id, const struct queue_job *job,
    const struct export_made *made) MUST_CHECK;

/*
 * Sessions of servers that were used within the last so many milliseconds: what
 * the database does beside.  -1 = it is not known (see migrations/roles.sql).
 */
enum problem export_beside(struct scope *sc, struct store *store,
    unsigned within_ms, int64_t *ret_sessions) MUST_CHECK;

/*
 * Writes the rows, as the caller, in the form of the input's plan: contract's
 * contract_accept_export() made it.  The sink takes them part by part (false:
 * it cannot), may rest every few rows, and is told a few times a second how far
 * it is (false: it is to end).  The connection is closed afterwards.
 */
struct export_sink {
	void *context;
	bool (*take)(void *context, const char *bytes, size_t count);
	void (*rest)(void *context);
	bool (*tell)(void *context, const struct export_progress *progress);
};
enum export_ending {
	EXPORT_DONE, EXPORT_STOPPED, EXPORT_REFUSED, EXPORT_FAILED
};
struct export_result {
	enum export_ending ending;
	char code[8];			/* EXPORT_FAILED: as queue_result */
};
struct caller;
struct export_result export_run(struct scope *sc, struct store *store,
    const struct caller *caller, const struct input *input,
    unsigned timeout_ms, const struct export_sink *sink,
    struct export_progress *ret) MUST_CHECK;

/* What has become of rows by itself: so many expired, or failed. */
struct export_count {
	const char *operation, *outcome;
	uint64_t n;
};
enum problem export_tend(struct scope *sc, struct store *store,
    unsigned keep_days, struct export_count *ret, size_t most,
    size_t *ret_count) MUST_CHECK;

/* Which of the files of a spool, by their names, nobody can want. */
enum problem export_strays(struct scope *sc, struct store *store,
    const char *const *names, size_t count, const char *const **ret,
    size_t *ret_count) MUST_CHECK;
/* ---- Tables that are partitioned by time, by migration 0028. ---- */

/* What was done of a table, or why it was not; NULL, both, when nothing was. */
struct queue_part_news {
	const char *relation;
	const char *done, *reason;
};

/* How far the parts of a table reach from now, and whether that fails. */
struct queue_part_state {
	const char *relation;
	int64_t ahead_s;
	bool failing;
};

/* The next step of each table, if it is anybody's turn; both in the arena. */
enum problem queue_partition(struct scope *sc, struct store *store,
    const struct queue_part_news **ret_news, size_t *ret_news_count,
    const struct queue_part_state **ret_states, size_t *ret_state_count)
    MUST_CHECK;

/* ---- What is expected of the data, by migration 0030. ---- */

struct expectation;

/* Where an expectation is, as the database has it. */
struct queue_expectation {
	bool same;		/* is it there, as this contract says it? */
	int64_t next_s;
	const char *state;	/* in the arena */
};

/* Fills in the states of so many, and the database's time. */
enum problem queue_expectations(struct scope *sc, struct store *store,
    const struct expectation *list, size_t count,
    struct queue_expectation *states, int64_t *ret_now_s) MUST_CHECK;

/* Enters what the contract says, to be looked at then. */
enum problem queue_expect_keep(struct scope *sc, struct store *store,
    const struct expectation *e, int64_t next_s) MUST_CHECK;

/* Takes the look that is due on; not *ret_taken: another worker has. */
enum problem queue_expect_take(struct scope *sc, struct store *store,
    const struct expectation *e, int64_t due_s, int64_t following_s,
    bool *ret_taken) MUST_CHECK;

/* What was seen; texts in the arena. */
struct queue_finding {
	const char *state;
	const char *value;	/* or NULL: there was nothing to measure */
	const char *cause;	/* or NULL: why nothing is known */
	bool changed;		/* it was in another state before */
};

/* Looks, as the expectation's role, and writes down what was seen. */
enum problem queue_expect_look(struct scope *sc, struct store *store,
    const struct expectation *e, struct queue_finding *ret) MUST_CHECK;

/*
 * Looks at so many now, over a connection of its own, and prints what was seen:
 * 0 all have passed, 1 one has failed, 2 one is not known.
 */
int queue_expect_now(const char *database,
    const struct expectation *const *list, size_t count, bool json, FILE *out,
    FILE *err);

/* Forgets those that nobody has tended for a day, of no contract. */
enum problem queue_expect_clear(struct scope *sc, struct store *store,
    const struct expectation *list, size_t count) MUST_CHECK;

/* ---- How many there are. ---- */

/* The unfinished or dead jobs of a kind, in the arena. */
struct queue_count {
	const char *kind;	/* of a contract, or of none */
	const char *state;
	int64_t n;
	int64_t oldest_s;	/* the age of the oldest */
};
enum problem queue_count(struct scope *sc, struct store *store,
    const struct queue_count **ret, size_t *ret_count) MUST_CHECK;

/* ---- The monitor, by the functions of migration 0031. ---- */

/* A check, in the arena. */
struct queue_check {
	const char *name, *subject;
	enum check_state { CHECK_HEALTHY, CHECK_UNHEALTHY, CHECK_UNKNOWN }
	    state;
	double value;			/* 0 when it is not known */
};

/*
 * Looks, unless that was done within least_ms by any worker, and tells what is
 * known.  `declared` and `marks` are JSON, as lockstep.monitor_tick() has them.
 */
enum problem queue_monitor(struct scope *sc, struct store *store,
    const char *declared, const char *marks, unsigned least_ms,
    const struct queue_check **ret, size_t *ret_count) MUST_CHECK;

/* Has all jobs counted, unless that was done a short while ago. */
enum problem queue_conserve(struct scope *sc, struct store *store) MUST_CHECK;

/*
 * For people: prints how all is; 0 all is healthy, 1 it is not, 2 nobody can
 * tell.
 */
int queue_status(const char *database, bool json, FILE *out, FILE *err)
    MUST_CHECK;

/* ---- For people: lockstep jobs. ---- */

/*
 * Print, as whoever the connection string names; the exit codes of diff.
 * Conservation is 1 when the sums differ.
 */
struct queue_filter {
	const char *kind, *state;	/* or NULL */
	const char *reason;		/* or NULL */
	const char *kinds;		/* of a queue: an array's text; or NULL */
	const char *unknown_to;		/* unfinished ones of no such kind: an
					 * array's text; or NULL */
	unsigned limit;
	bool json;
};
int queue_list(const char *database, const struct queue_filter *filter,
    FILE *out, FILE *err) MUST_CHECK;
int queue_show(const char *database, const char *id, FILE *out, FILE *err)
    MUST_CHECK;
int queue_schedule_list(const char *database, bool json, FILE *out, FILE *err)
    MUST_CHECK;
int queue_conservation(const char *database, bool json, FILE *out, FILE *err)
    MUST_CHECK;

/*
 * Replays, discards or cancels what a filter takes (JSON text, as
 * lockstep.operate_jobs() has it), or tells how many there are; by batches, so
 * that nobody waits for it.  1: there was none.
 */
struct queue_operation {
	const char *action;		/* "replay", "discard", "cancel" */
	const char *filter;
	const char *rate;		/* of runs a second, or NULL */
	bool force, dry_run, json;
};
int queue_operate(const char *database, const struct queue_operation *operation,
    FILE *out, FILE *err) MUST_CHECK;

/* Has a queue rest, or go on. */
int queue_pause(const char *database, const char *queue, bool paused,
    FILE *out, FILE *err) MUST_CHECK;

#endif
