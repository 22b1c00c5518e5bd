/* SPDX-License-Identifier: MIT */
/*
 * Files of a contract and what is said about their faults.  Loading never
 * stops at the first fault: each is added as a line, `file:line:column: text`,
 * and they are sorted at the end.  Objects are held against tables of members,
 * so that what a table does not name is a fault and what it does name has the
 * right shape wherever it is read afterwards.
 */
#include "contract/internal.h"
#include "contract/near.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

enum { FILE_MAX = 1 << 20 };	/* bytes of a file of the contract */

static void fault_line(struct loader *ld, const char *file, size_t line,
    size_t column, const char *what, const char *format, va_list ap)
    PRINTF_LIKE(6, 0);

static void
fault_line(struct loader *ld, const char *file, size_t line, size_t column,
    const char *what, const char *format, va_list ap)
{
	const char *text = arena_vformat(ld->scratch, format, ap);

	buf_format(&ld->faults, "%s:%zu:%zu: %s%s\n", file, line, column, what,
	    text);
}

void
fault_place(struct loader *ld, const char *file, size_t line, size_t column,
    const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fault_line(ld, file, line, column, "", format, ap);
	va_end(ap);
}

void
fault_value(struct loader *ld, const struct at *at, const char *name,
    const char *format, ...)
{
	size_t line = at->line, column = at->column;
	va_list ap;

	/* A member that is absent is reported at its object. */
	(void)json_place(at->source->places, at->object, name, 0, &line,
	    &column);
	va_start(ap, format);
	fault_line(ld, at->source->file, line, column, at->what, format, ap);
	va_end(ap);
}

void
fault_name(struct loader *ld, const struct at *at, const char *name,
    const char *format, ...)
{
	size_t line = at->line, column = at->column;
	va_list ap;

	(void)json_place_of_name(at->source->places, at->object, name, &line,
	    &column);
	va_start(ap, format);
	fault_line(ld, at->source->file, line, column, at->what, format, ap);
	va_end(ap);
}

void
fault_item(struct loader *ld, const struct at *at, const char *name,
    size_t index, const char *format, ...)
{
	struct json_object *list = json_object_object_get(at->object, name);
	size_t line = at->line, column = at->column;
	va_list ap;

	(void)json_place(at->source->places, list, NULL, index, &line,
	    &column);
	va_start(ap, format);
	fault_line(ld, at->source->file, line, column, at->what, format, ap);
	va_end(ap);
}

/* A line of the faults, taken apart for sorting. */
struct line {
	const char *text;
	size_t length, file_length;
	unsigned long line, column;
	size_t number;
};

static struct line
line_cut(const char *text, size_t length, size_t number)
{
	struct line l = { text, length, length, 0, 0, number };
	const char *colon = memchr(text, ':', length);
	char *end;

	if (colon != NULL) {
		l.file_length = (size_t)(colon - text);
		l.line = strtoul(colon + 1, &end, 10);
		if (*end == ':')
			l.column = strtoul(end + 1, NULL, 10);
	}
	return l;
}

