/* SPDX-License-Identifier: MIT */
/*
 * What was made of a contract, and whether it still is what would be made: each
 * is made anew in memory and compared byte by byte.  A document is known by its
 * name, whatever follows the dot: matrix.md, openapi.json; a folder of
 * TypeScript by the first line of its index.ts.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tool/findings.h"
#include "tool/tool.h"
#include "tool/typescript.h"

enum { FILE_MAX = 64 << 20 };

static const struct {
	const char *name;
	void (*make)(const struct gen_options *, const struct contract *,
	    FILE *);
} made[] = {
	{ "openapi", tool_openapi },
	{ "matrix", tool_matrix },
	{ "flow", tool_flow },
};

/* Which document is the file?  countof(made): none. */
static size_t
number_of(const char *file)
{
	size_t length = strcspn(file, "."), i = 0;

	while (i < countof(made) && (strlen(made[i].name) != length ||
	    strncmp(made[i].name, file, length) != 0))
		i++;
	return file[length] == '.' && strchr(file + length + 1, '.') == NULL ?
	    i : countof(made);
}

static bool
is_same(size_t number, const struct gen_options *o,
    const struct contract *contract, const char *path)
{
	size_t length = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);
	struct buf there;
	bool same = out != NULL;

	buf_init(&there, FILE_MAX);
	if (out != NULL) {
		made[number].make(o, contract, out);
		same = fclose(out) == 0 && file_read(path, &there) &&
		    there.length == length &&
		    memcmp(there.at, text, length) == 0;
	}
	buf_release(&there);
	free(text);
	return same;
}

static int
is_made(const struct dirent *entry)
{
	return number_of(entry->d_name) < countof(made);
}

static bool
has(struct findings *findings, const char *directory, const char *name)
{
	return access(arena_format(findings->arena, "%s/%s", directory, name),
	    F_OK) == 0;
}

static bool
is_folder(struct findings *findings, const char *directory)
{
	struct buf there;
	bool ours;

	buf_init(&there, FILE_MAX);
	ours = file_read(arena_format(findings->arena, "%s/index.ts",
	    directory), &there) && there.length >= strlen(TYPESCRIPT_MARK) &&
	    memcmp(there.at, TYPESCRIPT_MARK, strlen(TYPESCRIPT_MARK)) == 0;
	buf_release(&there);
	return ours;
}

/* Parts that are not there were not wanted. */
static void
check_folder(const struct contract *contract, const char *directory,
    const struct check_rule *rule, struct findings *findings)
{
	struct gen_options o = { .check = true, .without =
		(has(findings, directory, "zod.ts") ? 0 : GEN_ZOD) |
		(has(findings, directory, "queries") ? 0 : GEN_QUERIES) };
	size_t length = 0;
	char *told = NULL;
	enum gen_outcome outcome = GEN_WELL;

	if (!is_folder(findings, directory))
		return;
	o.told = open_memstream(&told, &length);
	if (o.told != NULL) {
		outcome = typescript_folder(&o, contract, directory);
		fclose(o.told);
	}
	if (outcome != GEN_WELL)
		findings_add(findings, &(struct db_finding){ .rule = rule,
		    .object = arena_string(findings->arena, directory),
		    .file = "api.json", .line = 1, .column = 1,
		    .what = "it is not what lockstep gen typescript makes now",
		    .mend = arena_format(findings->arena, "lockstep gen "
			"typescript --out %s%s%s", directory,
			o.without != 0 ? " --without " : "",
			o.without == 0 ? "" : o.without == GEN_ZOD ? "zod" :
			o.without == GEN_QUERIES ? "queries" : "zod,queries") });
	free(told);
}

bool
tool_stale(const struct gen_options *options, const struct contract *contract,
    const char *directory, const struct check_rule *rule,
    struct findings *findings)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_made, alphasort);

	for (int i = 0; i < count; i++) {
		const char *path = arena_format(findings->arena, "%s/%s",
		    directory, entries[i]->d_name);
		size_t number = number_of(entries[i]->d_name);

		if (!is_same(number, options, contract, path))
			findings_add(findings, &(struct db_finding){
			    .rule = rule, .object = path,
			    .file = "api.json", .line = 1, .column = 1,
			    .what = arena_format(findings->arena, "it is not "
				"what lockstep gen %s makes now",
				made[number].name),
			    .mend = arena_format(findings->arena, "lockstep "
				"gen %s --out %s", made[number].name, path) });
		free(entries[i]);
	}
	if (count < 0)
		return false;
	free(entries);
	check_folder(contract, directory, rule, findings);
	return true;
}
