/* SPDX-License-Identifier: MIT */
/*
 * The text of compiled schemas, put so that it can be walked keyword by
 * keyword.  The compiler has vouched for it: each keyword in use has the right
 * shape, each reference leads somewhere, so nothing is refused here.
 *
 * A keyword that asserts something is compiled once more, as a schema of its
 * own, so that there is one judge alone: what is told of a keyword cannot
 * differ from what the whole schema does.
 *
 * Invariant: a node that has a resource has been read, or is in the list of
 * those that will be.  Documents are indexed to the depth that the reader lets
 * them have; schemas are read from a list, never by recursion.
 */
#include "contract/outline.h"

#include <string.h>

#include "contract/frame.h"

enum { BUCKETS_FIRST = 1024 };

/* The name of a $dynamicAnchor that a $dynamicRef names. */
struct dynamic_anchor {
	struct dynamic_anchor *next;
	const char *name;
};

struct outline {
	struct schema_set *set;
	struct arena *arena;
	struct node **buckets;
	size_t bucket_count, count;
	const struct node *top;
	/* While it is made. */
	struct node *unread;
	struct dynamic_anchor *dynamic;
};

/* What is to be done about a keyword. */
enum task { TASK_NONE, TASK_ASSERT, TASK_APPLY, TASK_ANNOTATE };

/* Those without a row hold no schemas that apply, and assert nothing. */
static const enum task tasks[KEYWORD_COUNT + 1] = {
	[KEYWORD_TITLE] = TASK_ANNOTATE,
	[KEYWORD_DESCRIPTION] = TASK_ANNOTATE,
	[KEYWORD_DEFAULT] = TASK_ANNOTATE,
	[KEYWORD_EXAMPLES] = TASK_ANNOTATE,
	[KEYWORD_DEPRECATED] = TASK_ANNOTATE,
	[KEYWORD_READ_ONLY] = TASK_ANNOTATE,
	[KEYWORD_WRITE_ONLY] = TASK_ANNOTATE,
	[KEYWORD_CONTENT_ENCODING] = TASK_ANNOTATE,
	[KEYWORD_CONTENT_MEDIA_TYPE] = TASK_ANNOTATE,
	[KEYWORD_CONTENT_SCHEMA] = TASK_ANNOTATE,
	[KEYWORD_COUNT] = TASK_ANNOTATE,
	[KEYWORD_TYPE] = TASK_ASSERT,
	[KEYWORD_ENUM] = TASK_ASSERT,
	[KEYWORD_CONST] = TASK_ASSERT,
	[KEYWORD_MIN_LENGTH] = TASK_ASSERT,
	[KEYWORD_MAX_LENGTH] = TASK_ASSERT,
	[KEYWORD_PATTERN] = TASK_ASSERT,
	[KEYWORD_FORMAT] = TASK_ASSERT,
	[KEYWORD_MINIMUM] = TASK_ASSERT,
	[KEYWORD_MAXIMUM] = TASK_ASSERT,
	[KEYWORD_EXCLUSIVE_MINIMUM] = TASK_ASSERT,
	[KEYWORD_EXCLUSIVE_MAXIMUM] = TASK_ASSERT,
	[KEYWORD_MULTIPLE_OF] = TASK_ASSERT,
	[KEYWORD_REQUIRED] = TASK_ASSERT,
	[KEYWORD_MIN_PROPERTIES] = TASK_ASSERT,
	[KEYWORD_MAX_PROPERTIES] = TASK_ASSERT,
	[KEYWORD_DEPENDENT_REQUIRED] = TASK_ASSERT,
	[KEYWORD_MIN_ITEMS] = TASK_ASSERT,
	[KEYWORD_MAX_ITEMS] = TASK_ASSERT,
	[KEYWORD_UNIQUE_ITEMS] = TASK_ASSERT,
	[KEYWORD_PROPERTIES] = TASK_APPLY,
	[KEYWORD_PATTERN_PROPERTIES] = TASK_APPLY,
	[KEYWORD_ADDITIONAL_PROPERTIES] = TASK_APPLY,
	[KEYWORD_PROPERTY_NAMES] = TASK_APPLY,
	[KEYWORD_DEPENDENCIES] = TASK_APPLY,
	[KEYWORD_DEPENDENT_SCHEMAS] = TASK_APPLY,
	[KEYWORD_UNEVALUATED_PROPERTIES] = TASK_APPLY,
	[KEYWORD_ITEMS] = TASK_APPLY,
	[KEYWORD_PREFIX_ITEMS] = TASK_APPLY,
	[KEYWORD_CONTAINS] = TASK_APPLY,
	[KEYWORD_UNEVALUATED_ITEMS] = TASK_APPLY,
	[KEYWORD_ALL_OF] = TASK_APPLY,
	[KEYWORD_ANY_OF] = TASK_APPLY,
	[KEYWORD_ONE_OF] = TASK_APPLY,
	[KEYWORD_NOT] = TASK_APPLY,
	[KEYWORD_IF] = TASK_APPLY,
	[KEYWORD_THEN] = TASK_APPLY,
	[KEYWORD_ELSE] = TASK_APPLY,
};

