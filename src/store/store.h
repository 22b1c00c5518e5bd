/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "auth/auth.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/problem.h"
#include "base/scope.h"
#include "contract/contract.h"
#include "store/queue.h"
#include "store/rollup.h"

/*
 * Caller + input -> outcome: one transaction in one flush and one read, as
 * the caller's role.  A store is one connection, owned by one thread.
 */
struct store;

/*
 * Shared by the stores of a process: after five failures in a row to reach the
 * database or to have an answer of it, requests are refused at once, until a
 * probe, one request now and then, finds it well again.  Never NULL.
 */
struct breaker;
struct breaker *breaker_new(unsigned pause_max_ms);
void breaker_free(struct breaker *breaker);

/*
 * Shared by a server's processes: which databases were looked at, and what came
 * of it.  A store with a gate lets no request at one that is not clear; it is
 * mapped memory, made before the processes are.  Never NULL.
 */
struct gate;
enum gate_verdict { GATE_UNKNOWN, GATE_CLEAR, GATE_UNSAFE };
struct gate *gate_new(void);
void gate_free(struct gate *gate);

/* For the one that looks: what came of a database (catalog.identity). */
void gate_settle(struct gate *gate, const char *identity,
    enum gate_verdict verdict);

/* A look came to nothing: nobody waits for the next one. */
void gate_failed(struct gate *gate);

/*
 * Has a store met a database, since it was asked, that nobody has looked at by
 * now?
 */
bool gate_asked(struct gate *gate);

struct store_options {
	const char *database;		/* libpq connection string */
	const char *database_read;	/* of replicas, or NULL */
	unsigned connect_timeout_ms;
	unsigned statement_timeout_ms;
	unsigned lock_timeout_ms;
	unsigned idle_timeout_ms;	/* idle_in_transaction_session */
	unsigned watch_ms;		/* a statement ends so long after we
					 * have; 0 = it goes on */
	unsigned reconnect_max_ms;	/* the backoff's ceiling */
	struct breaker *breaker;	/* of the primary; NULL = none */
	struct gate *gate;		/* NULL = none: all are clear */
	unsigned statements_max;	/* prepared, a connection */
	bool unprepared;		/* keeps nothing in a session: for a
					 * pooler that changes it */
	unsigned keep_hours;		/* of replies under a key */
	unsigned event_days;		/* of events of webhooks */
	unsigned rejected_days;		/* of records that were rejected */
	unsigned message_days;		/* of messages that were published */
	const char *deliver_allow;	/* ranges of addresses that they may go
					 * to besides; NULL = none */
	size_t reply_limit_bytes;	/* of an outcome's data; 0 = 16 MiB */
	const char *trace_file;		/* PQtrace in regress mode, or NULL */
	_Atomic uint64_t *told_ns;	/* when workers were last told of a
					 * job, shared by the stores of a
					 * process; NULL = tell each time */
};

/* A store, not connected yet; the options must outlive it.  Never NULL. */
struct store *store_new(const struct store_options *options,
    const struct contract *contract);
void store_free(struct store *store);

/*
 * Connects before the first request comes, so that it does not wait for that,
 * nor all of the first ones for each other.  A database that is not there, or
 * is slow to answer, or does not fit, is met again by whoever needs it.
 */
void store_warm(struct store *store);

/*
 * What came out, to be put into the envelope.  `data` is JSON text that lives
 * as long as the store is not used again.
 */
struct export_file {
	const char *file;	/* in the spool; NULL = there is none */
	const char *name, *format, *sha256;
};
struct outcome {
	const char *data;	/* "null" when there is nothing */
	size_t data_length;
	const char *next;	/* VERB_LIST: the next page's cursor, or NULL */
	struct export_file file;	/* TOLD_FILE; while the scope lives */
	bool over;		/* TOLD_EVENTS: it will not change any more */
	const char *const *keys;	/* VERB_CREATE: the new row's key as
				 * texts, NULL-terminated; or NULL */
	const char *tag;	/* the row's entity tag, unquoted, or NULL */
	uint64_t rows;
	bool total_known;	/* of the whole list, whatever the page: */
	bool total_estimated;
	uint64_t total;
	bool replayed;		/* it was done before: this is what was told */
	const char *request_id;	/* then: the request that did it */
};

