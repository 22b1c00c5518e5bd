/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_PATTERN_PROGRAM_H
#define CONTRACT_PATTERN_PROGRAM_H

#include "contract/pattern_tree.h"

/*
 * The steps that the tree becomes (pattern_program.c) and that are run over a
 * text (pattern_run.c).
 */
enum step_kind {
	STEP_POINT,	/* one code point */
	STEP_SET,
	STEP_RUN,	/* a to b of the set or point, b not unbounded */
	STEP_STAR,	/* as many of the set or point as there are */
	STEP_SPLIT,	/* goes on at a, and, if that fails, at b */
	STEP_JUMP,	/* to a */
	STEP_SAVE,	/* the place into slot a */
	STEP_CLEAR,	/* the groups a to b */
	STEP_MOVED,	/* fails when the place is still that of slot a */
	STEP_BACK,	/* what group a took */
	STEP_START,
	STEP_END,
	STEP_WORD,
	STEP_LOOK,	/* the steps up to their STEP_DONE; then a */
	STEP_DONE,
};

struct step {
	unsigned char kind;
	bool backward, negated, lazy;
	uint32_t a, b;
	uint32_t column;	/* of the memory of what failed; from 1, or 0 */
	uint32_t point;
	const struct set *set;	/* NULL: the point */
};

/* Slots 2g and 2g+1 hold where group g began and ended; then marks of loops. */
struct program {
	const struct step *steps;
	uint32_t count;
	uint32_t columns;	/* 0: what failed depends on what groups took */
	uint32_t slots;
	bool anchored;
	struct first first;
};

#endif
