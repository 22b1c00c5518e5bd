/* SPDX-License-Identifier: MIT */
/*
 * The question that a program asks before it begins: is it somebody for whom
 * row level security holds?
 */
#include "store/store.h"

#include "base/log.h"

bool
store_fit(const struct store_options *options, const struct contract *contract,
    const char *to_do, bool *ret_there, struct buf *fault)
{
	struct arena *arena = arena_new();
	struct store *store = store_new(options, contract);
	struct scope sc;
	enum problem p;

	scope_init(&sc, arena);
	p = store_ready(&sc, store);
	if (p == PROBLEM_FORBIDDEN)
		buf_format(fault, "lockstep: refusing to %s: %s; see "
		    "lockstep(1)\n", to_do,
		    sc.cause != NULL ? sc.cause : "the login role is unfit");
	else if (p != PROBLEM_NONE)
		log_event(LOG_WARN, "database_unavailable",
		    LOG_TEXT("cause", sc.cause));
	store_free(store);
	arena_free(arena);
	*ret_there = p == PROBLEM_NONE;
	return p != PROBLEM_FORBIDDEN;
}
