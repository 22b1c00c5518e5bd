/* SPDX-License-Identifier: MIT */
/*
 * The translator of patterns: the first line is a pattern, the rest a text.
 * Whatever is taken matches or not within its limits, the same each time; a
 * refusal says why, and where.
 */
#include "fuzz.h"

#include "base/text.h"
#include "contract/pattern.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *rest, *reason = NULL;
	const struct schema_pattern *pattern;
	size_t length, left, offset = 0;
	struct arena *arena;
	char *copy;

	rest = memchr(text, '\n', size);
	length = rest != NULL ? (size_t)(rest - text) : size;
	left = rest != NULL ? size - length - 1 : 0;
	if (!text_is_utf8(text, length))
		return 0;
	arena = arena_new();
	/* On the heap by itself, so that a byte beyond it is seen. */
	copy = malloc(length + 1);
	MUST(copy != NULL);
	memcpy(copy, text, length);
	copy[length] = '\0';
	pattern = schema_pattern_compile(arena, copy, length, &reason,
	    &offset);
	if (pattern == NULL)
		MUST(reason != NULL && offset <= length);
	else if (rest != NULL && text_is_utf8(rest + 1, left))
		MUST(schema_pattern_matches(pattern, rest + 1, left) ==
		    schema_pattern_matches(pattern, rest + 1, left));
	free(copy);
	arena_free(arena);
	return 0;
}
