/* SPDX-License-Identifier: MIT */
/*
 * The beginning and the end of a job's way, which are the same for all kinds:
 * its caller and its arguments; and what is told when it was done or was not.
 * A settlement is fenced, so it may come late or never: then the job is simply
 * run again.
 */
#include "work/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	RETRY_MS = 50,		/* pause of a thread without a database */
	HEED_MS = 60000,	/* Retry-After is heeded for this, or for */
	HEED_SHARE = 2,		/* so many times the pause of our own */
	LABELS_MAX = 256,
};

/* ---- Figures and the log. ---- */

void
walk_record(const struct scope *sc, const struct walk *w, const char *outcome,
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

static const char *
ended(const struct queue_result *result, const char *outcome)
{
	return result->ending == QUEUE_DONE ? outcome :
	    result->ending == QUEUE_FENCED ? "fenced" : "unsettled";
}

/* ---- What the worker knows by itself, for functions that take it. ---- */

static const char *
number(struct scope *sc, int64_t n)
{
	return arena_format(sc->arena, "%" PRId64, n);
}

void
walk_facts(struct scope *sc, const struct walk *w,
    struct job_argument ret[FACT_COUNT])
{
	bool called = w->took_ms >= 0;
	const struct job_argument facts[FACT_COUNT] = {
		{ "job_id", number(sc, w->job->id) },
		{ "attempt", number(sc, w->job->attempt) },
		{ "status", w->status > 0 ? number(sc, w->status) : NULL },
		{ "result", w->result },
		{ "reply", w->reply },
		{ "took_ms", called ? number(sc, w->took_ms) : NULL },
		{ "code", w->code },
		{ "reason", w->reason },
	};

	memcpy(ret, facts, sizeof(facts));
}

/* One of the kind's last functions, as the job's caller; NULL = nothing. */
static const struct queue_task *
afterwards(struct scope *sc, const struct walk *w, const struct operation *op)
{
	struct queue_task *task = arena_alloc(sc->arena, sizeof(*task));
	struct job_argument facts[FACT_COUNT];

	if (op == NULL || w->caller == NULL)
		return NULL;
	*task = (struct queue_task){ .job = w->job, .caller = w->caller };
	walk_facts(sc, w, facts);
	if (contract_accept_job(sc, op, w->job->args, facts, FACT_COUNT,
	    &task->input) != PROBLEM_NONE)
		return NULL;
	return task;
}

/* ---- Settling. ---- */

/* A fault of the database or of a deployment is no fault of the job. */
static bool
is_spared(const char *code)
{
	static const char *const prefixes[] = { "08", "57P", "25006", "26000",
		"53" };

	/* An HTTP status begins like a class of these. */
	for (size_t i = 0; i < countof(prefixes) && strlen(code) == 5; i++)
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

/* The kind's own steps, the last one for all that follow. */
static int64_t
step_ms(const struct job_kind *kind, unsigned attempt)
{
	size_t at = attempt > 0 ? attempt - 1 : 0;

	return kind->backoff_steps_ms[at < kind->backoff_step_count ? at :
	    kind->backoff_step_count - 1];
}

int64_t
walk_backoff_ms(struct thread *t, const struct queue_job *job)
{
	const struct job_kind *kind = job->kind;
	int64_t ms = kind->backoff_base_ms;
	unsigned attempt = job->attempt - job->attempts_before;
	unsigned i;

	for (i = 1; i < attempt && ms < kind->backoff_max_ms; i++)
		ms *= 2;
	if (ms > kind->backoff_max_ms)
		ms = kind->backoff_max_ms;
	if (kind->backoff_step_count > 0)
		ms = step_ms(kind, attempt);
	return ms * 4 / 5 + (int64_t)(random_of(t) % (uint64_t)(ms * 2 / 5 +
	    1));
}

/* What the service asked for, within reason. */
static int64_t
delay_ms(struct thread *t, const struct walk *w)
{
	int64_t own = walk_backoff_ms(t, w->job);
	int64_t most = own * HEED_SHARE > HEED_MS ? own * HEED_SHARE : HEED_MS;
	int64_t wanted = w->retry_after_ms < most ? w->retry_after_ms : most;

	return wanted > own ? wanted : own;
}

void
work_pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

struct queue_result
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
		work_pause_ms(RETRY_MS);
	}
}

/*
 * With the kind's last functions.  It is settled all the same when one of them
 * fails: then that one is left out, whichever it is.
 */
