/* SPDX-License-Identifier: MIT */
/*
 * Rows -> text: JSON, and for lists a line of it a row, or CSV.  Each column
 * gets its writer and its name once; then a row is a run of appends to a buffer
 * that the store keeps.  A column that no field names is not written: what
 * leaves is what the contract names, of related rows as well.
 */
#include "store/internal.h"

#include <string.h>

/* Of a reply, beside its data: the cursor above all. */
enum { ENVELOPE_BYTES = 16 * 1024 };

/* A column that leaves: its member's name and how its values are written. */
struct column {
	int number;
	const char *name, *name_json;
	size_t name_length;		/* of name_json */
	value_writer *write;
	const struct embed *embed;	/* related rows, as json; or NULL */
	struct column *inner;		/* of a row that was joined; or NULL */
	size_t inner_count;
};

struct sheet {
	const PGresult *result;
	struct column *columns;
	size_t count;
	enum media media;		/* of an export */
	bool formulas;			/* texts stay as they are */
	struct buf cell;		/* for CSV: a value as JSON */
};

static void
add_column(struct sheet *sh, int number, const struct field *field)
{
	struct column *c = &sh->columns[sh->count++];

	c->number = number;
	c->name = field->name;
	c->name_json = field->name_json;
	c->name_length = strlen(field->name_json);
	c->write = store_writer(PQftype(sh->result, number), field->types);
}

static struct sheet
sheet_of(struct arena *arena, const PGresult *result)
{
	size_t most = (size_t)PQnfields(result) + 1;

	return (struct sheet){ .result = result,
		.columns = arena_alloc(arena, most * sizeof(struct column)) };
}

/* What the plan tells: its select, then its related rows. */
static struct sheet
sheet_of_plan(struct arena *arena, const struct plan *plan,
    const struct query *query, const PGresult *result)
{
	struct sheet sh = sheet_of(arena, result);
	size_t i;

	for (i = 0; i < plan->select_count; i++)
		add_column(&sh, (int)i, plan->select[i]);
	for (i = 0; i < query->embed_count; i++)
		sh.columns[sh.count++] = (struct column){
			.number = (int)(query->column_count + i),
			.name = plan->embeds[i].related->name,
			.name_json = plan->embeds[i].related->name_json,
			.name_length =
			    strlen(plan->embeds[i].related->name_json),
			.embed = &plan->embeds[i] };
	return sh;
}

/* ---- Related rows. */

static void write_embed(struct buf *b, const struct embed *embed,
    struct span json);

/*
 * A related row: its fields as the contract has them, then the rows that are
 * related to it in turn, which stand in the same object.
 */
static void
write_related(struct buf *b, const struct embed *embed, struct span row)
{
	struct span inner;
	size_t i;

	if (!recast_row(b, row.at, row.length, embed->select,
	    embed->select_count))
		b->failed = true;
	if (row.length == 0 || row.at[0] != '{' || b->failed)
		return;
	for (i = 0; i < embed->embed_count; i++) {
		const struct embed *e = &embed->embeds[i];

		if (b->failed || !recast_member(row, e->related->name, &inner))
			continue;
		buf_rewind(b, b->length - 1);
		buf_string(b, embed->select_count + i > 0 ? "," : "");
		buf_string(b, e->related->name_json);
		write_embed(b, e, inner);
		buf_char(b, '}');
	}
}

static void
write_embed(struct buf *b, const struct embed *embed, struct span json)
{
	const char *before = "[";
	struct span row;

	if (!embed->related->many) {
		write_related(b, embed, json);
		return;
	}
	for (; recast_item(&json, &row); before = ",") {
		buf_string(b, before);
		write_related(b, embed, row);
	}
	buf_string(b, *before == '[' ? "[]" : "]");
}

/* ---- A row in each form. */

static void write_members(struct buf *b, const struct sheet *sh, int row,
    const struct column *columns, size_t count);

static void
write_value(struct buf *b, const struct sheet *sh, int row,
    const struct column *c)
{
	const char *text = PQgetvalue(sh->result, row, c->number);
	size_t length = (size_t)PQgetlength(sh->result, row, c->number);

	if (length == 0 && PQgetisnull(sh->result, row, c->number))
		buf_add(b, "null", 4);
	else if (c->inner != NULL)
		write_members(b, sh, row, c->inner, c->inner_count);
	else if (c->embed != NULL)
		write_embed(b, c->embed, (struct span){ text, length });
	else
		c->write(b, text, length);
}

