/* SPDX-License-Identifier: MIT */
/*
 * What an operation answers: its success with the envelope and what is in it,
 * and for each status the codes of the problems that it can give.  Many
 * operations are refused alike, so a refusal is a component named after its
 * status and codes; one that differs nevertheless is written in place.
 */
#include "tool/openapi.h"

#include <string.h>

#include "tool/example.h"

#define TEXT "{\"type\":\"string\"}"
#define NUMBER "{\"type\":\"integer\",\"minimum\":0}"

/* What came of many records. */
#define RECORDS "{\"type\":\"object\",\"properties\":{\"accepted\":" NUMBER \
	",\"duplicates\":" NUMBER ",\"rejected\":" NUMBER                     \
	",\"rejections\":{\"type\":\"array\",\"maxItems\":1000,\"items\":{"   \
	"\"type\":\"object\",\"properties\":{\"index\":" NUMBER ",\"line\":"    \
	NUMBER ",\"code\":" TEXT ",\"message\":" TEXT ",\"column\":" NUMBER   \
	",\"issues\":{\"type\":\"array\",\"items\":{\"$ref\":"               \
	"\"#/components/schemas/RefusalIssue\"}},\"issues_truncated\":{"       \
	"\"type\":\"boolean\",\"const\":true}},\"required\":[\"index\","       \
	"\"code\",\"message\"]}}},\"required\":[\"accepted\",\"duplicates\","  \
	"\"rejected\",\"rejections\"]}"

/* ---- header fields ---- */

static const struct {
	const char *name, *schema, *description;
} headers[REPLY_HEADER_COUNT] = {
	[REPLY_REQUEST_ID] = { "X-Request-Id", TEXT,
	    "The name of the request, for questions about it." },
	[REPLY_ETAG] = { "ETag", TEXT,
	    "The tag of the row, for If-Match and If-None-Match." },
	[REPLY_LOCATION] = { "Location",
	    "{\"type\":\"string\",\"format\":\"uri-reference\"}",
	    "Where the row is; not of several rows." },
	[REPLY_LINK] = { "Link", TEXT,
	    "The next page, with rel=\"next\", unless this is the last." },
	[REPLY_CONTENT_RANGE] = { "Content-Range", TEXT,
	    "Which rows these are, of how many when that was asked: 0-19/137, "
	    "0-19/* or */137." },
	[REPLY_APPLIED] = { "Preference-Applied", TEXT,
	    "What of Prefer was heard." },
	[REPLY_REPLAYED] = { "Idempotency-Replayed",
	    "{\"type\":\"string\",\"const\":\"true\"}",
	    "This is the reply to the first request with the key." },
	[REPLY_CACHE] = { "Cache-Control", TEXT,
	    "How long the reply may be kept." },
	[REPLY_RATE] = { "RateLimit", TEXT,
	    "What is left of the quota: \"default\";r=299;t=1." },
	[REPLY_RATE_POLICY] = { "RateLimit-Policy", TEXT,
	    "The quota: \"default\";q=1200;w=60." },
	[REPLY_RETRY] = { "Retry-After", NUMBER,
	    "Seconds to wait before another try." },
	[REPLY_CHALLENGE] = { "WWW-Authenticate", TEXT,
	    "What is the matter with the token (RFC 6750)." },
};

static void
write_header(struct openapi *doc, enum reply_header n)
{
	doc->header_used[n] = true;
	pen_ref(&doc->pen, headers[n].name, "headers", headers[n].name);
}

void
openapi_headers(struct openapi *doc)
{
	struct pen *pen = &doc->pen;

	for (size_t i = 0; i < REPLY_HEADER_COUNT; i++) {
		if (!doc->header_used[i])
			continue;
		pen_object(pen, headers[i].name);
		pen_text(pen, "description", headers[i].description);
		pen_json(pen, "schema", headers[i].schema);
		pen_close(pen);
	}
}

/* ---- envelopes ---- */

const char *const openapi_envelope_names[] = { "ReplyMeta", "ReplyPage",
	"Refusal", "RefusalIssue", "ProblemDetails", NULL };

#define ISSUES "\"issues\":{\"type\":\"array\",\"maxItems\":20,\"items\":"     \
	"{\"$ref\":\"#/components/schemas/RefusalIssue\"}},"                   \
	"\"issues_truncated\":{\"type\":\"boolean\",\"const\":true},"          \
	"\"offset\":" NUMBER ",\"line\":" NUMBER ",\"column\":" NUMBER

