/* SPDX-License-Identifier: MIT */
/*
 * Requests against the contract of tests/golden/letters (and its neighbours):
 * routing, lists, cursors, bodies.  A request is made by http/ from the
 * parameters that nginx would send, a caller by auth/ from a token, so what is
 * judged here is what would be judged in service.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/arena.h"
#include "base/text.h"
#include "contract/contract.h"
#include "http/http.h"
#include "run.h"

#define ID "7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f"

static struct arena *arena;
static struct scope scope;
static struct request request;
static struct match match;
static struct contract *contract;
static struct auth *auth;
static struct accept_options allowed;
static char secret_file[] = "/tmp/contract-unit-XXXXXX";

/* ---- means ---- */

static void
open_contract(const char *name)
{
	const char *top = getenv("SRCDIR");
	char *directory = arena_format(arena, "%s/tests/golden/%s",
	    top != NULL ? top : ".", name);
	struct buf faults;

	buf_init(&faults, 65536);
	contract = contract_load(directory, &faults);
	ck_assert_msg(contract != NULL, "%s",
	    faults.at != NULL ? faults.at : "");
	buf_release(&faults);
}

static void
open_auth(void)
{
	static const char secret[] = "0123456789abcdef0123456789abcdef01234567";
	const struct contract_about *about = contract_about(contract);
	static struct auth_options options;
	struct buf fault;
	int fd;

	strcpy(secret_file, "/tmp/contract-unit-XXXXXX");
	fd = mkstemp(secret_file);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, secret, sizeof(secret) - 1),
	    sizeof(secret) - 1);
	close(fd);
	options = (struct auth_options){ .secret_file = secret_file,
		.leeway_s = 30, .roles = about->roles,
		.role_count = about->role_count,
		.anonymous = about->anonymous };
	buf_init(&fault, 4096);
	auth = auth_new(&options, &fault);
	ck_assert_msg(auth != NULL, "%s", fault.at);
	buf_release(&fault);
}

static void
setup(void)
{
	arena = arena_new();
	scope_init(&scope, arena);
	open_contract("letters");
	open_auth();
}

static void
teardown(void)
{
	auth_free(auth);
	contract_free(contract);
	arena_free(arena);
	unlink(secret_file);
}

/* Ends the scope, as the end of a request does. */
static void
next_scope(void)
{
	arena_reset(arena);
	scope_init(&scope, arena);
}

/* What a request carries beside its target. */
struct with {
	const char *role;	/* NULL = anonymous */
	const char *body, *content_type, *accept;
	size_t length;		/* of the body; 0 = strlen */
};

static void
make_request(const char *method, const char *target, const struct with *with)
{
	struct buf token;
	char *params[8];
	const char *query = strchr(target, '?');
	const char *body = with->body != NULL ? with->body : "";
	size_t n = 0;

	params[n++] = arena_format(arena, "REQUEST_METHOD=%s", method);
	params[n++] = arena_format(arena, "REQUEST_URI=%s", target);
	params[n++] = arena_format(arena, "QUERY_STRING=%s",
	    query != NULL ? query + 1 : "");
	if (with->content_type != NULL)
		params[n++] = arena_format(arena, "CONTENT_TYPE=%s",
		    with->content_type);
	if (with->accept != NULL)
		params[n++] = arena_format(arena, "HTTP_ACCEPT=%s",
		    with->accept);
	buf_init(&token, 4096);
	if (with->role != NULL) {
		ck_assert_int_eq(auth_mint(auth, &scope, &(struct auth_wish){
		    .role = with->role, .subject = "sub", .life_s = 60 },
		    &token), PROBLEM_NONE);
		params[n++] = arena_format(arena,
		    "HTTP_AUTHORIZATION=Bearer %s", token.at);
	}
	buf_release(&token);
	params[n] = NULL;
	memset(&request, 0, sizeof(request));
	ck_assert_msg(http_parse(&scope, params, body, with->length != 0 ?
	    with->length : strlen(body), &request) == PROBLEM_NONE,
	    "%s %s cannot be parsed: %s", method, target,
	    scope.cause != NULL ? scope.cause : "");
}

/* Routes and accepts; the plan, when it was accepted. */
static enum problem
accept_with(const char *method, const char *target, const struct with *with,
    const struct plan **ret)
{
	const struct caller *caller;
	const struct input *input;
	enum problem p;

	next_scope();
	make_request(method, target, with);
	ck_assert_int_eq(contract_route(contract, &scope, &request, &match),
	    PROBLEM_NONE);
	ck_assert_int_eq(auth_identify(auth, &scope, &request, &caller),
	    PROBLEM_NONE);
	p = contract_accept(contract, &scope, &match, &request, caller,
	    &allowed, &input);
	if (p == PROBLEM_NONE)
		*ret = input_plan(input);
	return p;
}

static enum problem
accept_body(const char *method, const char *target, const char *body,
    const struct plan **ret)
{
	return accept_with(method, target, &(struct with){
	    .role = "authenticated", .body = body,
	    .content_type = "application/json" }, ret);
}

static enum problem
accept_get(const char *target, const struct plan **ret)
{
	return accept_with("GET", target, &(struct with){
	    .role = "authenticated" }, ret);
}

/* The issues of the scope as "pointer:keyword ...". */
static const char *
issues(void)
{
	const char *text = "";

	for (unsigned i = 0; i < scope.issue_count; i++)
		text = arena_format(arena, "%s%s%s:%s", text,
		    i > 0 ? " " : "", scope.issues[i].pointer,
		    scope.issues[i].keyword);
	return text;
}

/* A plan's values as "name=text ...", NULL as "-". */
static const char *
values_text(const struct value *values, size_t count)
{
	const char *text = "";

	for (size_t i = 0; i < count; i++)
		text = arena_format(arena, "%s%s%s=%s", text,
		    i > 0 ? " " : "", values[i].field->name,
		    values[i].text != NULL ? values[i].text : "-");
	return text;
}

/* ---- routing ---- */

