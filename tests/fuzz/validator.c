/* SPDX-License-Identifier: MIT */
/*
 * The validator: the text is a list, a schema and the documents to judge by it.
 * A document is valid or there is an issue, never both; asked again, and by any
 * number of threads' worth of state, the answer is the same.  The walk that
 * tells all errors or annotations comes to the same verdict, unless one of the
 * two gave up.  Where a gate lets a document pass, the run that looks for
 * issues finds none, which it tells as its having taken too long.
 */
#include "fuzz.h"

#include "base/json.h"
#include "contract/annotate.h"
#include "contract/run.h"

enum { DOCUMENTS_MAX = 16 };

static void
tell(const struct outline *outline, struct arena *arena,
    struct json_object *value, bool valid)
{
	struct json_object *written;
	struct json_fault fault;
	struct output output;
	struct buf b;

	annotate(outline, arena, value, &output);
	MUST(output.exhausted || output.valid == valid);
	MUST(output.exhausted || output.valid == (output.errors.count == 0));
	buf_init(&b, SIZE_MAX / 8);
	output_write(&output, valid, &b);
	MUST(json_read(b.at, b.length, &json_caps_standard, &written,
	    &fault));
	json_object_put(written);
	buf_release(&b);
}

static void
judge(const struct schema *schema, const struct outline *outline,
    struct json_object *value)
{
	struct arena *arena = arena_new();
	bool valid[2], gave_up = false;

	for (unsigned i = 0; i < 2; i++) {
		struct scope sc;

		scope_init(&sc, arena);
		valid[i] = schema_judge(schema, &sc, NULL, value);
		MUST(valid[i] == (sc.issue_count == 0));
		gave_up |= !valid[i] && sc.issues[0].rule == RULE_COMPLEXITY;
		if (valid[i]) {
			unsigned steps = SCHEMA_STEPS_MAX;

			judge_collect(schema, &sc, NULL, value, &steps);
			MUST(sc.issues[0].rule == RULE_COMPLEXITY);
		}
		arena_reset(arena);
	}
	MUST(valid[0] == valid[1]);
	if (!gave_up)
		tell(outline, arena, value, valid[0]);
	arena_free(arena);
}

static void
judge_all(const struct schema *schema, const struct outline *outline,
    struct json_object *list)
{
	size_t count = json_object_array_length(list);

	for (size_t i = 1; i < count && i <= DOCUMENTS_MAX; i++)
		judge(schema, outline, json_object_array_get_idx(list, i));
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
		judge_all(schema, outline_new(set, schema, &faults), list);
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
