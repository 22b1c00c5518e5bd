/* SPDX-License-Identifier: MIT */
/*
 * The data contract matrix: for each resource and each operation what stands
 * behind it, in files, in SQL and in policies, with what is sent and what comes
 * back.  The rows of a role are what the catalog says, at the time; where it
 * was not asked, the document says so instead.
 */
#include "tool/tool.h"

#include <string.h>

#include "tool/access.h"
#include "tool/example.h"
#include "tool/markdown.h"
#include "tool/possible.h"

/* One document while it is written. */
struct matrix {
	const struct contract *contract;
	const struct catalog *catalog;	/* NULL = not looked up */
	struct publication *schemas;
	const struct possible *common;	/* problems */
	size_t common_count;
	struct arena *arena;
	FILE *out;
};

static const char not_looked_up[] = "not looked up";

static const char *
relation_code(struct matrix *m, const struct relation *r)
{
	return md_code(m->arena, arena_format(m->arena, "%s.%s",
	    r->schema_name, r->name));
}

/* ---- overview ---- */

static const char *
security_of(struct matrix *m, const struct resource *r)
{
	const struct catalog_table *t;

	if (r->table.name == NULL)
		return "-";
	if (m->catalog == NULL)
		return not_looked_up;
	t = catalog_table(m->catalog, &r->table);
	return t == NULL ? "**TABLE MISSING**" : access_security(t);
}

static void
write_overview(struct matrix *m)
{
	size_t count, operations;
	const struct resource *r = contract_resources(m->contract, &count);
	const struct operation *op = contract_operations(m->contract,
	    &operations);

	fputs("## Overview\n\n", m->out);
	md_head(m->out, (const char *const[]){ "entity", "schema", "table",
	    "row security", "operations", NULL });
	for (size_t i = 0; i < count; i++) {
		const char *list = "";

		for (size_t o = 0; o < operations; o++)
			if (op[o].resource == &r[i])
				list = md_join(m->arena, list, ", ",
				    arena_format(m->arena, "[%s](#%s)",
				    strchr(op[o].name, '.') + 1,
				    md_anchor(m->arena, op[o].name)));
		md_row(m->out, 5, (const char *const[]){
		    md_link(m->arena, r[i].name),
		    md_code(m->arena, r[i].schema_file),
		    r[i].table.name == NULL ? "-" :
		    relation_code(m, &r[i].table), security_of(m, &r[i]),
		    list });
	}
	fputc('\n', m->out);
}

static void
write_common(struct matrix *m)
{
	const struct possible *all = m->common;

	fputs("## Problems of every operation\n\n", m->out);
	md_head(m->out, (const char *const[]){ "status", "code", "meaning",
	    "retryable", NULL });
	for (size_t i = 0; i < m->common_count; i++)
		md_row(m->out, 4, (const char *const[]){
		    arena_format(m->arena, "%d", all[i].status),
		    md_code(m->arena, all[i].code),
		    md_text(m->arena, all[i].sentence),
		    all[i].retryable ? "yes" : "no" });
	fputc('\n', m->out);
}

/* ---- a resource ---- */

static void
write_rows_by_role(struct matrix *m, const struct catalog_table *t)
{
	const struct catalog *c = m->catalog;

	md_head(m->out, (const char *const[]){ "role", "select", "insert",
	    "update", "delete", NULL });
	for (size_t role = 0; role < c->role_count; role++) {
		const char *cells[1 + CATALOG_VERB_COUNT];

		cells[0] = md_code(m->arena, c->roles[role].name);
		for (size_t v = 0; v < CATALOG_VERB_COUNT; v++)
			cells[1 + v] = access_rows(c, t, role, v, m->arena);
		md_row(m->out, countof(cells), cells);
	}
	fputc('\n', m->out);
}

static const char *
verbs_text(struct matrix *m, unsigned verbs)
{
	const char *list = "";

	for (size_t v = 0; v < CATALOG_VERB_COUNT; v++)
		if ((verbs & (1u << v)) != 0)
			list = md_join(m->arena, list, ", ",
			    access_verb_name(v));
	return list;
}

static void
write_policies(struct matrix *m, const struct catalog_table *t)
{
	for (size_t i = 0; i < t->policy_count; i++) {
		const struct catalog_policy *p = &t->policies[i];

		fprintf(m->out, "- %s, %s, %s, of %s", md_code(m->arena,
		    p->name), p->restrictive ? "restrictive" : "permissive",
		    verbs_text(m, p->verbs), md_codes(m->arena, p->roles,
		    p->role_count));
		if (p->using_sql != NULL)
			fprintf(m->out, "; using %s", md_code(m->arena,
			    p->using_sql));
		if (p->check_sql != NULL)
			fprintf(m->out, "; with check %s", md_code(m->arena,
			    p->check_sql));
		fputc('\n', m->out);
	}
	if (t->policy_count > 0)
		fputc('\n', m->out);
}

