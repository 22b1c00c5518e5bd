/* SPDX-License-Identifier: MIT */
/*
 * types.ts: a type a component, in the order in which operations come to them.
 */
#include "tool/typescript.h"

void
typescript_types(struct typescript *ts, struct buf *out)
{
	const struct component *c;

	for (size_t i = 0; (c = publication_component(ts->schemas, i)) != NULL;
	     i++) {
		buf_char(out, '\n');
		typescript_comment(out, 0, c->description);
		typescript_declare(ts, c->name, typescript_parse(ts,
		    c->schema), out);
	}
}
