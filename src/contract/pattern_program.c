/* SPDX-License-Identifier: MIT */
/*
 * The tree as steps of a machine that does all of ECMA-262: lookbehind of any
 * length runs backward, a round of a loop forgets the groups of the round
 * before, a round that takes nothing ends its loop.  Groups are kept only when
 * the pattern refers back to one.  Counted groups are written out, so the
 * number of steps is bounded, and a pattern that needs more has no program.
 */
#include <string.h>

#include "contract/pattern_program.h"

enum {
	STEPS_MAX = 32 * 1024,
};

struct writer {
	struct arena *arena;
	struct step *steps;
	uint32_t count, capacity;
	uint32_t columns, slots;
	bool groups;		/* are kept */
	bool backward;
	bool full;
};

static struct step *
add(struct writer *w, enum step_kind kind)
{
	struct step *step;

	if (w->count == w->capacity) {
		uint32_t capacity = w->capacity > 0 ? 2 * w->capacity : 16;
		struct step *steps;

		if (w->count >= STEPS_MAX) {
			w->full = true;
			w->count = 0;
		} else {
			steps = arena_alloc(w->arena,
			    capacity * sizeof(*steps));
			if (w->count > 0)
				memcpy(steps, w->steps,
				    w->count * sizeof(*steps));
			w->steps = steps;
			w->capacity = capacity;
		}
	}
	step = &w->steps[w->count++];
	*step = (struct step){ .kind = (unsigned char)kind,
		.backward = w->backward };
	return step;
}

static void add_node(struct writer *w, const struct node *node);

static const struct node *
single_of(const struct node *node)
{
	while (node->kind == NODE_GROUP)
		node = node->body;
	return node;
}

static struct step *
add_single(struct writer *w, enum step_kind kind, const struct node *node)
{
	struct step *step = add(w, kind);

	if (node->kind == NODE_SET)
		step->set = node->set;
	else
		step->point = node->point;
	return step;
}

/* A repeated character: a run, then a star. */
static void
add_run(struct writer *w, const struct node *node)
{
	const struct node *body = single_of(node->body);
	uint32_t least = node->repeat.least, most = node->repeat.most;
	bool star = most == PATTERN_UNBOUNDED;
	struct step *step;

	if (star)
		most = least;
	if (most > 0) {
		step = add_single(w, STEP_RUN, body);
		step->a = least;
		step->b = most;
		step->lazy = node->lazy;
		step->column = least < most ? ++w->columns : 0;
	}
	if (star) {
		step = add_single(w, STEP_STAR, body);
		step->lazy = node->lazy;
		step->column = ++w->columns;
	}
}

/* One round: the groups in it forgotten, and the mark of its beginning. */
static void
add_round(struct writer *w, const struct node *node, bool must_move)
{
	uint32_t slot = 0;
	struct step *step;

	if (w->groups && node->repeat.group_count > 0) {
		step = add(w, STEP_CLEAR);
		step->a = node->repeat.first_group;
		step->b = step->a + node->repeat.group_count - 1;
	}
	must_move = must_move && w->groups;
	if (must_move) {
		slot = w->slots++;
		add(w, STEP_SAVE)->a = slot;
	}
	add_node(w, node->body);
	if (must_move)
		add(w, STEP_MOVED)->a = slot;
}

/* Goes on at the next step or at one that is set later; the index of it. */
static uint32_t
add_split(struct writer *w)
{
	struct step *step = add(w, STEP_SPLIT);

	step->column = ++w->columns;
	return w->count - 1;
}

/* The one way is the next step, the other the step that comes now. */
static void
set_split(struct writer *w, uint32_t split, uint32_t inside, bool lazy)
{
	if (w->full)
		return;
	w->steps[split].a = lazy ? w->count : inside;
	w->steps[split].b = lazy ? inside : w->count;
}

static void
add_repeat(struct writer *w, const struct node *node)
{
	uint32_t least = node->repeat.least, most = node->repeat.most;
	uint32_t split, begun = w->count;

	for (uint32_t i = 0; i < least && !w->full; i++) {
		add_round(w, node, false);
		if (w->count == begun)
			return;
	}
	if (most == PATTERN_UNBOUNDED) {
		split = add_split(w);
		add_round(w, node, true);
		add(w, STEP_JUMP)->a = split;
		set_split(w, split, split + 1, node->lazy);
		return;
	}
	/* a{0,2} is (a(a)?)?: each split leads to the end. */
	begun = w->count;
	for (uint32_t i = least; i < most && !w->full; i++) {
		split = add_split(w);
		w->steps[split].point = 1;	/* to be set below */
		add_round(w, node, true);
		if (w->count == split + 1)
			break;
	}
	for (uint32_t i = begun; i < w->count && !w->full; i++)
		if (w->steps[i].kind == STEP_SPLIT && w->steps[i].point == 1) {
			w->steps[i].point = 0;
			set_split(w, i, i + 1, node->lazy);
		}
}

