/* SPDX-License-Identifier: MIT */
/*
 * One exchange, by libcurl.  Where a connection goes is judged at the last
 * moment, when the socket is made for an address: no name that resolves to
 * something else the second time gets past it.  A connection that is kept was
 * judged so as well; calls that are judged differently have handles, and so
 * connections, of their own.  Invariant: nothing of the environment changes
 * where a call goes, and no reply takes more than its bound of bytes or time.
 */
#include "peer/internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/room.h"
#include "base/text.h"

enum {
	HEADS_MAX = 65536,	/* bytes of a reply's headers, all of them */
	RETRY_DIGITS = 9,	/* of Retry-After: 31 years will do */
	KEEP_MAX = 8,		/* connections of a handle */
	KEEP_S = 60,
};

struct peer {
	const struct peer_ranges *ranges;
	CURL *curl[2][2];	/* [reach][plain] */
};

/* What libcurl's calls back have. */
struct exchange {
	const struct peer_call *call;
	const struct peer_ranges *ranges;
	bool secure;		/* it is https */
	const char *refused;	/* why no socket was made, or NULL */
	struct buf body;
	bool cut;
	size_t heads;
	bool headed;		/* the head came to its end */
	int64_t retry_after_s;
	char why[CURL_ERROR_SIZE];
};

static const char *const ending_names[] = {
	[PEER_ANSWERED] = "answered",
	[PEER_REFUSED] = "refused",
	[PEER_UNREACHABLE] = "unreachable",
	[PEER_TIMEOUT] = "timeout",
	[PEER_BROKEN] = "broken",
	[PEER_STOPPED] = "stopped",
};

const char *
peer_ending_name(enum peer_ending ending)
{
	return ending_names[ending];
}

struct peer *
peer_new(const struct peer_ranges *ranges)
{
	struct peer *peer = room(1, sizeof(*peer));

	peer->ranges = ranges;
	return peer;
}

void
peer_free(struct peer *peer)
{
	if (peer == NULL)
		return;
	for (size_t i = 0; i < 4; i++)
		curl_easy_cleanup(peer->curl[i / 2][i % 2]);
	free(peer);
}

/* ---- The URL. ---- */

static bool
is_given(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool ret = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return ret;
}

static bool
is_scheme(CURLU *url, const char *scheme)
{
	char *text = NULL;
	bool ret = curl_url_get(url, CURLUPART_SCHEME, &text, 0) ==
	    CURLUE_OK && strcmp(text, scheme) == 0;

	curl_free(text);
	return ret;
}

/* Why the URL may not be called at all, or NULL. */
static const char *
judge(CURLU *url, const struct peer *peer, const struct peer_call *call)
{
	if (curl_url_set(url, CURLUPART_URL, call->url, 0) != CURLUE_OK)
		return "the URL is none";
	if (!is_scheme(url, "https") && !is_scheme(url, "http"))
		return "the URL is not of https";
	if (is_given(url, CURLUPART_USER) || is_given(url, CURLUPART_PASSWORD))
		return "the URL has a user";
	if (is_given(url, CURLUPART_ZONEID))
		return "the URL has an address of a zone";
	if (is_scheme(url, "http") && !call->plain && peer->ranges == NULL)
		return "the URL is not of https";
	return NULL;
}

/* ---- What libcurl calls back. ---- */

static unsigned
port_of(const struct sockaddr *address)
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;

	return ntohs(address->sa_family == AF_INET ? four->sin_port :
	    six->sin6_port);
}

/* Why this address may not be connected to, or NULL. */
static const char *
judge_address(const struct exchange *x, const struct sockaddr *address)
{
	bool named = peer_ranges_hold(x->ranges, address);

	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return "it leads to no address of the internet";
	if (!x->secure && !x->call->plain && !named)
		return "the URL is not of https";
	if (x->call->reach == PEER_ANY || named)
		return NULL;
	if (!peer_is_public(address))
		return "it leads to no address of the internet";
	if (peer_is_foreign_port(port_of(address)))
		return "its port is of another service than HTTP";
	return NULL;
}

