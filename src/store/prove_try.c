/* SPDX-License-Identifier: MIT */
/*
 * The cells, by trying.  Each attempt is a statement behind a savepoint, as
 * the role and with the tenant's claims, as a request would have them.
 *
 * What counts as possible: a row is told, changed or made.  A unique index
 * that is in the way counts too, for it is asked after row security; so do
 * rows of other tables that hold on to the row.  What code raises, and what
 * another constraint refuses, is refused.  Of an insert and of a row that
 * moves it is looked up afterwards whose the row is, since triggers may have
 * seen to it.
 *
 * Row security adds the policies for SELECT to an update that reads a column,
 * so by its key a row may be out of reach that an update of the whole table
 * would change.  The second is tried as well, with the table narrowed to the
 * row by a policy of our own.
 */
#include "store/prove.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A role at a table. */
struct bench {
	struct proof *p;
	struct plot *plot;
	const struct catalog_table *table;
	struct prove_row *row;
	const char *scope;		/* SQL: the role and its claims */
	const char *const *ours, *const *theirs;	/* NULL = none */
	const char *const *absent;	/* theirs, with a key that is not */
};

struct attempt {
	const char *before;		/* as the maker, or NULL */
	const char *sql;
	bool counts;			/* is it the other's afterwards? */
};

struct seen {
	enum prove_answer answer;
	const char *how;
	char state[6];
	bool ungranted;			/* a privilege was wanting */
};

const char proof_no_row[] = "no row";

/* ---- Judging. ---- */

/* Was it said by that function of the server? */
static bool
is_said_by(const PGresult *result, const char *function)
{
	const char *where = PQresultErrorField(result,
	    PG_DIAG_SOURCE_FUNCTION);

	return where != NULL && strcmp(where, function) == 0;
}

/* Is it rows of other tables that keep the row, by keys that lead to it? */
static bool
is_held(const struct bench *b, const char *state, const PGresult *result)
{
	const char *name = PQresultErrorField(result,
	    PG_DIAG_CONSTRAINT_NAME);

	if (strcmp(state, "23503") != 0 && strcmp(state, "23001") != 0)
		return false;
	for (size_t i = 0; name != NULL && i < b->table->constraint_count;
	     i++)
		if (b->table->constraints[i].kind == 'f' &&
		    strcmp(b->table->constraints[i].name, name) == 0)
			return false;
	return true;
}

static void
judge_error(struct bench *b, const PGresult *result, struct seen *ret)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL)
		state = "08006";
	memcpy(ret->state, state, 5);
	ret->how = proof_words(b->p, result);
	ret->answer = PROVE_NO;
	ret->ungranted = strcmp(state, "42501") == 0 &&
	    is_said_by(result, "aclcheck_error");
	/* 428C9: GENERATED ALWAYS. */
	if (is_said_by(result, "exec_stmt_raise") ||
	    strcmp(state, "42501") == 0 || strcmp(state, "428C9") == 0)
		return;
	if (strcmp(state, "23505") == 0 || is_held(b, state, result))
		ret->answer = PROVE_YES;
	else if (strncmp(state, "23", 2) != 0)
		ret->answer = PROVE_UNKNOWN;
}

static uint64_t
rows_of(const PGresult *result)
{
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return (uint64_t)PQntuples(result);
	return strtoull(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10);
}

bool
proof_count(struct proof *p, const struct plot *plot, uint64_t *ret)
{
	const char *const *theirs =
	    p->tenants[THEIRS].rows[plot - p->plots].values;
	const char *any = "false";
	PGresult *result;

	for (size_t i = 0; i < plot->table->column_count; i++)
		if (plot->tied[i] && theirs[i] != NULL)
			any = arena_format(p->arena, "%s or %s", any,
			    proof_where(p, plot, theirs, &i, 1));
	result = proof_ask(p, arena_format(p->arena, "select count(*) from "
	    "%s where %s", plot->sql, any));
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return false;
	*ret = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	return true;
}

