/* SPDX-License-Identifier: MIT */
/*
 * The shared file: a header, slots of gauges (one a process), and the table of
 * series.  A series is found by its 64 bit hash with linear probing; a slot is
 * claimed by putting the hash in (compare and swap) and is never given back,
 * so that no lock is needed.  Invariant: a slot's names are what its hash says,
 * even if its claimer died: whoever meets a claimed slot without names writes
 * them, and all write the same bytes.  All additions are relaxed: figures may
 * be a moment apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/metric.h"

enum {
	SERIES = 4096,		/* a power of two */
	PROCESSES = 512,
	GAUGE_ROOM = 15,	/* for gauges of later versions */
	BUCKETS = METRIC_BUCKETS,
	SPINS = 100,
	LAYOUT_VERSION = 1,
	STALE_S = 86400,	/* longest time that a gauge is told for */
};

static const char magic[8] = "lockstep";

enum kind { KIND_COUNTER = 1, KIND_HISTOGRAM, KIND_GAUGE };

static const char *const kind_name[] = { [KIND_COUNTER] = "counter",
	[KIND_HISTOGRAM] = "histogram", [KIND_GAUGE] = "gauge" };

struct process {
	_Atomic uint64_t who;	/* start time and pid; 0 = free */
	_Atomic int64_t gauges[GAUGE_ROOM];
};

struct series {
	_Atomic uint64_t hash;	/* 0 = free */
	_Atomic uint32_t ready;	/* the names stand */
	uint32_t kind;
	char family[64];
	char labels[160];
	/* A counter is cells[0]; a histogram's sum, in ns, is the last. */
	_Atomic uint64_t cells[BUCKETS + 1];
	char spare[16];		/* a whole number of cache lines */
};

struct head {
	char magic[8];		/* written last */
	uint32_t version;
	uint32_t series_count;
	uint32_t process_count;
	uint32_t series_bytes;
	_Atomic uint64_t dropped;	/* observations without a slot */
	char spare[32];
};

struct table {
	struct head head;
	struct process processes[PROCESSES];
	struct series series[SERIES];
};

_Static_assert(sizeof(struct series) % 64 == 0, "cache lines");
_Static_assert(sizeof(struct process) % 64 == 0, "cache lines");
_Static_assert((int)GAUGE_COUNT <= GAUGE_ROOM, "a slot holds the gauges");

static struct table *table;	/* NULL: no figures are kept */
static struct process *own;	/* NULL: no gauges are kept */
static uint64_t number;		/* of the file; 0 = none */

static const struct {
	uint64_t ns;
	const char *le;
} bounds[BUCKETS] = {
	{ 500000, "0.0005" },
	{ 1000000, "0.001" },
	{ 2500000, "0.0025" },
	{ 5000000, "0.005" },
	{ 10000000, "0.01" },
	{ 25000000, "0.025" },
	{ 50000000, "0.05" },
	{ 100000000, "0.1" },
	{ 250000000, "0.25" },
	{ 500000000, "0.5" },
	{ 1000000000, "1" },
	{ 2500000000, "2.5" },
	{ 5000000000, "5" },
	{ 10000000000, "10" },
	{ UINT64_MAX, "+Inf" },
};

