/* SPDX-License-Identifier: MIT */
/*
 * Which policy files a patch has applied again, changes or writes.  A file that
 * is there is the truth and is applied as it stands; only what is still wrong
 * after that is added to its end.  A table that has policies and no file keeps
 * its policies: a file would begin by dropping them.
 */
#include "tool/patch_part.h"

#include <string.h>

#include "base/file.h"
#include "tool/rollup.h"

bool
patch_is_access(const struct db_finding *f)
{
	static const char *const ids[] = { "grant-missing", "grant-truncate",
		"grant-structural", "grant-public", "grant-option",
		"write-grant-wider", "read-grant-wider", "table-extra",
		"column-owner-writable", "column-privilege-writable",
		"column-secret-readable", "rollup-policy" };
	static const char *const others[] = { "policy-unindexed",
		"policy-volatile-call", "policy-function-denied" };
	bool access = strncmp(f->rule->id, "rls-", 4) == 0 ||
	    strncmp(f->rule->id, "policy-", 7) == 0;

	for (size_t i = 0; i < countof(ids); i++)
		access = access || strcmp(f->rule->id, ids[i]) == 0;
	for (size_t i = 0; i < countof(others); i++)
		access = access && strcmp(f->rule->id, others[i]) != 0;
	return access;
}

/* "schema.table", as a finding's object has it, with or without more. */
static bool
is_named(const char *object, const char *table)
{
	size_t length = strlen(table);

	return strncmp(object, table, length) == 0 &&
	    (object[length] == '\0' || strchr(". (", object[length]) != NULL);
}

bool
patch_is_of(const struct db_finding *f, const struct catalog_table *t,
    struct arena *arena)
{
	const char *table = arena_format(arena, "%s.%s", t->schema, t->name);
	const char *on = strstr(f->object, " on ");

	return is_named(f->object, table) || (on != NULL &&
	    strncmp(f->object, "policy ", 7) == 0 && is_named(on + 4, table));
}

/* The tables of a rollup are in the file of its view; else it is the table. */
static const struct catalog_table *
filed_under(struct patching *p, const struct catalog_table *t)
{
	size_t count;
	const struct rollup *all = contract_rollups(p->contract, &count);
	const char *name;

	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; (name = rollup_relation(p->arena, &all[i],
		    n)) != NULL; n++)
			if (strcmp(name, t->name) == 0 && strcmp(
			    all[i].resource->table.schema_name, t->schema) ==
			    0)
				return catalog_table(p->catalog,
				    &(struct relation){ .name = all[i].name,
					.schema_name = t->schema });
	return t;
}

static const struct catalog_table *
table_of(struct patching *p, const struct db_finding *f)
{
	for (size_t i = 0; i < p->catalog->table_count; i++)
		if (patch_is_of(f, &p->catalog->tables[i], p->arena))
			return filed_under(p, &p->catalog->tables[i]);
	return NULL;
}

/* The text of a table's own file, or NULL: it has none. */
static const char *
read_own(struct patching *p, const struct catalog_table *t)
{
	const char *path = arena_format(p->arena, "%s/%s.sql",
	    p->options->policies, t->name);
	const char *text = NULL;
	struct buf b;

	buf_init(&b, 8 << 20);
	if (file_read(path, &b) && drift_mentions(b.at, arena_format(p->arena,
	    "%s.%s", t->schema, t->name)))
		text = arena_string(p->arena, b.at);
	buf_release(&b);
	return text;
}

static bool
is_resource(struct patching *p, const struct catalog_table *t)
{
	size_t count;
	const struct resource *r = contract_resources(p->contract, &count);

	for (size_t i = 0; i < count; i++)
		if (r[i].table.name != NULL &&
		    catalog_table(p->catalog, &r[i].table) == t)
			return true;
	return false;
}

static void
add_file(struct patching *p, const struct policy_file *file)
{
	struct policy_file *wider;

	if (p->file_count == p->file_room) {
		p->file_room = p->file_room == 0 ? 16 : 2 * p->file_room;
		wider = arena_alloc(p->arena, p->file_room * sizeof(*wider));
		if (p->file_count > 0)
			memcpy(wider, p->files, p->file_count *
			    sizeof(*wider));
		p->files = wider;
	}
	p->files[p->file_count++] = *file;
}

/* Names go into comments, which none may leave. */
static bool
is_tame(const struct catalog *c)
{
	size_t wild = 0;

	for (size_t i = 0; i < c->table_count; i++) {
		const struct catalog_table *t = &c->tables[i];

		wild += strpbrk(t->name, "\n\r") != NULL;
		wild += strpbrk(t->schema, "\n\r") != NULL;
		for (size_t n = 0; n < t->column_count; n++)
			wild += strpbrk(t->columns[n].name, "\n\r") != NULL;
	}
	return wild == 0;
}

/* The table's file, one that is there or a new one; false: it has none. */
static bool
begin_file(struct patching *p, const struct catalog_table *t)
{
	struct policy_file file = { .table = t, .how = FILE_AGAIN,
		.fresh = true, .text = read_own(p, t),
		.name = arena_format(p->arena, "%s.sql", t->name) };

	if (file.text == NULL) {
		if (!is_tame(p->catalog) || t->policy_count > 0 ||
		    !is_resource(p, t) ||
		    (t->kind != 'r' && t->kind != 'p'))
			return false;
		file.how = FILE_NEW;
		file.text = patch_policy(p, t);
	}
	add_file(p, &file);
	return true;
}

/*
 * Adds a mend to the end of a file.  A grant without a policy is no reason to
 * revoke what an operation needs: that is told by the contract.
 */
static bool
append(struct patching *p, struct policy_file *file,
    const struct db_finding *f)
{
	const char *sql = patch_sql(f);
	size_t length = strlen(file->text);

	if (sql == NULL || file->failed != NULL || file->fresh ||
	    strcmp(f->rule->id, "rls-no-policy") == 0 ||
	    strstr(file->text, sql) != NULL)
		return false;
	file->text = arena_format(p->arena, "%s%s\n-- %s: %s\n%s%s\n",
	    file->text, length > 0 && file->text[length - 1] != '\n' ? "\n" :
	    "", f->rule->id, patch_comment(p->arena, f->what), sql,
	    sql[strlen(sql) - 1] == ';' ? "" : ";");
	if (file->how == FILE_AGAIN)
		file->how = FILE_CHANGED;
	return true;
}

bool
patch_by_file(struct patching *p, const struct db_finding *f,
    bool *ret_added)
{
	const struct catalog_table *t = table_of(p, f);

	for (size_t i = 0; t != NULL && i < p->file_count; i++)
		if (p->files[i].table == t) {
			*ret_added = append(p, &p->files[i], f);
			return true;
		}
	if (t == NULL || !begin_file(p, t))
		return false;
	*ret_added = true;
	return true;
}
