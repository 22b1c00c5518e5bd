/* SPDX-License-Identifier: MIT */
/*
 * Files -> keys: the HS256 secret, and the public keys of a JWK set (RFC 7517,
 * 7518) as the PEM text that libjwt takes.  All judgement of a key is here, at
 * load: a key in the table is public, strong enough, and has one algorithm that
 * fits it.  What is unfit is a fault of the file and not skipped, since a key
 * left out in silence is a login that fails later.  A secret is never in a set:
 * sets are published, or copied from what is.
 */
#include "auth/key.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum {
	JWKS_MAX = 512 * 1024,	/* bytes of a set's file */
	RSA_BITS_MIN = 2048,	/* RFC 7518, 3.3 */
	RSA_BITS_MAX = 8192,	/* dearer ones are a mistake */
	RSA_E_BITS_MAX = 64,
	POINT_MAX = 1 + 2 * 66,	/* bytes of a point of P-521 */
};

static const struct auth_algorithm algorithms[] = {
	{ "HS256", "oct", NULL, 0, false },
	{ "RS256", "RSA", NULL, 0, true },
	{ "RS384", "RSA", NULL, 0, false },
	{ "RS512", "RSA", NULL, 0, false },
	{ "ES256", "EC", "P-256", 32, true },
	{ "ES384", "EC", "P-384", 48, false },
	{ "ES512", "EC", "P-521", 66, false },
};

/* What only private and secret keys have: RFC 7518, 6.2.2, 6.3.2, 6.4.1. */
static const char *const private_members[] = {
	"d", "p", "q", "dp", "dq", "qi", "oth", "k",
};

static const struct json_caps caps = {
	.depth = 8, .values = 8192, .members = 64, .items = 256,
	.name_bytes = 256, .string_bytes = 32 * 1024,
};

/* One JWK on its way to a key. */
struct jwk {
	struct arena *arena;
	struct json_object *object;
	const char *kid;	/* NULL = none */
	const struct auth_algorithm *algorithm;
	const char *reason;	/* why it is unfit, a sentence's end */
};

