/* SPDX-License-Identifier: MIT */
#ifndef HOOK_INTERNAL_H
#define HOOK_INTERNAL_H

#include "hook/hook.h"

/* What verifying and signing share: keys, what is signed, and signatures. */
struct evp_pkey_st;

enum {
	HOOK_DIGEST_MAX = 64,		/* SHA-512; also of ed25519 */
	HOOK_ED25519_SIGNATURE = 64,
	HOOK_BASE64_MAX = 96,		/* text of either, with the NUL */
};

/* A secret: bytes for HMAC, or an ed25519 key. */
struct hook_key {
	unsigned char bytes[HOOK_SECRET_MAX];
	size_t length;			/* 0 = ed25519 */
	struct evp_pkey_st *pkey;	/* NULL = HMAC */
	bool private;			/* of pkey: it can sign */
	int64_t until_s;		/* INT64_MAX = no end */
};

struct hook_keys {
	struct hook_key key[HOOK_KEYS_MAX];
	size_t count;
};

bool hook_key_is_live(const struct hook_key *key, int64_t now_s);

/* The bytes that are signed. */
struct hook_content {
	const char *at;
	size_t length;
};

/*
 * Puts them together in the arena; `time` is the text of the time, NULL of
 * HOOK_PLAIN.
 */
struct hook_content hook_content_of(const struct hook_scheme *scheme,
    struct arena *arena, const struct hook_message *message, const char *time);

/* An id, or a time, as it may be in what is signed? */
bool hook_is_id(const char *id);
bool hook_is_time(const char *time);

/* The text of an HMAC as the scheme writes it; in the arena. */
const char *hook_hmac_text(const struct hook_scheme *scheme,
    const struct hook_key *key, struct arena *arena,
    const struct hook_content *content);

/*
 * Strict base64 of RFC 4648 section 4, with its padding; false when it is not,
 * or has more than `most` bytes.
 */
bool hook_from_base64(const char *text, size_t length, size_t most,
    unsigned char *ret, size_t *ret_length) MUST_CHECK;

#endif
