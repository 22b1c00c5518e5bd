/* SPDX-License-Identifier: MIT */
/*
 * The patch is tried while it is made: in a transaction of the owner's the
 * migrations are run, then the policy files, as `lockstep migrate up` will run
 * them; then the database is looked at again, and what is found is mended as
 * well, until nothing new comes.  So what depends on policies (which columns
 * want an index, which functions are called) is known, what the database does
 * not take is left out with the reason, and what is left is told.
 */
#include "tool/patch_part.h"

#include <string.h>

enum { ROUNDS_MAX = 12 };

/* ---- Taking what was found. ---- */

static bool
is_same(const struct db_finding *a, const struct db_finding *b)
{
	return strcmp(a->rule->id, b->rule->id) == 0 &&
	    strcmp(a->object, b->object) == 0;
}

/*
 * What became of no use by the patch itself, such as the policy of a grant that
 * went, is not dropped along: that is for a person.
 */
static bool
is_consequence(const struct patching *p, const struct db_finding *f)
{
	for (size_t i = 0; i < p->found->count; i++)
		if (is_same(&p->found->at[i], f))
			return false;
	return true;
}

static bool
is_drop(const struct db_finding *f)
{
	const char *sql = patch_sql(f);

	return sql != NULL && strncmp(sql, "drop ", 5) == 0;
}

/* Those that drop something, or the others. */
static size_t
take_some(struct patching *p, const struct findings *found, bool drops)
{
	struct findings rest = { .arena = p->arena };
	size_t count = 0;

	for (size_t i = 0; i < found->count; i++) {
		const struct db_finding *f = &found->at[i];
		bool added = false;

		if (is_drop(f) != drops || (drops && is_consequence(p, f)))
			continue;
		if (!patch_is_access(f) || !patch_by_file(p, f, &added))
			findings_add(&rest, f);
		count += added;
	}
	return count + patch_add_pieces(p, &rest);
}

/*
 * What is about access goes into policy files, which are the last word; the
 * rest into migrations.  What has no use as it is may have one when the rest is
 * mended, so nothing is dropped before.
 */
static size_t
take(struct patching *p, const struct findings *found)
{
	size_t count;

	for (size_t i = 0; i < p->file_count; i++)
		p->files[i].fresh = false;
	count = take_some(p, found, false);
	return count > 0 ? count : take_some(p, found, true);
}

/* ---- Trying. ---- */

/*
 * What did not work takes along what it was for.  But first it is tried as the
 * owner of what it is about, whom migrations may become.
 */
static void
fail(struct patching *p, struct piece *piece, const char *reason)
{
	const char *owner = piece->table != NULL || piece->as != NULL ? NULL :
	    patch_owner_of(p, piece);

	if (owner != NULL) {
		piece->as = owner;
		return;
	}
	for (size_t i = 0; !piece->lone && i < p->piece_count; i++)
		if (piece->group != 0 && p->pieces[i].group == piece->group) {
			p->pieces[i].failed = reason;
			p->pieces[i].along = true;
		}
	piece->failed = reason;
	piece->along = false;
}

/* Runs a piece; counts it when it fails, with the reason. */
static void
run_piece(struct patching *p, struct piece *piece, size_t *failed)
{
	struct buf *why = buf_growing(p->arena);

	piece->ran = trial_run(p->trial, patch_statement(p, piece), why);
	if (piece->ran)
		return;
	fail(p, piece, why->at);
	++*failed;
}

static void
run_file(struct patching *p, struct policy_file *file, size_t *failed)
{
	struct buf *why = buf_growing(p->arena);

	if (trial_run(p->trial, file->text, why))
		return;
	file->failed = why->at;
	++*failed;
}

/*
 * Runs all of it; how much of it failed that had not before.  Once a lock was
 * not to be had the rest would wait as long, piece by piece.
 */
static size_t
run(struct patching *p)
{
	size_t failed = 0;

	for (enum step step = STEP_KEY; step <= STEP_INDEX; step++)
		for (size_t i = 0; i < p->piece_count; i++)
			if (p->pieces[i].step == step &&
			    p->pieces[i].failed == NULL &&
			    !trial_waited(p->trial))
				run_piece(p, &p->pieces[i], &failed);
	for (size_t i = 0; i < p->file_count; i++)
		if (p->files[i].failed == NULL && !trial_waited(p->trial))
			run_file(p, &p->files[i], &failed);
	return failed;
}

/* Which statement waited. */
static bool
held(const struct patching *p, struct buf *fault)
{
	const char *what = "";

	for (size_t i = 0; i < p->piece_count; i++)
		if (p->pieces[i].failed != NULL)
			what = p->pieces[i].why->object;
	for (size_t i = 0; i < p->file_count; i++)
		if (p->files[i].failed != NULL)
			what = p->files[i].name;
	buf_format(fault, "somebody holds what %s needs; try again, on a copy, "
	    "or with a longer lock_timeout_ms", what);
	return false;
}

