/* SPDX-License-Identifier: MIT */
/*
 * The corridor of a job that calls a service: claim, recall, accept, prepare,
 * call, judge, run, settle.  It is leased, and each of its transactions is
 * fenced by the lease: prepare, which may say that it has begun; then none, while
 * the service is waited for, which is as long as that takes; then the effects of
 * what it said, with the end of the job.  Who dies in between leaves a job that
 * is run again, and a service that is asked again with the same key.
 *
 * The threads are many, as each waits for one service; they have no connection
 * of their own.
 */
#include "work/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"

enum {
	MARGIN_MS = 1000,	/* past a statement's time, for the answer */
	TEXT_MAX = 20000,	/* bytes of a reply, as an argument */
	RETRY_MS = 50,		/* pause of a thread without a database */
	DAY_S = 86400,
	LABELS_MAX = 256,
};

/* A job's call, while it is made. */
struct calling {
	struct thread *t;
	struct scope *sc;
	struct walk *walk;
	const char *destination;
	struct job_request said;
	struct queue_readiness ready;
	struct peer_reply reply;
};

static struct scope *
scope_begin(struct thread *t)
{
	struct scope *sc = &t->scope[0];

	arena_reset(t->arena[0]);
	scope_init(sc, t->arena[0]);
	return sc;
}

/* ---- A connection, for a moment. ---- */

static void
borrow(struct thread *t)
{
	t->store = desk_borrow(t->crew->desk);
}

static void
give_back(struct thread *t)
{
	desk_give_back(t->crew->desk, t->store);
	t->store = NULL;
}

/* The lease is over, whatever comes now. */
static void
let_go(struct thread *t)
{
	crew_released(t->crew, t->number, t->claimed.jobs, t->claimed.count);
	t->claimed.count = 0;
}

static void
settle(struct calling *c, uint64_t began_ns)
{
	borrow(c->t);
	walk_settle(c->t, c->sc, c->walk, began_ns);
	give_back(c->t);
}

static void
defer(struct calling *c, int64_t wait_ms, uint64_t began_ns)
{
	borrow(c->t);
	walk_defer(c->t, c->sc, c->walk, wait_ms, began_ns);
	give_back(c->t);
}

/* How the call went; HEALTH_NONE: nobody knows, or there was none. */
static void
note_health(struct calling *c, enum health health)
{
	const struct queue_readiness *ready = &c->ready;
	bool told = health == HEALTH_NONE ? ready->probe :
	    health == HEALTH_ILL || ready->doubtful;

	if (told)
		borrow(c->t);
	health_note(c->t, c->sc, c->walk, c->destination, ready, health);
	if (told)
		give_back(c->t);
}

/* ---- Preparing. ---- */

/* In a transaction of its own.  `input` NULL: only the breaker is asked. */
static void
ask(struct calling *c, const struct input *input)
{
	const struct queue_task task = { c->walk->job, c->walk->caller,
		input };

	c->sc->deadline_ns = 0;
	borrow(c->t);
	c->ready = queue_prepare(c->sc, c->t->store, &task, c->destination);
	if (c->ready.enqueued)
		queue_wake(c->sc, c->t->store);
	if (c->ready.ending == QUEUE_SHUT)
		health_shut(c->t, c->sc, c->walk, c->ready.wait_ms);
	give_back(c->t);
}

/* What came of asking, when the call is not to be made; true = it is. */
static bool
may_go_on(struct calling *c, uint64_t began_ns)
{
	switch (c->ready.ending) {
	case QUEUE_DONE:
		return true;
	case QUEUE_SHUT:
		c->walk->code = "deferred";
		c->walk->message = "the service is not called for now";
		defer(c, c->ready.wait_ms, began_ns);
		return false;
	case QUEUE_FENCED:
		metric_add("lockstep_job_fenced_writes_total", "", 1);
		walk_record(c->sc, c->walk, "fenced", clock_now_ns() -
		    began_ns);
		return false;
	case QUEUE_FAILED:
	case QUEUE_LOST:
		break;
	}
	c->walk->code = c->ready.code;
	settle(c, began_ns);
	return false;
}

