/* SPDX-License-Identifier: MIT */
/*
 * "bulk" of a create -> the operation that takes many records at once, each for
 * itself.  It calls lockstep.ingest() of migration 0019 with the name of the
 * table, the columns and what refusals are to be told as, so that the reply is
 * made where the records are taken, and a repeat under a key is told the same.
 */
#include "contract/internal.h"

#include <string.h>

enum { BULK_HIGHEST = 10000, REASONS_MAX = 1 << 20 };

#define FIELD(n) { .name = n, .name_json = "\"" n "\":", \
	.name_sql = "\"" n "\"", .types = TYPE_STRING }
/* In the order of bulk_accept.c. */
static const struct field arguments[] = {
	FIELD("operation"), FIELD("relation"), FIELD("key"), FIELD("columns"),
	FIELD("counts"), FIELD("records"), FIELD("indexes"), FIELD("lines"),
	FIELD("refused"), FIELD("refused_lines"), FIELD("said"),
	FIELD("texts"), FIELD("whole"), FIELD("reasons"), FIELD("most"),
	FIELD("recovers"),
};

static const struct member bulk_members[] = {
	{ "max", KIND_NUMBER, true },
	{ "key", KIND_TEXTS, true },
};

/*
 * What a record may be refused for, by SQLSTATE or its class; all else is no
 * fault of a record and ends the request.
 */
static const struct {
	const char *state;
	enum problem problem;
} states[] = {
	{ "22", PROBLEM_VALIDATION_FAILED },
	{ "23502", PROBLEM_VALIDATION_FAILED },
	{ "23514", PROBLEM_VALIDATION_FAILED },
	{ "23P01", PROBLEM_VALIDATION_FAILED },
	{ "23503", PROBLEM_REFERENCED },
	{ "23505", PROBLEM_CONFLICT },
	{ "42501", PROBLEM_FORBIDDEN },
};

/* ---- what refusals are told as ---- */

static void
put_issue(struct loader *ld, const struct declared *d, struct buf *b)
{
	struct place *at = arena_alloc(ld->scratch,
	    (d->path_length + 1) * sizeof(*at));
	struct scope sc;

	scope_init(&sc, ld->scratch);
	for (size_t i = 0; i < d->path_length; i++) {
		at[i] = place_of(d->path[i]);
		at[i].up = i == 0 ? NULL : &at[i - 1];
	}
	if (d->path_length == 0)
		return;
	scope_issue(&sc, &at[d->path_length - 1], RULE_CONSTRAINT, NULL, 0);
	scope_issue_reword(&sc, d->message);
	buf_char(b, ',');
	scope_issues_write(&sc, b);
}

static void
put_reason(struct buf *b, const char *key, const char *code,
    const char *message)
{
	if (b->at[b->length - 1] == '}')
		buf_char(b, ',');
	buf_json_string(b, key);
	buf_string(b, ":{\"code\":");
	buf_json_string(b, code);
	buf_string(b, ",\"message\":");
	buf_json_string(b, message);
}

static void
put_declared(struct loader *ld, struct buf *b, const struct declared *list,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_reason(b, list[i].key, list[i].code, list[i].message);
		put_issue(ld, &list[i], b);
		buf_char(b, '}');
	}
}

/* What the contract says goes first: a member that comes twice is the last. */
static const char *
reasons_make(struct loader *ld, const struct resource *resource)
{
	const char *text;
	struct buf b;

	buf_init(&b, REASONS_MAX);
	buf_string(&b, "{\"constraints\":{");
	put_declared(ld, &b, resource->constraints,
	    resource->constraint_count);
	buf_string(&b, "},\"states\":{");
	for (size_t i = 0; i < countof(states); i++) {
		const struct problem_kind *kind =
		    problem_kind(states[i].problem);

		put_reason(&b, states[i].state, kind->code, kind->sentence);
		buf_char(&b, '}');
	}
	buf_string(&b, "}}");
	text = arena_copy(ld->arena, b.at, b.length);
	buf_release(&b);
	return text;
}

