/* SPDX-License-Identifier: MIT */
/*
 * Rates by the generic cell rate algorithm: one time a caller and class, the
 * theoretical arrival time, says all.  A call may come when that time is less
 * than a burst ahead, and moves it on by one interval; so it is exact, there
 * is no window whose edge doubles the rate, and nothing has to be swept.
 *
 * The times are in a set-associative table of shared memory.  A set has a lock
 * of its own, robust: when a process dies within, the next one goes on, since
 * an entry is one hash and one time and each is written at once.  The hash has
 * a secret key, so nobody can choose subjects that meet in a set.
 */
#include "serve/limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/siphash.h"

enum {
	WAYS = 8,
	LAYOUT_VERSION = 1,
	BOOT_BYTES = 40,	/* of the kernel's boot id */
};

static const uint64_t second_ns = 1000000000;

struct entry {
	uint64_t hash;
	uint64_t arrival_ns;	/* not after now: says nothing, free */
};

struct set {
	pthread_mutex_t lock;
	struct entry entry[WAYS];
};

struct head {
	char magic[8];
	uint32_t version;
	uint32_t sets;		/* a power of two */
	char boot[BOOT_BYTES];	/* times are of a clock that boots with us */
	unsigned char key[16];
};

struct limits {
	struct head *head;
	struct set *set;
	size_t bytes;
};

static const char magic[8] = "lsrates";

/* ---- the memory ---- */

/* Which boot this is; "" where the kernel does not say. */
static void
read_boot(char boot[BOOT_BYTES])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, BOOT_BYTES);
	if (fd < 0)
		return;
	if (read(fd, boot, BOOT_BYTES - 1) < 0)
		memset(boot, 0, BOOT_BYTES);
	close(fd);
}

static size_t
sets_for(unsigned entries)
{
	size_t sets = 1;

	while (sets * WAYS < entries)
		sets *= 2;
	return sets;
}

static size_t
bytes_for(size_t sets)
{
	return sizeof(struct head) + sets * sizeof(struct set);
}

/* Makes zeroed memory a table. */
static bool
make_table(struct head *head, size_t sets)
{
	struct set *set = (struct set *)(head + 1);
	pthread_mutexattr_t shared;
	size_t i;

	if (getrandom(head->key, sizeof(head->key), 0) !=
	    (ssize_t)sizeof(head->key))
		return false;
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
	for (i = 0; i < sets; i++)
		pthread_mutex_init(&set[i].lock, &shared);
	pthread_mutexattr_destroy(&shared);
	read_boot(head->boot);
	head->version = LAYOUT_VERSION;
	head->sets = (uint32_t)sets;
	memcpy(head->magic, magic, sizeof(magic));
	return true;
}

static struct head *
map(int fd, size_t bytes)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Is the open file a table of this boot, with so many sets? */
static bool
is_ours(int fd, size_t sets)
{
	char boot[BOOT_BYTES];
	struct head head;
	struct stat st;

	read_boot(boot);
	return fstat(fd, &st) == 0 &&
	    (size_t)st.st_size == bytes_for(sets) &&
	    pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    memcmp(head.magic, magic, sizeof(magic)) == 0 &&
	    head.version == LAYOUT_VERSION && head.sets == sets &&
	    memcmp(head.boot, boot, sizeof(boot)) == 0;
}

