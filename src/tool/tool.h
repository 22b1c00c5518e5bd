/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/scope.h"
#include "contract/contract.h"

/*
 * Contract -> files and reports.  An emitter writes to `out` and returns
 * nothing; looking at ferror(out) is the caller's.
 */

/* The routes: a table for people, or one JSON array. */
void tool_routes(const struct contract *contract, bool json, FILE *out);

/*
 * What an operation asks and does: roles, what is judged by which schema,
 * the statement, its own errors.
 */
void tool_explain(const struct contract *contract,
    const struct match *match, FILE *out);

/*
 * The problem of a scope as people read it: code, sentence, cause, issues.
 */
void tool_problem(enum problem p, const struct scope *sc, FILE *out);

#endif
