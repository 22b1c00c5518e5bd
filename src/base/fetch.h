/* SPDX-License-Identifier: MIT */
#ifndef BASE_FETCH_H
#define BASE_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attribute.h"
#include "base/buf.h"

/*
 * Getting a small document by HTTP.  Bounded in bytes and time; TLS is
 * verified; no redirect is followed; no proxy, cookie or netrc of the
 * environment is used.  Never on the way of a request.
 */
struct fetch {
	const char *url;
	const char *accept;	/* the Accept header's value */
	const char *ca_file;	/* PEM of those to trust; NULL = the system's */
	bool plain;		/* take http:// from any host */
	unsigned timeout_ms;	/* for all of it */
	atomic_bool *stop;	/* set by another thread ends it; or NULL */
};

/* Before the first thread: makes libcurl ready. */
void fetch_init(void);

/*
 * How any transfer of ours goes, whatever the environment says: by http or
 * https and nowhere else than asked, TLS verified, in bounded time, without
 * signals.  The handle is libcurl's; false when that lacks something.
 */
bool fetch_fence(void *curl, const char *ca_file, unsigned connect_ms,
    unsigned timeout_ms) MUST_CHECK;

/*
 * May the URL be fetched at all: https, or http when `plain`, or when its host
 * is this one (127.0.0.0/8, [::1], localhost); no user, no fragment?  false
 * with a sentence in fault otherwise.
 */
bool fetch_may(const char *url, bool plain, struct buf *fault) MUST_CHECK;

/*
 * Gets the document: the body of a 200, of at most the body's limit.  false
 * with a sentence in fault otherwise; what was put into body is then of no
 * use.
 */
bool fetch_get(const struct fetch *what, struct buf *body, struct buf *fault)
    MUST_CHECK;

#endif
