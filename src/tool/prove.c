/* SPDX-License-Identifier: MIT */
/*
 * The proof beside the contract.  The contract says who does what, not with
 * whose rows: callers with a subject are for their own, the anonymous role and
 * those for servers for all that an operation gives them.  What functions that
 * run as the caller need is taken for granted, as with grants.
 */
#include "tool/prove.h"

#include <string.h>

#include "tool/access.h"
#include "tool/drift.h"
#include "tool/rollup.h"

enum prove_rule {
#define RULE(name, id, level, title, why, mend) PROVED_##name,
#include "tool/prove.def"
#undef RULE
	PROVED_COUNT
};

static const struct check_rule prove_rules[PROVED_COUNT] = {
#define RULE(name, id, level, title, why, mend)                                \
	{ id, LEVEL_##level, false, title, why, mend },
#include "tool/prove.def"
#undef RULE
};

struct judging {
	const struct contract *contract;
	const struct contract_about *about;
	const struct catalog *catalog;
	struct arena *arena;
	struct findings *findings;
};

struct check_rules
tool_prove_rules(void)
{
	return (struct check_rules){ prove_rules, countof(prove_rules) };
}

/* ---- What is said. ---- */

static bool
has_role(const struct operation *op, const char *role)
{
	for (size_t i = 0; i < op->role_count; i++)
		if (strcmp(op->roles[i], role) == 0)
			return true;
	return false;
}

static bool
is_table(const struct judging *j, const struct resource *r,
    const struct catalog_table *t)
{
	(void)j;
	return r->table.name != NULL &&
	    strcmp(r->table.schema_name, t->schema) == 0 &&
	    strcmp(r->table.name, t->name) == 0;
}

static bool
tells_related(const struct judging *j, const struct related *list,
    size_t count, const struct catalog_table *t)
{
	for (size_t i = 0; i < count; i++)
		if (is_table(j, list[i].resource, t) || tells_related(j,
		    list[i].related, list[i].related_count, t))
			return true;
	return false;
}

/* The rollup that is kept in the table, or NULL: its source's readers read it. */
static const struct rollup *
rollup_in(const struct judging *j, const struct catalog_table *t)
{
	size_t count;
	const struct rollup *all = contract_rollups(j->contract, &count);
	const char *name;

	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; (name = rollup_relation(j->arena, &all[i],
		    n)) != NULL; n++)
			if (strcmp(name, t->name) == 0 && strcmp(
			    all[i].resource->table.schema_name, t->schema) ==
			    0)
				return &all[i];
	return NULL;
}

/* Is the verb just what the operation does to the table? */
static bool
does(const struct judging *j, const struct operation *op,
    const struct catalog_table *t, enum catalog_verb verb)
{
	if (verb == CATALOG_SELECT && tells_related(j, op->related,
	    op->related_count, t))
		return true;
	if (verb == CATALOG_SELECT && op->verb != VERB_CALL &&
	    rollup_in(j, t) != NULL &&
	    rollup_in(j, t)->resource == op->resource)
		return true;
	if (op->verb == VERB_CALL || !is_table(j, op->resource, t))
		return false;
	/* Whatever is done with a row, it is told or looked for. */
	return verb == CATALOG_SELECT || access_verb(op->verb) == verb ||
	    (verb == CATALOG_UPDATE && op->upsert_count > 0);
}

static const char *
operations_of(const struct judging *j, const struct catalog_table *t,
    const char *role, enum catalog_verb verb)
{
	size_t count;
	const struct operation *op = contract_operations(j->contract, &count);
	const char *list = "";

	for (size_t i = 0; i < count; i++)
		if (has_role(&op[i], role) && does(j, &op[i], t, verb))
			list = arena_format(j->arena, "%s%s%s", list,
			    *list != '\0' ? ", " : "", op[i].name);
	return list;
}

static unsigned
rights_of(const struct catalog_table *t, size_t role)
{
	unsigned rights = t->rights[role];

	for (size_t i = 0; i < t->column_count; i++)
		rights |= t->columns[i].rights[role];
	return rights;
}

