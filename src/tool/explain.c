/* SPDX-License-Identifier: MIT */
/*
 * An operation in words, in the order of the corridor: who may, what is
 * judged, which statement runs, which errors are its own.
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
	explain_fields("sort", r->fields, r->field_count, is_sortable, out);
	fprintf(out, "          order:");
	for (size_t i = 0; i < op->order_count; i++)
		fprintf(out, " %s%s", op->order[i].field->name,
		    op->order[i].descending ? ".desc" : ".asc");
	fprintf(out, "\n          limit: %u by default, at most %u\n",
	    op->limit_default, op->limit_max);
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
	buf_release(&sql);
	explain_declared("SQLSTATE", op->errors, op->error_count, out);
	explain_declared("constraint", op->resource->constraints,
	    op->resource->constraint_count, out);
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
	explain_who(contract, op, out);
	explain_what(op, out);
	explain_run(op, out);
	fprintf(out, "envelope  %d%s\n", op->status,
	    op->verb == VERB_LIST ? " with meta.page" : "");
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
