/* SPDX-License-Identifier: MIT */
/*
 * Request -> operation.  The patterns make a trie, a node for each segment,
 * literal children sorted, at most one child for a parameter.  The way down
 * tries the literal first and comes back to the parameter when it leads
 * nowhere; patterns that could meet the same request with neither the more
 * exact are refused by loading, so the first operation found is the only one.
 */
#include "contract/internal.h"

#include <string.h>

static const char literal_bytes[] = "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-";

/* One segment; NULL, or what is wrong with the path. */
static const char *
segment_read(struct arena *arena, const char *at, size_t length,
    bool parameters, struct segment *ret)
{
	char *text = arena_copy(arena, at, length);

	if (length == 0)
		return "must not have empty segments, nor end with \"/\"";
	if (*text == '{') {
		if (!parameters)
			return "cannot have parameters";
		if (text[length - 1] != '}')
			return "must close {name} within its segment";
		text[length - 1] = '\0';
		if (!name_is_column(text + 1))
			return "must have names of letters, digits and _ in "
			       "{name}";
		*ret = (struct segment){ text + 1, true };
		return NULL;
	}
	if (strspn(text, literal_bytes) != length || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0)
		return "must be made of {name}, letters, digits and ._~-";
	*ret = (struct segment){ text, false };
	return NULL;
}

static bool
is_repeated(const struct course *course, const struct segment *s)
{
	for (size_t i = 0; i < course->count; i++)
		if (course->segment[i].parameter &&
		    strcmp(course->segment[i].text, s->text) == 0)
			return true;
	return false;
}

const char *
course_read(struct arena *arena, const char *path, bool parameters,
    struct course *ret)
{
	struct course course = { .count = 0 };

	if (*path != '/')
		return "must begin with \"/\"";
	while (*path == '/') {
		size_t length = strcspn(++path, "/");
		struct segment s;
		const char *wrong = segment_read(arena, path, length,
		    parameters, &s);

		if (wrong != NULL)
			return wrong;
		if (course.count == HTTP_SEGMENTS_MAX)
			return "has too many segments";
		if (s.parameter && is_repeated(&course, &s))
			return "must not name a parameter twice";
		course.segment[course.count++] = s;
		path += length;
	}
	*ret = course;
	return NULL;
}

bool
course_clash(const struct course *a, const struct course *b)
{
	bool a_exacter = false, b_exacter = false;

	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct segment *s = &a->segment[i], *t = &b->segment[i];

		if (!s->parameter && !t->parameter &&
		    strcmp(s->text, t->text) != 0)
			return false;
		a_exacter |= !s->parameter && t->parameter;
		b_exacter |= s->parameter && !t->parameter;
	}
	return a_exacter == b_exacter;
}

/*
 * The place of a literal among the sorted children: that of its node, or where
 * it belongs.
 */
