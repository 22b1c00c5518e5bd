/* SPDX-License-Identifier: MIT */
/*
 * What an operation says of reading: related rows, text search, counting, a
 * replica.  A relation names another resource, which may be read after its
 * own: it is noted first and made when all resources are known.  Relations of
 * relations stand inside them, so that what can be asked for is a tree that
 * ends; each rests on two properties, and that is all that SQL is made of.
 */
#include "contract/internal.h"

#include <string.h>

/* An operation with "related", and where that stands. */
struct relation_note {
	struct relation_note *next;
	size_t operation;		/* its number */
	struct at at;
};

static const struct member related_members[] = {
	{ "resource", KIND_TEXT, true },
	{ "column", KIND_TEXT, false },
	{ "references", KIND_TEXT, false },
	{ "fields", KIND_TEXTS, false },
	{ "limit", KIND_NUMBER, false },
	{ "order", KIND_TEXT, false },
	{ "related", KIND_OBJECT, false },
};

/* One relation while it is read: "author" of the rows of `from`. */
struct relating {
	struct loader *ld;
	struct at at;
	const struct resource *from;
	struct related *made;
	unsigned depth;
};

static struct related *relations_load(struct loader *ld, const struct at *at,
    const struct resource *from, unsigned depth, size_t *ret_count);

/* ---- what an operation says itself ---- */

static void
search_load(struct loader *ld, const struct at *at, const struct draft *draft,
    struct operation *op)
{
	size_t count;
	const char *const *names = member_texts(ld, at, "search", &count);
	const struct field **search;

	if (draft->whole == NULL || names == NULL)
		return;
	if (count == 0 || count > SEARCH_MAX)
		fault_value(ld, at, "search", "\"search\" must name 1 to %d "
		    "properties", SEARCH_MAX);
	search = arena_alloc(ld->arena, (count + 1) * sizeof(*search));
	for (size_t i = 0; i < count; i++) {
		const struct field *f = field_find(draft->fields,
		    draft->field_count, names[i], strlen(names[i]));

		search[i] = f;
		if (f == NULL)
			fault_item(ld, at, "search", i, "\"search\" names "
			    "\"%s\", which is not a property of \"%s\"%s",
			    names[i], draft->resource->schema_file,
			    hint(ld, names[i], field_names(ld, draft->fields,
				draft->field_count), draft->field_count));
		else if (f->write_only)
			fault_item(ld, at, "search", i, "\"search\" names "
			    "\"%s\", which is writeOnly: it would leak",
			    names[i]);
		else if ((f->types & ~(unsigned)TYPE_NULL) != TYPE_STRING)
			fault_item(ld, at, "search", i, "\"search\" names "
			    "\"%s\", which must have the \"type\" string",
			    names[i]);
	}
	op->search = search;
	op->search_count = count;
}

void
reads_load(struct loader *ld, const struct at *at, const struct draft *draft,
    struct operation *op)
{
	const char *what = arena_format(ld->scratch, "%srelated: ", at->what);
	struct relation_note *note, **last = &ld->relations;
	struct at related;

	op->total = member_flag(at, "count");
	op->replica = member_flag(at, "replica");
	if (op->replica && op->verb == VERB_CALL && op->method != METHOD_GET &&
	    op->method != METHOD_OTHER)
		fault_name(ld, at, "replica", "\"replica\" goes with what only "
		    "reads: with GET, not with %s", method_name(op->method));
	if (op->verb == VERB_LIST)
		search_load(ld, at, draft, op);
	if ((op->verb == VERB_CALL && op->export == NULL) ||
	    !member_object(at, "related", what, &related))
		return;
	while (*last != NULL)
		last = &(*last)->next;
	note = arena_alloc(ld->scratch, sizeof(*note));
	*note = (struct relation_note){ NULL, ld->contract->operation_count,
		related };
	*last = note;
}

/* ---- relations ---- */

static const struct resource *
resource_find(const struct contract *c, const char *name)
{
	for (size_t i = 0; i < c->resource_count; i++)
		if (c->resources[i].name != NULL &&
		    strcmp(c->resources[i].name, name) == 0)
			return &c->resources[i];
	return NULL;
}

/* The resource that is meant; NULL = reported, here or where it stands. */
static const struct resource *
target_load(struct relating *r)
{
	const struct contract *c = r->ld->contract;
	const char *name = member_text(r->ld, &r->at, "resource");
	const struct resource *found;
	const char **known;
	size_t count = 0;

	if (name == NULL)
		return NULL;
	found = resource_find(c, name);
	if (found == NULL) {
		known = arena_alloc(r->ld->scratch,
		    (c->resource_count + 1) * sizeof(*known));
		for (size_t i = 0; i < c->resource_count; i++)
			if (c->resources[i].name != NULL)
				known[count++] = c->resources[i].name;
		fault_value(r->ld, &r->at, "resource", "there is no resource "
		    "\"%s\"%s", name, hint(r->ld, name, known, count));
		return NULL;
	}
	if (found->table.name == NULL)
		fault_value(r->ld, &r->at, "resource", "the resource \"%s\" "
		    "has no table, so it has no rows that could be told",
		    name);
	return found->key != NULL ? found : NULL;
}

