/* SPDX-License-Identifier: MIT */
/*
 * What is made of a contract, by name: a row for each.  A file is written beside
 * its place and moved there when it is whole, so that nobody reads half of it.
 */
#include "tool/tool.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	void (*make)(const struct gen_options *, const struct contract *,
	    FILE *);
	enum gen_need need;
} makers[] = {
	{ "openapi", tool_openapi, GEN_CONTRACT },
	{ "matrix", tool_matrix, GEN_CATALOG },
	{ "flow", tool_flow, GEN_CATALOG },
	{ "runbook", tool_runbook, GEN_DEPLOYMENT },
};

bool
tool_gen_find(const char *name, size_t *ret)
{
	for (size_t i = 0; i < countof(makers); i++)
		if (strcmp(makers[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

enum gen_need
tool_gen_need(size_t number)
{
	return makers[number].need;
}

static bool
gen_print(size_t number, const struct gen_options *options,
    const struct contract *contract)
{
	makers[number].make(options, contract, stdout);
	return fflush(stdout) == 0 && !ferror(stdout);
}

static bool
gen_file(size_t number, const struct gen_options *options,
    const struct contract *contract, const char *path, const char *beside)
{
	FILE *out = fopen(beside, "we");
	bool well;
	int why;

	if (out == NULL)
		return false;
	makers[number].make(options, contract, out);
	well = !ferror(out);
	well = fclose(out) == 0 && well && rename(beside, path) == 0;
	if (well)
		return true;
	why = errno;
	(void)remove(beside);
	errno = why;
	return false;
}

bool
tool_gen(size_t number, const struct gen_options *options,
    const struct contract *contract, const char *path)
{
	struct arena *arena;
	bool well;

	if (path == NULL)
		return gen_print(number, options, contract);
	arena = arena_new();
	well = gen_file(number, options, contract, path,
	    arena_format(arena, "%s.tmp", path));
	arena_free(arena);
	return well;
}
