/* SPDX-License-Identifier: MIT */
/*
 * A table as a resource: who may do what with its rows, what a list may be
 * filtered and sorted by (what an index serves, and no more), which rows go
 * with it, and what its unique keys are called when they are taken.
 */
#include "tool/reflecting.h"

#include <ctype.h>
#include <string.h>

enum { CURSOR_TEXT_MAX = 255 };	/* of what a list is sorted by */

/* ---- Who. ---- */

bool
reflect_is_server(const struct reflection *r, const char *role)
{
	const struct contract_about *about = r->options->about;

	return reflect_has(about->server_roles, about->server_role_count,
	    role);
}

static bool
is_permitted(const struct catalog_table *t, size_t role,
    enum catalog_verb verb)
{
	for (size_t i = 0; i < t->policy_count; i++)
		if (!t->policies[i].restrictive &&
		    (t->policies[i].verbs & (1u << verb)) != 0 &&
		    t->policies[i].applies[role])
			return true;
	return false;
}

bool
reflect_may(const struct reflection *r, const struct reflected *t, size_t role,
    enum catalog_verb verb)
{
	const struct catalog_table *table = t->table;
	unsigned right = 1u << verb, rights = table->rights[role];

	for (size_t i = 0; i < table->column_count; i++)
		rights |= table->columns[i].rights[role];
	return !r->catalog->roles[role].bypasses && (rights & right) != 0 &&
	    (reflect_is_view(t) || !table->enabled ||
		is_permitted(table, role, verb));
}

static bool
is_possible(const struct reflection *r, const struct reflected *t,
    enum catalog_verb verb)
{
	if (verb == CATALOG_SELECT)
		return true;
	/* What all may read and nobody owns, nobody writes. */
	return !r->options->reads && !reflect_is_view(t) &&
	    (t->dumped || !r->options->open ||
		t->owning != OWNING_NOBODY) &&
	    (t->table->writable & (1u << verb)) != 0;
}

/* Has an update anything to change? */
static bool
is_changeable(const struct reflected *t, enum catalog_verb verb)
{
	for (size_t i = 0; verb == CATALOG_UPDATE &&
	     i < t->table->column_count; i++)
		if (t->columns[i].left_out == NULL &&
		    !t->columns[i].read_only && !t->columns[i].create_only)
			return true;
	return verb != CATALOG_UPDATE;
}

const char *const *
reflect_roles(struct reflection *r, const struct reflected *t,
    enum catalog_verb verb, size_t *ret_count)
{
	const struct contract_about *about = r->options->about;
	const char **roles = arena_alloc(r->arena,
	    (about->role_count + r->caller_count + 1) * sizeof(*roles));
	size_t count = 0;

	*ret_count = 0;
	if (!is_possible(r, t, verb) || !is_changeable(t, verb))
		return roles;
	for (size_t i = 0; t->dumped && i < about->role_count; i++)
		if (reflect_may(r, t, i, verb))
			roles[count++] = about->roles[i];
	if (!t->dumped && r->options->open && verb == CATALOG_SELECT &&
	    about->anonymous != NULL)
		roles[count++] = about->anonymous;
	for (size_t i = 0; !t->dumped && i < r->caller_count; i++)
		if (!reflect_has(roles, count, r->callers[i]))
			roles[count++] = r->callers[i];
	*ret_count = count;
	return roles;
}

/* ---- What a list may be filtered and sorted by. ---- */

static const struct reflected_column *
property(const struct reflected *t, const char *name)
{
	for (size_t i = 0; name != NULL && i < t->table->column_count; i++)
		if (strcmp(t->columns[i].column->name, name) == 0 &&
		    t->columns[i].left_out == NULL)
			return &t->columns[i];
	return NULL;
}

static bool
is_scalar(const struct reflected_column *p)
{
	static const char *const taken[] = { "select", "order", "limit",
		"after", "search", "and", "or" };

	return p != NULL && p->column->item == NULL &&
	    strncmp(p->column->base, "json", 4) != 0 &&
	    !reflect_has(taken, countof(taken), p->column->name);
}

/* Do its values fit a cursor? */
static bool
is_short(const struct reflected_column *p)
{
	const struct catalog_column *c = p->column;

	return strchr("DTEBN", c->category) != NULL ||
	    strcmp(c->base, "uuid") == 0 ||
	    (c->length > 0 && c->length <= CURSOR_TEXT_MAX);
}

/* The key of the index behind the owner, who is asked for in any case. */
static size_t
behind_owner(const struct reflected *t, const struct catalog_index *x)
{
	return t->owning == OWNING_COLUMN && x->key_count > 1 &&
	    x->keys[0].column != NULL &&
	    strcmp(x->keys[0].column, t->owner->name) == 0 &&
	    !property(t, t->owner->name)->key;
}

static bool
is_tree(const struct catalog_index *x)
{
	return x->valid && x->where_sql == NULL &&
	    strcmp(x->method, "btree") == 0;
}

