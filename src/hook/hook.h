/* SPDX-License-Identifier: MIT */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/buf.h"

/*
 * Signatures of webhooks, made and verified: over the raw bytes of a body as
 * they came, by the secrets of one source.  Nothing here reads what a body
 * says.
 */

enum {
	HOOK_KEYS_MAX = 8,		/* of a source */
	HOOK_SIGNATURES_MAX = 16,	/* of a message */
	HOOK_HEADER_MAX = 4096,		/* bytes of a signature's header */
	HOOK_ID_MAX = 128,		/* bytes of an id that is signed */
	HOOK_SECRET_MIN = 16,		/* bytes; of HOOK_STANDARD 24 to 64 */
	HOOK_SECRET_MAX = 512,
};

/* What is signed, and how the signature's header looks. */
enum hook_form {
	HOOK_STANDARD,	/* id.time.body; "v1,BASE64 v1a,BASE64" */
	HOOK_STAMPED,	/* time, separator, body; "t=TIME,v1=SIGNATURE" */
	HOOK_PLAIN,	/* body; the prefix and the signature */
};
enum hook_hash { HOOK_SHA256, HOOK_SHA512 };
enum hook_encoding { HOOK_HEX, HOOK_BASE64 };

/* How a source signs.  HOOK_STANDARD has but the tolerance. */
struct hook_scheme {
	enum hook_form form;
	enum hook_hash hash;
	enum hook_encoding encoding;
	char separator;		/* HOOK_STAMPED: '.' or ',' */
	const char *prefix;	/* HOOK_PLAIN: "sha256=", or "" */
	unsigned tolerance_s;	/* of the time, before and after now */
};

/* The secrets of a source, each until when. */
struct hook_keys;

/*
 * Reads secrets, one a line: the secret, and, if it is to end, a space, "until"
 * and the time ("2026-12-01T00:00:00Z").  For HOOK_STANDARD a secret is
 * "whsec_" and base64 of 24 to 64 bytes; or, of an ed25519 key, "whpk_" (to
 * verify) or "whsk_" (to sign as well) and base64.  For the others it is the
 * text as it stands.  NULL when one is none; why, with the line and never the
 * secret, is then added to fault.
 */
struct hook_keys *hook_keys_read(enum hook_form form, const char *text,
    size_t length, struct buf *fault) MUST_CHECK;
void hook_keys_free(struct hook_keys *keys);

/* Is there a secret that holds at that time? */
bool hook_keys_live(const struct hook_keys *keys, int64_t now_s);

/*
 * A message with its headers as they came, NULL when absent.  HOOK_PLAIN has
 * neither id nor time, HOOK_STAMPED its time in the signature's header.
 */
struct hook_message {
	const char *id;
	const char *time;
	const char *signature;
	const void *body;
	size_t body_length;
};

/* What was found; for the log and figures.  A sender learns good or not. */
enum hook_verdict {
	HOOK_GOOD,
	HOOK_UNSIGNED,	/* a header is missing */
	HOOK_MALFORMED,	/* a header is not of the form */
	HOOK_FORGED,	/* no live secret made any of the signatures */
	HOOK_STALE,	/* one did, at another time */
};
const char *hook_verdict_name(enum hook_verdict verdict);

/*
 * Verifies: each signature against each live secret, all of them always, in
 * constant time.  Times are digits and nothing else; an id that is signed is 1
 * to HOOK_ID_MAX of [A-Za-z0-9_-], as a dot would let bytes move between id and
 * time.  Versions and items that are not known are passed over.
 */
enum hook_verdict hook_verify(const struct hook_scheme *scheme,
    const struct hook_keys *keys, struct arena *arena,
    const struct hook_message *message, int64_t now_s) MUST_CHECK;

/*
 * Adds the signature's header for the message (whose own is not looked at; its
 * time is needed but for HOOK_PLAIN), by each live secret, the last one of the
 * file first; by one alone for HOOK_PLAIN.  false when the message has no fit
 * id or time, or no secret can sign.
 */
bool hook_sign(const struct hook_scheme *scheme, const struct hook_keys *keys,
    struct arena *arena, const struct hook_message *message, int64_t now_s,
    struct buf *out) MUST_CHECK;

#endif
