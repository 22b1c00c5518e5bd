/* SPDX-License-Identifier: MIT */
/*
 * Rates: the generic cell rate algorithm call by call, that processes share
 * the counts exactly, and what becomes of the file that holds them.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/siphash.h"
#include "serve/limit.h"
#include "run.h"

static const uint64_t second_ns = 1000000000;

static struct limits *
opened(const char *path, unsigned entries)
{
	struct limits *limits;
	struct buf fault;

	buf_init(&fault, 1000);
	limits = limits_open(path, entries, &fault);
	ck_assert_msg(limits != NULL, "%s", fault.at);
	buf_release(&fault);
	return limits;
}

/* The vectors of the authors' reference: key 0..15, message 0..n-1. */
START_TEST(siphash_gives_the_values_of_its_authors)
{
	static const struct {
		size_t length;
		uint64_t hash;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31u }, { 1, 0x74f839c593dc67fdu },
		{ 7, 0xab0200f58b01d137u }, { 8, 0x93f5f5799a932462u },
		{ 15, 0xa129ca6149be45e5u }, { 63, 0x958a324ceb064572u },
	};
	unsigned char key[16], message[64];

	for (unsigned i = 0; i < 64; i++)
		message[i] = (unsigned char)i;
	memcpy(key, message, sizeof(key));
	for (size_t i = 0; i < countof(rows); i++)
		ck_assert_uint_eq(siphash(key, message, rows[i].length),
		    rows[i].hash);
}
END_TEST

/*
 * Ten in a minute, three at once: each row is a moment, whether a call may
 * come then, what is left, and for how long one must wait.
 */
START_TEST(a_burst_is_taken_at_once_and_comes_back_at_the_rate)
{
	static const struct rate rate = { .name = "r", .count = 10,
		.period_s = 60, .burst = 3 };
	static const struct {
		unsigned at_ms;
		bool taken;
		unsigned remaining, reset_s, retry_s;
	} rows[] = {
		{ 0, true, 2, 6, 0 },
		{ 0, true, 1, 12, 0 },
		{ 0, true, 0, 18, 0 },
		{ 0, false, 0, 18, 6 },
		{ 5999, false, 0, 13, 1 },
		{ 6000, true, 0, 18, 0 },
		{ 6001, false, 0, 18, 6 },
		{ 17999, true, 0, 13, 0 },
		{ 18000, true, 0, 18, 0 },
		{ 18000, false, 0, 18, 6 },
		{ 36000, true, 2, 6, 0 },
		{ 100000, true, 2, 6, 0 },
	};
	struct limits *limits = opened(NULL, 64);
	uint64_t began_ns = 1000 * second_ns;
	struct quota quota;

	for (size_t i = 0; i < countof(rows); i++) {
		ck_assert_msg(limits_take(limits, &rate, "a", began_ns +
		    rows[i].at_ms * (uint64_t)1000000, &quota) ==
		    rows[i].taken, "row %zu", i);
		ck_assert_msg(quota.remaining == rows[i].remaining &&
		    quota.reset_s == rows[i].reset_s &&
		    quota.retry_s == rows[i].retry_s, "row %zu: %u %u %u", i,
		    quota.remaining, quota.reset_s, quota.retry_s);
	}
	limits_close(limits);
}
END_TEST

START_TEST(callers_and_classes_have_quotas_of_their_own)
{
	static const struct rate one = { .name = "one", .count = 1,
		.period_s = 60, .burst = 1 };
	static const struct rate two = { .name = "two", .count = 1,
		.period_s = 60, .burst = 1 };
	struct limits *limits = opened(NULL, 64);
	struct quota quota;

	ck_assert(limits_take(limits, &one, "a", second_ns, &quota));
	ck_assert(limits_take(limits, &one, "b", second_ns, &quota));
	ck_assert(limits_take(limits, &two, "a", second_ns, &quota));
	ck_assert(!limits_take(limits, &one, "a", second_ns, &quota));
	limits_close(limits);
}
END_TEST

START_TEST(a_full_table_forgets_who_is_nearest_to_his_quota)
{
	static const struct rate slow = { .name = "s", .count = 1,
		.period_s = 3600, .burst = 1 };
	static const struct rate fast = { .name = "f", .count = 3600,
		.period_s = 3600, .burst = 1 };
	struct limits *limits = opened(NULL, 8);
	struct quota quota;
	char who[16];

	/* One set of eight: seven who wait for an hour, one for a second. */
	for (int i = 0; i < 7; i++) {
		snprintf(who, sizeof(who), "w%d", i);
		ck_assert(limits_take(limits, &slow, who, second_ns, &quota));
	}
	ck_assert(limits_take(limits, &fast, "x", second_ns, &quota));
	ck_assert(limits_take(limits, &slow, "new", second_ns, &quota));
	for (int i = 0; i < 7; i++) {
		snprintf(who, sizeof(who), "w%d", i);
		ck_assert(!limits_take(limits, &slow, who, second_ns, &quota));
	}
	ck_assert(limits_take(limits, &fast, "x", second_ns, &quota));
	limits_close(limits);
}
END_TEST

