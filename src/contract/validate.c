/* SPDX-License-Identifier: MIT */
/*
 * A schema by itself, or an operation's body.  Files are named by their whole
 * path below the root directory, so that a schema may refer to any file that
 * its author can read; what is told of them begins where the user stands.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "contract/annotate.h"

enum {
	FAULTS_MAX = 1 << 20,	/* bytes that are told */
	DEPTH_MAX = 32,		/* directories of resources, nested */
	/* Files are larger than requests, and nobody waits in a queue. */
	VALIDATOR_STEPS_MAX = 300 * SCHEMA_STEPS_MAX,
};

struct validator {
	struct arena *arena;
	struct schema_set *set;
	const struct schema *schema;
	const struct outline *outline;	/* when it is to tell, or NULL */
	const struct contract *contract;
	const struct operation *operation;	/* whose body it judges */
};

/* While a validator is made. */
struct making {
	struct validator *validator;
	const struct validator_options *options;
	struct buf faults;	/* named from the root directory */
};

/* The text without the working directory, when the path leads through it. */
static const char *
from_here(const char *path, const char *here)
{
	size_t length = strlen(here);

	if (length > 1 && strncmp(path, here, length) == 0 &&
	    path[length] == '/')
		return path + length + 1;
	return path;
}

/* Does a fault's line begin with a whole path, or a URI? */
static bool
has_place(const char *line)
{
	const char *slashes = strstr(line, "://");

	return line[0] == '/' ||
	    (slashes != NULL && slashes < line + strcspn(line, " \n"));
}

/* Tells the faults, each file as the user would name it. */
static void
tell(struct making *m, struct buf *out)
{
	char here[PATH_MAX];
	const char *end, *line = m->faults.length > 0 ? m->faults.at : "";

	if (getcwd(here, sizeof(here)) == NULL)
		here[0] = '\0';
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		char *text = arena_format(m->validator->arena, "%s%.*s\n",
		    has_place(line) ? "" : "/", (int)(end - line), line);

		buf_string(out, from_here(text, here));
	}
}

static void
fault(struct making *m, const char *path, const char *what)
{
	buf_format(&m->faults, "%s:1:1: %s\n",
	    path[0] == '/' ? path + 1 : path, what);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t length = strlen(s), tail = strlen(end);

	return length >= tail && strcmp(s + length - tail, end) == 0;
}

/* Registers a file under the base and its path below the directory. */
static void
resource_add(struct making *m, const char *path, const char *below)
{
	const char *base = m->options->base;
	struct arena *arena = m->validator->arena;
	const char *uri = base != NULL ?
	    arena_format(arena, "%s%s", base, below) :
	    arena_format(arena, "file://%s", path);

	(void)!schema_set_register(m->validator->set, uri, path, &m->faults);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* All *.json of a directory and of those below it, in the order of names. */
static void
resources_add(struct making *m, const char *path, const char *below,
    unsigned depth)
{
	struct arena *arena = m->validator->arena;
	struct dirent **entries;
	int count = scandir(path, &entries, is_visible, alphasort);

	if (count < 0) {
		fault(m, path, arena_format(arena, "cannot be read: %s",
		    strerror(errno)));
		return;
	}
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		const char *inner = arena_format(arena, "%s/%s", path, name);
		const char *relative = arena_format(arena, "%s%s", below,
		    name);
		struct stat st;

		if (stat(inner, &st) == 0 && S_ISDIR(st.st_mode) &&
		    depth < DEPTH_MAX)
			resources_add(m, inner, arena_format(arena, "%s/",
			    relative), depth + 1);
		else if (ends_with(name, ".json"))
			resource_add(m, inner, relative);
		free(entries[i]);
	}
	free(entries);
}

