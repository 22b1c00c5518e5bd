/* SPDX-License-Identifier: MIT */
/*
 * jobs/X.json -> a kind of job.  What it calls becomes operations of their own,
 * which no route leads to and no resource has, so that the store runs a job as
 * it runs a request.  Their arguments are the members of the schema, and what
 * the worker adds.
 */
#include "contract/internal.h"

#include <string.h>

enum {
	ATTEMPTS_DEFAULT = 12,
	HTTP_TIMEOUT_MS = 30000,
	BACKOFF_BASE_MS = 2000,
	BACKOFF_MAX_MS = 3600000,
	HOUR_MS = 3600000,
	WEEK_MS = 7 * 24 * HOUR_MS,
	STEPS_MAX = 100,
};

/* What a kind may say, and of which type. */
#define OF(type) (1u << JOB_##type)
static const struct said {
	struct member member;
	unsigned types;
} members[] = {
	{ { "$schema", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "job", KIND_TEXT, true }, OF(SQL) | OF(HTTP) },
	{ { "kind", KIND_TEXT, true }, OF(SQL) | OF(HTTP) },
	{ { "summary", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "args", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "call", KIND_TEXT, true }, OF(SQL) | OF(HTTP) },
	{ { "failed", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "dead", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "role", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "queue", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "attempts", KIND_NUMBER, false }, OF(SQL) | OF(HTTP) },
	{ { "timeout_ms", KIND_NUMBER, false }, OF(SQL) | OF(HTTP) },
	{ { "concurrency", KIND_NUMBER, false }, OF(SQL) | OF(HTTP) },
	{ { "batch", KIND_NUMBER, false }, OF(SQL) },
	{ { "backoff", KIND_OBJECT, false }, OF(SQL) | OF(HTTP) },
	{ { "errors", KIND_OBJECT, false }, OF(SQL) | OF(HTTP) },
	{ { "schedule", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "zone", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "with", KIND_OBJECT, false }, OF(SQL) | OF(HTTP) },
	{ { "missed", KIND_TEXT, false }, OF(SQL) | OF(HTTP) },
	{ { "prepare", KIND_TEXT, false }, OF(HTTP) },
	{ { "url", KIND_TEXT, false }, OF(HTTP) },
	{ { "secret", KIND_TEXT, false }, OF(HTTP) },
	{ { "returns", KIND_TEXT, false }, OF(HTTP) },
};

/* The operations of jobs belong to no resource; this one has nothing. */
static const struct resource nowhere = { .name = "jobs", .file = "jobs",
	.path = "" };

/* A kind while it is read. */
struct kinding {
	struct loader *ld;
	struct at at;
	struct job_kind kind;
	const struct schema *args;
	const struct field *fields;	/* of the arguments */
	const bool *required;
	size_t field_count;
};

/* ---- Words and numbers. ---- */

static void
said_check(struct kinding *k)
{
	struct member all[countof(members)];
	struct json_object *object = k->at.object;

	for (size_t i = 0; i < countof(members); i++) {
		const struct member *m = &members[i].member;

		all[i] = *m;
		if ((members[i].types & 1u << k->kind.type) == 0 &&
		    json_object_object_get_ex(object, m->name, NULL))
			fault_name(k->ld, &k->at, m->name, "\"%s\" is not for "
			    "jobs of the kind %s", m->name,
			    k->kind.type == JOB_SQL ? "sql" : "http");
	}
	members_check(k->ld, &k->at, all, countof(all));
}

/* "kind" decides what else may be said. */
static void
type_load(struct kinding *k)
{
	static const char *const words[] = { [JOB_SQL] = "sql",
		[JOB_HTTP] = "http" };
	struct json_object *value = json_object_object_get(k->at.object,
	    "kind");
	const char *word = json_object_is_type(value, json_type_string) ?
	    json_object_get_string(value) : NULL;

	for (size_t i = 0; word != NULL && i < countof(words); i++)
		if (strcmp(word, words[i]) == 0) {
			k->kind.type = i;
			return;
		}
	if (word != NULL && *word != '\0')
		fault_value(k->ld, &k->at, "kind", "\"kind\" must be sql or "
		    "http");
}

static bool
is_kind_name(const char *name)
{
	const char *dot = strchr(name, '.');
	char first[CONTRACT_NAME_MAX + 1];
	size_t length = dot != NULL ? (size_t)(dot - name) : strlen(name);

	if (length > CONTRACT_NAME_MAX)
		return false;
	memcpy(first, name, length);
	first[length] = '\0';
	return name_is_word(first) && (dot == NULL || name_is_word(dot + 1));
}

