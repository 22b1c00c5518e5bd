/* SPDX-License-Identifier: MIT */
/*
 * A parent that listens and watches, and workers that serve.  The parent reads
 * settings, contract and keys once; workers inherit them by fork and the
 * listener with them, so a worker that dies is back within the time of a fork,
 * and the socket never lacks a listener meanwhile.  Signals are blocked in
 * every thread and read by sigwait alone: libfcgi's own handlers would only
 * set a flag that a sleeping thread never sees.
 *
 * Graceful stop: the parent unlinks the socket first (nginx moves on; nothing
 * was sent, so even a POST may move), then tells the workers, which answer
 * what was begun.
 */
#include "serve/internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	SHORT_LIFE_MS = 1000,	/* a worker that dies younger is held back */
	HOLD_BACK_MS = 500,
	KILL_AFTER_MS = 2000,	/* past drain_ms, before SIGKILL */
};

struct worker {
	pid_t pid;		/* 0 = none */
	uint64_t born_ns;
	uint64_t due_ns;	/* when it may be started again */
};

struct master {
	const struct serve_options *options;
	struct front_options front;
	struct stat socket;	/* what we bound, to unlink no other's */
	struct worker *worker;
	sigset_t signals;
	bool stopping;
	bool killed;
	uint64_t kill_ns;
};

static void *
worker_enter(void *context, unsigned thread)
{
	const struct serve_options *o = context;

	(void)thread;
	return store_new(&o->store, o->contract);
}

static void
worker_leave(void *context, void *state)
{
	(void)context;
	store_free(state);
}

/* The worker's signal thread: a stop is passed on, a rotation is done. */
struct listener {
	struct front *front;
	sigset_t signals;
};

static void *
worker_signals(void *arg)
{
	const struct listener *l = arg;
	int signal;

	for (;;) {
		if (sigwait(&l->signals, &signal) != 0)
			continue;
		if (signal == SIGTERM || signal == SIGINT)
			front_stop(l->front);
		else if (signal == SIGUSR1 && !log_reopen())
			log_event(LOG_ERROR, "log_reopen",
			    LOG_TEXT("cause", strerror(errno)));
	}
	return NULL;
}

/* A worker's whole life; it never returns to the parent's code. */
static _Noreturn void
worker_main(struct master *m, pid_t parent)
{
	struct listener l = { .signals = m->signals };
	pthread_t thread;
	int status = 1;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	metric_process();
	l.front = front_new(&m->front);
	if (l.front != NULL &&
	    pthread_create(&thread, NULL, worker_signals, &l) == 0 &&
	    front_run(l.front) == 0)
		status = 0;
	else
		log_event(LOG_ERROR, "worker_failed",
		    LOG_TEXT("cause", strerror(errno)));
	_exit(status);
}

static void
worker_start(struct master *m, struct worker *w)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	w->born_ns = clock_now_ns();
	w->due_ns = 0;
	if (pid == 0)
		worker_main(m, parent);
	if (pid < 0) {
		log_event(LOG_ERROR, "fork", LOG_TEXT("cause",
		    strerror(errno)));
		w->due_ns = w->born_ns + HOLD_BACK_MS * 1000000ull;
		pid = 0;
	}
	w->pid = pid;
}

/* A worker has ended: one that lived is replaced at once. */
static void
worker_ended(struct master *m, struct worker *w, int status)
{
	uint64_t now = clock_now_ns();
	bool young = now - w->born_ns < SHORT_LIFE_MS * 1000000ull;

	log_event(m->stopping ? LOG_INFO : LOG_ERROR, "worker_ended",
	    LOG_INT("worker", w->pid),
	    LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
	    LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
	w->pid = 0;
	if (m->stopping)
		return;
	metric_add("lockstep_worker_restarts_total", "", 1);
	if (young)
		w->due_ns = now + HOLD_BACK_MS * 1000000ull;
	else
		worker_start(m, w);
}

static unsigned
reap(struct master *m)
{
	unsigned alive = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < m->options->workers; i++)
			if (m->worker[i].pid == pid)
				worker_ended(m, &m->worker[i], status);
	for (unsigned i = 0; i < m->options->workers; i++) {
		struct worker *w = &m->worker[i];

		if (w->pid == 0 && !m->stopping &&
		    clock_now_ns() >= w->due_ns)
			worker_start(m, w);
		alive += w->pid != 0;
	}
	return alive;
}

