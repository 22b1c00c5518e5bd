/* SPDX-License-Identifier: MIT */
/*
 * webhooks/X.json -> a source of webhooks.  A scheme that is somebody's own
 * says itself how it signs; only "hmac" is described in the file.  Secrets are
 * named here and kept elsewhere: nothing in a contract is secret.
 */
#include "contract/internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOLERANCE_DEFAULT = 300,	/* seconds; that of Standard Webhooks */
	TOLERANCE_HIGHEST = 3600,
	BODY_LEAST = 1024,		/* bytes */
	BODY_HIGHEST = 16 << 20,
	HEADER_MAX = 64,		/* bytes of a header's name */
	PREFIX_MAX = 32,
	STEPS_MAX = 16,			/* of a pointer */
};

static const struct member webhook_members[] = {
	{ "$schema", KIND_TEXT, false },
	{ "webhook", KIND_TEXT, true },
	{ "summary", KIND_TEXT, false },
	{ "scheme", KIND_TEXT, true },
	{ "header", KIND_TEXT, false },
	{ "hash", KIND_TEXT, false },
	{ "encoding", KIND_TEXT, false },
	{ "prefix", KIND_TEXT, false },
	{ "stamp", KIND_TEXT, false },
	{ "secret", KIND_TEXT, false },
	{ "tolerance", KIND_NUMBER, false },
	{ "limit_bytes", KIND_NUMBER, false },
	{ "body", KIND_TEXT, true },
	{ "id", KIND_TEXT, false },
	{ "type", KIND_TEXT, false },
	{ "serial", KIND_TEXT, false },
	{ "job", KIND_TEXT, true },
	{ "role", KIND_TEXT, true },
	{ "rate", KIND_TEXT, false },
};

/* The schemes that are somebody's own, and the one that is described. */
static const struct known {
	const char *name;
	struct hook_scheme scheme;
	const char *header, *id;
	bool described;
} schemes[] = {
	{ .name = "standard", .scheme = { .form = HOOK_STANDARD } },
	{ .name = "stripe", .scheme = { .form = HOOK_STAMPED,
	    .separator = '.' }, .header = "Stripe-Signature", .id = "/id" },
	{ .name = "github", .scheme = { .form = HOOK_PLAIN,
	    .prefix = "sha256=" }, .header = "X-Hub-Signature-256",
	    .id = "X-GitHub-Delivery" },
	{ .name = "hmac", .scheme = { .form = HOOK_PLAIN, .prefix = "" },
	    .described = true },
};

/* A member that is one of a few words; their number, or that of the first. */
static size_t
word_load(struct loader *ld, const struct at *at, const char *member,
    const char *const *words, size_t count)
{
	const char *text = member_text(ld, at, member);

	for (size_t i = 0; i < count && text != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	if (text != NULL)
		fault_value(ld, at, member, "\"%s\" is no \"%s\"%s", text,
		    member, hint(ld, text, words, count));
	return 0;
}

/* A field name of HTTP (RFC 9110, 5.1) that nginx passes on: no underscore. */
static bool
is_header_name(const char *s)
{
	size_t length = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-");

	return length >= 1 && length <= HEADER_MAX && s[length] == '\0';
}

static const char *
header_load(struct loader *ld, const struct at *at, const char *member)
{
	const char *text = member_text(ld, at, member);

	if (text == NULL || is_header_name(text))
		return text;
	fault_value(ld, at, member, "\"%s\" cannot be the name of a header; "
	    "use letters, digits and -, at most %d", text, HEADER_MAX);
	return NULL;
}

/* "~1" is a slash and "~0" a tilde; anything else behind a tilde is a fault. */
static bool
step_decode(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (*s == '~' && s[1] != '0' && s[1] != '1')
			return false;
		if (*s == '~')
			*to++ = *++s == '1' ? '/' : '~';
		else
			*to++ = *s;
	}
	*to = '\0';
	return true;
}

