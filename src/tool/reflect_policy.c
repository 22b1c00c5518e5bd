/* SPDX-License-Identifier: MIT */
/*
 * Who may see and change the rows of a table, as its policy file.  What the
 * database has is written down as it stands, but for grants that let nothing
 * through; where it has nothing, what is written is the narrowest that serves
 * the operations of the resource, and says by what it was found.
 */
#include "tool/reflecting.h"

#include <string.h>

/* A name as SQL wants it; quoted only where it must be. */
static const char *
name_sql(struct reflection *r, const char *name)
{
	char *text = arena_alloc(r->arena, 2 * strlen(name) + 3), *at = text;

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") ==
	    strlen(name) && (name[0] < '0' || name[0] > '9'))
		return name;
	*at++ = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"')
			*at++ = '"';
		*at++ = *name;
	}
	*at++ = '"';
	*at = '\0';
	return text;
}

/* "shop.orders": also a text for lockstep.reset_access(). */
static const char *
table_sql(struct reflection *r, const struct catalog_table *t)
{
	return arena_format(r->arena, "%s.%s", name_sql(r, t->schema),
	    name_sql(r, t->name));
}

static void
put_names(struct reflection *r, const char *const *names, size_t count,
    struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		buf_format(out, "%s%s", i > 0 ? ", " : "",
		    name_sql(r, names[i]));
}

/* ---- What both begin with. ---- */

static void
put_head(struct reflection *r, const struct reflected *t, struct buf *out)
{
	const char *table = table_sql(r, t->table);

	buf_format(out, "select lockstep.reset_access('%s');\n", table);
	if (reflect_is_view(t)) {
		buf_format(out, "alter view %s set (security_invoker = "
		    "true);\n", table);
		return;
	}
	buf_format(out, "alter table %s enable row level security;\n"
	    "alter table %s force row level security;\n", table, table);
}

static void
put_usage(struct reflection *r, const struct reflected *t,
    const char *const *roles, size_t count, struct buf *out)
{
	buf_format(out, "\ngrant usage on schema %s to ",
	    name_sql(r, t->table->schema));
	put_names(r, roles, count, out);
	buf_string(out, ";\n");
}

/* ---- What the database has. ---- */

/* The number of a role of the contract; the count when it is none. */
static size_t
number_of(const struct reflection *r, const char *role)
{
	size_t count = r->options->about->role_count, i = 0;

	while (i < count && strcmp(r->catalog->roles[i].name, role) != 0)
		i++;
	return i;
}

/*
 * Does the grant let anything through?  Of the contract's roles only what row
 * security permits; what is not of rows, TRUNCATE and the like, they do not
 * need.  Others' are none of ours to judge.
 */
static bool
is_kept(struct reflection *r, const struct reflected *t,
    const struct catalog_grant *g)
{
	static const char *const verbs[] = { "SELECT", "INSERT", "UPDATE",
		"DELETE" };
	size_t role = number_of(r, g->role);

	if (role == r->options->about->role_count ||
	    r->catalog->roles[role].bypasses)
		return true;
	for (size_t i = 0; i < countof(verbs); i++)
		if (strcmp(verbs[i], g->verb) == 0)
			return reflect_may(r, t, role, i);
	return false;
}

/* Somebody else's: what we do not serve is not ours to take away. */
static bool
is_others(const struct reflection *r, const struct catalog_grant *g)
{
	size_t role = number_of(r, g->role);

	return strcmp(g->role, "public") != 0 &&
	    (role == r->options->about->role_count ||
		r->catalog->roles[role].bypasses);
}

static bool
is_same_grant(const struct catalog_grant *a, const struct catalog_grant *b)
{
	return strcmp(a->role, b->role) == 0 && strcmp(a->verb, b->verb) == 0 &&
	    (a->column == NULL) == (b->column == NULL) &&
	    a->option == b->option;
}

static void
put_lower(const char *text, struct buf *out)
{
	for (; *text != '\0'; text++)
		buf_char(out, *text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' :
		    *text);
}

/* Columns in brackets, on lines of their own. */
struct listing {
	struct reflection *r;
	struct buf *out;
	size_t width;
};

static void
list_add(struct listing *l, const char *column)
{
	const char *name = name_sql(l->r, column);

	if (l->width == 0)
		buf_string(l->out, " (\n\t");
	else if (l->width + strlen(name) > 62)
		buf_string(l->out, ",\n\t");
	else
		buf_string(l->out, ", ");
	if (l->width + strlen(name) > 62)
		l->width = 0;
	buf_string(l->out, name);
	l->width += strlen(name) + 2;
}

