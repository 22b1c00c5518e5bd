/* SPDX-License-Identifier: MIT */
/*
 * Files and references.  Invariant: a file name is normal (no empty, "." or
 * ".." segment, not absolute) before it meets the directory, so nothing outside
 * is ever read, and the same file always has the same name.
 */
#include "contract/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4 << 20 };	/* bytes */

struct fault_line {
	struct fault_line *next;
	const char *text;
};

void
spot_place(const struct spot *spot, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, column = 1;

	if (spot->parent != NULL &&
	    !(spot->of_name && json_place_of_name(spot->document->places,
		spot->parent, spot->name, &line, &column)))
		(void)json_place(spot->document->places, spot->parent,
		    spot->name, spot->index, &line, &column);
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
	    spot->document->file, line, column, text));
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

/* Reads what a descriptor has, of a regular file; NULL with errno set. */
static char *
descriptor_bytes(int fd, size_t *ret_length)
{
	struct stat st;
	size_t length = 0;
	ssize_t n = 1;
	char *bytes;

	if (fstat(fd, &st) != 0)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EISDIR;
		return NULL;
	}
	if ((bytes = malloc((size_t)st.st_size + 1)) == NULL)
		abort();
	while (length < (size_t)st.st_size && n > 0)
		if ((n = read(fd, bytes + length,
			 (size_t)st.st_size - length)) > 0)
			length += (size_t)n;
	if (n < 0) {
		free(bytes);
		return NULL;
	}
	*ret_length = length;
	return bytes;
}

/* All bytes of a file in malloc'd memory; NULL with errno set. */
static char *
file_bytes(const char *path, size_t *ret_length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error;
	char *bytes;

	if (fd < 0)
		return NULL;
	bytes = descriptor_bytes(fd, ret_length);
	error = errno;
	close(fd);
	errno = error;
	return bytes;
}

static void
tree_drop(void *tree)
{
	json_object_put(tree);
}

/*
 * The normal form of a path relative to a directory ("" is the top).  NULL
 * when it leads out of it.
 */
static const char *
normal(struct arena *arena, const char *directory, const char *path)
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

const struct document *
library_open(struct library *library, const char *file,
    const struct spot *from)
{
	const char *name = normal(library->arena, "", file);
	struct document *document;
	struct json_fault fault;
	size_t length;
	char *bytes;

	if (name == NULL) {
		file_fault(library, file, from,
		    "is not a file below the contract's directory");
		return NULL;
	}
	for (document = library->documents; document != NULL;
	     document = document->next)
		if (strcmp(document->file, name) == 0)
			return document;
	bytes = file_bytes(arena_format(library->arena, "%s/%s",
	    library->directory, name), &length);
	if (bytes == NULL) {
		file_fault(library, name, from, arena_format(library->arena,
		    "cannot be read: %s", strerror(errno)));
		return NULL;
	}
	document = arena_alloc(library->arena, sizeof(*document));
	document->file = name;
	if (!json_read_placed(library->arena, bytes, length, &json_caps_file,
		&document->root, &document->places, &fault)) {
		free(bytes);
		tell(library, arena_format(library->arena,
		    "%s:%zu:%zu: is not well-formed JSON: %s\n", name,
		    fault.line, fault.column, fault.reason));
		return NULL;
	}
	free(bytes);
	arena_defer(library->arena, tree_drop, document->root);
	document->next = library->documents;
	library->documents = document;
	return document;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place; false when an escape is broken or hides a NUL. */
static bool
percent_decode(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++, out++) {
		*out = *s;
		if (*s != '%')
			continue;
		if (hex_value(s[1]) < 0 || hex_value(s[2]) < 0)
			return false;
		*out = (char)(hex_value(s[1]) * 16 + hex_value(s[2]));
		if (*out == '\0')
			return false;
		s += 2;
	}
	*out = '\0';
	return true;
}

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
	char *end;
	unsigned long n;

	if (token[strspn(token, "0123456789")] != '\0' || *token == '\0' ||
	    (*token == '0' && token[1] != '\0') || strlen(token) > 9)
		return false;
	n = strtoul(token, &end, 10);
	*ret = n;
	return true;
}

/* Steps from a value to the member or item that a token names. */
static bool
step(const struct document *document, char *token, struct spot *spot,
    struct json_object **value)
{
	struct json_object *parent = *value;
	size_t index = 0;

	if (!token_decode(token))
		return false;
	if (json_object_is_type(parent, json_type_array)) {
		if (!token_index(token, &index) ||
		    index >= json_object_array_length(parent))
			return false;
		*value = json_object_array_get_idx(parent, index);
		*spot = (struct spot){ document, parent, NULL, index, false };
		return true;
	}
	if (!json_object_is_type(parent, json_type_object))
		return false;
	json_object_object_foreach(parent, name, member) {
		if (strcmp(name, token) != 0)
			continue;
		*value = member;
		*spot = (struct spot){ document, parent, name, 0, false };
		return true;
	}
	return false;
}

/* Follows a JSON pointer (RFC 6901) that was percent-decoded. */
static bool
follow(const struct document *document, char *pointer, struct spot *ret,
    struct json_object **ret_value)
{
	struct spot spot = { .document = document };
	struct json_object *value = document->root;

	if (*pointer != '\0' && *pointer != '/')
		return false;
	while (*pointer != '\0') {
		char *token = pointer + 1;

		pointer = token + strcspn(token, "/");
		if (*pointer == '/') {
			*pointer = '\0';
			if (!step(document, token, &spot, &value))
				return false;
			*pointer = '/';
		} else if (!step(document, token, &spot, &value)) {
			return false;
		}
	}
	*ret = spot;
	*ret_value = value;
	return true;
}

/* The file of a reference: relative to that of the spot. */
static const struct document *
open_reference(struct library *library, const struct spot *from, char *path)
{
	const char *file = from->document->file;
	const char *slash = strrchr(file, '/');
	size_t length = slash != NULL ? (size_t)(slash - file) : 0;
	const char *name;

	if (*path == '\0')
		return from->document;
	if (strchr(path, ':') != NULL || strncmp(path, "//", 2) == 0) {
		library_fault(library, from, "the $ref \"%s\" is an absolute "
		    "URI, which is not supported yet", path);
		return NULL;
	}
	if (!percent_decode(path)) {
		library_fault(library, from, "the $ref has a broken %% escape");
		return NULL;
	}
	name = normal(library->arena, arena_copy(library->arena, file, length),
	    path);
	if (name == NULL) {
		library_fault(library, from, "the $ref \"%s\" leads out of "
		    "the contract's directory", path);
		return NULL;
	}
	return library_open(library, name, from);
}

bool
library_resolve(struct library *library, const struct spot *from,
    const char *reference, struct spot *ret, struct json_object **ret_value)
{
	char *path = arena_string(library->arena, reference);
	char *hash = strchr(path, '#');
	char *pointer = arena_string(library->arena,
	    hash != NULL ? hash + 1 : "");
	const struct document *document;

	if (hash != NULL)
		*hash = '\0';
	if ((document = open_reference(library, from, path)) == NULL)
		return false;
	if (*pointer != '\0' && *pointer != '/') {
		library_fault(library, from, "the $ref \"%s\" names an "
		    "anchor, which is not supported yet", reference);
		return false;
	}
	if (!percent_decode(pointer) ||
	    !follow(document, pointer, ret, ret_value)) {
		library_fault(library, from, "the $ref \"%s\" leads nowhere in "
		    "%s", reference, document->file);
		return false;
	}
	return true;
}
