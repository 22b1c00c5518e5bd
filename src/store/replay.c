/* SPDX-License-Identifier: MIT */
/*
 * Writes that are done once, however often they are sent.  The claim of a key
 * goes before the statement, and the statement keeps its own reply, so that
 * effect and reply are one transaction in one flush.  What is told the first
 * time is made from what was kept, and so is each repeat: the same bytes.
 *
 * What is kept is JSON that Postgres made of the rows, with no column that
 * would not be told.  Where a preference leaves the row out, it is not kept
 * either, so that the preference is part of what a repeat must be like.
 */
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* method, route, key, fingerprint: what all functions of a key take. */
static void
put_once(struct query *q, const struct plan *plan)
{
	const struct operation *op = plan->operation;
	const char *fingerprint = arena_format(q->arena, "%s%s",
	    plan->once->fingerprint, plan->minimal ? " minimal" : "");

	put_param(q, method_name(op->method));
	buf_string(q->sql, ", ");
	put_param(q, op->pattern);
	buf_string(q->sql, ", ");
	put_param(q, plan->once->key);
	buf_string(q->sql, ", ");
	put_param(q, fingerprint);
}

static struct query
query_of(struct arena *arena, struct buf *sql, const char *text)
{
	buf_clear(sql);
	buf_string(sql, text);
	return (struct query){ .arena = arena, .sql = sql };
}

void
store_sql_claim(struct arena *arena, const struct plan *plan, struct buf *sql,
    struct query *ret)
{
	*ret = query_of(arena, sql, "select lockstep.claim(");
	put_once(ret, plan);
	buf_char(sql, ')');
}

void
store_sql_replay(struct arena *arena, const struct plan *plan,
    struct buf *sql, struct query *ret)
{
	*ret = query_of(arena, sql,
	    "select r.reply, r.request_id from lockstep.replay(");
	put_once(ret, plan);
	buf_string(sql, ") r");
}

/* Must there be a row, may there be, or is any number as good? */
static const char *
need_of(const struct plan *plan)
{
	const struct operation *op = plan->operation;

	if (op->verb == VERB_UPDATE || op->verb == VERB_DELETE)
		return "may";
	if (op->verb == VERB_CREATE)
		return plan->array || plan->merge || plan->ignore ? "any" :
		    "must";
	return op->returns_file != NULL && !op->returns_array ? "must" : "any";
}

/* A call's columns that may be told, and the one that holds a plain value. */
static const char *
told_columns(struct arena *arena, const struct operation *op)
{
	const char **names = arena_alloc(arena,
	    (op->return_count + 1) * sizeof(*names));
	size_t i;

	for (i = 0; i < op->return_count; i++)
		names[i] = op->returns[i].name;
	names[i] = op->function.name;
	return store_array(arena, names, op->return_count + 1);
}

/* The rows as JSON, without what is not told; NULL keeps an empty list. */
static void
put_reply(struct query *q, const struct plan *plan)
{
	const struct operation *op = plan->operation;

	if (op->verb == VERB_DELETE ||
	    (op->verb == VERB_CALL && op->returns_file == NULL)) {
		buf_string(q->sql, "null");
	} else if (op->verb == VERB_CALL && op->return_count > 0) {
		buf_string(q->sql, "pg_catalog.json_agg((select "
		    "pg_catalog.json_object_agg(m.key, m.value) from "
		    "pg_catalog.json_each(pg_catalog.row_to_json(effect)) m "
		    "where m.key = any(");
		put_param(q, told_columns(q->arena, op));
		buf_string(q->sql, "::text[])))");
	} else {
		buf_string(q->sql, "pg_catalog.json_agg(effect)");
	}
}

/*
 * A composite NULL, which a function gives for "nothing", is a row of NULLs
 * and no row here.  The aggregate is what has a function run at all.
 */
void
store_sql_keep(const struct plan *plan, struct query *q)
{
	const char *statement = arena_copy(q->arena, q->sql->at,
	    q->sql->length);

	buf_clear(q->sql);
	buf_format(q->sql, "with effect as materialized (%s) "
	    "select lockstep.keep(", statement);
	put_once(q, plan);
	buf_format(q->sql, ", '%s', pg_catalog.count(*) filter "
	    "(where not effect is null), ", need_of(plan));
	put_reply(q, plan);
	buf_string(q->sql, ") from effect");
}

/* Kept JSON -> the reply. */

