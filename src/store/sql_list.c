/* SPDX-License-Identifier: MIT */
/*
 * Plan -> SQL that reads: lists, single rows, the related rows of both, and
 * the count of a list.  Each is one statement over the table itself, so the
 * policies of row level security judge every row in it: the list's, those of
 * related tables in the subqueries, and those that are counted.
 *
 * Where there are subqueries the tables are called "0", "1", ...: no column of
 * a contract can have such a name, so nothing of one is taken for another's.
 */
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

enum { ESTIMATE_FROM = 1000 };	/* rows that an estimate counts itself */

/* In a pattern "*" stands for "%", which needs no escape in a URL. */
static const char *
pattern(struct arena *arena, const char *value)
{
	char *text = arena_string(arena, value), *at;

	for (at = text; (at = strchr(at, '*')) != NULL; at++)
		*at = '%';
	return text;
}

/*
 * A column that is compared by pattern is taken as text, so that it may be a
 * uuid or an enum; on text that changes nothing.
 */
static const struct {
	const char *before, *after;	/* the parameter, if it takes one */
	bool takes;
} compares[] = {
	[COMPARE_EQ] = { " = ", "", true },
	[COMPARE_NEQ] = { " <> ", "", true },
	[COMPARE_GT] = { " > ", "", true },
	[COMPARE_GTE] = { " >= ", "", true },
	[COMPARE_LT] = { " < ", "", true },
	[COMPARE_LTE] = { " <= ", "", true },
	[COMPARE_LIKE] = { "::text like ", "", true },
	[COMPARE_ILIKE] = { "::text ilike ", "", true },
	[COMPARE_IN] = { " = any(", ")", true },
	[COMPARE_IS_NULL] = { " is null", "", false },
	[COMPARE_IS_TRUE] = { " is true", "", false },
	[COMPARE_IS_FALSE] = { " is false", "", false },
	[COMPARE_IS_NOT_NULL] = { " is not null", "", false },
};

static const char *
term_param(struct arena *arena, const struct term *term)
{
	switch (term->compare) {
	case COMPARE_IN:
		return store_array(arena, term->values, term->value_count);
	case COMPARE_LIKE:
	case COMPARE_ILIKE:
		return pattern(arena, term->values[0]);
	default:
		return term->values[0];
	}
}

static void
put_term(struct query *q, const struct term *term)
{
	if (term->negated)
		buf_string(q->sql, "not (");
	buf_string(q->sql, term->field->name_sql);
	buf_string(q->sql, compares[term->compare].before);
	if (compares[term->compare].takes) {
		put_param(q, term_param(q->arena, term));
		buf_string(q->sql, compares[term->compare].after);
	}
	if (term->negated)
		buf_char(q->sql, ')');
}

/*
 * ---- The cursor: rows after a row, in an order whose last column is the key.
 *
 * Postgres sorts NULL as the greatest: last when ascending, first when
 * descending.  Columns of one direction make one row compare, a range of one
 * index, and so do NULLs that come before what is looked for.  Where the
 * direction turns or NULLs come after, one range becomes several: the rows that
 * are equal up to there and beyond in the rest, then those that are beyond
 * sooner.  Each is a subquery with the list's own limit, so that a page costs
 * the same wherever it is; an OR of them would be read from its beginning.
 */
struct range {
	size_t first, count;	/* columns of the row compare; before: equal */
	bool nulls;		/* instead: the first one is null */
};

/* Is a compare with the column's value all there is to it? */
static bool
is_compared(const struct plan *plan, size_t i)
{
	const struct sort *sort = &plan->order[i];
	unsigned types = sort->field->types;

	return plan->after[i] != NULL && (sort->descending ||
	    (types != 0 && (types & TYPE_NULL) == 0));
}

static size_t
range_length(const struct plan *plan, size_t first)
{
	size_t i = first + 1;

	while (i < plan->order_count && is_compared(plan, first) &&
	    is_compared(plan, i) && plan->order[i].descending ==
	    plan->order[first].descending)
		i++;
	return i - first;
}

