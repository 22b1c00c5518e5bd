/* SPDX-License-Identifier: MIT */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attribute.h"

struct arena;
struct buf;

/*
 * A strict reader of RFC 8259 that builds json-c objects.  It refuses what
 * json-c's own lets pass: text that is not UTF-8, lone surrogates, duplicate
 * member names, NUL in names, numbers that overflow, comments, single quotes,
 * trailing text.  Integers are kept exact (int64, then uint64); an integer
 * beyond is refused; -0 is the integer 0.  Other numbers keep their text
 * (json_object_new_double_s) and must be finite; what is too small for a
 * double is 0.0 with its text.  A number has 1024 bytes at most, its exponent
 * three digits that count.  With
 * big_numbers nothing is too large: what int64, uint64 or double cannot hold
 * becomes a double, rounded or infinite, with its text.
 *
 * \u0000 in a string's value is JSON and taken (Postgres' text is not: whoever
 * sends it on must look, with json_object_get_string_len).
 */
struct json_caps {
	unsigned depth;		/* nested containers */
	size_t values;		/* values in all */
	size_t members;		/* of one object */
	size_t items;		/* of one array */
	size_t name_bytes;	/* of a member's name, decoded */
	size_t string_bytes;	/* of a string, decoded */
	bool big_numbers;	/* numbers of any size are taken */
};

/*
 * Caps for what clients send, for files of the contract, and for documents that
 * the plain standard of JSON Schema is to judge.
 */
extern const struct json_caps json_caps_wire;
extern const struct json_caps json_caps_file;
extern const struct json_caps json_caps_standard;

/* Where and why reading stopped; line and column count from 1, in bytes. */
struct json_fault {
	size_t offset, line, column;
	const char *reason;	/* constant text, "expected a value" */
};

/*
 * Reads one document of `length` bytes.  On success *ret is the tree; NULL
 * stands for the JSON null; the caller owns it (json_object_put).  Returns
 * false and fills *fault otherwise, *ret untouched, nothing kept.
 */
bool json_read(const char *text, size_t length, const struct json_caps *caps,
    struct json_object **ret, struct json_fault *fault) MUST_CHECK;

/* Drops a tree; for arena_defer(). */
void json_drop(void *tree);

/*
 * The same, noting where each member and item stands in the text, for reports
 * on files.  The places are in the arena.
 */
struct json_places;
bool json_read_placed(struct arena *arena, const char *text, size_t length,
    const struct json_caps *caps, struct json_object **ret,
    struct json_places **ret_places, struct json_fault *fault) MUST_CHECK;

/*
 * Line and column of the value of the member `name` of the object (or of the
 * item `index` of an array, with name NULL), as parent holds it.  false when
 * it is not noted.  json_place_of_name: where the member's name stands.
 */
bool json_place(const struct json_places *places,
    const struct json_object *parent, const char *name, size_t index,
    size_t *ret_line, size_t *ret_column);
bool json_place_of_name(const struct json_places *places,
    const struct json_object *parent, const char *name, size_t *ret_line,
    size_t *ret_column);

/*
 * Line and column of what an issue's path, the JSON text of an array of names
 * and indexes, leads to from the root; of the last that is there, when it is
 * about a member that is missing.
 */
void json_place_of_path(const struct json_places *places,
    struct json_object *root, const char *path, size_t *ret_line,
    size_t *ret_column);

/*
 * Adds the tree as compact JSON text; numbers as they were read.  It only reads
 * the tree, so that threads may write a shared one at the same time.
 */
void json_write(struct buf *b, struct json_object *value);

#endif
