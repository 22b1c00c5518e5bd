/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PEN_H
#define TOOL_PEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attribute.h"
#include "base/buf.h"

/*
 * Writes a JSON document: what is opened is closed, and the commas are the
 * pen's.  Private to tool/.
 */
enum { PEN_DEPTH_MAX = 32 };
struct pen {
	struct buf text;
	char closing[PEN_DEPTH_MAX];	/* of what is open */
	size_t depth;
	bool more;		/* something is before, on this level */
};

/* An empty document of at most `limit` bytes; pen_release() gives it back. */
void pen_init(struct pen *pen, size_t limit);
void pen_release(struct pen *pen);

/* Open an object or list as a member, or with name NULL as an item; close. */
void pen_object(struct pen *pen, const char *name);
void pen_list(struct pen *pen, const char *name);
void pen_close(struct pen *pen);

/*
 * Members, or items with name NULL: a text (none when it is NULL), a number, a
 * flag, JSON as it stands, and an object that refers to a place and name.
 */
void pen_text(struct pen *pen, const char *name, const char *text);
void pen_format(struct pen *pen, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
void pen_number(struct pen *pen, const char *name, int64_t number);
void pen_flag(struct pen *pen, const char *name, bool flag);
void pen_json(struct pen *pen, const char *name, const char *json);
void pen_ref(struct pen *pen, const char *name, const char *place,
    const char *what);

/* Prints JSON text with a member a line, and a newline at the end. */
void pen_print(const char *json, FILE *out);

#endif
