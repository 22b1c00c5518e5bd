/* SPDX-License-Identifier: MIT */
/*
 * Header fields that say how a request is to be done: Idempotency-Key,
 * If-Match and Prefer -> the plan.  They are judged before the body, as they
 * are cheap to refuse.  A field that a client relies on is either understood or
 * refused, never half read: an If-Match that was passed over would lose the
 * update that it was to protect.
 */
#include "contract/internal.h"

#include <string.h>

/* An issue with a header field: its path is the field's name. */
static void
header_issue(struct scope *sc, const char *name, const char *expected)
{
	const struct place place = { .name = name, .length = strlen(name) };

	scope_issue(sc, &place, RULE_SYNTAX, &(struct issue_param){ "expected",
	    arena_format(sc->arena, "\"%s\"", expected) }, 1);
}

/* ---- Idempotency-Key ---- */

/* Bytes that a key may have: visible ASCII. */
static bool
is_visible(char c)
{
	return c > ' ' && c < 0x7f;
}

/*
 * The key without its quotes (a string of RFC 8941) or as it stands: both are
 * the same key.  NULL when it is none.
 */
static const char *
key_read(struct arena *arena, const char *field)
{
	bool quoted = *field == '"';
	char *key = arena_alloc(arena, strlen(field) + 1);
	size_t length = 0;

	for (field += quoted; *field != '\0'; field++) {
		if (quoted && *field == '"')
			break;
		if (quoted && *field == '\\' &&
		    *++field != '"' && *field != '\\')
			return NULL;
		if (!is_visible(*field))
			return NULL;
		key[length++] = *field;
	}
	if (quoted && strcmp(field, "\"") != 0)
		return NULL;
	return length >= 1 && length <= KEY_MAX ? key : NULL;
}

/* A repeat is the same method, target and body, byte for byte. */
static const char *
fingerprint_of(struct arena *arena, const struct request *rq)
{
	const struct auth_part parts[] = {
		{ rq->method_text, strlen(rq->method_text) },
		{ rq->target, strlen(rq->target) },
		{ rq->body, rq->body_length },
	};
	char *text = arena_alloc(arena, AUTH_DIGEST_TEXT);

	auth_digest(parts, countof(parts), text);
	return text;
}

static enum problem
key_accept(struct scope *sc, const struct request *rq, struct plan *plan)
{
	enum demand demand = plan->operation->idempotency;
	struct once *once;

	if (demand == DEMAND_NONE)
		return PROBLEM_NONE;
	if (rq->idempotency_key == NULL)
		return demand == DEMAND_REQUIRED ?
		    PROBLEM_IDEMPOTENCY_KEY_MISSING : PROBLEM_NONE;
	once = arena_alloc(sc->arena, sizeof(*once));
	once->key = key_read(sc->arena, rq->idempotency_key);
	if (once->key == NULL)
		return PROBLEM_IDEMPOTENCY_KEY_INVALID;
	once->fingerprint = fingerprint_of(sc->arena, rq);
	plan->once = once;
	return PROBLEM_NONE;
}

/* ---- If-Match ---- */

/* etagc of RFC 9110 section 8.8.3: neither blank nor quote, any high byte. */
static bool
is_tag_byte(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte > ' ' && byte != '"' && byte != 0x7f;
}

/*
 * Reads one entity tag, weak or strong; the rest, or NULL when it is none.  A
 * weak one of ours is taken, as a proxy that compresses replies makes it weak.
 */
static const char *
tag_read(struct arena *arena, const char *s, const char **ret)
{
	const char *begin;

	if (strncmp(s, "W/", 2) == 0)
		s += 2;
	if (*s != '"')
		return NULL;
	for (begin = ++s; is_tag_byte(*s); s++)
		;
	if (*s != '"')
		return NULL;
	*ret = arena_copy(arena, begin, (size_t)(s - begin));
	return s + 1;
}

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* A list may have empty elements (RFC 9110 section 5.6.1.2). */
static bool
tags_read(struct arena *arena, const char *s, const char **tags,
    size_t *ret_count)
{
	size_t count = 0;

	for (s = skip_blanks(s); *s != '\0'; s = skip_blanks(s)) {
		if (*s == ',') {
			s++;
			continue;
		}
		if (count == TAGS_MAX ||
		    (s = tag_read(arena, s, &tags[count++])) == NULL)
			return false;
		s = skip_blanks(s);
		if (*s != ',' && *s != '\0')
			return false;
	}
	*ret_count = count;
	return count > 0;
}

