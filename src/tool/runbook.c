/* SPDX-License-Identifier: MIT */
/*
 * The runbook is a page with names in it, runbook.md beside this file, built
 * in: @name@ is a value of the deployment, @if name@ ... @end@ is left out where
 * there is no such value, @unless name@ where there is, and @each instance@ is
 * said for each.  What goes into commands is quoted for the shell here, once,
 * so that the page needs no thought of it.
 */
#include "tool/tool.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "tool/markdown.h"

#include "tool/runbook.inc"

enum { VALUES_MAX = 80, PAGE_MAX = 16 << 20 };

/* A name of the page; NULL: there is no such thing here. */
struct entry {
	const char *name, *text;
};

struct runbook {
	const struct contract *contract;
	const struct deployment *is;
	struct arena *arena;
	struct entry values[VALUES_MAX];
	size_t count;
	struct buf page;
};

static void
put(struct runbook *r, const char *name, const char *text)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->values[i].name, name) == 0) {
			r->values[i].text = text;
			return;
		}
	if (r->count < VALUES_MAX)
		r->values[r->count++] = (struct entry){ name, text };
}

/* For a shell; nothing stays nothing. */
static const char *
word(struct runbook *r, const char *text)
{
	return text == NULL ? NULL : md_shell(r->arena, text);
}

static void
put_word(struct runbook *r, const char *name, const char *text)
{
	put(r, name, word(r, text));
}

static void
put_number(struct runbook *r, const char *name, unsigned number)
{
	put(r, name, arena_format(r->arena, "%u", number));
}

/* ---- the request that stands for all ---- */

static bool
is_anonymous(struct runbook *r, const char *role)
{
	const char *anonymous = contract_about(r->contract)->anonymous;

	return anonymous != NULL && strcmp(anonymous, role) == 0;
}

static bool
is_server_role(struct runbook *r, const char *role)
{
	const struct contract_about *about = contract_about(r->contract);

	for (size_t i = 0; i < about->server_role_count; i++)
		if (strcmp(about->server_roles[i], role) == 0)
			return true;
	return false;
}

/* A role of the operation that a token can be made for, or NULL. */
static const char *
role_of(struct runbook *r, const struct operation *op)
{
	const char *ret = NULL;

	for (size_t i = 0; i < op->role_count; i++)
		if (!is_anonymous(r, op->roles[i]) &&
		    (ret == NULL || is_server_role(r, op->roles[i])))
			ret = op->roles[i];
	return ret;
}

static void
put_token(struct runbook *r, const char *role)
{
	const char *settings = r->is->instances[0].settings;
	const char *subject = is_server_role(r, role) ? "" :
	    " --sub 00000000-0000-4000-8000-000000000000";

	put(r, "token", " -H \"Authorization: Bearer $TOKEN\"");
	put(r, "token_line", arena_format(r->arena, "TOKEN=$(%s token%s%s "
	    "--role %s%s)", word(r, r->is->program), settings != NULL ?
	    " --config " : "", settings != NULL ? word(r, settings) : "",
	    word(r, role), subject));
}

/*
 * A list that nobody minds: with a token where one can be made here, else one
 * that needs none.
 */
static void
put_request(struct runbook *r)
{
	size_t count;
	const struct operation *op = contract_operations(r->contract, &count);

	put(r, "path", NULL);
	put(r, "token", "");
	for (size_t i = 0; i < count; i++) {
		const char *role = role_of(r, &op[i]);

		if (op[i].verb != VERB_LIST ||
		    strchr(op[i].pattern, '{') != NULL ||
		    (r->is->secret_file == NULL ? !tool_is_open(r->contract,
		    &op[i]) : role == NULL))
			continue;
		put(r, "path", arena_format(r->arena, "%s?limit=1",
		    op[i].pattern));
		put(r, "operation", op[i].name);
		if (r->is->secret_file != NULL)
			put_token(r, role);
		return;
	}
}

