/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_AUTH_FIXTURE_H
#define TESTS_UNIT_AUTH_FIXTURE_H

#include "auth_make.h"

/*
 * Keys of each algorithm, and an auth of them all, for the tests of tokens and
 * of signatures.
 */
static const char secret_text[] = "a secret of more than thirty-two bytes";
static const char *const roles[] = { "anon", "member", "service" };
static const char *const servers[] = { "service" };
static const struct auth_options plain = {
	.roles = roles, .role_count = countof(roles),
	.anonymous = "anon", .leeway_s = 30,
	.server_roles = servers, .server_role_count = countof(servers),
};

static struct signer hs, rs, es, rs512, es384, ps, ps384, ed;

/* The secret, and a set of kids named after their algorithms. */
static inline struct auth_keys
all_keys(void)
{
	struct auth_keys keys;
	struct buf fault;

	auth_keys_init(&keys);
	buf_init(&fault, 1024);
	ck_assert(auth_keys_add_secret(&keys, NULL, secret_text,
	    strlen(secret_text), &fault));
	ck_assert_ptr_null(add_set(&keys, arena_format(memory,
	    "%s,%s,%s,%s,%s,%s,%s",
	    jwk_of(rs.pkey, ",\"kid\":\"r\""),
	    jwk_of(es.pkey, ",\"kid\":\"e\""),
	    jwk_of(rs512.pkey, ",\"kid\":\"r512\",\"alg\":\"RS512\""),
	    jwk_of(es384.pkey, ",\"kid\":\"e384\",\"alg\":\"ES384\""),
	    jwk_of(ps.pkey, ",\"kid\":\"p\",\"alg\":\"PS256\""),
	    jwk_of(ps.pkey, ",\"kid\":\"p384\",\"alg\":\"PS384\""),
	    jwk_of(ed.pkey, ",\"kid\":\"d\""))));
	buf_release(&fault);
	return keys;
}

static inline struct auth *
auth_by(const struct auth_options *options)
{
	struct auth_keys keys = all_keys();

	return auth_of_keys(options, &keys);
}

static inline void
make_keys(void)
{
	hs = (struct signer){ NULL, "SHA256", secret_text,
	    strlen(secret_text), 0 };
	rs = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
	    (size_t)2048), "SHA256", NULL, 0, 0 };
	es = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
	    "SHA256", NULL, 0, 0 };
	rs512 = (struct signer){ rs.pkey, "SHA512", NULL, 0, 0 };
	es384 = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
	    "SHA384", NULL, 0, 0 };
	ps = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
	    (size_t)2048), "SHA256", NULL, 0, 32 + 1 };
	ps384 = (struct signer){ ps.pkey, "SHA384", NULL, 0, 48 + 1 };
	ed = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL,
	    NULL, 0, 0 };
}

static inline void
free_keys(void)
{
	EVP_PKEY_free(rs.pkey);
	EVP_PKEY_free(es.pkey);
	EVP_PKEY_free(es384.pkey);
	EVP_PKEY_free(ps.pkey);
	EVP_PKEY_free(ed.pkey);
}

#define MEMBER "{\"role\":\"member\",\"sub\":\"u\",\"exp\":@+60}"

/* MEMBER with one thing more, or another. */
#define WITH(more) "{\"role\":\"member\",\"sub\":\"u\",\"exp\":@+60," more "}"
#define EXP(exp) "{\"role\":\"member\",\"sub\":\"u\",\"exp\":" exp "}"
static const char no_signature[] __attribute__((unused)) =
	"the signature does not hold";

#endif