static const struct pointer *
pointer_read(struct arena *arena, const char *text)
{
	struct pointer *p = arena_alloc(arena, sizeof(*p));
	const char **steps = arena_alloc(arena, STEPS_MAX * sizeof(*steps));
	char *rest = arena_string(arena, text), *step;

	if (*rest++ != '/')
		return NULL;
	p->text = text;
	p->steps = steps;
	while ((step = strsep(&rest, "/")) != NULL) {
		if (p->count == STEPS_MAX || !step_decode(step))
			return NULL;
		steps[p->count++] = step;
	}
	return p;
}

static const struct pointer *
pointer_load(struct loader *ld, const struct at *at, const char *member)
{
	const char *text = member_text(ld, at, member);
	const struct pointer *p = text == NULL ? NULL :
	    pointer_read(ld->arena, text);

	if (text != NULL && p == NULL)
		fault_value(ld, at, member, "\"%s\" must be a JSON pointer, "
		    "like \"/data/id\", of at most %d steps", member,
		    STEPS_MAX);
	return p;
}

/* How the scheme "hmac" signs. */
static void
described_load(struct loader *ld, const struct at *at, struct webhook *w)
{
	static const char *const hashes[] = { "sha256", "sha512" };
	static const char *const encodings[] = { "hex", "base64" };
	static const char *const stamps[] = { ".", "," };
	const char *prefix = member_text(ld, at, "prefix");
	bool stamped = member_text(ld, at, "stamp") != NULL;
	size_t stamp = word_load(ld, at, "stamp", stamps, countof(stamps));

	w->header = header_load(ld, at, "header");
	if (!json_object_object_get_ex(at->object, "header", NULL))
		fault_value(ld, at, "header", "\"hmac\" needs \"header\", the "
		    "name of the header with the signature");
	w->scheme.hash = (enum hook_hash)word_load(ld, at, "hash", hashes,
	    countof(hashes));
	w->scheme.encoding = (enum hook_encoding)word_load(ld, at, "encoding",
	    encodings, countof(encodings));
	if (stamped) {
		w->scheme.form = HOOK_STAMPED;
		w->scheme.separator = stamps[stamp][0];
	}
	if (prefix != NULL && stamped)
		fault_value(ld, at, "prefix", "\"prefix\" and \"stamp\" do not "
		    "go together; drop one");
	if (prefix != NULL && strlen(prefix) > PREFIX_MAX)
		fault_value(ld, at, "prefix", "\"prefix\" is longer than %d",
		    PREFIX_MAX);
	if (prefix != NULL)
		w->scheme.prefix = prefix;
}

/* What only "hmac" may say. */
static void
undescribed_check(struct loader *ld, const struct at *at,
    const struct known *known)
{
	static const char *const own[] = { "header", "hash", "encoding",
		"prefix", "stamp" };

	for (size_t i = 0; i < countof(own); i++)
		if (json_object_object_get_ex(at->object, own[i], NULL))
			fault_name(ld, at, own[i], "\"%s\" is known of \"%s\"; "
			    "it goes with the scheme \"hmac\"", own[i],
			    known->name);
}

static const struct known *
scheme_load(struct loader *ld, const struct at *at, struct webhook *w)
{
	const char *names[countof(schemes)];
	const struct known *known;

	for (size_t i = 0; i < countof(schemes); i++)
		names[i] = schemes[i].name;
	known = &schemes[word_load(ld, at, "scheme", names, countof(names))];
	w->scheme_name = known->name;
	w->scheme = known->scheme;
	w->header = known->header;
	if (known->described)
		described_load(ld, at, w);
	else
		undescribed_check(ld, at, known);
	return known;
}

static unsigned
number_load(struct loader *ld, const struct at *at, const char *member,
    int64_t value, int64_t least, int64_t most)
{
	int64_t given;

	if (!member_number(at, member, &given))
		return (unsigned)value;
	if (given >= least && given <= most)
		return (unsigned)given;
	fault_value(ld, at, member, "\"%s\" must be from %lld to %lld", member,
	    (long long)least, (long long)most);
	return (unsigned)value;
}

