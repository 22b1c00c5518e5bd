/* SPDX-License-Identifier: MIT */
/*
 * A compiled contract as text, for golden tests and for people: a word, then
 * what it says, two spaces for what belongs to the line above.  The order is
 * that of the files, so that a change of the contract is a change of as few
 * lines.
 */
#include "contract/internal.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	unsigned bit;
	const char *name;
} type_names[] = {
	{ TYPE_STRING, "string" }, { TYPE_INTEGER, "integer" },
	{ TYPE_NUMBER, "number" }, { TYPE_BOOLEAN, "boolean" },
	{ TYPE_ARRAY, "array" }, { TYPE_OBJECT, "object" },
	{ TYPE_NULL, "null" },
};

static void
describe_words(struct buf *out, const char *intro, const char *const *words,
    size_t count)
{
	if (count == 0)
		return;
	buf_string(out, intro);
	for (size_t i = 0; i < count; i++)
		buf_format(out, " %s", words[i]);
	buf_char(out, '\n');
}

static void
describe_names(struct buf *out, const char *intro,
    const struct field *const *fields, size_t count)
{
	if (count == 0)
		return;
	buf_string(out, intro);
	for (size_t i = 0; i < count; i++)
		buf_format(out, " %s", fields[i]->name);
	buf_char(out, '\n');
}

static void
describe_types(struct buf *out, const struct field *f)
{
	const char *before = " ";

	if (f->types == 0)
		buf_string(out, " any");
	for (size_t i = 0; i < countof(type_names); i++)
		if ((f->types & type_names[i].bit) != 0) {
			buf_format(out, "%s%s", before, type_names[i].name);
			before = "|";
		}
	if (f->format != NULL)
		buf_format(out, " (%s)", f->format);
	buf_string(out, f->enumerated ? " enum" : "");
}

static void
describe_field(struct buf *out, const struct field *f)
{
	buf_format(out, "  field %s", f->name);
	describe_types(out, f);
	buf_string(out, f->read_only ? " readOnly" : "");
	buf_string(out, f->write_only ? " writeOnly" : "");
	buf_string(out, f->create_only ? " createOnly" : "");
	buf_string(out, f->filterable ? " filter" : "");
	buf_string(out, f->sortable ? " sort" : "");
	buf_char(out, '\n');
}

static void
describe_declared(struct buf *out, const char *intro,
    const struct declared *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct declared *d = &list[i];

		buf_format(out, "%s %s -> %d %s \"%s\"", intro, d->key,
		    d->status, d->code, d->message);
		for (size_t j = 0; j < d->path_length; j++)
			buf_format(out, "%s%s", j == 0 ? " at /" : "/",
			    d->path[j]);
		buf_char(out, '\n');
	}
}

/* What the body takes; "!" marks what must be there. */
static void
describe_body(struct buf *out, const struct operation *op)
{
	struct schema_property p;

	if (op->body == NULL)
		return;
	buf_format(out, "    body %s:", op->body_file);
	for (size_t i = 0; schema_property(op->body, i, &p); i++)
		buf_format(out, " %s%s", p.name, p.required ? "!" : "");
	buf_char(out, '\n');
}

static void
describe_arguments(struct buf *out, const struct operation *op,
    const struct intake *in)
{
	if (op->verb != VERB_CALL)
		return;
	buf_format(out, "    calls %s\n", op->function.sql);
	if (op->query_file != NULL)
		buf_format(out, "    query %s\n", op->query_file);
	for (size_t i = 0; i < op->argument_count; i++) {
		buf_format(out, "    argument %s", op->arguments[i].name);
		describe_types(out, &op->arguments[i]);
		buf_string(out, i < in->sent_first ? " path" : "");
		buf_string(out, in->required[i] ? " required\n" : "\n");
	}
}

static void
describe_list(struct buf *out, const struct operation *op)
{
	const struct resource *r = op->resource;
	const char *before = "    filter";

	if (op->verb != VERB_LIST)
		return;
	for (size_t i = 0; i < r->field_count; i++)
		if (r->fields[i].filterable) {
			buf_string(out, before);
			buf_format(out, " %s", r->fields[i].name);
			before = "";
		}
	for (size_t i = 0; i < op->path_count; i++) {
		buf_format(out, "%s %s", before, op->paths[i].name);
		before = "";
	}
	buf_string(out, *before == '\0' ? "\n    order" : "    order");
	for (size_t i = 0; i < op->order_count; i++)
		buf_format(out, " %s.%s", op->order[i].field->name,
		    op->order[i].descending ? "desc" : "asc");
	buf_format(out, "\n    limit %u max %u\n", op->limit_default,
	    op->limit_max);
	describe_names(out, "    search", op->search, op->search_count);
	buf_string(out, op->total ? "    count\n" : "");
}

