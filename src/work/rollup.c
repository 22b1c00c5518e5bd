/* SPDX-License-Identifier: MIT */
/*
 * Rollups are tended: what statements left is folded each second, one that is
 * not ready is filled, and a few buckets are held against their source now and
 * then.  What is read is right without any of it; folding keeps it cheap.
 */
#include "work/internal.h"

#include <stdio.h>

#include "base/log.h"
#include "base/metric.h"

enum {
	FOLD_MOST = 50000,	/* deltas in a transaction */
	FILL_MOST = 10000,	/* rows of the source */
	AUDIT_EVERY_S = 60,	/* each rollup */
	AUDIT_BUCKETS = 10,
	TOLD_S = 30,		/* how long a figure holds */
	LABELS_MAX = 128,
};

/* A contract without rollups may be of a database without their functions. */
static bool
has_any(const struct crew *crew)
{
	size_t count;

	(void)contract_rollups(crew->options->contract, &count);
	return count > 0;
}

static void
tell_fault(const char *name, const char *code)
{
	if (code != NULL)
		log_event(LOG_ERROR, "rollup_fault", LOG_TEXT("name", name),
		    LOG_TEXT("code", code));
}

static void
measure(const struct rollup_state *s)
{
	char labels[LABELS_MAX];

	snprintf(labels, sizeof(labels), "rollup=\"%s\"", s->name);
	metric_set_for("lockstep_rollup_lag_seconds", labels,
	    (uint64_t)((s->lag_ms + 999) / 1000), TOLD_S);
	metric_set_for("lockstep_rollup_unfolded", labels,
	    (uint64_t)s->unfolded, TOLD_S);
	metric_set_for("lockstep_rollup_building", labels, s->building,
	    TOLD_S);
	metric_set_for("lockstep_rollup_mismatches", labels,
	    (uint64_t)s->mismatches, TOLD_S);
	metric_add("lockstep_rollup_folded_total", labels,
	    (uint64_t)s->folded);
	tell_fault(s->name, s->fault);
}

/* Each by itself, so that one which takes long holds no other up. */
enum problem
chore_fold(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	const struct rollup_state *state;
	enum problem first, p;
	const char *const *names;
	size_t count;

	if (!has_any(crew))
		return PROBLEM_NONE;
	first = rollup_names(sc, store, false, &names, &count);
	if (first != PROBLEM_NONE)
		return first;
	for (size_t i = 0; i < count; i++) {
		p = rollup_fold(sc, store, names[i], FOLD_MOST, &state);
		if (p == PROBLEM_NONE && state != NULL) {
			measure(state);
			*more = *more || (state->folded > 0 &&
			    state->unfolded > 0);
		}
		first = first == PROBLEM_NONE ? p : first;
	}
	return first;
}

enum problem
chore_fill(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	enum problem first, p;
	const char *const *names, *fault;
	size_t count;
	bool some;

	if (!has_any(crew))
		return PROBLEM_NONE;
	first = rollup_names(sc, store, true, &names, &count);
	if (first != PROBLEM_NONE)
		return first;
	for (size_t i = 0; i < count; i++) {
		p = rollup_fill(sc, store, names[i], FILL_MOST, &some, &fault);
		if (p == PROBLEM_NONE) {
			tell_fault(names[i], fault);
			*more = *more || some;
		}
		first = first == PROBLEM_NONE ? p : first;
	}
	return first;
}

enum problem
chore_audit(struct crew *crew, struct scope *sc, struct store *store,
    bool *more)
{
	int64_t buckets, mismatches;
	char labels[LABELS_MAX];
	const char *name;
	enum problem p;

	(void)more;
	if (!has_any(crew))
		return PROBLEM_NONE;
	p = rollup_audit(sc, store, AUDIT_EVERY_S, AUDIT_BUCKETS, &name,
	    &buckets, &mismatches);
	if (p != PROBLEM_NONE || name == NULL)
		return p;
	snprintf(labels, sizeof(labels), "rollup=\"%s\"", name);
	metric_add("lockstep_rollup_audited_total", labels,
	    (uint64_t)buckets);
	metric_add("lockstep_rollup_audit_mismatches_total", labels,
	    (uint64_t)mismatches);
	if (mismatches > 0)
		log_event(LOG_ERROR, "rollup_mismatch", LOG_TEXT("name", name),
		    LOG_INT("buckets", mismatches));
	return PROBLEM_NONE;
}
