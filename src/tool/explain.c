/* SPDX-License-Identifier: MIT */
/*
 * An operation in words, in the order of the corridor: who may and how often,
 * what is judged, which statement runs, which errors are its own.
 */
#include "tool/tool.h"

#include <string.h>

#include "base/buf.h"
#include "store/store.h"

static void
explain_who(const struct contract *contract, const struct operation *op,
    FILE *out)
{
	const char *anonymous = contract_about(contract)->anonymous;

	fprintf(out, "identify  roles:");
	for (size_t i = 0; i < op->role_count; i++)
		fprintf(out, " %s%s", op->roles[i],
		    anonymous != NULL && strcmp(anonymous, op->roles[i]) == 0
			? " (no token needed)" : "");
	fputc('\n', out);
}

static void
explain_fields(const char *title, const struct field *fields, size_t count,
    bool (*wanted)(const struct field *), FILE *out)
{
	fprintf(out, "          %s:", title);
	for (size_t i = 0; i < count; i++)
		if (wanted == NULL || wanted(&fields[i]))
			fprintf(out, " %s", fields[i].name);
	fputc('\n', out);
}

static bool
is_filterable(const struct field *f)
{
	return f->filterable;
}

static bool
is_sortable(const struct field *f)
{
	return f->sortable;
}

static bool
is_created(const struct field *f)
{
	return !f->read_only;
}

static bool
is_updated(const struct field *f)
{
	return !f->read_only && !f->create_only;
}

static void
explain_list(const struct operation *op, FILE *out)
{
	const struct resource *r = op->resource;

	explain_fields("filter", r->fields, r->field_count, is_filterable,
	    out);
	if (op->path_count > 0)
		explain_fields("in json", op->paths, op->path_count, NULL,
		    out);
	explain_fields("sort", r->fields, r->field_count, is_sortable, out);
	fprintf(out, "          order:");
	for (size_t i = 0; i < op->order_count; i++)
		fprintf(out, " %s%s", op->order[i].field->name,
		    op->order[i].descending ? ".desc" : ".asc");
	fprintf(out, "\n          limit: %u by default, at most %u\n",
	    op->limit_default, op->limit_max);
}

static void
explain_names(const char *title, const struct field *const *fields,
    size_t count, FILE *out)
{
	if (count == 0)
		return;
	fprintf(out, "          %s:", title);
	for (size_t i = 0; i < count; i++)
		fprintf(out, " %s", fields[i]->name);
	fputc('\n', out);
}

/* Header fields that are heard, or must be there. */
static void
explain_headers(const struct operation *op, FILE *out)
{
	static const char *const words[] = { [DEMAND_OPTIONAL] = "heard",
		[DEMAND_REQUIRED] = "must be there" };
	bool changes = op->verb == VERB_UPDATE || op->verb == VERB_DELETE;
	enum demand match = changes && op->match == DEMAND_NONE ?
	    DEMAND_OPTIONAL : op->match;

	if (op->idempotency != DEMAND_NONE)
		fprintf(out, "          Idempotency-Key: %s\n",
		    words[op->idempotency]);
	if (match != DEMAND_NONE)
		fprintf(out, "          If-Match: %s\n", words[match]);
	if (op->batch_max > 0)
		fprintf(out, "          array: up to %u rows\n",
		    op->batch_max);
	if (op->bulk != NULL)
		fprintf(out, "          records: up to %u, an array or lines, "
		    "each for itself\n", op->bulk->max);
	if (op->pressure != NULL)
		fprintf(out, "          pressure: of the queue %s\n",
		    op->pressure);
	explain_names("duplicates, by Prefer: resolution", op->upsert,
	    op->upsert_count, out);
	explain_names("search", op->search, op->search_count, out);
	for (size_t i = 0; i < op->related_count; i++)
		fprintf(out, "          related: %s of %s\n",
		    op->related[i].name, op->related[i].resource->name);
	if (op->total)
		fputs("          total: by Prefer: count\n", out);
}

static void
explain_limit(const struct operation *op, FILE *out)
{
	if (op->rate != NULL)
		fprintf(out, "limit     %s: %u in %u s, %u at once\n",
		    op->rate->name, op->rate->count, op->rate->period_s,
		    op->rate->burst);
}

