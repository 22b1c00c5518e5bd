/* SPDX-License-Identifier: MIT */
/*
 * One JWK (RFC 7517, 7518, 8037) -> a key.  All judgement of a key is here, at
 * load: a key in the table is public, strong enough, and has one algorithm that
 * fits it.  A key that is meant for something else, or of a kind that we do not
 * know, is skipped, as RFC 7517, 5 wants; what is secret, broken or weak makes
 * its whole set a mistake, since a key left out in silence is a login that
 * fails later, and a private key in a published set is everybody's.
 */
#include "auth/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum {
	RSA_BITS_MIN = 2048,	/* RFC 7518, 3.3 */
	RSA_BITS_MAX = 8192,	/* dearer ones are a mistake */
	RSA_E_BITS_MAX = 64,
	POINT_MAX = 1 + 2 * 66,	/* bytes of a point of P-521 */
	ED25519_BYTES = 32,
};

static const struct auth_algorithm algorithms[] = {
	{ "HS256", "oct", NULL, "SHA256", 0, false, false, true },
	{ "RS256", "RSA", NULL, "SHA256", 0, true, false, true },
	{ "RS384", "RSA", NULL, "SHA384", 0, false, false, true },
	{ "RS512", "RSA", NULL, "SHA512", 0, false, false, true },
	{ "PS256", "RSA", NULL, "SHA256", 0, false, true, false },
	{ "PS384", "RSA", NULL, "SHA384", 0, false, true, false },
	{ "PS512", "RSA", NULL, "SHA512", 0, false, true, false },
	{ "ES256", "EC", "P-256", "SHA256", 32, true, false, true },
	{ "ES384", "EC", "P-384", "SHA384", 48, true, false, true },
	{ "ES512", "EC", "P-521", "SHA512", 66, true, false, true },
	{ "EdDSA", "OKP", "Ed25519", NULL, ED25519_BYTES, true, false, false },
};

/*
 * The y of points of small order, without the bit of x's sign: with such a key
 * one signature fits many texts.  The last three are p - 1 and, which is not
 * canonical, p and p + 1.
 */
static const unsigned char small_order[][ED25519_BYTES] = {
	{ 0 },
	{ 1 },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
#define FF8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
#define FF30 FF8, FF8, FF8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	{ 0xec, FF30, 0x7f },
	{ 0xed, FF30, 0x7f },
	{ 0xee, FF30, 0x7f },
#undef FF30
#undef FF8
};

