/* SPDX-License-Identifier: MIT */
/*
 * lockstep gen: what is made of something beside the contract has it found here,
 * the catalog or the deployment, and only where it is needed.  --check names the
 * command that mends: the same words without it.
 */
#include "call.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/tool.h"

/* The catalog, unless it is not wanted; false with the reason told. */
static bool
find_catalog(struct call *call, const struct contract *contract,
    struct gen_options *o)
{
	struct buf fault;

	if (call_flag(call, "without-database") != NULL)
		return true;
	buf_init(&fault, 4096);
	o->catalog = catalog_read(call->config.database, contract, call->arena,
	    &fault);
	if (o->catalog == NULL)
		call_trouble("%s (setting database); --without-database "
		    "leaves row security out", fault.length > 0 ? fault.at :
		    "there is no catalog");
	buf_release(&fault);
	return o->catalog != NULL;
}

/* The path from the root, as far as it can be told; NULL stays. */
static const char *
absolute(struct call *call, const char *path)
{
	char whole[PATH_MAX];

	if (path == NULL || path[0] == '/')
		return path;
	if (getcwd(whole, sizeof(whole)) == NULL)
		return path;
	return arena_format(call->arena, "%s/%s", whole, path);
}

static const char *
own_path(struct call *call)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));

	return length <= 0 || (size_t)length == sizeof(path) ? "lockstep" :
	    arena_copy(call->arena, path, (size_t)length);
}

static const char *
flag_or(const struct call *call, const char *name, const char *otherwise)
{
	const char *value = call_flag(call, name);

	return value != NULL ? value : otherwise;
}

static struct deployed
instance_of(struct call *call, const struct config *c)
{
	return (struct deployed){
		.settings = absolute(call, c->file),
		.listen = absolute(call, c->listen),
		.log_file = absolute(call, c->log_file),
	};
}

/* The instance of the settings, and those of --instance; false: why is told. */
static bool
find_instances(struct call *call, struct deployment *d)
{
	const struct flag *others = call_flag_given(call, "instance");
	struct deployed *all = arena_alloc(call->arena,
	    (others->value_count + 1) * sizeof(*all));
	struct config config;
	struct buf fault;
	bool well = true, help;

	all[0] = instance_of(call, &call->config);
	buf_init(&fault, 4096);
	for (size_t i = 0; well && i < others->value_count; i++) {
		char *words[] = { arena_string(call->arena, "--config"),
			arena_string(call->arena, others->values[i]), NULL };
		int count = 2;

		well = config_read(&config, call->arena, &count, words, NULL,
		    0, &help, &fault);
		if (well)
			all[i + 1] = instance_of(call, &config);
	}
	if (!well)
		call_trouble("%s", fault.at);
	buf_release(&fault);
	d->instances = all;
	d->instance_count = others->value_count + 1;
	return well;
}

static struct deployment *
find_deployment(struct call *call)
{
	const struct config *c = &call->config;
	struct deployment *d = arena_alloc(call->arena, sizeof(*d));

	*d = (struct deployment){
		.program = own_path(call),
		.version = LOCKSTEP_VERSION,
		.contract = absolute(call, c->contract),
		.metric_file = absolute(call, c->metric_file),
		.limit_file = absolute(call, c->limit_file),
		.migrations = absolute(call, c->migrations),
		.policies = absolute(call, c->policies),
		.database = c->database,
		.database_read = c->database_read,
		.migrate_database = c->migrate_database,
		.secret_file = absolute(call, c->jwt_secret_file),
		.jwks_file = absolute(call, c->jwks_file),
		.jwks_url = c->jwks_url,
		.issuers = absolute(call, c->issuers),
		.ops = flag_or(call, "ops", "http://127.0.0.1:8081"),
		.nginx = absolute(call, call_flag(call, "nginx")),
		.backups = absolute(call, flag_or(call, "backups",
		    "/var/backups/lockstep")),
		.superuser = flag_or(call, "superuser", "postgres"),
		.workers = c->workers, .threads = c->threads,
		.queue = c->queue, .drain_ms = c->drain_ms,
		.request_timeout_ms = c->request_timeout_ms,
		.reconnect_max_ms = c->reconnect_max_ms,
		.jwks_refresh_s = c->jwks_refresh_s,
	};
	return find_instances(call, d) ? d : NULL;
}

