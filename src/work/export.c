/* SPDX-License-Identifier: MIT */
/*
 * The corridor of a job that writes a file: claim, recall, accept, begin, write,
 * finish.  Its rows come by a connection of its own, in one statement, and go into
 * ID.TOKEN.part of the spool; when that is whole and on the disk it becomes
 * ID.TOKEN, and only then says one fenced transaction that the export is ready and
 * the job done.  So what has a name without ".part" is whole, and what no row
 * names is nobody's: who dies in between leaves a stray, and a job that is run
 * again, under another token.
 *
 * A thread of its own writes; the job's own thread looks beside it.  By a
 * connection borrowed for a moment it hears a few times a second whether requests
 * are served, which the writer gives way to (pace.c); and once a second it tells
 * how far the file is, and hears whether anybody still waits.  A file that may be
 * named in a row is deleted by the chore alone, which asks the database first.
 */
#include "work/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	NAME_BYTES = 64,	/* of a file: a uuid, a dot, a token */
	ID_LENGTH = 36,
	FILE_MODE = 0640,	/* nginx's workers are of the spool's group */
	LOOK_MS = 200,		/* between looks at what else is done */
	TELL_MS = 1000,		/* between tellings how far it is */
	RETRY_MS = 200,		/* pause without a database */
	KEEP_DAYS = 30,		/* rows of what is over */
	OUTCOMES_MAX = 64,
	STRAYS_MS = 15000,	/* between looks through the spool */
	STRAYS_AT_ONCE = 256,
	LABELS_MAX = 256,
};

static const char part_suffix[] = ".part";

/* A job's file, while it is made. */
struct writing {
	struct thread *t;
	struct scope *sc;
	struct walk *walk;
	const char *id;
	struct export_order order;
	const struct input *input;
	struct arena *beside;		/* of what is told meanwhile */
	int directory, fd;		/* -1 = not open */
	char name[NAME_BYTES], part[NAME_BYTES + sizeof(".part")];
	struct auth_hash *hash;		/* NULL = ended */
	struct pace pace;
	int fault;			/* errno of the spool, 0 = none */
	bool unwanted;			/* else it is stopped by us */
	atomic_bool stop;		/* the writer is to end */
	struct export_made made;
	struct export_result result;
	uint64_t began_ns;

	pthread_mutex_t lock;		/* for all below */
	pthread_cond_t over_now;
	bool over, news;		/* written; progress was not told yet */
	struct export_progress progress;
};

/* ---- A connection, for a moment. ---- */

static struct store *
borrow(struct writing *w)
{
	return desk_borrow(w->t->crew->desk);
}

static void
give_back(struct writing *w, struct store *store)
{
	desk_give_back(w->t->crew->desk, store);
}

static void
settle(struct writing *w)
{
	w->t->store = borrow(w);
	walk_settle(w->t, w->sc, w->walk, w->began_ns);
	give_back(w, w->t->store);
	w->t->store = NULL;
}

/* ---- Figures. ---- */

static void
count(const char *operation, const char *outcome, uint64_t n)
{
	char labels[LABELS_MAX];

	snprintf(labels, sizeof(labels), "operation=\"%s\",outcome=\"%s\"",
	    operation, outcome);
	metric_add("lockstep_exports_total", labels, n);
}

static void
record(const struct writing *w, const char *outcome)
{
	const struct export_progress *p = &w->made.progress;

	metric_add("lockstep_export_rows_total", "", p->rows);
	metric_add("lockstep_export_bytes_total", "", p->bytes);
	log_event(strcmp(outcome, "failed") == 0 ? LOG_WARN : LOG_INFO,
	    "export", LOG_TEXT("request_id", w->walk->job->request_id),
	    LOG_TEXT("export", w->id),
	    LOG_TEXT("operation", w->order.operation),
	    LOG_TEXT("format", w->order.format),
	    LOG_TEXT("role", caller_role(w->walk->caller)),
	    LOG_TEXT("outcome", outcome), LOG_TEXT("code", w->walk->code),
	    LOG_INT("rows", (int64_t)p->rows),
	    LOG_INT("bytes", (int64_t)p->bytes),
	    LOG_INT("rows_s", (int64_t)p->rate),
	    LOG_MS("total_ms", clock_now_ns() - w->began_ns));
}

/* ---- The spool. ---- */

/* Small hex digits and hyphens, as Postgres writes a uuid. */
static bool
is_id(const char *text)
{
	return strspn(text, "0123456789abcdef-") == ID_LENGTH &&
	    (text[ID_LENGTH] == '\0' || text[ID_LENGTH] == '.');
}

static bool
spool_fails(struct writing *w)
{
	w->fault = errno != 0 ? errno : EIO;
	return false;
}

