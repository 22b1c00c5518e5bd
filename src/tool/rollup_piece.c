/* SPDX-License-Identifier: MIT */
/*
 * The pieces that rollups differ by: lists of keys and columns, as each place
 * of the texts in rollup.c wants them.  A column is what a measure keeps: a
 * figure that is added up, or a least or greatest value.  An average is two of
 * the former; distinct values are no column, but rows of a table of their own.
 */
#include "tool/rollup_piece.h"

#include <string.h>

#include "tool/drift.h"

enum { PIECE_MAX = 1 << 16 };

enum column_way { WAY_ADD, WAY_MIN, WAY_MAX };

struct column {
	const char *name, *type;
	enum column_way way;
	const char *plus;		/* of rows s */
};

/* ---- Words. ---- */

/* Those of Postgres that cannot be a column's name as they stand. */
static const char *const reserved[] = { "all", "analyse", "analyze", "and",
	"any", "array", "as", "asc", "asymmetric", "authorization", "binary",
	"both", "case", "cast", "check", "collate", "collation", "column",
	"concurrently", "constraint", "create", "cross", "current_catalog",
	"current_date", "current_role", "current_schema", "current_time",
	"current_timestamp", "current_user", "default", "deferrable", "desc",
	"distinct", "do", "else", "end", "except", "false", "fetch", "for",
	"foreign", "freeze", "from", "full", "grant", "group", "having",
	"ilike", "in", "initially", "inner", "intersect", "into", "is",
	"isnull", "join", "lateral", "leading", "left", "like", "limit",
	"localtime", "localtimestamp", "natural", "not", "notnull", "null",
	"offset", "on", "only", "or", "order", "outer", "overlaps", "placing",
	"primary", "references", "returning", "right", "select",
	"session_user", "similar", "some", "symmetric", "table", "tablesample",
	"then", "to", "trailing", "true", "union", "unique", "user", "using",
	"variadic", "verbose", "when", "where", "window", "with",
	/* Nor what a function gives. */
	"between", "bigint", "bit", "boolean", "char", "character",
	"coalesce", "dec", "decimal", "exists", "extract", "float",
	"greatest", "grouping", "inout", "int", "integer", "interval",
	"least", "national", "nchar", "none", "normalize", "nullif",
	"numeric", "out", "overlay", "position", "precision", "real", "row",
	"setof", "smallint", "substring", "time", "timestamp", "treat",
	"trim", "values", "varchar", "xmlattributes", "xmlconcat",
	"xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse",
	"xmlpi", "xmlroot", "xmlserialize", "xmltable" };

const char *
rollup_quoted(struct arena *arena, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	bool quote = name[strspn(name, plain)] != '\0' ||
	    (name[0] >= '0' && name[0] <= '9');

	for (size_t i = 0; i < countof(reserved); i++)
		quote = quote || strcmp(name, reserved[i]) == 0;
	return quote ? arena_format(arena, "\"%s\"", name) : name;
}

const char *
rollup_name(const struct rollup_draft *d, const char *behind)
{
	return arena_format(d->arena, "%s.%s", rollup_quoted(d->arena,
	    d->rollup->resource->table.schema_name), rollup_quoted(d->arena,
	    arena_format(d->arena, "%s%s", d->rollup->name, behind)));
}

static const char *
source_of(const struct rollup_draft *d)
{
	const struct relation *t = &d->rollup->resource->table;

	return arena_format(d->arena, "%s.%s", rollup_quoted(d->arena,
	    t->schema_name), rollup_quoted(d->arena, t->name));
}

static const char *
literal(struct arena *arena, const char *text)
{
	char *ret = arena_alloc(arena, 2 * strlen(text) + 3), *at = ret;

	*at++ = '\'';
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			*at++ = '\'';
		*at++ = *text;
	}
	*at++ = '\'';
	*at = '\0';
	return ret;
}

