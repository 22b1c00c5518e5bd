/* SPDX-License-Identifier: MIT */
/*
 * References.  One is resolved against the base URI of the schema that it
 * stands in (RFC 3986); the resource of that URI must be known, or be a
 * metaschema of the standard, or a file below the directory.  Its fragment is
 * then a JSON pointer (RFC 6901) or an anchor.  A pointer may lead through
 * unknown keywords: what is there is taken as a schema.
 */
#include "contract/document.h"
#include "contract/keyword.h"
#include "contract/uri.h"

#include <stdlib.h>
#include <string.h>

/* One reference while it is resolved. */
struct resolving {
	struct library *library;
	const struct spot *from;
	const char *keyword, *reference;
};

/* Undoes ~0 and ~1 of RFC 6901 in place; false when a ~ is neither. */
static bool
token_decode(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++, out++) {
		*out = *s;
		if (*s != '~')
			continue;
		if (s[1] != '0' && s[1] != '1')
			return false;
		*out = *++s == '0' ? '~' : '/';
	}
	*out = '\0';
	return true;
}

/* The index that a token of a pointer is; false when it is none. */
static bool
token_index(const char *token, size_t *ret)
{
	if (token[strspn(token, "0123456789")] != '\0' || *token == '\0' ||
	    (*token == '0' && token[1] != '\0') || strlen(token) > 9)
		return false;
	*ret = strtoul(token, NULL, 10);
	return true;
}

/* Steps from a value to the member or item that a token names. */
static bool
step(const struct library *library, char *token, struct target *target)
{
	struct json_object *parent = target->value;
	const struct schema_resource *in = target->spot.resource, *embedded;
	struct spot spot = { in, parent, NULL, 0, false };

	if (!token_decode(token))
		return false;
	if (json_object_is_type(parent, json_type_array)) {
		if (!token_index(token, &spot.index) ||
		    spot.index >= json_object_array_length(parent))
			return false;
		target->value = json_object_array_get_idx(parent, spot.index);
	} else {
		struct lh_entry *entry;

		if (!json_object_is_type(parent, json_type_object) ||
		    (entry = lh_table_lookup_entry(
			json_object_get_object(parent), token)) == NULL)
			return false;
		spot.name = lh_entry_k(entry);
		target->value = lh_entry_v(entry);
	}
	embedded = library_resource_at(library, target->value);
	spot.resource = embedded != NULL ? embedded : in;
	target->spot = spot;
	return true;
}

/* Follows a JSON pointer that was percent-decoded. */
static bool
follow(const struct library *library, char *pointer, struct target *target)
{
	while (pointer != NULL && *pointer != '\0') {
		char *token = pointer + 1;

		if ((pointer = strchr(token, '/')) != NULL)
			*pointer = '\0';
		if (!step(library, token, target))
			return false;
		if (pointer != NULL)
			*pointer = '/';
	}
	return true;
}

/* A name relative to the directory of a file below the library's. */
static const char *
name_beside(const struct resolving *r, const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	struct arena *arena = r->library->arena;

	return library_normal(arena, arena_copy(arena, file,
	    slash != NULL ? (size_t)(slash - file) : 0), path);
}

/* A relative reference of a file that states no $id: another file. */
static const struct schema_resource *
open_beside(const struct resolving *r, const char *file, char *path)
{
	struct library *library = r->library;
	const struct schema_resource *known;
	const struct document *document;
	const char *name;

	if (!uri_decode(path)) {
		library_fault(library, r->from,
		    "the %s has a broken %% escape", r->keyword);
		return NULL;
	}
	if ((name = name_beside(r, file, path)) == NULL) {
		library_fault(library, r->from, "the %s \"%s\" leads out of "
		    "the contract's directory", r->keyword, path);
		return NULL;
	}
	known = library_find(library, library_file_uri(library, name));
	if (known != NULL)
		return known;
	document = library_open(library, name, r->from);
	return document != NULL ? document->top : NULL;
}

/*
 * A file that states an $id of elsewhere still finds its neighbours: those that
 * state the URI that is meant, or none.
 */
static const struct schema_resource *
open_neighbour(const struct resolving *r, const char *uri, char *path)
{
	const struct document *document = r->from->resource->document;
	const char *name;

	if (!document->below || uri_has_scheme(path) || !uri_decode(path) ||
	    (name = name_beside(r, document->file, path)) == NULL ||
	    !library_exists(r->library, name) ||
	    (document = library_open(r->library, name, r->from)) == NULL)
		return NULL;
	return strcmp(document->top->uri, uri) == 0 ||
	    strcmp(document->top->uri, library_file_uri(r->library, name)) ==
		0 ? document->top : NULL;
}

/* The resource that a reference without its fragment names. */
static const struct schema_resource *
find_resource(const struct resolving *r, char *path)
{
	static const char below[] = "contract:///";
	const char *base = r->from->resource->uri, *uri;
	const struct schema_resource *found;

	if (*path == '\0')
		return r->from->resource;
	if (strncmp(base, below, sizeof(below) - 1) == 0 &&
	    !uri_has_scheme(path) && strncmp(path, "//", 2) != 0)
		return open_beside(r, base + sizeof(below) - 1, path);
	uri = uri_resolve(r->library->arena, base, path);
	if ((found = library_find(r->library, uri)) != NULL ||
	    (found = library_standard(r->library, uri)) != NULL ||
	    (found = open_neighbour(r, uri, path)) != NULL)
		return found;
	library_fault(r->library, r->from, "the %s \"%s\" names a schema that "
	    "is not known: nothing has the URI %s", r->keyword, r->reference,
	    uri);
	return NULL;
}

