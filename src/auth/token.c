/* SPDX-License-Identifier: MIT */
/*
 * Request -> caller.  The bearer token passes, in this order: its length, its
 * shape, the choice of its issuer, the memory of tokens that were verified or
 * else its header, the choice of one key and the signature, then the claims and
 * the Origin rule.  Invariants: nothing of a token is believed before its
 * signature holds but iss, alg and kid, and these only choose among our keys;
 * each step refuses what it does not know; what fails is told outside as
 * invalid, or expired if it is only that, with a constant text for the log.
 */
#include "auth/key.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/source.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { SEGMENTS = 3 };	/* header, payload, signature */

struct auth {
	struct auth_options options;
	struct auth_issuers issuers;
	struct arena *arena;		/* of the issuers' texts */
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

/* What a header asks for. */
struct header {
	const char *alg;
	const char *kid;	/* NULL = none */
	bool access;		/* typ at+jwt */
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

static struct auth *
new_auth(const struct auth_options *options)
{
	struct auth *auth = calloc(1, sizeof(*auth));

	if (auth == NULL)
		abort();
	auth->options = *options;
	auth->arena = arena_new();
	return auth;
}

struct auth *
auth_of_keys(const struct auth_options *options, const struct auth_keys *keys)
{
	struct auth *auth = new_auth(options);
	struct auth_issuer *issuer = &auth->issuers.issuer[0];

	auth->issuers.count = 1;
	issuer->name = options->issuer;
	issuer->audience = options->audience;
	issuer->source = auth_source_of_keys(keys);
	if (!auth_path_read(auth->arena, options->role_claim != NULL ?
	    options->role_claim : "role", &issuer->role))
		abort();
	return auth;
}

/* Makes the sources of all issuers, which reads their files. */
static bool
open_sources(struct auth *auth, struct buf *fault)
{
	const struct auth_options *o = &auth->options;

	for (size_t i = 0; i < auth->issuers.count; i++) {
		struct auth_issuer *issuer = &auth->issuers.issuer[i];
		const struct auth_source_options source = {
			.issuer = issuer->name,
			.secret_file = issuer->secret_file,
			.jwks_file = issuer->jwks_file,
			.jwks_url = issuer->jwks_url,
			.allowed = issuer->allowed,
			.ca_file = o->jwks_ca_file,
			.plain = o->jwks_plain,
			.refresh_s = o->jwks_refresh_s > 0 ?
			    o->jwks_refresh_s : 300,
			.timeout_ms = o->jwks_timeout_ms > 0 ?
			    o->jwks_timeout_ms : 5000,
		};

		issuer->source = auth_source_new(&source, fault);
		if (issuer->source == NULL)
			return false;
	}
	return true;
}

struct auth *
auth_new(const struct auth_options *options, struct buf *fault)
{
	struct auth *auth = new_auth(options);

	if (auth_issuers_read(auth->arena, options, &auth->issuers, fault) &&
	    open_sources(auth, fault))
		return auth;
	auth_free(auth);
	return NULL;
}

void
auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	for (size_t i = 0; i < auth->issuers.count; i++)
		auth_source_free(auth->issuers.issuer[i].source);
	arena_free(auth->arena);
	free(auth);
}

void
auth_fetch(const struct auth *auth, const struct auth *before)
{
	for (size_t i = 0; i < auth->issuers.count; i++) {
		const struct auth_issuer *issuer = &auth->issuers.issuer[i];
		const struct auth_issuer *same = before == NULL ? NULL :
		    auth_issuers_find(&before->issuers, issuer->name);

		auth_source_fetch(issuer->source, same == NULL ? NULL :
		    same->source);
	}
}

bool
auth_watch(const struct auth *auth)
{
	for (size_t i = 0; i < auth->issuers.count; i++)
		if (!auth_source_watch(auth->issuers.issuer[i].source))
			return false;
	return true;
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

	*ret = NULL;
	if (!json_object_object_get_ex(header, name, &value))
		return true;
	text = auth_text_of(value);
	if (text == NULL || text[0] == '\0' || strlen(text) > max)
		return false;
	*ret = text;
	return true;
}

/*
 * The kind of token (RFC 8725, 3.11): a plain one, or an access token by
 * RFC 9068.  What is for other uses (logout, events, proofs) says so here.
 */
static bool
read_typ(struct json_object *header, bool *ret_access)
{
	const char *typ;

	if (!header_text(header, "typ", AUTH_KID_MAX, &typ))
		return false;
	*ret_access = typ != NULL && (text_same(typ, "at+jwt") ||
	    text_same(typ, "application/at+jwt"));
	return typ == NULL || *ret_access || text_same(typ, "JWT");
}

/* Reads the header and judges all but the key. */
static enum problem
read_header(struct scope *sc, const struct token *token, struct header *ret)
{
	struct json_object *header;

	if (token->part[0].length > AUTH_HEADER_MAX)
		return invalid(sc, "the header is too long");
	header = read_object(sc, token->part[0].bytes, token->part[0].length);
	if (header == NULL)
		return invalid(sc, "the header is no strict JSON object");
	for (size_t i = 0; i < countof(refused_members); i++)
		if (json_object_object_get_ex(header, refused_members[i], NULL))
			return invalid(sc, "a header member is refused");
	if (!read_typ(header, &ret->access))
		return invalid(sc, "typ is not JWT or at+jwt");
	if (!header_text(header, "alg", AUTH_KID_MAX, &ret->alg) ||
	    ret->alg == NULL || auth_algorithm_of(ret->alg) == NULL)
		return invalid(sc, "alg is missing or not taken");
	if (!header_text(header, "kid", AUTH_KID_MAX, &ret->kid))
		return invalid(sc, "kid is no string of 1 to 64 bytes");
	return PROBLEM_NONE;
}

/* Verifies the signature by the header's key. */
static enum problem
verify(struct scope *sc, const struct auth_set *set, const struct token *token,
    const struct header *header)
{
	const struct auth_signed it = { .token = token->text,
	    .text_length = (size_t)(strrchr(token->text, '.') - token->text),
	    .signature = (const unsigned char *)token->part[2].bytes,
	    .signature_length = token->part[2].length,
	    .typ_foreign = header->access };
	const struct auth_key *key;
	const char *reason = "";

	key = auth_keys_find(&set->keys, header->kid, header->alg, &reason);
	if (key == NULL && !set->whole)
		return scope_fail(sc, PROBLEM_UNAVAILABLE,
		    "the issuer's keys could not be fetched yet");
	if (key == NULL)
		return invalid(sc, reason);
	return auth_signature_holds(key, &it) ? PROBLEM_NONE :
	    invalid(sc, "the signature does not hold");
}

/*
 * Verifies a token that the set does not remember.  The set is exchanged for
 * the one after it, when the kid is unknown and was worth asking for.
 */
static enum problem
verify_anew(struct scope *sc, const struct auth_issuer *issuer,
    const struct token *token, struct auth_set **set)
{
	struct header header = { .alg = NULL };
	enum problem p;

	if ((p = read_header(sc, token, &header)) != PROBLEM_NONE)
		return p;
	if (issuer->access_only && !header.access)
		return invalid(sc, "typ is not at+jwt");
	if (header.kid != NULL && !auth_keys_has(&(*set)->keys, header.kid) &&
	    auth_source_ask(issuer->source, *set)) {
		auth_source_give_back(issuer->source, *set);
		*set = auth_source_borrow(issuer->source);
	}
	return verify(sc, *set, token, &header);
}

/*
 * Judges by the issuer's set.  Only tokens whose claims hold are remembered, so
 * that the memory knows until when; it spares the signature and the header,
 * never the claims.
 */
static enum problem
judge_by(const struct auth *auth, struct scope *sc,
    const struct auth_issuer *issuer, const struct token *token,
    struct json_object *payload, struct auth_set **set,
    struct auth_claims *ret)
{
	unsigned char digest[AUTH_DIGEST_BYTES];
	int64_t now_s = clock_unix_s();
	enum problem p;
	bool known;

