/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ADVICE_H
#define TOOL_ADVICE_H

#include "tool/tool.h"

/*
 * What a front end is to do with an operation and with each problem: text of
 * documents.  Private to tool/.
 */

/* Where on its way a request is refused. */
enum flow_step {
	FLOW_SOURCE,		/* nginx, and what tokens and rates say */
	FLOW_VALIDATION, FLOW_ACTION, FLOW_DATABASE, FLOW_STEP_COUNT
};
enum flow_step advice_step(enum problem problem);
const char *advice_step_name(enum flow_step step);

/* What a page does when the problem comes: a sentence of Markdown. */
const char *advice_problem(enum problem problem);

/* What a page does before and after an operation: sentences of Markdown. */
const char *advice_before(const struct operation *op);
const char *advice_success(const struct operation *op);
const char *advice_refusal(const struct operation *op);
const char *advice_repeat(const struct operation *op);

/*
 * Is what `query` tells another once `write` was done?  Both are operations of
 * the same contract.
 */
bool advice_is_stale(const struct operation *write,
    const struct operation *query);

#endif
