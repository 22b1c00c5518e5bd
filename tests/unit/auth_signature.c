/* SPDX-License-Identifier: MIT */
/*
 * Signatures: one spelling of a good one is taken, nothing near it, and none by
 * another algorithm than its key's; what verifying costs, and remembering.
 */
#include <time.h>

#include "auth_fixture.h"

/*
 * By the keys alone, without the gate before them: libjwt takes a token's word
 * for its algorithm, and verifies nothing without a key.
 */
START_TEST(a_signature_holds_by_the_algorithm_of_the_key_only)
{
	struct auth_keys keys = all_keys();
	struct signer by = { NULL, "SHA256", keys.key[1].bytes,
	    keys.key[1].length, 0 };
	struct auth_key none = { .algorithm = auth_algorithm_of("HS256") };
	const char *token = token_of(&hs, "{\"alg\":\"HS256\"}", MEMBER);

	/* By libjwt, and by libcrypto. */
	for (int foreign = 0; foreign < 2; foreign++) {
		ck_assert(holds(&keys.key[0], token, foreign));
		ck_assert(!holds(&none, token, foreign));
		ck_assert(!holds(&keys.key[1], token_of(&by,
		    "{\"alg\":\"HS256\"}", MEMBER), foreign));
		ck_assert(!holds(&keys.key[1], token_of(&rs512,
		    "{\"alg\":\"RS512\"}", MEMBER), foreign));
	}
	auth_keys_release(&keys);
}
END_TEST

/* The token with the bytes from `at` on replaced. */
static const char *
patched(const char *token, size_t at, const char *with)
{
	char *copy = arena_string(memory, token);

	memcpy(copy + at, with, strlen(with));
	return copy;
}

START_TEST(other_spellings_of_a_good_token_are_refused)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const struct { const struct signer *by; const char *header; } makers[] =
	    { { &hs, "{\"alg\":\"HS256\"}" }, { &rs, "{\"alg\":\"RS256\"}" },
	    { &es, "{\"alg\":\"ES256\"}" } };
	static const char *const ends[] = { "=", "==", "A", "AA", "AAAA", "?",
	    "\n", "\r\n", ".", ".A", "..", "%3D", "\x80", "/", "+" };
	static const char *const insides[] = { "+", "/", "=", " ", "\n", "?",
	    ".", "\xc3", "%" };
	struct auth *auth = auth_by(&plain);

	for (size_t m = 0; m < countof(makers); m++) {
		const char *token = token_of(makers[m].by, makers[m].header,
		    MEMBER);
		size_t length = strlen(token);
		unsigned last;

		expect("itself", ask_bearer(auth, token), PROBLEM_NONE, "");
		for (size_t i = 0; i < countof(ends); i++)
			expect(ends[i], ask_bearer(auth, arena_format(memory,
			    "%s%s", token, ends[i])), PROBLEM_TOKEN_INVALID,
			    NULL);
		for (size_t i = 0; i < countof(insides); i++)
			for (size_t at = 5; at < length; at += length / 5)
				expect(insides[i], ask_bearer(auth, patched(
				    token, at, insides[i])),
				    PROBLEM_TOKEN_INVALID, NULL);
		/* Unused bits: libjwt takes these for RS256 and ES256. */
		last = (unsigned)(strchr(alphabet, token[length - 1]) -
		    alphabet);
		for (unsigned bit = 1; bit < 4; bit++)
			expect("unused bits", ask_bearer(auth, patched(token,
			    length - 1, (char[]){ alphabet[last ^ bit], 0 })),
			    PROBLEM_TOKEN_INVALID,
			    "a segment is not strict base64url");
	}
	auth_free(auth);
}
END_TEST

/* xorshift64*: the same mutants in each run. */
static uint64_t
next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

/* How many: LOCKSTEP_MUTANTS, which is a million before a release. */
static unsigned
mutants_wanted(void)
{
	const char *text = getenv("LOCKSTEP_MUTANTS");

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 50000;
}

/* Flips one to three bits of the token, this many times. */
static unsigned
try_mutants(const struct auth *auth, const char *token, unsigned count,
    uint64_t *state)
{
	struct arena *arena = arena_new();
	char *mutant = arena_format(memory, "Bearer %s", token);
	const char *good = arena_string(memory, mutant);
	struct request rq = { .authorization = mutant };
	const struct caller *caller;
	unsigned tried = 0;
	struct scope sc;

	for (unsigned i = 0; i < count; i++) {
		unsigned flips = 1 + next(state) % 3;

		strcpy(mutant, good);
		while (flips-- > 0)
			mutant[7 + next(state) % strlen(token)] ^=
			    (char)(1 << next(state) % 8);
		if (strcmp(mutant, good) == 0)
			continue;
		scope_init(&sc, arena);
		ck_assert_msg(auth_identify(auth, &sc, &rq, &caller) ==
		    PROBLEM_TOKEN_INVALID, "taken: %s", mutant);
		arena_reset(arena);
		tried++;
	}
	arena_free(arena);
	return tried;
}

