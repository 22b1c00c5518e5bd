/* SPDX-License-Identifier: MIT */
/*
 * Numbers and equality as JSON Schema has them: mathematical, never by way of
 * a double.  Invariant: a number that was read from a text has no trailing
 * zero in its digits, so that a negative exponent means a fraction; one that
 * was read from an integer has the exponent 0.  Zero has no sign.
 */
#include "contract/value.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DIGITS_MAX = 20,	/* that a uint64_t may hold */
	SHORT_BYTES = 19,	/* all of them digits still fit */
	EXPONENT_MAX = 1000000000,
	DIGITS_A_STEP = 16,	/* read, not divided */
	BYTES_A_STEP = 64,	/* hashed, or compared */
	MEMBER_STEPS = 4,	/* to find one by its name */
};

/* Takes steps; false when there are too few. */
static bool
spend(unsigned *steps, size_t count)
{
	if (*steps <= count) {
		*steps = 0;
		return false;
	}
	*steps -= (unsigned)count;
	return true;
}

static void
number_of_int(struct json_object *value, struct number *ret)
{
	int64_t i = json_object_get_int64(value);

	*ret = (struct number){ .negative = i < 0 };
	if (i < 0)
		ret->digits = -(uint64_t)i;
	else	/* json-c gives INT64_MAX for what is beyond. */
		ret->digits = i == INT64_MAX ? json_object_get_uint64(value) :
					       (uint64_t)i;
}

/* The exponent after "e"; beyond EXPONENT_MAX it makes no difference. */
static int64_t
exponent_of(const char *s)
{
	bool negative = *s == '-';
	int64_t n = 0;

	if (*s == '-' || *s == '+')
		s++;
	for (; isdigit((unsigned char)*s) && n < EXPONENT_MAX; s++)
		n = n * 10 + (*s - '0');
	return negative ? -n : n;
}

/* Do the digits of a text fit a uint64_t?  Equal digits always agree. */
static bool
digits_fit(const char *first, const char *last, uint64_t *ret)
{
	uint64_t n = 0;

	for (; first <= last; first++)
		if (*first != '.' && (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(*first - '0'),
			    &n)))
			return false;
	*ret = n;
	return true;
}

/*
 * Reads a text of few digits and without an exponent; false when it is another
 * one.
 */
static bool
number_of_short_text(const char *s, struct number *ret)
{
	const char *from = s + (*s == '-'), *at = from, *point = NULL;
	uint64_t digits = 0;
	int64_t exponent;

	for (; at < from + SHORT_BYTES; at++) {
		unsigned digit = (unsigned char)*at - (unsigned)'0';

		if (digit <= 9)
			digits = digits * 10 + digit;
		else if (*at == '.')
			point = at;
		else
			break;
	}
	if (*at != '\0')
		return false;
	exponent = point != NULL ? point + 1 - at : 0;
	for (; digits % 10 == 0 && digits != 0; exponent++)
		digits /= 10;
	*ret = (struct number){ .digits = digits,
		.exponent = digits != 0 ? exponent : 0,
		.negative = *s == '-' && digits != 0 };
	return true;
}

/* Reads a text by the grammar of RFC 8259, section 6. */
static void
number_of_text(const char *s, struct number *ret)
{
	const char *first = NULL, *last = NULL, *point = NULL, *start = s;

	if (number_of_short_text(s, ret))
		return;
	*ret = (struct number){ .negative = *s == '-' };
	for (s += *s == '-'; isdigit((unsigned char)*s) || *s == '.'; s++) {
		if (*s == '.')
			point = s;
		else if (*s != '0') {
			first = first != NULL ? first : s;
			last = s;
		}
	}
	ret->weight = (size_t)(s - start) / DIGITS_A_STEP;
	if (first == NULL) {
		ret->negative = false;
		return;
	}
	point = point != NULL ? point : s;
	ret->exponent = point - last - (last < point);
	if (*s == 'e' || *s == 'E') {
		ret->exponent += exponent_of(s + 1);
		ret->weight += strlen(s) / DIGITS_A_STEP;
	}
	if (digits_fit(first, last, &ret->digits))
		return;
	ret->text = first;
	ret->length = (size_t)(last - first) + 1;
}

void
number_of(struct json_object *value, struct number *ret)
{
	const char *text;
	char made[32];

	if (json_object_get_type(value) == json_type_int) {
		number_of_int(value, ret);
		return;
	}
	/* json_object_new_double_s() keeps the text as its user data. */
	if ((text = json_object_get_userdata(value)) == NULL) {
		snprintf(made, sizeof(made), "%.17g",
		    json_object_get_double(value));
		text = made;
	}
	number_of_text(text, ret);
}

