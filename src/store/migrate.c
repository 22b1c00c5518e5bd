/* SPDX-License-Identifier: MIT */
/*
 * Migrations and policies: files on one side, what the database says was
 * applied on the other.  A migration is applied once, in the order of numbers,
 * and never changes again; a policy file is applied whenever its checksum is
 * not the recorded one.  A file and its record are one transaction, so a
 * record says the truth whenever we are interrupted.
 *
 * Runs as the owner, on its own connection, from a console: here, and only
 * here, the server's words are shown.
 */
#include "store/internal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WELL, FOUND, TROUBLE };		/* exit codes, as diff's */

enum { FILE_MAX = 8 << 20 };		/* bytes of a script */

/* "lockstep" in ASCII: one migrate at a time in a database. */
#define LOCK "7813573191660758384"

enum state { PENDING, APPLIED, CHANGED, GONE };

static const char *const state_name[] = {
	[PENDING] = "pending", [APPLIED] = "applied",
	[CHANGED] = "changed", [GONE] = "gone",
};

struct script {
	const char *name;		/* 0001_foundation.sql */
	const char *path;		/* migrations/0001_foundation.sql */
	unsigned number;		/* of a migration */
	const char *text;
	const char *checksum;		/* SHA-256 in hex; of a gone file: */
	const char *applied_at;		/* as recorded; NULL = never */
	enum state state;
};

struct scripts {
	const char *directory;
	struct script *at;
	size_t count;
};

struct migration {
	const struct migrate_options *options;
	struct arena *arena;
	PGconn *connection;
	FILE *out, *err;
	struct scripts migrations, policies;
};

static bool
trouble(struct migration *m, const char *what, const char *why)
{
	fprintf(m->err, "lockstep: %s: %s\n", what, why);
	return false;
}

static void
drop_result(void *result)
{
	PQclear(result);
}

/* The line of a character of a UTF-8 text, both from 1. */
static unsigned
line_of(const char *text, long character)
{
	unsigned line = 1;

	for (; *text != '\0' && character > 1; text++) {
		line += *text == '\n';
		character -= ((unsigned char)text[1] & 0xc0) != 0x80;
	}
	return line;
}

static void
show_field(struct migration *m, const PGresult *result, int code,
    const char *label)
{
	const char *text = PQresultErrorField(result, code);

	if (text != NULL)
		fprintf(m->err, "\t%s: %s\n", label, text);
}

/* "file:line: text" and what the server says beside it. */
static bool
refused(struct migration *m, const struct script *s, const PGresult *result)
{
	const char *at = PQresultErrorField(result,
	    PG_DIAG_STATEMENT_POSITION);
	const char *words = PQresultErrorField(result,
	    PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (s != NULL && at != NULL)
		fprintf(m->err, "%s:%u: ", s->path,
		    line_of(s->text, strtol(at, NULL, 10)));
	else if (s != NULL)
		fprintf(m->err, "%s: ", s->path);
	fprintf(m->err, "%s (SQLSTATE %s)\n", words != NULL ? words :
	    PQerrorMessage(m->connection), state != NULL ? state : "none");
	show_field(m, result, PG_DIAG_MESSAGE_DETAIL, "detail");
	show_field(m, result, PG_DIAG_MESSAGE_HINT, "hint");
	show_field(m, result, PG_DIAG_CONTEXT, "context");
	if (state != NULL && strcmp(state, "42501") == 0)
		fputs("\thint: migrate runs as the owner of the schemas; "
		    "migrate_database says who that is\n", m->err);
	return false;
}

/*
 * Runs a text (params NULL: any number of statements).  NULL when it was
 * refused, which is then told, with the line when it is a script's text.
 */
static const PGresult *
query(struct migration *m, const struct script *s, const char *sql,
    const char *const *params, int n)
{
	PGresult *result = params == NULL ? PQexec(m->connection, sql) :
	    PQexecParams(m->connection, sql, n, NULL, params, NULL, NULL, 0);

	arena_defer(m->arena, drop_result, result);
	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		return result;
	default:
		refused(m, s, result);
		return NULL;
	}
}

static bool
run(struct migration *m, const char *sql)
{
	return query(m, NULL, sql, NULL, 0) != NULL;
}

/* One value as text; NULL when refused. */
static const char *
ask(struct migration *m, const char *sql)
{
	const PGresult *result = query(m, NULL, sql, NULL, 0);

	return result == NULL || PQntuples(result) != 1 ? NULL :
	    PQgetvalue(result, 0, 0);
}

/* The files. */

static bool
ends_in_sql(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 4 &&
	    strcmp(name + length - 4, ".sql") == 0;
}

