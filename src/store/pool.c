/* SPDX-License-Identifier: MIT */
/*
 * A store is one connection to Postgres, made when it is needed, or before by
 * store_warm(), and made anew when it is lost.  A connection that store_connect() leaves behind is in
 * pipeline mode, non-blocking, idle, and its login role is fit: a role that
 * row level security does not bind never runs a request.
 *
 * After an attempt that failed there is none for a while, twice as long each
 * time, and of random length so that many stores do not come back at once.
 * When the breaker has closed all may; and a connection that is older than its
 * last turn must answer before it is trusted with a request.
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
	READY_MS = 2000,	/* for the answer of a connection */
	REPLICA_MS = 250,	/* for a connection that can be done without */
	WARM_MS = 500,		/* for one that nobody needs yet */
};

/*
 * The role goes first: when it is refused, nothing after it is run.  Read only
 * cannot be turned off again within the transaction.  num_nulls() evaluates
 * its arguments in their order and gives one short column, so that the claims
 * do not travel back; that is worth 3 to 6 in 100 of a small request.
 */
static const char scope_sql[] =
    "select pg_catalog.num_nulls("
    "pg_catalog.set_config('role', %s, true), "
    "pg_catalog.set_config('request.jwt.claims', $2, true), "
    "pg_catalog.set_config('lockstep.request_id', $3, true)";

static const uint64_t ns_per_ms = 1000000;

/*
 * Of all notices two are for us: the transaction has left a job, or somebody is
 * to look for jobs again, as one of a key is over.
 */
static void
note_notice(void *context, const PGresult *notice)
{
	struct store *st = context;
	const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

	st->enqueued |= state != NULL && strcmp(state, "LSJ00") == 0;
	st->freed |= state != NULL && strcmp(state, "LSJ05") == 0;
}

/*
 * The columns by which rows of the resource are changed, with commas between
 * them; "" when none are.
 */
static const char *
changed_by(struct arena *arena, const struct store *st,
    const struct resource *rs)
{
	size_t n, i, k;
	const struct operation *op = contract_operations(st->contract, &n);
	const char *names = "";

	for (i = 0; i < n; i++)
		if (op[i].resource == rs &&
		    (op[i].verb == VERB_UPDATE || op[i].verb == VERB_DELETE))
			break;
	for (k = 0; i < n && k < rs->key_count; k++)
		names = arena_format(arena, "%s%s%s", names,
		    k > 0 ? "," : "", rs->keys[k]->name);
	return names;
}

/* Schemas, names and keys of all tables, for the fitness check. */
static void
note_tables(struct store *st)
{
	struct arena *arena = arena_new();
	size_t n, i, count = 0;
	const struct resource *rs = contract_resources(st->contract, &n);
	const char **schemas = arena_alloc(arena, (n + 1) * sizeof(char *));
	const char **tables = arena_alloc(arena, (n + 1) * sizeof(char *));
	const char **keys = arena_alloc(arena, (n + 1) * sizeof(char *));

	for (i = 0; i < n; i++) {
		if (rs[i].table.name == NULL)
			continue;
		schemas[count] = rs[i].table.schema_name;
		keys[count] = changed_by(arena, st, &rs[i]);
		tables[count++] = rs[i].table.name;
	}
	st->schemas = strdup(store_array(arena, schemas, count));
	st->tables = strdup(store_array(arena, tables, count));
	st->keys = strdup(store_array(arena, keys, count));
	if (st->schemas == NULL || st->tables == NULL || st->keys == NULL)
		abort();
	arena_free(arena);
}

/* Settings of the session, but for those that the connection string has. */
static const struct {
	const char *name, *value;	/* NULL: milliseconds of the options */
} settings[] = {
	{ "statement_timeout", NULL }, { "lock_timeout", NULL },
	{ "idle_in_transaction_session_timeout", NULL },
	{ "client_connection_check_interval", NULL },
	{ "TimeZone", "UTC" }, { "DateStyle", "ISO" },
	{ "IntervalStyle", "iso_8601" }, { "bytea_output", "hex" },
	{ "extra_float_digits", "1" }, { "client_min_messages", "debug1" },
};