const struct auth_algorithm *
auth_algorithm_of(const char *name)
{
	for (size_t i = 0; i < countof(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

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
		free(keys->key[i].kid);
	}
	auth_keys_init(keys);
}

/* Adds a key that was found fit, copying its bytes; there must be room. */
static void
add(struct auth_keys *keys, const char *kid,
    const struct auth_algorithm *algorithm, const void *bytes, size_t length)
{
	struct auth_key *key = &keys->key[keys->count++];

	key->kid = kid == NULL ? NULL : strdup(kid);
	key->bytes = malloc(length);
	if (key->bytes == NULL || (kid != NULL && key->kid == NULL))
		abort();
	key->algorithm = algorithm;
	key->length = length;
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
	add(keys, kid, auth_algorithm_of("HS256"), secret, length);
	return true;
}

/*
 * Reads a file of at most `max` bytes into memory that the caller frees, NULL
 * with a sentence in fault otherwise.
 */
static char *
read_file(const char *path, size_t max, size_t *ret_length, struct buf *fault)
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
	char *text = read_file(path, AUTH_SECRET_MAX + 1, &all, fault);
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

/* The reason why the key is unfit is kept, as false. */
static bool
unfit(struct jwk *jwk, const char *reason)
{
	jwk->reason = reason;
	return false;
}

/*
 * A member that is a string without NUL.  true with *ret NULL when it is
 * absent; false when it is something else.
 */
static bool
text_of(const struct jwk *jwk, const char *name, const char **ret)
{
	struct json_object *value;
	const char *text;

	*ret = NULL;
	if (!json_object_object_get_ex(jwk->object, name, &value))
		return true;
	if (!json_object_is_type(value, json_type_string))
		return false;
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return false;
	*ret = text;
	return true;
}

/* Does the member key_ops, if any, allow to verify? */
static bool
may_verify(const struct jwk *jwk)
{
	struct json_object *ops, *op;

	if (!json_object_object_get_ex(jwk->object, "key_ops", &ops))
		return true;
	if (!json_object_is_type(ops, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(ops); i++) {
		op = json_object_array_get_idx(ops, i);
		if (json_object_is_type(op, json_type_string) &&
		    strcmp(json_object_get_string(op), "verify") == 0)
			return true;
	}
	return false;
}

/* Is the key meant for this: public, and to verify signatures? */
static bool
judge_purpose(struct jwk *jwk)
{
	const char *use, *kty;

	if (!text_of(jwk, "kty", &kty) || kty == NULL)
		return unfit(jwk, "kty is missing: it must be RSA or EC");
	if (strcmp(kty, "oct") == 0)
		return unfit(jwk, "it is a secret, and a secret does not "
		    "belong in a JWK set: use the secret file");
	for (size_t i = 0; i < countof(private_members); i++)
		if (json_object_object_get_ex(jwk->object, private_members[i],
		    NULL))
			return unfit(jwk, "it has private members: only the "
			    "public key belongs here");
	if (!text_of(jwk, "use", &use) ||
	    (use != NULL && strcmp(use, "sig") != 0))
		return unfit(jwk, "its use is not sig: take keys for other "
		    "uses out of the set");
	if (!may_verify(jwk))
		return unfit(jwk, "its key_ops do not name verify");
	return true;
}

/* Reads the kid, which is optional. */
static bool
judge_kid(struct jwk *jwk)
{
	if (!text_of(jwk, "kid", &jwk->kid) || (jwk->kid != NULL &&
	    (jwk->kid[0] == '\0' || strlen(jwk->kid) > AUTH_KID_MAX)))
		return unfit(jwk, "its kid is not a string of 1 to 64 bytes");
	return true;
}

/*
 * Chooses the algorithm: the one of alg, which must fit kty and crv, or the
 * one that these imply.
 */
static bool
judge_algorithm(struct jwk *jwk)
{
	const char *kty, *crv, *alg;
	bool known = false;

	if (!text_of(jwk, "kty", &kty) || kty == NULL ||
	    !text_of(jwk, "crv", &crv) || !text_of(jwk, "alg", &alg))
		return unfit(jwk, "its kty, crv and alg are not all strings");
	for (size_t i = 0; i < countof(algorithms); i++) {
		const struct auth_algorithm *a = &algorithms[i];

		if (strcmp(a->kty, kty) != 0)
			continue;
		known = true;
		if (a->crv != NULL && (crv == NULL || strcmp(a->crv, crv) != 0))
			continue;
		if (alg == NULL ? a->implied : strcmp(a->name, alg) == 0) {
			jwk->algorithm = a;
			return true;
		}
	}
	if (!known)
		return unfit(jwk, "its kty is not supported: RSA and EC are");
	if (alg == NULL)
		return unfit(jwk, "without alg, an EC key must be on P-256");
	return unfit(jwk, auth_algorithm_of(alg) != NULL ?
	    "its alg does not fit its kty and crv" :
	    "its alg is not supported: RS256, RS384, RS512, ES256, ES384 and "
	    "ES512 are");
}

/* A member that is base64url; NULL when it is missing or is not. */
static unsigned char *
bytes_of(const struct jwk *jwk, const char *name, size_t *ret_length)
{
	const char *text;

	if (!text_of(jwk, name, &text) || text == NULL)
		return NULL;
	return (unsigned char *)text_from_base64url(jwk->arena, text,
	    strlen(text), ret_length);
}

/*
 * Was the modulus made by the chips of CVE-2017-15361 (ROCA)?  Their primes
 * are powers of 65537 modulo a product of small primes, hence the modulus is
 * one modulo each.  A sound modulus passes for one by a chance under 2^-27.
 */
static bool
is_roca(const BIGNUM *n)
{
	static const unsigned char primes[] = { 11, 13, 17, 19, 37, 53, 61, 71,
	    73, 79, 97, 103, 107, 109, 127, 151, 157 };

	for (size_t i = 0; i < countof(primes); i++) {
		unsigned p = primes[i], rest = (unsigned)BN_mod_word(n, p);
		unsigned power = 1;

		do {
			power = power * (65537 % p) % p;
		} while (power != rest && power != 1);
		if (power != rest)
			return false;
	}
	return true;
}

/* The numbers of an RSA key, judged. */
static bool
judge_rsa(struct jwk *jwk, const BIGNUM *n, const BIGNUM *e)
{
	if (BN_num_bits(n) < RSA_BITS_MIN)
		return unfit(jwk, "its modulus has fewer than 2048 bits");
	if (BN_num_bits(n) > RSA_BITS_MAX || !BN_is_odd(n))
		return unfit(jwk, "its modulus is no RSA modulus of up to "
		    "8192 bits");
	if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > RSA_E_BITS_MAX)
		return unfit(jwk, "its exponent is not odd, at least 3 and "
		    "of at most 64 bits");
	if (is_roca(n))
		return unfit(jwk, "its modulus is a weak one (CVE-2017-15361): "
		    "make a new key");
	return true;
}

static void
drop_number(void *number)
{
	BN_free(number);
}

/* Puts n and e into the parameters, after judging them. */
static bool
build_rsa(struct jwk *jwk, OSSL_PARAM_BLD *build)
{
	size_t n_length = 0, e_length = 0;
	unsigned char *n_bytes = bytes_of(jwk, "n", &n_length);
	unsigned char *e_bytes = bytes_of(jwk, "e", &e_length);
	BIGNUM *n, *e;

	if (n_bytes == NULL || e_bytes == NULL)
		return unfit(jwk, "its n or e is missing or not base64url");
	n = BN_bin2bn(n_bytes, (int)n_length, NULL);
	e = BN_bin2bn(e_bytes, (int)e_length, NULL);
	if (n == NULL || e == NULL)
		abort();
	arena_defer(jwk->arena, drop_number, n);
	arena_defer(jwk->arena, drop_number, e);
	return judge_rsa(jwk, n, e) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
}

/* Puts the curve and the point into the parameters. */
static bool
build_ec(struct jwk *jwk, OSSL_PARAM_BLD *build)
{
	size_t size = jwk->algorithm->coordinate, x_length = 0, y_length = 0;
	unsigned char *x = bytes_of(jwk, "x", &x_length);
	unsigned char *y = bytes_of(jwk, "y", &y_length);
	unsigned char *point;

	if (x == NULL || y == NULL || x_length != size || y_length != size)
		return unfit(jwk, "its x or y is missing, not base64url or "
		    "not of the curve's length");
	point = arena_alloc(jwk->arena, POINT_MAX);
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, x, size);
	memcpy(point + 1 + size, y, size);
	return OSSL_PARAM_BLD_push_utf8_string(build,
	    OSSL_PKEY_PARAM_GROUP_NAME, jwk->algorithm->crv, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
	    point, 1 + 2 * size);
}

