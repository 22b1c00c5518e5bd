/* SPDX-License-Identifier: MIT */
/*
 * A policy may ask more of a row than whose it is, and more of the caller than
 * who he is: that the letter was sent, that the member is an admin.  So rows
 * are also tried with other values in the columns that policies look at, and
 * in those of other tables that policies, or functions that they call, read.
 */
#include "store/prove.h"

#include <ctype.h>
#include <string.h>

enum { VARIANTS_MAX = 96 };

struct varied {
	struct proof *p;
	struct variant *list;
	size_t count;
};

static bool
mentions(const char *source, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = source; (at = strstr(at, word)) != NULL; at++)
		if ((at == source || (!isalnum((unsigned char)at[-1]) &&
		    at[-1] != '_')) && !isalnum((unsigned char)at[length]) &&
		    at[length] != '_')
			return true;
	return false;
}

/* Does another table's policy, or a function that policies may call? */
static bool
is_read(const struct proof *p, const struct catalog_table *t,
    const struct catalog_column *c)
{
	if (c->judged_elsewhere)
		return true;
	for (size_t i = 0; i < p->catalog->function_count; i++) {
		const struct catalog_function *f = &p->catalog->functions[i];

		if (f->used && mentions(f->source, t->name) &&
		    mentions(f->source, c->name))
			return true;
	}
	return false;
}

bool
proof_is_read(const struct proof *p, const struct catalog_table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (is_read(p, t, &t->columns[i]))
			return true;
	return false;
}

static void
add(struct varied *v, const struct plot *plot, size_t column,
    const char *value)
{
	const struct catalog_table *t = plot->table;

	if (v->count == VARIANTS_MAX)
		return;
	v->list[v->count++] = (struct variant){
		.plot = (size_t)(plot - v->p->plots), .column = column,
		.value = value,
		.words = arena_format(v->p->arena, "%s.%s.%s %s %s",
		    t->schema, t->name, t->columns[column].name,
		    value == NULL ? "is" : "=", proof_literal(v->p, value)) };
}

static bool
is_of_key(const struct plot *plot, size_t column)
{
	for (size_t i = 0; i < plot->key_count; i++)
		if (plot->key[i] == column)
			return true;
	return false;
}

static void
add_column(struct varied *v, const struct plot *plot, size_t column)
{
	const struct catalog_column *c = &plot->table->columns[column];
	const char *const *values;
	size_t count;

	if (plot->tied[column] || is_of_key(plot, column) || c->generated)
		return;
	values = proof_values(v->p, plot, c, &count);
	for (size_t i = 0; i < count; i++)
		add(v, plot, column, values[i]);
	if (!c->not_null)
		add(v, plot, column, NULL);
}

const struct variant *
proof_variants(struct proof *p, const struct plot *plot, size_t *ret_count)
{
	struct varied v = { .p = p, .list = arena_alloc(p->arena,
	    VARIANTS_MAX * sizeof(*v.list)) };

	for (size_t i = 0; i < plot->table->column_count; i++)
		if (plot->table->columns[i].judged)
			add_column(&v, plot, i);
	for (size_t n = 0; n < p->plot_count; n++) {
		const struct plot *other = &p->plots[n];

		if (other == plot || p->tenants[OURS].rows[n].state !=
		    MADE_ROW || other->table->kind == 'v')
			continue;
		for (size_t i = 0; i < other->table->column_count; i++)
			if (is_read(p, other->table,
			    &other->table->columns[i]))
				add_column(&v, other, i);
	}
	*ret_count = v.count;
	return v.list;
}

/* The tenants' rows, as a condition. */
static const char *
rows_of(struct proof *p, const struct variant *variant)
{
	const struct plot *plot = &p->plots[variant->plot];
	const char *rows = "false";

	for (size_t i = 0; i < TENANTS; i++)
		if (p->tenants[i].rows[variant->plot].state == MADE_ROW)
			rows = arena_format(p->arena, "%s or (%s)", rows,
			    proof_where(p, plot,
				p->tenants[i].rows[variant->plot].values,
				plot->key, plot->key_count));
	return rows;
}

/*
 * What a CHECK over several columns asks beside: a value for those of them that
 * are null, as what was sent has a date.  false: there is none.
 */
static bool
fill_in(struct proof *p, const struct plot *plot, const PGresult *refusal,
    const char *const *row, const char **sets)
{
	const char *name = PQresultErrorField(refusal,
	    PG_DIAG_CONSTRAINT_NAME);
	const struct catalog_table *t = plot->table;
	bool any = false;

	for (size_t i = 0; name != NULL && i < t->constraint_count; i++) {
		const struct catalog_constraint *k = &t->constraints[i];

		if (strcmp(k->name, name) != 0 || k->kind != 'c')
			continue;
		for (size_t n = 0; n < k->column_count; n++) {
			size_t c = proof_column(t, k->columns[n]), count;
			const char *const *values;

			if (row[c] != NULL || sets[c] != NULL)
				continue;
			values = proof_values(p, plot, &t->columns[c],
			    &count);
			if (count > 0)
				sets[c] = values[0];
			any = any || count > 0;
		}
	}
	return any;
}

static const char *
update_sql(struct proof *p, const struct variant *variant,
    const char *const *sets)
{
	const struct plot *plot = &p->plots[variant->plot];
	const struct catalog_table *t = plot->table;
	const char *list = arena_format(p->arena, "%s = %s", proof_name(p,
	    t->columns[variant->column].name), proof_literal(p,
	    variant->value));

	for (size_t i = 0; i < t->column_count; i++)
		if (sets[i] != NULL && i != variant->column)
			list = arena_format(p->arena, "%s, %s = %s", list,
			    proof_name(p, t->columns[i].name),
			    proof_literal(p, sets[i]));
	return arena_format(p->arena, "update %s set %s where %s", plot->sql,
	    list, rows_of(p, variant));
}

enum { UPDATES_MAX = 5 };

static bool
update(struct proof *p, const struct variant *variant)
{
	const struct plot *plot = &p->plots[variant->plot];
	const char **sets = arena_alloc(p->arena,
	    (plot->table->column_count + 1) * sizeof(*sets));
	bool well = false, more = true;

	for (unsigned i = 0; i < UPDATES_MAX && !well && more; i++) {
		PGresult *result;

		proof_do(p, "savepoint vary");
		result = proof_ask(p, update_sql(p, variant, sets));
		well = PQresultStatus(result) == PGRES_COMMAND_OK;
		proof_do(p, well ? "release savepoint vary" : "rollback to "
		    "savepoint vary; release savepoint vary");
		more = !well && fill_in(p, plot, result,
		    p->tenants[OURS].rows[variant->plot].values, sets);
	}
	return well;
}

bool
proof_vary(struct proof *p, const struct variant *variant)
{
	struct plot *plot = &p->plots[variant->plot];
	bool well;

	well = plot->key_count > 0 && proof_open(p, plot) &&
	    update(p, variant) && proof_do(p, "set constraints all immediate");
	/* What was lifted is put back, or undone with all of it. */
	if (!well || !proof_close(p, plot))
		plot->open = false;
	return well;
}
