/* SPDX-License-Identifier: MIT */
/*
 * lockstep sign: an event as its source would send it, for trying one out.  It
 * prints the header fields, which curl takes as they stand; secrets are read
 * where the server reads them, and are not printed.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "serve/serve.h"

enum { SIGNATURES_MAX = 8192 };

static const struct webhook *
webhook_of(const struct contract *contract, const char *name)
{
	size_t count;
	const struct webhook *all = contract_webhooks(contract, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	call_trouble("there is no webhook \"%s\" in the contract", name);
	return NULL;
}

static void
print_headers(const struct webhook *w, const struct hook_message *m,
    const char *signature)
{
	if (w->header == NULL)
		printf("webhook-id: %s\nwebhook-timestamp: %s\n"
		    "webhook-signature: %s\n", m->id, m->time, signature);
	else
		printf("%s: %s\n", w->header, signature);
	if (w->id_header != NULL)
		printf("%s: %s\n", w->id_header, m->id);
	puts("Content-Type: application/json");
}

static int
sign(struct call *call, const struct webhook *w, const struct hook_keys *keys,
    const struct buf *body)
{
	int64_t now_s = clock_unix_s();
	const char *id = call_flag(call, "id");
	struct hook_message m = {
		.id = id != NULL ? id : arena_format(call->arena,
		    "msg_%llu", (unsigned long long)clock_unix_ms()),
		.time = arena_format(call->arena, "%lld", (long long)now_s),
		.body = body->at, .body_length = body->length };
	struct buf out;
	int status = EXIT_WELL;

	buf_init(&out, SIGNATURES_MAX);
	if (hook_sign(&w->scheme, keys, call->arena, &m, now_s, &out))
		print_headers(w, &m, out.at);
	else
		status = call_trouble("no secret of \"%s\" can sign now, or "
		    "--id is none of 1 to %d letters, digits, _ and -",
		    w->name, HOOK_ID_MAX);
	buf_release(&out);
	return status;
}

static int
sign_by_contract(struct call *call, const struct contract *contract,
    const struct buf *body)
{
	const struct webhook *w = webhook_of(contract, call->argv[0]);
	struct keyring *keyring;
	struct buf faults;
	int status = EXIT_TROUBLE;

	if (w == NULL)
		return EXIT_TROUBLE;
	buf_init(&faults, 65536);
	keyring = keyring_open(contract, call->config.webhook_secrets,
	    &faults);
	if (keyring == NULL)
		fputs(faults.at, stderr);
	else if (keyring_find(keyring, w) == NULL)
		call_trouble("there are no secrets in %s/%s",
		    call->config.webhook_secrets != NULL ?
		    call->config.webhook_secrets : "webhook_secrets",
		    w->secret);
	else
		status = sign(call, w, keyring_find(keyring, w), body);
	keyring_free(keyring);
	buf_release(&faults);
	return status;
}

int
call_sign(struct call *call)
{
	struct contract *contract = call_contract(call);
	int status = EXIT_TROUBLE;
	struct buf body;

	if (contract == NULL)
		return EXIT_TROUBLE;
	buf_init(&body, call->config.body_limit_bytes);
	if (call_body(call->argc > 1 ? call->argv[1] : "-", &body))
		status = sign_by_contract(call, contract, &body);
	buf_release(&body);
	contract_free(contract);
	return status;
}
