/* SPDX-License-Identifier: MIT */
/*
 * The Authorization header: the text is the header; or, after a "#", two lines,
 * the header and the claims of a token, which are signed here with the right
 * secret, so that what lies behind the signature is reached as well.  Whoever
 * is identified has a role of the contract, and a subject unless the role needs
 * none.
 */
#include "fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"

static struct contract *contract;
static struct auth *auth;

static const char *
signed_token(struct arena *arena, const char *text, size_t length)
{
	const char *end = memchr(text, '\n', length);
	size_t head = end != NULL ? (size_t)(end - text) : length;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_length = 0;
	const char *body = arena_format(arena, "%s.%s",
	    text_to_base64url(arena, text, head),
	    text_to_base64url(arena, end != NULL ? end + 1 : "",
		end != NULL ? length - head - 1 : 0));

	MUST(HMAC(EVP_sha256(), fuzz_secret, sizeof(fuzz_secret) - 1,
	    (const unsigned char *)body, strlen(body), mac, &mac_length) !=
	    NULL);
	return arena_format(arena, "Bearer %s.%s", body,
	    text_to_base64url(arena, mac, mac_length));
}

static void
judge(const struct caller *caller)
{
	const struct contract_about *about = contract_about(contract);
	bool listed = false;

	for (size_t i = 0; i < about->role_count; i++)
		listed |= strcmp(about->roles[i], caller_role(caller)) == 0;
	MUST(listed);
	MUST(strcmp(caller_role(caller), "authenticated") != 0 ||
	    caller_subject(caller)[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const struct caller *caller;
	struct request rq = { .method = METHOD_GET };
	struct scope sc;

	if (contract == NULL) {
		contract = fuzz_contract("letters");
		auth = fuzz_auth(contract);
	}
	rq.authorization = size > 0 && data[0] == '#' ?
	    signed_token(arena, (const char *)data + 1, size - 1) :
	    arena_copy(arena, data, size);
	scope_init(&sc, arena);
	if (auth_identify(auth, &sc, &rq, &caller) == PROBLEM_NONE)
		judge(caller);
	arena_free(arena);
	return 0;
}
