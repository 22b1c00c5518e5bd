/* SPDX-License-Identifier: MIT */
/*
 * The two clocks: monotonic for durations, real for dates.  clock_gettime()
 * with these two cannot fail, so its result is not looked at.  Dates are
 * computed here and not by gmtime(): no locale, no time zone file, no lock.
 */
#include <limits.h>
#include <time.h>

#include "base/clock.h"

uint64_t
clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

int64_t
clock_unix_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_unix_s(void)
{
	return clock_unix_ms() / 1000;
}

/* Writes n in exactly `width` digits. */
static void
put(char *at, int64_t n, unsigned width)
{
	while (width-- > 0) {
		at[width] = (char)('0' + n % 10);
		n /= 10;
	}
}

/*
 * Writes YYYY-MM-DD of the day counted from 1970-01-01 in the proleptic
 * Gregorian calendar.  Years begin in March here, so that the leap day is the
 * last of its year; an era is 400 years, 146097 days.
 */
static void
put_date(char *at, int64_t day)
{
	/* From -0400-03-01, so that nothing here is negative. */
	int64_t shifted = day + 719468 + 146097;
	int64_t era = shifted / 146097 - 1;
	int64_t of_era = shifted % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 -
	    of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;	/* 0 = March */

	put(at + 8, of_year - (153 * month + 2) / 5 + 1, 2);
	put(at + 5, month < 10 ? month + 3 : month - 9, 2);
	put(at, year + era * 400 + (month >= 10), 4);
}

void
clock_rfc3339(int64_t unix_ms, char at[25])
{
	const int64_t least = -62167219200000;	/* 0000-01-01T00:00:00.000 */
	const int64_t most = 253402300799999;	/* 9999-12-31T23:59:59.999 */
	const int64_t day_ms = 86400000;
	const char shape[25] = "0000-00-00T00:00:00.000Z";
	int64_t day, ms;

	if (unix_ms < least)
		unix_ms = least;
	if (unix_ms > most)
		unix_ms = most;
	day = unix_ms / day_ms;
	ms = unix_ms % day_ms;
	if (ms < 0) {
		ms += day_ms;
		day--;
	}
	for (unsigned i = 0; i < sizeof(shape); i++)
		at[i] = shape[i];
	put_date(at, day);
	put(at + 11, ms / 3600000, 2);
	put(at + 14, ms / 60000 % 60, 2);
	put(at + 17, ms / 1000 % 60, 2);
	put(at + 20, ms % 1000, 3);
}

int
clock_left_ms(uint64_t deadline_ns)
{
	uint64_t now, left;

	if (deadline_ns == 0)
		return -1;
	now = clock_now_ns();
	if (now >= deadline_ns)
		return 0;
	/* Rounded up: waiting 0 ms for the last half would spin. */
	left = (deadline_ns - now + 999999) / 1000000;
	return left > INT_MAX ? INT_MAX : (int)left;
}
