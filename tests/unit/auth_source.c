/* SPDX-License-Identifier: MIT */
/*
 * Who makes tokens, and how their keys change while tokens are judged: issuers
 * that must not be taken for one another, files that are read again, and what
 * processes share of a fetch, whichever of them dies.
 */
#include "auth_make.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/fetch.h"
#include "base/log.h"

static const char *const roles[] = { "member" };
static const struct auth_options plain = { .roles = roles, .role_count = 1,
	.leeway_s = 30 };
static struct signer one, two;

static void
make_keys(void)
{
	one = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
	    "SHA256", NULL, 0, 0 };
	two = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
	    "SHA256", NULL, 0, 0 };
}

static void
free_keys(void)
{
	EVP_PKEY_free(one.pkey);
	EVP_PKEY_free(two.pkey);
}

/* A new file with a set of these JWKs. */
static char *
set_file(const char *jwks)
{
	const char *text = arena_format(memory, "{\"keys\":[%s]}\n", jwks);

	return file_of(text, strlen(text));
}

/* The auth of these options; NULL with why in the arena. */
static struct auth *
auth_or(const struct auth_options *options, const char **ret_why)
{
	struct auth *auth;
	struct buf fault;

	buf_init(&fault, 4096);
	auth = auth_new(options, &fault);
	*ret_why = auth != NULL ? "" : arena_copy(memory, fault.at,
	    fault.length);
	buf_release(&fault);
	return auth;
}

#define CLAIMS(iss, aud) "{\"role\":\"member\",\"sub\":\"u\",\"exp\":@+600," \
	"\"iss\":\"" iss "\",\"aud\":\"" aud "\"}"
#define KID_K "{\"alg\":\"ES256\",\"kid\":\"k\"}"

/* Two issuers whose keys have the same kid, and one with a secret. */
static struct auth_options
three_issuers(void)
{
	struct auth_options options = plain;
	const char *file = arena_format(memory, "["
	    "{\"issuer\":\"https://one\",\"audience\":\"a\","
	    "\"jwks_file\":\"%s\"},\n"
	    "{\"issuer\":\"https://two\",\"audience\":\"b\","
	    "\"jwks_file\":\"%s\",\"role_claim\":\".roles[*]\","
	    "\"algorithms\":[\"ES256\"],\"typ\":\"at+jwt\"},\n"
	    "{\"issuer\":\"three\",\"secret_file\":\"%s\"}]",
	    set_file(jwk_of(one.pkey, ",\"kid\":\"k\"")),
	    set_file(jwk_of(two.pkey, ",\"kid\":\"k\"")),
	    file_of("01234567890123456789012345678901", 32));

	options.issuers_file = file_of(file, strlen(file));
	return options;
}

