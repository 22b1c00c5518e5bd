/* SPDX-License-Identifier: MIT */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"

struct arena;

/* Is it UTF-8 (RFC 3629: no overlong form, no surrogate, up to U+10FFFF)? */
bool text_is_utf8(const char *s, size_t length);

/* Bytes of the longest beginning that is UTF-8: where it breaks, or length. */
size_t text_utf8_span(const char *s, size_t length);

/*
 * Bytes of the longest beginning that a JSON string holds as it is: without a
 * quote, a backslash or a control character.
 */
size_t text_plain_span(const char *s, size_t length);

/* Code points of UTF-8 text (which must be valid). */
size_t text_count(const char *s, size_t length);

/*
 * Reads a decimal integer: digits with an optional "-", the whole string, no
 * leading zero, no overflow.  false = it is none, *ret untouched.
 */
bool text_to_int(const char *s, size_t length, int64_t *ret) MUST_CHECK;

/*
 * base64url without padding (RFC 4648 section 5).  Decoding is strict: only
 * the alphabet, length mod 4 != 1, unused bits zero; NULL when it is not.
 * Both results are in the arena, NUL-terminated.
 */
char *text_to_base64url(struct arena *arena, const void *bytes, size_t length);
char *text_from_base64url(struct arena *arena, const char *s, size_t length,
    size_t *ret_length);

/*
 * Decodes %XX once into the arena ("+" is a space when plus is true).  NULL
 * when an escape is broken, or the result holds a control byte (below 0x20,
 * 0x7f) or is not UTF-8.
 */
char *text_percent_decode(struct arena *arena, const char *s, size_t length,
    bool plus);

/* Equal, letters of ASCII regardless of case? */
bool text_same(const char *a, const char *b);

#endif