static const struct {
	const char *method, *path;
	enum problem problem;
	const char *operation;	/* or the Allow header */
	const char *parameters;
} routes[] = {
	{ "GET", "/api/letters", PROBLEM_NONE, "letters.list", "" },
	{ "POST", "/api/letters", PROBLEM_NONE, "letters.create", "" },
	{ "GET", "/api/letters/1", PROBLEM_NONE, "letters.read", "id=1" },
	{ "GET", "/api/letters/send", PROBLEM_NONE, "letters.read",
	    "id=send" },
	{ "GET", "/api/letters/a%20b", PROBLEM_NONE, "letters.read",
	    "id=a b" },
	{ "PATCH", "/api/letters/1", PROBLEM_NONE, "letters.update", "id=1" },
	{ "DELETE", "/api/letters/1", PROBLEM_NONE, "letters.delete",
	    "id=1" },
	{ "POST", "/api/letters/1/send", PROBLEM_NONE, "letters.send",
	    "id=1" },
	{ "HEAD", "/api/letters/1", PROBLEM_NONE, "letters.read", "id=1" },
	{ "PUT", "/api/letters", PROBLEM_METHOD_NOT_ALLOWED,
	    "GET, HEAD, OPTIONS, POST", "" },
	{ "HEAD", "/api/letters/1/send", PROBLEM_METHOD_NOT_ALLOWED,
	    "OPTIONS, POST", "" },
	{ "OPTIONS", "/api/letters/1", PROBLEM_METHOD_NOT_ALLOWED,
	    "DELETE, GET, HEAD, OPTIONS, PATCH", "" },
	{ "BREW", "/api/letters/1/send", PROBLEM_METHOD_NOT_ALLOWED,
	    "OPTIONS, POST", "" },
	{ "GET", "/api", PROBLEM_NOT_FOUND, "", "" },
	{ "GET", "/letters", PROBLEM_NOT_FOUND, "", "" },
	{ "GET", "/api/letter", PROBLEM_NOT_FOUND, "", "" },
	{ "GET", "/api/letters/1/2", PROBLEM_NOT_FOUND, "", "" },
	{ "GET", "/api/letters/1/send/now", PROBLEM_NOT_FOUND, "", "" },
	{ "GET", "/api/Letters", PROBLEM_NOT_FOUND, "", "" },
	{ "GET", "/ap/letters", PROBLEM_NOT_FOUND, "", "" },
	{ "GET", "/", PROBLEM_NOT_FOUND, "", "" },
};

/* Literals first, and back from them to a parameter. */
static const struct {
	const char *method, *path;
	enum problem problem;
	const char *operation, *parameters;
} more_routes[] = {
	{ "GET", "/v1/api/site/pages/newest", PROBLEM_NONE, "pages.newest",
	    "" },
	{ "GET", "/v1/api/site/pages/archive", PROBLEM_NONE, "pages.read",
	    "slug=archive" },
	{ "DELETE", "/v1/api/site/pages/archive", PROBLEM_NONE,
	    "pages.archive_page", "" },
	{ "DELETE", "/v1/api/site/other/archive", PROBLEM_NONE,
	    "pages.archive", "part=other" },
	{ "PATCH", "/v1/api/site/pages/newest", PROBLEM_NONE, "pages.update",
	    "slug=newest" },
	{ "POST", "/v1/api/site/pages/archive", PROBLEM_METHOD_NOT_ALLOWED,
	    "DELETE, GET, HEAD, OPTIONS, PATCH", "" },
	{ "GET", "/v1/site/pages", PROBLEM_NOT_FOUND, "", "" },
};

static void
check_route(const char *method, const char *path, enum problem problem,
    const char *operation, const char *parameters)
{
	const char *got = "";

	next_scope();
	make_request(method, path, &(struct with){ 0 });
	ck_assert_msg(contract_route(contract, &scope, &request, &match) ==
	    problem, "%s %s is routed otherwise", method, path);
	if (problem == PROBLEM_METHOD_NOT_ALLOWED)
		ck_assert_str_eq(scope.allow, operation);
	if (problem != PROBLEM_NONE)
		return;
	ck_assert_str_eq(match.operation->name, operation);
	for (size_t i = 0; i < match.count; i++)
		got = arena_format(arena, "%s%s%s=%s", got, i > 0 ? " " : "",
		    match.name[i], match.value[i]);
	ck_assert_str_eq(got, parameters);
}

START_TEST(a_request_meets_its_operation)
{
	check_route(routes[_i].method, routes[_i].path, routes[_i].problem,
	    routes[_i].operation, routes[_i].parameters);
}
END_TEST

START_TEST(literals_go_before_parameters)
{
	contract_free(contract);
	open_contract("routes");
	check_route(more_routes[_i].method, more_routes[_i].path,
	    more_routes[_i].problem, more_routes[_i].operation,
	    more_routes[_i].parameters);
}
END_TEST

/* ---- lists ---- */