/* Makes the key, NULL when it is none: libcrypto finds points off the curve. */
static EVP_PKEY *
make_key(const struct jwk *jwk, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL,
	    jwk->algorithm->kty, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* The key as PEM text in the arena, or NULL. */
static const char *
pem_of(struct jwk *jwk, OSSL_PARAM *params)
{
	EVP_PKEY *pkey = make_key(jwk, params);
	BIO *bio = BIO_new(BIO_s_mem());
	const char *pem = NULL;
	char *bytes;
	long length;

	if (pkey != NULL && bio != NULL && PEM_write_bio_PUBKEY(bio, pkey)) {
		length = BIO_get_mem_data(bio, &bytes);
		pem = arena_copy(jwk->arena, bytes, (size_t)length);
	}
	if (pem == NULL)
		(void)unfit(jwk, "it is no key: its numbers do not fit");
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return pem;
}

/* Judges a JWK whole.  Its PEM text, or NULL and jwk->reason. */
static const char *
judge(struct jwk *jwk)
{
	OSSL_PARAM_BLD *build;
	OSSL_PARAM *params = NULL;
	const char *pem = NULL;

	if (!json_object_is_type(jwk->object, json_type_object)) {
		(void)unfit(jwk, "it is not an object");
		return NULL;
	}
	if (!judge_kid(jwk) || !judge_purpose(jwk) || !judge_algorithm(jwk))
		return NULL;
	build = OSSL_PARAM_BLD_new();
	if (build == NULL)
		abort();
	if (jwk->algorithm->crv != NULL ? build_ec(jwk, build) :
	    build_rsa(jwk, build))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params != NULL)
		pem = pem_of(jwk, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	ERR_clear_error();
	return pem;
}

/*
 * Would a token ever reach this key, and is it clear which key a kid means?  A
 * key without kid is reached only as the one key of its algorithm.
 */
static bool
judge_place(const struct auth_keys *keys, struct jwk *jwk)
{
	for (size_t i = 0; i < keys->count; i++) {
		const struct auth_key *key = &keys->key[i];

		if (jwk->kid != NULL && key->kid != NULL &&
		    strcmp(jwk->kid, key->kid) == 0)
			return unfit(jwk, "its kid stands twice in the set");
		if (jwk->algorithm == key->algorithm &&
		    (jwk->kid == NULL || key->kid == NULL))
			return unfit(jwk, "one of several keys for the same "
			    "algorithm has no kid: give it one");
	}
	return true;
}

/* Adds the index-th key of the set. */
static bool
add_jwk(struct auth_keys *keys, struct arena *arena, struct json_object *object,
    const char *from, size_t index, struct buf *fault)
{
	struct jwk jwk = { .arena = arena, .object = object,
	    .reason = "it is no key" };
	const char *pem = judge(&jwk);

	if (pem != NULL && judge_place(keys, &jwk)) {
		add(keys, jwk.kid, jwk.algorithm, pem, strlen(pem));
		return true;
	}
	buf_format(fault, "%s: key %zu", from, index + 1);
	if (jwk.kid != NULL && strlen(jwk.kid) <= AUTH_KID_MAX) {
		buf_string(fault, " (kid ");
		buf_json_string(fault, jwk.kid);
		buf_string(fault, ")");
	}
	buf_format(fault, ": %s", jwk.reason);
	return false;
}

/* Adds all keys of the set, which was read; stops at the first bad one. */
static bool
add_set(struct auth_keys *keys, struct arena *arena, struct json_object *set,
    const char *from, struct buf *fault)
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
		    from, i, fault))
			return false;
	return true;
}

