/* SPDX-License-Identifier: MIT */
/*
 * What a client sends beside the body: parameters of the path, those of lists
 * and of calls, and header fields.  What is the same everywhere is a row of a
 * table and a component; what depends on the operation's fields is written in
 * place.
 */
#include "tool/openapi.h"

#include <string.h>

/* Without an example: pages that send requests would fill it in. */
#define CLAUSE "\"type\":\"string\",\"pattern\":\"^\\\\(.*\\\\)$\""
#define TAGS "\"type\":\"string\",\"maxLength\":4096"

static const struct shared {
	const char *component, *name, *in;
	bool required;
	const char *schema;
	const char *description;
} shared[SHARED_COUNT] = {
	[SHARED_AFTER] = { "after", "after", "query", false,
	    "{\"type\":\"string\",\"maxLength\":6144}",
	    "The cursor of the page before, `meta.page.next`; good for the "
	    "same order only." },
	[SHARED_SEARCH] = { "search", "search", "query", false,
	    "{\"type\":\"string\",\"minLength\":1,\"maxLength\":256}",
	    "Words to find, as a search engine takes them." },
	[SHARED_OR] = { "or", "or", "query", false, "{" CLAUSE "}",
	    "Conditions of which one must hold: `(FIELD.OPERATOR.VALUE,...)`, "
	    "such as `(status.eq.draft,title.ilike.*thanks*)`; `and(...)`, "
	    "`or(...)` and `not.` may be within." },
	[SHARED_AND] = { "and", "and", "query", false, "{" CLAUSE "}",
	    "Conditions that must all hold, as in `or`." },
	[SHARED_NOT_OR] = { "not.or", "not.or", "query", false,
	    "{" CLAUSE "}", "Conditions none of which may hold, as in `or`." },
	[SHARED_NOT_AND] = { "not.and", "not.and", "query", false,
	    "{" CLAUSE "}",
	    "Conditions that must not all hold, as in `or`." },
	[SHARED_REQUEST_ID] = { "X-Request-Id", "X-Request-Id", "header",
	    false, "{\"type\":\"string\",\"pattern\":"
	    "\"^[A-Za-z0-9._-]{1,64}$\"}",
	    "The client's name for the request, which the reply repeats; one "
	    "is made when it is absent or has another form." },
	[SHARED_KEY] = { "Idempotency-Key", "Idempotency-Key", "header",
	    false, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":512}",
	    "Makes a repeat safe: the same request with the same key is done "
	    "once, and its reply given again. 1 to 255 visible ASCII "
	    "characters, bare or quoted." },
	[SHARED_KEY_REQUIRED] = { "Idempotency-Key.required",
	    "Idempotency-Key", "header", true,
	    "{\"type\":\"string\",\"minLength\":1,\"maxLength\":512}",
	    "Makes a repeat safe: the same request with the same key is done "
	    "once, and its reply given again. 1 to 255 visible ASCII "
	    "characters, bare or quoted." },
	[SHARED_MATCH] = { "If-Match", "If-Match", "header", false,
	    "{" TAGS "}",
	    "The ETag of the row as it was read, or a list of tags, or `*`: "
	    "what has changed since is left alone." },
	[SHARED_MATCH_REQUIRED] = { "If-Match.required", "If-Match", "header",
	    true, "{" TAGS "}",
	    "The ETag of the row as it was read, or a list of tags, or `*`: "
	    "what has changed since is left alone." },
	[SHARED_NONE_MATCH] = { "If-None-Match", "If-None-Match", "header",
	    false, "{" TAGS "}",
	    "The ETag of the row that the client has: while it is the same "
	    "the reply is 304, without a body." },
};

static void
write_shared(struct openapi *doc, enum shared_parameter n)
{
	doc->parameter_used[n] = true;
	pen_ref(&doc->pen, NULL, "parameters", shared[n].component);
}

void
openapi_shared_parameters(struct openapi *doc)
{
	struct pen *pen = &doc->pen;

	for (size_t i = 0; i < SHARED_COUNT; i++) {
		if (!doc->parameter_used[i])
			continue;
		pen_object(pen, shared[i].component);
		pen_text(pen, "name", shared[i].name);
		pen_text(pen, "in", shared[i].in);
		pen_text(pen, "description", shared[i].description);
		if (shared[i].required)
			pen_flag(pen, "required", true);
		pen_json(pen, "schema", shared[i].schema);
		pen_close(pen);
	}
}

/* Begins a parameter; its schema follows, then pen_close(). */
static void
begin(struct openapi *doc, const char *name, const char *in, bool required,
    const char *description)
{
	struct pen *pen = &doc->pen;

	pen_object(pen, NULL);
	pen_text(pen, "name", name);
	pen_text(pen, "in", in);
	pen_text(pen, "description", description);
	if (required)
		pen_flag(pen, "required", true);
}

static void
write_plain(struct openapi *doc, const char *name, const char *in,
    bool required, const struct field *field)
{
	begin(doc, name, in, required, NULL);
	pen_json(&doc->pen, "schema", publication_field(doc->schemas, field));
	pen_close(&doc->pen);
}