static const struct {
	const char *family, *help;
} helps[] = {
	{ "lockstep_aggregate_lag_seconds",
	    "How old what an aggregate tells may be." },
	{ "lockstep_backpressure",
	    "Queues: 1 while what feeds it is turned away." },
	{ "lockstep_backpressure_rejected_total",
	    "Requests turned away since a queue is too far behind, by queue." },
	{ "lockstep_breaker_open_total",
	    "Times that a process stopped sending Postgres requests." },
	{ "lockstep_check_findings",
	    "Findings of the last look at the database, by level." },
	{ "lockstep_check_time_seconds",
	    "When the database was last looked at, in seconds since 1970." },
	{ "lockstep_checks_total", "Looks at the database, by result." },
	{ "lockstep_database_connects_total",
	    "Connections opened to Postgres." },
	{ "lockstep_database_failures_total",
	    "Connections to Postgres that failed or broke." },
	{ "lockstep_expectation_failed",
	    "Whether an expectation of the data was not met." },
	{ "lockstep_exports_failed",
	    "Exports that failed of late, by operation." },
	{ "lockstep_ingest_records_total",
	    "Records of requests with many, by operation and what became of "
	    "them." },
	{ "lockstep_expectation_checks_total",
	    "Looks at what is expected of the data, by what was found." },
	{ "lockstep_expectation_state",
	    "1 for the state that an expectation is in." },
	{ "lockstep_jobs_unknown",
	    "Unfinished jobs of kinds that the contract does not know." },
	{ "lockstep_queue_paused", "Is a queue paused?" },
	{ "lockstep_schedule_lag_seconds",
	    "How long the next run of a schedule is overdue." },
	{ "lockstep_schedule_ticks_total",
	    "Ticks of schedules, by what became of them." },
	{ "lockstep_rollup_lag_seconds",
	    "How old the oldest change was that was not folded." },
	{ "lockstep_rollup_unfolded", "Changes that are not folded." },
	{ "lockstep_rollup_folded_total", "Changes that were folded." },
	{ "lockstep_rollup_building",
	    "Is a rollup being filled, and its source read instead?" },
	{ "lockstep_rollup_mismatches",
	    "Buckets that differed from the source since it was rebuilt." },
	{ "lockstep_rollup_audited_total",
	    "Buckets that were held against the source." },
	{ "lockstep_rollup_audit_mismatches_total",
	    "Buckets that differed from the source when they were." },
	{ "lockstep_jobs_dead_new", "Jobs that died of late, by kind." },
	{ "lockstep_limit_forgotten_total",
	    "Quotas forgotten early, for want of room." },
	{ "lockstep_job_calls_total", "Times that workers were told of jobs." },
	{ "lockstep_job_duration_seconds", "Time of an attempt, by kind." },
	{ "lockstep_job_fenced_writes_total",
	    "Late writes about jobs, which changed nothing." },
	{ "lockstep_job_leases_expired_total",
	    "Jobs taken back from workers that were silent." },
	{ "lockstep_job_queue_time_seconds",
	    "Time that jobs waited before they were done, by kind." },
	{ "lockstep_job_oldest_available_age_seconds",
	    "How long the oldest available job has waited, by queue." },
	{ "lockstep_jobs", "Jobs that are not over, and dead ones, by queue." },
	{ "lockstep_jobs_dead", "Dead jobs, by kind." },
	{ "lockstep_jobs_total", "Attempts of jobs, by kind and outcome." },
	{ "lockstep_jwks_fetches_total",
		"Fetches of key sets, by result." },
	{ "lockstep_partition_ahead_seconds",
	    "How far the parts of a table reach from now, by table." },
	{ "lockstep_partition_failing",
	    "1 while parts of a table cannot be made or let go." },
	{ "lockstep_messages_failed",
	    "Deliveries of messages that were given up of late, by type." },
	{ "lockstep_monitor_state",
	    "What the monitor finds: 0 healthy, 1 unhealthy, 2 unknown." },
	{ "lockstep_monitor_time_seconds",
	    "When the monitor last looked, in seconds since 1970." },
	{ "lockstep_oldest_transaction_seconds",
	    "Age of the oldest transaction that keeps dead rows." },
	{ "lockstep_pipeline_conservation_error",
	    "Jobs that were accepted and are not there; must be 0." },
	{ "lockstep_pressure_failures_total",
	    "Looks at the queues that came to nothing." },
	{ "lockstep_problems_total", "Failures told to clients, by code." },
	{ "lockstep_rejected_total",
	    "Requests refused for want of capacity, by reason." },
	{ "lockstep_reloads_total", "Reloads of the contract, by result." },
	{ "lockstep_replication_lag_seconds",
	    "How far a replica is behind." },
	{ "lockstep_replica_misses_total",
	    "Reads that a replica could not answer and the primary did." },
	{ "lockstep_request_seconds",
	    "Time from a request's arrival to its reply." },
	{ "lockstep_requests_total", "Requests answered." },
	{ "lockstep_retries_total",
	    "Transactions that were run again after a conflict, by SQLSTATE." },
	{ "lockstep_service_breaker_state",
	    "Whether a service is called: 0 yes, 1 one job tries, 2 no." },
	{ "lockstep_service_breakers_opened_total",
	    "Times that a service was not called any more, by destination." },
	{ "lockstep_service_call_seconds",
	    "Time of a call of a service, by kind of job." },
	{ "lockstep_exports_total",
	    "Exports that ended, by operation and outcome." },
	{ "lockstep_export_rows_total",
	    "Rows that were written into files of exports." },
	{ "lockstep_export_bytes_total",
	    "Bytes that were written into files of exports." },
	{ "lockstep_service_calls_total",
	    "Calls of services by jobs, by kind and status or failure." },
	{ "lockstep_webhook_oldest_age_seconds",
	    "How long the oldest event of a source has waited." },
	{ "lockstep_webhooks_total",
	    "Events of webhooks, by source and what became of them." },
	{ "lockstep_worker_beat_time_seconds",
	    "When a worker last beat, in seconds since 1970." },
	{ "lockstep_worker_restarts_total",
	    "Worker processes started anew after they ended." },
};

