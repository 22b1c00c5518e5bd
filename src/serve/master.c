/* SPDX-License-Identifier: MIT */
/*
 * A parent that listens and watches, and workers that serve.  The parent reads
 * settings, contract and keys; workers inherit them by fork and the listener
 * with them, so a worker that dies is back within the time of a fork, and the
 * socket never lacks a listener meanwhile.  Signals are blocked in
 * every thread and read by sigwait alone: libfcgi's own handlers would only
 * set a flag that a sleeping thread never sees.
 *
 * A reload is a new generation of workers.  The parent makes the options anew,
 * has workers begin with them, and then tells the old ones to retire: they
 * answer what they have and what their kept connections still send, as in a
 * stop.  The listener is the same, so no request meets a closed door, and a
 * worker has one contract for all its life.
 *
 * The database is looked at before the first worker begins and before those of a
 * reload do, by a child (look.c), for which only the start waits.  A database
 * that was not there then, or that took the place of another, is looked at when
 * it comes; the gate keeps requests from it until then.
 *
 * Graceful stop: the parent unlinks the socket first (nginx moves on; nothing
 * was sent, so even a POST may move), then tells the workers, which answer
 * what was begun.
 */
#include "serve/internal.h"
#include "serve/limit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/room.h"

enum {
	KILL_AFTER_MS = 2000,	/* past drain_ms, before SIGKILL */
	FAULTS_MAX = 1 << 20,	/* bytes of lines */
	LOOK_LEAST_MS = 200,	/* between looks that workers ask for, */
	LOOK_AGAIN_MS = 1000,	/* after one that failed, */
	LOOK_UNSAFE_MS = 5000,	/* while the database is unsafe */
};

/* A worker of an earlier generation, told to retire. */
struct retired {
	pid_t pid;
	uint64_t kill_ns;	/* 0 = was killed */
};

struct master {
	const struct serve_source *source;
	struct serve_options *options;
	struct limits *limits;
	int listener;
	struct stat socket;	/* what we bound, to unlink no other's */
	struct child *worker;	/* [options->workers] */
	struct retired *retired;
	size_t retired_count;
	sigset_t signals;
	bool stopping;
	bool killed;
	uint64_t kill_ns;
	struct look look;
	struct serve_options *next;	/* looked at for a reload; or NULL */
	bool reload_later;	/* told to, while a look was under way */
	bool warned;		/* harmless findings were told */
	uint64_t look_ns;	/* when the next look is due; 0 = never */
	uint64_t rest_ns;	/* and no look before */
	unsigned rest_ms;	/* longer each time that one changes nothing */
	char said[LOOK_WORDS_MAX];	/* by the last look */
};

static void
worker_start(struct master *m, struct child *w)
{
	if (child_fork(w))
		worker_run(m->options, m->listener, &m->signals,
		    w == m->worker);
}

static void look_over(struct master *m);

/* A process has ended: a look, a worker, or one that was to retire. */
static void
ended(struct master *m, pid_t pid, int status)
{
	if (pid == m->look.pid) {
		look_over(m);
		return;
	}
	for (unsigned i = 0; i < m->options->workers; i++)
		if (m->worker[i].pid == pid)
			child_ended(&m->worker[i], status, m->stopping);
	for (size_t i = m->retired_count; i-- > 0;)
		if (m->retired[i].pid == pid)
			m->retired[i] = m->retired[--m->retired_count];
}

static size_t
reap(struct master *m)
{
	size_t alive = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ended(m, pid, status);
	for (unsigned i = 0; i < m->options->workers; i++) {
		struct child *w = &m->worker[i];

		if (!m->stopping && child_is_due(w, clock_now_ns()))
			worker_start(m, w);
		alive += w->pid != 0;
	}
	return alive + m->retired_count;
}

static void
signal_workers(struct master *m, int signal)
{
	for (unsigned i = 0; i < m->options->workers; i++)
		if (m->worker[i].pid != 0)
			kill(m->worker[i].pid, signal);
	for (size_t i = 0; i < m->retired_count; i++)
		kill(m->retired[i].pid, signal);
}

