/* SPDX-License-Identifier: MIT */
/*
 * The patterns that most schemas have, without backtracking: literals at
 * either end or anywhere, one character anywhere, and what is anchored at the
 * start and never has a choice, because whatever may come next begins with
 * characters of its own: ^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$,
 * ^[a-z]{2}(-[A-Z]{2})?$, ^[a-z0-9]+(-[a-z0-9]+)*$.  Invariant: in a sequence
 * the first of an item that can end here or go on is apart from the first of
 * all that can follow it, so taking as much as there is is right.
 */
#include <string.h>

#include "contract/pattern_tree.h"

enum {
	ITEMS_MAX = 256,	/* of a pattern, so that building it is short */
};

enum item_kind {
	ITEM_LITERAL,
	ITEM_RUN,		/* of a set */
	ITEM_GROUP,
};

struct sequence {
	struct first first;
	struct item *items;
	struct sequence *next;	/* another choice of the same group */
};

struct item {
	enum item_kind kind;
	uint32_t least, most;
	uint32_t length;
	const char *text;
	const struct set *set;
	unsigned char *ascii;	/* 256 of them: 1 for the set's of ASCII */
	struct sequence *choices;
	struct item *next;
};

enum quick_kind {
	QUICK_ALL,		/* of a sequence */
	QUICK_PREFIX,
	QUICK_SUFFIX,
	QUICK_EQUAL,
	QUICK_INSIDE,
	QUICK_ONE_OF,		/* a character of a set, anywhere */
};

struct quick {
	enum quick_kind kind;
	bool to_end;
	struct sequence all;
	const char *text;
	size_t length;
};

struct build {
	struct arena *arena;
	unsigned items;
	bool complex;		/* it is not so simple */
};

static bool
firsts_meet(const struct first *a, const struct first *b)
{
	return (a->ascii[0] & b->ascii[0]) != 0 ||
	    (a->ascii[1] & b->ascii[1]) != 0 || (a->beyond && b->beyond);
}

static struct first
firsts_joined(struct first a, const struct first *b)
{
	a.ascii[0] |= b->ascii[0];
	a.ascii[1] |= b->ascii[1];
	a.beyond = a.beyond || b->beyond;
	return a;
}

static struct item *
complicate(struct build *b)
{
	b->complex = true;
	return NULL;
}

static const struct node *
bare(const struct node *node)
{
	while (node->kind == NODE_GROUP)
		node = node->body;
	return node;
}

static struct sequence *sequence_new(struct build *b,
    const struct node *children, bool siblings, struct first follow);

/* A choice for each child of the group, apart from each other. */
static struct sequence *
choices_new(struct build *b, const struct node *group, struct first follow)
{
	bool many = group->kind == NODE_CHOICE;
	struct sequence *first = NULL, **last = &first;

	for (const struct node *child = many ? group->body : group;
	    child != NULL && !b->complex; child = many ? child->next : NULL) {
		struct sequence *s = sequence_new(b,
		    bare(child)->kind == NODE_SEQUENCE ? bare(child)->body :
							 child,
		    bare(child)->kind == NODE_SEQUENCE, follow);

		if (b->complex || s->first.empty)
			return (void *)complicate(b);
		for (struct sequence *o = first; o != NULL; o = o->next)
			if (firsts_meet(&o->first, &s->first))
				return (void *)complicate(b);
		*last = s;
		last = &s->next;
	}
	return first;
}

static struct item *
item_new(struct build *b, const struct node *node, struct first follow)
{
	struct item *item = arena_alloc(b->arena, sizeof(*item));
	const struct node *body = bare(node);
	struct first first = node_first(node);
	bool more;

	item->least = item->most = 1;
	if (body->kind == NODE_REPEAT) {
		item->least = body->repeat.least;
		item->most = body->repeat.most;
		body = bare(body->body);
	}
	more = item->most > item->least;
	if (++b->items > ITEMS_MAX || item->most == 0 ||
	    (more && firsts_meet(&first, &follow)))
		return complicate(b);
	if (body->kind == NODE_SET && body->set->properties == NULL) {
		item->kind = ITEM_RUN;
		item->set = body->set;
		item->ascii = arena_alloc(b->arena, 256);
		for (uint32_t c = 0; c < 128; c++)
			item->ascii[c] = set_has(item->set, c);
		return item;
	}
	if (body->kind == NODE_POINT && item->least == 1 && item->most == 1) {
		char *text = arena_alloc(b->arena, 4);

		item->length = (uint32_t)point_write(text, body->point);
		item->text = text;
		return body->point >= 0xd800 && body->point <= 0xdfff ?
		    complicate(b) : item;
	}
	if (body->kind != NODE_POINT && body->kind != NODE_SEQUENCE &&
	    body->kind != NODE_CHOICE)
		return complicate(b);
	item->kind = ITEM_GROUP;
	if (item->most > 1)
		follow = firsts_joined(follow, &first);
	/* A repeated character becomes a group of one literal. */
	item->choices = choices_new(b, body, follow);
	return item;
}