static const struct {
	const char *family, *help;
} gauge_rows[GAUGE_COUNT] = {
	[GAUGE_THREADS] = { "lockstep_threads", "Worker threads." },
	[GAUGE_IN_FLIGHT] = { "lockstep_in_flight", "Requests being served." },
	[GAUGE_CONNECTIONS] = { "lockstep_connections",
	    "Open connections to Postgres." },
	[GAUGE_KEPT] = { "lockstep_kept", "Kept connections from nginx." },
	[GAUGE_QUEUED] = { "lockstep_queued",
	    "Requests waiting for a thread." },
	[GAUGE_BREAKERS_OPEN] = { "lockstep_breakers_open",
	    "Processes that send Postgres no requests, but for probes." },
	[GAUGE_EXPORTS] = { "lockstep_exports_running",
	    "Exports that are being written." },
	[GAUGE_STREAMS] = { "lockstep_streams_open",
	    "Requests that are told events as they come." },
};

/* ---- The file. */

enum state { STATE_OURS, STATE_EMPTY, STATE_OLD, STATE_FOREIGN };

/* What the file at fd is.  Whoever asks holds its lock. */
static enum state
state_of(int fd)
{
	static const char zero[sizeof(magic)];
	struct head head;
	ssize_t n = pread(fd, &head, sizeof(head), 0);
	struct stat st;

	if (n < 0 || fstat(fd, &st) < 0)
		return STATE_FOREIGN;
	if (n == 0)
		return STATE_EMPTY;
	if (n < (ssize_t)sizeof(head))
		return STATE_FOREIGN;
	/* Its maker died before the magic was written. */
	if (memcmp(head.magic, zero, sizeof(zero)) == 0)
		return st.st_size == sizeof(struct table) ? STATE_EMPTY :
		    STATE_FOREIGN;
	if (memcmp(head.magic, magic, sizeof(magic)) != 0)
		return STATE_FOREIGN;
	return head.version == LAYOUT_VERSION && head.series_count == SERIES &&
	    head.process_count == PROCESSES &&
	    head.series_bytes == sizeof(struct series) &&
	    st.st_size == sizeof(struct table) ? STATE_OURS : STATE_OLD;
}

static void
begin(struct table *t)
{
	t->head.version = LAYOUT_VERSION;
	t->head.series_count = SERIES;
	t->head.process_count = PROCESSES;
	t->head.series_bytes = sizeof(struct series);
	atomic_thread_fence(memory_order_release);
	memcpy(t->head.magic, magic, sizeof(magic));
}

/* Maps the locked file at fd, making it ready when it is empty. */
static struct table *
map(int fd, bool empty)
{
	struct table *t;

	/* Allocated for good: a full disk is an error here, not SIGBUS. */
	if (empty && (errno = posix_fallocate(fd, 0, sizeof(*t))) != 0)
		return NULL;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		return NULL;
	if (empty)
		begin(t);
	return t;
}

/* Is the file at fd still the one at path? */
static bool
is_current(int fd, const char *path)
{
	struct stat open_one, named_one;

	return fstat(fd, &open_one) == 0 && stat(path, &named_one) == 0 &&
	    open_one.st_ino == named_one.st_ino &&
	    open_one.st_dev == named_one.st_dev;
}

