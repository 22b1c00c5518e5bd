/* SPDX-License-Identifier: MIT */
/*
 * Values put to a column: its type refuses some, and what is left is put to the
 * CHECKs of its domain and to those that are about it alone, in the database.
 * So it does not matter how a CHECK is written.  CHECKs over several columns
 * are not asked; for them no value of one column is right or wrong.
 */
#include "tool/probe.h"

#include <stdlib.h>
#include <string.h>

static size_t
characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static bool
is_label(const struct catalog_column *c, const char *value)
{
	for (size_t i = 0; i < c->label_count; i++)
		if (strcmp(c->labels[i], value) == 0)
			return true;
	return false;
}

bool
probe_integers(const char *type, int64_t *ret_least, int64_t *ret_most)
{
	static const struct {
		const char *type;
		int64_t least, most;
	} rows[] = {
		{ "smallint", INT16_MIN, INT16_MAX },
		{ "integer", INT32_MIN, INT32_MAX },
		{ "bigint", INT64_MIN, INT64_MAX },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		if (strcmp(rows[i].type, type) != 0)
			continue;
		*ret_least = rows[i].least;
		*ret_most = rows[i].most;
		return true;
	}
	return false;
}

/* Does the type itself refuse the value? */
static bool
type_refuses(const struct catalog_column *c, const char *value)
{
	int64_t least, most, n;

	if (c->label_count > 0)
		return !is_label(c, value);
	if (c->length > 0)
		return characters(value) > c->length;
	if (!probe_integers(c->base, &least, &most))
		return false;
	n = strtoll(value, NULL, 10);
	return n < least || n > most;
}

bool
probe_is_own(const struct catalog_constraint *k,
    const struct catalog_column *c)
{
	return k->kind == 'c' && k->column_count == 1 &&
	    k->check_sql != NULL && strcmp(k->columns[0], c->name) == 0;
}

/* A character without a length would be one character. */
static const char *
type_of(const struct catalog_column *c)
{
	if (strcmp(c->base, "character") == 0)
		return "bpchar";
	return strcmp(c->base, "bit") == 0 ? "varbit" : c->base;
}

/* What a CHECK, or the domain, says of those that are not refused yet. */
static void
ask_further(const struct catalog *catalog, const struct catalog_column *c,
    const char *check, const char *const *values, size_t count,
    enum holds *ret)
{
	const char *left[PROBE_VALUES_MAX];
	enum holds said[PROBE_VALUES_MAX];
	size_t number[PROBE_VALUES_MAX], n = 0;
	/* VALUE is a word like any other, so it may be a column's name. */
	struct catalog_probe probe = { .type = type_of(c),
		.column = check == NULL ? "value" : c->name,
		.sql = check == NULL ? c->domain_sql : check,
		.values = left };

	for (size_t i = 0; i < count; i++) {
		if (ret[i] != HOLDS_YES)
			continue;
		number[n] = i;
		left[n++] = values[i];
	}
	probe.count = n;
	if (n > 0)
		catalog_judge(catalog, &probe, said);
	for (size_t i = 0; i < n; i++)
		ret[number[i]] = said[i];
}

void
probe_ask(const struct catalog *catalog, const struct catalog_table *table,
    const struct catalog_column *c, const char *const *values, size_t count,
    enum holds *ret)
{
	for (size_t i = 0; i < count; i++)
		ret[i] = type_refuses(c, values[i]) ? HOLDS_NO : HOLDS_YES;
	if (c->domain_sql != NULL)
		ask_further(catalog, c, NULL, values, count, ret);
	for (size_t i = 0; i < table->constraint_count; i++)
		if (probe_is_own(&table->constraints[i], c))
			ask_further(catalog, c,
			    table->constraints[i].check_sql, values, count,
			    ret);
}
