/* SPDX-License-Identifier: MIT */
/*
 * Which components a folder has: rows as they are read, what operations take,
 * what calls tell.  Rows come first, so that a schema's plain name is its
 * row's.  What is asked for twice is the same component.
 */
#include "tool/typescript.h"

#include <string.h>

#include "base/json.h"

/* What types.ts takes of the language by that name. */
const char *const typescript_reserved[] = { "Record", NULL };

const struct component *
typescript_row(struct typescript *ts, const struct resource *resource)
{
	return publication_file(ts->schemas, resource->schema_file, FORM_TOLD);
}

const struct component *
typescript_taken(struct typescript *ts, const struct operation *op)
{
	static const enum schema_form forms[] = {
		[VERB_CREATE] = FORM_CREATE,
		[VERB_UPDATE] = FORM_UPDATE,
		[VERB_CALL] = FORM_BODY,
	};
	const char *file = op->body != NULL ? op->body_file : op->query_file;

	return file == NULL ? NULL : publication_file(ts->schemas, file,
	    forms[op->verb]);
}

/* Does it tell rows of a table, with all their members? */
static bool
tells_row(struct typescript *ts, const struct operation *op)
{
	size_t count;
	const struct resource *all = contract_resources(ts->contract, &count);

	for (size_t i = 0; op->return_count > 0 && i < count; i++)
		if (all[i].table.name != NULL && strcmp(all[i].schema_file,
			op->returns_file) == 0)
			return true;
	return op->verb != VERB_CALL && op->verb != VERB_DELETE;
}

const struct component *
typescript_told(struct typescript *ts, const struct operation *op)
{
	const char *file = op->verb == VERB_CALL ? op->returns_file :
	    op->verb == VERB_DELETE ? NULL : op->resource->schema_file;

	return file == NULL ? NULL : publication_file(ts->schemas, file,
	    FORM_TOLD);
}

static void
publish_related(struct typescript *ts, const struct related *related,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)typescript_row(ts, related[i].resource);
		publish_related(ts, related[i].related,
		    related[i].related_count);
	}
}

void
typescript_publish(struct typescript *ts)
{
	size_t count;
	const struct operation *op = contract_operations(ts->contract,
	    &count);

	for (size_t i = 0; i < count; i++) {
		if (tells_row(ts, &op[i]))
			(void)typescript_told(ts, &op[i]);
		publish_related(ts, op[i].related, op[i].related_count);
	}
	for (size_t i = 0; i < count; i++) {
		(void)typescript_taken(ts, &op[i]);
		(void)typescript_told(ts, &op[i]);
		/* What the types of parameters refer to. */
		for (size_t j = 0; j < op[i].argument_count; j++)
			(void)publication_field(ts->schemas,
			    &op[i].arguments[j]);
		for (size_t j = 0; j < op[i].path_count; j++)
			(void)publication_field(ts->schemas, &op[i].paths[j]);
		for (size_t j = 0; j < op[i].resource->key_count; j++)
			(void)publication_field(ts->schemas,
			    op[i].resource->keys[j]);
	}
}

struct json_object *
typescript_parse(struct typescript *ts, const char *text)
{
	struct json_object *tree = NULL;
	struct json_fault fault;

	/* It was written from a tree that was read. */
	if (!json_read(text, strlen(text), &json_caps_standard, &tree, &fault))
		return NULL;
	arena_defer(ts->arena, json_drop, tree);
	return tree;
}
