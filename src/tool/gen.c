/* SPDX-License-Identifier: MIT */
/*
 * What is made of a contract, by name: a row for each, a document or a folder.
 * What is there already as it would be made is not written again, so that who
 * watches files sees what changed.
 */
#include "tool/gen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tool/typescript.h"

static const struct {
	const char *name;
	void (*document)(const struct gen_options *, const struct contract *,
	    FILE *);
	enum gen_outcome (*folder)(const struct gen_options *,
	    const struct contract *, const char *);
	enum gen_need need;
} makers[] = {
	{ "openapi", tool_openapi, NULL, GEN_CONTRACT },
	{ "typescript", NULL, typescript_folder, GEN_CONTRACT },
	{ "matrix", tool_matrix, NULL, GEN_CATALOG },
	{ "flow", tool_flow, NULL, GEN_CATALOG },
	{ "runbook", tool_runbook, NULL, GEN_DEPLOYMENT },
	{ "rollup", tool_rollup, NULL, GEN_CATALOG },
};

bool
tool_gen_find(const char *name, size_t *ret, bool *ret_folder)
{
	for (size_t i = 0; i < countof(makers); i++)
		if (strcmp(makers[i].name, name) == 0) {
			*ret = i;
			*ret_folder = makers[i].folder != NULL;
			return true;
		}
	return false;
}

enum gen_need
tool_gen_need(size_t number)
{
	return makers[number].need;
}

enum gen_outcome
gen_graver(enum gen_outcome a, enum gen_outcome b)
{
	return a > b ? a : b;
}

static bool
write_whole(const char *path, const struct buf *text)
{
	FILE *out = fopen(path, "we");
	bool well;

	if (out == NULL)
		return false;
	well = fwrite(text->at, 1, text->length, out) == text->length;
	return fclose(out) == 0 && well;
}

static enum gen_outcome
replace(const char *path, const char *beside, const struct buf *text)
{
	int why;

	if (write_whole(beside, text) && rename(beside, path) == 0)
		return GEN_WELL;
	why = errno;
	(void)remove(beside);
	errno = why;
	return GEN_FAILED;
}

/* GEN_DIFFERS when there is another text, or none: *ret_there. */
static enum gen_outcome
compare(const char *path, const struct buf *text, bool *ret_there)
{
	struct buf found;
	enum gen_outcome outcome = GEN_DIFFERS;

	buf_init(&found, GEN_TEXT_MAX);
	*ret_there = true;
	if (file_read(path, &found)) {
		if (found.length == text->length && memcmp(found.at, text->at,
			text->length) == 0)
			outcome = GEN_WELL;
	} else if (errno == ENOENT || errno == ENOTDIR)
		*ret_there = false;
	else if (errno != EFBIG)
		outcome = GEN_FAILED;
	buf_release(&found);
	return outcome;
}

enum gen_outcome
gen_settle(const struct gen_options *options, const char *path,
    const struct buf *text)
{
	enum gen_outcome outcome;
	struct arena *arena;
	bool there;

	if (text->failed) {
		errno = EFBIG;
		return GEN_FAILED;
	}
	outcome = compare(path, text, &there);
	if (outcome != GEN_DIFFERS)
		return outcome;
	if (options->check) {
		fprintf(options->told, "%s: %s\n", path,
		    there ? "stale" : "missing");
		return GEN_DIFFERS;
	}
	arena = arena_new();
	outcome = replace(path, arena_format(arena, "%s.tmp", path), text);
	arena_free(arena);
	return outcome;
}

static enum gen_outcome
make_document(size_t number, const struct gen_options *options,
    const struct contract *contract, const char *path)
{
	struct buf text;
	char *at = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&at, &length);
	enum gen_outcome outcome = GEN_FAILED;

	if (out == NULL)
		return GEN_FAILED;
	makers[number].document(options, contract, out);
	if (fclose(out) == 0) {
		text = (struct buf){ .at = at, .length = length };
		outcome = gen_settle(options, path, &text);
	}
	free(at);
	return outcome;
}

enum gen_outcome
tool_gen(size_t number, const struct gen_options *options,
    const struct contract *contract, const char *path)
{
	if (makers[number].folder != NULL)
		return makers[number].folder(options, contract, path);
	if (path != NULL)
		return make_document(number, options, contract, path);
	makers[number].document(options, contract, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? GEN_WELL : GEN_FAILED;
}
