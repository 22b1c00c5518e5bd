/* SPDX-License-Identifier: MIT */
/*
 * What people do to jobs: by a connection of its own, as whoever the connection
 * string names, through lockstep.operate_jobs() alone, which decides who may and
 * writes down who did.  A batch is a transaction; the operation's number goes
 * from one to the next, so that all of them are one line of the log.
 */
#include "store/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCH "2000"

/* An operation while it goes on; what the last batch said. */
struct operating {
	struct arena *arena;
	PGconn *connection;
	const struct queue_operation *operation;
	const char *number, *last_id, *before;
	int64_t changed, skipped;
	bool more;
	FILE *out, *err;
};

/* The first line of what Postgres says. */
static int
complain(struct operating *o)
{
	const char *words = PQerrorMessage(o->connection);

	fprintf(o->err, "lockstep: %.*s\n", (int)strcspn(words, "\n"), words);
	return 2;
}

/* The rows of a statement, in the arena; NULL after a complaint. */
static const PGresult *
ask(struct operating *o, const char *sql, const char *const *params,
    int count)
{
	PGresult *rows = PQexecParams(o->connection, sql, count, NULL, params,
	    NULL, NULL, 0);

	store_keep(o->arena, rows);
	if (PQresultStatus(rows) == PGRES_TUPLES_OK)
		return rows;
	(void)complain(o);
	return NULL;
}

static bool
dial(struct operating *o, const char *database)
{
	o->connection = store_dial(o->arena, database, "lockstep jobs");
	if (PQstatus(o->connection) == CONNECTION_OK)
		return true;
	(void)complain(o);
	return false;
}

static const char *
flag(bool on)
{
	return on ? "true" : "false";
}

/* ---- Jobs. ---- */

static int
count(struct operating *o)
{
	const struct queue_operation *op = o->operation;
	const char *params[] = { op->action, op->filter, flag(op->force) };
	const PGresult *rows = ask(o, "select lockstep.jobs_matching($1, $2,"
	    " $3)", params, countof(params));
	const char *matched;

	if (rows == NULL)
		return 2;
	matched = PQgetvalue(rows, 0, 0);
	if (op->json)
		fprintf(o->out, "{\"matched\":%s}\n", matched);
	else
		fprintf(o->out, "%s jobs; nothing was done (--dry-run)\n",
		    matched);
	return strcmp(matched, "0") == 0;
}

static bool
batch(struct operating *o)
{
	const struct queue_operation *op = o->operation;
	const char *params[] = { op->action, op->filter, BATCH,
		flag(op->force), op->rate, o->number, o->last_id, o->before };
	const PGresult *rows = ask(o, "select operation, last_id, before,"
	    " changed, skipped, more from lockstep.operate_jobs($1, $2, $3,"
	    " $4, $5, $6, $7, $8)", params, countof(params));

	if (rows == NULL)
		return false;
	o->number = PQgetvalue(rows, 0, 0);
	o->last_id = PQgetvalue(rows, 0, 1);
	o->before = PQgetvalue(rows, 0, 2);
	o->changed += strtoll(PQgetvalue(rows, 0, 3), NULL, 10);
	o->skipped += strtoll(PQgetvalue(rows, 0, 4), NULL, 10);
	o->more = PQgetvalue(rows, 0, 5)[0] == 't';
	return true;
}

static void
tell(const struct operating *o)
{
	static const struct {
		const char *action, *done, *why;
	} words[] = {
		{ "replay", "replayed", "unfinished ones have their "
		    "unique_key" },
		{ "discard", "discarded", "somebody was quicker" },
		{ "cancel", "cancelled", "a worker has them" },
	};
	size_t i = 0;

	while (strcmp(words[i].action, o->operation->action) != 0)
		i++;
	if (o->operation->json) {
		fprintf(o->out, "{\"operation\":%s,\"changed\":%" PRId64
		    ",\"skipped\":%" PRId64 "}\n", o->number, o->changed,
		    o->skipped);
		return;
	}
	fprintf(o->out, "%" PRId64 " jobs %s", o->changed, words[i].done);
	if (o->skipped > 0)
		fprintf(o->out, ", %" PRId64 " skipped: %s", o->skipped,
		    words[i].why);
	fprintf(o->out, " (operation %s)\n", o->number);
}

int
queue_operate(const char *database, const struct queue_operation *operation,
    FILE *out, FILE *err)
{
	struct operating o = { .arena = arena_new(), .operation = operation,
		.last_id = "0", .before = "0", .more = true, .out = out,
		.err = err };
	int status = 2;

	if (dial(&o, database) && operation->dry_run) {
		status = count(&o);
	} else if (PQstatus(o.connection) == CONNECTION_OK) {
		while (o.more && batch(&o))
			;
		if (o.number != NULL)
			tell(&o);
		if (!o.more)
			status = o.changed == 0;
	}
	arena_free(o.arena);
	return status;
}

/* ---- Queues. ---- */

int
queue_pause(const char *database, const char *queue, bool paused, FILE *out,
    FILE *err)
{
	struct operating o = { .arena = arena_new(), .out = out, .err = err };
	const char *params[] = { queue, flag(paused) };
	int status = 2;

	if (dial(&o, database) && ask(&o, "select from lockstep.set_queue($1,"
	    " $2)", params, countof(params)) != NULL) {
		fprintf(out, "the queue %s %s\n", queue,
		    paused ? "rests" : "goes on");
		status = 0;
	}
	arena_free(o.arena);
	return status;
}
