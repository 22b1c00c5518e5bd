/* SPDX-License-Identifier: MIT */
/*
 * What a connection's server has prepared.  A plan of a table under row level
 * security is made for one role, so the key is the role and the SQL.
 *
 * Linear probing in a table that is never more than half full; removal moves
 * later entries of the run back, so there are no tombstones and a lookup ends
 * at the first free slot.
 */
#include "store/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/*
 * Eight bytes at a time, since it is done for each request and the texts are
 * long; the role and the shape of the SQL are the contract's, so nobody picks
 * what collides, and a collision costs a comparison.
 */
static uint64_t
hash_more(uint64_t hash, const char *bytes, size_t length)
{
	uint64_t word;

	for (; length >= sizeof(word); length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
		bytes += sizeof(word);
	}
	word = length;
	memcpy(&word, bytes, length);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

/* Of the role, its NUL, the SQL. */
static uint64_t
hash_of(const char *role, const char *sql, size_t length)
{
	uint64_t hash = hash_more(0xcbf29ce484222325u, role, strlen(role) + 1);

	return hash_more(hash, sql, length);
}

void
statements_init(struct statements *t, unsigned most)
{
	size_t slots = 16;

	memset(t, 0, sizeof(*t));
	t->most = most < 1 ? 1 : most;
	while (slots < 2 * t->most)
		slots *= 2;
	t->mask = slots - 1;
	t->slot = must(calloc(slots, sizeof(*t->slot)));
}

void
statements_clear(struct statements *t)
{
	size_t i;

	for (i = 0; i <= t->mask; i++)
		free(t->slot[i].text);
	memset(t->slot, 0, (t->mask + 1) * sizeof(*t->slot));
	t->count = 0;
}

void
statements_release(struct statements *t)
{
	statements_clear(t);
	free(t->slot);
	t->slot = NULL;
}

struct statement *
statements_find(struct statements *t, const char *role, const char *sql,
    size_t length)
{
	size_t head = strlen(role) + 1;
	uint64_t hash = hash_of(role, sql, length);
	struct statement *s;
	size_t i;

	for (i = hash & t->mask;; i = (i + 1) & t->mask) {
		s = &t->slot[i];
		if (s->text == NULL)
			return NULL;
		if (s->hash == hash && s->length == head + length &&
		    memcmp(s->text, role, head) == 0 &&
		    memcmp(s->text + head, sql, length) == 0)
			break;
	}
	s->used = ++t->tick;
	return s;
}

struct statement *
statements_add(struct statements *t, const char *role, const char *sql,
    size_t length)
{
	size_t head = strlen(role) + 1;
	uint64_t hash = hash_of(role, sql, length);
	size_t i = hash & t->mask;
	struct statement *s;

	while (t->slot[i].text != NULL)
		i = (i + 1) & t->mask;
	s = &t->slot[i];
	s->text = must(malloc(head + length));
	memcpy(s->text, role, head);
	memcpy(s->text + head, sql, length);
	s->length = head + length;
	s->hash = hash;
	s->used = ++t->tick;
	snprintf(s->name, sizeof(s->name), "s%" PRIu64, ++t->serial);
	t->count++;
	return s;
}

bool
statements_full(const struct statements *t)
{
	return t->count >= t->most;
}

struct statement *
statements_oldest(struct statements *t)
{
	struct statement *oldest = NULL;
	size_t i;

	for (i = 0; i <= t->mask; i++)
		if (t->slot[i].text != NULL &&
		    (oldest == NULL || t->slot[i].used < oldest->used))
			oldest = &t->slot[i];
	return oldest;
}

/*
 * An entry may move back into the hole when the hole lies between the slot
 * that its hash names and the one it is in, going round.
 */
void
statements_remove(struct statements *t, struct statement *s)
{
	size_t hole = (size_t)(s - t->slot);
	size_t i, home;

	free(s->text);
	s->text = NULL;
	t->count--;
	for (i = (hole + 1) & t->mask; t->slot[i].text != NULL;
	    i = (i + 1) & t->mask) {
		home = t->slot[i].hash & t->mask;
		if (((i - home) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->slot[hole] = t->slot[i];
		t->slot[i].text = NULL;
		hole = i;
	}
}
