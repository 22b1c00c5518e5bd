/* SPDX-License-Identifier: MIT */
/*
 * What a backtracking matcher, a browser's say, would spend on a pattern.
 *
 * It explodes when some word leads from a place in a loop back to that place
 * in two ways: then each round doubles the ways.  To see that, a loop becomes
 * Glushkov's automaton: a position for each character of it, at most 64, so
 * that sets of positions are words.  Either an edge that can be gone in two
 * ways lies on a circle, or in the product of the automaton with itself a
 * pair (q, q) and a pair of two different positions lie on one circle.
 *
 * What does not explode is bounded by a polynomial; tree_cost() estimates it.
 */
#include <string.h>

#include "contract/pattern_tree.h"

enum {
	POSITIONS = 64,
	COPIES_MAX = 16,	/* a{n,m} up to here is written out */
	COPIES_FEW = 2,		/* the same, when that gave too many */
};

bool
node_single(const struct node *node)
{
	while (node->kind == NODE_GROUP)
		node = node->body;
	return node->kind == NODE_SET || node->kind == NODE_POINT;
}

bool
node_anchored(const struct node *node)
{
	const struct node *child;

	switch (node->kind) {
	case NODE_START:
		return true;
	case NODE_GROUP:
		return node_anchored(node->body);
	case NODE_REPEAT:
		return node->repeat.least > 0 && node_anchored(node->body);
	case NODE_SEQUENCE:
		for (child = node->body; child != NULL; child = child->next) {
			if (node_anchored(child))
				return true;
			if (child->kind != NODE_LOOK &&
			    child->kind != NODE_WORD)
				return false;
		}
		return false;
	case NODE_CHOICE:
		for (child = node->body; child != NULL; child = child->next)
			if (!node_anchored(child))
				return false;
		return true;
	default:
		return false;
	}
}

static void
first_join(struct first *first, const struct first *more)
{
	first->ascii[0] |= more->ascii[0];
	first->ascii[1] |= more->ascii[1];
	first->beyond = first->beyond || more->beyond;
}

static struct first
first_of_children(const struct node *node)
{
	struct first ret = { .empty = node->kind == NODE_SEQUENCE };

	for (const struct node *child = node->body; child != NULL;
	    child = child->next) {
		struct first more = node_first(child);

		first_join(&ret, &more);
		if (node->kind == NODE_CHOICE)
			ret.empty = ret.empty || more.empty;
		else if (!more.empty) {
			ret.empty = false;
			break;
		}
	}
	return ret;
}

struct first
node_first(const struct node *node)
{
	struct first ret = { .empty = false };

	switch (node->kind) {
	case NODE_POINT:
		if (node->point < 128)
			ret.ascii[node->point / 64] =
			    UINT64_C(1) << node->point % 64;
		ret.beyond = node->point >= 128;
		return ret;
	case NODE_SET:
		ret.ascii[0] = node->set->ascii[0];
		ret.ascii[1] = node->set->ascii[1];
		ret.beyond = set_beyond(node->set);
		return ret;
	case NODE_SEQUENCE:
	case NODE_CHOICE:
		return first_of_children(node);
	case NODE_GROUP:
		return node_first(node->body);
	case NODE_REPEAT:
		if (node->repeat.most > 0)
			ret = node_first(node->body);
		ret.empty = ret.empty || node->repeat.least == 0;
		return ret;
	case NODE_BACK:
		return (struct first){ { ~UINT64_C(0), ~UINT64_C(0) }, true,
			true };
	default:
		ret.empty = true;
		return ret;
	}
}

/* ---- The automaton of a loop. */

struct automaton {
	const struct node *at[POSITIONS];
	uint64_t follow[POSITIONS];
	uint64_t lead[POSITIONS];	/* the same edges, reversed */
	uint64_t twice[POSITIONS];	/* edges that are there in two ways */
	uint64_t meets[POSITIONS];	/* positions that share a character */
	unsigned count, copies;
	bool full;
};

/* The positions that a part begins and ends with. */
struct part {
	uint64_t first, last;
	bool empty;
};

static void
connect(struct automaton *a, uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < a->count; i++)
		if ((from >> i & 1) != 0) {
			a->twice[i] |= a->follow[i] & to;
			a->follow[i] |= to;
		}
}

static struct part part_of(struct automaton *a, const struct node *node);

static struct part
part_then(struct automaton *a, struct part before, struct part after)
{
	connect(a, before.last, after.first);
	return (struct part){
		before.first | (before.empty ? after.first : 0),
		after.last | (after.empty ? before.last : 0),
		before.empty && after.empty,
	};
}

