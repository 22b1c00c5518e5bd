/* SPDX-License-Identifier: MIT */
/*
 * Request -> caller.  The bearer token passes, in this order: its length, its
 * shape, its header, the choice of one key, the signature (or the memory of
 * it), the claims, the Origin rule.  Invariants: nothing of a token is believed
 * before its signature holds but alg and kid, and these only choose among our
 * keys; each step refuses what it does not know; what fails is told outside as
 * invalid, or expired if it is only that, with a constant text for the log.
 */
#include "auth/key.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { SEGMENTS = 3 };	/* header, payload, signature */

struct auth {
	struct auth_options options;
	struct auth_keys keys;
	struct auth_cache *cache;	/* changes, with its own locks */
};

struct caller {
	const char *role;
	const char *subject;
	const char *claims;
	bool anonymous;
};

/* A token taken apart; the parts are decoded, in the arena. */
struct token {
	const char *text;
	size_t length;
	struct {
		const char *bytes;
		size_t length;
	} part[SEGMENTS];
};

static const struct json_caps caps = {
	.depth = 16, .values = 2048, .members = 256, .items = 1024,
	.name_bytes = 256, .string_bytes = AUTH_TOKEN_MAX,
};

/*
 * Header members that would change what is verified, or with which key
 * (RFC 7515, 4.1; RFC 7797; RFC 7516).  Unknown others are ignored, as the RFC
 * wants; those that must not be are named in crit, which is refused.
 */
static const char *const refused_members[] = {
	"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c",
};

struct auth *
auth_of_keys(const struct auth_options *options, const struct auth_keys *keys)
{
	struct auth *auth = malloc(sizeof(*auth));

	if (auth == NULL)
		abort();
	auth->options = *options;
	auth->keys = *keys;
	auth->cache = auth_cache_new();
	return auth;
}

struct auth *
auth_new(const struct auth_options *options, struct buf *fault)
{
	struct auth_keys keys;

	auth_keys_init(&keys);
	if ((options->secret_file != NULL && !auth_keys_read_secret(&keys,
	    options->secret_file, fault)) ||
	    (options->jwks_file != NULL && !auth_keys_read_jwks(&keys,
	    options->jwks_file, fault))) {
		auth_keys_release(&keys);
		return NULL;
	}
	return auth_of_keys(options, &keys);
}

void
auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	auth_keys_release(&auth->keys);
	auth_cache_free(auth->cache);
	free(auth);
}

static enum problem
invalid(struct scope *sc, const char *reason)
{
	return scope_fail(sc, PROBLEM_TOKEN_INVALID, "%s", reason);
}

/* The token of "Bearer TOKEN" (RFC 6750, 2.1), or NULL. */
static const char *
bearer(const char *authorization)
{
	static const char scheme[] = "Bearer";
	const char *at = authorization + strlen(scheme);

	if (strncasecmp(authorization, scheme, strlen(scheme)) != 0 ||
	    *at != ' ')
		return NULL;
	return at + strspn(at, " ");
}

/*
 * Takes the token apart, strictly: three segments that are not empty, each in
 * the one spelling of its bytes.  libjwt takes other spellings too, writes past
 * its memory for "..", and puts segments of any length on the stack.
 */
static enum problem
take_apart(struct scope *sc, const char *text, struct token *ret)
{
	struct token token = { .text = text, .length = strlen(text) };
	const char *at = text, *dot;
	size_t length;

	if (token.length == 0 || token.length > AUTH_TOKEN_MAX)
		return invalid(sc, "the token is empty or too long");
	for (size_t i = 0; i < SEGMENTS; i++) {
		dot = strchrnul(at, '.');
		length = (size_t)(dot - at);
		if (length == 0 || (*dot == '.') != (i < SEGMENTS - 1))
			return invalid(sc, "the token is not three segments");
		token.part[i].bytes = text_from_base64url(sc->arena, at, length,
		    &token.part[i].length);
		if (token.part[i].bytes == NULL)
			return invalid(sc, "a segment is not strict base64url");
		at = dot + 1;
	}
	*ret = token;
	return PROBLEM_NONE;
}

static void
drop_json(void *tree)
{
	json_object_put(tree);
}

/* Reads a segment that is a JSON object; the arena frees it. */
static struct json_object *
read_object(struct scope *sc, const char *text, size_t length)
{
	struct json_object *tree = NULL;
	struct json_fault fault;

	if (!json_read(text, length, &caps, &tree, &fault) || tree == NULL)
		return NULL;
	arena_defer(sc->arena, drop_json, tree);
	return json_object_is_type(tree, json_type_object) ? tree : NULL;
}

/*
 * A header member that is a string without NUL of 1 to max bytes: true with
 * *ret NULL when it is absent, false when it is something else.
 */
