/* SPDX-License-Identifier: MIT */
/*
 * Where members and items stand in a text.  json-c has no object for null, so
 * a value is known by its parent and its name or index.  Kept are offsets, in
 * a chained hash table that doubles; lines are found when asked for, from the
 * offsets of the line ends, since hardly any place is ever asked for.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_place.h"

struct noted {
	struct noted *next;	/* of the same bucket */
	const struct json_object *parent;
	const char *name;	/* NULL: an item */
	size_t index;
	size_t name_at, value_at;
};

struct json_places {
	struct arena *arena;
	struct noted **buckets;
	size_t bucket_count;	/* a power of two */
	size_t count;
	size_t *line_ends;	/* offsets of the newlines, ascending */
	size_t line_end_count;
};

static void
find_lines(struct json_places *places, const char *text, size_t length)
{
	const char *end = text + length, *at;
	size_t n = 0;

	for (at = text; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;
	    at++)
		n++;
	places->line_ends = arena_alloc(places->arena, n * sizeof(size_t));
	for (at = text; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;
	    at++)
		places->line_ends[places->line_end_count++] =
		    (size_t)(at - text);
}

struct json_places *
json_places_new(struct arena *arena, const char *text, size_t length)
{
	struct json_places *places = arena_alloc(arena, sizeof(*places));

	places->arena = arena;
	places->bucket_count = 64;
	places->buckets = arena_alloc(arena,
	    places->bucket_count * sizeof(struct noted *));
	find_lines(places, text, length);
	return places;
}

/* FNV-1a over the parent's address and the name or the index. */
static uint64_t
hash(const struct json_object *parent, const char *name, size_t index)
{
	const uint64_t prime = 0x100000001b3U;
	uint64_t h = 0xcbf29ce484222325U;

	h = (h ^ (uintptr_t)parent >> 4) * prime;
	if (name == NULL)
		return (h ^ index) * prime;
	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * prime;
	return h;
}

static struct noted **
bucket(const struct json_places *places, const struct json_object *parent,
    const char *name, size_t index)
{
	uint64_t h = hash(parent, name, index);

	return &places->buckets[(h ^ h >> 32) & (places->bucket_count - 1)];
}

static void
grow(struct json_places *places)
{
	struct noted **old = places->buckets;
	size_t n = places->bucket_count;

	places->bucket_count = n * 2;
	places->buckets = arena_alloc(places->arena,
	    places->bucket_count * sizeof(struct noted *));
	for (size_t i = 0; i < n; i++) {
		struct noted *it, *next;

		for (it = old[i]; it != NULL; it = next) {
			struct noted **to = bucket(places, it->parent,
			    it->name, it->index);

			next = it->next;
			it->next = *to;
			*to = it;
		}
	}
}

void
json_places_note(struct json_places *places, const struct json_object *parent,
    const char *name, size_t index, size_t name_at, size_t value_at)
{
	struct noted *it = arena_alloc(places->arena, sizeof(*it));
	struct noted **to;

	if (places->count++ == places->bucket_count)
		grow(places);
	to = bucket(places, parent, name, index);
	it->next = *to;
	it->parent = parent;
	it->name = name == NULL ? NULL : arena_string(places->arena, name);
	it->index = index;
	it->name_at = name_at;
	it->value_at = value_at;
	*to = it;
}

static const struct noted *
find(const struct json_places *places, const struct json_object *parent,
    const char *name, size_t index)
{
	const struct noted *it = *bucket(places, parent, name, index);

	for (; it != NULL; it = it->next) {
		if (it->parent != parent ||
		    (it->name == NULL) != (name == NULL))
			continue;
		if (name != NULL ? strcmp(it->name, name) == 0 :
		    it->index == index)
			return it;
	}
	return NULL;
}

/* Line and column of an offset: the lines that end before it are counted. */
static void
locate(const struct json_places *places, size_t offset, size_t *ret_line,
    size_t *ret_column)
{
	size_t low = 0, high = places->line_end_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->line_ends[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_line = low + 1;
	*ret_column = offset - (low > 0 ? places->line_ends[low - 1] + 1 : 0) +
	    1;
}

bool
json_place(const struct json_places *places, const struct json_object *parent,
    const char *name, size_t index, size_t *ret_line, size_t *ret_column)
{
	const struct noted *it = find(places, parent, name,
	    name == NULL ? index : 0);

	if (it == NULL)
		return false;
	locate(places, it->value_at, ret_line, ret_column);
	return true;
}

bool
json_place_of_name(const struct json_places *places,
    const struct json_object *parent, const char *name, size_t *ret_line,
    size_t *ret_column)
{
	const struct noted *it = find(places, parent, name, 0);

	if (it == NULL)
		return false;
	locate(places, it->name_at, ret_line, ret_column);
	return true;
}

/* Steps into the member or item that a path's step names. */
static bool
step(struct json_object *from, struct json_object *by, const char **ret_name,
    size_t *ret_index, struct json_object **ret)
{
	*ret_name = NULL;
	*ret_index = 0;
	if (json_object_is_type(by, json_type_string)) {
		*ret_name = json_object_get_string(by);
		return json_object_is_type(from, json_type_object) &&
		    json_object_object_get_ex(from, *ret_name, ret);
	}
	*ret_index = (size_t)json_object_get_int64(by);
	if (!json_object_is_type(from, json_type_array) ||
	    *ret_index >= json_object_array_length(from))
		return false;
	*ret = json_object_array_get_idx(from, *ret_index);
	return true;
}

void
json_place_of_path(const struct json_places *places, struct json_object *root,
    const char *path, size_t *ret_line, size_t *ret_column)
{
	struct json_object *steps, *at = root, *next;
	struct json_fault unread;

	*ret_line = *ret_column = 1;
	if (!json_read(path, strlen(path), &json_caps_file, &steps, &unread))
		return;
	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		const char *name;
		size_t index;

		if (!step(at, json_object_array_get_idx(steps, i), &name,
			&index, &next) ||
		    !json_place(places, at, name, index, ret_line, ret_column))
			break;
		at = next;
	}
	json_object_put(steps);
}