static curl_socket_t
connect_to(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct exchange *x = context;
	const char *refused = judge_address(x, &to->addr);

	if (purpose != CURLSOCKTYPE_IPCXN || refused != NULL) {
		x->refused = refused;
		errno = EACCES;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* The body, until there is enough of it; that ends the transfer. */
static size_t
take(char *bytes, size_t size, size_t count, void *context)
{
	struct exchange *x = context;
	size_t length = size * count, room = x->body.limit - x->body.length;

	buf_add(&x->body, bytes, length < room ? length : room);
	x->cut = length > room;
	return x->cut ? 0 : length;
}

/* Seconds, or a date of any of HTTP's forms; -1 of anything else. */
static int64_t
seconds_of(const char *value)
{
	size_t digits = strspn(value, "0123456789");
	int64_t now_s = clock_unix_s();
	time_t at;

	if (digits > 0 && value[digits] == '\0')
		return digits > RETRY_DIGITS ? 999999999 :
		    strtoll(value, NULL, 10);
	/* libcurl takes much for a date; one of HTTP begins with a day. */
	if (!isalpha((unsigned char)value[0]) ||
	    (at = curl_getdate(value, NULL)) < 0)
		return -1;
	return at > now_s ? at - now_s : 0;
}

static void
read_retry_after(struct exchange *x, const char *line, size_t length)
{
	static const char name[] = "retry-after:";
	char value[64];

	if (length < strlen(name) ||
	    strncasecmp(line, name, strlen(name)) != 0)
		return;
	line += strlen(name), length -= strlen(name);
	while (length > 0 && strchr(" \t", line[0]) != NULL)
		line++, length--;
	while (length > 0 && strchr(" \t\r\n", line[length - 1]) != NULL)
		length--;
	if (length >= sizeof(value))
		return;
	memcpy(value, line, length);
	value[length] = '\0';
	x->retry_after_s = seconds_of(value);
}

/* A line of the head; of replies before the last one (1xx) as well. */
static size_t
take_head(char *line, size_t size, size_t count, void *context)
{
	struct exchange *x = context;
	size_t length = size * count;

	x->heads += length;
	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
		x->retry_after_s = -1;
	x->headed = line[0] == '\r' || line[0] == '\n';
	read_retry_after(x, line, length);
	return x->heads > HEADS_MAX ? 0 : length;
}

/* Is called at least once a second, and ends the transfer by 1. */
static int
watch(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct exchange *x = context;

	(void)a, (void)b, (void)c, (void)d;
	return x->call->stop != NULL && atomic_load(x->call->stop);
}

/* ---- The handle. ---- */

/* How it goes, and to whom. */
static bool
fence_in(CURL *curl, struct exchange *x)
{
	const struct peer_call *call = x->call;
	CURLcode e = CURLE_OK;

	e |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	e |= curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
	e |= curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, (long)KEEP_MAX);
	e |= curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)KEEP_S);
	e |= curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, connect_to);
	e |= curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, x);
	return e == CURLE_OK && fetch_fence(curl, call->ca_file,
	    call->connect_ms, call->timeout_ms);
}

/* Whom it tells what. */
static bool
listen_to(CURL *curl, struct exchange *x)
{
	CURLcode e = CURLE_OK;

	e |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->why);
	e |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_head);
	e |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
	e |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	e |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	e |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	e |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
	e |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
	return e == CURLE_OK;
}

static bool
ask(CURL *curl, const struct peer_call *call, CURLU *url,
    struct curl_slist *headers)
{
	const char *method = call->method != NULL ? call->method : "POST";
	bool bodied = call->body_length > 0 || strcmp(method, "POST") == 0;
	CURLcode e = CURLE_OK;

	e |= curl_easy_setopt(curl, CURLOPT_CURLU, url);
	if (bodied) {
		e |= curl_easy_setopt(curl, CURLOPT_POST, 1L);
		e |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)call->body_length);
		e |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
		    call->body_length > 0 ? call->body : "");
	}
	if (strcmp(method, "HEAD") == 0)
		e |= curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (strcmp(method, bodied ? "POST" : "GET") != 0)
		e |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	e |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "lockstep");
	e |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	return e == CURLE_OK;
}

/* ---- The request's own words. ---- */

static bool
is_token(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")] == '\0';
}

/* What says where the request goes or ends is ours to say. */
static bool
is_ours(const char *name)
{
	static const char *const ours[] = { "host", "content-length",
		"transfer-encoding", "connection", "keep-alive", "expect", "te",
		"trailer", "upgrade", "proxy-connection" };

	for (size_t i = 0; i < countof(ours); i++)
		if (text_same(name, ours[i]))
			return true;
	return false;
}

static bool
is_value(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

/* Are the method and the headers such that they can be said? */
static bool
is_sayable(const struct peer_call *call)
{
	if (call->method != NULL && (!is_token(call->method) ||
	    text_same(call->method, "CONNECT")))
		return false;
	for (size_t i = 0; i < call->header_count; i++)
		if (!is_token(call->headers[i].name) ||
		    is_ours(call->headers[i].name) ||
		    !is_value(call->headers[i].value))
			return false;
	return true;
}

/* libcurl's own list; what libcurl would add by itself is taken back. */
static struct curl_slist *
headers_of(struct arena *arena, const struct peer_call *call)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:"), *longer;
	bool typed = false;

	for (size_t i = 0; i < call->header_count && list != NULL; i++) {
		const struct peer_header *h = &call->headers[i];

		typed |= text_same(h->name, "content-type");
		longer = curl_slist_append(list, h->value[0] == '\0' ?
		    arena_format(arena, "%s;", h->name) :
		    arena_format(arena, "%s: %s", h->name, h->value));
		if (longer == NULL)
			abort();
	}
	if (!typed && curl_slist_append(list, "Content-Type:") == NULL)
		abort();
	return list;
}