static void
describe_export(struct buf *out, const struct operation *op)
{
	const struct export *ex = op->export;

	if (op->told_as != TOLD_DATA)
		buf_format(out, "    told as %s\n", op->told_as == TOLD_FILE ?
		    "a file" : "events");
	if (ex == NULL)
		return;
	buf_string(out, "    export as");
	for (size_t i = 0; i < ex->format_count; i++)
		buf_format(out, " %s", contract_format(ex->formats[i]));
	buf_format(out, ", kept %u h, %u MiB of a caller, formulas %s, shown at %s\n",
	    ex->keep_hours, ex->keep_mib, ex->formulas ? "kept" : "guarded",
	    ex->shown->path);
	describe_names(out, "    exports", ex->fields, ex->field_count);
}

static void
describe_returns(struct buf *out, const struct operation *op,
    const struct intake *in)
{
	if (op->verb == VERB_CALL && op->returns_file == NULL)
		return;
	if (op->verb == VERB_DELETE)
		return;
	buf_string(out, "    returns");
	if (op->returns_file != NULL)
		buf_format(out, " %s%s", op->returns_file,
		    op->returns_array ? " [rows]" : "");
	buf_char(out, ':');
	for (size_t i = 0; i < in->returned_count; i++)
		buf_format(out, " %s", in->returned[i]->name);
	buf_string(out, in->returned_count == 0 ? " any\n" : "\n");
}

/* Relations, and those of their rows, which are as deep as they nest. */
static void
describe_related(struct buf *out, const struct related *list, size_t count,
    int depth)
{
	for (size_t i = 0; i < count; i++) {
		const struct related *r = &list[i];

		buf_format(out, "%*srelated %s: %s.%s = %s", 2 * depth, "",
		    r->name, r->resource->name, r->theirs->name,
		    r->ours->name);
		if (r->many)
			buf_format(out, ", at most %u", r->limit);
		for (size_t j = 0; r->many && j < r->order_count; j++)
			buf_format(out, " %s.%s", r->order[j].field->name,
			    r->order[j].descending ? "desc" : "asc");
		describe_names(out, ":", r->fields, r->field_count);
		describe_related(out, r->related, r->related_count, depth + 1);
	}
}

static const char *const demand_names[] = {
	[DEMAND_OPTIONAL] = "optional", [DEMAND_REQUIRED] = "required",
};

/* What is said beside what it does. */
static void
describe_demands(struct buf *out, const struct operation *op)
{
	if (op->idempotency != DEMAND_NONE)
		buf_format(out, "    idempotency %s\n",
		    demand_names[op->idempotency]);
	if (op->match != DEMAND_NONE)
		buf_format(out, "    match %s\n", demand_names[op->match]);
	if (op->batch_max > 0)
		buf_format(out, "    batch %u\n", op->batch_max);
	if (op->bulk != NULL) {
		buf_format(out, "    bulk %u\n", op->bulk->max);
		describe_names(out, "    bulk key", op->bulk->key,
		    op->bulk->key_count);
	}
	if (op->pressure != NULL)
		buf_format(out, "    pressure %s\n", op->pressure);
	describe_names(out, "    upsert", op->upsert, op->upsert_count);
	if (op->cache != NULL)
		buf_format(out, "    cache %s\n", op->cache);
	if (op->rate != NULL)
		buf_format(out, "    rate %s\n", op->rate->name);
	buf_string(out, op->replica ? "    replica\n" : "");
}

static void
describe_operation(struct buf *out, const struct contract *c, size_t number)
{
	const struct operation *op = &c->operations[number];
	const struct intake *in = &c->intakes[number];

	buf_format(out, "  operation %u %s: %s %s -> %d\n", op->number,
	    op->name, method_name(op->method), op->pattern, op->status);
	if (op->summary != NULL)
		buf_format(out, "    summary %s\n", op->summary);
	describe_words(out, "    roles", op->roles, op->role_count);
	describe_list(out, op);
	describe_export(out, op);
	describe_body(out, op);
	describe_arguments(out, op, in);
	describe_returns(out, op, in);
	describe_related(out, op->related, op->related_count, 2);
	describe_demands(out, op);
	describe_declared(out, "    error", op->errors, op->error_count);
}