/* ---- Conditions. ---- */

/* What stands for COMPARE_*: before the value, or all there is. */
static const struct {
	const char *text;
	bool takes;
} compares[] = {
	[COMPARE_EQ] = { " = ", true },
	[COMPARE_NEQ] = { " <> ", true },
	[COMPARE_GT] = { " > ", true },
	[COMPARE_GTE] = { " >= ", true },
	[COMPARE_LT] = { " < ", true },
	[COMPARE_LTE] = { " <= ", true },
	[COMPARE_LIKE] = { "::text like ", true },
	[COMPARE_ILIKE] = { "::text ilike ", true },
	[COMPARE_IN] = { " in (", true },
	[COMPARE_IS_NULL] = { " is null", false },
	[COMPARE_IS_TRUE] = { " is true", false },
	[COMPARE_IS_FALSE] = { " is false", false },
	[COMPARE_IS_NOT_NULL] = { " is not null", false },
};

/* A number or boolean as it stands, else a text. */
static const char *
value_of(const struct rollup_draft *d, const struct term *term, size_t i)
{
	unsigned bare = TYPE_INTEGER | TYPE_BOOLEAN | TYPE_NULL;
	const char *value = term->values[i];

	if (term->compare != COMPARE_LIKE && term->compare != COMPARE_ILIKE &&
	    (term->field->types & ~bare) == 0 && term->field->types != 0)
		return value;
	return literal(d->arena, value);
}

static const char *
term_sql(const struct rollup_draft *d, const struct term *term)
{
	const char *sql = arena_format(d->arena, "s.%s%s",
	    rollup_quoted(d->arena, term->field->name),
	    compares[term->compare].text);

	if (compares[term->compare].takes)
		for (size_t i = 0; i < term->value_count; i++)
			sql = arena_format(d->arena, "%s%s%s", sql,
			    i > 0 ? ", " : "", value_of(d, term, i));
	if (term->compare == COMPARE_IN)
		sql = arena_format(d->arena, "%s)", sql);
	return term->negated ? arena_format(d->arena, "not (%s)", sql) : sql;
}

const char *
rollup_and(const struct rollup_draft *d, const struct measure *m)
{
	const char *sql = "";

	for (size_t i = 0; i < m->where_count; i++)
		sql = arena_format(d->arena, "%s and %s", sql,
		    term_sql(d, &m->where[i]));
	return sql;
}

static const char *
filter_of(const struct rollup_draft *d, const struct measure *m)
{
	const char *and = rollup_and(d, m);

	return *and == '\0' ? "" : arena_format(d->arena,
	    " filter (where %s)", and + strlen(" and "));
}

/* ---- Columns. ---- */

static const struct catalog_column *
source_column(const struct rollup_draft *d, const struct field *f)
{
	return drift_column(d->source, f->name);
}

/* What a sum of the column's values is. */
static const char *
sum_type(const struct rollup_draft *d, const struct field *f)
{
	const struct catalog_column *c = source_column(d, f);

	return c != NULL && (strcmp(c->base, "integer") == 0 ||
	    strcmp(c->base, "smallint") == 0) ? "bigint" : "numeric";
}

static struct column
sum_column(const struct rollup_draft *d, const struct measure *m,
    const char *name)
{
	return (struct column){ name, sum_type(d, m->field), WAY_ADD,
		arena_format(d->arena, "coalesce(sum(s.%s)%s, 0)",
		    rollup_quoted(d->arena, m->field->name), filter_of(d, m)) };
}

static struct column
extreme_column(const struct rollup_draft *d, const struct measure *m)
{
	const struct catalog_column *c = source_column(d, m->field);

	return (struct column){ m->name, c != NULL ? c->type : "text",
		m->kind == MEASURE_MIN ? WAY_MIN : WAY_MAX,
		arena_format(d->arena, "%s(s.%s)%s", measure_word(m->kind),
		    rollup_quoted(d->arena, m->field->name), filter_of(d, m)) };
}

