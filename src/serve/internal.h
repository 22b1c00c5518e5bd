/* SPDX-License-Identifier: MIT */
#ifndef SERVE_INTERNAL_H
#define SERVE_INTERNAL_H

#include <signal.h>
#include <sys/types.h>

#include "serve/limit.h"
#include "serve/serve.h"

/* The stages whose time is told in Server-Timing and in the log. */
enum stage {
	STAGE_ROUTE, STAGE_IDENTIFY, STAGE_LIMIT, STAGE_ACCEPT, STAGE_RUN,
	STAGE_COUNT
};

/*
 * What is known of a request on its way, for the log and the envelope alone;
 * no stage reads what a later one wrote.
 */
struct visit {
	const struct serve_options *options;
	struct match match;		/* operation NULL = not routed */
	const struct caller *caller;	/* NULL = not identified */
	struct quota quota;		/* rate NULL = none applies */
	const struct input *input;	/* NULL = not accepted */
	struct outcome outcome;
	int status;	/* of success; 0 = the operation's */
	uint64_t stage_ns[STAGE_COUNT];
	uint64_t marked_ns;
};

/*
 * Walks the corridor and answers; the calls of front_options.  `context` is
 * the serve_options, `state` the thread's store.
 */
void serve_request(void *context, void *state, struct scope *sc,
    const struct request *rq, enum problem parsed, struct reply *rp);
void serve_overload(void *context, struct scope *sc, const struct request *rq,
    struct reply *rp);

/* The stage has ended: its time is what passed since the one before. */
enum problem visit_mark(struct visit *visit, enum stage stage,
    enum problem p);

/*
 * The corridor of an event, from its signature on; the route is known.  It is
 * told by the envelope of a success, with visit->status, or by a problem.
 */
enum problem webhook_walk(struct visit *visit, struct scope *sc,
    struct store *store, const struct request *rq) MUST_CHECK;

/*
 * Has the figures of each source tell 0 before anything came of it: what first
 * appears as 20 has not grown, for who looks at it every few seconds.
 */
void webhook_declare(const struct contract *contract);

/*
 * What came of records is known: counts them.  PROBLEM_ALL_REJECTED when not
 * one was taken or known, with the scope's `records`.
 */
enum problem bulk_settle(const struct visit *visit, struct scope *sc)
    MUST_CHECK;

/* The longest body of a request whose head was read, for front_options. */
size_t bulk_body_limit(void *context, struct scope *sc,
    const struct request *rq);

/*
 * Watches the queues that the contract feeds, in a thread of this process; NULL
 * when there is nothing to watch.  It ends with the process.
 */
struct pressure *pressure_start(const struct serve_options *options);

/*
 * May more be put into the queue?  PROBLEM_UNAVAILABLE, with the time to come
 * back in, when it is too far behind.
 */
enum problem pressure_judge(struct pressure *pressure, struct scope *sc,
    const char *queue) MUST_CHECK;

/*
 * What is told as events: rows that change, each to a client that waits, by one
 * thread of the process with one connection to the database, without any other
 * thread.  NULL when the contract has none.  streams_stop() ends them all.
 */
struct streams *streams_start(const struct serve_options *options);
void streams_stop(struct streams *streams);

/*
 * Makes the reply to a request that went well the beginning of a stream, unless
 * there is nothing to wait for.  PROBLEM_RATE_LIMITED: the caller has too many in
 * this process; PROBLEM_UNAVAILABLE: there are too many.  Both say when to retry.
 */
enum problem streams_begin(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp) MUST_CHECK;

/* front_options.stream: `stream` is what streams_begin() left in the reply. */
void streams_take(void *context, void *stream, int fd, int request_id);

/* A row as an event: its name, and the data on one line. */
void stream_event(struct buf *b, const char *name, const char *data,
    size_t length);

/* Writes the envelope of a success into the reply: status, headers, body. */
void envelope_success(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp);

/*
 * Answers OPTIONS on a path that there is: 204, with the scope's `allow`.
 * PROBLEM_NOT_FOUND when there is none.
 */
enum problem envelope_options(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp) MUST_CHECK;

/*
 * What every reply of the API has once its status is known: Vary, and what
 * bodies it has none of.
 */
void envelope_finish(const struct visit *visit, const struct scope *sc,
    const struct request *rq, struct reply *rp);

/* A page of a list: its member of meta (",\"page\":{...}"), its headers. */
void page_write(const struct visit *visit, struct buf *b);
void page_tell(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp);

/*
 * Tells a browser whether the page of another origin may read this reply, and
 * in that of a preflight what it may send.  The status must be known.
 */
void cors_tell(const struct visit *visit, const struct scope *sc,
    const struct request *rq, struct reply *rp);

/* Does the contract let any other origin in? */
bool cors_concerns(const struct visit *visit);

/*
 * Writes the envelope of a problem: the normalized one, or RFC 9457's when
 * the request accepts application/problem+json.  Status, code and sentence
 * come from problem.def or what the contract declared; issues from the scope.
 */
void envelope_problem(enum problem p, struct scope *sc,
    const struct request *rq, struct reply *rp);

/*
 * Serves, in a child of the parent, until it is told to stop; one of them
 * sweeps for all.  The options are its own from the fork on.
 */
_Noreturn void worker_run(struct serve_options *options, int listener,
    const sigset_t *signals, bool sweeps);

/*
 * Starts the thread that forgets kept replies when they are old, if the
 * contract keeps any.  It ends with the process.
 */
void sweep_start(struct serve_options *options);

/*
 * Starts the thread that tells the database what this host counts, by route, if
 * it does.  It ends with the process.
 */
void figures_start(struct serve_options *options);

/*
 * A look at the databases of some options, one at a time, by a process of its
 * own, so that nothing that keeps it waiting keeps the parent.
 */
struct look {
	pid_t pid;			/* 0 = none is under way */
	uint64_t deadline_ns;
	bool beside;			/* it closes no gate */
	struct serve_look *page;	/* [2]: the primary, the replicas */
	char said[LOOK_WORDS_MAX];	/* of the replicas */
};

/* Begins one; `quiet` = its harmless findings have been told.  false: errno. */
bool look_begin(struct look *look, const struct serve_source *source,
    const struct serve_options *options, bool quiet) MUST_CHECK;

/* Ends it when its time is over; it is still to be waited for. */
void look_hasten(struct look *look);
void look_kill(struct look *look);

/* Is a replica unsafe, by the last look?  The primary stands in for it. */
bool look_spares(const struct look *look);

/*
 * It has ended: counts it, settles the gate, and tells what came of it, unless
 * these were the words that were said before; NULL = none.
 */
enum look_end { LOOK_FAILED, LOOK_CLEAR, LOOK_UNSAFE };
enum look_end look_end(struct look *look, const struct serve_options *options,
    const char *said);

/*
 * Answers the host's own door: /healthz (the process is there), /readyz (the
 * database is, too), /metrics.  false when the path is none of them.
 */
bool health_answer(struct scope *sc, struct store *store,
    const struct request *rq, struct reply *rp);

#endif