static void
describe_resource(struct buf *out, const struct contract *c,
    const struct resource *r)
{
	buf_format(out, "\nresource %s\n  path %s\n  schema %s\n", r->name,
	    r->path, r->schema_file);
	if (r->table.name != NULL)
		buf_format(out, "  table %s\n", r->table.sql);
	if (r->key != NULL)
		for (size_t i = 0; i < r->key_count; i++)
			buf_format(out, "%s%s%s", i == 0 ? "  key " : ", ",
			    r->keys[i]->name, i + 1 < r->key_count ? "" :
			    "\n");
	if (r->partition.by != NULL)
		buf_format(out, "  partition by %s, %s, %u ahead, keep %u\n",
		    r->partition.by->name, r->partition.period,
		    r->partition.ahead, r->partition.keep);
	for (size_t i = 0; i < r->field_count; i++)
		describe_field(out, &r->fields[i]);
	describe_declared(out, "  constraint", r->constraints,
	    r->constraint_count);
	for (size_t i = 0; i < c->operation_count; i++)
		if (c->operations[i].resource == r)
			describe_operation(out, c, i);
}

static void
describe_call(struct buf *out, const char *intro, const struct operation *op)
{
	if (op == NULL)
		return;
	buf_format(out, "  %s %s(", intro, op->function.sql);
	for (size_t i = 0; i < op->argument_count; i++)
		buf_format(out, "%s%s%s", i == 0 ? "" : ", ",
		    op->arguments[i].name, op->required[i] ? "!" : "");
	buf_string(out, ")\n");
}

/* Keys that follow each other, with the same verdict, as one line. */
static void
describe_errors(struct buf *out, const struct job_kind *k)
{
	const struct job_error *e = k->errors;
	size_t i, j;

	for (i = 0; i < k->error_count; i = j) {
		for (j = i + 1; j < k->error_count &&
		     e[j].permanent == e[i].permanent &&
		     strlen(e[j].key) == 3 && atoi(e[j].key) ==
		     atoi(e[j - 1].key) + 1; j++)
			;
		buf_format(out, "  error %s%s%s -> %s\n", e[i].key,
		    j > i + 1 ? " to " : "", j > i + 1 ? e[j - 1].key : "",
		    e[i].permanent ? "permanent" : "retry");
	}
}

static void
describe_job(struct buf *out, const struct job_kind *k)
{
	buf_format(out, "\njob %u %s: %s, %s, queue %s\n", k->number, k->name,
	    k->type == JOB_SQL ? "sql" : k->type == JOB_HTTP ? "http" :
	    "export", k->leased ? "leased" : "held",
	    k->queue);
	if (k->summary != NULL)
		buf_format(out, "  summary %s\n", k->summary);
	if (k->role != NULL)
		buf_format(out, "  as %s\n", k->role);
	if (k->args_file != NULL)
		buf_format(out, "  args %s\n", k->args_file);
	describe_call(out, "prepares", k->prepare);
	describe_call(out, "calls", &k->call);
	describe_call(out, "failed calls", k->failed);
	describe_call(out, "dead calls", k->dead);
	buf_format(out, "  attempts %u of %u ms, after ", k->attempts,
	    k->timeout_ms);
	for (size_t i = 0; i < k->backoff_step_count; i++)
		buf_format(out, "%s%u", i == 0 ? "" : ", ",
		    k->backoff_steps_ms[i]);
	if (k->backoff_step_count == 0)
		buf_format(out, "%u to %u", k->backoff_base_ms,
		    k->backoff_max_ms);
	buf_string(out, " ms\n");
	if (k->concurrency > 0)
		buf_format(out, "  at once %u\n", k->concurrency);
	if (k->batch > 1)
		buf_format(out, "  batch %u\n", k->batch);
	describe_errors(out, k);
	if (k->schedule != NULL)
		buf_format(out, "  at \"%s\" of %s with %s, missed ones %s\n",
		    k->schedule->text, k->schedule->zone, k->schedule->args,
		    k->schedule->made_up ? "run" : "skipped");
	if (k->url != NULL)
		buf_format(out, "  url %s secret %s returns %s\n", k->url,
		    k->secret != NULL ? k->secret : "none",
		    k->returns_file != NULL ? k->returns_file : "any");
}

/* The trie, as a request walks it. */
static void
describe_node(struct buf *out, const struct node *node, int depth)
{
	for (size_t m = 0; m < METHOD_COUNT; m++)
		if (node->by_method[m] != NULL)
			buf_format(out, "%*s%s -> %s\n", 2 * depth, "",
			    method_name(m), node->by_method[m]->name);
	for (size_t i = 0; i < node->child_count; i++) {
		buf_format(out, "%*s/%s\n", 2 * depth, "",
		    node->children[i]->literal);
		describe_node(out, node->children[i], depth + 1);
	}
	if (node->parameter != NULL) {
		buf_format(out, "%*s/{}\n", 2 * depth, "");
		describe_node(out, node->parameter, depth + 1);
	}
}

