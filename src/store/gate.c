/* SPDX-License-Identifier: MIT */
/*
 * The gate before a database.  The parent of a server has each database looked
 * at and says of it what came of that; its workers, which share the gate by
 * fork, let no request at one that is not known to be clear.
 *
 * A database is known by a hash of its identity and a verdict in one word, so
 * a reader sees both or neither, and one database never has the verdict of
 * another: not of the one that a failover put in its place, either.
 */
#include "store/internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/siphash.h"

enum {
	PLACES = 16,		/* databases: a primary, replicas, what was */
	VERDICT_BITS = 2,
	WAIT_MS = 2000,		/* for a look that is under way */
	PAUSE_MS = 5,
};

struct gate {
	_Atomic uint64_t place[PLACES];	/* hash and verdict; 0 = free */
	_Atomic uint64_t asked;		/* the identity; 0 = nobody has */
	_Atomic bool failing;		/* the last look came to nothing */
	unsigned next;			/* the parent's: the oldest place */
};

/*
 * Another start of Postgres is another database, whatever it holds: a copy
 * that took its place may be an older one.  PUBLIC may ask for this.
 */
const char gate_identity_sql[] =
    "(select extract(epoch from pg_catalog.pg_postmaster_start_time())::text"
    " || ' ' || d.oid from pg_catalog.pg_database d"
    " where d.datname = pg_catalog.current_database())";

const char gate_other[] = "lockstep: this is another database";

struct gate *
gate_new(void)
{
	struct gate *g = mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (g == MAP_FAILED)
		abort();
	return g;
}

void
gate_free(struct gate *g)
{
	if (g != NULL)
		munmap(g, sizeof(*g));
}

uint64_t
gate_identity(const char *text)
{
	static const unsigned char key[16] = "lockstep's gate";

	/* The bits of the verdict are 0, and never all of them. */
	return (siphash(key, text, strlen(text)) | 1u << VERDICT_BITS) &
	    ~(uint64_t)((1u << VERDICT_BITS) - 1);
}

static bool
is_of(uint64_t word, uint64_t identity)
{
	return word >> VERDICT_BITS == identity >> VERDICT_BITS;
}

void
gate_settle(struct gate *g, const char *text, enum gate_verdict verdict)
{
	uint64_t identity = gate_identity(text);
	unsigned at = 0;

	while (at < PLACES && !is_of(atomic_load(&g->place[at]), identity))
		at++;
	if (at == PLACES)
		at = g->next++ % PLACES;
	atomic_store(&g->place[at], identity | verdict);
	atomic_store(&g->failing, false);
}

void
gate_failed(struct gate *g)
{
	atomic_store(&g->failing, true);
}

static enum gate_verdict
verdict_of(struct gate *g, uint64_t identity)
{
	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t word = atomic_load_explicit(&g->place[i],
		    memory_order_acquire);

		if (is_of(word, identity))
			return word & ((1u << VERDICT_BITS) - 1);
	}
	return GATE_UNKNOWN;
}

/* What a look that was under way has answered meanwhile asks for no other. */
bool
gate_asked(struct gate *g)
{
	uint64_t identity = atomic_exchange(&g->asked, 0);

	return identity != 0 && verdict_of(g, identity) == GATE_UNKNOWN;
}

/*
 * Asks for a look, which takes a few tenths of a second, and waits for it, so
 * that a Postgres that was started anew costs time and no request.  What can be
 * done without is not waited for, nor a look after one that failed.  Who waits
 * goes on asking, as who asks for another database takes its place.
 */
static enum gate_verdict
await(struct gate *g, const struct scope *sc, const struct store *st)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
	uint64_t until_ns = clock_now_ns() + WAIT_MS * 1000000ull;
	enum gate_verdict verdict = GATE_UNKNOWN;

	if (sc->deadline_ns != 0 && sc->deadline_ns < until_ns)
		until_ns = sc->deadline_ns;
	atomic_store(&g->asked, st->identity);
	while (!st->spare && verdict == GATE_UNKNOWN &&
	    !atomic_load(&g->failing) && clock_now_ns() < until_ns) {
		nanosleep(&pause, NULL);
		verdict = verdict_of(g, st->identity);
		if (verdict == GATE_UNKNOWN)
			atomic_store(&g->asked, st->identity);
	}
	return verdict;
}

bool
gate_is_clear(const struct store *st)
{
	return st->options->gate == NULL ||
	    verdict_of(st->options->gate, st->identity) == GATE_CLEAR;
}

enum problem
gate_admit(struct scope *sc, struct store *st)
{
	struct gate *g = st->options->gate;
	enum gate_verdict verdict;

	if (g == NULL)
		return PROBLEM_NONE;
	verdict = verdict_of(g, st->identity);
	if (verdict == GATE_UNKNOWN)
		verdict = await(g, sc, st);
	if (verdict == GATE_CLEAR)
		return PROBLEM_NONE;
	return store_unavailable(sc, verdict == GATE_UNSAFE ?
	    "the database is unsafe to serve: lockstep check tells why" :
	    "the database has not been checked yet");
}
