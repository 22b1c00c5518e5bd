/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_CONTRACT_H
#define CONTRACT_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "base/problem.h"
#include "base/scope.h"
#include "hook/hook.h"
#include "http/http.h"

/*
 * Files -> contract; request + caller -> input.  A contract is compiled once
 * and const afterwards; everything below hangs on it and lives as long.
 */
struct contract;

/*
 * Reads and compiles the contract below a directory.  NULL when it has faults:
 * all of them are then added to faults, one a line, "file:line:column: text"
 * (file relative to the directory).
 */
struct contract *contract_load(const char *directory, struct buf *faults)
    MUST_CHECK;
void contract_free(struct contract *contract);

/*
 * How often an operation may be called: `count` times in `period_s`, `burst`
 * of them at once, by one subject (or address, when anonymous).  Operations of
 * one class share the count.
 */
struct rate {
	const char *name;	/* of the class: "default" */
	unsigned number;	/* of the class: 0.. over the contract */
	unsigned count, period_s, burst;
};

/* Who may call from a browser's page of another origin (Fetch, CORS). */
struct cors {
	const char *const *origins;	/* exact; "*" alone = any */
	size_t origin_count;		/* 0 = none */
	bool credentials;		/* never with "*" */
	unsigned max_age_s;		/* of a preflight's answer */
};

/* What api.json says. */
struct contract_about {
	const char *title, *version;
	const char *description;	/* of the API, or NULL */
	const char *license;		/* its name, or NULL */
	const char *base;		/* "/api"; "" when it is "/" */
	const char *const *roles;
	size_t role_count;
	const char *anonymous;		/* or NULL */
	const char *const *server_roles;
	size_t server_role_count;
	const char *const *staff_roles;
	size_t staff_role_count;
	const char *const *trusted_roles; /* of servers, then of staff */
	size_t trusted_role_count;
	struct cors cors;
	const struct rate *rates;
	size_t rate_count;		/* 0 = nothing is limited */
};
const struct contract_about *contract_about(const struct contract *contract);

/*
 * What api.json below a directory says, whatever the rest is worth; as
 * long-lived as the arena.  NULL: it has faults, which are added to faults.
 */
const struct contract_about *contract_about_read(const char *directory,
    struct arena *arena, struct buf *faults) MUST_CHECK;

enum verb {
	VERB_LIST, VERB_READ, VERB_CREATE, VERB_UPDATE, VERB_DELETE, VERB_CALL
};

/* JSON types of a schema's `type`, as bits. */
enum type_bit {
	TYPE_NULL = 1, TYPE_BOOLEAN = 2, TYPE_INTEGER = 4, TYPE_NUMBER = 8,
	TYPE_STRING = 16, TYPE_ARRAY = 32, TYPE_OBJECT = 64
};

/* Compiled schema; private to contract/. */
struct schema;

/* A property of a resource's schema = a column of its table. */
struct field {
	const char *name;
	const char *name_json;	/* quoted for JSON, with the colon: "\"id\":" */
	const char *name_sql;	/* quoted for SQL: "\"id\"" */
	unsigned types;		/* type_bit; 0 = any */
	const char *format;	/* or NULL */
	unsigned item_types;	/* an array's items: as above */
	const char *item_format;
	bool read_only, write_only, create_only;
	bool filterable, sortable;	/* by the list operation */
	bool enumerated;		/* has an enum */
	bool sql_array;			/* the column is text[] and the like,
					 * not json */
	const struct schema *schema;	/* NULL: text of 1..255 characters */
};

/* A name of the database, quoted for SQL: "\"app\".\"letters\"". */
struct relation {
	const char *schema_name;	/* app */
	const char *name;		/* letters */
	const char *sql;		/* quoted */
};

/* An error of the contract's own: SQLSTATE or constraint -> what is told. */
struct declared {
	const char *key;		/* "LS001" or "letters_title_key" */
	const char *code;
	int status;
	const char *message;
	const char *const *path;	/* member names of the issue */
	size_t path_length;
};

/* Its table is partitioned by time, and so many periods are kept; see 0028. */
struct partitioned {
	const struct field *by;		/* NULL: it is not */
	const char *period;		/* day, week, month */
	unsigned ahead;			/* periods beyond the one of now */
	unsigned keep;			/* periods; 0 = for ever */
};

