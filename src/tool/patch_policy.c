/* SPDX-License-Identifier: MIT */
/*
 * The policy file of a table that has none: grants by role and column, as the
 * operations and the functions that they call need them, and a policy for each
 * role and verb.  Servers see all rows, users their own, everybody else none;
 * where it is not known whose rows are, users see none either, and the file
 * says so.  It lets in nobody whom the catalog does not name.
 */
#include "tool/patch_part.h"

#include <string.h>

#include "tool/access.h"

/* A file in the making. */
struct draft {
	struct patching *p;
	const struct catalog_table *table;
	struct needs needs;
	struct ownership owner;
	const char *name;		/* app.letters */
	struct buf *out;
};

enum standing { STANDS_NOWHERE, STANDS_SERVER, STANDS_USER, STANDS_LOGIC };

/* ---- Who it is, and what it needs. ---- */

static bool
is_in(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Functions of the application act for whoever calls them. */
static enum standing
standing(const struct draft *d, const struct catalog_role *role)
{
	const struct contract_about *about = contract_about(d->p->contract);

	if (!role->there || role->bypasses)
		return STANDS_NOWHERE;
	if (!is_in(about->roles, about->role_count, role->name))
		return STANDS_LOGIC;
	if (is_in(about->trusted_roles, about->trusted_role_count,
	    role->name))
		return STANDS_SERVER;
	if (about->anonymous != NULL && strcmp(about->anonymous, role->name)
	    == 0)
		return STANDS_NOWHERE;
	return STANDS_USER;
}

/* Does an operation of the role call the function? */
static bool
is_called(const struct draft *d, const char *role,
    const struct catalog_function *f)
{
	size_t count;
	const struct operation *op = contract_operations(d->p->contract,
	    &count);

	for (size_t i = 0; i < count; i++)
		if (op[i].verb == VERB_CALL &&
		    strcmp(op[i].function.schema_name, f->schema) == 0 &&
		    strcmp(op[i].function.name, f->name) == 0 &&
		    is_in(op[i].roles, op[i].role_count, role))
			return true;
	return false;
}

/* Does an operation begin a function that has the rights of the role? */
static bool
begins_as(const struct draft *d, size_t role,
    const struct catalog_function *f)
{
	const char *name = d->p->catalog->roles[role].name;

	if (f->trigger)
		return false;
	return f->definer ? strcmp(f->owner, name) == 0 :
	    is_called(d, name, f);
}

/* And those that such functions call, which have them, too. */
static bool
follows(const struct catalog *c, const bool *runs, size_t number)
{
	const struct catalog_function *f = &c->functions[number];

	for (size_t i = 0; i < c->function_count; i++)
		if (runs[i] && !runs[number] && !f->definer && !f->trigger &&
		    drift_mentions(c->functions[i].source, f->name))
			return true;
	return false;
}

static const bool *
running(struct draft *d, size_t role)
{
	const struct catalog *c = d->p->catalog;
	bool *runs = arena_alloc(d->p->arena, c->function_count + 1);
	bool more = true;

	for (size_t i = 0; i < c->function_count; i++)
		runs[i] = begins_as(d, role, &c->functions[i]);
	while (more) {
		more = false;
		for (size_t i = 0; i < c->function_count; i++)
			if (follows(c, runs, i))
				more = runs[i] = true;
	}
	return runs;
}

static void
need_function(struct draft *d, size_t role,
    const struct catalog_function *f)
{
	const struct catalog_table *t = d->table;
	unsigned *columns = arena_alloc(d->p->arena, (t->column_count + 1) *
	    sizeof(*columns));
	unsigned uses = patch_uses(f, t, columns);

	for (size_t i = 0; uses != 0 && i < t->column_count; i++)
		*drift_need(&d->needs, role, i) |= columns[i];
	d->needs.rights[role] |= uses & CATALOG_MAY_DELETE;
}

static void
need_functions(struct draft *d)
{
	const struct catalog *c = d->p->catalog;

	for (size_t role = 0; role < c->role_count; role++) {
		const bool *runs = running(d, role);

		for (size_t i = 0; i < c->function_count; i++)
			if (strcmp(c->functions[i].schema, "lockstep") != 0 &&
			    runs[i])
				need_function(d, role, &c->functions[i]);
	}
}

static bool
needs_verb(struct draft *d, size_t role, enum catalog_verb verb)
{
	unsigned all = d->needs.rights[role];

	for (size_t i = 0; i < d->table->column_count; i++)
		all |= *drift_need(&d->needs, role, i);
	return (all >> verb & 1) != 0;
}

/* ---- Grants. ---- */

/* "a, b, c", with a line every so often. */
static const char *
columns_of(struct draft *d, size_t role, enum catalog_verb verb)
{
	const char *list = "";
	size_t width = 0;

	for (size_t i = 0; i < d->table->column_count; i++) {
		const char *name = patch_name(d->p->arena,
		    d->table->columns[i].name);

		if ((*drift_need(&d->needs, role, i) >> verb & 1) == 0)
			continue;
		width += strlen(name) + 2;
		list = arena_format(d->p->arena, "%s%s%s", list,
		    *list == '\0' ? "" : width > 60 ? ",\n\t" : ", ", name);
		width = width > 60 ? strlen(name) : width;
	}
	return list;
}

static void
put_grants(struct draft *d, size_t role)
{
	const char *name = patch_name(d->p->arena,
	    d->p->catalog->roles[role].name);

	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
		const char *columns = columns_of(d, role, verb);

		if (!needs_verb(d, role, verb))
			continue;
		if (verb == CATALOG_DELETE)
			buf_format(d->out, "grant delete on %s to %s;\n",
			    d->name, name);
		else
			buf_format(d->out, "grant %s (\n\t%s\n) on %s to %s;"
			    "\n", access_verb_name(verb), columns, d->name,
			    name);
	}
}