static bool
look(struct patching *p, struct findings *ret, struct buf *fault)
{
	const struct catalog *catalog;

	*ret = (struct findings){ .arena = p->arena,
		.directory = p->directory };
	catalog = tool_examine_trial(p->contract, p->trial, p->catalog->login,
	    ret, fault);
	if (catalog == NULL || !tool_accepted(ret,
	    p->options->choice.only_count == 0, fault))
		return false;
	if (strcmp(catalog->database, p->catalog->database) != 0) {
		buf_format(fault, "that is the database %s, and database is "
		    "%s", catalog->database, p->catalog->database);
		return false;
	}
	findings_choose(ret, &p->options->choice);
	return true;
}

/* What ran and changed nothing, as a REVOKE of what others granted does. */
static size_t
fail_idle(struct patching *p, const struct findings *found)
{
	size_t count = 0;

	for (size_t i = 0; i < p->piece_count; i++)
		for (size_t n = 0; n < found->count && p->pieces[i].ran &&
		     p->pieces[i].failed == NULL; n++) {
			const struct db_finding *f = &found->at[n];

			if (!is_same(f, p->pieces[i].why) || patch_sql(f) ==
			    NULL || strcmp(patch_sql(f), patch_sql(
				p->pieces[i].why)) != 0)
				continue;
			fail(p, &p->pieces[i], "it changes nothing when this "
			    "role runs it");
			count++;
			break;
		}
	return count;
}

static bool
try(struct patching *p, struct findings *ret_left, struct buf *fault)
{
	size_t open;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (!trial_begin(p->trial, fault))
			return false;
		open = run(p);
		if (trial_waited(p->trial))
			return held(p, fault);
		if (!look(p, ret_left, fault))
			return false;
		open += fail_idle(p, ret_left);
		open += take(p, ret_left);
		if (open == 0)
			break;
	}
	return true;
}

/* ---- Telling. ---- */

static const char *
place_of(struct patching *p, const char *directory, const char *name)
{
	const char *out = p->options->out;

	if (out != NULL)
		return arena_format(p->arena, "%s/policies/%s", out, name);
	return arena_format(p->arena, "%s/%s", directory, name);
}

static void
list_files(struct patching *p, struct patch *ret)
{
	struct patch_file *files = arena_alloc(p->arena, (p->file_count + 4) *
	    sizeof(*files));
	const char **again = arena_alloc(p->arena, (p->file_count + 1) *
	    sizeof(*again));
	static const char *const what[] = { [FILE_CHANGED] =
		"with what its operations need at its end",
		[FILE_NEW] = "who may see and change the rows, as inferred" };

	ret->file_count = patch_migrations(p, files);
	for (size_t i = 0; i < p->file_count; i++) {
		const struct policy_file *f = &p->files[i];

		if (f->failed != NULL)
			continue;
		if (f->how != FILE_NEW)
			again[ret->again_count++] = f->name;
		if (f->how != FILE_AGAIN)
			files[ret->file_count++] = (struct patch_file){
				.path = place_of(p, p->options->policies,
				    f->name), .text = f->text,
				.what = what[f->how],
				.there = f->how == FILE_CHANGED &&
				    p->options->out == NULL };
	}
	ret->files = files;
	ret->again = again;
}

static void
list_refused(struct patching *p, struct patch *ret)
{
	struct patch_refused *list = arena_alloc(p->arena, (p->piece_count +
	    p->file_count + 1) * sizeof(*list));

	for (size_t i = 0; i < p->piece_count; i++) {
		struct piece piece = p->pieces[i];

		piece.as = NULL;
		if (piece.failed != NULL && !piece.along)
			list[ret->refused_count++] = (struct patch_refused){
				.sql = patch_statement(p, &piece),
				.reason = piece.failed };
	}
	for (size_t i = 0; i < p->file_count; i++)
		if (p->files[i].failed != NULL)
			list[ret->refused_count++] = (struct patch_refused){
				.sql = p->files[i].name,
				.reason = p->files[i].failed };
	ret->refused = list;
}

bool
tool_patch(const struct contract *contract,
    const struct patch_options *options, const struct findings *found,
    const struct catalog *catalog, struct patch *ret, struct buf *fault)
{
	struct patching p = { .contract = contract, .options = options,
		.catalog = catalog, .found = found, .arena = found->arena,
		.directory = found->directory };
	struct patch patch = { .found = found->count, .left = *found };

	for (size_t i = 0; i < found->count; i++) {
		bool added;

		/* The rest is looked for again, with these. */
		if (patch_is_access(&found->at[i]))
			(void)patch_by_file(&p, &found->at[i], &added);
	}
	/* What looked before must not stand in the way of what is tried. */
	catalog_leave(catalog);
	p.trial = trial_open(options->migrate_database,
	    options->lock_timeout_ms, p.arena, fault);
	if (p.trial == NULL || !try(&p, &patch.left, fault))
		return false;
	list_files(&p, &patch);
	list_refused(&p, &patch);
	*ret = patch;
	return true;
}