static const struct {
	const char *name, *schema;
} envelopes[] = {
	{ "ReplyMeta", "{\"type\":\"object\",\"properties\":"
	    "{\"request_id\":" TEXT "},\"required\":[\"request_id\"]}" },
	{ "ReplyPage", "{\"type\":\"object\",\"properties\":{\"request_id\":"
	    TEXT ",\"page\":{\"type\":\"object\",\"properties\":{\"limit\":"
	    "{\"type\":\"integer\",\"minimum\":1},\"next\":{\"description\":"
	    "\"The cursor of the next page; null on the last.\",\"type\":"
	    "[\"string\",\"null\"]},\"total\":" NUMBER ",\"total_estimated\":"
	    "{\"type\":\"boolean\",\"const\":true}},\"required\":[\"limit\","
	    "\"next\"]}},\"required\":[\"request_id\",\"page\"]}" },
	{ "Refusal", "{\"type\":\"object\",\"properties\":{\"ok\":{\"type\":"
	    "\"boolean\",\"const\":false},\"error\":{\"type\":\"object\","
	    "\"properties\":{\"code\":" TEXT ",\"status\":{\"type\":"
	    "\"integer\"},\"message\":" TEXT ",\"retryable\":{\"type\":"
	    "\"boolean\"}," ISSUES "},\"required\":[\"code\",\"status\","
	    "\"message\",\"retryable\"]},\"meta\":{\"$ref\":"
	    "\"#/components/schemas/ReplyMeta\"}},\"required\":[\"ok\","
	    "\"error\",\"meta\"]}" },
	{ "ProblemDetails", "{\"description\":\"RFC 9457, for who asks for "
	    "application/problem+json.\",\"type\":\"object\",\"properties\":{"
	    "\"type\":" TEXT ",\"title\":" TEXT ",\"status\":{\"type\":"
	    "\"integer\"},\"detail\":" TEXT ",\"instance\":" TEXT ",\"code\":"
	    TEXT ",\"retryable\":{\"type\":\"boolean\"}," ISSUES
	    ",\"request_id\":" TEXT "},\"required\":[\"type\",\"title\","
	    "\"status\",\"code\",\"retryable\",\"request_id\"]}" },
};

/* The codes that issues have, each once. */
static void
write_issue_codes(struct pen *pen)
{
	pen_list(pen, "enum");
	for (size_t i = 0; i < RULE_COUNT; i++) {
		size_t j = 0;

		while (strcmp(rule_code(j), rule_code(i)) != 0)
			j++;
		if (j == i)
			pen_text(pen, NULL, rule_code(i));
	}
	pen_close(pen);
}

static void
write_issue(struct pen *pen)
{
	pen_object(pen, "RefusalIssue");
	pen_text(pen, "description", "A fault of the input, and its place.");
	pen_text(pen, "type", "object");
	pen_object(pen, "properties");
	pen_json(pen, "path", "{\"type\":\"array\",\"items\":{\"type\":"
	    "[\"string\",\"integer\"]}}");
	pen_json(pen, "pointer", TEXT);
	pen_object(pen, "code");
	pen_text(pen, "type", "string");
	write_issue_codes(pen);
	pen_close(pen);
	pen_json(pen, "keyword", TEXT);
	pen_json(pen, "message", TEXT);
	pen_json(pen, "params", "{\"type\":\"object\"}");
	pen_close(pen);
	pen_json(pen, "required", "[\"path\",\"pointer\",\"code\",\"keyword\","
	    "\"message\"]");
	pen_close(pen);
}

void
openapi_envelopes(struct openapi *doc)
{
	size_t count;
	const struct operation *op = contract_operations(doc->contract,
	    &count);
	bool lists = false;

	for (size_t i = 0; i < count; i++)
		lists |= op[i].verb == VERB_LIST;
	for (size_t i = 0; i < countof(envelopes); i++)
		if (lists || strcmp(envelopes[i].name, "ReplyPage") != 0)
			pen_json(&doc->pen, envelopes[i].name,
			    envelopes[i].schema);
	write_issue(&doc->pen);
}

/* ---- success ---- */

/* Members that are there when `select` asks for them. */
static void
write_related(struct openapi *doc, const struct related *related,
    size_t count)
{
	struct pen *pen = &doc->pen;

	for (size_t i = 0; i < count; i++) {
		const struct related *r = &related[i];

		pen_object(pen, r->name);
		if (r->many) {
			pen_text(pen, "type", "array");
			pen_number(pen, "maxItems", r->limit);
			pen_object(pen, "items");
		}
		pen_json(pen, "type", r->many ? "\"object\"" :
		    "[\"object\",\"null\"]");
		pen_object(pen, "properties");
		for (size_t f = 0; f < r->field_count; f++)
			pen_json(pen, r->fields[f]->name, publication_field(
			    doc->schemas, r->fields[f]));
		write_related(doc, r->related, r->related_count);
		pen_close(pen);
		if (r->many)
			pen_close(pen);
		pen_close(pen);
	}
}

