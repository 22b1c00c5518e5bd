/* SPDX-License-Identifier: MIT */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/attribute.h"
#include "contract/contract.h"
#include "http/http.h"
#include "store/store.h"

/*
 * The corridor, from a request to an envelope, and the processes that walk it.
 */

/* What a server does about an unsafe database. */
enum serve_check { SERVE_UNCHECKED, SERVE_WARN, SERVE_REFUSE };

/*
 * When a queue has fallen too far behind for more: at the high marks what feeds
 * it is turned away, below both low ones it is let in again.  0 = no mark.
 */
struct pressure_marks {
	unsigned age_s, age_low_s;	/* of the oldest job that could run */
	unsigned depth, depth_low;	/* of jobs that could */
	unsigned look_ms;
};

struct serve_options {
	const char *listen;		/* path of the socket */
	unsigned socket_mode;		/* 0660 */
	unsigned workers;		/* processes */
	struct front_options front;	/* listener and calls are filled in */
	size_t bulk_limit_bytes;	/* of a body of records */
	struct pressure_marks pressure;
	struct store_options store;
	const struct contract *contract;
	const struct auth *auth;
	bool rates;			/* held; needs the next two */
	const char *limit_file;		/* NULL = memory of this server's */
	unsigned limit_entries;
	struct accept_options accept;
	enum serve_check check;
	unsigned check_timeout_ms;
	const struct keyring *keyring;	/* NULL = no webhook has a secret */
	bool exports;			/* there is a spool for their files */
	struct limits *limits;		/* filled in, */
	struct gate *gate;		/* likewise, to refuse */
	struct pressure *load;		/* likewise, in each process */
	struct streams *streams;	/* likewise */
};

/*
 * A look at a database behind the contract, in memory that its looker shares
 * with the parent: what is not a number is in place.
 */
enum { LOOK_IDENTITY_MAX = 64, LOOK_WORDS_MAX = 16384 };
struct serve_look {
	bool quiet;			/* given: harmless findings are told */
	bool done;			/* else the words say why not */
	char identity[LOOK_IDENTITY_MAX];	/* of the database */
	unsigned unsafe, errors, warnings, notes;	/* each is one of them */
	uint64_t took_ns;
	char words[LOOK_WORDS_MAX];	/* a line for each unsafe finding */
};

/*
 * Reads the secrets of the contract's webhooks from the files of a directory
 * (NULL = there is none).  NULL when one is wrong, with a line in faults; one
 * that is missing is no fault.
 */
struct keyring;
struct keyring *keyring_open(const struct contract *contract,
    const char *directory, struct buf *faults) MUST_CHECK;
void keyring_free(struct keyring *keyring);

/* The secrets of a webhook; NULL = there are none. */
const struct hook_keys *keyring_find(const struct keyring *keyring,
    const struct webhook *webhook);

/*
 * Where the options come from: made when the server begins and anew at each
 * SIGHUP.  make() returns NULL, with a line for each fault, when they cannot
 * be; those in use then stay.  drop() is called with what nobody uses any more.
 * look() holds the contract against a database, for as long as it takes, and
 * warns of what it finds that is harmless; it is called in a process of its own.
 */
struct serve_source {
	void *context;
	struct serve_options *(*make)(void *context, struct buf *faults);
	void (*drop)(void *context, struct serve_options *options);
	void (*look)(void *context, const struct serve_options *options,
	    const char *database, struct serve_look *ret);
};

/*
 * Serves until SIGTERM or SIGINT: a parent that listens and watches, and
 * worker processes with threads.  A worker that dies is replaced.  SIGUSR1
 * opens the log anew.  SIGHUP makes the options anew: workers with the new
 * ones begin, those with the old ones answer what they have and end; all but
 * `listen` and `socket_mode` may change.  Returns the exit code: 0 after a graceful stop, 2 when
 * it could not begin (the reason is logged and written to standard error): the
 * socket cannot be bound, the login role is unfit to serve, or the database is
 * unsafe.  A database that cannot be reached is no reason: requests are answered
 * 503 until it comes and, where options->check says so, was looked at.
 */
int serve_run(const struct serve_source *source) MUST_CHECK;

#endif
