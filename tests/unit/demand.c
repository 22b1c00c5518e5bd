/* SPDX-License-Identifier: MIT */
/*
 * What header fields ask of a write, and bodies of several rows, against the
 * contract of tests/golden/writes: keys of repeats, entity tags, preferences.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/arena.h"
#include "contract/contract.h"
#include "http/http.h"
#include "run.h"

#define ID "7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f"
#define ONE "/api/companies/" ID
#define ALL "/api/companies"
#define ROW(members) "{\"account_id\":\"" ID "\"" members "}"
#define NAMED ROW(",\"name\":\"N\"")
#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY_255 LONG LONG LONG "0123456789abcdef0123456789abcdef"              \
    "0123456789abcdef0123456789abcde"

static struct arena *arena;
static struct scope scope;
static struct contract *contract;
static struct auth *auth;
static char secret_file[] = "/tmp/demand-unit-XXXXXX";

/* ---- means ---- */

static void
setup(void)
{
	static const char secret[] = "0123456789abcdef0123456789abcdef01234567";
	static struct auth_options options;
	const char *top = getenv("SRCDIR");
	struct buf faults;
	int fd;

	arena = arena_new();
	scope_init(&scope, arena);
	buf_init(&faults, 65536);
	contract = contract_load(arena_format(arena, "%s/tests/golden/writes",
	    top != NULL ? top : "."), &faults);
	ck_assert_msg(contract != NULL, "%s", faults.at);
	strcpy(secret_file, "/tmp/demand-unit-XXXXXX");
	fd = mkstemp(secret_file);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, secret, sizeof(secret) - 1),
	    sizeof(secret) - 1);
	close(fd);
	options = (struct auth_options){ .secret_file = secret_file,
		.leeway_s = 30, .roles = contract_about(contract)->roles,
		.role_count = contract_about(contract)->role_count };
	auth = auth_new(&options, &faults);
	ck_assert_msg(auth != NULL, "%s", faults.at);
	buf_release(&faults);
}

static void
teardown(void)
{
	auth_free(auth);
	contract_free(contract);
	arena_free(arena);
	unlink(secret_file);
}

/* A request of a user: its header fields as nginx names them, or NULL. */
struct sent {
	const char *method, *target, *key, *match, *prefer, *body;
};

static void
add_param(char **params, size_t *n, const char *name, const char *value)
{
	if (value != NULL)
		params[(*n)++] = arena_format(arena, "%s=%s", name, value);
}

static enum problem
accept_sent(const struct sent *s, const struct accept_options *options,
    const struct plan **ret)
{
	const char *body = s->body != NULL ? s->body : "";
	const struct caller *caller;
	const struct input *input;
	struct request rq;
	struct match match;
	struct buf token;
	char *params[10];
	size_t n = 0;
	enum problem p;

	arena_reset(arena);
	scope_init(&scope, arena);
	buf_init(&token, 4096);
	buf_string(&token, "Bearer ");
	ck_assert_int_eq(auth_mint(auth, &scope, &(struct auth_wish){
	    .role = "authenticated", .subject = "sub", .life_s = 60 }, &token),
	    PROBLEM_NONE);
	add_param(params, &n, "REQUEST_METHOD", s->method);
	add_param(params, &n, "REQUEST_URI", s->target);
	add_param(params, &n, "CONTENT_TYPE",
	    s->body != NULL ? "application/json" : NULL);
	add_param(params, &n, "HTTP_AUTHORIZATION", token.at);
	add_param(params, &n, "HTTP_IDEMPOTENCY_KEY", s->key);
	add_param(params, &n, "HTTP_IF_MATCH", s->match);
	add_param(params, &n, "HTTP_PREFER", s->prefer);
	params[n] = NULL;
	buf_release(&token);
	memset(&rq, 0, sizeof(rq));
	ck_assert_int_eq(http_parse(&scope, params, arena_string(arena, body),
	    strlen(body), &rq), PROBLEM_NONE);
	ck_assert_int_eq(contract_route(contract, &scope, &rq, &match),
	    PROBLEM_NONE);
	ck_assert_int_eq(auth_identify(auth, &scope, &rq, &caller),
	    PROBLEM_NONE);
	p = contract_accept(contract, &scope, &match, &rq, caller, options,
	    &input);
	if (p == PROBLEM_NONE)
		*ret = input_plan(input);
	return p;
}

