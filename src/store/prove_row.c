/* SPDX-License-Identifier: MIT */
/*
 * One row of each tenant in each table, by trying.  What a row may be is kept
 * as dials: a foreign key turns to the tenant's row there (then to another
 * one, then to NULL), a column to its default or to values that it takes.  An
 * insert that is refused says by which constraint; the dials of its columns
 * are turned on like an odometer.  What says whose a row is, and the key that
 * it leads to, is the tenant's subject, so that it is what a policy compares
 * it with, whichever claim that is from.
 */
#include "store/prove.h"

#include <limits.h>
#include <string.h>

enum { OPTIONS_MAX = 12, INSERTS_MAX = 96, DEPTH_MAX = 32 };

struct option {
	enum { OPTION_OUT, OPTION_VALUES, OPTION_EXTRA } kind;
	const char *const *values;	/* NULL of them: NULL */
};

struct dial {
	const size_t *columns;
	size_t count;
	const struct catalog_constraint *key;	/* a foreign one */
	struct option options[OPTIONS_MAX];
	size_t option_count, at;
	bool full;			/* all that there is was added */
	bool fixed;			/* it says who the tenant is */
};

/* A row while it is made. */
struct draft {
	struct proof *p;
	struct tenant *tenant;
	struct plot *plot;
	const struct catalog_table *table;
	bool extra;			/* beside the tenant's row */
	unsigned depth;
	struct dial *dials;
	size_t dial_count;
	struct dial **of;		/* by column; NULL: none */
	const char *const *values;	/* of the row that was made */
	const char *why;
	bool circular;			/* it leads to one not made yet */
};

static const char *const *make(struct proof *p, struct tenant *tenant,
    struct plot *plot, bool extra, unsigned depth, const char **ret_why);

/* ---- Dials. ---- */

static struct dial *
add_dial(struct draft *d, const size_t *columns, size_t count)
{
	struct dial *dial = &d->dials[d->dial_count++];

	dial->columns = columns;
	dial->count = count;
	for (size_t i = 0; i < count; i++)
		d->of[columns[i]] = dial;
	return dial;
}

static void
add_option(struct dial *dial, int kind, const char *const *values)
{
	if (dial->option_count < OPTIONS_MAX)
		dial->options[dial->option_count++] = (struct option){
			.kind = (unsigned)kind, .values = values };
}

static void
add_text(struct draft *d, struct dial *dial, const char *text)
{
	const char **values = arena_alloc(d->p->arena, sizeof(*values));

	values[0] = text;
	add_option(dial, OPTION_VALUES, values);
}

static bool
has_default(const struct catalog_column *c)
{
	return c->fallback != NULL || c->identity || !c->not_null;
}

/* The rest of what a column may be. */
static void
fill(struct draft *d, struct dial *dial)
{
	const struct catalog_column *c = &d->table->columns[dial->columns[0]];
	const char *const *texts;
	size_t count;

	if (dial->full || dial->key != NULL)
		return;
	dial->full = true;
	texts = proof_values(d->p, d->plot, c, &count);
	for (size_t i = 0; i < count; i++)
		add_text(d, dial, texts[i]);
	if (!c->not_null && c->fallback != NULL)
		add_text(d, dial, NULL);
}

/* ---- Whose it is. ---- */

static bool
is_key(const struct plot *plot, size_t column)
{
	return plot->key_count == 1 && plot->key[0] == column;
}

/* Does a column that says whose a row is lead to this one? */
static bool
is_led_to(struct proof *p, const struct plot *to, const char *column)
{
	for (size_t i = 0; i < p->plot_count; i++) {
		const struct catalog_table *t = p->plots[i].table;

		for (size_t n = 0; n < t->constraint_count; n++) {
			const struct catalog_constraint *k =
			    &t->constraints[n];
			size_t from;

			if (k->kind != 'f' || k->column_count != 1 ||
			    proof_plot(p, k->schema, k->table) != to ||
			    strcmp(k->keys[0], column) != 0)
				continue;
			from = proof_column(t, k->columns[0]);
			if (from < t->column_count && p->plots[i].tied[from])
				return true;
		}
	}
	return false;
}

