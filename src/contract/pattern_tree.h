/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_PATTERN_TREE_H
#define CONTRACT_PATTERN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "contract/pattern.h"

/*
 * What a pattern is on its way from text to a match: a tree of nodes over sets
 * of code points, from which three engines are made.  Private to pattern*.c.
 */

#define PATTERN_UNBOUNDED UINT32_MAX

enum {
	PATTERN_BYTES_MAX = 64 * 1024,
	PATTERN_NESTING_MAX = 200,	/* groups and assertions */
	PATTERN_REPEAT_MAX = 65535,	/* of {n,m}; more is only parsed */
};

/* ---- Sets of code points. */

struct span {
	uint32_t from, to;
};

/* A property that PCRE2 knows, by the name that it knows. */
struct property {
	const struct property *next;
	const char *name;
	bool negated;
};

/*
 * Without properties, all is in the spans: sorted, apart, without surrogates.
 * With them, a code point is in the set when it is in a span or has one of the
 * properties, or when it is not so and `negated` is set; the compiled form
 * answers that beyond ASCII.
 */
struct set {
	uint64_t ascii[2];
	const struct span *spans;
	size_t span_count;
	const struct property *properties;
	bool negated;
	void *code;		/* of PCRE2, once prepared */
};

/* Spans and properties in the making. */
struct set_draft {
	struct span *spans;
	size_t count, capacity;
	const struct property *properties;
	bool negated;
};

/* Adds to a draft; complement is the negation of the spans given. */
void set_draft_span(struct arena *arena, struct set_draft *draft,
    uint32_t from, uint32_t to);
void set_draft_complement(struct arena *arena, struct set_draft *draft,
    const struct span *spans, size_t count);
void set_draft_property(struct arena *arena, struct set_draft *draft,
    const char *name, bool negated);

/* The set of a draft, which is used up. */
struct set *set_make(struct arena *arena, struct set_draft *draft);

/* Compiles the properties, if any; false when PCRE2 does not know them. */
bool set_prepare(struct arena *arena, struct set *set) MUST_CHECK;

/* Is the code point in the set, which has been prepared? */
bool set_has(const struct set *set, uint32_t point);

/* Does it (perhaps) hold anything beyond ASCII? */
bool set_beyond(const struct set *set);

/* Is there (perhaps) a code point that is in both? */
bool set_meets(const struct set *a, const struct set *b);

/* Writes it as a class of PCRE2. */
void set_write(struct buf *b, const struct set *set);

/*
 * Compiles a class of PCRE2, to live as long as the arena, and asks it; NULL
 * when PCRE2 refuses it.
 */
void *class_compile(struct arena *arena, const char *text, size_t length);
bool class_has(const void *code, uint32_t point);

/* Reads one code point of valid UTF-8, or steps back over one. */
uint32_t point_after(const char **at, const char *end);
uint32_t point_before(const char **at, const char *start);

/* Writes a code point as UTF-8, returns the bytes: at most 4. */
size_t point_write(char *at, uint32_t point);

/* ---- Properties by ECMA-262's names (pattern_property.c). */

/*
 * The property `name`, or `name`=`value` when value is not NULL, added to the
 * draft; false when ECMA-262 knows none.
 */
bool property_add(struct arena *arena, struct set_draft *draft,
    const char *name, const char *value, bool negated) MUST_CHECK;

/* ---- The tree. */

enum node_kind {
	NODE_EMPTY,
	NODE_POINT,
	NODE_SET,
	NODE_SEQUENCE,
	NODE_CHOICE,
	NODE_REPEAT,
	NODE_GROUP,	/* that captures */
	NODE_LOOK,	/* ahead or behind */
	NODE_BACK,	/* to a group */
	NODE_START,
	NODE_END,
	NODE_WORD,	/* \b and \B */
};

struct node {
	unsigned char kind;
	bool lazy, negated, behind;
	uint32_t offset;		/* in the pattern's text */
	struct node *next;		/* among the children of its parent */
	struct node *body;		/* or the first child */
	union {
		uint32_t point;
		struct set *set;
		struct {
			uint32_t least, most;
			uint32_t first_group, group_count;	/* inside */
		} repeat;
		uint32_t number;	/* of a group, from 1 */
	};
};

struct tree {
	struct node *root;
	uint32_t group_count;
	bool backreference, lookahead, lookbehind;
};

/* Parses; false with the reason and the offset. */
bool tree_parse(struct arena *arena, const char *text, size_t length,
    struct tree *ret, const char **ret_reason, size_t *ret_offset) MUST_CHECK;

/* Is it one code point, whichever? */
bool node_single(const struct node *node);

/* Does every match begin at the start of the text? */
bool node_anchored(const struct node *node);

/* What a match can begin with; `empty`: it can take nothing. */
struct first {
	uint64_t ascii[2];
	bool beyond, empty;
};
struct first node_first(const struct node *node);

/* ---- What is known of its cost (pattern_facts.c). */

/* Can a backtracking matcher take exponential time?  `known`: it was seen. */
bool tree_explodes(struct arena *arena, const struct tree *tree,
    bool *ret_known);

/* Are there runs side by side that can take the same characters? */
bool tree_overlaps(const struct tree *tree);

/*
 * About how many steps a backtracking matcher takes at most on a text of
 * length n; only for what does not explode.
 */
double tree_cost(const struct tree *tree, double n);

/* ---- Engines.  All give the same answers. */

enum pattern_verdict {
	PATTERN_DIFFERS,
	PATTERN_MATCHES,
	PATTERN_EXHAUSTED,
};

/* Writes the tree as PCRE2; false when PCRE2 cannot say it. */
bool tree_write(struct buf *b, const struct tree *tree) MUST_CHECK;

/* Without backtracking; NULL when the pattern is not so simple. */
struct quick;
const struct quick *quick_new(struct arena *arena, const struct tree *tree);
bool quick_matches(const struct quick *quick, const char *text,
    size_t length);

/*
 * Of our own: all of ECMA-262; NULL when it is too large.  A match takes from
 * the steps, and is exhausted when there are none left.
 */
struct program;
const struct program *program_new(struct arena *arena,
    const struct tree *tree);
enum pattern_verdict program_match(const struct program *program,
    const char *text, size_t length, uint32_t *steps);

/* For tests: which engines a pattern has, and the answer of one of them. */
enum pattern_engine {
	ENGINE_QUICK,
	ENGINE_JIT,
	ENGINE_STEPS,
	ENGINE_COUNT,
};
const struct schema_pattern *pattern_compile_all(struct arena *arena,
    const char *text, size_t length, const char **ret_reason,
    size_t *ret_offset);
bool pattern_has_engine(const struct schema_pattern *pattern,
    enum pattern_engine engine);
enum pattern_verdict pattern_match_by(const struct schema_pattern *pattern,
    enum pattern_engine engine, const char *text, size_t length);

/* The longest text (bytes) that goes to the engine of PCRE2. */
size_t pattern_jit_most(const struct schema_pattern *pattern);

#endif
