/* SPDX-License-Identifier: MIT */
/*
 * "export" of a resource -> an operation that leaves a job, and the kind of job
 * that writes the file.  What a client may ask for is what the resource's list
 * takes but for pages, so an export has a list of its own, made of that one: a
 * request is judged by it when it comes, what was kept of it once more when the
 * job runs, and nothing but judged values gets into the statement.
 */
#include "contract/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEEP_HOURS = 24, KEEP_HIGHEST = 24 * 90,
	KEEP_MIB = 1024, KEEP_MIB_HIGHEST = 1 << 20,
	RUN_TIMEOUT_MS = 3600000,	/* of an attempt */
	ATTEMPTS = 20,
	QUERY_MAX = 256 * 1024,		/* bytes, of what is kept */
	ARGUMENTS = 5,
};

static const char kind_name[] = "lockstep.export";
static const char args_uri[] = "urn:lockstep:schema:export";
static const char args_text[] = "{\"type\":\"object\",\"properties\":{"
    "\"export\":{\"type\":\"string\",\"format\":\"uuid\"}},"
    "\"required\":[\"export\"],\"additionalProperties\":false}";

static const char *const words[] = {
	[MEDIA_JSON] = "json", [MEDIA_NDJSON] = "ndjson", [MEDIA_CSV] = "csv",
};

static const struct member export_members[] = {
	{ "roles", KIND_TEXTS, true },
	{ "summary", KIND_TEXT, false },
	{ "formats", KIND_TEXTS, true },
	{ "fields", KIND_TEXTS, false },
	{ "related", KIND_OBJECT, false },
	{ "formulas", KIND_TEXT, false },
	{ "keep_hours", KIND_NUMBER, false },
	{ "keep_mib", KIND_NUMBER, false },
	{ "returns", KIND_TEXT, true },
	{ "errors", KIND_OBJECT, false },
	{ "idempotency", KIND_TEXT, false },
	{ "pressure", KIND_TEXT, false },
	{ "rate", KIND_TEXT, false },
};

/* Of lockstep.request_export(), in the order of export_accept(). */
static const struct field arguments[ARGUMENTS] = {
#define FIELD(n) { .name = n, .name_json = "\"" n "\":", \
	.name_sql = "\"" n "\"", .types = TYPE_STRING }
	FIELD("operation"), FIELD("query"), FIELD("format"),
	FIELD("keep_hours"), FIELD("keep_mib"),
#undef FIELD
};
static const bool required[ARGUMENTS] = { true, true, true, true, true };

static const struct resource nowhere = { .name = "jobs", .file = "jobs",
	.path = "" };

/* An export, and where it stands. */
struct export_note {
	struct export_note *next;
	size_t operation;		/* its number */
	struct export *export;
	struct at at;
};

const char *
contract_format(enum media media)
{
	return words[media];
}

bool
is_export(const struct at *at, const char *name)
{
	return strcmp(name, "export") == 0 &&
	    !json_object_object_get_ex(at->object, "call", NULL) &&
	    !json_object_object_get_ex(at->object, "method", NULL) &&
	    !json_object_object_get_ex(at->object, "path", NULL);
}

/* ---- What the operation says. ---- */

static bool
format_find(const char *word, enum media *ret)
{
	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (enum media)i;
			return true;
		}
	return false;
}

static void
formats_load(struct loader *ld, const struct at *at, struct export *ex)
{
	size_t count;
	const char *const *names = member_texts(ld, at, "formats", &count);
	enum media *formats = arena_alloc(ld->arena,
	    (count + 1) * sizeof(*formats));

	if (names != NULL && count == 0)
		fault_value(ld, at, "formats", "\"formats\" is empty; name "
		    "csv, ndjson or json");
	for (size_t i = 0; i < count; i++)
		if (format_find(names[i], &formats[ex->format_count]))
			ex->format_count++;
		else
			fault_item(ld, at, "formats", i, "there is no format "
			    "\"%s\"%s", names[i],
			    hint(ld, names[i], words, countof(words)));
	ex->formats = formats;
}

/* Those that the resource tells, or fewer. */
static void
columns_load(struct loader *ld, const struct at *at,
    const struct draft *draft, struct export *ex)
{
	size_t count;
	const char *const *names = member_texts(ld, at, "fields", &count);
	const struct field **fields = arena_alloc(ld->arena,
	    (count + 1) * sizeof(*fields));

	ex->fields = draft->returned;
	ex->field_count = draft->returned_count;
	if (names == NULL || draft->whole == NULL)
		return;
	if (count == 0)
		fault_value(ld, at, "fields", "\"fields\" is empty; name what "
		    "may be told, or drop it for all");
	ex->fields = fields;
	ex->field_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct field *f = field_find(draft->fields,
		    draft->field_count, names[i], strlen(names[i]));

		if (f == NULL)
			fault_item(ld, at, "fields", i, "\"fields\" names "
			    "\"%s\", which is not a property of \"%s\"%s",
			    names[i], draft->resource->schema_file,
			    hint(ld, names[i], field_names(ld, draft->fields,
				draft->field_count), draft->field_count));
		else if (f->write_only)
			fault_item(ld, at, "fields", i, "\"fields\" names "
			    "\"%s\", which is writeOnly: it would leak",
			    names[i]);
		else
			fields[ex->field_count++] = f;
	}
}

