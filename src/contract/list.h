/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_LIST_H
#define CONTRACT_LIST_H

#include "contract/internal.h"

/*
 * What the readers of a list's query share: list.c reads the parameters,
 * clause.c conditions, select.c what is told.  Private to these.
 */

/* One query string while it is read. */
struct reading {
	struct scope *sc;
	const struct operation *op;
	const struct intake *intake;
	struct plan *plan;
	struct term *terms;		/* the plan's, while they are added */
	struct clause *clauses;
	size_t conditions;		/* terms in all, those of clauses too */
	size_t embeds;			/* related rows that were asked for */
	const char *after;
	unsigned given;			/* bits of the parameters, by number */
	bool bad;			/* there are issues */
	bool order_bad;			/* so the cursor cannot be judged */
};

/* Adds an issue; always false. */
bool reading_issue(struct reading *r, const struct place *at, enum rule rule,
    const char *param, const char *json);

/* RULE_SYNTAX: "must be ...", what is expected as a printf text. */
bool reading_syntax(struct reading *r, const struct place *at,
    const char *expected, ...) PRINTF_LIKE(3, 4);

/* ---- clause.c ---- */

/* The field that may be filtered by, or NULL. */
const struct field *filter_find(const struct operation *op, const char *name,
    size_t length);

/* Reads `field=not.eq.draft` into the plan's terms. */
bool term_read(struct reading *r, const struct field *field,
    const struct parameter *p) MUST_CHECK;

/*
 * Reads `or=(...)`, `and=(...)`, `not.or=(...)`, `not.and=(...)` into the
 * plan's clauses.  *ret_is is false when the parameter is none of them.
 */
bool clause_read(struct reading *r, const struct parameter *p, bool *ret_is)
    MUST_CHECK;

/* ---- select.c ---- */

/* Reads `select=id,title,author(id,name)`. */
bool select_read(struct reading *r, const char *text) MUST_CHECK;

/* When the limit is known: are the related rows not too many? */
bool select_check(struct reading *r) MUST_CHECK;

#endif
