/* SPDX-License-Identifier: MIT */
/*
 * Operations, and jobs, against the functions that they call: is it there, does
 * it take what is sent and give what is promised, does it raise what is
 * declared.  What a function raises is read from its text, and from that of the
 * functions it names, as nothing else holds it.
 */
#include "tool/drift.h"
#include "tool/probe.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "tool/access.h"

/* An operation and the function that it calls. */
struct call {
	struct drift *d;
	const struct operation *op;
	const struct job_kind *kind;	/* it is of a job; or NULL */
	const char *member;		/* that names the function */
	const struct catalog_function *function;
	const char *object;
};

/* Where a member stands: of the operation, or of the job. */
static struct drift_place
place_in(struct call *c, const char *member)
{
	return c->kind == NULL ? drift_in(c->d, c->op, member) :
	    (struct drift_place){ .file = c->kind->file,
		.path = drift_text(c->d, "[\"%s\"]", member) };
}

static const char *
function_name(struct drift *d, const struct catalog_function *f)
{
	return drift_text(d, "%s.%s(%s)", f->schema, f->name, f->arguments);
}

static const struct catalog_argument *
find(const struct catalog_argument *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

/* How many of the operation's arguments does it take? */
static size_t
fit(const struct operation *op, const struct catalog_function *f)
{
	size_t count = 0;

	for (size_t i = 0; i < op->argument_count; i++)
		count += find(f->takes, f->take_count,
		    op->arguments[i].name) != NULL;
	return count;
}

static bool
is_of_name(const struct operation *op, const struct catalog_function *f)
{
	return strcmp(f->schema, op->function.schema_name) == 0 &&
	    strcmp(f->name, op->function.name) == 0;
}

/* The function of that name that takes the most of what is sent. */
static const struct catalog_function *
choose(struct drift *d, const struct operation *op, size_t *ret_count)
{
	const struct catalog_function *best = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < d->catalog->function_count; i++) {
		const struct catalog_function *f = &d->catalog->functions[i];

		if (!is_of_name(op, f))
			continue;
		++*ret_count;
		if (best == NULL || fit(op, f) > fit(op, best))
			best = f;
	}
	return best;
}

/* ---- Arguments. ---- */

/* Does an integer of the schema pass what the type holds? */
static const char *
too_wide(struct drift *d, const struct field *f, const char *type)
{
	int64_t least, most;
	struct facts facts;

	if ((f->types & TYPE_INTEGER) == 0 || !probe_integers(type,
	    &least, &most))
		return NULL;
	contract_facts(f, d->arena, &facts);
	return facts.value_count > 0 || (facts.least >= least &&
	    facts.most <= most) ? NULL : drift_text(d, "it is %s, the schema "
	    "takes integers beyond", type);
}

static void
check_sent(struct call *c)
{
	for (size_t i = 0; i < c->op->argument_count; i++) {
		const struct field *f = &c->op->arguments[i];
		const struct catalog_argument *a = find(c->function->takes,
		    c->function->take_count, f->name);
		const char *wrong;

		if (a == NULL) {
			drift_tell(c->d, DRIFT_ARGUMENT_MISSING,
			    place_in(c, c->member), c->object, NULL,
			    "%s sends \"%s\", which the function does not "
			    "take", c->op->name, f->name);
			continue;
		}
		wrong = f->schema == NULL ? NULL : drift_type(c->d, f,
		    a->type, a->category, true);
		if (wrong == NULL)
			wrong = too_wide(c->d, f, a->type);
		if (wrong != NULL)
			drift_tell(c->d, DRIFT_ARGUMENT_TYPE,
			    drift_field(c->d, c->op->resource, f), c->object,
			    NULL, "the argument %s: %s", a->name, wrong);
	}
}

/* Is the argument there in every request? */
static bool
is_always_sent(const struct operation *op, const char *name)
{
	for (size_t i = 0; i < op->argument_count; i++)
		if (strcmp(op->arguments[i].name, name) == 0)
			return op->required[i];
	return false;
}

static void
check_asked(struct call *c)
{
	for (size_t i = 0; i < c->function->take_count; i++) {
		const struct catalog_argument *a = &c->function->takes[i];

		if (a->optional || is_always_sent(c->op, a->name))
			continue;
		drift_tell(c->d, DRIFT_ARGUMENT_UNSENT,
		    place_in(c, c->member), c->object, NULL,
		    "the argument %s has no default, and %s need not send it",
		    a->name, c->op->name);
	}
}

/* ---- Results. ---- */

static bool
is_json(const char *type)
{
	return strcmp(type, "json") == 0 || strcmp(type, "jsonb") == 0;
}

static void
check_column(struct call *c, const struct field *f)
{
	const struct catalog_argument *a = find(c->function->gives,
	    c->function->give_count, f->name);
	const char *wrong;

	if (a == NULL) {
		drift_tell(c->d, DRIFT_RESULT_MISSING,
		    place_in(c, "returns"), c->object, NULL,
		    "%s promises \"%s\", which %s does not have", c->op->name,
		    f->name, c->function->type);
		return;
	}
	wrong = drift_type(c->d, f, a->type, a->category, false);
	if (wrong != NULL)
		drift_tell(c->d, DRIFT_RESULT_TYPE,
		    place_in(c, "returns"), c->object, NULL,
		    "the column %s: %s", f->name, wrong);
}

