/* SPDX-License-Identifier: MIT */
/*
 * "errors" of an operation and "constraints" of a resource: what the database
 * refuses, told in the contract's own words.  A code that is also the
 * server's keeps the server's status, so that a client may go by the code.
 */
#include "contract/internal.h"

#include <string.h>

static const struct member error_members[] = {
	{ "code", KIND_TEXT, true },
	{ "status", KIND_NUMBER, true },
	{ "message", KIND_TEXT, false },
};

static const struct member constraint_members[] = {
	{ "code", KIND_TEXT, true },
	{ "status", KIND_NUMBER, false },
	{ "message", KIND_TEXT, false },
	{ "path", KIND_TEXTS, false },
};

/* The code with spaces is what is told when there is no message. */
static const char *
message_of(struct loader *ld, const char *code)
{
	char *message = arena_string(ld->arena, code);

	for (char *p = message; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	return message;
}

static void
code_check(struct loader *ld, const struct at *at, const struct declared *d)
{
	if (!name_is_word(d->code))
		fault_value(ld, at, "code", "the code \"%s\" must be a-z, 0-9 "
		    "and _, a letter first", d->code);
	for (int p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++) {
		const struct problem_kind *kind = problem_kind(p);

		if (strcmp(kind->code, d->code) == 0 &&
		    kind->status != d->status)
			fault_value(ld, at, "code", "the code \"%s\" is the "
			    "server's own, with status %d; use that status or "
			    "another code", d->code, kind->status);
	}
}

/* The path begins with a property of the resource. */
static void
path_check(struct loader *ld, const struct at *at, const struct draft *draft,
    const struct declared *d)
{
	if (d->path_length == 0 || draft->whole == NULL)
		return;
	if (field_find(draft->fields, draft->field_count, d->path[0],
		strlen(d->path[0])) == NULL)
		fault_item(ld, at, "path", 0, "there is no property \"%s\"%s",
		    d->path[0], hint(ld, d->path[0],
			field_names(ld, draft->fields, draft->field_count),
			draft->field_count));
}

static struct declared
one_load(struct loader *ld, const struct at *all,
    const struct declaration *kind, const struct draft *draft,
    const char *key)
{
	struct declared d = { .key = arena_string(ld->arena, key) };
	int64_t status = 409;
	struct at at;

	if (!kind->key_fits(key))
		fault_name(ld, all, key, "\"%s\" must be %s", key,
		    kind->key_is);
	if (!member_object(all, key, arena_format(ld->scratch, "%s\"%s\": ",
		all->what, key), &at)) {
		fault_value(ld, all, key, "\"%s\" must be an object with "
		    "\"code\" and \"status\"", key);
		return d;
	}
	if (kind->constraint)
		members_check(ld, &at, constraint_members,
		    countof(constraint_members));
	else
		members_check(ld, &at, error_members, countof(error_members));
	(void)member_number(&at, "status", &status);
	if (status < 400 || status > 499)
		fault_value(ld, &at, "status",
		    "\"status\" must be from 400 to 499");
	d.status = status >= 400 && status <= 499 ? (int)status : 409;
	if ((d.code = member_text(ld, &at, "code")) == NULL)
		return d;
	code_check(ld, &at, &d);
	d.message = member_text(ld, &at, "message");
	if (d.message == NULL)
		d.message = message_of(ld, d.code);
	d.path = member_texts(ld, &at, "path", &d.path_length);
	path_check(ld, &at, draft, &d);
	return d;
}

const struct declared *
declared_load(struct loader *ld, const struct at *at,
    const struct declaration *kind, const struct draft *draft,
    size_t *ret_count)
{
	struct declared *list = NULL;
	size_t count = 0;
	struct at all;

	if (!member_object(at, kind->member, arena_format(ld->scratch,
		"%s%s: ", at->what, kind->member), &all))
		return NULL;
	json_object_object_foreach(all.object, key, value) {
		(void)value;
		list = grown(ld, list, count, sizeof(*list));
		list[count++] = one_load(ld, &all, kind, draft, key);
	}
	*ret_count = count;
	return list;
}
