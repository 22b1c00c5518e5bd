/* SPDX-License-Identifier: MIT */
/*
 * Finds what has a URI in a document: each schema with an $id is a resource,
 * with anchors of its own.  The walk follows the keywords that hold schemas, so
 * that an "$id" among the values of enum or of an unknown keyword is none.
 * Nothing is a fault here; the compiler tells what is wrong where it is used.
 *
 * The first that claims a URI or an anchor keeps it.  The walk is bounded by
 * the depth that the reader lets files have.
 */
#include "contract/document.h"
#include "contract/keyword.h"
#include "contract/uri.h"

#include <stdint.h>
#include <string.h>

struct uri_row {
	struct uri_row *chain;
	const char *uri;
	const struct schema_resource *resource;
};

/* One walk. */
struct walk {
	struct library *library;
	const struct document *document;
};

static void walk_schema(const struct walk *walk, struct schema_resource *in,
    struct spot spot, struct json_object *value);

static size_t
bucket_of_uri(const char *uri)
{
	uint32_t hash = 2166136261u;

	for (; *uri != '\0'; uri++)
		hash = (hash ^ (unsigned char)*uri) * 16777619u;
	return hash % LIBRARY_BUCKETS;
}

static size_t
bucket_of_root(const struct json_object *root)
{
	return ((uintptr_t)root >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 56;
}

const struct schema_resource *
library_find(const struct library *library, const char *uri)
{
	const struct uri_row *row = library->uris[bucket_of_uri(uri)];

	while (row != NULL && strcmp(row->uri, uri) != 0)
		row = row->chain;
	return row != NULL ? row->resource : NULL;
}

const struct schema_resource *
library_resource_at(const struct library *library,
    const struct json_object *value)
{
	const struct schema_resource *r = library->roots[bucket_of_root(value)];

	while (r != NULL && r->root != value)
		r = r->chain;
	return r;
}

const struct anchor *
resource_anchor(const struct schema_resource *resource, const char *name,
    bool dynamic)
{
	const struct anchor *a = resource->anchors;

	while (a != NULL && (strcmp(a->name, name) != 0 ||
	    (dynamic && !a->dynamic)))
		a = a->next;
	return a;
}

static void
name_resource(struct library *library, const char *uri,
    const struct schema_resource *resource)
{
	struct uri_row **bucket = &library->uris[bucket_of_uri(uri)], *row;

	if (library_find(library, uri) != NULL)
		return;
	row = arena_alloc(library->arena, sizeof(*row));
	*row = (struct uri_row){ *bucket, uri, resource };
	*bucket = row;
}

static const char *
string_member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static struct schema_resource *
resource_new(const struct walk *walk, const struct schema_resource *outer,
    const char *uri, const struct spot *spot, struct json_object *root)
{
	struct library *library = walk->library;
	struct schema_resource *r = arena_alloc(library->arena, sizeof(*r));
	struct schema_resource **bucket = &library->roots[bucket_of_root(root)];

	*r = (struct schema_resource){ .next = library->resources,
		.chain = *bucket, .document = walk->document, .outer = outer,
		.uri = uri, .root = root, .spot = *spot };
	r->spot.resource = r;
	if (json_object_is_type(root, json_type_object)) {
		r->metaschema = string_member(root, "$schema");
		json_object_object_get_ex(root, "$vocabulary", &r->vocabulary);
	}
	library->resources = *bucket = r;
	name_resource(library, uri, r);
	return r;
}

/* Adds an anchor after those found before: the first one is found first. */
static void
add_anchor(const struct walk *walk, struct schema_resource *in,
    const struct spot *spot, struct json_object *value, const char *keyword)
{
	const char *name = string_member(value, keyword);
	struct anchor *anchor;

	if (name == NULL)
		return;
	anchor = arena_alloc(walk->library->arena, sizeof(*anchor));
	*anchor = (struct anchor){ in->anchors, name, keyword[1] == 'd', *spot,
		value };
	in->anchors = anchor;
}

static void
walk_list(const struct walk *walk, struct schema_resource *in,
    struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		walk_schema(walk, in, (struct spot){ in, list, NULL, i, false },
		    json_object_array_get_idx(list, i));
}

static void
walk_map(const struct walk *walk, struct schema_resource *in,
    struct json_object *map)
{
	json_object_object_foreach(map, name, value)
		walk_schema(walk, in, (struct spot){ in, map, name, 0, false },
		    value);
}

/* Walks the schemas that are in a keyword's value. */
static void
walk_keyword(const struct walk *walk, struct schema_resource *in,
    struct json_object *object, const char *name, struct json_object *value)
{
	enum keyword k = schema_keyword_find(name);
	enum shape shape = k == KEYWORD_COUNT ? SHAPE_ANY :
						schema_keywords[k].shape;
	enum json_type type = json_object_get_type(value);

	if (shape == SHAPE_SCHEMA && type == json_type_object)
		walk_schema(walk, in,
		    (struct spot){ in, object, name, 0, false }, value);
	else if (shape == SHAPE_SCHEMAS && type == json_type_array)
		walk_list(walk, in, value);
	else if ((shape == SHAPE_SCHEMA_MAP ||
	    shape == SHAPE_SCHEMA_OR_NAMES_MAP) && type == json_type_object)
		walk_map(walk, in, value);
}

static void
walk_schema(const struct walk *walk, struct schema_resource *in,
    struct spot spot, struct json_object *value)
{
	struct arena *arena = walk->library->arena;
	const char *id;

	if (!json_object_is_type(value, json_type_object))
		return;
	if ((id = string_member(value, "$id")) != NULL) {
		id = uri_resolve(arena, in->uri, id);
		if (spot.parent != NULL)
			in = resource_new(walk, in, id, &spot, value);
		else
			name_resource(walk->library, in->uri = id, in);
		spot.resource = in;
	}
	add_anchor(walk, in, &spot, value, "$anchor");
	add_anchor(walk, in, &spot, value, "$dynamicAnchor");
	json_object_object_foreach(value, name, member)
		walk_keyword(walk, in, value, name, member);
}

void
library_scan(struct library *library, struct document *document,
    const char *uri)
{
	const struct walk walk = { library, document };
	const struct spot spot = { 0 };

	document->top = resource_new(&walk, NULL, uri, &spot, document->root);
	walk_schema(&walk, document->top,
	    (struct spot){ .resource = document->top }, document->root);
}
