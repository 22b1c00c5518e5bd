/* SPDX-License-Identifier: MIT */
/*
 * Processes that are kept.  The parent watches and does nothing else; what a
 * child does is its caller's.  A child that lost its parent between fork(2) and
 * prctl(2) would hear of it never, so it looks once by itself.
 */
#include "base/child.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	SHORT_LIFE_MS = 1000,	/* one that dies younger is held back */
	HOLD_BACK_MS = 500,
};

static const uint64_t ns_per_ms = 1000000;

void
child_signals(sigset_t *ret)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP,
		SIGCHLD };

	sigemptyset(ret);
	for (size_t i = 0; i < countof(wanted); i++)
		sigaddset(ret, wanted[i]);
	sigprocmask(SIG_BLOCK, ret, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
begin(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	metric_process();
	if (!log_gather())
		log_event(LOG_WARN, "log_gather",
		    LOG_TEXT("cause", strerror(errno)));
}

bool
child_fork(struct child *child)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		begin(parent);
		return true;
	}
	child->born_ns = clock_now_ns();
	child->due_ns = 0;
	if (pid < 0) {
		log_event(LOG_ERROR, "fork", LOG_TEXT("cause",
		    strerror(errno)));
		child->due_ns = child->born_ns + HOLD_BACK_MS * ns_per_ms;
		pid = 0;
	}
	child->pid = pid;
	return false;
}

void
child_ended(struct child *child, int status, bool meant)
{
	uint64_t now = clock_now_ns();
	bool young = now - child->born_ns < SHORT_LIFE_MS * ns_per_ms;

	log_event(meant ? LOG_INFO : LOG_ERROR, "worker_ended",
	    LOG_INT("worker", child->pid),
	    LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
	    LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
	child->pid = 0;
	child->due_ns = now + (young ? HOLD_BACK_MS * ns_per_ms : 0);
	if (!meant)
		metric_add("lockstep_worker_restarts_total", "", 1);
}

bool
child_is_due(const struct child *child, uint64_t now_ns)
{
	return child->pid == 0 && now_ns >= child->due_ns;
}

void
child_rotate(void)
{
	if (!log_reopen())
		log_event(LOG_ERROR, "log_reopen",
		    LOG_TEXT("cause", strerror(errno)));
}