/* A property that a member names and SQL may compare; NULL = reported. */
static const struct field *
link_load(struct relating *r, const char *member,
    const struct resource *resource, const char *name)
{
	const struct field *f = field_find(resource->fields,
	    resource->field_count, name, strlen(name));

	if (f == NULL)
		fault_value(r->ld, &r->at, member, "\"%s\" names \"%s\", which "
		    "is not a property of \"%s\"%s", member, name,
		    resource->schema_file, hint(r->ld, name,
			field_names(r->ld, resource->fields,
			    resource->field_count), resource->field_count));
	else if (f->write_only)
		fault_value(r->ld, &r->at, member, "\"%s\" names \"%s\", which "
		    "is writeOnly: it would leak", member, name);
	else if (!field_is_scalar(f))
		fault_value(r->ld, &r->at, member, "\"%s\" names \"%s\", which "
		    "must have the \"type\" string, integer, number or "
		    "boolean", member, name);
	else
		return f;
	return NULL;
}

/* Which of our columns meets which of theirs, and so whether one or many. */
static bool
ends_load(struct relating *r)
{
	const char *column = member_text(r->ld, &r->at, "column");
	const char *references = member_text(r->ld, &r->at, "references");
	struct related *made = r->made;

	if ((column == NULL) == (references == NULL)) {
		fault_value(r->ld, &r->at, "column", "give \"column\", the "
		    "property of \"%s\" that holds the other's key, for one "
		    "row; or \"references\", the other's property that holds "
		    "the key of \"%s\", for many", r->from->name,
		    r->from->name);
		return false;
	}
	made->many = references != NULL;
	if ((made->many ? r->from : made->resource)->key_count > 1) {
		fault_value(r->ld, &r->at, made->many ? "references" :
		    "column", "the key of \"%s\" has several properties; "
		    "rows are related by a key of one",
		    (made->many ? r->from : made->resource)->name);
		return false;
	}
	made->ours = made->many ? r->from->key :
	    link_load(r, "column", r->from, column);
	made->theirs = made->many ? link_load(r, "references",
	    made->resource, references) : made->resource->key;
	if (made->ours == NULL || made->theirs == NULL)
		return false;
	if ((made->ours->types & made->theirs->types &
		~(unsigned)TYPE_NULL) == 0)
		fault_value(r->ld, &r->at, made->many ? "references" :
		    "column", "\"%s\" and \"%s\" of \"%s\" have no type in "
		    "common, so they are never the same", made->ours->name,
		    made->theirs->name, made->resource->name);
	return true;
}

/* Those that the resource tells, or fewer. */
static void
told_load(struct relating *r)
{
	const struct resource *resource = r->made->resource;
	size_t count, told = 0;
	const char *const *names = member_texts(r->ld, &r->at, "fields",
	    &count);
	size_t most = names != NULL ? count : resource->field_count;
	const struct field **fields = arena_alloc(r->ld->arena,
	    (most + 1) * sizeof(*fields));

	if (names != NULL && count == 0)
		fault_value(r->ld, &r->at, "fields", "\"fields\" is empty; "
		    "name what may be told, or drop it for all");
	for (size_t i = 0; names != NULL && i < count; i++) {
		const struct field *f = field_find(resource->fields,
		    resource->field_count, names[i], strlen(names[i]));

		if (f == NULL)
			fault_item(r->ld, &r->at, "fields", i, "\"fields\" "
			    "names \"%s\", which is not a property of \"%s\"%s",
			    names[i], resource->schema_file, hint(r->ld,
				names[i], field_names(r->ld, resource->fields,
				    resource->field_count),
				resource->field_count));
		else if (f->write_only)
			fault_item(r->ld, &r->at, "fields", i, "\"fields\" "
			    "names \"%s\", which is writeOnly: it would leak",
			    names[i]);
		else
			fields[told++] = f;
	}
	for (size_t i = 0; names == NULL && i < resource->field_count; i++)
		if (!resource->fields[i].write_only)
			fields[told++] = &resource->fields[i];
	r->made->fields = fields;
	r->made->field_count = told;
}

static void
many_limit_load(struct relating *r)
{
	int64_t n = RELATED_DEFAULT;

	if (member_number(&r->at, "limit", &n) &&
	    (n < 1 || n > RELATED_HIGHEST))
		fault_value(r->ld, &r->at, "limit", "\"limit\" must be from 1 "
		    "to %d", RELATED_HIGHEST);
	r->made->limit = (unsigned)n;
}