/* What is lifted for the count is undone with the attempt. */
static bool
is_theirs(struct bench *b)
{
	uint64_t count = 0;
	bool ret;

	ret = proof_do(b->p, "reset role; set constraints all immediate") &&
	    proof_open(b->p, b->plot) &&
	    proof_count(b->p, b->plot, &count) && count > b->plot->theirs;
	b->plot->open = false;
	return ret;
}

static struct seen
attempt(struct bench *b, const struct attempt *a)
{
	struct seen v = { .answer = PROVE_NO, .how = proof_no_row };
	PGresult *result;

	proof_do(b->p, "savepoint attempt");
	if (a->before != NULL && !proof_do(b->p, a->before)) {
		v.answer = PROVE_UNKNOWN;
		v.how = arena_string(b->p->arena,
		    PQerrorMessage(b->p->connection));
	} else if (!proof_do(b->p, b->scope)) {
		v.answer = PROVE_UNKNOWN;
		v.how = "the role cannot be taken";
	} else {
		result = PQexec(b->p->connection, a->sql);
		if (PQresultStatus(result) != PGRES_TUPLES_OK &&
		    PQresultStatus(result) != PGRES_COMMAND_OK) {
			judge_error(b, result, &v);
		} else if (rows_of(result) > 0) {
			v.answer = PROVE_YES;
			v.how = NULL;
		}
		PQclear(result);
		if (v.answer == PROVE_YES && v.how == NULL && a->counts &&
		    !is_theirs(b)) {
			v.answer = PROVE_NO;
			v.how = "the row stays the caller's";
		}
	}
	proof_do(b->p, "rollback to savepoint attempt; "
	    "release savepoint attempt");
	return v;
}

/* Keeps the better answer: yes, then unknown, then no. */
static void
settle(struct bench *b, enum catalog_verb verb, enum prove_whose whose,
    const struct seen *v, const char *when)
{
	struct prove_cell *cell = &b->row->cells[verb][whose];
	static const unsigned char rank[] = { [PROVE_NONE] = 0,
		[PROVE_NO] = 1, [PROVE_UNKNOWN] = 2, [PROVE_YES] = 3 };

	if (rank[v->answer] < rank[cell->answer] ||
	    (v->answer == cell->answer && cell->how != NULL))
		return;
	*cell = (struct prove_cell){ .answer = v->answer, .how = v->how,
		.when = when };
}

/* ---- Which columns. ---- */

static bool
is_granted(const struct bench *b, size_t column, enum catalog_verb verb)
{
	return (b->table->columns[column].rights[b->row->role_number] >>
	    verb & 1) != 0;
}

static bool
is_granted_any(const struct bench *b, enum catalog_verb verb)
{
	for (size_t i = 0; i < b->table->column_count; i++)
		if (is_granted(b, i, verb))
			return true;
	return (b->table->rights[b->row->role_number] >> verb & 1) != 0;
}

static bool
are_read(const struct bench *b, const size_t *columns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_granted(b, columns[i], CATALOG_SELECT))
			return false;
	return count > 0;
}

static bool
is_compared(const struct catalog_column *c)
{
	return strcmp(c->base, "json") != 0 && strcmp(c->base, "xml") != 0 &&
	    c->category != 'G' && strcmp(c->base, "real") != 0;
}

/* Narrows the table to one row for whoever asks it whole; NULL: it cannot. */
static const char *
narrow_sql(struct bench *b, const char *const *values)
{
	const struct catalog_table *t = b->table;
	const char *row;

	if (b->plot->key_count == 0 || (t->kind != 'r' && t->kind != 'p'))
		return NULL;
	row = proof_where(b->p, b->plot, values, b->plot->key,
	    b->plot->key_count);
	if (t->enabled)
		return arena_format(b->p->arena, "create policy "
		    "lockstep_prove on %s as restrictive using (%s) "
		    "with check (true)", b->plot->sql, row);
	return arena_format(b->p->arena, "alter table %s enable row level "
	    "security; create policy lockstep_prove on %s using (%s) "
	    "with check (true)", b->plot->sql, b->plot->sql, row);
}

