/* SPDX-License-Identifier: MIT */
/*
 * Who makes tokens: the issuers of a file, and the one of the single settings.
 * Each has its own keys, audience and way to the role, and a token's iss says
 * which is meant.  Invariant: no two have the same name, and when there is more
 * than one, each has a name; so a key is only ever asked about tokens that say
 * its own issuer.
 */
#include "auth/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum {
	FILE_MAX = 64 * 1024,	/* bytes of the issuers' file */
	NAME_MAX_BYTES = 255,	/* of an iss or aud */
};

static const struct json_caps caps = {
	.depth = 4, .values = 1024, .members = 32, .items = 64,
	.name_bytes = 64, .string_bytes = 4096,
};

/* An issuer of the file, while it is read. */
struct reading {
	struct arena *arena;
	const char *path;	/* of the file */
	size_t number;		/* from 1 */
	struct json_object *object;
	struct auth_issuer *issuer;
	const char *role_claim;
	struct buf *fault;
};

static bool
refuse(const struct reading *r, const char *reason)
{
	buf_format(r->fault, "%s: issuer %zu: %s", r->path, r->number, reason);
	return false;
}

/* Keeps a text as it is. */
static bool
take_text(struct reading *r, const char *text, const char **ret)
{
	if (strlen(text) > NAME_MAX_BYTES)
		return refuse(r, "a name is longer than 255 bytes");
	*ret = arena_string(r->arena, text);
	return true;
}

static bool
take_issuer(struct reading *r, struct json_object *value)
{
	return take_text(r, auth_text_of(value), &r->issuer->name);
}

static bool
take_audience(struct reading *r, struct json_object *value)
{
	return take_text(r, auth_text_of(value), &r->issuer->audience);
}

static bool
take_role_claim(struct reading *r, struct json_object *value)
{
	return take_text(r, auth_text_of(value), &r->role_claim);
}

static bool
take_url(struct reading *r, struct json_object *value)
{
	r->issuer->jwks_url = arena_string(r->arena, auth_text_of(value));
	return true;
}

/* A path is relative to the directory of the issuers' file. */
static const char *
resolve(const struct reading *r, const char *path)
{
	const char *slash = strrchr(r->path, '/');

	if (path[0] == '/' || slash == NULL)
		return arena_string(r->arena, path);
	return arena_format(r->arena, "%.*s/%s", (int)(slash - r->path),
	    r->path, path);
}

static bool
take_jwks_file(struct reading *r, struct json_object *value)
{
	r->issuer->jwks_file = resolve(r, auth_text_of(value));
	return true;
}

static bool
take_secret_file(struct reading *r, struct json_object *value)
{
	r->issuer->secret_file = resolve(r, auth_text_of(value));
	return true;
}

static bool
take_typ(struct reading *r, struct json_object *value)
{
	if (!text_same(auth_text_of(value), "at+jwt"))
		return refuse(r, "typ can only be at+jwt");
	r->issuer->access_only = true;
	return true;
}

static bool
take_algorithms(struct reading *r, struct json_object *value)
{
	size_t count = json_object_array_length(value);

	for (size_t i = 0; i < count; i++) {
		const char *name = auth_text_of(json_object_array_get_idx(value,
		    i));
		const struct auth_algorithm *a = name == NULL ? NULL :
		    auth_algorithm_of(name);

		if (a == NULL)
			return refuse(r, "algorithms names one that is not "
			    "supported");
		r->issuer->allowed |= auth_algorithm_bit(a);
	}
	return count > 0 || refuse(r, "algorithms names none");
}

static const struct {
	const char *name;
	bool array;		/* else a string that is not empty */
	bool (*take)(struct reading *r, struct json_object *value);
} members[] = {
	{ "issuer", false, take_issuer },
	{ "audience", false, take_audience },
	{ "jwks_url", false, take_url },
	{ "jwks_file", false, take_jwks_file },
	{ "secret_file", false, take_secret_file },
	{ "role_claim", false, take_role_claim },
	{ "algorithms", true, take_algorithms },
	{ "typ", false, take_typ },
};

static bool
read_member(struct reading *r, const char *name, struct json_object *value)
{
	for (size_t i = 0; i < countof(members); i++) {
		const char *text;

		if (strcmp(members[i].name, name) != 0)
			continue;
		text = auth_text_of(value);
		if (members[i].array ?
		    !json_object_is_type(value, json_type_array) :
		    text == NULL || text[0] == '\0')
			return refuse(r, arena_format(r->arena, "%s is no %s",
			    name, members[i].array ? "array" :
			    "string, or empty"));
		return members[i].take(r, value);
	}
	return refuse(r, "it has a member that is none of issuer, audience, "
	    "jwks_url, jwks_file, secret_file, role_claim, algorithms, typ");
}

/* Do name, keys and algorithms go together? */
static bool
judge(const struct reading *r)
{
	const struct auth_issuer *i = r->issuer;
	unsigned hmac = auth_algorithm_bit(auth_algorithm_of("HS256"));

	if (i->name == NULL)
		return refuse(r, "issuer is missing");
	if ((i->jwks_url != NULL) + (i->jwks_file != NULL) +
	    (i->secret_file != NULL) != 1)
		return refuse(r, "it must have one of jwks_url, jwks_file and "
		    "secret_file");
	if (i->secret_file != NULL && i->allowed != 0 &&
	    (i->allowed & hmac) == 0)
		return refuse(r, "a secret is for HS256, which its algorithms "
		    "do not name");
	return true;
}

