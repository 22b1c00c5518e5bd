/* SPDX-License-Identifier: MIT */
/*
 * The types of what operations take: a list's query with the filters, sorts
 * and related rows that the contract allows, the parameters of the path, the
 * body, and the options that an operation hears.
 */
#include "tool/typescript_operations.h"

#include <string.h>

/* ---- types of fields ---- */

static const char *
kept(struct writer *w, struct buf *b)
{
	const char *text = arena_copy(w->ts->arena, b->length > 0 ? b->at : "",
	    b->length);

	buf_release(b);
	return text;
}

static const char *
field_type(struct writer *w, const struct field *field, unsigned indent)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_type(w->ts, typescript_parse(w->ts, publication_field(
	    w->ts->schemas, field)), indent, &b);
	return kept(w, &b);
}

static const char *
quoted(struct writer *w, const char *name)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	typescript_string(&b, name, strlen(name));
	return kept(w, &b);
}

static void
write_member(struct writer *w, const char *name, bool required,
    const char *type)
{
	buf_string(w->out, "  ");
	typescript_name(w->out, name);
	buf_format(w->out, "%s %s;\n", required ? ":" : "?:", type);
}

/* ---- filters ---- */

/*
 * What a field is compared with, unless it is what the filter takes anyway: of
 * a row's member its type there, of a member of a json column its own.
 */
static const char *
operand(struct writer *w, const struct field *field, bool in_row,
    const char *plain)
{
	const char *type = field_type(w, field, 2), *member;
	size_t length = strlen(plain);

	if (strncmp(type, plain, length) == 0 && (type[length] == '\0' ||
		strcmp(type + length, " | null") == 0))
		return "";
	if (!in_row)
		return type;
	member = arena_format(w->ts->arena, "%s[%s]", w->row, quoted(w,
	    field->name));
	return (field->types & TYPE_NULL) == 0 ? member :
	    arena_format(w->ts->arena, "NonNullable<%s>", member);
}

static const char *
operators(struct writer *w, const struct field *field)
{
	const char *text = "", *name;

	for (size_t i = 0; (name = contract_operator(field, i)) != NULL; i++)
		text = arena_format(w->ts->arena, "%s%s'%s'", text,
		    i > 0 ? " | " : "", name);
	return text;
}

static void
write_filter(struct writer *w, const struct field *field, bool in_row)
{
	static const struct {
		const char *operators, *filter, *plain;
	} known[] = {
		{ "'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte' | 'like' | "
		    "'ilike' | 'in' | 'is'", "TextFilter", "string" },
		{ "'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'is'",
		    "NumberFilter", "number" },
		{ "'eq' | 'neq' | 'in' | 'is'", "FlagFilter", "boolean" },
	};
	const char *words = operators(w, field), *type;
	size_t i = 0;

	while (i < countof(known) && strcmp(known[i].operators, words) != 0)
		i++;
	type = operand(w, field, in_row, i < countof(known) ? known[i].plain :
	    " ");
	if (i == countof(known))
		type = arena_format(w->ts->arena, "Filter<%s, %s>", type,
		    *words != '\0' ? words : "never");
	else
		type = arena_format(w->ts->arena, "%s%s%s%s", known[i].filter,
		    *type != '\0' ? "<" : "", type, *type != '\0' ? ">" : "");
	write_member(w, field->name, true, type);
}

static bool
filters(const struct operation *op)
{
	const struct resource *r = op->resource;
	bool any = op->path_count > 0;

	for (size_t i = 0; i < r->field_count; i++)
		any |= r->fields[i].filterable;
	return any;
}

static void
write_filters(struct writer *w)
{
	const struct resource *r = w->op->resource;

	if (!filters(w->op))
		return;
	buf_format(w->out, "\nexport interface %sFilters {\n", w->pascal);
	for (size_t i = 0; i < r->field_count; i++)
		if (r->fields[i].filterable)
			write_filter(w, &r->fields[i], true);
	for (size_t i = 0; i < w->op->path_count; i++)
		write_filter(w, &w->op->paths[i], false);
	buf_string(w->out, "}\n");
}

/* ---- related rows ---- */

static const char *related_type(struct writer *w,
    const struct related *related, size_t count, unsigned indent);

static const char *
relation(struct writer *w, const struct related *related, unsigned indent)
{
	const struct component *row = typescript_row(w->ts,
	    related->resource);
	const char *names = "";

	for (size_t i = 0; i < related->field_count; i++)
		names = arena_format(w->ts->arena, "%s%s%s", names,
		    i > 0 ? " | " : "", quoted(w, related->fields[i]->name));
	if (*names == '\0')
		names = "never";
	return arena_format(w->ts->arena, "%s<Pick<%s, %s>%s%s>",
	    related->many ? "Many" : "One", typescript_local(w->ts, row->name),
	    names, related->related_count > 0 ? ", " : "",
	    related->related_count > 0 ? related_type(w, related->related,
		related->related_count, indent) : "");
}

