/* SPDX-License-Identifier: MIT */
/*
 * Schemas as parts of another document: each is written from its source, with
 * what its form leaves out left out, as object.c and compile.c do when they
 * compile it; $ref names components, and what has a meaning only in its own
 * file ($id, $anchor, $defs) goes.  Invariant: a component is listed before it
 * is written, so that schemas that refer to themselves end.
 */
#include "contract/compile.h"
#include "contract/internal.h"
#include "contract/keyword.h"

#include <ctype.h>
#include <string.h>

enum { TEXT_MAX = 16 << 20 };	/* bytes of a component */

struct entry {
	struct entry *next;
	const struct schema_resource *resource;
	struct json_object *value;
	enum schema_form form;
	const char *file;	/* of a whole document, or NULL */
	bool row;		/* of a table: told with all its members */
	struct component component;
};

struct publication {
	struct library *library;
	struct schema_set *set;
	struct arena *arena;
	const struct resource *resources;
	size_t resource_count;
	const char *prefix;
	const char *const *reserved;
	bool unevaluated;	/* some schema asks what was evaluated */
	struct entry *entries, **last;
};

/* One schema while it is written. */
struct writing {
	struct publication *publication;
	const struct schema_resource *in;
	struct buf *out;
	bool more;		/* a member was written before */
};

static const struct entry *entry_of(struct publication *p,
    const struct entry *wanted, const char *hint);
static void write_schema(struct publication *p,
    const struct schema_resource *in, struct json_object *value,
    enum schema_form form, const struct entry *top, struct buf *out);

/* Is there a member of that name anywhere in the tree? */
static bool
has_member(struct json_object *tree, const char *name)
{
	bool has = false;

	if (json_object_is_type(tree, json_type_array))
		for (size_t i = 0; i < json_object_array_length(tree); i++)
			has |= has_member(json_object_array_get_idx(tree, i),
			    name);
	if (!json_object_is_type(tree, json_type_object))
		return has;
	json_object_object_foreach(tree, key, value)
		has |= strcmp(key, name) == 0 || has_member(value, name);
	return has;
}

struct publication *
publication_new(const struct contract *contract, const char *prefix,
    const char *const *reserved, struct arena *arena)
{
	struct publication *p = arena_alloc(arena, sizeof(*p));

	p->set = contract->schemas;
	p->library = &contract->schemas->library;
	p->arena = arena;
	p->resources = contract_resources(contract, &p->resource_count);
	p->prefix = prefix;
	p->reserved = reserved;
	p->last = &p->entries;
	for (const struct document *d = p->library->documents; d != NULL;
	     d = d->next)
		p->unevaluated |= d->below &&
		    has_member(d->root, "unevaluatedProperties");
	return p;
}

/* ---- forms ---- */

#define BIT(name) (UINT64_C(1) << KEYWORD_##name)

static bool
is_partial(enum schema_form form)
{
	return form == FORM_UPDATE || form == FORM_PARTIAL;
}

static bool
is_closed(enum schema_form form)
{
	return form == FORM_CREATE || form == FORM_UPDATE ||
	    form == FORM_BODY;
}

/* The keywords that a form leaves out, or that are written anew. */
static uint64_t
left_out(enum schema_form form)
{
	uint64_t out = BIT(SCHEMA) | BIT(ID) | BIT(ANCHOR) |
	    BIT(DYNAMIC_ANCHOR) | BIT(VOCABULARY) | BIT(DEFS) | BIT(COMMENT);

	if (form != FORM_WHOLE)
		out |= BIT(EXAMPLES);
	/* They have names of their own. */
	if (form == FORM_CREATE || is_partial(form))
		out |= BIT(TITLE);
	if (is_partial(form))
		out |= BIT(REQUIRED) | BIT(DEPENDENT_REQUIRED) |
		    BIT(DEPENDENT_SCHEMAS) | BIT(ANY_OF) | BIT(ONE_OF) |
		    BIT(NOT) | BIT(IF) | BIT(THEN) | BIT(ELSE) | BIT(DEFAULT) |
		    BIT(MIN_PROPERTIES) | BIT(MAX_PROPERTIES) |
		    BIT(UNEVALUATED_PROPERTIES);
	if (is_closed(form))
		out |= BIT(ADDITIONAL_PROPERTIES) |
		    BIT(UNEVALUATED_PROPERTIES);
	return out;
}

/* The form of what is applied to the same value. */
static enum schema_form
form_in_place(enum schema_form form)
{
	if (is_partial(form))
		return FORM_PARTIAL;
	return form == FORM_TOLD ? FORM_TOLD : FORM_WHOLE;
}

