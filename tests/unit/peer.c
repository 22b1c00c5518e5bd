/* SPDX-License-Identifier: MIT */
/*
 * Calls to services of others: which addresses a URL may lead to, in every form
 * that leads there, and what hostile or broken replies come to.  The service is
 * a thread that answers one connection after another, each by the next script.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "peer/peer.h"
#include "run.h"

enum { REQUEST_MAX = 65536, ACCEPTED_MAX = 8 };

/* What a connection is answered; then it is closed, or kept. */
struct script {
	const char *text;
	bool drip;		/* a byte each 50 ms */
	bool flood;		/* the body goes on and on */
	bool keep;		/* the connection, for one more request */
	bool mute;		/* says nothing until the other side goes */
};

static struct service {
	int fd;
	unsigned port;
	pthread_t thread;
	const struct script *script;
	char request[REQUEST_MAX];	/* the last one */
	_Atomic unsigned accepted;
} service;

static struct arena *arena;
static struct peer *peer;

/* Reads a request with its body; false when there is none. */
static bool
read_request(int fd)
{
	size_t length = 0, whole = 0;
	char *end, *said;
	ssize_t n;

	for (;;) {
		n = read(fd, service.request + length,
		    sizeof(service.request) - 1 - length);
		if (n <= 0)
			return false;
		length += (size_t)n;
		service.request[length] = '\0';
		end = strstr(service.request, "\r\n\r\n");
		if (end == NULL)
			continue;
		said = strcasestr(service.request, "content-length: ");
		whole = (size_t)(end + 4 - service.request) +
		    (said == NULL ? 0 : strtoul(said + 16, NULL, 10));
		if (length >= whole)
			return true;
	}
}

static bool
say(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

static void
drip(int fd, const char *text)
{
	const struct timespec pause = { 0, 50 * 1000000 };

	for (; *text != '\0' && say(fd, text, 1); text++)
		nanosleep(&pause, NULL);
}

static void
flood(int fd)
{
	static char much[65536];

	memset(much, 'x', sizeof(much));
	while (say(fd, much, sizeof(much)))
		continue;
}

static void
answer(int fd, const struct script *script)
{
	char byte;

	if (script->mute) {
		if (read(fd, &byte, 1) < 0)
			byte = 0;
		return;
	}
	if (script->drip)
		drip(fd, script->text);
	else
		say(fd, script->text, strlen(script->text));
	if (script->flood)
		flood(fd);
}

static void *
serve(void *none)
{
	const struct script *script = service.script;
	int fd;

	(void)none;
	while ((fd = accept(service.fd, NULL, NULL)) >= 0) {
		service.accepted++;
		while (read_request(fd)) {
			answer(fd, script);
			if (!(script++)->keep)
				break;
		}
		close(fd);
	}
	return NULL;
}

/* Begins the service with its scripts, one a request. */
static void
begin(const struct script *script)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(at);

	service.script = script;
	service.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(service.fd, (struct sockaddr *)&at, length), 0);
	ck_assert_int_eq(listen(service.fd, 8), 0);
	getsockname(service.fd, (struct sockaddr *)&at, &length);
	service.port = ntohs(at.sin_port);
	ck_assert_int_eq(pthread_create(&service.thread, NULL, serve, NULL), 0);
}

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	fetch_init();
	arena = arena_new();
	peer = peer_new(NULL);
}

static void
teardown(void)
{
	peer_free(peer);
	arena_free(arena);
}

static struct peer_call
call_of(const char *format)
{
	return (struct peer_call){
		.url = arena_format(arena, "http://%s:%u%s", "127.0.0.1",
		    service.port, format),
		.reach = PEER_ANY, .plain = true, .connect_ms = 1000,
		.timeout_ms = 5000, .reply_max = 1000, .body = "{}",
		.body_length = 2 };
}

