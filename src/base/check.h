/* SPDX-License-Identifier: MIT */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>

/*
 * What a check looks for, whichever part of the program does the looking.
 */
enum rule_level { LEVEL_NOTE, LEVEL_WARNING, LEVEL_ERROR };

struct check_rule {
	const char *id;			/* "table-missing" */
	enum rule_level level;		/* error: unsafe, or fails when run;
					 * warning: wrong sooner or later;
					 * note: taste, speed */
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