/* NNNN_name.sql; anything else in the directory is none of ours. */
static int
is_migration(const struct dirent *entry)
{
	const char *s = entry->d_name;
	int i;

	for (i = 0; i < 4; i++)
		if (!isdigit((unsigned char)s[i]))
			return 0;
	return s[4] == '_' && s[5] != '.' && ends_in_sql(s);
}

static int
is_policy(const struct dirent *entry)
{
	return ends_in_sql(entry->d_name);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool
read_text(struct migration *m, struct script *s)
{
	FILE *file = fopen(s->path, "re");
	struct stat st;
	char *text;
	size_t length;

	if (file == NULL)
		return trouble(m, s->path, strerror(errno));
	if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_MAX) {
		fclose(file);
		return trouble(m, s->path, "is no file of at most 8 MiB");
	}
	text = arena_alloc(m->arena, (size_t)st.st_size + 1);
	length = fread(text, 1, (size_t)st.st_size, file);
	fclose(file);
	if (length != (size_t)st.st_size || strlen(text) != length)
		return trouble(m, s->path, "was cut short or holds a NUL");
	s->text = text;
	return true;
}

static bool
checksum(struct migration *m, struct script *s)
{
	const char *const params[] = { s->text };
	const PGresult *result = query(m, s, "select pg_catalog.encode("
	    "pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8')), 'hex')",
	    params, 1);

	if (result == NULL)
		return false;
	s->checksum = PQgetvalue(result, 0, 0);
	return true;
}

static bool
add_file(struct migration *m, struct scripts *all, const char *name)
{
	struct script *s = &all->at[all->count++];

	s->name = arena_string(m->arena, name);
	s->path = arena_format(m->arena, "%s/%s", all->directory, name);
	s->number = (unsigned)strtoul(name, NULL, 10);
	return read_text(m, s) && checksum(m, s);
}

