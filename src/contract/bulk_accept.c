/* SPDX-License-Identifier: MIT */
/*
 * A body of many records -> input.  Each is read, judged and let go before the
 * next, in memory of its own, so that a request costs its text a few times over
 * and never its trees.  What satisfies the schema goes on as a line of compact
 * JSON, with the records that have the same columns, since one statement
 * inserts those; what does not goes on with its issues, and is kept.
 */
#include "contract/internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum {
	RECORD_KEPT_MAX = 16384,	/* bytes of one that is refused */
	RECORD_ISSUES_MAX = 5,		/* told of one that is told; */
	RECORD_ISSUES_LEAST = 1,	/* of others */
	RECOVERS_MAX = 1000,		/* that a request stands for */
	LOOK_EACH = 64,			/* records between looks at the time */
};

/* In the order of bulk.c. */
enum { OPERATION, RELATION, KEY, COLUMNS, COUNTS, RECORDS, INDEXES, LINES,
	REFUSED, REFUSED_LINES, SAID, TEXTS, WHOLE, REASONS, MOST, RECOVERS,
	VALUE_COUNT };

/* Records that name the same members. */
struct shape {
	const bool *named;		/* of the resource's fields */
	struct buf *records, *indexes, *lines;
	size_t count;
	struct shape *next;
};

struct taking {
	struct scope *sc;
	struct scope own;		/* of the record that is judged */
	const struct operation *create;
	const struct resource *resource;
	struct shape *shapes, **last;
	struct shape *usual;		/* of the record before */
	bool *named;			/* of this one */
	struct buf *line;		/* its JSON */
	struct buf *refused, *refused_lines, *said, *texts, *whole;
	size_t index, refused_count;
};

bool
contract_is_bulk(const struct operation *op, const struct request *rq)
{
	size_t at;

	if (op->bulk == NULL || rq->content_type == NULL)
		return false;
	if (media_is_lines(rq->content_type))
		return true;
	at = strspn(rq->body, " \t\r\n");
	return media_is_json(rq->content_type) && rq->body[at] == '[';
}

/* ---- a record that is refused ---- */

static void
put_number(struct buf *b, size_t n)
{
	if (b->length > 0)
		buf_char(b, ',');
	buf_int(b, (int64_t)n);
}

/*
 * The text of a record as a JSON string on a line, as much as is kept.  What is
 * no text, or no text of Postgres, has U+FFFD in its place.
 */
static void
keep_text(struct taking *t, const struct record *record)
{
	size_t length = record->length, at = 0, span;
	bool whole = length <= RECORD_KEPT_MAX;
	struct buf text;

	if (!whole)
		length = RECORD_KEPT_MAX;
	buf_init(&text, 3 * RECORD_KEPT_MAX);
	while (at < length) {
		const char *from = record->text + at;
		const char *nul = memchr(from, '\0', length - at);

		span = text_utf8_span(from, nul != NULL ? (size_t)(nul - from) :
		    length - at);
		buf_add(&text, from, span);
		at += span;
		if (at == length)
			break;
		if (record->length > RECORD_KEPT_MAX && length - at < 4)
			break;		/* a character that was cut */
		buf_string(&text, "\xef\xbf\xbd");
		whole = false;
		at++;
	}
	if (t->texts->length > 0)
		buf_char(t->texts, '\n');
	buf_json(t->texts, text.length > 0 ? text.at : "", text.length);
	buf_string(t->whole, t->whole->length > 0 ? "," : "");
	buf_string(t->whole, whole ? "t" : "f");
	buf_release(&text);
}

/* Why; the issues are those of the record's own scope. */
static void
put_said(struct taking *t, enum problem p, size_t column)
{
	const struct problem_kind *kind = problem_kind(p);
	unsigned most = t->refused_count < BULK_TOLD ? RECORD_ISSUES_MAX :
	    RECORD_ISSUES_LEAST;
	struct buf *b = t->said;

	if (b->length > 0)
		buf_char(b, '\n');
	buf_string(b, "{\"code\":");
	buf_json_string(b, kind->code);
	buf_string(b, ",\"message\":");
	buf_json_string(b, kind->sentence);
	if (column > 0)
		buf_format(b, ",\"column\":%zu", column);
	if (t->own.issue_count > most) {
		scope_issues_rewind(&t->own, most);
		t->own.issues_truncated = true;
	}
	if (t->own.issue_count > 0) {
		buf_char(b, ',');
		scope_issues_write(&t->own, b);
	}
	buf_char(b, '}');
}

