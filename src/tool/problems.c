/* SPDX-License-Identifier: MIT */
/*
 * What can go wrong with an operation, from what the corridor does with it: a
 * row for each problem says which operations can give it.  Documents and types
 * are made from this one list, and the tests hold each reply to it.  What only
 * a path without an operation gives (405) is in nobody's list.
 */
#include "tool/tool.h"

#include <string.h>

/* What of an operation a problem depends on, as bits. */
enum trait {
	ALWAYS = 1,		/* nginx, the door, tokens, the database */
	NEEDS_TOKEN = 2,	/* the anonymous role may not */
	FINDS = 4,		/* one row, which may not be there */
	LISTS = 8,
	READS_BODY = 16,	/* a body is read as JSON */
	WRITES = 32,
	HEARS_KEY = 64, NEEDS_KEY = 128,
	HEARS_MATCH = 256, NEEDS_MATCH = 512,
	TAKES_MANY = 1024,	/* records at once, each for itself */
};

/*
 * Postgres may refuse a value that the schema takes, and a body where none is
 * taken is refused: 422 is always possible.  What is unknown in a query or a
 * strict Prefer is refused everywhere.
 */
static const unsigned traits_of_problem[PROBLEM_COUNT] = {
	[PROBLEM_BAD_REQUEST] = ALWAYS,
	[PROBLEM_MALFORMED_JSON] = READS_BODY,
	[PROBLEM_INVALID_QUERY] = ALWAYS,
	[PROBLEM_INVALID_CURSOR] = LISTS,
	[PROBLEM_IDEMPOTENCY_KEY_MISSING] = NEEDS_KEY,
	[PROBLEM_IDEMPOTENCY_KEY_INVALID] = HEARS_KEY,
	[PROBLEM_INVALID_PREFERENCE] = ALWAYS,
	[PROBLEM_TOKEN_MISSING] = NEEDS_TOKEN,
	[PROBLEM_TOKEN_INVALID] = ALWAYS,
	[PROBLEM_TOKEN_EXPIRED] = ALWAYS,
	[PROBLEM_FORBIDDEN] = ALWAYS,
	[PROBLEM_NOT_FOUND] = FINDS,
	[PROBLEM_NOT_ACCEPTABLE] = ALWAYS,
	[PROBLEM_CONFLICT] = WRITES,
	[PROBLEM_REFERENCED] = WRITES,
	[PROBLEM_REQUEST_IN_PROGRESS] = HEARS_KEY,
	[PROBLEM_PRECONDITION_FAILED] = HEARS_MATCH,
	[PROBLEM_BODY_TOO_LARGE] = ALWAYS,
	[PROBLEM_URI_TOO_LONG] = ALWAYS,
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = READS_BODY,
	[PROBLEM_VALIDATION_FAILED] = ALWAYS,
	[PROBLEM_ALL_REJECTED] = TAKES_MANY,
	[PROBLEM_IDEMPOTENCY_KEY_REUSED] = HEARS_KEY,
	[PROBLEM_PRECONDITION_REQUIRED] = NEEDS_MATCH,
	[PROBLEM_RATE_LIMITED] = ALWAYS,
	[PROBLEM_HEADERS_TOO_LARGE] = ALWAYS,
	[PROBLEM_INTERNAL] = ALWAYS,
	[PROBLEM_UPSTREAM_FAILED] = ALWAYS,
	[PROBLEM_UNAVAILABLE] = ALWAYS,
	[PROBLEM_TIMEOUT] = ALWAYS,
};

bool
tool_is_open(const struct contract *contract, const struct operation *op)
{
	const char *anonymous = contract_about(contract)->anonymous;

	for (size_t i = 0; i < op->role_count && anonymous != NULL; i++)
		if (strcmp(op->roles[i], anonymous) == 0)
			return true;
	return false;
}

bool
tool_is_write(const struct operation *op)
{
	return op->method != METHOD_GET;
}

static unsigned
traits_of(const struct contract *contract, const struct operation *op)
{
	bool changes = op->verb == VERB_UPDATE || op->verb == VERB_DELETE;
	bool call = op->verb == VERB_CALL;
	const struct {
		bool so;
		unsigned trait;
	} rows[] = {
		{ true, ALWAYS },
		{ !tool_is_open(contract, op), NEEDS_TOKEN },
		/* A function may raise no_data_found. */
		{ changes || call || op->verb == VERB_READ, FINDS },
		{ op->verb == VERB_LIST, LISTS },
		{ op->body != NULL || (call && tool_is_write(op)), READS_BODY },
		{ tool_is_write(op), WRITES },
		{ op->idempotency != DEMAND_NONE, HEARS_KEY },
		{ op->idempotency == DEMAND_REQUIRED, NEEDS_KEY },
		{ changes, HEARS_MATCH },
		{ op->match == DEMAND_REQUIRED, NEEDS_MATCH },
		/* They may stand for rejected ones that are gone. */
		{ op->bulk != NULL, TAKES_MANY | FINDS },
	};
	unsigned traits = 0;

	for (size_t i = 0; i < countof(rows); i++)
		if (rows[i].so)
			traits |= rows[i].trait;
	return traits;
}

/* Keeps them by status, otherwise in the order in which they come. */
static size_t
add(struct possible *list, size_t count, struct possible one)
{
	size_t at = count;

	for (size_t i = 0; i < count; i++)
		if (list[i].status == one.status &&
		    strcmp(list[i].code, one.code) == 0)
			return count;
	while (at > 0 && list[at - 1].status > one.status)
		at--;
	memmove(&list[at + 1], &list[at], (count - at) * sizeof(*list));
	list[at] = one;
	return count + 1;
}

static size_t
add_declared(struct possible *list, size_t count, const struct declared *all,
    size_t all_count)
{
	for (size_t i = 0; i < all_count; i++)
		count = add(list, count, (struct possible){ all[i].status,
			all[i].code, all[i].message, false, PROBLEM_DECLARED });
	return count;
}

const struct possible *
tool_problems(const struct contract *contract, const struct operation *op,
    struct arena *arena, size_t *ret_count)
{
	const struct resource *r = op->resource;
	unsigned traits = traits_of(contract, op);
	struct possible *list = arena_alloc(arena, (PROBLEM_COUNT +
	    op->error_count + r->constraint_count + 1) * sizeof(*list));
	size_t count = 0;

	for (size_t p = 0; p < PROBLEM_COUNT; p++) {
		const struct problem_kind *kind = problem_kind(p);

		if ((traits_of_problem[p] & traits) != 0)
			count = add(list, count, (struct possible){
				kind->status, kind->code, kind->sentence,
				kind->retryable, p });
	}
	count = add_declared(list, count, op->errors, op->error_count);
	if ((traits & WRITES) != 0)
		count = add_declared(list, count, r->constraints,
		    r->constraint_count);
	*ret_count = count;
	return list;
}
