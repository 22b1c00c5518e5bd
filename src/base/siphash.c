/* SPDX-License-Identifier: MIT */
/*
 * SipHash-2-4 as its authors describe it: the message in words of 8 bytes,
 * little-endian, the last one filled up with zeros and the length, two rounds
 * for each and four to finish.
 */
#include "base/siphash.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
rotated(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
rounds(struct state *s, unsigned count)
{
	while (count-- > 0) {
		s->v0 += s->v1;
		s->v1 = rotated(s->v1, 13) ^ s->v0;
		s->v0 = rotated(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotated(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotated(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotated(s->v1, 17) ^ s->v2;
		s->v2 = rotated(s->v2, 32);
	}
}

/* Up to 8 bytes as a little-endian word. */
static uint64_t
word_of(const unsigned char *bytes, size_t count)
{
	uint64_t word = 0;

	while (count-- > 0)
		word = word << 8 | bytes[count];
	return word;
}

static void
take(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

uint64_t
siphash(const unsigned char key[16], const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t k0 = word_of(key, 8), k1 = word_of(key + 8, 8);
	struct state s = {
		k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u,
	};
	size_t left = length;

	for (; left >= 8; left -= 8, at += 8)
		take(&s, word_of(at, 8));
	take(&s, word_of(at, left) | (uint64_t)length << 56);
	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
