/* SPDX-License-Identifier: MIT */
/*
 * A pattern, and which of three engines matches it.  Simple patterns are
 * matched without backtracking (pattern_quick.c).  The rest goes to PCRE2's
 * compiled form, but only as long as a text is so short that backtracking
 * cannot take long: the limits of PCRE2 do not bound it, because it counts
 * anew at each place where a match may begin, and its compiled form does not
 * count the characters of a run at all.  Longer texts, patterns that explode,
 * and what PCRE2 does otherwise than ECMA-262 are run step by step by an
 * engine of our own, which is bounded (pattern_run.c).  Invariant: all engines
 * that a pattern has give the same answer, or none for want of steps.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "contract/pattern.h"

#include <pcre2.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "contract/pattern_tree.h"

enum {
	WRITTEN_BYTES_MAX = 1024 * 1024,
	JIT_STEPS = 4096,	/* that PCRE2 may take for a text, and more */
	JIT_STEPS_A_BYTE = 256,	/* for a longer one, but not more than */
	JIT_STEPS_MAX = 500 * 1000,
	JIT_LENGTH_MAX = 1024 * 1024,
	BYTES_A_STEP = 8,	/* without backtracking */
	MATCH_LIMIT = 1000 * 1000,	/* a second net; see above */
	HEAP_LIMIT_KIB = 8192,
	PROPERTY_SETS_MAX = 256,
};

struct schema_pattern {
	const struct quick *quick;
	const struct program *program;
	pcre2_code *code;
	pcre2_match_context *context;
	size_t jit_most;	/* bytes of text */
	struct pattern_facts facts;
	atomic_uint_fast64_t *exhausted;
};

struct compile {
	struct arena *arena;
	const char *reason;
	size_t offset;
	unsigned property_sets;
};

static bool
refuse(struct compile *c, const struct node *node, const char *reason)
{
	c->reason = reason;
	c->offset = node->offset;
	return false;
}

/* Readies the sets, and refuses what can be parsed but not run. */
static bool
prepare(struct compile *c, const struct node *node)
{
	if (node->kind == NODE_SET && node->set->properties != NULL &&
	    ++c->property_sets > PROPERTY_SETS_MAX)
		return refuse(c, node, "has too many classes with properties");
	if (node->kind == NODE_SET && !set_prepare(c->arena, node->set))
		return refuse(c, node, "has a property that this version of "
				       "PCRE2 does not know");
	if (node->kind == NODE_REPEAT &&
	    ((node->repeat.most > PATTERN_REPEAT_MAX &&
		 node->repeat.most != PATTERN_UNBOUNDED) ||
		node->repeat.least > PATTERN_REPEAT_MAX))
		return refuse(c, node, "repeats more than 65535 times");
	for (const struct node *child = node->body; child != NULL;
	    child = child->next) {
		if (!prepare(c, child))
			return false;
		if (node->kind != NODE_SEQUENCE && node->kind != NODE_CHOICE)
			break;
	}
	return true;
}

static void
code_drop(void *code)
{
	pcre2_code_free(code);
}

static void
context_drop(void *context)
{
	pcre2_match_context_free(context);
}

/* PCRE2's compiled form, if there can be one and memory may be executed. */
static void
add_jit(struct arena *arena, struct schema_pattern *pattern,
    const struct buf *text, uint32_t options)
{
	PCRE2_SIZE offset;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text->at, text->length,
	    PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |
		PCRE2_NEVER_UCP | PCRE2_NO_AUTO_CAPTURE | options,
	    &error, &offset, NULL);

	if (code == NULL)
		return;
	arena_defer(arena, code_drop, code);
	if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0)
		return;
	pattern->context = pcre2_match_context_create(NULL);
	if (pattern->context == NULL)
		return;
	arena_defer(arena, context_drop, pattern->context);
	pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
	pcre2_set_heap_limit(pattern->context, HEAP_LIMIT_KIB);
	pattern->code = code;
}

/*
 * With lookahead, PCRE2 10.42 does not start well: for (?=-)a?- it wants two
 * "-".  And (?=.*x)^ is anchored too, which PCRE2 does not see.
 */
static uint32_t
jit_options(const struct tree *tree)
{
	return (tree->lookahead ? PCRE2_NO_START_OPTIMIZE : 0) |
	    (node_anchored(tree->root) ? PCRE2_ANCHORED : 0);
}

/* The longest text that PCRE2 cannot be slow with. */
static size_t
jit_most(const struct tree *tree)
{
	size_t n = JIT_LENGTH_MAX;

	for (; n > 0; n /= 2) {
		double steps = JIT_STEPS + JIT_STEPS_A_BYTE * (double)n;

		if (steps > JIT_STEPS_MAX)
			steps = JIT_STEPS_MAX;
		if (tree_cost(tree, (double)n) <= steps)
			break;
	}
	return n;
}

static struct schema_pattern *
pattern_new(struct arena *arena, const struct tree *tree, bool all_engines)
{
	struct schema_pattern *pattern = arena_alloc(arena, sizeof(*pattern));
	struct pattern_facts *facts = &pattern->facts;
	bool known;
	struct buf b;

	pattern->exhausted = arena_alloc(arena, sizeof(*pattern->exhausted));
	facts->backreference = tree->backreference;
	facts->lookbehind = tree->lookbehind;
	facts->explosive = tree_explodes(arena, tree, &known);
	facts->overlapping = tree_overlaps(tree);
	pattern->quick = quick_new(arena, tree);
	if (pattern->quick != NULL && !all_engines)
		return pattern;
	pattern->program = program_new(arena, tree);
	if (!facts->explosive && known)
		pattern->jit_most = jit_most(tree);
	if (pattern->jit_most == 0 && !all_engines)
		return pattern;
	buf_init(&b, WRITTEN_BYTES_MAX);
	if (tree_write(&b, tree))
		add_jit(arena, pattern, &b, jit_options(tree));
	buf_release(&b);
	return pattern;
}

