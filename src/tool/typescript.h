/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TYPESCRIPT_H
#define TOOL_TYPESCRIPT_H

#include <json-c/json.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tool/gen.h"

/* What the writers of the TypeScript folder share.  Private to tool/. */

/* The first line of each file begins so: it is ours to change or remove. */
#define TYPESCRIPT_MARK "// Made by lockstep gen typescript from "

/* One folder while it is made. */
struct typescript {
	const struct contract *contract;
	struct arena *arena;
	/* All components are published before the first file is written. */
	struct publication *schemas;
	/* Names that the file being made has of its own, to NULL; or NULL. */
	const char *const *taken;
};

/* ---- typescript.c ---- */

/* The folder: makes or checks its files, removes what it made once. */
enum gen_outcome typescript_folder(const struct gen_options *options,
    const struct contract *contract, const char *directory) MUST_CHECK;

/* What one file holds, after its first line. */
void typescript_index(struct typescript *ts, struct buf *out);
void typescript_client(struct typescript *ts, struct buf *out);
void typescript_types(struct typescript *ts, struct buf *out);
void typescript_problems(struct typescript *ts, struct buf *out);
void typescript_operations(struct typescript *ts,
    const struct resource *resource, struct buf *out);
void typescript_queries(struct typescript *ts,
    const struct resource *resource, struct buf *out);
void typescript_validators(struct typescript *ts, struct buf *out);
void typescript_zod(struct typescript *ts, struct buf *out);

/* ---- typescript_publish.c: components, by their forms ---- */

/* Publishes what operations take and tell; rows first. */
void typescript_publish(struct typescript *ts);

/* Names that no component may have. */
extern const char *const typescript_reserved[];

/*
 * The component that an operation takes as its body or query, and the one that
 * it tells; NULL when there is none.
 */
const struct component *typescript_taken(struct typescript *ts,
    const struct operation *op);
const struct component *typescript_told(struct typescript *ts,
    const struct operation *op);

/* A resource's row as it is read without `select`. */
const struct component *typescript_row(struct typescript *ts,
    const struct resource *resource);

/* A schema's JSON text as a tree, which the arena drops. */
struct json_object *typescript_parse(struct typescript *ts, const char *text);

/* ---- typescript_import.c: what a file takes of others ---- */

/* A component's name in the file being made: "Order", or "Order_". */
const char *typescript_local(struct typescript *ts, const char *component);

/* A module that may be imported from. */
struct typescript_module {
	const char *from;		/* '../problems.ts' */
	const char *const *names;	/* to NULL */
	bool values;			/* else types */
};

/* Imports the names of modules that the code mentions. */
void typescript_import(struct typescript *ts, const struct buf *code,
    const struct typescript_module *modules, size_t count, struct buf *out);

/* Imports the components that it mentions by their local names. */
void typescript_import_types(struct typescript *ts, const struct buf *code,
    const char *from, struct buf *out);

/* ---- typescript_type.c: JSON Schema -> a TypeScript type ---- */

/* The type of a schema; lines after the first are indented by that. */
void typescript_type(struct typescript *ts, struct json_object *schema,
    unsigned indent, struct buf *out);

/* The declaration of a component: an interface where it can be one. */
void typescript_declare(struct typescript *ts, const char *name,
    struct json_object *schema, struct buf *out);

/* ---- typescript_text.c: texts of the contract inside TypeScript ---- */

/* LetterCreate -> letterCreate; reserved words get a "_". */
const char *typescript_value_name(struct typescript *ts,
    const char *component);

/* set_status -> setStatus: may be reserved as a variable, not as a member. */
const char *typescript_camel(struct typescript *ts, const char *name);

/* Is it a word that no variable may be named? */
bool typescript_is_reserved(const char *word);

/* "#/$defs/LetterCreate" -> LetterCreate */
const char *typescript_reference(struct json_object *reference);

/* A string literal, in single quotes where nothing is escaped. */
void typescript_string(struct buf *out, const char *text, size_t length);

/* A member's name, quoted where it is no identifier. */
void typescript_name(struct buf *out, const char *name);

/* JSON as an expression, and as the type that has this one value. */
void typescript_literal(struct buf *out, struct json_object *value);

/*
 * A comment of whole lines before what it is about, or nothing when there is
 * no text (NULL).  Nothing in it can end it.
 */
void typescript_comment(struct buf *out, unsigned indent, const char *text);

/* What a comment may hold of a text, in one line. */
const char *typescript_plain(struct typescript *ts, const char *text);

/* ---- typescript_data.c: schemas as data of runtime/judge.ts ---- */

/* Keywords by name (to NULL): these, or all but these. */
struct typescript_keywords {
	const char *const *names;
	bool others;
};
bool typescript_has_keyword(const struct typescript_keywords *which,
    const char *name);

/* Is it a keyword that is judged, and no annotation? */
bool typescript_is_judged(const char *name);

/* Is it what an operation takes as its body? */
bool typescript_is_body(struct typescript *ts,
    const struct component *component);

/*
 * A schema, with those of its keywords (NULL: all), as an expression, the names
 * of components behind `module` ("" or "validators.").  Lines after the first
 * are indented; so many columns of the first are used.
 */
const char *typescript_data(struct typescript *ts, struct json_object *schema,
    const struct typescript_keywords *which, const char *module,
    unsigned indent, unsigned used);

#endif
