/* SPDX-License-Identifier: MIT */
/*
 * queries/X.ts: options for TanStack Query, a function an operation; what they
 * do to the cache is in runtime/query.ts.  What is known here is which rows a
 * write changes: its resource's, and those of `others`, which tell them.
 */
#include "tool/typescript_operations.h"

#include <string.h>

static const char *const tanstack_types[] = { "QueryClient", NULL };
static const char *const client_types[] = { "All", "Client", "MatchDemand",
	"MatchOption", "Select", NULL };
static const char *const query_values[] = { "acts", "asks", "asksPages",
	"changes", "creates", "deletes", "idOf", "resourceKeys", "updates",
	NULL };
static const char *const query_types[] = { "ChangeGuess", "CreateGuess",
	"DeleteGuess", "Resource", NULL };

/* ---- whose rows a write changes ---- */

static bool
tells_rows_of(const struct related *related, size_t count,
    const struct resource *resource)
{
	for (size_t i = 0; i < count; i++)
		if (related[i].resource == resource || tells_rows_of(
			related[i].related, related[i].related_count,
			resource))
			return true;
	return false;
}

/* Does it tell rows of that resource beside its own? */
static bool
tells_beside(struct typescript *ts, const struct resource *teller,
    const struct resource *resource)
{
	size_t count;
	const struct operation *all = contract_operations(ts->contract,
	    &count);

	for (size_t i = 0; i < count; i++)
		if (all[i].resource == teller && tells_rows_of(all[i].related,
			all[i].related_count, resource))
			return true;
	return false;
}

/*
 * The names of resources whose rows are stale after a write, but for its own:
 * those that tell its rows, and of a call those whose rows it tells.  NULL
 * for none.
 */
static const char *
others(struct writer *w, bool of_call)
{
	const struct operation *op = w->op;
	size_t count;
	const struct resource *all = contract_resources(w->ts->contract,
	    &count);
	const char *text = NULL;

	for (size_t i = 0; i < count; i++) {
		bool told = of_call && strcmp(op->returns_file,
		    all[i].schema_file) == 0;

		if (&all[i] == op->resource || (!told && !tells_beside(w->ts,
			&all[i], op->resource)))
			continue;
		text = arena_format(w->ts->arena, "%s%s'%s'",
		    text != NULL ? text : "", text != NULL ? ", " : "",
		    all[i].name);
	}
	return text;
}

/* What a write is about: `others` are the file's, or the call's own. */
static void
write_place(struct writer *w)
{
	bool call = w->op->verb == VERB_CALL && w->op->returns_file != NULL;
	const char *of_all = others(w, false), *own = others(w, call);

	buf_string(w->out, "{ client, queryClient, resource");
	if (own != NULL && of_all != NULL && strcmp(own, of_all) == 0)
		buf_string(w->out, ", others");
	else if (own != NULL)
		buf_format(w->out, ", others: [%s]", own);
	buf_string(w->out, " }");
}

/* ---- functions ---- */

static void
begin(struct writer *w, const char *name)
{
	buf_char(w->out, '\n');
	typescript_comment(w->out, 0, w->op->summary);
	buf_format(w->out, "export function %sOptions", name);
}

/* "create", as a string of TypeScript. */
static void
write_name(struct writer *w)
{
	typescript_string(w->out, w->camel, strlen(w->camel));
}

/* A list may have a call beside it that is named like its pages. */
static const char *
pages_name(struct writer *w)
{
	size_t count;
	const struct operation *all = contract_operations(w->ts->contract,
	    &count);

	for (size_t i = 0; i < count; i++)
		if (all[i].resource == w->op->resource && strcmp(
			operation_name(&all[i]), "infinite") == 0)
			return "infiniteList";
	return "infinite";
}

static void
write_list(struct writer *w)
{
	static const struct {
		const char *asks, *key, *parameters, *query;
	} ways[] = {
		{ "asks", "list", "options", "query" },
		{ "asksPages", "pages", "after, options",
		    "{ ...query, after }" },
	};

	for (size_t i = 0; i < countof(ways); i++) {
		begin(w, i == 0 ? w->camel : pages_name(w));
		buf_format(w->out, "<\n  const S extends Select<%s, "
		    "operations.%sRelated> = All,\n"
		    ">(client: Client, query: operations.%sQuery<S> = {}) {\n"
		    "  return %s(keys.%s(query), (%s) =>\n"
		    "    operations.%s(client, %s, options));\n}\n", w->row,
		    w->pascal, w->pascal, ways[i].asks, ways[i].key,
		    ways[i].parameters, w->camel, ways[i].query);
	}
}

