/* SPDX-License-Identifier: MIT */
/*
 * The corridor on one page: route, identify, limit, accept, run, envelope.  Each
 * stage takes the values of the ones before, const, and makes one new value;
 * the first problem ends the walk, and one place turns it into an answer, a
 * line in the log and figures.
 */
#include "serve/internal.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum { LABELS_MAX = 512 };	/* metric.c leaves out what it cannot hold */

static const char *const stage_name[STAGE_COUNT] = {
	[STAGE_ROUTE] = "route",
	[STAGE_IDENTIFY] = "identify",
	[STAGE_LIMIT] = "limit",
	[STAGE_ACCEPT] = "accept",
	[STAGE_RUN] = "run",
};

enum problem
visit_mark(struct visit *visit, enum stage stage, enum problem p)
{
	uint64_t now = clock_now_ns();

	visit->stage_ns[stage] = now - visit->marked_ns;
	visit->marked_ns = now;
	return p;
}

/* Only a body of records may be longer than others. */
static bool
body_fits(const struct visit *visit, const struct request *rq)
{
	return rq->body_length <= visit->options->front.body_limit_bytes ||
	    contract_is_bulk(visit->match.operation, rq);
}

/* The caller's quota, and the room in the queue that the request feeds. */
static enum problem
limit(struct visit *visit, struct scope *sc, const struct request *rq)
{
	const struct serve_options *o = visit->options;
	const struct operation *op = visit->match.operation;
	enum problem p;

	p = limit_judge(o->limits, sc, op, visit->caller, rq, &visit->quota);
	if (p != PROBLEM_NONE || op->pressure == NULL)
		return p;
	return pressure_judge(o->load, sc, op->pressure);
}

/* Without a spool nobody would write the file, or have it. */
static bool
has_spool(const struct visit *visit, struct scope *sc)
{
	const struct operation *op = visit->match.operation;

	if (visit->options->exports || (op->export == NULL &&
	    op->told_as != TOLD_FILE))
		return true;
	(void)scope_fail(sc, PROBLEM_UNAVAILABLE, "export_dir is not set");
	return false;
}

static enum problem
walk(struct visit *visit, struct scope *sc, struct store *store,
    const struct request *rq)
{
	const struct serve_options *o = visit->options;
	enum problem p;

	p = contract_route(o->contract, sc, rq, &visit->match);
	if (visit_mark(visit, STAGE_ROUTE, p) != PROBLEM_NONE)
		return p;
	if (visit->match.operation->webhook != NULL)
		return webhook_walk(visit, sc, store, rq);
	p = auth_identify(o->auth, sc, rq, &visit->caller);
	if (visit_mark(visit, STAGE_IDENTIFY, p) != PROBLEM_NONE)
		return p;
	p = has_spool(visit, sc) ? limit(visit, sc, rq) : PROBLEM_UNAVAILABLE;
	if (visit_mark(visit, STAGE_LIMIT, p) != PROBLEM_NONE)
		return p;
	p = body_fits(visit, rq) ? contract_accept(o->contract, sc,
	    &visit->match, rq, visit->caller, &o->accept, &visit->input) :
	    PROBLEM_BODY_TOO_LARGE;
	if (visit_mark(visit, STAGE_ACCEPT, p) != PROBLEM_NONE)
		return p;
	p = store_run(sc, store, visit->caller, visit->input,
	    &visit->outcome);
	if (p == PROBLEM_NONE && input_plan(visit->input)->bulk != NULL)
		p = bulk_settle(visit, sc);
	return visit_mark(visit, STAGE_RUN, p);
}

/* What is left of the quota (draft-ietf-httpapi-ratelimit-headers). */
static void
tell_quota(const struct visit *visit, struct reply *rp)
{
	const struct quota *q = &visit->quota;

	if (q->rate == NULL)
		return;
	buf_format(reply_value(rp, "RateLimit-Policy"), "\"%s\";q=%u;w=%u",
	    q->rate->name, q->rate->count, q->rate->period_s);
	reply_value_end(rp);
	buf_format(reply_value(rp, "RateLimit"), "\"%s\";r=%u;t=%u",
	    q->rate->name, q->remaining, q->reset_s);
	reply_value_end(rp);
}

/* The last digit of n. */
static char
digit(uint64_t n)
{
	return (char)('0' + n % 10);
}

/* Server-Timing (W3C): the stages in milliseconds, without floating point. */
static void
tell_timing(const struct visit *visit, struct reply *rp)
{
	struct buf *b = reply_value(rp, "Server-Timing");

	for (size_t i = 0; i < STAGE_COUNT; i++) {
		uint64_t us = visit->stage_ns[i] / 1000;
		char part[4] = { '.', digit(us / 100), digit(us / 10),
			digit(us) };

		if (i > 0)
			buf_add(b, ", ", 2);
		buf_string(b, stage_name[i]);
		buf_string(b, ";dur=");
		buf_int(b, (int64_t)(us / 1000));
		buf_add(b, part, sizeof(part));
	}
	reply_value_end(rp);
}

