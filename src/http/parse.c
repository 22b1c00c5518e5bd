/* SPDX-License-Identifier: MIT */
/*
 * FastCGI parameters -> struct request.  Routing rests on the path that is
 * made here, so it has one reading only: REQUEST_URI is cut at "?" and "/"
 * while it is still encoded, then each piece is decoded once, and a piece that
 * could be read in another way by anybody before or after us (an encoded
 * slash, a backslash, a dot segment, an empty segment) is refused, not
 * repaired.  nginx's own $uri is decoded and merged and is never looked at.
 *
 * Parameters that nobody names are not read at all (HTTP_PROXY, REMOTE_USER);
 * one that we name is taken once, and a second one is an attack, but for the
 * fields that are lists by their standard: several lines of those are one.
 */
#include "http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/internal.h"

static const char *const method_names[METHOD_COUNT] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
	[METHOD_OTHER] = "OTHER",
};

/* The parameters that are read; the order is that of field_names. */
enum field {
	FIELD_METHOD, FIELD_TARGET, FIELD_CONTENT_TYPE, FIELD_CONTENT_LENGTH,
	FIELD_AUTHORIZATION, FIELD_ACCEPT, FIELD_ORIGIN, FIELD_HOST,
	FIELD_SCHEME, FIELD_REMOTE_ADDRESS, FIELD_REQUEST_ID, FIELD_TRACEPARENT,
	FIELD_DOOR, FIELD_IDEMPOTENCY_KEY, FIELD_IF_MATCH, FIELD_IF_NONE_MATCH,
	FIELD_PREFER, FIELD_ASK_METHOD, FIELD_ASK_HEADERS,
	FIELD_HEADER_CONTENT_TYPE, FIELD_HEADER_CONTENT_LENGTH,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
	[FIELD_METHOD] = "REQUEST_METHOD",
	[FIELD_TARGET] = "REQUEST_URI",
	[FIELD_CONTENT_TYPE] = "CONTENT_TYPE",
	[FIELD_CONTENT_LENGTH] = "CONTENT_LENGTH",
	[FIELD_AUTHORIZATION] = "HTTP_AUTHORIZATION",
	[FIELD_ACCEPT] = "HTTP_ACCEPT",
	[FIELD_ORIGIN] = "HTTP_ORIGIN",
	[FIELD_HOST] = "HTTP_HOST",
	[FIELD_SCHEME] = "REQUEST_SCHEME",
	[FIELD_REMOTE_ADDRESS] = "REMOTE_ADDR",
	[FIELD_REQUEST_ID] = "HTTP_X_REQUEST_ID",
	[FIELD_TRACEPARENT] = "HTTP_TRACEPARENT",
	[FIELD_DOOR] = "LOCKSTEP_DOOR",
	[FIELD_IDEMPOTENCY_KEY] = "HTTP_IDEMPOTENCY_KEY",
	[FIELD_IF_MATCH] = "HTTP_IF_MATCH",
	[FIELD_IF_NONE_MATCH] = "HTTP_IF_NONE_MATCH",
	[FIELD_PREFER] = "HTTP_PREFER",
	[FIELD_ASK_METHOD] = "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
	[FIELD_ASK_HEADERS] = "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
	/* Read for their repeats: nginx passes each line that a client sent. */
	[FIELD_HEADER_CONTENT_TYPE] = "HTTP_CONTENT_TYPE",
	[FIELD_HEADER_CONTENT_LENGTH] = "HTTP_CONTENT_LENGTH",
};

enum method
method_of(const char *word)
{
	for (enum method m = 0; m < METHOD_OTHER; m++) {
		if (strcmp(word, method_names[m]) == 0)
			return m;
	}
	return METHOD_OTHER;
}

const char *
method_name(enum method m)
{
	return m < METHOD_COUNT ? method_names[m] : method_names[METHOD_OTHER];
}

bool
field_is_clean(const char *value)
{
	const unsigned char *p = (const unsigned char *)value;

	while (*p >= 0x20 && *p != 0x7f)
		p++;
	return *p == '\0' && text_is_utf8(value, strlen(value));
}

/*
 * In how many lines fields may come that are lists (RFC 9110 section 5.3); all
 * others in one.  Bounded, since each more is a copy of the ones before.
 */
