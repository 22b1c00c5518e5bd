/* SPDX-License-Identifier: MIT */
/*
 * "operations" of a resource -> operations.  The five of a table are rows of a
 * table here; every other name is a call of an SQL function.  An operation is
 * read into a local one and added when it is complete, so that the array that
 * everybody points at is only ever appended to.
 */
#include "contract/internal.h"

#include <string.h>

/* An operation while it is read. */
struct making {
	struct loader *ld;
	struct draft *draft;
	struct at at;
	struct operation operation;
	struct intake intake;
};

#define OF(verb) (1u << VERB_##verb)
enum {
	OF_GETS = OF(LIST) | OF(READ),
	OF_WRITES = OF(CREATE) | OF(UPDATE) | OF(DELETE),
	OF_ALL = OF_GETS | OF_WRITES | OF(CALL),
};

/* What an operation may say, and of which verb. */
static const struct said {
	struct member member;
	unsigned verbs;
} members[] = {
	{ { "roles", KIND_TEXTS, true }, OF_ALL },
	{ { "summary", KIND_TEXT, false }, OF_ALL },
	{ { "filter", KIND_TEXTS, false }, OF(LIST) },
	{ { "sort", KIND_TEXTS, false }, OF(LIST) },
	{ { "order", KIND_TEXT, false }, OF(LIST) },
	{ { "limit", KIND_OBJECT, false }, OF(LIST) },
	{ { "search", KIND_TEXTS, false }, OF(LIST) },
	{ { "count", KIND_FLAG, false }, OF(LIST) },
	{ { "related", KIND_OBJECT, false }, OF_GETS },
	{ { "batch", KIND_NUMBER, false }, OF(CREATE) },
	{ { "bulk", KIND_OBJECT, false }, OF(CREATE) },
	{ { "upsert", KIND_TEXTS, false }, OF(CREATE) },
	{ { "match", KIND_TEXT, false }, OF(UPDATE) | OF(DELETE) },
	{ { "method", KIND_TEXT, true }, OF(CALL) },
	{ { "path", KIND_TEXT, true }, OF(CALL) },
	{ { "call", KIND_TEXT, true }, OF(CALL) },
	{ { "body", KIND_TEXT, false }, OF(CALL) },
	{ { "query", KIND_TEXT, false }, OF(CALL) },
	{ { "returns", KIND_TEXT, false }, OF(CALL) },
	{ { "status", KIND_NUMBER, false }, OF(CALL) },
	{ { "told_as", KIND_TEXT, false }, OF(CALL) },
	{ { "errors", KIND_OBJECT, false }, OF(CALL) },
	{ { "idempotency", KIND_TEXT, false }, OF_WRITES | OF(CALL) },
	{ { "replica", KIND_FLAG, false }, OF_GETS | OF(CALL) },
	{ { "cache", KIND_TEXT, false }, OF_GETS | OF(CALL) },
	{ { "rate", KIND_TEXT, false }, OF_ALL },
	{ { "pressure", KIND_TEXT, false }, OF_WRITES | OF(CALL) },
};

static const struct standard {
	const char *name;
	enum verb verb;
	enum method method;
	bool one;		/* the path ends with the key */
	int status;
} standards[] = {
	{ "list", VERB_LIST, METHOD_GET, false, 200 },
	{ "read", VERB_READ, METHOD_GET, true, 200 },
	{ "create", VERB_CREATE, METHOD_POST, false, 201 },
	{ "update", VERB_UPDATE, METHOD_PATCH, true, 200 },
	{ "delete", VERB_DELETE, METHOD_DELETE, true, 200 },
};

/* "update and delete": the verbs in words. */
static const char *
verb_words(struct making *m, unsigned verbs)
{
	const char *text = "";

	for (size_t i = 0; i < countof(standards); i++) {
		unsigned bit = 1u << standards[i].verb;

		if ((verbs & bit) == 0)
			continue;
		verbs &= ~bit;
		text = arena_format(m->ld->scratch, "%s%s%s", text,
		    *text == '\0' ? "" : verbs == 0 ? " and " : ", ",
		    standards[i].name);
	}
	if (verbs != 0)
		text = arena_format(m->ld->scratch, "%s%s", text,
		    *text == '\0' ? "calls" : " and calls");
	return text;
}

