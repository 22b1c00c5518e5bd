/* SPDX-License-Identifier: MIT */
/*
 * Runs the steps: backtracking over a stack of what is still to try, and,
 * without references back, a memory of where each split has been before.  What
 * failed at a place fails there again, so no split is tried twice at the same
 * place and time is linear in the text for all but assertions inside loops.
 * All steps of all starts are counted against one bound, so that time is
 * bounded for the rest too; what passes the bound has no verdict.
 *
 * An assertion is a match within the match.  When it fails, its marks in the
 * memory are right and stay; when it succeeds, what it passed did not fail,
 * and `trail` tells which marks to take back.
 */
#include <stdlib.h>
#include <string.h>

#include "contract/pattern_program.h"

enum {
	BEYOND_STEPS = 2,	/* what a character beyond ASCII costs */
	PROPERTY_STEPS = 32,	/* and with a property to be asked */
	STACK_BYTES_MAX = 8 * 1024 * 1024,
	MEMORY_BYTES_MAX = 4 * 1024 * 1024,
	STACK_SMALL = 64,
	MEMORY_SMALL = 256,
};

#define UNSET UINT32_MAX

/* What is still to try, or a slot's value to restore. */
enum entry_kind {
	ENTRY_GO,	/* on with step a at b */
	ENTRY_RANGE,	/* with step a at each place from b toward limit */
	ENTRY_SLOT,	/* slot a was b */
};

struct entry {
	uint32_t kind : 2, backward : 1;	/* the way from b to limit */
	uint32_t a, b, limit;
};

struct machine {
	const struct program *program;
	const char *start, *end;
	uint32_t steps_left;
	bool exhausted;
	uint32_t *slots;
	struct entry *stack;
	size_t depth, capacity;
	struct entry small[STACK_SMALL];
	unsigned char *memory;
	size_t *trail;
	size_t trail_count, trail_capacity;
	unsigned looks;			/* assertions that are being run */
	bool stack_is_ours;
};

static bool
spend(struct machine *m, uint32_t steps)
{
	if (m->steps_left < steps) {
		m->steps_left = 0;
		m->exhausted = true;
		return false;
	}
	m->steps_left -= steps;
	return true;
}

static bool
push(struct machine *m, struct entry entry)
{
	if (m->depth == m->capacity) {
		size_t capacity = 2 * m->capacity;
		struct entry *grown = NULL;

		/* Fresh pages cost time too. */
		if (capacity * sizeof(*grown) <= STACK_BYTES_MAX &&
		    spend(m, (uint32_t)capacity / 2))
			grown = realloc(m->stack_is_ours ? m->stack : NULL,
			    capacity * sizeof(*grown));
		if (grown == NULL) {
			m->exhausted = true;
			return false;
		}
		if (!m->stack_is_ours)
			memcpy(grown, m->small, sizeof(m->small));
		m->stack = grown;
		m->capacity = capacity;
		m->stack_is_ours = true;
	}
	m->stack[m->depth++] = entry;
	return true;
}

/* Marks a step at a place; false when it has been there, or on exhaustion. */
static bool
enter(struct machine *m, const struct step *step, const char *at)
{
	size_t cell;
	unsigned char bit;

	if (m->memory == NULL || step->column == 0)
		return true;
	cell = (size_t)(at - m->start) * m->program->columns + step->column - 1;
	bit = (unsigned char)(1 << cell % 8);
	if ((m->memory[cell / 8] & bit) != 0)
		return false;
	m->memory[cell / 8] |= bit;
	if (m->looks == 0)
		return true;
	if (m->trail_count == m->trail_capacity) {
		size_t capacity = 2 * m->trail_capacity + 64;
		size_t *grown = realloc(m->trail, capacity * sizeof(*grown));

		if (grown == NULL) {
			m->exhausted = true;
			return false;
		}
		m->trail = grown;
		m->trail_capacity = capacity;
	}
	m->trail[m->trail_count++] = cell;
	return true;
}

static void
forget(struct machine *m, size_t from)
{
	while (m->trail_count > from) {
		size_t cell = m->trail[--m->trail_count];

		m->memory[cell / 8] &= (unsigned char)~(1 << cell % 8);
	}
}

static bool
fits(struct machine *m, const struct step *step, uint32_t point)
{
	if (step->set == NULL)
		return step->point == point;
	if (point >= 128 && !spend(m, step->set->code != NULL ?
		PROPERTY_STEPS : BEYOND_STEPS))
		return false;
	return set_has(step->set, point);
}

