/* SPDX-License-Identifier: MIT */
/*
 * expectations/X.json -> what is expected of the data, when it is looked at and
 * as whom.  The file's own text goes to the database, which measures by it, so
 * all that could be wrong with its shape is told here.
 */
#include "contract/internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { DEFINITION_MAX = 16384, HOURS_HIGHEST = 87600 };

enum { ROWS = 1, NULLS = 2, FRESH = 4, REFERS = 8, DOMAIN = 16, UNIQUE = 32 };

static const struct {
	const char *word;
	unsigned bit;
} checks[] = {
	{ "rows", ROWS }, { "nulls", NULLS }, { "fresh", FRESH },
	{ "refers", REFERS }, { "domain", DOMAIN }, { "unique", UNIQUE },
};

#define ALL (ROWS | NULLS | FRESH | REFERS | DOMAIN | UNIQUE)
/* What a check may say, and what it must. */
static const struct said {
	struct member member;
	unsigned may, must;
} members[] = {
	{ { "$schema", KIND_TEXT, false }, ALL, 0 },
	{ { "expect", KIND_TEXT, true }, ALL, 0 },
	{ { "summary", KIND_TEXT, false }, ALL, 0 },
	{ { "table", KIND_TEXT, true }, ALL, 0 },
	{ { "check", KIND_TEXT, true }, ALL, 0 },
	{ { "schedule", KIND_TEXT, true }, ALL, 0 },
	{ { "zone", KIND_TEXT, false }, ALL, 0 },
	{ { "role", KIND_TEXT, false }, ALL, 0 },
	{ { "where", KIND_OBJECT, false }, ALL, 0 },
	{ { "within", KIND_OBJECT, false }, ALL, 0 },
	{ { "column", KIND_TEXT, false }, NULLS | FRESH | REFERS | DOMAIN,
	    NULLS | FRESH | REFERS | DOMAIN },
	{ { "columns", KIND_TEXTS, false }, UNIQUE, UNIQUE },
	{ { "refers", KIND_OBJECT, false }, REFERS, REFERS },
	{ { "values", KIND_TEXTS, false }, DOMAIN, DOMAIN },
	{ { "min", KIND_NUMBER, false }, ROWS, 0 },
	{ { "max", KIND_NUMBER, false }, ALL, ALL & ~(unsigned)ROWS },
};

static const struct member refers_members[] = {
	{ "table", KIND_TEXT, true },
	{ "column", KIND_TEXT, true },
};

static const struct member within_members[] = {
	{ "column", KIND_TEXT, true },
	{ "hours", KIND_NUMBER, true },
};

static bool
has(const struct at *at, const char *name)
{
	return json_object_object_get_ex(at->object, name, NULL);
}

static void
column_check(struct loader *ld, const struct at *at, const char *member,
    const char *name)
{
	if (name != NULL && !name_is_column(name))
		fault_value(ld, at, member, "\"%s\" cannot be the name of a "
		    "column", name);
}

/* "check" decides what else is said. */
static unsigned
said_check(struct loader *ld, const struct at *at)
{
	struct member all[countof(members)];
	struct json_object *value = json_object_object_get(at->object, "check");
	const char *word = json_object_is_type(value, json_type_string) ?
	    json_object_get_string(value) : NULL;
	unsigned bit = 0;

	for (size_t i = 0; word != NULL && i < countof(checks); i++)
		if (strcmp(word, checks[i].word) == 0)
			bit = checks[i].bit;
	for (size_t i = 0; i < countof(members); i++) {
		all[i] = members[i].member;
		all[i].required |= (members[i].must & bit) != 0;
		if (bit != 0 && (members[i].may & bit) == 0 &&
		    has(at, all[i].name))
			fault_name(ld, at, all[i].name, "\"%s\" is not for the "
			    "check %s", all[i].name, word);
	}
	members_check(ld, at, all, countof(all));
	if (word != NULL && bit == 0)
		fault_value(ld, at, "check", "\"check\" must be rows, nulls, "
		    "fresh, refers, domain or unique");
	if (bit == ROWS && !has(at, "min") && !has(at, "max"))
		fault_value(ld, at, "check", "say how many rows: \"min\", "
		    "\"max\" or both");
	return bit;
}

