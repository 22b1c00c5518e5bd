/* SPDX-License-Identifier: MIT */
/*
 * rollups/X.json -> a rollup: figures of a resource's rows by key and bucket of
 * time.  What it counts is said in the words of a list's filters, and each value
 * is judged by the schema of its field, so a rollup cannot count what no row can
 * be.  Columns that are made of a measure never meet another's name.
 */
#include "contract/list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROLLUP_NAME_MAX = 48,	/* what is made of it has a word behind it */
	WINDOW_MAX = 36500,	/* days */
	NAMES_MAX = 2 * ROLLUP_MEASURES_MAX,
};

static const struct member rollup_members[] = {
	{ "$schema", KIND_TEXT, false },
	{ "rollup", KIND_TEXT, true },
	{ "summary", KIND_TEXT, false },
	{ "source", KIND_TEXT, true },
	{ "key", KIND_TEXTS, true },
	{ "time", KIND_TEXT, true },
	{ "bucket", KIND_TEXT, false },
	{ "window_days", KIND_NUMBER, false },
	{ "measures", KIND_OBJECT, true },
};

static const struct member measure_members[] = {
	{ "count", KIND_FLAG, false },
	{ "sum", KIND_TEXT, false },
	{ "average", KIND_TEXT, false },
	{ "min", KIND_TEXT, false },
	{ "max", KIND_TEXT, false },
	{ "distinct", KIND_TEXT, false },
	{ "where", KIND_OBJECT, false },
};

static const char *const kinds[] = { [MEASURE_COUNT] = "count",
	[MEASURE_SUM] = "sum", [MEASURE_AVERAGE] = "average",
	[MEASURE_MIN] = "min", [MEASURE_MAX] = "max",
	[MEASURE_DISTINCT] = "distinct" };

static const struct {
	const char *word, *interval;
	unsigned seconds;
} buckets[] = {
	{ "15m", "15 minutes", 900 },
	{ "5m", "5 minutes", 300 },
	{ "30m", "30 minutes", 1800 },
	{ "1h", "1 hour", 3600 },
	{ "1d", "1 day", 86400 },
};

/* Columns of our own, and what functions call their rows. */
static const char *const taken[] = { "id", "bucket", "rows", "recount",
	"recounted", "written_at", "measure", "value", "n", "folded", "since",
	"until", "most", "kept", "counted" };

const char *
measure_word(enum measure_kind kind)
{
	return kinds[kind];
}

/* ---- Where rows come from. ---- */

static const struct resource *
resource_named(const struct contract *c, const char *name)
{
	for (size_t i = 0; i < c->resource_count; i++) {
		const struct resource *r = &c->resources[i];

		if (r->table.name == NULL)
			continue;
		if (strcmp(r->name, name) == 0)
			return r;
		if (strncmp(r->table.schema_name, name,
			strlen(r->table.schema_name)) == 0 &&
		    name[strlen(r->table.schema_name)] == '.' && strcmp(
			name + strlen(r->table.schema_name) + 1,
			r->table.name) == 0)
			return r;
	}
	return NULL;
}

static void
source_load(struct loader *ld, const struct at *at, struct rollup *r)
{
	const struct contract *c = ld->contract;
	const char *name = member_text(ld, at, "source");
	const char **names;

	if (name == NULL || (r->resource = resource_named(c, name)) != NULL)
		return;
	names = arena_alloc(ld->scratch, (c->resource_count + 1) *
	    sizeof(*names));
	for (size_t i = 0; i < c->resource_count; i++)
		names[i] = c->resources[i].name;
	fault_value(ld, at, "source", "\"%s\" is no resource with a table, nor "
	    "the table of one%s", name, hint(ld, name, names,
	    c->resource_count));
}

/* A field of the source by its name; NULL with a fault, or without a source. */
static const struct field *
field_of(struct loader *ld, const struct at *at, const char *member,
    const struct rollup *r, const char *name)
{
	const struct field *field;

	if (r->resource == NULL || name == NULL)
		return NULL;
	field = field_find(r->resource->fields, r->resource->field_count, name,
	    strlen(name));
	if (field == NULL)
		fault_value(ld, at, member, "\"%s\" is no property of %s%s",
		    name, r->resource->schema_file, hint(ld, name,
		    field_names(ld, r->resource->fields,
			r->resource->field_count), r->resource->field_count));
	return field;
}