static void
list_end(struct listing *l)
{
	if (l->width > 0)
		buf_string(l->out, "\n)");
}

/* A statement for all columns of one privilege. */
static size_t
put_grant(struct reflection *r, const struct reflected *t, size_t from,
    struct buf *out)
{
	const struct catalog_grant *g = &t->grants[from];
	struct listing l = { .r = r, .out = out };
	size_t count = 0;

	buf_string(out, "grant ");
	put_lower(g->verb, out);
	for (; from + count < t->grant_count &&
	     is_same_grant(g, &g[count]); count++)
		if (g->column != NULL)
			list_add(&l, g[count].column);
	list_end(&l);
	buf_format(out, " on %s to %s%s;\n",
	    table_sql(r, t->table), strcmp(g->role, "public") == 0 ?
	    "public" : name_sql(r, g->role),
	    g->option ? " with grant option" : "");
	return count;
}

static void
put_grants(struct reflection *r, const struct reflected *t, struct buf *out)
{
	const char *dropped = "";

	for (size_t i = 0; i < t->grant_count;) {
		const struct catalog_grant *g = &t->grants[i];

		if (is_kept(r, t, g)) {
			i += put_grant(r, t, i, out);
			continue;
		}
		dropped = arena_format(r->arena, "%s%s%s of %s", dropped,
		    *dropped != '\0' ? ", " : "", g->verb, g->role);
		for (i++; i < t->grant_count && is_same_grant(g,
		     &t->grants[i]);)
			i++;
	}
	if (*dropped != '\0')
		reflect_note(r, "grants that let nothing through are not in "
		    "the policy file: %s", dropped);
}

static const char *
verb_of(unsigned verbs)
{
	static const struct {
		unsigned verbs;
		const char *name;
	} rows[] = { { CATALOG_MAY_SELECT, "select" },
		{ CATALOG_MAY_INSERT, "insert" },
		{ CATALOG_MAY_UPDATE, "update" },
		{ CATALOG_MAY_DELETE, "delete" } };

	for (size_t i = 0; i < countof(rows); i++)
		if (rows[i].verbs == verbs)
			return rows[i].name;
	return "all";
}

static void
put_policy(struct reflection *r, const struct reflected *t,
    const struct catalog_policy *p, struct buf *out)
{
	buf_format(out, "create policy %s on %s%s\n\tfor %s to ",
	    name_sql(r, p->name), table_sql(r, t->table),
	    p->restrictive ? " as restrictive" : "", verb_of(p->verbs));
	put_names(r, p->roles, p->role_count, out);
	if (p->using_sql != NULL)
		buf_format(out, "\n\tusing (%s)", p->using_sql);
	if (p->check_sql != NULL)
		buf_format(out, "\n\twith check (%s)", p->check_sql);
	buf_string(out, ";\n");
}

static void
put_dump(struct reflection *r, const struct reflected *t, struct buf *out)
{
	const struct catalog_table *table = t->table;

	buf_format(out, "-- %s as the database had it.\n\n",
	    table_sql(r, table));
	put_head(r, t, out);
	if (!reflect_is_view(t) && !table->enabled)
		reflect_note(r, "row security was off, and its policies did "
		    "not hold; the policy file turns it on");
	else if (!reflect_is_view(t) && !table->forced)
		reflect_note(r, "the policy file forces row security, so "
		    "that it holds for the owner %s, too", table->owner);
	buf_char(out, '\n');
	put_grants(r, t, out);
	if (table->policy_count > 0)
		buf_char(out, '\n');
	for (size_t i = 0; i < table->policy_count; i++)
		put_policy(r, t, &table->policies[i], out);
}

/* ---- What was found. ---- */

/* The columns that are told, taken, changed; all of them is told as NULL. */
static bool
is_of_verb(const struct reflected_column *p, enum catalog_verb verb)
{
	if (p->left_out != NULL)
		return false;
	return verb == CATALOG_SELECT || (!p->read_only &&
	    (verb == CATALOG_INSERT || !p->create_only));
}

static void
put_columns(struct reflection *r, const struct reflected *t,
    enum catalog_verb verb, struct buf *out)
{
	struct listing l = { .r = r, .out = out };

