/* SPDX-License-Identifier: MIT */
/*
 * A file of RFC 8536 becomes one sorted list of changes: those that it holds,
 * and those that the rule at its end makes up to a year that nobody lives to
 * see.  Between two changes the clock is as far from UTC; nothing else is asked
 * of a zone.
 */
#include "base/zone.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum {
	FILE_MAX = 1 << 18,	/* bytes; the largest has some 3,000 */
	HEAD = 44,		/* bytes of a header */
	NAME_MAX_BYTES = 64,
	YEAR_LAST = 2150,	/* that a rule is followed to */
	CHANGES_MAX = 8192,
	HOUR_S = 3600,
	DAY_S = 86400,
	OFFSET_MAX = 26 * HOUR_S,
};

struct change {
	int64_t at_s;
	int offset_s;		/* from then on */
};
struct zone {
	struct change *changes;	/* the first is at INT64_MIN */
	size_t count;
};

/* ---- The calendar. ---- */

/* Years begin in March, so that a leap day is the last of one. */
int64_t
zone_days(struct zone_date d)
{
	int64_t y = d.year - (d.month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	unsigned of_era = (unsigned)(y - era * 400);
	unsigned of_year = (153 * ((d.month + 9) % 12) + 2) / 5 + d.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	    of_year - 719468;
}

struct zone_date
zone_date(int64_t days)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned of_era = (unsigned)(z - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 -
	    of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned shifted = (5 * of_year + 2) / 153;
	unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;

	return (struct zone_date){ (int64_t)year + era * 400 + (month <= 2),
		month, of_year - (153 * shifted + 2) / 5 + 1 };
}

static unsigned
weekday(int64_t days)
{
	return (unsigned)(((days + 4) % 7 + 7) % 7);
}

/* ---- The rule at the end: a POSIX TZ string. ---- */

/* When one of the two times of a year begins. */
struct turn {
	char form;		/* M, J, or 0: a day from 0 */
	int month, week, day;
	int time_s;
};
struct rule {
	int standard_s, summer_s;
	bool summer;
	struct turn to_summer, to_standard;
};

static bool
read_number(const char **at, int most, int *ret)
{
	int n = 0;

	if (!isdigit((unsigned char)**at))
		return false;
	while (isdigit((unsigned char)**at) && n <= most)
		n = n * 10 + *(*at)++ - '0';
	*ret = n;
	return n <= most;
}

/* [+-]h[h[h]][:mm[:ss]] in seconds. */
static bool
read_time(const char **at, int *ret)
{
	int sign = **at == '-' ? -1 : 1, h, m = 0, s = 0;

	*at += **at == '-' || **at == '+';
	if (!read_number(at, 167, &h))
		return false;
	if (**at == ':' && (++*at, !read_number(at, 59, &m)))
		return false;
	if (**at == ':' && (++*at, !read_number(at, 59, &s)))
		return false;
	*ret = sign * (h * HOUR_S + m * 60 + s);
	return true;
}

/* A name of letters, or of anything in <>. */
static bool
read_name(const char **at)
{
	const char *from = *at;

	if (**at == '<') {
		while (**at != '\0' && **at != '>')
			++*at;
		return *(*at)++ == '>';
	}
	while (isalpha((unsigned char)**at))
		++*at;
	return *at - from >= 3;
}

static bool
read_day(const char **at, struct turn *t)
{
	t->form = isdigit((unsigned char)**at) ? '0' : **at;
	if (t->form == 'M')
		return ++*at, read_number(at, 12, &t->month) &&
		    *(*at)++ == '.' && read_number(at, 5, &t->week) &&
		    *(*at)++ == '.' && read_number(at, 6, &t->day) &&
		    t->month > 0 && t->week > 0;
	*at += t->form == 'J';
	return (t->form == 'J' || t->form == '0') &&
	    read_number(at, 365, &t->day);
}

static bool
read_turn(const char **at, struct turn *t)
{
	if (*(*at)++ != ',' || !read_day(at, t))
		return false;
	t->time_s = 2 * HOUR_S;
	return **at != '/' || (++*at, read_time(at, &t->time_s));
}

/* What POSIX calls an offset is what is to be added to get UTC. */
static bool
read_rule(const char *at, struct rule *r)
{
	int west;

	memset(r, 0, sizeof(*r));
	if (!read_name(&at) || !read_time(&at, &west))
		return false;
	r->standard_s = -west;
	if (*at == '\0')
		return true;
	r->summer = true;
	r->summer_s = r->standard_s + HOUR_S;
	if (!read_name(&at))
		return false;
	if (*at != ',') {
		if (!read_time(&at, &west))
			return false;
		r->summer_s = -west;
	}
	return read_turn(&at, &r->to_summer) &&
	    read_turn(&at, &r->to_standard) && *at == '\0';
}

static bool
is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The day of a year on which it is. */
static int64_t
turn_days(const struct turn *t, int64_t year)
{
	int64_t first = zone_days((struct zone_date){ year, 1, 1 }), next;

	if (t->form == '0')
		return first + t->day;
	/* Days of J are numbered without the 29th of February. */
	if (t->form == 'J')
		return first + t->day - 1 + (is_leap(year) && t->day >= 60);
	first = zone_days((struct zone_date){ year, (unsigned)t->month, 1 });
	next = zone_days((struct zone_date){ year + t->month / 12,
	    (unsigned)t->month % 12 + 1, 1 });
	first += ((unsigned)t->day + 7 - weekday(first)) % 7 +
	    7 * (t->week - 1);
	while (first >= next)
		first -= 7;
	return first;
}

/* ---- The file. ---- */

static int64_t
big_endian(const unsigned char *at, unsigned bytes)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < bytes; i++)
		n = n << 8 | at[i];
	return bytes == 4 ? (int32_t)(uint32_t)n : (int64_t)n;
}

