/* SPDX-License-Identifier: MIT */
/*
 * SARIF 2.1.0 (OASIS).  A result points at the file of the contract that it is
 * about, as code hosts show nothing else; the object of the database is its
 * logical location.  A fingerprint of rule and object follows a finding when
 * lines move.
 */
#include "tool/sarif.h"

#include <string.h>

static void
put_text(struct buf *b, const char *before, const char *text)
{
	buf_format(b, "%s{\"text\":", before);
	buf_json_string(b, text);
	buf_char(b, '}');
}

static void
put_rule(struct buf *b, const struct check_rule *r, bool first)
{
	buf_string(b, first ? "{\"id\":" : ",\n{\"id\":");
	buf_json_string(b, r->id);
	put_text(b, ",\"shortDescription\":", r->title);
	put_text(b, ",\"fullDescription\":", r->why);
	if (r->mend != NULL)
		put_text(b, ",\"help\":", r->mend);
	buf_format(b, ",\"defaultConfiguration\":{\"level\":\"%s\"}}",
	    findings_level_name(r->level));
}

/* What comes before the text in the uri of a file. */
static void
put_uri(struct buf *b, const struct findings *f, const char *file)
{
	const char *directory = f->directory;

	while (strncmp(directory, "./", 2) == 0)
		directory += 2;
	buf_char(b, '"');
	for (const char *part = directory; part != NULL;
	     part = part == directory ? file : NULL) {
		for (const char *c = part; *c != '\0'; c++)
			buf_format(b, strchr("\"\\ %#?<>", *c) != NULL ?
			    "%%%02X" : "%c", (unsigned char)*c);
		if (part == directory && *part != '\0' &&
		    part[strlen(part) - 1] != '/')
			buf_char(b, '/');
	}
	buf_char(b, '"');
}

static void
put_location(struct buf *b, const struct findings *f,
    const struct db_finding *at)
{
	bool known = at->file != NULL;

	buf_string(b, ",\"locations\":[{\"physicalLocation\":"
	    "{\"artifactLocation\":{\"uri\":");
	put_uri(b, f, known ? at->file : "api.json");
	buf_format(b, "},\"region\":{\"startLine\":%zu,\"startColumn\":%zu}},"
	    "\"logicalLocations\":[{\"fullyQualifiedName\":",
	    known ? at->line : 1, known ? at->column : 1);
	buf_json_string(b, at->object);
	buf_string(b, "}]}]");
}

static void
put_result(struct buf *b, const struct findings *f,
    const struct db_finding *at, bool strict)
{
	const char *mend = findings_mend(at);
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_format(&text, "%s: %s%s%s", at->object, at->what,
	    mend != NULL ? "\n\n" : "", mend != NULL ? mend : "");
	buf_string(b, "{\"ruleId\":");
	buf_json_string(b, at->rule->id);
	buf_format(b, ",\"level\":\"%s\"", findings_level_name(
	    findings_level(at->rule, strict)));
	put_text(b, ",\"message\":", text.at);
	put_location(b, f, at);
	buf_clear(&text);
	buf_format(&text, "%s:%s", at->rule->id, at->object);
	buf_string(b, ",\"partialFingerprints\":{\"object/v1\":");
	buf_json_string(b, text.at);
	buf_string(b, "}}");
	buf_release(&text);
}

/* Is it a rule of the lists, or of an earlier finding? */
static bool
is_listed(const struct findings *f, size_t number,
    const struct check_rules *rules, size_t rules_count)
{
	const char *id = f->at[number].rule->id;

	for (size_t i = 0; i < rules_count; i++)
		for (size_t n = 0; n < rules[i].count; n++)
			if (strcmp(rules[i].at[n].id, id) == 0)
				return true;
	for (size_t i = 0; i < number; i++)
		if (strcmp(f->at[i].rule->id, id) == 0)
			return true;
	return false;
}

void
sarif_put(struct buf *b, const struct findings *f,
    const struct check_rules *rules, size_t rules_count, bool strict)
{
	bool first = true;

	buf_string(b, "{\"$schema\":\"https://json.schemastore.org/"
	    "sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{\"tool\":"
	    "{\"driver\":{\"name\":\"lockstep\",\"rules\":[");
	for (size_t i = 0; i < rules_count; i++)
		for (size_t n = 0; n < rules[i].count; n++, first = false)
			put_rule(b, &rules[i].at[n], first);
	for (size_t i = 0; i < f->count; i++) {
		if (is_listed(f, i, rules, rules_count))
			continue;
		put_rule(b, f->at[i].rule, first);
		first = false;
	}
	buf_string(b, "]}},\n\"results\":[");
	for (size_t i = 0; i < f->count; i++) {
		buf_string(b, i > 0 ? ",\n" : "");
		put_result(b, f, &f->at[i], strict);
	}
	buf_string(b, "]}]}\n");
}