/* Children take what they can at one moment; all of them get one burst. */
static unsigned
taken_by_children(struct limits *limits, const struct rate *rate)
{
	enum { CHILDREN = 8, TRIES = 2000 };
	_Atomic unsigned *count = mmap(NULL, sizeof(*count),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct quota quota;
	unsigned sum;

	for (int i = 0; i < CHILDREN; i++) {
		if (fork() != 0)
			continue;
		for (int j = 0; j < TRIES; j++)
			*count += limits_take(limits, rate, "a", second_ns,
			    &quota);
		_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++)
		wait(NULL);
	sum = *count;
	munmap((void *)count, sizeof(*count));
	return sum;
}

START_TEST(processes_together_get_one_burst_exactly)
{
	static const struct rate rate = { .name = "r", .count = 1000,
		.period_s = 1, .burst = 777 };
	struct limits *limits = opened(NULL, 64);

	ck_assert_uint_eq(taken_by_children(limits, &rate), 777);
	limits_close(limits);
}
END_TEST

START_TEST(a_process_that_is_killed_leaves_the_counts_usable)
{
	static const struct rate rate = { .name = "r", .count = 1000000,
		.period_s = 1, .burst = 1000000 };
	struct limits *limits = opened(NULL, 8);
	struct quota quota;
	bool taken;

	for (int i = 0; i < 30; i++) {
		int out[2];
		char byte;
		pid_t pid;

		ck_assert_int_eq(pipe(out), 0);
		if ((pid = fork()) == 0) {
			(void)!write(out[1], "", 1);
			for (uint64_t t = 1;; t++)
				taken = limits_take(limits, &rate, "a",
				    t * second_ns, &quota);
		}
		ck_assert_int_eq(read(out[0], &byte, 1), 1);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(out[0]);
		close(out[1]);
		taken = limits_take(limits, &rate, "a", second_ns, &quota);
		(void)taken;
	}
	limits_close(limits);
}
END_TEST

/* ---- the file ---- */

static char directory[64], path[96];

static void
make_directory(void)
{
	snprintf(directory, sizeof(directory), "/tmp/limit-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/limits", directory);
}

static void
drop_directory(void)
{
	char lock[128];

	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	unlink(path);
	rmdir(directory);
}

static const struct rate once = { .name = "r", .count = 1, .period_s = 60,
	.burst = 1 };

START_TEST(a_file_keeps_the_counts_over_a_restart)
{
	struct limits *limits = opened(path, 64);
	struct quota quota;
	struct stat st;

	ck_assert(limits_take(limits, &once, "a", second_ns, &quota));
	limits_close(limits);
	limits = opened(path, 64);
	ck_assert(!limits_take(limits, &once, "a", second_ns, &quota));
	limits_close(limits);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_file_of_another_size_or_kind_is_replaced_and_never_cut)
{
	struct limits *old = opened(path, 64), *limits;
	struct quota quota;
	FILE *f;

	ck_assert(limits_take(old, &once, "a", second_ns, &quota));
	limits = opened(path, 1024);
	ck_assert(limits_take(limits, &once, "a", second_ns, &quota));
	/* The process that has the old one goes on with it. */
	ck_assert(!limits_take(old, &once, "a", second_ns, &quota));
	limits_close(limits);
	limits_close(old);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs("something else", f);
	fclose(f);
	limits = opened(path, 64);
	ck_assert(limits_take(limits, &once, "a", second_ns, &quota));
	limits_close(limits);
}
END_TEST

START_TEST(a_file_that_cannot_be_is_told_with_its_path)
{
	struct buf fault;

	buf_init(&fault, 1000);
	ck_assert_ptr_null(limits_open("/nonexistent/limits", 64, &fault));
	ck_assert_ptr_nonnull(strstr(fault.at, "/nonexistent/limits"));
	ck_assert_ptr_nonnull(strstr(fault.at, "limit_file"));
	buf_release(&fault);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("limit");
	TCase *rates = tcase_create("rates"), *files = tcase_create("files");

	tcase_add_test(rates, siphash_gives_the_values_of_its_authors);
	tcase_add_test(rates,
	    a_burst_is_taken_at_once_and_comes_back_at_the_rate);
	tcase_add_test(rates, callers_and_classes_have_quotas_of_their_own);
	tcase_add_test(rates,
	    a_full_table_forgets_who_is_nearest_to_his_quota);
	tcase_add_test(rates, processes_together_get_one_burst_exactly);
	tcase_add_test(rates,
	    a_process_that_is_killed_leaves_the_counts_usable);
	tcase_set_timeout(rates, 60);
	tcase_add_checked_fixture(files, make_directory, drop_directory);
	tcase_add_test(files, a_file_keeps_the_counts_over_a_restart);
	tcase_add_test(files,
	    a_file_of_another_size_or_kind_is_replaced_and_never_cut);
	tcase_add_test(files, a_file_that_cannot_be_is_told_with_its_path);
	suite_add_tcase(suite, rates);
	suite_add_tcase(suite, files);
	return run_suite(suite);
}
