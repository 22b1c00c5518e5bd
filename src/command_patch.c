/* SPDX-License-Identifier: MIT */
/*
 * lockstep check --patch: what the check found, as files.  All of them are
 * made before the first is written; a file of the user's is changed only where
 * the table's own policies are the thing to mend, and that is told.
 */
#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"
#include "tool/patch.h"

/* ---- Is the database as the migrations left it? ---- */

/* A migration that waits may be the mend; what is made now would come after. */
static bool
is_pending(const struct call *call)
{
	const struct migrate_options o = {
		.database = call->config.migrate_database,
		.migrations = call->config.migrations,
	};
	char *text = NULL;
	size_t size = 0;
	struct stat st;
	FILE *out;
	bool pending;

	if (stat(o.migrations, &st) != 0 ||
	    (out = open_memstream(&text, &size)) == NULL)
		return false;
	/* Its code tells of what is gone or was changed, too. */
	pending = store_migrate(&o, MIGRATE_STATUS, out, stderr) == EXIT_FOUND;
	fclose(out);
	pending = pending && (strncmp(text, "pending ", 8) == 0 ||
	    strstr(text, "\npending ") != NULL);
	free(text);
	return pending;
}

/* ---- Writing. ---- */

static bool
make_directories(const char *path)
{
	char *text = strdup(path);
	bool well = text != NULL;

	for (char *at = text; well && (at = strchr(at + 1, '/')) != NULL;) {
		*at = '\0';
		well = mkdir(text, 0777) == 0 || errno == EEXIST;
		*at = '/';
	}
	free(text);
	return well;
}

static bool
write_new(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, mode);
	size_t length = strlen(text);
	bool well;

	if (fd < 0)
		return false;
	well = write(fd, text, length) == (ssize_t)length;
	return close(fd) == 0 && well;
}

/* A new file; or another in place of the one that is there, at once. */
static bool
write_file(struct call *call, const struct patch_file *f)
{
	const char *beside = arena_format(call->arena, "%s.new", f->path);
	struct stat st;

	if (!f->there)
		return make_directories(f->path) &&
		    write_new(f->path, f->text, 0666);
	return stat(f->path, &st) == 0 &&
	    write_new(beside, f->text, st.st_mode & 0777) &&
	    rename(beside, f->path) == 0;
}

/* Nothing is written when one of the new ones is there already. */
static bool
is_free(const struct patch_file *files, size_t count)
{
	struct stat st;

	for (size_t i = 0; i < count; i++)
		if (!files[i].there && stat(files[i].path, &st) == 0) {
			call_trouble("%s is there already; take it away, or "
			    "say --out DIR", files[i].path);
			return false;
		}
	return true;
}

static bool
write_all(struct call *call, const struct patch_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!write_file(call, &files[i])) {
			call_trouble("cannot write %s: %s", files[i].path,
			    strerror(errno));
			return false;
		}
		printf("%s %s\n          %s\n", files[i].there ?
		    "changed  " : "wrote    ", files[i].path, files[i].what);
	}
	return true;
}

static void
print_all(const struct patch_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("==> %s%s\n%s\n", files[i].path, files[i].there ?
		    " (in place of the one that is there)" : "",
		    files[i].text);
}

/* ---- Telling. ---- */

static void
tell_again(const struct patch *patch)
{
	for (size_t i = 0; i < patch->again_count; i++)
		printf("%s%s%s", i == 0 ? "again     " : ", ",
		    i > 0 && i % 4 == 0 ? "\n          " : "",
		    patch->again[i]);
	if (patch->again_count > 0)
		puts("\n          policies that are there, and the database "
		    "is not as they say");
}

static void
tell_refused(const struct patch *patch)
{
	for (size_t i = 0; i < patch->refused_count; i++) {
		const struct patch_refused *r = &patch->refused[i];

		printf("refused   %s\n          %s\n", r->sql, r->reason);
	}
	if (patch->refused_count > 0)
		puts("          the database did not take these: they are "
		    "left out");
}

/* What is left is told as check tells it, for a person to decide. */
static void
tell_left(const struct patch *patch)
{
	if (patch->left.count == 0) {
		printf("tried     all %zu findings are mended by it\n",
		    patch->found);
		return;
	}
	printf("tried     %zu findings before, %zu after, which a person "
	    "must decide:\n\n", patch->found, patch->left.count);
	fflush(stdout);
	findings_print(&patch->left, NULL, 0, FINDINGS_TABLE, false, stdout);
}

static void
tell_snippets(const struct patch_file *snippets, size_t count,
    const char *out)
{
	for (size_t i = 0; i < count && out == NULL; i++)
		printf("contract  %s lacks (a merge patch, RFC 7396):\n%s",
		    snippets[i].path, snippets[i].text);
}

/* With --out the pieces of the contract are files beside the others. */
static struct patch_file *
all_files(struct call *call, const struct patch *patch,
    const struct patch_file *snippets, size_t count, const char *out,
    size_t *ret_count)
{
	struct patch_file *files = arena_alloc(call->arena,
	    (patch->file_count + count + 1) * sizeof(*files));

	memcpy(files, patch->files, patch->file_count * sizeof(*files));
	*ret_count = patch->file_count;
	for (size_t i = 0; i < count && out != NULL; i++)
		files[(*ret_count)++] = (struct patch_file){
			.text = snippets[i].text, .what = snippets[i].what,
			.path = arena_format(call->arena,
			    "%s/contract/%.*s.merge.json", out,
			    (int)strlen(snippets[i].path) - 5,
			    snippets[i].path) };
	return files;
}

static int
tell(struct call *call, const struct patch_call *c,
    const struct patch *patch)
{
	const char *out = call_flag(call, "out");
	bool dry = call_flag(call, "dry-run") != NULL;
	size_t count, snippet_count;
	const struct patch_file *snippets = tool_snippets(c->contract,
	    c->catalog, &patch->left, &snippet_count);
	const struct patch_file *files = all_files(call, patch, snippets,
	    snippet_count, out, &count);

	if (dry)
		print_all(files, count);
	else if (!is_free(files, count) || !write_all(call, files, count))
		return EXIT_TROUBLE;
	tell_again(patch);
	tell_refused(patch);
	tell_snippets(snippets, snippet_count, out);
	tell_left(patch);
	if (count > 0)
		puts(dry ? "\nNothing was written." : "\nRead the files; then"
		    ": lockstep migrate up && lockstep check");
	return patch->left.count == 0 ? EXIT_WELL : EXIT_FOUND;
}

int
call_patch(struct call *call, const struct patch_call *c)
{
	const struct config *config = &call->config;
	const struct patch_options o = {
		.migrate_database = config->migrate_database,
		.migrations = config->migrations,
		.policies = config->policies,
		.out = call_flag(call, "out"),
		.lock_timeout_ms = config->lock_timeout_ms,
		.choice = *c->choice,
	};
	struct patch patch;
	struct buf fault;
	bool well;

	if (c->found->count == 0) {
		puts("There is nothing to patch: nothing was found.");
		return EXIT_WELL;
	}
	if (is_pending(call))
		return call_trouble("migrations are pending: run lockstep "
		    "migrate up first");
	buf_init(&fault, 4096);
	well = tool_patch(c->contract, &o, c->found, c->catalog, &patch,
	    &fault);
	if (!well)
		call_trouble("the patch cannot be tried as "
		    "migrate_database: %s", fault.at);
	buf_release(&fault);
	return well ? tell(call, c, &patch) : EXIT_TROUBLE;
}
