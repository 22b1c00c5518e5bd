/* SPDX-License-Identifier: MIT */
/*
 * Plan -> SQL of what changes rows: create, update, delete.  Each is one plain
 * statement without a WITH of its own, so that it can stand within one, and
 * each names the row by its key, so that it changes that one or none.
 *
 * An If-Match is part of the WHERE: under READ COMMITTED an update that waited
 * for another looks at the row anew, so that of two with the same tag one wins.
 */
#include "store/sql.h"

static void
put_returning(struct query *q, const struct plan *plan)
{
	buf_string(q->sql, " returning ");
	put_columns(q);
	if (!tells_tag(plan))
		return;
	buf_string(q->sql, ", ");
	put_tag(q->sql, plan->operation->resource);
	buf_string(q->sql, " as lockstep_tag");
}

/* ---- create ---- */

/* The columns that a row names, or any of several, in the schema's order. */
struct named {
	const struct field **fields;
	size_t count;
};

static struct named
name_columns(struct query *q, const struct plan *plan)
{
	const struct resource *rs = plan->operation->resource;
	bool *seen = arena_alloc(q->arena, rs->field_count * sizeof(*seen));
	struct named n = { .fields = arena_alloc(q->arena,
	    (rs->field_count + 1) * sizeof(const struct field *)) };
	size_t i, r;

	for (i = 0; i < plan->value_count; i++)
		seen[plan->values[i].field - rs->fields] = true;
	for (r = 0; r < plan->row_count; r++)
		for (i = 0; i < plan->rows[r].value_count; i++)
			seen[plan->rows[r].values[i].field - rs->fields] = true;
	for (i = 0; i < rs->field_count; i++)
		if (seen[i])
			n.fields[n.count++] = &rs->fields[i];
	return n;
}

/* ($1, default, $2): what a row does not name is the column's default. */
static void
put_row(struct query *q, const struct named *named,
    const struct value *values, size_t count)
{
	size_t i, next = 0;

	for (i = 0; i < named->count; i++) {
		buf_string(q->sql, i == 0 ? "(" : ", ");
		if (next < count && values[next].field == named->fields[i])
			put_param(q, values[next++].text);
		else
			buf_string(q->sql, "default");
	}
	buf_char(q->sql, ')');
}

static void
put_rows(struct query *q, const struct plan *plan, const struct named *named)
{
	size_t i;

	if (named->count == 0 && !plan->array) {
		buf_string(q->sql, " default values");
		return;
	}
	/* Rows of defaults alone, without a column that needs a grant. */
	if (named->count == 0) {
		buf_format(q->sql, " select from pg_catalog.generate_series(1, "
		    "%zu)", plan->row_count);
		return;
	}
	buf_string(q->sql, " (");
	put_fields(q->sql, named->fields, named->count);
	buf_string(q->sql, ") values ");
	if (!plan->array)
		put_row(q, named, plan->values, plan->value_count);
	for (i = 0; i < plan->row_count; i++) {
		buf_string(q->sql, i == 0 ? "" : ", ");
		put_row(q, named, plan->rows[i].values,
		    plan->rows[i].value_count);
	}
}

static bool
is_unique_column(const struct operation *op, const struct field *field)
{
	size_t i;

	for (i = 0; i < op->upsert_count; i++)
		if (op->upsert[i] == field)
			return true;
	return false;
}

/*
 * The unique index is inferred from its columns.  Where one may be NULL the
 * index may leave those rows out, as many do; an index that does not is
 * inferred all the same.
 */
static void
put_conflict(struct query *q, const struct operation *op)
{
	const char *before = " where ";
	size_t i;

	buf_string(q->sql, " on conflict (");
	put_fields(q->sql, op->upsert, op->upsert_count);
	buf_char(q->sql, ')');
	for (i = 0; i < op->upsert_count; i++) {
		const struct field *f = op->upsert[i];

		if (f->types != 0 && (f->types & TYPE_NULL) == 0)
			continue;
		buf_format(q->sql, "%s%s is not null", before, f->name_sql);
		before = " and ";
	}
}

/* Merges the members that an update could change; without one, nothing. */
static void
put_resolution(struct query *q, const struct plan *plan,
    const struct named *named)
{
	const struct operation *op = plan->operation;
	const char *before = " do update set ";
	size_t i;

	put_conflict(q, op);
	for (i = 0; i < named->count && plan->merge; i++) {
		const struct field *f = named->fields[i];

		if (f->create_only || is_unique_column(op, f))
			continue;
		buf_format(q->sql, "%s%s = excluded.%s", before, f->name_sql,
		    f->name_sql);
		before = ", ";
	}
	if (*before == ' ')
		buf_string(q->sql, " do nothing");
}

void
sql_create(const struct plan *plan, struct query *q)
{
	struct named named = name_columns(q, plan);

	buf_format(q->sql, "insert into %s",
	    plan->operation->resource->table.sql);
	put_rows(q, plan, &named);
	if (plan->merge || plan->ignore)
		put_resolution(q, plan, &named);
	put_returning(q, plan);
}

/* ---- update and delete ---- */

static void
put_match(struct query *q, const struct plan *plan, const char *compare)
{
	buf_string(q->sql, " and ");
	put_tag(q->sql, plan->operation->resource);
	buf_string(q->sql, compare);
	put_param(q, store_array(q->arena, plan->match, plan->match_count));
	buf_char(q->sql, ')');
}

/* The row, if its tag is one of those that were sent. */
static void
put_target(struct query *q, const struct plan *plan)
{
	put_key(q, plan);
	if (plan->match_count > 0)
		put_match(q, plan, " = any(");
}

void
sql_update(const struct plan *plan, struct query *q)
{
	size_t i;

	buf_format(q->sql, "update %s", plan->operation->resource->table.sql);
	for (i = 0; i < plan->value_count; i++) {
		buf_format(q->sql, "%s%s = ", i == 0 ? " set " : ", ",
		    plan->values[i].field->name_sql);
		put_param(q, plan->values[i].text);
	}
	put_target(q, plan);
	put_returning(q, plan);
}

void
sql_delete(const struct plan *plan, struct query *q)
{
	buf_format(q->sql, "delete from %s",
	    plan->operation->resource->table.sql);
	put_target(q, plan);
	put_returning(q, plan);
}

void
store_sql_probe(struct arena *arena, const struct plan *plan, struct buf *sql,
    struct query *ret)
{
	struct query q = { .arena = arena, .sql = sql };

	buf_clear(sql);
	buf_format(sql, "select from %s", plan->operation->resource->table.sql);
	put_key(&q, plan);
	put_match(&q, plan, " <> all(");
	*ret = q;
}
