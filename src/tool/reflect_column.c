/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a table's columns: what names a row, what the database fills
 * by itself and clients therefore only read, what must be sent.  Where access
 * is as the database has it, its grants tell what clients write; else nobody
 * writes what says who may do what, or reads what is named like a secret.
 */
#include "tool/reflecting.h"

#include <string.h>

const struct catalog_column *
reflect_column(const struct catalog_table *t, const char *name)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return &t->columns[i];
	return NULL;
}

bool
reflect_has(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

bool
reflect_is_view(const struct reflected *t)
{
	return t->table->kind == 'v';
}

/* ---- The key. ---- */

static const struct catalog_constraint *
primary_key(const struct catalog_table *t)
{
	for (size_t i = 0; i < t->constraint_count; i++)
		if (t->constraints[i].kind == 'p')
			return &t->constraints[i];
	return NULL;
}

static void
take_key(struct reflected *t, const char *const *names, size_t count)
{
	t->key = names;
	t->key_count = count;
}

/* The names of --key. */
static void
said_key(struct reflection *r, struct reflected *t)
{
	char *text = arena_string(r->arena, r->options->key), *name;
	const char **names = arena_alloc(r->arena,
	    (strlen(text) + 1) * sizeof(*names));
	size_t count = 0;

	while ((name = strsep(&text, ",")) != NULL) {
		if (reflect_column(t->table, name) == NULL)
			t->refused = arena_format(r->arena,
			    "it has no column %s, which --key names", name);
		names[count++] = name;
	}
	take_key(t, names, count);
}

/* Are all the columns in the view, by name and type? */
static bool
shows(const struct catalog_table *view, const struct catalog_table *base,
    const struct catalog_constraint *key)
{
	for (size_t i = 0; i < key->column_count; i++) {
		const struct catalog_column *c = reflect_column(view,
		    key->columns[i]);

		if (c == NULL || strcmp(c->type, reflect_column(base,
		    key->columns[i])->type) != 0)
			return false;
	}
	return true;
}

/* What a view reads, by its number; NULL: it is in another schema. */
static const struct catalog_table *
base_of(const struct reflection *r, const struct catalog_table *view,
    size_t number)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(arena_format(r->arena, "%s.%s",
		    r->tables[i].table->schema, r->tables[i].table->name),
		    view->bases[number]) == 0)
			return r->tables[i].table;
	return NULL;
}

/* A view's rows are named by what names those of the one table in it. */
static void
view_key(struct reflection *r, struct reflected *t)
{
	const struct catalog_constraint *found = NULL;

	for (size_t i = 0; i < t->table->base_count; i++) {
		const struct catalog_table *base = base_of(r, t->table, i);
		const struct catalog_constraint *key = base == NULL ? NULL :
		    primary_key(base);

		if (key == NULL || !shows(t->table, base, key))
			continue;
		if (found != NULL)
			return;
		found = key;
	}
	if (found == NULL)
		return;
	take_key(t, found->columns, found->column_count);
	t->key_guessed = true;
}

/* A unique index of all rows, whose columns are not null. */
static void
unique_key(struct reflection *r, struct reflected *t)
{
	for (size_t i = 0; i < t->table->index_count; i++) {
		const struct catalog_index *x = &t->table->indexes[i];
		const char **names = arena_alloc(r->arena,
		    (x->key_count + 1) * sizeof(*names));
		bool whole = x->unique && x->valid && x->where_sql == NULL;

		for (size_t k = 0; whole && k < x->key_count; k++) {
			names[k] = x->keys[k].column;
			whole = names[k] != NULL && reflect_column(t->table,
			    names[k])->not_null;
		}
		if (whole) {
			take_key(t, names, x->key_count);
			return;
		}
	}
}

static void
find_key(struct reflection *r, struct reflected *t)
{
	const struct catalog_constraint *primary = primary_key(t->table);

	if (r->options->key != NULL)
		said_key(r, t);
	else if (primary != NULL)
		take_key(t, primary->columns, primary->column_count);
	else if (reflect_is_view(t))
		view_key(r, t);
	else
		unique_key(r, t);
	if (t->key_count == 0)
		t->refused = reflect_is_view(t) ?
		    "nothing tells what names a row of the view; say "
		    "--key COLUMN" :
		    "it has neither a primary key nor a unique index of "
		    "columns that are not null; say --key COLUMN, and make "
		    "it unique";
	else if (t->key_count > 4)
		t->refused = "its key has more than four columns";
}

/* ---- Names that say what they are. ---- */

/* Is one of the words the name, or its end behind "_"? */
static bool
is_named(const char *name, const char *const *words, size_t count)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(words[i]);

		if (n <= length && strcmp(name + length - n, words[i]) == 0 &&
		    (n == length || name[length - n - 1] == '_'))
			return true;
	}
	return false;
}

static bool
is_privilege(const char *name)
{
	static const char *const words[] = { "admin", "staff", "superuser",
		"verified", "role", "roles", "permissions", "scopes", "plan",
		"tier", "balance", "credits", "balance_cents" };

	return is_named(name, words, countof(words));
}

