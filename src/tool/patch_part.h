/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PATCH_PART_H
#define TOOL_PATCH_PART_H

#include "store/store.h"
#include "tool/drift.h"
#include "tool/patch.h"

/*
 * What the files of patch*.c share.  Private to patch*.c.
 */

/* In the order in which they are run; see patch_migration.c. */
enum step {
	STEP_KEY, STEP_RULE, STEP_ACCESS, STEP_VALIDATE, STEP_SETTLE, STEP_DROP,
	STEP_INDEX
};

/* A statement of the migrations. */
struct piece {
	enum step step;
	const char *table;	/* it is a clause of ALTER TABLE; else NULL */
	const char *sql;	/* the clause, or the statement, without ; */
	const char *keys;	/* of an index: table and keys, bare */
	size_t group;		/* pieces that are of no use without it, */
	bool lone;		/* but they are, without this one */
	const struct db_finding *why;
	const char *as;		/* the role that must run it, or NULL */
	bool ran;		/* the last time */
	const char *failed;	/* why the database did not take it, */
	bool along;		/* or another one of its group */
};

struct policy_file {
	const struct catalog_table *table;
	const char *name;	/* letters.sql */
	const char *text;
	enum { FILE_AGAIN, FILE_CHANGED, FILE_NEW } how;
	bool fresh;		/* it was not tried yet */
	const char *failed;
};

struct patching {
	const struct contract *contract;
	const struct patch_options *options;
	const struct catalog *catalog;	/* as it was found, */
	const struct findings *found;	/* with this */
	struct arena *arena;
	struct trial *trial;
	const char *directory;		/* of the contract */
	struct piece *pieces;
	size_t piece_count, piece_room, groups;
	struct policy_file *files;
	size_t file_count, file_room;
};

/* The SQL of a finding's mend, or NULL: it has none. */
const char *patch_sql(const struct db_finding *f);

/* Is the object the table, or something of it?  "policy p on app.letters" */
bool patch_is_of(const struct db_finding *f, const struct catalog_table *t,
    struct arena *arena);

/* Adds pieces that mend findings; how many were not there yet. */
size_t patch_add_pieces(struct patching *p, const struct findings *findings);

/* The statement of a piece as it is run. */
const char *patch_statement(struct patching *p, const struct piece *piece);

/* The migrations as files; how many. */
size_t patch_migrations(struct patching *p, struct patch_file *ret);

/* Who owns what the piece is about, by the catalog; NULL = not known. */
const char *patch_owner_of(struct patching *p, const struct piece *piece);

/* Is the finding about who may see and change a table's rows? */
bool patch_is_access(const struct db_finding *f);

/*
 * Has the finding's table a policy file that mends it?  It is then among the
 * files, with what the finding adds to it.  *ret_added: something is new.
 */
bool patch_by_file(struct patching *p, const struct db_finding *f,
    bool *ret_added);

/* The policy file of a table, as far as its rules can be inferred. */
const char *patch_policy(struct patching *p, const struct catalog_table *t);

/* A name as SQL has it: quoted where it must be. */
const char *patch_name(struct arena *arena, const char *name);

/* A text as a literal of SQL. */
const char *patch_literal(struct arena *arena, const char *text);

/* A text as a comment may have it: on one line. */
const char *patch_comment(struct arena *arena, const char *text);

/* Whose rows are a caller's: what was inferred, and by what. */
struct ownership {
	const char *condition;		/* NULL: it could not be */
	const char *column;		/* that is the caller's, or NULL */
	const char *reason;		/* a clause */
	const char *writers;		/* NULL: whose they are writes them;
					 * else why that is not known */
};
struct ownership patch_owner(struct patching *p,
    const struct catalog_table *t);

/*
 * What a function does with a table by its text: verbs as bits, and by column.
 * Columns of a SELECT are all that it mentions.
 */
unsigned patch_uses(const struct catalog_function *f,
    const struct catalog_table *t, unsigned *ret_columns);

#endif