static void
refuse(struct taking *t, const struct record *record, enum problem p,
    size_t column)
{
	put_number(t->refused, t->index);
	if (record->line > 0)
		put_number(t->refused_lines, record->line);
	put_said(t, p, column);
	keep_text(t, record);
	t->refused_count++;
}

/* ---- a record that is taken ---- */

static bool
nul_refuse(struct taking *t, const struct field *field)
{
	struct place place = place_of(field->name);

	scope_issue(&t->own, &place, RULE_SYNTAX, &(struct issue_param){
	    "expected", "\"text without NUL\"" }, 1);
	return false;
}

/* A member into the line; false: it cannot be a value of Postgres. */
static bool
put_member(struct taking *t, const struct field *field,
    struct json_object *value)
{
	struct buf *b = t->line;
	size_t begin;
	const char *text, *digits;

	if (b->length > 1)
		buf_char(b, ',');
	buf_string(b, field->name_json);
	begin = b->length;
	json_write(b, value);
	if (b->failed)
		return true;
	text = b->at + begin;
	if (has_nul(text))
		return nul_refuse(t, field);
	if (json_object_is_type(value, json_type_double)) {
		digits = integer_text(t->own.arena, field, text);
		if (digits != text) {
			buf_rewind(b, begin);
			buf_string(b, digits);
		}
	}
	return true;
}

/* The members that are columns, in the order of the schema. */
static bool
put_members(struct taking *t, struct json_object *tree)
{
	const struct resource *rs = t->resource;
	struct json_object *value;
	bool well = true;

	buf_clear(t->line);
	buf_char(t->line, '{');
	for (size_t i = 0; i < rs->field_count; i++) {
		t->named[i] = json_object_object_get_ex(tree,
		    rs->fields[i].name, &value);
		if (t->named[i])
			well &= put_member(t, &rs->fields[i], value);
	}
	buf_char(t->line, '}');
	return well;
}

static bool
has_shape(const struct taking *t, const struct shape *shape)
{
	return memcmp(shape->named, t->named, t->resource->field_count *
	    sizeof(*t->named)) == 0;
}

static struct shape *
shape_of(struct taking *t)
{
	struct arena *arena = t->sc->arena;
	struct shape *s = t->usual;

	if (s != NULL && has_shape(t, s))
		return s;
	for (s = t->shapes; s != NULL; s = s->next)
		if (has_shape(t, s))
			return t->usual = s;
	s = arena_alloc(arena, sizeof(*s));
	s->named = memcpy(arena_alloc(arena, t->resource->field_count *
	    sizeof(*t->named)), t->named, t->resource->field_count *
	    sizeof(*t->named));
	s->records = buf_growing(arena);
	s->indexes = buf_growing(arena);
	s->lines = buf_growing(arena);
	*t->last = s;
	t->last = &s->next;
	return t->usual = s;
}

static void
take(struct taking *t, const struct record *record)
{
	struct shape *s = shape_of(t);

	if (s->records->length > 0)
		buf_char(s->records, '\n');
	buf_add(s->records, t->line->at, t->line->length);
	put_number(s->indexes, t->index);
	if (record->line > 0)
		put_number(s->lines, record->line);
	s->count++;
}

static void
judge(struct taking *t, const struct record *record,
    struct json_object *tree)
{
	if (schema_judge(t->create->body, &t->own, NULL, tree) &&
	    put_members(t, tree))
		take(t, record);
	else
		refuse(t, record, PROBLEM_VALIDATION_FAILED, 0);
}

/* ---- all records ---- */