/* A member of another verb is told which that is. */
static void
said_check(struct making *m)
{
	struct member own[countof(members)];
	enum verb verb = m->operation.verb;
	size_t count = 0;

	for (size_t i = 0; i < countof(members); i++) {
		const struct said *s = &members[i];
		bool fits = (s->verbs & 1u << verb) != 0;

		if (!fits && !json_object_object_get_ex(m->at.object,
			s->member.name, NULL))
			continue;
		own[count] = s->member;
		own[count++].required &= fits;
		if (!fits)
			fault_name(m->ld, &m->at, s->member.name, "\"%s\" "
			    "goes with %s, not with %s", s->member.name,
			    verb_words(m, s->verbs), verb_words(m, 1u << verb));
	}
	members_check(m->ld, &m->at, own, count);
}

static void
roles_load(struct making *m)
{
	const struct contract_about *about = &m->ld->contract->about;
	struct operation *op = &m->operation;

	op->roles = member_texts(m->ld, &m->at, "roles", &op->role_count);
	if (op->roles == NULL || !m->ld->roles_known)
		return;
	if (op->role_count == 0)
		fault_value(m->ld, &m->at, "roles", "\"roles\" is empty, so "
		    "nobody may do this; name a role or drop the operation");
	for (size_t i = 0; i < op->role_count; i++) {
		size_t j = 0;

		while (j < about->role_count &&
		    strcmp(op->roles[i], about->roles[j]) != 0)
			j++;
		if (j == about->role_count)
			fault_item(m->ld, &m->at, "roles", i, "role \"%s\" is "
			    "not in \"roles\" of api.json%s", op->roles[i],
			    hint(m->ld, op->roles[i], about->roles,
				about->role_count));
	}
}

/* ---- list ---- */

static const char *const reserved[] = { "select", "order", "limit", "after",
	"search", "and", "or" };

/* The field that an item of "filter" or "sort" names; NULL = reported. */
static struct field *
field_named(struct making *m, const char *member, size_t index,
    const char *name)
{
	struct draft *d = m->draft;
	struct field *f = (struct field *)field_find(d->fields, d->field_count,
	    name, strlen(name));

	if (f == NULL)
		fault_item(m->ld, &m->at, member, index, "\"%s\" names \"%s\", "
		    "which is not a property of \"%s\"%s", member, name,
		    d->resource->schema_file, hint(m->ld, name,
			field_names(m->ld, d->fields, d->field_count),
			d->field_count));
	else if (f->write_only)
		fault_item(m->ld, &m->at, member, index, "\"%s\" names \"%s\", "
		    "which is writeOnly: it would leak", member, name);
	else if (!field_is_scalar(f))
		fault_item(m->ld, &m->at, member, index, "\"%s\" names \"%s\", "
		    "which must have the \"type\" string, integer, number or "
		    "boolean", member, name);
	else
		return f;
	return NULL;
}

static void
filters_load(struct making *m)
{
	size_t count;
	const char *const *names = member_texts(m->ld, &m->at, "filter",
	    &count);

	for (size_t i = 0; i < count; i++) {
		struct field *f;

		if (path_load(m->ld, &m->at, m->draft, &m->operation, i,
			names[i]))
			continue;
		f = field_named(m, "filter", i, names[i]);
		for (size_t j = 0; j < countof(reserved); j++)
			if (strcmp(reserved[j], names[i]) == 0)
				fault_item(m->ld, &m->at, "filter", i, "\"%s\" "
				    "is a parameter of every list; it cannot "
				    "be a filter", names[i]);
		if (f != NULL)
			f->filterable = true;
	}
}

/*
 * Values of sort fields travel in cursors, so texts without a bound would end
 * a list early.  Formats but "uri" are bounded by what they are.
 */
static bool
fits_cursor(const struct draft *d, const struct field *field)
{
	struct json_object *length = NULL;
	struct schema_property p;

	if ((field->types & TYPE_STRING) == 0 || field->enumerated)
		return true;
	for (size_t i = 0; schema_property(d->whole, i, &p); i++)
		if (strcmp(p.name, field->name) == 0 &&
		    json_object_object_get_ex(p.source, "maxLength", &length))
			return json_object_get_int64(length) <=
			    CURSOR_TEXT_MAX;
	return field->format != NULL && strcmp(field->format, "uri") != 0;
}

