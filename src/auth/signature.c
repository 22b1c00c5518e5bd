/* SPDX-License-Identifier: MIT */
/*
 * The only calls of libjwt and of the MAC.  libjwt 1.10.2 takes the algorithm
 * from the token, whatever the key, and with no key verifies nothing; so the
 * caller has chosen a key whose algorithm is the header's before, and here
 * libjwt must have used that very one.  It checks no claims: claims.c does.
 */
#include "auth/key.h"

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

bool
auth_signature_holds(const struct auth_key *key, const char *token)
{
	const char *used;
	jwt_t *jwt = NULL;
	bool holds;

	if (key->bytes == NULL || key->length == 0)
		return false;
	holds = jwt_decode(&jwt, token, key->bytes, (int)key->length) == 0;
	if (holds) {
		used = jwt_alg_str(jwt_get_alg(jwt));
		holds = used != NULL && strcmp(used, key->algorithm->name) == 0;
	}
	jwt_free(jwt);
	/* What failed in libcrypto must not meet the next caller of it. */
	ERR_clear_error();
	return holds;
}

bool
auth_signature_make(const struct auth_key *secret, const char *text,
    size_t length, unsigned char ret_mac[AUTH_DIGEST_BYTES])
{
	unsigned made = 0;

	return HMAC(EVP_sha256(), secret->bytes, (int)secret->length,
	    (const unsigned char *)text, length, ret_mac, &made) != NULL &&
	    made == AUTH_DIGEST_BYTES;
}

bool
auth_same_secret(const void *a, size_t a_length, const void *b, size_t b_length)
{
	return a_length == b_length && CRYPTO_memcmp(a, b, a_length) == 0;
}