static uint64_t
last_moment_ns(const struct master *m)
{
	return clock_now_ns() + (m->options->front.drain_ms + KILL_AFTER_MS) *
	    1000000ull;
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
	m->kill_ns = last_moment_ns(m);
	log_event(LOG_INFO, "stopping", LOG_END);
	look_kill(&m->look);
	leave_socket(m);
	signal_workers(m, SIGTERM);
}

/* Counters that are looked for before they first count. */
static void
declare_counters(void)
{
	static const char *const names[] = {
		"lockstep_rejected_total", "lockstep_worker_restarts_total",
		"lockstep_database_connects_total",
		"lockstep_database_failures_total",
		"lockstep_breaker_open_total",
	};

	for (size_t i = 0; i < countof(names); i++)
		metric_add(names[i], "", 0);
}

static void
rotate(struct master *m)
{
	child_rotate();
	signal_workers(m, SIGUSR1);
}

static void
options_drop(const struct serve_source *source, struct serve_options *o)
{
	gate_free(o->gate);
	source->drop(source->context, o);
}

/*
 * The options, fit to be served; NULL and a line for each fault.  *ret_there:
 * the database is.
 */
static struct serve_options *
options_make(const struct serve_source *source, bool *ret_there,
    struct buf *faults)
{
	struct serve_options *o = source->make(source->context, faults);

	if (o == NULL)
		return NULL;
	o->gate = o->check == SERVE_REFUSE ? gate_new() : NULL;
	if (store_fit(&o->store, o->contract, "serve", ret_there, faults))
		return o;
	options_drop(source, o);
	return NULL;
}

/* The workers go on the list of those that are to end, and are told so. */
static void
retire_workers(struct master *m)
{
	size_t most = m->retired_count + m->options->workers;
	struct retired *retired = room(most, sizeof(*retired));

	if (m->retired_count > 0)
		memcpy(retired, m->retired, m->retired_count *
		    sizeof(*retired));
	free(m->retired);
	m->retired = retired;
	for (unsigned i = 0; i < m->options->workers; i++) {
		if (m->worker[i].pid == 0)
			continue;
		retired[m->retired_count++] = (struct retired){
			m->worker[i].pid, last_moment_ns(m) };
		kill(m->worker[i].pid, SIGTERM);
	}
}

/* New workers first: the listener is never without one. */
static void
replace(struct master *m, struct serve_options *options)
{
	struct master next = *m;

	next.options = options;
	next.worker = room(options->workers, sizeof(next.worker[0]));
	for (unsigned i = 0; i < options->workers; i++)
		worker_start(&next, &next.worker[i]);
	retire_workers(m);
	options_drop(m->source, m->options);
	free(m->worker);
	m->options = options;
	m->worker = next.worker;
}

/* ---- Looks at the database. ---- */

/* One of the options in use has ended: when will there be another? */
static void
look_note(struct master *m, enum look_end end)
{
	uint64_t now = clock_now_ns();
	unsigned ms = 0;

	if (end == LOOK_FAILED)
		ms = LOOK_AGAIN_MS;
	else if (end == LOOK_UNSAFE || (m->options->check == SERVE_REFUSE &&
	    look_spares(&m->look)))
		ms = LOOK_UNSAFE_MS;
	m->look_ns = ms > 0 ? now + ms * 1000000ull : 0;
	m->rest_ns = now + (end == LOOK_FAILED ? LOOK_AGAIN_MS :
	    m->rest_ms) * 1000000ull;
	m->warned = m->warned || end != LOOK_FAILED;
	snprintf(m->said, sizeof(m->said), "%s", m->look.page->words);
}

/* What an unsafe database is, where it is served all the same or was before. */
static void
tell_unsafe(const struct master *m, enum look_end end)
{
	if (end == LOOK_UNSAFE)
		log_lines(LOG_ERROR, "check_unsafe", m->look.page->words);
}