/* `"/0/name":type "/1":required`: pointers and keywords of the issues. */
static const char *
issues(void)
{
	const char *text = "";

	for (unsigned i = 0; i < scope.issue_count; i++)
		text = arena_format(arena, "%s%s%s:%s", text, i > 0 ? " " : "",
		    scope.issues[i].pointer, scope.issues[i].keyword);
	return text;
}

/* ---- Idempotency-Key ---- */

static const struct {
	const char *field;
	const char *key;	/* NULL = none of a key */
} keys[] = {
	{ "a", "a" },
	{ "8e03978e-40d5-43dd-bc93-6894a57f9324",
	    "8e03978e-40d5-43dd-bc93-6894a57f9324" },
	{ "\"8e03978e\"", "8e03978e" },
	{ "a,b;c=\"d\"", "a,b;c=\"d\"" },
	{ "\"a\\\"b\\\\c\"", "a\"b\\c" },
	{ "a\\b", "a\\b" },
	{ KEY_255, KEY_255 },
	{ "\"" KEY_255 "\"", KEY_255 },
	{ KEY_255 "0", NULL },
	{ "\"" KEY_255 "0\"", NULL },
	{ "\"\"", NULL },
	{ "\"", NULL },
	{ "\"a", NULL },
	{ "\"a\" ", NULL },
	{ "\"a\";x=1", NULL },
	{ "\"a\\b\"", NULL },
	{ "\"a\\", NULL },
	{ "a b", NULL },
	{ "\"a b\"", NULL },
	{ "a\xc3\xa4", NULL },
};

START_TEST(a_key_is_visible_ascii_with_quotes_or_without)
{
	const struct plan *plan;
	enum problem p = accept_sent(&(struct sent){ "POST", ALL,
	    .key = keys[_i].field, .body = NAMED }, NULL, &plan);

	if (keys[_i].key == NULL) {
		ck_assert_int_eq(p, PROBLEM_IDEMPOTENCY_KEY_INVALID);
		return;
	}
	ck_assert_int_eq(p, PROBLEM_NONE);
	ck_assert_str_eq(plan->once->key, keys[_i].key);
	ck_assert_uint_eq(strlen(plan->once->fingerprint), 64);
}
END_TEST

START_TEST(a_key_is_missed_before_the_body_is_read)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_sent(&(struct sent){ "POST", ALL,
	    .body = "{" }, NULL, &plan), PROBLEM_IDEMPOTENCY_KEY_MISSING);
	ck_assert_int_eq(accept_sent(&(struct sent){ "POST", ONE "/close",
	    .key = NULL }, NULL, &plan), PROBLEM_IDEMPOTENCY_KEY_MISSING);
	ck_assert_int_eq(accept_sent(&(struct sent){ "PATCH", ONE,
	    .match = "*", .body = "{\"name\":\"N\"}" }, NULL, &plan),
	    PROBLEM_NONE);
	ck_assert_ptr_null(plan->once);
	/* Where the operation has no word for it, it is not looked at. */
	ck_assert_int_eq(accept_sent(&(struct sent){ "DELETE", ONE,
	    .key = "a b" }, NULL, &plan), PROBLEM_NONE);
	ck_assert_ptr_null(plan->once);
}
END_TEST

/* Requests whose fingerprints all differ. */
static const struct sent different[] = {
	{ "POST", ALL, "k", NULL, NULL, NAMED },
	{ "POST", ALL "?", "k", NULL, NULL, NAMED },
	{ "POST", ALL, "k", NULL, NULL, NAMED " " },
	{ "POST", ONE "/close", "k", NULL, NULL, NULL },
	{ "POST", ONE "/close", "k", NULL, NULL, "{}" },
	{ "PATCH", ONE, "k", "*", NULL, "{\"name\":\"N\"}" },
};

START_TEST(a_fingerprint_is_of_method_target_and_body)
{
	char seen[countof(different)][80];
	const struct plan *plan;

	for (size_t i = 0; i < countof(different); i++) {
		ck_assert_int_eq(accept_sent(&different[i], NULL, &plan),
		    PROBLEM_NONE);
		strcpy(seen[i], plan->once->fingerprint);
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(seen[i], seen[j]);
	}
	/* Neither the key nor its quotes are part of it. */
	ck_assert_int_eq(accept_sent(&(struct sent){ "POST", ALL, "\"other\"",
	    .body = NAMED }, NULL, &plan), PROBLEM_NONE);
	ck_assert_str_eq(plan->once->fingerprint, seen[0]);
}
END_TEST

