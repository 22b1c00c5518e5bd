/* SPDX-License-Identifier: MIT */
/*
 * lockstep work, lockstep jobs and lockstep status: the flags, and the doors that they lead to.
 */
#include "call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "service.h"
#include "store/store.h"

enum {
	LIST_DEFAULT = 50,
	LIST_MOST = 10000,
	RATE_MOST = 1000000,	/* a second */
	FILTER_MAX = 1 << 20,	/* bytes */
};

int
call_work(struct call *call)
{
	const struct flag *queues = call_flag_given(call, "queue");

	return service_work(&call->config, call->given, call->given_count,
	    queues->values, queues->value_count,
	    call_flag(call, "drain") != NULL);
}

/* The names of the contract's kinds, those of a queue or all, as an array. */
static const char *
kinds_of(struct call *call, const struct contract *contract, const char *queue)
{
	size_t count;
	const struct job_kind *kinds = contract_jobs(contract, &count);
	const char *names = "";

	for (size_t i = 0; i < count; i++)
		if (queue == NULL || strcmp(kinds[i].queue, queue) == 0)
			names = arena_format(call->arena, "%s%s\"%s\"", names,
			    *names != '\0' ? "," : "", kinds[i].name);
	return names;
}

/* --queue and --unknown are about what the contract says. */
static int
contract_ask(struct call *call, const char **ret_kinds,
    const char **ret_unknown)
{
	const char *queue = call_flag(call, "queue");
	struct contract *contract;

	if (queue == NULL && call_flag(call, "unknown") == NULL)
		return EXIT_WELL;
	if ((contract = call_contract(call)) == NULL)
		return EXIT_TROUBLE;
	if (queue != NULL)
		*ret_kinds = kinds_of(call, contract, queue);
	if (call_flag(call, "unknown") != NULL)
		*ret_unknown = kinds_of(call, contract, NULL);
	contract_free(contract);
	if (queue != NULL && **ret_kinds == '\0')
		return call_trouble("no kind of job of the contract is in a "
		    "queue \"%s\"", queue);
	return EXIT_WELL;
}

static const char *
array_of(struct call *call, const char *names)
{
	return names == NULL ? NULL : arena_format(call->arena, "{%s}", names);
}

