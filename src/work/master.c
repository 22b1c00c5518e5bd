/* SPDX-License-Identifier: MIT */
/*
 * A parent that watches, and processes that work.  What a thread holds is in
 * memory that the parent shares with its processes, so that one that takes its
 * place counts what it was at when it died.  A reload is a new generation of
 * processes, as in serve/; the old ones finish what they have.
 */
#include "work/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fetch.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/room.h"

enum {
	KILL_AFTER_MS = 2000,	/* past stop_ms, before SIGKILL */
	TICK_MS = 50,
	FAULTS_MAX = 1 << 20,	/* bytes of lines */
};

struct process {
	struct child child;
	uint64_t kill_ns;	/* it is to end by then; 0 = it is not */
	bool over;		/* it has drained, or retired */
	struct slot *slots;	/* of its threads, shared */
	size_t slot_bytes;
	struct work_options *options;	/* of its generation */
};

struct master {
	const struct work_source *source;
	struct work_options *options;
	struct process *process;
	size_t count;
	sigset_t signals;
	bool stopping;
};

/* ---- A process. ---- */

/* After a stop what is under way may end, for so long. */
static void
heed_signals(const struct master *m, struct crew *crew)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000 };
	uint64_t over_ns = UINT64_MAX;
	int signal;

	while (!crew_is_empty(crew)) {
		crew_tick(crew);
		signal = sigtimedwait(&m->signals, NULL, &tick);
		if ((signal == SIGTERM || signal == SIGINT) &&
		    over_ns == UINT64_MAX) {
			crew_stop(crew);
			over_ns = clock_now_ns() + crew->options->stop_ms *
			    1000000ull;
		} else if (signal == SIGUSR1) {
			child_rotate();
		}
		if (clock_now_ns() >= over_ns)
			crew_abandon(crew);
	}
}

/* Threads that could not be made are not waited for. */
static void
start_threads(struct crew *crew, pthread_t *threads, struct hand *hands)
{
	unsigned i, n = crew->options->threads;

	for (i = 0; i < crew->lease_count; i++) {
		hands[i] = (struct hand){ crew, i };
		if (pthread_create(&threads[i], NULL, i < n ? work_thread :
		    call_thread, &hands[i]) == 0)
			continue;
		crew_left(crew, i < n ? SIDE_SQL : SIDE_CALLS);
		log_event(LOG_ERROR, "thread", LOG_TEXT("cause",
		    strerror(errno)));
	}
}

static int
work(const struct master *m, const struct process *p)
{
	struct crew *crew = crew_new(p->options, p->slots);
	pthread_t *threads;
	struct hand *hands;
	struct keeper *keeper;
	struct chores *chores;

	if (crew == NULL || (keeper = keeper_start(crew)) == NULL ||
	    (chores = chores_start(crew)) == NULL)
		return 1;
	threads = room(crew->lease_count, sizeof(*threads));
	hands = room(crew->lease_count, sizeof(*hands));
	start_threads(crew, threads, hands);
	heed_signals(m, crew);
	chores_stop(chores);
	keeper_stop(keeper);
	return 0;
}

/* A process's whole life; it never returns to the parent's code. */
static _Noreturn void
process_main(const struct master *m, const struct process *p)
{
	struct store_options *store = &p->options->store;
	int status;

	store->breaker = breaker_new(store->reconnect_max_ms);
	store->told_ns = room(1, sizeof(*store->told_ns));
	fetch_init();
	status = work(m, p);
	log_finish();
	_exit(status);
}

/* ---- The parent. ---- */

static void
process_start(const struct master *m, struct process *p)
{
	if (child_fork(&p->child))
		process_main(m, p);
}

static struct process
process_of(struct work_options *options)
{
	struct process p = { .options = options,
		.slot_bytes = options->threads * sizeof(struct slot) };

	p.slots = mmap(NULL, p.slot_bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.slots == MAP_FAILED)
		abort();
	return p;
}

static void
process_ended(const struct master *m, struct process *p, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	p->over = m->stopping || p->kill_ns != 0 ||
	    (well && p->options->drain);
	child_ended(&p->child, status, p->over);
}

static void
reap(struct master *m)
{
	int status;
	pid_t pid;
	size_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < m->count; i++)
			if (m->process[i].child.pid == pid)
				process_ended(m, &m->process[i], status);
}

