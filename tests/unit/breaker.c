/* SPDX-License-Identifier: MIT */
/*
 * The circuit breaker, moment by moment, and that asking a server to cancel
 * ends in time when the server does not listen.
 */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/internal.h"
#include "run.h"

enum { MAX_MS = 2000, FAILURES = 5 };

static const uint64_t ns_per_ms = 1000000;
static struct breaker *breaker;

static void
begin(void)
{
	ck_assert(log_open("/dev/null", LOG_ERROR));
	breaker = breaker_new(MAX_MS);
}

static void
end(void)
{
	breaker_free(breaker);
}

static enum verdict
ask(uint64_t at_ms)
{
	unsigned wait_ms = 0;

	return breaker_ask(breaker, at_ms * ns_per_ms, &wait_ms);
}

static void
let_down(uint64_t at_ms, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		breaker_failed(breaker, "a test", at_ms * ns_per_ms);
}

static void
probed(bool well, uint64_t at_ms)
{
	breaker_probed(breaker, well, at_ms * ns_per_ms);
}

START_TEST(only_failures_in_a_row_open_it)
{
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(ask(0), VERDICT_PASS);
		let_down(0, FAILURES - 1);
		breaker_succeeded(breaker);
	}
	let_down(0, FAILURES - 1);
	ck_assert_int_eq(ask(0), VERDICT_PASS);
	let_down(0, 1);
	ck_assert_int_eq(ask(0), VERDICT_REFUSE);
}
END_TEST

/* The pause is of random length: between half of it and all of it. */
START_TEST(one_probe_goes_after_a_pause_that_doubles_up_to_its_ceiling)
{
	static const unsigned pauses_ms[] = { 500, 1000, 2000, 2000, 2000 };
	uint64_t now_ms = 1000;

	let_down(now_ms, FAILURES);
	for (size_t i = 0; i < countof(pauses_ms); i++) {
		ck_assert_int_eq(ask(now_ms + pauses_ms[i] / 2 - 1),
		    VERDICT_REFUSE);
		now_ms += pauses_ms[i];
		ck_assert_int_eq(ask(now_ms), VERDICT_PROBE);
		for (unsigned n = 0; n < 100; n++)
			ck_assert_int_eq(ask(now_ms + 60000), VERDICT_REFUSE);
		probed(false, now_ms);
	}
	now_ms += MAX_MS;
	ck_assert_int_eq(ask(now_ms), VERDICT_PROBE);
	probed(true, now_ms);
	ck_assert_int_eq(ask(now_ms), VERDICT_PASS);
	/* And from its beginning. */
	let_down(now_ms, FAILURES);
	ck_assert_int_eq(ask(now_ms + 500), VERDICT_PROBE);
}
END_TEST

START_TEST(the_wait_is_told_and_ends_with_the_probe)
{
	unsigned wait_ms = 0;

	let_down(0, FAILURES);
	ck_assert_int_eq(breaker_ask(breaker, 0, &wait_ms), VERDICT_REFUSE);
	ck_assert_uint_ge(wait_ms, 250);
	ck_assert_uint_le(wait_ms, 500);
	ck_assert_int_eq(breaker_ask(breaker, wait_ms * ns_per_ms +
	    ns_per_ms, &wait_ms), VERDICT_PROBE);
	ck_assert_int_eq(breaker_ask(breaker, 1, &wait_ms), VERDICT_REFUSE);
	ck_assert_uint_eq(wait_ms, 0);
}
END_TEST

START_TEST(what_fails_late_neither_prolongs_the_pause_nor_ends_the_probe)
{
	let_down(0, FAILURES);
	let_down(400, 100);
	ck_assert_int_eq(ask(500), VERDICT_PROBE);
	let_down(500, 100);
	ck_assert_int_eq(ask(5000), VERDICT_REFUSE);
	probed(true, 5000);
	ck_assert_int_eq(ask(5000), VERDICT_PASS);
}
END_TEST