static void
write_row(struct openapi *doc, const char *name, const struct operation *op,
    const struct component *row)
{
	struct pen *pen = &doc->pen;

	if (op->related_count == 0) {
		openapi_component(doc, name, row);
		return;
	}
	pen_object(pen, name);
	pen_list(pen, "allOf");
	openapi_component(doc, NULL, row);
	pen_object(pen, NULL);
	pen_text(pen, "description", "What `select` asked for of others.");
	pen_text(pen, "type", "object");
	pen_object(pen, "properties");
	write_related(doc, op->related, op->related_count);
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
}

static void
write_rows(struct openapi *doc, const char *name, const struct operation *op,
    const struct component *row, unsigned most)
{
	struct pen *pen = &doc->pen;

	pen_object(pen, name);
	pen_text(pen, "type", "array");
	pen_number(pen, "maxItems", most);
	write_row(doc, "items", op, row);
	pen_close(pen);
}

/* Of a create: a row, of several rows a list, of one that was there null. */
static void
write_created(struct openapi *doc, const struct operation *op,
    const struct component *row, bool resolved)
{
	struct pen *pen = &doc->pen;

	if (op->batch_max == 0 && !resolved) {
		openapi_component(doc, "data", row);
		return;
	}
	pen_object(pen, "data");
	pen_list(pen, "anyOf");
	openapi_component(doc, NULL, row);
	if (op->batch_max > 0)
		write_rows(doc, NULL, op, row, op->batch_max);
	if (resolved)
		pen_json(pen, NULL, "{\"type\":\"null\"}");
	pen_close(pen);
	pen_close(pen);
}

static void
write_data(struct openapi *doc, const struct operation *op, bool resolved)
{
	const struct component *row = example_told(doc->schemas, op);

	if (row == NULL)
		pen_json(&doc->pen, "data", "{\"type\":\"null\"}");
	else if (op->verb == VERB_LIST)
		write_rows(doc, "data", op, row, op->limit_max);
	else if (op->verb == VERB_CREATE)
		write_created(doc, op, row, resolved);
	else
		write_row(doc, "data", op, row);
}

/* A file, of whichever format was asked for; or events. */
static void
write_streamed_content(struct pen *pen, const struct operation *op)
{
	static const char file[] = "{\"schema\":{\"type\":\"string\","
	    "\"description\":\"The file, or a part of it.\"}}";

	pen_object(pen, "content");
	if (op->told_as == TOLD_FILE) {
		pen_json(pen, "text/csv", file);
		pen_json(pen, "application/x-ndjson", file);
		pen_json(pen, "application/json", "{\"schema\":{}}");
	} else {
		pen_json(pen, "text/event-stream", "{\"schema\":{\"type\":"
		    "\"string\",\"description\":\"`event: progress` with the "
		    "row as data, each time that it changes, then `event: "
		    "end`.\"}}");
	}
	pen_close(pen);
}

static void
write_success_content(struct openapi *doc, const struct operation *op,
    bool resolved)
{
	const char *example = example_reply(doc->schemas, op, doc->arena);
	struct pen *pen = &doc->pen;

	if (op->told_as != TOLD_DATA) {
		write_streamed_content(pen, op);
		return;
	}
	pen_object(pen, "content");
	pen_object(pen, "application/json");
	pen_object(pen, "schema");
	pen_text(pen, "type", "object");
	pen_object(pen, "properties");
	pen_json(pen, "ok", "{\"type\":\"boolean\",\"const\":true}");
	write_data(doc, op, resolved);
	pen_ref(pen, "meta", "schemas", op->verb == VERB_LIST ? "ReplyPage" :
	    "ReplyMeta");
	pen_close(pen);
	pen_json(pen, "required", "[\"ok\",\"data\",\"meta\"]");
	pen_close(pen);
	if (example != NULL)
		pen_json(pen, "example", example);
	pen_close(pen);
	if (op->verb == VERB_LIST) {
		pen_json(pen, "application/x-ndjson", "{\"schema\":{\"type\":"
		    "\"string\",\"description\":\"A row a line.\"}}");
		pen_json(pen, "text/csv", "{\"schema\":{\"type\":\"string\","
		    "\"description\":\"A line of names, then a row a line (RFC "
		    "4180).\"}}");
	}
	pen_close(pen);
}

