/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_AUTH_MAKE_H
#define TESTS_UNIT_AUTH_MAKE_H

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/key.h"
#include "auth/source.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

/*
 * For the tests of auth/: keys made at run time, JWKs and tokens of them, and
 * the question to auth.  Everything lives in one arena until the program ends.
 */
static struct arena *memory;

/* What signs a token: a key pair, or a secret when pkey is NULL. */
struct signer {
	EVP_PKEY *pkey;
	const char *digest;	/* "SHA256" */
	const void *secret;
	size_t secret_length;
	int salt;	/* PSS: bytes of salt, + 1; 0 = no PSS */
};

/* What auth said, in the arena of the tests. */
struct answer {
	enum problem problem;
	const char *cause;	/* "" = none */
	const char *role, *subject, *claims;	/* when there is no problem */
	bool anonymous;
};

static inline char *
base64url(const void *bytes, size_t length)
{
	return text_to_base64url(memory, bytes, length);
}

/* The text with "@-60" and the like replaced by the unix time plus that. */
static inline const char *
expand(const char *text)
{
	const char *at;
	char *end;
	struct buf b;

	buf_init(&b, 1 << 20);
	while ((at = strchr(text, '@')) != NULL) {
		buf_add(&b, text, (size_t)(at - text));
		buf_int(&b, clock_unix_s() + strtol(at + 1, &end, 10));
		text = end;
	}
	buf_string(&b, text);
	at = arena_copy(memory, b.at, b.length);
	buf_release(&b);
	return at;
}

/* An ECDSA signature as the two numbers of RFC 7518, 3.4. */
static inline size_t
raw_of_der(const unsigned char *der, size_t length, int bits,
    unsigned char *raw)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)length);
	int size = (bits + 7) / 8;

	ck_assert_ptr_nonnull(sig);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, size), size);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + size, size),
	    size);
	ECDSA_SIG_free(sig);
	return (size_t)size * 2;
}

/* The signature of the text, as base64url. */
static inline char *
signature(const struct signer *s, const char *text)
{
	unsigned char out[1100], raw[200];
	size_t length = sizeof(out);
	unsigned mac_length = 0;
	EVP_PKEY_CTX *how = NULL;
	EVP_MD_CTX *ctx;

	if (s->pkey == NULL) {
		HMAC(EVP_get_digestbyname(s->digest), s->secret,
		    (int)s->secret_length, (const unsigned char *)text,
		    strlen(text), out, &mac_length);
		return base64url(out, mac_length);
	}
	ctx = EVP_MD_CTX_new();
	ck_assert_int_eq(EVP_DigestSignInit_ex(ctx, &how, s->digest, NULL, NULL,
	    s->pkey, NULL), 1);
	if (s->salt > 0) {
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(how,
		    RSA_PKCS1_PSS_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(how,
		    s->salt - 1), 1);
	}
	ck_assert_int_eq(EVP_DigestSign(ctx, out, &length,
	    (const unsigned char *)text, strlen(text)), 1);
	EVP_MD_CTX_free(ctx);
	if (!EVP_PKEY_is_a(s->pkey, "EC"))
		return base64url(out, length);
	length = raw_of_der(out, length, EVP_PKEY_get_bits(s->pkey), raw);
	return base64url(raw, length);
}

/* A token of these texts, whatever they are; "@+60" is expanded. */
static inline char *
token_of(const struct signer *s, const char *header, const char *payload)
{
	const char *claims = expand(payload);
	char *text = arena_format(memory, "%s.%s",
	    base64url(header, strlen(header)),
	    base64url(claims, strlen(claims)));

	return arena_format(memory, "%s.%s", text, signature(s, text));
}

/* A number of the key as base64url of at least `size` bytes. */
static inline char *
number_of(EVP_PKEY *pkey, const char *name, int size)
{
	unsigned char bytes[2048];
	BIGNUM *n = NULL;
	int length;
	char *text;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(pkey, name, &n), 1);
	length = BN_num_bytes(n) > size ? BN_num_bytes(n) : size;
	ck_assert_int_eq(BN_bn2binpad(n, bytes, length), length);
	text = base64url(bytes, (size_t)length);
	BN_free(n);
	return text;
}

