/* SPDX-License-Identifier: MIT */
/*
 * The way of each operation's data: source, validation, action, database,
 * response, UI update; as a diagram (Mermaid) and in words, with the problems
 * at the step where they come.
 */
#include "tool/tool.h"

#include <string.h>

#include "base/buf.h"
#include "tool/access.h"
#include "tool/advice.h"
#include "tool/example.h"
#include "tool/markdown.h"
#include "tool/openapi.h"
#include "tool/possible.h"

enum { SQL_MAX = 1 << 20 };	/* bytes of a statement */

/* One document while it is written. */
struct flow {
	const struct contract *contract;
	const struct catalog *catalog;	/* NULL = not looked up */
	struct publication *schemas;
	const struct possible *common;	/* problems */
	size_t common_count;
	struct arena *arena;
	FILE *out;
};

/* An operation with what of it is said in several places. */
struct way {
	const struct operation *op;
	const char *route;		/* POST /api/letters */
	const char *target;		/* app.letters, app.send_letter */
	const struct component *taken, *told;
	const struct possible *own;
	size_t own_count;
};

static const char *
relation_name(struct flow *f, const struct relation *r)
{
	return arena_format(f->arena, "%s.%s", r->schema_name, r->name);
}

static struct way
way_of(struct flow *f, const struct operation *op)
{
	struct way w = { .op = op };

	w.route = arena_format(f->arena, "%s %s%s", method_name(op->method),
	    contract_about(f->contract)->base, op->pattern);
	w.target = relation_name(f, op->verb == VERB_CALL ? &op->function :
	    &op->resource->table);
	w.taken = example_taken(f->schemas, op);
	w.told = example_told(f->schemas, op);
	w.own = possible_own(f->contract, op, f->common, f->common_count,
	    f->arena, &w.own_count);
	return w;
}

/* ---- the diagram ---- */

/* A text within a label, which stands in double quotes. */
static const char *
label(struct arena *arena, const char *text)
{
	struct buf b;
	const char *ret;

	buf_init(&b, 65536);
	for (; *text != '\0'; text++) {
		if (strchr("\"#&<>`", *text) != NULL)
			buf_format(&b, "#%d;", *text);
		else
			buf_char(&b, *text);
	}
	ret = arena_string(arena, b.length > 0 ? b.at : "");
	buf_release(&b);
	return ret;
}

static const char *
plain_list(struct flow *f, const char *const *texts, size_t count)
{
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		list = md_join(f->arena, list, ", ", texts[i]);
	return list;
}

static bool
is_at(const struct possible *p, enum flow_step step)
{
	return advice_step(p->problem) == step;
}

/* The statuses of all problems of a step, each once. */
static const char *
statuses_at(struct flow *f, const struct way *w, enum flow_step step)
{
	size_t count;
	const struct possible *all = tool_problems(f->contract, w->op,
	    f->arena, &count);
	const char *list = "";
	int last = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_at(&all[i], step) || all[i].status == last)
			continue;
		last = all[i].status;
		list = md_join(f->arena, list, " ", arena_format(f->arena,
		    "%d", last));
	}
	return list;
}

static const char *
statement_kind(const struct operation *op)
{
	static const char *const words[] = {
		[VERB_LIST] = "select", [VERB_READ] = "select",
		[VERB_CREATE] = "insert", [VERB_UPDATE] = "update",
		[VERB_DELETE] = "delete", [VERB_CALL] = "call",
	};

	return words[op->verb];
}

static void
write_nodes(struct flow *f, const struct way *w)
{
	const struct operation *op = w->op;
	struct arena *a = f->arena;

	fprintf(f->out, "    source[\"Source<br/>%s<br/>%s\"]\n",
	    label(a, w->route), label(a, plain_list(f, op->roles,
	    op->role_count)));
	fprintf(f->out, "    validation[\"Validation<br/>%s\"]\n",
	    label(a, w->taken != NULL ? w->taken->name :
	    op->query_file != NULL ? op->query_file : op->verb == VERB_LIST ?
	    "filters, order, cursor" : "path"));
	fprintf(f->out, "    action[\"Action<br/>%s, one transaction<br/>as "
	    "the caller's role\"]\n", statement_kind(op));
	fprintf(f->out, "    database[(\"Database<br/>%s\")]\n",
	    label(a, w->target));
	fprintf(f->out, "    response[\"Response<br/>%d %s\"]\n", op->status,
	    label(a, w->told != NULL ? w->told->name : "no data"));
	fputs("    ui[\"UI update\"]\n    refusal[\"Refusal\"]\n", f->out);
}

static void
write_diagram(struct flow *f, const struct way *w)
{
	fputs("```mermaid\nflowchart LR\n", f->out);
	write_nodes(f, w);
	fputs("    source --> validation --> action --> database --> "
	    "response --> ui\n", f->out);
	for (size_t step = 0; step < FLOW_STEP_COUNT; step++) {
		const char *list = statuses_at(f, w, step);

		if (*list != '\0')
			fprintf(f->out, "    %s -. \"%s\" .-> refusal\n",
			    advice_step_name(step), list);
	}
	fputs("    refusal --> ui\n```\n\n", f->out);
}