/* --without zod,queries */
static bool
read_without(const struct call *call, unsigned *ret)
{
	static const struct {
		const char *word;
		unsigned part;
	} parts[] = {
		{ "zod", GEN_ZOD },
		{ "queries", GEN_QUERIES },
	};
	const char *s = call_flag(call, "without");

	*ret = 0;
	for (; s != NULL; s = *s == ',' ? s + 1 : NULL) {
		size_t length = strcspn(s, ","), i = 0;

		while (i < countof(parts) && (strlen(parts[i].word) != length ||
			memcmp(parts[i].word, s, length) != 0))
			i++;
		if (i == countof(parts))
			return false;
		*ret |= parts[i].part;
		s += length;
	}
	return true;
}

/* A word as a shell takes it. */
static void
print_word(const char *word, FILE *out)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_./,:=@%+";

	fputc(' ', out);
	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (; *word != '\0'; word++)
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	fputc('\'', out);
}

static void
print_mend(const struct call *call)
{
	fputs("mend: lockstep gen", stdout);
	for (int i = 0; i < call->given_count; i++)
		if (strcmp(call->given[i], "--check") != 0)
			print_word(call->given[i], stdout);
	fputc('\n', stdout);
}

/* What it needs beside the contract; false with the reason told. */
static bool
find_need(struct call *call, size_t number, const struct contract *contract,
    struct gen_options *o)
{
	switch (tool_gen_need(number)) {
	case GEN_CATALOG:
		return find_catalog(call, contract, o);
	case GEN_DEPLOYMENT:
		o->deployment = find_deployment(call);
		return o->deployment != NULL;
	default:
		return true;
	}
}

/* Of rollup: can those that are wanted be made of this database? */
static bool
check_rollups(const struct call *call, const struct contract *contract,
    const struct gen_options *o)
{
	struct buf fault;
	bool well;

	if (strcmp(call->argv[0], "rollup") != 0)
		return true;
	buf_init(&fault, 4096);
	if (o->catalog == NULL)
		buf_string(&fault, "gen rollup needs the database");
	well = o->catalog != NULL && !tool_rollup_refused(o, contract, &fault);
	if (!well)
		call_trouble("%s", fault.at);
	buf_release(&fault);
	return well;
}

/* "rollup" has a second word or --all; the others have neither. */
static bool
read_rollup(const struct call *call, struct gen_options *o)
{
	bool all = call_flag(call, "all") != NULL;

	o->rollup = call->argc > 1 ? call->argv[1] : NULL;
	o->policies = call_flag(call, "policies") != NULL;
	if (strcmp(call->argv[0], "rollup") != 0)
		return o->rollup == NULL && !all && !o->policies;
	return all == (o->rollup == NULL);
}

static int
make(struct call *call, size_t number, const struct contract *contract,
    struct gen_options *o)
{
	const char *path = call_flag(call, "out");

	if (!find_need(call, number, contract, o) ||
	    !check_rollups(call, contract, o))
		return EXIT_TROUBLE;
	switch (tool_gen(number, o, contract, path)) {
	case GEN_WELL:
		return EXIT_WELL;
	case GEN_DIFFERS:
		print_mend(call);
		return EXIT_FOUND;
	default:
		return call_trouble("cannot write %s: %s", path != NULL ?
		    path : "the document", strerror(errno));
	}
}

int
call_gen(struct call *call)
{
	struct gen_options o = {
		.server = call_flag(call, "server"),
		.check = call_flag(call, "check") != NULL,
		.told = stdout,
	};
	const char *name = call->argv[0], *path = call_flag(call, "out");
	struct contract *contract;
	bool folder;
	size_t number;
	int status;

	if (!tool_gen_find(name, &number, &folder))
		return call_trouble("there is no gen %s; see lockstep gen "
		    "--help", name);
	if (!read_rollup(call, &o))
		return call_trouble("gen takes one word; gen rollup takes the "
		    "name of a rollup too, or --all, and --policies");
	if (!read_without(call, &o.without))
		return call_trouble("--without takes zod, queries or both, "
		    "with a comma between");
	if (path == NULL && (folder || o.check))
		return call_trouble("gen %s%s needs --out, the %s", name,
		    o.check ? " --check" : "", folder ? "folder" : "file");
	contract = call_contract(call);
	if (contract == NULL)
		return EXIT_TROUBLE;
	status = make(call, number, contract, &o);
	contract_free(contract);
	return status;
}