/*
 * Another version's file is unlinked and not changed: processes of that version
 * may have it mapped.  *ret_again: look at the path anew.
 */
static struct table *
map_locked(int fd, const char *path, bool *ret_again)
{
	*ret_again = true;
	if (!is_current(fd, path))
		return NULL;
	switch (state_of(fd)) {
	case STATE_OLD:
		*ret_again = unlink(path) == 0;
		return NULL;
	case STATE_FOREIGN:
		*ret_again = false;
		errno = EEXIST;
		return NULL;
	case STATE_OURS:
		*ret_again = false;
		return map(fd, false);
	case STATE_EMPTY:
		break;
	}
	*ret_again = false;
	return map(fd, true);
}

static struct table *
map_path(const char *path)
{
	bool again = true;
	struct table *t = NULL;

	while (t == NULL && again) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0600);
		int saved;

		if (fd < 0)
			return NULL;
		if (flock(fd, LOCK_EX) == 0)
			t = map_locked(fd, path, &again);
		else
			again = errno == EINTR;
		saved = errno;
		/* The mapping would keep the lock beyond close(). */
		flock(fd, LOCK_UN);
		close(fd);
		errno = saved;
	}
	return t;
}

static struct table *
map_anonymous(void)
{
	struct table *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED)
		return NULL;
	begin(t);
	return t;
}

bool
metric_open(const char *path)
{
	struct table *t = path == NULL ? map_anonymous() : map_path(path);
	struct stat st;

	if (t == NULL)
		return false;
	if (table != NULL)
		munmap(table, sizeof(*table));
	table = t;
	own = NULL;
	number = path != NULL && stat(path, &st) == 0 ? st.st_ino : 0;
	return true;
}

uint64_t
metric_number(void)
{
	return number;
}

/* ---- Series. */

/* FNV-1a over kind, family and labels; never 0. */
static uint64_t
hash_of(enum kind kind, const char *family, const char *labels)
{
	const uint64_t prime = 0x100000001b3U;
	uint64_t h = (0xcbf29ce484222325U ^ (uint64_t)kind) * prime;

	for (; *family != '\0'; family++)
		h = (h ^ (unsigned char)*family) * prime;
	h = (h ^ '{') * prime;
	for (; *labels != '\0'; labels++)
		h = (h ^ (unsigned char)*labels) * prime;
	return h == 0 ? 1 : h;
}

static void
name(struct series *s, enum kind kind, const char *family, const char *labels)
{
	s->kind = kind;
	memcpy(s->family, family, strlen(family) + 1);
	memcpy(s->labels, labels, strlen(labels) + 1);
	atomic_store_explicit(&s->ready, 1, memory_order_release);
}

/* Is this the slot's series?  Its hash is. */
static bool
is_series(struct series *s, enum kind kind, const char *family,
    const char *labels)
{
	for (unsigned i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(&s->ready, memory_order_acquire))
			return s->kind == kind &&
			    strcmp(s->family, family) == 0 &&
			    strcmp(s->labels, labels) == 0;
		sched_yield();
	}
	name(s, kind, family, labels);
	return true;
}

/* The slot of a series, claimed when it is new; NULL when there is no room. */
static struct series *
series_of(enum kind kind, const char *family, const char *labels)
{
	uint64_t hash = hash_of(kind, family, labels);

	if (strlen(family) >= sizeof(((struct series *)0)->family) ||
	    strlen(labels) >= sizeof(((struct series *)0)->labels))
		return NULL;
	for (unsigned i = 0; i < SERIES; i++) {
		struct series *s = &table->series[(hash + i) & (SERIES - 1)];
		uint64_t found = atomic_load_explicit(&s->hash,
		    memory_order_acquire);

		if (found == 0 &&
		    atomic_compare_exchange_strong(&s->hash, &found, hash)) {
			name(s, kind, family, labels);
			return s;
		}
		/* When another process was quicker, found is its hash. */
		if (found == hash && is_series(s, kind, family, labels))
			return s;
	}
	return NULL;
}

