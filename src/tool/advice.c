/* SPDX-License-Identifier: MIT */
/*
 * The front end's side of the flow.  A query is stale when it tells rows of a
 * table that a write may have changed, by itself or within other rows.  What a
 * function changes is known by its resource and by what it returns; beyond
 * that it may do what it likes.
 */
#include "tool/advice.h"

#include <string.h>

static const struct {
	enum flow_step step;
	const char *todo;
} problems[PROBLEM_COUNT] = {
	[PROBLEM_BAD_REQUEST] = { FLOW_SOURCE,
	    "A fault of the page: report it with `meta.request_id`." },
	[PROBLEM_MALFORMED_JSON] = { FLOW_VALIDATION,
	    "A fault of the page: report it." },
	[PROBLEM_INVALID_QUERY] = { FLOW_VALIDATION,
	    "Take back the filter that `issues` name." },
	[PROBLEM_INVALID_CURSOR] = { FLOW_VALIDATION,
	    "Drop the pages and read the first again." },
	[PROBLEM_IDEMPOTENCY_KEY_MISSING] = { FLOW_VALIDATION,
	    "A fault of the page: report it." },
	[PROBLEM_IDEMPOTENCY_KEY_INVALID] = { FLOW_VALIDATION,
	    "A fault of the page: report it." },
	[PROBLEM_INVALID_PREFERENCE] = { FLOW_VALIDATION,
	    "A fault of the page: report it." },
	[PROBLEM_TOKEN_MISSING] = { FLOW_SOURCE, "Have the user sign in." },
	[PROBLEM_TOKEN_INVALID] = { FLOW_SOURCE,
	    "Have the user sign in again." },
	[PROBLEM_TOKEN_EXPIRED] = { FLOW_SOURCE,
	    "Get a new token and send the request again, once." },
	[PROBLEM_FORBIDDEN] = { FLOW_VALIDATION,
	    "Say so; do not offer it to this user." },
	[PROBLEM_NOT_FOUND] = { FLOW_DATABASE,
	    "Take the row out of the cache, say that it is gone." },
	[PROBLEM_METHOD_NOT_ALLOWED] = { FLOW_SOURCE,
	    "A fault of the page: report it." },
	[PROBLEM_NOT_ACCEPTABLE] = { FLOW_VALIDATION,
	    "A fault of the page: report it." },
	[PROBLEM_CONFLICT] = { FLOW_DATABASE,
	    "Keep the input, say that the value is taken." },
	[PROBLEM_REFERENCED] = { FLOW_DATABASE,
	    "Keep the input, say what it refers to." },
	[PROBLEM_REQUEST_IN_PROGRESS] = { FLOW_ACTION,
	    "Wait for `Retry-After`, send the same again." },
	[PROBLEM_PRECONDITION_FAILED] = { FLOW_DATABASE,
	    "Read the row again, show both, let the user choose." },
	[PROBLEM_BODY_TOO_LARGE] = { FLOW_SOURCE,
	    "Say that it is too large." },
	[PROBLEM_URI_TOO_LONG] = { FLOW_SOURCE, "Ask with fewer filters." },
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = { FLOW_VALIDATION,
	    "A fault of the page: report it." },
	[PROBLEM_VALIDATION_FAILED] = { FLOW_VALIDATION,
	    "Show each of `issues` at its field, by `path`." },
	[PROBLEM_ALL_REJECTED] = { FLOW_VALIDATION,
	    "Show each of `records.rejections` at its record, by `index`." },
	[PROBLEM_IDEMPOTENCY_KEY_REUSED] = { FLOW_ACTION,
	    "A fault of the page: a key is for one input." },
	[PROBLEM_PRECONDITION_REQUIRED] = { FLOW_VALIDATION,
	    "Read the row, send its `ETag` as `If-Match`." },
	[PROBLEM_RATE_LIMITED] = { FLOW_SOURCE,
	    "Wait for `Retry-After`, then repeat." },
	[PROBLEM_HEADERS_TOO_LARGE] = { FLOW_SOURCE,
	    "A fault of the page: report it." },
	[PROBLEM_INTERNAL] = { FLOW_ACTION,
	    "Say sorry with `meta.request_id`." },
	[PROBLEM_UPSTREAM_FAILED] = { FLOW_SOURCE,
	    "Repeat where that is safe, see UI update." },
	[PROBLEM_UNAVAILABLE] = { FLOW_ACTION,
	    "Wait for `Retry-After`; repeat where that is safe." },
	[PROBLEM_TIMEOUT] = { FLOW_ACTION,
	    "Repeat where that is safe, see UI update." },
	[PROBLEM_DECLARED] = { FLOW_DATABASE,
	    "Show its message, keep the input." },
};

