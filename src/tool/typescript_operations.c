/* SPDX-License-Identifier: MIT */
/*
 * operations/X.ts: a function an operation, with its route, what it takes and
 * the problems that it gives.  Each stands by itself, so that a bundler leaves
 * out what nobody calls.
 */
#include "tool/typescript_operations.h"

#include <ctype.h>
#include <string.h>

enum { COLUMNS = 80 };

static const char *const stream_values[] = { "download", "follow", NULL };
static const char *const client_values[] = { "call", NULL };
static const char *const client_types[] = { "All", "CallOptions", "Client",
	"Counted", "Filter", "Filtered", "FlagFilter", "KeyOption",
	"ListResult", "Many", "MatchDemand", "MatchOption", "NumberFilter",
	"One", "Paged", "Resolution", "Result", "Return", "ReturnOption",
	"RollbackOption", "Route", "Searched", "Select", "Selected",
	"Selecting", "Sorted", "TextFilter", "Told", "TransportProblem",
	"UpsertOption", "Upserted", NULL };
static const char *const problem_types[] = { "Ingested", "Problem", NULL };
static const char *const language[] = { "NonNullable", "Pick", "Promise",
	NULL };
static const char *const suffixes[] = { "Filters", "Input", "ManyInput",
	"Options", "Problem", "Query", "Related" };

const char *
operation_name(const struct operation *op)
{
	const char *dot = strrchr(op->name, '.');

	return dot != NULL ? dot + 1 : op->name;
}

/* A module that exports `then` would be called when it is imported late. */
const char *
operation_camel(struct typescript *ts, const struct operation *op)
{
	const char *name = operation_name(op);

	return strcmp(name, "then") == 0 ? "then_" : typescript_camel(ts, name);
}

const char *
operation_pascal(struct typescript *ts, const struct operation *op)
{
	/* They would be called as types of the client. */
	static const char *const clashing[] = { "call", "transport" };
	char *name = arena_string(ts->arena, typescript_camel(ts,
	    operation_name(op)));

	*name = (char)toupper((unsigned char)*name);
	for (size_t i = 0; i < countof(clashing); i++)
		if (strcmp(clashing[i], operation_name(op)) == 0)
			return arena_format(ts->arena, "%s_", name);
	return name;
}

const char *
operation_variable(struct typescript *ts, const struct operation *op)
{
	return typescript_value_name(ts, operation_camel(ts, op));
}

/* ---- the names of a file ---- */

static size_t
add_names(const char **to, size_t count, const char *const *names)
{
	while (*names != NULL)
		to[count++] = *names++;
	return count;
}

/* All that no component may be called in the file. */
static const char *const *
taken_names(struct typescript *ts, const struct resource *resource)
{
	size_t operation_count, count = 0;
	const struct operation *all = contract_operations(ts->contract,
	    &operation_count);
	const char **names = arena_alloc(ts->arena, (64 + operation_count *
	    countof(suffixes)) * sizeof(*names));

	count = add_names(names, count, client_types);
	count = add_names(names, count, problem_types);
	count = add_names(names, count, language);
	for (size_t i = 0; i < operation_count; i++)
		for (size_t j = 0; j < countof(suffixes) &&
		     all[i].resource == resource; j++)
			names[count++] = arena_format(ts->arena, "%s%s",
			    operation_pascal(ts, &all[i]), suffixes[j]);
	names[count] = NULL;
	return names;
}

/* ---- the route ---- */

static void
write_codes(struct writer *w)
{
	size_t count, column = COLUMNS;
	const struct possible *all = tool_problems(w->ts->contract, w->op,
	    w->ts->arena, &count);

	buf_string(w->out, "  codes: [");
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (strcmp(all[j].code, all[i].code) != 0)
			j++;
		if (j < i)
			continue;
		if (column + strlen(all[i].code) + 4 > COLUMNS) {
			buf_string(w->out, "\n   ");
			column = 3;
		}
		buf_char(w->out, ' ');
		typescript_string(w->out, all[i].code, strlen(all[i].code));
		buf_char(w->out, ',');
		column += strlen(all[i].code) + 4;
	}
	buf_string(w->out, "\n  ],\n");
}

static void
write_route(struct writer *w)
{
	static const char *const methods[METHOD_COUNT] = {
		[METHOD_GET] = "GET", [METHOD_POST] = "POST",
		[METHOD_PUT] = "PUT", [METHOD_PATCH] = "PATCH",
		[METHOD_DELETE] = "DELETE",
	};
	static const char *const kinds[] = {
		[VERB_LIST] = "list", [VERB_READ] = "read",
		[VERB_CREATE] = "create", [VERB_UPDATE] = "update",
		[VERB_DELETE] = "delete", [VERB_CALL] = "call",
	};
	const struct operation *op = w->op;

	buf_format(w->out, "\nconst %sRoute = {\n  name: ", w->camel);
	typescript_string(w->out, op->name, strlen(op->name));
	buf_format(w->out, ",\n  method: '%s',\n  path: ",
	    methods[op->method]);
	typescript_string(w->out, op->pattern, strlen(op->pattern));
	buf_format(w->out, ",\n  kind: '%s',\n", op->export != NULL ?
	    "export" : kinds[op->verb]);
	if (op->idempotency != DEMAND_NONE)
		buf_format(w->out, "  key: '%s',\n", op->idempotency ==
		    DEMAND_REQUIRED ? "required" : "optional");
	write_codes(w);
	buf_string(w->out, "} as const satisfies Route;\n");
	buf_format(w->out, "\nexport type %sProblem =\n"
	    "  | Problem<(typeof %sRoute)['codes'][number]>\n"
	    "  | TransportProblem;\n", w->pascal, w->camel);
}