/* The digits of a number, one after the other, then zeros. */
struct digits {
	const char *at, *end;
	char own[DIGITS_MAX + 2];
	int64_t count;
};

static void
digits_of(const struct number *n, struct digits *ret)
{
	if (n->text == NULL) {
		ret->count = snprintf(ret->own, sizeof(ret->own), "%llu",
		    (unsigned long long)n->digits);
		ret->at = ret->own;
		ret->end = ret->own + ret->count;
		return;
	}
	ret->at = n->text;
	ret->end = n->text + n->length;
	ret->count = (int64_t)n->length -
	    (memchr(n->text, '.', n->length) != NULL);
}

static char
digits_next(struct digits *d)
{
	if (d->at < d->end && *d->at == '.')
		d->at++;
	return d->at < d->end ? *d->at++ : '0';
}

static bool
is_zero(const struct number *n)
{
	return n->text == NULL && n->digits == 0;
}

/* Compares two numbers that are not zero, their signs aside. */
static int
compare_sizes(const struct number *a, const struct number *b)
{
	struct digits da, db;
	int64_t ends;

	if (a->text == NULL && b->text == NULL && a->exponent == b->exponent)
		return (a->digits > b->digits) - (a->digits < b->digits);
	digits_of(a, &da);
	digits_of(b, &db);
	ends = (da.count + a->exponent) - (db.count + b->exponent);
	if (ends != 0)
		return ends < 0 ? -1 : 1;
	for (int64_t i = 0; i < da.count || i < db.count; i++) {
		int order = digits_next(&da) - digits_next(&db);

		if (order != 0)
			return order;
	}
	return 0;
}

int
number_compare(const struct number *a, const struct number *b)
{
	/* Integers that are not negative, most of all. */
	if (a->exponent == b->exponent && a->text == NULL && b->text == NULL &&
	    !a->negative && !b->negative)
		return (a->digits > b->digits) - (a->digits < b->digits);
	if (is_zero(a) || is_zero(b))
		return (is_zero(b) ? 0 : b->negative ? 1 : -1) -
		    (is_zero(a) ? 0 : a->negative ? 1 : -1);
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_sizes(b, a) : compare_sizes(a, b);
}

bool
number_is_integer(const struct number *n)
{
	return n->exponent >= 0;
}

static uint64_t
times_modulo(uint64_t a, uint64_t b, uint64_t modulus)
{
	return (uint64_t)((unsigned __int128)a * b % modulus);
}

/* n * 10^exponent; false when it does not fit. */
static bool
scale(uint64_t n, int64_t exponent, uint64_t *ret)
{
	if (exponent > DIGITS_MAX)
		return false;
	for (; exponent > 0; exponent--)
		if (__builtin_mul_overflow(n, 10, &n))
			return false;
	*ret = n;
	return true;
}

static uint64_t
ten_to_modulo(int64_t exponent, uint64_t modulus)
{
	uint64_t power = 1 % modulus, base = 10 % modulus;

	for (; exponent > 0; exponent >>= 1) {
		if (exponent & 1)
			power = times_modulo(power, base, modulus);
		base = times_modulo(base, base, modulus);
	}
	return power;
}

/* Takes trailing zeros, which only integers have, into the exponent. */
static struct number
trimmed(const struct number *n)
{
	struct number t = *n;

	while (t.text == NULL && t.digits != 0 && t.digits % 10 == 0) {
		t.digits /= 10;
		t.exponent++;
	}
	return t;
}

bool
number_is_multiple(const struct number *n, const struct number *divisor)
{
	struct number value = *n;
	uint64_t modulus = divisor->digits, left = 0;
	struct digits d;

	if (is_zero(n))
		return true;
	if (value.exponent < divisor->exponent)
		value = trimmed(n);
	/* The divisor then has a factor 10 that the value lacks. */
	if (value.exponent < divisor->exponent)
		return false;
	if (value.text == NULL && scale(value.digits,
		value.exponent - divisor->exponent, &left))
		return left % modulus == 0;
	if (value.text == NULL) {
		left = value.digits % modulus;
	} else {
		digits_of(&value, &d);
		for (int64_t i = 0; i < d.count; i++)
			left = (uint64_t)(((unsigned __int128)left * 10 +
			    (unsigned)(digits_next(&d) - '0')) % modulus);
	}
	return left == 0 || times_modulo(left,
	    ten_to_modulo(value.exponent - divisor->exponent, modulus),
	    modulus) == 0;
}

static bool
is_number(enum json_type type)
{
	return type == json_type_int || type == json_type_double;
}

