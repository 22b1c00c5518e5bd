/* SPDX-License-Identifier: MIT */
/*
 * Outcome or problem -> envelope: the one place where a problem becomes an
 * answer.  Nothing is told but what problem.def, the contract and the issues
 * say; the scope's cause never gets here.
 */
#include "serve/internal.h"

#include <string.h>

enum { RETRY_AFTER_S = 1 };	/* where nobody knows better */

/* The headers that every reply of the API has; `cache` NULL is no-store. */
static void
tell_always(const struct scope *sc, const char *cache, struct reply *rp)
{
	reply_header(rp, "X-Request-Id", sc->request_id);
	reply_header(rp, "Cache-Control", cache != NULL ? cache : "no-store");
}

static void
write_meta(const char *request_id, struct buf *b)
{
	buf_string(b, "\"meta\":{\"request_id\":");
	buf_json_string(b, request_id);
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
	const struct operation *op = visit->match.operation;
	const struct resource *r = op->export != NULL ? op->export->shown :
	    op->resource;
	struct buf *b;

	if (visit->outcome.keys == NULL || visit->outcome.keys[0] == NULL)
		return;
	b = reply_value(rp, "Location");
	buf_string(b, contract_about(visit->options->contract)->base);
	buf_string(b, r->path);
	for (const char *const *key = visit->outcome.keys; *key != NULL;
	     key++) {
		buf_char(b, '/');
		write_segment(b, *key);
	}
	reply_value_end(rp);
}

/* The first tag of a list of them; returns what follows it. */
static const char *
read_tag(const char *s, const char **ret_at, size_t *ret_length)
{
	s += strspn(s, " \t,");
	if (strncmp(s, "W/\"", 3) == 0)
		s += 2;
	*ret_at = s;
	if (*s == '"')
		s += 1 + strcspn(s + 1, "\"");
	else
		s += strcspn(s, ",");
	*ret_length = (size_t)(s - *ret_at);
	return *s == '"' ? s + 1 : s;
}

/*
 * Is the tag among those that the client has (RFC 9110 section 13.1.2)?  By
 * weak comparison: nginx weakens the tag of what it compresses.
 */
static bool
is_known(const char *field, const char *tag)
{
	size_t length, tag_length = strlen(tag);
	const char *at;

	if (strcmp(field, "*") == 0)
		return true;
	while (*field != '\0') {
		field = read_tag(field, &at, &length);
		if (length == tag_length + 1 && *at == '"' &&
		    memcmp(at + 1, tag, tag_length) == 0)
			return true;
	}
	return false;
}

/* One of the words of a list in a header. */
struct word {
	bool said;
	const char *text;
};

/* A header of those words that are said; without one there is none. */
static void
tell_words(struct reply *rp, const char *name, const struct word *word,
    size_t count)
{
	struct buf *b = reply_value(rp, name);
	const char *before = "";

	for (size_t i = 0; i < count; i++) {
		if (!word[i].said)
			continue;
		buf_string(b, before);
		buf_string(b, word[i].text);
		before = ", ";
	}
	reply_value_end(rp);
}

/* Prefer: what of it was heard (RFC 7240 section 3). */
static void
tell_preferences(const struct plan *plan, const struct preferences *asked,
    struct reply *rp)
{
	bool write = plan->operation->method != METHOD_GET;
	const struct word heard[] = {
		{ plan->minimal, "return=minimal" },
		{ write && !plan->minimal && plan->operation->verb !=
		    VERB_DELETE && asked->returns == RETURN_REPRESENTATION,
		    "return=representation" },
		{ plan->total && !plan->estimate, "count=exact" },
		{ plan->estimate, "count=estimated" },
		{ plan->merge, "resolution=merge-duplicates" },
		{ plan->ignore, "resolution=ignore-duplicates" },
		{ plan->rollback, "tx=rollback" },
		{ asked->strict, "handling=strict" },
	};

	tell_words(rp, "Preference-Applied", heard, countof(heard));
}

static void
write_success(const struct visit *visit, const struct scope *sc,
    struct buf *b)
{
	const struct outcome *out = &visit->outcome;
	bool minimal = input_plan(visit->input)->minimal;

