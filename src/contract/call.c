/* SPDX-License-Identifier: MIT */
/*
 * What goes between a job and the service that it calls: what the kind's
 * `prepare` says of the request, and what the service says, judged.  A request
 * is made of what a function of the database gives, but nothing in it can end a
 * header or the path of the kind's url.
 */
#include "contract/internal.h"

#include <string.h>

#include "base/text.h"

enum {
	HEADERS_MAX = 32,
	BODY_MAX = 1 << 20,	/* bytes of a request, written */
	KEYS_MAX = 1 << 14,
};

/* What is said of a request, while it is read. */
struct saying {
	struct scope *sc;
	struct json_object *tree;
	const char *fault;		/* the first one, or NULL */
};

static void
refuse(struct saying *s, const char *fault)
{
	if (s->fault == NULL)
		s->fault = fault;
}

/* A text without a NUL, of so many bytes at most; NULL when it is absent. */
static const char *
text_of(struct saying *s, struct json_object *object, const char *name,
    size_t most, const char *fault)
{
	struct json_object *value = json_object_object_get(object, name);
	const char *text = json_object_get_string(value);
	size_t length;

	if (value == NULL)
		return NULL;
	if (!json_object_is_type(value, json_type_string)) {
		refuse(s, fault);
		return NULL;
	}
	length = (size_t)json_object_get_string_len(value);
	if (length > most || strlen(text) != length) {
		refuse(s, fault);
		return NULL;
	}
	return arena_string(s->sc->arena, text);
}

/* Only what a URI has as it stands, and escapes. */
static bool
is_uri_part(const char *text, const char *marks)
{
	for (; *text != '\0'; text++) {
		if ((*text >= 'a' && *text <= 'z') ||
		    (*text >= 'A' && *text <= 'Z') ||
		    (*text >= '0' && *text <= '9') ||
		    strchr(marks, *text) != NULL)
			continue;
		return false;
	}
	return true;
}

/* A segment that goes up would leave the url of the kind. */
static bool
goes_up(const char *path)
{
	const char *at = path;

	while ((at = strstr(at, "/..")) != NULL) {
		if (at[3] == '\0' || at[3] == '/')
			return true;
		at += 3;
	}
	return strcasestr(path, "%2e") != NULL;
}

static bool
is_token(const char *text)
{
	return *text != '\0' && is_uri_part(text, "!#$%&'*+-.^_`|~");
}