static bool
numbers_equal(struct json_object *a, struct json_object *b, unsigned *steps)
{
	struct number na, nb;

	number_of(a, &na);
	number_of(b, &nb);
	return spend(steps, 1 + na.weight + nb.weight) &&
	    number_compare(&na, &nb) == 0;
}

static bool
objects_equal(struct json_object *a, struct json_object *b, unsigned *steps)
{
	struct json_object *other;

	if (json_object_object_length(a) != json_object_object_length(b))
		return false;
	json_object_object_foreach(a, name, value)
		if (!spend(steps, MEMBER_STEPS) ||
		    !json_object_object_get_ex(b, name, &other) ||
		    !value_equal_within(value, other, steps))
			return false;
	return true;
}

static bool
arrays_equal(struct json_object *a, struct json_object *b, unsigned *steps)
{
	size_t count = json_object_array_length(a);

	if (json_object_array_length(b) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!value_equal_within(json_object_array_get_idx(a, i),
			json_object_array_get_idx(b, i), steps))
			return false;
	return true;
}

static bool
strings_equal(struct json_object *a, struct json_object *b, unsigned *steps)
{
	size_t length = (size_t)json_object_get_string_len(a);

	return length == (size_t)json_object_get_string_len(b) &&
	    spend(steps, length / BYTES_A_STEP) &&
	    memcmp(json_object_get_string(a), json_object_get_string(b),
		length) == 0;
}

bool
value_equal(struct json_object *a, struct json_object *b)
{
	unsigned steps = UINT_MAX;

	return value_equal_within(a, b, &steps);
}

/* Recursion is bounded by the depth that the reader lets documents have. */
bool
value_equal_within(struct json_object *a, struct json_object *b,
    unsigned *steps)
{
	enum json_type type = json_object_get_type(a);

	if (!spend(steps, 1))
		return false;
	if (is_number(type) && is_number(json_object_get_type(b)))
		return numbers_equal(a, b, steps);
	if (type != json_object_get_type(b))
		return false;
	switch (type) {
	case json_type_string:
		return strings_equal(a, b, steps);
	case json_type_boolean:
		return json_object_get_boolean(a) ==
		    json_object_get_boolean(b);
	case json_type_array:
		return arrays_equal(a, b, steps);
	case json_type_object:
		return objects_equal(a, b, steps);
	default:
		return true;
	}
}

static uint64_t
mixed(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^
	    UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xe7037ed1a0b428db));

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
bytes_hash(const char *s, size_t length, uint64_t hash)
{
	uint64_t word;

	hash = mixed(hash, length);
	for (; length >= sizeof(word); length -= sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		hash = mixed(hash, word);
		s += sizeof(word);
	}
	word = 0;
	memcpy(&word, s, length);
	return mixed(hash, word);
}

static uint64_t
number_hash(struct json_object *value, uint64_t hash, unsigned *steps)
{
	struct number read, n;
	struct digits d;

	number_of(value, &read);
	if (!spend(steps, 2 * read.weight))
		return 0;
	n = trimmed(&read);
	hash = mixed(hash, (uint64_t)n.exponent * 2 + n.negative);
	if (n.text == NULL)
		return mixed(hash, n.digits);
	digits_of(&n, &d);
	for (int64_t i = 0; i < d.count; i++)
		hash = mixed(hash, (unsigned char)digits_next(&d));
	return hash;
}

static uint64_t
string_hash(struct json_object *value, uint64_t hash, unsigned *steps)
{
	size_t length = (size_t)json_object_get_string_len(value);

	return spend(steps, length / BYTES_A_STEP) ?
	    bytes_hash(json_object_get_string(value), length, hash) : 0;
}

uint64_t
value_hash(struct json_object *value, uint64_t seed, unsigned *steps)
{
	enum json_type type = json_object_get_type(value);
	uint64_t hash = mixed(seed, is_number(type) ? json_type_double : type);

	if (!spend(steps, 1))
		return 0;
	if (is_number(type))
		return number_hash(value, hash, steps);
	if (type == json_type_string)
		return string_hash(value, hash, steps);
	if (type == json_type_boolean)
		return mixed(hash, (uint64_t)json_object_get_boolean(value));
	if (type == json_type_array) {
		for (size_t i = 0, n = json_object_array_length(value); i < n;
		     i++)
			hash = mixed(hash, value_hash(
			    json_object_array_get_idx(value, i), seed, steps));
	} else if (type == json_type_object) {
		uint64_t sum = 0;

		/* Members come in any order. */
		json_object_object_foreach(value, name, member)
			sum += mixed(bytes_hash(name, strlen(name), seed),
			    value_hash(member, seed, steps));
		hash = mixed(hash, sum);
	}
	return hash;
}