/* ---- the path ---- */

static const struct field *
path_field(const struct operation *op, const char *name, size_t length)
{
	const struct resource *r = op->resource;

	for (size_t i = 0; op->verb != VERB_CALL && i < r->key_count; i++)
		if (strncmp(r->keys[i]->name, name, length) == 0 &&
		    r->keys[i]->name[length] == '\0')
			return r->keys[i];
	if (op->verb != VERB_CALL)
		return NULL;
	for (size_t i = 0; i < op->argument_count; i++)
		if (strncmp(op->arguments[i].name, name, length) == 0 &&
		    op->arguments[i].name[length] == '\0')
			return &op->arguments[i];
	return NULL;
}

/* The path may be another's, of the same form, with names of its own. */
static size_t
write_path(struct openapi *doc, const struct operation *op, const char *path)
{
	const char *own = op->pattern;
	size_t count = 0;

	while ((own = strchr(own, '{')) != NULL) {
		size_t length = strcspn(++own, "}");

		path = strchr(path, '{') + 1;
		write_plain(doc, arena_copy(doc->arena, path,
		    strcspn(path, "}")), "path", true,
		    path_field(op, own, length));
		count++;
	}
	return count;
}

/* ---- lists ---- */

/* The names that are wanted, joined, each with a quote around it. */
static const char *
names_of(struct openapi *doc, const struct operation *op,
    bool (*wanted)(const struct field *), const char *joint,
    const char *quote)
{
	const struct resource *r = op->resource;
	const char *text = "";

	for (size_t i = 0; i < r->field_count; i++)
		if (wanted(&r->fields[i]))
			text = arena_format(doc->arena, "%s%s%s%s%s", text,
			    *text != '\0' ? joint : "", quote,
			    r->fields[i].name, quote);
	return text;
}

static bool
is_sortable(const struct field *f)
{
	return f->sortable;
}

static bool
is_told(const struct field *f)
{
	return !f->write_only;
}

static void
write_select(struct openapi *doc, const struct operation *op)
{
	const char *related = "";

	for (size_t i = 0; i < op->related_count; i++)
		related = arena_format(doc->arena, "%s%s`%s(...)`", related,
		    i == 0 ? "; of other resources " : ", ",
		    op->related[i].name);
	begin(doc, "select", "query", false, arena_format(doc->arena,
	    "The members to tell, with commas between; the others are absent "
	    "then: %s%s.", names_of(doc, op, is_told, ", ", "`"), related));
	pen_json(&doc->pen, "schema", "{\"type\":\"string\",\"minLength\":1}");
	pen_close(&doc->pen);
}

static void
write_order(struct openapi *doc, const struct operation *op)
{
	const char *names = names_of(doc, op, is_sortable, "|", "");
	const char *order = "";
	/* The key at the end takes the room of the rest. */
	size_t most = 5 - op->resource->key_count;

	if (*names == '\0')
		return;
	for (size_t i = 0; i < op->order_count; i++)
		order = arena_format(doc->arena, "%s%s%s.%s", order,
		    i > 0 ? "," : "", op->order[i].field->name,
		    op->order[i].descending ? "desc" : "asc");
	begin(doc, "order", "query", false, arena_format(doc->arena,
	    "Fields with `.asc` or `.desc`, with commas between, up to %zu of: "
	    "%s. Without one: `%s`.", most, names_of(doc, op, is_sortable,
		", ", "`"), order));
	pen_object(&doc->pen, "schema");
	pen_text(&doc->pen, "type", "string");
	pen_text(&doc->pen, "pattern", arena_format(doc->arena,
	    "^(%s)(\\.(asc|desc))?(,(%s)(\\.(asc|desc))?){0,%zu}$", names,
	    names, most - 1));
	pen_close(&doc->pen);
	pen_close(&doc->pen);
}

static void
write_limit(struct openapi *doc, const struct operation *op)
{
	begin(doc, "limit", "query", false, "Rows of a page, at most.");
	pen_object(&doc->pen, "schema");
	pen_text(&doc->pen, "type", "integer");
	pen_number(&doc->pen, "minimum", 1);
	pen_number(&doc->pen, "maximum", op->limit_max);
	pen_number(&doc->pen, "default", op->limit_default);
	pen_close(&doc->pen);
	pen_close(&doc->pen);
}

/* One condition, or several, which all must hold. */
static void
write_filter(struct openapi *doc, const struct field *field)
{
	struct pen *pen = &doc->pen;
	const char *name, *all = "", *told = "";

	for (size_t i = 0; (name = contract_operator(field, i)) != NULL; i++) {
		all = arena_format(doc->arena, "%s%s%s", all, i > 0 ? "|" : "",
		    name);
		told = arena_format(doc->arena, "%s%s`%s`", told,
		    i > 0 ? ", " : "", name);
	}
	begin(doc, field->name, "query", false, arena_format(doc->arena,
	    "`OPERATOR.VALUE`, or `not.OPERATOR.VALUE`, with the operator one "
	    "of %s. Repeated, all must hold.", told));
	pen_object(pen, "schema");
	pen_list(pen, "anyOf");
	for (unsigned many = 0; many < 2; many++) {
		pen_object(pen, NULL);
		if (many) {
			pen_text(pen, "type", "array");
			pen_object(pen, "items");
		}
		pen_text(pen, "type", "string");
		pen_text(pen, "pattern", arena_format(doc->arena,
		    "^(not\\.)?(%s)\\.", all));
		if (many)
			pen_close(pen);
		pen_close(pen);
	}
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
}