enum { LINES_MAX = 16 };
static const unsigned lines_max[FIELD_COUNT] = {
	[FIELD_ACCEPT] = LINES_MAX,
	[FIELD_IF_MATCH] = LINES_MAX,
	[FIELD_IF_NONE_MATCH] = LINES_MAX,
	[FIELD_PREFER] = LINES_MAX,
	[FIELD_ASK_HEADERS] = LINES_MAX,
};

/* The field whose "NAME=" begins the parameter, or FIELD_COUNT. */
static enum field
field_of(const char *param, size_t length)
{
	enum field f;

	for (f = 0; f < FIELD_COUNT; f++) {
		if (strncmp(field_names[f], param, length) == 0 &&
		    field_names[f][length] == '\0')
			break;
	}
	return f;
}

/*
 * Finds the value of each field; NULL when it is absent or "", which is what
 * nginx sends for a header that the client left out.  Returns whether no field
 * came twice that must not and each is clean; a value that is not is left out.
 */
static bool
take_fields(struct scope *sc, char *const *params,
    const char *value[FIELD_COUNT])
{
	unsigned lines[FIELD_COUNT] = { 0 };
	bool well = true;

	for (; *params != NULL; params++) {
		const char *equals = strchr(*params, '=');
		enum field f;

		if (equals == NULL)
			continue;
		f = field_of(*params, (size_t)(equals - *params));
		if (f == FIELD_COUNT)
			continue;
		if (lines[f]++ > 0 && lines[f] > lines_max[f]) {
			scope_fail(sc, PROBLEM_BAD_REQUEST, "%s is repeated",
			    field_names[f]);
			well = false;
		} else if (!field_is_clean(equals + 1)) {
			scope_fail(sc, PROBLEM_BAD_REQUEST,
			    "%s holds control bytes or is not UTF-8",
			    field_names[f]);
			well = false;
		} else if (equals[1] != '\0') {
			value[f] = value[f] == NULL ?
			    arena_string(sc->arena, equals + 1) :
			    arena_format(sc->arena, "%s, %s", value[f],
			    equals + 1);
		}
	}
	return well;
}

static bool
is_request_id(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return n >= 1 && n <= SCOPE_REQUEST_ID_MAX && s[n] == '\0';
}

static void
make_request_id(char at[33])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[16];

	/* 16 bytes are given whole or not at all (getrandom(2)). */
	while (getrandom(random, sizeof(random), 0) != sizeof(random)) {
		if (errno != EINTR)
			abort();
	}
	for (size_t i = 0; i < sizeof(random); i++) {
		at[2 * i] = digits[random[i] >> 4];
		at[2 * i + 1] = digits[random[i] & 15];
	}
	at[32] = '\0';
}

static bool
is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

/*
 * W3C Trace Context level 1, section 3.2: "00-" 32 hex "-" 16 hex "-" 2 hex,
 * neither id all zeros.  A later version may have more behind a "-" and is
 * passed on as version 00, the one that we understand (section 3.2.4).
 */
static bool
take_traceparent(const char *s, char at[SCOPE_TRACE_MAX + 1])
{
	static const char zeros[] = "00000000000000000000000000000000";
	bool first;

	if (strlen(s) < SCOPE_TRACE_MAX || !is_hex(s, 2) || s[2] != '-' ||
	    !is_hex(s + 3, 32) || s[35] != '-' || !is_hex(s + 36, 16) ||
	    s[52] != '-' || !is_hex(s + 53, 2) || memcmp(s, "ff", 2) == 0 ||
	    memcmp(s + 3, zeros, 32) == 0 || memcmp(s + 36, zeros, 16) == 0)
		return false;
	first = memcmp(s, "00", 2) == 0;
	if (s[SCOPE_TRACE_MAX] != '\0' && (first || s[SCOPE_TRACE_MAX] != '-'))
		return false;
	memcpy(at, s, SCOPE_TRACE_MAX);
	memcpy(at, "00", 2);
	at[SCOPE_TRACE_MAX] = '\0';
	return true;
}

