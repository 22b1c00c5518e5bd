/* SPDX-License-Identifier: MIT */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"

struct buf;

/*
 * Figures shared by all processes of a host, in one mapped file: counters and
 * histograms are slots in an open-addressed table, named by their Prometheus
 * series (`lockstep_requests_total{route="/letters",status="200"}`), added to
 * with relaxed atomics.  The file outlives processes, so counters survive
 * rolling restarts.  Gauges are per process (a slot a pid) and are summed over
 * the processes that are alive.
 */
enum gauge {
	GAUGE_THREADS,		/* worker threads */
	GAUGE_IN_FLIGHT,	/* requests being served */
	GAUGE_CONNECTIONS,	/* open connections to Postgres */
	GAUGE_KEPT,		/* kept connections from nginx */
	GAUGE_QUEUED,		/* requests waiting for a thread */
	GAUGE_BREAKERS_OPEN,	/* 1: no request goes to Postgres */
	GAUGE_EXPORTS,		/* exports being written */
	GAUGE_STREAMS,		/* requests that are told events */
	GAUGE_COUNT
};

/*
 * Maps the file at path (made when missing; remade when its layout is another
 * version's); NULL maps anonymous memory, for tests.  Without a call, the
 * functions below do nothing.  Returns false with errno set.
 */
bool metric_open(const char *path) MUST_CHECK;

/* Claims a gauge slot for this process: call in the child after fork. */
void metric_process(void);

/* Adds to a counter.  The series is family{labels}; labels may be "". */
void metric_add(const char *family, const char *labels, uint64_t n);

/* Sets a figure that is the host's, whichever process sets it. */
void metric_set(const char *family, const char *labels, uint64_t n);

/* The same, for so many seconds: then, unless it is set anew, it is not told. */
void metric_set_for(const char *family, const char *labels, uint64_t n,
    unsigned seconds);

/* Adds an observation, in nanoseconds, to a histogram in seconds. */
void metric_observe(const char *family, const char *labels, uint64_t ns);

/* Changes this process's gauge. */
void metric_gauge(enum gauge g, int64_t delta);

/*
 * Calls for each series of a counter (one cell) or histogram (its buckets, each
 * for itself, then the sum in nanoseconds) of the family.
 */
void metric_each(const char *family, void (*each)(void *context,
    const char *labels, const uint64_t *cells, size_t count), void *context);

/* The buckets of a histogram, with the one that has no upper end. */
enum { METRIC_BUCKETS = 15 };

/*
 * A number of the file that no other file of this host has at the same time; 0
 * = there is none.
 */
uint64_t metric_number(void);

/* Writes all in Prometheus' text format 0.0.4, families with HELP and TYPE. */
void metric_write(struct buf *b);

#endif