START_TEST(a_key_verifies_tokens_of_its_own_issuer_only)
{
#define AT "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"at+jwt\"}"
#define ROLES(iss, aud) "{\"roles\":[\"x\",\"member\"],\"sub\":\"u\"," \
	"\"exp\":@+600,\"iss\":\"" iss "\",\"aud\":\"" aud "\"}"
	struct signer hs = { NULL, "SHA256",
	    "01234567890123456789012345678901", 32, 0 };
	const struct { const struct signer *by; const char *header, *claims,
	    *cause; } cases[] = {
		{ &one, KID_K, CLAIMS("https://one", "a"), "" },
		{ &two, AT, ROLES("https://two", "b"), "" },
		{ &hs, "{\"alg\":\"HS256\"}", CLAIMS("three", "x"), "" },
		{ &one, AT, ROLES("https://two", "b"),
		    "the signature does not hold" },
		{ &two, KID_K, CLAIMS("https://one", "a"),
		    "the signature does not hold" },
		{ &one, "{\"alg\":\"ES256\"}", CLAIMS("three", "x"),
		    "no kid, and not one key only for the algorithm" },
		{ &hs, "{\"alg\":\"HS256\"}", CLAIMS("https://one", "a"),
		    "no kid, and not one key only for the algorithm" },
		{ &hs, "{\"alg\":\"HS256\",\"kid\":\"k\"}",
		    CLAIMS("https://one", "a"),
		    "the key is for another algorithm" },
		{ &one, KID_K, CLAIMS("https://one", "b"),
		    "aud does not name this audience" },
		{ &two, AT, ROLES("https://two", "a"),
		    "aud does not name this audience" },
		/* Each has its own way to the role, and kind of token. */
		{ &two, AT, CLAIMS("https://two", "b"), "role is missing" },
		{ &one, KID_K, ROLES("https://one", "a"), "role is missing" },
		{ &two, KID_K, ROLES("https://two", "b"),
		    "typ is not at+jwt" },
		{ &one, KID_K, CLAIMS("https://one/", "a"),
		    "iss is missing or another" },
		{ &one, KID_K, CLAIMS("HTTPS://one", "a"),
		    "iss is missing or another" },
		{ &one, KID_K, CLAIMS("https://one\\u0000", "a"),
		    "iss is missing or another" },
		{ &one, KID_K, CLAIMS("", "a"), "iss is missing or another" },
		{ &one, KID_K, "{\"role\":\"member\",\"sub\":\"u\","
		    "\"exp\":@+600,\"aud\":\"a\"}",
		    "iss is missing or another" },
		{ &one, KID_K, "{\"role\":\"member\",\"sub\":\"u\","
		    "\"exp\":@+600,\"iss\":[\"https://one\"]}",
		    "iss is missing or another" },
		{ &one, KID_K, "{\"role\":\"member\",\"sub\":\"u\","
		    "\"exp\":@+600,\"iss\":\"https://two\",\"iss\":"
		    "\"https://one\"}",
		    "the payload is no strict JSON object" },
	};
	struct auth_options options = three_issuers();
	const char *why;
	struct auth *auth = auth_or(&options, &why);

	ck_assert_msg(auth != NULL, "%s", why);
	/* Twice: what one has verified is no other's. */
	for (size_t i = 0; i < 2 * countof(cases); i++) {
		size_t c = i % countof(cases);

		expect(cases[c].claims, ask_bearer(auth, token_of(cases[c].by,
		    cases[c].header, cases[c].claims)), cases[c].cause[0] ==
		    '\0' ? PROBLEM_NONE : PROBLEM_TOKEN_INVALID,
		    cases[c].cause);
	}
	auth_free(auth);
}
END_TEST

START_TEST(a_file_of_issuers_that_is_not_right_is_refused)
{
	static const struct { const char *text, *reason; } cases[] = {
		{ "", ":1:1: " },
		{ "{}", "an array of 1 to 15 issuers" },
		{ "[]", "an array of 1 to 15 issuers" },
		{ "[7]", "issuer 1: it is no object" },
		{ "[{}]", "issuer 1: issuer is missing" },
		{ "[{\"issuer\":\"a\"}]", "one of jwks_url, jwks_file and" },
		{ "[{\"issuer\":\"a\",\"jwks_file\":\"x\",\"secret_file\":"
		    "\"y\"}]", "one of jwks_url, jwks_file and" },
		{ "[{\"issuer\":\"\",\"jwks_file\":\"x\"}]",
		    "issuer is no string, or empty" },
		{ "[{\"issuer\":7,\"jwks_file\":\"x\"}]",
		    "issuer is no string, or empty" },
		{ "[{\"issuer\":\"a\",\"key\":\"x\"}]", "none of issuer" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"x\",\"algorithms\":[]}]",
		    "algorithms names none" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"x\",\"algorithms\":"
		    "[\"none\"]}]", "not supported" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"x\",\"algorithms\":"
		    "\"RS256\"}]", "algorithms is no array" },
		{ "[{\"issuer\":\"a\",\"secret_file\":\"x\",\"algorithms\":"
		    "[\"RS256\"]}]", "a secret is for HS256" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"x\",\"typ\":\"JWT\"}]",
		    "typ can only be at+jwt" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"x\",\"role_claim\":"
		    "\".\"}]", "role_claim is neither" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"https://a\"},"
		    "{\"issuer\":\"a\",\"jwks_url\":\"https://b\"}]",
		    "issuer 2: another has the same name" },
		{ "[{\"issuer\":\"a\",\"jwks_file\":\"no-such-file\"}]",
		    "no-such-file cannot be opened" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"http://e.example/\"}]",
		    "it must be https" },
		{ "[{\"issuer\":\"a\",\"jwks_url\":\"file:///etc/passwd\"}]",
		    "it must be https" },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct auth_options options = plain;
		const char *why;

		options.issuers_file = file_of(cases[i].text,
		    strlen(cases[i].text));
		ck_assert_msg(auth_or(&options, &why) == NULL, "taken: %s",
		    cases[i].text);
		ck_assert_msg(strstr(why, cases[i].reason) != NULL,
		    "\"%s\" and not \"%s\"", why, cases[i].reason);
	}
}
END_TEST

