/* SPDX-License-Identifier: MIT */
/*
 * Tables that are partitioned by time: what a resource says of it against the
 * table, and against the row of lockstep.partitions by which its parts are made
 * and let go.  A login that may not read that row judges the table alone.
 */
#include "tool/drift.h"

#include <string.h>

static const char *
kept_text(struct drift *d, unsigned keep)
{
	return keep == 0 ? "null" : drift_text(d, "%u", keep);
}

static const char *
words_of(struct drift *d, const char *by, const char *period, unsigned ahead,
    unsigned keep)
{
	return drift_text(d, "by %s of %s, %u ahead, %s", period, by, ahead,
	    keep == 0 ? "all kept" : drift_text(d, "%u kept", keep));
}

static void
tell_unkept(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	const struct partitioned *p = &r->partition;

	drift_tell(d, DRIFT_PARTITION_DIFFERS, drift_at(d, r, "partition"),
	    drift_table_name(d, t), drift_text(d, "select lockstep.partition_begin("
		"%s, %s, %s, %u, %s);", drift_literal(d, drift_text(d,
		"%s.%s", t->schema, t->name)),
		drift_literal(d, p->by->name), drift_literal(d, p->period),
		p->ahead, kept_text(d, p->keep)),
	    "no part of it is made or let go: lockstep.partitions says nothing "
	    "of it");
}

static void
tell_different(struct drift *d, const struct resource *r,
    const struct catalog_table *t, const struct catalog_partitioned *has)
{
	const struct partitioned *p = &r->partition;

	drift_tell(d, DRIFT_PARTITION_DIFFERS, drift_at(d, r, "partition"),
	    drift_table_name(d, t), drift_text(d, "update lockstep.partitions "
		"set ahead = %u, keep = %s where relation = %s;", p->ahead,
		kept_text(d, p->keep), drift_literal(d, drift_text(d,
		"%s.%s", t->schema, t->name))),
	    "the contract has it %s; the database %s",
	    words_of(d, p->by->name, p->period, p->ahead, p->keep),
	    words_of(d, has->kept_by, has->period, has->ahead, has->keep));
}

void
drift_partition(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	const struct partitioned *p = &r->partition;
	struct catalog_partitioned has;

	if (t->kind != 'p' && p->by == NULL)
		return;
	if (!catalog_partitioned(d->catalog, t, &has))
		return;
	if (p->by == NULL) {
		if (has.kept)
			drift_tell(d, DRIFT_PARTITION_DIFFERS, drift_at(d, r,
			    "table"), drift_table_name(d, t), NULL,
			    "the database has it %s, of which the contract says "
			    "nothing", words_of(d, has.kept_by, has.period,
			    has.ahead, has.keep));
		return;
	}
	if (has.by == NULL || strcmp(has.by, p->by->name) != 0)
		drift_tell(d, DRIFT_PARTITION_DIFFERS, drift_at(d, r,
		    "partition"), drift_table_name(d, t), NULL,
		    "it is not partitioned by range of \"%s\"", p->by->name);
	else if (!has.kept && !has.hidden)
		tell_unkept(d, r, t);
	else if (has.kept && (strcmp(has.kept_by, p->by->name) != 0 ||
	    strcmp(has.period, p->period) != 0 || has.ahead != p->ahead ||
	    has.keep != p->keep))
		tell_different(d, r, t, &has);
}
