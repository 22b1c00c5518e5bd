/* SPDX-License-Identifier: MIT */
#ifndef STORE_PROVE_H
#define STORE_PROVE_H

#include "store/catalog.h"

/*
 * What the files of the proof share.  Private to prove*.c.
 *
 * A plot is a table, view or partition with what is known of it; a tenant is a
 * made-up subject, with one row of its own in each plot; a row's values are
 * texts in the order of the catalog's columns, NULL for SQL's NULL.
 */
enum { TENANTS = 2, OURS = 0, THEIRS = 1 };

struct made {
	enum { MADE_NOT, MADE_BUSY, MADE_ROW, MADE_FAILED } state;
	const char *const *values;
	const char *why;		/* of MADE_FAILED */
	const char *key;		/* that it was given, or NULL */
	bool assumed;			/* of a view: nobody could look */
};

struct plot {
	const struct catalog_table *table;
	const char *sql;		/* its name, quoted */
	const struct resource *resource;	/* the first of it, or NULL */
	bool wanted;			/* rows are made in it */
	bool tried;			/* it is the contract's business */
	bool opens;			/* FORCE must be lifted for rows */
	bool open;			/* it is */
	bool *tied;			/* by column: says whose a row is */
	size_t tied_count;
	unsigned *weight;		/* by column: by how much */
	const size_t *key;		/* columns that tell its rows apart */
	size_t key_count;
	uint64_t theirs;		/* rows that are the other's */
};

struct tenant {
	const char *subject;
	int64_t number;			/* the same for integers */
	const char *claims;		/* members after the role's */
	struct made *rows;		/* by plot */
};

struct proof {
	struct arena *arena;
	const struct contract *contract;
	const struct catalog *catalog;
	PGconn *connection;
	struct buf *fault;
	const char *maker;		/* whom the connection is of */
	bool exempt;			/* no policy binds it */
	const char *why;		/* FORCE could not be lifted */
	uint64_t seed;
	struct plot *plots;		/* by table of the catalog */
	size_t plot_count;
	struct tenant tenants[TENANTS];
};

/* A way in which rows may be: a column of them has another value. */
struct variant {
	size_t plot, column;
	const char *value;		/* NULL: NULL */
	const char *words;		/* "app.members.role = 'admin'" */
};

/* ---- Words of SQL. */

/* A name, a text as a literal ("null" for NULL), "\"app\".\"letters\"". */
const char *proof_name(struct proof *p, const char *name);
const char *proof_literal(struct proof *p, const char *text);

/*
 * Another value of a column, of the same shape; the same where none is known.
 */
const char *proof_scrambled(struct proof *p, const struct catalog_column *c,
    const char *text);

/* Some UUID. */
const char *proof_uuid(struct proof *p);

/* Statements without rows; false: one failed. */
bool proof_do(struct proof *p, const char *sql);

/* The rows of a statement, in the arena's care; never NULL. */
PGresult *proof_ask(struct proof *p, const char *sql);

/* What an error says, on one line. */
const char *proof_words(struct proof *p, const PGresult *result);

/* Is there a column of the name?  Its number, or column_count. */
size_t proof_column(const struct catalog_table *t, const char *name);

/* The plot of a table, or NULL. */
struct plot *proof_plot(struct proof *p, const char *schema,
    const char *table);

/* Lifts FORCE from a plot for the maker, and puts it back. */
bool proof_open(struct proof *p, struct plot *plot);
bool proof_close(struct proof *p, struct plot *plot);

/* "\"id\" = '...'" of those columns of a row, joined by AND. */
const char *proof_where(struct proof *p, const struct plot *plot,
    const char *const *values, const size_t *columns, size_t count);

/* ---- The parts. */

/* What a column that says whose a row is has for a tenant. */
const char *proof_identity(struct proof *p, const struct tenant *tenant,
    const struct catalog_column *c);

/* Puts what the connection says into the fault; false. */
bool proof_trouble(struct proof *p, const char *what);

/* Some number. */
uint64_t proof_chance(struct proof *p);

/* Finds the plots, then the bounds of partitions. */
void proof_find(struct proof *p);
bool proof_bounds(struct proof *p) MUST_CHECK;

/* Which columns say whose a row is, by policies, defaults, foreign keys. */
bool proof_tie(struct proof *p) MUST_CHECK;

/* Values that a column would take, most likely first. */
const char *const *proof_values(struct proof *p, const struct plot *plot,
    const struct catalog_column *column, size_t *ret_count);

/* Makes the tenants' rows; why one could not be is in its made. */
void proof_make(struct proof *p);

/* Finds the tenants' rows in views. */
void proof_view(struct proof *p, size_t plot);

/* Do policies of other tables read it, or functions that policies call? */
bool proof_is_read(const struct proof *p, const struct catalog_table *table);

/* The ways in which the rows of a plot may be, beside as they were made. */
const struct variant *proof_variants(struct proof *p, const struct plot *plot,
    size_t *ret_count);

/* Makes the tenants' rows so, by the maker; false: they cannot be. */
bool proof_vary(struct proof *p, const struct variant *variant);

/* How many rows say that they are the other's; asked by the maker. */
bool proof_count(struct proof *p, const struct plot *plot, uint64_t *ret);

/* How it is said that a statement went through and met no row. */
extern const char proof_no_row[];

/* Tries the cells of a role that are not settled yet. */
void proof_try(struct proof *p, struct plot *plot, struct prove_row *row,
    const char *when);

#endif