/* Pages of other origins, and how often anybody may call. */
static void
describe_callers(struct buf *out, const struct contract_about *a)
{
	describe_words(out, "origins", a->cors.origins, a->cors.origin_count);
	if (a->cors.origin_count > 0)
		buf_format(out, "  %smax age %u s\n",
		    a->cors.credentials ? "credentials, " : "",
		    a->cors.max_age_s);
	for (size_t i = 0; i < a->rate_count; i++)
		buf_format(out, "rate %u %s: %u per %u s, %u at once\n",
		    a->rates[i].number, a->rates[i].name, a->rates[i].count,
		    a->rates[i].period_s, a->rates[i].burst);
}

static void
describe_pointer(struct buf *out, const char *what, const struct pointer *p)
{
	if (p == NULL)
		return;
	buf_format(out, "  %s %s:", what, p->text);
	for (size_t i = 0; i < p->count; i++)
		buf_format(out, " \"%s\"", p->steps[i]);
	buf_char(out, '\n');
}

static void
describe_webhook(struct buf *out, const struct webhook *w)
{
	static const char *const forms[] = { [HOOK_STANDARD] = "standard",
		[HOOK_STAMPED] = "stamped", [HOOK_PLAIN] = "plain" };
	const struct hook_scheme *s = &w->scheme;

	buf_format(out, "\nwebhook %s %s, secret %s, job %s as %s\n", w->name,
	    w->file, w->secret, w->job, w->role);
	buf_format(out, "  %s: %s", w->scheme_name, forms[s->form]);
	if (s->form != HOOK_PLAIN)
		buf_format(out, ", within %u s", s->tolerance_s);
	if (s->form != HOOK_STANDARD)
		buf_format(out, ", %s %s in %s",
		    s->hash == HOOK_SHA512 ? "sha512" : "sha256",
		    s->encoding == HOOK_BASE64 ? "base64" : "hex", w->header);
	if (s->form == HOOK_STAMPED)
		buf_format(out, " behind \"%c\"", s->separator);
	if (s->form == HOOK_PLAIN)
		buf_format(out, " behind \"%s\"", s->prefix);
	buf_format(out, "\n  body %s", w->body_file);
	if (w->limit_bytes > 0)
		buf_format(out, " up to %u", w->limit_bytes);
	if (w->operation.rate != NULL)
		buf_format(out, ", rate %s", w->operation.rate->name);
	buf_char(out, '\n');
	if (w->id_header != NULL)
		buf_format(out, "  id in %s\n", w->id_header);
	describe_pointer(out, "id", w->id);
	describe_pointer(out, "type", w->type);
	describe_pointer(out, "serial", w->serial);
}

static void
describe_message(struct buf *out, const struct message *m)
{
	buf_format(out, "\nmessage %s %s\n  data %s\n", m->name, m->file,
	    m->data_file);
}

static void
describe_expectation(struct buf *out, const struct expectation *e)
{
	buf_format(out, "\nexpectation %s %s\n  check %s as %s, %s (%s)\n",
	    e->name, e->file, e->check, e->role, e->schedule->text,
	    e->schedule->zone);
	buf_format(out, "  definition %s\n", e->definition);
}

void
contract_describe(const struct contract *contract, struct buf *out)
{
	const struct contract_about *a = &contract->about;

	buf_format(out, "contract %s %s\n", a->title, a->version);
	buf_format(out, "base %s\n", *a->base != '\0' ? a->base : "/");
	describe_words(out, "roles", a->roles, a->role_count);
	if (a->anonymous != NULL)
		buf_format(out, "anonymous %s\n", a->anonymous);
	describe_words(out, "server roles", a->server_roles,
	    a->server_role_count);
	describe_words(out, "staff roles", a->staff_roles,
	    a->staff_role_count);
	describe_callers(out, a);
	for (size_t i = 0; i < contract->resource_count; i++)
		describe_resource(out, contract, &contract->resources[i]);
	for (size_t i = 0; i < contract->job_count; i++)
		describe_job(out, &contract->jobs[i]);
	for (size_t i = 0; i < contract->webhook_count; i++)
		describe_webhook(out, &contract->webhooks[i]);
	for (size_t i = 0; i < contract->message_count; i++)
		describe_message(out, &contract->messages[i]);
	for (size_t i = 0; i < contract->expectation_count; i++)
		describe_expectation(out, &contract->expectations[i]);
	buf_string(out, "\nroutes\n");
	describe_node(out, contract->routes, 1);
}
