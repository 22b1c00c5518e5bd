/* SPDX-License-Identifier: MIT */
/*
 * What a kind of job says of when it runs by itself: "schedule", "zone", "with"
 * and "missed".  All that can be wrong with it is told when the contract is
 * loaded: a schedule that never comes, and arguments that would be refused by
 * night.
 */
#include "contract/internal.h"

#include <string.h>
#include <time.h>

#include "contract/cron.h"

bool
schedule_next(const struct schedule *schedule, int64_t after_s,
    int64_t *ret_s)
{
	return cron_next(schedule->cron, after_s, ret_s);
}

/* A JSON string without its quotes. */
static const char *
bare(struct loader *ld, const char *text)
{
	size_t length = strlen(text);

	return length < 2 || text[0] != '"' ? text :
	    arena_copy(ld->scratch, text + 1, length - 2);
}

/* The first issue: where, and what. */
static const char *
issue_text(struct loader *ld, const struct scope *sc)
{
	const char *where, *what;

	if (sc->issue_count == 0)
		return "they are refused";
	where = bare(ld, sc->issues[0].pointer);
	what = bare(ld, sc->issues[0].message);
	return *where == '\0' ? what : arena_format(ld->scratch, "%s %s",
	    where, what);
}

/* The text of the arguments, which the schema takes; NULL after a fault. */
static const char *
args_load(struct loader *ld, const struct at *at, const struct job_kind *kind)
{
	struct json_object *with = json_object_object_get(at->object, "with");
	const struct input *input;
	struct scope sc;
	struct buf text;
	const char *ret;

	buf_init(&text, SCHEDULE_ARGS_MAX);
	if (with != NULL)
		json_write(&text, with);
	ret = text.length > 0 ? arena_string(ld->arena, text.at) : "{}";
	if (text.failed)
		fault_value(ld, at, "with", "\"with\" is longer than %d bytes",
		    SCHEDULE_ARGS_MAX);
	buf_release(&text);
	scope_init(&sc, ld->scratch);
	if (contract_accept_job(&sc, &kind->call, ret, NULL, 0, &input) ==
	    PROBLEM_NONE)
		return ret;
	fault_value(ld, at, with != NULL ? "with" : "schedule",
	    "the schedule's arguments: %s%s%s", issue_text(ld, &sc),
	    with == NULL ? "; say them in \"with\"" : "",
	    kind->args_file == NULL ? "; the job has no \"args\"" : "");
	return NULL;
}

static bool
made_up_load(struct loader *ld, const struct at *at)
{
	const char *word = member_text(ld, at, "missed");

	if (word != NULL && strcmp(word, "run") != 0 &&
	    strcmp(word, "skip") != 0)
		fault_value(ld, at, "missed", "\"missed\" must be run or "
		    "skip");
	return word == NULL || strcmp(word, "skip") != 0;
}

static const struct cron *
cron_load(struct loader *ld, const struct at *at, struct schedule *s)
{
	const struct zone *zone = zone_load(ld->arena, s->zone);
	const struct cron *cron;
	const char *wrong;
	int64_t tick;

	if (zone == NULL)
		fault_value(ld, at, "zone", "there is no zone \"%s\" in the "
		    "system's tz database; say one like Europe/Berlin",
		    s->zone);
	wrong = cron_read(ld->arena, s->text, zone, &cron);
	if (wrong != NULL)
		fault_value(ld, at, "schedule", "\"%s\" is no schedule: %s",
		    s->text, wrong);
	if (wrong != NULL || zone == NULL)
		return NULL;
	if (cron_is_interval(cron) && json_object_object_get_ex(at->object,
	    "zone", NULL))
		fault_name(ld, at, "zone", "an interval is the same in all "
		    "zones; say no \"zone\"");
	if (!cron_next(cron, (int64_t)time(NULL), &tick))
		fault_value(ld, at, "schedule", "\"%s\" never comes: there "
		    "is no such day", s->text);
	return cron;
}

/* Words that mean nothing without a schedule. */
static void
others_refuse(struct loader *ld, const struct at *at)
{
	static const char *const names[] = { "zone", "with", "missed" };

	for (size_t i = 0; i < countof(names); i++)
		if (json_object_object_get_ex(at->object, names[i], NULL))
			fault_name(ld, at, names[i], "\"%s\" is for a job with "
			    "a \"schedule\"", names[i]);
}

const struct schedule *
schedule_read(struct loader *ld, const struct at *at)
{
	struct schedule *s = arena_alloc(ld->arena, sizeof(*s));

	s->text = member_text(ld, at, "schedule");
	s->zone = member_text(ld, at, "zone");
	if (s->zone == NULL)
		s->zone = "UTC";
	s->args = "{}";
	if (s->text != NULL)
		s->cron = cron_load(ld, at, s);
	return s;
}

void
schedule_load(struct loader *ld, const struct at *at, struct job_kind *kind)
{
	struct schedule s = { .text = member_text(ld, at, "schedule"),
		.made_up = true };
	struct schedule *kept;

	if (s.text == NULL) {
		if (!json_object_object_get_ex(at->object, "schedule", NULL))
			others_refuse(ld, at);
		return;
	}
	if (kind->role == NULL)
		fault_name(ld, at, "schedule", "nobody leaves the runs of a "
		    "schedule, so it needs \"role\", whom they are as");
	s.zone = member_text(ld, at, "zone");
	if (s.zone == NULL)
		s.zone = "UTC";
	s.made_up = made_up_load(ld, at);
	s.cron = cron_load(ld, at, &s);
	/* A schema that could not be read was told. */
	if (kind->call.body != NULL || kind->args_file == NULL)
		s.args = args_load(ld, at, kind);
	kept = arena_alloc(ld->arena, sizeof(*kept));
	*kept = s;
	kind->schedule = kept;
}
