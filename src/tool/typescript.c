/* SPDX-License-Identifier: MIT */
/*
 * A folder of TypeScript: which files there are, and that they are there.  Each
 * file's first line says who made it.  By that line what is no longer made is
 * known and removed; no file without it is ever removed.
 */
#include "tool/typescript.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* The files that are copied as they stand: name, text. */
static const struct {
	const char *name, *text;
} runtime[] = {
#include "tool/runtime.inc"
};

static const char *const folders[] = { "", "operations/", "queries/",
	"runtime/" };

/* A name that was made. */
struct made {
	const struct made *next;
	const char *name;
};

struct folder {
	struct typescript ts;
	const struct gen_options *options;
	const char *path;
	const char *first;		/* line of each file */
	const struct made *made;
	enum gen_outcome outcome;
	int why;			/* errno of GEN_FAILED */
};

static void
note(struct folder *f, enum gen_outcome outcome)
{
	if (outcome == GEN_FAILED && f->outcome != GEN_FAILED)
		f->why = errno;
	f->outcome = gen_graver(f->outcome, outcome);
}

/* Makes a directory and those above it. */
static bool
make_directory(struct arena *arena, const char *path)
{
	char *part = arena_string(arena, path);

	for (char *s = part + 1; *s != '\0'; s++)
		if (*s == '/') {
			*s = '\0';
			if (mkdir(part, 0777) != 0 && errno != EEXIST)
				return false;
			*s = '/';
		}
	return mkdir(part, 0777) == 0 || errno == EEXIST;
}

/* ---- files ---- */

static struct buf
begin(const struct folder *f)
{
	struct buf text;

	buf_init(&text, GEN_TEXT_MAX);
	buf_string(&text, f->first);
	return text;
}

static void
finish(struct folder *f, const char *name, struct buf *text)
{
	struct made *made = arena_alloc(f->ts.arena, sizeof(*made));
	const char *path = arena_format(f->ts.arena, "%s/%s", f->path, name);

	*made = (struct made){ f->made, name };
	f->made = made;
	note(f, gen_settle(f->options, path, text));
	buf_release(text);
}

static void
make_files(struct folder *f)
{
	static const struct {
		const char *name;
		void (*write)(struct typescript *, struct buf *);
		unsigned part;
	} files[] = {
		{ "index.ts", typescript_index, 0 },
		{ "client.ts", typescript_client, 0 },
		{ "types.ts", typescript_types, 0 },
		{ "problems.ts", typescript_problems, 0 },
		{ "validators.ts", typescript_validators, 0 },
		{ "zod.ts", typescript_zod, GEN_ZOD },
	};
	struct buf text;

	for (size_t i = 0; i < countof(files); i++) {
		if ((f->options->without & files[i].part) != 0)
			continue;
		text = begin(f);
		files[i].write(&f->ts, &text);
		finish(f, files[i].name, &text);
	}
}

static void
make_resources(struct folder *f)
{
	static const struct {
		const char *folder;
		void (*write)(struct typescript *, const struct resource *,
		    struct buf *);
		unsigned part;
	} parts[] = {
		{ "operations", typescript_operations, 0 },
		{ "queries", typescript_queries, GEN_QUERIES },
	};
	size_t count;
	const struct resource *all = contract_resources(f->ts.contract,
	    &count);
	struct buf text;

	for (size_t i = 0; i < countof(parts) * count; i++) {
		const struct resource *resource = &all[i % count];

		if ((f->options->without & parts[i / count].part) != 0)
			continue;
		text = begin(f);
		parts[i / count].write(&f->ts, resource, &text);
		finish(f, arena_format(f->ts.arena, "%s/%s.ts",
		    parts[i / count].folder, resource->name), &text);
	}
}

/* The part that a file is for; 0: it is always wanted. */
static unsigned
part_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned part;
	} parts[] = {
		{ "runtime/cache.ts", GEN_QUERIES },
		{ "runtime/query.ts", GEN_QUERIES },
		{ "runtime/zod.ts", GEN_ZOD },
	};

	for (size_t i = 0; i < countof(parts); i++)
		if (strcmp(parts[i].name, name) == 0)
			return parts[i].part;
	return 0;
}

