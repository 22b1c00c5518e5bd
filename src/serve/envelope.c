/* SPDX-License-Identifier: MIT */
/*
 * Outcome or problem -> envelope: the one place where a problem becomes an
 * answer.  Nothing is told but what problem.def, the contract and the issues
 * say; the scope's cause never gets here.
 */
#include "serve/internal.h"

#include <string.h>


enum { RETRY_AFTER_S = 1 };	/* where nobody knows better */

/* The headers that every reply of the API has. */
static void
tell_always(const struct scope *sc, struct reply *rp)
{
	reply_header(rp, "X-Request-Id", "%s", sc->request_id);
	reply_header(rp, "Cache-Control", "no-store");
}

static void
write_meta(const struct scope *sc, struct buf *b)
{
	buf_string(b, "\"meta\":{\"request_id\":");
	buf_json_string(b, sc->request_id);
}

/* A key as a path segment (RFC 3986 section 3.3, unreserved only). */
static void
write_segment(struct buf *b, const char *s)
{
	static const char kept[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-._~";

	for (; *s != '\0'; s++) {
		if (strchr(kept, *s) != NULL)
			buf_char(b, *s);
		else
			buf_format(b, "%%%02X", (unsigned char)*s);
	}
}

static void
tell_location(const struct visit *visit, struct reply *rp)
{
	const struct resource *r = visit->match.operation->resource;
	struct buf b;

	if (visit->outcome.key == NULL)
		return;
	buf_init(&b, HTTP_TARGET_MAX);
	buf_string(&b, contract_about(visit->options->contract)->base);
	buf_string(&b, r->path);
	buf_char(&b, '/');
	write_segment(&b, visit->outcome.key);
	if (!b.failed)
		reply_header(rp, "Location", "%s", b.at);
	buf_release(&b);
}

void
envelope_success(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	const struct operation *op = visit->match.operation;
	const struct outcome *out = &visit->outcome;
	struct buf *b = &rp->body;

	(void)rq;
	rp->status = op->status;
	tell_always(sc, rp);
	buf_string(b, "{\"ok\":true,\"data\":");
	buf_add(b, out->data, out->data_length);
	buf_char(b, ',');
	write_meta(sc, b);
	if (op->verb == VERB_LIST) {
		buf_string(b, ",\"page\":{\"limit\":");
		buf_int(b, input_plan(visit->input)->limit);
		buf_string(b, ",\"next\":");
		if (out->next != NULL)
			buf_json_string(b, out->next);
		else
			buf_string(b, "null");
		buf_char(b, '}');
	}
	buf_string(b, "}}");
	if (op->verb == VERB_CREATE)
		tell_location(visit, rp);
}

/* What is told of a problem, from its row or from the contract. */
struct told {
	int status;
	const char *code;
	const char *message;
	bool retryable;
};

static struct told
told_of(enum problem p, const struct scope *sc)
{
	const struct problem_kind *kind = problem_kind(p);
	struct told told = { kind->status, kind->code, kind->sentence,
		kind->retryable };

	if (p == PROBLEM_DECLARED) {
		told.status = sc->declared_status;
		told.code = sc->declared_code;
		told.message = sc->declared_message;
	}
	return told;
}

/* ,"retryable":...,"issues":[...] and where JSON broke: common to both. */
static void
write_particulars(struct buf *b, const struct told *told,
    const struct scope *sc)
{
	buf_format(b, ",\"retryable\":%s", told->retryable ? "true" : "false");
	if (sc->at_known)
		buf_format(b, ",\"offset\":%zu,\"line\":%zu,\"column\":%zu",
		    sc->at_offset, sc->at_line, sc->at_column);
	if (sc->issue_count == 0)
		return;
	buf_char(b, ',');
	scope_issues_write(sc, b);
}

/* RFC 9457; the title is the sentence, since it is the same for each kind. */
static void
write_rfc9457(struct buf *b, const struct told *told, const struct scope *sc)
{
	buf_string(b, "{\"type\":\"about:blank\",\"title\":");
	buf_json_string(b, told->message);
	buf_format(b, ",\"status\":%d,\"detail\":", told->status);
	buf_json_string(b, told->message);
	buf_string(b, ",\"instance\":\"urn:lockstep:request:");
	buf_string(b, sc->request_id);
	buf_string(b, "\",\"code\":");
	buf_json_string(b, told->code);
	write_particulars(b, told, sc);
	buf_string(b, ",\"request_id\":");
	buf_json_string(b, sc->request_id);
	buf_char(b, '}');
}

static void
write_normalized(struct buf *b, const struct told *told,
    const struct scope *sc)
{
	buf_string(b, "{\"ok\":false,\"error\":{\"code\":");
	buf_json_string(b, told->code);
	buf_format(b, ",\"status\":%d,\"message\":", told->status);
	buf_json_string(b, told->message);
	write_particulars(b, told, sc);
	buf_string(b, "},");
	write_meta(sc, b);
	buf_string(b, "}}");
}

/* RFC 6750 section 3: what the client should do about its token. */
static void
tell_challenge(enum problem p, struct reply *rp)
{
	if (p == PROBLEM_TOKEN_MISSING)
		reply_header(rp, "WWW-Authenticate", "Bearer");
	else if (p == PROBLEM_TOKEN_INVALID)
		reply_header(rp, "WWW-Authenticate",
		    "Bearer error=\"invalid_token\"");
	else if (p == PROBLEM_TOKEN_EXPIRED)
		reply_header(rp, "WWW-Authenticate",
		    "Bearer error=\"invalid_token\", "
		    "error_description=\"The token has expired\"");
}

void
envelope_problem(enum problem p, struct scope *sc, const struct request *rq,
    struct reply *rp)
{
	struct told told = told_of(p, sc);

	rp->status = told.status;
	tell_always(sc, rp);
	tell_challenge(p, rp);
	if (p == PROBLEM_METHOD_NOT_ALLOWED && sc->allow != NULL)
		reply_header(rp, "Allow", "%s", sc->allow);
	if (told.status == 503 || told.status == 429)
		reply_header(rp, "Retry-After", "%u",
		    sc->retry_after_s > 0 ? sc->retry_after_s : RETRY_AFTER_S);
	if (rq->accept != NULL &&
	    strstr(rq->accept, "application/problem+json") != NULL) {
		rp->content_type = "application/problem+json";
		write_rfc9457(&rp->body, &told, sc);
	} else {
		write_normalized(&rp->body, &told, sc);
	}
}