/* All that the role may read of the row. */
static const char *
where_read(const struct bench *b, const char *const *values)
{
	size_t *columns = arena_alloc(b->p->arena,
	    (b->table->column_count + 1) * sizeof(*columns));
	size_t count = 0;

	for (size_t i = 0; i < b->table->column_count; i++)
		if (is_granted(b, i, CATALOG_SELECT) && values[i] != NULL &&
		    is_compared(&b->table->columns[i]))
			columns[count++] = i;
	return count == 0 ? "true" : proof_where(b->p, b->plot, values,
	    columns, count);
}

/*
 * What names the row, to the role: its key.  Where it may not read that, other
 * columns could be those of another row, so the table is narrowed to the row.
 */
static const char *
where(struct bench *b, const char *const *values, struct attempt *a)
{
	const struct plot *plot = b->plot;

	if (are_read(b, plot->key, plot->key_count))
		return proof_where(b->p, plot, values, plot->key,
		    plot->key_count);
	a->before = is_granted_any(b, CATALOG_SELECT) ?
	    narrow_sql(b, values) : NULL;
	if (a->before != NULL)
		return "true";
	if (is_granted_any(b, CATALOG_SELECT))
		return where_read(b, values);
	return plot->key_count == 0 ? "true" : proof_where(b->p, plot, values,
	    plot->key, plot->key_count);
}

/* A list "a, b" of columns and one of values, or "a = 1, b = 2". */
struct list {
	struct buf names, values, sets;
};

static void
list_add(struct bench *b, struct list *l, size_t column, const char *value)
{
	const char *comma = l->names.length > 0 ? ", " : "";
	const char *name = proof_name(b->p, b->table->columns[column].name);
	const char *text = proof_literal(b->p, value);

	buf_format(&l->names, "%s%s", comma, name);
	buf_format(&l->values, "%s%s", comma, text);
	buf_format(&l->sets, "%s%s = %s", comma, name, text);
}

static void
list_init(struct list *l)
{
	buf_init(&l->names, SIZE_MAX / 8);
	buf_init(&l->values, SIZE_MAX / 8);
	buf_init(&l->sets, SIZE_MAX / 8);
}

static void
list_release(struct list *l)
{
	buf_release(&l->names);
	buf_release(&l->values);
	buf_release(&l->sets);
}

/* ---- Select. ---- */

static const char *
select_sql(struct bench *b, const char *const *values, struct attempt *a)
{
	const char *sql = "select", *comma = " ";

	for (size_t i = 0; i < b->table->column_count; i++) {
		if (!is_granted(b, i, CATALOG_SELECT))
			continue;
		sql = arena_format(b->p->arena, "%s%s%s", sql, comma,
		    proof_name(b->p, b->table->columns[i].name));
		comma = ", ";
	}
	return arena_format(b->p->arena, "%s from %s where %s",
	    *comma == ' ' ? "select *" : sql, b->plot->sql, where(b, values,
		a));
}

static struct seen
try_select(struct bench *b, const char *const *values)
{
	struct attempt a = { .before = NULL };

	a.sql = select_sql(b, values, &a);
	return attempt(b, &a);
}

/* ---- Update and delete. ---- */

static bool
is_set(const struct catalog_column *c)
{
	return !c->generated && !c->always;
}

/*
 * Sets what the role may set to what it is in `values`; with `mine` columns
 * that say whose the row is from there.  NULL: there is nothing.
 */