/* ---- the index of documents ---- */

static size_t
bucket_of(const struct json_object *value, size_t count)
{
	return (size_t)(((uintptr_t)value >> 4) *
	    UINT64_C(0x9e3779b97f4a7c15) >> 32) % count;
}

static struct node *
find(const struct outline *o, const struct json_object *value)
{
	struct node *node = o->buckets[bucket_of(value, o->bucket_count)];

	while (node != NULL && node->value != value)
		node = node->chain;
	return node;
}

static void
grow(struct outline *o)
{
	size_t count = o->bucket_count * 4;
	struct node **buckets = arena_alloc(o->arena,
	    count * sizeof(struct node *));

	for (size_t i = 0; i < o->bucket_count; i++)
		for (struct node *node = o->buckets[i], *next; node != NULL;
		     node = next) {
			size_t at = bucket_of(node->value, count);

			next = node->chain;
			node->chain = buckets[at];
			buckets[at] = node;
		}
	o->buckets = buckets;
	o->bucket_count = count;
}

/* Adds a value with all that is in it; `like` tells where it stands. */
static void
index_value(struct outline *o, struct json_object *value,
    const struct node *like)
{
	enum json_type type = json_object_get_type(value);
	struct node *node;
	size_t at;

	if (type != json_type_object && type != json_type_array &&
	    type != json_type_boolean)
		return;
	if (o->count++ == o->bucket_count * 2)
		grow(o);
	at = bucket_of(value, o->bucket_count);
	node = arena_alloc(o->arena, sizeof(*node));
	*node = *like;
	node->value = value;
	node->chain = o->buckets[at];
	o->buckets[at] = node;
	if (type == json_type_array)
		for (size_t i = 0; i < json_object_array_length(value); i++)
			index_value(o, json_object_array_get_idx(value, i),
			    &(struct node){ .up = node, .index = i });
	if (type == json_type_object) {
		json_object_object_foreach(value, name, member)
			index_value(o, member,
			    &(struct node){ .up = node, .name = name });
	}
}

/* The node of a schema, which will be read if it was not. */
static const struct node *
reach(struct outline *o, struct json_object *value,
    const struct schema_resource *resource)
{
	const struct schema_resource *own = library_resource_at(
	    &o->set->library, value);
	struct node *node = find(o, value);

	if (node == NULL && find(o, resource->document->root) == NULL) {
		index_value(o, resource->document->root, &(struct node){ 0 });
		node = find(o, value);
	}
	if (node == NULL || node->resource != NULL)
		return node;
	node->resource = own != NULL ? own : resource;
	node->next = o->unread;
	o->unread = node;
	return node;
}