static const char *
related_type(struct writer *w, const struct related *related, size_t count,
    unsigned indent)
{
	struct buf b;

	buf_init(&b, GEN_TEXT_MAX);
	buf_string(&b, "{\n");
	for (size_t i = 0; i < count; i++) {
		buf_format(&b, "%*s", (int)indent + 2, "");
		typescript_name(&b, related[i].name);
		buf_format(&b, ": %s;\n", relation(w, &related[i],
		    indent + 2));
	}
	buf_format(&b, "%*s}", (int)indent, "");
	return kept(w, &b);
}

static void
write_related(struct writer *w)
{
	if (w->op->related_count == 0)
		buf_format(w->out, "\nexport type %sRelated = {};\n",
		    w->pascal);
	else
		buf_format(w->out, "\n/** Rows of others that `select` may "
		    "name. */\nexport interface %sRelated %s\n", w->pascal,
		    related_type(w, w->op->related, w->op->related_count, 0));
}

/* ---- lists and reads ---- */

static const char *
sorts(struct writer *w)
{
	const struct resource *r = w->op->resource;
	const char *text = "";

	for (size_t i = 0; i < r->field_count; i++)
		if (r->fields[i].sortable)
			text = arena_format(w->ts->arena, "%s%s%s", text,
			    *text != '\0' ? " | " : "", quoted(w,
				r->fields[i].name));
	return text;
}

/* What an export may be asked for as; of a list nothing. */
static void
write_formats(struct writer *w)
{
	const struct export *ex = w->op->export;

	if (ex == NULL)
		return;
	buf_string(w->out, "\n  format?:");
	for (size_t i = 0; i < ex->format_count; i++)
		buf_format(w->out, "%s '%s'", i > 0 ? " |" : "",
		    contract_format(ex->formats[i]));
	buf_string(w->out, " | undefined;\n");
}

static void
write_query(struct writer *w)
{
	const char *order = sorts(w);
	const struct {
		bool has;
		const char *type;
	} parts[] = {
		{ true, arena_format(w->ts->arena, "Selecting<%s, %sRelated, "
		    "S>", w->row, w->pascal) },
		{ filters(w->op), arena_format(w->ts->arena,
		    "Filtered<%sFilters>", w->pascal) },
		{ *order != '\0', arena_format(w->ts->arena, "Sorted<%s>",
		    order) },
		{ w->op->search_count > 0, "Searched" },
		{ w->op->total, "Counted" },
		{ w->op->export == NULL, "Paged" },
	};
	const char *before = "";

	buf_format(w->out, "\nexport interface %sQuery<S extends Select<%s, "
	    "%sRelated> = All>\n  extends ", w->pascal, w->row, w->pascal);
	for (size_t i = 0; i < countof(parts); i++)
		if (parts[i].has) {
			buf_format(w->out, "%s%s", before, parts[i].type);
			before = ",\n    ";
		}
	buf_string(w->out, " {");
	write_formats(w);
	buf_string(w->out, "}\n");
}

static void
write_list_inputs(struct writer *w)
{
	write_filters(w);
	write_related(w);
	write_query(w);
}

/* ---- the path, the body, the query of a call ---- */

static const struct field *
path_field(const struct operation *op, const char *name)
{
	for (size_t i = 0; op->verb == VERB_CALL && i < op->argument_count;
	     i++)
		if (strcmp(op->arguments[i].name, name) == 0)
			return &op->arguments[i];
	for (size_t i = 0; i < op->resource->key_count; i++)
		if (strcmp(op->resource->keys[i]->name, name) == 0)
			return op->resource->keys[i];
	return op->resource->key;
}

/* Members for the parameters of the path; how many arguments they are. */
static size_t
write_path(struct writer *w)
{
	const char *s = w->op->pattern;
	size_t count = 0;

	while ((s = strchr(s, '{')) != NULL) {
		const char *name = arena_copy(w->ts->arena, s + 1,
		    strcspn(s + 1, "}"));

		write_member(w, name, true, field_type(w, path_field(w->op,
		    name), 2));
		s++;
		count++;
	}
	return count;
}

static size_t
path_count(const struct operation *op)
{
	size_t count = 0;

	for (const char *s = op->pattern; (s = strchr(s, '{')) != NULL; s++)
		count++;
	return count;
}