static size_t
columns_of(const struct rollup_draft *d, struct column *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < d->rollup->measure_count; i++) {
		const struct measure *m = &d->rollup->measures[i];

		switch (m->kind) {
		case MEASURE_COUNT:
			ret[n++] = (struct column){ m->name, "bigint", WAY_ADD,
				arena_format(d->arena, "count(*)%s",
				    filter_of(d, m)) };
			break;
		case MEASURE_SUM:
			ret[n++] = sum_column(d, m, m->name);
			break;
		case MEASURE_AVERAGE:
			ret[n++] = sum_column(d, m, arena_format(d->arena,
			    "%s_sum", m->name));
			ret[n++] = (struct column){ arena_format(d->arena,
			    "%s_count", m->name), "bigint", WAY_ADD,
				arena_format(d->arena, "count(s.%s)%s",
				    rollup_quoted(d->arena, m->field->name),
				    filter_of(d, m)) };
			break;
		case MEASURE_MIN:
		case MEASURE_MAX:
			ret[n++] = extreme_column(d, m);
			break;
		case MEASURE_DISTINCT:
			break;
		}
	}
	return n;
}

/* ---- Pieces that are lists of columns. ---- */

/* How a column stands in a list; each begins on a line of its own. */
static const char *
column_in(const struct rollup_draft *d, const char *word, char alias,
    const struct column *c)
{
	struct arena *a = d->arena;
	const char *name = rollup_quoted(a, c->name);
	const char *fold = c->way == WAY_MIN ? "min" :
	    c->way == WAY_MAX ? "max" : "sum";

	if (strcmp(word, "columns") == 0)
		return alias == '\0' ? name : arena_format(a, "%c.%s", alias,
		    name);
	if (strcmp(word, "excluded.columns") == 0)
		return arena_format(a, "excluded.%s", name);
	if (strcmp(word, "typed") == 0)
		return arena_format(a, "%s %s%s", name, c->type,
		    c->way == WAY_ADD ? " not null" : "");
	if (strcmp(word, "plus") == 0)
		return c->plus;
	if (strcmp(word, "plus.named") == 0)
		return arena_format(a, "%s as %s", c->plus, name);
	if (strcmp(word, "minus") == 0)
		return c->way != WAY_ADD ? "null" :
		    arena_format(a, "-%s", c->plus);
	if (strcmp(word, "sums") == 0)
		return arena_format(a, "%s(%c.%s) as %s", fold, alias, name,
		    name);
	if (strcmp(word, "zeros") == 0)
		return c->way != WAY_ADD ? arena_format(a, "%c.%s", alias,
		    name) : arena_format(a, "coalesce(%c.%s, 0)", alias, name);
	if (strcmp(word, "set") == 0)
		return arena_format(a, "%s = excluded.%s", name, name);
	if (strcmp(word, "fresh") == 0)
		return c->way == WAY_ADD ? arena_format(a, "d.%s", name) :
		    arena_format(a, "case when d.recount then f.%s else d.%s "
			"end", name, name);
	if (strcmp(word, "merge") == 0)
		return c->way == WAY_ADD ? arena_format(a,
		    "%s = b.%s + excluded.%s", name, name, name) :
		    arena_format(a, "%s = case when excluded.recounted then "
			"excluded.%s\n\t\t\telse %s(b.%s, excluded.%s) end",
			name, name, c->way == WAY_MIN ? "least" : "greatest",
			name, name);
	return NULL;
}

/* Each with a comma before; false: there is no such list. */
static bool
columns_write(const struct rollup_draft *d, const char *word, char alias,
    struct buf *out)
{
	struct column columns[ROLLUP_MEASURES_MAX];
	size_t count = columns_of(d, columns);
	struct column none = { .name = "x", .type = "x", .plus = "x" };

