/* SPDX-License-Identifier: MIT */
/* lockstep expect: what is expected of the data, looked at now. */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "store/store.h"

static const struct expectation *
find(const struct expectation *all, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

/* Those that were named, or all; 0 after a complaint. */
static size_t
choose(struct call *call, const struct expectation *all, size_t count,
    const struct expectation **ret)
{
	size_t chosen = 0;

	for (int i = 0; i < call->argc; i++) {
		ret[chosen] = find(all, count, call->argv[i]);
		if (ret[chosen++] == NULL) {
			(void)call_trouble("the contract has no expectation "
			    "\"%s\"", call->argv[i]);
			return 0;
		}
	}
	for (size_t i = 0; call->argc == 0 && i < count; i++)
		ret[chosen++] = &all[i];
	if (chosen == 0)
		(void)call_trouble("the contract has no expectations");
	return chosen;
}

int
call_expect(struct call *call)
{
	struct contract *contract = call_contract(call);
	const struct expectation *all, **chosen;
	size_t count;
	int status = EXIT_TROUBLE;

	if (contract == NULL)
		return EXIT_TROUBLE;
	all = contract_expectations(contract, &count);
	chosen = arena_alloc(call->arena, (count + (size_t)call->argc + 1) *
	    sizeof(*chosen));
	count = choose(call, all, count, chosen);
	if (count > 0)
		status = queue_expect_now(call->config.work_database, chosen,
		    count, call_flag(call, "json") != NULL, stdout, stderr);
	contract_free(contract);
	return status;
}
