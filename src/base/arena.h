/* SPDX-License-Identifier: MIT */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attribute.h"

/*
 * Memory of one scope: allocated bit by bit, dropped at once.  What comes from
 * outside is bounded before it is stored, so no function here returns NULL: no
 * memory means a broken machine, and the process ends (abort).
 */
struct arena;

/* A new, empty arena; free it with arena_free().  Never NULL. */
struct arena *arena_new(void);

/* Resets and gives the memory back.  NULL is ignored. */
void arena_free(struct arena *arena);

/*
 * Runs the deferred calls, last first, then forgets all allocations.  The
 * first block is kept, so that a scope of ordinary size allocates nothing.
 */
void arena_reset(struct arena *arena);

/* Zeroed memory of `size` bytes, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size)
    __attribute__((malloc, alloc_size(2), returns_nonnull));

/* A copy of `length` bytes with a NUL after them. */
char *arena_copy(struct arena *arena, const void *from, size_t length)
    __attribute__((returns_nonnull));

/* A copy of a NUL-terminated string. */
char *arena_string(struct arena *arena, const char *from)
    __attribute__((returns_nonnull));

/* Text made by a printf format. */
char *arena_format(struct arena *arena, const char *format, ...)
    PRINTF_LIKE(2, 3) __attribute__((returns_nonnull));
char *arena_vformat(struct arena *arena, const char *format, va_list ap)
    PRINTF_LIKE(2, 0) __attribute__((returns_nonnull));

/* Calls drop(object) at reset: a foreign object is handed over. */
void arena_defer(struct arena *arena, void (*drop)(void *), void *object);

/* Bytes allocated since the last reset. */
size_t arena_used(const struct arena *arena);

#endif
