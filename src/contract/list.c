/* SPDX-License-Identifier: MIT */
/*
 * A list's query string -> terms, order, select, limit, cursor.  The grammar
 * is PostgREST's, `field=op.value`, cut down to what the contract names.  All
 * that is wrong is collected, one issue a parameter; a value only ever becomes
 * a parameter of SQL, and only after its field's schema has judged it.
 */
#include "contract/internal.h"

#include <string.h>

#include "base/text.h"

#define NUMERIC (TYPE_INTEGER | TYPE_NUMBER)
#define SCALAR (NUMERIC | TYPE_STRING | TYPE_BOOLEAN)

enum operand { OPERAND_VALUE, OPERAND_PATTERN, OPERAND_LIST, OPERAND_WORD };

static const struct operator {
	const char *name;
	enum operand operand;
	enum compare compare;
	unsigned types;		/* of fields that it goes with */
} operators[] = {
	{ "eq", OPERAND_VALUE, COMPARE_EQ, SCALAR },
	{ "neq", OPERAND_VALUE, COMPARE_NEQ, SCALAR },
	{ "gt", OPERAND_VALUE, COMPARE_GT, NUMERIC | TYPE_STRING },
	{ "gte", OPERAND_VALUE, COMPARE_GTE, NUMERIC | TYPE_STRING },
	{ "lt", OPERAND_VALUE, COMPARE_LT, NUMERIC | TYPE_STRING },
	{ "lte", OPERAND_VALUE, COMPARE_LTE, NUMERIC | TYPE_STRING },
	{ "like", OPERAND_PATTERN, COMPARE_LIKE, TYPE_STRING },
	{ "ilike", OPERAND_PATTERN, COMPARE_ILIKE, TYPE_STRING },
	{ "in", OPERAND_LIST, COMPARE_IN, SCALAR },
	{ "is", OPERAND_WORD, COMPARE_IS_NULL, SCALAR },
};

static const struct word {
	const char *name;
	enum compare compare;
	unsigned types;
} words[] = {
	{ "null", COMPARE_IS_NULL, SCALAR },
	{ "not_null", COMPARE_IS_NOT_NULL, SCALAR },
	{ "true", COMPARE_IS_TRUE, TYPE_BOOLEAN },
	{ "false", COMPARE_IS_FALSE, TYPE_BOOLEAN },
};

/* One query string while it is read. */
struct reading {
	struct scope *sc;
	const struct operation *op;
	const struct intake *intake;
	struct plan *plan;
	struct term *terms;
	const char *after;
	bool given[4];		/* select, order, limit, after */
	bool bad;		/* there are issues */
	bool order_bad;		/* so the cursor cannot be judged */
};

static bool
issue(struct reading *r, const char *name, enum rule rule,
    const char *param, const char *json)
{
	struct place place = place_of(name);
	struct issue_param p = { param, json };

	scope_issue(r->sc, &place, rule, &p, param != NULL);
	r->bad = true;
	return false;
}

static bool
issue_syntax(struct reading *r, const char *name, const char *expected)
{
	return issue(r, name, RULE_SYNTAX, "expected", expected);
}

/* ---- terms ---- */

/* The operators that go with a field, as a JSON list. */
static const char *
operators_of(struct reading *r, const struct field *field)
{
	const char *list = "";

	for (size_t i = 0; i < countof(operators); i++)
		if ((operators[i].types & field->types) != 0)
			list = arena_format(r->sc->arena, "%s%s\"%s\"", list,
			    *list != '\0' ? "," : "", operators[i].name);
	return arena_format(r->sc->arena, "[%s]", list);
}

static bool
value_read(struct reading *r, struct term *term, const char *name,
    const char *text)
{
	const char **value = arena_alloc(r->sc->arena, sizeof(*value));
	struct place place = place_of(name);

	if (!field_judge(r->sc, &place, term->field, text, value)) {
		r->bad = true;
		return false;
	}
	term->values = value;
	term->value_count = 1;
	return true;
}

