/* SPDX-License-Identifier: MIT */
/*
 * Privileges against operations.  What the operations of a table need is added
 * up by role, column and verb, and held against what Postgres grants, both
 * ways.  What a role's functions that run as the caller, triggers and the
 * policies of other tables need is not in the contract: where one of them names
 * the table and the column, a privilege is not called too wide.
 */
#include "tool/drift.h"

#include <string.h>

#include "tool/access.h"

/* ---- What functions need. ---- */

/* Does a text take all columns of what it names? */
static bool
takes_all(const char *source)
{
	return strstr(source, ".*") != NULL || strstr(source, " * ") != NULL ||
	    strstr(source, "returning *") != NULL;
}

static bool
names_column(const char *source, const struct catalog_table *t,
    const char *column, enum catalog_verb verb)
{
	return drift_mentions(source, t->name) &&
	    (column == NULL || drift_mentions(source, column) ||
		(verb == CATALOG_SELECT && takes_all(source)));
}

/* Does something that runs as the role name the table, and the column? */
static bool
is_excused(const struct needs *n, size_t role,
    const struct catalog_column *c, enum catalog_verb verb)
{
	const struct catalog_function *f = n->d->catalog->functions;
	const char *column = c != NULL ? c->name : NULL;

	if (c != NULL && c->judged_elsewhere && verb == CATALOG_SELECT)
		return true;
	for (size_t i = 0; i < n->d->catalog->function_count; i++)
		if (!f[i].definer && (f[i].execute[role] || f[i].trigger) &&
		    names_column(f[i].source, n->table, column, verb) &&
		    (verb == CATALOG_SELECT || drift_mentions(f[i].source,
			access_verb_name(verb))))
			return true;
	return false;
}

/* ---- What differs. ---- */

/* The columns with a difference, by name; "" when there is none. */
static const char *
columns_of(struct needs *n, size_t role, enum catalog_verb verb, bool missing)
{
	const char *list = "";

	for (size_t i = 0; i < n->table->column_count; i++) {
		const struct catalog_column *c = &n->table->columns[i];
		bool needed = (*drift_need(n, role, i) >> verb & 1) != 0;
		bool given = (c->rights[role] >> verb & 1) != 0;

		if (missing ? !needed || given : needed || !given ||
		    is_excused(n, role, c, verb))
			continue;
		list = drift_text(n->d, "%s%s\"%s\"", list,
		    *list != '\0' ? ", " : "", c->name);
	}
	return list;
}

static struct drift_place
place_of(struct needs *n, const struct operation *op)
{
	if (op != NULL)
		return drift_in(n->d, op, "roles");
	if (n->resource != NULL)
		return drift_at(n->d, n->resource, "table");
	return (struct drift_place){ .file = "api.json", .line = 1,
		.column = 1 };
}

static void
tell_missing(struct needs *n, size_t role, enum catalog_verb verb,
    const char *columns)
{
	const char *name = n->d->catalog->roles[role].name;
	const char *word = access_verb_name(verb);
	const struct operation *op = n->why[role * CATALOG_VERB_COUNT + verb];

	drift_tell(n->d, DRIFT_GRANT_MISSING, place_of(n, op),
	    drift_access_name(n->d, n->table, name),
	    drift_text(n->d, "grant %s%s%s%s on \"%s\".\"%s\" to \"%s\";",
		word, columns != NULL ? " (" : "", columns != NULL ? columns :
		"", columns != NULL ? ")" : "", n->table->schema,
		n->table->name, name),
	    "%s needs %s%s%s", op->name, word, columns != NULL ? " of " : "",
	    columns != NULL ? columns : "");
}

/* The columns that are needed; "" when there is none. */
static const char *
needed_columns(struct needs *n, size_t role, enum catalog_verb verb)
{
	const char *list = "";

	for (size_t i = 0; i < n->table->column_count; i++)
		if ((*drift_need(n, role, i) >> verb & 1) != 0)
			list = drift_text(n->d, "%s%s\"%s\"", list,
			    *list != '\0' ? ", " : "",
			    n->table->columns[i].name);
	return list;
}