/* A statement that hung is answered after all: the database is back. */
START_TEST(any_success_closes_it)
{
	let_down(0, FAILURES);
	breaker_succeeded(breaker);
	ck_assert_int_eq(ask(0), VERDICT_PASS);
	let_down(0, FAILURES);
	ck_assert_int_eq(ask(500), VERDICT_PROBE);
	breaker_succeeded(breaker);
	ck_assert_int_eq(ask(500), VERDICT_PASS);
	/* The probe comes to nothing, and that is one failure less. */
	probed(false, 500);
	ck_assert_int_eq(ask(500), VERDICT_PASS);
}
END_TEST

START_TEST(each_opening_and_each_closing_is_a_turn)
{
	unsigned turn = breaker_turn(breaker);

	let_down(0, FAILURES - 1);
	breaker_succeeded(breaker);
	ck_assert_uint_eq(breaker_turn(breaker), turn);
	let_down(0, 2 * FAILURES);
	ck_assert_uint_eq(breaker_turn(breaker), turn + 1);
	ck_assert_int_eq(ask(500), VERDICT_PROBE);
	probed(false, 500);
	ck_assert_uint_eq(breaker_turn(breaker), turn + 1);
	breaker_succeeded(breaker);
	breaker_succeeded(breaker);
	ck_assert_uint_eq(breaker_turn(breaker), turn + 2);
}
END_TEST

START_TEST(a_short_ceiling_holds_for_the_first_pause)
{
	breaker_free(breaker);
	breaker = breaker_new(10);
	let_down(0, FAILURES);
	ck_assert_int_eq(ask(4), VERDICT_REFUSE);
	ck_assert_int_eq(ask(10), VERDICT_PROBE);
}
END_TEST

START_TEST(none_is_closed)
{
	unsigned wait_ms;

	for (unsigned i = 0; i < 2 * FAILURES; i++)
		breaker_failed(NULL, "a test", 0);
	breaker_succeeded(NULL);
	ck_assert_int_eq(breaker_ask(NULL, 0, &wait_ms), VERDICT_PASS);
	ck_assert_uint_eq(breaker_turn(NULL), 0);
}
END_TEST

struct crowd {
	pthread_barrier_t start;
	_Atomic unsigned probes;
};

static void *
crowd_ask(void *arg)
{
	struct crowd *crowd = arg;

	pthread_barrier_wait(&crowd->start);
	for (unsigned i = 0; i < 1000; i++)
		if (ask(500) == VERDICT_PROBE)
			atomic_fetch_add(&crowd->probes, 1);
	return NULL;
}

START_TEST(of_many_threads_one_has_the_probe)
{
	struct crowd crowd = { .probes = 0 };
	pthread_t thread[8];

	pthread_barrier_init(&crowd.start, NULL, countof(thread));
	let_down(0, FAILURES);
	for (size_t i = 0; i < countof(thread); i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, crowd_ask,
		    &crowd), 0);
	for (size_t i = 0; i < countof(thread); i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&crowd.start);
	ck_assert_uint_eq(atomic_load(&crowd.probes), 1);
}
END_TEST

/* A server that lets connections wait and never takes one by itself. */
struct server {
	char directory[40], path[80];
	int fd;
	struct store store;
};

static void
server_begin(struct server *s)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char text[120];

	*s = (struct server){ .directory = "/tmp/breaker-unit-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(s->directory));
	snprintf(s->path, sizeof(s->path), "%s/.s.PGSQL.5432", s->directory);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", s->path);
	s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(s->fd, 8), 0);
	snprintf(text, sizeof(text), "host=%s port=5432 user=u dbname=d",
	    s->directory);
	s->store.connection = PQconnectStart(text);
	ck_assert_int_ge(PQsocket(s->store.connection), 0);
}

static void
server_end(struct server *s)
{
	PQfinish(s->store.connection);
	cancel_forget(&s->store);
	close(s->fd);
	unlink(s->path);
	rmdir(s->directory);
}

