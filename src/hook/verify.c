/* SPDX-License-Identifier: MIT */
/*
 * Signatures of webhooks, verified.  The header is taken apart first, into at
 * most HOOK_SIGNATURES_MAX candidates; then each live secret is tried against
 * each of them, and none of it stops at a hit, so that the time it takes tells
 * only how many there are.
 *
 * An HMAC is compared as text, which has one spelling; hexadecimal in capitals
 * is made small before.  The time is looked at last: a message is called stale
 * only when it is a true one.
 */
#include "hook/internal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"

/* A signature of the header. */
struct candidate {
	const char *at;
	size_t length;
	bool asymmetric;	/* v1a */
};

/* The header, taken apart. */
struct parsed {
	struct candidate candidate[HOOK_SIGNATURES_MAX];
	size_t count;
	const char *time;	/* NULL = none was there */
};

static const char *const verdict_names[] = {
	[HOOK_GOOD] = "good",
	[HOOK_UNSIGNED] = "unsigned",
	[HOOK_MALFORMED] = "malformed",
	[HOOK_FORGED] = "forged",
	[HOOK_STALE] = "stale",
};

const char *
hook_verdict_name(enum hook_verdict verdict)
{
	return verdict_names[verdict];
}

static bool
candidate_add(struct parsed *p, const char *at, size_t length,
    bool asymmetric)
{
	if (p->count == HOOK_SIGNATURES_MAX)
		return false;
	p->candidate[p->count++] = (struct candidate){ at, length,
		asymmetric };
	return true;
}

static bool
begins(const char *at, size_t length, const char *prefix)
{
	return length >= strlen(prefix) &&
	    memcmp(at, prefix, strlen(prefix)) == 0;
}

/* "v1,BASE64 v1a,BASE64": items with spaces between. */
static bool
standard_parse(const char *header, struct parsed *p)
{
	size_t length;

	for (; *header != '\0'; header += length) {
		header += strspn(header, " ");
		length = strcspn(header, " ");
		if (begins(header, length, "v1,") &&
		    !candidate_add(p, header + 3, length - 3, false))
			return false;
		if (begins(header, length, "v1a,") &&
		    !candidate_add(p, header + 4, length - 4, true))
			return false;
	}
	return true;
}

/*
 * "t=TIME,v1=SIGNATURE,v0=...": in any order, with one time; a proxy that
 * joins lines puts a space behind the comma.
 */
static bool
stamped_parse(struct arena *arena, const char *header, struct parsed *p)
{
	size_t length;

	for (;; header += length + 1) {
		header += strspn(header, " ");
		length = strcspn(header, ",");
		if (begins(header, length, "t=")) {
			if (p->time != NULL)
				return false;
			p->time = arena_copy(arena, header + 2, length - 2);
		} else if (begins(header, length, "v1=") &&
		    !candidate_add(p, header + 3, length - 3, false)) {
			return false;
		}
		if (header[length] == '\0')
			return p->time != NULL;
	}
}

static bool
plain_parse(const struct hook_scheme *scheme, const char *header,
    struct parsed *p)
{
	size_t length = strlen(header), prefix = strlen(scheme->prefix);

	return begins(header, length, scheme->prefix) &&
	    candidate_add(p, header + prefix, length - prefix, false);
}

static bool
parse(const struct hook_scheme *scheme, struct arena *arena,
    const struct hook_message *message, struct parsed *p)
{
	if (strlen(message->signature) > HOOK_HEADER_MAX)
		return false;
	switch (scheme->form) {
	case HOOK_STANDARD:
		p->time = message->time;
		return hook_is_id(message->id) &&
		    standard_parse(message->signature, p);
	case HOOK_STAMPED:
		return stamped_parse(arena, message->signature, p);
	case HOOK_PLAIN:
		break;
	}
	return plain_parse(scheme, message->signature, p);
}

/* Hexadecimal digits in capitals become small ones. */
static void
fold(struct arena *arena, struct candidate *c)
{
	char *text = arena_copy(arena, c->at, c->length);

	for (size_t i = 0; i < c->length; i++)
		if (text[i] >= 'A' && text[i] <= 'F')
			text[i] = (char)(text[i] - 'A' + 'a');
	c->at = text;
}

static bool
ed25519_holds(const struct hook_key *key, const struct candidate *c,
    const struct hook_content *content)
{
	unsigned char signature[HOOK_ED25519_SIGNATURE];
	EVP_MD_CTX *context;
	size_t length = 0;
	bool holds;

	if (!hook_from_base64(c->at, c->length, sizeof(signature), signature,
		&length) || length != sizeof(signature))
		return false;
	if ((context = EVP_MD_CTX_new()) == NULL)
		abort();
	holds = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) ==
	    1 && EVP_DigestVerify(context, signature, length,
	    (const unsigned char *)content->at, content->length) == 1;
	EVP_MD_CTX_free(context);
	return holds;
}

/* Does any of the signatures come from the key? */
static bool
key_made_one(const struct hook_scheme *scheme, const struct hook_key *key,
    struct arena *arena, const struct hook_content *content,
    const struct parsed *p)
{
	const char *text = key->pkey == NULL ? hook_hmac_text(scheme, key,
	    arena, content) : NULL;
	bool found = false;

	for (size_t i = 0; i < p->count; i++) {
		const struct candidate *c = &p->candidate[i];

		if (c->asymmetric != (text == NULL))
			continue;
		found |= text == NULL ? ed25519_holds(key, c, content) :
		    auth_same_secret(text, strlen(text), c->at, c->length);
	}
	return found;
}

static bool
is_of_now(const struct hook_scheme *scheme, const char *time, int64_t now_s)
{
	int64_t away = strtoll(time, NULL, 10) - now_s;

	return away <= (int64_t)scheme->tolerance_s &&
	    away >= -(int64_t)scheme->tolerance_s;
}

static bool
is_unsigned(const struct hook_scheme *scheme,
    const struct hook_message *message)
{
	return message->signature == NULL || message->signature[0] == '\0' ||
	    (scheme->form == HOOK_STANDARD &&
	    (message->id == NULL || message->time == NULL));
}

enum hook_verdict
hook_verify(const struct hook_scheme *scheme, const struct hook_keys *keys,
    struct arena *arena, const struct hook_message *message, int64_t now_s)
{
	struct parsed p = { .count = 0 };
	struct hook_content content;
	bool found = false;

	if (is_unsigned(scheme, message))
		return HOOK_UNSIGNED;
	if (!parse(scheme, arena, message, &p) ||
	    (p.time != NULL && !hook_is_time(p.time)))
		return HOOK_MALFORMED;
	if (scheme->form != HOOK_STANDARD && scheme->encoding == HOOK_HEX)
		for (size_t i = 0; i < p.count; i++)
			fold(arena, &p.candidate[i]);
	content = hook_content_of(scheme, arena, message, p.time);
	for (size_t i = 0; i < keys->count; i++)
		if (hook_key_is_live(&keys->key[i], now_s))
			found |= key_made_one(scheme, &keys->key[i], arena,
			    &content, &p);
	if (!found)
		return HOOK_FORGED;
	return p.time == NULL || is_of_now(scheme, p.time, now_s) ?
	    HOOK_GOOD : HOOK_STALE;
}