/* The worker's own, and those that would make it another message. */
static bool
is_reserved(const char *name)
{
	static const char *const names[] = { "host", "content-length",
		"transfer-encoding", "connection", "te", "trailer", "upgrade",
		"expect", "idempotency-key", "webhook-id", "webhook-timestamp",
		"webhook-signature" };

	for (size_t i = 0; i < countof(names); i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
is_header_value(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static void
headers_read(struct saying *s, struct job_request *ret)
{
	struct json_object *object = json_object_object_get(s->tree,
	    "headers");
	struct job_header *headers;

	if (object == NULL)
		return;
	if (!json_object_is_type(object, json_type_object) ||
	    json_object_object_length(object) > HEADERS_MAX) {
		refuse(s, "headers must be an object of texts");
		return;
	}
	headers = arena_alloc(s->sc->arena, (HEADERS_MAX + 1) *
	    sizeof(*headers));
	json_object_object_foreach(object, name, unused) {
		const char *value = text_of(s, object, name, 4096,
		    "a header must be a text");

		(void)unused;
		if (!is_token(name) || is_reserved(name))
			refuse(s, "a header's name is none, or the worker's");
		else if (value == NULL || !is_header_value(value))
			refuse(s, "a header's value is none");
		else
			headers[ret->header_count++] = (struct job_header){
				arena_string(s->sc->arena, name), value };
	}
	ret->headers = headers;
}

static void
where_read(struct saying *s, struct job_request *ret)
{
	ret->method = text_of(s, s->tree, "method", 16, "method must be a "
	    "text");
	if (ret->method != NULL && (!is_token(ret->method) ||
	    strcspn(ret->method, "abcdefghijklmnopqrstuvwxyz") !=
	    strlen(ret->method)))
		refuse(s, "method must be a word in capitals");
	ret->path = text_of(s, s->tree, "path", 2048, "path must be a text");
	if (ret->path != NULL && (ret->path[0] != '/' || goes_up(ret->path) ||
	    !is_uri_part(ret->path, "/-._~!$&'()*+,;=:@%")))
		refuse(s, "path must begin with / and be a URI's");
	ret->query = text_of(s, s->tree, "query", 4096, "query must be a "
	    "text");
	if (ret->query != NULL &&
	    !is_uri_part(ret->query, "/?-._~!$&'()*+,;=:@%"))
		refuse(s, "query must be a URI's");
}

/* As JSON, or as it stands. */
static void
body_read(struct saying *s, struct job_request *ret)
{
	struct json_object *body;
	struct buf text;

	ret->body = text_of(s, s->tree, "text", BODY_MAX, "text must be one, "
	    "and not too long");
	ret->body_length = ret->body != NULL ? strlen(ret->body) : 0;
	if (!json_object_object_get_ex(s->tree, "body", &body))
		return;
	if (ret->body != NULL)
		refuse(s, "body and text cannot both be said");
	buf_init(&text, BODY_MAX);
	json_write(&text, body);
	if (text.failed)
		refuse(s, "body is too long");
	else
		ret->body = arena_copy(s->sc->arena, text.at, text.length);
	ret->body_length = text.length;
	ret->json = true;
	buf_release(&text);
}

/* Of a kind of ours, which has no url. */
static void
target_read(struct saying *s, struct job_request *ret)
{
	struct json_object *sign = json_object_object_get(s->tree, "sign");

	ret->url = text_of(s, s->tree, "url", 4096, "url must be a text");
	ret->destination = text_of(s, s->tree, "destination", 200,
	    "destination must be a text");
	if (!ret->skip && (ret->url == NULL || ret->destination == NULL))
		refuse(s, "url and destination must be said");
	if (sign == NULL)
		return;
	if (!json_object_is_type(sign, json_type_object)) {
		refuse(s, "sign must be an object");
		return;
	}
	ret->sign_id = text_of(s, sign, "id", 128, "sign needs an id");
	ret->sign_keys = text_of(s, sign, "keys", KEYS_MAX, "sign needs keys");
	if (ret->sign_id == NULL || ret->sign_keys == NULL)
		refuse(s, "sign needs id and keys");
}

enum problem
contract_job_request(struct scope *sc, const struct job_kind *kind,
    const char *said, struct job_request *ret)
{
	struct saying s = { .sc = sc };
	struct job_request request = { .json = false };
	struct json_fault fault;
	const char *why;

	if (!json_read(said, strlen(said), &json_caps_standard, &s.tree,
	    &fault))
		return scope_fail(sc, PROBLEM_INTERNAL, "prepare: %s",
		    fault.reason);
	arena_defer(sc->arena, json_drop, s.tree);
	if (!json_object_is_type(s.tree, json_type_object))
		return scope_fail(sc, PROBLEM_INTERNAL, "prepare: what it "
		    "returns must be an object");
	request.skip = json_object_get_boolean(json_object_object_get(s.tree,
	    "skip"));
	where_read(&s, &request);
	headers_read(&s, &request);
	body_read(&s, &request);
	if (kind->message_count > 0 && !request.skip &&
	    (why = message_fault(sc, kind, json_object_object_get(s.tree,
	    "body"))) != NULL)
		refuse(&s, why);
	if (kind->url == NULL)
		target_read(&s, &request);
	if (s.fault != NULL)
		return scope_fail(sc, PROBLEM_INTERNAL, "prepare: %s",
		    s.fault);
	*ret = request;
	return PROBLEM_NONE;
}

/* ---- What came back. ---- */

static enum problem
refuse_reply(struct scope *sc, const char *why)
{
	return scope_fail(sc, PROBLEM_VALIDATION_FAILED, "the reply %s", why);
}

enum problem
contract_job_reply(struct scope *sc, const struct job_kind *kind,
    const char *body, size_t length, const char **ret)
{
	struct json_object *tree;
	struct json_fault fault;
	const char *why = NULL;

	if (!json_read(body, length, &json_caps_wire, &tree, &fault)) {
		why = arena_format(sc->arena, "is no JSON: %s", fault.reason);
	} else {
		arena_defer(sc->arena, json_drop, tree);
		if (has_nul(body))
			why = "holds a NUL";
	}
	if (why != NULL && kind->returns != NULL)
		return refuse_reply(sc, why);
	if (why != NULL) {
		*ret = NULL;
		return PROBLEM_NONE;
	}
	if (kind->returns != NULL && !schema_judge(kind->returns, sc, NULL,
	    tree))
		return PROBLEM_VALIDATION_FAILED;
	*ret = arena_copy(sc->arena, body, length);
	return PROBLEM_NONE;
}
