/* SPDX-License-Identifier: MIT */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"

/*
 * Growing text with a sticky failure: append as you like, look at `failed`
 * once at the end.  It fails when it would pass its limit (memory running out
 * ends the process).  `at` is always NUL-terminated once something was added,
 * and "" before.  Owned by whoever called buf_init(); kept and cleared between
 * requests so that it allocates nothing in the long run.
 */
struct buf {
	char *at;
	size_t length;
	size_t capacity;
	size_t limit;
	bool failed;
};

/* An empty buffer that holds `limit` bytes at most.  No allocation yet. */
void buf_init(struct buf *b, size_t limit);

/*
 * A buffer without a limit, whose memory goes with the arena: for what people
 * ask for, never for what comes from outside.
 */
struct arena;
struct buf *buf_growing(struct arena *arena);

/* Gives the memory back; the buffer may be initialised again. */
void buf_release(struct buf *b);

/* Empties it and forgets the failure; keeps up to 256 KiB of memory. */
void buf_clear(struct buf *b);

/* Cuts it back to a length that it had, and forgets a failure since. */
void buf_rewind(struct buf *b, size_t length);

/*
 * Add to the end: bytes, a string, a byte, a number in decimal, a printf text.
 * What would pass the limit is not added at all.
 */
void buf_add(struct buf *b, const void *bytes, size_t length);
void buf_string(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_int(struct buf *b, int64_t n);
void buf_format(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Adds s as a JSON string with its quotes (RFC 8259): control characters, the
 * quote and the backslash escaped, "/" as it is, bytes from 0x80 up as they
 * are (the text must be UTF-8).
 */
void buf_json(struct buf *b, const char *s, size_t length);
void buf_json_string(struct buf *b, const char *s);

#endif