static struct peer_reply
exchange(const char *path)
{
	struct peer_call call = call_of(path);

	return peer_exchange(peer, arena, &call);
}

/* ---- Addresses. ---- */

static const struct {
	const char *address;
	bool public;
} addresses[] = {
	{ "0.0.0.0", false }, { "0.1.2.3", false }, { "1.0.0.1", true },
	{ "1.1.1.1", true }, { "8.8.8.8", true }, { "9.255.255.255", true },
	{ "10.0.0.0", false }, { "10.255.255.255", false },
	{ "11.0.0.0", true }, { "100.63.255.255", true },
	{ "100.64.0.0", false }, { "100.100.100.200", false },
	{ "100.127.255.255", false }, { "100.128.0.0", true },
	{ "126.255.255.255", true }, { "127.0.0.1", false },
	{ "127.255.255.255", false }, { "128.0.0.0", true },
	{ "168.63.129.15", true }, { "168.63.129.16", false },
	{ "169.253.255.255", true }, { "169.254.0.0", false },
	{ "169.254.169.254", false }, { "169.255.0.0", true },
	{ "172.15.255.255", true }, { "172.16.0.0", false },
	{ "172.31.255.255", false }, { "172.32.0.0", true },
	{ "192.0.0.0", false }, { "192.0.0.192", false },
	{ "192.0.1.0", true }, { "192.0.2.7", false },
	{ "192.0.3.0", true }, { "192.31.196.1", true },
	{ "192.88.98.255", true }, { "192.88.99.1", false },
	{ "192.167.255.255", true }, { "192.168.0.0", false },
	{ "192.168.255.255", false }, { "192.169.0.0", true },
	{ "198.17.255.255", true }, { "198.18.0.0", false },
	{ "198.19.255.255", false }, { "198.20.0.0", true },
	{ "198.51.100.9", false }, { "203.0.113.9", false },
	{ "203.0.114.0", true }, { "223.255.255.255", true },
	{ "224.0.0.1", false }, { "239.255.255.255", false },
	{ "240.0.0.0", false }, { "255.255.255.255", false },
	{ "::", false }, { "::1", false }, { "::7f00:1", false },
	{ "::8.8.8.8", false }, { "::ffff:127.0.0.1", false },
	{ "::ffff:8.8.8.8", false }, { "::ffff:0:127.0.0.1", false },
	{ "64:ff9b::7f00:1", false }, { "64:ff9b::808:808", false },
	{ "64:ff9b:1::1", false }, { "100::1", false },
	{ "100:0:0:1::1", false }, { "200::1", false },
	{ "1fff:ffff::1", false }, { "2000::1", true },
	{ "2001::1", false }, { "2001:0:53aa:64c::1", false },
	{ "2001:1::1", false }, { "2001:2::1", false },
	{ "2001:3::1", false }, { "2001:4:112::1", false },
	{ "2001:10::1", false }, { "2001:20::1", false },
	{ "2001:2f::1", false }, { "2001:1ff:ffff::1", false },
	{ "2001:200::1", true }, { "2001:db7:ffff::1", true },
	{ "2001:db8::1", false }, { "2001:db9::1", true },
	{ "2001:4860:4860::8888", true }, { "2002::1", false },
	{ "2002:7f00:1::1", false }, { "2003::1", true },
	{ "2606:4700:4700::1111", true }, { "2a00:1450:4001:81b::200e", true },
	{ "3ffd:ffff::1", true }, { "3ffe::1", false }, { "3fff::1", false },
	{ "3fff:fff::1", false }, { "3fff:1000::1", true },
	{ "4000::1", false }, { "5f00::1", false }, { "fc00::1", false },
	{ "fd00:ec2::254", false }, { "fdff::1", false },
	{ "fe80::1", false }, { "febf::1", false }, { "fec0::1", false },
	{ "feff::1", false }, { "ff02::1", false }, { "ff0e::1", false },
};