static void
signal_workers(struct master *m, int signal)
{
	for (unsigned i = 0; i < m->options->workers; i++)
		if (m->worker[i].pid != 0)
			kill(m->worker[i].pid, signal);
}

/* Unlinks the socket if it is still the one that we bound. */
static void
leave_socket(const struct master *m)
{
	struct stat now;

	if (stat(m->options->listen, &now) == 0 &&
	    now.st_dev == m->socket.st_dev && now.st_ino == m->socket.st_ino)
		unlink(m->options->listen);
}

static void
stop(struct master *m)
{
	if (m->stopping)
		return;
	m->stopping = true;
	m->kill_ns = clock_now_ns() +
	    (m->front.drain_ms + KILL_AFTER_MS) * 1000000ull;
	log_event(LOG_INFO, "stopping", LOG_END);
	leave_socket(m);
	signal_workers(m, SIGTERM);
}

static void
watch(struct master *m)
{
	const struct timespec tick = { .tv_nsec = 100 * 1000000 };
	int signal;

	while (reap(m) > 0 || !m->stopping) {
		signal = sigtimedwait(&m->signals, NULL, &tick);
		if (signal == SIGTERM || signal == SIGINT)
			stop(m);
		else if (signal == SIGUSR1) {
			if (!log_reopen())
				log_event(LOG_ERROR, "log_reopen",
				    LOG_TEXT("cause", strerror(errno)));
			signal_workers(m, SIGUSR1);
		}
		if (m->stopping && !m->killed &&
		    clock_now_ns() > m->kill_ns) {
			m->killed = true;
			signal_workers(m, SIGKILL);
		}
	}
}

/*
 * Refuses to serve as a role for whom row level security does not hold.  A
 * database that is not there is asked again by each connection later.
 */
static bool
fit_to_serve(const struct serve_options *o)
{
	struct arena *arena = arena_new();
	struct store *store = store_new(&o->store, o->contract);
	struct scope sc;
	enum problem p;

	scope_init(&sc, arena);
	p = store_ready(&sc, store);
	if (p == PROBLEM_FORBIDDEN) {
		fprintf(stderr, "lockstep: refusing to serve: %s; \"database\" "
		    "wants a login role that owns nothing and bypasses "
		    "nothing, see lockstep(1)\n",
		    sc.cause != NULL ? sc.cause : "the login role is unfit");
		log_event(LOG_ERROR, "refused", LOG_TEXT("cause", sc.cause));
	} else if (p != PROBLEM_NONE) {
		log_event(LOG_WARN, "database_unavailable",
		    LOG_TEXT("cause", sc.cause));
	}
	store_free(store);
	arena_free(arena);
	return p != PROBLEM_FORBIDDEN;
}

static void
block_signals(struct master *m)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGUSR1, SIGCHLD };

	sigemptyset(&m->signals);
	for (size_t i = 0; i < countof(wanted); i++)
		sigaddset(&m->signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &m->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* Counters that are looked for before they first count. */
static void
declare_counters(void)
{
	static const char *const names[] = {
		"lockstep_rejected_total", "lockstep_worker_restarts_total",
		"lockstep_database_connects_total",
		"lockstep_database_failures_total",
	};

	for (size_t i = 0; i < countof(names); i++)
		metric_add(names[i], "", 0);
}

int
serve_run(const struct serve_options *options)
{
	struct master m = { .options = options, .front = options->front };

	block_signals(&m);
	declare_counters();
	if (!fit_to_serve(options))
		return 2;
	m.front.listener = front_listen(options->listen, options->socket_mode);
	if (m.front.listener < 0 || stat(options->listen, &m.socket) != 0) {
		fprintf(stderr, "lockstep: cannot listen on %s: %s\n",
		    options->listen, strerror(errno));
		return 2;
	}
	m.front.socket_path = options->listen;
	m.front.context = (void *)options;
	m.front.enter = worker_enter;
	m.front.serve = serve_request;
	m.front.overload = serve_overload;
	m.front.leave = worker_leave;
	m.worker = calloc(options->workers, sizeof(m.worker[0]));
	if (m.worker == NULL)
		abort();
	log_event(LOG_INFO, "serving", LOG_TEXT("socket", options->listen),
	    LOG_INT("workers", options->workers),
	    LOG_INT("threads", options->front.threads));
	watch(&m);
	log_event(LOG_INFO, "stopped", LOG_END);
	free(m.worker);
	close(m.front.listener);
	return 0;
}
