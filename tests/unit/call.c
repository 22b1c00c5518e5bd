/* SPDX-License-Identifier: MIT */
/*
 * What goes between a job and a service, against the contract of
 * tests/golden/jobs: which requests `prepare` may say, and which replies
 * `returns` allows.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "contract/contract.h"
#include "run.h"

static struct arena *arena;
static struct scope scope;
static struct contract *contract;
static struct job_kind tell;		/* thing.tell, of http */

static void
setup(void)
{
	const char *top = getenv("SRCDIR");
	struct buf faults;

	arena = arena_new();
	scope_init(&scope, arena);
	buf_init(&faults, 65536);
	contract = contract_load(arena_format(arena, "%s/tests/golden/jobs",
	    top != NULL ? top : "."), &faults);
	ck_assert_msg(contract != NULL, "%s", faults.at);
	buf_release(&faults);
	tell = *contract_job(contract, "thing.tell");
}

static void
teardown(void)
{
	contract_free(contract);
	arena_free(arena);
}

/* Texts, or part of the cause; a kind of ours has no url. */
static const struct {
	const char *said, *fault;
	bool ours;
} requests[] = {
	{ "{}", NULL, false },
	{ "{\"path\":\"/a/b%20c;v=1\",\"query\":\"a=b&c=%22\"}", NULL, false },
	{ "{\"method\":\"PUT\",\"text\":\"hello\"}", NULL, false },
	{ "{\"headers\":{\"X-A\":\"b c\",\"Accept\":\"text/html\"}}", NULL,
	    false },
	{ "{\"body\":null}", NULL, false },
	{ "{\"skip\":true,\"path\":null}", NULL, false },
	{ "", "prepare: ", false },
	{ "[]", "must be an object", false },
	{ "{\"path\":\"a\"}", "path must begin", false },
	{ "{\"path\":\"//host/\\u0000\"}", "path must be", false },
	{ "{\"path\":\"/a b\"}", "path must begin", false },
	{ "{\"path\":\"/a?b\"}", "path must begin", false },
	{ "{\"path\":\"/a#b\"}", "path must begin", false },
	{ "{\"path\":\"/a\\r\\nHost: x\"}", "path must begin", false },
	{ "{\"path\":\"/../admin\"}", "path must begin", false },
	{ "{\"path\":\"/a/..\"}", "path must begin", false },
	{ "{\"path\":\"/%2E%2e/admin\"}", "path must begin", false },
	{ "{\"path\":\"/a..b/...\"}", NULL, false },
	{ "{\"path\":1}", "path must be", false },
	{ "{\"query\":\"a b\"}", "query must be", false },
	{ "{\"query\":\"a#b\"}", "query must be", false },
	{ "{\"method\":\"get\"}", "method must be", false },
	{ "{\"method\":\"GET \"}", "method must be", false },
	{ "{\"headers\":[]}", "headers must be", false },
	{ "{\"headers\":{\"Host\":\"x\"}}", "header's name", false },
	{ "{\"headers\":{\"idempotency-key\":\"x\"}}", "header's name", false },
	{ "{\"headers\":{\"Webhook-Id\":\"x\"}}", "header's name", false },
	{ "{\"headers\":{\"Content-Length\":\"0\"}}", "header's name", false },
	{ "{\"headers\":{\"X A\":\"x\"}}", "header's name", false },
	{ "{\"headers\":{\"X\":\"a\\nb\"}}", "header's value", false },
	{ "{\"headers\":{\"X\":1}}", "header must be", false },
	{ "{\"body\":{},\"text\":\"\"}", "cannot both", false },
	{ "{\"text\":{}}", "text must be", false },
	{ "{\"url\":\"https://a.example/\",\"destination\":\"endpoint:1\","
	    "\"sign\":{\"id\":\"msg_1\",\"keys\":\"whsec_x\"}}", NULL, true },
	{ "{\"skip\":true}", NULL, true },
	{ "{\"url\":\"https://a.example/\"}", "url and destination", true },
	{ "{\"destination\":\"x\"}", "url and destination", true },
	{ "{\"url\":\"u\",\"destination\":\"x\",\"sign\":{}}", "sign needs",
	    true },
	{ "{\"url\":\"u\",\"destination\":\"x\",\"sign\":1}", "sign must be",
	    true },
};

START_TEST(a_request_is_what_prepare_says_or_none)
{
	struct job_request r;
	enum problem p;

	tell.url = requests[_i].ours ? NULL : "TELLER_URL";
	p = contract_job_request(&scope, &tell, requests[_i].said, &r);
	if (requests[_i].fault == NULL) {
		ck_assert_msg(p == PROBLEM_NONE, "%s: %s", requests[_i].said,
		    scope.cause);
		return;
	}
	ck_assert_int_eq(p, PROBLEM_INTERNAL);
	ck_assert_msg(strstr(scope.cause, requests[_i].fault) != NULL,
	    "%s: %s", requests[_i].said, scope.cause);
}
END_TEST