/* Is it the function of a trigger that the role's writes set off? */
static bool
fires(const struct judging *j, const struct catalog_function *f, size_t role)
{
	for (size_t i = 0; i < j->catalog->table_count; i++) {
		const struct catalog_table *t = &j->catalog->tables[i];

		for (size_t n = 0; n < t->trigger_count; n++)
			if ((t->triggers[n].verbs & rights_of(t, role)) != 0 &&
			    strcmp(t->triggers[n].source, f->source) == 0)
				return true;
	}
	return false;
}

/* Does a function that runs as the role name the table, and the verb? */
static bool
is_called_for(const struct judging *j, const struct prove_row *row,
    enum catalog_verb verb)
{
	for (size_t i = 0; i < j->catalog->function_count; i++) {
		const struct catalog_function *f = &j->catalog->functions[i];

		if (!f->definer && drift_mentions(f->source,
		    row->table->name) && (verb == CATALOG_SELECT ||
		    drift_mentions(f->source, access_verb_name(verb))) &&
		    (f->trigger ? fires(j, f, row->role_number) :
			f->execute[row->role_number]))
			return true;
	}
	return false;
}

/* Do policies of other tables read it as the caller? */
static bool
is_judged_elsewhere(const struct catalog_table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i].judged_elsewhere)
			return true;
	return false;
}

/* Are all columns that say whose a row is taken by an operation? */
static bool
takes_owner(const struct judging *j, const struct prove_row *row,
    enum catalog_verb verb)
{
	size_t count;
	const struct operation *op = contract_operations(j->contract, &count);

	for (size_t i = 0; i < count; i++) {
		const struct resource *r = op[i].resource;

		if (op[i].verb == VERB_CALL || !has_role(&op[i], row->role) ||
		    !is_table(j, r, row->table) ||
		    access_verb(op[i].verb) != verb)
			continue;
		for (size_t n = 0; n < r->field_count; n++)
			if (!r->fields[n].read_only && (verb !=
			    CATALOG_UPDATE || !r->fields[n].create_only) &&
			    drift_mentions(row->tied, r->fields[n].name))
				return true;
	}
	return false;
}

static void
say_verb(const struct judging *j, struct proven *p, enum catalog_verb verb)
{
	const struct prove_row *row = p->row;
	enum said said = SAID_NO, *cells = p->said[verb];

	p->operations[verb] = row->login ? "" : operations_of(j, row->table,
	    row->role, verb);
	if (*p->operations[verb] != '\0')
		said = SAID_YES;
	else if (!row->login && is_called_for(j, row, verb))
		said = SAID_MAY;
	cells[PROVE_OTHER] = row->subject ? SAID_NO : said;
	if (said == SAID_NO && verb == CATALOG_SELECT && !row->login &&
	    is_judged_elsewhere(row->table))
		said = SAID_MAY;
	cells[PROVE_OWN] = said;
	if (row->subject && said == SAID_YES && j->about->anonymous != NULL &&
	    *operations_of(j, row->table, j->about->anonymous, verb) != '\0')
		cells[PROVE_OTHER] = SAID_MAY;
	if (said == SAID_MAY || takes_owner(j, row, verb))
		cells[PROVE_OWNER] = SAID_MAY;
}

bool
prove_differs(const struct proven *p, enum catalog_verb verb,
    enum prove_whose whose)
{
	switch (p->row->cells[verb][whose].answer) {
	case PROVE_NONE:
		return false;
	case PROVE_YES:
		return p->said[verb][whose] == SAID_NO;
	case PROVE_NO:
		return p->said[verb][whose] == SAID_YES;
	case PROVE_UNKNOWN:
		break;
	}
	return true;
}

/* ---- What is found. ---- */