START_TEST(beside_a_file_of_issuers_the_single_settings_need_a_name)
{
	struct auth_options options = three_issuers();
	const char *why;
	struct auth *auth;
	struct signer hs = { NULL, "SHA256",
	    "another secret of thirty-two bytes", 34, 0 };

	options.secret_file = file_of(hs.secret, hs.secret_length);
	ck_assert_ptr_null(auth_or(&options, &why));
	ck_assert_ptr_nonnull(strstr(why, "keys need jwt_issuer"));
	options.issuer = "three";
	ck_assert_ptr_null(auth_or(&options, &why));
	ck_assert_ptr_nonnull(strstr(why, "names jwt_issuer as well"));
	options.issuer = "four";
	auth = auth_or(&options, &why);
	ck_assert_msg(auth != NULL, "%s", why);
	expect("four", ask_bearer(auth, token_of(&hs, "{\"alg\":\"HS256\"}",
	    CLAIMS("four", "x"))), PROBLEM_NONE, "");
	expect("three", ask_bearer(auth, token_of(&hs, "{\"alg\":\"HS256\"}",
	    CLAIMS("three", "x"))), PROBLEM_TOKEN_INVALID, NULL);
	auth_free(auth);
	options.jwks_file = "x";
	options.jwks_url = "https://e.example";
	ck_assert_ptr_null(auth_or(&options, &why));
	ck_assert_ptr_nonnull(strstr(why, "cannot both be set"));
}
END_TEST

START_TEST(only_urls_that_may_be_believed_are_fetched)
{
	static const struct { const char *url; bool plain, may; } cases[] = {
		{ "https://e.example/keys", false, true },
		{ "https://e.example:8443/a?b=c", false, true },
		{ "http://127.0.0.1:8080/keys", false, true },
		{ "http://127.1.2.3/", false, true },
		{ "http://localhost/", false, true },
		{ "http://[::1]/", false, true },
		{ "http://e.example/keys", true, true },
		{ "http://e.example/keys", false, false },
		{ "http://127.0.0.1.e.example/", false, false },
		{ "http://localhost.e.example/", false, false },
		{ "http://127.0.0.1@e.example/", false, false },
		{ "http://10.0.0.1/", false, false },
		{ "http://[::2]/", false, false },
		{ "https://user:word@e.example/", false, false },
		{ "https://e.example/#a", false, false },
		{ "ftp://e.example/", true, false },
		{ "file:///etc/passwd", true, false },
		{ "gopher://127.0.0.1/", true, false },
		{ "e.example/keys", false, false },
		{ "/keys", false, false },
		{ "", false, false },
		{ "https://", false, false },
	};
	struct buf fault;

	buf_init(&fault, 4096);
	for (size_t i = 0; i < countof(cases); i++)
		ck_assert_msg(fetch_may(cases[i].url, cases[i].plain, &fault) ==
		    cases[i].may, "%s", cases[i].url);
	buf_release(&fault);
}
END_TEST

/* What the asking threads of the next test have. */
struct load {
	const struct auth *auth;
	const char *tokens[2];	/* of the first key and the second */
	atomic_bool over;
	_Atomic unsigned asked, wrong, held[2];
};

static void *
ask_on(void *context)
{
	struct load *load = context;
	struct arena *arena = arena_new();

	while (!load->over) {
		for (size_t i = 0; i < 2; i++) {
			struct request rq = { .authorization =
			    load->tokens[i] };
			const struct caller *caller;
			enum problem p;
			struct scope sc;

			scope_init(&sc, arena);
			p = auth_identify(load->auth, &sc, &rq, &caller);
			load->held[i] = p == PROBLEM_NONE;
			load->asked++;
			load->wrong += p != PROBLEM_NONE &&
			    p != PROBLEM_TOKEN_INVALID;
			arena_reset(arena);
		}
	}
	arena_free(arena);
	return NULL;
}

