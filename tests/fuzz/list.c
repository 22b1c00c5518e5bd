/* SPDX-License-Identifier: MIT */
/*
 * Queries of lists, and cursors: the text is a query string; or, after a "#",
 * the JSON of a cursor, which is put into a query as the server would have
 * made it.  A plan that comes of it is within its bounds, and its own cursor,
 * made of any values, is read back or refused with issues.
 */
#include "fuzz.h"

#include "base/text.h"

/* Kept for the process' life, where the leak detector sees them. */
static struct contract *contract;
static struct auth *auth;
static struct arena *kept;
static const struct caller *caller;

static void
open_contract(void)
{
	static char token[2048];
	struct scope sc;
	struct buf out;
	char *params[] = { (char[]){ "REQUEST_METHOD=GET" },
		(char[]){ "REQUEST_URI=/api/letters" }, token, NULL };
	struct request rq;

	kept = arena_new();
	contract = fuzz_contract("letters");
	auth = fuzz_auth(contract);
	scope_init(&sc, kept);
	buf_init(&out, 16384);
	MUST(auth_mint(auth, &sc, "authenticated", "alice", 3600, NULL,
	    &out) == PROBLEM_NONE);
	snprintf(token, sizeof(token), "HTTP_AUTHORIZATION=Bearer %s", out.at);
	buf_release(&out);
	MUST(http_parse(&sc, params, "", 0, &rq) == PROBLEM_NONE);
	MUST(auth_identify(auth, &sc, &rq, &caller) == PROBLEM_NONE);
}

static void
judge_plan(struct scope *sc, const struct plan *plan)
{
	const char *values[8] = { "2026-01-15T09:30:00Z", NULL, "a" };

	MUST(plan->limit >= 1 && plan->limit <= 1000);
	MUST(plan->order_count >= 1 && plan->order_count <= countof(values));
	MUST(plan->select_count >= 1);
	for (size_t i = 0; i < plan->term_count; i++)
		MUST(plan->terms[i].field->filterable);
	for (size_t i = 0; i < plan->order_count; i++)
		MUST(plan->order[i].field != NULL);
	MUST(contract_cursor(sc, plan, values) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const char *query = arena_copy(arena, data, size);
	char *params[] = { (char[]){ "REQUEST_METHOD=GET" }, NULL, NULL };
	const struct input *input;
	struct request rq;
	struct match match;
	struct scope sc;

	if (contract == NULL)
		open_contract();
	if (query[0] == '#')
		query = arena_format(arena, "after=%s", text_to_base64url(
		    arena, data + 1, size - 1));
	params[1] = arena_format(arena, "REQUEST_URI=/api/letters?%s", query);
	scope_init(&sc, arena);
	if (http_parse(&sc, params, "", 0, &rq) == PROBLEM_NONE &&
	    contract_route(contract, &sc, &rq, &match) == PROBLEM_NONE) {
		enum problem p = contract_accept(contract, &sc, &match, &rq,
		    caller, &input);

		if (p == PROBLEM_NONE)
			judge_plan(&sc, input_plan(input));
		else if (p == PROBLEM_INVALID_QUERY)
			MUST(sc.issue_count > 0);
	}
	arena_free(arena);
	return 0;
}