static void
rest_load(struct loader *ld, const struct at *at, struct export *ex)
{
	const char *formulas = member_text(ld, at, "formulas");
	int64_t hours = KEEP_HOURS, mib = KEEP_MIB;

	ex->formulas = formulas != NULL;
	if (formulas != NULL && strcmp(formulas, "keep") != 0)
		fault_value(ld, at, "formulas", "\"formulas\" must be "
		    "\"keep\"; without it texts that a spreadsheet would run "
		    "are told as texts");
	if (member_number(at, "keep_hours", &hours) &&
	    (hours < 1 || hours > KEEP_HIGHEST))
		fault_value(ld, at, "keep_hours", "\"keep_hours\" must be from "
		    "1 to %d", KEEP_HIGHEST);
	if (member_number(at, "keep_mib", &mib) &&
	    (mib < 1 || mib > KEEP_MIB_HIGHEST))
		fault_value(ld, at, "keep_mib", "\"keep_mib\" must be from 1 "
		    "to %d", KEEP_MIB_HIGHEST);
	ex->keep_hours = (unsigned)hours;
	ex->keep_mib = (unsigned)mib;
}

static void
note(struct loader *ld, const struct at *at, struct export *ex)
{
	struct export_note *n = arena_alloc(ld->scratch, sizeof(*n));

	*n = (struct export_note){ ld->exports,
		ld->contract->operation_count, ex, *at };
	ld->exports = n;
}

void
export_load(struct loader *ld, const struct at *at,
    const struct draft *draft, struct operation *op)
{
	struct export *ex = arena_alloc(ld->arena, sizeof(*ex));

	members_check(ld, at, export_members, countof(export_members));
	formats_load(ld, at, ex);
	columns_load(ld, at, draft, ex);
	rest_load(ld, at, ex);
	op->status = 202;
	op->function = (struct relation){ "lockstep", "request_export",
		"\"lockstep\".\"request_export\"" };
	op->arguments = arguments;
	op->argument_count = countof(arguments);
	op->required = required;
	op->export = ex;
	note(ld, at, ex);
}

/* ---- What only all resources together tell. ---- */

static const struct operation *
operation_of(const struct contract *c, const struct resource *resource,
    enum verb verb)
{
	for (size_t i = 0; i < c->operation_count; i++)
		if (c->operations[i].resource == resource &&
		    c->operations[i].verb == verb)
			return &c->operations[i];
	return NULL;
}

/* The resource whose rows are what the operation returns, if it can be read. */
static const struct resource *
shown_find(const struct contract *c, const char *file)
{
	for (size_t i = 0; i < c->resource_count; i++)
		if (c->resources[i].schema_file != NULL &&
		    strcmp(c->resources[i].schema_file, file) == 0 &&
		    operation_of(c, &c->resources[i], VERB_READ) != NULL)
			return &c->resources[i];
	return NULL;
}

static void
list_make(struct loader *ld, const struct export_note *n,
    const struct operation *op)
{
	const struct operation *list = operation_of(ld->contract,
	    op->resource, VERB_LIST);
	const struct field *field;

	if (list == NULL) {
		fault_place(ld, n->at.source->file, n->at.line, n->at.column,
		    "%sneeds a \"list\" of the same resource, whose filters "
		    "it takes", n->at.what);
		return;
	}
	field = field_find(op->resource->fields, op->resource->field_count,
	    "format", 6);
	if (field != NULL && field->filterable)
		fault_place(ld, n->at.source->file, n->at.line, n->at.column,
		    "%s\"format\" is a parameter of every export; it cannot "
		    "be a filter of \"list\"", n->at.what);
	n->export->list = *list;
	n->export->list.name = op->name;
	n->export->list.roles = op->roles;
	n->export->list.role_count = op->role_count;
	n->export->list.related = op->related;
	n->export->list.related_count = op->related_count;
	n->export->list.limit_default = 1;
	n->export->list.total = false;
	n->export->list.replica = false;
	n->export->list.export = n->export;
}

static void
shown_make(struct loader *ld, const struct export_note *n,
    const struct operation *op)
{
	if (op->returns_file == NULL)
		return;
	n->export->shown = shown_find(ld->contract, op->returns_file);
	if (n->export->shown == NULL)
		fault_value(ld, &n->at, "returns", "\"%s\" must be the schema "
		    "of a resource with \"read\": there the export is found",
		    op->returns_file);
}

