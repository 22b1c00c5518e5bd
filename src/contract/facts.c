/* SPDX-License-Identifier: MIT */
/*
 * What a compiled schema says of values, and where its author said so, for
 * whoever holds it against something else.  What $ref and allOf add is taken
 * in, and so is the one branch of a union that is not null; other unions say
 * nothing here, which is never wrong, as less is then compared.
 */
#include "contract/compile.h"
#include "contract/internal.h"

#include <stdint.h>
#include <string.h>

#include "base/file.h"

enum { DEPTH_MAX = 16, FILE_MAX = 4 << 20 };

static void
take_choice(struct facts *f, const struct choice *c, struct arena *arena)
{
	const char **values;

	if (c == NULL || c->strings.count == 0 || f->value_count > 0)
		return;
	values = arena_alloc(arena, c->strings.count * sizeof(*values));
	for (size_t i = 0; i < c->strings.count; i++)
		values[i] = arena_copy(arena, c->strings.texts[i].at,
		    c->strings.texts[i].length);
	f->values = values;
	f->value_count = c->strings.count;
}

static void
take_rules(struct facts *f, const struct schema *s, struct arena *arena)
{
	const struct string_rules *t = s->string;
	const struct number_rules *n = s->number;

	if (t != NULL && t->length.least > f->length_least)
		f->length_least = t->length.least;
	if (t != NULL && t->length.most < f->length_most)
		f->length_most = t->length.most;
	f->shaped |= t != NULL && (t->pattern != NULL || t->format != NULL);
	if (n != NULL && n->least > f->least)
		f->least = n->least;
	if (n != NULL && n->most < f->most)
		f->most = n->most;
	f->stepped |= n != NULL && (n->divisor.digits != 0 ||
	    n->divisor.text != NULL);
	take_choice(f, s->enumeration, arena);
	take_choice(f, s->constant, arena);
}

/* "default", of the schema itself or of what it refers to. */
static void
take_default(struct facts *f, const struct schema *s, struct arena *arena)
{
	struct json_object *value;
	struct buf text;

	if (f->fallback != NULL ||
	    !json_object_is_type(s->source, json_type_object) ||
	    !json_object_object_get_ex(s->source, "default", &value))
		return;
	buf_init(&text, FILE_MAX);
	json_write(&text, value);
	f->fallback = arena_copy(arena, text.at, text.length);
	buf_release(&text);
}

/* Is it a union of one branch and null? */
static const struct schema *
only_branch(const struct applicator *a)
{
	const struct schema *only = NULL;

	for (size_t i = 0; i < a->count; i++) {
		if (a->schemas[i]->known_types == TYPE_NULL)
			continue;
		if (only != NULL)
			return NULL;
		only = a->schemas[i];
	}
	return only;
}

static void
take(struct facts *f, const struct schema *s, struct arena *arena,
    unsigned depth)
{
	if (s == NULL || depth == DEPTH_MAX)
		return;
	take_rules(f, s, arena);
	take_default(f, s, arena);
	take(f, s->reference, arena, depth + 1);
	for (size_t i = 0; i < s->applicator_count; i++) {
		const struct applicator *a = &s->applicators[i];

		for (size_t n = 0; a->kind == APPLY_ALL && n < a->count; n++)
			if (a->schemas[n] != s->reference)
				take(f, a->schemas[n], arena, depth + 1);
		if (a->kind == APPLY_ANY || a->kind == APPLY_ONE)
			take(f, only_branch(a), arena, depth + 1);
	}
}

void
contract_facts(const struct field *field, struct arena *arena,
    struct facts *ret)
{
	const struct schema *s = field->schema;
	struct facts f = { .length_most = SIZE_MAX, .least = INT64_MIN,
		.most = INT64_MAX };

	if (s == NULL) {
		f.length_least = 1;
		f.length_most = 255;
	} else {
		take(&f, s, arena, 0);
		f.file = arena_string(arena,
		    s->spot.resource->document->file);
		spot_place(&s->spot, &f.line, &f.column);
	}
	*ret = f;
}

bool
contract_takes(const struct field *field, const char *text)
{
	struct arena *arena = arena_new();
	struct scope *sc = arena_alloc(arena, sizeof(*sc));
	bool ret;

	scope_init(sc, arena);
	ret = field->schema == NULL ||
	    schema_judge_text(field->schema, sc, NULL, text);
	arena_free(arena);
	return ret;
}

bool
contract_requires(const struct operation *operation, const struct field *field)
{
	struct schema_property p;

	if (operation->body == NULL)
		return false;
	for (size_t i = 0; schema_property(operation->body, i, &p); i++)
		if (strcmp(p.name, field->name) == 0)
			return p.required;
	return false;
}

/* ---- Examples. ---- */

/* A value in the form that Postgres reads, or NULL. */
static const char *
plain_text(struct json_object *value, struct arena *arena)
{
	const char *ret;
	struct buf b;

	if (value == NULL)
		return NULL;
	if (json_object_is_type(value, json_type_string))
		return arena_string(arena, json_object_get_string(value));
	buf_init(&b, FILE_MAX);
	json_write(&b, value);
	ret = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return ret;
}

static struct json_object *
list_of(struct json_object *schema, const char *name)
{
	struct json_object *list = json_object_object_get(schema, name);

	return json_object_is_type(list, json_type_array) ? list : NULL;
}

const char *const *
contract_examples(const struct contract *contract,
    const struct resource *resource, const struct field *field,
    struct arena *arena, size_t *ret_count)
{
	const struct document *d = contract->schemas->library.documents;
	struct json_object *list;
	const char **texts;
	size_t count = 0, length;

	while (d != NULL && strcmp(d->file, resource->schema_file) != 0)
		d = d->next;
	list = d == NULL ? NULL : list_of(d->root, "examples");
	length = list == NULL ? 0 : json_object_array_length(list);
	texts = arena_alloc(arena, (length + 1) * sizeof(*texts));
	for (size_t i = 0; i < length; i++) {
		struct json_object *row = json_object_array_get_idx(list, i);

		if (json_object_is_type(row, json_type_object))
			texts[count] = plain_text(json_object_object_get(row,
			    field->name), arena);
		count += texts[count] != NULL;
	}
	*ret_count = count;
	return texts;
}

/* ---- Places. ---- */

void
contract_place(const struct contract *contract, const char *file,
    const char *path, size_t *ret_line, size_t *ret_column)
{
	struct arena *arena = arena_new();
	struct json_places *places;
	struct json_object *root;
	struct json_fault unread;
	struct buf text;

	*ret_line = *ret_column = 1;
	buf_init(&text, FILE_MAX);
	if (file_read(arena_format(arena, "%s/%s",
		contract->schemas->library.directory, file), &text) &&
	    json_read_placed(arena, text.at, text.length, &json_caps_file,
		&root, &places, &unread)) {
		json_place_of_path(places, root, path, ret_line, ret_column);
		json_object_put(root);
	}
	buf_release(&text);
	arena_free(arena);
}
