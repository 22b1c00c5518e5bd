/* SPDX-License-Identifier: MIT */
/*
 * The contract against the database: the walk over resources and operations,
 * and the words that the parts share.  Nothing is looked at twice: what is not
 * there is told once, and what would follow from it is not.
 */
#include "tool/drift.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static const struct check_rule drift_rules[] = {
#define RULE(name, id, level, title, why, mend)                                \
	{ id, CHECK_LEVEL(LEVEL_##level), CHECK_UNSAFE(LEVEL_##level), title,  \
	    why, mend },
#include "tool/drift.def"
#undef RULE
};

struct check_rules
tool_drift_rules(void)
{
	return (struct check_rules){ drift_rules, countof(drift_rules) };
}

/* ---- Telling. ---- */

void
drift_tell(struct drift *d, enum drift_rule rule, struct drift_place at,
    const char *object, const char *mend, const char *format, ...)
{
	struct db_finding f = { .rule = &drift_rules[rule], .object = object,
		.file = at.file, .line = at.line, .column = at.column,
		.mend = mend };
	va_list ap;

	va_start(ap, format);
	f.what = arena_vformat(d->arena, format, ap);
	va_end(ap);
	if (at.file != NULL && at.path != NULL)
		contract_place(d->contract, at.file, at.path, &f.line,
		    &f.column);
	findings_add(d->findings, &f);
}

const char *
drift_text(struct drift *d, const char *format, ...)
{
	const char *ret;
	va_list ap;

	va_start(ap, format);
	ret = arena_vformat(d->arena, format, ap);
	va_end(ap);
	return ret;
}

const char *
drift_literal(struct drift *d, const char *text)
{
	char *ret = arena_alloc(d->arena, 2 * strlen(text) + 3), *at = ret;

	*at++ = '\'';
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			*at++ = '\'';
		*at++ = *text;
	}
	*at++ = '\'';
	*at = '\0';
	return ret;
}

struct drift_place
drift_at(struct drift *d, const struct resource *r, const char *member)
{
	return (struct drift_place){ .file = r->file,
		.path = drift_text(d, "[\"%s\"]", member) };
}

/* The part after the resource: "list". */
static const char *
short_name(const struct operation *op)
{
	const char *dot = strchr(op->name, '.');

	return dot != NULL ? dot + 1 : op->name;
}

struct drift_place
drift_in(struct drift *d, const struct operation *op, const char *member)
{
	return (struct drift_place){ .file = op->resource->file,
		.path = drift_text(d, "[\"operations\",\"%s\",\"%s\"]",
		    short_name(op), member) };
}

struct drift_place
drift_item(struct drift *d, const struct operation *op, const char *member,
    const char *item)
{
	return (struct drift_place){ .file = op->resource->file,
		.path = drift_text(d, "[\"operations\",\"%s\",\"%s\",\"%s\"]",
		    short_name(op), member, item) };
}

struct drift_place
drift_field(struct drift *d, const struct resource *r, const struct field *f)
{
	struct facts facts;

	contract_facts(f, d->arena, &facts);
	if (facts.file == NULL)
		return drift_at(d, r, "schema");
	return (struct drift_place){ .file = facts.file, .line = facts.line,
		.column = facts.column };
}

const char *
drift_table_name(struct drift *d, const struct catalog_table *t)
{
	return drift_text(d, "%s.%s", t->schema, t->name);
}

const char *
drift_column_name(struct drift *d, const struct catalog_table *t,
    const char *column)
{
	return drift_text(d, "%s.%s.%s", t->schema, t->name, column);
}

const char *
drift_access_name(struct drift *d, const struct catalog_table *t,
    const char *role)
{
	return drift_text(d, "%s.%s (%s)", t->schema, t->name, role);
}

void
drift_closed(struct drift *d, const struct operation *op, const char *schema,
    const char *role)
{
	const char *object = drift_text(d, "schema %s (%s)", schema, role);

	for (size_t i = 0; i < d->findings->count; i++)
		if (strcmp(d->findings->at[i].object, object) == 0)
			return;
	drift_tell(d, DRIFT_SCHEMA_CLOSED, drift_in(d, op, "roles"), object,
	    drift_text(d, "grant usage on schema \"%s\" to \"%s\";", schema,
		role), "%s needs it, and %s may not use it", op->name, role);
}

/* ---- Looking up. ---- */

const struct catalog_column *
drift_column(const struct catalog_table *t, const char *name)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return &t->columns[i];
	return NULL;
}

size_t
drift_number(const struct catalog_table *t, const struct catalog_column *c)
{
	return (size_t)(c - t->columns);
}

const struct operation *
drift_operation(const struct drift *d, const struct resource *r,
    enum verb verb)
{
	for (size_t i = 0; i < d->operation_count; i++)
		if (d->operations[i].resource == r &&
		    d->operations[i].verb == verb)
			return &d->operations[i];
	return NULL;
}

bool
drift_created(const struct drift *d, const struct resource *r,
    const struct field *f)
{
	return !f->read_only && drift_operation(d, r, VERB_CREATE) != NULL;
}

bool
drift_updated(const struct drift *d, const struct resource *r,
    const struct field *f)
{
	return !f->read_only && !f->create_only &&
	    drift_operation(d, r, VERB_UPDATE) != NULL;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

bool
drift_mentions(const char *source, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = source; (at = strstr(at, word)) != NULL; at++)
		if ((at == source || !is_word(at[-1])) && !is_word(at[length]))
			return true;
	return false;
}

