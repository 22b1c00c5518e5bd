/* SPDX-License-Identifier: MIT */
/*
 * Which pages of other origins may call us from a browser, and what they may
 * read of an answer (the Fetch standard, section 3.2).  All of it is the
 * contract's; the browser alone enforces it, so nothing here keeps anybody
 * out who is no browser.  Each answer says it, errors too: a page that cannot
 * read why it was refused can only guess.
 */
#include "serve/internal.h"

#include <string.h>

/* What a page may send beside what the standard always lets pass. */
static const char headers_sent[] = "Accept, Authorization, Content-Type, "
    "Idempotency-Key, If-Match, If-None-Match, Prefer, Traceparent, "
    "Tracestate, Baggage, X-Request-Id";

/* What a page may read beside the same. */
static const char headers_read[] = "Allow, Content-Range, ETag, "
    "Idempotency-Replayed, Link, Location, Preference-Applied, RateLimit, "
    "RateLimit-Policy, Retry-After, Server-Timing, WWW-Authenticate, "
    "X-Request-Id";

static const struct cors *
cors_of(const struct visit *visit)
{
	return &contract_about(visit->options->contract)->cors;
}

/* The value of Access-Control-Allow-Origin, or NULL.  Origins are bytes. */
static const char *
allowed_origin(const struct cors *cors, const struct request *rq)
{
	for (size_t i = 0; rq->origin != NULL && i < cors->origin_count; i++)
		if (strcmp(cors->origins[i], "*") == 0 ||
		    strcmp(cors->origins[i], rq->origin) == 0)
			return cors->origins[i];
	return NULL;
}

bool
cors_concerns(const struct visit *visit)
{
	return cors_of(visit)->origin_count > 0;
}

/*
 * A preflight (section 3.2.2) says what the page wants to send; its answer
 * does not depend on that, so it can be kept for all requests to the path.
 */
static void
tell_preflight(const struct cors *cors, const struct scope *sc,
    struct reply *rp)
{
	reply_header(rp, "Access-Control-Allow-Methods", sc->allow);
	reply_header(rp, "Access-Control-Allow-Headers", headers_sent);
	buf_int(reply_value(rp, "Access-Control-Max-Age"), cors->max_age_s);
	reply_value_end(rp);
}

void
cors_tell(const struct visit *visit, const struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	const struct cors *cors = cors_of(visit);
	const char *origin = allowed_origin(cors, rq);

	if (origin == NULL)
		return;
	reply_header(rp, "Access-Control-Allow-Origin", origin);
	if (cors->credentials)
		reply_header(rp, "Access-Control-Allow-Credentials", "true");
	if (rp->status == 204 && rq->method == METHOD_OPTIONS &&
	    rq->ask_method != NULL)
		tell_preflight(cors, sc, rp);
	else
		reply_header(rp, "Access-Control-Expose-Headers",
		    headers_read);
}