static const char *
code_of(enum problem p, const struct scope *sc)
{
	if (p == PROBLEM_NONE)
		return NULL;
	if (p == PROBLEM_DECLARED)
		return sc->declared_code;
	return problem_kind(p)->code;
}

static void
count(const struct visit *visit, const struct request *rq, enum problem p,
    const struct scope *sc, int status, uint64_t ns)
{
	const struct operation *op = visit->match.operation;
	struct buf labels;

	buf_init(&labels, LABELS_MAX);
	buf_string(&labels, "method=\"");
	buf_string(&labels, method_name(rq->method));
	buf_string(&labels, "\",route=\"");
	buf_string(&labels, op != NULL ? op->pattern : "none");
	buf_char(&labels, '"');
	metric_observe("lockstep_request_seconds", labels.at, ns);
	buf_string(&labels, ",status=\"");
	buf_int(&labels, status);
	buf_char(&labels, '"');
	metric_add("lockstep_requests_total", labels.at, 1);
	if (p != PROBLEM_NONE) {
		buf_clear(&labels);
		buf_format(&labels, "code=\"%s\"", code_of(p, sc));
		metric_add("lockstep_problems_total", labels.at, 1);
	}
	buf_release(&labels);
}

/*
 * One line a request.  The route is the pattern and never the path, which
 * may hold a key; the cause is ours alone.
 */
static void
record(const struct visit *visit, const struct scope *sc,
    const struct request *rq, enum problem p, const struct reply *rp)
{
	const struct operation *op = visit->match.operation;
	const uint64_t *stage = visit->stage_ns;
	uint64_t ns = clock_now_ns() - rq->began_ns;

	count(visit, rq, p, sc, rp->status, ns);
	log_event(rp->status >= 500 ? LOG_ERROR : LOG_INFO, "request",
	    LOG_TEXT("request_id", sc->request_id),
	    LOG_TEXT("traceparent",
		sc->traceparent[0] != '\0' ? sc->traceparent : NULL),
	    LOG_TEXT("method", method_name(rq->method)),
	    LOG_TEXT("route", op != NULL ? op->pattern : NULL),
	    LOG_TEXT("operation", op != NULL ? op->name : NULL),
	    LOG_INT("status", rp->status), LOG_TEXT("problem", code_of(p, sc)),
	    LOG_TEXT("cause", sc->cause),
	    LOG_TEXT("role",
		visit->caller != NULL ? caller_role(visit->caller) : NULL),
	    LOG_INT("bytes_in", (int64_t)rq->body_length),
	    LOG_INT("bytes_out",
		rp->bodiless ? 0 : (int64_t)rp->body.length),
	    LOG_MS("route_ms", stage[STAGE_ROUTE]),
	    LOG_MS("identify_ms", stage[STAGE_IDENTIFY]),
	    LOG_MS("limit_ms", stage[STAGE_LIMIT]),
	    LOG_MS("accept_ms", stage[STAGE_ACCEPT]),
	    LOG_MS("run_ms", stage[STAGE_RUN]), LOG_MS("total_ms", ns));
}

void
serve_request(void *context, void *state, struct scope *sc,
    const struct request *rq, enum problem parsed, struct reply *rp)
{
	struct visit visit = { .options = context };
	enum problem p = parsed;

	visit.marked_ns = clock_now_ns();
	if (p == PROBLEM_NONE && rq->ops) {
		if (health_answer(sc, state, rq, rp))
			return;
		p = PROBLEM_NOT_FOUND;
	} else if (p == PROBLEM_NONE && rq->method == METHOD_OPTIONS) {
		p = envelope_options(&visit, sc, rq, rp);
	} else if (p == PROBLEM_NONE) {
		p = walk(&visit, sc, state, rq);
	}
	if (p == PROBLEM_NONE && visit.match.operation != NULL &&
	    visit.match.operation->told_as == TOLD_EVENTS)
		p = streams_begin(&visit, sc, rq, rp);
	if (p != PROBLEM_NONE)
		envelope_problem(p, sc, rq, rp);
	else if (rq->method != METHOD_OPTIONS)
		envelope_success(&visit, sc, rq, rp);
	if (p == PROBLEM_ALL_REJECTED && visit.outcome.replayed)
		reply_header(rp, "Idempotency-Replayed", "true");
	if (rp->body.failed) {
		p = scope_fail(sc, PROBLEM_INTERNAL, "reply too large");
		reply_clear(rp);
		envelope_problem(p, sc, rq, rp);
	}
	envelope_finish(&visit, sc, rq, rp);
	tell_quota(&visit, rp);
	tell_timing(&visit, rp);
	record(&visit, sc, rq, p, rp);
}

void
serve_overload(void *context, struct scope *sc, const struct request *rq,
    struct reply *rp)
{
	struct visit visit = { .options = context };
	enum problem p;

	p = scope_fail(sc, PROBLEM_UNAVAILABLE, "no thread is free");
	metric_add("lockstep_rejected_total", "", 1);
	envelope_problem(p, sc, rq, rp);
	envelope_finish(&visit, sc, rq, rp);
	record(&visit, sc, rq, p, rp);
}