static void
sorts_load(struct making *m)
{
	size_t count;
	const char *const *names = member_texts(m->ld, &m->at, "sort",
	    &count);

	for (size_t i = 0; i < count; i++) {
		struct field *f = field_named(m, "sort", i, names[i]);

		if (f == NULL)
			continue;
		f->sortable = true;
		if (!fits_cursor(m->draft, f))
			fault_item(m->ld, &m->at, "sort", i, "\"sort\" names "
			    "\"%s\", whose \"maxLength\" must be at most %d: "
			    "its values are part of the cursor", names[i],
			    CURSOR_TEXT_MAX);
	}
}

static bool
is_key(const struct resource *r, const struct field *f)
{
	for (size_t i = 0; i < r->key_count; i++)
		if (r->keys[i] == f)
			return true;
	return false;
}

/* One field of the default order; false = reported. */
static bool
order_item(struct making *m, const char *item, struct sort *order,
    size_t count)
{
	const struct draft *d = m->draft;
	const char *name = *item == '-' ? item + 1 : item;
	const struct field *f = field_find(d->fields, d->field_count, name,
	    strlen(name));

	if (f == NULL || (!f->sortable && !is_key(d->resource, f))) {
		fault_value(m->ld, &m->at, "order", "\"order\" names \"%s\", "
		    "which is not in \"sort\"", name);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (order[i].field == f) {
			fault_value(m->ld, &m->at, "order",
			    "\"order\" names \"%s\" twice", name);
			return false;
		}
	order[count] = (struct sort){ f, *item == '-' };
	return true;
}

static void
order_load(struct making *m)
{
	const char *text = member_text(m->ld, &m->at, "order");
	struct sort *order = arena_alloc(m->ld->arena,
	    (LIST_ORDER_MAX + 1) * sizeof(*order));
	size_t count = 0;
	char *rest, *item;

	rest = text != NULL ? arena_string(m->ld->scratch, text) : NULL;
	while ((item = strsep(&rest, ",")) != NULL) {
		if (count == order_most(m->draft->resource)) {
			fault_value(m->ld, &m->at, "order", "\"order\" has "
			    "more than %zu fields",
			    order_most(m->draft->resource));
			break;
		}
		count += order_item(m, item, order, count);
	}
	m->operation.order_count = order_finish(order, count,
	    m->draft->resource);
	m->operation.order = order;
}

static void
list_load(struct making *m)
{
	struct operation *op = &m->operation;

	op->limit_default = m->ld->contract->limit_default;
	op->limit_max = m->ld->contract->limit_max;
	limit_load(m->ld, &m->at, &op->limit_default, &op->limit_max);
	if (m->draft->whole == NULL || m->draft->resource->key == NULL)
		return;
	filters_load(m);
	sorts_load(m);
	order_load(m);
}

/* ---- the five ---- */

static void
body_load(struct making *m, enum variant variant)
{
	struct draft *d = m->draft;

	if (d->whole == NULL)
		return;
	m->operation.body_file = d->resource->schema_file;
	m->operation.body = schema_compile(m->ld->contract->schemas,
	    d->resource->schema_file, variant, &m->ld->faults);
}

static void
standard_load(struct making *m, const struct standard *s)
{
	struct operation *op = &m->operation;
	struct draft *d = m->draft;
	const struct resource *r = d->resource;

	op->verb = s->verb;
	said_check(m);
	op->method = s->method;
	op->status = s->status;
	if (!json_object_object_get_ex(d->at.object, "table", NULL))
		fault_place(m->ld, m->at.source->file, m->at.line,
		    m->at.column, "%sneeds a table; add \"table\" to the "
		    "resource, like \"app.letters\"", m->at.what);
	if (s->verb == VERB_LIST)
		list_load(m);
	if (s->verb == VERB_CREATE)
		body_load(m, VARIANT_CREATE);
	if (s->verb == VERB_UPDATE)
		body_load(m, VARIANT_UPDATE);
	if (s->verb != VERB_DELETE) {
		m->intake.returned = d->returned;
		m->intake.returned_count = d->returned_count;
	}
	if (r->path == NULL || (s->one && r->key == NULL))
		return;
	op->pattern = r->path;
	for (size_t i = 0; s->one && i < r->key_count; i++)
		op->pattern = arena_format(m->ld->arena, "%s/{%s}",
		    op->pattern, r->keys[i]->name);
}

/* ---- calls ---- */

static void
method_load(struct making *m)
{
	static const enum method taken[] = { METHOD_GET, METHOD_POST,
		METHOD_PUT, METHOD_PATCH, METHOD_DELETE };
	const char *word = member_text(m->ld, &m->at, "method");

	if (word == NULL)
		return;
	for (size_t i = 0; i < countof(taken); i++)
		if (strcmp(word, method_name(taken[i])) == 0) {
			m->operation.method = taken[i];
			return;
		}
	fault_value(m->ld, &m->at, "method", "\"method\" must be GET, POST, "
	    "PUT, PATCH or DELETE");
}

static void
status_load(struct making *m)
{
	int64_t status = 200;

	(void)member_number(&m->at, "status", &status);
	if (status < 200 || status > 202)
		fault_value(m->ld, &m->at, "status",
		    "\"status\" must be 200, 201 or 202");
	m->operation.status = (int)status;
}

/* A file and events are of a GET; a file has no other data. */
static void
told_as_load(struct making *m)
{
	const char *word = member_text(m->ld, &m->at, "told_as");
	struct operation *op = &m->operation;

	if (word == NULL)
		return;
	if (strcmp(word, "file") == 0)
		op->told_as = TOLD_FILE;
	else if (strcmp(word, "events") == 0)
		op->told_as = TOLD_EVENTS;
	else
		fault_value(m->ld, &m->at, "told_as", "\"told_as\" must be "
		    "\"file\" or \"events\"");
	if (op->method != METHOD_GET && op->method != METHOD_OTHER)
		fault_value(m->ld, &m->at, "told_as", "\"told_as\" goes with "
		    "GET, not with %s", method_name(op->method));
	if (op->told_as == TOLD_FILE && op->returns_file != NULL)
		fault_name(m->ld, &m->at, "returns", "a file is all that is "
		    "told; drop \"returns\"");
	if (op->told_as == TOLD_EVENTS && (op->returns_file == NULL ||
	    op->returns_array))
		fault_value(m->ld, &m->at, "told_as", "events tell a row; add "
		    "\"returns\", the schema of an object");
}

/* The body or the query; its members become arguments. */
static const struct schema *
sent_load(struct making *m, const char *member, enum variant variant,
    const char **ret_file)
{
	const struct schema *schema = file_load(m->ld, &m->at, member, variant,
	    ret_file);

	if (schema == NULL || schema_types(schema) == TYPE_OBJECT)
		return schema;
	fault_value(m->ld, &m->at, member, "\"%s\" must be the schema of an "
	    "object: its members become arguments", *ret_file);
	return NULL;
}

static void
query_check(struct making *m, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!field_is_scalar(&fields[i]))
			fault_value(m->ld, &m->at, "query", "\"%s\" of \"%s\" "
			    "must have the \"type\" string, integer, number or "
			    "boolean: it is a parameter", fields[i].name,
			    m->operation.query_file);
}