/* ---- Policies. ---- */

/* The rows that a role may see or write; NULL = none. */
static const char *
rows_of(const struct draft *d, size_t role, enum catalog_verb verb)
{
	switch (standing(d, &d->p->catalog->roles[role])) {
	case STANDS_SERVER:
		return "true";
	case STANDS_USER:
	case STANDS_LOGIC:
		return verb != CATALOG_SELECT && d->owner.writers != NULL ?
		    NULL : d->owner.condition;
	default:
		return NULL;
	}
}

static void
put_policy(struct draft *d, size_t role, enum catalog_verb verb,
    const char *rows)
{
	const char *name = d->p->catalog->roles[role].name;
	const char *word = access_verb_name(verb);
	const char *policy = patch_name(d->p->arena, arena_format(d->p->arena,
	    "%s_%s", name, word));

	buf_format(d->out, "create policy %s on %s\n\tfor %s to %s", policy,
	    d->name, word, patch_name(d->p->arena, name));
	if (verb != CATALOG_INSERT)
		buf_format(d->out, "\n\tusing (%s)", rows);
	if (verb == CATALOG_INSERT || verb == CATALOG_UPDATE)
		buf_format(d->out, "\n\twith check (%s)", rows);
	buf_string(d->out, ";\n");
}

/* What is granted and leads to no row is said where it would have stood. */
static void
put_nobody(struct draft *d, size_t role, enum catalog_verb verb)
{
	const char *name = d->p->catalog->roles[role].name;
	bool anybody = standing(d, &d->p->catalog->roles[role]) ==
	    STANDS_NOWHERE;

	buf_format(d->out, "-- No row yet that %s may %s: ", name,
	    access_verb_name(verb));
	buf_string(d->out, anybody ? "the catalog does not say which\n-- rows "
	    "are everybody's.\n" : d->owner.condition == NULL ? "it is not "
	    "known whose they are.\n" : "see above.\n");
}

static void
put_policies(struct draft *d, size_t role)
{
	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
		const char *rows = rows_of(d, role, verb);

		if (!needs_verb(d, role, verb))
			continue;
		if (rows != NULL)
			put_policy(d, role, verb, rows);
		else
			put_nobody(d, role, verb);
	}
}

/* ---- The file. ---- */

static bool
can_reset(const struct catalog *c)
{
	const struct relation wanted = { .schema_name = "lockstep",
		.name = "reset_access" };

	return catalog_function(c, &wanted) != NULL;
}

static void
put_head(struct draft *d)
{
	buf_format(d->out, "-- Who may see and change the rows of %s.\n"
	    "-- Inferred by lockstep check --patch from the operations of the "
	    "contract and the\n-- catalog: read it before you trust it.\n--\n"
	    "-- Roles for servers and staff see all rows. Whose a row is:\n-- %s.\n",
	    d->name, d->owner.reason);
	if (d->owner.writers != NULL)
		buf_format(d->out, "-- %s.\n", d->owner.writers);
	if (can_reset(d->p->catalog))
		buf_format(d->out, "\nselect lockstep.reset_access(%s);\n",
		    patch_literal(d->p->arena, d->name));
	buf_format(d->out, "%salter table %s enable row level security;\n"
	    "alter table %s force row level security;\n\n",
	    can_reset(d->p->catalog) ? "" : "\n", d->name, d->name);
}

const char *
patch_policy(struct patching *p, const struct catalog_table *t)
{
	struct findings none = { .arena = p->arena };
	struct drift walk = drift_of(p->contract, p->catalog, &none);
	const char *ret;
	struct buf out;
	struct draft d = { .p = p, .table = t, .out = &out,
		.needs = drift_needs(&walk, t), .owner = patch_owner(p, t),
		.name = arena_format(p->arena, "%s.%s", patch_name(p->arena,
		    t->schema), patch_name(p->arena, t->name)) };

	buf_init(&out, SIZE_MAX / 8);
	need_functions(&d);
	put_head(&d);
	for (size_t role = 0; role < p->catalog->role_count; role++)
		put_grants(&d, role);
	buf_char(d.out, '\n');
	for (size_t role = 0; role < p->catalog->role_count; role++)
		put_policies(&d, role);
	ret = arena_string(p->arena, out.at);
	buf_release(&out);
	return ret;
}
