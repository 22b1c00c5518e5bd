/* SPDX-License-Identifier: MIT */
/*
 * Key files: what is taken becomes the very key that OpenSSL reads, and what is
 * unfit is refused with its own reason.  Keys are made here, none is in a file.
 */
#include "auth_make.h"

static EVP_PKEY *rsa, *rsa_weak, *p256, *p384, *p521, *ed;

static void
make_keys(void)
{
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	rsa_weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	p521 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static void
free_keys(void)
{
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(rsa_weak);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(p521);
	EVP_PKEY_free(ed);
}

/* The DER of a public key, as openssl(1) makes it of a PEM file. */
static size_t
der_by_openssl(const struct auth_key *key, unsigned char *der, size_t size)
{
	char *path = file_of(key->bytes, key->length);
	FILE *pipe = popen(arena_format(memory,
	    "openssl pkey -pubin -in %s -pubout -outform DER", path), "r");
	size_t length;

	ck_assert_ptr_nonnull(pipe);
	length = fread(der, 1, size, pipe);
	ck_assert_int_eq(pclose(pipe), 0);
	unlink(path);
	return length;
}

/* The key of the table is pkey: by libcrypto and by openssl(1). */
static void
same_key(const struct auth_key *key, EVP_PKEY *pkey)
{
	unsigned char ours[2048], *theirs = NULL;
	int length = i2d_PUBKEY(pkey, &theirs);

	ck_assert_int_gt(length, 0);
	ck_assert_uint_eq(der_by_openssl(key, ours, sizeof(ours)),
	    (size_t)length);
	ck_assert_mem_eq(ours, theirs, (size_t)length);
	OPENSSL_free(theirs);
}

START_TEST(the_pem_made_of_a_jwk_is_the_key_that_openssl_reads)
{
	struct auth_keys keys;

	auth_keys_init(&keys);
	ck_assert_ptr_null(add_set(&keys, arena_format(memory,
	    "%s,%s,%s,%s,%s,%s,%s",
	    jwk_of(rsa, ",\"kid\":\"a\",\"use\":\"sig\",\"x5t\":\"AA\""),
	    jwk_of(p256, ",\"kid\":\"b\",\"key_ops\":[\"verify\"]"),
	    jwk_of(p384, ",\"kid\":\"c\",\"alg\":\"ES384\""),
	    jwk_of(p521, ",\"kid\":\"d\""),
	    jwk_of(rsa, ",\"kid\":\"e\",\"alg\":\"RS512\""),
	    jwk_of(rsa, ",\"kid\":\"f\",\"alg\":\"PS512\""),
	    jwk_of(ed, ",\"kid\":\"g\""))));
	ck_assert_uint_eq(keys.count, 7);
	ck_assert_str_eq(keys.key[5].algorithm->name, "PS512");
	ck_assert_str_eq(keys.key[6].algorithm->name, "EdDSA");
	same_key(&keys.key[5], rsa);
	same_key(&keys.key[6], ed);
	ck_assert_str_eq(keys.key[0].algorithm->name, "RS256");
	ck_assert_str_eq(keys.key[1].algorithm->name, "ES256");
	ck_assert_str_eq(keys.key[2].algorithm->name, "ES384");
	ck_assert_str_eq(keys.key[3].algorithm->name, "ES512");
	ck_assert_str_eq(keys.key[4].algorithm->name, "RS512");
	same_key(&keys.key[0], rsa);
	same_key(&keys.key[1], p256);
	same_key(&keys.key[2], p384);
	same_key(&keys.key[3], p521);
	same_key(&keys.key[4], rsa);
	auth_keys_release(&keys);
}
END_TEST

START_TEST(a_kid_finds_its_key_and_nothing_like_it)
{
	static const char *const others[] = { "A", "a ", "aa", "", "*", "%",
	    "../a", "/dev/null", "' or '1'='1", "a\n" };
	struct auth_keys keys;
	const char *why = NULL;

	auth_keys_init(&keys);
	ck_assert_ptr_null(add_set(&keys, arena_format(memory, "%s,%s",
	    jwk_of(rsa, ",\"kid\":\"a\""), jwk_of(p256, ",\"kid\":\"b\""))));
	ck_assert_ptr_eq(auth_keys_find(&keys, "a", "RS256", &why),
	    &keys.key[0]);
	ck_assert_ptr_eq(auth_keys_find(&keys, "b", "ES256", &why),
	    &keys.key[1]);
	ck_assert_ptr_null(auth_keys_find(&keys, "a", "ES256", &why));
	ck_assert_str_eq(why, "the key is for another algorithm");
	ck_assert_ptr_null(auth_keys_find(&keys, "a", "RS512", &why));
	for (size_t i = 0; i < countof(others); i++) {
		ck_assert_ptr_null(auth_keys_find(&keys, others[i], "RS256",
		    &why));
		ck_assert_str_eq(why, "no key has the token's kid");
	}
	auth_keys_release(&keys);
}
END_TEST

START_TEST(without_kid_only_the_one_key_of_the_algorithm_is_found)
{
	struct auth_keys keys;
	struct buf fault;
	const char *why = NULL;

	auth_keys_init(&keys);
	buf_init(&fault, 1024);
	ck_assert(auth_keys_add_secret(&keys, NULL,
	    "01234567890123456789012345678901", 32, &fault));
	ck_assert_ptr_null(add_set(&keys, arena_format(memory, "%s,%s,%s",
	    jwk_of(rsa, ",\"kid\":\"a\""), jwk_of(p256, ",\"kid\":\"b\""),
	    jwk_of(rsa, ",\"kid\":\"c\""))));
	ck_assert_ptr_eq(auth_keys_find(&keys, NULL, "HS256", &why),
	    &keys.key[0]);
	ck_assert_ptr_eq(auth_keys_find(&keys, NULL, "ES256", &why),
	    &keys.key[2]);
	ck_assert_ptr_null(auth_keys_find(&keys, NULL, "RS256", &why));
	ck_assert_str_eq(why, "no kid, and not one key only for the algorithm");
	ck_assert_ptr_null(auth_keys_find(&keys, NULL, "ES384", &why));
	buf_release(&fault);
	auth_keys_release(&keys);
}
END_TEST

/* The set must be refused whole, with a sentence that holds this. */
static void
refused(const char *jwks, const char *reason)
{
	struct auth_keys keys;
	const char *why;

	auth_keys_init(&keys);
	why = add_set(&keys, jwks);
	ck_assert_msg(why != NULL, "taken: %.200s", jwks);
	ck_assert_msg(strstr(why, reason) != NULL, "\"%s\" and not \"%s\"", why,
	    reason);
	ck_assert_msg(strncmp(why, "set.json", 8) == 0, "no file: %s", why);
	ck_assert_uint_eq(keys.count, 0);
	auth_keys_release(&keys);
}

START_TEST(a_private_or_secret_key_is_refused)
{
	static const char *const members[] = { "d", "p", "q", "dp", "dq", "qi",
	    "oth", "k" };

	for (size_t i = 0; i < countof(members); i++) {
		refused(jwk_of(rsa, arena_format(memory, ",\"%s\":\"AQ\"",
		    members[i])), "private members");
		refused(jwk_of(p256, arena_format(memory, ",\"%s\":null",
		    members[i])), "private members");
	}
	refused("{\"kty\":\"oct\",\"kid\":\"a\",\"k\":"
	    "\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}",
	    "key 1 (kid \"a\"): it is a secret");
}
END_TEST

START_TEST(a_weak_key_is_refused)
{
	/* The modulus of a valid key, with exponents that sign nothing. */
	char *n = number_of(rsa, OSSL_PKEY_PARAM_RSA_N, 1);
	static const char *const exponents[] = { "AQ", "AA", "Ag", "AQAA",
	    "AQAAAAAAAAAB" };

	refused(jwk_of(rsa_weak, ""), "fewer than 2048 bits");
	for (size_t i = 0; i < countof(exponents); i++)
		refused(arena_format(memory, "{\"kty\":\"RSA\",\"n\":\"%s\","
		    "\"e\":\"%s\"}", n, exponents[i]), "exponent");
	n[strlen(n) - 1] = 'A';
	n[strlen(n) - 2] = 'A';
	refused(arena_format(memory, "{\"kty\":\"RSA\",\"n\":\"%s\","
	    "\"e\":\"AQAB\"}", n), "no RSA modulus");
}
END_TEST

START_TEST(a_modulus_of_the_roca_chips_is_refused)
{
	unsigned char bytes[256];
	BIGNUM *n = BN_new(), *m = BN_new(), *k = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	static const unsigned primes[] = { 11, 13, 17, 19, 37, 53, 61, 71, 73,
	    79, 97, 103, 107, 109, 127, 151, 157 };

	/* n = 65537^3 + k * m, where m is the product of the primes. */
	BN_one(m);
	for (size_t i = 0; i < countof(primes); i++)
		BN_mul_word(m, primes[i]);
	BN_set_bit(k, 2048 - BN_num_bits(m));
	BN_mul(n, k, m, ctx);
	BN_set_word(k, 65537);
	BN_mul_word(k, 65537);
	BN_mul_word(k, 65537);
	BN_add(n, n, k);
	ck_assert_int_eq(BN_num_bits(n), 2048);
	BN_bn2binpad(n, bytes, sizeof(bytes));
	refused(arena_format(memory, "{\"kty\":\"RSA\",\"n\":\"%s\","
	    "\"e\":\"AQAB\"}", base64url(bytes, sizeof(bytes))),
	    "CVE-2017-15361");
	BN_free(n);
	BN_free(m);
	BN_free(k);
	BN_CTX_free(ctx);
}
END_TEST

START_TEST(a_key_that_does_not_fit_its_algorithm_is_refused)
{
	refused(jwk_of(p384, ",\"alg\":\"ES256\""), "does not fit");
	refused(jwk_of(p256, ",\"alg\":\"ES384\""), "does not fit");
	refused(jwk_of(p256, ",\"alg\":\"RS256\""), "does not fit");
	refused(jwk_of(rsa, ",\"alg\":\"ES256\""), "does not fit");
	refused(jwk_of(rsa, ",\"alg\":\"HS256\""), "does not fit");
	refused(jwk_of(p256, ",\"alg\":\"PS256\""), "does not fit");
	refused(jwk_of(ed, ",\"alg\":\"ES256\""), "does not fit");
	refused(jwk_of(rsa, ",\"alg\":\"EdDSA\""), "does not fit");
	refused(jwk_of(rsa, ",\"alg\":null"), "not all strings");
	refused(jwk_of(rsa, ",\"alg\":\"RS256\\u0000\""), "not all strings");
	refused("{\"kty\":\"OKP\",\"x\":"
	    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	    "crv is missing");
	refused("{\"kty\":\"EC\",\"x\":\"AQ\",\"y\":\"AQ\"}",
	    "crv is missing");
	refused("{\"n\":\"AQ\",\"e\":\"AQAB\"}", "kty is missing");
	refused("{\"kty\":7}", "kty is missing");
}
END_TEST

/* The set is taken, without these; it says so in these words. */
static void
skipped(const char *jwk, const char *reason)
{
	const char *set = arena_format(memory, "{\"keys\":[%s,%s]}", jwk,
	    jwk_of(p256, ",\"kid\":\"good\""));
	struct auth_keys keys;
	struct buf said, fault;

	auth_keys_init(&keys);
	buf_init(&said, 4096);
	buf_init(&fault, 4096);
	ck_assert_msg(auth_keys_add_jwks(&keys, "set.json", set, strlen(set),
	    &said, &fault), "%s", fault.at);
	ck_assert_uint_eq(keys.count, 1);
	ck_assert_str_eq(keys.key[0].kid, "good");
	ck_assert_msg(said.length > 0 && strstr(said.at, reason) != NULL,
	    "\"%s\" and not \"%s\"", said.at, reason);
	ck_assert_int_eq(strncmp(said.at, "set.json: key 1", 15), 0);
	auth_keys_release(&keys);
	buf_release(&said);
	buf_release(&fault);
}

START_TEST(a_key_that_is_not_for_us_is_skipped_and_said_so)
{
	skipped(jwk_of(rsa, ",\"use\":\"enc\""), "use is not sig");
	/* The kid of one that is skipped stands for nothing. */
	skipped(jwk_of(rsa, ",\"kid\":\"good\",\"use\":\"enc\""), "use");
	skipped(jwk_of(rsa, ",\"key_ops\":[\"wrapKey\"]"), "key_ops");
	skipped(jwk_of(rsa, ",\"alg\":\"RSA-OAEP\""), "alg is not supported");
	skipped(jwk_of(rsa, ",\"alg\":\"none\""), "alg is not supported");
	skipped(jwk_of(rsa, ",\"alg\":\"rs256\""), "alg is not supported");
	skipped("{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\"}",
	    "alg is not supported");
	skipped("{\"kty\":\"rsa\",\"n\":\"AQ\",\"e\":\"AQAB\"}",
	    "kty or crv is not supported");
	skipped("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
	    "kty or crv is not supported");
	skipped("{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"alg\":\"ES256K\","
	    "\"x\":\"AA\",\"y\":\"AA\"}", "alg is not supported");
	/* What is secret is none of a set's business, even to be skipped. */
	refused(jwk_of(rsa, ",\"use\":\"enc\",\"d\":\"AQ\""), "private");
	refused("{\"kty\":\"AKP\",\"alg\":\"X\",\"d\":\"AA\"}", "private");
	refused("{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"AA\"}", "secret");
	refused(jwk_of(rsa_weak, ",\"alg\":\"PS256\""), "fewer than 2048");
}
END_TEST

START_TEST(a_key_of_an_algorithm_that_is_not_allowed_is_skipped)
{
	struct auth_keys keys;

	auth_keys_init(&keys);
	keys.allowed = auth_algorithm_bit(auth_algorithm_of("ES256"));
	ck_assert_ptr_null(add_set(&keys, arena_format(memory, "%s,%s,%s",
	    jwk_of(rsa, ",\"kid\":\"a\""), jwk_of(p256, ",\"kid\":\"b\""),
	    jwk_of(ed, ",\"kid\":\"c\""))));
	ck_assert_uint_eq(keys.count, 1);
	ck_assert_str_eq(keys.key[0].kid, "b");
	auth_keys_release(&keys);
}
END_TEST

START_TEST(a_point_of_small_order_is_no_key)
{
	/* The first bytes; the rest is of the last but one; the last byte. */
	static const struct { const char *first; int fill, last; } points[] = {
		{ "00", 0x00, 0x00 }, { "00", 0x00, 0x80 },
		{ "01", 0x00, 0x00 }, { "01", 0x00, 0x80 },
		{ "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d"
		    "53fc", 0, 0x05 },
		{ "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d"
		    "53fc", 0, 0x85 },
		{ "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792"
		    "ac03", 0, 0x7a },
		{ "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792"
		    "ac03", 0, 0xfa },
		{ "ec", 0xff, 0x7f }, { "ec", 0xff, 0xff },
		{ "ed", 0xff, 0x7f }, { "ee", 0xff, 0xff },
		/* No small order, but no canonical spelling either. */
		{ "f0", 0xff, 0x7f }, { "ff", 0xff, 0xff },
	};
	unsigned char bytes[32];
	size_t length;

	for (size_t i = 0; i < countof(points); i++) {
		memset(bytes, points[i].fill, sizeof(bytes));
		ck_assert_int_eq(OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes),
		    &length, points[i].first, '\0'), 1);
		bytes[31] = (unsigned char)points[i].last;
		refused(arena_format(memory, "{\"kty\":\"OKP\",\"crv\":"
		    "\"Ed25519\",\"x\":\"%s\"}", base64url(bytes, 32)),
		    "anybody can sign");
	}
	refused(arena_format(memory, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
	    "\"x\":\"%s\"}", base64url(bytes, 31)), "not of 32 bytes");
}
END_TEST

