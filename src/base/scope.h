/* SPDX-License-Identifier: MIT */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/problem.h"

struct buf;

enum {
	SCOPE_ISSUES_MAX = 20,		/* issues told to a client */
	SCOPE_REQUEST_ID_MAX = 64,	/* bytes of a request id */
	SCOPE_TRACE_MAX = 55,		/* bytes of a traceparent, W3C */
};

/* The rules of rule.def. */
enum rule {
#define RULE(name, code, keyword, sentence) RULE_##name,
#include "base/rule.def"
#undef RULE
	RULE_COUNT
};

/*
 * Where in a document: a chain of frames on the stack, the innermost first.
 * A frame is a member's name (name not NULL, length given since names may hold
 * any byte but NUL) or an item's index.  NULL is the document itself.
 */
struct place {
	const struct place *up;
	const char *name;
	size_t length;
	size_t index;
};

/*
 * What a rule is about: its limits, from the contract and never from the
 * payload.  `json` is JSON text ("3", "\"uuid\"", "[\"a\",\"b\"]").
 */
struct issue_param {
	const char *name;
	const char *json;
};

/* One fault of a payload, ready for the wire; all strings in the arena. */
struct issue {
	enum rule rule;
	const char *path;	/* JSON text of the array: ["a",0] */
	const char *pointer;	/* JSON text of the pointer, quoted: "/a/0" */
	const char *code;	/* the rule's */
	const char *keyword;	/* the rule's */
	const char *message;	/* JSON text, quoted; parameters put in */
	const char *params;	/* JSON text of the object, or NULL */
};

/*
 * What is the same for every stage of one request or job: memory, correlation,
 * deadline, public issues, private cause.  First parameter everywhere.  It
 * carries no stage's data.
 */
struct scope {
	struct arena *arena;
	char request_id[SCOPE_REQUEST_ID_MAX + 1];
	char traceparent[SCOPE_TRACE_MAX + 1];	/* "" when there is none */
	uint64_t deadline_ns;			/* clock_now_ns(), 0 = none */
	unsigned steps_judged;			/* of the bound on judging */
	int client;	/* descriptor that hangs up (POLLRDHUP) when nobody
			 * waits for the answer any more; -1 = none */

	struct issue issues[SCOPE_ISSUES_MAX];
	unsigned issue_count;
	bool issues_truncated;

	const char *cause;	/* private: logged once, never told */

	/* What some problems say beside their row; set by scope_* below. */
	const char *declared_code;
	const char *declared_message;
	int declared_status;
	const char *allow;	/* 405: value of the Allow header */
	unsigned retry_after_s;	/* 429, 503; 0 = the default */
	const char *records;	/* 422 all_rejected: JSON text of what came of
				 * the records */
	bool at_known;		/* 400 malformed_json: where it broke */
	size_t at_offset, at_line, at_column;
};

/*
 * Makes a scope ready for a request: everything zero but client, -1, and the
 * arena, which must be empty (new or reset) and stays the caller's.
 */
void scope_init(struct scope *sc, struct arena *arena);

/*
 * Adds an issue: the rule `rule` is broken at `place`, with n parameters.  The
 * path names a missing member itself (RULE_REQUIRED: pass a place whose first
 * frame is the member).  At most SCOPE_ISSUES_MAX are kept, then
 * issues_truncated is set.  Member names longer than 128 bytes are cut.
 */
void scope_issue(struct scope *sc, const struct place *place, enum rule rule,
    const struct issue_param *params, size_t n);

/* The issue that was added last is told in these words: the contract's own. */
void scope_issue_reword(struct scope *sc, const char *message);

/* Forgets the issues from number `count` on (a branch was taken back). */
void scope_issues_rewind(struct scope *sc, unsigned count);

/*
 * Adds the issues as the wire has them: "issues":[...], and, when some were
 * left out, ,"issues_truncated":true.
 */
void scope_issues_write(const struct scope *sc, struct buf *b);

/*
 * Keeps the private cause of a failure, the first one only, and returns p:
 * `return scope_fail(sc, PROBLEM_INTERNAL, "...")`.  The text goes to the log
 * alone; it must hold no secret and no value of a row or body.
 */
enum problem scope_fail(struct scope *sc, enum problem p, const char *format,
    ...) PRINTF_LIKE(3, 4);

/*
 * Says that the contract's own error applies and returns PROBLEM_DECLARED.
 * The strings must live as long as the contract.  status is 4xx.
 */
enum problem scope_declare(struct scope *sc, const char *code, int status,
    const char *message);

/* The text of a rule: its code, keyword and sentence.  For documents. */
const char *rule_code(enum rule rule);
const char *rule_keyword(enum rule rule);

#endif
