/* SPDX-License-Identifier: MIT */
/*
 * Signatures of webhooks: published vectors and their tampered twins, what is
 * taken apart strictly, and secrets as they come and go.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hook/hook.h"
#include "run.h"

enum { AT = 1614265330 };

static const char standard_secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char standard_public[] =
    "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
static const char standard_private[] =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dR"
    "qSKJp4AJ6p9lMicMFs6Kvg==";
static const char v1[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
static const char v1a[] = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5Bdqz"
    "CInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
static const char other[] = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

static const struct hook_scheme standard = { .form = HOOK_STANDARD,
	.tolerance_s = 300 };
static const struct hook_scheme stripe = { .form = HOOK_STAMPED,
	.separator = '.', .tolerance_s = 300 };
static const struct hook_scheme github = { .form = HOOK_PLAIN,
	.prefix = "sha256=" };

static struct arena *arena;

static void
setup(void)
{
	arena = arena_new();
}

static void
teardown(void)
{
	arena_free(arena);
}

/* The secrets of the text; the test fails when there are none. */
static struct hook_keys *
keys_of(enum hook_form form, const char *text)
{
	struct hook_keys *keys;
	struct buf fault;

	buf_init(&fault, 1024);
	keys = hook_keys_read(form, text, strlen(text), &fault);
	ck_assert_msg(keys != NULL, "%s", fault.length > 0 ? fault.at : "");
	buf_release(&fault);
	return keys;
}

static void
drop_keys(void *keys)
{
	hook_keys_free(keys);
}

static enum hook_verdict
verify(const struct hook_scheme *scheme, const char *secrets,
    const struct hook_message *m, int64_t now_s)
{
	struct hook_keys *keys = keys_of(scheme->form, secrets);

	arena_defer(arena, drop_keys, keys);
	return hook_verify(scheme, keys, arena, m, now_s);
}

/* The published message. */
static struct hook_message
message(const char *signature)
{
	static const char body[] = "{\"test\": 2432232314}";

	return (struct hook_message){ "msg_p5jXN8AQM9LWM0D4loKWxJek",
		"1614265330", signature, body, sizeof(body) - 1 };
}

static const char *
joined(const char *a, const char *b)
{
	return arena_format(arena, "%s%s", a, b);
}

/* ---- standard ---- */

START_TEST(the_published_vectors_hold)
{
	struct hook_message m = message(v1), n = message(v1a);

	ck_assert_int_eq(verify(&standard, standard_secret, &m, AT), HOOK_GOOD);
	ck_assert_int_eq(verify(&standard, standard_public, &n, AT), HOOK_GOOD);
	ck_assert_int_eq(verify(&standard, standard_private, &n, AT),
	    HOOK_GOOD);
}
END_TEST

static const char *
signed_by(const struct hook_scheme *scheme, const char *secrets,
    const struct hook_message *m, int64_t now_s)
{
	struct hook_keys *keys = keys_of(scheme->form, secrets);
	const char *text = NULL;
	struct buf out;

	arena_defer(arena, drop_keys, keys);
	buf_init(&out, 4096);
	if (hook_sign(scheme, keys, arena, m, now_s, &out))
		text = arena_copy(arena, out.at, out.length);
	buf_release(&out);
	return text;
}

START_TEST(the_published_vectors_are_made)
{
	struct hook_message m = message(NULL);

	ck_assert_str_eq(signed_by(&standard, standard_secret, &m, AT), v1);
	ck_assert_str_eq(signed_by(&standard, standard_private, &m, AT), v1a);
	ck_assert_ptr_null(signed_by(&standard, standard_public, &m, AT));
	/* The newest secret goes first. */
	ck_assert_str_eq(signed_by(&standard, arena_format(arena, "%s\n%s\n",
	    standard_private, standard_secret), &m, AT),
	    arena_format(arena, "%s %s", v1, v1a));
}
END_TEST

/*
 * The cases of the reference libraries' own tests, and where we are stricter:
 * theirs take "1614265330abc", " 1614265330" and "1614265330.9".
 */