/* Starts those that are due, kills those that should have ended. */
static void
drive(struct master *m)
{
	uint64_t now = clock_now_ns();
	size_t i;

	for (i = 0; i < m->count; i++) {
		struct process *p = &m->process[i];

		if (!p->over && !m->stopping && child_is_due(&p->child, now))
			process_start(m, p);
		if (p->child.pid != 0 && p->kill_ns != 0 && now > p->kill_ns)
			kill(p->child.pid, SIGKILL);
	}
}

static bool
is_over(const struct master *m)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (m->process[i].child.pid != 0 ||
		    (!m->process[i].over && !m->stopping))
			return false;
	return true;
}

static void
retire(struct process *p)
{
	if (p->kill_ns != 0)
		return;
	p->kill_ns = clock_now_ns() + (p->options->stop_ms + KILL_AFTER_MS) *
	    1000000ull;
	p->over |= p->child.pid == 0;
	if (p->child.pid != 0)
		kill(p->child.pid, SIGTERM);
}

static void
stop(struct master *m)
{
	size_t i;

	if (!m->stopping)
		log_event(LOG_INFO, "stopping", LOG_END);
	m->stopping = true;
	for (i = 0; i < m->count; i++)
		retire(&m->process[i]);
}

static void
rotate(struct master *m)
{
	size_t i;

	child_rotate();
	for (i = 0; i < m->count; i++)
		if (m->process[i].child.pid != 0)
			kill(m->process[i].child.pid, SIGUSR1);
}

/* ---- Beginning, and beginning anew. ---- */

static struct work_options *
options_make(const struct work_source *source, struct buf *faults)
{
	struct work_options *o = source->make(source->context, faults);
	bool there;

	if (o == NULL ||
	    store_fit(&o->store, o->contract, "work", &there, faults))
		return o;
	source->drop(source->context, o);
	return NULL;
}

/* Processes with the options, beside those that are there. */
static void
add_processes(struct master *m, struct work_options *options)
{
	struct process *all = room(m->count + options->processes,
	    sizeof(*all));
	unsigned i;

	if (m->count > 0)
		memcpy(all, m->process, m->count * sizeof(*all));
	free(m->process);
	m->process = all;
	m->options = options;
	for (i = 0; i < options->processes; i++) {
		all[m->count] = process_of(options);
		process_start(m, &all[m->count++]);
	}
}

/* Options of processes that are gone are kept to the end: a few kilobytes. */
static void
reload(struct master *m)
{
	size_t before = m->count, i;
	struct work_options *options;
	struct buf faults;

	buf_init(&faults, FAULTS_MAX);
	options = options_make(m->source, &faults);
	if (options != NULL) {
		add_processes(m, options);
		for (i = 0; i < before; i++)
			retire(&m->process[i]);
		log_event(LOG_INFO, "reloaded", LOG_END);
	}
	if (options == NULL)
		log_lines(LOG_ERROR, "reload_refused", faults.at);
	metric_add("lockstep_reloads_total", options != NULL ?
	    "result=\"done\"" : "result=\"refused\"", 1);
	buf_release(&faults);
}

static void
watch(struct master *m)
{
	const struct timespec tick = { .tv_nsec = 2 * TICK_MS * 1000000 };
	int signal;

	while (!is_over(m)) {
		signal = sigtimedwait(&m->signals, NULL, &tick);
		if (signal == SIGTERM || signal == SIGINT)
			stop(m);
		else if (signal == SIGUSR1)
			rotate(m);
		else if (signal == SIGHUP && !m->stopping)
			reload(m);
		reap(m);
		drive(m);
	}
}

/* Those of a generation stand side by side. */
static void
drop_all(struct master *m)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		struct process *p = &m->process[i];

		munmap(p->slots, p->slot_bytes);
		if (i + 1 == m->count || p[1].options != p->options)
			m->source->drop(m->source->context, p->options);
	}
	free(m->process);
}

int
work_run(const struct work_source *source)
{
	struct master m = { .source = source };
	struct work_options *options;
	struct buf faults;

	child_signals(&m.signals);
	buf_init(&faults, FAULTS_MAX);
	options = options_make(source, &faults);
	if (options == NULL) {
		fputs(faults.length > 0 ? faults.at :
		    "lockstep: cannot begin\n", stderr);
		log_event(LOG_ERROR, "refused", LOG_TEXT("cause", faults.at));
		buf_release(&faults);
		return 2;
	}
	buf_release(&faults);
	log_event(LOG_INFO, "working",
	    LOG_INT("processes", options->processes),
	    LOG_INT("threads", options->threads),
	    LOG_INT("calls", options->calls));
	add_processes(&m, options);
	watch(&m);
	log_event(LOG_INFO, "stopped", LOG_END);
	drop_all(&m);
	return 0;
}
