/* SPDX-License-Identifier: MIT */
/* What the store's lint finds of a database, among the findings of a check. */
#include "store/store.h"
#include "tool/findings.h"

static void
add(struct findings *findings, const struct lint_finding *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		findings_add(findings, &(struct db_finding){
		    .rule = list[i].rule, .object = list[i].object,
		    .what = list[i].what, .mend = list[i].mend });
}

bool
tool_lint(const struct contract *contract, const char *database,
    const char *identity, struct findings *findings, struct buf *fault)
{
	const struct lint_finding *list;
	size_t count;

	if (!lint_run(database, NULL, identity, contract, findings->arena, &list,
	    &count, fault))
		return false;
	add(findings, list, count);
	return true;
}

bool
tool_lint_trial(const struct contract *contract, struct trial *trial,
    const char *login, struct findings *findings, struct buf *fault)
{
	const struct lint_finding *list;
	size_t count;

	if (!trial_lint(trial, login, contract, findings->arena, &list,
	    &count, fault))
		return false;
	add(findings, list, count);
	return true;
}
