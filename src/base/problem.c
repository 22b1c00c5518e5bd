/* SPDX-License-Identifier: MIT */
/*
 * The rows of problem.def as a table.  PROBLEM_NONE has no row of its own:
 * whoever asks for its text has a defect, and a defect is PROBLEM_INTERNAL.
 */
#include "base/problem.h"

static const struct problem_kind kinds[PROBLEM_COUNT] = {
#define PROBLEM(name, status, code, retryable, sentence)                       \
	[PROBLEM_##name] = { #name, status, code, retryable, sentence },
#include "base/problem.def"
#undef PROBLEM
};

const struct problem_kind *
problem_kind(enum problem p)
{
	if (p <= PROBLEM_NONE || p >= PROBLEM_COUNT)
		p = PROBLEM_INTERNAL;
	return &kinds[p];
}
