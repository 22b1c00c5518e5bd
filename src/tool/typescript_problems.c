/* SPDX-License-Identifier: MIT */
/*
 * problems.ts: every code that an operation of the contract can give, with its
 * status and sentence, so that a switch over them can be complete.
 */
#include "tool/typescript.h"

#include <string.h>

/* A code, with each status that it has. */
struct code {
	const struct possible *first;
	int statuses[8];
	size_t status_count;
	struct code *next;
};

static const char head[] =
    "\nimport type { TransportProblem } from './runtime/client.ts';\n"
    "\n/** A fault of the input, and its place. */\n"
    "export interface Issue {\n"
    "  /** Names of members and indexes of items: ['recipient', 'email'] */\n"
    "  path: (string | number)[];\n"
    "  /** The same as a JSON pointer: /recipient/email */\n"
    "  pointer: string;\n"
    "  code: IssueCode;\n"
    "  /** The rule that is broken: a word of JSON Schema, mostly. */\n"
    "  keyword: string;\n"
    "  /** For people. */\n"
    "  message: string;\n"
    "  params?: Record<string, unknown>;\n"
    "}\n"
    "\n/** What all problems have. */\n"
    "interface Refusal<C extends string, S extends number> {\n"
    "  code: C;\n"
    "  status: S;\n"
    "  /** For people. */\n"
    "  message: string;\n"
    "  /** May the same call, with the same key, do better later? */\n"
    "  retryable: boolean;\n"
    "  /** The server's name for the request, for its log. */\n"
    "  requestId: string | null;\n"
    "  /** What the server asked to wait. */\n"
    "  retryAfterMs?: number;\n"
    "  issues?: Issue[];\n"
    "  /** There are more than these. */\n"
    "  issues_truncated?: true;\n"
    "}\n"
    "\n/** All that operations can give, by code. */\n"
    "export interface Problems {\n";

/* Where an operation takes many records. */
static const char many[] =
    "\n/** A record that was rejected, by where it stood, from 0. */\n"
    "export interface RecordRejection {\n"
    "  index: number;\n"
    "  /** In a text of lines, from 1. */\n"
    "  line?: number;\n"
    "  code: string;\n"
    "  /** For people. */\n"
    "  message: string;\n"
    "  /** Where the line ceases to be JSON. */\n"
    "  column?: number;\n"
    "  issues?: Issue[];\n"
    "  issues_truncated?: true;\n"
    "}\n"
    "\n/** What came of many records; the first 1000 rejections are told. */\n"
    "export interface Ingested {\n"
    "  accepted: number;\n"
    "  duplicates: number;\n"
    "  rejected: number;\n"
    "  rejections: RecordRejection[];\n"
    "}\n";

static const char tail[] =
    "}\n"
    "\nexport type ProblemCode = keyof Problems;\n"
    "\n/** Some of them; `code` tells which one it is. */\n"
    "export type Problem<C extends ProblemCode = ProblemCode> = "
    "Problems[C];\n"
    "\n/** All that can come of any call. */\n"
    "export type AnyProblem = Problem | TransportProblem;\n";

/* Keeps them by status, in the order in which they come. */
static void
add(struct typescript *ts, struct code **list, const struct possible *p)
{
	struct code *known = *list, **at = list, *made;

	while (known != NULL && strcmp(known->first->code, p->code) != 0)
		known = known->next;
	if (known != NULL) {
		for (size_t i = 0; i < known->status_count; i++)
			if (known->statuses[i] == p->status)
				return;
		if (known->status_count < countof(known->statuses))
			known->statuses[known->status_count++] = p->status;
		return;
	}
	while (*at != NULL && (*at)->first->status <= p->status)
		at = &(*at)->next;
	made = arena_alloc(ts->arena, sizeof(*made));
	*made = (struct code){ p, { p->status }, 1, *at };
	*at = made;
}

static struct code *
codes_of(struct typescript *ts)
{
	size_t count, problem_count;
	const struct operation *op = contract_operations(ts->contract,
	    &count);
	struct code *list = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct possible *all = tool_problems(ts->contract,
		    &op[i], ts->arena, &problem_count);

		for (size_t j = 0; j < problem_count; j++)
			add(ts, &list, &all[j]);
	}
	return list;
}

static void
write_code(const struct code *code, struct buf *out)
{
	static const char *const more[PROBLEM_COUNT] = {
		[PROBLEM_VALIDATION_FAILED] = " & { issues: Issue[] }",
		[PROBLEM_INVALID_QUERY] = " & { issues: Issue[] }",
		[PROBLEM_INVALID_CURSOR] = " & { issues: Issue[] }",
		[PROBLEM_ALL_REJECTED] = " & { records?: Ingested }",
		[PROBLEM_MALFORMED_JSON] = " & {\n"
		    "    /** Where the text ceases to be JSON. */\n"
		    "    offset?: number;\n    line?: number;\n"
		    "    column?: number;\n  }",
	};
	const struct possible *p = code->first;

	typescript_comment(out, 2, p->sentence);
	buf_string(out, "  ");
	typescript_name(out, p->code);
	buf_string(out, ": Refusal<");
	typescript_string(out, p->code, strlen(p->code));
	for (size_t i = 0; i < code->status_count; i++)
		buf_format(out, "%s%d", i == 0 ? ", " : " | ",
		    code->statuses[i]);
	buf_format(out, ">%s;\n", p->problem < PROBLEM_COUNT &&
	    more[p->problem] != NULL ? more[p->problem] : "");
}

static void
write_issue_codes(struct buf *out)
{
	buf_string(out, "\nexport type IssueCode =");
	for (size_t i = 0; i < RULE_COUNT; i++) {
		size_t j = 0;

		while (strcmp(rule_code(j), rule_code(i)) != 0)
			j++;
		if (j == i)
			buf_format(out, "\n  | '%s'", rule_code(i));
	}
	buf_string(out, ";\n");
}

static bool
takes_many(struct typescript *ts)
{
	size_t count;
	const struct operation *op = contract_operations(ts->contract,
	    &count);

	for (size_t i = 0; i < count; i++)
		if (op[i].bulk != NULL)
			return true;
	return false;
}

void
typescript_problems(struct typescript *ts, struct buf *out)
{
	buf_string(out, head);
	for (const struct code *c = codes_of(ts); c != NULL; c = c->next)
		write_code(c, out);
	buf_string(out, tail);
	if (takes_many(ts))
		buf_string(out, many);
	write_issue_codes(out);
}
