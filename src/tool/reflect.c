/* SPDX-License-Identifier: MIT */
/*
 * Tables as resources: which ones, under which names, into which files.  A name
 * that another resource has is made longer by the schema's; a file that is
 * there stays as it is.  Run again, it does nothing but tell.
 */
#include "tool/reflecting.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

enum { FILE_MAX = 1 << 20, NAME_MAX_LENGTH = 63 };

void
reflect_note(struct reflection *r, const char *format, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, format);
	text = arena_vformat(r->arena, format, ap);
	va_end(ap);
	buf_format(&r->notes, "  note      %s\n", text);
}

/* ---- Names. ---- */

/* What a resource file says of a text member, or NULL. */
static const char *
member_of_file(struct reflection *r, const char *path, const char *name)
{
	struct json_object *root, *member;
	const char *found = NULL;
	struct json_fault fault;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (file_read(path, &text) && json_read(text.at, text.length,
		&json_caps_file, &root, &fault)) {
		if (json_object_is_type(root, json_type_object) &&
		    json_object_object_get_ex(root, name, &member) &&
		    json_object_is_type(member, json_type_string))
			found = arena_string(r->arena,
			    json_object_get_string(member));
		json_object_put(root);
	}
	buf_release(&text);
	return found;
}

static const char *
table_of_file(struct reflection *r, const char *path)
{
	return member_of_file(r, path, "table");
}

/* A resource of the table that was made by other means, or under another name. */
static const char *
served_already(struct reflection *r, const struct reflected *t)
{
	const char *directory = arena_format(r->arena, "%s/resources",
	    r->options->contract), *found = NULL;
	const char *own = arena_format(r->arena, "%s.%s", t->table->schema,
	    t->table->name);
	const char *schema = arena_format(r->arena, "schemas/%s.json",
	    t->name);
	DIR *all = opendir(directory);
	const struct dirent *entry;

	while (all != NULL && found == NULL &&
	    (entry = readdir(all)) != NULL) {
		const char *path = arena_format(r->arena, "%s/%s", directory,
		    entry->d_name);
		const char *table = entry->d_name[0] == '.' ? NULL :
		    table_of_file(r, path), *its;

		if (table == NULL || strcmp(table, own) != 0)
			continue;
		its = member_of_file(r, path, "schema");
		if (its == NULL || strcmp(its, schema) != 0)
			found = path;
	}
	if (all != NULL)
		closedir(all);
	return found;
}

/* The file of that resource is another table's. */
static bool
is_others(struct reflection *r, const struct reflected *t, const char *name)
{
	const char *own = arena_format(r->arena, "%s.%s", t->table->schema,
	    t->table->name);
	const char *there = table_of_file(r, arena_format(r->arena,
	    "%s/resources/%s.json", r->options->contract, name));

	if (there != NULL && strcmp(there, own) != 0)
		return true;
	for (size_t i = 0; i < r->count; i++)
		if (&r->tables[i] != t && r->tables[i].wanted &&
		    r->tables[i].name != NULL &&
		    strcmp(r->tables[i].name, name) == 0)
			return true;
	return false;
}

/* a-z, 0-9 and _, a letter first. */
static const char *
word_of(struct reflection *r, const char *name)
{
	char *word = arena_format(r->arena, "%s%s", isalpha((unsigned char)
	    *name) ? "" : "t", name), *at;

	for (at = word; *at != '\0'; at++)
		*at = isalnum((unsigned char)*at) ?
		    (char)tolower((unsigned char)*at) : '_';
	if (strlen(word) > NAME_MAX_LENGTH)
		word[NAME_MAX_LENGTH] = '\0';
	return word;
}

/* Is it a name that a contract takes for a schema or table? */
static bool
is_plain(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(s) &&
	    !isdigit((unsigned char)*s);
}

static void
find_name(struct reflection *r, struct reflected *t)
{
	const char *name = word_of(r, t->table->name);

	if (is_others(r, t, name))
		name = word_of(r, arena_format(r->arena, "%s_%s",
		    t->table->schema, t->table->name));
	t->name = name;
	if (!is_plain(t->table->schema) || !is_plain(t->table->name))
		t->refused = "its name has other characters than A-Z, a-z, "
		    "0-9 and _; a view of another name can be served";
	else if (is_others(r, t, name))
		t->refused = "there is another resource of its name";
	else if (!r->options->force && served_already(r, t) != NULL)
		t->refused = arena_format(r->arena, "%s serves it already; "
		    "--force makes another", served_already(r, t));
}

