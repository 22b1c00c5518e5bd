/* SPDX-License-Identifier: MIT */
/* What the store's lint finds of a database, among the findings of a check. */
#include "store/store.h"
#include "tool/findings.h"

bool
tool_lint(const struct contract *contract, const char *database,
    const char *identity, struct findings *findings, struct buf *fault)
{
	const struct lint_finding *list;
	size_t count;

	if (!lint_run(database, NULL, identity, contract, findings->arena, &list,
	    &count, fault))
		return false;
	for (size_t i = 0; i < count; i++)
		findings_add(findings, &(struct db_finding){
		    .rule = list[i].rule, .object = list[i].object,
		    .what = list[i].what, .mend = list[i].mend });
	return true;
}
