/* SPDX-License-Identifier: MIT */
/*
 * Signs and verifies for tests that hold us against other libraries.
 *
 *	hook_peer verify|sign FORM HASH ENCODING SEPARATOR PREFIX NOW SECRETS \
 *	    ID TIME SIGNATURE <BODY
 *
 * "-" stands for no header.  verify prints the verdict, sign the header.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook/hook.h"

enum { BODY_MAX = 1 << 20 };

static const char *
header(const char *word)
{
	return strcmp(word, "-") == 0 ? NULL : word;
}

static struct hook_scheme
scheme_of(char **v)
{
	return (struct hook_scheme){
		.form = strcmp(v[2], "standard") == 0 ? HOOK_STANDARD :
		    strcmp(v[2], "stamped") == 0 ? HOOK_STAMPED : HOOK_PLAIN,
		.hash = strcmp(v[3], "sha512") == 0 ? HOOK_SHA512 : HOOK_SHA256,
		.encoding = strcmp(v[4], "base64") == 0 ? HOOK_BASE64 :
							  HOOK_HEX,
		.separator = v[5][0], .prefix = v[6], .tolerance_s = 300 };
}

static int
answer(const struct hook_scheme *scheme, const struct hook_keys *keys,
    const struct hook_message *m, char **v)
{
	struct arena *arena = arena_new();
	int64_t now_s = strtoll(v[7], NULL, 10);
	struct buf out;
	bool done = true;

	buf_init(&out, 8192);
	if (strcmp(v[1], "verify") == 0)
		buf_string(&out, hook_verdict_name(hook_verify(scheme, keys,
		    arena, m, now_s)));
	else
		done = hook_sign(scheme, keys, arena, m, now_s, &out);
	if (done)
		puts(out.at);
	buf_release(&out);
	arena_free(arena);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **v)
{
	static char body[BODY_MAX];
	struct hook_scheme scheme;
	struct hook_message m;
	struct hook_keys *keys;
	struct buf fault;
	int code;

	if (argc != 12)
		return 2;
	scheme = scheme_of(v);
	m = (struct hook_message){ header(v[9]), header(v[10]), header(v[11]),
		body, fread(body, 1, sizeof(body), stdin) };
	buf_init(&fault, 1024);
	keys = hook_keys_read(scheme.form, v[8], strlen(v[8]), &fault);
	if (keys == NULL) {
		fprintf(stderr, "%s\n", fault.at);
		return 2;
	}
	code = answer(&scheme, keys, &m, v);
	hook_keys_free(keys);
	buf_release(&fault);
	return code;
}