/* The ranges, of which there are at most two for each column. */
static size_t
ranges_of(const struct plan *plan, struct range *ranges)
{
	size_t i, n, count = 0;

	for (i = 0; i < plan->order_count; i += n) {
		bool descending = plan->order[i].descending;

		n = range_length(plan, i);
		if (plan->after[i] != NULL)
			ranges[count++] = (struct range){ i, n, false };
		if (!is_compared(plan, i) && !(plan->after[i] == NULL &&
		    !descending))
			ranges[count++] = (struct range){ i, n, true };
	}
	return count;
}

/* ("a", "b") > ($1, $2) */
static void
put_compare(struct query *q, const struct plan *plan,
    const struct range *range, const size_t *params)
{
	size_t i, end = range->first + range->count;

	for (i = range->first; i < end; i++)
		buf_format(q->sql, "%s%s", i == range->first ? "(" : ", ",
		    plan->order[i].field->name_sql);
	buf_string(q->sql, plan->order[range->first].descending ? ") < " :
	    ") > ");
	for (i = range->first; i < end; i++)
		buf_format(q->sql, "%s$%zu", i == range->first ? "(" : ", ",
		    params[i]);
	buf_char(q->sql, ')');
}

/* After a NULL come the values, after the values come the NULLs. */
static void
put_range(struct query *q, const struct plan *plan, const struct range *range,
    const size_t *params)
{
	size_t i;

	for (i = 0; i < range->first; i++) {
		buf_string(q->sql, plan->order[i].field->name_sql);
		if (plan->after[i] != NULL)
			buf_format(q->sql, " = $%zu and ", params[i]);
		else
			buf_string(q->sql, " is null and ");
	}
	if (!range->nulls)
		put_compare(q, plan, range, params);
	else
		buf_format(q->sql, "%s is %snull",
		    plan->order[i].field->name_sql,
		    plan->after[i] == NULL ? "not " : "");
}

static void
put_order(struct query *q, const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->order_count; i++) {
		buf_string(q->sql, i == 0 ? " order by " : ", ");
		buf_string(q->sql, plan->order[i].field->name_sql);
		if (plan->order[i].descending)
			buf_string(q->sql, " desc");
	}
}

/*
 * ---- Conditions.
 *
 * All parts hold, or one does; the brackets are the clause's own, so that what
 * is around it needs none.
 */
static void
put_clause(struct query *q, const struct clause *clause)
{
	const char *join = clause->kind == CLAUSE_OR ? " or " : " and ";
	size_t i;

	if (clause->negated)
		buf_string(q->sql, "not ");
	buf_char(q->sql, '(');
	if (clause->kind == CLAUSE_TERM)
		put_term(q, &clause->term);
	for (i = 0; i < clause->part_count; i++) {
		if (i > 0)
			buf_string(q->sql, join);
		put_clause(q, &clause->parts[i]);
	}
	buf_char(q->sql, ')');
}

/*
 * Exactly this expression is what an index for it is made over; the cast is
 * none for text.  The configuration is named, or the expression would depend
 * on the session.
 */
static void
put_search(struct query *q, const struct plan *plan)
{
	const struct operation *op = plan->operation;
	size_t i;

	buf_string(q->sql, "to_tsvector('simple', ");
	for (i = 0; i < op->search_count; i++)
		buf_format(q->sql, "%scoalesce(%s::text, '')",
		    i > 0 ? " || ' ' || " : "", op->search[i]->name_sql);
	buf_string(q->sql, ") @@ websearch_to_tsquery('simple', ");
	put_param(q, plan->search);
	buf_char(q->sql, ')');
}

