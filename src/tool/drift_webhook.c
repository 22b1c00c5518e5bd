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

	drift_ours(d, role, &(struct drift_use){ .names = names,
	    .count = countof(names), .rule = DRIFT_WEBHOOK_MISSING,
	    .at = { .file = w->file, .path = "[\"role\"]" },
	    .what = drift_text(d, "the webhook %s takes events as %s, which",
		w->name, d->catalog->roles[role].name) });
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