static bool
resolve(struct publication *p, const struct schema_resource *in,
    struct json_object *object, const char *keyword, struct json_object *value,
    struct target *ret)
{
	struct spot spot = { in, object, keyword, 0, false };
	struct buf faults;
	bool found;

	buf_init(&faults, 4096);
	p->library->faults = &faults;
	found = library_resolve(p->library, &spot, keyword,
	    json_object_get_string(value), ret);
	p->library->faults = NULL;
	buf_release(&faults);
	return found;
}

/* Is readOnly, or its like, said of a member, or of what it refers to? */
static bool
is_said(struct publication *p, const struct schema_resource *in,
    struct json_object *value, const char *keyword)
{
	struct json_object *said, *reference;
	struct target target;

	for (unsigned depth = 0; depth < NESTED_MAX; depth++) {
		if (!json_object_is_type(value, json_type_object))
			return false;
		if (json_object_object_get_ex(value, keyword, &said) &&
		    json_object_get_boolean(said))
			return true;
		if (!json_object_object_get_ex(value, "$ref", &reference) ||
		    !resolve(p, in, value, "$ref", reference, &target))
			return false;
		in = target.spot.resource;
		value = target.value;
	}
	return false;
}

/* Does the form take that member of the top? */
static bool
is_taken(struct publication *p, const struct schema_resource *in,
    struct json_object *member, enum schema_form form)
{
	if (form == FORM_TOLD)
		return !is_said(p, in, member, "writeOnly");
	if (form == FORM_CREATE)
		return !is_said(p, in, member, "readOnly");
	if (form == FORM_UPDATE)
		return !is_said(p, in, member, "readOnly") &&
		    !is_said(p, in, member, "x-createOnly");
	return true;
}

static bool
is_taken_name(struct publication *p, const struct schema_resource *in,
    struct json_object *schema, const char *name, enum schema_form form)
{
	struct json_object *map, *member;

	return !json_object_object_get_ex(schema, "properties", &map) ||
	    !json_object_object_get_ex(map, name, &member) ||
	    is_taken(p, in, member, form);
}

/*
 * A form that would be written as another is that one, so that a schema has
 * one name where it can.
 */
static enum schema_form
form_plain(struct publication *p, const struct schema_resource *in,
    struct json_object *value, enum schema_form form)
{
	struct json_object *more, *map, *unused;
	bool closed;

	if ((form != FORM_TOLD && form != FORM_BODY) ||
	    !json_object_is_type(value, json_type_object) ||
	    json_object_object_get_ex(value, "unevaluatedProperties", &unused))
		return form;
	if (form == FORM_TOLD &&
	    (json_object_object_get_ex(value, "items", &unused) ||
		json_object_object_get_ex(value, "$ref", &unused) ||
		json_object_object_get_ex(value, "allOf", &unused)))
		return form;
	closed = json_object_object_get_ex(value, "additionalProperties",
	    &more) && json_object_is_type(more, json_type_boolean) &&
	    !json_object_get_boolean(more);
	if (closed == (form == FORM_TOLD))
		return form;
	if (!json_object_object_get_ex(value, "properties", &map))
		return FORM_WHOLE;
	json_object_object_foreach(map, name, member) {
		(void)name;
		if (!is_taken(p, in, member, form))
			return form;
	}
	return FORM_WHOLE;
}

/* ---- names ---- */

/* "bank_transfer", "Support ticket" -> BankTransfer, SupportTicket. */
static const char *
pascal(struct arena *arena, const char *text, size_t length)
{
	char *name = arena_alloc(arena, length + 2), *to = name;
	bool upper = true;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x80 && isalnum(c))
			*to++ = (char)(upper ? toupper(c) : c);
		upper = c >= 0x80 || !isalnum(c);
	}
	return name;
}

static const char *
text_member(struct json_object *value, const char *name)
{
	struct json_object *text;

	if (!json_object_is_type(value, json_type_object) ||
	    !json_object_object_get_ex(value, name, &text) ||
	    !json_object_is_type(text, json_type_string))
		return NULL;
	return json_object_get_string(text);
}

/* The last part of a path or pointer, without ".json". */
static const char *
stem(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *from = slash != NULL ? slash + 1 : path;
	const char *hash = strrchr(from, '#');

	if (hash != NULL && hash[1] != '\0')
		from = hash + 1;
	return pascal(arena, from, strcspn(from, "."));
}

static const struct entry *
entry_named(const struct publication *p, const char *name)
{
	const struct entry *e = p->entries;

	while (e != NULL && strcmp(e->component.name, name) != 0)
		e = e->next;
	return e;
}