/* How much there is of each in a block of the file. */
struct counts {
	size_t utc, standard, leaps, times, types, chars;
};

static bool
read_head(const unsigned char *at, size_t room, struct counts *c)
{
	size_t *const parts[] = { &c->utc, &c->standard, &c->leaps, &c->times,
		&c->types, &c->chars };

	if (room < HEAD || memcmp(at, "TZif", 4) != 0 || at[4] < '2')
		return false;
	for (unsigned i = 0; i < 6; i++) {
		*parts[i] = (size_t)big_endian(at + 20 + i * 4, 4);
		if (*parts[i] > FILE_MAX)
			return false;
	}
	return c->times <= CHANGES_MAX && c->types > 0 && c->types < 256;
}

static size_t
body_bytes(const struct counts *c, size_t wide)
{
	return c->times * (wide + 1) + c->types * 6 + c->chars +
	    c->leaps * (wide + 4) + c->standard + c->utc;
}

static void
add(struct zone *z, int64_t at_s, int offset_s)
{
	if (z->count >= CHANGES_MAX || (z->count > 0 &&
	    (z->changes[z->count - 1].offset_s == offset_s ||
	    z->changes[z->count - 1].at_s >= at_s)))
		return;
	z->changes[z->count++] = (struct change){ at_s, offset_s };
}

/* What the rule makes of the years after the last change of the file. */
static void
follow(struct zone *z, const struct rule *r, int64_t last_s)
{
	int64_t year = last_s < 0 ? 1970 : zone_date(last_s / DAY_S).year;

	if (!r->summer) {
		add(z, last_s + 1, r->standard_s);
		return;
	}
	for (; year <= YEAR_LAST; year++) {
		int64_t summer = turn_days(&r->to_summer, year) * DAY_S +
		    r->to_summer.time_s - r->standard_s;
		int64_t standard = turn_days(&r->to_standard, year) * DAY_S +
		    r->to_standard.time_s - r->summer_s;

		if (summer < standard && summer > last_s)
			add(z, summer, r->summer_s);
		if (standard > last_s)
			add(z, standard, r->standard_s);
		if (summer > standard && summer > last_s)
			add(z, summer, r->summer_s);
	}
}

