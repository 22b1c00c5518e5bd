/* SPDX-License-Identifier: MIT */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"
#include "base/buf.h"
#include "base/problem.h"
#include "base/scope.h"
#include "http/http.h"

/*
 * Request -> caller: bearer tokens (RFC 6750, 7519, 9068) judged by RFC 8725.
 * Sets of keys are const once made; a new one is built aside and swapped, and
 * with it go the tokens that the old one had verified.
 */
struct auth;

/*
 * Who calls.  Opaque: only auth_identify() and, for jobs, auth_recall() make
 * one, in the scope's arena.
 */
struct caller;

struct auth_options {
	const char *secret_file;	/* HS256, >= 32 bytes; NULL = none */
	const char *jwks_file;		/* JWK set; NULL = none */
	const char *jwks_url;		/* the same, fetched; NULL = none */
	const char *issuer;		/* exact, NULL = not judged */
	const char *audience;		/* one of aud, NULL = not judged */
	const char *role_claim;		/* NULL = "role" */
	const char *issuers_file;	/* more issuers; NULL = none */
	const char *jwks_ca_file;	/* for https; NULL = the system's */
	bool jwks_plain;		/* take http: from any host */
	unsigned jwks_refresh_s;	/* 0 = 300 */
	unsigned jwks_timeout_ms;	/* 0 = 5000 */
	unsigned leeway_s;
	unsigned life_max_s;		/* exp - now at most; 0 = any */
	const char *const *roles;	/* that a token may name */
	size_t role_count;
	const char *anonymous;		/* role without a token, NULL = none */
	const char *const *server_roles; /* refused with an Origin header */
	size_t server_role_count;
	bool server_roles_from_browsers; /* true: not refused after all */
};

/*
 * Reads the issuers and the keys of files; nothing is fetched.  The options'
 * strings must outlive it.  NULL when a file cannot be read or a key is unfit
 * (too short, weak, private, repeated kid); why is then added to fault, a
 * sentence with a hint.
 */
struct auth *auth_new(const struct auth_options *options, struct buf *fault)
    MUST_CHECK;

/* Ends its threads as well, if there are any. */
void auth_free(struct auth *auth);

/*
 * To be called once, before processes are forked that are to share what is
 * fetched: gets the key sets of URLs, from `before` (NULL = nothing) where it
 * has them, else by fetching, each within jwks_timeout_ms.  What cannot be
 * fetched is logged, and had later; its tokens are PROBLEM_UNAVAILABLE so long.
 */
void auth_fetch(const struct auth *auth, const struct auth *before);

/*
 * To be called in each process that identifies, once: from then on threads read
 * files again when they change, and fetch sets again by age or when a token
 * names an unknown kid.  Of processes that share an auth one fetches, and all
 * have the new set within a quarter of a second.  A set that is not fit leaves
 * the one before.  false when there can be no thread.
 */
bool auth_watch(const struct auth *auth) MUST_CHECK;

/*
 * Identifies the caller by the Authorization header.  Without one: the
 * anonymous role, or PROBLEM_TOKEN_MISSING when there is none.
 * PROBLEM_TOKEN_EXPIRED: everything holds but exp.  PROBLEM_TOKEN_INVALID:
 * all else, one face outside, the reason as the scope's cause.
 * PROBLEM_UNAVAILABLE: the issuer's keys could not be fetched yet.
 * PROBLEM_FORBIDDEN: a server role with an Origin header.
 */
enum problem auth_identify(const struct auth *auth, struct scope *sc,
    const struct request *rq, const struct caller **ret) MUST_CHECK;

/* The caller's role; subject ("" for anonymous); claims as JSON text. */
const char *caller_role(const struct caller *caller);
const char *caller_subject(const struct caller *caller);
const char *caller_claims(const struct caller *caller);
bool caller_is_anonymous(const struct caller *caller);

/*
 * The caller of a job: who asked for it, by the role and the claims (JSON
 * text) that were kept with it, as they were judged then; exp is not judged
 * again.  `role` NULL is the role of the claims.  In the claims that policies
 * read the role is the one that runs.  PROBLEM_FORBIDDEN: the role is none of
 * these.  PROBLEM_TOKEN_INVALID: the claims are no object, or too long.
 */
enum problem auth_recall(struct scope *sc, const char *const *roles,
    size_t role_count, const char *role, const char *claims,
    const struct caller **ret) MUST_CHECK;

/* A private key that signs development tokens. */
struct auth_signer;

/*
 * Reads a private key (PEM, of RSA, P-256, P-384, P-521 or Ed25519).  algorithm
 * NULL is the one that the key implies.  NULL when it cannot be read or does
 * not fit; why is added to fault.
 */
struct auth_signer *auth_signer_read(const char *path, const char *algorithm,
    struct buf *fault) MUST_CHECK;
void auth_signer_free(struct auth_signer *signer);

/*
 * Makes a new private key for the algorithm in a new file that only its owner
 * may read.  false with a sentence in fault.
 */
bool auth_signer_create(const char *path, const char *algorithm,
    struct buf *fault) MUST_CHECK;

/* Adds the public JWK; its kid is the thumbprint of RFC 7638. */
void auth_signer_jwk(const struct auth_signer *signer, struct buf *out);

/* What a development token is to say. */
struct auth_wish {
	const char *role;
	const char *subject;	/* NULL = none */
	unsigned life_s;
	const char *claims;	/* JSON object of further claims, or NULL */
	const char *issuer;	/* NULL = the single settings' */
	const struct auth_signer *signer;	/* NULL = HS256, the secret */
	bool access;		/* typ at+jwt (RFC 9068) and not JWT */
};

/*
 * Makes a development token: role, sub, iss and aud of the issuer, iat, exp =
 * now + life_s, and the further claims.  Added to out.  PROBLEM_NOT_FOUND: the
 * role is not listed; PROBLEM_BAD_REQUEST: claims are no JSON object or name
 * one of ours, there is no such issuer, or the token would be refused for
 * anything but having expired; PROBLEM_UNAVAILABLE: there is no secret.  The
 * scope's cause says more.
 */
enum problem auth_mint(const struct auth *auth, struct scope *sc,
    const struct auth_wish *wish, struct buf *out) MUST_CHECK;

/* A text of a digest, and the digest: 64 small hex digits and the NUL. */
struct auth_part {
	const void *bytes;
	size_t length;
};
enum { AUTH_DIGEST_TEXT = 65 };

/*
 * SHA-256 of some texts, each with its length before it: other parts of the
 * same bytes are another digest.
 */
void auth_digest(const struct auth_part *parts, size_t count,
    char ret[AUTH_DIGEST_TEXT]);

/* SHA-256 of bytes that come bit by bit; its end writes the digits and frees. */
struct auth_hash;
struct auth_hash *auth_hash_new(void);
void auth_hash_add(struct auth_hash *hash, const void *bytes, size_t length);
void auth_hash_end(struct auth_hash *hash, char ret[AUTH_DIGEST_TEXT]);

/*
 * Constant time in the bytes: equal only if lengths and bytes are equal.  The
 * one place where secrets are compared.
 */
bool auth_same_secret(const void *a, size_t a_length, const void *b,
    size_t b_length);

#endif