static bool
is_named(const struct publication *p, const char *name)
{
	for (size_t i = 0; p->reserved[i] != NULL; i++)
		if (strcmp(p->reserved[i], name) == 0)
			return true;
	return entry_named(p, name) != NULL;
}

/* Its name beside a row, whose is the plain one. */
static const char *
name_beside(struct publication *p, const struct entry *e, const char *name)
{
	static const char *const suffix[FORM_PARTIAL + 1] = {
		[FORM_WHOLE] = "Whole", [FORM_TOLD] = "Told",
		[FORM_BODY] = "Body" };
	const struct entry *other = entry_named(p, name);

	if (other == NULL || !other->row || suffix[e->form] == NULL)
		return name;
	return arena_format(p->arena, "%s%s", name, suffix[e->form]);
}

static const char *
name_of(struct publication *p, const struct entry *e, const char *hint)
{
	static const char *const suffix[] = { [FORM_WHOLE] = "",
		[FORM_TOLD] = "", [FORM_CREATE] = "Create",
		[FORM_UPDATE] = "Update", [FORM_BODY] = "",
		[FORM_PARTIAL] = "Partial" };
	const char *title = text_member(e->value, "title"), *base = "", *name;

	if (title != NULL)
		base = pascal(p->arena, title, strlen(title));
	if (*base == '\0')
		base = stem(p->arena, hint);
	if (*base == '\0')
		base = "Schema";
	/* Where names are identifiers a digit cannot be the first. */
	name = base = arena_format(p->arena, "%s%s%s", isdigit(
	    (unsigned char)*base) ? "_" : "", base, suffix[e->form]);
	name = base = name_beside(p, e, base);
	for (unsigned n = 2; is_named(p, name); n++)
		name = arena_format(p->arena, "%s%u", base, n);
	return name;
}

/* ---- writing ---- */

static void
write_name(struct writing *w, const char *name)
{
	buf_char(w->out, w->more ? ',' : '{');
	buf_json_string(w->out, name);
	buf_char(w->out, ':');
	w->more = true;
}

/* The names of `required` that the form takes. */
static void
write_required(struct writing *w, struct json_object *schema,
    struct json_object *list, enum schema_form form)
{
	size_t written = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *name = json_object_array_get_idx(list, i);

		if (!is_taken_name(w->publication, w->in, schema,
			json_object_get_string(name), form))
			continue;
		if (written++ == 0)
			write_name(w, "required");
		buf_char(w->out, written == 1 ? '[' : ',');
		json_write(w->out, name);
	}
	if (written > 0)
		buf_char(w->out, ']');
}

/* A row is told whole, unless `select` says what of it. */
static void
write_required_row(struct writing *w, struct json_object *schema)
{
	struct json_object *map;
	size_t written = 0;

	if (!json_object_object_get_ex(schema, "properties", &map))
		return;
	json_object_object_foreach(map, name, member) {
		if (!is_taken(w->publication, w->in, member, FORM_TOLD))
			continue;
		if (written++ == 0)
			write_name(w, "required");
		buf_char(w->out, written == 1 ? '[' : ',');
		buf_json_string(w->out, name);
	}
	if (written > 0)
		buf_char(w->out, ']');
}

/* What is absent from an update is not changed: no member has a default. */
static void
write_member(struct writing *w, struct json_object *member, enum schema_form form)
{
	struct json_object *copy = NULL;

	if (is_partial(form) && json_object_is_type(member, json_type_object) &&
	    json_object_object_get_ex(member, "default", NULL)) {
		copy = json_object_new_object();
		json_object_object_foreach(member, name, value)
			if (strcmp(name, "default") != 0)
				json_object_object_add(copy, name,
				    json_object_get(value));
	}
	write_schema(w->publication, w->in, copy != NULL ? copy : member,
	    FORM_WHOLE, NULL, w->out);
	json_object_put(copy);
}

static void
write_map(struct writing *w, struct json_object *map, bool members,
    enum schema_form form)
{
	char before = '{';

	json_object_object_foreach(map, name, value) {
		if (members && !is_taken(w->publication, w->in, value, form))
			continue;
		buf_char(w->out, before);
		buf_json_string(w->out, name);
		buf_char(w->out, ':');
		write_member(w, value, members ? form : FORM_WHOLE);
		before = ',';
	}
	buf_string(w->out, before == '{' ? "{}" : "}");
}

static void
write_list(struct writing *w, struct json_object *list, enum schema_form form)
{
	buf_char(w->out, '[');
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (i > 0)
			buf_char(w->out, ',');
		write_schema(w->publication, w->in,
		    json_object_array_get_idx(list, i), form, NULL, w->out);
	}
	buf_char(w->out, ']');
}