/* The members of a key as JSON has them: 'a', 'b'. */
static const char *
key_names(const struct writer *w, const char *between)
{
	const struct resource *r = w->op->resource;
	const char *list = "";

	for (size_t i = 0; i < r->key_count; i++)
		list = arena_format(w->ts->arena, "%s%s'%s'", list,
		    i > 0 ? between : "", r->keys[i]->name);
	return list;
}

/* A row that several members name: they are given together. */
static void
write_read_several(struct writer *w)
{
	begin(w, w->camel);
	buf_format(w->out, "<\n  const S extends Select<%s, "
	    "operations.%sRelated> = All,\n"
	    ">(\n  client: Client,\n  id: Pick<operations.%sInput, %s>,\n"
	    "  select?: S,\n) {\n"
	    "  return asks(\n"
	    "    keys.read(idOf({ key: [%s] }, id), select), (options) =>\n"
	    "      operations.%s(client, { ...id, select }, options));\n}\n",
	    w->row, w->pascal, w->pascal, key_names(w, " | "),
	    key_names(w, ", "), w->camel);
}

static void
write_read(struct writer *w)
{
	const char *key = w->op->resource->key->name;

	if (w->op->resource->key_count > 1) {
		write_read_several(w);
		return;
	}
	begin(w, w->camel);
	buf_format(w->out, "<\n  const S extends Select<%s, "
	    "operations.%sRelated> = All,\n"
	    ">(client: Client, id: operations.%sInput['%s'], select?: S) {\n"
	    "  return asks(keys.read(id, select), (options) =>\n"
	    "    operations.%s(client, { %s%s, select }, options));\n}\n",
	    w->row, w->pascal, w->pascal, key, w->camel,
	    strcmp(key, "id") == 0 ? "" : arena_format(w->ts->arena, "%s: ",
		key), "id");
}

static void
write_create(struct writer *w)
{
	begin(w, w->camel);
	buf_format(w->out, "(\n  client: Client,\n  queryClient: QueryClient,\n"
	    "  guess?: CreateGuess<operations.%sInput, %s>,\n) {\n"
	    "  return creates(", w->pascal, w->row);
	write_place(w);
	buf_string(w->out, ", ");
	write_name(w);
	buf_format(w->out, ",\n    (input: operations.%sInput, options) =>\n"
	    "      operations.%s(client, input, options), guess);\n}\n",
	    w->pascal, w->camel);
}

/* An update or delete, whose tag comes with the variables. */
static void
write_change(struct writer *w)
{
	bool update = w->op->verb == VERB_UPDATE;
	const char *match = w->op->match == DEMAND_REQUIRED ? "MatchDemand" :
	    "MatchOption";

	begin(w, w->camel);
	buf_string(w->out,
	    "(\n  client: Client,\n  queryClient: QueryClient,\n  guess?: ");
	if (update)
		buf_format(w->out, "ChangeGuess<operations.%sInput & %s, %s>",
		    w->pascal, match, w->row);
	else
		buf_string(w->out, "DeleteGuess");
	buf_format(w->out, ",\n) {\n  return %ss(", update ? "update" :
	    "delete");
	write_place(w);
	buf_string(w->out, ", ");
	write_name(w);
	buf_format(w->out, ",\n    ({ match, ...input }: operations.%sInput & "
	    "%s, options) =>\n      operations.%s(client, input, "
	    "{ ...options, match }), guess);\n}\n", w->pascal, match,
	    w->camel);
}

static void
write_question(struct writer *w)
{
	begin(w, w->camel);
	buf_format(w->out, "(\n  client: Client,\n  input: operations.%sInput"
	    "%s,\n) {\n  return asks(keys.call(", w->pascal,
	    operation_asks(w->op) ? "" : " = {}");
	write_name(w);
	buf_format(w->out, ", input), (options) =>\n"
	    "    operations.%s(client, input, options));\n}\n", w->camel);
}

static bool
names_field(const struct operation *op, const struct field *key)
{
	const char *found = strstr(op->pattern, "{");

	for (; found != NULL; found = strstr(found + 1, "{"))
		if (strncmp(found + 1, key->name, strlen(key->name)) == 0 &&
		    found[1 + strlen(key->name)] == '}')
			return true;
	return false;
}

static bool
names_row(const struct operation *op)
{
	for (size_t i = 0; i < op->resource->key_count; i++)
		if (!names_field(op, op->resource->keys[i]))
			return false;
	return op->resource->key_count > 0;
}

