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
struct evp_pkey_st;

/* Only token.c and recall.c make one. */
struct caller {
	const char *role;
	const char *subject;
	const char *claims;
	bool anonymous;
};

enum {
	AUTH_TOKEN_MAX = 8192,	/* bytes; libjwt copies segments to the stack */
	AUTH_HEADER_MAX = 1024,	/* bytes of the header, decoded */
	AUTH_KEYS_MAX = 64,	/* of a JWK set */
	AUTH_KID_MAX = 64,	/* bytes */
	AUTH_SECRET_MIN = 32,	/* bytes: RFC 7518, 3.2 for HS256 */
	AUTH_SECRET_MAX = 4096,
	AUTH_DIGEST_BYTES = 32,	/* SHA-256 */
	AUTH_SET_BYTES_MAX = 512 * 1024,	/* of a JWK set's text */
	AUTH_SIGNATURE_MAX = 1024,	/* bytes: RSA of 8192 bits */
};

/* A signature algorithm of RFC 7518 or 8037 that we take. */
struct auth_algorithm {
	const char *name;	/* "ES256" */
	const char *kty;	/* of the JWK: "oct", "RSA", "EC", "OKP" */
	const char *crv;	/* of the JWK, "P-256"; NULL for oct, RSA */
	const char *digest;	/* NULL for EdDSA, which has its own */
	size_t coordinate;	/* bytes of x (and y); 0 for oct, RSA */
	bool implied;		/* meant by a fitting JWK without alg */
	bool pss;		/* RSASSA-PSS */
	bool libjwt;		/* libjwt knows it */
};

/* The row of an algorithm, by its exact name, or NULL; and a bit for it. */
const struct auth_algorithm *auth_algorithm_of(const char *name);
unsigned auth_algorithm_bit(const struct auth_algorithm *algorithm);

/*
 * A key ready for use: PEM text for libjwt and the same for libcrypto; or a
 * secret's bytes.  Const once it is in its table.
 */
struct auth_key {
	char *kid;	/* NULL = none */
	const struct auth_algorithm *algorithm;
	unsigned char *bytes;
	size_t length;
	struct evp_pkey_st *pkey;	/* NULL = a secret */
};

/* The secret and the keys of a JWK set. */
struct auth_keys {
	struct auth_key key[AUTH_KEYS_MAX + 1];
	size_t count;
	unsigned allowed;	/* bits of algorithms; 0 = all */
};

/* No keys yet; and wiping and freeing them. */
void auth_keys_init(struct auth_keys *keys);
void auth_keys_release(struct auth_keys *keys);

/* A JWK on its way to a key. */
struct auth_jwk {
	struct arena *arena;		/* what is made is in it */
	struct json_object *object;
	const char *kid;		/* NULL = none */
	const struct auth_algorithm *algorithm;
	const char *pem;
	struct evp_pkey_st *pkey;
	const char *reason;		/* why not, a sentence's end */
	bool skipped;			/* a set may hold it, not for us */
};

/* Judges the object and fills in the rest; false: see reason. */
bool auth_jwk_judge(struct auth_jwk *jwk) MUST_CHECK;

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
 * Adds the keys of a JWK set (RFC 7517) that are for us: all, or none with a
 * sentence on the first bad one in fault.  What was skipped is said in
 * `skipped`.  A set without any key for us is a fault.  `from` names the text.
 */
bool auth_keys_add_jwks(struct auth_keys *keys, const char *from,
    const char *text, size_t length, struct buf *skipped, struct buf *fault)
    MUST_CHECK;

/* The same from a file. */
bool auth_keys_read_jwks(struct auth_keys *keys, const char *path,
    struct buf *skipped, struct buf *fault) MUST_CHECK;

/*
 * Reads a file of at most `max` bytes into memory that the caller frees, NULL
 * with a sentence in fault otherwise.
 */
char *auth_read_file(const char *path, size_t max, size_t *ret_length,
    struct buf *fault) MUST_CHECK;

/*
 * The key that a token's header asks for.  With a kid: the key of exactly that
 * kid.  Without: the only key of that algorithm.  NULL when there is none, or
 * when its algorithm is another; *ret_reason then says why.
 */
const struct auth_key *auth_keys_find(const struct auth_keys *keys,
    const char *kid, const char *algorithm, const char **ret_reason) MUST_CHECK;

/* Is there a key of exactly this kid? */
bool auth_keys_has(const struct auth_keys *keys, const char *kid);