/* A JSON string that Postgres wrote, or any other scalar, as text. */
static const char *
text_of(struct arena *arena, const struct span *value)
{
	static const char escaped[] = "bfnrt", plain[] = "\b\f\n\r\t";
	char *text = arena_copy(arena, value->at, value->length), *to = text;
	const char *from = text + 1, *found;
	unsigned code;

	if (*text != '"')
		return text;
	for (; *from != '"' && *from != '\0'; from++) {
		if (*from != '\\') {
			*to++ = *from;
		} else if (*++from == 'u' && sscanf(from, "u%4x", &code) == 1) {
			*to++ = (char)code;	/* a control character */
			from += 4;
		} else {
			found = strchr(escaped, *from);
			*to++ = found != NULL ? plain[found - escaped] : *from;
		}
	}
	*to = '\0';
	return text;
}

static const char *
member_text(struct arena *arena, struct span row, const char *name)
{
	struct span value;

	if (!recast_member(row, name, &value) || value.at[0] == 'n')
		return NULL;
	return text_of(arena, &value);
}

/* The key in the row, or NULL where a part of it is not there. */
static const char *const *
members_text(struct arena *arena, struct span row,
    const struct resource *resource)
{
	const char **keys = arena_alloc(arena, (resource->key_count + 1) *
	    sizeof(*keys));
	size_t i;

	for (i = 0; i < resource->key_count; i++) {
		keys[i] = member_text(arena, row, resource->keys[i]->name);
		if (keys[i] == NULL)
			return NULL;
	}
	return keys;
}

/* Rows of the resource's own table. */
static enum problem
kept_rows(struct scope *sc, struct buf *b, const struct plan *plan,
    struct span rows, struct outcome *out)
{
	const struct operation *op = plan->operation;
	struct span left = rows, row = { "null", 4 }, item;
	bool well;

	while (recast_item(&left, &item))
		if (out->rows++ == 0)
			row = item;
	if (op->verb == VERB_DELETE)
		out->rows = 1;
	if (!plan->array && op->verb == VERB_CREATE)
		out->keys = members_text(sc->arena, row, op->resource);
	if (!plan->array)
		out->tag = member_text(sc->arena, row, "lockstep_tag");
	if (op->verb == VERB_DELETE || plan->minimal)
		well = recast_row(b, "null", 4, NULL, 0);
	else if (plan->array)
		well = recast_rows(b, rows.at, rows.length, plan->select,
		    plan->select_count);
	else
		well = recast_row(b, row.at, row.length, plan->select,
		    plan->select_count);
	return well ? PROBLEM_NONE : scope_fail(sc, PROBLEM_INTERNAL,
	    "what was kept is no row");
}

static enum problem
names_nothing(struct scope *sc, const struct operation *op)
{
	return scope_fail(sc, PROBLEM_INTERNAL, "the contract names no column "
	    "that %s returns", op->function.sql);
}

/*
 * The one value of a row of a function that returns json or a plain value;
 * where the contract names columns, only json may stand for them.
 */
static bool
plain_value(const struct operation *op, struct span row, struct span *ret)
{
	const char *name = op->function.name;
	struct span rest = row;

	if (op->return_count > 0)
		return recast_member(row, name, ret) &&
		    strchr("{[n", ret->at[0]) != NULL;
	/* {"name": value}, whatever its name. */
	if (!recast_item_named(&rest, ret))
		return false;
	return !recast_item_named(&rest, &(struct span){ 0 });
}

static bool
is_named(const struct operation *op, struct span row)
{
	struct span value;
	size_t i;

	for (i = 0; i < op->return_count; i++)
		if (recast_member(row, op->returns[i].name, &value))
			return true;
	return false;
}

static const struct field **
returned_fields(struct arena *arena, const struct operation *op)
{
	const struct field **fields = arena_alloc(arena,
	    (op->return_count + 1) * sizeof(*fields));
	size_t i;

	for (i = 0; i < op->return_count; i++)
		fields[i] = &op->returns[i];
	return fields;
}

/* A plain value that looks like Postgres' timestamps is told as one. */
static const struct field plain_field = { .format = "date-time" };

/* Values of a function that returns rows of one plain value each. */
static enum problem
kept_values(struct scope *sc, struct buf *b, const struct operation *op,
    struct span rows)
{
	const char *before = "[";
	struct span row, value;

	while (recast_item(&rows, &row)) {
		if (!plain_value(op, row, &value))
			return names_nothing(sc, op);
		buf_string(b, before);
		before = ",";
		(void)recast_value(b, &value, &plain_field);
	}
	buf_string(b, *before == '[' ? "[]" : "]");
	return PROBLEM_NONE;
}

static enum problem
kept_plain(struct scope *sc, struct buf *b, const struct operation *op,
    struct span rows, struct span row, bool alone)
{
	struct span value;

