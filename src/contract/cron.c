/* SPDX-License-Identifier: MIT */
/*
 * Ticks.  An interval is counted from 1970, so it has no drift and all that
 * count it agree.  The fields of cron are about what the clock of a zone shows:
 * time is cut where the zone changes, and in each piece the clock is plain
 * arithmetic.  What it skips at a change is run once, right there; what it shows
 * twice is run the first time.  Only what runs in each hour of a day goes by the
 * time that passes, as nobody who says "every five minutes" wants an hour
 * without, or sixty at once.
 */
#include "contract/cron.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum {
	DAY_MIN = 1440,
	MINUTE_S = 60,
	DAY_S = 86400,
	EVERY_MAX_S = 31 * DAY_S,
	HORIZON_DAYS = 40 * 366,
	FIELDS = 5,
	WORD_MAX = 64,		/* bytes of a field's part */
};

enum unit { MINUTE, HOUR, DAY, MONTH, WEEKDAY };

struct cron {
	uint64_t set[FIELDS];		/* bits, by unit */
	bool any[FIELDS];		/* does it begin with a star? */
	int64_t every_s;		/* of an interval; else 0 */
	const struct zone *zone;
};

static const struct field_kind {
	const char *name;
	unsigned least, most;
	const char *const *words;	/* from `least` on */
} kinds[FIELDS] = {
	[MINUTE] = { "minute", 0, 59, NULL },
	[HOUR] = { "hour", 0, 23, NULL },
	[DAY] = { "day of the month", 1, 31, NULL },
	[MONTH] = { "month", 1, 12, (const char *const[]){ "jan", "feb", "mar",
	    "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
	    NULL } },
	/* Sunday is 0 and 7. */
	[WEEKDAY] = { "day of the week", 0, 7, (const char *const[]){ "sun",
	    "mon", "tue", "wed", "thu", "fri", "sat", NULL } },
};