static bool
is_public(const char *text)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return peer_is_public((struct sockaddr *)&four);
	ck_assert_int_eq(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return peer_is_public((struct sockaddr *)&six);
}

START_TEST(an_address_is_of_the_internet_or_not)
{
	struct sockaddr other = { .sa_family = AF_UNIX };

	for (size_t i = 0; i < countof(addresses); i++)
		ck_assert_msg(is_public(addresses[i].address) ==
		    addresses[i].public, "%s", addresses[i].address);
	ck_assert(!peer_is_public(&other));
}
END_TEST

/* Forms of hosts that lead to 127.0.0.1 or to ::1, of this very port. */
static const char *const inside[] = { "127.0.0.1", "127.1", "127.0.1",
	"0x7f000001", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1",
	"127.0.0.1.", "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.",
	"[::1]", "[0:0::0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
	"[::127.0.0.1]", "[::]", "[64:ff9b::7f00:1]", "%31%32%37.0.0.1",
	"\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1", "127。0。0。1" };

START_TEST(no_form_of_a_host_leads_inside)
{
	struct peer_call call;
	struct peer_reply r;

	begin(&(struct script){ .text = "HTTP/1.1 200 OK\r\n\r\n" });
	call = call_of("/");
	call.reach = PEER_PUBLIC;
	for (size_t i = 0; i < countof(inside); i++) {
		call.url = arena_format(arena, "http://%s:%u/", inside[i],
		    service.port);
		r = peer_exchange(peer, arena, &call);
		ck_assert_msg(r.ending == PEER_REFUSED ||
		    r.ending == PEER_UNREACHABLE, "%s: %s", inside[i],
		    peer_ending_name(r.ending));
		ck_assert_msg(r.cause != NULL && r.status == 0, "%s",
		    inside[i]);
	}
	ck_assert_uint_eq(service.accepted, 0);
}
END_TEST

/* So the table above tests something. */
START_TEST(the_owner_of_the_deployment_may_name_what_is_inside)
{
	static const char *const some[] = { "127.0.0.1", "127.1", "2130706433",
		"0x7f000001", "localhost" };
	static const struct script script[countof(some)] = {
		{ .text = "HTTP/1.0 200 OK\r\n\r\n" },
		{ .text = "HTTP/1.0 201 OK\r\n\r\n" },
		{ .text = "HTTP/1.0 202 OK\r\n\r\n" },
		{ .text = "HTTP/1.0 203 OK\r\n\r\n" },
		{ .text = "HTTP/1.0 204 OK\r\n\r\n" } };
	struct peer_call call;
	struct peer_reply r;

	begin(script);
	call = call_of("/");
	for (size_t i = 0; i < countof(some); i++) {
		call.url = arena_format(arena, "http://%s:%u/", some[i],
		    service.port);
		r = peer_exchange(peer, arena, &call);
		ck_assert_int_eq(r.ending, PEER_ANSWERED);
		ck_assert_uint_eq(r.status, 200 + i);
	}
}
END_TEST

static struct peer_ranges *
ranges_of(const char *text)
{
	struct peer_ranges *ranges;
	struct buf fault;

	buf_init(&fault, 200);
	ranges = peer_ranges_read(text, &fault);
	ck_assert_int_eq(ranges == NULL, fault.length > 0);
	buf_release(&fault);
	return ranges;
}