/* A new table beside the path, to be moved there when it is whole. */
static struct head *
make_file(const char *path, size_t sets)
{
	size_t bytes = bytes_for(sets);
	struct head *head = NULL;
	char *beside = NULL;
	int fd = -1;

	if (asprintf(&beside, "%s.new", path) < 0)
		abort();
	unlink(beside);
	fd = open(beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
		goto out;
	head = map(fd, bytes);
	if (head != NULL && (!make_table(head, sets) ||
	    rename(beside, path) != 0)) {
		munmap(head, bytes);
		head = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	free(beside);
	return head;
}

/*
 * The table in the file, or a new one in its place: a file is never cut short,
 * since another process may have it mapped.  A lock file keeps two that begin
 * at the same time from making one each.
 */
static struct head *
open_file(const char *path, size_t sets)
{
	struct head *head = NULL;
	char *lock = NULL;
	int guard, fd;

	if (asprintf(&lock, "%s.lock", path) < 0)
		abort();
	guard = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(lock);
	if (guard < 0 || flock(guard, LOCK_EX) != 0) {
		if (guard >= 0)
			close(guard);
		return NULL;
	}
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && is_ours(fd, sets))
		head = map(fd, bytes_for(sets));
	if (fd >= 0)
		close(fd);
	if (head == NULL)
		head = make_file(path, sets);
	close(guard);
	return head;
}

struct limits *
limits_open(const char *path, unsigned entries, struct buf *fault)
{
	size_t sets = sets_for(entries);
	struct limits *limits;
	struct head *head;

	head = path != NULL ? open_file(path, sets) : map(-1, bytes_for(sets));
	if (head == NULL || (path == NULL && !make_table(head, sets))) {
		buf_format(fault, "lockstep: the counts of rates cannot be kept in %s: "
		    "%s; \"limit_file\" wants a path in a directory that this "
		    "user may write to\n", path != NULL ? path : "memory",
		    strerror(errno));
		return NULL;
	}
	limits = malloc(sizeof(*limits));
	if (limits == NULL)
		abort();
	*limits = (struct limits){ head, (struct set *)(head + 1),
		bytes_for(sets) };
	return limits;
}

void
limits_close(struct limits *limits)
{
	if (limits == NULL)
		return;
	munmap(limits->head, limits->bytes);
	free(limits);
}

/* ---- the algorithm ---- */

/*
 * The entry of the hash, else one that says nothing any more, else the one
 * that will first: so what is forgotten is the least.
 */
static struct entry *
entry_for(struct set *set, uint64_t hash, uint64_t now_ns)
{
	struct entry *first = &set->entry[0];
	size_t i;

	for (i = 0; i < WAYS; i++) {
		if (set->entry[i].hash == hash)
			return &set->entry[i];
		if (set->entry[i].arrival_ns < first->arrival_ns)
			first = &set->entry[i];
	}
	if (first->arrival_ns > now_ns)
		metric_add("lockstep_limit_forgotten_total", "", 1);
	*first = (struct entry){ hash, 0 };
	return first;
}

static unsigned
seconds_up(uint64_t ns)
{
	return (unsigned)((ns + second_ns - 1) / second_ns);
}

static bool
take(struct entry *entry, const struct rate *rate, uint64_t now_ns,
    struct quota *ret)
{
	uint64_t interval_ns = rate->period_s * second_ns / rate->count;
	uint64_t burst_ns = rate->burst * interval_ns, next_ns;
	bool taken;

	next_ns = entry->arrival_ns > now_ns ? entry->arrival_ns : now_ns;
	taken = next_ns + interval_ns <= now_ns + burst_ns;
	if (taken)
		entry->arrival_ns = next_ns += interval_ns;
	*ret = (struct quota){
		.rate = rate,
		.remaining = taken ? (unsigned)((now_ns + burst_ns - next_ns) /
		    interval_ns) : 0,
		.reset_s = seconds_up(next_ns - now_ns),
		.retry_s = taken ? 0 :
		    seconds_up(next_ns + interval_ns - now_ns - burst_ns),
	};
	return taken;
}

bool
limits_take(struct limits *limits, const struct rate *rate, const char *who,
    uint64_t now_ns, struct quota *ret)
{
	char name[2048];
	int length = snprintf(name, sizeof(name), "%s %s", rate->name, who);
	struct set *set;
	uint64_t hash;
	bool taken;

	/* A subject has 255 characters at most, of 4 bytes. */
	if (length >= (int)sizeof(name))
		length = sizeof(name) - 1;
	hash = siphash(limits->head->key, name, (size_t)length);
	set = &limits->set[hash & (limits->head->sets - 1)];
	if (pthread_mutex_lock(&set->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&set->lock);
	taken = take(entry_for(set, hash, now_ns), rate, now_ns, ret);
	pthread_mutex_unlock(&set->lock);
	return taken;
}

/* ---- the stage ---- */

/* An address as one caller: of IPv6 the network, which one host has whole. */
static const char *
network_of(struct scope *sc, const char *address)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr six;

	if (address == NULL)
		return "";
	if (inet_pton(AF_INET6, address, &six) != 1 ||
	    IN6_IS_ADDR_V4MAPPED(&six))
		return address;
	memset(&six.s6_addr[8], 0, 8);
	if (inet_ntop(AF_INET6, &six, text, sizeof(text)) == NULL)
		return address;
	return arena_string(sc->arena, text);
}

static const char *
who_of(struct scope *sc, const struct caller *caller,
    const struct request *rq)
{
	const char *subject = caller_subject(caller);

	if (caller_is_anonymous(caller))
		return arena_format(sc->arena, "address %s",
		    network_of(sc, rq->remote_address));
	if (subject[0] == '\0')
		return arena_format(sc->arena, "role %s",
		    caller_role(caller));
	return arena_format(sc->arena, "subject %s", subject);
}

enum problem
limit_judge(struct limits *limits, struct scope *sc,
    const struct operation *operation, const struct caller *caller,
    const struct request *rq, struct quota *ret)
{
	if (limits == NULL || operation->rate == NULL)
		return PROBLEM_NONE;
	if (limits_take(limits, operation->rate, who_of(sc, caller, rq),
	    clock_now_ns(), ret))
		return PROBLEM_NONE;
	sc->retry_after_s = ret->retry_s;
	return scope_fail(sc, PROBLEM_RATE_LIMITED, "the rate \"%s\" is "
	    "used up", operation->rate->name);
}