static void
write_access(struct matrix *m, const struct resource *r)
{
	const struct catalog_table *t;

	if (r->table.name == NULL)
		return;
	fprintf(m->out, "### Access to %s\n\n", r->name);
	if (m->catalog == NULL) {
		fprintf(m->out, "Row security of %s was **not looked up**: "
		    "`--without-database`.\n\n", relation_code(m, &r->table));
		return;
	}
	t = catalog_table(m->catalog, &r->table);
	if (t == NULL) {
		fprintf(m->out, "**TABLE MISSING**: the database has no %s.\n"
		    "\n", relation_code(m, &r->table));
		return;
	}
	fprintf(m->out, "Row security of %s, whose owner is %s: %s.\n\n",
	    relation_code(m, &r->table), md_code(m->arena, t->owner),
	    access_security(t));
	write_rows_by_role(m, t);
	write_policies(m, t);
}

static const char *
done_by(struct matrix *m, const struct operation *op)
{
	static const char *const words[] = {
		[VERB_LIST] = "select from", [VERB_READ] = "select from",
		[VERB_CREATE] = "insert into", [VERB_UPDATE] = "update",
		[VERB_DELETE] = "delete from", [VERB_CALL] = "call",
	};

	return arena_format(m->arena, "%s %s", words[op->verb],
	    relation_code(m, op->verb == VERB_CALL ? &op->function :
	    &op->resource->table));
}

static void
write_routes(struct matrix *m, const struct resource *r)
{
	const char *base = contract_about(m->contract)->base;
	size_t count;
	const struct operation *op = contract_operations(m->contract, &count);

	md_head(m->out, (const char *const[]){ "operation", "route", "roles",
	    "does", NULL });
	for (size_t i = 0; i < count; i++)
		if (op[i].resource == r)
			md_row(m->out, 4, (const char *const[]){
			    md_link(m->arena, op[i].name),
			    md_code(m->arena, arena_format(m->arena,
			    "%s %s%s", method_name(op[i].method), base,
			    op[i].pattern)), md_codes(m->arena, op[i].roles,
			    op[i].role_count), done_by(m, &op[i]) });
	fputc('\n', m->out);
}

/* ---- an operation ---- */

/* Who may execute it, of the operation's roles, and who may not. */
static void
write_execute(struct matrix *m, const struct operation *op,
    const struct catalog_function *f)
{
	for (size_t i = 0; i < op->role_count; i++) {
		size_t role = access_role(m->catalog, op->roles[i]);

		fprintf(m->out, "  - %s: %s\n", md_code(m->arena,
		    op->roles[i]), f->execute[role] ? "may execute it" :
		    "**MAY NOT EXECUTE IT**");
	}
}

/* What of the resource's table the function reaches, as whom it runs. */
static void
write_function_rows(struct matrix *m, const struct operation *op,
    const struct catalog_function *f)
{
	const struct catalog_table *t = op->resource->table.name == NULL ?
	    NULL : catalog_table(m->catalog, &op->resource->table);
	const char *const *roles = f->definer ? &f->owner : op->roles;
	size_t count = f->definer ? 1 : op->role_count;

	for (size_t i = 0; t != NULL && i < count; i++)
		fprintf(m->out, "  - %s reaches of %s: %s\n", md_code(m->arena,
		    roles[i]), relation_code(m, &op->resource->table),
		    access_all_rows(m->catalog, t, access_role(m->catalog,
		    roles[i]), m->arena));
}

static void
write_function_access(struct matrix *m, const struct operation *op)
{
	const struct catalog_function *f = catalog_function(m->catalog,
	    &op->function);

	if (f == NULL) {
		fputs("- Row security: **FUNCTION MISSING**\n", m->out);
		return;
	}
	fprintf(m->out, "- Row security: the function %s\n",
	    access_function(f, m->arena));
	write_execute(m, op, f);
	write_function_rows(m, op, f);
}

static void
write_table_access(struct matrix *m, const struct operation *op)
{
	const struct catalog_table *t = catalog_table(m->catalog,
	    &op->resource->table);
	enum catalog_verb verb = access_verb(op->verb);

	if (t == NULL) {
		fputs("- Row security: **TABLE MISSING**\n", m->out);
		return;
	}
	fprintf(m->out, "- Row security: %s\n", access_security(t));
	for (size_t i = 0; i < op->role_count; i++)
		fprintf(m->out, "  - %s: %s %s\n", md_code(m->arena,
		    op->roles[i]), access_verb_name(verb), access_rows(
		    m->catalog, t, access_role(m->catalog, op->roles[i]),
		    verb, m->arena));
}

static void
write_row_security(struct matrix *m, const struct operation *op)
{
	if (m->catalog == NULL)
		fprintf(m->out, "- Row security: %s\n", not_looked_up);
	else if (op->verb == VERB_CALL)
		write_function_access(m, op);
	else
		write_table_access(m, op);
}

