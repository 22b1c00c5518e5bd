/* SPDX-License-Identifier: MIT */
/*
 * What was kept of a caller -> the caller again.  The claims were judged when
 * the job was left, in the database's own words; here only what the contract
 * may have changed since is looked at, the role, and it is put where policies
 * read it.  That a token has expired meanwhile does not undo what it asked for.
 */
#include "auth/key.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"

enum { CLAIMS_MAX = 16384 };	/* bytes: jsonb writes blanks */

/* A member that is a text, or NULL. */
static const char *
text_member(struct json_object *claims, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(claims, name, &value) ?
	    auth_text_of(value) : NULL;
}

static enum problem
claims_read(struct scope *sc, const char *text, struct json_object **ret)
{
	size_t length = strlen(text);
	struct json_fault fault;

	if (length > CLAIMS_MAX)
		return scope_fail(sc, PROBLEM_TOKEN_INVALID,
		    "the claims are too long");
	if (!json_read(text, length, &json_caps_wire, ret, &fault))
		return scope_fail(sc, PROBLEM_TOKEN_INVALID,
		    "the claims are no JSON");
	arena_defer(sc->arena, json_drop, *ret);
	if (!json_object_is_type(*ret, json_type_object))
		return scope_fail(sc, PROBLEM_TOKEN_INVALID,
		    "the claims are no object");
	return PROBLEM_NONE;
}

/* The claims with the role in them; as they stand when it is there. */
static const char *
claims_as(struct scope *sc, struct json_object *claims, const char *text,
    const char *role)
{
	const char *said = text_member(claims, "role"), *ret;
	struct buf b;

	if (said != NULL && strcmp(said, role) == 0)
		return text;
	json_object_object_add(claims, "role", json_object_new_string(role));
	buf_init(&b, 2 * CLAIMS_MAX);
	json_write(&b, claims);
	ret = arena_copy(sc->arena, b.at, b.length);
	buf_release(&b);
	return ret;
}

enum problem
auth_recall(struct scope *sc, const char *const *roles, size_t role_count,
    const char *role, const char *claims, const struct caller **ret)
{
	struct json_object *tree;
	struct caller *caller;
	const char *subject;
	enum problem p;

	if ((p = claims_read(sc, claims, &tree)) != PROBLEM_NONE)
		return p;
	if (role == NULL)
		role = text_member(tree, "role");
	if (role == NULL)
		return scope_fail(sc, PROBLEM_FORBIDDEN,
		    "the job was left by nobody, and its kind has no role");
	if (!auth_listed(roles, role_count, role))
		return scope_fail(sc, PROBLEM_FORBIDDEN,
		    "the role is none of the contract's");
	role = arena_string(sc->arena, role);
	subject = text_member(tree, "sub");
	subject = subject != NULL ? arena_string(sc->arena, subject) : "";
	caller = arena_alloc(sc->arena, sizeof(*caller));
	*caller = (struct caller){ .role = role, .subject = subject,
		.claims = claims_as(sc, tree, claims, role),
		.anonymous = *subject == '\0' };
	*ret = caller;
	return PROBLEM_NONE;
}
