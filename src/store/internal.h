/* SPDX-License-Identifier: MIT */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "base/problem.h"
#include "base/scope.h"
#include "contract/contract.h"
#include "store/store.h"

/*
 * Private to store/: a connection and what it has prepared, SQL of a plan,
 * one conversation up to a Sync, JSON of rows, replies that are kept, problems
 * of SQLSTATEs.
 */

enum {
	STORE_REPLY_MAX = 16 << 20,	/* bytes of a reply, by default */
	STORE_SQL_MAX = 1 << 20,	/* bytes of a statement */
	STATEMENT_NAME_MAX = 24,	/* with the NUL */
	FORGET_MAX = 4,			/* statements that make room at once */
	STORE_JSON_OID = 114, STORE_JSONB_OID = 3802,
};

/* A statement that the connection's server has prepared for a role. */
struct statement {
	char *text;		/* the role, NUL, the SQL; NULL = free slot */
	size_t length;		/* of text */
	uint64_t hash;
	uint64_t used;		/* tick of the last use */
	char name[STATEMENT_NAME_MAX];	/* on the server */
};

/*
 * The statements of a connection: an open-addressed table, at most half full.
 * A name is a number and the texts are compared whole, so a collision of
 * hashes costs a probe and never runs another statement.
 */
struct statements {
	struct statement *slot;
	size_t mask;		/* slots - 1, a power of two */
	size_t count, most;
	uint64_t tick, serial;
};

/* An empty table of at most `most` statements; its end; and empty again. */
void statements_init(struct statements *t, unsigned most);
void statements_release(struct statements *t);
void statements_clear(struct statements *t);

/* The statement of a role and an SQL text, marked as used; NULL = none. */
struct statement *statements_find(struct statements *t, const char *role,
    const char *sql, size_t length);

/* Adds one that is not there; the table must not be full. */
struct statement *statements_add(struct statements *t, const char *role,
    const char *sql, size_t length);

/* Is it full?  The one that was not used for longest.  Takes one out. */
bool statements_full(const struct statements *t);
struct statement *statements_oldest(struct statements *t);
void statements_remove(struct statements *t, struct statement *s);

/* What a worker's connections say to the queue; see talk.c. */
enum phrase {
	PHRASE_BEGIN, PHRASE_COMMIT, PHRASE_SCOPE, PHRASE_TAKE, PHRASE_DONE,
	PHRASE_DONE_LEASED, PHRASE_FAIL, PHRASE_BEAT, PHRASE_REAP,
	PHRASE_PROMOTE, PHRASE_PAUSED, PHRASE_HOLD, PHRASE_PASS, PHRASE_TELL,
	PHRASE_COUNT
};

/* See pool.c. */
struct store {
	const struct store_options *options;
	const char *database;		/* libpq connection string */
	const struct contract *contract;
	struct store *replica;		/* for operations that may; or NULL */
	struct breaker *breaker;	/* NULL = none: a replica */
	PGconn *connection;		/* NULL = none */
	struct cancel *cancel;		/* under way; NULL = none */
	bool open;			/* counted by the gauge */
	FILE *trace;
	char *scope_sql[2];		/* [for reads] */
	bool scope_prepared[2];		/* [for reads] */
	bool forget;			/* DEALLOCATE ALL goes first */
	bool phrased[PHRASE_COUNT];	/* was it prepared? */
	bool holding;			/* jobs, by the open transaction */
	bool joined;			/* it listens, as a worker */
	bool enqueued;			/* a job was left since it was asked */
	bool freed;			/* somebody is to look for jobs again */
	struct statements statements;
	uint64_t attempt_ns;		/* no attempt to connect before */
	unsigned backoff_ms;		/* 0 = the last attempt went well */
	unsigned turn;			/* of the breaker, at that attempt or
					 * when the connection answered */
	unsigned host;			/* of several, which to try first */
	bool spare;			/* it can be done without: a replica */
	uint64_t random;
	struct buf unfit;		/* why the login role is, "" = is not */
	uint64_t identity;		/* of the database, for the gate; */
	char *identity_text;		/* for a scope that asks for it */
	char *schemas, *tables, *keys;	/* of the contract, array literals */
	struct buf claim_sql, sql, second_sql, reply;
};

/* A number below the bound: spreads load, keeps no secret. */
uint64_t random_below(uint64_t *seed, uint64_t bound);
uint64_t random_seed(void);

/* See breaker.c.  A breaker that is NULL is closed. */
enum verdict { VERDICT_PASS, VERDICT_REFUSE, VERDICT_PROBE };

/*
 * May the database be asked?  VERDICT_PROBE: the caller must see whether it
 * answers and tell breaker_probed().  VERDICT_REFUSE: *ret_wait_ms until the
 * next probe may go.
 */
enum verdict breaker_ask(struct breaker *b, uint64_t now_ns,
    unsigned *ret_wait_ms);
void breaker_probed(struct breaker *b, bool well, uint64_t now_ns);

/* What anybody else saw: the database answered, or let somebody down. */
void breaker_succeeded(struct breaker *b);
void breaker_failed(struct breaker *b, const char *cause, uint64_t now_ns);