/* What the fragment names in a resource; false when it leads nowhere. */
static bool
find_fragment(const struct resolving *r, char *fragment,
    const struct schema_resource *in, struct target *ret)
{
	struct target target = { in->spot, in->root, NULL };
	const struct anchor *anchor;

	if (!uri_decode(fragment))
		return false;
	if (*fragment == '\0' || *fragment == '/') {
		if (!follow(r->library, fragment, &target))
			return false;
	} else {
		if ((anchor = resource_anchor(in, fragment, false)) == NULL)
			return false;
		target = (struct target){ anchor->spot, anchor->value,
			resource_anchor(in, fragment, true) != NULL ?
			    anchor->name : NULL };
	}
	*ret = target;
	return true;
}

bool
library_resolve(struct library *library, const struct spot *from,
    const char *keyword, const char *reference, struct target *ret)
{
	const struct resolving r = { library, from, keyword, reference };
	char *path = arena_string(library->arena, reference);
	char *hash = strchr(path, '#');
	char *fragment = arena_string(library->arena,
	    hash != NULL ? hash + 1 : "");
	const struct schema_resource *in;

	if (hash != NULL)
		*hash = '\0';
	if ((in = find_resource(&r, path)) == NULL)
		return false;
	if (find_fragment(&r, fragment, in, ret))
		return true;
	library_fault(library, from, "the %s \"%s\" leads nowhere in %s",
	    keyword, reference, in->document->file);
	return false;
}

/* The vocabularies of 2020-12. */
static const struct {
	const char *name;
	unsigned bits;
	bool assert_format;
} vocabularies[] = {
	{ "core", VOCABULARY_CORE, false },
	{ "applicator", VOCABULARY_APPLICATOR, false },
	{ "unevaluated", VOCABULARY_UNEVALUATED, false },
	{ "validation", VOCABULARY_VALIDATION, false },
	{ "meta-data", VOCABULARY_META_DATA, false },
	{ "format-annotation", VOCABULARY_FORMAT, false },
	{ "format-assertion", VOCABULARY_FORMAT, true },
	{ "content", VOCABULARY_CONTENT, false },
};

/* Adds a vocabulary of the standard; false when it is none. */
static bool
add_vocabulary(const char *uri, struct dialect *dialect)
{
	static const char stem[] = "https://json-schema.org/draft/2020-12/"
				   "vocab/";

	if (strncmp(uri, stem, sizeof(stem) - 1) != 0)
		return false;
	for (size_t i = 0; i < countof(vocabularies); i++) {
		if (strcmp(uri + sizeof(stem) - 1, vocabularies[i].name) != 0)
			continue;
		dialect->vocabularies |= vocabularies[i].bits;
		dialect->assert_format |= vocabularies[i].assert_format;
		return true;
	}
	return false;
}

static const struct dialect latest = { VOCABULARIES_ALL, false };

/* The dialect that a metaschema of one's own describes. */
static const struct dialect *
dialect_read(struct library *library, const struct schema_resource *metaschema,
    const struct spot *spot)
{
	struct dialect *dialect;

	if (!json_object_is_type(metaschema->vocabulary, json_type_object))
		return &latest;
	dialect = arena_alloc(library->arena, sizeof(*dialect));
	dialect->vocabularies = VOCABULARY_CORE | VOCABULARY_LATEST;
	json_object_object_foreach(metaschema->vocabulary, uri, required) {
		if (!add_vocabulary(uri, dialect) &&
		    json_object_get_boolean(required))
			library_fault(library, spot, "\"$schema\" requires the "
			    "vocabulary %s, which is not known", uri);
	}
	return dialect;
}

/* The dialect of a metaschema's URI. */
static const struct dialect *
dialect_of(struct library *library, const char *uri, const struct spot *spot)
{
	static const struct dialect before = {
		VOCABULARIES_ALL & ~(unsigned)VOCABULARY_LATEST, false
	};
	const struct schema_resource *metaschema;

	if (strcmp(uri, "https://json-schema.org/draft/2020-12/schema") == 0)
		return &latest;
	if (strncmp(uri, "http://json-schema.org/", 23) == 0 ||
	    strncmp(uri, "https://json-schema.org/draft/2019", 34) == 0) {
		if (!library->contract && strncmp(uri, "https", 5) == 0)
			return &before;
		library_fault(library, spot, "\"$schema\" names an older "
		    "draft; write "
		    "https://json-schema.org/draft/2020-12/schema");
		return &latest;
	}
	metaschema = library_find(library, uri);
	if (metaschema != NULL)
		return dialect_read(library, metaschema, spot);
	if (!library->contract)
		library_fault(library, spot, "\"$schema\" names a metaschema "
		    "that is not known: %s", uri);
	return &latest;
}

const struct dialect *
library_dialect(struct library *library, const struct schema_resource *resource)
{
	struct spot spot = { resource, resource->root, "$schema", 0, false };
	const char *uri = resource->metaschema;
	size_t faults = library->fault_count;
	const struct dialect *dialect;

	if (resource->dialect != NULL)
		return resource->dialect;
	if (uri == NULL)
		dialect = resource->outer != NULL ? library_dialect(library,
		    resource->outer) : &latest;
	else
		dialect = dialect_of(library, arena_copy(library->arena, uri,
		    strcspn(uri, "#")), &spot);
	/* What has a fault is looked at again; the library owns resources. */
	if (library->fault_count == faults)
		((struct schema_resource *)resource)->dialect = dialect;
	return dialect;
}