bool
auth_keys_add_jwks(struct auth_keys *keys, const char *from, const char *text,
    size_t length, struct buf *fault)
{
	struct json_object *set;
	struct json_fault at;
	struct arena *arena;
	struct auth_keys more = { .count = 0 };
	bool fit;

	if (!json_read(text, length, &caps, &set, &at)) {
		buf_format(fault, "%s:%zu:%zu: %s", from, at.line, at.column,
		    at.reason);
		return false;
	}
	arena = arena_new();
	fit = add_set(&more, arena, set, from, fault);
	if (fit && more.count > countof(keys->key) - keys->count) {
		buf_format(fault, "%s: these are too many keys in all", from);
		fit = false;
	}
	for (size_t i = 0; fit && i < more.count; i++)
		add(keys, more.key[i].kid, more.key[i].algorithm,
		    more.key[i].bytes, more.key[i].length);
	auth_keys_release(&more);
	arena_free(arena);
	json_object_put(set);
	return fit;
}

bool
auth_keys_read_jwks(struct auth_keys *keys, const char *path, struct buf *fault)
{
	size_t length;
	char *text = read_file(path, JWKS_MAX, &length, fault);
	bool fit;

	if (text == NULL)
		return false;
	fit = auth_keys_add_jwks(keys, path, text, length, fault);
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
