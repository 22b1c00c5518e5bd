/* SPDX-License-Identifier: MIT */
/*
 * Findings: kept, chosen, put in order, and told as a table or as JSON.  What
 * is told of one is complete by itself: where, what, and how to mend it.
 */
#include "tool/findings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tool/sarif.h"

void
findings_add(struct findings *f, const struct db_finding *finding)
{
	struct db_finding *wider;

	if (f->count == f->room) {
		f->room = f->room == 0 ? 32 : 2 * f->room;
		wider = arena_alloc(f->arena, f->room * sizeof(*wider));
		if (f->count > 0)
			memcpy(wider, f->at, f->count * sizeof(*wider));
		f->at = wider;
	}
	f->at[f->count++] = *finding;
}

void
findings_add_contract(struct findings *f, const struct finding *list,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct check_rule *rule = arena_alloc(f->arena, sizeof(*rule));
		bool fault = list[i].is_fault;

		*rule = (struct check_rule){ .id = list[i].id,
			.level = fault ? LEVEL_ERROR : LEVEL_WARNING,
			.title = fault ? "a fault of the contract" :
			    list[i].what,
			.why = fault ? "The contract cannot be served." :
			    "The profile of contracts asks for it.",
			.mend = list[i].mend };
		findings_add(f, &(struct db_finding){ .rule = rule,
		    .object = list[i].file, .file = list[i].file,
		    .line = list[i].line, .column = list[i].column,
		    .what = list[i].what, .mend = list[i].mend });
	}
}

/* ID, or ID:OBJECT. */
static bool
is_named(const struct db_finding *f, const char *text)
{
	size_t length = strlen(f->rule->id);

	return strncmp(text, f->rule->id, length) == 0 &&
	    (text[length] == '\0' || (text[length] == ':' &&
		strcmp(text + length + 1, f->object) == 0));
}

static bool
is_among(const struct db_finding *f, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_named(f, texts[i]))
			return true;
	return false;
}

static int
in_order(const void *a_, const void *b_)
{
	const struct db_finding *a = a_, *b = b_;
	int order = (int)b->rule->level - (int)a->rule->level;

	if (order == 0)
		order = strcmp(a->object, b->object);
	if (order == 0)
		order = strcmp(a->rule->id, b->rule->id);
	return order != 0 ? order : strcmp(a->what, b->what);
}

void
findings_choose(struct findings *f, const struct findings_choice *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++)
		if ((c->only_count == 0 || is_among(&f->at[i], c->only,
		    c->only_count)) && !is_among(&f->at[i], c->except,
		    c->except_count))
			f->at[kept++] = f->at[i];
	f->count = kept;
	if (kept > 0)
		qsort(f->at, kept, sizeof(*f->at), in_order);
}

enum rule_level
findings_level(const struct check_rule *rule, bool strict)
{
	return strict && rule->level == LEVEL_WARNING ? LEVEL_ERROR :
	    rule->level;
}

const char *
findings_level_name(enum rule_level level)
{
	static const char *const names[] = { [LEVEL_NOTE] = "note",
		[LEVEL_WARNING] = "warning", [LEVEL_ERROR] = "error" };

	return names[level];
}

const char *
findings_mend(const struct db_finding *f)
{
	return f->mend != NULL ? f->mend : f->rule->mend;
}

static size_t
count_of(const struct findings *f, enum rule_level level, bool strict)
{
	size_t count = 0;

	for (size_t i = 0; i < f->count; i++)
		count += findings_level(f->at[i].rule, strict) == level;
	return count;
}

size_t
findings_errors(const struct findings *f, bool strict)
{
	return count_of(f, LEVEL_ERROR, strict);
}

/* ---- For people. ---- */

static void
put_row(struct buf *b, const struct db_finding *f, bool strict)
{
	const char *mend = findings_mend(f);

	buf_format(b, "%-7s  %s  [%s]", findings_level_name(findings_level(
	    f->rule, strict)), f->object, f->rule->id);
	if (f->file != NULL)
		buf_format(b, "  %s:%zu:%zu", f->file, f->line, f->column);
	buf_format(b, "\n         %s\n", f->what);
	if (mend != NULL)
		buf_format(b, "         > %s\n", mend);
}

static void
put_count(struct buf *b, const char *before, size_t count, const char *what)
{
	buf_format(b, "%s%zu %s%s", before, count, what,
	    count == 1 ? "" : "s");
}

static void
put_table(struct buf *b, const struct findings *f, bool strict)
{
	for (size_t i = 0; i < f->count; i++)
		put_row(b, &f->at[i], strict);
	put_count(b, "", count_of(f, LEVEL_ERROR, strict), "error");
	put_count(b, ", ", count_of(f, LEVEL_WARNING, strict), "warning");
	put_count(b, ", ", count_of(f, LEVEL_NOTE, strict), "note");
	buf_char(b, '\n');
}

/* ---- For machines. ---- */

static void
put_member(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_format(b, ",\"%s\":", name);
	buf_json_string(b, value);
}

static void
put_json(struct buf *b, const struct findings *f, bool strict)
{
	buf_char(b, '[');
	for (size_t i = 0; i < f->count; i++) {
		const struct db_finding *at = &f->at[i];

		buf_format(b, "%s{\"severity\":\"%s\"", i > 0 ? ",\n" : "",
		    findings_level_name(findings_level(at->rule, strict)));
		if (at->rule->unsafe)
			buf_string(b, ",\"unsafe\":true");
		put_member(b, "id", at->rule->id);
		put_member(b, "object", at->object);
		put_member(b, "file", at->file);
		if (at->file != NULL)
			buf_format(b, ",\"line\":%zu,\"column\":%zu",
			    at->line, at->column);
		put_member(b, "message", at->what);
		put_member(b, "why", at->rule->why);
		put_member(b, "hint", findings_mend(at));
		buf_char(b, '}');
	}
	buf_string(b, "]\n");
}

void
findings_print(const struct findings *f, const struct check_rules *rules,
    size_t rules_count, enum findings_form form, bool strict, FILE *out)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	if (form == FINDINGS_TABLE)
		put_table(&b, f, strict);
	else if (form == FINDINGS_JSON)
		put_json(&b, f, strict);
	else
		sarif_put(&b, f, rules, rules_count, strict);
	fwrite(b.at, 1, b.length, out);
	buf_release(&b);
}

static void
put_rule(struct buf *b, const struct check_rule *r, bool json)
{
	if (!json) {
		buf_format(b, "%-28s  %-7s  %s%s\n", r->id,
		    findings_level_name(r->level), r->title,
		    r->unsafe ? " (unsafe: serve refuses)" : "");
		return;
	}
	buf_format(b, "%s{\"id\":\"%s\",\"level\":\"%s\",\"unsafe\":%s",
	    b->length > 1 ? ",\n" : "", r->id, findings_level_name(r->level),
	    r->unsafe ? "true" : "false");
	put_member(b, "title", r->title);
	put_member(b, "why", r->why);
	put_member(b, "mend", r->mend);
	buf_char(b, '}');
}

void
findings_print_rules(const struct check_rules *rules, size_t rules_count,
    enum findings_form form, FILE *out)
{
	bool json = form != FINDINGS_TABLE;
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	buf_string(&b, json ? "[" : "");
	for (size_t i = 0; i < rules_count; i++)
		for (size_t n = 0; n < rules[i].count; n++)
			put_rule(&b, &rules[i].at[n], json);
	buf_string(&b, json ? "]\n" : "");
	fwrite(b.at, 1, b.length, out);
	buf_release(&b);
}
