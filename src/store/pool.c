/* SPDX-License-Identifier: MIT */
/*
 * A store is one connection to Postgres, made when it is needed and made anew
 * when it is lost.  A connection that store_connect() leaves behind is in
 * pipeline mode, non-blocking, idle, and its login role is fit: a role that
 * row level security does not bind never runs a request.
 *
 * After an attempt that failed there is none for a while, twice as long each
 * time, and of random length so that many stores do not come back at once.
 */
#include "store/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/metric.h"

enum {
	BACKOFF_LEAST_MS = 50,
	READY_MS = 2000,	/* for a scope that has no deadline */
};

static const uint64_t ns_per_ms = 1000000;

/* Notices have no reader here. */
static void
ignore(void *context, const char *message)
{
	(void)context;
	(void)message;
}

/* Schemas and names of all tables, for the fitness check. */
static void
note_tables(struct store *st)
{
	struct arena *arena = arena_new();
	size_t n, i, count = 0;
	const struct resource *rs = contract_resources(st->contract, &n);
	const char **schemas = arena_alloc(arena, (n + 1) * sizeof(char *));
	const char **tables = arena_alloc(arena, (n + 1) * sizeof(char *));

	for (i = 0; i < n; i++) {
		if (rs[i].table.name == NULL)
			continue;
		schemas[count] = rs[i].table.schema_name;
		tables[count++] = rs[i].table.name;
	}
	st->schemas = strdup(store_array(arena, schemas, count));
	st->tables = strdup(store_array(arena, tables, count));
	if (st->schemas == NULL || st->tables == NULL)
		abort();
	arena_free(arena);
}

struct store *
store_new(const struct store_options *options, const struct contract *contract)
{
	struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		abort();
	st->options = options;
	st->contract = contract;
	statements_init(&st->statements, options->statements_max);
	buf_init(&st->unfit, 1024);
	buf_init(&st->sql, STORE_SQL_MAX);
	buf_init(&st->reply, options->reply_limit_bytes > 0 ?
	    options->reply_limit_bytes : STORE_REPLY_MAX);
	if (getrandom(&st->random, sizeof(st->random), 0) < 0)
		st->random = clock_now_ns();
	st->random |= 1;
	note_tables(st);
	if (options->trace_file != NULL &&
	    (st->trace = fopen(options->trace_file, "ae")) != NULL)
		setvbuf(st->trace, NULL, _IOLBF, 0);
	return st;
}

void
store_free(struct store *st)
{
	if (st == NULL)
		return;
	store_discard(st);
	statements_release(&st->statements);
	buf_release(&st->unfit);
	buf_release(&st->sql);
	buf_release(&st->reply);
	if (st->trace != NULL)
		fclose(st->trace);
	free(st->schemas);
	free(st->tables);
	free(st);
}

void
store_discard(struct store *st)
{
	if (st->open)
		metric_gauge(GAUGE_CONNECTIONS, -1);
	st->open = false;
	PQfreeCancel(st->cancel);
	PQfinish(st->connection);
	st->cancel = NULL;
	st->connection = NULL;
	st->scope_prepared[false] = st->scope_prepared[true] = false;
	st->forget = false;
	statements_clear(&st->statements);
}

enum problem
store_unavailable(struct scope *sc, const char *cause)
{
	sc->retry_after_s = 1;
	return scope_fail(sc, PROBLEM_UNAVAILABLE, "%s", cause);
}

/* xorshift64*: spreads load, keeps no secret. */
static uint64_t
random_below(struct store *st, uint64_t bound)
{
	st->random ^= st->random >> 12;
	st->random ^= st->random << 25;
	st->random ^= st->random >> 27;
	return (st->random * 0x2545f4914f6cdd1du >> 16) % bound;
}

static void
back_off(struct store *st, unsigned least_ms)
{
	unsigned most = st->options->reconnect_max_ms;

	st->backoff_ms = st->backoff_ms == 0 ? BACKOFF_LEAST_MS :
	    st->backoff_ms * 2;
	if (st->backoff_ms < least_ms)
		st->backoff_ms = least_ms;
	if (st->backoff_ms > most)
		st->backoff_ms = most;
	st->attempt_ns = clock_now_ns() +
	    random_below(st, st->backoff_ms * ns_per_ms + 1);
	metric_add("lockstep_database_failures_total", "", 1);
}