static void
name_load(struct kinding *k)
{
	const struct contract *c = k->ld->contract;

	k->kind.name = member_text(k->ld, &k->at, "job");
	if (k->kind.name == NULL)
		return;
	if (!is_kind_name(k->kind.name))
		fault_value(k->ld, &k->at, "job", "\"%s\" cannot be the name "
		    "of a job; use a-z, 0-9 and _, a letter first, and one dot "
		    "at most, like letter.generate", k->kind.name);
	for (size_t i = 0; i < c->job_count; i++)
		if (c->jobs[i].name != NULL &&
		    strcmp(c->jobs[i].name, k->kind.name) == 0)
			fault_value(k->ld, &k->at, "job", "there is another "
			    "job \"%s\"; rename one", k->kind.name);
}

static unsigned
number_load(struct kinding *k, const struct at *at, const char *name,
    unsigned fallback, unsigned least, unsigned most)
{
	int64_t n;

	if (!member_number(at, name, &n))
		return fallback;
	if (n >= least && n <= most)
		return (unsigned)n;
	fault_value(k->ld, at, name, "\"%s\" must be from %u to %u", name,
	    least, most);
	return fallback;
}

/* Pauses that are said one by one; then nothing is left to be doubled. */
static void
steps_load(struct kinding *k, const struct at *at)
{
	struct json_object *list = json_object_object_get(at->object,
	    "steps_ms"), *item;
	unsigned *steps;
	size_t count;
	int64_t ms;

	if (!json_object_is_type(list, json_type_array))
		return;
	count = json_object_array_length(list);
	if (count < 1 || count > STEPS_MAX)
		fault_value(k->ld, at, "steps_ms", "\"steps_ms\" must have 1 "
		    "to %d numbers", STEPS_MAX);
	if (member_number(at, "base_ms", &ms) ||
	    member_number(at, "max_ms", &ms))
		fault_value(k->ld, at, "steps_ms", "\"steps_ms\" stands "
		    "alone; drop \"base_ms\" and \"max_ms\"");
	steps = arena_alloc(k->ld->arena, (count + 1) * sizeof(*steps));
	for (size_t i = 0; i < count; i++) {
		item = json_object_array_get_idx(list, i);
		ms = json_object_is_type(item, json_type_int) ?
		    json_object_get_int64(item) : -1;
		if (ms < 0 || ms > WEEK_MS)
			fault_item(k->ld, at, "steps_ms", i, "a pause must be "
			    "an integer from 0 to %d", WEEK_MS);
		steps[i] = (unsigned)ms;
	}
	k->kind.backoff_steps_ms = steps;
	k->kind.backoff_step_count = count;
}

static void
backoff_load(struct kinding *k)
{
	static const struct member parts[] = {
		{ "base_ms", KIND_NUMBER, false },
		{ "max_ms", KIND_NUMBER, false },
		{ "steps_ms", KIND_NUMBERS, false },
	};
	struct job_kind *kind = &k->kind;
	struct at at;

	kind->backoff_base_ms = BACKOFF_BASE_MS;
	kind->backoff_max_ms = BACKOFF_MAX_MS;
	if (!member_object(&k->at, "backoff", arena_format(k->ld->scratch,
	    "%sbackoff: ", k->at.what), &at))
		return;
	members_check(k->ld, &at, parts, countof(parts));
	kind->backoff_base_ms = number_load(k, &at, "base_ms",
	    BACKOFF_BASE_MS, 1, HOUR_MS);
	kind->backoff_max_ms = number_load(k, &at, "max_ms",
	    kind->backoff_base_ms > BACKOFF_MAX_MS ? kind->backoff_base_ms :
	    BACKOFF_MAX_MS, 1, WEEK_MS);
	if (kind->backoff_max_ms < kind->backoff_base_ms)
		fault_value(k->ld, &at, "max_ms", "\"max_ms\" is %u but "
		    "\"base_ms\" is %u; raise one or lower the other",
		    kind->backoff_max_ms, kind->backoff_base_ms);
	steps_load(k, &at);
}

static void
bounds_load(struct kinding *k)
{
	struct job_kind *kind = &k->kind;

	kind->attempts = number_load(k, &k->at, "attempts", ATTEMPTS_DEFAULT,
	    1, 100);
	kind->timeout_ms = number_load(k, &k->at, "timeout_ms",
	    kind->type == JOB_SQL ? JOB_HELD_MS : HTTP_TIMEOUT_MS, 1, HOUR_MS);
	kind->concurrency = number_load(k, &k->at, "concurrency", 0, 1, 1024);
	kind->batch = number_load(k, &k->at, "batch", 1, 1, BATCH_HIGHEST);
	kind->leased = kind->type != JOB_SQL || kind->timeout_ms > JOB_HELD_MS;
	if (kind->type == JOB_SQL && kind->leased && kind->batch > 1)
		fault_value(k->ld, &k->at, "batch", "a \"batch\" is one "
		    "transaction, so \"timeout_ms\" may be %d at most",
		    JOB_HELD_MS);
	backoff_load(k);
}

