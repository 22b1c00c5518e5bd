/* SPDX-License-Identifier: MIT */
/*
 * The whole look at a database behind a contract, whoever wants to know: the
 * command, the server when it begins, the patch.
 */
#include <string.h>

#include "store/store.h"
#include "tool/findings.h"

/* Is an object the table, or something of it? */
static bool
is_of(const char *object, const char *table)
{
	size_t length = strlen(table);

	return strncmp(object, table, length) == 0 &&
	    (object[length] == '\0' || strchr(". (", object[length]) != NULL);
}

/* What is about a table stands where the contract names the table. */
static void
place(struct db_finding *f, const struct contract *contract,
    struct arena *arena)
{
	size_t count;
	const struct resource *r = contract_resources(contract, &count);

	for (size_t i = 0; i < count && f->file == NULL; i++) {
		if (r[i].table.name == NULL || !is_of(f->object,
		    arena_format(arena, "%s.%s", r[i].table.schema_name,
			r[i].table.name)))
			continue;
		f->file = r[i].file;
		contract_place(contract, r[i].file, "[\"table\"]", &f->line,
		    &f->column);
	}
}

static void
place_all(const struct contract *contract, struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		place(&findings->at[i], contract, findings->arena);
}

const struct catalog *
tool_examine(const struct contract *contract, const char *database,
    struct findings *findings, struct buf *fault)
{
	const struct catalog *catalog = catalog_read(database, contract,
	    findings->arena, fault);

	if (catalog == NULL)
		return NULL;
	tool_drift(contract, catalog, findings);
	if (!tool_lint(contract, database, catalog->identity, findings,
	    fault))
		return NULL;
	place_all(contract, findings);
	return catalog;
}

/* The lint goes first: judging values takes a role. */
const struct catalog *
tool_examine_trial(const struct contract *contract, struct trial *trial,
    const char *login, struct findings *findings, struct buf *fault)
{
	const struct catalog *catalog = trial_catalog(trial, contract,
	    findings->arena, fault);

	if (catalog == NULL ||
	    !tool_lint_trial(contract, trial, login, findings, fault))
		return NULL;
	tool_drift(contract, catalog, findings);
	place_all(contract, findings);
	return catalog;
}

bool
tool_accepted(struct findings *findings, bool whole, struct buf *faults)
{
	const struct accepted *list;
	size_t count;

	if (!contract_accepted(findings->directory, findings->arena, &list,
	    &count, faults))
		return false;
	tool_accept(findings, list, count, whole);
	return true;
}
