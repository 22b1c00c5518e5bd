/* SPDX-License-Identifier: MIT */
/*
 * The corridor of an event: its signature takes the token's place, then it goes
 * the way of every request: caller, limit, input, outcome.  Nothing is told
 * before the commit, and a commit whose word was lost is asked for again, which
 * is safe, as an event is taken once.
 *
 * What has no valid signature learns that and no more, whatever was missing,
 * wrong or late; which it was goes to the log and the figures.  Only what was
 * signed and still refused is kept: nobody else can fill a table with it.
 */
#include "serve/internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum { LABELS_MAX = 160 };

/* Outcomes of the figures that are no verdict on a signature. */
static const char accepted[] = "accepted", conflict[] = "conflict",
    duplicate[] = "duplicate", failed[] = "failed", invalid[] = "invalid",
    keyless[] = "keyless", pressed[] = "pressed";

static void
add(const struct webhook *w, const char *outcome, uint64_t n)
{
	struct buf labels;

	buf_init(&labels, LABELS_MAX);
	buf_format(&labels, "source=\"%s\",outcome=\"%s\"", w->name, outcome);
	metric_add("lockstep_webhooks_total", labels.at, n);
	buf_release(&labels);
}

static void
count(const struct webhook *w, const char *outcome)
{
	add(w, outcome, 1);
}

void
webhook_declare(const struct contract *contract)
{
	static const char *const outcomes[] = { accepted, conflict, duplicate,
		failed, invalid, keyless, pressed };
	size_t webhooks;
	const struct webhook *w = contract_webhooks(contract, &webhooks);

	for (size_t i = 0; i < webhooks; i++) {
		for (size_t j = 0; j < countof(outcomes); j++)
			add(&w[i], outcomes[j], 0);
		for (int v = HOOK_UNSIGNED; v <= HOOK_STALE; v++)
			add(&w[i], hook_verdict_name((enum hook_verdict)v), 0);
	}
}

/* The three headers of Standard Webhooks, by their first name or by Svix's. */
static bool
standard_headers(struct scope *sc, const struct request *rq,
    struct hook_message *m)
{
	static const char *const names[][3] = {
		{ "webhook-signature", "webhook-id", "webhook-timestamp" },
		{ "svix-signature", "svix-id", "svix-timestamp" },
	};

	for (size_t i = 0; i < countof(names) && m->signature == NULL; i++)
		if (!http_header(sc, rq, names[i][0], &m->signature) ||
		    !http_header(sc, rq, names[i][1], &m->id) ||
		    !http_header(sc, rq, names[i][2], &m->time))
			return false;
	return true;
}

static enum hook_verdict
verdict_of(struct scope *sc, const struct webhook *w,
    const struct hook_keys *keys, const struct request *rq, const char **ret_id)
{
	struct hook_message m = { .body = rq->body,
		.body_length = rq->body_length };
	enum hook_verdict verdict;

	if (!(w->header == NULL ? standard_headers(sc, rq, &m) :
		http_header(sc, rq, w->header, &m.signature)))
		return HOOK_MALFORMED;
	verdict = hook_verify(&w->scheme, keys, sc->arena, &m, clock_unix_s());
	if (verdict == HOOK_GOOD)
		*ret_id = m.id;
	return verdict;
}

/* Who sent it?  *ret_id is the id that was signed, or NULL. */
static enum problem
verify(struct visit *visit, struct scope *sc, const struct request *rq,
    const char **ret_id)
{
	const struct serve_options *o = visit->options;
	const struct webhook *w = visit->match.operation->webhook;
	const struct hook_keys *keys = keyring_find(o->keyring, w);
	const struct contract_about *about = contract_about(o->contract);
	enum hook_verdict verdict;

	*ret_id = NULL;
	if (w->limit_bytes > 0 && rq->body_length > w->limit_bytes)
		return PROBLEM_BODY_TOO_LARGE;
	if (keys == NULL || !hook_keys_live(keys, clock_unix_s())) {
		count(w, keyless);
		return scope_fail(sc, PROBLEM_UNAVAILABLE,
		    "the source has no secret that holds");
	}
	verdict = verdict_of(sc, w, keys, rq, ret_id);
	if (verdict != HOOK_GOOD) {
		count(w, hook_verdict_name(verdict));
		return scope_fail(sc, PROBLEM_SIGNATURE_INVALID,
		    "the signature is %s", hook_verdict_name(verdict));
	}
	return auth_recall(sc, about->roles, about->role_count, w->role,
	    arena_format(sc->arena, "{\"role\":\"%s\",\"sub\":\"webhook:%s\"}",
	    w->role, w->name), &visit->caller);
}