/*
 * What was granted of the whole table cannot be revoked of a column.  What all
 * may is revoked of all.
 */
static const char *
mend_wider(struct needs *n, size_t role, enum catalog_verb verb,
    const char *columns)
{
	const char *word = access_verb_name(verb);
	const char *name = n->d->catalog->roles[role].name;
	const char *table = drift_text(n->d, "\"%s\".\"%s\"",
	    n->table->schema, n->table->name);
	const char *kept = verb == CATALOG_DELETE ? "" :
	    needed_columns(n, role, verb);

	if ((n->table->rights[role] >> verb & 1) == 0)
		return drift_text(n->d, "revoke %s (%s) on %s from public, "
		    "\"%s\";", word, columns, table, name);
	if (*kept == '\0')
		return drift_text(n->d, "revoke %s on %s from public, \"%s\";",
		    word, table, name);
	return drift_text(n->d, "revoke %s on %s from public, \"%s\"; grant "
	    "%s (%s) on %s to \"%s\";", word, table, name, word, kept, table,
	    name);
}

static enum drift_rule
wider_rule(struct needs *n, size_t role, enum catalog_verb verb)
{
	if (verb != CATALOG_SELECT)
		return DRIFT_WRITE_WIDER;
	return *needed_columns(n, role, verb) != '\0' ? DRIFT_READ_WIDER :
	    DRIFT_READ_STRAY;
}

static void
tell_wider(struct needs *n, size_t role, enum catalog_verb verb,
    const char *columns)
{
	const char *name = n->d->catalog->roles[role].name;
	const char *word = access_verb_name(verb);

	drift_tell(n->d, wider_rule(n, role, verb), place_of(n, NULL),
	    drift_access_name(n->d, n->table, name),
	    mend_wider(n, role, verb, columns),
	    "no operation lets %s %s %s", name, word, columns != NULL ?
	    columns : "rows");
}

static void
compare_verb(struct needs *n, size_t role, enum catalog_verb verb)
{
	const char *missing = columns_of(n, role, verb, true);
	const char *wider = columns_of(n, role, verb, false);

	if (*missing != '\0')
		tell_missing(n, role, verb, missing);
	if (*wider != '\0')
		tell_wider(n, role, verb, wider);
}

static void
compare_delete(struct needs *n, size_t role)
{
	bool needed = (n->rights[role] & CATALOG_MAY_DELETE) != 0;
	bool given = (n->table->rights[role] & CATALOG_MAY_DELETE) != 0;

	if (needed && !given)
		tell_missing(n, role, CATALOG_DELETE, NULL);
	if (given && !needed && !is_excused(n, role, NULL, CATALOG_DELETE))
		tell_wider(n, role, CATALOG_DELETE, NULL);
}

/* ---- Policies, sequences. ---- */

/* With row security on, does any policy let the role at rows? */
static void
check_policies(struct needs *n, size_t role)
{
	const char *name = n->d->catalog->roles[role].name;
	const struct catalog_table *t = n->table;

	if (!t->enabled || (t->kind != 'r' && t->kind != 'p'))
		return;
	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
		const struct operation *op = n->why[role *
		    CATALOG_VERB_COUNT + verb];

		if (op == NULL || *access_policies(t, role, verb, false,
		    n->d->arena) != '\0')
			continue;
		drift_tell(n->d, DRIFT_POLICY_MISSING, place_of(n, op),
		    drift_access_name(n->d, t, name), NULL,
		    "%s wants %s, and no policy lets %s at any row",
		    op->name, access_verb_name(verb), name);
	}
}

static void
check_sequences(struct needs *n, size_t role)
{
	const struct operation *op = n->why[role * CATALOG_VERB_COUNT +
	    CATALOG_INSERT];
	const char *name = n->d->catalog->roles[role].name;

	for (size_t i = 0; i < n->table->column_count && op != NULL; i++) {
		const struct catalog_column *c = &n->table->columns[i];

		if (c->sequence == NULL || c->draws[role])
			continue;
		drift_tell(n->d, DRIFT_SEQUENCE_MISSING, place_of(n, op),
		    drift_text(n->d, "%s (%s)", c->sequence, name),
		    drift_text(n->d, "grant usage on sequence %s to \"%s\";",
			c->sequence, name),
		    "%s takes the default of %s from it", op->name, c->name);
	}
}

