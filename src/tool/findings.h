/* SPDX-License-Identifier: MIT */
#ifndef TOOL_FINDINGS_H
#define TOOL_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/check.h"
#include "contract/contract.h"

/*
 * What `lockstep check` finds, wherever it comes from, and how it is told.
 */
struct db_finding {
	const struct check_rule *rule;
	const char *object;	/* "app.letters.title", "app.f(uuid)" */
	const char *file;	/* of the contract, or NULL */
	size_t line, column;
	const char *what;	/* a sentence */
	const char *mend;	/* SQL or a sentence; NULL: the rule's */
};

/* What was found, in the arena; zeros but for arena and directory at first. */
struct findings {
	struct arena *arena;
	const char *directory;		/* of the contract */
	struct db_finding *at;
	size_t count, room;
	bool proved;			/* they are of the proof, no others */
};

enum findings_form { FINDINGS_TABLE, FINDINGS_JSON, FINDINGS_SARIF };

/* Which rules to look at; each text is ID or ID:OBJECT. */
struct findings_choice {
	const char *const *only, *const *except;
	size_t only_count, except_count;
};

/* Adds one; its texts are constants or in the arena. */
void findings_add(struct findings *findings, const struct db_finding *finding);

/* Adds what contract_check() found. */
void findings_add_contract(struct findings *findings,
    const struct finding *list, size_t count);

/* Leaves out what is not chosen, and sorts: errors first, then by object. */
void findings_choose(struct findings *findings,
    const struct findings_choice *choice);

/* How many are errors; with `strict` warnings are as well. */
size_t findings_errors(const struct findings *findings, bool strict);

/*
 * Tells all: lines for people, one JSON array, or SARIF 2.1.0 with the rules
 * that there are.
 */
void findings_print(const struct findings *findings,
    const struct check_rules *rules, size_t rules_count,
    enum findings_form form,
    bool strict, FILE *out);

/* Tells the rules: id, level, title. */
void findings_print_rules(const struct check_rules *rules, size_t rules_count,
    enum findings_form form, FILE *out);

/*
 * The contract against the catalog of a database: adds what differs, and the
 * rules by which it is judged.
 */
struct catalog;
struct gen_options;
void tool_drift(const struct contract *contract,
    const struct catalog *catalog, struct findings *findings);
struct check_rules tool_drift_rules(void);

/*
 * Adds what the lint finds of the database, for whom the string logs in as.
 * false: one line in `fault` says why; also when it is not the database of the
 * identity.
 */
bool tool_lint(const struct contract *contract, const char *database,
    const char *identity, struct findings *findings, struct buf *fault)
    MUST_CHECK;

/* The same of what a trial has made, as `login` would see it. */
struct trial;
bool tool_lint_trial(const struct contract *contract, struct trial *trial,
    const char *login, struct findings *findings, struct buf *fault)
    MUST_CHECK;

/*
 * Documents in a directory that `lockstep gen` would make otherwise now.
 * false: it cannot be read.
 */
bool tool_drift_generated(const struct gen_options *options,
    const struct contract *contract, const char *directory,
    struct findings *findings);

/* The same, by a rule; for tool_drift_generated(). */
bool tool_stale(const struct gen_options *options,
    const struct contract *contract, const char *directory,
    const struct check_rule *rule, struct findings *findings);

/*
 * All of it: what differs and what the lint finds of a database, each placed in
 * the contract where it can be.  NULL: one line in `fault` says why; else the
 * catalog that it was held against, as long-lived as the arena.
 */
const struct catalog *tool_examine(const struct contract *contract,
    const char *database, struct findings *findings,
    struct buf *fault) MUST_CHECK;

/* The same of what a trial has made, for whoever serves: `login`. */
const struct catalog *tool_examine_trial(const struct contract *contract,
    struct trial *trial, const char *login, struct findings *findings,
    struct buf *fault) MUST_CHECK;

/*
 * The proof by experiment, of a wide catalog: what each role can do beside what
 * the contract says, and what differs, which is added.  NULL: one line in
 * `fault` says why.
 */
struct proven;
const struct proven *tool_prove(const struct contract *contract,
    const struct catalog *catalog, const char *database,
    struct findings *findings, size_t *ret_count, struct buf *fault)
    MUST_CHECK;
struct check_rules tool_prove_rules(void);

/* Tells it, and the findings that are left. */
void tool_prove_print(const struct proven *proven, size_t count,
    const struct findings *findings, enum findings_form form, bool strict,
    FILE *out);

/*
 * Takes out what is accepted; what is accepted and was not found is a finding
 * itself, unless only some rules were looked at.
 */
void tool_accept(struct findings *findings, const struct accepted *list,
    size_t count, bool whole);

/*
 * The same by check.json of the directory.  false: it has faults, told as
 * file:line:column, one a line.
 */
bool tool_accepted(struct findings *findings, bool whole,
    struct buf *faults) MUST_CHECK;

#endif