struct resource {
	const char *name;		/* letters */
	const char *file;		/* resources/letters.json */
	const char *path;		/* /letters */
	const char *schema_file;	/* schemas/letter.json */
	struct relation table;		/* name NULL when there is none */
	const struct field *key;	/* NULL when there is no table; the */
	const struct field *const *keys;	/* first of these, in the */
	size_t key_count;			/* order of the path */
	const struct field *fields;	/* in the schema's order */
	size_t field_count;
	const struct declared *constraints;
	size_t constraint_count;
	struct partitioned partition;
};

struct sort {
	const struct field *field;
	bool descending;
};

/* The form of a reply's body. */
enum media { MEDIA_JSON, MEDIA_NDJSON, MEDIA_CSV };

/* What an operation makes of a header field: Idempotency-Key, If-Match. */
enum demand { DEMAND_NONE, DEMAND_OPTIONAL, DEMAND_REQUIRED };

/*
 * Rows of another resource that a list or read may tell beside its own, by
 * `select=id,title,author(id,name)`: one (its key is in our column) or many
 * (our key is in its column), never more than `limit` of them.
 */
struct related {
	const char *name;		/* author */
	const char *name_json;		/* "\"author\":" */
	const struct resource *resource;
	const struct field *ours;	/* column here: author_id, or the key */
	const struct field *theirs;	/* column there: the key, or letter_id */
	bool many;
	unsigned limit;			/* many: rows at most */
	const struct sort *order;	/* many */
	size_t order_count;
	const struct field *const *fields;	/* that may be told */
	size_t field_count;
	const struct related *related;		/* of those rows in turn */
	size_t related_count;
};

/*
 * How what a function of a GET returns is told: as data in the envelope; as
 * the file that its row names; or as events, each time that its row changes.
 */
enum told_as { TOLD_DATA, TOLD_FILE, TOLD_EVENTS };

struct operation {
	unsigned number;		/* 0.. over the whole contract */
	const char *name;		/* letters.list */
	const char *summary;		/* or NULL */
	const struct resource *resource;
	enum verb verb;
	enum method method;
	const char *pattern;		/* /letters/{id}, without the base */
	const char *const *roles;
	size_t role_count;
	struct relation function;	/* VERB_CALL */
	const char *body_file, *query_file, *returns_file;	/* or NULL */
	const struct schema *body;	/* judged; NULL = none is taken */
	const struct field *arguments;	/* VERB_CALL: all that may be given */
	size_t argument_count;
	size_t added_count;	/* a job's: the last ones, by the worker */
	const bool *required;	/* VERB_CALL: of the arguments, must it be? */
	const struct field *returns;	/* VERB_CALL: columns that may leave */
	size_t return_count;		/* 0 with returns_file: any json */
	bool returns_array;
	int status;			/* of success */
	const struct declared *errors;
	size_t error_count;
	unsigned limit_default, limit_max;	/* VERB_LIST */
	const struct sort *order;	/* VERB_LIST: default, key last */
	size_t order_count;
	const struct related *related;	/* VERB_LIST, VERB_READ */
	size_t related_count;
	const struct field *const *search;	/* VERB_LIST: text search */
	size_t search_count;
	const struct field *paths;	/* VERB_LIST: filters of members of json
					 * columns: "recipient->>name" */
	size_t path_count;
	bool total;		/* VERB_LIST: Prefer: count= is heard */
	enum demand idempotency;	/* writes: Idempotency-Key */
	enum demand match;		/* VERB_UPDATE, _DELETE: If-Match */
	unsigned batch_max;	/* VERB_CREATE: rows of an array; 0 = none */
	const struct field *const *upsert;	/* VERB_CREATE: the unique */
	size_t upsert_count;			/* columns; 0 = none */
	const struct bulk *bulk;	/* VERB_CREATE: records at once, each for
					 * itself; NULL = none */
	const char *pressure;	/* the queue whose backlog turns requests
				 * away; NULL = none does */
	bool replica;		/* may read from a replica, a little late */
	const char *cache;	/* Cache-Control; NULL = no-store */
	const struct rate *rate;	/* NULL = not limited */
	const struct webhook *webhook;	/* it takes events; NULL = none does */
	const struct export *export;	/* VERB_CALL: it leaves a job that
					 * writes a file; NULL = none */
	enum told_as told_as;		/* VERB_CALL */
};

/*
 * "export" of a resource: its rows become a file, by a job of the kind
 * contract_export_kind().  The operation calls lockstep.request_export() of
 * migration 0024; `list` has what the query of a request may say, and is none
 * of contract_operations().
 */
