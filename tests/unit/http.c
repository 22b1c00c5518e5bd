/* SPDX-License-Identifier: MIT */
/*
 * http/ without a server: what becomes of FastCGI parameters, and what a reply
 * looks like on the wire.  A row is a case; `ok` rows say what must come out,
 * the others must be refused.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"
#include "http/internal.h"
#include "run.h"

static struct arena *memory;
static struct scope scope;
static struct request rq;

static void
setup(void)
{
	memory = arena_new();
	scope_init(&scope, memory);
}

static void
teardown(void)
{
	arena_free(memory);
}

/* Parses parameters, up to four beside the method and the target. */
static enum problem
parse_with(const char *target, const char *a, const char *b)
{
	char *params[8];
	size_t n = 0;

	params[n++] = (char *)"REQUEST_METHOD=GET";
	if (target != NULL)
		params[n++] = arena_format(memory, "REQUEST_URI=%s", target);
	if (a != NULL)
		params[n++] = (char *)a;
	if (b != NULL)
		params[n++] = (char *)b;
	params[n] = NULL;
	return http_parse(&scope, params, "body", 4, &rq);
}

static enum problem
parse(const char *target)
{
	return parse_with(target, NULL, NULL);
}

static const char *
repeat(const char *piece, unsigned n)
{
	char *at = arena_alloc(memory, strlen(piece) * n + 1), *end = at;

	while (n-- > 0)
		end = stpcpy(end, piece);
	return at;
}

static const struct {
	const char *target, *path;
	size_t segments;
} good_paths[] = {
	{ "/", "/", 0 },
	{ "/?", "/", 0 },
	{ "/?a=//../%2F", "/", 0 },
	{ "/a", "/a", 1 },
	{ "/api/letters/1", "/api/letters/1", 3 },
	{ "/api/letters?x", "/api/letters", 2 },
	{ "/%61pi", "/api", 1 },
	{ "/%252e%252e", "/%2e%2e", 1 },
	{ "/%252F", "/%2F", 1 },
	{ "/a%20b", "/a b", 1 },
	{ "/a+b", "/a+b", 1 },
	{ "/a%3Fb", "/a?b", 1 },
	{ "/a%23b", "/a#b", 1 },
	{ "/a&b=c", "/a&b=c", 1 },
	{ "/%C3%A4", "/\xc3\xa4", 1 },
	{ "/\xc3\xa4", "/\xc3\xa4", 1 },
	{ "/%F0%9F%92%8C", "/\xf0\x9f\x92\x8c", 1 },
	{ "/...", "/...", 1 },
	{ "/.a", "/.a", 1 },
	{ "/a.", "/a.", 1 },
	{ "/a;b=/c", "/a;b=/c", 2 },
	{ "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",
	    "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", 16 },
};

START_TEST(a_good_path_is_decoded_once)
{
	ck_assert_int_eq(parse(good_paths[_i].target), PROBLEM_NONE);
	ck_assert_str_eq(rq.path, good_paths[_i].path);
	ck_assert_uint_eq(rq.segments, good_paths[_i].segments);
	ck_assert_str_eq(rq.target, good_paths[_i].target);
}
END_TEST

static const char *const bad_targets[] = {
	"", "a", "*", "?", "?a=1", "http://h/p", "https://h", "h:443", "//",
	"//a", "/a//b", "/a/", "/a/b/", "/a/?x=1", "/./a", "/a/.", "/a/..",
	"/../a", "/..", "/.", "/a/../b", "/%2e", "/%2E", "/%2e%2e", "/%2E%2e",
	"/.%2e", "/a/%2e%2e/b", "/a%2Fb", "/a%2fb", "/%2F", "/a%5Cb", "/a%5cb",
	"/a\\b", "/..\\a", "/a%00", "/%00", "/a%0a", "/a%0d%0a", "/a%1f",
	"/a%7f", "/a%7F", "/a\tb", "/%", "/%2", "/%zz", "/%2g", "/%%32%65",
	"/% 1", "/%+1", "/%-1", "/%80", "/%C3", "/%C3%28", "/%C0%AE",
	"/%C0%AE%C0%AE", "/%C0%AF", "/%E0%80%AF", "/%F0%80%80%AF", "/%ED%A0%80",
	"/%F4%90%80%80", "/%FE", "/%FF", "/\xc0\xaf", "/\xff", "/a#b", "/#",
	"/a?b#c", "/%u002f", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17",
	"/a%2F%2e%2e%2Fb", "/%5C%5C", "\\", "/a?b=%zz", "/a?%", "/a?b=%00",
	"/a?b=%0a", "/a?b=%C0%AF", "/a?b=%ff", "/a?%00=b", "/a?b=\x01",
};

START_TEST(a_bad_target_is_refused)
{
	ck_assert_msg(parse(bad_targets[_i]) == PROBLEM_BAD_REQUEST,
	    "\"%s\" is taken, path \"%s\"", bad_targets[_i], rq.path);
	ck_assert_ptr_nonnull(scope.cause);
	ck_assert_str_eq(rq.method_text, "GET");
	ck_assert_uint_gt(strlen(scope.request_id), 0);
}
END_TEST