static void
write_members(struct buf *b, const struct sheet *sh, int row,
    const struct column *columns, size_t count)
{
	size_t i;

	buf_char(b, '{');
	for (i = 0; i < count; i++) {
		if (i > 0)
			buf_char(b, ',');
		buf_add(b, columns[i].name_json, columns[i].name_length);
		write_value(b, sh, row, &columns[i]);
	}
	buf_char(b, '}');
}

static void
write_row(struct buf *b, struct sheet *sh, int row)
{
	write_members(b, sh, row, sh->columns, sh->count);
}

static void
write_item(struct buf *b, struct sheet *sh, int row)
{
	if (row > 0)
		buf_char(b, ',');
	write_row(b, sh, row);
}

/* A column of type json keeps its line breaks; between tokens they are blank. */
static void
write_line(struct buf *b, struct sheet *sh, int row)
{
	size_t i = b->length;

	write_row(b, sh, row);
	for (; i < b->length; i++)
		if (b->at[i] == '\n' || b->at[i] == '\r')
			b->at[i] = ' ';
	buf_char(b, '\n');
}

static bool
is_json_type(const struct sheet *sh, const struct column *c)
{
	Oid oid = PQftype(sh->result, c->number);

	return oid == STORE_JSON_OID || oid == STORE_JSONB_OID;
}

/* A text as it is; else as JSON writes it, a timestamp without its quotes. */
static void
write_field(struct buf *b, struct sheet *sh, int row, const struct column *c)
{
	struct buf *cell = &sh->cell;

	if (c->embed == NULL && c->write == store_writer(0, 0)) {
		csv_field(b, PQgetvalue(sh->result, row, c->number),
		    (size_t)PQgetlength(sh->result, row, c->number),
		    !sh->formulas);
		return;
	}
	buf_clear(cell);
	write_value(cell, sh, row, c);
	b->failed |= cell->failed;
	if (strcmp(cell->at, "null") == 0 && !is_json_type(sh, c))
		return;
	if (cell->at[0] == '"' && c->embed == NULL && !is_json_type(sh, c))
		csv_field(b, cell->at + 1, cell->length - 2, false);
	else
		csv_field(b, cell->at, cell->length, false);
}

/* A row that was joined has its own columns. */
static void
write_fields(struct buf *b, struct sheet *sh, int row,
    const struct column *columns, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const struct column *c = &columns[i];

		if (i > 0)
			buf_char(b, ',');
		if (c->inner != NULL)
			write_fields(b, sh, row, c->inner, c->inner_count);
		else if (!PQgetisnull(sh->result, row, c->number))
			write_field(b, sh, row, c);
	}
}

static void
write_record(struct buf *b, struct sheet *sh, int row)
{
	write_fields(b, sh, row, sh->columns, sh->count);
	buf_string(b, "\r\n");
}

static void
write_names(struct buf *b, const struct sheet *sh)
{
	size_t i, k;

	for (i = 0; i < sh->count; i++) {
		const struct column *c = &sh->columns[i];

		if (i > 0)
			buf_char(b, ',');
		if (c->inner == NULL)
			buf_string(b, c->name);
		for (k = 0; c->inner != NULL && k < c->inner_count; k++)
			buf_format(b, "%s%s.%s", k > 0 ? "," : "", c->name,
			    c->inner[k].name);
	}
	buf_string(b, "\r\n");
}

static const struct form {
	const char *open, *close;
	void (*write)(struct buf *, struct sheet *, int);
	bool names;
} forms[] = {
	[MEDIA_JSON] = { "[", "]", write_item, false },
	[MEDIA_NDJSON] = { "", "", write_line, false },
	[MEDIA_CSV] = { "", "", write_record, true },
};

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
write_list(struct buf *b, struct sheet *sh, int rows, enum media media)
{
	const struct form *form = &forms[media];
	size_t mark;
	int row;

	buf_init(&sh->cell, b->limit);
	buf_string(b, form->open);
	if (form->names)
		write_names(b, sh);
	for (row = 0; row < rows; row++) {
		mark = b->length;
		form->write(b, sh, row);
		if (row > 0 && is_full(b)) {
			buf_rewind(b, mark);
			break;
		}
	}
	buf_string(b, form->close);
	buf_release(&sh->cell);
	return row;
}

