/* SPDX-License-Identifier: MIT */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/scope.h"
#include "http/http.h"

/*
 * Shared within http/ alone: front.c has fcgi.c do one request, which has
 * write.c answer it.
 */

/* What a thread reuses from request to request. */
struct desk {
	const struct front_options *options;
	const _Atomic bool *stopping;	/* true: keep no connection */
	_Atomic unsigned *large;	/* long bodies that are in memory */
	void *state;			/* of enter() */
	bool hurried;			/* short time-outs are set */
	struct scope scope;
	struct request request;
	struct reply reply;
	struct buf head, body;
	void *stream;			/* FATE_STREAM: what it is of, */
	int stream_id;			/* and its request's number */
};

/* A desk with memory of its own; its `state` is the caller's. */
void desk_init(struct desk *d, const struct front_options *options,
    const _Atomic bool *stopping, _Atomic unsigned *large);

/* Gives the memory back. */
void desk_release(struct desk *d);

/* Before all threads.  0, or -1 with errno set.  Ignores SIGPIPE. */
int fcgi_init(void) MUST_CHECK;

/* How long the connection may keep a read or write waiting. */
void fcgi_set_timeouts(int fd, unsigned ms);

/* What is to become of a connection. */
enum fate {
	FATE_KEEP,	/* its request is over; the next may come */
	FATE_CLOSE,	/* the caller closes it */
	FATE_CLOSED,	/* there was no request, and it is closed already */
	FATE_STREAM,	/* it is that of desk->stream */
};

/*
 * Reads one request, has it served (with verdict PROBLEM_UNAVAILABLE: refused
 * by overload(), in a hurry) and answers it; with may_keep false as the last
 * one of the connection.
 */
enum fate fcgi_converse(struct desk *d, int fd, enum problem verdict,
    bool may_keep);

/*
 * Makes the reply fit to send: one whose body or head passed its limit becomes
 * a plain 500, since a part of an answer must never look like an answer.
 * false when even that does not fit.
 */
bool reply_settle(struct reply *rp, const struct scope *sc) MUST_CHECK;

/*
 * Sends the reply as the whole answer to a FastCGI request: its records, the
 * end of the stream and END_REQUEST, as a rule with one system call.  With
 * `last` a farewell follows in the same call.  `head` is scratch memory.
 * false when the peer did not take all of it.
 */
bool reply_send(int fd, int request_id, const struct reply *rp, enum method m,
    bool last, struct buf *head) MUST_CHECK;

/*
 * Tells a peer, between two requests, that the connection will be closed: an
 * empty STDERR record, which nginx skips when it waits for an answer, and
 * which makes it drop the connection when it does not (behind END_REQUEST, or
 * idle).  A bare close may cross a request on its way, and nginx repeats no
 * POST.  Does not wait.
 */
void farewell_send(int fd);

/* What a Prefer field says, or several joined by commas (RFC 7240). */
struct preferences prefer_read(const char *field);

/* Is the value free of control bytes, and valid UTF-8? */
bool field_is_clean(const char *value);

#endif
