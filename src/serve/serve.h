/* SPDX-License-Identifier: MIT */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdbool.h>

#include "auth/auth.h"
#include "base/attribute.h"
#include "contract/contract.h"
#include "http/http.h"
#include "store/store.h"

/*
 * The corridor, from a request to an envelope, and the processes that walk it.
 */

struct serve_options {
	const char *listen;		/* path of the socket */
	unsigned socket_mode;		/* 0660 */
	unsigned workers;		/* processes */
	struct front_options front;	/* listener and calls are filled in */
	struct store_options store;
	const struct contract *contract;
	const struct auth *auth;
};

/*
 * Serves until SIGTERM or SIGINT: a parent that listens and watches, and
 * worker processes with threads.  A worker that dies is replaced.  SIGUSR1
 * opens the log anew.  Returns the exit code: 0 after a graceful stop, 2 when
 * it could not begin (the reason is logged and written to standard error): the
 * socket cannot be bound, or the login role is unfit to serve.  A database
 * that cannot be reached is no reason: requests are answered 503 until it
 * comes.
 */
int serve_run(const struct serve_options *options) MUST_CHECK;

#endif