static void
tolerance_load(struct loader *ld, const struct at *at, struct webhook *w)
{
	w->scheme.tolerance_s = number_load(ld, at, "tolerance",
	    TOLERANCE_DEFAULT, 1, TOLERANCE_HIGHEST);
	if (w->scheme.form == HOOK_PLAIN &&
	    json_object_object_get_ex(at->object, "tolerance", NULL))
		fault_name(ld, at, "tolerance", "this scheme signs no time, so "
		    "there is nothing to tolerate");
}

/* Where the id of an event is: in what is signed, a header or the body. */
static void
id_load(struct loader *ld, const struct at *at, const struct known *known,
    struct webhook *w)
{
	const char *text = member_text(ld, at, "id");

	if (w->scheme.form == HOOK_STANDARD) {
		if (text != NULL)
			fault_name(ld, at, "id", "the scheme \"standard\" "
			    "signs an id of its own");
		return;
	}
	if (text == NULL && known->id == NULL) {
		fault_value(ld, at, "id", "missing member \"id\"; add the "
		    "header, or a pointer into the body, with the event's id");
		return;
	}
	if (text == NULL)
		text = known->id;
	if (*text != '/')
		w->id_header = json_object_object_get_ex(at->object, "id",
		    NULL) ? header_load(ld, at, "id") : text;
	else if (text == known->id)
		w->id = pointer_read(ld->arena, text);
	else
		w->id = pointer_load(ld, at, "id");
}

/* [a-z][a-z0-9_]*, and once more behind a dot. */
static bool
is_kind(const char *s)
{
	char word[2 * CONTRACT_NAME_MAX + 2], *dot;

	if (strlen(s) >= sizeof(word))
		return false;
	strcpy(word, s);
	dot = strchr(word, '.');
	if (dot != NULL)
		*dot++ = '\0';
	return name_is_word(word) && (dot == NULL || name_is_word(dot));
}

static void
task_load(struct loader *ld, const struct at *at, struct webhook *w)
{
	w->job = member_text(ld, at, "job");
	if (w->job != NULL && !is_kind(w->job))
		fault_value(ld, at, "job", "\"%s\" cannot be the name of a "
		    "kind of jobs; use a-z, 0-9 and _, and one dot at most",
		    w->job);
	else if (w->job != NULL && contract_job(ld->contract, w->job) == NULL)
		fault_value(ld, at, "job", "there is no kind of jobs \"%s\" in "
		    "jobs/", w->job);
}

static void
role_load(struct loader *ld, const struct at *at, struct webhook *w)
{
	const struct contract_about *a = &ld->contract->about;

	w->role = member_text(ld, at, "role");
	if (w->role == NULL || !ld->roles_known)
		return;
	for (size_t i = 0; i < a->role_count; i++)
		if (strcmp(a->roles[i], w->role) == 0)
			return;
	fault_value(ld, at, "role", "role \"%s\" is not in \"roles\" of "
	    "api.json%s", w->role, hint(ld, w->role, a->roles, a->role_count));
}

static const struct rate *
rate_load(struct loader *ld, const struct at *at)
{
	const struct contract_about *a = &ld->contract->about;
	const char *name = member_text(ld, at, "rate");
	const char **names = arena_alloc(ld->scratch,
	    (a->rate_count + 1) * sizeof(*names));

	for (size_t i = 0; i < a->rate_count; i++) {
		names[i] = a->rates[i].name;
		if (name != NULL && strcmp(names[i], name) == 0)
			return &a->rates[i];
	}
	if (name != NULL)
		fault_value(ld, at, "rate", "\"%s\" is not in \"rates\" of "
		    "api.json%s", name, hint(ld, name, names, a->rate_count));
	return NULL;
}

static void
name_load(struct loader *ld, const struct at *at, struct webhook *w)
{
	struct contract *c = ld->contract;

	w->name = member_text(ld, at, "webhook");
	if (w->name == NULL)
		return;
	if (!name_is_word(w->name))
		fault_value(ld, at, "webhook", "\"%s\" cannot be the name of a "
		    "source; use a-z, 0-9 and _, a letter first, at most %d",
		    w->name, CONTRACT_NAME_MAX);
	for (size_t i = 0; i < c->webhook_count; i++)
		if (c->webhooks[i].name != NULL &&
		    strcmp(c->webhooks[i].name, w->name) == 0)
			fault_value(ld, at, "webhook", "there is another "
			    "source \"%s\"; rename one", w->name);
}