/* Is a look due, or has a worker asked for one? */
static bool
look_is_due(struct master *m)
{
	const struct serve_options *o = m->options;
	uint64_t now = clock_now_ns();

	if (o->check == SERVE_UNCHECKED || now < m->rest_ns)
		return false;
	if (m->look_ns != 0 && now >= m->look_ns)
		return true;
	if (o->gate == NULL || !gate_asked(o->gate))
		return false;
	m->look.beside = false;
	/* Of a database that no look reaches they ask for ever. */
	m->rest_ms = now - m->rest_ns > LOOK_UNSAFE_MS * 1000000ull ?
	    LOOK_LEAST_MS : m->rest_ms * 2;
	if (m->rest_ms > LOOK_UNSAFE_MS)
		m->rest_ms = LOOK_UNSAFE_MS;
	return true;
}

/* Begins a look.  One that cannot be begun is due again. */
static bool
look_now(struct master *m, const struct serve_options *options, bool quiet)
{
	if (look_begin(&m->look, m->source, options, quiet))
		return true;
	log_event(LOG_ERROR, "fork", LOG_TEXT("cause", strerror(errno)));
	m->look_ns = clock_now_ns() + LOOK_AGAIN_MS * 1000000ull;
	return false;
}

/* Options that nobody served with yet: the first look at them is due. */
static void
look_anew(struct master *m)
{
	m->warned = false;
	m->said[0] = '\0';
	m->rest_ms = LOOK_LEAST_MS;
	m->rest_ns = 0;
	m->look_ns = clock_now_ns();
	m->look.beside = false;
}

/*
 * What a refused reload found may be of the database that is served on.  That is
 * looked at until it is clear, as nobody else would tell that it was mended; for
 * the figures alone, as a refused reload changes nothing.
 */
static void
look_beside(struct master *m)
{
	if (m->options->check == SERVE_UNCHECKED)
		return;
	m->look.beside = true;
	m->look_ns = clock_now_ns() + LOOK_UNSAFE_MS * 1000000ull;
}

/* ---- Reloads. ---- */

static void
reload_refused(const char *lines)
{
	log_lines(LOG_ERROR, "reload_refused", lines);
	metric_add("lockstep_reloads_total", "result=\"refused\"", 1);
}

static void
reload_taken(struct master *m, struct serve_options *options)
{
	auth_fetch(options->auth, m->options->auth);
	options->limits = options->rates ? m->limits : NULL;
	replace(m, options);
	look_anew(m);
	log_event(LOG_INFO, "reloaded",
	    LOG_INT("workers", options->workers),
	    LOG_INT("threads", options->front.threads));
	metric_add("lockstep_reloads_total", "result=\"done\"", 1);
}

static void
reload(struct master *m)
{
	struct serve_options *next;
	bool there = false;
	struct buf faults;

	m->reload_later = m->look.pid != 0;
	if (m->reload_later)
		return;
	buf_init(&faults, FAULTS_MAX);
	next = options_make(m->source, &there, &faults);
	if (next == NULL)
		reload_refused(faults.at);
	else if (there && next->check != SERVE_UNCHECKED &&
	    look_now(m, next, false))
		m->next = next;
	else
		reload_taken(m, next);
	buf_release(&faults);
}

/* The look at the options of a reload has ended. */
static void
reload_looked(struct master *m, struct serve_options *next)
{
	enum look_end end = look_end(&m->look, next, NULL);

	m->next = NULL;
	if (m->stopping || (next->check == SERVE_REFUSE &&
	    end != LOOK_CLEAR)) {
		if (!m->stopping)
			reload_refused(m->look.page->words);
		options_drop(m->source, next);
		if (end == LOOK_UNSAFE)
			look_beside(m);
		return;
	}
	tell_unsafe(m, end);
	reload_taken(m, next);
	look_note(m, end);
}

/* What was said before is not said again. */
static void
look_over(struct master *m)
{
	const char *words = m->look.page->words;
	enum look_end end;

	if (m->next != NULL) {
		reload_looked(m, m->next);
		return;
	}
	end = look_end(&m->look, m->options, m->said);
	if (strcmp(words, m->said) != 0)
		tell_unsafe(m, end);
	look_note(m, end);
}

/* Each tick: ends a look that takes too long, or begins one that is due. */
static void
look(struct master *m)
{
	look_hasten(&m->look);
	if (m->look.pid != 0 || m->stopping)
		return;
	if (m->reload_later)
		reload(m);
	else if (look_is_due(m))
		(void)look_now(m, m->options, m->warned);
}