START_TEST(the_parts_of_a_request_are_told)
{
	struct job_request r;

	ck_assert_int_eq(contract_job_request(&scope, &tell, "{\"path\":\"/p\","
	    "\"query\":\"q\",\"method\":\"PUT\",\"headers\":{\"A\":\"1\","
	    "\"B\":\"2\"},\"body\":{\"n\":1.10,\"t\":[]}}", &r), PROBLEM_NONE);
	ck_assert_str_eq(r.path, "/p");
	ck_assert_str_eq(r.query, "q");
	ck_assert_str_eq(r.method, "PUT");
	ck_assert_uint_eq(r.header_count, 2);
	ck_assert_str_eq(r.headers[1].name, "B");
	ck_assert_str_eq(r.headers[1].value, "2");
	ck_assert_str_eq(r.body, "{\"n\":1.10,\"t\":[]}");
	ck_assert_uint_eq(r.body_length, strlen(r.body));
	ck_assert(r.json && !r.skip);
	ck_assert_int_eq(contract_job_request(&scope, &tell,
	    "{\"text\":\"a\",\"skip\":true}", &r), PROBLEM_NONE);
	ck_assert_str_eq(r.body, "a");
	ck_assert(!r.json && r.skip);
}
END_TEST

/* What `returns` (an object with a name) takes, and what without it is JSON. */
static const struct {
	const char *reply;
	bool fits, json;
} replies[] = {
	{ "{\"name\":\"x\"}", true, true },
	{ " {\"name\":\"x\",\"more\":[1]}\n", true, true },
	{ "{\"name\":1}", false, true },
	{ "{}", false, true },
	{ "[]", false, true },
	{ "", false, false },
	{ "<p>", false, false },
	{ "{\"name\":\"x\"", false, false },
	{ "{\"name\":\"\\u0000\"}", false, false },
	{ "{\"name\":\"\\\\u0000\"}", true, true },
	{ "{\"name\":\"\\ud800\"}", false, false },
	{ "{\"name\":\"\xff\"}", false, false },
	{ "{\"name\":\"x\",\"name\":\"y\"}", false, false },
};

START_TEST(a_reply_is_judged_by_what_the_kind_returns)
{
	const char *text = replies[_i].reply, *result = NULL;
	enum problem p = contract_job_reply(&scope, &tell, text, strlen(text),
	    &result);

	ck_assert_int_eq(p, replies[_i].fits ? PROBLEM_NONE :
	    PROBLEM_VALIDATION_FAILED);
	if (replies[_i].fits)
		ck_assert_str_eq(result, text);
	else
		ck_assert(scope.issue_count > 0 || scope.cause != NULL);
	tell.returns = NULL;
	result = "";
	ck_assert_int_eq(contract_job_reply(&scope, &tell, text, strlen(text),
	    &result), PROBLEM_NONE);
	ck_assert(replies[_i].json ? strcmp(result, text) == 0 :
	    result == NULL);
}
END_TEST

/* What the worker adds goes where an operation has it, and nowhere else. */
START_TEST(added_arguments_go_where_they_are_taken)
{
	const struct job_argument more[] = { { "job_id", "7" },
		{ "result", NULL }, { "reason", "x" }, { "thing_id", "y" },
		{ "attempt", "2" }, { "code", "503" } };
	const char *args = "{\"thing_id\":\"7f3c2f0e-4a7b-4c0e-9d5c-"
	    "0b8a4a1d2e3f\"}";
	const struct input *input;

	ck_assert_int_eq(contract_accept_job(&scope, &tell.call, args, more,
	    countof(more), &input), PROBLEM_NONE);
	ck_assert_uint_eq(input_plan(input)->value_count, 3);
	ck_assert_str_eq(input_plan(input)->values[1].text, "7");
	ck_assert_ptr_null(input_plan(input)->values[2].text);
	ck_assert_int_eq(contract_accept_job(&scope, tell.failed, args, more,
	    countof(more), &input), PROBLEM_NONE);
	ck_assert_uint_eq(input_plan(input)->value_count, 4);
	ck_assert_int_eq(contract_accept_job(&scope, tell.prepare, args, more,
	    countof(more), &input), PROBLEM_NONE);
	ck_assert_uint_eq(input_plan(input)->value_count, 1);
}
END_TEST

START_TEST(pauses_may_be_said_one_by_one)
{
	ck_assert_uint_eq(tell.backoff_step_count, 3);
	ck_assert_uint_eq(tell.backoff_steps_ms[2], 300000);
	ck_assert_uint_eq(contract_job(contract,
	    "thing.mend")->backoff_step_count, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("call");
	TCase *all = tcase_create("call");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, a_request_is_what_prepare_says_or_none, 0,
	    countof(requests));
	tcase_add_test(all, the_parts_of_a_request_are_told);
	tcase_add_loop_test(all, a_reply_is_judged_by_what_the_kind_returns, 0,
	    countof(replies));
	tcase_add_test(all, added_arguments_go_where_they_are_taken);
	tcase_add_test(all, pauses_may_be_said_one_by_one);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