static bool
is_secret(const char *name)
{
	static const char *const words[] = { "password", "passwd", "pwd",
		"secret", "token", "api_key", "apikey", "private_key",
		"password_hash", "token_hash", "secret_hash",
		"encrypted_password" };

	return is_named(name, words, countof(words));
}

/* ---- A column. ---- */

static bool
is_name(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(s) &&
	    (s[0] < '0' || s[0] > '9');
}

static bool
has_default(const struct catalog_column *c)
{
	return c->fallback != NULL || c->identity || c->generated;
}

/* now(), CURRENT_TIMESTAMP and the like. */
static bool
is_clock(const struct catalog_column *c)
{
	return c->fallback != NULL && c->category == 'D' &&
	    (strstr(c->fallback, "now()") != NULL ||
		strstr(c->fallback, "_timestamp()") != NULL ||
		strncmp(c->fallback, "CURRENT_", 8) == 0);
}

static const char *
left_out(const struct reflection *r, const struct reflected *t,
    const struct catalog_column *c)
{
	if (!is_name(c->name))
		return "its name can be no property's: A-Z, a-z, 0-9 and _";
	if (strcmp(c->base, "tsvector") == 0)
		return "it is for searches";
	if (c->category == 'C' || c->category == 'P')
		return "its type has no JSON of its own";
	if (!t->dumped && is_secret(c->name) && !reflect_has(t->key,
	    t->key_count, c->name))
		return "it is named like a secret";
	if (t->dumped) {
		for (size_t i = 0; i < r->options->about->role_count; i++)
			if (!r->catalog->roles[i].bypasses &&
			    c->rights[i] != 0)
				return NULL;
		return "no role of the contract may read or write it";
	}
	return NULL;
}

/* May any role of the contract do that with the column? */
static bool
is_granted(const struct reflection *r, const struct catalog_column *c,
    unsigned right)
{
	for (size_t i = 0; i < r->options->about->role_count; i++)
		if (!r->catalog->roles[i].bypasses &&
		    (c->rights[i] & right) != 0)
			return true;
	return false;
}

static void
judge_writes(const struct reflection *r, const struct reflected *t,
    struct reflected_column *p)
{
	const struct catalog_column *c = p->column;
	bool insert = is_granted(r, c, CATALOG_MAY_INSERT);
	bool update = is_granted(r, c, CATALOG_MAY_UPDATE);

	if (t->dumped) {
		p->read_only = !insert && !update;
		p->create_only = insert && !update;
	} else {
		p->read_only = is_clock(c) || is_privilege(c->name) ||
		    c->sequence != NULL || c->identity ||
		    (p->key && has_default(c)) ||
		    (c == t->owner && has_default(c));
		p->create_only = p->key || c == t->owner ||
		    (t->through != NULL && reflect_has(t->through->columns,
			t->through->column_count, c->name));
	}
	/* A value must come from somewhere. */
	if (!t->dumped && p->read_only && c->not_null && !has_default(c))
		p->read_only = false;
	if (c->generated || c->always)
		p->read_only = true;
	p->create_only &= !p->read_only;
}

static void
judge_column(const struct reflection *r, const struct reflected *t,
    struct reflected_column *p)
{
	const struct catalog_column *c = p->column;
	const struct catalog_table *only = !reflect_is_view(t) ||
	    t->table->base_count != 1 ? NULL : base_of(r, t->table, 0);
	const struct catalog_column *base = only == NULL ? NULL :
	    reflect_column(only, c->name);

	p->key = reflect_has(t->key, t->key_count, c->name);
	p->left_out = left_out(r, t, c);
	p->nullable = !p->key && !(base != NULL ? base : c)->not_null;
	if (reflect_is_view(t) || t->table->writable == 0)
		p->read_only = true;
	else
		judge_writes(r, t, p);
	p->required = !p->read_only && c->not_null && !has_default(c);
}

const struct catalog_column *
reflect_origin(const struct reflection *r, const struct reflected *t,
    const struct catalog_column *c, const struct catalog_table **ret_table)
{
	const struct catalog_column *found = NULL;

	if (!reflect_is_view(t)) {
		*ret_table = t->table;
		return c;
	}
	for (size_t i = 0; i < t->table->base_count; i++) {
		const struct catalog_table *base = base_of(r, t->table, i);
		const struct catalog_column *same = base == NULL ? NULL :
		    reflect_column(base, c->name);

		if (same == NULL || strcmp(same->type, c->type) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = same;
		*ret_table = base;
	}
	return found;
}

void
reflect_columns(struct reflection *r, struct reflected *t)
{
	const struct catalog_table *table = t->table;

	find_key(r, t);
	t->columns = arena_alloc(r->arena,
	    (table->column_count + 1) * sizeof(*t->columns));
	for (size_t i = 0; i < table->column_count; i++) {
		t->columns[i] = (struct reflected_column){
			.column = &table->columns[i] };
		judge_column(r, t, &t->columns[i]);
		if (t->columns[i].key && t->columns[i].left_out != NULL)
			t->refused = arena_format(r->arena, "its key has the "
			    "column %s, and %s", table->columns[i].name,
			    t->columns[i].left_out);
	}
}