/*
 * Runs the input as the caller: set the scope (role, claims, request id, read
 * only), claim the key, the statement, Sync; one flush.  Nothing is told before
 * the clean Sync.  Reconnects first when there is no connection and the backoff
 * allows.  What conflicted with another transaction is run again, three times
 * at most; so is, once, a read or a write with a key whose connection was lost.
 * An operation that may goes to a replica, and to the primary without one.
 *
 * PROBLEM_NOT_FOUND: no row, or none that the role may see.
 * PROBLEM_FORBIDDEN: refused by a policy or grant.  PROBLEM_CONFLICT,
 * PROBLEM_REFERENCED, PROBLEM_VALIDATION_FAILED (a CHECK), PROBLEM_DECLARED:
 * by the SQLSTATE table and the contract.  PROBLEM_UNAVAILABLE: no connection,
 * the breaker is open, or the database asks to come back.  PROBLEM_TIMEOUT:
 * statement or deadline; the statement is cancelled.
 * PROBLEM_PRECONDITION_FAILED: the row is there and has none of the tags.
 * PROBLEM_REQUEST_IN_PROGRESS, PROBLEM_IDEMPOTENCY_KEY_REUSED: of the once.
 * PROBLEM_INTERNAL: all else.
 */
enum problem store_run(struct scope *sc, struct store *store,
    const struct caller *caller, const struct input *input,
    struct outcome *ret) MUST_CHECK;

/*
 * Is the database there and fit to be served?  Connects when it must, and
 * makes one round trip.  PROBLEM_UNAVAILABLE, or PROBLEM_FORBIDDEN when time
 * will not mend it: the connection string is none, the login role is unfit
 * (superuser, BYPASSRLS, CREATEROLE, owner of a table of the contract, or able
 * to become such a role), or a key by which rows of a table are changed is not
 * unique; the scope's cause says which.
 */
enum problem store_ready(struct scope *sc, struct store *store) MUST_CHECK;

/*
 * The same for a program that begins: may it serve, or work, as that role?
 * false with a line in `fault`, which names what it was about to do.  A
 * database that is not there is asked again by each connection later: it is in
 * the log, and *ret_there is false.
 */
bool store_fit(const struct store_options *options,
    const struct contract *contract, const char *to_do, bool *ret_there,
    struct buf *fault) MUST_CHECK;

/*
 * Forgets replies that were kept for options->keep_hours, events that were
 * known for options->event_days, records that were rejected
 * options->rejected_days ago, or messages that were published
 * options->message_days ago, in batches, as the login role.
 * PROBLEM_UNAVAILABLE and the like; all that was swept is told.
 */
enum sweep {
	SWEEP_REPLIES, SWEEP_EVENTS, SWEEP_REJECTED, SWEEP_MESSAGES, SWEEP_COUNT
};
enum problem store_sweep(struct scope *sc, struct store *store,
    enum sweep what, uint64_t *ret_swept) MUST_CHECK;

/*
 * How far the workers are behind: of each of `count` pairs of a queue and a kind
 * of its jobs, the age of the queue's oldest job that could run, 0 when there is
 * none or it is paused, and how many are available, counted up to `most`.  Pairs
 * of the same queue are told the same.  PROBLEM_UNAVAILABLE and the like.
 */
struct store_backlog {
	uint64_t age_ms, depth;
};
enum problem store_pressure(struct scope *sc, struct store *store,
    const char *const *queues, const char *const *kinds, size_t count,
    unsigned most, struct store_backlog *ret) MUST_CHECK;

/*
 * Tells the database what a host counted, by route: JSON, as
 * lockstep.note_routes() has it.
 */
enum problem store_note_routes(struct scope *sc, struct store *store,
    const char *host, const char *figures) MUST_CHECK;

/* The SQL of an operation in its plainest form, for explain and documents. */
void store_describe(const struct operation *operation, struct buf *out);

/*
 * Migrations: forward only, each in one transaction, checksummed, under an
 * advisory lock; then policies/TABLE.sql, applied again when they changed.
 * What is done is written to `out`, a line each; what went wrong to `err`,
 * with file, line and the server's words (this is the owner's own console).
 */
struct migrate_options {
	const char *database;		/* the owner's connection string */
	const char *migrations;		/* directory of NNNN_name.sql */
	const char *policies;		/* directory of TABLE.sql */
	bool json;
};
enum migrate_verb { MIGRATE_UP, MIGRATE_STATUS, MIGRATE_VERIFY };

/*
 * Exit codes as of diff: 0 = done, or nothing pending and all as recorded;
 * 1 = status: something is pending, verify: something differs; 2 = trouble.
 */
int store_migrate(const struct migrate_options *options,
    enum migrate_verb verb, FILE *out, FILE *err) MUST_CHECK;

/*
 * The catalog: what a database says of the tables and functions in the schemas
 * that a contract names, as far as it bears on who may do what.  For documents
 * and checks.  Where something is said by role, it is in the order of `roles`,
 * and holds memberships, PUBLIC and the right to use the schema already.
 */
