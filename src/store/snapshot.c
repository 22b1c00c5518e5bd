/* SPDX-License-Identifier: MIT */
/*
 * A snapshot, so that what is read of a catalog by several statements fits
 * together while somebody migrates.
 */
#include "store/snapshot.h"

#include <string.h>

#define SETTINGS "set local search_path = ''; set local jit = off; "           \
	"set local statement_timeout = '30s'"

/* The server's words on one line, of the first that went wrong. */
static bool
complain(struct snapshot *s, const char *what)
{
	const char *words = PQerrorMessage(s->connection);

	/* What comes after an error is that there was one. */
	if (s->fault->length > 0)
		return false;
	buf_format(s->fault, "%s: %.*s", what, (int)strcspn(words, "\n"),
	    words);
	return false;
}

static bool
settle(struct snapshot *s, const char *sql)
{
	PGresult *result = PQexec(s->connection, sql);
	bool well = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return well || complain(s, "the catalog cannot be read");
}

/*
 * To write an expression as text Postgres locks its table, if only against its
 * being altered.  Whoever holds one that is wanted here may want one that is
 * held here, so nobody waits here for as long as it takes Postgres to find a
 * deadlock (1 s), and to end a migration for it.
 */
bool
snapshot_open(struct snapshot *s, const char *database,
    const char *application)
{
	const PGresult *identity;

	s->connection = store_dial(s->arena, database, application);
	if (PQstatus(s->connection) != CONNECTION_OK)
		return complain(s, "the database cannot be reached");
	if (!settle(s, "begin transaction isolation level repeatable read, "
	    "read only; set local lock_timeout = '500ms'; " SETTINGS))
		return false;
	identity = snapshot_ask(s, arena_format(s->arena, "select %s",
	    gate_identity_sql), NULL, 0);
	if (identity != NULL)
		s->identity = PQgetvalue(identity, 0, 0);
	return identity != NULL;
}

bool
snapshot_join(struct snapshot *s, PGconn *connection)
{
	s->connection = connection;
	return settle(s, SETTINGS);
}

void
snapshot_leave(struct snapshot *s)
{
	PQclear(PQexec(s->connection, "rollback"));
}

const PGresult *
snapshot_ask(struct snapshot *s, const char *sql, const char *const *params,
    int count)
{
	PGresult *result = PQexecParams(s->connection, sql, count, NULL,
	    params, NULL, NULL, 0);

	store_keep(s->arena, result);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	complain(s, "the catalog cannot be read");
	return NULL;
}

/* Functions of jobs, beside those of operations: four a kind at most. */
static size_t
of_jobs(const struct contract *contract, const struct relation **ret)
{
	size_t kinds, count = 0;
	const struct job_kind *kind = contract_jobs(contract, &kinds);

	for (size_t i = 0; i < kinds; i++) {
		ret[count++] = &kind[i].call.function;
		if (kind[i].failed != NULL)
			ret[count++] = &kind[i].failed->function;
		if (kind[i].dead != NULL)
			ret[count++] = &kind[i].dead->function;
		if (kind[i].prepare != NULL)
			ret[count++] = &kind[i].prepare->function;
	}
	return count;
}

/* All functions that the contract names; one may come twice. */
static const struct relation **
functions_of(const struct contract *contract, struct arena *arena,
    size_t *ret_count)
{
	size_t operations, kinds, count = 0;
	const struct operation *op = contract_operations(contract,
	    &operations);
	const struct relation **ret;

	(void)contract_jobs(contract, &kinds);
	ret = arena_alloc(arena, (operations + 4 * kinds + 1) * sizeof(*ret));
	for (size_t i = 0; i < operations; i++)
		if (op[i].function.name != NULL)
			ret[count++] = &op[i].function;
	*ret_count = count + of_jobs(contract, ret + count);
	return ret;
}

/* One may come twice. */
const char *
snapshot_schemas(const struct contract *contract, struct arena *arena)
{
	size_t resources, functions, count = 0;
	const struct resource *r = contract_resources(contract, &resources);
	const struct relation **f = functions_of(contract, arena, &functions);
	const char **names = arena_alloc(arena,
	    (resources + functions + 1) * sizeof(*names));

	for (size_t i = 0; i < resources; i++)
		if (r[i].table.name != NULL)
			names[count++] = r[i].table.schema_name;
	/* Ours, that exports call, are read in any case. */
	for (size_t i = 0; i < functions; i++)
		if (strcmp(f[i]->schema_name, "lockstep") != 0)
			names[count++] = f[i]->schema_name;
	return store_array(arena, names, count);
}

const char *
snapshot_functions(const struct contract *contract, struct arena *arena)
{
	size_t count;
	const struct relation **f = functions_of(contract, arena, &count);
	const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));

	for (size_t i = 0; i < count; i++)
		names[i] = arena_format(arena, "%s.%s", f[i]->schema_name,
		    f[i]->name);
	return store_array(arena, names, count);
}