/* ---- functions ---- */

static void
write_summary(struct writer *w)
{
	typescript_comment(w->out, 0, w->op->summary);
}

/* "export function create", or one that is exported by its name later. */
static void
write_function(struct writer *w)
{
	bool plain = strcmp(w->camel, w->variable) == 0;

	buf_format(w->out, "%sfunction %s", plain ? "export " : "",
	    w->variable);
}

static void
write_body(struct writer *w, const char *input)
{
	buf_format(w->out, "> {\n  return call(client, %sRoute, %s, options);"
	    "\n}\n", w->camel, input);
	if (strcmp(w->camel, w->variable) != 0)
		buf_format(w->out, "export { %s as %s };\n", w->variable,
		    w->camel);
}

static void
write_list(struct writer *w)
{
	write_summary(w);
	write_function(w);
	buf_format(w->out, "<const S extends Select<%s, %sRelated> = All>(\n"
	    "  client: Client,\n"
	    "  query: %sQuery<S> = {},\n"
	    "  options?: CallOptions,\n"
	    "): Promise<ListResult<Selected<%s, %sRelated, S>, %sProblem>",
	    w->row, w->pascal, w->pascal, w->row, w->pascal, w->pascal);
	write_body(w, "query");
}

static void
write_read(struct writer *w)
{
	write_summary(w);
	write_function(w);
	buf_format(w->out, "<const S extends Select<%s, %sRelated> = All>(\n"
	    "  client: Client,\n"
	    "  input: %sInput<S>,\n"
	    "  options?: CallOptions,\n"
	    "): Promise<Result<Selected<%s, %sRelated, S>, %sProblem>",
	    w->row, w->pascal, w->pascal, w->row, w->pascal, w->pascal);
	write_body(w, "input");
}

/* One row, or as many as the array has; each way is a signature. */
/* Of one record the row, of many what came of them. */
static void
write_bulk(struct writer *w)
{
	write_summary(w);
	write_function(w);
	buf_format(w->out, "<R extends Return = 'representation'>(\n"
	    "  client: Client,\n  input: %sInput,\n  options?: %sOptions<R>,\n"
	    "): Promise<Result<Told<%s, R>, %sProblem>>;\n", w->pascal,
	    w->pascal, w->row, w->pascal);
	write_function(w);
	buf_format(w->out, "(\n  client: Client,\n  input: %sManyInput,\n"
	    "  options?: %sOptions<Return>,\n"
	    "): Promise<Result<Ingested, %sProblem>>;\n", w->pascal, w->pascal,
	    w->pascal);
	write_function(w);
	buf_format(w->out, "(\n  client: Client,\n"
	    "  input: %sInput | %sManyInput,\n  options?: %sOptions<Return>,"
	    "\n): Promise<Result<unknown, %sProblem>", w->pascal, w->pascal,
	    w->pascal, w->pascal);
	write_body(w, "input");
}

static void
write_many(struct writer *w, const char *parameters, const char *one,
    const char *arguments)
{
	write_summary(w);
	for (unsigned many = 0; many < 2; many++) {
		write_function(w);
		buf_format(w->out, "<%s>(\n  client: Client,\n"
		    "  input: %s%sInput,\n  options?: %sOptions<%s>,\n"
		    "): Promise<Result<Told<%s%s, R>, %sProblem>>;\n",
		    parameters, w->pascal, many ? "Many" : "", w->pascal,
		    arguments, many ? w->row : one, many ? "[]" : "",
		    w->pascal);
	}
	write_function(w);
	buf_format(w->out, "(\n  client: Client,\n"
	    "  input: %sInput | %sManyInput,\n  options?: %sOptions<Return%s>,"
	    "\n): Promise<Result<unknown, %sProblem>", w->pascal, w->pascal,
	    w->pascal, w->op->upsert_count > 0 ? ", Resolution" : "",
	    w->pascal);
	write_body(w, "input");
}

