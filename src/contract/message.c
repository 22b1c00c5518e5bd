/* SPDX-License-Identifier: MIT */
/*
 * messages/X.json -> a message that is published, and the kind of job that
 * delivers messages.  That kind is ours: a contract that publishes nothing has
 * none, and no file can say one of its name.  Its functions are those of
 * migrations/0017_delivery.sql; api.json's "delivery" says as whom they run and
 * when is tried again.  Unless it does, that is when Standard Webhooks says.
 */
#include "contract/internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum {
	TIMEOUT_MS = 15000,
	TIMEOUT_HIGHEST_MS = 60000,
	STEPS_MAX = 30,
	STEP_HIGHEST_MS = 7 * 24 * 3600 * 1000,
	DOTS_MAX = 3,		/* of a message's name */
	STATUS_FIRST = 400, STATUS_LAST = 499, STATUS_GONE = 410,
};

static const char ping_name[] = "webhook.ping";
static const char kind_name[] = "lockstep.deliver";
static const char args_uri[] = "urn:lockstep:schema:delivery";
static const char args_text[] = "{\"type\":\"object\",\"properties\":{"
    "\"delivery\":{\"type\":\"string\",\"format\":\"uuid\"}},"
    "\"required\":[\"delivery\"],\"additionalProperties\":false}";

/* 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
static const unsigned standard_steps_ms[] = { 5000, 300000, 1800000, 7200000,
	18000000, 36000000, 50400000, 72000000, 86400000 };

static const struct member message_members[] = {
	{ "$schema", KIND_TEXT, false },
	{ "message", KIND_TEXT, true },
	{ "summary", KIND_TEXT, false },
	{ "data", KIND_TEXT, true },
};

static const struct member delivery_members[] = {
	{ "role", KIND_TEXT, false },
	{ "steps_ms", KIND_NUMBERS, false },
	{ "timeout_ms", KIND_NUMBER, false },
	{ "concurrency", KIND_NUMBER, false },
};

static const struct resource nowhere = { .name = "jobs", .file = "jobs",
	.path = "" };

/* ---- "delivery" of api.json. ---- */

static void
number_load(struct loader *ld, const struct at *at, const char *name,
    int64_t most, unsigned *ret)
{
	int64_t n;

	if (!member_number(at, name, &n))
		return;
	if (n < 1 || n > most)
		fault_value(ld, at, name, "\"%s\" must be from 1 to %lld",
		    name, (long long)most);
	else
		*ret = (unsigned)n;
}

static void
steps_load(struct loader *ld, const struct at *at, struct delivery *d)
{
	struct json_object *list = json_object_object_get(at->object,
	    "steps_ms"), *item;
	unsigned *steps;
	int64_t ms;

	if (!json_object_is_type(list, json_type_array))
		return;
	d->step_count = json_object_array_length(list);
	if (d->step_count > STEPS_MAX)
		fault_value(ld, at, "steps_ms", "\"steps_ms\" must have %d "
		    "numbers at most", STEPS_MAX);
	steps = arena_alloc(ld->arena, (d->step_count + 1) * sizeof(*steps));
	for (size_t i = 0; i < d->step_count; i++) {
		item = json_object_array_get_idx(list, i);
		ms = json_object_is_type(item, json_type_int) ?
		    json_object_get_int64(item) : -1;
		if (ms < 0 || ms > STEP_HIGHEST_MS)
			fault_item(ld, at, "steps_ms", i, "a pause must be an "
			    "integer from 0 to %d", STEP_HIGHEST_MS);
		steps[i] = (unsigned)ms;
	}
	d->steps_ms = steps;
}

static void
role_load(struct loader *ld, const struct at *at, struct delivery *d)
{
	const struct contract_about *a = &ld->contract->about;
	const char *role = member_text(ld, at, "role");

	if (role == NULL)
		return;
	d->role = role;
	for (size_t i = 0; i < a->server_role_count; i++)
		if (strcmp(a->server_roles[i], role) == 0)
			return;
	if (ld->roles_known)
		fault_value(ld, at, "role", "role \"%s\" is not in "
		    "\"server_roles\", and secrets are for servers%s", role,
		    hint(ld, role, a->server_roles, a->server_role_count));
}