static void
correlate(struct scope *sc, const char *id, const char *trace)
{
	if (id != NULL && is_request_id(id))
		memcpy(sc->request_id, id, strlen(id) + 1);
	else
		make_request_id(sc->request_id);
	if (trace == NULL || !take_traceparent(trace, sc->traceparent))
		sc->traceparent[0] = '\0';
}

/* Decodes one segment; NULL when it is not exactly one, plainly named. */
static const char *
decode_segment(struct scope *sc, const char *raw, size_t length)
{
	const char *s = text_percent_decode(sc->arena, raw, length, false);

	if (s == NULL || *s == '\0' || strpbrk(s, "/\\") != NULL ||
	    strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return NULL;
	return s;
}

/* Joins the decoded segments; none of them holds a slash. */
static const char *
join_path(struct scope *sc, const struct request *rq)
{
	size_t length = 1;
	char *path, *end;

	for (size_t i = 0; i < rq->segments; i++)
		length += 1 + strlen(rq->segment[i]);
	end = path = arena_alloc(sc->arena, length + 1);
	for (size_t i = 0; i < rq->segments; i++) {
		*end++ = '/';
		end = stpcpy(end, rq->segment[i]);
	}
	if (end == path)
		*end++ = '/';
	*end = '\0';
	return path;
}

/* Tells the client which part of the target is refused, and what it takes. */
static void
target_issue(struct scope *sc, const char *part, const char *expected)
{
	const struct place place = { .name = part, .length = strlen(part) };

	scope_issue(sc, &place, RULE_SYNTAX,
	    &(struct issue_param){ "expected", expected }, 1);
}

/* The path "/a/b" of `length` bytes into segments; "/" has none. */
static enum problem
parse_path(struct scope *sc, const char *raw, size_t length,
    struct request *rq)
{
	const char *end = raw + length;

	if (length == 0 || *raw != '/')
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the target is not a path");
	for (const char *at = raw + 1; length > 1 && at <= end;) {
		const char *stop = memchr(at, '/', (size_t)(end - at));
		const char *s;

		if (stop == NULL)
			stop = end;
		if (rq->segments == HTTP_SEGMENTS_MAX)
			return scope_fail(sc, PROBLEM_BAD_REQUEST,
			    "the path has more than %d segments",
			    HTTP_SEGMENTS_MAX);
		s = decode_segment(sc, at, (size_t)(stop - at));
		if (s == NULL) {
			target_issue(sc, "path", "\"a path without empty "
			    "segments, . and .., and without a slash at its "
			    "end\"");
			return scope_fail(sc, PROBLEM_BAD_REQUEST,
			    "segment %zu of the path is refused",
			    rq->segments + 1);
		}
		rq->segment[rq->segments++] = s;
		at = stop + 1;
	}
	rq->path = join_path(sc, rq);
	return PROBLEM_NONE;
}

/* One "name=value" of the query; "name" alone has the value "". */
static bool
parse_parameter(struct scope *sc, const char *raw, size_t length,
    struct parameter *ret)
{
	const char *equals = memchr(raw, '=', length);
	size_t named = equals == NULL ? length : (size_t)(equals - raw);
	const char *name, *value = "";

	name = text_percent_decode(sc->arena, raw, named, true);
	if (equals != NULL)
		value = text_percent_decode(sc->arena, equals + 1,
		    length - named - 1, true);
	if (name == NULL || value == NULL)
		return false;
	*ret = (struct parameter){ name, value };
	return true;
}

/* "a=1&b=2"; nothing between two "&" is nothing. */
static enum problem
parse_query(struct scope *sc, const char *query, struct request *rq)
{
	const char *at = query;

	while (*at != '\0') {
		size_t length = strcspn(at, "&");

		if (length > 0) {
			if (rq->parameters == HTTP_PARAMETERS_MAX)
				return scope_fail(sc, PROBLEM_BAD_REQUEST,
				    "the query has more than %d parameters",
				    HTTP_PARAMETERS_MAX);
			if (!parse_parameter(sc, at, length,
			    &rq->parameter[rq->parameters])) {
				target_issue(sc, "query",
				    "\"UTF-8, percent-encoded\"");
				return scope_fail(sc, PROBLEM_BAD_REQUEST,
				    "parameter %zu of the query is refused",
				    rq->parameters + 1);
			}
			rq->parameters++;
		}
		at += length;
		at += *at == '&';
	}
	return PROBLEM_NONE;
}

/* A fragment has no business in a request target (RFC 9112, section 3.2). */
static enum problem
parse_target(struct scope *sc, struct request *rq)
{
	size_t length = strlen(rq->target), path = strcspn(rq->target, "?");
	enum problem p;

	if (length > HTTP_TARGET_MAX)
		return scope_fail(sc, PROBLEM_URI_TOO_LONG,
		    "the target has %zu bytes", length);
	if (strchr(rq->target, '#') != NULL)
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the target has a fragment");
	if (rq->target[path] == '?')
		rq->query = rq->target + path + 1;
	if ((p = parse_path(sc, rq->target, path, rq)) != PROBLEM_NONE)
		return p;
	return parse_query(sc, rq->query, rq);
}

static void
fill(struct request *rq, const char *const value[FIELD_COUNT])
{
	if (value[FIELD_METHOD] != NULL)
		rq->method_text = value[FIELD_METHOD];
	rq->method = method_of(rq->method_text);
	if (value[FIELD_TARGET] != NULL)
		rq->target = value[FIELD_TARGET];
	if (value[FIELD_SCHEME] != NULL &&
	    strcmp(value[FIELD_SCHEME], "https") == 0)
		rq->scheme = "https";
	rq->authorization = value[FIELD_AUTHORIZATION];
	rq->content_type = value[FIELD_CONTENT_TYPE];
	rq->accept = value[FIELD_ACCEPT];
	rq->origin = value[FIELD_ORIGIN];
	rq->idempotency_key = value[FIELD_IDEMPOTENCY_KEY];
	rq->if_match = value[FIELD_IF_MATCH];
	rq->if_none_match = value[FIELD_IF_NONE_MATCH];
	rq->ask_method = value[FIELD_ASK_METHOD];
	rq->ask_headers = value[FIELD_ASK_HEADERS];
	if (value[FIELD_PREFER] != NULL)
		rq->prefer = prefer_read(value[FIELD_PREFER]);
	rq->host = value[FIELD_HOST];
	rq->remote_address = value[FIELD_REMOTE_ADDRESS];
	rq->ops = value[FIELD_DOOR] != NULL &&
	    strcmp(value[FIELD_DOOR], "ops") == 0;
}

/* Does the parameter begin with the name of the header, as CGI spells it? */
static bool
is_header(const char *param, const char *name, const char **ret_value)
{
	if (strncmp(param, "HTTP_", 5) != 0)
		return false;
	for (param += 5; *name != '\0'; param++, name++)
		if (*param != (*name == '-' ? '_' :
			*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' :
			*name))
			return false;
	*ret_value = param + 1;
	return *param == '=';
}

bool
http_header(struct scope *sc, const struct request *rq, const char *name,
    const char **ret)
{
	const char *value, *found = NULL;

	for (char *const *p = rq->params; p != NULL && *p != NULL; p++) {
		if (!is_header(*p, name, &value) || *value == '\0')
			continue;
		if (found != NULL || !field_is_clean(value)) {
			scope_fail(sc, PROBLEM_BAD_REQUEST, "%s is repeated, "
			    "holds control bytes or is not UTF-8", name);
			return false;
		}
		found = value;
	}
	*ret = found != NULL ? arena_string(sc->arena, found) : NULL;
	return true;
}

enum problem
http_parse(struct scope *sc, char *const *params, const char *body,
    size_t body_length, struct request *rq)
{
	const char *value[FIELD_COUNT] = { NULL };
	bool well;

	*rq = (struct request){
		.method = METHOD_OTHER,
		.method_text = "",
		.target = "",
		.path = "",
		.query = "",
		.scheme = "http",
		.body = body != NULL ? body : "",
		.body_length = body_length,
		.params = params,
		.began_ns = clock_now_ns(),
	};
	well = take_fields(sc, params, value);
	correlate(sc, value[FIELD_REQUEST_ID], value[FIELD_TRACEPARENT]);
	fill(rq, value);
	return well ? parse_target(sc, rq) : PROBLEM_BAD_REQUEST;
}