/* What a path parameter is judged by. */
static struct field
slot_field(struct making *m, const char *name, const struct field *sent,
    size_t sent_count)
{
	const struct draft *d = m->draft;
	size_t length = strlen(name);
	const struct field *f = field_find(d->fields, d->field_count, name,
	    length);

	if (f == NULL)
		f = field_find(sent, sent_count, name, length);
	if (f == NULL)
		return field_plain(m->ld, name);
	if (!field_is_scalar(f))
		fault_value(m->ld, &m->at, "path", "the parameter {%s} is a "
		    "property without a \"type\" that a path can hold: string, "
		    "integer, number or boolean", name);
	return *f;
}

/* Arguments: those of the path, then what is sent, each name once. */
static void
arguments_load(struct making *m, const struct schema *schema,
    const char *file)
{
	struct loader *ld = m->ld;
	struct operation *op = &m->operation;
	const bool *sent_required = NULL;
	size_t sent_count = 0, path_count = m->intake.path_count, count;
	const struct field *sent = schema == NULL ? NULL : fields_load(ld,
	    schema, file, false, &sent_required, &sent_count);
	struct field *all = arena_alloc(ld->arena,
	    (path_count + sent_count + 1) * sizeof(*all));
	bool *required = arena_alloc(ld->arena,
	    (path_count + sent_count + 1) * sizeof(*required));

	if (op->query_file != NULL)
		query_check(m, sent, sent_count);
	for (count = 0; count < path_count; count++) {
		all[count] = slot_field(m, m->intake.path[count].name, sent,
		    sent_count);
		required[count] = true;
		m->intake.path[count].field = &all[count];
	}
	m->intake.sent_first = count;
	for (size_t i = 0; i < sent_count; i++) {
		if (field_find(all, path_count, sent[i].name,
			strlen(sent[i].name)) != NULL) {
			if (op->query_file != NULL)
				fault_value(ld, &m->at, "query", "\"%s\" is a "
				    "parameter of the path and of the query; "
				    "rename one", sent[i].name);
			continue;
		}
		all[count] = sent[i];
		required[count++] = sent_required[i];
	}
	op->arguments = all;
	op->argument_count = count;
	op->required = m->intake.required = required;
}