/* The real path of a file or directory; NULL when there is none: a fault. */
static const char *
real(struct making *m, const char *path)
{
	char real_path[PATH_MAX];
	const char *what;

	if (realpath(path, real_path) != NULL)
		return arena_string(m->validator->arena, real_path);
	what = arena_format(m->validator->arena, "cannot be read: %s",
	    strerror(errno));
	if (path[0] != '/' && getcwd(real_path, sizeof(real_path)) != NULL)
		path = arena_format(m->validator->arena, "%s/%s", real_path,
		    path);
	fault(m, path, what);
	return NULL;
}

static void
compile(struct making *m)
{
	const struct validator_options *o = m->options;
	const char *path = real(m, o->schema);

	for (size_t i = 0; i < o->resource_count; i++) {
		const char *directory = real(m, o->resources[i]);

		if (directory != NULL)
			resources_add(m, directory, "", 0);
	}
	if (path != NULL && m->faults.length == 0)
		m->validator->schema = schema_compile(m->validator->set,
		    path + 1, VARIANT_WHOLE, &m->faults);
	if (m->validator->schema != NULL && o->tell)
		m->validator->outline = outline_new(m->validator->set,
		    m->validator->schema, &m->faults);
}

/* The operation of that name, if it takes a body. */
static struct validator *
body_validator_new(const struct validator_options *options, struct buf *faults)
{
	struct arena *arena;
	struct validator *validator;
	const struct operation *op;
	size_t count, i = 0;

	op = contract_operations(options->contract, &count);
	while (i < count && strcmp(op[i].name, options->operation) != 0)
		i++;
	if (i == count || op[i].body == NULL) {
		buf_format(faults, i == count ? "there is no operation %s\n" :
		    "%s takes no body\n", options->operation);
		return NULL;
	}
	arena = arena_new();
	validator = arena_alloc(arena, sizeof(*validator));
	validator->arena = arena;
	validator->contract = options->contract;
	validator->operation = &op[i];
	return validator;
}

struct validator *
validator_new(const struct validator_options *options, struct buf *faults)
{
	struct arena *arena;
	struct making m = { NULL, options, { 0 } };

	if (options->operation != NULL)
		return body_validator_new(options, faults);
	arena = arena_new();
	m.validator = arena_alloc(arena, sizeof(*m.validator));
	buf_init(&m.faults, FAULTS_MAX);
	m.validator->arena = arena;
	m.validator->set = schema_set_new("/",
	    &(struct schema_options){ .assert_format =
		options->assert_format });
	compile(&m);
	tell(&m, faults);
	buf_release(&m.faults);
	if (m.validator->schema != NULL)
		return m.validator;
	validator_free(m.validator);
	return NULL;
}

void
validator_free(struct validator *validator)
{
	if (validator == NULL)
		return;
	if (validator->set != NULL)
		schema_set_free(validator->set);
	arena_free(validator->arena);
}

void
validator_judge(const struct validator *validator, struct scope *sc,
    const char *text, size_t length, struct validated *ret)
{
	const struct operation *op = validator->operation;
	unsigned steps = VALIDATOR_STEPS_MAX;
	struct json_places *places;
	struct json_object *root;
	struct json_fault unread;

	*ret = (struct validated){ 0 };
	if (!json_read_placed(sc->arena, text, length, op != NULL ?
		&json_caps_wire : &json_caps_standard, &root, &places,
		&unread)) {
		ret->reason = unread.reason;
		ret->line = unread.line;
		ret->column = unread.column;
		return;
	}
	arena_defer(sc->arena, json_drop, root);
	ret->is_json = true;
	ret->document = root;
	ret->valid = op != NULL ?
	    contract_judge_body(validator->contract, sc, op, root, length) :
	    schema_judge_within(validator->schema, sc, NULL, root, &steps);
	for (unsigned i = 0; i < sc->issue_count; i++)
		json_place_of_path(places, root, sc->issues[i].path,
		    &ret->places[i].line, &ret->places[i].column);
}

void
validator_tell(const struct validator *validator, struct scope *sc,
    const struct validated *validated, struct buf *out)
{
	struct output output;

	annotate(validator->outline, sc->arena, validated->document, &output);
	output_write(&output, validated->valid, out);
}
