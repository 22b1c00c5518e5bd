/* SPDX-License-Identifier: MIT */
/*
 * Whether all is well: what the contract declares is named to the database,
 * which looks at each of it, and what it finds becomes figures of this host.  A
 * kind, a queue, a webhook or a message that is new in the contract has its
 * checks and figures without a line here.
 *
 * Figures are told for a short time: when nobody looks they are gone, and what
 * says when somebody last did tells it.
 */
#include "work/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/metric.h"

enum {
	LEAST_MS = 900,		/* between two looks of any worker */
	KEPT_S = 15,
	BEAT_S = 10,		/* a worker beats each second */
	SCHEDULE_S = 60,
	FAILURES = 3,		/* of a service in a row; 5 open its breaker */
	LABELS_MAX = 512,
	JSON_MAX = 1 << 20,
};

/* Checks whose value is a figure of its own, in whole base units. */
static const struct {
	const char *check, *family, *label;	/* label NULL = it has none */
} figures[] = {
	{ "conservation_error", "lockstep_pipeline_conservation_error", NULL },
	{ "expectation_failed", "lockstep_expectation_failed",
	    "expectation" },
	{ "export_failed", "lockstep_exports_failed", "operation" },
	{ "job_dead", "lockstep_jobs_dead_new", "kind" },
	{ "message_failed", "lockstep_messages_failed", "type" },
	{ "replication_lag", "lockstep_replication_lag_seconds", "replica" },
	{ "rollup_lag", "lockstep_aggregate_lag_seconds", "rollup" },
	{ "snapshot_age", "lockstep_oldest_transaction_seconds", NULL },
	{ "webhook_age", "lockstep_webhook_oldest_age_seconds", "webhook" },
};

/* ---- What is declared. ---- */

static void
add_jobs(struct buf *b, const struct contract *contract)
{
	size_t count;
	const struct job_kind *kinds = contract_jobs(contract, &count);

	for (size_t i = 0; i < count; i++) {
		buf_format(b, "%s{\"kind\":\"%s\",\"queue\":\"%s\","
		    "\"schedule\":%s", i > 0 ? "," : "", kinds[i].name,
		    kinds[i].queue, kinds[i].schedule != NULL ? "true" :
		    "false");
		if (kinds[i].url != NULL)
			buf_format(b, ",\"service\":\"%s\"", kinds[i].url);
		buf_char(b, '}');
	}
}

static void
add_webhooks(struct buf *b, const struct contract *contract)
{
	size_t count;
	const struct webhook *w = contract_webhooks(contract, &count);

	for (size_t i = 0; i < count; i++)
		buf_format(b, "%s{\"webhook\":\"%s\",\"job\":\"%s\"}",
		    i > 0 ? "," : "", w[i].name, w[i].job);
}

static void
add_messages(struct buf *b, const struct contract *contract)
{
	size_t count;
	const struct message *m = contract_messages(contract, &count);

	for (size_t i = 0; i < count; i++)
		buf_format(b, "%s\"%s\"", i > 0 ? "," : "", m[i].name);
}

static void
add_exports(struct buf *b, const struct contract *contract)
{
	size_t count, n = 0;
	const struct operation *op = contract_operations(contract, &count);

	for (size_t i = 0; i < count; i++)
		if (op[i].export != NULL)
			buf_format(b, "%s\"%s\"", n++ > 0 ? "," : "",
			    op[i].name);
}

static void
add_rollups(struct buf *b, const struct contract *contract)
{
	size_t count;
	const struct rollup *all = contract_rollups(contract, &count);

	for (size_t i = 0; i < count; i++)
		buf_format(b, "%s\"%s\"", i > 0 ? "," : "", all[i].name);
}

static void
add_expectations(struct buf *b, const struct contract *contract)
{
	size_t count;
	const struct expectation *all = contract_expectations(contract, &count);

	for (size_t i = 0; i < count; i++)
		buf_format(b, "%s\"%s\"", i > 0 ? "," : "", all[i].name);
}

