/* SPDX-License-Identifier: MIT */
#ifndef SERVE_LIMIT_H
#define SERVE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "contract/contract.h"
#include "http/http.h"

/*
 * How often each subject has called of late, in memory that all processes of
 * a host share: the rates of the contract hold over all of them together, and
 * over a restart.
 */
struct limits;

/*
 * Opens the counts: in the file at `path`, made when it is not there, or, when
 * path is NULL, in memory that this process shares with those it forks.  There
 * is room for about `entries` callers who are short of their quota at the same
 * time; past it the one who is nearest to it again is forgotten, which lets
 * him call sooner.  NULL: the file cannot be used; fault says why.
 */
struct limits *limits_open(const char *path, unsigned entries,
    struct buf *fault) MUST_CHECK;
void limits_close(struct limits *limits);

/* What is left of a quota, for the headers. */
struct quota {
	const struct rate *rate;	/* NULL = none applies */
	unsigned remaining;		/* calls, at once */
	unsigned reset_s;		/* until all of the burst is there */
	unsigned retry_s;		/* refused: until the next call */
};

/*
 * Takes one call of `who` by the generic cell rate algorithm (ITU-T I.371,
 * annex A).  false: it is too soon, and nothing was taken.
 */
bool limits_take(struct limits *limits, const struct rate *rate,
    const char *who, uint64_t now_ns, struct quota *ret) MUST_CHECK;

/*
 * Takes one call of the operation: of the caller's subject, of the address (of
 * the network of 64 bits, for IPv6) when he is anonymous, of the role when he
 * has no subject.  PROBLEM_RATE_LIMITED, with the scope's retry_after_s set.
 */
enum problem limit_judge(struct limits *limits, struct scope *sc,
    const struct operation *operation, const struct caller *caller,
    const struct request *rq, struct quota *ret) MUST_CHECK;

#endif
