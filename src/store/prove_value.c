/* SPDX-License-Identifier: MIT */
/*
 * Values for a column that nobody told us about: examples and enums of the
 * contract, labels, what its CHECKs are written with, then a few of each type.
 * Each is put to the column's type and to the CHECKs that are about it alone;
 * the database is the judge, so it does not matter how they are written.
 */
#include "store/prove.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { GATHERED_MAX = 96, TAKEN_MAX = 6, LENGTH_MAX = 4096 };

struct gathered {
	struct proof *p;
	const struct plot *plot;
	const struct catalog_column *column;
	const char *texts[GATHERED_MAX];
	size_t count;
};

/* By type, or by the category of types that have no row. */
static const struct {
	const char *type;
	char category;
	const char *texts[14];
} samples[] = {
	{ "boolean", 0, { "false", "true" } },
	{ "timestamp with time zone", 0, { "tomorrow", "now", "yesterday",
	    "today" } },
	{ "timestamp without time zone", 0, { "tomorrow", "now",
	    "yesterday" } },
	{ "date", 0, { "tomorrow", "today", "yesterday" } },
	{ "time without time zone", 0, { "12:00", "13:00" } },
	{ "time with time zone", 0, { "12:00+00", "13:00+00" } },
	{ "interval", 0, { "1 day", "1 hour", "0" } },
	{ "json", 0, { "{}", "[]", "\"x\"", "1", "null" } },
	{ "jsonb", 0, { "{}", "[]", "\"x\"", "1", "null" } },
	{ "bytea", 0, { "\\x00", "\\x" } },
	{ "uuid", 0, { "00000000-0000-4000-8000-000000000000" } },
	{ "xml", 0, { "<x/>" } },
	{ NULL, 'N', { "1", "0", "10", "100", "1000", "10000", "-1", "0.5" } },
	{ NULL, 'A', { "{}", "{x}", "{1}" } },
	{ NULL, 'R', { "[1,2)", "empty", "[today,tomorrow)" } },
	{ NULL, 'I', { "10.0.0.1", "10.0.0.0/8" } },
	{ NULL, 'G', { "(1,1)", "((0,0),(1,1))" } },
	{ NULL, 'V', { "1", "101" } },
	{ NULL, 'S', { "x", "Sample", "xxxxxxxx", "A1B2C3D4", "EUR", "DE",
	    "en", "0123456789AB", "ab-1", "a@b.example",
	    "https://a.example/", "+49301234567", "2030-01-01", "" } },
	{ NULL, 'U', { "x", "1", "0", "08:00:2b:01:02:03", "0/1" } },
};

static void
gather(struct gathered *g, const char *text)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(g->texts[i], text) == 0)
			return;
	if (g->count < GATHERED_MAX)
		g->texts[g->count++] = text;
}

static void
gather_contract(struct gathered *g)
{
	const struct resource *r = g->plot->resource;
	const char *const *examples;
	struct facts facts;
	size_t count;

	for (size_t i = 0; r != NULL && i < r->field_count; i++) {
		if (strcmp(r->fields[i].name, g->column->name) != 0)
			continue;
		contract_facts(&r->fields[i], g->p->arena, &facts);
		for (size_t n = 0; n < facts.value_count; n++)
			gather(g, facts.values[n]);
		/* What is an example of a moment was one once. */
		if (g->column->category == 'D')
			return;
		examples = contract_examples(g->p->contract, r, &r->fields[i],
		    g->p->arena, &count);
		for (size_t n = 0; n < count; n++)
			gather(g, examples[n]);
	}
}

/* As many characters as a CHECK has a number for. */
static void
gather_length(struct gathered *g, size_t length)
{
	bool bytes = strcmp(g->column->base, "bytea") == 0;
	char *text;

	if (length == 0 || length > LENGTH_MAX ||
	    (g->column->category != 'S' && !bytes))
		return;
	text = arena_alloc(g->p->arena, 2 * length + 3);
	memset(text, bytes ? '0' : 'x', bytes ? 2 * length + 2 : length);
	if (bytes)
		memcpy(text, "\\x", 2);
	gather(g, text);
}

