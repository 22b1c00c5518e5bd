/* SPDX-License-Identifier: MIT */
/*
 * Conditions of a list: `field=op.value`, and those that are joined by
 * or=(...) and and=(...), nested and negated.  The grammar is PostgREST's, cut
 * down to what the contract names.  In brackets a value ends at a comma or
 * bracket, so one that holds such is quoted.  Every value is judged by its
 * field's schema, and depth and number are bounded before anything is kept.
 */
#include "contract/list.h"

#include <string.h>

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

const char *
contract_operator(const struct field *field, size_t number)
{
	for (size_t i = 0; i < countof(operators); i++)
		if ((operators[i].types & field->types) != 0 && number-- == 0)
			return operators[i].name;
	return NULL;
}

/* ---- values ---- */

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
value_read(struct reading *r, const struct place *at, struct term *term,
    const char *text)
{
	const char **value = arena_alloc(r->sc->arena, sizeof(*value));

	if (!field_judge(r->sc, at, term->field, text, value)) {
		r->bad = true;
		return false;
	}
	term->values = value;
	term->value_count = 1;
	return true;
}

/* "*" stands for "%"; Postgres refuses a pattern that ends with an escape. */
static bool
pattern_read(struct reading *r, const struct place *at, struct term *term,
    const char *text)
{
	size_t length = strlen(text), escapes = 0;
	const char **value = arena_alloc(r->sc->arena, sizeof(*value));
	char *like;

	if (length > LIST_LIKE_MAX)
		return reading_syntax(r, at, "a pattern of at most %d bytes",
		    LIST_LIKE_MAX);
	while (escapes < length && text[length - 1 - escapes] == '\\')
		escapes++;
	if (escapes % 2 != 0)
		return reading_syntax(r, at,
		    "a pattern that does not end with an escape");
	like = arena_copy(r->sc->arena, text, length);
	for (char *p = like; *p != '\0'; p++)
		if (*p == '*')
			*p = '%';
	*value = like;
	term->values = value;
	term->value_count = 1;
	return true;
}

static bool
word_read(struct reading *r, const struct place *at, struct term *term,
    const char *text)
{
	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i].name, text) == 0 &&
		    (words[i].types & term->field->types) != 0) {
			term->compare = words[i].compare;
			return true;
		}
	return reading_syntax(r, at, "%s",
	    (term->field->types & TYPE_BOOLEAN) != 0 ?
		"is.null, is.not_null, is.true or is.false" :
		"is.null or is.not_null");
}

/*
 * One value of a list, unquoted into the arena; *text moves behind it.  NULL:
 * a quote is open, or an unquoted value is empty or holds a bracket or quote.
 */