/* Takes one character of a step, in its direction. */
static bool
take_one(struct machine *m, const struct step *step, const char **at)
{
	const char *next = *at;
	uint32_t point;

	if (step->backward) {
		if (next == m->start)
			return false;
		point = point_before(&next, m->start);
	} else {
		if (next == m->end)
			return false;
		point = point_after(&next, m->end);
	}
	if (!fits(m, step, point))
		return false;
	*at = next;
	return true;
}

/* Takes a run; what is left to try goes onto the stack. */
static bool
take_run(struct machine *m, const struct step *step, const char **ret)
{
	bool star = step->kind == STEP_STAR;
	uint32_t least = star ? 0 : step->a, n = 0;
	uint32_t most = star ? UINT32_MAX : step->b;
	const char *at = *ret, *low = at;
	struct entry entry = { .kind = ENTRY_RANGE,
		.a = (uint32_t)(step - m->program->steps) + 1 };

	if (!enter(m, step, at))
		return false;
	while (n < most && take_one(m, step, &at)) {
		if (++n == least)
			low = at;
		if (star && !enter(m, step, at))
			break;
	}
	if (!spend(m, n + 1) || m->exhausted || n < least)
		return false;
	*ret = step->lazy ? low : at;
	if (low == at)
		return true;
	/* The way from the end that is not taken now to the other. */
	entry.backward = step->lazy == step->backward;
	entry.b = (uint32_t)((step->lazy ? low : at) - m->start);
	entry.limit = (uint32_t)((step->lazy ? at : low) - m->start);
	return push(m, entry);
}

/* The next thing to try above the base; false when there is none. */
static bool
backtrack(struct machine *m, size_t base, uint32_t *ret_step,
    const char **ret_at)
{
	while (m->depth > base) {
		struct entry *top = &m->stack[m->depth - 1];
		const char *at = m->start + top->b;

		if (top->kind == ENTRY_SLOT) {
			m->slots[top->a] = top->b;
			m->depth--;
			continue;
		}
		*ret_step = top->a;
		if (top->kind == ENTRY_GO) {
			m->depth--;
		} else {
			if (top->backward)
				(void)point_before(&at, m->start);
			else
				(void)point_after(&at, m->end);
			top->b = (uint32_t)(at - m->start);
			if (top->b == top->limit)
				m->depth--;
		}
		*ret_at = at;
		return true;
	}
	return false;
}

static bool
save(struct machine *m, uint32_t slot, uint32_t value)
{
	struct entry entry = { .kind = ENTRY_SLOT, .a = slot,
		.b = m->slots[slot] };

	if (m->slots[slot] == value)
		return true;
	m->slots[slot] = value;
	return push(m, entry);
}

static bool
clear(struct machine *m, uint32_t from, uint32_t to)
{
	if (!spend(m, to - from))
		return false;
	for (uint32_t slot = 2 * from; slot <= 2 * to + 1; slot++)
		if (!save(m, slot, UNSET))
			return false;
	return true;
}

static bool
take_back(struct machine *m, const struct step *step, const char **at)
{
	uint32_t from = m->slots[2 * step->a], to = m->slots[2 * step->a + 1];
	size_t length = to - from;

	if (from == UNSET || to == UNSET)
		return true;
	if (!spend(m, (uint32_t)(length / 16)))
		return false;
	if (step->backward) {
		if ((size_t)(*at - m->start) < length ||
		    memcmp(*at - length, m->start + from, length) != 0)
			return false;
		*at -= length;
		return true;
	}
	if ((size_t)(m->end - *at) < length ||
	    memcmp(*at, m->start + from, length) != 0)
		return false;
	*at += length;
	return true;
}

static bool
is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static bool
at_word_edge(const struct machine *m, const char *at)
{
	return (at > m->start && is_word((unsigned char)at[-1])) !=
	    (at < m->end && is_word((unsigned char)*at));
}

static bool run(struct machine *m, uint32_t first, const char *at);