enum catalog_verb {
	CATALOG_SELECT, CATALOG_INSERT, CATALOG_UPDATE, CATALOG_DELETE,
	CATALOG_VERB_COUNT
};

/* What a role may do with a table or column, as bits. */
enum catalog_right {
	CATALOG_MAY_SELECT = 1 << CATALOG_SELECT,
	CATALOG_MAY_INSERT = 1 << CATALOG_INSERT,
	CATALOG_MAY_UPDATE = 1 << CATALOG_UPDATE,
	CATALOG_MAY_DELETE = 1 << CATALOG_DELETE,
	CATALOG_OWNS = 1 << CATALOG_VERB_COUNT	/* of tables only */
};

struct catalog_role {
	const char *name;
	bool there;			/* the database has it */
	bool bypasses;			/* superuser or BYPASSRLS */
};

struct catalog_policy {
	const char *name;
	bool restrictive;
	unsigned verbs;			/* bits of catalog_right */
	const char *const *roles;	/* as written; "public" */
	size_t role_count;
	const bool *applies;		/* by role */
	const char *using_sql, *check_sql;	/* NULL = none */
};

struct catalog_column {
	const char *name, *type;
	bool required;			/* not null, and nothing fills it */
	const unsigned *rights;		/* by role; no DELETE */
	const char *base;		/* the type without its length, a
					 * domain's own: "character varying" */
	char category;			/* typcategory: N, S, D, E, A, ... */
	const char *domain_sql;		/* a domain's CHECKs of VALUE, or NULL */
	const char *const *labels;	/* of an enum */
	size_t label_count;
	size_t length;			/* of varchar(n), char(n); 0 = any */
	bool not_null;
	const char *fallback;		/* the default's SQL, or NULL */
	bool identity, always;		/* GENERATED AS IDENTITY; ALWAYS */
	bool generated;			/* from other columns */
	bool judged;			/* a policy looks at it */
	bool judged_elsewhere;		/* one of another table does */
	const char *sequence;		/* that the default takes from, */
	const bool *draws;		/* which roles may; or NULL */
	const char *shape;		/* the base with its length or scale:
					 * "numeric(10,2)" */
	const char *item;		/* of an array: the type of its items,
					 * without domains; or NULL */
	const char *const *item_labels;	/* of an enum */
	size_t item_label_count;
	const char *comment;		/* or NULL */
};

struct catalog_constraint {
	const char *name;
	char kind;			/* contype: p, u, f, c, x, t */
	const char *const *columns;
	size_t column_count;
	const char *check_sql;		/* of a CHECK, else NULL */
	const char *schema, *table;	/* of a foreign key, else NULL: */
	const char *const *keys;	/* its columns there */
	size_t key_count;
	bool valid;			/* of all rows, also the old */
	bool deferrable;
};

/* A key of an index: a column, or an expression. */
struct catalog_key {
	const char *column;		/* NULL: */
	const char *sql;
	bool descending, nulls_first;
};

struct catalog_index {
	const char *name, *method;
	bool unique, valid;
	bool elsewhere;			/* of the table that keeps the keys */
	const char *where_sql;		/* of a partial one, else NULL */
	const struct catalog_key *keys;
	size_t key_count;
};

struct catalog_trigger {
	const char *name;
	bool before;
	unsigned verbs;			/* bits of catalog_right, no SELECT */
	const char *source;		/* of its function */
};

struct catalog_table {
	const char *schema, *name, *owner;
	char kind;			/* relkind: r, p, v, m, f */
	bool enabled, forced;		/* row security */
	bool invoker;			/* a view that asks as its caller */
	const unsigned *rights;		/* by role, to all columns */
	const bool *uses;		/* by role: may it use the schema? */
	unsigned writable;		/* bits: a view may take no rows */
	bool extension;			/* it belongs to one */
	bool partition;			/* it is a part of another */
	const char *comment;		/* or NULL */
	const char *const *bases;	/* of a view: what it reads, */
	size_t base_count;		/* "app.letters" */
	const struct catalog_column *columns;
	size_t column_count;
	const struct catalog_policy *policies;	/* by name */
	size_t policy_count;
	const struct catalog_constraint *constraints;	/* likewise */
	size_t constraint_count;
	const struct catalog_index *indexes;	/* likewise */
	size_t index_count;
	const struct catalog_trigger *triggers;	/* likewise */
	size_t trigger_count;
};

/* What a function takes, or a column of what it gives. */
struct catalog_argument {
	const char *name;		/* "" when it has none */
	const char *type;
	char category;			/* typcategory */
	bool optional;			/* it has a default */
};

