/* SPDX-License-Identifier: MIT */
/*
 * An event of a webhook -> input.  Whoever signed it is trusted to be who it
 * is, and no further: the body is judged like any other, and only values that
 * were judged pass on.  The body is kept as it came, byte for byte, since its
 * digest tells a repeat from another event with the same id.
 *
 * The two operations below call functions of migration 0011; no request meets
 * them and no contract names them.
 */
#include "contract/internal.h"

#include <string.h>

#include "base/text.h"

enum {
	VALUE_MAX = 255,		/* bytes of an id, type or serial key */
	REFUSED_BYTES_MAX = 16384,	/* that are kept of a body */
	ISSUES_MAX = 65536,		/* bytes of the issues as JSON */
};

#define FIELD(n) { .name = n, .name_json = "\"" n "\":", \
	.name_sql = "\"" n "\"", .types = TYPE_STRING }
enum { SOURCE, EVENT_ID, TYPE, KIND, SERIAL, BODY, TAKEN_COUNT };
static const struct field taken[TAKEN_COUNT] = {
	[SOURCE] = FIELD("source"),
	[EVENT_ID] = FIELD("event_id"),
	[TYPE] = FIELD("type"),
	[KIND] = FIELD("kind"),
	[SERIAL] = FIELD("serial"),
	[BODY] = FIELD("body"),
};
enum { REFUSED_SOURCE, REFUSED_ID, REASON, ISSUES, REFUSED_BODY, BYTES,
	REFUSED_COUNT };
static const struct field refused[REFUSED_COUNT] = {
	[REFUSED_SOURCE] = FIELD("source"),
	[REFUSED_ID] = FIELD("event_id"),
	[REASON] = FIELD("reason"),
	[ISSUES] = FIELD("issues"),
	[REFUSED_BODY] = FIELD("body"),
	[BYTES] = FIELD("bytes"),
};
static const struct field state[] = { FIELD("state") };

static const struct resource nothing = { .name = "webhooks", .path = "" };
static const struct operation receive = {
	.name = "webhooks.receive", .resource = &nothing, .verb = VERB_CALL,
	.method = METHOD_POST, .pattern = "", .status = 202,
	.function = { "lockstep", "receive", "\"lockstep\".\"receive\"" },
	.arguments = taken, .argument_count = countof(taken),
	.returns_file = "", .returns = state, .return_count = countof(state),
};
static const struct operation refuse = {
	.name = "webhooks.refuse", .resource = &nothing, .verb = VERB_CALL,
	.method = METHOD_POST, .pattern = "", .status = 202,
	.function = { "lockstep", "refuse", "\"lockstep\".\"refuse\"" },
	.arguments = refused, .argument_count = countof(refused),
	.returns_file = "", .returns = state, .return_count = countof(state),
};

/* An event while it is judged. */
struct event {
	struct scope *sc;
	const struct webhook *webhook;
	const struct request *rq;
	struct json_object *tree;
	struct value *values;
};

/* An input of all the fields; those that nobody sets are SQL's NULL. */
static const struct input *
input_make(struct arena *arena, const struct operation *op,
    struct value **ret_values)
{
	struct input *input = arena_alloc(arena, sizeof(*input));
	struct value *values = arena_alloc(arena,
	    op->argument_count * sizeof(*values));

	for (size_t i = 0; i < op->argument_count; i++)
		values[i].field = &op->arguments[i];
	input->plan = (struct plan){ .operation = op, .values = values,
		.value_count = op->argument_count, .again = true };
	*ret_values = values;
	return input;
}

static enum problem
tree_read(struct event *e)
{
	struct json_fault fault = { .line = 1, .column = 1 };
	struct scope *sc = e->sc;

	if (e->rq->content_type == NULL ||
	    !media_is_json(e->rq->content_type))
		return PROBLEM_UNSUPPORTED_MEDIA_TYPE;
	if (!json_read(e->rq->body, e->rq->body_length, &json_caps_wire,
		&e->tree, &fault)) {
		sc->at_known = true;
		sc->at_offset = fault.offset;
		sc->at_line = fault.line;
		sc->at_column = fault.column;
		return PROBLEM_MALFORMED_JSON;
	}
	arena_defer(sc->arena, json_drop, e->tree);
	return PROBLEM_NONE;
}

/* The value that the pointer leads to; false = to none. */
static bool
value_at(struct json_object *tree, const struct pointer *p,
    struct json_object **ret)
{
	int64_t index;

	for (size_t i = 0; i < p->count; i++) {
		const char *step = p->steps[i];

		if (json_object_is_type(tree, json_type_object)) {
			if (!json_object_object_get_ex(tree, step, &tree))
				return false;
		} else if (json_object_is_type(tree, json_type_array) &&
		    text_to_int(step, strlen(step), &index) && index >= 0 &&
		    (uint64_t)index < json_object_array_length(tree)) {
			tree = json_object_array_get_idx(tree, (size_t)index);
		} else {
			return false;
		}
	}
	*ret = tree;
	return true;
}

/* Says what is wrong with the value that the pointer leads to. */
static bool
issue(struct event *e, const struct pointer *p, enum rule rule,
    const char *expected)
{
	const struct issue_param param = { "expected", expected };
	struct place *places = arena_alloc(e->sc->arena,
	    (p->count + 1) * sizeof(*places));

	for (size_t i = 0; i < p->count; i++) {
		places[i] = place_of(p->steps[i]);
		places[i].up = i > 0 ? &places[i - 1] : NULL;
	}
	scope_issue(e->sc, &places[p->count - 1], rule, &param,
	    expected != NULL);
	return false;
}