static void
add_group(struct writer *w, const struct node *node)
{
	if (!w->groups) {
		add_node(w, node->body);
		return;
	}
	add(w, STEP_SAVE)->a = 2 * node->number + w->backward;
	add_node(w, node->body);
	add(w, STEP_SAVE)->a = 2 * node->number + !w->backward;
}

static void
add_look(struct writer *w, const struct node *node)
{
	bool backward = w->backward;
	struct step *step = add(w, STEP_LOOK);
	uint32_t look = w->count - 1;

	step->negated = node->negated;
	w->backward = node->behind;
	add_node(w, node->body);
	add(w, STEP_DONE);
	w->backward = backward;
	if (!w->full)
		w->steps[look].a = w->count;
}

static void
add_choices(struct writer *w, const struct node *node)
{
	uint32_t begun = w->count;

	for (const struct node *child = node->body; child != NULL && !w->full;
	    child = child->next) {
		uint32_t split = 0;

		if (child->next != NULL)
			split = add_split(w);
		add_node(w, child);
		if (child->next == NULL)
			break;
		add(w, STEP_JUMP)->a = UINT32_MAX;	/* to be set below */
		set_split(w, split, split + 1, false);
	}
	for (uint32_t i = begun; i < w->count && !w->full; i++)
		if (w->steps[i].kind == STEP_JUMP &&
		    w->steps[i].a == UINT32_MAX)
			w->steps[i].a = w->count;
}

/* Forward in order, backward the last first. */
static void
add_sequence(struct writer *w, const struct node *child)
{
	if (child == NULL || w->full)
		return;
	if (w->backward) {
		size_t n = 0;
		const struct node **nodes;

		for (const struct node *c = child; c != NULL; c = c->next)
			n++;
		nodes = arena_alloc(w->arena, n * sizeof(*nodes));
		for (n = 0; child != NULL; child = child->next)
			nodes[n++] = child;
		while (n-- > 0)
			add_node(w, nodes[n]);
		return;
	}
	for (; child != NULL && !w->full; child = child->next)
		add_node(w, child);
}

static void
add_node(struct writer *w, const struct node *node)
{
	if (w->full)
		return;
	switch (node->kind) {
	case NODE_POINT:
		(void)add_single(w, STEP_POINT, node);
		break;
	case NODE_SET:
		(void)add_single(w, STEP_SET, node);
		break;
	case NODE_SEQUENCE:
		add_sequence(w, node->body);
		break;
	case NODE_CHOICE:
		add_choices(w, node);
		break;
	case NODE_REPEAT:
		if (node_single(node->body) &&
		    (!w->groups || node->repeat.group_count == 0))
			add_run(w, node);
		else
			add_repeat(w, node);
		break;
	case NODE_GROUP:
		add_group(w, node);
		break;
	case NODE_LOOK:
		add_look(w, node);
		break;
	case NODE_BACK:
		add(w, STEP_BACK)->a = node->number;
		break;
	case NODE_START:
		(void)add(w, STEP_START);
		break;
	case NODE_END:
		(void)add(w, STEP_END);
		break;
	case NODE_WORD:
		add(w, STEP_WORD)->negated = node->negated;
		break;
	default:
		break;
	}
}

const struct program *
program_new(struct arena *arena, const struct tree *tree)
{
	struct program *program = arena_alloc(arena, sizeof(*program));
	struct writer w = { .arena = arena, .groups = tree->backreference };

	w.slots = 2 * (tree->group_count + 1);
	add_node(&w, tree->root);
	(void)add(&w, STEP_DONE);
	if (w.full)
		return NULL;
	program->steps = w.steps;
	program->count = w.count;
	program->columns = w.groups ? 0 : w.columns;
	program->slots = w.groups ? w.slots : 0;
	program->anchored = node_anchored(tree->root);
	program->first = node_first(tree->root);
	return program;
}