START_TEST(ranges_are_reached_besides_the_internet)
{
	static const struct script script[] = {
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" } };
	static const char *const none[] = { "", "10.0.0.0/8", "127.0.0.2",
		"127.0.0.0/32", "::/0", "::ffff:127.0.0.1" };
	struct peer_ranges *ranges;
	struct peer_call call;

	begin(script);
	call = call_of("/");
	call.reach = PEER_PUBLIC;
	call.plain = false;
	for (size_t i = 0; i < countof(none); i++) {
		peer_free(peer);
		ranges = ranges_of(none[i]);
		peer = peer_new(ranges);
		ck_assert_int_eq(peer_exchange(peer, arena, &call).ending,
		    PEER_REFUSED);
		peer_ranges_free(ranges);
	}
	ck_assert_uint_eq(service.accepted, 0);
	peer_free(peer);
	ranges = ranges_of(" fd00::/8,127.0.0.0/9 ");
	peer = peer_new(ranges);
	ck_assert_int_eq(peer_exchange(peer, arena, &call).ending,
	    PEER_ANSWERED);
	peer_free(peer);
	peer_ranges_free(ranges);
	peer = NULL;
}
END_TEST

START_TEST(what_is_no_range_is_refused)
{
	static const char *const none[] = { "127.1", "10.0.0.0/33", "localhost",
		"10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1", "::/129", "fe80::1%lo",
		"10.0.0.0/8;10.1.0.0/16" };

	for (size_t i = 0; i < countof(none); i++)
		ck_assert_msg(ranges_of(none[i]) == NULL, "%s", none[i]);
}
END_TEST

/* A connection that was made for one who may is not lent to one who may not. */
START_TEST(kept_connections_are_not_shared_across_reaches)
{
	static const struct script script[] = {
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		    .keep = true },
		{ .text = "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n" } };
	struct peer_call call, other;

	begin(script);
	call = other = call_of("/");
	other.reach = PEER_PUBLIC;
	ck_assert_uint_eq(peer_exchange(peer, arena, &call).status, 200);
	ck_assert_int_eq(peer_exchange(peer, arena, &other).ending,
	    PEER_REFUSED);
	ck_assert_uint_eq(peer_exchange(peer, arena, &call).status, 201);
	ck_assert_uint_eq(service.accepted, 1);
}
END_TEST

START_TEST(a_url_that_may_not_be_is_refused_before_all)
{
	static const char *const refused[] = { "", "x", "/x", "//x/", "http://",
		"ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/",
		"unix:///run/x", "http+unix://%2Frun%2Fx/", "dict://127.0.0.1/",
		"https://user@127.0.0.1/", "https://u:p@127.0.0.1/",
		"https://:p@127.0.0.1/", "https://@127.0.0.1/",
		"http://[fe80::1%25lo]/",
		"http://127.0.0.1:65536/", "http://127.0.0.1:x/",
		"http://a b/", "http://127.0.0.1\r\nHost: x/" };
	struct peer_call call = call_of("/");
	struct peer_reply r;

	for (size_t i = 0; i < countof(refused); i++) {
		call.url = refused[i];
		r = peer_exchange(peer, arena, &call);
		ck_assert_msg(r.ending == PEER_REFUSED ||
		    /* An empty user is none. */
		    strstr(refused[i], "//@") != NULL, "%s: %s", refused[i],
		    peer_ending_name(r.ending));
	}
	call.url = "http://127.0.0.1:1/";
	call.plain = false;
	ck_assert_int_eq(peer_exchange(peer, arena, &call).ending,
	    PEER_REFUSED);
}
END_TEST

START_TEST(ports_of_other_services_are_refused)
{
	struct peer_call call = call_of("/");
	struct peer_reply r;

	call.reach = PEER_PUBLIC;
	call.connect_ms = 1;
	for (unsigned i = 0; i < 3; i++) {
		static const char *const urls[] = { "https://192.0.9.1:25/",
			"https://192.0.9.1:22/", "https://[2600::1]:6667/" };

		call.url = urls[i];
		r = peer_exchange(peer, arena, &call);
		ck_assert_msg(r.ending == PEER_REFUSED, "%s: %s", urls[i],
		    r.cause);
		ck_assert_ptr_nonnull(strstr(r.cause, "port"));
	}
}
END_TEST

