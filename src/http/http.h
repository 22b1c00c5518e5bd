/* SPDX-License-Identifier: MIT */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"
#include "base/buf.h"
#include "base/problem.h"
#include "base/scope.h"

/*
 * Bytes -> request, response -> bytes: FastCGI behind nginx, by libfcgi.
 */

enum method {
	METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_PATCH,
	METHOD_DELETE, METHOD_OPTIONS, METHOD_OTHER, METHOD_COUNT
};

/* "GET" -> METHOD_GET; anything else is METHOD_OTHER.  And back. */
enum method method_of(const char *word);
const char *method_name(enum method m);

enum {
	HTTP_SEGMENTS_MAX = 16,		/* of a path */
	HTTP_PARAMETERS_MAX = 64,	/* of a query string */
	HTTP_TARGET_MAX = 8192,		/* bytes of the request target */
};

/*
 * What a client would like (RFC 7240), of all Prefer fields together; a
 * preference that is not known, or has a value that is not, is none.
 */
struct preferences {
	enum { RETURN_UNSAID, RETURN_MINIMAL, RETURN_REPRESENTATION } returns;
	enum { TOTAL_UNSAID, TOTAL_EXACT, TOTAL_ESTIMATED } total; /* count= */
	enum { RESOLUTION_UNSAID, RESOLUTION_MERGE, RESOLUTION_IGNORE }
	    resolution;		/* merge-duplicates, ignore-duplicates */
	bool rollback;		/* tx=rollback */
	bool strict;		/* handling=strict */
	bool unknown;		/* there was one that is not known */
};

/* A query parameter, decoded; "a" without "=" has the value "". */
struct parameter {
	const char *name;
	const char *value;
};

/*
 * One request, const to everyone but http/.  All strings are in the scope's
 * arena, NUL-terminated and valid UTF-8; header fields are NULL when absent.
 */
struct request {
	enum method method;
	const char *method_text;	/* as sent */
	const char *target;		/* REQUEST_URI as sent, undecoded */
	const char *path;		/* decoded once: "/api/letters/1" */
	const char *segment[HTTP_SEGMENTS_MAX];	/* of path, decoded */
	size_t segments;
	const char *query;		/* undecoded, "" when none */
	struct parameter parameter[HTTP_PARAMETERS_MAX];
	size_t parameters;
	const char *authorization;
	const char *content_type;
	const char *accept;
	const char *origin;
	const char *idempotency_key;	/* as sent, quotes and all */
	const char *if_match;
	const char *if_none_match;
	const char *ask_method;		/* Access-Control-Request-Method */
	const char *ask_headers;	/* Access-Control-Request-Headers */
	struct preferences prefer;
	const char *host;
	const char *scheme;		/* "http" or "https" */
	const char *remote_address;
	bool ops;		/* came by the host's own door (LOCKSTEP_DOOR=ops) */
	const char *body;	/* all of it, not NULL; may hold any byte */
	size_t body_length;
	uint64_t began_ns;	/* clock_now_ns() when reading began */
	char *const *params;	/* as given to http_parse(), for http_header() */
};

/*
 * Makes a request of FastCGI parameters ("NAME=value" strings, NULL at the
 * end) and a body.  Fills what it can even when it fails, so that the failure
 * can be logged and answered; sets the scope's request_id (X-Request-Id when
 * it is 1..64 of [A-Za-z0-9._-], else made from random bytes) and traceparent
 * (when well-formed, W3C trace-context level 1).
 *
 * The path is that of REQUEST_URI, decoded once.  PROBLEM_BAD_REQUEST: an
 * escape that is broken, "%2F" or "%5C", a backslash, dot segments, empty
 * segments, control bytes, bad UTF-8, an absolute-form target, more than
 * HTTP_SEGMENTS_MAX segments, more than HTTP_PARAMETERS_MAX parameters, a
 * header field of ours that is repeated, but for lists (Accept, Prefer,
 * If-Match, If-None-Match), whose lines are joined.  PROBLEM_URI_TOO_LONG over
 * HTTP_TARGET_MAX.
 */
enum problem http_parse(struct scope *sc, char *const *params,
    const char *body, size_t body_length, struct request *rq) MUST_CHECK;

/*
 * A header field of any name ("Stripe-Signature"), of a request that is being
 * served: NULL when it is absent or empty.  The text is in the arena.  false,
 * with the cause set: it came twice, or holds control bytes, or is not UTF-8.
 */
bool http_header(struct scope *sc, const struct request *rq, const char *name,
    const char **ret) MUST_CHECK;

/*
 * What is answered.  Both buffers are kept between requests.  `head` holds
 * whole lines, made by reply_header().
 */
