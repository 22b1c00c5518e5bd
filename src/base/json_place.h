/* SPDX-License-Identifier: MIT */
#ifndef BASE_JSON_PLACE_H
#define BASE_JSON_PLACE_H

#include "base/json.h"

/* Private to the reader: how places get noted.  See json.h for their use. */

/* No places yet, for the text that is being read. */
struct json_places *json_places_new(struct arena *arena, const char *text,
    size_t length);

/*
 * Notes a member (name not NULL, copied) or the item `index` of parent: the
 * offsets of its name and of its value.  A member's name_at is that of its
 * opening quote.
 */
void json_places_note(struct json_places *places,
    const struct json_object *parent, const char *name, size_t index,
    size_t name_at, size_t value_at);

#endif
