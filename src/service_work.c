/* SPDX-License-Identifier: MIT */
/*
 * The worker as its settings want it, made when it begins and anew at each
 * reload, as service.c makes the server.
 */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "call.h"
#include "work/work.h"

/* What the command was given. */
struct beginning {
	const struct config *config;
	char *const *words;
	int count;
	const char *const *queues;
	size_t queue_count;
	bool drain;
};

/* What work_run() is given, and what it hangs on. */
struct job_service {
	struct work_options options;	/* first, so that it is found again */
	struct arena *arena;
	struct config config;
	struct contract *contract;
	struct services *services;
	struct peer_ranges *ranges;
};

static void
drop(void *context, struct work_options *options)
{
	struct job_service *s = (struct job_service *)options;

	(void)context;
	services_free(s->services);
	peer_ranges_free(s->ranges);
	contract_free(s->contract);
	arena_free(s->arena);
	free(s);
}

/* Reads the settings as the command did, from the same words. */
static bool
settings_read(struct job_service *s, const struct beginning *from,
    struct buf *faults)
{
	struct flag flags[] = {
		{ "queue", "QUEUE", "", NULL, NULL, 0 },
		{ "drain", NULL, "", NULL, NULL, 0 },
	};
	size_t size = ((size_t)from->count + 1) * sizeof(char *);
	char **argv = arena_alloc(s->arena, size);
	int argc = from->count;
	bool help = false, well;
	struct buf fault;

	memcpy(argv, from->words, (size_t)argc * sizeof(char *));
	buf_init(&fault, 4096);
	well = config_read(&s->config, s->arena, &argc, argv, flags,
	    countof(flags), &help, &fault);
	if (!well)
		buf_format(faults, "lockstep: %s\n", fault.length > 0 ?
		    fault.at : "bad settings");
	buf_release(&fault);
	return well && service_stays(&s->config, from->config, faults);
}

/* Does some job go into each queue that was named? */
static bool
queues_known(const struct job_service *s, const struct beginning *from,
    struct buf *faults)
{
	size_t count, i, j;
	const struct job_kind *kinds = contract_jobs(s->contract, &count);

	for (i = 0; i < from->queue_count; i++) {
		for (j = 0; j < count; j++)
			if (strcmp(kinds[j].queue, from->queues[i]) == 0)
				break;
		if (j == count) {
			buf_format(faults, "lockstep: no job of the contract "
			    "goes into the queue %s\n", from->queues[i]);
			return false;
		}
	}
	return true;
}

/*
 * A service that is not known keeps nobody from beginning, as other jobs can be
 * run; but whoever begins is told.
 */
static void
services_read(struct job_service *s)
{
	struct buf missing;
	char *lines, *line;

	buf_init(&missing, 1 << 16);
	s->services = services_open(s->contract, s->config.services,
	    s->config.service_secrets, &missing);
	lines = missing.at;
	while (lines != NULL && (line = strsep(&lines, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		fprintf(stderr, "lockstep: %s\n", line);
		log_event(LOG_WARN, "service_missing", LOG_TEXT("cause",
		    line));
	}
	buf_release(&missing);
}

static bool
options_read(struct job_service *s, const struct beginning *from,
    struct buf *faults)
{
	struct work_options *o = &s->options;
	const struct config *c = &s->config;

	if (!settings_read(s, from, faults))
		return false;
	if (c->work_beat_ms * 2 >= c->work_lease_ms) {
		buf_string(faults, "lockstep: work_beat_ms must be less than "
		    "half of work_lease_ms\n");
		return false;
	}
	s->contract = service_contract(c, faults);
	if (s->contract == NULL || !queues_known(s, from, faults))
		return false;
	if (!service_ranges(c, &s->ranges, faults))
		return false;
	services_read(s);
	o->ranges = s->ranges;
	o->contract = s->contract;
	o->services = s->services;
	o->service_ca_file = c->service_ca_file;
	o->export_dir = c->export_dir;
	o->exports = c->work_exports;
	o->export_share = c->work_export_share;
	o->calls = c->work_calls;
	o->call_connections = c->work_call_connections;
	o->open_ms = c->work_breaker_ms;
	o->open_max_ms = c->work_breaker_max_ms > c->work_breaker_ms ?
	    c->work_breaker_max_ms : c->work_breaker_ms;
	o->store = service_store(c);
	o->store.database = c->work_database;
	o->store.database_read = NULL;
	o->store.unprepared = false;
	/* Within a job's transaction nothing of ours takes time. */
	o->store.idle_timeout_ms = c->work_lease_ms * 3 / 4;
	/* Else what a dead process has locked stays so while the job lasts. */
	o->store.watch_ms = c->work_beat_ms;
	o->processes = c->work_processes;
	o->threads = c->work_threads;
	o->queues = from->queues;
	o->queue_count = from->queue_count;
	o->drain = from->drain;
	o->lease_ms = c->work_lease_ms;
	o->beat_ms = c->work_beat_ms;
	o->poll_ms = c->work_poll_ms;
	o->stop_ms = c->work_stop_ms;
	o->keep_hours = c->work_keep_hours;
	o->marks = (struct work_marks){ .age_s = c->monitor_age_s,
		.depth = c->monitor_depth, .window_s = c->monitor_window_s,
		.lag_s = c->monitor_lag_s,
		.transaction_s = c->monitor_transaction_s,
		.replica_s = c->monitor_replica_s,
		.errors_percent = c->monitor_errors_percent,
		.latency_ms = c->monitor_latency_ms };
	return true;
}

static struct work_options *
make(void *context, struct buf *faults)
{
	struct job_service *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->arena = arena_new();
	if (options_read(s, context, faults))
		return &s->options;
	drop(context, &s->options);
	return NULL;
}

int
service_work(const struct config *config, char *const *words, int count,
    const char *const *queues, size_t queue_count, bool drain)
{
	struct beginning beginning = { config, words, count, queues,
		queue_count, drain };
	const struct work_source source = { &beginning, make, drop };

	return service_open(config) ? work_run(&source) : EXIT_TROUBLE;
}
