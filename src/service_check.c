/* SPDX-License-Identifier: MIT */
/*
 * The check in front of a server.  It runs in a process that does nothing else
 * and then ends, so what it takes is not given back; what it found is written
 * into memory of a fixed size, marked as done at the very end.
 */
#include "service_check.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tool/findings.h"

enum {
	TOLD_MAX = 20,		/* findings, one by one */
	CLOSING_MAX = 1024,	/* bytes of the last line */
};

bool
service_check_of(const char *word, enum serve_check *ret)
{
	static const char *const words[] = { [SERVE_UNCHECKED] = "off",
		[SERVE_WARN] = "warn", [SERVE_REFUSE] = "refuse" };

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (enum serve_check)i;
			return true;
		}
	return false;
}

bool
service_accepts(const char *directory, struct arena *arena,
    struct buf *faults)
{
	const struct accepted *list;
	size_t count;

	return contract_accepted(directory, arena, &list, &count, faults);
}

/* A word as a shell would read it. */
static void
put_word(struct buf *b, const char *word)
{
	buf_char(b, ' ');
	if (strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_-+=:,./@%") == strlen(word) && word[0] != '\0') {
		buf_string(b, word);
		return;
	}
	buf_char(b, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_string(b, "'\\''");
		else
			buf_char(b, *word);
	buf_char(b, '\'');
}

/* How to see all of it, and what else there is to do. */
static void
put_closing(struct buf *b, const struct service_check *c, unsigned unsafe)
{
	buf_format(b, "lockstep: the database is unsafe to serve (%u finding%s); "
	    "all of it is told by: lockstep check", unsafe,
	    unsafe == 1 ? "" : "s");
	for (int i = 0; i < c->count; i++)
		put_word(b, c->words[i]);
	buf_char(b, '\n');
}

static void
put_finding(struct buf *b, const struct db_finding *f)
{
	const char *mend = f->mend != NULL ? f->mend : f->rule->mend;

	buf_format(b, "lockstep: %s [%s]: %s; to mend it: %s\n", f->object,
	    f->rule->id, f->what, mend);
}

/* Whole lines, as many as there is room for. */
static void
tell_unsafe(const struct service_check *c, const struct findings *f,
    struct serve_look *ret)
{
	unsigned told = 0;
	size_t before;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < f->count; i++) {
		if (!f->at[i].rule->unsafe || told == TOLD_MAX)
			continue;
		before = b.length;
		put_finding(&b, &f->at[i]);
		if (b.length < LOOK_WORDS_MAX - 2 * CLOSING_MAX)
			told++;
		else
			buf_rewind(&b, before);
	}
	if (told < ret->unsafe)
		buf_format(&b, "lockstep: and %u more\n", ret->unsafe - told);
	put_closing(&b, c, ret->unsafe);
	snprintf(ret->words, sizeof(ret->words), "%s", b.at);
	buf_release(&b);
}

static void
tell_harmless(const struct findings *f)
{
	unsigned told = 0, more = 0;

	for (size_t i = 0; i < f->count; i++) {
		const struct db_finding *at = &f->at[i];

		if (at->rule->unsafe || at->rule->level == LEVEL_NOTE)
			continue;
		if (told++ >= TOLD_MAX) {
			more++;
			continue;
		}
		log_event(LOG_WARN, "check_finding",
		    LOG_TEXT("rule", at->rule->id),
		    LOG_TEXT("object", at->object),
		    LOG_TEXT("cause", at->what),
		    LOG_TEXT("mend", at->mend != NULL ? at->mend :
			at->rule->mend));
	}
	if (more > 0)
		log_event(LOG_WARN, "check_finding", LOG_INT("more", more),
		    LOG_TEXT("cause", "lockstep check tells them all"));
}

static void
count(const struct findings *f, struct serve_look *ret)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct check_rule *rule = f->at[i].rule;

		ret->unsafe += rule->unsafe;
		ret->errors += rule->level == LEVEL_ERROR && !rule->unsafe;
		ret->warnings += rule->level == LEVEL_WARNING;
		ret->notes += rule->level == LEVEL_NOTE;
	}
}

/* All findings that are not accepted; NULL: the fault says why not. */
static const struct catalog *
find(const struct service_check *c, struct findings *f, struct buf *fault)
{
	const struct catalog *catalog = tool_examine(c->contract, c->database,
	    f, fault);

	if (catalog != NULL && !tool_accepted(f, true, fault))
		catalog = NULL;
	findings_choose(f, &(struct findings_choice){ .only_count = 0 });
	return catalog;
}

void
service_check(const struct service_check *c, struct serve_look *ret)
{
	struct findings f = { .arena = arena_new(), .directory = c->directory };
	const struct catalog *catalog;
	struct buf fault;

	buf_init(&fault, LOOK_WORDS_MAX);
	catalog = find(c, &f, &fault);
	if (catalog != NULL) {
		count(&f, ret);
		if (ret->unsafe > 0)
			tell_unsafe(c, &f, ret);
		if (!ret->quiet)
			tell_harmless(&f);
		snprintf(ret->identity, sizeof(ret->identity), "%s",
		    catalog->identity);
		ret->done = true;
	} else {
		snprintf(ret->words, sizeof(ret->words), "%s", fault.at);
	}
	buf_release(&fault);
	arena_free(f.arena);
}