/* "*" stands for "%"; Postgres refuses a pattern that ends with an escape. */
static bool
pattern_read(struct reading *r, struct term *term, const char *name,
    const char *text)
{
	size_t length = strlen(text), escapes = 0;
	const char **value = arena_alloc(r->sc->arena, sizeof(*value));
	char *like;

	if (length > LIST_LIKE_MAX)
		return issue_syntax(r, name,
		    "\"a pattern of at most 256 bytes\"");
	while (escapes < length && text[length - 1 - escapes] == '\\')
		escapes++;
	if (escapes % 2 != 0)
		return issue_syntax(r, name,
		    "\"a pattern that does not end with an escape\"");
	like = arena_copy(r->sc->arena, text, length);
	for (char *p = like; *p != '\0'; p++)
		if (*p == '*')
			*p = '%';
	*value = like;
	term->values = value;
	term->value_count = 1;
	return true;
}

/*
 * One value of a list, unquoted into the arena; *at moves behind it.  NULL: a
 * quote is open, or an unquoted value is empty or holds a bracket or quote.
 */
static char *
item_read(struct arena *arena, const char **at)
{
	const char *from = *at, *p = from;
	char *item, *to;

	if (*p != '"') {
		p += strcspn(p, ",()\"");
		*at = p;
		return p == from ? NULL :
		    arena_copy(arena, from, (size_t)(p - from));
	}
	to = item = arena_alloc(arena, strlen(from));
	for (p++; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return NULL;
		*to++ = *p;
	}
	*at = p + 1;
	return item;
}

static bool
in_read(struct reading *r, struct term *term, const char *name,
    const char *text)
{
	static const char form[] = "\"in.(value,value), quoted where it has "
	    "a comma, bracket or quote\"";
	const char **values = arena_alloc(r->sc->arena,
	    LIST_IN_MAX * sizeof(*values));
	struct place place = place_of(name);
	size_t count = 0;

	if (*text != '(')
		return issue_syntax(r, name, form);
	do {
		const char *item;

		text++;
		if (count == LIST_IN_MAX)
			return issue_syntax(r, name,
			    "\"at most 100 values\"");
		if ((item = item_read(r->sc->arena, &text)) == NULL)
			return issue_syntax(r, name, form);
		if (!field_judge(r->sc, &place, term->field, item,
			&values[count++])) {
			r->bad = true;
			return false;
		}
	} while (*text == ',');
	if (strcmp(text, ")") != 0)
		return issue_syntax(r, name, form);
	term->values = values;
	term->value_count = count;
	return true;
}

static bool
word_read(struct reading *r, struct term *term, const char *name,
    const char *text)
{
	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i].name, text) == 0 &&
		    (words[i].types & term->field->types) != 0) {
			term->compare = words[i].compare;
			return true;
		}
	return issue_syntax(r, name,
	    (term->field->types & TYPE_BOOLEAN) != 0 ?
		"\"is.null, is.not_null, is.true or is.false\"" :
		"\"is.null or is.not_null\"");
}

static bool (*const operands[])(struct reading *, struct term *,
    const char *, const char *) = {
	[OPERAND_VALUE] = value_read,
	[OPERAND_PATTERN] = pattern_read,
	[OPERAND_LIST] = in_read,
	[OPERAND_WORD] = word_read,
};

/* "not.eq.draft" */
static bool
term_read(struct reading *r, const struct field *field,
    const struct parameter *p)
{
	struct term term = { .field = field };
	const char *text = p->value;
	size_t length;

	if (r->plan->term_count == LIST_TERMS_MAX)
		return issue_syntax(r, p->name, "\"one of at most 32 filters\"");
	if (strncmp(text, "not.", 4) == 0) {
		term.negated = true;
		text += 4;
	}
	length = strcspn(text, ".");
	for (size_t i = 0; i < countof(operators); i++) {
		const struct operator *o = &operators[i];

		if (text[length] != '.' || strlen(o->name) != length ||
		    memcmp(o->name, text, length) != 0 ||
		    (o->types & field->types) == 0)
			continue;
		term.compare = o->compare;
		if (!operands[o->operand](r, &term, p->name,
			text + length + 1))
			return false;
		r->terms[r->plan->term_count++] = term;
		return true;
	}
	return issue(r, p->name, RULE_OPERATOR, "values",
	    operators_of(r, field));
}

/* ---- select, order, limit, after ---- */