static void
check_result(struct call *c)
{
	const struct catalog_function *f = c->function;

	if (c->op->returns_file == NULL || is_json(f->type))
		return;
	for (size_t i = 0; i < c->op->return_count; i++)
		check_column(c, &c->op->returns[i]);
	if (c->op->returns_array && !f->set)
		drift_tell(c->d, DRIFT_RESULT_SINGLE,
		    place_in(c, "returns"), c->object, NULL,
		    "%s promises a list, the function returns one %s",
		    c->op->name, f->type);
}

/* ---- What it raises. ---- */

/* Is it a class that the standard and Postgres leave to others? */
static bool
is_own_state(const char *s)
{
	static const char *const theirs[] = { "53", "54", "55", "57", "58",
		"P0", "XX", "72" };

	for (size_t i = 0; i < countof(theirs); i++)
		if (strncmp(s, theirs[i], 2) == 0)
			return false;
	return (s[0] >= '5' && s[0] <= '9') || (s[0] >= 'I' && s[0] <= 'Z');
}

/* Is what stands here told by a RAISE that is no exception? */
static bool
is_notice(const char *source, const char *at)
{
	static const char *const levels[] = { "debug", "log", "info",
		"notice", "warning" };

	while (at > source && at[-1] != ';' &&
	    strncasecmp(at, "raise ", 6) != 0)
		at--;
	if (strncasecmp(at, "raise ", 6) != 0)
		return false;
	at += 6 + strspn(at + 6, " \t\n");
	for (size_t i = 0; i < countof(levels); i++)
		if (strncasecmp(at, levels[i], strlen(levels[i])) == 0)
			return true;
	return false;
}

/* The next quoted SQLSTATE of an exception in a text, or NULL. */
static const char *
next_state(const char *source, const char *at)
{
	for (; (at = strchr(at, '\'')) != NULL; at++) {
		size_t n = 1;

		while (n <= 5 && (isdigit((unsigned char)at[n]) ||
		    (at[n] >= 'A' && at[n] <= 'Z')))
			n++;
		if (n == 6 && at[6] == '\'' && strpbrk(at, "0123456789") <
		    at + 6 && is_own_state(at + 1) && !is_notice(source, at))
			return at + 1;
	}
	return NULL;
}

/* The functions that a function may run, itself among them, as flags. */
static void
reach(const struct drift *d, size_t number, bool *reached)
{
	const struct catalog_function *f = d->catalog->functions;

	if (reached[number])
		return;
	reached[number] = true;
	for (size_t i = 0; i < d->catalog->function_count; i++)
		if (!reached[i] && !f[i].trigger &&
		    drift_mentions(f[number].source, f[i].name))
			reach(d, i, reached);
}

static const bool *
reached_of(struct call *c)
{
	bool *reached = arena_alloc(c->d->arena,
	    c->d->catalog->function_count * sizeof(*reached));

	reach(c->d, (size_t)(c->function - c->d->catalog->functions),
	    reached);
	return reached;
}

static bool
is_declared(const struct operation *op, const char *state)
{
	for (size_t i = 0; i < op->error_count; i++)
		if (strncmp(op->errors[i].key, state, 5) == 0)
			return true;
	return false;
}

/* Is it raised by what it runs, or by a trigger of any table? */
static bool
is_raised(struct call *c, const bool *reached, const char *state)
{
	const struct catalog *catalog = c->d->catalog;

	for (size_t i = 0; i < catalog->function_count; i++)
		if ((reached[i] || catalog->functions[i].trigger) &&
		    drift_mentions(catalog->functions[i].source, state))
			return true;
	return false;
}

static void
check_declared(struct call *c, const bool *reached)
{
	for (size_t i = 0; i < c->op->error_count; i++) {
		const char *state = c->op->errors[i].key;

		if (!is_own_state(state) || is_raised(c, reached, state))
			continue;
		drift_tell(c->d, DRIFT_ERROR_UNKNOWN,
		    drift_item(c->d, c->op, "errors", state), c->object, NULL,
		    "%s maps %s, which the function does not raise",
		    c->op->name, state);
	}
}

static void
check_undeclared(struct call *c, const bool *reached)
{
	const struct catalog *catalog = c->d->catalog;
	const char *told = "";

	for (size_t i = 0; i < catalog->function_count; i++) {
		const char *source = catalog->functions[i].source;
		const char *at = source;

		while (reached[i] &&
		    (at = next_state(source, at)) != NULL) {
			const char *state = drift_text(c->d, "%.5s", at);

			at += 6;
			if (is_declared(c->op, state) ||
			    strstr(told, state) != NULL)
				continue;
			told = drift_text(c->d, "%s %s", told, state);
			drift_tell(c->d, DRIFT_ERROR_UNDECLARED,
			    place_in(c, c->member), c->object, NULL,
			    "%s raises %s, which %s does not map",
			    catalog->functions[i].name, state, c->op->name);
		}
	}
}

