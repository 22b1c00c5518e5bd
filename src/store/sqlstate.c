/* SPDX-License-Identifier: MIT */
/*
 * SQLSTATE -> problem, in one table.  The contract is asked first: it may give
 * a constraint or an SQLSTATE a name of its own.
 *
 * Postgres' words never leave and are not logged either, as they hold values
 * of rows ("Key (email)=(...) already exists"); names of tables, columns,
 * constraints and functions are logged.
 */
#include "store/internal.h"

#include <string.h>

/* The longest prefix goes first; what is not named is PROBLEM_INTERNAL. */
static const struct {
	const char *prefix;
	enum problem problem;
} states[] = {
	{ "23505", PROBLEM_CONFLICT },		/* unique_violation */
	{ "23503", PROBLEM_REFERENCED },	/* foreign_key_violation */
	{ "23001", PROBLEM_REFERENCED },	/* restrict_violation */
	{ "23514", PROBLEM_VALIDATION_FAILED },	/* check_violation */
	{ "23502", PROBLEM_VALIDATION_FAILED },	/* not_null_violation */
	{ "23P01", PROBLEM_VALIDATION_FAILED },	/* exclusion_violation */
	{ "22", PROBLEM_VALIDATION_FAILED },	/* data exception */
	{ "42501", PROBLEM_FORBIDDEN },		/* insufficient_privilege */
	{ "P0002", PROBLEM_NOT_FOUND },		/* no_data_found */
	{ "57014", PROBLEM_TIMEOUT },		/* query_canceled */
	{ "55P03", PROBLEM_UNAVAILABLE },	/* lock_not_available */
	{ "40001", PROBLEM_UNAVAILABLE },	/* serialization_failure */
	{ "40P01", PROBLEM_UNAVAILABLE },	/* deadlock_detected */
	{ "53400", PROBLEM_RATE_LIMITED },	/* configuration_limit_exceeded */
	{ "LSX05", PROBLEM_RATE_LIMITED },	/* files have no room */
	{ "53", PROBLEM_UNAVAILABLE },		/* insufficient resources */
	{ "57P0", PROBLEM_UNAVAILABLE },	/* shutdown, crash, starting */
	{ "08", PROBLEM_UNAVAILABLE },		/* connection exception */
	{ "25006", PROBLEM_INTERNAL },		/* a GET call that writes */
};

enum problem
store_state(const char *sqlstate)
{
	size_t i;

	for (i = 0; i < countof(states); i++)
		if (strncmp(sqlstate, states[i].prefix,
		    strlen(states[i].prefix)) == 0)
			return states[i].problem;
	return PROBLEM_INTERNAL;
}

/* The field that a NOT NULL column is, if the contract has it. */
static const struct field *
field_of(const struct resource *rs, const struct fault *fault)
{
	size_t i;

	if (fault->column == NULL || fault->table == NULL ||
	    fault->schema == NULL || rs->table.name == NULL ||
	    strcmp(fault->table, rs->table.name) != 0 ||
	    strcmp(fault->schema, rs->table.schema_name) != 0)
		return NULL;
	for (i = 0; i < rs->field_count; i++)
		if (strcmp(fault->column, rs->fields[i].name) == 0)
			return &rs->fields[i];
	return NULL;
}

static void
add_issue(struct scope *sc, const struct operation *op,
    const struct fault *fault)
{
	const struct field *field = NULL;
	struct place at = { 0 };

	if (strcmp(fault->sqlstate, "23502") == 0)
		field = field_of(op->resource, fault);
	if (field == NULL) {
		scope_issue(sc, NULL, RULE_CONSTRAINT, NULL, 0);
		return;
	}
	at.name = field->name;
	at.length = strlen(field->name);
	scope_issue(sc, &at, RULE_REQUIRED, NULL, 0);
}

static enum problem
declare(struct scope *sc, const struct declared *d)
{
	struct place *at = arena_alloc(sc->arena,
	    (d->path_length + 1) * sizeof(*at));
	size_t i;

	for (i = 0; i < d->path_length; i++) {
		at[i].up = i == 0 ? NULL : &at[i - 1];
		at[i].name = d->path[i];
		at[i].length = strlen(d->path[i]);
	}
	if (d->path_length > 0) {
		scope_issue(sc, &at[d->path_length - 1], RULE_CONSTRAINT, NULL,
		    0);
		scope_issue_reword(sc, d->message);
	}
	return scope_declare(sc, d->code, d->status, d->message);
}

/*
 * The lines of a context that name functions; others may quote values:
 * "PL/pgSQL function app.send_letter(uuid) line 7 at RAISE".
 */
static void
put_context(struct buf *b, const char *context)
{
	size_t length;

	for (; *context != '\0'; context += length + (context[length] != 0)) {
		length = strcspn(context, "\n");
		if (strncmp(context, "PL/pgSQL function ", 18) != 0 &&
		    strncmp(context, "SQL function ", 13) != 0)
			continue;
		buf_string(b, ", in ");
		buf_add(b, context, length);
	}
}

static void
keep_cause(struct scope *sc, enum problem p, const struct fault *f)
{
	const struct {
		const char *label, *text;
	} parts[] = {
		{ "schema", f->schema }, { "table", f->table },
		{ "column", f->column }, { "constraint", f->constraint },
	};
	struct buf b;
	size_t i;

	buf_init(&b, 2048);
	buf_format(&b, "SQLSTATE %s", f->sqlstate);
	for (i = 0; i < countof(parts); i++)
		if (parts[i].text != NULL)
			buf_format(&b, ", %s %s", parts[i].label,
			    parts[i].text);
	if (f->words != NULL)
		buf_format(&b, ": %s", f->words);
	if (f->context != NULL)
		put_context(&b, f->context);
	p = scope_fail(sc, p, "%s", b.at);
	(void)p;
	buf_release(&b);
}

/* Rows that are merged, two of which are the same one (cardinality). */
static bool
is_twice(const struct operation *operation, const struct fault *fault)
{
	return operation->upsert_count > 0 &&
	    strcmp(fault->sqlstate, "21000") == 0;
}

enum problem
store_fault(struct scope *sc, const struct operation *operation,
    const struct fault *fault)
{
	enum problem p = is_twice(operation, fault) ? PROBLEM_CONFLICT :
	    store_state(fault->sqlstate);
	const struct declared *d = NULL;

	keep_cause(sc, p, fault);
	if (fault->constraint != NULL)
		d = contract_constraint(operation, fault->constraint);
	if (d == NULL)
		d = contract_error(operation, fault->sqlstate);
	if (d != NULL)
		return declare(sc, d);
	if (p == PROBLEM_VALIDATION_FAILED)
		add_issue(sc, operation, fault);
	if (p == PROBLEM_UNAVAILABLE)
		sc->retry_after_s = 1;
	return p;
}