	if (column_in(d, word, alias, &none) == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		buf_format(out, ",\n%s%s", strcmp(word, "typed") == 0 ? "\t" :
		    "\t\t\t", column_in(d, word, alias, &columns[i]));
	return true;
}

/* ---- Keys. ---- */

static void
keys_write(const struct rollup_draft *d, char alias, struct buf *out)
{
	const struct rollup *r = d->rollup;

	for (size_t i = 0; i < r->key_count; i++) {
		if (i > 0)
			buf_string(out, ", ");
		if (alias != '\0')
			buf_format(out, "%c.", alias);
		buf_string(out, rollup_quoted(d->arena, r->keys[i]->name));
	}
}

static const char *
key_type(const struct rollup_draft *d, size_t i)
{
	const struct catalog_column *c = source_column(d, d->rollup->keys[i]);

	return c != NULL ? c->type : "text";
}

static void
key_columns(const struct rollup_draft *d, struct buf *out)
{
	for (size_t i = 0; i < d->rollup->key_count; i++)
		buf_format(out, "\t%s %s not null,\n", rollup_quoted(d->arena,
		    d->rollup->keys[i]->name), key_type(d, i));
}

static void
numbers(const struct rollup_draft *d, size_t more, struct buf *out)
{
	for (size_t i = 0; i < d->rollup->key_count + more; i++)
		buf_format(out, "%s%zu", i > 0 ? ", " : "", i + 1);
}

/* s.account_id = u.account_id and ... */
static void
keys_same(const struct rollup_draft *d, const char *a, const char *b,
    struct buf *out)
{
	for (size_t i = 0; i < d->rollup->key_count; i++) {
		const char *name = rollup_quoted(d->arena,
		    d->rollup->keys[i]->name);

		buf_format(out, "%s%s.%s = %s.%s", i > 0 ? " and " : "", a,
		    name, b, name);
	}
}

/* ---- Times. ---- */

static const char *
bucket_of(const struct rollup_draft *d)
{
	return arena_format(d->arena, "date_bin('%s', s.%s, timestamptz "
	    "'0001-01-01 00:00:00+00')", d->rollup->interval,
	    rollup_quoted(d->arena, d->rollup->time->name));
}

static const char *
ceil_of(const struct rollup_draft *d)
{
	return arena_format(d->arena, "lockstep.rollup_bucket(since - "
	    "interval '1 microsecond',\n\t\t\t\tinterval '%s') + interval "
	    "'%s'", d->rollup->interval, d->rollup->interval);
}

static const char *
floor_of(const struct rollup_draft *d)
{
	return arena_format(d->arena, "lockstep.rollup_bucket(until, interval "
	    "'%s')", d->rollup->interval);
}

/* ---- What readers see. ---- */

/* Rows of the source that are in the bucket of the alias. */
static void
rows_within(const struct rollup_draft *d, const char *alias, struct buf *out)
{
	const char *time = rollup_quoted(d->arena, d->rollup->time->name);

	buf_format(out, "from %s s\n\t\twhere ", source_of(d));
	keys_same(d, "s", alias, out);
	buf_format(out, "\n\t\tand s.%s >= %s.bucket\n\t\tand s.%s < %s.bucket"
	    " + interval '%s'", time, alias, time, alias, d->rollup->interval);
}

static const char *
average_of(const struct rollup_draft *d, const char *sum, const char *count)
{
	return arena_format(d->arena, "round(%s::numeric / nullif(%s, 0), 6)",
	    sum, count);
}

static const char *
named(const struct rollup_draft *d, const char *alias, const char *name,
    const char *behind)
{
	return arena_format(d->arena, "%s.%s", alias, rollup_quoted(d->arena,
	    arena_format(d->arena, "%s%s", name, behind)));
}

static const char *
average_kept(const struct rollup_draft *d, const struct measure *m)
{
	return average_of(d, arena_format(d->arena, "sum(%s)", named(d, "u",
	    m->name, "_sum")), arena_format(d->arena, "sum(%s)", named(d, "u",
	    m->name, "_count")));
}

/* A sum over u, of the type that the column has. */
static void
sum_kept(const struct rollup_draft *d, const struct measure *m,
    const char *behind, const char *type, struct buf *out)
{
	buf_format(out, ",\n\tsum(%s)::%s as %s", named(d, "u", m->name,
	    behind), type, rollup_quoted(d->arena, arena_format(d->arena,
	    "%s%s", m->name, behind)));
}

static void
extreme_kept(const struct rollup_draft *d, const struct measure *m,
    bool whole, struct buf *out)
{
	struct column c = extreme_column(d, m);
	const char *word = measure_word(m->kind);

	if (!whole) {
		buf_format(out, ",\n\tcase when bool_or(u.recount) then (\n"
		    "\t\tselect %s\n\t\t", c.plus);
		rows_within(d, "u", out);
		buf_format(out, ")\n\t\telse %s(%s) end", word, named(d, "u",
		    m->name, ""));
	} else {
		buf_format(out, ",\n\t%s(%s)", word, named(d, "u", m->name,
		    ""));
	}
	buf_format(out, " as %s", rollup_quoted(d->arena, m->name));
}

/* In a bucket: values that some rows have. */
static void
distinct_kept(const struct rollup_draft *d, const struct measure *m,
    struct buf *out)
{
	buf_format(out, ",\n\t(select count(*) from (\n\t\tselect from %s v\n"
	    "\t\twhere ", rollup_name(d, "_values"));
	keys_same(d, "v", "u", out);
	buf_format(out, "\n\t\tand v.bucket = u.bucket and v.measure = '%s'\n"
	    "\t\tgroup by v.value having sum(v.n) > 0) n) as %s", m->name,
	    rollup_quoted(d->arena, m->name));
}

/* In a range: those of whole buckets, and of the rows at its edges. */
static void
distinct_between(const struct rollup_draft *d, const struct measure *m,
    struct buf *out)
{
	const char *time = rollup_quoted(d->arena, d->rollup->time->name);
	const char *column = rollup_quoted(d->arena, m->field->name);