static bool
read_changes(struct zone *z, const unsigned char *at, const struct counts *c)
{
	const unsigned char *which = at + c->times * 8;
	const unsigned char *types = which + c->times;

	add(z, INT64_MIN, (int)big_endian(types, 4));
	for (size_t i = 0; i < c->times; i++) {
		int64_t offset_s;

		if (which[i] >= c->types)
			return false;
		offset_s = big_endian(types + which[i] * 6, 4);
		if (offset_s > OFFSET_MAX || offset_s < -OFFSET_MAX)
			return false;
		add(z, big_endian(at + i * 8, 8), (int)offset_s);
	}
	return true;
}

/* The second block has times of 8 bytes, and the rule behind it. */
static bool
read_file(struct zone *z, const unsigned char *at, size_t length)
{
	const unsigned char *end = at + length;
	struct counts c;
	struct rule rule;
	int64_t last_s;

	if (!read_head(at, length, &c) ||
	    body_bytes(&c, 4) + HEAD > length)
		return false;
	at += HEAD + body_bytes(&c, 4);
	if (!read_head(at, (size_t)(end - at), &c) ||
	    body_bytes(&c, 8) + HEAD + 2 > (size_t)(end - at))
		return false;
	at += HEAD;
	if (!read_changes(z, at, &c))
		return false;
	last_s = c.times > 0 ? big_endian(at + (c.times - 1) * 8, 8) : -1;
	at += body_bytes(&c, 8);
	/* The text between two newlines; the file ends with one. */
	if (at[0] != '\n' || end[-1] != '\n')
		return false;
	*(unsigned char *)(uintptr_t)(end - 1) = '\0';
	if (at[1] != '\0' && !read_rule((const char *)at + 1, &rule))
		return false;
	if (at[1] != '\0')
		follow(z, &rule, last_s);
	return true;
}

/* ---- By name. ---- */

/* Nothing but a name below the directory. */
static bool
is_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < NAME_MAX_BYTES &&
	    isalpha((unsigned char)name[0]) && strspn(name,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_+-/") == length;
}

static FILE *
open_zone(struct arena *arena, const char *name)
{
	const char *directory = getenv("TZDIR");

	if (directory == NULL || *directory == '\0')
		directory = "/usr/share/zoneinfo";
	return fopen(arena_format(arena, "%s/%s", directory, name), "rbe");
}

static bool
read_zone(struct arena *scratch, const char *name, struct zone *z)
{
	unsigned char *text;
	size_t length;
	FILE *file;

	if (!is_name(name) || (file = open_zone(scratch, name)) == NULL)
		return false;
	text = arena_alloc(scratch, FILE_MAX);
	length = fread(text, 1, FILE_MAX, file);
	fclose(file);
	return length > 0 && length < FILE_MAX && read_file(z, text, length);
}

const struct zone *
zone_load(struct arena *arena, const char *name)
{
	struct arena *scratch = arena_new();
	struct zone z = { .changes = arena_alloc(scratch, CHANGES_MAX *
	    sizeof(*z.changes)) }, *ret = NULL;

	if (strcmp(name, "UTC") == 0)
		add(&z, INT64_MIN, 0);
	else if (!read_zone(scratch, name, &z))
		z.count = 0;
	if (z.count > 0) {
		ret = arena_alloc(arena, sizeof(*ret));
		ret->count = z.count;
		ret->changes = arena_alloc(arena, z.count *
		    sizeof(*z.changes));
		memcpy(ret->changes, z.changes, z.count * sizeof(*z.changes));
	}
	arena_free(scratch);
	return ret;
}

struct zone_span
zone_at(const struct zone *z, int64_t at_s)
{
	size_t low = 0, high = z->count;

	/* changes[low] is not after it, changes[high] is. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (z->changes[middle].at_s <= at_s)
			low = middle;
		else
			high = middle;
	}
	return (struct zone_span){ .since = z->changes[low].at_s,
		.until = high < z->count ? z->changes[high].at_s : INT64_MAX,
		.offset_s = z->changes[low].offset_s,
		.before_s = z->changes[low - (low > 0)].offset_s };
}