/* Nothing but the job's row is read of it: the worker says the rest. */
static struct operation
call_make(struct loader *ld)
{
	const struct schema *args = schema_compile_text(ld->contract->schemas,
	    args_uri, args_text, &ld->faults);
	const bool *must;
	size_t count;
	const struct field *fields;

	if (args == NULL)
		abort();
	fields = fields_load(ld, args, args_uri, false, &must, &count);
	return (struct operation){ .name = kind_name, .resource = &nowhere,
		.verb = VERB_CALL, .method = METHOD_POST, .pattern = "",
		.body_file = args_uri, .body = args, .arguments = fields,
		.argument_count = count, .required = must, .status = 200,
		.function = { "lockstep", "begin_export",
		    "\"lockstep\".\"begin_export\"" } };
}

static void
kind_make(struct loader *ld)
{
	struct contract *c = ld->contract;
	struct job_kind kind = { .name = kind_name, .file = "api.json",
		.summary = "Write the file of an export.",
		.type = JOB_EXPORT, .queue = "exports", .args_file = args_uri,
		.attempts = ATTEMPTS, .timeout_ms = RUN_TIMEOUT_MS,
		.batch = 1, .backoff_base_ms = 1000,
		.backoff_max_ms = 60000, .leased = true };

	if (contract_job(c, kind_name) != NULL) {
		fault_place(ld, contract_job(c, kind_name)->file, 1, 1,
		    "\"%s\" is the job that writes exports; rename this one",
		    kind_name);
		return;
	}
	kind.call = call_make(ld);
	kind.number = (unsigned)c->job_count;
	c->jobs = grown(ld, c->jobs, c->job_count, sizeof(*c->jobs));
	c->jobs[c->job_count++] = kind;
}

void
exports_make(struct loader *ld)
{
	for (struct export_note *n = ld->exports; n != NULL; n = n->next) {
		const struct operation *op =
		    &ld->contract->operations[n->operation];

		list_make(ld, n, op);
		shown_make(ld, n, op);
	}
	if (ld->exports != NULL)
		kind_make(ld);
}

const struct job_kind *
contract_export_kind(const struct contract *contract)
{
	const struct job_kind *kind = contract_job(contract, kind_name);

	return kind != NULL && kind->type == JOB_EXPORT ? kind : NULL;
}

/* ---- Requests. ---- */

/* The plan of the export's list: all that is told, unless it is chosen. */
static enum problem
list_judge(struct scope *sc, const struct intake *intakes,
    const struct export *ex, const struct request *rq, struct plan *plan)
{
	const struct operation *list = &ex->list;
	struct intake intake = intakes[list->number];
	struct embed *embeds = arena_alloc(sc->arena,
	    (list->related_count + 1) * sizeof(*embeds));

	intake.returned = ex->fields;
	intake.returned_count = ex->field_count;
	for (size_t i = 0; i < list->related_count; i++)
		embeds[i] = (struct embed){ .related = &list->related[i],
			.select = list->related[i].fields,
			.select_count = list->related[i].field_count };
	plan->operation = list;
	plan->select = ex->fields;
	plan->select_count = ex->field_count;
	plan->embeds = embeds;
	plan->embed_count = list->related_count;
	return list_read(sc, &intake, rq, plan);
}

/* Is an order asked for?  Otherwise rows come as they lie. */
static bool
names_order(const struct request *rq)
{
	for (size_t i = 0; i < rq->parameters; i++)
		if (strcmp(rq->parameter[i].name, "order") == 0)
			return true;
	return false;
}

static bool
format_unknown(struct scope *sc, const struct export *ex)
{
	struct place at = place_of("format");
	const char *list = "[";

	for (size_t i = 0; i < ex->format_count; i++)
		list = arena_format(sc->arena, "%s%s\"%s\"", list,
		    i > 0 ? "," : "", words[ex->formats[i]]);
	scope_issue(sc, &at, RULE_ENUM, &(struct issue_param){ "values",
	    arena_format(sc->arena, "%s]", list) }, 1);
	return false;
}

static bool
format_judge(struct scope *sc, const struct export *ex, const char *word,
    enum media *ret)
{
	for (size_t i = 0; i < ex->format_count; i++)
		if (strcmp(words[ex->formats[i]], word) == 0) {
			*ret = ex->formats[i];
			return true;
		}
	return format_unknown(sc, ex);
}

/* Takes "format" out of the parameters; false = an issue. */
static bool
format_take(struct scope *sc, const struct export *ex, struct request *rq,
    enum media *ret)
{
	struct place at = place_of("format");
	size_t kept = 0, seen = 0;
	bool valid = true;

