/* SPDX-License-Identifier: MIT */
/*
 * The host's own door: three paths that nginx passes from a loopback address
 * only, marked by a parameter that no client header can set.
 */
#include "serve/internal.h"

#include <string.h>

#include "base/metric.h"

static void
answer_health(struct scope *sc, struct store *store, const struct request *rq,
    struct reply *rp)
{
	(void)store;
	(void)rq;
	reply_header(rp, "X-Request-Id", sc->request_id);
	buf_string(&rp->body, "{\"ok\":true,\"data\":{\"status\":\"up\"}}");
}

static void
answer_ready(struct scope *sc, struct store *store, const struct request *rq,
    struct reply *rp)
{
	enum problem p = store_ready(sc, store);

	/* An unfit login role is as good as no database to whoever asks. */
	if (p != PROBLEM_NONE) {
		envelope_problem(PROBLEM_UNAVAILABLE, sc, rq, rp);
		return;
	}
	reply_header(rp, "X-Request-Id", sc->request_id);
	buf_string(&rp->body, "{\"ok\":true,\"data\":{\"status\":\"ready\"}}");
}

static void
answer_metrics(struct scope *sc, struct store *store, const struct request *rq,
    struct reply *rp)
{
	(void)sc;
	(void)store;
	(void)rq;
	rp->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metric_write(&rp->body);
}

static const struct {
	const char *path;
	void (*answer)(struct scope *, struct store *, const struct request *,
	    struct reply *);
} doors[] = {
	{ "/healthz", answer_health },
	{ "/readyz", answer_ready },
	{ "/metrics", answer_metrics },
};

bool
health_answer(struct scope *sc, struct store *store, const struct request *rq,
    struct reply *rp)
{
	for (size_t i = 0; i < countof(doors); i++) {
		if (strcmp(rq->path, doors[i].path) == 0) {
			doors[i].answer(sc, store, rq, rp);
			return true;
		}
	}
	return false;
}
