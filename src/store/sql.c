/* SPDX-License-Identifier: MIT */
/*
 * Plan -> SQL.  Names come from the contract, quoted when it was loaded; what
 * a client sends is only ever a parameter, $n, whose type Postgres takes from
 * the column or argument beside it.  The text depends on the plan's shape and
 * never on its values (but for NULL in a cursor), so that it can be prepared.
 */
#include "store/internal.h"

#include <string.h>

static void
put_param(struct query *q, const char *value)
{
	q->params[q->param_count++] = value;
	buf_char(q->sql, '$');
	buf_int(q->sql, (int64_t)q->param_count);
}

static void
put_columns(struct query *q)
{
	size_t i;

	for (i = 0; i < q->column_count; i++) {
		if (i > 0)
			buf_string(q->sql, ", ");
		buf_string(q->sql, q->columns[i]->name_sql);
	}
}

static void
put_returning(struct query *q)
{
	buf_string(q->sql, " returning ");
	put_columns(q);
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
put_term(struct arena *arena, struct query *q, const struct term *term)
{
	if (term->negated)
		buf_string(q->sql, "not (");
	buf_string(q->sql, term->field->name_sql);
	buf_string(q->sql, compares[term->compare].before);
	if (compares[term->compare].takes) {
		put_param(q, term_param(arena, term));
		buf_string(q->sql, compares[term->compare].after);
	}
	if (term->negated)
		buf_char(q->sql, ')');
}

/*
 * The cursor.  Rows after a row, in an order whose last column is the key.
 *
 * Postgres sorts NULL as the greatest: last when ascending, first when
 * descending, and the order by below relies on that.
 */
static bool
nullable(const struct field *field)
{
	return field->types == 0 || (field->types & TYPE_NULL) != 0;
}

static bool
order_is_plain(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->order_count; i++)
		if (plan->order[i].descending != plan->order[0].descending ||
		    nullable(plan->order[i].field) || plan->after[i] == NULL)
			return false;
	return true;
}

/* ("a", "b") > ($1, $2): one range of one index. */
static void
put_after_plain(struct query *q, const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->order_count; i++) {
		buf_string(q->sql, i == 0 ? "(" : ", ");
		buf_string(q->sql, plan->order[i].field->name_sql);
	}
	buf_string(q->sql, plan->order[0].descending ? ") < " : ") > ");
	for (i = 0; i < plan->order_count; i++) {
		buf_string(q->sql, i == 0 ? "(" : ", ");
		put_param(q, plan->after[i]);
	}
	buf_char(q->sql, ')');
}

/* Is the column beyond the cursor's value, number `param` of the query? */
static void
put_beyond(struct query *q, const struct sort *sort, const char *after,
    size_t param)
{
	const char *name = sort->field->name_sql;

	if (after == NULL && sort->descending)
		buf_format(q->sql, "%s is not null", name);
	else if (after == NULL)
		buf_string(q->sql, "false");
	else if (sort->descending || !nullable(sort->field))
		buf_format(q->sql, "%s %c $%zu", name,
		    sort->descending ? '<' : '>', param);
	else
		buf_format(q->sql, "(%s > $%zu or %s is null)", name, param,
		    name);
}

/*
 * "a" beyond $1 or ("a" = $1 and ("b" beyond $2 or (...))), with a bound on
 * the first column before it, as the planner finds no range in an OR.
 */
static void
put_after(struct query *q, const struct plan *plan)
{
	const struct sort *first = &plan->order[0];
	size_t i, param = q->param_count;

	if (plan->after[0] != NULL &&
	    (first->descending || !nullable(first->field)))
		buf_format(q->sql, "%s %c= $%zu and ", first->field->name_sql,
		    first->descending ? '<' : '>', param + 1);
	for (i = 0; i < plan->order_count; i++) {
		buf_char(q->sql, '(');
		if (plan->after[i] != NULL) {
			q->params[q->param_count++] = plan->after[i];
			param++;
		}
		put_beyond(q, &plan->order[i], plan->after[i], param);
		if (i + 1 == plan->order_count)
			break;
		buf_format(q->sql, " or (%s ", plan->order[i].field->name_sql);
		if (plan->after[i] == NULL)
			buf_string(q->sql, "is null and ");
		else
			buf_format(q->sql, "= $%zu and ", param);
	}
	for (i = 0; i + 1 < plan->order_count; i++)
		buf_string(q->sql, "))");
	buf_char(q->sql, ')');
}

static void
put_where(struct arena *arena, struct query *q, const struct plan *plan)
{
	const char *before = " where ";
	size_t i;

	for (i = 0; i < plan->term_count; i++) {
		buf_string(q->sql, before);
		put_term(arena, q, &plan->terms[i]);
		before = " and ";
	}
	if (plan->after == NULL)
		return;
	buf_string(q->sql, before);
	if (order_is_plain(plan))
		put_after_plain(q, plan);
	else
		put_after(q, plan);
}