START_TEST(a_target_is_as_long_as_it_may_be_and_no_longer)
{
	const char *most = arena_format(memory, "/%s",
	    repeat("a", HTTP_TARGET_MAX - 1));

	ck_assert_int_eq(parse(most), PROBLEM_NONE);
	ck_assert_uint_eq(strlen(rq.path), HTTP_TARGET_MAX);
	ck_assert_int_eq(parse(arena_format(memory, "%sa", most)),
	    PROBLEM_URI_TOO_LONG);
	ck_assert_str_eq(rq.path, "");
}
END_TEST

START_TEST(a_request_without_a_target_is_refused)
{
	ck_assert_int_eq(parse(NULL), PROBLEM_BAD_REQUEST);
	ck_assert_str_eq(rq.target, "");
	ck_assert_str_eq(rq.query, "");
}
END_TEST

static const struct {
	const char *query;
	struct parameter want[4];
} queries[] = {
	{ "", { { 0 } } },
	{ "&", { { 0 } } },
	{ "&&&", { { 0 } } },
	{ "a", { { "a", "" } } },
	{ "a=", { { "a", "" } } },
	{ "=b", { { "", "b" } } },
	{ "=", { { "", "" } } },
	{ "a=b", { { "a", "b" } } },
	{ "a=b&c=d", { { "a", "b" }, { "c", "d" } } },
	{ "&a=b&&c=d&", { { "a", "b" }, { "c", "d" } } },
	{ "a=b&a=c", { { "a", "b" }, { "a", "c" } } },
	{ "a=b=c", { { "a", "b=c" } } },
	{ "a=b?c", { { "a", "b?c" } } },
	{ "a=b+c", { { "a", "b c" } } },
	{ "a+b=c", { { "a b", "c" } } },
	{ "a=b%2Bc", { { "a", "b+c" } } },
	{ "a=%26&b=%3D", { { "a", "&" }, { "b", "=" } } },
	{ "a%26b=c", { { "a&b", "c" } } },
	{ "a%3Db=c", { { "a=b", "c" } } },
	{ "a=%252F", { { "a", "%2F" } } },
	{ "a=../%2F\\", { { "a", "../\x2f\\" } } },
	{ "a=%C3%A4", { { "a", "\xc3\xa4" } } },
	{ "a=b;c=d", { { "a", "b;c=d" } } },
	{ "or=(a.eq.1,b.eq.2)", { { "or", "(a.eq.1,b.eq.2)" } } },
};

START_TEST(a_query_is_split_before_it_is_decoded)
{
	const struct parameter *want = queries[_i].want;
	size_t n = 0;

	ck_assert_int_eq(parse(arena_format(memory, "/p?%s",
	    queries[_i].query)), PROBLEM_NONE);
	ck_assert_str_eq(rq.query, queries[_i].query);
	for (; n < 4 && want[n].name != NULL; n++) {
		ck_assert_uint_lt(n, rq.parameters);
		ck_assert_str_eq(rq.parameter[n].name, want[n].name);
		ck_assert_str_eq(rq.parameter[n].value, want[n].value);
	}
	ck_assert_uint_eq(rq.parameters, n);
}
END_TEST

START_TEST(sixty_four_parameters_are_taken_and_no_more)
{
	const char *most = arena_format(memory, "/p?%s",
	    repeat("a=b&", HTTP_PARAMETERS_MAX));

	ck_assert_int_eq(parse(most), PROBLEM_NONE);
	ck_assert_uint_eq(rq.parameters, HTTP_PARAMETERS_MAX);
	ck_assert_int_eq(parse(arena_format(memory, "%sc", most)),
	    PROBLEM_BAD_REQUEST);
}
END_TEST

static const char *const ours[] = {
	"REQUEST_METHOD", "REQUEST_URI", "CONTENT_TYPE", "CONTENT_LENGTH",
	"HTTP_AUTHORIZATION", "HTTP_ORIGIN", "HTTP_HOST",
	"REQUEST_SCHEME", "REMOTE_ADDR", "HTTP_X_REQUEST_ID",
	"HTTP_TRACEPARENT", "LOCKSTEP_DOOR", "HTTP_CONTENT_TYPE",
	"HTTP_IDEMPOTENCY_KEY", "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
};

/* Fields of ours that are lists, and where they go. */
static const struct {
	const char *name;
	const char *const *place;
} lists[] = {
	{ "HTTP_ACCEPT", &rq.accept },
	{ "HTTP_IF_MATCH", &rq.if_match },
	{ "HTTP_IF_NONE_MATCH", &rq.if_none_match },
	{ "HTTP_ACCESS_CONTROL_REQUEST_HEADERS", &rq.ask_headers },
};

/* One line of a field of ours with this value. */
static enum problem
parse_field(const char *name, const char *value)
{
	char *params[4] = { arena_format(memory, "%s=%s", name, value) };
	size_t n = 1;

	if (strcmp(name, "REQUEST_URI") != 0)
		params[n++] = (char *)"REQUEST_URI=/a";
	if (strcmp(name, "REQUEST_METHOD") != 0)
		params[n++] = (char *)"REQUEST_METHOD=GET";
	scope_init(&scope, memory);
	return http_parse(&scope, params, "", 0, &rq);
}