static void
write_schemas(struct matrix *m, const struct operation *op,
    const struct component *taken, const struct component *told)
{
	const char *file = op->verb == VERB_CALL ? op->returns_file :
	    op->resource->schema_file;

	if (taken != NULL)
		fprintf(m->out, "- Takes: %s, as %s%s\n",
		    md_code(m->arena, op->body_file), taken->name,
		    op->bulk != NULL ? ", or many of them, each for itself" :
		    op->batch_max > 0 ? ", or an array of them" : "");
	else
		fputs("- Takes: no body\n", m->out);
	if (op->query_file != NULL)
		fprintf(m->out, "- Query: %s\n", md_code(m->arena,
		    op->query_file));
	if (told != NULL)
		fprintf(m->out, "- Tells: %d, %s, %s %s\n", op->status,
		    md_code(m->arena, file), op->verb == VERB_LIST ?
		    "an array of" : "as", told->name);
	else
		fprintf(m->out, "- Tells: %d, no data\n", op->status);
}

static void
write_problems(struct matrix *m, const struct operation *op)
{
	size_t count;
	const struct possible *own = possible_own(m->contract, op, m->common,
	    m->common_count, m->arena, &count);

	fputs("- Problems: [those of every operation]"
	    "(#problems-of-every-operation)", m->out);
	for (size_t i = 0; i < count; i++)
		fprintf(m->out, ", %d %s", own[i].status,
		    md_code(m->arena, own[i].code));
	fputs("\n\n", m->out);
}

/* What the schemas have no example of is said to be missing. */
static void
write_example(struct matrix *m, const char *what, const char *json)
{
	if (json == NULL) {
		fprintf(m->out, "%s: its schema has no example.\n\n", what);
		return;
	}
	fprintf(m->out, "<details><summary>%s</summary>\n\n", what);
	md_json(m->out, json);
	fputs("\n</details>\n\n", m->out);
}

static void
write_operation(struct matrix *m, const struct operation *op)
{
	const struct component *taken = example_taken(m->schemas, op);
	const struct component *told = example_told(m->schemas, op);

	fprintf(m->out, "### %s\n\n", op->name);
	if (op->summary != NULL)
		fprintf(m->out, "%s\n\n", md_text(m->arena, op->summary));
	fprintf(m->out, "- Route: %s\n- Does: %s\n",
	    md_code(m->arena, arena_format(m->arena, "%s %s%s",
	    method_name(op->method), contract_about(m->contract)->base,
	    op->pattern)), done_by(m, op));
	write_schemas(m, op, taken, told);
	write_row_security(m, op);
	write_problems(m, op);
	if (taken != NULL)
		write_example(m, "Example payload", taken->example);
	write_example(m, "Example response", example_reply(m->schemas, op,
	    m->arena));
}

static void
write_resource(struct matrix *m, const struct resource *r)
{
	const struct component *c = publication_file(m->schemas,
	    r->schema_file, FORM_TOLD);
	size_t count;
	const struct operation *op = contract_operations(m->contract, &count);

	fprintf(m->out, "## %s\n\n", r->name);
	if (c->description != NULL)
		fprintf(m->out, "%s\n\n", md_text(m->arena, c->description));
	fprintf(m->out, "- Schema: %s\n- Table: %s\n",
	    md_code(m->arena, r->schema_file), r->table.name == NULL ? "none" :
	    relation_code(m, &r->table));
	for (size_t i = 0; i < r->key_count; i++)
		fprintf(m->out, "%s%s%s", i == 0 ? "- Key: " : ", ",
		    md_code(m->arena, r->keys[i]->name),
		    i + 1 < r->key_count ? "" : "\n");
	fprintf(m->out, "- Row security: %s\n\n", security_of(m, r));
	write_routes(m, r);
	write_access(m, r);
	for (size_t i = 0; i < count; i++)
		if (op[i].resource == r)
			write_operation(m, &op[i]);
}

static void
write_front(struct matrix *m)
{
	const struct contract_about *about = contract_about(m->contract);
	size_t count;
	const struct resource *r = contract_resources(m->contract, &count);

	fprintf(m->out, "# Data contract matrix: %s %s\n\n",
	    md_text(m->arena, about->title), md_text(m->arena,
	    about->version));
	if (m->catalog != NULL)
		fprintf(m->out, "Made by `lockstep gen matrix` from the "
		    "contract and the catalog of the database %s.\n\n",
		    md_code(m->arena, m->catalog->database));
	else
		fputs("Made by `lockstep gen matrix` from the contract alone. "
		    "**Row security was not looked up**: it was told "
		    "`--without-database`.\n\n", m->out);
	fputs("## Contents\n\n- [Overview](#overview)\n- [Problems of every "
	    "operation](#problems-of-every-operation)\n", m->out);
	for (size_t i = 0; i < count; i++)
		fprintf(m->out, "- %s\n", md_link(m->arena, r[i].name));
	fputc('\n', m->out);
}

void
tool_matrix(const struct gen_options *options,
    const struct contract *contract, FILE *out)
{
	struct matrix m = { .contract = contract,
		.catalog = options->catalog, .arena = arena_new(), .out = out };
	size_t count;
	const struct resource *r = contract_resources(contract, &count);

	m.schemas = publication_new(contract, "", (const char *const[]){
	    NULL }, m.arena);
	m.common = possible_common(contract, m.arena, &m.common_count);
	write_front(&m);
	write_overview(&m);
	write_common(&m);
	for (size_t i = 0; i < count; i++)
		write_resource(&m, &r[i]);
	arena_free(m.arena);
}