static void
write_list(struct openapi *doc, const struct operation *op)
{
	const struct resource *r = op->resource;
	bool filters = op->path_count > 0;

	for (size_t i = 0; i < r->field_count; i++)
		filters |= r->fields[i].filterable;
	write_order(doc, op);
	if (op->export == NULL) {
		write_limit(doc, op);
		write_shared(doc, SHARED_AFTER);
	}
	if (op->search_count > 0)
		write_shared(doc, SHARED_SEARCH);
	for (size_t i = SHARED_OR; filters && i <= SHARED_NOT_AND; i++)
		write_shared(doc, i);
	for (size_t i = 0; i < r->field_count; i++)
		if (r->fields[i].filterable)
			write_filter(doc, &r->fields[i]);
	for (size_t i = 0; i < op->path_count; i++)
		write_filter(doc, &op->paths[i]);
}

/* The query of an export is that of its list, with a format and no pages. */
static void
write_export(struct openapi *doc, const struct export *ex)
{
	struct pen *pen = &doc->pen;

	begin(doc, "format", "query", false, "Of the file.");
	pen_object(pen, "schema");
	pen_text(pen, "type", "string");
	pen_list(pen, "enum");
	for (size_t i = 0; i < ex->format_count; i++)
		pen_text(pen, NULL, contract_format(ex->formats[i]));
	pen_close(pen);
	pen_text(pen, "default", contract_format(ex->formats[0]));
	pen_close(pen);
	pen_close(pen);
	write_select(doc, &ex->list);
	write_list(doc, &ex->list);
}

/* ---- header fields ---- */

static void
write_prefer(struct openapi *doc, const struct operation *op)
{
	bool write = tool_is_write(op);
	const struct {
		bool heard;
		const char *what;
	} rows[] = {
		{ write, "`return=minimal` (data is null), "
		    "`return=representation`, " },
		{ op->total, "`count=exact`, `count=estimated`, " },
		{ op->upsert_count > 0, "`resolution=merge-duplicates`, "
		    "`resolution=ignore-duplicates`, " },
	};
	const char *text = "";

	if (!write && !op->total)
		return;
	for (size_t i = 0; i < countof(rows); i++)
		if (rows[i].heard)
			text = arena_format(doc->arena, "%s%s", text,
			    rows[i].what);
	begin(doc, "Prefer", "header", false, arena_format(doc->arena,
	    "Preferences (RFC 7240), with commas between: %sand "
	    "`handling=strict`, which has those refused that are not heard.",
	    text));
	pen_json(&doc->pen, "schema", "{\"type\":\"string\"}");
	pen_close(&doc->pen);
}

static void
write_headers(struct openapi *doc, const struct operation *op)
{
	static const enum shared_parameter key[] = {
		[DEMAND_OPTIONAL] = SHARED_KEY,
		[DEMAND_REQUIRED] = SHARED_KEY_REQUIRED,
	};

	write_shared(doc, SHARED_REQUEST_ID);
	if (op->idempotency != DEMAND_NONE)
		write_shared(doc, key[op->idempotency]);
	if (op->verb == VERB_UPDATE || op->verb == VERB_DELETE)
		write_shared(doc, op->match == DEMAND_REQUIRED ?
		    SHARED_MATCH_REQUIRED : SHARED_MATCH);
	if (op->verb == VERB_READ)
		write_shared(doc, SHARED_NONE_MATCH);
	write_prefer(doc, op);
}

void
openapi_parameters(struct openapi *doc, const struct operation *op,
    const char *path)
{
	size_t first;

	pen_list(&doc->pen, "parameters");
	first = write_path(doc, op, path);
	if (op->verb == VERB_LIST || op->verb == VERB_READ)
		write_select(doc, op);
	if (op->verb == VERB_LIST)
		write_list(doc, op);
	if (op->export != NULL)
		write_export(doc, op->export);
	if (op->bulk != NULL)
		pen_json(&doc->pen, NULL, "{\"name\":\"recovers\",\"in\":"
		    "\"query\",\"description\":\"Ids of rejected records that "
		    "these stand for, with commas; they are kept no longer. With "
		    "an array or lines only.\",\"schema\":{\"type\":\"string\"}}");
	for (size_t i = first; op->query_file != NULL &&
	     i < op->argument_count; i++)
		write_plain(doc, op->arguments[i].name, "query",
		    op->required[i], &op->arguments[i]);
	write_headers(doc, op);
	pen_close(&doc->pen);
}