static const char *const unclean[] = { "a\nb", "a\rb", "\x01", "a\x7f",
	"a\tb", "\xff", "\xc0\xaf", "\xed\xa0\x80" };

START_TEST(a_field_of_ours_that_comes_twice_is_refused)
{
	static const char *const second[] = { "/a", "" };

	for (size_t i = 0; i < 2; i++) {
		scope_init(&scope, memory);
		ck_assert_int_eq(parse_with("/a",
		    arena_format(memory, "%s=/a", ours[_i]),
		    arena_format(memory, "%s=%s", ours[_i], second[i])),
		    PROBLEM_BAD_REQUEST);
		ck_assert_str_eq(rq.target, "/a");
	}
}
END_TEST

START_TEST(a_field_of_ours_with_control_bytes_or_bad_utf8_is_refused)
{
	for (size_t i = 0; i < countof(unclean); i++) {
		ck_assert_int_eq(parse_field(ours[_i], unclean[i]),
		    PROBLEM_BAD_REQUEST);
		ck_assert_ptr_nonnull(strstr(scope.cause, ours[_i]));
		ck_assert_ptr_nonnull(strstr(scope.cause, "control"));
	}
}
END_TEST

START_TEST(a_list_in_several_lines_is_one_and_is_judged_as_any_field)
{
	const char *name = lists[_i].name;
	char *many[20] = { (char *)"REQUEST_URI=/a" };

	ck_assert_int_eq(parse_with("/a", arena_format(memory, "%s=a/b", name),
	    arena_format(memory, "%s=c/d", name)), PROBLEM_NONE);
	ck_assert_str_eq(*lists[_i].place, "a/b, c/d");
	ck_assert_int_eq(parse_with("/a", arena_format(memory, "%s=", name),
	    arena_format(memory, "%s=c/d", name)), PROBLEM_NONE);
	ck_assert_str_eq(*lists[_i].place, "c/d");
	for (size_t i = 0; i < countof(unclean); i++)
		ck_assert_int_eq(parse_field(name, unclean[i]),
		    PROBLEM_BAD_REQUEST);
	for (size_t i = 1; i <= 17; i++) {
		ck_assert_int_eq(http_parse(&scope, many, "", 0, &rq),
		    PROBLEM_NONE);
		many[i] = arena_format(memory, "%s=a", name);
	}
	ck_assert_int_eq(http_parse(&scope, many, "", 0, &rq),
	    PROBLEM_BAD_REQUEST);
}
END_TEST

static const struct {
	const char *field;
	struct preferences want;
} prefers[] = {
	{ "return=minimal", { .returns = RETURN_MINIMAL } },
	{ "return=representation", { .returns = RETURN_REPRESENTATION } },
	{ "count=exact", { .total = TOTAL_EXACT } },
	{ "count=estimated", { .total = TOTAL_ESTIMATED } },
	{ "count=planned", { .total = TOTAL_ESTIMATED } },
	{ "resolution=merge-duplicates", { .resolution = RESOLUTION_MERGE } },
	{ "resolution=ignore-duplicates",
	    { .resolution = RESOLUTION_IGNORE } },
	{ "tx=rollback", { .rollback = true } },
	{ "tx=commit", { .rollback = false } },
	{ "handling=strict", { .strict = true } },
	{ "handling=lenient", { .strict = false } },
	{ "return=minimal,count=exact , tx=rollback", { .total = TOTAL_EXACT,
	    .returns = RETURN_MINIMAL, .rollback = true } },
	/* RFC 7240: names without case, words quoted, parameters, space. */
	{ "Return = \"minimal\"", { .returns = RETURN_MINIMAL } },
	{ "return=minimal; a; b=\"x,y;z\\\"\" , count=exact",
	    { .returns = RETURN_MINIMAL, .total = TOTAL_EXACT } },
	{ ",, return=minimal ,", { .returns = RETURN_MINIMAL } },
	/* The first of two counts, whatever it says. */
	{ "return=minimal, return=representation",
	    { .returns = RETURN_MINIMAL } },
	{ "tx=commit, tx=rollback", { .rollback = false } },
	{ "return=odd, return=minimal", { .unknown = true } },
	/* What is not known is nothing, and noted. */
	{ "respond-async, wait=10, handling=strict",
	    { .strict = true, .unknown = true } },
	{ "return=Minimal", { .unknown = true } },
	{ "return", { .unknown = true } },
	{ "return=", { .unknown = true } },
	{ "return=\"\"", { .unknown = true } },
	{ "returns=minimal", { .unknown = true } },
	{ "return=minimalist", { .unknown = true } },
	{ "return=mini", { .unknown = true } },
	{ "=minimal", { .unknown = true } },
	{ "return minimal, count=exact", { .total = TOTAL_EXACT,
	    .unknown = true } },
	{ "()<>, return=minimal", { .returns = RETURN_MINIMAL,
	    .unknown = true } },
	{ "return=\"minimal", { .returns = RETURN_MINIMAL } },
	{ "\"", { .unknown = true } },
	{ "a=\"\\", { .unknown = true } },
	{ ";", { .unknown = true } },
	{ "return=minimal;;a=;", { .returns = RETURN_MINIMAL } },
	{ ", ,", { .unknown = false } },
};

