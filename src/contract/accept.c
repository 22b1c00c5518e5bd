/* SPDX-License-Identifier: MIT */
/*
 * Request + caller -> input, the only maker of one.  The order is that of the
 * cheapest refusal first: role, media type of the reply, preferences, key of a
 * repeat, tag, path, query, body.  Nothing of a request passes into the plan
 * but what was judged; texts by a schema, each bound to a field of the
 * contract.
 */
#include "contract/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* One request while it is accepted. */
struct accepting {
	struct scope *sc;
	const struct operation *op;
	const struct intake *intake, *intakes;	/* its own; all of them */
	const struct request *rq;
	struct plan *plan;
	struct value *values;		/* of the plan, or of the row */
	size_t value_count;
	const struct place *row;	/* of an array; NULL = none was sent */
	struct buf *text;	/* for values as JSON; made when needed */
	bool too_long;		/* once it did not hold one */
};

const struct plan *
input_plan(const struct input *input)
{
	return &input->plan;
}

struct place
place_of(const char *name)
{
	return (struct place){ .name = name, .length = strlen(name) };
}

/* ---- who ---- */

enum problem
role_check(const struct operation *op, const struct caller *caller)
{
	const char *role = caller_role(caller);

	for (size_t i = 0; i < op->role_count; i++)
		if (strcmp(op->roles[i], role) == 0)
			return PROBLEM_NONE;
	return caller_is_anonymous(caller) ? PROBLEM_TOKEN_MISSING :
					     PROBLEM_FORBIDDEN;
}

/* ---- texts ---- */

/* What passed the schema is whole, so %.0f is exact. */
const char *
integer_text(struct arena *arena, const struct field *field, const char *text)
{
	int64_t n;

	if ((field->types & (TYPE_INTEGER | TYPE_NUMBER | TYPE_STRING)) !=
		TYPE_INTEGER ||
	    text_to_int(text, strlen(text), &n))
		return text;
	if (text[strcspn(text, ".eE")] == '\0')
		return text;
	return arena_format(arena, "%.0f", strtod(text, NULL));
}

/* Path parameters that no schema knows: 1 to 255 characters. */
static bool
plain_judge(struct scope *sc, const struct place *at, const char *text)
{
	size_t count = text_count(text, strlen(text));
	bool small = count < 1;

	if (count >= 1 && count <= 255)
		return true;
	scope_issue(sc, at, small ? RULE_MIN_LENGTH : RULE_MAX_LENGTH,
	    &(struct issue_param){ small ? "minimum" : "maximum",
		small ? "1" : "255" }, 1);
	return false;
}

bool
field_judge(struct scope *sc, const struct place *at,
    const struct field *field, const char *text, const char **ret)
{
	if (field->schema == NULL ? !plain_judge(sc, at, text) :
		!schema_judge_text(field->schema, sc, at, text))
		return false;
	*ret = integer_text(sc->arena, field, text);
	return true;
}

static void
drop_buf(void *b)
{
	buf_release(b);
}

/* Compact JSON is never longer than what was read, but for its numbers. */
static const char *
json_text(struct accepting *a, struct json_object *value)
{
	if (a->text == NULL) {
		a->text = arena_alloc(a->sc->arena, sizeof(*a->text));
		buf_init(a->text, 2 * a->rq->body_length + 64);
		arena_defer(a->sc->arena, drop_buf, a->text);
	}
	buf_clear(a->text);
	json_write(a->text, value);
	a->too_long |= a->text->failed;
	return a->text->failed ? NULL :
	    arena_copy(a->sc->arena, a->text->at, a->text->length);
}

/* Is there an escaped NUL in JSON text?  jsonb takes none. */
bool
has_nul(const char *json)
{
	while ((json = strchr(json, '\\')) != NULL) {
		if (strncmp(json, "\\u0000", 6) == 0)
			return true;
		json += 2;
	}
	return false;
}

/*
 * The text of a judged value; *ret_nul is set when it cannot be one in
 * Postgres.  NULL stands for SQL's NULL.
 */