/* Which rows the list has, whatever the page; the word that goes before more. */
static const char *
put_where(struct query *q, const struct plan *plan)
{
	const char *before = " where ";
	size_t i;

	for (i = 0; i < plan->term_count; i++, before = " and ") {
		buf_string(q->sql, before);
		put_term(q, &plan->terms[i]);
	}
	for (i = 0; i < plan->clause_count; i++, before = " and ") {
		buf_string(q->sql, before);
		put_clause(q, &plan->clauses[i]);
	}
	if (plan->search != NULL) {
		buf_string(q->sql, before);
		put_search(q, plan);
		before = " and ";
	}
	return before;
}

/* ---- Related rows. */

static void put_embed(struct query *q, const struct embed *embed,
    unsigned outer, unsigned *serial);

/* What is told of each, by the table's name: an absent column is an error. */
static void
put_told(struct query *q, const struct embed *embed, unsigned table,
    unsigned *serial)
{
	size_t i;

	for (i = 0; i < embed->select_count; i++)
		buf_format(q->sql, "%s\"%u\".%s", i > 0 ? ", " : "", table,
		    embed->select[i]->name_sql);
	for (i = 0; i < embed->embed_count; i++) {
		buf_string(q->sql, embed->select_count + i > 0 ? ", " : "");
		put_embed(q, &embed->embeds[i], table, serial);
	}
}

static void
put_related_order(struct query *q, const struct related *related,
    unsigned table)
{
	size_t i;

	for (i = 0; i < related->order_count; i++)
		buf_format(q->sql, "%s\"%u\".%s%s",
		    i == 0 ? " order by " : ", ", table,
		    related->order[i].field->name_sql,
		    related->order[i].descending ? " desc" : "");
}

/*
 * One column of json, for rows.c: an object or null, or an array.  An array
 * keeps the order of the subquery that it is made of.
 */
static void
put_embed(struct query *q, const struct embed *embed, unsigned outer,
    unsigned *serial)
{
	const struct related *related = embed->related;
	unsigned table = ++*serial;

	buf_format(q->sql, related->many ?
	    "(select coalesce(json_agg(\"%u-row\"), '[]') from (select " :
	    "(select to_json(\"%u-row\") from (select ", table);
	put_told(q, embed, table, serial);
	buf_format(q->sql, " from %s as \"%u\" where \"%u\".%s = \"%u\".%s",
	    related->resource->table.sql, table, table,
	    related->theirs->name_sql, outer, related->ours->name_sql);
	put_related_order(q, related, table);
	buf_format(q->sql, " limit %u) as \"%u-row\") as \"%s\"",
	    related->many ? related->limit : 1, table, related->name);
}

/* ---- The statements. */

static void
put_select(struct query *q, const struct plan *plan)
{
	unsigned serial = 0;
	size_t i;

	buf_string(q->sql, "select ");
	put_columns(q);
	for (i = 0; i < plan->embed_count; i++) {
		buf_string(q->sql, q->column_count + i > 0 ? ", " : "");
		put_embed(q, &plan->embeds[i], 0, &serial);
	}
	if (q->tag) {
		buf_string(q->sql, ", ");
		put_tag(q->sql, plan->operation->resource);
		buf_string(q->sql, " as lockstep_tag");
	}
	q->embed_count = plan->embed_count;
	buf_string(q->sql, " from ");
}

static void
put_table(struct query *q, const struct plan *plan)
{
	buf_string(q->sql, plan->operation->resource->table.sql);
	if (plan->embed_count > 0)
		buf_string(q->sql, " as \"0\"");
}

static void
put_limit(struct query *q, const struct plan *plan, size_t limit)
{
	put_order(q, plan);
	buf_string(q->sql, " limit $");
	buf_int(q->sql, (int64_t)limit);
}

/* The columns of a range: what is told, and what related rows hang on. */
static void
put_inner_columns(struct query *q, const struct plan *plan)
{
	struct query inner = { .arena = q->arena, .sql = q->sql };
	size_t i;

	inner.columns = arena_alloc(q->arena, (q->column_count +
	    plan->embed_count + 1) * sizeof(const struct field *));
	for (i = 0; i < q->column_count; i++)
		need_column(&inner, q->columns[i]);
	for (i = 0; i < plan->embed_count; i++)
		need_column(&inner, plan->embeds[i].related->ours);
	put_columns(&inner);
}