START_TEST(headers_cannot_smuggle)
{
	static const struct peer_header bad[] = { { "X", "a\r\nY: b" },
		{ "X\r\nY", "b" }, { "", "b" }, { "X Y", "b" }, { "X:", "b" },
		{ "Content-Length", "0" }, { "transfer-encoding", "chunked" },
		{ "HOST", "x" }, { "Connection", "x" } };
	struct peer_call call;

	begin(&(struct script){ .text = "HTTP/1.1 200 OK\r\n\r\n" });
	call = call_of("/");
	for (size_t i = 0; i < countof(bad); i++) {
		call.headers = &bad[i];
		call.header_count = 1;
		ck_assert_int_eq(peer_exchange(peer, arena, &call).ending,
		    PEER_REFUSED);
	}
	call.header_count = 0;
	call.method = "GET / HTTP/1.1\r\n";
	ck_assert_int_eq(peer_exchange(peer, arena, &call).ending,
	    PEER_REFUSED);
	ck_assert_uint_eq(service.accepted, 0);
}
END_TEST

/* ---- The exchange. ---- */

START_TEST(what_is_said_arrives_and_nothing_else)
{
	static const struct script script[] = { { .text = "HTTP/1.1 202 OK\r\n"
		"Content-Type: text/x\r\nContent-Length: 5\r\n\r\nhe\nlo" } };
	static const struct peer_header headers[] = { { "Webhook-Id", "a" },
		{ "X-Empty", "" } };
	struct peer_call call;
	struct peer_reply r;

	setenv("http_proxy", "http://127.0.0.1:9/", 1);
	begin(script);
	call = call_of("/p?q=1");
	call.headers = headers;
	call.header_count = 2;
	call.method = "PUT";
	r = peer_exchange(peer, arena, &call);
	ck_assert_int_eq(r.ending, PEER_ANSWERED);
	ck_assert_ptr_null(r.cause);
	ck_assert_uint_eq(r.status, 202);
	ck_assert_str_eq(r.type, "text/x");
	ck_assert_str_eq(r.body, "he\nlo");
	ck_assert_uint_eq(r.body_length, 5);
	ck_assert(!r.cut && r.took_ns > 0 && r.retry_after_s == -1);
	ck_assert_str_eq(service.request, arena_format(arena,
	    "PUT /p?q=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
	    "User-Agent: lockstep\r\nAccept: */*\r\nWebhook-Id: a\r\n"
	    "X-Empty:\r\nContent-Length: 2\r\n\r\n{}", service.port));
}
END_TEST

START_TEST(a_redirect_is_an_answer)
{
	static const struct script script[] = {
		{ .text = "HTTP/1.1 302 Found\r\nLocation: /x\r\n"
		    "Content-Length: 0\r\n\r\n", .keep = true },
		{ .text = "HTTP/1.1 200 OK\r\n\r\n" } };
	struct peer_reply r;

	begin(script);
	r = exchange("/");
	ck_assert_int_eq(r.ending, PEER_ANSWERED);
	ck_assert_uint_eq(r.status, 302);
	ck_assert_ptr_nonnull(strstr(service.request, "POST / HTTP"));
}
END_TEST

START_TEST(a_reply_is_cut_at_its_bound)
{
	static const struct script script[] = {
		{ .text = "HTTP/1.1 200 OK\r\n\r\n", .flood = true },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
		    .flood = true },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		    .keep = true },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" } };
	struct peer_call call;
	struct peer_reply r;

	begin(script);
	for (unsigned i = 0; i < 2; i++) {
		r = exchange("/");
		ck_assert_int_eq(r.ending, PEER_ANSWERED);
		ck_assert(r.cut);
		ck_assert_uint_eq(r.body_length, 1000);
		ck_assert_uint_eq(strlen(r.body), 1000);
	}
	call = call_of("/");
	call.reply_max = 3;
	r = peer_exchange(peer, arena, &call);
	ck_assert(r.ending == PEER_ANSWERED && !r.cut && r.body_length == 3);
	call.reply_max = 2;
	r = peer_exchange(peer, arena, &call);
	ck_assert(r.ending == PEER_ANSWERED && r.cut && r.body_length == 2);
}
END_TEST

