/* SPDX-License-Identifier: MIT */
#ifndef TOOL_MARKDOWN_H
#define TOOL_MARKDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/attribute.h"

/*
 * Pieces of Markdown, as GitHub reads it.  Texts are made in the arena, fit for
 * a cell of a table as for a line.  Private to tool/.
 */

/* A text as it is, on one line, without being taken for markup. */
const char *md_text(struct arena *arena, const char *text);

/* A text as code: `app.letters`. */
const char *md_code(struct arena *arena, const char *text);

/* Texts as code with commas between; "none" when there is none. */
const char *md_codes(struct arena *arena, const char *const *texts,
    size_t count);

/* The texts with what is between; grows `list` ("" at first). */
const char *md_join(struct arena *arena, const char *list,
    const char *between, const char *text);

/* Where a heading is found: "letters.read" is at "lettersread". */
const char *md_anchor(struct arena *arena, const char *heading);

/* A link to a heading of the same document. */
const char *md_link(struct arena *arena, const char *heading);

/* A word for a shell, in quotes where it must be. */
const char *md_shell(struct arena *arena, const char *word);

/* The head of a table: its columns, to NULL. */
void md_head(FILE *out, const char *const *columns);

/* A row of a table, of so many cells, which are Markdown already. */
void md_row(FILE *out, size_t count, const char *const *cells);

/* JSON text in a fenced block, a member a line. */
void md_json(FILE *out, const char *json);

#endif