/* Joins a literal with the literal after it. */
static void
item_merge(struct build *b, struct item *item)
{
	struct item *next = item->next;
	char *text;

	if (next == NULL || item->kind != ITEM_LITERAL ||
	    next->kind != ITEM_LITERAL)
		return;
	text = arena_alloc(b->arena, item->length + next->length);
	memcpy(text, item->text, item->length);
	memcpy(text + item->length, next->text, next->length);
	item->text = text;
	item->length += next->length;
	item->next = next->next;
}

/* From the end to the beginning, because of what can follow. */
static struct sequence *
sequence_new(struct build *b, const struct node *children, bool siblings,
    struct first follow)
{
	struct sequence *s = arena_alloc(b->arena, sizeof(*s));
	const struct node *nodes[ITEMS_MAX];
	size_t n = 0;

	for (; children != NULL && n < ITEMS_MAX;
	    children = siblings ? children->next : NULL)
		nodes[n++] = children;
	if (n == ITEMS_MAX)
		b->complex = true;
	s->first.empty = true;
	while (n-- > 0 && !b->complex) {
		struct first first = node_first(nodes[n]);
		struct item *item;

		if (bare(nodes[n])->kind == NODE_EMPTY)
			continue;
		item = item_new(b, nodes[n], follow);
		if (b->complex)
			break;
		item->next = s->items;
		item_merge(b, item);
		s->items = item;
		follow = first.empty ? firsts_joined(follow, &first) : first;
		if (first.empty)
			first = firsts_joined(first, &s->first);
		first.empty = first.empty && s->first.empty;
		s->first = first;
	}
	return s;
}

/* The top: children between ^ and $. */
struct top {
	const struct node *nodes[ITEMS_MAX];
	size_t count;
	bool start, end;
};

/* An item at the end that may take more or less takes the least. */
static bool
top_trim(struct top *top)
{
	while (top->count > 0) {
		const struct node *last = bare(top->nodes[top->count - 1]);

		if (last->kind != NODE_REPEAT || last->repeat.least > 0)
			break;
		top->count--;
	}
	return top->count > 0;
}

static bool
top_read(struct top *top, const struct node *root)
{
	const struct node *node = bare(root);
	bool many = node->kind == NODE_SEQUENCE;

	for (node = many ? node->body : node; node != NULL;
	    node = many ? node->next : NULL) {
		if (node->kind == NODE_START && top->count == 0)
			top->start = true;
		else if (node->kind == NODE_END)
			top->end = true;
		else if (top->end || top->count == ITEMS_MAX)
			return false;
		else
			top->nodes[top->count++] = node;
	}
	return true;
}

/* Copies the nodes of the top into siblings, with the last one cut short. */
static struct node *
top_siblings(struct build *b, const struct top *top)
{
	struct node *first = NULL, **last = &first;

	for (size_t i = 0; i < top->count; i++) {
		struct node *copy = arena_alloc(b->arena, sizeof(*copy));

		*copy = *top->nodes[i];
		copy->next = NULL;
		*last = copy;
		last = &copy->next;
		if (i + 1 < top->count || top->end)
			continue;
		for (; copy->kind == NODE_GROUP; copy = copy->body) {
			struct node *body = arena_alloc(b->arena,
			    sizeof(*body));

			*body = *copy->body;
			copy->body = body;
		}
		if (copy->kind == NODE_REPEAT && node_single(copy->body))
			copy->repeat.most = copy->repeat.least;
	}
	return first;
}

static const struct quick *
quick_literal(struct quick *quick, const struct top *top,
    const struct item *item)
{
	quick->text = item != NULL ? item->text : "";
	quick->length = item != NULL ? item->length : 0;
	if (top->start)
		quick->kind = top->end ? QUICK_EQUAL : QUICK_PREFIX;
	else
		quick->kind = top->end ? QUICK_SUFFIX : QUICK_INSIDE;
	return quick;
}

