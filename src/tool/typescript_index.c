/* SPDX-License-Identifier: MIT */
/*
 * index.ts, which has the others' names in one place, and client.ts, which
 * knows where the API is.  A component's name goes before one of the client's.
 */
#include "tool/typescript.h"

#include <string.h>

static bool
is_component(struct typescript *ts, const char *name)
{
	const struct component *c;

	for (size_t i = 0; (c = publication_component(ts->schemas, i)) != NULL;
	     i++)
		if (strcmp(c->name, name) == 0)
			return true;
	return false;
}

static void
write_names(struct typescript *ts, const char *const *names, const char *from,
    struct buf *out)
{
	size_t written = 0;

	for (; *names != NULL; names++) {
		if (is_component(ts, *names))
			continue;
		buf_string(out, written++ == 0 ? "export type {\n" : "");
		buf_format(out, "  %s,\n", *names);
	}
	if (written > 0)
		buf_format(out, "} from '%s';\n", from);
}

void
typescript_index(struct typescript *ts, struct buf *out)
{
	static const char *const client[] = { "Client", "ClientOptions",
		"Failure", "ListMeta", "ListResult", "Meta", "Result", "Retry",
		"Success", "TransportCode", "TransportProblem", NULL };
	static const char *const problems[] = { "AnyProblem", "Issue",
		"IssueCode", "Problem", "ProblemCode", "Problems", NULL };
	size_t count;
	const struct resource *all = contract_resources(ts->contract, &count);

	buf_string(out, "\nexport { createClient } from './client.ts';\n");
	write_names(ts, client, "./runtime/client.ts", out);
	write_names(ts, problems, "./problems.ts", out);
	buf_string(out, "export type * from './types.ts';\n");
	for (size_t i = 0; i < count; i++)
		buf_format(out, "export * as %s from './operations/%s.ts';\n",
		    typescript_value_name(ts, typescript_camel(ts,
			all[i].name)), all[i].name);
}

void
typescript_client(struct typescript *ts, struct buf *out)
{
	const struct contract_about *about = contract_about(ts->contract);

	buf_string(out,
	    "\nimport { createClient as create } from './runtime/client.ts';\n"
	    "import type { Client, ClientOptions } from './runtime/client.ts';"
	    "\n\n/** Where the API is, unless `base` says otherwise. */\n"
	    "export const BASE = ");
	typescript_string(out, about->base, strlen(about->base));
	buf_string(out, ";\n\n");
	typescript_comment(out, 0, about->description);
	buf_string(out,
	    "export function createClient(options: ClientOptions = {}): "
	    "Client {\n"
	    "  return create({ ...options, base: options.base ?? BASE });\n"
	    "}\n");
}