static const char *
set_sql(struct bench *b, const char *const *values, const char *const *mine)
{
	const struct catalog_table *t = b->table;
	struct list l;
	const char *ret = NULL;

	list_init(&l);
	for (size_t i = 0; i < t->column_count; i++)
		if (is_set(&t->columns[i]) && is_granted(b, i,
		    CATALOG_UPDATE) && (mine == NULL || b->plot->tied[i]))
			list_add(b, &l, i, mine != NULL ? mine[i] :
			    values[i]);
	/* So that Postgres itself says no. */
	for (size_t i = 0; i < t->column_count && mine == NULL &&
	     l.sets.length == 0; i++)
		if (is_set(&t->columns[i]))
			list_add(b, &l, i, values[i]);
	if (l.sets.length > 0)
		ret = arena_format(b->p->arena, "update %s set %s",
		    b->plot->sql, l.sets.at);
	list_release(&l);
	return ret;
}

static const char *
verb_sql(struct bench *b, enum catalog_verb verb, const char *const *values,
    const char *const *mine)
{
	return verb == CATALOG_UPDATE ? set_sql(b, values, mine) :
	    mine != NULL ? NULL : arena_format(b->p->arena, "delete from %s",
	    b->plot->sql);
}

/* By its key, and with nothing read. */
static void
try_change(struct bench *b, enum catalog_verb verb, enum prove_whose whose,
    const char *const *values, const char *const *mine, const char *when)
{
	const char *sql = verb_sql(b, verb, values, mine);
	struct attempt a = { .before = NULL };
	struct seen v;

	if (sql == NULL)
		return;
	a.sql = arena_format(b->p->arena, "%s where %s", sql,
	    where(b, values, &a));
	v = attempt(b, &a);
	settle(b, verb, whose, &v, when);
	if (v.answer == PROVE_YES || whose == PROVE_ABSENT ||
	    !is_granted_any(b, verb))
		return;
	a.before = narrow_sql(b, values);
	a.sql = sql;
	if (a.before == NULL)
		return;
	v = attempt(b, &a);
	if (v.answer != PROVE_YES)
		return;
	v.how = "by an update or delete that reads no column";
	settle(b, verb, whose, &v, when);
}

/* ---- A row that is made the other's. ---- */

static void
try_move_by(struct bench *b, const bool *columns, const char *when)
{
	struct attempt a = { .counts = true };
	struct seen v;
	struct list l;

	list_init(&l);
	for (size_t i = 0; i < b->table->column_count; i++)
		if (columns[i] && is_set(&b->table->columns[i]))
			list_add(b, &l, i, b->theirs[i]);
	if (l.sets.length > 0) {
		a.sql = arena_format(b->p->arena, "update %s set %s where %s",
		    b->plot->sql, l.sets.at, where(b, b->ours, &a));
		v = attempt(b, &a);
		settle(b, CATALOG_UPDATE, PROVE_MOVED, &v, when);
	}
	list_release(&l);
}

/* A foreign key's columns that the role may write, in `ret`; false: none. */
static bool
key_columns(const struct bench *b, const struct catalog_constraint *k,
    enum catalog_verb verb, bool *ret)
{
	bool any = false;

	memset(ret, 0, b->table->column_count * sizeof(*ret));
	for (size_t i = 0; k->kind == 'f' && i < k->column_count; i++) {
		size_t n = proof_column(b->table, k->columns[i]);

		if (n < b->table->column_count && is_granted(b, n, verb))
			any = ret[n] = true;
	}
	return any;
}

static bool *
flags(const struct bench *b)
{
	return arena_alloc(b->p->arena,
	    (b->table->column_count + 1) * sizeof(bool));
}

/* All that says whose it is, each of it, and what leads to the other's. */
static void
try_move(struct bench *b, const char *when)
{
	const struct catalog_table *t = b->table;
	bool *columns = flags(b);

	try_move_by(b, b->plot->tied, when);
	for (size_t i = 0; i < t->column_count; i++)
		if (b->plot->tied[i] && is_granted(b, i, CATALOG_UPDATE)) {
			memset(columns, 0, t->column_count *
			    sizeof(*columns));
			columns[i] = true;
			try_move_by(b, columns, when);
		}
	for (size_t i = 0; i < t->constraint_count; i++)
		if (key_columns(b, &t->constraints[i], CATALOG_UPDATE,
		    columns))
			try_move_by(b, columns, when);
}

