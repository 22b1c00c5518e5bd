/* SPDX-License-Identifier: MIT */
/*
 * What a walk notes on its way: where it is, and the errors and annotations
 * that it comes by.  Each text is made once, ready to be written, and paid for
 * by its length, so that the output is bounded as the walk is.  Invariant: a
 * unit that could not be paid for in full is not there.
 */
#include "contract/walk.h"

#include <string.h>

/* ---- where it is ---- */

struct mark
walk_mark(const struct walk *walk)
{
	return (struct mark){ walk->way.length, walk->at.length,
		walk->output->errors.count, walk->output->annotations.count };
}

void
walk_return(struct walk *walk, const struct mark *mark)
{
	buf_rewind(&walk->way, mark->way);
	buf_rewind(&walk->at, mark->at);
}

bool
walk_spend(struct walk *walk, size_t steps)
{
	if (walk->steps <= steps) {
		walk->steps = 0;
		return false;
	}
	walk->steps -= (unsigned)steps;
	return true;
}

void
walk_member(struct walk *walk, const char *name)
{
	pointer_add(&walk->at, name);
}

void
walk_item(struct walk *walk, size_t index)
{
	pointer_add_index(&walk->at, index);
}

/* ---- what it finds ---- */

static void
units_add(struct walk *walk, struct units *units, const struct unit *unit)
{
	struct unit *more;

	if (units->count == units->capacity) {
		units->capacity = units->capacity * 2 + 16;
		more = arena_alloc(walk->arena,
		    units->capacity * sizeof(*more));
		if (units->count > 0)
			memcpy(more, units->at, units->count * sizeof(*more));
		units->at = more;
	}
	units->at[units->count++] = *unit;
}

/* A text as a JSON string in the arena; NULL when there are no more steps. */
static const char *
quoted(struct walk *walk, const struct buf *text)
{
	const char *copy = NULL;
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	buf_json(&b, text->length > 0 ? text->at : "", text->length);
	if (walk_spend(walk, b.length / BYTES_A_STEP))
		copy = arena_copy(walk->arena, b.at, b.length);
	buf_release(&b);
	return copy;
}

/*
 * Must the URI of a keyword be told?  When its resource has one, when the way
 * went through a reference, and when the standard's schema of outputs, which
 * goes by the text, believes so.
 */
static bool
is_absolute(const struct walk *walk, const struct node *node)
{
	return walk->references > 0 || !node_is_nameless(node) ||
	    (walk->way.length > 0 && (strstr(walk->way.at, "/$ref/") ||
		strstr(walk->way.at, "/$dynamicRef/")));
}

/* The URI of a schema or keyword as a JSON string. */
static const char *
absolute(struct walk *walk, const struct node *node, const struct word *word)
{
	const char *text;
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	node_locate(node, word, &b);
	text = quoted(walk, &b);
	buf_release(&b);
	return text;
}

/* Adds an error or annotation of a schema (word NULL) or of its keyword. */
static void
tell(struct walk *walk, struct units *units, const struct node *node,
    const struct word *word, const char *text)
{
	size_t way = walk->way.length;
	struct unit unit = { .text = text };

	if (walk->steps == 0 || text == NULL)
		return;
	if (word != NULL)
		pointer_add(&walk->way, word->name);
	unit.keyword_location = quoted(walk, &walk->way);
	unit.instance_location = quoted(walk, &walk->at);
	if (is_absolute(walk, node))
		unit.absolute_location = absolute(walk, node, word);
	buf_rewind(&walk->way, way);
	if (walk_spend(walk, 1))
		units_add(walk, units, &unit);
}

void
walk_note(struct walk *walk, const struct visit *visit,
    const struct word *word, const char *text, size_t length)
{
	/* The text may be a constant; when it is written out it is not. */
	if (walk_spend(walk, length / BYTES_A_STEP))
		tell(walk, &walk->output->annotations, visit->node, word,
		    text);
}

/* Adds the message of an issue; that of a member names it. */
static void
add_message(struct buf *b, const struct issue *issue)
{
	size_t length = strlen(issue->path);
	struct buf name;

	buf_init(&name, SIZE_MAX / 8);
	if (length > 2) {
		buf_json(&name, issue->path + 1, length - 2);
		buf_add(b, name.at + 1, name.length - 2);
		buf_char(b, ' ');
	}
	buf_release(&name);
	buf_add(b, issue->message + 1, strlen(issue->message) - 2);
}

/* The issues of the scope as one JSON string; NULL when there are none. */
static const char *
message(struct walk *walk)
{
	const struct scope *sc = &walk->sc;
	const char *text = NULL;
	struct buf b;

	buf_init(&b, SIZE_MAX / 8);
	for (unsigned i = 0; i < sc->issue_count; i++) {
		buf_string(&b, i == 0 ? "\"" : ", ");
		add_message(&b, &sc->issues[i]);
	}
	buf_string(&b, sc->issues_truncated ? " and more\"" : "\"");
	if (sc->issue_count > 0 && walk_spend(walk, b.length / BYTES_A_STEP))
		text = arena_copy(walk->arena, b.at, b.length);
	buf_release(&b);
	return text;
}

bool
walk_broken_so(struct walk *walk, const struct visit *visit,
    const struct word *word)
{
	tell(walk, &walk->output->errors, visit->node, word, message(walk));
	scope_issues_rewind(&walk->sc, 0);
	arena_reset(walk->sc.arena);
	return false;
}

bool
walk_broken(struct walk *walk, const struct visit *visit,
    const struct word *word, enum rule rule, const struct issue_param *param)
{
	scope_issue(&walk->sc, NULL, rule, param, param != NULL);
	return walk_broken_so(walk, visit, word);
}