static const char *
value_text(struct accepting *a, const struct field *field,
    struct json_object *value, bool *ret_nul)
{
	const char *text;

	*ret_nul = false;
	switch (json_object_get_type(value)) {
	case json_type_null:
		return NULL;
	case json_type_boolean:
		return json_object_get_boolean(value) ? "true" : "false";
	case json_type_string:
		text = json_object_get_string(value);
		*ret_nul = strlen(text) !=
		    (size_t)json_object_get_string_len(value);
		/* A column of any JSON wants JSON text. */
		if (field->types == 0 ||
		    (field->types & (TYPE_ARRAY | TYPE_OBJECT)) != 0)
			return json_text(a, value);
		return text;
	default:
		if (field->sql_array &&
		    json_object_is_type(value, json_type_array))
			return sql_array_text(a->sc->arena, value, ret_nul);
		text = json_text(a, value);
		if (text == NULL)
			return NULL;
		*ret_nul = has_nul(text);
		return integer_text(a->sc->arena, field, text);
	}
}

static bool
value_add(struct accepting *a, const struct field *field,
    struct json_object *value)
{
	struct place place = { .up = a->row, .name = field->name,
		.length = strlen(field->name) };
	bool nul;
	const char *text = value_text(a, field, value, &nul);

	if (nul) {
		scope_issue(a->sc, &place, RULE_SYNTAX, &(struct issue_param){
		    "expected", "\"text without NUL\"" }, 1);
		return false;
	}
	a->values[a->value_count++] = (struct value){ field, text };
	return true;
}

/* ---- path ---- */

static enum problem
path_accept(struct accepting *a, const struct match *match)
{
	struct value *keys = a->op->verb == VERB_CALL ? NULL :
	    arena_alloc(a->sc->arena, (a->intake->path_count + 1) *
		sizeof(*keys));
	bool valid = true;

	a->plan->keys = keys;
	for (size_t i = 0; i < a->intake->path_count; i++) {
		const struct slot *slot = &a->intake->path[i];
		struct place place = place_of(slot->name);
		struct value v = { slot->field, NULL };

		if (!field_judge(a->sc, &place, slot->field, match->value[i],
			&v.text))
			valid = false;
		else if (a->op->verb == VERB_CALL)
			a->values[a->value_count++] = v;
		else
			keys[i] = v;
	}
	return valid ? PROBLEM_NONE : PROBLEM_VALIDATION_FAILED;
}

/* ---- query ---- */

/* Judges one parameter of a call; false = an issue. */
static bool
parameter_accept(struct accepting *a, const struct parameter *p, bool *seen)
{
	const struct operation *op = a->op;
	size_t first = a->intake->sent_first;
	struct place place = place_of(p->name);
	struct value v = { NULL, NULL };

	if (op->query_file != NULL)
		v.field = field_find(op->arguments + first,
		    op->argument_count - first, p->name, strlen(p->name));
	if (v.field == NULL) {
		scope_issue(a->sc, &place, RULE_PARAMETER_UNKNOWN, NULL, 0);
		return false;
	}
	if (seen[v.field - op->arguments]) {
		scope_issue(a->sc, &place, RULE_PARAMETER_REPEATED, NULL, 0);
		return false;
	}
	seen[v.field - op->arguments] = true;
	if (!field_judge(a->sc, &place, v.field, p->value, &v.text))
		return false;
	a->values[a->value_count++] = v;
	return true;
}

static enum problem
query_accept(struct accepting *a)
{
	const struct operation *op = a->op;
	bool *seen, valid = true;

	if (op->verb == VERB_LIST || op->verb == VERB_READ)
		return list_read(a->sc, a->intake, a->rq, a->plan);
	if (op->export != NULL)
		return export_accept(a->sc, a->intakes, op, a->rq, a->values,
		    &a->value_count);
	seen = arena_alloc(a->sc->arena, op->argument_count + 1);
	for (size_t i = 0; i < a->rq->parameters; i++)
		valid &= parameter_accept(a, &a->rq->parameter[i], seen);
	for (size_t i = a->intake->sent_first;
	     op->query_file != NULL && i < op->argument_count; i++) {
		struct place place = place_of(op->arguments[i].name);

		if (!a->intake->required[i] || seen[i])
			continue;
		scope_issue(a->sc, &place, RULE_REQUIRED, NULL, 0);
		valid = false;
	}
	return valid ? PROBLEM_NONE : PROBLEM_INVALID_QUERY;
}

