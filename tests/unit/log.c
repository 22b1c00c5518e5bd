/* SPDX-License-Identifier: MIT */
/*
 * Lines that are gathered: their order, that they are whole and none is lost,
 * and when they are written.  (base.c looks at a line itself.)
 *
 * Each line has a number, so that a file tells which lines came in which order.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "run.h"

enum {
	TEXT_MAX = 8 << 20,
	PROCESSES = 3,
	THREADS = 4,
	LINES = 300,	/* of a thread */
};

static char directory[] = "/tmp/log-XXXXXX";
static char path[sizeof(directory) + 8], rotated[sizeof(directory) + 8];
static char text[TEXT_MAX];	/* what is in the log */

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/log", directory);
	snprintf(rotated, sizeof(rotated), "%s/log.1", directory);
	ck_assert(log_open(path, LOG_INFO));
}

static void
teardown(void)
{
	unlink(path);
	unlink(rotated);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void
read_all(int fd)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, text + length, TEXT_MAX - 1 - length)) != 0) {
		ck_assert(n > 0 || errno == EINTR);
		length += n > 0 ? (size_t)n : 0;
	}
	text[length] = '\0';
	close(fd);
}

/* What the file holds, now in `text`. */
static void
look(const char *file)
{
	read_all(open(file, O_RDONLY | O_CLOEXEC));
}

static void
gather(void)
{
	ck_assert(log_gather());
}

static void
say(enum log_level level, int number)
{
	log_event(level, "line", LOG_INT("number", number));
}

/*
 * The next number in `text` from *at on, which moves behind its line; -1 at
 * the end.  All before must be whole lines.
 */
static int
next_number(const char **at)
{
	const char *name = "\"number\":", *end = strchr(*at, '\n'), *found;

	if (**at == '\0')
		return -1;
	ck_assert_msg(end != NULL, "half a line: %s", *at);
	ck_assert_msg(strncmp(*at, "{\"time\":", 8) == 0 && end[-1] == '}',
	    "no line: %.*s", (int)(end - *at), *at);
	found = strstr(*at, name);
	ck_assert(found != NULL && found < end);
	*at = end + 1;
	return atoi(found + strlen(name));
}

/* `text` holds the numbers from 0 up and no other; returns how many. */
static int
count_up(void)
{
	const char *at = text;
	int n, count = 0;

	while ((n = next_number(&at)) >= 0)
		ck_assert_int_eq(n, count++);
	return count;
}

START_TEST(lines_wait_and_are_written_in_time)
{
	uint64_t began_ns;

	gather();
	/* Twice: the thread that writes them goes back to sleep in between. */
	for (int n = 0; n < 2; n++) {
		began_ns = clock_now_ns();
		say(LOG_INFO, n);
		look(path);
		if (clock_now_ns() - began_ns < LOG_WAIT_MS * 1000000)
			ck_assert_int_eq(count_up(), n);
		for (look(path); count_up() == n; look(path))
			sched_yield();
		ck_assert_uint_ge(clock_now_ns() - began_ns,
		    LOG_WAIT_MS * 1000000);
	}
}
END_TEST

START_TEST(a_warning_is_written_at_once_behind_what_waited)
{
	gather();
	for (int n = 0; n < 5; n++)
		say(LOG_INFO, n);
	say(_i == 0 ? LOG_WARN : LOG_ERROR, 5);
	look(path);
	ck_assert_int_eq(count_up(), 6);
}
END_TEST

START_TEST(whole_lines_are_written_when_there_is_no_more_room)
{
	int n = 0;

	gather();
	do {
		say(LOG_INFO, n++);
		look(path);
	} while (text[0] == '\0');
	ck_assert_uint_le(strlen(text), PIPE_BUF);
	ck_assert_int_le(count_up(), n);
	log_finish();
	look(path);
	ck_assert_int_eq(count_up(), n);
}
END_TEST

START_TEST(a_line_longer_than_the_room_keeps_its_place)
{
	char *wide = text;

	gather();
	memset(wide, 'x', 6000);
	wide[6000] = '\0';
	say(LOG_INFO, 0);
	log_event(LOG_INFO, "line", LOG_INT("number", 1), LOG_TEXT("x", wide));
	say(LOG_INFO, 2);
	log_finish();
	look(path);
	ck_assert_int_eq(count_up(), 3);
}
END_TEST

