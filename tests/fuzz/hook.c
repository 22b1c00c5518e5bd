/* SPDX-License-Identifier: MIT */
/*
 * Signatures of webhooks.  The input is a letter for the scheme, a letter for
 * what is done, and lines: the id, the time and the signature's header, then
 * the body.
 *
 *	v	verified as it stands: whatever is good has a signature in its
 *		header that we would make
 *	s	signed by us: then it is good, and with one byte of the body or
 *		the id changed it is not
 *	k	the rest are secrets, which are read
 */
#include "fuzz.h"

#include "hook/hook.h"

enum { AT = 1614265330 };

static const struct hook_scheme schemes[] = {
	{ .form = HOOK_STANDARD, .tolerance_s = 300 },
	{ .form = HOOK_STAMPED, .separator = '.', .tolerance_s = 300 },
	{ .form = HOOK_PLAIN, .prefix = "sha256=" },
	{ .form = HOOK_PLAIN, .prefix = "", .hash = HOOK_SHA512,
	    .encoding = HOOK_BASE64 },
};

static const char standard_keys[] =
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dR"
    "qSKJp4AJ6p9lMicMFs6Kvg==\n";
static const char plain_keys[] = "It's a Secret to Everybody\n";

/* What one run has. */
struct run {
	struct arena *arena;
	const struct hook_scheme *scheme;
	struct hook_keys *keys;
	struct hook_message message;
};

static struct hook_keys *
keys_of(const struct hook_scheme *scheme, const char *text, size_t length)
{
	struct hook_keys *keys;
	struct buf fault;

	buf_init(&fault, 65536);
	keys = hook_keys_read(scheme->form, text, length, &fault);
	MUST((keys == NULL) == (fault.length > 0));
	buf_release(&fault);
	return keys;
}

static enum hook_verdict
verify(const struct run *r, const struct hook_message *m)
{
	return hook_verify(r->scheme, r->keys, r->arena, m, AT);
}

/* Ours for the message; NULL when it cannot be signed. */
static const char *
signature_of(const struct run *r, const struct hook_message *m)
{
	const char *text = NULL;
	struct buf out;

	buf_init(&out, 65536);
	if (hook_sign(r->scheme, r->keys, r->arena, m, AT, &out))
		text = arena_copy(r->arena, out.at, out.length);
	buf_release(&out);
	return text;
}

/* The time that a stamped header says. */
static const char *
stamp_of(const struct run *r)
{
	const char *t = strstr(r->message.signature, "t=");

	return t == NULL ? NULL : arena_copy(r->arena, t + 2,
	    strspn(t + 2, "0123456789"));
}

/* Is one of the signatures of `ours` in the header, in either case? */
static bool
has_one(const struct run *r, const char *ours)
{
	char *copy = arena_copy(r->arena, ours, strlen(ours)), *item;

	while ((item = strsep(&copy, " ,")) != NULL)
		if (strlen(item) > 40 &&
		    strcasestr(r->message.signature, item) != NULL)
			return true;
	return false;
}

static void
as_it_stands(struct run *r)
{
	struct hook_message m = r->message;
	const char *ours;

	if (verify(r, &m) != HOOK_GOOD)
		return;
	if (r->scheme->form == HOOK_STAMPED)
		m.time = stamp_of(r);
	ours = signature_of(r, &m);
	MUST(ours != NULL);
	MUST(has_one(r, ours));
}

/* A message that differs in one byte of its body. */
static void
tampered_body(const struct run *r, unsigned at)
{
	struct hook_message m = r->message;
	char *body;

	if (m.body_length == 0)
		return;
	body = arena_copy(r->arena, m.body, m.body_length);
	body[at % m.body_length] ^= (char)(1 << at % 7);
	m.body = body;
	MUST(verify(r, &m) == HOOK_FORGED);
}

static void
tampered_id(const struct run *r, unsigned at)
{
	struct hook_message m = r->message;
	char *id = arena_copy(r->arena, m.id, strlen(m.id));

	if (r->scheme->form != HOOK_STANDARD)
		return;
	at %= strlen(id);
	id[at] = id[at] == 'a' ? 'b' : 'a';
	m.id = id;
	MUST(verify(r, &m) == HOOK_FORGED);
}

static void
signed_by_us(struct run *r)
{
	unsigned at = (unsigned)r->message.body_length * 31 + 7;

	r->message.time = "1614265330";
	r->message.signature = signature_of(r, &r->message);
	if (r->message.signature == NULL)
		return;
	MUST(verify(r, &r->message) == HOOK_GOOD);
	tampered_body(r, at);
	tampered_id(r, at);
}

/* The line at *at, which moves behind it. */
static const char *
line(struct arena *arena, const char **at, const char *end)
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	const char *text = *at;

	if (stop == NULL)
		stop = end;
	*at = stop < end ? stop + 1 : end;
	return arena_copy(arena, text, (size_t)(stop - text));
}

static void
try(struct run *r, char what, const char *at, const char *end)
{
	bool standard = r->scheme->form == HOOK_STANDARD;

	if (what == 'k') {
		r->keys = keys_of(r->scheme, at, (size_t)(end - at));
		return;
	}
	r->keys = standard ?
	    keys_of(r->scheme, standard_keys, strlen(standard_keys)) :
	    keys_of(r->scheme, plain_keys, strlen(plain_keys));
	r->message.id = line(r->arena, &at, end);
	r->message.time = line(r->arena, &at, end);
	r->message.signature = line(r->arena, &at, end);
	r->message.body = at;
	r->message.body_length = (size_t)(end - at);
	if (what == 's')
		signed_by_us(r);
	else
		as_it_stands(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	struct run r;

	if (size < 2)
		return 0;
	r = (struct run){ .arena = arena_new(),
		.scheme = &schemes[data[0] % countof(schemes)] };
	try(&r, at[1], at + 2, at + size);
	hook_keys_free(r.keys);
	arena_free(r.arena);
	return 0;
}