static bool
spool_open(struct writing *w)
{
	const char *path = w->t->crew->options->export_dir;

	snprintf(w->name, sizeof(w->name), "%s.%" PRId64, w->id,
	    w->walk->job->token);
	snprintf(w->part, sizeof(w->part), "%s%s", w->name, part_suffix);
	w->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->directory < 0)
		return spool_fails(w);
	w->fd = openat(w->directory, w->part, O_WRONLY | O_CREAT | O_TRUNC |
	    O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (w->fd < 0 || fchmod(w->fd, FILE_MODE) != 0)
		return spool_fails(w);
	w->hash = auth_hash_new();
	return true;
}

static bool
take(void *context, const char *bytes, size_t length)
{
	struct writing *w = context;
	ssize_t n;

	auth_hash_add(w->hash, bytes, length);
	while (length > 0) {
		n = write(w->fd, bytes, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return spool_fails(w);
		bytes += n;
		length -= (size_t)n;
	}
	return true;
}

/* On the disk before it has its name, and its name there before it is told. */
static bool
spool_name(struct writing *w)
{
	char *digits = arena_alloc(w->sc->arena, AUTH_DIGEST_TEXT);
	int fd = w->fd;

	auth_hash_end(w->hash, digits);
	w->hash = NULL;
	w->made.sha256 = digits;
	w->made.file = w->name;
	w->fd = -1;
	if (fsync(fd) != 0) {
		(void)spool_fails(w);
		close(fd);
		return false;
	}
	if (close(fd) != 0 ||
	    renameat(w->directory, w->part, w->directory, w->name) != 0 ||
	    fsync(w->directory) != 0)
		return spool_fails(w);
	return true;
}

static void
spool_close(struct writing *w)
{
	char digits[AUTH_DIGEST_TEXT];

	if (w->hash != NULL)
		auth_hash_end(w->hash, digits);
	if (w->fd >= 0)
		close(w->fd);
	if (w->directory < 0)
		return;
	/* When it has its name, there is none of this one. */
	if (unlinkat(w->directory, w->part, 0) != 0 && errno != ENOENT)
		log_event(LOG_WARN, "export_stray", LOG_TEXT("file", w->part),
		    LOG_TEXT("cause", strerror(errno)));
	close(w->directory);
}

/* ---- Writing. ---- */

static bool
post(void *context, const struct export_progress *progress)
{
	struct writing *w = context;

	pthread_mutex_lock(&w->lock);
	w->progress = *progress;
	w->news = true;
	pthread_mutex_unlock(&w->lock);
	return !atomic_load(&w->stop);
}

static void
rest(void *context)
{
	struct writing *w = context;

	pace_rest(&w->pace, w->t->crew);
}

static void *
write_all(void *arg)
{
	struct writing *w = arg;
	const struct work_options *o = w->t->crew->options;
	const struct export_sink sink = { w, take, rest, post };
	struct store *store = store_new(&o->store, o->contract);

	pace_begin(&w->pace, w->t->crew);
	w->result = export_run(w->sc, store, w->walk->caller, w->input,
	    w->walk->job->kind->timeout_ms, &sink, &w->made.progress);
	pace_end(w->t->crew);
	store_free(store);
	pthread_mutex_lock(&w->lock);
	w->over = true;
	pthread_cond_signal(&w->over_now);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- Beside it. ---- */

/* A database that does not answer says nothing: the lease will tell. */
static void
tell(struct writing *w, const struct export_progress *progress)
{
	struct scope sc = { 0 };
	struct store *store;
	bool wanted = true;

	scope_init(&sc, w->beside);
	store = borrow(w);
	if (export_tell(&sc, store, w->id, w->walk->job->token, progress,
	    &wanted) != PROBLEM_NONE)
		wanted = true;
	give_back(w, store);
	w->unwanted = !wanted;
}

static void
look_beside(struct writing *w)
{
	struct scope sc = { 0 };
	struct store *store;
	int64_t sessions;

	arena_reset(w->beside);
	scope_init(&sc, w->beside);
	store = borrow(w);
	if (export_beside(&sc, store, PACE_WITHIN_MS, &sessions) ==
	    PROBLEM_NONE)
		pace_hear(&w->pace, sessions);
	give_back(w, store);
}

/* Is it over?  Waits a while for that.  What was posted since, if anything was. */
static bool
await(struct writing *w, bool *ret_news, struct export_progress *ret)
{
	const uint64_t ns = clock_now_ns() + LOOK_MS * (uint64_t)1000000;
	const struct timespec until = { .tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000) };
	bool over;

	pthread_mutex_lock(&w->lock);
	while (!w->over && pthread_cond_clockwait(&w->over_now, &w->lock,
	    CLOCK_MONOTONIC, &until) == 0)
		;
	over = w->over;
	*ret_news = w->news;
	*ret = w->progress;
	w->news = false;
	pthread_mutex_unlock(&w->lock);
	return over;
}

static void
watch(struct writing *w)
{
	struct crew *crew = w->t->crew;
	const atomic_bool *abandon =
	    &crew->abandon[w->t->number - crew->options->threads];
	struct export_progress progress;
	uint64_t tell_ns = w->began_ns + TELL_MS * (uint64_t)1000000;
	bool news;

	while (!await(w, &news, &progress)) {
		look_beside(w);
		if (news && clock_now_ns() >= tell_ns) {
			tell(w, &progress);
			tell_ns = clock_now_ns() + TELL_MS *
			    (uint64_t)1000000;
		}
		if (w->unwanted || atomic_load(abandon))
			atomic_store(&w->stop, true);
	}
}

static struct export_result
write_rows(struct writing *w)
{
	pthread_t thread;

	metric_gauge(GAUGE_EXPORTS, 1);
	look_beside(w);
	if (pthread_create(&thread, NULL, write_all, w) == 0) {
		watch(w);
		pthread_join(thread, NULL);
	} else {
		w->result = (struct export_result){ .ending = EXPORT_FAILED,
			.code = "53000" };
	}
	metric_gauge(GAUGE_EXPORTS, -1);
	return w->result;
}

/* ---- The end. ---- */

/* Nobody wants it: the job alone is done. */
static void
done_alone(struct writing *w)
{
	const struct queue_task task = { w->walk->job, w->walk->caller, NULL };
	struct store *store = borrow(w);
	struct queue_result result;

	w->sc->deadline_ns = 0;
	result = queue_run(w->sc, store, &task, 1, NULL);
	give_back(w, store);
	walk_record(w->sc, w->walk, result.ending == QUEUE_DONE ? "done" :
	    result.ending == QUEUE_FENCED ? "fenced" : "unsettled",
	    clock_now_ns() - w->began_ns);
}

static void
stopped(struct writing *w)
{
	if (w->unwanted) {
		record(w, "cancelled");
		if (w->order.operation != NULL)
			count(w->order.operation, "cancelled", 1);
		done_alone(w);
		return;
	}
	record(w, "stopped");
	w->walk->code = "deferred";
	w->walk->message = "the worker is to end, or lost its lease";
	w->t->store = borrow(w);
	walk_defer(w->t, w->sc, w->walk, 0, w->began_ns);
	give_back(w, w->t->store);
	w->t->store = NULL;
}

static void
failed(struct writing *w, const char *code, const char *message)
{
	w->walk->code = arena_string(w->sc->arena, code);
	w->walk->message = message;
	record(w, "failed");
	settle(w);
}

/* What the file is worth is known once the database has said so. */
static struct queue_result
finish_at_last(struct writing *w)
{
	struct queue_result result;
	struct store *store;

	for (;;) {
		w->sc->deadline_ns = 0;
		store = borrow(w);
		result = export_finish(w->sc, store, w->id, w->walk->job,
		    &w->made);
		give_back(w, store);
		if (result.ending != QUEUE_LOST ||
		    crew_is_stopping(w->t->crew))
			return result;
		work_pause_ms(RETRY_MS);
	}
}

static void
finish(struct writing *w)
{
	struct queue_result result = finish_at_last(w);

	if (result.ending == QUEUE_FAILED &&
	    strcmp(result.code, "LSX01") == 0) {
		(void)unlinkat(w->directory, w->name, 0);
		w->unwanted = true;
		stopped(w);
	} else if (result.ending == QUEUE_FAILED) {
		failed(w, result.code, w->sc->cause);
	} else {
		bool done = result.ending == QUEUE_DONE;

		record(w, done ? "ready" : "fenced");
		if (done)
			count(w->order.operation, "ready", 1);
		else
			metric_add("lockstep_job_fenced_writes_total", "", 1);
		walk_record(w->sc, w->walk, done ? "done" : "fenced",
		    clock_now_ns() - w->began_ns);
	}
}

static void
conclude(struct writing *w, const struct export_result *result)
{
	switch (result->ending) {
	case EXPORT_DONE:
		if (spool_name(w))
			finish(w);
		else
			failed(w, "spool", strerror(w->fault));
		break;
	case EXPORT_STOPPED:
		stopped(w);
		break;
	case EXPORT_REFUSED:
		failed(w, "spool", w->fault != 0 ? strerror(w->fault) :
		    "a row is too long");
		break;
	case EXPORT_FAILED:
		failed(w, result->code, w->sc->cause != NULL ? w->sc->cause :
		    "the statement failed");
		break;
	}
}

/* ---- The beginning. ---- */

/* false: it is settled. */
static bool
begin(struct writing *w)
{
	struct store *store = borrow(w);
	bool there = false;
	enum problem p = export_begin(w->sc, store, w->id, w->walk->job,
	    &w->order, &there);

	give_back(w, store);
	if (p != PROBLEM_NONE) {
		failed(w, "08006", w->sc->cause);
		return false;
	}
	if (there)
		return true;
	done_alone(w);
	return false;
}

/* What was kept of the request, by the contract as it is now. */
static bool
accept_order(struct writing *w)
{
	const struct work_options *o = w->t->crew->options;

	if (contract_accept_export(o->contract, w->sc, w->walk->caller,
	    w->order.operation, w->order.query, w->order.format, &w->input) ==
	    PROBLEM_NONE)
		return true;
	w->walk->reason = "invalid";
	failed(w, "invalid", walk_issue(w->sc, "query", "the export is not "
	    "one of the contract"));
	return false;
}

void
export_walk(struct thread *t, struct scope *sc, struct walk *walk,
    uint64_t began_ns)
{
	struct writing w = { .t = t, .sc = sc, .walk = walk, .directory = -1,
		.fd = -1, .began_ns = began_ns,
		.id = input_plan(walk->input)->values[0].text,
		.beside = arena_new(),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.over_now = PTHREAD_COND_INITIALIZER };
	struct export_result result;

	if (!is_id(w.id)) {
		walk->reason = "invalid";
		failed(&w, "invalid", "the export is no id");
	} else if (begin(&w) && accept_order(&w)) {
		if (spool_open(&w)) {
			result = write_rows(&w);
			conclude(&w, &result);
		} else {
			failed(&w, "spool", strerror(w.fault));
		}
		spool_close(&w);
	}
	arena_free(w.beside);
}

/* ---- The chore. ---- */

/* ID.TOKEN or ID.TOKEN.part: what else there is, is not ours to delete. */
static bool
is_ours(const char *name)
{
	size_t digits;

	if (!is_id(name) || name[ID_LENGTH] != '.')
		return false;
	name += ID_LENGTH + 1;
	digits = strspn(name, "0123456789");
	return digits > 0 && digits < 20 && (name[digits] == '\0' ||
	    strcmp(name + digits, part_suffix) == 0);
}

static enum problem
sweep_some(struct scope *sc, struct store *store, int directory,
    const char *const *names, size_t n)
{
	const char *const *strays;
	size_t found;
	enum problem p;

	if (n == 0)
		return PROBLEM_NONE;
	p = export_strays(sc, store, names, n, &strays, &found);
	for (size_t i = 0; p == PROBLEM_NONE && i < found; i++)
		if (is_ours(strays[i]) &&
		    unlinkat(directory, strays[i], 0) == 0)
			log_event(LOG_INFO, "export_swept",
			    LOG_TEXT("file", strays[i]));
	return p;
}

static enum problem
sweep(struct scope *sc, struct store *store, const char *path)
{
	const char *names[STRAYS_AT_ONCE];
	DIR *directory = opendir(path);
	enum problem p = PROBLEM_NONE;
	struct dirent *entry;
	size_t n = 0;

	if (directory == NULL)
		return scope_fail(sc, PROBLEM_INTERNAL, "export_dir: %s",
		    strerror(errno));
	while (p == PROBLEM_NONE && (entry = readdir(directory)) != NULL) {
		if (!is_ours(entry->d_name))
			continue;
		names[n++] = arena_string(sc->arena, entry->d_name);
		if (n == STRAYS_AT_ONCE) {
			p = sweep_some(sc, store, dirfd(directory), names, n);
			n = 0;
		}
	}
	if (p == PROBLEM_NONE)
		p = sweep_some(sc, store, dirfd(directory), names, n);
	closedir(directory);
	return p;
}

enum problem
export_chore(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	const struct work_options *o = crew->options;
	struct export_count counts[OUTCOMES_MAX];
	size_t n = 0;
	enum problem p;

	(void)more;
	if (contract_export_kind(o->contract) == NULL)
		return PROBLEM_NONE;
	p = export_tend(sc, store, KEEP_DAYS, counts, OUTCOMES_MAX, &n);
	if (p != PROBLEM_NONE)
		return p;
	for (size_t i = 0; i < n; i++)
		count(counts[i].operation, counts[i].outcome, counts[i].n);
	if (o->export_dir == NULL ||
	    (n == 0 && clock_now_ns() < crew->strays_ns))
		return PROBLEM_NONE;
	crew->strays_ns = clock_now_ns() + STRAYS_MS * (uint64_t)1000000;
	return sweep(sc, store, o->export_dir);
}
