/* SPDX-License-Identifier: MIT */
/*
 * Punycode (RFC 3492): code points of ASCII first, then for each other one,
 * in ascending order, how far to walk through all positions and code points
 * to where it is put in.  Both ways keep the walk in 32 bits and refuse what
 * leaves them.  Both cost the square of the label's 63 code points at most.
 */
#include "contract/format_idna.h"

#include <string.h>

/* Section 5. */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700,
	FIRST_BIAS = 72, FIRST_CODE = 0x80 };

/* Section 6.1. */
static uint32_t
adapt(uint32_t delta, size_t count, bool first)
{
	uint32_t k = 0;

	delta /= first ? DAMP : 2;
	delta += delta / (uint32_t)count;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t
threshold(uint32_t k, uint32_t bias)
{
	return k <= bias + T_MIN ? T_MIN :
	    k >= bias + T_MAX	 ? T_MAX :
				   k - bias;
}

static bool
take_digit(const char **at, const char *end, uint32_t *ret)
{
	unsigned char c;

	if (*at == end)
		return false;
	c = (unsigned char)*(*at)++;
	if (c >= 'a' && c <= 'z')
		*ret = c - 'a';
	else if (c >= '0' && c <= '9')
		*ret = c - '0' + 26u;
	else
		return false;
	return true;
}

/* Adds a number of variable length; false = it ends early or is too large. */
static bool
take_delta(const char **at, const char *end, uint32_t bias, uint32_t *sum)
{
	uint32_t weight = 1, digit, product, t;

	for (uint32_t k = BASE;; k += BASE) {
		if (!take_digit(at, end, &digit) ||
		    __builtin_mul_overflow(digit, weight, &product) ||
		    __builtin_add_overflow(*sum, product, sum))
			return false;
		t = threshold(k, bias);
		if (digit < t)
			return true;
		if (__builtin_mul_overflow(weight, BASE - t, &weight))
			return false;
	}
}

/* Takes what stands before the last hyphen, as it is. */
static bool
take_basic(const char **at, const char *end, struct idna_label *label)
{
	const char *hyphen = memrchr(*at, '-', (size_t)(end - *at));

	label->count = 0;
	if (hyphen == NULL)
		return true;
	if (hyphen == *at || hyphen - *at > IDNA_LABEL_MAX)
		return false;
	while (*at < hyphen)
		label->at[label->count++] = (unsigned char)*(*at)++;
	++*at;
	return true;
}

/* Section 6.2. */
bool
punycode_decode(const char *at, size_t length, struct idna_label *ret)
{
	uint32_t code = FIRST_CODE, bias = FIRST_BIAS, i = 0, before;
	const char *end = at + length;
	struct idna_label label;

	if (!take_basic(&at, end, &label))
		return false;
	while (at < end) {
		before = i;
		if (label.count == IDNA_LABEL_MAX ||
		    !take_delta(&at, end, bias, &i))
			return false;
		bias = adapt(i - before, label.count + 1, before == 0);
		if (__builtin_add_overflow(code, i / (label.count + 1),
		    &code) || code > 0x10ffff)
			return false;
		i %= (uint32_t)(label.count + 1);
		memmove(&label.at[i + 1], &label.at[i],
		    (label.count - i) * sizeof(label.at[0]));
		label.at[i++] = code;
		label.count++;
	}
	*ret = label;
	return true;
}

/* What is written so far. */
struct output {
	char *at;
	size_t length;
};

static bool
put(struct output *out, uint32_t digit)
{
	if (out->length == IDNA_LABEL_MAX)
		return false;
	out->at[out->length++] = (char)(digit < 26 ? digit + 'a' :
						     digit - 26 + '0');
	return true;
}

static bool
put_delta(struct output *out, uint32_t delta, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = threshold(k, bias);

		if (delta < t)
			return put(out, delta);
		if (!put(out, t + (delta - t) % (BASE - t)))
			return false;
		delta = (delta - t) / (BASE - t);
	}
}

/* Copies what is of ASCII, with a hyphen behind; returns how much it was. */
static size_t
put_basic(struct output *out, const struct idna_label *label)
{
	for (size_t i = 0; i < label->count; i++)
		if (label->at[i] < FIRST_CODE)
			out->at[out->length++] = (char)label->at[i];
	if (out->length == 0 || out->length == IDNA_LABEL_MAX)
		return out->length;
	out->at[out->length++] = '-';
	return out->length - 1;
}

/* The least code point of the label from `from` up. */
static uint32_t
next_code(const struct idna_label *label, uint32_t from)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < label->count; i++)
		if (label->at[i] >= from && label->at[i] < least)
			least = label->at[i];
	return least;
}

/*
 * Section 6.3.  With 63 code points no step leaves 32 bits: 0x10ffff * 64 is
 * below 2^27.
 */
bool
punycode_encode(const struct idna_label *label, char *ret, size_t *ret_length)
{
	uint32_t code = FIRST_CODE, next, bias = FIRST_BIAS, delta = 0;
	struct output out = { ret, 0 };
	const size_t basic = put_basic(&out, label);
	size_t done = basic;

	for (; done < label->count; delta++, code++) {
		next = next_code(label, code);
		delta += (next - code) * (uint32_t)(done + 1);
		code = next;
		for (size_t i = 0; i < label->count; i++) {
			if (label->at[i] < code)
				delta++;
			if (label->at[i] != code)
				continue;
			if (!put_delta(&out, delta, bias))
				return false;
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
	*ret_length = out.length;
	return true;
}