/* Kills who was to end and has not. */
static void
hasten(struct master *m)
{
	uint64_t now = clock_now_ns();

	for (size_t i = 0; i < m->retired_count; i++)
		if (m->retired[i].kill_ns != 0 && now > m->retired[i].kill_ns) {
			m->retired[i].kill_ns = 0;
			kill(m->retired[i].pid, SIGKILL);
		}
	if (m->stopping && !m->killed && now > m->kill_ns) {
		m->killed = true;
		signal_workers(m, SIGKILL);
	}
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
		else if (signal == SIGUSR1)
			rotate(m);
		else if (signal == SIGHUP && !m->stopping)
			reload(m);
		look(m);
		hasten(m);
	}
}

/*
 * The look before anything begins, the only one that is waited for.  What comes
 * to nothing keeps nobody from beginning: there is the gate.
 */
static bool
look_first(struct master *m, struct buf *faults)
{
	const struct timespec tick = { .tv_nsec = 100 * 1000000 };
	enum look_end end;
	sigset_t wanted;
	int signal;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	if (!look_now(m, m->options, false))
		return true;
	while (waitpid(m->look.pid, NULL, WNOHANG) == 0) {
		signal = sigtimedwait(&wanted, NULL, &tick);
		if (signal == SIGTERM || signal == SIGINT) {
			m->stopping = true;
			look_kill(&m->look);
		}
		look_hasten(&m->look);
	}
	end = look_end(&m->look, m->options, m->said);
	look_note(m, end);
	if (end == LOOK_UNSAFE && m->options->check == SERVE_REFUSE) {
		buf_string(faults, m->look.page->words);
		return false;
	}
	tell_unsafe(m, end);
	return !m->stopping;
}

/* Options, keys and limits; then nothing but the socket is missing. */
static bool
prepare(struct master *m, struct buf *faults)
{
	bool there = false;

	m->options = options_make(m->source, &there, faults);
	if (m->options == NULL)
		return false;
	look_anew(m);
	if (there && m->options->check != SERVE_UNCHECKED &&
	    !look_first(m, faults))
		return false;
	auth_fetch(m->options->auth, NULL);
	m->limits = limits_open(m->options->limit_file,
	    m->options->limit_entries, faults);
	m->options->limits = m->options->rates ? m->limits : NULL;
	return m->limits != NULL;
}

static bool
begin(struct master *m)
{
	struct buf faults;
	bool well;

	buf_init(&faults, FAULTS_MAX);
	well = prepare(m, &faults);
	if (!well && !m->stopping) {
		fputs(faults.length > 0 ? faults.at :
		    "lockstep: cannot begin\n", stderr);
		log_event(LOG_ERROR, "refused", LOG_TEXT("cause", faults.at));
	}
	buf_release(&faults);
	return well;
}

/* Nothing is left of what was under way. */
static void
finish(struct master *m)
{
	if (m->look.pid != 0) {
		look_kill(&m->look);
		waitpid(m->look.pid, NULL, 0);
	}
	if (m->next != NULL)
		options_drop(m->source, m->next);
	if (m->options != NULL)
		options_drop(m->source, m->options);
	limits_close(m->limits);
	free(m->worker);
	free(m->retired);
}

int
serve_run(const struct serve_source *source)
{
	struct master m = { .source = source };
	int status = 2;

	child_signals(&m.signals);
	declare_counters();
	if (!begin(&m)) {
		finish(&m);
		return m.stopping ? 0 : 2;
	}
	m.listener = front_listen(m.options->listen, m.options->socket_mode);
	if (m.listener >= 0 && stat(m.options->listen, &m.socket) == 0) {
		m.worker = room(m.options->workers, sizeof(m.worker[0]));
		log_event(LOG_INFO, "serving",
		    LOG_TEXT("socket", m.options->listen),
		    LOG_INT("workers", m.options->workers),
		    LOG_INT("threads", m.options->front.threads));
		watch(&m);
		log_event(LOG_INFO, "stopped", LOG_END);
		status = 0;
	} else {
		fprintf(stderr, "lockstep: cannot listen on %s: %s\n",
		    m.options->listen, strerror(errno));
	}
	if (m.listener >= 0)
		close(m.listener);
	finish(&m);
	return status;
}