static void
keys_load(struct loader *ld, const struct at *at, struct rollup *r)
{
	size_t count;
	const char *const *names = member_texts(ld, at, "key", &count);
	const struct field **keys = arena_alloc(ld->arena,
	    (count + 1) * sizeof(*keys));

	if (names != NULL && (count < 1 || count > KEY_FIELDS_MAX))
		fault_value(ld, at, "key", "\"key\" must have 1 to %d columns",
		    KEY_FIELDS_MAX);
	for (size_t i = 0; names != NULL && i < count; i++) {
		const struct field *f = field_of(ld, at, "key", r, names[i]);

		if (f == NULL)
			continue;
		if (!field_is_scalar(f) || (f->types & TYPE_NULL) != 0)
			fault_item(ld, at, "key", i, "\"%s\" may be null, or "
			    "is no single value; rows could not be told apart "
			    "by it", names[i]);
		for (size_t t = 0; t < countof(taken); t++)
			if (strcmp(taken[t], f->name) == 0)
				fault_item(ld, at, "key", i, "\"%s\" is the "
				    "name of a column that each rollup has",
				    f->name);
		keys[r->key_count++] = f;
	}
	r->keys = keys;
}

static void
time_load(struct loader *ld, const struct at *at, struct rollup *r)
{
	const char *bucket = member_text(ld, at, "bucket");
	size_t i = 0;
	int64_t days;

	r->time = field_of(ld, at, "time", r, member_text(ld, at, "time"));
	if (r->time != NULL && (r->time->format == NULL ||
	    strcmp(r->time->format, "date-time") != 0 ||
	    (r->time->types & TYPE_NULL) != 0))
		fault_value(ld, at, "time", "\"%s\" must have the format "
		    "date-time, and never be null", r->time->name);
	while (bucket != NULL && i < countof(buckets) &&
	    strcmp(buckets[i].word, bucket) != 0)
		i++;
	if (i == countof(buckets)) {
		fault_value(ld, at, "bucket", "\"%s\" must be 5m, 15m, 30m, "
		    "1h or 1d; days and hours of every zone are sums of 15m",
		    bucket);
		i = 0;
	}
	r->bucket = buckets[i].word;
	r->interval = buckets[i].interval;
	r->bucket_s = buckets[i].seconds;
	if (!member_number(at, "window_days", &days))
		return;
	if (days < 1 || days > WINDOW_MAX)
		fault_value(ld, at, "window_days", "\"window_days\" must be "
		    "from 1 to %d", WINDOW_MAX);
	else
		r->window_days = (unsigned)days;
}

/* ---- Measures. ---- */

/* The first issue's sentence, without its quotes. */
static const char *
issue_text(struct loader *ld, const struct scope *sc)
{
	const char *text = sc->issue_count > 0 ? sc->issues[0].message : NULL;
	size_t length = text != NULL ? strlen(text) : 0;

	if (length < 2)
		return "it is no condition";
	return arena_copy(ld->scratch, text + 1, length - 2);
}

static void
condition_load(struct loader *ld, const struct at *where, const char *name,
    const struct rollup *r, struct term *term, bool *ret_read)
{
	struct json_object *value = json_object_object_get(where->object,
	    name);
	const struct field *field = field_of(ld, where, name, r, name);
	struct parameter p = { .name = name };
	struct plan plan = { .terms = term };
	struct scope sc;
	struct reading reading = { .sc = &sc, .plan = &plan, .terms = term };

	*ret_read = false;
	if (field == NULL)
		return;
	if (!json_object_is_type(value, json_type_string)) {
		fault_value(ld, where, name, "a condition is a text as in a "
		    "list's query: \"eq.open\"");
		return;
	}
	p.value = arena_string(ld->arena, json_object_get_string(value));
	scope_init(&sc, ld->arena);
	*ret_read = term_read(&reading, field, &p);
	if (!*ret_read)
		fault_value(ld, where, name, "\"%s\" cannot be asked of "
		    "\"%s\": %s", p.value, name, issue_text(ld, &sc));
}

