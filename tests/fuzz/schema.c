/* SPDX-License-Identifier: MIT */
/*
 * The schema compiler: the text is a schema, by the plain standard and by the
 * profile of contracts.  A refusal says at least one fault; a schema that was
 * compiled judges a few values without more ado.
 */
#include "fuzz.h"

#include "base/json.h"
#include "contract/schema.h"

static const struct schema_options plain = { .assert_format = true };
static const struct schema_options profile = { .contract = true };

static void
judge_some(const struct schema *schema)
{
	static const char *const texts[] = { "null", "0", "\"a\"",
		"[1,[],{}]", "{\"a\":{\"b\":1},\"foo\":[\"x\"]}" };
	struct arena *arena = arena_new();

	for (size_t i = 0; i < countof(texts); i++) {
		struct json_object *value;
		struct json_fault fault;
		struct scope sc;
		bool valid;

		scope_init(&sc, arena);
		MUST(json_read(texts[i], strlen(texts[i]), &json_caps_wire,
		    &value, &fault));
		valid = schema_judge(schema, &sc, NULL, value);
		MUST(valid == (sc.issue_count == 0));
		json_object_put(value);
		arena_reset(arena);
	}
	arena_free(arena);
}

static void
compile(const char *file, const struct schema_options *options,
    enum variant variant)
{
	struct schema_set *set = schema_set_new("/proc/self/fd", options);
	const struct schema *schema;
	struct schema_property property;
	struct buf faults;

	buf_init(&faults, 1 << 20);
	schema = schema_compile(set, file, variant, &faults);
	if (schema == NULL) {
		MUST(faults.length > 0);
	} else {
		for (size_t i = 0; schema_property(schema, i, &property); i++)
			MUST(property.name != NULL);
		(void)schema_types(schema);
		(void)schema_items(schema);
		judge_some(schema);
	}
	buf_release(&faults);
	schema_set_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char file[32];
	int fd;

	if (size < 2)
		return 0;
	fd = fuzz_file(data, size, file, sizeof(file));
	compile(file, &plain, VARIANT_WHOLE);
	compile(file, &profile, (enum variant)(data[size - 1] %
	    (VARIANT_BODY + 1)));
	close(fd);
	return 0;
}
