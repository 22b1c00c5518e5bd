/* SPDX-License-Identifier: MIT */
/*
 * What the database has and the contract lacks, or the other way round, as a
 * merge patch (RFC 7396) for each file of the contract: properties of columns,
 * SQLSTATEs that functions raise, names that nothing raises.  They are for a
 * person to take: a property in them is read-only until somebody says that
 * clients may write it, and a text gets a bound that may not be the right one.
 */
#include "tool/patch_part.h"

#include <stdio.h>
#include <string.h>

/* A member of one of three objects of a file. */
struct member {
	const char *file;
	enum { IN_PROPERTIES, IN_CONSTRAINTS, IN_ERRORS, KIND_COUNT } kind;
	const char *within;		/* the operation of an error */
	const char *name, *json;
};

struct members {
	struct arena *arena;
	struct member *at;
	size_t count;
};

/* ---- Columns as properties. ---- */

static const struct {
	const char *type, *json, *more;
} type_rows[] = {
	{ "uuid", "string", ", \"format\": \"uuid\"" },
	{ "timestamp with time zone", "string", ", \"format\": \"date-time\"" },
	{ "timestamp without time zone", "string",
	  ", \"format\": \"date-time\"" },
	{ "date", "string", ", \"format\": \"date\"" },
	{ "time with time zone", "string", ", \"format\": \"time\"" },
	{ "boolean", "boolean", "" },
	{ "smallint", "integer", ", \"minimum\": -32768, \"maximum\": 32767" },
	{ "integer", "integer",
	  ", \"minimum\": -2147483648, \"maximum\": 2147483647" },
	{ "bigint", "integer", ", \"minimum\": -9007199254740991, "
	  "\"maximum\": 9007199254740991" },
	{ "numeric", "number", "" },
	{ "real", "number", "" },
	{ "double precision", "number", "" },
	{ "json", "object", "" },
	{ "jsonb", "object", "" },
};

static const char *
quoted(struct arena *arena, const char *text)
{
	const char *ret;
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	buf_json_string(&b, text);
	ret = arena_string(arena, b.at);
	buf_release(&b);
	return ret;
}

static const char *
enum_of(struct arena *arena, const struct catalog_column *c)
{
	const char *list = "";

	for (size_t i = 0; i < c->label_count; i++)
		list = arena_format(arena, "%s%s%s", list, i > 0 ? ", " : "",
		    quoted(arena, c->labels[i]));
	return arena_format(arena, ", \"enum\": [%s%s]", list,
	    c->not_null ? "" : ", null");
}

static const char *
property_of(struct arena *arena, const struct catalog_column *c,
    bool read_only)
{
	const char *type = "string", *more = NULL;

	for (size_t i = 0; i < countof(type_rows); i++)
		if (strcmp(type_rows[i].type, c->base) == 0) {
			type = type_rows[i].json;
			more = type_rows[i].more;
		}
	if (c->category == 'A') {
		type = "array";
		more = ", \"maxItems\": 100";
	}
	if (c->label_count > 0)
		more = enum_of(arena, c);
	if (more == NULL)
		more = arena_format(arena, ", \"maxLength\": %zu",
		    c->length > 0 ? c->length : 1000);
	return arena_format(arena, c->not_null ?
	    "{ \"type\": \"%s\"%s%s }" : "{ \"type\": [\"%s\", \"null\"]%s%s }",
	    type, more, read_only ? ", \"readOnly\": true" : "");
}

/* ---- From findings to members. ---- */

static void
add(struct members *m, struct member member)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->at[i].kind == member.kind &&
		    strcmp(m->at[i].file, member.file) == 0 &&
		    strcmp(m->at[i].name, member.name) == 0 &&
		    (member.within == NULL || strcmp(m->at[i].within,
			member.within) == 0))
			return;
	m->at[m->count++] = member;
}

static bool
has_field(const struct resource *r, const char *name)
{
	for (size_t i = 0; i < r->field_count; i++)
		if (strcmp(r->fields[i].name, name) == 0)
			return true;
	return false;
}

/* "app.users.nickname": the property for the schema of the table's resource. */
static void
add_column(struct members *m, const struct contract *contract,
    const struct catalog *catalog, const struct db_finding *f)
{
	size_t count;
	const struct resource *r = contract_resources(contract, &count);
	const char *name = strrchr(f->object, '.');

	for (size_t i = 0; i < count && name != NULL; i++) {
		const struct catalog_table *t = r[i].table.name == NULL ?
		    NULL : catalog_table(catalog, &r[i].table);
		const struct catalog_column *c = t == NULL ||
		    !patch_is_of(f, t, m->arena) ? NULL : drift_column(t,
			name + 1);

		if (c == NULL || has_field(&r[i], c->name))
			continue;
		add(m, (struct member){ .file = r[i].schema_file,
		    .kind = IN_PROPERTIES, .name = c->name,
		    .json = property_of(m->arena, c,
			strcmp(f->rule->id, "column-unfilled") != 0) });
		return;
	}
}

