/* SPDX-License-Identifier: MIT */
/*
 * A digest of several texts, for whoever must know a request again without
 * keeping it.  The length of each goes in before it, so that no other way to
 * cut the same bytes gives the same digest.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/auth.h"

/* It fails only when there is no memory, which ends the process anywhere. */
static void
must(int done)
{
	if (done != 1)
		abort();
}

static void
write_digits(const unsigned char *digest, char ret[AUTH_DIGEST_TEXT])
{
	for (unsigned k = 0; 2 * k + 2 < AUTH_DIGEST_TEXT; k++)
		snprintf(ret + 2 * k, 3, "%02x", digest[k]);
}

void
auth_digest(const struct auth_part *parts, size_t count,
    char ret[AUTH_DIGEST_TEXT])
{
	unsigned char digest[EVP_MAX_MD_SIZE], length[8];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned made = 0;

	must(context != NULL);
	must(EVP_DigestInit_ex(context, EVP_sha256(), NULL));
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < sizeof(length); k++)
			length[k] = (unsigned char)((uint64_t)parts[i].length >>
			    8 * k);
		must(EVP_DigestUpdate(context, length, sizeof(length)));
		must(EVP_DigestUpdate(context, parts[i].bytes,
		    parts[i].length));
	}
	must(EVP_DigestFinal_ex(context, digest, &made));
	EVP_MD_CTX_free(context);
	write_digits(digest, ret);
}

/* A context of libcrypto's, by another name. */
struct auth_hash *
auth_hash_new(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	must(context != NULL);
	must(EVP_DigestInit_ex(context, EVP_sha256(), NULL));
	return (struct auth_hash *)context;
}

void
auth_hash_add(struct auth_hash *hash, const void *bytes, size_t length)
{
	must(EVP_DigestUpdate((EVP_MD_CTX *)hash, bytes, length));
}

void
auth_hash_end(struct auth_hash *hash, char ret[AUTH_DIGEST_TEXT])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned made = 0;

	must(EVP_DigestFinal_ex((EVP_MD_CTX *)hash, digest, &made));
	EVP_MD_CTX_free((EVP_MD_CTX *)hash);
	write_digits(digest, ret);
}