START_TEST(headers_without_end_are_broken)
{
	char *text = arena_alloc(arena, 200000), *at = text;
	struct script script = { .text = text };

	at += sprintf(at, "HTTP/1.1 200 OK\r\n");
	while (at - text < 100000)
		at += sprintf(at, "X: %0100d\r\n", 0);
	begin(&script);
	ck_assert_int_eq(exchange("/").ending, PEER_BROKEN);
}
END_TEST

START_TEST(a_slow_reply_ends_in_time)
{
	static const struct script script[] = {
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n"
		    "0123456789012345678901234567890123456789", .drip = true },
		{ .mute = true } };
	struct peer_call call;
	struct peer_reply r;

	begin(script);
	call = call_of("/");
	call.timeout_ms = 400;
	for (unsigned i = 0; i < 2; i++) {
		r = peer_exchange(peer, arena, &call);
		ck_assert_int_eq(r.ending, PEER_TIMEOUT);
		ck_assert(r.took_ns < 5000000000u);
	}
}
END_TEST

static void *
stop_soon(void *stop)
{
	const struct timespec pause = { 0, 100 * 1000000 };

	nanosleep(&pause, NULL);
	atomic_store((atomic_bool *)stop, true);
	return NULL;
}

START_TEST(another_thread_stops_it)
{
	static const struct script script[] = { { .mute = true } };
	atomic_bool stop = false;
	struct peer_call call;
	struct peer_reply r;
	pthread_t other;

	begin(script);
	call = call_of("/");
	call.timeout_ms = 30000;
	call.stop = &stop;
	pthread_create(&other, NULL, stop_soon, &stop);
	r = peer_exchange(peer, arena, &call);
	ck_assert_int_eq(r.ending, PEER_STOPPED);
	ck_assert(r.took_ns < 5000000000u);
	pthread_join(other, NULL);
}
END_TEST

static const struct {
	const char *text;
	enum peer_ending ending;
} broken[] = {
	{ "", PEER_BROKEN },
	{ "220 mail ESMTP\r\n", PEER_BROKEN },
	{ "\r\n\r\n", PEER_BROKEN },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", PEER_BROKEN },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
	    PEER_BROKEN },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
	    PEER_BROKEN },
	{ "HTTP/1.1 200 OK\r\nContent-Le", PEER_BROKEN },
	{ "HTTP/1.1 100 Continue\r\n\r\n", PEER_BROKEN },
	{ "HTTP/9.9 200 OK\r\n\r\n", PEER_BROKEN },
};

START_TEST(what_is_no_whole_reply_is_broken)
{
	struct script script[countof(broken)];
	struct peer_reply r;

	for (size_t i = 0; i < countof(broken); i++)
		script[i] = (struct script){ .text = broken[i].text };
	begin(script);
	for (size_t i = 0; i < countof(broken); i++) {
		r = exchange("/");
		ck_assert_msg(r.ending == broken[i].ending, "%s: %s %s",
		    broken[i].text, peer_ending_name(r.ending), r.cause);
		ck_assert_ptr_nonnull(r.cause);
	}
}
END_TEST

START_TEST(nobody_there_is_unreachable)
{
	struct peer_call call;

	begin(&(struct script){ .text = "" });
	call = call_of("/");
	shutdown(service.fd, SHUT_RDWR);
	pthread_join(service.thread, NULL);
	close(service.fd);
	ck_assert_int_eq(peer_exchange(peer, arena, &call).ending,
	    PEER_UNREACHABLE);
	call.url = "http://nobody.invalid/";
	ck_assert_int_eq(peer_exchange(peer, arena, &call).ending,
	    PEER_UNREACHABLE);
}
END_TEST