bool
openapi_tells(const struct operation *op, enum reply_header header)
{
	bool one = op->verb == VERB_READ || op->verb == VERB_CREATE ||
	    op->verb == VERB_UPDATE;
	const bool told[REPLY_HEADER_COUNT] = {
		[REPLY_REQUEST_ID] = true,
		[REPLY_CACHE] = true,
		[REPLY_ETAG] = one || op->told_as == TOLD_FILE,
		[REPLY_LOCATION] = op->verb == VERB_CREATE ||
		    op->export != NULL,
		[REPLY_LINK] = op->verb == VERB_LIST,
		[REPLY_CONTENT_RANGE] = op->verb == VERB_LIST,
		[REPLY_APPLIED] = tool_is_write(op) || op->total,
		[REPLY_REPLAYED] = op->idempotency != DEMAND_NONE,
		[REPLY_RATE] = op->rate != NULL,
		[REPLY_RATE_POLICY] = op->rate != NULL,
	};

	return told[header];
}

const char *
openapi_header_name(enum reply_header header)
{
	return headers[header].name;
}

static void
write_success_headers(struct openapi *doc, const struct operation *op)
{
	static const enum reply_header order[] = { REPLY_REQUEST_ID,
		REPLY_CACHE, REPLY_ETAG, REPLY_LOCATION, REPLY_LINK,
		REPLY_CONTENT_RANGE, REPLY_APPLIED, REPLY_REPLAYED, REPLY_RATE,
		REPLY_RATE_POLICY };

	pen_object(&doc->pen, "headers");
	for (size_t i = 0; i < countof(order); i++)
		if (openapi_tells(op, order[i]))
			write_header(doc, order[i]);
	pen_close(&doc->pen);
}

static void
write_success(struct openapi *doc, const struct operation *op, int status,
    const char *description, bool resolved)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", status);
	pen_object(&doc->pen, name);
	pen_text(&doc->pen, "description", description);
	write_success_headers(doc, op);
	if (status != 304)
		write_success_content(doc, op, resolved);
	pen_close(&doc->pen);
}

/* Of many records, each for itself. */
static void
write_ingested(struct openapi *doc, const struct operation *op)
{
	struct pen *pen = &doc->pen;

	pen_object(pen, "200");
	pen_text(pen, "description", "What came of the records of an array or a "
	    "text of lines: how many were accepted, were there already or were "
	    "rejected, and the first rejections.");
	write_success_headers(doc, op);
	pen_json(pen, "content", "{\"application/json\":{\"schema\":{\"type\":"
	    "\"object\",\"properties\":{\"ok\":{\"type\":\"boolean\","
	    "\"const\":true},\"data\":" RECORDS ",\"meta\":{\"$ref\":"
	    "\"#/components/schemas/ReplyMeta\"}},\"required\":[\"ok\","
	    "\"data\",\"meta\"]}}}");
	pen_close(pen);
}

static void
write_successes(struct openapi *doc, const struct operation *op)
{
	bool resolves = op->upsert_count > 0;
	const char *description = op->verb == VERB_CREATE ? "It was created." :
	    op->verb == VERB_LIST ? "A page of rows." : "It was done.";

	if (op->verb == VERB_READ)
		description = "The row.";
	if (op->export != NULL)
		description = "It will be written; Location says where it is "
		    "seen how far it is.";
	if (op->told_as == TOLD_FILE)
		description = "The file; Repr-Digest has its SHA-256.";
	if (op->told_as == TOLD_EVENTS)
		description = "Events, as they come.";
	if (op->bulk != NULL)
		write_ingested(doc, op);
	if (resolves)
		write_success(doc, op, 200, "It was created, merged or left "
		    "as it was, as `Prefer: resolution=` has asked.", true);
	write_success(doc, op, op->status, description, false);
	if (op->told_as == TOLD_FILE)
		write_success(doc, op, 206, "The part that Range asks for.",
		    false);
	if (op->verb == VERB_READ || op->told_as == TOLD_FILE)
		write_success(doc, op, 304, "The client has the row as it is.",
		    false);
}

/* ---- refusals ---- */

static const char *
name_of(struct openapi *doc, const struct possible *all, size_t count)
{
	const char *name = arena_format(doc->arena, "%d", all[0].status);

	for (size_t i = 0; i < count; i++)
		name = arena_format(doc->arena, "%s.%s", name, all[i].code);
	return name;
}

static void
write_codes(struct pen *pen, const struct possible *all, size_t count)
{
	pen_object(pen, "code");
	pen_list(pen, "enum");
	for (size_t i = 0; i < count; i++)
		pen_text(pen, NULL, all[i].code);
	pen_close(pen);
	pen_close(pen);
	pen_object(pen, "status");
	pen_number(pen, "const", all[0].status);
	pen_close(pen);
}