/* Another number: it has opened or closed in between. */
unsigned breaker_turn(struct breaker *b);

/*
 * Asks the server to cancel what runs in the session.  false: it did not take
 * the request by the deadline, or has not taken the one before, so that the
 * session must be given up.  Never blocks past the deadline.
 */
bool cancel_within(struct store *st, uint64_t deadline_ns) MUST_CHECK;

/* Lets go of a cancel that is under way. */
void cancel_forget(struct store *st);

/*
 * Makes sure that there is a fit connection in pipeline mode.
 * PROBLEM_UNAVAILABLE with the cause set, at once while the backoff lasts or
 * the breaker is open.
 */
enum problem store_connect(struct scope *sc, struct store *st) MUST_CHECK;

/*
 * See gate.c.  What names a database, as a subquery; a hash of it.  Is the
 * store's known to be clear?  May it be asked: the same, and a look at one that
 * is unknown is asked for, and waited for; PROBLEM_UNAVAILABLE without.
 */
extern const char gate_identity_sql[];
extern const char gate_other[];		/* no role: it is another database */
uint64_t gate_identity(const char *text);
bool gate_is_clear(const struct store *st);
enum problem gate_admit(struct scope *sc, struct store *st) MUST_CHECK;

/* Closes the connection: its state is not known, or it is lost. */
void store_discard(struct store *st);

/* PROBLEM_UNAVAILABLE that asks to come back in a second. */
enum problem store_unavailable(struct scope *sc, const char *cause);

/* What is sent up to one Sync, in this order. */
enum step {
	STEP_FORGET,		/* DEALLOCATE, of each that makes room */
	STEP_BEGIN,		/* of what is rolled back at the end */
	STEP_PREPARE_SCOPE, STEP_SCOPE,
	STEP_PREPARE_CLAIM, STEP_CLAIM,
	STEP_PREPARE, STEP_RUN,
	STEP_PREPARE_SECOND, STEP_SECOND,
	STEP_CONSTRAINTS,	/* the deferred ones, before a ROLLBACK */
	STEP_ROLLBACK,
	STEP_SYNC,		/* deferred constraints, COMMIT */
	STEP_COUNT
};

/* One conversation: what was sent and what came back. */
struct exchange {
	enum step step[STEP_COUNT + FORGET_MAX];
	size_t count;
	/* The last that came of a step that succeeded; lives in the arena. */
	const PGresult *result[STEP_COUNT];
	const PGresult *error;		/* the first one, or NULL */
	enum step failed;		/* where it came */
	bool unattended;	/* nobody waits for it, or none is looked for */
	bool deaf;		/* the server did not take the cancel */
};

enum ending {
	ENDING_SYNC,	/* the Sync came; there may be an error before it */
	ENDING_LATE,	/* cancelled, and still no Sync */
	ENDING_LOST,	/* no connection any more, or none to be trusted */
};

/* Notes a step when it was sent; returns sent. */
bool exchange_note(struct exchange *ex, enum step step, int sent);

/*
 * Waits until a result can be taken without blocking: ENDING_SYNC then.  And is
 * an error the session's end?
 */
enum ending exchange_wait(PGconn *connection, uint64_t deadline_ns) MUST_CHECK;
bool exchange_is_last_word(const PGresult *result);

/*
 * Sends the Sync, flushes, and reads all results.  Past the deadline the
 * statement is cancelled, and the end is waited for a little longer.  Unless
 * it is ENDING_SYNC, the connection has been discarded.
 */
enum ending exchange_finish(struct scope *sc, struct store *st,
    uint64_t deadline_ns, struct exchange *ex) MUST_CHECK;

/*
 * A statement with its parameters, and the columns that it returns: fields,
 * then the plan's related rows as json, then the row's tag.
 */
struct query {
	struct arena *arena;
	struct buf *sql;
	const char **params;		/* NULL is SQL's NULL */
	size_t param_count, param_room;
	const struct field **columns;	/* the plan's select goes first */
	size_t column_count;
	size_t embed_count;
	bool tag;			/* lockstep_tag is the last column */
	bool passing;			/* too various to be kept prepared */
};

/*
 * Writes the SQL of a plan into `sql`, which is cleared first: names from the
 * contract, values only as $n.  The rest of the query is in the arena.
 */
void store_sql(struct arena *arena, const struct plan *plan, struct buf *sql,
    struct query *ret);

/*
 * The statement that goes after one with If-Match (plan->match_count > 0), in
 * the same flush: when that one gave no row, this one tells whether there is
 * one with another tag (a row: PROBLEM_PRECONDITION_FAILED) or none: no row at
 * all, or one that the role may see and not change.
 */
void store_sql_probe(struct arena *arena, const struct plan *plan,
    struct buf *sql, struct query *ret);

/*
 * The statement that counts the whole list, whatever the page, for a plan with
 * `total`: it goes into the same flush, after the list's own.  With `estimate`
 * it counts up to 1,000 rows and has the planner's opinion beyond.
 */
void store_sql_count(struct arena *arena, const struct plan *plan,
    struct buf *sql, struct query *ret);