static bool
refuse(struct calling *c, uint64_t began_ns)
{
	c->walk->code = "invalid_request";
	c->walk->reason = "permanent";
	settle(c, began_ns);
	return false;
}

/* To where the job itself says: when it may have one more call. */
static bool
may_enter(struct calling *c, uint64_t began_ns)
{
	int64_t wait_ms;

	c->destination = c->said.destination;
	if (lane_enter(c->t, c->walk->job->kind, c->destination, &wait_ms))
		return true;
	c->walk->code = "deferred";
	c->walk->message = "the destination is slow and has its share of calls";
	defer(c, wait_ms, began_ns);
	return false;
}

/* false: it is settled. */
static bool
prepare(struct calling *c, uint64_t began_ns)
{
	const struct job_kind *kind = c->walk->job->kind;
	const struct input *input = NULL;
	struct job_argument facts[FACT_COUNT];

	walk_facts(c->sc, c->walk, facts);
	if (kind->prepare != NULL && contract_accept_job(c->sc, kind->prepare,
	    c->walk->job->args, facts, FACT_COUNT, &input) != PROBLEM_NONE)
		return refuse(c, began_ns);
	c->destination = kind->url;
	ask(c, input);
	if (!may_go_on(c, began_ns))
		return false;
	c->said = (struct job_request){ .body = c->walk->job->args,
		.body_length = strlen(c->walk->job->args), .json = true };
	if (kind->prepare != NULL && contract_job_request(c->sc, kind,
	    c->ready.said != NULL ? c->ready.said : "", &c->said) !=
	    PROBLEM_NONE) {
		note_health(c, HEALTH_NONE);
		return refuse(c, began_ns);
	}
	if (kind->url != NULL || c->said.skip)
		return true;
	if (!may_enter(c, began_ns))
		return false;
	ask(c, NULL);
	return may_go_on(c, began_ns);
}

/* ---- Calling. ---- */

static void
measure(const struct calling *c)
{
	const struct peer_reply *r = &c->reply;
	char labels[LABELS_MAX], status[8];

	snprintf(status, sizeof(status), "%u", r->status);
	snprintf(labels, sizeof(labels), "kind=\"%s\",result=\"%s\"",
	    c->walk->job->kind->name, r->ending == PEER_ANSWERED ? status :
	    peer_ending_name(r->ending));
	metric_add("lockstep_service_calls_total", labels, 1);
	snprintf(labels, sizeof(labels), "kind=\"%s\"",
	    c->walk->job->kind->name);
	metric_observe("lockstep_service_call_seconds", labels, r->took_ns);
}

/* The beginning of a text, as Postgres takes it: UTF-8 without a NUL. */
static const char *
beginning(struct scope *sc, const char *body, size_t length)
{
	size_t most = length < TEXT_MAX ? length : TEXT_MAX;
	size_t span = strnlen(body, most);

	return arena_copy(sc->arena, body, text_utf8_span(body, span));
}

/* false: no request could be made. */
static bool
exchange(struct calling *c, struct peer *peer)
{
	struct thread *t = c->t;
	struct walk *w = c->walk;
	struct peer_call call;

	if (!request_make(c->sc, w, t->crew->options, &c->said, &call))
		return false;
	call.stop = &t->crew->abandon[t->number - t->crew->options->threads];
	c->reply = peer_exchange(peer, c->sc->arena, &call);
	lane_leave(t, c->reply.ending != PEER_STOPPED ? c->reply.took_ns : 0);
	w->status = c->reply.status;
	w->took_ms = (int64_t)(c->reply.took_ns / 1000000);
	if (c->reply.retry_after_s >= 0)
		w->retry_after_ms = c->reply.retry_after_s > DAY_S ?
		    DAY_S * 1000 : c->reply.retry_after_s * 1000;
	if (c->reply.status != 0)
		w->reply = beginning(c->sc, c->reply.body,
		    c->reply.body_length);
	measure(c);
	return true;
}

/* ---- Judging. ---- */

