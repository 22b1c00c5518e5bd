/* SPDX-License-Identifier: MIT */
/*
 * Words that are nearly others.  A keyword that is misspelt does nothing, which
 * nobody sees: "x-readOnly" or "x-createonly" lets clients write what they
 * should not.  Short words are near to too many others, and a word with "x-"
 * may well be somebody's own: these must be closer.
 */
#include "contract/near.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "contract/keyword.h"

enum {
	NEAR_MAX = 64,		/* bytes of words that are looked at */
	LONG_WORD = 8,		/* two letters of which may be wrong */
	SHORT_WORD = 4,		/* of less, none; else one */
};

size_t
near_distance(const char *a, const char *b)
{
	size_t row[3][NEAR_MAX + 1], m = strlen(a), n = strlen(b);

	if (m > NEAR_MAX || n > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= n; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3],
		       *over = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && over[j - 2] + 1 < best)
				best = over[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[m % 3][n];
}

/* A word without "x-", dashes and case; false when it is too long. */
static bool
plain(const char *word, char ret[NEAR_MAX + 1])
{
	size_t length = 0;

	if (strncasecmp(word, "x-", 2) == 0)
		word += 2;
	for (; *word != '\0'; word++) {
		if (*word == '-' || *word == '_')
			continue;
		if (length == NEAR_MAX)
			return false;
		ret[length++] = *word >= 'A' && *word <= 'Z' ?
		    (char)(*word - 'A' + 'a') : *word;
	}
	ret[length] = '\0';
	return true;
}

/* How far from a keyword a word may be to be meant as it. */
static size_t
most_edits(const char *keyword, bool own)
{
	size_t length = strlen(keyword);

	if (length >= LONG_WORD)
		return 2;
	return length >= SHORT_WORD && !own ? 1 : 0;
}

const char *
near_keyword(const char *name)
{
	bool own = strncasecmp(name, "x-", 2) == 0;
	char word[NEAR_MAX + 1], keyword[NEAR_MAX + 1];
	const char *nearest = NULL;
	size_t least = NEAR_MAX;

	if (!plain(name, word))
		return NULL;
	for (size_t k = 0; k < KEYWORD_COUNT; k++) {
		size_t edits;

		if (k == KEYWORD_DEPENDENCIES ||
		    !plain(schema_keywords[k].name, keyword))
			continue;
		edits = near_distance(word, keyword);
		if (edits <= most_edits(keyword, own) && edits < least) {
			least = edits;
			nearest = schema_keywords[k].name;
		}
	}
	return nearest;
}