static bool
select_read(struct reading *r, const char *text)
{
	const struct intake *in = r->intake;
	const struct field **select = arena_alloc(r->sc->arena,
	    in->returned_count * sizeof(*select));
	size_t count = 0;

	for (;; text++) {
		size_t length = strcspn(text, ","), i = 0, j = 0;

		while (i < in->returned_count &&
		    (strncmp(in->returned[i]->name, text, length) != 0 ||
			in->returned[i]->name[length] != '\0'))
			i++;
		if (i == in->returned_count)
			return issue_syntax(r, "select",
			    "\"fields that are returned\"");
		while (j < count && select[j] != in->returned[i])
			j++;
		if (j < count)
			return issue_syntax(r, "select",
			    "\"fields, each once\"");
		select[count++] = in->returned[i];
		text += length;
		if (*text == '\0')
			break;
	}
	r->plan->select = select;
	r->plan->select_count = count;
	return true;
}

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
order_finish(struct sort *order, size_t count, const struct field *key)
{
	/* The key decides: what comes after it never matters. */
	for (size_t i = 0; i < count; i++)
		if (order[i].field == key)
			return i + 1;
	/* The same direction lets one index serve both, and a row compare. */
	order[count] = (struct sort){ key,
		count > 0 && order[count - 1].descending };
	return count + 1;
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

		if (count == LIST_ORDER_MAX)
			return issue_syntax(r, "order",
			    "\"at most 4 fields\"");
		if (!order_item(r, text, length, &order[count]))
			return issue_syntax(r, "order", "\"fields that can be "
			    "sorted by, each with .asc or .desc\"");
		for (size_t i = 0; i < count; i++)
			if (order[i].field == order[count].field)
				return issue_syntax(r, "order",
				    "\"fields, each once\"");
		count++;
		text += length;
		if (*text == '\0')
			break;
	}
	r->order_bad = false;
	r->plan->order = order;
	r->plan->order_count = order_finish(order, count,
	    r->op->resource->key);
	return true;
}

static bool
limit_read(struct reading *r, const char *text)
{
	int64_t n;

	if (!text_to_int(text, strlen(text), &n))
		return issue(r, "limit", RULE_TYPE, "expected",
		    "\"integer\"");
	if (n < 1)
		return issue(r, "limit", RULE_MINIMUM, "minimum", "1");
	if (n > r->op->limit_max)
		return issue(r, "limit", RULE_MAXIMUM, "maximum",
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

static const struct {
	const char *name;
	bool (*read)(struct reading *, const char *);
} controls[] = {
	{ "select", select_read },
	{ "order", order_read },
	{ "limit", limit_read },
	{ "after", after_read },
};

static bool
parameter_read(struct reading *r, const struct parameter *p)
{
	const struct resource *resource = r->op->resource;
	const struct field *field;

	for (size_t i = 0; i < countof(controls); i++) {
		if (strcmp(controls[i].name, p->name) != 0)
			continue;
		if (r->given[i])
			return issue(r, p->name, RULE_PARAMETER_REPEATED,
			    NULL, NULL);
		r->given[i] = true;
		return controls[i].read(r, p->value);
	}
	field = field_find(resource->fields, resource->field_count, p->name,
	    strlen(p->name));
	if (field == NULL || !field->filterable)
		return issue(r, p->name, RULE_PARAMETER_UNKNOWN, NULL, NULL);
	return term_read(r, field, p);
}

enum problem
list_read(struct scope *sc, const struct intake *intake,
    const struct request *rq, struct plan *plan)
{
	const struct operation *op = plan->operation;
	struct reading r = { .sc = sc, .op = op, .intake = intake,
		.plan = plan };

	if (rq->parameters > 0)
		r.terms = arena_alloc(sc->arena, LIST_TERMS_MAX *
		    sizeof(*r.terms));
	plan->terms = r.terms;
	plan->order = op->order;
	plan->order_count = op->order_count;
	plan->limit = op->limit_default;
	for (size_t i = 0; i < rq->parameters; i++)
		(void)parameter_read(&r, &rq->parameter[i]);
	if (r.after != NULL && !r.order_bad &&
	    !cursor_read(sc, plan, r.after, &plan->after)) {
		(void)!issue_syntax(&r, "after",
		    "\"a cursor of this list in this order\"");
		/* Alone it has a name of its own; the issues say the rest. */
		return sc->issue_count == 1 ? PROBLEM_INVALID_CURSOR :
					      PROBLEM_INVALID_QUERY;
	}
	return r.bad ? PROBLEM_INVALID_QUERY : PROBLEM_NONE;
}
