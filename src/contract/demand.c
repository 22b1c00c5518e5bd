/* SPDX-License-Identifier: MIT */
/*
 * What an operation says beside what it does: whether a repeat is known by its
 * key ("idempotency"), whether a race is noticed ("match"), how many rows come
 * at once ("batch") and what becomes of those that are there ("upsert"), what
 * caches may keep ("cache"), and how often it may be called ("rate").  What
 * would have no effect, or a dangerous one, is a fault.
 */
#include "contract/internal.h"

#include <string.h>

#include "base/text.h"

/* ---- idempotency, match ---- */

static enum demand
demand_load(struct loader *ld, const struct at *at, const char *name)
{
	static const char *const words[] = { "optional", "required" };
	const char *word = member_text(ld, at, name);

	if (word == NULL)
		return DEMAND_NONE;
	if (strcmp(word, "optional") == 0)
		return DEMAND_OPTIONAL;
	if (strcmp(word, "required") == 0)
		return DEMAND_REQUIRED;
	fault_value(ld, at, name, "\"%s\" is \"optional\" or \"required\"%s",
	    name, hint(ld, word, words, countof(words)));
	return DEMAND_NONE;
}

/* Is the operation open to callers without a token? */
static bool
is_open_to_all(const struct loader *ld, const struct operation *op)
{
	const char *anonymous = ld->contract->about.anonymous;

	for (size_t i = 0; i < op->role_count && anonymous != NULL; i++)
		if (strcmp(op->roles[i], anonymous) == 0)
			return true;
	return false;
}

/* A key belongs to a subject, and callers without a token have none. */
static void
idempotency_load(struct loader *ld, const struct at *at, struct operation *op)
{
	op->idempotency = demand_load(ld, at, "idempotency");
	if (op->idempotency == DEMAND_NONE)
		return;
	if (op->verb == VERB_CALL && op->method == METHOD_GET)
		fault_name(ld, at, "idempotency", "\"idempotency\" goes with "
		    "writes; a GET may be repeated as it is");
	if (is_open_to_all(ld, op))
		fault_name(ld, at, "idempotency", "\"idempotency\" does not go "
		    "with the role \"%s\": without a token the reply of one "
		    "caller would be another's", ld->contract->about.anonymous);
}

/* ---- batch, upsert ---- */

/* Each member of each row may become a parameter of one statement. */
static void
batch_load(struct loader *ld, const struct at *at, const struct draft *draft,
    struct operation *op)
{
	size_t members = 0;
	int64_t rows;

	if (!member_number(at, "batch", &rows))
		return;
	if (rows < 1 || rows > BATCH_HIGHEST) {
		fault_value(ld, at, "batch", "\"batch\" must be from 1 to %d "
		    "rows", BATCH_HIGHEST);
		return;
	}
	for (size_t i = 0; i < draft->field_count; i++)
		members += !draft->fields[i].read_only;
	if ((size_t)rows * members > STATEMENT_PARAMS_MAX)
		fault_value(ld, at, "batch", "%lld rows of %zu members pass "
		    "the %d values that one statement takes; at most %zu",
		    (long long)rows, members, STATEMENT_PARAMS_MAX,
		    STATEMENT_PARAMS_MAX / members);
	op->batch_max = (unsigned)rows;
}

static void
upsert_load(struct loader *ld, const struct at *at, const struct draft *draft,
    struct operation *op)
{
	size_t count;
	const char *const *names = member_texts(ld, at, "upsert", &count);
	const struct field **columns = arena_alloc(ld->arena,
	    (count + 1) * sizeof(*columns));

	if (names == NULL || draft->whole == NULL)
		return;
	if (count == 0)
		fault_value(ld, at, "upsert", "\"upsert\" is empty; name the "
		    "columns of a unique index, or drop it");
	for (size_t i = 0; i < count; i++) {
		const struct field *f = field_find(draft->fields,
		    draft->field_count, names[i], strlen(names[i]));

		if (f == NULL)
			fault_item(ld, at, "upsert", i, "\"upsert\" names "
			    "\"%s\", which is not a property of \"%s\"%s",
			    names[i], draft->resource->schema_file,
			    hint(ld, names[i], field_names(ld, draft->fields,
				draft->field_count), draft->field_count));
		else if (!field_is_scalar(f))
			fault_item(ld, at, "upsert", i, "\"upsert\" names "
			    "\"%s\", which must have the \"type\" string, "
			    "integer, number or boolean", names[i]);
		else
			columns[op->upsert_count++] = f;
	}
	op->upsert = columns;
}

/* ---- pressure ---- */