	for (size_t i = 0; i < t->table->column_count; i++)
		if (is_of_verb(&t->columns[i], verb))
			list_add(&l, t->columns[i].column->name);
	list_end(&l);
}

/* `(select auth.uid())` alone is computed once for each statement. */
static const char *
is_callers(struct reflection *r, const struct catalog_column *c,
    const char *of)
{
	const char *uid = strcmp(c->base, "uuid") == 0 ? "(select auth.uid())" :
	    "(select auth.jwt() ->> 'sub')";

	return strcmp(c->base, "uuid") == 0 || c->category == 'S' ?
	    arena_format(r->arena, "%s%s = %s", of, name_sql(r, c->name),
		uid) :
	    arena_format(r->arena, "%s%s::text = %s", of,
		name_sql(r, c->name), uid);
}

static const char *
list_of(struct reflection *r, const char *const *names, size_t count,
    const char *of)
{
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		list = arena_format(r->arena, "%s%s%s%s", list,
		    i > 0 ? ", " : "", of, name_sql(r, names[i]));
	return list;
}

static const char *condition(struct reflection *r, const struct reflected *t,
    const char *of, unsigned depth);

/* The rows of the parent that are the caller's, by their keys. */
static const char *
through_sql(struct reflection *r, const struct reflected *t, const char *of,
    unsigned depth)
{
	const struct catalog_constraint *k = t->through;
	const char *name = arena_format(r->arena, "p%u", depth);
	const char *inner = arena_format(r->arena, "%s.", name);
	bool one = k->column_count == 1;

	return arena_format(r->arena, "%s%s%s in (select %s from %s %s "
	    "where %s)", one ? "" : "(", list_of(r, k->columns,
	    k->column_count, of), one ? "" : ")", list_of(r, k->keys,
	    k->key_count, inner), table_sql(r, t->parent->table), name,
	    condition(r, t->parent, inner, depth + 1));
}

static const char *
condition(struct reflection *r, const struct reflected *t, const char *of,
    unsigned depth)
{
	switch (t->owning) {
	case OWNING_COLUMN:
		return is_callers(r, t->owner, of);
	case OWNING_THROUGH:
		return depth > 8 ? "false" : through_sql(r, t, of, depth);
	default:
		return "false";
	}
}

static void
put_why(struct reflection *r, const struct reflected *t, struct buf *out)
{
	const char *table = table_sql(r, t->table);

	buf_format(out, "-- Who may see and change %s.\n", table);
	if (t->owning == OWNING_COLUMN)
		buf_format(out, "-- A row is whose id is in %s.\n",
		    t->owner->name);
	else if (t->owning == OWNING_THROUGH)
		buf_format(out, "-- A row is whose %s is that %s leads to.\n",
		    table_sql(r, t->parent->table), t->through->name);
	else if (!r->options->open && !reflect_is_view(t))
		buf_string(out, "-- Nothing in the database says whose a row "
		    "is: until you do, in place of each\n-- (false) below, it "
		    "is nobody's.\n");
	buf_char(out, '\n');
}

static void
put_rule(struct reflection *r, const struct reflected *t,
    enum catalog_verb verb, const char *const *roles, size_t count,
    struct buf *out)
{
	static const char *const verbs[] = { "select", "insert", "update",
		"delete" };
	bool all = r->options->open && verb == CATALOG_SELECT;
	const char *sql = all ? "true" : condition(r, t, "", 0);

	buf_format(out, "create policy %s_%s on %s\n\tfor %s to ",
	    all ? "all" : t->owning == OWNING_NOBODY ? "nobody" : "own",
	    verbs[verb], table_sql(r, t->table), verbs[verb]);
	put_names(r, roles, count, out);
	if (verb != CATALOG_INSERT)
		buf_format(out, "\n\tusing (%s)", sql);
	if (verb == CATALOG_INSERT || verb == CATALOG_UPDATE)
		buf_format(out, "\n\twith check (%s)", sql);
	buf_string(out, ";\n");
}

/* What a create draws from, where the column is no identity. */
static void
put_sequences(struct reflection *r, const struct reflected *t,
    const char *const *roles, size_t count, struct buf *out)
{
	for (size_t i = 0; i < t->table->column_count; i++) {
		if (t->table->columns[i].sequence == NULL)
			continue;
		buf_format(out, "grant usage on sequence %s to ",
		    t->table->columns[i].sequence);
		put_names(r, roles, count, out);
		buf_string(out, ";\n");
	}
}