/* What a list's query string makes: as in the `plan` text, or its issues. */
static const struct {
	const char *query;
	enum problem problem;
	const char *expected;
} lists[] = {
	{ "", PROBLEM_NONE, "| created_at.desc id.desc | 10 | *" },
	{ "status=eq.draft", PROBLEM_NONE,
	    "status 0(draft) | created_at.desc id.desc | 10 | *" },
	{ "pages=gte.2&pages=not.gt.10", PROBLEM_NONE,
	    "pages 3(2), !pages 2(10) | created_at.desc id.desc | 10 | *" },
	{ "weight=lt.-1.5", PROBLEM_NONE,
	    "weight 4(-1.5) | created_at.desc id.desc | 10 | *" },
	{ "title=ilike.*a%25b*", PROBLEM_NONE,
	    "title 7(%a%b%) | created_at.desc id.desc | 10 | *" },
	{ "title=eq.a.b.c", PROBLEM_NONE,
	    "title 0(a.b.c) | created_at.desc id.desc | 10 | *" },
	{ "status=in.(draft,\"sent\")", PROBLEM_NONE,
	    "status 8(draft;sent) | created_at.desc id.desc | 10 | *" },
	{ "title=not.in.(a%20b,\"c,d\",\"e\\\"f\\\\g)\")", PROBLEM_NONE,
	    "!title 8(a b;c,d;e\"f\\g)) | created_at.desc id.desc | 10 | *" },
	{ "sent_at=is.null&urgent=is.true&urgent=not.is.false", PROBLEM_NONE,
	    "sent_at 9(), urgent 10(), !urgent 11() | "
	    "created_at.desc id.desc | 10 | *" },
	{ "sent_at=is.not_null", PROBLEM_NONE,
	    "sent_at 12() | created_at.desc id.desc | 10 | *" },
	{ "created_at=gte.2026-01-01T00:00:00Z", PROBLEM_NONE,
	    "created_at 3(2026-01-01T00:00:00Z) | "
	    "created_at.desc id.desc | 10 | *" },
	{ "order=title", PROBLEM_NONE, "| title.asc id.asc | 10 | *" },
	{ "order=title.desc,created_at.asc", PROBLEM_NONE,
	    "| title.desc created_at.asc id.asc | 10 | *" },
	{ "limit=50&select=title,id", PROBLEM_NONE,
	    "| created_at.desc id.desc | 50 | title id" },

	{ "nonsense=1", PROBLEM_INVALID_QUERY, "\"/nonsense\":parameter" },
	{ "status", PROBLEM_INVALID_QUERY, "\"/status\":operator" },
	{ "status=draft", PROBLEM_INVALID_QUERY, "\"/status\":operator" },
	{ "status=eq", PROBLEM_INVALID_QUERY, "\"/status\":operator" },
	{ "status=eqq.draft", PROBLEM_INVALID_QUERY, "\"/status\":operator" },
	{ "status=not.not.eq.draft", PROBLEM_INVALID_QUERY,
	    "\"/status\":operator" },
	{ "status=eq.lost", PROBLEM_INVALID_QUERY, "\"/status\":enum" },
	{ "body=eq.x", PROBLEM_INVALID_QUERY, "\"/body\":parameter" },
	{ "secret=eq.x", PROBLEM_INVALID_QUERY, "\"/secret\":parameter" },
	{ "or=(a)", PROBLEM_INVALID_QUERY, "\"/or\":syntax" },
	{ "pages=eq.two", PROBLEM_INVALID_QUERY, "\"/pages\":type" },
	{ "pages=eq.1.5", PROBLEM_INVALID_QUERY, "\"/pages\":type" },
	{ "pages=eq.1e1", PROBLEM_INVALID_QUERY, "\"/pages\":type" },
	{ "pages=eq.1%3B", PROBLEM_INVALID_QUERY, "\"/pages\":type" },
	{ "pages=eq.", PROBLEM_INVALID_QUERY, "\"/pages\":type" },
	{ "pages=like.1*", PROBLEM_INVALID_QUERY, "\"/pages\":operator" },
	{ "urgent=gt.true", PROBLEM_INVALID_QUERY, "\"/urgent\":operator" },
	{ "urgent=eq.yes", PROBLEM_INVALID_QUERY, "\"/urgent\":type" },
	{ "pages=is.true", PROBLEM_INVALID_QUERY, "\"/pages\":syntax" },
	{ "urgent=is.unknown", PROBLEM_INVALID_QUERY, "\"/urgent\":syntax" },
	{ "created_at=gt.yesterday", PROBLEM_INVALID_QUERY,
	    "\"/created_at\":format" },
	{ "title=like.a%5C", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.()", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.(a", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.(a,)", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.(a)b", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.(\"a)", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.(\"a\"b)", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "title=in.(\"a\\", PROBLEM_INVALID_QUERY, "\"/title\":syntax" },
	{ "status=in.(draft,lost)", PROBLEM_INVALID_QUERY,
	    "\"/status\":enum" },
	{ "order=", PROBLEM_INVALID_QUERY, "\"/order\":syntax" },
	{ "order=id", PROBLEM_INVALID_QUERY, "\"/order\":syntax" },
	{ "order=title.down", PROBLEM_INVALID_QUERY, "\"/order\":syntax" },
	{ "order=title.desc.nullslast", PROBLEM_INVALID_QUERY,
	    "\"/order\":syntax" },
	{ "order=title,title.desc", PROBLEM_INVALID_QUERY,
	    "\"/order\":syntax" },
	{ "order=title,", PROBLEM_INVALID_QUERY, "\"/order\":syntax" },
	{ "order=created_at,title,sent_at,weight,status",
	    PROBLEM_INVALID_QUERY, "\"/order\":syntax" },
	{ "order=title;drop", PROBLEM_INVALID_QUERY, "\"/order\":syntax" },
	{ "limit=0", PROBLEM_INVALID_QUERY, "\"/limit\":minimum" },
	{ "limit=-1", PROBLEM_INVALID_QUERY, "\"/limit\":minimum" },
	{ "limit=51", PROBLEM_INVALID_QUERY, "\"/limit\":maximum" },
	{ "limit=many", PROBLEM_INVALID_QUERY, "\"/limit\":type" },
	{ "limit=99999999999999999999", PROBLEM_INVALID_QUERY,
	    "\"/limit\":type" },
	{ "limit=1&limit=1", PROBLEM_INVALID_QUERY, "\"/limit\":parameter" },
	{ "select=", PROBLEM_INVALID_QUERY, "\"/select\":syntax" },
	{ "select=id,secret", PROBLEM_INVALID_QUERY, "\"/select\":syntax" },
	{ "select=id,id", PROBLEM_INVALID_QUERY, "\"/select\":syntax" },
	{ "select=*", PROBLEM_NONE, "| created_at.desc id.desc | 10 | *" },
	{ "a=1&limit=x&order=y&select=z&status=eq.q", PROBLEM_INVALID_QUERY,
	    "\"/a\":parameter \"/limit\":type \"/order\":syntax "
	    "\"/select\":syntax \"/status\":enum" },
	{ "after=nonsense!", PROBLEM_INVALID_CURSOR, "\"/after\":syntax" },
	{ "after=", PROBLEM_INVALID_CURSOR, "\"/after\":syntax" },
	{ "after=bm9uc2Vuc2U", PROBLEM_INVALID_CURSOR, "\"/after\":syntax" },
	{ "after=x&after=y", PROBLEM_INVALID_QUERY,
	    "\"/after\":parameter \"/after\":syntax" },
	{ "after=x&limit=0", PROBLEM_INVALID_QUERY,
	    "\"/limit\":minimum \"/after\":syntax" },
	{ "after=x&order=y", PROBLEM_INVALID_QUERY, "\"/order\":syntax" },
};

static const char *
plan_text(const struct plan *plan)
{
	const char *text = "";

	for (size_t i = 0; i < plan->term_count; i++) {
		const struct term *t = &plan->terms[i];

		text = arena_format(arena, "%s%s%s%s %d(", text,
		    i > 0 ? ", " : "", t->negated ? "!" : "",
		    t->field->name, (int)t->compare);
		for (size_t j = 0; j < t->value_count; j++)
			text = arena_format(arena, "%s%s%s", text,
			    j > 0 ? ";" : "", t->values[j]);
		text = arena_format(arena, "%s)", text);
	}
	text = arena_format(arena, "%s%s|", text, *text != '\0' ? " " : "");
	for (size_t i = 0; i < plan->order_count; i++)
		text = arena_format(arena, "%s %s.%s", text,
		    plan->order[i].field->name,
		    plan->order[i].descending ? "desc" : "asc");
	text = arena_format(arena, "%s | %u |", text, plan->limit);
	if (plan->select_count == 13)
		return arena_format(arena, "%s *", text);
	for (size_t i = 0; i < plan->select_count; i++)
		text = arena_format(arena, "%s %s", text,
		    plan->select[i]->name);
	return text;
}

/* Bytes that no client would send as they are. */
static const char *
escaped(const char *query)
{
	const char *text = "";

	for (; *query != '\0'; query++)
		text = arena_format(arena, strchr("\"\\ ", *query) != NULL ?
		    "%s%%%02X" : "%s%c", text, (unsigned char)*query);
	return text;
}

START_TEST(a_list_is_read_or_refused)
{
	const struct plan *plan = NULL;
	char *target;
	enum problem p;

	/* accept_get() ends the scope, so the target must not be in it. */
	ck_assert_int_ge(asprintf(&target, "/api/letters?%s",
	    escaped(lists[_i].query)), 0);
	p = accept_get(target, &plan);
	free(target);
	ck_assert_str_eq(p == PROBLEM_NONE ? plan_text(plan) : issues(),
	    lists[_i].expected);
	ck_assert_int_eq(p, lists[_i].problem);
}
END_TEST

START_TEST(a_list_takes_32_filters_and_100_values)
{
	const struct plan *plan = NULL;
	char query[4096] = "/api/letters?pages=in.(1";

	for (int i = 1; i < 100; i++)
		strcat(query, ",1");
	strcat(query, ")");
	ck_assert_int_eq(accept_get(query, &plan), PROBLEM_NONE);
	ck_assert_uint_eq(plan->terms[0].value_count, 100);
	query[strlen(query) - 1] = '\0';
	strcat(query, ",1)");
	ck_assert_int_eq(accept_get(query, &plan), PROBLEM_INVALID_QUERY);
	strcpy(query, "/api/letters?pages=gt.1");
	for (int i = 1; i < 32; i++)
		strcat(query, "&pages=gt.1");
	ck_assert_int_eq(accept_get(query, &plan), PROBLEM_NONE);
	ck_assert_uint_eq(plan->term_count, 32);
	strcat(query, "&pages=gt.1");
	ck_assert_int_eq(accept_get(query, &plan), PROBLEM_INVALID_QUERY);
}
END_TEST

/* ---- cursors ---- */

static const char *
target_after(const char *order, const char *cursor)
{
	static char target[8192];

	snprintf(target, sizeof(target), "/api/letters?order=%s&after=%s",
	    order, cursor);
	return target;
}

START_TEST(a_cursor_comes_back_as_it_was_made)
{
	const char *const values[] = { "2026-02-28 23:59:59.123456+00", NULL,
		"A \"quoted\" \xc3\xa4, [comma]", ID };
	const struct plan *plan = NULL;
	static char cursor[8192];

	ck_assert_int_eq(accept_get(target_after("created_at.desc,weight,title",
	    ""), &plan), PROBLEM_INVALID_CURSOR);
	ck_assert_int_eq(accept_get("/api/letters?"
	    "order=created_at.desc,weight,title", &plan), PROBLEM_NONE);
	ck_assert_ptr_null(plan->after);
	strcpy(cursor, contract_cursor(&scope, plan, values));
	ck_assert_int_eq(accept_get(target_after("created_at.desc,weight,title",
	    cursor), &plan), PROBLEM_NONE);
	ck_assert_uint_eq(plan->order_count, 4);
	ck_assert_str_eq(plan->after[0], values[0]);
	ck_assert_ptr_null(plan->after[1]);
	ck_assert_str_eq(plan->after[2], values[2]);
	ck_assert_str_eq(plan->after[3], values[3]);
	/* It belongs to its order alone. */
	ck_assert_int_eq(accept_get(target_after("created_at.asc,weight,title",
	    cursor), &plan), PROBLEM_INVALID_CURSOR);
	ck_assert_int_eq(accept_get(target_after("created_at.desc", cursor),
	    &plan), PROBLEM_INVALID_CURSOR);
}
END_TEST

START_TEST(the_longest_values_fit_a_cursor)
{
	static char title[1021], target[8192];
	const char *const values[] = { title, ID };
	const struct plan *plan = NULL;

	for (size_t i = 0; i < 1020; i += 4)
		memcpy(title + i, "\xf0\x9f\x98\x80", 4);
	ck_assert_int_eq(accept_get("/api/letters?order=title", &plan),
	    PROBLEM_NONE);
	snprintf(target, sizeof(target), "%s", target_after("title",
	    contract_cursor(&scope, plan, values)));
	ck_assert_int_eq(accept_get(target, &plan), PROBLEM_NONE);
	ck_assert_str_eq(plan->after[0], title);
}
END_TEST

#define HEAD(order) "[1,\"letters\",\"" order "\","

static const struct {
	const char *order, *json;
	bool taken;
} cursors[] = {
	{ "title", HEAD("title.asc,id.asc") "\"a\",\"" ID "\"]", true },
	{ "title", HEAD("title.asc,id.asc") "\"' or true --\",\"" ID "\"]",
	    true },
	{ "title", " " HEAD("title.asc,id.asc") "\"a\",\"" ID "\"] ", true },
	{ "title", HEAD("title.asc,id.asc") "null,\"" ID "\"]", false },
	{ "title", HEAD("title.asc,id.asc") "1,\"" ID "\"]", false },
	{ "title", HEAD("title.asc,id.asc") "[\"a\"],\"" ID "\"]", false },
	{ "title", HEAD("title.asc,id.asc") "\"a\\u0000\",\"" ID "\"]",
	    false },
	{ "title", HEAD("title.asc,id.asc") "\"a\\n\\u0001\",\"" ID "\"]",
	    true },
	{ "title", HEAD("title.asc,id.asc") "\"a\xff\",\"" ID "\"]", false },
	{ "title", HEAD("title.asc,id.asc") "\"a\",\"1\"]", false },
	{ "title", HEAD("title.asc,id.asc") "\"a\",null]", false },
	{ "title", HEAD("title.asc,id.asc") "\"a\"]", false },
	{ "title", HEAD("title.asc,id.asc") "\"a\",\"" ID "\",1]", false },
	{ "title", HEAD("title.desc,id.desc") "\"a\",\"" ID "\"]", false },
	{ "title", "[2,\"letters\",\"title.asc,id.asc\",\"a\",\"" ID "\"]",
	    false },
	{ "title", "[1,\"others\",\"title.asc,id.asc\",\"a\",\"" ID "\"]",
	    false },
	{ "title", "[1,null,\"title.asc,id.asc\",\"a\",\"" ID "\"]", false },
	{ "title", "{\"a\":1}", false },
	{ "title", "[]", false },
	{ "title", "null", false },
	{ "created_at", HEAD("created_at.asc,id.asc")
	    "\"2026-01-01 00:00:00+00\",\"" ID "\"]", true },
	{ "created_at", HEAD("created_at.asc,id.asc")
	    "\"2024-02-29T00:00:00.5Z\",\"" ID "\"]", true },
	{ "created_at", HEAD("created_at.asc,id.asc")
	    "\"2026-01-01 00:00:00-03:30\",\"" ID "\"]", true },
	{ "created_at", HEAD("created_at.asc,id.asc")
	    "\"2026-02-29 00:00:00+00\",\"" ID "\"]", false },
	{ "created_at", HEAD("created_at.asc,id.asc")
	    "\"2026-01-01 24:00:00+00\",\"" ID "\"]", false },
	{ "created_at", HEAD("created_at.asc,id.asc") "\"now\",\"" ID "\"]",
	    false },
	{ "created_at", HEAD("created_at.asc,id.asc")
	    "\"2026-01-01 00:00:00 EST\",\"" ID "\"]", false },
	{ "sent_at", HEAD("sent_at.asc,id.asc") "null,\"" ID "\"]", true },
	{ "weight", HEAD("weight.asc,id.asc") "\"-1.5e+20\",\"" ID "\"]",
	    true },
	{ "weight", HEAD("weight.asc,id.asc") "\"1e999\",\"" ID "\"]", false },
	{ "weight", HEAD("weight.asc,id.asc") "\"0x10\",\"" ID "\"]", false },
	{ "weight", HEAD("weight.asc,id.asc") "\"\",\"" ID "\"]", false },
	{ "status", HEAD("status.asc,id.asc") "\"sent\",\"" ID "\"]", true },
	{ "status", HEAD("status.asc,id.asc") "\"lost\",\"" ID "\"]", false },
};

START_TEST(a_forged_cursor_is_judged)
{
	const struct plan *plan = NULL;
	char *cursor = text_to_base64url(arena, cursors[_i].json,
	    strlen(cursors[_i].json));
	enum problem p = accept_get(target_after(cursors[_i].order, cursor),
	    &plan);

	ck_assert_int_eq(p, cursors[_i].taken ? PROBLEM_NONE :
						PROBLEM_INVALID_CURSOR);
}
END_TEST

/* ---- who, and media types ---- */

START_TEST(a_role_that_is_not_listed_is_refused)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_with("GET", "/api/letters?nonsense=1",
	    &(struct with){ 0 }, &plan), PROBLEM_TOKEN_MISSING);
	ck_assert_int_eq(accept_with("GET", "/api/letters/" ID,
	    &(struct with){ .role = "service_role" }, &plan),
	    PROBLEM_FORBIDDEN);
	ck_assert_int_eq(accept_with("GET", "/api/letters",
	    &(struct with){ .role = "service_role" }, &plan), PROBLEM_NONE);
	ck_assert_uint_eq(scope.issue_count, 0);
}
END_TEST

