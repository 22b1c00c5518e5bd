/* SPDX-License-Identifier: MIT */
/*
 * Examples stand in the schemas; here they get the form in which an operation
 * takes or tells them, and the envelope.
 */
#include "tool/example.h"

const struct component *
example_taken(struct publication *schemas, const struct operation *op)
{
	static const enum schema_form forms[] = {
		[VERB_CREATE] = FORM_CREATE,
		[VERB_UPDATE] = FORM_UPDATE,
		[VERB_CALL] = FORM_BODY,
	};

	return op->body == NULL ? NULL : publication_file(schemas,
	    op->body_file, forms[op->verb]);
}

const struct component *
example_told(struct publication *schemas, const struct operation *op)
{
	const char *file = op->verb == VERB_CALL ? op->returns_file :
	    op->verb == VERB_DELETE ? NULL : op->resource->schema_file;

	return file == NULL ? NULL : publication_file(schemas, file,
	    FORM_TOLD);
}

const char *
example_reply(struct publication *schemas, const struct operation *op,
    struct arena *arena)
{
	const struct component *row = example_told(schemas, op);
	const char *data = row == NULL ? "null" : row->example;
	bool list = op->verb == VERB_LIST;

	if (data == NULL)
		return NULL;
	return arena_format(arena, "{\"ok\":true,"
	    "\"data\":%s%s%s,\"meta\":{\"request_id\":"
	    "\"0b9c6e1f5d2a4c7e8f3a1b2c3d4e5f60\"%s}}", list ? "[" : "", data,
	    list ? "]" : "", list ? ",\"page\":{\"limit\":20,\"next\":null}" :
	    "");
}
