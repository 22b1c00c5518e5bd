/* SPDX-License-Identifier: MIT */
/*
 * Whose the rows of a table are, as far as the catalog tells: who asked said
 * so; or a column is filled with auth.uid(), refers to auth.users, or is called
 * owner_id or user_id; or a foreign key leads to a table that is owned.  Then
 * its column is the owner where it refers to the owner's own, and the way to
 * the owner where it does not.  Nothing else is guessed: rows whose owner is
 * not known are nobody's.
 */
#include "tool/reflecting.h"

#include <string.h>

/* "customer_id" of any table, or "orders.customer_id", "shop.orders.x". */
static bool
is_said(const struct reflection *r, const struct catalog_table *t,
    const struct catalog_column *c)
{
	const char *names[] = { c->name,
		arena_format(r->arena, "%s.%s", t->name, c->name),
		arena_format(r->arena, "%s.%s.%s", t->schema, t->name,
		    c->name) };

	for (size_t i = 0; i < r->options->owner_count; i++)
		for (size_t n = 0; n < countof(names); n++)
			if (strcmp(r->options->owners[i], names[n]) == 0)
				return true;
	return false;
}

static const struct catalog_constraint *
key_of_column(const struct catalog_table *t, const struct catalog_column *c)
{
	for (size_t i = 0; i < t->constraint_count; i++) {
		const struct catalog_constraint *k = &t->constraints[i];

		if (k->kind == 'f' && k->column_count == 1 &&
		    strcmp(k->columns[0], c->name) == 0)
			return k;
	}
	return NULL;
}

/* Is it filled with the caller, or does it refer to Supabase's users? */
static bool
is_caller(const struct catalog_table *t, const struct catalog_column *c)
{
	const struct catalog_constraint *k = key_of_column(t, c);

	return (c->fallback != NULL &&
	    strstr(c->fallback, "auth.uid()") != NULL) ||
	    (k != NULL && strcmp(k->schema, "auth") == 0 &&
		strcmp(k->table, "users") == 0);
}

static bool
is_called_so(const struct catalog_column *c)
{
	return strcmp(c->base, "uuid") == 0 &&
	    (strcmp(c->name, "owner_id") == 0 ||
		strcmp(c->name, "user_id") == 0);
}

static const struct catalog_column *
own_column(const struct reflection *r, const struct catalog_table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (is_said(r, t, &t->columns[i]))
			return &t->columns[i];
	for (size_t i = 0; i < t->column_count; i++)
		if (is_caller(t, &t->columns[i]))
			return &t->columns[i];
	for (size_t i = 0; i < t->column_count; i++)
		if (is_called_so(&t->columns[i]))
			return &t->columns[i];
	return NULL;
}

static struct reflected *
table_of(struct reflection *r, const struct catalog_constraint *k)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->tables[i].table->schema, k->schema) == 0 &&
		    strcmp(r->tables[i].table->name, k->table) == 0)
			return &r->tables[i];
	return NULL;
}

/* Every row has a parent then. */
static bool
is_whole(const struct catalog_table *t, const struct catalog_constraint *k)
{
	for (size_t i = 0; i < k->column_count; i++)
		if (!reflect_column(t, k->columns[i])->not_null)
			return false;
	return true;
}

/* Can a table be what another one's rows are owned by?  Its own rules hold. */
static bool
leads(const struct reflected *to)
{
	return to->owning != OWNING_NOBODY && (to->wanted || to->dumped);
}

/* Takes the owner over from where a key leads; false: it leads nowhere. */
static bool
follow(struct reflection *r, struct reflected *t,
    const struct catalog_constraint *k)
{
	struct reflected *to = k->kind != 'f' ? NULL : table_of(r, k);

	if (to == NULL || to == t || !leads(to) || !is_whole(t->table, k))
		return false;
	if (to->owning == OWNING_COLUMN && k->column_count == 1 &&
	    strcmp(k->keys[0], to->owner->name) == 0) {
		t->owning = OWNING_COLUMN;
		t->owner = reflect_column(t->table, k->columns[0]);
		return true;
	}
	t->owning = OWNING_THROUGH;
	t->through = k;
	t->parent = to;
	return true;
}

static bool
follow_any(struct reflection *r, struct reflected *t)
{
	const struct catalog_table *table = t->table;

	for (size_t i = 0; i < table->constraint_count; i++)
		if (follow(r, t, &table->constraints[i]) &&
		    t->owning == OWNING_COLUMN)
			return true;
	return t->owning != OWNING_NOBODY;
}

void
reflect_owners(struct reflection *r)
{
	bool found = true;

	for (size_t i = 0; i < r->count; i++) {
		struct reflected *t = &r->tables[i];

		t->owner = own_column(r, t->table);
		if (t->owner != NULL)
			t->owning = OWNING_COLUMN;
	}
	while (found) {
		found = false;
		for (size_t i = 0; i < r->count; i++)
			if (r->tables[i].owning == OWNING_NOBODY)
				found |= follow_any(r, &r->tables[i]);
	}
}