static void PRINTF_LIKE(5, 6)
tell(struct judging *j, const struct proven *p, enum prove_rule rule,
    const char *mend, const char *format, ...)
{
	const struct prove_row *row = p->row;
	struct db_finding f = { .rule = &prove_rules[rule], .mend = mend,
		.object = arena_format(j->arena, "%s.%s (%s)",
		    row->table->schema, row->table->name, row->role) };
	size_t count;
	const struct resource *r = contract_resources(j->contract, &count);
	va_list ap;

	va_start(ap, format);
	f.what = arena_vformat(j->arena, format, ap);
	va_end(ap);
	for (size_t i = 0; i < count && f.file == NULL; i++)
		if (is_table(j, &r[i], row->table)) {
			f.file = r[i].file;
			contract_place(j->contract, r[i].file, "[\"table\"]",
			    &f.line, &f.column);
		}
	findings_add(j->findings, &f);
}

/* The policies that let the role at rows: names. */
static const char *
policies_of(struct judging *j, const struct prove_row *row,
    enum catalog_verb verb)
{
	const struct catalog_table *t = row->table;
	const char *list = "";

	for (size_t i = 0; i < t->policy_count; i++) {
		const struct catalog_policy *q = &t->policies[i];

		if (q->applies[row->role_number] && !q->restrictive &&
		    (q->verbs >> verb & 1) != 0)
			list = arena_format(j->arena, "%s%s%s", list,
			    *list != '\0' ? ", " : "", q->name);
	}
	return list;
}

/* What is to be narrowed; NULL: as the rule says. */
static const char *
mend_open(struct judging *j, const struct prove_row *row,
    enum catalog_verb verb)
{
	const struct catalog_table *t = row->table;
	const char *name = arena_format(j->arena, "\"%s\".\"%s\"", t->schema,
	    t->name);
	const char *policies = policies_of(j, row, verb);

	if (j->catalog->roles[row->role_number].bypasses)
		return arena_format(j->arena, "alter role \"%s\" nosuperuser "
		    "nobypassrls;", row->role);
	if (t->kind == 'v' && !t->invoker)
		return arena_format(j->arena, "alter view %s set "
		    "(security_invoker = true);", name);
	if ((t->kind == 'r' || t->kind == 'p') && !t->enabled)
		return arena_format(j->arena, "alter table %s enable row "
		    "level security, force row level security;", name);
	if (*policies == '\0' || row->login)
		return arena_format(j->arena, "revoke %s on %s from public, "
		    "\"%s\";", access_verb_name(verb), name, row->role);
	return arena_format(j->arena, "Narrow what lets it through, %s on "
	    "%s.%s, to the caller's own rows, by %s.", policies, t->schema,
	    t->name, *row->tied != '\0' ? row->tied : "its owner");
}

static const char *
when_of(struct judging *j, const struct prove_cell *cell)
{
	return cell->when == NULL ? "" : arena_format(j->arena, ", when %s",
	    cell->when);
}

/* How it was, where that is not plain. */
static const char *
how_of(struct judging *j, const struct prove_cell *cell)
{
	return cell->how == NULL ? "" : arena_format(j->arena, ": %s",
	    cell->how);
}

static void
tell_other(struct judging *j, const struct proven *p, enum catalog_verb verb)
{
	static const struct {
		enum prove_rule rule;
		const char *words;
	} rows[CATALOG_VERB_COUNT] = {
		[CATALOG_SELECT] = { PROVED_OTHER_READ, "reads rows of" },
		[CATALOG_INSERT] = { PROVED_OTHER_INSERT, "makes rows for" },
		[CATALOG_UPDATE] = { PROVED_OTHER_UPDATE, "changes rows of" },
		[CATALOG_DELETE] = { PROVED_OTHER_DELETE, "deletes rows of" },
	};
	const struct prove_cell *cell = &p->row->cells[verb][PROVE_OTHER];

	tell(j, p, rows[verb].rule, mend_open(j, p->row, verb), "%s %s "
	    "others%s%s", p->row->role, rows[verb].words, when_of(j, cell),
	    how_of(j, cell));
}

