/* SPDX-License-Identifier: MIT */
/*
 * Whose the rows of a table are, by the catalog: a column that is filled with
 * the caller, or points at users; else a column that points at a table whose
 * rows are somebody's, or to which users belong by a third table.  The first of
 * these that holds is taken, and said; where two columns could be meant and
 * neither has the name of an owner's, nothing is.
 */
#include "tool/patch_part.h"

#include <ctype.h>
#include <string.h>

enum { DEPTH_MAX = 3 };

static bool
is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Words that are none of Postgres' names without quotes, the likely ones. */
const char *
patch_name(struct arena *arena, const char *name)
{
	static const char *const words[] = { "all", "and", "array", "as",
		"asc", "case", "check", "column", "default", "desc", "end",
		"for", "from", "grant", "group", "limit", "offset", "on",
		"only", "or", "order", "primary", "references", "select",
		"table", "to", "union", "unique", "user", "using", "when",
		"where", "window", "with" };
	bool plain = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") ==
	    strlen(name) && strspn(name, "0123456789") == 0;
	char *ret, *at;

	if (plain && !is_among(words, countof(words), name))
		return name;
	at = ret = arena_alloc(arena, 2 * strlen(name) + 3);
	*at++ = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"')
			*at++ = '"';
		*at++ = *name;
	}
	*at = '"';
	return ret;
}

const char *
patch_literal(struct arena *arena, const char *text)
{
	return drift_literal(&(struct drift){ .arena = arena }, text);
}

/* In a comment a line break would begin a statement. */
const char *
patch_comment(struct arena *arena, const char *text)
{
	char *ret = arena_string(arena, text);

	for (char *at = ret; *at != '\0'; at++)
		if (iscntrl((unsigned char)*at))
			*at = ' ';
	return ret;
}

/* ---- Users. ---- */

static bool
is_filled_with_caller(const struct catalog_column *c)
{
	return c->fallback != NULL && strstr(c->fallback, "auth.uid()") !=
	    NULL;
}

/* Is it the table of users: auth.users, or the key is the caller? */
static bool
is_users(const struct patching *p, const char *schema, const char *name)
{
	const struct relation relation = { .schema_name = schema,
		.name = name };
	const struct catalog_table *t = catalog_table(p->catalog, &relation);

	if (strcmp(schema, "auth") == 0 && strcmp(name, "users") == 0)
		return true;
	for (size_t i = 0; t != NULL && i < t->constraint_count; i++) {
		const struct catalog_constraint *k = &t->constraints[i];

		if (k->kind == 'p' && k->column_count == 1 &&
		    is_filled_with_caller(drift_column(t, k->columns[0])))
			return true;
	}
	return false;
}

static bool
points_at_users(const struct patching *p, const struct catalog_table *t,
    const struct catalog_column *c)
{
	for (size_t i = 0; i < t->constraint_count; i++) {
		const struct catalog_constraint *k = &t->constraints[i];

		if (k->kind == 'f' && k->column_count == 1 &&
		    strcmp(k->columns[0], c->name) == 0 &&
		    is_users(p, k->schema, k->table))
			return true;
	}
	return false;
}

/* The place of a name in the list of owners' names; else its end. */
static size_t
owner_rank(const char *name)
{
	static const char *const names[] = { "owner_id", "user_id", "owner",
		"user", "author_id", "customer_id", "profile_id",
		"created_by", "creator_id" };
	size_t i = 0;

	while (i < countof(names) && strcmp(names[i], name) != 0)
		i++;
	return i;
}

/*
 * The column that says whose a row is, or NULL.  One that points at users but
 * may be missing, and has another name, is rather a reviewer's.
 */
static const struct catalog_column *
own_column(const struct patching *p, const struct catalog_table *t,
    bool filled)
{
	const struct catalog_column *best = NULL;
	bool tied = false;

	for (size_t i = 0; i < t->column_count; i++) {
		const struct catalog_column *c = &t->columns[i];
		size_t rank = owner_rank(c->name);

		if (filled ? !is_filled_with_caller(c) : !points_at_users(p, t,
		    c) || (!c->not_null && rank == owner_rank("")))
			continue;
		tied = best != NULL && rank == owner_rank(best->name);
		if (best == NULL || rank < owner_rank(best->name))
			best = c;
	}
	return tied ? NULL : best;
}

static struct ownership
own_rows(const struct patching *p, const struct catalog_table *t)
{
	const struct catalog_column *c = own_column(p, t, true);
	const char *by = "defaults to the caller";

	if (c == NULL) {
		c = own_column(p, t, false);
		by = "points at users";
	}
	if (c == NULL)
		return (struct ownership){ .condition = NULL };
	return (struct ownership){
		.condition = arena_format(p->arena, "%s = (select auth.uid())",
		    patch_name(p->arena, c->name)),
		.column = c->name,
		.reason = arena_format(p->arena, "%s %s", c->name, by) };
}

/* ---- Those who belong to something. ---- */

/* The column of t that points at a table's key by itself or with others. */
static const char *
points_at(const struct catalog_table *t, const struct catalog_table *to,
    const char **ret_key)
{
	for (size_t i = 0; i < t->constraint_count; i++) {
		const struct catalog_constraint *k = &t->constraints[i];

		if (k->kind != 'f' || k->column_count != 1 ||
		    strcmp(k->schema, to->schema) != 0 ||
		    strcmp(k->table, to->name) != 0)
			continue;
		*ret_key = k->keys[0];
		return k->columns[0];
	}
	return NULL;
}

