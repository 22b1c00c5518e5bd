/* SPDX-License-Identifier: MIT */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attribute.h"

/*
 * A process that its parent keeps: made by fork, and made anew when it dies;
 * one that dies young is held back a while, so that a fault that all of them
 * have does not make the host busy with forks.
 */
struct child {
	pid_t pid;		/* 0 = none */
	uint64_t born_ns;
	uint64_t due_ns;	/* when it may be made again */
};

/*
 * Blocks the signals by which a parent and its children are told things
 * (SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCHLD), for sigwait(3) alone, and
 * ignores SIGPIPE.
 */
void child_signals(sigset_t *ret);

/*
 * Forks.  true in the child: it gets SIGTERM when its parent dies, has figures
 * of its own and gathers its lines of the log.  false in the parent, with
 * child->pid; or, when no process could be made, with when it is due.
 */
bool child_fork(struct child *child) MUST_CHECK;

/* It was waited for; `meant` = it was to end.  One that was not is due again. */
void child_ended(struct child *child, int status, bool meant);

/* Is there none, and may it be made? */
bool child_is_due(const struct child *child, uint64_t now_ns) MUST_CHECK;

/* The log's file has been renamed: opens it anew, and tells that it cannot. */
void child_rotate(void);

#endif