const struct quick *
quick_new(struct arena *arena, const struct tree *tree)
{
	struct build b = { .arena = arena };
	struct quick *quick = arena_alloc(arena, sizeof(*quick));
	struct first follow = { .empty = true };
	struct top top = { .count = 0 };
	struct sequence *s;
	struct item *item;

	if (!top_read(&top, tree->root))
		return NULL;
	if (!top.end) {
		follow = (struct first){ { ~UINT64_C(0), ~UINT64_C(0) }, true,
			true };
		if (!top_trim(&top) && top.start)
			return quick_literal(quick, &top, NULL);
	}
	s = sequence_new(&b, top_siblings(&b, &top), true, follow);
	item = s->items;
	if (b.complex)
		return NULL;
	if (item == NULL || (item->kind == ITEM_LITERAL && item->next == NULL))
		return quick_literal(quick, &top, item);
	quick->kind = QUICK_ALL;
	quick->to_end = top.end;
	quick->all = *s;
	if (top.start)
		return quick;
	quick->kind = QUICK_ONE_OF;
	return item->kind == ITEM_RUN && item->next == NULL &&
	    item->least == 1 && !top.end ? quick : NULL;
}

/* ---- Matching. */

struct reader {
	const char *at, *end;
};

static uint32_t
take_any_run(struct reader *r, const struct item *run, uint32_t most)
{
	size_t room = (size_t)(r->end - r->at);
	const char *at = r->at, *stop, *after;
	uint32_t beyond = 0;	/* bytes that began no character */

	if (most > room)
		most = (uint32_t)room;
	for (stop = at + most;;) {
		while (at < stop && run->ascii[(unsigned char)*at] != 0)
			at++;
		if (at == stop || (unsigned char)*at < 128)
			break;
		after = at;
		if (!set_has(run->set, point_after(&after, r->end)))
			break;
		beyond += (uint32_t)(after - at - 1);
		room = (size_t)(r->end - stop);
		if (room > (size_t)(after - at - 1))
			room = (size_t)(after - at - 1);
		stop += room;
		at = after;
	}
	most = (uint32_t)(at - r->at) - beyond;
	r->at = at;
	return most;
}

/* Takes up to `most` characters of a run; returns how many.  Mostly ASCII. */
static inline uint32_t
take_run(struct reader *r, const struct item *run, uint32_t most)
{
	const char *at = r->at;
	const char *stop = most < (size_t)(r->end - at) ? at + most : r->end;

	while (at < stop && run->ascii[(unsigned char)*at] != 0)
		at++;
	if (at < stop && (unsigned char)*at >= 128)
		return take_any_run(r, run, most);
	most = (uint32_t)(at - r->at);
	r->at = at;
	return most;
}

static inline bool
take_literal(struct reader *r, const struct item *item)
{
	if ((size_t)(r->end - r->at) < item->length || *r->at != *item->text ||
	    (item->length > 1 && memcmp(r->at, item->text, item->length) != 0))
		return false;
	r->at += item->length;
	return true;
}

static bool
begins(const struct sequence *s, const struct reader *r)
{
	unsigned char c;

	if (r->at == r->end)
		return false;
	c = (unsigned char)*r->at;
	return c < 128 ? (s->first.ascii[c / 64] >> c % 64 & 1) != 0 :
			 s->first.beyond;
}

static bool take_sequence(struct reader *r, const struct sequence *s);

static bool
take_group(struct reader *r, const struct item *item)
{
	for (uint32_t n = 0; n < item->most; n++) {
		const struct sequence *s = item->choices;

		while (s != NULL && !begins(s, r))
			s = s->next;
		if (s == NULL)
			return n >= item->least;
		if (!take_sequence(r, s))
			return false;
	}
	return true;
}

static bool
take_sequence(struct reader *r, const struct sequence *s)
{
	for (const struct item *item = s->items; item != NULL;
	    item = item->next) {
		if (item->kind == ITEM_RUN) {
			if (take_run(r, item, item->most) < item->least)
				return false;
		} else if (item->kind == ITEM_LITERAL) {
			if (!take_literal(r, item))
				return false;
		} else if (!take_group(r, item)) {
			return false;
		}
	}
	return true;
}

static bool
has_one_of(const struct item *run, const char *text, size_t length)
{
	struct reader r = { text, text + length };

	while (r.at < r.end) {
		if (take_run(&r, run, 1) == 1)
			return true;
		(void)point_after(&r.at, r.end);
	}
	return false;
}

bool
quick_matches(const struct quick *quick, const char *text, size_t length)
{
	struct reader r = { text, text + length };

	switch (quick->kind) {
	case QUICK_EQUAL:
		return length == quick->length &&
		    memcmp(text, quick->text, length) == 0;
	case QUICK_PREFIX:
		return length >= quick->length &&
		    memcmp(text, quick->text, quick->length) == 0;
	case QUICK_SUFFIX:
		return length >= quick->length &&
		    memcmp(text + length - quick->length, quick->text,
			quick->length) == 0;
	case QUICK_INSIDE:
		return quick->length == 0 ||
		    memmem(text, length, quick->text, quick->length) != NULL;
	case QUICK_ONE_OF:
		return has_one_of(quick->all.items, text, length);
	default:
		return take_sequence(&r, &quick->all) &&
		    (!quick->to_end || r.at == r.end);
	}
}