/* Are the two columns, and no others, unique together? */
static bool
is_pair(const struct catalog_table *t, const char *a, const char *b)
{
	for (size_t i = 0; i < t->index_count; i++) {
		const struct catalog_index *x = &t->indexes[i];
		size_t met = 0;

		for (size_t k = 0; k < x->key_count; k++)
			met += x->keys[k].column != NULL &&
			    (strcmp(x->keys[k].column, a) == 0 ||
				strcmp(x->keys[k].column, b) == 0);
		if (x->unique && x->key_count == 2 && met == 2)
			return true;
	}
	return false;
}

/* A column by which some members may more than others, or NULL. */
static const char *
ranks_by(const struct catalog_table *members)
{
	static const char *const names[] = { "role", "level", "rank",
		"permission", "permissions", "rights", "access", "is_admin",
		"is_owner", "kind", "type" };

	for (size_t i = 0; i < members->column_count; i++)
		if (is_among(names, countof(names), members->columns[i].name))
			return members->columns[i].name;
	return NULL;
}

/*
 * Is it about belonging, and not about something that users did?  A ranked one
 * is; else its name must say so.
 */
static bool
is_of_members(const struct catalog_table *t)
{
	static const char *const words[] = { "member", "participant",
		"collaborator", "users_", "_users", "user_", "_user", "team",
		"staff" };

	for (size_t i = 0; i < countof(words); i++)
		if (strstr(t->name, words[i]) != NULL)
			return true;
	return ranks_by(t) != NULL;
}

/* By the table that says which users belong to a row of `to`. */
static struct ownership
by_members(const struct patching *p, const char *column,
    const struct catalog_table *to)
{
	for (size_t i = 0; i < p->catalog->table_count; i++) {
		const struct catalog_table *m = &p->catalog->tables[i];
		const struct catalog_column *user = own_column(p, m, false);
		const char *key, *group = points_at(m, to, &key), *ranks;

		if (user == NULL || group == NULL || !is_of_members(m) ||
		    !is_pair(m, user->name, group))
			continue;
		ranks = ranks_by(m);
		return (struct ownership){
			.condition = arena_format(p->arena, "%s = any (array("
			    "select m.%s from %s.%s m where m.%s = "
			    "(select auth.uid())))", patch_name(p->arena,
				column), patch_name(p->arena, group),
			    patch_name(p->arena, m->schema),
			    patch_name(p->arena, m->name),
			    patch_name(p->arena, user->name)),
			.reason = arena_format(p->arena, "users belong to "
			    "%s.%s by %s.%s", to->schema, to->name, m->schema,
			    m->name),
			.writers = ranks == NULL ? NULL : arena_format(
			    p->arena, "%s.%s.%s gives members ranks;\n-- "
			    "nothing says which of them may write", m->schema,
			    m->name, ranks) };
	}
	return (struct ownership){ .condition = NULL };
}

static struct ownership owner_of(const struct patching *p,
    const struct catalog_table *t, unsigned depth);

/* By the table that a column points at. */
static struct ownership
by_parent(const struct patching *p, const char *column,
    const struct catalog_table *to, const char *key, unsigned depth)
{
	struct ownership o = by_members(p, column, to);

	if (o.condition != NULL)
		return o;
	o = owner_of(p, to, depth + 1);
	if (o.condition == NULL)
		return o;
	return (struct ownership){
		.condition = arena_format(p->arena, "%s = any (array(select "
		    "%s from %s.%s where %s))", patch_name(p->arena, column),
		    patch_name(p->arena, key), patch_name(p->arena,
			to->schema), patch_name(p->arena, to->name),
		    o.condition),
		.reason = arena_format(p->arena, "%s points at %s.%s, where "
		    "%s", column, to->schema, to->name, o.reason),
		.writers = o.writers };
}

static struct ownership
by_others(const struct patching *p, const struct catalog_table *t,
    unsigned depth)
{
	for (size_t i = 0; i < t->constraint_count && depth < DEPTH_MAX;
	     i++) {
		const struct catalog_constraint *k = &t->constraints[i];
		const struct relation relation = { .schema_name = k->schema,
			.name = k->table };
		const struct catalog_table *to = k->kind != 'f' ? NULL :
		    catalog_table(p->catalog, &relation);
		struct ownership o;

		if (to == NULL || to == t || is_users(p, k->schema, k->table))
			continue;
		for (size_t c = 0; c < k->column_count; c++) {
			o = by_parent(p, k->columns[c], to, k->keys[c], depth);
			if (o.condition != NULL && k->column_count == 1)
				return o;
		}
	}
	return (struct ownership){ .condition = NULL };
}

/* The key of one column, or NULL. */
static const char *
key_of(const struct catalog_table *t)
{
	for (size_t i = 0; i < t->constraint_count; i++)
		if (t->constraints[i].kind == 'p' &&
		    t->constraints[i].column_count == 1)
			return t->constraints[i].columns[0];
	return NULL;
}

static struct ownership
owner_of(const struct patching *p, const struct catalog_table *t,
    unsigned depth)
{
	struct ownership o = own_rows(p, t);

	if (o.condition == NULL && key_of(t) != NULL)
		o = by_members(p, key_of(t), t);
	if (o.condition == NULL)
		o = by_others(p, t, depth);
	return o;
}

struct ownership
patch_owner(struct patching *p, const struct catalog_table *t)
{
	struct ownership o = owner_of(p, t, 0);

	if (o.condition == NULL)
		o.reason = "nothing in the catalog says so: no column "
		    "defaults to auth.uid(), points at\n-- users, or at what "
		    "is theirs";
	return o;
}