/* A token whose shape was checked, of at most AUTH_TOKEN_MAX bytes. */
struct auth_signed {
	const char *token;	/* NUL-terminated */
	size_t text_length;	/* of it is signed: up to the last dot */
	const unsigned char *signature;
	size_t signature_length;
	bool typ_foreign;	/* a typ that libjwt refuses: at+jwt */
};

/* Does the key's own algorithm verify the token? */
bool auth_signature_holds(const struct auth_key *key,
    const struct auth_signed *token) MUST_CHECK;

/*
 * The signature of `text` by a private key, or, with pkey NULL, a secret; as
 * JWS has it (for ECDSA the two numbers).  false when libcrypto fails.
 */
bool auth_signature_make(const struct auth_key *key, const char *text,
    size_t length, unsigned char ret[AUTH_SIGNATURE_MAX], size_t *ret_length)
    MUST_CHECK;

/*
 * Where in the claims the role is: a claim's name ("role"), or, from a dot on,
 * names and places (".realm_access.roles[0]", ".\"a b\".roles[*]"), see
 * lockstep.conf(5).
 */
enum { AUTH_PATH_MAX = 8 };
struct auth_path {
	struct {
		const char *name;	/* NULL = an array's item */
		size_t index;
		bool any;		/* the first that is listed */
	} step[AUTH_PATH_MAX];
	size_t count;
};

/* Reads a path; its names are in the arena.  false when it is none. */
bool auth_path_read(struct arena *arena, const char *text,
    struct auth_path *ret) MUST_CHECK;

/*
 * The role that the path finds in the payload, which is one of the list; or
 * NULL with the reason.  Its text lives as long as the payload.
 */
const char *auth_path_find(const struct auth_path *path,
    struct json_object *payload, const char *const *roles, size_t role_count,
    const char **ret_reason) MUST_CHECK;

/*
 * Puts the role where the path finds it, making what is missing.  false when
 * something else is in the way.
 */
bool auth_path_put(const struct auth_path *path, struct json_object *payload,
    const char *role) MUST_CHECK;

/* Who makes tokens, and what of theirs is taken. */
struct auth_issuer {
	const char *name;		/* iss, exact; NULL = not judged */
	const char *audience;		/* one of aud, NULL = not judged */
	const char *secret_file;	/* NULL = none, as the next two */
	const char *jwks_file;
	const char *jwks_url;
	struct auth_path role;
	unsigned allowed;		/* bits of algorithms; 0 = all */
	bool access_only;		/* typ must be at+jwt (RFC 9068) */
	struct auth_source *source;	/* of its keys */
};

enum { AUTH_ISSUERS_MAX = 16 };
struct auth_issuers {
	struct auth_issuer issuer[AUTH_ISSUERS_MAX];
	size_t count;
};

/*
 * The issuers that the options name: of the file, and the one of the single
 * settings.  Texts are in the arena.  No keys are read yet.
 */
bool auth_issuers_read(struct arena *arena, const struct auth_options *options,
    struct auth_issuers *ret, struct buf *fault) MUST_CHECK;

/* The issuer of this iss (NULL = the token has none), or NULL. */
const struct auth_issuer *auth_issuers_find(const struct auth_issuers *issuers,
    const char *iss) MUST_CHECK;

/* What the claims say, judged; strings in the scope's arena. */
struct auth_claims {
	const char *role;
	const char *subject;	/* "" = none */
	const char *text;	/* all claims, compact JSON; role is the role */
	int64_t expires;	/* exp, rounded down */
};

/* Is the word in the list? */
bool auth_listed(const char *const *list, size_t count, const char *word);

/* The text of a JSON string without NUL, or NULL when it is something else. */
const char *auth_text_of(struct json_object *value);

/*
 * Judges a verified payload at the time now_s, and sets its role to the one
 * that was found.  PROBLEM_TOKEN_EXPIRED: all holds but exp.
 * PROBLEM_TOKEN_INVALID: something else does not.
 */
enum problem auth_claims_judge(const struct auth_options *options,
    const struct auth_issuer *issuer, struct scope *sc,
    struct json_object *payload, int64_t now_s, struct auth_claims *ret)
    MUST_CHECK;

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

/* What an auth was made of, for making tokens. */
const struct auth_options *auth_options_of(const struct auth *auth);
const struct auth_issuers *auth_issuers_of(const struct auth *auth);

/*
 * An auth of these keys, which are taken over, for the single settings' issuer.
 */
struct auth *auth_of_keys(const struct auth_options *options,
    const struct auth_keys *keys) MUST_CHECK;

#endif