/* Keeps what was refused; if that fails, too, the log has it. */
static void
keep(struct visit *visit, struct scope *sc, struct store *store,
    const struct request *rq, const char *id, enum problem why)
{
	const struct webhook *w = visit->match.operation->webhook;
	const struct input *input = contract_refuse_event(sc, w, rq, id, why);
	const char *cause = sc->cause;
	unsigned issues = sc->issue_count;
	struct outcome outcome;

	sc->cause = NULL;
	if (store_run(sc, store, visit->caller, input, &outcome) !=
	    PROBLEM_NONE)
		log_event(LOG_WARN, "webhook_refusal_lost",
		    LOG_TEXT("request_id", sc->request_id),
		    LOG_TEXT("source", w->name), LOG_TEXT("cause", sc->cause));
	sc->cause = cause;
	scope_issues_rewind(sc, issues);
}

/* What the database made of it; the texts are those that it is told in. */
static const struct {
	const char *data, *outcome;
	int status;
} states[] = {
	{ "{\"state\":\"accepted\"}", accepted, 202 },
	{ "{\"state\":\"duplicate\"}", duplicate, 200 },
	{ "{\"state\":\"conflict\"}", conflict, 409 },
};

static enum problem
settle(struct visit *visit, struct scope *sc)
{
	const struct webhook *w = visit->match.operation->webhook;
	const struct outcome *out = &visit->outcome;
	size_t i = 0;

	while (i < countof(states) &&
	    (strlen(states[i].data) != out->data_length ||
	    memcmp(states[i].data, out->data, out->data_length) != 0))
		i++;
	if (i == countof(states))
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "lockstep.receive() gave no state that is known");
	count(w, states[i].outcome);
	visit->status = states[i].status;
	if (states[i].outcome != conflict)
		return PROBLEM_NONE;
	log_event(LOG_ERROR, "webhook_conflict",
	    LOG_TEXT("request_id", sc->request_id),
	    LOG_TEXT("source", w->name));
	return scope_fail(sc, PROBLEM_EVENT_CONFLICT,
	    "the event's id was taken with another body");
}

static enum problem
limit(struct visit *visit, struct scope *sc, const struct request *rq)
{
	const struct serve_options *o = visit->options;
	const struct webhook *w = visit->match.operation->webhook;
	enum problem p;

	p = limit_judge(o->limits, sc, visit->match.operation, visit->caller,
	    rq, &visit->quota);
	if (p != PROBLEM_NONE)
		return p;
	p = pressure_judge(o->load, sc, contract_job(o->contract,
	    w->job)->queue);
	if (p != PROBLEM_NONE)
		count(w, pressed);
	return p;
}

enum problem
webhook_walk(struct visit *visit, struct scope *sc, struct store *store,
    const struct request *rq)
{
	const struct webhook *w = visit->match.operation->webhook;
	const char *id;
	enum problem p;

	p = verify(visit, sc, rq, &id);
	if (visit_mark(visit, STAGE_IDENTIFY, p) != PROBLEM_NONE)
		return p;
	p = limit(visit, sc, rq);
	if (visit_mark(visit, STAGE_LIMIT, p) != PROBLEM_NONE)
		return p;
	p = contract_accept_event(sc, w, rq, id, &visit->input);
	(void)visit_mark(visit, STAGE_ACCEPT, p);
	if (p != PROBLEM_NONE) {
		count(w, invalid);
		keep(visit, sc, store, rq, id, p);
		return p;
	}
	p = store_run(sc, store, visit->caller, visit->input,
	    &visit->outcome);
	if (visit_mark(visit, STAGE_RUN, p) != PROBLEM_NONE) {
		count(w, failed);
		return p;
	}
	return settle(visit, sc);
}
