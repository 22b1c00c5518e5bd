/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_DOCUMENT_H
#define CONTRACT_DOCUMENT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "base/json.h"

/*
 * The files that schemas are in, read once each, and the faults found in them.
 * Private to contract/.
 */
struct document {
	struct document *next;
	const char *file;	/* below the library's directory, normal */
	struct json_object *root;
	struct json_places *places;
};

/*
 * Where a value stands: a member or item of its parent; parent NULL is the
 * document's root.  With `of_name`, the member's name is meant.
 */
struct spot {
	const struct document *document;
	struct json_object *parent;
	const char *name;
	size_t index;
	bool of_name;
};

struct library {
	struct arena *arena;	/* the documents live in it */
	const char *directory;
	struct document *documents;
	struct fault_line *told;	/* in all, so that each is told once */
	struct buf *faults;	/* of this compilation; the caller's */
	size_t fault_count;	/* found now, told before or not */
};

/* Adds "file:line:column: text" unless it was told before; counts it. */
void library_fault(struct library *library, const struct spot *spot,
    const char *format, ...) PRINTF_LIKE(3, 4);

/* Line and column of a spot; 1, 1 when it is not noted. */
void spot_place(const struct spot *spot, size_t *ret_line, size_t *ret_column);

/*
 * Reads a file, once.  NULL when it is not below the directory, cannot be read
 * or is not JSON; that is a fault, at `from` (NULL: at the file itself).
 */
const struct document *library_open(struct library *library, const char *file,
    const struct spot *from) MUST_CHECK;

/*
 * Finds what a $ref at the spot refers to: "#/pointer", "file.json",
 * "file.json#/pointer", the file relative to that of the spot.  false: a fault.
 */
bool library_resolve(struct library *library, const struct spot *from,
    const char *reference, struct spot *ret, struct json_object **ret_value)
    MUST_CHECK;

#endif