/* The literals of an expression, 'a' and 12. */
static void
gather_literals(struct gathered *g, const char *sql)
{
	const char *end;

	while (*sql != '\0') {
		if (*sql == '\'') {
			end = strchr(sql + 1, '\'');
			if (end == NULL)
				return;
			gather(g, arena_copy(g->p->arena, sql + 1,
			    (size_t)(end - sql - 1)));
			sql = end + 1;
		} else if (isdigit((unsigned char)*sql)) {
			size_t length = strspn(sql, "0123456789.");

			if (g->column->category == 'N')
				gather(g, arena_copy(g->p->arena, sql,
				    length));
			gather_length(g, strtoul(sql, NULL, 10));
			sql += length;
		} else {
			sql++;
		}
	}
}

static bool
is_about(const struct catalog_constraint *k, const char *column)
{
	for (size_t i = 0; k->kind == 'c' && k->check_sql != NULL &&
	     i < k->column_count; i++)
		if (strcmp(k->columns[i], column) == 0)
			return true;
	return false;
}

static void
gather_checks(struct gathered *g)
{
	const struct catalog_table *t = g->plot->table;

	for (size_t i = 0; i < g->column->label_count; i++)
		gather(g, g->column->labels[i]);
	for (size_t i = 0; i < t->constraint_count; i++)
		if (is_about(&t->constraints[i], g->column->name))
			gather_literals(g, t->constraints[i].check_sql);
	if (g->column->domain_sql != NULL)
		gather_literals(g, g->column->domain_sql);
}

static void
gather_samples(struct gathered *g)
{
	const struct catalog_column *c = g->column;
	size_t i = 0;

	while (i < countof(samples) && (samples[i].type == NULL ?
	    samples[i].category != c->category :
	    strcmp(samples[i].type, c->base) != 0))
		i++;
	for (size_t n = 0; i < countof(samples) &&
	     n < countof(samples[i].texts) && samples[i].texts[n] != NULL; n++)
		gather(g, samples[i].texts[n]);
}

/* The CHECKs that are about the column alone, of a value of it. */
static const char *
condition(struct gathered *g)
{
	const struct catalog_table *t = g->plot->table;
	const char *sql = "true";

	for (size_t i = 0; i < t->constraint_count; i++) {
		const struct catalog_constraint *k = &t->constraints[i];

		if (k->column_count == 1 && is_about(k, g->column->name))
			sql = arena_format(g->p->arena, "%s and (%s)", sql,
			    k->check_sql);
	}
	return sql;
}

/*
 * A cast cuts off what is too long, and what is not told is not cast at all.
 */
static bool
is_taken(struct gathered *g, const char *condition_sql, const char *text)
{
	const char *name = proof_name(g->p, g->column->name);
	PGresult *result;
	bool taken;

	if (g->column->length > 0 && strlen(text) > g->column->length)
		return false;
	proof_do(g->p, "savepoint value");
	result = PQexec(g->p->connection, arena_format(g->p->arena,
	    "select coalesce((%s), true), %s::text from (select %s::%s as %s) "
	    "x", condition_sql, name, proof_literal(g->p, text),
	    g->column->type, name));
	taken = PQresultStatus(result) == PGRES_TUPLES_OK &&
	    PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	proof_do(g->p, "rollback to savepoint value; release savepoint value");
	return taken;
}

const char *const *
proof_values(struct proof *p, const struct plot *plot,
    const struct catalog_column *column, size_t *ret_count)
{
	struct gathered g = { .p = p, .plot = plot, .column = column };
	const char **taken = arena_alloc(p->arena,
	    TAKEN_MAX * sizeof(*taken));
	const char *sql = condition(&g);
	size_t count = 0;

	gather_contract(&g);
	gather_checks(&g);
	gather_samples(&g);
	for (size_t i = 0; i < g.count && count < TAKEN_MAX; i++)
		if (is_taken(&g, sql, g.texts[i]))
			taken[count++] = g.texts[i];
	*ret_count = count;
	return taken;
}
