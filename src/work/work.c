/* SPDX-License-Identifier: MIT */
/*
 * The corridor on one page: claim, recall, accept, run, settle.  Each stage
 * takes the values of the ones before, const, and makes one new value: job ->
 * caller -> input -> outcome -> settled.  The next claim goes with the run, so
 * a thread has two scopes, one for what it does and one for what comes.
 *
 * What a job did and that it is done are one commit.  What failed is told in a
 * transaction of its own, fenced, so that it may come late or never: then the
 * job is simply run again.
 */
#include "work/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	MARGIN_MS = 1000,	/* past a job's timeout, for the answer */
	BATCH_SHARE = 5,	/* timeouts of a job that a batch may take */
	FAILING_MS = 2,		/* pause while another thread settles a job */
	RETRY_MS = 50,		/* pause of a thread without a database */
	LABELS_MAX = 256,
};

/* A thread. */
struct thread {
	struct crew *crew;
	unsigned number;
	struct slot *slot;
	struct store *store;
	struct arena *arena[2];		/* this job's, and the next one's */
	struct scope scope[2];
	unsigned now;			/* which is this one's */
	struct wish_list wishes;
	struct queue_claimed claimed;
	bool settled;			/* which drops what is held */
	uint64_t seed;
};

/* What is known of a job on its way, for settling and the log. */
struct walk {
	const struct queue_job *job;
	const struct caller *caller;	/* NULL = not recalled */
	const struct input *input;	/* NULL = not accepted */
	const char *code, *message;	/* why not */
	const char *reason;
};

/* ---- Figures and the log. ---- */

static void
record(const struct scope *sc, const struct walk *w, const char *outcome,
    uint64_t ns)
{
	const struct queue_job *job = w->job;
	bool done = strcmp(outcome, "done") == 0;
	char labels[LABELS_MAX];

	snprintf(labels, sizeof(labels), "kind=\"%s\"", job->kind->name);
	metric_observe("lockstep_job_duration_seconds", labels, ns);
	if (done)
		metric_observe("lockstep_job_queue_time_seconds", labels,
		    (uint64_t)job->waited_us * 1000);
	snprintf(labels, sizeof(labels), "kind=\"%s\",outcome=\"%s\"",
	    job->kind->name, outcome);
	metric_add("lockstep_jobs_total", labels, 1);
	log_event(done ? LOG_INFO : strcmp(outcome, "dead") == 0 ? LOG_ERROR :
	    LOG_WARN, "job",
	    LOG_TEXT("request_id", job->request_id),
	    LOG_TEXT("traceparent", job->traceparent),
	    LOG_INT("job", job->id), LOG_TEXT("kind", job->kind->name),
	    LOG_INT("attempt", job->attempt), LOG_TEXT("outcome", outcome),
	    LOG_TEXT("reason", w->reason), LOG_TEXT("code", w->code),
	    LOG_TEXT("cause", done ? NULL : w->message != NULL ? w->message :
		sc->cause),
	    LOG_TEXT("role",
		w->caller != NULL ? caller_role(w->caller) : NULL),
	    LOG_MS("waited_ms", job->waited_us * 1000),
	    LOG_MS("total_ms", ns));
}

/* ---- Settling. ---- */

