/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_INTERNAL_H
#define CONTRACT_INTERNAL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/scope.h"
#include "contract/contract.h"
#include "contract/schema.h"

/*
 * What the files of contract/ share: the compiled contract, what its loading
 * needs, and the pieces of judging a request.
 */
enum {
	CONTRACT_LIMIT_DEFAULT = 20,	/* lists, when nothing is said */
	CONTRACT_LIMIT_MAX = 100,
	CONTRACT_LIMIT_HIGHEST = 1000,	/* that a contract may say */
	CONTRACT_NAME_MAX = 63,		/* bytes of a name in Postgres */
	BATCH_HIGHEST = 1000,		/* rows of an array */
	STATEMENT_PARAMS_MAX = 65535,	/* of Postgres */
	TAGS_MAX = 32,			/* of an If-Match */
	KEY_MAX = 255,			/* bytes of an Idempotency-Key */
	LIST_TERMS_MAX = 32,		/* filters of a request */
	LIST_DEPTH_MAX = 5,		/* of brackets, or=() counts as one */
	LIST_IN_MAX = 100,		/* values of in.() */
	LIST_LIKE_MAX = 256,		/* bytes of a like pattern */
	LIST_SEARCH_MAX = 256,		/* bytes of search= */
	LIST_ORDER_MAX = 4,		/* fields of an order, the key aside,
					 * of one property; fewer with more */
	KEY_FIELDS_MAX = 4,
	SEARCH_MAX = 8,			/* columns that it looks at */
	PATH_DEPTH_MAX = 4,		/* steps of a filter into json */
	RELATED_DEFAULT = 20,		/* rows of a relation to many */
	RELATED_HIGHEST = 100,		/* that a contract may say */
	EMBED_DEPTH_MAX = 3,		/* relations of relations */
	EMBED_MAX = 8,			/* relations of a request */
	EMBED_ROWS_MAX = 10000,		/* rows that they could give in all */
	CURSOR_TEXT_MAX = 255,		/* characters of a sort field */
	CURSOR_VALUE_MAX = 4 * CURSOR_TEXT_MAX,	/* and its bytes */
	CURSOR_MAX = 6144,		/* characters of a cursor */
	SCHEDULE_ARGS_MAX = 65536,	/* bytes */
};

/* A path below the base, cut at its slashes. */
struct segment {
	const char *text;	/* literal, or the parameter's name */
	bool parameter;
};
struct course {
	struct segment segment[HTTP_SEGMENTS_MAX];
	size_t count;
};

/* A parameter of a pattern, in the pattern's order. */
struct slot {
	const char *name;
	size_t segment;		/* its number in the pattern */
	const struct field *field;
};

/*
 * What accepting a request needs of an operation beside its public half; the
 * array of them runs parallel to the operations.
 */
struct intake {
	struct course course;
	struct slot path[HTTP_SEGMENTS_MAX];
	size_t path_count;
	size_t sent_first;	/* arguments before are path parameters, from
				 * here on members of the body or query */
	const bool *required;	/* of the arguments; for query parameters */
	const struct field *const *returned;
	size_t returned_count;
};

/* A node of the routing trie: one segment of the patterns. */
struct node {
	const char *literal;		/* NULL for a parameter */
	struct node **children;		/* literals, sorted */
	size_t child_count;
	struct node *parameter;		/* or NULL */
	const struct operation *by_method[METHOD_COUNT];
};

/* What api.json says of delivering messages. */
struct delivery {
	const char *role;		/* NULL: there is none of servers */
	const unsigned *steps_ms;	/* between attempts */
	size_t step_count;
	unsigned timeout_ms, concurrency;
};

struct contract {
	struct arena *arena;		/* owns all but the schemas */
	struct schema_set *schemas;
	struct contract_about about;
	struct course base;
	unsigned limit_default, limit_max;
	struct resource *resources;
	size_t resource_count;
	struct operation *operations;
	struct intake *intakes;
	size_t operation_count;
	struct job_kind *jobs;
	size_t job_count;
	struct webhook *webhooks;
	size_t webhook_count;
	struct delivery delivery;
	struct message *messages;
	size_t message_count;
	struct rollup *rollups;
	size_t rollup_count;
	struct expectation *expectations;
	size_t expectation_count;
	struct node *routes;
};

struct input {
	struct plan plan;
};

/* ---- loading: source.c ---- */

/* A file of the contract, read and placed. */
struct source {
	const char *file;		/* relative to the directory */
	struct json_object *root;
	struct json_places *places;
};