struct export {
	struct operation list;
	const struct field *const *fields;	/* that are told by default, */
	size_t field_count;			/* with all of list.related */
	const enum media *formats;		/* the first is the default */
	size_t format_count;
	bool formulas;			/* CSV: texts are left as they are */
	unsigned keep_hours;
	unsigned keep_mib;		/* of a caller, who asks for more */
	const struct resource *shown;	/* where its row is read */
};

/*
 * A create that takes many records at once, an array or a line of JSON each,
 * and judges each for itself: its operation, which is none of
 * contract_operations(), is what an input of records is of.  Its outcome is JSON:
 * {"accepted":9,"duplicates":0,"rejected":1,"rejections":[...]}.
 */
enum { BULK_TOLD = 1000 };	/* rejections at most that are told */
struct bulk {
	unsigned max;			/* records of a request */
	const struct field *const *key;	/* a row with these is known again */
	size_t key_count;
	struct operation operation;
	const char *relation;		/* the table, quoted for SQL */
	const char *key_names;		/* {"account_id","external_id"} */
	const char *reasons;		/* what refusals are told as: JSON */
};

/* All operations, in the order of files and members. */
const struct operation *contract_operations(const struct contract *contract,
    size_t *ret_count);
const struct resource *contract_resources(const struct contract *contract,
    size_t *ret_count);

/* An operation that a request met, with its path parameters. */
struct match {
	const struct operation *operation;
	const char *name[HTTP_SEGMENTS_MAX];	/* of the parameters */
	const char *value[HTTP_SEGMENTS_MAX];
	size_t count;
};

/*
 * Finds the operation of a request.  Literal segments go before parameters;
 * HEAD meets the operation of GET.
 * PROBLEM_NOT_FOUND; PROBLEM_METHOD_NOT_ALLOWED with the scope's `allow` set.
 */
enum problem contract_route(const struct contract *contract, struct scope *sc,
    const struct request *rq, struct match *ret) MUST_CHECK;

/*
 * Which methods the path of a request takes, for OPTIONS: sets the scope's
 * `allow`.  PROBLEM_NOT_FOUND when no operation has the path.
 */
enum problem contract_allow(const struct contract *contract, struct scope *sc,
    const struct request *rq) MUST_CHECK;

/* Does an Accept field (or NULL) name application/problem+json? */
bool contract_takes_problem(const char *accept);

/*
 * What an operation is to do, judged.  Opaque: only contract_accept() makes
 * one, in the scope's arena.
 */
struct input;

/* What a server allows beyond its contract. */
struct accept_options {
	bool rollback;		/* Prefer: tx=rollback is heard */
};

/*
 * Judges a request: may the caller's role do this (PROBLEM_TOKEN_MISSING for
 * an anonymous caller, else PROBLEM_FORBIDDEN), is the reply's media type
 * accepted (PROBLEM_NOT_ACCEPTABLE), are preferences to be handled strictly
 * heard (PROBLEM_INVALID_PREFERENCE), are the key of the repeat and the tag of
 * the row there and well-formed (PROBLEM_IDEMPOTENCY_KEY_MISSING,
 * _KEY_INVALID, PROBLEM_PRECONDITION_REQUIRED, PROBLEM_BAD_REQUEST), is the
 * body's right
 * (PROBLEM_UNSUPPORTED_MEDIA_TYPE), is it JSON (PROBLEM_MALFORMED_JSON with
 * the place), do path, query and body satisfy the schemas
 * (PROBLEM_VALIDATION_FAILED, PROBLEM_INVALID_QUERY, PROBLEM_INVALID_CURSOR,
 * all with issues).  A body where none is taken: PROBLEM_VALIDATION_FAILED.
 * Of an array each row is judged, and an issue's path begins with its index.
 * `options` NULL: nothing is allowed.
 */
enum problem contract_accept(const struct contract *contract,
    struct scope *sc, const struct match *match, const struct request *rq,
    const struct caller *caller, const struct accept_options *options,
    const struct input **ret) MUST_CHECK;

/*
 * What a job does: call a function; or an HTTP service, then a function; or
 * write the file of an export.
 */
enum job_type { JOB_SQL, JOB_HTTP, JOB_EXPORT };

/* An SQLSTATE of a job's function, or an HTTP status: is another try of use? */
struct job_error {
	const char *key;		/* "LS003", "410" */
	bool permanent;
};