static char *
item_read(struct arena *arena, const char **text)
{
	const char *from = *text, *p = from;
	char *item, *to;

	if (*p != '"') {
		p += strcspn(p, ",()\"");
		*text = p;
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
	*text = p + 1;
	return item;
}

/* "(a,b)"; *text moves behind it. */
static bool
in_read(struct reading *r, const struct place *at, struct term *term,
    const char **text)
{
	static const char form[] = "in.(value,value), quoted where it has a "
	    "comma, bracket or quote";
	const char **values, *item;
	size_t count = 0;

	if (**text != '(')
		return reading_syntax(r, at, form);
	values = arena_alloc(r->sc->arena, LIST_IN_MAX * sizeof(*values));
	do {
		(*text)++;
		if (count == LIST_IN_MAX)
			return reading_syntax(r, at, "at most %d values",
			    LIST_IN_MAX);
		if ((item = item_read(r->sc->arena, text)) == NULL)
			return reading_syntax(r, at, form);
		if (!field_judge(r->sc, at, term->field, item,
			&values[count++])) {
			r->bad = true;
			return false;
		}
	} while (**text == ',');
	if (**text != ')')
		return reading_syntax(r, at, form);
	(*text)++;
	term->values = values;
	term->value_count = count;
	return true;
}

/* ---- terms ---- */

static bool (*const operands[])(struct reading *, const struct place *,
    struct term *, const char *) = {
	[OPERAND_VALUE] = value_read,
	[OPERAND_PATTERN] = pattern_read,
	[OPERAND_WORD] = word_read,
};

/* "not.eq."; *text moves to the operand.  NULL = an issue. */
static const struct operator *
operator_read(struct reading *r, const struct place *at, struct term *term,
    const char **text)
{
	size_t length;

	if (strncmp(*text, "not.", 4) == 0) {
		term->negated = true;
		*text += 4;
	}
	length = strcspn(*text, ".,()\"");
	for (size_t i = 0; i < countof(operators); i++) {
		const struct operator *o = &operators[i];

		if ((*text)[length] != '.' || strlen(o->name) != length ||
		    memcmp(o->name, *text, length) != 0 ||
		    (o->types & term->field->types) == 0)
			continue;
		term->compare = o->compare;
		*text += length + 1;
		return o;
	}
	(void)reading_issue(r, at, RULE_OPERATOR, "values",
	    operators_of(r, term->field));
	return NULL;
}

static bool
count_condition(struct reading *r, const struct place *at)
{
	if (r->conditions == LIST_TERMS_MAX)
		return reading_syntax(r, at, "one of at most %d filters",
		    LIST_TERMS_MAX);
	r->conditions++;
	return true;
}

const struct field *
filter_find(const struct operation *op, const char *name, size_t length)
{
	const struct resource *resource = op->resource;
	const struct field *field = field_find(resource->fields,
	    resource->field_count, name, length);

	if (field != NULL && field->filterable)
		return field;
	return field_find(op->paths, op->path_count, name, length);
}

bool
term_read(struct reading *r, const struct field *field,
    const struct parameter *p)
{
	struct place at = place_of(p->name);
	struct term term = { .field = field };
	const char *text = p->value;
	const struct operator *o;

	if (!count_condition(r, &at) ||
	    (o = operator_read(r, &at, &term, &text)) == NULL)
		return false;
	if (o->operand != OPERAND_LIST) {
		if (!operands[o->operand](r, &at, &term, text))
			return false;
	} else if (!in_read(r, &at, &term, &text)) {
		return false;
	} else if (*text != '\0') {
		return reading_syntax(r, &at, "nothing after in.(...)");
	}
	r->terms[r->plan->term_count++] = term;
	return true;
}

/* ---- conditions in brackets ---- */

static const char clause_form[] = "(field.operator.value,...), with "
    "and(...), or(...) and not. where they are wanted, and values quoted that "
    "have a comma, bracket or quote";

/* The names of all that may be filtered by, for hints. */
static const char *
filters_of(struct reading *r)
{
	const struct resource *resource = r->op->resource;
	const char *list = "";

	for (size_t i = 0; i < resource->field_count; i++)
		if (resource->fields[i].filterable)
			list = arena_format(r->sc->arena, "%s%s%s", list,
			    *list != '\0' ? ", " : "",
			    resource->fields[i].name);
	for (size_t i = 0; i < r->op->path_count; i++)
		list = arena_format(r->sc->arena, "%s%s%s", list,
		    *list != '\0' ? ", " : "", r->op->paths[i].name);
	return list;
}

/* "status.not.eq.draft"; *text moves behind it. */
static bool
part_term(struct reading *r, const struct place *at, const char **text,
    struct term *term)
{
	size_t length = strcspn(*text, ".,()\"");
	struct place inner = { .up = at };
	const struct operator *o;
	const char *item;

	if (length == 0 || (*text)[length] != '.')
		return reading_syntax(r, at, clause_form);
	term->field = filter_find(r->op, *text, length);
	if (term->field == NULL)
		return reading_syntax(r, at, "conditions on %s",
		    filters_of(r));
	inner.name = term->field->name;
	inner.length = length;
	*text += length + 1;
	if (!count_condition(r, at) ||
	    (o = operator_read(r, &inner, term, text)) == NULL)
		return false;
	if (o->operand == OPERAND_LIST)
		return in_read(r, &inner, term, text);
	if ((item = item_read(r->sc->arena, text)) == NULL)
		return reading_syntax(r, at, clause_form);
	return operands[o->operand](r, &inner, term, item);
}

static bool group_read(struct reading *r, const struct place *at,
    const char **text, unsigned depth, struct clause *clause);

/* Is it "and(" or "or("?  Then *text moves to the bracket. */
static bool
is_group(const char **text, struct clause *clause)
{
	bool and = strncmp(*text, "and(", 4) == 0;

	if (!and && strncmp(*text, "or(", 3) != 0)
		return false;
	clause->kind = and ? CLAUSE_AND : CLAUSE_OR;
	*text += and ? 3 : 2;
	return true;
}

/* A term, or conditions in brackets. */
static bool
part_read(struct reading *r, const struct place *at, const char **text,
    unsigned depth, struct clause *ret)
{
	struct clause part = { .kind = CLAUSE_TERM };
	const char *behind = *text;
	bool well;

	if (strncmp(behind, "not.", 4) == 0)
		behind += 4;
	if (is_group(&behind, &part)) {
		part.negated = **text == 'n';
		*text = behind;
		well = group_read(r, at, text, depth + 1, &part);
	} else {
		well = part_term(r, at, text, &part.term);
	}
	if (well)
		*ret = part;
	return well;
}

/*
 * "(a.eq.1,or(b.is.null,c.gt.2))"; *text moves behind it.  A part has a
 * condition at least, so there are never more parts than conditions.
 */
static bool
group_read(struct reading *r, const struct place *at, const char **text,
    unsigned depth, struct clause *clause)
{
	struct clause parts[LIST_TERMS_MAX], *kept;
	size_t count = 0;

	if (depth > LIST_DEPTH_MAX)
		return reading_syntax(r, at,
		    "conditions that are at most %d deep", LIST_DEPTH_MAX);
	if (**text != '(')
		return reading_syntax(r, at, clause_form);
	do {
		*text += 1 + strspn(*text + 1, " ");
		if (count == LIST_TERMS_MAX)
			return count_condition(r, at);
		if (!part_read(r, at, text, depth, &parts[count]))
			return false;
		count++;
	} while (**text == ',');
	if (**text != ')')
		return reading_syntax(r, at, clause_form);
	(*text)++;
	kept = arena_alloc(r->sc->arena, count * sizeof(*kept));
	memcpy(kept, parts, count * sizeof(*kept));
	clause->parts = kept;
	clause->part_count = count;
	return true;
}

bool
clause_read(struct reading *r, const struct parameter *p, bool *ret_is)
{
	bool negated = strncmp(p->name, "not.", 4) == 0;
	const char *word = p->name + (negated ? 4 : 0), *text = p->value;
	struct clause clause = { .negated = negated };
	struct place at = place_of(p->name);

	*ret_is = strcmp(word, "or") == 0 || strcmp(word, "and") == 0;
	if (!*ret_is)
		return false;
	clause.kind = *word == 'o' ? CLAUSE_OR : CLAUSE_AND;
	if (!group_read(r, &at, &text, 1, &clause))
		return false;
	if (*text != '\0')
		return reading_syntax(r, &at, clause_form);
	r->clauses[r->plan->clause_count++] = clause;
	return true;
}