static const struct {
	const char *what, *id, *time, *signature;
	enum hook_verdict verdict;
} standard_cases[] = {
	{ "as it is", "m_1", "1614265330", "=", HOOK_GOOD },
	{ "no id", NULL, "1614265330", "=", HOOK_UNSIGNED },
	{ "no time", "m_1", NULL, "=", HOOK_UNSIGNED },
	{ "no signature", "m_1", "1614265330", NULL, HOOK_UNSIGNED },
	{ "empty signature", "m_1", "1614265330", "", HOOK_UNSIGNED },
	{ "another id", "m_2", "1614265330", "=", HOOK_FORGED },
	{ "another time", "m_1", "1614265331", "=", HOOK_FORGED },
	{ "leading zero", "m_1", "01614265330", "=", HOOK_FORGED },
	{ "empty id", "", "1614265330", "=", HOOK_MALFORMED },
	{ "a dot in the id", "m_1.1614265330", "1", "=", HOOK_MALFORMED },
	{ "a space in the id", "m 1", "1614265330", "=", HOOK_MALFORMED },
	{ "letters behind", "m_1", "1614265330abc", "=", HOOK_MALFORMED },
	{ "a space before", "m_1", " 1614265330", "=", HOOK_MALFORMED },
	{ "a space behind", "m_1", "1614265330 ", "=", HOOK_MALFORMED },
	{ "a fraction", "m_1", "1614265330.9", "=", HOOK_MALFORMED },
	{ "a sign", "m_1", "+1614265330", "=", HOOK_MALFORMED },
	{ "negative", "m_1", "-1614265330", "=", HOOK_MALFORMED },
	{ "an exponent", "m_1", "1e9", "=", HOOK_MALFORMED },
	{ "infinite", "m_1", "Infinity", "=", HOOK_MALFORMED },
	{ "hexadecimal", "m_1", "0x60378b32", "=", HOOK_MALFORMED },
	{ "13 digits", "m_1", "1614265330000", "=", HOOK_MALFORMED },
	{ "empty time", "m_1", "", "=", HOOK_MALFORMED },
	{ "no version", "m_1", "1614265330", "+", HOOK_FORGED },
	{ "another's version", "m_1", "1614265330", "v2=", HOOK_FORGED },
	{ "as ed25519", "m_1", "1614265330", "v1a=", HOOK_FORGED },
	{ "cut", "m_1", "1614265330", "-", HOOK_FORGED },
	{ "longer", "m_1", "1614265330", "=A", HOOK_FORGED },
	{ "none after the comma", "m_1", "1614265330", "v1,", HOOK_FORGED },
	{ "among others", "m_1", "1614265330", "<", HOOK_GOOD },
	{ "before others", "m_1", "1614265330", ">", HOOK_GOOD },
	{ "only others", "m_1", "1614265330", "v1,x v2,y", HOOK_FORGED },
};

/* A signature for a case: a letter says what becomes of the right one. */
static const char *
made_signature(const char *right, const char *how)
{
	if (how == NULL || how[0] == '\0')
		return how;
	switch (how[0]) {
	case '=':
		return joined(right, how + 1);
	case '+':
		return right + 3;
	case '-':
		return arena_copy(arena, right, strlen(right) - 4);
	case '<':
		return arena_format(arena, "%s v2,abc %s", other, right);
	case '>':
		return arena_format(arena, "%s  %s", right, other);
	}
	if (strchr(how, '=') != NULL)
		return arena_format(arena, "%.*s,%s", (int)strcspn(how, "="),
		    how, right + 3);
	return how;
}

START_TEST(standard_headers_are_taken_strictly)
{
	for (size_t i = 0; i < countof(standard_cases); i++) {
		struct hook_message m = message(NULL);
		const char *right;

		m.id = "m_1";
		right = signed_by(&standard, standard_secret, &m, AT);
		m.id = standard_cases[i].id;
		m.time = standard_cases[i].time;
		m.signature = made_signature(right,
		    standard_cases[i].signature);
		ck_assert_msg(verify(&standard, standard_secret, &m, AT) ==
		    standard_cases[i].verdict, "%s: %s",
		    standard_cases[i].what, hook_verdict_name(
		    verify(&standard, standard_secret, &m, AT)));
	}
}
END_TEST

