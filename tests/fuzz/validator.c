/* SPDX-License-Identifier: MIT */
/*
 * The validator: the text is a list, a schema and the documents to judge by it.
 * A document is valid or there is an issue, never both; asked again, and by any
 * number of threads' worth of state, the answer is the same.  Where a gate lets
 * a document pass, the run that looks for issues finds none, which it tells as
 * its having taken too long.
 */
#include "fuzz.h"

#include "base/json.h"
#include "contract/run.h"

enum { DOCUMENTS_MAX = 16 };

static void
judge(const struct schema *schema, struct json_object *value)
{
	struct arena *arena = arena_new();
	bool valid[2];

	for (unsigned i = 0; i < 2; i++) {
		struct scope sc;

		scope_init(&sc, arena);
		valid[i] = schema_judge(schema, &sc, NULL, value);
		MUST(valid[i] == (sc.issue_count == 0));
		if (valid[i]) {
			judge_collect(schema, &sc, NULL, value);
			MUST(sc.issues[0].rule == RULE_COMPLEXITY);
		}
		arena_reset(arena);
	}
	MUST(valid[0] == valid[1]);
	arena_free(arena);
}

static void
judge_all(const struct schema *schema, struct json_object *list)
{
	size_t count = json_object_array_length(list);

	for (size_t i = 1; i < count && i <= DOCUMENTS_MAX; i++)
		judge(schema, json_object_array_get_idx(list, i));
}

static void
run(struct json_object *list, bool assert_format)
{
	const struct schema_options options = { .assert_format =
		assert_format };
	struct schema_set *set = schema_set_new("/proc/self/fd", &options);
	const struct schema *schema;
	struct buf text, faults;
	char file[32];
	int fd;

	buf_init(&text, SIZE_MAX / 8);
	buf_init(&faults, 1 << 20);
	json_write(&text, json_object_array_get_idx(list, 0));
	fd = fuzz_file(text.at, text.length, file, sizeof(file));
	schema = schema_compile(set, file, VARIANT_WHOLE, &faults);
	if (schema != NULL)
		judge_all(schema, list);
	close(fd);
	buf_release(&text);
	buf_release(&faults);
	schema_set_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *list;
	struct json_fault fault;

	if (!json_read((const char *)data, size, &json_caps_wire, &list,
		&fault))
		return 0;
	if (json_object_is_type(list, json_type_array) &&
	    json_object_array_length(list) > 1)
		run(list, size % 2 == 0);
	json_object_put(list);
	return 0;
}
