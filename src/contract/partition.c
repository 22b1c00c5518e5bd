/* SPDX-License-Identifier: MIT */
/*
 * "partition" of a resource: the time by which its table is partitioned, how
 * long a part is, how many are made ahead and how many are kept.  The database
 * does it by what its migrations say (lockstep.partitions); that both say the
 * same is for lockstep check to see.
 */
#include "contract/internal.h"

#include <string.h>

enum { AHEAD_DEFAULT = 3, AHEAD_HIGHEST = 60, KEEP_HIGHEST = 1200 };

static const struct member partition_members[] = {
	{ "by", KIND_TEXT, true },
	{ "period", KIND_TEXT, true },
	{ "ahead", KIND_NUMBER, false },
	{ "keep", KIND_NUMBER, false },
};

static void
by_load(struct loader *ld, const struct at *at, const struct draft *d,
    struct partitioned *p)
{
	const char *name = member_text(ld, at, "by");
	const struct field *field;

	if (name == NULL || d->whole == NULL)
		return;
	field = field_find(d->fields, d->field_count, name, strlen(name));
	if (field == NULL)
		fault_value(ld, at, "by", "\"by\" names \"%s\", which is not "
		    "a property of \"%s\"%s", name, d->resource->schema_file,
		    hint(ld, name, field_names(ld, d->fields, d->field_count),
			d->field_count));
	else if (field->types != TYPE_STRING || field->format == NULL ||
	    strcmp(field->format, "date-time") != 0)
		fault_value(ld, at, "by", "\"by\" names \"%s\", which must be "
		    "a string of the \"format\" date-time, and never null",
		    name);
	else
		p->by = field;
}

static void
period_load(struct loader *ld, const struct at *at, struct partitioned *p)
{
	static const char *const words[] = { "day", "week", "month" };
	const char *word = member_text(ld, at, "period");

	for (size_t i = 0; word != NULL && i < countof(words); i++)
		if (strcmp(word, words[i]) == 0)
			p->period = words[i];
	if (word != NULL && p->period == NULL)
		fault_value(ld, at, "period", "\"period\" must be day, week or "
		    "month");
}

static void
count_load(struct loader *ld, const struct at *at, const char *name,
    int64_t highest, unsigned *ret)
{
	int64_t count;

	if (!member_number(at, name, &count))
		return;
	if (count < 1 || count > highest)
		fault_value(ld, at, name, "\"%s\" must be from 1 to %d periods",
		    name, (int)highest);
	else
		*ret = (unsigned)count;
}

void
partition_load(struct loader *ld, const struct draft *d)
{
	struct partitioned p = { .ahead = AHEAD_DEFAULT };
	struct at at;

	if (!member_object(&d->at, "partition", "\"partition\": ", &at))
		return;
	members_check(ld, &at, partition_members, countof(partition_members));
	if (d->resource->table.name == NULL &&
	    member_text(ld, &d->at, "table") == NULL)
		fault_name(ld, &d->at, "partition", "\"partition\" needs a "
		    "\"table\"");
	by_load(ld, &at, d, &p);
	period_load(ld, &at, &p);
	count_load(ld, &at, "ahead", AHEAD_HIGHEST, &p.ahead);
	count_load(ld, &at, "keep", KEEP_HIGHEST, &p.keep);
	d->resource->partition = p;
}
