/* SPDX-License-Identifier: MIT */
/*
 * Other people's vectors: RFC 7515, 7517, 7520, 7638, and Project Wycheproof's,
 * of which the derived set has payloads that are JSON objects.  They are not
 * part of the project: LOCKSTEP_SUITES names their directory, else it is
 * looked for beside the sources.  Without them all is skipped, but in CI, where
 * that is a failure.
 */
#include "auth_make.h"

#include <openssl/pem.h>

static char *suites;

static const char *const roles[] = { "member" };
static const struct auth_options plain = { .roles = roles, .role_count = 1 };

static const struct json_caps caps = {
	.depth = 32, .values = 1 << 20, .members = 1 << 16, .items = 1 << 16,
	.name_bytes = 1024, .string_bytes = 1 << 20,
};

/* A file of the suites, whole, without the newline at its end. */
static char *
read_suite(const char *name)
{
	char *path = arena_format(memory, "%s/%s", suites, name), *text;
	FILE *file = fopen(path, "re");
	size_t length;

	ck_assert_msg(file != NULL, "%s", path);
	text = arena_alloc(memory, 1 << 20);
	length = fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	return text;
}

static struct json_object *
read_json(const char *name)
{
	const char *text = read_suite(name);
	struct json_object *tree = NULL;
	struct json_fault fault;

	ck_assert_msg(json_read(text, strlen(text), &caps, &tree, &fault),
	    "%s:%zu: %s", name, fault.line, fault.reason);
	return tree;
}

static struct json_object *
member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

/* A member that is a string; "" when it is missing. */
static const char *
text_member(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	return value == NULL ? "" : json_object_get_string(value);
}

/* The kid that the token's header names, if it can be read; else NULL. */
static const char *
kid_of(const char *token)
{
	size_t length = strcspn(token, "."), decoded;
	char *text = text_from_base64url(memory, token, length, &decoded);
	struct json_object *tree = NULL;
	struct json_fault fault;
	const char *kid = NULL;

	if (text == NULL || !json_read(text, decoded, &caps, &tree, &fault))
		return NULL;
	if (json_object_is_type(member(tree, "kid"), json_type_string))
		kid = arena_string(memory, text_member(tree, "kid"));
	json_object_put(tree);
	return kid;
}

/* Adds the secret given as hexadecimal digits. */
static bool
add_hex(struct auth_keys *keys, const char *kid, const char *hex)
{
	unsigned char bytes[256];
	struct buf fault;
	size_t length;
	bool taken;

	ck_assert_int_eq(OPENSSL_hexstr2buf_ex(bytes, sizeof(bytes), &length,
	    hex, '\0'), 1);
	buf_init(&fault, 1024);
	taken = auth_keys_add_secret(keys, kid, bytes, length, &fault);
	buf_release(&fault);
	return taken;
}

/* Adds the PEM's key as a JWK with `more` members; why not, or NULL. */
static const char *
add_pem(struct auth_keys *keys, const char *kid, const char *alg,
    const char *pem, const char *more)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	struct buf b;
	const char *why;

	ck_assert_ptr_nonnull(pkey);
	buf_init(&b, 1024);
	buf_format(&b, ",\"alg\":\"%s\"%s", alg, more);
	if (kid != NULL) {
		buf_string(&b, ",\"kid\":");
		buf_json_string(&b, kid);
	}
	why = add_set(keys, jwk_of(pkey, b.at));
	buf_release(&b);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	return why;
}

/*
 * Asks about a vector of the derived set, with its key under the kid and the
 * algorithm that it claims, so that no wrong one refuses it by luck.  The cause
 * is "key: ..." when its key is refused.
 */
