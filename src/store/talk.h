/* SPDX-License-Identifier: MIT */
#ifndef STORE_TALK_H
#define STORE_TALK_H

#include "store/internal.h"

/*
 * A conversation of any number of statements, for the queue: as struct
 * exchange, but a list, and its end need not be a Sync.  What was sent after a Sync is
 * another talk on the same connection, to be read after the one before.
 * Private to store/.
 */
struct talk {
	struct scope *sc;		/* results are in its arena */
	struct store *st;
	const PGresult **result;	/* by number, NULL = none that is well */
	size_t count, room;		/* statements that were sent */
	size_t at;			/* that is read */
	const PGresult *error;		/* the first one, or NULL */
	size_t failed;			/* which it is of */
	size_t prepared;		/* up to here some are to be prepared */
	bool sent;			/* all of them so far? */
};

void talk_begin(struct talk *talk, struct scope *sc, struct store *st);

/*
 * Send a statement: by text, or one of ours, which the connection prepares when
 * it is first said.  The number of its result.
 */
size_t talk_say(struct talk *talk, const char *sql, int count,
    const char *const *params);
size_t talk_phrase(struct talk *talk, enum phrase phrase, int count,
    const char *const *params);

/* The same of a query, which is kept prepared for the role. */
size_t talk_query(struct talk *talk, const char *role,
    const struct query *query);

/* Sends a Sync; or has the answers sent without one. */
void talk_sync(struct talk *talk);
void talk_flush(struct talk *talk);

/*
 * Reads to the Sync, or to the last answer.  Past the deadline the statement
 * is cancelled.  Unless it is ENDING_SYNC the connection has been discarded;
 * it may be so then, after an error: st->connection is NULL.
 */
enum ending talk_hear_sync(struct talk *talk, uint64_t deadline_ns) MUST_CHECK;
enum ending talk_hear_answers(struct talk *talk, uint64_t deadline_ns)
    MUST_CHECK;

/* The SQLSTATE of its error, "" when there is none. */
const char *talk_sqlstate(const struct talk *talk);

/* A parameter that is a number, in the arena. */
const char *talk_number(struct arena *arena, int64_t n);

/* Until when what goes on beside the jobs waits for its answers. */
uint64_t talk_deadline(void);

/* Sends a Sync and reads; NULL when all went well, else the cause. */
const char *talk_end(struct talk *talk, uint64_t deadline_ns) MUST_CHECK;

/* What its failure is to whoever asked, with the cause. */
enum problem talk_refuse(struct scope *sc, const struct store *st,
    const char *cause);

/*
 * All of that for one statement of ours; its rows, in the arena.  What
 * talk_count() asks is answered by a number.
 */
enum problem talk_ask(struct scope *sc, struct store *st, const char *sql,
    int count, const char *const *params, const PGresult **ret) MUST_CHECK;
enum problem talk_count(struct scope *sc, struct store *st, const char *sql,
    int count, const char *const *params, uint64_t *ret) MUST_CHECK;
/* What came of a transaction that ends a job and was sent whole. */
struct queue_result queue_ending(struct talk *talk, enum ending ending);

#endif