/* A $dynamicRef is what it is without anybody's overriding it. */
static void
write_reference(struct writing *w, struct json_object *object,
    const char *keyword, struct json_object *value, enum schema_form form)
{
	struct publication *p = w->publication;
	struct target target;
	struct entry wanted;

	if (!resolve(p, w->in, object, keyword, value, &target))
		return;
	wanted = (struct entry){ .resource = target.spot.resource,
		.value = target.value, .form = form };
	write_name(w, "$ref");
	buf_json_string(w->out, arena_format(p->arena, "%s%s", p->prefix,
	    entry_of(p, &wanted, json_object_get_string(value))->
	    component.name));
}

/*
 * What follows a condition speaks of some members and means nothing of the
 * others.  Validators that are told to take every object for closed (as linters
 * are, for examples) must be told so; it is neutral where no schema asks.
 */
static void
write_open(struct writing *w, struct json_object *value)
{
	struct json_object *copy = json_object_new_object();

	json_object_object_foreach(value, name, member)
		json_object_object_add(copy, name, json_object_get(member));
	json_object_object_add(copy, "unevaluatedProperties",
	    json_object_new_boolean(true));
	write_schema(w->publication, w->in, copy, FORM_WHOLE, NULL, w->out);
	json_object_put(copy);
}

static bool
is_consequence(const struct writing *w, enum keyword k,
    struct json_object *value)
{
	return (k == KEYWORD_THEN || k == KEYWORD_ELSE) &&
	    !w->publication->unevaluated &&
	    json_object_is_type(value, json_type_object) &&
	    json_object_object_get_ex(value, "properties", NULL);
}

static void
write_keyword(struct writing *w, struct json_object *object, const char *name,
    struct json_object *value, enum schema_form form)
{
	enum keyword k = schema_keyword_find(name);
	enum shape shape = k == KEYWORD_COUNT ? SHAPE_ANY :
	    schema_keywords[k].shape;
	bool in_place = k == KEYWORD_ALL_OF ||
	    (k == KEYWORD_ITEMS && form == FORM_TOLD);
	enum schema_form inner = in_place ? form_in_place(form) : FORM_WHOLE;

	if (k != KEYWORD_COUNT && (left_out(form) & UINT64_C(1) << k) != 0)
		return;
	if (k == KEYWORD_REF || k == KEYWORD_DYNAMIC_REF) {
		write_reference(w, object, name, value, form_in_place(form));
		return;
	}
	if (k == KEYWORD_REQUIRED) {
		write_required(w, object, value, form);
		return;
	}
	/* More members may come, related rows at least. */
	if (form == FORM_TOLD && (k == KEYWORD_ADDITIONAL_PROPERTIES ||
		k == KEYWORD_UNEVALUATED_PROPERTIES) &&
	    json_object_is_type(value, json_type_boolean))
		return;
	write_name(w, name);
	if (is_consequence(w, k, value))
		write_open(w, value);
	else if (shape == SHAPE_SCHEMA)
		write_schema(w->publication, w->in, value, inner, NULL,
		    w->out);
	else if (shape == SHAPE_SCHEMAS)
		write_list(w, value, inner);
	else if (shape == SHAPE_SCHEMA_MAP)
		write_map(w, value, k == KEYWORD_PROPERTIES, form);
	else
		json_write(w->out, value);
}

/* ---- examples ---- */

/* The example without the members that the form does not take. */
static struct json_object *
example_cut(struct publication *p, const struct entry *e,
    struct json_object *example)
{
	struct json_object *cut;

	if (!json_object_is_type(example, json_type_object))
		return json_object_get(example);
	cut = json_object_new_object();
	json_object_object_foreach(example, name, value)
		if (is_taken_name(p, e->resource, e->value, name, e->form))
			json_object_object_add(cut, name,
			    json_object_get(value));
	return cut;
}

/* What is cut must still be taken: nothing but readOnly members, say. */
static bool
is_valid(struct publication *p, const struct entry *e,
    struct json_object *example)
{
	static const enum variant variants[] = {
		[FORM_CREATE] = VARIANT_CREATE,
		[FORM_UPDATE] = VARIANT_UPDATE,
	};
	const struct schema *schema;
	struct arena *arena;
	struct scope sc;
	struct buf faults;
	bool valid;

	if ((e->form != FORM_CREATE && e->form != FORM_UPDATE) ||
	    e->file == NULL)
		return true;
	buf_init(&faults, 4096);
	schema = schema_compile(p->set, e->file, variants[e->form], &faults);
	arena = arena_new();
	scope_init(&sc, arena);
	valid = schema != NULL && schema_judge(schema, &sc, NULL, example);
	arena_free(arena);
	buf_release(&faults);
	return valid;
}