/* ---- The reply. ---- */

static enum peer_ending
ending_of(CURLcode e, const struct exchange *x)
{
	switch (e) {
	case CURLE_OK:
		/* For libcurl the end of the connection ends a head. */
		return x->headed ? PEER_ANSWERED : PEER_BROKEN;
	case CURLE_WRITE_ERROR:
		return x->cut ? PEER_ANSWERED : PEER_BROKEN;
	case CURLE_ABORTED_BY_CALLBACK:
		return PEER_STOPPED;
	case CURLE_OPERATION_TIMEDOUT:
		return PEER_TIMEOUT;
	case CURLE_COULDNT_CONNECT:
		return x->refused != NULL ? PEER_REFUSED : PEER_UNREACHABLE;
	case CURLE_URL_MALFORMAT:	/* no name in any letters */
		return PEER_REFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CERTPROBLEM:
		return PEER_UNREACHABLE;
	default:
		return PEER_BROKEN;
	}
}

/* libcurl's words may hold what the peer has sent. */
static const char *
words_of(struct arena *arena, const char *words)
{
	char *text = arena_string(arena, words);

	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	return text;
}

static struct peer_reply
reply_of(CURL *curl, CURLcode e, const struct exchange *x, struct arena *arena)
{
	struct peer_reply r = { .ending = ending_of(e, x),
		.retry_after_s = x->retry_after_s, .cut = x->cut };
	char *type = NULL;
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	r.status = (unsigned)status;
	r.type = type != NULL ? words_of(arena, type) : NULL;
	r.body_length = x->body.length;
	r.body = arena_copy(arena, x->body.at, x->body.length);
	if (r.ending == PEER_REFUSED)
		r.cause = x->refused != NULL ? x->refused : "the URL is none";
	else if (r.ending == PEER_BROKEN && x->heads > HEADS_MAX)
		r.cause = "the reply's headers are too long";
	else if (r.ending == PEER_BROKEN && e == CURLE_OK)
		r.cause = "the reply ended within its headers";
	else if (r.ending != PEER_ANSWERED)
		r.cause = words_of(arena, x->why[0] != '\0' ? x->why :
		    curl_easy_strerror(e));
	return r;
}

static struct peer_reply
perform(struct peer *peer, struct arena *arena, struct exchange *x, CURLU *url)
{
	CURL **curl = &peer->curl[x->call->reach == PEER_ANY][x->call->plain];
	struct curl_slist *headers = headers_of(arena, x->call);
	struct peer_reply reply;
	CURLcode e;

	if (*curl == NULL && (*curl = curl_easy_init()) == NULL)
		abort();
	/* Connections stay; all else is said anew. */
	curl_easy_reset(*curl);
	if (headers == NULL || !fence_in(*curl, x) || !listen_to(*curl, x) ||
	    !ask(*curl, x->call, url, headers))
		abort();
	e = curl_easy_perform(*curl);
	reply = reply_of(*curl, e, x, arena);
	curl_easy_setopt(*curl, CURLOPT_CURLU, NULL);
	curl_easy_setopt(*curl, CURLOPT_ERRORBUFFER, NULL);
	curl_slist_free_all(headers);
	return reply;
}

struct peer_reply
peer_exchange(struct peer *peer, struct arena *arena,
    const struct peer_call *call)
{
	struct peer_reply reply = { .ending = PEER_REFUSED, .body = "",
		.retry_after_s = -1 };
	struct exchange x = { .call = call, .retry_after_s = -1 };
	uint64_t began = clock_now_ns();
	CURLU *url = curl_url();

	if (url == NULL)
		abort();
	if (call->reach == PEER_PUBLIC)
		x.ranges = peer->ranges;
	reply.cause = judge(url, peer, call);
	if (reply.cause == NULL && !is_sayable(call))
		reply.cause = "the method or a header cannot be said";
	if (reply.cause == NULL) {
		x.secure = is_scheme(url, "https");
		buf_init(&x.body, call->reply_max);
		reply = perform(peer, arena, &x, url);
		buf_release(&x.body);
	}
	curl_url_cleanup(url);
	reply.took_ns = clock_now_ns() - began;
	return reply;
}
