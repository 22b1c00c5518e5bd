/* SPDX-License-Identifier: MIT */
/*
 * A new project: the settings, an api.json, a secret, the migrations and
 * policies that every database needs, and a page of what is next.  The files
 * are those of this source, built in, so that a program without its share
 * directory can begin one, too.  Nothing is written where something is.
 */
#include "tool/start.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "tool/pen.h"
#include "tool/reflect.h"

enum { FILE_MAX = 1 << 20, SECRET_BYTES = 48 };

/* The files of a project as they stand, or with names to be filled in. */
static const struct {
	const char *path, *text;
} files[] = {
#include "tool/start.inc"
};

/* A project while it is written. */
struct starting {
	const struct start_options *options;
	struct arena *arena;
};

static bool
failed(const char *path, const char *why)
{
	fprintf(stderr, "lockstep: %s: %s\n", path, why);
	return false;
}

/* Is the directory not there, or empty? */
static bool
is_free(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool empty = true;

	if (directory == NULL)
		return errno == ENOENT || failed(path, strerror(errno));
	while (empty && (entry = readdir(directory)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0;
	closedir(directory);
	return empty || failed(path, "it has files already; a project begins "
	    "in a directory of its own");
}

static bool
put(struct starting *s, const char *name, const char *text, unsigned mode)
{
	const char *path = arena_format(s->arena, "%s/%s",
	    s->options->directory, name);

	if (tool_place(path, text, mode, false) == PLACED_FAILED)
		return failed(path, strerror(errno));
	fprintf(s->options->told, "  wrote  %s\n", path);
	return true;
}

/* ---- Texts with names in them. ---- */

static bool
is_role(const struct starting *s, const char *name)
{
	for (size_t i = 0; i < s->options->role_count; i++)
		if (strcmp(s->options->roles[i], name) == 0)
			return true;
	return false;
}

/* Whose tokens people try first: no nobody, no server. */
static const char *
first_role(const struct starting *s)
{
	for (size_t i = 0; i < s->options->role_count; i++)
		if (strcmp(s->options->roles[i], "anon") != 0 &&
		    strcmp(s->options->roles[i], "service_role") != 0)
			return s->options->roles[i];
	return s->options->roles[0];
}

/* What an owner of one's own must be given: ours is made by roles.sql. */
static const char *
owner_grants(const struct starting *s)
{
	const char *owner = s->options->owner, *database =
	    s->options->database;

	if (s->options->supabase)
		return "";
	if (owner == NULL || strcmp(owner, "lockstep_owner") == 0)
		return arena_format(s->arena, "   psql -d %s -c "
		    "'\\password lockstep_owner'\n", database);
	return arena_format(s->arena,
	    "\n   %s owns the tables, and so it migrates; it hands functions "
	    "over and makes schemas:\n\n   ```\n   psql -d %s -c 'grant "
	    "lockstep_logic, lockstep_rollup, lockstep_stats to \"%s\"' \\\n"
	    "       -c 'grant create on database "
	    "\"%s\" to \"%s\"'\n   ```\n", owner, database, owner, database,
	    owner);
}

static const char *
value_of(const struct starting *s, const char *name, size_t length)
{
	const struct start_options *o = s->options;
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "NAME", o->name },
		{ "DATABASE", o->database },
		{ "SERVE", o->serve },
		{ "MIGRATE", o->migrate },
		{ "GRANTS", owner_grants(s) },
		{ "NGINX", o->nginx },
		{ "ROLE", first_role(s) },
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (strlen(rows[i].name) == length &&
		    strncmp(rows[i].name, name, length) == 0)
			return rows[i].value;
	return NULL;
}

/* @NAME@ and the like; what is no name stays. */
static void
fill(const struct starting *s, const char *text, struct buf *out)
{
	while (*text != '\0') {
		size_t length = *text == '@' ? strspn(text + 1,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ") : 0;
		const char *value = length > 0 && text[length + 1] == '@' ?
		    value_of(s, text + 1, length) : NULL;

		if (value == NULL) {
			buf_char(out, *text++);
			continue;
		}
		buf_string(out, value);
		text += length + 2;
	}
}

static bool
put_filled(struct starting *s, const char *name, const char *text)
{
	struct buf out;
	bool well;

	buf_init(&out, FILE_MAX);
	fill(s, text, &out);
	well = put(s, name, out.at, 0666);
	buf_release(&out);
	return well;
}

/* ---- api.json and the secret. ---- */

static void
write_api(const struct starting *s, struct pen *pen)
{
	pen_object(pen, NULL);
	pen_text(pen, "title", s->options->name);
	pen_text(pen, "version", "0.1.0");
	pen_text(pen, "base", "/api");
	pen_list(pen, "roles");
	for (size_t i = 0; i < s->options->role_count; i++)
		pen_text(pen, NULL, s->options->roles[i]);
	pen_close(pen);
	if (is_role(s, "anon"))
		pen_text(pen, "anonymous", "anon");
	if (is_role(s, "service_role"))
		pen_json(pen, "server_roles", "[\"service_role\"]");
	pen_json(pen, "limit", "{\"default\":20,\"max\":100}");
	pen_close(pen);
}

static bool
put_api(struct starting *s)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct pen pen;
	bool well = out != NULL;

	pen_init(&pen, FILE_MAX);
	write_api(s, &pen);
	if (well)
		pen_print(pen.text.at, out);
	pen_release(&pen);
	well = well && fclose(out) == 0 &&
	    put(s, "contract/api.json", text, 0666);
	free(text);
	return well;
}

static bool
put_secret(struct starting *s)
{
	unsigned char bytes[SECRET_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return failed("secret", strerror(errno));
	return put(s, "secret", arena_format(s->arena, "%s\n",
	    text_to_base64url(s->arena, bytes, sizeof(bytes))), 0600);
}

static bool
make(struct starting *s, const char *name)
{
	const char *path = arena_format(s->arena, "%s/%s",
	    s->options->directory, name);

	return mkdir(path, 0777) == 0 || errno == EEXIST ||
	    failed(path, strerror(errno));
}

/* Supabase's roles are made another way. */
static const char *
text_of(const struct starting *s, size_t number)
{
	bool roles = strcmp(files[number].path, "migrations/roles.sql") == 0;

	for (size_t i = 0; s->options->supabase && roles &&
	     i < countof(files); i++)
		if (strcmp(files[i].path, "supabase") == 0)
			return files[i].text;
	return files[number].text;
}

static bool
put_files(struct starting *s)
{
	bool well = put_api(s) && put_secret(s) &&
	    put(s, ".gitignore", "secret\nrun/\n", 0666);

	for (size_t i = 0; well && i < countof(files); i++)
		if (strcmp(files[i].path, "supabase") != 0)
			well = put_filled(s, files[i].path, text_of(s, i));
	return well && make(s, "run") && make(s, "contract/schemas") &&
	    make(s, "contract/resources") && make(s, "tests");
}

bool
tool_start(const struct start_options *options)
{
	struct starting s = { .options = options, .arena = arena_new() };
	bool well = is_free(options->directory) && put_files(&s);

	arena_free(s.arena);
	return well;
}
