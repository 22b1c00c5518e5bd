/* SPDX-License-Identifier: MIT */
/*
 * The set of keys in force, and the thread that renews it.  A new set is built
 * aside, whole, and put in force by one exchange under the lock; who borrowed
 * the one before ends its token with it, and the last to give it back frees it.
 * With a set goes its memory of verified tokens, so no token outlives the key
 * that verified it.  Invariants: what is in force was found fit; a failure
 * changes nothing but the log; no request waits for a fetch, but two of a
 * process for half a second, when a kid is unknown.
 *
 * Those two are worth it: providers sign with a new key as soon as they publish
 * it, and a 401 would log out its first users.  They are two, since whoever
 * makes up kids could otherwise hold every thread.
 */
#include "auth/source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	TICK_MS = 200,		/* between two looks at files and processes */
	ASKED_TICK_MS = 20,	/* the same while somebody may wait */
	RETRY_MS = 5000,	/* after a fetch that failed, at most */
	LEASE_MS = 2000,	/* for a fetch, beyond its own limit */
	WAIT_MS = 500,
	WAITERS_MAX = 2,
};

/* What tells one content of a file from another. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct auth_source {
	struct auth_source_options options;
	struct auth_fetched *fetched;	/* NULL = no URL */
	uint64_t version;		/* of it, in force; the thread's */
	struct stamp stamp[2];		/* of the files; the thread's */
	atomic_bool stop;
	bool watched;
	pthread_t thread;

	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t work, done;
	struct auth_set *set;		/* in force */
	bool poked;			/* the thread is wanted at once */
	bool asked;			/* a fetch is */
	unsigned waiters;
	uint64_t rounds;		/* fetches that ended, as seen */
};

static struct auth_set *
set_of(const struct auth_keys *keys, bool whole)
{
	struct auth_set *set = malloc(sizeof(*set));

	if (set == NULL)
		abort();
	*set = (struct auth_set){ .keys = *keys, .whole = whole,
	    .cache = auth_cache_new() };
	return set;
}

static void
set_free(struct auth_set *set)
{
	if (set == NULL)
		return;
	auth_keys_release(&set->keys);
	auth_cache_free(set->cache);
	free(set);
}

/* Builds a set of the files, and of a fetched text if it is not NULL. */
static struct auth_set *
build(const struct auth_source_options *o, const char *text, size_t length,
    struct buf *skipped, struct buf *fault)
{
	struct auth_keys keys;

	auth_keys_init(&keys);
	keys.allowed = o->allowed;
	if ((o->secret_file != NULL && !auth_keys_read_secret(&keys,
	    o->secret_file, fault)) ||
	    (o->jwks_file != NULL && !auth_keys_read_jwks(&keys, o->jwks_file,
	    skipped, fault)) ||
	    (text != NULL && !auth_keys_add_jwks(&keys, o->jwks_url, text,
	    length, skipped, fault))) {
		auth_keys_release(&keys);
		return NULL;
	}
	return set_of(&keys, o->jwks_url == NULL || text != NULL);
}

/* Puts a set in force. */
static void
swap(struct auth_source *source, struct auth_set *set)
{
	struct auth_set *before;

	pthread_mutex_lock(&source->lock);
	before = source->set;
	source->set = set;
	if (before != NULL && before->holders > 0)
		before = NULL;
	pthread_cond_broadcast(&source->done);
	pthread_mutex_unlock(&source->lock);
	set_free(before);
}

/* Builds a set and puts it in force, or leaves the one before; it is logged. */
static void
renew(struct auth_source *source, const char *text, size_t length)
{
	const struct auth_source_options *o = &source->options;
	struct buf skipped, fault;
	struct auth_set *set;

	buf_init(&skipped, 4096);
	buf_init(&fault, 4096);
	set = build(o, text, length, &skipped, &fault);
	if (set != NULL) {
		size_t count = set->keys.count;

		swap(source, set);
		log_event(LOG_INFO, "keys_loaded", LOG_TEXT("issuer",
		    o->issuer), LOG_INT("keys", (int64_t)count),
		    LOG_TEXT("skipped", skipped.length > 0 ? skipped.at :
		    NULL));
	} else {
		log_event(LOG_ERROR, "keys_refused", LOG_TEXT("issuer",
		    o->issuer), LOG_TEXT("cause", fault.at));
	}
	buf_release(&skipped);
	buf_release(&fault);
}

static struct stamp
stamp_of(const char *path)
{
	struct stamp stamp;
	struct stat st;

	memset(&stamp, 0, sizeof(stamp));
	if (path != NULL && stat(path, &st) == 0) {
		stamp.device = st.st_dev;
		stamp.inode = st.st_ino;
		stamp.size = st.st_size;
		stamp.changed = st.st_mtim;
	}
	return stamp;
}

