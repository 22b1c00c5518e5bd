/* SPDX-License-Identifier: MIT */
/*
 * Development tokens, and the keys that sign them.  What is minted is judged as
 * if it came by a request, so no token is made that would be refused; but for
 * one that has expired at once, for tests.  A private key is only ever in a
 * file that its owner alone may read: not in arguments, not in the environment,
 * not on standard output.
 */
#include "auth/key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/source.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { PEM_MAX = 32 * 1024, NUMBER_MAX = 1024, RSA_BITS = 2048 };

struct auth_signer {
	struct auth_key key;
	struct arena *arena;
	const char *members;	/* of the JWK, as RFC 7638 orders them */
};

static const struct json_caps caps = {
	.depth = 16, .values = 2048, .members = 256, .items = 1024,
	.name_bytes = 256, .string_bytes = AUTH_TOKEN_MAX,
};

/* A number of the key as base64url of at least `size` bytes; NULL: has none. */
static const char *
number_of(const struct auth_signer *s, const char *name, size_t size)
{
	unsigned char bytes[NUMBER_MAX];
	BIGNUM *n = NULL;
	const char *text = NULL;
	int length;

	if (EVP_PKEY_get_bn_param(s->key.pkey, name, &n) != 1)
		return NULL;
	length = BN_num_bytes(n);
	if ((size_t)length < size)
		length = (int)size;
	if (length <= NUMBER_MAX &&
	    BN_bn2binpad(n, bytes, length) == length)
		text = text_to_base64url(s->arena, bytes, (size_t)length);
	BN_free(n);
	return text;
}

/*
 * The required members of the public JWK, in the order of their names, without
 * spaces: what RFC 7638 makes the thumbprint of.
 */