static const struct {
	const char *word, *fields;
} words[] = {
	{ "@hourly", "0 * * * *" },
	{ "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" },
	{ "@weekly", "0 0 * * 0" },
	{ "@monthly", "0 0 1 * *" },
	{ "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
};

static const struct {
	const char *word;
	unsigned seconds;
} units[] = {
	{ "s", 1 }, { "sec", 1 }, { "second", 1 }, { "seconds", 1 },
	{ "min", 60 }, { "minute", 60 }, { "minutes", 60 },
	{ "h", 3600 }, { "hour", 3600 }, { "hours", 3600 },
	{ "d", DAY_S }, { "day", DAY_S }, { "days", DAY_S },
};

/* A text while it is read. */
struct reading {
	struct arena *arena;
	struct cron *cron;
	enum unit unit;
	const char *wrong;		/* the first that was found */
};

/* ---- Reading. ---- */

static void
complain(struct reading *r, const char *wrong)
{
	if (r->wrong == NULL)
		r->wrong = wrong;
}

/* A number or a word of the unit; false after a complaint. */
static bool
read_value(struct reading *r, const char *text, unsigned *ret)
{
	const struct field_kind *k = &kinds[r->unit];
	size_t length = strlen(text);
	int64_t n;

	for (unsigned i = 0; k->words != NULL && k->words[i] != NULL; i++)
		if (strcasecmp(k->words[i], text) == 0) {
			*ret = k->least + i;
			return true;
		}
	if (length > 0 && length < 4 && strspn(text, "0123456789") == length &&
	    text_to_int(text, length, &n) && n >= k->least && n <= k->most) {
		*ret = (unsigned)n;
		return true;
	}
	complain(r, arena_format(r->arena, "%s: \"%s\" must be from %u to %u"
	    "%s%s%s%s", k->name, text, k->least, k->most,
	    k->words != NULL ? ", or a name such as " : "",
	    k->words != NULL ? k->words[1] : "",
	    strpbrk(text, "?LW#") != NULL ? "; ?, L, W and # are of other "
	    "dialects" : "", ""));
	return false;
}

static bool
read_step(struct reading *r, const char *text, unsigned *ret)
{
	size_t length = strlen(text);
	int64_t n;

	if (length == 0 || strspn(text, "0123456789") != length ||
	    !text_to_int(text, length, &n) || n < 1 ||
	    n > kinds[r->unit].most) {
		complain(r, arena_format(r->arena, "%s: the step \"%s\" must "
		    "be from 1 to %u", kinds[r->unit].name, text,
		    kinds[r->unit].most));
		return false;
	}
	*ret = (unsigned)n;
	return true;
}

/* first-last; the text is cut. */
static bool
read_range(struct reading *r, char *text, unsigned *ret_first,
    unsigned *ret_last)
{
	const struct field_kind *k = &kinds[r->unit];
	char *dash = strchr(text, '-');

	if (dash != NULL)
		*dash = '\0';
	if (!read_value(r, text, ret_first))
		return false;
	*ret_last = *ret_first;
	if (dash == NULL)
		return true;
	if (!read_value(r, dash + 1, ret_last))
		return false;
	/* fri-sun */
	if (r->unit == WEEKDAY && *ret_last == 0 && *ret_first > 0)
		*ret_last = 7;
	if (*ret_last >= *ret_first)
		return true;
	complain(r, arena_format(r->arena, "%s: %s-%s ends before it begins; "
	    "say %s-%u,%u-%s", k->name, text, dash + 1, text,
	    r->unit == WEEKDAY ? 6 : k->most, k->least, dash + 1));
	return false;
}

/* One of a list: *, 5, 1-5, *\/15, 1-30/2. */
static void
read_part(struct reading *r, char *text)
{
	const struct field_kind *k = &kinds[r->unit];
	char *slash = strchr(text, '/');
	unsigned first = k->least, last = k->most, step = 1, i;
	bool star;

	if (slash != NULL)
		*slash = '\0';
	star = strcmp(text, "*") == 0;
	if (slash != NULL && !read_step(r, slash + 1, &step))
		return;
	if (slash != NULL && !star && strchr(text, '-') == NULL) {
		complain(r, arena_format(r->arena, "%s: a step is of a range, "
		    "such as %s-%u/%u", k->name, text, k->most, step));
		return;
	}
	if (star && r->unit == WEEKDAY)
		last = 6;
	if (!star && !read_range(r, text, &first, &last))
		return;
	for (i = first; i <= last; i += step)
		r->cron->set[r->unit] |= (uint64_t)1 <<
		    (r->unit == WEEKDAY ? i % 7 : i);
}

static void
read_field(struct reading *r, char *text)
{
	char *part;

	r->cron->any[r->unit] = text[0] == '*';
	while (r->wrong == NULL && (part = strsep(&text, ",")) != NULL)
		read_part(r, part);
}

/* The words of a text, which is cut. */
static size_t
split(char *text, char **ret, size_t most)
{
	size_t count = 0;

	for (;;) {
		text += strspn(text, " \t");
		if (*text == '\0')
			return count;
		if (count < most)
			ret[count] = text;
		count++;
		text += strcspn(text, " \t");
		if (*text != '\0')
			*text++ = '\0';
	}
}

static void
read_fields(struct reading *r, const char *text)
{
	char *field[FIELDS];
	size_t count = split(arena_string(r->arena, text), field, FIELDS);

	if (count != FIELDS) {
		complain(r, arena_format(r->arena, "there are %zu fields; say "
		    "minute, hour, day of the month, month and day of the "
		    "week, like */5 * * * *%s", count, count == 6 ?
		    " (for seconds there is \"every 30 s\")" : ""));
		return;
	}
	for (unsigned i = 0; i < FIELDS && r->wrong == NULL; i++) {
		r->unit = i;
		read_field(r, field[i]);
	}
}

/* every 30 s, every 30s, every hour */
static void
read_interval(struct reading *r, const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits + strspn(text + digits, " ");
	int64_t n = 1;

	if (digits > 0 && !text_to_int(text, digits, &n))
		n = 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].word, unit) == 0 && n > 0 &&
		    n <= EVERY_MAX_S && n * units[i].seconds <= EVERY_MAX_S)
			r->cron->every_s = n * units[i].seconds;
	if (r->cron->every_s == 0)
		complain(r, "an interval is from 1 s to 31 d, in s, min, h or "
		    "d, like every 30 s");
}

