/* SPDX-License-Identifier: MIT */
/*
 * The matrix, for people: a line a role and verb, a column for whose the row
 * is, and what the contract says.  What differs has an exclamation mark.  For
 * machines, an object a cell.
 */
#include "tool/prove.h"

#include <string.h>

#include "base/buf.h"
#include "tool/access.h"

static const char *
word(const struct proven *p, enum catalog_verb verb, enum prove_whose whose)
{
	static const char *const words[][2] = {
		[PROVE_NONE] = { "-", "-" }, [PROVE_NO] = { "no", "no!" },
		[PROVE_YES] = { "yes", "yes!" },
		[PROVE_UNKNOWN] = { "?", "?!" },
	};

	return words[p->row->cells[verb][whose].answer]
	    [prove_differs(p, verb, whose)];
}

static void
print_verb(const struct proven *p, enum catalog_verb verb, FILE *out)
{
	const char *said = p->operations[verb];

	fprintf(out, "  %-16s %-7s", verb == CATALOG_SELECT ? p->row->role :
	    "", access_verb_name(verb));
	for (size_t whose = 0; whose < PROVE_WHOSE_COUNT; whose++)
		fprintf(out, " %-7s", word(p, verb, whose));
	if (*said == '\0' && p->row->login && verb == CATALOG_SELECT)
		said = "(the login role itself)";
	else if (*said == '\0')
		said = p->said[verb][PROVE_OWN] == SAID_MAY ?
		    "(taken for granted)" : "-";
	fprintf(out, " %s\n", said);
}

static void
print_head(const struct proven *p, FILE *out)
{
	const struct catalog_table *t = p->row->table;

	fprintf(out, "%s.%s: ", t->schema, t->name);
	if (*p->row->tied != '\0')
		fprintf(out, "whose a row is, is said by %s\n", p->row->tied);
	else
		fputs("rows of nobody: \"own\" is any\n", out);
	fprintf(out, "  %-16s %-7s", "role", "verb");
	for (size_t whose = 0; whose < PROVE_WHOSE_COUNT; whose++)
		fprintf(out, " %-7s", prove_whose_name(whose));
	fputs(" contract\n", out);
}

static void
print_table(const struct proven *p, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || p[i].row->table != p[i - 1].row->table)
			print_head(&p[i], out);
		for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
			print_verb(&p[i], verb, out);
		if (i + 1 == count || p[i + 1].row->table != p[i].row->table)
			fputc('\n', out);
	}
}

static void
put_member(struct buf *b, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	buf_format(b, ",\"%s\":", name);
	buf_json_string(b, value);
}

static void
put_cell(struct buf *b, const struct proven *p, enum catalog_verb verb,
    enum prove_whose whose)
{
	static const char *const answers[] = { [PROVE_NO] = "false",
		[PROVE_YES] = "true", [PROVE_UNKNOWN] = "null" };
	static const char *const saids[] = { "no", "may", "yes" };
	const struct prove_cell *cell = &p->row->cells[verb][whose];
	const struct catalog_table *t = p->row->table;

	buf_format(b, "%s{\"schema\":", b->length > 0 ? ",\n" : "");
	buf_json_string(b, t->schema);
	put_member(b, "table", t->name);
	put_member(b, "role", p->row->role);
	put_member(b, "verb", access_verb_name(verb));
	put_member(b, "whose", prove_whose_name(whose));
	buf_format(b, ",\"possible\":%s,\"said\":\"%s\",\"agrees\":%s",
	    answers[cell->answer], saids[p->said[verb][whose]],
	    prove_differs(p, verb, whose) ? "false" : "true");
	put_member(b, "operations", p->operations[verb]);
	put_member(b, "tied", p->row->tied);
	put_member(b, "how", cell->how);
	put_member(b, "when", cell->when);
	buf_char(b, '}');
}

static void
print_json(const struct proven *p, size_t count, FILE *out)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	for (size_t i = 0; i < count; i++)
		for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
			for (size_t w = 0; w < PROVE_WHOSE_COUNT; w++)
				if (p[i].row->cells[verb][w].answer !=
				    PROVE_NONE)
					put_cell(&b, &p[i], verb, w);
	fprintf(out, "{\"cells\":[%s],\n\"findings\":", b.length > 0 ? b.at :
	    "");
	buf_release(&b);
}

void
tool_prove_print(const struct proven *proven, size_t count,
    const struct findings *findings, enum findings_form form, bool strict,
    FILE *out)
{
	const struct check_rules rules = tool_prove_rules();

	if (form == FINDINGS_TABLE)
		print_table(proven, count, out);
	if (form == FINDINGS_JSON)
		print_json(proven, count, out);
	findings_print(findings, &rules, 1, form, strict, out);
	if (form == FINDINGS_JSON)
		fputs("}\n", out);
}