/* Replaces the file at once, as an operator should. */
static void
replace(const char *path, const char *jwks)
{
	ck_assert_int_eq(rename(set_file(jwks), path), 0);
}

/* Waits until exactly these of the two tokens are taken. */
static void
wait_for(const struct auth *auth, const struct load *load, bool first,
    bool second)
{
	uint64_t end = clock_now_ns() + 60000000000u;

	for (;;) {
		bool a = ask(auth, load->tokens[0], NULL).problem ==
		    PROBLEM_NONE;
		bool b = ask(auth, load->tokens[1], NULL).problem ==
		    PROBLEM_NONE;

		if (a == first && b == second)
			return;
		ck_assert_uint_lt(clock_now_ns(), end);
	}
}

START_TEST(files_are_read_again_and_sets_swapped_while_tokens_are_judged)
{
	enum { THREADS = 3 };
	struct auth_options options = plain;
	const char *old = jwk_of(one.pkey, ",\"kid\":\"old\"");
	const char *new = jwk_of(two.pkey, ",\"kid\":\"new\"");
	struct load load = { .tokens = {
	    arena_format(memory, "Bearer %s", token_of(&one,
	    "{\"alg\":\"ES256\",\"kid\":\"old\"}", CLAIMS("i", "a"))),
	    arena_format(memory, "Bearer %s", token_of(&two,
	    "{\"alg\":\"ES256\",\"kid\":\"new\"}", CLAIMS("i", "a"))) } };
	pthread_t thread[THREADS];
	struct auth *auth;
	const char *why;
	char *path = set_file(old);

	options.jwks_file = path;
	auth = auth_or(&options, &why);
	ck_assert_msg(auth != NULL, "%s", why);
	ck_assert(auth_watch(auth));
	load.auth = auth;
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, ask_on,
		    &load), 0);
	for (int round = 0; round < 3; round++) {
		wait_for(auth, &load, true, false);
		replace(path, arena_format(memory, "%s,%s", old, new));
		wait_for(auth, &load, true, true);
		/* What is not fit changes nothing, for two looks at it. */
		replace(path, "{\"kty\":\"oct\",\"k\":\"AA\"}");
		for (uint64_t end = clock_now_ns() + 450000000u;
		    clock_now_ns() < end;)
			expect("kept", ask(auth, load.tokens[round % 2], NULL),
			    PROBLEM_NONE, "");
		replace(path, new);
		wait_for(auth, &load, false, true);
		replace(path, old);
	}
	load.over = true;
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(load.wrong, 0);
	auth_free(auth);
	unlink(path);
}
END_TEST

START_TEST(while_a_url_was_never_fetched_its_tokens_are_not_judged)
{
	struct signer hs = { NULL, "SHA256",
	    "01234567890123456789012345678901", 32, 0 };
	struct auth_options options = plain;
	struct auth *auth;
	const char *why;

	/* Port 0 answers nobody. */
	options.jwks_url = "http://127.0.0.1:0/keys";
	options.secret_file = file_of(hs.secret, hs.secret_length);
	auth = auth_or(&options, &why);
	ck_assert_msg(auth != NULL, "%s", why);
	auth_fetch(auth, NULL);
	expect("by URL", ask_bearer(auth, token_of(&one, KID_K,
	    CLAIMS("i", "a"))), PROBLEM_UNAVAILABLE, NULL);
	expect("by file", ask_bearer(auth, token_of(&hs,
	    "{\"alg\":\"HS256\"}", CLAIMS("i", "a"))), PROBLEM_NONE, "");
	expect("forged", ask_bearer(auth, token_of(&one,
	    "{\"alg\":\"HS256\"}", CLAIMS("i", "a"))), PROBLEM_TOKEN_INVALID,
	    "the signature does not hold");
	auth_free(auth);
}
END_TEST