/*
 * All ranges, then their first rows.  `from` is the table with the list's
 * conditions, whose parameters are there already.
 */
static void
put_ranges(struct query *q, const struct plan *plan, const char *from,
    const struct range *ranges, size_t count)
{
	size_t *params = arena_alloc(q->arena,
	    plan->order_count * sizeof(*params));
	size_t i, limit;

	for (i = 0; i < plan->order_count; i++)
		if (plan->after[i] != NULL)
			params[i] = add_param(q, plan->after[i]);
	limit = add_param(q, arena_format(q->arena, "%u", plan->limit + 1));
	for (i = count; i-- > 0 && count > 1;) {
		buf_string(q->sql, i + 1 == count ? "((select " :
		    " union all (select ");
		put_inner_columns(q, plan);
		buf_format(q->sql, " from %s", from);
		put_range(q, plan, &ranges[i], params);
		put_limit(q, plan, limit);
		buf_char(q->sql, ')');
	}
	if (count > 1) {
		buf_string(q->sql, ") as \"0\"");
	} else {
		buf_string(q->sql, from);
		put_range(q, plan, &ranges[0], params);
	}
	put_limit(q, plan, limit);
}

/* One row more than is asked for tells whether there is a next page. */
void
sql_list(const struct plan *plan, struct query *q)
{
	struct range *ranges;
	const char *from;
	size_t start;

	put_select(q, plan);
	start = q->sql->length;
	put_table(q, plan);
	if (plan->after == NULL) {
		(void)put_where(q, plan);
		put_limit(q, plan, add_param(q, arena_format(q->arena, "%u",
		    plan->limit + 1)));
		return;
	}
	buf_string(q->sql, put_where(q, plan));
	if (q->sql->failed)
		return;
	from = arena_copy(q->arena, q->sql->at + start,
	    q->sql->length - start);
	buf_rewind(q->sql, start);
	ranges = arena_alloc(q->arena, 2 * plan->order_count *
	    sizeof(*ranges));
	put_ranges(q, plan, from, ranges, ranges_of(plan, ranges));
}

/*
 * ---- Exports.
 *
 * Names within the conditions have no table before them, so these stay in a
 * subquery of the table alone, which the planner takes apart again.
 */
bool
embed_is_joined(const struct embed *embed)
{
	return !embed->related->many && embed->embed_count == 0;
}

static void
put_inner(struct query *q, const struct plan *plan)
{
	struct query inner = { .arena = q->arena, .sql = q->sql };
	size_t i;

	inner.columns = arena_alloc(q->arena, (plan->select_count +
	    plan->embed_count + plan->order_count + 1) *
	    sizeof(const struct field *));
	for (i = 0; i < plan->select_count; i++)
		need_column(&inner, plan->select[i]);
	for (i = 0; i < plan->embed_count; i++)
		need_column(&inner, plan->embeds[i].related->ours);
	for (i = 0; i < plan->order_count; i++)
		need_column(&inner, plan->order[i].field);
	buf_string(q->sql, " from (select ");
	put_columns(&inner);
	buf_format(q->sql, " from %s",
	    plan->operation->resource->table.sql);
	(void)put_where(q, plan);
	buf_string(q->sql, ") as \"0\"");
}

static void
put_joined(struct query *q, const struct embed *embed, unsigned table)
{
	size_t i;

	buf_format(q->sql, "\"%u\".%s", table,
	    embed->related->theirs->name_sql);
	for (i = 0; i < embed->select_count; i++)
		buf_format(q->sql, ", \"%u\".%s", table,
		    embed->select[i]->name_sql);
}

/* Tables that are joined are numbered from the top, apart from the others. */
static void
put_joins(struct query *q, const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->embed_count; i++) {
		const struct related *related = plan->embeds[i].related;

		if (embed_is_joined(&plan->embeds[i]))
			buf_format(q->sql, " left join %s as \"%zu\" on "
			    "\"%zu\".%s = \"0\".%s",
			    related->resource->table.sql, 100 + i, 100 + i,
			    related->theirs->name_sql,
			    related->ours->name_sql);
	}
}

