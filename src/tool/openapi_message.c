/* SPDX-License-Identifier: MIT */
/*
 * Messages that endpoints are told, as the document's "webhooks": what a
 * receiver gets, and what it may answer.
 */
#include "tool/openapi.h"

static const char headers[] = "[{\"name\":\"webhook-id\",\"in\":\"header\","
    "\"required\":true,\"description\":\"The same however often the message "
    "is sent.\",\"schema\":{\"type\":\"string\",\"pattern\":"
    "\"^msg_[0-9a-f]{32}$\"}},"
    "{\"name\":\"webhook-timestamp\",\"in\":\"header\",\"required\":true,"
    "\"description\":\"When this attempt was made, in seconds since 1970.\","
    "\"schema\":{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"}},"
    "{\"name\":\"webhook-signature\",\"in\":\"header\",\"required\":true,"
    "\"description\":\"Signatures as Standard Webhooks has them; of two one "
    "is by the secret before.\",\"schema\":{\"type\":\"string\"}}]";

static const char answers[] = "{\"2XX\":{\"description\":\"It is taken.\"},"
    "\"410\":{\"description\":\"The endpoint wants no more messages, and is "
    "turned off.\"},\"default\":{\"description\":\"It is sent again "
    "later.\"}}";

static const char timestamp[] = "{\"type\":\"string\",\"format\":"
    "\"date-time\",\"description\":\"When it happened.\"}";

static void
write_body(struct openapi *doc, const struct message *m)
{
	struct pen *pen = &doc->pen;

	pen_object(pen, "requestBody");
	pen_flag(pen, "required", true);
	pen_object(pen, "content");
	pen_object(pen, "application/json");
	pen_object(pen, "schema");
	pen_text(pen, "type", "object");
	pen_object(pen, "properties");
	pen_object(pen, "type");
	pen_text(pen, "const", m->name);
	pen_close(pen);
	pen_json(pen, "timestamp", timestamp);
	openapi_component(doc, "data", publication_file(doc->schemas,
	    m->data_file, FORM_TOLD));
	pen_close(pen);
	pen_json(pen, "required", "[\"type\",\"timestamp\",\"data\"]");
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
	pen_close(pen);
}

static void
write_message(struct openapi *doc, const struct message *m)
{
	struct pen *pen = &doc->pen;

	pen_object(pen, m->name);
	pen_object(pen, "post");
	pen_format(pen, "operationId", "message.%s", m->name);
	pen_text(pen, "summary", m->summary != NULL ? m->summary : m->name);
	pen_json(pen, "security", "[]");
	pen_json(pen, "parameters", headers);
	write_body(doc, m);
	pen_json(pen, "responses", answers);
	pen_close(pen);
	pen_close(pen);
}

void
openapi_messages(struct openapi *doc)
{
	size_t count;
	const struct message *all = contract_messages(doc->contract, &count);

	if (count == 0)
		return;
	pen_object(&doc->pen, "webhooks");
	for (size_t i = 0; i < count; i++)
		write_message(doc, &all[i]);
	pen_close(&doc->pen);
}
