/* SPDX-License-Identifier: MIT */
#ifndef TOOL_DRIFT_H
#define TOOL_DRIFT_H

#include "store/store.h"
#include "tool/findings.h"
#include "tool/tool.h"

/*
 * The contract against the database: what the files of drift*.c share.  Each
 * file looks at one kind of thing and tells what differs, by the rules of
 * drift.def.  Private to drift*.c.
 */
enum drift_rule {
#define RULE(name, id, level, title, why, mend) DRIFT_##name,
#include "tool/drift.def"
#undef RULE
	DRIFT_RULE_COUNT
};

struct drift {
	const struct contract *contract;
	const struct contract_about *about;
	const struct catalog *catalog;
	struct arena *arena;
	struct findings *findings;
	const struct resource *resources;
	size_t resource_count;
	const struct operation *operations;
	size_t operation_count;
};

/* A place of the contract: a path into a file, or a line and column of it. */
struct drift_place {
	const char *file;
	const char *path;	/* JSON text of names and indexes; or NULL */
	size_t line, column;
};

/* Tells a finding; `mend` NULL = as the rule says. */
void drift_tell(struct drift *d, enum drift_rule rule, struct drift_place at,
    const char *object, const char *mend, const char *format, ...)
    PRINTF_LIKE(6, 7);

/*
 * Functions of the schema lockstep that something of the contract calls as a
 * role: tells those that are not there, or that the role may not execute.
 * `what` is the finding's sentence up to "finds no such function".
 */
struct drift_use {
	const char *const *names;
	size_t count;
	enum drift_rule rule;
	struct drift_place at;
	const char *what;
};
void drift_ours(struct drift *d, size_t role, const struct drift_use *use);

/* A member of a resource's file; of an operation; an item of that. */
struct drift_place drift_at(struct drift *d, const struct resource *resource,
    const char *member);
struct drift_place drift_in(struct drift *d, const struct operation *op,
    const char *member);
struct drift_place drift_item(struct drift *d, const struct operation *op,
    const char *member, const char *item);

/* Where the schema of a field stands; else the resource's file. */
struct drift_place drift_field(struct drift *d,
    const struct resource *resource, const struct field *field);

/* A text of the arena; a text as a literal of SQL. */
const char *drift_text(struct drift *d, const char *format, ...)
    PRINTF_LIKE(2, 3);
const char *drift_literal(struct drift *d, const char *text);

/* "app.letters", "app.letters.title", "app.letters (authenticated)". */
const char *drift_table_name(struct drift *d, const struct catalog_table *t);
const char *drift_column_name(struct drift *d, const struct catalog_table *t,
    const char *column);
const char *drift_access_name(struct drift *d, const struct catalog_table *t,
    const char *role);

/* Gives a column the default of its schema; NULL: that has none. */
const char *drift_set_default(struct drift *d, const struct resource *r,
    const struct field *f, const struct catalog_column *c);

const struct catalog_column *drift_column(const struct catalog_table *t,
    const char *name);

/* Tells that a role may not use a schema, once. */
void drift_closed(struct drift *d, const struct operation *op,
    const char *schema, const char *role);

/* The column's number in its table. */
size_t drift_number(const struct catalog_table *t,
    const struct catalog_column *c);

/* Has a resource operations of the verb?  The first one, or NULL. */
const struct operation *drift_operation(const struct drift *d,
    const struct resource *r, enum verb verb);

/* Is the field taken by a create, by an update, of its resource? */
bool drift_created(const struct drift *d, const struct resource *r,
    const struct field *f);
bool drift_updated(const struct drift *d, const struct resource *r,
    const struct field *f);

/* Does a text of SQL hold a name as a word? */
bool drift_mentions(const char *source, const char *word);

/* Is the trigger-made column filled before a row of the verbs is kept? */
bool drift_filled(const struct catalog_table *t, const char *column,
    unsigned verbs);

/*
 * Can values of the schema's types be those of an SQL type?  NULL, or what is
 * wrong.  `in`: they come from clients.
 */
const char *drift_type(struct drift *d, const struct field *f,
    const char *type, char category, bool in);

/* The type that the format of a text asks for, or NULL: a text will do. */
const char *drift_format_type(const struct field *f);

/*
 * What operations need of a table: by role, and by role and column; a role has
 * its number in the catalog.
 */
struct needs {
	struct drift *d;
	const struct catalog_table *table;
	const struct resource *resource;	/* the first, or NULL */
	unsigned *rights;		/* of the whole table: DELETE */
	unsigned *columns;		/* role * column_count + column */
	const struct operation **why;	/* role * VERB_COUNT + verb */
};

/* All that is needed of the table. */
struct needs drift_needs(struct drift *d, const struct catalog_table *t);

/* The verbs that a role needs of a column, as bits. */
unsigned *drift_need(struct needs *n, size_t role, size_t column);

/* A walk over the contract and a catalog; the findings give the arena. */
struct drift drift_of(const struct contract *contract,
    const struct catalog *catalog, struct findings *findings);

/* The parts; a resource's table, or an operation's function, is there. */
void drift_columns(struct drift *d, const struct resource *r,
    const struct catalog_table *t);
void drift_values(struct drift *d, const struct resource *r,
    const struct catalog_table *t);
void drift_keys(struct drift *d, const struct resource *r,
    const struct catalog_table *t);
void drift_partition(struct drift *d, const struct resource *r,
    const struct catalog_table *t);
void drift_indexes(struct drift *d, const struct operation *op,
    const struct catalog_table *t);
void drift_functions(struct drift *d);
void drift_grants(struct drift *d);
void drift_webhooks(struct drift *d);
void drift_rollups(struct drift *d);

/* Is the table, or view, one that a rollup of the contract is kept in? */
bool drift_is_rollup(struct drift *d, const struct catalog_table *t);

#endif