/* ---- Insert. ---- */

/*
 * What the role may write from `values`, but the flagged columns, which it may
 * not all, from `other`.
 */
static const char *
insert_sql(struct bench *b, const char *const *values, const bool *columns,
    const char *const *other)
{
	const struct catalog_table *t = b->table;
	struct list l;
	const char *ret;

	list_init(&l);
	for (size_t i = 0; i < t->column_count; i++) {
		if (!is_set(&t->columns[i]))
			continue;
		if (columns != NULL && columns[i])
			list_add(b, &l, i, other[i]);
		else if (is_granted(b, i, CATALOG_INSERT))
			list_add(b, &l, i, values[i]);
	}
	ret = l.names.length == 0 ? arena_format(b->p->arena,
	    "insert into %s default values", b->plot->sql) :
	    arena_format(b->p->arena, "insert into %s (%s) values (%s)",
	    b->plot->sql, l.names.at, l.values.at);
	list_release(&l);
	return ret;
}

static struct seen
try_insert(struct bench *b, const char *const *values, const bool *columns,
    const char *const *other, bool counts)
{
	return attempt(b, &(struct attempt){ .counts = counts,
	    .sql = insert_sql(b, values, columns, other) });
}

static void
settle_theirs(struct bench *b, const char *const *values, const bool *columns,
    const char *when)
{
	struct seen v = try_insert(b, values, columns, b->theirs, true);

	settle(b, CATALOG_INSERT, PROVE_OTHER, &v, when);
}

/* Is a key to the other's row told from one to no row at all? */
static void
try_probe(struct bench *b, const bool *columns)
{
	struct seen theirs, absent;

	if (b->row->told_apart[CATALOG_INSERT] != NULL)
		return;
	theirs = try_insert(b, b->ours, columns, b->theirs, true);
	absent = try_insert(b, b->ours, columns, b->absent, true);
	if (theirs.answer != PROVE_YES &&
	    strcmp(theirs.state, absent.state) != 0)
		b->row->told_apart[CATALOG_INSERT] = arena_format(b->p->arena,
		    "%s, and of an absent one %s", theirs.how, absent.how);
}

/* The row says the other's, in each of the ways in which it could. */
static void
try_insert_theirs(struct bench *b, const char *when)
{
	const struct catalog_table *t = b->table;
	const char *const *mine = b->ours != NULL ? b->ours : b->theirs;
	bool *columns = flags(b);

	settle_theirs(b, b->theirs, NULL, when);
	if (!is_granted_any(b, CATALOG_INSERT))
		return;
	settle_theirs(b, mine, b->plot->tied, when);
	for (size_t i = 0; i < t->column_count; i++)
		if (b->plot->tied[i] && is_granted(b, i, CATALOG_INSERT)) {
			memset(columns, 0, t->column_count *
			    sizeof(*columns));
			columns[i] = true;
			settle_theirs(b, mine, columns, when);
		}
	for (size_t i = 0; i < t->constraint_count; i++) {
		if (!key_columns(b, &t->constraints[i], CATALOG_INSERT,
		    columns))
			continue;
		settle_theirs(b, mine, columns, when);
		if (b->row->subject && when == NULL)
			try_probe(b, columns);
	}
}

/* ---- All cells of a role. ---- */

/* Without a privilege it is the same however the rows are. */
static bool
is_open(const struct bench *b, enum catalog_verb verb,
    enum prove_whose whose, const char *when)
{
	enum prove_answer answer = b->row->cells[verb][whose].answer;

	return (answer == PROVE_NO || answer == PROVE_UNKNOWN) &&
	    (when == NULL || is_granted_any(b, verb));
}

