/* SPDX-License-Identifier: MIT */
/*
 * Texts and files -> tables of keys: the HS256 secret, and the public keys of a
 * JWK set (RFC 7517).  Invariant: in a table, a kid means one key, and a key
 * that has no kid is the only one of its algorithm.  A secret is never in a
 * set: sets are published, or copied from what is.
 */
#include "auth/key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static const struct json_caps caps = {
	.depth = 8, .values = 8192, .members = 64, .items = 256,
	.name_bytes = 256, .string_bytes = 32 * 1024,
};

void
auth_keys_init(struct auth_keys *keys)
{
	memset(keys, 0, sizeof(*keys));
}

void
auth_keys_release(struct auth_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++) {
		OPENSSL_cleanse(keys->key[i].bytes, keys->key[i].length);
		free(keys->key[i].bytes);
		EVP_PKEY_free(keys->key[i].pkey);
		free(keys->key[i].kid);
	}
	auth_keys_init(keys);
}

/*
 * Adds a key that was found fit, copying its bytes and sharing pkey; there must
 * be room.
 */
static void
add(struct auth_keys *keys, const char *kid,
    const struct auth_algorithm *algorithm, const void *bytes, size_t length,
    EVP_PKEY *pkey)
{
	struct auth_key *key = &keys->key[keys->count++];

	key->kid = kid == NULL ? NULL : strdup(kid);
	key->bytes = malloc(length);
	if (key->bytes == NULL || (kid != NULL && key->kid == NULL))
		abort();
	key->algorithm = algorithm;
	key->length = length;
	key->pkey = pkey;
	if (pkey != NULL)
		EVP_PKEY_up_ref(pkey);
	memcpy(key->bytes, bytes, length);
}

bool
auth_keys_add_secret(struct auth_keys *keys, const char *kid,
    const void *secret, size_t length, struct buf *fault)
{
	if (length < AUTH_SECRET_MIN || length > AUTH_SECRET_MAX) {
		buf_format(fault, "the secret has %zu bytes, HS256 takes %d to "
		    "%d: make one with `openssl rand -base64 48`", length,
		    AUTH_SECRET_MIN, AUTH_SECRET_MAX);
		return false;
	}
	if (keys->count == countof(keys->key)) {
		buf_string(fault, "these are too many keys in all");
		return false;
	}
	add(keys, kid, auth_algorithm_of("HS256"), secret, length, NULL);
	return true;
}

char *
auth_read_file(const char *path, size_t max, size_t *ret_length,
    struct buf *fault)
{
	char *text = malloc(max + 1);
	FILE *file = fopen(path, "re");
	size_t length;

	if (text == NULL)
		abort();
	if (file == NULL) {
		buf_format(fault, "%s cannot be opened: %s", path,
		    strerror(errno));
		free(text);
		return NULL;
	}
	/* Unbuffered, so that no copy of a secret stays in stdio's memory. */
	setvbuf(file, NULL, _IONBF, 0);
	length = fread(text, 1, max + 1, file);
	if (ferror(file) || length > max) {
		if (ferror(file))
			buf_format(fault, "%s cannot be read: %s", path,
			    strerror(errno));
		else
			buf_format(fault, "%s has more than %zu bytes", path,
			    max);
		OPENSSL_cleanse(text, length);
		free(text);
		text = NULL;
	}
	fclose(file);
	if (text != NULL)
		*ret_length = length;
	return text;
}

bool
auth_keys_read_secret(struct auth_keys *keys, const char *path,
    struct buf *fault)
{
	size_t length, all;
	char *text = auth_read_file(path, AUTH_SECRET_MAX + 1, &all, fault);
	struct buf why;
	bool fit;

	if (text == NULL)
		return false;
	length = all > 0 && text[all - 1] == '\n' ? all - 1 : all;
	buf_init(&why, 1024);
	fit = auth_keys_add_secret(keys, NULL, text, length, &why);
	if (!fit)
		buf_format(fault, "%s: %s", path, why.at);
	buf_release(&why);
	OPENSSL_cleanse(text, all);
	free(text);
	return fit;
}

/*
 * Would a token ever reach this key, and is it clear which key a kid means?  A
 * key without kid is reached only as the one key of its algorithm.
 */
static bool
judge_place(const struct auth_keys *keys, struct auth_jwk *jwk)
{
	for (size_t i = 0; i < keys->count; i++) {
		const struct auth_key *key = &keys->key[i];

		jwk->reason = "its kid stands twice in the set";
		if (jwk->kid != NULL && key->kid != NULL &&
		    strcmp(jwk->kid, key->kid) == 0)
			return false;
		jwk->reason = "one of several keys for the same algorithm has "
		    "no kid: give it one";
		if (jwk->algorithm == key->algorithm &&
		    (jwk->kid == NULL || key->kid == NULL))
			return false;
	}
	return true;
}

/* Says which key of the set it is, and what about it. */
static void
say(struct buf *out, const char *from, size_t index, const struct auth_jwk *jwk)
{
	if (out->length > 0)
		buf_string(out, "; ");
	buf_format(out, "%s: key %zu", from, index + 1);
	if (jwk->kid != NULL && strlen(jwk->kid) <= AUTH_KID_MAX) {
		buf_string(out, " (kid ");
		buf_json_string(out, jwk->kid);
		buf_string(out, ")");
	}
	buf_format(out, ": %s", jwk->reason);
}

