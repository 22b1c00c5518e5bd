/* SPDX-License-Identifier: MIT */
/*
 * The contract as OpenAPI 3.1, whose schemas are JSON Schema 2020-12, so that
 * they stand in it as the server judges by them.  Everything is in the order of
 * the contract's files; what is shared becomes a component when it is first
 * used, so the same contract gives the same bytes.
 */
#include "tool/openapi.h"

#include <stdlib.h>
#include <string.h>

#include "tool/example.h"

enum { DOCUMENT_MAX = 256 << 20 };	/* bytes */

void
openapi_component(struct openapi *doc, const char *name,
    const struct component *component)
{
	pen_ref(&doc->pen, name, "schemas", component->name);
}

/* ---- front ---- */

static void
write_info(struct openapi *doc)
{
	const struct contract_about *about = contract_about(doc->contract);
	struct pen *pen = &doc->pen;

	pen_object(pen, "info");
	pen_text(pen, "title", about->title);
	pen_text(pen, "version", about->version);
	pen_text(pen, "description", about->description);
	if (about->license != NULL) {
		pen_object(pen, "license");
		pen_text(pen, "name", about->license);
		pen_text(pen, "identifier", about->license);
		pen_close(pen);
	}
	pen_close(pen);
}

static void
write_server(struct openapi *doc, const char *server)
{
	const char *base = contract_about(doc->contract)->base;
	struct pen *pen = &doc->pen;

	pen_list(pen, "servers");
	pen_object(pen, NULL);
	pen_text(pen, "url", server != NULL ? server :
	    *base != '\0' ? base : "/");
	pen_close(pen);
	pen_close(pen);
}

/* "support_tickets" as people read it: "Support tickets". */
static const char *
heading_of(struct openapi *doc, const char *name)
{
	char *heading = arena_format(doc->arena, "%s", name);

	for (char *c = heading; *c != '\0'; c++)
		if (*c == '_')
			*c = ' ';
	if (*heading >= 'a' && *heading <= 'z')
		*heading = (char)(*heading - 'a' + 'A');
	return heading;
}

static void
write_tags(struct openapi *doc)
{
	struct pen *pen = &doc->pen;
	size_t count;
	const struct resource *r = contract_resources(doc->contract, &count);

	pen_list(pen, "tags");
	for (size_t i = 0; i < count; i++) {
		const struct component *c = publication_file(doc->schemas,
		    r[i].schema_file, FORM_TOLD);

		pen_object(pen, NULL);
		pen_text(pen, "name", r[i].name);
		pen_text(pen, "x-displayName", heading_of(doc, r[i].name));
		pen_text(pen, "description", c->description != NULL ?
		    c->description : arena_format(doc->arena, "The %s.",
			r[i].name));
		pen_close(pen);
	}
	pen_close(pen);
}

/* ---- operations ---- */

static void
write_security(struct openapi *doc, const struct operation *op)
{
	struct pen *pen = &doc->pen;

	pen_list(pen, "security");
	if (tool_is_open(doc->contract, op))
		pen_json(pen, NULL, "{}");
	pen_json(pen, NULL, "{\"bearer\":[]}");
	pen_close(pen);
	pen_list(pen, "x-roles");
	for (size_t i = 0; i < op->role_count; i++)
		pen_text(pen, NULL, op->roles[i]);
	pen_close(pen);
}

static void
write_rate(struct openapi *doc, const struct operation *op)
{
	struct pen *pen = &doc->pen;

	if (op->rate == NULL)
		return;
	pen_object(pen, "x-rate");
	pen_text(pen, "class", op->rate->name);
	pen_number(pen, "count", op->rate->count);
	pen_number(pen, "per", op->rate->period_s);
	pen_number(pen, "burst", op->rate->burst);
	pen_close(pen);
}

/* One row, or where it may be so an array of them. */
static void
write_body_schema(struct openapi *doc, const struct operation *op,
    const struct component *component)
{
	unsigned most = op->bulk != NULL ? op->bulk->max : op->batch_max;
	struct pen *pen = &doc->pen;

	if (most == 0) {
		openapi_component(doc, "schema", component);
		return;
	}
	pen_object(pen, "schema");
	pen_list(pen, "anyOf");
	openapi_component(doc, NULL, component);
	pen_object(pen, NULL);
	pen_text(pen, "type", "array");
	pen_number(pen, "minItems", 1);
	pen_number(pen, "maxItems", most);
	openapi_component(doc, "items", component);
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
}

static void
write_body(struct openapi *doc, const struct operation *op)
{
	const struct component *component = example_taken(doc->schemas, op);
	struct pen *pen = &doc->pen;

	if (component == NULL)
		return;
	pen_object(pen, "requestBody");
	pen_flag(pen, "required", true);
	pen_object(pen, "content");
	pen_object(pen, "application/json");
	write_body_schema(doc, op, component);
	if (component->example != NULL)
		pen_json(pen, "example", component->example);
	pen_close(pen);
	if (op->bulk != NULL)
		pen_json(pen, "application/x-ndjson", "{\"schema\":{\"type\":"
		    "\"string\",\"description\":\"A record a line, as many as "
		    "an array may have.\"}}");
	pen_close(pen);
	pen_close(pen);
}