static bool
is_integer(const struct catalog_column *c)
{
	return strcmp(c->base, "integer") == 0 ||
	    strcmp(c->base, "bigint") == 0;
}

/*
 * The key of a tenant's row, where it is a UUID: the subject where that is, or
 * leads to, what says whose a row is, for it is compared with claims; else one
 * that nothing could be mistaken for.
 */
static const char *
uuid_of(struct proof *p, struct tenant *tenant, struct plot *plot,
    size_t column)
{
	struct made *made = &tenant->rows[plot - p->plots];

	if (plot->tied[column] || is_led_to(p, plot,
	    plot->table->columns[column].name))
		return tenant->subject;
	if (made->key == NULL)
		made->key = proof_uuid(p);
	return made->key;
}

/* ---- Foreign keys. ---- */

/* The columns of a key that no other dial has. */
static const size_t *
free_columns(struct draft *d, const struct catalog_constraint *k,
    size_t *ret_count)
{
	size_t *columns = arena_alloc(d->p->arena,
	    (k->column_count + 1) * sizeof(*columns));
	size_t count = 0;

	for (size_t i = 0; i < k->column_count; i++) {
		size_t n = proof_column(d->table, k->columns[i]);

		if (n < d->table->column_count && d->of[n] == NULL &&
		    !d->table->columns[n].generated)
			columns[count++] = n;
	}
	*ret_count = count;
	return columns;
}

/* What a dial's columns are when the key leads to that row. */
static const char *const *
values_of_key(struct draft *d, const struct dial *dial,
    const struct plot *parent, const char *const *row)
{
	const struct catalog_constraint *k = dial->key;
	const char **values = arena_alloc(d->p->arena,
	    dial->count * sizeof(*values));

	for (size_t i = 0; i < dial->count; i++)
		for (size_t n = 0; n < k->column_count; n++)
			if (proof_column(d->table, k->columns[n]) ==
			    dial->columns[i])
				values[i] = row[proof_column(parent->table,
				    k->keys[n])];
	return values;
}

static bool
may_be_null(const struct draft *d, const struct dial *dial)
{
	for (size_t i = 0; i < dial->count; i++)
		if (d->table->columns[dial->columns[i]].not_null)
			return false;
	return true;
}

/* A circle: the row there will have the key that it was given. */
static const char *const *
values_of_circle(struct draft *d, const struct dial *dial,
    struct plot *parent)
{
	const char **values = arena_alloc(d->p->arena,
	    dial->count * sizeof(*values));
	size_t column = proof_column(parent->table, dial->key->keys[0]);

	for (size_t i = 0; i < dial->count; i++)
		values[i] = uuid_of(d->p, d->tenant, parent, column);
	return values;
}

/* false: there is no row that the key could lead to, and it must. */
static bool
add_key(struct draft *d, const struct catalog_constraint *k)
{
	struct plot *parent = proof_plot(d->p, k->schema, k->table);
	const char *const *row = NULL;
	const char *why = "its table is not known";
	size_t count;
	const size_t *columns = free_columns(d, k, &count);
	struct dial *dial;

	if (count == 0)
		return true;
	dial = add_dial(d, columns, count);
	dial->key = k;
	if (parent != NULL)
		row = make(d->p, d->tenant, parent, false, d->depth + 1,
		    &why);
	if (row != NULL) {
		add_option(dial, OPTION_VALUES, values_of_key(d, dial, parent,
		    row));
		add_option(dial, OPTION_EXTRA, NULL);
	}
	else if (why == NULL)
		d->circular = true;
	if (may_be_null(d, dial))
		add_option(dial, OPTION_VALUES, arena_alloc(d->p->arena,
		    count * sizeof(char *)));
	else if (row == NULL && why == NULL)
		add_option(dial, OPTION_VALUES, values_of_circle(d, dial,
		    parent));
	if (dial->option_count == 0)
		d->why = arena_format(d->p->arena, "%s needs a row of %s.%s: "
		    "%s", k->name, k->schema, k->table, why);
	return dial->option_count > 0;
}