static void
tell_possible(struct judging *j, const struct proven *p,
    enum catalog_verb verb, enum prove_whose whose)
{
	const struct prove_row *row = p->row;
	const struct prove_cell *cell = &row->cells[verb][whose];
	const char *word = access_verb_name(verb);

	if (whose == PROVE_OTHER)
		tell_other(j, p, verb);
	else if (whose == PROVE_MOVED)
		tell(j, p, PROVED_MOVED, mend_open(j, row, verb), "%s makes "
		    "its rows another's, by an update of %s%s", row->role,
		    row->tied, when_of(j, cell));
	else if (whose == PROVE_OWN)
		tell(j, p, PROVED_UNSAID, arena_format(j->arena, "revoke %s "
		    "on \"%s\".\"%s\" from public, \"%s\";", word,
		    row->table->schema, row->table->name, row->role),
		    "%s may %s %s, which no operation says%s", row->role,
		    word, *row->tied != '\0' ? "its own rows" : "rows",
		    when_of(j, cell));
	else if (!prove_differs(p, verb, PROVE_OWN))
		tell(j, p, PROVED_OWNER, NULL, "%s writes %s by %s, and no "
		    "operation takes it", row->role, row->tied, word);
}

static void
judge_verb(struct judging *j, const struct proven *p, enum catalog_verb verb)
{
	const struct prove_row *row = p->row;

	for (enum prove_whose whose = 0; whose < PROVE_WHOSE_COUNT; whose++) {
		const struct prove_cell *cell = &row->cells[verb][whose];

		if (!prove_differs(p, verb, whose))
			continue;
		if (cell->answer == PROVE_YES)
			tell_possible(j, p, verb, whose);
		else if (cell->answer == PROVE_NO)
			tell(j, p, PROVED_REFUSED, NULL, "%s cannot %s%s%s",
			    row->role, p->operations[verb], *p->operations[
			    verb] != '\0' ? "" : access_verb_name(verb),
			    how_of(j, cell));
	}
	if (row->told_apart[verb] != NULL && row->subject)
		tell(j, p, PROVED_TOLD_APART, NULL, "%s of another's row is "
		    "answered: %s", access_verb_name(verb),
		    row->told_apart[verb]);
}

/* One finding of all that is not known of a role at a table. */
static void
judge_unknown(struct judging *j, const struct proven *p)
{
	const char *list = "", *why = NULL;

	/* The view of a rollup: what it is of is tried. */
	if (p->row->table->kind == 'v' && rollup_in(j, p->row->table) != NULL)
		return;
	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
		for (size_t w = 0; w < PROVE_WHOSE_COUNT; w++) {
			const struct prove_cell *cell =
			    &p->row->cells[verb][w];

			if (cell->answer != PROVE_UNKNOWN)
				continue;
			list = arena_format(j->arena, "%s%s%s of %s", list,
			    *list != '\0' ? ", " : "", access_verb_name(verb),
			    prove_whose_name(w));
			why = why != NULL ? why : cell->how;
		}
	if (*list != '\0')
		tell(j, p, PROVED_UNTRIED, NULL, "not tried: %s; %s", list,
		    why != NULL ? why : "no reason is known");
}

const struct proven *
tool_prove(const struct contract *contract, const struct catalog *catalog,
    const char *database, struct findings *findings, size_t *ret_count,
    struct buf *fault)
{
	struct judging j = { .contract = contract,
		.about = contract_about(contract), .catalog = catalog,
		.arena = findings->arena, .findings = findings };
	const struct prove_row *rows;
	struct proven *proven;
	size_t count;

	if (!prove_run(database, contract, catalog, j.arena, &rows, &count,
	    fault))
		return NULL;
	proven = arena_alloc(j.arena, (count + 1) * sizeof(*proven));
	for (size_t i = 0; i < count; i++) {
		proven[i].row = &rows[i];
		for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
			say_verb(&j, &proven[i], verb);
		for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
			judge_verb(&j, &proven[i], verb);
		judge_unknown(&j, &proven[i]);
	}
	findings->proved = true;
	*ret_count = count;
	return proven;
}
