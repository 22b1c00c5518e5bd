/* SPDX-License-Identifier: MIT */
/*
 * One request of one connection, by libfcgi, which is given a descriptor that
 * has something to read and never waits for a connection itself: its listening
 * socket is -1, on which accept(2) fails at once.
 *
 * Invariant: a connection is kept only when stdin was read to its end and the
 * answer went out whole.  Bytes of a body that stayed in the connection would
 * be read as the next request, made by a stranger.  Nothing may follow the end
 * of stdin before our END_REQUEST; nginx does not pipeline, and what another
 * peer had sent would be lost with libfcgi's buffer.
 *
 * libfcgi's own end of a request is not used: FCGX_Finish_r writes the answer
 * in pieces of 8 KiB, and its close waits up to 2 s for each read until the
 * peer is done (`detached` spares us that).  FCGX_Free only frees.
 */
#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/metric.h"
#include "http/http.h"
#include "http/internal.h"

enum {
	HURRY_MS = 50,		/* a read when we are about to refuse */
	DRAIN_MS = 1000,	/* all of a body that is refused */
	DRAIN_BYTES = 1 << 20,	/* of it, past the limit */
	LINGER_MS = 250,	/* for the peer to take a last answer */
	HEAD_MAX = 128 * 1024,	/* the reply's lines with ours */
};

/*
 * FCGX_Init takes SIGPIPE, SIGTERM and SIGUSR1 for itself.  They stay whose
 * they were, and SIGPIPE is ignored: a peer that is gone is an error code.
 */