	buf_string(b, "{\"ok\":true,\"data\":");
	if (minimal)
		buf_string(b, "null");
	else
		buf_add(b, out->data, out->data_length);
	buf_char(b, ',');
	write_meta(out->replayed && out->request_id != NULL ?
	    out->request_id : sc->request_id, b);
	if (visit->match.operation->verb == VERB_LIST)
		page_write(visit, b);
	buf_string(b, "}}");
}

static void
tell_tag(const char *tag, struct reply *rp)
{
	struct buf *b = reply_value(rp, "ETag");

	buf_char(b, '"');
	buf_string(b, tag);
	buf_char(b, '"');
	reply_value_end(rp);
}

/* The header fields of an outcome, whatever the body is. */
static void
tell_outcome(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	const struct plan *plan = input_plan(visit->input);
	const struct outcome *out = &visit->outcome;
	const struct operation *op = plan->operation;

	tell_always(sc, op->cache, rp);
	if (out->tag != NULL)
		tell_tag(out->tag, rp);
	if (out->replayed)
		reply_header(rp, "Idempotency-Replayed", "true");
	tell_preferences(plan, &rq->prefer, rp);
	if (op->verb == VERB_LIST)
		page_tell(visit, sc, rq, rp);
	if (op->verb == VERB_CREATE || op->export != NULL)
		tell_location(visit, rp);
}

/* ---- Files, which nginx sends. ---- */

/* RFC 9530: the digest of the whole file, whatever part of it is sent. */
static void
tell_digest(const char *sha256, struct reply *rp)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf *b = reply_value(rp, "Repr-Digest");
	unsigned bits = 0, count = 0;

	buf_string(b, "sha-256=:");
	for (const char *at = sha256; *at != '\0'; at++) {
		bits = bits << 4 | (unsigned)(*at <= '9' ? *at - '0' :
		    *at - 'a' + 10);
		for (count += 4; count >= 6; count -= 6)
			buf_char(b, letters[bits >> (count - 6) & 63]);
	}
	if (count > 0)
		buf_char(b, letters[bits << (6 - count) & 63]);
	for (size_t n = strlen(sha256) / 2; n % 3 != 0; n++)
		buf_char(b, '=');
	buf_char(b, ':');
	reply_value_end(rp);
}

/* "events-export-20260101T000000Z.csv": nothing that would need an escape. */
static void
tell_name(const struct export_file *file, struct reply *rp)
{
	struct buf *b = reply_value(rp, "Content-Disposition");

	buf_string(b, "attachment; filename=\"");
	for (const char *at = file->name; *at != '\0'; at++)
		buf_char(b, strchr("\"\\/", *at) != NULL ? '_' : *at);
	buf_format(b, ".%s\"", file->format);
	reply_value_end(rp);
}

static const char *
type_of(const char *format)
{
	if (strcmp(format, contract_format(MEDIA_CSV)) == 0)
		return "text/csv; charset=utf-8; header=present";
	if (strcmp(format, contract_format(MEDIA_NDJSON)) == 0)
		return "application/x-ndjson";
	return "application/json";
}

/*
 * The file is nginx's to send, as it knows of parts and slow clients; but not of
 * our tag, so what a client has already is for us to see.
 */
static void
write_file(const struct visit *visit, const struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	const struct export_file *file = &visit->outcome.file;

	tell_always(sc, NULL, rp);
	tell_tag(file->sha256, rp);
	tell_digest(file->sha256, rp);
	if (rq->if_none_match != NULL &&
	    is_known(rq->if_none_match, file->sha256)) {
		rp->status = 304;
		return;
	}
	rp->content_type = type_of(file->format);
	tell_name(file, rp);
	buf_format(reply_value(rp, "X-Accel-Redirect"), "/lockstep-exports/%s",
	    file->file);
	reply_value_end(rp);
}

static void
write_events(const struct visit *visit, const struct scope *sc,
    struct reply *rp)
{
	const struct outcome *out = &visit->outcome;

