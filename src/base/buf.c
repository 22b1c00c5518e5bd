/* SPDX-License-Identifier: MIT */
/*
 * Growing text.  Invariant: either capacity is 0 and `at` is a constant "", or
 * `at` is our memory, length < capacity <= limit + 1, and at[length] is NUL.
 * Once failed, nothing is added any more: what stands is a prefix of what was
 * meant.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"

enum {
	CAPACITY_LEAST = 256,
	CAPACITY_KEPT = 256 * 1024,
};

/* Never written to: capacity 0 says so. */
static const char nothing[1];

void
buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .at = (char *)nothing, .limit = limit };
}

void
buf_release(struct buf *b)
{
	if (b->capacity > 0)
		free(b->at);
	buf_init(b, b->limit);
}

static void
drop(void *buf)
{
	buf_release(buf);
}

struct buf *
buf_growing(struct arena *arena)
{
	struct buf *b = arena_alloc(arena, sizeof(*b));

	buf_init(b, SIZE_MAX / 8);
	arena_defer(arena, drop, b);
	return b;
}

void
buf_clear(struct buf *b)
{
	if (b->capacity > CAPACITY_KEPT) {
		buf_release(b);
		return;
	}
	b->length = 0;
	b->failed = false;
	if (b->capacity > 0)
		b->at[0] = '\0';
}

void
buf_rewind(struct buf *b, size_t length)
{
	b->length = length;
	b->failed = false;
	if (b->capacity > 0)
		b->at[length] = '\0';
}

/* Grows to hold `needed` bytes and the NUL, doubling. */
static void
grow(struct buf *b, size_t needed)
{
	size_t capacity = b->capacity * 2;
	char *at;

	if (capacity < CAPACITY_LEAST)
		capacity = CAPACITY_LEAST;
	if (capacity <= needed)
		capacity = needed + 1;
	if (capacity - 1 > b->limit)
		capacity = b->limit + 1;
	if ((at = realloc(b->capacity > 0 ? b->at : NULL, capacity)) == NULL)
		abort();
	b->at = at;
	b->capacity = capacity;
}

/* Room for n bytes more where there was none, or the failure. */
static bool
make_room(struct buf *b, size_t n)
{
	if (b->failed)
		return false;
	if (n > b->limit - b->length || n >= SIZE_MAX / 4) {
		b->failed = true;
		return false;
	}
	if (b->length + n >= b->capacity)
		grow(b, b->length + n);
	return true;
}

/* Room for n bytes more, or the failure; what fits is within the limit. */
static inline bool
room(struct buf *b, size_t n)
{
	return (n < b->capacity - b->length && !b->failed) || make_room(b, n);
}

void
buf_add(struct buf *b, const void *bytes, size_t length)
{
	if (length == 0 || !room(b, length))
		return;
	memcpy(b->at + b->length, bytes, length);
	b->length += length;
	b->at[b->length] = '\0';
}

void
buf_string(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_char(struct buf *b, char c)
{
	if (!room(b, 1))
		return;
	b->at[b->length++] = c;
	b->at[b->length] = '\0';
}

void
buf_int(struct buf *b, int64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (n < 0)
		digits[--at] = '-';
	buf_add(b, digits + at, sizeof(digits) - at);
}

void
buf_format(struct buf *b, const char *format, ...)
{
	size_t left = b->capacity - b->length;
	va_list ap;
	int n;

	if (b->failed)
		return;
	va_start(ap, format);
	n = vsnprintf(b->capacity > 0 ? b->at + b->length : NULL, left, format,
	    ap);
	va_end(ap);
	if (n < 0)
		abort();
	if ((size_t)n >= left || (size_t)n > b->limit - b->length) {
		/* What the first try left behind is cut off again. */
		if (b->capacity > 0)
			b->at[b->length] = '\0';
		if (n == 0 || !room(b, (size_t)n))
			return;
		va_start(ap, format);
		vsnprintf(b->at + b->length, (size_t)n + 1, format, ap);
		va_end(ap);
	}
	b->length += (size_t)n;
}

/*
 * How a byte stands in a JSON string that does not as it is: 'u' = \u00XX, any
 * other = a backslash and that letter.
 */
static const char escapes[256] = {
	['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	['"'] = '"', ['\\'] = '\\',
	[0x00] = 'u', [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u',
	[0x05] = 'u', [0x06] = 'u', [0x07] = 'u', [0x0b] = 'u', [0x0e] = 'u',
	[0x0f] = 'u', [0x10] = 'u', [0x11] = 'u', [0x12] = 'u', [0x13] = 'u',
	[0x14] = 'u', [0x15] = 'u', [0x16] = 'u', [0x17] = 'u', [0x18] = 'u',
	[0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u', [0x1c] = 'u', [0x1d] = 'u',
	[0x1e] = 'u', [0x1f] = 'u',
};

static void
add_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', escapes[c], '0', '0', hex[c >> 4], hex[c & 15] };

	buf_add(b, text, escapes[c] == 'u' ? 6 : 2);
}

void
buf_json(struct buf *b, const char *s, size_t length)
{
	size_t n;

	buf_char(b, '"');
	for (;; s += n + 1, length -= n + 1) {
		n = text_plain_span(s, length);
		buf_add(b, s, n);
		if (n == length)
			break;
		add_escape(b, (unsigned char)s[n]);
	}
	buf_char(b, '"');
}

void
buf_json_string(struct buf *b, const char *s)
{
	buf_json(b, s, strlen(s));
}
