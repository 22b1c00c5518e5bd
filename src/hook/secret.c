/* SPDX-License-Identifier: MIT */
/*
 * The secrets of a source: lines of a file, so that one can be added before a
 * sender changes over and the old one ends by itself.  A secret's bytes are in
 * struct hook_keys and nowhere else, and are wiped with it; what is told of a
 * fault is its line and never its text.
 */
#include "hook/internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STANDARD_MIN = 24, STANDARD_MAX = 64, SEED = 32 };

/* A line while it is read. */
struct line {
	const char *at;
	size_t length;
	unsigned number;
	struct buf *fault;
};

static bool
refuse(const struct line *line, const char *why)
{
	buf_format(line->fault, "line %u: %s", line->number, why);
	return false;
}

/* The place of a byte in the alphabet, or -1. */
static int
sextet(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = memchr(alphabet, c, sizeof(alphabet) - 1);

	return at == NULL ? -1 : (int)(at - alphabet);
}

bool
hook_from_base64(const char *text, size_t length, size_t most,
    unsigned char *ret, size_t *ret_length)
{
	size_t pad = 0, made = 0;
	unsigned held = 0, bits = 0;

	while (pad < 2 && pad < length && text[length - 1 - pad] == '=')
		pad++;
	if (length == 0 || length % 4 != 0 || length / 4 * 3 - pad > most)
		return false;
	for (size_t i = 0; i < length - pad; i++) {
		int value = sextet(text[i]);

		if (value < 0)
			return false;
		held = held << 6 | (unsigned)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			ret[made++] = (unsigned char)(held >> bits);
			held &= (1u << bits) - 1;
		}
	}
	if (held != 0)
		return false;
	*ret_length = made;
	return true;
}

/* "2026-12-01T00:00:00Z", a time that there is. */
static bool
is_moment(const char *text, size_t length, int64_t *ret)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	struct tm tm = { 0 }, same;
	char copy[sizeof(shape)];
	time_t t;

	if (length != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < length; i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' :
			text[i] != shape[i])
			return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
		return false;
	same = tm;
	t = timegm(&same);
	/* The 31st of a month of 30 days has become another day. */
	if (same.tm_mday != tm.tm_mday || same.tm_sec != tm.tm_sec)
		return false;
	*ret = (int64_t)t;
	return true;
}

/* Takes " until TIME" off the end of the line. */
static bool
until_read(struct line *line, struct hook_key *key)
{
	static const char word[] = " until ";
	size_t tail = sizeof(word) - 1;
	const char *at = memmem(line->at, line->length, word, tail);

	key->until_s = INT64_MAX;
	if (at == NULL)
		return true;
	if (!is_moment(at + tail, line->length - tail -
		(size_t)(at - line->at), &key->until_s))
		return refuse(line, "what follows \"until\" must be a time "
		    "like 2026-12-01T00:00:00Z");
	line->length = (size_t)(at - line->at);
	return true;
}

static bool
begins(const struct line *line, const char *prefix)
{
	size_t length = strlen(prefix);

	return line->length > length &&
	    memcmp(line->at, prefix, length) == 0;
}

/* An ed25519 key; a private one is its seed, and may have the public half. */
static bool
ed25519_read(const struct line *line, bool private, struct hook_key *key)
{
	unsigned char bytes[2 * SEED], public[SEED];
	size_t length = 0, half = SEED;
	bool well = hook_from_base64(line->at + 5, line->length - 5,
	    sizeof(bytes), bytes, &length) && (length == SEED ||
	    (private && length == 2 * SEED));

	if (well && private)
		key->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519,
		    NULL, bytes, SEED);
	else if (well)
		key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519,
		    NULL, bytes, SEED);
	key->private = private;
	well = key->pkey != NULL && (length == SEED ||
	    (EVP_PKEY_get_raw_public_key(key->pkey, public, &half) == 1 &&
	    memcmp(public, bytes + SEED, SEED) == 0));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return well || refuse(line, "no ed25519 key: \"whpk_\" wants the "
	    "base64 of 32 bytes, \"whsk_\" that of 32 or 64");
}

static bool
standard_read(const struct line *line, struct hook_key *key)
{
	if (begins(line, "whpk_"))
		return ed25519_read(line, false, key);
	if (begins(line, "whsk_"))
		return ed25519_read(line, true, key);
	if (!begins(line, "whsec_"))
		return refuse(line, "a secret begins with \"whsec_\", "
		    "\"whpk_\" or \"whsk_\"");
	if (!hook_from_base64(line->at + 6, line->length - 6, STANDARD_MAX,
		key->bytes, &key->length) || key->length < STANDARD_MIN)
		return refuse(line, "what follows \"whsec_\" must be the "
		    "base64, with its padding, of 24 to 64 bytes");
	return true;
}

static bool
text_read(const struct line *line, struct hook_key *key)
{
	if (line->length < HOOK_SECRET_MIN || line->length > HOOK_SECRET_MAX)
		return refuse(line, "a secret must have 16 to 512 bytes");
	memcpy(key->bytes, line->at, line->length);
	key->length = line->length;
	return true;
}

static bool
line_read(enum hook_form form, struct line *line, struct hook_keys *keys)
{
	struct hook_key *key = &keys->key[keys->count];

	if (keys->count == HOOK_KEYS_MAX)
		return refuse(line, "there are more than 8 secrets");
	keys->count++;
	if (!until_read(line, key))
		return false;
	return form == HOOK_STANDARD ? standard_read(line, key) :
				       text_read(line, key);
}

static bool
lines_read(enum hook_form form, const char *text, size_t length,
    struct hook_keys *keys, struct buf *fault)
{
	struct line line = { .at = text, .fault = fault };
	const char *end = text + length, *stop;

	for (; line.at < end; line.at = stop + 1) {
		stop = memchr(line.at, '\n', (size_t)(end - line.at));
		if (stop == NULL)
			stop = end;
		line.number++;
		line.length = (size_t)(stop - line.at);
		if (line.length > 0 && line.at[line.length - 1] == '\r')
			line.length--;
		if (line.length > 0 && !line_read(form, &line, keys))
			return false;
	}
	if (keys->count == 0)
		buf_string(fault, "there is no secret in it");
	return keys->count > 0;
}

struct hook_keys *
hook_keys_read(enum hook_form form, const char *text, size_t length,
    struct buf *fault)
{
	struct hook_keys *keys = calloc(1, sizeof(*keys));

	if (keys == NULL)
		abort();
	if (lines_read(form, text, length, keys, fault))
		return keys;
	hook_keys_free(keys);
	return NULL;
}

void
hook_keys_free(struct hook_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->key[i].pkey);
	OPENSSL_cleanse(keys, sizeof(*keys));
	free(keys);
}

bool
hook_key_is_live(const struct hook_key *key, int64_t now_s)
{
	return now_s < key->until_s;
}

bool
hook_keys_live(const struct hook_keys *keys, int64_t now_s)
{
	for (size_t i = 0; i < keys->count; i++)
		if (hook_key_is_live(&keys->key[i], now_s))
			return true;
	return false;
}
