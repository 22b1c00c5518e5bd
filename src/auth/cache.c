/* SPDX-License-Identifier: MIT */
/*
 * Tokens that were verified, so that an RS256 signature costs its 0.7 ms once.
 * Invariant: a digest is in here only if a key of the same auth has verified
 * the signature of that very text, and only until the exp that it claims.  The
 * shape check before leaves a token one spelling, so one digest.  Nothing else
 * is kept: the payload is read from the token, and its claims are judged, at
 * each use.  New keys mean a new auth and so an empty cache.
 *
 * The table is four-way associative; the lock of a set is shared by every
 * STRIPES-th set.  The digest chooses the set, so a caller with many tokens
 * pushes out others' only by chance, and pushed out means verified again.
 */
#include "auth/key.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 256, WAYS = 4, STRIPES = 16 };

struct entry {
	unsigned char digest[AUTH_DIGEST_BYTES];
	int64_t expires;	/* 0 = free */
	uint64_t used;		/* the stripe's tick at its last use */
};

struct stripe {
	pthread_mutex_t lock;
	uint64_t tick;
};

struct auth_cache {
	EVP_MD *sha256;		/* fetched once: fetching costs a search */
	struct stripe stripe[STRIPES];
	struct entry entry[SETS][WAYS];
};

struct auth_cache *
auth_cache_new(void)
{
	struct auth_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		abort();
	cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_init(&cache->stripe[i].lock, NULL);
	return cache;
}

void
auth_cache_free(struct auth_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&cache->stripe[i].lock);
	EVP_MD_free(cache->sha256);
	free(cache);
}

bool
auth_cache_digest(const struct auth_cache *cache, const char *token,
    size_t length, unsigned char ret[AUTH_DIGEST_BYTES])
{
	unsigned made = 0;

	return cache->sha256 != NULL &&
	    EVP_Digest(token, length, ret, &made, cache->sha256, NULL) == 1 &&
	    made == AUTH_DIGEST_BYTES;
}

/* The entry of the digest in its set, or NULL. */
static struct entry *
find(struct entry set[WAYS], const unsigned char digest[AUTH_DIGEST_BYTES])
{
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].expires != 0 && auth_same_secret(set[i].digest,
		    AUTH_DIGEST_BYTES, digest, AUTH_DIGEST_BYTES))
			return &set[i];
	return NULL;
}

bool
auth_cache_holds(struct auth_cache *cache,
    const unsigned char digest[AUTH_DIGEST_BYTES], int64_t now_s)
{
	struct stripe *stripe = &cache->stripe[digest[0] % STRIPES];
	struct entry *entry;
	bool holds = false;

	pthread_mutex_lock(&stripe->lock);
	entry = find(cache->entry[digest[0]], digest);
	if (entry != NULL && entry->expires > now_s) {
		entry->used = ++stripe->tick;
		holds = true;
	} else if (entry != NULL) {
		memset(entry, 0, sizeof(*entry));
	}
	pthread_mutex_unlock(&stripe->lock);
	return holds;
}

/* The place for a new digest: its own, a free one, else the longest unused. */
static struct entry *
place(struct entry set[WAYS], const unsigned char digest[AUTH_DIGEST_BYTES])
{
	struct entry *oldest = find(set, digest);

	if (oldest != NULL)
		return oldest;
	oldest = &set[0];
	for (size_t i = 1; i < WAYS; i++)
		if (set[i].used < oldest->used)
			oldest = &set[i];
	return oldest;
}

void
auth_cache_add(struct auth_cache *cache,
    const unsigned char digest[AUTH_DIGEST_BYTES], int64_t expires)
{
	struct stripe *stripe = &cache->stripe[digest[0] % STRIPES];
	struct entry *entry;

	pthread_mutex_lock(&stripe->lock);
	entry = place(cache->entry[digest[0]], digest);
	memcpy(entry->digest, digest, AUTH_DIGEST_BYTES);
	entry->expires = expires;
	entry->used = ++stripe->tick;
	pthread_mutex_unlock(&stripe->lock);
}