/*
 * When a kind of job runs by itself.  A tick is a whole second; whoever asks
 * for the next one after the same second gets the same.
 */
struct schedule {
	const char *text;		/* as the contract says it */
	const char *zone;		/* "UTC", "Europe/Berlin" */
	const char *args;		/* of each run: JSON text, judged */
	bool made_up;			/* is a tick run that was missed? */
	const struct cron *cron;
};

/*
 * The first tick after a second since 1970.  false: there is none in 40 years,
 * which no schedule of a contract has for the time when it is loaded.
 */
bool schedule_next(const struct schedule *schedule, int64_t after_s,
    int64_t *ret_s) MUST_CHECK;

/*
 * A kind of job: jobs/NAME.json.  Its functions are operations (VERB_CALL) that
 * no request meets, so that whatever runs an operation runs them; their
 * `resource` is empty, and `body` is the schema of the arguments.
 */
struct job_kind {
	unsigned number;		/* 0.. over the contract */
	const char *name;		/* letter.generate */
	const char *file;		/* jobs/letter.generate.json */
	const char *summary;		/* or NULL */
	enum job_type type;
	const char *queue;		/* what is paused, chosen at once */
	const char *role;		/* that runs it; NULL = the enqueuer's */
	const char *args_file;		/* schemas/X.json; NULL = no argument */
	unsigned attempts;		/* at most */
	unsigned timeout_ms;		/* of an attempt */
	unsigned concurrency;		/* in a worker process; 0 = any */
	unsigned batch;			/* in one transaction; 1 = each alone */
	unsigned backoff_base_ms, backoff_max_ms;
	const unsigned *backoff_steps_ms;	/* after the first attempt, the
						 * second, ...; NULL = none */
	size_t backoff_step_count;
	/*
	 * Held by a lease that is committed before it runs, not by the
	 * transaction that runs it: http, and what may take longer than
	 * JOB_HELD_MS.
	 */
	bool leased;
	struct operation call;		/* of sql: the job.  Of http: takes
					 * job_id and what was returned */
	const struct operation *failed;	/* after each attempt that was none:
					 * the arguments, job_id, attempt,
					 * code; NULL = nothing */
	const struct operation *dead;	/* when it is given up: the arguments
					 * and reason; NULL = nothing */
	const struct job_error *errors;
	size_t error_count;
	const struct schedule *schedule;	/* NULL = it has none */
	/* http */
	const struct operation *prepare;	/* arguments -> jsonb of path,
						 * headers, body; NULL = the
						 * body is the arguments */
	const char *url;		/* name of the setting that has it; NULL
					 * = prepare says it (a kind of ours) */
	const char *secret;		/* likewise; NULL = none */
	const char *returns_file;	/* judges the reply; NULL = any */
	const struct schema *returns;
	const struct message *messages;	/* what a kind of ours delivers; of
					 * others none */
	size_t message_count;
};
enum { JOB_HELD_MS = 1000 };

/* All kinds of jobs, in the order of their files; and one by name, or NULL. */
const struct job_kind *contract_jobs(const struct contract *contract,
    size_t *ret_count);
const struct job_kind *contract_job(const struct contract *contract,
    const char *name);

/* What the kind says of an SQLSTATE or HTTP status; NULL when nothing. */
const struct job_error *contract_job_error(const struct job_kind *kind,
    const char *key);

/*
 * Judges the arguments of a job, JSON text, into the input of an operation of
 * its kind (&kind->call, kind->failed, kind->dead, kind->prepare).  `more` is
 * what the worker knows by itself, by name and in text form (NULL = SQL's),
 * such as the reason: of it the operation gets what it has among its added
 * arguments.  PROBLEM_VALIDATION_FAILED with issues: they break the schema.
 * PROBLEM_MALFORMED_JSON.
 */
struct job_argument {
	const char *name, *text;
};
enum problem contract_accept_job(struct scope *sc,
    const struct operation *operation, const char *args,
    const struct job_argument *more, size_t more_count,
    const struct input **ret) MUST_CHECK;

/* The words of the formats of exports: "json", "ndjson", "csv". */
const char *contract_format(enum media media);

/* The kind of job that writes exports, or NULL: the contract has none. */
const struct job_kind *contract_export_kind(const struct contract *contract);

