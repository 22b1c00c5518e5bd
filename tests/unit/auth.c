/* SPDX-License-Identifier: MIT */
/*
 * Who calls: good tokens of each algorithm are taken, and every attack is
 * refused for its own reason, so that no case passes by another's.  The
 * tables' "@+60" is the time of the run plus 60 seconds.
 */
#include "auth_fixture.h"

#include <pthread.h>

START_TEST(good_tokens_of_each_algorithm_are_taken)
{
	const struct { const char *name; const struct signer *by;
	    const char *header; } cases[] = {
		{ "HS256", &hs, "{\"alg\":\"HS256\"}" },
		{ "RS256", &rs, "{\"alg\":\"RS256\",\"kid\":\"r\"}" },
		{ "ES256", &es, "{\"alg\":\"ES256\",\"kid\":\"e\"}" },
		{ "RS512", &rs512, "{\"alg\":\"RS512\",\"kid\":\"r512\"}" },
		{ "ES384", &es384, "{\"alg\":\"ES384\",\"kid\":\"e384\"}" },
		{ "PS256", &ps, "{\"alg\":\"PS256\",\"kid\":\"p\"}" },
		{ "PS384", &ps384, "{\"alg\":\"PS384\",\"kid\":\"p384\"}" },
		{ "EdDSA", &ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}" },
		{ "no kid, PS", &ps, "{\"alg\":\"PS256\"}" },
		{ "no kid, Ed", &ed, "{\"alg\":\"EdDSA\"}" },
		{ "at, HS", &hs, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}" },
		{ "at, RS", &rs, "{\"typ\":\"AT+JWT\",\"alg\":\"RS256\"}" },
		{ "at, RS512", &rs512, "{\"typ\":\"at+jwt\",\"alg\":\"RS512\","
		    "\"kid\":\"r512\"}" },
		{ "at, PS", &ps, "{\"typ\":\"at+jwt\",\"alg\":\"PS256\"}" },
		{ "at, ES", &es, "{\"typ\":\"application/at+jwt\","
		    "\"alg\":\"ES256\"}" },
		{ "at, ES384", &es384, "{\"typ\":\"at+jwt\","
		    "\"alg\":\"ES384\"}" },
		{ "at, Ed", &ed, "{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\"}" },
		{ "no kid, RS", &rs, "{\"alg\":\"RS256\"}" },
		{ "no kid, ES", &es, "{\"alg\":\"ES256\"}" },
		{ "typ", &hs, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}" },
		{ "typ, small", &hs, "{\"typ\":\"jwt\",\"alg\":\"HS256\"}" },
		{ "space", &hs, " { \"alg\" :\r\n \"HS256\"\t} " },
		{ "escape", &hs, "{\"\\u0061lg\":\"HS2\\u00356\"}" },
		{ "unknown", &hs, "{\"alg\":\"HS256\",\"x5t\":\"\",\"a\":[]}" },
	};
	struct auth *auth = auth_by(&plain);

	for (size_t i = 0; i < countof(cases); i++) {
		const char *claims = expand(MEMBER);
		const char *token = token_of(cases[i].by, cases[i].header,
		    claims);

		/* The second time it is known already. */
		for (int again = 0; again < 2; again++) {
			struct answer a = ask_bearer(auth, token);

			expect(cases[i].name, a, PROBLEM_NONE, "");
			ck_assert_str_eq(a.role, "member");
			ck_assert_str_eq(a.subject, "u");
			ck_assert_str_eq(a.claims, claims);
			ck_assert(!a.anonymous);
		}
	}
	auth_free(auth);
}
END_TEST

START_TEST(without_a_header_the_caller_is_anonymous_or_told_to_come_again)
{
	struct auth_options closed = plain;
	struct auth *auth = auth_by(&plain);
	struct answer a = ask(auth, NULL, "https://front.example");

	expect("anonymous", a, PROBLEM_NONE, "");
	ck_assert_str_eq(a.role, "anon");
	ck_assert_str_eq(a.subject, "");
	ck_assert_str_eq(a.claims, "{\"role\":\"anon\"}");
	ck_assert(a.anonymous);
	auth_free(auth);
	closed.anonymous = NULL;
	auth = auth_by(&closed);
	expect("closed", ask(auth, NULL, NULL), PROBLEM_TOKEN_MISSING, NULL);
	auth_free(auth);
}
END_TEST

START_TEST(the_header_names_the_bearer_scheme_and_one_token)
{
	struct auth *auth = auth_by(&plain);
	const char *token = token_of(&hs, "{\"alg\":\"HS256\"}", MEMBER);
	const struct { const char *before, *after; bool good; } cases[] = {
		{ "Bearer ", "", true }, { "bearer ", "", true },
		{ "BEARER ", "", true }, { "Bearer   ", "", true },
		{ "Bearer", "", false }, { "", "", false },
		{ "Bearer\t", "", false }, { " Bearer ", "", false },
		{ "Basic ", "", false }, { "Bearers ", "", false },
		{ "Token ", "", false }, { "Bearer Bearer ", "", false },
		{ "Bearer ", " ", false }, { "Bearer ", ",", false },
		{ "Bearer ", " x", false }, { "Bearer ", "\n", false },
		{ "Bearer \"", "\"", false }, { "Basic dTpw", "", false },
	};
	static const char *const empty[] = { "", " ", "Bearer", "Bearer ",
	    "Bearer  ", "Bearer .", "Bearer ..", "Bearer ...", "Basic dTpw" };

	for (size_t i = 0; i < countof(cases); i++)
		expect(cases[i].before, ask(auth, arena_format(memory,
		    "%s%s%s", cases[i].before, token, cases[i].after), NULL),
		    cases[i].good ? PROBLEM_NONE : PROBLEM_TOKEN_INVALID, NULL);
	for (size_t i = 0; i < countof(empty); i++)
		expect(empty[i], ask(auth, empty[i], NULL),
		    PROBLEM_TOKEN_INVALID, NULL);
	auth_free(auth);
}
END_TEST

static const char bad_member[] = "a header member is refused";
static const char bad_header[] = "the header is no strict JSON object";
static const char bad_alg[] = "alg is missing or not taken";
static const char bad_typ[] = "typ is not JWT or at+jwt";
static const char bad_kid[] = "kid is no string of 1 to 64 bytes";
static const char no_kid[] = "no key has the token's kid";
static const char no_fit[] = "the key is for another algorithm";