/* The queue of a kind of jobs; those are read before. */
static void
pressure_load(struct loader *ld, const struct at *at, struct operation *op)
{
	const struct contract *c = ld->contract;
	const char **names = arena_alloc(ld->scratch,
	    (c->job_count + 1) * sizeof(*names));

	op->pressure = member_text(ld, at, "pressure");
	if (op->pressure == NULL)
		return;
	if (op->verb == VERB_CALL && op->method == METHOD_GET)
		fault_name(ld, at, "pressure", "\"pressure\" goes with writes; "
		    "a GET leaves no jobs");
	for (size_t i = 0; i < c->job_count; i++) {
		names[i] = c->jobs[i].queue;
		if (strcmp(names[i], op->pressure) == 0)
			return;
	}
	fault_value(ld, at, "pressure", "\"%s\" is the queue of no job in "
	    "jobs/%s", op->pressure, hint(ld, op->pressure, names,
		c->job_count));
}

/* ---- cache ---- */

/* Directives of Cache-Control in replies (RFC 9111, 5861, 8246). */
static const struct directive {
	const char *name;
	bool seconds;		/* "=" and a number follow */
	bool shared;		/* caches between us and the client may keep */
} directives[] = {
	{ "private", false, false },
	{ "public", false, true },
	{ "max-age", true, false },
	{ "s-maxage", true, true },
	{ "no-cache", false, false },
	{ "no-store", false, false },
	{ "no-transform", false, false },
	{ "must-revalidate", false, true },
	{ "proxy-revalidate", false, false },
	{ "immutable", false, false },
	{ "stale-while-revalidate", true, false },
	{ "stale-if-error", true, false },
};

/* The directive that a text is; NULL after a fault. */
static const struct directive *
directive_read(struct loader *ld, const struct at *at, const char *text)
{
	const char *names[countof(directives)], *value = strchr(text, '=');
	char *name = arena_string(ld->scratch, text);
	int64_t seconds;

	name[strcspn(name, "=")] = '\0';
	for (size_t i = 0; i < countof(directives); i++) {
		const struct directive *d = &directives[i];

		names[i] = d->name;
		if (strcmp(d->name, name) != 0)
			continue;
		if (d->seconds == (value != NULL) && (value == NULL ||
			(text_to_int(value + 1, strlen(value + 1), &seconds) &&
			    seconds >= 0)))
			return d;
		fault_value(ld, at, "cache", "\"%s\" %s", name, d->seconds ?
		    "needs a number of seconds, like max-age=60" :
		    "takes no value");
		return NULL;
	}
	fault_value(ld, at, "cache", "\"%s\" is no directive of a reply's "
	    "Cache-Control%s", name, hint(ld, name, names, countof(names)));
	return NULL;
}

/*
 * "public", "s-maxage" and "must-revalidate" let a shared cache keep what a
 * request with a token was answered (RFC 9111 section 3.5), and give it to
 * somebody without.
 */
static void
cache_load(struct loader *ld, const struct at *at, struct operation *op)
{
	const char *text = member_text(ld, at, "cache"), *item;
	char *rest = text != NULL ? arena_string(ld->scratch, text) : NULL;

	if (text != NULL && op->verb == VERB_CALL &&
	    op->method != METHOD_GET && op->method != METHOD_OTHER)
		fault_name(ld, at, "cache", "\"cache\" goes with GET, not "
		    "with %s", method_name(op->method));
	while ((item = strsep(&rest, ",")) != NULL) {
		const struct directive *d;

		d = directive_read(ld, at, item + strspn(item, " "));
		if (d != NULL && d->shared && !is_open_to_all(ld, op))
			fault_value(ld, at, "cache", "\"%s\" would let shared "
			    "caches give these rows to whoever asks, and the "
			    "anonymous role may not; say \"private\"", d->name);
	}
	op->cache = text;
}

/* ---- rate ---- */

static void
rate_find(struct loader *ld, const struct at *at, struct operation *op)
{
	const struct contract_about *about = &ld->contract->about;
	const char *given = member_text(ld, at, "rate");
	const char *name = given != NULL ? given : "default";
	const char **names = arena_alloc(ld->scratch,
	    (about->rate_count + 1) * sizeof(*names));

	for (size_t i = 0; i < about->rate_count; i++) {
		names[i] = about->rates[i].name;
		if (strcmp(names[i], name) == 0)
			op->rate = &about->rates[i];
	}
	if (op->rate == NULL && given != NULL)
		fault_value(ld, at, "rate", "\"%s\" is not in \"rates\" of "
		    "api.json%s", given, hint(ld, given, names,
			about->rate_count));
}

/* ---- all ---- */

void
demands_load(struct loader *ld, const struct at *at, const struct draft *draft,
    struct operation *op)
{
	idempotency_load(ld, at, op);
	op->match = demand_load(ld, at, "match");
	if (op->verb == VERB_CREATE) {
		batch_load(ld, at, draft, op);
		upsert_load(ld, at, draft, op);
	}
	pressure_load(ld, at, op);
	cache_load(ld, at, op);
	rate_find(ld, at, op);
}
