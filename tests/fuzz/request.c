/* SPDX-License-Identifier: MIT */
/*
 * FastCGI parameters and paths: the lines of the text are parameters, the one
 * after an empty line is the body.  What is taken has a path that was decoded
 * once, in segments that have none of what was to be refused; a contract routes
 * it or says that it does not.
 */
#include "fuzz.h"

#include <strings.h>

#include "base/text.h"
#include "contract/internal.h"

enum { PARAMS_MAX = 64 };

/* JSON is given to who takes anything, and to who takes problems. */
static void
judge_media(const struct operation *op, const struct request *rq)
{
	enum media media = MEDIA_CSV;
	bool list = op->verb == VERB_LIST;
	enum problem p = media_choose(rq->accept, list, &media);

	if (rq->accept == NULL || contract_takes_problem(rq->accept))
		MUST(p == PROBLEM_NONE);
	if (p == PROBLEM_NONE && (!list || rq->accept == NULL))
		MUST(media == MEDIA_JSON);
	if (rq->content_type != NULL && media_is_json(rq->content_type))
		MUST(strncasecmp(rq->content_type + strspn(rq->content_type,
		    " \t"), "application/json", 16) == 0);
}

static void
judge(struct scope *sc, const struct request *rq)
{
	static struct contract *contract;
	struct match match;

	if (contract == NULL)
		contract = fuzz_contract("letters");
	MUST(rq->path[0] == '/' && rq->segments <= HTTP_SEGMENTS_MAX);
	MUST(text_is_utf8(rq->path, strlen(rq->path)));
	for (size_t i = 0; i < rq->segments; i++)
		MUST(strcmp(rq->segment[i], ".") != 0 &&
		    strcmp(rq->segment[i], "..") != 0 &&
		    strpbrk(rq->segment[i], "/\\") == NULL);
	for (size_t i = 0; i < rq->parameters; i++)
		MUST(text_is_utf8(rq->parameter[i].value,
		    strlen(rq->parameter[i].value)));
	if (contract_route(contract, sc, rq, &match) == PROBLEM_NONE) {
		MUST(match.operation != NULL);
		MUST(contract_allow(contract, sc, rq) == PROBLEM_NONE);
		judge_media(match.operation, rq);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *text = arena_copy(arena, data, size), *params[PARAMS_MAX + 1];
	char *end = text + size, *line = text, *next;
	struct request rq;
	struct scope sc;
	size_t count = 0;

	for (; line < end && *line != '\n' && count < PARAMS_MAX;
	     line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next != NULL ? next + 1 : end;
		if (next[-1] == '\n')
			next[-1] = '\0';
		params[count++] = line;
	}
	params[count] = NULL;
	scope_init(&sc, arena);
	if (http_parse(&sc, params, line, (size_t)(end - line), &rq) ==
	    PROBLEM_NONE)
		judge(&sc, &rq);
	MUST(sc.request_id[0] != '\0');
	arena_free(arena);
	return 0;
}
