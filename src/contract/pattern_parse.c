/* SPDX-License-Identifier: MIT */
/*
 * ECMA-262's Pattern with the flag u, read into a tree: the grammar of its
 * section 22.2.1 without annex B, which the flag switches off, so what is odd
 * is refused and not guessed.  Named groups and \k are resolved at the end,
 * when all are known.  Invariant: `reason` is the first fault, and after it
 * every function returns without reading on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "contract/pattern_parse.h"

/* ---- Groups, names and references. */

/* Is it a character of a name: the first, or a later one? */
static bool
is_name_point(struct parse *p, uint32_t point, bool first)
{
	static const char start[] = "\\p{IDS}", later[] = "[\\p{IDC}\\x{200c}"
							  "\\x{200d}]";

	if (point < 128)
		return is_letter((char)point) || point == '$' ||
		    point == '_' || (!first && is_digit((char)point));
	if (point >= 0xd800 && point <= 0xdfff)
		return false;
	if (p->id_start == NULL) {
		p->id_start = class_compile(p->arena, start, strlen(start));
		p->id_continue = class_compile(p->arena, later, strlen(later));
	}
	if (p->id_start == NULL || p->id_continue == NULL)
		return false;
	return class_has(first ? p->id_start : p->id_continue, point);
}

/* A name with its >; the < was taken. */
static bool
take_name(struct parse *p, struct label *ret)
{
	size_t room = 0;
	char *name;

	ret->at = p->at;
	while (p->at + room < p->end && p->at[room] != '>')
		room++;
	name = arena_alloc(p->arena, room + 1);
	while (!take(p, ">")) {
		const char *at = p->at;
		uint32_t point;

		if (p->at == p->end)
			return refuse(p, "has a group's name without its >");
		if (!take(p, "\\"))
			point = point_after(&p->at, p->end);
		else if (!take(p, "u"))
			return refuse(p, "has a name that is no identifier");
		else if (!take_unicode(p, &point))
			return false;
		if (!is_name_point(p, point, ret->length == 0)) {
			(void)refuse_at(p, at, "has a name that is no "
					       "identifier");
			return false;
		}
		ret->length += point_write(name + ret->length, point);
	}
	ret->name = name;
	return ret->length > 0 || refuse(p, "has a group with an empty name");
}

static struct label *
label_new(struct parse *p, struct label **list)
{
	struct label *label = arena_alloc(p->arena, sizeof(*label));

	if (!take_name(p, label))
		return NULL;
	label->next = *list;
	*list = label;
	return label;
}

/* \k<name>; \k was taken. */
static struct node *
take_named_reference(struct parse *p)
{
	const char *from = p->at - 2;
	struct label *label;

	if (!take(p, "<"))
		return refuse_at(p, from, "has a \\k without a group's name");
	label = label_new(p, &p->references);
	if (label == NULL)
		return NULL;
	label->node = node_new(p, NODE_BACK, from);
	label->at = from;
	p->tree->backreference = true;
	return label->node;
}

/* \1 and on; the backslash was taken. */
static struct node *
take_numbered_reference(struct parse *p)
{
	const char *from = p->at - 1;
	struct node *node = node_new(p, NODE_BACK, from);

	for (; p->at < p->end && is_digit(*p->at); p->at++)
		if (node->number <= PATTERN_BYTES_MAX)
			node->number = node->number * 10 +
			    (uint32_t)(*p->at - '0');
	if (node->number > p->number_most) {
		p->number_most = node->number;
		p->number_at = from;
	}
	p->tree->backreference = true;
	return node;
}

static struct node *take_choices(struct parse *p);

/* What is inside, with its ). */
static struct node *
take_inside(struct parse *p, const char *from)
{
	struct node *body;

	if (++p->nesting > PATTERN_NESTING_MAX)
		return refuse_at(p, from, "nests its groups too deep");
	body = take_choices(p);
	if (p->reason != NULL)
		return NULL;
	if (!take(p, ")"))
		return refuse_at(p, from, "has a ( without its )");
	p->nesting--;
	return body;
}

static struct node *
take_look(struct parse *p, const char *from, bool behind, bool negated)
{
	struct node *node = node_new(p, NODE_LOOK, from);

	node->behind = behind;
	node->negated = negated;
	node->body = take_inside(p, from);
	if (behind)
		p->tree->lookbehind = true;
	else
		p->tree->lookahead = true;
	return node;
}