/* ---- What is known of a table beforehand. ---- */

static bool
has_access(const struct reflection *r, const struct catalog_table *t)
{
	for (size_t i = 0; t->kind == 'v' &&
	     i < r->options->about->role_count; i++)
		if (!r->catalog->roles[i].bypasses &&
		    (t->rights[i] & CATALOG_MAY_SELECT) != 0)
			return true;
	return t->policy_count > 0;
}

static const char *
refused(const struct catalog_table *t)
{
	if (t->kind == 'm')
		return "a materialized view has no row security: who may read "
		    "it reads all of it; make a view of it, or a function";
	if (t->kind == 'f')
		return "a foreign table has no row security";
	if (t->partition)
		return "it is a part of another table; serve that one";
	if (t->extension)
		return "it belongs to an extension";
	return NULL;
}

static bool
begin_table(struct reflection *r, struct reflected *t,
    const struct catalog_table *table, bool wanted)
{
	*t = (struct reflected){ .table = table, .wanted = wanted,
		.refused = refused(table),
		.sql = arena_format(r->arena, "\"%s\".\"%s\"", table->schema,
		    table->name), .dumped = has_access(r, table) };
	return catalog_grants(r->catalog, table, &t->grants, &t->grant_count);
}

/* All roles of the contract but the anonymous one and servers', or the given. */
static void
find_callers(struct reflection *r)
{
	const struct contract_about *about = r->options->about;
	const char **roles = arena_alloc(r->arena,
	    (about->role_count + 1) * sizeof(*roles));

	r->callers = r->options->roles;
	r->caller_count = r->options->role_count;
	if (r->caller_count > 0)
		return;
	r->callers = roles;
	for (size_t i = 0; i < about->role_count; i++)
		if (!reflect_is_server(r, about->roles[i]) &&
		    (about->anonymous == NULL ||
			strcmp(about->roles[i], about->anonymous) != 0))
			roles[r->caller_count++] = about->roles[i];
}

/* ---- Files. ---- */

static void
tell(struct reflection *r, const char *path, enum placed placed)
{
	static const char *const words[] = {
		[PLACED_NEW] = "wrote", [PLACED_SAME] = "the same",
		[PLACED_LEFT] = "left", [PLACED_REPLACED] = "replaced",
		[PLACED_FAILED] = "failed",
	};

	fprintf(r->options->told, "  %-9s %s%s%s\n", words[placed], path,
	    placed == PLACED_LEFT ? ", which is there already; --force "
	    "replaces it" : placed == PLACED_FAILED ? ": " : "",
	    placed == PLACED_FAILED ? strerror(errno) : "");
}

static bool
put_file(struct reflection *r, const char *path, const char *text,
    unsigned mode)
{
	enum placed placed;

	if (r->options->dry) {
		fprintf(r->options->told, "\n==> %s <==\n%s", path, text);
		return true;
	}
	placed = tool_place(path, text, mode, r->options->force);
	tell(r, path, placed);
	return placed != PLACED_FAILED;
}

/* JSON as people write it. */
static bool
put_json(struct reflection *r, const char *path, struct pen *pen)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	bool well = out != NULL && !pen->text.failed;

	if (well)
		pen_print(pen->text.at, out);
	if (out != NULL)
		well &= fclose(out) == 0;
	well = well && put_file(r, path, text, 0666);
	free(text);
	return well;
}

static bool
put_tree(struct reflection *r, const struct reflected *t, const char *folder,
    void (*writer)(struct reflection *, const struct reflected *,
	struct pen *))
{
	struct pen pen;
	bool well;

	pen_init(&pen, FILE_MAX);
	writer(r, t, &pen);
	well = put_json(r, arena_format(r->arena, "%s/%s/%s.json",
	    r->options->contract, folder, t->name), &pen);
	pen_release(&pen);
	return well;
}