static void
returns_load(struct making *m)
{
	struct operation *op = &m->operation;
	const struct schema *schema = file_load(m->ld, &m->at, "returns",
	    VARIANT_WHOLE, &op->returns_file), *row = schema;
	const struct field **returned;
	unsigned types;

	if (schema == NULL)
		return;
	types = schema_types(schema);
	if (types != TYPE_OBJECT && types != TYPE_ARRAY) {
		fault_value(m->ld, &m->at, "returns", "\"%s\" must be the "
		    "schema of an object or an array", op->returns_file);
		return;
	}
	op->returns_array = types == TYPE_ARRAY;
	if (op->returns_array)
		row = schema_items(schema);
	if (row == NULL)
		return;
	op->returns = fields_load(m->ld, row, op->returns_file, true, NULL,
	    &op->return_count);
	returned = arena_alloc(m->ld->arena,
	    (op->return_count + 1) * sizeof(*returned));
	for (size_t i = 0; i < op->return_count; i++)
		returned[i] = &op->returns[i];
	m->intake.returned = returned;
	m->intake.returned_count = op->return_count;
}

static bool
is_sqlstate(const char *key)
{
	return strlen(key) == 5 &&
	    strspn(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5;
}

static bool
takes_body(enum method method)
{
	return method == METHOD_POST || method == METHOD_PUT ||
	    method == METHOD_PATCH;
}

static void
slots_load(struct making *m)
{
	struct intake *in = &m->intake;

	for (size_t i = 0; i < in->course.count; i++)
		if (in->course.segment[i].parameter)
			in->path[in->path_count++] = (struct slot){
				in->course.segment[i].text, i, NULL };
}

/* Cuts the pattern; the path's parameters of the five are the key. */
static void
course_load(struct making *m)
{
	struct operation *op = &m->operation;
	const char *wrong;

	if (op->pattern == NULL)
		return;
	wrong = course_read(m->ld->arena, op->pattern, true,
	    &m->intake.course);
	if (wrong == NULL && m->intake.course.count +
	    m->ld->contract->base.count > HTTP_SEGMENTS_MAX)
		wrong = "is too long with the base";
	if (wrong != NULL) {
		fault_value(m->ld, &m->at, "path", "\"path\" %s", wrong);
		op->pattern = NULL;
		return;
	}
	slots_load(m);
	for (size_t i = 0; op->verb != VERB_CALL && i < m->intake.path_count;
	     i++)
		m->intake.path[i].field = m->draft->resource->keys[i];
}

static void
call_load(struct making *m)
{
	static const struct declaration errors = { "errors", is_sqlstate,
		"an SQLSTATE: 5 characters, 0-9 and A-Z, like LS001", false };
	struct operation *op = &m->operation;
	const struct schema *query = NULL;

	op->verb = VERB_CALL;
	said_check(m);
	op->method = METHOD_OTHER;
	method_load(m);
	status_load(m);
	op->function = relation_load(m->ld, &m->at, "call",
	    "app.send_letter");
	op->pattern = member_text(m->ld, &m->at, "path");
	course_load(m);
	op->body = sent_load(m, "body", VARIANT_BODY, &op->body_file);
	query = sent_load(m, "query", VARIANT_WHOLE, &op->query_file);
	if (op->body_file != NULL && op->method != METHOD_OTHER &&
	    !takes_body(op->method))
		fault_name(m->ld, &m->at, "body", "\"body\" goes with POST, "
		    "PUT or PATCH, not with %s", method_name(op->method));
	if (op->query_file != NULL && op->method != METHOD_OTHER &&
	    op->method != METHOD_GET)
		fault_name(m->ld, &m->at, "query", "\"query\" goes with GET, "
		    "not with %s", method_name(op->method));
	arguments_load(m, op->body != NULL ? op->body : query,
	    op->body != NULL ? op->body_file : op->query_file);
	returns_load(m);
	told_as_load(m);
	op->errors = declared_load(m->ld, &m->at, &errors, m->draft,
	    &op->error_count);
}

/* The sixth, whose query is the list's. */
static void
exported_load(struct making *m)
{
	static const struct declaration errors = { "errors", is_sqlstate,
		"an SQLSTATE: 5 characters, 0-9 and A-Z, like LS001", false };
	struct operation *op = &m->operation;

	op->verb = VERB_CALL;
	op->method = METHOD_POST;
	export_load(m->ld, &m->at, m->draft, op);
	m->intake.required = op->required;
	returns_load(m);
	op->errors = declared_load(m->ld, &m->at, &errors, m->draft,
	    &op->error_count);
	if (m->draft->resource->path == NULL)
		return;
	op->pattern = arena_format(m->ld->arena, "%s/export",
	    m->draft->resource->path);
	course_load(m);
}

/* A name that is none of the five, without any sign of a call. */
static bool
is_stray(struct making *m, const struct at *all, const char *name)
{
	static const char *const names[] = { "list", "read", "create",
		"update", "delete", "export" };

	if (json_object_object_get_ex(m->at.object, "call", NULL) ||
	    json_object_object_get_ex(m->at.object, "method", NULL) ||
	    json_object_object_get_ex(m->at.object, "path", NULL))
		return false;
	fault_name(m->ld, all, name, "operation \"%s\" needs \"call\", "
	    "\"method\" and \"path\"%s", name,
	    hint(m->ld, name, names, countof(names)));
	return true;
}

/* ---- all ---- */

/* Two of the five clash only when their resources do: told there. */
static bool
is_told(const struct operation *a, const struct operation *b)
{
	return a->verb != VERB_CALL && b->verb != VERB_CALL;
}

static void
clash_check(struct making *m)
{
	const struct contract *c = m->ld->contract;
	const struct operation *op = &m->operation;

	for (size_t i = 0; i < c->operation_count; i++) {
		const struct operation *other = &c->operations[i];

		if (op->pattern == NULL || other->pattern == NULL ||
		    op->method == METHOD_OTHER || op->method != other->method ||
		    is_told(op, other) || !course_clash(&m->intake.course,
			&c->intakes[i].course))
			continue;
		fault_value(m->ld, &m->at, "path", "%s %s meets the same "
		    "requests as %s %s of \"%s\"; change a path",
		    method_name(op->method), op->pattern,
		    method_name(other->method), other->pattern, other->name);
	}
}

static void
operation_add(struct making *m)
{
	struct contract *c = m->ld->contract;
	size_t n = c->operation_count;

	m->operation.number = (unsigned)n;
	c->operations = grown(m->ld, c->operations, n, sizeof(*c->operations));
	c->intakes = grown(m->ld, c->intakes, n, sizeof(*c->intakes));
	c->operations[n] = m->operation;
	c->intakes[n] = m->intake;
	c->operation_count = n + 1;
}

void
operation_load(struct loader *ld, struct draft *draft, const struct at *all,
    const char *name)
{
	struct making m = { .ld = ld, .draft = draft };
	const struct standard *s = standards, *end = s + countof(standards);
	const char *what = arena_format(ld->scratch, "operation \"%s\": ",
	    name);

	if (!member_object(all, name, what, &m.at)) {
		fault_value(ld, all, name, "operation \"%s\" must be an "
		    "object", name);
		return;
	}
	while (s < end && strcmp(s->name, name) != 0)
		s++;
	if (s == end && !name_is_word(name))
		fault_name(ld, all, name, "\"%s\" cannot be the name of an "
		    "operation; use a-z, 0-9 and _, a letter first", name);
	if (s == end && !is_export(&m.at, name) && is_stray(&m, all, name))
		return;
	m.operation.resource = draft->resource;
	m.operation.name = arena_format(ld->arena, "%s.%s",
	    draft->resource->name != NULL ? draft->resource->name : "",
	    name);
	m.operation.summary = member_text(ld, &m.at, "summary");
	roles_load(&m);
	if (s < end) {
		standard_load(&m, s);
		course_load(&m);
	} else if (is_export(&m.at, name)) {
		exported_load(&m);
	} else {
		call_load(&m);
	}
	demands_load(ld, &m.at, draft, &m.operation);
	reads_load(ld, &m.at, draft, &m.operation);
	bulk_load(ld, &m.at, draft, &m.operation);
	clash_check(&m);
	operation_add(&m);
}
