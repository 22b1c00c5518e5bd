/* SPDX-License-Identifier: MIT */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a check looks for, whichever part of the program does the looking.
 */
enum rule_level { LEVEL_NOTE, LEVEL_WARNING, LEVEL_ERROR };

/* In the lists of rules: the level of an error that is unsafe. */
#define LEVEL_UNSAFE 3
#define CHECK_UNSAFE(level) ((int)(level) == LEVEL_UNSAFE)
#define CHECK_LEVEL(level) (CHECK_UNSAFE(level) ? LEVEL_ERROR : (level))

struct check_rule {
	const char *id;			/* "table-missing" */
	enum rule_level level;		/* error: unsafe, or fails when run;
					 * warning: wrong sooner or later;
					 * note: taste, speed */
	bool unsafe;			/* an error by which requests see or
					 * change what is not theirs, or by
					 * which roles can do more than the
					 * contract says: no server begins */
	const char *title;		/* what it looks for, a few words */
	const char *why;		/* a sentence */
	const char *mend;		/* how, where the finding says nothing */
};

/* A list of rules, of one source of findings. */
struct check_rules {
	const struct check_rule *at;
	size_t count;
};

#endif
