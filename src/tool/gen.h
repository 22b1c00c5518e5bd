/* SPDX-License-Identifier: MIT */
#ifndef TOOL_GEN_H
#define TOOL_GEN_H

#include "base/buf.h"
#include "tool/tool.h"

/* What the makers of files share.  Private to tool/. */

enum { GEN_TEXT_MAX = 256 << 20 };	/* bytes of a file */

/*
 * Has a file hold that text: it is written beside its place and moved there
 * when it is whole, so that nobody reads half of it, and left alone when it
 * holds the text.  To be checked only it is told of, and not touched.
 */
enum gen_outcome gen_settle(const struct gen_options *options,
    const char *path, const struct buf *text) MUST_CHECK;

/* What two outcomes are together: the graver. */
enum gen_outcome gen_graver(enum gen_outcome a, enum gen_outcome b);

#endif