static void
put_settings(struct buf *b, const struct store_options *o, const char *before,
    const char *between, const char *after)
{
	const unsigned ms[] = { o->statement_timeout_ms, o->lock_timeout_ms,
		o->idle_timeout_ms, o->watch_ms };
	size_t i;

	for (i = 0; i < countof(settings); i++) {
		buf_format(b, "%s%s%s", before, settings[i].name, between);
		if (settings[i].value != NULL)
			buf_string(b, settings[i].value);
		else
			buf_int(b, ms[i]);
		buf_string(b, after);
	}
	if (o->deliver_allow == NULL)
		return;
	buf_format(b, "%slockstep.deliver_allow%s", before, between);
	/* A blank would end it. */
	for (const char *c = o->deliver_allow; *c != '\0'; c++)
		buf_char(b, *c == ' ' || *c == '\t' ? ',' : *c);
	buf_string(b, after);
}

/*
 * A pooler may go on to another database behind a connection that stays: there
 * each transaction asks whether it is in the one that was checked.
 */
static bool
is_guarded(const struct store_options *o)
{
	return o->unprepared && o->gate != NULL;
}

static void
put_scope(struct buf *b, const struct store_options *o)
{
	struct buf role;

	buf_init(&role, 4096);
	if (is_guarded(o))
		buf_format(&role, "case when %s = $4 then $1 else '%s' end",
		    gate_identity_sql, gate_other);
	buf_format(b, scope_sql, is_guarded(o) ? role.at : "$1");
	buf_release(&role);
}

/*
 * The statement that sets the scope.  A session that a pooler lends for one
 * transaction has no settings of ours, so there they are part of the scope.
 */
static char *
make_scope(const struct store_options *o, bool reads)
{
	struct buf b;
	char *text;

	buf_init(&b, 4096);
	put_scope(&b, o);
	if (o->unprepared)
		put_settings(&b, o, ", pg_catalog.set_config('", "', '",
		    "', true)");
	if (reads)
		buf_string(&b, ", pg_catalog.set_config("
		    "'transaction_read_only', 'on', true)");
	buf_char(&b, ')');
	text = strdup(b.at);
	if (text == NULL)
		abort();
	buf_release(&b);
	return text;
}

static struct store *
open_store(const struct store_options *options, const char *database,
    const struct contract *contract)
{
	struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		abort();
	st->options = options;
	st->database = database;
	st->contract = contract;
	st->scope_sql[false] = make_scope(options, false);
	st->scope_sql[true] = make_scope(options, true);
	statements_init(&st->statements, options->statements_max);
	buf_init(&st->unfit, 1024);
	buf_init(&st->claim_sql, STORE_SQL_MAX);
	buf_init(&st->sql, STORE_SQL_MAX);
	buf_init(&st->second_sql, STORE_SQL_MAX);
	buf_init(&st->reply, options->reply_limit_bytes > 0 ?
	    options->reply_limit_bytes : STORE_REPLY_MAX);
	st->random = random_seed();
	note_tables(st);
	if (options->trace_file != NULL &&
	    (st->trace = fopen(options->trace_file, "ae")) != NULL)
		setvbuf(st->trace, NULL, _IOLBF, 0);
	return st;
}

struct store *
store_new(const struct store_options *options, const struct contract *contract)
{
	struct store *st = open_store(options, options->database, contract);

	st->breaker = options->breaker;
	if (options->database_read == NULL)
		return st;
	st->replica = open_store(options, options->database_read, contract);
	st->replica->spare = true;
	return st;
}

void
store_free(struct store *st)
{
	if (st == NULL)
		return;
	store_free(st->replica);
	store_discard(st);
	cancel_forget(st);
	statements_release(&st->statements);
	buf_release(&st->unfit);
	buf_release(&st->claim_sql);
	buf_release(&st->sql);
	buf_release(&st->second_sql);
	buf_release(&st->reply);
	if (st->trace != NULL)
		fclose(st->trace);
	free(st->scope_sql[false]);
	free(st->scope_sql[true]);
	free(st->identity_text);
	free(st->schemas);
	free(st->tables);
	free(st->keys);
	free(st);
}

void
store_discard(struct store *st)
{
	if (st->open)
		metric_gauge(GAUGE_CONNECTIONS, -1);
	st->open = false;
	PQfinish(st->connection);
	st->connection = NULL;
	st->scope_prepared[false] = st->scope_prepared[true] = false;
	st->forget = st->holding = st->joined = false;
	st->enqueued = st->freed = false;
	memset(st->phrased, 0, sizeof(st->phrased));
	statements_clear(&st->statements);
}

enum problem
store_unavailable(struct scope *sc, const char *cause)
{
	sc->retry_after_s = 1;
	return scope_fail(sc, PROBLEM_UNAVAILABLE, "%s", cause);
}