START_TEST(preferences_are_heard_by_name_and_word)
{
	const struct preferences *want = &prefers[_i].want, *got = &rq.prefer;

	ck_assert_int_eq(parse_field("HTTP_PREFER", prefers[_i].field),
	    PROBLEM_NONE);
	ck_assert_int_eq(got->returns, want->returns);
	ck_assert_int_eq(got->total, want->total);
	ck_assert_int_eq(got->resolution, want->resolution);
	ck_assert_int_eq(got->rollback, want->rollback);
	ck_assert_int_eq(got->strict, want->strict);
	ck_assert_int_eq(got->unknown, want->unknown);
}
END_TEST

START_TEST(preferences_of_two_fields_are_heard_together)
{
	ck_assert_int_eq(parse_with("/a", "HTTP_PREFER=return=minimal",
	    "HTTP_PREFER=count=exact, return=representation"), PROBLEM_NONE);
	ck_assert_int_eq(rq.prefer.returns, RETURN_MINIMAL);
	ck_assert_int_eq(rq.prefer.total, TOTAL_EXACT);
	ck_assert_int_eq(parse("/a"), PROBLEM_NONE);
	ck_assert_int_eq(rq.prefer.returns, RETURN_UNSAID);
	ck_assert(!rq.prefer.unknown);
}
END_TEST

START_TEST(what_is_not_ours_is_not_read)
{
	ck_assert_int_eq(parse_with("/a", "HTTP_PROXY=\x01", "HTTP_PROXY=b"),
	    PROBLEM_NONE);
	ck_assert_int_eq(parse_with("/a", "HTTP_ACCEPT_X=1", "HTTP_ACCEP=2"),
	    PROBLEM_NONE);
	ck_assert_ptr_null(rq.accept);
	ck_assert_int_eq(parse_with("/a", "HTTP_LOCKSTEP_DOOR=ops", "=x"),
	    PROBLEM_NONE);
	ck_assert(!rq.ops);
	ck_assert_int_eq(parse_with("/a", "HTTP_ACCEPT", "x"), PROBLEM_NONE);
	ck_assert_ptr_null(rq.accept);
}
END_TEST

START_TEST(each_field_has_its_place)
{
	char *params[] = {
		(char *)"FCGI_ROLE=RESPONDER", (char *)"REQUEST_METHOD=PATCH",
		(char *)"REQUEST_URI=/x?y=z", (char *)"CONTENT_TYPE=t",
		(char *)"CONTENT_LENGTH=4", (char *)"HTTP_AUTHORIZATION=a",
		(char *)"HTTP_ACCEPT=b", (char *)"HTTP_ORIGIN=c",
		(char *)"HTTP_HOST=d", (char *)"REQUEST_SCHEME=https",
		(char *)"REMOTE_ADDR=e", (char *)"HTTP_X_REQUEST_ID=f",
		(char *)"LOCKSTEP_DOOR=ops", (char *)"HTTP_IDEMPOTENCY_KEY=g",
		(char *)"HTTP_IF_MATCH=h", (char *)"HTTP_IF_NONE_MATCH=i",
		(char *)"HTTP_ACCESS_CONTROL_REQUEST_METHOD=j",
		(char *)"HTTP_ACCESS_CONTROL_REQUEST_HEADERS=k", NULL
	};

	ck_assert_int_eq(http_parse(&scope, params, "b\0dy", 4, &rq),
	    PROBLEM_NONE);
	ck_assert_int_eq(rq.method, METHOD_PATCH);
	ck_assert_str_eq(rq.method_text, "PATCH");
	ck_assert_str_eq(rq.target, "/x?y=z");
	ck_assert_str_eq(rq.query, "y=z");
	ck_assert_str_eq(rq.content_type, "t");
	ck_assert_str_eq(rq.authorization, "a");
	ck_assert_str_eq(rq.accept, "b");
	ck_assert_str_eq(rq.origin, "c");
	ck_assert_str_eq(rq.host, "d");
	ck_assert_str_eq(rq.scheme, "https");
	ck_assert_str_eq(rq.remote_address, "e");
	ck_assert_str_eq(scope.request_id, "f");
	ck_assert_str_eq(rq.idempotency_key, "g");
	ck_assert_str_eq(rq.if_match, "h");
	ck_assert_str_eq(rq.if_none_match, "i");
	ck_assert_str_eq(rq.ask_method, "j");
	ck_assert_str_eq(rq.ask_headers, "k");
	ck_assert(rq.ops);
	ck_assert_mem_eq(rq.body, "b\0dy", 4);
	ck_assert_uint_eq(rq.body_length, 4);
	ck_assert_uint_ne(rq.began_ns, 0);
}
END_TEST

START_TEST(an_empty_field_is_an_absent_one)
{
	ck_assert_int_eq(parse_with("/a", "CONTENT_TYPE=", "HTTP_ORIGIN="),
	    PROBLEM_NONE);
	ck_assert_ptr_null(rq.content_type);
	ck_assert_ptr_null(rq.origin);
	ck_assert_ptr_null(rq.authorization);
	ck_assert_ptr_null(rq.remote_address);
	ck_assert_str_eq(rq.scheme, "http");
	ck_assert_str_eq(scope.traceparent, "");
	ck_assert(!rq.ops);
}
END_TEST

