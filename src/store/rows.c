/* SPDX-License-Identifier: MIT */
/*
 * Rows -> JSON text.  Each column gets its writer and its name once; then a
 * row is a run of appends to a buffer that the store keeps.  A column that no
 * field names is not written: what leaves is what the contract names.
 */
#include "store/internal.h"

#include <string.h>

/* Of a reply, beside its data: the cursor above all. */
enum { ENVELOPE_BYTES = 16 * 1024 };

/* A column that leaves: its member's name and how its values are written. */
struct column {
	int number;
	const char *name_json;
	value_writer *write;
};

struct sheet {
	const PGresult *result;
	struct column *columns;
	size_t count;
};

static void
add_column(struct sheet *sh, int number, const struct field *field)
{
	struct column *c = &sh->columns[sh->count++];

	c->number = number;
	c->name_json = field->name_json;
	c->write = store_writer(PQftype(sh->result, number), field->types);
}

static struct sheet
sheet_of(struct arena *arena, const PGresult *result)
{
	size_t most = (size_t)PQnfields(result) + 1;

	return (struct sheet){ .result = result,
		.columns = arena_alloc(arena, most * sizeof(struct column)) };
}

static void
write_value(struct buf *b, const struct sheet *sh, int row,
    const struct column *c)
{
	if (PQgetisnull(sh->result, row, c->number))
		buf_add(b, "null", 4);
	else
		c->write(b, PQgetvalue(sh->result, row, c->number),
		    (size_t)PQgetlength(sh->result, row, c->number));
}

static void
write_row(struct buf *b, const struct sheet *sh, int row)
{
	size_t i;

	buf_char(b, '{');
	for (i = 0; i < sh->count; i++) {
		if (i > 0)
			buf_char(b, ',');
		buf_string(b, sh->columns[i].name_json);
		write_value(b, sh, row, &sh->columns[i]);
	}
	buf_char(b, '}');
}

/* Leaves room for the envelope, whose body has the same limit. */
static bool
is_full(const struct buf *b)
{
	size_t room = b->limit / 4;

	if (room > ENVELOPE_BYTES)
		room = ENVELOPE_BYTES;
	return b->failed || b->length + room > b->limit;
}

/*
 * Writes rows until they would not fit; returns how many did.  One that is too
 * large by itself fails the buffer.
 */
static int
write_list(struct buf *b, const struct sheet *sh, int rows)
{
	size_t mark;
	int row;

	buf_char(b, '[');
	for (row = 0; row < rows; row++) {
		mark = b->length;
		if (row > 0)
			buf_char(b, ',');
		write_row(b, sh, row);
		if (row > 0 && is_full(b)) {
			buf_rewind(b, mark);
			break;
		}
	}
	buf_char(b, ']');
	return row;
}

/* The text of a column of the query in a row, as the scope's. */
static const char *
text_of(struct arena *arena, const struct query *query,
    const struct field *field, const PGresult *result, int row)
{
	size_t i;

	for (i = 0; i < query->column_count; i++)
		if (query->columns[i] == field)
			break;
	if (i == query->column_count || PQgetisnull(result, row, (int)i))
		return NULL;
	return store_wire_text(arena, PQftype(result, (int)i),
	    PQgetvalue(result, row, (int)i));
}

static const char *
cursor_after(struct scope *sc, const struct plan *plan,
    const struct query *query, const PGresult *result, int row)
{
	const char **values = arena_alloc(sc->arena,
	    (plan->order_count + 1) * sizeof(char *));
	size_t i;

	for (i = 0; i < plan->order_count; i++)
		values[i] = text_of(sc->arena, query,
		    plan->order[i].field, result, row);
	return contract_cursor(sc, plan, values);
}

static enum problem
rows_list(struct scope *sc, struct buf *b, const struct plan *plan,
    const struct query *query, const PGresult *result, struct outcome *out)
{
	struct sheet sh = sheet_of(sc->arena, result);
	int found = PQntuples(result), rows = found;
	size_t i;

	if ((unsigned)rows > plan->limit)
		rows = (int)plan->limit;
	for (i = 0; i < plan->select_count; i++)
		add_column(&sh, (int)i, plan->select[i]);
	/* A page that would pass the reply's limit is a shorter page. */
	rows = write_list(b, &sh, rows);
	if (rows > 0 && rows < found)
		out->next = cursor_after(sc, plan, query, result, rows - 1);
	out->rows = (uint64_t)rows;
	return PROBLEM_NONE;
}