/* Headers over a payload that is good, signed as they ask for. */
static const struct {
	const struct signer *by;
	const char *header, *cause;
} header_attacks[] = {
	{ &hs, "{\"alg\":\"none\"}", bad_alg },
	{ &hs, "{\"alg\":\"None\"}", bad_alg },
	{ &hs, "{\"alg\":\"hs256\"}", bad_alg },
	{ &hs, "{\"alg\":\"HS256 \"}", bad_alg },
	{ &hs, "{\"alg\":\"HS256\\u0000\"}", bad_alg },
	{ &hs, "{\"alg\":\"\"}", bad_alg },
	{ &hs, "{\"alg\":null}", bad_alg },
	{ &hs, "{\"alg\":[\"HS256\"]}", bad_alg },
	{ &hs, "{\"alg\":256}", bad_alg },
	{ &hs, "{\"typ\":\"JWT\"}", bad_alg },
	{ &hs, "{}", bad_alg },
	{ &hs, "{\"Alg\":\"HS256\"}", bad_alg },
	{ &ps, "{\"alg\":\"ps256\",\"kid\":\"p\"}", bad_alg },
	{ &ed, "{\"alg\":\"Ed25519\",\"kid\":\"d\"}", bad_alg },
	{ &ed, "{\"alg\":\"EdDSA\\u0000\",\"kid\":\"d\"}", bad_alg },
	{ &es, "{\"alg\":\"ES256K\",\"kid\":\"e\"}", bad_alg },
	{ &es, "{\"alg\":\"ECDH-ES\",\"kid\":\"e\"}", bad_alg },
	{ &hs, "{\"alg\":\"HS512\"}", bad_alg },
	{ &hs, "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}", bad_member },
	{ &hs, "{\"alg\":\"none\",\"alg\":\"HS256\"}", bad_header },
	{ &hs, "{\"alg\":\"HS256\",\"alg\":\"none\"}", bad_header },
	{ &hs, "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", bad_header },
	{ &hs, "{\"alg\":\"HS256\"}{}", bad_header },
	{ &hs, "{\"alg\":\"HS256\"", bad_header },
	{ &hs, "{'alg':'HS256'}", bad_header },
	{ &hs, "{\"alg\":\"HS256\",}", bad_header },
	{ &hs, "{\"alg\":\"HS256\",\"a\":NaN}", bad_header },
	{ &hs, "{\"alg\":\"HS256\",\"a\":\"\xff\"}", bad_header },
	{ &hs, "{\"alg\":\"HS256\",\"a\":\"\\ud800\"}", bad_header },
	{ &hs, "\xef\xbb\xbf{\"alg\":\"HS256\"}", bad_header },
	{ &hs, "[\"HS256\"]", bad_header },
	{ &hs, "null", bad_header },
	{ &hs, "HS256", bad_header },
	{ &hs, "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"crit\":[]}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"crit\":null}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"b64\":false}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"b64\":true}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
	    bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"jku\":\"http://e.example\"}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"x5u\":\"http://e.example\"}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"x5c\":[\"AA==\"]}", bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"at+jwt \"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"application/jwt\"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"secevent+jwt\"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\","
	    "\"crit\":[\"typ\"]}", bad_member },
	{ &ed, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"b64\":false,"
	    "\"crit\":[\"b64\"]}", bad_member },
	{ &ps, "{\"alg\":\"PS256\",\"jku\":\"https://e.example/keys\"}",
	    bad_member },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"JOSE\"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"JWT\\u0000\"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":1}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":null}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"typ\":\"\"}", bad_typ },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"\"}", bad_kid },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":null}", bad_kid },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":7}", bad_kid },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":[\"r\"]}", bad_kid },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"r\\u0000\"}", bad_kid },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"0123456789012345678901234567890123"
	    "4567890123456789012345678901234\"}", bad_kid },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"other\"}", no_kid },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}", no_kid },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"../../etc/hostname\"}", no_kid },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"x' union select 1 --\"}", no_kid },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"R\"}", no_kid },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"r \"}", no_kid },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"*\"}", no_kid },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"e\"}", no_fit },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"r512\"}", no_fit },
	{ &rs512, "{\"alg\":\"RS512\",\"kid\":\"r\"}", no_fit },
	{ &es, "{\"alg\":\"ES256\",\"kid\":\"e384\"}", no_fit },
	{ &es384, "{\"alg\":\"ES384\",\"kid\":\"e\"}", no_fit },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"r\"}", no_fit },
	{ &ps, "{\"alg\":\"PS256\",\"kid\":\"r\"}", no_fit },
	{ &rs, "{\"alg\":\"RS256\",\"kid\":\"p\"}", no_fit },
	{ &ps, "{\"alg\":\"PS256\",\"kid\":\"p384\"}", no_fit },
	{ &ps384, "{\"alg\":\"PS384\",\"kid\":\"p\"}", no_fit },
	{ &ed, "{\"alg\":\"ES256\",\"kid\":\"d\"}", no_fit },
	{ &ed, "{\"alg\":\"EdDSA\",\"kid\":\"e\"}", no_fit },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"d\"}", no_fit },
	{ &hs, "{\"alg\":\"HS256\",\"kid\":\"p\",\"typ\":\"at+jwt\"}",
	    no_fit },
	{ &rs, "{\"alg\":\"PS256\",\"kid\":\"p\"}", no_signature },
	{ &ps, "{\"alg\":\"RS256\",\"kid\":\"r\"}", no_signature },
	{ &ps384, "{\"alg\":\"PS256\",\"kid\":\"p\"}", no_signature },
	{ &ps384, "{\"alg\":\"PS256\",\"kid\":\"p\",\"typ\":\"at+jwt\"}",
	    no_signature },
	{ &rs512, "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"at+jwt\"}",
	    no_signature },
	{ &es384, "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"at+jwt\"}",
	    no_signature },
	{ &rs, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", no_signature },
	{ &hs, "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"at+jwt\"}",
	    no_signature },
	{ &es, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", no_signature },
	{ &hs, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", no_signature },
	{ &hs, "{\"alg\":\"RS256\",\"kid\":\"r\"}", no_signature },
	{ &rs512, "{\"alg\":\"RS256\",\"kid\":\"r\"}", no_signature },
	{ &rs, "{\"alg\":\"HS256\"}", no_signature },
	{ &es384, "{\"alg\":\"ES256\",\"kid\":\"e\"}", no_signature },
};

START_TEST(a_header_that_asks_for_something_else_is_refused)
{
	struct auth *auth = auth_by(&plain);

	for (size_t i = 0; i < countof(header_attacks); i++)
		expect(header_attacks[i].header, ask_bearer(auth, token_of(
		    header_attacks[i].by, header_attacks[i].header, MEMBER)),
		    PROBLEM_TOKEN_INVALID, header_attacks[i].cause);
	/* Of 1024 bytes, and of one more. */
	for (int length = 1002; length <= 1003; length++)
		expect("long header", ask_bearer(auth, token_of(&hs,
		    arena_format(memory, "{\"alg\":\"HS256\",\"a\":\"%0*d\"}",
		    length, 0), MEMBER)), length == 1002 ? PROBLEM_NONE :
		    PROBLEM_TOKEN_INVALID, length == 1002 ? "" :
		    "the header is too long");
	auth_free(auth);
}
END_TEST

START_TEST(a_public_key_is_no_secret)
{
	struct auth_keys keys = all_keys();
	struct auth *auth = auth_of_keys(&plain, &keys);
	static const char *const headers[] = { "{\"alg\":\"HS256\"}",
	    "{\"alg\":\"HS256\",\"kid\":\"r\"}",
	    "{\"alg\":\"RS256\",\"kid\":\"r\"}",
	    "{\"alg\":\"hs256\",\"kid\":\"r\"}" };

	for (size_t i = 0; i < countof(headers); i++) {
		/* With and without the newline at the PEM's end. */
		for (size_t cut = 0; cut < 2; cut++) {
			struct signer by = { NULL, "SHA256",
			    keys.key[1].bytes, keys.key[1].length - cut, 0 };

			expect(headers[i], ask_bearer(auth, token_of(&by,
			    headers[i], MEMBER)), PROBLEM_TOKEN_INVALID, NULL);
		}
	}
	auth_free(auth);
}
END_TEST

#define ROLE(role) "{\"role\":" role ",\"sub\":\"u\",\"exp\":@+60}"
#define SUB(sub) "{\"role\":\"member\",\"sub\":" sub ",\"exp\":@+60}"

static const char bad_payload[] = "the payload is no strict JSON object";
static const char exp_no_time[] = "exp is no time";
static const char nbf_to_come[] = "nbf is no time, or to come";
static const char iat_to_come[] = "iat is no time, or to come";
static const char role_unlisted[] = "role is not on the list";
static const char role_no_string[] = "role is no string";
static const char bad_sub[] = "sub is no string of 1 to 255 characters";

static const struct {
	const char *payload;
	enum problem problem;
	const char *cause;
} claims_cases[] = {
	{ EXP("@+60"), PROBLEM_NONE, "" },
	{ EXP("@+60.5"), PROBLEM_NONE, "" },
	{ EXP("253402300799"), PROBLEM_NONE, "" },
	{ EXP("2.5e11"), PROBLEM_NONE, "" },
	{ EXP("@-20"), PROBLEM_NONE, "" },	/* within the leeway */
	{ EXP("@-32"), PROBLEM_TOKEN_EXPIRED, "exp has passed" },
	{ EXP("0"), PROBLEM_TOKEN_EXPIRED, "exp has passed" },
	{ EXP("1.5"), PROBLEM_TOKEN_EXPIRED, "exp has passed" },
	{ "{\"role\":\"member\",\"sub\":\"u\"}", PROBLEM_TOKEN_INVALID,
	    "exp is missing" },
	{ EXP("\"@+60\""), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("null"), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("true"), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("[@+60]"), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("{}"), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("-1"), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("1e300"), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("253402300800"), PROBLEM_TOKEN_INVALID, exp_no_time },
	{ EXP("9223372036854775807"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("9223372036854775808"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("18446744073709551615"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("18446744073709551616"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("-9223372036854775809"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("1e999"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("NaN"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("Infinity"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("0x7fffffffff"), PROBLEM_TOKEN_INVALID, NULL },
	{ EXP("1,\"exp\":@+60"), PROBLEM_TOKEN_INVALID, NULL },

	{ WITH("\"nbf\":@-1"), PROBLEM_NONE, "" },
	{ WITH("\"nbf\":@+20"), PROBLEM_NONE, "" },
	{ WITH("\"nbf\":@+40"), PROBLEM_TOKEN_INVALID, nbf_to_come },
	{ WITH("\"nbf\":\"@-1\""), PROBLEM_TOKEN_INVALID, nbf_to_come },
	{ WITH("\"nbf\":null"), PROBLEM_TOKEN_INVALID, nbf_to_come },
	{ WITH("\"nbf\":[]"), PROBLEM_TOKEN_INVALID, nbf_to_come },
	{ WITH("\"nbf\":1e300"), PROBLEM_TOKEN_INVALID, nbf_to_come },
	{ WITH("\"iat\":@-1"), PROBLEM_NONE, "" },
	{ WITH("\"iat\":@+20"), PROBLEM_NONE, "" },
	{ WITH("\"iat\":@+40"), PROBLEM_TOKEN_INVALID, iat_to_come },
	{ WITH("\"iat\":\"@-1\""), PROBLEM_TOKEN_INVALID, iat_to_come },
	{ WITH("\"iat\":-1"), PROBLEM_TOKEN_INVALID, iat_to_come },
	{ WITH("\"iat\":null"), PROBLEM_TOKEN_INVALID, iat_to_come },

	{ ROLE("\"anon\""), PROBLEM_NONE, "" },
	{ "{\"role\":\"anon\",\"exp\":@+60}", PROBLEM_NONE, "" },
	{ "{\"role\":\"service\",\"exp\":@+60}", PROBLEM_NONE, "" },
	{ "{\"sub\":\"u\",\"exp\":@+60}", PROBLEM_TOKEN_INVALID,
	    "role is missing" },
	{ ROLE("\"postgres\""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("\"none\""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("\"default\""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("\"lockstep\""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("\"Member\""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("\"member \""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("\"member,service\""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("\"\""), PROBLEM_TOKEN_INVALID, role_unlisted },
	{ ROLE("null"), PROBLEM_TOKEN_INVALID, role_no_string },
	{ ROLE("7"), PROBLEM_TOKEN_INVALID, role_no_string },
	{ ROLE("[\"member\"]"), PROBLEM_TOKEN_INVALID, role_no_string },
	{ ROLE("\"member\\u0000\""), PROBLEM_TOKEN_INVALID, NULL },
	{ ROLE("\"member\",\"role\":\"service\""), PROBLEM_TOKEN_INVALID,
	    bad_payload },
	{ ROLE("\"member\",\"r\\u006fle\":\"service\""), PROBLEM_TOKEN_INVALID,
	    bad_payload },

	{ "{\"role\":\"member\",\"exp\":@+60}", PROBLEM_TOKEN_INVALID,
	    "sub is missing" },
	{ SUB("\"\""), PROBLEM_TOKEN_INVALID, bad_sub },
	{ SUB("null"), PROBLEM_TOKEN_INVALID, bad_sub },
	{ SUB("7"), PROBLEM_TOKEN_INVALID, bad_sub },
	{ SUB("{}"), PROBLEM_TOKEN_INVALID, bad_sub },
	{ SUB("\"u\\u0000v\""), PROBLEM_TOKEN_INVALID, NULL },
	{ "{\"role\":\"service\",\"sub\":7,\"exp\":@+60}",
	    PROBLEM_TOKEN_INVALID, bad_sub },

	/* Expired is said only when nothing else is wrong. */
	{ "{\"role\":\"postgres\",\"sub\":\"u\",\"exp\":@-99}",
	    PROBLEM_TOKEN_INVALID, role_unlisted },
	{ "{\"role\":\"member\",\"exp\":@-99}", PROBLEM_TOKEN_INVALID,
	    "sub is missing" },
	{ "{\"role\":\"member\",\"sub\":\"u\",\"nbf\":@+99,\"exp\":@-99}",
	    PROBLEM_TOKEN_INVALID, nbf_to_come },

	{ "[1]", PROBLEM_TOKEN_INVALID, NULL },
	{ "7", PROBLEM_TOKEN_INVALID, NULL },
	{ "null", PROBLEM_TOKEN_INVALID, NULL },
	{ "{\"role\":\"member\"", PROBLEM_TOKEN_INVALID, NULL },
	{ MEMBER "{}", PROBLEM_TOKEN_INVALID, NULL },
	{ WITH("\"a\":\"\xc0\xaf\""), PROBLEM_TOKEN_INVALID, NULL },
	{ WITH("\"a\":\"\\udc00\""), PROBLEM_TOKEN_INVALID, NULL },
	{ WITH("\"a\":{\"b\":1,\"b\":2}"), PROBLEM_TOKEN_INVALID, bad_payload },
	{ WITH("\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]"),
	    PROBLEM_TOKEN_INVALID, bad_payload },
};

START_TEST(claims_that_do_not_hold_are_refused)
{
	struct auth *auth = auth_by(&plain);

	for (size_t i = 0; i < countof(claims_cases); i++)
		expect(claims_cases[i].payload, ask_bearer(auth, token_of(&hs,
		    "{\"alg\":\"HS256\"}", claims_cases[i].payload)),
		    claims_cases[i].problem, claims_cases[i].cause);
	auth_free(auth);
}
END_TEST

START_TEST(a_subject_has_at_most_255_characters)
{
	struct auth *auth = auth_by(&plain);
	char sub[2 * 256 + 1] = "";

	/* Characters, not bytes: each of these is two. */
	for (size_t n = 1; n <= 256; n++) {
		strcat(sub, "\xc3\xa9");
		if (n < 254)
			continue;
		expect(sub, ask_bearer(auth, token_of(&hs,
		    "{\"alg\":\"HS256\"}", arena_format(memory, SUB("\"%s\""),
		    sub))), n <= 255 ? PROBLEM_NONE : PROBLEM_TOKEN_INVALID,
		    n <= 255 ? "" : bad_sub);
	}
	auth_free(auth);
}
END_TEST

START_TEST(issuer_and_audience_must_be_ours_exactly)
{
	static const struct { const char *claims; bool good; } cases[] = {
		{ "\"iss\":\"i\",\"aud\":\"a\"", true },
		{ "\"iss\":\"i\",\"aud\":[\"a\"]", true },
		{ "\"iss\":\"i\",\"aud\":[\"b\",\"a\"]", true },
		{ "\"aud\":\"a\"", false },
		{ "\"iss\":null,\"aud\":\"a\"", false },
		{ "\"iss\":\"I\",\"aud\":\"a\"", false },
		{ "\"iss\":\"i/\",\"aud\":\"a\"", false },
		{ "\"iss\":\"i\\u0000\",\"aud\":\"a\"", false },
		{ "\"iss\":[\"i\"],\"aud\":\"a\"", false },
		{ "\"iss\":7,\"aud\":\"a\"", false },
		{ "\"iss\":\"i\"", false },
		{ "\"iss\":\"i\",\"aud\":\"A\"", false },
		{ "\"iss\":\"i\",\"aud\":\"\"", false },
		{ "\"iss\":\"i\",\"aud\":null", false },
		{ "\"iss\":\"i\",\"aud\":[]", false },
		{ "\"iss\":\"i\",\"aud\":[\"b\"]", false },
		{ "\"iss\":\"i\",\"aud\":[[\"a\"]]", false },
		{ "\"iss\":\"i\",\"aud\":[\"a\",7]", false },
		{ "\"iss\":\"i\",\"aud\":{\"a\":\"a\"}", false },
		{ "\"iss\":\"i\",\"aud\":\"a b\"", false },
	};
	struct auth_options options = plain;
	struct auth *auth;

	options.issuer = "i";
	options.audience = "a";
	auth = auth_by(&options);
	for (size_t i = 0; i < countof(cases); i++)
		expect(cases[i].claims, ask_bearer(auth, token_of(&hs,
		    "{\"alg\":\"HS256\"}", arena_format(memory, WITH("%s"),
		    cases[i].claims))), cases[i].good ? PROBLEM_NONE :
		    PROBLEM_TOKEN_INVALID, NULL);
	auth_free(auth);
}
END_TEST

START_TEST(a_life_that_is_too_long_is_refused)
{
	struct auth_options options = plain;
	struct auth *auth;

	options.life_max_s = 3600;
	auth = auth_by(&options);
	expect("an hour", ask_bearer(auth, token_of(&hs, "{\"alg\":\"HS256\"}",
	    EXP("@+3600"))), PROBLEM_NONE, "");
	expect("more", ask_bearer(auth, token_of(&hs, "{\"alg\":\"HS256\"}",
	    EXP("@+3620"))), PROBLEM_TOKEN_INVALID, "exp is too far ahead");
	expect("expired", ask_bearer(auth, token_of(&hs, "{\"alg\":\"HS256\"}",
	    EXP("@-3620"))), PROBLEM_TOKEN_EXPIRED, NULL);
	auth_free(auth);
}
END_TEST

START_TEST(a_server_role_does_not_come_from_a_browser)
{
	struct auth_options options = plain;
	struct auth *auth = auth_by(&plain);
	const char *header = arena_format(memory, "Bearer %s", token_of(&hs,
	    "{\"alg\":\"HS256\"}", "{\"role\":\"service\",\"exp\":@+60}"));
	const char *member = arena_format(memory, "Bearer %s", token_of(&hs,
	    "{\"alg\":\"HS256\"}", MEMBER));
	struct answer a;

	a = ask(auth, header, NULL);
	expect("server", a, PROBLEM_NONE, "");
	ck_assert_str_eq(a.role, "service");
	ck_assert_str_eq(a.subject, "");
	/* Known by now, and refused all the same. */
	expect("browser", ask(auth, header, "https://front.example"),
	    PROBLEM_FORBIDDEN, "a server role with an Origin header");
	expect("empty", ask(auth, header, ""), PROBLEM_FORBIDDEN, NULL);
	expect("null", ask(auth, header, "null"), PROBLEM_FORBIDDEN, NULL);
	expect("member", ask(auth, member, "https://front.example"),
	    PROBLEM_NONE, "");
	auth_free(auth);
	options.server_roles_from_browsers = true;
	auth = auth_by(&options);
	expect("switch", ask(auth, header, "https://front.example"),
	    PROBLEM_NONE, "");
	auth_free(auth);
}
END_TEST

START_TEST(what_has_not_the_shape_of_a_token_is_refused)
{
	static const char three[] = "the token is not three segments";
	struct auth *auth = auth_by(&plain);
	const char *token = token_of(&hs, "{\"alg\":\"HS256\"}", MEMBER);
	const char *sig = strrchr(token, '.') + 1;
	const char *head = arena_copy(memory, token,
	    (size_t)(strchr(token, '.') - token));
	const char *body = arena_copy(memory, strchr(token, '.') + 1,
	    (size_t)(sig - strchr(token, '.') - 2));
	char *huge = arena_alloc(memory, 300 * 1024 + 1);
	const struct { const char *token, *cause; } cases[] = {
		{ ".", three }, { "..", three }, { "...", three },
		{ "AA", three }, { "AA.AA", three },
		{ arena_format(memory, "%s.%s.", head, body), three },
		{ arena_format(memory, "%s.%s", head, body), three },
		{ arena_format(memory, "%s..%s", head, sig), three },
		{ arena_format(memory, ".%s.%s", body, sig), three },
		{ arena_format(memory, ".%s", token), three },
		{ arena_format(memory, "%s.", token), three },
		{ arena_format(memory, "%s.%s", token, sig), three },
		{ arena_format(memory, "%s..%s.%s", head, body, sig), three },
		/* Five segments: an encrypted token. */
		{ "eyJhbGciOiJkaXIifQ..AA.AA.AA", three },
		/* A token as the payload of a token. */
		{ token_of(&hs, "{\"alg\":\"HS256\",\"cty\":\"JWT\"}", token),
		    NULL },
		{ huge, "the token is empty or too long" },
		{ token_of(&hs, "{\"alg\":\"HS256\"}", arena_format(memory,
		    WITH("\"a\":\"%06200d\""), 0)),
		    "the token is empty or too long" },
	};

	memset(huge, 'A', 300 * 1024);
	huge[100] = huge[200] = '.';
	for (size_t i = 0; i < countof(cases); i++)
		expect(cases[i].token, ask_bearer(auth, cases[i].token),
		    PROBLEM_TOKEN_INVALID, cases[i].cause);
	expect("long but not too long", ask_bearer(auth, token_of(&hs,
	    "{\"alg\":\"HS256\"}", arena_format(memory,
	    WITH("\"a\":\"%05000d\""), 0))), PROBLEM_NONE, "");
	auth_free(auth);
}
END_TEST

/* Where the role is, what the claims are, and what is found. */
static const struct {
	const char *path, *claims, *role;	/* role NULL = refused */
} role_cases[] = {
	{ "role", "\"role\":\"member\"", "member" },
	{ ".role", "\"role\":\"member\"", "member" },
	{ "https://e.example/role", "\"https://e.example/role\":\"member\"",
	    "member" },
	{ ".\"https://e.example/roles\"[*]", "\"https://e.example/roles\":"
	    "[\"member\"]", "member" },
	{ "roles.x", "\"roles.x\":\"member\"", "member" },
	{ "roles.x", "\"roles\":{\"x\":\"member\"}", NULL },
	{ ".app_metadata.role", "\"app_metadata\":{\"role\":\"member\"}",
	    "member" },
	/* Not where it was not looked for. */
	{ ".app_metadata.role", "\"role\":\"member\"", NULL },
	{ ".app_metadata.role", "\"app_metadata\":\"member\"", NULL },
	{ ".app_metadata.role", "\"app_metadata\":[\"member\"]", NULL },
	{ ".app_metadata.role", "\"app_metadata\":{\"role\":[\"member\"]}",
	    NULL },
	/* The other one is nobody's to say. */
	{ ".app_metadata.role", "\"role\":\"service\","
	    "\"app_metadata\":{\"role\":\"member\"}", "member" },
	{ ".realm_access.roles[0]", "\"realm_access\":{\"roles\":[\"member\","
	    "\"service\"]}", "member" },
	{ ".realm_access.roles[1]", "\"realm_access\":{\"roles\":[\"member\","
	    "\"service\"]}", "service" },
	{ ".realm_access.roles[2]", "\"realm_access\":{\"roles\":[\"member\","
	    "\"service\"]}", NULL },
	{ ".realm_access.roles[0]", "\"realm_access\":{\"roles\":"
	    "\"member\"}", NULL },
	{ ".realm_access.roles[0]", "\"realm_access\":{\"roles\":[\"x\","
	    "\"member\"]}", NULL },
	{ ".roles[*]", "\"roles\":[\"offline\",7,null,{},\"member\","
	    "\"service\"]", "member" },
	{ ".roles[*]", "\"roles\":[\"service\",\"member\"]", "service" },
	{ ".roles[*]", "\"roles\":[]", NULL },
	{ ".roles[*]", "\"roles\":[\"x\",\"Member\",\"member \"]", NULL },
	{ ".roles[*]", "\"roles\":[[\"member\"]]", NULL },
	{ ".roles[*]", "\"roles\":\"member\"", NULL },
	{ ".roles[*]", "\"roles\":{\"0\":\"member\"}", NULL },
	{ ".roles[*]", "\"roles\":[\"member\\u0000\"]", NULL },
	{ ".a[0][1].b", "\"a\":[[1,{\"b\":\"member\"}]]", "member" },
};

START_TEST(the_role_is_found_where_the_path_says_and_nowhere_else)
{
	for (size_t i = 0; i < countof(role_cases); i++) {
		struct auth_options options = plain;
		struct auth *auth;
		struct answer a;

		options.role_claim = role_cases[i].path;
		auth = auth_by(&options);
		a = ask_bearer(auth, token_of(&hs, "{\"alg\":\"HS256\"}",
		    arena_format(memory, "{\"sub\":\"u\",\"exp\":@+60,%s}",
		    role_cases[i].claims)));
		expect(role_cases[i].claims, a, role_cases[i].role != NULL ?
		    PROBLEM_NONE : PROBLEM_TOKEN_INVALID, NULL);
		if (role_cases[i].role != NULL) {
			ck_assert_str_eq(a.role, role_cases[i].role);
			/* Policies read the very same. */
			ck_assert_msg(strstr(a.claims, arena_format(memory,
			    "\"role\":\"%s\"", a.role)) != NULL, "%s",
			    a.claims);
			ck_assert_ptr_null(strstr(a.claims,
			    "\"role\":\"service\",\"app"));
		}
		auth_free(auth);
	}
}
END_TEST

START_TEST(a_path_that_does_not_read_is_refused)
{
	static const char *const paths[] = { "", ".", "..role", ".role.",
	    ".role[", ".role[]", ".role[-1]", ".role[01]", ".role[x]",
	    ".role[256]", ".role[*].name", ".role[*]x", ".[0]",
	    ".\"role", ".\"\"", ".role name", ".a.b.c.d.e.f.g.h.i",
	    ".roles[?(@ == \"member\")]", ".ro\xc3\xa4le" };
	struct auth_options options = plain;
	struct auth_path path;
	struct buf fault;

	for (size_t i = 0; i < countof(paths); i++)
		ck_assert_msg(!auth_path_read(memory, paths[i], &path), "%s",
		    paths[i]);
	buf_init(&fault, 1024);
	options.role_claim = ".role[";
	ck_assert_ptr_null(auth_new(&options, &fault));
	ck_assert_ptr_nonnull(strstr(fault.at, "jwt_role_claim"));
	buf_release(&fault);
}
END_TEST

START_TEST(claims_leave_as_they_came_but_compact)
{
	struct auth *auth = auth_by(&plain);
	struct answer a = ask_bearer(auth, token_of(&hs, "{\"alg\":\"HS256\"}",
	    "{ \"role\": \"member\",\n \"sub\" : \"\\u00fc/\\\"\", \"exp\": "
	    "4e9, \"n\": 12345678901234567, \"x\":1.10, \"a\":[ 1, null ],"
	    "\"o\":{ \"b\" : true } }"));

	expect("claims", a, PROBLEM_NONE, "");
	ck_assert_str_eq(a.subject, "\xc3\xbc/\"");
	ck_assert_str_eq(a.claims, "{\"role\":\"member\",\"sub\":\"\xc3\xbc/"
	    "\\\"\",\"exp\":4e9,\"n\":12345678901234567,\"x\":1.10,"
	    "\"a\":[1,null],\"o\":{\"b\":true}}");
	auth_free(auth);
}
END_TEST

START_TEST(claims_of_a_known_token_are_judged_again)
{
	const char *listed[] = { "member" };
	struct auth_options options = { .roles = listed, .role_count = 1 };
	struct auth *auth = auth_by(&options);
	const char *token = token_of(&rs, "{\"alg\":\"RS256\"}", MEMBER);

	expect("listed", ask_bearer(auth, token), PROBLEM_NONE, "");
	listed[0] = "other";
	expect("no more", ask_bearer(auth, token), PROBLEM_TOKEN_INVALID,
	    role_unlisted);
	listed[0] = "member";
	expect("again", ask_bearer(auth, token), PROBLEM_NONE, "");
	auth_free(auth);
}
END_TEST

START_TEST(a_digest_is_held_until_its_exp_and_no_longer)
{
	struct auth_cache *cache = auth_cache_new();
	unsigned char digest[AUTH_DIGEST_BYTES] = { 7 };
	unsigned char other[AUTH_DIGEST_BYTES] = { 7, 1 };

	ck_assert(!auth_cache_holds(cache, digest, 0));
	auth_cache_add(cache, digest, 100);
	ck_assert(auth_cache_holds(cache, digest, 99));
	ck_assert(!auth_cache_holds(cache, other, 99));
	ck_assert(!auth_cache_holds(cache, digest, 100));
	/* It was forgotten, and not only hidden. */
	ck_assert(!auth_cache_holds(cache, digest, 99));
	auth_cache_add(cache, digest, 100);
	auth_cache_add(cache, digest, 200);
	ck_assert(auth_cache_holds(cache, digest, 150));
	auth_cache_free(cache);
	auth_cache_free(NULL);
}
END_TEST

START_TEST(the_memory_is_bounded_and_keeps_what_is_used)
{
	struct auth_cache *cache = auth_cache_new();
	unsigned char digest[AUTH_DIGEST_BYTES] = { 0 };
	unsigned char used[AUTH_DIGEST_BYTES];
	unsigned held = 0;

	ck_assert(auth_cache_digest(cache, "used", 4, used));
	auth_cache_add(cache, used, 100);
	for (unsigned i = 0; i < 20000; i++) {
		ck_assert(auth_cache_digest(cache, (char *)&i, sizeof(i),
		    digest));
		auth_cache_add(cache, digest, 100);
		ck_assert(auth_cache_holds(cache, used, 50));
	}
	for (unsigned i = 0; i < 20000; i++) {
		ck_assert(auth_cache_digest(cache, (char *)&i, sizeof(i),
		    digest));
		held += auth_cache_holds(cache, digest, 50);
	}
	ck_assert_uint_gt(held, 900);
	ck_assert_uint_lt(held, 1024);
	auth_cache_free(cache);
}
END_TEST

/* What a thread of the next test has; it counts what went wrong. */
struct load {
	const struct auth *auth;
	const char *const *tokens;
	size_t count;
	unsigned wrong;
};

static void *
ask_often(void *context)
{
	struct load *load = context;
	struct arena *arena = arena_new();
	struct scope sc;

	for (size_t i = 0; i < 4000; i++) {
		size_t which = (i * 7 + (uintptr_t)load / 64) % load->count;
		struct request rq = { .authorization = load->tokens[which] };
		const struct caller *caller;
		enum problem p;

		scope_init(&sc, arena);
		p = auth_identify(load->auth, &sc, &rq, &caller);
		/* Every third is bad. */
		load->wrong += (p == PROBLEM_NONE) != (which % 3 != 0);
		arena_reset(arena);
	}
	arena_free(arena);
	return NULL;
}

START_TEST(threads_may_ask_at_once)
{
	enum { TOKENS = 30, THREADS = 4 };
	struct auth *auth = auth_by(&plain);
	const char *tokens[TOKENS];
	struct load load[THREADS];
	pthread_t thread[THREADS];

	for (int i = 0; i < TOKENS; i++)
		tokens[i] = arena_format(memory, "Bearer %s%s", token_of(
		    i % 2 != 0 ? &es : &hs, i % 2 != 0 ?
		    "{\"alg\":\"ES256\"}" : "{\"alg\":\"HS256\"}",
		    arena_format(memory, WITH("\"i\":%d"), i)),
		    i % 3 == 0 ? "A" : "");
	for (size_t i = 0; i < THREADS; i++) {
		load[i] = (struct load){ auth, tokens, TOKENS, 0 };
		ck_assert_int_eq(pthread_create(&thread[i], NULL, ask_often,
		    &load[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		ck_assert_uint_eq(load[i].wrong, 0);
	}
	auth_free(auth);
}
END_TEST

/* Mints into the arena; *ret is NULL on failure. */
static enum problem
mint(const struct auth *auth, const char *role, const char *subject,
    unsigned life_s, const char *claims, const char **ret)
{
	struct arena *arena = arena_new();
	struct scope *sc = arena_alloc(memory, sizeof(*sc));
	enum problem p;
	struct buf out;

	scope_init(sc, arena);
	buf_init(&out, 16384);
	p = auth_mint(auth, sc, &(struct auth_wish){ .role = role,
	    .subject = subject, .life_s = life_s, .claims = claims }, &out);
	*ret = p == PROBLEM_NONE ? arena_copy(memory, out.at, out.length) :
	    NULL;
	ck_assert(p == PROBLEM_NONE || out.length == 0);
	ck_assert(p == PROBLEM_NONE || sc->cause != NULL);
	buf_release(&out);
	arena_free(arena);
	return p;
}

START_TEST(what_is_minted_is_taken)
{
	struct auth_options options = plain;
	struct auth *auth;
	const char *token;
	struct answer a;

	options.issuer = "i\"";
	options.audience = "a";
	options.life_max_s = 3600;
	auth = auth_by(&options);
	ck_assert_int_eq(mint(auth, "member", "u", 600,
	    "{\"email\":\"a@b.example\",\"nbf\":1}", &token), PROBLEM_NONE);
	a = ask_bearer(auth, token);
	expect("minted", a, PROBLEM_NONE, "");
	ck_assert_str_eq(a.role, "member");
	ck_assert_str_eq(a.subject, "u");
	ck_assert_ptr_nonnull(strstr(a.claims, "\"email\":\"a@b.example\""));
	ck_assert_ptr_nonnull(strstr(a.claims, "\"iss\":\"i\\\"\""));
	ck_assert_int_eq(mint(auth, "service", NULL, 600, NULL, &token),
	    PROBLEM_NONE);
	a = ask_bearer(auth, token);
	expect("service", a, PROBLEM_NONE, "");
	ck_assert_str_eq(a.subject, "");
	/* And where the path says. */
	auth_free(auth);
	options.role_claim = ".realm_access.roles[*]";
	auth = auth_by(&options);
	ck_assert_int_eq(mint(auth, "member", "u", 600,
	    "{\"realm_access\":{\"x\":1}}", &token), PROBLEM_NONE);
	a = ask_bearer(auth, token);
	expect("by a path", a, PROBLEM_NONE, "");
	ck_assert_ptr_nonnull(strstr(a.claims,
	    "\"realm_access\":{\"x\":1,\"roles\":[\"member\"]}"));
	ck_assert_int_eq(mint(auth, "member", "u", 600,
	    "{\"realm_access\":7}", &token), PROBLEM_BAD_REQUEST);
	auth_free(auth);
	options.role_claim = NULL;
	options.leeway_s = 0;
	auth = auth_by(&options);
	ck_assert_int_eq(mint(auth, "member", "u", 0, NULL, &token),
	    PROBLEM_NONE);
	expect("at once", ask_bearer(auth, token), PROBLEM_TOKEN_EXPIRED, NULL);
	auth_free(auth);
}
END_TEST

START_TEST(what_would_be_refused_is_not_minted)
{
	static const struct { const char *role, *subject; unsigned life_s;
	    const char *claims; enum problem problem; } cases[] = {
		{ "postgres", "u", 60, NULL, PROBLEM_NOT_FOUND },
		{ "", "u", 60, NULL, PROBLEM_NOT_FOUND },
		{ "member", NULL, 60, NULL, PROBLEM_BAD_REQUEST },
		{ "member", "", 60, NULL, PROBLEM_BAD_REQUEST },
		{ "member", "u", 3601, NULL, PROBLEM_BAD_REQUEST },
		{ "member", "u", 60, "[]", PROBLEM_BAD_REQUEST },
		{ "member", "u", 60, "", PROBLEM_BAD_REQUEST },
		{ "member", "u", 60, "{\"a\":1,\"a\":2}", PROBLEM_BAD_REQUEST },
		{ "member", "u", 60, "{\"role\":\"service\"}",
		    PROBLEM_BAD_REQUEST },
		{ "member", "u", 60, "{\"exp\":4e9}", PROBLEM_BAD_REQUEST },
		{ "member", "u", 60, "{\"nbf\":\"x\"}", PROBLEM_BAD_REQUEST },
	};
	struct auth_options options = plain;
	struct auth_keys none;
	struct auth *auth;
	const char *token;

	options.life_max_s = 3600;
	auth = auth_by(&options);
	for (size_t i = 0; i < countof(cases); i++)
		ck_assert_msg(mint(auth, cases[i].role, cases[i].subject,
		    cases[i].life_s, cases[i].claims, &token) ==
		    cases[i].problem, "case %zu", i);
	ck_assert_int_eq(mint(auth, "member", "u", 60, arena_format(memory,
	    "{\"a\":\"%07000d\"}", 0), &token), PROBLEM_BAD_REQUEST);
	auth_free(auth);
	auth_keys_init(&none);
	auth = auth_of_keys(&options, &none);
	ck_assert_int_eq(mint(auth, "member", "u", 60, NULL, &token),
	    PROBLEM_UNAVAILABLE);
	auth_free(auth);
}
END_TEST

START_TEST(secrets_are_the_same_in_length_and_bytes)
{
	ck_assert(auth_same_secret("abc", 3, "abc", 3));
	ck_assert(auth_same_secret("", 0, "", 0));
	ck_assert(!auth_same_secret("abc", 3, "abd", 3));
	ck_assert(!auth_same_secret("abc", 3, "abc", 2));
	ck_assert(!auth_same_secret("a\0c", 3, "a\0d", 3));
}
END_TEST

START_TEST(a_caller_is_recalled_with_the_role_that_runs)
{
	static const char *const listed[] = { "member", "server" };
	const struct {
		const char *role, *claims;
		enum problem problem;
		const char *role_is, *subject_is, *claims_are;
	} cases[] = {
		{ "member", "{\"sub\": \"u\", \"role\": \"member\"}",
		    PROBLEM_NONE, "member", "u",
		    "{\"sub\": \"u\", \"role\": \"member\"}" },
		{ NULL, "{\"sub\":\"u\",\"role\":\"member\",\"exp\":1}",
		    PROBLEM_NONE, "member", "u",
		    "{\"sub\":\"u\",\"role\":\"member\",\"exp\":1}" },
		{ "server", "{\"sub\": \"u\", \"role\": \"member\"}",
		    PROBLEM_NONE, "server", "u",
		    "{\"sub\":\"u\",\"role\":\"server\"}" },
		{ "server", "{}", PROBLEM_NONE, "server", "",
		    "{\"role\":\"server\"}" },
		{ NULL, "{}", PROBLEM_FORBIDDEN, NULL, NULL, NULL },
		{ "admin", "{}", PROBLEM_FORBIDDEN, NULL, NULL, NULL },
		{ NULL, "{\"role\":\"admin\"}", PROBLEM_FORBIDDEN, NULL,
		    NULL, NULL },
		{ NULL, "{\"role\":[\"member\"]}", PROBLEM_FORBIDDEN, NULL,
		    NULL, NULL },
		{ "member", "[]", PROBLEM_TOKEN_INVALID, NULL, NULL, NULL },
		{ "member", "", PROBLEM_TOKEN_INVALID, NULL, NULL, NULL },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct arena *arena = arena_new();
		const struct caller *caller = NULL;
		struct scope sc;
		enum problem p;

		scope_init(&sc, arena);
		p = auth_recall(&sc, listed, countof(listed), cases[i].role,
		    cases[i].claims, &caller);
		ck_assert_msg(p == cases[i].problem, "case %zu: %d", i,
		    (int)p);
		if (p == PROBLEM_NONE) {
			ck_assert_str_eq(caller_role(caller),
			    cases[i].role_is);
			ck_assert_str_eq(caller_subject(caller),
			    cases[i].subject_is);
			ck_assert_str_eq(caller_claims(caller),
			    cases[i].claims_are);
		} else {
			ck_assert_ptr_nonnull(sc.cause);
		}
		arena_free(arena);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth");
	TCase *cases = tcase_create("token");

	memory = arena_new();
	tcase_set_timeout(cases, 240);
	tcase_add_unchecked_fixture(cases, make_keys, free_keys);
	tcase_add_test(cases, good_tokens_of_each_algorithm_are_taken);
	tcase_add_test(cases,
	    without_a_header_the_caller_is_anonymous_or_told_to_come_again);
	tcase_add_test(cases, the_header_names_the_bearer_scheme_and_one_token);
	tcase_add_test(cases,
	    a_header_that_asks_for_something_else_is_refused);
	tcase_add_test(cases, a_public_key_is_no_secret);
	tcase_add_test(cases, claims_that_do_not_hold_are_refused);
	tcase_add_test(cases, a_subject_has_at_most_255_characters);
	tcase_add_test(cases, issuer_and_audience_must_be_ours_exactly);
	tcase_add_test(cases, a_life_that_is_too_long_is_refused);
	tcase_add_test(cases, a_server_role_does_not_come_from_a_browser);
	tcase_add_test(cases, what_has_not_the_shape_of_a_token_is_refused);
	tcase_add_test(cases,
	    the_role_is_found_where_the_path_says_and_nowhere_else);
	tcase_add_test(cases, a_path_that_does_not_read_is_refused);
	tcase_add_test(cases, claims_leave_as_they_came_but_compact);
	tcase_add_test(cases, claims_of_a_known_token_are_judged_again);
	tcase_add_test(cases, a_digest_is_held_until_its_exp_and_no_longer);
	tcase_add_test(cases, the_memory_is_bounded_and_keeps_what_is_used);
	tcase_add_test(cases, threads_may_ask_at_once);
	tcase_add_test(cases, what_is_minted_is_taken);
	tcase_add_test(cases, what_would_be_refused_is_not_minted);
	tcase_add_test(cases, a_caller_is_recalled_with_the_role_that_runs);
	tcase_add_test(cases, secrets_are_the_same_in_length_and_bytes);
	suite_add_tcase(suite, cases);
	return run(suite);
}
