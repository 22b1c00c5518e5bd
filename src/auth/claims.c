/* SPDX-License-Identifier: MIT */
/*
 * Claims -> what they say, or a reason against them (RFC 7519, 4.1).  A row a
 * claim, judged in order; exp comes last, so that a token is called expired
 * only when a fresh one with the same claims would do.  The reasons are
 * constant texts: they go to the log, and no claim's value does.
 */
#include "auth/key.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum {
	SUBJECT_MAX = 255,	/* characters */
	CLAIMS_MAX = 8192,	/* bytes of JSON text */
};

/* The last second of the year 9999: later times are mistakes. */
static const double time_max = 253402300799.0;

/* Claims being judged. */
struct judgement {
	const struct auth_options *options;
	const struct auth_issuer *issuer;
	struct json_object *payload;
	double now_s;
	double expires;
	const char *role;
	const char *subject;
};

bool
auth_listed(const char *const *list, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

const char *
auth_text_of(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return NULL;
	return text;
}

/*
 * A time: absent (*ret_there false), or a number of seconds, whole or not,
 * from 1970 to 9999.  false when it is something else.
 */
static bool
time_of(const struct judgement *j, const char *name, bool *ret_there,
    double *ret)
{
	struct json_object *value;
	double t;

	*ret_there = json_object_object_get_ex(j->payload, name, &value);
	if (!*ret_there)
		return true;
	if (!json_object_is_type(value, json_type_int) &&
	    !json_object_is_type(value, json_type_double))
		return false;
	t = json_object_get_double(value);
	if (!(t >= 0 && t <= time_max))
		return false;
	*ret = t;
	return true;
}

/* Is a time that must have come, if it is there, not in the future? */
static bool
has_come(const struct judgement *j, const char *name)
{
	double t = 0;
	bool there;

	return time_of(j, name, &there, &t) &&
	    (!there || t <= j->now_s + j->options->leeway_s);
}

static const char *
judge_nbf(struct judgement *j)
{
	return has_come(j, "nbf") ? NULL : "nbf is no time, or to come";
}

static const char *
judge_iat(struct judgement *j)
{
	return has_come(j, "iat") ? NULL : "iat is no time, or to come";
}

static const char *
judge_iss(struct judgement *j)
{
	struct json_object *value;
	const char *iss;

	if (j->issuer->name == NULL)
		return NULL;
	if (!json_object_object_get_ex(j->payload, "iss", &value))
		return "iss is missing";
	iss = auth_text_of(value);
	return iss != NULL && strcmp(iss, j->issuer->name) == 0 ? NULL :
	    "iss is another";
}

/* Is the audience among the aud's strings?  All of them must be strings. */
static bool
is_for_us(struct json_object *aud, const char *audience)
{
	const char *text = auth_text_of(aud);
	bool found = false;

	if (text != NULL)
		return strcmp(text, audience) == 0;
	if (!json_object_is_type(aud, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(aud); i++) {
		text = auth_text_of(json_object_array_get_idx(aud, i));
		if (text == NULL)
			return false;
		found = found || strcmp(text, audience) == 0;
	}
	return found;
}

static const char *
judge_aud(struct judgement *j)
{
	struct json_object *value;

	if (j->issuer->audience == NULL)
		return NULL;
	if (!json_object_object_get_ex(j->payload, "aud", &value))
		return "aud is missing";
	return is_for_us(value, j->issuer->audience) ? NULL :
	    "aud does not name this audience";
}

static const char *
judge_role(struct judgement *j)
{
	const char *reason = NULL;

	j->role = auth_path_find(&j->issuer->role, j->payload,
	    j->options->roles, j->options->role_count, &reason);
	return j->role != NULL ? NULL : reason;
}

/*
 * Whoever is a person needs a subject.  A server has none, nor has a token of
 * the anonymous role, as front ends carry them for a public key.
 */
static bool
needs_subject(const struct auth_options *options, const char *role)
{
	return !auth_listed(options->server_roles, options->server_role_count,
	    role) &&
	    (options->anonymous == NULL ||
	    strcmp(options->anonymous, role) != 0);
}

static const char *
judge_sub(struct judgement *j)
{
	struct json_object *value;

	j->subject = "";
	if (!json_object_object_get_ex(j->payload, "sub", &value))
		return needs_subject(j->options, j->role) ?
		    "sub is missing" : NULL;
	j->subject = auth_text_of(value);
	if (j->subject == NULL || j->subject[0] == '\0' || text_count(
	    j->subject, strlen(j->subject)) > SUBJECT_MAX)
		return "sub is no string of 1 to 255 characters";
	return NULL;
}

static const char *
judge_exp(struct judgement *j)
{
	unsigned life_max_s = j->options->life_max_s;
	bool there;

	if (!time_of(j, "exp", &there, &j->expires))
		return "exp is no time";
	if (!there)
		return "exp is missing";
	if (life_max_s != 0 && j->expires - j->now_s > life_max_s)
		return "exp is too far ahead";
	return NULL;
}

/* In this order: judge_sub() needs the role. */
static const char *(*const steps[])(struct judgement *) = {
	judge_nbf, judge_iat, judge_iss, judge_aud, judge_role, judge_sub,
	judge_exp,
};

/*
 * The claims' role is the one that was judged, wherever it was found: policies
 * read it there, and must not meet another that nobody has judged.
 */
static void
set_role(struct json_object *payload, const char *role)
{
	struct json_object *value;
	const char *text;

	if (json_object_object_get_ex(payload, "role", &value) &&
	    (text = auth_text_of(value)) != NULL && strcmp(text, role) == 0)
		return;
	json_object_object_add(payload, "role", json_object_new_string(role));
}

/* The claims as compact text in the arena, NULL when they are too long. */
static const char *
text_of_claims(struct scope *sc, struct json_object *payload)
{
	const char *text = NULL;
	struct buf b;

	buf_init(&b, CLAIMS_MAX);
	json_write(&b, payload);
	if (!b.failed)
		text = arena_copy(sc->arena, b.at, b.length);
	buf_release(&b);
	return text;
}

enum problem
auth_claims_judge(const struct auth_options *options,
    const struct auth_issuer *issuer, struct scope *sc,
    struct json_object *payload, int64_t now_s, struct auth_claims *ret)
{
	struct judgement j = { .options = options, .issuer = issuer,
	    .payload = payload, .now_s = (double)now_s };
	const char *reason, *text;

	if (!json_object_is_type(payload, json_type_object))
		return scope_fail(sc, PROBLEM_TOKEN_INVALID,
		    "the claims are no object");
	for (size_t i = 0; i < countof(steps); i++)
		if ((reason = steps[i](&j)) != NULL)
			return scope_fail(sc, PROBLEM_TOKEN_INVALID, "%s",
			    reason);
	/* Copied first: the payload's own text may be what is replaced. */
	j.role = arena_string(sc->arena, j.role);
	set_role(payload, j.role);
	text = text_of_claims(sc, payload);
	if (text == NULL)
		return scope_fail(sc, PROBLEM_TOKEN_INVALID,
		    "the claims are too long");
	if (!(j.now_s < j.expires + options->leeway_s))
		return scope_fail(sc, PROBLEM_TOKEN_EXPIRED, "exp has passed");
	*ret = (struct auth_claims){
		.role = j.role,
		.subject = arena_string(sc->arena, j.subject),
		.text = text,
		.expires = (int64_t)floor(j.expires),
	};
	return PROBLEM_NONE;
}
