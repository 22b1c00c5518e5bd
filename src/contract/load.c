/* SPDX-License-Identifier: MIT */
/*
 * A directory -> a contract: api.json, then resources/ in the order of their
 * names, then what only all of them together can tell (operations that clash),
 * then jobs/, webhooks/, messages/, rollups/ and expectations/ likewise, then the
 * routes.  Everything lives in the contract's arena; what is needed while
 * loading lives in another one.  A contract is whole or it is not made.
 */
#include "contract/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FAULTS_MAX = 1 << 20 };	/* bytes that are reported */

static const struct member api_members[] = {
	{ "$schema", KIND_TEXT, false },
	{ "title", KIND_TEXT, true },
	{ "version", KIND_TEXT, true },
	{ "description", KIND_TEXT, false },
	{ "license", KIND_TEXT, false },
	{ "base", KIND_TEXT, true },
	{ "roles", KIND_TEXTS, true },
	{ "anonymous", KIND_TEXT, false },
	{ "server_roles", KIND_TEXTS, false },
	{ "staff_roles", KIND_TEXTS, false },
	{ "limit", KIND_OBJECT, false },
	{ "cors", KIND_OBJECT, false },
	{ "rates", KIND_OBJECT, false },
	{ "delivery", KIND_OBJECT, false },
};

static const struct member limit_members[] = {
	{ "default", KIND_NUMBER, false },
	{ "max", KIND_NUMBER, false },
};

static void
limit_bound(struct loader *ld, const struct at *at, const char *name,
    unsigned *ret)
{
	int64_t n;

	if (!member_number(at, name, &n))
		return;
	if (n < 1 || n > CONTRACT_LIMIT_HIGHEST)
		fault_value(ld, at, name, "\"%s\" must be from 1 to %d", name,
		    CONTRACT_LIMIT_HIGHEST);
	else
		*ret = (unsigned)n;
}

void
limit_load(struct loader *ld, const struct at *at, unsigned *ret_default,
    unsigned *ret_max)
{
	const char *what = arena_format(ld->scratch, "%slimit: ", at->what);
	struct at limit;

	if (!member_object(at, "limit", what, &limit))
		return;
	members_check(ld, &limit, limit_members, countof(limit_members));
	limit_bound(ld, &limit, "max", ret_max);
	/* A lower max alone takes the inherited default down with it. */
	if (*ret_default > *ret_max)
		*ret_default = *ret_max;
	limit_bound(ld, &limit, "default", ret_default);
	if (*ret_default > *ret_max)
		fault_value(ld, &limit, "default",
		    "\"default\" is %u but \"max\" is %u; lower the default "
		    "or raise the max", *ret_default, *ret_max);
}

static void
base_load(struct loader *ld, const struct at *at)
{
	struct contract *c = ld->contract;
	const char *base = member_text(ld, at, "base"), *wrong;

	if (base == NULL)
		return;
	/* "/" is no prefix at all: base and path are joined as they stand. */
	c->about.base = strcmp(base, "/") == 0 ? "" : base;
	if (*c->about.base == '\0')
		return;
	wrong = course_read(ld->arena, base, false, &c->base);
	if (wrong != NULL)
		fault_value(ld, at, "base", "\"base\" %s", wrong);
}

