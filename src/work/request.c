/* SPDX-License-Identifier: MIT */
/*
 * What a job says of its call, and what the deployment says of the service ->
 * one request.  Each repeat of a job's call has the same Idempotency-Key, the
 * job's id: a service that heeds it does the work once, however often we ask.
 */
#include "work/internal.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

enum {
	OWN_HEADERS = 10,	/* beside those of the job */
	REPLY_MAX = 1 << 20,
	REPLY_KEPT = 20000,	/* of one that is only shown to people */
	CONNECT_MS = 5000,
	SIGNATURE_MAX = 4096,
	FAULT_MAX = 1024,
};

/* A request while it is made. */
struct making {
	struct scope *sc;
	const struct walk *walk;
	const struct job_request *said;
	struct peer_call *call;
	struct peer_header *headers;
};

static void
add(struct making *m, const char *name, const char *value)
{
	if (value != NULL)
		m->headers[m->call->header_count++] = (struct peer_header){
			name, value };
}

static bool
is_said(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->said->header_count; i++)
		if (strcasecmp(m->said->headers[i].name, name) == 0)
			return true;
	return false;
}

/* Of the service's URL and the job's path one slash is left. */
static const char *
url_of(struct making *m, const char *base)
{
	const struct job_request *r = m->said;
	size_t length = strlen(base);

	while (r->path != NULL && length > 0 && base[length - 1] == '/')
		length--;
	return arena_format(m->sc->arena, "%.*s%s%s%s", (int)length, base,
	    r->path != NULL ? r->path : "", r->query != NULL ? "?" : "",
	    r->query != NULL ? r->query : "");
}

static void
add_own(struct making *m)
{
	const struct queue_job *job = m->walk->job;
	const char *type = m->said->json ? "application/json" :
	    "text/plain; charset=utf-8";

	for (size_t i = 0; i < m->said->header_count; i++)
		add(m, m->said->headers[i].name, m->said->headers[i].value);
	if (!is_said(m, "content-type") && m->said->body != NULL)
		add(m, "Content-Type", type);
	if (!is_said(m, "accept"))
		add(m, "Accept", "application/json");
	if (!is_said(m, "user-agent"))
		add(m, "User-Agent", "lockstep");
	/* Strangers know a message by its webhook-id, and nothing of ours. */
	if (job->kind->url == NULL)
		return;
	add(m, "Idempotency-Key", arena_format(m->sc->arena, "%" PRId64,
	    job->id));
	if (!is_said(m, "x-request-id"))
		add(m, "X-Request-Id", job->request_id);
	if (!is_said(m, "traceparent"))
		add(m, "traceparent", job->traceparent);
}

/* As Standard Webhooks have it: anew for each attempt, with the same id. */
static bool
add_signature(struct making *m, const struct hook_keys *keys, const char *id)
{
	const struct hook_scheme scheme = { .form = HOOK_STANDARD };
	struct arena *arena = m->sc->arena;
	int64_t now = clock_unix_s();
	struct hook_message message = { .id = id,
		.time = arena_format(arena, "%" PRId64, now),
		.body = m->call->body != NULL ? m->call->body : "",
		.body_length = m->call->body_length };
	struct buf signature;
	bool well;

	buf_init(&signature, SIGNATURE_MAX);
	well = hook_sign(&scheme, keys, arena, &message, now, &signature);
	if (well) {
		add(m, "webhook-id", message.id);
		add(m, "webhook-timestamp", message.time);
		add(m, "webhook-signature", arena_copy(arena, signature.at,
		    signature.length));
	}
	buf_release(&signature);
	return well;
}

/* Keys that came with the job. */
static bool
sign_with(struct making *m)
{
	const char *text = m->said->sign_keys;
	struct hook_keys *keys;
	struct buf fault;
	bool well;

	buf_init(&fault, FAULT_MAX);
	keys = hook_keys_read(HOOK_STANDARD, text, strlen(text), &fault);
	buf_release(&fault);
	if (keys == NULL)
		return false;
	well = add_signature(m, keys, m->said->sign_id);
	hook_keys_free(keys);
	return well;
}

static bool
sign(struct making *m, const struct service *service)
{
	bool well = true;

	if (m->said->sign_keys != NULL)
		well = sign_with(m);
	else if (service->keys != NULL)
		well = add_signature(m, service->keys, arena_format(
		    m->sc->arena, "%" PRId64, m->walk->job->id));
	if (!well)
		(void)scope_fail(m->sc, PROBLEM_INTERNAL, "the request cannot "
		    "be signed: no key that holds now can");
	return well;
}

bool
request_make(struct scope *sc, const struct walk *w,
    const struct work_options *o, const struct job_request *said,
    struct peer_call *ret)
{
	const struct job_kind *kind = w->job->kind;
	const struct service *service = services_find(o->services, kind);
	const char *base = kind->url != NULL ? service->url : said->url;
	struct peer_call call = { .method = said->method,
		.body = said->body, .body_length = said->body_length,
		.reach = kind->url != NULL ? PEER_ANY : PEER_PUBLIC,
		.plain = kind->url != NULL,
		.ca_file = kind->url != NULL ? o->service_ca_file : NULL,
		.timeout_ms = kind->timeout_ms,
		.reply_max = kind->url != NULL ? REPLY_MAX : REPLY_KEPT };
	struct making m = { sc, w, said, &call, arena_alloc(sc->arena,
	    (said->header_count + OWN_HEADERS) * sizeof(*m.headers)) };

	call.connect_ms = kind->timeout_ms < CONNECT_MS ? kind->timeout_ms :
	    CONNECT_MS;
	call.url = url_of(&m, base);
	call.headers = m.headers;
	add_own(&m);
	if (!sign(&m, service))
		return false;
	*ret = call;
	return true;
}