/* ---- If-Match ---- */

#define TAG "0123456789abcdef0123456789abcdef"

static const struct {
	const char *field;
	const char *tags;	/* with a space after each; NULL = none of it */
} matches[] = {
	{ "\"" TAG "\"", TAG " " },
	{ "W/\"" TAG "\"", TAG " " },
	{ "\"a\",\"b\" ,  W/\"c\"", "a b c " },
	{ ", ,\"a\",,", "a " },
	{ "\"\"", " " },
	{ "\"a,b\"", "a,b " },
	{ "*", "" },
	{ ",", NULL },
	{ "*, \"a\"", NULL },
	{ "\"a\", *", NULL },
	{ TAG, NULL },
	{ "\"a", NULL },
	{ "\"a\" \"b\"", NULL },
	{ "\"a\"b", NULL },
	{ "w/\"a\"", NULL },
	{ "W/ \"a\"", NULL },
	{ "\"a b\"", NULL },
	{ "\"a\\\"b\"", NULL },
};

START_TEST(an_if_match_is_a_list_of_tags_or_a_star)
{
	const struct plan *plan;
	const char *tags = "";
	enum problem p = accept_sent(&(struct sent){ "PATCH", ONE,
	    .match = matches[_i].field, .body = "{\"name\":\"N\"}" }, NULL,
	    &plan);

	if (matches[_i].tags == NULL) {
		ck_assert_int_eq(p, PROBLEM_BAD_REQUEST);
		return;
	}
	ck_assert_int_eq(p, PROBLEM_NONE);
	for (size_t i = 0; i < plan->match_count; i++)
		tags = arena_format(arena, "%s%s ", tags, plan->match[i]);
	ck_assert_str_eq(tags, matches[_i].tags);
}
END_TEST

START_TEST(an_if_match_has_32_tags_at_most)
{
	const struct plan *plan;
	char field[33 * 4 + 1];

	for (size_t i = 0; i < 33; i++)
		strcpy(field + 4 * i, "\"a\",");
	ck_assert_int_eq(accept_sent(&(struct sent){ "DELETE", ONE,
	    .match = field }, NULL, &plan), PROBLEM_BAD_REQUEST);
	field[32 * 4] = '\0';
	ck_assert_int_eq(accept_sent(&(struct sent){ "DELETE", ONE,
	    .match = field }, NULL, &plan), PROBLEM_NONE);
	ck_assert_uint_eq(plan->match_count, 32);
}
END_TEST

START_TEST(a_tag_is_asked_for_before_the_body_is_read)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_sent(&(struct sent){ "PATCH", ONE,
	    .body = "{" }, NULL, &plan), PROBLEM_PRECONDITION_REQUIRED);
	ck_assert_int_eq(accept_sent(&(struct sent){ "DELETE", ONE,
	    .key = NULL }, NULL, &plan), PROBLEM_NONE);
	ck_assert_uint_eq(plan->match_count, 0);
	/* A row that is not there yet has no tag. */
	ck_assert_int_eq(accept_sent(&(struct sent){ "POST", ALL, "k",
	    .match = "nonsense", .body = NAMED }, NULL, &plan), PROBLEM_NONE);
	ck_assert_uint_eq(plan->match_count, 0);
}
END_TEST

/* ---- Prefer ---- */