START_TEST(fields_outlive_the_parameters)
{
	char accept[] = "HTTP_ACCEPT=a/b", target[] = "REQUEST_URI=/p?q";
	char *params[] = { accept, target, NULL };

	ck_assert_int_eq(http_parse(&scope, params, "", 0, &rq), PROBLEM_NONE);
	memset(accept, 'x', sizeof(accept) - 1);
	memset(target, 'x', sizeof(target) - 1);
	ck_assert_str_eq(rq.accept, "a/b");
	ck_assert_str_eq(rq.target, "/p?q");
	ck_assert_str_eq(rq.query, "q");
	ck_assert_str_eq(rq.method_text, "");
	ck_assert_int_eq(rq.method, METHOD_OTHER);
}
END_TEST

/* What a contract names: the signature of a webhook, wherever it stands. */
static const struct {
	const char *a, *b, *name, *value;	/* value NULL = absent */
	bool refused;
} named[] = {
	{ "HTTP_STRIPE_SIGNATURE=t=1,v1=ab", NULL, "Stripe-Signature",
	    "t=1,v1=ab", false },
	{ "HTTP_X_1A=v", NULL, "x-1a", "v", false },
	{ "HTTP_X=", NULL, "X", NULL, false },
	{ "HTTP_X=", "HTTP_X=v", "X", "v", false },
	{ "HTTP_X_Y=v", NULL, "X", NULL, false },
	{ "HTTP_X=v", NULL, "X-Y", NULL, false },
	{ "X=v", "HTTPX=v", "X", NULL, false },
	{ "REMOTE_USER=root", NULL, "Remote-User", NULL, false },
	{ "HTTP_X", NULL, "X", NULL, false },
	{ "HTTP_X=a", "HTTP_X=a", "X", NULL, true },
	{ "HTTP_X=a\tb", NULL, "X", NULL, true },
	{ "HTTP_X=a\xff", NULL, "X", NULL, true },
};

START_TEST(a_header_that_is_named_is_found_once_and_clean_or_refused)
{
	for (size_t i = 0; i < countof(named); i++) {
		char *params[] = { arena_string(memory, named[i].a),
			named[i].b == NULL ? NULL :
			arena_string(memory, named[i].b), NULL };
		const char *value = "untouched";
		struct request with = { .params = params };
		bool taken = http_header(&scope, &with, named[i].name, &value);

		ck_assert_msg(taken == !named[i].refused, "%zu", i);
		if (!taken)
			ck_assert_str_eq(value, "untouched");
		else if (named[i].value == NULL)
			ck_assert_ptr_null(value);
		else
			ck_assert_str_eq(value, named[i].value);
	}
}
END_TEST

START_TEST(methods_are_exact_words)
{
	static const struct {
		const char *word;
		enum method method;
	} rows[] = {
		{ "GET", METHOD_GET }, { "HEAD", METHOD_HEAD },
		{ "POST", METHOD_POST }, { "PUT", METHOD_PUT },
		{ "PATCH", METHOD_PATCH }, { "DELETE", METHOD_DELETE },
		{ "OPTIONS", METHOD_OPTIONS }, { "get", METHOD_OTHER },
		{ "GETS", METHOD_OTHER }, { "GE", METHOD_OTHER },
		{ "", METHOD_OTHER }, { "OTHER", METHOD_OTHER },
		{ "TRACE", METHOD_OTHER },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		ck_assert_int_eq(method_of(rows[i].word), rows[i].method);
		if (rows[i].method != METHOD_OTHER)
			ck_assert_str_eq(method_name(rows[i].method),
			    rows[i].word);
	}
	ck_assert_str_eq(method_name(METHOD_COUNT), "OTHER");
}
END_TEST

START_TEST(a_well_formed_request_id_is_kept)
{
	static const char *const good[] = { "a", "0", "a.b_c-D9", "---" };
	const char *most = repeat("x", SCOPE_REQUEST_ID_MAX);

	for (size_t i = 0; i < countof(good); i++) {
		ck_assert_int_eq(parse_with("/", arena_format(memory,
		    "HTTP_X_REQUEST_ID=%s", good[i]), NULL), PROBLEM_NONE);
		ck_assert_str_eq(scope.request_id, good[i]);
	}
	ck_assert_int_eq(parse_with("/", arena_format(memory,
	    "HTTP_X_REQUEST_ID=%s", most), NULL), PROBLEM_NONE);
	ck_assert_str_eq(scope.request_id, most);
}
END_TEST

START_TEST(any_other_request_id_is_replaced_by_a_fresh_one)
{
	const char *const bad[] = { "", "a b", "a/b", "a\"b", "\xc3\xa4",
		"a,b", "{}", repeat("x", SCOPE_REQUEST_ID_MAX + 1) };
	char last[SCOPE_REQUEST_ID_MAX + 1] = "";

	for (size_t i = 0; i < countof(bad); i++) {
		ck_assert_int_eq(parse_with("/", arena_format(memory,
		    "HTTP_X_REQUEST_ID=%s", bad[i]), NULL), PROBLEM_NONE);
		ck_assert_uint_eq(strlen(scope.request_id), 32);
		ck_assert_uint_eq(strspn(scope.request_id,
		    "0123456789abcdef"), 32);
		ck_assert_str_ne(scope.request_id, last);
		strcpy(last, scope.request_id);
	}
}
END_TEST

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN_ID "00f067aa0ba902b7"
#define ZERO16 "0000000000000000"

