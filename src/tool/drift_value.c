/* SPDX-License-Identifier: MIT */
/*
 * Lengths, ranges, enums and defaults, by experiment: values at the edge of
 * what the schema takes are put to the column's type and to its CHECKs, and so
 * are values just beyond.  So it does not matter how a CHECK is written, and
 * nothing is told of one that could not be asked.  CHECKs over several columns
 * are not asked; for them no value of one column is right or wrong.
 */
#include "tool/drift.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/probe.h"

enum { VALUES_MAX = PROBE_VALUES_MAX, TEXT_MAX = PROBE_TEXT_MAX };

/* A property and its column, while values are put to it. */
struct trial {
	struct drift *d;
	const struct resource *resource;
	const struct catalog_table *table;
	const struct field *field;
	const struct catalog_column *column;
	struct facts facts;
	bool in;			/* clients write it */
	const char *object;
};

/* ---- Asking. ---- */

/* Does the column take each of the values? */
static void
ask(const struct trial *t, const char *const *values, size_t count,
    enum holds *ret)
{
	probe_ask(t->d->catalog, t->table, t->column, values, count, ret);
}

static enum holds
ask_one(const struct trial *t, const char *value)
{
	enum holds ret;

	ask(t, &value, 1, &ret);
	return ret;
}

static void
tell(struct trial *t, enum drift_rule rule, const char *mend,
    const char *what)
{
	drift_tell(t->d, rule, drift_field(t->d, t->resource, t->field),
	    t->object, mend, "%s", what);
}

static const char *
add_check(struct trial *t, const char *condition)
{
	return drift_text(t->d, "alter table %s add constraint "
	    "\"%s_%s_bounds\" check (%s);", t->resource->table.sql,
	    t->table->name, t->column->name, condition);
}

/* ---- Lengths. ---- */

static const char *
repeated(struct trial *t, char c, size_t count)
{
	char *text = arena_alloc(t->d->arena, count + 1);

	memset(text, c, count);
	text[count] = '\0';
	return text;
}

/* A text of that length that the schema takes, or NULL. */
static const char *
fitting(struct trial *t, size_t length)
{
	static const char letters[] = "xX0aA-";
	const char *text;

	for (const char *c = letters; *c != '\0'; c++) {
		text = repeated(t, *c, length);
		if (contract_takes(t->field, text))
			return text;
	}
	return NULL;
}

static bool
refuses_length(struct trial *t, size_t length)
{
	const char *text = t->in && length > 0 && length <= TEXT_MAX ?
	    fitting(t, length) : NULL;

	return text != NULL && ask_one(t, text) == HOLDS_NO;
}

/*
 * Is there a text that is one too long, or too short, which the column takes?
 * Only what could be asked says yes.
 */
static bool
takes_length(struct trial *t, size_t length)
{
	return length <= TEXT_MAX &&
	    (ask_one(t, repeated(t, 'x', length)) == HOLDS_YES ||
		ask_one(t, repeated(t, 'A', length)) == HOLDS_YES ||
		ask_one(t, repeated(t, '0', length)) == HOLDS_YES);
}

static const char *
length_condition(struct trial *t)
{
	const struct facts *f = &t->facts;

	if (f->length_least == 0)
		return drift_text(t->d, "char_length(%s) <= %zu",
		    t->field->name_sql, f->length_most);
	return drift_text(t->d, "char_length(%s) between %zu and %zu",
	    t->field->name_sql, f->length_least, f->length_most);
}

/* The column's own length can be raised; what a CHECK asks is for a person. */
static const char *
widen(struct trial *t)
{
	if (t->column->length == 0 ||
	    t->column->length >= t->facts.length_most ||
	    strcmp(t->column->base, "character varying") != 0 ||
	    t->column->domain_sql != NULL)
		return NULL;
	return drift_text(t->d, "alter table %s alter %s type character "
	    "varying(%zu);", t->resource->table.sql, t->field->name_sql,
	    t->facts.length_most);
}