static bool
add_keys(struct draft *d)
{
	const struct catalog_table *t = d->table;
	size_t widest = 0;

	for (size_t i = 0; i < t->constraint_count; i++)
		if (t->constraints[i].kind == 'f' &&
		    t->constraints[i].column_count > widest)
			widest = t->constraints[i].column_count;
	/* The widest first: what they share with others is theirs. */
	for (; widest > 0; widest--)
		for (size_t i = 0; i < t->constraint_count; i++)
			if (t->constraints[i].kind == 'f' &&
			    t->constraints[i].column_count == widest &&
			    !add_key(d, &t->constraints[i]))
				return false;
	return true;
}

/* ---- Columns. ---- */

/* What makes the row the tenant's, or NULL: the column does not. */
static const char *
identity(struct draft *d, size_t column)
{
	const struct catalog_column *c = &d->table->columns[column];
	bool uuid = strcmp(c->base, "uuid") == 0;
	bool key = is_key(d->plot, column);
	bool tied = d->plot->tied[column];

	if (d->extra && key)
		return uuid ? proof_uuid(d->p) : NULL;
	if (uuid)
		return key || tied ? uuid_of(d->p, d->tenant, d->plot,
		    column) : NULL;
	if (is_integer(c) && (tied || (key && is_led_to(d->p, d->plot,
	    c->name))))
		return proof_identity(d->p, d->tenant, c);
	return tied && c->category == 'S' ? proof_identity(d->p, d->tenant,
	    c) : NULL;
}

static void
add_column(struct draft *d, size_t number)
{
	const struct catalog_column *c = &d->table->columns[number];
	size_t *columns = arena_alloc(d->p->arena, sizeof(*columns));
	const char *own;
	struct dial *dial;

	columns[0] = number;
	dial = add_dial(d, columns, 1);
	own = identity(d, number);
	if (own != NULL) {
		add_text(d, dial, own);
		dial->fixed = true;
	}
	if (has_default(c))
		add_option(dial, OPTION_OUT, NULL);
	else if (own == NULL)
		fill(d, dial);
	if (dial->option_count == 0)
		d->why = arena_format(d->p->arena, "no value is known that "
		    "the column %s (%s) would take", c->name, c->type);
}

static bool
add_all(struct draft *d)
{
	size_t count = d->table->column_count;

	d->dials = arena_alloc(d->p->arena, (count + 1) * sizeof(*d->dials));
	d->of = arena_alloc(d->p->arena, (count + 1) * sizeof(*d->of));
	if (!add_keys(d))
		return false;
	for (size_t i = 0; i < count; i++)
		if (d->of[i] == NULL && !d->table->columns[i].generated)
			add_column(d, i);
	return d->why == NULL;
}

/* ---- Turning. ---- */

/* A row beside the tenant's, where a key turns to it. */
static bool
settle(struct draft *d, struct dial *dial)
{
	struct option *o = &dial->options[dial->at];
	struct plot *parent;
	const char *const *row;
	const char *why;

	if (o->kind != OPTION_EXTRA)
		return true;
	parent = proof_plot(d->p, dial->key->schema, dial->key->table);
	row = d->extra ? NULL : make(d->p, d->tenant, parent, true,
	    d->depth + 1, &why);
	if (row == NULL)
		return false;
	*o = (struct option){ .kind = OPTION_VALUES,
		.values = values_of_key(d, dial, parent, row) };
	return true;
}

static bool
turn(struct draft *d, struct dial *dial)
{
	fill(d, dial);
	while (++dial->at < dial->option_count)
		if (settle(d, dial))
			return true;
	dial->at = 0;
	return false;
}