/*
 * Judges what was kept of a request for an export, as if it came now: the
 * operation's name, its query as a JSON array of pairs of texts, the format's
 * word.  The plan is of the export's `list`.  PROBLEM_NOT_FOUND: there is no
 * such export any more; else as contract_accept().
 */
enum problem contract_accept_export(const struct contract *contract,
    struct scope *sc, const struct caller *caller, const char *name,
    const char *query, const char *format, const struct input **ret)
    MUST_CHECK;

/*
 * What a kind's `prepare` said of the call: {"path", "query", "method",
 * "headers", "body" or "text", "skip"}, and of a kind without a url {"url",
 * "destination", "sign": {"id", "keys"}} as well; members may be absent.
 */
struct job_header {
	const char *name, *value;
};
struct job_request {
	bool skip;		/* there is nothing to do any more */
	const char *method;	/* or NULL */
	const char *path, *query;	/* or NULL: nothing beside the url's */
	const struct job_header *headers;
	size_t header_count;
	const char *body;	/* NULL = none */
	size_t body_length;
	bool json;		/* the body is */
	const char *url, *destination;		/* or NULL */
	const char *sign_id, *sign_keys;	/* or NULL */
};

/*
 * Reads it, in the arena.  PROBLEM_INTERNAL, with a cause that holds no value,
 * when it is no such thing, or no request can be made of it.
 */
enum problem contract_job_request(struct scope *sc,
    const struct job_kind *kind, const char *said, struct job_request *ret)
    MUST_CHECK;

/*
 * What a service said, judged by the kind's `returns`: the text, when it is
 * JSON that Postgres takes, else NULL.  PROBLEM_VALIDATION_FAILED with issues,
 * or with a cause, when `returns` wants something else.
 */
enum problem contract_job_reply(struct scope *sc, const struct job_kind *kind,
    const char *body, size_t length, const char **ret) MUST_CHECK;

/* A judged value for a column or argument; text NULL is SQL's NULL. */
struct value {
	const struct field *field;
	const char *text;	/* NUL-terminated; no NUL inside */
};

enum compare {
	COMPARE_EQ, COMPARE_NEQ, COMPARE_GT, COMPARE_GTE, COMPARE_LT,
	COMPARE_LTE, COMPARE_LIKE, COMPARE_ILIKE, COMPARE_IN, COMPARE_IS_NULL,
	COMPARE_IS_TRUE, COMPARE_IS_FALSE, COMPARE_IS_NOT_NULL
};

/* One condition of a list: [not] field compare value(s). */
struct term {
	const struct field *field;
	enum compare compare;
	bool negated;
	const char *const *values;	/* one, or several for COMPARE_IN */
	size_t value_count;		/* 0 for COMPARE_IS_* */
};

/*
 * Conditions joined: the leaves are terms.  At most LIST_DEPTH_MAX deep and
 * LIST_TERMS_MAX terms in all.
 */
struct clause {
	enum { CLAUSE_TERM, CLAUSE_AND, CLAUSE_OR } kind;
	bool negated;
	struct term term;			/* CLAUSE_TERM */
	const struct clause *parts;		/* else */
	size_t part_count;
};

/* Related rows that were asked for. */
struct embed {
	const struct related *related;
	const struct field *const *select;
	size_t select_count;
	const struct embed *embeds;		/* within them */
	size_t embed_count;
};

/* One row to be made: its columns' values.  Rows may name other columns. */
struct draft_row {
	const struct value *values;
	size_t value_count;
};

/*
 * A write that is done once however often it is sent: the key, and what it
 * must come with.  In the store the subject and role go with it.
 */
struct once {
	const char *key;		/* unquoted */
	const char *fingerprint;	/* hex SHA-256: method, target, body */
};