static void
try_lengths(struct trial *t)
{
	const struct facts *f = &t->facts;

	if (f->length_most != SIZE_MAX && refuses_length(t, f->length_most))
		tell(t, DRIFT_LENGTH_REFUSED, widen(t), drift_text(t->d, "the "
		    "schema takes %zu characters, the column does not",
		    f->length_most));
	else if (f->length_most == SIZE_MAX && t->column->length > 0 && t->in)
		tell(t, DRIFT_LENGTH_REFUSED, NULL, drift_text(t->d, "the "
		    "schema takes texts of any length, the column %zu "
		    "characters", t->column->length));
	else if (f->length_least > 0 && refuses_length(t, f->length_least))
		tell(t, DRIFT_LENGTH_REFUSED, NULL, drift_text(t->d, "the "
		    "schema takes %zu character%s, the column wants more",
		    f->length_least, f->length_least == 1 ? "" : "s"));
	if (f->length_most != SIZE_MAX && takes_length(t, f->length_most + 1))
		tell(t, DRIFT_LENGTH_OPEN, add_check(t, length_condition(t)),
		    drift_text(t->d, "the column takes %zu characters, the "
			"schema %zu", f->length_most + 1, f->length_most));
	else if (f->length_least > 0 && takes_length(t, f->length_least - 1))
		tell(t, DRIFT_LENGTH_OPEN, f->length_most == SIZE_MAX ? NULL :
		    add_check(t, length_condition(t)), drift_text(t->d,
			"the column takes %zu characters, the schema wants "
			"%zu", f->length_least - 1, f->length_least));
}

/* ---- Ranges. ---- */

static const char *
decimal(struct trial *t, int64_t n)
{
	return drift_text(t->d, "%" PRId64, n);
}

static void
refused_number(struct trial *t, int64_t n)
{
	tell(t, DRIFT_RANGE_REFUSED, NULL, drift_text(t->d, "the schema takes "
	    "%" PRId64 ", the column does not (%s)", n, t->column->type));
}

static const char *
range_condition(struct trial *t)
{
	const struct facts *f = &t->facts;

	if (f->least == INT64_MIN)
		return drift_text(t->d, "%s <= %" PRId64, t->field->name_sql,
		    f->most);
	if (f->most == INT64_MAX)
		return drift_text(t->d, "%s >= %" PRId64, t->field->name_sql,
		    f->least);
	return drift_text(t->d, "%s between %" PRId64 " and %" PRId64,
	    t->field->name_sql, f->least, f->most);
}

/* Does a CHECK hold it against another column?  That cannot be asked. */
static bool
is_relative(const struct trial *t)
{
	for (size_t i = 0; i < t->table->constraint_count; i++) {
		const struct catalog_constraint *k =
		    &t->table->constraints[i];

		for (size_t n = 0; k->kind == 'c' && k->column_count > 1 &&
		     n < k->column_count; n++)
			if (strcmp(k->columns[n], t->column->name) == 0)
				return true;
	}
	return false;
}

/*
 * Do its values come from elsewhere, a sequence that clients cannot pass by or
 * another table's key?  Then they are no larger than what is there.
 */
static bool
is_bound(const struct trial *t)
{
	if (!t->in && (t->column->identity || t->column->sequence != NULL))
		return true;
	for (size_t i = 0; i < t->table->constraint_count; i++) {
		const struct catalog_constraint *k =
		    &t->table->constraints[i];

		for (size_t n = 0; k->kind == 'f' && n < k->column_count; n++)
			if (strcmp(k->columns[n], t->column->name) == 0)
				return true;
	}
	return false;
}

static void
try_range(struct trial *t)
{
	const struct facts *f = &t->facts;
	bool open = false;

	if (t->in && !f->stepped) {
		if (ask_one(t, decimal(t, f->most)) == HOLDS_NO)
			refused_number(t, f->most);
		else if (ask_one(t, decimal(t, f->least)) == HOLDS_NO)
			refused_number(t, f->least);
	}
	if (is_relative(t) || is_bound(t))
		return;
	if (f->most != INT64_MAX)
		open = ask_one(t, decimal(t, f->most + 1)) == HOLDS_YES;
	if (open)
		tell(t, DRIFT_RANGE_OPEN, add_check(t, range_condition(t)),
		    drift_text(t->d, "the column takes %" PRId64 ", the "
			"schema %" PRId64 " at most", f->most + 1, f->most));
	else if (f->least != INT64_MIN &&
	    ask_one(t, decimal(t, f->least - 1)) == HOLDS_YES)
		tell(t, DRIFT_RANGE_OPEN, add_check(t, range_condition(t)),
		    drift_text(t->d, "the column takes %" PRId64 ", the "
			"schema %" PRId64 " at least", f->least - 1,
			f->least));
}