void
delivery_load(struct loader *ld, const struct at *api)
{
	const struct contract_about *a = &ld->contract->about;
	struct delivery *d = &ld->contract->delivery;
	struct at at;

	d->role = a->server_role_count > 0 ? a->server_roles[0] : NULL;
	d->timeout_ms = TIMEOUT_MS;
	d->steps_ms = standard_steps_ms;
	d->step_count = countof(standard_steps_ms);
	if (!member_object(api, "delivery", "delivery: ", &at))
		return;
	members_check(ld, &at, delivery_members, countof(delivery_members));
	role_load(ld, &at, d);
	steps_load(ld, &at, d);
	number_load(ld, &at, "timeout_ms", TIMEOUT_HIGHEST_MS, &d->timeout_ms);
	number_load(ld, &at, "concurrency", 1024, &d->concurrency);
}

/* ---- The kind of job. ---- */

/* A function of the kind: the delivery, and what the worker adds. */
static struct operation
operation_of(struct loader *ld, const struct schema *args, const char *name,
    const char *const *added, size_t count)
{
	const bool *required;
	size_t own;
	const struct field *fields = fields_load(ld, args, args_uri, false,
	    &required, &own);
	struct field *all = arena_alloc(ld->arena, (own + count) *
	    sizeof(*all));
	bool *must = arena_alloc(ld->arena, (own + count) * sizeof(*must));

	memcpy(all, fields, own * sizeof(*all));
	memcpy(must, required, own * sizeof(*must));
	for (size_t i = 0; i < count; i++) {
		all[own + i] = field_plain(ld, added[i]);
		must[own + i] = true;
	}
	return (struct operation){ .name = kind_name, .resource = &nowhere,
		.verb = VERB_CALL, .method = METHOD_POST, .pattern = "",
		.body_file = args_uri, .body = args, .arguments = all,
		.argument_count = own + count, .added_count = count,
		.required = must, .status = 200,
		.function = { .schema_name = "app", .name = name,
		    .sql = arena_format(ld->arena, "\"app\".\"%s\"", name) } };
}

static const struct operation *
kept(struct loader *ld, struct operation op)
{
	struct operation *ret = arena_alloc(ld->arena, sizeof(*ret));

	*ret = op;
	return ret;
}

/* All but "I am gone" may be otherwise the next time. */
static const struct job_error *
errors_of(struct loader *ld, size_t *ret_count)
{
	struct job_error *errors = arena_alloc(ld->arena,
	    (STATUS_LAST - STATUS_FIRST + 1) * sizeof(*errors));
	size_t count = 0;

	for (int status = STATUS_FIRST; status <= STATUS_LAST; status++)
		if (status != STATUS_GONE)
			errors[count++] = (struct job_error){
				arena_format(ld->arena, "%d", status), false };
	*ret_count = count;
	return errors;
}

static void
functions_make(struct loader *ld, const struct schema *args,
    struct job_kind *kind)
{
	static const char *const of_prepare[] = { "job_id" };
	static const char *const of_call[] = { "status", "reply", "took_ms" };
	static const char *const of_failed[] = { "status", "code", "reply",
		"took_ms" };
	static const char *const of_dead[] = { "job_id", "reason" };

	kind->call = operation_of(ld, args, "finish_delivery", of_call,
	    countof(of_call));
	kind->prepare = kept(ld, operation_of(ld, args, "prepare_delivery",
	    of_prepare, countof(of_prepare)));
	kind->failed = kept(ld, operation_of(ld, args, "fail_delivery",
	    of_failed, countof(of_failed)));
	kind->dead = kept(ld, operation_of(ld, args, "give_up_delivery",
	    of_dead, countof(of_dead)));
}

static void
kind_make(struct loader *ld)
{
	struct contract *c = ld->contract;
	const struct delivery *d = &c->delivery;
	struct job_kind kind = { .name = kind_name, .file = "api.json",
		.summary = "Deliver a message to an endpoint.",
		.type = JOB_HTTP, .queue = "deliveries", .role = d->role,
		.args_file = args_uri, .attempts = (unsigned)d->step_count + 1,
		.timeout_ms = d->timeout_ms, .concurrency = d->concurrency,
		.batch = 1, .backoff_base_ms = 1, .backoff_max_ms = 1,
		.backoff_steps_ms = d->steps_ms,
		.backoff_step_count = d->step_count, .leased = true };
	const struct schema *args = schema_compile_text(c->schemas, args_uri,
	    args_text, &ld->faults);

	if (args == NULL)
		abort();
	functions_make(ld, args, &kind);
	kind.errors = errors_of(ld, &kind.error_count);
	kind.messages = c->messages;
	kind.message_count = c->message_count;
	kind.number = (unsigned)c->job_count;
	c->jobs = grown(ld, c->jobs, c->job_count, sizeof(*c->jobs));
	c->jobs[c->job_count++] = kind;
}