/* Is it the service that is not well, and not what it was asked? */
static enum health
health_of(const struct peer_reply *r)
{
	switch (r->ending) {
	case PEER_ANSWERED:
		return r->status >= 500 || r->status == 429 ||
		    r->status == 408 ? HEALTH_ILL : HEALTH_WELL;
	case PEER_UNREACHABLE:
	case PEER_TIMEOUT:
	case PEER_BROKEN:
		return HEALTH_ILL;
	case PEER_REFUSED:
	case PEER_STOPPED:
		break;
	}
	return HEALTH_NONE;
}

/* Would the same request be answered the same way? */
static bool
is_permanent(const struct job_kind *kind, unsigned status, const char *code)
{
	const struct job_error *said = contract_job_error(kind, code);

	if (said != NULL)
		return said->permanent;
	return status >= 400 && status < 500 && status != 408 &&
	    status != 425 && status != 429;
}

static void
judge_status(struct calling *c)
{
	struct walk *w = c->walk;

	w->code = arena_format(c->sc->arena, "%u", w->status);
	w->message = "the service said so";
	if (is_permanent(w->job->kind, w->status, w->code))
		w->reason = "permanent";
}

/* A reply that is none, or not as the contract says. */
static void
judge_reply(struct calling *c)
{
	const struct job_kind *kind = c->walk->job->kind;

	if (c->reply.cut && kind->url != NULL) {
		c->walk->code = "invalid_reply";
		c->walk->message = "the reply is too large";
	} else if (contract_job_reply(c->sc, kind, c->reply.body,
	    c->reply.body_length, &c->walk->result) != PROBLEM_NONE) {
		c->walk->code = "invalid_reply";
		c->walk->message = walk_issue(c->sc, "reply", "the reply is "
		    "no JSON");
	}
}

/* The walk has a code, unless all is well. */
static void
judge(struct calling *c)
{
	struct walk *w = c->walk;

	if (c->reply.ending != PEER_ANSWERED) {
		w->code = peer_ending_name(c->reply.ending);
		w->message = c->reply.cause;
	} else if (w->status < 200 || w->status > 299) {
		judge_status(c);
	} else {
		judge_reply(c);
	}
}

/* ---- Running. ---- */

/* Once there is a connection: what the service said is not given up for one. */
static struct queue_result
run_at_last(struct calling *c, const struct queue_task *task)
{
	const struct work_options *o = c->t->crew->options;
	struct queue_result result;

	for (;;) {
		c->sc->deadline_ns = clock_now_ns() +
		    (o->store.statement_timeout_ms + MARGIN_MS) * 1000000ull;
		result = queue_run(c->sc, c->t->store, task, 1, NULL);
		if (result.ending != QUEUE_LOST ||
		    strcmp(result.code, "08001") != 0 ||
		    crew_is_stopping(c->t->crew))
			return result;
		work_pause_ms(RETRY_MS);
	}
}

/* The effects and the end of the job; without an input the end alone. */
static void
run(struct calling *c, const struct input *input, uint64_t began_ns)
{
	struct queue_task task = { c->walk->job, c->walk->caller, input };
	struct queue_result result;

	borrow(c->t);
	result = run_at_last(c, &task);
	if (result.ending == QUEUE_DONE || result.ending == QUEUE_FENCED)
		let_go(c->t);
	if (result.enqueued)
		queue_wake(c->sc, c->t->store);
	give_back(c->t);
	if (result.enqueued)
		crew_ring(c->t->crew, 1);
	if (result.ending == QUEUE_FENCED)
		metric_add("lockstep_job_fenced_writes_total", "", 1);
	if (result.ending == QUEUE_DONE || result.ending == QUEUE_FENCED) {
		walk_record(c->sc, c->walk, result.ending == QUEUE_DONE ?
		    "done" : "fenced", clock_now_ns() - began_ns);
		return;
	}
	c->walk->code = arena_string(c->sc->arena, result.code);
	settle(c, began_ns);
}