/* An object of a file, where it begins, and how reports introduce it. */
struct at {
	const struct source *source;
	struct json_object *object;
	size_t line, column;
	const char *what;		/* `operation "list": `, or "" */
};

/* One loading.  What stays goes into the contract's arena. */
struct loader {
	struct contract *contract;
	struct arena *arena;		/* the contract's */
	struct arena *scratch;		/* dropped after loading */
	const char *directory;
	bool roles_known;		/* api.json could be read */
	struct buf faults;		/* lines, unsorted */
	struct relation_note *relations;	/* to be made at the end */
	struct export_note *exports;	/* likewise */
};

/* Kinds of members, and the tables that objects are held against. */
enum kind {
	KIND_TEXT, KIND_NUMBER, KIND_FLAG, KIND_OBJECT, KIND_TEXTS,
	KIND_NAMES,		/* a text, or a list of texts */
	KIND_NUMBERS		/* a list of integers */
};
struct member {
	const char *name;
	enum kind kind;
	bool required;
};

/*
 * Reads a file of the contract whose top must be an object.  false when it
 * cannot be; why is reported.
 */
bool source_read(struct loader *ld, const char *file, struct at *ret)
    MUST_CHECK;

/* Is there such a file below the contract's directory? */
bool source_exists(const struct loader *ld, const char *file);

/*
 * Report a fault: at a place of a file; at the value, or name, of a member; at
 * an item of a member that is a list; at the object itself.
 */
void fault_place(struct loader *ld, const char *file, size_t line,
    size_t column, const char *format, ...) PRINTF_LIKE(5, 6);
void fault_value(struct loader *ld, const struct at *at, const char *name,
    const char *format, ...) PRINTF_LIKE(4, 5);
void fault_name(struct loader *ld, const struct at *at, const char *name,
    const char *format, ...) PRINTF_LIKE(4, 5);
void fault_item(struct loader *ld, const struct at *at, const char *name,
    size_t index, const char *format, ...) PRINTF_LIKE(5, 6);

/* Adds all faults to `out`: by file and place, each once. */
void faults_sorted(struct loader *ld, struct buf *out);

/*
 * `; did you mean "filter"?` when a known word is near, else
 * `; known are a, b`.  In the scratch arena.
 */
const char *hint(struct loader *ld, const char *word,
    const char *const *known, size_t count);

/*
 * Holds an object against its table: unknown members, missing ones, wrong
 * shapes, empty texts, repeated items.
 */
void members_check(struct loader *ld, const struct at *at,
    const struct member *table, size_t count);

/*
 * Members of the right shape; NULL, false and 0 items when they are absent or
 * were reported.  Texts are copied into the contract's arena.
 */
const char *member_text(struct loader *ld, const struct at *at,
    const char *name);
bool member_number(const struct at *at, const char *name, int64_t *ret);
bool member_flag(const struct at *at, const char *name);
bool member_object(const struct at *at, const char *name, const char *what,
    struct at *ret);
const char *const *member_texts(struct loader *ld, const struct at *at,
    const char *name, size_t *ret_count);

/* ---- loading: webhook.c ---- */

/* Reads webhooks/ into the contract, if it is there; resources are read. */
void webhooks_load(struct loader *ld);

/* ---- loading: message.c ---- */

/* Reads "delivery" of api.json; and messages/, when jobs/ is read. */
void delivery_load(struct loader *ld, const struct at *api);
void messages_load(struct loader *ld);

/* Reads rollups/ into the contract, if it is there; resources are read. */
void rollups_load(struct loader *ld);

/*
 * What is wrong with a message that a kind is to deliver, {"type", "data"}, or
 * NULL; issues go to the scope.
 */
const char *message_fault(struct scope *sc, const struct job_kind *kind,
    struct json_object *body);

/* ---- loading: expectation.c ---- */

/* Reads expectations/ into the contract, if it is there. */
void expectations_load(struct loader *ld);

/* The *.json of a directory below the contract's; -1 when it cannot be read. */
struct dirent;
int json_files(const struct loader *ld, const char *below,
    struct dirent ***ret);

/* Room for one more element after `count`, in the contract's arena. */
void *grown(struct loader *ld, void *array, size_t count, size_t size);

/* ---- loading: api.c ---- */

/* Reads "cors" and "rates" of api.json. */
void cors_load(struct loader *ld, const struct at *api);
void rates_load(struct loader *ld, const struct at *api);

/* ---- loading: resource.c, operation.c, demand.c ---- */

