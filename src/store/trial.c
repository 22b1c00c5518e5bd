/* SPDX-License-Identifier: MIT */
/*
 * A transaction that is rolled back, whatever was run in it.  Each piece stands
 * behind a savepoint, so that what fails leaves the rest as it was.  Between
 * pieces the role and the settings are put back, as migrate does.
 */
#include "store/catalog.h"
#include "store/lint.h"

#include <string.h>

struct trial {
	PGconn *connection;
	const char *begin;		/* what begins it, and each piece */
	bool waited;			/* a lock was not to be had in time */
};

/* The server's words on one line. */
static bool
complain(const struct trial *t, struct buf *fault)
{
	const char *words = PQerrorMessage(t->connection);

	words += strncmp(words, "ERROR:  ", 8) == 0 ? 8 : 0;
	buf_format(fault, "%.*s", (int)strcspn(words, "\n"), words);
	return false;
}

static bool
run(struct trial *t, const char *sql)
{
	PGresult *result = PQexec(t->connection, sql);
	ExecStatusType status = PQresultStatus(result);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	t->waited |= state != NULL && strcmp(state, "55P03") == 0;
	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	    status == PGRES_EMPTY_QUERY;
}

/*
 * Does a text name a word by which it could end the transaction?  That would
 * be done for good; better a comment too many is taken for one.
 */
static bool
may_commit(const char *sql)
{
	static const char *const words[] = { "commit", "rollback", "abort",
		"end transaction", "end work" };
	const char *at;

	for (size_t i = 0; i < countof(words); i++)
		if ((at = strcasestr(sql, words[i])) != NULL && (at == sql ||
		    strchr(" \t\n;", at[-1]) != NULL))
			return true;
	return false;
}

struct trial *
trial_open(const char *database, unsigned lock_timeout_ms,
    struct arena *arena, struct buf *fault)
{
	struct trial *t = arena_alloc(arena, sizeof(*t));

	t->connection = store_dial(arena, database,
	    "lockstep check --patch");
	t->begin = arena_format(arena, "reset role; reset all; "
	    "set local lock_timeout = %u", lock_timeout_ms);
	if (PQstatus(t->connection) == CONNECTION_OK)
		return t;
	complain(t, fault);
	return NULL;
}

bool
trial_begin(struct trial *t, struct buf *fault)
{
	if (PQtransactionStatus(t->connection) != PQTRANS_IDLE &&
	    !run(t, "rollback"))
		return complain(t, fault);
	return (run(t, "begin") && run(t, t->begin)) || complain(t, fault);
}

bool
trial_run(struct trial *t, const char *sql, struct buf *fault)
{
	if (may_commit(sql)) {
		buf_string(fault, "it may end its transaction itself, so it "
		    "was not tried");
		return false;
	}
	if (run(t, "savepoint piece") && run(t, sql) && run(t, t->begin) &&
	    run(t, "release savepoint piece"))
		return true;
	complain(t, fault);
	run(t, "rollback to savepoint piece; release savepoint piece");
	return false;
}

bool
trial_waited(const struct trial *t)
{
	return t->waited;
}

const struct catalog *
trial_catalog(struct trial *t, const struct contract *contract,
    struct arena *arena, struct buf *fault)
{
	return catalog_read_within(t->connection, contract, arena, fault);
}

bool
trial_lint(struct trial *t, const char *login,
    const struct contract *contract, struct arena *arena,
    const struct lint_finding **ret, size_t *ret_count, struct buf *fault)
{
	return lint_run_within(t->connection, login, contract, arena, ret,
	    ret_count, fault);
}