static const char *
group_reason(const struct parse *p)
{
	char c = p->at < p->end ? *p->at : '\0';

	if (c == 'P')
		return "has (?P, which is Python's; ECMA-262 writes "
		       "(?<name>...) and \\k<name>";
	if (c == '>')
		return "has an atomic group, which ECMA-262 does not know";
	if (c == '#')
		return "has a comment, which ECMA-262 does not know";
	if (c == '-' || is_letter(c))
		return "switches flags inside, which not every front end "
		       "knows; spell both cases, as in [aA]";
	return "has a (? that ECMA-262 does not know";
}

/* A group or an assertion; its ( was taken.  *ret_fixed: not quantifiable. */
static struct node *
take_group(struct parse *p, bool *ret_fixed)
{
	const char *from = p->at - 1;
	struct node *node;
	struct label *label = NULL;

	*ret_fixed = true;
	if (take(p, "?="))
		return take_look(p, from, false, false);
	if (take(p, "?!"))
		return take_look(p, from, false, true);
	if (take(p, "?<="))
		return take_look(p, from, true, false);
	if (take(p, "?<!"))
		return take_look(p, from, true, true);
	*ret_fixed = false;
	if (take(p, "?:"))
		return take_inside(p, from);
	if (take(p, "?<")) {
		label = label_new(p, &p->groups);
		if (label == NULL)
			return NULL;
		p->group_label_count++;
	} else if (take(p, "?")) {
		return refuse_at(p, p->at, group_reason(p));
	}
	node = node_new(p, NODE_GROUP, from);
	node->number = ++p->tree->group_count;
	if (label != NULL)
		label->number = node->number;
	node->body = take_inside(p, from);
	return node;
}

/* ---- Terms. */

static struct node *
take_escape(struct parse *p)
{
	const char *from = p->at;
	struct node *node = take_class_term(p);
	uint32_t point;

	if (node != NULL || p->reason != NULL)
		return node;
	p->at++;
	if (take(p, "k"))
		return take_named_reference(p);
	if (p->at < p->end && *p->at >= '1' && *p->at <= '9')
		return take_numbered_reference(p);
	if (!take_escaped(p, false, &point))
		return NULL;
	node = node_new(p, NODE_POINT, from);
	node->point = point;
	return node;
}

static const char *
literal_reason(char c)
{
	if (c == '*' || c == '+' || c == '?')
		return "has a quantifier with nothing to repeat";
	if (c == '{')
		return "has a { that begins no quantifier; escape it";
	return "has a bracket that must be escaped";
}

static struct node *
take_literal(struct parse *p)
{
	struct node *node;

	if (*p->at != '\0' && strchr("*+?{}]", *p->at) != NULL)
		return refuse_at(p, p->at, literal_reason(*p->at));
	node = node_new(p, NODE_POINT, p->at);
	node->point = point_after(&p->at, p->end);
	return node;
}

static struct node *
take_assertion(struct parse *p)
{
	const char *from = p->at;
	enum node_kind kind = NODE_WORD;
	struct node *node;
	bool negated = false;

	if (take(p, "^"))
		kind = NODE_START;
	else if (take(p, "$"))
		kind = NODE_END;
	else if (take(p, "\\B"))
		negated = true;
	else if (!take(p, "\\b"))
		return NULL;
	node = node_new(p, kind, from);
	node->negated = negated;
	return node;
}

/* One term without its quantifier; *ret_fixed: it takes none. */
static struct node *
take_atom(struct parse *p, bool *ret_fixed)
{
	struct node *node = take_assertion(p);

	*ret_fixed = node != NULL;
	if (node != NULL)
		return node;
	if (take(p, "("))
		return take_group(p, ret_fixed);
	if (take(p, "["))
		return take_class(p);
	if (take(p, "."))
		return take_dot(p);
	return next_is(p, '\\') ? take_escape(p) : take_literal(p);
}

static bool
take_count(struct parse *p, uint32_t *ret)
{
	uint32_t n = 0;

	if (p->at == p->end || !is_digit(*p->at))
		return false;
	for (; p->at < p->end && is_digit(*p->at); p->at++)
		n = n > 100000000 ? n : n * 10 + (uint32_t)(*p->at - '0');
	*ret = n;
	return true;
}

/* {n}, {n,} or {n,m}; its { was taken. */
static bool
take_counts(struct parse *p, uint32_t *ret_least, uint32_t *ret_most)
{
	const char *from = p->at - 1;

	if (!take_count(p, ret_least)) {
		(void)refuse_at(p, from, literal_reason('{'));
		return false;
	}
	*ret_most = *ret_least;
	if (take(p, ",") && !take_count(p, ret_most))
		*ret_most = PATTERN_UNBOUNDED;
	if (!take(p, "}")) {
		(void)refuse_at(p, from, "has a quantifier without its }");
		return false;
	}
	if (*ret_most < *ret_least) {
		(void)refuse_at(p, from, "has a quantifier with its bounds "
					 "swapped");
		return false;
	}
	return true;
}