struct catalog_function {
	const char *schema, *name, *arguments, *owner;
	bool definer;			/* runs as its owner */
	bool owner_bypasses;		/* superuser or BYPASSRLS */
	const bool *execute;		/* by role */
	const bool *uses;		/* likewise: of its schema */
	const struct catalog_argument *takes;
	size_t take_count;
	const struct catalog_argument *gives;	/* columns of a row */
	size_t give_count;		/* 0: a plain value */
	const char *type;		/* what it returns */
	bool set;			/* any number of them */
	char volatility;		/* v, s, i */
	bool trigger;
	bool used;			/* by a policy, default, view, ... */
	const char *source;		/* its text */
};

struct catalog {
	const char *database;		/* its name */
	const char *login;		/* who asked */
	const char *identity;		/* of it in this run of its server */
	/* The contract's; then owners of functions that it calls and that run
	 * as them. */
	const struct catalog_role *roles;
	size_t role_count;
	const struct catalog_table *tables;	/* by schema and name */
	size_t table_count;
	/* Likewise, with those of lockstep, without those of extensions. */
	const struct catalog_function *functions;
	size_t function_count;
	struct reading *reading;	/* for catalog_judge() */
};

/*
 * Reads it, as whichever role the connection string names, in one read-only
 * transaction.  NULL: one line in `fault` says why.  All of it is in the arena.
 */
const struct catalog *catalog_read(const char *database,
    const struct contract *contract, struct arena *arena, struct buf *fault)
    MUST_CHECK;

/* Lets go of the locks of the reading; nothing can be judged from then on. */
void catalog_leave(const struct catalog *catalog);

/*
 * The same of one schema or several, for a contract that is to be made of them.
 * No functions are read but those of these schemas and of lockstep.
 */
struct catalog_wish {
	const char *const *schemas;
	size_t schema_count;
	const char *const *roles;
	size_t role_count;
};
const struct catalog *catalog_read_schemas(const char *database,
    const struct catalog_wish *wish, struct arena *arena, struct buf *fault)
    MUST_CHECK;

/* A privilege on a table, on a column of it, or on its sequence. */
struct catalog_grant {
	const char *role;		/* as written; "public" */
	const char *verb;		/* SELECT */
	const char *column;		/* NULL: all of them */
	bool option;			/* with grant option */
};

/* How a table is partitioned, and what lockstep.partitions says of it. */
struct catalog_partitioned {
	const char *by;			/* NULL: not by range of one column */
	bool kept;			/* it says something */
	bool hidden;			/* it may not be asked */
	const char *kept_by, *period;
	unsigned ahead, keep;
};

/* false: it cannot be read. */
bool catalog_partitioned(const struct catalog *catalog,
    const struct catalog_table *table, struct catalog_partitioned *ret);

/*
 * Who was granted what on a table, but for its owner: by role, verb and column.
 * false: it cannot be read.
 */
bool catalog_grants(const struct catalog *catalog,
    const struct catalog_table *table, const struct catalog_grant **ret,
    size_t *ret_count) MUST_CHECK;

/*
 * The same with the schemas that foreign keys and policies lead to, and with
 * the login role as the last of the roles.
 */
const struct catalog *catalog_read_wide(const char *database,
    const struct contract *contract, struct arena *arena, struct buf *fault)
    MUST_CHECK;

/* The table or (first) function that a contract names; NULL = there is none. */
const struct catalog_table *catalog_table(const struct catalog *catalog,
    const struct relation *relation);
const struct catalog_function *catalog_function(const struct catalog *catalog,
    const struct relation *relation);

/*
 * What a CHECK says of values, or how they compare with a default, by asking
 * the database in the snapshot that the catalog is of.
 */
struct catalog_probe {
	const char *sql;		/* the expression */
	const char *column;		/* that it is about; NULL = none */
	const char *type;		/* of the column */
	const char *const *values;	/* in text form; JSON for a default */
	size_t count;
};
enum holds { HOLDS_NO, HOLDS_YES, HOLDS_UNKNOWN };

/* Does the expression hold for each value?  NULL holds, as it does there. */
void catalog_judge(const struct catalog *catalog,
    const struct catalog_probe *probe, enum holds *ret);

/* Is the expression's value, as JSON, the one and only of the values? */
enum holds catalog_judge_default(const struct catalog *catalog,
    const struct catalog_probe *probe);

/* The expression's value as JSON text, or NULL: it is NULL, or has none. */
const char *catalog_value(const struct catalog *catalog, const char *sql,
    const char *type);