static void
conclude(struct calling *c, uint64_t began_ns)
{
	struct walk *w = c->walk;
	struct job_argument facts[FACT_COUNT];
	const struct input *input;

	if (c->reply.ending == PEER_STOPPED) {
		defer(c, 0, began_ns);
		return;
	}
	if (w->code != NULL) {
		settle(c, began_ns);
		return;
	}
	walk_facts(c->sc, w, facts);
	if (contract_accept_job(c->sc, &w->job->kind->call, w->job->args,
	    facts, FACT_COUNT, &input) != PROBLEM_NONE) {
		(void)refuse(c, began_ns);
		return;
	}
	run(c, input, began_ns);
}

/* ---- The whole way. ---- */

/* It cannot be run, or not once more. */
static void
turn_away(struct calling *c, uint64_t began_ns)
{
	borrow(c->t);
	if (c->walk->input != NULL)
		walk_give_up(c->t, c->sc, c->walk, began_ns);
	else
		walk_settle(c->t, c->sc, c->walk, began_ns);
	give_back(c->t);
}

static void
walk(struct thread *t, struct peer *peer)
{
	struct scope *sc = &t->scope[0];
	struct walk w = { .job = &t->claimed.jobs[0] };
	struct calling c = { .t = t, .sc = sc, .walk = &w };
	uint64_t began_ns = clock_now_ns();

	if (w.job->request_id != NULL)
		snprintf(sc->request_id, sizeof(sc->request_id), "%s",
		    w.job->request_id);
	if (!walk_approach(t, sc, &w)) {
		turn_away(&c, began_ns);
		return;
	}
	if (w.job->kind->type == JOB_EXPORT) {
		export_walk(t, sc, &w, began_ns);
		return;
	}
	if (!prepare(&c, began_ns))
		return;
	if (c.said.skip) {
		note_health(&c, HEALTH_NONE);
		run(&c, NULL, began_ns);
		return;
	}
	if (!exchange(&c, peer)) {
		note_health(&c, HEALTH_NONE);
		(void)refuse(&c, began_ns);
		return;
	}
	judge(&c);
	note_health(&c, health_of(&c.reply));
	conclude(&c, began_ns);
}

/* ---- A life. ---- */

/* false: there is nothing, or nobody to ask. */
static bool
claim(struct thread *t, bool all)
{
	struct scope *sc = scope_begin(t);

	t->claimed = (struct queue_claimed){ NULL, 0, false };
	atomic_store(&t->crew->abandon[t->number -
	    t->crew->options->threads], false);
	if (crew_wish(t->crew, sc->arena, SIDE_CALLS, NULL, all, &t->wishes)) {
		borrow(t);
		if (queue_claim(sc, t->store, &t->wishes.claim, &t->claimed) !=
		    PROBLEM_NONE)
			log_event(LOG_WARN, "claim",
			    LOG_TEXT("cause", sc->cause));
		give_back(t);
	}
	crew_claimed(t->crew, t->number, &t->wishes, &t->claimed);
	return t->claimed.count > 0;
}

static void
live(struct thread *t, struct peer *peer)
{
	bool drain = t->crew->options->drain;

	while (!crew_is_stopping(t->crew)) {
		if (claim(t, false) || (drain && claim(t, true))) {
			/* Where there is one there may be another. */
			crew_ring_side(t->crew, SIDE_CALLS, 1);
			walk(t, peer);
			lane_leave(t, 0);
			let_go(t);
		} else if (drain || !crew_wait(t->crew, SIDE_CALLS)) {
			break;
		}
	}
}

void *
call_thread(void *arg)
{
	const struct hand *hand = arg;
	struct thread t = { .crew = hand->crew, .number = hand->thread,
		.arena = { arena_new(), arena_new() },
		.seed = (clock_now_ns() + hand->thread * 7919) | 1 };
	struct peer *peer = peer_new(t.crew->options->ranges);

	live(&t, peer);
	peer_free(peer);
	arena_free(t.arena[0]);
	arena_free(t.arena[1]);
	crew_left(t.crew, SIDE_CALLS);
	return NULL;
}