/* ---- in words ---- */

static void
write_header_demand(struct flow *f, const char *name, enum demand demand)
{
	if (demand != DEMAND_NONE)
		fprintf(f->out, " `%s` %s.", name, demand == DEMAND_REQUIRED ?
		    "must be there" : "may be there");
}

static void
write_source(struct flow *f, const struct way *w)
{
	const struct operation *op = w->op;

	fprintf(f->out, "1. **Source.** %s, by %s%s.", md_code(f->arena,
	    w->route), md_codes(f->arena, op->roles, op->role_count),
	    tool_is_open(f->contract, op) ? "; no token is needed" :
	    "; the token says the role");
	if (op->rate != NULL)
		fprintf(f->out, " Rate %s: %u in %u s, %u at once.",
		    md_code(f->arena, op->rate->name), op->rate->count,
		    op->rate->period_s, op->rate->burst);
	fputc('\n', f->out);
}

static void
write_fields(struct flow *f, const char *what, const struct field *fields,
    size_t count)
{
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		if (fields[i].filterable)
			list = md_join(f->arena, list, ", ",
			    md_code(f->arena, fields[i].name));
	if (*list != '\0')
		fprintf(f->out, " %s: %s.", what, list);
}

static void
write_validation(struct flow *f, const struct way *w)
{
	const struct operation *op = w->op;
	bool changes = op->verb == VERB_UPDATE || op->verb == VERB_DELETE;

	fputs("2. **Validation.** ", f->out);
	if (w->taken != NULL)
		fprintf(f->out, "The body by %s (%s%s); unknown members are "
		    "refused.", md_code(f->arena, op->body_file),
		    w->taken->name, op->bulk != NULL ?
		    ", or many, each for itself" : op->batch_max > 0 ?
		    ", or an array" : "");
	else
		fputs("No body is taken.", f->out);
	if (strchr(op->pattern, '{') != NULL)
		fputs(" The path by the fields that it names.", f->out);
	if (op->query_file != NULL)
		fprintf(f->out, " The query by %s.", md_code(f->arena,
		    op->query_file));
	if (op->verb == VERB_LIST) {
		write_fields(f, "Filters", op->resource->fields,
		    op->resource->field_count);
		fprintf(f->out, " At most %u rows a page.", op->limit_max);
	}
	write_header_demand(f, "Idempotency-Key", op->idempotency);
	write_header_demand(f, "If-Match", changes &&
	    op->match == DEMAND_NONE ? DEMAND_OPTIONAL : op->match);
	fputc('\n', f->out);
}

static void
write_action(struct flow *f, const struct way *w)
{
	struct buf sql;

	buf_init(&sql, SQL_MAX);
	store_describe(w->op, &sql);
	fprintf(f->out, "3. **Action.** One transaction as the caller's role, "
	    "with the claims set%s%s:\n\n   ```sql\n   %s\n   ```\n\n",
	    tool_is_write(w->op) ? "" : ", read only",
	    w->op->idempotency != DEMAND_NONE ?
	    "; with a key, the key is claimed and the reply kept in it" : "",
	    sql.length > 0 ? sql.at : "");
	buf_release(&sql);
}

static void
write_table_policies(struct flow *f, const struct operation *op)
{
	const struct catalog_table *t = catalog_table(f->catalog,
	    &op->resource->table);
	enum catalog_verb verb = access_verb(op->verb);

	if (t == NULL) {
		fputs(" **TABLE MISSING.**", f->out);
		return;
	}
	fprintf(f->out, " Row security: %s.", access_security(t));
	for (size_t i = 0; i < op->role_count; i++)
		fprintf(f->out, " %s: %s.", md_code(f->arena, op->roles[i]),
		    access_rows(f->catalog, t, access_role(f->catalog,
		    op->roles[i]), verb, f->arena));
}

static void
write_function(struct flow *f, const struct operation *op)
{
	const struct catalog_function *function =
	    catalog_function(f->catalog, &op->function);

	if (function == NULL)
		fputs(" **FUNCTION MISSING.**", f->out);
	else
		fprintf(f->out, " It %s; the policies for that role hold.",
		    access_function(function, f->arena));
}

static void
write_database(struct flow *f, const struct way *w)
{
	const struct operation *op = w->op;

	fprintf(f->out, "4. **Database.** %s %s.",
	    op->verb == VERB_CALL ? "The function" : "The table",
	    md_code(f->arena, w->target));
	if (f->catalog == NULL)
		fputs(" Policies: not looked up.", f->out);
	else if (op->verb == VERB_CALL)
		write_function(f, op);
	else
		write_table_policies(f, op);
	if (op->replica)
		fputs(" It may be read from a replica, a little late.",
		    f->out);
	fputc('\n', f->out);
}