static const struct {
	const char *sent, *kept;
} traces[] = {
	{ "00-" TRACE_ID "-" SPAN_ID "-01", "00-" TRACE_ID "-" SPAN_ID "-01" },
	{ "00-" TRACE_ID "-" SPAN_ID "-ff", "00-" TRACE_ID "-" SPAN_ID "-ff" },
	{ "cc-" TRACE_ID "-" SPAN_ID "-01", "00-" TRACE_ID "-" SPAN_ID "-01" },
	{ "cc-" TRACE_ID "-" SPAN_ID "-01-what", "00-" TRACE_ID "-" SPAN_ID
	    "-01" },
	{ "cc-" TRACE_ID "-" SPAN_ID "-01.what", "" },
	{ "00-" TRACE_ID "-" SPAN_ID "-01-what", "" },
	{ "ff-" TRACE_ID "-" SPAN_ID "-01", "" },
	{ "00-" ZERO16 ZERO16 "-" SPAN_ID "-01", "" },
	{ "00-" TRACE_ID "-" ZERO16 "-01", "" },
	{ "00-" TRACE_ID "-" SPAN_ID "-0", "" },
	{ "00-" TRACE_ID "-" SPAN_ID "-", "" },
	{ "00-" TRACE_ID "-" SPAN_ID, "" },
	{ "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN_ID "-01", "" },
	{ "00_" TRACE_ID "-" SPAN_ID "-01", "" },
	{ "0g-" TRACE_ID "-" SPAN_ID "-01", "" },
	{ "00-" TRACE_ID "-" SPAN_ID "-0g", "" },
	{ "", "" }, { "00", "" }, { "-", "" },
};

START_TEST(a_traceparent_is_passed_on_when_well_formed)
{
	strcpy(scope.traceparent, "old");
	ck_assert_int_eq(parse_with("/", arena_format(memory,
	    "HTTP_TRACEPARENT=%s", traces[_i].sent), NULL), PROBLEM_NONE);
	ck_assert_str_eq(scope.traceparent, traces[_i].kept);
}
END_TEST

/* Replies. */

struct sent {
	int fd, id;
	const struct reply *reply;
	enum method method;
	bool last, well;
};

static void *
send_it(void *argument)
{
	struct sent *s = argument;
	struct buf head;

	buf_init(&head, 128 * 1024);
	s->well = reply_send(s->fd, s->id, s->reply, s->method, s->last,
	    &head);
	buf_release(&head);
	close(s->fd);
	return NULL;
}

static void
read_all(int fd, unsigned char *at, size_t n)
{
	ck_assert_int_eq(recv(fd, at, n, MSG_WAITALL), (ssize_t)n);
}

/* Sends the reply over a socket pair and takes its records apart. */
static struct buf
over_the_wire(const struct reply *rp, enum method m, bool last,
    size_t *ret_records)
{
	unsigned char header[8], *content = malloc(65536);
	struct buf text;
	struct sent s = { .id = 0x1234, .reply = rp, .method = m,
	    .last = last };
	pthread_t thread;
	int pair[2];
	bool ended = false;

	buf_init(&text, 64 << 20);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s.fd = pair[0];
	pthread_create(&thread, NULL, send_it, &s);
	for (*ret_records = 0;; ++*ret_records) {
		size_t n;

		read_all(pair[1], header, 8);
		n = (size_t)header[4] << 8 | header[5];
		ck_assert_int_eq(header[0], 1);
		ck_assert_int_eq(header[2] << 8 | header[3], 0x1234);
		read_all(pair[1], content, n + header[6]);
		if (header[1] == 3)
			break;
		ck_assert_int_eq(header[1], 6);
		ck_assert(!ended);
		ended = n == 0;
		buf_add(&text, content, n);
	}
	ck_assert(ended);
	ck_assert_mem_eq(content, "\0\0\0\0\0\0\0\0", 8);
	if (last) {
		read_all(pair[1], header, 8);
		ck_assert_mem_eq(header, "\1\7\x12\x34\0\0\0\0", 8);
	}
	ck_assert_int_eq(recv(pair[1], content, 1, 0), 0);
	pthread_join(thread, NULL);
	ck_assert(s.well);
	close(pair[1]);
	free(content);
	return text;
}

static const struct {
	enum method method;
	int status;
	const char *type, *body, *text;
} replies[] = {
	{ METHOD_GET, 200, NULL, "{}", "Status: 200 OK\r\nContent-Type: "
	    "application/json\r\nContent-Length: 2\r\nA: b\r\n\r\n{}" },
	{ METHOD_GET, 404, "text/plain", "no", "Status: 404 Not Found\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 2\r\nA: b\r\n\r\nno" },
	{ METHOD_POST, 201, NULL, "", "Status: 201 Created\r\nContent-Type: "
	    "application/json\r\nContent-Length: 0\r\nA: b\r\n\r\n" },
	{ METHOD_HEAD, 200, NULL, "{}", "Status: 200 OK\r\nContent-Type: "
	    "application/json\r\nContent-Length: 2\r\nA: b\r\n\r\n" },
	{ METHOD_DELETE, 204, NULL, "x", "Status: 204 No Content\r\n"
	    "A: b\r\n\r\n" },
	{ METHOD_GET, 304, NULL, "x", "Status: 304 Not Modified\r\n"
	    "A: b\r\n\r\n" },
	{ METHOD_HEAD, 304, NULL, "x", "Status: 304 Not Modified\r\n"
	    "A: b\r\n\r\n" },
	{ METHOD_GET, 299, NULL, "x", "Status: 299 \r\nContent-Type: "
	    "application/json\r\nContent-Length: 1\r\nA: b\r\n\r\nx" },
};

START_TEST(a_reply_is_head_blank_line_and_body)
{
	struct reply rp;
	struct buf text;
	size_t records;

	reply_init(&rp, 100);
	rp.status = replies[_i].status;
	rp.content_type = replies[_i].type;
	reply_header(&rp, "A", "b");
	buf_string(&rp.body, replies[_i].body);
	text = over_the_wire(&rp, replies[_i].method, _i % 2 == 1, &records);
	ck_assert_str_eq(text.at, replies[_i].text);
	buf_release(&text);
	reply_release(&rp);
}
END_TEST

START_TEST(a_bodiless_reply_tells_the_length_alone)
{
	struct reply rp;
	struct buf text;
	size_t records;

	reply_init(&rp, 100);
	buf_string(&rp.body, "{\"a\":1}");
	rp.bodiless = true;
	text = over_the_wire(&rp, METHOD_GET, false, &records);
	ck_assert_str_eq(text.at, "Status: 200 OK\r\nContent-Type: "
	    "application/json\r\nContent-Length: 7\r\n\r\n");
	buf_release(&text);
	reply_release(&rp);
}
END_TEST

static const size_t sizes[] = {
	0, 1, 7, 8, 8191, 65000, 65527, 65528, 65529, 131056, 131057,
	32 * 65528 - 100, 32 * 65528, 33 * 65528, 9000001,
};

START_TEST(a_body_of_any_size_goes_out_whole)
{
	struct reply rp;
	struct buf text;
	size_t records;
	const char *body;

	reply_init(&rp, 16 << 20);
	for (size_t n = 0; n < sizes[_i]; n++)
		buf_char(&rp.body, (char)(n * 7 + n / 251));
	text = over_the_wire(&rp, METHOD_GET, _i % 2 == 1, &records);
	body = strstr(text.at, "\r\n\r\n");
	ck_assert_ptr_nonnull(body);
	body += 4;
	ck_assert_uint_eq(text.length - (size_t)(body - text.at), sizes[_i]);
	if (sizes[_i] > 0)
		ck_assert_mem_eq(body, rp.body.at, sizes[_i]);
	ck_assert_uint_eq(records, (text.length + 65527) / 65528 + 1);
	buf_release(&text);
	reply_release(&rp);
}
END_TEST

START_TEST(a_header_is_never_split)
{
	static const char *const bad[] = { "a\r\nSet-Cookie: x", "a\nb", "\r",
		"\x01", "\x7f", "\xff" };
	struct reply rp;

	reply_init(&rp, 100);
	reply_header(&rp, "Good", "1");
	for (size_t i = 0; i < countof(bad); i++)
		reply_header(&rp, "Bad", bad[i]);
	reply_header(&rp, "Bad", repeat("x", 14 * 1024));
	reply_header(&rp, "Empty", "");
	buf_string(reply_value(&rp, "Pieces"), "1");
	buf_string(&rp.head, ", \r\nSet-Cookie: x");
	reply_value_end(&rp);
	buf_string(reply_value(&rp, "Pieces"), "1");
	buf_string(&rp.head, ", 2");
	reply_value_end(&rp);
	reply_header(&rp, "Link", "</a?b>");
	ck_assert_str_eq(rp.head.at, "Good: 1\r\nPieces: 1, 2\r\n"
	    "Link: </a?b>\r\n");
	reply_release(&rp);
}
END_TEST

START_TEST(a_cleared_reply_is_a_new_one)
{
	struct reply rp;

	reply_init(&rp, 3);
	rp.status = 500;
	rp.content_type = "a/b";
	rp.close = rp.bodiless = true;
	reply_header(&rp, "A", "b");
	buf_string(&rp.body, "long");
	ck_assert(rp.body.failed);
	reply_clear(&rp);
	ck_assert_int_eq(rp.status, 200);
	ck_assert_ptr_null(rp.content_type);
	ck_assert(!rp.close && !rp.bodiless);
	ck_assert(!rp.body.failed);
	ck_assert_str_eq(rp.head.at, "");
	ck_assert_uint_eq(rp.body.length, 0);
	reply_release(&rp);
}
END_TEST

START_TEST(a_reply_past_its_limit_becomes_a_plain_500)
{
	struct reply rp;

	strcpy(scope.request_id, "the-id");
	reply_init(&rp, 1000);
	buf_string(&rp.body, repeat("x", 1001));
	reply_header(&rp, "Secret", "x");
	ck_assert(reply_settle(&rp, &scope));
	ck_assert_int_eq(rp.status, 500);
	ck_assert_uint_eq(rp.head.length, 0);
	ck_assert_ptr_nonnull(strstr(rp.body.at, "\"code\":\"internal\""));
	ck_assert_ptr_nonnull(strstr(rp.body.at, "\"request_id\":\"the-id\""));
	reply_release(&rp);
	reply_init(&rp, 1000);
	for (int i = 0; i < 10; i++)
		reply_header(&rp, "Long", repeat("x", 10000));
	ck_assert(rp.head.failed);
	ck_assert(reply_settle(&rp, &scope));
	ck_assert_int_eq(rp.status, 500);
	reply_release(&rp);
	reply_init(&rp, 10);
	buf_string(&rp.body, repeat("x", 11));
	ck_assert(!reply_settle(&rp, &scope));
	reply_release(&rp);
}
END_TEST

START_TEST(a_peer_that_is_gone_is_a_failure_and_no_signal)
{
	struct buf head;
	struct reply rp;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	buf_init(&head, 10000);
	reply_init(&rp, 100);
	ck_assert(!reply_send(pair[0], 1, &rp, METHOD_GET, false, &head));
	reply_release(&rp);
	buf_release(&head);
	close(pair[0]);
}
END_TEST

START_TEST(a_listener_replaces_what_is_at_the_path)
{
	char directory[] = "/tmp/http.XXXXXX";
	char *path, *longest;
	int first, second;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	path = arena_format(memory, "%s/s", directory);
	longest = arena_format(memory, "%s/%s", directory, repeat("x", 100));
	first = front_listen(path, 0660);
	ck_assert_int_ge(first, 0);
	second = front_listen(path, 0600);
	ck_assert_int_ge(second, 0);
	ck_assert_int_lt(front_listen(longest, 0600), 0);
	ck_assert_int_lt(front_listen("/nonexistent/s", 0600), 0);
	ck_assert_int_eq(unlink(path), 0);
	/* Nothing is left beside the path. */
	ck_assert_int_eq(rmdir(directory), 0);
	close(first);
	close(second);
}
END_TEST

static void
add_parsing(Suite *suite)
{
	TCase *t = tcase_create("parse");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_good_path_is_decoded_once, 0,
	    (int)countof(good_paths));
	tcase_add_loop_test(t, a_bad_target_is_refused, 0,
	    (int)countof(bad_targets));
	tcase_add_test(t, a_target_is_as_long_as_it_may_be_and_no_longer);
	tcase_add_test(t, a_request_without_a_target_is_refused);
	tcase_add_loop_test(t, a_query_is_split_before_it_is_decoded, 0,
	    (int)countof(queries));
	tcase_add_test(t, sixty_four_parameters_are_taken_and_no_more);
	tcase_add_loop_test(t, a_field_of_ours_that_comes_twice_is_refused, 0,
	    (int)countof(ours));
	tcase_add_loop_test(t,
	    a_field_of_ours_with_control_bytes_or_bad_utf8_is_refused, 0,
	    (int)countof(ours));
	tcase_add_loop_test(t,
	    a_list_in_several_lines_is_one_and_is_judged_as_any_field, 0,
	    (int)countof(lists));
	tcase_add_loop_test(t, preferences_are_heard_by_name_and_word, 0,
	    (int)countof(prefers));
	tcase_add_test(t, preferences_of_two_fields_are_heard_together);
	tcase_add_test(t, what_is_not_ours_is_not_read);
	tcase_add_test(t, each_field_has_its_place);
	tcase_add_test(t, an_empty_field_is_an_absent_one);
	tcase_add_test(t, fields_outlive_the_parameters);
	tcase_add_test(t,
	    a_header_that_is_named_is_found_once_and_clean_or_refused);
	tcase_add_test(t, methods_are_exact_words);
	tcase_add_test(t, a_well_formed_request_id_is_kept);
	tcase_add_test(t, any_other_request_id_is_replaced_by_a_fresh_one);
	tcase_add_loop_test(t, a_traceparent_is_passed_on_when_well_formed, 0,
	    (int)countof(traces));
	suite_add_tcase(suite, t);
}

static void
add_replies(Suite *suite)
{
	TCase *t = tcase_create("write");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_reply_is_head_blank_line_and_body, 0,
	    (int)countof(replies));
	tcase_add_test(t, a_bodiless_reply_tells_the_length_alone);
	tcase_add_loop_test(t, a_body_of_any_size_goes_out_whole, 0,
	    (int)countof(sizes));
	tcase_add_test(t, a_header_is_never_split);
	tcase_add_test(t, a_cleared_reply_is_a_new_one);
	tcase_add_test(t, a_reply_past_its_limit_becomes_a_plain_500);
	tcase_add_test(t, a_peer_that_is_gone_is_a_failure_and_no_signal);
	tcase_add_test(t, a_listener_replaces_what_is_at_the_path);
	suite_add_tcase(suite, t);
}

int
main(void)
{
	Suite *suite = suite_create("http");

	add_parsing(suite);
	add_replies(suite);
	return run_suite(suite);
}