static bool
header_text(struct json_object *header, const char *name, size_t max,
    const char **ret)
{
	struct json_object *value;
	const char *text;
	size_t length;

	*ret = NULL;
	if (!json_object_object_get_ex(header, name, &value))
		return true;
	if (!json_object_is_type(value, json_type_string))
		return false;
	text = json_object_get_string(value);
	length = (size_t)json_object_get_string_len(value);
	if (length == 0 || length > max || strlen(text) != length)
		return false;
	*ret = text;
	return true;
}

/* Judges the header and chooses the key. */
static enum problem
choose_key(const struct auth *auth, struct scope *sc, const struct token *token,
    const struct auth_key **ret)
{
	const char *typ, *alg, *kid, *reason = "";
	struct json_object *header;

	if (token->part[0].length > AUTH_HEADER_MAX)
		return invalid(sc, "the header is too long");
	header = read_object(sc, token->part[0].bytes, token->part[0].length);
	if (header == NULL)
		return invalid(sc, "the header is no strict JSON object");
	for (size_t i = 0; i < countof(refused_members); i++)
		if (json_object_object_get_ex(header, refused_members[i], NULL))
			return invalid(sc, "a header member is refused");
	if (!header_text(header, "typ", AUTH_KID_MAX, &typ) ||
	    (typ != NULL && !text_same(typ, "JWT")))
		return invalid(sc, "typ is not JWT");
	if (!header_text(header, "alg", AUTH_KID_MAX, &alg) || alg == NULL ||
	    auth_algorithm_of(alg) == NULL)
		return invalid(sc, "alg is missing or not taken");
	if (!header_text(header, "kid", AUTH_KID_MAX, &kid))
		return invalid(sc, "kid is no string of 1 to 64 bytes");
	*ret = auth_keys_find(&auth->keys, kid, alg, &reason);
	return *ret != NULL ? PROBLEM_NONE : invalid(sc, reason);
}

/* Verifies the signature by the header's key. */
static enum problem
verify(const struct auth *auth, struct scope *sc, const struct token *token)
{
	const struct auth_key *key = NULL;
	enum problem p;

	if ((p = choose_key(auth, sc, token, &key)) != PROBLEM_NONE)
		return p;
	return auth_signature_holds(key, token->text) ? PROBLEM_NONE :
	    invalid(sc, "the signature does not hold");
}

/*
 * Judges a token to its claims.  Only tokens whose claims hold are remembered,
 * so that the memory knows until when; it spares the signature and the header,
 * never the claims.
 */
static enum problem
judge(const struct auth *auth, struct scope *sc, const char *text,
    struct auth_claims *ret)
{
	unsigned char digest[AUTH_DIGEST_BYTES];
	int64_t now_s = clock_unix_s();
	struct json_object *payload;
	struct token token = { .text = text };
	enum problem p;
	bool known;

	if ((p = take_apart(sc, text, &token)) != PROBLEM_NONE)
		return p;
	if (!auth_cache_digest(auth->cache, text, token.length, digest))
		return scope_fail(sc, PROBLEM_INTERNAL, "SHA-256 failed");
	known = auth_cache_holds(auth->cache, digest, now_s);
	if (!known && (p = verify(auth, sc, &token)) != PROBLEM_NONE)
		return p;
	payload = read_object(sc, token.part[1].bytes, token.part[1].length);
	if (payload == NULL)
		return invalid(sc, "the payload is no strict JSON object");
	p = auth_claims_judge(&auth->options, sc, payload, now_s, ret);
	if (p == PROBLEM_NONE && !known)
		auth_cache_add(auth->cache, digest, ret->expires);
	return p;
}

/* The caller without a token. */
static enum problem
identify_anonymous(const struct auth *auth, struct scope *sc,
    const struct caller **ret)
{
	const char *role = auth->options.anonymous;
	struct caller *caller;
	struct buf b;

	if (role == NULL)
		return scope_fail(sc, PROBLEM_TOKEN_MISSING,
		    "no token, and no anonymous role");
	buf_init(&b, AUTH_TOKEN_MAX);
	buf_string(&b, "{\"role\":");
	buf_json_string(&b, role);
	buf_string(&b, "}");
	caller = arena_alloc(sc->arena, sizeof(*caller));
	*caller = (struct caller){ .role = arena_string(sc->arena, role),
	    .subject = "", .claims = arena_copy(sc->arena, b.at, b.length),
	    .anonymous = true };
	buf_release(&b);
	*ret = caller;
	return PROBLEM_NONE;
}

/* Is it a server's token in a browser, which would be a leaked one? */
static bool
is_astray(const struct auth_options *options, const struct request *rq,
    const char *role)
{
	return rq->origin != NULL && !options->server_roles_from_browsers &&
	    auth_listed(options->server_roles, options->server_role_count,
	    role);
}

