/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_CRON_H
#define CONTRACT_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/zone.h"

/*
 * Five fields of cron, a word such as @daily, or an interval ("every 30 s").
 * Private to contract/.
 */
struct cron;

/*
 * Reads a text into *ret, in the arena; the zone is not looked at for
 * intervals.  NULL, or what is wrong with it, without its place.
 */
const char *cron_read(struct arena *arena, const char *text,
    const struct zone *zone, const struct cron **ret) MUST_CHECK;

/* Is it an interval, which no zone changes? */
bool cron_is_interval(const struct cron *cron);

/* See schedule_next(). */
bool cron_next(const struct cron *cron, int64_t after_s, int64_t *ret_s)
    MUST_CHECK;

#endif