/* "-created_at,title", and the key as the last. */
static void
many_order_load(struct relating *r)
{
	const char *text = member_text(r->ld, &r->at, "order");
	struct sort *order = arena_alloc(r->ld->arena,
	    (LIST_ORDER_MAX + 1) * sizeof(*order));
	size_t count = 0;
	char *rest, *item;

	rest = text != NULL ? arena_string(r->ld->scratch, text) : NULL;
	while ((item = strsep(&rest, ",")) != NULL) {
		bool descending = *item == '-';
		const struct field *f = link_load(r, "order",
		    r->made->resource, item + descending);

		if (count == order_most(r->made->resource)) {
			fault_value(r->ld, &r->at, "order", "\"order\" has "
			    "more than %zu fields",
			    order_most(r->made->resource));
			break;
		}
		for (size_t i = 0; i < count && f != NULL; i++)
			if (order[i].field == f)
				fault_value(r->ld, &r->at, "order",
				    "\"order\" names \"%s\" twice", f->name);
		if (f != NULL)
			order[count++] = (struct sort){ f, descending };
	}
	r->made->order_count = order_finish(order, count,
	    r->made->resource);
	r->made->order = order;
}

/* Only many rows have an order and a limit. */
static void
many_load(struct relating *r)
{
	static const char *const of_many[] = { "limit", "order" };

	if (r->made->many) {
		many_limit_load(r);
		many_order_load(r);
		return;
	}
	for (size_t i = 0; i < countof(of_many); i++)
		if (json_object_object_get_ex(r->at.object, of_many[i], NULL))
			fault_name(r->ld, &r->at, of_many[i], "\"%s\" goes "
			    "with \"references\": \"column\" gives one row",
			    of_many[i]);
}

static void
within_load(struct relating *r)
{
	struct at at;
	const char *what = arena_format(r->ld->scratch, "%srelated: ",
	    r->at.what);

	if (!member_object(&r->at, "related", what, &at))
		return;
	if (r->depth == EMBED_DEPTH_MAX)
		fault_name(r->ld, &r->at, "related", "relations go at most %d "
		    "deep", EMBED_DEPTH_MAX);
	else
		r->made->related = relations_load(r->ld, &at,
		    r->made->resource, r->depth + 1, &r->made->related_count);
}

/* It stands in `select` beside the fields, so it is none of them. */
static void
name_check(struct loader *ld, const struct at *at,
    const struct resource *from, const char *name)
{
	if (!name_is_word(name))
		fault_name(ld, at, name, "\"%s\" cannot be the name of a "
		    "relation; use a-z, 0-9 and _, a letter first", name);
	if (field_find(from->fields, from->field_count, name,
		strlen(name)) != NULL)
		fault_name(ld, at, name, "\"%s\" is a property of \"%s\" "
		    "already; give the relation another name", name,
		    from->schema_file);
}

static void
relation_read(struct relating *r, const char *name)
{
	struct related *made = r->made;

	made->name = arena_string(r->ld->arena, name);
	made->name_json = arena_format(r->ld->arena, "\"%s\":", name);
	members_check(r->ld, &r->at, related_members,
	    countof(related_members));
	made->resource = target_load(r);
	if (made->resource == NULL || !ends_load(r))
		return;
	told_load(r);
	many_load(r);
	within_load(r);
}

static struct related *
relations_load(struct loader *ld, const struct at *at,
    const struct resource *from, unsigned depth, size_t *ret_count)
{
	int most = json_object_object_length(at->object);
	struct related *made = arena_alloc(ld->arena,
	    ((size_t)most + 1) * sizeof(*made));
	size_t count = 0;

	json_object_object_foreach(at->object, name, value) {
		struct relating r = { .ld = ld, .from = from,
			.made = &made[count], .depth = depth };
		const char *what = arena_format(ld->scratch, "%s\"%s\": ",
		    at->what, name);

		(void)value;
		name_check(ld, at, from, name);
		if (!member_object(at, name, what, &r.at)) {
			fault_value(ld, at, name, "\"%s\" must be an object, "
			    "like {\"resource\": \"users\", \"column\": "
			    "\"author_id\"}", name);
			continue;
		}
		relation_read(&r, name);
		count++;
	}
	*ret_count = count;
	return made;
}

void
relations_make(struct loader *ld)
{
	for (struct relation_note *n = ld->relations; n != NULL; n = n->next) {
		struct operation *op = &ld->contract->operations[n->operation];

		if (op->resource->key != NULL)
			op->related = relations_load(ld, &n->at, op->resource,
			    1, &op->related_count);
	}
}