/* ---- Enums. ---- */

static bool
is_value(const struct facts *f, const char *value)
{
	for (size_t i = 0; i < f->value_count; i++)
		if (strcmp(f->values[i], value) == 0)
			return true;
	return false;
}

static void
open_enum(struct trial *t, const char *value)
{
	const char *list = "";

	for (size_t i = 0; i < t->facts.value_count; i++)
		list = drift_text(t->d, "%s%s%s", list, i > 0 ? ", " : "",
		    drift_literal(t->d, t->facts.values[i]));
	tell(t, DRIFT_ENUM_OPEN, t->column->label_count > 0 ? NULL :
	    add_check(t, drift_text(t->d, "%s in (%s)", t->field->name_sql,
		list)), drift_text(t->d, "the column takes %s, which the enum "
	    "does not have", drift_literal(t->d, value)));
}

/* The literals of a CHECK are values that it may let through. */
static const char *
literal_beyond(struct trial *t, const char *sql)
{
	const char *from, *to;

	while ((from = strchr(sql, '\'')) != NULL &&
	    (to = strchr(from + 1, '\'')) != NULL) {
		const char *value = arena_copy(t->d->arena, from + 1,
		    (size_t)(to - from - 1));

		if (!is_value(&t->facts, value) && ask_one(t, value) ==
		    HOLDS_YES)
			return value;
		sql = to + 1;
	}
	return NULL;
}

static const char *
value_beyond(struct trial *t)
{
	const char *domain = t->column->domain_sql;

	const char *value = "no such value";

	for (size_t i = 0; i < t->column->label_count; i++)
		if (!is_value(&t->facts, t->column->labels[i]) &&
		    ask_one(t, t->column->labels[i]) == HOLDS_YES)
			return t->column->labels[i];
	if (t->column->label_count == 0 && ask_one(t, value) == HOLDS_YES)
		return value;
	value = domain != NULL ? literal_beyond(t, domain) : NULL;
	if (value != NULL)
		return value;
	for (size_t i = 0; i < t->table->constraint_count; i++) {
		const struct catalog_constraint *k =
		    &t->table->constraints[i];

		value = probe_is_own(k, t->column) ? literal_beyond(t, k->check_sql) :
		    NULL;
		if (value != NULL)
			return value;
	}
	return NULL;
}

static void
try_enum(struct trial *t)
{
	enum holds said[VALUES_MAX];
	const char *beyond;

	if (t->facts.value_count > VALUES_MAX)
		return;
	ask(t, t->facts.values, t->facts.value_count, said);
	for (size_t i = 0; i < t->facts.value_count; i++)
		if (said[i] == HOLDS_NO)
			tell(t, DRIFT_ENUM_REFUSED, NULL, drift_text(t->d,
			    "the enum has %s, which the column does not take",
			    drift_literal(t->d, t->facts.values[i])));
	beyond = value_beyond(t);
	if (beyond != NULL)
		open_enum(t, beyond);
}

/* ---- json. ---- */

/* A value of a type that the schema does not have. */
static const char *
other_json(unsigned types)
{
	if ((types & TYPE_STRING) == 0)
		return "\"text\"";
	return (types & TYPE_OBJECT) == 0 ? "{}" : "[]";
}

static void
try_json(struct trial *t)
{
	const char *other = other_json(t->field->types);
	bool object = (t->field->types & TYPE_OBJECT) != 0;

	if (t->field->types == 0 || (t->field->types & (TYPE_OBJECT |
	    TYPE_ARRAY)) == 0)
		return;
	if (ask_one(t, other) == HOLDS_YES)
		tell(t, DRIFT_JSON_OPEN, add_check(t, drift_text(t->d,
		    "%s_typeof(%s) = '%s'", t->column->base,
		    t->field->name_sql, object ? "object" : "array")),
		    drift_text(t->d, "the column takes %s, the schema does "
			"not", other));
}

