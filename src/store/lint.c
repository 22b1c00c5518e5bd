/* SPDX-License-Identifier: MIT */
/*
 * The lint, in three statements of one snapshot: the operators that are called
 * =, all expressions as Postgres keeps them, and then every rule at once, so
 * that what they share (who can become whom, who may what, which policy holds
 * for whom) is worked out once.
 *
 * The SQL of lint.def and lint_facts.def is text to C: a macro makes a string
 * of it.
 */
#include "store/lint.h"

#include <stdlib.h>
#include <string.h>

#include "store/snapshot.h"

#define RULE(level, id, title, why, mend, ...)                                 \
	{ id, CHECK_LEVEL(level), CHECK_UNSAFE(level), title, why, mend },
static const struct check_rule rules[] = {
#include "store/lint.def"
};
#undef RULE

#define RULE(level, id, title, why, mend, ...) #__VA_ARGS__,
static const char *const rules_sql[] = {
#include "store/lint.def"
};
#undef RULE

#define FACTS(...) #__VA_ARGS__
static const char facts_sql[] =
#include "store/lint_facts.def"
    ;
#undef FACTS

static const char equals_sql[] =
    "select ' ' || string_agg(oid::text, ' ') || ' ' "
    "from pg_catalog.pg_operator where oprname = '='";

/* Functions of Postgres' own are known; there are three thousand. */
static const char expressions_sql[] =
    "select p.oid, 'using', p.polqual::text from pg_policy p "
    "where p.polqual is not null "
    "union all select p.oid, 'check', p.polwithcheck::text from pg_policy p "
    "where p.polwithcheck is not null "
    "union all select f.oid, 'body', f.prosqlbody::text from pg_proc f "
    "where f.prosqlbody is not null and f.pronamespace not in "
    "('pg_catalog'::regnamespace, 'information_schema'::regnamespace)";

enum { PARAMS = 7 };		/* $1 to $7; see lint_facts.def */

/* One run. */
struct lint {
	struct arena *arena;
	struct snapshot snapshot;
	const char *params[PARAMS];
};

/* Where it looks: a connection string, or a connection. */
struct lint_place {
	const char *database;
	const char *identity;		/* that it must have, or NULL */
	PGconn *connection;
};

static const PGresult *
ask(struct lint *l, const char *sql, int params)
{
	return snapshot_ask(&l->snapshot, sql, l->params, params);
}

/*
 * Of what a rule asks the planner knows no figures and takes it for one row
 * each: loops within loops then took 18 s with 500 tables, where hashes take 1.
 */
static bool
begin(struct lint *l, const struct lint_place *place)
{
	if (!(place->connection != NULL ?
		snapshot_join(&l->snapshot, place->connection) :
		snapshot_open(&l->snapshot, place->database, "lockstep check")))
		return false;
	if (place->identity != NULL &&
	    strcmp(l->snapshot.identity, place->identity) != 0) {
		buf_string(l->snapshot.fault, "the database has changed places "
		    "with another while it was looked at");
		return false;
	}
	return ask(l, "select set_config('enable_nestloop', 'off', true)",
	    0) != NULL;
}

/* $5: what expressions say; NULL when they cannot be read. */
static const char *
facts_of(struct lint *l)
{
	const PGresult *equals = ask(l, equals_sql, 0);
	const PGresult *trees = equals == NULL ? NULL :
	    ask(l, expressions_sql, 0);
	struct buf *facts = buf_growing(l->arena);

	if (trees == NULL)
		return NULL;
	buf_char(facts, '[');
	for (int i = 0; i < PQntuples(trees); i++) {
		buf_string(facts, i > 0 ? "," : "");
		lint_tree(l->arena, PQgetvalue(trees, i, 0),
		    PQgetvalue(trees, i, 1), PQgetvalue(trees, i, 2),
		    PQgetvalue(equals, 0, 0), facts);
	}
	buf_char(facts, ']');
	return facts->at;
}

/* All rules in one statement; the first column is the rule's number. */
static const char *
statement(struct arena *arena)
{
	struct buf *b = buf_growing(arena);

	buf_string(b, facts_sql);
	for (size_t i = 0; i < countof(rules_sql); i++)
		buf_format(b, " %sselect %zu as rule, x.* from (%s) x (object, "
		    "what, mend)", i > 0 ? "union all " : "", i, rules_sql[i]);
	buf_string(b, " order by 1, 2, 3");
	return b->at;
}

static const struct lint_finding *
findings_of(struct arena *arena, const PGresult *rows)
{
	size_t count = (size_t)PQntuples(rows);
	struct lint_finding *f = arena_alloc(arena, (count + 1) * sizeof(*f));

	for (size_t i = 0; i < count; i++) {
		int row = (int)i;

		f[i].rule = &rules[atoi(PQgetvalue(rows, row, 0))];
		f[i].object = PQgetvalue(rows, row, 1);
		f[i].what = PQgetvalue(rows, row, 2);
		f[i].mend = PQgetisnull(rows, row, 3) ? f[i].rule->mend :
		    PQgetvalue(rows, row, 3);
	}
	return f;
}

struct check_rules
lint_rules(void)
{
	return (struct check_rules){ rules, countof(rules) };
}

static bool
look(struct lint l, const struct lint_place *place, const char *login,
    const struct contract *contract, const struct lint_finding **ret,
    size_t *ret_count)
{
	const struct contract_about *about = contract_about(contract);
	struct arena *arena = l.arena;
	const PGresult *rows;

	if (!begin(&l, place) || (l.params[4] = facts_of(&l)) == NULL)
		return false;
	l.params[0] = snapshot_schemas(contract, arena);
	l.params[1] = store_array(arena, about->roles, about->role_count);
	l.params[2] = store_array(arena, about->trusted_roles,
	    about->trusted_role_count);
	l.params[3] = snapshot_functions(contract, arena);
	l.params[5] = login;
	l.params[6] = about->anonymous;
	rows = ask(&l, statement(arena), PARAMS);
	if (place->connection == NULL)
		snapshot_leave(&l.snapshot);
	if (rows == NULL)
		return false;
	*ret = findings_of(arena, rows);
	*ret_count = (size_t)PQntuples(rows);
	return true;
}

bool
lint_run(const char *database, const char *login, const char *identity,
    const struct contract *contract, struct arena *arena,
    const struct lint_finding **ret, size_t *ret_count, struct buf *fault)
{
	return look((struct lint){ .arena = arena,
	    .snapshot = { .arena = arena, .fault = fault } },
	    &(struct lint_place){ .database = database, .identity = identity },
	    login, contract, ret, ret_count);
}

bool
lint_run_within(PGconn *connection, const char *login,
    const struct contract *contract, struct arena *arena,
    const struct lint_finding **ret, size_t *ret_count, struct buf *fault)
{
	return look((struct lint){ .arena = arena,
	    .snapshot = { .arena = arena, .fault = fault } },
	    &(struct lint_place){ .connection = connection }, login, contract,
	    ret, ret_count);
}