/* A resource while it is read: its fields can still change. */
struct draft {
	struct at at;
	struct resource *resource;
	struct field *fields;
	size_t field_count;
	const struct field *const *returned;
	size_t returned_count;
	const struct schema *whole;	/* NULL: it could not be compiled */
};

/* Reads resources/X.json into the contract. */
void resource_load(struct loader *ld, const char *file);

/* Reads one member of "operations", the object at `all`. */
void operation_load(struct loader *ld, struct draft *draft,
    const struct at *all, const char *name);

/*
 * Reads when a kind of job runs by itself; what it calls and as whom is known.
 */
void schedule_load(struct loader *ld, const struct at *at,
    struct job_kind *kind);

/* Reads "schedule" and "zone" alone; without arguments. */
const struct schedule *schedule_read(struct loader *ld, const struct at *at);

/* Reads jobs/X.json into the contract. */
void job_load(struct loader *ld, const char *file);

/*
 * Reads what an operation says of repeats, races, many rows at once, caches
 * and rates; its verb and method are known.
 */
void demands_load(struct loader *ld, const struct at *at,
    const struct draft *draft, struct operation *op);

/*
 * Reads what an operation says of reading: "search", "count", "replica"; notes
 * "related", which relations_make() makes when all resources are there.  The
 * operation is the next one to be added.
 */
void reads_load(struct loader *ld, const struct at *at,
    const struct draft *draft, struct operation *op);
void relations_make(struct loader *ld);

/*
 * Reads an item of "filter" that looks into a json column.  false when it is
 * none of those.
 */
bool path_load(struct loader *ld, const struct at *at,
    const struct draft *draft, struct operation *op, size_t index,
    const char *name);

/*
 * Reads "errors" or "constraints".  Constraints have a path and a default for
 * their status; errors have neither.
 */
struct declaration {
	const char *member;
	bool (*key_fits)(const char *key);
	const char *key_is;		/* how a key looks, for reports */
	bool constraint;
};
const struct declared *declared_load(struct loader *ld, const struct at *at,
    const struct declaration *kind, const struct draft *draft,
    size_t *ret_count);

/* Reads "limit" over the given defaults. */
void limit_load(struct loader *ld, const struct at *at, unsigned *ret_default,
    unsigned *ret_max);

/* Reads "schema.name" of a member into a relation. */
struct relation relation_load(struct loader *ld, const struct at *at,
    const char *member, const char *example);

/*
 * Compiles a file that a member names; NULL when it cannot be (reported).
 */
const struct schema *file_load(struct loader *ld, const struct at *at,
    const char *member, enum variant variant, const char **ret_file);

/*
 * The properties of an object schema as fields, without the writeOnly ones
 * when `returned`.  Names that cannot be columns are reported.
 */
struct field *fields_load(struct loader *ld, const struct schema *schema,
    const char *file, bool returned, const bool **ret_required,
    size_t *ret_count);

/* A field made of a name alone, judged as 1 to 255 characters. */
struct field field_plain(struct loader *ld, const char *name);

/* [A-Za-z_][A-Za-z0-9_]*, [a-z][a-z0-9_]*; at most 63 bytes. */
bool name_is_column(const char *s);
bool name_is_word(const char *s);

/* The field of that name, or NULL. */
const struct field *field_find(const struct field *fields, size_t count,
    const char *name, size_t length);

/* Does the field hold a text, number or boolean, never an array or object? */
bool field_is_scalar(const struct field *field);

/* The names of fields, for hints. */
const char *const *field_names(struct loader *ld, const struct field *fields,
    size_t count);

/* ---- export.c ---- */

/* Is the operation at `all` an export, and no call of that name? */
bool is_export(const struct at *at, const char *name);

/*
 * Reads an export but for its list, which exports_make() makes of the
 * resource's when all resources are there; with the first one comes the kind of
 * job that writes them.
 */
void export_load(struct loader *ld, const struct at *at,
    const struct draft *draft, struct operation *op);
void exports_make(struct loader *ld);

/* May the caller do this?  PROBLEM_TOKEN_MISSING, PROBLEM_FORBIDDEN. */
enum problem role_check(const struct operation *op,
    const struct caller *caller) MUST_CHECK;

/* Judges the query of a request for an export into the arguments of its call. */
enum problem export_accept(struct scope *sc, const struct intake *intakes,
    const struct operation *op, const struct request *rq,
    struct value *values, size_t *ret_count) MUST_CHECK;

/* ---- route.c ---- */

/*
 * Cuts a path.  NULL, or what is wrong with it.  Parameters are allowed when
 * `parameters` is set.
 */