static enum problem
malformed(struct taking *t, const struct request *rq, size_t offset)
{
	struct scope *sc = t->sc;

	sc->at_known = true;
	sc->at_offset = offset;
	records_place(rq->body, offset, &sc->at_line, &sc->at_column);
	return PROBLEM_MALFORMED_JSON;
}

/* A line that is no JSON is its own fault; in an array it is the array's. */
static enum problem
record_accept(struct taking *t, const struct request *rq,
    const struct record *record)
{
	struct json_fault fault = { .column = 1 };
	struct json_object *tree;

	scope_init(&t->own, t->own.arena);
	if (json_read(record->text, record->length, &json_caps_wire, &tree,
	    &fault)) {
		judge(t, record, tree);
		json_object_put(tree);
	} else if (record->line > 0) {
		refuse(t, record, PROBLEM_MALFORMED_JSON, fault.column);
	} else {
		return malformed(t, rq, (size_t)(record->text - rq->body) +
		    fault.offset);
	}
	arena_reset(t->own.arena);
	return PROBLEM_NONE;
}

static enum problem
count_refuse(struct taking *t)
{
	bool none = t->index == 0;
	struct issue_param params[] = {
		{ none ? "minimum" : "maximum", none ? "1" : arena_format(
		    t->sc->arena, "%u", t->create->bulk->max) },
		{ "inclusive", "true" },
		{ "origin", "\"array\"" },
	};

	scope_issue(t->sc, NULL, none ? RULE_MIN_ITEMS : RULE_MAX_ITEMS,
	    params, countof(params));
	return PROBLEM_VALIDATION_FAILED;
}

static enum problem
records_accept(struct taking *t, const struct request *rq)
{
	enum records_step step;
	struct record record;
	struct records r;
	enum problem p;

	records_begin(&r, rq->body, rq->body_length,
	    media_is_lines(rq->content_type));
	while ((step = records_next(&r, &record)) == RECORDS_ONE) {
		if (t->index == t->create->bulk->max)
			return count_refuse(t);
		if ((p = record_accept(t, rq, &record)) != PROBLEM_NONE)
			return p;
		t->index++;
		if (t->index % LOOK_EACH == 0 &&
		    clock_left_ms(t->sc->deadline_ns) == 0)
			return scope_fail(t->sc, PROBLEM_TIMEOUT,
			    "the deadline passed while records were judged");
	}
	if (step == RECORDS_BROKEN)
		return malformed(t, rq, r.at);
	return t->index == 0 ? count_refuse(t) : PROBLEM_NONE;
}

/* ---- the query: which kept ones these stand for ---- */

static const char *
ids_read(struct arena *arena, const char *text)
{
	char *rest = arena_string(arena, text), *item;
	size_t count = 0;
	int64_t id;

	while ((item = strsep(&rest, ",")) != NULL)
		if (++count > RECOVERS_MAX ||
		    !text_to_int(item, strlen(item), &id) || id < 1)
			return NULL;
	return arena_format(arena, "{%s}", text);
}

static enum problem
query_accept(struct scope *sc, const struct request *rq, const char **ret)
{
	enum problem p = PROBLEM_NONE;

	for (size_t i = 0; i < rq->parameters; i++) {
		const struct parameter *q = &rq->parameter[i];
		struct place place = place_of(q->name);
		enum rule rule = RULE_SYNTAX;

		if (strcmp(q->name, "recovers") != 0)
			rule = RULE_PARAMETER_UNKNOWN;
		else if (*ret != NULL)
			rule = RULE_PARAMETER_REPEATED;
		else if ((*ret = ids_read(sc->arena, q->value)) != NULL)
			continue;
		scope_issue(sc, &place, rule, &(struct issue_param){ "expected",
		    "\"at most 1000 ids, with commas\"" },
		    rule == RULE_SYNTAX);
		p = PROBLEM_INVALID_QUERY;
	}
	return p;
}

/* ---- the input ---- */

static const char *
braced(struct arena *arena, const struct buf *b)
{
	return arena_format(arena, "{%s}", b->length > 0 ? b->at : "");
}

static const char *
text_of(struct arena *arena, const struct buf *b)
{
	return b->length > 0 ? arena_copy(arena, b->at, b->length) : "";
}