static void
explain_what(const struct operation *op, FILE *out)
{
	const struct resource *r = op->resource;
	const char *body = op->body_file;

	if (op->verb == VERB_CREATE || op->verb == VERB_UPDATE)
		body = r->schema_file;
	fprintf(out, "accept    body: %s\n",
	    body != NULL && op->body != NULL ? body : "none");
	if (op->query_file != NULL)
		fprintf(out, "          query: %s\n", op->query_file);
	if (op->verb == VERB_LIST)
		explain_list(op, out);
	else if (op->verb == VERB_CREATE)
		explain_fields("members", r->fields, r->field_count,
		    is_created, out);
	else if (op->verb == VERB_UPDATE)
		explain_fields("members", r->fields, r->field_count,
		    is_updated, out);
	else if (op->verb == VERB_CALL)
		explain_fields("arguments", op->arguments, op->argument_count,
		    NULL, out);
	explain_headers(op, out);
}

static void
explain_declared(const char *what, const struct declared *d, size_t count,
    FILE *out)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "          %s %s -> %d %s\n", what, d[i].key,
		    d[i].status, d[i].code);
}

static void
explain_run(const struct operation *op, FILE *out)
{
	struct buf sql;

	buf_init(&sql, 1 << 20);
	store_describe(op, &sql);
	fprintf(out, "run       %s\n", sql.length > 0 ? sql.at : "");
	if (op->replica)
		fputs("          on a replica, where there is one\n", out);
	buf_release(&sql);
	explain_declared("SQLSTATE", op->errors, op->error_count, out);
	explain_declared("constraint", op->resource->constraints,
	    op->resource->constraint_count, out);
}

/* What stands in the token's and the operation's place. */
static void
explain_webhook(const struct webhook *w, FILE *out)
{
	fprintf(out, "identify  signature by \"%s\"", w->scheme_name);
	if (w->header != NULL)
		fprintf(out, " in %s", w->header);
	fprintf(out, "; secrets: %s\n          runs as %s\n", w->secret,
	    w->role);
	fprintf(out, "accept    body by %s, id %s\n", w->body_file,
	    w->id_header != NULL ? w->id_header : w->id != NULL ?
	    w->id->text : "as signed");
	fprintf(out, "run       taken once, for the job %s%s%s\n", w->job,
	    w->serial != NULL ? ", in turn by " : "",
	    w->serial != NULL ? w->serial->text : "");
	fputs("envelope  202; 200 for one that was taken before\n", out);
}

void
tool_explain(const struct contract *contract, const struct match *match,
    FILE *out)
{
	const struct operation *op = match->operation;

	fprintf(out, "route     %s: %s %s%s\n", op->name,
	    method_name(op->method), contract_about(contract)->base,
	    op->pattern);
	if (op->summary != NULL)
		fprintf(out, "          %s\n", op->summary);
	for (size_t i = 0; i < match->count; i++)
		fprintf(out, "          {%s} = %s\n", match->name[i],
		    match->value[i]);
	if (op->webhook != NULL) {
		explain_webhook(op->webhook, out);
		explain_limit(op, out);
		return;
	}
	explain_who(contract, op, out);
	explain_limit(op, out);
	explain_what(op, out);
	explain_run(op, out);
	fprintf(out, "envelope  %d%s, Cache-Control: %s\n", op->status,
	    op->verb == VERB_LIST ? " with meta.page" : "",
	    op->cache != NULL ? op->cache : "no-store");
}

void
tool_problem(enum problem p, const struct scope *sc, FILE *out)
{
	const struct problem_kind *kind = problem_kind(p);

	if (p == PROBLEM_DECLARED)
		fprintf(out, "%d %s: %s\n", sc->declared_status,
		    sc->declared_code, sc->declared_message);
	else
		fprintf(out, "%d %s: %s\n", kind->status, kind->code,
		    kind->sentence);
	if (sc->cause != NULL)
		fprintf(out, "  cause: %s\n", sc->cause);
	if (sc->at_known)
		fprintf(out, "  at line %zu, column %zu\n", sc->at_line,
		    sc->at_column);
	for (unsigned i = 0; i < sc->issue_count; i++)
		fprintf(out, "  %s %s %s\n", sc->issues[i].pointer,
		    sc->issues[i].code, sc->issues[i].message);
}