/* Are the files others than when it was asked last? */
static bool
files_changed(struct auth_source *source)
{
	const char *const path[2] = { source->options.secret_file,
	    source->options.jwks_file };
	bool changed = false;

	for (size_t i = 0; i < 2; i++) {
		struct stamp now = stamp_of(path[i]);

		if (memcmp(&now, &source->stamp[i], sizeof(now)) != 0)
			changed = true;
		source->stamp[i] = now;
	}
	return changed;
}

static struct auth_source *
source_new(const struct auth_source_options *options, struct auth_set *set)
{
	struct auth_source *source = calloc(1, sizeof(*source));
	pthread_condattr_t monotonic;

	if (source == NULL)
		abort();
	source->options = *options;
	source->set = set;
	pthread_mutex_init(&source->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&source->work, &monotonic);
	pthread_cond_init(&source->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return source;
}

struct auth_source *
auth_source_new(const struct auth_source_options *o, struct buf *fault)
{
	struct auth_source *source;
	struct auth_set *set;
	struct buf skipped;

	if (o->jwks_url != NULL && !fetch_may(o->jwks_url, o->plain, fault))
		return NULL;
	source = source_new(o, NULL);
	(void)files_changed(source);
	buf_init(&skipped, 4096);
	set = build(o, NULL, 0, &skipped, fault);
	if (set != NULL && skipped.length > 0)
		log_event(LOG_WARN, "keys_skipped", LOG_TEXT("issuer",
		    o->issuer), LOG_TEXT("cause", skipped.at));
	buf_release(&skipped);
	source->set = set;
	if (set == NULL) {
		auth_source_free(source);
		return NULL;
	}
	if (o->jwks_url != NULL) {
		fetch_init();
		source->fetched = auth_fetched_new();
	}
	return source;
}

struct auth_source *
auth_source_of_keys(const struct auth_keys *keys)
{
	static const struct auth_source_options none;

	return source_new(&none, set_of(keys, true));
}

void
auth_source_free(struct auth_source *source)
{
	if (source == NULL)
		return;
	if (source->watched) {
		pthread_mutex_lock(&source->lock);
		atomic_store(&source->stop, true);
		pthread_cond_broadcast(&source->work);
		pthread_mutex_unlock(&source->lock);
		pthread_join(source->thread, NULL);
	}
	set_free(source->set);
	auth_fetched_free(source->fetched);
	pthread_cond_destroy(&source->work);
	pthread_cond_destroy(&source->done);
	pthread_mutex_destroy(&source->lock);
	free(source);
}

struct auth_set *
auth_source_borrow(struct auth_source *source)
{
	struct auth_set *set;

	pthread_mutex_lock(&source->lock);
	set = source->set;
	set->holders++;
	pthread_mutex_unlock(&source->lock);
	return set;
}

void
auth_source_give_back(struct auth_source *source, struct auth_set *set)
{
	bool last;

	pthread_mutex_lock(&source->lock);
	last = --set->holders == 0 && set != source->set;
	pthread_mutex_unlock(&source->lock);
	if (last)
		set_free(set);
}

/* Counts a fetch, and says why it failed. */
static void
tell(const struct auth_source *source, bool got, const struct buf *fault)
{
	metric_add("lockstep_jwks_fetches_total", got ? "result=\"ok\"" :
	    "result=\"failed\"", 1);
	if (!got)
		log_event(LOG_WARN, "jwks_fetch", LOG_TEXT("issuer",
		    source->options.issuer), LOG_TEXT("cause", fault->at));
}

/* Does the text make a set?  Asked before it is shared. */
static bool
is_fit(const struct auth_source_options *o, const struct buf *text,
    struct buf *fault)
{
	struct auth_keys keys;
	struct buf skipped;
	bool fit;

	auth_keys_init(&keys);
	keys.allowed = o->allowed;
	buf_init(&skipped, 4096);
	fit = auth_keys_add_jwks(&keys, o->jwks_url, text->length > 0 ?
	    text->at : "", text->length, &skipped, fault);
	buf_release(&skipped);
	auth_keys_release(&keys);
	return fit;
}

/* Fetches, if it is this process's turn, and shares what is fit. */
static void
fetch(struct auth_source *source, bool asked)
{
	const struct auth_source_options *o = &source->options;
	const struct fetch what = { .url = o->jwks_url,
	    .accept = "application/jwk-set+json, application/json",
	    .ca_file = o->ca_file, .plain = o->plain,
	    .timeout_ms = o->timeout_ms, .stop = &source->stop };
	unsigned next_ms = o->refresh_s * 1000;
	struct buf text, fault;
	uint64_t claim;
	bool got;

	if (!auth_fetched_claim(source->fetched, asked, o->timeout_ms +
	    LEASE_MS, &claim))
		return;
	buf_init(&text, AUTH_SET_BYTES_MAX);
	buf_init(&fault, 4096);
	got = fetch_get(&what, &text, &fault) && is_fit(o, &text, &fault);
	if (!got && next_ms > RETRY_MS)
		next_ms = RETRY_MS;
	auth_fetched_end(source->fetched, claim, got ? text.at : NULL,
	    text.length, next_ms);
	tell(source, got, &fault);
	buf_release(&text);
	buf_release(&fault);
}

/* Puts the shared text in force, if it or a file has changed. */
static void
adopt(struct auth_source *source)
{
	bool changed = files_changed(source);
	uint64_t version = source->version;
	size_t length = 0;
	char *text = NULL;

	if (source->fetched != NULL &&
	    auth_fetched_version(source->fetched) != version)
		changed = true;
	if (!changed)
		return;
	if (source->fetched != NULL)
		text = auth_fetched_copy(source->fetched, &length, &version);
	renew(source, text, length);
	source->version = version;
	free(text);
}

void
auth_source_fetch(struct auth_source *source, struct auth_source *before)
{
	uint64_t claim, version;
	size_t length;
	char *text;

	if (source->fetched == NULL)
		return;
	text = before != NULL && before->fetched != NULL &&
	    strcmp(before->options.jwks_url, source->options.jwks_url) == 0 ?
	    auth_fetched_copy(before->fetched, &length, &version) : NULL;
	if (text == NULL)
		fetch(source, false);
	else if (auth_fetched_claim(source->fetched, false, LEASE_MS, &claim))
		/* Due at once: how old it is has been forgotten. */
		auth_fetched_end(source->fetched, claim, text, length, 0);
	free(text);
	adopt(source);
}

static struct timespec
in_ms(unsigned ms)
{
	uint64_t at = clock_now_ns() + ms * (uint64_t)1000000;

	return (struct timespec){ .tv_sec = (time_t)(at / 1000000000u),
	    .tv_nsec = (long)(at % 1000000000u) };
}

/*
 * Waits for the next look; false when it is over.  *ret_asked: somebody has
 * asked for a fetch, and none has ended since.
 */
static bool
await(struct auth_source *source, bool *ret_asked)
{
	uint64_t ended = source->fetched == NULL ? 0 :
	    auth_fetched_ended(source->fetched);
	struct timespec until;

	pthread_mutex_lock(&source->lock);
	if (ended != source->rounds) {
		source->rounds = ended;
		source->asked = false;
		pthread_cond_broadcast(&source->done);
	}
	until = in_ms(source->asked ? ASKED_TICK_MS : TICK_MS);
	while (!source->poked && !atomic_load(&source->stop) &&
	    pthread_cond_timedwait(&source->work, &source->lock, &until) == 0)
		;
	source->poked = false;
	*ret_asked = source->asked;
	pthread_mutex_unlock(&source->lock);
	return !atomic_load(&source->stop);
}

static void *
keep(void *context)
{
	struct auth_source *source = context;
	bool asked;

	while (await(source, &asked)) {
		if (source->fetched != NULL)
			fetch(source, asked);
		adopt(source);
	}
	return NULL;
}

bool
auth_source_watch(struct auth_source *source)
{
	const struct auth_source_options *o = &source->options;

	if (o->secret_file == NULL && o->jwks_file == NULL &&
	    o->jwks_url == NULL)
		return true;
	if (source->fetched != NULL)
		source->rounds = auth_fetched_ended(source->fetched);
	/* What the parent has may be as old as the parent. */
	adopt(source);
	source->watched = pthread_create(&source->thread, NULL, keep,
	    source) == 0;
	return source->watched;
}

/* Waits, with the lock, for another set or the end of a fetch. */
static void
await_round(struct auth_source *source, const struct auth_set *set)
{
	struct timespec until = in_ms(WAIT_MS);
	uint64_t rounds = source->rounds;

	source->waiters++;
	while (source->set == set && source->rounds == rounds &&
	    pthread_cond_timedwait(&source->done, &source->lock, &until) == 0)
		;
	source->waiters--;
}

bool
auth_source_ask(struct auth_source *source, const struct auth_set *set)
{
	bool changed;

	if (source->fetched == NULL || !source->watched)
		return false;
	pthread_mutex_lock(&source->lock);
	if (source->set == set) {
		if (!source->asked)
			source->poked = true;
		source->asked = true;
		pthread_cond_signal(&source->work);
		if (source->waiters < WAITERS_MAX &&
		    auth_fetched_open(source->fetched))
			await_round(source, set);
	}
	changed = source->set != set;
	pthread_mutex_unlock(&source->lock);
	return changed;
}