static const char *
kept(struct arena *arena, struct buf *b)
{
	const char *text = arena_copy(arena, b->at, b->length);

	buf_release(b);
	return text;
}

/* The examples of the top; the first is the component's. */
static void
write_examples(struct writing *w, struct entry *e)
{
	struct json_object *list, *cut;
	size_t written = 0;
	struct buf text;

	if (!json_object_object_get_ex(e->value, "examples", &list))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		cut = example_cut(w->publication, e,
		    json_object_array_get_idx(list, i));
		if (is_valid(w->publication, e, cut)) {
			buf_init(&text, TEXT_MAX);
			json_write(&text, cut);
			if (written++ == 0)
				write_name(w, "examples");
			buf_char(w->out, written == 1 ? '[' : ',');
			buf_string(w->out, text.at);
			if (written == 1)
				e->component.example = kept(
				    w->publication->arena, &text);
			buf_release(&text);
		}
		json_object_put(cut);
	}
	if (written > 0)
		buf_char(w->out, ']');
}

static void
write_schema(struct publication *p, const struct schema_resource *in,
    struct json_object *value, enum schema_form form, const struct entry *top,
    struct buf *out)
{
	const struct schema_resource *own = library_resource_at(p->library,
	    value);
	struct writing w = { p, own != NULL ? own : in, out, false };

	if (!json_object_is_type(value, json_type_object)) {
		json_write(out, value);
		return;
	}
	json_object_object_foreach(value, name, member)
		if (top == NULL || (strcmp(name, "examples") != 0 &&
			!(top->row && strcmp(name, "required") == 0)))
			write_keyword(&w, value, name, member, form);
	if (top != NULL && top->row)
		write_required_row(&w, value);
	if (is_closed(form)) {
		write_name(&w, "additionalProperties");
		buf_string(out, "false");
	}
	if (form == FORM_UPDATE) {
		write_name(&w, "minProperties");
		buf_char(out, '1');
	}
	if (top != NULL)
		write_examples(&w, (struct entry *)top);
	buf_string(out, w.more ? "}" : "{}");
}

/* ---- components ---- */

static const struct entry *
entry_of(struct publication *p, const struct entry *wanted, const char *hint)
{
	enum schema_form form = wanted->row ? wanted->form : form_plain(p,
	    wanted->resource, wanted->value, wanted->form);
	struct entry *e;
	struct buf text;

	for (e = p->entries; e != NULL; e = e->next)
		if (e->value == wanted->value && e->form == form)
			return e;
	e = arena_alloc(p->arena, sizeof(*e));
	*e = *wanted;
	e->form = form;
	e->component.name = name_of(p, e, hint);
	e->component.description = text_member(e->value, "description");
	*p->last = e;
	p->last = &e->next;
	buf_init(&text, TEXT_MAX);
	write_schema(p, e->resource, e->value, form, e, &text);
	e->component.schema = kept(p->arena, &text);
	return e;
}

static bool
is_row(const struct publication *p, const char *file, enum schema_form form)
{
	for (size_t i = 0; form == FORM_TOLD && i < p->resource_count; i++)
		if (p->resources[i].table.name != NULL &&
		    strcmp(p->resources[i].schema_file, file) == 0)
			return true;
	return false;
}

const struct component *
publication_file(struct publication *publication, const char *file,
    enum schema_form form)
{
	const struct document *document;
	struct entry wanted = { .form = form, .file = file,
		.row = is_row(publication, file, form) };
	struct buf faults;

	buf_init(&faults, 4096);
	publication->library->faults = &faults;
	document = library_open(publication->library, file, NULL);
	buf_release(&faults);
	if (document == NULL)
		return NULL;
	wanted.resource = document->top;
	wanted.value = document->root;
	return &entry_of(publication, &wanted, file)->component;
}

const char *
publication_field(struct publication *publication, const struct field *field)
{
	struct buf text;

	if (field->schema == NULL)
		return "{\"type\":\"string\",\"minLength\":1,"
		    "\"maxLength\":255}";
	buf_init(&text, TEXT_MAX);
	write_schema(publication, field->schema->resource,
	    field->schema->source, FORM_WHOLE, NULL, &text);
	return kept(publication->arena, &text);
}

const struct component *
publication_component(const struct publication *publication, size_t number)
{
	const struct entry *e = publication->entries;

	while (e != NULL && number-- > 0)
		e = e->next;
	return e != NULL ? &e->component : NULL;
}