/*
 * The lint: what makes a database unsafe, wrong or slow behind this server, by
 * the facts of its catalog, for every role that the login role can become.  The
 * rules are in lint.def; a finding names its own way to be mended, or its
 * rule's holds.
 */
struct lint_finding {
	const struct check_rule *rule;
	const char *object, *what, *mend;
};

/* All rules, in the order of their findings. */
struct check_rules lint_rules(void);

/*
 * Looks, as whichever role the connection string names, in one read-only
 * transaction.  `login` is the role that serves; NULL = the one of the
 * connection.  `identity` is the database that it must be, of a catalog; NULL =
 * any.  false: one line in `fault` says why.  All of it is in the arena.
 */
bool lint_run(const char *database, const char *login, const char *identity,
    const struct contract *contract, struct arena *arena,
    const struct lint_finding **ret, size_t *ret_count, struct buf *fault)
    MUST_CHECK;

/*
 * A transaction of the owner's that is never committed: what a migration would
 * do is done in it, looked at, and undone.  It takes the locks that the
 * migration takes, and waits for none of them longer than it is told.
 */
struct trial;

/* Begins one; it ends with the arena.  NULL: one line in `fault` says why. */
struct trial *trial_open(const char *database, unsigned lock_timeout_ms,
    struct arena *arena, struct buf *fault) MUST_CHECK;

/* Undoes all that was run, and begins anew. */
bool trial_begin(struct trial *trial, struct buf *fault) MUST_CHECK;

/* Runs statements; false: they are undone, and `fault` says why, in a line. */
bool trial_run(struct trial *trial, const char *sql, struct buf *fault)
    MUST_CHECK;

/* Did it wait too long for a lock?  Then trying further only waits again. */
bool trial_waited(const struct trial *trial);

/* catalog_read() and lint_run(), of what the trial has made so far. */
const struct catalog *trial_catalog(struct trial *trial,
    const struct contract *contract, struct arena *arena, struct buf *fault)
    MUST_CHECK;
bool trial_lint(struct trial *trial, const char *login,
    const struct contract *contract, struct arena *arena,
    const struct lint_finding **ret, size_t *ret_count, struct buf *fault)
    MUST_CHECK;

/*
 * The proof by experiment: in one transaction that is rolled back, rows of two
 * made-up tenants, and what each role of the contract, and the login role, can
 * do with its own, the other's and an absent one.
 */
enum prove_whose {
	PROVE_OWN,		/* or anybody's, of a table without tenants */
	PROVE_OTHER,
	PROVE_ABSENT,
	PROVE_OWNER,		/* its own, with the owner's columns named */
	PROVE_MOVED,		/* its own, made the other's */
	PROVE_WHOSE_COUNT
};
enum prove_answer { PROVE_NONE, PROVE_NO, PROVE_YES, PROVE_UNKNOWN };

struct prove_cell {
	enum prove_answer answer;	/* NONE: there is no such thing */
	const char *how;		/* what Postgres said; or why unknown */
	const char *when;		/* how the rows were; NULL: as made */
};

/* What a role can do with a table. */
struct prove_row {
	const struct catalog_table *table;
	const char *role;
	size_t role_number;		/* in the catalog */
	bool login;			/* the role that serves, as itself */
	bool subject;			/* its callers have one */
	const char *tied;		/* columns that say whose; "" = none */
	struct prove_cell cells[CATALOG_VERB_COUNT][PROVE_WHOSE_COUNT];
	const char *told_apart[CATALOG_VERB_COUNT];	/* other's from
						 * absent, by that; or NULL */
};

/* What Postgres and we call them. */
const char *prove_whose_name(enum prove_whose whose);

/*
 * Tries all tables of the contract's schemas, by table and then by role.  The
 * connection string is of a role that may make rows in each table (their owner,
 * a superuser) and become the roles; the catalog is a wide one.  While it runs
 * the tables are locked; nothing but the values of sequences is left behind.
 * false: one line in `fault` says why.  All of it is in the arena.
 */
bool prove_run(const char *database, const struct contract *contract,
    const struct catalog *catalog, struct arena *arena,
    const struct prove_row **ret, size_t *ret_count, struct buf *fault)
    MUST_CHECK;

/*
 * A connection string as documents may show it: keywords and values without
 * those that are secret, with another database and user where these are not
 * NULL.  In the arena; NULL when it is none.
 */
const char *store_conninfo(struct arena *arena, const char *text,
    const char *database, const char *user) MUST_CHECK;

/* What a connection string says of a keyword ("dbname"), or NULL. */
const char *store_conninfo_value(struct arena *arena, const char *text,
    const char *keyword);

#endif
