/* SPDX-License-Identifier: MIT */
/*
 * Plan -> SQL.  Names come from the contract, quoted when it was loaded; what
 * a client sends is only ever a parameter, $n, whose type Postgres takes from
 * the column or argument beside it.  The text depends on the plan's shape and
 * never on its values (but for NULL in a cursor), so that it can be prepared.
 */
#include "store/sql.h"

#include <string.h>

size_t
add_param(struct query *q, const char *value)
{
	const char **wider;

	if (q->param_count == q->param_room) {
		q->param_room = q->param_room == 0 ? 8 : 2 * q->param_room;
		wider = arena_alloc(q->arena, q->param_room * sizeof(*wider));
		if (q->param_count > 0)
			memcpy(wider, q->params,
			    q->param_count * sizeof(*wider));
		q->params = wider;
	}
	q->params[q->param_count++] = value;
	return q->param_count;
}

void
put_param(struct query *q, const char *value)
{
	buf_format(q->sql, "$%zu", add_param(q, value));
}

void
put_fields(struct buf *sql, const struct field *const *fields, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (i > 0)
			buf_string(sql, ", ");
		buf_string(sql, fields[i]->name_sql);
	}
}

void
put_columns(struct query *q)
{
	put_fields(q->sql, q->columns, q->column_count);
}

void
put_key(struct query *q, const struct plan *plan)
{
	const struct resource *rs = plan->operation->resource;
	size_t i;

	for (i = 0; i < rs->key_count; i++) {
		buf_format(q->sql, "%s%s = ", i == 0 ? " where " : " and ",
		    rs->keys[i]->name_sql);
		put_param(q, plan->keys[i].text);
	}
}

/*
 * A hash of the row's text, whose form the session's settings fix.  Column
 * grants are why the columns are named: row(t.*) would need all of them.
 */
void
put_tag(struct buf *sql, const struct resource *resource)
{
	const char *before = "pg_catalog.left(pg_catalog.encode("
	    "pg_catalog.sha256(pg_catalog.convert_to(row(";
	size_t i;

	for (i = 0; i < resource->field_count; i++) {
		if (resource->fields[i].write_only)
			continue;
		buf_string(sql, before);
		buf_string(sql, resource->fields[i].name_sql);
		before = ", ";
	}
	buf_string(sql, ")::text, 'UTF8')), 'hex'), 32)");
}

/* Related rows change without their row, so with them there is none. */
bool
tells_tag(const struct plan *plan)
{
	return plan->tag && plan->embed_count == 0 && !plan->array &&
	    plan->row_count == 0 && plan->operation->verb != VERB_LIST &&
	    plan->operation->verb != VERB_DELETE &&
	    plan->operation->verb != VERB_CALL;
}

char *
store_array(struct arena *arena, const char *const *values, size_t n)
{
	size_t i, size = 3;
	const char *s;
	char *text, *at;

	for (i = 0; i < n; i++)
		size += 2 * strlen(values[i]) + 3;
	at = text = arena_alloc(arena, size);
	*at++ = '{';
	for (i = 0; i < n; i++) {
		if (i > 0)
			*at++ = ',';
		*at++ = '"';
		for (s = values[i]; *s != '\0'; s++) {
			if (*s == '"' || *s == '\\')
				*at++ = '\\';
			*at++ = *s;
		}
		*at++ = '"';
	}
	*at++ = '}';
	*at = '\0';
	return text;
}

/*
 * A function in FROM gives its columns, or one column when it returns json or
 * a plain value; rows.c tells them apart.
 */
static void
sql_call(const struct plan *plan, struct query *q)
{
	size_t i;

	buf_format(q->sql, "select * from %s(", plan->operation->function.sql);
	for (i = 0; i < plan->value_count; i++) {
		buf_format(q->sql, "%s%s => ", i == 0 ? "" : ", ",
		    plan->values[i].field->name_sql);
		put_param(q, plan->values[i].text);
	}
	buf_char(q->sql, ')');
}

