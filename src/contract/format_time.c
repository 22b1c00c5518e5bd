/* SPDX-License-Identifier: MIT */
/*
 * Dates and times of RFC 3339: the ABNF of section 5.6, with the days that a
 * month has (5.7) and an offset that must be there; durations of its appendix
 * A.  A second 60 is taken only where the minute is 23:59 in UTC, on any day:
 * leap seconds are announced half a year ahead, so no table of them stays
 * right.  A fraction may have any number of digits.  An instant that has no
 * year of four digits in UTC is refused, too: it could not be told again.
 */
#include <string.h>

#include "contract/format_scan.h"

enum { DAY = 24 * 60 };	/* minutes */

/* Two digits as a number, or a number over 99. */
static inline unsigned
two_digits(const char *at)
{
	unsigned tens = (unsigned)at[0] - '0', ones = (unsigned)at[1] - '0';

	return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/* full-date. */
static bool
take_date(struct scan *s)
{
	static const unsigned char days[] = { 31, 29, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };
	const char *at = s->at;
	unsigned century, year, month, day;

	if (scan_left(s) < 10 || at[4] != '-' || at[7] != '-')
		return false;
	century = two_digits(at);
	year = two_digits(at + 2);
	month = two_digits(at + 5);
	day = two_digits(at + 8);
	if (century > 99 || year > 99 || month < 1 || month > 12 || day < 1 ||
	    day > days[month - 1])
		return false;
	s->at += 10;
	return month != 2 || day != 29 ||
	    (year != 0 ? year : century) % 4 == 0;
}

/* time-offset, in minutes east of UTC. */
static bool
take_offset(struct scan *s, int *ret)
{
	const char *at = s->at;
	unsigned hours, minutes;

	*ret = 0;
	if (take(s, 'Z') || take(s, 'z'))
		return true;
	if (scan_left(s) < 6 || (at[0] != '+' && at[0] != '-') || at[3] != ':')
		return false;
	hours = two_digits(at + 1);
	minutes = two_digits(at + 4);
	if (hours > 23 || minutes > 59)
		return false;
	*ret = (int)(hours * 60 + minutes) * (at[0] == '-' ? -1 : 1);
	s->at += 6;
	return true;
}

/* full-time; *ret is its minute in UTC, perhaps of the day before or after. */
static bool
take_time(struct scan *s, int *ret)
{
	const char *at = s->at;
	unsigned hour, minute, second;
	int offset;

	if (scan_left(s) < 8 || at[2] != ':' || at[5] != ':')
		return false;
	hour = two_digits(at);
	minute = two_digits(at + 3);
	second = two_digits(at + 6);
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	s->at += 8;
	if (take(s, '.') && take_span(s, DIGIT) == 0)
		return false;
	if (!take_offset(s, &offset))
		return false;
	*ret = (int)(hour * 60 + minute) - offset;
	return second < 60 || (*ret + DAY) % DAY == DAY - 1;
}

bool
format_is_date(const char *at, size_t length)
{
	struct scan s = { at, at + length };

	return take_date(&s) && s.at == s.end;
}

bool
format_is_time(const char *at, size_t length)
{
	struct scan s = { at, at + length };
	int minute;

	return take_time(&s, &minute) && s.at == s.end;
}

/*
 * The year has four digits in UTC, too, where we answer and Postgres counts,
 * which rounds to microseconds and makes a leap second the next minute.
 */
static bool
is_tellable(const char *at, size_t length, int minute)
{
	bool rounds_up = length > 26 && is(at[26], DIGIT) &&
	    memcmp(at + 17, "59.999999", 9) == 0;

	if (memcmp(at, "9999-12-31", 10) == 0)
		return minute < DAY - 1 ||
		    (minute == DAY - 1 && at[17] != '6' && !rounds_up);
	if (memcmp(at, "0001-01-01", 10) == 0)
		return minute >= 0;
	return memcmp(at, "0000", 4) != 0;
}

bool
format_is_date_time(const char *at, size_t length)
{
	struct scan s = { at, at + length };
	int minute;

	return take_date(&s) && (take(&s, 'T') || take(&s, 't')) &&
	    take_time(&s, &minute) && s.at == s.end &&
	    is_tellable(at, length, minute);
}

/*
 * Takes numbers, each with its unit: the units stand in a row, and may end or
 * begin anywhere but leave none out in between.
 */
static bool
take_units(struct scan *s, const char *units)
{
	const char *unit = units;
	bool first = true;

	do {
		if (take_span(s, DIGIT) == 0 || s->at == s->end)
			return false;
		while (first && *unit != '\0' && *unit != *s->at)
			unit++;
		first = false;
		if (*unit == '\0' || !take(s, *unit))
			return false;
		unit++;
	} while (s->at < s->end && *s->at != 'T');
	return true;
}

/* Letters are capitals, as ISO 8601 has them; numbers have any length. */
bool
format_is_duration(const char *at, size_t length)
{
	struct scan s = { at, at + length }, weeks;

	if (!take(&s, 'P'))
		return false;
	weeks = s;
	if (take_span(&weeks, DIGIT) > 0 && take(&weeks, 'W'))
		return weeks.at == weeks.end;
	if (s.at < s.end && *s.at != 'T' && !take_units(&s, "YMD"))
		return false;
	if (take(&s, 'T'))
		return take_units(&s, "HMS") && s.at == s.end;
	return s.at == s.end && length > 1;
}
