/* SPDX-License-Identifier: MIT */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include <stdbool.h>

/*
 * What a function that can fail returns.  PROBLEM_NONE is 0 and the only
 * success; the rest are the rows of problem.def.
 */
enum problem {
	PROBLEM_NONE,
#define PROBLEM(name, status, code, retryable, sentence) PROBLEM_##name,
#include "base/problem.def"
#undef PROBLEM
	PROBLEM_COUNT
};

/* A row of problem.def; all strings are constants. */
struct problem_kind {
	const char *name;	/* "NOT_FOUND" */
	int status;		/* HTTP status */
	const char *code;	/* on the wire */
	bool retryable;		/* may the same request succeed later? */
	const char *sentence;	/* for people */
};

/*
 * The row of a problem.  Never NULL: PROBLEM_NONE and values out of range give
 * the row of PROBLEM_INTERNAL.
 */
const struct problem_kind *problem_kind(enum problem p);

#endif
