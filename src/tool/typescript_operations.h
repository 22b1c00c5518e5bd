/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TYPESCRIPT_OPERATIONS_H
#define TOOL_TYPESCRIPT_OPERATIONS_H

#include "tool/typescript.h"

/* What the writers of operations share.  Private to tool/. */

/* An operation while it is written. */
struct writer {
	struct typescript *ts;
	const struct operation *op;
	const char *row;	/* type of what is told; "null" for nothing */
	const char *camel;	/* setStatus, delete: its name for callers */
	const char *variable;	/* setStatus, delete_: of the function */
	const char *pascal;	/* SetStatus: what its types begin with */
	struct buf *out;
};

/*
 * "set_status" of "users.set_status": setStatus for callers, SetStatus in
 * types, and the name of its function, which is no reserved word.
 */
const char *operation_name(const struct operation *op);
const char *operation_camel(struct typescript *ts, const struct operation *op);
const char *operation_pascal(struct typescript *ts,
    const struct operation *op);
const char *operation_variable(struct typescript *ts,
    const struct operation *op);

/* Is there anything that a call of it must give? */
bool operation_asks(const struct operation *op);

/* Writes the types of what it takes. */
void operation_inputs(struct writer *w);

#endif