/* A fault of the database or of a deployment is no fault of the job. */
static bool
is_spared(const char *code)
{
	static const char *const prefixes[] = { "08", "57P", "25006", "26000",
		"53" };

	for (size_t i = 0; i < countof(prefixes); i++)
		if (strncmp(code, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static uint64_t
random_of(struct thread *t)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return t->seed;
}

/* base * 2^(attempt - 1), at most max, a fifth more or less. */
static int64_t
backoff_ms(struct thread *t, const struct queue_job *job)
{
	const struct job_kind *kind = job->kind;
	int64_t ms = kind->backoff_base_ms;
	unsigned i;

	for (i = 1; i < job->attempt && ms < kind->backoff_max_ms; i++)
		ms *= 2;
	if (ms > kind->backoff_max_ms)
		ms = kind->backoff_max_ms;
	return ms * 4 / 5 + (int64_t)(random_of(t) % (uint64_t)(ms * 2 / 5 +
	    1));
}

/* What follows a job that is given up, as its caller; NULL = nothing. */
static const struct queue_task *
burial(struct scope *sc, const struct walk *w)
{
	const struct operation *dead = w->job->kind->dead;
	const struct job_argument reason = { "reason", w->reason };
	struct queue_task *task = arena_alloc(sc->arena, sizeof(*task));

	if (dead == NULL || w->caller == NULL)
		return NULL;
	*task = (struct queue_task){ .job = w->job, .caller = w->caller };
	if (contract_accept_job(sc, dead, w->job->args, &reason, 1,
	    &task->input) != PROBLEM_NONE)
		return NULL;
	return task;
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Until the database takes it, or the worker is to end. */
static struct queue_result
settle_at_last(struct thread *t, struct scope *sc, const struct queue_job *job,
    const struct queue_settlement *s)
{
	struct queue_result result;

	t->settled = true;
	for (;;) {
		sc->deadline_ns = 0;
		result = queue_settle(sc, t->store, job, s);
		if (result.ending != QUEUE_LOST || crew_is_stopping(t->crew))
			return result;
		pause_ms(RETRY_MS);
	}
}

/* Its last function failed: it is dead all the same. */
static struct queue_result
bury(struct thread *t, struct scope *sc, const struct walk *w,
    struct queue_settlement *s)
{
	struct queue_result result;

	s->dead = burial(sc, w);
	result = settle_at_last(t, sc, w->job, s);
	if (result.ending != QUEUE_FAILED || s->dead == NULL)
		return result;
	log_event(LOG_ERROR, "job_dead_failed", LOG_INT("job", w->job->id),
	    LOG_TEXT("kind", w->job->kind->name),
	    LOG_TEXT("code", result.code), LOG_TEXT("cause", sc->cause));
	s->dead = NULL;
	return settle_at_last(t, sc, w->job, s);
}

static const char *
outcome_of(const struct queue_settlement *s)
{
	return s->reason != NULL ? "dead" : s->spared ? "deferred" : "retry";
}

/* A job that was not done: it is tried again, or dead. */
static void
settle(struct thread *t, struct scope *sc, struct walk *w, uint64_t began_ns)
{
	const struct queue_job *job = w->job;
	const struct job_error *said = contract_job_error(job->kind, w->code);
	struct queue_settlement s = { .code = w->code, .message =
	    w->message != NULL ? w->message : sc->cause };
	struct queue_result result;

	if (s.message == NULL)
		s.message = "no cause";
	s.spared = w->reason == NULL && is_spared(w->code);
	if (w->reason == NULL && said != NULL && said->permanent)
		w->reason = "permanent";
	else if (w->reason == NULL && !s.spared &&
	    job->attempt >= job->attempts)
		w->reason = "exhausted";
	s.reason = w->reason;
	s.delay_ms = backoff_ms(t, job);
	result = s.reason != NULL ? bury(t, sc, w, &s) :
	    settle_at_last(t, sc, job, &s);
	if (result.enqueued)
		queue_wake(sc, t->store);
	if (result.ending == QUEUE_FENCED)
		metric_add("lockstep_job_fenced_writes_total", "", 1);
	record(sc, w, result.ending == QUEUE_DONE ? outcome_of(&s) :
	    result.ending == QUEUE_FENCED ? "fenced" : "unsettled",
	    clock_now_ns() - began_ns);
}

/*
 * All its attempts have ended without a word, or it may have fewer now: it is
 * not run once more.  This claim is none, so it does not count.
 */
static void
give_up(struct thread *t, struct scope *sc, struct walk *w, uint64_t began_ns)
{
	struct queue_settlement s = { .code = "", .message = "",
		.spared = true };
	struct queue_result result;

	w->reason = s.reason = w->job->crashed ? "crashed" : "exhausted";
	result = bury(t, sc, w, &s);
	if (result.enqueued)
		queue_wake(sc, t->store);
	record(sc, w, result.ending == QUEUE_DONE ? "dead" :
	    result.ending == QUEUE_FENCED ? "fenced" : "unsettled",
	    clock_now_ns() - began_ns);
}

/* ---- Recall and accept. ---- */

/* The first issue: where and which rule, never the value. */
static const char *
issue_text(struct scope *sc)
{
	if (sc->issue_count == 0)
		return sc->cause != NULL ? sc->cause : "the arguments are no "
		    "JSON";
	return arena_format(sc->arena, "arguments: %s %s (%s)",
	    sc->issues[0].pointer, sc->issues[0].message,
	    sc->issues[0].keyword);
}

/* false: it cannot be run; the walk says why. */
static bool
approach(struct thread *t, struct scope *sc, struct walk *w)
{
	const struct contract_about *about =
	    contract_about(t->crew->options->contract);
	const struct queue_job *job = w->job;
	const struct job_kind *kind = job->kind;

	if (auth_recall(sc, about->roles, about->role_count,
	    kind->role != NULL ? kind->role : job->role, job->claims,
	    &w->caller) != PROBLEM_NONE) {
		w->code = "forbidden";
		w->message = sc->cause;
	} else if (contract_accept_job(sc, &kind->call, job->args, NULL, 0,
	    &w->input) != PROBLEM_NONE) {
		w->code = "invalid";
		w->message = issue_text(sc);
	} else if (job->attempt <= job->attempts) {
		return true;
	}
	w->reason = "invalid";
	return false;
}

/* ---- Claiming. ---- */

static struct scope *
scope_begin(struct thread *t, unsigned which)
{
	struct scope *sc = &t->scope[which];

	arena_reset(t->arena[which]);
	scope_init(sc, t->arena[which]);
	return sc;
}

/* What is held is written down before anything is done with it. */
static void
note_slot(struct thread *t)
{
	const struct queue_claimed *c = &t->claimed;
	size_t i;

	if (c->count == 0 || c->jobs[0].token != 0)
		return;
	for (i = 0; i < c->count; i++) {
		t->slot->job[i].id = c->jobs[i].id;
		t->slot->job[i].attempt = c->jobs[i].attempt;
		t->slot->job[i].kind = c->jobs[i].kind->number;
	}
	atomic_store(&t->slot->count, (uint32_t)c->count);
}

/*
 * Has another thread of the process this job, though nobody holds it?  Then it
 * has failed there a moment ago, and that is not told yet.
 */
static bool
is_failing(const struct thread *t)
{
	const struct crew *crew = t->crew;
	const struct queue_job *job = &t->claimed.jobs[0];

	if (job->token != 0 || t->claimed.count > 1)
		return false;
	for (unsigned i = 0; i < crew->options->threads; i++)
		if (i != t->number && atomic_load(&crew->slots[i].count) > 0 &&
		    atomic_load(&crew->slots[i].job[0].id) == job->id)
			return true;
	return false;
}

static void
release(struct thread *t, const struct queue_claimed *claimed)
{
	crew_released(t->crew, t->number, claimed->jobs, claimed->count);
	atomic_store(&t->slot->count, 0);
}

/* false: there is nothing, or nobody to ask.  `all`: without any floor. */
static bool
claim(struct thread *t, bool all)
{
	struct scope *sc = scope_begin(t, t->now);

	t->claimed = (struct queue_claimed){ NULL, 0 };
	if (crew_wish(t->crew, sc->arena, NULL, all, &t->wishes) &&
	    queue_claim(sc, t->store, &t->wishes.claim, &t->claimed) !=
	    PROBLEM_NONE)
		log_event(LOG_WARN, "claim", LOG_TEXT("cause", sc->cause));
	crew_claimed(t->crew, t->number, &t->wishes, &t->claimed);
	return t->claimed.count > 0;
}

/* ---- Running. ---- */

/* All of one claim: those that can be run, as one transaction. */
struct party {
	struct scope *sc;
	struct walk *walks;
	struct queue_task *tasks;
	size_t *of_task;		/* which walk */
	size_t count, task_count;
	uint64_t began_ns;
};

static struct party
party_of(struct thread *t, struct scope *sc)
{
	size_t n = t->claimed.count, i;
	struct party p = { .sc = sc, .count = n, .began_ns = clock_now_ns() };

	p.walks = arena_alloc(sc->arena, n * sizeof(*p.walks));
	p.tasks = arena_alloc(sc->arena, n * sizeof(*p.tasks));
	p.of_task = arena_alloc(sc->arena, n * sizeof(*p.of_task));
	for (i = 0; i < n; i++) {
		struct walk *w = &p.walks[i];

		w->job = &t->claimed.jobs[i];
		if (!approach(t, sc, w))
			continue;
		p.of_task[p.task_count] = i;
		p.tasks[p.task_count++] = (struct queue_task){ w->job,
			w->caller, w->input };
	}
	return p;
}

static void
scope_follow(struct scope *sc, const struct queue_job *job, size_t count)
{
	uint64_t ms = job->kind->timeout_ms * (uint64_t)(count > 1 ?
	    BATCH_SHARE : 1) + MARGIN_MS;

	if (job->request_id != NULL)
		snprintf(sc->request_id, sizeof(sc->request_id), "%s",
		    job->request_id);
	sc->deadline_ns = clock_now_ns() + ms * 1000000;
}

/* Several failed together: nothing was done, and each is run alone. */
static void
part(struct thread *t, const struct party *p, const struct queue_result *r)
{
	const struct job_kind *kind = p->tasks[0].job->kind;

	log_event(LOG_WARN, "batch_failed", LOG_TEXT("kind", kind->name),
	    LOG_INT("jobs", (int64_t)p->task_count),
	    LOG_TEXT("code", r->code), LOG_TEXT("cause", p->sc->cause));
	crew_alone(t->crew, kind, p->task_count);
}

static void
conclude(struct thread *t, struct party *p, const struct queue_result *r)
{
	uint64_t ns = clock_now_ns() - p->began_ns;
	size_t i;

	if (r->ending == QUEUE_FENCED)
		metric_add("lockstep_job_fenced_writes_total", "",
		    p->task_count);
	if (r->ending == QUEUE_FAILED && p->task_count > 1) {
		part(t, p, r);
		return;
	}
	for (i = 0; i < p->task_count; i++) {
		struct walk *w = &p->walks[p->of_task[i]];

		if (r->ending == QUEUE_DONE || r->ending == QUEUE_FENCED) {
			record(p->sc, w, r->ending == QUEUE_DONE ? "done" :
			    "fenced", ns / p->task_count);
			continue;
		}
		w->code = arena_string(p->sc->arena, r->code);
		settle(t, p->sc, w, p->began_ns);
	}
}

/* Those that were never run. */
static void
conclude_others(struct thread *t, struct party *p)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		struct walk *w = &p->walks[i];

		if (w->reason == NULL || w->input == NULL)
			continue;
		give_up(t, p->sc, w, p->began_ns);
	}
	for (i = 0; i < p->count; i++) {
		struct walk *w = &p->walks[i];

		if (w->input == NULL)
			settle(t, p->sc, w, p->began_ns);
	}
}

/*
 * What was claimed behind the run is what comes now; unless something had to be
 * settled, which has let go of it, if it was held.
 */
static void
follow(struct thread *t, const struct queue_next *next)
{
	t->claimed = next->claimed;
	if (t->settled && t->claimed.count > 0 &&
	    t->claimed.jobs[0].token == 0)
		t->claimed.count = 0;
	crew_claimed(t->crew, t->number, &t->wishes, &t->claimed);
	if (t->claimed.count > 0)
		t->now = !t->now;
}

/*
 * Runs what was claimed and claims what comes next.  When something has to be
 * settled the next claim waits, as that takes the connection; and after a
 * lease, which may be long, as much may have changed.
 */
static void
walk(struct thread *t)
{
	struct scope *sc = &t->scope[t->now];
	struct queue_claimed claimed = t->claimed;
	struct party p;
	struct queue_next next = { NULL, NULL, { NULL, 0 } };
	struct queue_result result = { .ending = QUEUE_DONE };
	bool follows = false;

	t->settled = false;
	if (is_failing(t)) {
		queue_drop(sc, t->store);
		crew_released(t->crew, t->number, claimed.jobs, claimed.count);
		t->claimed.count = 0;
		pause_ms(FAILING_MS);
		return;
	}
	note_slot(t);
	scope_follow(sc, &claimed.jobs[0], claimed.count);
	p = party_of(t, sc);
	if (p.task_count == p.count && claimed.jobs[0].token == 0 &&
	    !crew_is_stopping(t->crew)) {
		next.sc = scope_begin(t, !t->now);
		follows = true;
		if (crew_wish(t->crew, next.sc->arena, claimed.jobs[0].kind,
		    false, &t->wishes))
			next.claim = &t->wishes.claim;
	}
	if (p.task_count > 0) {
		result = queue_run(sc, t->store, p.tasks, p.task_count, &next);
		conclude(t, &p, &result);
	}
	conclude_others(t, &p);
	release(t, &claimed);
	t->claimed.count = 0;
	if (follows)
		follow(t, &next);
	if (result.enqueued)
		crew_ring(t->crew, 1);
}

/* ---- A life. ---- */

/* What the process before was at when it died counts as an attempt. */
static void
bring_home(struct thread *t)
{
	uint32_t count = atomic_load(&t->slot->count), i;
	size_t kinds;
	const struct job_kind *all = contract_jobs(t->crew->options->contract,
	    &kinds);
	struct scope *sc = scope_begin(t, 0);

	for (i = 0; i < count && i < SLOT_JOBS; i++) {
		struct queue_job job = { .id = t->slot->job[i].id,
			.attempt = t->slot->job[i].attempt };
		struct queue_settlement s = { .code = "crashed",
			.message = "the worker process ended" };

		if (t->slot->job[i].kind >= kinds)
			continue;
		job.kind = &all[t->slot->job[i].kind];
		s.delay_ms = job.attempt > 1 ? backoff_ms(t, &job) : 0;
		(void)settle_at_last(t, sc, &job, &s);
		log_event(LOG_WARN, "job_crashed", LOG_INT("job", job.id),
		    LOG_TEXT("kind", job.kind->name),
		    LOG_INT("attempt", job.attempt));
	}
	atomic_store(&t->slot->count, 0);
}

/* At the end: what was claimed and not begun is there for others at once. */
static void
give_back(struct thread *t)
{
	struct scope *sc = scope_begin(t, !t->now);
	const struct queue_settlement s = { .code = "", .message = "",
		.spared = true };

	queue_drop(sc, t->store);
	if (t->claimed.count > 0 && t->claimed.jobs[0].token != 0)
		(void)settle_at_last(t, sc, &t->claimed.jobs[0], &s);
	release(t, &t->claimed);
}

static void
live(struct thread *t)
{
	bool drain = t->crew->options->drain;

	bring_home(t);
	while (!crew_is_stopping(t->crew)) {
		if (t->claimed.count > 0) {
			walk(t);
			continue;
		}
		if (claim(t, false) || (drain && claim(t, true)))
			/* Where there is one there may be another. */
			crew_ring(t->crew, 1);
		else if (drain || !crew_wait(t->crew))
			break;
	}
	give_back(t);
}

void *
work_thread(void *arg)
{
	const struct hand *hand = arg;
	const struct work_options *o = hand->crew->options;
	struct thread t = { .crew = hand->crew, .number = hand->thread,
		.slot = &hand->crew->slots[hand->thread],
		.arena = { arena_new(), arena_new() },
		.store = store_new(&o->store, o->contract),
		.seed = clock_now_ns() | 1 };

	live(&t);
	store_free(t.store);
	arena_free(t.arena[0]);
	arena_free(t.arena[1]);
	pthread_mutex_lock(&t.crew->lock);
	t.crew->threads--;
	pthread_mutex_unlock(&t.crew->lock);
	return NULL;
}