static struct part
part_of_position(struct automaton *a, const struct node *node, bool empty)
{
	uint64_t bit;

	if (a->count == POSITIONS) {
		a->full = true;
		return (struct part){ 0, 0, true };
	}
	bit = UINT64_C(1) << a->count;
	a->at[a->count++] = node;
	return (struct part){ bit, bit, empty };
}

/* Written out up to some copies; the rest is taken for a loop. */
static struct part
part_of_repeat(struct automaton *a, const struct node *node)
{
	uint32_t least = node->repeat.least, most = node->repeat.most;
	bool loops = most > a->copies;
	struct part ret = { 0, 0, true };

	if (least > a->copies)
		least = a->copies;
	if (loops)
		most = least > 0 ? least : 1;
	for (uint32_t i = 0; i < most && !a->full; i++) {
		unsigned before = a->count;
		struct part copy = part_of(a, node->body);

		if (a->count == before)
			break;
		if (i + 1 == most && loops)
			connect(a, copy.last, copy.first);
		copy.empty = copy.empty || i >= least;
		ret = part_then(a, ret, copy);
	}
	return ret;
}

static struct part
part_of(struct automaton *a, const struct node *node)
{
	struct part ret = { 0, 0, node->kind != NODE_CHOICE };

	switch (node->kind) {
	case NODE_POINT:
	case NODE_SET:
		return part_of_position(a, node, false);
	case NODE_BACK:
		return part_of_position(a, node, true);
	case NODE_GROUP:
		return part_of(a, node->body);
	case NODE_REPEAT:
		return part_of_repeat(a, node);
	case NODE_SEQUENCE:
	case NODE_CHOICE:
		break;
	default:	/* assertions take nothing, and try only once */
		return ret;
	}
	for (const struct node *child = node->body; child != NULL && !a->full;
	    child = child->next) {
		struct part part = part_of(a, child);

		if (node->kind == NODE_SEQUENCE) {
			ret = part_then(a, ret, part);
			continue;
		}
		ret.first |= part.first;
		ret.last |= part.last;
		ret.empty = ret.empty || part.empty;
	}
	return ret;
}

static bool
nodes_meet(const struct node *a, const struct node *b)
{
	if (a->kind == NODE_BACK || b->kind == NODE_BACK)
		return true;
	if (a->kind == NODE_POINT && b->kind == NODE_POINT)
		return a->point == b->point;
	if (a->kind == NODE_POINT)
		return set_has(b->set, a->point);
	if (b->kind == NODE_POINT)
		return set_has(a->set, b->point);
	return set_meets(a->set, b->set);
}

static void
automaton_finish(struct automaton *a)
{
	for (unsigned i = 0; i < a->count; i++)
		for (unsigned j = 0; j < a->count; j++) {
			if (nodes_meet(a->at[i], a->at[j]))
				a->meets[i] |= UINT64_C(1) << j;
			if ((a->follow[i] >> j & 1) != 0)
				a->lead[j] |= UINT64_C(1) << i;
		}
}

/* Does an edge that is there in two ways lie on a circle? */
static bool
edge_explodes(const struct automaton *a)
{
	uint64_t reach[POSITIONS];

	memcpy(reach, a->follow, sizeof(reach));
	for (unsigned k = 0; k < a->count; k++)
		for (unsigned i = 0; i < a->count; i++)
			if ((reach[i] >> k & 1) != 0)
				reach[i] |= reach[k];
	for (unsigned i = 0; i < a->count; i++)
		for (unsigned j = 0; j < a->count; j++)
			if ((a->twice[i] >> j & 1) != 0 &&
			    (i == j || (reach[j] >> i & 1) != 0))
				return true;
	return false;
}

/* A walk over pairs of positions, forward or back. */
struct walk {
	const struct automaton *a;
	uint64_t seen[POSITIONS];
	uint16_t stack[POSITIONS * POSITIONS];
	uint16_t done[POSITIONS * POSITIONS];	/* in the order of ending */
	size_t depth, done_count;
};

/* A pair after this one that was not seen yet, or -1. */
static int
pair_next(struct walk *w, unsigned p, unsigned q, bool back)
{
	const uint64_t *edges = back ? w->a->lead : w->a->follow;

	for (uint64_t rest = edges[p]; rest != 0; rest &= rest - 1) {
		unsigned to = (unsigned)__builtin_ctzll(rest);
		uint64_t fresh = edges[q] & w->a->meets[to] & ~w->seen[to];

		if (fresh != 0)
			return (int)(to * POSITIONS) + __builtin_ctzll(fresh);
	}
	return -1;
}

