/* SPDX-License-Identifier: MIT */
/*
 * lockstep gen: finds what is to be made, reads its flags and says what came of
 * it.  --check names the command that mends: the same words without it.
 */
#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tool/tool.h"

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

static int
make(const struct call *call, size_t number, const struct gen_options *options)
{
	const char *path = call_flag(call, "out");
	struct contract *contract = call_contract(call);
	enum gen_outcome outcome;

	if (contract == NULL)
		return EXIT_TROUBLE;
	outcome = tool_gen(number, options, contract, path);
	if (outcome == GEN_FAILED)
		call_trouble("cannot write %s: %s", path != NULL ? path :
		    "the document", strerror(errno));
	if (outcome == GEN_DIFFERS)
		print_mend(call);
	contract_free(contract);
	return outcome == GEN_FAILED ? EXIT_TROUBLE :
	    outcome == GEN_DIFFERS ? EXIT_FOUND : EXIT_WELL;
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
	bool folder;
	size_t number;

	if (!tool_gen_find(name, &number, &folder))
		return call_trouble("there is no gen %s; see lockstep gen "
		    "--help", name);
	if (!read_without(call, &o.without))
		return call_trouble("--without takes zod, queries or both, "
		    "with a comma between");
	if (path == NULL && (folder || o.check))
		return call_trouble("gen %s%s needs --out, the %s", name,
		    o.check ? " --check" : "", folder ? "folder" : "file");
	return make(call, number, &o);
}