static void
put_access(struct reflection *r, const struct reflected *t,
    enum catalog_verb verb, struct buf *out)
{
	static const char *const verbs[] = { "select", "insert", "update",
		"delete" };
	size_t count;
	const char *const *roles = reflect_roles(r, t, verb, &count);

	if (count == 0)
		return;
	if (verb == CATALOG_SELECT)
		put_usage(r, t, roles, count, out);
	buf_format(out, "grant %s", verbs[verb]);
	if (verb != CATALOG_DELETE)
		put_columns(r, t, verb, out);
	buf_format(out, " on %s to ", table_sql(r, t->table));
	put_names(r, roles, count, out);
	buf_string(out, ";\n");
	if (verb == CATALOG_INSERT)
		put_sequences(r, t, roles, count, out);
}

static void
tell_owning(struct reflection *r, const struct reflected *t)
{
	if (t->owning == OWNING_COLUMN)
		reflect_note(r, "a row is whose id is in %s",
		    t->owner->name);
	else if (t->owning == OWNING_THROUGH)
		reflect_note(r, "a row is whose %s.%s is, by %s",
		    t->parent->table->schema, t->parent->table->name,
		    t->through->name);
	else if (!reflect_is_view(t) && !r->options->open)
		reflect_note(r, "nothing says whose a row is, so it is "
		    "nobody's: decide in its policy file, or say --owner "
		    "%s.COLUMN or --public, with --force", t->table->name);
	else if (!reflect_is_view(t) && !r->options->reads)
		reflect_note(r, "all may read it, and nothing says whose a row "
		    "is, so nobody writes it");
	if (reflect_is_view(t))
		reflect_note(r, "it asks as its caller, who needs select on "
		    "the tables that it reads");
}

/* Grants of roles that are none of the contract's stay. */
static void
put_others(struct reflection *r, const struct reflected *t, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < t->grant_count;) {
		if (!is_others(r, &t->grants[i])) {
			i++;
			continue;
		}
		if (!any)
			buf_string(out, "\n-- As the database had it.\n");
		any = true;
		i += put_grant(r, t, i, out);
	}
}

/* Whoever had all rows of it until now. */
static void
tell_open(struct reflection *r, const struct reflected *t)
{
	const char *list = "";

	for (size_t i = 0; i < r->options->about->role_count; i++)
		if (!t->table->enabled && reflect_may(r, t, i,
		    CATALOG_SELECT))
			list = arena_format(r->arena, "%s%s%s", list,
			    *list != '\0' ? ", " : "",
			    r->options->about->roles[i]);
	if (*list != '\0' && !reflect_is_view(t))
		reflect_note(r, "row security was off, and every row open to "
		    "%s; the policy file ends that", list);
}

/* Row security binds those whom nobody thought of, too. */
static void
tell_others(struct reflection *r, const struct reflected *t)
{
	const char *list = arena_format(r->arena, "its owner %s",
	    t->table->owner), *last = "";

	if (t->table->enabled || reflect_is_view(t))
		return;
	for (size_t i = 0; i < t->grant_count; i++) {
		const struct catalog_grant *g = &t->grants[i];

		if (!is_others(r, g) || strcmp(g->role, last) == 0 ||
		    number_of(r, g->role) < r->options->about->role_count)
			continue;
		last = g->role;
		list = arena_format(r->arena, "%s, %s", list, last);
	}
	reflect_note(r, "row security was off; once the policy file holds, no "
	    "row but by a policy is seen by %s", list);
}

static void
put_found(struct reflection *r, const struct reflected *t, struct buf *out)
{
	put_why(r, t, out);
	tell_owning(r, t);
	tell_others(r, t);
	tell_open(r, t);
	put_head(r, t, out);
	put_others(r, t, out);
	for (int verb = CATALOG_SELECT; verb < CATALOG_VERB_COUNT; verb++)
		put_access(r, t, verb, out);
	if (reflect_is_view(t))
		return;
	buf_char(out, '\n');
	for (int verb = CATALOG_SELECT; verb < CATALOG_VERB_COUNT; verb++) {
		size_t count;
		const char *const *roles = reflect_roles(r, t, verb, &count);

		if (count > 0)
			put_rule(r, t, verb, roles, count, out);
	}
}

void
reflect_policy(struct reflection *r, const struct reflected *t,
    struct buf *out)
{
	if (t->dumped)
		put_dump(r, t, out);
	else
		put_found(r, t, out);
}
