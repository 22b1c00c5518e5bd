/* SPDX-License-Identifier: MIT */
/*
 * The keywords.  A schema object is first held against the table: a value of
 * the wrong shape is a fault, and in a contract so is what no row names; what
 * passes is put aside by keyword.  So the order of keywords in a file never
 * matters, and the builders of rules meet only values of the right shape.
 */
#include "contract/frame.h"
#include "contract/near.h"

#include <stdarg.h>
#include <string.h>

const struct keyword_row schema_keywords[KEYWORD_COUNT] = {
#define K(name, text, shape, vocabulary)                                       \
	[KEYWORD_##name] = { text, SHAPE_##shape, VOCABULARY_##vocabulary },
	KEYWORDS(K)
#undef K
};

enum keyword
schema_keyword_find(const char *name)
{
	size_t k = 0;

	while (k < KEYWORD_COUNT && strcmp(schema_keywords[k].name, name) != 0)
		k++;
	return k;
}

/* Where a keyword's value stands, and what is in it. */
struct spot
frame_spot(const struct frame *f, enum keyword k)
{
	return (struct spot){ f->schema->resource, f->object,
		schema_keywords[k].name, 0, false };
}

struct spot
frame_spot_member(const struct frame *f, enum keyword k, const char *name)
{
	return (struct spot){ f->schema->resource, f->value[k], name, 0,
		false };
}

struct spot
frame_spot_item(const struct frame *f, struct json_object *list, size_t index)
{
	return (struct spot){ f->schema->resource, list, NULL, index,
		false };
}

static void PRINTF_LIKE(3, 0)
fault_at(const struct frame *f, enum keyword k, const char *format, va_list ap)
{
	struct spot spot = frame_spot(f, k);

	library_fault(f->library, &spot, "\"%s\" %s", schema_keywords[k].name,
	    arena_vformat(f->arena, format, ap));
}

void
frame_fault(const struct frame *f, enum keyword k, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fault_at(f, k, format, ap);
	va_end(ap);
}

void
frame_object(const struct frame *f, enum keyword k, const char *format, ...)
{
	va_list ap;

	if (!f->library->contract)
		return;
	va_start(ap, format);
	fault_at(f, k, format, ap);
	va_end(ap);
}

/* Moves the text of b into the arena. */
static const char *
moved(struct arena *arena, struct buf *b)
{
	const char *text = arena_copy(arena, b->at, b->length);

	buf_release(b);
	return text;
}

/* A tree as JSON text, in the arena. */
const char *
frame_json(struct arena *arena, struct json_object *value)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	json_write(&b, value);
	return moved(arena, &b);
}

const char *
frame_json_string(struct arena *arena, const char *s)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	buf_json_string(&b, s);
	return moved(arena, &b);
}

const struct issue_param *
frame_params(struct arena *arena, const char *name, const char *json)
{
	struct issue_param *p = arena_alloc(arena, PARAMS_MAX * sizeof(*p));

	p[0] = (struct issue_param){ name, json };
	return p;
}

/* What an issue about a limit says, in zod's words. */
const struct issue_param *
frame_params_limit(struct arena *arena, const char *name, const char *limit,
    bool inclusive, const char *origin)
{
	struct issue_param *p = arena_alloc(arena, PARAMS_MAX * sizeof(*p));

	p[0] = (struct issue_param){ name, limit };
	p[1] = (struct issue_param){ "inclusive",
		inclusive ? "true" : "false" };
	p[2] = (struct issue_param){ "origin", origin };
	return p;
}

/* A number that counts something; false when it is none. */
bool
frame_count(struct json_object *value, size_t *ret)
{
	struct number n;
	enum json_type type = json_object_get_type(value);

	if (type != json_type_int && type != json_type_double)
		return false;
	number_of(value, &n);
	if (n.negative || !number_is_integer(&n))
		return false;
	*ret = n.text != NULL || n.exponent > 15 ? SIZE_MAX : n.digits;
	for (; n.exponent > 0 && *ret < SIZE_MAX / 10; n.exponent--)
		*ret *= 10;
	return true;
}

bool
frame_is_true(const struct frame *f, enum keyword k)
{
	return f->given[k] && json_object_get_boolean(f->value[k]);
}

/* Is any of the keywords from `first` to `last` given? */
bool
frame_any(const struct frame *f, enum keyword first, enum keyword last)
{
	for (size_t k = first; k <= last; k++)
		if (f->given[k])
			return true;
	return false;
}

/* A pair of counts; `least` and `most` are keywords. */
struct span
frame_span(struct frame *f, enum keyword least, enum keyword most,
    const enum rule rules[2], const char *origin)
{
	struct span span = { 0, SIZE_MAX, rules[0], rules[1], NULL, NULL };

	if (f->given[least] && frame_count(f->value[least], &span.least))
		span.least_params = frame_params_limit(f->arena, "minimum",
		    frame_json(f->arena, f->value[least]), true, origin);
	if (f->given[most] && frame_count(f->value[most], &span.most))
		span.most_params = frame_params_limit(f->arena, "maximum",
		    frame_json(f->arena, f->value[most]), true, origin);
	if (span.least > span.most)
		frame_object(f, most, "is less than \"%s\"",
		    schema_keywords[least].name);
	return span;
}