static void
write_create(struct writer *w)
{
	bool upserts = w->op->upsert_count > 0;
	const char *parameters = upserts ?
	    "\n  R extends Return = 'representation',\n"
	    "  U extends Resolution = never,\n" :
	    "R extends Return = 'representation'";
	const char *arguments = upserts ? "R, U" : "R";
	const char *one = upserts ? arena_format(w->ts->arena,
	    "Upserted<%s, U>", w->row) : w->row;

	if (w->op->bulk != NULL) {
		write_bulk(w);
		return;
	}
	if (w->op->batch_max > 0) {
		write_many(w, parameters, one, arguments);
		return;
	}
	write_summary(w);
	write_function(w);
	buf_format(w->out, "<%s>(\n  client: Client,\n  input: %sInput,\n"
	    "  options?: %sOptions<%s>,\n): Promise<Result<Told<%s, R>, "
	    "%sProblem>", parameters, w->pascal, w->pascal, arguments, one,
	    w->pascal);
	write_body(w, "input");
}

static void
write_update(struct writer *w)
{
	write_summary(w);
	write_function(w);
	buf_format(w->out, "<R extends Return = 'representation'>(\n"
	    "  client: Client,\n  input: %sInput,\n  options%s: %sOptions<R>,\n"
	    "): Promise<Result<Told<%s, R>, %sProblem>", w->pascal,
	    w->op->match == DEMAND_REQUIRED ? "" : "?", w->pascal, w->row,
	    w->pascal);
	write_body(w, "input");
}

static void
write_other(struct writer *w)
{
	write_summary(w);
	write_function(w);
	buf_format(w->out, "(\n  client: Client,\n  input: %sInput%s,\n"
	    "  options%s: %sOptions,\n): Promise<Result<%s, %sProblem>",
	    w->pascal, operation_asks(w->op) ? "" : " = {}",
	    w->op->match == DEMAND_REQUIRED ? "" : "?", w->pascal, w->row,
	    w->pascal);
	write_body(w, "input");
}

/* What the query says is the list's; what is told is how far it is. */
static void
write_export(struct writer *w)
{
	const char *listed = typescript_local(w->ts, typescript_row(w->ts,
	    w->op->resource)->name);

	write_summary(w);
	write_function(w);
	buf_format(w->out, "<const S extends Select<%s, %sRelated> = All>(\n"
	    "  client: Client,\n  query: %sQuery<S> = {},\n"
	    "  options?: %sOptions,\n): Promise<Result<%s, %sProblem>",
	    listed, w->pascal, w->pascal, w->pascal, w->row, w->pascal);
	write_body(w, "query");
}

/* A file, or rows as they change. */
static void
write_streamed(struct writer *w)
{
	bool file = w->op->told_as == TOLD_FILE;

	write_summary(w);
	write_function(w);
	buf_format(w->out, "(\n  client: Client,\n  input: %sInput%s,\n"
	    "  options: %sOptions = {},\n): %s<Result<%s, %sProblem>%s> {\n"
	    "  return %s(client, %sRoute, input, options);\n}\n", w->pascal,
	    operation_asks(w->op) ? "" : " = {}", w->pascal, file ?
	    "Promise" : "AsyncGenerator", file ? "Response" : w->row,
	    w->pascal, file ? "" : ", void", file ? "download" : "follow",
	    w->camel);
	if (strcmp(w->camel, w->variable) != 0)
		buf_format(w->out, "export { %s as %s };\n", w->variable,
		    w->camel);
}

static void
write_operation(struct typescript *ts, const struct operation *op,
    struct buf *out)
{
	static void (*const functions[])(struct writer *) = {
		[VERB_LIST] = write_list, [VERB_READ] = write_read,
		[VERB_CREATE] = write_create, [VERB_UPDATE] = write_update,
		[VERB_DELETE] = write_other, [VERB_CALL] = write_other,
	};
	const struct component *row = typescript_told(ts, op);
	struct writer w = { .ts = ts, .op = op, .out = out };

	w.row = row != NULL ? typescript_local(ts, row->name) : "null";
	w.camel = operation_camel(ts, op);
	w.pascal = operation_pascal(ts, op);
	w.variable = operation_variable(ts, op);
	buf_format(out, "\n// ---- %s\n", op->name);
	operation_inputs(&w);
	write_route(&w);
	buf_char(out, '\n');
	if (op->export != NULL)
		write_export(&w);
	else if (op->told_as != TOLD_DATA)
		write_streamed(&w);
	else
		functions[op->verb](&w);
}

void
typescript_operations(struct typescript *ts, const struct resource *resource,
    struct buf *out)
{
	static const struct typescript_module modules[] = {
		{ "../problems.ts", problem_types, false },
		{ "../runtime/client.ts", client_values, true },
		{ "../runtime/client.ts", client_types, false },
		{ "../runtime/stream.ts", stream_values, true },
	};
	size_t count;
	const struct operation *all = contract_operations(ts->contract,
	    &count);
	struct buf code;

	buf_init(&code, GEN_TEXT_MAX);
	ts->taken = taken_names(ts, resource);
	for (size_t i = 0; i < count; i++)
		if (all[i].resource == resource)
			write_operation(ts, &all[i], &code);
	buf_char(out, '\n');
	typescript_import(ts, &code, modules, countof(modules), out);
	typescript_import_types(ts, &code, "../types.ts", out);
	buf_string(out, code.length > 0 ? code.at : "");
	out->failed |= code.failed;
	buf_release(&code);
	ts->taken = NULL;
}
