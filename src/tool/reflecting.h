/* SPDX-License-Identifier: MIT */
#ifndef TOOL_REFLECTING_H
#define TOOL_REFLECTING_H

#include "base/buf.h"
#include "tool/pen.h"
#include "tool/probe.h"
#include "tool/reflect.h"

/*
 * What the files of reflect*.c share: a table on its way to a resource, and
 * what is known of its rows and columns.  Private to them.
 */
enum owning {
	OWNING_NOBODY,		/* nothing tells whose a row is */
	OWNING_COLUMN,		/* a column has the owner's id */
	OWNING_THROUGH,		/* a foreign key leads to an owned table */
};

/* What becomes of a column. */
struct reflected_column {
	const struct catalog_column *column;
	const char *left_out;	/* why it is no property, or NULL */
	bool key, read_only, create_only, required, nullable;
};

struct reflected {
	const struct catalog_table *table;
	bool wanted;
	const char *refused;		/* why it can be no resource, or NULL */
	const char *name;		/* of the resource */
	const char *sql;		/* quoted: "shop"."orders" */
	struct reflected_column *columns;
	const char *const *key;		/* columns; told to be there */
	size_t key_count;
	bool key_guessed;
	enum owning owning;
	const struct catalog_column *owner;
	const struct catalog_constraint *through;
	const struct reflected *parent;		/* where it leads */
	bool dumped;			/* access is as the database has it */
	const struct catalog_grant *grants;
	size_t grant_count;
};

struct reflection {
	const struct reflect_options *options;
	const struct catalog *catalog;
	struct arena *arena;
	struct reflected *tables;	/* all of the catalog */
	size_t count;
	const char *const *callers;	/* roles */
	size_t caller_count;
	struct buf notes;		/* of the table at hand, a line each */
};

/* A line of what a human should know, or must decide. */
void reflect_note(struct reflection *r, const char *format, ...)
    PRINTF_LIKE(2, 3);

const struct catalog_column *reflect_column(const struct catalog_table *t,
    const char *name);
bool reflect_has(const char *const *names, size_t count, const char *name);

/* Is the relation a view; does it hold rows of its own? */
bool reflect_is_view(const struct reflected *t);

/*
 * The column that tells of one's values: itself, or of a view the one column of
 * that name and type in what the view reads; NULL: there is none, or several.
 */
const struct catalog_column *reflect_origin(const struct reflection *r,
    const struct reflected *t, const struct catalog_column *column,
    const struct catalog_table **ret_table);

/* Is a role one for servers? */
bool reflect_is_server(const struct reflection *r, const char *role);

/*
 * May the role do that with some of the table's rows as things stand?  Asked
 * where the access is the database's.
 */
bool reflect_may(const struct reflection *r, const struct reflected *t,
    size_t role, enum catalog_verb verb);

/* Whose the rows are: for all tables, one by way of another. */
void reflect_owners(struct reflection *r);

/* What becomes of the columns, and what the key is. */
void reflect_columns(struct reflection *r, struct reflected *t);

/* The schema of the table; of one column, into an object that is open. */
void reflect_schema(struct reflection *r, const struct reflected *t,
    struct pen *pen);

/* What a column's CHECKs say of its values, as far as asking tells. */
struct reflected_values {
	const char *const *labels;	/* all that it takes, or none */
	size_t label_count;
	size_t length_least, length_most;	/* 0; SIZE_MAX: any */
	const char *least, *most;	/* numbers as text, or NULL */
	bool beyond_least, beyond_most;	/* these themselves are refused */
	const char *pattern;		/* or NULL */
	size_t items_least, items_most;	/* of an array; 0, SIZE_MAX */
	unsigned json;			/* bits of TYPE_*; 0: it is no json */
};
void reflect_values(struct reflection *r, const struct reflected *t,
    const struct catalog_column *column, struct reflected_values *ret);

/* "examples" of the schema, where one can be made. */
void reflect_example(struct reflection *r, const struct reflected *t,
    struct pen *pen);

/* The resource's file, the policy's, the test's. */
void reflect_resource(struct reflection *r, const struct reflected *t,
    struct pen *pen);
void reflect_policy(struct reflection *r, const struct reflected *t,
    struct buf *out);
void reflect_test(struct reflection *r, const struct reflected *t,
    struct buf *out);

/* Which roles an operation is for; none: there is no such operation. */
const char *const *reflect_roles(struct reflection *r,
    const struct reflected *t, enum catalog_verb verb, size_t *ret_count);

#endif