static void
where_load(struct loader *ld, const struct at *at, const struct rollup *r,
    struct measure *m)
{
	struct term *terms;
	struct at where;
	bool read;

	if (!member_object(at, "where", arena_format(ld->scratch, "%swhere: ",
	    at->what), &where) || r->resource == NULL)
		return;
	if (json_object_object_length(where.object) > LIST_TERMS_MAX) {
		fault_value(ld, at, "where", "\"where\" has more than %d "
		    "conditions", LIST_TERMS_MAX);
		return;
	}
	terms = arena_alloc(ld->arena, LIST_TERMS_MAX * sizeof(*terms));
	json_object_object_foreach(where.object, name, value) {
		(void)value;
		condition_load(ld, &where, arena_string(ld->arena, name), r,
		    &terms[m->where_count], &read);
		m->where_count += read;
	}
	m->where = terms;
}

/* What can be done with the values of the field? */
static void
value_check(struct loader *ld, const struct at *at, const struct measure *m)
{
	unsigned number = TYPE_INTEGER | TYPE_NUMBER | TYPE_NULL;
	const char *word = kinds[m->kind];

	if (m->field == NULL)
		return;
	if ((m->kind == MEASURE_SUM || m->kind == MEASURE_AVERAGE) &&
	    (m->field->types == 0 || (m->field->types & ~number) != 0))
		fault_value(ld, at, word, "\"%s\" is no number",
		    m->field->name);
	else if (!field_is_scalar(m->field))
		fault_value(ld, at, word, "\"%s\" is an array or an object",
		    m->field->name);
	else if ((m->kind == MEASURE_MIN || m->kind == MEASURE_MAX) &&
	    (m->field->types & TYPE_BOOLEAN) != 0)
		fault_value(ld, at, word, "\"%s\" is a boolean, which has no "
		    "%s", m->field->name, word);
}

static void
kind_load(struct loader *ld, const struct at *all, const struct at *at,
    const struct rollup *r, struct measure *m)
{
	size_t said = 0;

	for (size_t i = 0; i < countof(kinds); i++) {
		if (!json_object_object_get_ex(at->object, kinds[i], NULL))
			continue;
		m->kind = (enum measure_kind)i;
		said++;
	}
	if (said != 1) {
		fault_value(ld, all, m->name, "a measure is one of count, sum, "
		    "average, min, max and distinct");
		return;
	}
	if (m->kind == MEASURE_COUNT) {
		if (!member_flag(at, "count"))
			fault_value(ld, at, "count", "\"count\" must be true");
		return;
	}
	m->field = field_of(ld, at, kinds[m->kind], r,
	    member_text(ld, at, kinds[m->kind]));
	value_check(ld, at, m);
}

/* The columns that measures and keys make, each once. */
static void
name_note(struct loader *ld, const struct at *at, const char *member,
    const char *name, const char **names, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(names[i], name) == 0) {
			fault_name(ld, at, member, "\"%s\" would be a column "
			    "twice; rename the measure", name);
			return;
		}
	names[(*count)++] = name;
}

static void
names_check(struct loader *ld, const struct at *at, const struct rollup *r)
{
	const char *names[countof(taken) + KEY_FIELDS_MAX + NAMES_MAX];
	size_t count = 0;

	for (; count < countof(taken); count++)
		names[count] = taken[count];
	for (size_t i = 0; i < r->key_count && i < KEY_FIELDS_MAX; i++)
		names[count++] = r->keys[i]->name;
	for (size_t i = 0; i < r->measure_count; i++) {
		const struct measure *m = &r->measures[i];

		name_note(ld, at, m->name, m->name, names, &count);
		if (m->kind != MEASURE_AVERAGE)
			continue;
		name_note(ld, at, m->name, arena_format(ld->arena, "%s_sum",
		    m->name), names, &count);
		name_note(ld, at, m->name, arena_format(ld->arena, "%s_count",
		    m->name), names, &count);
	}
}