static void
try_verb(struct bench *b, enum catalog_verb verb, enum prove_whose whose,
    const char *const *values, const char *when)
{
	struct seen v;

	if (verb == CATALOG_SELECT) {
		v = try_select(b, values);
		settle(b, verb, whose, &v, when);
		return;
	}
	try_change(b, verb, whose, values, NULL, when);
	/* And to take it. */
	if (whose == PROVE_OTHER && b->ours != NULL && b->row->subject)
		try_change(b, verb, whose, values, b->ours, when);
}

/* Its own row, set to be its own. */
static void
try_owner(struct bench *b, const char *when)
{
	struct attempt a = { .before = NULL };
	struct seen v;
	struct list l;

	list_init(&l);
	for (size_t i = 0; i < b->table->column_count; i++)
		if (b->plot->tied[i])
			list_add(b, &l, i, b->ours[i]);
	a.sql = arena_format(b->p->arena, "update %s set %s where %s",
	    b->plot->sql, l.sets.at, where(b, b->ours, &a));
	v = attempt(b, &a);
	settle(b, CATALOG_UPDATE, PROVE_OWNER, &v, when);
	list_release(&l);
}

static void
try_own(struct bench *b, const char *when)
{
	struct seen v;

	for (enum catalog_verb verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
		if (!is_open(b, verb, PROVE_OWN, when))
			continue;
		if (verb != CATALOG_INSERT) {
			try_verb(b, verb, PROVE_OWN, b->ours, when);
			continue;
		}
		v = try_insert(b, b->ours, NULL, NULL, false);
		settle(b, verb, PROVE_OWN, &v, when);
	}
	if (is_open(b, CATALOG_INSERT, PROVE_OWNER, when)) {
		v = try_insert(b, b->ours, b->plot->tied, b->ours, false);
		settle(b, CATALOG_INSERT, PROVE_OWNER, &v, when);
	}
	if (is_open(b, CATALOG_UPDATE, PROVE_OWNER, when))
		try_owner(b, when);
	if (is_open(b, CATALOG_UPDATE, PROVE_MOVED, when))
		try_move(b, when);
}

static void
try_theirs(struct bench *b, const char *when)
{
	for (enum catalog_verb verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
		if (!is_open(b, verb, PROVE_OTHER, when))
			continue;
		if (verb == CATALOG_INSERT)
			try_insert_theirs(b, when);
		else
			try_verb(b, verb, PROVE_OTHER, b->theirs, when);
	}
}

/* By the key alone, as a request does it: is there a difference? */
static void
compare_absent(struct bench *b, enum catalog_verb verb)
{
	struct attempt a = { .before = NULL };
	const char *sql = verb == CATALOG_SELECT ? NULL :
	    verb_sql(b, verb, b->theirs, NULL);
	struct seen theirs, absent;

	if (sql == NULL && verb != CATALOG_SELECT)
		return;
	a.sql = sql == NULL ? select_sql(b, b->theirs, &a) : arena_format(
	    b->p->arena, "%s where %s", sql, where(b, b->theirs, &a));
	theirs = attempt(b, &a);
	a.sql = sql == NULL ? select_sql(b, b->absent, &a) : arena_format(
	    b->p->arena, "%s where %s", sql, where(b, b->absent, &a));
	absent = attempt(b, &a);
	settle(b, verb, PROVE_ABSENT, &absent, NULL);
	if (b->row->cells[verb][PROVE_OTHER].answer == PROVE_NO &&
	    strcmp(theirs.state, absent.state) != 0)
		b->row->told_apart[verb] = arena_format(b->p->arena, "%s, and "
		    "of an absent one %s", theirs.how, absent.how);
}

static void
try_absent(struct bench *b)
{
	for (enum catalog_verb verb = 0; verb < CATALOG_VERB_COUNT; verb++)
		if (verb != CATALOG_INSERT && is_open(b, verb, PROVE_ABSENT,
		    NULL))
			compare_absent(b, verb);
}