/* An assertion; leaves the slots set when it is one that holds. */
static bool
look(struct machine *m, uint32_t step, const char *at)
{
	bool negated = m->program->steps[step].negated, found;
	size_t base = m->depth, trail = m->trail_count, kept = base;

	m->looks++;
	found = run(m, step + 1, at);
	m->looks--;
	if (found)
		forget(m, trail);
	if (m->looks == 0)
		m->trail_count = 0;
	if (found && negated) {
		for (; m->depth > base; m->depth--) {
			struct entry *top = &m->stack[m->depth - 1];

			if (top->kind == ENTRY_SLOT)
				m->slots[top->a] = top->b;
		}
	} else if (found) {
		for (size_t i = base; i < m->depth; i++)
			if (m->stack[i].kind == ENTRY_SLOT)
				m->stack[kept++] = m->stack[i];
		m->depth = kept;
	}
	return found != negated && !m->exhausted;
}

/* Does the step hold here?  Moves on to the next, or to another. */
static bool
do_step(struct machine *m, uint32_t *index, const char **at)
{
	const struct step *step = &m->program->steps[(*index)++];
	uint32_t here = (uint32_t)(*at - m->start);

	switch (step->kind) {
	case STEP_POINT:
	case STEP_SET:
		return take_one(m, step, at);
	case STEP_RUN:
	case STEP_STAR:
		return take_run(m, step, at);
	case STEP_SPLIT:
		*index = step->a;
		return enter(m, step, *at) &&
		    push(m, (struct entry){ .kind = ENTRY_GO, .a = step->b,
				.b = here });
	case STEP_JUMP:
		*index = step->a;
		return true;
	case STEP_SAVE:
		return save(m, step->a, here);
	case STEP_CLEAR:
		return clear(m, step->a, step->b);
	case STEP_MOVED:
		return m->slots[step->a] != here;
	case STEP_BACK:
		return take_back(m, step, at);
	case STEP_START:
		return *at == m->start;
	case STEP_END:
		return *at == m->end;
	case STEP_WORD:
		return at_word_edge(m, *at) != step->negated;
	default:	/* STEP_LOOK */
		*index = step->a;
		return look(m, (uint32_t)(step - m->program->steps), *at);
	}
}

/* From a step to the STEP_DONE; on success the stack keeps what was left. */
static bool
run(struct machine *m, uint32_t first, const char *at)
{
	size_t base = m->depth;
	uint32_t index = first;

	while (m->program->steps[index].kind != STEP_DONE) {
		if (!spend(m, 1))
			return false;
		if (!do_step(m, &index, &at) &&
		    (m->exhausted || !backtrack(m, base, &index, &at)))
			return false;
	}
	return true;
}

static bool
may_begin(const struct first *first, const char *at, const char *end)
{
	unsigned char c;

	if (first->empty)
		return true;
	if (at == end)
		return false;
	c = (unsigned char)*at;
	return c < 128 ? (first->ascii[c / 64] >> c % 64 & 1) != 0 :
			 first->beyond;
}

static bool
run_anywhere(struct machine *m)
{
	const char *at = m->start;

	for (;;) {
		if (may_begin(&m->program->first, at, m->end) && run(m, 0, at))
			return true;
		if (m->exhausted || m->program->anchored || at == m->end)
			return false;
		if (!spend(m, 1))
			return false;
		(void)point_after(&at, m->end);
	}
}

enum pattern_verdict
program_match(const struct program *program, const char *text, size_t length,
    uint32_t *steps)
{
	unsigned char small[MEMORY_SMALL];
	struct machine m = { .program = program, .start = text,
		.end = text + length, .steps_left = *steps,
		.capacity = STACK_SMALL };
	size_t bytes = ((length + 1) * program->columns + 7) / 8;
	bool found, allocated = bytes > sizeof(small);

	if (length > INT32_MAX)
		return PATTERN_EXHAUSTED;
	m.stack = m.small;
	if (bytes > 0 && !allocated)
		m.memory = memset(small, 0, bytes);
	else if (bytes > 0 && bytes <= MEMORY_BYTES_MAX)
		m.memory = calloc(bytes, 1);
	if (program->slots > 0) {
		m.slots = malloc(program->slots * sizeof(*m.slots));
		if (m.slots == NULL)
			return PATTERN_EXHAUSTED;
		memset(m.slots, 0xff, program->slots * sizeof(*m.slots));
	}
	found = run_anywhere(&m);
	*steps = m.steps_left;
	if (allocated)
		free(m.memory);
	if (m.stack_is_ours)
		free(m.stack);
	free(m.slots);
	free(m.trail);
	if (m.exhausted)
		return PATTERN_EXHAUSTED;
	return found ? PATTERN_MATCHES : PATTERN_DIFFERS;
}
