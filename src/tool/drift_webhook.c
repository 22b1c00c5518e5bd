/* SPDX-License-Identifier: MIT */
/*
 * Webhooks against the database: may the role of each call what takes its
 * events, keeps those that are refused, and gives its job the body?
 */
#include "tool/drift.h"

#include <string.h>

static void
check_role(struct drift *d, size_t role, const struct webhook *w)
{
	static const char *const names[] = { "receive", "refuse", "event" };
	const char *name = d->catalog->roles[role].name;

	for (size_t i = 0; i < countof(names); i++) {
		const struct relation wanted = { .schema_name = "lockstep",
			.name = names[i] };
		const struct catalog_function *f = catalog_function(
		    d->catalog, &wanted);

		if (f != NULL && f->execute[role])
			continue;
		drift_tell(d, DRIFT_WEBHOOK_MISSING, (struct drift_place){
		    .file = w->file, .path = "[\"role\"]" }, drift_text(d,
			"lockstep.%s (%s)", names[i], name),
		    f == NULL ? NULL : drift_text(d, "grant usage on schema "
			"lockstep to \"%s\"; grant execute on function "
			"lockstep.%s(%s) to \"%s\";", name, f->name,
			f->arguments, name),
		    "the webhook %s takes events as %s, which %s", w->name,
		    name, f == NULL ? "finds no such function" :
		    "may not execute it");
	}
}

/* Each role once, by the first webhook that has it. */
void
drift_webhooks(struct drift *d)
{
	size_t count;
	const struct webhook *all = contract_webhooks(d->contract, &count);

	for (size_t i = 0; i < d->about->role_count; i++) {
		size_t n = 0;

		while (n < count && strcmp(all[n].role,
		    d->catalog->roles[i].name) != 0)
			n++;
		if (n < count && d->catalog->roles[i].there)
			check_role(d, i, &all[n]);
	}
}