enum problem
auth_identify(const struct auth *auth, struct scope *sc,
    const struct request *rq, const struct caller **ret)
{
	struct auth_claims claims = { .role = "" };
	struct caller *caller;
	const char *text;
	enum problem p;

	if (rq->authorization == NULL)
		return identify_anonymous(auth, sc, ret);
	if ((text = bearer(rq->authorization)) == NULL)
		return invalid(sc, "the scheme is not Bearer");
	if ((p = judge(auth, sc, text, &claims)) != PROBLEM_NONE)
		return p;
	if (is_astray(&auth->options, rq, claims.role))
		return scope_fail(sc, PROBLEM_FORBIDDEN,
		    "a server role with an Origin header");
	caller = arena_alloc(sc->arena, sizeof(*caller));
	*caller = (struct caller){ .role = claims.role,
	    .subject = claims.subject, .claims = claims.text };
	*ret = caller;
	return PROBLEM_NONE;
}

const char *
caller_role(const struct caller *caller)
{
	return caller->role;
}

const char *
caller_subject(const struct caller *caller)
{
	return caller->subject;
}

const char *
caller_claims(const struct caller *caller)
{
	return caller->claims;
}

bool
caller_is_anonymous(const struct caller *caller)
{
	return caller->anonymous;
}

/* Sets a string claim, when there is one. */
static void
set_text(struct json_object *payload, const char *name, const char *text)
{
	if (text != NULL)
		json_object_object_add(payload, name,
		    json_object_new_string(text));
}

/*
 * Makes the payload of a development token, in the arena: the further claims,
 * which may not name ours, then ours.
 */
static enum problem
make_payload(const struct auth_options *options, struct scope *sc,
    const char *role, const char *subject, unsigned life_s, const char *claims,
    struct json_object **ret)
{
	static const char *const ours[] = { "role", "sub", "iss", "aud", "iat",
	    "exp" };
	const char *text = claims != NULL ? claims : "{}";
	struct json_object *payload = read_object(sc, text, strlen(text));
	int64_t now_s = clock_unix_s();

	if (payload == NULL)
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the further claims are no JSON object");
	for (size_t i = 0; i < countof(ours); i++)
		if (json_object_object_get_ex(payload, ours[i], NULL))
			return scope_fail(sc, PROBLEM_BAD_REQUEST,
			    "%s is not set by further claims", ours[i]);
	set_text(payload, "role", role);
	set_text(payload, "sub", subject);
	set_text(payload, "iss", options->issuer);
	set_text(payload, "aud", options->audience);
	json_object_object_add(payload, "iat", json_object_new_int64(now_s));
	json_object_object_add(payload, "exp",
	    json_object_new_int64(now_s + life_s));
	*ret = payload;
	return PROBLEM_NONE;
}

/* The token's text of a payload's text, signed; NULL when libcrypto fails. */
static const char *
sign(struct scope *sc, const struct auth_key *secret, const char *payload)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	unsigned char mac[AUTH_DIGEST_BYTES];
	const char *text = arena_format(sc->arena, "%s.%s",
	    text_to_base64url(sc->arena, header, strlen(header)),
	    text_to_base64url(sc->arena, payload, strlen(payload)));

	if (!auth_signature_make(secret, text, strlen(text), mac))
		return NULL;
	return arena_format(sc->arena, "%s.%s", text,
	    text_to_base64url(sc->arena, mac, sizeof(mac)));
}

/*
 * What is minted is judged as if it came by a request, so no token is made
 * that would be refused; but for one that has expired at once, for tests.
 */
enum problem
auth_mint(const struct auth *auth, struct scope *sc, const char *role,
    const char *subject, unsigned life_s, const char *claims, struct buf *out)
{
	const struct auth_options *options = &auth->options;
	const struct auth_key *secret;
	struct json_object *payload = NULL;
	struct auth_claims judged;
	const char *reason, *text;
	enum problem p;
	struct buf b;

	if (!auth_listed(options->roles, options->role_count, role))
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "the role is not on the contract's list");
	secret = auth_keys_find(&auth->keys, NULL, "HS256", &reason);
	if (secret == NULL)
		return scope_fail(sc, PROBLEM_UNAVAILABLE,
		    "there is no secret to sign with: set jwt_secret_file");
	p = make_payload(options, sc, role, subject, life_s, claims, &payload);
	if (p != PROBLEM_NONE)
		return p;
	p = auth_claims_judge(options, sc, payload, clock_unix_s(), &judged);
	if (p != PROBLEM_NONE && p != PROBLEM_TOKEN_EXPIRED)
		return PROBLEM_BAD_REQUEST;
	buf_init(&b, AUTH_TOKEN_MAX);
	json_write(&b, payload);
	text = b.failed ? NULL : sign(sc, secret, b.at);
	buf_release(&b);
	if (text == NULL || strlen(text) > AUTH_TOKEN_MAX)
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the token would be too long");
	buf_string(out, text);
	return PROBLEM_NONE;
}
