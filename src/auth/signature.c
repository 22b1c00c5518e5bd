/* SPDX-License-Identifier: MIT */
/*
 * The only calls of libjwt, and libcrypto's for what it cannot do: PS*, EdDSA,
 * and any token with a typ but JWT.  libjwt 1.10.2 takes the algorithm from the
 * token, whatever the key, and with no key verifies nothing; so the caller has
 * chosen a key whose algorithm is the header's before, and here the key's own
 * algorithm is what verifies, either way.  No claims are checked: claims.c
 * does.
 */
#include "auth/key.h"

#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <string.h>

enum { DER_MAX = 2 * (66 + 4) + 4 };	/* bytes of a signature by P-521 */

/* By libjwt, which must have used the key's algorithm. */
static bool
libjwt_holds(const struct auth_key *key, const struct auth_signed *token)
{
	const char *used;
	jwt_t *jwt = NULL;
	bool holds;

	holds = jwt_decode(&jwt, token->token, key->bytes,
	    (int)key->length) == 0;
	if (holds) {
		used = jwt_alg_str(jwt_get_alg(jwt));
		holds = used != NULL && strcmp(used, key->algorithm->name) == 0;
	}
	jwt_free(jwt);
	return holds;
}

static bool
mac_holds(const struct auth_key *key, const struct auth_signed *token)
{
	unsigned char mac[AUTH_SIGNATURE_MAX];
	size_t length;

	return auth_signature_make(key, token->token, token->text_length, mac,
	    &length) && auth_same_secret(mac, length, token->signature,
	    token->signature_length);
}

/*
 * The two numbers of a JWS (RFC 7518, 3.4) as DER, which libcrypto takes; 0
 * when their length is not the curve's.
 */
static size_t
der_of_numbers(const struct auth_algorithm *algorithm,
    const unsigned char *numbers, size_t length, unsigned char ret[DER_MAX])
{
	size_t size = algorithm->coordinate;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *at = ret;
	BIGNUM *r, *s;
	int made = 0;

	if (sig != NULL && length == 2 * size) {
		r = BN_bin2bn(numbers, (int)size, NULL);
		s = BN_bin2bn(numbers + size, (int)size, NULL);
		if (r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1)
			made = i2d_ECDSA_SIG(sig, &at);
	}
	ECDSA_SIG_free(sig);
	return made > 0 ? (size_t)made : 0;
}

/* The same backwards. */
static bool
numbers_of_der(const struct auth_algorithm *algorithm,
    const unsigned char *der, size_t length, unsigned char *ret)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)length);
	int size = (int)algorithm->coordinate;
	bool fit;

	if (sig == NULL)
		return false;
	fit = BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, size) == size &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + size, size) == size;
	ECDSA_SIG_free(sig);
	return fit;
}

/*
 * PSS as RFC 7518, 3.5 has it and no other: MGF1 with the same digest, a salt
 * of the digest's length.
 */
static bool
pad(EVP_PKEY_CTX *ctx, const struct auth_algorithm *algorithm)
{
	if (!algorithm->pss)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, algorithm->digest,
	    NULL) > 0;
}

static bool
libcrypto_holds(const struct auth_key *key, const struct auth_signed *token)
{
	const struct auth_algorithm *algorithm = key->algorithm;
	const unsigned char *signature = token->signature;
	size_t length = token->signature_length;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	unsigned char der[DER_MAX];
	bool holds = ctx != NULL;

	if (holds && strcmp(algorithm->kty, "EC") == 0) {
		length = der_of_numbers(algorithm, signature, length, der);
		signature = der;
		holds = length > 0;
	}
	holds = holds && EVP_DigestVerifyInit_ex(ctx, &how, algorithm->digest,
	    NULL, NULL, key->pkey, NULL) == 1 && pad(how, algorithm) &&
	    EVP_DigestVerify(ctx, signature, length,
	    (const unsigned char *)token->token, token->text_length) == 1;
	EVP_MD_CTX_free(ctx);
	return holds;
}

bool
auth_signature_holds(const struct auth_key *key,
    const struct auth_signed *token)
{
	bool holds;

	if (key->bytes == NULL || key->length == 0)
		return false;
	if (key->algorithm->libjwt && !token->typ_foreign)
		holds = libjwt_holds(key, token);
	else if (key->pkey == NULL)
		holds = mac_holds(key, token);
	else
		holds = libcrypto_holds(key, token);
	/* What failed in libcrypto must not meet the next caller of it. */
	ERR_clear_error();
	return holds;
}

static bool
make_mac(const struct auth_key *secret, const char *text, size_t length,
    unsigned char *ret, size_t *ret_length)
{
	unsigned made = 0;

	if (HMAC(EVP_sha256(), secret->bytes, (int)secret->length,
	    (const unsigned char *)text, length, ret, &made) == NULL ||
	    made != AUTH_DIGEST_BYTES)
		return false;
	*ret_length = made;
	return true;
}

bool
auth_signature_make(const struct auth_key *key, const char *text,
    size_t length, unsigned char ret[AUTH_SIGNATURE_MAX], size_t *ret_length)
{
	const struct auth_algorithm *algorithm = key->algorithm;
	unsigned char made[AUTH_SIGNATURE_MAX];
	size_t size = sizeof(made);
	EVP_PKEY_CTX *how = NULL;
	EVP_MD_CTX *ctx;
	bool done;

	if (key->pkey == NULL)
		return make_mac(key, text, length, ret, ret_length);
	ctx = EVP_MD_CTX_new();
	done = ctx != NULL && EVP_DigestSignInit_ex(ctx, &how,
	    algorithm->digest, NULL, NULL, key->pkey, NULL) == 1 &&
	    pad(how, algorithm) && EVP_DigestSign(ctx, made, &size,
	    (const unsigned char *)text, length) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!done)
		return false;
	*ret_length = size;
	if (strcmp(algorithm->kty, "EC") != 0) {
		memcpy(ret, made, size);
		return true;
	}
	*ret_length = 2 * algorithm->coordinate;
	return numbers_of_der(algorithm, made, size, ret);
}

bool
auth_same_secret(const void *a, size_t a_length, const void *b, size_t b_length)
{
	return a_length == b_length && CRYPTO_memcmp(a, b, a_length) == 0;
}