/* Adds an issuer that is complete; false when its name stands already. */
static bool
add(struct auth_issuers *issuers, const struct auth_issuer *issuer)
{
	if (auth_issuers_find(issuers, issuer->name) != NULL &&
	    issuers->count > 0)
		return false;
	issuers->issuer[issuers->count++] = *issuer;
	return true;
}

/* Reads one, with the single settings' audience and role for what it lacks. */
static bool
read_issuer(struct reading *r, const struct auth_options *options,
    struct auth_issuers *issuers)
{
	struct auth_issuer issuer = { .audience = options->audience };

	r->issuer = &issuer;
	r->role_claim = options->role_claim;
	if (!json_object_is_type(r->object, json_type_object))
		return refuse(r, "it is no object");
	json_object_object_foreach(r->object, name, value)
		if (!read_member(r, name, value))
			return false;
	if (!judge(r))
		return false;
	if (!auth_path_read(r->arena, r->role_claim != NULL ? r->role_claim :
	    "role", &issuer.role))
		return refuse(r, "its role_claim is neither a name nor a path "
		    "like .realm_access.roles[0]");
	return add(issuers, &issuer) ||
	    refuse(r, "another has the same name");
}

static bool
read_list(struct arena *arena, const struct auth_options *options,
    struct json_object *list, struct auth_issuers *issuers, struct buf *fault)
{
	struct reading r = { .arena = arena, .path = options->issuers_file,
	    .fault = fault };
	size_t count = json_object_is_type(list, json_type_array) ?
	    json_object_array_length(list) : 0;

	/* One place is for the single settings. */
	if (count == 0 || count > AUTH_ISSUERS_MAX - 1) {
		buf_format(fault, "%s must be an array of 1 to %d issuers",
		    r.path, AUTH_ISSUERS_MAX - 1);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		r.number = i + 1;
		r.object = json_object_array_get_idx(list, i);
		if (!read_issuer(&r, options, issuers))
			return false;
	}
	return true;
}

static bool
read_file(struct arena *arena, const struct auth_options *options,
    struct auth_issuers *issuers, struct buf *fault)
{
	const char *path = options->issuers_file;
	struct json_object *list;
	struct json_fault at;
	size_t length;
	char *text;
	bool fit;

	text = auth_read_file(path, FILE_MAX, &length, fault);
	if (text == NULL)
		return false;
	fit = json_read(text, length, &caps, &list, &at);
	free(text);
	if (!fit) {
		buf_format(fault, "%s:%zu:%zu: %s", path, at.line, at.column,
		    at.reason);
		return false;
	}
	fit = read_list(arena, options, list, issuers, fault);
	json_object_put(list);
	return fit;
}

/* The issuer of the single settings, if they name any keys or no other does. */
static bool
add_single(struct arena *arena, const struct auth_options *o,
    struct auth_issuers *issuers, struct buf *fault)
{
	struct auth_issuer issuer = {
		.name = o->issuer, .audience = o->audience,
		.secret_file = o->secret_file, .jwks_file = o->jwks_file,
		.jwks_url = o->jwks_url,
	};

	if (issuers->count > 0 && o->secret_file == NULL &&
	    o->jwks_file == NULL && o->jwks_url == NULL)
		return true;
	if (o->jwks_file != NULL && o->jwks_url != NULL) {
		buf_string(fault, "jwks_file and jwks_url cannot both be set: "
		    "list two issuers in the file of issuers");
		return false;
	}
	if (issuers->count > 0 && o->issuer == NULL) {
		buf_string(fault, "beside a file of issuers, keys need "
		    "jwt_issuer: a token's iss chooses them");
		return false;
	}
	if (!auth_path_read(arena, o->role_claim != NULL ? o->role_claim :
	    "role", &issuer.role)) {
		buf_string(fault, "jwt_role_claim is neither a name nor a path "
		    "like .realm_access.roles[0]");
		return false;
	}
	if (!add(issuers, &issuer)) {
		buf_format(fault, "%s names jwt_issuer as well",
		    o->issuers_file);
		return false;
	}
	return true;
}

bool
auth_issuers_read(struct arena *arena, const struct auth_options *options,
    struct auth_issuers *ret, struct buf *fault)
{
	struct auth_issuers issuers = { .count = 0 };

	if (options->issuers_file != NULL &&
	    !read_file(arena, options, &issuers, fault))
		return false;
	if (!add_single(arena, options, &issuers, fault))
		return false;
	*ret = issuers;
	return true;
}

const struct auth_issuer *
auth_issuers_find(const struct auth_issuers *issuers, const char *iss)
{
	/* The only one judges the iss itself, if it has a name at all. */
	if (issuers->count == 1 && issuers->issuer[0].name == NULL)
		return &issuers->issuer[0];
	for (size_t i = 0; iss != NULL && i < issuers->count; i++)
		if (strcmp(issuers->issuer[i].name, iss) == 0)
			return &issuers->issuer[i];
	return NULL;
}