/* ---- Tables. ---- */

static bool
reaches(const struct catalog_table *t, size_t role)
{
	unsigned rights = t->rights[role] & ~(unsigned)CATALOG_OWNS;

	for (size_t i = 0; i < t->column_count; i++)
		rights |= t->columns[i].rights[role];
	return rights != 0;
}

/* A table of no resource; once, with the roles that reach it. */
static void
check_strange(struct needs *n)
{
	const char *list = "";

	for (size_t i = 0; i < n->d->about->role_count; i++) {
		const struct catalog_role *role = &n->d->catalog->roles[i];
		bool excused = is_excused(n, i, NULL, CATALOG_SELECT);

		for (size_t c = 0; c < n->table->column_count; c++)
			excused |= n->table->columns[c].judged_elsewhere;
		if (role->there && !role->bypasses && !excused &&
		    reaches(n->table, i))
			list = drift_text(n->d, "%s%s\"%s\"", list,
			    *list != '\0' ? ", " : "", role->name);
	}
	if (*list == '\0' || drift_is_rollup(n->d, n->table))
		return;
	drift_tell(n->d, DRIFT_TABLE_EXTRA, place_of(n, NULL),
	    drift_table_name(n->d, n->table), drift_text(n->d,
		"revoke all on \"%s\".\"%s\" from %s;", n->table->schema,
		n->table->name, list),
	    "no resource is this table, and %s may reach it", list);
}

/* May the role not even use the schema?  Then nothing else is told. */
static bool
is_closed(struct needs *n, size_t role)
{
	const struct operation *op = NULL;

	if (n->table->uses[role])
		return false;
	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
		if (op == NULL)
			op = n->why[role * CATALOG_VERB_COUNT + verb];
	if (op != NULL)
		drift_closed(n->d, op, n->table->schema,
		    n->d->catalog->roles[role].name);
	return true;
}

static void
check_table(struct drift *d, const struct catalog_table *t)
{
	struct needs n = drift_needs(d, t);

	if (n.resource == NULL) {
		if (!t->extension)
			check_strange(&n);
		return;
	}
	/* The contract's roles are the first. */
	for (size_t i = 0; i < d->about->role_count; i++) {
		if (!d->catalog->roles[i].there ||
		    d->catalog->roles[i].bypasses)
			continue;
		if (is_closed(&n, i))
			continue;
		compare_verb(&n, i, CATALOG_SELECT);
		compare_verb(&n, i, CATALOG_INSERT);
		compare_verb(&n, i, CATALOG_UPDATE);
		compare_delete(&n, i);
		check_policies(&n, i);
		check_sequences(&n, i);
	}
}

/* ---- Functions. ---- */

static bool
is_function(const struct relation *relation, const struct catalog_function *f)
{
	return relation->name != NULL &&
	    strcmp(relation->name, f->name) == 0 &&
	    strcmp(relation->schema_name, f->schema) == 0;
}

/* Is it called by a job of the role?  Without one, of whoever leaves it. */
static bool
is_of_job(struct drift *d, const char *role, const struct catalog_function *f)
{
	size_t count;
	const struct job_kind *kind = contract_jobs(d->contract, &count);

	for (size_t i = 0; i < count; i++) {
		if (kind[i].role != NULL && strcmp(kind[i].role, role) != 0)
			continue;
		if (is_function(&kind[i].call.function, f) ||
		    (kind[i].failed != NULL &&
		    is_function(&kind[i].failed->function, f)) ||
		    (kind[i].dead != NULL &&
		    is_function(&kind[i].dead->function, f)) ||
		    (kind[i].prepare != NULL &&
		    is_function(&kind[i].prepare->function, f)))
			return true;
	}
	return false;
}

