/* SPDX-License-Identifier: MIT */
/*
 * All that can be said of a contract's files.  Faults come from the loader,
 * whose words are better than a schema's; what the language's own schema finds
 * beyond them is told too, so that neither can fall behind the other.  The
 * profile is looked at last, over whatever could be read.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "contract/language.h"
#include "contract/lint.h"
#include "contract/schema.h"

enum {
	FAULTS_MAX = 1 << 20,		/* bytes of the loader's lines */
	FILE_MAX = 4 << 20,		/* bytes of a file */
	DEPTH_MAX = 8,			/* directories below schemas/ */
};

/* One check. */
struct check {
	struct lint lint;
	const char *directory;
	const char *anonymous;	/* of api.json, or NULL */
};

static bool
ends_with(const char *s, const char *end)
{
	size_t length = strlen(s), tail = strlen(end);

	return length >= tail && strcmp(s + length - tail, end) == 0;
}

/* ---- The loader's faults. ---- */

/* Takes "file:line:column: text" apart; false when it is not of that shape. */
static bool
fault_cut(struct arena *arena, const char *line, size_t length,
    struct finding *ret)
{
	char *text = arena_copy(arena, line, length), *colon;

	*ret = (struct finding){ .is_fault = true, .id = "fault",
		.file = text };
	if ((colon = strchr(text, ':')) == NULL)
		return false;
	*colon = '\0';
	ret->line = strtoul(colon + 1, &colon, 10);
	if (*colon != ':')
		return false;
	ret->column = strtoul(colon + 1, &colon, 10);
	if (strncmp(colon, ": ", 2) != 0)
		return false;
	ret->what = colon + 2;
	return true;
}

static void
faults_add(struct check *c)
{
	const char *line, *end;
	struct contract *contract;
	struct finding f;
	struct buf faults;

	buf_init(&faults, FAULTS_MAX);
	contract = contract_load(c->directory, &faults);
	line = faults.length > 0 ? faults.at : "";
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
		if (fault_cut(c->lint.arena, line, (size_t)(end - line), &f))
			lint_add(&c->lint, &f);
	buf_release(&faults);
	contract_free(contract);
}

/* ---- The files, and the profile. ---- */

