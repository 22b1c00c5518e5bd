/* SPDX-License-Identifier: MIT */
#ifndef AUTH_SOURCE_H
#define AUTH_SOURCE_H

#include "auth/key.h"

/*
 * Private to auth/: where an issuer's keys come from, and the set that is in
 * force.  Who judges a token borrows the set; it lives until it is given back,
 * also when another has come into force meanwhile.
 */
struct auth_source;

/* Keys, and the tokens that they have verified: const but for the cache. */
struct auth_set {
	struct auth_keys keys;
	struct auth_cache *cache;
	bool whole;		/* false: the URL's keys were never had */
	unsigned holders;	/* the source's lock */
};

struct auth_source_options {
	const char *issuer;		/* for the log; NULL = any */
	const char *secret_file;	/* NULL = none, as the next two */
	const char *jwks_file;
	const char *jwks_url;
	unsigned allowed;		/* bits of algorithms; 0 = all */
	const char *ca_file;
	bool plain;
	unsigned refresh_s;
	unsigned timeout_ms;
};

/* Reads the files.  NULL with a sentence in fault. */
struct auth_source *auth_source_new(const struct auth_source_options *options,
    struct buf *fault) MUST_CHECK;

/* A source of these keys, which are taken over and never change. */
struct auth_source *auth_source_of_keys(const struct auth_keys *keys);
void auth_source_free(struct auth_source *source);

/* The set in force; each must be given back. */
struct auth_set *auth_source_borrow(struct auth_source *source);
void auth_source_give_back(struct auth_source *source, struct auth_set *set);

/* For auth_fetch() and auth_watch(). */
void auth_source_fetch(struct auth_source *source,
    struct auth_source *before);
bool auth_source_watch(struct auth_source *source) MUST_CHECK;

/*
 * A token names a kid that the set has not: asks for a fetch, which happens
 * once in five seconds at most, and waits for it up to half a second, if it
 * would happen at once and not two others wait already.  true when another set
 * is in force now.
 */
bool auth_source_ask(struct auth_source *source, const struct auth_set *set)
    MUST_CHECK;

/*
 * The text of a set as it was fetched last, shared by the processes that are
 * forked after it was made: one fetches for all.
 */
struct auth_fetched;
struct auth_fetched *auth_fetched_new(void);
void auth_fetched_free(struct auth_fetched *f);

/*
 * Takes on the fetch, if it is due, or asked for and the last began five
 * seconds ago, and no other process is at it.  *ret_claim is for the end.  Who
 * does not end it within lease_ms has lost it.
 */
bool auth_fetched_claim(struct auth_fetched *f, bool asked, unsigned lease_ms,
    uint64_t *ret_claim) MUST_CHECK;

/*
 * Ends the fetch; the next is due in next_ms.  The text, if it is not NULL, is
 * kept when it is another than the one before; true when it was.
 */
bool auth_fetched_end(struct auth_fetched *f, uint64_t claim, const char *text,
    size_t length, unsigned next_ms);

/* Would a fetch that is asked for be made at once, or is one being made? */
bool auth_fetched_open(const struct auth_fetched *f);

/* How many texts there were (0 = none yet), and how many fetches ended. */
uint64_t auth_fetched_version(const struct auth_fetched *f);
uint64_t auth_fetched_ended(const struct auth_fetched *f);

/* A copy of the text, which the caller frees; NULL when there is none. */
char *auth_fetched_copy(struct auth_fetched *f, size_t *ret_length,
    uint64_t *ret_version) MUST_CHECK;

#endif