/* "kind,score": names of columns need no escapes within an array. */
static void
put_columns(const struct taking *t, const struct shape *s, struct buf *b)
{
	const char *before = b->length > 0 ? ",\"" : "\"";

	for (size_t i = 0; i < t->resource->field_count; i++) {
		if (!s->named[i])
			continue;
		buf_string(b, before);
		buf_string(b, t->resource->fields[i].name);
		before = ",";
	}
	if (*before == '"' || before[1] == '"')
		buf_string(b, before);
	buf_char(b, '"');
}

static void
shapes_put(struct taking *t, struct value *values)
{
	struct arena *arena = t->sc->arena;
	struct buf *columns = buf_growing(arena), *counts = buf_growing(arena);
	struct buf *records = buf_growing(arena);
	struct buf *indexes = buf_growing(arena), *lines = buf_growing(arena);

	for (struct shape *s = t->shapes; s != NULL; s = s->next) {
		put_columns(t, s, columns);
		put_number(counts, s->count);
		if (s != t->shapes) {
			buf_char(records, '\n');
			buf_char(indexes, ',');
			buf_string(lines, s->lines->length > 0 ? "," : "");
		}
		buf_add(records, s->records->at, s->records->length);
		buf_add(indexes, s->indexes->at, s->indexes->length);
		buf_add(lines, s->lines->at, s->lines->length);
	}
	values[COLUMNS].text = braced(arena, columns);
	values[COUNTS].text = braced(arena, counts);
	values[RECORDS].text = records->length > 0 ? records->at : "";
	values[INDEXES].text = braced(arena, indexes);
	values[LINES].text = lines->length > 0 ? braced(arena, lines) : NULL;
}

static void
values_put(struct taking *t, struct value *values)
{
	const struct bulk *bulk = t->create->bulk;
	struct arena *arena = t->sc->arena;

	for (size_t i = 0; i < VALUE_COUNT; i++)
		values[i].field = &bulk->operation.arguments[i];
	values[OPERATION].text = t->create->name;
	values[RELATION].text = bulk->relation;
	values[KEY].text = bulk->key_names;
	values[REASONS].text = bulk->reasons;
	values[MOST].text = arena_format(arena, "%d", BULK_TOLD);
	shapes_put(t, values);
	values[REFUSED].text = braced(arena, t->refused);
	values[REFUSED_LINES].text = t->refused_lines->length > 0 ?
	    braced(arena, t->refused_lines) : NULL;
	values[SAID].text = text_of(arena, t->said);
	values[TEXTS].text = text_of(arena, t->texts);
	values[WHOLE].text = braced(arena, t->whole);
}

static void
drop_arena(void *arena)
{
	arena_free(arena);
}

static void
taking_init(struct taking *t)
{
	struct arena *arena = t->sc->arena;

	t->last = &t->shapes;
	t->own.arena = arena_new();
	arena_defer(arena, drop_arena, t->own.arena);
	t->resource = t->create->resource;
	t->named = arena_alloc(arena, t->resource->field_count *
	    sizeof(*t->named));
	t->line = buf_growing(arena);
	t->refused = buf_growing(arena);
	t->refused_lines = buf_growing(arena);
	t->said = buf_growing(arena);
	t->texts = buf_growing(arena);
	t->whole = buf_growing(arena);
}

enum problem
bulk_accept(struct scope *sc, const struct operation *create,
    const struct request *rq, struct plan *plan)
{
	struct taking t = { .sc = sc, .create = create };
	struct value *values = arena_alloc(sc->arena,
	    VALUE_COUNT * sizeof(*values));
	enum problem p;

	taking_init(&t);
	if ((p = query_accept(sc, rq, &values[RECOVERS].text)) !=
	    PROBLEM_NONE || (p = records_accept(&t, rq)) != PROBLEM_NONE)
		return p;
	values_put(&t, values);
	plan->values = values;
	plan->value_count = VALUE_COUNT;
	plan->bulk = create->bulk;
	return PROBLEM_NONE;
}
