/* SPDX-License-Identifier: MIT */
/*
 * The JSON reader: what it takes it writes, and what is written is read back
 * to the same text, under the same caps.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/json.h"

/* Reads what was written; it must be the same again. */
static void
again(const struct buf *first)
{
	struct json_object *tree;
	struct json_fault fault;
	struct buf second;

	MUST(json_read(first->at, first->length, &json_caps_file, &tree,
	    &fault));
	buf_init(&second, SIZE_MAX / 8);
	json_write(&second, tree);
	MUST(second.length == first->length &&
	    memcmp(second.at, first->at, first->length) == 0);
	buf_release(&second);
	json_object_put(tree);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct arena *arena = arena_new();
	struct json_object *tree, *placed;
	struct json_places *places;
	struct json_fault fault, placed_fault;
	struct buf first;
	bool ok = json_read(text, size, &json_caps_wire, &tree, &fault);

	MUST(json_read_placed(arena, text, size, &json_caps_wire, &placed,
	    &places, &placed_fault) == ok);
	if (ok) {
		buf_init(&first, SIZE_MAX / 8);
		json_write(&first, tree);
		again(&first);
		buf_release(&first);
		json_object_put(tree);
		json_object_put(placed);
	} else {
		MUST(fault.offset <= size && fault.line > 0 &&
		    fault.column > 0 && fault.reason != NULL);
		MUST(fault.offset == placed_fault.offset);
	}
	arena_free(arena);
	return 0;
}
