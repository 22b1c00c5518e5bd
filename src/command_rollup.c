/* SPDX-License-Identifier: MIT */
/*
 * lockstep rollup: the flags, and the doors that they lead to.
 */
#include "call.h"

#include <string.h>

#include "base/text.h"
#include "store/store.h"

enum { BUCKETS_DEFAULT = 100, BUCKETS_MOST = 100000 };

static const struct {
	const char *word;
	int (*run)(const struct rollup_wish *wish, FILE *out, FILE *err);
	bool named;			/* is it of one? */
	bool audits;
} verbs[] = {
	{ "list", rollup_list, false, false },
	{ "audit", rollup_audit_now, true, true },
	{ "rebuild", rollup_rebuild_now, true, false },
	{ "backfill", rollup_backfill_now, true, false },
};

/* --buckets N, or --all. */
static int
read_buckets(const struct call *call, unsigned *ret)
{
	const char *text = call_flag(call, "buckets");
	bool all = call_flag(call, "all") != NULL;
	int64_t n = BUCKETS_DEFAULT;

	if (text != NULL && (all || !text_to_int(text, strlen(text), &n) ||
	    n < 1 || n > BUCKETS_MOST))
		return call_trouble("--buckets takes a number from 1 to %d, "
		    "without --all", BUCKETS_MOST);
	*ret = all ? 0 : (unsigned)n;
	return EXIT_WELL;
}

int
call_rollup(struct call *call)
{
	struct rollup_wish wish = { .database = call->config.work_database,
		.name = call->argc > 1 ? call->argv[1] : NULL,
		.json = call_flag(call, "json") != NULL };
	const char *word = call->argv[0];
	int status;

	for (size_t i = 0; i < countof(verbs); i++) {
		if (strcmp(word, verbs[i].word) != 0)
			continue;
		if (verbs[i].named != (wish.name != NULL))
			return call_trouble("rollup %s takes %s", word,
			    verbs[i].named ? "the name of a rollup" :
			    "no name");
		if (!verbs[i].audits && (call_flag(call, "all") != NULL ||
		    call_flag(call, "buckets") != NULL))
			return call_trouble("--all and --buckets are for "
			    "rollup audit");
		status = read_buckets(call, &wish.buckets);
		return status != EXIT_WELL ? status :
		    verbs[i].run(&wish, stdout, stderr);
	}
	return call_trouble("there is no rollup %s; say list, audit, rebuild "
	    "or backfill", word);
}
