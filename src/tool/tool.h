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

/* How tool_validate() tells what it found. */
enum validate_output { VALIDATE_PEOPLE, VALIDATE_WIRE, VALIDATE_BASIC,
	VALIDATE_FLAG };

struct validate_options {
	enum validate_output output;
	bool lines;		/* an instance a line */
};

/*
 * Judges files, "-" being standard input.  What was found goes to `out`, what
 * cannot be judged (unreadable, not JSON) to `err`.  Exits like diff.
 */
int tool_validate(const struct validator *validator,
    const struct validate_options *options, char *const *files, size_t count,
    FILE *out, FILE *err);

/* What contract_check() found: a line each, or one JSON array. */
void tool_check(const struct finding *findings, size_t count, bool strict,
    bool json, FILE *out);

#endif
