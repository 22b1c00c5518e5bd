/* SPDX-License-Identifier: MIT */
/*
 * check.json: the findings of a check that a team accepts.  Each names its
 * rule, the object and the reason, and nothing else; without a reason nothing
 * is accepted.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "contract/contract.h"

enum { FILE_MAX = 1 << 20 };

static const char file_name[] = "check.json";

/* One reading. */
struct accepting {
	struct arena *arena;
	struct json_places *places;
	struct json_object *root;
	struct buf *faults;
};

static void
fault(struct accepting *a, const char *path, const char *what)
{
	size_t line, column;

	json_place_of_path(a->places, a->root, path, &line, &column);
	buf_format(a->faults, "%s:%zu:%zu: %s\n", file_name, line, column,
	    what);
}

static const char *
text_of(struct accepting *a, struct json_object *item, const char *name)
{
	struct json_object *value = json_object_object_get(item, name);

	if (!json_object_is_type(value, json_type_string) ||
	    json_object_get_string_len(value) == 0)
		return NULL;
	return arena_string(a->arena, json_object_get_string(value));
}

static void
item_read(struct accepting *a, struct json_object *item, size_t number,
    struct accepted *ret)
{
	if (json_object_is_type(item, json_type_object) &&
	    json_object_object_length(item) == 3)
		*ret = (struct accepted){ .rule = text_of(a, item, "rule"),
			.object = text_of(a, item, "object"),
			.because = text_of(a, item, "because") };
	if (ret->rule == NULL || ret->object == NULL || ret->because == NULL)
		fault(a, arena_format(a->arena, "[\"accept\",%zu]", number),
		    "must have \"rule\", \"object\" and \"because\", texts, "
		    "and nothing else");
}

static const struct accepted *
list_read(struct accepting *a, size_t *ret_count)
{
	struct json_object *list = NULL;
	struct accepted *all;

	if (!json_object_is_type(a->root, json_type_object) ||
	    !json_object_object_get_ex(a->root, "accept", &list) ||
	    !json_object_is_type(list, json_type_array)) {
		fault(a, "[]", "must be an object with \"accept\", a list");
		return NULL;
	}
	*ret_count = json_object_array_length(list);
	all = arena_alloc(a->arena, (*ret_count + 1) * sizeof(*all));
	for (size_t i = 0; i < *ret_count; i++)
		item_read(a, json_object_array_get_idx(list, i), i, &all[i]);
	return all;
}

/* Reads the text of the file. */
static bool
text_read(struct accepting *a, const struct buf *text,
    const struct accepted **ret, size_t *ret_count)
{
	size_t before = a->faults->length, count = 0;
	const struct accepted *list;
	struct json_fault unread;

	if (!json_read_placed(a->arena, text->at, text->length,
		&json_caps_file, &a->root, &a->places, &unread)) {
		buf_format(a->faults, "%s:%zu:%zu: %s\n", file_name,
		    unread.line, unread.column, unread.reason);
		return false;
	}
	arena_defer(a->arena, json_drop, a->root);
	list = list_read(a, &count);
	if (a->faults->length > before)
		return false;
	*ret = list;
	*ret_count = count;
	return true;
}

bool
contract_accepted(const char *directory, struct arena *arena,
    const struct accepted **ret, size_t *ret_count, struct buf *faults)
{
	struct accepting a = { .arena = arena, .faults = faults };
	struct buf text;
	bool well;

	*ret_count = 0;
	*ret = NULL;
	buf_init(&text, FILE_MAX);
	errno = 0;
	well = file_read(arena_format(arena, "%s/%s", directory, file_name),
	    &text);
	if (well)
		well = text_read(&a, &text, ret, ret_count);
	else if (errno == ENOENT)
		well = true;
	else
		buf_format(faults, "%s:1:1: cannot be read\n", file_name);
	buf_release(&text);
	return well;
}