/* Does an index lead to the values of the column? */
static bool
is_filtered(const struct reflected *t, const struct reflected_column *p)
{
	for (size_t i = 0; i < t->table->index_count; i++) {
		const struct catalog_index *x = &t->table->indexes[i];
		size_t at = behind_owner(t, x);

		if (is_tree(x) && ((x->keys[0].column != NULL &&
			strcmp(x->keys[0].column, p->column->name) == 0) ||
		    (x->keys[at].column != NULL &&
			strcmp(x->keys[at].column, p->column->name) == 0)))
			return true;
	}
	return false;
}

/* Has an index the column and then the key, in the same direction? */
static bool
is_sorted(const struct reflected *t, const struct reflected_column *p,
    bool *ret_descending)
{
	for (size_t i = 0; i < t->table->index_count; i++) {
		const struct catalog_index *x = &t->table->indexes[i];
		size_t at = behind_owner(t, x), k = 0;

		if (!is_tree(x) || x->key_count < at + 1 + t->key_count ||
		    x->keys[at].column == NULL ||
		    strcmp(x->keys[at].column, p->column->name) != 0)
			continue;
		while (k < t->key_count && x->keys[at + 1 + k].column != NULL &&
		    x->keys[at + 1 + k].descending == x->keys[at].descending &&
		    strcmp(x->keys[at + 1 + k].column, t->key[k]) == 0)
			k++;
		*ret_descending = x->keys[at].descending;
		if (k == t->key_count)
			return true;
	}
	return false;
}

static void
put_filter(const struct reflected *t, struct pen *pen)
{
	bool any = false;

	for (size_t i = 0; i < t->table->column_count; i++) {
		const struct reflected_column *p = &t->columns[i];

		if (p->left_out != NULL || !is_scalar(p) ||
		    !is_filtered(t, p))
			continue;
		if (!any)
			pen_list(pen, "filter");
		any = true;
		pen_text(pen, NULL, p->column->name);
	}
	if (any)
		pen_close(pen);
}

static void
put_sort(const struct reflected *t, struct pen *pen)
{
	const char *order = NULL;
	bool descending = false, down = false, any = false;

	for (size_t i = 0; i < t->table->column_count; i++) {
		const struct reflected_column *p = &t->columns[i];

		if (p->left_out != NULL || !is_scalar(p) || !is_short(p) ||
		    (t->key_count == 1 && p->key) ||
		    !is_sorted(t, p, &descending))
			continue;
		if (!any)
			pen_list(pen, "sort");
		any = true;
		pen_text(pen, NULL, p->column->name);
		/* A column of time is what people want to see first. */
		if (order == NULL && p->column->category == 'D') {
			order = p->column->name;
			down = descending;
		}
	}
	if (any)
		pen_close(pen);
	if (order != NULL)
		pen_format(pen, "order", "%s%s", down ? "-" : "", order);
}

/* ---- Rows that go with it. ---- */

/* The table of a foreign key of one column, where it is a resource now. */
static const struct reflected *
related_of(const struct reflection *r, const struct reflected *t,
    const struct catalog_constraint *k)
{
	if (k->kind != 'f' || k->column_count != 1 ||
	    property(t, k->columns[0]) == NULL)
		return NULL;
	for (size_t i = 0; i < r->count; i++) {
		const struct reflected *to = &r->tables[i];

		if (to->wanted && to->refused == NULL && to->key_count == 1 &&
		    strcmp(to->table->schema, k->schema) == 0 &&
		    strcmp(to->table->name, k->table) == 0 &&
		    strcmp(to->key[0], k->keys[0]) == 0)
			return to;
	}
	return NULL;
}

/* "customer_id" -> "customer"; else the table's own name. */
static const char *
relation_name(struct reflection *r, const struct reflected *t,
    const char *column)
{
	size_t length = strlen(column);
	const char *name = length > 3 &&
	    strcmp(column + length - 3, "_id") == 0 ?
	    arena_copy(r->arena, column, length - 3) :
	    arena_format(r->arena, "%s_row", column);

	return reflect_column(t->table, name) == NULL ? name :
	    arena_format(r->arena, "%s_row", column);
}

