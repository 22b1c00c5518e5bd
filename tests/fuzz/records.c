/* SPDX-License-Identifier: MIT */
/*
 * Bodies of many records, as an array and as lines: cutting ends, pieces are in
 * the text, in order and apart, and of a text that is an array the pieces are
 * its items, and of one that is none something is refused.
 */
#include "fuzz.h"

#include "base/json.h"
#include "contract/internal.h"

/* Of which each piece is JSON: the count; SIZE_MAX when one is not. */
static size_t
cut(const char *text, size_t length, bool lines, struct json_object *whole)
{
	const char *end = text;
	struct json_fault fault;
	struct json_object *tree;
	enum records_step step;
	struct records r;
	struct record record;
	size_t count = 0;
	bool well = true;

	records_begin(&r, text, length, lines);
	while ((step = records_next(&r, &record)) == RECORDS_ONE) {
		MUST(record.text >= end && record.length > 0);
		end = record.text + record.length;
		MUST(end <= text + length && r.at <= length + 1);
		MUST((record.line > 0) == lines);
		if (!json_read(record.text, record.length, &json_caps_wire,
		    &tree, &fault)) {
			well = false;
		} else {
			MUST(whole == NULL || json_object_equal(tree,
			    json_object_array_get_idx(whole, count)));
			json_object_put(tree);
		}
		count++;
	}
	MUST(r.at <= length + 1);
	return well && step == RECORDS_END ? count : SIZE_MAX;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct json_object *whole = NULL;
	struct json_fault fault;
	size_t count;

	MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	(void)cut(text, size, true, NULL);
	if (json_read(text, size, &json_caps_wire, &whole, &fault) &&
	    json_object_is_type(whole, json_type_array)) {
		count = cut(text, size, false, whole);
		MUST(count == json_object_array_length(whole));
	} else {
		count = cut(text, size, false, NULL);
		/* The bounds of a document are each record's, not of all. */
		MUST(count == SIZE_MAX || strstr(fault.reason, "too many") !=
		    NULL || strstr(fault.reason, "deep") != NULL);
	}
	json_object_put(whole);
	free(text);
	return 0;
}