static bool
put_text(struct reflection *r, const struct reflected *t, const char *path,
    unsigned mode, void (*writer)(struct reflection *,
	const struct reflected *, struct buf *))
{
	struct buf text;
	bool well;

	buf_init(&text, FILE_MAX);
	writer(r, t, &text);
	well = !text.failed && put_file(r, path, text.at, mode);
	buf_release(&text);
	return well;
}

static void
note_columns(struct reflection *r, const struct reflected *t)
{
	for (size_t i = 0; i < t->table->column_count; i++)
		if (t->columns[i].left_out != NULL)
			reflect_note(r, "%s is left out: %s",
			    t->columns[i].column->name,
			    t->columns[i].left_out);
	if (t->key_guessed)
		reflect_note(r, "its rows are taken to be named by %s, as in "
		    "the table that it reads; --key says otherwise",
		    t->key[0]);
}

static bool
has_operations(struct reflection *r, const struct reflected *t)
{
	size_t count = 0;

	for (int verb = 0; verb < CATALOG_VERB_COUNT && count == 0; verb++)
		(void)reflect_roles(r, t, verb, &count);
	return count > 0;
}

static bool
make_resource(struct reflection *r, struct reflected *t)
{
	const struct reflect_options *o = r->options;
	bool well;

	buf_clear(&r->notes);
	if (t->refused == NULL && !has_operations(r, t))
		t->refused = "no role of the contract may do anything with it";
	fprintf(o->told, "%s.%s\n", t->table->schema, t->table->name);
	if (t->refused != NULL) {
		fprintf(o->told, "  left out  %s\n", t->refused);
		return false;
	}
	well = put_tree(r, t, "schemas", reflect_schema) &&
	    put_tree(r, t, "resources", reflect_resource) &&
	    put_text(r, t, arena_format(r->arena, "%s/%s.sql", o->policies,
		t->name), 0666, reflect_policy) &&
	    put_text(r, t, arena_format(r->arena, "%s/%s_test.sh", o->tests,
		t->name), 0777, reflect_test);
	note_columns(r, t);
	fputs(r->notes.length > 0 ? r->notes.at : "", o->told);
	return well;
}

/* ---- All. ---- */

static bool
begin(struct reflection *r, const struct catalog_table *const *tables,
    size_t count)
{
	r->count = r->catalog->table_count;
	r->tables = arena_alloc(r->arena, (r->count + 1) *
	    sizeof(*r->tables));
	for (size_t i = 0; i < r->count; i++) {
		const struct catalog_table *t = &r->catalog->tables[i];
		bool wanted = false;

		for (size_t n = 0; n < count; n++)
			wanted |= tables[n] == t;
		if (!begin_table(r, &r->tables[i], t, wanted))
			return false;
	}
	find_callers(r);
	reflect_owners(r);
	for (size_t i = 0; i < r->count; i++) {
		struct reflected *t = &r->tables[i];

		if (t->wanted && t->refused == NULL)
			find_name(r, t);
		if (t->wanted && t->refused == NULL)
			reflect_columns(r, t);
	}
	return true;
}

size_t
tool_reflect(const struct reflect_options *options,
    const struct catalog *catalog, const struct catalog_table *const *tables,
    size_t count)
{
	struct reflection r = { .options = options, .catalog = catalog,
		.arena = arena_new() };
	size_t made = 0;

	buf_init(&r.notes, FILE_MAX);
	if (begin(&r, tables, count))
		for (size_t i = 0; i < r.count; i++)
			if (r.tables[i].wanted)
				made += make_resource(&r, &r.tables[i]);
	buf_release(&r.notes);
	arena_free(r.arena);
	return made;
}

const struct catalog_table *const *
tool_reflect_all(const struct catalog *catalog, const char *schema,
    struct arena *arena, size_t *ret_count)
{
	const struct catalog_table **list = arena_alloc(arena,
	    (catalog->table_count + 1) * sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < catalog->table_count; i++) {
		const struct catalog_table *t = &catalog->tables[i];

		if (strcmp(t->schema, schema) == 0 && !t->partition &&
		    !t->extension)
			list[count++] = t;
	}
	*ret_count = count;
	return list;
}
