/* SPDX-License-Identifier: MIT */
/*
 * lockstep work and lockstep jobs: the flags, and the doors that they lead to.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "service.h"
#include "store/store.h"

enum { LIST_DEFAULT = 50, LIST_MOST = 10000 };

int
call_work(struct call *call)
{
	const struct flag *queues = call_flag_given(call, "queue");

	return service_work(&call->config, call->given, call->given_count,
	    queues->values, queues->value_count,
	    call_flag(call, "drain") != NULL);
}

static int
list(struct call *call)
{
	const char *limit = call_flag(call, "limit");
	struct queue_filter filter = { .kind = call_flag(call, "kind"),
		.state = call_flag(call, "state"), .limit = LIST_DEFAULT,
		.json = call_flag(call, "json") != NULL };
	int64_t n = LIST_DEFAULT;

	if (limit != NULL && (!text_to_int(limit, strlen(limit), &n) ||
	    n < 1 || n > LIST_MOST))
		return call_trouble("--limit takes a number from 1 to %d",
		    LIST_MOST);
	filter.limit = (unsigned)n;
	return queue_list(call->config.work_database, &filter, stdout, stderr);
}

static int
show(struct call *call)
{
	int64_t id;

	if (call->argc != 2 || !text_to_int(call->argv[1],
	    strlen(call->argv[1]), &id))
		return call_trouble("jobs show takes the id of a job");
	return queue_show(call->config.work_database, call->argv[1], stdout,
	    stderr);
}

static int
conservation(struct call *call)
{
	return queue_conservation(call->config.work_database,
	    call_flag(call, "json") != NULL, stdout, stderr);
}

int
call_jobs(struct call *call)
{
	static const struct {
		const char *word;
		int (*run)(struct call *call);
	} verbs[] = {
		{ "list", list },
		{ "show", show },
		{ "conservation", conservation },
	};

	for (size_t i = 0; i < countof(verbs); i++)
		if (strcmp(call->argv[0], verbs[i].word) == 0)
			return verbs[i].run(call);
	return call_trouble("there is no jobs %s; say list, show or "
	    "conservation", call->argv[0]);
}
