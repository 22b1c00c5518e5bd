/* SPDX-License-Identifier: MIT */
#ifndef WORK_WORK_H
#define WORK_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attribute.h"
#include "base/buf.h"
#include "contract/contract.h"
#include "hook/hook.h"
#include "peer/peer.h"
#include "store/store.h"

/*
 * The services that jobs of the kind http call: where they are, and what their
 * requests are signed with, by the names that the contract has for it.
 */
struct services;
struct service {
	const char *url;		/* NULL = the job says it */
	const struct hook_keys *keys;	/* NULL = not signed */
};

/*
 * Reads them: of a name's URL the environment goes before the file (lines of
 * NAME = URL); of a secret it is the file of the name in the directory.  Both
 * may be NULL.  `missing` gets a line for each kind that cannot be served so.
 */
struct services *services_open(const struct contract *contract,
    const char *file, const char *directory, struct buf *missing);
void services_free(struct services *services);

/* That of a kind of http, or NULL: it is not served. */
const struct service *services_find(const struct services *services,
    const struct job_kind *kind);

/* What is not well: more than so much, so long or so old. */
struct work_marks {
	unsigned age_s, depth;		/* of a queue */
	unsigned window_s;		/* that what failed is new for */
	unsigned lag_s;			/* of aggregates */
	unsigned transaction_s, replica_s;
	unsigned errors_percent, latency_ms;	/* of a route */
};

/*
 * The corridor, from a job to a settled job, and the processes that walk it.
 */
struct work_options {
	const struct contract *contract;
	struct store_options store;
	unsigned processes;		/* worker processes */
	unsigned threads;		/* of each, with a connection each */
	unsigned calls;			/* of services, at once, of each */
	unsigned call_connections;	/* which they share */
	unsigned open_ms, open_max_ms;	/* a breaker, at first and at most */
	const struct services *services;
	const struct peer_ranges *ranges;	/* that deliveries reach, too */
	const char *service_ca_file;	/* PEM; NULL = the system's */
	const char *export_dir;		/* NULL = exports are not written */
	unsigned exports;		/* at once, of each process */
	unsigned export_share;		/* percent of the time, beside requests */
	const char *const *queues;	/* that are served; none = all */
	size_t queue_count;
	bool drain;			/* end when there is nothing to do */
	unsigned lease_ms, beat_ms;	/* of jobs that are held by a lease */
	unsigned poll_ms;		/* when nobody calls */
	unsigned stop_ms;		/* for what is running at a stop */
	unsigned keep_hours;		/* of jobs that are done */
	struct work_marks marks;
};

/*
 * Where the options come from: made when the worker begins and anew at each
 * SIGHUP, as in serve.h.
 */
struct work_source {
	void *context;
	struct work_options *(*make)(void *context, struct buf *faults);
	void (*drop)(void *context, struct work_options *options);
};

/*
 * Works until SIGTERM or SIGINT, or, to drain, until no job is there that could
 * be run.  A parent and worker processes; one that dies is replaced, and what
 * it was at counts as an attempt.  The exit code: 0 after a graceful stop; 2
 * when it could not begin, as serve_run() could not.
 */
int work_run(const struct work_source *source) MUST_CHECK;

#endif