bool
drift_filled(const struct catalog_table *t, const char *column, unsigned verbs)
{
	for (size_t i = 0; i < t->trigger_count; i++)
		if (t->triggers[i].before &&
		    (t->triggers[i].verbs & verbs) != 0 &&
		    drift_mentions(t->triggers[i].source, column))
			return true;
	return false;
}

/* ---- The walk. ---- */

/* The files' own table, "app.letters", to be made. */
static void
table_missing(struct drift *d, const struct resource *r)
{
	drift_tell(d, DRIFT_TABLE_MISSING, drift_at(d, r, "table"),
	    drift_text(d, "%s.%s", r->table.schema_name, r->table.name), NULL,
	    "there is no table %s.%s, which the resource \"%s\" is",
	    r->table.schema_name, r->table.name, r->name);
}

/* Is it a relation that rows cannot be written to? */
static void
check_writable(struct drift *d, const struct resource *r,
    const struct catalog_table *t)
{
	static const struct {
		enum verb verb;
		unsigned right;
	} rows[] = { { VERB_CREATE, CATALOG_MAY_INSERT },
		{ VERB_UPDATE, CATALOG_MAY_UPDATE },
		{ VERB_DELETE, CATALOG_MAY_DELETE } };

	for (size_t i = 0; i < countof(rows); i++) {
		const struct operation *op = drift_operation(d, r,
		    rows[i].verb);

		if (op == NULL || (t->writable & rows[i].right) != 0)
			continue;
		drift_tell(d, DRIFT_TABLE_READONLY, drift_at(d, r, "table"),
		    drift_table_name(d, t), NULL, "%s writes to a "
		    "%s, which takes no rows", op->name, t->kind == 'm' ?
		    "materialized view" : "view");
		return;
	}
}

static void
check_resources(struct drift *d)
{
	for (size_t i = 0; i < d->resource_count; i++) {
		const struct resource *r = &d->resources[i];
		const struct catalog_table *t;

		if (r->table.name == NULL)
			continue;
		t = catalog_table(d->catalog, &r->table);
		if (t == NULL) {
			table_missing(d, r);
			continue;
		}
		check_writable(d, r, t);
		drift_columns(d, r, t);
		drift_values(d, r, t);
		drift_keys(d, r, t);
		drift_partition(d, r, t);
	}
}

static void
check_operations(struct drift *d)
{
	for (size_t i = 0; i < d->operation_count; i++) {
		const struct operation *op = &d->operations[i];
		const struct catalog_table *t;

		if (op->verb == VERB_CALL || op->resource->table.name == NULL)
			continue;
		t = catalog_table(d->catalog, &op->resource->table);
		if (t != NULL)
			drift_indexes(d, op, t);
	}
}

static void
check_roles(struct drift *d)
{
	for (size_t i = 0; i < d->about->role_count; i++) {
		size_t n = 0;

		while (n < d->catalog->role_count &&
		    strcmp(d->catalog->roles[n].name, d->about->roles[i]) != 0)
			n++;
		if (n < d->catalog->role_count && d->catalog->roles[n].there)
			continue;
		drift_tell(d, DRIFT_ROLE_MISSING, (struct drift_place){
		    .file = "api.json",
		    .path = drift_text(d, "[\"roles\",%zu]", i) },
		    drift_text(d, "role %s", d->about->roles[i]),
		    drift_text(d, "create role \"%s\" nologin noinherit;",
			d->about->roles[i]),
		    "the contract lists the role %s, which the database does "
		    "not have", d->about->roles[i]);
	}
}

struct drift
drift_of(const struct contract *contract, const struct catalog *catalog,
    struct findings *findings)
{
	struct drift d = { .contract = contract,
		.about = contract_about(contract), .catalog = catalog,
		.arena = findings->arena, .findings = findings };

	d.resources = contract_resources(contract, &d.resource_count);
	d.operations = contract_operations(contract, &d.operation_count);
	return d;
}

void
tool_drift(const struct contract *contract, const struct catalog *catalog,
    struct findings *findings)
{
	struct drift d = drift_of(contract, catalog, findings);

	check_roles(&d);
	check_resources(&d);
	check_operations(&d);
	drift_functions(&d);
	drift_grants(&d);
	drift_webhooks(&d);
	drift_rollups(&d);
}

bool
tool_drift_generated(const struct gen_options *options,
    const struct contract *contract, const char *directory,
    struct findings *findings)
{
	return tool_stale(options, contract, directory,
	    &drift_rules[DRIFT_GENERATED_STALE], findings);
}

/* ---- What is accepted. ---- */

static bool
is_accepted(const struct db_finding *f, const struct accepted *a)
{
	return strcmp(f->rule->id, a->rule) == 0 &&
	    strcmp(f->object, a->object) == 0;
}

/* Was it looked for?  A proof looks for nothing but its own. */
static bool
is_looked_for(const struct findings *f, const struct accepted *a)
{
	return (strncmp(a->rule, "prove-", 6) == 0) == f->proved;
}

void
tool_accept(struct findings *f, const struct accepted *list, size_t count,
    bool whole)
{
	for (size_t n = 0; n < count; n++) {
		size_t kept = 0, before = f->count;

		for (size_t i = 0; i < before; i++)
			if (!is_accepted(&f->at[i], &list[n]))
				f->at[kept++] = f->at[i];
		f->count = kept;
		if (kept == before && whole && is_looked_for(f, &list[n]))
			findings_add(f, &(struct db_finding){
			    .rule = &drift_rules[DRIFT_ACCEPTED_GONE],
			    .object = list[n].object, .file = "check.json",
			    .line = 1, .column = 1,
			    .what = arena_format(f->arena, "%s is accepted "
				"there, and not found", list[n].rule) });
	}
}
