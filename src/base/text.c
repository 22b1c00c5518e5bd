/* SPDX-License-Identifier: MIT */
/*
 * Judging and converting bytes that came from outside.  Nothing here depends
 * on the locale.  ASCII, the bulk of all text, is looked at eight bytes at a
 * time.
 */
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

/* Bytes of the valid UTF-8 sequence at s, 0 when there is none. */
static size_t
utf8_step(const unsigned char *s, size_t left)
{
	unsigned char least = 0x80, most = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	/* RFC 3629 section 4: the second byte tells overlong and surrogate. */
	if (s[0] == 0xe0)
		least = 0xa0;
	else if (s[0] == 0xed)
		most = 0x9f;
	else if (s[0] == 0xf0)
		least = 0x90;
	else if (s[0] == 0xf4)
		most = 0x8f;
	if (left < n || s[1] < least || s[1] > most)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

size_t
text_utf8_span(const char *text, size_t length)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0;

	while (at < length) {
		uint64_t word;
		size_t n;

		while (length - at >= sizeof(word)) {
			memcpy(&word, s + at, sizeof(word));
			if (word & 0x8080808080808080U)
				break;
			at += sizeof(word);
		}
		/* Past the word with the foreign byte, at least. */
		for (size_t end = at + sizeof(word); at < length && at < end;
		    at += n)
			if ((n = utf8_step(s + at, length - at)) == 0)
				return at;
	}
	return length;
}

bool
text_is_utf8(const char *s, size_t length)
{
	return text_utf8_span(s, length) == length;
}

/*
 * Eight bytes at a time: subtracting borrows into the top bit of bytes that are
 * below, which is what the masks look at.
 */
size_t
text_plain_span(const char *s, size_t length)
{
	const uint64_t ones = 0x0101010101010101U, tops = ones << 7;
	uint64_t word, quote, slash, control;
	size_t n = 0;

	while (length - n >= sizeof(word)) {
		memcpy(&word, s + n, sizeof(word));
		quote = word ^ ones * '"';
		slash = word ^ ones * '\\';
		quote = (quote - ones) & ~quote;
		slash = (slash - ones) & ~slash;
		control = (word - ones * 0x20) & ~word;
		if ((quote | slash | control) & tops)
			break;
		n += sizeof(word);
	}
	while (n < length && s[n] != '"' && s[n] != '\\' &&
	    (unsigned char)s[n] >= 0x20)
		n++;
	return n;
}

size_t
text_count(const char *s, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	return count;
}

bool
text_to_int(const char *s, size_t length, int64_t *ret)
{
	bool negative = length > 0 && s[0] == '-';
	uint64_t most = (uint64_t)INT64_MAX + negative;
	uint64_t n = 0;
	size_t i = negative;

	if (i == length || (s[i] == '0' && length > i + 1))
		return false;
	for (; i < length; i++) {
		unsigned digit = (unsigned char)s[i] - (unsigned)'0';

		if (digit > 9 || n > (most - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	/* Written so that INT64_MIN never overflows on its way. */
	*ret = negative && n > 0 ? -(int64_t)(n - 1) - 1 : (int64_t)n;
	return true;
}

static const char base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *
text_to_base64url(struct arena *arena, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;
	char *ret = arena_alloc(arena, length / 3 * 4 + 5);
	char *to = ret;
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < length; i++) {
		bits = bits << 8 | from[i];
		for (n += 8; n >= 6; n -= 6)
			*to++ = base64url[bits >> (n - 6) & 63];
	}
	if (n > 0)
		*to++ = base64url[bits << (6 - n) & 63];
	*to = '\0';
	return ret;
}

/* The six bits of a letter, -1 when it is none of the alphabet. */
static int
sextet(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

char *
text_from_base64url(struct arena *arena, const char *s, size_t length,
    size_t *ret_length)
{
	char *ret, *to;
	uint32_t bits = 0;
	unsigned n = 0;

	if (length % 4 == 1)
		return NULL;
	to = ret = arena_alloc(arena, length / 4 * 3 + 3);
	for (size_t i = 0; i < length; i++) {
		int six = sextet((unsigned char)s[i]);

		if (six < 0)
			return NULL;
		bits = bits << 6 | (uint32_t)six;
		n += 6;
		if (n >= 8) {
			n -= 8;
			*to++ = (char)(bits >> n);
		}
	}
	if (bits & ((1U << n) - 1))
		return NULL;
	*to = '\0';
	*ret_length = (size_t)(to - ret);
	return ret;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of the escape at s, -1 when it is broken. */
static int
unescape(const char *s, size_t left)
{
	int high, low;

	if (left < 3 || (high = hex_digit(s[1])) < 0 ||
	    (low = hex_digit(s[2])) < 0)
		return -1;
	return high * 16 + low;
}

char *
text_percent_decode(struct arena *arena, const char *s, size_t length,
    bool plus)
{
	char *ret = arena_alloc(arena, length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			c = unescape(s + i, length - i);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return text_is_utf8(ret, n) ? ret : NULL;
}

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool
text_same(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}
