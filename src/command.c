/* SPDX-License-Identifier: MIT */
/*
 * The commands, a row each: name, what it takes, what it does.  A command
 * gets the settings read and the words that are left; it opens what it needs,
 * prints, and returns the exit code.
 */
#include "command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "base/text.h"
#include "call.h"
#include "config.h"
#include "contract/contract.h"
#include "http/http.h"
#include "service.h"
#include "store/store.h"
#include "tool/tool.h"

struct command {
	const char *name;
	const char *words;	/* "METHOD PATH" */
	const char *sentence;
	struct flag flags[16];	/* name NULL ends */
	bool settings;		/* does --help show the settings? */
	int words_least, words_most;
	int (*run)(struct call *call);
};

int
call_trouble(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("lockstep: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	return EXIT_TROUBLE;
}

const char *
call_flag(const struct call *call, const char *name)
{
	for (struct flag *f = call->flags; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f->value;
	return NULL;
}

const struct flag *
call_flag_given(const struct call *call, const char *name)
{
	const struct flag *f = call->flags;

	while (strcmp(f->name, name) != 0)
		f++;
	return f;
}

struct contract *
call_contract(const struct call *call)
{
	struct contract *contract;
	struct buf faults;

	buf_init(&faults, 1 << 20);
	contract = service_contract(&call->config, &faults);
	if (contract == NULL)
		fputs(faults.at, stderr);
	buf_release(&faults);
	return contract;
}

static int
run_serve(struct call *call)
{
	return service_run(&call->config, call->given, call->given_count);
}

static int
run_migrate(struct call *call)
{
	static const struct {
		const char *word;
		enum migrate_verb verb;
	} verbs[] = {
		{ "up", MIGRATE_UP },
		{ "status", MIGRATE_STATUS },
		{ "verify", MIGRATE_VERIFY },
	};
	const struct migrate_options o = {
		.database = call->config.migrate_database,
		.migrations = call->config.migrations,
		.policies = call->config.policies,
		.json = call_flag(call, "json") != NULL,
	};

	for (size_t i = 0; i < countof(verbs); i++)
		if (strcmp(call->argv[0], verbs[i].word) == 0)
			return store_migrate(&o, verbs[i].verb, stdout,
			    stderr);
	return call_trouble("there is no migrate %s; say up, status or verify",
	    call->argv[0]);
}

static int
run_routes(struct call *call)
{
	struct contract *contract = call_contract(call);

	if (contract == NULL)
		return EXIT_TROUBLE;
	tool_routes(contract, call_flag(call, "json") != NULL, stdout);
	contract_free(contract);
	return EXIT_WELL;
}

bool
call_body(const char *path, struct buf *body)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char piece[8192];
	size_t n;

	if (file == NULL) {
		call_trouble("cannot read %s: %s", path, strerror(errno));
		return false;
	}
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(body, piece, n);
	if (file != stdin)
		fclose(file);
	if (body->failed)
		call_trouble("%s is larger than body_limit_bytes", path);
	return !body->failed;
}

/*
 * The walk of explain beyond the route: a token is made for --role, so that
 * caller and input come the way they always come.
 */
static enum problem
explain_walk(struct call *call, const struct contract *contract,
    struct scope *sc, const struct match *match, struct request *rq)
{
	const char *role = call_flag(call, "role");
	const struct auth_wish wish = { .role = role,
	    .subject = call_flag(call, "sub"), .life_s = 60 };
	const struct accept_options allowed = {
		.rollback = call->config.tx_rollback,
	};
	struct auth_options keys;
	const struct caller *caller;
	const struct input *input;
	struct auth *auth;
	struct buf token;
	enum problem p = PROBLEM_NONE;

	service_auth(&call->config, contract, &keys);
	auth = call_auth(&keys);
	if (auth == NULL)
		exit(EXIT_TROUBLE);
	buf_init(&token, 16384);
	buf_string(&token, "Bearer ");
	if (role != NULL) {
		p = auth_mint(auth, sc, &wish, &token);
		if (p != PROBLEM_NONE) {
			call_no_token(sc, p);
			exit(EXIT_TROUBLE);
		}
		rq->authorization = token.at;
	}
	if (p == PROBLEM_NONE)
		p = auth_identify(auth, sc, rq, &caller);
	if (p == PROBLEM_NONE)
		p = contract_accept(contract, sc, match, rq, caller, &allowed,
		    &input);
	buf_release(&token);
	auth_free(auth);
	return p;
}

/*
 * A header field as nginx hands it over: "If-Match: *" -> "HTTP_IF_MATCH=*".
 * NULL when it is none; nginx passes no name that has other characters.
 */
static char *
header_param(struct arena *arena, const char *field)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t length = strspn(field, letters);
	const char *value = field + length + 1;
	char *param;

	if (length == 0 || field[length] != ':')
		return NULL;
	value += strspn(value, " \t");
	param = arena_format(arena, "HTTP_%.*s=%s", (int)length, field, value);
	for (size_t i = 5; i < 5 + length; i++)
		if (param[i] == '-')
			param[i] = '_';
		else if (param[i] >= 'a')
			param[i] -= 'a' - 'A';
	return param;
}

