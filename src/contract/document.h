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
 * The documents that schemas are in, read once each, the URIs that they and
 * their parts have, and the faults found in them.  Private to contract/.
 */
enum { LIBRARY_BUCKETS = 256 };

struct document {
	struct document *next;
	const char *file;	/* below the library's directory, normal; or
				 * the path or URI that it is told by */
	bool below;		/* below the library's directory */
	struct json_object *root;
	struct json_places *places;
	struct schema_resource *top;
};

/*
 * Where a value stands: a member or item of its parent; parent NULL is the
 * document's root.  With `of_name`, the member's name is meant.
 */
struct spot {
	const struct schema_resource *resource;
	struct json_object *parent;
	const char *name;
	size_t index;
	bool of_name;
};

/* $anchor or $dynamicAnchor of a resource. */
struct anchor {
	const struct anchor *next;
	const char *name;
	bool dynamic;
	struct spot spot;
	struct json_object *value;
};

/* The keywords of a schema's metaschema that count. */
struct dialect {
	unsigned vocabularies;
	bool assert_format;
};

/* A schema that has a URI: the root of a document, or one with an $id. */
struct schema_resource {
	struct schema_resource *next;	/* of the library */
	struct schema_resource *chain;	/* of a bucket */
	const struct document *document;
	const struct schema_resource *outer;	/* it is embedded in, or NULL */
	const char *uri;		/* the base of its references */
	struct json_object *root;
	struct spot spot;
	const char *metaschema;		/* $schema, or NULL */
	struct json_object *vocabulary;	/* $vocabulary, or NULL */
	const struct anchor *anchors;
	const struct dialect *dialect;	/* once asked for */
	bool used;			/* a schema of it was compiled */
};

struct library {
	struct arena *arena;	/* the documents live in it */
	const char *directory;
	bool contract;		/* files are read by the contract's rules */
	struct document *documents;
	struct schema_resource *resources;
	struct schema_resource *roots[LIBRARY_BUCKETS];	/* by root */
	struct uri_row *uris[LIBRARY_BUCKETS];
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
 * The normal form of a path relative to a directory ("" is the top).  NULL
 * when it leads out of it.
 */
const char *library_normal(struct arena *arena, const char *directory,
    const char *path);

/* Can a file of that normal name be read? */
bool library_exists(const struct library *library, const char *name);

/*
 * Reads a file, once.  NULL when it is not below the directory, cannot be read
 * or is not JSON; that is a fault, at `from` (NULL: at the file itself).
 */
const struct document *library_open(struct library *library, const char *file,
    const struct spot *from) MUST_CHECK;

/*
 * Reads a file from anywhere under a URI that has a scheme; the same one is
 * read once.  false: a fault.
 */
bool library_register(struct library *library, const char *uri,
    const char *path) MUST_CHECK;

/* Takes a text as the document of a URI; NULL when it is not JSON: a fault. */
const struct document *library_add(struct library *library, const char *uri,
    const char *text) MUST_CHECK;

/* A metaschema of 2020-12 by its URI, or NULL. */
const struct schema_resource *library_standard(struct library *library,
    const char *uri);

/* The URI of a file below the directory. */
const char *library_file_uri(struct library *library, const char *name);

/* ---- scan.c: what has a URI ---- */

/*
 * Finds the resources and anchors of a document that was read, which has the
 * URI.  Only where schemas are: not in enum, const, unknown keywords.
 */
void library_scan(struct library *library, struct document *document,
    const char *uri);

/* The resource of a URI (without fragment) among those known, or NULL. */
const struct schema_resource *library_find(const struct library *library,
    const char *uri);

/* The resource whose root a value is, or NULL. */
const struct schema_resource *library_resource_at(const struct library *library,
    const struct json_object *value);

/* An anchor of a resource, or NULL; only a dynamic one when that is asked. */
const struct anchor *resource_anchor(const struct schema_resource *resource,
    const char *name, bool dynamic);

/* ---- resolve.c: what a reference refers to ---- */

struct target {
	struct spot spot;
	struct json_object *value;
	const char *dynamic;	/* the $dynamicAnchor that was named, or NULL */
};

/*
 * Finds what a $ref (or what `keyword` is) at the spot refers to: a URI
 * reference with a JSON pointer or an anchor as its fragment.  A relative one
 * may name a file, relative to that of the spot.  false: a fault.
 */
bool library_resolve(struct library *library, const struct spot *from,
    const char *keyword, const char *reference, struct target *ret)
    MUST_CHECK;

/*
 * The dialect of a resource, by its $schema or that of what it is in; a fault
 * there when it is not known.
 */
const struct dialect *library_dialect(struct library *library,
    const struct schema_resource *resource);

#endif
