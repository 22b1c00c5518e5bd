/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PROVE_H
#define TOOL_PROVE_H

#include "store/store.h"
#include "tool/findings.h"

/* What the files of the proof share.  Private to prove*.c. */

/* What the contract says of a cell. */
enum said {
	SAID_NO,		/* nothing */
	SAID_MAY,		/* something that it takes for granted */
	SAID_YES		/* an operation is just that */
};

/* A row of the matrix beside what the contract says. */
struct proven {
	const struct prove_row *row;
	const char *operations[CATALOG_VERB_COUNT];	/* "" = none */
	enum said said[CATALOG_VERB_COUNT][PROVE_WHOSE_COUNT];
};

/* Does a cell differ from what is said? */
bool prove_differs(const struct proven *p, enum catalog_verb verb,
    enum prove_whose whose);

#endif