START_TEST(one_of_many_claims_a_fetch_and_a_text_is_shared)
{
	struct auth_fetched *f = auth_fetched_new();
	uint64_t claim = 0, other, version = 0;
	size_t length = 0;
	char *text;

	ck_assert_ptr_null(auth_fetched_copy(f, &length, &version));
	ck_assert(auth_fetched_open(f));
	ck_assert(auth_fetched_claim(f, false, 60000, &claim));
	ck_assert(!auth_fetched_claim(f, true, 60000, &other));
	ck_assert(auth_fetched_open(f));
	ck_assert(auth_fetched_end(f, claim, "one", 3, 60000));
	ck_assert_uint_eq(auth_fetched_version(f), 1);
	/* Within five seconds there is no other, whoever asks. */
	ck_assert(!auth_fetched_open(f));
	ck_assert(!auth_fetched_claim(f, true, 60000, &other));
	text = auth_fetched_copy(f, &length, &version);
	ck_assert_str_eq(text, "one");
	ck_assert_uint_eq(length, 3);
	free(text);
	/* An end that comes late, or twice, ends nothing. */
	ck_assert(!auth_fetched_end(f, claim + 1, "late", 4, 0));
	ck_assert_uint_eq(auth_fetched_ended(f), 1);
	auth_fetched_free(f);
}
END_TEST

START_TEST(the_same_text_again_is_no_new_version)
{
	struct auth_fetched *f = auth_fetched_new();
	static const char *const texts[] = { "a", "a", "b", NULL, "b", "a" };
	static const uint64_t versions[] = { 1, 1, 2, 2, 2, 3 };

	for (size_t i = 0; i < countof(texts); i++) {
		uint64_t claim;

		ck_assert(auth_fetched_claim(f, false, 60000, &claim));
		auth_fetched_end(f, claim, texts[i], texts[i] != NULL, 0);
		ck_assert_uint_eq(auth_fetched_version(f), versions[i]);
		ck_assert_uint_eq(auth_fetched_ended(f), i + 1);
	}
	auth_fetched_free(f);
}
END_TEST

/* A process that is killed while it fetches and stores. */
static void
store_until_killed(struct auth_fetched *f)
{
	static char text[2][AUTH_SET_BYTES_MAX];

	memset(text[0], 'a', sizeof(text[0]));
	memset(text[1], 'b', sizeof(text[1]));
	for (unsigned i = 0;; i++) {
		uint64_t claim;

		if (auth_fetched_claim(f, false, 50, &claim))
			auth_fetched_end(f, claim, text[i & 1],
			    AUTH_SET_BYTES_MAX - (i & 1), 0);
	}
}

START_TEST(a_process_killed_at_any_moment_leaves_a_whole_text)
{
	struct auth_fetched *f = auth_fetched_new();
	uint64_t before = 0, version = 0;
	size_t length = 0;

	for (int round = 0; round < 12; round++) {
		pid_t pid = fork();
		char *text;

		if (pid == 0)
			store_until_killed(f);
		/* It has stored some, so it is in the midst of it. */
		while (auth_fetched_version(f) < before + 3)
			sched_yield();
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		text = auth_fetched_copy(f, &length, &version);
		ck_assert_ptr_nonnull(text);
		ck_assert_uint_eq(length, AUTH_SET_BYTES_MAX -
		    (text[0] == 'b'));
		for (size_t i = 1; i < length; i++)
			ck_assert(text[i] == text[0]);
		before = version;
		free(text);
	}
	auth_fetched_free(f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth_source");
	TCase *cases = tcase_create("source");

	memory = arena_new();
	/* What is logged is no TAP. */
	if (!log_open("/dev/null", LOG_INFO))
		return EXIT_FAILURE;
	tcase_set_timeout(cases, 120);
	tcase_add_unchecked_fixture(cases, make_keys, free_keys);
	tcase_add_test(cases, a_key_verifies_tokens_of_its_own_issuer_only);
	tcase_add_test(cases, a_file_of_issuers_that_is_not_right_is_refused);
	tcase_add_test(cases,
	    beside_a_file_of_issuers_the_single_settings_need_a_name);
	tcase_add_test(cases, only_urls_that_may_be_believed_are_fetched);
	tcase_add_test(cases,
	    files_are_read_again_and_sets_swapped_while_tokens_are_judged);
	tcase_add_test(cases,
	    while_a_url_was_never_fetched_its_tokens_are_not_judged);
	tcase_add_test(cases, one_of_many_claims_a_fetch_and_a_text_is_shared);
	tcase_add_test(cases, the_same_text_again_is_no_new_version);
	tcase_add_test(cases,
	    a_process_killed_at_any_moment_leaves_a_whole_text);
	suite_add_tcase(suite, cases);
	return run(suite);
}
