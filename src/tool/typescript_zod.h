/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TYPESCRIPT_ZOD_H
#define TOOL_TYPESCRIPT_ZOD_H

#include "tool/typescript.h"

/* What typescript_zod.c and typescript_zod_value.c share, and nobody else. */

enum state { STATE_NEW, STATE_OPEN, STATE_NATIVE, STATE_OPAQUE };

struct item {
	const struct component *component;
	const char *name;		/* of the value */
	struct json_object *schema;
	enum state state;
};

struct zod {
	struct typescript *ts;
	struct item *items;
	size_t count;
	struct buf *out;
	struct buf types;	/* that were written, between blanks */
	bool lazy;		/* something names an open component */
};

/* Where an expression stands: its lines are indented by that. */
struct spot {
	struct zod *zod;
	unsigned indent;
};

/* ---- typescript_zod.c ---- */

/* A schema as an expression of zod, whatever it says. */
const char *zod_expression(struct spot at, struct json_object *schema);

/* ---- typescript_zod_value.c ---- */

/* A schema's keyword, or NULL; is it there?  Of any value. */
struct json_object *zod_get(struct json_object *schema, const char *name);
bool zod_has(struct json_object *schema, const char *name);

/* Is the value a string, that string, a list of strings with it? */
bool zod_is_string(struct json_object *value);
bool zod_is_text(struct json_object *value, const char *text);
bool zod_lists(struct json_object *list, const char *name);

/* Does every judged keyword stand in one of the lists (to NULL)? */
bool zod_has_only(struct json_object *schema, const char *const *a,
    const char *const *b);
extern const char *const zod_none[];

/* The pattern with a for each "$" and b for each "@", in the arena. */
const char *zod_format(struct spot at, const char *pattern, const char *a,
    const char *b);

/* The text of b, which is released. */
const char *zod_moved(struct spot at, struct buf *b);

/* JSON as an expression. */
const char *zod_literal(struct spot at, struct json_object *value);

/* The type that types.ts has. */
const char *zod_type(struct spot at, struct json_object *schema);

/* What the judge judges as a whole. */
const char *zod_opaque(struct spot at, struct json_object *schema);

/* An enum, a const, a schema of one type; NULL: zod has no words for it. */
const char *zod_listed(struct spot at, struct json_object *schema);
const char *zod_constant(struct spot at, struct json_object *schema);
const char *zod_typed(struct spot at, struct json_object *schema);

#endif