static const struct {
	const char *accept;
	bool taken;
} accepts[] = {
	{ NULL, true },
	{ "", true },
	{ "*/*", true },
	{ "application/*", true },
	{ "application/json", true },
	{ "Application/JSON;charset=utf-8", true },
	{ "application/problem+json", true },
	{ "text/html, application/xhtml+xml;q=0.9, */*;q=0.8", true },
	{ "text/html , application/json ; q=0.001", true },
	{ "application/json;q=0, application/problem+json", true },
	{ "*/*;q=0, application/json", true },
	{ "application/json;q=1.000, text/html", true },
	{ "application/json;q=high", true },
	{ "text/html", false },
	{ "text/*", false },
	{ "application/json;q=0", false },
	{ "application/json; q=0.000, */*", false },
	{ "application/*;q=0, */*", false },
	{ "*/*;q=0", false },
	{ "application/jsonp", false },
	{ "nonsense", false },
};

START_TEST(the_reply_must_be_acceptable)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_with("GET", "/api/letters/" ID,
	    &(struct with){ .role = "authenticated",
	    .accept = accepts[_i].accept }, &plan),
	    accepts[_i].taken ? PROBLEM_NONE : PROBLEM_NOT_ACCEPTABLE);
	if (accepts[_i].taken)
		ck_assert_int_eq(plan->media, MEDIA_JSON);
}
END_TEST

