/* SPDX-License-Identifier: MIT */
/*
 * When schedules tick: fields, words and intervals; the days on which clocks
 * are changed, in zones that do it in their own ways; and what is refused.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "contract/cron.h"
#include "run.h"

enum { TICKS = 6 };

/* Times are of UTC. */
static const struct vector {
	const char *text, *zone, *after;
	const char *ticks[TICKS];
} vectors[] = {
	/* Fields. */
	{ "* * * * *", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-01T00:01:00", "2026-01-01T00:02:00" } },
	{ "* * * * *", "UTC", "2026-01-01T00:00:59",
	    { "2026-01-01T00:01:00" } },
	{ "*/5 * * * *", "UTC", "2026-01-01T00:03:20",
	    { "2026-01-01T00:05:00", "2026-01-01T00:10:00" } },
	{ "*/25 * * * *", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-01T00:25:00", "2026-01-01T00:50:00",
		"2026-01-01T01:00:00" } },
	{ "5,10-12,50-58/4 3 * * *", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-01T03:05:00", "2026-01-01T03:10:00",
		"2026-01-01T03:11:00", "2026-01-01T03:12:00",
		"2026-01-01T03:50:00", "2026-01-01T03:54:00" } },
	{ "0 22 * * 1-5", "UTC", "2026-01-02T23:00:00",
	    { "2026-01-05T22:00:00", "2026-01-06T22:00:00" } },
	{ "0 0 1 jan,JUL *", "UTC", "2026-01-01T00:00:00",
	    { "2026-07-01T00:00:00", "2027-01-01T00:00:00" } },
	{ "0 12 * * mon-wed", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-05T12:00:00", "2026-01-06T12:00:00",
		"2026-01-07T12:00:00", "2026-01-12T12:00:00" } },
	{ "0 0 * * 7", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-04T00:00:00", "2026-01-11T00:00:00" } },
	{ "0 0 * * fri-sun", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-02T00:00:00", "2026-01-03T00:00:00",
		"2026-01-04T00:00:00", "2026-01-09T00:00:00" } },
	{ "0 0 * * 5-7", "UTC", "2026-01-03T00:00:00",
	    { "2026-01-04T00:00:00", "2026-01-09T00:00:00" } },
	{ "0 0 31 * *", "UTC", "2026-01-31T00:00:00",
	    { "2026-03-31T00:00:00", "2026-05-31T00:00:00" } },
	{ "0 0 29 2 *", "UTC", "2026-01-01T00:00:00",
	    { "2028-02-29T00:00:00", "2032-02-29T00:00:00" } },
	{ "0 0 29 2 *", "UTC", "2097-01-01T00:00:00",
	    { "2104-02-29T00:00:00" } },
	/* Two days are either of them; a star makes it one. */
	{ "0 0 13 * 5", "UTC", "2026-02-01T00:00:00",
	    { "2026-02-06T00:00:00", "2026-02-13T00:00:00",
		"2026-02-20T00:00:00", "2026-02-27T00:00:00",
		"2026-03-06T00:00:00", "2026-03-13T00:00:00" } },
	{ "0 0 */10 * 5", "UTC", "2026-01-01T00:00:00",
	    { "2026-05-01T00:00:00", "2026-07-31T00:00:00",
		"2026-08-21T00:00:00" } },
	/* Words. */
	{ "@hourly", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-01T01:00:00" } },
	{ "@daily", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-02T00:00:00" } },
	{ "@midnight", "Asia/Kolkata", "2026-01-01T00:00:00",
	    { "2026-01-01T18:30:00", "2026-01-02T18:30:00" } },
	{ "@weekly", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-04T00:00:00", "2026-01-11T00:00:00" } },
	{ "@monthly", "UTC", "2026-01-01T00:00:00",
	    { "2026-02-01T00:00:00", "2026-03-01T00:00:00" } },
	{ "@yearly", "UTC", "2026-01-01T00:00:00",
	    { "2027-01-01T00:00:00", "2028-01-01T00:00:00" } },
	{ "@annually", "Pacific/Auckland", "2026-01-01T00:00:00",
	    { "2026-12-31T11:00:00" } },
	/* Intervals are counted from 1970, whenever one looks. */
	{ "every 1 s", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-01T00:00:01", "2026-01-01T00:00:02" } },
	{ "every 30 s", "UTC", "2026-01-01T00:00:07",
	    { "2026-01-01T00:00:30", "2026-01-01T00:01:00" } },
	{ "every 30s", "Europe/Berlin", "2026-01-01T00:00:30",
	    { "2026-01-01T00:01:00" } },
	{ "every 5 min", "UTC", "2026-01-01T00:03:00",
	    { "2026-01-01T00:05:00", "2026-01-01T00:10:00" } },
	{ "every hour", "Asia/Kolkata", "2026-01-01T00:03:00",
	    { "2026-01-01T01:00:00" } },
	{ "every 6 h", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-01T06:00:00", "2026-01-01T12:00:00" } },
	{ "every 1 day", "UTC", "2026-01-01T00:00:00",
	    { "2026-01-02T00:00:00" } },
	{ "every 7 s", "UTC", "1970-01-01T00:00:00",
	    { "1970-01-01T00:00:07", "1970-01-01T00:00:14" } },
	{ "every 7 s", "UTC", "1969-12-31T23:59:50",
	    { "1969-12-31T23:59:53", "1970-01-01T00:00:00" } },
	/* Berlin, 2026-03-29: 02:00 is 03:00 at 01:00 UTC. */
	{ "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00",
	    { "2026-03-28T01:30:00", "2026-03-29T01:00:00",
		"2026-03-30T00:30:00" } },
	{ "0,15,30,45 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00",
	    { "2026-03-29T01:00:00", "2026-03-30T00:00:00",
		"2026-03-30T00:15:00" } },
	{ "0 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00",
	    { "2026-03-29T01:00:00", "2026-03-30T00:00:00" } },
	{ "0 3 * * *", "Europe/Berlin", "2026-03-28T02:00:00",
	    { "2026-03-29T01:00:00", "2026-03-30T01:00:00" } },
	{ "0 2,3 * * *", "Europe/Berlin", "2026-03-28T02:00:00",
	    { "2026-03-29T01:00:00", "2026-03-30T00:00:00" } },
	{ "30 2,3 * * *", "Europe/Berlin", "2026-03-28T03:00:00",
	    { "2026-03-29T01:00:00", "2026-03-29T01:30:00",
		"2026-03-30T00:30:00" } },
	{ "59 1 * * *", "Europe/Berlin", "2026-03-28T03:00:00",
	    { "2026-03-29T00:59:00", "2026-03-29T23:59:00" } },
	{ "30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00",
	    { "2026-03-29T00:30:00", "2026-03-29T01:30:00" } },
	{ "*/20 * * * *", "Europe/Berlin", "2026-03-29T00:39:00",
	    { "2026-03-29T00:40:00", "2026-03-29T01:00:00",
		"2026-03-29T01:20:00" } },
	{ "0 */2 * * *", "Europe/Berlin", "2026-03-28T23:30:00",
	    { "2026-03-29T01:00:00", "2026-03-29T02:00:00" } },
	{ "30 2 29 3 *", "Europe/Berlin", "2026-01-01T00:00:00",
	    { "2026-03-29T01:00:00", "2027-03-29T00:30:00" } },
	/* A skipped time of a day that is not meant is none. */
	{ "30 2 * * mon", "Europe/Berlin", "2026-03-28T00:00:00",
	    { "2026-03-30T00:30:00" } },
	/* Berlin, 2026-10-25: 03:00 is 02:00 at 01:00 UTC. */
	{ "30 2 * * *", "Europe/Berlin", "2026-10-24T03:00:00",
	    { "2026-10-25T00:30:00", "2026-10-26T01:30:00" } },
	{ "0 2 * * *", "Europe/Berlin", "2026-10-24T03:00:00",
	    { "2026-10-25T00:00:00", "2026-10-26T01:00:00" } },
	{ "0 3 * * *", "Europe/Berlin", "2026-10-24T03:00:00",
	    { "2026-10-25T02:00:00", "2026-10-26T02:00:00" } },
	{ "30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00",
	    { "2026-10-26T01:30:00" } },
	{ "30 2 * * *", "Europe/Berlin", "2026-10-25T01:15:00",
	    { "2026-10-26T01:30:00" } },
	{ "*/30 2 * * *", "Europe/Berlin", "2026-10-24T03:00:00",
	    { "2026-10-25T00:00:00", "2026-10-25T00:30:00",
		"2026-10-26T01:00:00" } },
	{ "30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00",
	    { "2026-10-25T00:30:00", "2026-10-25T01:30:00",
		"2026-10-25T02:30:00" } },
	{ "*/15 0-23 * * *", "Europe/Berlin", "2026-10-25T00:30:00",
	    { "2026-10-25T00:45:00", "2026-10-25T01:00:00",
		"2026-10-25T01:15:00" } },
	/* New York, 2026-03-08 and 2026-11-01, at 02:00. */
	{ "30 2 * * *", "America/New_York", "2026-03-07T08:00:00",
	    { "2026-03-08T07:00:00", "2026-03-09T06:30:00" } },
	{ "30 1 * * *", "America/New_York", "2026-10-31T06:00:00",
	    { "2026-11-01T05:30:00", "2026-11-02T06:30:00" } },
	/* Havana changes at midnight: there is no 00:30. */
	{ "30 0 * * *", "America/Havana", "2026-03-07T06:00:00",
	    { "2026-03-08T05:00:00", "2026-03-09T04:30:00" } },
	{ "@daily", "America/Havana", "2026-03-07T06:00:00",
	    { "2026-03-08T05:00:00", "2026-03-09T04:00:00" } },
	/* Lord Howe changes by half an hour. */
	{ "15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00:00",
	    { "2026-10-03T15:30:00", "2026-10-04T15:15:00" } },
	{ "45 1 * * *", "Australia/Lord_Howe", "2026-04-03T15:00:00",
	    { "2026-04-04T14:45:00", "2026-04-05T15:15:00" } },
	{ "45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00",
	    { "2026-04-04T14:45:00", "2026-04-04T15:15:00",
		"2026-04-04T16:15:00" } },
	/* Apia had no 2011-12-30. */
	{ "0 12 * * *", "Pacific/Apia", "2011-12-29T20:00:00",
	    { "2011-12-29T22:00:00", "2011-12-30T10:00:00",
		"2011-12-30T22:00:00" } },
	{ "0 12 30 12 *", "Pacific/Apia", "2011-12-29T23:00:00",
	    { "2011-12-30T10:00:00", "2012-12-29T22:00:00" } },
	/* Ireland's summer is its standard time; south of the equator. */
	{ "30 1 * * *", "Europe/Dublin", "2026-03-28T02:00:00",
	    { "2026-03-29T01:00:00", "2026-03-30T00:30:00" } },
	{ "30 2 * * *", "America/Santiago", "2026-04-04T00:00:00",
	    { "2026-04-04T05:30:00", "2026-04-05T06:30:00" } },
	{ "30 23 * * *", "America/Santiago", "2026-04-04T00:00:00",
	    { "2026-04-04T02:30:00", "2026-04-05T02:30:00",
		"2026-04-06T03:30:00" } },
	/* What the file holds ends in 2037; then its rule goes on. */
	{ "30 2 * * *", "Europe/Berlin", "2041-03-30T02:00:00",
	    { "2041-03-31T01:00:00", "2041-04-01T00:30:00" } },
	{ "30 1 * * *", "America/New_York", "2060-11-06T07:00:00",
	    { "2060-11-07T05:30:00", "2060-11-08T06:30:00" } },
	/* No zone has an offset of whole minutes before it has one. */
	{ "0 0 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00",
	    { "2026-01-01T18:15:00" } },
};

static const struct {
	const char *text, *wrong;
} refused[] = {
	{ "", "there are 0 fields" },
	{ "* * * *", "there are 4 fields" },
	{ "0 */5 * * * *", "every 30 s" },
	{ "60 * * * *", "minute: \"60\" must be from 0 to 59" },
	{ "-1 * * * *", "minute: \"\" must be" },
	{ "* 24 * * *", "hour: \"24\"" },
	{ "* * 0 * *", "day of the month: \"0\"" },
	{ "* * 32 * *", "day of the month: \"32\"" },
	{ "* * * 13 *", "month: \"13\"" },
	{ "* * * jann *", "month: \"jann\"" },
	{ "* * * * 8", "day of the week: \"8\"" },
	{ "* * * * L", "other dialects" },
	{ "* * ? * *", "other dialects" },
	{ "*/0 * * * *", "the step \"0\"" },
	{ "*/ * * * *", "the step \"\"" },
	{ "*/x * * * *", "the step \"x\"" },
	{ "5/15 * * * *", "such as 5-59/15" },
	{ "30-10 * * * *", "say 30-59,0-10" },
	{ "* 22-2 * * *", "say 22-23,0-2" },
	{ "* * * * fri-mon", "ends before it begins" },
	{ "1,,2 * * * *", "minute: \"\"" },
	{ "1, * * * *", "minute: \"\"" },
	{ "0001 * * * *", "minute: \"0001\"" },
	{ "@reboot", "@hourly" },
	{ "@Daily", "@hourly" },
	{ "every", "there are 1 fields" },
	{ "every 0 s", "an interval is" },
	{ "every 32 d", "an interval is" },
	{ "every 99999999999999999999 s", "an interval is" },
	{ "every -5 s", "an interval is" },
	{ "every 1.5 h", "an interval is" },
	{ "every 5 weeks", "an interval is" },
	{ "every 5 s 3", "an interval is" },
};

static const char *const never[] = { "0 0 30 2 *", "0 0 31 4,6,9,11 *" };

static struct arena *arena;

static void
begin(void)
{
	arena = arena_new();
}

static void
end(void)
{
	arena_free(arena);
}

static int64_t
seconds_of(const char *text)
{
	struct zone_date d;
	unsigned h, m, s;

	ck_assert_int_eq(sscanf(text, "%" SCNd64 "-%u-%uT%u:%u:%u", &d.year,
	    &d.month, &d.day, &h, &m, &s), 6);
	return zone_days(d) * 86400 + h * 3600 + m * 60 + s;
}

static const char *
text_of(int64_t at_s)
{
	int64_t days = at_s / 86400 - (at_s % 86400 < 0);
	struct zone_date d = zone_date(days);
	int64_t s = at_s - days * 86400;

	return arena_format(arena, "%04" PRId64 "-%02u-%02uT%02u:%02u:%02u",
	    d.year, d.month, d.day, (unsigned)(s / 3600),
	    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

static const struct cron *
cron_of(const char *text, const char *zone_name)
{
	const struct zone *zone = zone_load(arena, zone_name);
	const struct cron *cron;
	const char *wrong;

	ck_assert_msg(zone != NULL, "the zone %s", zone_name);
	wrong = cron_read(arena, text, zone, &cron);
	ck_assert_msg(wrong == NULL, "%s: %s", text, wrong);
	return cron;
}

START_TEST(a_schedule_ticks_as_its_vector_says)
{
	const struct vector *v = &vectors[_i];
	const struct cron *cron = cron_of(v->text, v->zone);
	int64_t at = seconds_of(v->after);

	for (int i = 0; i < TICKS && v->ticks[i] != NULL; i++) {
		ck_assert(cron_next(cron, at, &at));
		ck_assert_msg(strcmp(text_of(at), v->ticks[i]) == 0,
		    "%s in %s: %s and not %s", v->text, v->zone, text_of(at),
		    v->ticks[i]);
	}
}
END_TEST

START_TEST(what_is_no_schedule_is_told)
{
	const struct zone *utc = zone_load(arena, "UTC");
	const struct cron *cron;
	const char *wrong = cron_read(arena, refused[_i].text, utc, &cron);

	ck_assert_msg(wrong != NULL, "%s", refused[_i].text);
	ck_assert_msg(strstr(wrong, refused[_i].wrong) != NULL,
	    "%s: %s", refused[_i].text, wrong);
}
END_TEST

START_TEST(a_day_that_never_is_has_no_tick)
{
	int64_t tick;

	ck_assert(!cron_next(cron_of(never[_i], "Europe/Berlin"), 0, &tick));
}
END_TEST

/* Whoever looks, whenever: between two ticks all see the same next one. */
START_TEST(the_next_tick_does_not_depend_on_when_one_asks)
{
	static const char *const texts[] = { "17 2,3 * * *", "*/15 * * * *",
		"every 7 min", "0 1-3 * * sun" };
	const struct cron *cron = cron_of(texts[_i], "Europe/Berlin");
	int64_t from = seconds_of("2026-10-24T00:00:00"), at, next, tick = 0;

	ck_assert(cron_next(cron, from, &next));
	for (at = from; at < from + 3 * 86400; at += 13) {
		ck_assert(cron_next(cron, at, &tick));
		if (at >= next)
			next = tick;
		ck_assert_msg(tick == next, "at %s", text_of(at));
		ck_assert(tick > at);
	}
}
END_TEST

START_TEST(a_zone_that_is_none_is_not_there)
{
	static const char *const names[] = { "", "Europe", "Europe/Nowhere",
		"../../etc/passwd", "/etc/passwd", "Europe/../../passwd",
		"zone.tab", "leapseconds", "utc " };

	ck_assert(zone_load(arena, names[_i]) == NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cron");
	TCase *tc = tcase_create("cron");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, a_schedule_ticks_as_its_vector_says, 0,
	    (int)(sizeof(vectors) / sizeof(vectors[0])));
	tcase_add_loop_test(tc, what_is_no_schedule_is_told, 0,
	    (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_loop_test(tc, a_day_that_never_is_has_no_tick, 0,
	    (int)(sizeof(never) / sizeof(never[0])));
	tcase_add_loop_test(tc,
	    the_next_tick_does_not_depend_on_when_one_asks, 0, 4);
	tcase_add_loop_test(tc, a_zone_that_is_none_is_not_there, 0, 9);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