	if (!plain_value(op, row, &value))
		return names_nothing(sc, op);
	/* jsonb_agg() of nothing is NULL, and means an empty list. */
	if (op->returns_array && alone && value.at[0] == 'n')
		buf_string(b, "[]");
	else if (op->returns_array && (!alone || value.at[0] != '['))
		return kept_values(sc, b, op, rows);
	else
		(void)recast_value(b, &value, &plain_field);
	return PROBLEM_NONE;
}

static enum problem
kept_call(struct scope *sc, struct buf *b, const struct plan *plan,
    struct span rows, struct outcome *out)
{
	const struct operation *op = plan->operation;
	struct span left = rows, row = { "null", 4 }, item;
	const struct field **fields = returned_fields(sc->arena, op);
	bool well;

	while (recast_item(&left, &item))
		if (out->rows++ == 0)
			row = item;
	if (op->returns_file == NULL || plan->minimal) {
		buf_string(b, "null");
		return PROBLEM_NONE;
	}
	if (op->export != NULL)
		out->keys = members_text(sc->arena, row, op->export->shown);
	if (out->rows > 0 && !is_named(op, row))
		return kept_plain(sc, b, op, rows, row, out->rows == 1);
	well = op->returns_array ? recast_rows(b, rows.at, rows.length, fields,
	    op->return_count) : recast_row(b, row.at, row.length, fields,
	    op->return_count);
	return well ? PROBLEM_NONE : names_nothing(sc, op);
}

enum problem
store_kept(struct scope *sc, struct store *st, const struct plan *plan,
    const char *kept, struct outcome *ret)
{
	struct outcome out = { 0 };
	struct span rows;
	enum problem p;

	if (kept == NULL)
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "no row that the role may see");
	rows = (struct span){ kept, strlen(kept) };
	buf_clear(&st->reply);
	p = (plan->operation->verb == VERB_CALL ? kept_call : kept_rows)(sc,
	    &st->reply, plan, rows, &out);
	if (p != PROBLEM_NONE)
		return p;
	if (st->reply.failed)
		return scope_fail(sc, PROBLEM_INTERNAL, "reply too large");
	out.data = st->reply.at;
	out.data_length = st->reply.length;
	*ret = out;
	return PROBLEM_NONE;
}

/* Sweeping. */

enum { BATCH = 1000, BATCH_MS = 5000 };

static const char *const sweeps[SWEEP_COUNT] = {
	[SWEEP_REPLIES] = "select lockstep.sweep($1, $2)",
	[SWEEP_EVENTS] = "select lockstep.sweep_events($1, $2)",
	[SWEEP_REJECTED] = "select lockstep.sweep_rejected($1, $2)",
	[SWEEP_MESSAGES] = "select lockstep.sweep_messages($1, $2)",
};

/* Sweeps a batch; BATCH of it: there may be more. */
static enum problem
sweep_batch(struct scope *sc, struct store *st, enum sweep what,
    uint64_t *ret_swept)
{
	const unsigned ages[SWEEP_COUNT] = {
		[SWEEP_REPLIES] = st->options->keep_hours,
		[SWEEP_EVENTS] = st->options->event_days,
		[SWEEP_REJECTED] = st->options->rejected_days,
		[SWEEP_MESSAGES] = st->options->message_days,
	};
	const char *const params[] = { arena_format(sc->arena, "%u",
	    ages[what]), arena_format(sc->arena, "%d", BATCH) };
	struct exchange ex = { .count = 0 };
	const PGresult *result;
	enum problem p;

	if ((p = store_connect(sc, st)) != PROBLEM_NONE)
		return p;
	if (!exchange_note(&ex, STEP_RUN, PQsendQueryParams(st->connection,
	    sweeps[what], 2, NULL, params, NULL, NULL, 0))) {
		store_discard(st);
		return store_unavailable(sc, "nothing could be sent");
	}
	if (exchange_finish(sc, st, clock_now_ns() + BATCH_MS *
	    (uint64_t)1000000, &ex) != ENDING_SYNC)
		return store_unavailable(sc, "the connection was lost");
	result = ex.result[STEP_RUN];
	if (ex.error != NULL || result == NULL || PQntuples(result) != 1)
		return scope_fail(sc, PROBLEM_INTERNAL, "SQLSTATE %s",
		    ex.error == NULL ? "none" : PQresultErrorField(ex.error,
		    PG_DIAG_SQLSTATE));
	*ret_swept = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	return PROBLEM_NONE;
}

enum problem
store_sweep(struct scope *sc, struct store *st, enum sweep what,
    uint64_t *ret_swept)
{
	uint64_t swept = BATCH, all = 0;
	enum problem p;

	while (swept == BATCH) {
		p = sweep_batch(sc, st, what, &swept);
		if (p != PROBLEM_NONE)
			return p;
		all += swept;
	}
	*ret_swept = all;
	return PROBLEM_NONE;
}
