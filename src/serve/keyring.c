/* SPDX-License-Identifier: MIT */
/*
 * The secrets of the contract's webhooks, from a directory with a file for each
 * name.  It is made with the other options, when the server begins and at each
 * reload, and const afterwards.  A file that is not there leaves its sources
 * without secrets: a sender comes back, and may find one then.  A file that is
 * wrong is a fault.
 */
#include "serve/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { FILE_MAX = 16384, PATH_LENGTH_MAX = 4096 };

struct keyring {
	size_t count;
	struct hook_keys *keys[];	/* by number of the webhook */
};

/* The secrets in the text of a file; NULL with a fault. */
static struct hook_keys *
keys_of(const struct webhook *w, const char *path, const struct buf *text,
    struct buf *faults)
{
	struct hook_keys *keys;
	struct buf fault;

	buf_init(&fault, 1024);
	keys = hook_keys_read(w->scheme.form, text->length > 0 ? text->at : "",
	    text->length, &fault);
	if (keys == NULL)
		buf_format(faults, "lockstep: the secrets of the webhook "
		    "\"%s\" in %s: %s\n", w->name, path, fault.at);
	buf_release(&fault);
	return keys;
}

static bool
read_one(const struct webhook *w, const char *directory,
    struct hook_keys **ret, struct buf *faults)
{
	struct buf path, text;
	bool well = true;

	buf_init(&path, PATH_LENGTH_MAX);
	buf_init(&text, FILE_MAX);
	buf_format(&path, "%s/%s", directory, w->secret);
	if (file_read(path.at, &text)) {
		*ret = keys_of(w, path.at, &text, faults);
		well = *ret != NULL;
	} else if (errno != ENOENT) {
		buf_format(faults, "lockstep: the secrets of the webhook "
		    "\"%s\" in %s cannot be read: %s\n", w->name, path.at,
		    strerror(errno));
		well = false;
	}
	/* What held a secret is wiped before it goes back. */
	if (text.at != NULL)
		explicit_bzero(text.at, text.capacity);
	buf_release(&text);
	buf_release(&path);
	return well;
}

struct keyring *
keyring_open(const struct contract *contract, const char *directory,
    struct buf *faults)
{
	size_t count, i;
	const struct webhook *all = contract_webhooks(contract, &count);
	struct keyring *keyring = calloc(1, sizeof(*keyring) +
	    count * sizeof(struct hook_keys *));
	bool well = true;

	if (keyring == NULL)
		abort();
	keyring->count = count;
	for (i = 0; i < count; i++) {
		if (directory != NULL)
			well &= read_one(&all[i], directory,
			    &keyring->keys[i], faults);
	}
	if (well)
		return keyring;
	keyring_free(keyring);
	return NULL;
}

void
keyring_free(struct keyring *keyring)
{
	size_t i;

	if (keyring == NULL)
		return;
	for (i = 0; i < keyring->count; i++)
		hook_keys_free(keyring->keys[i]);
	free(keyring);
}

const struct hook_keys *
keyring_find(const struct keyring *keyring, const struct webhook *webhook)
{
	return keyring == NULL ? NULL : keyring->keys[webhook->number];
}