/* ---- body ---- */

static enum problem
malformed(struct scope *sc, const struct json_fault *fault)
{
	sc->at_known = true;
	sc->at_offset = fault->offset;
	sc->at_line = fault->line;
	sc->at_column = fault->column;
	return PROBLEM_MALFORMED_JSON;
}

static enum problem
body_read(struct accepting *a, struct json_object **ret)
{
	struct json_fault fault = { .line = 1, .column = 1 };
	const struct request *rq = a->rq;
	struct json_object *tree;

	if (rq->content_type == NULL ? rq->body_length > 0 :
		!media_is_json(rq->content_type))
		return PROBLEM_UNSUPPORTED_MEDIA_TYPE;
	if (rq->body_length == 0 ||
	    !json_read(rq->body, rq->body_length, &json_caps_wire, &tree,
		&fault))
		return malformed(a->sc, &fault);
	arena_defer(a->sc->arena, json_drop, tree);
	*ret = tree;
	return PROBLEM_NONE;
}

/* A parameter of the path that the body names too must be the same there. */
static bool
path_agrees(struct accepting *a, struct json_object *tree)
{
	bool agrees = true;

	for (size_t i = 0; i < a->intake->path_count; i++) {
		const struct slot *slot = &a->intake->path[i];
		struct place place = place_of(slot->name);
		struct json_object *value;
		const char *text;
		bool nul;

		if (!json_object_object_get_ex(tree, slot->name, &value))
			continue;
		text = value_text(a, slot->field, value, &nul);
		if (!nul && text != NULL &&
		    strcmp(text, a->values[i].text) == 0)
			continue;
		scope_issue(a->sc, &place, RULE_SYNTAX, &(struct issue_param){
		    "expected", "\"the same as in the path\"" }, 1);
		agrees = false;
	}
	return agrees;
}

/* The members as values, in the order of the fields. */
static bool
members_accept(struct accepting *a, struct json_object *tree)
{
	const struct operation *op = a->op;
	bool call = op->verb == VERB_CALL, valid = true;
	const struct field *fields = call ? op->arguments :
					    op->resource->fields;
	size_t count = call ? op->argument_count : op->resource->field_count;
	struct json_object *value;

	for (size_t i = call ? a->intake->sent_first : 0; i < count; i++)
		if (json_object_object_get_ex(tree, fields[i].name, &value))
			valid &= value_add(a, &fields[i], value);
	return valid && (!call || path_agrees(a, tree));
}

/* A body where none is taken: none, or {} where a client cannot help it. */
static enum problem
body_refuse(struct accepting *a)
{
	struct json_object *tree;
	enum problem p;

	if (a->rq->body_length == 0)
		return PROBLEM_NONE;
	if (a->op->verb == VERB_CALL && a->op->method != METHOD_GET) {
		if ((p = body_read(a, &tree)) != PROBLEM_NONE)
			return p;
		if (json_object_is_type(tree, json_type_object) &&
		    json_object_object_length(tree) == 0)
			return PROBLEM_NONE;
	}
	scope_issue(a->sc, NULL, RULE_FALSE, NULL, 0);
	return PROBLEM_VALIDATION_FAILED;
}

/* ---- a body of rows ---- */

/* How many rows there may be, as issues tell it. */
static bool
rows_fit(struct accepting *a, size_t count)
{
	bool few = count == 0;
	struct issue_param params[] = {
		{ few ? "minimum" : "maximum", few ? "1" : arena_format(
		    a->sc->arena, "%u", a->op->batch_max) },
		{ "inclusive", "true" },
		{ "origin", "\"array\"" },
	};

	if (count >= 1 && count <= a->op->batch_max)
		return true;
	scope_issue(a->sc, NULL, few ? RULE_MIN_ITEMS : RULE_MAX_ITEMS, params,
	    countof(params));
	return false;
}

