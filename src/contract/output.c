/* SPDX-License-Identifier: MIT */
/*
 * JSON Schema's output, written.  Each unit has a "valid" of its own, and the
 * whole has the locations of a unit, as the standard's schema of outputs asks
 * for, although its examples leave them out.
 */
#include "contract/annotate.h"

static const struct unit too_long = { "\"\"", NULL, "\"\"",
	"\"takes too long to judge\"" };

static void
add_unit(struct buf *b, const struct unit *unit, const char *valid,
    const char *what)
{
	buf_format(b, "{\"valid\":%s,\"keywordLocation\":", valid);
	buf_string(b, unit->keyword_location);
	if (unit->absolute_location != NULL) {
		buf_string(b, ",\"absoluteKeywordLocation\":");
		buf_string(b, unit->absolute_location);
	}
	buf_string(b, ",\"instanceLocation\":");
	buf_string(b, unit->instance_location);
	buf_format(b, ",\"%s\":", what);
	buf_string(b, unit->text);
	buf_char(b, '}');
}

void
output_write(const struct output *output, bool valid, struct buf *b)
{
	const char *verdict = valid ? "true" : "false";
	const char *what = valid ? "annotation" : "error";
	bool void_ = output->exhausted || output->valid != valid;
	struct units units = valid ? output->annotations : output->errors;

	if (void_)
		units = (struct units){ (struct unit *)&too_long, !valid, 0 };
	buf_format(b, "{\"valid\":%s,\"keywordLocation\":\"\","
	    "\"instanceLocation\":\"\",\"%ss\":[", verdict, what);
	for (size_t i = 0; i < units.count; i++) {
		if (i > 0)
			buf_char(b, ',');
		add_unit(b, &units.at[i], verdict, what);
	}
	buf_string(b, void_ && valid ? "],\"truncated\":true}" : "]}");
}