/* Is it called by an operation of the role, or by what may run as it? */
static bool
is_called(struct drift *d, size_t role, const struct catalog_function *f)
{
	const struct catalog_function *g = d->catalog->functions;
	const char *name = d->catalog->roles[role].name;

	for (size_t i = 0; i < d->operation_count; i++) {
		const struct operation *op = &d->operations[i];

		for (size_t r = 0; r < op->role_count; r++)
			if (op->verb == VERB_CALL &&
			    strcmp(op->roles[r], name) == 0 &&
			    is_function(&op->function, f))
				return true;
	}
	if (is_of_job(d, name, f))
		return true;
	for (size_t i = 0; i < d->catalog->function_count; i++)
		if (&g[i] != f && !g[i].definer && (g[i].execute[role] ||
		    g[i].trigger) && drift_mentions(g[i].source, f->name))
			return true;
	return false;
}

static void
check_execute(struct drift *d, const struct catalog_function *f)
{
	for (size_t i = 0; i < d->about->role_count; i++) {
		const struct catalog_role *role = &d->catalog->roles[i];
		const char *object;

		if (!role->there || role->bypasses || !f->execute[i] ||
		    is_called(d, i, f))
			continue;
		object = drift_text(d, "%s.%s(%s)", f->schema, f->name,
		    f->arguments);
		drift_tell(d, DRIFT_EXECUTE_WIDER, (struct drift_place){
		    .file = "api.json", .path = "[\"roles\"]" },
		    drift_text(d, "%s (%s)", object, role->name),
		    drift_text(d, "revoke execute on function %s from public, "
			"\"%s\";", object, role->name),
		    "no operation of %s calls it", role->name);
	}
}

void
drift_ours(struct drift *d, size_t role, const struct drift_use *use)
{
	const char *name = d->catalog->roles[role].name;

	for (size_t i = 0; i < use->count; i++) {
		const struct relation wanted = { .schema_name = "lockstep",
			.name = use->names[i] };
		const struct catalog_function *f = catalog_function(
		    d->catalog, &wanted);

		if (f != NULL && f->execute[role])
			continue;
		drift_tell(d, use->rule, use->at, drift_text(d,
			"lockstep.%s (%s)", use->names[i], name),
		    f == NULL ? NULL : drift_text(d, "grant usage on schema "
			"lockstep to \"%s\"; grant execute on function "
			"lockstep.%s(%s) to \"%s\";", name, f->name,
			f->arguments, name),
		    "%s %s", use->what, f == NULL ? "finds no such function" :
		    "may not execute it");
	}
}

/* The functions of migration 0006 are called as the caller. */
static void
check_keys(struct drift *d, size_t role, const struct operation *op)
{
	static const char *const names[] = { "claim", "keep", "replay" };

	drift_ours(d, role, &(struct drift_use){ .names = names,
	    .count = countof(names), .rule = DRIFT_KEYS_MISSING,
	    .at = drift_in(d, op, "idempotency"),
	    .what = drift_text(d, "%s takes keys, and %s", op->name,
		d->catalog->roles[role].name) });
}

/* Each role once, by the first operation that takes a key of it. */
static void
check_all_keys(struct drift *d)
{
	for (size_t i = 0; i < d->about->role_count; i++) {
		const struct operation *found = NULL;

		for (size_t n = 0; n < d->operation_count; n++)
			for (size_t r = 0; r < d->operations[n].role_count;
			     r++)
				if (found == NULL && strcmp(
				    d->operations[n].roles[r],
				    d->catalog->roles[i].name) == 0 &&
				    d->operations[n].idempotency !=
				    DEMAND_NONE)
					found = &d->operations[n];
		if (found != NULL && d->catalog->roles[i].there)
			check_keys(d, i, found);
	}
}

void
drift_grants(struct drift *d)
{
	for (size_t i = 0; i < d->catalog->table_count; i++)
		check_table(d, &d->catalog->tables[i]);
	for (size_t i = 0; i < d->catalog->function_count; i++) {
		const struct catalog_function *f = &d->catalog->functions[i];

		if (!f->trigger && !f->used &&
		    strcmp(f->schema, "lockstep") != 0)
			check_execute(d, f);
	}
	check_all_keys(d);
}