static bool
row_accept(struct accepting *a, struct json_object *row,
    struct draft_row *ret)
{
	if (!schema_judge(a->op->body, a->sc, a->row, row))
		return false;
	a->values = arena_alloc(a->sc->arena,
	    (size_t)json_object_object_length(row) * sizeof(*a->values) + 1);
	a->value_count = 0;
	if (!members_accept(a, row))
		return false;
	*ret = (struct draft_row){ a->values, a->value_count };
	return true;
}

/*
 * What is merged into rows that are there is said by one statement for all of
 * them: a member that only some name would be set to its default in the others.
 */
static bool
same_members(struct accepting *a, const struct draft_row *first,
    const struct draft_row *row)
{
	size_t i = 0;

	if (first->value_count == row->value_count)
		while (i < row->value_count &&
		    first->values[i].field == row->values[i].field)
			i++;
	if (i == row->value_count && i == first->value_count)
		return true;
	scope_issue(a->sc, a->row, RULE_SYNTAX, &(struct issue_param){
	    "expected", "\"a row of the same members as the first\"" }, 1);
	return false;
}

/* All rows are judged, until there is no room for more issues. */
static bool
rows_accept(struct accepting *a, struct json_object *list)
{
	size_t count = json_object_array_length(list), i;
	struct draft_row *rows;
	bool valid = rows_fit(a, count);

	if (!valid)
		return false;
	rows = arena_alloc(a->sc->arena, count * sizeof(*rows));
	for (i = 0; i < count && !a->sc->issues_truncated; i++) {
		struct place place = { .index = i };

		a->row = &place;
		valid &= row_accept(a, json_object_array_get_idx(list, i),
		    &rows[i]);
		if (valid && a->plan->merge)
			valid = same_members(a, &rows[0], &rows[i]);
	}
	a->row = NULL;
	a->value_count = 0;
	a->plan->rows = rows;
	a->plan->row_count = count;
	a->plan->array = true;
	a->plan->tag = false;
	return valid;
}

static bool
tree_accept(struct accepting *a, struct json_object *tree)
{
	if (a->op->batch_max > 0 && json_object_is_type(tree, json_type_array))
		return rows_accept(a, tree);
	return schema_judge(a->op->body, a->sc, NULL, tree) &&
	    members_accept(a, tree);
}

static size_t
values_max(const struct operation *op)
{
	return op->verb == VERB_CALL ? op->argument_count :
	    op->body != NULL ? op->resource->field_count : 0;
}

/* Without a path, whose parameters a body could contradict. */
bool
contract_judge_body(const struct contract *contract, struct scope *sc,
    const struct operation *op, struct json_object *tree, size_t length)
{
	const struct request rq = { .body_length = length };
	struct intake intake = contract->intakes[op->number];
	struct plan plan = { .operation = op };
	struct accepting a = { .sc = sc, .op = op, .rq = &rq,
		.intake = &intake, .plan = &plan };

	intake.path_count = 0;
	a.values = arena_alloc(sc->arena, values_max(op) * sizeof(*a.values) +
	    1);
	return tree_accept(&a, tree);
}

static enum problem
body_accept(struct accepting *a)
{
	struct json_object *tree;
	enum problem p;

	if (a->op->body == NULL)
		return body_refuse(a);
	if ((p = body_read(a, &tree)) != PROBLEM_NONE)
		return p;
	if (!tree_accept(a, tree))
		return PROBLEM_VALIDATION_FAILED;
	if (a->too_long)
		return scope_fail(a->sc, PROBLEM_INTERNAL,
		    "a body is longer written than read");
	return PROBLEM_NONE;
}

/* ---- jobs ---- */

