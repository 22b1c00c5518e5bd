/* SPDX-License-Identifier: MIT */
/*
 * The Prefer field (RFC 7240): "name=word;parameters, name=word, ...".  Of a
 * preference that is said twice the first counts (section 2).  Nothing here is
 * an error: what is malformed, not known or has a value that is not known is
 * noted as unknown, and only a client that asks to be handled strictly is told.
 */
#include <string.h>
#include <strings.h>

#include "base/attribute.h"
#include "http/http.h"
#include "http/internal.h"

/* The preferences; a request says each at most once. */
enum name {
	NAME_RETURN, NAME_COUNT, NAME_RESOLUTION, NAME_TX, NAME_HANDLING,
	NAME_NONE
};

static const struct {
	const char *name, *word;
	enum name number;
	int value;
} known[] = {
	{ "return", "minimal", NAME_RETURN, RETURN_MINIMAL },
	{ "return", "representation", NAME_RETURN, RETURN_REPRESENTATION },
	{ "count", "exact", NAME_COUNT, TOTAL_EXACT },
	{ "count", "estimated", NAME_COUNT, TOTAL_ESTIMATED },
	{ "count", "planned", NAME_COUNT, TOTAL_ESTIMATED },
	{ "resolution", "merge-duplicates", NAME_RESOLUTION,
	    RESOLUTION_MERGE },
	{ "resolution", "ignore-duplicates", NAME_RESOLUTION,
	    RESOLUTION_IGNORE },
	{ "tx", "commit", NAME_TX, false },
	{ "tx", "rollback", NAME_TX, true },
	{ "handling", "lenient", NAME_HANDLING, false },
	{ "handling", "strict", NAME_HANDLING, true },
};

static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* A piece of the field. */
struct piece {
	const char *at;
	size_t length;
};

static const char *
skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/*
 * A token or quoted string (RFC 9110 section 5.6) is cut off.  A quoted one
 * with escapes is none that we know, so they are left in.
 */
static const char *
read_word(const char *s, struct piece *ret)
{
	if (*s != '"') {
		*ret = (struct piece){ s, strspn(s, token_bytes) };
		return s + ret->length;
	}
	*ret = (struct piece){ ++s, 0 };
	for (; *s != '\0' && *s != '"'; s++)
		if (*s == '\\' && s[1] != '\0')
			s++;
	ret->length = (size_t)(s - ret->at);
	return *s == '"' ? s + 1 : s;
}

/* "name", "name=word"; an empty word is none. */
static const char *
read_pair(const char *s, struct piece *ret_name, struct piece *ret_word)
{
	*ret_name = (struct piece){ s, strspn(s, token_bytes) };
	*ret_word = (struct piece){ "", 0 };
	s = skip_space(s + ret_name->length);
	return *s == '=' ? skip_space(read_word(skip_space(s + 1), ret_word)) :
			   s;
}

static bool
is_word(struct piece piece, const char *word)
{
	return strlen(word) == piece.length &&
	    memcmp(word, piece.at, piece.length) == 0;
}

static enum name
name_of(struct piece name)
{
	for (size_t i = 0; i < countof(known); i++)
		if (strlen(known[i].name) == name.length &&
		    strncasecmp(known[i].name, name.at, name.length) == 0)
			return known[i].number;
	return NAME_NONE;
}

static void
hear(struct preferences *p, enum name name, int value)
{
	switch (name) {
	case NAME_RETURN:
		p->returns = value;
		break;
	case NAME_COUNT:
		p->total = value;
		break;
	case NAME_RESOLUTION:
		p->resolution = value;
		break;
	case NAME_TX:
		p->rollback = value;
		break;
	case NAME_HANDLING:
		p->strict = value;
		break;
	case NAME_NONE:
		break;
	}
}

static void
judge(struct preferences *p, struct piece name, struct piece word,
    unsigned *seen)
{
	enum name number = name_of(name);

	if (number != NAME_NONE && (*seen & 1u << number) != 0)
		return;
	*seen |= 1u << number;
	for (size_t i = 0; number != NAME_NONE && i < countof(known); i++)
		if (known[i].number == number && is_word(word, known[i].word)) {
			hear(p, number, known[i].value);
			return;
		}
	p->unknown = true;
}

struct preferences
prefer_read(const char *field)
{
	struct preferences p = { .returns = RETURN_UNSAID };
	struct piece name, word, parameter, value;
	unsigned seen = 0;
	const char *s = field;

	while (*(s += strspn(s, " \t,")) != '\0') {
		s = read_pair(s, &name, &word);
		while (*s == ';')
			s = read_pair(skip_space(s + 1), &parameter, &value);
		if (*s != '\0' && *s != ',') {
			p.unknown = true;
			s += strcspn(s, ",");
		} else {
			judge(&p, name, word, &seen);
		}
	}
	return p;
}