/* Adds the index-th key of the set, or skips it. */
static bool
add_jwk(struct auth_keys *keys, struct arena *arena, struct json_object *object,
    const char *from, size_t index, struct buf *skipped, struct buf *fault)
{
	struct auth_jwk jwk = { .arena = arena, .object = object };
	bool fit = auth_jwk_judge(&jwk);

	if (fit && keys->allowed != 0 &&
	    (keys->allowed & auth_algorithm_bit(jwk.algorithm)) == 0) {
		jwk.reason = "its algorithm is not among the issuer's";
		jwk.skipped = true;
		fit = false;
	}
	if (fit && judge_place(keys, &jwk)) {
		add(keys, jwk.kid, jwk.algorithm, jwk.pem, strlen(jwk.pem),
		    jwk.pkey);
		return true;
	}
	say(jwk.skipped ? skipped : fault, from, index, &jwk);
	return jwk.skipped;
}

/* Adds all keys of the set, which was read; stops at the first bad one. */
static bool
add_set(struct auth_keys *keys, struct arena *arena, struct json_object *set,
    const char *from, struct buf *skipped, struct buf *fault)
{
	struct json_object *list;
	size_t n;

	if (!json_object_is_type(set, json_type_object) ||
	    !json_object_object_get_ex(set, "keys", &list) ||
	    !json_object_is_type(list, json_type_array)) {
		buf_format(fault, "%s is no JWK set: it must be an object with "
		    "the array \"keys\"", from);
		return false;
	}
	n = json_object_array_length(list);
	if (n == 0 || n > AUTH_KEYS_MAX) {
		buf_format(fault, "%s has %zu keys: it must have 1 to %d", from,
		    n, AUTH_KEYS_MAX);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (!add_jwk(keys, arena, json_object_array_get_idx(list, i),
		    from, i, skipped, fault))
			return false;
	if (keys->count == 0)
		buf_format(fault, "%s has no key that verifies tokens%s%s",
		    from, skipped->length > 0 ? ": " : "",
		    skipped->length > 0 ? skipped->at : "");
	return keys->count > 0;
}

bool
auth_keys_add_jwks(struct auth_keys *keys, const char *from, const char *text,
    size_t length, struct buf *skipped, struct buf *fault)
{
	struct auth_keys more = { .count = 0, .allowed = keys->allowed };
	struct json_object *set;
	struct json_fault at;
	struct arena *arena;
	bool fit;

	if (!json_read(text, length, &caps, &set, &at)) {
		buf_format(fault, "%s:%zu:%zu: %s", from, at.line, at.column,
		    at.reason);
		return false;
	}
	arena = arena_new();
	fit = add_set(&more, arena, set, from, skipped, fault);
	if (fit && more.count > countof(keys->key) - keys->count) {
		buf_format(fault, "%s: these are too many keys in all", from);
		fit = false;
	}
	for (size_t i = 0; fit && i < more.count; i++)
		add(keys, more.key[i].kid, more.key[i].algorithm,
		    more.key[i].bytes, more.key[i].length, more.key[i].pkey);
	auth_keys_release(&more);
	arena_free(arena);
	json_object_put(set);
	return fit;
}

bool
auth_keys_read_jwks(struct auth_keys *keys, const char *path,
    struct buf *skipped, struct buf *fault)
{
	size_t length;
	char *text = auth_read_file(path, AUTH_SET_BYTES_MAX, &length, fault);
	bool fit;

	if (text == NULL)
		return false;
	fit = auth_keys_add_jwks(keys, path, text, length, skipped, fault);
	free(text);
	return fit;
}

/* The key of exactly this kid, or NULL. */
static const struct auth_key *
find_kid(const struct auth_keys *keys, const char *kid)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->key[i].kid != NULL &&
		    strcmp(keys->key[i].kid, kid) == 0)
			return &keys->key[i];
	return NULL;
}

/*
 * The only key of the algorithm, or NULL.  Not "the only key of all": a secret
 * for servers beside a provider's set is common, and their tokens must differ
 * in the algorithm anyway.  No second key is ever tried.
 */
static const struct auth_key *
find_only(const struct auth_keys *keys, const char *algorithm)
{
	const struct auth_key *only = NULL;

	for (size_t i = 0; i < keys->count; i++) {
		if (strcmp(keys->key[i].algorithm->name, algorithm) != 0)
			continue;
		if (only != NULL)
			return NULL;
		only = &keys->key[i];
	}
	return only;
}

const struct auth_key *
auth_keys_find(const struct auth_keys *keys, const char *kid,
    const char *algorithm, const char **ret_reason)
{
	const struct auth_key *key = kid != NULL ? find_kid(keys, kid) :
	    find_only(keys, algorithm);

	if (key == NULL) {
		*ret_reason = kid != NULL ? "no key has the token's kid" :
		    "no kid, and not one key only for the algorithm";
		return NULL;
	}
	if (strcmp(key->algorithm->name, algorithm) != 0) {
		*ret_reason = "the key is for another algorithm";
		return NULL;
	}
	return key;
}

bool
auth_keys_has(const struct auth_keys *keys, const char *kid)
{
	return find_kid(keys, kid) != NULL;
}