/* ---- messages/. ---- */

/* Words with dots between them: letter.ready. */
static bool
is_message_name(const char *s)
{
	char word[(DOTS_MAX + 1) * (CONTRACT_NAME_MAX + 1)], *rest = word,
	    *step;
	size_t count = 0;

	if (strlen(s) >= sizeof(word))
		return false;
	strcpy(word, s);
	while ((step = strsep(&rest, ".")) != NULL)
		if (count++ > DOTS_MAX || !name_is_word(step))
			return false;
	return true;
}

static void
name_load(struct loader *ld, const struct at *at, struct message *m)
{
	const struct contract *c = ld->contract;

	m->name = member_text(ld, at, "message");
	if (m->name == NULL)
		return;
	if (!is_message_name(m->name))
		fault_value(ld, at, "message", "\"%s\" cannot be the name of a "
		    "message; use a-z, 0-9 and _, a letter first, and %d dots "
		    "at most, like letter.ready", m->name, DOTS_MAX);
	if (strcmp(m->name, ping_name) == 0)
		fault_value(ld, at, "message", "\"%s\" is what endpoints are "
		    "tried with; rename the message", ping_name);
	for (size_t i = 0; i < c->message_count; i++)
		if (c->messages[i].name != NULL &&
		    strcmp(c->messages[i].name, m->name) == 0)
			fault_value(ld, at, "message", "there is another "
			    "message \"%s\"; rename one", m->name);
}

static void
message_load(struct loader *ld, const char *file, struct message *m)
{
	struct at at;

	if (!source_read(ld, file, &at))
		return;
	members_check(ld, &at, message_members, countof(message_members));
	m->file = arena_string(ld->arena, file);
	name_load(ld, &at, m);
	m->summary = member_text(ld, &at, "summary");
	m->data = file_load(ld, &at, "data", VARIANT_BODY, &m->data_file);
	if (m->data != NULL && schema_types(m->data) != TYPE_OBJECT)
		fault_value(ld, &at, "data", "\"%s\" must be the schema of an "
		    "object", m->data_file);
	ld->contract->message_count++;
}

void
messages_load(struct loader *ld)
{
	struct contract *c = ld->contract;
	struct dirent **entries;
	int count = json_files(ld, "messages", &entries);

	if (contract_job(c, kind_name) != NULL)
		fault_place(ld, contract_job(c, kind_name)->file, 1, 1,
		    "\"%s\" is the job that delivers messages; rename this one",
		    kind_name);
	if (count < 0)
		return;
	c->messages = arena_alloc(ld->arena,
	    ((size_t)count + 1) * sizeof(*c->messages));
	for (int i = 0; i < count; i++) {
		message_load(ld, arena_format(ld->scratch, "messages/%s",
		    entries[i]->d_name), &c->messages[c->message_count]);
		free(entries[i]);
	}
	free(entries);
	if (c->message_count == 0)
		return;
	if (c->delivery.role == NULL && ld->roles_known)
		fault_place(ld, "api.json", 1, 1, "messages are delivered as a "
		    "role of servers; name one in \"server_roles\"");
	kind_make(ld);
}

const char *
message_fault(struct scope *sc, const struct job_kind *kind,
    struct json_object *body)
{
	const char *type = json_object_get_string(
	    json_object_object_get(body, "type"));
	size_t i = 0;

	if (type == NULL)
		return "the message has no type";
	if (strcmp(type, ping_name) == 0)
		return NULL;
	while (i < kind->message_count &&
	    strcmp(kind->messages[i].name, type) != 0)
		i++;
	if (i == kind->message_count)
		return "the contract has no message of this type";
	return schema_judge(kind->messages[i].data, sc, NULL,
	    json_object_object_get(body, "data")) ? NULL :
	    "the data is not as the contract says";
}

const struct message *
contract_messages(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->message_count;
	return contract->messages;
}