/* Visible characters of ASCII, so that a line of a log shows it as it is. */
static bool
is_plain(const char *s)
{
	size_t length = strlen(s), i = 0;

	while (i < length && s[i] > ' ' && s[i] < 0x7f)
		i++;
	return length >= 1 && length <= VALUE_MAX && i == length;
}

/*
 * A string or an integer as text; NULL where there is none, or null, which
 * `required` makes an issue.
 */
static bool
text_at(struct event *e, const struct pointer *p, bool required,
    const char **ret)
{
	static const char expected[] =
	    "\"1 to 255 visible ASCII characters, or an integer\"";
	struct json_object *value = NULL;

	*ret = NULL;
	if (p == NULL)
		return true;
	if (!value_at(e->tree, p, &value) || value == NULL)
		return !required || issue(e, p, RULE_REQUIRED, NULL);
	if (json_object_is_type(value, json_type_int))
		*ret = arena_string(e->sc->arena,
		    json_object_to_json_string(value));
	else if (json_object_is_type(value, json_type_string) &&
	    strlen(json_object_get_string(value)) ==
		(size_t)json_object_get_string_len(value) &&
	    is_plain(json_object_get_string(value)))
		*ret = arena_string(e->sc->arena,
		    json_object_get_string(value));
	return *ret != NULL || issue(e, p, RULE_SYNTAX, expected);
}

static bool
header_at(struct event *e, const char *name, const char **ret)
{
	struct place place = place_of(name);

	if (http_header(e->sc, e->rq, name, ret) && *ret != NULL &&
	    is_plain(*ret))
		return true;
	scope_issue(e->sc, &place, RULE_SYNTAX, &(struct issue_param){
	    "expected", "\"1 to 255 visible ASCII characters\"" }, 1);
	return false;
}

static bool
id_find(struct event *e, const char *id, const char **ret)
{
	*ret = id;
	if (id != NULL)
		return true;
	if (e->webhook->id_header != NULL)
		return header_at(e, e->webhook->id_header, ret);
	return text_at(e, e->webhook->id, true, ret);
}

/* Its job takes it as jsonb, which has no NUL. */
static bool
nul_check(struct event *e)
{
	if (!has_nul(e->rq->body))
		return true;
	scope_issue(e->sc, NULL, RULE_SYNTAX, &(struct issue_param){
	    "expected", "\"text without NUL\"" }, 1);
	return false;
}

enum problem
contract_accept_event(struct scope *sc, const struct webhook *webhook,
    const struct request *rq, const char *id, const struct input **ret)
{
	struct event e = { .sc = sc, .webhook = webhook, .rq = rq };
	const struct input *input = input_make(sc->arena, &receive, &e.values);
	enum problem p;

	if ((p = tree_read(&e)) != PROBLEM_NONE)
		return p;
	if (!nul_check(&e) ||
	    !schema_judge(webhook->body, sc, NULL, e.tree) ||
	    !id_find(&e, id, &e.values[EVENT_ID].text) ||
	    !text_at(&e, webhook->type, false, &e.values[TYPE].text) ||
	    !text_at(&e, webhook->serial, false, &e.values[SERIAL].text))
		return PROBLEM_VALIDATION_FAILED;
	e.values[SOURCE].text = webhook->name;
	e.values[KIND].text = webhook->job;
	e.values[BODY].text = rq->body;
	*ret = input;
	return PROBLEM_NONE;
}

/* The issues as the wire has them; no value of the body is in them. */
static const char *
issues_text(struct scope *sc)
{
	const char *text;
	struct buf b;

	buf_init(&b, ISSUES_MAX);
	buf_char(&b, '{');
	scope_issues_write(sc, &b);
	buf_char(&b, '}');
	text = b.failed ? "{}" : arena_copy(sc->arena, b.at, b.length);
	buf_release(&b);
	return text;
}

/* Bytes as Postgres reads them: a body that is refused may be no text. */
static const char *
bytes_text(struct arena *arena, const char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	size_t kept = length < REFUSED_BYTES_MAX ? length : REFUSED_BYTES_MAX;
	char *text = arena_alloc(arena, 2 * kept + 3), *to = text;

	*to++ = '\\';
	*to++ = 'x';
	for (size_t i = 0; i < kept; i++) {
		*to++ = digits[(unsigned char)bytes[i] >> 4];
		*to++ = digits[(unsigned char)bytes[i] & 15];
	}
	return text;
}

const struct input *
contract_refuse_event(struct scope *sc, const struct webhook *webhook,
    const struct request *rq, const char *id, enum problem reason)
{
	struct value *values;
	const struct input *input = input_make(sc->arena, &refuse, &values);

	values[REFUSED_SOURCE].text = webhook->name;
	values[REFUSED_ID].text = id;
	values[REASON].text = problem_kind(reason)->code;
	values[ISSUES].text = sc->issue_count > 0 ? issues_text(sc) : NULL;
	values[REFUSED_BODY].text = bytes_text(sc->arena, rq->body,
	    rq->body_length);
	values[BYTES].text = arena_format(sc->arena, "%zu", rq->body_length);
	return input;
}