/* The column that says least of whose the row is, of those not done yet. */
static size_t
least(const struct draft *d, const char *const *names, size_t count,
    const bool *done)
{
	size_t ret = count;
	unsigned weight = UINT_MAX;

	for (size_t i = 0; i < count; i++) {
		size_t n = proof_column(d->table, names[i]);

		if (done[i] || n == d->table->column_count ||
		    d->plot->weight[n] >= weight)
			continue;
		weight = d->plot->weight[n];
		ret = i;
	}
	return ret;
}

/* Turns the dials of columns on; false: all of it was tried. */
static bool
turn_on(struct draft *d, const char *const *names, size_t count)
{
	bool *done = arena_alloc(d->p->arena, (count + 1) * sizeof(*done));
	size_t i;

	while ((i = least(d, names, count, done)) < count) {
		size_t n = proof_column(d->table, names[i]);

		done[i] = true;
		if (d->of[n] != NULL && turn(d, d->of[n]))
			return true;
	}
	return false;
}

/* Other values of the same shape in the columns of a unique index. */
static bool
scramble(struct draft *d, const struct catalog_index *x)
{
	bool any = false;

	for (size_t i = 0; i < x->key_count; i++) {
		size_t n = x->keys[i].column == NULL ?
		    d->table->column_count :
		    proof_column(d->table, x->keys[i].column);
		struct dial *dial = n < d->table->column_count ? d->of[n] :
		    NULL;
		struct option *o;
		const char **other;

		if (dial == NULL || dial->key != NULL || dial->fixed)
			continue;
		o = &dial->options[dial->at];
		if (o->kind == OPTION_OUT || o->values[0] == NULL)
			continue;
		other = arena_alloc(d->p->arena, sizeof(*other));
		*other = proof_scrambled(d->p, &d->table->columns[n],
		    o->values[0]);
		if (strcmp(*other, o->values[0]) == 0)
			continue;
		o->values = other;
		any = true;
	}
	return any;
}

static bool
is_unique_again(struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->table->index_count; i++) {
		const struct catalog_index *x = &d->table->indexes[i];
		const char **names;

		if (strcmp(x->name, name) != 0)
			continue;
		if (scramble(d, x))
			return true;
		names = arena_alloc(d->p->arena,
		    (x->key_count + 1) * sizeof(*names));
		for (size_t n = 0; n < x->key_count; n++)
			names[n] = x->keys[n].column != NULL ?
			    x->keys[n].column : "";
		return turn_on(d, names, x->key_count);
	}
	return false;
}

/* ---- Inserting. ---- */

static const char *
insert_sql(struct draft *d)
{
	struct buf names, values, told;
	const char *ret;

	buf_init(&names, SIZE_MAX / 8);
	buf_init(&values, SIZE_MAX / 8);
	buf_init(&told, SIZE_MAX / 8);
	for (size_t i = 0; i < d->table->column_count; i++) {
		const char *name = proof_name(d->p,
		    d->table->columns[i].name);
		const struct dial *dial = d->of[i];
		const char *comma = names.length > 0 ? ", " : "";
		size_t n = 0;

		buf_format(&told, "%s%s", i > 0 ? ", " : "", name);
		if (dial == NULL || dial->options[dial->at].kind == OPTION_OUT)
			continue;
		while (dial->columns[n] != i)
			n++;
		buf_format(&names, "%s%s", comma, name);
		buf_format(&values, "%s%s", comma, proof_literal(d->p,
		    dial->options[dial->at].values[n]));
	}
	ret = names.length == 0 ? arena_format(d->p->arena,
	    "insert into %s default values returning %s", d->plot->sql,
	    told.at) : arena_format(d->p->arena, "insert into %s (%s) "
	    "overriding system value values (%s) returning %s", d->plot->sql,
	    names.at, values.at, told.at);
	buf_release(&names);
	buf_release(&values);
	buf_release(&told);
	return ret;
}

static void
take_row(struct draft *d, const PGresult *row)
{
	const char **values = arena_alloc(d->p->arena,
	    (d->table->column_count + 1) * sizeof(*values));

	for (size_t i = 0; i < d->table->column_count; i++)
		if (!PQgetisnull(row, 0, (int)i))
			values[i] = PQgetvalue(row, 0, (int)i);
	d->values = values;
}