static const struct schema_pattern *
compile(struct arena *arena, const char *text, size_t length, bool all_engines,
    const char **ret_reason, size_t *ret_offset)
{
	struct compile c = { .arena = arena };
	struct schema_pattern *pattern = NULL;
	struct tree tree;

	if (!tree_parse(arena, text, length, &tree, ret_reason, ret_offset))
		return NULL;
	if (prepare(&c, tree.root)) {
		pattern = pattern_new(arena, &tree, all_engines);
		if (pattern->program != NULL || pattern->quick != NULL)
			return pattern;
		c.reason = "is too large";
	}
	*ret_reason = c.reason;
	*ret_offset = c.offset;
	return NULL;
}

const struct schema_pattern *
schema_pattern_compile(struct arena *arena, const char *text, size_t length,
    const char **ret_reason, size_t *ret_offset)
{
	return compile(arena, text, length, false, ret_reason, ret_offset);
}

const struct schema_pattern *
pattern_compile_all(struct arena *arena, const char *text, size_t length,
    const char **ret_reason, size_t *ret_offset)
{
	return compile(arena, text, length, true, ret_reason, ret_offset);
}

/* The compiled form has 32 KiB of stack; what needs more has no verdict. */
static enum pattern_verdict
jit_match(const struct schema_pattern *pattern, const char *text,
    size_t length)
{
	/* Its own for each call: about 20 ns, and no state between threads. */
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int verdict;

	if (data == NULL)
		return PATTERN_EXHAUSTED;
	verdict = pcre2_jit_match(pattern->code, (PCRE2_SPTR)text, length, 0,
	    0, data, pattern->context);
	pcre2_match_data_free(data);
	if (verdict >= 0)
		return PATTERN_MATCHES;
	return verdict == PCRE2_ERROR_NOMATCH ? PATTERN_DIFFERS :
						PATTERN_EXHAUSTED;
}

/* What a text costs to the engines that do not count. */
static bool
spend(uint32_t *steps, size_t length)
{
	size_t cost = 1 + length / BYTES_A_STEP;

	if (cost > *steps) {
		*steps = 0;
		return false;
	}
	*steps -= (uint32_t)cost;
	return true;
}

bool
schema_pattern_matches(const struct schema_pattern *pattern, const char *text,
    size_t length)
{
	enum pattern_verdict verdict = PATTERN_EXHAUSTED;
	uint32_t steps = PATTERN_STEPS_MAX;

	if (pattern->quick != NULL)
		return quick_matches(pattern->quick, text, length);
	if (pattern->code != NULL && length <= pattern->jit_most)
		verdict = jit_match(pattern, text, length);
	if (verdict == PATTERN_EXHAUSTED)
		verdict = program_match(pattern->program, text, length,
		    &steps);
	if (verdict == PATTERN_EXHAUSTED)
		(void)atomic_fetch_add_explicit(pattern->exhausted, 1,
		    memory_order_relaxed);
	return verdict == PATTERN_MATCHES;
}

bool
schema_pattern_matches_within(const struct schema_pattern *pattern,
    const char *text, size_t length, uint32_t *steps)
{
	enum pattern_verdict verdict;
	uint32_t least = 0, own;

	if (!spend(steps, length))
		return false;
	if (pattern->quick != NULL)
		return quick_matches(pattern->quick, text, length);
	if (pattern->code != NULL && length <= pattern->jit_most)
		return schema_pattern_matches(pattern, text, length);
	if (*steps > PATTERN_STEPS_MAX)
		least = *steps - PATTERN_STEPS_MAX;
	own = *steps - least;
	verdict = program_match(pattern->program, text, length, &own);
	if (verdict == PATTERN_EXHAUSTED && *steps >= PATTERN_STEPS_MAX)
		(void)atomic_fetch_add_explicit(pattern->exhausted, 1,
		    memory_order_relaxed);
	*steps = least + own;
	return verdict == PATTERN_MATCHES;
}

uint64_t
schema_pattern_exhausted(const struct schema_pattern *pattern)
{
	return atomic_load_explicit(pattern->exhausted, memory_order_relaxed);
}

const struct pattern_facts *
schema_pattern_facts(const struct schema_pattern *pattern)
{
	return &pattern->facts;
}

bool
pattern_is_ecma(const char *s, size_t length)
{
	struct arena *arena = arena_new();
	struct tree tree;
	const char *reason;
	size_t offset;
	bool is = tree_parse(arena, s, length, &tree, &reason, &offset);

	arena_free(arena);
	return is;
}

bool
pattern_has_engine(const struct schema_pattern *pattern,
    enum pattern_engine engine)
{
	switch (engine) {
	case ENGINE_QUICK:
		return pattern->quick != NULL;
	case ENGINE_JIT:
		return pattern->code != NULL;
	default:
		return pattern->program != NULL;
	}
}

enum pattern_verdict
pattern_match_by(const struct schema_pattern *pattern,
    enum pattern_engine engine, const char *text, size_t length)
{
	uint32_t steps = PATTERN_STEPS_MAX;

	switch (engine) {
	case ENGINE_QUICK:
		return quick_matches(pattern->quick, text, length) ?
		    PATTERN_MATCHES :
		    PATTERN_DIFFERS;
	case ENGINE_JIT:
		return jit_match(pattern, text, length);
	default:
		return program_match(pattern->program, text, length, &steps);
	}
}

size_t
pattern_jit_most(const struct schema_pattern *pattern)
{
	return pattern->jit_most;
}