static void
read_text(struct reading *r, const char *text)
{
	if (strncmp(text, "every ", 6) == 0) {
		read_interval(r, text + 6 + strspn(text + 6, " "));
		return;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, text) == 0) {
			read_fields(r, words[i].fields);
			return;
		}
	if (text[0] == '@')
		complain(r, "it must be @hourly, @daily, @weekly, @monthly or "
		    "@yearly, when it begins with @");
	else
		read_fields(r, text);
}

const char *
cron_read(struct arena *arena, const char *text, const struct zone *zone,
    const struct cron **ret)
{
	struct reading r = { .arena = arena,
		.cron = arena_alloc(arena, sizeof(*r.cron)) };

	r.cron->zone = zone;
	read_text(&r, text);
	*ret = r.cron;
	return r.wrong;
}

bool
cron_is_interval(const struct cron *cron)
{
	return cron->every_s > 0;
}

/* ---- The clock. ---- */

static bool
has(const struct cron *c, enum unit unit, unsigned n)
{
	return (c->set[unit] >> n & 1) != 0;
}

/* Does it run in each hour of its days? */
static bool
is_hourly(const struct cron *c)
{
	return c->set[HOUR] == ((uint64_t)1 << 24) - 1;
}

/* As cron: either of the two days, when both are said. */
static bool
is_day(const struct cron *c, int64_t days)
{
	struct zone_date d = zone_date(days);
	bool of_month = has(c, DAY, d.day);
	bool of_week = has(c, WEEKDAY,
	    (unsigned)(((days + 4) % 7 + 7) % 7));

	if (!has(c, MONTH, d.month))
		return false;
	return c->any[DAY] || c->any[WEEKDAY] ? of_month && of_week :
	    of_month || of_week;
}

static int64_t
floored(int64_t n, int64_t by)
{
	return n / by - (n % by < 0);
}

/* The first minute of the clock from one on, before another; or that one. */
static int64_t
next_minute(const struct cron *c, int64_t from, int64_t until)
{
	int64_t day, at;

	while (from < until) {
		day = floored(from, DAY_MIN);
		if (!is_day(c, day)) {
			from = (day + 1) * DAY_MIN;
			continue;
		}
		for (at = from - day * DAY_MIN; at < DAY_MIN; at++)
			if (has(c, HOUR, (unsigned)at / 60) &&
			    has(c, MINUTE, (unsigned)at % 60))
				return day * DAY_MIN + at < until ?
				    day * DAY_MIN + at : until;
		from = (day + 1) * DAY_MIN;
	}
	return until;
}

/* Is there one in what the clock skipped when the span began? */
static bool
is_skipped(const struct cron *c, const struct zone_span *span)
{
	int64_t from, until;

	if (is_hourly(c) || span->offset_s <= span->before_s)
		return false;
	from = -floored(-(span->since + span->before_s), MINUTE_S);
	until = -floored(-(span->since + span->offset_s), MINUTE_S);
	return next_minute(c, from, until) < until;
}

/* The first tick of a span from `from` on; span->until when there is none. */
static int64_t
next_in(const struct cron *c, const struct zone_span *span, int64_t from,
    int64_t until)
{
	int64_t minute, end;

	/* What the clock shows again was there before. */
	if (!is_hourly(c) && span->offset_s < span->before_s &&
	    from < span->since + span->before_s - span->offset_s)
		from = span->since + span->before_s - span->offset_s;
	if (from >= until)
		return until;
	minute = -floored(-(from + span->offset_s), MINUTE_S);
	end = -floored(-(until + span->offset_s), MINUTE_S);
	minute = next_minute(c, minute, end);
	return minute < end ? minute * MINUTE_S - span->offset_s : until;
}

bool
cron_next(const struct cron *c, int64_t after_s, int64_t *ret_s)
{
	int64_t from = after_s + 1, found, until;
	int64_t last = after_s + (int64_t)HORIZON_DAYS * DAY_S;

	if (c->every_s > 0) {
		*ret_s = (floored(after_s, c->every_s) + 1) * c->every_s;
		return true;
	}
	while (from < last) {
		struct zone_span span = zone_at(c->zone, from);

		if (from == span.since && is_skipped(c, &span)) {
			*ret_s = from;
			return true;
		}
		until = span.until < last ? span.until : last;
		found = next_in(c, &span, from, until);
		if (found < until) {
			*ret_s = found;
			return true;
		}
		from = until;
	}
	return false;
}