const struct auth_algorithm *
auth_algorithm_of(const char *name)
{
	for (size_t i = 0; i < countof(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

unsigned
auth_algorithm_bit(const struct auth_algorithm *algorithm)
{
	return 1u << (algorithm - algorithms);
}

/* What only private and secret keys have: RFC 7518, 6.2.2, 6.3.2, 6.4.1. */
static const char *const private_members[] = {
	"d", "p", "q", "dp", "dq", "qi", "oth", "k",
};

/* The reason why the key is unfit is kept, as false. */
static bool
unfit(struct auth_jwk *jwk, const char *reason)
{
	jwk->reason = reason;
	return false;
}

/* The same for a key that its set may hold, but that is not for us. */
static bool
skip(struct auth_jwk *jwk, const char *reason)
{
	jwk->skipped = true;
	return unfit(jwk, reason);
}

/*
 * A member that is a string without NUL.  true with *ret NULL when it is
 * absent; false when it is something else.
 */
static bool
text_of(const struct auth_jwk *jwk, const char *name, const char **ret)
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

/*
 * What key_ops says: verify, nothing (no member), or other things.  false when
 * it is no array.
 */
static bool
may_verify(const struct auth_jwk *jwk, bool *ret)
{
	struct json_object *ops, *op;

	*ret = true;
	if (!json_object_object_get_ex(jwk->object, "key_ops", &ops))
		return true;
	if (!json_object_is_type(ops, json_type_array))
		return false;
	*ret = false;
	for (size_t i = 0; i < json_object_array_length(ops); i++) {
		op = json_object_array_get_idx(ops, i);
		if (json_object_is_type(op, json_type_string) &&
		    strcmp(json_object_get_string(op), "verify") == 0)
			*ret = true;
	}
	return true;
}

/* Is it public?  Asked before all else: what is skipped must be so, too. */
static bool
judge_secrecy(struct auth_jwk *jwk)
{
	const char *kty;

	if (!text_of(jwk, "kty", &kty) || kty == NULL)
		return unfit(jwk, "kty is missing: it must be RSA, EC or OKP");
	if (strcmp(kty, "oct") == 0)
		return unfit(jwk, "it is a secret, and a secret does not "
		    "belong in a JWK set: use the secret file");
	for (size_t i = 0; i < countof(private_members); i++)
		if (json_object_object_get_ex(jwk->object, private_members[i],
		    NULL))
			return unfit(jwk, "it has private members: only the "
			    "public key belongs here");
	return true;
}

/* Is it meant to verify signatures? */
static bool
judge_purpose(struct auth_jwk *jwk)
{
	const char *use;
	bool verifies;

	if (!text_of(jwk, "use", &use))
		return unfit(jwk, "its use is no string");
	if (!may_verify(jwk, &verifies))
		return unfit(jwk, "its key_ops are no array");
	if (use != NULL && strcmp(use, "sig") != 0)
		return skip(jwk, "its use is not sig");
	if (!verifies)
		return skip(jwk, "its key_ops do not name verify");
	return true;
}

/* Does the algorithm go with the kty, and the crv where it needs one? */
static bool
goes_with(const struct auth_algorithm *a, const char *kty, const char *crv)
{
	return strcmp(a->kty, kty) == 0 && (a->crv == NULL ||
	    (crv != NULL && strcmp(a->crv, crv) == 0));
}

/*
 * Chooses the algorithm: the one of alg, which must fit kty and crv, or the
 * one that these imply.
 */
static bool
judge_algorithm(struct auth_jwk *jwk)
{
	const char *kty, *crv, *alg;
	bool known = false;

	if (!text_of(jwk, "kty", &kty) || kty == NULL ||
	    !text_of(jwk, "crv", &crv) || !text_of(jwk, "alg", &alg))
		return unfit(jwk, "its kty, crv and alg are not all strings");
	for (size_t i = 0; i < countof(algorithms); i++) {
		const struct auth_algorithm *a = &algorithms[i];

		if (!goes_with(a, kty, crv))
			continue;
		known = true;
		if (alg == NULL ? a->implied : strcmp(a->name, alg) == 0) {
			jwk->algorithm = a;
			return true;
		}
	}
	if (alg != NULL && auth_algorithm_of(alg) == NULL)
		return skip(jwk, "its alg is not supported");
	if (!known && alg == NULL && (crv != NULL || (strcmp(kty, "EC") != 0 &&
	    strcmp(kty, "OKP") != 0)))
		return skip(jwk, "its kty or crv is not supported");
	return unfit(jwk, alg == NULL ? "its crv is missing" :
	    "its alg does not fit its kty and crv");
}

/* A member that is base64url; NULL when it is missing or is not. */
static unsigned char *
bytes_of(const struct auth_jwk *jwk, const char *name, size_t *ret_length)
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
judge_rsa(struct auth_jwk *jwk, const BIGNUM *n, const BIGNUM *e)
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
build_rsa(struct auth_jwk *jwk, OSSL_PARAM_BLD *build)
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
build_ec(struct auth_jwk *jwk, OSSL_PARAM_BLD *build)
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

/* Is the point of a small order, or not the one spelling of its y? */
static bool
is_small(const unsigned char point[ED25519_BYTES])
{
	unsigned char y[ED25519_BYTES];

	memcpy(y, point, sizeof(y));
	y[sizeof(y) - 1] &= 0x7f;
	for (size_t i = 0; i < countof(small_order); i++)
		if (memcmp(y, small_order[i], sizeof(y)) == 0)
			return true;
	/* From p on: 2^255 - 19 and the 18 after it. */
	for (size_t i = 1; i < sizeof(y) - 1; i++)
		if (y[i] != 0xff)
			return false;
	return y[0] >= 0xed && y[sizeof(y) - 1] == 0x7f;
}

/* Puts the point of an Ed25519 key into the parameters (RFC 8037, 2). */
static bool
build_okp(struct auth_jwk *jwk, OSSL_PARAM_BLD *build)
{
	size_t length = 0;
	unsigned char *x = bytes_of(jwk, "x", &length);

	if (x == NULL || length != ED25519_BYTES)
		return unfit(jwk, "its x is missing, not base64url or not of "
		    "32 bytes");
	if (is_small(x))
		return unfit(jwk, "its x is a point that anybody can sign "
		    "for");
	return OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
	    x, length);
}

static void
drop_key(void *pkey)
{
	EVP_PKEY_free(pkey);
}

/* Makes the key, NULL when it is none: libcrypto finds points off the curve. */
static EVP_PKEY *
make_key(const struct auth_jwk *jwk, OSSL_PARAM *params)
{
	bool okp = strcmp(jwk->algorithm->kty, "OKP") == 0;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL,
	    okp ? jwk->algorithm->crv : jwk->algorithm->kty, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	if (pkey != NULL)
		arena_defer(jwk->arena, drop_key, pkey);
	return pkey;
}

/* Keeps the key, and as PEM text, which is what libjwt takes. */
static bool
keep(struct auth_jwk *jwk, OSSL_PARAM *params)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool kept = false;
	char *bytes;
	long length;

	jwk->pkey = make_key(jwk, params);
	if (jwk->pkey != NULL && bio != NULL &&
	    PEM_write_bio_PUBKEY(bio, jwk->pkey)) {
		length = BIO_get_mem_data(bio, &bytes);
		jwk->pem = arena_copy(jwk->arena, bytes, (size_t)length);
		kept = true;
	}
	BIO_free(bio);
	return kept || unfit(jwk, "it is no key: its numbers do not fit");
}

static bool
build(struct auth_jwk *jwk)
{
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	const char *kty = jwk->algorithm->kty;
	bool built;

	if (parts == NULL)
		abort();
	built = strcmp(kty, "RSA") == 0 ? build_rsa(jwk, parts) :
	    strcmp(kty, "EC") == 0 ? build_ec(jwk, parts) :
	    build_okp(jwk, parts);
	if (built)
		params = OSSL_PARAM_BLD_to_param(parts);
	built = params != NULL && keep(jwk, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(parts);
	ERR_clear_error();
	return built;
}

bool
auth_jwk_judge(struct auth_jwk *jwk)
{
	bool named;

	jwk->reason = "it is no key";
	if (!json_object_is_type(jwk->object, json_type_object))
		return unfit(jwk, "it is not an object");
	named = text_of(jwk, "kid", &jwk->kid) && (jwk->kid == NULL ||
	    (jwk->kid[0] != '\0' && strlen(jwk->kid) <= AUTH_KID_MAX));
	if (!judge_secrecy(jwk) || !judge_purpose(jwk) || !judge_algorithm(jwk))
		return false;
	if (!named)
		return unfit(jwk, "its kid is not a string of 1 to 64 bytes");
	return build(jwk);
}
