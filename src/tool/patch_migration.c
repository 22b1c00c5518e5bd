/* SPDX-License-Identifier: MIT */
/*
 * The pieces as migrations, each a transaction of its own, by what they keep
 * others from: the first changes the catalog alone and is done at once; the
 * second looks at all rows while these are read and written; the third builds
 * indexes, while which rows are read and not written.  The clauses of a table
 * are one statement.
 */
#include "tool/patch_part.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static const struct part {
	enum step from, to;
	const char *name, *what, *head;
} parts[] = {
	{ STEP_KEY, STEP_ACCESS, "agree",
	  "rules and rights, at once",
	  "What the contract and row security ask for, found by lockstep check "
	  "--patch.\n-- It changes the catalog alone: a constraint holds for "
	  "new rows from here on, and\n-- the next migration looks at the old "
	  "ones." },
	{ STEP_VALIDATE, STEP_DROP, "agree_rows",
	  "all rows are looked at, while others read and write them",
	  "The rows that were there before are held to the rules of the last "
	  "migration,\n-- while others read and write. A column that was "
	  "proved to hold no NULL is set\n-- not null without another "
	  "look, and the proof goes." },
	{ STEP_INDEX, STEP_INDEX, "agree_indexes",
	  "indexes, while others read and wait to write",
	  "Indexes that lists, policies and foreign keys want. Who writes to a "
	  "table waits\n-- until its own are built; for a large one, make them "
	  "by hand (CREATE INDEX\n-- CONCURRENTLY), and take them out here." },
};

static void
put_comment(struct patching *p, struct buf *out, const char *indent,
    const struct db_finding *f)
{
	buf_format(out, "%s-- %s: ", indent, patch_comment(p->arena,
	    f->object));
	buf_format(out, "%s\n", patch_comment(p->arena, f->what));
}

static bool
is_in(const struct piece *piece, enum step step)
{
	return piece->step == step && piece->failed == NULL;
}

/* All clauses of the table's in this step, or nothing: they were written. */
static void
put_table(struct patching *p, size_t first, struct buf *out)
{
	const struct piece *head = &p->pieces[first];
	bool begun = false;

	for (size_t i = 0; i < first; i++)
		if (is_in(&p->pieces[i], head->step) &&
		    p->pieces[i].table != NULL &&
		    strcmp(p->pieces[i].table, head->table) == 0)
			return;
	buf_format(out, "\nalter table %s\n", head->table);
	for (size_t i = first; i < p->piece_count; i++) {
		const struct piece *piece = &p->pieces[i];

		if (!is_in(piece, head->step) || piece->table == NULL ||
		    strcmp(piece->table, head->table) != 0)
			continue;
		buf_string(out, begun ? ",\n" : "");
		if (head->step == STEP_RULE)
			put_comment(p, out, "\t", piece->why);
		buf_format(out, "\t%s", piece->sql);
		begun = true;
	}
	buf_string(out, ";\n");
}

static void
put_step(struct patching *p, enum step step, struct buf *out)
{
	for (size_t i = 0; i < p->piece_count; i++) {
		const struct piece *piece = &p->pieces[i];

		if (!is_in(piece, step))
			continue;
		if (piece->table != NULL) {
			put_table(p, i, out);
			continue;
		}
		buf_char(out, '\n');
		put_comment(p, out, "", piece->why);
		buf_format(out, "%s;\n", patch_statement(p, piece));
	}
}

/*
 * What is applied is forgotten, so that it is applied again after this.  A new
 * file may have the name and the text of one that was applied before.
 */
static void
put_again(struct patching *p, struct buf *out)
{
	const char *list = "";
	bool again = out->length > 0;

	for (size_t i = 0; i < p->file_count; i++) {
		const struct policy_file *f = &p->files[i];

		again |= f->how != FILE_NEW;
		if (f->failed == NULL)
			list = arena_format(p->arena, "%s%s\n\t%s", list,
			    *list != '\0' ? "," : "", patch_literal(p->arena,
				f->name));
	}
	if (again && *list != '\0')
		buf_format(out, "\n-- The database is not as these policy "
		    "files say: they are applied again.\n"
		    "delete from lockstep.policies where file in (%s\n);\n",
		    list);
}

/* ---- Files. ---- */

/* The highest number of a migration that is there. */
static unsigned
last_number(const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	unsigned last = 0, number;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strspn(entry->d_name, "0123456789") == 4 &&
		    entry->d_name[4] == '_') {
			number = (unsigned)strtoul(entry->d_name, NULL, 10);
			last = number > last ? number : last;
		}
	if (dir != NULL)
		closedir(dir);
	return last;
}

static const char *
path_of(struct patching *p, unsigned number, const char *name)
{
	const struct patch_options *o = p->options;

	return arena_format(p->arena, "%s%s/%04u_%s.sql",
	    o->out != NULL ? o->out : "", o->out != NULL ? "/migrations" :
	    o->migrations, number, name);
}

static const char *
text_of(struct patching *p, const struct part *part)
{
	const char *ret = NULL;
	struct buf body;

	buf_init(&body, SIZE_MAX / 8);
	for (enum step step = part->from; step <= part->to; step++)
		put_step(p, step, &body);
	if (part == parts)
		put_again(p, &body);
	if (body.length > 0)
		ret = arena_format(p->arena, "-- %s\n%s", part->head, body.at);
	buf_release(&body);
	return ret;
}

size_t
patch_migrations(struct patching *p, struct patch_file *ret)
{
	unsigned number = last_number(p->options->migrations);
	size_t count = 0;

	for (size_t i = 0; i < countof(parts); i++) {
		const char *text = text_of(p, &parts[i]);

		if (text == NULL)
			continue;
		ret[count++] = (struct patch_file){ .text = text,
			.what = parts[i].what,
			.path = path_of(p, ++number, parts[i].name) };
	}
	return count;
}