static struct answer
ask_vector(struct json_object *vector, const char *more)
{
	struct json_object *key = member(vector, "key");
	const char *token = text_member(vector, "token");
	const char *kid = kid_of(token), *why = NULL;
	struct auth_keys keys;
	struct answer answer;
	struct auth *auth;

	auth_keys_init(&keys);
	if (member(key, "hex") != NULL)
		why = add_hex(&keys, kid, text_member(key, "hex")) ? NULL :
		    "secret";
	else
		why = add_pem(&keys, kid, text_member(vector, "alg"),
		    text_member(key, "pem"), more);
	if (why != NULL) {
		auth_keys_release(&keys);
		return (struct answer){ .problem = PROBLEM_TOKEN_INVALID,
		    .cause = arena_format(memory, "key: %s", why) };
	}
	auth = auth_of_keys(&plain, &keys);
	answer = ask_bearer(auth, token);
	auth_free(auth);
	return answer;
}

/* How many vectors were expected to be so, and were right. */
struct score {
	unsigned asked, right, by_key;
};

/* Asks all vectors that are expected so; each must be as `good` says. */
static struct score
ask_all(struct json_object *set, const char *expected, bool good)
{
	struct json_object *vectors = member(set, "vectors");
	struct score score = { 0, 0, 0 };

	for (size_t i = 0; i < json_object_array_length(vectors); i++) {
		struct json_object *v = json_object_array_get_idx(vectors, i);
		const char *comment = text_member(v, "comment");
		struct answer a;

		if (strcmp(text_member(v, "expected"), expected) != 0)
			continue;
		a = ask_vector(v, strcmp(comment, "rejectWrongUse") == 0 ?
		    ",\"use\":\"enc\"" :
		    strcmp(comment, "rejectWrongKeyOps") == 0 ?
		    ",\"key_ops\":[\"encrypt\"]" : "");
		score.asked++;
		score.by_key += strncmp(a.cause, "key: ", 5) == 0;
		if ((a.problem == PROBLEM_NONE) == good)
			score.right++;
		else
			printf("# %d %s: %s (%s)\n", json_object_get_int(
			    member(v, "source_tcId")), comment,
			    name_of(a.problem), a.cause);
	}
	printf("# %s: %u of %u right, %u by the key\n", expected, score.right,
	    score.asked, score.by_key);
	return score;
}

START_TEST(bad_tokens_of_the_derived_set_are_all_refused)
{
	struct json_object *set = read_json("derived_jwt_vectors.json");
	struct score score = ask_all(set, "invalid", false);

	ck_assert_uint_eq(score.asked, 300);
	ck_assert_uint_eq(score.right, 300);
	/* Nearly all must get as far as the token. */
	ck_assert_uint_lt(score.by_key, 10);
	score = ask_all(set, "invalid-by-jwk-use", false);
	ck_assert_uint_eq(score.asked, 4);
	ck_assert_uint_eq(score.by_key, 4);
	json_object_put(set);
}
END_TEST

START_TEST(good_tokens_of_the_derived_set_are_all_taken)
{
	struct json_object *set = read_json("derived_jwt_vectors.json");
	struct score score = ask_all(set, "valid", true);

	ck_assert_uint_eq(score.asked, 28);
	ck_assert_uint_eq(score.right, 28);
	json_object_put(set);
}
END_TEST

START_TEST(good_tokens_of_the_derived_set_by_pss_are_all_taken)
{
	struct json_object *set = read_json("derived_jwt_vectors.json");
	struct score score = ask_all(set, "valid-if-supported", true);

	ck_assert_uint_eq(score.asked, 16);
	ck_assert_uint_eq(score.right, 16);
	json_object_put(set);
}
END_TEST

/* The public part of a private JWK of the RFCs, with an alg. */
static const char *
public_part(struct json_object *jwk, const char *alg)
{
	static const char *const kept[] = { "kty", "crv", "n", "e", "x", "y" };
	struct buf b;
	const char *text;

	buf_init(&b, 8192);
	buf_format(&b, "{\"alg\":\"%s\"", alg);
	for (size_t i = 0; i < countof(kept); i++)
		if (member(jwk, kept[i]) != NULL)
			buf_format(&b, ",\"%s\":\"%s\"", kept[i],
			    text_member(jwk, kept[i]));
	buf_string(&b, "}");
	text = arena_copy(memory, b.at, b.length);
	buf_release(&b);
	return text;
}