/* ---- values ---- */

/* A name for SQL, in double quotes where it must be. */
static const char *
identifier(struct runbook *r, const char *name)
{
	struct buf b;
	const char *ret;

	if (islower((unsigned char)name[0]) && name[strspn(name,
	    "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0')
		return name;
	buf_init(&b, 1024);
	buf_char(&b, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			buf_char(&b, '"');
		buf_char(&b, *name);
	}
	buf_char(&b, '"');
	ret = arena_string(r->arena, b.length > 0 ? b.at : "");
	buf_release(&b);
	return ret;
}

/* A text of SQL in single quotes. */
static const char *
literal(struct runbook *r, const char *text)
{
	struct buf b;
	const char *ret;

	buf_init(&b, 1024);
	buf_char(&b, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			buf_char(&b, '\'');
		buf_char(&b, *text);
	}
	buf_char(&b, '\'');
	ret = arena_string(r->arena, b.length > 0 ? b.at : "");
	buf_release(&b);
	return ret;
}

/* Statements on the database, and on the two that may stand beside it. */
static void
put_statements(struct runbook *r, const char *database, const char *restored,
    const char *before)
{
	static const char create[] = "create database %s template template0";
	static const char drop[] = "drop database if exists %s";
	static const char rename[] = "alter database %s rename to %s";
	const char *now = identifier(r, database);
	const char *then = identifier(r, before);
	const char *next = identifier(r, restored);
	struct arena *a = r->arena;

	put_word(r, "create", arena_format(a, create, now));
	put_word(r, "create_restored", arena_format(a, create, next));
	put_word(r, "drop_restored", arena_format(a, drop, next));
	put_word(r, "drop_before", arena_format(a, drop, then));
	put_word(r, "rename_before", arena_format(a, rename, now, then));
	put_word(r, "rename_restored", arena_format(a, rename, next, now));
	put_word(r, "close", arena_format(a, "alter database %s "
	    "allow_connections false", now));
	put_word(r, "terminate", arena_format(a, "select count("
	    "pg_terminate_backend(pid)) from pg_stat_activity where datname = "
	    "%s", literal(r, database)));
}

/* A connection string without secrets, of another database and user. */
static const char *
conninfo(struct runbook *r, const char *text, const char *database,
    const char *user)
{
	const char *ret = store_conninfo(r->arena, text, database, user);

	return ret != NULL ? ret : "dbname=lockstep";
}

static void
put_database(struct runbook *r)
{
	const struct deployment *d = r->is;
	const char *name = store_conninfo_value(r->arena, d->migrate_database,
	    "dbname");
	const char *database = name != NULL ? name : "lockstep";
	const char *restored = arena_format(r->arena, "%s_restored", database);
	const char *before = arena_format(r->arena, "%s_before", database);
	const char *owner = d->migrate_database;
	const char *roles = arena_format(r->arena, "%s/roles.sql",
	    d->migrations);
	bool there = access(roles, R_OK) == 0;

	put(r, "database", conninfo(r, d->database, NULL, NULL));
	put(r, "owner", conninfo(r, owner, NULL, NULL));
	put_word(r, "database_word", conninfo(r, d->database, NULL, NULL));
	put_word(r, "dbname_word", database);
	put(r, "before", md_code(r->arena, before));
	put_word(r, "admin", conninfo(r, owner, database, d->superuser));
	put_word(r, "admin_postgres", conninfo(r, owner, "postgres",
	    d->superuser));
	put_word(r, "admin_restored", conninfo(r, owner, restored,
	    d->superuser));
	put_word(r, "owner_restored", conninfo(r, owner, restored, NULL));
	put(r, "roles", there ? roles : NULL);
	put_word(r, "roles_file", there ? roles : arena_format(r->arena,
	    "%s/roles.sql", d->backups));
	put_statements(r, database, restored, before);
	if (d->database_read == NULL)
		return;
	put(r, "replica", conninfo(r, d->database_read, NULL, NULL));
	put_word(r, "replica_word", conninfo(r, d->database_read, NULL,
	    NULL));
}

/* Numbers of the contract's findings; nothing when there is none. */
static void
put_findings(struct runbook *r)
{
	const struct finding *findings;
	size_t count;

	contract_check(r->is->contract, r->arena, &findings, &count);
	if (count > 0)
		put(r, "findings", findings[0].file);
}

static void
put_numbers(struct runbook *r)
{
	const struct deployment *d = r->is;

	put_number(r, "workers", d->workers);
	put_number(r, "threads", d->threads);
	put_number(r, "queue", d->queue);
	put_number(r, "drain_ms", d->drain_ms);
	put_number(r, "request_timeout_ms", d->request_timeout_ms);
	put_number(r, "reconnect_max_ms", d->reconnect_max_ms);
	put_number(r, "jwks_refresh_s", d->jwks_refresh_s);
}

/* The directory of a path. */
static const char *
directory(struct runbook *r, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? "." : slash == path ? "/" :
	    arena_copy(r->arena, path, (size_t)(slash - path));
}

/* All logs, each once, and where they are. */
static void
put_logs(struct runbook *r)
{
	const struct deployment *d = r->is;
	const char *logs = "", *directories = "";

	for (size_t i = 0; i < d->instance_count; i++) {
		const char *log = d->instances[i].log_file;

		if (log == NULL)
			return;
		if (strstr(logs, word(r, log)) == NULL)
			logs = md_join(r->arena, logs, " ", word(r, log));
		if (strstr(directories, directory(r, log)) == NULL)
			directories = md_join(r->arena, directories, " ",
			    word(r, directory(r, log)));
	}
	put(r, "logs", logs);
	put(r, "log_directories", directories);
}

static void
put_deployment(struct runbook *r, const char *server)
{
	const struct contract_about *about = contract_about(r->contract);
	const struct deployment *d = r->is;

	put(r, "title", md_text(r->arena, about->title));
	put(r, "version", md_text(r->arena, about->version));
	put(r, "base", about->base);
	put(r, "url", server != NULL ? server : arena_format(r->arena,
	    "http://localhost%s", about->base));
	put(r, "program", d->program);
	put_word(r, "lockstep", d->program);
	put(r, "lockstep_version", d->version);
	put(r, "contract", d->contract);
	put(r, "ops", d->ops);
	put_word(r, "nginx", d->nginx);
	put_word(r, "migrations", d->migrations);
	put_word(r, "policies", d->policies);
	put_word(r, "secret", d->secret_file);
	put_word(r, "jwks_file", d->jwks_file);
	put(r, "jwks_url", d->jwks_url);
	put_word(r, "jwks_word", d->jwks_url);
	put(r, "issuers", d->issuers);
	put(r, "metric", d->metric_file);
	put(r, "limit", d->limit_file);
	put_word(r, "backups", d->backups);
	put(r, "superuser", d->superuser);
}

/*
 * A regular expression for pgrep -f that finds the processes of an instance,
 * and neither itself nor a shell that has it among its words.
 */
static const char *
pattern(struct runbook *r, const struct deployed *instance)
{
	struct buf b;
	const char *ret;

	buf_init(&b, 65536);
	buf_string(&b, "^[^ ]*lockstep serve");
	if (instance->settings != NULL)
		buf_string(&b, " .*--config[ =]");
	for (const char *s = instance->settings; s != NULL && *s != '\0';
	     s++)
		if (isalnum((unsigned char)*s) || strchr("/_-", *s) != NULL)
			buf_char(&b, *s);
		else
			buf_format(&b, *s == '^' ? "\\%c" : "[%c]", *s);
	if (instance->settings != NULL)
		buf_string(&b, "( |$)");
	ret = arena_string(r->arena, b.at);
	buf_release(&b);
	return ret;
}

static void
put_instance(struct runbook *r, size_t number)
{
	const struct deployed *i = &r->is->instances[number];

	put_number(r, "number", (unsigned)number);
	put(r, "settings", i->settings != NULL ? i->settings : "none");
	put(r, "config", i->settings == NULL ? "" : arena_format(r->arena,
	    " --config %s", word(r, i->settings)));
	put(r, "listen", i->listen);
	put_word(r, "log", i->log_file);
	put(r, "log_or_null", i->log_file != NULL ? word(r, i->log_file) :
	    "/dev/null");
	put_word(r, "pattern", pattern(r, i));
	/* The site has a door for each of two. */
	put(r, "ready", number < 2 ? arena_format(r->arena, "/readyz/%zu",
	    number) : "/readyz");
}

/* ---- the page ---- */

/* One "@...@" of the page. */
struct mark {
	const char *from, *end;		/* with both signs, and its line break
					 * where it has the line for itself */
	enum { MARK_NAME, MARK_IF, MARK_UNLESS, MARK_EACH, MARK_END } kind;
	const char *name;
};

static const char *
value(const struct runbook *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->values[i].name, name) == 0)
			return r->values[i].text;
	return NULL;
}

/* Reads "@if name@"; false when what begins with "@" is none. */
static bool
read_mark(struct runbook *r, const char *page, const char *at,
    struct mark *ret)
{
	static const struct {
		const char *word;
		int kind;
	} kinds[] = {
		{ "if ", MARK_IF }, { "unless ", MARK_UNLESS },
		{ "each ", MARK_EACH }, { "end", MARK_END },
	};
	size_t length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_ ");
	const char *text = arena_copy(r->arena, at + 1, length);

	if (at[1 + length] != '@')
		return false;
	*ret = (struct mark){ at, at + length + 2, MARK_NAME, text };
	for (size_t i = 0; i < countof(kinds); i++) {
		size_t n = strlen(kinds[i].word);

		if (strncmp(text, kinds[i].word, n) != 0)
			continue;
		ret->kind = kinds[i].kind;
		ret->name = text + n;
		if ((at == page || at[-1] == '\n') && *ret->end == '\n')
			ret->end++;
		return true;
	}
	return value(r, text) != NULL;
}

/*
 * Writes the page from `at` to the @end@ that closes it, or to its end, and
 * tells what is behind that; `told` false only looks for it.
 */
static const char *
expand(struct runbook *r, const char *page, const char *at, bool told)
{
	struct mark m;

	while (*at != '\0') {
		if (*at != '@' || !read_mark(r, page, at, &m)) {
			if (told)
				buf_char(&r->page, *at);
			at++;
			continue;
		}
		at = m.end;
		if (m.kind == MARK_END)
			return at;
		if (m.kind == MARK_NAME && told)
			buf_string(&r->page, value(r, m.name));
		if (m.kind == MARK_IF || m.kind == MARK_UNLESS)
			at = expand(r, page, at, told && (value(r, m.name) !=
			    NULL) == (m.kind == MARK_IF));
		if (m.kind != MARK_EACH)
			continue;
		for (size_t i = 1; told && i < r->is->instance_count; i++) {
			put_instance(r, i - 1);
			expand(r, page, at, true);
		}
		put_instance(r, r->is->instance_count - 1);
		at = expand(r, page, at, told);
		put_instance(r, 0);
	}
	return at;
}

void
tool_runbook(const struct gen_options *options,
    const struct contract *contract, FILE *out)
{
	struct runbook r = { .contract = contract,
		.is = options->deployment, .arena = arena_new() };

	buf_init(&r.page, PAGE_MAX);
	put_deployment(&r, options->server);
	put_numbers(&r);
	put_database(&r);
	put_logs(&r);
	put_findings(&r);
	put_request(&r);
	put_instance(&r, 0);
	expand(&r, runbook_page, runbook_page, true);
	fputs(r.page.at, out);
	buf_release(&r.page);
	arena_free(r.arena);
}
