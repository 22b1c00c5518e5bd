/* SPDX-License-Identifier: MIT */
/*
 * The way to the role in the claims.  Providers keep it in different places;
 * the operator says where, as PostgREST's users know it, and it is looked for
 * there alone.  Invariant: what is found is on the contract's list, and is a
 * whole string: nothing is split, trimmed or guessed.
 */
#include "auth/key.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { INDEX_MAX = 255 };

/* Adds a step for a member's name; false when there are too many. */
static bool
add_name(struct arena *arena, struct auth_path *path, const char *name,
    size_t length)
{
	if (length == 0 || path->count == AUTH_PATH_MAX)
		return false;
	path->step[path->count++].name = arena_copy(arena, name, length);
	return true;
}

/* Reads .name or ."a name"; NULL when it is neither, else what is after. */
static const char *
read_name(struct arena *arena, const char *at, struct auth_path *path)
{
	const char *end;

	if (*++at == '"') {
		end = strchr(++at, '"');
		if (end == NULL || !add_name(arena, path, at,
		    (size_t)(end - at)))
			return NULL;
		return end + 1;
	}
	for (end = at; isalnum((unsigned char)*end) || *end == '_' ||
	    *end == '-'; end++)
		;
	return add_name(arena, path, at, (size_t)(end - at)) ? end : NULL;
}

/* Reads [7], or [*], which must be the last. */
static const char *
read_index(const char *at, struct auth_path *path)
{
	size_t length = strcspn(at, "]");
	int64_t index = 0;
	bool any = length == 2 && at[1] == '*';

	if (at[length] != ']' || path->count == AUTH_PATH_MAX)
		return NULL;
	if (any ? at[3] != '\0' : !text_to_int(at + 1, length - 1, &index) ||
	    index < 0 || index > INDEX_MAX)
		return NULL;
	path->step[path->count].index = (size_t)index;
	path->step[path->count++].any = any;
	return at + length + 1;
}

bool
auth_path_read(struct arena *arena, const char *text, struct auth_path *ret)
{
	struct auth_path path = { .count = 0 };
	const char *at = text;

	if (text[0] != '.') {
		/* One claim, whatever its name: many are URLs. */
		if (!add_name(arena, &path, text, strlen(text)))
			return false;
		*ret = path;
		return true;
	}
	while (at != NULL && *at != '\0')
		at = *at == '.' ? read_name(arena, at, &path) :
		    *at == '[' && path.count > 0 ? read_index(at, &path) : NULL;
	if (at == NULL || path.step[0].name == NULL)
		return false;
	*ret = path;
	return true;
}

/* The first of the array's strings that is listed. */
static const char *
find_listed(struct json_object *array, const char *const *roles, size_t count,
    const char **ret_reason)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		const char *role = auth_text_of(json_object_array_get_idx(
		    array, i));

		if (role != NULL && auth_listed(roles, count, role))
			return role;
	}
	*ret_reason = "none of the roles is on the list";
	return NULL;
}

const char *
auth_path_find(const struct auth_path *path, struct json_object *payload,
    const char *const *roles, size_t role_count, const char **ret_reason)
{
	struct json_object *at = payload;
	const char *role;

	*ret_reason = "role is missing";
	for (size_t i = 0; i < path->count; i++) {
		const char *name = path->step[i].name;

		if (name != NULL) {
			if (!json_object_is_type(at, json_type_object) ||
			    !json_object_object_get_ex(at, name, &at))
				return NULL;
			continue;
		}
		if (!json_object_is_type(at, json_type_array))
			return NULL;
		if (path->step[i].any)
			return find_listed(at, roles, role_count, ret_reason);
		if (path->step[i].index >= json_object_array_length(at))
			return NULL;
		at = json_object_array_get_idx(at, path->step[i].index);
	}
	role = auth_text_of(at);
	*ret_reason = role == NULL ? "role is no string" :
	    "role is not on the list";
	return role != NULL && auth_listed(roles, role_count, role) ? role :
	    NULL;
}

/* What the step wants to find: the role, an array or an object. */
static struct json_object *
make_for(const struct auth_path *path, size_t step, const char *role)
{
	if (step == path->count)
		return json_object_new_string(role);
	return path->step[step].name != NULL ? json_object_new_object() :
	    json_object_new_array();
}

bool
auth_path_put(const struct auth_path *path, struct json_object *payload,
    const char *role)
{
	struct json_object *at = payload, *next;

	for (size_t i = 0; i < path->count; i++) {
		const char *name = path->step[i].name;

		if (name == NULL) {
			/* Only made here, so it is an empty array. */
			next = make_for(path, i + 1, role);
			json_object_array_put_idx(at, path->step[i].index,
			    next);
		} else if (!json_object_object_get_ex(at, name, &next)) {
			next = make_for(path, i + 1, role);
			json_object_object_add(at, name, next);
		} else if (i + 1 == path->count ||
		    !json_object_is_type(next, json_type_object) ||
		    path->step[i + 1].name == NULL) {
			return false;
		}
		at = next;
	}
	return true;
}