static void
write_response(struct flow *f, const struct way *w)
{
	const struct operation *op = w->op;
	const char *list = "";

	for (size_t h = 0; h < REPLY_HEADER_COUNT; h++)
		if (openapi_tells(op, h))
			list = md_join(f->arena, list, ", ", md_code(f->arena,
			    openapi_header_name(h)));
	fprintf(f->out, "5. **Response.** %d; `data` is %s%s. Header fields: "
	    "%s.\n", op->status, w->told == NULL ? "null" :
	    op->verb == VERB_LIST ? "an array of " : "",
	    w->told != NULL ? w->told->name : "", list);
}

/* Queries that tell something else now. */
static void
write_stale(struct flow *f, const struct operation *op)
{
	size_t count;
	const struct operation *all = contract_operations(f->contract,
	    &count);
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		if (advice_is_stale(op, &all[i]))
			list = md_join(f->arena, list, ", ",
			    md_link(f->arena, all[i].name));
	fprintf(f->out, "   - Stale then: %s.\n", *list != '\0' ? list :
	    "no query of the contract");
}

static void
write_update(struct flow *f, const struct operation *op)
{
	fprintf(f->out, "6. **UI update.**\n   - Before: %s\n   - On success: "
	    "%s\n", advice_before(op), advice_success(op));
	if (tool_is_write(op))
		write_stale(f, op);
	fprintf(f->out, "   - On refusal: %s\n   - When no answer came, or a "
	    "502, 503 or 504: %s\n\n", advice_refusal(op), advice_repeat(op));
}

/* ---- problems ---- */

static void
write_problem_rows(struct flow *f, const struct possible *all, size_t count)
{
	md_head(f->out, (const char *const[]){ "step", "status", "code",
	    "meaning", "what the page does", NULL });
	for (size_t step = 0; step < FLOW_STEP_COUNT; step++)
		for (size_t i = 0; i < count; i++)
			if (is_at(&all[i], step))
				md_row(f->out, 5, (const char *const[]){
				    advice_step_name(step), arena_format(
				    f->arena, "%d", all[i].status),
				    md_code(f->arena, all[i].code),
				    md_text(f->arena, all[i].sentence),
				    advice_problem(all[i].problem) });
	fputc('\n', f->out);
}

static void
write_operation(struct flow *f, const struct operation *op)
{
	struct way w = way_of(f, op);

	fprintf(f->out, "## %s\n\n", op->name);
	if (op->summary != NULL)
		fprintf(f->out, "%s\n\n", md_text(f->arena, op->summary));
	write_diagram(f, &w);
	write_source(f, &w);
	write_validation(f, &w);
	write_action(f, &w);
	write_database(f, &w);
	write_response(f, &w);
	write_update(f, op);
	if (w.own_count > 0) {
		fputs("Beside the [problems of every operation]"
		    "(#problems-of-every-operation):\n\n", f->out);
		write_problem_rows(f, w.own, w.own_count);
	} else {
		fputs("It gives the [problems of every operation]"
		    "(#problems-of-every-operation) alone.\n\n", f->out);
	}
}

/* ---- front ---- */

static void
write_contents(struct flow *f)
{
	size_t count, resources;
	const struct operation *op = contract_operations(f->contract, &count);
	const struct resource *r = contract_resources(f->contract,
	    &resources);

	fputs("## Contents\n\n- [Problems of every operation]"
	    "(#problems-of-every-operation)\n", f->out);
	for (size_t i = 0; i < resources; i++) {
		const char *list = "";

		for (size_t o = 0; o < count; o++)
			if (op[o].resource == &r[i])
				list = md_join(f->arena, list, ", ",
				    md_link(f->arena, op[o].name));
		if (*list != '\0')
			fprintf(f->out, "- %s: %s\n", r[i].name, list);
	}
	fputc('\n', f->out);
}

static void
write_front(struct flow *f)
{
	const struct contract_about *about = contract_about(f->contract);

	fprintf(f->out, "# Data flow: %s %s\n\nThe way of each operation: "
	    "source, validation, action, database, response, UI update. ",
	    md_text(f->arena, about->title), md_text(f->arena,
	    about->version));
	if (f->catalog != NULL)
		fprintf(f->out, "Made by `lockstep gen flow` from the contract "
		    "and the catalog of the database %s.\n\n",
		    md_code(f->arena, f->catalog->database));
	else
		fputs("Made by `lockstep gen flow` from the contract alone. "
		    "**Policies were not looked up**: it was told "
		    "`--without-database`.\n\n", f->out);
	write_contents(f);
	fputs("## Problems of every operation\n\nBy the step at which they "
	    "come. What is refused has changed nothing in the database; "
	    "of a 502, 503 or 504 nobody knows.\n\n", f->out);
	write_problem_rows(f, f->common, f->common_count);
}

void
tool_flow(const struct gen_options *options, const struct contract *contract,
    FILE *out)
{
	struct flow f = { .contract = contract,
		.catalog = options->catalog, .arena = arena_new(), .out = out };
	size_t count;
	const struct operation *op = contract_operations(contract, &count);

	f.schemas = publication_new(contract, "", (const char *const[]){
	    NULL }, f.arena);
	f.common = possible_common(contract, f.arena, &f.common_count);
	write_front(&f);
	for (size_t i = 0; i < count; i++)
		write_operation(&f, &op[i]);
	arena_free(f.arena);
}