	if (!auth_cache_digest((*set)->cache, token->text, token->length,
	    digest))
		return scope_fail(sc, PROBLEM_INTERNAL, "SHA-256 failed");
	known = auth_cache_holds((*set)->cache, digest, now_s);
	if (!known && (p = verify_anew(sc, issuer, token, set)) != PROBLEM_NONE)
		return p;
	p = auth_claims_judge(&auth->options, issuer, sc, payload, now_s, ret);
	if (p == PROBLEM_NONE && !known)
		auth_cache_add((*set)->cache, digest, ret->expires);
	return p;
}

/* The issuer that the payload names. */
static const struct auth_issuer *
issuer_of(const struct auth *auth, struct json_object *payload)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(payload, "iss", &value))
		value = NULL;
	return auth_issuers_find(&auth->issuers, auth_text_of(value));
}

/* Judges a token to its claims. */
static enum problem
judge(const struct auth *auth, struct scope *sc, const char *text,
    struct auth_claims *ret)
{
	const struct auth_issuer *issuer;
	struct token token = { .text = text };
	struct json_object *payload;
	struct auth_set *set;
	enum problem p;

	if ((p = take_apart(sc, text, &token)) != PROBLEM_NONE)
		return p;
	payload = read_object(sc, token.part[1].bytes, token.part[1].length);
	if (payload == NULL)
		return invalid(sc, "the payload is no strict JSON object");
	if ((issuer = issuer_of(auth, payload)) == NULL)
		return invalid(sc, "iss is missing or another");
	set = auth_source_borrow(issuer->source);
	p = judge_by(auth, sc, issuer, &token, payload, &set, ret);
	auth_source_give_back(issuer->source, set);
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

const struct auth_options *
auth_options_of(const struct auth *auth)
{
	return &auth->options;
}

const struct auth_issuers *
auth_issuers_of(const struct auth *auth)
{
	return &auth->issuers;
}
