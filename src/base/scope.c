/* SPDX-License-Identifier: MIT */
/*
 * Issues are told as JSON texts, made here once, so that whoever writes the
 * envelope only joins them.  The text of an issue comes from four sources: the
 * place (member names, cut), the rule's row (constants), its parameters (JSON
 * text of the contract), and nothing else: a value of the payload has no way
 * in.  Invariant: each text is complete JSON, whatever was cut.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/scope.h"

enum {
	NAME_BYTES = 128,	/* told of a member's name */
	MESSAGE_BYTES = 300,	/* of a message, as JSON, without its quotes */
	PARAM_BYTES = 8192,	/* of a parameter: longer ones are not told */
};

struct rule_row {
	const char *code;
	const char *keyword;
	const char *sentence;
};

static const struct rule_row rules[RULE_COUNT] = {
#define RULE(name, code, keyword, sentence)                                    \
	[RULE_##name] = { code, keyword, sentence },
#include "base/rule.def"
#undef RULE
};

const char *
rule_code(enum rule rule)
{
	return rules[rule].code;
}

const char *
rule_keyword(enum rule rule)
{
	return rules[rule].keyword;
}

void
scope_init(struct scope *sc, struct arena *arena)
{
	memset(sc, 0, sizeof(*sc));
	sc->arena = arena;
	sc->client = -1;
}

/* Bytes of a name that are told: all, or a cut before a whole character. */
static size_t
name_bytes(const struct place *place)
{
	size_t n = place->length;

	if (n <= NAME_BYTES)
		return n;
	for (n = NAME_BYTES; n > 0; n--)
		if (((unsigned char)place->name[n] & 0xc0) != 0x80)
			break;
	return n;
}

/* Places nest as deep as the reader lets documents: recursion is bounded. */
static void
add_path(struct buf *b, const struct place *place)
{
	if (place == NULL)
		return;
	add_path(b, place->up);
	if (place->up != NULL)
		buf_char(b, ',');
	if (place->name != NULL)
		buf_json(b, place->name, name_bytes(place));
	else
		buf_int(b, (int64_t)place->index);
}

/* Adds "/" and a reference token of RFC 6901, not yet escaped for JSON. */
static void
add_tokens(struct buf *b, const struct place *place)
{
	if (place == NULL)
		return;
	add_tokens(b, place->up);
	buf_char(b, '/');
	if (place->name == NULL) {
		buf_int(b, (int64_t)place->index);
		return;
	}
	for (size_t i = 0, n = name_bytes(place); i < n; i++) {
		if (place->name[i] == '~')
			buf_string(b, "~0");
		else if (place->name[i] == '/')
			buf_string(b, "~1");
		else
			buf_char(b, place->name[i]);
	}
}

/* The end of the JSON string whose opening quote is at s. */
static const char *
string_end(const char *s)
{
	for (s++; *s != '\0' && *s != '"'; s++)
		if (*s == '\\' && s[1] != '\0')
			s++;
	return *s == '"' ? s + 1 : s;
}

/* The end of the item of a JSON array that starts at s. */
static const char *
item_end(const char *s)
{
	unsigned depth = 0;

	while (*s != '\0') {
		if (*s == '"') {
			s = string_end(s);
			continue;
		}
		if (depth == 0 && (*s == ',' || *s == ']'))
			break;
		depth += *s == '[' || *s == '{';
		depth -= *s == ']' || *s == '}';
		s++;
	}
	return s;
}

/* A value as people read it: strings without quotes, others as JSON. */
static void
add_plain(struct buf *b, const char *json, const char *end)
{
	struct buf quoted;

	while (end > json && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	/* The inside of a JSON string is ready for a JSON string. */
	if (end - json >= 2 && *json == '"') {
		buf_add(b, json + 1, (size_t)(end - json) - 2);
		return;
	}
	buf_init(&quoted, b->limit);
	buf_json(&quoted, json, (size_t)(end - json));
	if (quoted.length >= 2)
		buf_add(b, quoted.at + 1, quoted.length - 2);
	buf_release(&quoted);
}

/* A parameter in a message; an array is listed item by item. */
static void
add_parameter(struct buf *b, const char *json)
{
	if (*json != '[') {
		add_plain(b, json, json + strlen(json));
		return;
	}
	for (json++; *json != '\0' && *json != ']';) {
		const char *end;

		json += strspn(json, " \t\r\n,");
		end = item_end(json);
		add_plain(b, json, end);
		json = end;
		if (*json == ',')
			buf_string(b, ", ");
	}
}

static const struct issue_param *
param_named(const struct issue_param *params, size_t n, const char *name,
    size_t length)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(params[i].name) == length &&
		    memcmp(params[i].name, name, length) == 0)
			return &params[i];
	return NULL;
}

/* What stands between { and }: a parameter's name, and perhaps a thing. */
static void
add_slot(struct buf *b, const char *slot, size_t length,
    const struct issue_param *params, size_t n, struct arena *arena)
{
	const char *thing = memchr(slot, ':', length);
	size_t name_length = thing != NULL ? (size_t)(thing - slot) : length;
	const struct issue_param *param = param_named(params, n, slot,
	    name_length);

	if (param == NULL) {
		buf_add(b, slot - 1, length + 2);
		return;
	}
	add_parameter(b, arena_copy(arena, param->json,
	    strnlen(param->json, PARAM_BYTES)));
	if (thing == NULL)
		return;
	buf_char(b, ' ');
	buf_add(b, thing + 1, length - name_length - 1);
	if (strcmp(param->json, "1") != 0)
		buf_char(b, 's');
}