static int
list(struct call *call)
{
	const char *limit = call_flag(call, "limit"), *kinds = NULL;
	const char *unknown = NULL;
	struct queue_filter filter = { .kind = call_flag(call, "kind"),
		.state = call_flag(call, "state"),
		.reason = call_flag(call, "reason"), .limit = LIST_DEFAULT,
		.json = call_flag(call, "json") != NULL };
	int64_t n = LIST_DEFAULT;
	int status = contract_ask(call, &kinds, &unknown);

	if (status != EXIT_WELL)
		return status;
	if (limit != NULL && (!text_to_int(limit, strlen(limit), &n) ||
	    n < 1 || n > LIST_MOST))
		return call_trouble("--limit takes a number from 1 to %d",
		    LIST_MOST);
	filter.kinds = array_of(call, kinds);
	filter.unknown_to = array_of(call, unknown);
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

static int
schedules(struct call *call)
{
	return queue_schedule_list(call->config.work_database,
	    call_flag(call, "json") != NULL, stdout, stderr);
}

/* ---- What is done to them. ---- */

static void
member_add(struct buf *filter, const char *name, const char *value)
{
	buf_format(filter, "%s\"%s\":", filter->length > 1 ? "," : "", name);
	buf_json_string(filter, value);
}

/* The words left are ids. */
static bool
ids_add(struct call *call, struct buf *filter)
{
	int64_t id;

	if (call->argc < 2)
		return true;
	buf_format(filter, "%s\"ids\":[", filter->length > 1 ? "," : "");
	for (int i = 1; i < call->argc; i++) {
		if (!text_to_int(call->argv[i], strlen(call->argv[i]), &id) ||
		    id < 1)
			return false;
		buf_format(filter, "%s%" PRId64, i > 1 ? "," : "", id);
	}
	buf_char(filter, ']');
	return true;
}

/*
 * The filter, as JSON.  Without any a slip would be all there are, so that is
 * said: --all.
 */
static int
filter_read(struct call *call, struct buf *filter)
{
	static const char *const names[] = { "state", "reason", "code",
		"since", "until" };
	const char *kind = call_flag(call, "kind"), *kinds = NULL, *none;
	int status = contract_ask(call, &kinds, &none);

	if (status != EXIT_WELL)
		return status;
	buf_char(filter, '{');
	if (!ids_add(call, filter))
		return call_trouble("jobs %s takes ids of jobs, which are "
		    "numbers", call->argv[0]);
	for (size_t i = 0; i < countof(names); i++)
		if (call_flag(call, names[i]) != NULL)
			member_add(filter, names[i],
			    call_flag(call, names[i]));
	if (kind != NULL && kinds != NULL)
		return call_trouble("say --kind or --queue, not both");
	if (kind != NULL)
		kinds = arena_format(call->arena, "\"%s\"", kind);
	if (kinds != NULL)
		buf_format(filter, "%s\"kinds\":[%s]",
		    filter->length > 1 ? "," : "", kinds);
	if (filter->length == 1 && call_flag(call, "all") == NULL)
		return call_trouble("jobs %s takes ids or a filter (--kind, "
		    "--queue, --state, --reason, --code, --since, --until); "
		    "for all there are, --all", call->argv[0]);
	buf_char(filter, '}');
	return EXIT_WELL;
}

/* "100/s", or 100. */
static int
rate_read(struct call *call, const char **ret)
{
	const char *rate = call_flag(call, "rate");
	size_t length = rate != NULL ? strspn(rate, "0123456789") : 0;
	int64_t n;

	if (rate == NULL)
		return EXIT_WELL;
	if (!text_to_int(rate, length, &n) || n < 1 || n > RATE_MOST ||
	    (rate[length] != '\0' && strcmp(rate + length, "/s") != 0))
		return call_trouble("--rate takes jobs a second, like 100/s");
	*ret = arena_format(call->arena, "%" PRId64, n);
	return EXIT_WELL;
}

static int
operate(struct call *call)
{
	struct queue_operation o = { .action = call->argv[0],
		.force = call_flag(call, "force") != NULL,
		.dry_run = call_flag(call, "dry-run") != NULL,
		.json = call_flag(call, "json") != NULL };
	struct buf filter;
	int status;

	if (strcmp(o.action, "replay") != 0 && (o.force ||
	    call_flag(call, "rate") != NULL))
		return call_trouble("--force and --rate are for jobs replay");
	buf_init(&filter, FILTER_MAX);
	status = filter_read(call, &filter);
	if (status == EXIT_WELL)
		status = rate_read(call, &o.rate);
	o.filter = filter.at;
	if (status == EXIT_WELL)
		status = queue_operate(call->config.work_database, &o, stdout,
		    stderr);
	buf_release(&filter);
	return status;
}

static int
rest(struct call *call)
{
	if (call->argc != 2)
		return call_trouble("jobs %s takes the name of a queue",
		    call->argv[0]);
	return queue_pause(call->config.work_database, call->argv[1],
	    strcmp(call->argv[0], "pause") == 0, stdout, stderr);
}

int
call_status(struct call *call)
{
	const char *format = call_flag(call, "format");

	if (format != NULL && strcmp(format, "json") != 0 &&
	    strcmp(format, "table") != 0)
		return call_trouble("--format takes table or json");
	return queue_status(call->config.work_database,
	    format != NULL && strcmp(format, "json") == 0, stdout, stderr);
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
		{ "schedules", schedules },
		{ "replay", operate },
		{ "discard", operate },
		{ "cancel", operate },
		{ "pause", rest },
		{ "resume", rest },
		{ "conservation", conservation },
	};

	for (size_t i = 0; i < countof(verbs); i++)
		if (strcmp(call->argv[0], verbs[i].word) == 0)
			return verbs[i].run(call);
	return call_trouble("there is no jobs %s; say list, show, schedules, "
	    "replay, discard, cancel, pause, resume or conservation",
	    call->argv[0]);
}