uint64_t
random_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = clock_now_ns();
	return seed | 1;
}

/* xorshift64*. */
uint64_t
random_below(uint64_t *seed, uint64_t bound)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (*seed * 0x2545f4914f6cdd1du >> 16) % bound;
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
	st->host++;
	st->attempt_ns = clock_now_ns() +
	    random_below(&st->random, st->backoff_ms * ns_per_ms + 1);
	metric_add("lockstep_database_failures_total", "", 1);
}

/* What the connection string says itself. */
static const char *
told(struct arena *arena, const PQconninfoOption *all, const char *keyword)
{
	const PQconninfoOption *each;

	for (each = all; each != NULL && each->keyword != NULL; each++)
		if (strcmp(each->keyword, keyword) == 0 && each->val != NULL)
			return arena_string(arena, each->val);
	return NULL;
}

/* The settings; the last of a name wins, so theirs do. */
static const char *
session_options(struct arena *arena, const struct store_options *o,
    const char *theirs)
{
	struct buf b;

	if (o->unprepared)
		return theirs;
	buf_init(&b, 4096);
	put_settings(&b, o, "-c ", "=", " ");
	theirs = arena_format(arena, "%s%s", b.at, theirs == NULL ? "" :
	    theirs);
	buf_release(&b);
	return theirs;
}

/* "a,b,c" from number n on, going round: "b,c,a". */
static const char *
turned(struct arena *arena, const char *list, unsigned n)
{
	const char *comma, *rest = list;

	if (list == NULL || strchr(list, ',') == NULL)
		return list;
	while (n-- > 0)
		rest = (comma = strchr(rest, ',')) != NULL ? comma + 1 : list;
	if (rest == list)
		return list;
	return arena_format(arena, "%s,%.*s", rest, (int)(rest - list - 1),
	    list);
}

/*
 * libpq goes on to the next of several hosts when one refuses, but waits for
 * one that is silent, as its connect_timeout does not hold for
 * PQconnectPoll().  So an attempt that failed begins with the next one.
 */