/* The subschema that is a keyword's value. */
const struct schema *
frame_sub(struct frame *f, enum keyword k)
{
	struct spot spot = frame_spot(f, k);

	return schema_make(f->set, &spot, f->value[k], VARIANT_WHOLE);
}

/* The subschemas of a list, from `first` on in `ret`. */
void
frame_sub_list(struct frame *f, enum keyword k, enum variant variant,
    const struct schema **ret)
{
	struct json_object *list = f->value[k];

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct spot spot = frame_spot_item(f, list, i);

		ret[i] = schema_make(f->set, &spot,
		    json_object_array_get_idx(list, i), variant);
	}
}

/* Does the variant judge members of an update, which may be any of them? */
bool
variant_is_partial(enum variant variant)
{
	return variant == VARIANT_UPDATE || variant == VARIANT_PARTIAL;
}

/* Does the variant refuse members that it does not name, in any case? */
bool
variant_is_closed(enum variant variant)
{
	return variant == VARIANT_CREATE || variant == VARIANT_UPDATE ||
	    variant == VARIANT_BODY;
}

/* Of very many strings it is not said whether they are different. */
static bool
is_names(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);

		if (!json_object_is_type(item, json_type_string))
			return false;
		for (size_t j = 0; j < i && i < NAMES_MAX; j++)
			if (value_equal(item,
				json_object_array_get_idx(value, j)))
				return false;
	}
	return true;
}

static bool
is_names_map(struct json_object *value, bool or_schemas)
{
	if (!json_object_is_type(value, json_type_object))
		return false;
	json_object_object_foreach(value, name, list) {
		(void)name;
		if (!is_names(list) && (!or_schemas ||
			json_object_is_type(list, json_type_array)))
			return false;
	}
	return true;
}

/* What the shape wants, when the value has not got it; else NULL. */
static const char *
misfit(enum shape shape, struct json_object *value)
{
	enum json_type type = json_object_get_type(value);
	size_t count;

	switch (shape) {
	case SHAPE_STRING:
		return type == json_type_string ? NULL : "must be a string";
	case SHAPE_BOOLEAN:
		return type == json_type_boolean ? NULL :
						   "must be true or false";
	case SHAPE_NUMBER:
		return type == json_type_int || type == json_type_double ?
		    NULL : "must be a number";
	case SHAPE_COUNT:
		return frame_count(value, &count) ? NULL :
		    "must be an integer, 0 or more";
	case SHAPE_SCHEMAS:
		return type == json_type_array &&
			json_object_array_length(value) > 0 ? NULL :
		    "must be a list of schemas, not empty";
	case SHAPE_SCHEMA_MAP:
		return type == json_type_object ? NULL :
		    "must be an object of schemas";
	case SHAPE_LIST:
		return type == json_type_array ? NULL : "must be a list";
	case SHAPE_NAMES:
		return is_names(value) ? NULL :
		    "must be a list of different strings";
	case SHAPE_NAMES_MAP:
		return is_names_map(value, false) ? NULL :
		    "must be an object of lists of different strings";
	case SHAPE_SCHEMA_OR_NAMES_MAP:
		return is_names_map(value, true) ? NULL :
		    "must be an object of schemas or lists of different "
		    "strings";
	case SHAPE_TYPE:
		return type == json_type_string || (is_names(value) &&
			json_object_array_length(value) > 0) ? NULL :
		    "must be a type or a list of different types";
	default:	/* schemas are looked at when they are compiled */
		return NULL;
	}
}

/* The keyword that a name may have been meant to be, as a question. */
static const char *
meant(const struct frame *f, const char *name)
{
	const char *near = near_keyword(name);

	return near == NULL ? "" : arena_format(f->arena,
	    "; did you mean \"%s\"?", near);
}

/* A member that no keyword in use names. */
static void
pass_over(const struct frame *f, const char *name, enum keyword k)
{
	struct spot spot = { f->schema->resource, f->object, name, 0, true };

	if (f->library->contract && strncmp(name, "x-", 2) != 0 &&
	    (k == KEYWORD_COUNT || k == KEYWORD_DEPENDENCIES))
		library_fault(f->library, &spot, "unknown keyword \"%s\"%s",
		    name, meant(f, k == KEYWORD_COUNT ? name : ""));
}

static bool
is_in_use(const struct frame *f, enum keyword k)
{
	if (k == KEYWORD_CREATE_ONLY)
		return f->library->contract;
	if (k == KEYWORD_DEPENDENCIES)
		return !f->library->contract;
	return (schema_keywords[k].vocabularies &
	    ~f->dialect->vocabularies) == 0;
}

void
frame_sort(struct frame *f)
{
	json_object_object_foreach(f->object, name, value) {
		enum keyword k = schema_keyword_find(name);
		const char *wrong;

		if (k == KEYWORD_COUNT || !is_in_use(f, k)) {
			pass_over(f, name, k);
			continue;
		}
		if ((wrong = misfit(schema_keywords[k].shape, value)) != NULL) {
			frame_fault(f, k, "%s", wrong);
			continue;
		}
		f->given[k] = true;
		f->value[k] = value;
	}
}