/* ---- the keywords of a schema ---- */

static enum keyword
keyword_in_use(const struct dialect *dialect, const char *name)
{
	enum keyword k = schema_keyword_find(name);

	if (k == KEYWORD_COUNT || k == KEYWORD_CREATE_ONLY ||
	    (k != KEYWORD_DEPENDENCIES && (schema_keywords[k].vocabularies &
		~dialect->vocabularies) != 0))
		return KEYWORD_COUNT;
	return k;
}

static void
drop(void *value)
{
	json_object_put(value);
}

/* A schema of one keyword, compiled; it is linked with all others later. */
static const struct schema *
compile_alone(struct outline *o, const struct node *node, const char *name,
    struct json_object *value)
{
	const struct spot spot = { .resource = node->resource };
	struct json_object *object = json_object_new_object();

	if (object == NULL || json_object_object_add(object, name,
		json_object_get(value)) != 0)
		abort();
	arena_defer(o->arena, drop, object);
	return schema_make(o->set, &spot, object, VARIANT_WHOLE);
}

/* The lists of `dependencies` by themselves; its schemas are applied. */
static const struct schema *
compile_lists(struct outline *o, const struct node *node,
    const struct word *word)
{
	struct json_object *lists = json_object_new_object();
	const struct schema *alone;

	json_object_object_foreach(word->value, name, value)
		if (json_object_is_type(value, json_type_array))
			json_object_object_add(lists, name,
			    json_object_get(value));
	alone = compile_alone(o, node, word->name, lists);
	json_object_put(lists);
	return alone;
}

static void
read_patterns(struct outline *o, struct word *word)
{
	size_t count = 0, offset;
	const char *reason;

	word->patterns = arena_alloc(o->arena, sizeof(void *) *
	    (size_t)json_object_object_length(word->value) + 1);
	json_object_object_foreach(word->value, name, value) {
		(void)value;
		word->patterns[count++] = schema_pattern_compile(o->arena,
		    name, strlen(name), &reason, &offset);
	}
}

static void
read_reference(struct outline *o, const struct node *node, struct word *word)
{
	const struct spot here = { node->resource, node->value, word->name, 0,
		false };
	struct dynamic_anchor *dynamic;
	struct target target;

	if (!library_resolve(&o->set->library, &here, word->name,
		json_object_get_string(word->value), &target))
		return;
	word->target = reach(o, target.value, target.spot.resource);
	if (word->keyword != KEYWORD_DYNAMIC_REF || target.dynamic == NULL)
		return;
	word->anchor = target.dynamic;
	for (dynamic = o->dynamic; dynamic != NULL; dynamic = dynamic->next)
		if (strcmp(dynamic->name, word->anchor) == 0)
			return;
	dynamic = arena_alloc(o->arena, sizeof(*dynamic));
	*dynamic = (struct dynamic_anchor){ o->dynamic, word->anchor };
	o->dynamic = dynamic;
}

/* Reaches the schemas that are the keyword's value, or in it. */
static void
read_schemas(struct outline *o, const struct node *node,
    const struct word *word)
{
	struct json_object *value = word->value;

	switch (schema_keywords[word->keyword].shape) {
	case SHAPE_SCHEMA:
		(void)reach(o, value, node->resource);
		break;
	case SHAPE_SCHEMAS:
		for (size_t i = 0; i < json_object_array_length(value); i++)
			(void)reach(o, json_object_array_get_idx(value, i),
			    node->resource);
		break;
	default: {
		json_object_object_foreach(value, name, sub) {
			(void)name;
			if (!json_object_is_type(sub, json_type_array))
				(void)reach(o, sub, node->resource);
		}
	}
	}
}

/* How long a value is as JSON text. */
static size_t
json_size(struct json_object *value)
{
	struct buf b;
	size_t size;

	buf_init(&b, SIZE_MAX / 8);
	json_write(&b, value);
	size = b.length;
	buf_release(&b);
	return size;
}