START_TEST(a_key_for_another_purpose_is_refused)
{
	/* Alone, so that nothing is left. */
	refused(jwk_of(rsa, ",\"use\":\"enc\""), "use is not sig");
	refused(jwk_of(rsa, ",\"key_ops\":[\"encrypt\"]"), "key_ops");
	refused(jwk_of(rsa, ",\"key_ops\":[]"), "key_ops");
	refused(jwk_of(rsa, ",\"key_ops\":[null,7]"), "key_ops");
	refused(jwk_of(rsa, ",\"use\":null"), "use is no string");
	refused(jwk_of(rsa, ",\"key_ops\":\"verify\""), "no array");
}
END_TEST

START_TEST(numbers_that_are_no_key_are_refused)
{
	char *x = number_of(p256, OSSL_PKEY_PARAM_EC_PUB_X, 32);
	char *y = number_of(p256, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
	const struct { const char *x, *y, *reason; } cases[] = {
		{ y, x, "no key" },
		{ x, x, "no key" },
		{ base64url("\0", 1), y, "length" },
		{ arena_format(memory, "%sA", x), y, "x or y" },
		{ arena_format(memory, "%s=", x), y, "x or y" },
		{ "", "", "x or y" },
	};

	for (size_t i = 0; i < countof(cases); i++)
		refused(arena_format(memory, "{\"kty\":\"EC\",\"crv\":"
		    "\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", cases[i].x,
		    cases[i].y), cases[i].reason);
	refused("{\"kty\":\"RSA\",\"n\":\"+/==\",\"e\":\"AQAB\"}", "n or e");
	refused("{\"kty\":\"RSA\",\"n\":12,\"e\":\"AQAB\"}", "n or e");
	refused("{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "n or e");
	refused("7", "not an object");
	refused("null", "not an object");
}
END_TEST

START_TEST(kids_are_distinct_and_short_or_the_set_is_refused)
{
	char longest[AUTH_KID_MAX + 2];

	memset(longest, 'k', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	refused(jwk_of(rsa, arena_format(memory, ",\"kid\":\"%s\"", longest)),
	    "kid is not a string");
	refused(jwk_of(rsa, ",\"kid\":\"\""), "kid is not a string");
	refused(jwk_of(rsa, ",\"kid\":7"), "kid is not a string");
	refused(jwk_of(rsa, ",\"kid\":\"a\\u0000b\""), "kid is not a string");
	refused(arena_format(memory, "%s,%s", jwk_of(rsa, ",\"kid\":\"a\""),
	    jwk_of(p256, ",\"kid\":\"a\"")),
	    "key 2 (kid \"a\"): its kid stands twice");
	refused(arena_format(memory, "%s,%s", jwk_of(rsa, ",\"kid\":\"a\""),
	    jwk_of(rsa, "")), "has no kid");
	refused(arena_format(memory, "%s,%s", jwk_of(rsa, ""),
	    jwk_of(rsa, ",\"kid\":\"a\"")), "has no kid");
}
END_TEST

/* Adds this text as a set; it must be refused for this reason. */
static void
text_refused(const char *text, size_t length, const char *reason)
{
	struct auth_keys keys;
	struct buf skipped, fault;

	auth_keys_init(&keys);
	buf_init(&skipped, 4096);
	buf_init(&fault, 4096);
	ck_assert(!auth_keys_add_jwks(&keys, "set.json", text, length,
	    &skipped, &fault));
	ck_assert_msg(strstr(fault.at, reason) != NULL, "%s", fault.at);
	ck_assert_uint_eq(keys.count, 0);
	buf_release(&skipped);
	buf_release(&fault);
}

START_TEST(what_is_no_key_set_is_refused)
{
	static const struct { const char *text, *reason; } cases[] = {
		{ "", "set.json:1:1: " },
		{ "\n {", "set.json:2:" },
		{ "null", "no JWK set" },
		{ "[]", "no JWK set" },
		{ "{}", "no JWK set" },
		{ "{\"keys\":{}}", "no JWK set" },
		{ "{\"keys\":[]}", "0 keys" },
		{ "{\"keys\":[],\"keys\":[]}", "set.json:1:" },
	};
	struct buf b;

	for (size_t i = 0; i < countof(cases); i++)
		text_refused(cases[i].text, strlen(cases[i].text),
		    cases[i].reason);
	buf_init(&b, 1 << 20);
	buf_string(&b, "{\"keys\":[");
	for (int i = 0; i <= AUTH_KEYS_MAX; i++)
		buf_format(&b, "%s%s", i == 0 ? "" : ",", jwk_of(p256,
		    arena_format(memory, ",\"kid\":\"%d\"", i)));
	buf_string(&b, "]}");
	ck_assert(!b.failed);
	text_refused(b.at, b.length, "65 keys: it must have 1 to 64");
	buf_release(&b);
}
END_TEST

START_TEST(sixty_four_keys_and_a_secret_are_taken_but_no_more)
{
	struct auth_keys keys;
	struct buf b, fault;
	static const char secret[] = "01234567890123456789012345678901";

	auth_keys_init(&keys);
	buf_init(&b, 1 << 20);
	buf_init(&fault, 1024);
	for (int i = 0; i < AUTH_KEYS_MAX; i++)
		buf_format(&b, "%s%s", i == 0 ? "" : ",", jwk_of(p256,
		    arena_format(memory, ",\"kid\":\"%d\"", i)));
	ck_assert_ptr_null(add_set(&keys, b.at));
	ck_assert(auth_keys_add_secret(&keys, NULL, secret, 32, &fault));
	ck_assert_uint_eq(keys.count, AUTH_KEYS_MAX + 1);
	ck_assert(!auth_keys_add_secret(&keys, NULL, secret, 32, &fault));
	ck_assert_ptr_nonnull(add_set(&keys, jwk_of(rsa, "")));
	ck_assert_uint_eq(keys.count, AUTH_KEYS_MAX + 1);
	auth_keys_release(&keys);
	buf_release(&b);
	buf_release(&fault);
}
END_TEST

START_TEST(a_secret_file_is_its_bytes_without_one_newline)
{
	static const struct { const char *text; size_t length, taken; }
	    cases[] = {
		{ "01234567890123456789012345678901", 32, 32 },
		{ "01234567890123456789012345678901\n", 33, 32 },
		{ "01234567890123456789012345678901\n\n", 34, 33 },
		{ "0123456789\0" "123456789012345678901", 32, 32 },
		{ "0123456789012345678901234567890", 31, 0 },
		{ "0123456789012345678901234567890\n", 32, 0 },
		{ "", 0, 0 },
		{ "\n", 1, 0 },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char *path = file_of(cases[i].text, cases[i].length);
		struct auth_keys keys;
		struct buf fault;
		bool taken;

		auth_keys_init(&keys);
		buf_init(&fault, 1024);
		taken = auth_keys_read_secret(&keys, path, &fault);
		unlink(path);
		ck_assert_int_eq(taken, cases[i].taken > 0);
		if (taken) {
			ck_assert_uint_eq(keys.key[0].length, cases[i].taken);
			ck_assert_mem_eq(keys.key[0].bytes, cases[i].text,
			    cases[i].taken);
			ck_assert_ptr_null(keys.key[0].kid);
		} else {
			ck_assert_ptr_nonnull(strstr(fault.at, path));
			ck_assert_ptr_nonnull(strstr(fault.at, "openssl rand"));
		}
		auth_keys_release(&keys);
		buf_release(&fault);
	}
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
	struct auth_options options = { .secret_file = "/nonexistent/secret" };
	struct buf fault;
	char *path, *big;

	buf_init(&fault, 1024);
	ck_assert_ptr_null(auth_new(&options, &fault));
	ck_assert_str_eq(fault.at, "/nonexistent/secret cannot be opened: "
	    "No such file or directory");
	options = (struct auth_options){ .jwks_file = "/" };
	buf_clear(&fault);
	ck_assert_ptr_null(auth_new(&options, &fault));
	ck_assert_str_eq(fault.at, "/ cannot be read: Is a directory");
	big = arena_alloc(memory, 600 * 1024);
	memset(big, ' ', 600 * 1024);
	path = file_of(big, 600 * 1024);
	options.jwks_file = path;
	buf_clear(&fault);
	ck_assert_ptr_null(auth_new(&options, &fault));
	ck_assert_ptr_nonnull(strstr(fault.at, "more than 524288 bytes"));
	unlink(path);
	buf_release(&fault);
}
END_TEST

START_TEST(auth_takes_its_keys_from_the_files)
{
	static const char *const roles[] = { "member" };
	const char *set = arena_format(memory, "{\"keys\":[%s]}\n",
	    jwk_of(rsa, ",\"kid\":\"a\""));
	struct signer by_rsa = { rsa, "SHA256", NULL, 0, 0 };
	struct signer by_secret = { NULL, "SHA256",
	    "01234567890123456789012345678901", 32, 0 };
	const char *claims = "{\"role\":\"member\",\"sub\":\"u\",\"exp\":@+60}";
	struct auth_options options = { .roles = roles, .role_count = 1,
	    .secret_file = file_of("01234567890123456789012345678901\n", 33),
	    .jwks_file = file_of(set, strlen(set)) };
	struct buf fault;
	struct auth *auth;

	buf_init(&fault, 1024);
	auth = auth_new(&options, &fault);
	ck_assert_msg(auth != NULL, "%s", fault.at);
	unlink(options.secret_file);
	unlink(options.jwks_file);
	expect("RS256", ask_bearer(auth, token_of(&by_rsa,
	    "{\"alg\":\"RS256\",\"kid\":\"a\"}", claims)), PROBLEM_NONE, "");
	expect("HS256", ask_bearer(auth, token_of(&by_secret,
	    "{\"alg\":\"HS256\"}", claims)), PROBLEM_NONE, "");
	auth_free(auth);
	auth_free(NULL);
	buf_release(&fault);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth_jwks");
	TCase *cases = tcase_create("jwks");

	memory = arena_new();
	tcase_set_timeout(cases, 60);
	tcase_add_unchecked_fixture(cases, make_keys, free_keys);
	tcase_add_test(cases,
	    the_pem_made_of_a_jwk_is_the_key_that_openssl_reads);
	tcase_add_test(cases, a_kid_finds_its_key_and_nothing_like_it);
	tcase_add_test(cases,
	    without_kid_only_the_one_key_of_the_algorithm_is_found);
	tcase_add_test(cases, a_private_or_secret_key_is_refused);
	tcase_add_test(cases, a_weak_key_is_refused);
	tcase_add_test(cases, a_modulus_of_the_roca_chips_is_refused);
	tcase_add_test(cases, a_key_that_does_not_fit_its_algorithm_is_refused);
	tcase_add_test(cases, a_key_for_another_purpose_is_refused);
	tcase_add_test(cases, a_key_that_is_not_for_us_is_skipped_and_said_so);
	tcase_add_test(cases,
	    a_key_of_an_algorithm_that_is_not_allowed_is_skipped);
	tcase_add_test(cases, a_point_of_small_order_is_no_key);
	tcase_add_test(cases, numbers_that_are_no_key_are_refused);
	tcase_add_test(cases,
	    kids_are_distinct_and_short_or_the_set_is_refused);
	tcase_add_test(cases, what_is_no_key_set_is_refused);
	tcase_add_test(cases,
	    sixty_four_keys_and_a_secret_are_taken_but_no_more);
	tcase_add_test(cases, a_secret_file_is_its_bytes_without_one_newline);
	tcase_add_test(cases, files_that_cannot_be_read_are_named);
	tcase_add_test(cases, auth_takes_its_keys_from_the_files);
	suite_add_tcase(suite, cases);
	return run(suite);
}