static void
pair_push(struct walk *w, unsigned pair)
{
	w->seen[pair / POSITIONS] |= UINT64_C(1) << pair % POSITIONS;
	w->stack[w->depth++] = (uint16_t)pair;
}

/* Sees all that is reached from a pair; tells which kinds of pairs it met. */
static void
walk_from(struct walk *w, unsigned pair, bool back, bool *ret_same,
    bool *ret_other)
{
	pair_push(w, pair);
	while (w->depth > 0) {
		unsigned top = w->stack[w->depth - 1];
		int next = pair_next(w, top / POSITIONS, top % POSITIONS,
		    back);

		if (next >= 0) {
			pair_push(w, (unsigned)next);
			continue;
		}
		w->depth--;
		w->done[w->done_count++] = (uint16_t)top;
		if (top / POSITIONS == top % POSITIONS)
			*ret_same = true;
		else
			*ret_other = true;
	}
}

/* Kosaraju's: the strong components of the pairs that (q, q) reach. */
static bool
pair_explodes(struct arena *arena, const struct automaton *a)
{
	struct walk *forth = arena_alloc(arena, sizeof(*forth));
	struct walk *back = arena_alloc(arena, sizeof(*back));
	bool same, other;

	forth->a = back->a = a;
	for (unsigned q = 0; q < a->count; q++)
		if ((forth->seen[q] >> q & 1) == 0)
			walk_from(forth, q * POSITIONS + q, false, &same,
			    &other);
	/* What was not seen forth is none of ours. */
	for (unsigned p = 0; p < POSITIONS; p++)
		back->seen[p] = ~forth->seen[p];
	for (size_t i = forth->done_count; i-- > 0;) {
		unsigned pair = forth->done[i];

		if ((back->seen[pair / POSITIONS] >> pair % POSITIONS & 1) != 0)
			continue;
		same = other = false;
		walk_from(back, pair, true, &same, &other);
		if (same && other)
			return true;
	}
	return false;
}

static bool
loop_explodes(struct arena *arena, const struct node *loop, bool *ret_known)
{
	static const unsigned copies[] = { COPIES_MAX, COPIES_FEW };
	struct automaton *a = arena_alloc(arena, sizeof(*a));

	for (size_t i = 0; i < countof(copies); i++) {
		*a = (struct automaton){ .copies = copies[i] };
		(void)part_of(a, loop);
		if (!a->full) {
			automaton_finish(a);
			return edge_explodes(a) || pair_explodes(arena, a);
		}
	}
	*ret_known = false;
	return false;
}

/* Looks at each outermost loop, and at those inside assertions. */
static bool
node_explodes(struct arena *arena, const struct node *node, bool in_loop,
    bool *ret_known)
{
	bool loop = node->kind == NODE_REPEAT && node->repeat.most > COPIES_FEW;

	if (node->kind == NODE_LOOK)
		in_loop = false;
	if (loop && !in_loop) {
		if (!node_single(node->body) &&
		    loop_explodes(arena, node, ret_known))
			return true;
		in_loop = true;
	}
	for (const struct node *child = node->body; child != NULL;
	    child = child->next) {
		if (node_explodes(arena, child, in_loop, ret_known))
			return true;
		if (node->kind != NODE_SEQUENCE && node->kind != NODE_CHOICE)
			break;
	}
	return false;
}

bool
tree_explodes(struct arena *arena, const struct tree *tree, bool *ret_known)
{
	*ret_known = true;
	return node_explodes(arena, tree->root, false, ret_known);
}

/* ---- Runs side by side. */

static const struct node *
run_of(const struct node *node)
{
	while (node->kind == NODE_GROUP)
		node = node->body;
	if (node->kind != NODE_REPEAT ||
	    node->repeat.most != PATTERN_UNBOUNDED ||
	    !node_single(node->body))
		return NULL;
	for (node = node->body; node->kind == NODE_GROUP;)
		node = node->body;
	return node;
}

static bool
sequence_overlaps(const struct node *sequence)
{
	const struct node *run = NULL;

	for (const struct node *child = sequence->body; child != NULL;
	    child = child->next) {
		const struct node *next = run_of(child);

		if (run != NULL && next != NULL && nodes_meet(run, next))
			return true;
		if (next != NULL)
			run = next;
		else if (!node_first(child).empty)
			run = NULL;
	}
	return false;
}