static const struct {
	const char *name;
	void (*add)(struct buf *b, const struct contract *contract);
} sorts[] = {
	{ "jobs", add_jobs },
	{ "webhooks", add_webhooks },
	{ "messages", add_messages },
	{ "exports", add_exports },
	{ "rollups", add_rollups },
	{ "expectations", add_expectations },
};

/* All of it, as JSON in the arena. */
static const char *
declared(struct arena *arena, const struct contract *contract)
{
	const char *ret;
	struct buf b;

	buf_init(&b, JSON_MAX);
	for (size_t i = 0; i < countof(sorts); i++) {
		buf_format(&b, "%s\"%s\":[", i > 0 ? "," : "{",
		    sorts[i].name);
		sorts[i].add(&b, contract);
		buf_char(&b, ']');
	}
	buf_char(&b, '}');
	ret = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return ret;
}

static const char *
marks_of(struct arena *arena, const struct work_marks *m)
{
	return arena_format(arena, "{\"beat_s\":%d,\"schedule_s\":%d,"
	    "\"failures\":%d,\"dead\":0,\"age_s\":%u,\"depth\":%u,"
	    "\"window_s\":%u,\"lag_s\":%u,\"snapshot_s\":%u,"
	    "\"replica_s\":%u,\"errors\":%u.%02u,\"latency_s\":%u.%03u}",
	    BEAT_S, SCHEDULE_S, FAILURES, m->age_s, m->depth, m->window_s,
	    m->lag_s, m->transaction_s, m->replica_s,
	    m->errors_percent / 100, m->errors_percent % 100,
	    m->latency_ms / 1000, m->latency_ms % 1000);
}

/* ---- What was found. ---- */

/* name="value", as Prometheus wants it. */
static void
label(struct buf *b, const char *name, const char *value)
{
	buf_format(b, "%s%s=\"", b->length > 0 ? "," : "", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_char(b, '\\');
		buf_char(b, *value == '\n' ? ' ' : *value);
	}
	buf_char(b, '"');
}

static void
tell_value(const struct queue_check *check)
{
	struct buf labels;
	size_t i = 0;

	while (i < countof(figures) &&
	    strcmp(figures[i].check, check->name) != 0)
		i++;
	if (i == countof(figures) || check->state == CHECK_UNKNOWN)
		return;
	buf_init(&labels, LABELS_MAX);
	buf_string(&labels, "");
	if (figures[i].label != NULL)
		label(&labels, figures[i].label, check->subject);
	metric_set_for(figures[i].family, labels.at,
	    (uint64_t)(check->value + 0.5), KEPT_S);
	buf_release(&labels);
}

static void
tell(const struct queue_check *check)
{
	struct buf labels;

	buf_init(&labels, LABELS_MAX);
	label(&labels, "check", check->name);
	label(&labels, "subject", check->subject);
	metric_set_for("lockstep_monitor_state", labels.at,
	    (uint64_t)check->state, KEPT_S);
	buf_release(&labels);
	tell_value(check);
	if (strcmp(check->name, "worker_beat") == 0 &&
	    check->state != CHECK_UNKNOWN)
		metric_set("lockstep_worker_beat_time_seconds", "",
		    (uint64_t)clock_unix_s() - (uint64_t)check->value);
}

enum problem
monitor_conserve(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	(void)crew;
	*more = false;
	return queue_conserve(sc, store);
}

enum problem
monitor_look(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	const struct work_options *o = crew->options;
	const struct queue_check *checks;
	size_t count;
	enum problem p;

	*more = false;
	p = queue_monitor(sc, store, declared(sc->arena, o->contract),
	    marks_of(sc->arena, &o->marks), LEAST_MS, &checks, &count);
	if (p != PROBLEM_NONE)
		return p;
	metric_set("lockstep_monitor_time_seconds", "",
	    (uint64_t)clock_unix_s());
	for (size_t i = 0; i < count; i++)
		tell(&checks[i]);
	return PROBLEM_NONE;
}
