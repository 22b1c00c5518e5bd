/* SPDX-License-Identifier: MIT */
/*
 * Postgres' own order of asking: is there a grant; does row security hold for
 * this role at all; which permissive policies let rows through, one of them
 * being enough; which restrictive ones all must.  What leaves rows open is
 * written in capitals, so that nobody reads over it.
 */
#include "tool/access.h"

#include <string.h>

#include "tool/markdown.h"

enum catalog_verb
access_verb(enum verb verb)
{
	static const enum catalog_verb verbs[] = {
		[VERB_LIST] = CATALOG_SELECT, [VERB_READ] = CATALOG_SELECT,
		[VERB_CREATE] = CATALOG_INSERT, [VERB_UPDATE] = CATALOG_UPDATE,
		[VERB_DELETE] = CATALOG_DELETE, [VERB_CALL] = CATALOG_SELECT,
	};

	return verbs[verb];
}

const char *
access_verb_name(enum catalog_verb verb)
{
	static const char *const names[CATALOG_VERB_COUNT] = {
		[CATALOG_SELECT] = "select", [CATALOG_INSERT] = "insert",
		[CATALOG_UPDATE] = "update", [CATALOG_DELETE] = "delete",
	};

	return names[verb];
}

size_t
access_role(const struct catalog *catalog, const char *name)
{
	size_t i = 0;

	while (i < catalog->role_count &&
	    strcmp(catalog->roles[i].name, name) != 0)
		i++;
	return i;
}

static bool
holds(const struct catalog_policy *p, size_t role, enum catalog_verb verb,
    bool restrictive)
{
	return p->applies[role] && (p->verbs & (1u << verb)) != 0 &&
	    p->restrictive == restrictive;
}

const char *
access_policies(const struct catalog_table *table, size_t role,
    enum catalog_verb verb, bool restrictive, struct arena *arena)
{
	const char *list = "";

	for (size_t i = 0; i < table->policy_count; i++)
		if (holds(&table->policies[i], role, verb, restrictive))
			list = md_join(arena, list, ", ",
			    md_code(arena, table->policies[i].name));
	return list;
}

/* What a policy asks of the rows that a verb is about. */
static const char *
condition(const struct catalog_policy *p, enum catalog_verb verb)
{
	const char *sql = verb == CATALOG_INSERT && p->check_sql != NULL ?
	    p->check_sql : p->using_sql;

	return sql != NULL ? sql : "true";
}

/* Is it "(COLUMN = ( SELECT auth.uid() AS uid))" or the same without SELECT? */
static bool
is_own(const char *sql)
{
	static const char *const ends[] = {
		" = ( SELECT auth.uid() AS uid))", " = auth.uid())" };
	size_t name = sql[0] != '(' ? 0 : strspn(sql + 1,
	    "abcdefghijklmnopqrstuvwxyz_0123456789");

	for (size_t i = 0; i < countof(ends); i++)
		if (name > 0 && strcmp(sql + 1 + name, ends[i]) == 0)
			return true;
	return false;
}

/* The rows that the permissive policies leave, in a word or two. */
static const char *
reach(const struct catalog_table *t, size_t role, enum catalog_verb verb)
{
	bool own = true;

	for (size_t i = 0; i < t->policy_count; i++) {
		const struct catalog_policy *p = &t->policies[i];

		if (!holds(p, role, verb, false))
			continue;
		if (strcmp(condition(p, verb), "true") == 0)
			return "all rows";
		own = own && is_own(condition(p, verb));
	}
	return own ? "own rows" : "some rows";
}

/* The columns that the right is for: "" when it is all. */
static const char *
columns(const struct catalog_table *t, size_t role, enum catalog_verb verb,
    struct arena *arena)
{
	size_t count = 0;

	if ((t->rights[role] & (1u << verb)) != 0)
		return "";
	for (size_t i = 0; i < t->column_count; i++)
		count += (t->columns[i].rights[role] & (1u << verb)) != 0;
	if (count == t->column_count)
		return "";
	return arena_format(arena, "; %zu of %zu columns", count,
	    t->column_count);
}

static bool
is_granted(const struct catalog_table *t, size_t role, enum catalog_verb verb)
{
	unsigned rights = t->rights[role];

	for (size_t i = 0; i < t->column_count; i++)
		rights |= t->columns[i].rights[role];
	return (rights & (1u << verb)) != 0;
}

/* What makes row security not hold for the role; NULL = it holds. */
static const char *
exempt(const struct catalog *catalog, const struct catalog_table *t,
    size_t role)
{
	if (catalog->roles[role].bypasses)
		return "**ALL ROWS**: BYPASSRLS, no policy holds";
	if ((t->kind == 'v' && !t->invoker) || t->kind == 'm' ||
	    t->kind == 'f')
		return "**ALL ROWS**: no table, it answers as its owner";
	if (t->kind == 'v')
		return "as the tables of the view say";
	if (!t->enabled)
		return "**RLS OFF: ALL ROWS**";
	if ((t->rights[role] & CATALOG_OWNS) != 0 && !t->forced)
		return "**ALL ROWS**: owner, row security is not forced";
	return NULL;
}

const char *
access_rows(const struct catalog *catalog, const struct catalog_table *table,
    size_t role, enum catalog_verb verb, struct arena *arena)
{
	const char *some, *strict, *open;

	if (!catalog->roles[role].there)
		return "**NO SUCH ROLE**";
	if (!is_granted(table, role, verb))
		return "no grant";
	open = exempt(catalog, table, role);
	if (open != NULL)
		return open;
	some = access_policies(table, role, verb, false, arena);
	strict = access_policies(table, role, verb, true, arena);
	if (*some == '\0')
		return "no rows: no policy";
	return arena_format(arena, "%s by %s%s%s%s", reach(table, role, verb),
	    some, *strict != '\0' ? " and " : "", strict,
	    columns(table, role, verb, arena));
}

const char *
access_all_rows(const struct catalog *catalog,
    const struct catalog_table *table, size_t role, struct arena *arena)
{
	const char *list = "";

	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
		if (is_granted(table, role, verb))
			list = md_join(arena, list, "; ", arena_format(arena,
			    "%s %s", access_verb_name(verb), access_rows(
			    catalog, table, role, verb, arena)));
	return *list != '\0' ? list : "no grant";
}

const char *
access_security(const struct catalog_table *table)
{
	if (table->kind != 'r' && table->kind != 'p')
		return table->kind == 'v' && table->invoker ?
		    "a view that asks as its caller" :
		    "**NONE: no table, it answers as its owner**";
	if (!table->enabled)
		return "**RLS OFF**";
	return table->forced ? "on, forced" :
	    "on, **not forced: its owner sees all**";
}

const char *
access_function(const struct catalog_function *function, struct arena *arena)
{
	if (!function->definer)
		return "runs as the caller's role";
	return arena_format(arena, "runs as its owner %s (SECURITY DEFINER)%s",
	    md_code(arena, function->owner), function->owner_bypasses ?
	    ", **WHOM NO POLICY BINDS**" : "");
}
