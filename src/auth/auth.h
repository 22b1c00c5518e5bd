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
 * Request -> caller: bearer tokens (RFC 6750, 7519) judged by RFC 8725.  Keys
 * are const once made; a new set is built aside and swapped by the owner.
 */
struct auth;

/* Who calls.  Opaque: only auth_identify() makes one, in the scope's arena. */
struct caller;

struct auth_options {
	const char *secret_file;	/* HS256, >= 32 bytes; NULL = none */
	const char *jwks_file;		/* JWK set: RS*, ES*; NULL = none */
	const char *issuer;		/* exact, NULL = not judged */
	const char *audience;		/* one of aud, NULL = not judged */
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
 * Reads the keys.  The options' strings must outlive it.  NULL when a file
 * cannot be read or a key is unfit (too short, unknown type, private, repeated
 * kid); why is then added to fault, a sentence with a hint.
 */
struct auth *auth_new(const struct auth_options *options, struct buf *fault)
    MUST_CHECK;
void auth_free(struct auth *auth);

/*
 * Identifies the caller by the Authorization header.  Without one: the
 * anonymous role, or PROBLEM_TOKEN_MISSING when there is none.
 * PROBLEM_TOKEN_EXPIRED: everything holds but exp.  PROBLEM_TOKEN_INVALID:
 * all else, one face outside, the reason as the scope's cause.
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
 * Makes a development token (HS256, with the secret file): role, sub (NULL =
 * none), iss and aud of the options, iat, exp = now + life_s; `claims` is a
 * JSON object of further claims or NULL.  Added to out.  PROBLEM_NOT_FOUND:
 * the role is not listed; PROBLEM_BAD_REQUEST: claims are no JSON object or
 * name one of ours, or the token would be refused for anything but having
 * expired; PROBLEM_UNAVAILABLE: there is no secret.  The scope's cause says
 * more.
 */
enum problem auth_mint(const struct auth *auth, struct scope *sc,
    const char *role, const char *subject, unsigned life_s,
    const char *claims, struct buf *out) MUST_CHECK;

/*
 * Constant time in the bytes: equal only if lengths and bytes are equal.  The
 * one place where secrets are compared.
 */
bool auth_same_secret(const void *a, size_t a_length, const void *b,
    size_t b_length);

#endif