static const struct {
	const char *method, *target, *body, *prefer;
	bool may_roll_back;
	const char *heard;	/* NULL = PROBLEM_INVALID_PREFERENCE */
} prefers[] = {
	{ "POST", ALL, NAMED, "return=minimal", false, "minimal " },
	{ "POST", ALL, NAMED, "return=representation", false, "" },
	{ "PATCH", ONE, "{\"name\":\"N\"}", "return=minimal", false,
	    "minimal " },
	{ "DELETE", ONE, NULL, "return=minimal", false, "minimal " },
	{ "POST", ONE "/close", NULL, "return=minimal", false, "minimal " },
	{ "GET", ONE, NULL, "return=minimal", false, "" },
	{ "GET", ONE, NULL, "return=minimal, handling=strict", false, NULL },
	{ "POST", ALL, NAMED, "resolution=merge-duplicates", false, "merge " },
	{ "POST", ALL, NAMED, "resolution=ignore-duplicates, "
	    "handling=strict", false, "ignore " },
	{ "DELETE", ONE, NULL, "resolution=merge-duplicates", false, "" },
	{ "DELETE", ONE, NULL, "handling=strict, "
	    "resolution=merge-duplicates", false, NULL },
	{ "POST", ALL, NAMED, "tx=rollback", false, "" },
	{ "POST", ALL, NAMED, "tx=rollback", true, "rollback " },
	{ "POST", ALL, NAMED, "tx=rollback, handling=strict", false, NULL },
	{ "POST", ALL, NAMED, "tx=rollback, handling=strict", true,
	    "rollback " },
	{ "POST", ALL, NAMED, "tx=commit, handling=strict", false, "" },
	{ "GET", ALL, NULL, "tx=rollback", true, "" },
	{ "GET", ALL, NULL, "tx=rollback, handling=strict", true, NULL },
	{ "GET", ALL, NULL, "count=exact", false, "" },
	{ "GET", ALL, NULL, "count=exact, handling=strict", false, NULL },
	{ "GET", ALL, NULL, "wait=10", false, "" },
	{ "GET", ALL, NULL, "wait=10, handling=strict", false, NULL },
	{ "GET", ALL, NULL, "wait=10, handling=lenient", false, "" },
};

START_TEST(a_preference_is_heard_where_it_means_something)
{
	const struct plan *plan;
	enum problem p = accept_sent(&(struct sent){ prefers[_i].method,
	    prefers[_i].target, "k", "*", prefers[_i].prefer,
	    prefers[_i].body },
	    &(struct accept_options){ .rollback = prefers[_i].may_roll_back },
	    &plan);

	if (prefers[_i].heard == NULL) {
		ck_assert_int_eq(p, PROBLEM_INVALID_PREFERENCE);
		return;
	}
	ck_assert_int_eq(p, PROBLEM_NONE);
	ck_assert_str_eq(arena_format(arena, "%s%s%s%s",
	    plan->minimal ? "minimal " : "", plan->merge ? "merge " : "",
	    plan->ignore ? "ignore " : "", plan->rollback ? "rollback " : ""),
	    prefers[_i].heard);
}
END_TEST

/* ---- rows ---- */

static const struct {
	const char *body, *prefer;
	const char *rows;	/* NULL = refused, with these issues */
	const char *issues;
} arrays[] = {
	{ "[" NAMED "]", NULL, "account_id,name ", "" },
	{ "[" NAMED "," ROW(",\"name\":\"M\",\"domain\":null") "]", NULL,
	    "account_id,name account_id,name,domain ", "" },
	{ "[]", NULL, NULL, "\"\":minItems" },
	{ "[" NAMED "," NAMED "," NAMED "," NAMED "]", NULL, NULL,
	    "\"\":maxItems" },
	{ "[" NAMED ",{},3,null]", NULL, NULL, "\"\":maxItems" },
	{ "[" NAMED "," ROW("") ",3]", NULL, NULL,
	    "\"/1/name\":required \"/2\":type" },
	{ "[null,[]," ROW(",\"name\":\"\",\"id\":1") "]", NULL, NULL,
	    "\"/0\":type \"/1\":type \"/2/name\":minLength "
	    "\"/2\":additionalProperties" },
	{ "[" ROW(",\"name\":\"N\",\"tags\":[\"a\",3]") "]", NULL, NULL,
	    "\"/0/tags/1\":type" },
	{ "[" NAMED "," ROW(",\"name\":\"a\\u0000\"") "]", NULL, NULL,
	    "\"/1/name\":syntax" },
	/* What is merged names the same members in each row. */
	{ "[" NAMED "," NAMED "]", "resolution=merge-duplicates",
	    "account_id,name account_id,name ", "" },
	{ "[" NAMED "," ROW(",\"name\":\"M\",\"domain\":null") "," NAMED "]",
	    "resolution=merge-duplicates", NULL, "\"/1\":syntax" },
	{ "[" NAMED "," ROW(",\"name\":\"M\",\"domain\":null") "]",
	    "resolution=ignore-duplicates",
	    "account_id,name account_id,name,domain ", "" },
};