static const struct {
	const char *accept;
	int media;		/* -1 = none is acceptable */
} list_accepts[] = {
	{ NULL, MEDIA_JSON },
	{ "*/*", MEDIA_JSON },
	{ "application/*", MEDIA_JSON },
	{ "text/html, application/xhtml+xml;q=0.9, */*;q=0.8", MEDIA_JSON },
	{ "text/csv", MEDIA_CSV },
	{ "Text/CSV; header=present", MEDIA_CSV },
	{ "text/*", MEDIA_CSV },
	{ "application/x-ndjson", MEDIA_NDJSON },
	{ "text/csv, application/json", MEDIA_JSON },
	{ "application/x-ndjson, text/csv", MEDIA_NDJSON },
	{ "application/json;q=0.899, text/csv;q=0.9", MEDIA_CSV },
	{ "application/json;q=0.9, text/csv;q=0.899", MEDIA_JSON },
	{ "application/json;q=0.01, text/csv;q=0.1", MEDIA_CSV },
	{ "text/csv ; Q=1, application/json ;q=0.999", MEDIA_CSV },
	{ "text/csv, */*;q=0.1", MEDIA_CSV },
	{ "text/csv;q=0.1, */*", MEDIA_JSON },
	{ "application/json;q=0.1, application/*", MEDIA_NDJSON },
	{ "application/json;q=0, */*", MEDIA_NDJSON },
	{ "application/*;q=0, */*", MEDIA_CSV },
	{ "text/csv, application/problem+json", MEDIA_CSV },
	{ "text/csv;q=0, application/problem+json", MEDIA_JSON },
	{ "application/problem+json;q=0", -1 },
	{ "*/*;q=0", -1 },
	{ "*/*;q=0.000, text/csv;q=0.001", MEDIA_CSV },
	{ "text/html", -1 },
	{ "text/csvx, xtext/csv, csv, text", -1 },
	{ ",;,=,q=1", -1 },
};

