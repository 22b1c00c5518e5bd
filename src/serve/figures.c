/* SPDX-License-Identifier: MIT */
/*
 * What this host counted of each route, told to the database now and then, so
 * that the monitor sees it and a page can draw it: all since the figures began,
 * and of that the last seconds, by the difference to what was counted then.  A
 * route of which nothing is new is not told, so a host without requests says
 * nothing.
 */
#include "serve/internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	PAUSE_S = 2,
	LOOK_MS = 2000,		/* longest telling */
	WINDOW = 5,		/* pauses that are the last seconds */
	ROUTES_MAX = 1024,
	JSON_MAX = 4 << 20,
	HOST_MAX = 256,
};

/* A route as its series are labelled: method="GET",route="/letters". */
struct route {
	char key[160];
	uint64_t requests, rejected, errors, ns;
	uint64_t buckets[METRIC_BUCKETS];
	uint64_t recent;	/* requests of the last seconds, as told */
};

struct gathering {
	struct route *routes;	/* [ROUTES_MAX] */
	size_t count;
};

struct figures {
	const struct serve_options *options;
	struct store *store;
	struct arena *arena;
	struct gathering then[WINDOW + 1];	/* a ring */
	unsigned now;
	bool all;		/* what was told last may not have come */
	char host[HOST_MAX];
};

/* ---- Counting. ---- */

static struct route *
find(const struct gathering *g, const char *key)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(g->routes[i].key, key) == 0)
			return &g->routes[i];
	return NULL;
}

static void
gather_times(void *context, const char *labels, const uint64_t *cells,
    size_t count)
{
	struct gathering *g = context;
	struct route *r;

	if (g->count == ROUTES_MAX || count != METRIC_BUCKETS + 1 ||
	    strlen(labels) >= sizeof(r->key))
		return;
	r = &g->routes[g->count++];
	*r = (struct route){ .ns = cells[METRIC_BUCKETS] };
	memcpy(r->key, labels, strlen(labels) + 1);
	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		r->buckets[i] = cells[i];
		r->requests += cells[i];
	}
}

/* The labels of a count are those of its times, and the status. */
static void
gather_status(void *context, const char *labels, const uint64_t *cells,
    size_t count)
{
	const char *status = strstr(labels, ",status=\"");
	struct gathering *g = context;
	char key[sizeof(g->routes->key)];
	struct route *r;

	if (status == NULL || count != 1 ||
	    (size_t)(status - labels) >= sizeof(key))
		return;
	memcpy(key, labels, (size_t)(status - labels));
	key[status - labels] = '\0';
	if ((r = find(g, key)) == NULL)
		return;
	status += strlen(",status=\"");
	if (*status == '5')
		r->errors += cells[0];
	else if (*status == '4')
		r->rejected += cells[0];
}

static void
gather(struct gathering *g)
{
	g->count = 0;
	metric_each("lockstep_request_seconds", gather_times, g);
	metric_each("lockstep_requests_total", gather_status, g);
}

/* ---- Telling. ---- */

/* The text of a label, within its key. */
static void
write_label(struct buf *b, const char *name, const char *key)
{
	const char *at = strstr(key, name), *end;
	char text[sizeof(((struct route *)0)->key)];

	at = at == NULL ? key : at + strlen(name);
	end = strchr(at, '"');
	snprintf(text, sizeof(text), "%.*s", end == NULL ? 0 :
	    (int)(end - at), at);
	buf_json_string(b, text);
}

static void
write_buckets(struct buf *b, const struct route *r, const struct route *then)
{
	for (size_t i = 0; i < METRIC_BUCKETS; i++)
		buf_format(b, "%s%" PRIu64, i > 0 ? "," : "[", r->buckets[i] -
		    (then != NULL ? then->buckets[i] : 0));
	buf_char(b, ']');
}

/* What was not counted yet when the last seconds began was 0. */
static void
write_route(struct buf *b, const struct route *r, const struct route *then)
{
	static const struct route none;

	if (then == NULL)
		then = &none;
	buf_string(b, b->length > 1 ? ",{\"method\":" : "{\"method\":");
	write_label(b, "method=\"", r->key);
	buf_string(b, ",\"route\":");
	write_label(b, "route=\"", r->key);
	buf_format(b, ",\"requests\":%" PRIu64 ",\"rejected\":%" PRIu64
	    ",\"errors\":%" PRIu64 ",\"seconds\":%" PRIu64 ".%09" PRIu64,
	    r->requests, r->rejected, r->errors, r->ns / 1000000000,
	    r->ns % 1000000000);
	buf_format(b, ",\"recent_requests\":%" PRIu64
	    ",\"recent_errors\":%" PRIu64 ",\"buckets\":", r->recent,
	    r->errors - then->errors);
	write_buckets(b, r, NULL);
	buf_string(b, ",\"recent_buckets\":");
	write_buckets(b, r, then);
	buf_char(b, '}');
}

/* Whether there is anything new. */
static bool
write_all(struct figures *f, struct buf *b)
{
	struct gathering *now = &f->then[f->now % (WINDOW + 1)];
	const struct gathering *old = &f->then[(f->now + 1) % (WINDOW + 1)];
	const struct gathering *last = &f->then[(f->now + WINDOW) %
	    (WINDOW + 1)];

	buf_char(b, '[');
	for (size_t i = 0; i < now->count; i++) {
		struct route *r = &now->routes[i];
		const struct route *then = find(old, r->key);
		const struct route *before = find(last, r->key);

		r->recent = r->requests - (then != NULL ? then->requests : 0);
		if (f->all || before == NULL ||
		    before->requests != r->requests ||
		    before->recent != r->recent)
			write_route(b, r, then);
	}
	buf_char(b, ']');
	return b->length > 2;
}

static void
tell(struct figures *f)
{
	struct scope sc;
	struct buf b;

	f->now++;
	gather(&f->then[f->now % (WINDOW + 1)]);
	buf_init(&b, JSON_MAX);
	scope_init(&sc, f->arena);
	sc.deadline_ns = clock_now_ns() + LOOK_MS * 1000000ull;
	if (write_all(f, &b) && !b.failed) {
		f->all = store_note_routes(&sc, f->store, f->host, b.at) !=
		    PROBLEM_NONE;
		if (f->all)
			log_event(LOG_WARN, "figures",
			    LOG_TEXT("cause", sc.cause));
	}
	buf_release(&b);
	arena_reset(f->arena);
}

static void *
tell_always(void *arg)
{
	const struct timespec pause = { .tv_sec = PAUSE_S };

	for (;;) {
		nanosleep(&pause, NULL);
		tell(arg);
	}
	return NULL;
}

void
figures_start(struct serve_options *options)
{
	struct figures *f = calloc(1, sizeof(*f));
	char name[HOST_MAX / 2] = "unknown";
	pthread_t thread;

	if (f == NULL)
		abort();
	if (metric_number() == 0) {
		free(f);
		return;
	}
	if (gethostname(name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	snprintf(f->host, sizeof(f->host), "%s:%" PRIu64, name,
	    metric_number());
	f->options = options;
	f->all = true;
	f->store = store_new(&options->store, options->contract);
	f->arena = arena_new();
	/* What was counted before this process began is none of its seconds. */
	for (size_t i = 0; i < countof(f->then); i++) {
		f->then[i].routes = calloc(ROUTES_MAX, sizeof(struct route));
		if (f->then[i].routes == NULL)
			abort();
		gather(&f->then[i]);
	}
	if (pthread_create(&thread, NULL, tell_always, f) == 0)
		pthread_detach(thread);
}