/* ---- Examples and defaults. ---- */

static void
try_examples(struct trial *t)
{
	enum holds said[VALUES_MAX];
	size_t count;
	const char *const *values = contract_examples(t->d->contract,
	    t->resource, t->field, t->d->arena, &count);

	if (count > VALUES_MAX)
		count = VALUES_MAX;
	ask(t, values, count, said);
	for (size_t i = 0; i < count; i++) {
		if (said[i] != HOLDS_NO)
			continue;
		tell(t, DRIFT_EXAMPLE_REFUSED, NULL, drift_text(t->d, "the "
		    "column refuses an example of its schema, number %zu",
		    i + 1));
		return;
	}
}

/* A text of JSON without escapes as a literal, NULL when it has some. */
static const char *
plain_text(struct drift *d, const char *json)
{
	size_t length = strlen(json);

	if (length < 2 || strchr(json, '\\') != NULL)
		return NULL;
	return drift_literal(d, arena_copy(d->arena, json + 1, length - 2));
}

const char *
drift_set_default(struct drift *d, const struct resource *r,
    const struct field *f, const struct catalog_column *c)
{
	struct facts facts;
	const char *value;

	contract_facts(f, d->arena, &facts);
	value = facts.fallback;
	if (value == NULL || strcmp(value, "null") == 0)
		return NULL;
	if (strncmp(c->base, "json", 4) == 0)
		value = drift_literal(d, value);
	else if (value[0] == '"')
		value = plain_text(d, value);
	else if (value[0] == '{' || value[0] == '[')
		return NULL;
	return value == NULL ? NULL : drift_text(d, "alter table %s alter %s "
	    "set default %s;", r->table.sql, f->name_sql, value);
}

static void
try_default(struct trial *t)
{
	const struct catalog_column *c = t->column;
	const char *mend = drift_set_default(t->d, t->resource, t->field, c);
	const char *said = t->facts.fallback;
	const struct catalog_probe probe = { .sql = c->fallback,
		.type = c->type, .values = &said, .count = 1 };

	if (said == NULL || (c->fallback == NULL && strcmp(said, "null") == 0))
		return;
	if (c->fallback == NULL)
		tell(t, DRIFT_DEFAULT_DIFFERS, mend, drift_text(t->d, "the "
		    "schema's default is %s, the column has none", said));
	else if (catalog_judge_default(t->d->catalog, &probe) == HOLDS_NO)
		tell(t, DRIFT_DEFAULT_DIFFERS, mend, drift_text(t->d, "the "
		    "schema's default is %s, the column's %s", said,
		    c->fallback));
}

/* ---- All of them. ---- */

static void
try_field(struct trial *t)
{
	int64_t least, most;

	if (t->facts.value_count > 0)
		try_enum(t);
	else if (t->column->category == 'S' &&
	    drift_format_type(t->field) == NULL &&
	    (t->field->types & TYPE_STRING) != 0)
		try_lengths(t);
	else if (probe_integers(t->column->base, &least, &most) &&
	    (t->field->types & TYPE_INTEGER) != 0)
		try_range(t);
	else if (t->column->category != 'A' &&
	    strncmp(t->column->base, "json", 4) == 0)
		try_json(t);
	if (t->facts.value_count == 0)
		try_examples(t);
	try_default(t);
}

void
drift_values(struct drift *d, const struct resource *r,
    const struct catalog_table *table)
{
	if (table->kind != 'r' && table->kind != 'p')
		return;
	for (size_t i = 0; i < r->field_count; i++) {
		struct trial t = { .d = d, .resource = r, .table = table,
			.field = &r->fields[i],
			.column = drift_column(table, r->fields[i].name) };

		if (t.column == NULL || drift_type(d, t.field, t.column->base,
		    t.column->category, false) != NULL)
			continue;
		contract_facts(t.field, d->arena, &t.facts);
		t.in = drift_created(d, r, t.field) ||
		    drift_updated(d, r, t.field);
		t.object = drift_column_name(d, table, t.column->name);
		try_field(&t);
	}
}