/* The name of the file with the secrets: never a way out of its directory. */
static void
secret_load(struct loader *ld, const struct at *at, struct webhook *w)
{
	const char *text = member_text(ld, at, "secret");
	size_t length = text == NULL ? 0 : strspn(text,
	    "abcdefghijklmnopqrstuvwxyz0123456789_-");

	w->secret = text != NULL ? text : w->name;
	if (text != NULL && (length == 0 || length > CONTRACT_NAME_MAX ||
	    text[length] != '\0'))
		fault_value(ld, at, "secret", "\"secret\" names the file with "
		    "the secrets and is none itself; use a-z, 0-9, _ and -");
}

/* What requests meet, and a path of a resource must not meet as well. */
static void
operation_make(struct loader *ld, const struct at *at, struct webhook *w)
{
	static const struct resource none = { .name = "webhooks", .path = "" };
	const struct contract *c = ld->contract;
	struct course course;
	const char **roles;

	if (w->name == NULL)
		return;
	roles = arena_alloc(ld->arena, sizeof(*roles));
	roles[0] = w->role;
	w->operation = (struct operation){
		.name = arena_format(ld->arena, "webhooks.%s", w->name),
		.summary = member_text(ld, at, "summary"), .resource = &none,
		.verb = VERB_CALL, .method = METHOD_POST,
		.pattern = arena_format(ld->arena, "/webhooks/%s", w->name),
		.roles = roles, .role_count = 1, .status = 202,
		.rate = rate_load(ld, at), .webhook = w };
	if (course_read(ld->scratch, w->operation.pattern, false, &course) !=
	    NULL)
		return;
	for (size_t i = 0; i < c->operation_count; i++)
		if (c->operations[i].method == METHOD_POST &&
		    course_clash(&course, &c->intakes[i].course))
			fault_value(ld, at, "webhook", "POST %s meets the same "
			    "requests as \"%s\"; rename the source",
			    w->operation.pattern, c->operations[i].name);
}

static void
webhook_load(struct loader *ld, const char *file, struct webhook *w)
{
	const struct known *known;
	struct at at;

	if (!source_read(ld, file, &at))
		return;
	members_check(ld, &at, webhook_members, countof(webhook_members));
	w->file = arena_string(ld->arena, file);
	name_load(ld, &at, w);
	known = scheme_load(ld, &at, w);
	tolerance_load(ld, &at, w);
	secret_load(ld, &at, w);
	id_load(ld, &at, known, w);
	w->type = pointer_load(ld, &at, "type");
	w->serial = pointer_load(ld, &at, "serial");
	w->limit_bytes = number_load(ld, &at, "limit_bytes", 0, BODY_LEAST,
	    BODY_HIGHEST);
	w->body = file_load(ld, &at, "body", VARIANT_WHOLE, &w->body_file);
	task_load(ld, &at, w);
	role_load(ld, &at, w);
	operation_make(ld, &at, w);
	w->number = (unsigned)ld->contract->webhook_count++;
}

void
webhooks_load(struct loader *ld)
{
	struct contract *c = ld->contract;
	struct dirent **entries;
	int count = json_files(ld, "webhooks", &entries);

	if (count < 0)
		return;
	/* Routes point at operations: the array never moves. */
	c->webhooks = arena_alloc(ld->arena,
	    ((size_t)count + 1) * sizeof(*c->webhooks));
	for (int i = 0; i < count; i++) {
		webhook_load(ld, arena_format(ld->scratch, "webhooks/%s",
		    entries[i]->d_name), &c->webhooks[c->webhook_count]);
		free(entries[i]);
	}
	free(entries);
}

const struct webhook *
contract_webhooks(const struct contract *contract, size_t *ret_count)
{
	*ret_count = contract->webhook_count;
	return contract->webhooks;
}