	buf_format(out, ",\n\t(select count(*) from (\n\t\tselect v.value from "
	    "%s v\n\t\twhere ", rollup_name(d, "_values"));
	keys_same(d, "v", "u", out);
	buf_format(out, "\n\t\tand v.measure = '%s'\n\t\tand lockstep."
	    "rollup_is_ready('%s')\n\t\tand v.bucket >= %s\n"
	    "\t\tand v.bucket < %s\n\t\tgroup by v.value having sum(v.n) > 0\n"
	    "\t\tunion\n\t\tselect s.%s::text from %s s\n\t\twhere ", m->name,
	    d->rollup->name, ceil_of(d), floor_of(d), column, source_of(d));
	keys_same(d, "s", "u", out);
	buf_format(out, "\n\t\tand s.%s is not null%s\n\t\tand s.%s >= since "
	    "and s.%s < until\n\t\tand (not lockstep.rollup_is_ready('%s')\n"
	    "\t\t\tor s.%s < %s\n\t\t\tor s.%s >= %s)) n) as %s", column,
	    rollup_and(d, m), time, time, d->rollup->name, time, ceil_of(d),
	    time, floor_of(d), rollup_quoted(d->arena, m->name));
}

/* The measures of u: in a bucket, or in a range. */
static void
kept_columns(const struct rollup_draft *d, bool whole, struct buf *out)
{
	for (size_t i = 0; i < d->rollup->measure_count; i++) {
		const struct measure *m = &d->rollup->measures[i];

		switch (m->kind) {
		case MEASURE_COUNT:
			sum_kept(d, m, "", "bigint", out);
			break;
		case MEASURE_SUM:
			sum_kept(d, m, "", sum_type(d, m->field), out);
			break;
		case MEASURE_AVERAGE:
			sum_kept(d, m, "_sum", sum_type(d, m->field), out);
			sum_kept(d, m, "_count", "bigint", out);
			buf_format(out, ",\n\t%s as %s", average_kept(d, m),
			    rollup_quoted(d->arena, m->name));
			break;
		case MEASURE_MIN:
		case MEASURE_MAX:
			extreme_kept(d, m, whole, out);
			break;
		case MEASURE_DISTINCT:
			(whole ? distinct_between : distinct_kept)(d, m, out);
			break;
		}
	}
}

/* The same of rows s of the source, for an audit. */
static void
figures(const struct rollup_draft *d, struct buf *out)
{
	struct arena *a = d->arena;

	columns_write(d, "plus.named", '\0', out);
	for (size_t i = 0; i < d->rollup->measure_count; i++) {
		const struct measure *m = &d->rollup->measures[i];
		const char *column = m->field == NULL ? "" :
		    rollup_quoted(a, m->field->name);
		const char *name = rollup_quoted(a, m->name);

		if (m->kind == MEASURE_AVERAGE)
			buf_format(out, ",\n\t\t\t%s as %s", average_of(d,
			    arena_format(a, "(sum(s.%s)%s)", column,
				filter_of(d, m)),
			    arena_format(a, "count(s.%s)%s", column,
				filter_of(d, m))), name);
		if (m->kind == MEASURE_DISTINCT)
			buf_format(out, ",\n\t\t\tcount(distinct s.%s::text)%s "
			    "as %s", column, filter_of(d, m), name);
	}
}

static void
between_gives(const struct rollup_draft *d, struct buf *out)
{
	const struct rollup *r = d->rollup;

	for (size_t i = 0; i < r->key_count; i++)
		buf_format(out, "%s %s, ", rollup_quoted(d->arena,
		    r->keys[i]->name), key_type(d, i));
	buf_string(out, "rows bigint");
	for (size_t i = 0; i < r->measure_count; i++) {
		const struct measure *m = &r->measures[i];
		const char *name = rollup_quoted(d->arena, m->name);

		buf_string(out, ",\n\t");
		if (m->kind == MEASURE_AVERAGE)
			buf_format(out, "%s %s, %s bigint, %s numeric",
			    rollup_quoted(d->arena, arena_format(d->arena,
				"%s_sum", m->name)), sum_type(d, m->field),
			    rollup_quoted(d->arena, arena_format(d->arena,
				"%s_count", m->name)), name);
		else if (m->kind == MEASURE_MIN || m->kind == MEASURE_MAX)
			buf_format(out, "%s %s", name,
			    extreme_column(d, m).type);
		else
			buf_format(out, "%s %s", name, m->kind == MEASURE_SUM ?
			    sum_type(d, m->field) : "bigint");
	}
}

/* ---- By name. ---- */

static void
lateral(const struct rollup_draft *d, struct buf *out)
{
	struct column columns[ROLLUP_MEASURES_MAX];
	size_t count = columns_of(d, columns), n = 0;

	if (!rollup_has_extremes(d->rollup))
		return;
	buf_string(out, "\n\t\tcross join lateral (select ");
	for (size_t i = 0; i < count; i++)
		if (columns[i].way != WAY_ADD)
			buf_format(out, "%s%s as %s", n++ > 0 ? ", " : "",
			    columns[i].plus, rollup_quoted(d->arena,
			    columns[i].name));
	buf_string(out, "\n\t\t");
	rows_within(d, "d", out);
	buf_string(out, "\n\t\tand d.recount) f");
}

static void
fields_write(const struct rollup_draft *d, char alias, struct buf *out)
{
	size_t count;
	const struct field *const *fields = rollup_fields(d->arena, d->rollup,
	    &count);

	for (size_t i = 0; i < count; i++) {
		buf_string(out, i > 0 ? ", " : "");
		if (alias != '\0')
			buf_format(out, "%c.", alias);
		buf_string(out, rollup_quoted(d->arena, fields[i]->name));
	}
}

static void
pairs(const struct rollup_draft *d, struct buf *out)
{
	for (size_t i = 0; i < d->rollup->key_count; i++)
		buf_format(out, "%s'%s', v.%s", i > 0 ? ", " : "",
		    d->rollup->keys[i]->name, rollup_quoted(d->arena,
		    d->rollup->keys[i]->name));
}

/* Names that are one word; those of `extremes` only when there are any. */
static bool
word_write(const struct rollup_draft *d, const char *word, struct buf *out)
{
	const struct rollup *r = d->rollup;
	const struct { const char *word, *text; } words[] = {
		{ "name", r->name },
		{ "file", r->file },
		{ "schema", rollup_quoted(d->arena,
		    r->resource->table.schema_name) },
		{ "source", source_of(d) },
		{ "view", rollup_name(d, "") },
		{ "base", rollup_name(d, "_base") },
		{ "delta", rollup_name(d, "_delta") },
		{ "values", rollup_name(d, "_values") },
		{ "time", rollup_quoted(d->arena, r->time->name) },
		{ "interval", r->interval },
		{ "window", r->window_days == 0 ? "null" :
		    arena_format(d->arena, "%u", r->window_days) },
		{ "s.bucket", bucket_of(d) },
		{ "ceil.since", ceil_of(d) },
		{ "floor.until", floor_of(d) },
	}, extremes[] = {
		{ "recount", ", recount" },
		{ "recounted", ", recounted" },
		{ "true", ", true" },
		{ "false.named", ", false as recount" },
		{ "d.flag", ", d.recount" },
		{ "d.recount", ", bool_or(d.recount) as recount" },
		{ "c.recount", ", bool_or(c.recount)" },
		{ "d.recounted", ", d.recount" },
		{ "recount.typed",
		    ",\n\trecount boolean not null default false" },
		{ "recounted.typed",
		    ",\n\trecounted boolean not null default false" },
	};

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i].word, word) == 0) {
			buf_string(out, words[i].text);
			return true;
		}
	for (size_t i = 0; i < countof(extremes); i++)
		if (strcmp(extremes[i].word, word) == 0) {
			if (rollup_has_extremes(r))
				buf_string(out, extremes[i].text);
			return true;
		}
	return false;
}