static void
who_load(struct kinding *k)
{
	const struct contract_about *a = &k->ld->contract->about;
	struct job_kind *kind = &k->kind;
	size_t i = 0;

	kind->queue = member_text(k->ld, &k->at, "queue");
	if (kind->queue == NULL)
		kind->queue = "default";
	else if (!name_is_word(kind->queue))
		fault_value(k->ld, &k->at, "queue", "\"%s\" cannot be the name "
		    "of a queue; use a-z, 0-9 and _, a letter first",
		    kind->queue);
	kind->role = member_text(k->ld, &k->at, "role");
	if (kind->role == NULL || !k->ld->roles_known)
		return;
	while (i < a->role_count && strcmp(a->roles[i], kind->role) != 0)
		i++;
	if (i == a->role_count)
		fault_value(k->ld, &k->at, "role",
		    "role \"%s\" is not in \"roles\" of api.json%s",
		    kind->role, hint(k->ld, kind->role, a->roles,
		    a->role_count));
}

/* ---- What fails. ---- */

/* An SQLSTATE of a function, or a status of a service. */
static bool
is_error_key(enum job_type type, const char *key)
{
	size_t length = strlen(key);

	if (type == JOB_HTTP && length == 3 && key[0] >= '3' && key[0] <= '5')
		return strspn(key, "0123456789") == 3;
	return length == 5 &&
	    strspn(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5;
}

static void
error_add(struct kinding *k, const struct at *at, const char *key,
    struct json_object *value)
{
	struct job_kind *kind = &k->kind;
	const char *word = json_object_is_type(value, json_type_string) ?
	    json_object_get_string(value) : "";
	bool permanent = strcmp(word, "permanent") == 0;
	struct job_error *errors;

	if (!is_error_key(kind->type, key))
		fault_name(k->ld, at, key, "\"%s\" must be an SQLSTATE (5 "
		    "characters, 0-9 and A-Z, like LS001)%s", key,
		    kind->type == JOB_HTTP ? " or an HTTP status" : "");
	if (!permanent && strcmp(word, "retry") != 0)
		fault_value(k->ld, at, key, "\"%s\" must be \"retry\" or "
		    "\"permanent\"", key);
	errors = grown(k->ld, (void *)(uintptr_t)kind->errors,
	    kind->error_count, sizeof(*errors));
	errors[kind->error_count++] = (struct job_error){
		arena_string(k->ld->arena, key), permanent };
	kind->errors = errors;
}

static void
errors_load(struct kinding *k)
{
	struct at at;

	if (!member_object(&k->at, "errors", arena_format(k->ld->scratch,
	    "%serrors: ", k->at.what), &at))
		return;
	json_object_object_foreach(at.object, key, value)
		error_add(k, &at, key, value);
}

/* ---- What is called. ---- */

static void
args_load(struct kinding *k)
{
	struct job_kind *kind = &k->kind;

	k->args = file_load(k->ld, &k->at, "args", VARIANT_BODY,
	    &kind->args_file);
	if (k->args == NULL)
		return;
	if (schema_types(k->args) != TYPE_OBJECT) {
		fault_value(k->ld, &k->at, "args", "\"%s\" must be the schema "
		    "of an object: its members become arguments",
		    kind->args_file);
		k->args = NULL;
		return;
	}
	k->fields = fields_load(k->ld, k->args, kind->args_file, false,
	    &k->required, &k->field_count);
}

/* The operation of a member: the arguments of the job, then those added. */
static struct operation
operation_of(struct kinding *k, const char *member, const char *example,
    const char *const *added, size_t added_count)
{
	struct loader *ld = k->ld;
	size_t count = k->field_count + added_count;
	struct field *fields = arena_alloc(ld->arena,
	    (count + 1) * sizeof(*fields));
	bool *required = arena_alloc(ld->arena, (count + 1) * sizeof(bool));
	struct operation op = { .name = k->kind.name, .resource = &nowhere,
		.verb = VERB_CALL, .method = METHOD_POST, .pattern = "",
		.body_file = k->kind.args_file, .body = k->args,
		.arguments = fields, .argument_count = count,
		.added_count = added_count,
		.required = required, .status = 200 };

	op.function = relation_load(ld, &k->at, member, example);
	for (size_t i = 0; i < k->field_count; i++) {
		fields[i] = k->fields[i];
		required[i] = k->required[i];
	}
	for (size_t i = 0; i < added_count; i++) {
		if (field_find(k->fields, k->field_count, added[i],
		    strlen(added[i])) != NULL)
			fault_value(ld, &k->at, member, "\"%s\" gets an "
			    "argument \"%s\" of the worker's, which \"%s\" has "
			    "too; rename that one", member, added[i],
			    k->kind.args_file);
		fields[k->field_count + i] = field_plain(ld, added[i]);
		required[k->field_count + i] = true;
	}
	return op;
}

static const struct operation *
kept_operation(struct kinding *k, struct operation op)
{
	struct operation *ret = arena_alloc(k->ld->arena, sizeof(*ret));

	*ret = op;
	return ret;
}

static bool
says(const struct kinding *k, const char *member)
{
	return json_object_object_get_ex(k->at.object, member, NULL);
}

static void
functions_load(struct kinding *k)
{
	static const char *const of_http[] = { "job_id", "result" };
	static const char *const of_failed[] = { "job_id", "attempt", "code" };
	static const char *const of_dead[] = { "reason" };
	struct job_kind *kind = &k->kind;

	kind->call = operation_of(k, "call", "app.write_letter", of_http,
	    kind->type == JOB_HTTP ? countof(of_http) : 0);
	if (says(k, "failed"))
		kind->failed = kept_operation(k, operation_of(k, "failed",
		    "app.note_failure", of_failed, countof(of_failed)));
	if (says(k, "dead"))
		kind->dead = kept_operation(k, operation_of(k, "dead",
		    "app.give_up_letter", of_dead, countof(of_dead)));
	if (says(k, "prepare"))
		kind->prepare = kept_operation(k, operation_of(k, "prepare",
		    "app.letter_request", NULL, 0));
}

/* ---- Services. ---- */

/* A setting's name, as the environment has it: never an address, no secret. */
static const char *
setting_load(struct kinding *k, const char *member)
{
	const char *name = member_text(k->ld, &k->at, member);
	size_t length = name != NULL ? strlen(name) : 0;

	if (name != NULL && (length > CONTRACT_NAME_MAX || name[0] < 'A' ||
	    name[0] > 'Z' || strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_") != length))
		fault_value(k->ld, &k->at, member, "\"%s\" must be the name of "
		    "what the environment holds: A-Z, 0-9 and _, like "
		    "WRITER_URL", member);
	return name;
}

static void
service_load(struct kinding *k)
{
	struct job_kind *kind = &k->kind;

	if (kind->type != JOB_HTTP)
		return;
	kind->url = setting_load(k, "url");
	kind->secret = setting_load(k, "secret");
	if (kind->url == NULL && !says(k, "url"))
		fault_place(k->ld, k->at.source->file, k->at.line,
		    k->at.column, "a job of the kind http needs \"url\", the "
		    "name of what the environment holds, like WRITER_URL");
	kind->returns = file_load(k->ld, &k->at, "returns", VARIANT_WHOLE,
	    &kind->returns_file);
}

/* ---- All of it. ---- */

void
job_load(struct loader *ld, const char *file)
{
	struct contract *c = ld->contract;
	struct kinding k = { .ld = ld };
	size_t n = c->job_count;

	if (!source_read(ld, file, &k.at))
		return;
	k.kind.file = arena_string(ld->arena, file);
	type_load(&k);
	said_check(&k);
	name_load(&k);
	k.kind.summary = member_text(ld, &k.at, "summary");
	who_load(&k);
	bounds_load(&k);
	errors_load(&k);
	args_load(&k);
	functions_load(&k);
	service_load(&k);
	schedule_load(ld, &k.at, &k.kind);
	k.kind.number = (unsigned)n;
	c->jobs = grown(ld, c->jobs, n, sizeof(*c->jobs));
	c->jobs[n] = k.kind;
	c->job_count = n + 1;
}

const struct job_kind *
contract_jobs(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->job_count;
	return contract->jobs;
}

const struct job_kind *
contract_job(const struct contract *contract, const char *name)
{
	for (size_t i = 0; i < contract->job_count; i++)
		if (strcmp(contract->jobs[i].name, name) == 0)
			return &contract->jobs[i];
	return NULL;
}

const struct job_error *
contract_job_error(const struct job_kind *kind, const char *key)
{
	for (size_t i = 0; i < kind->error_count; i++)
		if (strcmp(kind->errors[i].key, key) == 0)
			return &kind->errors[i];
	return NULL;
}