/* The public JWK, with `more` members after ("" or ",..."). */
static inline char *
jwk_of(EVP_PKEY *pkey, const char *more)
{
	int bits = EVP_PKEY_get_bits(pkey), size = (bits + 7) / 8;
	unsigned char point[32];
	size_t length = sizeof(point);

	if (EVP_PKEY_is_a(pkey, "ED25519")) {
		ck_assert_int_eq(EVP_PKEY_get_raw_public_key(pkey, point,
		    &length), 1);
		return arena_format(memory, "{\"kty\":\"OKP\",\"crv\":"
		    "\"Ed25519\",\"x\":\"%s\"%s}", base64url(point, length),
		    more);
	}
	if (!EVP_PKEY_is_a(pkey, "EC"))
		return arena_format(memory,
		    "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
		    number_of(pkey, OSSL_PKEY_PARAM_RSA_N, 1),
		    number_of(pkey, OSSL_PKEY_PARAM_RSA_E, 1), more);
	return arena_format(memory, "{\"kty\":\"EC\",\"crv\":\"P-%d\","
	    "\"x\":\"%s\",\"y\":\"%s\"%s}", bits,
	    number_of(pkey, OSSL_PKEY_PARAM_EC_PUB_X, size),
	    number_of(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size), more);
}

/* Adds a set of these comma-separated JWKs; why is NULL when it is taken. */
static inline const char *
add_set(struct auth_keys *keys, const char *jwks)
{
	const char *set = arena_format(memory, "{\"keys\":[%s]}", jwks);
	const char *why = NULL;
	struct buf skipped, fault;

	buf_init(&skipped, 4096);
	buf_init(&fault, 4096);
	if (!auth_keys_add_jwks(keys, "set.json", set, strlen(set), &skipped,
	    &fault))
		why = arena_copy(memory, fault.at, fault.length);
	else
		ck_assert_uint_eq(fault.length, 0);
	buf_release(&skipped);
	buf_release(&fault);
	return why;
}

/* The bytes of the base64url text. */
static inline unsigned char *
bytes_of(const char *text, size_t *ret_length)
{
	char *bytes = text_from_base64url(memory, text, strlen(text),
	    ret_length);

	ck_assert_msg(bytes != NULL, "%s", text);
	return (unsigned char *)bytes;
}

/* Does the key's algorithm verify the token?  foreign: not by libjwt. */
static inline bool
holds(const struct auth_key *key, const char *token, bool foreign)
{
	const char *dot = strrchr(token, '.');
	struct auth_signed it = { .token = token, .typ_foreign = foreign };

	ck_assert_ptr_nonnull(dot);
	it.text_length = (size_t)(dot - token);
	it.signature = bytes_of(dot + 1, &it.signature_length);
	return auth_signature_holds(key, &it);
}

/* A new file with this content; the caller unlinks it. */
static inline char *
file_of(const void *bytes, size_t length)
{
	const char *dir = getenv("TMPDIR");
	char *path = arena_format(memory, "%s/auth-XXXXXX",
	    dir != NULL ? dir : "/tmp");
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	close(fd);
	return path;
}

/* Asks auth who sends this Authorization and Origin (NULL = absent). */
static inline struct answer
ask(const struct auth *auth, const char *authorization, const char *origin)
{
	struct request rq = { .authorization = authorization,
	    .origin = origin };
	struct arena *arena = arena_new();
	const struct caller *caller = NULL;
	struct answer answer = { .cause = "" };
	struct scope sc;

	scope_init(&sc, arena);
	answer.problem = auth_identify(auth, &sc, &rq, &caller);
	if (sc.cause != NULL)
		answer.cause = arena_string(memory, sc.cause);
	if (answer.problem == PROBLEM_NONE) {
		answer.role = arena_string(memory, caller_role(caller));
		answer.subject = arena_string(memory, caller_subject(caller));
		answer.claims = arena_string(memory, caller_claims(caller));
		answer.anonymous = caller_is_anonymous(caller);
	} else {
		ck_assert_ptr_null(caller);
	}
	arena_free(arena);
	return answer;
}

/* The same for a bearer token. */
static inline struct answer
ask_bearer(const struct auth *auth, const char *token)
{
	return ask(auth, arena_format(memory, "Bearer %s", token), NULL);
}

/* For messages. */
static inline const char *
name_of(enum problem p)
{
	return p == PROBLEM_NONE ? "none" : problem_kind(p)->name;
}

/* The answer is this problem, for this cause (NULL = any). */
static inline void
expect(const char *name, struct answer answer, enum problem p,
    const char *cause)
{
	ck_assert_msg(answer.problem == p, "%s: %s (%s) instead of %s", name,
	    name_of(answer.problem), answer.cause, name_of(p));
	ck_assert_msg(cause == NULL || strcmp(answer.cause, cause) == 0,
	    "%s: the cause is \"%s\" instead of \"%s\"", name, answer.cause,
	    cause);
}

/* Runs the suite with TAP on standard output; the exit status of main(). */
static inline int
run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	/* What is buffered would be written again by each child. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	arena_free(memory);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