START_TEST(no_mutant_of_a_good_token_is_taken)
{
	const struct { const struct signer *by; const char *header;
	    unsigned share; } makers[] = {
		{ &hs, "{\"alg\":\"HS256\"}", 30 },
		{ &rs, "{\"alg\":\"RS256\",\"kid\":\"r\"}", 4 },
		{ &es, "{\"alg\":\"ES256\",\"kid\":\"e\"}", 4 },
		{ &rs512, "{\"alg\":\"RS512\",\"kid\":\"r512\"}", 1 },
		{ &es384, "{\"alg\":\"ES384\",\"kid\":\"e384\"}", 1 },
		{ &ps, "{\"alg\":\"PS256\",\"kid\":\"p\"}", 20 },
		{ &ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", 20 },
		{ &rs, "{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", 10 },
		{ &es, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", 10 },
	};
	unsigned wanted = mutants_wanted(), tried = 0;
	struct auth *auth = auth_by(&plain);
	uint64_t state = 20260101;

	for (size_t m = 0; m < countof(makers); m++) {
		const char *token = token_of(makers[m].by, makers[m].header,
		    EXP("@+9999"));

		expect("itself", ask_bearer(auth, token), PROBLEM_NONE, "");
		tried += try_mutants(auth, token, (unsigned)((uint64_t)wanted *
		    makers[m].share / 100), &state);
		expect("still", ask_bearer(auth, token), PROBLEM_NONE, "");
	}
	printf("# %u mutants refused\n", tried);
	ck_assert_uint_gt(tried, wanted / 100 * 99);
	auth_free(auth);
}
END_TEST

/* The token with other bytes of signature. */
static const char *
resigned(const char *token, const unsigned char *signature, size_t length)
{
	return arena_format(memory, "%.*s.%s", (int)(strrchr(token, '.') -
	    token), token, base64url(signature, length));
}

/* S + L is the same number to the group, and must not be to us. */
START_TEST(an_eddsa_signature_has_one_spelling)
{
	static const unsigned char order[32] = {
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c,
		0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10,
	};
	struct auth *auth = auth_by(&plain);
	const char *token = token_of(&ed, "{\"alg\":\"EdDSA\"}", MEMBER);
	size_t length;
	unsigned char *sig = bytes_of(strrchr(token, '.') + 1, &length);
	unsigned char zeros[64] = { 0 }, one[64] = { 1 };
	unsigned carry = 0;

	ck_assert_uint_eq(length, 64);
	expect("itself", ask_bearer(auth, resigned(token, sig, 64)),
	    PROBLEM_NONE, "");
	for (size_t i = 0; i < 32; i++) {
		carry += sig[32 + i] + order[i];
		sig[32 + i] = (unsigned char)carry;
		carry >>= 8;
	}
	ck_assert_uint_eq(carry, 0);
	expect("S + L", ask_bearer(auth, resigned(token, sig, 64)),
	    PROBLEM_TOKEN_INVALID, no_signature);
	expect("zeros", ask_bearer(auth, resigned(token, zeros, 64)),
	    PROBLEM_TOKEN_INVALID, no_signature);
	/* R is the neutral element, S is 0. */
	expect("neutral", ask_bearer(auth, resigned(token, one, 64)),
	    PROBLEM_TOKEN_INVALID, no_signature);
	expect("short", ask_bearer(auth, resigned(token, sig, 63)),
	    PROBLEM_TOKEN_INVALID, no_signature);
	auth_free(auth);
}
END_TEST

/* n - s verifies where s does; both are ECDSA's, and neither is remembered. */
START_TEST(ecdsa_signatures_are_two_numbers_within_the_order)
{
	static const char *const headers[] = { "{\"alg\":\"ES256\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}" };
	struct auth *auth = auth_by(&plain);
	unsigned char sig[72], zeros[64] = { 0 };

	for (size_t h = 0; h < countof(headers); h++) {
		const char *token = token_of(&es, headers[h], MEMBER);
		size_t length;
		unsigned char *good = bytes_of(strrchr(token, '.') + 1,
		    &length);

		ck_assert_uint_eq(length, 64);
		expect("zeros", ask_bearer(auth, resigned(token, zeros, 64)),
		    PROBLEM_TOKEN_INVALID, no_signature);
		memcpy(sig, good, 64);
		memset(sig, 0, 32);
		expect("r = 0", ask_bearer(auth, resigned(token, sig, 64)),
		    PROBLEM_TOKEN_INVALID, no_signature);
		memcpy(sig, good, 64);
		memset(sig + 32, 0xff, 32);
		expect("s > n", ask_bearer(auth, resigned(token, sig, 64)),
		    PROBLEM_TOKEN_INVALID, no_signature);
		/* The same numbers with a zero before each. */
		memset(sig, 0, sizeof(sig));
		memcpy(sig + 1, good, 32);
		memcpy(sig + 34, good + 32, 32);
		expect("long", ask_bearer(auth, resigned(token, sig, 66)),
		    PROBLEM_TOKEN_INVALID, no_signature);
		expect("short", ask_bearer(auth, resigned(token, good, 63)),
		    PROBLEM_TOKEN_INVALID, no_signature);
	}
	auth_free(auth);
}
END_TEST

START_TEST(a_salt_of_another_length_is_refused)
{
	static const int salts[] = { 0, 20, 31, 33, 48, 64, 222 };
	struct auth *auth = auth_by(&plain);
	struct signer by = ps;

	for (size_t i = 0; i < countof(salts); i++) {
		by.salt = salts[i] + 1;
		expect("salt", ask_bearer(auth, token_of(&by,
		    "{\"alg\":\"PS256\"}", MEMBER)), PROBLEM_TOKEN_INVALID,
		    no_signature);
	}
	auth_free(auth);
}
END_TEST

enum { ROUNDS = 200 };

/* Of this thread alone, whatever else the machine does. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Asks for all tokens; nanoseconds for each. */
static uint64_t
time_of(const struct auth *auth, const char *const *headers)
{
	struct arena *arena = arena_new();
	uint64_t began = cpu_ns();

	for (size_t i = 0; i < ROUNDS; i++) {
		struct request rq = { .authorization = headers[i] };
		const struct caller *caller;
		struct scope sc;

		scope_init(&sc, arena);
		ck_assert_int_eq(auth_identify(auth, &sc, &rq, &caller),
		    PROBLEM_NONE);
		arena_reset(arena);
	}
	arena_free(arena);
	return (cpu_ns() - began) / ROUNDS;
}

START_TEST(a_known_token_costs_a_fraction)
{
	const struct { const char *name; const struct signer *by;
	    const char *header; } makers[] = {
		{ "RS256", &rs, "{\"alg\":\"RS256\",\"kid\":\"r\"}" },
		{ "RS256 at+jwt", &rs, "{\"alg\":\"RS256\",\"kid\":\"r\","
		    "\"typ\":\"at+jwt\"}" },
		{ "PS256", &ps, "{\"alg\":\"PS256\",\"kid\":\"p\"}" },
		{ "ES256", &es, "{\"alg\":\"ES256\",\"kid\":\"e\"}" },
		{ "ES256 at+jwt", &es, "{\"alg\":\"ES256\",\"kid\":\"e\","
		    "\"typ\":\"at+jwt\"}" },
		{ "EdDSA", &ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}" },
		{ "HS256", &hs, "{\"alg\":\"HS256\"}" },
		{ "HS256 at+jwt", &hs, "{\"alg\":\"HS256\",\"typ\":"
		    "\"at+jwt\"}" },
	};
	struct auth *auth = auth_by(&plain);
	const char *headers[ROUNDS];
	uint64_t first, later;

	for (size_t m = 0; m < countof(makers); m++) {
		for (int i = 0; i < ROUNDS; i++)
			headers[i] = arena_format(memory, "Bearer %s",
			    token_of(makers[m].by, makers[m].header,
			    arena_format(memory, WITH("\"i\":%d"), i)));
		first = time_of(auth, headers);
		later = time_of(auth, headers);
		printf("# %s: %.1f us new, %.1f us known\n", makers[m].name,
		    (double)first / 1e3, (double)later / 1e3);
		/* The cheap ones cost hardly more than to be known. */
		ck_assert_msg(m > 0 || later < first / 4,
		    "%llu ns against %llu ns", (unsigned long long)later,
		    (unsigned long long)first);
	}
	auth_free(auth);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth_signature");
	TCase *cases = tcase_create("signature");

	memory = arena_new();
	tcase_set_timeout(cases, 240 + mutants_wanted() / 500.0);
	tcase_add_unchecked_fixture(cases, make_keys, free_keys);
	tcase_add_test(cases,
	    a_signature_holds_by_the_algorithm_of_the_key_only);
	tcase_add_test(cases, other_spellings_of_a_good_token_are_refused);
	tcase_add_test(cases, no_mutant_of_a_good_token_is_taken);
	tcase_add_test(cases, an_eddsa_signature_has_one_spelling);
	tcase_add_test(cases, ecdsa_signatures_are_two_numbers_within_the_order);
	tcase_add_test(cases, a_salt_of_another_length_is_refused);
	tcase_add_test(cases, a_known_token_costs_a_fraction);
	suite_add_tcase(suite, cases);
	return run(suite);
}