/* A text of the worker's own: an argument that no schema judges. */
static void
argument_add(struct accepting *a, const struct job_argument *argument)
{
	size_t added = a->op->added_count;
	const struct field *field = field_find(a->op->arguments +
	    (a->op->argument_count - added), added, argument->name,
	    strlen(argument->name));

	if (field != NULL)
		a->values[a->value_count++] = (struct value){ field,
			argument->text };
}

/* Without a schema a job takes no arguments. */
static enum problem
args_accept(struct accepting *a, const char *text)
{
	struct json_fault fault = { .line = 1, .column = 1 };
	struct json_object *tree;

	if (!json_read(text, a->rq->body_length, &json_caps_wire, &tree,
	    &fault))
		return malformed(a->sc, &fault);
	arena_defer(a->sc->arena, json_drop, tree);
	if (a->op->body != NULL)
		return tree_accept(a, tree) ? PROBLEM_NONE :
		    PROBLEM_VALIDATION_FAILED;
	if (json_object_is_type(tree, json_type_object) &&
	    json_object_object_length(tree) == 0)
		return PROBLEM_NONE;
	scope_issue(a->sc, NULL, RULE_FALSE, NULL, 0);
	return PROBLEM_VALIDATION_FAILED;
}

enum problem
contract_accept_job(struct scope *sc, const struct operation *operation,
    const char *args, const struct job_argument *more, size_t more_count,
    const struct input **ret)
{
	const struct request rq = { .body_length = strlen(args) };
	const struct intake intake = { .sent_first = 0 };
	struct input *input = arena_alloc(sc->arena, sizeof(*input));
	struct accepting a = { .sc = sc, .op = operation, .rq = &rq,
		.intake = &intake, .plan = &input->plan };
	enum problem p;

	a.values = arena_alloc(sc->arena, (operation->argument_count + 1) *
	    sizeof(*a.values));
	a.plan->operation = operation;
	a.plan->values = a.values;
	if ((p = args_accept(&a, args)) != PROBLEM_NONE)
		return p;
	for (size_t i = 0; i < more_count; i++)
		argument_add(&a, &more[i]);
	if (a.too_long)
		return scope_fail(sc, PROBLEM_INTERNAL,
		    "arguments are longer written than read");
	a.plan->value_count = a.value_count;
	*ret = input;
	return PROBLEM_NONE;
}

/* ---- all ---- */

enum problem
contract_accept(const struct contract *contract, struct scope *sc,
    const struct match *match, const struct request *rq,
    const struct caller *caller, const struct accept_options *options,
    const struct input **ret)
{
	const struct bulk *bulk = contract_is_bulk(match->operation, rq) ?
	    match->operation->bulk : NULL;
	const struct operation *op = bulk != NULL ? &bulk->operation :
	    match->operation;
	struct input *input = arena_alloc(sc->arena, sizeof(*input));
	struct accepting a = { .sc = sc, .op = op, .rq = rq,
		.intake = &contract->intakes[op->number],
		.intakes = contract->intakes, .plan = &input->plan };
	enum problem p;

	a.plan->operation = op;
	a.plan->select = a.intake->returned;
	a.plan->select_count = a.intake->returned_count;
	a.values = arena_alloc(sc->arena, values_max(op) * sizeof(*a.values));
	a.plan->values = a.values;
	if ((p = role_check(op, caller)) != PROBLEM_NONE ||
	    (op->told_as == TOLD_DATA && (p = media_choose(rq->accept,
	    op->verb == VERB_LIST, &a.plan->media)) != PROBLEM_NONE) ||
	    (p = headers_accept(sc, rq, options, a.plan)) != PROBLEM_NONE)
		return p;
	if (bulk != NULL) {
		*ret = input;
		return bulk_accept(sc, match->operation, rq, a.plan);
	}
	if ((p = path_accept(&a, match)) != PROBLEM_NONE ||
	    (p = query_accept(&a)) != PROBLEM_NONE ||
	    (p = body_accept(&a)) != PROBLEM_NONE)
		return p;
	a.plan->value_count = a.value_count;
	*ret = input;
	return PROBLEM_NONE;
}