/*
 * Updates and deletes hear an If-Match whether the contract speaks of it or
 * not: each row is told with its tag.
 */
static enum problem
match_accept(struct scope *sc, const struct request *rq, struct plan *plan)
{
	const struct operation *op = plan->operation;
	const char **tags;

	if (op->verb != VERB_UPDATE && op->verb != VERB_DELETE)
		return PROBLEM_NONE;
	if (rq->if_match == NULL)
		return op->match == DEMAND_REQUIRED ?
		    PROBLEM_PRECONDITION_REQUIRED : PROBLEM_NONE;
	if (strcmp(rq->if_match, "*") == 0)
		return PROBLEM_NONE;
	tags = arena_alloc(sc->arena, TAGS_MAX * sizeof(*tags));
	if (!tags_read(sc->arena, rq->if_match, tags, &plan->match_count)) {
		header_issue(sc, "If-Match", arena_format(sc->arena,
		    "* or at most %d tags, each in quotes, as ETag has them",
		    TAGS_MAX));
		return scope_fail(sc, PROBLEM_BAD_REQUEST,
		    "If-Match is no list of at most %d entity tags", TAGS_MAX);
	}
	plan->match = tags;
	return PROBLEM_NONE;
}

/* ---- Prefer ---- */

static bool
is_write(const struct operation *op)
{
	return op->verb == VERB_CREATE || op->verb == VERB_UPDATE ||
	    op->verb == VERB_DELETE ||
	    (op->verb == VERB_CALL && op->method != METHOD_GET);
}

/* Refuses with the preferences that would be heard. */
static enum problem
preferences_refuse(struct scope *sc, bool returns, bool total, bool resolves,
    bool rolls_back)
{
	header_issue(sc, "Prefer", arena_format(sc->arena,
	    "of those that are heard here: handling%s%s%s%s",
	    returns ? ", return" : "", total ? ", count" : "",
	    resolves ? ", resolution" : "", rolls_back ? ", tx" : ""));
	return PROBLEM_INVALID_PREFERENCE;
}

static enum problem
preferences_accept(struct scope *sc, const struct request *rq,
    const struct accept_options *options, struct plan *plan)
{
	const struct preferences *p = &rq->prefer;
	const struct operation *op = plan->operation;
	bool write = is_write(op);
	bool resolves = op->upsert_count > 0;
	bool rolls_back = write && options != NULL && options->rollback;

	if (p->strict && (p->unknown ||
		(p->returns != RETURN_UNSAID && !write) ||
		(p->total != TOTAL_UNSAID && !op->total) ||
		(p->resolution != RESOLUTION_UNSAID && !resolves) ||
		(p->rollback && !rolls_back)))
		return preferences_refuse(sc, write, op->total, resolves,
		    rolls_back);
	plan->minimal = write && p->returns == RETURN_MINIMAL;
	plan->total = op->total && p->total != TOTAL_UNSAID;
	plan->estimate = plan->total && p->total == TOTAL_ESTIMATED;
	plan->merge = resolves && p->resolution == RESOLUTION_MERGE;
	plan->ignore = resolves && p->resolution == RESOLUTION_IGNORE;
	plan->rollback = rolls_back && p->rollback;
	return PROBLEM_NONE;
}

/* ---- all ---- */

enum problem
headers_accept(struct scope *sc, const struct request *rq,
    const struct accept_options *options, struct plan *plan)
{
	enum verb verb = plan->operation->verb;
	enum problem p;

	plan->tag = verb == VERB_READ || verb == VERB_CREATE ||
	    verb == VERB_UPDATE;
	if ((p = preferences_accept(sc, rq, options, plan)) != PROBLEM_NONE ||
	    (p = key_accept(sc, rq, plan)) != PROBLEM_NONE)
		return p;
	return match_accept(sc, rq, plan);
}