/* The envelope, with the codes that are possible here. */
static void
write_refusal_schema(struct pen *pen, const char *type, const char *envelope,
    bool nested, const struct possible *all, size_t count)
{
	pen_object(pen, type);
	pen_object(pen, "schema");
	pen_list(pen, "allOf");
	pen_ref(pen, NULL, "schemas", envelope);
	pen_object(pen, NULL);
	pen_text(pen, "type", "object");
	pen_object(pen, "properties");
	if (nested) {
		pen_object(pen, "error");
		pen_text(pen, "type", "object");
		pen_object(pen, "properties");
	}
	write_codes(pen, all, count);
	pen_close(pen);
	pen_json(pen, "required", "[\"code\",\"status\"]");
	if (nested) {
		pen_close(pen);
		pen_close(pen);
		pen_json(pen, "required", "[\"error\"]");
	}
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
}

static void
write_refusal_headers(struct openapi *doc, const struct possible *all,
    size_t count)
{
	bool retry = false;

	for (size_t i = 0; i < count; i++)
		retry |= all[i].retryable;
	pen_object(&doc->pen, "headers");
	write_header(doc, REPLY_REQUEST_ID);
	if (retry)
		write_header(doc, REPLY_RETRY);
	if (all[0].status == 401)
		write_header(doc, REPLY_CHALLENGE);
	if (all[0].status == 429) {
		write_header(doc, REPLY_RATE);
		write_header(doc, REPLY_RATE_POLICY);
	}
	pen_close(&doc->pen);
}

static void
write_refusal_content(struct openapi *doc, const struct possible *all,
    size_t count)
{
	struct pen *pen = &doc->pen;
	const char *text = "";

	for (size_t i = 0; i < count; i++)
		text = arena_format(doc->arena, "%s%s`%s`: %s", text,
		    i > 0 ? "\n\n" : "", all[i].code, all[i].sentence);
	pen_text(pen, "description", text);
	write_refusal_headers(doc, all, count);
	pen_object(pen, "content");
	write_refusal_schema(pen, "application/json", "Refusal", true, all,
	    count);
	write_refusal_schema(pen, "application/problem+json",
	    "ProblemDetails", false, all, count);
	pen_close(pen);
}

/* The refusal as JSON, by a pen of its own. */
static const char *
refusal_text(struct openapi *doc, const struct possible *all, size_t count)
{
	struct pen pen = doc->pen;
	const char *text;

	pen_init(&doc->pen, 1 << 20);
	pen_object(&doc->pen, NULL);
	write_refusal_content(doc, all, count);
	pen_close(&doc->pen);
	text = arena_string(doc->arena, doc->pen.text.at);
	pen_release(&doc->pen);
	doc->pen = pen;
	return text;
}

static const struct refusal *
refusal_of(struct openapi *doc, const struct possible *all, size_t count)
{
	const char *name = name_of(doc, all, count);
	const struct refusal *known = doc->refusals;
	struct refusal *made;

	while (known != NULL && strcmp(known->name, name) != 0)
		known = known->next;
	if (known != NULL)
		return known;
	made = arena_alloc(doc->arena, sizeof(*made));
	*made = (struct refusal){ NULL, name, refusal_text(doc, all, count) };
	if (doc->last_refusal != NULL)
		doc->last_refusal->next = made;
	else
		doc->refusals = made;
	doc->last_refusal = made;
	return made;
}

static void
write_refusal(struct openapi *doc, const struct possible *all, size_t count)
{
	const struct refusal *shared = refusal_of(doc, all, count);
	const char *text = refusal_text(doc, all, count);
	char status[16];

	snprintf(status, sizeof(status), "%d", all[0].status);
	if (strcmp(shared->text, text) == 0)
		pen_ref(&doc->pen, status, "responses", shared->name);
	else
		pen_json(&doc->pen, status, text);
}

void
openapi_refusals(struct openapi *doc)
{
	for (const struct refusal *r = doc->refusals; r != NULL; r = r->next)
		pen_json(&doc->pen, r->name, r->text);
}

void
openapi_replies(struct openapi *doc, const struct operation *op)
{
	size_t count, next;
	const struct possible *all = tool_problems(doc->contract, op,
	    doc->arena, &count);

	pen_object(&doc->pen, "responses");
	write_successes(doc, op);
	for (size_t i = 0; i < count; i = next) {
		for (next = i; next < count &&
		     all[next].status == all[i].status; next++)
			;
		write_refusal(doc, &all[i], next - i);
	}
	pen_close(&doc->pen);
}