	tell_always(sc, NULL, rp);
	reply_header(rp, "X-Accel-Buffering", "no");
	rp->content_type = "text/event-stream";
	buf_string(&rp->body, "retry: 2000\n");
	stream_event(&rp->body, "progress", out->data, out->data_length);
	if (out->over)
		stream_event(&rp->body, "end", "{}", 2);
}

void
envelope_success(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	static const char *const types[] = {
		[MEDIA_JSON] = "application/json",
		[MEDIA_NDJSON] = "application/x-ndjson",
		[MEDIA_CSV] = "text/csv; charset=utf-8; header=present",
	};
	const struct plan *plan = input_plan(visit->input);
	const struct outcome *out = &visit->outcome;

	rp->status = visit->status > 0 ? visit->status :
	    plan->operation->status;
	if (plan->operation->told_as == TOLD_FILE) {
		write_file(visit, sc, rq, rp);
		return;
	}
	if (plan->operation->told_as == TOLD_EVENTS) {
		write_events(visit, sc, rp);
		return;
	}
	if (plan->merge || plan->ignore)
		rp->status = 200;
	if (plan->operation->method == METHOD_GET && out->tag != NULL &&
	    rq->if_none_match != NULL && is_known(rq->if_none_match, out->tag))
		rp->status = 304;
	rp->content_type = types[plan->media];
	tell_outcome(visit, sc, rq, rp);
	if (plan->media == MEDIA_JSON && rp->status != 304)
		write_success(visit, sc, &rp->body);
	else if (rp->status != 304)
		buf_add(&rp->body, out->data, out->data_length);
}

enum problem
envelope_options(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	enum problem p = contract_allow(visit->options->contract, sc, rq);

	if (p != PROBLEM_NONE)
		return p;
	rp->status = 204;
	tell_always(sc, NULL, rp);
	reply_header(rp, "Allow", sc->allow);
	return PROBLEM_NONE;
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
	if (sc->records != NULL) {
		buf_string(b, ",\"records\":");
		buf_string(b, sc->records);
	}
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
	write_meta(sc->request_id, b);
	buf_string(b, "}}");
}

/* RFC 6750 section 3: what the client should do about its token. */
static void
tell_challenge(enum problem p, struct reply *rp)
{
	if (p == PROBLEM_SIGNATURE_INVALID)
		reply_header(rp, "WWW-Authenticate", "Signature");
	else if (p == PROBLEM_TOKEN_MISSING)
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
	tell_always(sc, NULL, rp);
	tell_challenge(p, rp);
	if (p == PROBLEM_METHOD_NOT_ALLOWED && sc->allow != NULL)
		reply_header(rp, "Allow", sc->allow);
	if (told.status == 503 || told.status == 429 ||
	    p == PROBLEM_REQUEST_IN_PROGRESS) {
		buf_int(reply_value(rp, "Retry-After"), sc->retry_after_s > 0 ?
		    sc->retry_after_s : RETRY_AFTER_S);
		reply_value_end(rp);
	}
	if (contract_takes_problem(rq->accept)) {
		rp->content_type = "application/problem+json";
		write_rfc9457(&rp->body, &told, sc);
	} else {
		write_normalized(&rp->body, &told, sc);
	}
}

/*
 * What of a request an answer depended on.  It matters where answers are
 * cached, and those that the contract lets be cached are of one caller.
 */
static void
tell_vary(const struct visit *visit, const struct request *rq,
    struct reply *rp)
{
	const struct operation *op = visit->match.operation;
	bool list = op != NULL && op->verb == VERB_LIST;
	bool asks = rq->method == METHOD_OPTIONS;
	const struct word fields[] = {
		{ list, "Accept" },
		{ op != NULL && op->cache != NULL, "Authorization" },
		{ list && op->total, "Prefer" },
		{ cors_concerns(visit), "Origin" },
		{ asks && cors_concerns(visit),
		    "Access-Control-Request-Method" },
	};

	tell_words(rp, "Vary", fields, countof(fields));
}

void
envelope_finish(const struct visit *visit, const struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	tell_vary(visit, rq, rp);
	cors_tell(visit, sc, rq, rp);
	rp->bodiless = rq->method == METHOD_HEAD || rp->status == 204 ||
	    rp->status == 304;
}