/* The key of an example of RFC 7515, as the one key of the table. */
static void
add_example(struct auth_keys *keys, struct json_object *jwk, const char *alg)
{
	const char *k = text_member(jwk, "k"), *why;
	struct buf fault;
	size_t length;
	char *bytes;

	auth_keys_init(keys);
	if (k[0] == '\0') {
		why = add_set(keys, public_part(jwk, alg));
		ck_assert_msg(why == NULL, "%s", why);
		return;
	}
	bytes = text_from_base64url(memory, k, strlen(k), &length);
	buf_init(&fault, 1024);
	ck_assert(auth_keys_add_secret(keys, NULL, bytes, length, &fault));
	buf_release(&fault);
}

START_TEST(the_examples_of_rfc_7515_verify)
{
	static const struct { const char *name, *alg; } cases[] = {
		{ "A.1", "HS256" }, { "A.2", "RS256" }, { "A.3", "ES256" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char *token = read_suite(arena_format(memory,
		    "rfc7515-latchset/rfc7515_%s.jwsc", cases[i].name));
		struct json_object *jwk = read_json(arena_format(memory,
		    "rfc7515-latchset/rfc7515_%s.jwk", cases[i].name));
		struct auth_keys keys;
		struct auth *auth;

		add_example(&keys, jwk, cases[i].alg);
		ck_assert_msg(holds(&keys.key[0], token, false) &&
		    holds(&keys.key[0], token, true), "%s",
		    cases[i].name);
		/* It expired in 2011 and has no role, which is the first. */
		auth = auth_of_keys(&plain, &keys);
		expect(cases[i].name, ask_bearer(auth, token),
		    PROBLEM_TOKEN_INVALID, "role is missing");
		/* The first byte of the signature. */
		*(strrchr(token, '.') + 1) ^= 1;
		ck_assert(!holds(&keys.key[0], token, false));
		ck_assert(!holds(&keys.key[0], token, true));
		expect(cases[i].name, ask_bearer(auth, token),
		    PROBLEM_TOKEN_INVALID, "the signature does not hold");
		auth_free(auth);
		json_object_put(jwk);
	}
}
END_TEST

START_TEST(the_signatures_of_rfc_7520_and_8037_verify)
{
	static const struct { const char *name, *alg; } cases[] = {
		{ "jws_4_1.rsa_v15_signature", "RS256" },
		{ "jws_4_2.rsa-pss_signature", "PS384" },
		{ "jws_4_3.ecdsa_signature", "ES512" },
		{ "jws_4_4.hmac-sha2_integrity_protection", "HS256" },
		{ "curve25519_jws", "EdDSA" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct json_object *all = read_json(arena_format(memory,
		    "rfc7520-cookbook/%s.json", cases[i].name));
		char *token = arena_string(memory, text_member(member(all,
		    "output"), "compact"));
		struct auth_keys keys;

		add_example(&keys, member(member(all, "input"), "key"),
		    cases[i].alg);
		/* The payload is no JSON, which libjwt wants. */
		ck_assert_msg(holds(&keys.key[0], token, true), "%s",
		    cases[i].name);
		*(strrchr(token, '.') + 2) ^= 1;
		ck_assert(!holds(&keys.key[0], token, true));
		auth_keys_release(&keys);
		json_object_put(all);
	}
}
END_TEST

/*
 * Does the JWS verify by the key, from its shape on?  This is the judge without
 * the payload, which these vectors have no JSON in.
 */
static bool
verifies(const struct auth_keys *keys, const char *jws)
{
	const char *alg, *reason, *end = strrchr(jws, '.');
	size_t length = strcspn(jws, "."), decoded;
	char *header = text_from_base64url(memory, jws, length, &decoded);
	struct json_object *tree = NULL;
	const struct auth_key *key;
	struct json_fault fault;
	const char *kid = kid_of(jws);

	if (end == NULL || end <= jws + length || strchr(jws + length + 1,
	    '.') != end || text_from_base64url(memory, jws + length + 1,
	    (size_t)(end - jws) - length - 1, &decoded) == NULL ||
	    text_from_base64url(memory, end + 1, strlen(end + 1), &decoded) ==
	    NULL || header == NULL)
		return false;
	if (!json_read(header, strlen(header), &caps, &tree, &fault))
		return false;
	alg = arena_string(memory, text_member(tree, "alg"));
	if (member(tree, "crit") != NULL || member(tree, "b64") != NULL)
		alg = "";
	json_object_put(tree);
	key = auth_keys_find(keys, kid, alg, &reason);
	return key != NULL && holds(key, jws, true);
}

/* The key of the group under its kid; false when it is refused. */
static bool
add_group(struct auth_keys *keys, struct json_object *group)
{
	struct json_object *jwk = member(group, "public");
	const char *kid, *text, *secret;
	struct buf fault;
	size_t length;
	bool taken;

	auth_keys_init(keys);
	if (jwk != NULL) {
		text = json_object_to_json_string(jwk);
		/* Wycheproof's own name of ES512. */
		text = strstr(text, "ES521") == NULL ? text : arena_format(
		    memory, "%.*s12%s", (int)(strstr(text, "ES521") - text + 3),
		    text, strstr(text, "ES521") + 5);
		return add_set(keys, text) == NULL;
	}
	jwk = member(group, "private");
	kid = text_member(jwk, "kid");
	text = text_member(jwk, "k");
	secret = (char *)bytes_of(text, &length);
	buf_init(&fault, 1024);
	taken = auth_keys_add_secret(keys, kid, secret, length, &fault);
	buf_release(&fault);
	return taken;
}

/* Is the very same text among the group's good ones? */
static bool
is_good_too(struct json_object *tests, const char *jws)
{
	for (size_t i = 0; i < json_object_array_length(tests); i++) {
		struct json_object *test = json_object_array_get_idx(tests, i);

		if (strcmp(text_member(test, "result"), "valid") == 0 &&
		    strcmp(text_member(test, "jws"), jws) == 0)
			return true;
	}
	return false;
}

/*
 * Good ones that are refused: two whose header names another algorithm than
 * their key, two that are no base64url.  Two bad ones (367, 370) lost what was
 * bad on their way into the file.
 */
START_TEST(signatures_of_wycheproof_verify_only_when_they_are_valid)
{
	struct json_object *all = read_json(
	    "wycheproof_json_web_signature_test.json");
	struct json_object *groups = member(all, "testGroups");
	unsigned good = 0, bad = 0, strict = 0, lost = 0;

	for (size_t i = 0; i < json_object_array_length(groups); i++) {
		struct json_object *group = json_object_array_get_idx(groups,
		    i);
		struct json_object *tests = member(group, "tests");
		struct auth_keys keys;
		bool taken = add_group(&keys, group);

		for (size_t t = 0; t < json_object_array_length(tests); t++) {
			struct json_object *test = json_object_array_get_idx(
			    tests, t);
			bool valid = strcmp(text_member(test, "result"),
			    "valid") == 0;
			const char *jws = text_member(test, "jws");
			bool held = taken && verifies(&keys, jws);

			if (!valid && held && is_good_too(tests, jws)) {
				lost++;
				continue;
			}
			ck_assert_msg(valid || !held, "%d %s is taken",
			    json_object_get_int(member(test, "tcId")),
			    text_member(test, "comment"));
			good += held;
			bad += !valid;
			strict += valid && !held;
		}
		auth_keys_release(&keys);
	}
	ck_assert_uint_eq(good, 42);
	ck_assert_uint_eq(strict, 4);
	ck_assert_uint_eq(bad, 353);
	ck_assert_uint_eq(lost, 2);
	json_object_put(all);
}
END_TEST

START_TEST(the_unsecured_example_of_rfc_7515_is_refused)
{
	const char *token = read_suite("rfc7515-latchset/rfc7515_A.5.jwsc");
	struct auth_keys keys;
	struct auth *auth;

	auth_keys_init(&keys);
	auth = auth_of_keys(&plain, &keys);
	expect("as it is", ask_bearer(auth, token), PROBLEM_TOKEN_INVALID,
	    "the token is not three segments");
	expect("with a signature", ask_bearer(auth, arena_format(memory,
	    "%sAA", token)), PROBLEM_TOKEN_INVALID,
	    "alg is missing or not taken");
	auth_free(auth);
}
END_TEST

/* The PEM's n or x, read by OpenSSL, is the JWK's. */
static void
same_number(const struct auth_key *key, struct json_object *jwk)
{
	BIO *bio = BIO_new_mem_buf(key->bytes, (int)key->length);
	EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	bool ec = member(jwk, "crv") != NULL;

	ck_assert_ptr_nonnull(pkey);
	ck_assert_str_eq(number_of(pkey, ec ? OSSL_PKEY_PARAM_EC_PUB_X :
	    OSSL_PKEY_PARAM_RSA_N, ec ? (EVP_PKEY_get_bits(pkey) + 7) / 8 : 1),
	    text_member(jwk, ec ? "x" : "n"));
	EVP_PKEY_free(pkey);
	BIO_free(bio);
}

START_TEST(the_keys_of_the_rfcs_are_taken_or_refused_as_they_should)
{
	/* NULL = taken. */
	static const struct { const char *name, *reason; } cases[] = {
		{ "rfc7515-latchset/rfc7517_B.jwk", NULL },
		{ "rfc7515-latchset/rfc7638_3.1.jwk", NULL },
		{ "rfc7520-cookbook/jwk_3_3.rsa_public_key.json", NULL },
		{ "rfc7520-cookbook/jwk_3_1.ec_public_key.json", NULL },
		{ "rfc7520-cookbook/jwk_3_2.ec_private_key.json", "private" },
		{ "rfc7520-cookbook/jwk_3_4.rsa_private_key.json", "private" },
		{ "rfc7520-cookbook/jwk_3_5.symmetric_key_mac_computation.json",
		    "secret" },
		{ "rfc7515-latchset/rfc7515_A.2.jwk", "private" },
		{ "rfc7515-latchset/rfc7515_A.3.jwk", "private" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct json_object *jwk = read_json(cases[i].name);
		struct auth_keys keys;
		const char *why;

		auth_keys_init(&keys);
		why = add_set(&keys, read_suite(cases[i].name));
		if (cases[i].reason == NULL) {
			ck_assert_msg(why == NULL, "%s: %s", cases[i].name,
			    why);
			same_number(&keys.key[0], jwk);
		} else {
			ck_assert_msg(why != NULL && strstr(why,
			    cases[i].reason) != NULL, "%s: %s", cases[i].name,
			    why);
		}
		auth_keys_release(&keys);
		json_object_put(jwk);
	}
}
END_TEST

START_TEST(the_key_sets_of_rfc_7517_are_taken_or_refused_as_they_should)
{
	static const struct { const char *name, *reason; } cases[] = {
		{ "A.1", NULL }, { "A.2", "private" },
		{ "A.3", "secret" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		const char *text = read_suite(arena_format(memory,
		    "rfc7515-latchset/rfc7517_%s.jwkset", cases[i].name));
		struct auth_keys keys;
		struct buf skipped, fault;
		bool taken;

		auth_keys_init(&keys);
		buf_init(&skipped, 1024);
		buf_init(&fault, 1024);
		taken = auth_keys_add_jwks(&keys, cases[i].name, text,
		    strlen(text), &skipped, &fault);
		ck_assert_int_eq(taken, cases[i].reason == NULL);
		/* The first of A.1 is for encryption. */
		if (taken) {
			ck_assert_uint_eq(keys.count, 1);
			ck_assert_str_eq(keys.key[0].algorithm->name, "RS256");
			ck_assert_ptr_nonnull(strstr(skipped.at, "use"));
		} else {
			ck_assert_msg(strstr(fault.at, cases[i].reason) != NULL,
			    "%s", fault.at);
		}
		auth_keys_release(&keys);
		buf_release(&skipped);
		buf_release(&fault);
	}
}
END_TEST

/* Is the set (or the private one, without another) of the group taken? */
static bool
group_taken(struct json_object *group)
{
	struct json_object *set = member(group, "public");
	struct auth_keys keys;
	const char *text;
	struct buf skipped, fault;
	bool taken;

	if (set == NULL)
		set = member(group, "private");
	text = json_object_to_json_string(set);
	auth_keys_init(&keys);
	buf_init(&skipped, 1024);
	buf_init(&fault, 1024);
	taken = auth_keys_add_jwks(&keys, "set", text, strlen(text), &skipped,
	    &fault);
	printf("# %s: %s\n", text_member(group, "comment"), taken ? "taken" :
	    fault.at);
	buf_release(&skipped);
	buf_release(&fault);
	auth_keys_release(&keys);
	return taken;
}

/*
 * Of 26 cases in 24 groups, the sets of secrets are refused whether they are
 * good or not, since secrets do not belong in sets.
 */
START_TEST(key_sets_of_wycheproof_are_taken_only_when_they_are_sound)
{
	struct json_object *all = read_json(
	    "wycheproof_json_web_key_test.json");
	struct json_object *groups = member(all, "testGroups");
	unsigned taken = 0, cases = 0;

	for (size_t i = 0; i < json_object_array_length(groups); i++) {
		struct json_object *group = json_object_array_get_idx(groups,
		    i);
		struct json_object *tests = member(group, "tests");
		bool sound = false;

		for (size_t t = 0; t < json_object_array_length(tests); t++)
			sound = sound || strcmp(text_member(
			    json_object_array_get_idx(tests, t), "result"),
			    "valid") == 0;
		cases += (unsigned)json_object_array_length(tests);
		if (member(group, "public") == NULL)
			sound = false;
		ck_assert_msg(group_taken(group) == sound, "%s",
		    text_member(group, "comment"));
		taken += sound;
	}
	ck_assert_uint_eq(cases, 26);
	ck_assert_uint_eq(taken, 1);
	json_object_put(all);
}
END_TEST

/* The vectors' directory, or NULL. */
static char *
find_suites(void)
{
	const char *set = getenv("LOCKSTEP_SUITES"), *source;
	char *path;

	source = getenv("SRCDIR");
	if (source == NULL)
		source = getenv("srcdir");
	path = set != NULL ? arena_format(memory, "%s/jwt-vectors", set) :
	    arena_format(memory, "%s/../shared/suites/jwt-vectors",
	    source != NULL ? source : ".");
	return access(path, R_OK | X_OK) == 0 ? path : NULL;
}

/* Says that all is skipped; in CI, that this is a failure. */
static int
skip(void)
{
	const char *ci = getenv("CI");

	if (ci != NULL && strcmp(ci, "true") == 0) {
		printf("1..1\nnot ok 1 - the JWT vectors are missing: set "
		    "LOCKSTEP_SUITES\n");
		return EXIT_FAILURE;
	}
	printf("1..0 # SKIP the JWT vectors are missing: set "
	    "LOCKSTEP_SUITES\n");
	return EXIT_SUCCESS;
}

int
main(void)
{
	Suite *suite;
	TCase *cases;

	memory = arena_new();
	suites = find_suites();
	if (suites == NULL)
		return skip();
	suite = suite_create("auth_vectors");
	cases = tcase_create("vectors");
	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, bad_tokens_of_the_derived_set_are_all_refused);
	tcase_add_test(cases, good_tokens_of_the_derived_set_are_all_taken);
	tcase_add_test(cases,
	    good_tokens_of_the_derived_set_by_pss_are_all_taken);
	tcase_add_test(cases, the_examples_of_rfc_7515_verify);
	tcase_add_test(cases, the_signatures_of_rfc_7520_and_8037_verify);
	tcase_add_test(cases,
	    signatures_of_wycheproof_verify_only_when_they_are_valid);
	tcase_add_test(cases, the_unsecured_example_of_rfc_7515_is_refused);
	tcase_add_test(cases,
	    the_keys_of_the_rfcs_are_taken_or_refused_as_they_should);
	tcase_add_test(cases,
	    the_key_sets_of_rfc_7517_are_taken_or_refused_as_they_should);
	tcase_add_test(cases,
	    key_sets_of_wycheproof_are_taken_only_when_they_are_sound);
	suite_add_tcase(suite, cases);
	return run(suite);
}
