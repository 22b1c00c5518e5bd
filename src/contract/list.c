/* SPDX-License-Identifier: MIT */
/*
 * A list's query string -> conditions, order, select, limit, cursor; of a
 * single row's only select is taken.  All that is wrong is collected, one issue
 * a parameter; a value only ever becomes a parameter of SQL, and only after its
 * field's schema has judged it.
 */
#include "contract/list.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

bool
reading_issue(struct reading *r, const struct place *at, enum rule rule,
    const char *param, const char *json)
{
	struct issue_param p = { param, json };

	scope_issue(r->sc, at, rule, &p, param != NULL);
	r->bad = true;
	return false;
}

/* What is expected is ours, and has no byte that JSON would escape. */
bool
reading_syntax(struct reading *r, const struct place *at,
    const char *expected, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, expected);
	text = arena_vformat(r->sc->arena, expected, ap);
	va_end(ap);
	return reading_issue(r, at, RULE_SYNTAX, "expected",
	    arena_format(r->sc->arena, "\"%s\"", text));
}

/* The same, at a parameter of the list's own. */
static bool
wrong(struct reading *r, const char *name, const char *expected)
{
	struct place at = place_of(name);

	return reading_syntax(r, &at, "%s", expected);
}

/* ---- order, limit, after, search ---- */

/* "created_at.desc", `length` bytes of it. */
static bool
order_item(const struct reading *r, const char *text, size_t length,
    struct sort *ret)
{
	const struct resource *resource = r->op->resource;
	const char *dot = memchr(text, '.', length);
	size_t name = dot != NULL ? (size_t)(dot - text) : length;
	size_t rest = length - name;
	const struct field *field = field_find(resource->fields,
	    resource->field_count, text, name);

	if (field == NULL || !field->sortable)
		return false;
	if (rest != 0 && !(rest == 4 && memcmp(dot, ".asc", 4) == 0) &&
	    !(rest == 5 && memcmp(dot, ".desc", 5) == 0))
		return false;
	*ret = (struct sort){ field, rest == 5 };
	return true;
}

size_t
order_most(const struct resource *resource)
{
	return LIST_ORDER_MAX + 1 - resource->key_count;
}

static bool
is_ordered(const struct sort *order, size_t count, const struct field *field)
{
	for (size_t i = 0; i < count; i++)
		if (order[i].field == field)
			return true;
	return false;
}

/* Are these rows told apart already? */
static bool
is_decided(const struct sort *order, size_t count,
    const struct resource *resource)
{
	for (size_t i = 0; i < resource->key_count; i++)
		if (!is_ordered(order, count, resource->keys[i]))
			return false;
	return true;
}

size_t
order_finish(struct sort *order, size_t count,
    const struct resource *resource)
{
	/* The same direction lets one index serve both, and a row compare. */
	bool descending = count > 0 && order[count - 1].descending;

	/* The key decides: what comes after it never matters. */
	for (size_t i = 1; i <= count; i++)
		if (is_decided(order, i, resource))
			return i;
	for (size_t i = 0; i < resource->key_count; i++)
		if (!is_ordered(order, count, resource->keys[i]))
			order[count++] = (struct sort){ resource->keys[i],
				descending };
	return count;
}

static bool
order_read(struct reading *r, const char *text)
{
	struct sort *order = arena_alloc(r->sc->arena,
	    (LIST_ORDER_MAX + 1) * sizeof(*order));
	size_t count = 0;

	r->order_bad = true;
	for (;; text++) {
		size_t length = strcspn(text, ",");

		if (count == order_most(r->op->resource))
			return wrong(r, "order", arena_format(r->sc->arena,
			    "at most %zu fields",
			    order_most(r->op->resource)));
		if (!order_item(r, text, length, &order[count]))
			return wrong(r, "order", "fields that can be sorted "
			    "by, each with .asc or .desc");
		for (size_t i = 0; i < count; i++)
			if (order[i].field == order[count].field)
				return wrong(r, "order", "fields, each once");
		count++;
		text += length;
		if (*text == '\0')
			break;
	}
	r->order_bad = false;
	r->plan->order = order;
	r->plan->order_count = order_finish(order, count,
	    r->op->resource);
	return true;
}

