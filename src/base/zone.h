/* SPDX-License-Identifier: MIT */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdint.h>

#include "base/attribute.h"

struct arena;

/*
 * Time zones, from the files of the C library's database (TZDIR, or
 * /usr/share/zoneinfo), read by ourselves: tzset() would change the whole
 * process.
 */
struct zone;

/*
 * The zone of an IANA name such as Europe/Berlin, in the arena; NULL: the
 * database has none.  "UTC" needs no database.
 */
const struct zone *zone_load(struct arena *arena, const char *name) MUST_CHECK;

/* A stretch of time in which the clock is as far from UTC: [since, until). */
struct zone_span {
	int64_t since, until;	/* in seconds since 1970 */
	int offset_s;		/* what the clock shows, less UTC */
	int before_s;		/* the same, just before it began */
};
struct zone_span zone_at(const struct zone *zone, int64_t at_s) MUST_CHECK;

/* Days since 1970 of a date of the Gregorian calendar, and back. */
struct zone_date {
	int64_t year;
	unsigned month, day;	/* from 1 */
};
int64_t zone_days(struct zone_date date);
struct zone_date zone_date(int64_t days);

#endif