void
store_sql_export(struct arena *arena, const struct plan *plan,
    struct buf *sql, struct query *ret)
{
	struct query q = { .sql = sql, .arena = arena };
	unsigned serial = 0;
	size_t i;

	buf_clear(sql);
	buf_string(sql, "select ");
	for (i = 0; i < plan->select_count; i++)
		buf_format(sql, "%s\"0\".%s", i > 0 ? ", " : "",
		    plan->select[i]->name_sql);
	for (i = 0; i < plan->embed_count; i++) {
		buf_string(sql, plan->select_count + i > 0 ? ", " : "");
		if (embed_is_joined(&plan->embeds[i]))
			put_joined(&q, &plan->embeds[i], 100 + (unsigned)i);
		else
			put_embed(&q, &plan->embeds[i], 0, &serial);
	}
	put_inner(&q, plan);
	put_joins(&q, plan);
	for (i = 0; i < plan->order_count; i++)
		buf_format(sql, "%s\"0\".%s%s", i == 0 ? " order by " : ", ",
		    plan->order[i].field->name_sql,
		    plan->order[i].descending ? " desc" : "");
	*ret = q;
}

void
sql_read(const struct plan *plan, struct query *q)
{
	put_select(q, plan);
	put_table(q, plan);
	put_key(q, plan);
}

/*
 * An estimate costs as many rows as it counts itself, whatever the list's
 * length: the plan of a list that ends there, run, tells how many came and how
 * many the planner expects in all.  That opinion is of the whole table, whoever
 * asks, so it is told only to who can see as many rows himself.
 */
void
store_sql_count(struct arena *arena, const struct plan *plan, struct buf *sql,
    struct query *ret)
{
	struct query q = { .sql = sql, .arena = arena };

	buf_clear(sql);
	buf_format(sql, "%s from %s", plan->estimate ?
	    "explain (analyze, timing off, summary off, format json) select" :
	    "select pg_catalog.count(*)", plan->operation->resource->table.sql);
	(void)put_where(&q, plan);
	if (plan->estimate)
		buf_format(sql, " limit %d", ESTIMATE_FROM + 1);
	*ret = q;
}

/* ---- The count's result. */

/* The number of a property in a node of a plan, `head` its whole beginning. */
static const char *
plan_number(const char *text, const char *head, double *ret)
{
	const char *at = strstr(text, head);

	if (at == NULL)
		return NULL;
	*ret = strtod(at + strlen(head), NULL);
	return at;
}

/*
 * EXPLAIN indents by its nesting: six blanks are the top node's properties,
 * ten those of the nodes below it, of which "Outer" is the one that gives the
 * rows and the rest are subqueries.
 */
static bool
read_estimate(const char *text, struct outcome *ret)
{
	double found, expected;
	const char *below;

	if (plan_number(text, "\n      \"Actual Rows\": ", &found) == NULL)
		return false;
	ret->total = (uint64_t)found;
	if (found <= ESTIMATE_FROM)
		return true;
	below = strstr(text, "\n          \"Parent Relationship\": \"Outer\"");
	if (below == NULL || plan_number(below,
	    "\n          \"Plan Rows\": ", &expected) == NULL)
		return false;
	if (expected > found)
		ret->total = (uint64_t)expected;
	ret->total_estimated = true;
	return true;
}

void
store_total(const struct plan *plan, const PGresult *result,
    struct outcome *ret)
{
	const char *text;

	if (PQntuples(result) < 1 || PQnfields(result) != 1)
		return;
	text = PQgetvalue(result, 0, 0);
	if (plan->estimate) {
		ret->total_known = read_estimate(text, ret);
		return;
	}
	ret->total = strtoull(text, NULL, 10);
	ret->total_known = true;
}