static bool
is_word(const char *s)
{
	return islower((unsigned char)*s) && strspn(s,
	    "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
}

static void
put_related(struct reflection *r, const struct reflected *t, struct pen *pen)
{
	bool any = false;

	for (size_t i = 0; i < t->table->constraint_count; i++) {
		const struct catalog_constraint *k = &t->table->constraints[i];
		const struct reflected *to = related_of(r, t, k);
		const char *name = to == NULL ? NULL :
		    relation_name(r, t, k->columns[0]);

		if (name == NULL || !is_word(name))
			continue;
		if (!any)
			pen_object(pen, "related");
		any = true;
		pen_object(pen, name);
		pen_text(pen, "resource", to->name);
		pen_text(pen, "column", k->columns[0]);
		pen_close(pen);
	}
	if (any)
		pen_close(pen);
}

/* ---- Operations. ---- */

/* "order_items" -> "order items". */
static const char *
words_of(struct reflection *r, const char *name)
{
	char *words = arena_string(r->arena, name), *at;

	while ((at = strchr(words, '_')) != NULL)
		*at = ' ';
	return words;
}

static void
put_roles(struct pen *pen, const char *const *roles, size_t count)
{
	pen_list(pen, "roles");
	for (size_t i = 0; i < count; i++)
		pen_text(pen, NULL, roles[i]);
	pen_close(pen);
}

/* Keys of repeats belong to a subject, which nobody in particular has not. */
static bool
is_anonymous(const struct reflection *r, const char *const *roles,
    size_t count)
{
	const char *nobody = r->options->about->anonymous;

	return nobody != NULL && reflect_has(roles, count, nobody);
}

static void
put_operation(struct reflection *r, const struct reflected *t,
    const char *name, enum catalog_verb verb, const char *summary,
    struct pen *pen)
{
	size_t count;
	const char *const *roles = reflect_roles(r, t, verb, &count);

	if (count == 0)
		return;
	pen_object(pen, name);
	pen_format(pen, "summary", "%s %s.", summary, words_of(r, t->name));
	put_roles(pen, roles, count);
	if (strcmp(name, "list") == 0) {
		put_filter(t, pen);
		put_sort(t, pen);
	}
	if (verb == CATALOG_SELECT)
		put_related(r, t, pen);
	else if (!is_anonymous(r, roles, count))
		pen_text(pen, "idempotency", "optional");
	pen_close(pen);
}

static void
put_operations(struct reflection *r, const struct reflected *t,
    struct pen *pen)
{
	static const struct {
		const char *name;
		enum catalog_verb verb;
		const char *summary;
	} rows[] = {
		{ "list", CATALOG_SELECT, "List" },
		{ "read", CATALOG_SELECT, "Read one of the" },
		{ "create", CATALOG_INSERT, "Make one of the" },
		{ "update", CATALOG_UPDATE, "Change one of the" },
		{ "delete", CATALOG_DELETE, "Delete one of the" },
	};

	pen_object(pen, "operations");
	for (size_t i = 0; i < countof(rows); i++)
		put_operation(r, t, rows[i].name, rows[i].verb,
		    rows[i].summary, pen);
	pen_close(pen);
}

/* ---- Constraints. ---- */

/* The column that a client would change when it is taken: the last one. */
static const char *
taken_column(const struct reflected *t, const struct catalog_index *x)
{
	const char *column = NULL;

	for (size_t k = 0; k < x->key_count; k++) {
		const struct reflected_column *p = property(t,
		    x->keys[k].column);

		if (p != NULL && !p->read_only && islower((unsigned char)
		    *p->column->name) && is_word(p->column->name))
			column = p->column->name;
	}
	return column;
}

static bool
is_primary(const struct reflected *t, const struct catalog_index *x)
{
	for (size_t i = 0; i < t->table->constraint_count; i++)
		if (t->table->constraints[i].kind == 'p' &&
		    strcmp(t->table->constraints[i].name, x->name) == 0)
			return true;
	return false;
}

static void
put_constraints(struct reflection *r, const struct reflected *t,
    struct pen *pen)
{
	bool any = false;

	for (size_t i = 0; i < t->table->index_count; i++) {
		const struct catalog_index *x = &t->table->indexes[i];
		const char *column = !x->unique ? NULL : taken_column(t, x);
		const char *code = column == NULL ? NULL : arena_format(
		    r->arena, "%s_taken", is_primary(t, x) ? "key" : column);

		if (code == NULL || strlen(x->name) > 63)
			continue;
		if (!any)
			pen_object(pen, "constraints");
		any = true;
		pen_object(pen, x->name);
		pen_text(pen, "code", code);
		pen_number(pen, "status", 409);
		pen_list(pen, "path");
		pen_text(pen, NULL, column);
		pen_close(pen);
		pen_close(pen);
	}
	if (any)
		pen_close(pen);
}

static bool
is_written(struct reflection *r, const struct reflected *t)
{
	size_t creates, updates;

	(void)reflect_roles(r, t, CATALOG_INSERT, &creates);
	(void)reflect_roles(r, t, CATALOG_UPDATE, &updates);
	return creates + updates > 0;
}

static void
put_key(const struct reflected *t, struct pen *pen)
{
	if (t->key_count == 1) {
		if (strcmp(t->key[0], "id") != 0)
			pen_text(pen, "key", t->key[0]);
		return;
	}
	pen_list(pen, "key");
	for (size_t i = 0; i < t->key_count; i++)
		pen_text(pen, NULL, t->key[i]);
	pen_close(pen);
}

void
reflect_resource(struct reflection *r, const struct reflected *t,
    struct pen *pen)
{
	pen_object(pen, NULL);
	pen_text(pen, "resource", t->name);
	pen_format(pen, "schema", "schemas/%s.json", t->name);
	pen_format(pen, "table", "%s.%s", t->table->schema, t->table->name);
	put_key(t, pen);
	put_operations(r, t, pen);
	if (is_written(r, t))
		put_constraints(r, t, pen);
	pen_close(pen);
}
