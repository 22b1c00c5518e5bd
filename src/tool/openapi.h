/* SPDX-License-Identifier: MIT */
#ifndef TOOL_OPENAPI_H
#define TOOL_OPENAPI_H

#include "base/arena.h"
#include "tool/pen.h"
#include "tool/tool.h"

/* What the writers of the OpenAPI document share.  Private to tool/. */

/* Header fields of replies; components of the document once they are used. */
enum reply_header {
	REPLY_REQUEST_ID, REPLY_ETAG, REPLY_LOCATION, REPLY_LINK,
	REPLY_CONTENT_RANGE, REPLY_APPLIED, REPLY_REPLAYED, REPLY_CACHE,
	REPLY_RATE, REPLY_RATE_POLICY, REPLY_RETRY, REPLY_CHALLENGE,
	REPLY_HEADER_COUNT
};

/* Parameters that are the same wherever they are, likewise. */
enum shared_parameter {
	SHARED_AFTER, SHARED_SEARCH, SHARED_OR, SHARED_AND, SHARED_NOT_OR,
	SHARED_NOT_AND, SHARED_REQUEST_ID, SHARED_KEY, SHARED_KEY_REQUIRED,
	SHARED_MATCH, SHARED_MATCH_REQUIRED, SHARED_NONE_MATCH,
	SHARED_COUNT
};

/* A refusal that operations share: status and codes are its name. */
struct refusal {
	const struct refusal *next;
	const char *name;	/* 409.conflict.title_taken */
	const char *text;	/* JSON */
};

/* One document while it is written. */
struct openapi {
	const struct contract *contract;
	struct arena *arena;
	struct publication *schemas;
	struct pen pen;
	bool header_used[REPLY_HEADER_COUNT];
	bool parameter_used[SHARED_COUNT];
	const struct refusal *refusals;
	struct refusal *last_refusal;
};

/* ---- openapi_parameter.c ---- */

/* "parameters" of an operation; its path is written with others' names. */
void openapi_parameters(struct openapi *doc, const struct operation *op,
    const char *path);

/* The shared parameters that were used, as members. */
void openapi_shared_parameters(struct openapi *doc);

/* ---- openapi_message.c ---- */

/* "webhooks": the messages that endpoints are told, if there are any. */
void openapi_messages(struct openapi *doc);

/* ---- openapi_reply.c ---- */

/* "responses" of an operation. */
void openapi_replies(struct openapi *doc, const struct operation *op);

/* Does a success of the operation have the header field?  And its name. */
bool openapi_tells(const struct operation *op, enum reply_header header);
const char *openapi_header_name(enum reply_header header);

/* The refusals and header fields that were used, as members. */
void openapi_refusals(struct openapi *doc);
void openapi_headers(struct openapi *doc);

/* Names and schemas of what is around data and problems, as members. */
extern const char *const openapi_envelope_names[];
void openapi_envelopes(struct openapi *doc);

/* A schema that is a component, as a member or item. */
void openapi_component(struct openapi *doc, const char *name,
    const struct component *component);

#endif