static const char *
summary_of(struct openapi *doc, const struct operation *op)
{
	static const char *const words[] = {
		[VERB_LIST] = "List",
		[VERB_READ] = "Read one of",
		[VERB_CREATE] = "Create one of",
		[VERB_UPDATE] = "Change one of",
		[VERB_DELETE] = "Delete one of",
	};

	if (op->summary != NULL)
		return op->summary;
	if (op->verb == VERB_CALL)
		return op->name;
	return arena_format(doc->arena, "%s %s.", words[op->verb],
	    op->resource->name);
}

/* What x-roles and x-rate say, for people. */
static const char *
description_of(struct openapi *doc, const struct operation *op)
{
	const char *text = op->role_count > 1 ? "For the roles" : "For the role";

	for (size_t i = 0; i < op->role_count; i++)
		text = arena_format(doc->arena, "%s%s `%s`", text, i == 0 ? "" :
		    i + 1 < op->role_count ? "," : " and", op->roles[i]);
	text = arena_format(doc->arena, "%s.%s", text, tool_is_open(
	    doc->contract, op) ? " No token is needed." : "");
	if (op->rate == NULL)
		return text;
	return arena_format(doc->arena, "%s At most %u requests in %u s, "
	    "together with all others of the class `%s`.", text,
	    op->rate->count, op->rate->period_s, op->rate->name);
}

static void
write_operation(struct openapi *doc, const struct operation *op,
    const char *path)
{
	static const char *const methods[METHOD_COUNT] = {
		[METHOD_GET] = "get", [METHOD_POST] = "post",
		[METHOD_PUT] = "put", [METHOD_PATCH] = "patch",
		[METHOD_DELETE] = "delete",
	};
	struct pen *pen = &doc->pen;

	pen_object(pen, methods[op->method]);
	pen_text(pen, "operationId", op->name);
	pen_text(pen, "summary", summary_of(doc, op));
	pen_text(pen, "description", description_of(doc, op));
	pen_list(pen, "tags");
	pen_text(pen, NULL, op->resource->name);
	pen_close(pen);
	write_security(doc, op);
	write_rate(doc, op);
	openapi_parameters(doc, op, path);
	write_body(doc, op);
	openapi_replies(doc, op);
	pen_close(pen);
}

/* Are they the same but for the names of parameters? */
static bool
same_path(const char *a, const char *b)
{
	for (;; a++, b++) {
		if (*a == '{' && *b == '{') {
			a += strcspn(a, "}");
			b += strcspn(b, "}");
		}
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
	}
}

static void
write_paths(struct openapi *doc)
{
	size_t count, j;
	const struct operation *op = contract_operations(doc->contract,
	    &count);

	pen_object(&doc->pen, "paths");
	for (size_t i = 0; i < count; i++) {
		for (j = 0; !same_path(op[j].pattern, op[i].pattern); j++)
			;
		if (j < i)
			continue;
		pen_object(&doc->pen, op[i].pattern);
		for (; j < count; j++)
			if (same_path(op[j].pattern, op[i].pattern))
				write_operation(doc, &op[j], op[i].pattern);
		pen_close(&doc->pen);
	}
	pen_close(&doc->pen);
}

/* ---- components ---- */

static void
write_schemas(struct openapi *doc)
{
	const struct component *c;

	pen_object(&doc->pen, "schemas");
	for (size_t i = 0; (c = publication_component(doc->schemas, i)) !=
	     NULL; i++)
		pen_json(&doc->pen, c->name, c->schema);
	openapi_envelopes(doc);
	pen_close(&doc->pen);
}

static void
write_components(struct openapi *doc)
{
	static const char bearer[] = "{\"bearer\":{\"type\":\"http\","
	    "\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\",\"description\":"
	    "\"A token of the issuer, whose role must be among the "
	    "operation's x-roles.\"}}";
	const struct {
		const char *name;
		void (*write)(struct openapi *);
	} parts[] = {
		{ "parameters", openapi_shared_parameters },
		{ "responses", openapi_refusals },
		{ "headers", openapi_headers },
	};

	pen_object(&doc->pen, "components");
	write_schemas(doc);
	for (size_t i = 0; i < countof(parts); i++) {
		pen_object(&doc->pen, parts[i].name);
		parts[i].write(doc);
		pen_close(&doc->pen);
	}
	pen_json(&doc->pen, "securitySchemes", bearer);
	pen_close(&doc->pen);
}

void
tool_openapi(const struct gen_options *options,
    const struct contract *contract, FILE *out)
{
	struct openapi doc = { .contract = contract, .arena = arena_new() };

	doc.schemas = publication_new(contract, "#/components/schemas/",
	    openapi_envelope_names, doc.arena);
	pen_init(&doc.pen, DOCUMENT_MAX);
	pen_object(&doc.pen, NULL);
	pen_text(&doc.pen, "openapi", "3.1.1");
	write_info(&doc);
	write_server(&doc, options->server);
	write_tags(&doc);
	write_paths(&doc);
	openapi_messages(&doc);
	write_components(&doc);
	pen_close(&doc.pen);
	pen_print(doc.pen.text.at, out);
	pen_release(&doc.pen);
	arena_free(doc.arena);
}
