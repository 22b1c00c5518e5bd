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
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/room.h"

enum {
	SHORT_LIFE_MS = 1000,	/* a process that dies younger is held back */
	HOLD_BACK_MS = 500,
	KILL_AFTER_MS = 2000,	/* past stop_ms, before SIGKILL */
	TICK_MS = 50,
	FAULTS_MAX = 1 << 20,	/* bytes of lines */
};

struct process {
	pid_t pid;		/* 0 = none */
	uint64_t born_ns;
	uint64_t due_ns;	/* when it may be started again */
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

static bool
has_ended(struct crew *crew)
{
	bool ret;

	pthread_mutex_lock(&crew->lock);
	ret = crew->threads == 0;
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

static void
heed_signals(const struct master *m, struct crew *crew)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000 };
	int signal;

	while (!has_ended(crew)) {
		crew_tick(crew);
		signal = sigtimedwait(&m->signals, NULL, &tick);
		if (signal == SIGTERM || signal == SIGINT)
			crew_stop(crew);
		else if (signal == SIGUSR1 && !log_reopen())
			log_event(LOG_ERROR, "log_reopen",
			    LOG_TEXT("cause", strerror(errno)));
	}
}

/* Threads that could not be made are not waited for. */
static void
start_threads(struct crew *crew, pthread_t *threads, struct hand *hands)
{
	unsigned i, n = crew->options->threads;

	for (i = 0; i < n; i++) {
		hands[i] = (struct hand){ crew, i };
		if (pthread_create(&threads[i], NULL, work_thread,
		    &hands[i]) == 0)
			continue;
		pthread_mutex_lock(&crew->lock);
		crew->threads--;
		pthread_mutex_unlock(&crew->lock);
		log_event(LOG_ERROR, "thread", LOG_TEXT("cause",
		    strerror(errno)));
	}
}

static int
work(const struct master *m, const struct process *p)
{
	struct crew *crew = crew_new(p->options, p->slots);
	unsigned n = p->options->threads;
	pthread_t *threads = room(n, sizeof(*threads));
	struct hand *hands = room(n, sizeof(*hands));
	struct keeper *keeper;

	if (crew == NULL || (keeper = keeper_start(crew)) == NULL)
		return 1;
	start_threads(crew, threads, hands);
	heed_signals(m, crew);
	keeper_stop(keeper);
	return 0;
}

/* A process's whole life; it never returns to the parent's code. */
static _Noreturn void
process_main(const struct master *m, const struct process *p, pid_t parent)
{
	struct store_options *store = &p->options->store;
	int status;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	metric_process();
	if (!log_gather())
		log_event(LOG_WARN, "log_gather",
		    LOG_TEXT("cause", strerror(errno)));
	store->breaker = breaker_new(store->reconnect_max_ms);
	store->told_ns = room(1, sizeof(*store->told_ns));
	status = work(m, p);
	log_finish();
	_exit(status);
}

/* ---- The parent. ---- */

static void
process_start(struct master *m, struct process *p)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	p->born_ns = clock_now_ns();
	p->due_ns = 0;
	if (pid == 0)
		process_main(m, p, parent);
	if (pid < 0) {
		log_event(LOG_ERROR, "fork", LOG_TEXT("cause",
		    strerror(errno)));
		p->due_ns = p->born_ns + HOLD_BACK_MS * 1000000ull;
		pid = 0;
	}
	p->pid = pid;
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
process_ended(struct master *m, struct process *p, int status)
{
	uint64_t now = clock_now_ns();
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	p->pid = 0;
	log_event(well ? LOG_INFO : LOG_ERROR, "worker_ended",
	    LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
	    LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
	p->over = m->stopping || p->kill_ns != 0 ||
	    (well && p->options->drain);
	if (p->over)
		return;
	metric_add("lockstep_worker_restarts_total", "", 1);
	if (now - p->born_ns < SHORT_LIFE_MS * 1000000ull)
		p->due_ns = now + HOLD_BACK_MS * 1000000ull;
	else
		process_start(m, p);
}

static void
reap(struct master *m)
{
	int status;
	pid_t pid;
	size_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < m->count; i++)
			if (m->process[i].pid == pid)
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

		if (p->pid == 0 && !p->over && !m->stopping &&
		    now >= p->due_ns)
			process_start(m, p);
		if (p->pid != 0 && p->kill_ns != 0 && now > p->kill_ns)
			kill(p->pid, SIGKILL);
	}
}

static bool
is_over(const struct master *m)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (m->process[i].pid != 0 ||
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
	p->over |= p->pid == 0;
	if (p->pid != 0)
		kill(p->pid, SIGTERM);
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

	if (!log_reopen())
		log_event(LOG_ERROR, "log_reopen",
		    LOG_TEXT("cause", strerror(errno)));
	for (i = 0; i < m->count; i++)
		if (m->process[i].pid != 0)
			kill(m->process[i].pid, SIGUSR1);
}

/* ---- Beginning, and beginning anew. ---- */

/* Refuses to work as a role for whom row level security does not hold. */
static bool
fit_to_work(const struct work_options *o, struct buf *fault)
{
	struct arena *arena = arena_new();
	struct store *store = store_new(&o->store, o->contract);
	struct scope sc;
	enum problem p;

	scope_init(&sc, arena);
	p = store_ready(&sc, store);
	if (p == PROBLEM_FORBIDDEN)
		buf_format(fault, "lockstep: refusing to work: %s; see "
		    "lockstep(1)\n",
		    sc.cause != NULL ? sc.cause : "the login role is unfit");
	else if (p != PROBLEM_NONE)
		log_event(LOG_WARN, "database_unavailable",
		    LOG_TEXT("cause", sc.cause));
	store_free(store);
	arena_free(arena);
	return p != PROBLEM_FORBIDDEN;
}

static struct work_options *
options_make(const struct work_source *source, struct buf *faults)
{
	struct work_options *o = source->make(source->context, faults);

	if (o == NULL || fit_to_work(o, faults))
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
	char *lines, *line;

	buf_init(&faults, FAULTS_MAX);
	options = options_make(m->source, &faults);
	if (options != NULL) {
		add_processes(m, options);
		for (i = 0; i < before; i++)
			retire(&m->process[i]);
		log_event(LOG_INFO, "reloaded", LOG_END);
	}
	for (lines = faults.at; options == NULL &&
	    (line = strsep(&lines, "\n")) != NULL;)
		if (*line != '\0')
			log_event(LOG_ERROR, "reload_refused",
			    LOG_TEXT("cause", line));
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

static void
block_signals(struct master *m)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP,
		SIGCHLD };
	size_t i;

	sigemptyset(&m->signals);
	for (i = 0; i < countof(wanted); i++)
		sigaddset(&m->signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &m->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
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

	block_signals(&m);
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
	    LOG_INT("threads", options->threads));
	add_processes(&m, options);
	watch(&m);
	log_event(LOG_INFO, "stopped", LOG_END);
	drop_all(&m);
	return 0;
}