/* What store/ reads of an input.  Pointers live as long as the scope. */
struct plan {
	const struct operation *operation;
	const struct value *keys;	/* VERB_READ, _UPDATE, _DELETE: those
					 * of the resource, in its order */
	const struct value *values;	/* columns, or arguments of a call */
	size_t value_count;
	const struct draft_row *rows;	/* VERB_CREATE of an array */
	size_t row_count;		/* 0 = one, in values */
	bool array;			/* an array was sent: one is told */
	const struct bulk *bulk;	/* records were: NULL = none */
	const struct once *once;	/* NULL = no key */
	bool again;	/* may be run again when nobody knows whether it was */
	const char *const *match;	/* If-Match: tags, unquoted; one of */
	size_t match_count;		/* 0 = not asked, or any row does */
	bool tag;			/* one row: tell its tag */
	bool minimal;			/* Prefer: return=minimal was heard */
	bool merge, ignore;		/* Prefer: resolution= was heard */
	bool rollback;			/* Prefer: tx=rollback was heard */
	const struct term *terms;	/* VERB_LIST: all of them, and */
	size_t term_count;
	const struct clause *clauses;	/* all of these */
	size_t clause_count;
	const char *search;		/* words, or NULL */
	bool total, estimate;		/* Prefer: count= was heard */
	enum media media;		/* VERB_LIST: how rows are written */
	const struct embed *embeds;
	size_t embed_count;
	const struct sort *order;	/* with the key as the last */
	size_t order_count;
	const struct field *const *select;	/* what is returned */
	size_t select_count;
	unsigned limit;
	const char *const *after;	/* order_count values, NULL = start; a
					 * value may be NULL */
};
const struct plan *input_plan(const struct input *input);

/*
 * The opaque cursor that continues a list after a row: `values` are the texts
 * of the order's columns in that row (NULL for SQL's NULL).  In the arena.
 * contract_accept() reads it back, bound to resource and order.  NULL when the
 * values are too long for one, which loading keeps from happening to rows that
 * satisfy their schema.
 */
const char *contract_cursor(struct scope *sc, const struct plan *plan,
    const char *const *values);

/* Where in a document a value is: the steps of a JSON pointer (RFC 6901). */
struct pointer {
	const char *text;		/* "/data/id" */
	const char *const *steps;	/* unescaped */
	size_t count;
};

/*
 * A source of webhooks: webhooks/NAME.json.  Its operation, POST
 * /webhooks/NAME, is met by requests and is none of contract_operations(): it
 * has no body and no arguments, and its caller is whoever signed.
 */
struct webhook {
	unsigned number;		/* 0.. over the contract */
	const char *name;		/* payments */
	const char *file;		/* webhooks/payments.json */
	const char *scheme_name;	/* "stripe" */
	struct hook_scheme scheme;
	const char *header;	/* of the signature; NULL: webhook-signature or
				 * svix-signature, with -id and -timestamp */
	const char *secret;		/* the name of its secrets */
	const char *body_file;
	const struct schema *body;
	const char *id_header;		/* where the event's id is; or */
	const struct pointer *id;	/* here; both NULL: it is signed */
	const struct pointer *type;	/* what happened; NULL = not told */
	const struct pointer *serial;	/* events of the same value are worked
					 * on in turn; NULL = none are */
	const char *job;		/* the kind that works on it */
	const char *role;		/* as whom it is taken, and worked on */
	unsigned limit_bytes;		/* of a body; 0 = the server's limit */
	struct operation operation;
};
const struct webhook *contract_webhooks(const struct contract *contract,
    size_t *ret_count);

/*
 * What is expected of the data: expectations/NAME.json.  The definition is the
 * file's text, which lockstep.expectation_value() measures by.
 */
struct expectation {
	const char *name;		/* events.fresh */
	const char *file;		/* expectations/events.fresh.json */
	const char *summary;		/* or NULL */
	const char *check;		/* rows, nulls, ... */
	const char *role;		/* as whom it is looked at */
	const char *definition;		/* JSON text */
	const struct schedule *schedule;	/* when; and as a text */
	const char *spec;
};
const struct expectation *contract_expectations(
    const struct contract *contract, size_t *ret_count);

/*
 * What the API tells the endpoints of its callers: messages/NAME.json.  With
 * any, contract_jobs() has one more kind, which delivers them.
 */
struct message {
	const char *name;		/* letter.ready */
	const char *file;		/* messages/letter.ready.json */
	const char *summary;		/* or NULL */
	const char *data_file;
	const struct schema *data;
};
const struct message *contract_messages(const struct contract *contract,
    size_t *ret_count);

/*
 * Figures of a resource's rows by key and bucket of time, that the database
 * keeps: see lockstep gen rollup.
 */
