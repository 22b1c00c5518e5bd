/* SPDX-License-Identifier: MIT */
/*
 * lockstep check --prove: the contract, the catalog as the server's role reads
 * it, and the experiments, as the role that migrates.
 */
#include "call.h"

#include "store/store.h"
#include "tool/findings.h"

static void
drop_contract(void *contract)
{
	contract_free(contract);
}

/* The contract of the directory, as long-lived as the call's arena. */
static const struct contract *
load(struct call *call, const char *directory)
{
	struct contract *contract;
	struct buf faults;

	buf_init(&faults, 1 << 20);
	contract = contract_load(directory, &faults);
	if (contract == NULL)
		fputs(faults.at, stderr);
	else
		arena_defer(call->arena, drop_contract, contract);
	buf_release(&faults);
	return contract;
}

static const struct proven *
prove(struct call *call, const struct contract *contract,
    struct findings *findings, size_t *ret_count, struct buf *fault)
{
	const struct catalog *catalog = catalog_read_wide(
	    call->config.database, contract, call->arena, fault);

	return catalog == NULL ? NULL : tool_prove(contract, catalog,
	    call->config.migrate_database, findings, ret_count, fault);
}

int
call_prove(struct call *call, struct findings *findings,
    const struct findings_choice *choice, unsigned form, bool strict)
{
	const struct contract *contract = load(call, findings->directory);
	const struct proven *proven = NULL;
	size_t count;
	struct buf fault;
	bool well = true;

	if (contract == NULL)
		return EXIT_TROUBLE;
	buf_init(&fault, 1 << 16);
	proven = prove(call, contract, findings, &count, &fault);
	if (proven == NULL)
		call_trouble("%s", fault.at);
	else if (!(well = tool_accepted(findings, choice->only_count == 0,
	    &fault)))
		fputs(fault.at, stderr);
	buf_release(&fault);
	if (proven == NULL || !well)
		return EXIT_TROUBLE;
	findings_choose(findings, choice);
	tool_prove_print(proven, count, findings, form, strict, stdout);
	return findings_errors(findings, strict) > 0 ? EXIT_FOUND : EXIT_WELL;
}