START_TEST(an_array_becomes_rows_or_issues_with_their_index)
{
	const struct plan *plan;
	const char *rows = "";
	enum problem p = accept_sent(&(struct sent){ "POST", ALL, "k", NULL,
	    arrays[_i].prefer, arrays[_i].body }, NULL, &plan);

	ck_assert_str_eq(issues(), arrays[_i].issues);
	if (arrays[_i].rows == NULL) {
		ck_assert_int_eq(p, PROBLEM_VALIDATION_FAILED);
		return;
	}
	ck_assert_int_eq(p, PROBLEM_NONE);
	ck_assert(plan->array && !plan->tag);
	ck_assert_uint_eq(plan->value_count, 0);
	for (size_t r = 0; r < plan->row_count; r++) {
		const struct draft_row *row = &plan->rows[r];

		for (size_t i = 0; i < row->value_count; i++)
			rows = arena_format(arena, "%s%s%s", rows,
			    i > 0 ? "," : "", row->values[i].field->name);
		rows = arena_format(arena, "%s ", rows);
	}
	ck_assert_str_eq(rows, arrays[_i].rows);
}
END_TEST

START_TEST(one_row_is_told_with_its_tag_and_a_list_is_not)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_sent(&(struct sent){ "GET", ONE, .key = NULL }, NULL,
	    &plan), PROBLEM_NONE);
	ck_assert(plan->tag);
	ck_assert_int_eq(accept_sent(&(struct sent){ "POST", ALL, "k",
	    .body = NAMED }, NULL, &plan), PROBLEM_NONE);
	ck_assert(plan->tag && !plan->array);
	ck_assert_int_eq(accept_sent(&(struct sent){ "GET", ALL, .key = NULL }, NULL,
	    &plan), PROBLEM_NONE);
	ck_assert(!plan->tag);
	ck_assert_int_eq(accept_sent(&(struct sent){ "GET", ONE "/health",
	    .key = NULL }, NULL, &plan), PROBLEM_NONE);
	ck_assert(!plan->tag);
}
END_TEST

/* ---- what the contract says ---- */

START_TEST(rates_and_origins_are_known_by_name)
{
	const struct contract_about *about = contract_about(contract);
	size_t count;
	const struct operation *list = contract_operations(contract, &count);

	ck_assert_uint_eq(about->rate_count, 2);
	ck_assert_ptr_eq(list[0].rate, &about->rates[0]);
	ck_assert_ptr_eq(list[2].rate, &about->rates[1]);
	ck_assert_str_eq(list[2].rate->name, "money");
	ck_assert_uint_eq(list[2].rate->burst, 10);
	ck_assert_uint_eq(about->cors.origin_count, 4);
	ck_assert_uint_eq(about->cors.max_age_s, 60);
	ck_assert(about->cors.credentials);
	ck_assert_str_eq(list[1].cache, "private, no-cache");
	ck_assert_ptr_null(list[2].cache);
	ck_assert_uint_eq(list[2].upsert_count, 2);
	ck_assert_str_eq(list[2].upsert[1]->name, "external_id");
}
END_TEST

START_TEST(a_digest_knows_where_its_parts_end)
{
	char a[AUTH_DIGEST_TEXT], b[AUTH_DIGEST_TEXT], none[AUTH_DIGEST_TEXT];

	auth_digest((const struct auth_part[]){ { "ab", 2 }, { "c", 1 } }, 2,
	    a);
	auth_digest((const struct auth_part[]){ { "a", 1 }, { "bc", 2 } }, 2,
	    b);
	ck_assert_str_ne(a, b);
	auth_digest(NULL, 0, none);
	ck_assert_str_eq(none, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b93"
	    "4ca495991b7852b855");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("demand");
	TCase *t = tcase_create("demand");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 20);
#define LOOP(test, table) tcase_add_loop_test(t, test, 0, countof(table))
	LOOP(a_key_is_visible_ascii_with_quotes_or_without, keys);
	tcase_add_test(t, a_key_is_missed_before_the_body_is_read);
	tcase_add_test(t, a_fingerprint_is_of_method_target_and_body);
	LOOP(an_if_match_is_a_list_of_tags_or_a_star, matches);
	tcase_add_test(t, an_if_match_has_32_tags_at_most);
	tcase_add_test(t, a_tag_is_asked_for_before_the_body_is_read);
	LOOP(a_preference_is_heard_where_it_means_something, prefers);
	LOOP(an_array_becomes_rows_or_issues_with_their_index, arrays);
	tcase_add_test(t, one_row_is_told_with_its_tag_and_a_list_is_not);
	tcase_add_test(t, rates_and_origins_are_known_by_name);
	tcase_add_test(t, a_digest_knows_where_its_parts_end);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