START_TEST(a_list_comes_in_the_form_that_is_wanted_most)
{
	const struct plan *plan;
	enum problem p = accept_with("GET", "/api/letters", &(struct with){
	    .role = "authenticated", .accept = list_accepts[_i].accept },
	    &plan);

	ck_assert_int_eq(p, list_accepts[_i].media < 0 ?
	    PROBLEM_NOT_ACCEPTABLE : PROBLEM_NONE);
	if (p == PROBLEM_NONE)
		ck_assert_int_eq((int)plan->media, list_accepts[_i].media);
}
END_TEST

START_TEST(every_path_tells_its_methods)
{
	static const struct {
		const char *target, *allow;
	} rows[] = {
		{ "/api/letters", "GET, HEAD, OPTIONS, POST" },
		{ "/api/letters/" ID, "DELETE, GET, HEAD, OPTIONS, PATCH" },
		{ "/api/letters/" ID "/send", "OPTIONS, POST" },
		{ "/api/nothing", NULL },
		{ "/api", NULL },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		make_request("OPTIONS", rows[i].target, &(struct with){ 0 });
		ck_assert_int_eq(contract_allow(contract, &scope, &request),
		    rows[i].allow != NULL ? PROBLEM_NONE : PROBLEM_NOT_FOUND);
		if (rows[i].allow != NULL)
			ck_assert_str_eq(scope.allow, rows[i].allow);
	}
}
END_TEST

static const struct {
	const char *type;
	enum problem problem;
} types[] = {
	{ "application/json", PROBLEM_NONE },
	{ "Application/Json; Charset=UTF-8", PROBLEM_NONE },
	{ "application/json;charset=\"utf-8\"", PROBLEM_NONE },
	{ "application/json;", PROBLEM_NONE },
	{ NULL, PROBLEM_UNSUPPORTED_MEDIA_TYPE },
	{ "", PROBLEM_UNSUPPORTED_MEDIA_TYPE },
	{ "text/plain", PROBLEM_UNSUPPORTED_MEDIA_TYPE },
	{ "application/x-www-form-urlencoded",
	    PROBLEM_UNSUPPORTED_MEDIA_TYPE },
	{ "application/json; charset=latin1", PROBLEM_UNSUPPORTED_MEDIA_TYPE },
	{ "application/json, text/plain", PROBLEM_UNSUPPORTED_MEDIA_TYPE },
	{ "application/jsonx", PROBLEM_UNSUPPORTED_MEDIA_TYPE },
};

START_TEST(a_body_must_be_json_by_its_type)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_with("POST", "/api/letters", &(struct with){
	    .role = "authenticated", .content_type = types[_i].type,
	    .body = "{\"title\":\"a\"}" }, &plan), types[_i].problem);
}
END_TEST

/* ---- paths and bodies ---- */