int
fcgi_init(void)
{
	static const int taken[] = { SIGPIPE, SIGTERM, SIGUSR1 };
	struct sigaction before[countof(taken)];
	int e;

	for (size_t i = 0; i < countof(taken); i++)
		sigaction(taken[i], NULL, &before[i]);
	if ((e = FCGX_Init()) != 0) {
		errno = e < 0 ? -e : e;
		return -1;
	}
	for (size_t i = 0; i < countof(taken); i++)
		sigaction(taken[i], &before[i], NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

void
fcgi_set_timeouts(int fd, unsigned ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

void
desk_init(struct desk *d, const struct front_options *options,
    const _Atomic bool *stopping, _Atomic unsigned *large)
{
	d->options = options;
	d->stopping = stopping;
	d->large = large;
	d->scope.arena = arena_new();
	reply_init(&d->reply, options->reply_limit_bytes);
	buf_init(&d->head, HEAD_MAX);
	buf_init(&d->body, options->body_limit_bytes);
}

void
desk_release(struct desk *d)
{
	arena_free(d->scope.arena);
	reply_release(&d->reply);
	buf_release(&d->head);
	buf_release(&d->body);
}

/* A peer that is about to be refused gets little time. */
static void
hurry(struct desk *d, int fd)
{
	if (!d->hurried)
		fcgi_set_timeouts(fd, HURRY_MS);
	d->hurried = true;
}

static uint64_t
after_ms(unsigned ms)
{
	return clock_now_ns() + (uint64_t)ms * 1000000;
}

/*
 * The bytes of stdin that are at hand, after a read when there are none; 0 at
 * its end and on failure.  They are taken from libfcgi's buffer as they stand,
 * so that the time can be looked at between two reads.
 */
static size_t
next_bytes(FCGX_Stream *in, const unsigned char **ret)
{
	size_t n;

	if (FCGX_GetChar(in) == EOF)
		return 0;
	*ret = in->rdNext - 1;
	n = (size_t)(in->stop - *ret);
	in->rdNext = in->stop;
	return n;
}

/* CONTENT_LENGTH: digits, or absent (*ret_known false).  false: neither. */
static bool
declared_length(char **params, bool *ret_known, uint64_t *ret)
{
	const char *s = FCGX_GetParam("CONTENT_LENGTH", params);
	size_t digits;

	*ret_known = s != NULL && *s != '\0';
	if (!*ret_known)
		return true;
	digits = strspn(s, "0123456789");
	if (digits == 0 || digits > 18 || s[digits] != '\0')
		return false;
	*ret = strtoull(s, NULL, 10);
	return true;
}

/* How reading a body went. */
struct intake {
	enum problem verdict;	/* NONE: it is whole, in desk->body */
	bool lost;		/* the peer went silent or away: no answer */
	bool ended;		/* stdin was read to its end */
};

static enum problem
judge_length(const struct desk *d, bool known, uint64_t declared,
    uint64_t total)
{
	if (known && total > declared)
		return PROBLEM_BAD_REQUEST;
	if (total > d->body.limit)
		return PROBLEM_BODY_TOO_LARGE;
	return PROBLEM_NONE;
}

/*
 * What the body is held to: more than usual when it declares as much, the
 * operation takes it, and few enough are in memory.  *ret_large: it is counted.
 */
static enum problem
widen(struct desk *d, FCGX_Request *fr, bool *ret_large)
{
	const struct front_options *o = d->options;
	uint64_t declared = 0;
	size_t limit;
	bool known;

	d->body.limit = o->body_limit_bytes;
	if (o->body_limit == NULL ||
	    !declared_length(fr->envp, &known, &declared) ||
	    declared <= o->body_limit_bytes)
		return PROBLEM_NONE;
	limit = o->body_limit(o->context, &d->scope, &d->request);
	if (declared > limit)
		return PROBLEM_NONE;
	*ret_large = true;
	if (atomic_fetch_add(d->large, 1) >= o->large_max)
		return PROBLEM_UNAVAILABLE;
	d->body.limit = limit;
	return PROBLEM_NONE;
}

/* Its memory goes before the next one is let in. */
static void
narrow(struct desk *d)
{
	buf_release(&d->body);
	buf_init(&d->body, d->options->body_limit_bytes);
	atomic_fetch_sub(d->large, 1);
}

/*
 * Reads stdin to its end.  Once there is a verdict, the rest is thrown away,
 * within a bound of bytes and time.  A body that ends before its declared
 * length is a client that went away.
 */
static struct intake
take_body(struct desk *d, FCGX_Request *fr, enum problem verdict)
{
	uint64_t deadline = d->scope.deadline_ns, total = 0, declared = 0;
	struct intake intake = { .verdict = verdict };
	const unsigned char *at;
	bool known, refusing = false;
	size_t n;

	buf_clear(&d->body);
	if (!declared_length(fr->envp, &known, &declared))
		intake.verdict = PROBLEM_BAD_REQUEST;
	else if (intake.verdict == PROBLEM_NONE && known)
		intake.verdict = judge_length(d, false, 0, declared);
	while (true) {
		if (intake.verdict != PROBLEM_NONE && !refusing) {
			refusing = true;
			hurry(d, fr->ipcFd);
			deadline = after_ms(DRAIN_MS);
		}
		if ((n = next_bytes(fr->in, &at)) == 0)
			break;
		total += n;
		if (intake.verdict == PROBLEM_NONE)
			intake.verdict = judge_length(d, known, declared,
			    total);
		if (intake.verdict == PROBLEM_NONE)
			buf_add(&d->body, at, n);
		if (total > d->body.limit + DRAIN_BYTES ||
		    clock_left_ms(deadline) == 0)
			break;
	}
	intake.ended = n == 0 && FCGX_GetError(fr->in) == 0;
	intake.lost = intake.verdict == PROBLEM_NONE &&
	    (!intake.ended || (known && total < declared));
	if (intake.verdict != PROBLEM_NONE)
		buf_clear(&d->body);
	return intake;
}

/*
 * Ends our half and lets the peer, which may still be sending, take the
 * answer: closing on unread bytes would reset the connection under it.
 */
static void
linger(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t deadline = after_ms(LINGER_MS);
	char trash[16 * 1024];
	ssize_t n = 1;
	int left;

	shutdown(fd, SHUT_WR);
	for (ssize_t total = 0; n > 0 && total < DRAIN_BYTES; total += n) {
		left = clock_left_ms(deadline);
		if (left == 0 || poll(&p, 1, left) <= 0)
			return;
		n = recv(fd, trash, sizeof(trash), MSG_DONTWAIT);
	}
}

static void
serve(struct desk *d, enum problem verdict, enum problem parsed)
{
	const struct front_options *o = d->options;

	reply_clear(&d->reply);
	if (verdict == PROBLEM_UNAVAILABLE) {
		o->overload(o->context, &d->scope, &d->request, &d->reply);
		return;
	}
	metric_gauge(GAUGE_IN_FLIGHT, 1);
	o->serve(o->context, d->state, &d->scope, &d->request,
	    verdict != PROBLEM_NONE ? verdict : parsed, &d->reply);
	metric_gauge(GAUGE_IN_FLIGHT, -1);
}

/*
 * Serves the request that libfcgi has begun to read.  Returns whether the
 * connection may be kept: nothing of the request is left in it, nginx wants
 * it, and the answer went out whole.
 */
static bool
converse(struct desk *d, FCGX_Request *fr, enum problem verdict,
    bool may_keep, uint64_t began_ns)
{
	struct intake intake;
	enum problem parsed;
	bool keep, sent, large = false;

	d->scope.deadline_ns = began_ns +
	    (uint64_t)d->options->request_timeout_ms * 1000000;
	parsed = http_parse(&d->scope, fr->envp, NULL, 0, &d->request);
	d->request.began_ns = began_ns;
	if (verdict == PROBLEM_NONE && parsed == PROBLEM_NONE)
		verdict = widen(d, fr, &large);
	intake = take_body(d, fr, verdict);
	if (intake.lost) {
		if (large)
			narrow(d);
		return false;
	}
	if (d->body.length > 0) {
		d->request.body = d->body.at;
		d->request.body_length = d->body.length;
	}
	serve(d, intake.verdict, parsed);
	if (large)
		narrow(d);
	keep = intake.ended && intake.verdict != PROBLEM_BAD_REQUEST &&
	    fr->keepConnection != 0 && !d->reply.close && may_keep &&
	    !atomic_load(d->stopping);
	sent = reply_settle(&d->reply, &d->scope) &&
	    reply_send(fr->ipcFd, fr->requestId, &d->reply, d->request.method,
	    !keep && fr->keepConnection != 0, &d->head);
	if (d->reply.stream != NULL) {
		d->stream = d->reply.stream;
		d->stream_id = sent && intake.ended ? fr->requestId : -1;
		return false;
	}
	if (sent && !intake.ended)
		linger(fr->ipcFd);
	return keep && sent;
}

enum fate
fcgi_converse(struct desk *d, int fd, enum problem verdict, bool may_keep)
{
	uint64_t began_ns = clock_now_ns();
	FCGX_Request fr;
	bool keep = false;

	d->stream = NULL;
	FCGX_InitRequest(&fr, -1, FCGI_FAIL_ACCEPT_ON_INTR);
	fr.ipcFd = fd;
	fr.keepConnection = 1;
	fr.detached = 1;
	d->hurried = false;
	if (verdict != PROBLEM_NONE)
		hurry(d, fd);
	if (FCGX_Accept_r(&fr) != 0)
		return FATE_CLOSED;
	scope_init(&d->scope, d->scope.arena);
	d->scope.client = fd;
	if (fr.role == FCGI_RESPONDER)
		keep = converse(d, &fr, verdict, may_keep, began_ns);
	FCGX_Free(&fr, 0);
	if (keep && d->hurried)
		fcgi_set_timeouts(fd, d->options->io_timeout_ms);
	arena_reset(d->scope.arena);
	if (d->stream != NULL)
		return FATE_STREAM;
	return keep ? FATE_KEEP : FATE_CLOSE;
}