/* Settings of the session; what the connection string says itself wins. */
static char *
session_options(struct arena *arena, const struct store_options *o)
{
	PQconninfoOption *all = PQconninfoParse(o->database, NULL), *each;
	const char *theirs = "";
	char *text;

	for (each = all; each != NULL && each->keyword != NULL; each++)
		if (strcmp(each->keyword, "options") == 0 && each->val != NULL)
			theirs = each->val;
	text = arena_format(arena, "-c statement_timeout=%u "
	    "-c lock_timeout=%u -c idle_in_transaction_session_timeout=%u "
	    "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 "
	    "-c bytea_output=hex -c extra_float_digits=1 %s",
	    o->statement_timeout_ms, o->lock_timeout_ms, o->idle_timeout_ms,
	    theirs);
	PQconninfoFree(all);
	return text;
}

static bool
wait_for(PGconn *connection, short events, uint64_t deadline_ns)
{
	struct pollfd fd = { .fd = PQsocket(connection), .events = events };
	int n;

	while ((n = poll(&fd, 1, clock_left_ms(deadline_ns))) < 0 &&
	    errno == EINTR)
		;
	return n > 0;
}

/* libpq's own connect_timeout does not hold for PQconnectPoll(). */
static bool
open_connection(struct scope *sc, struct store *st, uint64_t deadline_ns)
{
	const char *const keywords[] = { "dbname", "fallback_application_name",
		"client_encoding", "options", NULL };
	const char *const values[] = { st->options->database, "lockstep",
		"UTF8", session_options(sc->arena, st->options), NULL };
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	st->connection = PQconnectStartParams(keywords, values, 1);
	if (st->connection == NULL)
		abort();
	PQsetNoticeProcessor(st->connection, ignore, NULL);
	PQsetErrorContextVisibility(st->connection, PQSHOW_CONTEXT_NEVER);
	while (PQstatus(st->connection) != CONNECTION_BAD) {
		if (!wait_for(st->connection, state == PGRES_POLLING_READING ?
		    POLLIN : POLLOUT, deadline_ns))
			return false;
		state = PQconnectPoll(st->connection);
		if (state == PGRES_POLLING_OK)
			return true;
		if (state == PGRES_POLLING_FAILED)
			return false;
	}
	return false;
}

/*
 * Who could read past row level security: superusers, BYPASSRLS, owners of the
 * contract's tables, and (before Postgres 16) CREATEROLE, which may make
 * itself a member of any of them.  Asked of the login role and of all that it
 * may become.
 */
static const char fitness_sql[] =
    "select r.rolname = session_user, r.rolname, case"
    " when r.rolsuper then 'a superuser'"
    " when r.rolbypassrls then 'a role with BYPASSRLS'"
    " when r.rolcreaterole then 'a role with CREATEROLE'"
    " else 'the owner of ' || o.name end"
    " from pg_catalog.pg_roles r left join ("
    "select c.relowner, min(n.nspname || '.' || c.relname) as name"
    " from unnest($1::text[], $2::text[]) as t (schema, name)"
    " join pg_catalog.pg_namespace n on n.nspname = t.schema"
    " join pg_catalog.pg_class c"
    " on c.relnamespace = n.oid and c.relname = t.name"
    " group by c.relowner) o on o.relowner = r.oid"
    " where (r.rolsuper or r.rolbypassrls or r.rolcreaterole"
    " or o.relowner is not null)"
    " and pg_catalog.pg_has_role(session_user, r.oid, 'member')"
    " order by r.rolname <> session_user, r.rolname limit 1";

static void
note_fitness(struct store *st, const PGresult *result)
{
	const char *encoding = PQparameterStatus(st->connection,
	    "server_encoding");

	buf_clear(&st->unfit);
	if (PQntuples(result) > 0)
		buf_format(&st->unfit, "the login role %s %s (%s)",
		    PQgetvalue(result, 0, 0)[0] == 't' ? "is" :
		    "may become", PQgetvalue(result, 0, 2),
		    PQgetvalue(result, 0, 1));
	else if (encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0)
		buf_string(&st->unfit, "the database has no encoding");
}

enum fitness { FIT, UNFIT, UNKNOWN };

/* One round trip.  UNKNOWN: the connection was lost, or the query refused. */
static enum fitness
check_fitness(struct scope *sc, struct store *st, uint64_t deadline_ns)
{
	const char *const params[] = { st->schemas, st->tables };
	struct exchange ex = { .count = 0 };

	if (!exchange_note(&ex, STEP_RUN, PQsendQueryParams(st->connection,
	    fitness_sql, 2, NULL, params, NULL, NULL, 0)) ||
	    exchange_finish(sc, st, deadline_ns, &ex) != ENDING_SYNC ||
	    ex.error != NULL || ex.rows == NULL) {
		store_discard(st);
		return UNKNOWN;
	}
	note_fitness(st, ex.rows);
	return st->unfit.length > 0 ? UNFIT : FIT;
}