static bool
node_overlaps(const struct node *node)
{
	if (node->kind == NODE_SEQUENCE && sequence_overlaps(node))
		return true;
	for (const struct node *child = node->body; child != NULL;
	    child = child->next) {
		if (node_overlaps(child))
			return true;
		if (node->kind != NODE_SEQUENCE && node->kind != NODE_CHOICE)
			break;
	}
	return false;
}

bool
tree_overlaps(const struct tree *tree)
{
	return node_overlaps(tree->root);
}

/* ---- The estimate. */

/* Ways through a part, and steps spent on all of them. */
struct cost {
	double ways, steps;
};

/* For what length, and in a loop whose rounds are counted already? */
struct estimate {
	double n;
	bool in_loop;
};

static struct cost cost_of(const struct node *node, struct estimate e,
    struct first follow);

static bool
firsts_meet(const struct first *a, const struct first *b)
{
	return (a->ascii[0] & b->ascii[0]) != 0 ||
	    (a->ascii[1] & b->ascii[1]) != 0 || (a->beyond && b->beyond);
}

/* What can come next: in the siblings, else after them. */
static struct first
first_of_rest(const struct node *next, struct first follow)
{
	struct first ret = { .empty = false };

	for (unsigned i = 0; next != NULL; next = next->next, i++) {
		struct first more = i < COPIES_MAX ? node_first(next) :
		    (struct first){ { ~UINT64_C(0), ~UINT64_C(0) }, true,
			false };

		first_join(&ret, &more);
		if (next->kind == NODE_END || !more.empty)
			return ret;
	}
	first_join(&ret, &follow);
	return ret;
}

/*
 * Written out, least..most rounds of some ways each; or, for what was seen as
 * a loop that does not explode, a few ways to each end.
 */
static struct cost
cost_of_rounds(const struct node *node, struct estimate e, struct first follow)
{
	uint32_t least = node->repeat.least, most = node->repeat.most;
	struct cost body = cost_of(node->body, (struct estimate){ e.n, true },
	    follow);
	struct cost once = e.in_loop ? body : cost_of(node->body, e, follow);
	double n = e.in_loop ? 1 : e.n, ways = 1;
	struct cost loop = { n * body.ways, n * body.ways * body.steps };
	struct cost rounds = { 0, 0 };
	bool loops = most > COPIES_MAX || node_single(node->body);

	if (loops && (most > 1000 || most > e.n))
		return loop;
	for (uint32_t i = 0; i <= most; i++, ways *= once.ways) {
		rounds.ways += i >= least ? ways : 0;
		rounds.steps += i < most ? ways * once.steps : 0;
		if (loops && rounds.steps > loop.steps)
			return loop;
	}
	return loops && rounds.ways > loop.ways ? loop : rounds;
}

/* A run before what none of its characters can begin ends in one way only. */
static struct cost
cost_of_repeat(const struct node *node, struct estimate e, struct first follow)
{
	struct first first = node_first(node->body), after = follow;
	struct cost ret;

	first_join(&after, &first);
	ret = cost_of_rounds(node, e, after);
	if (node_single(node->body) && !firsts_meet(&first, &follow)) {
		ret.steps += ret.ways;
		ret.ways = 1;
	}
	return ret;
}

static struct cost
cost_of_children(const struct node *node, struct estimate e,
    struct first follow)
{
	bool sequence = node->kind == NODE_SEQUENCE;
	struct cost ret = { sequence, 0 };

	for (const struct node *child = node->body; child != NULL;
	    child = child->next) {
		struct cost more = cost_of(child, e, sequence ?
		    first_of_rest(child->next, follow) : follow);

		ret.steps += sequence ? ret.ways * more.steps : more.steps;
		if (sequence)
			ret.ways *= more.ways;
		else
			ret.ways += more.ways;
	}
	return ret;
}

static struct cost
cost_of(const struct node *node, struct estimate e, struct first follow)
{
	struct first none = { .empty = false };
	struct cost ret = { 1, 1 };

	switch (node->kind) {
	case NODE_GROUP:
		return cost_of(node->body, e, follow);
	case NODE_REPEAT:
		return cost_of_repeat(node, e, follow);
	case NODE_SEQUENCE:
	case NODE_CHOICE:
		return cost_of_children(node, e, follow);
	case NODE_LOOK:
		ret.steps = cost_of(node->body, e, none).steps;
		if (e.in_loop)
			ret.steps *= e.n;
		return ret;
	default:
		return ret;
	}
}

double
tree_cost(const struct tree *tree, double n)
{
	struct first none = { .empty = false };
	struct estimate e = { n, false };
	double steps = cost_of(tree->root, e, none).steps;

	return node_anchored(tree->root) ? steps : n * steps;
}