/* The FastCGI parameters of the request that is explained, NULL at the end. */
static bool
explain_params(struct call *call, char ***ret)
{
	const struct flag *headers = call_flag_given(call, "header");
	char **params = arena_alloc(call->arena,
	    (headers->value_count + 5) * sizeof(char *));
	const char *type = call_flag(call, "body") != NULL ?
	    "application/json" : NULL;
	size_t n = 0;

	params[n++] = arena_format(call->arena, "REQUEST_METHOD=%s",
	    call->argv[0]);
	params[n++] = arena_format(call->arena, "REQUEST_URI=%s",
	    call->argv[1]);
	params[n++] = arena_string(call->arena, "REMOTE_ADDR=127.0.0.1");
	for (size_t i = 0; i < headers->value_count; i++) {
		params[n] = header_param(call->arena, headers->values[i]);
		if (params[n] == NULL) {
			call_trouble("--header takes \"Name: value\"");
			return false;
		}
		if (strncmp(params[n], "HTTP_CONTENT_TYPE=", 18) == 0)
			type = params[n] + 18;
		n++;
	}
	if (type != NULL)
		params[n++] = arena_format(call->arena, "CONTENT_TYPE=%s",
		    type);
	params[n] = NULL;
	*ret = params;
	return true;
}

/* Is there anything to judge the request by, beside its target? */
static bool
explain_judges(const struct call *call)
{
	return call_flag(call, "role") != NULL ||
	    call_flag(call, "body") != NULL ||
	    call_flag_given(call, "header")->value_count > 0;
}

static int
explain_request(struct call *call, const struct contract *contract,
    struct scope *sc, char **params, const struct buf *body)
{
	struct request rq;
	struct match match;
	enum problem p;

	p = http_parse(sc, params, body->length > 0 ? body->at : "",
	    body->length, &rq);
	if (p == PROBLEM_NONE)
		p = contract_route(contract, sc, &rq, &match);
	if (p == PROBLEM_NONE) {
		tool_explain(contract, &match, stdout);
		if (match.operation->webhook != NULL) {
			puts("verdict   none: an event is judged by its "
			    "signature");
			return EXIT_WELL;
		}
		if (!explain_judges(call)) {
			puts("verdict   none: --role, --header or --body "
			    "have the request judged");
			return EXIT_WELL;
		}
		p = explain_walk(call, contract, sc, &match, &rq);
	}
	if (p == PROBLEM_NONE) {
		puts("verdict   the request is accepted and would run");
		return EXIT_WELL;
	}
	fputs("verdict   ", stdout);
	tool_problem(p, sc, stdout);
	if (p == PROBLEM_NOT_FOUND)
		printf("  the paths begin with %s; see lockstep routes\n",
		    contract_about(contract)->base);
	return EXIT_FOUND;
}

