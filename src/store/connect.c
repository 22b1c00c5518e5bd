/* SPDX-License-Identifier: MIT */
/*
 * Connections of commands, and results, that go with an arena.  Those of the
 * server are in pool.c.
 */
#include "store/internal.h"

static void
drop_connection(void *connection)
{
	PQfinish(connection);
}

static void
drop_result(void *result)
{
	PQclear(result);
}

static void
ignore(void *context, const char *message)
{
	(void)context;
	(void)message;
}

PGconn *
store_dial(struct arena *arena, const char *database,
    const char *application)
{
	const char *const keywords[] = { "connect_timeout", "dbname",
		"fallback_application_name", "client_encoding", NULL };
	const char *const values[] = { "10", database, application, "UTF8",
		NULL };
	PGconn *connection = PQconnectdbParams(keywords, values, 1);

	arena_defer(arena, drop_connection, connection);
	PQsetNoticeProcessor(connection, ignore, NULL);
	return connection;
}

PGresult *
store_keep(struct arena *arena, PGresult *result)
{
	arena_defer(arena, drop_result, result);
	return result;
}