static void
name_load(struct loader *ld, const struct at *at, struct expectation *e)
{
	struct contract *c = ld->contract;
	const char *text = member_text(ld, at, "expect");
	size_t length = text == NULL ? 0 : strlen(text);

	e->name = text;
	if (text == NULL)
		return;
	if (length > CONTRACT_NAME_MAX || text[0] < 'a' || text[0] > 'z' ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.") != length)
		fault_value(ld, at, "expect", "\"%s\" cannot be the name of an "
		    "expectation; use a-z, 0-9, _ and ., a letter first, at "
		    "most %d", text, CONTRACT_NAME_MAX);
	for (size_t i = 0; i < c->expectation_count; i++)
		if (c->expectations[i].name != NULL &&
		    strcmp(c->expectations[i].name, text) == 0)
			fault_value(ld, at, "expect", "there is another "
			    "expectation \"%s\"; rename one", text);
}

/* By default the first of the roles for servers. */
static void
role_load(struct loader *ld, const struct at *at, struct expectation *e)
{
	const struct contract_about *a = &ld->contract->about;
	const char *role = member_text(ld, at, "role");

	e->role = role != NULL ? role :
	    a->server_role_count > 0 ? a->server_roles[0] : NULL;
	if (e->role == NULL)
		fault_value(ld, at, "expect", "nobody looks: say a \"role\"");
	for (size_t i = 0; role != NULL && i < a->role_count; i++)
		if (strcmp(a->roles[i], role) == 0)
			return;
	if (role != NULL && ld->roles_known)
		fault_value(ld, at, "role", "role \"%s\" is not in \"roles\" "
		    "of api.json%s", role, hint(ld, role, a->roles,
			a->role_count));
}

static void
parts_load(struct loader *ld, const struct at *at)
{
	size_t count;
	const char *const *columns = member_texts(ld, at, "columns", &count);
	struct at part;
	int64_t hours;

	(void)relation_load(ld, at, "table", "app.events");
	column_check(ld, at, "column", member_text(ld, at, "column"));
	for (size_t i = 0; columns != NULL && i < count; i++)
		column_check(ld, at, "columns", columns[i]);
	if (columns != NULL && count == 0)
		fault_value(ld, at, "columns", "\"columns\" is empty");
	if (member_object(at, "refers", "\"refers\": ", &part)) {
		members_check(ld, &part, refers_members,
		    countof(refers_members));
		(void)relation_load(ld, &part, "table", "app.companies");
		column_check(ld, &part, "column", member_text(ld, &part,
		    "column"));
	}
	if (member_object(at, "within", "\"within\": ", &part)) {
		members_check(ld, &part, within_members,
		    countof(within_members));
		column_check(ld, &part, "column", member_text(ld, &part,
		    "column"));
		if (member_number(&part, "hours", &hours) && (hours < 1 ||
		    hours > HOURS_HIGHEST))
			fault_value(ld, &part, "hours", "\"hours\" must be from "
			    "1 to %d", HOURS_HIGHEST);
	}
	if (!member_object(at, "where", "\"where\": ", &part))
		return;
	json_object_object_foreach(part.object, name, value) {
		column_check(ld, &part, name, name);
		if (!json_object_is_type(value, json_type_string))
			fault_value(ld, &part, name, "\"where\" compares columns "
			    "with texts: { \"status\": \"open\" }");
	}
}

static const char *
definition_of(struct loader *ld, const struct at *at)
{
	struct buf text;
	const char *ret;

	buf_init(&text, DEFINITION_MAX);
	json_write(&text, at->object);
	ret = text.failed ? NULL : arena_string(ld->arena, text.at);
	buf_release(&text);
	if (ret == NULL)
		fault_value(ld, at, "expect", "it is longer than %d bytes",
		    DEFINITION_MAX);
	return ret;
}

static void
expectation_load(struct loader *ld, const char *file)
{
	struct contract *c = ld->contract;
	struct expectation e = { .file = arena_string(ld->arena, file) };
	struct at at;

	if (!source_read(ld, file, &at))
		return;
	(void)said_check(ld, &at);
	name_load(ld, &at, &e);
	role_load(ld, &at, &e);
	parts_load(ld, &at);
	e.summary = member_text(ld, &at, "summary");
	e.check = member_text(ld, &at, "check");
	e.schedule = schedule_read(ld, &at);
	if (e.schedule->text != NULL)
		e.spec = arena_format(ld->arena, "%s %s", e.schedule->text,
		    e.schedule->zone);
	e.definition = definition_of(ld, &at);
	c->expectations[c->expectation_count++] = e;
}

void
expectations_load(struct loader *ld)
{
	struct contract *c = ld->contract;
	struct dirent **entries;
	int count = json_files(ld, "expectations", &entries);

	if (count < 0)
		return;
	c->expectations = arena_alloc(ld->arena,
	    ((size_t)count + 1) * sizeof(*c->expectations));
	for (int i = 0; i < count; i++) {
		expectation_load(ld, arena_format(ld->scratch,
		    "expectations/%s", entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

const struct expectation *
contract_expectations(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->expectation_count;
	return contract->expectations;
}