/* ---- Exports. */

/* The columns of a row that was joined; the first one says if it is there. */
static void
add_joined(struct arena *arena, struct sheet *sh, const struct embed *embed,
    int number)
{
	struct sheet inner = { .result = sh->result,
		.columns = arena_alloc(arena, (embed->select_count + 1) *
		    sizeof(struct column)) };
	struct column *c = &sh->columns[sh->count - 1];
	size_t i;

	for (i = 0; i < embed->select_count; i++)
		add_column(&inner, number + 1 + (int)i, embed->select[i]);
	c->embed = NULL;
	c->inner = inner.columns;
	c->inner_count = inner.count;
}

/* The columns are as wide as what is told of each. */
static void
add_embeds(struct arena *arena, struct sheet *sh, const struct plan *plan)
{
	int number = (int)plan->select_count;
	size_t i;

	for (i = 0; i < plan->embed_count; i++) {
		const struct embed *embed = &plan->embeds[i];

		sh->columns[sh->count++] = (struct column){ .number = number,
			.name = embed->related->name,
			.name_json = embed->related->name_json,
			.name_length = strlen(embed->related->name_json),
			.embed = embed };
		if (embed_is_joined(embed)) {
			add_joined(arena, sh, embed, number);
			number += (int)embed->select_count;
		}
		number++;
	}
}

struct sheet *
sheet_open(struct arena *arena, const struct plan *plan,
    const struct query *query, const PGresult *first, struct buf *out)
{
	struct sheet *sh = arena_alloc(arena, sizeof(*sh));
	size_t i;

	(void)query;
	*sh = sheet_of(arena, first);
	for (i = 0; i < plan->select_count; i++)
		add_column(sh, (int)i, plan->select[i]);
	add_embeds(arena, sh, plan);
	sh->media = plan->media;
	sh->formulas = plan->operation->export->formulas;
	buf_init(&sh->cell, out->limit);
	buf_string(out, forms[sh->media].open);
	if (forms[sh->media].names)
		write_names(out, sh);
	return sh;
}

void
sheet_row(struct sheet *sh, const PGresult *row, bool first, struct buf *out)
{
	sh->result = row;
	if (sh->media == MEDIA_JSON)
		buf_string(out, first ? "\n" : ",\n");
	forms[sh->media].write(out, sh, 0);
}

void
sheet_close(struct sheet *sh, struct buf *out)
{
	if (sh->media == MEDIA_JSON)
		buf_char(out, '\n');
	buf_string(out, forms[sh->media].close);
	if (sh->media == MEDIA_JSON)
		buf_char(out, '\n');
}

void
sheet_release(struct sheet *sh)
{
	buf_release(&sh->cell);
}

/* ---- What a verb tells. */

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
	struct sheet sh = sheet_of_plan(sc->arena, plan, query, result);
	int found = PQntuples(result), rows = found;

	if ((unsigned)rows > plan->limit)
		rows = (int)plan->limit;
	/* A page that would pass the reply's limit is a shorter page. */
	rows = write_list(b, &sh, rows, plan->media);
	if (rows > 0 && rows < found)
		out->next = cursor_after(sc, plan, query, result, rows - 1);
	out->rows = (uint64_t)rows;
	return PROBLEM_NONE;
}

/* The rows of an array, in its order; or only that they were made. */
static enum problem
rows_batch(struct scope *sc, struct buf *b, const struct plan *plan,
    const struct query *query, const PGresult *result, struct outcome *out)
{
	int rows = PQntuples(result);
	struct sheet sh;

	out->rows = (uint64_t)rows;
	if (plan->minimal) {
		buf_string(b, "null");
		return PROBLEM_NONE;
	}
	sh = sheet_of_plan(sc->arena, plan, query, result);
	if (write_list(b, &sh, rows, MEDIA_JSON) < rows)
		return scope_fail(sc, PROBLEM_INTERNAL, "reply too large");
	return PROBLEM_NONE;
}

