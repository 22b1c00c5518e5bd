/* SPDX-License-Identifier: MIT */
/*
 * Where the services are that jobs call.  The contract has names for it, so that
 * it is the same in all deployments and holds no secret; here are a
 * deployment's values.  A kind that lacks one is not served: its jobs wait, which
 * is better than that all their attempts are spent on a mistake of ours.
 */
#include "work/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fetch.h"
#include "base/file.h"
#include "base/room.h"

enum { FILE_MAX = 1 << 20, PATH_MAX_BYTES = 4096, FAULT_MAX = 1024 };

struct services {
	struct arena *arena;
	size_t count;
	bool *known;			/* by number of the kind */
	struct service *all;
	struct hook_keys **keys;	/* those to be freed */
};

/* ---- URLs. ---- */

static char *
trimmed(char *text)
{
	char *end = text + strlen(text);

	while (*text == ' ' || *text == '\t')
		text++;
	while (end > text && strchr(" \t\r", end[-1]) != NULL)
		*--end = '\0';
	return text;
}

/* The value of a name in the lines of a file, in the arena; or NULL. */
static const char *
line_of(struct arena *arena, const struct buf *text, const char *name)
{
	char *lines = arena_string(arena, text->length > 0 ? text->at : "");
	char *line, *value;

	while ((line = strsep(&lines, "\n")) != NULL) {
		value = strchr(line, '=');
		if (*line == '#' || value == NULL)
			continue;
		*value++ = '\0';
		if (strcmp(trimmed(line), name) == 0)
			return trimmed(value);
	}
	return NULL;
}

static const char *
url_fault(struct arena *arena, const char *url)
{
	const char *ret = NULL;
	struct buf fault;

	buf_init(&fault, FAULT_MAX);
	if (strpbrk(url, "?#") != NULL)
		ret = "it may have no query and no fragment";
	else if (!fetch_may(url, true, &fault))
		ret = arena_string(arena, fault.length > 0 ? fault.at :
		    "it is no URL");
	buf_release(&fault);
	return ret;
}

/* NULL with a line in `missing`, when there is none that will do. */
static const char *
url_of(struct services *s, const struct job_kind *kind,
    const struct buf *text, struct buf *missing)
{
	const char *url = getenv(kind->url), *fault;

	if (url == NULL || *url == '\0')
		url = line_of(s->arena, text, kind->url);
	if (url == NULL || *url == '\0') {
		buf_format(missing, "jobs %s wait: %s, the URL of their "
		    "service, is neither in the environment nor in the file "
		    "of the setting services\n", kind->name, kind->url);
		return NULL;
	}
	fault = url_fault(s->arena, url);
	if (fault == NULL)
		return arena_string(s->arena, url);
	buf_format(missing, "jobs %s wait: %s is no URL of a service: %s\n",
	    kind->name, kind->url, fault);
	return NULL;
}

/* ---- Secrets. ---- */

/* false: it is wanted and there is none. */
static bool
keys_of(struct services *s, const struct job_kind *kind,
    const char *directory, struct buf *missing)
{
	struct buf path, text, fault;
	struct hook_keys *keys = NULL;

	if (kind->secret == NULL)
		return true;
	buf_init(&path, PATH_MAX_BYTES);
	buf_init(&text, FILE_MAX);
	buf_init(&fault, FAULT_MAX);
	buf_format(&path, "%s/%s", directory != NULL ? directory : "",
	    kind->secret);
	if (directory == NULL)
		buf_string(&fault, "the setting service_secrets is not set");
	else if (!file_read(path.at, &text))
		buf_format(&fault, "%s: %s", path.at, strerror(errno));
	else
		keys = hook_keys_read(HOOK_STANDARD, text.length > 0 ?
		    text.at : "", text.length, &fault);
	if (keys == NULL)
		buf_format(missing, "jobs %s wait: there is no %s to sign "
		    "their requests with: %s\n", kind->name, kind->secret,
		    fault.length > 0 ? fault.at : "");
	/* What held a secret is wiped before it goes back. */
	if (text.at != NULL)
		explicit_bzero(text.at, text.capacity);
	buf_release(&fault);
	buf_release(&text);
	buf_release(&path);
	s->keys[kind->number] = keys;
	return keys != NULL;
}

/* ---- All of them. ---- */

static void
kind_open(struct services *s, const struct job_kind *kind,
    const struct buf *text, const char *directory, struct buf *missing)
{
	struct service *service = &s->all[kind->number];
	bool well = true;

	if (kind->url != NULL) {
		service->url = url_of(s, kind, text, missing);
		well = service->url != NULL;
	}
	well &= keys_of(s, kind, directory, missing);
	service->keys = s->keys[kind->number];
	s->known[kind->number] = well;
}

struct services *
services_open(const struct contract *contract, const char *file,
    const char *directory, struct buf *missing)
{
	struct services *s = room(1, sizeof(*s));
	const struct job_kind *kinds = contract_jobs(contract, &s->count);
	struct buf text;

	s->arena = arena_new();
	s->known = arena_alloc(s->arena, s->count + 1);
	s->all = arena_alloc(s->arena, (s->count + 1) * sizeof(*s->all));
	s->keys = arena_alloc(s->arena, (s->count + 1) * sizeof(*s->keys));
	buf_init(&text, FILE_MAX);
	if (file != NULL && !file_read(file, &text))
		buf_format(missing, "%s cannot be read: %s\n", file,
		    strerror(errno));
	for (size_t i = 0; i < s->count; i++)
		if (kinds[i].type == JOB_HTTP)
			kind_open(s, &kinds[i], &text, directory, missing);
	buf_release(&text);
	return s;
}

void
services_free(struct services *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		hook_keys_free(s->keys[i]);
	arena_free(s->arena);
	free(s);
}

const struct service *
services_find(const struct services *s, const struct job_kind *kind)
{
	return s != NULL && kind->number < s->count &&
	    s->known[kind->number] ? &s->all[kind->number] : NULL;
}