enum { ROLLUP_MEASURES_MAX = 64 };
enum measure_kind {
	MEASURE_COUNT, MEASURE_SUM, MEASURE_AVERAGE, MEASURE_MIN, MEASURE_MAX,
	MEASURE_DISTINCT
};
struct measure {
	const char *name;		/* promoters: a column */
	enum measure_kind kind;
	const struct field *field;	/* NULL of a count */
	const struct term *where;	/* rows that it is of: all of these */
	size_t where_count;
};
struct rollup {
	const char *name;		/* company_events: a view */
	const char *file;		/* rollups/company_events.json */
	const char *summary;		/* or NULL */
	const struct resource *resource;	/* whose rows are counted */
	const struct field *const *keys;
	size_t key_count;
	const struct field *time;
	const char *bucket;		/* 15m */
	const char *interval;		/* 15 minutes */
	unsigned bucket_s;
	unsigned window_days;		/* in which it equals its source; 0 =
					 * always */
	const struct measure *measures;
	size_t measure_count;
};
const struct rollup *contract_rollups(const struct contract *contract,
    size_t *ret_count);
const struct rollup *contract_rollup(const struct contract *contract,
    const char *name);
const char *measure_word(enum measure_kind kind);

/*
 * Judges an event whose signature holds.  `id` is the one that was signed, or
 * NULL.  The input, when it is one, has the event taken, once: its outcome is
 * the JSON text {"state":"accepted"}, or "duplicate", or "conflict".
 * PROBLEM_UNSUPPORTED_MEDIA_TYPE, PROBLEM_MALFORMED_JSON,
 * PROBLEM_VALIDATION_FAILED with issues.
 */
enum problem contract_accept_event(struct scope *sc,
    const struct webhook *webhook, const struct request *rq, const char *id,
    const struct input **ret) MUST_CHECK;

/*
 * The input that keeps a signed event which was not accepted, with the reason
 * and the scope's issues, for people.
 */
const struct input *contract_refuse_event(struct scope *sc,
    const struct webhook *webhook, const struct request *rq, const char *id,
    enum problem reason);

/*
 * Looks an SQLSTATE of an operation, or a constraint of its resource, up in
 * the contract.  NULL when it names none.
 */
const struct declared *contract_error(const struct operation *operation,
    const char *sqlstate);
const struct declared *contract_constraint(const struct operation *operation,
    const char *constraint);

/* May the body of a request to the operation be one of many records? */
bool contract_is_bulk(const struct operation *operation,
    const struct request *rq);

/*
 * The operator of that number that filters by the field may have ("eq"), or
 * NULL when there are no more.
 */
const char *contract_operator(const struct field *field, size_t number);

/*
 * The schemas of a contract as parts of another document.  Each file that an
 * operation takes or tells, in the form in which it does, and each schema that
 * these refer to, is a component with a name of its own; references name
 * components.  FORM_TOLD is without what is writeOnly and takes more members,
 * as such may come, and a row of a table has all of its own; FORM_CREATE,
 * _UPDATE and _BODY take what the server takes.
 */
enum schema_form { FORM_WHOLE, FORM_TOLD, FORM_CREATE, FORM_UPDATE, FORM_BODY,
	FORM_PARTIAL };
struct component {
	const char *name;		/* LetterCreate */
	const char *description;	/* or NULL */
	const char *schema;		/* JSON text */
	const char *example;		/* JSON text, or NULL */
};
struct publication;

/*
 * A publication without components; references will be the prefix
 * ("#/components/schemas/") and a name, which is none of the reserved ones (to
 * NULL).  All of it is in the arena.
 */
struct publication *publication_new(const struct contract *contract,
    const char *prefix, const char *const *reserved, struct arena *arena);

/* The component of a file of the contract in a form; made when it is new. */
const struct component *publication_file(struct publication *publication,
    const char *file, enum schema_form form);

/* The schema of a field as JSON text, with what it refers to as components. */
const char *publication_field(struct publication *publication,
    const struct field *field);

/* The component of that number, in the order in which they came, or NULL. */
const struct component *publication_component(
    const struct publication *publication, size_t number);

/*
 * What the schema of a field says of its values, and where.  What is not said
 * has the widest bounds.
 */
struct facts {
	size_t length_least, length_most;	/* characters; 0, SIZE_MAX */
	int64_t least, most;		/* integers */
	const char *const *values;	/* enum or const, of strings */
	size_t value_count;
	bool shaped;			/* a pattern or format binds strings */
	bool stepped;			/* multipleOf binds numbers */
	const char *fallback;		/* "default" as JSON text, or NULL */
	const char *file;		/* of the schema; NULL = none */
	size_t line, column;
};
void contract_facts(const struct field *field, struct arena *arena,
    struct facts *ret);