/* ---- loading ---- */

static const struct field *const *
key_load(struct loader *ld, const struct at *at, const struct draft *draft,
    size_t *ret_count)
{
	size_t count, found = 0;
	const char *const *names = member_texts(ld, at, "key", &count);
	const struct field **key = arena_alloc(ld->arena,
	    (count + 1) * sizeof(*key));

	if (names != NULL && count == 0)
		fault_value(ld, at, "key", "\"key\" is empty; name the columns "
		    "of a unique index");
	for (size_t i = 0; i < count && draft->whole != NULL; i++) {
		key[found] = field_find(draft->fields, draft->field_count,
		    names[i], strlen(names[i]));
		if (key[found] == NULL)
			fault_item(ld, at, "key", i, "\"key\" names \"%s\", "
			    "which is not a property of \"%s\"%s", names[i],
			    draft->resource->schema_file,
			    hint(ld, names[i], field_names(ld, draft->fields,
				draft->field_count), draft->field_count));
		else if (!field_is_scalar(key[found]))
			fault_item(ld, at, "key", i, "\"key\" names \"%s\", "
			    "which must have the \"type\" string, integer, "
			    "number or boolean", names[i]);
		else
			found++;
	}
	*ret_count = found;
	return key;
}

/* {"account_id","external_id"}: names of columns need no escapes. */
static const char *
key_names(struct arena *arena, const struct bulk *bulk)
{
	const char *text = "{";

	for (size_t i = 0; i < bulk->key_count; i++)
		text = arena_format(arena, "%s%s%s", text, i > 0 ? "," : "",
		    bulk->key[i]->name_sql);
	return arena_format(arena, "%s}", text);
}

static struct operation
operation_of(const struct contract *contract, const struct operation *create)
{
	return (struct operation){
		.number = (unsigned)contract->operation_count,
		.name = create->name, .resource = create->resource,
		.verb = VERB_CALL, .method = METHOD_POST,
		.pattern = create->pattern, .roles = create->roles,
		.role_count = create->role_count, .status = 200,
		.function = { "lockstep", "ingest",
			"\"lockstep\".\"ingest\"" },
		.arguments = arguments, .argument_count = countof(arguments),
		.returns_file = "", .idempotency = create->idempotency,
	};
}

static void
max_load(struct loader *ld, const struct at *at, struct bulk *bulk)
{
	int64_t max = 0;

	if (!member_number(at, "max", &max))
		return;
	if (max < 1 || max > BULK_HIGHEST)
		fault_value(ld, at, "max", "\"max\" must be from 1 to %d "
		    "records", BULK_HIGHEST);
	else
		bulk->max = (unsigned)max;
}

void
bulk_load(struct loader *ld, const struct at *all, const struct draft *draft,
    struct operation *op)
{
	struct bulk *bulk;
	struct at at;

	if (!member_object(all, "bulk", "\"bulk\": ", &at))
		return;
	members_check(ld, &at, bulk_members, countof(bulk_members));
	bulk = arena_alloc(ld->arena, sizeof(*bulk));
	max_load(ld, &at, bulk);
	bulk->key = key_load(ld, &at, draft, &bulk->key_count);
	if (op->batch_max > 0)
		fault_name(ld, all, "bulk", "\"bulk\" and \"batch\" both say "
		    "what an array is: records each for itself, or rows all or "
		    "none; drop one");
	if (op->upsert_count > 0)
		fault_name(ld, all, "bulk", "\"bulk\" passes over what is "
		    "there and \"upsert\" may merge it; drop one");
	if (op->resource->table.name == NULL)
		return;
	bulk->key_names = key_names(ld->arena, bulk);
	bulk->relation = op->resource->table.sql;
	bulk->reasons = reasons_make(ld, op->resource);
	bulk->operation = operation_of(ld->contract, op);
	op->bulk = bulk;
}