static bool
limit_read(struct reading *r, const char *text)
{
	struct place at = place_of("limit");
	int64_t n;

	if (!text_to_int(text, strlen(text), &n))
		return reading_issue(r, &at, RULE_TYPE, "expected",
		    "\"integer\"");
	if (n < 1)
		return reading_issue(r, &at, RULE_MINIMUM, "minimum", "1");
	if (n > r->op->limit_max)
		return reading_issue(r, &at, RULE_MAXIMUM, "maximum",
		    arena_format(r->sc->arena, "%u", r->op->limit_max));
	r->plan->limit = (unsigned)n;
	return true;
}

static bool
after_read(struct reading *r, const char *text)
{
	/* The order may come later in the query. */
	r->after = text;
	return true;
}

static bool
search_read(struct reading *r, const char *text)
{
	size_t length = strlen(text);

	if (length < 1 || length > LIST_SEARCH_MAX)
		return wrong(r, "search", "words, of 1 to 256 bytes");
	r->plan->search = text;
	return true;
}

/* The parameters of every list; a single row takes those that say so. */
static const struct control {
	const char *name;
	bool (*read)(struct reading *, const char *);
	bool of_one;
} controls[] = {
	{ "select", select_read, true },
	{ "order", order_read, false },
	{ "limit", limit_read, false },
	{ "after", after_read, false },
	{ "search", search_read, false },
};

static bool
is_taken(const struct reading *r, const struct control *c)
{
	if (c->read == search_read && r->op->search_count == 0)
		return false;
	/* An export has no pages. */
	if (r->op->export != NULL && (c->read == limit_read ||
	    c->read == after_read))
		return false;
	return c->of_one || r->op->verb == VERB_LIST;
}

static bool
control_read(struct reading *r, const struct control *c,
    const struct parameter *p)
{
	struct place at = place_of(p->name);
	unsigned bit = 1u << (c - controls);

	if ((r->given & bit) != 0)
		return reading_issue(r, &at, RULE_PARAMETER_REPEATED, NULL,
		    NULL);
	r->given |= bit;
	return c->read(r, p->value);
}

static bool
parameter_read(struct reading *r, const struct parameter *p)
{
	struct place at = place_of(p->name);
	const struct field *field = NULL;
	bool is_clause = false, well;

	for (size_t i = 0; i < countof(controls); i++)
		if (strcmp(controls[i].name, p->name) == 0 &&
		    is_taken(r, &controls[i]))
			return control_read(r, &controls[i], p);
	if (r->op->verb == VERB_LIST) {
		well = clause_read(r, p, &is_clause);
		if (is_clause)
			return well;
		field = filter_find(r->op, p->name, strlen(p->name));
	}
	if (field == NULL)
		return reading_issue(r, &at, RULE_PARAMETER_UNKNOWN, NULL,
		    NULL);
	return term_read(r, field, p);
}

/* Room for the conditions: each clause has one at least. */
static void
conditions_begin(struct reading *r, const struct request *rq)
{
	size_t most = rq->parameters < LIST_TERMS_MAX ? rq->parameters :
							LIST_TERMS_MAX;

	r->terms = arena_alloc(r->sc->arena, (most + 1) * sizeof(*r->terms));
	r->clauses = arena_alloc(r->sc->arena,
	    (most + 1) * sizeof(*r->clauses));
	r->plan->terms = r->terms;
	r->plan->clauses = r->clauses;
}

enum problem
list_read(struct scope *sc, const struct intake *intake,
    const struct request *rq, struct plan *plan)
{
	const struct operation *op = plan->operation;
	struct reading r = { .sc = sc, .op = op, .intake = intake,
		.plan = plan };

	conditions_begin(&r, rq);
	plan->order = op->order;
	plan->order_count = op->order_count;
	plan->limit = op->limit_default;
	plan->total = op->total && rq->prefer.total != TOTAL_UNSAID;
	plan->estimate = op->total && rq->prefer.total == TOTAL_ESTIMATED;
	for (size_t i = 0; i < rq->parameters; i++)
		(void)!parameter_read(&r, &rq->parameter[i]);
	(void)!select_check(&r);
	if (r.after != NULL && !r.order_bad &&
	    !cursor_read(sc, plan, r.after, &plan->after)) {
		(void)!wrong(&r, "after",
		    "a cursor of this list in this order");
		/* Alone it has a name of its own; the issues say the rest. */
		return sc->issue_count == 1 ? PROBLEM_INVALID_CURSOR :
					      PROBLEM_INVALID_QUERY;
	}
	return r.bad ? PROBLEM_INVALID_QUERY : PROBLEM_NONE;
}