bool
operation_asks(const struct operation *op)
{
	bool asks = path_count(op) > 0 || op->body != NULL;

	for (size_t i = 0; op->query_file != NULL && i < op->argument_count;
	     i++)
		asks |= op->required[i];
	return asks;
}

static const char *
body_type(struct writer *w)
{
	return typescript_local(w->ts, typescript_taken(w->ts, w->op)->name);
}

/* The query of a call: its own members beside those of the path. */
static void
write_arguments(struct writer *w, size_t first)
{
	const struct operation *op = w->op;

	for (size_t i = first; op->query_file != NULL &&
	     i < op->argument_count; i++)
		write_member(w, op->arguments[i].name, op->required[i],
		    field_type(w, &op->arguments[i], 2));
}

static void
write_input(struct writer *w)
{
	const struct operation *op = w->op;
	bool empty = path_count(op) == 0 && op->body == NULL &&
	    (op->query_file == NULL || op->argument_count == 0);

	if (empty) {
		buf_format(w->out, "\nexport type %sInput = Record<string, "
		    "never>;\n", w->pascal);
		return;
	}
	buf_format(w->out, "\nexport interface %sInput {\n", w->pascal);
	write_arguments(w, write_path(w));
	if (op->body != NULL)
		buf_format(w->out, "  body: %s;\n", body_type(w));
	buf_string(w->out, "}\n");
	if (op->batch_max > 0)
		buf_format(w->out, "\n/** At most %u at once: all or none. */"
		    "\nexport interface %sManyInput {\n  body: %s[];\n}\n",
		    op->batch_max, w->pascal, body_type(w));
	if (op->bulk != NULL)
		buf_format(w->out, "\n/** At most %u at once, each for itself. */"
		    "\nexport interface %sManyInput {\n  body: %s[];\n}\n",
		    op->bulk->max, w->pascal, body_type(w));
}

static void
write_read_input(struct writer *w)
{
	write_related(w);
	buf_format(w->out, "\nexport interface %sInput<S extends Select<%s, "
	    "%sRelated> = All>\n  extends Selecting<%s, %sRelated, S> {\n",
	    w->pascal, w->row, w->pascal, w->row, w->pascal);
	write_path(w);
	buf_string(w->out, "}\n");
}

/* ---- options ---- */

static void
write_options(struct writer *w)
{
	const struct operation *op = w->op;
	bool changes = op->verb == VERB_UPDATE || op->verb == VERB_DELETE;
	bool told = op->verb == VERB_CREATE || op->verb == VERB_UPDATE;
	bool upserts = op->upsert_count > 0;
	const struct {
		bool has;
		const char *type;
	} parts[] = {
		{ true, "CallOptions" },
		{ op->idempotency != DEMAND_NONE, "KeyOption" },
		{ changes, op->match == DEMAND_REQUIRED ? "MatchDemand" :
		    "MatchOption" },
		{ told, "ReturnOption<R>" },
		{ upserts, "UpsertOption<U>" },
		{ tool_is_write(op), "RollbackOption" },
	};
	const char *before = "";

	if (op->verb == VERB_CALL && !tool_is_write(op)) {
		buf_format(w->out, "\nexport type %sOptions = CallOptions;\n",
		    w->pascal);
		return;
	}
	buf_format(w->out, "\nexport interface %sOptions%s\n  extends ",
	    w->pascal, upserts ? "<\n  R extends Return = 'representation',"
	    "\n  U extends Resolution = never,\n>" :
	    told ? "<R extends Return = 'representation'>" : "");
	for (size_t i = 0; i < countof(parts); i++)
		if (parts[i].has) {
			buf_format(w->out, "%s%s", before, parts[i].type);
			before = ", ";
		}
	buf_string(w->out, " {}\n");
}

/* The query of an export is that of its list. */
static void
write_export_inputs(struct writer *w)
{
	struct writer list = *w;

	list.op = &w->op->export->list;
	list.row = typescript_local(w->ts, typescript_row(w->ts,
	    w->op->resource)->name);
	write_list_inputs(&list);
	buf_format(w->out, "\nexport type %sInput = %sQuery;\n", w->pascal,
	    w->pascal);
	write_options(w);
}

void
operation_inputs(struct writer *w)
{
	if (w->op->export != NULL) {
		write_export_inputs(w);
		return;
	}
	if (w->op->verb == VERB_LIST) {
		write_list_inputs(w);
		return;
	}
	if (w->op->verb == VERB_READ) {
		write_read_input(w);
		return;
	}
	write_input(w);
	write_options(w);
}