	*ret = ex->formats[0];
	for (size_t i = 0; i < rq->parameters; i++) {
		const struct parameter *p = &rq->parameter[i];

		if (strcmp(p->name, "format") != 0) {
			rq->parameter[kept++] = *p;
			continue;
		}
		if (seen++ > 0) {
			scope_issue(sc, &at, RULE_PARAMETER_REPEATED, NULL, 0);
			valid = false;
		} else {
			valid &= format_judge(sc, ex, p->value, ret);
		}
	}
	rq->parameters = kept;
	return valid;
}

/* [["kind","eq.nps"],...]: what is kept of a query. */
static const char *
query_text(struct scope *sc, const struct request *rq)
{
	const char *text;
	struct buf b;

	buf_init(&b, QUERY_MAX);
	buf_char(&b, '[');
	for (size_t i = 0; i < rq->parameters; i++) {
		buf_string(&b, i > 0 ? ",[" : "[");
		buf_json_string(&b, rq->parameter[i].name);
		buf_char(&b, ',');
		buf_json_string(&b, rq->parameter[i].value);
		buf_char(&b, ']');
	}
	buf_char(&b, ']');
	text = b.failed ? NULL : arena_copy(sc->arena, b.at, b.length);
	buf_release(&b);
	return text;
}

enum problem
export_accept(struct scope *sc, const struct intake *intakes,
    const struct operation *op, const struct request *rq,
    struct value *values, size_t *ret_count)
{
	struct request own = *rq;
	struct plan plan = { 0 };
	enum media format;
	bool valid = format_take(sc, op->export, &own, &format);
	enum problem p = list_judge(sc, intakes, op->export, &own, &plan);
	const char *texts[ARGUMENTS] = { op->name, query_text(sc, &own),
		words[format], arena_format(sc->arena, "%u",
		    op->export->keep_hours), arena_format(sc->arena, "%u",
		    op->export->keep_mib) };

	if (p != PROBLEM_NONE || !valid)
		return p != PROBLEM_NONE ? p : PROBLEM_INVALID_QUERY;
	if (texts[1] == NULL || has_nul(texts[1]))
		return PROBLEM_INVALID_QUERY;
	for (size_t i = 0; i < countof(arguments); i++)
		values[i] = (struct value){ &op->arguments[i], texts[i] };
	*ret_count = countof(arguments);
	return PROBLEM_NONE;
}

/* ---- What was kept of one. ---- */

static const struct operation *
export_find(const struct contract *c, const char *name)
{
	for (size_t i = 0; i < c->operation_count; i++)
		if (c->operations[i].export != NULL &&
		    strcmp(c->operations[i].name, name) == 0)
			return &c->operations[i];
	return NULL;
}

/* A text of a pair, or NULL. */
static const char *
pair_text(struct json_object *pair, size_t index)
{
	struct json_object *item = json_object_is_type(pair, json_type_array) ?
	    json_object_array_get_idx(pair, index) : NULL;

	return json_object_is_type(item, json_type_string) ?
	    json_object_get_string(item) : NULL;
}

static bool
query_read(struct scope *sc, const char *text, struct request *rq)
{
	struct json_fault fault = { .line = 1, .column = 1 };
	struct json_object *tree, *pair;
	size_t count;

	if (!json_read(text, strlen(text), &json_caps_wire, &tree, &fault))
		return false;
	arena_defer(sc->arena, json_drop, tree);
	if (!json_object_is_type(tree, json_type_array))
		return false;
	count = json_object_array_length(tree);
	if (count > HTTP_PARAMETERS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		pair = json_object_array_get_idx(tree, i);
		rq->parameter[i] = (struct parameter){ pair_text(pair, 0),
			pair_text(pair, 1) };
		if (rq->parameter[i].name == NULL ||
		    rq->parameter[i].value == NULL)
			return false;
	}
	rq->parameters = count;
	return true;
}

enum problem
contract_accept_export(const struct contract *contract, struct scope *sc,
    const struct caller *caller, const char *name, const char *query,
    const char *format, const struct input **ret)
{
	const struct operation *op = export_find(contract, name);
	struct request *rq = arena_alloc(sc->arena, sizeof(*rq));
	struct input *input = arena_alloc(sc->arena, sizeof(*input));
	enum problem p;

	if (op == NULL)
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "the contract has no such export");
	if ((p = role_check(op, caller)) != PROBLEM_NONE)
		return p;
	rq->body = rq->query = "";
	if (!query_read(sc, query, rq) ||
	    !format_judge(sc, op->export, format, &input->plan.media))
		return PROBLEM_INVALID_QUERY;
	p = list_judge(sc, contract->intakes, op->export, rq, &input->plan);
	if (p != PROBLEM_NONE)
		return p;
	if (!names_order(rq))
		input->plan.order_count = 0;
	*ret = input;
	return PROBLEM_NONE;
}