START_TEST(the_time_holds_for_its_tolerance_on_both_sides)
{
	struct hook_message m = message(v1);

	for (int side = -1; side <= 1; side += 2) {
		ck_assert_int_eq(verify(&standard, standard_secret, &m,
		    AT + side * 300), HOOK_GOOD);
		ck_assert_int_eq(verify(&standard, standard_secret, &m,
		    AT + side * 301), HOOK_STALE);
	}
	/* A forged one is not called stale. */
	m.time = "1614265331";
	ck_assert_int_eq(verify(&standard, standard_secret, &m, AT + 9999),
	    HOOK_FORGED);
}
END_TEST

/* Each byte of what is signed and of the signature, one bit changed. */
START_TEST(no_bit_can_be_changed)
{
	static const char *const secrets[] = { standard_secret,
		standard_public };
	const char *const signatures[] = { v1, v1a };

	for (size_t k = 0; k < countof(secrets); k++) {
		struct hook_message m = message(signatures[k]);
		char *body = arena_copy(arena, m.body, m.body_length);
		char *text = arena_string(arena, signatures[k]);

		m.body = body;
		for (size_t i = 0; i < m.body_length; i++) {
			body[i] ^= 1;
			ck_assert_int_eq(verify(&standard, secrets[k], &m, AT),
			    HOOK_FORGED);
			body[i] ^= 1;
		}
		m.signature = text;
		for (size_t i = 4; i < strlen(text); i++) {
			text[i] ^= 1;
			ck_assert_int_ne(verify(&standard, secrets[k], &m, AT),
			    HOOK_GOOD);
			text[i] ^= 1;
		}
		ck_assert_int_eq(verify(&standard, secrets[k], &m, AT),
		    HOOK_GOOD);
		m.body_length--;
		ck_assert_int_eq(verify(&standard, secrets[k], &m, AT),
		    HOOK_FORGED);
	}
}
END_TEST

START_TEST(a_body_is_bytes)
{
	static const char bytes[] = "\xff\x00\r\n\xc3";
	struct hook_message m = message(NULL);

	m.body = bytes;
	m.body_length = sizeof(bytes) - 1;
	m.signature = signed_by(&standard, standard_secret, &m, AT);
	ck_assert_int_eq(verify(&standard, standard_secret, &m, AT), HOOK_GOOD);
	m.body_length = 0;
	m.signature = signed_by(&standard, standard_secret, &m, AT);
	ck_assert_int_eq(verify(&standard, standard_secret, &m, AT), HOOK_GOOD);
}
END_TEST

