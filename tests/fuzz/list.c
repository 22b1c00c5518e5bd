/* SPDX-License-Identifier: MIT */
/*
 * Queries of lists, and cursors: the text is a query string; or, after a "#",
 * the JSON of a cursor, which is put into a query as the server would have
 * made it; or, after a "(", conditions or what is told, as they are written
 * without escapes.  A plan that comes of it is within its bounds, and its own
 * cursor, made of any values, is read back or refused with issues.
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
	contract = fuzz_contract("lists");
	auth = fuzz_auth(contract);
	scope_init(&sc, kept);
	buf_init(&out, 16384);
	MUST(auth_mint(auth, &sc, &(struct auth_wish){ .role = "authenticated",
	    .subject = "alice", .life_s = 3600 }, &out) == PROBLEM_NONE);
	snprintf(token, sizeof(token), "HTTP_AUTHORIZATION=Bearer %s", out.at);
	buf_release(&out);
	MUST(http_parse(&sc, params, "", 0, &rq) == PROBLEM_NONE);
	MUST(auth_identify(auth, &sc, &rq, &caller) == PROBLEM_NONE);
}

/* The conditions in it; each has a field that may be filtered by. */
static size_t
judge_clause(const struct clause *clause, unsigned depth)
{
	size_t count = 0;

	MUST(depth <= 5);
	if (clause->kind == CLAUSE_TERM) {
		MUST(clause->term.field->filterable);
		MUST(clause->term.value_count <= 100);
		return 1;
	}
	MUST(clause->part_count > 0);
	for (size_t i = 0; i < clause->part_count; i++)
		count += judge_clause(&clause->parts[i], depth +
		    (clause->parts[i].kind != CLAUSE_TERM));
	return count;
}

static size_t
judge_embeds(const struct embed *embeds, size_t count, unsigned depth)
{
	size_t all = count;

	MUST(depth <= 3);
	for (size_t i = 0; i < count; i++) {
		MUST(embeds[i].select_count + embeds[i].embed_count > 0);
		for (size_t j = 0; j < embeds[i].select_count; j++)
			MUST(!embeds[i].select[j]->write_only);
		if (embeds[i].embed_count > 0)
			all += judge_embeds(embeds[i].embeds,
			    embeds[i].embed_count, depth + 1);
	}
	return all;
}

static void
judge_conditions(const struct plan *plan)
{
	size_t count = plan->term_count;

	for (size_t i = 0; i < plan->term_count; i++)
		MUST(plan->terms[i].field->filterable);
	for (size_t i = 0; i < plan->clause_count; i++)
		count += judge_clause(&plan->clauses[i], 1);
	MUST(count <= 32);
	MUST(plan->search == NULL || (*plan->search != '\0' &&
	    strlen(plan->search) <= 256));
}

static void
judge_plan(struct scope *sc, const struct plan *plan)
{
	const char *values[8] = { "2026-01-15T09:30:00Z", NULL, "a" };

	MUST(plan->limit >= 1 && plan->limit <= 1000);
	MUST(plan->order_count >= 1 && plan->order_count <= countof(values));
	MUST(plan->select_count + plan->embed_count >= 1);
	MUST(judge_embeds(plan->embeds, plan->embed_count, 1) <= 8);
	judge_conditions(plan);
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
	if (query[0] == '(')
		query = arena_format(arena, "or=%s&select=id,%s", query,
		    query + 1);
	params[1] = arena_format(arena, "REQUEST_URI=/api/letters?%s", query);
	scope_init(&sc, arena);
	if (http_parse(&sc, params, "", 0, &rq) == PROBLEM_NONE &&
	    contract_route(contract, &sc, &rq, &match) == PROBLEM_NONE) {
		enum problem p = contract_accept(contract, &sc, &match, &rq,
		    caller, NULL, &input);

		if (p == PROBLEM_NONE)
			judge_plan(&sc, input_plan(input));
		else if (p == PROBLEM_INVALID_QUERY)
			MUST(sc.issue_count > 0);
	}
	arena_free(arena);
	return 0;
}