/* One row more than is asked for tells whether there is a next page. */
static void
sql_list(struct arena *arena, const struct plan *plan, struct query *q)
{
	size_t i;

	buf_string(q->sql, "select ");
	put_columns(q);
	buf_format(q->sql, " from %s", plan->operation->resource->table.sql);
	put_where(arena, q, plan);
	for (i = 0; i < plan->order_count; i++)
		buf_format(q->sql, "%s%s%s", i == 0 ? " order by " : ", ",
		    plan->order[i].field->name_sql,
		    plan->order[i].descending ? " desc" : "");
	buf_string(q->sql, " limit ");
	put_param(q, arena_format(arena, "%u", plan->limit + 1));
}

static void
put_key(struct query *q, const struct plan *plan)
{
	buf_format(q->sql, " where %s = ",
	    plan->operation->resource->key->name_sql);
	put_param(q, plan->key.text);
}

static void
sql_read(struct arena *arena, const struct plan *plan, struct query *q)
{
	(void)arena;
	buf_string(q->sql, "select ");
	put_columns(q);
	buf_format(q->sql, " from %s", plan->operation->resource->table.sql);
	put_key(q, plan);
}

static void
sql_create(struct arena *arena, const struct plan *plan, struct query *q)
{
	size_t i;

	(void)arena;
	buf_format(q->sql, "insert into %s",
	    plan->operation->resource->table.sql);
	for (i = 0; i < plan->value_count; i++) {
		buf_string(q->sql, i == 0 ? " (" : ", ");
		buf_string(q->sql, plan->values[i].field->name_sql);
	}
	buf_string(q->sql, plan->value_count == 0 ? " default values" :
	    ") values (");
	for (i = 0; i < plan->value_count; i++) {
		if (i > 0)
			buf_string(q->sql, ", ");
		put_param(q, plan->values[i].text);
	}
	if (plan->value_count > 0)
		buf_char(q->sql, ')');
	put_returning(q);
}

static void
sql_update(struct arena *arena, const struct plan *plan, struct query *q)
{
	size_t i;

	(void)arena;
	buf_format(q->sql, "update %s", plan->operation->resource->table.sql);
	for (i = 0; i < plan->value_count; i++) {
		buf_format(q->sql, "%s%s = ", i == 0 ? " set " : ", ",
		    plan->values[i].field->name_sql);
		put_param(q, plan->values[i].text);
	}
	put_key(q, plan);
	put_returning(q);
}

static void
sql_delete(struct arena *arena, const struct plan *plan, struct query *q)
{
	(void)arena;
	buf_format(q->sql, "delete from %s",
	    plan->operation->resource->table.sql);
	put_key(q, plan);
	put_returning(q);
}

/*
 * A function in FROM gives its columns, or one column when it returns json or
 * a plain value; rows.c tells them apart.
 */
static void
sql_call(struct arena *arena, const struct plan *plan, struct query *q)
{
	size_t i;

	(void)arena;
	buf_format(q->sql, "select * from %s(", plan->operation->function.sql);
	for (i = 0; i < plan->value_count; i++) {
		buf_format(q->sql, "%s%s => ", i == 0 ? "" : ", ",
		    plan->values[i].field->name_sql);
		put_param(q, plan->values[i].text);
	}
	buf_char(q->sql, ')');
}

static void (*const writers[])(struct arena *, const struct plan *,
    struct query *) = {
	[VERB_LIST] = sql_list,
	[VERB_READ] = sql_read,
	[VERB_CREATE] = sql_create,
	[VERB_UPDATE] = sql_update,
	[VERB_DELETE] = sql_delete,
	[VERB_CALL] = sql_call,
};

static void
need_column(struct query *q, const struct field *field)
{
	size_t i;

	for (i = 0; i < q->column_count; i++)
		if (q->columns[i] == field)
			return;
	q->columns[q->column_count++] = field;
}

/* What is told, then what the cursor and the Location header need. */
static void
choose_columns(struct arena *arena, const struct plan *plan, struct query *q)
{
	enum verb verb = plan->operation->verb;
	size_t i;

	q->columns = arena_alloc(arena, (plan->select_count +
	    plan->order_count + 1) * sizeof(const struct field *));
	if (verb == VERB_CALL)
		return;
	for (i = 0; i < plan->select_count && verb != VERB_DELETE; i++)
		q->columns[q->column_count++] = plan->select[i];
	for (i = 0; i < plan->order_count && verb == VERB_LIST; i++)
		need_column(q, plan->order[i].field);
	if (verb == VERB_CREATE || verb == VERB_DELETE)
		need_column(q, plan->operation->resource->key);
}

void
store_sql(struct arena *arena, const struct plan *plan, struct buf *sql,
    struct query *ret)
{
	struct query q = { .sql = sql };

	buf_clear(sql);
	q.params = arena_alloc(arena, (plan->value_count + plan->term_count +
	    plan->order_count + 2) * sizeof(char *));
	choose_columns(arena, plan, &q);
	writers[plan->operation->verb](arena, plan, &q);
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

	for (i = 0; i < rs->field_count; i++) {
		if (!rs->fields[i].write_only)
			select[plan->select_count++] = &rs->fields[i];
		if (is_taken(op->verb, &rs->fields[i]))
			values[plan->value_count++].field = &rs->fields[i];
	}
	for (i = 0; i < op->argument_count; i++)
		values[plan->value_count++].field = &op->arguments[i];
	plan->operation = op;
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