START_TEST(more_signatures_or_bytes_than_fit_are_refused_whole)
{
	struct hook_message m = message(v1);
	char long_one[HOOK_HEADER_MAX + 2];

	for (unsigned i = 1; i < HOOK_SIGNATURES_MAX; i++)
		m.signature = arena_format(arena, "%s %s", other, m.signature);
	ck_assert_int_eq(verify(&standard, standard_secret, &m, AT), HOOK_GOOD);
	m.signature = arena_format(arena, "%s %s", other, m.signature);
	ck_assert_int_eq(verify(&standard, standard_secret, &m, AT),
	    HOOK_MALFORMED);
	memset(long_one, ' ', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = '\0';
	memcpy(long_one, v1, strlen(v1));
	m.signature = long_one;
	ck_assert_int_eq(verify(&standard, standard_secret, &m, AT),
	    HOOK_MALFORMED);
}
END_TEST

/* ---- secrets ---- */

START_TEST(secrets_end_when_they_are_said_to)
{
	struct hook_message m = message(v1);
	const char *two = arena_format(arena,
	    "%s until 2021-02-25T15:02:10Z\n%s\n", standard_secret,
	    "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	struct hook_keys *keys;

	/* That is AT. */
	ck_assert_int_eq(verify(&standard, two, &m, AT - 1), HOOK_GOOD);
	ck_assert_int_eq(verify(&standard, two, &m, AT), HOOK_FORGED);
	keys = keys_of(HOOK_STANDARD, arena_format(arena,
	    "%s until 2021-02-25T15:02:10Z", standard_secret));
	ck_assert(hook_keys_live(keys, AT - 1));
	ck_assert(!hook_keys_live(keys, AT));
	hook_keys_free(keys);
}
END_TEST

static const struct {
	enum hook_form form;
	const char *text, *says;
} unfit[] = {
	{ HOOK_STANDARD, "", "there is no secret in it" },
	{ HOOK_STANDARD, "\n\r\n", "there is no secret in it" },
	{ HOOK_STANDARD, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "line 1: " },
	{ HOOK_STANDARD, "whsec_", "line 1: " },
	{ HOOK_STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", "line 1: " },
	{ HOOK_STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "line 1: " },
	{ HOOK_STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "line 1: " },
	{ HOOK_STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ",
	    "line 1: " },
	{ HOOK_STANDARD, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir5=",
	    "line 1: no ed25519 key" },
	{ HOOK_STANDARD, "whpk_AAAA", "line 1: no ed25519 key" },
	{ HOOK_STANDARD, "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDi"
	    "j2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw==",
	    "line 1: no ed25519 key" },
	{ HOOK_PLAIN, "too short", "line 1: a secret must have" },
	{ HOOK_PLAIN, "0123456789abcdef\nx", "line 2: a secret must have" },
	{ HOOK_PLAIN, "0123456789abcdef until tomorrow", "line 1: what" },
	{ HOOK_PLAIN, "0123456789abcdef until 2026-13-01T00:00:00Z",
	    "line 1: what" },
	{ HOOK_PLAIN, "0123456789abcdef until 2026-11-31T00:00:00Z",
	    "line 1: what" },
	{ HOOK_PLAIN, "0123456789abcdef until 2026-12-01T00:00:00Z ",
	    "line 1: what" },
	{ HOOK_PLAIN, "0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n"
	    "0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n"
	    "0123456789abcdef\n0123456789abcdef\n0123456789abcdef",
	    "line 9: there are more than 8 secrets" },
};

START_TEST(unfit_secrets_are_told_by_line_and_never_by_text)
{
	struct buf fault;

	buf_init(&fault, 1024);
	for (size_t i = 0; i < countof(unfit); i++) {
		struct hook_keys *keys;

		buf_clear(&fault);
		keys = hook_keys_read(unfit[i].form, unfit[i].text,
		    strlen(unfit[i].text), &fault);
		ck_assert_msg(keys == NULL, "%zu: taken", i);
		ck_assert_msg(strncmp(fault.at, unfit[i].says,
		    strlen(unfit[i].says)) == 0, "%zu: %s", i, fault.at);
		ck_assert_ptr_null(strstr(fault.at, "6789"));
	}
	buf_release(&fault);
}
END_TEST

/* ---- stamped and plain ---- */

static const char plain_secret[] = "a secret of some text";

/* What becomes of the right signature S at the time T. */
static const struct {
	const char *format;
	enum hook_verdict verdict;
} stamped_cases[] = {
	{ "t=1614265330,v1=S", HOOK_GOOD },
	{ "v1=S,t=1614265330", HOOK_GOOD },
	{ "t=1614265330,v1=0,v1=S,v0=1", HOOK_GOOD },
	{ "t=1614265330, v1=S", HOOK_GOOD },
	{ "t=1614265331,v1=S", HOOK_FORGED },
	{ "t=1614265330,v0=S", HOOK_FORGED },
	{ "t=1614265330,v1 =S", HOOK_FORGED },
	{ "t=1614265330,V1=S", HOOK_FORGED },
	{ "t=1614265330,v1=", HOOK_FORGED },
	{ "t=1614265330,v1=1614265330", HOOK_FORGED },
	{ "t=1614265330", HOOK_FORGED },
	{ "t=1614265330,t=1614265330,v1=S", HOOK_MALFORMED },
	{ "t=1,t=1614265330,v1=S", HOOK_MALFORMED },
	{ "v1=S", HOOK_MALFORMED },
	{ "v1=S,v2=S", HOOK_MALFORMED },
	{ "S", HOOK_MALFORMED },
	{ "t=,v1=S", HOOK_MALFORMED },
	{ "t=1614265330 ,v1=S", HOOK_MALFORMED },
	{ "t=1614265330.0,v1=S", HOOK_MALFORMED },
	{ "t=1614265330abc,v1=S", HOOK_MALFORMED },
	{ "t=Infinity,v1=S", HOOK_MALFORMED },
	{ ",", HOOK_MALFORMED },
};

START_TEST(stamped_headers_are_taken_strictly)
{
	struct hook_message m = message(NULL);
	const char *right = strstr(signed_by(&stripe, plain_secret, &m, AT),
	    "v1=") + 3;

	for (size_t i = 0; i < countof(stamped_cases); i++) {
		const char *format = stamped_cases[i].format;
		const char *at = strchr(format, 'S');

		m.signature = at == NULL ? format : arena_format(arena,
		    "%.*s%s%s", (int)(at - format), format, right, at + 1);
		ck_assert_msg(verify(&stripe, plain_secret, &m, AT) ==
		    stamped_cases[i].verdict, "%s", format);
	}
	m.signature = signed_by(&stripe, plain_secret, &m, AT);
	ck_assert_int_eq(verify(&stripe, plain_secret, &m, AT + 301),
	    HOOK_STALE);
}
END_TEST

/* GitHub's own example. */
START_TEST(a_plain_signature_is_its_prefix_and_the_digest)
{
	static const char secret[] = "It's a Secret to Everybody";
	static const char digest[] =
	    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
	struct hook_message m = { NULL, NULL, joined("sha256=", digest),
		"Hello, World!", 13 };
	static const char *const refused[] = { "sha1=", "sha256=", "SHA256=",
		"sha256=sha256=", " sha256=", "" };

	ck_assert_int_eq(verify(&github, secret, &m, AT), HOOK_GOOD);
	ck_assert_str_eq(signed_by(&github, secret, &m, AT), m.signature);
	/* Some write hexadecimal in capitals. */
	m.signature = "sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C"
	    "46F4379C8B043E17";
	ck_assert_int_eq(verify(&github, secret, &m, AT), HOOK_GOOD);
	for (size_t i = 0; i < countof(refused); i++) {
		m.signature = i == 1 ? refused[i] : joined(refused[i], digest);
		ck_assert_msg(verify(&github, secret, &m, AT) != HOOK_GOOD,
		    "%s", m.signature);
	}
}
END_TEST

START_TEST(what_is_signed_is_verified_in_every_form)
{
	struct hook_message m = message(NULL);

	for (unsigned n = 0; n < 16; n++) {
		const struct hook_scheme scheme = {
			.form = (n & 1) != 0 ? HOOK_STAMPED : HOOK_PLAIN,
			.hash = (n & 2) != 0 ? HOOK_SHA512 : HOOK_SHA256,
			.encoding = (n & 4) != 0 ? HOOK_BASE64 : HOOK_HEX,
			.separator = (n & 8) != 0 ? ',' : '.',
			.prefix = (n & 8) != 0 ? "x=" : "", .tolerance_s = 1 };

		m.signature = signed_by(&scheme, plain_secret, &m, AT);
		ck_assert_int_eq(verify(&scheme, plain_secret, &m, AT),
		    HOOK_GOOD);
		ck_assert_int_eq(verify(&scheme, "another secret, as long", &m,
		    AT), HOOK_FORGED);
	}
}
END_TEST

static TCase *
standard_case(void)
{
	TCase *tc = tcase_create("standard");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_published_vectors_hold);
	tcase_add_test(tc, the_published_vectors_are_made);
	tcase_add_test(tc, standard_headers_are_taken_strictly);
	tcase_add_test(tc, the_time_holds_for_its_tolerance_on_both_sides);
	tcase_add_test(tc, no_bit_can_be_changed);
	tcase_add_test(tc, a_body_is_bytes);
	tcase_add_test(tc,
	    more_signatures_or_bytes_than_fit_are_refused_whole);
	return tc;
}

static TCase *
other_case(void)
{
	TCase *tc = tcase_create("others");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, secrets_end_when_they_are_said_to);
	tcase_add_test(tc, unfit_secrets_are_told_by_line_and_never_by_text);
	tcase_add_test(tc, stamped_headers_are_taken_strictly);
	tcase_add_test(tc, a_plain_signature_is_its_prefix_and_the_digest);
	tcase_add_test(tc, what_is_signed_is_verified_in_every_form);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("hook");

	suite_add_tcase(suite, standard_case());
	suite_add_tcase(suite, other_case());
	return run_suite(suite);
}
