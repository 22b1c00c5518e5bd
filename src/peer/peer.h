/* SPDX-License-Identifier: MIT */
#ifndef PEER_PEER_H
#define PEER_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/buf.h"

/*
 * One HTTP exchange with a service of somebody else: what a job calls, where a
 * webhook is delivered.  Bounded in bytes and time; TLS is verified; no
 * redirect is followed; no proxy, cookie or netrc of the environment is used.
 * The address that is judged is the one that is connected to.
 */

/* Whom a call may reach. */
enum peer_reach {
	PEER_PUBLIC,	/* addresses of the internet alone, and the ranges
			 * that the peer is given: others named the URL */
	PEER_ANY,	/* any: the owner of the deployment named it */
};

struct peer_header {
	const char *name, *value;
};

struct peer_call {
	const char *method;	/* NULL = POST */
	const char *url;	/* https, or http as `plain` says */
	const struct peer_header *headers;
	size_t header_count;
	const void *body;
	size_t body_length;
	enum peer_reach reach;
	bool plain;		/* take http://; to an address of the ranges it
				 * is taken anyhow */
	const char *ca_file;	/* PEM of those to trust; NULL = the system's */
	unsigned connect_ms, timeout_ms;	/* timeout_ms: for all of it */
	size_t reply_max;	/* bytes of the reply's body; more is cut off */
	atomic_bool *stop;	/* set by another thread ends it; or NULL */
};

enum peer_ending {
	PEER_ANSWERED,		/* with a status, whichever */
	PEER_REFUSED,		/* by us: the URL or its address may not be */
	PEER_UNREACHABLE,	/* no name, no connection, no trust */
	PEER_TIMEOUT,
	PEER_BROKEN,		/* no HTTP, or the end came too early */
	PEER_STOPPED,
};
const char *peer_ending_name(enum peer_ending ending);

/* What came of it; texts in the arena. */
struct peer_reply {
	enum peer_ending ending;
	const char *cause;	/* a sentence without the URL's query or user;
				 * NULL when answered */
	unsigned status;	/* 0 = none came */
	const char *type;	/* Content-Type, or NULL */
	int64_t retry_after_s;	/* Retry-After: seconds or date; -1 = none */
	const char *body;	/* NUL-terminated behind its length */
	size_t body_length;
	bool cut;		/* there was more */
	uint64_t took_ns;
};

/* Addresses that PEER_PUBLIC reaches besides the internet's. */
struct peer_ranges;

/*
 * Reads "10.1.0.0/16 fd00:1::/64": addresses with the length of their prefix
 * (the whole address without), spaces or commas between.  NULL, with a sentence
 * in fault, when one is none.
 */
struct peer_ranges *peer_ranges_read(const char *text, struct buf *fault)
    MUST_CHECK;
void peer_ranges_free(struct peer_ranges *ranges);

/*
 * A thread's end of it, which keeps connections open; fetch_init() first, and
 * SIGPIPE is ignored.  The ranges, which may be NULL, must outlive it.
 */
struct peer;
struct peer *peer_new(const struct peer_ranges *ranges);
void peer_free(struct peer *peer);

/*
 * A connection that was kept may have been closed by the other side meanwhile:
 * then, without a byte of a reply, the request is sent once more on a new one.
 */
struct peer_reply peer_exchange(struct peer *peer, struct arena *arena,
    const struct peer_call *call) MUST_CHECK;

/*
 * Is it an address of the internet, which anybody may be sent to: none that is
 * private, local, mapped, translated, reserved or for tests?
 */
bool peer_is_public(const struct sockaddr *address) MUST_CHECK;

#endif
