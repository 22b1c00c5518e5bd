/* SPDX-License-Identifier: MIT */
/*
 * What media the two sides take (RFC 9110 section 12.5.1).  Of the ranges of
 * an Accept field that fit a type the most exact one says how much it is
 * wanted; the most wanted type is chosen, of equal ones the first of ours.
 * Parameters of a range, but for q, are not looked at.
 */
#include "contract/internal.h"

#include <string.h>
#include <strings.h>

/* A type that a reply can have, with the ranges that it fits. */
static const struct offer {
	const char *type, *group;
	enum media media;
	bool list;			/* of lists alone */
} offers[] = {
	{ "application/json", "application/*", MEDIA_JSON, false },
	{ "application/x-ndjson", "application/*", MEDIA_NDJSON, true },
	{ "text/csv", "text/*", MEDIA_CSV, true },
};

static const char problem_type[] = "application/problem+json";

/* Is the trimmed text, of a length, this word whatever the case? */
static bool
is_word(const char *at, size_t length, const char *word)
{
	return strlen(word) == length && strncasecmp(at, word, length) == 0;
}

static void
trim(const char **at, size_t *length)
{
	while (*length > 0 && strchr(" \t", (*at)[*length - 1]) != NULL)
		(*length)--;
	while (*length > 0 && strchr(" \t", **at) != NULL) {
		(*at)++;
		(*length)--;
	}
}

/* Cuts the part before the next `end` off; false when nothing is left. */
static bool
part(const char **rest, size_t *left, char end, const char **ret_at,
    size_t *ret_length)
{
	const char *stop;

	if (*rest == NULL)
		return false;
	stop = memchr(*rest, end, *left);
	*ret_at = *rest;
	*ret_length = stop != NULL ? (size_t)(stop - *rest) : *left;
	*rest = stop != NULL ? stop + 1 : NULL;
	*left -= *ret_length + (stop != NULL);
	trim(ret_at, ret_length);
	return true;
}

/* "0.25" -> 250; what is no qvalue (section 12.4.2) counts as unsaid, 1000. */
static int
weight_of(const char *at, size_t length)
{
	int weight = 0, scale = 1000;

	if (length == 0 || length > 5 || (*at != '0' && *at != '1') ||
	    (length > 1 && at[1] != '.'))
		return 1000;
	for (size_t i = 0; i < length; i++) {
		if (i == 1)
			continue;
		if (at[i] < '0' || at[i] > '9')
			return 1000;
		weight += (at[i] - '0') * scale;
		scale /= 10;
	}
	return weight > 1000 ? 1000 : weight;
}

/* The q among the parameters of a range, in thousandths. */
static int
range_weight(const char *rest, size_t left)
{
	const char *at;
	size_t length;

	while (part(&rest, &left, ';', &at, &length))
		if (length >= 2 && strncasecmp(at, "q=", 2) == 0)
			return weight_of(at + 2, length - 2);
	return 1000;
}

/* How much a field wants one of these ranges: -1 is not at all said. */
static int
wanted(const char *accept, const char *range)
{
	const char *rest = accept, *at, *type;
	size_t left = strlen(accept), length, type_length;
	int weight = -1;

	while (part(&rest, &left, ',', &at, &length)) {
		(void)part(&at, &length, ';', &type, &type_length);
		if (is_word(type, type_length, range))
			weight = range_weight(at, length);
	}
	return weight;
}

static int
offer_weight(const char *accept, const struct offer *offer)
{
	int weight = wanted(accept, offer->type);

	if (weight < 0)
		weight = wanted(accept, offer->group);
	if (weight < 0)
		weight = wanted(accept, "*/*");
	return weight;
}

/*
 * Problem documents are JSON, so whoever takes nothing but those gets them,
 * and JSON on success.
 */
enum problem
media_choose(const char *accept, bool list, enum media *ret)
{
	int best = 0;

	if (accept == NULL || *accept == '\0') {
		*ret = MEDIA_JSON;
		return PROBLEM_NONE;
	}
	for (size_t i = 0; i < countof(offers); i++) {
		int weight = offers[i].list && !list ? -1 :
		    offer_weight(accept, &offers[i]);

		if (weight > best) {
			best = weight;
			*ret = offers[i].media;
		}
	}
	if (best == 0 && wanted(accept, problem_type) > 0) {
		best = 1;
		*ret = MEDIA_JSON;
	}
	return best > 0 ? PROBLEM_NONE : PROBLEM_NOT_ACCEPTABLE;
}

bool
contract_takes_problem(const char *accept)
{
	return accept != NULL && wanted(accept, problem_type) > 0;
}

/* Is it one of the types, with the charset UTF-8 at most? */
static bool
media_is(const char *content_type, const char *const *types, size_t count)
{
	const char *rest = content_type, *at;
	size_t left = strlen(content_type), length, i = 0;

	if (!part(&rest, &left, ';', &at, &length))
		return false;
	while (i < count && !is_word(at, length, types[i]))
		i++;
	if (i == count)
		return false;
	while (part(&rest, &left, ';', &at, &length))
		if (length > 0 && !is_word(at, length, "charset=utf-8") &&
		    !is_word(at, length, "charset=\"utf-8\""))
			return false;
	return true;
}

bool
media_is_json(const char *content_type)
{
	static const char *const types[] = { "application/json" };

	return media_is(content_type, types, countof(types));
}

bool
media_is_lines(const char *content_type)
{
	static const char *const types[] = { "application/x-ndjson",
		"application/ndjson", "application/jsonl" };

	return media_is(content_type, types, countof(types));
}