/* Reads a file that is JSON; what is not is the loader's to tell. */
static bool
tree_read(struct check *c, const char *file, struct lint_file *ret)
{
	struct arena *arena = c->lint.arena;
	struct json_fault unread;
	struct buf text;
	bool ok;

	buf_init(&text, FILE_MAX);
	ret->file = file;
	ok = file_read(arena_format(arena, "%s/%s", c->directory, file),
		&text) && text.length > 0 &&
	    json_read_placed(arena, text.at, text.length, &json_caps_file,
		&ret->root, &ret->places, &unread);
	if (ok)
		arena_defer(arena, json_drop, ret->root);
	buf_release(&text);
	return ok;
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
file_keep(struct lint *lint, const struct lint_file *file)
{
	struct lint_file *more = arena_alloc(lint->arena,
	    (lint->file_count + 1) * sizeof(*more));

	if (lint->file_count > 0)
		memcpy(more, lint->files, lint->file_count * sizeof(*more));
	more[lint->file_count++] = *file;
	lint->files = more;
}

/* All *.json below a directory of the contract, in the order of names. */
static void
files_read(struct check *c, const char *below, unsigned depth)
{
	struct arena *arena = c->lint.arena;
	struct dirent **entries;
	int count = scandir(arena_format(arena, "%s/%s", c->directory, below),
	    &entries, is_visible, alphasort);

	for (int i = 0; i < count; i++) {
		const char *file = arena_format(arena, "%s/%s", below,
		    entries[i]->d_name);
		struct lint_file read;
		struct stat st;

		if (stat(arena_format(arena, "%s/%s", c->directory, file),
			&st) == 0 && S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			files_read(c, file, depth + 1);
		else if (ends_with(file, ".json") &&
		    tree_read(c, file, &read))
			file_keep(&c->lint, &read);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* ---- The language's own schema. ---- */

/* Was a fault told of the file?  Then its issues are told already, better. */
static bool
is_told(const struct lint *lint, const char *file)
{
	for (size_t i = 0; i < lint->finding_count; i++)
		if (lint->findings[i].is_fault &&
		    strcmp(lint->findings[i].file, file) == 0)
			return true;
	return false;
}

/* "/operations/list" must be object: a finding for each issue. */
static void
issues_add(struct check *c, const struct lint_file *f, const struct scope *sc)
{
	for (unsigned i = 0; i < sc->issue_count; i++) {
		struct finding finding = { .is_fault = true,
			.id = "language", .file = f->file };

		json_place_of_path(f->places, f->root, sc->issues[i].path,
		    &finding.line, &finding.column);
		finding.what = arena_format(c->lint.arena, "%s %s (%s)",
		    sc->issues[i].pointer, sc->issues[i].message,
		    sc->issues[i].keyword);
		lint_add(&c->lint, &finding);
	}
}

static void
language_add(struct check *c, struct language *language,
    enum language_part part, const struct lint_file *f)
{
	const struct schema *schema = language_schema(language, part);
	struct scope *sc = arena_alloc(c->lint.arena, sizeof(*sc));

	scope_init(sc, c->lint.arena);
	if (!is_told(&c->lint, f->file) &&
	    !schema_judge(schema, sc, NULL, f->root))
		issues_add(c, f, sc);
}

static bool
is_text(struct json_object *value, const char *text)
{
	return text != NULL && json_object_is_type(value, json_type_string) &&
	    strcmp(json_object_get_string(value), text) == 0;
}

/* Is a text an item of the list that a member is? */
static bool
has_item(struct json_object *object, const char *member, const char *text)
{
	struct json_object *list = json_object_object_get(object, member);

	if (!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (is_text(json_object_array_get_idx(list, i), text))
			return true;
	return false;
}

static bool
is_summed_up(const struct check *c, const char *name,
    struct json_object *operation)
{
	(void)c;
	(void)name;
	return json_object_object_get_ex(operation, "summary", NULL);
}

/*
 * A POST whose answer was lost: was it done?  Keys are of those who have a
 * name, so it is of no use to ask for one where nobody needs a token.
 */
static bool
is_repeatable(const struct check *c, const char *name,
    struct json_object *operation)
{
	if (strcmp(name, "create") != 0 &&
	    !is_text(json_object_object_get(operation, "method"), "POST"))
		return true;
	return json_object_object_get_ex(operation, "idempotency", NULL) ||
	    has_item(operation, "roles", c->anonymous);
}

static const struct {
	const char *id;
	bool (*holds)(const struct check *c, const char *name,
	    struct json_object *operation);
	const char *what, *mend;
} of_operations[] = {
	{ "operation-summary", is_summed_up, "an operation without a summary",
	    "add \"summary\", a sentence for whoever reads the documents" },
	{ "operation-idempotency", is_repeatable, "a POST that cannot be "
	    "repeated; who did not get the answer cannot know whether it was "
	    "done",
	    "add \"idempotency\": \"optional\", or \"required\" where a "
	    "second time would cost" },
};

/* The operations of a resource say what they do, and may be repeated. */
static void
operations_check(struct check *c, const struct lint_file *f)
{
	struct json_object *all;

	if (!json_object_is_type(f->root, json_type_object) ||
	    !json_object_object_get_ex(f->root, "operations", &all) ||
	    !json_object_is_type(all, json_type_object))
		return;
	json_object_object_foreach(all, name, operation) {
		struct finding finding = { .file = f->file, .line = 1,
			.column = 1 };

		if (!json_object_is_type(operation, json_type_object))
			continue;
		(void)json_place_of_name(f->places, all, name, &finding.line,
		    &finding.column);
		for (size_t i = 0; i < countof(of_operations); i++) {
			if (of_operations[i].holds(c, name, operation))
				continue;
			finding.id = of_operations[i].id;
			finding.what = of_operations[i].what;
			finding.mend = of_operations[i].mend;
			lint_add(&c->lint, &finding);
		}
	}
}

static void
files_add(struct check *c)
{
	struct language *language = language_new();
	struct lint_file api;
	size_t schemas, resources, jobs, webhooks, messages, rollups, expectations;

	files_read(c, "schemas", 0);
	schemas = c->lint.file_count;
	files_read(c, "resources", DEPTH_MAX);
	resources = c->lint.file_count;
	files_read(c, "jobs", DEPTH_MAX);
	jobs = c->lint.file_count;
	files_read(c, "webhooks", DEPTH_MAX);
	webhooks = c->lint.file_count;
	files_read(c, "messages", DEPTH_MAX);
	messages = c->lint.file_count;
	files_read(c, "rollups", DEPTH_MAX);
	rollups = c->lint.file_count;
	files_read(c, "expectations", DEPTH_MAX);
	expectations = c->lint.file_count;
	if (tree_read(c, "api.json", &api)) {
		language_add(c, language, LANGUAGE_API, &api);
		if (json_object_is_type(api.root, json_type_object))
			c->anonymous = json_object_get_string(
			    json_object_object_get(api.root, "anonymous"));
	}
	for (size_t i = 0; i < schemas; i++)
		lint_schemas(&c->lint, &c->lint.files[i]);
	for (size_t i = schemas; i < resources; i++) {
		language_add(c, language, LANGUAGE_RESOURCE,
		    &c->lint.files[i]);
		operations_check(c, &c->lint.files[i]);
	}
	for (size_t i = resources; i < jobs; i++)
		language_add(c, language, LANGUAGE_JOB, &c->lint.files[i]);
	for (size_t i = jobs; i < webhooks; i++)
		language_add(c, language, LANGUAGE_WEBHOOK,
		    &c->lint.files[i]);
	for (size_t i = webhooks; i < messages; i++)
		language_add(c, language, LANGUAGE_MESSAGE,
		    &c->lint.files[i]);
	for (size_t i = messages; i < rollups; i++)
		language_add(c, language, LANGUAGE_ROLLUP, &c->lint.files[i]);
	for (size_t i = rollups; i < expectations; i++)
		language_add(c, language, LANGUAGE_EXPECTATION,
		    &c->lint.files[i]);
	language_free(language);
}

/* ---- All of it. ---- */

static int
by_place(const void *a_, const void *b_)
{
	const struct finding *a = a_, *b = b_;
	int order = strcmp(a->file, b->file);

	if (order != 0)
		return order;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	order = strcmp(a->id, b->id);
	return order != 0 ? order : strcmp(a->what, b->what);
}

void
contract_check(const char *directory, struct arena *arena,
    const struct finding **ret, size_t *ret_count)
{
	struct check c = { .lint = { .arena = arena },
		.directory = directory };

	faults_add(&c);
	files_add(&c);
	if (c.lint.finding_count > 0)
		qsort(c.lint.findings, c.lint.finding_count,
		    sizeof(*c.lint.findings), by_place);
	*ret = c.lint.findings;
	*ret_count = c.lint.finding_count;
}
