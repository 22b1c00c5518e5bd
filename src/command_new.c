/* SPDX-License-Identifier: MIT */
/*
 * lockstep init, new resource, import: a project, and what it is made of where
 * something is there already: tables, an existing Supabase project's, schemas
 * of zod.  The catalog is read as the owner, who sees it all.
 */
#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "tool/reflect.h"
#include "tool/start.h"

/* For node: what it does is in src/tool/import_zod.mjs. */
#include "tool/import_zod.inc"

#ifndef LOCKSTEP_DATA
#define LOCKSTEP_DATA "/usr/local/share/lockstep"
#endif

/* The items of a flag that may be repeated, or have commas between them. */
static const char *const *
items_of(struct call *call, const char *name, size_t *ret_count)
{
	const struct flag *flag = call_flag_given(call, name);
	size_t room = 0, count = 0;
	const char **items;
	char *text, *item;

	for (size_t i = 0; i < flag->value_count; i++)
		room += strlen(flag->values[i]) + 1;
	items = arena_alloc(call->arena, (room + 1) * sizeof(*items));
	for (size_t i = 0; i < flag->value_count; i++) {
		text = arena_string(call->arena, flag->values[i]);
		while ((item = strsep(&text, ",")) != NULL)
			items[count++] = item;
	}
	*ret_count = count;
	return items;
}

/* ---- init ---- */

/* The last part of a path: what a project is called. */
static const char *
base_name(struct call *call, const char *path)
{
	char *name = arena_string(call->arena, path), *slash;

	while ((slash = strrchr(name, '/')) != NULL && slash[1] == '\0' &&
	    slash != name)
		*slash = '\0';
	return slash != NULL && slash[1] != '\0' ? slash + 1 : name;
}

static bool
is_usual(const char *role, const char *const *usual, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(role, usual[i]) == 0)
			return true;
	return false;
}

int
call_init(struct call *call)
{
	static const char *const usual[] = { "anon", "authenticated",
		"service_role" };
	bool supabase = call_flag(call, "supabase") != NULL;
	const char *serve = call->config.database;
	const char *migrate = call->config.migrate_database;
	struct start_options o = { .directory = call->argv[0],
		.name = base_name(call, call->argv[0]),
		.serve = serve, .migrate = migrate,
		.database = store_conninfo_value(call->arena, serve,
		    "dbname"),
		.owner = store_conninfo_value(call->arena, migrate, "user"),
		.supabase = supabase, .nginx = LOCKSTEP_DATA "/nginx",
		.told = stdout };

	o.roles = items_of(call, "roles", &o.role_count);
	if (o.role_count == 0) {
		o.roles = usual;
		o.role_count = countof(usual) - supabase;
	}
	if (o.database == NULL)
		o.database = "lockstep";
	if (!tool_start(&o))
		return EXIT_TROUBLE;
	for (size_t i = 0; i < o.role_count; i++)
		if (!is_usual(o.roles[i], usual, countof(usual)))
			printf("  note   migrations/roles.sql does not make "
			    "the role %s: add it, grant it to lockstep, and "
			    "0002_idempotency.sql's functions to it\n",
			    o.roles[i]);
	printf("\nNext: cd %s; its README.md says how to go on.\n",
	    o.directory);
	return EXIT_WELL;
}

/* ---- new resource ---- */

/* What is wanted, while it is looked for. */
struct wanted {
	struct call *call;
	const struct contract_about *about;
	const struct catalog *catalog;
	const struct catalog_table **tables;
	size_t count;
};

/* The schema of "shop.orders"; NULL: there is none in it. */
static const char *
schema_of(struct call *call, const char *name)
{
	const char *dot = strchr(name, '.');

	return dot == NULL || dot == name || dot[1] == '\0' ? NULL :
	    arena_copy(call->arena, name, (size_t)(dot - name));
}

static bool
find_about(struct wanted *w)
{
	struct buf faults;

	buf_init(&faults, 1 << 16);
	w->about = contract_about_read(w->call->config.contract,
	    w->call->arena, &faults);
	if (w->about == NULL)
		fputs(faults.at, stderr);
	buf_release(&faults);
	return w->about != NULL;
}

static bool
find_catalog(struct wanted *w, const char *const *schemas, size_t count)
{
	const struct catalog_wish wish = { .schemas = schemas,
		.schema_count = count, .roles = w->about->roles,
		.role_count = w->about->role_count };
	struct buf fault;

	buf_init(&fault, 4096);
	w->catalog = catalog_read_schemas(w->call->config.migrate_database,
	    &wish, w->call->arena, &fault);
	if (w->catalog == NULL)
		call_trouble("%s (setting migrate_database)", fault.at);
	buf_release(&fault);
	return w->catalog != NULL;
}

/* The tables of one word: "shop.orders", "shop.*". */
static bool
find_tables(struct wanted *w, const char *word)
{
	const char *schema = schema_of(w->call, word), *name = strchr(word,
	    '.') + 1;
	size_t count = 0, before = w->count;
	const struct catalog_table *const *all = tool_reflect_all(w->catalog,
	    schema, w->call->arena, &count);
	const struct relation relation = { schema, name, NULL };
	const struct catalog_table *one = catalog_table(w->catalog, &relation);

	if (strcmp(name, "*") != 0) {
		all = &one;
		count = one != NULL;
	}
	for (size_t i = 0; i < count; i++)
		w->tables[w->count++] = all[i];
	if (w->count == before)
		call_trouble("there is no table %s that %s sees", word,
		    "the owner of the migrations");
	return w->count > before;
}