/* ---- All of it. ---- */

static void
check_execute(struct call *c)
{
	for (size_t i = 0; i < c->op->role_count; i++) {
		size_t role = access_role(c->d->catalog, c->op->roles[i]);

		if (role == c->d->catalog->role_count ||
		    !c->d->catalog->roles[role].there ||
		    c->function->execute[role])
			continue;
		if (!c->function->uses[role]) {
			drift_closed(c->d, c->op, c->function->schema,
			    c->op->roles[i]);
			continue;
		}
		drift_tell(c->d, DRIFT_EXECUTE_MISSING,
		    place_in(c, c->member), drift_text(c->d, "%s (%s)",
			c->object, c->op->roles[i]),
		    drift_text(c->d, "grant execute on function %s to \"%s\";",
			c->object, c->op->roles[i]),
		    "%s is for %s, who may not execute the function",
		    c->op->name, c->op->roles[i]);
	}
}

static void
check_call(struct call *c)
{
	const bool *reached = reached_of(c);

	check_sent(c);
	check_asked(c);
	check_result(c);
	check_execute(c);
	check_declared(c, reached);
	check_undeclared(c, reached);
	if (c->op->method == METHOD_GET && c->function->volatility == 'v')
		drift_tell(c->d, DRIFT_CALL_WRITES,
		    place_in(c, c->member), c->object,
		    drift_text(c->d, "alter function %s stable;", c->object),
		    "%s is a GET, the function is VOLATILE", c->op->name);
}

/* The function is found and is the only one of its name; else that is told. */
static bool
find_function(struct call *c)
{
	const struct relation *wanted = &c->op->function;
	size_t count;

	c->function = choose(c->d, c->op, &count);
	c->object = c->function != NULL ? function_name(c->d, c->function) :
	    drift_text(c->d, "%s.%s", wanted->schema_name, wanted->name);
	if (c->function == NULL)
		drift_tell(c->d, DRIFT_FUNCTION_MISSING,
		    place_in(c, c->member), c->object, NULL,
		    "there is no function %s, which %s calls", c->object,
		    c->op->name);
	if (count > 1)
		drift_tell(c->d, DRIFT_FUNCTION_SEVERAL,
		    place_in(c, c->member), drift_text(c->d, "%s.%s",
			c->function->schema, c->function->name),
		    NULL, "there are %zu functions of the name that %s calls",
		    count, c->op->name);
	return c->function != NULL;
}

/* ---- Jobs. ---- */

static bool
may_run(const struct call *c, size_t role)
{
	return c->d->catalog->roles[role].there &&
	    c->function->execute[role];
}

/* Its role runs it; without one any role that may leave it. */
static void
check_runner(struct call *c)
{
	const char *role = c->kind->role;
	size_t i = 0;

	while (i < c->d->about->role_count && !(may_run(c, i) &&
	    (role == NULL || strcmp(c->d->catalog->roles[i].name, role) ==
	    0)))
		i++;
	if (i < c->d->about->role_count)
		return;
	drift_tell(c->d, DRIFT_EXECUTE_MISSING, place_in(c, c->member),
	    drift_text(c->d, "%s (%s)", c->object, role != NULL ? role :
		"anybody"),
	    role == NULL ? NULL : drift_text(c->d, "grant execute on function "
		"%s to \"%s\";", c->object, role),
	    "the job %s is run as %s, who may not execute the function",
	    c->kind->name, role != NULL ? role : "whoever leaves it");
}

static void
check_job(struct drift *d, const struct job_kind *kind, const char *member,
    const struct operation *op)
{
	struct call c = { .d = d, .op = op, .kind = kind, .member = member };

	if (op == NULL || op->function.name == NULL || !find_function(&c))
		return;
	check_sent(&c);
	check_asked(&c);
	check_runner(&c);
}

static void
check_jobs(struct drift *d)
{
	size_t count;
	const struct job_kind *kinds = contract_jobs(d->contract, &count);

	for (size_t i = 0; i < count; i++) {
		/* What an export calls is the worker's. */
		if (kinds[i].type == JOB_EXPORT)
			continue;
		check_job(d, &kinds[i], "call", &kinds[i].call);
		check_job(d, &kinds[i], "dead", kinds[i].dead);
		check_job(d, &kinds[i], "failed", kinds[i].failed);
		check_job(d, &kinds[i], "prepare", kinds[i].prepare);
	}
}

/* ---- All of them. ---- */

void
drift_functions(struct drift *d)
{
	for (size_t i = 0; i < d->operation_count; i++) {
		struct call c = { .d = d, .op = &d->operations[i],
			.member = "call" };

		if (c.op->verb == VERB_CALL && find_function(&c))
			check_call(&c);
	}
	check_jobs(d);
}