const char *course_read(struct arena *arena, const char *path,
    bool parameters, struct course *ret);

/* May both meet the same request, with neither the more exact one? */
bool course_clash(const struct course *a, const struct course *b);

/* Makes the trie of all operations. */
void routes_build(struct contract *contract);

/* ---- negotiate.c ---- */

/*
 * The form of a reply's body that an Accept field (or NULL) wants: JSON, and
 * for lists the others as well.  PROBLEM_NOT_ACCEPTABLE when it takes none.
 */
enum problem media_choose(const char *accept, bool list, enum media *ret)
    MUST_CHECK;

/* application/json, with charset=utf-8 at most (RFC 8259 has no other)? */
bool media_is_json(const char *content_type);

/* A line of JSON each: application/x-ndjson and its other names? */
bool media_is_lines(const char *content_type);

/* Is there an escaped NUL in JSON text?  jsonb takes none. */
bool has_nul(const char *json);

/* ---- records.c, bulk.c, bulk_accept.c ---- */

/*
 * The records of a body one after the other, without reading them: the lines of
 * a text, or the items of a JSON array.  A line that is blank is none.
 */
struct records {
	const char *text;
	size_t length, at;
	size_t line;			/* of lines: from 1 */
	bool lines;
	bool begun;			/* of an array: behind its bracket */
};
struct record {
	const char *text;
	size_t length;
	size_t line;			/* 0 in an array */
};
enum records_step { RECORDS_ONE, RECORDS_END, RECORDS_BROKEN };

/*
 * The next one.  RECORDS_BROKEN: it is no array after all; `at` says where.
 * Items may be anything that has no bracket, comma or blank outside its own.
 */
void records_begin(struct records *r, const char *text, size_t length,
    bool lines);
enum records_step records_next(struct records *r, struct record *ret)
    MUST_CHECK;

/* The line and column of an offset, from 1. */
void records_place(const char *text, size_t offset, size_t *ret_line,
    size_t *ret_column);

/* Reads "bulk" and what follows of it, when all else of the operation is. */
/* "partition" of a resource, whose fields and table are known. */
void partition_load(struct loader *ld, const struct draft *draft);

void bulk_load(struct loader *ld, const struct at *at,
    const struct draft *draft, struct operation *op);

/* Judges the body of a request into the plan of a bulk's operation. */
enum problem bulk_accept(struct scope *sc, const struct operation *create,
    const struct request *rq, struct plan *plan) MUST_CHECK;

/*
 * A column of integers takes no "1.0" or "1e2", which JSON counts as such: the
 * text of one as digits.
 */
const char *integer_text(struct arena *arena, const struct field *field,
    const char *text);

/* ---- judging: accept.c, headers.c, list.c, cursor.c ---- */

/*
 * Judges a text by a field's schema.  On success *ret is the text as Postgres
 * reads it.
 */
bool field_judge(struct scope *sc, const struct place *at,
    const struct field *field, const char *text, const char **ret) MUST_CHECK;

/* The place of a member or parameter at the top. */
struct place place_of(const char *name);

/*
 * A JSON array as Postgres reads one of SQL: {"a",NULL,"b"}; one in one has its
 * own brackets, an object is its JSON text.  *ret_nul: a text in it has a NUL,
 * which no text of SQL can.
 */
const char *sql_array_text(struct arena *arena, struct json_object *list,
    bool *ret_nul);

/* How many fields an order may have before its end is the key. */
size_t order_most(const struct resource *resource);

/*
 * Ends an order of at most so many by the key; there must be room for
 * LIST_ORDER_MAX + 1 in all.  The count.
 */
size_t order_finish(struct sort *order, size_t count,
    const struct resource *resource);

/*
 * Reads Prefer, If-Match and Idempotency-Key into the plan, as the operation
 * hears them.
 */
enum problem headers_accept(struct scope *sc, const struct request *rq,
    const struct accept_options *options, struct plan *plan) MUST_CHECK;

/* Reads the query string of a list, or of a single row, into the plan. */
enum problem list_read(struct scope *sc, const struct intake *intake,
    const struct request *rq, struct plan *plan) MUST_CHECK;

/* The order as text, "created_at.desc,id.asc": what a cursor is bound to. */
const char *order_text(struct arena *arena, const struct sort *order,
    size_t count);

/* Reads a cursor back.  false when it is not one of this list. */
bool cursor_read(struct scope *sc, const struct plan *plan, const char *text,
    const char *const **ret_after) MUST_CHECK;

#endif