enum flow_step
advice_step(enum problem problem)
{
	return problems[problem].step;
}

const char *
advice_step_name(enum flow_step step)
{
	static const char *const names[FLOW_STEP_COUNT] = {
		[FLOW_SOURCE] = "source", [FLOW_VALIDATION] = "validation",
		[FLOW_ACTION] = "action", [FLOW_DATABASE] = "database",
	};

	return names[step];
}

const char *
advice_problem(enum problem problem)
{
	return problems[problem].todo;
}

/* A call that reads is a query, one that writes is in a row of its own. */
static const struct {
	const char *before, *success, *refusal;
} rows[] = {
	[VERB_LIST] = {
	    "Show the pages that are in the cache, else a placeholder.",
	    "Keep the page by its query; `meta.page.next` is the `after` of "
	    "the next one, null ends the list.",
	    "Keep the pages that are there, say that they may be old." },
	[VERB_READ] = {
	    "Show the row from the cache or a list, and send its `ETag` as "
	    "`If-None-Match`.",
	    "Keep the row with its `ETag`; a 304 says that the cache is right.",
	    "Keep the row that is there, say that it may be old." },
	[VERB_CREATE] = {
	    "Optimistic: keep the lists as they are, put the new row on top "
	    "of them under a key of the page's own.",
	    "Put the told row, which has the server's key and members, in its "
	    "place, and its `ETag` beside it.",
	    "Roll back: put the kept lists in place, with the input still in "
	    "the form." },
	[VERB_UPDATE] = {
	    "Optimistic: keep the row as it is, show the changed members; send "
	    "its `ETag` as `If-Match`.",
	    "Put the told row and its new `ETag` in place.",
	    "Roll back: put the kept row in place, with the input still in "
	    "the form." },
	[VERB_DELETE] = {
	    "Optimistic: keep the row and its place, take it out of the lists.",
	    "Drop the row from the cache.",
	    "Roll back: put the row back in its place; a 404 says that it was "
	    "gone already, which is what was wanted." },
	[VERB_CALL] = {
	    "Not optimistic: the function decides. Show that it is under way, "
	    "and keep the button from being pressed twice.",
	    "Put what is told in the cache.",
	    "Nothing to roll back: show the problem beside the button." },
};

static const char call_reads[] =
    "Show what is in the cache for these arguments, else a placeholder.";

static bool
is_query(const struct operation *op)
{
	return op->method == METHOD_GET;
}

const char *
advice_before(const struct operation *op)
{
	return op->verb == VERB_CALL && is_query(op) ? call_reads :
	    rows[op->verb].before;
}

const char *
advice_success(const struct operation *op)
{
	return op->verb == VERB_CALL && is_query(op) ?
	    "Keep it by its arguments." : rows[op->verb].success;
}

const char *
advice_refusal(const struct operation *op)
{
	return op->verb == VERB_CALL && is_query(op) ?
	    "Keep what is there, say that it may be old." :
	    rows[op->verb].refusal;
}

const char *
advice_repeat(const struct operation *op)
{
	if (is_query(op))
		return "Repeat, it changes nothing.";
	if (op->idempotency != DEMAND_NONE)
		return "With an `Idempotency-Key`, repeat the same bytes with "
		    "the same key: it is done once. Without one, look first "
		    "whether it was done.";
	if (op->method == METHOD_POST)
		return "Nobody knows whether it was done: look before you "
		    "repeat.";
	return "Repeat: it leads to the same state again.";
}

/* ---- stale ---- */

static bool
same_rows(const struct resource *a, const struct resource *b)
{
	return a == b || (a->table.name != NULL && b->table.name != NULL &&
	    strcmp(a->table.sql, b->table.sql) == 0);
}

static bool
embeds(const struct related *related, size_t count,
    const struct resource *r)
{
	for (size_t i = 0; i < count; i++)
		if (same_rows(related[i].resource, r) ||
		    embeds(related[i].related, related[i].related_count, r))
			return true;
	return false;
}

bool
advice_is_stale(const struct operation *write, const struct operation *query)
{
	const struct resource *r = query->resource;

	if (!is_query(query))
		return false;
	if (same_rows(r, write->resource) ||
	    embeds(query->related, query->related_count, write->resource))
		return true;
	return write->verb == VERB_CALL && write->returns_file != NULL &&
	    strcmp(write->returns_file, r->schema_file) == 0;
}
