/* SPDX-License-Identifier: MIT */
/*
 * The routes of a contract, one a line: what a client may call, who may, and
 * what it does.  The table's widths follow its contents.
 */
#include "tool/tool.h"

#include <string.h>

#include "base/buf.h"

enum { COLUMNS = 4 };

static const char *const heading[COLUMNS] = {
	"METHOD", "PATH", "OPERATION", "ROLES"
};

/* The words of a row, in the arena. */
struct row {
	const char *word[COLUMNS];
};

static const char *
roles_text(struct arena *arena, const struct operation *op)
{
	const char *text = "";

	/* Whoever has the secret, whatever role that is then. */
	if (op->webhook != NULL)
		return "(signed)";
	for (size_t i = 0; i < op->role_count; i++)
		text = arena_format(arena, "%s%s%s", text, i > 0 ? "," : "",
		    op->roles[i]);
	return text;
}

static struct row
row_of(struct arena *arena, const struct contract *contract,
    const struct operation *op)
{
	return (struct row){ {
		method_name(op->method),
		arena_format(arena, "%s%s", contract_about(contract)->base,
		    op->pattern),
		op->name,
		roles_text(arena, op),
	} };
}

static void
write_row(const struct row *row, const size_t *width, FILE *out)
{
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(out, "%-*s%s", i + 1 < COLUMNS ? (int)width[i] : 0,
		    row->word[i], i + 1 < COLUMNS ? "  " : "\n");
}

static void
write_table(struct arena *arena, const struct contract *contract, FILE *out)
{
	size_t count, hooks, width[COLUMNS];
	const struct operation *op = contract_operations(contract, &count);
	const struct webhook *hook = contract_webhooks(contract, &hooks);
	struct row *rows = arena_alloc(arena,
	    (count + hooks + 1) * sizeof(rows[0]));

	for (size_t i = 0; i < COLUMNS; i++) {
		rows[0].word[i] = heading[i];
		width[i] = strlen(heading[i]);
	}
	for (size_t r = 1; r <= count + hooks; r++) {
		rows[r] = row_of(arena, contract, r <= count ? &op[r - 1] :
		    &hook[r - count - 1].operation);
		for (size_t i = 0; i < COLUMNS; i++)
			if (strlen(rows[r].word[i]) > width[i])
				width[i] = strlen(rows[r].word[i]);
	}
	for (size_t r = 0; r <= count + hooks; r++)
		write_row(&rows[r], width, out);
}

static void
json_member(struct buf *b, const char *name, const char *text)
{
	buf_format(b, "\"%s\":", name);
	if (text != NULL)
		buf_json_string(b, text);
	else
		buf_string(b, "null");
	buf_char(b, ',');
}

/* What a client must or may send besides; for generators. */
static void
json_demands(struct buf *b, const struct operation *op)
{
	static const char *const words[] = { [DEMAND_NONE] = "null",
		[DEMAND_OPTIONAL] = "\"optional\"",
		[DEMAND_REQUIRED] = "\"required\"" };
	bool changes = op->verb == VERB_UPDATE || op->verb == VERB_DELETE;
	enum demand match = changes && op->match == DEMAND_NONE ?
	    DEMAND_OPTIONAL : op->match;

	buf_format(b, ",\"idempotency\":%s,\"match\":%s,\"batch\":%u,"
	    "\"bulk\":%u", words[op->idempotency], words[match],
	    op->batch_max, op->bulk != NULL ? op->bulk->max : 0);
	buf_string(b, ",\"rate\":");
	if (op->rate != NULL)
		buf_json_string(b, op->rate->name);
	else
		buf_string(b, "null");
}

static void
json_route(struct buf *b, const struct contract *contract,
    const struct operation *op)
{
	buf_char(b, '{');
	json_member(b, "method", method_name(op->method));
	buf_string(b, "\"path\":\"");
	buf_string(b, contract_about(contract)->base);
	buf_string(b, op->pattern);
	buf_string(b, "\",");
	json_member(b, "operation", op->name);
	json_member(b, "summary", op->summary);
	json_member(b, "table", op->resource->table.name == NULL ? NULL :
	    op->resource->table.sql);
	json_member(b, "function", op->verb == VERB_CALL ? op->function.sql :
	    NULL);
	buf_string(b, "\"roles\":[");
	for (size_t i = 0; i < op->role_count; i++) {
		if (i > 0)
			buf_char(b, ',');
		buf_json_string(b, op->roles[i]);
	}
	buf_char(b, ']');
	json_demands(b, op);
	buf_char(b, '}');
}

static void
write_json(const struct contract *contract, FILE *out)
{
	size_t count;
	const struct operation *op = contract_operations(contract, &count);
	struct buf b;

	buf_init(&b, 16 << 20);
	for (size_t i = 0; i < count; i++) {
		buf_string(&b, i == 0 ? "[" : ",\n");
		json_route(&b, contract, &op[i]);
	}
	buf_string(&b, count == 0 ? "[]\n" : "]\n");
	fwrite(b.at, 1, b.length, out);
	buf_release(&b);
}

void
tool_routes(const struct contract *contract, bool json, FILE *out)
{
	struct arena *arena;

	if (json) {
		write_json(contract, out);
		return;
	}
	arena = arena_new();
	write_table(arena, contract, out);
	arena_free(arena);
}