static void
count(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

void
metric_add(const char *family, const char *labels, uint64_t n)
{
	struct series *s;

	if (table == NULL)
		return;
	if ((s = series_of(KIND_COUNTER, family, labels)) != NULL)
		count(&s->cells[0], n);
	else
		count(&table->head.dropped, 1);
}

/* All processes of the machine have the same. */
static uint64_t
uptime_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

void
metric_set(const char *family, const char *labels, uint64_t n)
{
	metric_set_for(family, labels, n, 0);
}

void
metric_set_for(const char *family, const char *labels, uint64_t n,
    unsigned seconds)
{
	struct series *s;

	if (table == NULL)
		return;
	if ((s = series_of(KIND_GAUGE, family, labels)) != NULL) {
		atomic_store_explicit(&s->cells[0], n, memory_order_relaxed);
		atomic_store_explicit(&s->cells[1], seconds == 0 ? 0 :
		    uptime_s() + seconds, memory_order_relaxed);
	} else {
		count(&table->head.dropped, 1);
	}
}

void
metric_observe(const char *family, const char *labels, uint64_t ns)
{
	struct series *s;
	unsigned i = 0;

	if (table == NULL)
		return;
	if ((s = series_of(KIND_HISTOGRAM, family, labels)) == NULL) {
		count(&table->head.dropped, 1);
		return;
	}
	while (ns > bounds[i].ns)
		i++;
	count(&s->cells[i], 1);
	count(&s->cells[BUCKETS], ns);
}

void
metric_each(const char *family, void (*each)(void *context,
    const char *labels, const uint64_t *cells, size_t count), void *context)
{
	uint64_t cells[BUCKETS + 1];

	for (unsigned i = 0; table != NULL && i < SERIES; i++) {
		struct series *s = &table->series[i];
		size_t n;

		if (!atomic_load_explicit(&s->ready, memory_order_acquire) ||
		    strcmp(s->family, family) != 0 || s->kind == KIND_GAUGE)
			continue;
		n = s->kind == KIND_HISTOGRAM ? BUCKETS + 1 : 1;
		for (size_t j = 0; j < n; j++)
			cells[j] = atomic_load(&s->cells[j]);
		each(context, s->labels, cells, n);
	}
}

/* ---- Processes. */

/*
 * When a process started, in ticks since the machine did (field 22 of
 * /proc/PID/stat): pid and start together never come again.  0 when unknown.
 */
static uint64_t
started(uint64_t pid)
{
	char path[40], text[512], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The second field is a name in parentheses that may hold anything. */
	at = strrchr(text, ')');
	for (unsigned field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoull(at, NULL, 10);
}

enum { PID_BITS = 22 };	/* PID_MAX_LIMIT of Linux is 2^22 */

static uint64_t
who(uint64_t pid)
{
	return started(pid) << PID_BITS | pid;
}

static bool
is_alive(uint64_t one)
{
	uint64_t pid = one & ((1U << PID_BITS) - 1);

	if (one == 0 || (kill((pid_t)pid, 0) < 0 && errno == ESRCH))
		return false;
	return who(pid) == one;
}

void
metric_process(void)
{
	uint64_t self = who((uint64_t)getpid());

	own = NULL;
	if (table == NULL)
		return;
	for (unsigned i = 0; i < PROCESSES; i++) {
		struct process *p = &table->processes[i];
		uint64_t found = atomic_load(&p->who);

		if (found != self && is_alive(found))
			continue;
		if (!atomic_compare_exchange_strong(&p->who, &found, self))
			continue;
		for (unsigned g = 0; g < GAUGE_ROOM; g++)
			atomic_store(&p->gauges[g], 0);
		own = p;
		return;
	}
}

void
metric_gauge(enum gauge g, int64_t delta)
{
	if (own != NULL)
		atomic_fetch_add_explicit(&own->gauges[g], delta,
		    memory_order_relaxed);
}

/* ---- The text. */

static int
compare(const void *left, const void *right)
{
	const struct series *a = *(struct series *const *)left;
	const struct series *b = *(struct series *const *)right;
	int order = strcmp(a->family, b->family);

	if (order == 0)
		order = (a->kind > b->kind) - (a->kind < b->kind);
	return order != 0 ? order : strcmp(a->labels, b->labels);
}

static const char *
help_of(const char *family)
{
	for (unsigned i = 0; i < countof(helps); i++)
		if (strcmp(helps[i].family, family) == 0)
			return helps[i].help;
	return "A figure of this program.";
}

static void
write_head(struct buf *b, const char *family, const char *help,
    const char *type)
{
	buf_format(b, "# HELP %s %s\n# TYPE %s %s\n", family, help, family,
	    type);
}

static void
write_value(struct buf *b, const char *family, const char *labels, int64_t n)
{
	if (labels[0] == '\0')
		buf_format(b, "%s %lld\n", family, (long long)n);
	else
		buf_format(b, "%s{%s} %lld\n", family, labels, (long long)n);
}

static void
write_histogram(struct buf *b, struct series *s)
{
	const char *comma = s->labels[0] == '\0' ? "" : ",";
	const char *open = s->labels[0] == '\0' ? "" : "{";
	const char *close = s->labels[0] == '\0' ? "" : "}";
	unsigned long long sum = atomic_load(&s->cells[BUCKETS]), total = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		total += atomic_load(&s->cells[i]);
		buf_format(b, "%s_bucket{%s%sle=\"%s\"} %llu\n", s->family,
		    s->labels, comma, bounds[i].le, total);
	}
	buf_format(b, "%s_sum%s%s%s %llu.%09llu\n", s->family, open, s->labels,
	    close, sum / 1000000000, sum % 1000000000);
	buf_format(b, "%s_count%s%s%s %llu\n", s->family, open, s->labels,
	    close, total);
}

/*
 * Is it a gauge that nobody has renewed?  The file may be older than the
 * machine is up: then what it says is a time that is far away.
 */
static bool
is_stale(struct series *s)
{
	uint64_t until = atomic_load(&s->cells[1]), now = uptime_s();

	return s->kind == KIND_GAUGE && until != 0 &&
	    (until < now || until > now + STALE_S);
}

static void
write_series(struct buf *b)
{
	struct series *all[SERIES];
	unsigned n = 0;

	for (unsigned i = 0; i < SERIES; i++)
		if (atomic_load_explicit(&table->series[i].ready,
		    memory_order_acquire) && !is_stale(&table->series[i]))
			all[n++] = &table->series[i];
	qsort(all, n, sizeof(all[0]), compare);
	for (unsigned i = 0; i < n; i++) {
		uint32_t kind = all[i]->kind;

		/* Of a later version: it shares the file. */
		if (kind >= countof(kind_name))
			continue;
		if (i == 0 || strcmp(all[i]->family, all[i - 1]->family) != 0)
			write_head(b, all[i]->family, help_of(all[i]->family),
			    kind_name[kind]);
		if (kind != KIND_HISTOGRAM)
			write_value(b, all[i]->family, all[i]->labels,
			    (int64_t)atomic_load(&all[i]->cells[0]));
		else
			write_histogram(b, all[i]);
	}
}

static void
write_gauges(struct buf *b)
{
	int64_t sums[GAUGE_COUNT] = { 0 };
	int64_t alive = 0;

	for (unsigned i = 0; i < PROCESSES; i++) {
		struct process *p = &table->processes[i];

		if (!is_alive(atomic_load(&p->who)))
			continue;
		alive++;
		for (unsigned g = 0; g < GAUGE_COUNT; g++)
			sums[g] += atomic_load(&p->gauges[g]);
	}
	for (unsigned g = 0; g < GAUGE_COUNT; g++) {
		write_head(b, gauge_rows[g].family, gauge_rows[g].help,
		    "gauge");
		write_value(b, gauge_rows[g].family, "", sums[g]);
	}
	write_head(b, "lockstep_processes", "Processes that are alive.",
	    "gauge");
	write_value(b, "lockstep_processes", "", alive);
}

void
metric_write(struct buf *b)
{
	if (table == NULL)
		return;
	write_series(b);
	write_gauges(b);
	write_head(b, "lockstep_metric_dropped_total",
	    "Observations dropped since the table of series was full.",
	    "counter");
	write_value(b, "lockstep_metric_dropped_total", "",
	    (int64_t)atomic_load(&table->head.dropped));
}