static bool
is_listed(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* Roles that are for servers, or for staff: known, and of somebody. */
static void
special_check(struct loader *ld, const struct at *at, const char *list,
    const char *const *special, size_t count)
{
	const struct contract_about *a = &ld->contract->about;

	for (size_t i = 0; i < count; i++) {
		if (!is_listed(special[i], a->roles, a->role_count))
			fault_item(ld, at, list, i,
			    "role \"%s\" is not in \"roles\"%s", special[i],
			    hint(ld, special[i], a->roles, a->role_count));
		if (a->anonymous != NULL &&
		    strcmp(special[i], a->anonymous) == 0)
			fault_item(ld, at, list, i,
			    "\"%s\" is the anonymous role; it cannot be for "
			    "%s only", special[i], list[1] == 'e' ?
			    "servers" : "staff");
	}
}

/* Those whose policies may show every row. */
static void
trusted_gather(struct loader *ld, struct contract_about *a)
{
	size_t count = a->server_role_count + a->staff_role_count;
	const char **roles = arena_alloc(ld->arena, (count + 1) *
	    sizeof(*roles));

	for (size_t i = 0; i < a->server_role_count; i++)
		roles[i] = a->server_roles[i];
	for (size_t i = 0; i < a->staff_role_count; i++)
		roles[a->server_role_count + i] = a->staff_roles[i];
	a->trusted_roles = roles;
	a->trusted_role_count = count;
}

static void
roles_load(struct loader *ld, const struct at *at)
{
	struct contract_about *a = &ld->contract->about;

	a->roles = member_texts(ld, at, "roles", &a->role_count);
	a->anonymous = member_text(ld, at, "anonymous");
	a->server_roles = member_texts(ld, at, "server_roles",
	    &a->server_role_count);
	a->staff_roles = member_texts(ld, at, "staff_roles",
	    &a->staff_role_count);
	if (a->roles == NULL)
		return;
	ld->roles_known = true;
	if (a->role_count == 0)
		fault_value(ld, at, "roles", "\"roles\" is empty; name the "
		    "roles that a token may have");
	for (size_t i = 0; i < a->role_count; i++)
		if (!name_is_column(a->roles[i]))
			fault_item(ld, at, "roles", i, "\"%s\" cannot be the "
			    "name of a role; use letters, digits and _, at "
			    "most %d", a->roles[i], CONTRACT_NAME_MAX);
	if (a->anonymous != NULL &&
	    !is_listed(a->anonymous, a->roles, a->role_count))
		fault_value(ld, at, "anonymous",
		    "role \"%s\" is not in \"roles\"%s", a->anonymous,
		    hint(ld, a->anonymous, a->roles, a->role_count));
	special_check(ld, at, "server_roles", a->server_roles,
	    a->server_role_count);
	special_check(ld, at, "staff_roles", a->staff_roles,
	    a->staff_role_count);
	for (size_t i = 0; i < a->staff_role_count; i++)
		if (is_listed(a->staff_roles[i], a->server_roles,
		    a->server_role_count))
			fault_item(ld, at, "staff_roles", i, "role \"%s\" is "
			    "in \"server_roles\"; it is people's or servers'",
			    a->staff_roles[i]);
	trusted_gather(ld, a);
}

static void
api_load(struct loader *ld)
{
	struct contract *c = ld->contract;
	struct at at;

	c->limit_default = CONTRACT_LIMIT_DEFAULT;
	c->limit_max = CONTRACT_LIMIT_MAX;
	if (!source_read(ld, "api.json", &at))
		return;
	members_check(ld, &at, api_members, countof(api_members));
	c->about.title = member_text(ld, &at, "title");
	c->about.version = member_text(ld, &at, "version");
	c->about.description = member_text(ld, &at, "description");
	c->about.license = member_text(ld, &at, "license");
	base_load(ld, &at);
	roles_load(ld, &at);
	limit_load(ld, &at, &c->limit_default, &c->limit_max);
	cors_load(ld, &at);
	rates_load(ld, &at);
	delivery_load(ld, &at);
}

static int
is_json_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	    strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* In the order of bytes, whatever the locale. */
static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int
json_files(const struct loader *ld, const char *below, struct dirent ***ret)
{
	return scandir(arena_format(ld->scratch, "%s/%s", ld->directory,
	    below), ret, is_json_file, by_bytes);
}

static void
resources_load(struct loader *ld)
{
	struct contract *c = ld->contract;
	struct dirent **entries;
	int count = json_files(ld, "resources", &entries);

	if (count < 0) {
		fault_place(ld, "resources", 1, 1, "cannot be read: %s; make "
		    "the directory, with a file for each resource",
		    strerror(errno));
		return;
	}
	if (count == 0)
		fault_place(ld, "resources", 1, 1, "there is no resource; add "
		    "a file resources/NAME.json");
	/* Operations point at resources: the array never moves. */
	c->resources = arena_alloc(ld->arena,
	    ((size_t)count + 1) * sizeof(*c->resources));
	for (int i = 0; i < count; i++) {
		resource_load(ld, arena_format(ld->scratch, "resources/%s",
		    entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
}

/* There need not be any. */
static void
jobs_load(struct loader *ld)
{
	struct dirent **entries;
	int count = scandir(arena_format(ld->scratch, "%s/jobs",
	    ld->directory), &entries, is_json_file, by_bytes);

	if (count < 0 && errno != ENOENT)
		fault_place(ld, "jobs", 1, 1, "cannot be read: %s",
		    strerror(errno));
	for (int i = 0; i < count; i++) {
		job_load(ld, arena_format(ld->scratch, "jobs/%s",
		    entries[i]->d_name));
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static struct contract *
contract_new(const char *directory)
{
	struct arena *arena = arena_new();
	struct contract *c = arena_alloc(arena, sizeof(*c));

	c->arena = arena;
	c->schemas = schema_set_new(directory,
	    &(struct schema_options){ .contract = true });
	return c;
}

static bool
has_api(struct loader *ld)
{
	if (source_exists(ld, "api.json"))
		return true;
	fault_place(ld, "api.json", 1, 1, "there is no such file in \"%s\"; a "
	    "contract is a directory with api.json, schemas/ and resources/",
	    ld->directory);
	return false;
}

struct contract *
contract_load(const char *directory, struct buf *faults)
{
	struct loader ld = { .contract = contract_new(directory),
		.scratch = arena_new(), .directory = directory };
	struct contract *c = ld.contract;

	ld.arena = c->arena;
	buf_init(&ld.faults, FAULTS_MAX);
	if (has_api(&ld)) {
		api_load(&ld);
		jobs_load(&ld);
		resources_load(&ld);
		relations_make(&ld);
		webhooks_load(&ld);
		messages_load(&ld);
		exports_make(&ld);
		rollups_load(&ld);
		expectations_load(&ld);
	}
	if (ld.faults.length > 0) {
		faults_sorted(&ld, faults);
		contract_free(c);
		c = NULL;
	} else {
		routes_build(c);
	}
	buf_release(&ld.faults);
	arena_free(ld.scratch);
	return c;
}

static void
drop_contract(void *contract)
{
	contract_free(contract);
}

const struct contract_about *
contract_about_read(const char *directory, struct arena *arena,
    struct buf *faults)
{
	struct loader ld = { .contract = contract_new(directory),
		.scratch = arena_new(), .directory = directory };
	bool well;

	arena_defer(arena, drop_contract, ld.contract);
	ld.arena = ld.contract->arena;
	buf_init(&ld.faults, FAULTS_MAX);
	if (has_api(&ld))
		api_load(&ld);
	well = ld.faults.length == 0;
	if (!well)
		faults_sorted(&ld, faults);
	buf_release(&ld.faults);
	arena_free(ld.scratch);
	return well ? &ld.contract->about : NULL;
}

void
contract_free(struct contract *contract)
{
	if (contract == NULL)
		return;
	schema_set_free(contract->schemas);
	arena_free(contract->arena);
}

const struct contract_about *
contract_about(const struct contract *contract)
{
	return &contract->about;
}

const struct operation *
contract_operations(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->operation_count;
	return contract->operations;
}

const struct resource *
contract_resources(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->resource_count;
	return contract->resources;
}

static const struct declared *
declared_find(const struct declared *list, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].key, key) == 0)
			return &list[i];
	return NULL;
}

const struct declared *
contract_error(const struct operation *operation, const char *sqlstate)
{
	return declared_find(operation->errors, operation->error_count,
	    sqlstate);
}

const struct declared *
contract_constraint(const struct operation *operation, const char *constraint)
{
	return declared_find(operation->resource->constraints,
	    operation->resource->constraint_count, constraint);
}
