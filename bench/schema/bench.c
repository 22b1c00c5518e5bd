/* SPDX-License-Identifier: MIT */
/*
 * One round of reading and validating: bench CASES, a file of lines "name TAB
 * schema TAB document", gives a line each: name, bytes, and the nanoseconds for
 * json_read, json_tokener, json_tokener with its strict flags, validation
 * without and with formats.  Reading includes dropping the tree.
 */
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "contract/schema.h"

enum { BATCH_NS = 1000000, BATCH_MAX = 1 << 20, BATCHES = 10 };

/* What a loop works on. */
struct work {
	const char *text;
	size_t length;
	struct json_tokener *tokener;
	const struct schema *schema;
	struct json_object *tree;
	struct scope *sc;
};

static void
die(const char *what, const char *of)
{
	fprintf(stderr, "bench: %s: %s\n", of, what);
	exit(2);
}

static char *
file_text(const char *path, size_t *ret_length)
{
	FILE *in = fopen(path, "rb");
	char *text;
	long size;

	if (in == NULL || fseek(in, 0, SEEK_END) != 0)
		die("cannot be read", path);
	size = ftell(in);
	rewind(in);
	text = malloc((size_t)size + 1);
	if (text == NULL || fread(text, 1, (size_t)size, in) != (size_t)size)
		die("cannot be read", path);
	text[size] = '\0';
	fclose(in);
	*ret_length = (size_t)size;
	return text;
}

static void
do_read(struct work *w)
{
	struct json_object *tree;
	struct json_fault fault;

	if (!json_read(w->text, w->length, &json_caps_file, &tree, &fault))
		die(fault.reason, "json_read");
	json_object_put(tree);
}

static void
do_tokener(struct work *w)
{
	struct json_object *tree;

	json_tokener_reset(w->tokener);
	tree = json_tokener_parse_ex(w->tokener, w->text, (int)w->length);
	if (tree == NULL)
		die("refused", "json_tokener");
	json_object_put(tree);
}

static void
do_judge(struct work *w)
{
	w->sc->steps_judged = 0;
	if (!schema_judge(w->schema, w->sc, NULL, w->tree))
		die("is not valid", "a document");
}

/* Nanoseconds a turn: the least of several batches of at least 1 ms each. */
static double
nanoseconds(void (*turn)(struct work *), struct work *w)
{
	size_t batch = 1;
	double best = HUGE_VAL;

	for (unsigned done = 0; done < BATCHES;) {
		uint64_t began = clock_now_ns(), took;

		for (size_t i = 0; i < batch; i++)
			turn(w);
		took = clock_now_ns() - began;
		if (took < BATCH_NS && batch < BATCH_MAX) {
			batch *= 2;
			continue;
		}
		best = fmin(best, (double)took / (double)batch);
		done++;
	}
	return best;
}

static double
time_tokener(struct work *w, int flags)
{
	double ns;

	w->tokener = json_tokener_new_ex(200);
	json_tokener_set_flags(w->tokener, flags);
	ns = nanoseconds(do_tokener, w);
	json_tokener_free(w->tokener);
	return ns;
}

static double
time_judge(struct work *w, const char *schema, bool assert_format)
{
	const struct schema_options options = { .assert_format =
		assert_format };
	struct schema_set *set = schema_set_new("/", &options);
	struct arena *arena = arena_new();
	struct scope sc;
	struct buf faults;
	double ns;

	buf_init(&faults, 65536);
	w->schema = schema_compile(set, schema + 1, VARIANT_WHOLE, &faults);
	if (w->schema == NULL)
		die(faults.length > 0 ? faults.at : "faults", schema);
	scope_init(&sc, arena);
	w->sc = &sc;
	ns = nanoseconds(do_judge, w);
	buf_release(&faults);
	schema_set_free(set);
	arena_free(arena);
	return ns;
}

static void
run_case(const char *name, const char *schema, const char *document)
{
	struct work w = { 0 };
	struct json_fault fault;
	double read, loose, strict, plain, formats;

	w.text = file_text(document, &w.length);
	if (!json_read(w.text, w.length, &json_caps_file, &w.tree, &fault))
		die(fault.reason, document);
	read = nanoseconds(do_read, &w);
	loose = time_tokener(&w, 0);
	strict = time_tokener(&w, JSON_TOKENER_STRICT |
	    JSON_TOKENER_VALIDATE_UTF8);
	plain = time_judge(&w, schema, false);
	formats = time_judge(&w, schema, true);
	printf("%s\t%zu\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n", name, w.length,
	    read, loose, strict, plain, formats);
	json_object_put(w.tree);
	free((void *)(uintptr_t)w.text);
}

int
main(int argc, char **argv)
{
	char line[3 * PATH_MAX], *schema, *document;
	FILE *cases = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (cases == NULL)
		die("wants a file of cases", "bench");
	while (fgets(line, sizeof(line), cases) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		schema = strchr(line, '\t');
		document = schema != NULL ? strchr(schema + 1, '\t') : NULL;
		if (document == NULL)
			die("is not name, schema, document", line);
		*schema++ = *document++ = '\0';
		run_case(line, schema, document);
	}
	fclose(cases);
	return 0;
}