/* A term with its quantifier. */
static struct node *
take_term(struct parse *p)
{
	uint32_t groups = p->tree->group_count;
	uint32_t least = 0, most = PATTERN_UNBOUNDED;
	struct node *atom, *node;
	const char *from;
	bool fixed = false;

	atom = take_atom(p, &fixed);
	from = p->at;
	if (p->reason != NULL || p->at == p->end ||
	    strchr("*+?{", *p->at) == NULL || *p->at == '\0')
		return atom;
	if (fixed)
		return refuse_at(p, from, "has a quantifier after an "
					  "assertion");
	if (take(p, "+"))
		least = 1;
	else if (take(p, "?"))
		most = 1;
	else if (!take(p, "*") && take(p, "{") &&
	    !take_counts(p, &least, &most))
		return NULL;
	node = node_new(p, NODE_REPEAT, from);
	node->lazy = take(p, "?");
	node->body = atom;
	node->repeat.least = least;
	node->repeat.most = most;
	node->repeat.first_group = groups + 1;
	node->repeat.group_count = p->tree->group_count - groups;
	if (next_is(p, '+'))
		return refuse_at(p, p->at, "has a possessive quantifier, "
					   "which ECMA-262 does not know");
	return node;
}

/* A parent for two children or more, else the child itself. */
static struct node *
join(struct parse *p, enum node_kind kind, struct node *first, const char *at)
{
	struct node *node;

	if (first != NULL && first->next == NULL)
		return first;
	node = node_new(p, first == NULL ? NODE_EMPTY : kind, at);
	node->body = first;
	return node;
}

static struct node *
take_sequence(struct parse *p)
{
	struct node *first = NULL, **last = &first;
	const char *from = p->at;

	while (p->at < p->end && *p->at != '|' && *p->at != ')') {
		*last = take_term(p);
		if (p->reason != NULL)
			return NULL;
		last = &(*last)->next;
	}
	return join(p, NODE_SEQUENCE, first, from);
}

static struct node *
take_choices(struct parse *p)
{
	struct node *first = NULL, **last = &first;
	const char *from = p->at;

	do {
		*last = take_sequence(p);
		if (p->reason != NULL)
			return NULL;
		last = &(*last)->next;
	} while (take(p, "|"));
	return join(p, NODE_CHOICE, first, from);
}

/* ---- Names, once all groups are known. */

static int
label_compare(const void *a, const void *b)
{
	const struct label *x = *(struct label *const *)a;
	const struct label *y = *(struct label *const *)b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return memcmp(x->name, y->name, x->length);
}

static bool
resolve(struct parse *p)
{
	struct label **sorted = arena_alloc(p->arena,
	    (p->group_label_count + 1) * sizeof(*sorted));
	size_t n = 0;

	for (struct label *l = p->groups; l != NULL; l = l->next)
		sorted[n++] = l;
	qsort(sorted, n, sizeof(*sorted), label_compare);
	for (size_t i = 1; i < n; i++)
		if (label_compare(&sorted[i - 1], &sorted[i]) == 0) {
			const char *a = sorted[i - 1]->at, *b = sorted[i]->at;

			(void)refuse_at(p, a > b ? a : b, "gives two groups "
							  "the same name");
			return false;
		}
	for (struct label *l = p->references; l != NULL; l = l->next) {
		struct label **found = bsearch(&l, sorted, n, sizeof(*sorted),
		    label_compare);

		if (found == NULL) {
			(void)refuse_at(p, l->at, "refers to a group that "
						  "it does not have");
			return false;
		}
		l->node->number = (*found)->number;
	}
	return true;
}

bool
tree_parse(struct arena *arena, const char *text, size_t length,
    struct tree *ret, const char **ret_reason, size_t *ret_offset)
{
	struct tree tree = { .root = NULL };
	struct parse p = { .arena = arena, .start = text, .at = text,
		.end = text + length, .tree = &tree };

	if (length > PATTERN_BYTES_MAX)
		(void)refuse(&p, "is longer than 64 KiB");
	else if (!text_is_utf8(text, length))
		(void)refuse(&p, "is not UTF-8");
	else
		tree.root = take_choices(&p);
	if (p.reason == NULL && p.at < p.end)
		(void)refuse(&p, "has a ) without its (");
	if (p.reason == NULL && p.number_most > tree.group_count)
		(void)refuse_at(&p, p.number_at, "refers to a group that it "
						 "does not have");
	if (p.reason != NULL || !resolve(&p)) {
		*ret_reason = p.reason;
		*ret_offset = p.offset;
		return false;
	}
	*ret = tree;
	return true;
}