/* Takes what waits and hangs up; returns whether it was a cancel. */
static bool
server_take(const struct server *s)
{
	static const unsigned char cancel[] = { 0, 0, 0, 16, 4, 210, 22, 46 };
	unsigned char got[16];
	int fd = accept(s->fd, NULL, NULL);
	bool is = recv(fd, got, sizeof(got), MSG_WAITALL) == sizeof(got) &&
	    memcmp(got, cancel, sizeof(cancel)) == 0;

	close(fd);
	return is;
}

/* Does somebody wait for it to take a connection? */
static bool
is_waited_for(const struct server *s)
{
	struct pollfd fd = { .fd = s->fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

static void *
serve_two(void *arg)
{
	/* The first is the session's own. */
	close(accept(((struct server *)arg)->fd, NULL, NULL));
	return server_take(arg) ? arg : NULL;
}

static uint64_t
soon_ns(unsigned ms)
{
	return clock_now_ns() + ms * ns_per_ms;
}

START_TEST(a_cancel_is_done_when_the_server_has_taken_it)
{
	struct server s;
	pthread_t thread;
	void *taken;

	server_begin(&s);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve_two, &s), 0);
	ck_assert(cancel_within(&s.store, soon_ns(10000)));
	pthread_join(thread, &taken);
	ck_assert_ptr_eq(taken, &s);
	ck_assert_ptr_null(s.store.cancel);
	server_end(&s);
}
END_TEST

/*
 * Without a bound the test would not end.  While the first request hangs none
 * is added to it, and when the server has taken it the next one goes.
 */
START_TEST(a_server_that_does_not_listen_holds_nobody)
{
	struct server s;

	server_begin(&s);
	ck_assert(!cancel_within(&s.store, soon_ns(20)));
	for (unsigned i = 0; i < 100; i++)
		ck_assert(!cancel_within(&s.store, soon_ns(60000)));
	close(accept(s.fd, NULL, NULL));
	ck_assert(server_take(&s));
	ck_assert(!is_waited_for(&s));
	while (!is_waited_for(&s))
		ck_assert(!cancel_within(&s.store, soon_ns(1)));
	ck_assert(server_take(&s));
	server_end(&s);
}
END_TEST

START_TEST(a_store_may_go_before_its_cancel)
{
	struct server s;

	server_begin(&s);
	ck_assert(!cancel_within(&s.store, soon_ns(20)));
	cancel_forget(&s.store);
	ck_assert_ptr_null(s.store.cancel);
	close(accept(s.fd, NULL, NULL));
	ck_assert(server_take(&s));
	server_end(&s);
}
END_TEST

static TCase *
breaker_case(void)
{
	TCase *tc = tcase_create("breaker");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, only_failures_in_a_row_open_it);
	tcase_add_test(tc,
	    one_probe_goes_after_a_pause_that_doubles_up_to_its_ceiling);
	tcase_add_test(tc, the_wait_is_told_and_ends_with_the_probe);
	tcase_add_test(tc,
	    what_fails_late_neither_prolongs_the_pause_nor_ends_the_probe);
	tcase_add_test(tc, any_success_closes_it);
	tcase_add_test(tc, each_opening_and_each_closing_is_a_turn);
	tcase_add_test(tc, a_short_ceiling_holds_for_the_first_pause);
	tcase_add_test(tc, none_is_closed);
	tcase_add_test(tc, of_many_threads_one_has_the_probe);
	return tc;
}

static TCase *
cancel_case(void)
{
	TCase *tc = tcase_create("cancel");

	tcase_add_test(tc, a_cancel_is_done_when_the_server_has_taken_it);
	tcase_add_test(tc, a_server_that_does_not_listen_holds_nobody);
	tcase_add_test(tc, a_store_may_go_before_its_cancel);
	tcase_set_timeout(tc, 30);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("breaker");

	suite_add_tcase(suite, breaker_case());
	suite_add_tcase(suite, cancel_case());
	return run_suite(suite);
}
