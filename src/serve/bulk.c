/* SPDX-License-Identifier: MIT */
/*
 * What is its own about requests of many records: how long their bodies may be,
 * and what their outcome means.  Not one record taken, and none that was there
 * already, is a request that was refused, though its records are kept.
 */
#include "serve/internal.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/metric.h"

enum { LABELS_MAX = 160 };

size_t
bulk_body_limit(void *context, struct scope *sc, const struct request *rq)
{
	const struct serve_options *o = context;
	struct match match;
	bool bulk = contract_route(o->contract, sc, rq, &match) ==
	    PROBLEM_NONE && match.operation->bulk != NULL;

	sc->allow = NULL;
	return bulk ? o->bulk_limit_bytes : o->front.body_limit_bytes;
}

static void
count(const struct operation *op, const char *outcome, unsigned n)
{
	struct buf labels;

	if (n == 0)
		return;
	buf_init(&labels, LABELS_MAX);
	buf_format(&labels, "operation=\"%s\",outcome=\"%s\"", op->name,
	    outcome);
	metric_add("lockstep_ingest_records_total", labels.at, n);
	buf_release(&labels);
}

enum problem
bulk_settle(const struct visit *visit, struct scope *sc)
{
	const struct operation *op = visit->match.operation;
	const struct outcome *out = &visit->outcome;
	unsigned accepted, duplicates, rejected;

	if (sscanf(out->data, "{\"accepted\":%u,\"duplicates\":%u,"
	    "\"rejected\":%u,", &accepted, &duplicates, &rejected) != 3)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "lockstep.ingest() gave no counts");
	if (!out->replayed) {
		count(op, "accepted", accepted);
		count(op, "duplicate", duplicates);
		count(op, "rejected", rejected);
	}
	if (accepted + duplicates > 0)
		return PROBLEM_NONE;
	sc->records = out->data;
	return PROBLEM_ALL_REJECTED;
}
