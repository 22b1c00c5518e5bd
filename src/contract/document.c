/* SPDX-License-Identifier: MIT */
/*
 * Files.  Invariant: a name that a reference brings is normal (no empty, "." or
 * ".." segment, not absolute) before it meets the directory, so nothing outside
 * is ever read by a reference, and the same file always has the same name.
 * What is registered may be anywhere: the caller names it.
 *
 * A file below the directory has the URI "contract:///" with its name, which
 * relative references resolve against until an $id says otherwise.
 */
#include "contract/document.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "contract/metaschema.h"
#include "contract/uri.h"

enum { FILE_MAX = 4 << 20 };	/* bytes */

struct fault_line {
	struct fault_line *next;
	const char *text;
};

void
spot_place(const struct spot *spot, size_t *ret_line, size_t *ret_column)
{
	const struct json_places *places = spot->resource->document->places;
	size_t line = 1, column = 1;

	if (spot->parent != NULL &&
	    !(spot->of_name && json_place_of_name(places, spot->parent,
		spot->name, &line, &column)))
		(void)json_place(places, spot->parent, spot->name, spot->index,
		    &line, &column);
	*ret_line = line;
	*ret_column = column;
}

/* Tells a line that was not told before. */
static void
tell(struct library *library, const char *text)
{
	struct fault_line *line;

	library->fault_count++;
	for (line = library->told; line != NULL; line = line->next)
		if (strcmp(line->text, text) == 0)
			return;
	line = arena_alloc(library->arena, sizeof(*line));
	*line = (struct fault_line){ library->told, text };
	library->told = line;
	buf_string(library->faults, text);
}

void
library_fault(struct library *library, const struct spot *spot,
    const char *format, ...)
{
	const char *text;
	size_t line, column;
	va_list ap;

	va_start(ap, format);
	text = arena_vformat(library->arena, format, ap);
	va_end(ap);
	spot_place(spot, &line, &column);
	tell(library, arena_format(library->arena, "%s:%zu:%zu: %s\n",
	    spot->resource->document->file, line, column, text));
}

/* Says why a file cannot be used, where it was named or at its own place. */
static void
file_fault(struct library *library, const char *file, const struct spot *from,
    const char *reason)
{
	if (from != NULL)
		library_fault(library, from, "\"%s\" %s", file, reason);
	else
		tell(library, arena_format(library->arena, "%s:1:1: %s\n",
		    file, reason));
}

const char *
library_normal(struct arena *arena, const char *directory, const char *path)
{
	char *joined, *out;
	const char *segment;

	if (*path == '/')
		return NULL;
	joined = arena_format(arena, "%s/%s", directory, path);
	out = arena_alloc(arena, strlen(joined) + 2);
	*out = '\0';
	for (char *save, *s = joined; (segment = strtok_r(s, "/", &save));
	     s = NULL) {
		char *slash = strrchr(out, '/');

		if (strcmp(segment, ".") == 0)
			continue;
		if (strcmp(segment, "..") != 0) {
			strcat(strcat(out, "/"), segment);
			continue;
		}
		if (slash == NULL)
			return NULL;
		*slash = '\0';
	}
	return *out == '\0' ? NULL : out + 1;
}

bool
library_exists(const struct library *library, const char *name)
{
	return access(arena_format(library->arena, "%s/%s",
	    library->directory, name), R_OK) == 0;
}

/* Reads a text as a document that is told by the name `file`. */
static struct document *
document_read(struct library *library, const char *file, const char *bytes,
    size_t length)
{
	struct document *document = arena_alloc(library->arena,
	    sizeof(*document));
	struct json_fault fault;

	document->file = file;
	if (!json_read_placed(library->arena, bytes, length,
		library->contract ? &json_caps_file : &json_caps_standard,
		&document->root, &document->places, &fault)) {
		tell(library, arena_format(library->arena,
		    "%s:%zu:%zu: is not well-formed JSON: %s\n", file,
		    fault.line, fault.column, fault.reason));
		return NULL;
	}
	arena_defer(library->arena, json_drop, document->root);
	document->next = library->documents;
	library->documents = document;
	return document;
}

/* The same of a file. */
static struct document *
file_document(struct library *library, const char *file, const char *path,
    const struct spot *from)
{
	struct document *document = NULL;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (file_read(path, &text))
		document = document_read(library, file,
		    text.length > 0 ? text.at : "", text.length);
	else
		file_fault(library, file, from, arena_format(library->arena,
		    "cannot be read: %s", strerror(errno)));
	buf_release(&text);
	return document;
}

const char *
library_file_uri(struct library *library, const char *name)
{
	return arena_format(library->arena, "contract:///%s", name);
}

const struct document *
library_open(struct library *library, const char *file,
    const struct spot *from)
{
	const char *name = library_normal(library->arena, "", file);
	struct document *document;

	if (name == NULL) {
		file_fault(library, file, from,
		    "is not a file below the contract's directory");
		return NULL;
	}
	for (document = library->documents; document != NULL;
	     document = document->next)
		if (document->below && strcmp(document->file, name) == 0)
			return document;
	document = file_document(library, name, arena_format(library->arena,
	    "%s/%s", library->directory, name), from);
	if (document == NULL)
		return NULL;
	document->below = true;
	library_scan(library, document, library_file_uri(library, name));
	return document;
}

bool
library_register(struct library *library, const char *uri, const char *path)
{
	struct document *document;

	if (!uri_has_scheme(uri)) {
		file_fault(library, path, NULL, arena_format(library->arena,
		    "cannot be registered: \"%s\" is no absolute URI", uri));
		return false;
	}
	if (library_find(library, uri) != NULL)
		return true;
	document = file_document(library, arena_string(library->arena, path),
	    path, NULL);
	if (document != NULL)
		library_scan(library, document,
		    arena_string(library->arena, uri));
	return document != NULL;
}

const struct document *
library_add(struct library *library, const char *uri, const char *text)
{
	struct document *document = document_read(library, uri, text,
	    strlen(text));

	if (document != NULL)
		library_scan(library, document, uri);
	return document;
}

const struct schema_resource *
library_standard(struct library *library, const char *uri)
{
	const struct metaschema *found = metaschema_find(uri);
	const struct document *document = found == NULL ? NULL :
	    library_add(library, found->uri, found->text);

	return document != NULL ? document->top : NULL;
}
