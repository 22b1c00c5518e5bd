/* SPDX-License-Identifier: MIT */
/*
 * The gate before a database: what was found of one is never taken for what
 * another is, and who comes before the look waits for it, but not in vain.
 */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/internal.h"
#include "run.h"

enum {
	DATABASES = 16,		/* that a gate remembers */
	SOON_MS = 1900,		/* less than anybody waits for a look */
	TRIES = 5,		/* of a process that may stand still so long */
};

static struct gate *gate;
static struct store_options options;
static struct arena *arena;
static struct scope scope;

static void
begin(void)
{
	gate = gate_new();
	options = (struct store_options){ .gate = gate };
	arena = arena_new();
	scope_init(&scope, arena);
}

static void
end(void)
{
	arena_free(arena);
	gate_free(gate);
}

/* A store that is connected to the database. */
static struct store
at(const char *identity)
{
	return (struct store){ .options = &options,
		.identity = gate_identity(identity) };
}

static bool
is_clear(const char *identity)
{
	struct store st = at(identity);

	return gate_is_clear(&st);
}

static enum problem
admit(struct store st, uint64_t *ret_ms)
{
	uint64_t began = clock_now_ns();
	enum problem p = gate_admit(&scope, &st);

	*ret_ms = (clock_now_ns() - began) / 1000000;
	return p;
}

START_TEST(what_was_not_looked_at_is_not_clear)
{
	ck_assert(!is_clear("1 16384"));
	gate_settle(gate, "1 16384", GATE_CLEAR);
	ck_assert(is_clear("1 16384"));
	ck_assert(!is_clear("1 16385"));
	ck_assert(!is_clear("2 16384"));
}
END_TEST

START_TEST(the_last_look_counts)
{
	uint64_t ms;

	gate_settle(gate, "a", GATE_CLEAR);
	gate_settle(gate, "a", GATE_UNSAFE);
	ck_assert(!is_clear("a"));
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_UNAVAILABLE);
	ck_assert_str_eq(scope.cause, "the database is unsafe to serve: "
	    "lockstep check tells why");
	gate_settle(gate, "a", GATE_CLEAR);
	ck_assert(is_clear("a"));
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_NONE);
}
END_TEST

START_TEST(one_that_is_forgotten_is_unknown_and_nothing_else)
{
	char name[16];

	gate_settle(gate, "first", GATE_CLEAR);
	for (unsigned i = 0; i < DATABASES; i++) {
		snprintf(name, sizeof(name), "%u", i);
		gate_settle(gate, name, i % 2 ? GATE_CLEAR : GATE_UNSAFE);
	}
	ck_assert(!is_clear("first"));
	for (unsigned i = 0; i < DATABASES; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ck_assert_int_eq(is_clear(name), i % 2);
	}
}
END_TEST

START_TEST(who_meets_an_unknown_one_asks_once)
{
	uint64_t ms;

	gate_failed(gate);
	ck_assert(!gate_asked(gate));
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_UNAVAILABLE);
	ck_assert_str_eq(scope.cause, "the database has not been checked yet");
	ck_assert(gate_asked(gate));
	ck_assert(!gate_asked(gate));
}
END_TEST

START_TEST(nobody_waits_after_a_look_that_failed)
{
	uint64_t ms;

	gate_failed(gate);
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_UNAVAILABLE);
	ck_assert_uint_lt(ms, SOON_MS);
	gate_settle(gate, "b", GATE_CLEAR);
	scope.deadline_ns = clock_now_ns() + 50 * 1000000;
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_UNAVAILABLE);
	ck_assert_uint_ge(clock_now_ns(), scope.deadline_ns);
}
END_TEST

START_TEST(nobody_waits_for_what_can_be_done_without)
{
	struct store st = at("a");
	uint64_t ms;

	st.spare = true;
	ck_assert_int_eq(admit(st, &ms), PROBLEM_UNAVAILABLE);
	ck_assert_uint_lt(ms, SOON_MS);
	ck_assert(gate_asked(gate));
}
END_TEST

/* Many meet it at once, and some of them while it is being looked at. */
START_TEST(what_a_look_has_answered_asks_for_no_other)
{
	uint64_t ms;

	gate_failed(gate);
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_UNAVAILABLE);
	gate_settle(gate, "b", GATE_CLEAR);
	ck_assert(gate_asked(gate));
	gate_failed(gate);
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_UNAVAILABLE);
	gate_settle(gate, "a", GATE_UNSAFE);
	ck_assert(!gate_asked(gate));
}
END_TEST

/* As in a server: the parent looks, and its children wait. */
START_TEST(a_look_of_another_process_ends_the_wait)
{
	uint64_t ms;
	int status = 1;
	char name[16];
	pid_t pid;

	for (unsigned i = 0; i < TRIES && status != 0; i++) {
		snprintf(name, sizeof(name), "%u", i);
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			_exit(admit(at(name), &ms) == PROBLEM_NONE ? 0 : 1);
		while (!gate_asked(gate))
			sched_yield();
		gate_settle(gate, name, GATE_CLEAR);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status));
	}
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(without_a_gate_all_are_clear)
{
	uint64_t ms;

	options.gate = NULL;
	ck_assert(is_clear("a"));
	ck_assert_int_eq(admit(at("a"), &ms), PROBLEM_NONE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gate");
	TCase *tc = tcase_create("gate");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, what_was_not_looked_at_is_not_clear);
	tcase_add_test(tc, the_last_look_counts);
	tcase_add_test(tc, one_that_is_forgotten_is_unknown_and_nothing_else);
	tcase_add_test(tc, who_meets_an_unknown_one_asks_once);
	tcase_add_test(tc, nobody_waits_after_a_look_that_failed);
	tcase_add_test(tc, nobody_waits_for_what_can_be_done_without);
	tcase_add_test(tc, what_a_look_has_answered_asks_for_no_other);
	tcase_add_test(tc, a_look_of_another_process_ends_the_wait);
	tcase_add_test(tc, without_a_gate_all_are_clear);
	tcase_set_timeout(tc, 30);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
