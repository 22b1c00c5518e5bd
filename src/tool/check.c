/* SPDX-License-Identifier: MIT */
/* What was found of a contract: a line each for people, or one JSON array. */
#include "tool/tool.h"

#include "base/buf.h"

static void
add_line(struct buf *b, const struct finding *f, bool strict)
{
	buf_format(b, "%s:%zu:%zu: ", f->file, f->line, f->column);
	if (f->is_fault) {
		buf_format(b, "%s\n", f->what);
		return;
	}
	buf_format(b, "%s: %s; %s [%s]\n", strict ? "error" : "warning",
	    f->what, f->mend, f->id);
}

static void
add_object(struct buf *b, const struct finding *f, bool strict)
{
	buf_string(b, "{\"severity\":");
	buf_json_string(b, f->is_fault || strict ? "error" : "warning");
	buf_string(b, ",\"id\":");
	buf_json_string(b, f->id);
	buf_string(b, ",\"file\":");
	buf_json_string(b, f->file);
	buf_format(b, ",\"line\":%zu,\"column\":%zu,\"message\":", f->line,
	    f->column);
	buf_json_string(b, f->what);
	if (f->mend != NULL) {
		buf_string(b, ",\"hint\":");
		buf_json_string(b, f->mend);
	}
	buf_char(b, '}');
}

void
tool_check(const struct finding *findings, size_t count, bool strict,
    bool json, FILE *out)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	if (json)
		buf_char(&b, '[');
	for (size_t i = 0; i < count; i++) {
		if (json && i > 0)
			buf_string(&b, ",\n");
		(json ? add_object : add_line)(&b, &findings[i], strict);
	}
	if (json)
		buf_string(&b, "]\n");
	fwrite(b.at != NULL ? b.at : "", 1, b.length, out);
	buf_release(&b);
}