static int
run_explain(struct call *call)
{
	const char *path = call_flag(call, "body");
	struct contract *contract = call_contract(call);
	struct scope sc;
	struct buf body;
	char **params;
	int status = EXIT_TROUBLE;

	if (contract == NULL)
		return EXIT_TROUBLE;
	scope_init(&sc, call->arena);
	buf_init(&body, call->config.body_limit_bytes);
	if (explain_params(call, &params) &&
	    (path == NULL || call_body(path, &body)))
		status = explain_request(call, contract, &sc, params, &body);
	arena_reset(call->arena);
	buf_release(&body);
	contract_free(contract);
	return status;
}

static int
run_config(struct call *call)
{
	(void)call;
	config_sample(stdout);
	return EXIT_WELL;
}

static int
run_version(struct call *call)
{
	(void)call;
	puts("lockstep " LOCKSTEP_VERSION);
	return EXIT_WELL;
}

#define FLAG(name, value_name, sentence)                                       \
	{ name, value_name, sentence, NULL, NULL, 0 }

static struct command commands[] = {
	{ "serve", "", "Serve the contract to nginx.", { { 0 } }, true, 0, 0,
	    run_serve },
	{ "work", "", "Run the jobs that wait in the database.",
	    { FLAG("queue", "QUEUE", "Jobs of this queue alone; may be "
		"repeated."),
	      FLAG("drain", NULL, "End when there is nothing to do.") },
	    true, 0, 0, call_work },
	{ "jobs", "list|show ID|schedules|replay|discard|cancel|pause QUEUE|"
	    "resume QUEUE|conservation",
	    "Look at the jobs, or at one; have dead ones run again; or prove "
	    "that none is lost.",
	    { FLAG("kind", "KIND", "Jobs of this kind."),
	      FLAG("queue", "QUEUE", "Jobs of the contract's kinds in this "
		"queue."),
	      FLAG("state", "STATE", "Jobs that are available, scheduled, "
		"running, done, cancelled or dead."),
	      FLAG("reason", "REASON", "Jobs that are dead or cancelled for "
		"this: exhausted, permanent, crashed, invalid, cancelled or "
		"discarded."),
	      FLAG("code", "CODE", "Jobs whose last error is this."),
	      FLAG("since", "TIME", "Jobs that were over then, or later; of "
		"cancel: that were left."),
	      FLAG("until", "TIME", "Jobs that were over, or left, before."),
	      FLAG("all", NULL, "replay, discard, cancel: all there are."),
	      FLAG("force", NULL, "replay: done and cancelled ones, too."),
	      FLAG("rate", "N/s", "replay: so many a second."),
	      FLAG("dry-run", NULL, "replay, discard, cancel: say how many, "
		"and do nothing."),
	      FLAG("unknown", NULL, "list: unfinished ones of kinds that the "
		"contract does not have."),
	      FLAG("limit", "N", "list: so many, the latest (50)."),
	      FLAG("json", NULL, "Print JSON, a line for each.") },
	    false, 1, 1000, call_jobs },
	{ "rollup", "list|audit NAME|rebuild NAME|backfill NAME",
	    "Look at the rollups; hold one against what it counts, or count "
	    "it anew.",
	    { FLAG("all", NULL, "audit: all of it, not some buckets at "
		"random."),
	      FLAG("buckets", "N", "audit: so many at random (100)."),
	      FLAG("json", NULL, "list, audit: print JSON, a line for "
		"each.") },
	    false, 1, 2, call_rollup },
	{ "status", "", "Tell whether all is well: each check of the monitor, its "
	    "value, its threshold and since when.",
	    { FLAG("format", "HOW", "table or json.") }, false, 0, 0,
	    call_status },
	{ "expect", "[NAME]...",
	    "Look now at what the contract expects of the data.",
	    { FLAG("json", NULL, "Print JSON, a line for each.") }, false, 0,
	    1000, call_expect },
	{ "migrate", "up|status|verify",
	    "Bring the database's schema and policies up to date, or compare.",
	    { FLAG("json", NULL, "Print status as JSON.") }, true, 1, 1,
	    run_migrate },
	{ "token", "", "Make a development token, or a key for some.",
	    { FLAG("role", "ROLE", "The role that the token names."),
	      FLAG("sub", "SUB", "The subject, usually the user's id; only "
		"the anonymous role and those for servers go without."),
	      FLAG("life-s", "SECONDS",
		"Seconds until it expires (3600), up to jwt_life_max_s."),
	      FLAG("claims", "JSON", "A JSON object of further claims."),
	      FLAG("issuer", "ISS", "The issuer, one of the settings; else "
		"that of jwt_issuer."),
	      FLAG("access", NULL, "Say typ at+jwt (RFC 9068) and not JWT."),
	      FLAG("key", "FILE", "Sign with this private key (PEM), not "
		"with jwt_secret_file."),
	      FLAG("algorithm", "ALG", "HS256, or the key's: RS256, PS256, "
		"ES256, EdDSA and their like."),
	      FLAG("new-key", "ALG", "Make a private key in the new file "
		"--key, and no token."),
	      FLAG("jwks", NULL, "Print the public keys of each --key as a JWK "
		"set, and no token.") },
	    true, 0, 0, call_token },
	{ "routes", "", "List the contract's routes.",
	    { FLAG("json", NULL, "Print them as JSON.") }, false, 0, 0,
	    run_routes },
	{ "explain", "METHOD PATH",
	    "Tell what would happen to a request, step by step.",
	    { FLAG("role", "ROLE", "Judge it as a caller of this role."),
	      FLAG("sub", "SUB", "The caller's subject."),
	      FLAG("header", "\"NAME: VALUE\"", "Judge it with this header "
		"field; may be repeated."),
	      FLAG("body", "FILE", "Judge this body; - is standard input.") },
	    false, 2, 2, run_explain },
	{ "gen", "openapi|typescript|matrix|flow|runbook|rollup NAME",
	    "Make of the contract: openapi, a document of OpenAPI 3.1; "
	    "typescript, a folder with types, client, queries, validators; or "
	    "matrix, flow, runbook, in Markdown; or rollup, a migration.",
	    { FLAG("out", "PLACE", "The file to write, else standard output; "
		  "of typescript the folder, which it needs."),
	      FLAG("check", NULL, "Write nothing; tell what is not as it "
		  "would be made, and exit with 1 then."),
	      FLAG("server", "URL", "The URL before the paths; else the "
		  "contract's base (runbook: of this host)."),
	      FLAG("without", "PARTS", "typescript: do not make these, with "
		  "commas between: zod, queries."),
	      FLAG("without-database", NULL, "matrix, flow: do not look up row "
		  "security in the database."),
	      FLAG("instance", "FILE", "runbook: the settings file of another "
		  "instance; may be repeated."),
	      FLAG("ops", "URL", "runbook: the operators' door of nginx; else "
		  "http://127.0.0.1:8081."),
	      FLAG("nginx", "FILE", "runbook: nginx's settings file."),
	      FLAG("backups", "DIR", "runbook: where backups are kept; else "
		  "/var/backups/lockstep."),
	      FLAG("superuser", "ROLE", "runbook: who makes backups; else "
		  "postgres."),
	      FLAG("all", NULL, "rollup: every one of the contract."),
	      FLAG("policies", NULL, "rollup: policies/NAME.sql, and not the "
		  "migration.") },
	    false, 1, 2, call_gen },
	{ "validate", "[SCHEMA] INSTANCE...",
	    "Judge JSON documents by a JSON Schema, or as the body of an "
	    "operation; - is standard input.",
	    { FLAG("operation", "NAME", "Judge them as the contract's "
		  "operation does (letters.create), without SCHEMA."),
	      FLAG("resources", "DIR", "Know every *.json below, by its $id; "
		  "may be repeated."),
	      FLAG("base", "URI", "And by this URI with its path below DIR."),
	      FLAG("format-assertion", NULL, "Let format refuse values, too."),
	      FLAG("lines", NULL, "Each line is an instance."),
	      FLAG("output", "HOW", "text, or JSON a line for each instance: "
		  "wire, basic or flag.") },
	    false, 1, INT_MAX, call_validate },
	{ "sign", "WEBHOOK [FILE]",
	    "Print the headers of an event as its source would send it, for curl.",
	    { FLAG("id", "ID", "The event's id, where a header has it.") },
	    false, 1, 2, call_sign },
	{ "check", "[DIRECTORY]",
	    "Check the contract, the database against it, and row security.",
	    { FLAG("contract", NULL, "Check the contract alone, in the "
		  "directory, or the one of the settings."),
	      FLAG("without-database", NULL, "The same."),
	      FLAG("prove", NULL, "Try instead what each role can do with its "
		  "own rows and with others', in a transaction that is rolled "
		  "back; as migrate_database."),
	      FLAG("strict", NULL, "Warnings are errors."),
	      FLAG("format", "HOW", "table, json or sarif."),
	      FLAG("only", "ID,...", "Look at these rules of the database "
		  "alone; may be repeated."),
	      FLAG("except", "ID[:OBJECT],...", "Leave these out; may be "
		  "repeated."),
	      FLAG("generated", "DIR", "Look at what gen made there: a folder of "
		  "typescript; documents by their names, openapi.*, matrix.*, "
		  "flow.*; may be repeated."),
	      FLAG("server", "URL", "That openapi was made with."),
	      FLAG("rules", NULL, "List the rules of the database: id, level, "
		  "title."),
	      FLAG("patch", NULL, "Write migrations and policy files that "
		  "mend what is found, after trying them as "
		  "migrate_database."),
	      FLAG("out", "DIR", "patch: write them below this directory."),
	      FLAG("dry-run", NULL, "patch: print them, and write nothing.") },
	    false, 0, 1, call_check },
	{ "init", "DIRECTORY",
	    "Begin a project in a directory that is not there or empty; "
	    "--database and --migrate-database are its own.",
	    { FLAG("roles", "ROLE,...", "The roles that a token may name; else "
		  "anon, authenticated, service_role."),
	      FLAG("supabase", NULL, "The database is a Supabase project's: "
		  "without service_role, which bypasses policies.") },
	    true, 1, 1, call_init },
	{ "new", "resource SCHEMA.TABLE...",
	    "Make resources of tables and views that are there: schema, "
	    "resource file, policy, test; SCHEMA.* is all of a schema.",
	    { FLAG("owner", "[TABLE.]COLUMN,...", "The column that says whose "
		  "a row is; may be repeated."),
	      FLAG("public", NULL, "Anybody may read the rows."),
	      FLAG("read-only", NULL, "Nobody writes them."),
	      FLAG("roles", "ROLE,...", "Who may; else all of the contract but "
		  "the anonymous role and those for servers."),
	      FLAG("key", "COLUMN,...", "What names a row, of one table or "
		  "view."),
	      FLAG("tests", "DIR", "Where the tests go; else tests beside the "
		  "contract."),
	      FLAG("force", NULL, "Replace files that are there."),
	      FLAG("dry-run", NULL, "Write nothing; print what would be "
		  "written.") },
	    false, 2, INT_MAX, call_new },
	{ "import", "supabase|zod FILE",
	    "Take what a team has: supabase, the tables of a schema with their "
	    "policies as they stand; zod, the schemas that a file exports.",
	    { FLAG("schema", "NAME", "supabase: of the tables; else public."),
	      FLAG("tests", "DIR", "supabase: where the tests go; else tests "
		  "beside the contract."),
	      FLAG("force", NULL, "Replace files that are there."),
	      FLAG("dry-run", NULL, "Write nothing; print what would be "
		  "written.") },
	    false, 1, 2, call_import },
	{ "config", "", "Print a sample lockstep.conf with every setting.",
	    { { 0 } }, false, 0, 0, run_config },
	{ "version", "", "Print the version.", { { 0 } }, false, 0, 0,
	    run_version },
};