START_TEST(nothing_waits_before_gathering_or_after_the_finish)
{
	say(LOG_INFO, 0);
	look(path);
	ck_assert_int_eq(count_up(), 1);
	gather();
	say(LOG_INFO, 1);
	log_finish();
	look(path);
	ck_assert_int_eq(count_up(), 2);
	say(LOG_INFO, 2);
	look(path);
	ck_assert_int_eq(count_up(), 3);
}
END_TEST

START_TEST(what_waits_goes_to_the_file_before_the_rotation)
{
	gather();
	say(LOG_INFO, 0);
	ck_assert_int_eq(rename(path, rotated), 0);
	say(LOG_INFO, 1);
	ck_assert(log_reopen());
	say(LOG_WARN, 0);
	look(rotated);
	ck_assert_int_eq(count_up(), 2);
	look(path);
	ck_assert_int_eq(count_up(), 1);
}
END_TEST

/* A child says 0..9 and then `more`, of which it may lose the last lines. */
START_TEST(who_is_killed_loses_no_warning_and_what_came_before)
{
	int status, more = _i;
	pid_t pid = fork();

	if (pid == 0) {
		gather();
		for (int n = 0; n < 9; n++)
			say(LOG_INFO, n);
		say(LOG_WARN, 9);
		for (int n = 10; n < 10 + more; n++)
			say(LOG_INFO, n);
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	look(path);
	ck_assert_int_ge(count_up(), 10);
	/* Never more than the room is lost. */
	ck_assert_int_ge(count_up(), 10 + more - PIPE_BUF / 64);
}
END_TEST

/* ---- Several at once. */

static void *
talk(void *first)
{
	for (int n = 0; n < LINES; n++)
		say(n % 97 == 96 ? LOG_WARN : LOG_INFO,
		    *(const int *)first + n);
	return NULL;
}

/* A process whose threads each count up from a number of their own. */
static _Noreturn void
talk_together(int process)
{
	pthread_t thread[THREADS];
	int first[THREADS];

	if (!log_gather())
		_exit(1);
	for (int i = 0; i < THREADS; i++) {
		first[i] = (process * THREADS + i) * LINES;
		if (pthread_create(&thread[i], NULL, talk, &first[i]) != 0)
			_exit(1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	log_finish();
	_exit(0);
}

/* Each thread's lines are all there, once, and in their order. */
static void
ck_all_said(void)
{
	int count[PROCESSES * THREADS] = { 0 }, n;
	const char *at = text;

	while ((n = next_number(&at)) >= 0) {
		ck_assert_int_lt(n, PROCESSES * THREADS * LINES);
		ck_assert_int_eq(n % LINES, count[n / LINES]++);
	}
	for (int i = 0; i < PROCESSES * THREADS; i++)
		ck_assert_int_eq(count[i], LINES);
}

static void
begin_all(void)
{
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			talk_together(i);
	}
}

static void
end_all(void)
{
	int status;

	for (int i = 0; i < PROCESSES; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
}

START_TEST(threads_and_processes_share_a_file)
{
	begin_all();
	end_all();
	look(path);
	ck_all_said();
}
END_TEST

START_TEST(threads_and_processes_share_a_pipe)
{
	int ends[2], kept = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert(log_open("-", LOG_INFO));
	begin_all();
	/* Our own ends of it, so that it has an end. */
	ck_assert_int_eq(dup2(kept, STDERR_FILENO), STDERR_FILENO);
	ck_assert(log_open(path, LOG_INFO));
	close(ends[1]);
	read_all(ends[0]);
	end_all();
	ck_all_said();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("gathered");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, lines_wait_and_are_written_in_time);
	tcase_add_loop_test(tc,
	    a_warning_is_written_at_once_behind_what_waited, 0, 2);
	tcase_add_test(tc,
	    whole_lines_are_written_when_there_is_no_more_room);
	tcase_add_test(tc, a_line_longer_than_the_room_keeps_its_place);
	tcase_add_test(tc, nothing_waits_before_gathering_or_after_the_finish);
	tcase_add_test(tc, what_waits_goes_to_the_file_before_the_rotation);
	tcase_add_loop_test(tc,
	    who_is_killed_loses_no_warning_and_what_came_before, 0, 80);
	tcase_add_test(tc, threads_and_processes_share_a_file);
	tcase_add_test(tc, threads_and_processes_share_a_pipe);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
