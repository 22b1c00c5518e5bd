/* SPDX-License-Identifier: MIT */
/*
 * validators.ts: a validator a component, each with its schema as data.  They
 * refer to each other by functions, so their order does not matter, and each is
 * made by one call, so that a bundler drops what is not used.
 */
#include "tool/typescript.h"

#include <string.h>

bool
typescript_is_body(struct typescript *ts, const struct component *component)
{
	size_t count;
	const struct operation *op = contract_operations(ts->contract, &count);

	for (size_t i = 0; i < count; i++)
		if (op[i].body != NULL &&
		    typescript_taken(ts, &op[i]) == component)
			return true;
	return false;
}

static void
write_validator(struct typescript *ts, const struct component *c,
    struct buf *out)
{
	const char *type = typescript_local(ts, c->name);

	buf_char(out, '\n');
	typescript_comment(out, 0, c->description);
	buf_format(out, "export const %s: Validator<%s> = /*#__PURE__*/ "
	    "%s<%s>(%s);\n", typescript_value_name(ts, c->name), type,
	    typescript_is_body(ts, c) ? "bodyValidator" : "validator",
	    type, typescript_data(ts, typescript_parse(ts,
		c->schema), NULL, "", 0, 0));
}

void
typescript_validators(struct typescript *ts, struct buf *out)
{
	static const char *const taken[] = { "Validator", NULL };
	static const char *const makers[] = { "bodyValidator", "validator",
		NULL };
	static const struct typescript_module modules[] = {
		{ "./runtime/judge.ts", makers, true },
		{ "./runtime/schema.ts", taken, false },
	};
	const struct component *c;
	struct buf body;

	ts->taken = taken;
	buf_init(&body, GEN_TEXT_MAX);
	for (size_t i = 0; (c = publication_component(ts->schemas, i)) != NULL;
	     i++)
		write_validator(ts, c, &body);
	buf_char(out, '\n');
	if (body.length > 0 && strstr(body.at, "format: formats.") != NULL)
		buf_string(out, "import * as formats from "
		    "'./runtime/formats.ts';\n");
	typescript_import(ts, &body, modules, countof(modules), out);
	typescript_import_types(ts, &body, "./types.ts", out);
	buf_string(out, "\nexport type { JudgeIssue, Judged, StandardSchema, "
	    "Validator } from './runtime/schema.ts';\n");
	if (body.length > 0)
		buf_add(out, body.at, body.length);
	buf_release(&body);
	ts->taken = NULL;
}