/* A call that tells a row of its resource changes it, or makes it. */
static void
write_call(struct writer *w)
{
	const struct operation *op = w->op;
	bool row = op->resource->key != NULL && op->return_count > 0 &&
	    !op->returns_array &&
	    strcmp(op->returns_file, op->resource->schema_file) == 0;
	bool guess = row && names_row(op);

	if (op->method == METHOD_GET) {
		write_question(w);
		return;
	}
	begin(w, w->camel);
	buf_string(w->out,
	    "(\n  client: Client,\n  queryClient: QueryClient,\n");
	if (guess)
		buf_format(w->out, "  guess?: ChangeGuess<operations.%sInput, "
		    "%s>,\n", w->pascal, w->row);
	buf_format(w->out, ") {\n  return %s(", row ? "changes" : "acts");
	write_place(w);
	buf_string(w->out, ", ");
	write_name(w);
	buf_format(w->out, ",\n    (input: operations.%sInput, options) =>\n"
	    "      operations.%s(client, input, options)%s);\n}\n", w->pascal,
	    w->camel, guess ? ", guess" : "");
}

static void
write_operation(struct typescript *ts, const struct operation *op,
    struct buf *out)
{
	static void (*const functions[])(struct writer *) = {
		[VERB_LIST] = write_list, [VERB_READ] = write_read,
		[VERB_CREATE] = write_create, [VERB_UPDATE] = write_change,
		[VERB_DELETE] = write_change, [VERB_CALL] = write_call,
	};
	const struct component *row = typescript_told(ts, op);
	struct writer w = { .ts = ts, .op = op, .out = out };

	w.row = row != NULL ? typescript_local(ts, row->name) : "null";
	w.camel = operation_camel(ts, op);
	w.pascal = operation_pascal(ts, op);
	/* Files and streams are nothing that a cache could keep. */
	if (op->told_as == TOLD_DATA)
		functions[op->verb](&w);
}

/* The resource's keys, and what its writes share. */
static void
write_head(struct typescript *ts, const struct operation *op, bool writes,
    struct buf *out)
{
	const struct resource *resource = op->resource;
	const char *key = resource->key != NULL ? resource->key->name : "id";
	struct writer w = { .ts = ts, .op = op, .out = out };
	const char *stale = others(&w, false);

	buf_format(out, "\nexport const keys = /*#__PURE__*/ "
	    "resourceKeys('%s');\n", resource->name);
	if (!writes)
		return;
	buf_string(out, "const resource: Resource = { keys, key: ");
	if (resource->key_count > 1)
		buf_format(out, "[%s]", key_names(&w, ", "));
	else
		typescript_string(out, key, strlen(key));
	buf_string(out, " };\n");
	if (stale != NULL)
		buf_format(out, "/** Their queries tell rows of this one, "
		    "too. */\nconst others = [%s];\n", stale);
}

static void
write_code(struct typescript *ts, const struct resource *resource,
    struct buf *out)
{
	size_t count, first = 0;
	const struct operation *all = contract_operations(ts->contract,
	    &count);
	bool writes = false;

	while (all[first].resource != resource)
		first++;
	for (size_t i = first; i < count; i++)
		writes |= all[i].resource == resource &&
		    tool_is_write(&all[i]);
	write_head(ts, &all[first], writes, out);
	for (size_t i = first; i < count; i++)
		if (all[i].resource == resource)
			write_operation(ts, &all[i], out);
}

static const char *const taken[] = { "All", "ChangeGuess", "Client",
	"CreateGuess", "DeleteGuess", "MatchDemand", "MatchOption",
	"QueryClient", "Resource", "Select", NULL };

void
typescript_queries(struct typescript *ts, const struct resource *resource,
    struct buf *out)
{
	static const struct typescript_module modules[] = {
		{ "@tanstack/react-query", tanstack_types, false },
		{ "../runtime/client.ts", client_types, false },
		{ "../runtime/query.ts", query_values, true },
		{ "../runtime/query.ts", query_types, false },
	};
	struct buf code;

	buf_init(&code, GEN_TEXT_MAX);
	ts->taken = taken;
	write_code(ts, resource, &code);
	buf_char(out, '\n');
	typescript_import(ts, &code, modules, countof(modules), out);
	typescript_import_types(ts, &code, "../types.ts", out);
	buf_format(out, "import * as operations from '../operations/%s.ts';\n",
	    resource->name);
	buf_string(out, code.at);
	out->failed |= code.failed;
	buf_release(&code);
	ts->taken = NULL;
}
