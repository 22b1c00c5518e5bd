/* SPDX-License-Identifier: MIT */
/*
 * Bump allocation in blocks.  The first block stays until arena_free(); each
 * further ordinary block is twice the one before, up to a bound, and what is
 * large in comparison gets a block of its own, so that the rest of the current
 * block is not wasted.  Invariant: `first` ends the chain that starts at
 * `blocks`, and `current` is the block of the chain that small pieces come
 * from.  Under AddressSanitizer all that is not handed out is poisoned.
 */
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>

/* Not inlined: gcc takes the sanitizer's const pointer for a read. */
static __attribute__((noinline)) void
poison(void *at, size_t size)
{
	__asan_poison_memory_region(at, size);
}

static void
unpoison(void *at, size_t size)
{
	__asan_unpoison_memory_region(at, size);
}
#else
#define poison(at, size) ((void)0)
#define unpoison(at, size) ((void)0)
#endif

enum {
	FIRST_BYTES = 16 * 1024,
	BLOCK_BYTES_MAX = 1024 * 1024,
};

struct block {
	struct block *next;
	size_t capacity;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

struct deferred {
	struct deferred *next;
	void (*drop)(void *);
	void *object;
};

struct arena {
	struct block *blocks;	/* newest first */
	struct block *first;
	struct block *current;
	struct deferred *deferred;	/* last first */
	size_t used;
};

static void *
sure(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static struct block *
block_new(size_t capacity)
{
	struct block *b;

	if (capacity > PTRDIFF_MAX - sizeof(*b))
		abort();
	b = sure(malloc(sizeof(*b) + capacity));
	b->next = NULL;
	b->capacity = capacity;
	b->used = 0;
	poison(b->bytes, capacity);
	return b;
}

static void
block_free(struct block *b)
{
	unpoison(b->bytes, b->capacity);
	free(b);
}

struct arena *
arena_new(void)
{
	struct arena *a = sure(calloc(1, sizeof(*a)));

	a->first = a->current = a->blocks = block_new(FIRST_BYTES);
	return a;
}

void
arena_reset(struct arena *a)
{
	struct block *b;

	/* A deferred call may defer, or allocate, itself. */
	while (a->deferred != NULL) {
		struct deferred *d = a->deferred;

		a->deferred = d->next;
		d->drop(d->object);
	}
	while ((b = a->blocks) != a->first) {
		a->blocks = b->next;
		block_free(b);
	}
	a->first->used = 0;
	poison(a->first->bytes, a->first->capacity);
	a->current = a->first;
	a->used = 0;
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	arena_reset(a);
	block_free(a->first);
	free(a);
}

static void
push(struct arena *a, struct block *b)
{
	b->next = a->blocks;
	a->blocks = b;
}

/* A block with room for size bytes; not the current one. */
static struct block *
more(struct arena *a, size_t size)
{
	size_t capacity = a->current->capacity * 2;
	struct block *b;

	if (size > a->current->capacity / 4) {
		b = block_new(size);
		push(a, b);
		return b;
	}
	if (capacity > BLOCK_BYTES_MAX)
		capacity = BLOCK_BYTES_MAX;
	b = block_new(capacity);
	push(a, b);
	return a->current = b;
}

/* Memory that is not zeroed. */
static void *
take(struct arena *a, size_t size)
{
	struct block *b = a->current;
	size_t step;
	void *at;

	if (size > PTRDIFF_MAX / 2)
		abort();
	/* Nothing is a byte, so that results differ and are never NULL. */
	step = (size + (size == 0) + alignof(max_align_t) - 1) &
	    ~(alignof(max_align_t) - 1);
	if (b->capacity - b->used < step)
		b = more(a, step);
	at = b->bytes + b->used;
	b->used += step;
	a->used += step;
	unpoison(at, size);
	return at;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	return memset(take(a, size), 0, size);
}

char *
arena_copy(struct arena *a, const void *from, size_t length)
{
	char *to;

	if (length > PTRDIFF_MAX / 2)
		abort();
	to = take(a, length + 1);
	if (length > 0)
		memcpy(to, from, length);
	to[length] = '\0';
	return to;
}

char *
arena_string(struct arena *a, const char *from)
{
	return arena_copy(a, from, strlen(from));
}

char *
arena_vformat(struct arena *a, const char *format, va_list ap)
{
	char small[256];
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), format, ap);
	if (n < 0)
		abort();
	if ((size_t)n < sizeof(small)) {
		to = arena_copy(a, small, (size_t)n);
	} else {
		to = take(a, (size_t)n + 1);
		vsnprintf(to, (size_t)n + 1, format, again);
	}
	va_end(again);
	return to;
}

char *
arena_format(struct arena *a, const char *format, ...)
{
	va_list ap;
	char *to;

	va_start(ap, format);
	to = arena_vformat(a, format, ap);
	va_end(ap);
	return to;
}

void
arena_defer(struct arena *a, void (*drop)(void *), void *object)
{
	struct deferred *d = take(a, sizeof(*d));

	d->next = a->deferred;
	d->drop = drop;
	d->object = object;
	a->deferred = d;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}