/* "app.letters.letters_title_key", which is misspelt or gone. */
static void
add_constraint(struct members *m, const struct db_finding *f)
{
	const char *name = strrchr(f->object, '.');

	if (f->file != NULL && name != NULL)
		add(m, (struct member){ .file = f->file,
		    .kind = IN_CONSTRAINTS, .name = name + 1,
		    .json = "null" });
}

/*
 * The sentences of drift_function.c: "f raises LS001, which letters.send does
 * not map", "letters.send maps LS001, which the function does not raise".
 */
static void
add_error(struct members *m, const struct db_finding *f)
{
	bool lacks = strcmp(f->rule->id, "error-undeclared") == 0;
	char operation[128], state[6];
	const char *dot;

	if (f->file == NULL || (lacks ? sscanf(f->what,
	    "%*s raises %5[0-9A-Z], which %127s does", state, operation) :
	    sscanf(f->what, "%127s maps %5[0-9A-Z],", operation, state)) != 2)
		return;
	dot = strchr(operation, '.');
	add(m, (struct member){ .file = f->file, .kind = IN_ERRORS,
	    .within = arena_string(m->arena, dot != NULL ? dot + 1 :
		operation), .name = arena_string(m->arena, state),
	    .json = lacks ? "{ \"code\": \"to_be_named\", \"status\": 409 }" :
		"null" });
}

static void
add_finding(struct members *m, const struct contract *contract,
    const struct catalog *catalog, const struct db_finding *f)
{
	const char *id = f->rule->id;

	if (strcmp(id, "column-extra") == 0 ||
	    strcmp(id, "column-unfilled") == 0)
		add_column(m, contract, catalog, f);
	else if (strcmp(id, "constraint-unknown") == 0)
		add_constraint(m, f);
	else if (strcmp(id, "error-undeclared") == 0 ||
	    strcmp(id, "error-unknown") == 0)
		add_error(m, f);
}

/* ---- Writing. ---- */

static bool
is_of(const struct member *member, const char *file, int kind)
{
	return (int)member->kind == kind && strcmp(member->file, file) == 0;
}

static void
put_member(struct members *m, const struct member *member, bool first,
    struct buf *out)
{
	buf_string(out, first ? "\n" : ",\n");
	if (member->kind != IN_ERRORS) {
		buf_format(out, "    %s: %s", quoted(m->arena, member->name),
		    member->json);
		return;
	}
	buf_format(out, "    %s: { \"errors\": {", quoted(m->arena,
	    member->within));
	first = true;
	for (size_t i = 0; i < m->count; i++)
		if (is_of(&m->at[i], member->file, IN_ERRORS) &&
		    strcmp(m->at[i].within, member->within) == 0) {
			buf_format(out, "%s\n      \"%s\": %s", first ? "" :
			    ",", m->at[i].name, m->at[i].json);
			first = false;
		}
	buf_string(out, "\n    } }");
}

/* Is it the first of its operation?  It brings the others along. */
static bool
leads(const struct members *m, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (m->at[i].kind == IN_ERRORS &&
		    is_of(&m->at[i], m->at[number].file, IN_ERRORS) &&
		    m->at[number].kind == IN_ERRORS &&
		    strcmp(m->at[i].within, m->at[number].within) == 0)
			return false;
	return true;
}

static const char *
text_of(struct members *m, const char *file)
{
	static const char *const names[] = { [IN_PROPERTIES] = "properties",
		[IN_CONSTRAINTS] = "constraints",
		[IN_ERRORS] = "operations" };
	bool any = false;
	const char *ret;
	struct buf out;

	buf_init(&out, SIZE_MAX / 8);
	buf_char(&out, '{');
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		bool first = true;

		for (size_t i = 0; i < m->count; i++) {
			if (!is_of(&m->at[i], file, kind) || !leads(m, i))
				continue;
			if (first)
				buf_format(&out, "%s\n  \"%s\": {", any ?
				    "," : "", names[kind]);
			put_member(m, &m->at[i], first, &out);
			first = false;
		}
		buf_string(&out, first ? "" : "\n  }");
		any |= !first;
	}
	buf_string(&out, "\n}\n");
	ret = arena_string(m->arena, out.at);
	buf_release(&out);
	return ret;
}

const struct patch_file *
tool_snippets(const struct contract *contract, const struct catalog *catalog,
    const struct findings *findings, size_t *ret_count)
{
	struct members m = { .arena = findings->arena,
		.at = arena_alloc(findings->arena, (findings->count + 1) *
		    sizeof(*m.at)) };
	struct patch_file *files = arena_alloc(m.arena, (findings->count +
	    1) * sizeof(*files));

	*ret_count = 0;
	for (size_t i = 0; i < findings->count; i++)
		add_finding(&m, contract, catalog, &findings->at[i]);
	for (size_t i = 0; i < m.count; i++) {
		bool known = false;

		for (size_t n = 0; n < *ret_count; n++)
			known |= strcmp(files[n].path, m.at[i].file) == 0;
		if (known)
			continue;
		files[(*ret_count)++] = (struct patch_file){
			.path = m.at[i].file, .text = text_of(&m,
			    m.at[i].file),
			.what = "what the file lacks, a merge patch" };
	}
	return files;
}
