/* SPDX-License-Identifier: MIT */
/*
 * Memory shared by the processes of a server: the text of a set as it was
 * fetched last, and whose turn it is to fetch.  Any of them may be killed at
 * any instruction.  So the turn is a lease that ends by itself, the lock is a
 * robust one, and a text is written beside the one in force and becomes it by
 * one store.  Invariant: the text of the version in force is whole, and was
 * found fit by whoever stored it.
 *
 * Requests only look at the atomics: a stopped process that holds the lock
 * stops fetching, and nobody's request.
 */
#include "auth/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"

/* From the beginning of a fetch to the next that is asked for. */
static const uint64_t pause_ns = 5000000000u;

struct auth_fetched {
	pthread_mutex_t lock;
	_Atomic uint64_t began_ns;	/* of the last fetch; 0 = none yet */
	_Atomic uint64_t lease_ns;	/* whose end is now; 0 = nobody's */
	_Atomic uint64_t ended;
	_Atomic uint64_t version;
	uint64_t due_ns;
	size_t length[2];		/* of version & 1, and the other */
	char text[2][AUTH_SET_BYTES_MAX];
};

struct auth_fetched *
auth_fetched_new(void)
{
	pthread_mutexattr_t shared;
	struct auth_fetched *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (f == MAP_FAILED)
		abort();
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&f->lock, &shared);
	pthread_mutexattr_destroy(&shared);
	return f;
}

void
auth_fetched_free(struct auth_fetched *f)
{
	if (f != NULL)
		munmap(f, sizeof(*f));
}

/* Whoever died with the lock left nothing half done that is in force. */
static void
lock(struct auth_fetched *f)
{
	if (pthread_mutex_lock(&f->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&f->lock);
}

bool
auth_fetched_claim(struct auth_fetched *f, bool asked, unsigned lease_ms,
    uint64_t *ret_claim)
{
	uint64_t now = clock_now_ns();
	bool claimed;

	lock(f);
	claimed = f->lease_ns <= now && (now >= f->due_ns ||
	    (asked && now - f->began_ns >= pause_ns));
	if (claimed) {
		f->began_ns = now;
		f->lease_ns = now + lease_ms * (uint64_t)1000000;
		*ret_claim = now;
	}
	pthread_mutex_unlock(&f->lock);
	return claimed;
}

/* Is it another text than the one in force? */
static bool
is_new(const struct auth_fetched *f, const char *text, size_t length)
{
	size_t at = f->version & 1;

	return f->version == 0 || f->length[at] != length ||
	    memcmp(f->text[at], text, length) != 0;
}

bool
auth_fetched_end(struct auth_fetched *f, uint64_t claim, const char *text,
    size_t length, unsigned next_ms)
{
	bool kept = false;
	size_t at;

	lock(f);
	if (f->began_ns == claim) {
		if (text != NULL && length <= AUTH_SET_BYTES_MAX &&
		    is_new(f, text, length)) {
			at = (f->version + 1) & 1;
			memcpy(f->text[at], text, length);
			f->length[at] = length;
			f->version++;
			kept = true;
		}
		f->due_ns = clock_now_ns() + next_ms * (uint64_t)1000000;
		f->lease_ns = 0;
		f->ended++;
	}
	pthread_mutex_unlock(&f->lock);
	return kept;
}

bool
auth_fetched_open(const struct auth_fetched *f)
{
	uint64_t now = clock_now_ns();

	return f->lease_ns > now || now - f->began_ns >= pause_ns;
}

uint64_t
auth_fetched_version(const struct auth_fetched *f)
{
	return f->version;
}

uint64_t
auth_fetched_ended(const struct auth_fetched *f)
{
	return f->ended;
}

char *
auth_fetched_copy(struct auth_fetched *f, size_t *ret_length,
    uint64_t *ret_version)
{
	char *text = NULL;
	size_t at;

	lock(f);
	if (f->version > 0) {
		at = f->version & 1;
		text = malloc(f->length[at] + 1);
		if (text == NULL)
			abort();
		memcpy(text, f->text[at], f->length[at]);
		text[f->length[at]] = '\0';
		*ret_length = f->length[at];
		*ret_version = f->version;
	}
	pthread_mutex_unlock(&f->lock);
	return text;
}