static bool
find_all(struct wanted *w, char *const *words, size_t count)
{
	const char **schemas = arena_alloc(w->call->arena,
	    (count + 1) * sizeof(*schemas));

	for (size_t i = 0; i < count; i++) {
		schemas[i] = schema_of(w->call, words[i]);
		if (schemas[i] == NULL) {
			call_trouble("%s: say the schema, too, like "
			    "public.%s; public.* is all of it", words[i],
			    words[i]);
			return false;
		}
	}
	if (!find_about(w) || !find_catalog(w, schemas, count))
		return false;
	w->tables = arena_alloc(w->call->arena, (count + 1) *
	    (w->catalog->table_count + 1) * sizeof(*w->tables));
	for (size_t i = 0; i < count; i++)
		if (!find_tables(w, words[i]))
			return false;
	return true;
}

/* The directory of tests: beside the contract, unless it is said. */
static const char *
tests_of(struct call *call)
{
	const char *given = call_flag(call, "tests");
	const char *contract = call->config.contract;
	const char *slash = strrchr(contract, '/');

	if (given != NULL)
		return given;
	return slash == NULL ? "tests" : arena_format(call->arena,
	    "%.*s/tests", (int)(slash - contract), contract);
}

/* Does what was written load?  Its faults are told. */
static int
look_again(struct call *call, size_t made, size_t wanted)
{
	struct contract *contract;
	struct buf faults;
	int status = made == wanted ? EXIT_WELL : EXIT_FOUND;

	if (call_flag(call, "dry-run") != NULL || made == 0)
		return status;
	buf_init(&faults, 1 << 20);
	contract = contract_load(call->config.contract, &faults);
	if (contract == NULL)
		printf("\nThe contract does not load:\n%s", faults.at);
	else
		printf("\nThe contract loads. Next: look through policies/, "
		    "lockstep migrate up, lockstep check.\n");
	contract_free(contract);
	buf_release(&faults);
	return contract == NULL ? EXIT_FOUND : status;
}

static int
reflect(struct call *call, char *const *words, size_t count,
    struct reflect_options *o)
{
	struct wanted w = { .call = call };
	size_t made;

	if (!find_all(&w, words, count))
		return EXIT_TROUBLE;
	o->contract = call->config.contract;
	o->policies = call->config.policies;
	o->tests = tests_of(call);
	o->about = w.about;
	o->force = call_flag(call, "force") != NULL;
	o->dry = call_flag(call, "dry-run") != NULL;
	o->told = stdout;
	made = tool_reflect(o, w.catalog, w.tables, w.count);
	return look_again(call, made, w.count);
}

int
call_new(struct call *call)
{
	struct reflect_options o = {
		.key = call_flag(call, "key"),
		.open = call_flag(call, "public") != NULL,
		.reads = call_flag(call, "read-only") != NULL,
	};

	if (strcmp(call->argv[0], "resource") != 0)
		return call_trouble("there is no new %s; say resource",
		    call->argv[0]);
	if (o.key != NULL && call->argc != 2)
		return call_trouble("--key is of one table");
	o.roles = items_of(call, "roles", &o.role_count);
	o.owners = items_of(call, "owner", &o.owner_count);
	return reflect(call, call->argv + 1, (size_t)call->argc - 1, &o);
}

/* ---- import ---- */

/* An existing project: all of a schema, its policies as they stand. */
static int
import_supabase(struct call *call)
{
	const char *schema = call_flag(call, "schema");
	char *words[] = { arena_format(call->arena, "%s.*",
	    schema != NULL ? schema : "public") };
	struct reflect_options o = { .key = NULL };

	if (call->argc != 1)
		return call_trouble("import supabase takes flags only");
	return reflect(call, words, countof(words), &o);
}

/* A file's directory; "." when it has none. */
static const char *
directory_of(struct call *call, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return ".";
	return slash == path ? "/" : arena_copy(call->arena, path,
	    (size_t)(slash - path));
}

/* The path from the root; NULL: there is nothing. */
static const char *
whole_path(struct call *call, const char *path)
{
	char *whole = realpath(path, NULL);
	const char *kept = whole == NULL ? NULL : arena_string(call->arena,
	    whole);

	free(whole);
	return kept;
}

/*
 * node is this process from here on: zod is asked by itself, as it is installed
 * beside the file.
 */
static int
import_zod(struct call *call)
{
	const char *file = call->argc == 2 ? whole_path(call, call->argv[1]) :
	    NULL;
	const char *contract = whole_path(call, call->config.contract);
	const char *force = call_flag(call, "force") != NULL ? "force" : "-";
	const char *dry = call_flag(call, "dry-run") != NULL ? "dry" : "-";

	if (call->argc != 2)
		return call_trouble("import zod takes one file");
	if (file == NULL)
		return call_trouble("there is no file %s", call->argv[1]);
	if (contract == NULL)
		return call_trouble("there is no directory %s",
		    call->config.contract);
	if (chdir(directory_of(call, file)) != 0)
		return call_trouble("%s cannot be entered",
		    directory_of(call, file));
	execlp("node", "node", "--no-warnings", "--input-type=module", "-e",
	    import_script, "--", file, arena_format(call->arena, "%s/schemas",
		contract), force, dry, (char *)NULL);
	return call_trouble("node cannot be run; zod's schemas are asked by "
	    "it, 22.18 or newer where they are TypeScript");
}

int
call_import(struct call *call)
{
	if (strcmp(call->argv[0], "supabase") == 0)
		return import_supabase(call);
	if (strcmp(call->argv[0], "zod") == 0)
		return import_zod(call);
	return call_trouble("there is no import %s; say supabase, or zod FILE",
	    call->argv[0]);
}