static const char *
members_of(const struct auth_signer *s)
{
	const struct auth_algorithm *a = s->key.algorithm;
	unsigned char point[NUMBER_MAX];
	size_t length = sizeof(point);
	const char *x, *y;

	if (strcmp(a->kty, "RSA") == 0) {
		x = number_of(s, OSSL_PKEY_PARAM_RSA_E, 1);
		y = number_of(s, OSSL_PKEY_PARAM_RSA_N, 1);
		return x == NULL || y == NULL ? NULL : arena_format(s->arena,
		    "\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"", x, y);
	}
	if (strcmp(a->kty, "EC") == 0) {
		x = number_of(s, OSSL_PKEY_PARAM_EC_PUB_X, a->coordinate);
		y = number_of(s, OSSL_PKEY_PARAM_EC_PUB_Y, a->coordinate);
		return x == NULL || y == NULL ? NULL : arena_format(s->arena,
		    "\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"",
		    a->crv, x, y);
	}
	if (EVP_PKEY_get_raw_public_key(s->key.pkey, point, &length) != 1)
		return NULL;
	return arena_format(s->arena,
	    "\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"", a->crv,
	    text_to_base64url(s->arena, point, length));
}

/* Is the private key of the algorithm's kind, and strong enough? */
static bool
fits(EVP_PKEY *pkey, const struct auth_algorithm *a)
{
	char group[64] = "";

	if (strcmp(a->kty, "RSA") == 0)
		return EVP_PKEY_is_a(pkey, "RSA") &&
		    EVP_PKEY_get_bits(pkey) >= RSA_BITS;
	if (strcmp(a->kty, "OKP") == 0)
		return EVP_PKEY_is_a(pkey, a->crv);
	return strcmp(a->kty, "EC") == 0 && EVP_PKEY_is_a(pkey, "EC") &&
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
	    (strcmp(group, a->crv) == 0 ||
	    (strcmp(a->crv, "P-256") == 0 && strcmp(group, "prime256v1") == 0)
	    || (strcmp(a->crv, "P-384") == 0 && strcmp(group, "secp384r1") == 0)
	    || (strcmp(a->crv, "P-521") == 0 &&
	    strcmp(group, "secp521r1") == 0));
}

/* The algorithm of the name, or the one that the key implies; NULL: neither. */
static const struct auth_algorithm *
algorithm_for(EVP_PKEY *pkey, const char *name)
{
	static const char *const implied[] = { "RS256", "ES256", "ES384",
	    "ES512", "EdDSA" };
	const struct auth_algorithm *a;

	if (name != NULL) {
		a = auth_algorithm_of(name);
		return a != NULL && fits(pkey, a) ? a : NULL;
	}
	for (size_t i = 0; i < countof(implied); i++)
		if (fits(pkey, a = auth_algorithm_of(implied[i])))
			return a;
	return NULL;
}

/* Nobody is asked for a passphrase. */
static int
no_passphrase(char *at, int size, int writing, void *context)
{
	(void)at, (void)size, (void)writing, (void)context;
	return -1;
}

/* Reads the PEM text of a private key; NULL when it is none. */
static EVP_PKEY *
read_pem(const char *path, struct buf *fault)
{
	EVP_PKEY *pkey = NULL;
	size_t length;
	char *text = auth_read_file(path, PEM_MAX, &length, fault);
	BIO *bio;

	if (text == NULL)
		return NULL;
	bio = BIO_new_mem_buf(text, (int)length);
	if (bio != NULL)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	OPENSSL_cleanse(text, length);
	free(text);
	if (pkey == NULL)
		buf_format(fault, "%s is no private key in PEM without a "
		    "passphrase: make one with lockstep token --new-key ES256 "
		    "--key FILE", path);
	return pkey;
}

struct auth_signer *
auth_signer_read(const char *path, const char *algorithm, struct buf *fault)
{
	EVP_PKEY *pkey = read_pem(path, fault);
	const struct auth_algorithm *a;
	struct auth_signer *signer;
	unsigned char digest[AUTH_DIGEST_BYTES];

	if (pkey == NULL)
		return NULL;
	a = algorithm_for(pkey, algorithm);
	if (a == NULL) {
		buf_format(fault, "%s is no key for %s", path,
		    algorithm != NULL ? algorithm : "any algorithm of ours");
		EVP_PKEY_free(pkey);
		return NULL;
	}
	signer = calloc(1, sizeof(*signer));
	if (signer == NULL)
		abort();
	signer->arena = arena_new();
	signer->key.algorithm = a;
	signer->key.pkey = pkey;
	signer->members = members_of(signer);
	if (signer->members == NULL)
		abort();
	(void)EVP_Q_digest(NULL, "SHA256", NULL, arena_format(signer->arena,
	    "{%s}", signer->members), strlen(signer->members) + 2, digest,
	    NULL);
	signer->key.kid = text_to_base64url(signer->arena, digest,
	    sizeof(digest));
	return signer;
}

void
auth_signer_free(struct auth_signer *signer)
{
	if (signer == NULL)
		return;
	EVP_PKEY_free(signer->key.pkey);
	arena_free(signer->arena);
	free(signer);
}

void
auth_signer_jwk(const struct auth_signer *signer, struct buf *out)
{
	buf_format(out, "{\"kid\":\"%s\",\"use\":\"sig\",\"alg\":\"%s\",%s}",
	    signer->key.kid, signer->key.algorithm->name, signer->members);
}

/* A new key for the algorithm, or NULL. */
static EVP_PKEY *
new_key(const struct auth_algorithm *a)
{
	if (strcmp(a->kty, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	if (strcmp(a->kty, "EC") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", a->crv);
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/* Writes it to a file that is not there yet. */
static bool
write_key(const char *path, EVP_PKEY *pkey, struct buf *fault)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	bool done;

	if (file == NULL) {
		buf_format(fault, "%s cannot be made: %s", path,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	done = PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1;
	done = fclose(file) == 0 && done;
	if (!done) {
		buf_format(fault, "%s cannot be written", path);
		unlink(path);
	}
	return done;
}

bool
auth_signer_create(const char *path, const char *algorithm, struct buf *fault)
{
	const struct auth_algorithm *a = auth_algorithm_of(algorithm);
	EVP_PKEY *pkey;
	bool done;

	if (a == NULL || strcmp(a->kty, "oct") == 0) {
		buf_format(fault, "there is no key pair for %s: say RS256, "
		    "PS256, ES256 or EdDSA (RS, PS, ES also with 384 and 512)",
		    algorithm);
		return false;
	}
	pkey = new_key(a);
	if (pkey == NULL)
		buf_string(fault, "libcrypto makes no key");
	done = pkey != NULL && write_key(path, pkey, fault);
	EVP_PKEY_free(pkey);
	return done;
}

/* Sets a string claim, when there is one. */
static void
set_text(struct json_object *payload, const char *name, const char *text)
{
	if (text != NULL)
		json_object_object_add(payload, name,
		    json_object_new_string(text));
}

static void
drop_json(void *tree)
{
	json_object_put(tree);
}

/*
 * The further claims as an object in the arena; they may not name ours.  NULL
 * with the scope's cause.
 */
static struct json_object *
further(struct scope *sc, const char *claims)
{
	static const char *const ours[] = { "sub", "iss", "aud", "iat", "exp" };
	const char *text = claims != NULL ? claims : "{}";
	struct json_object *payload = NULL;
	struct json_fault fault;

	if (!json_read(text, strlen(text), &caps, &payload, &fault) ||
	    !json_object_is_type(payload, json_type_object)) {
		json_object_put(payload);
		scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the further claims are no JSON object");
		return NULL;
	}
	arena_defer(sc->arena, drop_json, payload);
	for (size_t i = 0; i < countof(ours); i++)
		if (json_object_object_get_ex(payload, ours[i], NULL)) {
			scope_fail(sc, PROBLEM_BAD_REQUEST,
			    "%s is not set by further claims", ours[i]);
			return NULL;
		}
	return payload;
}

/* Makes the payload, in the arena. */
static enum problem
make_payload(const struct auth_issuer *issuer, struct scope *sc,
    const struct auth_wish *wish, struct json_object **ret)
{
	struct json_object *payload = further(sc, wish->claims);
	int64_t now_s = clock_unix_s();

	if (payload == NULL)
		return PROBLEM_BAD_REQUEST;
	if (!auth_path_put(&issuer->role, payload, wish->role))
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the role is not set by further claims");
	set_text(payload, "sub", wish->subject);
	set_text(payload, "iss", issuer->name);
	set_text(payload, "aud", issuer->audience);
	json_object_object_add(payload, "iat", json_object_new_int64(now_s));
	json_object_object_add(payload, "exp",
	    json_object_new_int64(now_s + wish->life_s));
	*ret = payload;
	return PROBLEM_NONE;
}

/* The header, in the arena. */
static const char *
header_of(struct scope *sc, const struct auth_key *key, bool access)
{
	const char *kid = key->kid == NULL ? "" : arena_format(sc->arena,
	    ",\"kid\":\"%s\"", key->kid);

	return arena_format(sc->arena, "{\"alg\":\"%s\"%s,\"typ\":\"%s\"}",
	    key->algorithm->name, kid, access ? "at+jwt" : "JWT");
}

/* The token's text of a payload's text, signed; NULL when libcrypto fails. */
static const char *
sign(struct scope *sc, const struct auth_key *key, bool access,
    const char *payload)
{
	const char *header = header_of(sc, key, access);
	unsigned char signature[AUTH_SIGNATURE_MAX];
	size_t length;
	const char *text = arena_format(sc->arena, "%s.%s",
	    text_to_base64url(sc->arena, header, strlen(header)),
	    text_to_base64url(sc->arena, payload, strlen(payload)));

	if (!auth_signature_make(key, text, strlen(text), signature, &length))
		return NULL;
	return arena_format(sc->arena, "%s.%s", text,
	    text_to_base64url(sc->arena, signature, length));
}

/* The key to sign with: the wish's, or the issuer's secret. */
static enum problem
mint_by(const struct auth_issuer *issuer, struct scope *sc,
    const struct auth_wish *wish, const char *payload, struct buf *out)
{
	struct auth_set *set = auth_source_borrow(issuer->source);
	const char *reason, *text = NULL;
	const struct auth_key *key = wish->signer != NULL ? &wish->signer->key :
	    auth_keys_find(&set->keys, NULL, "HS256", &reason);

	if (key != NULL)
		text = sign(sc, key, wish->access || issuer->access_only,
		    payload);
	auth_source_give_back(issuer->source, set);
	if (key == NULL)
		return scope_fail(sc, PROBLEM_UNAVAILABLE, "there is no secret "
		    "to sign with: set jwt_secret_file, or name a --key");
	if (text == NULL || strlen(text) > AUTH_TOKEN_MAX)
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the token would be too long");
	buf_string(out, text);
	return PROBLEM_NONE;
}

/* The issuer that is wished for: by name, or the last, the single settings'. */
static const struct auth_issuer *
issuer_for(const struct auth *auth, const char *name)
{
	const struct auth_issuers *issuers = auth_issuers_of(auth);
	const struct auth_issuer *issuer;

	if (name == NULL)
		return &issuers->issuer[issuers->count - 1];
	issuer = auth_issuers_find(issuers, name);
	/* One without a name stands for any, but is not called so. */
	return issuer != NULL && issuer->name != NULL ? issuer : NULL;
}

/*
 * Judged is a copy: the judge sets the role into what it is given, and a token
 * says it only where the issuer would.
 */
enum problem
auth_mint(const struct auth *auth, struct scope *sc,
    const struct auth_wish *wish, struct buf *out)
{
	const struct auth_options *options = auth_options_of(auth);
	const struct auth_issuer *issuer = issuer_for(auth, wish->issuer);
	struct json_object *payload = NULL;
	struct auth_claims judged;
	const char *text = NULL;
	enum problem p;
	struct buf b;

	if (issuer == NULL)
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "there is no issuer of this name");
	if (!auth_listed(options->roles, options->role_count, wish->role))
		return scope_fail(sc, PROBLEM_NOT_FOUND,
		    "the role is not on the contract's list");
	p = make_payload(issuer, sc, wish, &payload);
	if (p != PROBLEM_NONE)
		return p;
	buf_init(&b, AUTH_TOKEN_MAX);
	json_write(&b, payload);
	if (!b.failed)
		text = arena_copy(sc->arena, b.at, b.length);
	buf_release(&b);
	p = auth_claims_judge(options, issuer, sc, payload, clock_unix_s(),
	    &judged);
	if (p != PROBLEM_NONE && p != PROBLEM_TOKEN_EXPIRED)
		return PROBLEM_BAD_REQUEST;
	if (text == NULL)
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "the token would be too long");
	return mint_by(issuer, sc, wish, text, out);
}