static void
make_runtime(struct folder *f)
{
	struct buf text;

	for (size_t i = 0; i < countof(runtime); i++) {
		if ((f->options->without & part_of(runtime[i].name)) != 0)
			continue;
		text = begin(f);
		buf_string(&text, runtime[i].text);
		finish(f, runtime[i].name, &text);
	}
}

static bool
make_directories(const struct folder *f)
{
	bool well = true;

	for (size_t i = 0; well && i < countof(folders); i++)
		if (strcmp(folders[i], "queries/") != 0 ||
		    (f->options->without & GEN_QUERIES) == 0)
			well = make_directory(f->ts.arena, arena_format(
			    f->ts.arena, "%s/%.*s", f->path,
			    (int)strcspn(folders[i], "/"), folders[i]));
	return well;
}

/* ---- what is no longer made ---- */

static bool
is_made(const struct folder *f, const char *name)
{
	const struct made *m = f->made;

	while (m != NULL && strcmp(m->name, name) != 0)
		m = m->next;
	return m != NULL;
}

static bool
is_marked(const char *path)
{
	char line[sizeof(TYPESCRIPT_MARK)] = "";
	struct stat st;
	FILE *file;

	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	return strcmp(line, TYPESCRIPT_MARK) == 0;
}

static void
look_at(struct folder *f, const char *name)
{
	size_t length = strlen(name);
	const char *path = arena_format(f->ts.arena, "%s/%s", f->path, name);

	if (length < 3 || strcmp(name + length - 3, ".ts") != 0 ||
	    is_made(f, name) || !is_marked(path))
		return;
	if (f->options->check) {
		fprintf(f->options->told, "%s: no longer made\n", path);
		note(f, GEN_DIFFERS);
	} else if (unlink(path) != 0)
		note(f, GEN_FAILED);
}

/* The names are read before the first is removed. */
static void
look_around(struct folder *f)
{
	const struct made *found = NULL;

	for (size_t i = 0; i < countof(folders); i++) {
		DIR *directory = opendir(arena_format(f->ts.arena, "%s/%s",
		    f->path, folders[i]));
		struct dirent *entry;

		while (directory != NULL &&
		    (entry = readdir(directory)) != NULL) {
			struct made *m = arena_alloc(f->ts.arena, sizeof(*m));

			*m = (struct made){ found, arena_format(f->ts.arena,
			    "%s%s", folders[i], entry->d_name) };
			found = m;
		}
		if (directory != NULL)
			closedir(directory);
	}
	for (; found != NULL; found = found->next)
		look_at(f, found->name);
}

/* Texts of the contract could end the comment: they are JSON strings here. */
static const char *
first_line(struct typescript *ts)
{
	const struct contract_about *about = contract_about(ts->contract);

	return arena_format(ts->arena,
	    TYPESCRIPT_MARK "\"%s\" %s: do not edit, make it "
	    "again.\n", typescript_plain(ts, about->title),
	    typescript_plain(ts, about->version));
}

enum gen_outcome
typescript_folder(const struct gen_options *options,
    const struct contract *contract, const char *directory)
{
	struct folder f = { .options = options, .path = directory };

	f.ts = (struct typescript){ contract, arena_new(), NULL, NULL };
	f.ts.schemas = publication_new(contract, "#/$defs/",
	    typescript_reserved, f.ts.arena);
	typescript_publish(&f.ts);
	f.first = first_line(&f.ts);
	if (!options->check && !make_directories(&f))
		note(&f, GEN_FAILED);
	if (f.outcome == GEN_WELL) {
		make_files(&f);
		make_resources(&f);
		make_runtime(&f);
	}
	if (f.outcome != GEN_FAILED)
		look_around(&f);
	arena_free(f.ts.arena);
	errno = f.why;
	return f.outcome;
}