static void
measures_load(struct loader *ld, const struct at *at, struct rollup *r)
{
	struct measure *measures = arena_alloc(ld->arena,
	    ROLLUP_MEASURES_MAX * sizeof(*measures));
	struct at all, one;

	r->measures = measures;
	if (!member_object(at, "measures", "measures: ", &all))
		return;
	json_object_object_foreach(all.object, name, value) {
		struct measure *m = &measures[r->measure_count];

		(void)value;
		if (r->measure_count == ROLLUP_MEASURES_MAX / 2) {
			fault_name(ld, &all, name, "a rollup has at most %d "
			    "measures", ROLLUP_MEASURES_MAX / 2);
			break;
		}
		m->name = arena_string(ld->arena, name);
		r->measure_count++;
		if (!name_is_word(name) || strlen(name) > ROLLUP_NAME_MAX)
			fault_name(ld, &all, name, "\"%s\" cannot be the name "
			    "of a column; use a-z, 0-9 and _, at most %d",
			    name, ROLLUP_NAME_MAX);
		if (!member_object(&all, name, arena_format(ld->scratch,
		    "measure \"%s\": ", name), &one)) {
			fault_value(ld, &all, name, "a measure is an object: "
			    "{\"count\": true}");
			continue;
		}
		members_check(ld, &one, measure_members,
		    countof(measure_members));
		kind_load(ld, &all, &one, r, m);
		where_load(ld, &one, r, m);
	}
	if (r->measure_count == 0)
		fault_value(ld, at, "measures", "\"measures\" is empty");
	names_check(ld, &all, r);
}

/* ---- Files. ---- */

static void
rollup_name(struct loader *ld, const struct at *at, struct rollup *r)
{
	const struct contract *c = ld->contract;

	r->name = member_text(ld, at, "rollup");
	if (r->name == NULL)
		return;
	if (!name_is_word(r->name) || strlen(r->name) > ROLLUP_NAME_MAX)
		fault_value(ld, at, "rollup", "\"%s\" cannot be the name of a "
		    "view; use a-z, 0-9 and _, a letter first, at most %d",
		    r->name, ROLLUP_NAME_MAX);
	for (size_t i = 0; i < c->rollup_count; i++)
		if (c->rollups[i].name != NULL &&
		    strcmp(c->rollups[i].name, r->name) == 0)
			fault_value(ld, at, "rollup", "there is another rollup "
			    "\"%s\"; rename one", r->name);
}

static void
rollup_load(struct loader *ld, const char *file)
{
	struct contract *c = ld->contract;
	struct rollup *r = &c->rollups[c->rollup_count];
	struct at at;

	if (!source_read(ld, file, &at))
		return;
	members_check(ld, &at, rollup_members, countof(rollup_members));
	r->file = arena_string(ld->arena, file);
	r->bucket = r->interval = "";
	rollup_name(ld, &at, r);
	r->summary = member_text(ld, &at, "summary");
	source_load(ld, &at, r);
	keys_load(ld, &at, r);
	time_load(ld, &at, r);
	measures_load(ld, &at, r);
	c->rollup_count++;
}

void
rollups_load(struct loader *ld)
{
	struct contract *c = ld->contract;
	struct dirent **entries;
	int count = json_files(ld, "rollups", &entries);

	if (count < 0) {
		if (errno != ENOENT)
			fault_place(ld, "rollups", 1, 1, "cannot be read: %s",
			    strerror(errno));
		return;
	}
	c->rollups = arena_alloc(ld->arena,
	    ((size_t)count + 1) * sizeof(*c->rollups));
	for (int i = 0; i < count; i++) {
		rollup_load(ld, arena_format(ld->scratch, "rollups/%s",
		    entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

const struct rollup *
contract_rollups(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->rollup_count;
	return contract->rollups;
}

const struct rollup *
contract_rollup(const struct contract *contract, const char *name)
{
	for (size_t i = 0; i < contract->rollup_count; i++)
		if (strcmp(contract->rollups[i].name, name) == 0)
			return &contract->rollups[i];
	return NULL;
}