START_TEST(the_key_is_judged_by_its_schema)
{
	const struct plan *plan;

	ck_assert_int_eq(accept_get("/api/letters/" ID, &plan), PROBLEM_NONE);
	ck_assert_str_eq(plan->keys[0].text, ID);
	ck_assert_str_eq(plan->keys[0].field->name, "id");
	ck_assert_uint_eq(plan->select_count, 13);
	ck_assert_int_eq(accept_get("/api/letters/1", &plan),
	    PROBLEM_VALIDATION_FAILED);
	ck_assert_str_eq(issues(), "\"/id\":format");
	ck_assert_int_eq(accept_get("/api/letters/" ID "?select=id", &plan),
	    PROBLEM_NONE);
	ck_assert_uint_eq(plan->select_count, 1);
	ck_assert_int_eq(accept_get("/api/letters/" ID "?order=id", &plan),
	    PROBLEM_INVALID_QUERY);
	ck_assert_str_eq(issues(), "\"/order\":parameter");
}
END_TEST

static const struct {
	const char *method, *path, *body;
	enum problem problem;
	const char *expected;	/* values or issues */
} bodies[] = {
	{ "POST", "/api/letters", "{\"title\":\"a\"}", PROBLEM_NONE,
	    "title=a" },
	/* In the order of the schema, whatever was sent. */
	{ "POST", "/api/letters",
	    "{\"language\":\"de\",\"urgent\":true,\"weight\":null,"
	    "\"pages\":2,\"title\":\"a\\u00e4\"}", PROBLEM_NONE,
	    "title=a\xc3\xa4 pages=2 weight=- urgent=true language=de" },
	{ "POST", "/api/letters",
	    "{\"title\":\"a\",\"pages\":2.0,\"weight\":1.50}", PROBLEM_NONE,
	    "title=a pages=2 weight=1.50" },
	{ "POST", "/api/letters",
	    "{\"title\":\"a\",\"pages\":1e1,\"secret\":\"s\"}", PROBLEM_NONE,
	    "title=a pages=10 secret=s" },
	{ "POST", "/api/letters",
	    "{\"title\":\"a\",\"tags\":[ \"x\", \"\\u00e4/\" ],"
	    "\"recipient\":{ \"name\" : \"N\" }}", PROBLEM_NONE,
	    "title=a recipient={\"name\":\"N\"} tags=[\"x\",\"\xc3\xa4/\"]" },
	{ "POST", "/api/letters", "{\"title\":\"a\\\\u0000\"}", PROBLEM_NONE,
	    "title=a\\u0000" },
	{ "POST", "/api/letters", "{\"title\":\"a\\u0000b\"}",
	    PROBLEM_VALIDATION_FAILED, "\"/title\":syntax" },
	{ "POST", "/api/letters",
	    "{\"title\":\"a\",\"tags\":[\"a\\\\\\u0000\"]}",
	    PROBLEM_VALIDATION_FAILED, "\"/tags\":syntax" },
	{ "POST", "/api/letters", "{\"title\":\"a\",\"id\":\"" ID "\"}",
	    PROBLEM_VALIDATION_FAILED, "\"\":additionalProperties" },
	{ "POST", "/api/letters", "{}", PROBLEM_VALIDATION_FAILED,
	    "\"/title\":required" },
	{ "POST", "/api/letters", "[]", PROBLEM_VALIDATION_FAILED,
	    "\"\":type" },
	{ "POST", "/api/letters", "null", PROBLEM_VALIDATION_FAILED,
	    "\"\":type" },
	{ "POST", "/api/letters", "", PROBLEM_MALFORMED_JSON, "" },
	{ "POST", "/api/letters", "{\"title\":\"a\"", PROBLEM_MALFORMED_JSON,
	    "" },
	{ "POST", "/api/letters", "{\"title\":\"a\",\"title\":\"b\"}",
	    PROBLEM_MALFORMED_JSON, "" },
	{ "POST", "/api/letters?x=1", "{\"title\":\"a\"}",
	    PROBLEM_INVALID_QUERY, "\"/x\":parameter" },
	{ "PATCH", "/api/letters/" ID, "{\"weight\":null}", PROBLEM_NONE,
	    "weight=-" },
	{ "PATCH", "/api/letters/" ID, "{}", PROBLEM_VALIDATION_FAILED,
	    "\"\":minProperties" },
	{ "PATCH", "/api/letters/" ID, "{\"language\":\"de\"}",
	    PROBLEM_VALIDATION_FAILED, "\"\":additionalProperties" },
	{ "PATCH", "/api/letters/" ID, "{\"title\":null}",
	    PROBLEM_VALIDATION_FAILED, "\"/title\":type" },
	{ "DELETE", "/api/letters/" ID, "", PROBLEM_NONE, "" },
	{ "DELETE", "/api/letters/" ID, "{}", PROBLEM_VALIDATION_FAILED,
	    "\"\":false" },
	{ "GET", "/api/letters", "{}", PROBLEM_VALIDATION_FAILED,
	    "\"\":false" },
	{ "POST", "/api/letters/" ID "/send", "{\"channel\":\"post\"}",
	    PROBLEM_NONE, "id=" ID " channel=post" },
	{ "POST", "/api/letters/" ID "/send",
	    "{\"options\":{\"a\":[1,2.50]},\"note\":null,\"channel\":"
	    "\"email\"}", PROBLEM_NONE, "id=" ID " channel=email note=- "
	    "options={\"a\":[1,2.50]}" },
	{ "POST", "/api/letters/" ID "/send", "{\"channel\":\"fax\"}",
	    PROBLEM_VALIDATION_FAILED, "\"/channel\":enum" },
	{ "POST", "/api/letters/x/send", "{", PROBLEM_VALIDATION_FAILED,
	    "\"/id\":format" },
};

START_TEST(a_body_becomes_values_or_issues)
{
	const struct plan *plan = NULL;
	enum problem p = accept_body(bodies[_i].method, bodies[_i].path,
	    bodies[_i].body, &plan);

	ck_assert_str_eq(p == PROBLEM_NONE ?
	    values_text(plan->values, plan->value_count) : issues(),
	    bodies[_i].expected);
	ck_assert_int_eq(p, bodies[_i].problem);
	ck_assert_int_eq(scope.at_known, p == PROBLEM_MALFORMED_JSON);
}
END_TEST

