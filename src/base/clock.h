/* SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC: for durations and deadlines. */
uint64_t clock_now_ns(void);

/* Seconds, or milliseconds, since 1970 of CLOCK_REALTIME: for claims, logs. */
int64_t clock_unix_s(void);
int64_t clock_unix_ms(void);

/* Writes "2026-01-02T03:04:05.678Z" and a NUL into at (25 bytes). */
void clock_rfc3339(int64_t unix_ms, char at[25]);

/* Milliseconds from now to a deadline: 0 when it is past, -1 for none (0). */
int clock_left_ms(uint64_t deadline_ns);

#endif