struct reply {
	int status;
	const char *content_type;	/* NULL = application/json */
	struct buf head;
	struct buf body;
	size_t line, value;	/* where the last header and its value begin */
	bool bodiless;	/* HEAD, 204, 304: the body is counted, never sent */
	bool close;	/* do not keep the connection afterwards */
	void *stream;	/* not NULL: the body is the beginning of one without a
			 * known end, which goes to front_options.stream */
};

/* A reply without memory yet; `limit` bounds the body.  And its end. */
void reply_init(struct reply *rp, size_t limit);
void reply_release(struct reply *rp);

/* Status 200, no headers, no body, memory kept. */
void reply_clear(struct reply *rp);

/*
 * Adds a header field.  One whose value has a control byte is left out whole,
 * so that a header can never be split; so is one that is empty or over 14 KiB.
 */
void reply_header(struct reply *rp, const char *name, const char *value);

/*
 * The same with a value in pieces: what is added to the buffer between these
 * two is the value, and is judged at the end.
 */
struct buf *reply_value(struct reply *rp, const char *name);
void reply_value_end(struct reply *rp);

/*
 * The front: a listening unix socket, an epoll set and threads.  Connections
 * that nginx keeps wait in the epoll set (EPOLLONESHOT) and cost no thread; a
 * thread takes one when there is something to read, reads the request to its
 * end (within limits, else the connection is dropped), has it served, answers
 * and parks the connection again.  When all threads are busy, up to `queue`
 * ready connections wait; past that, or when one waited queue_timeout_ms, it
 * is answered by `overload` at once.  While there is a standing queue each waits
 * for queue_target_ms at most, so that what is served is served in time.
 */
struct front_options {
	int listener;			/* from front_listen() */
	const char *socket_path;	/* unlinked when stopping */
	unsigned threads;
	unsigned queue;
	unsigned queue_timeout_ms;
	unsigned queue_target_ms;	/* the same while there is a standing
					 * queue; 0 = queue_timeout_ms */
	unsigned connections_max;	/* parked and busy; over it: refused */
	size_t body_limit_bytes;
	/*
	 * How long the body of a request may be that declares more than that;
	 * called before it is read, with what http_parse() made of the head.
	 * No more than large_max of them are read and served at the same time.
	 * NULL: none may.
	 */
	size_t (*body_limit)(void *context, struct scope *sc,
	    const struct request *rq);
	unsigned large_max;
	size_t reply_limit_bytes;
	unsigned io_timeout_ms;		/* a read or write by nginx */
	unsigned request_timeout_ms;	/* sets the scope's deadline */
	unsigned drain_ms;		/* for front_stop */

	void *context;
	/* Makes a thread's own state (its store); called in the thread. */
	void *(*enter)(void *context, unsigned thread);
	/*
	 * Answers a request.  parsed is http_parse's verdict, or
	 * PROBLEM_BODY_TOO_LARGE; the scope's deadline is set.
	 */
	void (*serve)(void *context, void *state, struct scope *sc,
	    const struct request *rq, enum problem parsed, struct reply *rp);
	/* Answers a request for which there is no thread: 503. */
	void (*overload)(void *context, struct scope *sc,
	    const struct request *rq, struct reply *rp);
	void (*leave)(void *context, void *state);
	/*
	 * Takes over a connection whose reply is a stream; from here on it is
	 * closed by http_stream_end().  fd -1: it was lost before.
	 */
	void (*stream)(void *context, void *stream, int fd, int request_id);
};

/*
 * More of a stream's body.  Never waits: false when the peer is gone, or has not
 * taken what came before; then only the end is left.
 */
bool http_stream_send(int fd, int request_id, const void *bytes,
    size_t length) MUST_CHECK;

/* Ends the stream and closes the connection. */
void http_stream_end(int fd, int request_id);

/*
 * Binds and listens (close-on-exec, non-blocking, backlog 511).  A stale
 * socket file is replaced, by rename, so that the path never lacks a listener;
 * one that answers is replaced as well (that is a restart).  mode is the
 * file's (0660).  Returns the descriptor, or -1 with errno set.
 */
int front_listen(const char *path, unsigned mode) MUST_CHECK;

/*
 * Runs threads until front_stop(); returns 0, or -1 with errno when it could
 * not begin.  All signals must be blocked before.  Call once a process.
 */
struct front;
struct front *front_new(const struct front_options *options) MUST_CHECK;
int front_run(struct front *front) MUST_CHECK;

/*
 * Begins the graceful stop; safe from another thread (the one that reads
 * signals).  The backlog is accepted, the listener closed, requests that were
 * begun are answered, kept connections are closed after their next answer or
 * when idle, and front_run() returns when none is left or after drain_ms.
 * (Unlinking the socket path comes first, and is the parent's doing.)
 */
void front_stop(struct front *front);
void front_free(struct front *front);

#endif
