/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/scope.h"
#include "contract/contract.h"
#include "store/store.h"

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

/* May it be called without a token?  Is it anything but a GET? */
bool tool_is_open(const struct contract *contract,
    const struct operation *operation);
bool tool_is_write(const struct operation *operation);

/* A problem that an operation can give. */
struct possible {
	int status;
	const char *code;
	const char *sentence;
	bool retryable;
	enum problem problem;	/* PROBLEM_DECLARED: the contract's own */
};

/*
 * All problems that an operation can give, by status, then as problem.def has
 * them, then the contract's own; each status and code once.  In the arena.
 */
const struct possible *tool_problems(const struct contract *contract,
    const struct operation *operation, struct arena *arena,
    size_t *ret_count);

/*
 * A deployment as its settings have it, for the runbook.  Texts that are NULL
 * are not set.
 */
struct deployment {
	const char *program;		/* absolute path, as are all files */
	const char *version;
	const struct deployed {
		const char *settings;	/* file, or NULL */
		const char *listen, *log_file;
	} *instances;			/* one at least */
	size_t instance_count;
	const char *contract, *metric_file, *limit_file;
	const char *migrations, *policies;
	const char *database, *database_read, *migrate_database;
	const char *secret_file, *jwks_file, *jwks_url, *issuers;
	const char *ops;		/* URL of the operators' door */
	const char *nginx;		/* nginx's settings file, or NULL */
	const char *backups;		/* directory */
	const char *superuser;		/* who dumps and restores */
	unsigned workers, threads, queue, drain_ms, request_timeout_ms,
	    reconnect_max_ms, jwks_refresh_s;
};

/* Parts of a folder that may be left out, as bits. */
enum { GEN_ZOD = 1, GEN_QUERIES = 2 };

/* What is said of what is made of a contract. */
struct gen_options {
	const char *server;	/* URL before the paths; NULL: the base */
	unsigned without;	/* parts that are not made */
	bool check;		/* nothing is written; what differs is told */
	FILE *told;		/* there, a line a file */
	const struct catalog *catalog;	/* NULL: not looked up */
	const struct deployment *deployment;
	const char *rollup;	/* of rollup: which; NULL: all */
	bool policies;		/* of rollup: its policies alone */
};

/* All is as it should be; some is not (to be checked only); errno says why. */
enum gen_outcome { GEN_WELL, GEN_DIFFERS, GEN_FAILED };

/* The contract as a document of OpenAPI 3.1. */
void tool_openapi(const struct gen_options *options,
    const struct contract *contract, FILE *out);

/*
 * In Markdown: what stands behind each resource and operation, and who reaches
 * what; the way of each operation from a page to the database and back; and
 * how the deployment is run.
 */
void tool_matrix(const struct gen_options *options,
    const struct contract *contract, FILE *out);
void tool_flow(const struct gen_options *options,
    const struct contract *contract, FILE *out);
void tool_runbook(const struct gen_options *options,
    const struct contract *contract, FILE *out);

/*
 * The migrations that make rollups, or their policies, in SQL; of those that
 * tool_rollup_refused() does not refuse, which says why in a line.
 */
void tool_rollup(const struct gen_options *options,
    const struct contract *contract, FILE *out);
bool tool_rollup_refused(const struct gen_options *options,
    const struct contract *contract, struct buf *fault) MUST_CHECK;

/* What something is made of, beside the contract. */
enum gen_need { GEN_CONTRACT, GEN_CATALOG, GEN_DEPLOYMENT };

/* The number of what has that name, and is it a folder; false: none has. */
bool tool_gen_find(const char *name, size_t *ret, bool *ret_folder) MUST_CHECK;

/* What it needs. */
enum gen_need tool_gen_need(size_t number);

/*
 * Makes a document or folder; a document on standard output when path is NULL.
 * A file that could not be written is as it was.
 */
enum gen_outcome tool_gen(size_t number, const struct gen_options *options,
    const struct contract *contract, const char *path) MUST_CHECK;

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
