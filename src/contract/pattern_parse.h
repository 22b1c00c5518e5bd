/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_PATTERN_PARSE_H
#define CONTRACT_PATTERN_PARSE_H

#include <string.h>

#include "contract/pattern_tree.h"

/*
 * The parser of patterns in two files: escapes and classes
 * (pattern_class.c), groups and terms (pattern_parse.c).  Every take_ function
 * reads on from `at`; what fails sets `reason` and moves `at` to the end.
 */

/* A group's name, or a reference by name. */
struct label {
	struct label *next;
	const char *name;
	size_t length;
	uint32_t number;	/* of the group */
	struct node *node;	/* of the reference */
	const char *at;		/* in the text, for the fault */
};

struct parse {
	struct arena *arena;
	const char *start, *at, *end;
	unsigned nesting;
	struct tree *tree;
	struct label *groups, *references;
	size_t group_label_count;
	uint32_t number_most;		/* of \1 and the like */
	const char *number_at;
	void *id_start, *id_continue;	/* classes, once needed */
	struct set *shared[128];	/* of \d and the like, by letter */
	const char *reason;
	size_t offset;
};

/* Sets the first fault; returns NULL, or false. */
static inline void *
refuse_at(struct parse *p, const char *at, const char *reason)
{
	if (p->reason == NULL) {
		p->reason = reason;
		p->offset = (size_t)(at - p->start);
	}
	p->at = p->end;
	return NULL;
}

static inline bool
refuse(struct parse *p, const char *reason)
{
	(void)refuse_at(p, p->at, reason);
	return false;
}

/* Is this the next byte?  Takes the text, if it is next. */
static inline bool
next_is(const struct parse *p, char c)
{
	return p->at < p->end && *p->at == c;
}

static inline bool
take(struct parse *p, const char *s)
{
	size_t length = strlen(s);

	if ((size_t)(p->end - p->at) < length || memcmp(p->at, s, length) != 0)
		return false;
	p->at += length;
	return true;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A node that begins at this place of the text. */
static inline struct node *
node_new(struct parse *p, enum node_kind kind, const char *at)
{
	struct node *node = arena_alloc(p->arena, sizeof(*node));

	node->kind = (unsigned char)kind;
	node->offset = (uint32_t)(at - p->start);
	return node;
}

/* The character that an escape stands for; the backslash was taken. */
bool take_escaped(struct parse *p, bool in_class, uint32_t *ret);

/* What follows \u; two that are a surrogate pair are one character. */
bool take_unicode(struct parse *p, uint32_t *ret);

/* A class; its [ was taken. */
struct node *take_class(struct parse *p);

/* A class escape, \d or \p{L}, as a term; NULL without a fault: it is none. */
struct node *take_class_term(struct parse *p);

/* The point, which was taken: all but the ends of lines. */
struct node *take_dot(struct parse *p);

#endif