/* Does the field's schema take the text, as of a path or a query? */
bool contract_takes(const struct field *field, const char *text);

/* Must a create give the field? */
bool contract_requires(const struct operation *operation,
    const struct field *field);

/*
 * The values of a field in the examples of its resource's schema, in the form
 * that Postgres reads; null is left out.  In the arena.
 */
const char *const *contract_examples(const struct contract *contract,
    const struct resource *resource, const struct field *field,
    struct arena *arena, size_t *ret_count);

/*
 * Where in a file of the contract that stands to which a path, the JSON text
 * of an array of names and indexes, leads.  1, 1 when it cannot be read.
 */
void contract_place(const struct contract *contract, const char *file,
    const char *path, size_t *ret_line, size_t *ret_column);

/* What a team knows of and lives with: a finding of a check, with a reason. */
struct accepted {
	const char *rule, *object, *because;
};

/*
 * Reads check.json below the contract's directory; none when it is not there.
 * false: it cannot be taken, and "file:line:column: text" is in faults.
 */
bool contract_accepted(const char *directory, struct arena *arena,
    const struct accepted **ret, size_t *ret_count, struct buf *faults)
    MUST_CHECK;

/* What is wrong with a contract, or could be better. */
struct finding {
	bool is_fault;		/* else the profile's: it can be served */
	const char *id;		/* "string-max-length"; "fault" */
	const char *file;	/* relative to the directory */
	size_t line, column;
	const char *what;	/* what is so, and why that is a pity */
	const char *mend;	/* how to mend it; NULL for faults */
};

/*
 * Looks at the contract below a directory: the faults that keep it from being
 * loaded, what its files are against their own schemas, and the profile of
 * contracts.  By file and place, in the arena; a thousand at most.
 */
void contract_check(const char *directory, struct arena *arena,
    const struct finding **ret, size_t *ret_count);

/*
 * Judges a tree, read from a text of that length, as the body of an operation
 * that takes one.
 */
struct json_object;
bool contract_judge_body(const struct contract *contract, struct scope *sc,
    const struct operation *op, struct json_object *tree, size_t length)
    MUST_CHECK;

/*
 * A schema by itself, whether a contract could hold it or not: any schema of
 * JSON Schema 2020-12.  For `lockstep validate`.
 */
struct validator_options {
	const char *schema;		/* its file */
	const char *const *resources;	/* directories: each *.json below is
					 * known by its $id, */
	size_t resource_count;
	const char *base;		/* and by this and its path below, or
					 * NULL; ends with "/" */
	bool assert_format;		/* format refuses values, too */
	bool tell;			/* validator_tell() will be asked */
	/*
	 * Or, without all these: the contract, which must live longer, and the
	 * name of an operation whose body each instance is.
	 */
	const struct contract *contract;
	const char *operation;
};
struct validator;

/*
 * Compiles the schema.  NULL when it has faults, or a resource has; they are
 * then in `faults`, one a line, "file:line:column: text".  So is what is wrong
 * with an operation: there is none of that name, or it takes no body.
 */
struct validator *validator_new(const struct validator_options *options,
    struct buf *faults) MUST_CHECK;
void validator_free(struct validator *validator);

/* What was found of a text. */
struct validated {
	bool is_json;
	bool valid;
	struct json_object *document;	/* while the scope has not ended */
	const char *reason;	/* not JSON: why, constant text */
	size_t line, column;	/* not JSON: where */
	/* Where in the text each issue of the scope stands. */
	struct {
		size_t line, column;
	} places[SCOPE_ISSUES_MAX];
};

/*
 * Judges a text as one JSON document, that of an operation within the bounds of
 * requests.  The scope gets the issues; its arena the rest.
 */
void validator_judge(const struct validator *validator, struct scope *sc,
    const char *text, size_t length, struct validated *ret);

/*
 * Adds JSON Schema's output called basic of a document that validator_judge()
 * read and judged: each error, or each annotation, with the locations of the
 * keyword and of the value; a JSON text without line breaks.  It takes a walk
 * of its own, ten to a hundred times as long as judging.  What would take more
 * than 4 million steps is not told: there is then one error that says so, or
 * no annotation and "truncated": true.
 */
void validator_tell(const struct validator *validator, struct scope *sc,
    const struct validated *validated, struct buf *out);

/* Writes the compiled plan of a contract as text, for golden tests. */
void contract_describe(const struct contract *contract, struct buf *out);

#endif
