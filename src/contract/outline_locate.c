/* SPDX-License-Identifier: MIT */
/*
 * Where schemas and keywords stand: the URI of the resource, and a JSON pointer
 * (RFC 6901) as its fragment, in which RFC 3986 lets few characters stand for
 * themselves.  Found by climbing, when it is asked; nothing is kept.
 */
#include "contract/outline.h"

#include <string.h>

static const char below[] = "contract:///";	/* the URI of a mere file */

bool
node_is_nameless(const struct node *node)
{
	return strncmp(node->resource->uri, below, sizeof(below) - 1) == 0;
}

void
pointer_add(struct buf *b, const char *token)
{
	buf_char(b, '/');
	for (; *token != '\0'; token++) {
		if (*token == '~')
			buf_string(b, "~0");
		else if (*token == '/')
			buf_string(b, "~1");
		else
			buf_char(b, *token);
	}
}

void
pointer_add_index(struct buf *b, size_t index)
{
	buf_char(b, '/');
	buf_int(b, (int64_t)index);
}

/* The pointer from a resource to a node, as deep as a document may be. */
static void
add_way(struct buf *b, const struct node *node,
    const struct schema_resource *resource)
{
	if (node->up == NULL || node->value == resource->root)
		return;
	add_way(b, node->up, resource);
	if (node->name != NULL)
		pointer_add(b, node->name);
	else
		pointer_add_index(b, node->index);
}

/* Adds a text that is to be part of a URI: what may not be there as %XX. */
static void
add_escaped(struct buf *b, const char *text, const char *kept)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' &&
			(c | 0x20) <= 'z') || strchr(kept, c) != NULL)
			buf_char(b, (char)c);
		else
			buf_format(b, "%%%02X", (unsigned)c);
	}
}

void
node_locate(const struct node *node, const struct word *word, struct buf *b)
{
	static const char kept[] = "-._~!$&'()*+,;=:@/?";
	const char *uri = node->resource->uri;
	struct buf way;

	if (node_is_nameless(node)) {
		buf_string(b, "file:///");
		/* A relative $id has escapes of its own. */
		add_escaped(b, uri + sizeof(below) - 1,
		    "-._~!$&'()*+,;=:@/?%");
	} else {
		buf_string(b, uri);
	}
	buf_init(&way, b->limit);
	add_way(&way, node, node->resource);
	if (word != NULL)
		pointer_add(&way, word->name);
	buf_char(b, '#');
	add_escaped(b, way.length > 0 ? way.at : "", kept);
	buf_release(&way);
}