/* Reads a directory, with room for `more` records that have no file. */
static bool
read_files(struct migration *m, struct scripts *all, const char *directory,
    int (*filter)(const struct dirent *), size_t more)
{
	struct dirent **entries = NULL;
	bool well = true;
	int i, n;

	all->directory = directory;
	n = scandir(directory, &entries, filter, by_name);
	if (n < 0)
		return trouble(m, directory, strerror(errno));
	all->at = arena_alloc(m->arena, ((size_t)n + more + 1) *
	    sizeof(*all->at));
	for (i = 0; i < n; i++) {
		well = well && add_file(m, all, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return well;
}

/* The records. */

static const char migrations_sql[] =
    "create table if not exists lockstep.migrations ("
    "number integer primary key, name text not null, "
    "checksum text not null, "
    "applied_at timestamptz not null default pg_catalog.now())";
static const char policies_sql[] =
    "create table if not exists lockstep.policies ("
    "file text primary key, checksum text not null, "
    "applied_at timestamptz not null default pg_catalog.now())";

/* CREATE SCHEMA IF NOT EXISTS asks for a right even when it exists. */
static bool
make_records(struct migration *m)
{
	const char *there = ask(m, "select count(*) from "
	    "pg_catalog.pg_namespace where nspname = 'lockstep'");

	return there != NULL && run(m, "begin") &&
	    (there[0] != '0' || run(m, "create schema lockstep")) &&
	    run(m, migrations_sql) && run(m, policies_sql) &&
	    run(m, "commit");
}

#define APPLIED_AT "pg_catalog.to_char(applied_at at time zone 'UTC', "       \
	"'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* The records, or a result without rows when there is no table yet. */
static const PGresult *
read_records(struct migration *m, const char *table, const char *sql)
{
	const char *there = ask(m, arena_format(m->arena, "select count(*) "
	    "from pg_catalog.pg_class c join pg_catalog.pg_namespace n "
	    "on n.oid = c.relnamespace where n.nspname = 'lockstep' "
	    "and c.relname = '%s'", table));

	if (there == NULL)
		return NULL;
	return query(m, NULL, there[0] == '0' ?
	    "select 0, '', '', '' limit 0" : sql, NULL, 0);
}

/*
 * The file of a record.  A migration is known by its number, so that one that
 * was renamed counts as changed.
 */
static struct script *
file_of(const struct scripts *all, size_t files, unsigned number,
    const char *name)
{
	size_t i;

	for (i = 0; i < files; i++)
		if (strcmp(all->at[i].name, name) == 0)
			return &all->at[i];
	for (i = 0; i < files && number != 0; i++)
		if (all->at[i].number == number)
			return &all->at[i];
	return NULL;
}

/* Puts a record beside its file, or after the files when that is gone. */
static void
match_record(struct migration *m, struct scripts *all, size_t files,
    const PGresult *r, int row)
{
	const char *name = PQgetvalue(r, row, 1);
	const char *sum = PQgetvalue(r, row, 2);
	unsigned number = (unsigned)strtoul(PQgetvalue(r, row, 0), NULL, 10);
	struct script *s = file_of(all, files, number, name);

	if (s != NULL) {
		s->applied_at = PQgetvalue(r, row, 3);
		s->state = strcmp(s->name, name) == 0 &&
		    strcmp(s->checksum, sum) == 0 ? APPLIED : CHANGED;
		return;
	}
	s = &all->at[all->count++];
	s->name = name;
	s->path = arena_format(m->arena, "%s/%s", all->directory, name);
	s->number = number;
	s->checksum = sum;
	s->applied_at = PQgetvalue(r, row, 3);
	s->state = GONE;
}

static bool
compare(struct migration *m, struct scripts *all, const char *directory,
    int (*filter)(const struct dirent *), const PGresult *records)
{
	int row, rows = records == NULL ? 0 : PQntuples(records);
	size_t files;

	if (records == NULL ||
	    !read_files(m, all, directory, filter, (size_t)rows))
		return false;
	files = all->count;
	for (row = 0; row < rows; row++)
		match_record(m, all, files, records, row);
	return true;
}

static bool
compare_migrations(struct migration *m)
{
	return compare(m, &m->migrations, m->options->migrations,
	    is_migration, read_records(m, "migrations",
		"select number, name, checksum, " APPLIED_AT
		" from lockstep.migrations order by number"));
}

static bool
compare_policies(struct migration *m)
{
	return m->options->policies == NULL || compare(m, &m->policies,
	    m->options->policies, is_policy, read_records(m, "policies",
		"select 0, file, checksum, " APPLIED_AT
		" from lockstep.policies order by file"));
}

static bool
compare_all(struct migration *m)
{
	return compare_migrations(m) && compare_policies(m);
}

/* Numbers have to be 1, 2, 3...; and what was applied is never touched. */
static bool
is_sound(struct migration *m)
{
	bool sound = true;
	unsigned last = 0;
	struct script *s;
	size_t i;

	for (i = 0; i < m->migrations.count; i++) {
		s = &m->migrations.at[i];
		if (s->state == GONE)
			sound = trouble(m, s->path,
			    "was applied, but the file is gone");
		else if (s->number == last)
			sound = trouble(m, s->path,
			    "has the number of the file before it");
		else if (s->number != last + 1)
			sound = trouble(m, s->path, arena_format(m->arena,
			    "leaves a gap: the next number is %04u",
			    last + 1));
		if (s->state == CHANGED)
			sound = trouble(m, s->path, "has changed since it was "
			    "applied: restore it, and write a new migration");
		last = s->state == GONE ? last : s->number;
	}
	return sound;
}

/* The verbs. */

static bool
record(struct migration *m, const struct script *s, bool policy)
{
	const char *number = arena_format(m->arena, "%u", s->number);
	const char *const migration[] = { number, s->name, s->checksum };
	const char *const file[] = { s->name, s->checksum };

	if (policy)
		return query(m, NULL, "insert into lockstep.policies "
		    "(file, checksum) values ($1, $2) on conflict (file) "
		    "do update set checksum = excluded.checksum, "
		    "applied_at = pg_catalog.now()", file, 2) != NULL;
	return query(m, NULL, "insert into lockstep.migrations "
	    "(number, name, checksum) values ($1, $2, $3)", migration, 3) !=
	    NULL;
}

/*
 * A script that ends the transaction itself is found out by the transaction's
 * number; what it committed stays, and that is said.
 */
static bool
apply_text(struct migration *m, const struct script *s)
{
	static const char which[] =
	    "select pg_catalog.pg_current_xact_id()::text";
	const char *before, *after = NULL;

	if (!run(m, "begin") || (before = ask(m, which)) == NULL ||
	    query(m, s, s->text, NULL, 0) == NULL)
		return false;
	if (PQtransactionStatus(m->connection) == PQTRANS_INTRANS)
		after = ask(m, which);
	if (after == NULL || strcmp(before, after) != 0)
		return trouble(m, s->path, "ends its transaction itself; what "
		    "it committed is not recorded as applied");
	return true;
}

static bool
apply(struct migration *m, const struct script *s, bool policy)
{
	bool well = apply_text(m, s) &&
	    run(m, "reset role; reset all") && record(m, s, policy) &&
	    run(m, "commit") && run(m, "reset all");

	if (well)
		fprintf(m->out, "applied %s\n", s->path);
	else if (PQtransactionStatus(m->connection) != PQTRANS_IDLE)
		PQclear(PQexec(m->connection, "rollback"));
	return well;
}

static bool
lock(struct migration *m)
{
	const char *got = ask(m, "select pg_catalog.pg_try_advisory_lock("
	    LOCK ")");

	if (got == NULL || got[0] == 't')
		return got != NULL;
	fprintf(m->out, "waiting for another migrate to end\n");
	fflush(m->out);
	return run(m, "select pg_catalog.pg_advisory_lock(" LOCK ")");
}

static int
migrate_up(struct migration *m)
{
	struct script *s;
	size_t i, applied = 0;

	if (!lock(m) || !make_records(m) || !compare_all(m) || !is_sound(m))
		return TROUBLE;
	for (i = 0; i < m->migrations.count; i++) {
		s = &m->migrations.at[i];
		if (s->state == PENDING && (++applied, !apply(m, s, false)))
			return TROUBLE;
	}
	/* A migration may have a file applied again: it forgets its record. */
	if (applied > 0 && (m->policies.count = 0, !compare_policies(m)))
		return TROUBLE;
	for (i = 0; i < m->policies.count; i++) {
		s = &m->policies.at[i];
		if (s->state == GONE)
			fprintf(m->out, "%s: the file is gone, what it set "
			    "stays in force\n", s->path);
		else if (s->state != APPLIED &&
		    (++applied, !apply(m, s, true)))
			return TROUBLE;
	}
	if (applied == 0)
		fprintf(m->out, "nothing to do\n");
	return WELL;
}

static size_t
count_open(const struct scripts *all)
{
	size_t i, n = 0;

	for (i = 0; i < all->count; i++)
		n += all->at[i].state != APPLIED;
	return n;
}

static void
put_json(struct buf *b, const char *name, const struct scripts *all)
{
	const struct script *s;
	size_t i;

	buf_format(b, "\"%s\":[", name);
	for (i = 0; i < all->count; i++) {
		s = &all->at[i];
		buf_string(b, i == 0 ? "{\"file\":" : ",{\"file\":");
		buf_json_string(b, s->path);
		buf_format(b, ",\"state\":\"%s\",\"checksum\":\"%s\","
		    "\"applied_at\":", state_name[s->state], s->checksum);
		if (s->applied_at == NULL)
			buf_string(b, "null");
		else
			buf_json_string(b, s->applied_at);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static void
show_json(struct migration *m)
{
	struct buf b;

	buf_init(&b, FILE_MAX);
	buf_char(&b, '{');
	put_json(&b, "migrations", &m->migrations);
	buf_char(&b, ',');
	put_json(&b, "policies", &m->policies);
	buf_string(&b, "}\n");
	fputs(b.at, m->out);
	buf_release(&b);
}

static void
show_table(struct migration *m, const struct scripts *all)
{
	const struct script *s;
	size_t i;

	for (i = 0; i < all->count; i++) {
		s = &all->at[i];
		fprintf(m->out, "%-8s %-20s %s\n", state_name[s->state],
		    s->applied_at == NULL ? "-" : s->applied_at, s->path);
	}
}

static int
migrate_status(struct migration *m)
{
	if (!compare_all(m))
		return TROUBLE;
	if (m->options->json) {
		show_json(m);
	} else {
		show_table(m, &m->migrations);
		show_table(m, &m->policies);
	}
	return count_open(&m->migrations) + count_open(&m->policies) == 0 ?
	    WELL : FOUND;
}

static void
show_open(struct migration *m, const struct scripts *all)
{
	size_t i;

	for (i = 0; i < all->count; i++)
		if (all->at[i].state != APPLIED)
			fprintf(m->out, "%s: %s\n", all->at[i].path,
			    state_name[all->at[i].state]);
}

static int
migrate_verify(struct migration *m)
{
	bool sound;

	if (!compare_all(m))
		return TROUBLE;
	sound = is_sound(m);
	show_open(m, &m->migrations);
	show_open(m, &m->policies);
	return sound && count_open(&m->migrations) +
	    count_open(&m->policies) == 0 ? WELL : FOUND;
}

static void
ignore(void *context, const char *message)
{
	(void)context;
	(void)message;
}

static bool
connect_owner(struct migration *m)
{
	const char *const keywords[] = { "dbname", "fallback_application_name",
		"client_encoding", NULL };
	const char *const values[] = { m->options->database,
		"lockstep migrate", "UTF8", NULL };

	m->connection = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(m->connection) != CONNECTION_OK) {
		fprintf(m->err, "lockstep: migrate_database: %s",
		    PQerrorMessage(m->connection));
		return false;
	}
	PQsetNoticeProcessor(m->connection, ignore, NULL);
	return true;
}

static int (*const verbs[])(struct migration *m) = {
	[MIGRATE_UP] = migrate_up,
	[MIGRATE_STATUS] = migrate_status,
	[MIGRATE_VERIFY] = migrate_verify,
};

int
store_migrate(const struct migrate_options *options, enum migrate_verb verb,
    FILE *out, FILE *err)
{
	struct migration m = { .options = options, .arena = arena_new(),
		.out = out, .err = err };
	int code = TROUBLE;

	if (connect_owner(&m))
		code = verbs[verb](&m);
	PQfinish(m.connection);
	arena_free(m.arena);
	return code;
}