bool
rollup_piece(const struct rollup_draft *d, const char *name, size_t length,
    struct buf *out)
{
	const char *word = arena_copy(d->arena, name, length);
	char alias = '\0';

	if (word_write(d, word, out))
		return true;
	if (length > 2 && word[1] == '.') {
		alias = word[0];
		word += 2;
	}
	if (strcmp(word, "keys") == 0)
		keys_write(d, alias, out);
	else if (strcmp(word, "fields") == 0)
		fields_write(d, alias, out);
	else if (strcmp(word, "pairs") == 0)
		pairs(d, out);
	else if (strcmp(word, "same") == 0)
		keys_same(d, "v", "s", out);
	else if (strcmp(word, "key.columns") == 0)
		key_columns(d, out);
	else if (strcmp(word, "numbers") == 0)
		numbers(d, 1, out);
	else if (strcmp(word, "key.numbers") == 0)
		numbers(d, 0, out);
	else if (strcmp(word, "view.columns") == 0)
		kept_columns(d, false, out);
	else if (strcmp(word, "between") == 0)
		kept_columns(d, true, out);
	else if (strcmp(word, "between.gives") == 0)
		between_gives(d, out);
	else if (strcmp(word, "figures") == 0)
		figures(d, out);
	else if (strcmp(word, "lateral") == 0)
		lateral(d, out);
	else
		return columns_write(d, word, alias, out);
	return true;
}
