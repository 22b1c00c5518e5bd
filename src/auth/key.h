/* SPDX-License-Identifier: MIT */
#ifndef AUTH_KEY_H
#define AUTH_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"

/*
 * Private to auth/: keys, and the steps of judging a token.  A key has one
 * algorithm, said by who gave the key and never by a token (RFC 8725, 3.1).
 */
struct json_object;

enum {
	AUTH_TOKEN_MAX = 8192,	/* bytes; libjwt copies segments to the stack */
	AUTH_HEADER_MAX = 1024,	/* bytes of the header, decoded */
	AUTH_KEYS_MAX = 64,	/* of a JWK set */
	AUTH_KID_MAX = 64,	/* bytes */
	AUTH_SECRET_MIN = 32,	/* bytes: RFC 7518, 3.2 for HS256 */
	AUTH_SECRET_MAX = 4096,
	AUTH_DIGEST_BYTES = 32,	/* SHA-256 */
};

/* A signature algorithm of RFC 7518 that we take. */
struct auth_algorithm {
	const char *name;	/* "ES256" */
	const char *kty;	/* of the JWK: "oct", "RSA", "EC" */
	const char *crv;	/* of the JWK, "P-256"; NULL but for EC */
	size_t coordinate;	/* bytes of x and of y; 0 but for EC */
	bool implied;		/* meant by a fitting JWK without alg */
};

/* The row of an algorithm, by its exact name, or NULL. */
const struct auth_algorithm *auth_algorithm_of(const char *name);

/* A key ready for libjwt: PEM text of a public key, or a secret's bytes. */
struct auth_key {
	char *kid;	/* NULL = none */
	const struct auth_algorithm *algorithm;
	unsigned char *bytes;
	size_t length;
};

/* The secret and the keys of a JWK set. */
struct auth_keys {
	struct auth_key key[AUTH_KEYS_MAX + 1];
	size_t count;
};

/* No keys yet; and wiping and freeing them. */
void auth_keys_init(struct auth_keys *keys);
void auth_keys_release(struct auth_keys *keys);

/*
 * Adds the HS256 secret; kid may be NULL.  false, and a sentence in fault,
 * when its length is not AUTH_SECRET_MIN to AUTH_SECRET_MAX.
 */
bool auth_keys_add_secret(struct auth_keys *keys, const char *kid,
    const void *secret, size_t length, struct buf *fault) MUST_CHECK;

/* The same from a file, without the newline at its end. */
bool auth_keys_read_secret(struct auth_keys *keys, const char *path,
    struct buf *fault) MUST_CHECK;

/*
 * Adds the keys of a JWK set (RFC 7517): all, or none with a sentence on the
 * first bad one in fault.  `from` names the text in it.
 */
bool auth_keys_add_jwks(struct auth_keys *keys, const char *from,
    const char *text, size_t length, struct buf *fault) MUST_CHECK;

/* The same from a file. */
bool auth_keys_read_jwks(struct auth_keys *keys, const char *path,
    struct buf *fault) MUST_CHECK;

/*
 * The key that a token's header asks for.  With a kid: the key of exactly that
 * kid.  Without: the only key of that algorithm.  NULL when there is none, or
 * when its algorithm is another; *ret_reason then says why.
 */
const struct auth_key *auth_keys_find(const struct auth_keys *keys,
    const char *kid, const char *algorithm, const char **ret_reason) MUST_CHECK;

/*
 * Does the key's own algorithm verify the token?  Its shape must have been
 * checked, and its length be at most AUTH_TOKEN_MAX.
 */
bool auth_signature_holds(const struct auth_key *key, const char *token)
    MUST_CHECK;

/* The HS256 signature of `text` by a secret. */
bool auth_signature_make(const struct auth_key *secret, const char *text,
    size_t length, unsigned char ret_mac[AUTH_DIGEST_BYTES]) MUST_CHECK;

/* What the claims say, judged; strings in the scope's arena. */
struct auth_claims {
	const char *role;
	const char *subject;	/* "" = none */
	const char *text;	/* all claims, compact JSON */
	int64_t expires;	/* exp, rounded down */
};

/* Is the word in the list? */
bool auth_listed(const char *const *list, size_t count, const char *word);

/*
 * Judges a verified payload at the time now_s.  PROBLEM_TOKEN_EXPIRED: all
 * holds but exp.  PROBLEM_TOKEN_INVALID: something else does not.
 */
enum problem auth_claims_judge(const struct auth_options *options,
    struct scope *sc, struct json_object *payload, int64_t now_s,
    struct auth_claims *ret) MUST_CHECK;

/*
 * Digests of tokens whose signature an auth's keys have verified.  Safe from
 * several threads.  auth_cache_digest() is false when libcrypto fails.
 */
struct auth_cache;
struct auth_cache *auth_cache_new(void);
void auth_cache_free(struct auth_cache *cache);
bool auth_cache_digest(const struct auth_cache *cache, const char *token,
    size_t length, unsigned char ret[AUTH_DIGEST_BYTES]) MUST_CHECK;
bool auth_cache_holds(struct auth_cache *cache,
    const unsigned char digest[AUTH_DIGEST_BYTES], int64_t now_s) MUST_CHECK;
void auth_cache_add(struct auth_cache *cache,
    const unsigned char digest[AUTH_DIGEST_BYTES], int64_t expires);

/*
 * An auth of these keys, which are taken over.  auth_new() reads the files of
 * its options and calls this.
 */
struct auth *auth_of_keys(const struct auth_options *options,
    const struct auth_keys *keys) MUST_CHECK;

#endif