static PGconn *
start_connection(struct arena *arena, struct store *st)
{
	PQconninfoOption *all = PQconninfoParse(st->database, NULL);
	const char *hosts = told(arena, all, "host");
	const char *addresses = told(arena, all, "hostaddr");
	const char *ports = told(arena, all, "port");
	const char *const keywords[] = { "dbname", "fallback_application_name",
		"client_encoding", "options", "host", "hostaddr", "port",
		NULL };
	const char *const values[] = { st->database, "lockstep", "UTF8",
		session_options(arena, st->options, told(arena, all,
		    "options")), turned(arena, hosts, st->host),
		turned(arena, addresses, st->host),
		turned(arena, ports, st->host), NULL };

	PQconninfoFree(all);
	return PQconnectStartParams(keywords, values, 1);
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

static bool
open_connection(struct scope *sc, struct store *st, uint64_t deadline_ns)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	st->connection = start_connection(sc->arena, st);
	if (st->connection == NULL)
		abort();
	PQsetNoticeReceiver(st->connection, note_notice, st);
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
 *
 * And the tables whose rows are changed by a key that is not unique: an update
 * of one row would be one of several.  Views have no index, and a partitioned
 * table none over its key alone, so those are trusted.
 *
 * And the bookkeeping of idempotency keys that is not there though the
 * contract has them.
 *
 * One row at least: the identity of the database, and nothing or what is unfit.
 */
static const char fitness_sql[] =
    " left join ((select r.rolname = session_user, r.rolname::text, case"
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
    " order by r.rolname <> session_user, r.rolname limit 1)"
    " union all (select null, t.key, n.nspname || '.' || c.relname"
    " from unnest($1::text[], $2::text[], $3::text[]) as t (schema, name, key)"
    " join pg_catalog.pg_namespace n on n.nspname = t.schema"
    " join pg_catalog.pg_class c"
    " on c.relnamespace = n.oid and c.relname = t.name and c.relkind = 'r'"
    " where t.key <> '' and not exists (select from pg_catalog.pg_index i"
    " where i.indrelid = c.oid and i.indisunique and i.indisvalid"
    " and i.indpred is null and (select array_agg(a.attname::text"
    " order by a.attname::text collate \"C\") from pg_catalog.pg_attribute a"
    " where a.attrelid = c.oid and a.attnum = any"
    " ((i.indkey::int2[])[0:i.indnkeyatts - 1])) = (select array_agg(k"
    " order by k collate \"C\") from unnest(string_to_array(t.key, ','))"
    " k) and i.indnkeyatts = cardinality(string_to_array(t.key, ',')))"
    " limit 1)"
    " union all (select null, null, '' where $4::boolean"
    " and not exists (select from pg_catalog.pg_proc p"
    " join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
    " where n.nspname = 'lockstep' and p.proname = 'claim')))"
    " unfit (is_login, name, what) on true";

/* A column of the first row, after that of the identity; NULL = none. */
static const char *
unfit_column(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL :
	    PQgetvalue(result, 0, column);
}

static void
note_fitness(struct store *st, const PGresult *result)
{
	const char *encoding = PQparameterStatus(st->connection,
	    "server_encoding");
	const char *is_login = unfit_column(result, 1);
	const char *name = unfit_column(result, 2);
	const char *what = unfit_column(result, 3);

	free(st->identity_text);
	st->identity_text = strdup(PQgetvalue(result, 0, 0));
	if (st->identity_text == NULL)
		abort();
	st->identity = gate_identity(st->identity_text);
	buf_clear(&st->unfit);
	if (what != NULL && name == NULL)
		buf_string(&st->unfit, "the contract has idempotency keys, "
		    "and the database no lockstep.claim() to keep them: apply "
		    "0006_idempotency.sql");
	else if (what != NULL && is_login == NULL)
		buf_format(&st->unfit, "the key %s of %s is not unique",
		    name, what);
	else if (what != NULL)
		buf_format(&st->unfit, "the login role %s %s (%s); "
		    "\"database\" wants one that owns nothing and bypasses "
		    "nothing",
		    is_login[0] == 't' ? "is" : "may become", what, name);
	else if (encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0)
		buf_string(&st->unfit, "the database has no encoding");
}

static bool
takes_keys(const struct contract *contract)
{
	size_t n;
	const struct operation *op = contract_operations(contract, &n);

	while (n-- > 0)
		if (op[n].idempotency != DEMAND_NONE)
			return true;
	return false;
}

enum fitness { FIT, UNFIT, UNKNOWN };

/* One round trip.  UNKNOWN: the connection was lost, or the query refused. */
static enum fitness
check_fitness(struct scope *sc, struct store *st, uint64_t deadline_ns)
{
	const char *const params[] = { st->schemas, st->tables, st->keys,
		takes_keys(st->contract) ? "true" : "false" };
	/* The connection is the thread's, whoever else may have gone away. */
	struct exchange ex = { .unattended = true };
	const char *sql = arena_format(sc->arena, "select one.identity, "
	    "unfit.* from (values (%s)) one (identity)%s", gate_identity_sql,
	    fitness_sql);

	if (!exchange_note(&ex, STEP_RUN, PQsendQueryParams(st->connection,
	    sql, countof(params), NULL, params, NULL, NULL, 0)) ||
	    exchange_finish(sc, st, deadline_ns, &ex) != ENDING_SYNC ||
	    ex.error != NULL || ex.result[STEP_RUN] == NULL ||
	    PQntuples(ex.result[STEP_RUN]) == 0) {
		store_discard(st);
		return UNKNOWN;
	}
	note_fitness(st, ex.result[STEP_RUN]);
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
	unsigned timeout_ms = st->options->connect_timeout_ms;
	uint64_t deadline_ns;
	enum fitness fitness;

	if (st->spare && timeout_ms > REPLICA_MS)
		timeout_ms = REPLICA_MS;
	deadline_ns = clock_now_ns() + timeout_ms * ns_per_ms;
	if (sc->deadline_ns != 0 && sc->deadline_ns < deadline_ns)
		deadline_ns = sc->deadline_ns;
	buf_clear(&st->unfit);
	if (!open_connection(sc, st, deadline_ns))
		return refuse_lost(sc, st, "the database did not answer");
	if (PQsetnonblocking(st->connection, 1) != 0 ||
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

void
store_warm(struct store *st)
{
	struct arena *arena = arena_new();
	struct scope sc;

	scope_init(&sc, arena);
	sc.deadline_ns = clock_now_ns() + WARM_MS * ns_per_ms;
	/* Who needs it tries again at once, and is told why not. */
	if (connect_now(&sc, st) != PROBLEM_NONE) {
		st->backoff_ms = 0;
		st->attempt_ns = 0;
	}
	arena_free(arena);
	if (st->replica != NULL)
		store_warm(st->replica);
}

/* What is no connection string will never be one. */
static bool
note_nonsense(struct store *st)
{
	char *why = NULL;
	PQconninfoOption *all = PQconninfoParse(st->database, &why);

	if (all == NULL && why != NULL) {
		why[strcspn(why, "\n")] = '\0';
		buf_clear(&st->unfit);
		buf_format(&st->unfit, "the connection string: %s", why);
	}
	PQconninfoFree(all);
	PQfreemem(why);
	return all == NULL;
}

/*
 * Does the database answer?  A connection that is there makes a round trip: the
 * fitness check, so that a role that was given too much is noticed while it is
 * connected.  One that was lost unnoticed is made anew.
 */
static enum problem
reach(struct scope *sc, struct store *st)
{
	uint64_t deadline_ns = clock_now_ns() + READY_MS * ns_per_ms;
	enum fitness fitness = UNKNOWN;

	if (sc->deadline_ns != 0 && sc->deadline_ns < deadline_ns)
		deadline_ns = sc->deadline_ns;
	if (st->connection != NULL)
		fitness = check_fitness(sc, st, deadline_ns);
	if (fitness == UNFIT)
		return refuse_unfit(sc, st);
	return fitness == FIT ? PROBLEM_NONE : connect_now(sc, st);
}

/* The same, and the breaker learns of it; an unfit role is an answer, too. */
static enum problem
reach_and_tell(struct scope *sc, struct store *st, enum verdict verdict)
{
	enum problem p = reach(sc, st);
	bool answered = p == PROBLEM_NONE || st->unfit.length > 0;

	if (verdict == VERDICT_PROBE)
		breaker_probed(st->breaker, answered, clock_now_ns());
	else if (answered)
		breaker_succeeded(st->breaker);
	else
		breaker_failed(st->breaker, sc->cause, clock_now_ns());
	st->turn = breaker_turn(st->breaker);
	return p;
}

static enum problem
refuse_open(struct scope *sc, unsigned wait_ms)
{
	enum problem p = store_unavailable(sc,
	    "the database has failed too often of late");

	sc->retry_after_s = 1 + wait_ms / 1000;
	return p;
}

static enum problem
refuse_early(struct scope *sc, const struct store *st)
{
	return store_unavailable(sc, st->unfit.length > 0 ? st->unfit.at :
	    "waiting before the next attempt to reach the database");
}

/*
 * Has the server gone?  Of a database that nobody will look at any more, as it
 * was started anew since, no statement would ever notice.
 */
static bool
is_gone(const struct store *st)
{
	/* What it said at last is read first, then the end. */
	return st->connection != NULL && !(PQconsumeInput(st->connection) &&
	    PQconsumeInput(st->connection));
}

enum problem
store_connect(struct scope *sc, struct store *st)
{
	uint64_t now_ns = clock_now_ns();
	unsigned wait_ms = 0;
	enum verdict verdict = breaker_ask(st->breaker, now_ns, &wait_ms);
	enum problem p;

	if (verdict == VERDICT_REFUSE)
		return refuse_open(sc, wait_ms);
	if (verdict == VERDICT_PASS && st->turn == breaker_turn(st->breaker)) {
		if (st->connection != NULL && gate_is_clear(st))
			return PROBLEM_NONE;
		if (is_gone(st))
			store_discard(st);
		if (st->connection != NULL)
			return gate_admit(sc, st);
		if (now_ns < st->attempt_ns)
			return refuse_early(sc, st);
	}
	if ((p = reach_and_tell(sc, st, verdict)) != PROBLEM_NONE)
		return p;
	return gate_admit(sc, st);
}

/* This door is for whoever watches, so an open breaker does not close it. */
enum problem
store_ready(struct scope *sc, struct store *st)
{
	enum problem p;

	if (st->connection == NULL && note_nonsense(st))
		return scope_fail(sc, PROBLEM_FORBIDDEN, "%s", st->unfit.at);
	if (st->connection == NULL && clock_now_ns() < st->attempt_ns &&
	    st->turn == breaker_turn(st->breaker))
		p = refuse_early(sc, st);
	else
		p = reach_and_tell(sc, st, VERDICT_PASS);
	if (p != PROBLEM_NONE && st->unfit.length > 0)
		return PROBLEM_FORBIDDEN;
	return p != PROBLEM_NONE ? p : gate_admit(sc, st);
}
