/* SPDX-License-Identifier: MIT */
/*
 * The signature vectors of the suite webhook-vectors, each judged as it says.
 * They are looked for beside the sources, or in LOCKSTEP_SUITES.  Without them
 * all is skipped, but in CI, where that is a failure.
 */
#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hook/hook.h"
#include "run.h"

enum { NOW = 1795301048, VECTORS = 17 };

static struct arena *arena;

static char *
suite_file(void)
{
	static const char file[] =
	    "webhook-vectors/convoy-signature-vectors.json";
	const char *suites = getenv("LOCKSTEP_SUITES");
	const char *top = getenv("SRCDIR");

	if (suites != NULL && suites[0] != '\0')
		return arena_format(arena, "%s/%s", suites, file);
	return arena_format(arena, "%s/../shared/suites/%s",
	    top == NULL ? "." : top, file);
}

static const char *
text(struct json_object *vector, const char *name)
{
	struct json_object *value = json_object_object_get(vector, name);

	ck_assert_msg(value != NULL, "no %s", name);
	return json_object_get_string(value);
}

static bool
flag(struct json_object *vector, const char *name)
{
	return json_object_get_boolean(json_object_object_get(vector, name));
}

static void
judge(struct json_object *vector)
{
	const char *secret = text(vector, "secret");
	const char *payload = text(vector, "payload");
	const struct hook_scheme scheme = {
		.form = flag(vector, "advanced") ? HOOK_STAMPED : HOOK_PLAIN,
		.hash = strcmp(text(vector, "hash"), "SHA512") == 0 ?
		    HOOK_SHA512 : HOOK_SHA256,
		.encoding = strcmp(text(vector, "encoding"), "base64") == 0 ?
		    HOOK_BASE64 : HOOK_HEX,
		.separator = ',', .prefix = "",
		.tolerance_s = (unsigned)strtoul(text(vector, "tolerance"),
		    NULL, 10),
	};
	const struct hook_message m = { NULL, NULL, text(vector, "header"),
		payload, strlen(payload) };
	struct hook_keys *keys;
	struct buf fault;

	buf_init(&fault, 1024);
	keys = hook_keys_read(scheme.form, secret, strlen(secret), &fault);
	ck_assert_ptr_nonnull(keys);
	ck_assert_msg((hook_verify(&scheme, keys, arena, &m, NOW) ==
	    HOOK_GOOD) == flag(vector, "valid"), "%s", text(vector, "name"));
	hook_keys_free(keys);
	buf_release(&fault);
}

START_TEST(each_vector_is_judged_as_it_says)
{
	struct json_object *all = json_object_from_file(suite_file());

	ck_assert_ptr_nonnull(all);
	ck_assert_uint_eq(json_object_array_length(all), VECTORS);
	for (size_t i = 0; i < VECTORS; i++)
		judge(json_object_array_get_idx(all, i));
	json_object_put(all);
}
END_TEST

/* Says that all is skipped; in CI, that this is a failure. */
static int
skip(void)
{
	const char *ci = getenv("CI");

	if (ci != NULL && strcmp(ci, "true") == 0) {
		printf("1..1\nnot ok 1 - the webhook vectors are there\n");
		return EXIT_FAILURE;
	}
	printf("1..0 # SKIP the webhook vectors are missing: set "
	    "LOCKSTEP_SUITES\n");
	return EXIT_SUCCESS;
}

static int
run(void)
{
	Suite *suite = suite_create("hook_suite");
	TCase *tc = tcase_create("suite");

	tcase_add_test(tc, each_vector_is_judged_as_it_says);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}

int
main(void)
{
	int code;

	arena = arena_new();
	code = access(suite_file(), R_OK) == 0 ? run() : skip();
	arena_free(arena);
	return code;
}