static enum problem
rows_one(struct scope *sc, struct buf *b, const struct plan *plan,
    const struct query *query, const PGresult *result, struct outcome *out)
{
	struct sheet sh = sheet_of(sc->arena, result);
	enum verb verb = plan->operation->verb;
	size_t i;

	if (PQntuples(result) == 0 && verb == VERB_CREATE)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "the insert made no row");
	if (PQntuples(result) == 0)
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "no row that the role may see");
	out->rows = 1;
	if (verb == VERB_CREATE)
		out->key = text_of(sc->arena, query,
		    plan->operation->resource->key, result, 0);
	if (verb == VERB_DELETE) {
		buf_string(b, "null");
		return PROBLEM_NONE;
	}
	for (i = 0; i < plan->select_count; i++)
		add_column(&sh, (int)i, plan->select[i]);
	write_row(b, &sh, 0);
	return PROBLEM_NONE;
}

/* The columns of a function's rows that the contract names. */
static struct sheet
returned_columns(struct scope *sc, const struct operation *op,
    const PGresult *result)
{
	struct sheet sh = sheet_of(sc->arena, result);
	int n = PQnfields(result), c;
	size_t i;

	for (c = 0; c < n; c++)
		for (i = 0; i < op->return_count; i++)
			if (strcmp(PQfname(result, c),
			    op->returns[i].name) == 0) {
				add_column(&sh, c, &op->returns[i]);
				break;
			}
	return sh;
}

/* A function that returns a composite NULL gives one row of NULLs. */
static bool
is_nothing(const PGresult *result, int row)
{
	int n = PQnfields(result), c;

	for (c = 0; c < n; c++)
		if (!PQgetisnull(result, row, c))
			return false;
	return true;
}

static bool
is_json(const PGresult *result)
{
	return PQftype(result, 0) == STORE_JSON_OID ||
	    PQftype(result, 0) == STORE_JSONB_OID;
}

/*
 * A function that returns json or a plain value gives one column, named after
 * itself.  Where the contract names columns, only json may stand for them.
 */
static bool
is_plain(const struct operation *op, const PGresult *result)
{
	return PQnfields(result) == 1 && (op->return_count == 0 ||
	    (is_json(result) &&
	    strcmp(PQfname(result, 0), op->function.name) == 0));
}

/* It is the data as it stands. */
static void
write_plain(struct buf *b, const PGresult *result, bool array)
{
	struct column c = { .write = store_writer(PQftype(result, 0), 0) };
	struct sheet sh = { .result = result, .columns = &c, .count = 1 };
	int rows = PQntuples(result), row;

	/* jsonb_agg() of nothing is NULL, and means an empty list. */
	if (array && is_json(result) && rows == 1) {
		if (PQgetisnull(result, 0, 0)) {
			buf_string(b, "[]");
			return;
		}
		array = PQgetvalue(result, 0, 0)[0] != '[';
	}
	if (!array) {
		write_value(b, &sh, 0, &c);
		return;
	}
	for (row = 0; row < rows; row++) {
		buf_char(b, row == 0 ? '[' : ',');
		write_value(b, &sh, row, &c);
	}
	buf_string(b, rows == 0 ? "[]" : "]");
}

static enum problem
rows_call(struct scope *sc, struct buf *b, const struct plan *plan,
    const struct query *query, const PGresult *result, struct outcome *out)
{
	const struct operation *op = plan->operation;
	struct sheet sh;
	int rows = PQntuples(result);

	(void)query;
	out->rows = (uint64_t)rows;
	if (op->returns_file == NULL) {
		buf_string(b, "null");
		return PROBLEM_NONE;
	}
	if (!op->returns_array && (rows == 0 || is_nothing(result, 0)))
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "the function returned no row");
	sh = returned_columns(sc, op, result);
	if (sh.count == 0 && is_plain(op, result))
		write_plain(b, result, op->returns_array);
	else if (sh.count == 0)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "the contract names no column that %s returns",
		    op->function.sql);
	else if (!op->returns_array)
		write_row(b, &sh, 0);
	else if (write_list(b, &sh, rows) < rows)
		return scope_fail(sc, PROBLEM_INTERNAL, "reply too large");
	return PROBLEM_NONE;
}

static enum problem (*const readers[])(struct scope *, struct buf *,
    const struct plan *, const struct query *, const PGresult *,
    struct outcome *) = {
	[VERB_LIST] = rows_list,
	[VERB_READ] = rows_one,
	[VERB_CREATE] = rows_one,
	[VERB_UPDATE] = rows_one,
	[VERB_DELETE] = rows_one,
	[VERB_CALL] = rows_call,
};

enum problem
store_rows(struct scope *sc, struct store *st, const struct plan *plan,
    const struct query *query, const PGresult *result, struct outcome *ret)
{
	struct outcome out = { 0 };
	enum problem p;

	buf_clear(&st->reply);
	p = readers[plan->operation->verb](sc, &st->reply, plan, query, result,
	    &out);
	if (p != PROBLEM_NONE)
		return p;
	if (st->reply.failed)
		return scope_fail(sc, PROBLEM_INTERNAL, "reply too large");
	out.data = st->reply.at;
	out.data_length = st->reply.length;
	*ret = out;
	return PROBLEM_NONE;
}