/* Reads its result into the outcome's total; nothing when it is not one. */
void store_total(const struct plan *plan, const PGresult *result,
    struct outcome *ret);

/* The elements as the text of a Postgres array: {"a","b"}.  In the arena. */
char *store_array(struct arena *arena, const char *const *values, size_t n);

/*
 * A connection of a command's: ten seconds to be made, notices are not printed.
 * It goes with the arena, as what is kept of it does.
 */
PGconn *store_dial(struct arena *arena, const char *database,
    const char *application);
PGresult *store_keep(struct arena *arena, PGresult *result);

/* Does the operation write nothing, so that it may be run again? */
bool store_reads(const struct operation *operation);

/* Writes a value in Postgres' text form as JSON. */
typedef void value_writer(struct buf *b, const char *text, size_t length);

/* The writer of a column of type `oid`, for a field of JSON types (0 = any). */
value_writer *store_writer(Oid oid, unsigned types);

/* The value as a client would send it back: RFC 3339, true, false. */
const char *store_wire_text(struct arena *arena, Oid oid, const char *text);

/* Bytes of a text that somebody else holds. */
struct span {
	const char *at;
	size_t length;
};

/*
 * Writes JSON that Postgres made of a row (an object) as the wire has it: the
 * members that `fields` name, in their order; one that is not there is left
 * out.  null stays null.  false: it is no object, or one that was cut off.
 */
bool recast_row(struct buf *out, const char *json, size_t length,
    const struct field *const *fields, size_t count);

/* The same for a JSON array of rows; null is an empty one. */
bool recast_rows(struct buf *out, const char *json, size_t length,
    const struct field *const *fields, size_t count);

/* One value of such a row, of a column that is the field's. */
bool recast_value(struct buf *out, const struct span *value,
    const struct field *field);

/* A member of such an object as it stands; false = there is none. */
bool recast_member(struct span object, const char *name, struct span *ret);

/* Takes the next item of such an array from its front; false = no more. */
bool recast_item(struct span *array, struct span *ret);

/* The same of the value of an object's next member. */
bool recast_item_named(struct span *object, struct span *ret);

/*
 * Writes a field of CSV, quoted where it must be; `guarded` when it is text
 * that must not be taken for a formula.  Nothing at all is SQL's NULL.
 */
void csv_field(struct buf *b, const char *text, size_t length, bool guarded);

/*
 * Writes the rows of an operation into st->reply, as JSON or in the form that
 * the plan has for its list, and fills *ret.
 * PROBLEM_NOT_FOUND, or PROBLEM_INTERNAL when they are not what the contract
 * says or the reply passes its limit.
 */
enum problem store_rows(struct scope *sc, struct store *st,
    const struct plan *plan, const struct query *query,
    const PGresult *result, struct outcome *ret) MUST_CHECK;

/*
 * The statement of an export: as a list's, without a page, and in an order only
 * if the plan has one.  Single related rows are joined: of each such embed there is a
 * column that is null when there is none, then one for each field of it.
 */
void store_sql_export(struct arena *arena, const struct plan *plan,
    struct buf *sql, struct query *ret);
bool embed_is_joined(const struct embed *embed);

/*
 * Rows of an export as they come, each by itself a result of the same columns, in
 * the form of the plan: what goes before the first one, each, and what goes
 * after the last one.  The buffer fails when a row cannot be written.
 */
struct sheet;
struct sheet *sheet_open(struct arena *arena, const struct plan *plan,
    const struct query *query, const PGresult *first, struct buf *out);
void sheet_row(struct sheet *sheet, const PGresult *row, bool first,
    struct buf *out);
void sheet_close(struct sheet *sheet, struct buf *out);
void sheet_release(struct sheet *sheet);

/*
 * The claim of a plan's key, and the statement within the one that keeps its
 * reply: store_sql() has made it.  For plan->once only.
 */
void store_sql_claim(struct arena *arena, const struct plan *plan,
    struct buf *sql, struct query *ret);
void store_sql_keep(const struct plan *plan, struct query *query);

/* The statement that tells what was replied under the key. */
void store_sql_replay(struct arena *arena, const struct plan *plan,
    struct buf *sql, struct query *ret);

/*
 * Writes a kept reply into st->reply and fills *ret, the first time as each
 * time after it: the same bytes.  `kept` is NULL when there was no row.  The
 * problems are those of store_rows().
 */
enum problem store_kept(struct scope *sc, struct store *st,
    const struct plan *plan, const char *kept, struct outcome *ret)
    MUST_CHECK;

/* What an SQLSTATE means when the contract says nothing about it. */
enum problem store_state(const char *sqlstate);

/* What an error of Postgres says, apart from its words; NULL = nothing. */
struct fault {
	const char *sqlstate;
	const char *schema, *table, *column, *constraint;
	const char *context;
	const char *words;	/* the message, only when it names no value */
};

/*
 * The problem that an error of an operation is, with issues, the contract's
 * own error and the private cause set.
 */
enum problem store_fault(struct scope *sc, const struct operation *operation,
    const struct fault *fault);

#endif