static struct queue_result
settle_with(struct thread *t, struct scope *sc, const struct walk *w,
    struct queue_settlement *s)
{
	const struct queue_task *failed = s->failed, *dead = s->dead;
	const struct queue_task *const turns[][2] = { { failed, dead },
		{ NULL, dead }, { failed, NULL }, { NULL, NULL } };
	struct queue_result result = { .ending = QUEUE_FAILED };

	for (size_t i = 0; i < countof(turns) &&
	    result.ending == QUEUE_FAILED; i++) {
		/* A turn that says what the one before it said is none. */
		if (i > 0 && turns[i][0] == s->failed && turns[i][1] == s->dead)
			continue;
		if (i > 0)
			log_event(LOG_ERROR, "job_dead_failed",
			    LOG_INT("job", w->job->id),
			    LOG_TEXT("kind", w->job->kind->name),
			    LOG_TEXT("code", result.code),
			    LOG_TEXT("cause", sc->cause));
		s->failed = turns[i][0];
		s->dead = turns[i][1];
		result = settle_at_last(t, sc, w->job, s);
	}
	if (result.enqueued)
		queue_wake(sc, t->store);
	if (result.ending == QUEUE_FENCED)
		metric_add("lockstep_job_fenced_writes_total", "", 1);
	return result;
}

static const char *
outcome_of(const struct queue_settlement *s)
{
	return s->reason != NULL ? "dead" : s->spared ? "deferred" : "retry";
}

void
walk_settle(struct thread *t, struct scope *sc, struct walk *w,
    uint64_t began_ns)
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
	s.delay_ms = delay_ms(t, w);
	if (!s.spared)
		s.failed = afterwards(sc, w, job->kind->failed);
	if (s.reason != NULL)
		s.dead = afterwards(sc, w, job->kind->dead);
	result = settle_with(t, sc, w, &s);
	walk_record(sc, w, ended(&result, outcome_of(&s)),
	    clock_now_ns() - began_ns);
}

void
walk_give_up(struct thread *t, struct scope *sc, struct walk *w,
    uint64_t began_ns)
{
	struct queue_settlement s = { .code = "", .message = "",
		.spared = true };
	struct queue_result result;

	w->reason = s.reason = w->job->crashed ? "crashed" : "exhausted";
	s.dead = afterwards(sc, w, w->job->kind->dead);
	result = settle_with(t, sc, w, &s);
	walk_record(sc, w, ended(&result, "dead"), clock_now_ns() - began_ns);
}

void
walk_defer(struct thread *t, struct scope *sc, struct walk *w,
    int64_t wait_ms, uint64_t began_ns)
{
	const struct queue_settlement s = { .code = "", .message = "",
		.spared = true, .delay_ms = wait_ms + (int64_t)(random_of(t) %
		(uint64_t)(wait_ms / 5 + 1)) };
	struct queue_result result = settle_at_last(t, sc, w->job, &s);

	walk_record(sc, w, ended(&result, "deferred"),
	    clock_now_ns() - began_ns);
}

/* ---- Recall and accept. ---- */

/* The first issue: where and which rule, never the value. */
const char *
walk_issue(struct scope *sc, const char *what, const char *none)
{
	if (sc->issue_count == 0)
		return sc->cause != NULL ? sc->cause : none;
	return arena_format(sc->arena, "%s: %s %s (%s)", what,
	    sc->issues[0].pointer, sc->issues[0].message,
	    sc->issues[0].keyword);
}

bool
walk_approach(struct thread *t, struct scope *sc, struct walk *w)
{
	const struct contract_about *about =
	    contract_about(t->crew->options->contract);
	const struct queue_job *job = w->job;
	const struct job_kind *kind = job->kind;

	w->took_ms = w->retry_after_ms = -1;
	if (auth_recall(sc, about->roles, about->role_count,
	    kind->role != NULL ? kind->role : job->role, job->claims,
	    &w->caller) != PROBLEM_NONE) {
		w->code = "forbidden";
		w->message = sc->cause;
	} else if (contract_accept_job(sc, &kind->call, job->args, NULL, 0,
	    &w->input) != PROBLEM_NONE) {
		w->code = "invalid";
		w->message = walk_issue(sc, "arguments", "the arguments are "
		    "no JSON");
	} else if (job->attempt <= job->attempts) {
		return true;
	}
	w->reason = "invalid";
	return false;
}