static void
read_word(struct outline *o, const struct node *node, struct word *word)
{
	enum keyword k = word->keyword;
	enum task task = tasks[k];

	if (task == TASK_ANNOTATE || k == KEYWORD_FORMAT)
		word->annotation = frame_json(o->arena, word->value);
	if (task == TASK_ANNOTATE || task == TASK_ASSERT)
		word->size = json_size(word->value);
	if (task == TASK_ASSERT)
		word->alone = compile_alone(o, node, word->name, word->value);
	if (task == TASK_APPLY)
		read_schemas(o, node, word);
	if (k == KEYWORD_PATTERN_PROPERTIES)
		read_patterns(o, word);
	if (k == KEYWORD_DEPENDENCIES)
		word->alone = compile_lists(o, node, word);
	if (k == KEYWORD_REF || k == KEYWORD_DYNAMIC_REF)
		read_reference(o, node, word);
}

/* Which of the three parts of a schema's keywords one belongs to. */
static unsigned
part_of(enum keyword k)
{
	if (k == KEYWORD_COUNT)
		return 2;
	return k == KEYWORD_UNEVALUATED_PROPERTIES ||
	    k == KEYWORD_UNEVALUATED_ITEMS;
}

static void
read_schema(struct outline *o, struct node *node)
{
	const struct dialect *dialect;
	struct word *words;
	size_t count = 0;

	if (!json_object_is_type(node->value, json_type_object))
		return;
	dialect = library_dialect(&o->set->library, node->resource);
	words = arena_alloc(o->arena, sizeof(*words) *
	    (size_t)json_object_object_length(node->value) + 1);
	for (unsigned part = 0; part < 3; part++) {
		node->used_count = count;
		json_object_object_foreach(node->value, name, value) {
			enum keyword k = keyword_in_use(dialect, name);

			if (part_of(k) != part)
				continue;
			words[count] = (struct word){ .keyword = k,
				.name = name, .value = value };
			read_word(o, node, &words[count++]);
		}
	}
	node->words = words;
	node->word_count = count;
}

static void
read_all(struct outline *o)
{
	struct node *node;

	while ((node = o->unread) != NULL) {
		o->unread = node->next;
		read_schema(o, node);
	}
}

/* Reaches whatever a $dynamicRef may refer to. */
static void
read_dynamic(struct outline *o)
{
	for (const struct dynamic_anchor *d = o->dynamic; d != NULL;
	     d = d->next) {
		const struct schema_resource *r = o->set->library.resources;

		for (; r != NULL; r = r->next) {
			const struct anchor *anchor = r->used ?
			    resource_anchor(r, d->name, true) : NULL;

			if (anchor != NULL)
				(void)reach(o, anchor->value, r);
		}
	}
}

const struct outline *
outline_new(struct schema_set *set, const struct schema *schema,
    struct buf *faults)
{
	struct arena *arena = set->library.arena;
	struct outline *o = arena_alloc(arena, sizeof(*o));
	struct schema *until = set->schemas;

	set->library.faults = faults;
	*o = (struct outline){ .set = set, .arena = arena,
		.buckets = arena_alloc(arena,
		    BUCKETS_FIRST * sizeof(struct node *)),
		.bucket_count = BUCKETS_FIRST };
	o->top = reach(o, schema->source, schema->resource);
	do {
		read_all(o);
		read_dynamic(o);
	} while (o->unread != NULL);
	schema_link(set, until);
	return o;
}

/* ---- what the walk asks ---- */

const struct node *
outline_top(const struct outline *outline)
{
	return outline->top;
}

const struct node *
outline_find(const struct outline *outline, const struct json_object *value)
{
	return find(outline, value);
}

const struct word *
node_word(const struct node *node, enum keyword k)
{
	for (size_t i = 0; i < node->used_count; i++)
		if (node->words[i].keyword == k)
			return &node->words[i];
	return NULL;
}