static int
line_compare(const void *a_, const void *b_)
{
	const struct line *a = a_, *b = b_;
	size_t least = a->file_length < b->file_length ? a->file_length :
							 b->file_length;
	int order = memcmp(a->text, b->text, least);

	if (order != 0)
		return order;
	if (a->file_length != b->file_length)
		return a->file_length < b->file_length ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

void
faults_sorted(struct loader *ld, struct buf *out)
{
	const char *next, *at = ld->faults.at;
	const char *end = at + ld->faults.length;
	struct line *lines;
	size_t count = 0;

	for (const char *p = at; p < end; p++)
		count += *p == '\n';
	lines = arena_alloc(ld->scratch, (count + 1) * sizeof(*lines));
	count = 0;
	for (; at < end; at = next) {
		next = memchr(at, '\n', (size_t)(end - at));
		next = next != NULL ? next + 1 : end;
		lines[count] = line_cut(at, (size_t)(next - at), count);
		count++;
	}
	qsort(lines, count, sizeof(*lines), line_compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || lines[i].length != lines[i - 1].length ||
		    memcmp(lines[i].text, lines[i - 1].text,
			lines[i].length) != 0)
			buf_add(out, lines[i].text, lines[i].length);
}

const char *
hint(struct loader *ld, const char *word, const char *const *known,
    size_t count)
{
	size_t best = strlen(word) / 3 + 1;
	const char *near = NULL, *list = "";

	for (size_t i = 0; i < count; i++) {
		size_t d = near_distance(word, known[i]);

		if (d <= best && (near == NULL || d < best)) {
			best = d;
			near = known[i];
		}
	}
	if (near != NULL)
		return arena_format(ld->scratch, "; did you mean \"%s\"?",
		    near);
	if (count == 0)
		return "";
	for (size_t i = 0; i < count; i++)
		list = arena_format(ld->scratch, "%s%s%s", list,
		    i > 0 ? ", " : "", known[i]);
	return arena_format(ld->scratch, "; known are %s", list);
}

bool
source_exists(const struct loader *ld, const char *file)
{
	const char *path = arena_format(ld->scratch, "%s/%s", ld->directory,
	    file);
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Notes the file's tree; false after a fault. */
static bool
text_read(struct loader *ld, struct source *source, const struct buf *text)
{
	struct json_fault fault;

	if (!json_read_placed(ld->scratch, text->length > 0 ? text->at : "",
		text->length, &json_caps_file, &source->root, &source->places,
		&fault)) {
		fault_place(ld, source->file, fault.line, fault.column,
		    "is not well-formed JSON: %s", fault.reason);
		return false;
	}
	arena_defer(ld->scratch, json_drop, source->root);
	return true;
}

bool
source_read(struct loader *ld, const char *file, struct at *ret)
{
	struct source *source = arena_alloc(ld->scratch, sizeof(*source));
	bool well = false;
	struct buf text;

	source->file = file;
	buf_init(&text, FILE_MAX);
	if (file_read(arena_format(ld->scratch, "%s/%s", ld->directory, file),
		&text))
		well = text_read(ld, source, &text);
	else
		fault_place(ld, file, 1, 1, "cannot be read: %s",
		    strerror(errno));
	buf_release(&text);
	if (!well)
		return false;
	if (!json_object_is_type(source->root, json_type_object)) {
		fault_place(ld, file, 1, 1, "must be an object: { ... }");
		return false;
	}
	*ret = (struct at){ source, source->root, 1, 1, "" };
	return true;
}

static const struct {
	enum json_type type;
	const char *sentence;
} kinds[] = {
	[KIND_TEXT] = { json_type_string, "a string" },
	[KIND_NUMBER] = { json_type_int, "an integer" },
	[KIND_FLAG] = { json_type_boolean, "true or false" },
	[KIND_OBJECT] = { json_type_object, "an object" },
	[KIND_TEXTS] = { json_type_array, "a list of strings" },
	[KIND_NAMES] = { json_type_string, "a string or a list of strings" },
	[KIND_NUMBERS] = { json_type_array, "a list of integers" },
};

/* A string that is neither empty nor holds a NUL. */
static bool
is_text(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) &&
	    json_object_get_string_len(value) > 0 &&
	    strlen(json_object_get_string(value)) ==
		(size_t)json_object_get_string_len(value);
}

static void
texts_check(struct loader *ld, const struct at *at, const char *name,
    struct json_object *list)
{
	size_t count = json_object_array_length(list);

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!is_text(item)) {
			fault_item(ld, at, name, i,
			    "items of \"%s\" must be strings, not empty", name);
			continue;
		}
		for (size_t j = 0; j < i; j++) {
			if (!json_object_equal(item,
				json_object_array_get_idx(list, j)))
				continue;
			fault_item(ld, at, name, i,
			    "\"%s\" is repeated in \"%s\"; drop one",
			    json_object_get_string(item), name);
			break;
		}
	}
}