static void
print_usage(FILE *out)
{
	fputs("Usage: lockstep COMMAND [FLAG]...\n\n", out);
	for (size_t i = 0; i < countof(commands); i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name,
		    commands[i].sentence);
	fputs("\nlockstep COMMAND --help tells more, and so does the manual "
	    "page lockstep(1).\n", out);
}

static void
print_help(const struct command *c)
{
	printf("Usage: lockstep %s%s%s [FLAG]...\n\n%s\n\nFlags:\n", c->name,
	    c->words[0] != '\0' ? " " : "", c->words, c->sentence);
	for (const struct flag *f = c->flags; f->name != NULL; f++)
		printf("  --%s%s%s\n        %s\n", f->name,
		    f->value_name != NULL ? " " : "",
		    f->value_name != NULL ? f->value_name : "", f->sentence);
	fputs("  --config FILE\n        Settings file; else LOCKSTEP_CONFIG, "
	    "else lockstep.conf here.\n  --help\n        This text.\n",
	    stdout);
	if (c->settings) {
		putchar('\n');
		config_help(stdout);
	}
}

static size_t
flag_count(const struct command *c)
{
	size_t n = 0;

	while (n < countof(c->flags) && c->flags[n].name != NULL)
		n++;
	return n;
}

static int
run_read(struct command *c, struct call *call)
{
	struct buf fault;
	bool help = false, ok;

	/* What asks for nothing is not kept by a broken settings file. */
	if (!c->settings && c->words_most == 0 && flag_count(c) == 0 &&
	    call->argc == 0)
		return c->run(call);
	buf_init(&fault, 4096);
	ok = config_read(&call->config, call->arena, &call->argc, call->argv,
	    c->flags, flag_count(c), &help, &fault);
	if (!ok)
		call_trouble("%s", fault.length > 0 ? fault.at :
		    "bad settings");
	buf_release(&fault);
	if (!ok)
		return EXIT_TROUBLE;
	if (help) {
		print_help(c);
		return EXIT_WELL;
	}
	if (call->argc < c->words_least || call->argc > c->words_most)
		return call_trouble("%s takes %s; see lockstep %s --help",
		    c->name, c->words[0] != '\0' ? c->words : "flags only",
		    c->name);
	return c->run(call);
}

/* The settings may be read again from the words, which reading moves. */
static void
keep_words(struct call *call)
{
	size_t count = (size_t)call->argc;

	call->given = arena_alloc(call->arena, (count + 1) * sizeof(char *));
	memcpy(call->given, call->argv, count * sizeof(char *));
	call->given_count = call->argc;
}

int
command_run(int argc, char **argv)
{
	struct call call = { .argc = argc - 2, .argv = argv + 2 };
	int status;

	if (argc < 2) {
		print_usage(stderr);
		return EXIT_TROUBLE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return EXIT_WELL;
	}
	if (strcmp(argv[1], "--version") == 0)
		return run_version(&call);
	for (size_t i = 0; i < countof(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		call.flags = commands[i].flags;
		call.arena = arena_new();
		keep_words(&call);
		status = run_read(&commands[i], &call);
		arena_free(call.arena);
		return status;
	}
	return call_trouble("there is no command %s; see lockstep --help",
	    argv[1]);
}