static size_t
child_place(const struct node *node, const char *literal, bool *ret_found)
{
	size_t low = 0, high = node->child_count;

	*ret_found = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(node->children[middle]->literal, literal);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct node *
child_made(struct arena *arena, struct node *node, const struct segment *s)
{
	struct node *child, **wider;
	bool found = false;
	size_t at = 0, count = node->child_count;

	if (s->parameter && node->parameter != NULL)
		return node->parameter;
	if (!s->parameter)
		at = child_place(node, s->text, &found);
	if (found)
		return node->children[at];
	child = arena_alloc(arena, sizeof(*child));
	if (s->parameter)
		return node->parameter = child;
	child->literal = s->text;
	wider = arena_alloc(arena, (count + 1) * sizeof(struct node *));
	for (size_t i = 0; i < count + 1; i++)
		wider[i] = i == at ? child : node->children[i - (i > at)];
	node->children = wider;
	node->child_count = count + 1;
	return child;
}

static struct node *
course_made(struct arena *arena, struct node *node,
    const struct course *course)
{
	for (size_t i = 0; i < course->count; i++)
		node = child_made(arena, node, &course->segment[i]);
	return node;
}

void
routes_build(struct contract *contract)
{
	struct arena *arena = contract->arena;
	struct node *base;

	contract->routes = arena_alloc(arena, sizeof(*contract->routes));
	base = course_made(arena, contract->routes, &contract->base);
	for (size_t i = 0; i < contract->operation_count; i++) {
		const struct operation *op = &contract->operations[i];
		struct node *end = course_made(arena, base,
		    &contract->intakes[i].course);

		end->by_method[op->method] = op;
	}
	for (size_t i = 0; i < contract->webhook_count; i++) {
		const struct operation *op = &contract->webhooks[i].operation;
		struct course course;

		if (course_read(arena, op->pattern, false, &course) == NULL)
			course_made(arena, base, &course)->by_method[
			    op->method] = op;
	}
}

/*
 * One search: what is looked for, and which methods were met instead.  HEAD
 * looks for what GET does (RFC 9110 section 9.3.2).
 */
struct search {
	const struct request *rq;
	enum method method;
	bool met[METHOD_COUNT];
	bool any;
};

static const struct operation *
descend(const struct node *node, struct search *s, size_t depth)
{
	const struct operation *op = NULL;
	bool found;
	size_t at;

	if (depth == s->rq->segments) {
		for (size_t i = 0; i < METHOD_COUNT; i++)
			if (node->by_method[i] != NULL)
				s->any = s->met[i] = true;
		return node->by_method[s->method];
	}
	at = child_place(node, s->rq->segment[depth], &found);
	if (found)
		op = descend(node->children[at], s, depth + 1);
	if (op == NULL && node->parameter != NULL)
		op = descend(node->parameter, s, depth + 1);
	return op;
}

static struct search
search_for(const struct request *rq)
{
	return (struct search){ .rq = rq, .method = rq->method == METHOD_HEAD ?
	    METHOD_GET : rq->method };
}

/* The methods that would have been taken, in the order of the alphabet. */
static const char *
allow_of(struct arena *arena, struct search *s)
{
	static const enum method sorted[] = { METHOD_DELETE, METHOD_GET,
		METHOD_HEAD, METHOD_OPTIONS, METHOD_PATCH, METHOD_POST,
		METHOD_PUT };
	const char *allow = "";

	s->met[METHOD_HEAD] = s->met[METHOD_GET];
	s->met[METHOD_OPTIONS] = true;

	for (size_t i = 0; i < countof(sorted); i++)
		if (s->met[sorted[i]])
			allow = arena_format(arena, "%s%s%s", allow,
			    *allow != '\0' ? ", " : "",
			    method_name(sorted[i]));
	return allow;
}

enum problem
contract_route(const struct contract *contract, struct scope *sc,
    const struct request *rq, struct match *ret)
{
	struct search search = search_for(rq);
	const struct operation *op = descend(contract->routes, &search, 0);
	const struct intake *in;

	if (op == NULL && !search.any)
		return PROBLEM_NOT_FOUND;
	if (op == NULL) {
		sc->allow = allow_of(sc->arena, &search);
		return PROBLEM_METHOD_NOT_ALLOWED;
	}
	if (op->webhook != NULL) {
		*ret = (struct match){ .operation = op };
		return PROBLEM_NONE;
	}
	in = &contract->intakes[op->number];
	*ret = (struct match){ .operation = op, .count = in->path_count };
	for (size_t i = 0; i < in->path_count; i++) {
		ret->name[i] = in->path[i].name;
		ret->value[i] = rq->segment[contract->base.count +
		    in->path[i].segment];
	}
	return PROBLEM_NONE;
}

enum problem
contract_allow(const struct contract *contract, struct scope *sc,
    const struct request *rq)
{
	struct search search = search_for(rq);

	(void)descend(contract->routes, &search, 0);
	if (!search.any)
		return PROBLEM_NOT_FOUND;
	sc->allow = allow_of(sc->arena, &search);
	return PROBLEM_NONE;
}