START_TEST(no_tls_is_unreachable)
{
	struct script script = { .text = "HTTP/1.1 200 OK\r\n\r\n" };
	struct peer_call call;

	begin(&script);
	call = call_of("/");
	call.timeout_ms = 2000;
	call.url = arena_format(arena, "https://127.0.0.1:%u/", service.port);
	ck_assert_int_ne(peer_exchange(peer, arena, &call).ending,
	    PEER_ANSWERED);
}
END_TEST

static const struct {
	const char *value;
	int64_t least, most;
} waits[] = {
	{ "0", 0, 0 }, { "120", 120, 120 }, { " 7 ", 7, 7 },
	{ "99999999999999999999", 999999999, 999999999 },
	{ "-1", -1, -1 }, { "1.5", -1, -1 }, { "soon", -1, -1 }, { "", -1, -1 },
	{ "20260101", 20260101, 20260101 }, { "12:00", -1, -1 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 0, 0 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 0, 0 },
	{ "Sun Nov  6 08:49:37 1994", 0, 0 },
};

static struct peer_reply
wait_of(const char *value)
{
	struct script script = { .text = arena_format(arena,
	    "HTTP/1.1 503 No\r\nretry-AFTER:%s\r\nContent-Length: 0\r\n\r\n",
	    value) };
	struct peer_reply r;

	begin(&script);
	r = exchange("/");
	shutdown(service.fd, SHUT_RDWR);
	pthread_join(service.thread, NULL);
	close(service.fd);
	ck_assert_uint_eq(r.status, 503);
	return r;
}

START_TEST(retry_after_is_seconds_or_a_date)
{
	struct peer_reply r;
	time_t at;
	struct tm tm;
	char date[64];

	for (size_t i = 0; i < countof(waits); i++) {
		r = wait_of(waits[i].value);
		ck_assert_msg(r.retry_after_s >= waits[i].least &&
		    r.retry_after_s <= waits[i].most, "%s: %lld",
		    waits[i].value, (long long)r.retry_after_s);
	}
	at = time(NULL) + 100;
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT",
	    gmtime_r(&at, &tm));
	r = wait_of(date);
	ck_assert(r.retry_after_s > 90 && r.retry_after_s <= 100);
}
END_TEST

static TCase *
guard_case(void)
{
	TCase *tc = tcase_create("guard");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, an_address_is_of_the_internet_or_not);
	tcase_add_test(tc, no_form_of_a_host_leads_inside);
	tcase_add_test(tc,
	    the_owner_of_the_deployment_may_name_what_is_inside);
	tcase_add_test(tc, ranges_are_reached_besides_the_internet);
	tcase_add_test(tc, what_is_no_range_is_refused);
	tcase_add_test(tc, kept_connections_are_not_shared_across_reaches);
	tcase_add_test(tc, a_url_that_may_not_be_is_refused_before_all);
	tcase_add_test(tc, ports_of_other_services_are_refused);
	tcase_add_test(tc, headers_cannot_smuggle);
	return tc;
}

static TCase *
exchange_case(void)
{
	TCase *tc = tcase_create("exchange");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, what_is_said_arrives_and_nothing_else);
	tcase_add_test(tc, a_redirect_is_an_answer);
	tcase_add_test(tc, a_reply_is_cut_at_its_bound);
	tcase_add_test(tc, headers_without_end_are_broken);
	tcase_add_test(tc, a_slow_reply_ends_in_time);
	tcase_add_test(tc, another_thread_stops_it);
	tcase_add_test(tc, what_is_no_whole_reply_is_broken);
	tcase_add_test(tc, nobody_there_is_unreachable);
	tcase_add_test(tc, no_tls_is_unreachable);
	tcase_add_test(tc, retry_after_is_seconds_or_a_date);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("peer");

	suite_add_tcase(suite, guard_case());
	suite_add_tcase(suite, exchange_case());
	return run_suite(suite);
}