static enum problem
refuse_unfit(struct scope *sc, struct store *st)
{
	store_discard(st);
	back_off(st, st->options->reconnect_max_ms);
	return store_unavailable(sc, st->unfit.at);
}

/* `late` is said when libpq has nothing to say. */
static enum problem
refuse_lost(struct scope *sc, struct store *st, const char *late)
{
	const char *why = late;
	char *line;

	if (st->connection != NULL &&
	    PQstatus(st->connection) == CONNECTION_BAD) {
		line = arena_string(sc->arena, PQerrorMessage(st->connection));
		line[strcspn(line, "\n")] = '\0';
		why = line;
	}
	store_discard(st);
	back_off(st, 0);
	return store_unavailable(sc, why);
}

static enum problem
connect_now(struct scope *sc, struct store *st)
{
	uint64_t deadline_ns = clock_now_ns() +
	    st->options->connect_timeout_ms * ns_per_ms;
	enum fitness fitness;

	if (sc->deadline_ns != 0 && sc->deadline_ns < deadline_ns)
		deadline_ns = sc->deadline_ns;
	buf_clear(&st->unfit);
	if (!open_connection(sc, st, deadline_ns))
		return refuse_lost(sc, st, "the database did not answer");
	st->cancel = PQgetCancel(st->connection);
	if (st->cancel == NULL || PQsetnonblocking(st->connection, 1) != 0 ||
	    PQenterPipelineMode(st->connection) != 1)
		return refuse_lost(sc, st, "no pipeline mode");
	st->open = true;
	metric_gauge(GAUGE_CONNECTIONS, 1);
	metric_add("lockstep_database_connects_total", "", 1);
	fitness = check_fitness(sc, st, deadline_ns);
	if (fitness == UNFIT)
		return refuse_unfit(sc, st);
	if (fitness == UNKNOWN)
		return refuse_lost(sc, st, "the connection was lost while the "
		    "rights of the login role were looked at");
	st->backoff_ms = 0;
	if (st->trace != NULL) {
		PQtrace(st->connection, st->trace);
		PQsetTraceFlags(st->connection, PQTRACE_SUPPRESS_TIMESTAMPS |
		    PQTRACE_REGRESS_MODE);
	}
	return PROBLEM_NONE;
}

/* What is no connection string will never be one. */
static bool
note_nonsense(struct store *st)
{
	char *why = NULL;
	PQconninfoOption *all = PQconninfoParse(st->options->database, &why);

	if (all == NULL && why != NULL) {
		why[strcspn(why, "\n")] = '\0';
		buf_clear(&st->unfit);
		buf_format(&st->unfit, "the connection string: %s", why);
	}
	PQconninfoFree(all);
	PQfreemem(why);
	return all == NULL;
}

enum problem
store_connect(struct scope *sc, struct store *st)
{
	if (st->connection != NULL)
		return PROBLEM_NONE;
	if (clock_now_ns() < st->attempt_ns)
		return store_unavailable(sc, st->unfit.length > 0 ?
		    st->unfit.at : "waiting before the next attempt to "
		    "reach the database");
	return connect_now(sc, st);
}

/*
 * The round trip is the fitness check, so that a role that was given too much
 * is noticed while it is connected.  A connection that was lost unnoticed is
 * made anew once.
 */
enum problem
store_ready(struct scope *sc, struct store *st)
{
	enum fitness fitness = UNKNOWN;
	enum problem p = PROBLEM_NONE;

	if (st->connection == NULL && note_nonsense(st))
		return scope_fail(sc, PROBLEM_FORBIDDEN, "%s", st->unfit.at);
	if (st->connection != NULL)
		fitness = check_fitness(sc, st, sc->deadline_ns != 0 ?
		    sc->deadline_ns : clock_now_ns() + READY_MS * ns_per_ms);
	if (fitness == UNFIT)
		p = refuse_unfit(sc, st);
	else if (fitness == UNKNOWN)
		p = store_connect(sc, st);
	if (p != PROBLEM_NONE && st->unfit.length > 0)
		return PROBLEM_FORBIDDEN;
	return p;
}