/* The other's row under a key that no row has. */
static const char *const *
absent_values(struct proof *p, const struct plot *plot,
    const char *const *theirs)
{
	const struct catalog_table *t = plot->table;
	const char **values = arena_alloc(p->arena,
	    (t->column_count + 1) * sizeof(*values));

	memcpy(values, theirs, t->column_count * sizeof(*values));
	for (size_t i = 0; i < plot->key_count; i++)
		values[plot->key[i]] = proof_scrambled(p,
		    &t->columns[plot->key[i]], values[plot->key[i]]);
	for (size_t i = 0; i < t->constraint_count; i++)
		for (size_t n = 0; t->constraints[i].kind == 'f' &&
		     n < t->constraints[i].column_count; n++) {
			size_t c = proof_column(t,
			    t->constraints[i].columns[n]);

			if (c < t->column_count && values[c] == theirs[c] &&
			    values[c] != NULL)
				values[c] = proof_scrambled(p,
				    &t->columns[c], values[c]);
		}
	return values;
}

/* Sets the role as requests do; the login role is itself, with no claims. */
static const char *
scope_sql(struct proof *p, const struct prove_row *row)
{
	const char *claims = row->login ? "" : arena_format(p->arena,
	    "{\"role\":\"%s\"%s%s}", row->role, row->subject ? "," : "",
	    row->subject ? p->tenants[OURS].claims : "");

	return arena_format(p->arena, "set local role %s; select pg_catalog."
	    "set_config('request.jwt.claims', %s, true)", proof_name(p,
	    row->role), proof_literal(p, claims));
}

/*
 * Without rows nothing is known but what is not granted at all; `why` there are
 * none.
 */
static void
try_grants(struct bench *b, const char *why)
{
	const char *const *none = arena_alloc(b->p->arena,
	    (b->table->column_count + 1) * sizeof(char *));

	for (enum catalog_verb verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
		struct attempt a = { .before = NULL };
		struct seen v;

		a.sql = verb == CATALOG_SELECT ? select_sql(b, none, &a) :
		    verb == CATALOG_INSERT ? insert_sql(b, none, NULL, NULL) :
		    verb_sql(b, verb, none, NULL);
		if (a.sql == NULL)
			continue;
		if (verb == CATALOG_UPDATE || verb == CATALOG_DELETE)
			a.sql = arena_format(b->p->arena, "%s where %s",
			    a.sql, where(b, none, &a));
		v = attempt(b, &a);
		if (!is_granted_any(b, verb) && !v.ungranted) {
			v.answer = PROVE_NO;
			v.how = "no privilege";
		} else if (!v.ungranted) {
			v.answer = PROVE_UNKNOWN;
			v.how = why;
		}
		for (size_t whose = 0; whose < PROVE_WHOSE_COUNT; whose++)
			if (b->row->cells[verb][whose].answer != PROVE_NONE)
				settle(b, verb, whose, &v, NULL);
	}
}

void
proof_try(struct proof *p, struct plot *plot, struct prove_row *row,
    const char *when)
{
	size_t number = (size_t)(plot - p->plots);
	struct bench b = { .p = p, .plot = plot, .table = plot->table,
		.row = row, .scope = scope_sql(p, row),
		.ours = p->tenants[OURS].rows[number].values,
		.theirs = p->tenants[THEIRS].rows[number].values };

	if (b.ours == NULL || b.theirs == NULL) {
		const struct made *made = &p->tenants[b.ours == NULL ? OURS :
		    THEIRS].rows[number];

		try_grants(&b, made->why != NULL ? made->why : "no row of it "
		    "could be made");
		return;
	}
	b.absent = absent_values(p, plot, b.theirs);
	try_own(&b, when);
	try_theirs(&b, when);
	if (when == NULL)
		try_absent(&b);
}
