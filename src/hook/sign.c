/* SPDX-License-Identifier: MIT */
/*
 * Signatures of webhooks, made.  What is signed is put together here, for those
 * who make signatures and those who verify them, so the two cannot differ: the
 * header's own bytes, and the body's as they came.
 */
#include "hook/internal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

enum { TIME_DIGITS_MAX = 12 };

bool
hook_is_id(const char *id)
{
	size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return length >= 1 && length <= HOOK_ID_MAX && id[length] == '\0';
}

bool
hook_is_time(const char *time)
{
	size_t length = strspn(time, "0123456789");

	return length >= 1 && length <= TIME_DIGITS_MAX && time[length] == '\0';
}

struct hook_content
hook_content_of(const struct hook_scheme *scheme, struct arena *arena,
    const struct hook_message *message, const char *time)
{
	const char *head = "";
	size_t length;
	char *at;

	if (scheme->form == HOOK_STANDARD)
		head = arena_format(arena, "%s.%s.", message->id, time);
	else if (scheme->form == HOOK_STAMPED)
		head = arena_format(arena, "%s%c", time, scheme->separator);
	length = strlen(head);
	at = arena_alloc(arena, length + message->body_length + 1);
	memcpy(at, head, length);
	if (message->body_length > 0)
		memcpy(at + length, message->body, message->body_length);
	return (struct hook_content){ at, length + message->body_length };
}

static const char *
encoded(enum hook_encoding encoding, struct arena *arena,
    const unsigned char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(arena, 2 * HOOK_DIGEST_MAX + 1);

	if (encoding == HOOK_BASE64) {
		EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
		return text;
	}
	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	return text;
}

const char *
hook_hmac_text(const struct hook_scheme *scheme, const struct hook_key *key,
    struct arena *arena, const struct hook_content *content)
{
	bool standard = scheme->form == HOOK_STANDARD;
	const EVP_MD *hash = !standard && scheme->hash == HOOK_SHA512 ?
	    EVP_sha512() : EVP_sha256();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	/* It fails only when there is no memory. */
	if (HMAC(hash, key->bytes, (int)key->length,
		(const unsigned char *)content->at, content->length, digest,
		&length) == NULL)
		abort();
	return encoded(standard ? HOOK_BASE64 : scheme->encoding, arena,
	    digest, length);
}

static const char *
ed25519_text(const struct hook_key *key, struct arena *arena,
    const struct hook_content *content)
{
	unsigned char signature[HOOK_ED25519_SIGNATURE];
	size_t length = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL,
		key->pkey) != 1 || EVP_DigestSign(context, signature, &length,
		(const unsigned char *)content->at, content->length) != 1)
		abort();
	EVP_MD_CTX_free(context);
	return encoded(HOOK_BASE64, arena, signature, length);
}

/* One signature, behind what was added before. */
static void
signature_add(const struct hook_scheme *scheme, const struct hook_key *key,
    struct arena *arena, const struct hook_content *content, bool first,
    struct buf *out)
{
	if (scheme->form == HOOK_STANDARD)
		buf_string(out, first ? "" : " ");
	if (key->pkey != NULL) {
		buf_string(out, "v1a,");
		buf_string(out, ed25519_text(key, arena, content));
		return;
	}
	buf_string(out, scheme->form == HOOK_STANDARD ? "v1," :
	    scheme->form == HOOK_STAMPED ? ",v1=" : scheme->prefix);
	buf_string(out, hook_hmac_text(scheme, key, arena, content));
}

static bool
is_fit(const struct hook_scheme *scheme, const struct hook_message *message)
{
	if (scheme->form == HOOK_STANDARD &&
	    (message->id == NULL || !hook_is_id(message->id)))
		return false;
	return scheme->form == HOOK_PLAIN ||
	    (message->time != NULL && hook_is_time(message->time));
}

bool
hook_sign(const struct hook_scheme *scheme, const struct hook_keys *keys,
    struct arena *arena, const struct hook_message *message, int64_t now_s,
    struct buf *out)
{
	struct hook_content content;
	bool first = true;

	if (!is_fit(scheme, message))
		return false;
	content = hook_content_of(scheme, arena, message, message->time);
	for (size_t i = keys->count; i-- > 0;) {
		const struct hook_key *key = &keys->key[i];

		if (!hook_key_is_live(key, now_s) ||
		    (key->pkey != NULL && !key->private) ||
		    (!first && scheme->form == HOOK_PLAIN))
			continue;
		if (first && scheme->form == HOOK_STAMPED)
			buf_format(out, "t=%s", message->time);
		signature_add(scheme, key, arena, &content, first, out);
		first = false;
	}
	return !first;
}