/* No row: none was there, or, when it was to be made, one was already. */
static enum problem
rows_none(struct scope *sc, struct buf *b, const struct plan *plan)
{
	if (plan->operation->verb != VERB_CREATE)
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "no row that the role may see");
	if (!plan->ignore && !plan->merge)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "the insert made no row");
	buf_string(b, "null");
	return PROBLEM_NONE;
}

/* The texts of a new row's key; NULL where one of them is not known. */
static const char *const *
keys_of(struct arena *arena, const struct query *query,
    const struct resource *resource, const PGresult *result)
{
	const char **keys = arena_alloc(arena, (resource->key_count + 1) *
	    sizeof(*keys));
	size_t i;

	for (i = 0; i < resource->key_count; i++) {
		keys[i] = text_of(arena, query, resource->keys[i], result, 0);
		if (keys[i] == NULL)
			return NULL;
	}
	return keys;
}

static enum problem
rows_one(struct scope *sc, struct buf *b, const struct plan *plan,
    const struct query *query, const PGresult *result, struct outcome *out)
{
	enum verb verb = plan->operation->verb;
	struct sheet sh;

	if (plan->array)
		return rows_batch(sc, b, plan, query, result, out);
	if (PQntuples(result) == 0)
		return rows_none(sc, b, plan);
	out->rows = 1;
	if (verb == VERB_CREATE)
		out->keys = keys_of(sc->arena, query,
		    plan->operation->resource, result);
	if (query->tag)
		out->tag = PQgetvalue(result, 0,
		    (int)(query->column_count + query->embed_count));
	/* Without data the result has no columns but the key's. */
	if (verb == VERB_DELETE || plan->minimal) {
		buf_string(b, "null");
		return PROBLEM_NONE;
	}
	sh = sheet_of_plan(sc->arena, plan, query, result);
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

/* The value of a column by its name, NULL when there is none. */
static const char *
named(struct arena *arena, const PGresult *result, const char *name)
{
	int c = PQfnumber(result, name);

	return c < 0 || PQgetisnull(result, 0, c) ? NULL :
	    arena_string(arena, PQgetvalue(result, 0, c));
}

static enum problem
rows_file(struct scope *sc, struct buf *b, const PGresult *result,
    struct outcome *out)
{
	if (PQntuples(result) == 0)
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "the function returned no row");
	out->file = (struct export_file){
		.file = named(sc->arena, result, "file"),
		.name = named(sc->arena, result, "name"),
		.format = named(sc->arena, result, "format"),
		.sha256 = named(sc->arena, result, "sha256") };
	if (out->file.file == NULL || out->file.name == NULL ||
	    out->file.format == NULL || out->file.sha256 == NULL)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "the function gives no file, name, format and sha256");
	buf_string(b, "null");
	return PROBLEM_NONE;
}

/* What is told beside the data of a call. */
static void
note_call(struct scope *sc, const struct operation *op,
    const PGresult *result, struct outcome *out)
{
	const char **keys;

	if (op->told_as == TOLD_EVENTS)
		out->over = named(sc->arena, result, "finished_at") != NULL;
	if (op->export == NULL)
		return;
	keys = arena_alloc(sc->arena, 2 * sizeof(*keys));
	keys[0] = named(sc->arena, result, "id");
	keys[1] = NULL;
	out->keys = keys;
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
	if (op->told_as == TOLD_FILE)
		return rows_file(sc, b, result, out);
	if (op->returns_file == NULL) {
		buf_string(b, "null");
		return PROBLEM_NONE;
	}
	if (!op->returns_array && (rows == 0 || is_nothing(result, 0)))
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "the function returned no row");
	if (rows > 0)
		note_call(sc, op, result, out);
	sh = returned_columns(sc, op, result);
	if (sh.count == 0 && is_plain(op, result))
		write_plain(b, result, op->returns_array);
	else if (sh.count == 0)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "the contract names no column that %s returns",
		    op->function.sql);
	else if (!op->returns_array)
		write_row(b, &sh, 0);
	else if (write_list(b, &sh, rows, MEDIA_JSON) < rows)
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