static void (*const writers[])(const struct plan *, struct query *) = {
	[VERB_LIST] = sql_list,
	[VERB_READ] = sql_read,
	[VERB_CREATE] = sql_create,
	[VERB_UPDATE] = sql_update,
	[VERB_DELETE] = sql_delete,
	[VERB_CALL] = sql_call,
};

void
need_column(struct query *q, const struct field *field)
{
	size_t i;

	for (i = 0; i < q->column_count; i++)
		if (q->columns[i] == field)
			return;
	q->columns[q->column_count++] = field;
}

/* Is more told of the row than that it was there? */
static bool
tells_row(const struct plan *plan)
{
	return plan->operation->verb != VERB_DELETE && !plan->minimal;
}

static void
need_key(struct query *q, const struct resource *resource)
{
	size_t i;

	for (i = 0; i < resource->key_count; i++)
		need_column(q, resource->keys[i]);
}

/* What is told, then what the cursor and the Location header need. */
static void
choose_columns(struct arena *arena, const struct plan *plan, struct query *q)
{
	enum verb verb = plan->operation->verb;
	size_t i;

	q->columns = arena_alloc(arena, (plan->select_count +
	    plan->order_count + plan->operation->resource->key_count + 1) *
	    sizeof(const struct field *));
	if (verb == VERB_CALL)
		return;
	for (i = 0; i < plan->select_count && tells_row(plan); i++)
		q->columns[q->column_count++] = plan->select[i];
	for (i = 0; i < plan->order_count && verb == VERB_LIST; i++)
		need_column(q, plan->order[i].field);
	if (verb == VERB_CREATE || !tells_row(plan))
		need_key(q, plan->operation->resource);
}

void
store_sql(struct arena *arena, const struct plan *plan, struct buf *sql,
    struct query *ret)
{
	struct query q = { .sql = sql, .arena = arena };

	buf_clear(sql);
	q.tag = tells_tag(plan);
	q.passing = plan->row_count > 0;
	choose_columns(arena, plan, &q);
	writers[plan->operation->verb](plan, &q);
	*ret = q;
}

bool
store_reads(const struct operation *operation)
{
	return operation->verb == VERB_LIST || operation->verb == VERB_READ ||
	    (operation->verb == VERB_CALL && operation->method == METHOD_GET);
}

/* The fields that an operation takes or gives when nothing else is said. */
static bool
is_taken(enum verb verb, const struct field *field)
{
	if (verb == VERB_CREATE)
		return !field->read_only;
	return verb == VERB_UPDATE && !field->read_only && !field->create_only;
}

static void
plain_plan(struct arena *arena, const struct operation *op, struct plan *plan)
{
	const struct resource *rs = op->resource;
	size_t most = rs->field_count + op->argument_count + 1, i;
	const struct field **select = arena_alloc(arena,
	    most * sizeof(const struct field *));
	struct value *values = arena_alloc(arena, most * sizeof(*values));
	struct value *keys = arena_alloc(arena, most * sizeof(*keys));

	for (i = 0; i < rs->field_count; i++) {
		if (!rs->fields[i].write_only)
			select[plan->select_count++] = &rs->fields[i];
		if (is_taken(op->verb, &rs->fields[i]))
			values[plan->value_count++].field = &rs->fields[i];
	}
	for (i = 0; i < op->argument_count; i++)
		values[plan->value_count++].field = &op->arguments[i];
	plan->operation = op;
	plan->keys = keys;
	plan->select = select;
	plan->values = values;
	plan->order = op->order;
	plan->order_count = op->order_count;
}

void
store_describe(const struct operation *operation, struct buf *out)
{
	struct arena *arena = arena_new();
	struct plan plan = { 0 };
	struct query query;
	struct buf sql;

	buf_init(&sql, STORE_SQL_MAX);
	plain_plan(arena, operation, &plan);
	store_sql(arena, &plan, &sql, &query);
	buf_add(out, sql.at, sql.length);
	buf_release(&sql);
	arena_free(arena);
}
