/* SPDX-License-Identifier: MIT */
/*
 * The tree in PCRE2's syntax, with nothing left to its defaults: literals as
 * themselves or as \x{...}, every group without capture, ^ and $ as \A and \z,
 * all classes spelled.  References back are not written: PCRE2 keeps what a
 * group took in an earlier round of a loop, ECMA-262 forgets it.
 */
#include <string.h>

#include "contract/pattern_tree.h"

static void node_write(struct buf *b, const struct node *node);

static void
write_counts(struct buf *b, const struct node *node)
{
	if (node->repeat.most == PATTERN_UNBOUNDED)
		buf_format(b, "{%u,}", (unsigned)node->repeat.least);
	else
		buf_format(b, "{%u,%u}", (unsigned)node->repeat.least,
		    (unsigned)node->repeat.most);
	if (node->lazy)
		buf_char(b, '?');
}

static void
write_point(struct buf *b, uint32_t point)
{
	if (point >= 0xd800 && point <= 0xdfff)
		buf_string(b, "[^\\x{0}-\\x{10ffff}]");
	else if ((point >= 'a' && point <= 'z') ||
	    (point >= 'A' && point <= 'Z') || (point >= '0' && point <= '9'))
		buf_char(b, (char)point);
	else
		buf_format(b, "\\x{%x}", (unsigned)point);
}

static void
write_bracketed(struct buf *b, const char *open, const struct node *node)
{
	buf_string(b, open);
	node_write(b, node);
	buf_char(b, ')');
}

static void
write_look(struct buf *b, const struct node *node)
{
	static const char *const opens[2][2] = { { "(?=", "(?!" },
		{ "(?<=", "(?<!" } };

	write_bracketed(b, opens[node->behind][node->negated], node->body);
}

static void
write_children(struct buf *b, const struct node *node)
{
	for (const struct node *child = node->body; child != NULL;
	    child = child->next) {
		if (node->kind == NODE_CHOICE && child != node->body)
			buf_char(b, '|');
		node_write(b, child);
	}
}

static void
node_write(struct buf *b, const struct node *node)
{
	switch (node->kind) {
	case NODE_POINT:
		write_point(b, node->point);
		break;
	case NODE_SET:
		set_write(b, node->set);
		break;
	case NODE_CHOICE:
		buf_string(b, "(?:");
		write_children(b, node);
		buf_char(b, ')');
		break;
	case NODE_SEQUENCE:
		write_children(b, node);
		break;
	case NODE_GROUP:
		node_write(b, node->body);
		break;
	case NODE_REPEAT:
		if (node_single(node->body))
			node_write(b, node->body);
		else
			write_bracketed(b, "(?:", node->body);
		write_counts(b, node);
		break;
	case NODE_LOOK:
		write_look(b, node);
		break;
	case NODE_START:
		buf_string(b, "\\A");
		break;
	case NODE_END:
		buf_string(b, "\\z");
		break;
	case NODE_WORD:
		buf_string(b, node->negated ? "\\B" : "\\b");
		break;
	default:
		break;
	}
}

bool
tree_write(struct buf *b, const struct tree *tree)
{
	if (tree->backreference)
		return false;
	node_write(b, tree->root);
	return !b->failed;
}