static void
add_sentence(struct buf *b, const char *sentence,
    const struct issue_param *params, size_t n, struct arena *arena)
{
	const char *open, *close;

	while ((open = strchr(sentence, '{')) != NULL &&
	    (close = strchr(open, '}')) != NULL) {
		buf_add(b, sentence, (size_t)(open - sentence));
		add_slot(b, open + 1, (size_t)(close - open) - 1, params, n,
		    arena);
		sentence = close + 1;
	}
	buf_string(b, sentence);
}

/* Bytes of the unit of JSON string text at s: an escape or a character. */
static size_t
unit(const char *s, size_t left)
{
	size_t n = 1;

	if (*s == '\\') {
		n = left > 1 && s[1] == 'u' ? 6 : 2;
		/* A high surrogate goes with the low one after it. */
		if (n == 6 && left > 7 && (s[2] == 'd' || s[2] == 'D') &&
		    strchr("89abAB", s[3]) != NULL && s[6] == '\\')
			n = 12;
		return n;
	}
	while (n < left && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* The text of b as a quoted JSON string, of MESSAGE_BYTES at most. */
static char *
capped(struct arena *arena, const struct buf *b)
{
	const char *dots = "";
	size_t n = b->length, step;

	if (n > MESSAGE_BYTES) {
		dots = "...";
		for (n = 0;; n += step) {
			step = unit(b->at + n, b->length - n);
			if (n + step > MESSAGE_BYTES - strlen(dots))
				break;
		}
	}
	return arena_format(arena, "\"%.*s%s\"", (int)n, b->at, dots);
}

/* An enum of the contract may be longer than all that is worth telling. */
static bool
is_told(const struct issue_param *param)
{
	return strnlen(param->json, PARAM_BYTES + 1) <= PARAM_BYTES;
}

static void
add_params(struct buf *b, const struct issue_param *params, size_t n)
{
	buf_char(b, '{');
	for (size_t i = 0; i < n; i++) {
		if (!is_told(&params[i]))
			continue;
		if (b->length > 1)
			buf_char(b, ',');
		buf_json_string(b, params[i].name);
		buf_char(b, ':');
		buf_string(b, params[i].json);
	}
	buf_char(b, '}');
}

/* Moves the text of b into the arena. */
static char *
moved(struct arena *arena, struct buf *b)
{
	char *text = arena_copy(arena, b->at, b->length);

	buf_clear(b);
	return text;
}

static void
fill(struct arena *arena, struct issue *issue, const struct place *place,
    const struct issue_param *params, size_t n)
{
	struct buf b, tokens;

	/* Nothing bounds the parameters but the contract itself. */
	buf_init(&b, SIZE_MAX / 8);
	buf_init(&tokens, SIZE_MAX / 8);
	buf_char(&b, '[');
	add_path(&b, place);
	buf_char(&b, ']');
	issue->path = moved(arena, &b);
	add_tokens(&tokens, place);
	buf_json(&b, tokens.at, tokens.length);
	issue->pointer = moved(arena, &b);
	add_sentence(&b, rules[issue->rule].sentence, params, n, arena);
	issue->message = capped(arena, &b);
	buf_clear(&b);
	if (n > 0) {
		add_params(&b, params, n);
		issue->params = moved(arena, &b);
	}
	buf_release(&tokens);
	buf_release(&b);
}

void
scope_issue(struct scope *sc, const struct place *place, enum rule rule,
    const struct issue_param *params, size_t n)
{
	struct issue *issue;

	if (sc->issue_count == SCOPE_ISSUES_MAX) {
		sc->issues_truncated = true;
		return;
	}
	issue = &sc->issues[sc->issue_count++];
	*issue = (struct issue){
		.rule = rule,
		.code = rules[rule].code,
		.keyword = rules[rule].keyword,
	};
	fill(sc->arena, issue, place, params, n);
}

void
scope_issue_reword(struct scope *sc, const char *message)
{
	struct buf b;

	if (sc->issue_count == 0)
		return;
	buf_init(&b, SIZE_MAX / 8);
	buf_json_string(&b, message);
	sc->issues[sc->issue_count - 1].message = moved(sc->arena, &b);
	buf_release(&b);
}

void
scope_issues_rewind(struct scope *sc, unsigned count)
{
	if (count < sc->issue_count) {
		sc->issue_count = count;
		sc->issues_truncated = false;
	}
}

enum problem
scope_fail(struct scope *sc, enum problem p, const char *format, ...)
{
	va_list ap;

	if (sc->cause == NULL) {
		va_start(ap, format);
		sc->cause = arena_vformat(sc->arena, format, ap);
		va_end(ap);
	}
	return p;
}

enum problem
scope_declare(struct scope *sc, const char *code, int status,
    const char *message)
{
	sc->declared_code = code;
	sc->declared_status = status;
	sc->declared_message = message;
	return PROBLEM_DECLARED;
}

static void
write_issue(struct buf *b, const struct issue *issue)
{
	buf_string(b, "{\"path\":");
	buf_string(b, issue->path);
	buf_string(b, ",\"pointer\":");
	buf_string(b, issue->pointer);
	buf_string(b, ",\"code\":");
	buf_json_string(b, issue->code);
	buf_string(b, ",\"keyword\":");
	buf_json_string(b, issue->keyword);
	buf_string(b, ",\"message\":");
	buf_string(b, issue->message);
	if (issue->params != NULL) {
		buf_string(b, ",\"params\":");
		buf_string(b, issue->params);
	}
	buf_char(b, '}');
}

void
scope_issues_write(const struct scope *sc, struct buf *b)
{
	buf_string(b, "\"issues\":[");
	for (unsigned i = 0; i < sc->issue_count; i++) {
		if (i > 0)
			buf_char(b, ',');
		write_issue(b, &sc->issues[i]);
	}
	buf_char(b, ']');
	if (sc->issues_truncated)
		buf_string(b, ",\"issues_truncated\":true");
}