static const struct {
	const char *method, *target, *body;
	enum problem problem;
	const char *expected;
} calls[] = {
	{ "GET", "/coupons?text=a&percent=5", "", PROBLEM_NONE,
	    "text=a percent=5" },
	{ "GET", "/coupons?active=true&text=a%26b", "", PROBLEM_NONE,
	    "active=true text=a&b" },
	{ "GET", "/coupons", "", PROBLEM_INVALID_QUERY,
	    "\"/text\":required" },
	{ "GET", "/coupons?text=&percent=0&active=yes&limit=1&limit=1", "",
	    PROBLEM_INVALID_QUERY, "\"/text\":minLength "
	    "\"/percent\":minimum \"/active\":type \"/limit\":parameter "
	    "\"/limit\":parameter" },
	{ "GET", "/coupons?text=a&text=b", "", PROBLEM_INVALID_QUERY,
	    "\"/text\":parameter" },
	{ "POST", "/coupons/ABCD/redeem", "", PROBLEM_NONE, "code=ABCD" },
	{ "POST", "/coupons/ABCD/redeem", "{}", PROBLEM_NONE, "code=ABCD" },
	{ "POST", "/coupons/ABCD/redeem", "{\"a\":1}",
	    PROBLEM_VALIDATION_FAILED, "\"\":false" },
	{ "POST", "/coupons/ABCD/redeem", "{", PROBLEM_MALFORMED_JSON, "" },
	{ "POST", "/coupons/abcd/redeem", "", PROBLEM_VALIDATION_FAILED,
	    "\"/code\":pattern" },
	{ "PUT", "/coupons/ABCD", "{\"code\":\"ABCD\",\"percent\":5}",
	    PROBLEM_NONE, "code=ABCD percent=5" },
	{ "PUT", "/coupons/ABCD", "{\"code\":\"ABCE\"}",
	    PROBLEM_VALIDATION_FAILED, "\"/code\":syntax" },
	{ "POST", "/coupons/ABCD/stamps/7/here", "{\"note\":\"n\"}",
	    PROBLEM_NONE, "code=ABCD number=7 where=here note=n" },
	{ "POST", "/coupons/ABCD/stamps/0/here", "{}",
	    PROBLEM_VALIDATION_FAILED, "\"/number\":minimum" },
	{ "DELETE", "/coupons/ABCD", "", PROBLEM_NONE, "code=ABCD" },
};

START_TEST(a_call_takes_its_arguments)
{
	const struct plan *plan = NULL;
	enum problem p;

	auth_free(auth);
	unlink(secret_file);
	contract_free(contract);
	open_contract("calls");
	open_auth();
	p = accept_with(calls[_i].method, calls[_i].target, &(struct with){
	    .role = "member", .body = calls[_i].body,
	    .content_type = *calls[_i].body != '\0' ? "application/json" :
						      NULL }, &plan);
	ck_assert_str_eq(p == PROBLEM_NONE ?
	    values_text(plan->values, plan->value_count) : issues(),
	    calls[_i].expected);
	ck_assert_int_eq(p, calls[_i].problem);
}
END_TEST

START_TEST(a_plain_path_parameter_has_255_characters_at_most)
{
	const struct plan *plan = NULL;
	char target[512] = "/coupons/ABCD/stamps/7/";

	auth_free(auth);
	unlink(secret_file);
	contract_free(contract);
	open_contract("calls");
	open_auth();
	for (int i = 0; i < 255; i++)
		strcat(target, "a");
	ck_assert_int_eq(accept_with("POST", target, &(struct with){
	    .role = "member", .body = "{}",
	    .content_type = "application/json" }, &plan), PROBLEM_NONE);
	strcat(target, "a");
	ck_assert_int_eq(accept_with("POST", target, &(struct with){
	    .role = "member", .body = "{}",
	    .content_type = "application/json" }, &plan),
	    PROBLEM_VALIDATION_FAILED);
	ck_assert_str_eq(issues(), "\"/where\":maxLength");
}
END_TEST

START_TEST(declared_errors_are_found_by_their_key)
{
	const struct operation *op, *list;
	size_t count;

	list = contract_operations(contract, &count);
	ck_assert_uint_eq(count, 6);
	op = &list[5];
	ck_assert_str_eq(op->name, "letters.send");
	ck_assert_str_eq(contract_error(op, "LS001")->code,
	    "letter_already_sent");
	ck_assert_str_eq(contract_error(op, "LS002")->message, "not found");
	ck_assert_ptr_null(contract_error(op, "LS003"));
	ck_assert_ptr_null(contract_error(&list[0], "LS001"));
	ck_assert_int_eq(contract_constraint(op, "letters_title_key")->status,
	    409);
	ck_assert_ptr_null(contract_constraint(op, "letters_pkey"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("contract");
	TCase *t = tcase_create("contract");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 20);
#define LOOP(test, table) tcase_add_loop_test(t, test, 0, countof(table))
	LOOP(a_request_meets_its_operation, routes);
	LOOP(literals_go_before_parameters, more_routes);
	tcase_add_test(t, every_path_tells_its_methods);
	LOOP(a_list_is_read_or_refused, lists);
	tcase_add_test(t, a_list_takes_32_filters_and_100_values);
	tcase_add_test(t, a_cursor_comes_back_as_it_was_made);
	tcase_add_test(t, the_longest_values_fit_a_cursor);
	LOOP(a_forged_cursor_is_judged, cursors);
	tcase_add_test(t, a_role_that_is_not_listed_is_refused);
	LOOP(the_reply_must_be_acceptable, accepts);
	LOOP(a_list_comes_in_the_form_that_is_wanted_most, list_accepts);
	LOOP(a_body_must_be_json_by_its_type, types);
	tcase_add_test(t, the_key_is_judged_by_its_schema);
	LOOP(a_body_becomes_values_or_issues, bodies);
	LOOP(a_call_takes_its_arguments, calls);
	tcase_add_test(t, a_plain_path_parameter_has_255_characters_at_most);
	tcase_add_test(t, declared_errors_are_found_by_their_key);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