static const struct catalog_constraint *
constraint_of(const struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->table->constraint_count; i++)
		if (strcmp(d->table->constraints[i].name, name) == 0)
			return &d->table->constraints[i];
	return NULL;
}

/* What a refusal asks to be otherwise; false: nothing that we could do. */
static bool
adapt(struct draft *d, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *name = PQresultErrorField(result,
	    PG_DIAG_CONSTRAINT_NAME);
	const char *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
	const struct catalog_constraint *k;

	d->why = proof_words(d->p, result);
	if (state == NULL)
		return false;
	if (strcmp(state, "23502") == 0 && column != NULL)
		return turn_on(d, &column, 1);
	if (strcmp(state, "23505") == 0 && name != NULL)
		return is_unique_again(d, name);
	if (strcmp(state, "23514") != 0 && strcmp(state, "23503") != 0 &&
	    strcmp(state, "23P01") != 0)
		return false;
	k = constraint_of(d, name != NULL ? name : "");
	return k != NULL && turn_on(d, k->columns, k->column_count);
}

static bool
insert(struct draft *d)
{
	for (unsigned i = 0; i < INSERTS_MAX; i++) {
		PGresult *result;

		proof_do(d->p, "savepoint made");
		result = proof_ask(d->p, insert_sql(d));
		if (PQresultStatus(result) == PGRES_TUPLES_OK &&
		    PQntuples(result) == 1) {
			proof_do(d->p, "release savepoint made");
			take_row(d, result);
			return true;
		}
		proof_do(d->p, "rollback to savepoint made; "
		    "release savepoint made");
		if (PQresultStatus(result) == PGRES_TUPLES_OK) {
			d->why = "a trigger or rule keeps the row away";
			return false;
		}
		if (!adapt(d, result))
			return false;
	}
	return false;
}

/* ---- A row. ---- */

/* The row's values; NULL: `ret_why`, which is NULL itself in a circle. */
static const char *const *
make(struct proof *p, struct tenant *tenant, struct plot *plot, bool extra,
    unsigned depth, const char **ret_why)
{
	struct made *made = &tenant->rows[plot - p->plots];
	struct draft d = { .p = p, .tenant = tenant, .plot = plot,
		.table = plot->table, .extra = extra, .depth = depth };

	*ret_why = made->state == MADE_BUSY ? NULL : made->why;
	if (!extra && made->state != MADE_NOT)
		return made->state == MADE_ROW ? made->values : NULL;
	if (depth > DEPTH_MAX || !proof_open(p, plot)) {
		*ret_why = depth > DEPTH_MAX ? "it is too deep" : p->why;
		return NULL;
	}
	if (!extra)
		made->state = MADE_BUSY;
	if (!add_all(&d) || !insert(&d)) {
		*ret_why = d.why;
		/* Of a circle it may go when the other row is there. */
		if (!extra) {
			made->state = d.circular && depth > 0 ? MADE_NOT :
			    MADE_FAILED;
			made->why = d.why;
		}
		return NULL;
	}
	if (!extra) {
		made->state = MADE_ROW;
		made->values = d.values;
	}
	return d.values;
}

static void
make_all(struct proof *p, struct tenant *tenant)
{
	const char *why;

	proof_do(p, arena_format(p->arena, "select pg_catalog.set_config("
	    "'request.jwt.claims', %s, true)", proof_literal(p, arena_format(
	    p->arena, "{%s}", tenant->claims))));
	for (size_t i = 0; i < p->plot_count; i++)
		if (p->plots[i].wanted)
			make(p, tenant, &p->plots[i], false, 0, &why);
}

void
proof_make(struct proof *p)
{
	for (size_t i = 0; i < TENANTS; i++)
		make_all(p, &p->tenants[i]);
	proof_do(p, "select pg_catalog.set_config('request.jwt.claims', '', "
	    "true)");
}