static void
kind_check(struct loader *ld, const struct at *at, const struct member *m,
    struct json_object *value)
{
	if (m->kind == KIND_NAMES && json_object_is_type(value,
	    json_type_array))
		texts_check(ld, at, m->name, value);
	else if (!json_object_is_type(value, kinds[m->kind].type))
		fault_value(ld, at, m->name, "\"%s\" must be %s", m->name,
		    kinds[m->kind].sentence);
	else if ((m->kind == KIND_TEXT || m->kind == KIND_NAMES) &&
	    !is_text(value))
		fault_value(ld, at, m->name, "\"%s\" must not be empty",
		    m->name);
	else if (m->kind == KIND_TEXTS)
		texts_check(ld, at, m->name, value);
}

void
members_check(struct loader *ld, const struct at *at,
    const struct member *table, size_t count)
{
	const char **known = arena_alloc(ld->scratch, count * sizeof(*known));

	for (size_t i = 0; i < count; i++)
		known[i] = table[i].name;
	json_object_object_foreach(at->object, name, value) {
		size_t i = 0;

		while (i < count && strcmp(table[i].name, name) != 0)
			i++;
		if (i < count)
			kind_check(ld, at, &table[i], value);
		else
			fault_name(ld, at, name, "unknown member \"%s\"%s",
			    name, hint(ld, name, known, count));
	}
	for (size_t i = 0; i < count; i++)
		if (table[i].required &&
		    !json_object_object_get_ex(at->object, table[i].name, NULL))
			fault_value(ld, at, table[i].name,
			    "missing member \"%s\"; add %s", table[i].name,
			    kinds[table[i].kind].sentence);
}

const char *
member_text(struct loader *ld, const struct at *at, const char *name)
{
	struct json_object *value = json_object_object_get(at->object, name);

	return is_text(value) ?
	    arena_string(ld->arena, json_object_get_string(value)) : NULL;
}

bool
member_number(const struct at *at, const char *name, int64_t *ret)
{
	struct json_object *value = json_object_object_get(at->object, name);

	if (!json_object_is_type(value, json_type_int))
		return false;
	*ret = json_object_get_int64(value);
	return true;
}

bool
member_flag(const struct at *at, const char *name)
{
	struct json_object *value = json_object_object_get(at->object, name);

	return json_object_is_type(value, json_type_boolean) &&
	    json_object_get_boolean(value);
}

bool
member_object(const struct at *at, const char *name, const char *what,
    struct at *ret)
{
	struct json_object *value = json_object_object_get(at->object, name);
	struct at found = { at->source, value, at->line, at->column, what };

	if (!json_object_is_type(value, json_type_object))
		return false;
	(void)json_place(at->source->places, at->object, name, 0, &found.line,
	    &found.column);
	*ret = found;
	return true;
}

const char *const *
member_texts(struct loader *ld, const struct at *at, const char *name,
    size_t *ret_count)
{
	struct json_object *list = json_object_object_get(at->object, name);
	const char **texts = NULL;
	size_t count = 0;

	*ret_count = 0;
	if (!json_object_is_type(list, json_type_array))
		return NULL;
	count = json_object_array_length(list);
	texts = arena_alloc(ld->arena, (count + 1) * sizeof(*texts));
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!is_text(item))
			return NULL;
		texts[i] = arena_string(ld->arena,
		    json_object_get_string(item));
	}
	*ret_count = count;
	return texts;
}

void *
grown(struct loader *ld, void *array, size_t count, size_t size)
{
	void *wider;

	/* Doubled whenever the count is a power of two: the room is used. */
	if ((count & (count - 1)) != 0)
		return array;
	wider = arena_alloc(ld->arena, (count == 0 ? 1 : 2 * count) * size);
	if (count > 0)
		memcpy(wider, array, count * size);
	return wider;
}
