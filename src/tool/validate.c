/* SPDX-License-Identifier: MIT */
/*
 * Documents against a schema, for people and for programs.  Each instance is
 * judged in an arena of its own turn, so any number of them takes the memory
 * of the largest.  The worst of all that was found is the exit code.
 */
#include "tool/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

enum { WELL = 0, FOUND = 1, TROUBLE = 2 };	/* as of diff */
enum { INSTANCE_MAX = 256 << 20 };		/* bytes of a file */

/* One run over all files. */
struct run {
	const struct validator *validator;
	const struct validate_options *options;
	FILE *out, *err;
	struct arena *arena;
	struct buf line;
	int status;
};

/* One instance; `first_line` is its line in the file, counted from 0. */
struct instance {
	const char *name;
	size_t first_line;
	const struct validator *validator;
	struct scope *sc;
	const struct validated *found;
};

static void
worse(struct run *run, int status)
{
	if (status > run->status)
		run->status = status;
}

/* Adds a JSON string's text without quotes and the escapes of both. */
static void
add_plain(struct buf *b, const char *json)
{
	size_t length = strlen(json);

	for (size_t i = 1; i + 1 < length; i++) {
		if (json[i] == '\\' && (json[i + 1] == '"' ||
		    json[i + 1] == '\\'))
			i++;
		buf_char(b, json[i]);
	}
}

/* FILE:LINE:COLUMN: "/pointer" must be ..., a line for each issue. */
static void
add_people(struct buf *b, const struct instance *of,
    const struct validate_options *options)
{
	if (of->found->valid) {
		buf_string(b, of->name);
		if (options->lines)
			buf_format(b, ":%zu", of->first_line + 1);
		buf_string(b, ": ok\n");
		return;
	}
	for (unsigned i = 0; i < of->sc->issue_count; i++) {
		const struct issue *issue = &of->sc->issues[i];

		buf_format(b, "%s:%zu:%zu: %s ", of->name,
		    of->first_line + of->found->places[i].line,
		    of->found->places[i].column,
		    strcmp(issue->pointer, "\"\"") == 0 ? "the document" :
							  issue->pointer);
		add_plain(b, issue->message);
		buf_char(b, '\n');
	}
	if (of->sc->issues_truncated)
		buf_format(b, "%s:%zu:1: there are more issues than these\n",
		    of->name, of->first_line + 1);
}

/* What a failure's envelope says of issues, beside the instance's name. */
static void
add_wire(struct buf *b, const struct instance *of,
    const struct validate_options *options)
{
	buf_string(b, "{\"instance\":");
	buf_json_string(b, of->name);
	if (options->lines)
		buf_format(b, ",\"line\":%zu", of->first_line + 1);
	buf_format(b, ",\"valid\":%s", of->found->valid ? "true" : "false");
	if (!of->found->valid) {
		buf_char(b, ',');
		scope_issues_write(of->sc, b);
	}
	buf_string(b, "}\n");
}

/* JSON Schema's output of that name. */
static void
add_basic(struct buf *b, const struct instance *of,
    const struct validate_options *options)
{
	(void)options;
	validator_tell(of->validator, of->sc, of->found, b);
	buf_char(b, '\n');
}

static void
add_flag(struct buf *b, const struct instance *of,
    const struct validate_options *options)
{
	(void)options;
	buf_string(b, of->found->valid ? "{\"valid\":true}\n" :
					 "{\"valid\":false}\n");
}

static void (*const outputs[])(struct buf *, const struct instance *,
    const struct validate_options *) = {
	[VALIDATE_PEOPLE] = add_people,
	[VALIDATE_WIRE] = add_wire,
	[VALIDATE_BASIC] = add_basic,
	[VALIDATE_FLAG] = add_flag,
};

static void
judge(struct run *run, const char *name, size_t first_line, const char *text,
    size_t length)
{
	struct validated found;
	struct scope sc;
	const struct instance of = { name, first_line, run->validator,
		&sc, &found };

	scope_init(&sc, run->arena);
	validator_judge(run->validator, &sc, text, length, &found);
	if (found.is_json) {
		buf_clear(&run->line);
		outputs[run->options->output](&run->line, &of, run->options);
		fwrite(run->line.at, 1, run->line.length, run->out);
		worse(run, found.valid ? WELL : FOUND);
	} else {
		fprintf(run->err, "%s:%zu:%zu: is not JSON: %s\n", name,
		    first_line + found.line, found.column, found.reason);
		worse(run, TROUBLE);
	}
	arena_reset(run->arena);
}

static bool
is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

static void
judge_lines(struct run *run, const char *name, FILE *in)
{
	char *line = NULL;
	size_t size = 0, number = 0;
	ssize_t length;

	for (; (length = getline(&line, &size, in)) >= 0; number++)
		if (!is_blank(line) || strlen(line) != (size_t)length)
			judge(run, name, number, line, (size_t)length);
	free(line);
}

static void
judge_whole(struct run *run, const char *name, FILE *in)
{
	char piece[65536];
	struct buf text;
	size_t n;

	buf_init(&text, INSTANCE_MAX);
	while (!text.failed && (n = fread(piece, 1, sizeof(piece), in)) > 0)
		buf_add(&text, piece, n);
	if (text.failed) {
		fprintf(run->err, "%s: is larger than %d MiB\n", name,
		    INSTANCE_MAX >> 20);
		worse(run, TROUBLE);
	} else if (!ferror(in)) {
		judge(run, name, 0, text.at != NULL ? text.at : "",
		    text.length);
	}
	buf_release(&text);
}

static void
judge_file(struct run *run, const char *path)
{
	bool is_input = strcmp(path, "-") == 0;
	const char *name = is_input ? "(standard input)" : path;
	FILE *in = is_input ? stdin : fopen(path, "re");

	if (in != NULL) {
		errno = 0;
		(run->options->lines ? judge_lines : judge_whole)(run, name,
		    in);
	}
	if (in == NULL || ferror(in)) {
		fprintf(run->err, "%s: cannot be read: %s\n", name,
		    strerror(errno));
		worse(run, TROUBLE);
	}
	if (in != NULL && !is_input)
		fclose(in);
}

int
tool_validate(const struct validator *validator,
    const struct validate_options *options, char *const *files, size_t count,
    FILE *out, FILE *err)
{
	struct run run = { validator, options, out, err, arena_new(),
		{ 0 }, WELL };

	buf_init(&run.line, SIZE_MAX / 8);
	for (size_t i = 0; i < count; i++)
		judge_file(&run, files[i]);
	buf_release(&run.line);
	arena_free(run.arena);
	return run.status;
}
